/*
 * The ranking by words: BM25 of FTS5 over the sentences, and over the programs' text for what is written as in a program
 * (tcp_connect, sys_enter_openat), whose parts then stand beside each other.
 *
 * BM25 costs time for each sentence that has one of the words. Of words that very many have ("count", "process") it also learns next to
 * nothing; so they are left out where rarer ones are there, and of a query that has nothing but such words only
 * the newest MAX_ROWS sentences with all of them are looked at.
 */
#include "internal.h"

#include <string.h>

#define MAX_TERMS 32
#define COMMON 2000 /* sentences that make a word a common one */
#define MAX_ROWS 4000

struct terms {
	GPtrArray *words;  /* char *: as in the query, lower case */
	GPtrArray *phrases;/* char *: "tcp connect" of tcp_connect */
};

static gboolean is_known_term(GPtrArray *terms, const char *term)
{
	return g_ptr_array_find_with_equal_func(terms, term, g_str_equal, NULL);
}

static void add_term(GPtrArray *terms, const char *s, gsize len)
{
	g_autofree char *term = g_strndup(s, len);

	if (terms->len < MAX_TERMS && !is_known_term(terms, term))
		g_ptr_array_add(terms, g_steal_pointer(&term));
}

static gboolean is_part(const char *s)
{
	return g_unichar_isalnum(g_utf8_get_char(s));
}

/* A word of letters, digits and underscores. */
static void split_word(const char *word, gsize len, struct terms *terms)
{
	g_autofree char *parts = g_strndup(word, len);

	g_strdelimit(parts, "_", ' ');
	g_strstrip(parts);
	g_auto(GStrv) single = g_strsplit(parts, " ", -1);
	if (strchr(parts, ' '))
		add_term(terms->phrases, parts, strlen(parts));
	for (guint i = 0; single[i]; i++)
		if (*single[i] && !embed_is_stop_word(single[i], strlen(single[i])))
			add_term(terms->words, single[i], strlen(single[i]));
}

static void split(const char *query, struct terms *terms)
{
	g_autofree char *valid = g_utf8_make_valid(query, -1);
	g_autofree char *lower = g_utf8_strdown(valid, -1);

	for (const char *s = lower; *s;) {
		const char *begin = s;
		while (*s && (is_part(s) || *s == '_'))
			s = g_utf8_next_char(s);
		if (s > begin)
			split_word(begin, (gsize)(s - begin), terms);
		else
			s = g_utf8_next_char(s);
	}
}

/* Do COMMON sentences have it? */
static int is_common(struct kg_memory *m, const char *term, gboolean *ret, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT count(*) FROM (SELECT 1 FROM words WHERE words MATCH ?1 LIMIT ?2)", err);
	g_autofree char *match = g_strdup_printf("{prompt} : \"%s\"", term);
	gint64 n = 0;

	if (!st)
		return -err->code;
	db_bind_text(st, 1, match);
	sqlite3_bind_int(st, 2, COMMON);
	int r = db_number(m, st, 0, &n, err);
	*ret = n >= COMMON;
	return r;
}

static void append_terms(const GPtrArray *terms, const char *column, const char *operator, GString *match)
{
	if (!terms->len)
		return;
	g_string_append_printf(match, "%s{%s} : (", match->len ? " OR " : "", column);
	for (guint i = 0; i < terms->len; i++)
		g_string_append_printf(match, "%s\"%s\"", i ? operator : "", (char *)terms->pdata[i]);
	g_string_append_c(match, ')');
}

/* The words are letters and digits only: nothing of FTS5's own syntax is in them. */
static int make_match(struct kg_memory *m, const struct terms *terms, GString *match, struct kg_error *err)
{
	g_autoptr(GPtrArray) rare = g_ptr_array_new();
	gboolean common = FALSE;

	for (guint i = 0; i < terms->words->len; i++) {
		int r = is_common(m, terms->words->pdata[i], &common, err);
		if (r)
			return r;
		if (!common)
			g_ptr_array_add(rare, terms->words->pdata[i]);
	}
	append_terms(rare->len ? rare : terms->words, "prompt", rare->len ? " OR " : " AND ", match);
	append_terms(terms->phrases, "program", " OR ", match);
	return 0;
}

static int rank(struct kg_memory *m, const char *match, const struct allowed *allowed, struct top *top, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT rowid, bm25(words, 1.0, 0.5) FROM words WHERE words MATCH ?1 ORDER BY rowid DESC LIMIT ?2", err);
	int r = 0;

	if (!st)
		return -err->code;
	db_bind_text(st, 1, match);
	sqlite3_bind_int(st, 2, MAX_ROWS);
	while (!r && (r = db_step(m, st, err)) > 0) {
		gint64 wording = sqlite3_column_int64(st, 0);
		if (is_allowed(allowed, wording))
			top_add(top, wording, -sqlite3_column_double(st, 1), 0);
		r = 0;
	}
	sqlite3_reset(st);
	return r;
}

int words_rank(struct kg_memory *m, const char *query, const struct allowed *allowed, struct top *top,
	       gboolean *ret_has_names, struct kg_error *err)
{
	struct terms terms = {g_ptr_array_new_with_free_func(g_free), g_ptr_array_new_with_free_func(g_free)};
	g_autoptr(GString) match = g_string_new(NULL);
	int r;

	split(query, &terms);
	*ret_has_names = terms.phrases->len > 0;
	r = make_match(m, &terms, match, err);
	if (!r && match->len)
		r = rank(m, match->str, allowed, top, err);
	g_ptr_array_unref(terms.words);
	g_ptr_array_unref(terms.phrases);
	return r;
}
