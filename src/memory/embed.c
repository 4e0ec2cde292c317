/*
 * An embedding that needs no model: what two sentences share becomes the angle between two vectors.
 *
 * Features of a text: the English stem of each word; each pair of neighbouring words; the runs of 3 to 5 letters of each word
 * with its borders marked ("^op", "ope", "pen$" ...), so that "opens", "reopened" and a misspelt "opne" still have something in common; and
 * the events that its words are names of: the event cards (data/events/) know that "which files does it touch" and "file opens" speak of
 * the same. Words that every sentence has ("show", "the") weigh little. Each feature adds its weight to
 * a few of KG_EMBED_DIMS numbers, which and with which sign its hash says (feature hashing: Weinberger et al. 2009,
 * "Feature Hashing for Large Scale Multitask Learning").
 *
 * How good it is, beside BM25 alone and both together, and what the cards add: docs/memory.md, with the command.
 */
#include "internal.h"

#include <kgent/card.h>
#include <kgent/paths.h>

#include <libstemmer.h>
#include <math.h>
#include <string.h>

#define MAX_WORD 64
#define MAX_WORDS 2000
#define MAX_PHRASE 4 /* words of a name of an event */
#define SPREAD 4     /* numbers that a feature goes to */

/* Chosen on the development set: see docs/memory.md. */
#define WEIGHT_WORD 1.0f
#define WEIGHT_STOP 0.03f
#define WEIGHT_PAIR 0.2f
#define WEIGHT_GRAMS 0.4f /* of all of a word's together */
#define WEIGHT_EVENT 2.0f

/* What says nothing of what is asked for; sorted. */
static const char *const stop_words[] = {
	"a", "all", "an", "and", "any", "are", "as", "at", "be", "by", "can", "do", "does", "each", "every", "for", "from", "get", "give",
	"have", "how", "i", "in", "is", "it", "its", "me", "my", "of", "on", "or", "please", "see", "show", "tell", "that", "the", "their",
	"them", "there", "they", "this", "to", "want", "was", "we", "what", "when", "which", "who", "with", "you"};

static int compare_words(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

gboolean embed_is_stop_word(const char *word, gsize len)
{
	char copy[MAX_WORD + 1];

	if (len > MAX_WORD)
		return FALSE;
	memcpy(copy, word, len);
	copy[len] = '\0';
	return bsearch(copy, stop_words, G_N_ELEMENTS(stop_words), sizeof(*stop_words), compare_words) != NULL;
}

/* FNV-1a, then mixed so that all bits are good. */
static guint64 hash(guint64 seed, const char *s, gsize len)
{
	guint64 h = 0xcbf29ce484222325ULL ^ seed;

	for (gsize i = 0; i < len; i++)
		h = (h ^ (guint8)s[i]) * 0x100000001b3ULL;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return h ^ h >> 33;
}

static void add_feature(float v[KG_EMBED_DIMS], guint64 h, float weight)
{
	for (int i = 0; i < SPREAD; i++, h >>= 9)
		v[h & (KG_EMBED_DIMS - 1)] += h & 0x100 ? weight : -weight;
}

static void add_grams(float v[KG_EMBED_DIMS], const char *word, gsize len, float weight)
{
	char marked[MAX_WORD + 3];
	gsize n = len + 2, count = 0;

	marked[0] = '^';
	memcpy(marked + 1, word, len);
	marked[len + 1] = '$';
	for (gsize size = 3; size <= 5; size++)
		count += n >= size ? n - size + 1 : 0;
	for (gsize size = 3; size <= 5; size++)
		for (gsize at = 0; at + size <= n; at++)
			add_feature(v, hash(size, marked + at, size), weight / sqrtf((float)count));
}

/* ---------------------------------------------------------------- words and stems */

struct word {
	char *text;
	char *stem;
	gboolean is_stop;
};

static void word_clear(gpointer data)
{
	struct word *w = data;

	g_free(w->text);
	g_free(w->stem);
}

static void add_word(struct sb_stemmer *stemmer, const char *s, gsize len, GArray *words)
{
	const char *stem = (const char *)sb_stemmer_stem(stemmer, (const sb_symbol *)s, (int)len);
	struct word w = {g_strndup(s, len), stem ? g_strndup(stem, (gsize)sb_stemmer_length(stemmer)) : g_strndup(s, len),
			 embed_is_stop_word(s, len)};

	g_array_append_val(words, w);
}

static gboolean is_part(const char *s)
{
	return g_unichar_isalnum(g_utf8_get_char(s));
}

/* Lower-case words of letters and digits. */
static GArray *split(struct sb_stemmer *stemmer, const char *text)
{
	GArray *words = g_array_new(FALSE, FALSE, sizeof(struct word));
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *lower = g_utf8_strdown(valid, -1);
	const char *s = lower;

	g_array_set_clear_func(words, word_clear);
	while (*s && words->len < MAX_WORDS) {
		while (*s && !is_part(s))
			s = g_utf8_next_char(s);
		const char *begin = s;
		while (*s && is_part(s))
			s = g_utf8_next_char(s);
		if (s > begin)
			add_word(stemmer, begin, MIN((gsize)(s - begin), MAX_WORD), words);
	}
	return words;
}

static guint64 hash_phrase(const struct word *words, guint n)
{
	guint64 h = 2;

	for (guint i = 0; i < n; i++)
		h = hash(h, words[i].stem, strlen(words[i].stem));
	return h;
}

/* ---------------------------------------------------------------- names of events */

/* Which events a phrase names. */
struct embed_names {
	GHashTable *events; /* hash of the phrase -> GArray of the events' hashes (guint64) */
	char *version;      /* changes with the cards */
};

struct embed_names *embed_names_free(struct embed_names *names)
{
	if (!names)
		return NULL;
	g_hash_table_unref(names->events);
	g_free(names->version);
	g_free(names);
	return NULL;
}

static void array_destroy(gpointer array)
{
	g_array_unref(array);
}

static void add_phrase(struct embed_names *names, struct sb_stemmer *stemmer, const char *phrase, guint64 event)
{
	g_autoptr(GArray) words = split(stemmer, phrase);
	guint64 h = hash_phrase((const struct word *)words->data, words->len);
	GArray *events = g_hash_table_lookup(names->events, &h);

	if (!words->len || words->len > MAX_PHRASE)
		return;
	if (!events) {
		events = g_array_new(FALSE, FALSE, sizeof(guint64));
		g_hash_table_insert(names->events, g_memdup2(&h, sizeof(h)), events);
	}
	for (guint i = 0; i < events->len; i++)
		if (g_array_index(events, guint64, i) == event)
			return;
	g_array_append_val(events, event);
}

static void add_phrases(struct embed_names *names, struct sb_stemmer *stemmer, const GPtrArray *phrases, guint64 event, GChecksum *sum)
{
	for (guint i = 0; phrases && i < phrases->len; i++) {
		add_phrase(names, stemmer, phrases->pdata[i], event);
		g_checksum_update(sum, phrases->pdata[i], (gssize)strlen(phrases->pdata[i]) + 1);
	}
}

static void add_cards(struct embed_names *names, struct sb_stemmer *stemmer, const struct kg_cards *cards)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	for (guint i = 0; i < kg_cards_n(cards); i++) {
		const struct kg_card *card = kg_cards_at(cards, i);
		guint64 event = hash(3, card->name, strlen(card->name));
		g_checksum_update(sum, (const guchar *)card->name, (gssize)strlen(card->name) + 1);
		add_phrases(names, stemmer, card->says, event, sum);
		add_phrases(names, stemmer, card->says_done, event, sum);
	}
	names->version = g_strndup(g_checksum_get_string(sum), 12);
}

struct embed_names *embed_names_new(void)
{
	g_auto(GStrv) dirs = kg_paths_data("events");
	_cleanup_error_ struct kg_error err = {0};
	struct sb_stemmer *stemmer = sb_stemmer_new("english", "UTF_8");
	struct kg_cards *cards = NULL;
	struct embed_names *names = NULL;

	if (stemmer && !kg_cards_open((const char *const *)dirs, &cards, &err)) {
		names = g_new0(struct embed_names, 1);
		names->events = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, array_destroy);
		add_cards(names, stemmer, cards);
	}
	kg_cards_free(cards);
	if (stemmer)
		sb_stemmer_delete(stemmer);
	return names;
}

const char *embed_names_version(const struct embed_names *names)
{
	return names->version;
}

/* Each event that is named counts once, however often. */
static void add_events(float v[KG_EMBED_DIMS], const struct embed_names *names, const struct word *words, guint n)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_int64_hash, g_int64_equal);

	for (guint at = 0; at < n; at++)
		for (guint len = 1; len <= MAX_PHRASE && at + len <= n; len++) {
			guint64 h = hash_phrase(words + at, len);
			const GArray *events = g_hash_table_lookup(names->events, &h);
			for (guint i = 0; events && i < events->len; i++)
				if (g_hash_table_add(seen, &g_array_index(events, guint64, i)))
					add_feature(v, g_array_index(events, guint64, i), WEIGHT_EVENT);
		}
}

/* ---------------------------------------------------------------- a text */

static void add_words(float v[KG_EMBED_DIMS], const struct word *words, guint n)
{
	guint64 last = 0;

	for (guint i = 0; i < n; i++) {
		guint64 h = hash(1, words[i].stem, strlen(words[i].stem));
		add_feature(v, h, words[i].is_stop ? WEIGHT_STOP : WEIGHT_WORD);
		if (words[i].is_stop)
			continue;
		add_grams(v, words[i].text, strlen(words[i].text), WEIGHT_GRAMS);
		if (last)
			add_feature(v, hash(last, (const char *)&h, sizeof(h)), WEIGHT_PAIR);
		last = h;
	}
}

int kg_embed_builtin(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err)
{
	struct sb_stemmer *stemmer = sb_stemmer_new("english", "UTF_8");
	const struct embed_names *names = user;

	if (!stemmer)
		return kg_error_set(err, KG_E_NOMEM, "memory", "out of memory");
	float *v = g_new0(float, n * KG_EMBED_DIMS);
	for (gsize i = 0; i < n; i++) {
		g_autoptr(GArray) words = split(stemmer, texts[i]);
		add_words(v + i * KG_EMBED_DIMS, (const struct word *)words->data, words->len);
		if (names)
			add_events(v + i * KG_EMBED_DIMS, names, (const struct word *)words->data, words->len);
	}
	sb_stemmer_delete(stemmer);
	*ret_dims = KG_EMBED_DIMS;
	*ret = v;
	return 0;
}
