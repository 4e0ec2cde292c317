/*
 * Can attach points of a kind be used at all? Puts together what was tried (features.c) and what is known (sources), and says why not
 * in a sentence that a person understands.
 */
#include "internal.h"

#include <string.h>

static enum kg_answer remember(struct kg_profile *p, enum kg_probe_kind kind, enum kg_answer a, char *text, const char **why)
{
	g_free(p->kind_why[kind]);
	p->kind_why[kind] = text;
	if (why)
		*why = text;
	return a;
}

static enum kg_answer by_feature(struct kg_profile *p, enum kg_probe_kind kind, enum kg_feature_id id, const char **why)
{
	const struct kg_feature *f = &p->features[id];

	if (f->answer == KG_YES)
		return remember(p, kind, KG_YES, NULL, why);
	return remember(p, kind, f->answer, g_strdup(f->why ? f->why : "it was not tried"), why);
}

static enum kg_answer fentry(struct kg_profile *p, enum kg_probe_kind kind, const char **why)
{
	enum kg_answer a = by_feature(p, kind, KG_FEATURE_FENTRY, why);

	if (a == KG_NO || kg_source_get(p, "btf")->state != KG_SOURCE_MISSING)
		return a;
	return remember(p, kind, KG_NO, g_strdup_printf("it needs BTF: %s", kg_source_get(p, "btf")->why), why);
}

static enum kg_answer tracepoint(struct kg_profile *p, enum kg_probe_kind kind, const char **why)
{
	const struct kg_source *s = kg_source_get(p, "tracepoints");
	enum kg_answer a = by_feature(p, kind, KG_FEATURE_TRACEPOINT, why);

	if (a == KG_NO || s->state != KG_SOURCE_MISSING)
		return a;
	/* Without tracefs bpftrace can't attach either; where only this user may not look, root may. */
	a = !p->is_running || p->is_root_view ? KG_NO : KG_UNKNOWN;
	return remember(p, kind, a, g_strdup(s->why ? s->why : "no tracepoint formats are known"), why);
}

enum kg_answer kg_profile_kind_usable(struct kg_profile *p, enum kg_probe_kind kind, const char **why)
{
	switch (kind) {
	case KG_PROBE_KPROBE:
		return by_feature(p, kind, KG_FEATURE_KPROBE, why);
	case KG_PROBE_KRETPROBE:
		return by_feature(p, kind, KG_FEATURE_KRETPROBE, why);
	case KG_PROBE_FENTRY:
	case KG_PROBE_FEXIT:
		return fentry(p, kind, why);
	case KG_PROBE_TRACEPOINT:
		return tracepoint(p, kind, why);
	case KG_PROBE_RAWTRACEPOINT:
		return by_feature(p, kind, KG_FEATURE_RAWTRACEPOINT, why);
	case KG_PROBE_UPROBE:
	case KG_PROBE_URETPROBE:
	case KG_PROBE_USDT:
		return by_feature(p, kind, KG_FEATURE_UPROBE, why);
	case KG_PROBE_PROFILE:
	case KG_PROBE_INTERVAL:
	case KG_PROBE_SOFTWARE:
		return by_feature(p, kind, KG_FEATURE_SOFTWARE, why);
	case KG_PROBE_HARDWARE:
		return by_feature(p, kind, KG_FEATURE_HARDWARE, why);
	case KG_PROBE_WATCHPOINT:
	case KG_PROBE_ASYNCWATCHPOINT:
		return by_feature(p, kind, KG_FEATURE_WATCHPOINT, why);
	case KG_PROBE_ITER:
		return by_feature(p, kind, KG_FEATURE_ITER, why);
	case KG_PROBE_BEGIN:
	case KG_PROBE_END:
	case KG_PROBE_SELF:
	case KG_PROBE_TEST:
	case KG_PROBE_BENCH:
		return remember(p, kind, KG_YES, NULL, why);
	default:
		return remember(p, KG_PROBE_NONE, KG_NO, g_strdup("there is no such kind of attach point"), why);
	}
}
