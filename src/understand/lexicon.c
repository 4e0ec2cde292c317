/*
 * The words: phrases of data/words and of the event cards, found by the stem of their first word.
 *
 * A file of words has lines "category [value [hint]]: phrase | phrase", as data/words/english.words explains itself.
 * Stemming is Snowball's English stemmer, with a list of irregular forms in front.
 */
#include "words.h"

#include <kgent/text.h>

#include <libstemmer.h>
#include <string.h>

static const char *const category_names[CATEGORIES] = {
	[CAT_NONE] = "",
	[CAT_FILLER] = "filler",
	[CAT_RELATIVE] = "relative",
	[CAT_MEASURE] = "measure",
	[CAT_EACH] = "each",
	[CAT_BY] = "by",
	[CAT_WHICH] = "which",
	[CAT_WHO] = "who",
	[CAT_SUPERLATIVE] = "superlative",
	[CAT_TOP] = "top",
	[CAT_WITH] = "with",
	[CAT_PREP] = "prep",
	[CAT_BELOW] = "below",
	[CAT_NAMED] = "named",
	[CAT_NOT] = "not",
	[CAT_ONLY] = "only",
	[CAT_CMP] = "cmp",
	[CAT_IS] = "is",
	[CAT_EVERY] = "every",
	[CAT_RATE] = "rate",
	[CAT_RATE_MINUTE] = "rate-minute",
	[CAT_DURING] = "during",
	[CAT_UNTIL] = "until",
	[CAT_DURATION] = "duration",
	[CAT_FAILED] = "failed",
	[CAT_SUCCEEDED] = "succeeded",
	[CAT_ERRNO] = "errno",
	[CAT_FAMILY] = "family",
	[CAT_HOSTORDER] = "hostorder",
	[CAT_TIME] = "time",
	[CAT_SIZE] = "size",
	[CAT_NUMBER] = "number",
	[CAT_HALFSECOND] = "halfsecond",
	[CAT_BUCKETS] = "buckets",
	[CAT_FROM_TO] = "from-to",
	[CAT_RANGE_TO] = "range-to",
	[CAT_AND] = "and",
	[CAT_FIELD] = "field",
	[CAT_ROOT] = "root",
	[CAT_ACT] = "act",
	[CAT_NOUN] = "noun",
	[CAT_OR] = "or",
	[CAT_COMPARE] = "compare",
	[CAT_VERSUS] = "versus",
	[CAT_STATE] = "state",
	[CAT_STORY] = "story",
	[CAT_REFERENCE] = "reference",
	[CAT_ATTEMPT] = "attempt",
	[CAT_CALLED] = "called",
	[CAT_KERNEL_FUNCTION] = "kernel-function",
	[CAT_TRACEPOINT] = "tracepoint",
	[CAT_AND_MORE] = "and-more",
	[CAT_AND_LESS] = "and-less",
	[CAT_CLAUSE] = "clause",
	[CAT_TAKING] = "taking",
	[CAT_LEFT_OUT] = "left-out",
	[CAT_HOW_TO] = "how-to",
	[CAT_NONZERO] = "nonzero",
	[CAT_CHILDREN] = "children",
	[CAT_LASTS] = "lasts",
	[CAT_EVENT] = "(event)",
	[CAT_EVENT_DONE] = "(event that succeeded)",
	[CAT_CARD_FIELD] = "(field)",
	[CAT_VALUE] = "(value)",
};

static void entry_free(void *p)
{
	struct entry *e = p;

	g_free(e->value);
	g_free(e->hint);
	g_free(e->words);
	g_free(e);
}

/* The stem of a word; the lexicon's. */
static const char *stem_of(struct kg_lexicon *lex, const char *word)
{
	const char *stem = g_hash_table_lookup(lex->stemmed, word);

	if (stem)
		return stem;
	const char *regular = g_hash_table_lookup(lex->irregular, word);
	const char *w = regular ? regular : word;
	const sb_symbol *s = sb_stemmer_stem(lex->stemmer, (const sb_symbol *)w, (int)strlen(w));

	stem = g_string_chunk_insert_const(lex->texts, s ? (const char *)s : w);
	g_hash_table_insert(lex->stemmed, g_string_chunk_insert_const(lex->texts, word), (char *)stem);
	return stem;
}

char *kg_stem(struct kg_lexicon *lex, const char *word)
{
	return g_strdup(stem_of(lex, word));
}

void kg_tokens_stem(struct kg_lexicon *lex, GPtrArray *tokens)
{
	for (guint i = 0; i < tokens->len; i++) {
		struct token *t = tokens->pdata[i];

		g_free(t->stem);
		t->stem = t->is_quoted ? g_strdup("") : kg_stem(lex, t->text);
	}
}

/* The words of a phrase, as the sentence's are made: most are plain words with spaces between, which need no tokens. */
static GPtrArray *phrase_words(struct kg_lexicon *lex, const char *phrase, GArray *ret_marks)
{
	GPtrArray *words = g_ptr_array_new();
	gboolean is_plain = TRUE, no = FALSE;

	for (const char *p = phrase; *p; p++)
		is_plain = is_plain && (*p == ' ' || g_ascii_islower(*p));
	if (!is_plain) {
		g_autoptr(GPtrArray) tokens = kg_tokens(phrase);
		for (guint i = 0; i < tokens->len; i++) {
			const struct token *t = tokens->pdata[i];
			g_ptr_array_add(words, g_string_chunk_insert_const(lex->texts, t->text));
			g_array_append_val(ret_marks, t->is_mark);
		}
		return words;
	}
	for (const char *p = phrase; *p;) {
		gsize n = strcspn(p, " ");
		char word[64];

		if (n && n < sizeof(word)) {
			memcpy(word, p, n);
			word[n] = '\0';
			g_ptr_array_add(words, g_string_chunk_insert_const(lex->texts, word));
			g_array_append_val(ret_marks, no);
		}
		p += n + (p[n] == ' ');
	}
	return words;
}

/* A word that is known as written; the value tells a word of data/words from one of the cards: see kg_lexicon_typo(). */
static void add_surface(struct kg_lexicon *lex, const char *word, gboolean is_grammar)
{
	if (is_grammar || !g_hash_table_contains(lex->surface, word))
		g_hash_table_replace(lex->surface, (char *)word, is_grammar ? (void *)lex : (void *)word);
}

/* Add a phrase; its words are what the sentence's tokens would be. "=word" matches that very word only. */
static struct entry *add(struct kg_lexicon *lex, enum category cat, const char *phrase)
{
	g_autofree char *plain = g_strdup(phrase);
	g_strstrip(plain);
	gboolean exact = *plain == '=' && plain[1] && plain[1] != '=' && plain[1] != ' ';
	g_autoptr(GArray) marks = g_array_new(FALSE, FALSE, sizeof(gboolean));
	g_autoptr(GPtrArray) words = phrase_words(lex, plain + exact, marks);

	if (!words->len)
		return NULL;
	struct entry *e = g_new0(struct entry, 1);
	e->cat = cat;
	e->phrase = g_string_chunk_insert_const(lex->texts, plain + exact);
	e->n = words->len;
	e->words = g_new0(const char *, e->n);
	for (guint i = 0; i < e->n; i++) {
		const char *word = words->pdata[i], *stem = stem_of(lex, word);

		e->words[i] = stem;
		if (exact) {
			g_autofree char *marked = g_strconcat("=", word, NULL);
			e->words[i] = g_string_chunk_insert_const(lex->texts, marked);
		}
		if (!g_array_index(marks, gboolean, i)) {
			add_surface(lex, word, cat < CAT_EVENT);
			g_hash_table_add(lex->stems, (char *)stem);
		}
	}
	g_ptr_array_add(lex->entries, e);
	GPtrArray *list = g_hash_table_lookup(lex->by_first, e->words[0]);
	if (!list) {
		list = g_ptr_array_new();
		g_hash_table_insert(lex->by_first, (char *)e->words[0], list);
	}
	g_ptr_array_add(list, e);
	return e;
}

static int read_words_line(struct kg_lexicon *lex, char *line, const char *file, guint n, struct kg_error *err)
{
	char *colon = strchr(line, ':');

	if (!colon)
		return kg_error_set(err, KG_E_PARSE, "words", "%s:%u: a line is \"category [value]: phrase | phrase\"", file, n);
	*colon = '\0';
	g_auto(GStrv) head = g_strsplit(g_strstrip(line), " ", 3);
	g_auto(GStrv) phrases = g_strsplit(colon + 1, " | ", -1);
	int cat = 0;

	for (int c = 1; c < CATEGORIES; c++)
		if (!g_strcmp0(category_names[c], head[0]))
			cat = c;
	if (!cat)
		return kg_error_set(err, KG_E_PARSE, "words", "%s:%u: there is no category \"%s\"", file, n, head[0]);
	for (guint i = 0; phrases[i]; i++) {
		struct entry *e = add(lex, (enum category)cat, phrases[i]);
		if (!e)
			continue;
		e->value = g_strdup(head[1]);
		if ((cat == CAT_TIME || cat == CAT_SIZE) && e->n == 1)
			g_hash_table_insert(lex->units, g_strconcat(cat == CAT_TIME ? "t:" : "s:", e->phrase, NULL), e);
		e->hint = head[1] && head[2] ? g_strdup(head[2]) : NULL;
	}
	return 0;
}

static void read_list(GHashTable *set, char *line)
{
	g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);

	for (guint i = 0; words[i]; i++)
		if (*words[i])
			g_hash_table_add(set, g_strdup(words[i]));
}

static int read_file(struct kg_lexicon *lex, const char *dir, const char *name, struct kg_error *err)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, &text, NULL, &error))
		return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)
			       ? 0
			       : kg_error_set(err, KG_E_IO, "words", "%s", error->message);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		char *line = g_strstrip(lines[i]);
		int r = 0;

		if (!*line || *line == '#')
			continue;
		if (!strcmp(name, "irregular.words")) {
			char *colon = strchr(line, ':');
			if (!colon)
				return kg_error_set(err, KG_E_PARSE, "words", "%s:%u: a line is \"form: word\"", path, i + 1);
			*colon = '\0';
			g_hash_table_insert(lex->irregular, g_strdup(line), g_strdup(g_strstrip(colon + 1)));
		} else if (!strcmp(name, "programs.words")) {
			read_list(lex->programs, line);
		} else if (!strcmp(name, "not-typos.words")) {
			read_list(lex->not_typos, line);
		} else {
			r = read_words_line(lex, line, path, i + 1, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static gboolean asks(const char *phrase)
{
	static const char *const words[] = {"which ", "what ", "who ", "how ", "where "};

	/* and so do keys: a name that holds "by process" would swallow the grouping */
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_str_has_prefix(phrase, words[i]))
			return TRUE;
	return strstr(phrase, " by ") || strstr(phrase, " per ");
}

/* A field that a card calls "to" or "from" is the end that the preposition means; the word alone names nothing. */
static gboolean is_preposition(const char *phrase)
{
	return !strcmp(phrase, "to") || !strcmp(phrase, "from") || !strcmp(phrase, "at");
}

static void add_card(struct kg_lexicon *lex, const struct kg_card *card)
{
	struct entry *e;

	/* Words that ask stand in front of an event's name and are read by themselves. */
	for (guint i = 0; i < card->says->len; i++)
		if (!asks(card->says->pdata[i]) && (e = add(lex, CAT_EVENT, card->says->pdata[i])))
			e->card = card;
	for (guint i = 0; card->says_done && i < card->says_done->len; i++)
		if ((e = add(lex, CAT_EVENT_DONE, card->says_done->pdata[i])))
			e->card = card;
	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];

		for (guint k = 0; k < f->says->len; k++)
			if (!asks(f->says->pdata[k]) && !is_preposition(f->says->pdata[k]) && (e = add(lex, CAT_CARD_FIELD, f->says->pdata[k]))) {
				e->card = card;
				e->value = g_strdup(f->name);
			}
		if ((e = add(lex, CAT_CARD_FIELD, f->name))) {
			e->card = card;
			e->value = g_strdup(f->name);
		}
		for (guint k = 0; k < f->values->len; k++) {
			const struct kg_value_name *v = f->values->pdata[k];

			for (guint m = 0; m <= v->says->len; m++) {
				g_autofree char *exact = g_strconcat("=", m ? v->says->pdata[m - 1] : v->name, NULL);
				if ((e = add(lex, CAT_VALUE, exact))) {
					e->card = card;
					e->value = g_strdup(f->name);
					e->number = v->value;
				}
			}
		}
	}
}

int kg_lexicon_open(const char *const *dirs, const struct kg_cards *cards, struct kg_lexicon **ret, struct kg_error *err)
{
	static const char *const files[] = {"irregular.words", "programs.words", "not-typos.words", "english.words"};
	struct kg_lexicon *lex = g_new0(struct kg_lexicon, 1);
	int r = 0;

	lex->cards = cards;
	lex->entries = g_ptr_array_new_with_free_func(entry_free);
	lex->texts = g_string_chunk_new(1 << 16);
	lex->by_first = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
	lex->surface = g_hash_table_new(g_str_hash, g_str_equal);
	lex->stems = g_hash_table_new(g_str_hash, g_str_equal);
	lex->units = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lex->irregular = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	lex->not_typos = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lex->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lex->stemmed = g_hash_table_new(g_str_hash, g_str_equal);
	lex->phrases = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
	lex->stemmer = sb_stemmer_new("english", "UTF_8");
	for (guint f = 0; f < G_N_ELEMENTS(files) && r == 0; f++)
		for (guint d = 0; dirs[d] && r == 0; d++)
			r = read_file(lex, dirs[d], files[f], err);
	if (r == 0 && !lex->entries->len)
		r = kg_error_set(err, KG_E_NOTFOUND, "words", "no words found: english.words is in none of the data directories");
	if (r < 0) {
		kg_lexicon_free(lex);
		return r;
	}
	for (guint i = 0; i < kg_cards_n(cards); i++)
		add_card(lex, kg_cards_at(cards, i));
	*ret = lex;
	return 0;
}

struct kg_lexicon *kg_lexicon_free(struct kg_lexicon *lex)
{
	if (!lex)
		return NULL;
	g_ptr_array_unref(lex->entries);
	g_hash_table_unref(lex->by_first);
	g_hash_table_unref(lex->surface);
	g_hash_table_unref(lex->stems);
	g_hash_table_unref(lex->units);
	g_hash_table_unref(lex->irregular);
	g_hash_table_unref(lex->not_typos);
	g_hash_table_unref(lex->programs);
	g_hash_table_unref(lex->stemmed);
	g_hash_table_unref(lex->phrases);
	g_string_chunk_free(lex->texts);
	if (lex->stemmer)
		sb_stemmer_delete(lex->stemmer);
	g_free(lex);
	return NULL;
}

const GPtrArray *kg_lexicon_phrase(struct kg_lexicon *lex, const char *phrase)
{
	GPtrArray *tokens = g_hash_table_lookup(lex->phrases, phrase);

	if (!tokens) {
		tokens = kg_tokens(phrase);
		kg_tokens_stem(lex, tokens);
		g_hash_table_insert(lex->phrases, (gpointer)phrase, tokens);
	}
	return tokens;
}

static gboolean word_matches(const char *word, const struct token *t)
{
	gsize n = strlen(word);

	if (t->is_quoted)
		return FALSE;
	/* "SIG*" of a card stands for any signal's name: "send SIG*" */
	if (n == 4 && !strcmp(word, "sig*"))
		return kg_signal_of(t->text) > 0;
	return *word == '=' && word[1] ? !strcmp(word + 1, t->text) : !strcmp(word, t->stem);
}

/* Words that can stand inside of an event's name without being part of it: "outgoing IPv6 TCP connections". */
static gboolean is_determiner(const struct token *t)
{
	static const char *const words[] = {"the",  "a",   "an",   "of",  "my",    "its",  "their", "ipv4", "ipv6", "is",   "are",
					    "was",  "were", "get", "gets", "got", "being", "been", "be",    "that", "our",  "new"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (!strcmp(t->text, words[i]))
			return TRUE;
	return FALSE;
}

guint kg_entry_match(const struct entry *e, const GPtrArray *tokens, guint i)
{
	gboolean names_thing = e->cat >= CAT_EVENT || e->cat == CAT_FIELD;
	guint from = i;

	for (guint k = 0; k < e->n; k++, i++) {
		while (k && names_thing && i < tokens->len && is_determiner(tokens->pdata[i]) && !word_matches(e->words[k], tokens->pdata[i]))
			i++;
		if (i >= tokens->len || !word_matches(e->words[k], tokens->pdata[i]))
			return 0;
	}
	return i - from;
}

static gint longer_first(gconstpointer a, gconstpointer b, gpointer data)
{
	const guint *lens = data;
	guint x = lens[GPOINTER_TO_UINT(*(gpointer *)a)], y = lens[GPOINTER_TO_UINT(*(gpointer *)b)];

	return x < y ? 1 : x > y ? -1 : GPOINTER_TO_INT(*(gpointer *)a) - GPOINTER_TO_INT(*(gpointer *)b);
}

static void match_list(const GPtrArray *list, const GPtrArray *tokens, guint i, GPtrArray *found, GArray *lens)
{
	for (guint k = 0; list && k < list->len; k++) {
		guint n = kg_entry_match(list->pdata[k], tokens, i);

		if (n) {
			g_ptr_array_add(found, list->pdata[k]);
			g_array_append_val(lens, n);
		}
	}
}

GPtrArray *kg_lexicon_at(struct kg_lexicon *lex, const GPtrArray *tokens, guint i, GArray *ret_len)
{
	const struct token *t = tokens->pdata[i];
	g_autoptr(GPtrArray) found = g_ptr_array_new();
	g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autofree char *exact = g_strconcat("=", t->text, NULL);

	if (!t->is_quoted) {
		match_list(g_hash_table_lookup(lex->by_first, t->stem), tokens, i, found, lens);
		match_list(g_hash_table_lookup(lex->by_first, exact), tokens, i, found, lens);
		if (g_str_has_prefix(t->text, "sig"))
			match_list(g_hash_table_lookup(lex->by_first, "sig*"), tokens, i, found, lens);
	}
	g_autoptr(GPtrArray) order = g_ptr_array_new();
	for (guint k = 0; k < found->len; k++)
		g_ptr_array_add(order, GUINT_TO_POINTER(k));
	g_ptr_array_sort_with_data(order, longer_first, lens->data);
	GPtrArray *sorted = g_ptr_array_new();
	for (guint k = 0; k < order->len; k++) {
		guint at = GPOINTER_TO_UINT(order->pdata[k]);
		g_ptr_array_add(sorted, found->pdata[at]);
		g_array_append_val(ret_len, g_array_index(lens, guint, at));
	}
	return sorted;
}

gboolean kg_lexicon_knows(struct kg_lexicon *lex, const struct token *t)
{
	return g_hash_table_contains(lex->stems, t->stem) || g_hash_table_contains(lex->surface, t->text);
}

const char *kg_lexicon_typo(struct kg_lexicon *lex, const char *word)
{
	GHashTableIter iter;
	void *known, *is_grammar;
	const char *best = NULL;
	gboolean best_is_grammar = FALSE, is_tie = FALSE;
	g_autofree char *best_stem = NULL;

	if (strlen(word) < 4 || g_hash_table_contains(lex->not_typos, word))
		return NULL;
	g_hash_table_iter_init(&iter, lex->surface);
	while (g_hash_table_iter_next(&iter, &known, &is_grammar)) {
		if (strlen(known) < 4 || strchr(known, '_') || kg_text_distance(word, known, 1) != 1)
			continue;
		g_autofree char *stem = kg_stem(lex, known);
		gboolean grammar = is_grammar != known;
		if (best && !strcmp(stem, best_stem))
			continue;
		/* the words that every request is made of come before those of a single event; else it could be either */
		if (best && best_is_grammar && !grammar)
			continue;
		is_tie = best && best_is_grammar == grammar;
		if (is_tie)
			return NULL;
		best = known;
		best_is_grammar = grammar;
		g_free(best_stem);
		best_stem = g_steal_pointer(&stem);
	}
	return best;
}

gboolean kg_is_program(struct kg_lexicon *lex, const char *name)
{
	gboolean found = FALSE;

	if (g_hash_table_contains(lex->programs, name))
		return TRUE;
	/* a process that happens to be called "time" or "make" must not turn a word of the request into a name */
	g_autofree char *stem = kg_stem(lex, name);
	if (strlen(name) < 3 || strlen(name) > 15 || g_hash_table_contains(lex->surface, name) || g_hash_table_contains(lex->stems, stem))
		return FALSE;
	GDir *proc = g_dir_open("/proc", 0, NULL);
	for (const char *pid; proc && !found && (pid = g_dir_read_name(proc));) {
		if (!g_ascii_isdigit(*pid))
			continue;
		g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
		g_autofree char *comm = NULL;
		if (g_file_get_contents(path, &comm, NULL, NULL))
			found = !strcmp(g_strchomp(comm), name);
	}
	if (proc)
		g_dir_close(proc);
	return found;
}
