/*
 * Expressions and types.
 *
 * Binary operators by precedence climbing, with C's precedences (bpftrace's parser.yy has the same). Two places need
 * a look ahead: "(name)" is a cast where an operand follows, as bpftrace reads it, and "(struct x *)" always is.
 */
#include "parse.h"

#include <string.h>

static struct kg_bt_node *parse_binary(struct kg_bt_parser *p, int min);
static struct kg_bt_node *parse_unary(struct kg_bt_parser *p);

static const char *const keywords[] = {"if", "else", "for", "while", "unroll", "return", "break", "continue", "let", "import",
				       "sizeof", "offsetof", "comptime", NULL};

static gboolean in_list(const char *word, gsize len, const char *const *list)
{
	for (; *list; list++)
		if ((*list)[0] == word[0] && strlen(*list) == len && !memcmp(*list, word, len))
			return TRUE;
	return FALSE;
}

gboolean kg_bt_is_keyword(const struct kg_bt_parser *p, const struct kg_bt_token *tok)
{
	return tok->type == T_IDENT && in_list(p->lx.text + tok->off, tok->end - tok->off, keywords);
}

/* ------------------------------------------------------------------ types */

static const char *const type_words[] = {
	"bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "void", "string", "inet", "buffer",
	"min_t", "max_t", "sum_t", "count_t", "avg_t", "stats_t", "umin_t", "umax_t", "usum_t", "ucount_t", "uavg_t", "ustats_t",
	"hist_t", "lhist_t", "tseries_t", "timestamp", "macaddr_t", "cgroup_path_t", "strerror_t", "ksym_t", "usym_t", "username_t",
	"kstack_t", "ustack_t", "stack_mode", "timestamp_mode", NULL};
static const char *const c_words[] = {"unsigned", "signed", "char", "short", "int", "long", NULL};

gboolean kg_bt_is_type_word(const char *word)
{
	return in_list(word, strlen(word), type_words);
}

static gboolean tok_in(const struct kg_bt_parser *p, const struct kg_bt_token *tok, const char *const *list)
{
	return tok->type == T_IDENT && in_list(p->lx.text + tok->off, tok->end - tok->off, list);
}

static gboolean is_tag(const struct kg_bt_parser *p, const struct kg_bt_token *tok)
{
	return kg_bt_tok_is(p, tok, "struct") || kg_bt_tok_is(p, tok, "union") || kg_bt_tok_is(p, tok, "enum");
}

/* Can only a type begin like this? */
static gboolean is_type_start(const struct kg_bt_parser *p, const struct kg_bt_token *tok)
{
	return is_tag(p, tok) || tok_in(p, tok, type_words) || tok_in(p, tok, c_words) || kg_bt_tok_is(p, tok, "typeof");
}

/* typeof(expression) */
static struct kg_bt_node *parse_typeof(struct kg_bt_parser *p, struct kg_bt_node *type)
{
	struct kg_bt_node *of;
	gboolean save = p->in_predicate;

	type->text = g_strdup("typeof");
	kg_bt_advance(p);
	p->in_predicate = FALSE;
	if (!kg_bt_expect(p, T_LPAREN, "behind typeof") || !kg_bt_enter(p))
		return kg_bt_node_free(type);
	of = is_type_start(p, &p->tok) ? kg_bt_parse_type(p) : kg_bt_parse_expression(p);
	p->depth--;
	p->in_predicate = save;
	if (!of)
		return kg_bt_node_free(type);
	kg_bt_node_add(type, of);
	if (!kg_bt_expect(p, T_RPAREN, "behind typeof"))
		return kg_bt_node_free(type);
	return kg_bt_finish(p, type);
}

static gboolean parse_base(struct kg_bt_parser *p, struct kg_bt_node *type)
{
	GString *base = g_string_new(NULL);

	if (is_tag(p, &p->tok)) {
		g_string_append_len(base, p->lx.text + p->tok.off, p->tok.end - p->tok.off);
		g_string_append_c(base, ' ');
		kg_bt_advance(p);
		if (p->tok.type != T_IDENT) {
			kg_bt_expected(p, "the name of the struct");
			g_string_free(base, TRUE);
			return FALSE;
		}
	} else if (p->tok.type != T_IDENT || kg_bt_is_keyword(p, &p->tok)) {
		kg_bt_hint(kg_bt_expected(p, "a type"),
			   "types are uint64, int32, string, bool, struct sock *, uint8[4] ...");
		g_string_free(base, TRUE);
		return FALSE;
	} else {
		while (tok_in(p, &p->tok, c_words)) {
			struct kg_bt_token next = kg_bt_peek(p);

			if (!tok_in(p, &next, c_words))
				break;
			g_string_append_len(base, p->lx.text + p->tok.off, p->tok.end - p->tok.off);
			g_string_append_c(base, ' ');
			kg_bt_advance(p);
		}
	}
	g_string_append_len(base, p->lx.text + p->tok.off, p->tok.end - p->tok.off);
	kg_bt_advance(p);
	type->text = g_string_free(base, FALSE);
	return TRUE;
}

struct kg_bt_node *kg_bt_parse_type(struct kg_bt_parser *p)
{
	struct kg_bt_node *type = kg_bt_start(p, KG_BT_TYPE, 0, 0), *dim;

	if (kg_bt_at(p, "typeof"))
		return parse_typeof(p, type);
	if (!parse_base(p, type))
		return kg_bt_node_free(type);
	while (kg_bt_accept(p, T_MUL))
		type->num++;
	while (kg_bt_accept(p, T_LBRACKET)) {
		dim = kg_bt_start(p,
				  p->tok.type == T_INT	 ? KG_BT_INT :
				  p->tok.type == T_IDENT ? KG_BT_NAME :
							   KG_BT_NONE,
				  p->tok.off, p->tok.type == T_INT || p->tok.type == T_IDENT ? p->tok.end : 0);
		kg_bt_node_add(type, dim);
		if (dim->kind != KG_BT_NONE) {
			dim->num = p->tok.num;
			kg_bt_advance(p);
		}
		if (!kg_bt_expect(p, T_RBRACKET, "behind the array's length"))
			return kg_bt_node_free(type);
	}
	return kg_bt_finish(p, type);
}

/* The token is '(': does a cast begin here? */
static gboolean is_cast(const struct kg_bt_parser *p)
{
	struct kg_bt_lexer lx = p->lx;
	struct kg_bt_token tok;
	gboolean has_star = FALSE;
	g_autofree char *name = NULL;

	kg_bt_lex_next(&lx, &tok);
	if (is_type_start(p, &tok))
		return TRUE;
	if (tok.type != T_IDENT || kg_bt_is_keyword(p, &tok))
		return FALSE;
	name = kg_bt_tok_dup(p, &tok, 0);
	if (kg_bt_builtin_find(name) || !strcmp(name, "true") || !strcmp(name, "false"))
		return FALSE;
	kg_bt_lex_next(&lx, &tok);
	for (; tok.type == T_MUL; kg_bt_lex_next(&lx, &tok))
		has_star = TRUE;
	if (tok.type != T_RPAREN)
		return FALSE;
	if (has_star)
		return TRUE;
	kg_bt_lex_next(&lx, &tok);
	switch (tok.type) {
	case T_IDENT: return !kg_bt_tok_is(p, &tok, "if") && !kg_bt_tok_is(p, &tok, "else");
	case T_INT: case T_STRING: case T_VAR: case T_MAP: case T_PARAM: case T_PARAM_N: case T_LPAREN:
	case T_MINUS: case T_NOT: case T_BNOT: case T_MUL:
		return TRUE;
	default: return FALSE;
	}
}

/* --------------------------------------------------------------- operands */

/* Expressions between brackets, up to [close] (which is taken); added to node. */
static gboolean parse_list(struct kg_bt_parser *p, struct kg_bt_node *node, enum kg_bt_tok close, const char *where)
{
	gboolean save = p->in_predicate;

	p->in_predicate = FALSE;
	while (p->tok.type != close) {
		struct kg_bt_node *kid = node->kind == KG_BT_CALL && is_type_start(p, &p->tok) ?
						 kg_bt_parse_type(p) :
						 kg_bt_parse_expression(p);

		if (!kid)
			return FALSE;
		kg_bt_node_add(node, kid);
		if (p->tok.type == close)
			break;
		if (!kg_bt_accept(p, T_COMMA)) {
			g_autofree char *what = g_strdup_printf("',' or '%s' %s", kg_bt_tok_text(close), where);

			kg_bt_expected(p, what);
			return FALSE;
		}
		if (p->tok.type == close) {
			kg_bt_expected(p, "another argument behind ','");
			return FALSE;
		}
	}
	p->in_predicate = save;
	kg_bt_advance(p);
	return TRUE;
}

/* ( expr )  ( a, b )  ( a, )  () */
static struct kg_bt_node *parse_brackets(struct kg_bt_parser *p)
{
	struct kg_bt_node *tuple = kg_bt_start(p, KG_BT_TUPLE, 0, 0), *first;
	gboolean save = p->in_predicate, is_tuple = FALSE;

	kg_bt_advance(p);
	p->in_predicate = FALSE;
	while (p->tok.type != T_RPAREN || !kg_bt_n_kids(tuple)) {
		if (p->tok.type == T_RPAREN && (is_tuple = TRUE))
			break;
		first = kg_bt_parse_expression(p);
		if (!first)
			return kg_bt_node_free(tuple);
		kg_bt_node_add(tuple, first);
		if (!kg_bt_accept(p, T_COMMA))
			break;
		is_tuple = TRUE;
	}
	p->in_predicate = save;
	if (!kg_bt_expect(p, T_RPAREN, "to close the bracket"))
		return kg_bt_node_free(tuple);
	if (is_tuple)
		return kg_bt_finish(p, tuple);
	first = g_ptr_array_steal_index(tuple->kids, 0);
	first->off = tuple->off; /* brackets are not in the tree, but in its place: so text cut out by it is whole */
	first->loc = tuple->loc;
	first->end = p->prev_end;
	first->loc = kg_bt_span(p, first->off, first->end, first->loc.line, first->off - (uint32_t)(first->loc.col - 1));
	kg_bt_node_free(tuple);
	return first;
}

/* sizeof(type or expression); offsetof(type or expression, a.b) */
static struct kg_bt_node *parse_sizeof(struct kg_bt_parser *p, enum kg_bt_kind kind)
{
	struct kg_bt_node *node = kg_bt_start(p, kind, 0, 0), *of;
	g_autoptr(GString) path = g_string_new(NULL);
	gboolean save = p->in_predicate;

	kg_bt_advance(p);
	p->in_predicate = FALSE;
	if (!kg_bt_expect(p, T_LPAREN, kind == KG_BT_SIZEOF ? "behind sizeof" : "behind offsetof"))
		return kg_bt_node_free(node);
	of = is_type_start(p, &p->tok) ? kg_bt_parse_type(p) : kg_bt_parse_expression(p);
	if (!of)
		return kg_bt_node_free(node);
	kg_bt_node_add(node, of);
	if (kind == KG_BT_OFFSETOF) {
		if (!kg_bt_expect(p, T_COMMA, "and a field's name"))
			return kg_bt_node_free(node);
		do {
			if (p->tok.type != T_IDENT) {
				kg_bt_expected(p, "a field's name");
				return kg_bt_node_free(node);
			}
			g_string_append_printf(path, "%s%.*s", path->len ? "." : "", (int)(p->tok.end - p->tok.off),
					       p->lx.text + p->tok.off);
			kg_bt_advance(p);
		} while (kg_bt_accept(p, T_DOT));
		node->text = g_strdup(path->str);
	}
	p->in_predicate = save;
	if (!kg_bt_expect(p, T_RPAREN, "to close the bracket"))
		return kg_bt_node_free(node);
	return kg_bt_finish(p, node);
}

static struct kg_bt_node *parse_call(struct kg_bt_parser *p)
{
	struct kg_bt_node *call = kg_bt_start(p, KG_BT_CALL, p->tok.off, p->tok.end);

	kg_bt_advance(p);
	kg_bt_advance(p); /* the bracket was seen */
	if (!parse_list(p, call, T_RPAREN, "behind the argument"))
		return kg_bt_node_free(call);
	return kg_bt_finish(p, call);
}

/* if (c) { a } else { b } as a value */
static struct kg_bt_node *parse_if_expr(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_IF_EXPR, 0, 0), *kid;

	if (!kg_bt_enter(p))
		return kg_bt_node_free(node);
	kg_bt_advance(p);
	kid = kg_bt_parse_expression(p);
	if (kid && kg_bt_node_add(node, kid) && (kid = kg_bt_parse_block(p, KG_BT_BLOCK_EXPR)) &&
	    kg_bt_node_add(node, kid)) {
		if (!kg_bt_at(p, "else")) {
			kg_bt_expected(p, "'else': an if that is used as a value needs both branches");
			kid = NULL;
		} else {
			kg_bt_advance(p);
			kid = kg_bt_at(p, "if") ? parse_if_expr(p) : kg_bt_parse_block(p, KG_BT_BLOCK_EXPR);
		}
	}
	p->depth--;
	if (!kid)
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

static struct kg_bt_node *parse_comptime(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_COMPTIME, 0, 0), *of;

	kg_bt_advance(p);
	if (!kg_bt_enter(p))
		return kg_bt_node_free(node);
	of = parse_unary(p);
	p->depth--;
	return of ? kg_bt_finish(p, kg_bt_node_add(node, of)) : kg_bt_node_free(node);
}

static struct kg_bt_node *parse_word(struct kg_bt_parser *p)
{
	struct kg_bt_token next;
	struct kg_bt_node *node;
	enum kg_bt_kind kind = KG_BT_NAME;
	g_autofree char *word = NULL;

	if (kg_bt_at(p, "sizeof"))
		return parse_sizeof(p, KG_BT_SIZEOF);
	if (kg_bt_at(p, "offsetof"))
		return parse_sizeof(p, KG_BT_OFFSETOF);
	if (kg_bt_at(p, "if"))
		return parse_if_expr(p);
	if (kg_bt_at(p, "comptime"))
		return parse_comptime(p);
	if (kg_bt_is_keyword(p, &p->tok) || is_tag(p, &p->tok)) {
		kg_bt_expected(p, "an expression");
		return NULL;
	}
	next = kg_bt_peek(p);
	if (next.type == T_LPAREN)
		return parse_call(p);
	word = kg_bt_tok_dup(p, &p->tok, 0);
	if (!strcmp(word, "true") || !strcmp(word, "false"))
		kind = KG_BT_BOOL;
	else if (kg_bt_builtin_find(word))
		kind = KG_BT_BUILTIN;
	node = kg_bt_start(p, kind, 0, 0);
	if (kind == KG_BT_BOOL)
		node->num = word[0] == 't';
	else
		node->text = g_steal_pointer(&word);
	kg_bt_advance(p);
	return node;
}

static struct kg_bt_node *parse_map(struct kg_bt_parser *p)
{
	struct kg_bt_node *map = kg_bt_start(p, KG_BT_MAP, 0, 0);

	map->text = kg_bt_tok_dup(p, &p->tok, 1);
	kg_bt_advance(p);
	if (p->tok.type != T_LBRACKET)
		return map;
	kg_bt_advance(p);
	if (p->tok.type == T_RBRACKET) {
		kg_bt_hint(kg_bt_expected(p, "a key"), "a map without keys is written @%s, without brackets", map->text);
		return kg_bt_node_free(map);
	}
	if (!parse_list(p, map, T_RBRACKET, "behind the key"))
		return kg_bt_node_free(map);
	return kg_bt_finish(p, map);
}

static struct kg_bt_node *parse_literal(struct kg_bt_parser *p)
{
	struct kg_bt_node *node;
	gsize n;

	switch (p->tok.type) {
	case T_INT:
		node = kg_bt_start(p, KG_BT_INT, p->tok.off, p->tok.end);
		node->num = p->tok.num;
		break;
	case T_STRING:
		node = kg_bt_start(p, KG_BT_STRING, 0, 0);
		node->text = kg_bt_lex_unescape(p->lx.text + p->tok.off + 1, p->tok.end - p->tok.off - 2, &n);
		node->num = n;
		break;
	case T_PARAM:
		node = kg_bt_start(p, KG_BT_PARAM, 0, 0);
		node->num = p->tok.num;
		break;
	case T_PARAM_N:
		node = kg_bt_start(p, KG_BT_PARAM_N, 0, 0);
		break;
	default:
		node = kg_bt_start(p, KG_BT_VAR, p->tok.off + 1, p->tok.end);
	}
	kg_bt_advance(p);
	return node;
}

static struct kg_bt_node *parse_primary(struct kg_bt_parser *p)
{
	switch (p->tok.type) {
	case T_INT: case T_STRING: case T_PARAM: case T_PARAM_N: case T_VAR:
		return parse_literal(p);
	case T_MAP:
		return parse_map(p);
	case T_IDENT:
		return parse_word(p);
	case T_LPAREN:
		return parse_brackets(p);
	case T_LBRACE:
		return kg_bt_parse_block(p, KG_BT_BLOCK_EXPR);
	case T_PLUS:
		kg_bt_hint(kg_bt_expected(p, "an expression"), "there is no '+' with one operand");
		return NULL;
	default:
		kg_bt_expected(p, "an expression");
		return NULL;
	}
}

/* .name  ->name  .0 */
static struct kg_bt_node *parse_member(struct kg_bt_parser *p, struct kg_bt_node *object)
{
	struct kg_bt_node *node = kg_bt_wrap(p, KG_BT_MEMBER, object);

	node->op = p->tok.type == T_DOT ? KG_BT_DOT : KG_BT_ARROW;
	kg_bt_advance(p);
	if (p->tok.type == T_IDENT || (p->tok.type == T_INT && node->op == KG_BT_DOT)) {
		node->text = kg_bt_tok_dup(p, &p->tok, 0);
		kg_bt_advance(p);
		return kg_bt_finish(p, node);
	}
	kg_bt_expected(p, "a field's name");
	return kg_bt_node_free(node);
}

static struct kg_bt_node *parse_postfix(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = parse_primary(p);

	while (node && !p->limit) {
		if (p->tok.type == T_DOT || p->tok.type == T_ARROW) {
			node = parse_member(p, node);
		} else if (p->tok.type == T_LBRACKET) {
			node = kg_bt_wrap(p, KG_BT_INDEX, node);
			kg_bt_advance(p);
			if (p->tok.type == T_RBRACKET) {
				kg_bt_expected(p, "an index");
				return kg_bt_node_free(node);
			}
			if (!parse_list(p, node, T_RBRACKET, "behind the index"))
				return kg_bt_node_free(node);
			node = kg_bt_finish(p, node);
		} else if (p->tok.type == T_INC || p->tok.type == T_DEC) {
			if (node->kind != KG_BT_VAR && node->kind != KG_BT_MAP && node->kind != KG_BT_NAME) {
				kg_bt_fail(p, node->loc, "%s needs a variable or a map",
					   p->tok.type == T_INC ? "++" : "--");
				return kg_bt_node_free(node);
			}
			node = kg_bt_wrap(p, KG_BT_POSTFIX, node);
			node->op = p->tok.type == T_INC ? KG_BT_INC : KG_BT_DEC;
			kg_bt_advance(p);
			return kg_bt_finish(p, node);
		} else {
			return node;
		}
	}
	return kg_bt_node_free(node);
}

static struct kg_bt_node *parse_cast(struct kg_bt_parser *p)
{
	struct kg_bt_node *node = kg_bt_start(p, KG_BT_CAST, 0, 0), *kid;

	kg_bt_advance(p);
	kid = kg_bt_parse_type(p);
	if (!kid)
		return kg_bt_node_free(node);
	kg_bt_node_add(node, kid);
	if (!kg_bt_expect(p, T_RPAREN, "behind the type") || !kg_bt_enter(p))
		return kg_bt_node_free(node);
	kid = parse_unary(p);
	p->depth--;
	if (!kid)
		return kg_bt_node_free(node);
	return kg_bt_finish(p, kg_bt_node_add(node, kid));
}

static enum kg_bt_op unary_op(enum kg_bt_tok type)
{
	switch (type) {
	case T_MINUS: return KG_BT_MINUS;
	case T_NOT: return KG_BT_NOT;
	case T_BNOT: return KG_BT_BNOT;
	case T_MUL: return KG_BT_DEREF;
	case T_BAND: return KG_BT_ADDR;
	case T_INC: return KG_BT_INC;
	case T_DEC: return KG_BT_DEC;
	default: return KG_BT_OP_NONE;
	}
}

static struct kg_bt_node *parse_unary(struct kg_bt_parser *p)
{
	enum kg_bt_op op = unary_op(p->tok.type);
	struct kg_bt_node *node, *operand;

	if (p->tok.type == T_LPAREN && is_cast(p))
		return parse_cast(p);
	if (!op)
		return parse_postfix(p);
	if (!kg_bt_enter(p))
		return NULL;
	node = kg_bt_start(p, KG_BT_UNARY, 0, 0);
	node->op = op;
	kg_bt_advance(p);
	operand = parse_unary(p);
	p->depth--;
	if (!operand)
		return kg_bt_node_free(node);
	kg_bt_node_add(node, operand);
	if ((op == KG_BT_INC || op == KG_BT_DEC) && operand->kind != KG_BT_VAR && operand->kind != KG_BT_MAP &&
	    operand->kind != KG_BT_NAME) {
		kg_bt_fail(p, operand->loc, "%s needs a variable or a map", kg_bt_op_text(op));
		return kg_bt_node_free(node);
	}
	return kg_bt_finish(p, node);
}

/* -------------------------------------------------------------- operators */

static const struct {
	unsigned char precedence; /* 0: not a binary operator */
	enum kg_bt_op op;
} binary[T_KINDS] = {
	[T_LOR] = {1, KG_BT_LOR}, [T_LAND] = {2, KG_BT_LAND}, [T_BOR] = {3, KG_BT_BOR}, [T_BXOR] = {4, KG_BT_BXOR},
	[T_BAND] = {5, KG_BT_BAND}, [T_EQ] = {6, KG_BT_EQ}, [T_NE] = {6, KG_BT_NE}, [T_LT] = {7, KG_BT_LT},
	[T_LE] = {7, KG_BT_LE}, [T_GT] = {7, KG_BT_GT}, [T_GE] = {7, KG_BT_GE}, [T_SHL] = {8, KG_BT_SHL},
	[T_SHR] = {8, KG_BT_SHR}, [T_PLUS] = {9, KG_BT_PLUS}, [T_MINUS] = {9, KG_BT_MINUS}, [T_MUL] = {10, KG_BT_MUL},
	[T_DIV] = {10, KG_BT_DIV}, [T_MOD] = {10, KG_BT_MOD},
};

/* The token is '/' in a predicate and outside of brackets: it ends the predicate where a '{' follows. */
static gboolean ends_predicate(const struct kg_bt_parser *p)
{
	return p->in_predicate && p->tok.type == T_DIV && kg_bt_peek(p).type == T_LBRACE;
}

static struct kg_bt_node *parse_binary(struct kg_bt_parser *p, int min)
{
	struct kg_bt_node *left = parse_unary(p), *right;

	while (left && binary[p->tok.type].precedence >= min && binary[p->tok.type].precedence && !ends_predicate(p)) {
		enum kg_bt_tok type = p->tok.type;

		left = kg_bt_wrap(p, KG_BT_BINARY, left);
		left->op = binary[type].op;
		kg_bt_advance(p);
		right = parse_binary(p, binary[type].precedence + 1);
		if (!right)
			return kg_bt_node_free(left);
		left = kg_bt_finish(p, kg_bt_node_add(left, right));
	}
	return left;
}

/* C-isms and words from other languages, where an expression should have ended. */
static void hint_words(struct kg_bt_parser *p)
{
	if (kg_bt_at(p, "and") || kg_bt_at(p, "or") || kg_bt_at(p, "not"))
		kg_bt_hint(kg_bt_fail(p, kg_bt_tok_loc(p, &p->tok), "expected an operator, found '%s'",
				      kg_bt_at(p, "and") ? "and" : kg_bt_at(p, "or") ? "or" : "not"),
			   "logical operators are written && || !");
}

struct kg_bt_node *kg_bt_parse_expression(struct kg_bt_parser *p)
{
	struct kg_bt_node *node, *kid = NULL;
	gboolean save = p->in_predicate;

	if (!kg_bt_enter(p))
		return NULL;
	node = parse_binary(p, 1);
	if (node && p->tok.type == T_QUES) {
		node = kg_bt_wrap(p, KG_BT_TERNARY, node);
		kg_bt_advance(p);
		p->in_predicate = FALSE;
		if ((kid = kg_bt_parse_expression(p)) && kg_bt_node_add(node, kid)) {
			p->in_predicate = save;
			kid = kg_bt_expect(p, T_COLON, "and the other value of the '?'") ? kg_bt_parse_expression(p) :
											   NULL;
		}
		p->in_predicate = save;
		node = kid ? kg_bt_finish(p, kg_bt_node_add(node, kid)) : kg_bt_node_free(node);
	}
	p->depth--;
	if (node && p->tok.type == T_IDENT)
		hint_words(p);
	if (p->panic)
		node = kg_bt_node_free(node);
	return node;
}
