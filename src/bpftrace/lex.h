/*
 * Tokens of the bpftrace language.
 *
 * The language can't be cut into words without knowing where one is: an attach point ("uprobe:/bin/bash:readline/pid/")
 * is not made of the same words as an expression, and a '/' can end a predicate or divide. So the parser pulls tokens
 * one by one, can look ahead by copying the lexer (it is a small value), and reads attach points itself.
 *
 * A lexical error is a token, too (T_ERROR); it is reported when the parser meets it, hence once.
 */
#pragma once

#include <kgent/bpftrace.h>

enum kg_bt_tok {
	T_EOF, T_IDENT, T_INT, T_STRING, T_VAR, T_MAP, T_PARAM, T_PARAM_N, T_PREPROC, T_ERROR,
	/* punctuation: the order is that of the table in lex.c */
	T_LPAREN, T_RPAREN, T_LBRACE, T_RBRACE, T_LBRACKET, T_RBRACKET, T_COMMA, T_SEMI, T_COLON, T_QUES,
	T_DOT, T_DOTDOT, T_ARROW,
	T_ASSIGN, T_MUL_ASSIGN, T_DIV_ASSIGN, T_MOD_ASSIGN, T_PLUS_ASSIGN, T_MINUS_ASSIGN, T_SHL_ASSIGN, T_SHR_ASSIGN,
	T_AND_ASSIGN, T_XOR_ASSIGN, T_OR_ASSIGN,
	T_MUL, T_DIV, T_MOD, T_PLUS, T_MINUS, T_SHL, T_SHR, T_LT, T_LE, T_GT, T_GE, T_EQ, T_NE,
	T_BAND, T_BXOR, T_BOR, T_LAND, T_LOR, T_NOT, T_BNOT, T_INC, T_DEC,
	T_KINDS
};

struct kg_bt_token {
	enum kg_bt_tok type;
	uint32_t off, end;
	int line;
	uint32_t line_off; /* where its line begins */
	const char *error; /* of T_ERROR: static */
	const char *hint;  /* of T_ERROR: static, or NULL */
	uint64_t num;      /* of T_INT, T_PARAM */
};

struct kg_bt_lexer {
	const char *text;
	uint32_t len, pos;
	int line;
	uint32_t line_off;
};

void kg_bt_lex_init(struct kg_bt_lexer *lx, const char *text, uint32_t len);
void kg_bt_lex_next(struct kg_bt_lexer *lx, struct kg_bt_token *ret);
/* Skip white space and comments. FALSE: a comment has no end (pos is then at its beginning). */
gboolean kg_bt_lex_skip(struct kg_bt_lexer *lx);
/* How the punctuation is written, or NULL. */
const char *kg_bt_tok_text(enum kg_bt_tok type);
/* The value of an integer or duration. FALSE: not a number, or too large (*error says which). */
gboolean kg_bt_lex_number(const char *s, gsize len, uint64_t *ret, const char **error, const char **hint);
/* What the source of a string literal, without its quotes, stands for; owned, with a NUL behind it. */
char *kg_bt_lex_unescape(const char *s, gsize len, gsize *ret_len);

static inline gboolean kg_bt_is_ident_start(char c)
{
	return g_ascii_isalpha(c) || c == '_';
}
static inline gboolean kg_bt_is_ident(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}
