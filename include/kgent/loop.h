/**
 * @file
 * The model engine: a question, a brief, an answer, all checks on it, and every failure fed back, until a program passes or enough was tried.
 *
 *   recall examples -> brief -> ask (or the cache) -> read -> mend -> check --good--> done
 *                        ^                                           |
 *                        +------- all failures of all rounds --------+   at most `trials` rounds, then one question to the user
 *
 * A model's program goes through the same checks as any other, and is at most as good as they say. Nothing runs here.
 */
#pragma once

#include <kgent/agent.h>
#include <kgent/answer.h>
#include <kgent/card.h>
#include <kgent/memory.h>
#include <kgent/model.h>

/** One round: what the model gave, and what became of it. Owned by the list it is in. */
struct kg_round {
	guint number;             /**< from 1 */
	enum kg_answer_kind kind;
	char *program;            /**< as it was checked, mended; NULL: the answer had none */
	char *says;               /**< what the model says instead of a program; NULL. Untrusted: escape it */
	const char *verdict;      /**< word, static; NULL without a program */
	GPtrArray *failures;      /**< char *: what is fed back, one line each; empty for a good one */
	GPtrArray *mends;         /**< char *: what was mended without the model, and how the answer was read */
	gboolean is_cached;       /**< the answer was given earlier, at [when] (Unix time) */
	gint64 when;
	gint64 tokens_in, tokens_out; /**< -1: not said by the server; 0 for one from the cache */
};

struct kg_loop_opts {
	const char *question;
	const char *refused;              /**< why the builtin engine does not answer it, one line; NULL: it was not asked */
	struct kg_model *model;
	const struct kg_config *config;   /**< trials, samples, max-tokens, max-cost, answer-tokens, context, temperature, offline, fresh */
	struct kg_profile *profile;
	const struct kg_cards *cards;
	const struct kg_bpftrace *tool;   /**< NULL: there is none */
	struct kg_memory *memory;         /**< examples are taken from it, and failed programs given to it; NULL: none. A good one is for the
					       caller to keep, once it has run */
	gboolean no_learning;             /**< give it nothing */
	const struct kg_check_opts *check;/**< for kg_check_program() */
	int pid;                          /**< the program has to restrict itself to this process; 0: none */
	gint64 for_ns;                    /**< it is observed for so long by whoever runs it; 0: not said */

	kg_model_progress_fn progress;    /**< may be NULL */
	void (*round)(const struct kg_round *round, void *user); /**< after each round; may be NULL */
	/** Put a question to the user. TRUE and an owned answer, or FALSE: nobody there, or no answer. NULL: nobody to ask */
	gboolean (*ask)(const char *question, const GPtrArray *known, char **ret_answer, void *user);
	void *user;
	const volatile sig_atomic_t *cancel; /**< as of kg_model_request */
};

/** Zero-initialise; release with kg_loop_result_clear(). */
struct kg_loop_result {
	struct kg_candidate *candidate; /**< of the best round; NULL: no answer had a program */
	struct kg_verdict *verdict;     /**< of the candidate */
	gboolean is_good;               /**< no check of it failed */
	GPtrArray *rounds;              /**< struct kg_round *, in order; never NULL after a call, also a failed one */
	GPtrArray *known;               /**< char *: when nothing was good, what is known */
	char *question;                 /**< then the question to the user whose answer would help most; or NULL */
	GPtrArray *cards, *examples;    /**< char *: cards and sentences of examples that the last brief had */
	gint64 tokens_in, tokens_out;   /**< of all requests of this call; -1: a server did not say */
	gboolean is_cost_known;         /**< else the price is not known */
	double cost;                    /**< dollars */
	guint requests;                 /**< sent; 0: all came from the cache */
};
/**
 * Run the loop.
 * @return 0, also where no program was good (is_good says so); errors of kg_model_complete() and kg_brief_build();
 *         -KG_E_NOTFOUND: offline, and not in the cache; -KG_E_LIMIT: max-tokens or max-cost does not allow another round;
 *         -KG_E_INVAL: max-cost with a model whose price is not known. What was reached until then is in *ret
 */
int kg_loop_run(const struct kg_loop_opts *opts, struct kg_loop_result *ret, struct kg_error *err);
void kg_loop_result_clear(struct kg_loop_result *res);

/** What is wrong with a checked program, for whoever has to mend it: char *, one line each, the shortest useful form. Owned. */
GPtrArray *kg_feedback_of(const struct kg_verdict *verdict, const char *program);
