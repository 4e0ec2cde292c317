/**
 * @file
 * Synthesise: from an intent to a candidate, a bpftrace program for one kernel. The builtin engine: no model.
 */
#pragma once

#include <kgent/intent.h>
#include <kgent/run.h>

/** A program that was written for a request, not yet checked. */
struct kg_candidate {
	char *program;      /**< text */
	const char *language; /**< "bpftrace"; static */
	const char *engine; /**< "builtin"; static */
	GPtrArray *columns; /**< struct kg_run_columns *: how the maps are to be shown */
	GPtrArray *notes;   /**< char *: what the user should know: what a way misses, which attach point was taken instead */
	gint64 for_ns;      /**< how long it runs by itself; 0: until it is stopped */
};
struct kg_candidate *kg_candidate_free(struct kg_candidate *candidate);

/**
 * Compose the program.
 *
 * @return 0; -KG_E_UNSUPPORTED: this kernel has no attach point for an event, the message says why for each;
 *         -KG_E_REFUSED: the parts of the intent can't be had together (a field that is known only elsewhere), the message says which
 */
int kg_synthesise(const struct kg_intent *intent, struct kg_profile *profile, struct kg_candidate **ret, struct kg_error *err);
