/*
 * Which system calls of bpftrace are handed to the supervisor, which are refused outright, and (all others) which pass.
 *
 * What passes cannot attach a program, start a process, or change anything outside the process that lasts. The commands of bpf(2) that
 * the maps of a program need all the time pass without a question.
 */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <seccomp.h>

/* Asked about whatever the arguments are. One that this architecture lacks is left out. */
static const char *const ask[] = {
	"perf_event_open", "execve", "execveat", "fork", "vfork", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
	"pidfd_send_signal", "ptrace", "process_vm_writev", "epoll_wait", "epoll_pwait", "epoll_pwait2", "creat",
};

/* Never needed, whoever asks. */
static const char *const refuse[] = {
	"mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount", "mount_setattr",
	"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "sethostname",
	"setdomainname", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "acct", "quotactl", "truncate", "chmod", "fchmod",
	"fchmodat", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "mknod", "mknodat", "link", "linkat",
	"symlink", "symlinkat", "rename", "renameat", "renameat2", "add_key", "keyctl", "request_key", "connect", "bind", "listen",
	"iopl", "ioperm",
};

/* Their arguments are in memory, where a filter can't see them; C libraries fall back to the older calls. */
static const char *const lacking[] = {"clone3", "openat2", "io_uring_setup"};

/* bpf(2) commands that only read, or that only concern maps that the process made. */
static const int passing[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	BPF_MAP_LOOKUP_BATCH, BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, BPF_MAP_LOOKUP_AND_DELETE_BATCH, BPF_MAP_FREEZE,
	BPF_OBJ_GET_INFO_BY_FD, BPF_BTF_LOAD, BPF_BTF_GET_FD_BY_ID, BPF_BTF_GET_NEXT_ID, BPF_PROG_GET_NEXT_ID, BPF_MAP_GET_NEXT_ID,
	BPF_LINK_GET_NEXT_ID,
};

static int add_all(scmp_filter_ctx ctx, uint32_t action, const char *const *names, guint n)
{
	for (guint i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		int r = nr < 0 ? 0 : seccomp_rule_add(ctx, action, nr, 0);

		if (r && r != -EEXIST)
			return r;
	}
	return 0;
}

/* Every bpf() command but the passing ones: libseccomp has no "none of", so each one is named, and those beyond the list are asked about, too. */
static int add_bpf(scmp_filter_ctx ctx)
{
	const int last = 63;
	int r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_GT, (scmp_datum_t)last));

	for (int cmd = 0; cmd <= last && r == 0; cmd++) {
		gboolean passes = FALSE;

		for (guint i = 0; i < G_N_ELEMENTS(passing); i++)
			passes = passes || passing[i] == cmd;
		if (!passes)
			r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)cmd));
	}
	return r;
}

/* Opening for writing, processes (not threads), and what perf events are told. */
static int add_by_argument(scmp_filter_ctx ctx)
{
	static const int writing[] = {O_WRONLY, O_RDWR, O_CREAT};
	int r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, '$' << 8));

	for (guint i = 0; i < G_N_ELEMENTS(writing) && r == 0; i++) {
		scmp_datum_t bit = (scmp_datum_t)writing[i];

		r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit));
		if (r == 0 && seccomp_syscall_resolve_name("open") >= 0)
			r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, bit, bit));
	}
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	return r;
}

static int add_rules(scmp_filter_ctx ctx)
{
	int r = add_all(ctx, SCMP_ACT_NOTIFY, ask, G_N_ELEMENTS(ask));

	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ERRNO(EPERM), refuse, G_N_ELEMENTS(refuse));
	if (r == 0)
		r = add_all(ctx, SCMP_ACT_ERRNO(ENOSYS), lacking, G_N_ELEMENTS(lacking));
	if (r == 0)
		r = add_bpf(ctx);
	return r ? r : add_by_argument(ctx);
}

struct sock_fprog *load_filter_new(int *ret_errno)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct sock_fprog *prog = NULL;
	int r;

	if (!ctx) {
		*ret_errno = ENOMEM;
		return NULL;
	}
	/* the compiler of bpftrace asks for thousands of files: a search instead of a list keeps that fast */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	r = add_rules(ctx);
	if (r)
		*ret_errno = -r;
	else
		prog = kg_child_filter_export(ctx, ret_errno);
	seccomp_release(ctx);
	return prog;
}
