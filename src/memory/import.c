/* Import and export. An import is one transaction: all of its good records are there at the end, or none. */
#include "internal.h"

#include <jansson.h>
#include <string.h>

#define MAX_IMPORT ((gsize)1 << 30)
#define MAX_TOLD 100

struct importing {
	struct kg_memory *m;
	struct kg_memory_imported *imported;
};

static int take(void *user, struct record *record, struct kg_error *err)
{
	struct importing *im = user;
	gboolean is_new;
	gint64 id;
	int r = memory_put(im->m, &record->pair, record->outcomes, PUT_IMPORTED, &id, &is_new, err);

	if (!r)
		*(is_new ? &im->imported->n_new : &im->imported->n_merged) += 1;
	return r;
}

static void skip(void *user, guint number, int line, const char *why)
{
	struct importing *im = user;

	if (im->imported->n_skipped++ < MAX_TOLD)
		g_ptr_array_add(im->imported->skipped, g_strdup_printf("record %u (line %d): %s", number, line, why));
}

static int import(struct kg_memory *m, const char *text, gsize len, struct kg_memory_imported *imported, struct kg_error *err)
{
	struct importing im = {m, imported};
	const struct record_sink sink = {take, skip, &im};
	int r = memory_refuse_read_only(m, err);

	if (!r)
		r = vectors_prepare(m, err);
	if (!r)
		r = db_begin(m, err);
	return r ? r : db_end(m, records_read(text, len, &sink, err), err);
}

int kg_memory_import(struct kg_memory *m, const char *text, gsize len, struct kg_memory_imported *ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	struct kg_memory_imported imported = {.skipped = g_ptr_array_new_with_free_func(g_free)};
	int r = len > MAX_IMPORT ? kg_error_set(&own, KG_E_LIMIT, "import", "it is longer than 1 GiB; import it in parts") :
				   import(m, text, len, &imported, &own);

	if (r)
		kg_memory_imported_clear(&imported);
	else
		*ret = imported;
	return memory_tell(r, &own, err);
}

/* ---------------------------------------------------------------- export */

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static void set_outcome(json_t *object, const char *verdict, const char *kernel, const char *reason)
{
	set_text(object, "verdict", verdict);
	set_text(object, "kernel", kernel);
	set_text(object, "reason", reason);
}

static json_t *outcomes_json(const GPtrArray *outcomes)
{
	json_t *list = json_array();

	for (guint i = 0; i < outcomes->len; i++) {
		const struct kg_memory_outcome *o = outcomes->pdata[i];
		json_t *object = json_object();
		set_outcome(object, o->verdict, o->kernel, o->reason);
		json_object_set_new(object, "count", json_integer(o->count));
		json_object_set_new(object, "when", json_integer(o->when));
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *pair_json(const struct kg_memory_pair *pair, const GPtrArray *outcomes)
{
	json_t *object = json_object();

	set_text(object, "request", pair->prompt);
	set_text(object, "bpf", pair->program);
	if (pair->also) {
		json_t *also = json_array();
		for (guint i = 0; i < pair->also->len; i++)
			json_array_append_new(also, json_string(pair->also->pdata[i]));
		json_object_set_new(object, "also", also);
	}
	set_text(object, "language", pair->language);
	set_text(object, "engine", pair->engine);
	set_outcome(object, pair->verdict, pair->kernel, pair->reason);
	set_text(object, "source", pair->source);
	set_text(object, "name", pair->name);
	json_object_set_new(object, "count", json_integer(pair->count));
	json_object_set_new(object, "first", json_integer(pair->first));
	json_object_set_new(object, "when", json_integer(pair->when));
	if (outcomes->len)
		json_object_set_new(object, "outcomes", outcomes_json(outcomes));
	return object;
}

typedef gboolean (*write_fn)(void *user, const char *line, gsize len);

static int export_pair(struct kg_memory *m, struct kg_memory_pair *pair, write_fn write, void *user, struct kg_error *err)
{
	g_autoptr(GPtrArray) outcomes = NULL;
	int r = memory_read_wordings(m, pair, err);

	if (!r)
		r = kg_memory_outcomes(m, pair->id, &outcomes, err);
	if (r)
		return r;
	json_t *object = pair_json(pair, outcomes);
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	g_autofree char *line = text ? g_strconcat(text, "\n", NULL) : NULL;
	free(text);
	if (!line)
		return kg_error_set(err, KG_E_NOMEM, "export", "out of memory");
	return write(user, line, strlen(line)) ? 0 : kg_error_set(err, KG_E_IO, "export", "it could not be written");
}

int kg_memory_export(struct kg_memory *m, gboolean with_corpus, gboolean (*write)(void *user, const char *line, gsize len), void *user,
		     struct kg_error *err)
{
	_cleanup_error_ struct kg_error own = {0};
	sqlite3_stmt *st = db_prepare(m, "SELECT " PAIR_COLUMNS " FROM pair WHERE ?1 OR source != 'corpus' ORDER BY pair.id", &own);
	int r = st ? 0 : -own.code;

	if (st)
		sqlite3_bind_int(st, 1, with_corpus);
	while (!r && (r = db_step(m, st, &own)) > 0) {
		struct kg_memory_pair pair;
		memory_read_pair(st, &pair);
		r = export_pair(m, &pair, write, user, &own);
		kg_memory_pair_clear(&pair);
	}
	if (st)
		sqlite3_reset(st);
	return memory_tell(r, &own, err);
}
