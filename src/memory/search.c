/*
 * A sentence is looked for. Two rankings of wordings, by words (words.c) and by vector (vectors.c), are merged by rank (reciprocal rank
 * fusion: Cormack, Clarke, Buettcher 2009): a pair's score is the sum of weight / (RRF_K + rank) over the rankings that it is
 * in. A pair with several wordings counts by its best one in each. The vectors' ranking is by far the better one (docs/memory.md), but for
 * names of the kernel (tcp_retransmit_skb), of which it knows nothing: then both count the same.
 *
 * Conditions on pairs (which, kernel, source) are looked at behind the rankings, which are asked for more and more until enough pairs fit;
 * the frequent one, good or failed, is known to the rankings themselves.
 */
#include "internal.h"

#include <string.h>

#define RRF_K 5.0
#define WEIGHT_WORDS 1.0
#define WEIGHT_VECTOR 8.0
#define LIMIT 10
#define LIMIT_MAX 1000
#define MORE 8

/* ---------------------------------------------------------------- the n best of many */

/* Newer ones first where two are alike. */
static gboolean is_worse(const struct ranked *a, const struct ranked *b)
{
	return a->score < b->score || (a->score == b->score && a->wording < b->wording);
}

static void sift_down(struct ranked *heap, guint n, guint at)
{
	for (;;) {
		guint worst = at;
		for (guint child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
			if (is_worse(&heap[child], &heap[worst]))
				worst = child;
		if (worst == at)
			return;
		struct ranked swap = heap[at];
		heap[at] = heap[worst];
		heap[worst] = swap;
		at = worst;
	}
}

static void sift_up(struct ranked *heap, guint at)
{
	while (at && is_worse(&heap[at], &heap[(at - 1) / 2])) {
		struct ranked swap = heap[at];
		heap[at] = heap[(at - 1) / 2];
		heap[(at - 1) / 2] = swap;
		at = (at - 1) / 2;
	}
}

gboolean top_takes(const struct top *top, gint64 wording, double score)
{
	const struct ranked item = {wording, score, 0};

	return top->items->len < top->max || (top->max && is_worse((const struct ranked *)top->items->data, &item));
}

void top_add(struct top *top, gint64 wording, double score, double likeness)
{
	struct ranked *heap = (struct ranked *)top->items->data, item = {wording, score, likeness};

	if (top->items->len < top->max) {
		g_array_append_val(top->items, item);
		sift_up((struct ranked *)top->items->data, top->items->len - 1);
	} else if (top->max && is_worse(&heap[0], &item)) {
		heap[0] = item;
		sift_down(heap, top->items->len, 0);
	}
}

static int compare_ranked(gconstpointer a, gconstpointer b)
{
	return is_worse(a, b) ? 1 : is_worse(b, a) ? -1 : 0;
}

void top_sort(struct top *top)
{
	g_array_sort(top->items, compare_ranked);
}

gboolean is_allowed(const struct allowed *allowed, gint64 wording)
{
	if (!allowed->bits)
		return TRUE;
	return wording >= 0 && wording <= allowed->max && (allowed->bits[wording / 8] >> (wording % 8) & 1);
}

/* ---------------------------------------------------------------- the two rankings */

/* The wordings of good, or of failed pairs. */
static int find_allowed(struct kg_memory *m, const struct kg_memory_query *q, struct allowed *ret, struct kg_error *err)
{
	sqlite3_stmt *st;
	int r;

	/* With a kernel it depends on what the pair came to there. */
	if (q->which == KG_MEMORY_ANY || q->kernel)
		return 0;
	r = db_number(m, db_prepare(m, "SELECT max(id) FROM wording", err), 0, &ret->max, err);
	st = r ? NULL : db_prepare(m, "SELECT id FROM wording WHERE class = ?1", err);
	if (!st)
		return r ? r : -err->code;
	ret->bits = g_malloc0((gsize)(ret->max / 8 + 1));
	sqlite3_bind_int(st, 1, q->which == KG_MEMORY_GOOD ? CLASS_GOOD : CLASS_FAILED);
	while ((r = db_step(m, st, err)) > 0) {
		gint64 id = sqlite3_column_int64(st, 0);
		if (id >= 0 && id <= ret->max)
			ret->bits[id / 8] |= (guint8)(1 << id % 8);
	}
	return r;
}

/* A search on its way. */
struct searching {
	struct kg_memory *m;
	const struct kg_memory_query *q;
	const char *query;
	struct allowed allowed;
	vector vector;
	gboolean has_vector;
	gboolean has_names; /* of the kernel, in the query */
	struct top words, vectors;
	GHashTable *pairs; /* id (in the hit) -> struct kg_memory_hit, owned by [hits] */
	GPtrArray *hits;
};

static int prepare_vector(struct searching *s, struct kg_error *err)
{
	int r = 0;

	if (s->q->legs == KG_MEMORY_WORDS)
		return 0;
	if (!s->m->read_only || s->m->is_temporary)
		r = vectors_complete(s->m, err);
	if (!r) {
		r = vectors_query(s->m, s->query, s->vector, err);
		s->has_vector = !r;
	}
	return r == -KG_E_NOTFOUND ? 0 : r;
}

static int rank_all(struct searching *s, guint n, struct kg_error *err)
{
	int r = 0;

	s->words.max = s->vectors.max = n;
	g_array_set_size(s->words.items, 0);
	g_array_set_size(s->vectors.items, 0);
	if (s->q->legs != KG_MEMORY_VECTOR)
		r = words_rank(s->m, s->query, &s->allowed, &s->words, &s->has_names, err);
	if (!r && s->has_vector)
		r = vectors_rank(s->m, s->vector, &s->allowed, &s->vectors, err);
	top_sort(&s->words);
	top_sort(&s->vectors);
	return r;
}

/* ---------------------------------------------------------------- merging */

/* The hit of the pair that has this wording; NULL: the pair does not fit. */
static int hit_of(struct searching *s, gint64 wording, struct kg_memory_hit **ret, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(s->m, "SELECT " PAIR_COLUMNS " FROM wording JOIN pair ON pair.id = wording.pair WHERE wording.id = ?1", err);
	gboolean fits = FALSE;
	int r;

	*ret = NULL;
	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, wording);
	r = db_step(s->m, st, err);
	if (r <= 0)
		return r;
	gint64 id = sqlite3_column_int64(st, 0);
	if (g_hash_table_lookup_extended(s->pairs, &id, NULL, (gpointer *)ret)) {
		sqlite3_reset(st);
		return 0;
	}
	struct kg_memory_hit *hit = g_new0(struct kg_memory_hit, 1);
	memory_read_pair(st, &hit->pair);
	sqlite3_reset(st);
	g_ptr_array_add(s->hits, hit);
	r = memory_fits(s->m, s->q, &hit->pair, &fits, err);
	*ret = fits ? hit : NULL;
	g_hash_table_insert(s->pairs, &hit->pair.id, *ret);
	return r;
}

static int take_ranking(struct searching *s, const struct top *top, double weight, gboolean is_words, struct kg_error *err)
{
	int rank = 0;

	for (guint i = 0; i < top->items->len; i++) {
		const struct ranked *found = &g_array_index(top->items, struct ranked, i);
		struct kg_memory_hit *hit;
		int r = hit_of(s, found->wording, &hit, err);
		if (r)
			return r;
		int *place = !hit ? NULL : is_words ? &hit->rank_words : &hit->rank_vector;
		if (!place || *place)
			continue;
		*place = ++rank;
		hit->likeness = MAX(hit->likeness, found->likeness);
		hit->score += weight / (RRF_K + rank);
	}
	return 0;
}

static int compare_hits(gconstpointer a, gconstpointer b)
{
	const struct kg_memory_hit *x = *(struct kg_memory_hit *const *)a, *y = *(struct kg_memory_hit *const *)b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->pair.id < y->pair.id ? 1 : x->pair.id > y->pair.id ? -1 : 0;
}

/* Those that fit, best first; the others go. */
static guint settle(struct searching *s, guint limit)
{
	g_hash_table_remove_all(s->pairs);
	for (guint i = s->hits->len; i > 0; i--)
		if (((struct kg_memory_hit *)s->hits->pdata[i - 1])->score <= 0)
			g_ptr_array_remove_index_fast(s->hits, i - 1);
	g_ptr_array_sort(s->hits, compare_hits);
	if (s->hits->len > limit)
		g_ptr_array_set_size(s->hits, (gint)limit);
	return s->hits->len;
}

static int merge(struct searching *s, struct kg_error *err)
{
	g_ptr_array_set_size(s->hits, 0);
	int r = take_ranking(s, &s->words, s->has_names ? WEIGHT_VECTOR : WEIGHT_WORDS, TRUE, err);

	return r ? r : take_ranking(s, &s->vectors, WEIGHT_VECTOR, FALSE, err);
}

static int search_all(struct searching *s, guint limit, struct kg_error *err)
{
	int r = find_allowed(s->m, s->q, &s->allowed, err);

	if (!r)
		r = prepare_vector(s, err);
	for (guint n = MORE * limit + 20; !r; n *= MORE) {
		r = rank_all(s, n, err);
		if (!r)
			r = merge(s, err);
		gboolean is_all = s->words.items->len < n && s->vectors.items->len < n;
		if (r || settle(s, limit) >= limit || is_all || n > G_MAXUINT / MORE)
			break;
	}
	for (guint i = 0; i < s->hits->len && !r; i++)
		r = memory_read_wordings(s->m, &((struct kg_memory_hit *)s->hits->pdata[i])->pair, err);
	return r;
}

static int search(struct kg_memory *m, const char *query, const struct kg_memory_query *q, GPtrArray **ret, struct kg_error *err)
{
	struct searching s = {.m = m, .q = q, .query = query,
			      .words = {.items = g_array_new(FALSE, FALSE, sizeof(struct ranked))},
			      .vectors = {.items = g_array_new(FALSE, FALSE, sizeof(struct ranked))},
			      .pairs = g_hash_table_new(g_int64_hash, g_int64_equal),
			      .hits = g_ptr_array_new_with_free_func(memory_hit_destroy)};
	int r = search_all(&s, q->limit ? MIN(q->limit, LIMIT_MAX) : LIMIT, err);

	g_hash_table_unref(s.pairs);
	g_array_unref(s.words.items);
	g_array_unref(s.vectors.items);
	g_free(s.allowed.bits);
	if (r)
		g_ptr_array_unref(s.hits);
	else
		*ret = s.hits;
	return r;
}

int kg_memory_search(struct kg_memory *m, const char *query, const struct kg_memory_query *q, GPtrArray **ret_hits,
		     struct kg_error *err)
{
	static const struct kg_memory_query all;
	_cleanup_error_ struct kg_error own = {0};
	int r = search(m, query, q ?: &all, ret_hits, &own);

	if (r && memory_recover(m, &own))
		r = search(m, query, q ?: &all, ret_hits, &own);
	return memory_tell(r, &own, err);
}
