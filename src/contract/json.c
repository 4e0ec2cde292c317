/* A contract as JSON, in the schema that it is read in: reading the result gives an equal contract. */
#include "node.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *text(const char *s)
{
	return json_string(s ? s : "");
}

static json_t *expr_json(const struct kg_contract_expr *e)
{
	return text(e->text);
}

static json_t *exprs_json(const GPtrArray *exprs)
{
	json_t *list = json_array();

	for (guint i = 0; i < exprs->len; i++)
		json_array_append_new(list, expr_json(exprs->pdata[i]));
	return list;
}

static json_t *names_json(const GPtrArray *names)
{
	json_t *map = json_object();

	for (guint i = 0; i < names->len; i++) {
		const struct kg_contract_name *n = names->pdata[i];

		json_object_set_new(map, n->name, expr_json(&n->expr));
	}
	return map;
}

static json_t *value_json(const struct kg_contract_value *v)
{
	json_t *map = json_object();

	json_object_set_new(map, "what", text(v->what));
	json_object_set_new(map, "expr", expr_json(&v->expr));
	if (v->as)
		json_object_set_new(map, "as", text(kg_as_info(v->as)->name));
	if (v->when.node)
		json_object_set_new(map, "when", expr_json(&v->when));
	return map;
}

/* A point, or {any: [...]}. */
static json_t *entry_json(const GPtrArray *points)
{
	json_t *list;

	if (points->len == 1)
		return text(((struct kg_contract_point *)points->pdata[0])->text);
	list = json_array();
	for (guint i = 0; i < points->len; i++)
		json_array_append_new(list, text(((struct kg_contract_point *)points->pdata[i])->text));
	return json_pack("{s:o}", "any", list);
}

static void set_lhist(json_t *map, const struct kg_obligation *o)
{
	json_object_set_new(map, "min", json_integer(o->lhist_min));
	json_object_set_new(map, "max", json_integer(o->lhist_max));
	json_object_set_new(map, "step", json_integer(o->lhist_step));
}

/* ------------------------------------------------------------------ spans */

/* One expression, or a list of several. */
static json_t *one_or_list(json_t *list)
{
	json_t *one;

	if (json_array_size(list) != 1)
		return list;
	one = json_incref(json_array_get(list, 0));
	json_decref(list);
	return one;
}

static gboolean same_exprs(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++)
		if (strcmp(((struct kg_contract_expr *)a->pdata[i])->text, ((struct kg_contract_expr *)b->pdata[i])->text))
			return FALSE;
	return TRUE;
}

/* Do they differ only in where they are? */
static gboolean same_but_place(const struct kg_contract_end *a, const struct kg_contract_end *b)
{
	return a->points->len == 1 && b->points->len == 1 && same_exprs(a->key, b->key) && same_exprs(a->assumes, b->assumes) &&
	       !g_strcmp0(a->condition.text, b->condition.text);
}

/* The ends from *at on that are alike, as one. [has_key]: the span says their key. */
static json_t *end_json(const GPtrArray *ends, guint *at, gboolean has_key)
{
	const struct kg_contract_end *e = ends->pdata[*at];
	json_t *places = json_array(), *map;

	do
		json_array_append_new(places, entry_json(((struct kg_contract_end *)ends->pdata[*at])->points));
	while (++*at < ends->len && same_but_place(e, ends->pdata[*at]));
	places = one_or_list(places);
	if (has_key && !e->assumes->len && !e->condition.node)
		return places;
	if (json_is_object(places)) {
		map = places;
	} else {
		map = json_object();
		json_object_set_new(map, "at", places);
	}
	if (!has_key)
		json_object_set_new(map, "key", one_or_list(exprs_json(e->key)));
	if (e->assumes->len)
		json_object_set_new(map, "assume", exprs_json(e->assumes));
	if (e->condition.node)
		json_object_set_new(map, "only if", expr_json(&e->condition));
	return map;
}

static gboolean have_one_key(const struct kg_contract_span *s)
{
	const GPtrArray *key = ((struct kg_contract_end *)s->from->pdata[0])->key;

	for (guint i = 0; i < s->from->len + s->to->len; i++) {
		const struct kg_contract_end *e = i < s->from->len ? s->from->pdata[i] : s->to->pdata[i - s->from->len];
		if (!same_exprs(key, e->key))
			return FALSE;
	}
	return TRUE;
}

static json_t *span_json(const struct kg_contract_span *s)
{
	json_t *map = json_object();
	const GPtrArray *sides[] = {s->from, s->to};
	gboolean has_key = have_one_key(s);

	for (int side = 0; side < 2; side++) {
		json_t *list = json_array();

		for (guint i = 0; i < sides[side]->len;)
			json_array_append_new(list, end_json(sides[side], &i, has_key));
		json_object_set_new(map, side ? "to" : "from", one_or_list(list));
	}
	if (has_key)
		json_object_set_new(map, "key", one_or_list(exprs_json(((struct kg_contract_end *)s->from->pdata[0])->key)));
	if (s->keep->len)
		json_object_set_new(map, "keep", names_json(s->keep));
	json_object_set_new(map, "same thread", json_boolean(s->is_same_task));
	return map;
}

/* ------------------------------------------------------------ obligations */

static void append(json_t *map, const char *key, json_t *item)
{
	json_t *list = json_object_get(map, key);

	if (!list)
		json_object_set_new(map, key, list = json_array());
	json_array_append_new(list, item);
}

static json_t *keys_json(const GPtrArray *keys)
{
	json_t *list = json_array();

	for (guint i = 0; i < keys->len; i++)
		json_array_append_new(list, value_json(keys->pdata[i]));
	return list;
}

static void set_aggregate(json_t *map, const struct kg_obligation *o)
{
	json_t *value;

	if (o->aggregate == KG_AGGREGATE_COUNT) {
		json_object_set_new(map, "count", json_true());
		return;
	}
	value = value_json(&o->value);
	if (o->aggregate == KG_AGGREGATE_LHIST)
		set_lhist(value, o);
	json_object_set_new(map, kg_aggregate_name(o->aggregate), value);
}

static json_t *latency_json(const struct kg_obligation *o)
{
	json_t *map = json_object(), *range;

	json_object_set_new(map, "what", text(o->what));
	json_object_set_new(map, "unit", text(kg_as_info(o->value.as)->name));
	if (o->aggregate == KG_AGGREGATE_LHIST) {
		range = json_object();
		set_lhist(range, o);
		json_object_set_new(map, "as", json_pack("{s:o}", "lhist", range));
	} else {
		json_object_set_new(map, "as", text(kg_aggregate_name(o->aggregate)));
	}
	return map;
}

static json_t *time_json(uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {{60000000000, "min"}, {1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};

	for (gsize i = 0;; i++)
		if (ns % units[i].ns == 0)
			return json_sprintf("%" G_GUINT64_FORMAT "%s", (guint64)(ns / units[i].ns), units[i].name);
}

static json_t *every_json(const struct kg_obligation *o)
{
	json_t *map = json_object();

	json_object_set_new(map, "interval", time_json(o->interval_ns));
	if (o->clear != KG_UNKNOWN)
		json_object_set_new(map, "clear", json_boolean(o->clear == KG_YES));
	return map;
}

static void set_obligation(json_t *map, const struct kg_obligation *o)
{
	switch (o->kind) {
	case KG_OBLIGATION_SHOW: append(map, "show", value_json(&o->value)); break;
	case KG_OBLIGATION_RETURN: append(map, "return", value_json(&o->value)); break;
	case KG_OBLIGATION_ORDER: json_object_set_new(map, "in order", json_true()); break;
	case KG_OBLIGATION_BY: json_object_set_new(map, "by", keys_json(o->keys)); break;
	case KG_OBLIGATION_AGGREGATE: set_aggregate(map, o); break;
	case KG_OBLIGATION_ONLY_IF: json_object_set_new(map, "only if", expr_json(&o->condition)); break;
	case KG_OBLIGATION_LATENCY: json_object_set_new(map, "latency", latency_json(o)); break;
	case KG_OBLIGATION_TOP: json_object_set_new(map, "top", json_integer(o->top)); break;
	case KG_OBLIGATION_EXIT: json_object_set_new(map, "exit", time_json(o->interval_ns)); break;
	case KG_OBLIGATION_EVERY: json_object_set_new(map, "every", every_json(o)); break;
	default: break; /* `on` is written as a whole; the others are not in contracts */
	}
}

/* --------------------------------------------------------------- contract */

static json_t *clause_json(const struct kg_contract_clause *c)
{
	json_t *map = json_object(), *on = json_array();

	if (c->title)
		json_object_set_new(map, "for", text(c->title));
	for (guint i = 0; i < c->on->len; i++)
		json_array_append_new(on, entry_json(c->on->pdata[i]));
	if (c->on->len)
		json_object_set(map, "on", on);
	json_decref(on);
	if (c->names->len)
		json_object_set_new(map, "where", names_json(c->names));
	if (c->assumes->len)
		json_object_set_new(map, "assume", exprs_json(c->assumes));
	if (c->span)
		json_object_set_new(map, "span", span_json(c->span));
	for (guint i = 0; i < c->obligations->len; i++)
		set_obligation(map, c->obligations->pdata[i]);
	return map;
}

static json_t *way_json(const struct kg_contract_way *w)
{
	json_t *map, *list;

	if (w->clauses->len == 1)
		return clause_json(w->clauses->pdata[0]);
	map = json_object();
	list = json_array();
	if (w->title)
		json_object_set_new(map, "for", text(w->title));
	for (guint i = 0; i < w->clauses->len; i++)
		json_array_append_new(list, clause_json(w->clauses->pdata[i]));
	json_object_set_new(map, "events", list);
	return map;
}

static json_t *waivers_json(const struct kg_contract *c)
{
	json_t *map = json_object();

	for (guint i = 0; i < c->waivers->len; i++) {
		const struct kg_contract_waiver *w = c->waivers->pdata[i];

		json_object_set_new(map, kg_obligation_info(w->kind)->name, text(w->reason));
	}
	return map;
}

static json_t *texts_json(const GPtrArray *texts)
{
	json_t *list = json_array();

	for (guint i = 0; i < texts->len; i++)
		json_array_append_new(list, text(texts->pdata[i]));
	return list;
}

char *kg_contract_json(const struct kg_contract *c)
{
	json_t *map = json_object(), *list = json_array();
	char *dump, *out;

	if (*c->title)
		json_object_set_new(map, "for", text(c->title));
	if (c->record)
		json_object_set_new(map, "record", text(c->record));
	if (c->waivers->len)
		json_object_set_new(map, "allow", waivers_json(c));
	if (c->left->len)
		json_object_set_new(map, "left", texts_json(c->left));
	for (guint i = 0; i < c->ways->len; i++)
		json_array_append_new(list, way_json(c->ways->pdata[i]));
	if (c->ways->len == 1)
		json_object_update_missing(map, json_array_get(list, 0));
	else
		json_object_set(map, "either", list);
	json_decref(list);
	dump = json_dumps(map, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	out = g_strconcat(dump ? dump : "{}", "\n", NULL);
	free(dump);
	json_decref(map);
	return out;
}
