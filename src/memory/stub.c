/* Not written yet. */
#include "internal.h"

gboolean kg_memory_is_on(void)
{
	return FALSE;
}

char *kg_memory_path(void)
{
	return NULL;
}

int kg_memory_open(const struct kg_memory_opts *opts, struct kg_memory **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

struct kg_memory *kg_memory_free(struct kg_memory *m)
{
	return NULL;
}

const GPtrArray *kg_memory_notes(const struct kg_memory *m)
{
	return NULL;
}

gboolean kg_memory_is_read_only(const struct kg_memory *m)
{
	return FALSE;
}

const char *kg_memory_file(const struct kg_memory *m)
{
	return NULL;
}

int kg_memory_search(struct kg_memory *m, const char *query, const struct kg_memory_query *q, GPtrArray **ret_hits, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_learn(struct kg_memory *m, const struct kg_memory_pair *pair, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_list(struct kg_memory *m, const struct kg_memory_query *q, GPtrArray **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_get(struct kg_memory *m, gint64 id, struct kg_memory_pair **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_outcomes(struct kg_memory *m, gint64 id, GPtrArray **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_forget(struct kg_memory *m, gint64 id, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_forget_all(struct kg_memory *m, const char *source, guint *ret_n, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_recall(struct kg_memory *m, guint *ret_n, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_import(struct kg_memory *m, const char *text, gsize len, struct kg_memory_imported *ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_export(struct kg_memory *m, gboolean with_corpus, gboolean (*write)(void *user, const char *line, gsize len), void *user, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_memory_stats(struct kg_memory *m, struct kg_memory_stats *ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

struct kg_corpus_case *kg_corpus_case_free(struct kg_corpus_case *c)
{
	return NULL;
}

int kg_corpus_parse(const char *file, const char *text, gsize len, GPtrArray **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_corpus_open(const char *const *dirs, GPtrArray **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

int kg_embed_builtin(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err)
{
	return kg_error_set(err, KG_E_UNSUPPORTED, "memory", "not written yet");
}

