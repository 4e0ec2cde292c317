/*
 * What is asked of an event where it is seen in one way: clauses of a contract, one for each site (of a span: for each pair of a beginning and an end) and for each case
 * of what it is grouped by. Those that differ in their places only become one.
 */
#include "view.h"

#include <string.h>

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

gboolean is_histogram(const struct kg_intent *in)
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
	if (v->intent->top && !is_histogram(v->intent))
		json_object_set_new(clause, "top", json_integer(v->intent->top));
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

static json_t *points_json(const struct kg_card_site *site)
{
	json_t *on = json_array();

	for (guint i = 0; i < site->at->len; i++)
		json_array_append_new(on, json_string(site->at->pdata[i]));
	return on;
}

static json_t *end_json(struct view *v, const struct kg_card_site *site)
{
	json_t *end = json_pack("{s:o}", "at", points_json(site));

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

gboolean site_clauses(struct view *v, json_t *list)
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

void merge_clauses(json_t *clauses)
{
	for (gsize i = 0; i < json_array_size(clauses); i++)
		for (gsize k = i + 1; k < json_array_size(clauses);)
			if (merge_two(json_array_get(clauses, i), json_array_get(clauses, k)))
				json_array_remove(clauses, k);
			else
				k++;
}
