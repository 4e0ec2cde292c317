/*
 * Names of sections as attach points: bpftrace writes "s_kprobe:tcp_connect_1", libbpf's convention is "kprobe/tcp_connect".
 */
#include "internal.h"

#include <string.h>

static enum bpf_prog_type type_of_kind(enum kg_probe_kind kind)
{
	switch (kind) {
	case KG_PROBE_TRACEPOINT:
		return BPF_PROG_TYPE_TRACEPOINT;
	case KG_PROBE_RAWTRACEPOINT:
		return BPF_PROG_TYPE_RAW_TRACEPOINT;
	case KG_PROBE_PROFILE:
	case KG_PROBE_INTERVAL:
	case KG_PROBE_SOFTWARE:
	case KG_PROBE_HARDWARE:
	case KG_PROBE_WATCHPOINT:
	case KG_PROBE_ASYNCWATCHPOINT:
		return BPF_PROG_TYPE_PERF_EVENT;
	case KG_PROBE_FENTRY:
	case KG_PROBE_FEXIT:
	case KG_PROBE_ITER:
		return BPF_PROG_TYPE_TRACING;
	case KG_PROBE_NONE:
		return BPF_PROG_TYPE_UNSPEC;
	default:
		return BPF_PROG_TYPE_KPROBE; /* BEGIN and END are uprobes in bpftrace itself */
	}
}

/* "usdt:/usr/bin/x:provider:probe_loc0": one program for each place in the file that has the probe. */
static void cut_location(char *attach)
{
	char *loc = g_strrstr(attach, "_loc");

	if (loc && g_ascii_isdigit(loc[4]) && !loc[4 + strspn(loc + 4, "0123456789")])
		*loc = '\0';
}

/* "s_kprobe:tcp_connect_1": the number counts the places of one attach point. */
void attach_of_bpftrace(struct kg_bpf_program *p)
{
	const char *s = p->section + strlen("s_"), *end = s + strlen(s), *colon;

	while (end > s && g_ascii_isdigit(end[-1]))
		end--;
	if (end > s && *end && end[-1] == '_')
		end--;
	else
		end = s + strlen(s);
	p->attach = g_strndup(s, (gsize)(end - s));
	colon = strchr(p->attach, ':');
	p->kind = kg_probe_kind_parse(p->attach, colon ? colon - p->attach : -1);
	if (p->kind == KG_PROBE_USDT)
		cut_location(p->attach);
	p->type = type_of_kind(p->kind);
}

struct section_kind {
	const char *prefix; /* up to the slash */
	enum kg_probe_kind kind;
};

/* Source: libbpf 1.1, section_defs[]; "?" before a name means not to load it by default. */
static const struct section_kind section_kinds[] = {
	{"kprobe", KG_PROBE_KPROBE},	     {"kretprobe", KG_PROBE_KRETPROBE},
	{"fentry", KG_PROBE_FENTRY},	     {"fentry.s", KG_PROBE_FENTRY},
	{"fexit", KG_PROBE_FEXIT},	     {"fexit.s", KG_PROBE_FEXIT},
	{"tracepoint", KG_PROBE_TRACEPOINT}, {"tp", KG_PROBE_TRACEPOINT},
	{"raw_tp", KG_PROBE_RAWTRACEPOINT},  {"raw_tracepoint", KG_PROBE_RAWTRACEPOINT},
	{"tp_btf", KG_PROBE_RAWTRACEPOINT},  {"uprobe", KG_PROBE_UPROBE},
	{"uretprobe", KG_PROBE_URETPROBE},   {"uprobe.s", KG_PROBE_UPROBE},
	{"uretprobe.s", KG_PROBE_URETPROBE}, {"usdt", KG_PROBE_USDT},
	{"iter", KG_PROBE_ITER},	     {"iter.s", KG_PROBE_ITER},
};

static enum kg_probe_kind section_kind(const char *section, gsize len)
{
	for (guint i = 0; i < G_N_ELEMENTS(section_kinds); i++)
		if (strlen(section_kinds[i].prefix) == len && !memcmp(section_kinds[i].prefix, section, len))
			return section_kinds[i].kind;
	return KG_PROBE_NONE;
}

/*
 * Sections of the kinds that bpftrace has not, as contracts name them. What stands behind the prefix is the target, unless the kind has none (the order of
 * an interface). Source: libbpf 1.1, section_defs[]; "tcx/" and "netkit/" of libbpf 1.3.
 */
static const struct c_section {
	const char *prefix; /* longer ones first */
	const char *kind;
	gboolean has_target;
} c_sections[] = {
	{"cgroup_skb/", "cgroup_skb", TRUE},	   {"cgroup/skb", "cgroup_skb", FALSE},		 {"cgroup/sock_create", "cgroup_sock:sock_create", FALSE},
	{"cgroup/sock_release", "cgroup_sock:sock_release", FALSE},					 {"cgroup/post_bind", "cgroup_sock:post_bind", TRUE},
	{"cgroup/sock", "cgroup_sock:sock_create", FALSE}, {"cgroup/connect", "cgroup_sock_addr:connect", TRUE},
	{"cgroup/bind", "cgroup_sock_addr:bind", TRUE},	   {"cgroup/sendmsg", "cgroup_sock_addr:sendmsg", TRUE},
	{"cgroup/recvmsg", "cgroup_sock_addr:recvmsg", TRUE}, {"cgroup/getpeername", "cgroup_sock_addr:getpeername", TRUE},
	{"cgroup/getsockname", "cgroup_sock_addr:getsockname", TRUE},
	{"lsm.s/", "lsm", TRUE}, {"lsm/", "lsm", TRUE}, {"xdp", "xdp", FALSE}, {"tcx/", "tc", FALSE}, {"tc", "tc", FALSE}, {"classifier", "tc", FALSE},
	{"socket", "socket", FALSE}, {"sockops", "sockops", FALSE}, {"perf_event", "perf_event", FALSE},
};

static char *attach_of_c_section(const char *section)
{
	for (guint i = 0; i < G_N_ELEMENTS(c_sections); i++) {
		const struct c_section *c = &c_sections[i];
		const char *target = section + strlen(c->prefix);

		if (!g_str_has_prefix(section, c->prefix))
			continue;
		if (!c->has_target)
			return g_strdup(c->kind);
		return g_strconcat(c->kind, strchr(c->kind, ':') ? "" : ":", target, NULL);
	}
	return g_strdup(section);
}

void attach_of_clang(struct kg_bpf_program *p)
{
	const char *s = p->section + (*p->section == '?'), *slash = strchr(s, '/');

	p->kind = section_kind(s, slash ? (gsize)(slash - s) : strlen(s));
	if (!p->kind || !slash || !slash[1]) {
		p->attach = attach_of_c_section(s);
		return;
	}
	p->attach = g_strdup_printf("%s:%s", kg_probe_info(p->kind)->name, slash + 1);
	if (p->kind == KG_PROBE_TRACEPOINT)
		g_strdelimit(p->attach, "/", ':');
}
