/*
 * Prints event cards as JSON, as the library reads them (shorthands expanded): for the tests and for the page that lists them, so
 * that neither needs a reader of its own.
 *
 *	cards-json DIR...
 */
#include <kgent/card.h>

#include <jansson.h>
#include <stdio.h>

static json_t *text(const char *s)
{
	return s ? json_string(s) : json_null();
}

static json_t *texts(const GPtrArray *a)
{
	json_t *j = json_array();
	for (guint i = 0; i < a->len; i++)
		json_array_append_new(j, json_string(g_ptr_array_index(a, i)));
	return j;
}

static json_t *site_json(const struct kg_card_site *s)
{
	json_t *lets = json_array(), *exprs = json_object();
	for (guint i = 0; i < s->lets->len; i++) {
		const struct kg_card_let *l = g_ptr_array_index(s->lets, i);
		json_array_append_new(lets, json_pack("[s,s]", l->name, l->expr));
	}
	for (guint i = 0; i < s->exprs->len; i++) {
		const struct kg_card_expr *e = g_ptr_array_index(s->exprs, i);
		json_t *cases = json_array();
		for (guint j = 0; j < e->cases->len; j++) {
			const struct kg_card_case *c = g_ptr_array_index(e->cases, j);
			json_array_append_new(cases, json_pack("{s:o,s:s}", "when", text(c->when), "expr", c->expr));
		}
		json_object_set_new(exprs, e->field,
				    json_pack("{s:o,s:o,s:b}", "cases", cases, "valid", text(e->valid), "late", e->is_late));
	}
	return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "at", texts(s->at), "optional", texts(s->optional), "lets", lets, "when",
			 text(s->when), "ok", text(s->ok), "key", text(s->key), "exprs", exprs);
}

static json_t *sites_json(const GPtrArray *sites)
{
	json_t *j = json_array();
	for (guint i = 0; i < sites->len; i++)
		json_array_append_new(j, site_json(g_ptr_array_index(sites, i)));
	return j;
}

static const char *context_name(enum kg_card_context context)
{
	return context == KG_CONTEXT_TASK ? "task" : "none";
}

static json_t *field_json(const struct kg_card_field *f)
{
	json_t *values = json_array();
	for (guint i = 0; i < f->values->len; i++) {
		const struct kg_value_name *v = g_ptr_array_index(f->values, i);
		json_array_append_new(values, json_pack("{s:I,s:s,s:o,s:o}", "value", (json_int_t)v->value, "name", v->name, "says", texts(v->says),
							"events", texts(v->events)));
	}
	return json_pack("{s:s,s:s,s:o,s:o,s:o,s:b,s:b}", "name", f->name, "unit", kg_unit_name(f->unit), "says", texts(f->says), "about",
			 text(f->about), "values", values, "measure", f->is_measure, "shown", f->is_shown);
}

static json_t *card_json(const struct kg_card *c)
{
	static const char *const heats[] = {"low", "medium", "high"};
	json_t *fields = json_array(), *ways = json_array();
	for (guint i = 0; i < c->fields->len; i++)
		json_array_append_new(fields, field_json(g_ptr_array_index(c->fields, i)));
	for (guint i = 0; i < c->ways->len; i++) {
		const struct kg_card_way *w = g_ptr_array_index(c->ways, i);
		json_array_append_new(ways, json_pack("{s:o,s:o,s:b,s:s,s:o,s:o}", "begins", sites_json(w->begins), "sites",
						      sites_json(w->sites), "same_task", w->is_same_task, "context",
						      context_name(w->context), "binaries", texts(w->binaries), "note", text(w->note)));
	}
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s,s:b,s:o,s:o,s:o}", "name", c->name, "title", c->title, "plural", c->plural, "about",
			 c->about, "area", c->area, "says", texts(c->says), "context", context_name(c->context), "heat", heats[c->heat],
			 "sample", c->is_sample, "duration", text(c->duration), "fields", fields, "ways", ways);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: cards-json DIR...\n");
		return 2;
	}
	_cleanup_error_ struct kg_error err = {0};
	struct kg_cards *cards = NULL;
	if (kg_cards_open((const char *const *)argv + 1, &cards, &err) < 0) {
		fprintf(stderr, "cards-json: %s%s%s\n", err.msg, err.hint ? "; " : "", err.hint ? err.hint : "");
		return 1;
	}
	json_t *all = json_array();
	for (guint i = 0; i < kg_cards_n(cards); i++)
		json_array_append_new(all, card_json(kg_cards_at(cards, i)));
	int rc = json_dumpf(all, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(all);
	kg_cards_free(cards);
	return rc < 0 || fflush(stdout) != 0;
}
