/*
 * An embedding that needs no model: what two sentences share of words, of stems and of parts of words becomes the angle between two
 * vectors.
 *
 * Features of a text: the English stem of each word; each pair of neighbouring words; the runs of 3 to 5 letters of each word
 * with its borders marked ("^op", "ope", "pen$" ...), so that "opens", "reopened" and a misspelt "opne" still have something in common, and
 * "tcp_connect" meets "connection". Words that every sentence has ("show", "the") weigh little. Each feature adds its weight to
 * a few of KG_EMBED_DIMS numbers, which and with which sign its hash says (feature hashing: Weinberger et al. 2009,
 * "Feature Hashing for Large Scale Multitask Learning").
 *
 * How good it is, beside BM25 alone and both together: docs/memory.md, with the command.
 */
#include "internal.h"

#include <libstemmer.h>
#include <math.h>
#include <string.h>

#define MAX_WORD 64
#define MAX_WORDS 2000
#define SPREAD 4 /* numbers that a feature goes to */

#define WEIGHT_WORD 1.0f
#define WEIGHT_STOP 0.1f
#define WEIGHT_PAIR 0.4f
#define WEIGHT_GRAMS 1.0f /* of all of a word's together */

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

struct embedder {
	struct sb_stemmer *stemmer;
	guint64 last; /* the word before; 0: none */
	float *v;
};

static void add_word(struct embedder *e, const char *word, gsize len)
{
	gboolean is_stop = embed_is_stop_word(word, len);
	const char *stem = (const char *)sb_stemmer_stem(e->stemmer, (const sb_symbol *)word, (int)len);
	guint64 h = stem ? hash(1, stem, (gsize)sb_stemmer_length(e->stemmer)) : hash(1, word, len);

	add_feature(e->v, h, is_stop ? WEIGHT_STOP : WEIGHT_WORD);
	if (is_stop)
		return;
	add_grams(e->v, word, len, WEIGHT_GRAMS);
	if (e->last)
		add_feature(e->v, hash(e->last, (const char *)&h, sizeof(h)), WEIGHT_PAIR);
	e->last = h;
}

static gboolean is_word_char(gunichar c)
{
	return g_unichar_isalnum(c);
}

/* Lower-case words of letters and digits, one after the other. */
static void add_text(struct embedder *e, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autofree char *lower = g_utf8_strdown(valid, -1);
	const char *s = lower;

	for (guint n = 0; *s && n < MAX_WORDS; n++) {
		while (*s && !is_word_char(g_utf8_get_char(s)))
			s = g_utf8_next_char(s);
		const char *begin = s;
		while (*s && is_word_char(g_utf8_get_char(s)))
			s = g_utf8_next_char(s);
		if (s > begin)
			add_word(e, begin, MIN((gsize)(s - begin), MAX_WORD));
	}
}

int kg_embed_builtin(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err)
{
	struct embedder e = {.stemmer = sb_stemmer_new("english", "UTF_8")};
	float *v;

	(void)user;
	if (!e.stemmer)
		return kg_error_set(err, KG_E_NOMEM, "memory", "out of memory");
	v = g_new0(float, n * KG_EMBED_DIMS);
	for (gsize i = 0; i < n; i++) {
		e.v = v + i * KG_EMBED_DIMS;
		e.last = 0;
		add_text(&e, texts[i]);
	}
	sb_stemmer_delete(e.stemmer);
	*ret_dims = KG_EMBED_DIMS;
	*ret = v;
	return 0;
}
