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

static json_t *value_json(const char *what, const char *expr)
{
	return json_pack("{s:s, s:s}", "what", what, "expr", expr);
}

/* ---------------------------------------------------------------- what is asked of the event */

/* Is the measured value the time from one end to the other? */
static gboolean measures_time(const struct view *v)
{
	return v->intent->value && view_is_span_time(v->card, v->way, v->intent->value);
}

static gboolean is_histogram(const struct kg_intent *in)
{
	return in->measure == KG_MEASURE_HIST || in->measure == KG_MEASURE_LHIST;
}

/* In which durations are shown. */
static enum kg_unit time_unit(const struct view *v)
{
	if (is_histogram(v->intent))
		return kg_intent_hist_unit(v->intent);
	return v->is_rendered ? KG_UNIT_NS : v->intent->display ? v->intent->display : KG_UNIT_US;
}

static void set_lhist(json_t *map, const struct kg_intent *in, int64_t ns_per_unit)
{
	json_object_set_new(map, "min", json_integer(in->lhist_min / ns_per_unit));
	json_object_set_new(map, "max", json_integer(in->lhist_max / ns_per_unit));
	json_object_set_new(map, "step", json_integer(in->lhist_step / ns_per_unit));
}

static json_t *latency_json(const struct view *v)
{
	const struct kg_intent *in = v->intent;
	json_t *latency = json_pack("{s:s, s:s}", "what", "duration", "unit", kg_unit_name(time_unit(v))), *range;

	if (in->measure == KG_MEASURE_LHIST) {
		range = json_object();
		set_lhist(range, in, kg_unit_ns(kg_intent_hist_unit(in)));
		json_object_set_new(latency, "as", json_pack("{s:o}", "lhist", range));
	} else {
		json_object_set_new(latency, "as", json_string(kg_measure_name(in->measure)));
	}
	return latency;
}

/* The measured field is put together. [k]: which of its cases. */
static gboolean aggregate(struct view *v, guint k, json_t *clause)
{
	const struct kg_intent *in = v->intent;
	_cleanup_value_ struct view_value value = {0};
	json_t *map;

	if (in->measure == KG_MEASURE_COUNT) {
		json_object_set_new(clause, "count", json_true());
		return TRUE;
	}
	if (measures_time(v)) {
		json_object_set_new(clause, "latency", latency_json(v));
		return TRUE;
	}
	if (!view_value(v, in->value, &value))
		return FALSE;
	map = value_json(view_title(v, in->value), value.expr->pdata[MIN(k, value.expr->len - 1)]);
	if (!strcmp(in->value, KG_DURATION))
		json_object_set_new(map, "as", json_string(kg_unit_name(time_unit(v))));
	if (in->measure == KG_MEASURE_LHIST)
		set_lhist(map, in, kg_unit_ns(strcmp(in->value, KG_DURATION) ? value.unit : kg_intent_hist_unit(in)));
	json_object_set_new(clause, kg_measure_name(in->measure), map);
	return TRUE;
}

static gboolean keys(struct view *v, guint k, json_t *clause)
{
	json_t *by = json_array();

	json_object_set_new(clause, "by", by);
	for (guint i = 0; i < v->intent->by->len; i++) {
		const char *field = v->intent->by->pdata[i];
		_cleanup_value_ struct view_value value = {0};

		if (!view_value(v, field, &value))
			return FALSE;
		json_array_append_new(by, value_json(view_title(v, field), value.expr->pdata[MIN(k, value.expr->len - 1)]));
	}
	return TRUE;
}

/* What the sentence names, or what the card shows where it names nothing. Borrowed names. */
static GPtrArray *shown_fields(const struct view *v)
{
	GPtrArray *fields = g_ptr_array_new();

	for (guint i = 0; i < v->intent->show->len; i++)
		g_ptr_array_add(fields, v->intent->show->pdata[i]);
	for (guint i = 0; !v->intent->show->len && i < v->card->fields->len; i++) {
		const struct kg_card_field *f = v->card->fields->pdata[i];
		if (f->is_shown && view_has(v->card, v->way, v->mode, f->name))
			g_ptr_array_add(fields, f->name);
	}
	return fields;
}

static char *and_also(const GPtrArray *conditions, const char *a, const char *b)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < conditions->len; i++)
		add_condition(all, conditions->pdata[i]);
	add_condition(all, a);
	add_condition(all, b && strcmp(b, "1") ? b : NULL);
	return all_of(all);
}

/* `as`, where it does not follow from the type. Ports are told apart from other numbers, so that either stands where it likes. */
static const char *shown_as(const struct view *v, const char *field, enum kg_unit unit)
{
	if (!strcmp(field, KG_DURATION) && !kg_card_field(v->card, field))
		return kg_unit_name(time_unit(v));
	if (unit == KG_UNIT_PORT && !v->is_rendered)
		return "port";
	return unit == KG_UNIT_FLAGS || unit == KG_UNIT_ADDRESS ? "hex" : NULL;
}

/* *ret_always: something is shown of each event. */
static gboolean show(struct view *v, const GPtrArray *conditions, json_t *clause, gboolean *ret_always)
{
	g_autoptr(GPtrArray) fields = shown_fields(v);
	json_t *list = json_array();

	json_object_set_new(clause, "show", list);
	*ret_always = FALSE;
	for (guint i = 0; i < fields->len; i++) {
		const char *field = fields->pdata[i];
		_cleanup_value_ struct view_value value = {0};

		if (!view_value(v, field, &value))
			return FALSE;
		if (value.is_duration) {
			json_object_set_new(clause, "latency", latency_json(v));
			*ret_always = TRUE;
			continue;
		}
		for (guint k = 0; k < value.expr->len; k++) {
			json_t *one = value_json(view_title(v, field), value.expr->pdata[k]);
			g_autofree char *when = and_also(conditions, value.valid, value.when->len ? value.when->pdata[k] : NULL);

			const char *as = shown_as(v, field, value.unit);

			if (as)
				json_object_set_new(one, "as", json_string(as));
			if (when)
				json_object_set_new(one, "when", json_string(when));
			*ret_always = *ret_always || !when;
			json_array_append_new(list, one);
		}
	}
	if (!json_array_size(list))
		json_object_del(clause, "show");
	else if (json_array_size(list) > 1 && !v->is_rendered)
		json_object_set_new(clause, "in order", json_true());
	return TRUE;
}

/* ---------------------------------------------------------------- spans */

/* "args->dev, args->sector": the expressions of a key. */
static json_t *key_json(struct view *v, const struct kg_card_site *site)
{
	g_autofree char *key = view_text(v, site, site->key);
	json_t *list = json_array();
	int depth = 0;
	const char *from = key;

	for (const char *s = key;; s++) {
		depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
		if (*s && (*s != ',' || depth))
			continue;
		g_autofree char *one = g_strstrip(g_strndup(from, (gsize)(s - from)));
		json_array_append_new(list, json_string(one));
		from = s + 1;
		if (!*s)
			return list;
	}
}

static json_t *end_json(struct view *v, const struct kg_card_site *site)
{
	json_t *end = json_object(), *at = json_array();

	for (guint i = 0; i < site->at->len; i++)
		json_array_append_new(at, json_string(site->at->pdata[i]));
	json_object_set_new(end, "at", at);
	json_object_set_new(end, "key", key_json(v, site));
	if (site->when) {
		g_autofree char *when = view_text(v, site, site->when);
		json_object_set_new(end, "only if", json_string(when));
	}
	return end;
}

static json_t *span_json(struct view *v)
{
	json_t *span = json_object();

	json_object_set_new(span, "from", end_json(v, v->begin));
	json_object_set_new(span, "to", end_json(v, v->end));
	json_object_set_new(span, "same thread", json_boolean(v->way->is_same_task));
	return span;
}

/* ---------------------------------------------------------------- clauses */

/* A key or a measured value that is invalid is none: such an event is not put together with others. */
static gboolean validity(struct view *v, GPtrArray *conditions)
{
	for (guint i = 0; i <= v->intent->by->len; i++) {
		const char *field = i < v->intent->by->len ? v->intent->by->pdata[i] : v->intent->value;
		_cleanup_value_ struct view_value value = {0};

		if (field && !view_value(v, field, &value))
			return FALSE;
		add_condition(conditions, value.valid);
	}
	return TRUE;
}

/* The cases that the keys and the value have in common; NULL: none of them has any. */
static gboolean cases_of(struct view *v, GPtrArray **ret)
{
	*ret = NULL;
	for (guint i = 0; i <= v->intent->by->len; i++) {
		const char *field = i < v->intent->by->len ? v->intent->by->pdata[i] : v->intent->value;
		_cleanup_value_ struct view_value value = {0};
		g_autofree char *mine = NULL, *others = NULL;

		if (field && !view_value(v, field, &value))
			return FALSE;
		if (!field || !value.when->len)
			continue;
		mine = all_of(value.when);
		others = *ret ? all_of(*ret) : NULL;
		if (others && strcmp(mine, others)) {
			kg_error_set(v->err, KG_E_UNSUPPORTED, STAGE, "%s: %s and the other keys have different cases", v->card->plural, field);
			return FALSE;
		}
		if (!*ret)
			*ret = g_ptr_array_ref(value.when);
	}
	return TRUE;
}

/* Case [k]. They are disjoint; the last can be all the rest. */
static void assume_case(const GPtrArray *cases, guint k, json_t *assume)
{
	gboolean is_rest = !strcmp(cases->pdata[k], "1");

	for (guint i = is_rest ? 0 : k; i < k + !is_rest; i++)
		json_array_append_new(assume, is_rest ? json_sprintf("!(%s)", (char *)cases->pdata[i]) : json_string(cases->pdata[i]));
}

static json_t *points_json(const struct kg_card_site *site)
{
	json_t *on = json_array();

	for (guint i = 0; i < site->at->len; i++)
		json_array_append_new(on, json_string(site->at->pdata[i]));
	return on;
}

/* One clause, in the order in which a person would write it. NULL: it can't be said. */
static json_t *clause_of(struct view *v, const GPtrArray *cases, guint k)
{
	g_autoptr(GPtrArray) conditions = g_ptr_array_new_with_free_func(g_free);
	json_t *clause = json_object(), *span = NULL;
	gboolean always = TRUE, is_print = v->intent->measure == KG_MEASURE_PRINT, ok;

	v->where = json_object();
	v->keep = json_object();
	v->assume_begin = json_array();
	json_object_set_new(clause, "where", v->where);
	if (v->mode == VIEW_BOTH)
		json_object_set_new(clause, "span", span = span_json(v));
	else
		json_object_set_new(clause, "on", points_json(v->mode == VIEW_BEGIN ? v->begin : v->end));
	json_object_set_new(clause, "assume", v->assume = json_array());
	if (cases)
		assume_case(cases, k, v->assume);
	ok = view_conditions(v, conditions);
	ok = ok && (is_print || validity(v, conditions));
	ok = ok && (is_print ? show(v, conditions, clause, &always) : aggregate(v, k, clause) && keys(v, k, clause));
	g_autofree char *condition = all_of(conditions);
	if (condition || !always)
		json_object_set_new(clause, "only if", json_string(condition ? condition : "1"));
	if (span && json_object_size(v->keep))
		json_object_set(span, "keep", v->keep);
	if (span && json_array_size(v->assume_begin))
		json_object_set(json_object_get(span, "from"), "assume", v->assume_begin);
	json_decref(v->assume_begin);
	json_decref(v->keep);
	v->keep = NULL;
	if (!json_object_size(v->where))
		json_object_del(clause, "where");
	if (!json_array_size(v->assume))
		json_object_del(clause, "assume");
	if (!ok) {
		json_decref(clause);
		return NULL;
	}
	return clause;
}

/* The clauses of one site: one, or one for each case of what it is grouped by. */
static gboolean site_clauses(struct view *v, json_t *list)
{
	g_autoptr(GPtrArray) cases = NULL;
	gboolean ok = TRUE;

	v->where = json_object(); /* the names are made again for each clause */
	v->keep = json_object();
	v->assume = json_array();
	v->assume_begin = json_array();
	if (v->intent->measure != KG_MEASURE_PRINT)
		ok = cases_of(v, &cases);
	json_decref(v->assume_begin);
	json_decref(v->assume);
	json_decref(v->where);
	json_decref(v->keep);
	for (guint k = 0; ok && k < (cases ? cases->len : 1); k++) {
		json_t *clause = clause_of(v, cases, k);
		ok = clause != NULL;
		if (clause)
			json_array_append_new(list, clause);
	}
	return ok;
}

/* ---------------------------------------------------------------- clauses that differ in their places only */

/* What is said of the event, without where it is seen. */
static json_t *body_of(const json_t *clause)
{
	json_t *body = json_deep_copy(clause), *span = json_object_get(body, "span");

	json_object_del(body, "on");
	json_object_del(span, "from");
	json_object_del(span, "to");
	return body;
}

static json_t *as_list(json_t *item)
{
	return json_is_array(item) ? json_incref(item) : json_pack("[O]", item);
}

/* The places of [from] join those of [to], under [key]. */
static void join(json_t *to, const json_t *from, const char *key)
{
	json_t *list = as_list(json_object_get(to, key)), *more = as_list(json_object_get(from, key));

	json_array_extend(list, more);
	json_object_set_new(to, key, list);
	json_decref(more);
}

/* Two spans with one beginning, or with one end, are one span; so are two points of which the same is said. */
static gboolean merge_two(json_t *a, const json_t *b)
{
	json_t *body_a = body_of(a), *body_b = body_of(b), *span_a = json_object_get(a, "span"), *span_b = json_object_get(b, "span");
	gboolean same = json_equal(body_a, body_b);

	json_decref(body_a);
	json_decref(body_b);
	if (!same)
		return FALSE;
	if (!span_a)
		join(a, b, "on");
	else if (json_equal(json_object_get(span_a, "from"), json_object_get(span_b, "from")))
		join(span_a, span_b, "to");
	else if (json_equal(json_object_get(span_a, "to"), json_object_get(span_b, "to")))
		join(span_a, span_b, "from");
	else
		return FALSE;
	return TRUE;
}

static void merge(json_t *clauses)
{
	for (gsize i = 0; i < json_array_size(clauses); i++)
		for (gsize k = i + 1; k < json_array_size(clauses);)
			if (merge_two(json_array_get(clauses, i), json_array_get(clauses, k)))
				json_array_remove(clauses, k);
			else
				k++;
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
	merge(list); /* ends first: then the beginnings of one end are alike */
	merge(list);
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

/* What is asked and no obligation has words for. */
static json_t *left_json(const struct kg_intent *in)
{
	json_t *left = json_array();

	if (in->top)
		json_array_append_new(left, json_sprintf("that only the %u largest are shown", in->top));
	if (in->for_ns)
		json_array_append_new(left, json_string("that it ends in time"));
	return left;
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
	json_t *contract, *either, *left;
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
	left = left_json(in);
	if (json_array_size(left))
		json_object_set(contract, "left", left);
	json_decref(left);
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
