/*
 * Prints a tree as bpftrace text, in the layout of bpftrace's own tools (two blanks become a tab, braces of probes on a line of
 * their own). The print is what is compiled and shown, so it must parse to the same tree; brackets are put exactly where
 * precedence needs them. Mind bpftrace 0.17's lexer: ":3;...:" is a path to it, so there are blanks around a ':'.
 */
#include <kgent/bpftrace.h>

#include <string.h>

static void print_expr(const struct kg_bt_node *e, int outer, int indent, GString *out);
static void print_block(const struct kg_bt_node *block, int indent, GString *out);

/* Precedences as in parse_expr.c; operands of unary operators and of members bind tighter. */
enum { P_TERNARY = 0, P_BINARY = 1, P_UNARY = 11, P_POSTFIX = 12 };

static int precedence_of(enum kg_bt_op op)
{
	switch (op) {
	case KG_BT_LOR: return 1;
	case KG_BT_LAND: return 2;
	case KG_BT_BOR: return 3;
	case KG_BT_BXOR: return 4;
	case KG_BT_BAND: return 5;
	case KG_BT_EQ: case KG_BT_NE: return 6;
	case KG_BT_LT: case KG_BT_LE: case KG_BT_GT: case KG_BT_GE: return 7;
	case KG_BT_SHL: case KG_BT_SHR: return 8;
	case KG_BT_PLUS: case KG_BT_MINUS: return 9;
	default: return 10;
	}
}

static int precedence(const struct kg_bt_node *e)
{
	switch (e->kind) {
	case KG_BT_TERNARY: case KG_BT_RANGE: return P_TERNARY;
	case KG_BT_BINARY: return precedence_of(e->op);
	case KG_BT_UNARY: case KG_BT_CAST: case KG_BT_COMPTIME: return P_UNARY;
	default: return P_POSTFIX;
	}
}

static void indent_line(int indent, GString *out)
{
	for (int i = 0; i < indent; i++)
		g_string_append_c(out, '\t');
}

static void print_string(const struct kg_bt_node *e, GString *out)
{
	g_string_append_c(out, '"');
	for (uint64_t i = 0; i < e->num; i++) {
		unsigned char c = (unsigned char)e->text[i];

		if (c == '"' || c == '\\')
			g_string_append_printf(out, "\\%c", c);
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '\t')
			g_string_append(out, "\\t");
		else if (c == '\r')
			g_string_append(out, "\\r");
		else if (c < 0x20 || c == 0x7f) /* three octal digits: what follows can't run into it */
			g_string_append_printf(out, "\\%03o", c);
		else
			g_string_append_c(out, (char)c);
	}
	g_string_append_c(out, '"');
}

static void print_list(const struct kg_bt_node *e, guint from, int indent, GString *out)
{
	for (guint i = from; i < kg_bt_n_kids(e); i++) {
		if (i > from)
			g_string_append(out, ", ");
		print_expr(kg_bt_kid(e, i), P_TERNARY, indent, out);
	}
}

static void print_type(const struct kg_bt_node *type, GString *out)
{
	g_autofree char *text = kg_bt_type_text(type);

	g_string_append(out, text);
}

static void print_unary(const struct kg_bt_node *e, int indent, GString *out)
{
	const struct kg_bt_node *of = kg_bt_kid(e, 0);

	g_string_append(out, kg_bt_op_text(e->op));
	/* "- -1" is not "--1"; "& &x" is not "&&x" */
	if (of->kind == KG_BT_UNARY && (e->op == KG_BT_MINUS || e->op == KG_BT_ADDR || of->op == KG_BT_DEC) &&
	    kg_bt_op_text(e->op)[0] == kg_bt_op_text(of->op)[0])
		g_string_append_c(out, ' ');
	print_expr(of, P_UNARY, indent, out);
}

static void print_binary(const struct kg_bt_node *e, int indent, GString *out)
{
	int p = precedence_of(e->op);

	print_expr(kg_bt_kid(e, 0), p, indent, out);
	g_string_append_printf(out, " %s ", kg_bt_op_text(e->op));
	print_expr(kg_bt_kid(e, 1), p + 1, indent, out);
}

static void print_ternary(const struct kg_bt_node *e, int indent, GString *out)
{
	print_expr(kg_bt_kid(e, 0), P_BINARY, indent, out);
	g_string_append(out, " ? ");
	print_expr(kg_bt_kid(e, 1), P_TERNARY, indent, out);
	g_string_append(out, " : ");
	print_expr(kg_bt_kid(e, 2), P_TERNARY, indent, out);
}

static void print_keyed(const struct kg_bt_node *e, int indent, GString *out)
{
	g_string_append_printf(out, "@%s", e->text);
	if (kg_bt_n_kids(e)) {
		g_string_append_c(out, '[');
		print_list(e, 0, indent, out);
		g_string_append_c(out, ']');
	}
}

static void print_tuple(const struct kg_bt_node *e, int indent, GString *out)
{
	g_string_append_c(out, '(');
	print_list(e, 0, indent, out);
	g_string_append(out, kg_bt_n_kids(e) == 1 ? ",)" : ")");
}

static void print_if_expr(const struct kg_bt_node *e, int indent, GString *out)
{
	g_string_append(out, "if (");
	print_expr(kg_bt_kid(e, 0), P_TERNARY, indent, out);
	g_string_append(out, ") ");
	print_block(kg_bt_kid(e, 1), indent, out);
	g_string_append(out, " else ");
	print_expr(kg_bt_kid(e, 2), P_TERNARY, indent, out);
}

static void print_sizeof(const struct kg_bt_node *e, int indent, GString *out)
{
	g_string_append(out, e->kind == KG_BT_SIZEOF ? "sizeof(" : "offsetof(");
	print_expr(kg_bt_kid(e, 0), P_TERNARY, indent, out);
	if (e->kind == KG_BT_OFFSETOF)
		g_string_append_printf(out, ", %s", e->text);
	g_string_append_c(out, ')');
}

/* "(name)&x" and "(name)++x" would not be read as casts */
static gboolean needs_brackets(const struct kg_bt_node *operand)
{
	return operand->kind == KG_BT_UNARY &&
	       (operand->op == KG_BT_ADDR || operand->op == KG_BT_INC || operand->op == KG_BT_DEC);
}

static void print_bare(const struct kg_bt_node *e, int indent, GString *out)
{
	switch (e->kind) {
	case KG_BT_INT: case KG_BT_NAME: case KG_BT_BUILTIN: g_string_append(out, e->text); break;
	case KG_BT_BOOL: g_string_append(out, e->num ? "true" : "false"); break;
	case KG_BT_STRING: print_string(e, out); break;
	case KG_BT_PARAM: g_string_append_printf(out, "$%" G_GUINT64_FORMAT, (guint64)e->num); break;
	case KG_BT_PARAM_N: g_string_append(out, "$#"); break;
	case KG_BT_VAR: g_string_append_printf(out, "$%s", e->text); break;
	case KG_BT_MAP: print_keyed(e, indent, out); break;
	case KG_BT_CALL:
		g_string_append_printf(out, "%s(", e->text);
		print_list(e, 0, indent, out);
		g_string_append_c(out, ')');
		break;
	case KG_BT_MEMBER: /* "1.0" would be a broken number */
		print_expr(kg_bt_kid(e, 0), kg_bt_kid(e, 0)->kind == KG_BT_INT ? P_POSTFIX + 1 : P_POSTFIX, indent, out);
		g_string_append_printf(out, "%s%s", kg_bt_op_text(e->op), e->text);
		break;
	case KG_BT_INDEX:
		print_expr(kg_bt_kid(e, 0), P_POSTFIX, indent, out);
		g_string_append_c(out, '[');
		print_list(e, 1, indent, out);
		g_string_append_c(out, ']');
		break;
	case KG_BT_UNARY: print_unary(e, indent, out); break;
	case KG_BT_POSTFIX:
		print_expr(kg_bt_kid(e, 0), P_POSTFIX, indent, out);
		g_string_append(out, kg_bt_op_text(e->op));
		break;
	case KG_BT_BINARY: print_binary(e, indent, out); break;
	case KG_BT_TERNARY: print_ternary(e, indent, out); break;
	case KG_BT_CAST:
		g_string_append_c(out, '(');
		print_type(kg_bt_kid(e, 0), out);
		g_string_append_c(out, ')');
		print_expr(kg_bt_kid(e, 1), needs_brackets(kg_bt_kid(e, 1)) ? P_POSTFIX : P_UNARY, indent, out);
		break;
	case KG_BT_TUPLE: print_tuple(e, indent, out); break;
	case KG_BT_SIZEOF: case KG_BT_OFFSETOF: print_sizeof(e, indent, out); break;
	case KG_BT_RANGE:
		print_expr(kg_bt_kid(e, 0), P_TERNARY, indent, out);
		g_string_append(out, " .. ");
		print_expr(kg_bt_kid(e, 1), P_TERNARY, indent, out);
		break;
	case KG_BT_COMPTIME:
		g_string_append(out, "comptime ");
		print_expr(kg_bt_kid(e, 0), P_UNARY, indent, out);
		break;
	case KG_BT_TYPE: print_type(e, out); break;
	case KG_BT_BLOCK_EXPR: print_block(e, indent, out); break;
	case KG_BT_IF_EXPR: print_if_expr(e, indent, out); break;
	default: break;
	}
}

/*
 * Something whose first token is a brace or an if, at the start of an operand, is put in brackets: "{ 1 } + 2" as a
 * statement would begin a block.
 */
static void print_expr(const struct kg_bt_node *e, int outer, int indent, GString *out)
{
	gboolean is_block = e->kind == KG_BT_BLOCK_EXPR || e->kind == KG_BT_IF_EXPR;

	if (precedence(e) < outer || (is_block && outer > P_TERNARY)) {
		g_string_append_c(out, '(');
		print_bare(e, indent, out);
		g_string_append_c(out, ')');
	} else {
		print_bare(e, indent, out);
	}
}

void kg_bt_print_expr(const struct kg_bt_node *expr, GString *out)
{
	print_expr(expr, P_TERNARY, 0, out);
}

/* ------------------------------------------------------------- statements */

static void print_block(const struct kg_bt_node *block, int indent, GString *out)
{
	guint n = kg_bt_n_kids(block);

	g_string_append(out, "{\n");
	for (guint i = 0; i < n; i++) {
		const struct kg_bt_node *item = kg_bt_kid(block, i);

		if (block->kind == KG_BT_BLOCK_EXPR && i + 1 == n) {
			gboolean is_block = item->kind == KG_BT_BLOCK_EXPR || item->kind == KG_BT_IF_EXPR;

			indent_line(indent + 1, out);
			print_expr(item, is_block ? P_BINARY : P_TERNARY, indent + 1, out);
			g_string_append_c(out, '\n');
		} else {
			kg_bt_print_statement(item, indent + 1, out);
		}
	}
	indent_line(indent, out);
	g_string_append_c(out, '}');
}

static void print_if(const struct kg_bt_node *s, int indent, GString *out)
{
	for (;;) {
		const struct kg_bt_node *other = kg_bt_kid(s, 2);

		g_string_append(out, s->num ? "if comptime (" : "if (");
		print_expr(kg_bt_kid(s, 0), P_TERNARY, indent, out);
		g_string_append(out, ") ");
		print_block(kg_bt_kid(s, 1), indent, out);
		if (!other)
			return;
		g_string_append(out, " else ");
		if (other->kind != KG_BT_IF) {
			print_block(other, indent, out);
			return;
		}
		s = other;
	}
}

static void print_let(const struct kg_bt_node *s, int indent, GString *out)
{
	g_string_append_printf(out, "let $%s", kg_bt_kid(s, 0)->text);
	for (guint i = 1; i < kg_bt_n_kids(s); i++) {
		g_string_append(out, kg_bt_kid(s, i)->kind == KG_BT_TYPE ? " : " : " = ");
		print_expr(kg_bt_kid(s, i), P_TERNARY, indent, out);
	}
}

static void print_headed(const char *word, const struct kg_bt_node *s, int indent, GString *out)
{
	g_string_append_printf(out, "%s (", word);
	print_expr(kg_bt_kid(s, 0), P_TERNARY, indent, out);
	if (s->kind == KG_BT_FOR) {
		g_string_append(out, " : ");
		print_expr(kg_bt_kid(s, 1), P_TERNARY, indent, out);
	}
	g_string_append(out, ") ");
	print_block(kg_bt_kid(s, kg_bt_n_kids(s) - 1), indent, out);
}

static void print_assign(const struct kg_bt_node *s, int indent, GString *out)
{
	print_expr(kg_bt_kid(s, 0), P_TERNARY, indent, out);
	g_string_append_printf(out, " %s ", s->op == KG_BT_ASSIGN_OP ? "=" : "");
	if (s->op != KG_BT_ASSIGN_OP) {
		g_string_truncate(out, out->len - 1);
		g_string_append_printf(out, "%s= ", kg_bt_op_text(s->op));
	}
	print_expr(kg_bt_kid(s, 1), P_TERNARY, indent, out);
}

void kg_bt_print_statement(const struct kg_bt_node *s, int indent, GString *out)
{
	const struct kg_bt_node *value = kg_bt_kid(s, 0);

	indent_line(indent, out);
	switch (s->kind) {
	case KG_BT_EXPR: /* "{ 1 };" and "if (a) { 1 } else { 2 };" would be read as statements */
		print_expr(value,
			   value->kind == KG_BT_BLOCK_EXPR || value->kind == KG_BT_IF_EXPR ? P_BINARY : P_TERNARY,
			   indent, out);
		break;
	case KG_BT_ASSIGN: print_assign(s, indent, out); break;
	case KG_BT_LET: print_let(s, indent, out); break;
	case KG_BT_IF: print_if(s, indent, out); break;
	case KG_BT_WHILE: print_headed("while", s, indent, out); break;
	case KG_BT_UNROLL: print_headed("unroll", s, indent, out); break;
	case KG_BT_FOR: print_headed("for", s, indent, out); break;
	case KG_BT_BLOCK: print_block(s, indent, out); break;
	case KG_BT_RETURN:
		g_string_append(out, "return");
		if (value) {
			g_string_append_c(out, ' ');
			print_expr(value, P_TERNARY, indent, out);
		}
		break;
	case KG_BT_BREAK: g_string_append(out, "break"); break;
	case KG_BT_CONTINUE: g_string_append(out, "continue"); break;
	default: print_expr(s, P_TERNARY, indent, out);
	}
	if (s->kind != KG_BT_IF && s->kind != KG_BT_WHILE && s->kind != KG_BT_UNROLL && s->kind != KG_BT_FOR &&
	    s->kind != KG_BT_BLOCK && !(s->kind == KG_BT_EXPR && s->num))
		g_string_append_c(out, ';');
	g_string_append_c(out, '\n');
}

/* -------------------------------------------------------------- top level */

static void print_config(const struct kg_bt_program *program, GString *out)
{
	if (!program->has_config)
		return;
	g_string_append(out, "config = {\n");
	for (guint i = 0; i < program->config->len; i++)
		kg_bt_print_statement(program->config->pdata[i], 1, out);
	g_string_append(out, "}\n\n");
}

static void print_sub(const struct kg_bt_node *sub, GString *out)
{
	guint n = kg_bt_n_kids(sub), last_param = n - 1;
	const struct kg_bt_node *type = n > 1 ? kg_bt_kid(sub, n - 2) : NULL;

	if (type && type->kind != KG_BT_TYPE)
		type = NULL;
	if (type)
		last_param--;
	g_string_append_printf(out, "%s %s(", sub->kind == KG_BT_FN ? "fn" : "macro", sub->text);
	for (guint i = 0; i < last_param; i++) {
		const struct kg_bt_node *param = kg_bt_kid(sub, i);

		g_string_append(out, i ? ", " : "");
		if (param->kind == KG_BT_LET) {
			g_string_append_printf(out, "$%s : ", kg_bt_kid(param, 0)->text);
			param = kg_bt_kid(param, 1);
		}
		print_expr(param, P_TERNARY, 0, out);
	}
	g_string_append_c(out, ')');
	if (type) {
		g_string_append(out, " : ");
		print_type(type, out);
	}
	g_string_append_c(out, ' ');
	print_block(kg_bt_kid(sub, n - 1), 0, out);
	g_string_append(out, "\n\n");
}

/* "/" and "*x" together would begin a comment. */
static gboolean begins_with_star(const struct kg_bt_node *e)
{
	g_autoptr(GString) text = g_string_new(NULL);

	kg_bt_print_expr(e, text);
	return text->str[0] == '*';
}

static void print_probe(const struct kg_bt_probe *probe, GString *out)
{
	for (guint i = 0; i < probe->attach->len; i++) {
		const struct kg_bt_attach *a = probe->attach->pdata[i];

		g_string_append_printf(out, "%s%s", i ? ",\n" : "", a->raw);
	}
	g_string_append_c(out, '\n');
	if (probe->predicate) {
		g_string_append_c(out, '/');
		if (begins_with_star(probe->predicate))
			g_string_append_c(out, ' ');
		print_expr(probe->predicate, P_TERNARY, 0, out);
		g_string_append(out, "/\n");
	}
	print_block(probe->block, 0, out);
	g_string_append_c(out, '\n');
}

void kg_bt_print(const struct kg_bt_program *program, GString *out)
{
	for (guint i = 0; i < program->preamble->len; i++) {
		const struct kg_bt_node *item = program->preamble->pdata[i];

		g_string_append_printf(out, "%s%s\n", item->text, item->kind == KG_BT_CDEF ? ";" : "");
	}
	if (program->preamble->len)
		g_string_append_c(out, '\n');
	print_config(program, out);
	for (guint i = 0; i < program->imports->len; i++) {
		g_autoptr(GString) name = g_string_new(NULL);
		struct kg_bt_node quoted = {.kind = KG_BT_STRING,
					    .text = ((struct kg_bt_node *)program->imports->pdata[i])->text};

		quoted.num = strlen(quoted.text);
		print_string(&quoted, name);
		g_string_append_printf(out, "import %s;\n", name->str);
	}
	for (guint i = 0; i < program->map_decls->len; i++) {
		const struct kg_bt_node *decl = program->map_decls->pdata[i];

		g_string_append_printf(out, "let @%s = ", decl->text);
		print_expr(kg_bt_kid(decl, 0), P_TERNARY, 0, out);
		g_string_append(out, ";\n");
	}
	if (program->imports->len || program->map_decls->len)
		g_string_append_c(out, '\n');
	for (guint i = 0; i < program->subs->len; i++)
		print_sub(program->subs->pdata[i], out);
	for (guint i = 0; i < program->probes->len; i++) {
		g_string_append(out, i ? "\n" : "");
		print_probe(program->probes->pdata[i], out);
	}
}
