/**
 * @file
 * Mutants: realistic wrong variants of a program, to see whether a contract can fail.
 *
 * Each is the program with one mistake of the kind that people and language models make: a byte swap left out, a thread taken for its process, a filter
 * dropped, inverted or off by one, another unit, the neighbouring field, arguments exchanged, the probe at another place, an entry not deleted.
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/profile.h>

/** The kinds of mistakes; kg_mutant_kind_name() gives their names. */
enum kg_mutant_kind {
	KG_MUTANT_SWAP,      /**< a byte swap dropped, or added */
	KG_MUTANT_IDENTITY,  /**< pid for tid, uid for gid, kernel stack for user stack */
	KG_MUTANT_FILTER,    /**< a predicate or condition dropped, inverted, or one side of it dropped */
	KG_MUTANT_COMPARE,   /**< off by one, < for <=, < for > */
	KG_MUTANT_CONSTANT,  /**< a number off by one */
	KG_MUTANT_UNIT,      /**< divided by another power of 1000, or not at all */
	KG_MUTANT_FIELD,     /**< a neighbouring field of the same type */
	KG_MUTANT_EXCHANGE,  /**< two printed values, or two keys, exchanged */
	KG_MUTANT_PROBE,     /**< enter for exit, one address family's function, one of several probes dropped */
	KG_MUTANT_DELETE,    /**< delete() or clear() left out */
	KG_MUTANT_AGGREGATE, /**< count() for sum(), sum() for hist(), ... */
	KG_MUTANT_KEY,       /**< another key, or one key less */
	KG_MUTANT_SIGN,      /**< a minus too many or too few */
	KG_MUTANT_KINDS
};
const char *kg_mutant_kind_name(enum kg_mutant_kind kind); /**< "byte swap", "identity", ... */

struct kg_mutant {
	enum kg_mutant_kind kind;
	char *what;        /**< "bswap() dropped", "tid for pid" */
	struct kg_loc loc; /**< in the original's text */
	char *text;        /**< the whole program */
};

/**
 * Make the mutants of a program: at most [max], of all kinds in turn, no text twice. Not all of them compile.
 *
 * @param program is changed while this runs, and as it was behind it
 * @param profile names of fields and attach points; NULL: none of these mutants
 * @return owned array of struct kg_mutant *
 */
GPtrArray *kg_mutants_make(struct kg_bt_program *program, struct kg_profile *profile, guint max);
