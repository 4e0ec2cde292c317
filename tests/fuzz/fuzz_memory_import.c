/* The text of an import: whatever it is, its records are taken or skipped with a reason, and what is taken can be kept. */
#include "../../src/memory/internal.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	guint n_taken, n_skipped, last;
};

static int take(void *user, struct record *record, struct kg_error *err)
{
	struct seen *seen = user;
	const struct kg_memory_pair *pair = &record->pair;
	_cleanup_error_ struct kg_error why = {0};

	g_assert(!memory_check_pair(pair, &why));
	g_assert(pair->prompt && pair->program && pair->source && pair->count >= 0 && pair->when >= 0 && pair->first >= 0);
	for (guint i = 0; record->outcomes && i < record->outcomes->len; i++) {
		const struct kg_memory_outcome *o = record->outcomes->pdata[i];
		g_assert(!o->verdict || pair_verdict_is_known(o->verdict));
		g_assert(o->count >= 0 && o->when >= 0);
	}
	seen->n_taken++;
	return 0;
}

static void skip(void *user, guint number, int line, const char *why)
{
	struct seen *seen = user;

	g_assert(number > seen->last && line > 0 && why && *why);
	seen->last = number;
	seen->n_skipped++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct kg_error err = {0};
	struct seen seen = {0};
	const struct record_sink sink = {take, skip, &seen};
	g_autofree char *text = g_malloc(size + 1); /* its own memory, so that reading beyond the end is seen */

	memcpy(text, data, size);
	int r = records_read(text, size, &sink, &err);
	g_assert(r == 0 ? err.msg == NULL : r == -KG_E_PARSE && err.msg && !seen.n_taken);
	return 0;
}
