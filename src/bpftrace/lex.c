/* Cuts bpftrace text into tokens. See lex.h; source: bpftrace src/lexer.l, 0.17 to 0.23. */
#include "lex.h"

#include <string.h>

static const char *const punctuation[T_KINDS] = {
	[T_LPAREN] = "(", [T_RPAREN] = ")", [T_LBRACE] = "{", [T_RBRACE] = "}", [T_LBRACKET] = "[", [T_RBRACKET] = "]",
	[T_COMMA] = ",", [T_SEMI] = ";", [T_COLON] = ":", [T_QUES] = "?", [T_DOT] = ".", [T_DOTDOT] = "..",
	[T_ARROW] = "->", [T_ASSIGN] = "=", [T_MUL_ASSIGN] = "*=", [T_DIV_ASSIGN] = "/=", [T_MOD_ASSIGN] = "%=",
	[T_PLUS_ASSIGN] = "+=", [T_MINUS_ASSIGN] = "-=", [T_SHL_ASSIGN] = "<<=", [T_SHR_ASSIGN] = ">>=",
	[T_AND_ASSIGN] = "&=", [T_XOR_ASSIGN] = "^=", [T_OR_ASSIGN] = "|=", [T_MUL] = "*", [T_DIV] = "/",
	[T_MOD] = "%", [T_PLUS] = "+", [T_MINUS] = "-", [T_SHL] = "<<", [T_SHR] = ">>", [T_LT] = "<", [T_LE] = "<=",
	[T_GT] = ">", [T_GE] = ">=", [T_EQ] = "==", [T_NE] = "!=", [T_BAND] = "&", [T_BXOR] = "^", [T_BOR] = "|",
	[T_LAND] = "&&", [T_LOR] = "||", [T_NOT] = "!", [T_BNOT] = "~", [T_INC] = "++", [T_DEC] = "--",
};

const char *kg_bt_tok_text(enum kg_bt_tok type)
{
	return punctuation[type];
}

void kg_bt_lex_init(struct kg_bt_lexer *lx, const char *text, uint32_t len)
{
	*lx = (struct kg_bt_lexer){.text = text, .len = len, .line = 1};
}

static char at(const struct kg_bt_lexer *lx, uint32_t pos)
{
	return pos < lx->len ? lx->text[pos] : '\0';
}

/* Step over the byte at pos, and count lines. */
static void step(struct kg_bt_lexer *lx)
{
	if (lx->text[lx->pos++] == '\n') {
		lx->line++;
		lx->line_off = lx->pos;
	}
}

static gboolean skip_block_comment(struct kg_bt_lexer *lx)
{
	struct kg_bt_lexer save = *lx;

	lx->pos += 2;
	while (lx->pos < lx->len) {
		if (at(lx, lx->pos) == '*' && at(lx, lx->pos + 1) == '/') {
			lx->pos += 2;
			return TRUE;
		}
		step(lx);
	}
	*lx = save;
	return FALSE;
}

gboolean kg_bt_lex_skip(struct kg_bt_lexer *lx)
{
	for (;;) {
		char c = at(lx, lx->pos);

		if (lx->pos < lx->len && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v')) {
			step(lx);
		} else if ((c == '/' && at(lx, lx->pos + 1) == '/') || (c == '#' && at(lx, lx->pos + 1) == '!')) {
			/* "#!/usr/bin/env bpftrace" is a comment, too */
			while (lx->pos < lx->len && lx->text[lx->pos] != '\n')
				lx->pos++;
		} else if (c == '/' && at(lx, lx->pos + 1) == '*') {
			if (!skip_block_comment(lx))
				return FALSE;
		} else {
			return TRUE;
		}
	}
}

static void fail(struct kg_bt_token *tok, const char *error, const char *hint)
{
	tok->type = T_ERROR;
	tok->error = error;
	tok->hint = hint;
}

/* ---------------------------------------------------------------- numbers */

static const struct {
	const char *suffix;
	uint64_t factor;
} suffixes[] = {
	{"", 1}, {"u", 1}, {"U", 1}, {"l", 1}, {"L", 1}, {"ul", 1}, {"UL", 1}, {"uL", 1}, {"Ul", 1}, {"ll", 1}, {"LL", 1},
	{"ull", 1}, {"ULL", 1}, {"uLL", 1}, {"Ull", 1},
	{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000ULL}, {"m", 60 * 1000000000ULL},
	{"h", 3600 * 1000000000ULL}, {"d", 24 * 3600 * 1000000000ULL},
};

static gboolean find_suffix(const char *s, gsize len, uint64_t *factor)
{
	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++)
		if (strlen(suffixes[i].suffix) == len && !memcmp(suffixes[i].suffix, s, len)) {
			*factor = suffixes[i].factor;
			return TRUE;
		}
	return FALSE;
}

/* The digits at s in [base]; returns how many bytes they take. */
static gsize digits(const char *s, gsize len, unsigned base, uint64_t *value, gboolean *overflow)
{
	gsize i;

	for (i = 0; i < len; i++) {
		int d = g_ascii_xdigit_value(s[i]);

		if (s[i] == '_')
			continue;
		if (d < 0 || (unsigned)d >= base)
			break;
		*overflow |= __builtin_mul_overflow(*value, base, value) || __builtin_add_overflow(*value, (uint64_t)d, value);
	}
	return i;
}

gboolean kg_bt_lex_number(const char *s, gsize len, uint64_t *ret, const char **error, const char **hint)
{
	gboolean is_hex = len > 2 && s[0] == '0' && (s[1] | 32) == 'x', overflow = FALSE;
	gboolean is_octal = !is_hex && len > 1 && s[0] == '0' && g_ascii_isdigit(s[1]);
	uint64_t value = 0, factor = 1, power = 0;
	gsize i = is_hex ? 2 : 0;

	*error = *hint = NULL;
	i += digits(s + i, len - i, is_hex ? 16 : is_octal ? 8 : 10, &value, &overflow);
	if (!is_hex && i < len && (s[i] | 32) == 'e' && i + 1 < len && g_ascii_isdigit(s[i + 1])) {
		i += 1 + digits(s + i + 1, len - i - 1, 10, &power, &overflow);
		for (; power > 0 && value > 0 && !overflow; power--)
			overflow |= __builtin_mul_overflow(value, 10, &value);
	}
	if (s[len - 1] == '_' || !find_suffix(s + i, len - i, &factor)) {
		*error = is_octal && i < len && g_ascii_isdigit(s[i]) ? "a number that begins with 0 is octal, and has no digit 8 or 9"
								      : "this is not a number";
		*hint = "numbers are written 42, 1_000, 0x2a, 052, 1e6, 42UL, or as a duration: 10ms, 5s";
		if (len > 2 && s[0] == '0' && (s[1] | 32) == 'b')
			*hint = "bpftrace has no binary numbers; write it in hexadecimal";
		return FALSE;
	}
	overflow |= __builtin_mul_overflow(value, factor, &value);
	if (overflow) {
		*error = "this number does not fit into 64 bits";
		return FALSE;
	}
	*ret = value;
	return TRUE;
}

static void lex_number(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	gboolean is_element = tok->off > 0 && lx->text[tok->off - 1] == '.'; /* a tuple's: $t.0.1 */
	const char *error, *hint;

	while (kg_bt_is_ident(at(lx, lx->pos)))
		lx->pos++;
	tok->type = T_INT;
	if (!is_element && at(lx, lx->pos) == '.' && g_ascii_isdigit(at(lx, lx->pos + 1))) {
		while (kg_bt_is_ident(at(lx, lx->pos)) || at(lx, lx->pos) == '.')
			lx->pos++;
		fail(tok, "bpftrace has no floating point numbers", "use a smaller unit: 1500ms or 1500000 us for 1.5 s");
	} else if (!kg_bt_lex_number(lx->text + tok->off, lx->pos - tok->off, &tok->num, &error, &hint)) {
		fail(tok, error, hint);
	}
}

/* ---------------------------------------------------------------- strings */

/* Length of the escape at s (behind the backslash), and its byte; 0: there is none of that kind. */
static gsize escape(const char *s, gsize len, char *ret)
{
	unsigned value = 0;
	gsize n = 0;

	if (!len)
		return 0;
	switch (s[0]) {
	case 'n': *ret = '\n'; return 1;
	case 't': *ret = '\t'; return 1;
	case 'r': *ret = '\r'; return 1;
	case '"': *ret = '"'; return 1;
	case '\\': *ret = '\\'; return 1;
	case 'x':
		for (n = 1; n < len && n < 3 && g_ascii_isxdigit(s[n]); n++)
			value = value * 16 + (unsigned)g_ascii_xdigit_value(s[n]);
		*ret = (char)value;
		return n > 1 ? n : 0;
	default:
		for (n = 0; n < len && n < 3 && s[n] >= '0' && s[n] <= '7'; n++)
			value = value * 8 + (unsigned)(s[n] - '0');
		*ret = (char)value;
		return value < 256 ? n : 0;
	}
}

char *kg_bt_lex_unescape(const char *s, gsize len, gsize *ret_len)
{
	char *out = g_malloc(len + 1);
	gsize n = 0;

	for (gsize i = 0; i < len; n++) {
		gsize used = 0;

		if (s[i] == '\\')
			used = escape(s + i + 1, len - i - 1, &out[n]);
		if (used) {
			i += 1 + used;
		} else {
			out[n] = s[i++];
		}
	}
	out[n] = '\0';
	*ret_len = n;
	return out;
}

static void lex_string(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	char c, byte;

	tok->type = T_STRING;
	for (lx->pos++; (c = at(lx, lx->pos)) != '"'; lx->pos++) {
		if (lx->pos >= lx->len || c == '\n') {
			fail(tok, "this string has no end on its line",
			     "close it with \"; a newline inside is written \\n");
			return;
		}
		if (c != '\\')
			continue;
		if (!escape(lx->text + lx->pos + 1, lx->len - lx->pos - 1, &byte)) {
			if (tok->type == T_STRING)
				fail(tok, "this string has an escape that bpftrace does not know",
				     "it knows \\n \\t \\r \\\" \\\\ \\x41 \\101; a backslash itself is \\\\");
		}
		if (at(lx, lx->pos + 1) != '\n' && lx->pos + 1 < lx->len)
			lx->pos++;
	}
	lx->pos++;
}

static void lex_quote(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	lx->pos++;
	while (lx->pos < lx->len && lx->text[lx->pos] != '\'' && lx->text[lx->pos] != '\n')
		lx->pos++;
	if (at(lx, lx->pos) == '\'')
		lx->pos++;
	fail(tok, "bpftrace has no '...' literals",
	     "a string is written \"...\"; for a character use its number, 65 for A");
}

/* ------------------------------------------------------------------- rest */

static void lex_dollar(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	const char *error, *hint;

	lx->pos++;
	if (at(lx, lx->pos) == '#') {
		lx->pos++;
		tok->type = T_PARAM_N;
		return;
	}
	while (kg_bt_is_ident(at(lx, lx->pos)))
		lx->pos++;
	if (lx->pos == tok->off + 1) {
		fail(tok, "a $ needs a name behind it",
		     "$name is a variable, $1 a positional parameter, $# how many there are");
	} else if (!g_ascii_isdigit(lx->text[tok->off + 1])) {
		tok->type = T_VAR;
	} else {
		tok->type = T_PARAM;
		for (uint32_t i = tok->off + 1; i < lx->pos; i++)
			if (!g_ascii_isdigit(lx->text[i]))
				return fail(tok, "a variable's name can't begin with a digit", NULL);
		if (lx->text[tok->off + 1] == '0' || lx->pos - tok->off > 10 ||
		    !kg_bt_lex_number(lx->text + tok->off + 1, lx->pos - tok->off - 1, &tok->num, &error, &hint))
			fail(tok, "positional parameters are numbered from $1", NULL);
	}
}

/* A preprocessor line with its continuation lines. */
static void lex_preproc(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	tok->type = T_PREPROC;
	while (lx->pos < lx->len && lx->text[lx->pos] != '\n') {
		if (lx->text[lx->pos] == '\\' && at(lx, lx->pos + 1) == '\n')
			lx->pos++;
		else if (lx->text[lx->pos] == '\\' && at(lx, lx->pos + 1) == '\r' && at(lx, lx->pos + 2) == '\n')
			lx->pos += 2;
		step(lx);
	}
}

static void lex_punctuation(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	const char *s = lx->text + lx->pos;
	gsize best = 0;

	for (int i = T_LPAREN; i < T_KINDS; i++) {
		gsize n;

		if (punctuation[i][0] != s[0])
			continue;
		n = strlen(punctuation[i]);
		if (n > best && lx->len - lx->pos >= n && !memcmp(s, punctuation[i], n)) {
			best = n;
			tok->type = (enum kg_bt_tok)i;
		}
		if (i <= T_SEMI && best) /* brackets, ',' and ';' begin nothing longer */
			break;
	}
	lx->pos += (uint32_t)best;
	if (best)
		return;
	fail(tok, "this character means nothing here", NULL);
	if (!memcmp(lx->text + lx->pos, "\xe2\x80", MIN(2u, lx->len - lx->pos)) && lx->len - lx->pos >= 3)
		tok->hint = "typographic quotes and dashes are not those of the language: use \" and -";
	lx->pos++;
	while (lx->pos < lx->len && ((unsigned char)lx->text[lx->pos] & 0xc0) == 0x80) /* the rest of a UTF-8 character */
		lx->pos++;
}

void kg_bt_lex_next(struct kg_bt_lexer *lx, struct kg_bt_token *tok)
{
	gboolean ok = kg_bt_lex_skip(lx);
	char c = at(lx, lx->pos);

	*tok = (struct kg_bt_token){.type = T_EOF, .off = lx->pos, .line = lx->line, .line_off = lx->line_off};
	if (!ok) {
		lx->pos = lx->len;
		fail(tok, "this comment has no end", "close it with */");
	} else if (lx->pos >= lx->len) {
		/* T_EOF */
	} else if (kg_bt_is_ident_start(c)) {
		tok->type = T_IDENT;
		while (kg_bt_is_ident(at(lx, lx->pos)))
			lx->pos++;
	} else if (g_ascii_isdigit(c)) {
		lex_number(lx, tok);
	} else if (c == '"') {
		lex_string(lx, tok);
	} else if (c == '\'') {
		lex_quote(lx, tok);
	} else if (c == '$') {
		lex_dollar(lx, tok);
	} else if (c == '@') {
		tok->type = T_MAP;
		for (lx->pos++; kg_bt_is_ident(at(lx, lx->pos)); lx->pos++)
			;
	} else if (c == '#') {
		lex_preproc(lx, tok);
	} else {
		lex_punctuation(lx, tok);
	}
	tok->end = lx->pos;
}
