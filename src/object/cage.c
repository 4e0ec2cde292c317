/*
 * The cage of the child that reads clang's objects: it can compute, read files and answer through the descriptors it has. bpf(2) pretends to
 * succeed and gives descriptor 0 (which can't be closed), so that libbpf goes all its way to programs with relocations applied; what would ask
 * the kernel for its BTF objects finds none.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>

/* bpf(2)'s commands that have to seem to work. */
static const int pretended[] = {
	BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_PROG_LOAD, BPF_BTF_LOAD, BPF_MAP_FREEZE, BPF_PROG_BIND_MAP, BPF_RAW_TRACEPOINT_OPEN,
};
static const int absent[] = {BPF_OBJ_GET, BPF_BTF_GET_NEXT_ID, BPF_BTF_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD, BPF_MAP_LOOKUP_ELEM};

static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(lseek), SCMP_SYS(mmap),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(uname),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(futex), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(sched_yield),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat), SCMP_SYS(readlink), SCMP_SYS(sched_getaffinity), SCMP_SYS(sysinfo),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(tgkill),
};

static int add_rules(scmp_filter_ctx ctx)
{
	int r = 0;

	for (guint i = 0; i < G_N_ELEMENTS(allowed); i++)
		r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (guint i = 0; i < G_N_ELEMENTS(pretended); i++)
		r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)pretended[i]));
	for (guint i = 0; i < G_N_ELEMENTS(absent); i++)
		r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOENT), SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)absent[i]));
	r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	r |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(close), 1, SCMP_A0(SCMP_CMP_NE, 0));
	r |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(0), SCMP_SYS(close), 1, SCMP_A0(SCMP_CMP_EQ, 0));
	return r;
}

int cage_enter(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? add_rules(ctx) : -ENOMEM;

	if (!r)
		r = seccomp_load(ctx); /* sets no_new_privs */
	if (ctx)
		seccomp_release(ctx);
	return r ? EPERM : 0;
}
