/* Statements in plain words: what a probe does each time. Computations that only feed variables are not told. */
#include "explain.h"

#include <string.h>

static void line(int indent, GString *out)
{
	for (int i = 0; i < indent; i++)
		g_string_append(out, "  ");
}

static void say_keys(const struct kg_bt_node *map, const char *word, GHashTable *vars, GString *out)
{
	for (guint i = 0; i < kg_bt_n_kids(map); i++) {
		g_string_append(out, i == 0 ? word : i + 1 == kg_bt_n_kids(map) ? " and " : ", ");
		kg_say_expr(kg_bt_kid(map, i), vars, 0, out);
	}
}

static const char *say_name(const struct kg_bt_node *map, char buf[128])
{
	g_snprintf(buf, 128, "@%s", map->text);
	return buf;
}

static void say_assign(const struct kg_bt_node *s, GHashTable *vars, int indent, GString *out)
{
	const struct kg_bt_node *map = kg_bt_kid(s, 0), *value = kg_bt_kid(s, 1);
	const struct kg_bt_function *f = value->kind == KG_BT_CALL ? kg_bt_function_find(value->text) : NULL;
	char name[128];

	if (map->kind != KG_BT_MAP)
		return;
	line(indent, out);
	if (f && (f->flags & KG_BT_F_AGGREGATE)) {
		g_string_append(out, f->plain);
		if (kg_bt_n_kids(value)) {
			g_string_append_c(out, ' ');
			kg_say_expr(kg_bt_kid(value, 0), vars, 0, out);
		}
		g_string_append_printf(out, " in %s", say_name(map, name));
		say_keys(map, ", by ", vars, out);
	} else {
		gboolean adds = s->op == KG_BT_PLUS;

		g_string_append(out, adds ? "adds " : s->op == KG_BT_ASSIGN_OP ? "keeps " : "changes ");
		if (adds || s->op == KG_BT_ASSIGN_OP) {
			kg_say_expr(value, vars, 0, out);
			g_string_append(out, adds ? " to " : " in ");
		}
		g_string_append(out, say_name(map, name));
		say_keys(map, ", for ", vars, out);
	}
	g_string_append_c(out, '\n');
}

static void say_step(const struct kg_bt_node *e, GHashTable *vars, int indent, GString *out)
{
	const struct kg_bt_node *map = kg_bt_kid(e, 0);
	char name[128];

	if (map->kind != KG_BT_MAP || (e->op != KG_BT_INC && e->op != KG_BT_DEC))
		return;
	line(indent, out);
	g_string_append_printf(out, "%s %s", e->op == KG_BT_INC ? "counts in" : "counts down in", say_name(map, name));
	say_keys(map, ", by ", vars, out);
	g_string_append_c(out, '\n');
}

/* A format without what only lays it out, for "prints ...": the words of it. */
static char *words_of(const char *format)
{
	GString *out = g_string_new(NULL);
	gboolean blank = FALSE;

	for (const char *s = format; *s; s++) {
		if (g_ascii_isspace(*s)) {
			blank = out->len > 0;
			continue;
		}
		if (*s == '%' && s[1] && s[1] != '%') {
			for (s++; *s && !g_ascii_isalpha(*s); s++)
				;
			while (*s && strchr("hljz", *s))
				s++;
			if (!*s)
				break;
			continue;
		}
		if (*s == '%' && s[1] == '%')
			s++;
		if (blank)
			g_string_append_c(out, ' ');
		blank = FALSE;
		g_string_append_c(out, *s);
	}
	if (out->len > 60) {
		g_string_truncate(out, 57);
		g_string_append(out, "...");
	}
	return g_string_free(out, FALSE);
}

static void say_printf(const struct kg_bt_node *call, GHashTable *vars, GString *out)
{
	const struct kg_bt_node *format = kg_bt_kid(call, 0);
	g_autofree char *words = format && format->kind == KG_BT_STRING ? words_of(format->text) : NULL;
	guint n = kg_bt_n_kids(call);

	if (n < 2) {
		g_string_append_printf(out, words && *words ? "prints \"%s\"" : "prints an empty line%s",
				       words && *words ? words : "");
		return;
	}
	g_string_append(out, "prints ");
	for (guint i = 1; i < n; i++) {
		g_string_append(out, i == 1 ? "" : i + 1 == n ? " and " : ", ");
		kg_say_expr(kg_bt_kid(call, i), vars, 0, out);
	}
}

static void say_map_call(const struct kg_bt_node *call, const struct kg_bt_function *f, GHashTable *vars, GString *out)
{
	const struct kg_bt_node *arg = kg_bt_kid(call, 0);

	if (!strcmp(f->name, "delete") && arg && arg->kind == KG_BT_MAP) {
		g_string_append_printf(out, "forgets what @%s keeps", arg->text);
		if (kg_bt_n_kids(arg)) {
			say_keys(arg, " for ", vars, out);
		} else if (kg_bt_kid(call, 1)) {
			g_string_append(out, " for ");
			kg_say_expr(kg_bt_kid(call, 1), vars, 0, out);
		}
		return;
	}
	g_string_append_printf(out, "%s ", f->plain);
	if (arg)
		kg_say_expr(arg, vars, 0, out);
	if (!strcmp(f->name, "print") && kg_bt_kid(call, 1) && kg_bt_kid(call, 1)->kind == KG_BT_INT)
		g_string_append_printf(out, ", the %s largest", kg_bt_kid(call, 1)->text);
}

static void say_call(const struct kg_bt_node *call, GHashTable *vars, int indent, GString *out)
{
	const struct kg_bt_function *f = kg_bt_function_find(call->text);

	line(indent, out);
	if (!f) {
		g_string_append_printf(out, "calls %s()", call->text);
	} else if (!strcmp(f->name, "printf")) {
		say_printf(call, vars, out);
	} else if (f->flags & KG_BT_F_CHANGES) {
		g_string_append_printf(out, "CHANGES THE SYSTEM: %s: ", f->plain);
		kg_bt_print_expr(call, out);
	} else if (!strcmp(f->name, "time") || (f->flags & KG_BT_F_EXITS)) {
		g_string_append(out, f->plain);
	} else if (!strcmp(f->name, "delete") || !strcmp(f->name, "print") || !strcmp(f->name, "clear") ||
		   !strcmp(f->name, "zero") || !strcmp(f->name, "join") || !strcmp(f->name, "cat")) {
		say_map_call(call, f, vars, out);
	} else {
		g_string_append(out, "does ");
		kg_bt_print_expr(call, out);
	}
	g_string_append_c(out, '\n');
}

static void say_expression(const struct kg_bt_node *e, GHashTable *vars, int indent, GString *out)
{
	if (e->kind == KG_BT_CALL) {
		say_call(e, vars, indent, out);
	} else if (e->kind == KG_BT_POSTFIX || e->kind == KG_BT_UNARY) {
		say_step(e, vars, indent, out);
	} else if (e->kind == KG_BT_TERNARY) {
		line(indent, out);
		g_string_append(out, "if ");
		kg_say_condition(kg_bt_kid(e, 0), vars, out);
		g_string_append(out, ":\n");
		say_expression(kg_bt_kid(e, 1), vars, indent + 1, out);
		line(indent, out);
		g_string_append(out, "otherwise:\n");
		say_expression(kg_bt_kid(e, 2), vars, indent + 1, out);
	} else if (e->kind == KG_BT_BLOCK_EXPR) {
		kg_say_block(e, vars, indent, out);
	}
}

/* A chain in which nothing can be seen, because it only computes, is left out. */
static void say_if(const struct kg_bt_node *s, GHashTable *vars, int indent, GString *out)
{
	const char *word = "if ";
	gsize before = out->len;
	gboolean is_seen = FALSE;

	for (; s; s = s->kind == KG_BT_IF ? kg_bt_kid(s, 2) : NULL, word = "otherwise, if ") {
		const struct kg_bt_node *block = s->kind == KG_BT_IF ? kg_bt_kid(s, 1) : s;
		g_autoptr(GString) inner = g_string_new(NULL);

		line(indent, out);
		g_string_append(out, s->kind == KG_BT_IF ? word : "otherwise");
		if (s->kind == KG_BT_IF)
			kg_say_condition(kg_bt_kid(s, 0), vars, out);
		g_string_append(out, ":\n");
		kg_say_block(block, vars, indent + 1, inner);
		is_seen |= inner->len > 0;
		if (!inner->len) {
			line(indent + 1, inner);
			g_string_append(inner, "does nothing that can be seen\n");
		}
		g_string_append_len(out, inner->str, (gssize)inner->len);
	}
	if (!is_seen)
		g_string_truncate(out, before);
}

static void say_loop(const struct kg_bt_node *s, GHashTable *vars, int indent, GString *out)
{
	const struct kg_bt_node *over = kg_bt_kid(s, s->kind == KG_BT_FOR ? 1 : 0);

	line(indent, out);
	if (s->kind == KG_BT_WHILE) {
		g_string_append(out, "while ");
		kg_say_condition(over, vars, out);
	} else if (s->kind == KG_BT_UNROLL) {
		kg_bt_print_expr(over, out);
		g_string_append(out, " times");
	} else {
		g_string_append(out, over->kind == KG_BT_MAP ? "for each entry of " : "for each number of ");
		kg_bt_print_expr(over, out);
	}
	g_string_append(out, ":\n");
	kg_say_block(kg_bt_kid(s, kg_bt_n_kids(s) - 1), vars, indent + 1, out);
}

void kg_say_block(const struct kg_bt_node *block, GHashTable *vars, int indent, GString *out)
{
	for (guint i = 0; i < kg_bt_n_kids(block); i++) {
		const struct kg_bt_node *s = kg_bt_kid(block, i);

		if (indent > 40 || out->len > KG_SAY_MAX)
			return;
		switch (s->kind) {
		case KG_BT_ASSIGN: say_assign(s, vars, indent, out); break;
		case KG_BT_IF: say_if(s, vars, indent, out); break;
		case KG_BT_WHILE: case KG_BT_UNROLL: case KG_BT_FOR: say_loop(s, vars, indent, out); break;
		case KG_BT_BLOCK: kg_say_block(s, vars, indent, out); break;
		case KG_BT_EXPR: say_expression(kg_bt_kid(s, 0), vars, indent, out); break;
		case KG_BT_RETURN:
			line(indent, out);
			g_string_append(out, "goes no further\n");
			break;
		default: say_expression(s, vars, indent, out);
		}
	}
}
