/*
 * The shorthand for system calls:
 *
 *	syscalls: [open?, openat, creat?]
 *	read:     {filename: {expr: str(args->filename), creat: str(args->pathname)}}
 *	results:  {fd: {expr: args->ret, valid: args->ret >= 0}}
 *
 * Calls whose expressions are the same share a begin; one with an expression of its own gets a begin of its own. What is
 * true of every system call (its return value, its error, what success means, that both ends run in one thread) is added here.
 */
#include "load.h"

#include <string.h>

#define OK_RET "args->ret >= 0"

static const char *const error_says[] = {"error", "errno", "error code", "error number", "failure reason", "reason of failure", NULL};
static const char *const ret_says[] = {"return value", "returned value", "return code", "retval", NULL};

static void add_field(struct kg_card *card, const char *name, enum kg_unit unit, const char *const *says)
{
	if (kg_card_field(card, name))
		return;
	struct kg_card_field *f = field_new();
	f->name = g_strdup(name);
	f->unit = unit;
	for (; *says; says++)
		g_ptr_array_add(f->says, g_strdup(*says));
	g_ptr_array_add(card->fields, f);
}

static void add_result(struct kg_card_site *end, const char *name, const char *expr, const char *valid)
{
	if (kg_card_site_expr(end, name))
		return;
	struct kg_card_expr *e = expr_new(name);
	expr_add_case(e, NULL, expr);
	e->valid = g_strdup(valid);
	g_ptr_array_add(end->exprs, e);
}

/* Is the whole of [s] one call `str(POINTER)`? */
static gboolean is_str_call(const char *s)
{
	if (!g_str_has_prefix(s, "str("))
		return FALSE;
	int depth = 0;
	for (const char *p = s + 3; *p; p++) {
		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		if (*p == '"' || (*p == ',' && depth == 1))
			return FALSE;
		if (depth == 0)
			return p[1] == '\0';
	}
	return FALSE;
}

static void mark_late(struct kg_card_site *s)
{
	for (guint i = 0; i < s->exprs->len; i++) {
		struct kg_card_expr *e = g_ptr_array_index(s->exprs, i);
		const struct kg_card_case *c = g_ptr_array_index(e->cases, 0);
		e->is_late = e->cases->len == 1 && is_str_call(c->expr);
	}
}

/* The expression node of [n] for one call: its own, else the general one. */
static const struct node *for_call(const struct node *n, const char *call)
{
	if (n->kind != NODE_MAP)
		return n;
	const struct node *own = node_get(n, call);
	return own ? own : n;
}

static gboolean has_own(const struct node *map, const char *call)
{
	for (guint i = 0; map && map->kind == NODE_MAP && i < map->items->len; i++)
		if (node_get(g_ptr_array_index(map->items, i), call))
			return TRUE;
	return FALSE;
}

static int read_one(const struct reader *r, const struct node *n, const char *call, struct kg_card_expr *e)
{
	const struct node *mine = for_call(n, call);
	if (mine->kind == NODE_LIST || mine->kind == NODE_TEXT) {
		g_autofree char *expr = NULL;
		if (mine->kind == NODE_LIST)
			return fail_at(r, mine->line, "cases are not possible in a way with 'syscalls'");
		int rc = read_expr(r, mine, e->field, &expr);
		if (rc == 0)
			expr_add_case(e, NULL, expr);
		return rc;
	}
	g_autofree char *expr = NULL;
	int rc = read_expr(r, node_get(mine, "valid"), "valid", &e->valid);
	if (rc == 0)
		rc = read_expr(r, node_get(mine, "expr"), e->field, &expr);
	if (rc == 0 && !expr)
		rc = fail_at(r, mine->line, "%s has no expression for %s", e->field, call);
	if (rc == 0)
		expr_add_case(e, NULL, expr);
	return rc;
}

/* Keys of a reading are expr, valid and names of the way's calls. */
static int check_overrides(const struct reader *r, const struct node *map, const GPtrArray *calls, const char *what)
{
	if (!map)
		return 0;
	if (map->kind != NODE_MAP)
		return fail_at(r, map->line, "'%s' must be a map (field: expression)", what);
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	g_ptr_array_add(keys, (gpointer)"expr");
	g_ptr_array_add(keys, (gpointer)"valid");
	for (guint i = 0; i < calls->len; i++)
		g_ptr_array_add(keys, g_ptr_array_index(calls, i));
	g_ptr_array_add(keys, NULL);
	int rc = 0;
	for (guint i = 0; rc == 0 && i < map->items->len; i++) {
		const struct node *n = g_ptr_array_index(map->items, i);
		if (n->kind == NODE_MAP)
			rc = read_keys(r, n, ((struct node *)g_ptr_array_index(map->keys, i))->text, (const char *const *)keys->pdata);
	}
	return rc;
}

static int fill_site(const struct reader *r, const struct node *reads, const char *call, struct kg_card_site *s)
{
	s->key = g_strdup("tid");
	int rc = 0;
	for (guint i = 0; rc == 0 && reads && i < reads->keys->len; i++) {
		const struct node *k = g_ptr_array_index(reads->keys, i);
		struct kg_card_expr *e = expr_new(k->text);
		g_ptr_array_add(s->exprs, e);
		rc = read_one(r, g_ptr_array_index(reads->items, i), call, e);
	}
	return rc;
}

static void add_call(struct kg_card_site *s, const char *edge, const char *call, gboolean optional)
{
	char *at = g_strdup_printf("tracepoint:syscalls:sys_%s_%s", edge, call);
	g_ptr_array_add(s->at, at);
	if (optional)
		g_ptr_array_add(s->optional, g_strdup(at));
}

/* One site for the calls without expressions of their own, one for each of the others. */
static int add_sites(const struct reader *r, const struct node *reads, const GPtrArray *calls, const GPtrArray *optional,
		     const char *edge, GPtrArray *sites, const struct node *when)
{
	struct kg_card_site *shared = NULL;
	for (guint i = 0; i < calls->len; i++) {
		const char *call = g_ptr_array_index(calls, i);
		gboolean own = has_own(reads, call) || (when && node_get(when, call));
		struct kg_card_site *s = own ? NULL : shared;
		if (!s) {
			s = site_new();
			g_ptr_array_add(sites, s);
			int rc = fill_site(r, reads, call, s);
			if (rc == 0 && when && (when->kind == NODE_TEXT || node_get(when, call)))
				rc = read_expr(r, when->kind == NODE_TEXT ? when : node_get(when, call), "when", &s->when);
			if (rc < 0)
				return rc;
		}
		if (!own)
			shared = s;
		add_call(s, edge, call, strings_have(optional, call));
	}
	return 0;
}

static int load_calls(const struct reader *r, const struct node *n, GPtrArray *calls, GPtrArray *optional)
{
	int rc = read_texts(r, n, "syscalls", calls);
	if (rc == 0 && calls->len == 0)
		rc = fail_at(r, n->line, "'syscalls' is empty");
	for (guint i = 0; rc == 0 && i < calls->len; i++) {
		char *call = g_ptr_array_index(calls, i);
		if (g_str_has_suffix(call, "?")) {
			call[strlen(call) - 1] = '\0';
			g_ptr_array_add(optional, g_strdup(call));
		}
		for (const char *p = call; rc == 0 && *p; p++)
			if (!g_ascii_isalnum(*p) && *p != '_')
				rc = fail_at(r, n->line, "'%s' is no name of a system call", call);
	}
	return rc;
}

static int check_when(const struct reader *r, const struct node *when, const GPtrArray *calls)
{
	if (!when || when->kind == NODE_TEXT)
		return 0;
	g_autoptr(GPtrArray) keys = g_ptr_array_new();
	for (guint i = 0; i < calls->len; i++)
		g_ptr_array_add(keys, g_ptr_array_index(calls, i));
	g_ptr_array_add(keys, NULL);
	return read_keys(r, when, "when", (const char *const *)keys->pdata);
}

static int read_ok(const struct reader *r, const struct node *n, GPtrArray *ends)
{
	for (guint i = 0; i < ends->len; i++) {
		struct kg_card_site *s = g_ptr_array_index(ends, i);
		s->ok = g_strdup(OK_RET);
		int rc = read_expr(r, n, "ok", &s->ok);
		if (rc < 0)
			return rc;
		add_result(s, "error", "-args->ret", "args->ret < 0");
		add_result(s, "ret", "args->ret", NULL);
	}
	return 0;
}

int load_syscalls(const struct reader *r, const struct node *way, struct kg_card *card, struct kg_card_way *w)
{
	g_autoptr(GPtrArray) calls = strings_new(), optional = strings_new();
	const struct node *reads = node_get(way, "read"), *results = node_get(way, "results"), *when = node_get(way, "when");
	if (node_get(way, "let") || node_get(way, "key") || node_get(way, "same-task"))
		return fail_at(r, way->line, "a way with 'syscalls' has no let, key or same-task");
	int rc = load_calls(r, node_get(way, "syscalls"), calls, optional);
	if (rc == 0)
		rc = check_overrides(r, reads, calls, "read");
	if (rc == 0)
		rc = check_overrides(r, results, calls, "results");
	if (rc == 0)
		rc = check_when(r, when, calls);
	if (rc == 0)
		rc = add_sites(r, reads, calls, optional, "enter", w->begins, when);
	if (rc == 0)
		rc = add_sites(r, results, calls, optional, "exit", w->sites, NULL);
	if (rc == 0)
		rc = read_ok(r, node_get(way, "ok"), w->sites);
	if (rc < 0)
		return rc;
	for (guint i = 0; i < w->begins->len; i++)
		mark_late(g_ptr_array_index(w->begins, i));
	w->is_same_task = TRUE;
	add_field(card, "error", KG_UNIT_ERRNO, error_says);
	add_field(card, "ret", KG_UNIT_NONE, ret_says);
	return 0;
}
