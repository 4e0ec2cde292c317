/* Holds a program against a kernel and a release: entry, statements, variables. See check.h. */
#include "check.h"

#include <stdarg.h>
#include <string.h>

#define MAX_FINDINGS 200 /* nobody reads more */

struct kg_diag *kg_bt_say(struct kg_bt_check *c, enum kg_severity severity, const char *check, struct kg_loc loc,
			  const char *fmt, ...)
{
	g_autofree char *msg = NULL;
	va_list ap;

	if (c->quiet || c->diags->len >= MAX_FINDINGS)
		return NULL;
	va_start(ap, fmt);
	msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	for (guint i = 0; i < c->diags->len; i++) { /* never the same twice */
		const struct kg_diag *d = c->diags->pdata[i];

		if (d->loc.line == loc.line && d->loc.col == loc.col && !strcmp(d->msg, msg))
			return NULL;
	}
	return kg_diag_add(c->diags, severity, check, loc, "%s", msg);
}

gboolean kg_bt_older(const struct kg_bt_check *c, int minor)
{
	return c->version && c->version->major == 0 && c->version->minor < minor;
}

const char *kg_bt_keep(struct kg_bt_check *c, const char *s)
{
	return g_string_chunk_insert_const(c->strings, s);
}

/* -------------------------------------------------------------- variables */

static void open_scope(struct kg_bt_check *c)
{
	g_ptr_array_add(c->scopes, g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free));
}

static void close_scope(struct kg_bt_check *c)
{
	GHashTable *scope = c->scopes->pdata[c->scopes->len - 1];
	GHashTableIter it;
	gpointer name;

	g_hash_table_iter_init(&it, scope);
	while (g_hash_table_iter_next(&it, &name, NULL))
		g_hash_table_add(c->gone, name);
	g_ptr_array_remove_index(c->scopes, c->scopes->len - 1);
}

struct kg_bt_ty *kg_bt_var_find(struct kg_bt_check *c, const char *name)
{
	for (guint i = c->scopes->len; i-- > 0;) {
		struct kg_bt_ty *ty = g_hash_table_lookup(c->scopes->pdata[i], name);

		if (ty)
			return ty;
	}
	return NULL;
}

/* Assign: where it lives, else in the innermost block. */
void kg_bt_var_set(struct kg_bt_check *c, const char *name, const struct kg_bt_ty *ty)
{
	struct kg_bt_ty *old = kg_bt_var_find(c, name);

	if (old)
		*old = *ty;
	else
		g_hash_table_insert(c->scopes->pdata[c->scopes->len - 1], (gpointer)kg_bt_keep(c, name),
				    g_memdup2(ty, sizeof(*ty)));
}

/* ------------------------------------------------------------- statements */

static void check_let(struct kg_bt_check *c, const struct kg_bt_node *s)
{
	struct kg_bt_ty ty = {0};
	const struct kg_bt_node *last = kg_bt_kid(s, kg_bt_n_kids(s) - 1);

	if (kg_bt_n_kids(s) > 1 && kg_bt_kid(s, 1)->kind == KG_BT_TYPE)
		ty = kg_bt_ty_of_node(c, kg_bt_kid(s, 1));
	if (kg_bt_n_kids(s) > 1 && last->kind != KG_BT_TYPE) {
		struct kg_bt_ty value = kg_bt_check_expr(c, last);

		if (ty.kind == TY_UNKNOWN)
			ty = value;
	}
	g_hash_table_insert(c->scopes->pdata[c->scopes->len - 1], (gpointer)kg_bt_keep(c, kg_bt_kid(s, 0)->text),
			    g_memdup2(&ty, sizeof(ty)));
}

/* A variable keeps the kind of value that it began with. */
static void hold_variable(struct kg_bt_check *c, const struct kg_bt_node *target, const struct kg_bt_ty *ty)
{
	const struct kg_bt_ty *old = kg_bt_var_find(c, target->text);

	if (old && kg_bt_ty_clash(old, ty))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "variables", target->loc, "$%s keeps %s, and is assigned %s",
				     target->text, kg_bt_ty_words(old), kg_bt_ty_words(ty)),
			   "use another variable");
}

static void check_assign(struct kg_bt_check *c, const struct kg_bt_node *s)
{
	const struct kg_bt_node *target = kg_bt_kid(s, 0), *value = kg_bt_kid(s, 1);
	gboolean is_plain = s->op == KG_BT_ASSIGN_OP;
	struct kg_bt_ty ty;

	if (value->kind == KG_BT_CALL)
		ty = kg_bt_check_call(c, value, target->kind == KG_BT_MAP && is_plain);
	else
		ty = kg_bt_check_expr(c, value);
	ty.is_literal = FALSE;
	if (ty.kind == TY_NONE && value->kind == KG_BT_CALL)
		kg_bt_say(c, KG_ERROR, "types", value->loc, "%s() has no value that could be assigned", value->text);
	if (!is_plain)
		ty = (struct kg_bt_ty){.kind = TY_INT};
	if (target->kind == KG_BT_MAP) {
		kg_bt_map_assign(c, target, &ty);
	} else if (target->kind == KG_BT_VAR) {
		if (!is_plain)
			kg_bt_check_expr(c, target);
		hold_variable(c, target, &ty);
		kg_bt_var_set(c, target->text, &ty);
	}
}

static void check_for(struct kg_bt_check *c, const struct kg_bt_node *s)
{
	const struct kg_bt_node *over = kg_bt_kid(s, 1);
	struct kg_bt_ty ty = {.kind = over->kind == KG_BT_RANGE ? TY_INT : TY_UNKNOWN};

	if (over->kind == KG_BT_MAP && !kg_bt_n_kids(over))
		kg_bt_map_whole(c, over, TRUE);
	else
		kg_bt_check_expr(c, over);
	open_scope(c);
	g_hash_table_insert(c->scopes->pdata[c->scopes->len - 1], (gpointer)kg_bt_keep(c, kg_bt_kid(s, 0)->text),
			    g_memdup2(&ty, sizeof(ty)));
	c->loops++;
	kg_bt_check_block(c, kg_bt_kid(s, 2));
	c->loops--;
	close_scope(c);
}

static void check_loop(struct kg_bt_check *c, const struct kg_bt_node *s)
{
	const struct kg_bt_node *n = kg_bt_kid(s, 0);

	kg_bt_check_expr(c, n);
	if (s->kind == KG_BT_UNROLL && n->kind == KG_BT_INT && (n->num < 1 || n->num > 100))
		kg_bt_say(c, KG_ERROR, "types", n->loc, "unroll takes a number from 1 to 100");
	if (s->kind == KG_BT_UNROLL && (n->kind == KG_BT_VAR || n->kind == KG_BT_MAP || n->kind == KG_BT_BUILTIN))
		kg_bt_hint(kg_bt_say(c, KG_ERROR, "types", n->loc,
				     "unroll takes a number that is known before the program runs"),
			   "use while (condition) { } instead");
	c->loops++;
	kg_bt_check_block(c, kg_bt_kid(s, 1));
	c->loops--;
}

static void check_statement(struct kg_bt_check *c, const struct kg_bt_node *s)
{
	switch (s->kind) {
	case KG_BT_LET: check_let(c, s); break;
	case KG_BT_ASSIGN: check_assign(c, s); break;
	case KG_BT_FOR: check_for(c, s); break;
	case KG_BT_WHILE: case KG_BT_UNROLL: check_loop(c, s); break;
	case KG_BT_IF:
		kg_bt_check_condition(c, kg_bt_kid(s, 0), FALSE);
		kg_bt_check_block(c, kg_bt_kid(s, 1));
		if (kg_bt_kid(s, 2) && kg_bt_kid(s, 2)->kind == KG_BT_IF)
			check_statement(c, kg_bt_kid(s, 2));
		else if (kg_bt_kid(s, 2))
			kg_bt_check_block(c, kg_bt_kid(s, 2));
		break;
	case KG_BT_BLOCK: kg_bt_check_block(c, s); break;
	case KG_BT_EXPR: kg_bt_check_expr(c, kg_bt_kid(s, 0)); break;
	case KG_BT_RETURN:
		if (kg_bt_n_kids(s))
			kg_bt_check_expr(c, kg_bt_kid(s, 0));
		break;
	case KG_BT_BREAK: case KG_BT_CONTINUE:
		if (!c->loops && !(c->sub && c->sub->kind == KG_BT_MACRO))
			kg_bt_say(c, KG_ERROR, "types", s->loc, "%s is only possible in a loop",
				  kg_bt_kind_name(s->kind));
		break;
	default: kg_bt_check_expr(c, s);
	}
}

void kg_bt_check_block(struct kg_bt_check *c, const struct kg_bt_node *block)
{
	open_scope(c);
	for (guint i = 0; i < kg_bt_n_kids(block); i++)
		check_statement(c, kg_bt_kid(block, i));
	close_scope(c);
}

/* ----------------------------------------------------------------- probes */

/* A predicate in which nothing can change. */
static gboolean varies(const struct kg_bt_node *e)
{
	switch (e->kind) {
	case KG_BT_INT: case KG_BT_STRING: case KG_BT_BOOL: case KG_BT_SIZEOF: case KG_BT_OFFSETOF: case KG_BT_TYPE:
		return FALSE;
	case KG_BT_UNARY: case KG_BT_BINARY: case KG_BT_TERNARY: case KG_BT_CAST: case KG_BT_TUPLE:
		for (guint i = 0; i < kg_bt_n_kids(e); i++)
			if (varies(kg_bt_kid(e, i)))
				return TRUE;
		return FALSE;
	default:
		return TRUE;
	}
}

static void check_probe(struct kg_bt_check *c, const struct kg_bt_probe *probe)
{
	c->probe = probe;
	g_hash_table_remove_all(c->gone);
	open_scope(c);
	if (probe->predicate) {
		kg_bt_check_condition(c, probe->predicate, TRUE);
		if (!varies(probe->predicate))
			kg_bt_say(c, KG_WARNING, "types", probe->predicate->loc, "this predicate is always the same");
	}
	kg_bt_check_block(c, probe->block);
	close_scope(c);
	c->probe = NULL;
}

/* Macros and subprograms: their parameters are known, their types are not. */
static void check_sub(struct kg_bt_check *c, const struct kg_bt_node *sub)
{
	guint n = kg_bt_n_kids(sub);

	c->sub = sub;
	g_hash_table_remove_all(c->gone);
	open_scope(c);
	for (guint i = 0; i + 1 < n; i++) {
		const struct kg_bt_node *param = kg_bt_kid(sub, i);
		struct kg_bt_ty ty = {0};

		if (param->kind == KG_BT_LET)
			check_let(c, param);
		else if (param->kind == KG_BT_VAR)
			kg_bt_var_set(c, param->text, &ty);
	}
	if (sub->kind == KG_BT_FN) /* a macro's body has the types of where it is used */
		kg_bt_check_block(c, kg_bt_kid(sub, n - 1));
	close_scope(c);
	c->sub = NULL;
}

static void pass(struct kg_bt_check *c, gboolean quiet)
{
	const struct kg_bt_program *p = c->program;

	c->quiet = quiet;
	for (guint i = 0; i < p->subs->len; i++)
		check_sub(c, p->subs->pdata[i]);
	for (guint i = 0; i < p->probes->len; i++) {
		if (!quiet)
			kg_bt_check_attach(c, p->probes->pdata[i]);
		check_probe(c, p->probes->pdata[i]);
	}
}

/* ------------------------------------------------------------ declarations */

static gboolean has_btf(struct kg_bt_check *c)
{
	struct kg_field f;

	return c->profile && kg_profile_member(c->profile, "struct task_struct", "pid", &f, NULL) == 0;
}

/* The directive of a preprocessor line and what stands behind it. */
static const char *directive(const char *text, char word[16])
{
	gsize n = 0;

	for (text++; *text == ' ' || *text == '\t'; text++)
		;
	for (; g_ascii_isalpha(*text); text++)
		if (n < 15)
			word[n++] = *text;
	word[n] = '\0';
	for (; *text == ' ' || *text == '\t'; text++)
		;
	return text;
}

/* Includes between "#ifndef BPFTRACE_HAVE_BTF" and its #else do not count where there is BTF. */
static void read_preproc(struct kg_bt_check *c, const struct kg_bt_node *line, int *without_btf, int *depth, gboolean btf)
{
	char word[16];
	const char *rest = directive(line->text, word);
	gsize n = 0;

	if (g_str_has_prefix(word, "if")) {
		++*depth;
		if (!strcmp(word, "ifndef") && g_str_has_prefix(rest, "BPFTRACE_HAVE_BTF"))
			*without_btf = *depth;
	} else if ((!strcmp(word, "else") || !strcmp(word, "endif")) && *without_btf == *depth) {
		*without_btf = 0;
	}
	if (!strcmp(word, "endif"))
		--*depth;
	if (*without_btf && btf)
		return;
	if (!strcmp(word, "include")) {
		c->has_include = TRUE;
		if (!g_str_has_prefix(rest, "<sys/"))
			c->has_kernel_include = TRUE;
	} else if (!strcmp(word, "define")) {
		while (kg_bt_is_ident(rest[n]))
			n++;
		g_hash_table_add(c->defines, (gpointer)g_string_chunk_insert_len(c->strings, rest, (gssize)n));
	}
}

static void read_declarations(struct kg_bt_check *c)
{
	const struct kg_bt_program *p = c->program;
	int without_btf = 0, depth = 0;
	gboolean btf = has_btf(c);

	for (guint i = 0; i < p->preamble->len; i++) {
		const struct kg_bt_node *item = p->preamble->pdata[i];

		if (item->kind == KG_BT_PREPROC)
			read_preproc(c, item, &without_btf, &depth, btf);
		else if (kg_bt_n_kids(item))
			g_hash_table_insert(c->structs, kg_bt_kid(item, 0)->text, (gpointer)item);
		else
			c->has_include = c->has_kernel_include = TRUE; /* not understood: it may define anything */
		for (guint k = 1; item->kind == KG_BT_CDEF && k < kg_bt_n_kids(item); k++)
			if (kg_bt_kid(item, k)->kind == KG_BT_ENUMERATOR)
				g_hash_table_add(c->defines, kg_bt_kid(item, k)->text);
	}
	for (guint i = 0; i < p->subs->len; i++)
		g_hash_table_add(c->defines, ((struct kg_bt_node *)p->subs->pdata[i])->text);
	for (guint i = 0; i < p->map_decls->len; i++)
		kg_bt_map_get(c, ((struct kg_bt_node *)p->map_decls->pdata[i])->text)->is_declared = TRUE;
	c->has_import = p->imports->len > 0;
}

static gint by_place(gconstpointer a, gconstpointer b)
{
	const struct kg_diag *x = *(struct kg_diag *const *)a, *y = *(struct kg_diag *const *)b;

	return x->loc.line != y->loc.line ? x->loc.line - y->loc.line : x->loc.col - y->loc.col;
}

int kg_bt_check(const struct kg_bt_program *program, struct kg_profile *profile, const struct kg_bt_version *version,
		GPtrArray *diags)
{
	g_autoptr(GPtrArray) found = kg_diags_new();
	struct kg_bt_check c = {.program = program, .profile = profile, .version = version, .diags = found};
	unsigned errors;

	c.strings = g_string_chunk_new(1024);
	c.maps = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	c.defines = g_hash_table_new(g_str_hash, g_str_equal);
	c.structs = g_hash_table_new(g_str_hash, g_str_equal);
	c.gone = g_hash_table_new(g_str_hash, g_str_equal);
	c.scopes = g_ptr_array_new_with_free_func((GDestroyNotify)g_hash_table_unref);
	read_declarations(&c);
	pass(&c, TRUE);
	pass(&c, FALSE);
	kg_bt_check_inline(program, found);
	if (version)
		kg_bt_check_features(&c);
	g_ptr_array_sort(found, by_place);
	errors = kg_diags_errors(found);
	g_ptr_array_extend_and_steal(diags, g_steal_pointer(&found));
	g_ptr_array_free(c.scopes, TRUE);
	g_hash_table_unref(c.gone);
	g_hash_table_unref(c.structs);
	g_hash_table_unref(c.defines);
	g_hash_table_unref(c.maps);
	g_string_chunk_free(c.strings);
	return errors ? -KG_E_INVAL : 0;
}
