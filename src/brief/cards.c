/*
 * Cards that fit a question: its words are held against what the cards' events and fields are called. Rare words count more (each by the
 * logarithm of how few cards have it), and the names of an event more than those of its fields.
 */
#include "internal.h"

#include <libstemmer.h>
#include <math.h>
#include <string.h>

#define MAX_CARDS 4
#define MAX_SITES 3
#define MAX_FIELDS 12
#define FIELD_WEIGHT 0.4
/* A card that has less than this part of the best one's score speaks of something else. */
#define FIT 0.5

static const char *const empty_words[] = {"a", "an", "the", "of", "in", "on", "at", "to", "by", "for", "from", "with", "and", "or", "is", "are",
	"be", "when", "which", "what", "that", "who", "how", "all", "any", "each", "every", "show", "print", "display", "trace", "count", "list", "my",
	"does", "do", "get", "it", "its", "this", "me", "i", "as", "per", "many", "much", "top", "than", "more", "less", "not", "second", "seconds",
	"number", "program", "programs", "machine", "name", "also", "then", "there", "their", NULL};

struct words {
	struct sb_stemmer *stemmer;
	GHashTable *stems; /* set of char * */
	GPtrArray *names;
};

static char *stem(const struct words *w, const char *word)
{
	g_autofree char *low = g_utf8_strdown(word, -1);
	const sb_symbol *s = sb_stemmer_stem(w->stemmer, (const sb_symbol *)low, (int)strlen(low));

	return s ? g_strndup((const char *)s, (gsize)sb_stemmer_length(w->stemmer)) : g_steal_pointer(&low);
}

static char **split(const char *text)
{
	return g_strsplit_set(text, " \t\n,.;:?!()[]{}\"'/-", -1);
}

/* tcp_connect, vfs_read, sock:inet_sock_set_state, struct names: what the kernel would call something. */
static void take_names(struct words *w, const char *question)
{
	g_auto(GStrv) all = g_strsplit_set(question, " \t\n,;?!()[]{}\"'", -1);

	for (char **p = all; *p; p++) {
		while (**p && strchr(".:", (*p)[strlen(*p) - 1]))
			(*p)[strlen(*p) - 1] = '\0';
		gsize plain = strspn(*p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
		if (plain == strlen(*p) && strlen(*p) >= 3 && strlen(*p) < 100 && (strchr(*p, '_') || strchr(*p, ':')))
			g_ptr_array_add(w->names, g_strdup(*p));
	}
}

struct words *words_new(const char *question)
{
	struct words *w = g_new0(struct words, 1);
	g_auto(GStrv) all = split(question);

	w->stemmer = sb_stemmer_new("english", "UTF_8");
	w->stems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	w->names = g_ptr_array_new_with_free_func(g_free);
	for (char **p = all; *p; p++) {
		g_autofree char *low = g_utf8_strdown(*p, -1);
		if (strlen(low) > 1 && !g_strv_contains(empty_words, low))
			g_hash_table_add(w->stems, stem(w, low));
	}
	take_names(w, question);
	return w;
}

void words_free(struct words *w)
{
	sb_stemmer_delete(w->stemmer);
	g_hash_table_unref(w->stems);
	g_ptr_array_unref(w->names);
	g_free(w);
}

gboolean words_have(const struct words *w, const char *word)
{
	g_autofree char *s = stem(w, word);

	return g_hash_table_contains(w->stems, s);
}

const GPtrArray *words_names(const struct words *w)
{
	return w->names;
}

/* ---------------------------------------------------------------- scores */

/* Which of the question's stems a card has: 2 in the names of the event, 1 in those of its fields. */
struct match {
	const struct kg_card *card;
	GHashTable *stems; /* char * -> 1 or 2 */
	double score;
};

static void note_words(const struct words *w, GHashTable *cache, const char *text, int where, GHashTable *found)
{
	g_auto(GStrv) all = text ? split(text) : NULL;

	for (char **p = all; p && *p; p++) {
		char *s;
		if (!**p)
			continue;
		s = g_hash_table_lookup(cache, *p);
		if (!s) {
			s = stem(w, *p);
			g_hash_table_insert(cache, g_strdup(*p), s);
		}
		if (g_hash_table_contains(w->stems, s) && GPOINTER_TO_INT(g_hash_table_lookup(found, s)) < where)
			g_hash_table_insert(found, g_strdup(s), GINT_TO_POINTER(where));
	}
}

static void match_card(const struct words *w, GHashTable *cache, struct match *m)
{
	const struct kg_card *c = m->card;

	m->stems = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	note_words(w, cache, c->title, 2, m->stems);
	note_words(w, cache, c->name, 2, m->stems);
	for (guint i = 0; i < c->says->len; i++)
		note_words(w, cache, c->says->pdata[i], 2, m->stems);
	note_words(w, cache, c->about, 1, m->stems);
	for (guint i = 0; i < c->fields->len; i++) {
		const struct kg_card_field *f = c->fields->pdata[i];
		for (guint j = 0; j < f->says->len; j++)
			note_words(w, cache, f->says->pdata[j], 1, m->stems);
	}
}

static void score(struct match *all, guint n)
{
	g_autoptr(GHashTable) spread = g_hash_table_new(g_str_hash, g_str_equal); /* in how many cards' names a stem is */
	GHashTableIter it;
	gpointer s, where;

	for (guint i = 0; i < n; i++) {
		g_hash_table_iter_init(&it, all[i].stems);
		while (g_hash_table_iter_next(&it, &s, &where))
			if (GPOINTER_TO_INT(where) == 2)
				g_hash_table_insert(spread, s, GINT_TO_POINTER(GPOINTER_TO_INT(g_hash_table_lookup(spread, s)) + 1));
	}
	for (guint i = 0; i < n; i++) {
		g_hash_table_iter_init(&it, all[i].stems);
		while (g_hash_table_iter_next(&it, &s, &where)) {
			double rare = log(1 + (double)n / (1 + GPOINTER_TO_INT(g_hash_table_lookup(spread, s))));
			all[i].score += rare * (GPOINTER_TO_INT(where) == 2 ? 1 : FIELD_WEIGHT);
		}
	}
}

/* Which part of a card's title the question says: "file open" fits better than "change of permissions of an open file". */
static double coverage(const struct words *w, const struct kg_card *card)
{
	g_auto(GStrv) all = split(card->title);
	guint n = 0, said = 0;

	for (char **p = all; *p; p++) {
		g_autofree char *low = g_utf8_strdown(*p, -1);
		if (strlen(low) < 2 || g_strv_contains(empty_words, low))
			continue;
		n++;
		said += words_have(w, low);
	}
	return n ? (double)said / n : 0;
}

static int best_first(const void *a, const void *b)
{
	const struct match *x = a, *y = b;

	return x->score < y->score ? 1 : x->score > y->score ? -1 : strcmp(x->card->name, y->card->name);
}

/* ---------------------------------------------------------------- a card in words */

static void tell_expr(const struct kg_card_expr *e, GString *out)
{
	g_string_append_printf(out, "    %s:", e->field);
	for (guint i = 0; i < e->cases->len; i++) {
		const struct kg_card_case *c = e->cases->pdata[i];
		g_string_append_printf(out, "%s %s", i ? ";" : "", c->expr);
		if (c->when)
			g_string_append_printf(out, " if %s", c->when);
	}
	if (e->valid)
		g_string_append_printf(out, " (valid only if %s)", e->valid);
	g_string_append_c(out, '\n');
}

static void tell_site(const struct kg_card_site *site, const char *what, GString *out)
{
	g_string_append_printf(out, "  %s", what);
	for (guint i = 0; i < site->at->len && i < 4; i++)
		g_string_append_printf(out, "%s%s", i ? ", " : "", (char *)site->at->pdata[i]);
	if (site->when)
		g_string_append_printf(out, " /%s/", site->when);
	if (site->key)
		g_string_append_printf(out, " key %s", site->key);
	if (site->ok)
		g_string_append_printf(out, "; succeeded if %s", site->ok);
	g_string_append_c(out, '\n');
	for (guint i = 0; i < site->lets->len; i++) {
		const struct kg_card_let *let = site->lets->pdata[i];
		g_string_append_printf(out, "    $%s = %s;\n", let->name, let->expr);
	}
	for (guint i = 0; i < site->exprs->len && i < MAX_FIELDS; i++)
		tell_expr(site->exprs->pdata[i], out);
}

static void tell_card(const struct kg_card *card, const struct kg_card_way *way, GString *out)
{
	gboolean is_span = way->begins->len > 0;

	g_string_append_printf(out, "%s: %s\n", card->title, card->about ?: "");
	if (way->context == KG_CONTEXT_NONE)
		g_string_append(out, "  (pid, tid, comm there are those of whoever was interrupted, NOT of who caused the event)\n");
	if (way->note)
		g_string_append_printf(out, "  (%s)\n", way->note);
	for (guint i = 0; i < way->begins->len && i < MAX_SITES; i++)
		tell_site(way->begins->pdata[i], "begins at ", out);
	for (guint i = 0; i < way->sites->len && i < MAX_SITES; i++)
		tell_site(way->sites->pdata[i], is_span ? "ends at " : "", out);
}

static void add_card(const struct kg_brief_opts *opts, const struct kg_card *card, struct section *s, GPtrArray *names)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct kg_card_way *way = NULL;

	if (!opts->profile || kg_card_resolve(card, opts->profile, 0, &way, NULL, NULL))
		return; /* this kernel can't observe it */
	tell_card(card, way, text);
	if (section_add(s, text->str))
		g_ptr_array_add(names, g_strdup(card->name));
	kg_card_way_free(way);
}

void cards_add(const struct kg_brief_opts *opts, struct words *w, struct section *s, GPtrArray *names)
{
	guint n = opts->cards ? kg_cards_n(opts->cards) : 0;
	g_autofree struct match *all = g_new0(struct match, n + 1);
	g_autoptr(GHashTable) cache = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	for (guint i = 0; i < n; i++) {
		all[i].card = kg_cards_at(opts->cards, i);
		match_card(w, cache, &all[i]);
	}
	score(all, n);
	for (guint i = 0; i < n; i++)
		all[i].score *= 0.5 + coverage(w, all[i].card);
	qsort(all, n, sizeof(*all), best_first);
	for (guint i = 0; i < n && i < MAX_CARDS && all[i].score > 0 && all[i].score >= FIT * all[0].score; i++)
		add_card(opts, all[i].card, s, names);
	for (guint i = 0; i < n; i++)
		g_hash_table_unref(all[i].stems);
}
