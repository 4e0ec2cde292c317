/* System calls that succeed, and system calls that fail with a named error. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Calls that take no argument, succeed always, and do nothing else. */
static const struct {
	const char *name;
	long number;
} plain[] = {
	{"getpid", SYS_getpid}, {"getppid", SYS_getppid}, {"gettid", SYS_gettid}, {"getuid", SYS_getuid}, {"geteuid", SYS_geteuid},
	{"getgid", SYS_getgid}, {"getegid", SYS_getegid}, {"sched_yield", SYS_sched_yield}, {"sync", SYS_sync},
};

static long plain_number(struct stim *s)
{
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (stim_is(s, "name", plain[i].name))
			return plain[i].number;
	stim_fail(s, "no such call");
}

static void call_plain(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), number = plain_number(s);

	stim_begin(s);
	for (long i = 0; i < n; i++)
		syscall(number);
	stim_end(s);
}

static void run_syscall(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, call_plain, NULL);
	stim_tell_text(s, "call.name", stim_text(s, "name"));
	stim_tell(s, "call.number", plain_number(s));
	stim_tell(s, "call.count", n);
	stim_tell(s, "syscalls", n + 1);
}

/* One way to have each error, on every machine and for every user. */
struct fds {
	int pipe[2], empty[2], broken, file;
};

static long enoent(const struct fds *f) { return syscall(SYS_openat, AT_FDCWD, "/kgstim-missing/file", O_RDONLY, 0); }
static long ebadf(const struct fds *f) { return syscall(SYS_read, -1, f, 1); }
static long einval(const struct fds *f) { return syscall(SYS_lseek, f->file, 0, 99); }
static long efault(const struct fds *f) { return syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY, 0); }
static long eexist(const struct fds *f) { return syscall(SYS_mkdirat, AT_FDCWD, "/", 0700); }
static long enotdir(const struct fds *f) { return syscall(SYS_openat, AT_FDCWD, "/proc/self/stat/x", O_RDONLY, 0); }
static long eisdir(const struct fds *f) { return syscall(SYS_openat, AT_FDCWD, "/", O_WRONLY, 0); }
static long eagain(const struct fds *f) { char c; return syscall(SYS_read, f->empty[0], &c, 1); }
static long esrch(const struct fds *f) { return syscall(SYS_kill, 0x3fffffff, 0); }
static long enotty(const struct fds *f) { return syscall(SYS_ioctl, f->pipe[0], 0x5401 /* TCGETS */, NULL); }
static long espipe(const struct fds *f) { return syscall(SYS_lseek, f->pipe[0], 0, SEEK_SET); }
static long echild(const struct fds *f) { return syscall(SYS_wait4, -1, NULL, 0, NULL); }
static long epipe(const struct fds *f) { return syscall(SYS_write, f->broken, "x", 1); }
static long enosys(const struct fds *f) { return syscall(1000000); }
static long enotsock(const struct fds *f) { return syscall(SYS_getsockname, f->pipe[0], NULL, NULL); }

static const struct {
	const char *name;
	int error;
	long (*call)(const struct fds *f);
	const char *syscall;
	long number;
} failures[] = {
	{"ENOENT", ENOENT, enoent, "openat", SYS_openat}, {"EBADF", EBADF, ebadf, "read", SYS_read}, {"EINVAL", EINVAL, einval, "lseek", SYS_lseek},
	{"EFAULT", EFAULT, efault, "openat", SYS_openat}, {"EEXIST", EEXIST, eexist, "mkdirat", SYS_mkdirat},
	{"ENOTDIR", ENOTDIR, enotdir, "openat", SYS_openat}, {"EISDIR", EISDIR, eisdir, "openat", SYS_openat},
	{"EAGAIN", EAGAIN, eagain, "read", SYS_read}, {"ESRCH", ESRCH, esrch, "kill", SYS_kill}, {"ENOTTY", ENOTTY, enotty, "ioctl", SYS_ioctl},
	{"ESPIPE", ESPIPE, espipe, "lseek", SYS_lseek}, {"ECHILD", ECHILD, echild, "wait4", SYS_wait4}, {"EPIPE", EPIPE, epipe, "write", SYS_write},
	{"ENOSYS", ENOSYS, enosys, "1000000", 1000000}, {"ENOTSOCK", ENOTSOCK, enotsock, "getsockname", SYS_getsockname},
};

static size_t which_failure(struct stim *s)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
		if (stim_is(s, "error", failures[i].name))
			return i;
	stim_fail(s, "no such error");
}

static void call_failing(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	size_t which = which_failure(s);
	struct fds f;
	int broken[2];

	stim_must(s, pipe(f.pipe), "pipe");
	stim_must(s, pipe2(f.empty, O_NONBLOCK), "pipe");
	stim_must(s, pipe(broken), "pipe");
	close(broken[0]);
	f.broken = broken[1];
	f.file = (int)stim_must(s, open("/proc/self/stat", O_RDONLY), "/proc/self/stat");
	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must_fail(s, failures[which].call(&f), failures[which].error, failures[which].syscall);
	stim_end(s);
}

static void run_error(struct stim *s)
{
	size_t which = which_failure(s);
	long n = stim_number(s, "count");

	stim_act(s, call_failing, NULL);
	stim_tell_text(s, "call.name", failures[which].syscall);
	stim_tell(s, "call.number", failures[which].number);
	stim_tell(s, "call.count", n);
	stim_tell_text(s, "call.error", failures[which].name);
	stim_tell(s, "call.errno", failures[which].error);
	stim_tell(s, "call.ret", -failures[which].error);
	stim_tell(s, "syscalls", n + 1);
}

static const struct stim_option syscall_options[] = {
	{"count", "N", "1000", "how many calls", 0, 10000000, NULL},
	{"name", "NAME", "getpid", "which call", 0, 0, "getpid getppid gettid getuid geteuid getgid getegid sched_yield sync"},
	{NULL},
};
static const struct stim_option error_options[] = {
	{"count", "N", "100", "how many calls", 0, 10000000, NULL},
	{"error", "NAME", "ENOENT", "how they fail", 0, 0,
	 "ENOENT EBADF EINVAL EFAULT EEXIST ENOTDIR EISDIR EAGAIN ESRCH ENOTTY ESPIPE ECHILD EPIPE ENOSYS ENOTSOCK"},
	{NULL},
};

const struct stimulus stim_syscalls[] = {
	{"syscall", "make a system call that succeeds and does nothing else", run_syscall, syscall_options,
	 "call.name call.number call.count syscalls", NULL},
	{"syscall-error", "make a system call that fails with a named error", run_error, error_options,
	 "call.name call.number call.count call.error call.errno call.ret syscalls", NULL},
	{NULL},
};
