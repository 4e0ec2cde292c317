/*
 * The shorthand for kernel functions:
 *
 *	functions: tcp_sendmsg
 *	args:      {sk: struct sock *, msg: struct msghdr *, size: uint64}
 *	returns:   int32
 *	read:      {size: $size}
 *	results:   {bytes: {expr: $ret, valid: $ret >= 0}}
 *
 * stands for two ways, fentry/fexit and, behind it, kprobe/kretprobe: the same expressions, in which $sk is args->sk in the one and
 * (struct sock *)arg0 in the other. With `returns` it is a span from the call to the return, else the call alone. A return
 * probe's register is 64 bits wide whatever the function returns, so $ret is cut to the type that `returns` names.
 */
#include "load.h"

#include <string.h>

struct shape {
	const struct node *args, *returns, *read, *results, *when, *ok, *let;
	GPtrArray *functions; /* char * */
	gboolean is_kprobe;
};

static const char *const int_types[] = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", NULL};

static int check_type(const struct reader *r, const struct node *n, const char *what)
{
	if (n->kind == NODE_TEXT && (g_str_has_suffix(n->text, "*") || g_strv_contains(int_types, n->text)))
		return 0;
	int rc = fail_at(r, n->line, "the type of %s must be an integer type of bpftrace or a pointer", what);
	kg_error_hint(r->err, "allowed: int8 to int64, uint8 to uint64, bool, struct NAME *");
	return rc;
}

static void let_value(struct kg_card_site *s, const char *name, const char *type, const char *value)
{
	g_autofree char *cast = NULL;
	if (g_str_equal(type, "bool"))
		cast = g_strdup_printf("(uint8)%s", value);
	else
		cast = g_strdup_printf("(%s)%s", type, value);
	site_add_let(s, name, cast);
}

static int let_args(const struct reader *r, const struct shape *sh, struct kg_card_site *s)
{
	for (guint i = 0; sh->args && i < sh->args->keys->len; i++) {
		const struct node *name = g_ptr_array_index(sh->args->keys, i), *type = g_ptr_array_index(sh->args->items, i);
		int rc = check_type(r, type, name->text);
		if (rc < 0)
			return rc;
		g_autofree char *value = sh->is_kprobe ? g_strdup_printf("arg%u", i) : g_strdup_printf("args->%s", name->text);
		if (name->text[0] == '_')
			continue;
		if (sh->is_kprobe)
			let_value(s, name->text, type->text, value);
		else
			site_add_let(s, name->text, value);
	}
	return 0;
}

static void add_at(const struct shape *sh, struct kg_card_site *s, const char *kind)
{
	for (guint i = 0; i < sh->functions->len; i++) {
		const char *f = g_ptr_array_index(sh->functions, i);
		gboolean optional = g_str_has_suffix(f, "?");
		char *at = g_strdup_printf("%s:%.*s", kind, (int)(strlen(f) - optional), f);
		g_ptr_array_add(s->at, at);
		if (optional)
			g_ptr_array_add(s->optional, g_strdup(at));
	}
}

static int load_more_lets(const struct reader *r, const struct node *let, struct kg_card_site *s)
{
	for (guint i = 0; let && i < let->keys->len; i++) {
		g_autofree char *expr = NULL;
		int rc = read_expr(r, g_ptr_array_index(let->items, i), "let", &expr);
		if (rc < 0)
			return rc;
		site_add_let(s, ((struct node *)g_ptr_array_index(let->keys, i))->text, expr);
	}
	return 0;
}

static int load_entry(const struct reader *r, const struct shape *sh, struct kg_card_site *s)
{
	add_at(sh, s, sh->is_kprobe ? "kprobe" : "kfunc");
	int rc = let_args(r, sh, s);
	if (rc == 0)
		rc = load_more_lets(r, sh->let, s);
	if (rc == 0)
		rc = read_expr(r, sh->when, "when", &s->when);
	return rc == 0 ? load_reads(r, sh->read, s) : rc;
}

static int load_return(const struct reader *r, const struct shape *sh, struct kg_card_site *s)
{
	add_at(sh, s, sh->is_kprobe ? "kretprobe" : "kretfunc");
	int rc = check_type(r, sh->returns, "returns");
	if (rc < 0)
		return rc;
	if (sh->is_kprobe)
		let_value(s, "ret", sh->returns->text, "retval");
	else
		site_add_let(s, "ret", "retval");
	rc = read_expr(r, sh->ok, "ok", &s->ok);
	return rc == 0 ? load_reads(r, sh->results, s) : rc;
}

static int load_shape(const struct reader *r, const struct shape *sh, struct kg_card_way *w)
{
	struct kg_card_site *entry = site_new();
	g_ptr_array_add(sh->returns ? w->begins : w->sites, entry);
	int rc = load_entry(r, sh, entry);
	if (rc < 0 || !sh->returns)
		return rc;
	struct kg_card_site *end = site_new();
	g_ptr_array_add(w->sites, end);
	entry->key = g_strdup("tid");
	end->key = g_strdup("tid");
	w->is_same_task = TRUE;
	return load_return(r, sh, end);
}

int load_functions(const struct reader *r, const struct node *way, struct kg_card_way *fentry, struct kg_card_way *kprobe)
{
	g_autoptr(GPtrArray) functions = strings_new();
	struct shape sh = {.args = node_get(way, "args"), .returns = node_get(way, "returns"), .read = node_get(way, "read"),
			   .results = node_get(way, "results"), .when = node_get(way, "when"), .ok = node_get(way, "ok"),
			   .let = node_get(way, "let"), .functions = functions};
	if (node_get(way, "key") || node_get(way, "same-task") || node_get(way, "binary"))
		return fail_at(r, way->line, "a way with 'functions' has no key, same-task or binary");
	if ((sh.args && sh.args->kind != NODE_MAP) || (sh.let && sh.let->kind != NODE_MAP))
		return fail_at(r, way->line, "'args' and 'let' must be maps here (name: type, name: expression)");
	if (!sh.returns && (sh.results || sh.ok))
		return fail_at(r, way->line, "'results' and 'ok' need 'returns', the type that the function returns");
	int rc = read_texts(r, node_get(way, "functions"), "functions", functions);
	if (rc == 0 && functions->len == 0)
		rc = fail_at(r, way->line, "'functions' is empty");
	if (rc == 0)
		rc = load_shape(r, &sh, fentry);
	sh.is_kprobe = TRUE;
	return rc == 0 ? load_shape(r, &sh, kprobe) : rc;
}
