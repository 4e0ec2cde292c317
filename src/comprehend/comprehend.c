/*
 * The contract of an intent: for each of its events, for each way in which this kernel lets it be observed, the clauses that hold there.
 *
 *   either                    a program is judged by the first whose attach points it has
 *   - events                  of each event of the intent
 *     - clause                one for each site of the way (of a span: for each pair of a beginning and an end), and for each case of its keys
 */
#include "view.h"

#include <string.h>

#define MAX_WAYS 32 /* of all events together: beyond it each event is asked for in its first way */

/* The clauses of one event in one way. */
static void alternative_free(gpointer p)
{
	json_decref(p);
}

/* ---------------------------------------------------------------- ways */

static gboolean any_when(const GPtrArray *sites)
{
	for (guint i = 0; i < sites->len; i++)
		if (((struct kg_card_site *)sites->pdata[i])->when)
			return TRUE;
	return FALSE;
}

static gboolean reads_error(const struct kg_intent *in)
{
	for (guint i = 0; i < in->filters->len; i++)
		if (!strcmp(((struct kg_filter *)in->filters->pdata[i])->field, "error"))
			return TRUE;
	return FALSE;
}

static gboolean has_all(const struct view *v, const GPtrArray *fields)
{
	for (guint i = 0; i < fields->len; i++)
		if (!view_has(v->card, v->way, v->mode, fields->pdata[i]))
			return FALSE;
	return TRUE;
}

/* Is everything that is asked known where the way is seen so? */
static gboolean fits(const struct view *v)
{
	const struct kg_intent *in = v->intent;
	const struct kg_card_way *way = v->way;
	gboolean is_span = way->begins->len > 0;

	if (is_span == (v->mode == VIEW_POINT))
		return FALSE;
	if ((v->mode == VIEW_END && (!way->is_same_task || any_when(way->begins))) ||
	    (v->mode == VIEW_BEGIN && (!way->is_same_task || any_when(way->sites) || v->only_ok || reads_error(in))))
		return FALSE;
	for (guint i = 0; i < in->filters->len; i++)
		if (!view_has(v->card, way, v->mode, ((struct kg_filter *)in->filters->pdata[i])->field))
			return FALSE;
	return has_all(v, in->by) && (in->measure == KG_MEASURE_PRINT ? has_all(v, in->show) : TRUE) &&
	       (!in->value || view_has(v->card, way, v->mode, in->value));
}

static gboolean shares_point(const struct kg_card_site *a, const struct kg_card_site *b)
{
	for (guint i = 0; i < a->at->len; i++)
		if (g_ptr_array_find_with_equal_func(b->at, a->at->pdata[i], g_str_equal, NULL))
			return TRUE;
	return FALSE;
}

/* Two sites of an event at one place would each forbid what the other shows. */
static gboolean has_twins(const GPtrArray *sites)
{
	for (guint i = 0; i < sites->len; i++)
		for (guint k = i + 1; k < sites->len; k++)
			if (shares_point(sites->pdata[i], sites->pdata[k]))
				return TRUE;
	return FALSE;
}

/* The clauses of the way, seen so. NULL: it can't be said. */
static json_t *way_clauses(struct view *v)
{
	const GPtrArray *begins = v->way->begins, *ends = v->way->sites;
	guint n_begins = v->mode == VIEW_BEGIN || v->mode == VIEW_BOTH ? begins->len : 1, n_ends = v->mode == VIEW_BEGIN ? 1 : ends->len;
	json_t *list = json_array();

	if ((v->mode != VIEW_BOTH && has_twins(v->mode == VIEW_BEGIN ? begins : ends))) {
		kg_error_set(v->err, KG_E_UNSUPPORTED, STAGE, "%s are seen in two ways at one attach point", v->card->plural);
		json_decref(list);
		return NULL;
	}
	for (guint b = 0; b < n_begins; b++)
		for (guint e = 0; e < n_ends; e++) {
			v->begin = v->mode == VIEW_BEGIN || v->mode == VIEW_BOTH ? begins->pdata[b] : NULL;
			v->end = v->mode == VIEW_BEGIN ? NULL : ends->pdata[e];
			if (!site_clauses(v, list)) {
				json_decref(list);
				return NULL;
			}
		}
	merge_clauses(list); /* ends first: then the beginnings of one end are alike */
	merge_clauses(list);
	return list;
}

/* All alternatives of one event: arrays of clauses. */
static GPtrArray *event_alternatives(const struct kg_intent *in, guint which, struct kg_profile *profile, gboolean is_rendered, struct kg_error *err)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(alternative_free);
	const struct kg_card *card = in->events->pdata[which];
	struct kg_card_way *way;
	_cleanup_error_ struct kg_error none = {0};
	guint n_ways = 0;

	for (guint from = 0, at = 0; kg_card_resolve(card, profile, from, &way, &at, &none) == 0; from = at + 1) {
		for (guint mode = 0; mode < VIEW_MODES; mode++) {
			_cleanup_error_ struct kg_error why = {0};
			struct view v = {.intent = in, .is_rendered = is_rendered, .card = card, .way = way, .mode = mode, .err = &why,
					 .only_ok = g_ptr_array_find(in->only_ok, card, NULL)};
			json_t *clauses = fits(&v) ? way_clauses(&v) : NULL;

			if (clauses)
				g_ptr_array_add(list, clauses);
			else if (why.code && !err->code)
				kg_error_set(err, why.code, STAGE, "%s", why.msg);
		}
		kg_card_way_free(way);
		n_ways++;
	}
	if (!list->len && n_ways)
		kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s: not all that is asked is known where this kernel lets them be observed", card->plural);
	else if (!list->len)
		kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s", none.msg);
	return list;
}

/* ---------------------------------------------------------------- the contract */

static json_t *every_json(const struct kg_intent *in)
{
	json_t *every = json_object();

	json_object_set_new(every, "interval", json_sprintf("%" G_GINT64_FORMAT "ns", in->every_ns));
	if (in->is_rate)
		json_object_set_new(every, "clear", json_true());
	return json_pack("{s:o}", "every", every);
}

static gboolean is_raw_result(const struct kg_card *card, const char *field)
{
	const struct kg_card_field *f = kg_card_field(card, field);

	return f && f->unit == KG_UNIT_NONE && (!strcmp(field, "ret") || !strcmp(field, "retval"));
}

static void allow(json_t *contract, const char *what, const char *reason)
{
	json_t *map = json_object_get(contract, "allow");

	if (!map)
		json_object_set_new(contract, "allow", map = json_object());
	json_object_set_new(map, what, json_string(reason));
}

/* What is asked of every program, and is not asked of one that was told to do otherwise. */
static void waive(const struct kg_intent *in, json_t *contract)
{
	for (guint i = 0; i < in->events->len; i++) {
		const struct kg_card *card = in->events->pdata[i];

		for (guint k = 0; k < in->show->len; k++) {
			const struct kg_card_field *f = kg_card_field(card, in->show->pdata[k]);
			if (f && f->unit == KG_UNIT_ADDRESS)
				allow(contract, "address", "the address is what was asked for");
		}
		if (in->value && is_raw_result(card, in->value))
			allow(contract, "error", "results are what was asked for, whatever they mean");
	}
}

/* Each event in one of its ways: which[], counted up like a number. */
static json_t *combine(const GPtrArray *events, const guint *which, const struct kg_intent *in)
{
	json_t *all = json_array();

	for (guint i = 0; i < events->len; i++)
		json_array_extend(all, ((GPtrArray *)events->pdata[i])->pdata[which[i]]);
	if (in->every_ns && in->measure != KG_MEASURE_PRINT)
		json_array_append_new(all, every_json(in));
	if (in->for_ns)
		json_array_append_new(all, json_pack("{s:o}", "exit", json_sprintf("%" G_GINT64_FORMAT "ns", in->for_ns)));
	return json_pack("{s:o}", "events", all);
}

static gboolean next(const GPtrArray *events, guint *which)
{
	for (guint i = events->len; i-- > 0;) {
		if (++which[i] < ((GPtrArray *)events->pdata[i])->len)
			return TRUE;
		which[i] = 0;
	}
	return FALSE;
}

static json_t *either_json(const GPtrArray *events, const struct kg_intent *in)
{
	json_t *either = json_array();
	g_autofree guint *which = g_new0(guint, events->len + 1);
	guint n = 1;

	for (guint i = 0; i < events->len; i++)
		n = MIN(n * ((GPtrArray *)events->pdata[i])->len, MAX_WAYS + 1);
	do {
		json_array_append_new(either, combine(events, which, in));
	} while (n <= MAX_WAYS && next(events, which));
	return either;
}

static void list_free(gpointer p)
{
	g_ptr_array_unref(p);
}

/* Two events at one place would each forbid what the other shows. */
static int check_apart(const struct kg_intent *in, const GPtrArray *events, struct kg_error *err)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < events->len; i++) {
		json_t *clause, *point;
		gsize k, p;
		g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);

		json_array_foreach(((GPtrArray *)events->pdata[i])->pdata[0], k, clause)
			json_array_foreach(json_object_get(clause, "on"), p, point)
				g_hash_table_add(own, (gpointer)json_string_value(point));
		GHashTableIter it;
		gpointer text;
		g_hash_table_iter_init(&it, own);
		while (g_hash_table_iter_next(&it, &text, NULL))
			if (!g_hash_table_add(seen, text))
				return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s and other events are seen at one attach point, %s",
						    ((struct kg_card *)in->events->pdata[i])->plural, (char *)text);
	}
	return 0;
}

static int contract_json(const struct kg_intent *in, struct kg_profile *profile, gboolean is_rendered, const char *title, json_t **ret,
			 struct kg_error *err)
{
	g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(list_free);
	json_t *contract, *either;
	int r;

	for (guint i = 0; i < in->events->len; i++) {
		_cleanup_error_ struct kg_error why = {0};
		g_ptr_array_add(events, event_alternatives(in, i, profile, is_rendered, &why));
		if (!((GPtrArray *)events->pdata[i])->len)
			return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s", why.msg);
	}
	r = check_apart(in, events, err);
	if (r)
		return r;
	contract = json_pack("{s:s}", "for", title);
	waive(in, contract);
	if (in->top && is_histogram(in)) /* bpftrace prints all of them, and kgent shows the first ones */
		json_object_set_new(contract, "left", json_pack("[o]", json_sprintf("that only %u histograms are shown", in->top)));
	either = either_json(events, in);
	if (json_array_size(either) == 1)
		json_object_update(contract, json_array_get(either, 0));
	else
		json_object_set(contract, "either", either);
	json_decref(either);
	*ret = contract;
	return 0;
}

int kg_comprehend(const struct kg_intent *in, struct kg_profile *profile, const struct kg_comprehend_opts *opts, const char *title,
		  struct kg_contract **ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	json_t *contract = NULL;
	char *text;
	int r = contract_json(in, profile, opts && opts->is_rendered, title, &contract, err);

	if (r)
		return r;
	text = json_dumps(contract, JSON_INDENT(2));
	r = kg_contract_read(text, strlen(text), diags, ret);
	free(text);
	json_decref(contract);
	if (r)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s", diags->len ? ((struct kg_diag *)diags->pdata[0])->msg : "it can't be read");
	return 0;
}
