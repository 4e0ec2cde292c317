/*
 * A second lock. What a program may do was read off its text before it was offered to run; should that ever be wrong, bpftrace itself is kept
 * from executing anything once the program has begun. Before that it may: it asks clang for its include paths.
 * The program begins after its first map was made: bpf(BPF_MAP_CREATE).
 */
#include "guard.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>

struct sock_fprog *guard_new(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct sock_fprog *prog = NULL;
	int e = 0;

	if (!ctx)
		return NULL;
	if (seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(execve), 0) == 0 &&
	    seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(execveat), 0) == 0 &&
	    seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, BPF_MAP_CREATE)) == 0)
		prog = kg_child_filter_export(ctx, &e);
	seccomp_release(ctx);
	return prog;
}

void guard_serve(int notify, gboolean *is_compiling)
{
	struct seccomp_notif *n = NULL;
	struct seccomp_notif_resp *resp = NULL;

	if (seccomp_notify_alloc(&n, &resp))
		return;
	if (seccomp_notify_receive(notify, n) == 0) {
		gboolean is_exec = n->data.nr != SCMP_SYS(bpf);

		if (!is_exec)
			*is_compiling = FALSE;
		resp->id = n->id;
		if (is_exec && !*is_compiling)
			resp->error = -EPERM;
		else
			resp->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		seccomp_notify_respond(notify, resp);
	}
	seccomp_notify_free(n, resp);
}
