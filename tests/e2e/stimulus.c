/*
 * Makes an exactly known number of kernel events, and says how many: the truth against which kgent's numbers are held.
 *
 *	stimulus --comm kgstim openat 1000
 *	{"comm":"kgstim","pid":4711,"uid":0,"did":{"openat":1000,"close":1000,"syscalls":2001},"usage":{...}}
 *
 * What is prepared and cleaned up must not be counted. So the process has the asked-for name only in a *window*: the last
 * thing before the events is the prctl() that gives it that name, the first thing after them the prctl() that takes it
 * away. One system call of the window is not of the events' making: of the first prctl() only the return is inside, of the second
 * only the entry, which is one more call by whichever end it is counted. "syscalls" includes it.
 *
 * System calls are made with syscall(2), never through wrappers of libc, which may use another one (open() is openat, fork() is
 * clone) or add some of their own.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MISSING "/kgstim-missing/file"

struct truth {
	const char *name;
	long long value;
};

struct stimulus {
	const char *comm;
	const char *dir;       /* where files are made; a directory of our own in it */
	char tmp[PATH_MAX];
	int argc;
	char **argv;           /* arguments of the command, without its name */
	struct truth truths[16];
	int n_truths;
	struct rusage begin, end;
	struct timespec t_begin, t_end;
};

static void die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	fputs("stimulus: ", stderr);
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(error));
	va_end(args);
	exit(1);
}

/* The system call must succeed. */
static long must(long ret, const char *what)
{
	if (ret < 0)
		die("%s", what);
	return ret;
}

/* The system call must fail in this way: a truth about failures is no truth if they did not happen. */
static void must_fail(long ret, int error, const char *what)
{
	if (ret >= 0 || errno != error)
		die("%s did not fail with %s", what, strerror(error));
}

static long arg(const struct stimulus *s, int i, long fallback)
{
	char *end;
	long value;

	if (i >= s->argc)
		return fallback;
	errno = EINVAL;
	value = strtol(s->argv[i], &end, 10);
	if (*end || end == s->argv[i] || value < 0)
		die("not a number: %s", s->argv[i]);
	return value;
}

static void did(struct stimulus *s, const char *name, long long n)
{
	s->truths[s->n_truths++] = (struct truth){name, n};
}

static void window_begin(struct stimulus *s)
{
	getrusage(RUSAGE_THREAD, &s->begin);
	clock_gettime(CLOCK_MONOTONIC, &s->t_begin);
	must(syscall(SYS_prctl, PR_SET_NAME, s->comm, 0, 0, 0), "prctl");
}

static void window_end(struct stimulus *s)
{
	syscall(SYS_prctl, PR_SET_NAME, "stimulus-rest", 0, 0, 0);
	clock_gettime(CLOCK_MONOTONIC, &s->t_end);
	getrusage(RUSAGE_THREAD, &s->end);
}

static const char *tmp_path(struct stimulus *s, const char *name)
{
	static char path[2][PATH_MAX];
	static int turn;

	turn = !turn;
	if (!s->tmp[0]) {
		snprintf(s->tmp, sizeof(s->tmp), "%.200s/kgstim.XXXXXX", s->dir);
		if (!mkdtemp(s->tmp))
			die("mkdtemp in %s", s->dir);
	}
	snprintf(path[turn], sizeof(path[turn]), "%.300s/%.200s", s->tmp, name);
	return path[turn];
}

static const char *tmp_number(struct stimulus *s, long i)
{
	char name[32];

	snprintf(name, sizeof(name), "kgstim-%ld", i);
	return tmp_path(s, name);
}

static void tmp_remove(struct stimulus *s)
{
	DIR *dir = s->tmp[0] ? opendir(s->tmp) : NULL;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	if (dir) {
		closedir(dir);
		rmdir(s->tmp);
	}
}

/* --- system calls in general --- */

static void run_getpid(struct stimulus *s)
{
	long n = arg(s, 0, 1000);

	window_begin(s);
	for (long i = 0; i < n; i++)
		syscall(SYS_getpid);
	window_end(s);
	did(s, "getpid", n);
	did(s, "syscalls", n + 1);
}

/* --- files --- */

static void run_openat(struct stimulus *s)
{
	long n = arg(s, 0, 1000);
	const char *path = s->argc > 1 ? s->argv[1] : "/dev/null";

	window_begin(s);
	for (long i = 0; i < n; i++)
		syscall(SYS_close, must(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0), "openat"));
	window_end(s);
	did(s, "openat", n);
	did(s, "close", n);
	did(s, "syscalls", 2 * n + 1);
}

static void run_openat_missing(struct stimulus *s)
{
	long n = arg(s, 0, 1000);

	window_begin(s);
	for (long i = 0; i < n; i++)
		must_fail(syscall(SYS_openat, AT_FDCWD, MISSING, O_RDONLY, 0), ENOENT, "openat");
	window_end(s);
	did(s, "openat", n);
	did(s, "ENOENT", n);
	did(s, "syscalls", n + 1);
}

/* Reads or writes that all have their full size. */
static void transfer(struct stimulus *s, long call, const char *name, const char *path, int flags)
{
	long n = arg(s, 0, 1000), size = arg(s, 1, 100);
	int fd = must(open(path, flags), path);
	char *buffer = malloc(size + 1);

	if (!buffer)
		die("malloc");
	memset(buffer, 0, size + 1);
	window_begin(s);
	for (long i = 0; i < n; i++)
		if (syscall(call, fd, buffer, size) != size)
			die("%s of %ld bytes", name, size);
	window_end(s);
	did(s, name, n);
	did(s, "bytes", n * size);
	did(s, "size", size);
	did(s, "syscalls", n + 1);
	free(buffer);
	close(fd);
}

static void run_read(struct stimulus *s)
{
	transfer(s, SYS_read, "read", "/dev/zero", O_RDONLY);
}

static void run_write(struct stimulus *s)
{
	transfer(s, SYS_write, "write", "/dev/null", O_WRONLY);
}

static void run_read_bad(struct stimulus *s)
{
	long n = arg(s, 0, 1000);
	char c;

	window_begin(s);
	for (long i = 0; i < n; i++)
		must_fail(syscall(SYS_read, -1, &c, 1), EBADF, "read");
	window_end(s);
	did(s, "read", n);
	did(s, "EBADF", n);
	did(s, "syscalls", n + 1);
}

static void run_unlink(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	for (long i = 0; i < n; i++)
		close(must(open(tmp_number(s, i), O_CREAT | O_WRONLY, 0600), "open"));
	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_unlinkat, AT_FDCWD, tmp_number(s, i), 0), "unlinkat");
	window_end(s);
	did(s, "unlinkat", n);
	did(s, "syscalls", n + 1);
}

static void run_unlink_missing(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	window_begin(s);
	for (long i = 0; i < n; i++)
		must_fail(syscall(SYS_unlinkat, AT_FDCWD, MISSING, 0), ENOENT, "unlinkat");
	window_end(s);
	did(s, "unlinkat", n);
	did(s, "ENOENT", n);
	did(s, "syscalls", n + 1);
}

static void run_rename(struct stimulus *s)
{
	long n = arg(s, 0, 100);
	const char *a, *b;

	close(must(open(tmp_path(s, "kgstim-a"), O_CREAT | O_WRONLY, 0600), "open"));
	a = tmp_path(s, "kgstim-a");
	b = tmp_path(s, "kgstim-b");
	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_renameat2, AT_FDCWD, i % 2 ? b : a, AT_FDCWD, i % 2 ? a : b, 0), "renameat2");
	window_end(s);
	did(s, "rename", n);
	did(s, "syscalls", n + 1);
}

static void run_mkdir(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	tmp_number(s, 0);
	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_mkdirat, AT_FDCWD, tmp_number(s, i), 0700), "mkdirat");
	window_end(s);
	did(s, "mkdirat", n);
	did(s, "syscalls", n + 1);
}

static void run_fsync(struct stimulus *s)
{
	long n = arg(s, 0, 20);
	int fd = must(open(tmp_path(s, "kgstim-sync"), O_CREAT | O_WRONLY, 0600), "open");

	window_begin(s);
	for (long i = 0; i < n; i++) {
		if (syscall(SYS_write, fd, "kgstim\n", 7) != 7)
			die("write");
		must(syscall(SYS_fsync, fd), "fsync");
	}
	window_end(s);
	did(s, "fsync", n);
	did(s, "write", n);
	did(s, "bytes", 7 * n);
	did(s, "syscalls", 2 * n + 1);
	close(fd);
}

/* Writes past the page cache: each is one request to the disk, if the file system and the size allow it. */
static void run_disk_write(struct stimulus *s)
{
	long n = arg(s, 0, 50), size = arg(s, 1, 65536);
	int fd = must(open(tmp_path(s, "kgstim-disk"), O_CREAT | O_WRONLY | O_DIRECT, 0600), "open with O_DIRECT");
	void *buffer = NULL;

	if (posix_memalign(&buffer, 4096, size))
		die("posix_memalign");
	memset(buffer, 'k', size);
	must(fallocate(fd, 0, 0, n * size), "fallocate");
	must(fsync(fd), "fsync");
	window_begin(s);
	for (long i = 0; i < n; i++)
		if (syscall(SYS_pwrite64, fd, buffer, size, i * size) != size)
			die("pwrite64");
	window_end(s);
	did(s, "pwrite64", n);
	did(s, "bytes", n * size);
	did(s, "syscalls", n + 1);
	close(fd);
	free(buffer);
}

/* --- processes, threads, signals --- */

/* A child that shares nothing and runs no code of libc, in which it has the parent's name. */
static pid_t bare_fork(void)
{
	return must(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), "clone");
}

static void run_fork(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	window_begin(s);
	for (long i = 0; i < n; i++) {
		pid_t pid = bare_fork();

		if (!pid)
			syscall(SYS_exit_group, 7);
		must(syscall(SYS_wait4, pid, NULL, 0, NULL), "wait4");
	}
	window_end(s);
	did(s, "fork", n);
	did(s, "exit", n);
	did(s, "syscalls_of_parent", 2 * n + 1);
}

static void run_exec(struct stimulus *s)
{
	long n = arg(s, 0, 50);
	char self[PATH_MAX] = "", *path;
	char *argv[] = {NULL, (char *)"noop", NULL}, *envp[] = {NULL};

	must(readlink("/proc/self/exe", self, sizeof(self) - 1), "readlink");
	path = strdup(tmp_path(s, s->comm)); /* the kernel names a process after the path that was given, links or not */
	must(symlink(self, path), "symlink");
	argv[0] = path;
	window_begin(s);
	for (long i = 0; i < n; i++) {
		pid_t pid = bare_fork();
		int status;

		if (!pid) {
			syscall(SYS_execve, path, argv, envp);
			syscall(SYS_exit_group, 1);
		}
		must(syscall(SYS_wait4, pid, &status, 0, NULL), "wait4");
		if (status)
			die("execve of %s", path);
	}
	window_end(s);
	did(s, "exec", n);
	did(s, "fork", n);
	did(s, "exit", n);
	free(path);
}

static void run_exec_missing(struct stimulus *s)
{
	long n = arg(s, 0, 50);
	char *argv[] = {(char *)MISSING, NULL}, *envp[] = {NULL};

	window_begin(s);
	for (long i = 0; i < n; i++)
		must_fail(syscall(SYS_execve, MISSING, argv, envp), ENOENT, "execve");
	window_end(s);
	did(s, "exec", 0);
	did(s, "execve", n);
	did(s, "syscalls", n + 1);
}

static void *thread_main(void *data)
{
	return data;
}

static void run_threads(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	window_begin(s);
	for (long i = 0; i < n; i++) {
		pthread_t thread;

		errno = pthread_create(&thread, NULL, thread_main, NULL);
		if (errno)
			die("pthread_create");
		pthread_join(thread, NULL);
	}
	window_end(s);
	did(s, "threads", n);
	did(s, "fork", 0);
}

static volatile sig_atomic_t n_caught;

static void on_signal(int signo)
{
	n_caught++;
}

static void run_signal(struct stimulus *s)
{
	long n = arg(s, 0, 100);
	struct sigaction action = {.sa_handler = on_signal};
	pid_t pid = getpid();

	sigaction(SIGUSR1, &action, NULL);
	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_kill, pid, SIGUSR1), "kill");
	window_end(s);
	if (n_caught != n)
		die("%ld signals sent, %ld caught", n, (long)n_caught);
	did(s, "signals", n);
	did(s, "delivered", n);
	did(s, "signo", SIGUSR1);
}

static void run_comm(struct stimulus *s)
{
	long n = arg(s, 0, 100);

	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_prctl, PR_SET_NAME, s->comm, 0, 0, 0), "prctl");
	window_end(s);
	did(s, "prctl", n + 1);
	did(s, "syscalls", n + 1);
}

/* --- time --- */

static void run_nanosleep(struct stimulus *s)
{
	long n = arg(s, 0, 100), usec = arg(s, 1, 1000);
	struct timespec span = {usec / 1000000, usec % 1000000 * 1000};

	window_begin(s);
	for (long i = 0; i < n; i++)
		must(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &span, NULL), "clock_nanosleep");
	window_end(s);
	did(s, "clock_nanosleep", n);
	did(s, "least_us", n * usec); /* no sleep is shorter than asked for */
	did(s, "each_least_us", usec);
	did(s, "syscalls", n + 1);
}

static long long cpu_ns(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void run_spin(struct stimulus *s)
{
	long msec = arg(s, 0, 500);
	struct timespec nap = {0, 1000000};
	long long until;

	/* Time on the CPU is known when a thread leaves it: go there and leave it under the name that it is asked for. */
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, NULL);
	window_begin(s);
	until = cpu_ns() + msec * 1000000LL;
	while (cpu_ns() < until)
		for (volatile int i = 0; i < 100000; i++)
			;
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &nap, NULL);
	window_end(s);
	did(s, "spin_ms", msec);
}

static void run_futex(struct stimulus *s)
{
	long n = arg(s, 0, 50), usec = arg(s, 1, 1000);
	struct timespec span = {usec / 1000000, usec % 1000000 * 1000};
	uint32_t word = 1;

	window_begin(s);
	for (long i = 0; i < n; i++)
		must_fail(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, &span, NULL, 0), ETIMEDOUT, "futex");
	window_end(s);
	did(s, "futex", n);
	did(s, "least_us", n * usec);
	did(s, "syscalls", n + 1);
}

/* --- memory --- */

static void run_fault(struct stimulus *s)
{
	long n = arg(s, 0, 1000), page = sysconf(_SC_PAGESIZE);
	volatile char *memory = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	must(madvise((void *)memory, n * page, MADV_NOHUGEPAGE), "madvise");
	window_begin(s);
	for (long i = 0; i < n; i++)
		memory[i * page] = 1;
	window_end(s);
	did(s, "faults", n);
	did(s, "syscalls", 1);
}

static void run_mmap(struct stimulus *s)
{
	long n = arg(s, 0, 100), size = arg(s, 1, 65536);

	window_begin(s);
	for (long i = 0; i < n; i++) {
		long p = syscall(SYS_mmap, NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(p == -1 ? -1 : 0, "mmap");
		must(syscall(SYS_munmap, p, size), "munmap");
	}
	window_end(s);
	did(s, "mmap", n);
	did(s, "munmap", n);
	did(s, "bytes", n * size);
	did(s, "syscalls", 2 * n + 1);
}

/* --- network, over loopback --- */

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
	int port;
};

static int bound_socket(int family, int type, struct address *address)
{
	int fd = must(socket(family, type, 0), "socket");

	*address = (struct address){.length = family == AF_INET ? sizeof(address->v4) : sizeof(address->v6)};
	address->any.sa_family = family;
	if (family == AF_INET)
		address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		address->v6.sin6_addr = in6addr_loopback;
	must(bind(fd, &address->any, address->length), "bind");
	must(getsockname(fd, &address->any, &address->length), "getsockname");
	address->port = ntohs(family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
	return fd;
}

static void tcp(struct stimulus *s, int family)
{
	long n = arg(s, 0, 50), size = arg(s, 1, 0);
	struct address address;
	int listener = bound_socket(family, SOCK_STREAM, &address);
	char *buffer = calloc(1, size + 1);

	must(listen(listener, 128), "listen");
	window_begin(s);
	for (long i = 0; i < n; i++) {
		int client = must(syscall(SYS_socket, family, SOCK_STREAM, 0), "socket"), server;

		must(syscall(SYS_connect, client, &address.any, address.length), "connect");
		server = must(syscall(SYS_accept4, listener, NULL, NULL, 0), "accept4");
		if (size && syscall(SYS_sendto, client, buffer, size, 0, NULL, 0) != size)
			die("sendto");
		if (size && syscall(SYS_recvfrom, server, buffer, size, MSG_WAITALL, NULL, NULL) != size)
			die("recvfrom");
		syscall(SYS_close, server);
		syscall(SYS_close, client);
	}
	window_end(s);
	did(s, "connect", n);
	did(s, "accept", n);
	did(s, "bytes", n * size);
	did(s, "port", address.port);
	did(s, "syscalls", (size ? 7 : 5) * n + 1);
	free(buffer);
	close(listener);
}

static void run_tcp4(struct stimulus *s)
{
	tcp(s, AF_INET);
}

static void run_tcp6(struct stimulus *s)
{
	tcp(s, AF_INET6);
}

static void run_udp(struct stimulus *s)
{
	long n = arg(s, 0, 100), size = arg(s, 1, 100);
	struct address address;
	int receiver = bound_socket(AF_INET, SOCK_DGRAM, &address);
	int sender = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	char *buffer = calloc(1, size + 1);

	window_begin(s);
	for (long i = 0; i < n; i++) {
		if (syscall(SYS_sendto, sender, buffer, size, 0, &address.any, address.length) != size)
			die("sendto");
		if (syscall(SYS_recvfrom, receiver, buffer, size, 0, NULL, NULL) != size)
			die("recvfrom");
	}
	window_end(s);
	did(s, "sendto", n);
	did(s, "recvfrom", n);
	did(s, "bytes", n * size);
	did(s, "port", address.port);
	did(s, "syscalls", 2 * n + 1);
	free(buffer);
	close(sender);
	close(receiver);
}

static void run_noop(struct stimulus *s)
{
	_exit(0);
}

static const struct {
	const char *name;
	void (*run)(struct stimulus *s);
	int max_args;
	const char *help;
} commands[] = {
	{"getpid", run_getpid, 1, "N: getpid N times"},
	{"openat", run_openat, 2, "N [PATH]: open and close PATH (/dev/null)"},
	{"openat-missing", run_openat_missing, 1, "N: open " MISSING ", which fails with ENOENT"},
	{"read", run_read, 2, "N BYTES: read from /dev/zero"},
	{"read-bad", run_read_bad, 1, "N: read from a closed descriptor, which fails with EBADF"},
	{"write", run_write, 2, "N BYTES: write to /dev/null"},
	{"unlink", run_unlink, 1, "N: delete files"},
	{"unlink-missing", run_unlink_missing, 1, "N: delete " MISSING ", which fails with ENOENT"},
	{"rename", run_rename, 1, "N: rename a file"},
	{"mkdir", run_mkdir, 1, "N: make directories"},
	{"fsync", run_fsync, 1, "N: write 7 bytes and fsync"},
	{"disk-write", run_disk_write, 2, "N BYTES: write with O_DIRECT, BYTES a multiple of 4096"},
	{"fork", run_fork, 1, "N: children that exit with 7 at once"},
	{"exec", run_exec, 1, "N: children that run a program called like --comm"},
	{"exec-missing", run_exec_missing, 1, "N: execve of " MISSING ", which fails"},
	{"threads", run_threads, 1, "N: threads, one after the other"},
	{"signal", run_signal, 1, "N: send SIGUSR1 to itself, and catch it"},
	{"comm", run_comm, 1, "N: set the process name (to what it is)"},
	{"nanosleep", run_nanosleep, 2, "N USEC: sleep"},
	{"spin", run_spin, 1, "MS: use the CPU for MS of CPU time"},
	{"futex", run_futex, 2, "N USEC: wait on a futex that nobody wakes"},
	{"fault", run_fault, 1, "N: touch pages for the first time"},
	{"mmap", run_mmap, 2, "N BYTES: mmap and munmap"},
	{"tcp4", run_tcp4, 2, "N [BYTES]: connect over 127.0.0.1, accept, send BYTES, receive them, close"},
	{"tcp6", run_tcp6, 2, "N [BYTES]: the same over ::1"},
	{"udp", run_udp, 2, "N BYTES: send datagrams over 127.0.0.1 and receive them"},
	{"noop", run_noop, 0, ": nothing at all"},
};

static int usage(void)
{
	fputs("usage: stimulus [--comm NAME] [--uid UID] [--cpu CPU] [--dir DIR] COMMAND ARGS\n"
	      "makes events and prints how many as JSON\n\n", stderr);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(stderr, "  %s %s\n", commands[i].name, commands[i].help);
	return 2;
}

static long long usec(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

static void report(const struct stimulus *s, const char *command)
{
	const struct rusage *a = &s->begin, *b = &s->end;

	printf("{\"comm\":\"%s\",\"command\":\"%s\",\"pid\":%d,\"uid\":%d,\"did\":{", s->comm, command, getpid(), getuid());
	for (int i = 0; i < s->n_truths; i++)
		printf("%s\"%s\":%lld", i ? "," : "", s->truths[i].name, s->truths[i].value);
	/* what the kernel itself has counted for this thread, in and a few microseconds around the window */
	printf("},\"usage\":{\"switches\":%ld,\"minor_faults\":%ld,\"cpu_us\":%lld,\"elapsed_us\":%lld}}\n",
	       b->ru_nvcsw + b->ru_nivcsw - a->ru_nvcsw - a->ru_nivcsw, b->ru_minflt - a->ru_minflt,
	       usec(b->ru_utime) + usec(b->ru_stime) - usec(a->ru_utime) - usec(a->ru_stime),
	       (s->t_end.tv_sec - s->t_begin.tv_sec) * 1000000LL + (s->t_end.tv_nsec - s->t_begin.tv_nsec) / 1000);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

int main(int argc, char **argv)
{
	struct stimulus s = {.comm = "kgstim", .dir = "/tmp"};
	int i = 1;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--comm") && strlen(argv[i + 1]) < 16)
			s.comm = argv[i + 1];
		else if (!strcmp(argv[i], "--dir"))
			s.dir = argv[i + 1];
		else if (!strcmp(argv[i], "--cpu"))
			pin(atoi(argv[i + 1]));
		else if (!strcmp(argv[i], "--uid"))
			must(setuid(atoi(argv[i + 1])), "setuid");
		else
			return usage();
	}
	if (i >= argc)
		return usage();
	mlockall(MCL_CURRENT); /* so that the window has no page faults of our own; where it is not allowed it has a few */
	s.argc = argc - i - 1;
	s.argv = argv + i + 1;
	for (size_t c = 0; c < sizeof(commands) / sizeof(*commands); c++)
		if (!strcmp(commands[c].name, argv[i]) && s.argc <= commands[c].max_args) {
			commands[c].run(&s);
			tmp_remove(&s);
			report(&s, argv[i]);
			return 0;
		}
	return usage();
}
