/*
 * SQLite behind a few calls. A statement is prepared once for each text and kept; what SQLite reports becomes an error that says what
 * to do. -KG_E_PARSE always means that the file is damaged: see memory_recover().
 *
 * The file has a rollback journal (one file at rest, readable on read-only media); who writes takes its lock at the beginning of the
 * transaction, and waits for others, about BUSY_MS at most.
 */
#include "internal.h"

#include <string.h>
#include <sys/stat.h>

#define BUSY_MS 30000
#define PAUSE_MS 10

/* Somebody else writes. SQLite's own way of waiting sleeps longer and longer, so that who came first may wait for ever among many. */
static int wait_for_others(void *user, int n)
{
	(void)user;
	g_usleep((gulong)g_random_int_range(1, 2 * PAUSE_MS) * 1000);
	return n < BUSY_MS / PAUSE_MS;
}

int db_open(const char *path, gboolean read_only, gboolean immutable, sqlite3 **ret, struct kg_error *err)
{
	g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE);
	g_autofree char *uri = g_strdup_printf("file:%s%s", escaped, immutable ? "?immutable=1" : "");
	gboolean is_memory = !g_strcmp0(path, ":memory:");
	sqlite3 *db = NULL;
	int flags = is_memory ? SQLITE_OPEN_READWRITE : read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int code = sqlite3_open_v2(is_memory ? path : uri, &db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (code != SQLITE_OK) {
		kg_error_set(err, (code & 0xff) == SQLITE_NOMEM ? KG_E_NOMEM : KG_E_IO, "memory", "%s can't be opened: %s", path,
			     db ? sqlite3_errmsg(db) : "out of memory");
		sqlite3_close(db);
		return -err->code;
	}
	/* The file may come from anywhere: nothing in its schema may call functions or write to itself. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_busy_handler(db, wait_for_others, NULL);
	*ret = db;
	return 0;
}

static const struct {
	int sqlite;
	enum kg_errc code;
	const char *hint;
} errors[] = {
	{SQLITE_BUSY, KG_E_LIMIT, "another kgent is writing to it; try again"},
	{SQLITE_LOCKED, KG_E_LIMIT, "another kgent is writing to it; try again"},
	{SQLITE_FULL, KG_E_LIMIT, "make room on the disk; nothing of this was written"},
	{SQLITE_READONLY, KG_E_PERM, "make it writable, or set KGENT_MEMORY to another file"},
	{SQLITE_PERM, KG_E_PERM, "make it writable, or set KGENT_MEMORY to another file"},
	{SQLITE_CANTOPEN, KG_E_PERM, "see that its folder is there and can be written"},
	{SQLITE_CORRUPT, KG_E_PARSE, NULL},
	{SQLITE_NOTADB, KG_E_PARSE, NULL},
	{SQLITE_NOMEM, KG_E_NOMEM, NULL},
};

/* A table of ours that is not there, or not as we made it. Any other error in a statement is a mistake of this code, and no damage. */
static gboolean is_lost_table(const char *message)
{
	static const char *const says[] = {"no such table", "no such column", "no such view", "vtable constructor failed", "malformed"};

	for (gsize i = 0; i < G_N_ELEMENTS(says); i++)
		if (strstr(message, says[i]))
			return TRUE;
	return FALSE;
}

int db_error(struct kg_memory *m, int code, struct kg_error *err)
{
	enum kg_errc errc = KG_E_IO;
	const char *hint = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(errors); i++)
		if (errors[i].sqlite == (code & 0xff)) {
			errc = errors[i].code;
			hint = errors[i].hint;
		}
	if ((code & 0xff) == SQLITE_ERROR && m->db && is_lost_table(sqlite3_errmsg(m->db)))
		errc = KG_E_PARSE;
	gboolean is_new = err && !err->code;
	kg_error_set(err, errc, "memory", "%s: %s", m->path, m->db ? sqlite3_errmsg(m->db) : sqlite3_errstr(code));
	if (is_new && hint)
		kg_error_hint(err, "%s", hint);
	return -errc;
}

sqlite3_stmt *db_prepare(struct kg_memory *m, const char *sql, struct kg_error *err)
{
	sqlite3_stmt *st = g_hash_table_lookup(m->statements, sql);

	if (st) {
		sqlite3_reset(st);
		sqlite3_clear_bindings(st);
		return st;
	}
	int code = sqlite3_prepare_v3(m->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
	if (code != SQLITE_OK) {
		db_error(m, code, err);
		return NULL;
	}
	g_hash_table_insert(m->statements, (gpointer)sql, st);
	return st;
}

int db_step(struct kg_memory *m, sqlite3_stmt *st, struct kg_error *err)
{
	int code = sqlite3_step(st);

	if (code == SQLITE_ROW)
		return 1;
	int r = code == SQLITE_DONE ? 0 : db_error(m, code, err);
	sqlite3_reset(st);
	return r;
}

int db_run(struct kg_memory *m, sqlite3_stmt *st, struct kg_error *err)
{
	int r = st ? db_step(m, st, err) : -err->code;

	if (st)
		sqlite3_reset(st);
	return r > 0 ? 0 : r;
}

int db_exec(struct kg_memory *m, const char *sql, struct kg_error *err)
{
	int code = sqlite3_exec(m->db, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_error(m, code, err);
}

int db_number(struct kg_memory *m, sqlite3_stmt *st, gint64 none, gint64 *ret, struct kg_error *err)
{
	int r = st ? db_step(m, st, err) : -err->code;

	if (r < 0)
		return r;
	*ret = r ? sqlite3_column_int64(st, 0) : none;
	sqlite3_reset(st);
	return 0;
}

void db_bind_text(sqlite3_stmt *st, int at, const char *text)
{
	sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
}

char *db_text(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	/* What was put in is UTF-8; a file that was tampered with may hold anything. */
	return text ? g_utf8_make_valid(text, -1) : NULL;
}

int db_begin(struct kg_memory *m, struct kg_error *err)
{
	int r = m->depth ? 0 : db_exec(m, "BEGIN IMMEDIATE", err);

	if (!r)
		m->depth++;
	return r;
}

int db_end(struct kg_memory *m, int r, struct kg_error *err)
{
	if (--m->depth)
		return r;
	if (!r)
		r = db_exec(m, "COMMIT", err);
	/* After some errors (a full disk) SQLite has rolled back already. */
	if (r && !sqlite3_get_autocommit(m->db))
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
	if (r)
		m->embedding = 0; /* its row may be gone */
	return r;
}

void db_close(struct kg_memory *m)
{
	g_hash_table_remove_all(m->statements);
	if (m->db)
		sqlite3_close(m->db);
	m->db = NULL;
	m->depth = 0;
	m->embedding = 0;
}

int memory_refuse_read_only(const struct kg_memory *m, struct kg_error *err)
{
	if (!m->read_only)
		return 0;
	kg_error_set(err, KG_E_PERM, "memory", "%s can only be read", m->path);
	kg_error_hint(err, "make it writable, or set KGENT_MEMORY to another file");
	return -KG_E_PERM;
}
