/*
 * Opening the memory. What can be wrong with its file, and what is done about it:
 *
 *   it is not there                made, mode 0600; read only: the corpus alone, in main memory
 *   a newer kgent wrote it         refused; it is not even opened
 *   it is something else           refused
 *   it is damaged                  moved aside under a name that a note tells; a new one begins with what can still be read of it
 *   it can't be written            opened for reading; on read-only media without SQLite's locks
 *   the corpus is broken           a note; the memory works without it
 *
 * Damage that shows later, in the middle of a question, is met in the same way, once: memory_recover().
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct kg_memory *kg_memory_free(struct kg_memory *m)
{
	if (!m)
		return NULL;
	if (m->statements)
		db_close(m);
	g_clear_pointer(&m->statements, g_hash_table_unref);
	g_clear_pointer(&m->notes, g_ptr_array_unref);
	g_free(m->path);
	g_free(m->corpus_dir);
	embed_names_free(m->names);
	g_free(m->embed_name);
	g_free(m);
	return NULL;
}

const GPtrArray *kg_memory_notes(const struct kg_memory *m)
{
	return m->notes;
}

gboolean kg_memory_is_read_only(const struct kg_memory *m)
{
	return m->read_only;
}

const char *kg_memory_file(const struct kg_memory *m)
{
	return m->path;
}

static void finalize(gpointer st)
{
	sqlite3_finalize(st);
}

static struct kg_memory *new_memory(const struct kg_memory_opts *opts, char *path)
{
	struct kg_memory *m = g_new0(struct kg_memory, 1);

	m->path = path;
	m->corpus_dir = g_strdup(opts->corpus_dir);
	m->read_only = m->read_only_asked = opts->read_only;
	m->statements = g_hash_table_new_full(NULL, NULL, NULL, finalize);
	m->notes = g_ptr_array_new_with_free_func(g_free);
	m->embed_name = g_strdup(opts->embed ? opts->embed_name ?: "unnamed" : KG_EMBED_BUILTIN);
	m->embed = opts->embed ?: kg_embed_builtin;
	m->embed_user = opts->embed_user;
	return m;
}

/* ---------------------------------------------------------------- what stands there */

static int refuse(const struct kg_memory *m, enum file_kind kind, int version, struct kg_error *err)
{
	if (kind == FILE_NEWER) {
		kg_error_set(err, KG_E_UNSUPPORTED, "memory", "%s was written by a newer kgent (its version is %d, this kgent knows %d)", m->path,
			     version, MEMORY_SCHEMA);
		kg_error_hint(err, "use that kgent, or set KGENT_MEMORY to another file; this one was not touched");
		return -KG_E_UNSUPPORTED;
	}
	kg_error_set(err, KG_E_PARSE, "memory", "%s is no memory of kgent's", m->path);
	kg_error_hint(err, "set KGENT_MEMORY to another file; this one was not touched");
	return -KG_E_PARSE;
}

/* No file, and none is to be made: the corpus is taken up in main memory, and goes with it. */
static int open_temporary(struct kg_memory *m, struct kg_error *err)
{
	gboolean read_only = m->read_only;
	int r = db_open(":memory:", FALSE, FALSE, &m->db, err);

	m->is_temporary = TRUE;
	m->read_only = FALSE;
	if (!r)
		r = schema_bring_up(m, err);
	if (!r)
		r = corpus_sync(m, err);
	m->read_only = read_only;
	return r;
}

/* What is moved aside later must be this file, and not a new one that another kgent has put in its place. */
static void note_inode(struct kg_memory *m)
{
	struct stat st;

	m->inode = stat(m->path, &st) < 0 ? 0 : st.st_ino;
}

static int open_to_write(struct kg_memory *m, struct kg_error *err)
{
	int r = memory_file_create(m->path, err);

	note_inode(m);
	if (!r)
		r = db_open(m->path, FALSE, FALSE, &m->db, err);
	/* SQLite opens a file for reading where it can't be written, and says nothing. */
	if (!r && sqlite3_db_readonly(m->db, "main") == 1)
		r = kg_error_set(err, KG_E_PERM, "memory", "%s can't be written", m->path);
	if (!r)
		r = schema_bring_up(m, err);
	return r;
}

static gboolean can_be_searched(struct kg_memory *m, struct kg_error *err)
{
	gint64 n;

	return !db_number(m, db_prepare(m, "SELECT count(*) FROM meta", err), 0, &n, err);
}

/* On read-only media there can be no lock and no journal: such a file does not change, and is read without them. */
static int open_to_read(struct kg_memory *m, struct kg_error *err)
{
	_cleanup_error_ struct kg_error first = {0};
	g_autofree char *dir = g_path_get_dirname(m->path);
	int r = db_open(m->path, TRUE, FALSE, &m->db, &first);

	m->read_only = TRUE;
	if (!r && can_be_searched(m, &first))
		return schema_bring_up(m, err);
	if (access(dir, W_OK) < 0 && r != -KG_E_PARSE) {
		db_close(m);
		kg_error_clear(&first);
		r = db_open(m->path, TRUE, TRUE, &m->db, &first);
		if (!r && can_be_searched(m, &first))
			return schema_bring_up(m, err);
	}
	return memory_tell(-first.code, &first, err);
}

/* ---------------------------------------------------------------- damage */

static int copy_pair(struct kg_memory *m, sqlite3_stmt *from, struct kg_error *err)
{
	struct kg_memory_pair pair;
	gboolean is_new;
	gint64 id;
	int r = 0;

	memory_read_pair(from, &pair);
	if (!memory_check_pair(&pair, err))
		r = memory_put(m, &pair, NULL, PUT_IMPORTED, &id, &is_new, err);
	else
		kg_error_clear(err);
	kg_memory_pair_clear(&pair);
	return r;
}

/* What can still be read of the damaged file goes into the new one. Returns how many pairs that were. */
static guint salvage(struct kg_memory *m, const char *aside)
{
	_cleanup_error_ struct kg_error err = {0};
	sqlite3 *old = NULL;
	sqlite3_stmt *st = NULL;
	guint n = 0;

	if (db_open(aside, TRUE, FALSE, &old, &err) || db_begin(m, &err)) {
		sqlite3_close(old);
		return 0;
	}
	if (sqlite3_prepare_v2(old, "SELECT " PAIR_COLUMNS " FROM pair NOT INDEXED WHERE source != 'corpus'", -1, &st, NULL) == SQLITE_OK)
		while (sqlite3_step(st) == SQLITE_ROW && !copy_pair(m, st, &err))
			n++;
	sqlite3_finalize(st);
	sqlite3_close(old);
	return db_end(m, -err.code, &err) ? 0 : n;
}

static int begin_anew(struct kg_memory *m, struct kg_error *err)
{
	g_autofree char *aside = NULL;
	int r;

	db_close(m);
	r = memory_file_aside(m->path, m->inode, &aside, err);
	if (!r)
		r = open_to_write(m, err);
	if (r || !aside)
		return r;
	memory_note(m, "the memory was damaged: it was moved to %s, and a new one begun with the %u pairs that could be read", aside,
		    salvage(m, aside));
	return 0;
}

static void take_up_corpus(struct kg_memory *m)
{
	_cleanup_error_ struct kg_error err = {0};

	if (!m->read_only && corpus_sync(m, &err))
		memory_note(m, "the shipped examples could not be taken up: %s", err.msg);
}

gboolean memory_recover(struct kg_memory *m, struct kg_error *err)
{
	int version;

	if (err->code != KG_E_PARSE || m->is_temporary || m->depth)
		return FALSE;
	if (m->read_only) {
		kg_error_hint(err, "it is damaged; a kgent that can write to it moves it aside");
		return FALSE;
	}
	enum file_kind kind = memory_file_kind(m->path, &version);
	kg_error_clear(err);
	if (kind == FILE_NEWER || kind == FILE_FOREIGN)
		return refuse(m, kind, version, err) == 0;
	if (begin_anew(m, err))
		return FALSE;
	take_up_corpus(m);
	return TRUE;
}

/* ---------------------------------------------------------------- opening */

static int open_file(struct kg_memory *m, enum file_kind kind, struct kg_error *err)
{
	int r = kind == FILE_DAMAGED && !m->read_only ? begin_anew(m, err) :
		m->read_only			      ? open_to_read(m, err) :
							open_to_write(m, err);

	if (r == -KG_E_PARSE && memory_recover(m, err))
		return 0;
	if (r != -KG_E_PERM || m->read_only || !g_file_test(m->path, G_FILE_TEST_EXISTS))
		return r;
	_cleanup_error_ struct kg_error cannot_write = *err;
	*err = (struct kg_error){0};
	db_close(m);
	r = open_to_read(m, err);
	if (!r)
		memory_note(m, "the memory can only be read: %s", cannot_write.msg);
	return r;
}

static int open_memory(struct kg_memory *m, struct kg_error *err)
{
	int version, r;

	if (!strcmp(m->path, ":memory:"))
		return open_temporary(m, err);
	note_inode(m); /* before it is looked at */
	enum file_kind kind = memory_file_kind(m->path, &version);
	if (kind == FILE_NEWER || kind == FILE_FOREIGN)
		return refuse(m, kind, version, err);
	if (m->read_only && kind == FILE_NONE && access(m->path, R_OK) < 0 && errno == ENOENT)
		return open_temporary(m, err);
	if (m->read_only && kind == FILE_NONE && access(m->path, R_OK) == 0)
		return open_temporary(m, err);
	r = open_file(m, kind, err);
	if (!r)
		take_up_corpus(m);
	return r;
}

int kg_memory_open(const struct kg_memory_opts *opts, struct kg_memory **ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	g_autofree char *path = opts->path ? g_strdup(opts->path) : kg_memory_path();

	if (!path) {
		kg_error_set(&own, KG_E_NOTFOUND, "memory", "there is no home to keep the memory in");
		kg_error_hint(&own, "set HOME, XDG_DATA_HOME or KGENT_MEMORY");
		return memory_tell(-KG_E_NOTFOUND, &own, err);
	}
	struct kg_memory *m = new_memory(opts, g_steal_pointer(&path));
	int r = open_memory(m, &own);
	if (r)
		kg_memory_free(m);
	else
		*ret = m;
	return memory_tell(r, &own, err);
}
