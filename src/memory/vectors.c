/*
 * Vectors: kept packed, compared with all.
 *
 * Whatever the embedding gives (a server's may have thousands of numbers) becomes VECTOR_DIMS numbers of one byte: more are projected down
 * by random signs, which keeps angles but for about 1 / sqrt(VECTOR_DIMS) (Achlioptas 2003, "Database-friendly random projections"), then
 * the length is made 1 and each number is rounded. 256 wordings share one row of the table, a slot each, so that 100,000 are read as
 * 391 blobs; to compare a query with all of them takes some milliseconds and no index that could be out of date. A slot of zeros is
 * empty.
 *
 * Sentences of one kind have much in common ("count ... by process"). So the mean of all vectors is taken off the query: what is
 * everywhere then counts for little, as rare words do in BM25.
 */
#include "internal.h"

#include <math.h>
#include <string.h>

#define PER_CHUNK 256
#define CHUNK_BYTES (PER_CHUNK * VECTOR_DIMS)
/* A number of a vector of length 1 is about 1/16; a half is the largest that is kept as it is. */
#define SCALE (127 / 0.5)
#define BATCH 64          /* of a server */
#define BATCH_BUILTIN 1024
#define MEAN_SHARE 0.9f
#define MEAN_CHUNKS 16
#define MEAN_FEW 50
/* Two sentences that have nothing to do with each other are seldom more alike than that. */
#define MIN_LIKENESS 0.2
/* So many batches are asked of a server for one search; the rest waits for the next. */
#define MAX_BATCHES 16

static guint64 mix(guint64 x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

/* Row [i] of the projection is four words of random signs. */
static void project(const float *v, gsize dims, float out[VECTOR_DIMS])
{
	memset(out, 0, VECTOR_DIMS * sizeof(*out));
	for (gsize i = 0; i < dims; i++)
		for (guint block = 0; v[i] != 0 && block < VECTOR_DIMS / 64; block++) {
			guint64 signs = mix(i * 4 + block + 1);
			for (guint bit = 0; bit < 64; bit++)
				out[block * 64 + bit] += signs >> bit & 1 ? v[i] : -v[i];
		}
}

void vector_pack(const float *v, gsize dims, vector ret)
{
	float out[VECTOR_DIMS];
	double sum = 0;

	if (dims == VECTOR_DIMS)
		memcpy(out, v, sizeof(out));
	else
		project(v, dims, out);
	for (guint i = 0; i < VECTOR_DIMS; i++)
		sum += (double)out[i] * out[i];
	sum = sqrt(sum); /* the length */
	for (guint i = 0; i < VECTOR_DIMS; i++) {
		double x = sum > 0 && isfinite(sum) ? out[i] / sum * SCALE : 0;
		ret[i] = (gint8)lrint(CLAMP(x, -127, 127));
	}
}

/* The built-in embedding knows the cards' names of events, and is another one when these change. */
static void load_names(struct kg_memory *m)
{
	if (m->embed != kg_embed_builtin || m->names)
		return;
	m->names = embed_names_new();
	m->embed_user = m->names;
	if (!m->names)
		return;
	g_free(m->embed_name);
	m->embed_name = g_strdup_printf(KG_EMBED_BUILTIN "-%s", embed_names_version(m->names));
}

/* Vectors of a built-in embedding that is no more are of no use. */
static int drop_old(struct kg_memory *m, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "DELETE FROM vectors WHERE embedding IN (SELECT id FROM embedding WHERE name LIKE 'builtin-%'"
				      " AND name != ?1)", err);

	if (!st)
		return -err->code;
	db_bind_text(st, 1, m->embed_name);
	int r = db_run(m, st, err);
	st = r ? NULL : db_prepare(m, "DELETE FROM embedding WHERE name LIKE 'builtin-%' AND name != ?1", err);
	if (!st)
		return r ? r : -err->code;
	db_bind_text(st, 1, m->embed_name);
	return db_run(m, st, err);
}

static int find_embedding(struct kg_memory *m, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT id FROM embedding WHERE name = ?1", err);

	if (!st)
		return -err->code;
	db_bind_text(st, 1, m->embed_name);
	return db_number(m, st, -1, &m->embedding, err);
}

static int make_embedding(struct kg_memory *m, struct kg_error *err)
{
	sqlite3_stmt *st;
	int r = db_begin(m, err);

	if (r)
		return r;
	st = db_prepare(m, "INSERT INTO embedding (name) VALUES (?1) ON CONFLICT DO NOTHING", err);
	if (st)
		db_bind_text(st, 1, m->embed_name);
	r = db_run(m, st, err);
	if (!r && m->embed == kg_embed_builtin)
		r = drop_old(m, err);
	return db_end(m, r, err);
}

/* The embedding's own row, made where it is missing. */
static int embedding_id(struct kg_memory *m, struct kg_error *err)
{
	int r;

	if (m->embedding)
		return 0;
	load_names(m);
	r = find_embedding(m, err);
	if (r || m->embedding > 0 || (m->read_only && !m->is_temporary))
		return r;
	r = make_embedding(m, err);
	m->embedding = 0;
	return r ? r : find_embedding(m, err);
}

/* ---------------------------------------------------------------- keeping */

static int make_chunk(struct kg_memory *m, gint64 chunk, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO vectors (embedding, chunk, data) VALUES (?1, ?2, zeroblob(?3)) ON CONFLICT DO NOTHING", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, m->embedding);
	sqlite3_bind_int64(st, 2, chunk);
	sqlite3_bind_int(st, 3, CHUNK_BYTES);
	return db_run(m, st, err);
}

static int find_chunk(struct kg_memory *m, gint64 embedding, gint64 chunk, gint64 *ret, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT rowid FROM vectors WHERE embedding = ?1 AND chunk = ?2", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, embedding);
	sqlite3_bind_int64(st, 2, chunk);
	return db_number(m, st, 0, ret, err);
}

static int write_slot(struct kg_memory *m, gint64 row, gint64 wording, const vector v, struct kg_error *err)
{
	sqlite3_blob *blob = NULL;
	int code = sqlite3_blob_open(m->db, "main", "vectors", "data", row, 1, &blob);

	if (code == SQLITE_OK)
		code = sqlite3_blob_write(blob, v, VECTOR_DIMS, (int)(wording % PER_CHUNK) * VECTOR_DIMS);
	int r = code == SQLITE_OK ? 0 : db_error(m, code, err);
	sqlite3_blob_close(blob);
	return r;
}

static int keep(struct kg_memory *m, gint64 wording, const vector v, struct kg_error *err)
{
	gint64 row = 0;
	int r = find_chunk(m, m->embedding, wording / PER_CHUNK, &row, err);

	if (!r && !row) {
		r = make_chunk(m, wording / PER_CHUNK, err);
		row = sqlite3_last_insert_rowid(m->db);
	}
	return r ? r : write_slot(m, row, wording, v, err);
}

/* An embedding that fails costs its vectors, not the request. */
static int embed(struct kg_memory *m, const char *const *texts, gsize n, vector *ret, gboolean *ret_done)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree float *v = NULL;
	gsize dims = 0;

	*ret_done = !m->embed(m->embed_user, texts, n, &dims, &v, &err) && v && dims;
	for (gsize i = 0; *ret_done && i < n; i++)
		vector_pack(v + i * dims, dims, ret[i]);
	if (!*ret_done && !m->embed_failed)
		memory_note(m, "the embedding %s can't be had, so pairs are searched by their words alone: %s", m->embed_name,
			    err.msg ?: "it gave nothing");
	m->embed_failed = !*ret_done;
	return 0;
}

/* A new wording: no embedding has a vector for it. */
static int mark_missing(struct kg_memory *m, gint64 wording, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "UPDATE embedding SET upto = ?1 - 1 WHERE upto >= ?1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, wording);
	return db_run(m, st, err);
}

/* All wordings up to [to] have their vector, if all up to [from] had. */
static int mark_done(struct kg_memory *m, gint64 from, gint64 to, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "UPDATE embedding SET upto = ?3 WHERE id = ?1 AND upto >= ?2 AND upto < ?3", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, m->embedding);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
	return db_run(m, st, err);
}

int vectors_prepare(struct kg_memory *m, struct kg_error *err)
{
	return m->embed == kg_embed_builtin ? embedding_id(m, err) : 0;
}

int vectors_put(struct kg_memory *m, gint64 wording, const char *text, struct kg_error *err)
{
	gboolean is_done;
	vector v;
	int r = mark_missing(m, wording, err);

	/* A server is not asked in the middle of a transaction, and for one pair the cards are not read: it waits for vectors_complete(). */
	if (r || m->embed != kg_embed_builtin || m->embedding <= 0)
		return r;
	r = embed(m, &text, 1, &v, &is_done);
	if (!r)
		r = keep(m, wording, v, err);
	return r ? r : mark_done(m, wording - 1, wording, err);
}

/* Of every embedding. */
int vectors_drop(struct kg_memory *m, gint64 wording, struct kg_error *err)
{
	static const vector none;
	gint64 row = 0, embedding = 0;
	int r = 0;

	while (!r) {
		sqlite3_stmt *st = db_prepare(m, "SELECT id FROM embedding WHERE id > ?1 ORDER BY id LIMIT 1", err);
		if (!st)
			return -err->code;
		sqlite3_bind_int64(st, 1, embedding);
		r = db_number(m, st, 0, &embedding, err);
		if (r || !embedding)
			break;
		r = find_chunk(m, embedding, wording / PER_CHUNK, &row, err);
		if (!r && row)
			r = write_slot(m, row, wording, none, err);
	}
	return r;
}

/* ---------------------------------------------------------------- comparing */

static gboolean is_empty(const gint8 *slot)
{
	static const vector none;

	return !memcmp(slot, none, VECTOR_DIMS);
}

static gint32 dot(const gint8 *a, const gint16 *b)
{
	gint32 sum = 0;

	for (guint i = 0; i < VECTOR_DIMS; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Not quite SCALE, for rounding and for numbers that were too large. */
static double length(const gint8 *v)
{
	gint32 sum = 0;

	for (guint i = 0; i < VECTOR_DIMS; i++)
		sum += v[i] * v[i];
	return sqrt(sum);
}

int vectors_query(struct kg_memory *m, const char *query, vector ret, struct kg_error *err)
{
	gboolean is_done = FALSE;
	vector v;
	int r = embedding_id(m, err);

	if (!r)
		r = embed(m, &query, 1, &v, &is_done);
	if (!r && (!is_done || is_empty(v)))
		return -KG_E_NOTFOUND;
	memcpy(ret, v, sizeof(v));
	return r;
}

typedef void (*chunk_fn)(void *user, gint64 chunk, const gint8 *data);

/* Every [step]th chunk. */
static int each_chunk(struct kg_memory *m, gint64 step, chunk_fn fn, void *user, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT chunk, data FROM vectors WHERE embedding = ?1 AND chunk % ?2 = 0", err);
	int r = 0;

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, m->embedding);
	sqlite3_bind_int64(st, 2, step);
	while (!r && (r = db_step(m, st, err)) > 0) {
		const gint8 *data = sqlite3_column_blob(st, 1);
		if (data && sqlite3_column_bytes(st, 1) == CHUNK_BYTES)
			fn(user, sqlite3_column_int64(st, 0), data);
		r = 0;
	}
	sqlite3_reset(st);
	return r;
}

struct mean {
	gint64 n;
	gint64 sum[VECTOR_DIMS];
};

static void add_to_mean(void *user, gint64 chunk, const gint8 *data)
{
	struct mean *mean = user;
	gint32 sum[VECTOR_DIMS] = {0};

	(void)chunk;
	for (guint slot = 0; slot < PER_CHUNK; slot++) {
		const gint8 *v = data + slot * VECTOR_DIMS;
		mean->n += !is_empty(v);
		for (guint i = 0; i < VECTOR_DIMS; i++)
			sum[i] += v[i];
	}
	for (guint i = 0; i < VECTOR_DIMS; i++)
		mean->sum[i] += sum[i];
}

/* Of some chunks, which is enough. */
static int take_mean(struct kg_memory *m, struct mean *mean, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT max(chunk) FROM vectors WHERE embedding = ?1", err);
	gint64 last = 0;

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, m->embedding);
	int r = db_number(m, st, 0, &last, err);
	return r ? r : each_chunk(m, last / MEAN_CHUNKS + 1, add_to_mean, mean, err);
}

struct comparison {
	gint16 query[VECTOR_DIMS], plain[VECTOR_DIMS]; /* without and with what is common to all */
	double length;                                 /* of plain */
	const struct allowed *allowed;
	struct top *top;
};

static void compare_chunk(void *user, gint64 chunk, const gint8 *data)
{
	struct comparison *c = user;

	for (guint slot = 0; slot < PER_CHUNK; slot++) {
		const gint8 *v = data + slot * VECTOR_DIMS;
		gint64 wording = chunk * PER_CHUNK + slot;
		if (!is_allowed(c->allowed, wording) || is_empty(v))
			continue;
		double score = dot(v, c->query), likeness;
		if (!top_takes(c->top, wording, score))
			continue;
		likeness = dot(v, c->plain) / (length(v) * c->length);
		if (likeness >= MIN_LIKENESS)
			top_add(c->top, wording, score, likeness);
	}
}

int vectors_rank(struct kg_memory *m, const vector query, const struct allowed *allowed, struct top *top, struct kg_error *err)
{
	struct comparison c = {.allowed = allowed, .top = top};
	struct mean mean = {0};
	int r = embedding_id(m, err);

	if (!r)
		r = take_mean(m, &mean, err);
	c.length = length(query);
	/* Of few vectors the mean is chance, not what is common. */
	float weight = mean.n ? MEAN_SHARE / (float)(mean.n + MEAN_FEW) : 0;
	for (guint i = 0; i < VECTOR_DIMS; i++) {
		c.plain[i] = query[i];
		c.query[i] = (gint16)(8 * (query[i] - weight * (float)mean.sum[i]));
	}
	return r ? r : each_chunk(m, 1, compare_chunk, &c, err);
}

struct counter {
	gint64 n;
};

static void count_chunk(void *user, gint64 chunk, const gint8 *data)
{
	struct counter *counter = user;

	(void)chunk;
	for (guint slot = 0; slot < PER_CHUNK; slot++)
		counter->n += !is_empty(data + slot * VECTOR_DIMS);
}

int vectors_count(struct kg_memory *m, gint64 *ret, struct kg_error *err)
{
	struct counter counter = {0};
	int r = embedding_id(m, err);

	if (!r)
		r = each_chunk(m, 1, count_chunk, &counter, err);
	*ret = counter.n;
	return r;
}

/* ---------------------------------------------------------------- those that are missing */

struct missing {
	GArray *ids;      /* gint64 */
	GPtrArray *texts; /* char * */
};

static int find_missing(struct kg_memory *m, struct missing *missing, gint64 *ret_from, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT wording.id, text, upto FROM embedding JOIN wording ON wording.id > upto"
				      " WHERE embedding.id = ?1 ORDER BY wording.id LIMIT ?2", err);
	int r;

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, m->embedding);
	sqlite3_bind_int(st, 2, m->embed == kg_embed_builtin ? BATCH_BUILTIN : BATCH);
	while ((r = db_step(m, st, err)) > 0) {
		gint64 id = sqlite3_column_int64(st, 0);
		*ret_from = sqlite3_column_int64(st, 2);
		g_array_append_val(missing->ids, id);
		g_ptr_array_add(missing->texts, db_text(st, 1));
	}
	return r;
}

static int keep_all(struct kg_memory *m, const struct missing *missing, const vector *v, gint64 from, struct kg_error *err)
{
	int r = db_begin(m, err);

	if (r)
		return r;
	for (guint i = 0; i < missing->ids->len && !r; i++)
		r = keep(m, g_array_index(missing->ids, gint64, i), v[i], err);
	if (!r)
		r = mark_done(m, from, g_array_index(missing->ids, gint64, missing->ids->len - 1), err);
	return db_end(m, r, err);
}

int vectors_complete(struct kg_memory *m, struct kg_error *err)
{
	g_autofree vector *v = g_new(vector, BATCH_BUILTIN);
	guint n_batches = m->embed == kg_embed_builtin ? G_MAXUINT : MAX_BATCHES;
	gboolean is_done = TRUE;
	int r = embedding_id(m, err);

	for (; !r && is_done && n_batches; n_batches--) {
		g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
		g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
		struct missing missing = {ids, texts};
		gint64 from = 0;
		r = find_missing(m, &missing, &from, err);
		if (r || !ids->len)
			break;
		r = embed(m, (const char *const *)texts->pdata, texts->len, v, &is_done);
		if (!r && is_done)
			r = keep_all(m, &missing, v, from, err);
	}
	return r;
}
