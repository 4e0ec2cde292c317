/* The actor and its window, children, and the ends of a run: see stimulus.h. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---------------------------------------------------------------- ends */

_Noreturn void stim_finish(struct stim *s)
{
	if (getpid() != s->main)
		_exit(s->outcome);
	if (s->actor > 0)
		kill(-s->actor, SIGKILL);
	stim_janitor_end();
	stim_print(s);
	exit(fflush(stdout) ? STIM_FAILED : s->outcome);
}

/* The first reason is the cause. */
static void set_outcome(struct stim *s, int outcome, const char *format, va_list args)
{
	if (s->outcome != STIM_DONE)
		return;
	vsnprintf(s->why, sizeof(s->why), format, args);
	s->outcome = outcome;
}

_Noreturn void stim_fail(struct stim *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_outcome(s, STIM_FAILED, format, args);
	va_end(args);
	stim_finish(s);
}

_Noreturn void stim_cannot(struct stim *s, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set_outcome(s, STIM_CANNOT, format, args);
	va_end(args);
	stim_finish(s);
}

/* Errors that tell of the machine and not of the run. */
static bool is_environment(int error)
{
	static const int errors[] = {EPERM, EACCES, ENOSYS, EOPNOTSUPP, ENODEV, ENXIO, EAFNOSUPPORT, EPROTONOSUPPORT, EADDRNOTAVAIL, ENOSPC,
				     EROFS, EMFILE, ENFILE, ENOMEM, EPFNOSUPPORT};

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (errors[i] == error)
			return true;
	return false;
}

long stim_must(struct stim *s, long ret, const char *what)
{
	int error = errno;

	if (ret >= 0)
		return ret;
	if (is_environment(error))
		stim_cannot(s, "%s: %s", what, strerror(error));
	stim_fail(s, "%s: %s", what, strerror(error));
}

void stim_must_fail(struct stim *s, long ret, int error, const char *what)
{
	if (ret >= 0)
		stim_fail(s, "%s succeeded and should have failed with %s", what, strerrorname_np(error));
	if (errno != error)
		stim_fail(s, "%s failed with %s and not with %s", what, strerror(errno), strerrorname_np(error));
}

void *stim_memory(struct stim *s, size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (!memory)
		stim_cannot(s, "%zu bytes of memory: %s", size, strerror(ENOMEM));
	return memory;
}

/* ---------------------------------------------------------------- the window */

void stim_begin(struct stim *s)
{
	getrusage(RUSAGE_THREAD, &s->begin);
	clock_gettime(CLOCK_MONOTONIC, &s->t_begin);
	syscall(SYS_prctl, PR_SET_NAME, s->comm, 0, 0, 0);
}

void stim_end(struct stim *s)
{
	syscall(SYS_prctl, PR_SET_NAME, "kgstim-rest", 0, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &s->t_end);
	getrusage(RUSAGE_THREAD, &s->end);
}

static long long ns(struct timespec t)
{
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu_ns(const struct rusage *r)
{
	return (r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000000LL + (r->ru_utime.tv_usec + r->ru_stime.tv_usec) * 1000LL;
}

/* Who it was, and what the kernel itself has counted for this thread, in and a few microseconds around the window. */
static void tell_actor(struct stim *s)
{
	static const char *const names[] = {"comm", "pid", "tid", "ppid", "uid", "gid", "elapsed_ns", "usage.switches", "usage.minor_faults",
					    "usage.major_faults", "usage.cpu_ns"};
	const struct rusage *a = &s->begin, *b = &s->end;
	long long values[] = {0, s->actor, s->actor, s->main, s->uid >= 0 ? s->uid : (long)getuid(),
			      s->uid >= 0 ? s->uid : (long)getgid(), ns(s->t_end) - ns(s->t_begin),
			      b->ru_nvcsw + b->ru_nivcsw - a->ru_nvcsw - a->ru_nivcsw, b->ru_minflt - a->ru_minflt, b->ru_majflt - a->ru_majflt,
			      cpu_ns(b) - cpu_ns(a)};

	stim_tell_text(s, names[0], s->comm);
	for (size_t i = 1; i < sizeof(values) / sizeof(*values); i++)
		stim_tell(s, names[i], values[i]);
}

static void pin(struct stim *s)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(s->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		stim_cannot(s, "there is no CPU %d for us: %s", s->cpu, strerror(errno));
}

static _Noreturn void be_actor(struct stim *s, void (*fn)(struct stim *s, void *data), void *data)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	s->actor = getpid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (s->cpu >= 0)
		pin(s);
	if (s->uid >= 0 && (setresgid(s->uid, s->uid, s->uid) || setresuid(s->uid, s->uid, s->uid)))
		stim_cannot(s, "can't become user %ld: %s", s->uid, strerror(errno));
	/* so that the window has no page faults of our own; where locking is not allowed it has a few */
	mlockall(MCL_CURRENT);
	clock_gettime(CLOCK_MONOTONIC, &s->t_end);
	getrusage(RUSAGE_THREAD, &s->end);
	fn(s, data);
	_exit(0);
}

/* ---------------------------------------------------------------- children */

static void ended(struct stim *s, int signo)
{
	if (s->outcome == STIM_DONE) {
		snprintf(s->why, sizeof(s->why), "it was ended by %s", strsignal(signo));
		s->outcome = 128 + signo;
	}
	stim_finish(s);
}

int stim_wait(struct stim *s, pid_t pid)
{
	time_t until = time(NULL) + s->timeout_s;
	struct timespec second = {.tv_sec = 1};
	int status, signo;
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0, wanted[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP}; i < 4; i++)
		sigaddset(&set, wanted[i]);
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			return status;
		if (got < 0 && errno != EINTR)
			stim_fail(s, "wait: %s", strerror(errno));
		signo = sigtimedwait(&set, NULL, &second);
		if (signo > 0 && signo != SIGCHLD)
			ended(s, signo);
		if (time(NULL) > until)
			stim_fail(s, "it took longer than %d s (--timeout)", s->timeout_s);
	}
}

void stim_act(struct stim *s, void (*fn)(struct stim *s, void *data), void *data)
{
	pid_t pid;
	int status;

	fflush(NULL);
	pid = (pid_t)stim_must(s, fork(), "fork");
	if (!pid)
		be_actor(s, fn, data);
	setpgid(pid, pid);
	s->actor = pid;
	status = stim_wait(s, pid);
	kill(-pid, SIGKILL); /* whoever it has left behind */
	if (s->outcome != STIM_DONE)
		stim_finish(s);
	if (WIFSIGNALED(status))
		stim_fail(s, "it was killed by %s", strsignal(WTERMSIG(status)));
	if (status)
		stim_fail(s, "it ended with exit code %d", WEXITSTATUS(status));
	if (!s->n_facts || strcmp(s->facts[0].name, "comm"))
		tell_actor(s);
}

int stim_run_program(struct stim *s, const char *const *argv)
{
	int status;
	pid_t pid = (pid_t)stim_must(s, fork(), "fork");

	if (!pid) {
		int null = open("/dev/null", O_RDWR);
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < 3; i++)
			dup2(null, i);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	status = stim_wait(s, pid);
	return !WIFEXITED(status) || WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

pid_t stim_bare_fork(struct stim *s)
{
	return (pid_t)stim_must(s, syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), "clone");
}

/* ---------------------------------------------------------------- files */

const char *stim_path(struct stim *s, const char *format, ...)
{
	static char paths[4][512];
	static int turn;
	char name[200];
	va_list args;

	if (!s->tmp[0]) {
		if (snprintf(s->tmp, sizeof(s->tmp), "%s/kgstim.%d", s->dir, (int)s->main) >= 200)
			stim_fail(s, "--dir is too long");
		stim_later(s, STIM_CLEAN_TREE, s->tmp);
		if (mkdir(s->tmp, 0755) < 0)
			stim_cannot(s, "can't make a directory in %s: %s", s->dir, strerror(errno));
		if (s->uid >= 0 && chown(s->tmp, (uid_t)s->uid, (gid_t)s->uid) < 0)
			stim_cannot(s, "can't give %s to user %ld: %s", s->tmp, s->uid, strerror(errno));
	}
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	turn = (turn + 1) % 4;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", s->tmp, name);
	return paths[turn];
}

int stim_file(struct stim *s, const char *path, long long bytes)
{
	char chunk[65536];
	int fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);

	stim_must(s, fd, path);
	memset(chunk, 'k', sizeof(chunk));
	for (long long left = bytes; left > 0;) {
		ssize_t n = write(fd, chunk, left < (long long)sizeof(chunk) ? (size_t)left : sizeof(chunk));
		stim_must(s, n, path);
		left -= n;
	}
	fsync(fd);
	if (s->uid >= 0)
		stim_must(s, fchown(fd, (uid_t)s->uid, (gid_t)s->uid), path);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int stim_write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	int error = errno;

	if (fd >= 0)
		close(fd);
	errno = error;
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

long stim_read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (n >= 0)
		text[n] = '\0';
	return n;
}
