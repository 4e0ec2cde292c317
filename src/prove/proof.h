/* Making and completing proofs: between prove.c, loss.c and json.c. */
#pragma once

#include <kgent/prove.h>

#include <jansson.h>

#define INLINE_ASSUMES "of the program itself, for its own assertions: " /* what the assumptions that assume() made begin with */
#define INLINE_UNCOVERED "assume(" /* ... and notes on those that mean nothing */

struct kg_proof *proof_new(void);
struct kg_obligation_result *proof_result(struct kg_proof *proof, enum kg_obligation_kind kind, const char *what);
gboolean proof_is_stopped(const struct kg_prove_opts *opts);
void fact_free(gpointer fact);
void counterexample_free(gpointer ce);
struct kg_ce_event *ce_event_new(const char *attach);
void ce_event_free(gpointer event);
void step_free(gpointer step);
/* What can be lost without a trace, read off the program and the object. */
void proof_losses(struct kg_proof *proof, const struct kg_object *object, const struct kg_bt_program *program, struct kg_profile *profile,
		  const struct kg_bpftrace_limits *limits);
/* A copy in which each attach point is a program of its own; all else is borrowed. */
struct kg_object object_separate(const struct kg_object *object);
void object_separate_clear(struct kg_object *copy);
/* JSON of a counterexample, and back. */
json_t *counterexample_json(const struct kg_counterexample *ce);
struct kg_counterexample *read_counterexample(const json_t *object);
/* A counterexample for people, and what stands before its parts: what is shown, what was asked for, and the way or the two ways that were taken. */
struct ce_words {
	const char *shown, *wanted, *way, *other_way;
};
extern const struct ce_words ce_words_of_proof;
void counterexample_text(const struct kg_counterexample *ce, const struct ce_words *words, GString *out);
