/* Attach points: their shape, and whether this kernel has them. See check.h. */
#include "check.h"

#include <string.h>

static const char *const software_events[] = {"alignment-faults", "bpf-output", "context-switches", "cs", "cpu-clock", "cpu",
					      "cpu-migrations", "dummy", "emulation-faults", "major-faults", "minor-faults",
					      "page-faults", "faults", "task-clock", NULL};
static const char *const hardware_events[] = {"backend-stalls", "branch-instructions", "branches", "branch-misses", "bus-cycles",
					      "cache-misses", "cache-references", "cpu-cycles", "cycles", "frontend-stalls",
					      "instructions", "ref-cycles", NULL};
static const char *const units[] = {"hz", "s", "ms", "us", "ns", "m", "h", "d", NULL};

static gboolean is_in(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(*list, word))
			return TRUE;
	return FALSE;
}

/* ------------------------------------------------------------------ shape */

/* How the parts are called, and how many at least and at most. */
static const struct {
	enum kg_probe_kind kind;
	guint min, max;
	const char *shape;
} shapes[] = {
	{KG_PROBE_BEGIN, 0, 0, "BEGIN"},
	{KG_PROBE_END, 0, 0, "END"},
	{KG_PROBE_KPROBE, 1, 2, "kprobe:FUNCTION"},
	{KG_PROBE_KRETPROBE, 1, 2, "kretprobe:FUNCTION"},
	{KG_PROBE_FENTRY, 1, 2, "fentry:FUNCTION or fentry:MODULE:FUNCTION"},
	{KG_PROBE_FEXIT, 1, 2, "fexit:FUNCTION or fexit:MODULE:FUNCTION"},
	{KG_PROBE_TRACEPOINT, 2, 2, "tracepoint:GROUP:NAME"},
	{KG_PROBE_RAWTRACEPOINT, 1, 2, "rawtracepoint:NAME"},
	{KG_PROBE_UPROBE, 1, 3, "uprobe:FILE:FUNCTION"},
	{KG_PROBE_URETPROBE, 1, 3, "uretprobe:FILE:FUNCTION"},
	{KG_PROBE_USDT, 1, 3, "usdt:FILE:PROVIDER:NAME"},
	{KG_PROBE_PROFILE, 1, 2, "profile:hz:99"},
	{KG_PROBE_INTERVAL, 1, 2, "interval:s:1"},
	{KG_PROBE_SOFTWARE, 1, 2, "software:EVENT:COUNT"},
	{KG_PROBE_HARDWARE, 1, 2, "hardware:EVENT:COUNT"},
	{KG_PROBE_WATCHPOINT, 3, 3, "watchpoint:ADDRESS:LENGTH:MODE"},
	{KG_PROBE_ASYNCWATCHPOINT, 3, 3, "asyncwatchpoint:ADDRESS:LENGTH:MODE"},
	{KG_PROBE_ITER, 1, 2, "iter:TYPE"},
	{KG_PROBE_SELF, 2, 2, "self:signal:SIGUSR1"},
	{KG_PROBE_TEST, 1, 1, "test:NAME"},
	{KG_PROBE_BENCH, 1, 1, "bench:NAME"},
};

/* tracepoint:sched_switch: which group was meant? */
static void hint_group(struct kg_bt_check *c, const struct kg_bt_attach *a, struct kg_diag *d)
{
	g_autofree char *pattern = g_strdup_printf("*:%s", a->target);
	g_autoptr(GPtrArray) found = c->profile && d && a->parts->len == 1 ?
					     kg_profile_match(c->profile, KG_PROBE_TRACEPOINT, pattern, 1) :
					     NULL;

	if (found && found->len)
		kg_bt_hint(d, "did you mean tracepoint:%s?", (char *)found->pdata[0]);
	else
		kg_bt_hint(d, "a tracepoint is named by its group and its name: tracepoint:sched:sched_switch");
}

static gboolean check_shape(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	struct kg_diag *d;

	for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
		if (shapes[i].kind != a->kind || (a->parts->len >= shapes[i].min && a->parts->len <= shapes[i].max))
			continue;
		d = kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s has too %s parts; it is written %s", a->raw,
			      a->parts->len < shapes[i].min ? "few" : "many", shapes[i].shape);
		if (a->kind == KG_PROBE_TRACEPOINT)
			hint_group(c, a, d);
		return FALSE;
	}
	for (guint i = 0; i < a->parts->len; i++)
		if (!*(const char *)a->parts->pdata[i] && a->kind != KG_PROBE_USDT && a->kind != KG_PROBE_SOFTWARE &&
		    a->kind != KG_PROBE_HARDWARE) {
			kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s has an empty part", a->raw);
			return FALSE;
		}
	return TRUE;
}

static void check_timer(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	const char *unit = a->parts->pdata[0], *n = a->parts->len > 1 ? a->parts->pdata[1] : NULL;
	const char *error, *hint, *near;
	struct kg_diag *d;
	uint64_t value = 1;

	if (!n) { /* interval:1s */
		if (!g_ascii_isdigit(unit[0]))
			kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s says no number; it is written %s:%s:1", a->raw,
				  a->kind_text, is_in(unit, units) ? unit : "s");
		else if (!kg_bt_lex_number(unit, strlen(unit), &value, &error, &hint) && !g_str_has_suffix(unit, "hz"))
			kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s is no duration", unit);
		return;
	}
	if (!is_in(unit, units) && !strchr(unit, '$')) {
		d = kg_bt_say(c, KG_ERROR, "attach", a->target_loc, "'%s' is no unit of time", unit);
		near = kg_bt_near(unit, units);
		kg_bt_hint(d,
			   near && strlen(unit) > 1 ? "did you mean %s? The units are hz, s, ms and us" :
						      "the units are hz, s, ms and us",
			   near);
		return;
	}
	if (strchr(n, '$'))
		return;
	if (!g_ascii_isdigit(n[0]) || !kg_bt_lex_number(n, strlen(n), &value, &error, &hint))
		kg_bt_say(c, KG_ERROR, "attach", a->target_loc, "'%s' is no number", n);
	else if (value == 0)
		kg_bt_say(c, KG_ERROR, "attach", a->target_loc, "%s needs a number above 0", a->raw);
}

static void check_event(struct kg_bt_check *c, const struct kg_bt_attach *a, const char *const *events)
{
	const char *event = a->parts->pdata[0], *near;

	if (is_in(event, events) || strpbrk(event, "$*?["))
		return;
	near = kg_bt_near(event, events);
	kg_bt_hint(kg_bt_say(c, KG_ERROR, "attach", a->target_loc, "there is no %s event '%s'",
			     a->kind == KG_PROBE_SOFTWARE ? "software" : "hardware", event),
		   near ? "did you mean %s?" : NULL, near);
}

/* -------------------------------------------------------------- existence */

static gboolean sets_max_probes(const struct kg_bt_program *p)
{
	for (guint i = 0; i < p->config->len; i++) {
		const struct kg_bt_node *name = kg_bt_kid(p->config->pdata[i], 0);

		if (g_ascii_strcasecmp(name->text, "max_probes") == 0 ||
		    g_ascii_strcasecmp(name->text, "BPFTRACE_MAX_PROBES") == 0)
			return TRUE;
	}
	return FALSE;
}

/* 512 up to 0.19, 1024 later; bpftrace counts the matches of one program together. */
static void check_wildcard(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	guint limit = kg_bt_older(c, 20) ? 512 : 1024;
	g_autoptr(GPtrArray) found = kg_profile_match(c->profile, a->kind, a->target, limit + 1);
	struct kg_diag *d;

	if (!found)
		return;
	if (found->len == 0) {
		g_autoptr(GPtrArray) near = kg_profile_nearest(c->profile, a->kind, a->target, 1);

		d = kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s matches nothing on this kernel", a->raw);
		if (near && near->len)
			kg_bt_hint(d, "the nearest name is %s", (char *)near->pdata[0]);
	} else if (found->len > limit && !sets_max_probes(c->program)) {
		/* No error: kgent raises the limit where policy was told to let it pass. */
		d = kg_bt_say(c, KG_WARNING, "attach", a->loc,
			      "%s matches more than %u places, and bpftrace attaches to %u at most", a->raw, limit,
			      limit);
		kg_bt_hint(d, "narrow the pattern, or set BPFTRACE_MAX_PROBES");
	}
}

/* A probe with several attach points works without those that are missing: bpftrace leaves functions out with a warning. */
static enum kg_severity severity_of(const struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	return c->probe->attach->len > 1 && kg_probe_info(a->kind)->is_kernel_function ? KG_WARNING : KG_ERROR;
}

static void check_exists(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *target = g_strdup(a->target);
	struct kg_point *point = NULL;
	char *plus = strchr(target, '+');
	struct kg_diag *d;
	int r;

	if (plus && (a->kind == KG_PROBE_KPROBE || a->kind == KG_PROBE_UPROBE))
		*plus = '\0';
	r = kg_profile_find(c->profile, a->kind, target, &point, &err);
	if (r == -KG_E_NOTFOUND) {
		d = kg_bt_say(c, severity_of(c, a), "attach", a->loc, "%s",
			      err.msg ? err.msg : "this attach point does not exist");
		if (err.hint)
			kg_bt_hint(d, "%s", err.hint);
	} else if (r == 0 && point->usable == KG_NO) {
		kg_bt_say(c, severity_of(c, a), "attach", a->loc, "%s can't be used: %s", a->raw,
			  point->why ? point->why : "this kernel does not allow it");
	}
	kg_point_free(point);
}

static gboolean is_kernels(enum kg_probe_kind kind)
{
	return kg_probe_info(kind)->is_kernel_function || kind == KG_PROBE_TRACEPOINT || kind == KG_PROBE_RAWTRACEPOINT;
}

static void check_on_kernel(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	const char *why = NULL;

	if (kg_profile_kind_usable(c->profile, a->kind, &why) == KG_NO) {
		kg_bt_say(c, KG_ERROR, "attach", a->loc, "%s probes can't be used on this kernel: %s",
			  kg_probe_info(a->kind)->modern, why ? why : "it does not have them");
		return;
	}
	if (!is_kernels(a->kind) || strchr(a->target, '$'))
		return;
	if (a->is_wildcard)
		check_wildcard(c, a);
	else
		check_exists(c, a);
}

void kg_bt_check_attach(struct kg_bt_check *c, const struct kg_bt_probe *probe)
{
	c->probe = probe;
	for (guint i = 0; i < probe->attach->len; i++) {
		const struct kg_bt_attach *a = probe->attach->pdata[i];

		if (a->kind == KG_PROBE_NONE || !check_shape(c, a))
			continue;
		if (a->kind == KG_PROBE_PROFILE || a->kind == KG_PROBE_INTERVAL)
			check_timer(c, a);
		if (a->kind == KG_PROBE_SOFTWARE)
			check_event(c, a, software_events);
		if (a->kind == KG_PROBE_HARDWARE)
			check_event(c, a, hardware_events);
		if (c->profile && a->kind != KG_PROBE_BEGIN && a->kind != KG_PROBE_END)
			check_on_kernel(c, a);
	}
}
