/*
 * The shipped examples, taken up into the memory. Whether they changed is seen from their files' names, sizes and times, which
 * costs nothing; then each case's hash says what is new, what is gone and what says something else now. What the user
 * has forgotten stays forgotten, whether its file was renamed (same hash) or its text changed (same name).
 */
#include "internal.h"

#include <kgent/paths.h>

#include <string.h>
#include <sys/stat.h>

static char **corpus_dirs(const struct kg_memory *m)
{
	const char *const one[] = {m->corpus_dir, NULL};

	return m->corpus_dir ? g_strdupv((char **)one) : kg_paths_data("corpus");
}

static void add_file(GChecksum *sum, const char *path)
{
	struct stat st;
	g_autofree char *line = NULL;

	if (stat(path, &st) < 0)
		st = (struct stat){0};
	line = g_strdup_printf("%s %lld %lld.%09ld\n", path, (long long)st.st_size, (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	g_checksum_update(sum, (const guchar *)line, -1);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names, sizes and times of all files; owned. */
static char *state_of(char **dirs)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	for (char **dir = dirs; *dir; dir++) {
		g_autoptr(GDir) d = g_dir_open(*dir, 0, NULL);
		g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
		const char *name;
		while (d && (name = g_dir_read_name(d)))
			if (g_str_has_suffix(name, ".yaml") && *name != '.')
				g_ptr_array_add(paths, g_build_filename(*dir, name, NULL));
		g_ptr_array_sort(paths, compare_names);
		for (guint i = 0; i < paths->len; i++)
			add_file(sum, paths->pdata[i]);
	}
	return g_strdup(g_checksum_get_string(sum));
}

/* What is known of a case: by its name or, where that was forgotten, by its hash. */
struct taken {
	gboolean is_there, is_same, is_forgotten;
	gint64 pair; /* 0: none */
};

static int find_taken(struct kg_memory *m, const struct kg_corpus_case *c, struct taken *ret, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "SELECT name = ?1, hash = ?2, pair, forgotten FROM corpus WHERE name = ?1 OR (hash = ?2 AND forgotten)"
				      " ORDER BY forgotten DESC, name = ?1 DESC LIMIT 1", err);

	if (!st)
		return -err->code;
	db_bind_text(st, 1, c->name);
	db_bind_text(st, 2, c->hash);
	int r = db_step(m, st, err);
	if (r > 0)
		*ret = (struct taken){TRUE, sqlite3_column_int(st, 1), sqlite3_column_int(st, 3), sqlite3_column_int64(st, 2)};
	sqlite3_reset(st);
	return MIN(r, 0);
}

/* A pair that the corpus no longer has: what the user's runs know of it stays. */
static int let_go(struct kg_memory *m, gint64 pair, struct kg_error *err)
{
	gint64 was_used = 0;
	sqlite3_stmt *st = db_prepare(m, "SELECT count > 0 FROM pair WHERE id = ?1", err);

	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, pair);
	int r = db_number(m, st, 0, &was_used, err);
	st = r ? NULL : db_prepare(m, "UPDATE corpus SET pair = NULL WHERE pair = ?1", err);
	if (!st)
		return r ? r : -err->code;
	sqlite3_bind_int64(st, 1, pair);
	r = db_run(m, st, err);
	if (r || !was_used)
		return r ? r : memory_drop(m, pair, err);
	st = db_prepare(m, "UPDATE pair SET source = 'run', name = NULL WHERE id = ?1", err);
	if (!st)
		return -err->code;
	sqlite3_bind_int64(st, 1, pair);
	return db_run(m, st, err);
}

static int mark_taken(struct kg_memory *m, const struct kg_corpus_case *c, gint64 pair, struct kg_error *err)
{
	sqlite3_stmt *st = db_prepare(m, "INSERT INTO corpus (name, hash, pair, forgotten) VALUES (?1, ?2, ?3, 0)"
				      " ON CONFLICT (name) DO UPDATE SET hash = ?2, pair = ?3, forgotten = 0", err);

	if (!st)
		return -err->code;
	db_bind_text(st, 1, c->name);
	db_bind_text(st, 2, c->hash);
	sqlite3_bind_int64(st, 3, pair);
	return db_run(m, st, err);
}

static int take_up(struct kg_memory *m, const struct kg_corpus_case *c, struct kg_error *err)
{
	struct kg_memory_pair pair = {.prompt = c->request, .program = c->program, .language = c->language, .verdict = c->verdict,
				      .reason = c->reason, .source = (char *)"corpus", .also = c->also, .name = c->name};
	struct taken taken = {0};
	gboolean is_new;
	gint64 id;
	int r = find_taken(m, c, &taken, err);

	if (r || taken.is_forgotten || (taken.is_there && taken.is_same && taken.pair))
		return r;
	if (taken.pair)
		r = let_go(m, taken.pair, err);
	if (!r)
		r = memory_put(m, &pair, NULL, PUT_CORPUS, &id, &is_new, err);
	return r ? r : mark_taken(m, c, id, err);
}

/* What the corpus had and has no more. */
static int drop_gone(struct kg_memory *m, GHashTable *names, struct kg_error *err)
{
	g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(gint64));
	sqlite3_stmt *st = db_prepare(m, "SELECT name, pair FROM corpus WHERE NOT forgotten", err);
	int r = 0;

	if (!st)
		return -err->code;
	while (!r && (r = db_step(m, st, err)) > 0) {
		char *name = db_text(st, 0);
		gint64 pair = sqlite3_column_int64(st, 1);
		r = 0;
		if (name && !g_hash_table_contains(names, name)) {
			g_ptr_array_add(gone, name);
			g_array_append_val(pairs, pair);
		} else {
			g_free(name);
		}
	}
	for (guint i = 0; i < gone->len && !r; i++) {
		if (g_array_index(pairs, gint64, i))
			r = let_go(m, g_array_index(pairs, gint64, i), err);
		st = r ? NULL : db_prepare(m, "DELETE FROM corpus WHERE name = ?1", err);
		if (!st)
			return r ? r : -err->code;
		db_bind_text(st, 1, gone->pdata[i]);
		r = db_run(m, st, err);
	}
	return r;
}

static int sync_cases(struct kg_memory *m, const GPtrArray *cases, const char *state, struct kg_error *err)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	int r = 0;

	for (guint i = 0; i < cases->len; i++)
		g_hash_table_add(names, ((struct kg_corpus_case *)cases->pdata[i])->name);
	r = drop_gone(m, names, err);
	for (guint i = 0; i < cases->len && !r; i++)
		r = take_up(m, cases->pdata[i], err);
	return r ? r : schema_set_meta(m, "corpus", state, err);
}

int corpus_sync(struct kg_memory *m, struct kg_error *err)
{
	g_auto(GStrv) dirs = NULL;
	g_autofree char *state = NULL, *taken = NULL;
	g_autoptr(GPtrArray) cases = NULL;

	if (m->corpus_dir && !*m->corpus_dir)
		return 0;
	dirs = corpus_dirs(m);
	state = state_of(dirs);
	taken = schema_meta(m, "corpus");
	if (!dirs[0] || !g_strcmp0(taken, state)) /* no corpus installed: what was taken up before stays */
		return 0;
	int r = kg_corpus_open((const char *const *)dirs, &cases, err);
	if (!r)
		r = vectors_prepare(m, err);
	if (!r)
		r = db_begin(m, err);
	return r ? r : db_end(m, sync_cases(m, cases, state, err), err);
}
