/* Pairs, hits and outcomes as values: made, judged, released. */
#include "internal.h"

#include <string.h>

/* The words of kg_verdict_name(), which stand in the file. */
static const struct {
	const char *word;
	enum pair_class class;
} verdicts[] = {
	{"proved", CLASS_GOOD},    {"checked", CLASS_GOOD},   {"loaded", CLASS_GOOD},
	{"not loaded", CLASS_OPEN}, {"refuted", CLASS_FAILED}, {"rejected", CLASS_FAILED},
};

gboolean pair_verdict_is_known(const char *verdict)
{
	for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++)
		if (!strcmp(verdicts[i].word, verdict))
			return TRUE;
	return FALSE;
}

/*
 * Is it an example of how it is done, or of how not? Nothing speaks against a pair of the corpus or of an import that was not
 * checked here; a run of which no verifier has seen the program says nothing.
 */
enum pair_class pair_classify(const char *verdict, const char *reason, const char *source)
{
	enum pair_class class = CLASS_OPEN;

	for (gsize i = 0; verdict && i < G_N_ELEMENTS(verdicts); i++)
		if (!strcmp(verdicts[i].word, verdict))
			class = verdicts[i].class;
	if (reason && *reason)
		return CLASS_FAILED;
	return class == CLASS_OPEN && g_strcmp0(source, "run") != 0 ? CLASS_GOOD : class;
}

struct kg_memory_pair *kg_memory_pair_new(void)
{
	return g_new0(struct kg_memory_pair, 1);
}

void kg_memory_pair_clear(struct kg_memory_pair *pair)
{
	char *const owned[] = {pair->prompt, pair->program, pair->language, pair->engine, pair->verdict,
			       pair->kernel, pair->reason,  pair->source,   pair->name};

	for (gsize i = 0; i < G_N_ELEMENTS(owned); i++)
		g_free(owned[i]);
	if (pair->also)
		g_ptr_array_unref(pair->also);
	*pair = (struct kg_memory_pair){0};
}

struct kg_memory_pair *kg_memory_pair_free(struct kg_memory_pair *pair)
{
	if (pair)
		kg_memory_pair_clear(pair);
	g_free(pair);
	return NULL;
}

struct kg_memory_hit *kg_memory_hit_free(struct kg_memory_hit *hit)
{
	if (hit)
		kg_memory_pair_clear(&hit->pair);
	g_free(hit);
	return NULL;
}

void memory_pair_destroy(gpointer pair)
{
	kg_memory_pair_free(pair);
}

void memory_hit_destroy(gpointer hit)
{
	kg_memory_hit_free(hit);
}

static void outcome_destroy(gpointer data)
{
	struct kg_memory_outcome *outcome = data;

	g_free(outcome->verdict);
	g_free(outcome->kernel);
	g_free(outcome->reason);
	g_free(outcome);
}

GPtrArray *memory_outcomes_new(void)
{
	return g_ptr_array_new_with_free_func(outcome_destroy);
}

void kg_memory_imported_clear(struct kg_memory_imported *r)
{
	g_clear_pointer(&r->skipped, g_ptr_array_unref);
	*r = (struct kg_memory_imported){0};
}

void kg_memory_stats_clear(struct kg_memory_stats *stats)
{
	g_clear_pointer(&stats->embedding, g_free);
	*stats = (struct kg_memory_stats){0};
}

void memory_note(struct kg_memory *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	g_ptr_array_add(m->notes, g_strdup_vprintf(fmt, args));
	va_end(args);
}

int memory_tell(int r, struct kg_error *own, struct kg_error *err)
{
	if (r && err && !err->code) {
		*err = *own;
		*own = (struct kg_error){0};
	}
	return r;
}
