/* Pairs are read: one, all, their outcomes, and what there is in all. */
#include "internal.h"

#include <string.h>
#include <sys/stat.h>

void memory_read_pair(sqlite3_stmt *st, struct kg_memory_pair *pair)
{
	*pair = (struct kg_memory_pair){
		.id = sqlite3_column_int64(st, 0), .prompt = db_text(st, 1), .program = db_text(st, 2), .language = db_text(st, 3),
		.engine = db_text(st, 4), .verdict = db_text(st, 5), .kernel = db_text(st, 6), .reason = db_text(st, 7),
		.source = db_text(st, 8), .when = sqlite3_column_int64(st, 9), .first = sqlite3_column_int64(st, 10),
		.count = sqlite3_column_int64(st, 11), .name = db_text(st, 12)};
	/* Columns that are never NULL in a file of ours. */
	pair->prompt = pair->prompt ?: g_strdup("");
	pair->program = pair->program ?: g_strdup("");
	pair->language = pair->language ?: g_strdup("bpftrace");
	pair->source = pair->source ?: g_strdup("run");
}

int memory_read_wordings(struct kg_memory *m, struct kg_memory_pair *pair, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT text FROM wording WHERE pair = ?1 ORDER BY id LIMIT -1 OFFSET 1", err);
	int r;

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, pair->id);
	while ((r = db_step(m, st, err)) > 0) {
		if (!pair->also)
			pair->also = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(pair->also, db_text(st, 0));
	}
	return r;
}

static gboolean class_fits(const struct kg_memory_query *q, const struct kg_memory_pair *pair)
{
	enum pair_class class = pair_classify(pair->verdict, pair->reason, pair->source);

	return q->which == KG_MEMORY_ANY || class == (q->which == KG_MEMORY_GOOD ? CLASS_GOOD : CLASS_FAILED);
}

/* With a kernel, the outcome there is what counts. */
static int take_outcome_on(struct kg_memory *m, const char *kernel, struct kg_memory_pair *pair, gboolean *ret_any, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT nullif(verdict, ''), kernel, nullif(reason, ''), last FROM outcome"
				      " WHERE pair = ?1 AND kernel = ?2 ORDER BY last DESC LIMIT 1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, pair->id);
	db_bind_text(st, 2, kernel);
	int r = db_step(m, st, err);
	*ret_any = r > 0;
	if (r <= 0)
		return r;
	g_free(pair->verdict);
	g_free(pair->kernel);
	g_free(pair->reason);
	pair->verdict = db_text(st, 0);
	pair->kernel = db_text(st, 1);
	pair->reason = db_text(st, 2);
	pair->when = sqlite3_column_int64(st, 3);
	sqlite3_reset(st);
	return 0;
}

int memory_fits(struct kg_memory *m, const struct kg_memory_query *q, struct kg_memory_pair *pair, gboolean *ret, struct kg_error *err)
{
	gboolean is_on_kernel = TRUE;
	int r = 0;

	*ret = FALSE;
	if (q->source && strcmp(q->source, pair->source))
		return 0;
	if (q->kernel)
		r = take_outcome_on(m, q->kernel, pair, &is_on_kernel, err);
	/* Of a pair that belongs to no kernel nothing is known but that it is an example. */
	if (!r && !is_on_kernel && !strcmp(pair->source, "run"))
		return 0;
	if (!r)
		*ret = pair->id != q->not_id && class_fits(q, pair);
	return r;
}

int kg_memory_get(struct kg_memory *m, gint64 id, struct kg_memory_pair **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	sqlite3_stmt *st = db_prepare(m, "SELECT " PAIR_COLUMNS " FROM pair WHERE id = ?1", &own);
	int r = st ? 0 : -own.code;

	if (st) {
		sqlite3_bind_int64(st, 1, id);
		r = db_step(m, st, &own);
	}
	if (r == 0) {
		kg_error_set(&own, KG_E_NOTFOUND, "memory", "there is no pair %" G_GINT64_FORMAT, id);
		kg_error_hint(&own, "kgent memory list shows which there are");
		r = -KG_E_NOTFOUND;
	}
	if (r < 0)
		return memory_tell(r, &own, err);
	struct kg_memory_pair *pair = kg_memory_pair_new();
	memory_read_pair(st, pair);
	sqlite3_reset(st);
	r = memory_read_wordings(m, pair, &own);
	if (r)
		kg_memory_pair_free(pair);
	else
		*ret = pair;
	return memory_tell(r, &own, err);
}

/* The statement that walks over pairs is a list's own: what it calls for each pair must not reset it. */
static int list(struct kg_memory *m, const struct kg_memory_query *q, GPtrArray *found, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT " PAIR_COLUMNS " FROM pair ORDER BY last DESC, pair.id DESC", err);
	int r = st ? 0 : -err->code;

	while (!r && (!q->limit || found->len < q->limit) && (r = db_step(m, st, err)) > 0) {
		struct kg_memory_pair *pair = kg_memory_pair_new();
		gboolean fits = FALSE;
		memory_read_pair(st, pair);
		r = memory_fits(m, q, pair, &fits, err);
		if (!r && fits)
			r = memory_read_wordings(m, pair, err);
		if (!r && fits)
			g_ptr_array_add(found, pair);
		else
			kg_memory_pair_free(pair);
	}
	if (st)
		sqlite3_reset(st);
	return r;
}

int kg_memory_list(struct kg_memory *m, const struct kg_memory_query *q, GPtrArray **ret, struct kg_error *err)
{
	static const struct kg_memory_query all;
	_cleanup_error_ struct kg_error own = {0};
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(memory_pair_destroy);
	int r = list(m, q ?: &all, found, &own);

	if (r && memory_recover(m, &own)) {
		g_ptr_array_set_size(found, 0);
		r = list(m, q ?: &all, found, &own);
	}
	if (!r)
		*ret = g_steal_pointer(&found);
	return memory_tell(r, &own, err);
}

int kg_memory_outcomes(struct kg_memory *m, gint64 id, GPtrArray **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	g_autoptr(GPtrArray) outcomes = memory_outcomes_new();
	sqlite3_stmt *st = db_prepare(m, "SELECT nullif(verdict, ''), nullif(kernel, ''), nullif(reason, ''), count, last FROM outcome"
				      " WHERE pair = ?1 ORDER BY last DESC, verdict", &own);
	int r = st ? 0 : -own.code;

	if (st)
		sqlite3_bind_int64(st, 1, id);
	while (!r && (r = db_step(m, st, &own)) > 0) {
		struct kg_memory_outcome *o = g_new0(struct kg_memory_outcome, 1);
		o->verdict = db_text(st, 0);
		o->kernel = db_text(st, 1);
		o->reason = db_text(st, 2);
		o->count = sqlite3_column_int64(st, 3);
		o->when = sqlite3_column_int64(st, 4);
		g_ptr_array_add(outcomes, o);
		r = 0;
	}
	if (!r)
		*ret = g_steal_pointer(&outcomes);
	return memory_tell(r, &own, err);
}

/* ---------------------------------------------------------------- what there is */

static int count_pairs(struct kg_memory *m, struct kg_memory_stats *s, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT count(*), sum(source = 'corpus'), sum(source = 'run'), sum(source = 'import'), sum(class = 1),"
				      " sum(class = 2), sum(count), min(CASE WHEN source != 'corpus' AND first > 0 THEN first END),"
				      " max(CASE WHEN source != 'corpus' THEN last END) FROM pair", err);
	gint64 *const into[] = {&s->n_pairs, &s->n_corpus, &s->n_run, &s->n_import, &s->n_good, &s->n_failed, &s->n_seen, &s->oldest, &s->newest};
	int r = st ? db_step(m, st, err) : -err->code;

	for (gsize i = 0; r > 0 && i < G_N_ELEMENTS(into); i++)
		*into[i] = sqlite3_column_int64(st, (int)i);
	if (st)
		sqlite3_reset(st);
	return MIN(r, 0);
}

int kg_memory_stats(struct kg_memory *m, struct kg_memory_stats *ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	struct kg_memory_stats s = {0};
	struct stat st;
	gint64 schema = 0;
	int r = count_pairs(m, &s, &own);

	if (!r)
		r = db_number(m, db_prepare(m, "SELECT count(*) FROM corpus WHERE forgotten", &own), 0, &s.n_forgotten, &own);
	if (!r)
		r = db_number(m, db_prepare(m, "SELECT count(*) FROM wording", &own), 0, &s.n_wordings, &own);
	if (!r)
		r = vectors_count(m, &s.n_vectors, &own);
	if (!r)
		r = db_number(m, db_prepare(m, "PRAGMA user_version", &own), 0, &schema, &own);
	s.schema = (int)schema;
	s.embedding = g_strdup(m->embed_name); /* known only once it was looked up */
	if (!m->is_temporary && !stat(m->path, &st))
		s.size_bytes = st.st_size;
	if (r)
		kg_memory_stats_clear(&s);
	else
		*ret = s;
	return memory_tell(r, &own, err);
}
