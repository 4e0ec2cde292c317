/*
 * Child processes: started, bounded, ended.
 *
 * Between fork() and exec only system calls are made. What goes wrong there comes back through a close-on-exec pipe as (step, errno); an empty
 * pipe means that the program was executed.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "child"
#define FIRST_FD 3
#define MAX_FDS 8

struct failure {
	int step;
	int error;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int kg_child_memfd(const char *name, const void *data, gsize len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	gsize done = 0;

	if (fd < 0)
		return -1;
	while (done < len) {
		ssize_t n = write(fd, (const char *)data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int saved = errno;

			close(fd);
			errno = saved;
			return -1;
		}
		done += (gsize)n;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

/* "0 UID 1" and the like; small enough to be written at once. */
static int write_map(const char *path, unsigned id)
{
	char buf[32] = "0 ";
	char digits[12];
	int n = 2, d = 0, fd, ok;

	do
		digits[d++] = (char)('0' + id % 10);
	while (id /= 10);
	while (d > 0)
		buf[n++] = digits[--d];
	buf[n++] = ' ';
	buf[n++] = '1';
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	ok = write(fd, buf, (size_t)n) == n ? 0 : errno;
	close(fd);
	return ok;
}

static int enter_user_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();
	int fd, e;

	if (unshare(CLONE_NEWUSER))
		return errno;
	fd = open("/proc/self/setgroups", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "deny", 4) != 4) {
			e = errno;
			close(fd);
			return e;
		}
		close(fd);
	}
	e = write_map("/proc/self/uid_map", uid);
	return e ? e : write_map("/proc/self/gid_map", gid);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors go to their numbers by way of high ones, so that none is overwritten before it was moved. */
static int place_fds(const struct kg_child_opts *opts, int in, int out, int err, int *report, int *listener)
{
	int high[MAX_FDS + 4], all[MAX_FDS + 4];
	guint n = 0;

	all[n++] = in;
	all[n++] = out;
	all[n++] = err;
	for (guint i = 0; i < opts->n_fds; i++)
		all[n++] = opts->fds[i];
	for (guint i = 0; i < n; i++) {
		high[i] = fcntl(all[i], F_DUPFD_CLOEXEC, 64);
		if (high[i] < 0)
			return errno;
	}
	*report = fcntl(*report, F_DUPFD_CLOEXEC, 64);
	if (*listener >= 0)
		*listener = fcntl(*listener, F_DUPFD_CLOEXEC, 64);
	for (guint i = 0; i < n; i++)
		if (dup2(high[i], (int)i) < 0)
			return errno;
	/* nothing else is inherited, whoever forgot a close-on-exec flag */
	if (syscall(SYS_close_range, n, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */))
		for (int fd = (int)n; fd < 1024; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static void child_main(const struct kg_child_opts *opts, int in, int out, int err, int report, int listener, pid_t parent)
{
	struct rlimit none = {0, 0};
	struct failure f = {KG_CHILD_NO_SETUP, 0};

	setpgid(0, 0);
	reset_signals();
	setrlimit(RLIMIT_CORE, &none);
	f.error = place_fds(opts, in, out, err, &report, &listener);
	if (f.error)
		goto fail;
	if (opts->user_namespace) {
		f.step = KG_CHILD_NO_NAMESPACE;
		f.error = enter_user_namespace();
		if (f.error)
			goto fail;
	}
	/* after the namespace: changing credentials clears it */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (opts->prepare) {
		f.step = KG_CHILD_NO_PREPARE;
		f.error = opts->prepare(opts->user);
		if (f.error)
			goto fail;
	}
	if (opts->filter) {
		f.step = KG_CHILD_NO_FILTER;
		f.error = filter_install(opts->filter, listener);
		if (f.error)
			goto fail;
	}
	f.step = KG_CHILD_NO_EXEC;
	execve(opts->argv[0], (char *const *)opts->argv, (char *const *)opts->env);
	f.error = errno;
fail:
	if (write(report, &f, sizeof(f)) < 0)
		_exit(126);
	_exit(127);
}

static int start_failed(const struct kg_child_opts *opts, const struct failure *f, struct kg_error *err)
{
	switch (f->step) {
	case KG_CHILD_NO_NAMESPACE:
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "no user namespace could be made: %s", g_strerror(f->error));
	case KG_CHILD_NO_PREPARE:
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "the process could not be prepared: %s", g_strerror(f->error));
	case KG_CHILD_NO_FILTER:
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "the system call filter could not be installed: %s",
				    g_strerror(f->error));
	case KG_CHILD_NO_EXEC:
		return kg_error_set(err, KG_E_TOOL, STAGE, "can't execute %s: %s", opts->argv[0], g_strerror(f->error));
	default:
		return kg_error_set(err, KG_E_IO, STAGE, "can't set up a process: %s", g_strerror(f->error));
	}
}

static int take_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

static ssize_t read_report(int fd, struct failure *f)
{
	ssize_t n;

	do
		n = read(fd, f, sizeof(*f));
	while (n < 0 && errno == EINTR);
	return n;
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* All descriptors that starting needs. */
struct start_fds {
	int in, out[2], err[2], report[2], listener[2];
};

static int open_start_fds(struct start_fds *p, gboolean notifies)
{
	*p = (struct start_fds){-1, {-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	p->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (p->in < 0 || pipe2(p->out, O_CLOEXEC) || pipe2(p->err, O_CLOEXEC) || pipe2(p->report, O_CLOEXEC))
		return -1;
	return notifies ? socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, p->listener) : 0;
}

static void close_start_fds(struct start_fds *p)
{
	int *all[] = {&p->in, &p->out[0], &p->out[1], &p->err[0], &p->err[1], &p->report[0], &p->report[1], &p->listener[0], &p->listener[1]};

	for (guint i = 0; i < G_N_ELEMENTS(all); i++)
		close_fd(all[i]);
}

/* In the parent: wait until the program is executed, or why not. */
static int follow_start(const struct kg_child_opts *opts, struct start_fds *p, struct kg_child *c, enum kg_child_step *ret_step,
			struct kg_error *err)
{
	struct failure f = {0};

	close_fd(&p->out[1]);
	close_fd(&p->err[1]);
	close_fd(&p->report[1]);
	close_fd(&p->listener[1]);
	setpgid(c->pid, c->pid);
	if (opts->filter && opts->filter_notifies) {
		c->notify = filter_receive_listener(p->listener[0]);
		if (c->notify >= 0)
			filter_pass_first(c->notify, p->report[0]);
	}
	if (read_report(p->report[0], &f) != (ssize_t)sizeof(f))
		return 0;
	kg_child_end(c);
	if (ret_step)
		*ret_step = (enum kg_child_step)f.step;
	return start_failed(opts, &f, err);
}

int kg_child_start(const struct kg_child_opts *opts, struct kg_child *ret, enum kg_child_step *ret_step, struct kg_error *err)
{
	struct kg_child c = KG_CHILD_INIT;
	pid_t parent = getpid(), pid = -1;
	struct start_fds p;
	int r;

	g_return_val_if_fail(opts->n_fds <= MAX_FDS, -KG_E_INVAL);
	if (ret_step)
		*ret_step = KG_CHILD_STARTED;
	if (open_start_fds(&p, opts->filter_notifies) == 0)
		pid = fork();
	if (pid == 0)
		child_main(opts, p.in, p.out[1], p.err[1], p.report[1], p.listener[1], parent);
	if (pid < 0) {
		r = kg_error_set(err, KG_E_IO, STAGE, "can't start %s: %s", opts->argv[0], g_strerror(errno));
	} else {
		c.pid = pid;
		r = follow_start(opts, &p, &c, ret_step, err);
	}
	if (r == 0) {
		c.out = take_fd(&p.out[0]);
		c.err = take_fd(&p.err[0]);
		set_nonblocking(c.out);
		set_nonblocking(c.err);
		*ret = c;
	}
	close_start_fds(&p);
	return r;
}

gboolean kg_child_wait(struct kg_child *c, int timeout_ms)
{
	gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	guint pause_us = 500;

	if (c->pid == 0 || c->is_reaped)
		return TRUE;
	for (;;) {
		pid_t r = waitpid(c->pid, &c->wstatus, WNOHANG);

		if (r == c->pid || (r < 0 && errno == ECHILD)) {
			c->is_reaped = TRUE;
			return TRUE;
		}
		if (g_get_monotonic_time() >= until)
			return FALSE;
		g_usleep(pause_us);
		pause_us = MIN(pause_us * 2, 10000);
	}
}

void kg_child_end(struct kg_child *c)
{
	if (c->pid > 0) {
		kill(-c->pid, SIGKILL);
		if (!c->is_reaped) {
			kill(c->pid, SIGKILL);
			while (waitpid(c->pid, &c->wstatus, 0) < 0 && errno == EINTR)
				;
			c->is_reaped = TRUE;
		}
	}
	close_fd(&c->out);
	close_fd(&c->err);
	close_fd(&c->notify);
	c->pid = 0;
}

void kg_child_drain(int *fd, gsize max, GString *buf)
{
	char chunk[65536];

	while (*fd >= 0) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n > 0) {
			if (buf->len < max)
				g_string_append_len(buf, chunk, (gssize)MIN((gsize)n, max - buf->len));
			if ((gsize)n < sizeof(chunk))
				return;
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else {
			close_fd(fd);
		}
	}
}

enum kg_child_end kg_child_collect(struct kg_child *c, int timeout_ms, gsize max, GString *out, GString *err_text)
{
	gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;

	while (c->out >= 0 || c->err >= 0) {
		struct pollfd p[3] = {{c->out, POLLIN, 0}, {c->err, POLLIN, 0}, {c->on_notify ? c->notify : -1, POLLIN, 0}};
		gint64 left = (until - g_get_monotonic_time()) / 1000;

		if (left <= 0) {
			kg_child_end(c);
			return KG_CHILD_TIMED_OUT;
		}
		/* a grandchild can keep the pipes open: once the child itself is gone, only what is there is read */
		if (kg_child_wait(c, 0))
			left = 0;
		if (poll(p, 3, (int)MIN(left, 50)) == 0 && c->is_reaped)
			break;
		if (p[2].revents & POLLIN)
			c->on_notify(c, c->notify_user);
		else if (p[2].revents)
			close_fd(&c->notify);
		kg_child_drain(&c->out, max + 1, out);
		kg_child_drain(&c->err, max, err_text);
		if (out->len > max) {
			kg_child_end(c);
			return KG_CHILD_TOO_MUCH;
		}
	}
	if (!kg_child_wait(c, (int)MAX(0, (until - g_get_monotonic_time()) / 1000))) {
		kg_child_end(c);
		return KG_CHILD_TIMED_OUT;
	}
	kg_child_end(c);
	return KG_CHILD_EXITED;
}

char *kg_child_status_text(int wstatus)
{
	if (WIFSIGNALED(wstatus)) {
		const char *name = sigabbrev_np(WTERMSIG(wstatus));

		return name ? g_strdup_printf("was ended by SIG%s", name) : g_strdup_printf("was ended by signal %d", WTERMSIG(wstatus));
	}
	return g_strdup_printf("ended with exit code %d", WEXITSTATUS(wstatus));
}
