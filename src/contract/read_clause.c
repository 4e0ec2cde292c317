/* One event of a contract: where it is seen, what is assumed there, and what is asked. The table `parts` has a row for each key. */
#include "node.h"

#include <string.h>

struct clause_reader {
	struct reader *r;
	struct kg_contract_clause *c;
};

static void add_on(struct kg_contract_clause *c, GPtrArray *points, struct kg_loc loc, guint at)
{
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_ON, loc);

	o->points = g_ptr_array_ref(points);
	g_ptr_array_insert(c->obligations, (int)at, o);
}

static gboolean read_on(struct clause_reader *cr, const struct node *n)
{
	GPtrArray *entry = NULL;
	gboolean ok = TRUE;

	if (n->kind == NODE_LIST) {
		for (guint i = 0; i < n->items->len; i++)
			ok &= read_on(cr, n->items->pdata[i]);
		return ok;
	}
	if (!con_read_entry(cr->r, n, NULL, &entry))
		return FALSE;
	g_ptr_array_add(cr->c->on, entry);
	return TRUE;
}

static gboolean read_title(struct clause_reader *cr, const struct node *n)
{
	return con_read_text(cr->r, n, "'for'", &cr->c->title);
}

static gboolean read_where(struct clause_reader *cr, const struct node *n)
{
	return con_read_names(cr->r, n, "where", cr->c->names);
}

static gboolean read_assume(struct clause_reader *cr, const struct node *n)
{
	return con_read_exprs(cr->r, n, "'assume'", cr->c->assumes);
}

static gboolean add_value(struct clause_reader *cr, const struct node *n, enum kg_obligation_kind kind, const char *what)
{
	struct kg_obligation *o = con_obligation_new(kind, n->loc);

	if (!con_read_value(cr->r, n, what, NULL, &o->value)) {
		con_obligation_free(o);
		return FALSE;
	}
	g_ptr_array_add(cr->c->obligations, o);
	return TRUE;
}

static gboolean read_values(struct clause_reader *cr, const struct node *n, enum kg_obligation_kind kind, const char *what)
{
	gboolean ok = TRUE;

	if (n->kind != NODE_LIST)
		return add_value(cr, n, kind, what);
	for (guint i = 0; i < n->items->len; i++)
		ok &= add_value(cr, n->items->pdata[i], kind, what);
	return ok;
}

static gboolean read_show(struct clause_reader *cr, const struct node *n)
{
	return read_values(cr, n, KG_OBLIGATION_SHOW, "'show'");
}

static gboolean read_return(struct clause_reader *cr, const struct node *n)
{
	return read_values(cr, n, KG_OBLIGATION_RETURN, "'return'");
}

static gboolean has_kind(const struct kg_contract_clause *c, enum kg_obligation_kind kind)
{
	for (guint i = 0; i < c->obligations->len; i++)
		if (((struct kg_obligation *)c->obligations->pdata[i])->kind == kind)
			return TRUE;
	return FALSE;
}

static gboolean read_by(struct clause_reader *cr, const struct node *n)
{
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_BY, n->loc);
	const struct node *const *items = n->kind == NODE_LIST ? (const struct node *const *)n->items->pdata : &n;
	guint n_items = n->kind == NODE_LIST ? n->items->len : 1;
	gboolean ok = !has_kind(cr->c, KG_OBLIGATION_BY);

	if (!ok)
		con_read_error(cr->r, n, "the keys are given twice, in 'by' and in 'latency'");
	o->keys = con_values_new();
	for (guint i = 0; i < n_items; i++) {
		struct kg_contract_value v = {0};

		if (!con_read_value(cr->r, items[i], "'by'", NULL, &v)) {
			ok = FALSE;
			continue;
		}
		if (v.when.node) {
			con_read_error(cr->r, items[i], "a key has no 'when': it is there for each event");
			ok = FALSE;
		}
		g_ptr_array_add(o->keys, g_memdup2(&v, sizeof v));
	}
	g_ptr_array_add(cr->c->obligations, o);
	return ok;
}

static gboolean read_only_if(struct clause_reader *cr, const struct node *n)
{
	struct kg_obligation *o;

	if (has_kind(cr->c, KG_OBLIGATION_ONLY_IF)) {
		con_read_error(cr->r, n, "the condition is given twice, in 'only if' and in 'latency'");
		return FALSE;
	}
	o = con_obligation_new(KG_OBLIGATION_ONLY_IF, n->loc);
	if (!con_read_expr(cr->r, n, "'only if'", &o->condition)) {
		con_obligation_free(o);
		return FALSE;
	}
	g_ptr_array_add(cr->c->obligations, o);
	return TRUE;
}

/* -------------------------------------------------------------- aggregates */

static gboolean read_count(struct clause_reader *cr, const struct node *n)
{
	struct kg_obligation *o;
	gboolean yes = FALSE;

	if (!con_read_truth(cr->r, n, "'count'", &yes))
		return FALSE;
	if (!yes)
		return TRUE;
	o = con_obligation_new(KG_OBLIGATION_AGGREGATE, n->loc);
	o->aggregate = KG_AGGREGATE_COUNT;
	g_ptr_array_add(cr->c->obligations, o);
	return TRUE;
}

static gboolean read_fold(struct clause_reader *cr, const struct node *n, enum kg_aggregate aggregate)
{
	static const char *const lhist_keys[] = {"min", "max", "step", NULL};
	gboolean is_lhist = aggregate == KG_AGGREGATE_LHIST;
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_AGGREGATE, n->loc);
	gboolean ok;

	o->aggregate = aggregate;
	ok = con_read_value(cr->r, n, kg_aggregate_name(aggregate), is_lhist ? lhist_keys : NULL, &o->value);
	if (ok && is_lhist)
		ok = con_read_lhist(cr->r, n, o);
	if (ok && o->value.when.node) {
		kg_diag_hint(con_read_error(cr->r, n, "each event is added, so there is no 'when' here"), "'only if' of the event says when it is one");
		ok = FALSE;
	}
	if (ok)
		g_ptr_array_add(cr->c->obligations, o);
	else
		con_obligation_free(o);
	return ok;
}

#define FOLD(name, NAME)                                                                                                                   \
	static gboolean read_##name(struct clause_reader *cr, const struct node *n)                                                        \
	{                                                                                                                                  \
		return read_fold(cr, n, KG_AGGREGATE_##NAME);                                                                              \
	}
FOLD(sum, SUM)
FOLD(avg, AVG)
FOLD(min, MIN)
FOLD(max, MAX)
FOLD(stats, STATS)
FOLD(hist, HIST)
FOLD(lhist_key, LHIST)
#undef FOLD

/* ------------------------------------------------------------------ spans */

static gboolean take_span(struct clause_reader *cr, const struct node *n)
{
	if (cr->c->span) {
		con_read_error(cr->r, n, "an event has one span: 'span', or 'from' and 'to' of 'latency'");
		return FALSE;
	}
	return con_read_span(cr->r, n, cr->c->on, &cr->c->span);
}

static gboolean read_span_key(struct clause_reader *cr, const struct node *n)
{
	static const char *const keys[] = {"from", "to", "key", "keep", "same thread", NULL};

	return con_read_keys(cr->r, n, "'span'", keys) && take_span(cr, n);
}

static gboolean read_latency_as(struct reader *r, const struct node *n, struct kg_obligation *o)
{
	static const char *const keys[] = {"lhist", NULL};

	if (n->kind == NODE_TEXT) {
		gboolean ok = con_read_aggregate(r, n, &o->aggregate);

		if (!ok || o->aggregate != KG_AGGREGATE_LHIST)
			return ok;
		kg_diag_hint(con_read_error(r, n, "a linear histogram needs its range"), "as: {lhist: {min: 0, max: 1000, step: 10}}");
		return FALSE;
	}
	const struct node *range = con_node_get(n, "lhist");

	o->aggregate = KG_AGGREGATE_LHIST;
	if (!con_read_keys(r, n, "'as'", keys))
		return FALSE;
	if (range)
		return con_read_lhist(r, range, o);
	con_read_error(r, n, "'as' is empty");
	return FALSE;
}

static gboolean read_unit(struct reader *r, const struct node *n, enum kg_as *ret)
{
	static const char *const units[] = {"ns", "us", "ms", "s", NULL};

	if (n->kind == NODE_TEXT && g_strv_contains(units, n->text)) {
		*ret = kg_as_parse(n->text);
		return TRUE;
	}
	con_hint_nearest(con_read_error(r, n, "'unit' must be a unit of time"), n->kind == NODE_TEXT ? n->text : "", units, TRUE);
	return FALSE;
}

static gboolean read_latency(struct clause_reader *cr, const struct node *n)
{
	static const char *const keys[] = {"from", "to", "key", "keep", "same thread", "unit", "as", "by", "only if", "what", NULL};
	const struct node *unit = con_node_get(n, "unit"), *as = con_node_get(n, "as"), *by = con_node_get(n, "by"), *cond = con_node_get(n, "only if"),
			  *what = con_node_get(n, "what");
	struct kg_obligation *o;
	gboolean ok = con_read_keys(cr->r, n, "'latency'", keys);

	if (n->kind != NODE_MAP)
		return FALSE;
	o = con_obligation_new(KG_OBLIGATION_LATENCY, n->loc);
	if (!unit)
		kg_diag_hint(con_read_error(cr->r, n, "'latency' lacks 'unit'"), "unit: us");
	ok &= unit && read_unit(cr->r, unit, &o->value.as);
	ok &= !as || read_latency_as(cr->r, as, o);
	ok &= !what || con_read_text(cr->r, what, "'what'", &o->what);
	g_ptr_array_add(cr->c->obligations, o);
	if (con_node_get(n, "from") || con_node_get(n, "to") || !cr->c->span)
		ok &= take_span(cr, n);
	ok &= !by || read_by(cr, by);
	ok &= !cond || read_only_if(cr, cond);
	return ok;
}

static gboolean read_order(struct clause_reader *cr, const struct node *n)
{
	gboolean yes = FALSE;

	if (!con_read_truth(cr->r, n, "'in order'", &yes))
		return FALSE;
	if (yes)
		g_ptr_array_add(cr->c->obligations, con_obligation_new(KG_OBLIGATION_ORDER, n->loc));
	return TRUE;
}

static gboolean read_top(struct clause_reader *cr, const struct node *n)
{
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_TOP, n->loc);

	g_ptr_array_add(cr->c->obligations, o);
	if (!con_read_number(cr->r, n, "'top'", &o->top))
		return FALSE;
	if (o->top > 0 && o->top <= G_MAXUINT32)
		return TRUE;
	con_read_error(cr->r, n, "'top' is how many: a number above 0");
	return FALSE;
}

static gboolean read_exit(struct clause_reader *cr, const struct node *n)
{
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_EXIT, n->loc);

	g_ptr_array_add(cr->c->obligations, o);
	return con_read_time(cr->r, n, &o->interval_ns);
}

static gboolean read_every(struct clause_reader *cr, const struct node *n)
{
	static const char *const keys[] = {"interval", "clear", NULL};
	struct kg_obligation *o = con_obligation_new(KG_OBLIGATION_EVERY, n->loc);
	const struct node *interval = n, *clear;
	gboolean ok = TRUE, is_cleared;

	g_ptr_array_add(cr->c->obligations, o);
	if (n->kind != NODE_TEXT) {
		if (!con_read_keys(cr->r, n, "'every'", keys))
			return FALSE;
		if (!(interval = con_node_get(n, "interval")))
			kg_diag_hint(con_read_error(cr->r, n, "'every' lacks 'interval'"), "every: {interval: 1s, clear: true}");
		if ((clear = con_node_get(n, "clear"))) {
			ok &= con_read_truth(cr->r, clear, "'clear'", &is_cleared);
			if (ok)
				o->clear = is_cleared ? KG_YES : KG_NO;
		}
	}
	return (interval && con_read_time(cr->r, interval, &o->interval_ns)) && ok;
}

/* ----------------------------------------------------------------- clause */

/* In the order in which they are read: spans look points up in `on`, and `latency` may use the clause's span. */
static const struct {
	const char *key;
	gboolean (*read)(struct clause_reader *cr, const struct node *n);
} parts[] = {
	{"for", read_title}, {"on", read_on}, {"where", read_where}, {"assume", read_assume}, {"span", read_span_key},
	{"latency", read_latency}, {"show", read_show}, {"in order", read_order}, {"by", read_by}, {"count", read_count}, {"sum", read_sum},
	{"avg", read_avg}, {"min", read_min}, {"max", read_max}, {"stats", read_stats}, {"hist", read_hist}, {"lhist", read_lhist_key},
	{"only if", read_only_if}, {"return", read_return}, {"every", read_every}, {"exit", read_exit}, {"top", read_top},
};
const char *const con_clause_keys[] = {"for", "on", "where", "assume", "span", "latency", "show", "in order", "by", "count", "sum", "avg", "min", "max", "stats",
				   "hist", "lhist", "only if", "return", "every", "exit", "top", NULL};

/* With a span, `on` only names the points; each must be one of its ends. */
static gboolean check_on_of_span(struct reader *r, const struct kg_contract_clause *c)
{
	const GPtrArray *sides[] = {c->span->from, c->span->to};

	for (guint i = 0; i < c->on->len; i++) {
		const GPtrArray *entry = c->on->pdata[i];
		const struct kg_contract_point *p = entry->pdata[0];
		gboolean found = FALSE;

		for (int side = 0; side < 2; side++)
			for (guint j = 0; j < sides[side]->len; j++) {
				const GPtrArray *points = ((struct kg_contract_end *)sides[side]->pdata[j])->points;

				for (guint k = 0; k < points->len; k++)
					found |= !strcmp(((struct kg_contract_point *)points->pdata[k])->text, p->text);
			}
		if (found)
			continue;
		kg_diag_hint(kg_diag_add(r->diags, KG_ERROR, CHECK, p->loc, "%s is in 'on', but the span neither begins nor ends there", p->text),
			     "another event is another member of 'events'");
		return FALSE;
	}
	return TRUE;
}

static void add_points(struct kg_contract_clause *c)
{
	guint at = 0;

	for (guint i = 0; !c->span && i < c->on->len; i++) {
		GPtrArray *entry = c->on->pdata[i];

		add_on(c, entry, ((struct kg_contract_point *)entry->pdata[0])->loc, at++);
	}
	for (int side = 0; c->span && side < 2; side++) {
		const GPtrArray *ends = side ? c->span->to : c->span->from;

		for (guint i = 0; i < ends->len; i++) {
			struct kg_contract_end *e = ends->pdata[i];

			add_on(c, e->points, ((struct kg_contract_point *)e->points->pdata[0])->loc, at++);
		}
	}
	if (c->span)
		g_ptr_array_set_size(c->on, 0);
}

/* What happens at times is no event of the kernel's: it needs no place. */
static gboolean is_of_time(const struct kg_contract_clause *c)
{
	for (guint i = 0; i < c->obligations->len; i++) {
		enum kg_obligation_kind kind = ((struct kg_obligation *)c->obligations->pdata[i])->kind;
		if (kind != KG_OBLIGATION_EVERY && kind != KG_OBLIGATION_EXIT)
			return FALSE;
	}
	return c->obligations->len > 0;
}

static gboolean check_whole(struct reader *r, const struct node *n, const struct kg_contract_clause *c)
{
	gboolean is_timed = has_kind(c, KG_OBLIGATION_LATENCY);

	if (has_kind(c, KG_OBLIGATION_TOP) && !has_kind(c, KG_OBLIGATION_AGGREGATE) && !is_timed) {
		con_read_error(r, n, "'top' is about what is put together (count, sum, ...), and nothing is");
		return FALSE;
	}

	if (c->span)
		return check_on_of_span(r, c);
	if (is_timed)
		return FALSE; /* said by con_read_span() */
	if (!c->on->len && !is_of_time(c)) {
		kg_diag_hint(con_read_error(r, n, "where the event happens is not said: 'on' is missing"), "on: [kprobe:tcp_connect]");
		return FALSE;
	}
	return TRUE;
}

static gint by_kind(gconstpointer a, gconstpointer b, gpointer unused)
{
	return (int)(*(const struct kg_obligation *const *)a)->kind - (int)(*(const struct kg_obligation *const *)b)->kind;
}

gboolean con_read_clause(struct reader *r, const struct node *n, struct kg_contract_clause **ret)
{
	struct kg_contract_clause *c = con_clause_new();
	struct clause_reader cr = {.r = r, .c = c};
	gboolean ok = TRUE;

	c->loc = n->loc;
	if (r->where)
		ok &= con_read_names(r, r->where, "where", c->names);
	for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
		const struct node *part = con_node_get(n, parts[i].key);

		if (part && !(part == r->where && !strcmp(parts[i].key, "where")))
			ok &= parts[i].read(&cr, part);
	}
	ok = ok && check_whole(r, n, c);
	if (!ok) {
		con_clause_free(c);
		return FALSE;
	}
	add_points(c);
	g_ptr_array_sort_with_data(c->obligations, by_kind, NULL); /* stable */
	con_clause_say(c);
	*ret = c;
	return TRUE;
}
