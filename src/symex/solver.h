/*
 * The seam to Z3: words as bit-vector terms, and the questions "can this be?" with a model as the answer.
 *
 * A solver has one stack of assertions: the path that is being explored. Questions have a time limit; an answer that Z3 does not give
 * is SOLVER_UNKNOWN and never taken for one of the others (the paper's own scripts took "unsat" for "sat").
 *
 * Terms live as long as the solver: Z3's context without reference counts keeps them.
 */
#pragma once

#include <kgent/isa.h>

enum solver_answer { SOLVER_UNSAT, SOLVER_SAT, SOLVER_UNKNOWN };

/* The functions of memory: a byte by its address. */
enum solver_function { SOLVER_KERNEL_MEMORY, SOLVER_USER_MEMORY, SOLVER_PACKET, SOLVER_FUNCTIONS };

struct solver;
/* [effort]: of one question, in the solver's own steps; 0: a default. [wall_ms]: the most that a question takes in any case; 0: no bound. */
struct solver *solver_new(unsigned effort, unsigned wall_ms);
struct solver *solver_free(struct solver *s);

extern const struct kg_algebra solver_algebra; /* self: a struct solver * (see symex.c for who embeds it) */

/*
 * For runs with everything known: [give] is asked for a number for each input, byte and token that is made from now on, by its name ("arg0 #0", "memory 2 0x1f").
 * FALSE: it stays unknown. Programs then fold to numbers, and Z3 is not even started where nothing stays unknown.
 */
typedef gboolean (*solver_give_fn)(void *user, const char *name, uint64_t *ret);
void solver_give(struct solver *s, solver_give_fn give, void *user);

/* A new constant of [width] bits with a name of its own. */
struct kg_word solver_input(struct solver *s, const char *name, unsigned width);
/* The byte at [address] (64 bits). */
struct kg_word solver_byte(struct solver *s, enum solver_function f, struct kg_word address);
/* A token of 64 bits that is the same for the same name and inputs, and unknown otherwise (stack ids, symbols). */
struct kg_word solver_token(struct solver *s, const char *name, const struct kg_word *inputs, const unsigned *widths, unsigned n);

void solver_push(struct solver *s);
void solver_pop(struct solver *s);
/* [condition] has 1 bit. */
void solver_assert(struct solver *s, struct kg_word condition);
/* Can all assertions and [extra] (may be NULL) hold together? After SOLVER_SAT solver_value() answers from the model. */
enum solver_answer solver_check(struct solver *s, const struct kg_word *extra);
/* May [condition] hold on this path? FALSE is sure; TRUE may be too much (quotients are not looked into). For choosing ways. */
gboolean solver_is_possible(struct solver *s, struct kg_word condition);
/* Why the last answer was SOLVER_UNKNOWN: static or owned by [s]. */
const char *solver_reason(const struct solver *s);
/* The value of a word of at most 64 bits in the last model; what the model leaves open is 0. */
uint64_t solver_value(struct solver *s, struct kg_word w);
/* Keep the model of the last solver_check() over further checks; NULL frees nothing. */
void solver_save_model(struct solver *s);
void solver_restore_model(struct solver *s);

/* Structure of terms. */
gboolean word_same(struct kg_word a, struct kg_word b); /* the same number or the same term */
/* Take [w] (64 bits) apart into base + offset: TRUE and a term base; a number has base 0. */
gboolean solver_split(struct solver *s, struct kg_word w, struct kg_word *base, int64_t *offset);
/* Call [visit] for every input and every byte of memory below [w]. */
void solver_leaves(struct solver *s, struct kg_word w, void (*visit)(void *user, void *leaf), void *user);
/* Is [q] something divided by a number? */
gboolean solver_is_quotient(struct solver *s, struct kg_word q, struct kg_word *ret_of, uint64_t *ret_divisor);

/* What it cost. */
struct solver_cost {
	guint checks, unknowns;
	gint64 ns;
};
struct solver_cost solver_cost(const struct solver *s);
void solver_interrupt(struct solver *s); /* may be called from a signal handler's thread: makes the running check unknown */
gboolean solver_is_broken(const struct solver *s); /* out of memory, or an error of Z3: every answer is unknown from here on */
