/*
 * Inside of the memory: what its files share.
 *
 *   path.c       where the file is, and whether it is one of ours
 *   open.c       opening it, with everything that can be wrong with a file
 *   db.c         SQLite behind a few calls: statements, transactions, errors
 *   schema.c     its tables, and how older ones become newer ones
 *   pair.c       pairs as values
 *   put.c        a pair goes in or is merged
 *   forget.c     a pair goes out
 *   list.c       pairs are read
 *   search.c     a sentence is looked for: words, vector, both merged by rank
 *   words.c      the ranking by words
 *   vectors.c    the ranking by vectors, and how they are kept
 *   embed.c      the embedding that needs no model
 *   corpus.c     the shipped examples, as files; corpus_sync.c: taken up into the file
 *   read.c       records of an import; import.c: import and export
 */
#pragma once

#include <kgent/memory.h>
#include <sqlite3.h>

#define MEMORY_SCHEMA 1
#define MEMORY_APPLICATION 0x6b67656e /* "kgen", in the header of the file */

#define MAX_PROMPT (64 << 10)
#define MAX_PROGRAM (1 << 20)

struct kg_memory {
	sqlite3 *db;
	char *path;
	char *corpus_dir;         /* as of the options */
	gboolean read_only;
	gboolean read_only_asked; /* by the caller; else because the file is */
	gboolean is_temporary;    /* there is no file */
	guint64 inode;            /* of the file that was opened */
	int depth;                /* transactions that are open, one in the other */
	GHashTable *statements;   /* SQL (its address) -> sqlite3_stmt */
	GPtrArray *notes;
	char *embed_name;
	kg_embed_fn embed;
	void *embed_user;
	gint64 embedding;         /* its row; 0: not looked up yet, -1: there is none and none can be made */
	struct embed_names *names; /* of the built-in embedding */
	gboolean embed_failed;    /* said once */
};

/* pair.c */
enum pair_class { CLASS_OPEN = 0, CLASS_GOOD = 1, CLASS_FAILED = 2 };
enum pair_class pair_classify(const char *verdict, const char *reason, const char *source);
gboolean pair_verdict_is_known(const char *verdict);
void memory_pair_destroy(gpointer pair);
void memory_hit_destroy(gpointer hit);
GPtrArray *memory_outcomes_new(void);
void memory_note(struct kg_memory *m, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Hand the error over to the caller's [err], which may be NULL or set; returns r. */
int memory_tell(int r, struct kg_error *own, struct kg_error *err);

/* path.c */
enum file_kind {
	FILE_NONE,    /* there is none, or an empty one */
	FILE_OURS,    /* a memory of this version or an older one */
	FILE_NEWER,   /* a memory of a newer version */
	FILE_FOREIGN, /* something else, which was named by the user */
	FILE_DAMAGED, /* where ours should be is something that is not SQLite */
};
enum file_kind memory_file_kind(const char *path, int *ret_version);
int memory_file_create(const char *path, struct kg_error *err);
/* Rename the file, and its journal, to a free name beside it. [inode]: only if it is still this one. */
int memory_file_aside(const char *path, guint64 inode, char **ret_aside, struct kg_error *err);

/* open.c */
/* Behind an error: if the file is damaged, move it aside, begin a new one, and say so. TRUE: try again. */
gboolean memory_recover(struct kg_memory *m, struct kg_error *err);

/* db.c */
int db_open(const char *path, gboolean read_only, gboolean immutable, sqlite3 **ret, struct kg_error *err);
int db_error(struct kg_memory *m, int code, struct kg_error *err);
/* A prepared statement for this text, which has to be a literal; reset, without bindings. NULL with [err]. */
sqlite3_stmt *db_prepare(struct kg_memory *m, const char *sql, struct kg_error *err);
/* To its next row: 1, at its end: 0, or an error. At its end and on an error it is reset. */
int db_step(struct kg_memory *m, sqlite3_stmt *st, struct kg_error *err);
/* For statements without rows. */
int db_run(struct kg_memory *m, sqlite3_stmt *st, struct kg_error *err);
int db_exec(struct kg_memory *m, const char *sql, struct kg_error *err);
/* The first column of the first row; [none] if there is no row. Resets it. */
int db_number(struct kg_memory *m, sqlite3_stmt *st, gint64 none, gint64 *ret, struct kg_error *err);
void db_bind_text(sqlite3_stmt *st, int at, const char *text); /* borrowed until it is reset */
char *db_text(sqlite3_stmt *st, int at);                       /* owned; NULL for NULL */
int db_begin(struct kg_memory *m, struct kg_error *err);
/* Ends the transaction: keeps it if r is 0. Returns r, or why it could not be kept. */
int db_end(struct kg_memory *m, int r, struct kg_error *err);
void db_close(struct kg_memory *m);
int memory_refuse_read_only(const struct kg_memory *m, struct kg_error *err);

/* schema.c */
int schema_bring_up(struct kg_memory *m, struct kg_error *err);
/* The same with other steps, for tests. */
int schema_apply(struct kg_memory *m, const char *const *steps, int n_steps, struct kg_error *err);
char *schema_meta(struct kg_memory *m, const char *key);
int schema_set_meta(struct kg_memory *m, const char *key, const char *value, struct kg_error *err);

/* put.c */
enum put_how {
	PUT_SEEN,     /* once more: its count grows, its outcome is the last */
	PUT_IMPORTED, /* known from elsewhere: the larger count and the later outcome stay */
	PUT_CORPUS,   /* shipped: what is known of it stays, its source becomes the corpus */
};
/* In a transaction. [outcomes] may be NULL. */
int memory_put(struct kg_memory *m, const struct kg_memory_pair *pair, const GPtrArray *outcomes, enum put_how how, gint64 *ret_id,
	       gboolean *ret_new, struct kg_error *err);
/* Is it one that memory_put() takes? */
int memory_check_pair(const struct kg_memory_pair *pair, struct kg_error *err);
/* Remove wordings with their words and vectors, and the pair. In a transaction. */
int memory_drop(struct kg_memory *m, gint64 id, struct kg_error *err);
int memory_drop_wordings(struct kg_memory *m, gint64 id, struct kg_error *err);

/* list.c */
/* Columns of PAIR_COLUMNS, in this order, from column [at] on. */
#define PAIR_COLUMNS "pair.id, prompt, program, language, engine, verdict, kernel, reason, source, last, first, count, name"
void memory_read_pair(sqlite3_stmt *st, struct kg_memory_pair *pair);
int memory_read_wordings(struct kg_memory *m, struct kg_memory_pair *pair, struct kg_error *err);
/* Does the pair fit? With a kernel, its outcome is replaced by the one there. */
int memory_fits(struct kg_memory *m, const struct kg_memory_query *q, struct kg_memory_pair *pair, gboolean *ret, struct kg_error *err);

/* search.c: the n best of many */
struct ranked {
	gint64 wording;
	double score;
	double likeness; /* by vector */
};
struct top {
	guint max;
	GArray *items; /* struct ranked, a heap whose first is the worst; top_sort() ends it */
};
/* Would one with this score be taken? */
gboolean top_takes(const struct top *top, gint64 wording, double score);
void top_add(struct top *top, gint64 wording, double score, double likeness);
void top_sort(struct top *top);
/* Which wordings may be found: bits by id, or NULL for all. */
struct allowed {
	guint8 *bits;
	gint64 max;
};
gboolean is_allowed(const struct allowed *allowed, gint64 wording);

/* words.c */
/* ret_has_names: something in the query is written as in a program (tcp_connect). */
int words_rank(struct kg_memory *m, const char *query, const struct allowed *allowed, struct top *top, gboolean *ret_has_names,
	       struct kg_error *err);

/* vectors.c */
#define VECTOR_DIMS 256
typedef gint8 vector[VECTOR_DIMS];
/* The vector of a query; -KG_E_NOTFOUND: it has none (no words), or the embedding can't be had. */
int vectors_query(struct kg_memory *m, const char *query, vector ret, struct kg_error *err);
int vectors_rank(struct kg_memory *m, const vector query, const struct allowed *allowed, struct top *top, struct kg_error *err);
/* Before many vectors_put(): they are made at once, not at the next search. */
int vectors_prepare(struct kg_memory *m, struct kg_error *err);
/* Give a wording its vector, or take it away. In a transaction. */
int vectors_put(struct kg_memory *m, gint64 wording, const char *text, struct kg_error *err);
int vectors_drop(struct kg_memory *m, gint64 wording, struct kg_error *err);
/* Vectors for wordings that have none of this embedding yet. */
int vectors_complete(struct kg_memory *m, struct kg_error *err);
int vectors_count(struct kg_memory *m, gint64 *ret, struct kg_error *err);
void vector_pack(const float *v, gsize dims, vector ret);

/* embed.c */
gboolean embed_is_stop_word(const char *word, gsize len);
/* What the event cards call events: the user data of kg_embed_builtin(), which does without if there is none. NULL: no cards. */
struct embed_names;
struct embed_names *embed_names_new(void);
struct embed_names *embed_names_free(struct embed_names *names);
const char *embed_names_version(const struct embed_names *names);

/* corpus_sync.c */
int corpus_sync(struct kg_memory *m, struct kg_error *err);

/* read.c: what an import's text holds */
struct record {
	struct kg_memory_pair pair;
	GPtrArray *outcomes; /* struct kg_memory_outcome *; may be NULL */
};
/* Calls [take] for each good record and [skip] for each bad one; both end it by returning an error. */
struct record_sink {
	int (*take)(void *user, struct record *record, struct kg_error *err);
	void (*skip)(void *user, guint number, int line, const char *why);
	void *user;
};
int records_read(const char *text, gsize len, const struct record_sink *sink, struct kg_error *err);
void record_clear(struct record *record);
