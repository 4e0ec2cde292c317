/* Colours for a terminal, from the token stream: works on half-written text, too. */
#include "parse.h"

#include <kgent/text.h>
#include <string.h>

enum colour { PLAIN, KEYWORD, STRING, NUMBER, VARIABLE, WORD, PROBE, COMMENT, BAD };
static const char *const codes[] = {"", "35", "32", "36", "33", "34", "1;34", "90", "31"};

static void paint(const char *s, gsize len, enum colour colour, GString *out)
{
	if (!len)
		return;
	if (colour == PLAIN) {
		kg_text_escape_lines(s, (gssize)len, out);
		return;
	}
	g_string_append_printf(out, "\033[%sm", codes[colour]);
	kg_text_escape_lines(s, (gssize)len, out);
	g_string_append(out, "\033[0m");
}

static gboolean is_keyword(const char *word)
{
	static const char *const words[] = {"if", "else", "for", "while", "unroll", "return", "break", "continue", "let", "import",
					    "macro", "fn", "config", "struct", "union", "enum", "sizeof", "offsetof", "comptime",
					    "true", "false"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (!strcmp(word, words[i]))
			return TRUE;
	return kg_bt_is_type_word(word);
}

static enum colour colour_of(const struct kg_bt_token *tok, const char *text, int depth)
{
	g_autofree char *word = NULL;

	switch (tok->type) {
	case T_STRING: return STRING;
	case T_INT: return NUMBER;
	case T_VAR: case T_MAP: case T_PARAM: case T_PARAM_N: return VARIABLE;
	case T_PREPROC: return KEYWORD;
	case T_ERROR: return tok->off < tok->end && text[tok->off] == '/' ? COMMENT : BAD;
	case T_IDENT: break;
	default: return PLAIN;
	}
	word = g_strndup(text + tok->off, tok->end - tok->off);
	if (is_keyword(word))
		return KEYWORD;
	if (depth == 0)
		return kg_probe_kind_parse(word, -1) ? PROBE : PLAIN;
	return kg_bt_builtin_find(word) || kg_bt_function_find(word) ? WORD : PLAIN;
}

void kg_bt_highlight(const char *text, gsize len, GString *out)
{
	struct kg_bt_lexer lx;
	struct kg_bt_token tok;
	int depth = 0;

	kg_bt_lex_init(&lx, text, (uint32_t)MIN(len, KG_BT_MAX_BYTES));
	do {
		uint32_t from = lx.pos, blank;

		kg_bt_lex_next(&lx, &tok);
		/* between tokens: blanks, then comments */
		for (blank = from; blank < tok.off && g_ascii_isspace(text[blank]); blank++)
			;
		paint(text + from, blank - from, PLAIN, out);
		paint(text + blank, tok.off - blank, COMMENT, out);
		paint(text + tok.off, tok.end - tok.off, colour_of(&tok, text, depth), out);
		depth += tok.type == T_LBRACE ? 1 : tok.type == T_RBRACE && depth > 0 ? -1 : 0;
	} while (tok.type != T_EOF);
	if (len > KG_BT_MAX_BYTES)
		kg_text_escape_lines(text + KG_BT_MAX_BYTES, (gssize)(len - KG_BT_MAX_BYTES), out);
}
