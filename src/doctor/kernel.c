/* What the kernel tells of itself, and which kinds of attach points it has. */
#include "internal.h"

#include <string.h>

static const char kernel[] = "kernel", points[] = "attach points";

/* A source of the profile, under a name for people and with what its number counts. */
static const struct {
	const char *source, *name, *counts;
	gboolean is_vital;
} rows[] = {
	{"btf", "BTF", "types"},
	{"modules", "BTF of modules", "modules"},
	{"tracefs", "tracefs", NULL, TRUE},
	{"tracepoints", "tracepoints", "tracepoints", TRUE},
	{"functions", "functions", "functions"},
	{"config", "configuration", "settings"},
	{"files", "profile", NULL},
};

static enum kg_doctor_state state_of(enum kg_source_state s)
{
	return s == KG_SOURCE_OK ? KG_DOCTOR_OK : s == KG_SOURCE_PARTIAL ? KG_DOCTOR_LIMITED : KG_DOCTOR_MISSING;
}

void kg_doctor_kernel(struct kg_doctor *d, struct kg_profile *p)
{
	g_autofree char *release = g_strdup_printf("%s, %s", kg_profile_release(p), kg_profile_arch(p));

	kg_doctor_add(d, kernel, "release", KG_DOCTOR_OK, release, NULL, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct kg_source *s = kg_profile_source(p, rows[i].source);

		if (!s)
			continue;
		g_autofree char *count = rows[i].counts ? g_strdup_printf("%u %s", s->n, rows[i].counts) : g_strdup("readable");
		g_autofree char *text = s->why && s->n ? g_strdup_printf("%s; %s", count, s->why) : NULL;

		kg_doctor_add(d, kernel, rows[i].name, state_of(s->state), text ? text : s->why ? s->why : count, s->cost, s->mend)
			->is_vital = rows[i].is_vital;
	}
}

/* What is lost without a kind; kinds that are each other's return side share a line. */
static const struct {
	enum kg_probe_kind kind;
	const char *name, *cost;
} kinds[] = {
	{KG_PROBE_TRACEPOINT, "tracepoint", "most questions can't be answered"},
	{KG_PROBE_RAWTRACEPOINT, "rawtracepoint", "tracepoints without a format can't be used"},
	{KG_PROBE_KPROBE, "kprobe", "kernel functions can't be traced by kprobe"},
	{KG_PROBE_KRETPROBE, "kretprobe", "results of kernel functions can't be traced by kretprobe"},
	{KG_PROBE_FENTRY, "fentry, fexit", "kernel functions can't be traced by fentry"},
	{KG_PROBE_UPROBE, "uprobe, usdt", "functions of programs can't be traced"},
	{KG_PROBE_SOFTWARE, "profile, interval, software", "nothing can be sampled, and nothing can be shown at intervals"},
	{KG_PROBE_HARDWARE, "hardware", "cache misses, cycles and the like can't be counted"},
	{KG_PROBE_WATCHPOINT, "watchpoint", "memory can't be watched"},
	{KG_PROBE_ITER, "iter", "kernel objects can't be listed by a program"},
};

/* "(CONFIG_KPROBES is not set)" in a reason: only another kernel mends that. Owned, or NULL. */
static char *another_kernel(const char *why)
{
	const char *at = why ? strstr(why, "CONFIG_") : NULL;

	if (!at || !strstr(at, " is not set"))
		return NULL;
	return g_strdup_printf("boot a kernel that was built with %.*s=y", (int)strcspn(at, " "), at);
}

void kg_doctor_kinds(struct kg_doctor *d, struct kg_profile *p)
{
	static const struct {
		const char *enumerator, *name, *cost;
	} helpers[] = {
		{"BPF_FUNC_loop", "bpf_loop", "loops in programs must be short (Linux 5.17 has it)"},
		{"BPF_MAP_TYPE_RINGBUF", "ring buffer", "output goes through the older perf buffer (Linux 5.8 has it)"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		const char *why = NULL;
		enum kg_answer a = kg_profile_kind_usable(p, kinds[i].kind, &why);
		g_autofree char *text = a == KG_YES ? g_strdup("can be used") : g_strdup_printf("%s%s", a == KG_NO ? "" : "not known: ", why);

		g_autofree char *mend = a == KG_YES ? NULL : another_kernel(why);

		kg_doctor_add(d, points, kinds[i].name, a == KG_YES ? KG_DOCTOR_OK : a == KG_NO ? KG_DOCTOR_MISSING : KG_DOCTOR_LIMITED,
			      text, a == KG_YES ? NULL : kinds[i].cost, mend)->is_vital = kinds[i].kind == KG_PROBE_TRACEPOINT;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(helpers); i++) {
		int64_t value;
		int r = kg_profile_enumerator(p, helpers[i].enumerator, &value);

		if (r == -KG_E_UNSUPPORTED)
			continue; /* no BTF, which has its own line */
		kg_doctor_add(d, points, helpers[i].name, r ? KG_DOCTOR_LIMITED : KG_DOCTOR_OK, r ? "this kernel has none" : "this kernel has it",
			      r ? helpers[i].cost : NULL, NULL);
	}
}
