/*
 * A sentence to tokens.
 *
 * People write "how big are nginx's reads, by pid/cpu?" and "openat()" and "10ms" and "tracepoint:sched:sched_switch". A word
 * is what stands between spaces, without the marks around it; words joined by a dash or a slash come apart when both
 * sides are plain words, and names of the kernel, paths, addresses and numbers stay whole.
 */
#include "words.h"

#include <string.h>

static void token_free(void *p)
{
	struct token *t = p;

	g_free(t->text);
	g_free(t->stem);
	g_free(t->unit);
	g_free(t);
}

static struct token *token_new(GPtrArray *tokens, const char *text, guint from, guint len)
{
	struct token *t = g_new0(struct token, 1);

	t->from = from;
	t->len = len;
	t->text = g_utf8_strdown(text + from, len);
	g_ptr_array_add(tokens, t);
	return t;
}

/* 2^53: below it a double holds every whole number; what is larger would be answered for its neighbour. */
#define MAX_EXACT 9007199254740992.0

/* "10ms", "1,000", "4k", "1.5s", "443": number and unit. */
static gboolean number_of(const char *s, double *ret, char **ret_unit)
{
	GString *digits = g_string_new(NULL);
	const char *p = s;

	while (g_ascii_isdigit(*p) || (*p == ',' && p > s && g_ascii_isdigit(p[1]) && g_ascii_isdigit(p[2]) && g_ascii_isdigit(p[3]) && !g_ascii_isdigit(p[4])) ||
	       (*p == '.' && g_ascii_isdigit(p[1]) && !strchr(digits->str, '.'))) {
		if (*p != ',')
			g_string_append_c(digits, *p);
		p++;
	}
	gboolean ok = digits->len > 0 && digits->len < 20;
	const char *dot = strchr(digits->str, '.');

	/* "1.000": one, or a thousand? */
	if (dot && strlen(dot) == 4 && digits->str[0] != '0' && !strncmp(dot + 2, "00", 2))
		ok = FALSE;

	for (const char *q = p; ok && *q; q = g_utf8_next_char(q))
		ok = g_unichar_isalpha(g_utf8_get_char(q));
	if (ok && g_utf8_strlen(p, -1) > 12)
		ok = FALSE;
	double value = g_ascii_strtod(digits->str, NULL);

	if (value >= MAX_EXACT)
		ok = FALSE;
	if (ok) {
		*ret = value;
		*ret_unit = g_strdup(p);
	}
	g_string_free(digits, TRUE);
	return ok;
}

static gboolean is_plain(const char *s, gsize len)
{
	gboolean has = FALSE;

	for (const char *p = s; p < s + len; p = g_utf8_next_char(p)) {
		if (!g_unichar_isalpha(g_utf8_get_char(p)) && !g_ascii_isdigit(*p))
			return FALSE;
		has = has || !g_ascii_isdigit(*p);
	}
	return has;
}

/* Where a joined word comes apart: the byte of the dash or slash, or 0. Both sides are plain words. */
static gsize joint(const char *s, gsize len)
{
	for (gsize k = 1; k + 1 < len; k++) {
		if (s[k] != '-' && s[k] != '/' && s[k] != '+' && s[k] != '&')
			continue;
		gsize rest = 1;
		while (k + rest < len && s[k + rest] != '-' && s[k + rest] != '/' && s[k + rest] != '+' && s[k + rest] != '&')
			rest++;
		gboolean is_count = s[k] == '-' && strspn(s, "0123456789") == k; /* "5-second" */
		if ((is_plain(s, k) || is_count) && is_plain(s + k + 1, rest - 1))
			return k;
	}
	return 0;
}

static gboolean is_compare(char c)
{
	return c == '<' || c == '>' || c == '=' || c == '!';
}

static void add_mark(GPtrArray *tokens, const char *text, guint from, guint len)
{
	struct token *t = token_new(tokens, text, from, len);

	t->is_mark = TRUE;
	t->is_sentence_end = *t->text == '.' || *t->text == '?' || *t->text == '!' || *t->text == ';' || *t->text == '\n';
}

static void add_word(GPtrArray *tokens, const char *text, guint from, guint len);

/* A comparison inside of a word: "pid=12", "bytes>=4096", ">20ms". */
static gboolean add_compared(GPtrArray *tokens, const char *text, guint from, guint len)
{
	guint k = 0, e;

	while (k < len && !is_compare(text[from + k]))
		k++;
	if (k == len)
		return FALSE;
	for (e = k; e < len && is_compare(text[from + e]); e++)
		;
	if (k)
		add_word(tokens, text, from, k);
	add_mark(tokens, text, from + k, e - k);
	if (e < len)
		add_word(tokens, text, from + e, len - e);
	return TRUE;
}

static void add_word(GPtrArray *tokens, const char *text, guint from, guint len)
{
	const char *s = text + from;
	gsize k;

	if (add_compared(tokens, text, from, len))
		return;
	if (len > 2 && !memcmp(s + len - 2, "()", 2)) {
		add_word(tokens, text, from, len - 2);
		return;
	}
	gboolean has_digit = FALSE;
	for (guint i = 0; i < len; i++)
		has_digit = has_digit || g_ascii_isdigit(s[i]);
	/* program names such as my-app2 and redis-server come apart here; the names of well-known ones are put together again */
	if (*s != '/' && (k = joint(s, len)) && !(has_digit && s[k] == '/' && strchr(s, '.'))) {
		add_word(tokens, text, from, (guint)k);
		if (s[k] == '/')
			add_mark(tokens, text, from + (guint)k, 1);
		else if (s[k] != '-')
			add_mark(tokens, text, from + (guint)k, 1);
		add_word(tokens, text, from + (guint)k + 1, len - (guint)k - 1);
		return;
	}
	/* "top20" */
	if (len > 3 && !g_ascii_strncasecmp(s, "top", 3) && g_ascii_isdigit(s[3])) {
		add_word(tokens, text, from, 3);
		add_word(tokens, text, from + 3, len - 3);
		return;
	}
	struct token *t = token_new(tokens, text, from, len);
	gsize n = strlen(t->text);

	if (n > 2 && g_str_has_suffix(t->text, "'s")) {
		t->text[n - 2] = '\0';
		t->is_possessive = TRUE;
	} else if (n > 4 && g_str_has_suffix(t->text, "\xe2\x80\x99s")) {
		t->text[n - 4] = '\0';
		t->is_possessive = TRUE;
	}
	t->is_number = number_of(t->text, &t->number, &t->unit);
	if (!t->is_number)
		for (const char *p = t->text; *p; p++)
			t->is_name = t->is_name || strchr("_:./*@-", *p) || g_ascii_isdigit(*p);
}

static gsize quoted(const char *s)
{
	static const struct {
		const char *open, *close;
	} quotes[] = {{"\"", "\""}, {"'", "'"}, {"`", "`"}, {"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"\xe2\x80\x98", "\xe2\x80\x99"}};

	for (gsize i = 0; i < G_N_ELEMENTS(quotes); i++) {
		if (!g_str_has_prefix(s, quotes[i].open))
			continue;
		const char *end = strstr(s + strlen(quotes[i].open), quotes[i].close);
		/* an apostrophe is no quote: it must end where a word ends */
		if (end && end > s + strlen(quotes[i].open) && !g_ascii_isalnum(end[strlen(quotes[i].close)]))
			return (gsize)(end - s) + strlen(quotes[i].close);
	}
	return 0;
}

static guint mark_len(const char *s)
{
	static const char *const two[] = {">=", "<=", "==", "!=", "->"};

	if (*s == '-' && (g_ascii_isspace(s[1]) || !s[1]))
		return 1;

	for (gsize i = 0; i < G_N_ELEMENTS(two); i++)
		if (g_str_has_prefix(s, two[i]))
			return 2;
	return strchr(",;:.?!()[]{}<>=&+|\"'`", *s) ? 1 : 0;
}

GPtrArray *kg_tokens(const char *text)
{
	GPtrArray *tokens = g_ptr_array_new_with_free_func(token_free);
	guint i = 0;

	while (text[i] && tokens->len <= MAX_TOKENS) {
		gsize q;
		guint m, end;

		if (g_unichar_isspace(g_utf8_get_char(text + i))) {
			i += (guint)(g_utf8_next_char(text + i) - (text + i));
			continue;
		}
		/* a quote begins where a word does: "comm`reboot`" is none */
		gboolean may_quote = !i || g_ascii_isspace(text[i - 1]) || strchr("([{=:,<>!", text[i - 1]);
		if (may_quote && (q = quoted(text + i))) {
			const char *in = g_utf8_next_char(text + i);
			const char *out = g_utf8_prev_char(text + i + q);
			struct token *t = token_new(tokens, text, i, (guint)q);
			g_free(t->text);
			t->text = g_strndup(in, (gsize)(out - in));
			t->is_quoted = TRUE;
			i += (guint)q;
			continue;
		}
		gboolean is_address = text[i] == ':' && text[i + 1] == ':' && g_ascii_isxdigit(text[i + 2]);
		if (!is_address && (m = mark_len(text + i))) {
			add_mark(tokens, text, i, m);
			i += m;
			continue;
		}
		for (end = i; text[end] && !g_unichar_isspace(g_utf8_get_char(text + end)) && !strchr(",;?!\"`(){}[]|", text[end]);)
			end += (guint)(g_utf8_next_char(text + end) - (text + end));
		if (text[end] == ',' && g_ascii_isdigit(text[end + 1]) && end > i && g_ascii_isdigit(text[end - 1]))
			while (text[end] == ',' || g_ascii_isalnum(text[end]))
				end++; /* 1,000 */
		if (end > i && text[end] == '(' && text[end + 1] == ')')
			end += 2;
		/* "postgres' system calls" */
		guint last = end;
		if (end > i + 2 && text[end - 1] == '\'' && text[end - 2] == 's') {
			add_word(tokens, text, i, end - 1 - i);
			((struct token *)tokens->pdata[tokens->len - 1])->is_possessive = TRUE;
			i = end;
			continue;
		}
		/* marks that end the word: "reads." "process:" but not ::1 or a..b */
		while (last > i + 1 && strchr(".:'", text[last - 1]))
			last--;
		add_word(tokens, text, i, last - i);
		for (; last < end; last++)
			add_mark(tokens, text, last, 1);
		i = end;
	}
	return tokens;
}
