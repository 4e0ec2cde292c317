/* The evaluator: what each kind of node means. See kgent/expr.h for the rules and expr_part.h for the files. */
#include "expr_part.h"

#include <string.h>

GPtrArray *kg_expr_keep_new(void)
{
	return g_ptr_array_new_with_free_func(g_free);
}

int expr_fail(const struct eval *ev, const struct kg_bt_node *at, struct kg_error *err, int code, const char *fmt, ...)
{
	g_autofree char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	kg_error_set(err, code, STAGE, "%s", msg);
	return expr_failed_at(ev, at, -code);
}

int expr_failed_at(const struct eval *ev, const struct kg_bt_node *at, int r)
{
	if (r < 0 && ev->env->failed && !*ev->env->failed)
		*ev->env->failed = at;
	return r;
}

int expr_eval_number(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r = expr_eval_node(ev, n, &v, err);

	if (r < 0)
		return r;
	if (v.kind != KG_EXPR_NUMBER && v.kind != KG_EXPR_POINTER)
		return expr_fail(ev, n, err, KG_E_INVAL, "a number is needed here");
	*ret = expr_in_host_order(ev->env, &v);
	return 0;
}

/* ------------------------------------------------------------------ names */

/* A name of the contract: its expression sees the names before it. A mistake in it is said at its use. */
static int eval_named(struct eval *ev, const struct kg_bt_node *n, guint i, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_contract_name *name = ev->env->names->pdata[i];
	const struct kg_bt_node *inner = NULL;
	struct kg_expr_env env = *ev->env;
	struct eval sub = *ev;
	int r;

	env.failed = &inner;
	sub.env = &env;
	sub.n_names = i;
	r = expr_eval_node(&sub, name->expr.node, ret, err);
	ev->arguments = sub.arguments;
	ev->has_arguments = sub.has_arguments;
	return expr_failed_at(ev, n, r);
}

static gboolean find_constant(const struct kg_expr_env *env, const char *name, int64_t *ret)
{
	return kg_profile_enumerator(env->profile, name, ret) == 0 || (env->macros && kg_macros_find(env->macros, name, ret));
}

static int unknown_name(struct eval *ev, const struct kg_bt_node *n, const char *name, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = expr_argument_names(ev);
	const char *near;

	for (guint i = 0; i < ev->n_names; i++)
		g_ptr_array_add(names, ((struct kg_contract_name *)ev->env->names->pdata[i])->name);
	for (const struct kg_bt_builtin *b = kg_bt_builtins; b->name; b++)
		g_ptr_array_add(names, (gpointer)b->name);
	if (ev->env->macros)
		kg_macros_names(ev->env->macros, names);
	near = kg_nearest(name, names);
	expr_fail(ev, n, err, KG_E_NOTFOUND, "'%s' is not known%s%s", name, ev->env->point ? " at " : "", ev->env->point ? ev->env->point->text : "");
	if (near)
		kg_error_hint(err, "did you mean %s?", near);
	else if (ev->env->point && !ev->env->point->is_wildcard)
		kg_error_hint(err, "kgent probes %s shows its arguments; a text needs quotes", ev->env->point->text);
	return -KG_E_NOTFOUND;
}

static int eval_name(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_expr_value *known = ev->env->values ? g_hash_table_lookup(ev->env->values, n->text) : NULL;
	int64_t constant;
	int r;

	for (guint i = ev->n_names; i-- > 0;)
		if (!strcmp(((struct kg_contract_name *)ev->env->names->pdata[i])->name, n->text))
			return eval_named(ev, n, i, ret, err);
	if (known) {
		*ret = *known;
		return 0;
	}
	r = expr_eval_argument(ev, n, n->text, ret, err);
	if (r != -KG_E_NOTFOUND || (err && err->code))
		return r;
	if (!find_constant(ev->env, n->text, &constant))
		return unknown_name(ev, n, n->text, err);
	*ret = expr_constant_of(constant);
	return 0;
}

static struct kg_expr_value literal(struct eval *ev, const struct kg_bt_node *n)
{
	struct kg_expr_value v = expr_bytes_new(ev->env, (guint)MIN(n->num + 1, MAX_BYTES));

	for (guint i = 0; i < v.n_bytes; i++)
		v.bytes[i] = KG_WORD(i < n->num ? (uint8_t)n->text[i] : 0);
	v.is_text = TRUE;
	v.is_constant = TRUE;
	return v;
}

/* --------------------------------------------------------------- dispatch */

static int unsupported(struct eval *ev, const struct kg_bt_node *n, struct kg_error *err)
{
	switch (n->kind) {
	case KG_BT_MAP:
		return expr_fail(ev, n, err, KG_E_UNSUPPORTED, "a contract speaks of the event, not of a program's maps");
	case KG_BT_VAR:
		expr_fail(ev, n, err, KG_E_UNSUPPORTED, "a contract speaks of the event, not of a program's variables");
		kg_error_hint(err, "'where' gives names to expressions, without the $");
		return -KG_E_UNSUPPORTED;
	default:
		return expr_fail(ev, n, err, KG_E_UNSUPPORTED, "this has no meaning in a contract");
	}
}

static int dispatch(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	switch (n->kind) {
	case KG_BT_INT:
		*ret = expr_constant_of((int64_t)n->num);
		ret->is_signed = (int64_t)n->num >= 0;
		return 0;
	case KG_BT_BOOL:
		*ret = expr_constant_of((int64_t)n->num);
		return 0;
	case KG_BT_STRING:
		*ret = literal(ev, n);
		return 0;
	case KG_BT_NAME: return eval_name(ev, n, ret, err);
	case KG_BT_BUILTIN: return expr_eval_builtin(ev, n, n->text, ret, err);
	case KG_BT_MEMBER: return expr_eval_member(ev, n, FALSE, ret, err);
	case KG_BT_INDEX: return expr_eval_index(ev, n, FALSE, ret, err);
	case KG_BT_UNARY: return expr_eval_unary(ev, n, ret, err);
	case KG_BT_BINARY: return expr_eval_binary(ev, n, ret, err);
	case KG_BT_TERNARY: return expr_eval_ternary(ev, n, ret, err);
	case KG_BT_CAST: return expr_eval_cast(ev, n, ret, err);
	case KG_BT_SIZEOF:
	case KG_BT_OFFSETOF: return expr_eval_sizeof(ev, n, ret, err);
	case KG_BT_CALL: return expr_eval_call(ev, n, ret, err);
	default: return unsupported(ev, n, err);
	}
}

int expr_eval_node(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	int r;

	if (ev->depth >= MAX_DEPTH)
		return expr_fail(ev, n, err, KG_E_LIMIT, "nested more than %d deep", MAX_DEPTH);
	ev->depth++;
	r = dispatch(ev, n, ret, err);
	ev->depth--;
	return r;
}

int kg_expr_eval(const struct kg_bt_node *expr, const struct kg_expr_env *env, struct kg_expr_value *ret, struct kg_error *err)
{
	struct eval ev = {.env = env, .n_names = env->names ? env->names->len : 0};
	struct kg_expr_value v;
	_cleanup_error_ struct kg_error own = {0};
	int r = expr_eval_node(&ev, expr, &v, err ? err : &own);

	g_clear_pointer(&ev.arguments, g_ptr_array_unref);
	if (r == 0)
		*ret = v;
	return r;
}
