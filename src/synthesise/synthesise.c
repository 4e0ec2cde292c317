/*
 * From an intent to a program: the clauses of each event, and around them the interval, the end and the columns.
 */
#include "plan.h"

#include <kgent/text.h>

#include <string.h>

static void columns_free(void *p)
{
	kg_run_columns_free(p);
}

struct kg_candidate *kg_candidate_free(struct kg_candidate *c)
{
	if (!c)
		return NULL;
	g_free(c->program);
	g_ptr_array_unref(c->columns);
	g_ptr_array_unref(c->notes);
	g_free(c);
	return NULL;
}

static const char *title_of(const struct plan *plan, const char *field)
{
	const struct kg_card_field *f = kg_card_field(plan->card, field);
	const struct kg_standard_field *s = kg_standard_field(field);

	if (!strcmp(field, KG_DURATION))
		return "duration";
	/* what a card calls comm is a process's name, too */
	if (s && (!f || !strcmp(field, "comm")))
		return s->title;
	return field;
}

static void set_column(const struct plan *plan, const char *field, struct kg_run_column *col)
{
	const struct kg_card_field *f = kg_card_field(plan->card, field);

	col->title = g_strdup(title_of(plan, field));
	col->unit = kg_plan_unit(plan, field);
	col->names = f && f->values->len ? f->values : NULL;
	col->is_text = kg_unit_is_text(col->unit) || col->unit == KG_UNIT_IP || col->unit == KG_UNIT_STACK || col->unit == KG_UNIT_SYMBOL;
	if (col->unit == KG_UNIT_STRING)
		col->unit = KG_UNIT_NONE;
	if (col->unit == KG_UNIT_NS)
		col->shown_in = plan->intent->display;
}

/* How the answer's map is shown. */
static struct kg_run_columns *map_columns(const struct plan *plan)
{
	const struct kg_intent *in = plan->intent;
	struct kg_run_columns *c = kg_run_columns_new(plan->map, in->by->len);
	gboolean is_hist = in->measure == KG_MEASURE_HIST || in->measure == KG_MEASURE_LHIST;

	for (guint i = 0; i < in->by->len; i++)
		set_column(plan, in->by->pdata[i], &c->keys[i]);
	if (in->measure == KG_MEASURE_COUNT) {
		c->value.title = g_strdup(plan->card->is_sample ? "samples" : "count");
	} else {
		set_column(plan, in->value, &c->value);
		g_clear_pointer(&c->value.title, g_free);
		c->value.title = is_hist ? g_strdup(title_of(plan, in->value)) : g_strdup_printf("%s %s", kg_measure_name(in->measure), title_of(plan, in->value));
		if (is_hist && !strcmp(in->value, KG_DURATION))
			c->value.unit = kg_intent_hist_unit(in);
	}
	c->top = in->top;
	c->is_final_hidden = in->is_rate;
	c->is_smallest_first = in->measure == KG_MEASURE_MIN;
	GString *title = g_string_new(plan->card->plural);
	if (in->is_rate)
		g_string_append_printf(title, in->every_ns == 1000000000 ? ", per second" : ", per minute");
	c->title = g_string_free(title, FALSE);
	return c;
}

static struct kg_run_columns *print_columns(const struct plan *plan)
{
	g_autoptr(GPtrArray) shown = kg_plan_shown(plan);
	gboolean several = plan->intent->events->len > 1;
	guint n = several;

	for (guint i = 0; i < shown->len; i++)
		n += kg_plan_unit(plan, shown->pdata[i]) != KG_UNIT_STACK;
	struct kg_run_columns *c = kg_run_columns_new(NULL, n);
	if (several) {
		c->keys[0].title = g_strdup("event");
		c->keys[0].is_text = TRUE;
	}
	for (guint i = 0, k = several; i < shown->len; i++)
		if (kg_plan_unit(plan, shown->pdata[i]) != KG_UNIT_STACK)
			set_column(plan, shown->pdata[i], &c->keys[k++]);
	return c;
}

/* Working storage is cleared at the end, so that plain bpftrace shows the answer only. */
static void hide(struct kg_candidate *cand, const char *map, GString *end)
{
	struct kg_run_columns *c = kg_run_columns_new(map, 0);

	c->is_hidden = TRUE;
	g_ptr_array_add(cand->columns, c);
	g_string_append_printf(end, "    clear(%s);\n", map);
}

static void hide_kept(struct kg_candidate *cand, const struct plan *plan, GString *end)
{
	g_autofree char *suffix = plan->index ? g_strdup_printf("%u", plan->index + 1) : g_strdup("");
	gboolean has_cases = FALSE;

	if (plan->mode != PLAN_BOTH)
		return;
	g_autofree char *start = g_strdup_printf("@start%s", suffix);
	hide(cand, start, end);
	for (guint i = 0; i < plan->kept->len; i++) {
		const struct kept *k = plan->kept->pdata[i];
		if (k->has_valid) {
			g_autofree char *ok = g_strdup_printf("@begin_%s_valid%s", k->field, suffix);
			hide(cand, ok, end);
		}
		for (guint n = 0; n < k->n_cases; n++) {
			g_autofree char *map = k->n_cases > 1 ? g_strdup_printf("@begin_%s_%u_%s", k->field, n + 1, suffix) : g_strdup_printf("@begin_%s%s", k->field, suffix);
			hide(cand, map, end);
		}
		has_cases = has_cases || k->n_cases > 1;
	}
	if (has_cases) {
		g_autofree char *which = g_strdup_printf("@begin_case%s", suffix);
		hide(cand, which, end);
	}
}

static char *interval_of(gint64 ns)
{
	if (ns % 1000000000 == 0)
		return g_strdup_printf("interval:s:%" G_GINT64_FORMAT, ns / 1000000000);
	if (ns % 1000000 == 0)
		return g_strdup_printf("interval:ms:%" G_GINT64_FORMAT, ns / 1000000);
	return g_strdup_printf("interval:us:%" G_GINT64_FORMAT, MAX(ns / 1000, 1));
}

static void write_interval(const struct kg_intent *in, const GPtrArray *plans, GString *out)
{
	if (!in->every_ns || in->measure == KG_MEASURE_PRINT)
		return;
	g_autofree char *interval = interval_of(in->every_ns);
	g_string_append_printf(out, "%s\n{\n    time(\"%%H:%%M:%%S\\n\");\n", interval);
	for (guint i = 0; i < plans->len; i++) {
		const struct plan *p = plans->pdata[i];
		if (in->top)
			g_string_append_printf(out, "    print(%s, %u);\n    clear(%s);\n", p->map, in->top, p->map);
		else
			g_string_append_printf(out, "    print(%s);\n    clear(%s);\n", p->map, p->map);
	}
	g_string_append(out, "}\n\n");
}

static void write_end(const struct kg_intent *in, const GPtrArray *plans, const GString *hidden, GString *out)
{
	gboolean clears = in->is_rate, tops = in->top && in->measure != KG_MEASURE_HIST && in->measure != KG_MEASURE_LHIST && !clears;

	if (!hidden->len && !clears && !tops)
		return;
	g_string_append(out, "END\n{\n");
	for (guint i = 0; i < plans->len && (clears || tops); i++) {
		const struct plan *p = plans->pdata[i];
		/* what is left of a second that was cut short is no rate */
		if (tops)
			g_string_append_printf(out, "    print(%s, %u);\n", p->map, in->top);
		g_string_append_printf(out, "    clear(%s);\n", p->map);
	}
	g_string_append_printf(out, "%s}\n", hidden->str);
}

/* A program that is kept in a file says what it is. */
static void write_head(const struct kg_intent *in, const GPtrArray *plans, GString *out)
{
	g_string_append(out, "// ");
	if (in->is_rate)
		g_string_append(out, "rate: ");
	g_string_append_printf(out, "%s", kg_measure_name(in->measure));
	if (in->value)
		g_string_append_printf(out, " of %s", in->value);
	g_string_append(out, ": ");
	for (guint i = 0; i < plans->len; i++)
		g_string_append_printf(out, "%s%s", i ? " and " : "", ((struct plan *)plans->pdata[i])->card->plural);
	for (guint i = 0; i < in->by->len; i++)
		g_string_append_printf(out, "%s%s", i ? ", " : ", by ", title_of(plans->pdata[0], in->by->pdata[i]));
	g_string_append_c(out, '\n');
	if (in->measure == KG_MEASURE_PRINT) {
		g_autoptr(GPtrArray) shown = kg_plan_shown(plans->pdata[0]);
		g_string_append(out, "// columns: ");
		if (plans->len > 1)
			g_string_append(out, "event, ");
		for (guint i = 0; i < shown->len; i++)
			g_string_append_printf(out, "%s%s", i ? ", " : "", title_of(plans->pdata[0], shown->pdata[i]));
		g_string_append_c(out, '\n');
	} else if (in->value) {
		enum kg_unit unit = kg_plan_unit(plans->pdata[0], in->value);
		if (!strcmp(in->value, KG_DURATION) && (in->measure == KG_MEASURE_HIST || in->measure == KG_MEASURE_LHIST))
			unit = kg_intent_hist_unit(in);
		g_string_append_printf(out, "// unit: %s\n", kg_unit_name(unit));
	}
	g_string_append_c(out, '\n');
}

static void add_note(struct kg_candidate *c, const char *note)
{
	for (guint i = 0; i < c->notes->len; i++)
		if (!strcmp(c->notes->pdata[i], note))
			return;
	g_ptr_array_add(c->notes, g_strdup(note));
}

/* What this program can lose without a trace. Source: bpftrace's BPFTRACE_STRLEN (64) and BPFTRACE_MAP_KEYS_MAX (4096). */
static void loss_notes(struct kg_candidate *cand, const struct plan *plan)
{
	const struct kg_intent *in = plan->intent;
	gboolean many = FALSE, cut = FALSE;

	for (guint i = 0; i < plan->fields->len; i++) {
		enum kg_unit unit = kg_plan_unit(plan, plan->fields->pdata[i]);
		cut = cut || unit == KG_UNIT_PATH;
	}
	for (guint i = 0; i < in->by->len; i++) {
		enum kg_unit unit = kg_plan_unit(plan, in->by->pdata[i]);
		many = many || unit == KG_UNIT_PATH || unit == KG_UNIT_STACK || unit == KG_UNIT_IP || unit == KG_UNIT_PID || unit == KG_UNIT_TID ||
		       unit == KG_UNIT_ADDRESS || (unit == KG_UNIT_STRING && strcmp(in->by->pdata[i], "comm"));
	}
	if (cut)
		add_note(cand, "file names are cut after 63 bytes");
	if (many)
		add_note(cand, "more than 4096 different rows are not counted (BPFTRACE_MAP_KEYS_MAX)");
	if (plan->mode == PLAN_BOTH)
		add_note(cand, "what had begun before tracing did is not seen");
	if (plan->way->note)
		add_note(cand, plan->way->note);
	if (plan->card->is_sample && !plan->way->note)
		add_note(cand, "these are samples, not every event");
}

static void plan_free(void *p)
{
	kg_plan_free(p);
}

static int check_keys(const struct kg_intent *in, struct kg_error *err)
{
	for (guint i = 0; i < in->by->len; i++)
		if (!strcmp(in->by->pdata[i], "time") && !kg_card_field(in->events->pdata[0], "time"))
			return kg_error_set(err, KG_E_REFUSED, "synthesise", "grouping by the time of day is not supported: say \"every second\"");
	return 0;
}

/* Several events share the columns of printed lines: they must have the same ones. */
static int check_same_columns(const GPtrArray *plans, struct kg_error *err)
{
	g_autoptr(GPtrArray) first = kg_plan_shown(plans->pdata[0]);

	for (guint i = 1; i < plans->len; i++) {
		g_autoptr(GPtrArray) other = kg_plan_shown(plans->pdata[i]);
		gboolean same = first->len == other->len;
		for (guint k = 0; same && k < first->len; k++)
			same = !strcmp(first->pdata[k], other->pdata[k]);
		if (!same) {
			kg_error_set(err, KG_E_REFUSED, "synthesise", "%s and %s have different fields: their lines can't stand in one table",
				     ((struct plan *)plans->pdata[0])->card->plural, ((struct plan *)plans->pdata[i])->card->plural);
			kg_error_hint(err, "ask for them one by one, or name the fields that both have");
			return -KG_E_REFUSED;
		}
	}
	return 0;
}

static gboolean is_shared(const GPtrArray *sites, GHashTable *lists)
{
	for (guint s = 0; s < sites->len; s++) {
		const struct kg_card_site *site = sites->pdata[s];
		for (guint a = 0; a < site->at->len; a++) {
			guint longest = MAX(site->at->len, GPOINTER_TO_UINT(g_hash_table_lookup(lists, site->at->pdata[a])));
			if (g_hash_table_contains(lists, site->at->pdata[a]) && longest > 1)
				return TRUE;
			g_hash_table_insert(lists, site->at->pdata[a], GUINT_TO_POINTER(longest));
		}
	}
	return FALSE;
}

/*
 * bpftrace 0.17 mixes up the code of two probes whose lists of attach points share one ("unreachable insn" from the kernel's
 * verifier; seen with unlinkat in two lists). Where that would happen, each attach point gets a clause of its own.
 */
static void split_shared(const GPtrArray *plans)
{
	g_autoptr(GHashTable) lists = g_hash_table_new(g_str_hash, g_str_equal);
	gboolean shared = FALSE;

	for (guint i = 0; i < plans->len; i++) {
		const struct plan *p = plans->pdata[i];
		shared = shared || (p->mode != PLAN_END && is_shared(p->way->begins, lists)) || (p->mode != PLAN_BEGIN && is_shared(p->way->sites, lists));
	}
	for (guint i = 0; i < plans->len; i++)
		((struct plan *)plans->pdata[i])->is_split = shared;
}

int kg_synthesise(const struct kg_intent *in, struct kg_profile *profile, struct kg_candidate **ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func(plan_free);
	g_autoptr(GString) out = g_string_new(NULL), hidden = g_string_new(NULL);
	int r = check_keys(in, err);

	for (guint i = 0; r == 0 && i < in->events->len; i++) {
		struct plan *plan = NULL;
		if ((r = kg_plan(in, i, profile, &plan, err)) == 0)
			g_ptr_array_add(plans, plan);
	}
	if (r == 0 && in->measure == KG_MEASURE_PRINT)
		r = check_same_columns(plans, err);
	if (r < 0)
		return r;
	split_shared(plans);
	struct kg_candidate *cand = g_new0(struct kg_candidate, 1);
	cand->language = "bpftrace";
	cand->engine = "builtin";
	cand->for_ns = in->for_ns;
	cand->columns = g_ptr_array_new_with_free_func(columns_free);
	cand->notes = g_ptr_array_new_with_free_func(g_free);
	write_head(in, plans, out);
	for (guint i = 0; r == 0 && i < plans->len; i++) {
		const struct plan *plan = plans->pdata[i];
		r = kg_clauses(plan, out, err);
		if (plan->map)
			g_ptr_array_add(cand->columns, map_columns(plan));
		else if (i == 0)
			g_ptr_array_add(cand->columns, print_columns(plan));
		hide_kept(cand, plan, hidden);
		loss_notes(cand, plan);
	}
	if (r < 0) {
		kg_candidate_free(cand);
		return r;
	}
	write_interval(in, plans, out);
	if (in->for_ns) {
		g_autofree char *interval = interval_of(in->for_ns);
		g_string_append_printf(out, "%s\n{\n    exit();\n}\n\n", interval);
	}
	write_end(in, plans, hidden, out);
	while (out->len > 1 && out->str[out->len - 1] == '\n' && out->str[out->len - 2] == '\n')
		g_string_truncate(out, out->len - 1);
	cand->program = g_string_free(g_steal_pointer(&out), FALSE);
	*ret = cand;
	return 0;
}
