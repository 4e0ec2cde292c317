/* What the files of the loop share. */
#pragma once

#include <kgent/brief.h>
#include <kgent/loop.h>

/* Examples for a brief, and the hits that own their texts. */
struct recalled {
	GPtrArray *good, *failed;           /* struct kg_brief_example * */
	GPtrArray *good_hits, *failed_hits;
};
void recall(struct kg_memory *memory, const char *question, struct recalled *ret);
void recalled_clear(struct recalled *recalled);
/* Keep a program that failed, with the reason. */
void learn_failure(struct kg_memory *memory, const char *question, const struct kg_round *round, const char *kernel);

/* What a request may still cost. */
struct budget {
	const struct kg_model *model;
	gint64 max_tokens;  /* 0: no limit */
	double max_cost;    /* 0: no limit */
	gint64 answer_tokens;
	gint64 spent_in, spent_out; /* roughly, where a server does not say */
};
int budget_init(struct budget *b, const struct kg_model *model, const struct kg_config *config, struct kg_error *err);
/* How long the next answer to a brief of so many tokens may be; -KG_E_LIMIT where there is no room for one. */
int budget_allows(const struct budget *b, gint64 brief_tokens, gint64 *ret_answer, struct kg_error *err);
void budget_spend(struct budget *b, const struct kg_brief *brief, const struct kg_model_reply *reply);

/* Which question's answer would help most, after rounds that all failed; and what is known. */
char *loop_question(const GPtrArray *rounds, const struct kg_verdict *verdict, struct kg_profile *profile, const char *question);
void loop_known(const GPtrArray *rounds, GPtrArray *known);
/* Notes on what no check refuses and is yet most likely wrong: values of the current task where the cards say that it is not the event's; no event at
   all. */
void loop_context_notes(const struct kg_bt_program *program, const struct kg_cards *cards, GPtrArray *notes);
/* Does every probe that is no timer look at process [pid] only, or at what another probe kept for it? */
gboolean loop_is_restricted(const struct kg_bt_program *program, int pid);
