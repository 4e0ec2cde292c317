/**
 * @file
 * The whole way from a sentence to a checked program, as one list, and the verdict on it.
 *
 *   understand -> retrieve -> synthesise -> comprehend -> build -> prove -> load -> try -> run
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/intent.h>
#include <kgent/safety.h>
#include <kgent/synthesise.h>

enum kg_check_result {
	KG_CHECK_PASSED,
	KG_CHECK_FAILED,
	KG_CHECK_NOT_CHECKED, /**< with the reason: nothing is silently assumed */
};

/** One check of a program. */
struct kg_check {
	const char *name; /**< static: "syntax", "attach points", "types", "policy", "build", "proof", "kernel verifier", "trial" */
	enum kg_check_result result;
	char *detail;     /**< one line: what was found, or why it was not checked; owned */
	char *mend;       /**< what to do about it, or NULL; owned */
};

/** The words mean the same in every output. Best first. */
enum kg_verdict_word {
	KG_VERDICT_PROVED,   /**< every obligation proved, and the kernel's verifier accepts it */
	KG_VERDICT_CHECKED,  /**< none refuted, some unknown; accepted; a trial showed what was expected */
	KG_VERDICT_LOADED,   /**< accepted by the kernel's verifier; what it shows was not proved */
	KG_VERDICT_UNLOADED, /**< every static check passed, but no kernel verifier has seen it; not offered to run */
	KG_VERDICT_REFUTED,  /**< a counterexample exists; not offered to run */
	KG_VERDICT_REJECTED, /**< a check failed; not offered to run */
};
const char *kg_verdict_name(enum kg_verdict_word word); /**< "proved", ..., "not loaded", "refuted", "rejected" */

struct kg_verdict {
	enum kg_verdict_word word;
	GPtrArray *checks; /**< struct kg_check *, in the order in which they were made */
	GPtrArray *diags;  /**< struct kg_diag *: all findings about the text */
	gboolean is_policy; /**< rejected by policy alone */
	struct kg_bt_program *program; /**< the tree, or NULL when it does not parse */
	struct kg_effects *effects;    /**< or NULL */
};
struct kg_verdict *kg_verdict_free(struct kg_verdict *verdict);

struct kg_check_opts {
	struct kg_profile *profile;    /**< borrowed; may be NULL */
	const char *const *allowed;    /**< NULL-terminated words: "system", "signal", ... or NULL */
	gboolean no_load;              /**< static checks only */
};
/** All checks on a program text, cheapest first; a failed one ends the list, and those not reached are "not checked". */
int kg_check_program(const char *text, gsize len, const struct kg_check_opts *opts, struct kg_verdict **ret, struct kg_error *err);
