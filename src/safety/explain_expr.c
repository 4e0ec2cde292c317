/* Expressions in plain words, for an administrator. What has no plain words is shown as it is written. */
#include "explain.h"

#include <string.h>

#define MAX_DEPTH 6 /* deeper than this nobody reads; the program's text is shorter */

static void as_written(const struct kg_bt_node *e, GString *out)
{
	kg_bt_print_expr(e, out);
}

/* What is assigned to each variable: a node, or `many` for one that is assigned more than once or step by step. */
static struct kg_bt_node many;

static gboolean find_assignment(const struct kg_bt_node *node, const struct kg_bt_node *parent,
				const struct kg_bt_probe *probe, void *vars)
{
	const struct kg_bt_node *target = kg_bt_kid(node, 0);
	gboolean is_step = (node->kind == KG_BT_POSTFIX || node->kind == KG_BT_UNARY) &&
			   (node->op == KG_BT_INC || node->op == KG_BT_DEC);
	gboolean is_plain = node->kind == KG_BT_ASSIGN && node->op == KG_BT_ASSIGN_OP;

	if ((node->kind != KG_BT_ASSIGN && node->kind != KG_BT_LET && node->kind != KG_BT_FOR && !is_step) || !target ||
	    target->kind != KG_BT_VAR)
		return TRUE;
	if (!is_plain || g_hash_table_contains(vars, target->text))
		g_hash_table_insert(vars, target->text, &many);
	else
		g_hash_table_insert(vars, target->text, kg_bt_kid(node, 1));
	return TRUE;
}

GHashTable *kg_say_variables(const struct kg_bt_node *block)
{
	GHashTable *vars = g_hash_table_new(g_str_hash, g_str_equal);

	kg_bt_walk_node(block, find_assignment, NULL, vars);
	return vars;
}

/* The one thing that a variable stands for, or NULL. */
static const struct kg_bt_node *value_of(GHashTable *vars, const char *name)
{
	const struct kg_bt_node *value = vars ? g_hash_table_lookup(vars, name) : NULL;

	return value == &many ? NULL : value;
}

static void say_var(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	const struct kg_bt_node *value = value_of(vars, e->text);

	if (value && depth < MAX_DEPTH)
		kg_say_expr(value, vars, depth + 1, out);
	else
		as_written(e, out);
}

static void say_list(const struct kg_bt_node *e, guint from, GHashTable *vars, int depth, GString *out)
{
	guint n = kg_bt_n_kids(e);

	for (guint i = from; i < n; i++) {
		if (i > from)
			g_string_append(out, i + 1 == n ? " and " : ", ");
		kg_say_expr(kg_bt_kid(e, i), vars, depth + 1, out);
	}
}

/* $sk->__sk_common.skc_dport: "the field skc_dport of ..." */
static void say_member(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	const struct kg_bt_node *of = kg_bt_kid(e, 0);

	if (of->kind == KG_BT_BUILTIN && !strcmp(of->text, "args")) {
		g_string_append_printf(out, "the event's %s", e->text);
		return;
	}
	if (g_ascii_isdigit(e->text[0])) {
		as_written(e, out);
		return;
	}
	while (of->kind == KG_BT_MEMBER && !g_ascii_isdigit(of->text[0]) && kg_bt_kid(of, 0)->kind != KG_BT_BUILTIN)
		of = kg_bt_kid(of, 0);
	while (of->kind == KG_BT_CAST)
		of = kg_bt_kid(of, 1);
	g_string_append_printf(out, "the field %s of ", e->text);
	kg_say_expr(of, vars, depth + 1, out);
}

static void say_map(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	if (!kg_bt_n_kids(e)) {
		g_string_append_printf(out, "@%s", e->text);
		return;
	}
	g_string_append_printf(out, "what @%s keeps for ", e->text);
	say_list(e, 0, vars, depth, out);
}

static const struct {
	const char *name, *words; /* the first argument stands behind the words */
} calls[] = {
	{"str", "the string "},
	{"buf", "the bytes of "},
	{"bswap", ""},
	{"ksym", "the kernel symbol of "},
	{"usym", "the program's symbol of "},
	{"strerror", "the name of the error "},
	{"kptr", ""},
	{"uptr", ""},
	{"path", "the path of "},
	{"macaddr", "the hardware address "},
	{"cgroup_path", "the path of the cgroup "},
	{"len", "the number of elements of "},
};

static void say_call(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	const struct kg_bt_function *f = kg_bt_function_find(e->text);
	guint n = kg_bt_n_kids(e);

	if (!strcmp(e->text, "str") && n && kg_bt_kid(e, 0)->kind == KG_BT_MAP && kg_bt_n_kids(kg_bt_kid(e, 0))) {
		g_string_append_printf(out, "the string that @%s keeps for ", kg_bt_kid(e, 0)->text);
		say_list(kg_bt_kid(e, 0), 0, vars, depth, out);
		return;
	}
	for (gsize i = 0; n && i < G_N_ELEMENTS(calls); i++)
		if (!strcmp(calls[i].name, e->text)) {
			g_string_append(out, calls[i].words);
			kg_say_expr(kg_bt_kid(e, 0), vars, depth + 1, out);
			return;
		}
	if (!strcmp(e->text, "ntop") && n) {
		g_string_append(out, "the IP address ");
		kg_say_expr(kg_bt_kid(e, n - 1), vars, depth + 1, out);
	} else if (!strcmp(e->text, "strftime")) {
		g_string_append(out, "the time of day");
	} else if (f && (f->flags & KG_BT_F_STACK)) {
		g_string_append(out, f->plain);
	} else {
		as_written(e, out);
	}
}

static gboolean is_since(const struct kg_bt_node *e)
{
	const struct kg_bt_node *a = kg_bt_kid(e, 0), *b = kg_bt_kid(e, 1);

	return e->kind == KG_BT_BINARY && e->op == KG_BT_MINUS && a->kind == KG_BT_BUILTIN && !strcmp(a->text, "nsecs") &&
	       (b->kind == KG_BT_MAP || b->kind == KG_BT_VAR);
}

static void say_since(const struct kg_bt_node *e, GHashTable *vars, GString *out)
{
	const struct kg_bt_node *b = kg_bt_kid(e, 1);
	const struct kg_bt_node *value = b->kind == KG_BT_VAR ? value_of(vars, b->text) : NULL;

	if (value && value->kind == KG_BT_MAP)
		b = value;
	g_string_append_printf(out, "the time since %s%s was set", b->kind == KG_BT_MAP ? "@" : "$", b->text);
}

/* (nsecs - @start[tid]) / 1000 */
static void say_binary(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	const struct kg_bt_node *a = kg_bt_kid(e, 0), *b = kg_bt_kid(e, 1);
	const char *unit = b->kind != KG_BT_INT ? NULL :
			   b->num == 1000	? "microseconds" :
			   b->num == 1000000	? "milliseconds" :
			   b->num == 1000000000 ? "seconds" :
						  NULL;

	if (unit && a->kind == KG_BT_VAR && value_of(vars, a->text))
		a = value_of(vars, a->text); /* $duration / 1000 */
	if (is_since(e)) {
		say_since(e, vars, out);
		g_string_append(out, " in nanoseconds");
	} else if (e->op == KG_BT_DIV && is_since(a) && unit) {
		say_since(a, vars, out);
		g_string_append_printf(out, " in %s", unit);
	} else if (e->op >= KG_BT_MUL && e->op <= KG_BT_MINUS) {
		kg_say_expr(a, vars, depth + 1, out);
		g_string_append_printf(out, " %s ",
				       e->op == KG_BT_DIV   ? "divided by" :
				       e->op == KG_BT_MUL   ? "times" :
				       e->op == KG_BT_PLUS  ? "plus" :
				       e->op == KG_BT_MINUS ? "less" :
							      "modulo");
		kg_say_expr(b, vars, depth + 1, out);
	} else {
		as_written(e, out);
	}
}

void kg_say_expr(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out)
{
	const struct kg_bt_builtin *b;

	if (out->len > KG_SAY_MAX) {
		g_string_append(out, "...");
		return;
	}
	if (depth > MAX_DEPTH) {
		as_written(e, out);
		return;
	}
	switch (e->kind) {
	case KG_BT_BUILTIN:
		b = kg_bt_builtin_find(e->text);
		if (!strncmp(e->text, "arg", 3) && g_ascii_isdigit(e->text[3]))
			g_string_append_printf(out, "argument %d", e->text[3] - '0' + 1);
		else
			g_string_append(out, b ? b->plain : e->text);
		break;
	case KG_BT_PARAM: g_string_append_printf(out, "parameter %u of the command line", (unsigned)e->num); break;
	case KG_BT_VAR: say_var(e, vars, depth, out); break;
	case KG_BT_MAP: say_map(e, vars, depth, out); break;
	case KG_BT_MEMBER: say_member(e, vars, depth, out); break;
	case KG_BT_CALL: say_call(e, vars, depth, out); break;
	case KG_BT_CAST: kg_say_expr(kg_bt_kid(e, 1), vars, depth + 1, out); break;
	case KG_BT_BINARY: say_binary(e, vars, depth, out); break;
	case KG_BT_TUPLE: say_list(e, 0, vars, depth, out); break;
	default: as_written(e, out);
	}
}

void kg_bt_explain_expr(const struct kg_bt_node *expr, GString *out)
{
	kg_say_expr(expr, NULL, 0, out);
}

static const char *comparison(enum kg_bt_op op)
{
	switch (op) {
	case KG_BT_EQ: return " is ";
	case KG_BT_NE: return " is not ";
	case KG_BT_LT: return " is less than ";
	case KG_BT_LE: return " is at most ";
	case KG_BT_GT: return " is more than ";
	case KG_BT_GE: return " is at least ";
	default: return NULL;
	}
}

static void say_truth(const struct kg_bt_node *e, GHashTable *vars, gboolean is_true, GString *out)
{
	if (e->kind == KG_BT_MAP && kg_bt_n_kids(e)) {
		g_string_append_printf(out, "@%s keeps %s for ", e->text, is_true ? "something" : "nothing");
		say_list(e, 0, vars, 0, out);
		return;
	}
	kg_say_expr(e, vars, 0, out);
	g_string_append(out, is_true ? " is not 0" : " is 0");
}

void kg_say_condition(const struct kg_bt_node *e, GHashTable *vars, GString *out)
{
	const char *words = e->kind == KG_BT_BINARY ? comparison(e->op) : NULL;

	if (e->height > 20) {
		as_written(e, out);
	} else if (e->kind == KG_BT_BINARY && (e->op == KG_BT_LAND || e->op == KG_BT_LOR)) {
		kg_say_condition(kg_bt_kid(e, 0), vars, out);
		g_string_append(out, e->op == KG_BT_LAND ? " and " : " or ");
		kg_say_condition(kg_bt_kid(e, 1), vars, out);
	} else if (words) {
		kg_say_expr(kg_bt_kid(e, 0), vars, 0, out);
		g_string_append(out, words);
		kg_say_expr(kg_bt_kid(e, 1), vars, 0, out);
	} else if (e->kind == KG_BT_UNARY && e->op == KG_BT_NOT) {
		say_truth(kg_bt_kid(e, 0), vars, FALSE, out);
	} else {
		say_truth(e, vars, TRUE, out);
	}
}
