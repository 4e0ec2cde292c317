/*
 * The child process that proves: bounded in memory, so that a solver that dies takes nobody along, and interruptible.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS 100
#define MEMORY_MIB 2048 /* unless the caller says */

/* ---------------------------------------------------------------- in the child */

static volatile int child_stop;

/*
 * In the child SIGINT is blocked but for this thread: the solver may be interrupted from a thread, not from a signal handler. Again and again, since it
 * may have been between two questions.
 */
static gpointer wait_for_stop(gpointer signals)
{
	int number;

	while (sigwait(signals, &number) != 0)
		;
	child_stop = 1;
	for (;;) {
		kg_symex_interrupt();
		g_usleep(50000);
	}
	return NULL;
}

static void take_signals(void)
{
	static sigset_t signals;

	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT); /* blocked since before the fork */
	g_thread_unref(g_thread_new("stop", wait_for_stop, &signals));
}

static gboolean write_all(int to, const char *text)
{
	gsize n = strlen(text), at = 0;

	while (at < n) {
		ssize_t k = write(to, text + at, n - at);
		if (k < 0 && errno != EINTR)
			return FALSE;
		at += k > 0 ? (gsize)k : 0;
	}
	return TRUE;
}

static G_GNUC_NORETURN void be_child(int to, child_fn make, void *user, const struct kg_prove_opts *opts)
{
	guint mib = opts->bounds.max_memory_mib ? opts->bounds.max_memory_mib : MEMORY_MIB;
	struct rlimit limit = {(rlim_t)mib << 20, (rlim_t)mib << 20}, no_core = {0, 0};
	struct kg_prove_opts own = *opts;

	setpgid(0, 0); /* what a terminal sends to all processes reaches this one through its parent */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef __SANITIZE_ADDRESS__ /* which reserves addresses by the terabyte */
	setrlimit(RLIMIT_AS, &limit);
#endif
	setrlimit(RLIMIT_CORE, &no_core);
	take_signals();
	own.bounds.stop = &child_stop;
	_exit(write_all(to, make(user, &own)) ? 0 : 1);
}

/* ---------------------------------------------------------------- its parent */

/* All that the child writes; what asks to stop is handed on to it: first in order, then at once. */
static GString *read_all(int fd, pid_t child, const struct kg_prove_opts *opts)
{
	GString *text = g_string_new(NULL);
	char buffer[65536];
	int told = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int stop = opts->bounds.stop ? *opts->bounds.stop : 0;
		ssize_t n;

		if (stop > told) {
			kill(child, stop > 1 ? SIGKILL : SIGINT);
			told = stop;
		}
		if (poll(&p, 1, POLL_MS) <= 0)
			continue; /* a signal, or nothing yet */
		n = read(fd, buffer, sizeof(buffer));
		if (n > 0)
			g_string_append_len(text, buffer, n);
		else if (n == 0 || errno != EINTR)
			return text;
	}
}

int child_run(child_fn make, void *user, const struct kg_prove_opts *opts, GString **ret, int *ret_status, struct kg_error *err)
{
	sigset_t interrupt, before;
	int fds[2], saved;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "no pipe for the proof: %s", g_strerror(errno));
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	pthread_sigmask(SIG_BLOCK, &interrupt, &before);
	pid = fork();
	saved = errno;
	if (pid != 0)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid == 0) {
		close(fds[0]);
		be_child(fds[1], make, user, opts);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return kg_error_set(err, KG_E_IO, STAGE, "no process for the proof: %s", g_strerror(saved));
	}
	if (opts->is_proving)
		*opts->is_proving = 1;
	*ret = read_all(fds[0], pid, opts);
	close(fds[0]);
	while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
		;
	if (opts->is_proving)
		*opts->is_proving = 0;
	return 0;
}

char *child_why(int status)
{
	return WIFSIGNALED(status) ? g_strdup_printf("the proof ended with signal %d (%s)", WTERMSIG(status), g_strsignal(WTERMSIG(status)))
				   : g_strdup_printf("the proof ended with code %d", WEXITSTATUS(status));
}
