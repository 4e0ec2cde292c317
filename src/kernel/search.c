/*
 * Attach points that speak of some words: "tcp retransmit" finds tracepoint:tcp:tcp_retransmit_skb and kprobe:tcp_retransmit_timer.
 *
 * Names are documents, their parts between _ and : are terms, and the rank is BM25's: rare words count more, long names less. No index
 * is kept: a question has few words, and looking for each (and for what the kernel calls it, "retrans") through a megabyte of
 * names takes less time than reading an index would. Words match a term whole, its beginning, or, for little, its inside; what
 * a tracepoint's fields are called counts less than its name.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

#define WORDS_MAX 12
#define TERMS_MAX 8
#define WORD_BYTES 40

/* What the kernel's names say for a word of people. Left: the beginning of the word. Only what can hardly mislead. */
static const struct {
	const char *word, *terms[6];
} synonyms[] = {
	{"retransm", {"retrans"}}, {"alloc", {"alloc", "kmalloc"}}, {"memory", {"mem", "mm"}}, {"message", {"msg"}}, {"buffer", {"buf"}},
	{"packet", {"skb", "pkt"}}, {"process", {"task", "proc"}}, {"schedul", {"sched"}}, {"director", {"dir"}},
	{"interrupt", {"irq"}}, {"receiv", {"recv", "rcv", "rx"}}, {"transmi", {"xmit", "tx"}}, {"send", {"xmit", "tx"}},
	{"sent", {"send", "xmit", "tx"}}, {"request", {"req", "rq"}}, {"socket", {"sock", "sk"}}, {"address", {"addr"}},
	{"initiali", {"init"}}, {"disk", {"block", "bio", "blk"}}, {"block", {"blk", "bio"}}, {"network", {"net"}}, {"device", {"dev"}},
	{"command", {"cmd"}}, {"delet", {"unlink", "del", "rm"}}, {"remov", {"unlink", "del", "rm"}}, {"connect", {"conn"}},
	{"clon", {"clone", "fork"}}, {"creat", {"create", "new"}}, {"freed", {"free"}}, {"thread", {"task"}}, {"signal", {"sig"}},
	{"mutex", {"mutex", "lock"}}, {"drop", {"drop", "kfree"}}, {"journal", {"jbd2"}}, {"namespace", {"ns"}}, {"reclaim", {"shrink", "vmscan"}},
	{"context", {"switch"}}, {"execut", {"exec", "execve"}}, {"program", {"exec"}}, {"capabilit", {"capable", "cap"}},
	{"syscall", {"sys"}}, {"swap", {"swp"}}, {"count", {"cnt"}}, {"virtual", {"virt", "vm"}}, {"wak", {"wake", "wakeup"}},
	{"io", {"io", "bio", "rq"}}, {"filesystem", {"fs", "vfs"}}, {"rename", {"rename"}}, {"statist", {"stat"}}, {"control", {"ctl"}},
};

/* Words that say nothing about which event is meant. */
static const char *const empty_words[] = {"a", "an", "the", "of", "in", "on", "at", "to", "by", "for", "from", "with", "and", "or", "is",
	"are", "be", "when", "which", "what", "that", "who", "how", "all", "any", "each", "every", "event", "events", "trace", "tracing",
	"kernel", "function", "functions", "probe", "probes", "show", "find", "my", "does", "do", "get", "gets", NULL};

/* A word of the question, as it is looked for. */
struct word {
	char stem[WORD_BYTES];
	const char *terms[TERMS_MAX]; /* the kernel's names for it */
	guint n_terms;
};

/* One kind of documents: a text with a line each, and scores. */
struct corpus {
	const char *text;
	gsize len;
	guint n;
	guint32 *starts; /* n + 1 offsets; a line ends before the next starts */
	float *total, *best;
	guint8 *matched;
	guint *touched, n_touched; /* documents that have best > 0 for the word at hand */
};

static void stem(char *w)
{
	static const char *const ends[] = {"ations", "ation", "ings", "ing", "ions", "ion", "ies", "ers", "ed", "es", "er", "s", NULL};
	gsize n = strlen(w);

	for (int i = 0; ends[i]; i++) {
		gsize e = strlen(ends[i]);

		if (n >= e + 4 && !strcmp(w + n - e, ends[i]) && !(e == 1 && w[n - 2] == 's')) {
			w[n - e] = '\0';
			break;
		}
	}
	n = strlen(w);
	if (n > 4 && w[n - 1] == w[n - 2] && !strchr("sl", w[n - 1])) /* "dropping" */
		w[n - 1] = '\0';
}

static gboolean is_empty_word(const char *w)
{
	for (int i = 0; empty_words[i]; i++)
		if (!strcmp(w, empty_words[i]))
			return TRUE;
	return FALSE;
}

static void add_terms(struct word *w, const char *full)
{
	for (gsize i = 0; i < G_N_ELEMENTS(synonyms); i++) {
		if (!g_str_has_prefix(full, synonyms[i].word))
			continue;
		for (int t = 0; t < 6 && synonyms[i].terms[t] && w->n_terms < TERMS_MAX; t++)
			w->terms[w->n_terms++] = synonyms[i].terms[t];
	}
}

/* Words of the question, each once. */
static guint split(const char *question, struct word *words)
{
	guint n = 0;

	for (const char *s = question; *s && n < WORDS_MAX;) {
		gsize len = 0;
		char full[WORD_BYTES];

		while (g_ascii_isalnum(s[len]))
			len++;
		if (len >= 2 && len < WORD_BYTES) {
			for (gsize i = 0; i < len; i++)
				full[i] = g_ascii_tolower(s[i]);
			full[len] = '\0';
			struct word *w = &words[n];

			memset(w, 0, sizeof(*w));
			strcpy(w->stem, full);
			stem(w->stem);
			gboolean is_new = !is_empty_word(full);

			for (guint i = 0; i < n; i++)
				is_new = is_new && strcmp(words[i].stem, w->stem);
			if (is_new) {
				add_terms(w, full);
				n++;
			}
		}
		s += len ? len : 1;
	}
	return n;
}

static gboolean is_letter(char c)
{
	return g_ascii_isalpha(c);
}

/* How well a find at [s, s + n) is a term: whole, its beginning, its inside. Kernel names run words together ("inet6_csk_xmit"). */
static float fit(const char *text, const char *s, gsize n, gboolean is_stem)
{
	gboolean begins = s == text || !is_letter(s[-1]);
	const char *end = s + n;
	gsize more = 0;

	while (is_letter(end[more]))
		more++;
	if (begins && !more)
		return 1.0f;
	if (begins)
		return is_stem ? more <= 3 ? 0.9f : 0.6f : n >= 4 ? 0.5f : 0;
	return n >= 4 ? is_stem && !more ? 0.45f : 0.25f : 0;
}

/* The document that has offset [off], at or behind [hint]. */
static guint document(const struct corpus *c, guint32 off, guint hint)
{
	guint low = hint, high = c->n;

	while (low + 1 < high) {
		guint mid = low + (high - low) / 2;

		if (c->starts[mid] <= off)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static void look(struct corpus *c, const char *term, float weight, gboolean is_stem)
{
	gsize n = strlen(term);
	const char *end = c->text + c->len;
	guint doc = 0;

	for (const char *s = c->text; (s = memmem(s, (gsize)(end - s), term, n)); s += n) {
		float w = weight * fit(c->text, s, n, is_stem);

		if (w <= 0)
			continue;
		doc = document(c, (guint32)(s - c->text), doc);
		const char *line = c->text + c->starts[doc], *tab = memchr(line, '\t', (gsize)(s - line));

		if (tab)
			w *= 0.35f; /* a field's name */
		if (c->best[doc] == 0)
			c->touched[c->n_touched++] = doc;
		c->best[doc] = MAX(c->best[doc], w);
	}
}

static void look_word(struct corpus *c, const struct word *w)
{
	look(c, w->stem, 1.0f, TRUE);
	for (guint i = 0; i < w->n_terms; i++)
		if (strcmp(w->terms[i], w->stem))
			look(c, w->terms[i], 0.8f, FALSE);
}

/* Where a name's own words begin: behind a tracepoint's system, and the sys_enter_ of system calls. */
static const char *own_words(const char *s, const char *end)
{
	const char *colon = memchr(s, ':', (gsize)(end - s));

	s = colon ? colon + 1 : s;
	return g_str_has_prefix(s, "sys_enter_") || g_str_has_prefix(s, "sys_exit_") ? strchr(s + 4, '_') + 1 : s;
}

/* How long a name is, in terms. */
static guint terms_of(const struct corpus *c, guint doc)
{
	const char *s = c->text + c->starts[doc], *end = s + strcspn(s, "\t\n ");
	guint n = 1;

	for (s = own_words(s, end); s < end; s++)
		n += *s == '_';
	return n;
}

/* Add the word's share to each document it was found in: BM25 with one occurrence a name, k1 = 1.2, b = 0.5, mean length 4. */
static void settle(struct corpus *c, double idf)
{
	for (guint i = 0; i < c->n_touched; i++) {
		guint doc = c->touched[i];
		double length = 0.5 + 0.5 * terms_of(c, doc) / 4.0, tf = c->best[doc];

		c->total[doc] += (float)(idf * tf * 2.2 / (tf + 1.2 * length));
		c->matched[doc]++;
		c->best[doc] = 0;
	}
	c->n_touched = 0;
}

static void corpus_init(struct corpus *c, const char *text, gsize len)
{
	c->text = text;
	c->len = len;
	c->n = 0;
	for (const char *s = text, *end = text + len; s < end && (s = memchr(s, '\n', (gsize)(end - s))); s++)
		c->n++;
	c->starts = g_new(guint32, c->n + 1);
	guint i = 0;

	c->starts[0] = 0;
	for (const char *s = text, *end = text + len; s < end && (s = memchr(s, '\n', (gsize)(end - s))); s++)
		c->starts[++i] = (guint32)(s + 1 - text);
	c->total = g_new0(float, c->n + 1);
	c->best = g_new0(float, c->n + 1);
	c->matched = g_new0(guint8, c->n + 1);
	c->touched = g_new(guint, c->n + 1);
	c->n_touched = 0;
}

static void corpus_done(struct corpus *c)
{
	g_free(c->starts);
	g_free(c->total);
	g_free(c->best);
	g_free(c->matched);
	g_free(c->touched);
}

/* "system:name\tfield field ...\n" for each tracepoint; made once. */
static const char *points_text(struct kg_profile *p)
{
	if (p->points)
		return p->points;
	struct kg_index *ix = kg_profile_formats(p);
	GString *out = g_string_sized_new(ix->n * 100u + 16);

	for (guint i = 0; i < ix->n; i++) {
		const struct kg_line *l = &ix->lines[i];
		const char *s = ix->text + l->body, *end = s + l->body_len, *print = memmem(s, l->body_len, "\nprint fmt", 10);

		g_string_append_len(out, kg_index_name(ix, l), l->len);
		end = print ? print : end;
		g_string_append_c(out, '\t');
		while ((s = memmem(s, (gsize)(end - s), "\tfield:", 7))) {
			const char *semi = memchr(s, ';', (gsize)(end - s)), *name;

			if (!semi)
				break;
			for (name = semi; name > s + 7 && (g_ascii_isalnum(name[-1]) || strchr("_[]", name[-1]));)
				name--;
			if ((gsize)(semi - name) < 7 || memcmp(name, "common_", 7)) {
				g_string_append_len(out, name, semi - name);
				g_string_append_c(out, ' ');
			}
			s = semi;
		}
		g_string_append_c(out, '\n');
	}
	p->points = g_string_free(out, FALSE);
	return p->points;
}

/* A candidate for the answer. */
struct candidate {
	const struct corpus *c;
	guint doc;
	double score;
};

static gsize length_of(const struct candidate *k)
{
	const char *s = k->c->text + k->c->starts[k->doc], *end = s + strcspn(s, "\t\n ");

	return (gsize)(end - own_words(s, end));
}

static gint better(gconstpointer a, gconstpointer b)
{
	const struct candidate *x = a, *y = b;
	gsize nx = length_of(x), ny = length_of(y);

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	if (x->c != y->c)
		return x->c < y->c ? -1 : 1;
	return nx != ny ? (nx > ny ? 1 : -1) : (x->doc > y->doc) - (x->doc < y->doc);
}

/* Do the words stand here in this order, side by side ("tcp_retransmit" for "tcp retransmit")? */
static gboolean phrase_at(const char *s, const char *end, const struct word *words, guint n)
{
	for (guint i = 0; i < n; i++) {
		gsize w = strlen(words[i].stem);

		if ((gsize)(end - s) < w || memcmp(s, words[i].stem, w))
			return FALSE;
		s += w;
		while (s < end && is_letter(*s))
			s++;
		while (s < end && !g_ascii_isalnum(*s))
			s++;
	}
	return TRUE;
}

static gboolean has_phrase(const char *name, gsize len, const struct word *words, guint n)
{
	const char *end = name + len;
	gsize w = strlen(words[0].stem);

	for (const char *s = name; (s = memmem(s, (gsize)(end - s), words[0].stem, w)); s += w)
		if (phrase_at(s, end, words, n))
			return TRUE;
	return FALSE;
}

static void candidates(const struct corpus *c, const struct word *words, guint n, double factor, GArray *out)
{
	for (guint doc = 0; doc < c->n; doc++) {
		const char *name = c->text + c->starts[doc];

		/* What the macros of a tracepoint make is the tracepoint once more. */
		if (c->total[doc] <= 0 || g_str_has_prefix(name, "__probestub_") || g_str_has_prefix(name, "__traceiter_"))
			continue;
		gsize len = strcspn(name, "\t\n ");
		double covered = (double)c->matched[doc] / n;
		struct candidate k = {c, doc, c->total[doc] * covered * covered * factor};

		if (n > 1 && c->matched[doc] == n && has_phrase(name, len, words, n))
			k.score *= 1.25;
		g_array_append_val(out, k);
	}
}

static struct kg_hit *hit_new(const struct candidate *k, enum kg_probe_kind kind)
{
	const char *line = k->c->text + k->c->starts[k->doc];
	gsize len = strcspn(line, "\t\n "), rest = strcspn(line + len, "\n");
	struct kg_hit *h = g_new0(struct kg_hit, 1);

	h->kind = kind;
	h->target = g_strndup(line, len);
	h->module = rest > 3 && line[len] == ' ' ? g_strndup(line + len + 2, rest - 3) : NULL;
	h->score = k->score;
	return h;
}

static void hit_free(gpointer data)
{
	struct kg_hit *h = data;

	g_free(h->target);
	g_free(h->module);
	g_free(h);
}

static char *events_text(void)
{
	GString *out = g_string_new(NULL);

	for (int i = 0; kg_software_events[i]; i++)
		g_string_append_printf(out, "%s\n", kg_software_events[i]);
	return g_string_free(out, FALSE);
}

/* Functions as kprobes where these work, else as fentry where that may work. */
static enum kg_probe_kind function_kind(struct kg_profile *p)
{
	if (kg_profile_kind_usable(p, KG_PROBE_KPROBE, NULL) == KG_NO && kg_profile_kind_usable(p, KG_PROBE_FENTRY, NULL) != KG_NO)
		return KG_PROBE_FENTRY;
	return KG_PROBE_KPROBE;
}

enum { POINTS, EVENTS, FUNCTIONS, CORPORA };

/* What can't be used on this kernel comes behind what can. */
static double factor_of(struct kg_profile *p, enum kg_probe_kind kind)
{
	double preferred = kind == KG_PROBE_TRACEPOINT ? 1.15 : 1.0;

	return kg_profile_kind_usable(p, kind, NULL) == KG_NO ? preferred * 0.8 : preferred;
}

static void rank(struct corpus *corpora, const double *factors, const struct word *words, guint n, GArray *found)
{
	guint all = corpora[POINTS].n + corpora[EVENTS].n + corpora[FUNCTIONS].n;

	for (guint i = 0; i < n; i++) {
		guint df = 0;

		for (int c = 0; c < CORPORA; c++) {
			look_word(&corpora[c], &words[i]);
			df += corpora[c].n_touched;
		}
		for (int c = 0; c < CORPORA; c++)
			settle(&corpora[c], log(1 + (all - df + 0.5) / (df + 0.5)));
	}
	for (int c = 0; c < CORPORA; c++)
		candidates(&corpora[c], words, n, factors[c], found);
	g_array_sort(found, better);
}

GPtrArray *kg_profile_search(struct kg_profile *p, const char *question, guint max)
{
	GPtrArray *hits = g_ptr_array_new_with_free_func(hit_free);
	g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct candidate));
	g_autofree char *events = events_text();
	struct word words[WORDS_MAX];
	struct corpus corpora[CORPORA];
	double factors[CORPORA];
	guint n = split(question, words);
	enum kg_probe_kind kinds[CORPORA] = {KG_PROBE_TRACEPOINT, KG_PROBE_SOFTWARE, function_kind(p)};

	if (!n)
		return hits;
	const char *points = points_text(p);
	struct kg_index *ix = kg_profile_functions(p);

	corpus_init(&corpora[POINTS], points, strlen(points));
	corpus_init(&corpora[EVENTS], events, strlen(events));
	corpus_init(&corpora[FUNCTIONS], ix->text, ix->text_len);
	for (int c = 0; c < CORPORA; c++)
		factors[c] = factor_of(p, kinds[c]);
	rank(corpora, factors, words, n, found);
	for (guint i = 0; i < found->len && (!max || i < max); i++) {
		const struct candidate *k = &g_array_index(found, struct candidate, i);

		g_ptr_array_add(hits, hit_new(k, kinds[k->c - corpora]));
	}
	for (int c = 0; c < CORPORA; c++)
		corpus_done(&corpora[c]);
	return hits;
}
