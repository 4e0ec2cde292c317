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

static json_t *end_json(const struct kg_contract_end *e)
{
	json_t *map = json_object();

	if (e->points->len == 1)
		json_object_set_new(map, "at", entry_json(e->points));
	else
		json_object_update_new(map, entry_json(e->points));
	json_object_set_new(map, "key", exprs_json(e->key));
	if (e->assumes->len)
		json_object_set_new(map, "assume", exprs_json(e->assumes));
	if (e->condition.node)
		json_object_set_new(map, "only if", expr_json(&e->condition));
	return map;
}

static json_t *span_json(const struct kg_contract_span *s)
{
	json_t *map = json_object();
	const GPtrArray *sides[] = {s->from, s->to};

	for (int side = 0; side < 2; side++) {
		json_t *list = json_array();

		for (guint i = 0; i < sides[side]->len; i++)
			json_array_append_new(list, end_json(sides[side]->pdata[i]));
		json_object_set_new(map, side ? "to" : "from", list);
	}
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

static json_t *every_json(const struct kg_obligation *o)
{
	json_t *map = json_object();

	json_object_set_new(map, "interval", json_sprintf("%" G_GUINT64_FORMAT " ns", (guint64)o->interval_ns));
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
