/*
 * What the files of the parser share. The parser is a hand-written recursive descent:
 *
 *   parse.c         entry, errors and recovery, the top level
 *   parse_attach.c  attach points, read from the text and not from tokens
 *   parse_stmt.c    blocks and statements
 *   parse_expr.c    expressions and types
 *   parse_cdef.c    struct, union and enum definitions in C
 *
 * A function that can't go on reports once, sets `panic` and returns NULL; whoever can find a place to go on (a statement list,
 * the top level) clears it. No function of the parser looks at text twice without bound, so that parsing is linear.
 */
#pragma once

#include "lex.h"

#include <string.h>

#define KG_BT_MAX_ERRORS 20
#define KG_BT_MAX_NODES 3000000 /* keeps a hostile program's memory bounded */

struct kg_bt_parser {
	struct kg_bt_lexer lx;
	struct kg_bt_token tok;  /* the one to look at */
	uint32_t prev_end;       /* end of the token before it */
	uint32_t prev_off;
	int prev_line;
	uint32_t prev_line_off;
	GPtrArray *diags;
	int depth;
	guint n_nodes;
	guint n_errors;
	int limit;               /* 0, or KG_E_LIMIT: give up */
	gboolean panic;          /* an error was reported and no place to go on has been found yet */
	gboolean in_macro;       /* there a block's last expression without ';' is its value, also within an if */
	gboolean in_predicate;   /* a '/' before '{' ends it; FALSE again within brackets */
};

/* ---- parse.c */
void kg_bt_advance(struct kg_bt_parser *p);
struct kg_bt_token kg_bt_peek(const struct kg_bt_parser *p);
struct kg_loc kg_bt_tok_loc(const struct kg_bt_parser *p, const struct kg_bt_token *tok);
/* The loc of the bytes from off to end that begin on the given line, cut at the end of that line. */
struct kg_loc kg_bt_span(const struct kg_bt_parser *p, uint32_t off, uint32_t end, int line, uint32_t line_off);
/* Report an error once until the parser has recovered; the result (for a hint) is NULL when it was not reported. */
struct kg_diag *kg_bt_fail(struct kg_bt_parser *p, struct kg_loc loc, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* "expected WHAT, found TOKEN" at the current token. */
struct kg_diag *kg_bt_expected(struct kg_bt_parser *p, const char *what);
void kg_bt_hint(struct kg_diag *diag, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* Does the token spell [word]? Take it if so. Take it or report. */
static inline gboolean kg_bt_tok_is(const struct kg_bt_parser *p, const struct kg_bt_token *tok, const char *word)
{
	gsize n = strlen(word); /* a constant wherever this is called, and then the words cost next to nothing */

	return tok->type == T_IDENT && tok->end - tok->off == n && !memcmp(p->lx.text + tok->off, word, n);
}
static inline gboolean kg_bt_at(const struct kg_bt_parser *p, const char *word)
{
	return kg_bt_tok_is(p, &p->tok, word);
}
gboolean kg_bt_accept(struct kg_bt_parser *p, enum kg_bt_tok type);
gboolean kg_bt_expect(struct kg_bt_parser *p, enum kg_bt_tok type, const char *where);
/* A node that begins at the current token; text is that of the bytes [off, end), or none if end is 0. */
struct kg_bt_node *kg_bt_start(struct kg_bt_parser *p, enum kg_bt_kind kind, uint32_t off, uint32_t end);
/* A node that begins where [first] does, and holds it. */
struct kg_bt_node *kg_bt_wrap(struct kg_bt_parser *p, enum kg_bt_kind kind, struct kg_bt_node *first);
/* Set the node's end to what was taken last. NULL if that makes the tree too deep. */
struct kg_bt_node *kg_bt_finish(struct kg_bt_parser *p, struct kg_bt_node *node);
/* Recursion: enter reports and returns FALSE when it is too deep. */
gboolean kg_bt_enter(struct kg_bt_parser *p);
char *kg_bt_tok_dup(const struct kg_bt_parser *p, const struct kg_bt_token *tok, guint skip);
/* The nearest of the words (NULL-terminated) to [word], or NULL. */
const char *kg_bt_near(const char *word, const char *const *words);

/* ---- the others */
gboolean kg_bt_parse_attach_list(struct kg_bt_parser *p, GPtrArray *attach);
struct kg_bt_node *kg_bt_parse_block(struct kg_bt_parser *p, enum kg_bt_kind kind);
struct kg_bt_node *kg_bt_parse_expression(struct kg_bt_parser *p);
struct kg_bt_node *kg_bt_parse_type(struct kg_bt_parser *p);
struct kg_bt_node *kg_bt_parse_cdef(struct kg_bt_parser *p);
gboolean kg_bt_is_keyword(const struct kg_bt_parser *p, const struct kg_bt_token *tok);
gboolean kg_bt_is_type_word(const char *word);

/* ---- node.c */
struct kg_bt_probe *kg_bt_probe_new(void);
struct kg_bt_probe *kg_bt_probe_free(struct kg_bt_probe *probe);
struct kg_bt_program *kg_bt_program_new(void);
