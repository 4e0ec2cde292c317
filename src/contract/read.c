/*
 * A contract as a whole:
 *
 *	for, where, record, allow          of the contract
 *	either: [way, ...]                 or one way, written at the top
 *	events: [clause, ...]              of a way, or one clause, written in its place
 */
#include "node.h"

#include <string.h>

static gboolean in_list(const char *word, const char *const *words)
{
	return g_strv_contains(words, word);
}

/* Keys of a level: the given ones and, where nothing is below, a clause's. Wrong ones are said with the nearest of all. */
static gboolean check_level(struct reader *r, const struct node *n, const char *what, const char *const *own, const char *below)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new();
	gboolean ok = TRUE;

	for (const char *const *k = own; *k; k++)
		g_ptr_array_add(all, (gpointer)*k);
	for (const char *const *k = con_clause_keys; *k; k++)
		g_ptr_array_add(all, (gpointer)*k);
	g_ptr_array_add(all, NULL);
	for (guint i = 0; i < n->keys->len; i++) {
		const struct node *key = n->keys->pdata[i];

		if (in_list(key->text, own))
			continue;
		if (!in_list(key->text, con_clause_keys))
			con_hint_nearest(con_read_error(r, key, "%s has no key '%s'", what, key->text), key->text, (const char *const *)all->pdata, TRUE);
		else if (below)
			kg_diag_hint(con_read_error(r, key, "'%s' does not belong beside '%s'", key->text, below), "it belongs to a member of '%s'",
				     below);
		else
			continue;
		ok = FALSE;
	}
	return ok;
}

static gboolean is_map(struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_MAP)
		return TRUE;
	kg_diag_hint(con_read_error(r, n, "%s must be a map of keys and values", what), "on: [kprobe:tcp_connect]");
	return FALSE;
}

static gboolean is_list(struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_LIST && n->items->len)
		return TRUE;
	con_read_error(r, n, "'%s' must be a list with at least one member", what);
	return FALSE;
}

static gboolean add_clause(struct reader *r, const struct node *n, GPtrArray *clauses)
{
	struct kg_contract_clause *c = NULL;

	if (!con_read_clause(r, n, &c))
		return FALSE;
	g_ptr_array_add(clauses, c);
	return TRUE;
}

static void clause_destroy(gpointer c)
{
	con_clause_free(c);
}

/* [own]: what the level has besides a way's keys. */
static gboolean read_way(struct reader *r, const struct node *n, const char *what, const char *const *own, GPtrArray *ways)
{
	const struct node *events = con_node_get(n, "events"), *title = con_node_get(n, "for");
	struct kg_contract_way *w = g_new0(struct kg_contract_way, 1);
	gboolean ok = check_level(r, n, what, own, events ? "events" : NULL);
	static const char *const none[] = {NULL};

	w->loc = n->loc;
	w->clauses = g_ptr_array_new_with_free_func(clause_destroy);
	g_ptr_array_add(ways, w);
	if (title)
		ok &= con_read_text(r, title, "'for'", &w->title);
	if (!events)
		return add_clause(r, n, w->clauses) && ok;
	if (!is_list(r, events, "events"))
		return FALSE;
	for (guint i = 0; i < events->items->len; i++) {
		const struct node *event = events->items->pdata[i];

		ok &= is_map(r, event, "an event") && check_level(r, event, "an event", none, NULL) && add_clause(r, event, w->clauses);
	}
	return ok;
}

static gboolean read_ways(struct reader *r, const struct node *doc)
{
	static const char *const top[] = {"for", "where", "record", "allow", "left", "events", "either", NULL};
	static const char *const top_only[] = {"for", "where", "record", "allow", "left", "either", NULL};
	static const char *const way[] = {"for", "events", NULL};
	const struct node *either = con_node_get(doc, "either");
	gboolean ok = TRUE;

	if (!either)
		return read_way(r, doc, "a contract", top, r->contract->ways);
	ok = check_level(r, doc, "a contract", top_only, "either");
	if (!is_list(r, either, "either"))
		return FALSE;
	for (guint i = 0; i < either->items->len; i++) {
		const struct node *n = either->items->pdata[i];

		ok &= is_map(r, n, "an alternative") && read_way(r, n, "an alternative", way, r->contract->ways);
	}
	return ok;
}

/* ---------------------------------------------------------------- waivers */

static gboolean read_waiver(struct reader *r, const struct node *key, const struct node *value)
{
	const char *names[KG_OBLIGATIONS + 1] = {NULL};
	enum kg_obligation_kind kind = kg_obligation_parse(key->text);
	struct kg_contract_waiver *w;
	char *reason = NULL;
	int n = 0;

	for (int i = 0; i < KG_OBLIGATIONS; i++)
		if (kg_obligation_info((enum kg_obligation_kind)i)->is_built_in)
			names[n++] = kg_obligation_info((enum kg_obligation_kind)i)->name;
	if (kind == KG_OBLIGATIONS || !kg_obligation_info(kind)->is_built_in) {
		con_hint_nearest(con_read_error(r, key, "'%s' is not a built-in obligation", key->text), key->text, names, TRUE);
		return FALSE;
	}
	if (value->kind != NODE_TEXT || !*value->text) {
		kg_diag_hint(con_read_error(r, value, "why '%s' is allowed must be said", key->text), "%s: the address is what was asked for", key->text);
		return FALSE;
	}
	if (!con_read_text(r, value, "the reason", &reason))
		return FALSE;
	w = g_new0(struct kg_contract_waiver, 1);
	w->kind = kind;
	w->reason = reason;
	w->loc = key->loc;
	g_ptr_array_add(r->contract->waivers, w);
	return TRUE;
}

static gboolean read_allow(struct reader *r, const struct node *n)
{
	gboolean ok = TRUE;

	if (n->kind != NODE_MAP) {
		kg_diag_hint(con_read_error(r, n, "'allow' must say why each is allowed"), "allow: {address: the address is what was asked for}");
		return FALSE;
	}
	for (guint i = 0; i < n->items->len; i++)
		ok &= read_waiver(r, n->keys->pdata[i], n->items->pdata[i]);
	return ok;
}

static gboolean read_left(struct reader *r, const struct node *n)
{
	gboolean ok = TRUE;

	if (!is_list(r, n, "left"))
		return FALSE;
	for (guint i = 0; i < n->items->len; i++) {
		char *text = NULL;

		ok &= con_read_text(r, n->items->pdata[i], "'left'", &text);
		if (text)
			g_ptr_array_add(r->contract->left, text);
	}
	return ok;
}

static void waiver_free(gpointer p)
{
	g_free(((struct kg_contract_waiver *)p)->reason);
	g_free(p);
}

/* --------------------------------------------------------------- contract */

static void way_destroy(gpointer w)
{
	con_way_free(w);
}

static struct kg_contract *contract_new(GPtrArray *diags)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_contract *c = g_new0(struct kg_contract, 1);

	c->ways = g_ptr_array_new_with_free_func(way_destroy);
	c->left = g_ptr_array_new_with_free_func(g_free);
	c->waivers = g_ptr_array_new_with_free_func(waiver_free);
	if (kg_macros_open(NULL, &c->macros, &err) < 0)
		kg_diag_add(diags, KG_ERROR, CHECK, (struct kg_loc){0}, "%s", err.msg);
	return c;
}

static gboolean read_top(struct reader *r, const struct node *doc)
{
	const struct node *title = con_node_get(doc, "for"), *record = con_node_get(doc, "record"), *allow = con_node_get(doc, "allow"),
			  *left = con_node_get(doc, "left");
	gboolean ok = TRUE;

	r->where = con_node_get(doc, "where");
	ok &= !title || con_read_text(r, title, "'for'", &r->contract->title);
	ok &= !record || con_read_text(r, record, "'record'", &r->contract->record);
	ok &= !allow || read_allow(r, allow);
	ok &= !left || read_left(r, left);
	ok &= read_ways(r, doc);
	if (!r->contract->title)
		r->contract->title = g_strdup("");
	return ok;
}

/* What is in the file once is said once: `where` and ends with several points are read for each that has them. */
static gboolean is_said(const GPtrArray *diags, guint n, const struct kg_diag *d)
{
	for (guint i = 0; i < n; i++) {
		const struct kg_diag *other = diags->pdata[i];

		if (other->loc.line == d->loc.line && other->loc.col == d->loc.col && !strcmp(other->msg, d->msg))
			return TRUE;
	}
	return FALSE;
}

static gint by_place(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct kg_diag *x = *(const struct kg_diag *const *)a, *y = *(const struct kg_diag *const *)b;

	return x->loc.line != y->loc.line ? x->loc.line - y->loc.line : x->loc.col - y->loc.col;
}

void con_move_findings(GPtrArray *from, GPtrArray *to)
{
	g_ptr_array_sort_with_data(from, by_place, NULL); /* stable */
	for (guint i = 0; i < from->len; i++) {
		const struct kg_diag *d = from->pdata[i];

		if (is_said(from, i, d))
			continue;
		struct kg_diag *copy = kg_diag_add(to, d->severity, d->check, d->loc, "%s", d->msg);

		if (d->hint)
			kg_diag_hint(copy, "%s", d->hint);
	}
}

int kg_contract_read(const char *text, gsize len, GPtrArray *diags, struct kg_contract **ret)
{
	g_autoptr(GPtrArray) found = kg_diags_new();
	struct reader r = {.diags = found};
	struct node *doc;
	gboolean ok = FALSE;

	if (len > KG_CONTRACT_MAX_BYTES) {
		kg_diag_add(diags, KG_ERROR, CHECK, (struct kg_loc){0}, "a contract has at most %u bytes, and this one %" G_GSIZE_FORMAT,
			    KG_CONTRACT_MAX_BYTES, len);
		return -KG_E_LIMIT;
	}
	r.contract = contract_new(found);
	doc = con_node_parse(text, len, found);
	if (doc && is_map(&r, doc, "a contract"))
		ok = read_top(&r, doc);
	con_node_free(doc);
	ok = ok && !kg_diags_errors(found);
	con_move_findings(found, diags);
	if (!ok) {
		kg_contract_free(r.contract);
		return -KG_E_PARSE;
	}
	*ret = r.contract;
	return 0;
}
