/*
 * The first process of a sandbox's guest: brings the system up, opens the port to the host, and does what it is asked to.
 *
 * It runs before everything else (SCHED_FIFO) and can't be chosen when memory is short, so that it answers whatever programs do. When the
 * host's end of the port closes, the machine is switched off.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern unsigned n_modules;

static void stand_above(void)
{
	struct sched_param first = {.sched_priority = 10};

	sched_setscheduler(0, SCHED_FIFO, &first);
	mlockall(MCL_CURRENT);
	write_text("/proc/self/oom_score_adj", "-1000\n");
}

static int child_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void serve(int port, int children)
{
	struct pollfd fds[2 + 2 * KG_GUEST_COMMANDS];
	struct signalfd_siginfo si;

	for (;;) {
		fds[0] = (struct pollfd){.fd = port, .events = (short)(POLLIN | (port_wants_write() ? POLLOUT : 0))};
		fds[1] = (struct pollfd){.fd = children, .events = POLLIN};
		size_t n = 2 + command_poll_fds(fds + 2);

		if (poll(fds, n, command_patience_ms()) < 0 && errno != EINTR)
			power_off("poll failed");
		while (read(children, &si, sizeof(si)) > 0)
			;
		if (fds[0].revents & (POLLIN | POLLHUP))
			port_read(port);
		command_work();
		port_flush(port);
	}
}

int main(void)
{
	if (getpid() != 1)
		return 1;
	boot_mount();
	n_modules = boot_modules();
	boot_network();
	stand_above();
	int children = child_signals(), port = boot_port();

	if (port < 0)
		power_off("there is no port to the host: virtio_console is missing");
	serve(port, children);
}
