/* Processes and threads: made, executed, named, ended. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the children are to do. Their ids get from the actor to main by s->ids. */
struct children {
	long n;
	int signal; /* that they end themselves with; 0: they exit with code */
	long code;
};

static void note_child(struct stim *s, long i, pid_t pid)
{
	if (i < STIM_MAX_LISTED)
		s->ids[i] = pid;
}

static void tell_children(struct stim *s, long n)
{
	for (long i = 0; i < n && i < STIM_MAX_LISTED; i++)
		stim_tell_at(s, "children", i, "pid", s->ids[i]);
}

static void wait_for(struct stim *s, pid_t pid, int want_signal, long want_code)
{
	int status = 0;

	stim_must(s, syscall(SYS_wait4, pid, &status, 0, NULL), "wait4");
	if (want_signal ? !WIFSIGNALED(status) || WTERMSIG(status) != want_signal : !WIFEXITED(status) || WEXITSTATUS(status) != want_code)
		stim_fail(s, "a child ended with status %#x", status);
}

static void make_children(struct stim *s, void *data)
{
	struct children *c = data;

	stim_begin(s);
	for (long i = 0; i < c->n; i++) {
		pid_t pid = stim_bare_fork(s);
		if (!pid && c->signal)
			syscall(SYS_kill, syscall(SYS_getpid), c->signal);
		if (!pid)
			syscall(SYS_exit_group, c->code);
		note_child(s, i, pid);
		wait_for(s, pid, c->signal, c->code);
	}
	stim_end(s);
}

static void run_fork(struct stim *s)
{
	struct children c = {.n = stim_number(s, "count"), .code = stim_number(s, "code")};

	stim_act(s, make_children, &c);
	stim_tell(s, "fork.count", c.n);
	stim_tell(s, "exit.count", c.n);
	stim_tell(s, "exit.code", c.code);
	stim_tell(s, "syscalls", 2 * c.n + 1);
	tell_children(s, c.n);
}

static const struct {
	const char *name;
	int number;
} deadly[] = {{"SIGKILL", SIGKILL}, {"SIGTERM", SIGTERM}, {"SIGUSR1", SIGUSR1}, {"SIGALRM", SIGALRM}, {"SIGINT", SIGINT}};

static void run_die(struct stim *s)
{
	struct children c = {.n = stim_number(s, "count")};

	for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
		if (stim_is(s, "signal", deadly[i].name))
			c.signal = deadly[i].number;
	stim_act(s, make_children, &c);
	stim_tell(s, "fork.count", c.n);
	stim_tell(s, "exit.count", c.n);
	stim_tell(s, "exit.signal", c.signal);
	stim_tell_text(s, "exit.signal_name", stim_text(s, "signal"));
	tell_children(s, c.n);
}

/* ---------------------------------------------------------------- exec */

/* The kernel names a process after the path that was given, links or not: a link called like --comm, to this very program. */
static void exec_children(struct stim *s, void *path)
{
	char *argv[] = {path, (char *)"--help", NULL}, *envp[] = {NULL};
	long n = stim_number(s, "count");
	int null = (int)stim_must(s, open("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null");

	dup2(null, STDOUT_FILENO);
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		pid_t pid = stim_bare_fork(s);
		if (!pid) {
			syscall(SYS_execve, path, argv, envp);
			syscall(SYS_exit_group, 111);
		}
		note_child(s, i, pid);
		wait_for(s, pid, 0, 0);
	}
	stim_end(s);
}

static void run_exec(struct stim *s)
{
	long n = stim_number(s, "count");
	char path[512];

	if (!s->self[0])
		stim_cannot(s, "/proc is not mounted");
	snprintf(path, sizeof(path), "%s", stim_path(s, "%s", s->comm));
	stim_must(s, symlink(s->self, path), path);
	stim_act(s, exec_children, path);
	stim_tell(s, "exec.count", n);
	stim_tell_text(s, "exec.path", path);
	stim_tell_text(s, "exec.argument", "--help");
	stim_tell(s, "fork.count", n);
	stim_tell(s, "exit.count", n);
	stim_tell(s, "exit.code", 0);
	tell_children(s, n);
}

static void exec_missing(struct stim *s, void *path)
{
	char *argv[] = {path, NULL}, *envp[] = {NULL};
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must_fail(s, syscall(SYS_execve, path, argv, envp), ENOENT, "execve");
	stim_end(s);
}

static void run_exec_missing(struct stim *s)
{
	static char path[] = "/kgstim-missing/program";

	stim_act(s, exec_missing, path);
	stim_tell(s, "execve.count", stim_number(s, "count"));
	stim_tell_text(s, "execve.path", path);
	stim_tell_text(s, "execve.error", "ENOENT");
	stim_tell(s, "execve.errno", ENOENT);
	stim_tell(s, "exec.count", 0);
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

/* ---------------------------------------------------------------- threads */

static void *thread(void *data)
{
	*(pid_t *)data = (pid_t)syscall(SYS_gettid);
	return NULL;
}

static void make_threads(struct stim *s, void *data)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		pthread_t id;
		errno = pthread_create(&id, NULL, thread, &s->ids[i % STIM_MAX_LISTED]);
		if (errno)
			stim_cannot(s, "pthread_create: %s", strerror(errno));
		pthread_join(id, NULL);
	}
	stim_end(s);
}

static void run_threads(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, make_threads, NULL);
	stim_tell(s, "threads.count", n);
	stim_tell(s, "fork.count", 0);
	for (long i = 0; i < n && n <= STIM_MAX_LISTED; i++)
		stim_tell_at(s, "thread", i, "tid", s->ids[i]);
}

/* ---------------------------------------------------------------- names, priorities */

static void rename_process(struct stim *s, void *data)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, syscall(SYS_prctl, PR_SET_NAME, s->comm, 0, 0, 0), "prctl");
	stim_end(s);
}

static void run_rename(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, rename_process, NULL);
	stim_tell(s, "prctl.count", n + 1); /* the one that ends the window begins in it */
	stim_tell_text(s, "prctl.name", s->comm);
	stim_tell(s, "syscalls", n + 1);
}

static void renice(struct stim *s, void *data)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 1; i <= n; i++)
		stim_must(s, syscall(SYS_setpriority, 0, 0, 1 + i % 2), "setpriority");
	stim_end(s);
}

static void run_nice(struct stim *s)
{
	stim_act(s, renice, NULL);
	stim_tell(s, "setpriority.count", stim_number(s, "count"));
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

static void set_ids(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), to = stim_number(s, "to");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, syscall(SYS_setuid, to), "setuid");
	stim_end(s);
}

static void run_setuid(struct stim *s)
{
	stim_act(s, set_ids, NULL);
	stim_tell(s, "setuid.count", stim_number(s, "count"));
	stim_tell(s, "setuid.to", stim_number(s, "to"));
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

#define COUNT(n) {"count", "N", n, "how many", 0, 100000, NULL}
static const struct stim_option fork_options[] = {COUNT("20"), {"code", "N", "7", "their exit code", 0, 255, NULL}, {NULL}};
static const struct stim_option die_options[] = {
	COUNT("10"), {"signal", "NAME", "SIGTERM", "what they die of", 0, 0, "SIGKILL SIGTERM SIGUSR1 SIGALRM SIGINT"}, {NULL}};
static const struct stim_option count_options[] = {COUNT("20"), {NULL}};
static const struct stim_option setuid_options[] = {COUNT("1"), {"to", "UID", "65534", "the new user", 0, 4294967294, NULL}, {NULL}};

const struct stimulus stim_processes[] = {
	{"fork", "make children that exit with a known code at once", run_fork, fork_options,
	 "fork.count exit.count exit.code syscalls children.N.pid", NULL},
	{"die", "make children that end themselves with a signal", run_die, die_options,
	 "fork.count exit.count exit.signal exit.signal_name children.N.pid", NULL},
	{"exec", "make children that execute a program called like --comm", run_exec, count_options,
	 "exec.count exec.path exec.argument fork.count exit.count exit.code children.N.pid", NULL},
	{"exec-missing", "execute a program that is not there", run_exec_missing, count_options,
	 "execve.count execve.path execve.error execve.errno exec.count syscalls", NULL},
	{"threads", "make threads that end at once, one after the other", run_threads, count_options, "threads.count fork.count thread.N.tid", NULL},
	{"process-rename", "set the name of the process, to what it is", run_rename, count_options, "prctl.count prctl.name syscalls", NULL},
	{"nice", "set the priority of the process", run_nice, count_options, "setpriority.count syscalls", NULL},
	{"setuid", "become another user", run_setuid, setuid_options, "setuid.count setuid.to syscalls", "to be root"},
	{NULL},
};
