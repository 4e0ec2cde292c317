/* Pairs, hits and outcomes as values: made, copied, released. */
#include "internal.h"

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
