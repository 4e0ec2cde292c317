/* The structs of a contract: how they begin, are copied and end, and the tables of their words. */
#include "node.h"

#include <string.h>

static const struct kg_obligation_info obligation_infos[KG_OBLIGATIONS] = {
	[KG_OBLIGATION_ON] = {"on", FALSE, "the program is attached where the event happens"},
	[KG_OBLIGATION_SHOW] = {"show", FALSE, "the value is shown"},
	[KG_OBLIGATION_BY] = {"by", FALSE, "events are grouped by exactly these keys"},
	[KG_OBLIGATION_AGGREGATE] = {"aggregate", FALSE, "each event adds exactly its value, once"},
	[KG_OBLIGATION_ONLY_IF] = {"only if", FALSE, "something is shown if and only if the condition holds"},
	[KG_OBLIGATION_LATENCY] = {"latency", FALSE, "the time between beginning and end is shown"},
	[KG_OBLIGATION_TOP] = {"top", FALSE, "only so many of the largest entries are shown"},
	[KG_OBLIGATION_EXIT] = {"exit", FALSE, "it ends after this time, and not before"},
	[KG_OBLIGATION_EVERY] = {"every", FALSE, "it is shown at this interval"},
	[KG_OBLIGATION_ORDER] = {"in order", FALSE, "values of one kind are shown in the order in which they are asked for"},
	[KG_OBLIGATION_RETURN] = {"return", FALSE, "the program's result is this"},
	[KG_OBLIGATION_ASSERT] = {"assert", FALSE, "an assertion of the program holds"},
	[KG_OBLIGATION_BYTE_ORDER] = {"byte order", TRUE, "no big endian value is shown as a number"},
	[KG_OBLIGATION_ADDRESS] = {"address", TRUE, "no address is shown as a value"},
	[KG_OBLIGATION_ERROR] = {"error", TRUE, "no error is counted as an amount"},
	[KG_OBLIGATION_USER_MEMORY] = {"user memory", TRUE, "user memory is read with the user helpers"},
	[KG_OBLIGATION_RECORD] = {"record", TRUE, "every byte of a record was written by the program"},
};

const struct kg_obligation_info *kg_obligation_info(enum kg_obligation_kind kind)
{
	return &obligation_infos[kind < KG_OBLIGATIONS ? kind : KG_OBLIGATION_ASSERT];
}

enum kg_obligation_kind kg_obligation_parse(const char *name)
{
	int i = 0;

	while (i < KG_OBLIGATIONS && strcmp(obligation_infos[i].name, name))
		i++;
	return (enum kg_obligation_kind)i;
}

const char *kg_aggregate_name(enum kg_aggregate aggregate)
{
	static const char *const names[KG_AGGREGATES] = {"print", "count", "sum", "avg", "min", "max", "stats", "hist", "lhist"};

	return names[aggregate < KG_AGGREGATES ? aggregate : 0];
}

/* ------------------------------------------------------------ expressions */

void con_expr_clear(struct kg_contract_expr *e)
{
	g_free(e->text);
	kg_bt_node_free(e->node);
	*e = (struct kg_contract_expr){0};
}

void con_expr_free(gpointer p)
{
	if (p)
		con_expr_clear(p);
	g_free(p);
}

static void expr_fill(struct kg_contract_expr *to, const struct kg_contract_expr *from)
{
	to->text = g_strdup(from->text);
	to->node = from->node ? kg_bt_node_copy(from->node) : NULL;
	to->loc = from->loc;
}

struct kg_contract_expr *con_expr_copy(const struct kg_contract_expr *e)
{
	struct kg_contract_expr *copy = g_new0(struct kg_contract_expr, 1);

	expr_fill(copy, e);
	return copy;
}

static void name_free(gpointer p)
{
	struct kg_contract_name *n = p;

	g_free(n->name);
	con_expr_clear(&n->expr);
	g_free(n);
}

struct kg_contract_name *con_name_copy(const struct kg_contract_name *n)
{
	struct kg_contract_name *copy = g_new0(struct kg_contract_name, 1);

	copy->name = g_strdup(n->name);
	expr_fill(&copy->expr, &n->expr);
	return copy;
}

void con_value_clear(struct kg_contract_value *v)
{
	g_free(v->what);
	con_expr_clear(&v->expr);
	con_expr_clear(&v->when);
	*v = (struct kg_contract_value){0};
}

static void value_free(gpointer p)
{
	con_value_clear(p);
	g_free(p);
}

GPtrArray *con_exprs_new(void)
{
	return g_ptr_array_new_with_free_func(con_expr_free);
}

GPtrArray *con_names_new(void)
{
	return g_ptr_array_new_with_free_func(name_free);
}

GPtrArray *con_values_new(void)
{
	return g_ptr_array_new_with_free_func(value_free);
}

/* ----------------------------------------------------------------- points */

struct kg_contract_point *kg_contract_point_free(struct kg_contract_point *p)
{
	if (p) {
		g_free(p->text);
		g_free(p->target);
	}
	g_free(p);
	return NULL;
}

static void point_destroy(gpointer p)
{
	kg_contract_point_free(p);
}

GPtrArray *con_points_new(void)
{
	return g_ptr_array_new_with_free_func(point_destroy);
}

struct kg_contract_point *con_point_copy(const struct kg_contract_point *p)
{
	struct kg_contract_point *copy = g_memdup2(p, sizeof *p);

	copy->text = g_strdup(p->text);
	copy->target = g_strdup(p->target);
	return copy;
}

/* ------------------------------------------------- obligations and clauses */

struct kg_obligation *con_obligation_new(enum kg_obligation_kind kind, struct kg_loc loc)
{
	struct kg_obligation *o = g_new0(struct kg_obligation, 1);

	o->kind = kind;
	o->loc = loc;
	o->clear = KG_UNKNOWN;
	return o;
}

struct kg_obligation *con_obligation_free(struct kg_obligation *o)
{
	if (!o)
		return NULL;
	g_free(o->what);
	g_clear_pointer(&o->points, g_ptr_array_unref);
	g_clear_pointer(&o->keys, g_ptr_array_unref);
	con_value_clear(&o->value);
	con_expr_clear(&o->condition);
	g_free(o);
	return NULL;
}

static void obligation_destroy(gpointer o)
{
	con_obligation_free(o);
}

struct kg_contract_end *con_end_free(struct kg_contract_end *e)
{
	if (!e)
		return NULL;
	g_clear_pointer(&e->points, g_ptr_array_unref);
	g_clear_pointer(&e->key, g_ptr_array_unref);
	g_clear_pointer(&e->assumes, g_ptr_array_unref);
	con_expr_clear(&e->condition);
	g_free(e);
	return NULL;
}

static void end_destroy(gpointer e)
{
	con_end_free(e);
}

struct kg_contract_span *con_span_new(void)
{
	struct kg_contract_span *s = g_new0(struct kg_contract_span, 1);

	s->from = g_ptr_array_new_with_free_func(end_destroy);
	s->to = g_ptr_array_new_with_free_func(end_destroy);
	s->keep = con_names_new();
	return s;
}

struct kg_contract_span *con_span_free(struct kg_contract_span *s)
{
	if (!s)
		return NULL;
	g_ptr_array_unref(s->from);
	g_ptr_array_unref(s->to);
	g_ptr_array_unref(s->keep);
	g_free(s);
	return NULL;
}

struct kg_contract_clause *con_clause_new(void)
{
	struct kg_contract_clause *c = g_new0(struct kg_contract_clause, 1);

	c->on = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	c->names = con_names_new();
	c->assumes = con_exprs_new();
	c->obligations = g_ptr_array_new_with_free_func(obligation_destroy);
	return c;
}

struct kg_contract_clause *con_clause_free(struct kg_contract_clause *c)
{
	if (!c)
		return NULL;
	g_free(c->title);
	g_ptr_array_unref(c->on);
	con_span_free(c->span);
	g_ptr_array_unref(c->names);
	g_ptr_array_unref(c->assumes);
	g_ptr_array_unref(c->obligations);
	g_free(c);
	return NULL;
}

struct kg_contract_way *con_way_free(struct kg_contract_way *w)
{
	if (!w)
		return NULL;
	g_free(w->title);
	g_ptr_array_unref(w->clauses);
	g_free(w);
	return NULL;
}

struct kg_contract *kg_contract_free(struct kg_contract *c)
{
	if (!c)
		return NULL;
	g_free(c->title);
	g_free(c->record);
	g_ptr_array_unref(c->ways);
	g_ptr_array_unref(c->waivers);
	g_ptr_array_unref(c->left);
	kg_macros_free(c->macros);
	g_free(c);
	return NULL;
}

/* ------------------------------------------------------------------ words */

static void say_keys(const struct kg_contract_clause *c, GString *out)
{
	for (guint i = 0; i < c->obligations->len; i++) {
		const struct kg_obligation *o = c->obligations->pdata[i];

		for (guint j = 0; o->kind == KG_OBLIGATION_BY && j < o->keys->len; j++)
			g_string_append_printf(out, "%s%s", j ? ", " : out->len ? " by " : "by ",
					       ((struct kg_contract_value *)o->keys->pdata[j])->what);
	}
}

static void say_points(const GPtrArray *points, GString *out)
{
	for (guint i = 0; i < points->len; i++)
		g_string_append_printf(out, "%s%s", i ? " or " : "", ((struct kg_contract_point *)points->pdata[i])->text);
}

static void say_obligation(const struct kg_contract_clause *c, struct kg_obligation *o, GString *out)
{
	g_autofree char *interval = o->interval_ns ? g_strdup_printf("%g s", (double)o->interval_ns / 1e9) : NULL;

	switch (o->kind) {
	case KG_OBLIGATION_ON:
		g_string_append(out, "attached to ");
		say_points(o->points, out);
		break;
	case KG_OBLIGATION_BY:
		say_keys(c, out);
		if (!out->len)
			g_string_append(out, "not grouped");
		break;
	case KG_OBLIGATION_AGGREGATE:
		g_string_append_printf(out, "%s%s%s", kg_aggregate_name(o->aggregate), o->value.expr.node ? " of " : "",
				       o->value.expr.node ? o->value.what : "");
		say_keys(c, out);
		break;
	case KG_OBLIGATION_ONLY_IF:
		g_string_append_printf(out, "only if %s", o->condition.text);
		break;
	case KG_OBLIGATION_LATENCY:
		g_string_append_printf(out, "latency in %s", kg_as_info(o->value.as)->name);
		break;
	case KG_OBLIGATION_EVERY:
		g_string_append_printf(out, "every %s%s", interval, o->clear == KG_YES ? ", cleared" : "");
		break;
	case KG_OBLIGATION_TOP:
		g_string_append_printf(out, "only the %" G_GINT64_FORMAT " largest", o->top);
		break;
	case KG_OBLIGATION_EXIT:
		g_string_append_printf(out, "exit after %s", interval);
		break;
	case KG_OBLIGATION_ORDER:
		g_string_append(out, "values in the order asked for");
		break;
	case KG_OBLIGATION_RETURN:
		g_string_append_printf(out, "returns %s", o->value.what);
		break;
	default:
		g_string_append(out, o->value.what ? o->value.what : kg_obligation_info(o->kind)->name);
	}
}

void con_clause_say(struct kg_contract_clause *c)
{
	for (guint i = 0; i < c->obligations->len; i++) {
		struct kg_obligation *o = c->obligations->pdata[i];
		GString *out = g_string_new(NULL);

		if (!o->what)
			say_obligation(c, o, out);
		if (!o->what)
			o->what = g_strdup(out->str);
		g_string_free(out, TRUE);
	}
}

void kg_contract_env(const struct kg_contract *contract, const struct kg_contract_clause *clause, struct kg_expr_env *env)
{
	env->names = clause->names;
	env->macros = contract->macros;
}
