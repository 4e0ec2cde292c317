/*
 * bpftrace asks the kernel what it can do by trying: it loads programs of two to four instructions and makes maps, and believes what comes back.
 * Without privilege the answer is always no, and on a machine that runs another kernel it is that one's. So the child's bpf(2) never reaches the
 * kernel: it is answered here. A kernel has what its own types enumerate: helpers (enum bpf_func_id), kinds of programs, of maps and of attachments.
 *
 * What 0.17 asks while it compiles: PROG_LOAD of "call HELPER; exit", of "r0 = 0; exit" as a kind of program, of a loop of three instructions;
 * MAP_CREATE; LINK_CREATE of several kprobes at once; RAW_TRACEPOINT_OPEN. It goes by the descriptor that comes back.
 */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_TEST_INSNS 16 /* a program of more is none of its tests */

/* Names of what is asked for by number. */
struct named {
	guint value;
	const char *enumerator;
};
static const struct named program_types[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, "BPF_PROG_TYPE_SOCKET_FILTER"}, {BPF_PROG_TYPE_KPROBE, "BPF_PROG_TYPE_KPROBE"},
	{BPF_PROG_TYPE_TRACEPOINT, "BPF_PROG_TYPE_TRACEPOINT"},	      {BPF_PROG_TYPE_PERF_EVENT, "BPF_PROG_TYPE_PERF_EVENT"},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, "BPF_PROG_TYPE_RAW_TRACEPOINT"}, {BPF_PROG_TYPE_TRACING, "BPF_PROG_TYPE_TRACING"},
};
static const struct named attach_types[] = {
	{BPF_TRACE_RAW_TP, "BPF_TRACE_RAW_TP"}, {BPF_TRACE_FENTRY, "BPF_TRACE_FENTRY"},
	{BPF_TRACE_FEXIT, "BPF_TRACE_FEXIT"},	{BPF_TRACE_ITER, "BPF_TRACE_ITER"},
	{BPF_TRACE_KPROBE_MULTI, "BPF_TRACE_KPROBE_MULTI"},
};
static const struct named map_types[] = {
	{BPF_MAP_TYPE_HASH, "BPF_MAP_TYPE_HASH"},	      {BPF_MAP_TYPE_ARRAY, "BPF_MAP_TYPE_ARRAY"},
	{BPF_MAP_TYPE_PERCPU_HASH, "BPF_MAP_TYPE_PERCPU_HASH"}, {BPF_MAP_TYPE_PERCPU_ARRAY, "BPF_MAP_TYPE_PERCPU_ARRAY"},
	{BPF_MAP_TYPE_STACK_TRACE, "BPF_MAP_TYPE_STACK_TRACE"}, {BPF_MAP_TYPE_PERF_EVENT_ARRAY, "BPF_MAP_TYPE_PERF_EVENT_ARRAY"},
	{BPF_MAP_TYPE_RINGBUF, "BPF_MAP_TYPE_RINGBUF"},
};

static gboolean knows(struct kg_profile *p, guint value, const struct named *table, gsize n)
{
	int64_t number;

	for (gsize i = 0; i < n; i++)
		if (table[i].value == value)
			return kg_profile_enumerator(p, table[i].enumerator, &number) == 0;
	return FALSE;
}
#define KNOWS(profile, value, table) knows(profile, value, table, G_N_ELEMENTS(table))

/* Helpers have numbers without gaps, and the kernel's list ends with how many there are. */
static gboolean knows_helper(struct kg_profile *p, int32_t id)
{
	int64_t n;

	return kg_profile_enumerator(p, "__BPF_FUNC_MAX_ID", &n) == 0 && id > 0 && id < n;
}

typedef ssize_t (*move_fn)(pid_t pid, const struct iovec *local, unsigned long n_local, const struct iovec *remote, unsigned long n_remote,
			   unsigned long flags);

static gboolean move_memory(move_fn move, pid_t pid, uint64_t addr, void *buf, gsize len)
{
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};

	return move(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* Whether the verifier lets a program read memory is not a question of types: it changed within releases. bpftrace 0.17 asks so for path(). */
static gboolean reads_memory(const struct bpf_insn *insns, guint n)
{
	for (guint i = 0; i < n; i++)
		if (BPF_CLASS(insns[i].code) == BPF_LDX)
			return TRUE;
	return FALSE;
}

static gboolean is_known_program(struct answers *a, const union bpf_attr *attr)
{
	guint type = attr->prog_type, attach = attr->expected_attach_type;
	gboolean is_attached_by_type = type == BPF_PROG_TYPE_TRACING || attach == BPF_TRACE_KPROBE_MULTI;

	return attr->insn_cnt && attr->insn_cnt <= MAX_TEST_INSNS && KNOWS(a->profile, type, program_types) &&
	       (!is_attached_by_type || KNOWS(a->profile, attach, attach_types));
}

/*
 * The first call of a helper decides: they are tried one by one, without arguments. Where a log is asked for, it tells which it is, as the
 * verifier's would: refused for its arguments, or not known. libbpf's own test reads it, too. Without a log the program is one that can be
 * loaded as it is.
 */
static int try_program(struct answers *a, pid_t pid, const union bpf_attr *attr)
{
	static const char unknown[] = "invalid func unknown\n", refused[] = "R1 type=ctx expected=fp\n";
	struct bpf_insn insns[MAX_TEST_INSNS];
	gboolean has_log = attr->log_level && attr->log_buf && attr->log_size > sizeof(refused), is_there;
	const char *log;

	if (!is_known_program(a, attr))
		return EINVAL;
	if (!move_memory(process_vm_readv, pid, attr->insns, insns, attr->insn_cnt * sizeof(*insns))) {
		a->is_blind = TRUE;
		return EPERM;
	}
	if (reads_memory(insns, attr->insn_cnt)) {
		a->is_unsure = TRUE;
		return EINVAL;
	}
	for (guint i = 0; i < attr->insn_cnt; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg)
			continue;
		is_there = knows_helper(a->profile, insns[i].imm);
		log = is_there ? refused : unknown;
		if (has_log && !move_memory(process_vm_writev, pid, attr->log_buf, (void *)log, strlen(log) + 1))
			a->is_blind = TRUE;
		return !is_there ? EINVAL : has_log ? EACCES : 0;
	}
	return 0;
}

/* Several kprobes at once are made of fprobes. */
static gboolean could_link(struct answers *a, const union bpf_attr *attr)
{
	guint type = attr->link_create.attach_type;

	return KNOWS(a->profile, type, attach_types) && (type != BPF_TRACE_KPROBE_MULTI || kg_profile_config(a->profile, "FPROBE") != KG_NO);
}

/* What that kernel would have said: 0, or an errno value. */
static int decide(struct answers *a, const struct seccomp_notif *n)
{
	union bpf_attr attr;
	gboolean is_there = FALSE;

	memset(&attr, 0, sizeof(attr));
	if (!move_memory(process_vm_readv, (pid_t)n->pid, n->data.args[1], &attr, MIN((gsize)n->data.args[2], sizeof(attr)))) {
		a->is_blind = TRUE;
		return EPERM;
	}
	switch (n->data.args[0]) {
	case BPF_PROG_LOAD:
		return try_program(a, (pid_t)n->pid, &attr);
	case BPF_MAP_CREATE:
		is_there = KNOWS(a->profile, attr.map_type, map_types);
		break;
	case BPF_LINK_CREATE:
		is_there = could_link(a, &attr);
		break;
	case BPF_RAW_TRACEPOINT_OPEN:
		is_there = KNOWS(a->profile, BPF_TRACE_RAW_TP, attach_types);
		break;
	default: /* BTF of the running kernel, and whatever else there is of it */
		return EPERM;
	}
	return is_there ? 0 : EINVAL;
}

static int give(const struct answers *a, int listener, uint64_t id)
{
	struct seccomp_notif_addfd add = {.id = id, .srcfd = (uint32_t)a->pretended, .newfd_flags = O_CLOEXEC};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
}

void answers_serve(struct kg_child *child, void *user)
{
	struct answers *a = user;
	struct seccomp_notif *n = NULL;
	struct seccomp_notif_resp *resp = NULL;

	if (seccomp_notify_alloc(&n, &resp)) {
		a->is_blind = TRUE;
		return;
	}
	if (seccomp_notify_receive(child->notify, n) == 0) {
		int e = decide(a, n), fd = e ? -1 : give(a, child->notify, n->id);

		resp->id = n->id;
		resp->val = MAX(fd, 0);
		resp->error = fd >= 0 ? 0 : e ? -e : -EPERM;
		a->is_blind = a->is_blind || (fd < 0 && !e && errno != ENOENT);
		seccomp_notify_respond(child->notify, resp);
	}
	seccomp_notify_free(n, resp);
}

struct sock_fprog *answers_filter(int *ret_errno)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct sock_fprog *prog = NULL;
	int r = ctx ? seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(bpf), 0) : -ENOMEM;

	*ret_errno = -r;
	if (r == 0)
		prog = kg_child_filter_export(ctx, ret_errno);
	if (ctx)
		seccomp_release(ctx);
	return prog;
}

int answers_init(struct answers *a, struct kg_profile *profile)
{
	*a = (struct answers){.profile = profile, .pretended = memfd_create("kgent-not-loaded", MFD_CLOEXEC)};
	return a->pretended < 0 ? errno : 0;
}

void answers_clear(struct answers *a)
{
	if (a->pretended >= 0)
		close(a->pretended);
	a->pretended = -1;
}
