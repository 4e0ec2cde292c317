/* What the memory gives to a brief, and what it gets of a request. A memory that does not work never stops one. */
#include "loop.h"

#include <string.h>

#define MAX_GOOD 4
#define MAX_FAILED 2

static GPtrArray *search(struct kg_memory *memory, const char *question, enum kg_memory_which which, guint limit)
{
	struct kg_memory_query query = {.limit = limit, .which = which};
	GPtrArray *hits = NULL;

	return memory && !kg_memory_search(memory, question, &query, &hits, NULL) ? hits : NULL;
}

static GPtrArray *examples_of(const GPtrArray *hits, gboolean is_failed)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; hits && i < hits->len; i++) {
		const struct kg_memory_hit *hit = hits->pdata[i];
		struct kg_brief_example *e = g_new0(struct kg_brief_example, 1);
		*e = (struct kg_brief_example){hit->pair.prompt, hit->pair.program, is_failed ? hit->pair.reason ?: "it failed its checks" : NULL};
		g_ptr_array_add(list, e);
	}
	return list;
}

void recall(struct kg_memory *memory, const char *question, struct recalled *ret)
{
	ret->good_hits = search(memory, question, KG_MEMORY_GOOD, MAX_GOOD);
	ret->failed_hits = search(memory, question, KG_MEMORY_FAILED, MAX_FAILED);
	ret->good = examples_of(ret->good_hits, FALSE);
	ret->failed = examples_of(ret->failed_hits, TRUE);
}

void recalled_clear(struct recalled *r)
{
	g_clear_pointer(&r->good, g_ptr_array_unref);
	g_clear_pointer(&r->failed, g_ptr_array_unref);
	g_clear_pointer(&r->good_hits, g_ptr_array_unref);
	g_clear_pointer(&r->failed_hits, g_ptr_array_unref);
}

void learn_failure(struct kg_memory *memory, const char *question, const struct kg_round *round, const char *kernel)
{
	/* borrowed for the call: learning copies */
	const struct kg_memory_pair pair = {.prompt = (char *)question, .program = round->program, .language = (char *)"bpftrace",
					    .engine = (char *)"model", .verdict = (char *)round->verdict, .kernel = (char *)kernel,
					    .reason = round->failures->pdata[0], .source = (char *)"run"};

	if (memory && !kg_memory_is_read_only(memory))
		kg_memory_learn(memory, &pair, NULL);
}
