/*
 * Ways and their sites: where an event is observed and how its fields are read there.
 */
#include "load.h"

#include <kgent/probe.h>

#include <string.h>

int load_context(const struct reader *r, const struct node *n, enum kg_card_context *ret)
{
	static const char *const words[] = {"task", "none", NULL};
	int value = *ret == KG_CONTEXT_NONE;
	int rc = read_word(r, n, "context", words, &value);
	*ret = value ? KG_CONTEXT_NONE : KG_CONTEXT_TASK;
	return rc;
}

static int check_at(const struct reader *r, int line, const char *at)
{
	const char *colon = strchr(at, ':');
	enum kg_probe_kind kind = colon ? kg_probe_kind_parse(at, colon - at) : KG_PROBE_NONE;
	if (kind == KG_PROBE_NONE)
		return fail_at(r, line, "'%s' is no attach point: it has to start with a kind, as in tracepoint:sched:sched_switch", at);
	int parts = 0;
	for (const char *p = at; *p; p++) {
		if (g_ascii_isspace(*p) || strchr("{}/;,\"", *p))
			if (*p != '/' || !kg_probe_info(kind)->is_user)
				return fail_at(r, line, "attach point '%s' has a '%c' in it", at, *p);
		parts += *p == ':' && p[1] && p[1] != ':';
	}
	if (parts < kg_probe_info(kind)->parts)
		return fail_at(r, line, "attach point '%s' needs %d part(s) behind '%s:'", at, kg_probe_info(kind)->parts,
			       kg_probe_info(kind)->name);
	return 0;
}

/* "kprobe:a?" is optional. */
static int load_at(const struct reader *r, const struct node *n, struct kg_card_site *s, int line)
{
	g_autoptr(GPtrArray) all = strings_new();
	int rc = n ? read_texts(r, n, "at", all) : fail_at(r, line, "a site needs 'at'");
	for (guint i = 0; rc == 0 && i < all->len; i++) {
		char *at = g_ptr_array_index(all, i);
		gboolean optional = g_str_has_suffix(at, "?");
		if (optional)
			at[strlen(at) - 1] = '\0';
		rc = check_at(r, n->line, at);
		if (rc == 0)
			g_ptr_array_add(s->at, g_strdup(at));
		if (rc == 0 && optional)
			g_ptr_array_add(s->optional, g_strdup(at));
	}
	if (rc == 0 && s->at->len == 0)
		rc = fail_at(r, n->line, "'at' is empty");
	return rc;
}

static int load_let(const struct reader *r, const struct node *map, struct kg_card_site *s)
{
	if (map->kind != NODE_MAP)
		return fail_at(r, map->line, "a let must be 'name: expression'");
	for (guint i = 0; i < map->keys->len; i++) {
		const struct node *k = g_ptr_array_index(map->keys, i);
		g_autofree char *expr = NULL;
		int rc = read_expr(r, g_ptr_array_index(map->items, i), "let", &expr);
		if (rc < 0)
			return rc;
		site_add_let(s, k->text, expr);
	}
	return 0;
}

static int load_lets(const struct reader *r, const struct node *n, struct kg_card_site *s)
{
	if (!n)
		return 0;
	if (n->kind != NODE_LIST)
		return load_let(r, n, s);
	int rc = 0;
	for (guint i = 0; rc == 0 && i < n->items->len; i++)
		rc = load_let(r, g_ptr_array_index(n->items, i), s);
	return rc;
}

static int load_case(const struct reader *r, const struct node *n, struct kg_card_expr *e, gboolean last)
{
	static const char *const keys[] = {"when", "expr", NULL};
	g_autofree char *when = NULL, *expr = NULL;
	int rc = read_keys(r, n, "a case", keys);
	if (rc == 0)
		rc = read_expr(r, node_get(n, "when"), "when", &when);
	if (rc == 0)
		rc = read_expr(r, node_get(n, "expr"), "expr", &expr);
	if (rc == 0 && !expr)
		rc = fail_at(r, n->line, "a case needs 'expr'");
	if (rc == 0 && !when && !last)
		rc = fail_at(r, n->line, "a case that is not the last needs 'when'");
	if (rc == 0)
		expr_add_case(e, when, expr);
	return rc;
}

static int load_cases(const struct reader *r, const struct node *n, struct kg_card_expr *e)
{
	if (n->kind != NODE_LIST || n->items->len == 0)
		return fail_at(r, n->line, "cases must be a list of {when, expr}");
	int rc = 0;
	for (guint i = 0; rc == 0 && i < n->items->len; i++)
		rc = load_case(r, g_ptr_array_index(n->items, i), e, i + 1 == n->items->len);
	return rc;
}

/* An expression, a list of cases, or a map {expr | cases, valid}. */
static int load_read(const struct reader *r, const struct node *n, struct kg_card_expr *e)
{
	static const char *const keys[] = {"expr", "cases", "valid", NULL};
	if (n->kind == NODE_LIST)
		return load_cases(r, n, e);
	g_autofree char *expr = NULL;
	int rc;
	if (n->kind == NODE_TEXT) {
		rc = read_expr(r, n, e->field, &expr);
	} else {
		const struct node *cases = node_get(n, "cases");
		rc = read_keys(r, n, e->field, keys);
		if (rc == 0)
			rc = read_expr(r, node_get(n, "valid"), "valid", &e->valid);
		if (rc == 0 && cases && node_get(n, "expr"))
			return fail_at(r, n->line, "%s has both 'expr' and 'cases'", e->field);
		if (rc == 0 && cases)
			return load_cases(r, cases, e);
		if (rc == 0 && !node_get(n, "expr"))
			return fail_at(r, n->line, "%s needs 'expr' or 'cases'", e->field);
		if (rc == 0)
			rc = read_expr(r, node_get(n, "expr"), e->field, &expr);
	}
	if (rc == 0)
		expr_add_case(e, NULL, expr);
	return rc;
}

int load_reads(const struct reader *r, const struct node *read, struct kg_card_site *site)
{
	if (!read)
		return 0;
	if (read->kind != NODE_MAP)
		return fail_at(r, read->line, "'read' must be a map (field: expression)");
	for (guint i = 0; i < read->keys->len; i++) {
		const struct node *k = g_ptr_array_index(read->keys, i);
		struct kg_card_expr *e = expr_new(k->text);
		g_ptr_array_add(site->exprs, e);
		int rc = load_read(r, g_ptr_array_index(read->items, i), e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int load_site(const struct reader *r, const struct node *n, GPtrArray *sites, gboolean is_span)
{
	struct kg_card_site *s = site_new();
	g_ptr_array_add(sites, s);
	int rc = load_at(r, node_get(n, "at"), s, n->line);
	if (rc == 0)
		rc = load_lets(r, node_get(n, "let"), s);
	if (rc == 0)
		rc = read_expr(r, node_get(n, "when"), "when", &s->when);
	if (rc == 0)
		rc = read_expr(r, node_get(n, "ok"), "ok", &s->ok);
	if (rc == 0)
		rc = read_expr(r, node_get(n, "key"), "key", &s->key);
	if (rc == 0)
		rc = load_reads(r, node_get(n, "read"), s);
	if (rc == 0 && is_span && !s->key)
		rc = fail_at(r, n->line, "a begin and an end need 'key', which links them");
	if (rc == 0 && !is_span && s->key)
		rc = fail_at(r, n->line, "'key' links a begin and an end; an event without them has none");
	return rc;
}

/* One site, or a list of them. */
static int load_sites(const struct reader *r, const struct node *n, const char *what, GPtrArray *sites, gboolean is_span)
{
	static const char *const keys[] = {"at", "let", "when", "ok", "key", "read", NULL};
	guint len = n->kind == NODE_LIST ? n->items->len : 1;
	if (len == 0)
		return fail_at(r, n->line, "%s is empty", what);
	int rc = 0;
	for (guint i = 0; rc == 0 && i < len; i++) {
		const struct node *item = n->kind == NODE_LIST ? g_ptr_array_index(n->items, i) : n;
		rc = read_keys(r, item, what, keys);
		if (rc == 0)
			rc = load_site(r, item, sites, is_span);
	}
	return rc;
}

static int load_way_sites(const struct reader *r, const struct node *n, struct kg_card *card, struct kg_card_way *w)
{
	const struct node *begin = node_get(n, "begin"), *end = node_get(n, "end"), *sites = node_get(n, "sites");
	int shapes = (begin || end) + (sites != NULL) + (node_get(n, "at") != NULL) + (node_get(n, "syscalls") != NULL) +
		     (node_get(n, "functions") != NULL);
	if (shapes != 1 || !begin != !end)
		return fail_at(r, n->line, "a way has one of: at, sites, syscalls, functions, or begin and end together");
	if (node_get(n, "functions")) {
		struct kg_card_way *kprobe = way_copy(w);
		g_ptr_array_add(card->ways, kprobe);
		return load_functions(r, n, w, kprobe);
	}
	if (node_get(n, "args") || node_get(n, "returns"))
		return fail_at(r, n->line, "'args' and 'returns' belong to a way with 'functions'");
	if (node_get(n, "syscalls"))
		return load_syscalls(r, n, card, w);
	if (node_get(n, "results"))
		return fail_at(r, n->line, "'results' belongs to a way with 'syscalls' or 'functions'");
	if (node_get(n, "at"))
		return load_site(r, n, w->sites, FALSE);
	if (node_get(n, "read") || node_get(n, "let") || node_get(n, "when") || node_get(n, "ok") || node_get(n, "key"))
		return fail_at(r, n->line, "read, let, when, ok and key belong to each site here, not to the way");
	if (sites)
		return load_sites(r, sites, "a site", w->sites, FALSE);
	int rc = load_sites(r, begin, "begin", w->begins, TRUE);
	return rc == 0 ? load_sites(r, end, "end", w->sites, TRUE) : rc;
}

static gboolean uses_binary(const GPtrArray *sites)
{
	for (guint i = 0; i < sites->len; i++) {
		const struct kg_card_site *s = g_ptr_array_index(sites, i);
		for (guint j = 0; j < s->at->len; j++)
			if (strstr(g_ptr_array_index(s->at, j), "$binary"))
				return TRUE;
	}
	return FALSE;
}

static int load_way(const struct reader *r, const struct node *n, struct kg_card *card)
{
	static const char *const keys[] = {"at", "sites", "begin", "end", "syscalls", "results", "let", "when", "ok", "read",
					   "same-task", "context", "binary", "note", "key", "functions", "args", "returns", NULL};
	struct kg_card_way *w = way_new();
	g_ptr_array_add(card->ways, w);
	w->context = card->context;
	int rc = read_keys(r, n, "a way", keys);
	if (rc == 0)
		rc = load_context(r, node_get(n, "context"), &w->context);
	if (rc == 0)
		rc = read_bool(r, node_get(n, "same-task"), "same-task", &w->is_same_task);
	if (rc == 0)
		rc = read_text(r, node_get(n, "note"), "note", &w->note);
	if (rc == 0)
		rc = read_texts(r, node_get(n, "binary"), "binary", w->binaries);
	if (rc == 0)
		rc = load_way_sites(r, n, card, w);
	if (rc == 0 && node_get(n, "same-task") && w->begins->len == 0)
		rc = fail_at(r, n->line, "'same-task' is about a begin and an end");
	gboolean needs = rc == 0 && (uses_binary(w->begins) || uses_binary(w->sites));
	if (rc == 0 && needs != (w->binaries->len > 0))
		rc = fail_at(r, n->line, needs ? "$binary needs 'binary', the files to look for" : "'binary' is given, but no 'at' says $binary");
	return rc;
}

int load_ways(const struct reader *r, const struct node *ways, struct kg_card *card)
{
	if (ways->kind != NODE_LIST || ways->items->len == 0)
		return fail_at(r, ways->line, "'ways' must be a list with at least one way");
	int rc = 0;
	for (guint i = 0; rc == 0 && i < ways->items->len; i++)
		rc = load_way(r, g_ptr_array_index(ways->items, i), card);
	return rc;
}
