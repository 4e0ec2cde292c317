/*
 * What only a whole card can tell: a reading of a field that is not declared, a field that no way can read, a $name that
 * nothing defines.
 */
#include "load.h"

#include <string.h>

struct scope {
	GPtrArray *names;    /* char *: what let defined so far */
	const char *unknown; /* a $name that nothing defines */
	int unknown_len;
};

static gboolean is_word(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

static gboolean scope_has(const struct scope *sc, const char *name, int len)
{
	for (guint i = 0; i < sc->names->len; i++) {
		const char *have = g_ptr_array_index(sc->names, i);
		if ((int)strlen(have) == len && strncmp(have, name, len) == 0)
			return TRUE;
	}
	return FALSE;
}

static void check_names(const char *text, gpointer data)
{
	struct scope *sc = data;
	for (const char *p = strchr(text, '$'); p && !sc->unknown; p = strchr(p + 1, '$')) {
		int len = 0;
		while (is_word(p[1 + len]))
			len++;
		if (!scope_has(sc, p + 1, len)) {
			sc->unknown = p;
			sc->unknown_len = len + 1;
		}
	}
}

static int check_scope(const struct reader *r, int line, const struct kg_card_site *s, const char *card)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct scope sc = {.names = names};
	for (guint i = 0; i < s->lets->len && !sc.unknown; i++) {
		const struct kg_card_let *l = g_ptr_array_index(s->lets, i);
		check_names(l->expr, &sc);
		if (scope_has(&sc, l->name, (int)strlen(l->name)))
			return fail_at(r, line, "card '%s' lets $%s stand for two things at %s", card, l->name,
				       (char *)g_ptr_array_index(s->at, 0));
		g_ptr_array_add(names, l->name);
	}
	if (!sc.unknown)
		site_each_text(s, check_names, &sc);
	if (!sc.unknown)
		return 0;
	return fail_at(r, line, "card '%s' uses %.*s at %s, but no 'let' defines it", card, sc.unknown_len, sc.unknown,
		       (char *)g_ptr_array_index(s->at, 0));
}

static int line_of(const struct node *n, const char *key)
{
	if (!n || n->kind == NODE_TEXT)
		return 0;
	for (guint i = 0; i < n->items->len; i++) {
		if (n->kind == NODE_MAP) {
			const struct node *k = g_ptr_array_index(n->keys, i);
			if (g_str_equal(k->text, key))
				return k->line;
		}
		int line = line_of(g_ptr_array_index(n->items, i), key);
		if (line)
			return line;
	}
	return 0;
}

static int check_site(const struct reader *r, const struct node *doc, const struct kg_card *card, const struct kg_card_site *s)
{
	const struct node *ways = node_get(doc, "ways");
	for (guint i = 0; i < s->exprs->len; i++) {
		const struct kg_card_expr *e = g_ptr_array_index(s->exprs, i);
		if (kg_card_field(card, e->field))
			continue;
		g_autoptr(GPtrArray) names = g_ptr_array_new();
		for (guint j = 0; j < card->fields->len; j++)
			g_ptr_array_add(names, ((struct kg_card_field *)g_ptr_array_index(card->fields, j))->name);
		g_ptr_array_add(names, NULL);
		const char *near = nearest_word(e->field, (const char *const *)names->pdata);
		int rc = fail_at(r, line_of(ways, e->field), "card '%s' reads '%s', which is not one of its fields%s%s%s", card->name,
				 e->field, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		return rc;
	}
	return check_scope(r, ways->line, s, card->name);
}

static int check_sites(const struct reader *r, const struct node *doc, const struct kg_card *card, const GPtrArray *sites)
{
	int rc = 0;
	for (guint i = 0; rc == 0 && i < sites->len; i++)
		rc = check_site(r, doc, card, g_ptr_array_index(sites, i));
	return rc;
}

static gboolean is_readable(const struct kg_card *card, const char *field)
{
	for (guint i = 0; i < card->ways->len; i++)
		if (kg_card_way_where(g_ptr_array_index(card->ways, i), field) != KG_WHERE_NOWHERE)
			return TRUE;
	return FALSE;
}

static int check_fields(const struct reader *r, const struct node *doc, const struct kg_card *card)
{
	guint n_measures = 0;
	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = g_ptr_array_index(card->fields, i);
		int line = doc->line;
		const struct node *fields = node_get(doc, "fields");
		if (fields && i < fields->items->len)
			line = ((struct node *)g_ptr_array_index(fields->items, i))->line;
		if (!is_readable(card, f->name))
			return fail_at(r, line, "field '%s' of card '%s' can't be read in any way (a way must read it at all of "
				       "its ends, or at all of its begins)", f->name, card->name);
		if (f->is_measure && !kg_unit_is_number(f->unit))
			return fail_at(r, line, "field '%s' is a measure, but %s can't be summed", f->name, kg_unit_name(f->unit));
		n_measures += f->is_measure;
	}
	if (n_measures > 1)
		return fail_at(r, doc->line, "card '%s' has more than one measure", card->name);
	if (card->duration && !kg_card_field(card, card->duration))
		return fail_at(r, doc->line, "duration '%s' is not a field of card '%s'", card->duration, card->name);
	return 0;
}

static int check_done(const struct reader *r, const struct node *doc, const struct kg_card *card)
{
	for (guint i = 0; i < card->says_done->len; i++)
		if (strings_have(card->says, g_ptr_array_index(card->says_done, i)))
			return fail_at(r, doc->line, "'%s' is both in says and in says-done of card '%s'",
				       (char *)g_ptr_array_index(card->says_done, i), card->name);
	for (guint i = 0; card->says_done->len && i < card->ways->len; i++) {
		const struct kg_card_way *w = g_ptr_array_index(card->ways, i);
		for (guint j = 0; j < w->sites->len; j++)
			if (!((struct kg_card_site *)g_ptr_array_index(w->sites, j))->ok)
				return fail_at(r, doc->line, "card '%s' has says-done, so each of its ways needs 'ok'", card->name);
	}
	return 0;
}

int check_card(const struct reader *r, const struct node *doc, const struct kg_card *card)
{
	int rc = 0;
	for (guint i = 0; rc == 0 && i < card->ways->len; i++) {
		const struct kg_card_way *w = g_ptr_array_index(card->ways, i);
		rc = check_sites(r, doc, card, w->begins);
		if (rc == 0)
			rc = check_sites(r, doc, card, w->sites);
	}
	if (rc == 0)
		rc = check_fields(r, doc, card);
	return rc == 0 ? check_done(r, doc, card) : rc;
}
