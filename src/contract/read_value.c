/* The small things of a contract: texts, numbers, times, expressions, values, attach points. Each reports what is wrong with it. */
#include "node.h"

#include <kgent/text.h>
#include <string.h>

struct kg_diag *con_read_error(struct reader *r, const struct node *at, const char *fmt, ...)
{
	g_autofree char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return kg_diag_add(r->diags, KG_ERROR, CHECK, at->loc, "%s", msg);
}

void con_hint_nearest(struct kg_diag *d, const char *word, const char *const *words, gboolean is_listed)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *all = g_strjoinv(", ", (char **)words), *lower = g_ascii_strdown(word, -1);
	const char *near;

	for (; *words; words++)
		g_ptr_array_add(names, (gpointer)*words);
	near = kg_nearest(lower, names);
	if (near)
		kg_diag_hint(d, "did you mean '%s'?", near);
	else if (is_listed)
		kg_diag_hint(d, "one of: %s", all);
}

static const char *kind_words(const struct node *n)
{
	return n->kind == NODE_MAP ? "a map" : n->kind == NODE_LIST ? "a list" : "a text";
}

gboolean con_read_text(struct reader *r, const struct node *n, const char *what, char **ret)
{
	if (n->kind == NODE_TEXT && *n->text && !strchr(n->text, '\n')) {
		*ret = g_strdup(n->text);
		return TRUE;
	}
	if (n->kind != NODE_TEXT)
		con_read_error(r, n, "%s must be a text, not %s", what, kind_words(n));
	else
		con_read_error(r, n, *n->text ? "%s must be one line" : "%s is empty", what);
	return FALSE;
}

gboolean con_read_truth(struct reader *r, const struct node *n, const char *what, gboolean *ret)
{
	static const char *const words[] = {"true", "false", NULL};
	gboolean yes = n->kind == NODE_TEXT && (!strcmp(n->text, "true") || !strcmp(n->text, "yes"));
	gboolean no = n->kind == NODE_TEXT && (!strcmp(n->text, "false") || !strcmp(n->text, "no"));

	if (!yes && !no) {
		con_hint_nearest(con_read_error(r, n, "%s must be true or false", what), n->kind == NODE_TEXT ? n->text : "", words, FALSE);
		return FALSE;
	}
	*ret = yes;
	return TRUE;
}

gboolean con_read_number(struct reader *r, const struct node *n, const char *what, int64_t *ret)
{
	gint64 v;

	if (n->kind != NODE_TEXT || !g_ascii_string_to_signed(n->text, 10, G_MININT64, G_MAXINT64, &v, NULL)) {
		con_read_error(r, n, "%s must be a whole number", what);
		return FALSE;
	}
	*ret = v;
	return TRUE;
}

gboolean con_read_time(struct reader *r, const struct node *n, uint64_t *ret_ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"min", 60000000000}, {"h", 3600000000000}};
	char *end = NULL;
	guint64 v = n->kind == NODE_TEXT && g_ascii_isdigit(*n->text) ? g_ascii_strtoull(n->text, &end, 10) : 0;

	while (end && *end == ' ')
		end++;
	for (gsize i = 0; v && i < G_N_ELEMENTS(units); i++)
		if (!strcmp(end, units[i].name) && v <= G_MAXINT64 / units[i].ns) {
			*ret_ns = v * units[i].ns;
			return TRUE;
		}
	kg_diag_hint(con_read_error(r, n, n->kind == NODE_TEXT ? "'%s' is not a time" : "a time was expected, not this",
				    n->kind == NODE_TEXT ? n->text : ""),
		     "a whole number and ns, us, ms, s, min or h: 1s, 500ms");
	return FALSE;
}

gboolean con_read_as(struct reader *r, const struct node *n, enum kg_as *ret)
{
	const char *names[KG_ASES];
	char *text = NULL;
	enum kg_as as;

	if (!con_read_text(r, n, "'as'", &text))
		return FALSE;
	as = kg_as_parse(text);
	if (as < KG_ASES && as != KG_AS_NONE) {
		*ret = as;
	} else {
		for (int i = 1; i < KG_ASES; i++)
			names[i - 1] = kg_as_info((enum kg_as)i)->name;
		names[KG_ASES - 1] = NULL;
		con_hint_nearest(con_read_error(r, n, "nothing is shown as '%s'", text), text, names, TRUE);
	}
	g_free(text);
	return as < KG_ASES && as != KG_AS_NONE;
}

/* ------------------------------------------------------------ expressions */

/* What is often meant by what the parser did not expect. */
static void hint_at(struct kg_diag *d, const char *text, gsize at)
{
	if (at < strlen(text) && text[at] == '=')
		kg_diag_hint(d, "equality is ==");
	else if (at < strlen(text) && text[at] == ',')
		kg_diag_hint(d, "several expressions are a list: [comm, pid]");
}

/* A finding in an expression's text, at its place in the file. */
static void take_findings(struct reader *r, const struct node *n, const GPtrArray *found)
{
	for (guint i = 0; i < found->len; i++) {
		const struct kg_diag *f = found->pdata[i];
		struct kg_loc loc = n->loc;
		struct kg_diag *d;

		if (n->loc.len && f->loc.line == 1 && f->loc.col > 0) {
			loc.col += f->loc.col - 1;
			loc.len = f->loc.len;
		}
		g_auto(GStrv) parts = g_strsplit(f->msg, "the end of the program", -1); /* the parser's words for the end of its text */
		g_autofree char *msg = g_strjoinv("its end", parts);

		d = kg_diag_add(r->diags, f->severity, CHECK, loc, "%s", msg);
		if (f->hint)
			kg_diag_hint(d, "%s", f->hint);
		else if (f->loc.line == 1 && f->loc.col > 0)
			hint_at(d, n->text, (gsize)f->loc.col - 1);
	}
}

gboolean con_read_expr(struct reader *r, const struct node *n, const char *what, struct kg_contract_expr *ret)
{
	g_autoptr(GPtrArray) found = kg_diags_new();
	struct kg_bt_node *node = NULL;
	char *text = NULL;

	if (n->kind != NODE_TEXT) {
		kg_diag_hint(con_read_error(r, n, "%s must be an expression, not %s", what, kind_words(n)),
			     "an expression that begins with [, { or ! needs quotes");
		return FALSE;
	}
	if (!con_read_text(r, n, what, &text))
		return FALSE;
	if (kg_bt_parse_expr(text, strlen(text), found, &node) < 0) {
		if (!kg_diags_errors(found))
			con_read_error(r, n, "this is not an expression");
		take_findings(r, n, found);
		g_free(text);
		return FALSE;
	}
	take_findings(r, n, found);
	*ret = (struct kg_contract_expr){.text = text, .node = node, .loc = n->loc};
	return TRUE;
}

gboolean con_read_exprs(struct reader *r, const struct node *n, const char *what, GPtrArray *ret)
{
	gboolean ok = TRUE;

	if (n->kind == NODE_LIST) {
		for (guint i = 0; i < n->items->len; i++)
			ok &= con_read_exprs(r, n->items->pdata[i], what, ret);
		return ok;
	}
	struct kg_contract_expr e = {0};

	if (!con_read_expr(r, n, what, &e))
		return FALSE;
	g_ptr_array_add(ret, g_memdup2(&e, sizeof e));
	return TRUE;
}

static gboolean is_name(const char *s)
{
	if (!g_ascii_isalpha(*s) && *s != '_')
		return FALSE;
	while (g_ascii_isalnum(*s) || *s == '_')
		s++;
	return !*s;
}

static gboolean check_name(struct reader *r, const struct node *key, const GPtrArray *names)
{
	struct kg_diag *d = NULL;

	for (guint i = 0; i < names->len; i++)
		if (!strcmp(((struct kg_contract_name *)names->pdata[i])->name, key->text))
			d = con_read_error(r, key, "the name '%s' is given twice", key->text);
	if (!is_name(key->text))
		d = con_read_error(r, key, "'%s' is not a name: letters, digits and _, no digit first", key->text);
	else if (kg_bt_builtin_find(key->text) || !strcmp(key->text, "duration"))
		d = con_read_error(r, key, "'%s' has a meaning already", key->text);
	return !d;
}

gboolean con_read_names(struct reader *r, const struct node *n, const char *what, GPtrArray *ret)
{
	gboolean ok = TRUE;

	if (n->kind != NODE_MAP) {
		kg_diag_hint(con_read_error(r, n, "'%s' must give names to expressions, and is %s", what, kind_words(n)),
			     "%s: {family: sk->__sk_common.skc_family}", what);
		return FALSE;
	}
	for (guint i = 0; i < n->items->len; i++) {
		const struct node *key = n->keys->pdata[i];
		struct kg_contract_expr e = {0};
		struct kg_contract_name *name;

		if (!check_name(r, key, ret) || !con_read_expr(r, n->items->pdata[i], key->text, &e)) {
			ok = FALSE;
			continue;
		}
		name = g_new0(struct kg_contract_name, 1);
		name->name = g_strdup(key->text);
		name->expr = e;
		g_ptr_array_add(ret, name);
	}
	return ok;
}

/* ----------------------------------------------------------------- values */

gboolean con_read_keys(struct reader *r, const struct node *n, const char *what, const char *const *keys)
{
	gboolean ok = n->kind == NODE_MAP;

	if (!ok)
		con_read_error(r, n, "%s must be a map of keys and values, not %s", what, kind_words(n));
	for (guint i = 0; n->kind == NODE_MAP && i < n->keys->len; i++) {
		const struct node *key = n->keys->pdata[i];

		if (g_strv_contains(keys, key->text))
			continue;
		if (strpbrk(key->text, "()[]<>\"'")) {
			kg_diag_hint(con_read_error(r, key, "this is read as a key of its own"), "an expression with a comma needs quotes inside of { }: "
				     "{expr: \"ntop(AF_INET6, daddr)\"}");
			ok = FALSE;
			continue;
		}
		con_hint_nearest(con_read_error(r, key, "%s has no key '%s'", what, key->text), key->text, keys, TRUE);
		ok = FALSE;
	}
	return ok;
}

static gboolean value_keys(struct reader *r, const struct node *n, const char *what, const char *const *more)
{
	const char *keys[16] = {"what", "expr", "as", "when"};
	int k = 4;

	for (; more && *more && k < 15; more++)
		keys[k++] = *more;
	return con_read_keys(r, n, what, keys);
}

static gboolean read_value_map(struct reader *r, const struct node *n, const char *what, struct kg_contract_value *v)
{
	const struct node *expr = con_node_get(n, "expr"), *as = con_node_get(n, "as"), *when = con_node_get(n, "when"), *words = con_node_get(n, "what");
	gboolean ok = TRUE;

	if (!expr)
		kg_diag_hint(con_read_error(r, n, "%s lacks 'expr'", what), "{expr: args.ret}");
	ok &= expr && con_read_expr(r, expr, "'expr'", &v->expr);
	ok &= !as || con_read_as(r, as, &v->as);
	ok &= !when || con_read_expr(r, when, "'when'", &v->when);
	ok &= !words || con_read_text(r, words, "'what'", &v->what);
	return ok;
}

gboolean con_read_value(struct reader *r, const struct node *n, const char *what, const char *const *more, struct kg_contract_value *ret)
{
	struct kg_contract_value v = {0};
	gboolean ok;

	if (n->kind == NODE_MAP) {
		ok = value_keys(r, n, what, more);
		ok &= read_value_map(r, n, what, &v);
	} else {
		ok = con_read_expr(r, n, what, &v.expr);
	}
	if (!ok) {
		con_value_clear(&v);
		return FALSE;
	}
	if (!v.what)
		v.what = g_strdup(v.expr.text);
	*ret = v;
	return TRUE;
}

gboolean con_read_aggregate(struct reader *r, const struct node *n, enum kg_aggregate *ret)
{
	const char *names[KG_AGGREGATES + 1] = {NULL};
	char *text = NULL;

	if (!con_read_text(r, n, "'as'", &text))
		return FALSE;
	for (int i = 0; i < KG_AGGREGATES; i++) {
		names[i] = kg_aggregate_name((enum kg_aggregate)i);
		if (!strcmp(text, names[i])) {
			*ret = (enum kg_aggregate)i;
			g_free(text);
			return TRUE;
		}
	}
	con_hint_nearest(con_read_error(r, n, "times can't be put together as '%s'", text), text, names, TRUE);
	g_free(text);
	return FALSE;
}

gboolean con_read_lhist(struct reader *r, const struct node *n, struct kg_obligation *o)
{
	static const char *const keys[] = {"min", "max", "step"};
	int64_t *const to[] = {&o->lhist_min, &o->lhist_max, &o->lhist_step};
	gboolean ok = TRUE;

	for (int i = 0; i < 3; i++) {
		const struct node *v = con_node_get(n, keys[i]);

		if (!v)
			kg_diag_hint(con_read_error(r, n, "a linear histogram lacks '%s'", keys[i]), "{expr: args.ret, min: 0, max: 1000, step: 100}");
		ok &= v && con_read_number(r, v, keys[i], to[i]);
	}
	if (ok && (o->lhist_step <= 0 || o->lhist_max <= o->lhist_min)) {
		con_read_error(r, n, "a linear histogram needs max above min, and a step above 0");
		ok = FALSE;
	}
	return ok;
}

/* ---------------------------------------------------------- attach points */

static const char *last_part(const struct kg_contract_point *p)
{
	const char *colon = strrchr(p->target, ':');

	return colon ? colon + 1 : p->target;
}

/* "sys_enter_read" where `on` has tracepoint:syscalls:sys_enter_read. [other] is a second one that fits, or NULL. */
static const struct kg_contract_point *by_last_part(const char *text, const GPtrArray *near, const struct kg_contract_point **other)
{
	const struct kg_contract_point *first = NULL;

	*other = NULL;
	for (guint i = 0; near && i < near->len; i++) {
		const GPtrArray *entry = near->pdata[i];

		for (guint j = 0; j < entry->len; j++) {
			const struct kg_contract_point *p = entry->pdata[j];

			if (strcmp(p->target, text) && strcmp(last_part(p), text))
				continue;
			*other = first ? p : NULL;
			first = first ? first : p;
		}
	}
	return first;
}

static void hint_point(struct kg_diag *d, const char *text, const GPtrArray *near, const char *hint)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *nearest;

	for (guint i = 0; near && i < near->len; i++) {
		const GPtrArray *entry = near->pdata[i];

		for (guint j = 0; j < entry->len; j++)
			g_ptr_array_add(names, (gpointer)last_part(entry->pdata[j]));
	}
	nearest = strchr(text, ':') ? NULL : kg_nearest(text, names);
	if (nearest)
		kg_diag_hint(d, "did you mean %s?", nearest);
	if (hint && (!near || strchr(text, ':')))
		kg_diag_hint(d, "%s", hint);
	kg_diag_hint(d, "write all of it (tracepoint:GROUP:NAME, kprobe:FUNCTION), or name it in 'on'");
}

gboolean con_read_point(struct reader *r, const struct node *n, const GPtrArray *near, struct kg_contract_point **ret)
{
	_cleanup_error_ struct kg_error err = {0};
	const struct kg_contract_point *known, *other;
	struct kg_contract_point *p = NULL;
	g_autofree char *text = NULL;

	if (!con_read_text(r, n, "an attach point", &text))
		return FALSE;
	known = by_last_part(text, near, &other);
	if (other) {
		con_read_error(r, n, "'%s' is %s and %s: the kind is needed", text, known->text, other->text);
		return FALSE;
	}
	if (known) {
		p = con_point_copy(known);
	} else if (kg_contract_point_parse(text, &p, &err) < 0) {
		hint_point(con_read_error(r, n, "%s", err.msg), text, near, err.hint);
		return FALSE;
	}
	p->loc = n->loc;
	*ret = p;
	return TRUE;
}

static gboolean read_any(struct reader *r, const struct node *n, const GPtrArray *near, GPtrArray *points)
{
	gboolean ok = TRUE;

	if (n->kind != NODE_LIST || !n->items->len) {
		kg_diag_hint(con_read_error(r, n, "'any' must be a list of attach points"), "any: [kprobe:tcp_connect, fentry:tcp_connect]");
		return FALSE;
	}
	for (guint i = 0; i < n->items->len; i++) {
		struct kg_contract_point *p = NULL;

		ok &= con_read_point(r, n->items->pdata[i], near, &p);
		if (p)
			g_ptr_array_add(points, p);
	}
	return ok;
}

gboolean con_read_entry(struct reader *r, const struct node *n, const GPtrArray *near, GPtrArray **ret)
{
	static const char *const keys[] = {"any", NULL};
	g_autoptr(GPtrArray) points = con_points_new();
	const struct node *any = con_node_get(n, "any");
	struct kg_contract_point *p = NULL;
	gboolean ok;

	if (any) {
		ok = con_read_keys(r, n, "an entry of 'on'", keys) && read_any(r, any, near, points);
	} else if (n->kind == NODE_MAP) {
		ok = con_read_keys(r, n, "an entry of 'on'", keys);
		if (ok)
			con_read_error(r, n, "this is empty");
		ok = FALSE;
	} else if ((ok = con_read_point(r, n, near, &p))) {
		g_ptr_array_add(points, p);
	}
	if (ok)
		*ret = g_steal_pointer(&points);
	return ok;
}

gboolean con_read_entry_any(struct reader *r, const struct node *any, const GPtrArray *near, GPtrArray **ret)
{
	g_autoptr(GPtrArray) points = con_points_new();

	if (!read_any(r, any, near, points))
		return FALSE;
	*ret = g_steal_pointer(&points);
	return TRUE;
}
