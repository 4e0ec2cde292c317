/*
 * A pair goes in. One with the same sentence (white space apart) and the same program is the same pair: it is counted, and its outcomes
 * are kept side by side (it may be accepted by one kernel and refused by another). What it came to last stands in the pair itself.
 */
#include "internal.h"

#include <string.h>

#define STAGE "memory"
#define MAX_OUTCOMES 50 /* of a pair */

static char *one_line(const char *text)
{
	char *line = g_strdup(text);
	gsize n = 0;

	for (const char *s = line; *s; s++)
		if (!g_ascii_isspace(*s))
			line[n++] = *s;
		else if (n && line[n - 1] != ' ')
			line[n++] = ' ';
	while (n && line[n - 1] == ' ')
		n--;
	line[n] = '\0';
	return line;
}

/* 16 bytes of SHA-256 of both. */
static void make_key(const char *prompt, const char *program, guint8 key[16])
{
	g_autofree char *sentence = one_line(prompt), *text = g_strdup(program);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[32];
	gsize len = sizeof(digest);

	g_strchomp(text);
	g_checksum_update(sum, (const guchar *)sentence, (gssize)strlen(sentence) + 1);
	g_checksum_update(sum, (const guchar *)text, (gssize)strlen(text));
	g_checksum_get_digest(sum, digest, &len);
	memcpy(key, digest, 16);
}

static gboolean is_blank(const char *text)
{
	for (; text && *text; text++)
		if (!g_ascii_isspace(*text))
			return FALSE;
	return TRUE;
}

static gboolean fits(const char *text, gsize max)
{
	return !text || (strlen(text) <= max && g_utf8_validate(text, -1, NULL));
}

int memory_check_pair(const struct kg_memory_pair *pair, struct kg_error *err)
{
	const char *const words[] = {pair->language, pair->engine, pair->kernel, pair->source, pair->name};

	if (is_blank(pair->prompt))
		return kg_error_set(err, KG_E_INVAL, STAGE, "it has no request");
	if (is_blank(pair->program))
		return kg_error_set(err, KG_E_INVAL, STAGE, "it has no program");
	if (!fits(pair->prompt, MAX_PROMPT))
		return kg_error_set(err, KG_E_INVAL, STAGE, "its request is longer than %d KiB, or no UTF-8", MAX_PROMPT >> 10);
	if (!fits(pair->program, MAX_PROGRAM))
		return kg_error_set(err, KG_E_INVAL, STAGE, "its program is longer than %d MiB, or no UTF-8", MAX_PROGRAM >> 20);
	if (pair->verdict && !pair_verdict_is_known(pair->verdict))
		return kg_error_set(err, KG_E_INVAL, STAGE, "its verdict is none that kgent gives");
	if (!fits(pair->reason, MAX_PROMPT))
		return kg_error_set(err, KG_E_INVAL, STAGE, "its reason is longer than %d KiB, or no UTF-8", MAX_PROMPT >> 10);
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (!fits(words[i], 256))
			return kg_error_set(err, KG_E_INVAL, STAGE, "one of its names is longer than 256 bytes, or no UTF-8");
	return 0;
}

static gint64 now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

/* What is known of the pair that has this key. */
struct known {
	gint64 id; /* 0: none */
	gint64 last, first, count;
	char *source;
};

static int find_known(struct kg_memory *m, const guint8 key[16], struct known *known, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT id, last, first, count, source FROM pair WHERE key = ?1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_blob(st, 1, key, 16, SQLITE_STATIC);
	int r = db_step(m, st, err);
	if (r > 0) {
		*known = (struct known){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
					sqlite3_column_int64(st, 3), db_text(st, 4)};
		sqlite3_reset(st);
	}
	return MIN(r, 0);
}

static int insert(struct kg_memory *m, const struct kg_memory_pair *pair, const guint8 key[16], gint64 *ret_id, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO pair (key, prompt, program, language, source, class, count, first, last)"
				      " VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, 0)", err);

	if (!st)
		return -err->code;
	sqlite3_bind_blob(st, 1, key, 16, SQLITE_STATIC);
	db_bind_text(st, 2, pair->prompt);
	db_bind_text(st, 3, pair->program);
	db_bind_text(st, 4, pair->language ?: "bpftrace");
	db_bind_text(st, 5, pair->source ?: "run");
	int r = db_run(m, st, err);
	*ret_id = sqlite3_last_insert_rowid(m->db);
	return r;
}

/* ---------------------------------------------------------------- outcomes */

static int put_outcome(struct kg_memory *m, gint64 id, const struct kg_memory_outcome *o, gboolean is_added, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO outcome (pair, verdict, kernel, reason, count, last) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
				      " ON CONFLICT DO UPDATE SET last = max(last, ?6),"
				      " count = CASE WHEN ?7 THEN count + ?5 ELSE max(count, ?5) END", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	db_bind_text(st, 2, o->verdict ?: "");
	db_bind_text(st, 3, o->kernel ?: "");
	db_bind_text(st, 4, o->reason ?: "");
	sqlite3_bind_int64(st, 5, MAX(o->count, 1));
	sqlite3_bind_int64(st, 6, o->when);
	sqlite3_bind_int(st, 7, is_added);
	return db_run(m, st, err);
}

/* Reasons that differ in a number only must not add up without end. */
static int drop_old_outcomes(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "DELETE FROM outcome WHERE pair = ?1 AND (verdict, kernel, reason) IN (SELECT verdict, kernel, reason"
				      " FROM outcome WHERE pair = ?1 ORDER BY last DESC LIMIT -1 OFFSET ?2)", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int(st, 2, MAX_OUTCOMES);
	return db_run(m, st, err);
}

static int put_outcomes(struct kg_memory *m, gint64 id, const struct kg_memory_pair *pair, const GPtrArray *outcomes, gint64 when,
			enum put_how how, struct kg_error *err)
{
	struct kg_memory_outcome own = {pair->verdict, pair->kernel, pair->reason, pair->count, when};
	gboolean is_told = pair->verdict || pair->reason || how == PUT_SEEN;
	int r = 0;

	if (outcomes && outcomes->len)
		for (guint i = 0; i < outcomes->len && !r; i++)
			r = put_outcome(m, id, outcomes->pdata[i], how == PUT_SEEN, err);
	else if (is_told)
		r = put_outcome(m, id, &own, how == PUT_SEEN, err);
	return r ? r : drop_old_outcomes(m, id, err);
}

/* The pair shows its last outcome. */
static int show_last(struct kg_memory *m, gint64 id, char **ret_verdict, char **ret_reason, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT nullif(verdict, ''), nullif(kernel, ''), nullif(reason, '') FROM outcome WHERE pair = ?1"
				      " ORDER BY last DESC, verdict LIMIT 1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	int r = db_step(m, st, err);
	g_autofree char *kernel = NULL;
	if (r > 0) {
		*ret_verdict = db_text(st, 0);
		kernel = db_text(st, 1);
		*ret_reason = db_text(st, 2);
	}
	sqlite3_reset(st);
	if (r <= 0)
		return r;
	st = db_prepare(m, "UPDATE pair SET verdict = ?2, kernel = ?3, reason = ?4 WHERE id = ?1", err);
	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	db_bind_text(st, 2, *ret_verdict);
	db_bind_text(st, 3, kernel);
	db_bind_text(st, 4, *ret_reason);
	return db_run(m, st, err);
}

/* ---------------------------------------------------------------- wordings */

static int add_wording(struct kg_memory *m, gint64 id, const char *text, const char *program, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO wording (pair, class, text) VALUES (?1, 0, ?2)", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	db_bind_text(st, 2, text);
	int r = db_run(m, st, err);
	gint64 wording = sqlite3_last_insert_rowid(m->db);
	if (r)
		return r;
	st = db_prepare(m, "INSERT INTO words (rowid, prompt, program) VALUES (?1, ?2, ?3)", err);
	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, wording);
	db_bind_text(st, 2, text);
	db_bind_text(st, 3, program);
	r = db_run(m, st, err);
	return r ? r : vectors_put(m, wording, text, err);
}

/* [text] NULL: any at all. */
static int has_wording(struct kg_memory *m, gint64 id, const char *text, gint64 *ret, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT 1 FROM wording WHERE pair = ?1 AND (?2 IS NULL OR text = ?2) LIMIT 1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	db_bind_text(st, 2, text);
	return db_number(m, st, 0, ret, err);
}

/* The sentence itself is the first. */
static int put_wordings(struct kg_memory *m, gint64 id, const struct kg_memory_pair *pair, struct kg_error *err)
{
	gint64 has_any = 0;
	int r = has_wording(m, id, NULL, &has_any, err);

	if (!r && !has_any)
		r = add_wording(m, id, pair->prompt, pair->program, err);
	for (guint i = 0; pair->also && i < pair->also->len && !r; i++) {
		const char *text = pair->also->pdata[i];
		gint64 is_there = 1;
		if (!is_blank(text) && fits(text, MAX_PROMPT))
			r = has_wording(m, id, text, &is_there, err);
		if (!r && !is_there)
			r = add_wording(m, id, text, pair->program, err);
	}
	return r;
}

/* ---------------------------------------------------------------- the pair */

/* Source, counts, times and class, once outcomes and wordings are there. */
static int update(struct kg_memory *m, gint64 id, const struct kg_memory_pair *pair, const struct known *known, gint64 when,
		  enum put_how how, struct kg_error *err)
{
	g_autofree char *verdict = NULL, *reason = NULL;
	const char *source = how == PUT_CORPUS || !known->id ? pair->source ?: "run" : known->source;
	gint64 first = pair->first > 0 && pair->first < when ? pair->first : when;
	gint64 count = how == PUT_SEEN ? known->count + MAX(pair->count, 1) : MAX(known->count, pair->count);
	int r = show_last(m, id, &verdict, &reason, err);

	if (r < 0)
		return r;
	if (known->first > 0 && (!first || known->first < first))
		first = known->first;
	sqlite3_stmt *st = db_prepare(m, "UPDATE pair SET source = ?2, name = coalesce(?3, name), engine = coalesce(?4, engine), count = ?5,"
				      " first = ?6, last = ?7, class = ?8 WHERE id = ?1", err);
	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, id);
	db_bind_text(st, 2, source);
	db_bind_text(st, 3, pair->name);
	db_bind_text(st, 4, pair->engine);
	sqlite3_bind_int64(st, 5, count);
	sqlite3_bind_int64(st, 6, first);
	sqlite3_bind_int64(st, 7, MAX(known->last, when));
	enum pair_class class = pair_classify(verdict, reason, source);
	sqlite3_bind_int(st, 8, class);
	r = db_run(m, st, err);
	st = r ? NULL : db_prepare(m, "UPDATE wording SET class = ?2 WHERE pair = ?1 AND class != ?2", err);
	if (!st)
		return r ? r : -err->code;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int(st, 2, class);
	return db_run(m, st, err);
}

int memory_put(struct kg_memory *m, const struct kg_memory_pair *pair, const GPtrArray *outcomes, enum put_how how, gint64 *ret_id,
	       gboolean *ret_new, struct kg_error *err)
{
	struct known known = {0};
	guint8 key[16];
	/* Nobody has asked for a shipped pair yet. */
	gint64 when = how == PUT_CORPUS ? 0 : pair->when > 0 ? pair->when : now(), id;

	make_key(pair->prompt, pair->program, key);
	int r = find_known(m, key, &known, err);
	id = known.id;
	if (!r && !known.id)
		r = insert(m, pair, key, &id, err);
	if (!r)
		r = put_wordings(m, id, pair, err);
	if (!r)
		r = put_outcomes(m, id, pair, outcomes, when, how, err);
	if (!r)
		r = update(m, id, pair, &known, when, how, err);
	g_free(known.source);
	*ret_id = id;
	*ret_new = !known.id;
	return r;
}

static int learn(struct kg_memory *m, const struct kg_memory_pair *pair, struct kg_error *err)
{
	gboolean is_new;
	gint64 id;
	int r = memory_refuse_read_only(m, err);

	if (!r)
		r = db_begin(m, err);
	return r ? r : db_end(m, memory_put(m, pair, NULL, PUT_SEEN, &id, &is_new, err), err);
}

int kg_memory_learn(struct kg_memory *m, const struct kg_memory_pair *pair, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	int r = memory_check_pair(pair, &own);

	if (!r)
		r = learn(m, pair, &own);
	if (r && memory_recover(m, &own))
		r = learn(m, pair, &own);
	return memory_tell(r, &own, err);
}
