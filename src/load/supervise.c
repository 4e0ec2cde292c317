/*
 * The supervisor: answers the system calls that the filter hands over.
 *
 * What bpftrace 0.17 does, as seen with strace (6.18, x86_64):
 *
 *   compile: may start clang and tar for headers                                passes, until the first map is made
 *   bpf(PROG_LOAD) of two instructions, name "" or "ksys_read"                  its feature tests: pass
 *   bpf(MAP_CREATE) ..., perf_event_open(SW_BPF_OUTPUT), epoll_ctl              its output: passes
 *   BEGIN:       bpf(PROG_LOAD RAW_TRACEPOINT), bpf(PROG_TEST_RUN)
 *   tracepoint:  bpf(PROG_LOAD), perf_event_open(TRACEPOINT), ioctl(SET_BPF), ioctl(ENABLE)
 *   profile, interval, software, hardware: the same with PERF_TYPE_SOFTWARE/HARDWARE, once for each CPU or once
 *   uprobe:      the same with the PMU type in /sys/bus/event_source/devices/uprobe/type
 *   kfunc:       bpf(PROG_LOAD), bpf(RAW_TRACEPOINT_OPEN); kprobes by pattern: bpf(LINK_CREATE); iter: also bpf(ITER_CREATE)
 *   epoll_wait: all but END is there. On SIGINT: ioctl(DISABLE) and close of all, then
 *   END:         bpf(PROG_LOAD RAW_TRACEPOINT), bpf(PROG_TEST_RUN), epoll_wait until nothing is left
 *
 * A descriptor that we hand out is a memory file of a telling name, so that later calls on it are known by what it is, not by its number.
 */
#include "supervise.h"

#include "filter.h"
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "load"
#define PRETENDED "kgent-not-attached"
#define MAX_EPOLL_AFTER 1000

struct supervisor {
	struct kg_child child;
	const struct kg_bpftrace_call *call;
	struct supervised *s;
	gsize max_output;
	int pretended;            /* memory file that stands for an attachment */
	gboolean is_compiling;    /* no map was made yet */
	gboolean is_interrupted;  /* it was told to end, so that it loads END */
	guint n_epoll;
	uint64_t last_insns;      /* address of the instructions of the last program that was loaded, to know a second try */
	gboolean is_done;
	gboolean wants_log;       /* the log is all that is wanted */
};

/* The answer to one call. */
struct answer {
	gboolean passes;
	gboolean gives_fd; /* a pretended attachment */
	int error;         /* errno value, when it is none of these and not 0 */
	int64_t value;
};
static const struct answer pass = {.passes = TRUE};
static const struct answer give_fd = {.gives_fd = TRUE};
static const struct answer zero = {0};

static struct answer fail_with(int error)
{
	return (struct answer){.error = error};
}

static void note(char **where, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void note(char **where, const char *fmt, ...)
{
	va_list ap;

	if (*where)
		return;
	va_start(ap, fmt);
	*where = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

static void count_program(struct supervisor *sv, const struct target_program *p)
{
	for (guint i = 0; i < sv->s->programs->len; i++)
		if (g_array_index(sv->s->programs, uint32_t, i) == p->id)
			return;
	g_array_append_val(sv->s->programs, p->id);
}

/* An attachment is wanted: is there really a program behind the descriptor? */
static gboolean see_program(struct supervisor *sv, pid_t process, int fd, struct target_program *p)
{
	if (target_program(process, fd, p))
		return TRUE;
	note(&sv->s->unknown, "bpftrace attached something that is not a loaded program");
	return FALSE;
}

/* Two instructions can only set a value and leave: bpftrace's feature tests. They have no name of a probe. */
static gboolean is_feature_test(const struct target_program *p)
{
	return p->n_insns <= 2 && (p->name[0] == '\0' || strcmp(p->name, "ksys_read") == 0 || g_str_has_prefix(p->name, "libbpf_"));
}

static struct answer attach_call(struct supervisor *sv, pid_t process, int fd, gboolean wants_fd)
{
	struct target_program p;

	if (!see_program(sv, process, fd, &p))
		return fail_with(EPERM);
	if (is_feature_test(&p))
		return pass;
	count_program(sv, &p);
	return wants_fd ? give_fd : zero;
}

/*
 * bpftrace 0.17 tries a refused program three times before it gives up, and prints the log with -v only. libbpf asks for a log when a try has
 * failed; the log of the first try lies in the buffer that is offered for the second.
 */
static gboolean take_log(struct supervisor *sv, const struct seccomp_notif *n)
{
	struct {
		uint32_t type, n_insns;
		uint64_t insns, license;
		uint32_t log_level, log_size;
		uint64_t log;
	} attr;
	g_autofree char *log = NULL;
	char first = 0;

	if (n->data.args[2] < sizeof(attr) || !target_read(n->pid, n->data.args[1], &attr, sizeof(attr)) || attr.log_level == 0 ||
	    attr.log_size == 0 || attr.log_size > sv->max_output || !target_read(n->pid, attr.log, &first, 1) || first == '\0')
		return FALSE;
	log = g_malloc(attr.log_size + 1u);
	if (!target_read(n->pid, attr.log, log, attr.log_size))
		return FALSE;
	log[attr.log_size] = '\0';
	/* a log that ends in this line is whole; a good program has such a log, too, but bpftrace prints that before it loads the next */
	if (!strstr(log, "\nprocessed ") || sv->last_insns != attr.insns)
		return FALSE;
	sv->s->log = g_steal_pointer(&log);
	return TRUE;
}

static struct answer on_prog_load(struct supervisor *sv, const struct seccomp_notif *n)
{
	uint64_t insns = 0;

	/* without -v a later try may still succeed: it is given another kernel version, which very old kernels compare */
	if (!sv->s->log && take_log(sv, n) && sv->wants_log)
		sv->is_done = TRUE;
	if (n->data.args[2] >= 16)
		target_read(n->pid, n->data.args[1] + 8, &insns, sizeof(insns));
	sv->last_insns = insns;
	return pass;
}

static struct answer on_bpf(struct supervisor *sv, const struct seccomp_notif *n, pid_t process)
{
	uint32_t attr[4] = {0};
	gsize size = MIN((gsize)n->data.args[2], sizeof(attr));

	if (!target_read(n->pid, n->data.args[1], attr, size))
		return fail_with(EFAULT);
	switch (n->data.args[0]) {
	case BPF_MAP_CREATE:
		sv->is_compiling = FALSE;
		return pass;
	case BPF_PROG_LOAD:
		return on_prog_load(sv, n);
	case BPF_OBJ_GET:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_PROG_QUERY:
	case BPF_TASK_FD_QUERY:
	case BPF_PROG_BIND_MAP:
		return pass;
	case BPF_PROG_TEST_RUN:
		return attach_call(sv, process, (int)attr[0], FALSE);
	case BPF_LINK_CREATE:
		return attach_call(sv, process, (int)attr[0], TRUE);
	case BPF_PROG_ATTACH:
		return attach_call(sv, process, (int)attr[1], FALSE);
	case BPF_RAW_TRACEPOINT_OPEN:
		return attach_call(sv, process, (int)attr[2], TRUE);
	case BPF_ITER_CREATE:
		/* reading the pretended one gives nothing */
		return give_fd;
	case BPF_OBJ_PIN:
	case BPF_PROG_DETACH:
	case BPF_LINK_DETACH:
		return zero;
	default:
		note(&sv->s->unknown, "bpftrace made a bpf() call that is not known to be harmless (command %llu)",
		     (unsigned long long)n->data.args[0]);
		return fail_with(EPERM);
	}
}

/* Does the hardware have such a counter? A disabled one is opened and closed, with no program. */
static int try_counter(const struct perf_event_attr *wanted, const struct seccomp_notif *n)
{
	struct perf_event_attr attr = *wanted;
	int fd, e;

	attr.disabled = 1;
	attr.enable_on_exec = 0;
	fd = (int)syscall(SYS_perf_event_open, &attr, (int)n->data.args[1], (int)n->data.args[2], -1, PERF_FLAG_FD_CLOEXEC);
	e = errno;
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : e;
}

static struct answer on_perf_event_open(struct supervisor *sv, const struct seccomp_notif *n)
{
	struct perf_event_attr attr = {0};
	int e;

	/* the first 64 bytes are in every version of the structure */
	if (!target_read(n->pid, n->data.args[0], &attr, PERF_ATTR_SIZE_VER0))
		return fail_with(EFAULT);
	if (attr.type == PERF_TYPE_SOFTWARE && attr.config == PERF_COUNT_SW_BPF_OUTPUT)
		return pass;
	if (attr.type == PERF_TYPE_HARDWARE || attr.type == PERF_TYPE_HW_CACHE) {
		attr.size = PERF_ATTR_SIZE_VER0;
		e = try_counter(&attr, n);
		if (e)
			return fail_with(e);
	}
	return give_fd;
}

static struct answer on_ioctl(struct supervisor *sv, const struct seccomp_notif *n, pid_t process)
{
	gboolean sets_program = n->data.args[1] == PERF_EVENT_IOC_SET_BPF;
	struct target_program p;
	char link[128];

	if (!target_fd_link(process, (int)n->data.args[0], link, sizeof(link)))
		return fail_with(EBADF);
	if (!strstr(link, PRETENDED)) {
		if (!sets_program)
			return pass;
		note(&sv->s->unknown, "bpftrace attached a program to a real event");
		return fail_with(EPERM);
	}
	if (sets_program) {
		if (!see_program(sv, process, (int)n->data.args[2], &p))
			return fail_with(EINVAL);
		count_program(sv, &p);
	}
	return zero;
}

/* Files that may be opened for writing once the program is compiled. */
static struct answer on_open(struct supervisor *sv, const struct seccomp_notif *n, uint64_t path_addr)
{
	char path[4096];

	if (sv->is_compiling)
		return pass;
	if (!target_read_string(n->pid, path_addr, path, sizeof(path)))
		return fail_with(EFAULT);
	if (g_str_equal(path, "/dev/null") || g_str_equal(path, "/dev/zero"))
		return pass;
	/* semaphores of USDT probes are counted in the traced process's memory */
	if (g_str_has_prefix(path, "/proc/") && g_str_has_suffix(path, "/mem"))
		return give_fd;
	/* the old way to attach; let the system say so where it is not there */
	if (strstr(path, "/tracing/")) {
		if (access(path, F_OK))
			return fail_with(errno);
		note(&sv->s->unknown, "bpftrace attaches by writing to %s, which can't be pretended", path);
	}
	note(&sv->s->refused, "bpftrace wanted to write to %s", path);
	return fail_with(EACCES);
}

static struct answer on_new_process(struct supervisor *sv, pid_t process)
{
	/* -c: bpftrace keeps its command waiting in a process of its own before the program is executed */
	if (sv->is_compiling || (sv->call->command && process == sv->child.pid && !sv->s->is_waiting))
		return pass;
	note(&sv->s->refused, "bpftrace wanted to start a process");
	return fail_with(EAGAIN);
}

static struct answer on_exec(struct supervisor *sv, const struct seccomp_notif *n, uint64_t path_addr)
{
	char path[4096];

	if (sv->is_compiling)
		return pass;
	if (!target_read_string(n->pid, path_addr, path, sizeof(path)))
		strcpy(path, "a program");
	note(&sv->s->refused, "bpftrace wanted to execute %s", path);
	return fail_with(EPERM);
}

/* abort() signals its own process; -c ends the command that it keeps waiting. */
static struct answer on_kill(struct supervisor *sv, pid_t process, pid_t whom)
{
	pid_t parent = 0;
	pid_t target = whom > 0 ? target_process(whom, &parent) : 0;

	if (target > 0 && (target == process || parent == sv->child.pid))
		return pass;
	note(&sv->s->refused, "bpftrace wanted to signal another process");
	return fail_with(EPERM);
}

static gboolean all_loaded(const struct supervised *s)
{
	return s->n_probes >= 0 && s->programs->len >= (guint)s->n_probes;
}

/* "Attaching 7 probes..." (0.17), "Attached 7 probes" (0.23), as JSON: {"type": "attached_probes", "data": {"probes": 7}}. */
static void read_n_probes(struct supervised *s)
{
	static const char key[] = "\"attached_probes\", \"data\": {\"probes\": ";
	const char *at = strstr(s->out->str, key);

	if (at && g_ascii_isdigit(at[sizeof(key) - 1]))
		s->n_probes = (int)strtol(at + sizeof(key) - 1, NULL, 10);
}

static void read_output(struct supervisor *sv)
{
	struct supervised *s = sv->s;

	kg_child_drain(&sv->child.out, sv->max_output, s->out);
	kg_child_drain(&sv->child.err, sv->max_output, s->messages);
	s->is_too_much = s->out->len >= sv->max_output || s->messages->len >= sv->max_output;
	if (s->n_probes < 0)
		read_n_probes(s);
}

static struct answer on_epoll(struct supervisor *sv, pid_t process)
{
	if (process != sv->child.pid)
		return fail_with(EINTR);
	read_output(sv);
	sv->s->is_waiting = TRUE;
	if (all_loaded(sv->s) || ++sv->n_epoll > MAX_EPOLL_AFTER)
		sv->is_done = TRUE;
	if (!sv->is_interrupted) {
		sv->is_interrupted = TRUE;
		kill(sv->child.pid, SIGINT);
	}
	return fail_with(EINTR);
}

static struct answer decide(struct supervisor *sv, const struct seccomp_notif *n)
{
	pid_t process = target_process((pid_t)n->pid, NULL);
	const uint64_t *a = (const uint64_t *)n->data.args;
	g_autofree char *name = seccomp_syscall_resolve_num_arch(n->data.arch, n->data.nr);

	if (process == 0 || !name)
		return fail_with(EPERM);
	switch (n->data.nr) {
	case SCMP_SYS(bpf):
		return on_bpf(sv, n, process);
	case SCMP_SYS(perf_event_open):
		return on_perf_event_open(sv, n);
	case SCMP_SYS(ioctl):
		return on_ioctl(sv, n, process);
	case SCMP_SYS(openat):
		return on_open(sv, n, a[1]);
	case SCMP_SYS(execve):
		return on_exec(sv, n, a[0]);
	case SCMP_SYS(execveat):
		return on_exec(sv, n, a[1]);
	case SCMP_SYS(kill):
	case SCMP_SYS(tkill):
	case SCMP_SYS(tgkill):
		return on_kill(sv, process, (pid_t)a[0]);
	case SCMP_SYS(clone):
		return on_new_process(sv, process);
	}
	if (g_str_equal(name, "open") || g_str_equal(name, "creat"))
		return on_open(sv, n, a[0]);
	if (g_str_equal(name, "fork") || g_str_equal(name, "vfork"))
		return on_new_process(sv, process);
	if (g_str_has_prefix(name, "epoll_"))
		return on_epoll(sv, process);
	note(&sv->s->refused, "bpftrace wanted to call %s", name);
	return fail_with(EPERM);
}

/* The pretended attachment, in the other process; a negative errno value when that can't be done. */
static int64_t install_fd(struct supervisor *sv, uint64_t id)
{
	struct seccomp_notif_addfd add = {.id = id, .srcfd = (uint32_t)sv->pretended, .newfd_flags = O_CLOEXEC};
	int fd = ioctl(sv->child.notify, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	if (fd >= 0)
		return fd;
	if (errno != ENOENT)
		note(&sv->s->unknown, "this kernel can't hand a descriptor to another process: %s", g_strerror(errno));
	return -EPERM;
}

static void serve_one(struct supervisor *sv, struct seccomp_notif *n, struct seccomp_notif_resp *resp)
{
	struct answer answer;

	memset(n, 0, sizeof(*n));
	if (seccomp_notify_receive(sv->child.notify, n))
		return;
	answer = decide(sv, n);
	/* what was read may be another process's by now, if the caller was killed meanwhile */
	if (seccomp_notify_id_valid(sv->child.notify, n->id))
		return;
	memset(resp, 0, sizeof(*resp));
	resp->id = n->id;
	if (answer.passes)
		resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (answer.gives_fd)
		resp->val = install_fd(sv, n->id);
	else if (answer.error)
		resp->error = -answer.error;
	if (resp->val < 0) {
		resp->error = (int32_t)resp->val;
		resp->val = 0;
	}
	/* once all is known it gets no answer any more: it is killed while it waits */
	if (!sv->is_done)
		seccomp_notify_respond(sv->child.notify, resp);
}

static void watch(struct supervisor *sv, gint64 until)
{
	struct seccomp_notif *n = NULL;
	struct seccomp_notif_resp *resp = NULL;
	struct supervised *s = sv->s;

	if (seccomp_notify_alloc(&n, &resp)) {
		note(&s->unknown, "seccomp notifications are not available");
		return;
	}
	while (!sv->is_done && !s->unknown && !s->is_too_much) {
		struct pollfd p[3] = {{sv->child.notify, POLLIN, 0}, {sv->child.out, POLLIN, 0}, {sv->child.err, POLLIN, 0}};
		gint64 left = (until - g_get_monotonic_time()) / 1000;

		if (left <= 0) {
			s->is_over_time = TRUE;
			break;
		}
		poll(p, 3, (int)MIN(left, 100));
		read_output(sv);
		if (p[0].revents & POLLIN)
			serve_one(sv, n, resp);
		else if (kg_child_wait(&sv->child, 0)) {
			s->has_ended = TRUE;
			s->wstatus = sv->child.wstatus;
			break;
		}
	}
	read_output(sv);
	seccomp_notify_free(n, resp);
}

static int start(struct supervisor *sv, int program_fd, struct kg_error *err)
{
	g_auto(GStrv) argv = kg_bpftrace_argv(sv->call);
	g_auto(GStrv) env = kg_bpftrace_env(sv->call);
	struct kg_child_opts opts = {.argv = (const char *const *)argv, .env = (const char *const *)env, .fds = &program_fd, .n_fds = 1,
				     .filter_notifies = TRUE};
	int e = 0, r;
	struct sock_fprog *filter = load_filter_new(&e);

	if (!filter)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "the system call filter can't be made: %s", g_strerror(e));
	opts.filter = filter;
	r = kg_child_start(&opts, &sv->child, NULL, err);
	kg_child_filter_free(filter);
	return r;
}

int supervise(const struct kg_bpftrace_call *call, int program_fd, gboolean wants_log, int timeout_ms, gsize max_output,
	      struct supervised *ret, struct kg_error *err)
{
	struct supervisor sv = {.child = KG_CHILD_INIT, .call = call, .s = ret, .max_output = max_output, .is_compiling = TRUE,
				.wants_log = wants_log};
	gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	int r;

	*ret = (struct supervised){.n_probes = -1};
	ret->programs = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	ret->out = g_string_new(NULL);
	ret->messages = g_string_new(NULL);
	sv.pretended = memfd_create(PRETENDED, MFD_CLOEXEC);
	if (sv.pretended < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "can't make a memory file: %s", g_strerror(errno));
	r = start(&sv, program_fd, err);
	if (r == 0)
		watch(&sv, until);
	kg_child_end(&sv.child);
	close(sv.pretended);
	return r;
}

void supervised_clear(struct supervised *s)
{
	if (s->programs)
		g_array_unref(s->programs);
	if (s->out)
		g_string_free(s->out, TRUE);
	if (s->messages)
		g_string_free(s->messages, TRUE);
	g_free(s->unknown);
	g_free(s->refused);
	g_free(s->log);
	memset(s, 0, sizeof(*s));
}
