/*
 * Definitions in C at the top of a program: struct, union, enum. bpftrace gives them to clang; we keep their text as it
 * is, and read the fields where they are plain, for the checks. What is not understood is not an error here.
 */
#include "parse.h"

#include <string.h>

static gboolean parse_fields(struct kg_bt_parser *p, struct kg_bt_node *parent);

static gboolean at_tag(const struct kg_bt_parser *p)
{
	return kg_bt_at(p, "struct") || kg_bt_at(p, "union");
}

static gboolean at_qualifier(const struct kg_bt_parser *p)
{
	return kg_bt_at(p, "const") || kg_bt_at(p, "volatile");
}

/* The declarators behind a type: "*a, b[4], c : 3;" */
static gboolean parse_declarators(struct kg_bt_parser *p, struct kg_bt_node *parent, const struct kg_bt_node *base)
{
	for (guint i = 0; i == 0 || kg_bt_accept(p, T_COMMA); i++) {
		struct kg_bt_node *type = kg_bt_node_copy(base), *field = NULL;

		if (i) /* the stars that were read with the base are the first one's: "int *a, b" */
			type->num = 0;

		while (kg_bt_accept(p, T_MUL))
			type->num++;
		if (p->tok.type != T_IDENT) {
			kg_bt_node_free(type);
			return FALSE;
		}
		field = kg_bt_start(p, KG_BT_FIELD, p->tok.off, p->tok.end);
		kg_bt_advance(p);
		while (kg_bt_accept(p, T_LBRACKET)) {
			struct kg_bt_node *dim =
				kg_bt_start(p, p->tok.type == T_INT ? KG_BT_INT : KG_BT_NAME, p->tok.off, p->tok.end);

			dim->num = p->tok.num;
			kg_bt_node_add(type, dim);
			kg_bt_advance(p);
			if (!kg_bt_accept(p, T_RBRACKET)) {
				kg_bt_node_free(type);
				kg_bt_node_free(field);
				return FALSE;
			}
		}
		kg_bt_node_add(parent, kg_bt_node_add(field, type));
		if (kg_bt_accept(p, T_COLON) && !kg_bt_accept(p, T_INT)) /* bit field */
			return FALSE;
	}
	return kg_bt_accept(p, T_SEMI);
}

/* struct { ... } x;   struct { ... };   struct name { ... } x; */
static gboolean parse_inner(struct kg_bt_parser *p, struct kg_bt_node *parent)
{
	struct kg_bt_node *field = kg_bt_start(p, KG_BT_FIELD, 0, 0),
			  *type = kg_bt_start(p, KG_BT_TYPE, p->tok.off, p->tok.end);
	gboolean ok = FALSE;

	kg_bt_advance(p);
	if (p->tok.type == T_IDENT)
		kg_bt_advance(p);
	kg_bt_node_add(field, type);
	kg_bt_advance(p); /* '{' was seen */
	if (kg_bt_enter(p)) {
		ok = parse_fields(p, field) && kg_bt_accept(p, T_RBRACE);
		p->depth--;
	}
	field->text = p->tok.type == T_IDENT ? kg_bt_tok_dup(p, &p->tok, 0) : g_strdup("");
	if (p->tok.type == T_IDENT)
		kg_bt_advance(p);
	kg_bt_node_add(parent, field);
	return ok && kg_bt_accept(p, T_SEMI);
}

static gboolean parse_fields(struct kg_bt_parser *p, struct kg_bt_node *parent)
{
	while (p->tok.type != T_RBRACE) {
		struct kg_bt_node *base;
		struct kg_bt_token next = kg_bt_peek(p);
		gboolean ok;

		while (at_qualifier(p))
			kg_bt_advance(p);
		if (p->tok.type != T_IDENT || p->limit)
			return FALSE;
		if (at_tag(p) && next.type == T_IDENT) {
			struct kg_bt_lexer lx = p->lx;

			kg_bt_lex_next(&lx, &next);
			kg_bt_lex_next(&lx, &next);
		}
		if (at_tag(p) && next.type == T_LBRACE) {
			if (!parse_inner(p, parent))
				return FALSE;
			continue;
		}
		if (!(base = kg_bt_parse_type(p)))
			return FALSE;
		ok = parse_declarators(p, parent, base);
		kg_bt_node_free(base);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

static gboolean parse_enumerators(struct kg_bt_parser *p, struct kg_bt_node *parent)
{
	while (p->tok.type == T_IDENT && !p->limit) {
		struct kg_bt_node *item = kg_bt_start(p, KG_BT_ENUMERATOR, p->tok.off, p->tok.end), *value;

		kg_bt_advance(p);
		if (kg_bt_accept(p, T_ASSIGN)) {
			if (!(value = kg_bt_parse_expression(p))) {
				kg_bt_node_free(item);
				return FALSE;
			}
			kg_bt_node_add(item, value);
		}
		kg_bt_node_add(parent, item);
		if (!kg_bt_accept(p, T_COMMA))
			break;
	}
	return p->tok.type == T_RBRACE;
}

/* To behind the '}' that closes the definition, wherever in it the tokens stand. FALSE: there is none. */
static gboolean skip_body(struct kg_bt_parser *p)
{
	int depth = 0;

	for (; p->tok.type != T_EOF; kg_bt_advance(p)) {
		if (p->tok.type == T_LBRACE)
			depth++;
		if (p->tok.type == T_RBRACE && --depth == 0) {
			kg_bt_advance(p);
			return TRUE;
		}
		if (p->tok.type == T_SEMI && depth == 0)
			return TRUE;
	}
	return FALSE;
}

/* Read the body on a copy of the parser, with errors thrown away: where it fails the kids go, and the text stays. */
static void try_body(const struct kg_bt_parser *p, struct kg_bt_node *node)
{
	struct kg_bt_parser sub = *p;
	g_autoptr(GPtrArray) ignored = kg_diags_new();
	struct kg_bt_node *type;
	gboolean is_enum = kg_bt_at(p, "enum"), ok;

	sub.diags = ignored;
	if (is_enum && kg_bt_peek(p).type == T_LBRACE) { /* enum { A, B } */
		type = kg_bt_start(&sub, KG_BT_TYPE, sub.tok.off, sub.tok.end);
		kg_bt_advance(&sub);
	} else {
		type = kg_bt_parse_type(&sub);
	}
	if (!type)
		return;
	kg_bt_node_add(node, type);
	ok = kg_bt_accept(&sub, T_LBRACE) && (is_enum ? parse_enumerators(&sub, node) : parse_fields(&sub, node));
	if (!ok || sub.panic || node->height > KG_BT_MAX_DEPTH) {
		g_clear_pointer(&node->kids, g_ptr_array_unref);
		node->height = 1;
	}
}

struct kg_bt_node *kg_bt_parse_cdef(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_CDEF, 0, 0);
	uint32_t off = p->tok.off;
	struct kg_loc loc = node->loc;

	try_body(p, node);
	if (!skip_body(p)) {
		kg_bt_hint(kg_bt_fail(p, loc, "this definition has no end"), "close it with };");
		return kg_bt_node_free(node);
	}
	if (kg_bt_at(p, "__attribute__"))
		while (p->tok.type != T_SEMI && p->tok.type != T_EOF && p->tok.type != T_LBRACE)
			kg_bt_advance(p);
	node->text = g_strndup(p->lx.text + off, p->prev_end - off);
	kg_bt_accept(p, T_SEMI);
	return kg_bt_finish(p, node);
}
