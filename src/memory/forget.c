/*
 * A pair goes out, and nothing of it stays in the file: rows are overwritten (secure_delete), and the full-text index, which only marks
 * what was deleted, is rewritten. A shipped pair is remembered as forgotten, by its name and by what it says, so that it does not come
 * back with the next version of the corpus.
 */
#include "internal.h"

static int run_for(struct kg_memory *m, const char *sql, gint64 id, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, sql, err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	return db_run(m, st, err);
}

static int drop_wording(struct kg_memory *m, gint64 wording, struct kg_error *err)
{
	/* The index keeps no copy: it has to be told what it had been given. */
	int r = run_for(m, "INSERT INTO words (words, rowid, prompt, program) SELECT 'delete', id, prompt, program FROM searched WHERE id = ?1",
			wording, err);

	if (!r)
		r = vectors_drop(m, wording, err);
	return r ? r : run_for(m, "DELETE FROM wording WHERE id = ?1", wording, err);
}

int memory_drop_wordings(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	gint64 wording = 0;
	int r = 0;

	while (!r) {
		sqlite3_stmt *st = db_prepare(m, "SELECT id FROM wording WHERE pair = ?1 LIMIT 1", err);
		if (!st)
			return -err->code;
		sqlite3_bind_int64(st, 1, id);
		r = db_number(m, st, 0, &wording, err);
		if (r || !wording)
			break;
		r = drop_wording(m, wording, err);
	}
	return r;
}

int memory_drop(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	int r = memory_drop_wordings(m, id, err);

	if (!r)
		r = run_for(m, "DELETE FROM outcome WHERE pair = ?1", id, err);
	if (!r)
		r = run_for(m, "UPDATE corpus SET forgotten = 1, pair = NULL WHERE pair = ?1", id, err);
	return r ? r : run_for(m, "DELETE FROM pair WHERE id = ?1", id, err);
}

static int rewrite_index(struct kg_memory *m, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO words (words) VALUES ('optimize')", err);

	return db_run(m, st, err);
}

static int drop_one(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	gint64 is_there = 0;
	sqlite3_stmt *st = db_prepare(m, "SELECT 1 FROM pair WHERE id = ?1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	int r = db_number(m, st, 0, &is_there, err);
	if (!r && !is_there) {
		kg_error_set(err, KG_E_NOTFOUND, "memory", "there is no pair %" G_GINT64_FORMAT, id);
		kg_error_hint(err, "kgent memory list shows which there are");
		return -KG_E_NOTFOUND;
	}
	if (!r)
		r = memory_drop(m, id, err);
	return r ? r : rewrite_index(m, err);
}

int kg_memory_forget(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	int r = memory_refuse_read_only(m, &own);

	if (!r)
		r = db_begin(m, &own);
	if (!r)
		r = db_end(m, drop_one(m, id, &own), &own);
	return memory_tell(r, &own, err);
}

static int drop_all(struct kg_memory *m, const char *source, guint *n, struct kg_error *err)
{
	int r = 0;

	for (*n = 0; !r; ++*n) {
		sqlite3_stmt *st = db_prepare(m, "SELECT id FROM pair WHERE ?1 IS NULL OR source = ?1 LIMIT 1", err);
		gint64 id = 0;
		if (!st)
			return -err->code;
		db_bind_text(st, 1, source);
		r = db_number(m, st, 0, &id, err);
		if (r || !id)
			break;
		r = memory_drop(m, id, err);
	}
	return r ? r : rewrite_index(m, err);
}

int kg_memory_forget_all(struct kg_memory *m, const char *source, guint *ret_n, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	guint n = 0;
	int r = memory_refuse_read_only(m, &own);

	if (!r)
		r = db_begin(m, &own);
	if (!r)
		r = db_end(m, drop_all(m, source, &n, &own), &own);
	if (!r && ret_n)
		*ret_n = n;
	return memory_tell(r, &own, err);
}

static int recall(struct kg_memory *m, guint *n, struct kg_error *err)
{
	gint64 forgotten = 0;
	int r = db_number(m, db_prepare(m, "SELECT count(*) FROM corpus WHERE forgotten", err), 0, &forgotten, err);

	*n = (guint)forgotten;
	if (!r)
		r = db_exec(m, "DELETE FROM corpus WHERE forgotten; DELETE FROM meta WHERE key = 'corpus'", err);
	return r ? r : corpus_sync(m, err);
}

int kg_memory_recall(struct kg_memory *m, guint *ret_n, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	guint n = 0;
	int r = memory_refuse_read_only(m, &own);

	if (!r)
		r = db_begin(m, &own);
	if (!r)
		r = db_end(m, recall(m, &n, &own), &own);
	if (!r && ret_n)
		*ret_n = n;
	return memory_tell(r, &own, err);
}
