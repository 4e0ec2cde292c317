/*
 * May this process load BPF programs at all? Asked before bpftrace is, so that the answer is a sentence and the line that mends it.
 *
 * CAP_BPF (39) and CAP_PERFMON (38) are since 5.8; CAP_SYS_ADMIN (21) includes both. bpftrace 0.17 insists on user id 0.
 */
#include <kgent/load.h>

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static guint64 effective_capabilities(void)
{
	g_autofree char *status = NULL;
	unsigned long long caps = 0;
	const char *s;

	if (g_file_get_contents("/proc/self/status", &status, NULL, NULL) && (s = strstr(status, "\nCapEff:")))
		sscanf(s + strlen("\nCapEff:"), "%llx", &caps);
	return caps;
}

/* In a user namespace of its own a process has all capabilities, and none of them counts for BPF. */
static gboolean is_in_user_namespace(void)
{
	g_autofree char *map = NULL;
	unsigned inside = 1, outside = 1, n = 0;

	if (!g_file_get_contents("/proc/self/uid_map", &map, NULL, NULL))
		return FALSE;
	return sscanf(map, "%u %u %u", &inside, &outside, &n) == 3 && !(inside == 0 && outside == 0 && n == 4294967295u);
}

/* The proof of the pudding: "r0 = 0; exit". Lockdown, a container's filter or a security module can forbid what capabilities allow. */
static int load_empty(void)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_TRACEPOINT, .insn_cnt = G_N_ELEMENTS(insns),
			       .insns = (uint64_t)(uintptr_t)insns, .license = (uint64_t)(uintptr_t)"GPL"};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

gboolean kg_load_possible(char **ret_why, char **ret_mend)
{
	guint64 caps = effective_capabilities();
	gboolean admin = (caps >> 21) & 1, bpf = (caps >> 39) & 1, perfmon = (caps >> 38) & 1;
	int e;

	if (geteuid() != 0) {
		*ret_why = g_strdup("loading programs into the kernel needs root (bpftrace insists on it)");
		*ret_mend = g_strdup("sudo kgent ...");
		return FALSE;
	}
	if (!admin && !(bpf && perfmon)) {
		*ret_why = g_strdup("root here lacks the capabilities to load BPF programs (CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN)");
		*ret_mend = g_strdup("start the container with --privileged, or with --cap-add=SYS_ADMIN");
		return FALSE;
	}
	if (is_in_user_namespace()) {
		*ret_why = g_strdup("this process is root of a user namespace only, which may not load BPF programs");
		*ret_mend = g_strdup("sudo kgent ...");
		return FALSE;
	}
	e = load_empty();
	if (e) {
		*ret_why = g_strdup_printf("the kernel does not even load an empty BPF program: %s", g_strerror(e));
		*ret_mend = NULL;
		return FALSE;
	}
	return TRUE;
}
