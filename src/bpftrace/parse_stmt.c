/*
 * Blocks and statements, and recovery within a block: after an error the parser goes on behind the next ';' or before the
 * '}' of the block, so that each statement has its own error.
 */
#include "parse.h"

#include <string.h>

static struct kg_bt_node *parse_statement(struct kg_bt_parser *p);

/* Does a probe begin here, at the beginning of a line? Then the block before it was not closed. */
static gboolean at_probe(const struct kg_bt_parser *p)
{
	struct kg_bt_token next;
	enum kg_probe_kind kind;

	if (p->tok.type != T_IDENT || p->tok.off != p->tok.line_off)
		return FALSE;
	kind = kg_probe_kind_parse(p->lx.text + p->tok.off, p->tok.end - p->tok.off);
	next = kg_bt_peek(p);
	if (kind == KG_PROBE_BEGIN || kind == KG_PROBE_END)
		return next.type == T_LBRACE || next.type == T_COMMA;
	return kind != KG_PROBE_NONE && next.type == T_COLON && next.off == p->tok.end;
}

/*
 * Skip to behind the ';' that ends the statement, or to the '}' that ends the block; inner blocks are skipped whole. A
 * for's head can have a ';' in it, as in C; so it ends with its block.
 */
static void recover(struct kg_bt_parser *p, gboolean is_for)
{
	int depth = 0;

	p->panic = FALSE;
	p->in_predicate = FALSE;
	for (; p->tok.type != T_EOF && !p->limit; kg_bt_advance(p)) {
		if (at_probe(p))
			return;
		if (p->tok.type == T_LBRACE) {
			depth++;
		} else if (p->tok.type == T_RBRACE) {
			if (depth == 0)
				return;
			if (--depth == 0) {
				kg_bt_advance(p);
				return;
			}
		} else if (p->tok.type == T_SEMI && depth == 0 && !is_for) {
			kg_bt_advance(p);
			return;
		} else if (depth == 0 && p->tok.line_off > p->prev_line_off && kg_bt_is_keyword(p, &p->tok) &&
			   !kg_bt_at(p, "else") && !kg_bt_at(p, "sizeof") && !kg_bt_at(p, "offsetof")) {
			return;
		}
	}
}

/* if (c) / while (c) / unroll (n): the bracket and what is in it */
static struct kg_bt_node *parse_condition(struct kg_bt_parser *p, const char *word)
{
	g_autofree char *where = g_strdup_printf("behind %s", word);
	struct kg_bt_node *expr;

	if (!kg_bt_expect(p, T_LPAREN, where))
		return NULL;
	if (p->tok.type == T_RPAREN) {
		kg_bt_expected(p, "a condition");
		return NULL;
	}
	expr = kg_bt_parse_expression(p);
	if (expr && p->tok.type == T_ASSIGN)
		kg_bt_hint(kg_bt_expected(p, "')'"), "to compare, write ==");
	if (expr && !kg_bt_expect(p, T_RPAREN, "behind the condition"))
		return kg_bt_node_free(expr);
	return expr;
}

/* One "if (c) { }" without what follows. */
static struct kg_bt_node *parse_if_head(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_IF, 0, 0), *kid;

	kg_bt_advance(p);
	if (kg_bt_at(p, "comptime")) {
		node->num = 1;
		kg_bt_advance(p);
	}
	/* "if comptime is_ptr(x) {" needs no brackets */
	kid = node->num && p->tok.type != T_LPAREN ? kg_bt_parse_expression(p) : parse_condition(p, "if");
	if (!kid)
		return kg_bt_node_free(node);
	kg_bt_node_add(node, kid);
	if (!(kid = kg_bt_parse_block(p, KG_BT_BLOCK)))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

/* A chain of else-ifs is read in a loop and linked from its end, so that it costs no recursion here. */
static struct kg_bt_node *parse_if(struct kg_bt_parser *p)
{
	g_autoptr(GPtrArray) chain = g_ptr_array_new();
	struct kg_bt_node *last = NULL, *node = parse_if_head(p);
	uint32_t end;

	while (node) {
		g_ptr_array_add(chain, node);
		node = NULL;
		if (!kg_bt_at(p, "else"))
			break;
		kg_bt_advance(p);
		if (chain->len > KG_BT_MAX_DEPTH) {
			kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok),
				   "this program is nested too deeply (more than %d levels)", KG_BT_MAX_DEPTH);
			p->limit = KG_E_LIMIT;
			break;
		}
		if (kg_bt_at(p, "if")) {
			node = parse_if_head(p);
		} else {
			if (p->tok.type != T_LBRACE)
				kg_bt_expected(p, "'{' or 'if' behind else");
			else
				last = kg_bt_parse_block(p, KG_BT_BLOCK);
			break;
		}
	}
	end = p->prev_end;
	for (guint i = chain->len; i-- > 0;) {
		node = chain->pdata[i];
		if (last)
			kg_bt_node_add(node, last);
		node->end = end;
		last = node;
	}
	if (p->panic || p->limit || !last)
		return kg_bt_node_free(last);
	return kg_bt_finish(p, last);
}

static struct kg_bt_node *parse_loop(struct kg_bt_parser *p, enum kg_bt_kind kind, const char *word)
{
	struct kg_bt_node *node = kg_bt_start(p, kind, 0, 0), *kid;

	kg_bt_advance(p);
	if (!(kid = parse_condition(p, word)))
		return kg_bt_node_free(node);
	kg_bt_node_add(node, kid);
	if (!(kid = kg_bt_parse_block(p, KG_BT_BLOCK)))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

/* What a for runs over: @map, from..to, or another expression. */
static struct kg_bt_node *parse_iterable(struct kg_bt_parser *p)
{
	struct kg_bt_node *from = kg_bt_parse_expression(p), *to;

	if (!from || p->tok.type != T_DOTDOT)
		return from;
	from = kg_bt_wrap(p, KG_BT_RANGE, from);
	kg_bt_advance(p);
	if (!(to = kg_bt_parse_expression(p)))
		return kg_bt_node_free(from);
	return kg_bt_finish(p, kg_bt_node_add(from, to));
}

static struct kg_bt_node *parse_for(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_FOR, 0, 0), *kid;

	kg_bt_advance(p);
	if (!kg_bt_expect(p, T_LPAREN, "behind for"))
		return kg_bt_node_free(node);
	if (p->tok.type != T_VAR) {
		kg_bt_hint(kg_bt_expected(p, "a variable"),
			   "loops are written for ($kv : @map) { }, for ($i : 0..10) { } or while (condition) { }");
		return kg_bt_node_free(node);
	}
	kid = kg_bt_start(p, KG_BT_VAR, p->tok.off + 1, p->tok.end);
	kg_bt_advance(p);
	kg_bt_node_add(node, kid);
	if (p->tok.type != T_COLON) {
		kg_bt_hint(kg_bt_expected(p, "':' behind the loop's variable"),
			   "loops are written for ($kv : @map) { }, for ($i : 0..10) { } or while (condition) { }");
		return kg_bt_node_free(node);
	}
	kg_bt_advance(p);
	if (!(kid = parse_iterable(p)))
		return kg_bt_node_free(node);
	kg_bt_node_add(node, kid);
	if (!kg_bt_expect(p, T_RPAREN, "behind what the loop runs over") || !(kid = kg_bt_parse_block(p, KG_BT_BLOCK)))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

/* let $x; let $x : type = 1; */
static struct kg_bt_node *parse_let(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_LET, 0, 0), *kid;

	kg_bt_advance(p);
	if (p->tok.type != T_VAR) {
		kg_bt_hint(kg_bt_expected(p, "a variable behind 'let'"),
			   "maps are declared outside of the probes, and need no let here");
		return kg_bt_node_free(node);
	}
	kid = kg_bt_start(p, KG_BT_VAR, p->tok.off + 1, p->tok.end);
	kg_bt_advance(p);
	kg_bt_node_add(node, kid);
	if (kg_bt_accept(p, T_COLON)) {
		if (!(kid = kg_bt_parse_type(p)))
			return kg_bt_node_free(node);
		kg_bt_node_add(node, kid);
	}
	if (kg_bt_accept(p, T_ASSIGN)) {
		if (!(kid = kg_bt_parse_expression(p)))
			return kg_bt_node_free(node);
		kg_bt_node_add(node, kid);
	}
	return kg_bt_finish(p, node);
}

static enum kg_bt_op assign_op(enum kg_bt_tok type)
{
	static const enum kg_bt_op ops[] = {KG_BT_ASSIGN_OP, KG_BT_MUL, KG_BT_DIV, KG_BT_MOD, KG_BT_PLUS, KG_BT_MINUS,
					    KG_BT_SHL, KG_BT_SHR, KG_BT_BAND, KG_BT_BXOR, KG_BT_BOR};

	return type >= T_ASSIGN && type <= T_OR_ASSIGN ? ops[type - T_ASSIGN] : KG_BT_OP_NONE;
}

static void bad_target(struct kg_bt_parser *p, const struct kg_bt_node *target)
{
	switch (target->kind) {
	case KG_BT_NAME:
		kg_bt_hint(kg_bt_fail(p, target->loc, "a value can't be assigned to '%s'", target->text),
			   "a variable is written $%s, a map @%s", target->text, target->text);
		break;
	case KG_BT_BUILTIN:
		kg_bt_fail(p, target->loc, "a value can't be assigned to the builtin '%s'", target->text);
		break;
	case KG_BT_MEMBER:
		kg_bt_hint(kg_bt_fail(p, target->loc, "a field can't be changed: programs only observe"),
			   "keep the value in a variable or a map");
		break;
	default:
		kg_bt_fail(p, target->loc, "only a variable ($x) or a map (@x, @x[key]) can be assigned to");
	}
}

static struct kg_bt_node *parse_assignment(struct kg_bt_parser *p, struct kg_bt_node *target)
{
	enum kg_bt_op op = assign_op(p->tok.type);
	struct kg_bt_node *node, *value;

	if (target->kind != KG_BT_VAR && target->kind != KG_BT_MAP &&
	    !(target->kind == KG_BT_NAME && !strcmp(target->text, "_"))) {
		bad_target(p, target);
		return kg_bt_node_free(target);
	}
	node = kg_bt_wrap(p, KG_BT_ASSIGN, target);
	node->op = op;
	kg_bt_advance(p);
	if (!(value = kg_bt_parse_expression(p)))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, value));
}

static struct kg_bt_node *parse_return(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_RETURN, 0, 0), *value;

	kg_bt_advance(p);
	if (p->tok.type == T_SEMI || p->tok.type == T_RBRACE)
		return node;
	if (!(value = kg_bt_parse_expression(p)))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, value));
}

/* The raw expression, or the assignment that begins with it. */
static struct kg_bt_node *parse_simple(struct kg_bt_parser *p)
{
	struct kg_bt_node *expr = kg_bt_parse_expression(p);

	return expr && assign_op(p->tok.type) ? parse_assignment(p, expr) : expr;
}

static struct kg_bt_node *parse_jump(struct kg_bt_parser *p, enum kg_bt_kind kind)
{
	struct kg_bt_node *node = kg_bt_start(p, kind, 0, 0);

	kg_bt_advance(p);
	return node;
}

static struct kg_bt_node *parse_statement(struct kg_bt_parser *p)
{
	if (p->tok.type == T_LBRACE)
		return kg_bt_parse_block(p, KG_BT_BLOCK);
	if (p->tok.type != T_IDENT)
		return parse_simple(p);
	if (kg_bt_at(p, "if"))
		return parse_if(p);
	if (kg_bt_at(p, "while"))
		return parse_loop(p, KG_BT_WHILE, "while");
	if (kg_bt_at(p, "unroll"))
		return parse_loop(p, KG_BT_UNROLL, "unroll");
	if (kg_bt_at(p, "for"))
		return parse_for(p);
	if (kg_bt_at(p, "let"))
		return parse_let(p);
	if (kg_bt_at(p, "return"))
		return parse_return(p);
	if (kg_bt_at(p, "break"))
		return parse_jump(p, KG_BT_BREAK);
	if (kg_bt_at(p, "continue"))
		return parse_jump(p, KG_BT_CONTINUE);
	return parse_simple(p);
}

static gboolean is_statement(const struct kg_bt_node *node)
{
	return node->kind >= KG_BT_EXPR && node->kind <= KG_BT_CONTINUE;
}

static gboolean ends_itself(const struct kg_bt_node *node)
{
	return node->kind == KG_BT_IF || node->kind == KG_BT_WHILE || node->kind == KG_BT_UNROLL ||
	       node->kind == KG_BT_FOR || node->kind == KG_BT_BLOCK;
}

/* What the writer may have meant, where a ';' is missing behind [last]. */
static void missing_semicolon(struct kg_bt_parser *p, const struct kg_bt_node *last)
{
	static const char *const words[] = {"if",     "else",  "for",	   "while", "unroll",
					    "return", "break", "continue", "let",   NULL};
	gboolean is_word = last->kind == KG_BT_NAME || last->kind == KG_BT_CALL;
	const char *near = is_word ? kg_bt_near(last->text, words) : NULL;
	struct kg_loc loc = last->loc;
	struct kg_diag *d;

	if (is_word && near && strcmp(near, last->text) && (p->tok.type == T_LBRACE || last->kind == KG_BT_NAME)) {
		loc.len = (int)strlen(last->text);
		kg_bt_hint(kg_bt_fail(p, loc, "'%s' is not a statement", last->text), "did you mean %s?", near);
		return;
	}
	if (p->tok.type == T_ERROR) {
		kg_bt_expected(p, "';'");
		return;
	}
	d = kg_bt_expected(p, "';' or '}' behind the statement");
	if (!d)
		return;
	if (last->kind == KG_BT_NAME && p->tok.type == T_IDENT)
		kg_bt_hint(d, "a variable has no type in front of it: $%.*s = ...", (int)(p->tok.end - p->tok.off),
			   p->lx.text + p->tok.off);
	else if (last->kind == KG_BT_NAME && p->tok.type == T_STRING)
		kg_bt_hint(d, "a function's arguments stand in brackets: %s(...)", last->text);
	else if (p->tok.type == T_IDENT && kg_bt_at(p, "else"))
		kg_bt_hint(d, "else belongs to an if (condition) { ... } in front of it");
	else if (p->tok.line > p->prev_line)
		kg_bt_hint(d, "a ';' is missing at the end of line %d", p->prev_line);
}

/*
 * Statements up to the '}', which is taken. A last expression without ';' is added as it is (the block's value), any other
 * one within a KG_BT_EXPR. Returns whether there is such a value.
 */
static gboolean parse_items(struct kg_bt_parser *p, struct kg_bt_node *block)
{
	while (p->tok.type != T_RBRACE && p->tok.type != T_EOF && !p->limit && !at_probe(p)) {
		struct kg_bt_node *item;
		uint32_t before = p->tok.off;
		gboolean is_for = kg_bt_at(p, "for");

		if (p->tok.type == T_SEMI) {
			kg_bt_hint(
				kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "this ';' ends nothing"),
				"a ';' stands behind a statement, and not behind the '}' of a block; bpftrace refuses it");
			p->panic = FALSE;
			kg_bt_advance(p);
			continue;
		}
		item = parse_statement(p);
		if (item && p->tok.type == T_RBRACE && !is_statement(item)) {
			kg_bt_node_add(block, item);
			kg_bt_advance(p);
			return TRUE;
		}
		if (item && !ends_itself(item) && p->tok.type != T_SEMI && p->tok.type != T_RBRACE)
			missing_semicolon(p, item);
		if (item && !is_statement(item)) {
			uint32_t end = item->end;

			item = kg_bt_wrap(p, KG_BT_EXPR, item);
			item->end = end;
		}
		if (item)
			kg_bt_node_add(block, item);
		if (p->panic) {
			recover(p, is_for);
			if (p->tok.off == before && !at_probe(p)) /* never stand still */
				kg_bt_advance(p);
		} else if (item && !ends_itself(item) && p->tok.type == T_SEMI) {
			kg_bt_advance(p);
		}
	}
	return FALSE;
}

/* kind: KG_BT_BLOCK, KG_BT_BLOCK_EXPR (a value is needed), or KG_BT_NONE: whichever it is */
struct kg_bt_node *kg_bt_parse_block(struct kg_bt_parser *p, enum kg_bt_kind kind)
{
	struct kg_bt_node *block = kg_bt_start(p, KG_BT_BLOCK, 0, 0);
	struct kg_loc open = kg_bt_tok_loc(p, &p->tok);
	gboolean save = p->in_predicate, has_value;

	if (!kg_bt_enter(p))
		return kg_bt_node_free(block);
	p->in_predicate = FALSE;
	if (!kg_bt_expect(p, T_LBRACE, "to open the block")) {
		p->depth--;
		return kg_bt_node_free(block);
	}
	has_value = parse_items(p, block);
	p->depth--;
	p->in_predicate = save;
	if (has_value && kind != KG_BT_BLOCK) {
		block->kind = KG_BT_BLOCK_EXPR;
	} else if (has_value) {
		guint last = block->kids->len - 1;
		struct kg_bt_node *value = block->kids->pdata[last];

		block->kids->pdata[last] = kg_bt_wrap(p, KG_BT_EXPR, value);
		((struct kg_bt_node *)block->kids->pdata[last])->end = value->end;
		((struct kg_bt_node *)block->kids->pdata[last])->num = p->in_macro;
		block->height = MAX(block->height, (uint16_t)(value->height + 2));
	} else if (p->tok.type == T_RBRACE) {
		kg_bt_advance(p);
		if (kind == KG_BT_BLOCK_EXPR)
			kg_bt_hint(kg_bt_fail(p, open, "this block has no value"),
				   "a block that is used as a value ends with an expression and no ';'");
	} else {
		kg_bt_hint(kg_bt_fail(p, open, "this '{' is never closed"), "add the missing '}'");
	}
	return kg_bt_finish(p, block);
}
