/*
 * The tables, and how those of an older version become today's: steps[n] brings version n to n + 1, each in one transaction. A step that
 * was ever released is never changed; a change is a new step.
 *
 *   pair        a sentence with its program. key: both, hashed; the same key is the same pair. class: pair_classify() of the last
 *               outcome, which stands here as well (verdict, kernel, reason)
 *   outcome     what a pair came to, by verdict, kernel and reason ('' where there is none)
 *   wording     the sentence and further ways to say it: what is searched. class: the pair's
 *   words       full-text index of the wordings and of the programs' text; has no copy of either
 *   embedding   names of embeddings; upto: wordings up to this one have their vector. vectors: packed (see vectors.c)
 *   corpus      shipped examples that were taken up, or forgotten
 *   meta        single values: "corpus": the state of the corpus that was taken up
 */
#include "internal.h"

static const char *const steps[] = {
	"CREATE TABLE pair (id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, prompt TEXT NOT NULL, program TEXT NOT NULL,"
	" language TEXT NOT NULL, engine TEXT, source TEXT NOT NULL, name TEXT, class INTEGER NOT NULL, verdict TEXT, kernel TEXT,"
	" reason TEXT, count INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);"
	"CREATE INDEX pair_last ON pair (last, id);"
	"CREATE TABLE outcome (pair INTEGER NOT NULL, verdict TEXT NOT NULL, kernel TEXT NOT NULL, reason TEXT NOT NULL,"
	" count INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (pair, verdict, kernel, reason)) WITHOUT ROWID;"
	"CREATE TABLE wording (id INTEGER PRIMARY KEY, pair INTEGER NOT NULL, class INTEGER NOT NULL, text TEXT NOT NULL);"
	"CREATE INDEX wording_pair ON wording (pair);"
	"CREATE INDEX wording_class ON wording (class);"
	"CREATE VIEW searched AS SELECT wording.id AS id, wording.text AS prompt, pair.program AS program"
	" FROM wording JOIN pair ON pair.id = wording.pair;"
	"CREATE VIRTUAL TABLE words USING fts5(prompt, program, content='searched', content_rowid='id', tokenize='porter unicode61');"
	"CREATE TABLE embedding (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, upto INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE vectors (embedding INTEGER NOT NULL, chunk INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (embedding, chunk));"
	"CREATE TABLE corpus (name TEXT PRIMARY KEY, hash TEXT NOT NULL, pair INTEGER, forgotten INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
};
G_STATIC_ASSERT(G_N_ELEMENTS(steps) == MEMORY_SCHEMA);

static int version_of(struct kg_memory *m, int *ret, struct kg_error *err)
{
	gint64 version;
	sqlite3_stmt *st = db_prepare(m, "PRAGMA user_version", err);
	int r = db_number(m, st, 0, &version, err);

	if (!r)
		*ret = (int)version;
	return r;
}

static int apply_step(struct kg_memory *m, const char *step, int version, struct kg_error *err)
{
	g_autofree char *mark = g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d", MEMORY_APPLICATION, version);
	int r = db_exec(m, step, err);

	return r ? r : db_exec(m, mark, err);
}

int schema_apply(struct kg_memory *m, const char *const *to_apply, int n_steps, struct kg_error *err)
{
	int version, r = version_of(m, &version, err);

	while (!r && version < n_steps) {
		r = db_begin(m, err);
		if (r)
			return r;
		r = version_of(m, &version, err); /* another kgent may have been faster */
		if (!r && version < n_steps)
			r = apply_step(m, to_apply[version], version + 1, err);
		r = db_end(m, r, err);
		version++;
	}
	return r;
}

int schema_bring_up(struct kg_memory *m, struct kg_error *err)
{
	/* What is forgotten is overwritten, not only marked as free. */
	int r = db_exec(m, "PRAGMA secure_delete = ON; PRAGMA cell_size_check = ON", err);

	if (!r && !m->read_only)
		r = schema_apply(m, steps, G_N_ELEMENTS(steps), err);
	return r;
}

char *schema_meta(struct kg_memory *m, const char *key)
{
	_cleanup_error_ struct kg_error err = {0};
	sqlite3_stmt *st = db_prepare(m, "SELECT value FROM meta WHERE key = ?1", &err);
	char *value = NULL;

	if (!st)
		return NULL;
	db_bind_text(st, 1, key);
	if (db_step(m, st, &err) > 0)
		value = db_text(st, 0);
	sqlite3_reset(st);
	return value;
}

int schema_set_meta(struct kg_memory *m, const char *key, const char *value, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2", err);

	if (!st)
		return -err->code;
	db_bind_text(st, 1, key);
	db_bind_text(st, 2, value);
	return db_run(m, st, err);
}
