/*
 * A card's pieces: making, copying, freeing and looking things up in them.
 */
#include "model.h"

#include <string.h>

GPtrArray *strings_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

GPtrArray *strings_copy(const GPtrArray *a)
{
	GPtrArray *c = strings_new();
	for (guint i = 0; a && i < a->len; i++)
		g_ptr_array_add(c, g_strdup(g_ptr_array_index(a, i)));
	return c;
}

gboolean strings_have(const GPtrArray *a, const char *s)
{
	for (guint i = 0; a && i < a->len; i++)
		if (g_str_equal(g_ptr_array_index(a, i), s))
			return TRUE;
	return FALSE;
}

static void unref(GPtrArray *a)
{
	if (a)
		g_ptr_array_unref(a);
}

void value_destroy(gpointer value)
{
	struct kg_value_name *v = value;
	g_free(v->name);
	unref(v->says);
	unref(v->events);
	g_free(v);
}

struct kg_value_name *value_new(void)
{
	struct kg_value_name *v = g_new0(struct kg_value_name, 1);
	v->says = strings_new();
	v->events = strings_new();
	return v;
}

void field_destroy(gpointer field)
{
	struct kg_card_field *f = field;
	g_free(f->name);
	g_free(f->about);
	unref(f->says);
	unref(f->values);
	g_free(f);
}

struct kg_card_field *field_new(void)
{
	struct kg_card_field *f = g_new0(struct kg_card_field, 1);
	f->says = strings_new();
	f->values = g_ptr_array_new_with_free_func(value_destroy);
	return f;
}

struct kg_card_stimulus *stimulus_new(void)
{
	struct kg_card_stimulus *s = g_new0(struct kg_card_stimulus, 1);
	s->fields = strings_new();
	s->values = strings_new();
	return s;
}

void stimulus_destroy(gpointer stimulus)
{
	struct kg_card_stimulus *s = stimulus;
	g_free(s->name);
	g_free(s->options);
	g_free(s->count);
	g_free(s->each);
	g_free(s->least_ns);
	unref(s->fields);
	unref(s->values);
	g_free(s);
}

static void case_destroy(gpointer c)
{
	struct kg_card_case *k = c;
	g_free(k->when);
	g_free(k->expr);
	g_free(k);
}

void expr_destroy(gpointer expr)
{
	struct kg_card_expr *e = expr;
	g_free(e->field);
	g_free(e->valid);
	unref(e->cases);
	g_free(e);
}

struct kg_card_expr *expr_new(const char *field)
{
	struct kg_card_expr *e = g_new0(struct kg_card_expr, 1);
	e->field = g_strdup(field);
	e->cases = g_ptr_array_new_with_free_func(case_destroy);
	return e;
}

void expr_add_case(struct kg_card_expr *e, const char *when, const char *expr)
{
	struct kg_card_case *c = g_new0(struct kg_card_case, 1);
	c->when = g_strdup(when);
	c->expr = g_strdup(expr);
	g_ptr_array_add(e->cases, c);
}

static struct kg_card_expr *expr_copy(const struct kg_card_expr *e)
{
	struct kg_card_expr *c = expr_new(e->field);
	c->valid = g_strdup(e->valid);
	c->is_late = e->is_late;
	for (guint i = 0; i < e->cases->len; i++) {
		const struct kg_card_case *k = g_ptr_array_index(e->cases, i);
		expr_add_case(c, k->when, k->expr);
	}
	return c;
}

static void let_destroy(gpointer let)
{
	struct kg_card_let *l = let;
	g_free(l->name);
	g_free(l->expr);
	g_free(l);
}

void site_add_let(struct kg_card_site *s, const char *name, const char *expr)
{
	struct kg_card_let *l = g_new0(struct kg_card_let, 1);
	l->name = g_strdup(name);
	l->expr = g_strdup(expr);
	g_ptr_array_add(s->lets, l);
}

void site_destroy(gpointer site)
{
	struct kg_card_site *s = site;
	unref(s->at);
	unref(s->optional);
	unref(s->lets);
	unref(s->exprs);
	g_free(s->when);
	g_free(s->ok);
	g_free(s->key);
	g_free(s);
}

struct kg_card_site *site_new(void)
{
	struct kg_card_site *s = g_new0(struct kg_card_site, 1);
	s->at = strings_new();
	s->optional = strings_new();
	s->lets = g_ptr_array_new_with_free_func(let_destroy);
	s->exprs = g_ptr_array_new_with_free_func(expr_destroy);
	return s;
}

struct kg_card_site *site_copy(const struct kg_card_site *s)
{
	struct kg_card_site *c = g_new0(struct kg_card_site, 1);
	c->at = strings_copy(s->at);
	c->optional = strings_copy(s->optional);
	c->lets = g_ptr_array_new_with_free_func(let_destroy);
	c->exprs = g_ptr_array_new_with_free_func(expr_destroy);
	c->when = g_strdup(s->when);
	c->ok = g_strdup(s->ok);
	c->key = g_strdup(s->key);
	for (guint i = 0; i < s->lets->len; i++) {
		const struct kg_card_let *l = g_ptr_array_index(s->lets, i);
		site_add_let(c, l->name, l->expr);
	}
	for (guint i = 0; i < s->exprs->len; i++)
		g_ptr_array_add(c->exprs, expr_copy(g_ptr_array_index(s->exprs, i)));
	return c;
}

void site_each_slot(struct kg_card_site *s, void (*fn)(char **text, gpointer data), gpointer data)
{
	for (guint i = 0; i < s->lets->len; i++)
		fn(&((struct kg_card_let *)g_ptr_array_index(s->lets, i))->expr, data);
	fn(&s->when, data);
	fn(&s->ok, data);
	fn(&s->key, data);
	for (guint i = 0; i < s->exprs->len; i++) {
		struct kg_card_expr *e = g_ptr_array_index(s->exprs, i);
		fn(&e->valid, data);
		for (guint j = 0; j < e->cases->len; j++) {
			struct kg_card_case *c = g_ptr_array_index(e->cases, j);
			fn(&c->when, data);
			fn(&c->expr, data);
		}
	}
}

struct visit {
	void (*fn)(const char *text, gpointer data);
	gpointer data;
};

static void visit_slot(char **text, gpointer data)
{
	const struct visit *v = data;
	if (*text)
		v->fn(*text, v->data);
}

void site_each_text(const struct kg_card_site *s, void (*fn)(const char *text, gpointer data), gpointer data)
{
	struct visit v = {fn, data};
	site_each_slot((struct kg_card_site *)s, visit_slot, &v);
}

struct kg_card_way *way_new(void)
{
	struct kg_card_way *w = g_new0(struct kg_card_way, 1);
	w->begins = g_ptr_array_new_with_free_func(site_destroy);
	w->sites = g_ptr_array_new_with_free_func(site_destroy);
	w->binaries = strings_new();
	return w;
}

struct kg_card_way *way_copy(const struct kg_card_way *w)
{
	struct kg_card_way *c = g_new0(struct kg_card_way, 1);
	c->begins = g_ptr_array_new_with_free_func(site_destroy);
	c->sites = g_ptr_array_new_with_free_func(site_destroy);
	for (guint i = 0; i < w->begins->len; i++)
		g_ptr_array_add(c->begins, site_copy(g_ptr_array_index(w->begins, i)));
	for (guint i = 0; i < w->sites->len; i++)
		g_ptr_array_add(c->sites, site_copy(g_ptr_array_index(w->sites, i)));
	c->context = w->context;
	c->is_same_task = w->is_same_task;
	c->binary = g_strdup(w->binary);
	c->binaries = strings_copy(w->binaries);
	c->note = g_strdup(w->note);
	return c;
}

struct kg_card_way *kg_card_way_free(struct kg_card_way *way)
{
	if (!way)
		return NULL;
	unref(way->begins);
	unref(way->sites);
	unref(way->binaries);
	g_free(way->binary);
	g_free(way->note);
	g_free(way);
	return NULL;
}

static void way_destroy(gpointer way)
{
	kg_card_way_free(way);
}

struct kg_card *card_new(void)
{
	struct kg_card *c = g_new0(struct kg_card, 1);
	c->says = strings_new();
	c->says_done = strings_new();
	c->fields = g_ptr_array_new_with_free_func(field_destroy);
	c->ways = g_ptr_array_new_with_free_func(way_destroy);
	c->stimuli = g_ptr_array_new_with_free_func(stimulus_destroy);
	return c;
}

struct kg_card *kg_card_free(struct kg_card *card)
{
	if (!card)
		return NULL;
	g_free(card->name);
	g_free(card->title);
	g_free(card->plural);
	g_free(card->about);
	g_free(card->area);
	g_free(card->duration);
	unref(card->stimuli);
	g_free(card->file);
	unref(card->says);
	unref(card->says_done);
	unref(card->fields);
	unref(card->ways);
	g_free(card);
	return NULL;
}

const struct kg_card_field *kg_card_field(const struct kg_card *card, const char *name)
{
	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = g_ptr_array_index(card->fields, i);
		if (g_str_equal(f->name, name))
			return f;
	}
	return NULL;
}

const struct kg_card_expr *kg_card_site_expr(const struct kg_card_site *site, const char *field)
{
	for (guint i = 0; i < site->exprs->len; i++) {
		const struct kg_card_expr *e = g_ptr_array_index(site->exprs, i);
		if (g_str_equal(e->field, field))
			return e;
	}
	return NULL;
}

static gboolean all_read(const GPtrArray *sites, const char *field)
{
	for (guint i = 0; i < sites->len; i++)
		if (!kg_card_site_expr(g_ptr_array_index(sites, i), field))
			return FALSE;
	return sites->len > 0;
}

gboolean kg_card_sites_have(const GPtrArray *sites, const char *field)
{
	for (guint i = 0; i < sites->len; i++) {
		const struct kg_card_expr *e = kg_card_site_expr(g_ptr_array_index(sites, i), field);
		if (!e || g_str_has_prefix(((const struct kg_card_case *)g_ptr_array_index(e->cases, 0))->expr, "join("))
			return FALSE;
	}
	return sites->len > 0;
}

enum kg_card_where kg_card_way_where(const struct kg_card_way *way, const char *field)
{
	if (all_read(way->sites, field))
		return KG_WHERE_END;
	return all_read(way->begins, field) ? KG_WHERE_BEGIN : KG_WHERE_NOWHERE;
}
