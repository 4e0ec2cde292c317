/* Signals: sent, caught, ignored, blocked. */
#include "stimulus.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} names[] = {{"SIGUSR1", SIGUSR1}, {"SIGUSR2", SIGUSR2}, {"SIGTERM", SIGTERM}, {"SIGHUP", SIGHUP}, {"SIGWINCH", SIGWINCH}, {"SIGALRM", SIGALRM}};
#define SIGNALS "SIGUSR1 SIGUSR2 SIGTERM SIGHUP SIGWINCH SIGALRM"

static int which_signal(struct stim *s)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (stim_is(s, "signal", names[i].name))
			return names[i].number;
	stim_fail(s, "no such signal");
}

static volatile sig_atomic_t n_caught;

static void on_signal(int signo)
{
	n_caught++;
}

static void signal_self(struct stim *s, void *ignored)
{
	long n = stim_number(s, "count"), pid = getpid();
	int signo = which_signal(s);
	struct sigaction action = {.sa_handler = ignored ? SIG_IGN : on_signal};

	sigaction(signo, &action, NULL);
	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, syscall(SYS_kill, pid, signo), "kill");
	stim_end(s);
	if (!ignored && n_caught != n)
		stim_fail(s, "%ld signals sent, %ld caught", n, (long)n_caught);
}

static void tell_signals(struct stim *s, long sent, long delivered, pid_t target)
{
	stim_tell(s, "signal.count", sent);
	stim_tell(s, "signal.delivered", delivered);
	stim_tell(s, "signal.number", which_signal(s));
	stim_tell_text(s, "signal.name", stim_text(s, "signal"));
	stim_tell(s, "signal.target_pid", target);
}

static void run_signal(struct stim *s)
{
	stim_act(s, signal_self, NULL);
	tell_signals(s, stim_number(s, "count"), stim_number(s, "count"), s->actor);
}

static void run_ignored(struct stim *s)
{
	stim_act(s, signal_self, s);
	tell_signals(s, stim_number(s, "count"), 0, s->actor);
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

/* A child that waits until it is killed, and is called otherwise, so that sender and target can be told apart. */
static void kill_child(struct stim *s, void *data)
{
	int signo = which_signal(s), status, ready[2];
	pid_t child;
	char c;

	stim_must(s, pipe(ready), "pipe");
	child = (pid_t)stim_must(s, fork(), "fork");
	if (!child) {
		signal(signo, SIG_DFL);
		prctl(PR_SET_NAME, "kgstim-target");
		if (write(ready[1], "r", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	stim_must(s, read(ready[0], &c, 1), "read");
	s->ids[0] = child;
	stim_begin(s);
	stim_must(s, syscall(SYS_kill, child, signo), "kill");
	stim_must(s, syscall(SYS_wait4, child, &status, 0, NULL), "wait4");
	stim_end(s);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != signo)
		stim_fail(s, "the child ended with status %#x", status);
}

static void run_kill(struct stim *s)
{
	if (which_signal(s) == SIGWINCH)
		stim_cannot(s, "SIGWINCH kills nobody");
	stim_act(s, kill_child, NULL);
	tell_signals(s, 1, 1, s->ids[0]);
	stim_tell_text(s, "signal.target_comm", "kgstim-target");
	stim_tell(s, "syscalls", 3);
}

static const struct stim_option options[] = {
	{"count", "N", "50", "how many", 0, 100000, NULL}, {"signal", "NAME", "SIGUSR1", "which one", 0, 0, SIGNALS}, {NULL}};
static const struct stim_option kill_options[] = {{"signal", "NAME", "SIGTERM", "which one", 0, 0, SIGNALS}, {NULL}};

#define TELLS "signal.count signal.delivered signal.number signal.name signal.target_pid"
const struct stimulus stim_signals[] = {
	{"signal", "send a signal to itself and catch it", run_signal, options, TELLS, NULL},
	{"signal-ignored", "send a signal to itself that it ignores", run_ignored, options, TELLS " syscalls", NULL},
	{"kill", "kill a child called kgstim-target with a signal", run_kill, kill_options, TELLS " signal.target_comm syscalls", NULL},
	{NULL},
};
