/*
 * The judge: expectations against what was seen. It knows nothing of the program: not its maps' names, nor its wording, nor the order of
 * its columns. A finding that is not "seen" always says what was there instead.
 */
#include "match.h"
#include "seen.h"

#include <kgent/text.h>

#include <string.h>

/* An expectation with its values filled in. */
struct question {
	const struct kg_trial_expect *expect;
	GPtrArray *parts, *wants; /* struct wanted * */
	struct wanted *within;
	const struct kg_seen *seen;
	const GPtrArray *rows;    /* struct seen_row * */
};

struct answer {
	enum kg_trial_outcome outcome;
	GString *instead;
};

static const char *const outcome_names[] = {"seen", "not seen", "too much"};

const char *kg_trial_outcome_name(enum kg_trial_outcome outcome)
{
	return outcome_names[outcome];
}

static void free_finding(gpointer data)
{
	struct kg_trial_finding *f = data;

	g_free(f->what);
	g_free(f->instead);
	g_free(f);
}

/* ---------------------------------------------------------------- values */

/* -1: less than wanted, 1: more, 0: all hold. */
static int compare(const GPtrArray *wants, gint64 number)
{
	for (guint i = 0; i < wants->len; i++) {
		int c = wanted_number(wants->pdata[i], number);
		if (c)
			return c;
	}
	return 0;
}

static enum kg_trial_outcome outcome_of(int compared)
{
	return compared < 0 ? KG_TRIAL_NOT_SEEN : compared > 0 ? KG_TRIAL_TOO_MUCH : KG_TRIAL_SEEN;
}

static gint64 number_of(const struct seen_row *row, const char *field)
{
	gint64 n = 0;

	switch (row->type) {
	case KG_RUN_V_STATS:
		if (field && !strcmp(field, "average"))
			return row->average;
		return field && !strcmp(field, "total") ? row->total : row->count;
	case KG_RUN_V_BUCKETS:
		for (guint i = 0; i < row->buckets->len; i++)
			n += (gint64)g_array_index(row->buckets, struct kg_run_bucket, i).count;
		return n;
	default:
		return row->number;
	}
}

/* Every bucket that holds something touches the range; a row that is one number lies in it. */
static gboolean lies_within(const struct seen_row *row, const struct wanted *range)
{
	gint64 low = g_array_index(range->numbers, gint64, 0), high = g_array_index(range->numbers, gint64, 1);

	if (row->type == KG_RUN_V_STATS)
		return row->average >= low && row->average <= high;
	if (row->type != KG_RUN_V_BUCKETS)
		return wanted_number(range, row->number) == 0;
	for (guint i = 0; i < row->buckets->len; i++) {
		const struct kg_run_bucket *b = &g_array_index(row->buckets, struct kg_run_bucket, i);
		if (b->count && ((b->has_max && b->max < low) || (b->has_min && b->min > high)))
			return FALSE;
	}
	return TRUE;
}

static gboolean has_parts(const struct seen_row *row, const GPtrArray *parts)
{
	static GPtrArray none;

	return !parts->len || match_parts(row->key, parts, &none) > parts->len;
}

/* ---------------------------------------------------------------- what was there instead */

static void show_row(const struct seen_row *row, GString *out)
{
	gint64 n = number_of(row, NULL);

	g_string_append_c(out, '[');
	kg_text_escape(row->key, -1, out);
	g_string_append(out, "] ");
	if (row->text)
		kg_text_escape(row->text, -1, out);
	else if (row->type == KG_RUN_V_STATS)
		g_string_append_printf(out, "count %" G_GINT64_FORMAT " average %" G_GINT64_FORMAT " total %" G_GINT64_FORMAT, row->count, row->average,
				       row->total);
	else
		g_string_append_printf(out, "%s%" G_GINT64_FORMAT "%s", row->type == KG_RUN_V_BUCKETS ? "a histogram of " : "", n,
				       row->type == KG_RUN_V_BUCKETS ? " values" : "");
}

/* A line or a row, and how many of the parts it has. */
struct near {
	const struct seen_row *row; /* or */
	const char *line;
	guint score;
};
#define N_NEAR 3

/* Keep the best, those that came first before those that are as good. */
static void keep_near(struct near *best, struct near one)
{
	for (guint i = 0; i < N_NEAR; i++) {
		struct near other = best[i];
		gboolean is_free = !other.row && !other.line;

		if (!is_free && other.score >= one.score)
			continue;
		best[i] = one;
		if (is_free)
			return;
		one = other;
	}
}

static void find_nearest(const struct question *q, struct near *best)
{
	static GPtrArray none;

	for (guint i = 0; i < MIN(q->rows->len, 20000u); i++) {
		const struct seen_row *row = q->rows->pdata[i];
		keep_near(best, (struct near){.row = row, .score = MIN(match_parts(row->key, q->parts, &none), q->parts->len)});
	}
	for (guint i = 0; i < MIN(q->seen->lines->len, 20000u); i++) {
		const char *line = q->seen->lines->pdata[i];
		keep_near(best, (struct near){.line = line, .score = MIN(match_parts(line, q->parts, &none), q->parts->len)});
	}
}

/* The lines and rows that come closest. Those that have none of the parts are told only where there are no others. */
static void show_nearest(const struct question *q, GString *out)
{
	struct near best[N_NEAR] = {0};

	find_nearest(q, best);
	for (guint i = 0; i < N_NEAR && (best[i].row || best[i].line) && (!i || best[i].score || !best[0].score); i++) {
		g_string_append(out, i ? "; " : "");
		if (best[i].row) {
			show_row(best[i].row, out);
		} else {
			g_string_append_c(out, '"');
			kg_text_escape(best[i].line, -1, out);
			g_string_append_c(out, '"');
		}
	}
	if (!out->len)
		g_string_append(out, "nothing was shown");
	if (out->len > 400) {
		g_string_truncate(out, 400);
		while (out->len && !g_utf8_validate(out->str, (gssize)out->len, NULL))
			g_string_truncate(out, out->len - 1);
		g_string_append(out, "...");
	}
}

/* ---------------------------------------------------------------- one kind each */

static guint count_lines(const struct question *q, const GPtrArray *value, const char **ret_first)
{
	guint n = 0;

	for (guint i = 0; i < q->seen->lines->len; i++) {
		if (match_parts(q->seen->lines->pdata[i], q->parts, value) <= q->parts->len)
			continue;
		if (!n++ && ret_first)
			*ret_first = q->seen->lines->pdata[i];
	}
	return n;
}

static void judge_lines(const struct question *q, struct answer *a)
{
	static GPtrArray none;
	guint n = count_lines(q, &none, NULL);

	a->outcome = q->wants->len ? outcome_of(compare(q->wants, n)) : n ? KG_TRIAL_SEEN : KG_TRIAL_NOT_SEEN;
	if (a->outcome == KG_TRIAL_SEEN)
		return;
	if (n)
		g_string_printf(a->instead, "%u such line%s", n, n == 1 ? "" : "s");
	else
		show_nearest(q, a->instead);
}

static void judge_no_line(const struct question *q, struct answer *a)
{
	static GPtrArray none;
	const char *first = NULL;
	guint n = count_lines(q, &none, &first);

	if (!n)
		return;
	a->outcome = KG_TRIAL_TOO_MUCH;
	g_string_printf(a->instead, "%u such line%s: \"", n, n == 1 ? "" : "s");
	kg_text_escape(first, -1, a->instead);
	g_string_append_c(a->instead, '"');
}

static void judge_no_row(const struct question *q, struct answer *a)
{
	for (guint i = 0; i < q->rows->len; i++) {
		if (!has_parts(q->rows->pdata[i], q->parts))
			continue;
		a->outcome = KG_TRIAL_TOO_MUCH;
		show_row(q->rows->pdata[i], a->instead);
		return;
	}
	judge_no_line(q, a);
}

/* The rows of one map that have the parts, as one number. FALSE: there are none. */
struct map_answer {
	guint n;
	gint64 number;
	gboolean is_within;
	const struct seen_row *first;
};

static struct map_answer ask_map(const struct question *q, const char *map)
{
	struct map_answer m = {.is_within = TRUE};

	for (guint i = 0; i < q->rows->len; i++) {
		const struct seen_row *row = q->rows->pdata[i];
		if (strcmp(row->map, map) || !has_parts(row, q->parts))
			continue;
		m.first = m.first ?: row;
		m.n++;
		m.number += number_of(row, q->expect->field);
		m.is_within &= !q->within || lies_within(row, q->within);
	}
	return m;
}

static gboolean text_is_wanted(const struct question *q, const struct seen_row *row)
{
	for (guint i = 0; i < q->wants->len; i++)
		if (!wanted_text(q->wants->pdata[i], row->text))
			return FALSE;
	return TRUE;
}

static void judge_map(const struct question *q, const struct map_answer *m, struct answer *a)
{
	g_string_truncate(a->instead, 0);
	if (m->n > 1 && !q->expect->several && !q->expect->over_time) {
		a->outcome = KG_TRIAL_TOO_MUCH;
		g_string_printf(a->instead, "%u such rows, not one", m->n);
		return;
	}
	a->outcome = m->first->text ? text_is_wanted(q, m->first) ? KG_TRIAL_SEEN : KG_TRIAL_NOT_SEEN : outcome_of(compare(q->wants, m->number));
	if (a->outcome == KG_TRIAL_SEEN && !m->is_within) {
		a->outcome = KG_TRIAL_NOT_SEEN;
		g_string_append(a->instead, "values outside of that range: ");
	}
	if (a->outcome == KG_TRIAL_SEEN)
		return;
	if (m->n == 1)
		show_row(m->first, a->instead);
	else
		g_string_append_printf(a->instead, "%" G_GINT64_FORMAT " in %u rows", m->number, m->n);
}

/* Any map will do: who asks for a number does not know in which map it is. */
static void judge_row(const struct question *q, struct answer *a)
{
	g_autoptr(GHashTable) asked = g_hash_table_new(g_str_hash, g_str_equal);
	gboolean is_there = FALSE;

	for (guint i = 0; i < q->rows->len; i++) {
		const struct seen_row *row = q->rows->pdata[i];
		if (!g_hash_table_add(asked, row->map))
			continue;
		struct map_answer m = ask_map(q, row->map);
		if (!m.n)
			continue;
		is_there = TRUE;
		judge_map(q, &m, a);
		if (a->outcome == KG_TRIAL_SEEN)
			return;
	}
	if (!q->within && count_lines(q, q->wants, NULL)) {
		a->outcome = KG_TRIAL_SEEN;
		return;
	}
	if (is_there)
		return;
	a->outcome = KG_TRIAL_NOT_SEEN;
	show_nearest(q, a->instead);
}

/* A program keeps working storage in maps, too: where some map has such a row, only maps that have one matter. */
static void judge_only_rows(const struct question *q, struct answer *a)
{
	g_autoptr(GHashTable) matters = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < q->rows->len; i++)
		if (has_parts(q->rows->pdata[i], q->parts))
			g_hash_table_add(matters, ((struct seen_row *)q->rows->pdata[i])->map);
	for (guint i = 0; i < q->rows->len; i++) {
		const struct seen_row *row = q->rows->pdata[i];
		if (has_parts(row, q->parts) || (g_hash_table_size(matters) && !g_hash_table_contains(matters, row->map)))
			continue;
		a->outcome = KG_TRIAL_TOO_MUCH;
		g_string_append(a->instead, "also ");
		show_row(row, a->instead);
		return;
	}
}

static void judge_rows(const struct question *q, struct answer *a)
{
	g_autoptr(GHashTable) n_of = g_hash_table_new(g_str_hash, g_str_equal);
	guint most = q->rows->len ? 0 : q->seen->lines->len;

	for (guint i = 0; i < q->rows->len; i++) {
		const struct seen_row *row = q->rows->pdata[i];
		guint n = GPOINTER_TO_UINT(g_hash_table_lookup(n_of, row->map)) + 1;
		g_hash_table_insert(n_of, row->map, GUINT_TO_POINTER(n));
		most = MAX(most, n);
	}
	a->outcome = outcome_of(compare(q->wants, most));
	if (a->outcome != KG_TRIAL_SEEN)
		g_string_printf(a->instead, "%u", most);
}

/* ---------------------------------------------------------------- in words */

static void show_list(const GPtrArray *wants, const char *between, GString *out)
{
	for (guint i = 0; i < wants->len; i++) {
		g_string_append(out, i ? between : "");
		wanted_show(wants->pdata[i], out);
	}
}

static char *in_words(const struct question *q)
{
	static const char *const subjects[] = {"a line with ", "no line with ", "a row with ", "no row with ", "only rows with ", "rows", ""};
	g_autoptr(GString) out = g_string_new(subjects[q->expect->kind]);

	if (q->expect->kind == KG_TRIAL_LINE && q->wants->len)
		g_string_assign(out, q->parts->len ? "lines with " : "lines");
	else if (q->expect->kind == KG_TRIAL_ROW && !q->parts->len)
		g_string_assign(out, "a row");
	show_list(q->parts, ", ", out);
	if (q->wants->len) {
		g_string_append(out, ": ");
		if (q->expect->field)
			g_string_append_printf(out, "%s ", q->expect->field);
		show_list(q->wants, " and ", out);
	}
	if (q->within) {
		g_string_append(out, ", all values from ");
		wanted_show(q->within, out);
	}
	g_autofree char *text = g_string_free(g_steal_pointer(&out), FALSE);
	GString *safe = g_string_new(NULL);
	kg_text_escape(text, -1, safe);
	return g_string_free(safe, FALSE);
}

/* ---------------------------------------------------------------- all of them */

static int fill(const GPtrArray *wants, const struct kg_truth *truth, const char *each, GPtrArray *out, struct kg_error *err)
{
	for (guint i = 0; i < wants->len; i++) {
		struct wanted *wanted = wanted_new(wants->pdata[i], truth, each, err);
		if (!wanted)
			return -KG_E_PARSE;
		g_ptr_array_add(out, wanted);
	}
	return 0;
}

static void answer(const struct question *q, struct answer *a)
{
	static void (*const judges[])(const struct question *, struct answer *) = {
		[KG_TRIAL_LINE] = judge_lines, [KG_TRIAL_NO_LINE] = judge_no_line, [KG_TRIAL_ROW] = judge_row, [KG_TRIAL_NO_ROW] = judge_no_row,
		[KG_TRIAL_ONLY_ROWS] = judge_only_rows, [KG_TRIAL_ROWS] = judge_rows};

	judges[q->expect->kind](q, a);
}

static int ask(const struct kg_trial_expect *e, const struct kg_seen *seen, const struct kg_truth *truth, const char *each, GPtrArray *out,
	       struct kg_error *err);

/* One is enough; if none is seen, all are told in one finding. */
static int ask_any(const struct kg_trial_expect *e, const struct kg_seen *seen, const struct kg_truth *truth, const char *each, GPtrArray *out,
		   struct kg_error *err)
{
	struct kg_trial_finding *whole = g_new0(struct kg_trial_finding, 1);
	g_autoptr(GString) what = g_string_new(NULL);

	whole->line = e->line;
	whole->outcome = KG_TRIAL_NOT_SEEN;
	g_ptr_array_add(out, whole);
	for (guint i = 0; i < e->any->len && whole->outcome != KG_TRIAL_SEEN; i++) {
		g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(free_finding);
		int code = ask(e->any->pdata[i], seen, truth, each, findings, err);
		if (code)
			return code;
		const struct kg_trial_finding *f = findings->pdata[0];
		if (!whole->instead || f->outcome == KG_TRIAL_SEEN) {
			whole->outcome = f->outcome;
			g_free(whole->instead);
			whole->instead = g_strdup(f->instead);
		}
		g_string_append_printf(what, "%s%s", i ? ", or " : "", f->what);
	}
	whole->what = g_string_free(g_steal_pointer(&what), FALSE);
	return 0;
}

static int ask(const struct kg_trial_expect *e, const struct kg_seen *seen, const struct kg_truth *truth, const char *each, GPtrArray *out,
	       struct kg_error *err)
{
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(wanted_free), wants = g_ptr_array_new_with_free_func(wanted_free);
	struct question q = {.expect = e, .parts = parts, .wants = wants, .seen = seen, .rows = e->over_time ? seen->all_rows : seen->rows};
	struct answer a = {.instead = g_string_new(NULL)};
	int code;

	if (e->kind == KG_TRIAL_ANY) {
		g_string_free(a.instead, TRUE);
		return ask_any(e, seen, truth, each, out, err);
	}
	code = fill(e->parts, truth, each, parts, err);
	if (!code)
		code = fill(e->wants, truth, each, wants, err);
	if (!code && e->within && !(q.within = wanted_new(e->within, truth, each, err)))
		code = -KG_E_PARSE;
	if (!code) {
		struct kg_trial_finding *f = g_new0(struct kg_trial_finding, 1);
		answer(&q, &a);
		f->outcome = a.outcome;
		f->line = e->line;
		f->what = in_words(&q);
		f->instead = a.outcome == KG_TRIAL_SEEN ? NULL : g_strdup(a.instead->str);
		g_ptr_array_add(out, f);
	}
	g_string_free(a.instead, TRUE);
	wanted_free(q.within);
	return code;
}

/* Once for each member of a list of the truth. An empty list would hold without anything having been seen: an error. */
static int ask_each(const struct kg_trial_expect *e, const struct kg_seen *seen, const struct kg_truth *truth, GPtrArray *out,
		    struct kg_error *err)
{
	guint n = truth ? kg_truth_n(truth, e->each) : 0;

	if (!n)
		return kg_error_set(err, KG_E_NOTFOUND, "trial", "the stimulus told no list \"%s\", or an empty one", e->each);
	for (guint i = 0; i < n; i++) {
		g_autofree char *member = g_strdup_printf("%s.%u", e->each, i);
		int code = ask(e, seen, truth, member, out, err);
		if (code)
			return code;
	}
	return 0;
}

int kg_trial_judge(const struct kg_trial_spec *spec, const struct kg_seen *seen, const struct kg_truth *truth, GPtrArray **ret,
		   struct kg_error *err)
{
	g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(free_finding);

	seen_finish((struct kg_seen *)seen);
	for (guint i = 0; i < spec->expects->len; i++) {
		const struct kg_trial_expect *e = spec->expects->pdata[i];
		_cleanup_error_ struct kg_error own = {0};
		int code = e->each ? ask_each(e, seen, truth, findings, &own) : ask(e, seen, truth, NULL, findings, &own);
		if (code && e->line)
			return kg_error_set(err, own.code, "trial", "line %d: %s", e->line, own.msg);
		if (code)
			return kg_error_set(err, own.code, "trial", "%s", own.msg);
	}
	*ret = g_steal_pointer(&findings);
	return 0;
}
