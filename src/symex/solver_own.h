/*
 * What the files behind solver.h share. They are the only ones that include <z3.h>.
 *
 * solver.c   its life, the stack of assertions, questions
 * algebra.c  words and terms, inputs
 * models.c   models: states that were found, and what words are in them
 */
#pragma once

#include "solver.h"

#include <z3.h>

#define MAX_MODELS 6 /* that are remembered */

struct definition {
	Z3_ast of, holds; /* a quotient, and what makes it one */
	Z3_ast divided;
	uint64_t divisor;
};
/* One state: a number for each leaf, and what is known of it. */
struct model {
	gint refs;
	Z3_model z3;
	guint n_quotients; /* so many of the definitions hold in it */
	guint n_hold;      /* ... and so many of the assertions */
	gboolean fails;    /* the one behind them does not */
};

struct solver {
	Z3_context ctx; /* NULL until there is a term: with numbers alone none is needed. Read by other threads: g_atomic_pointer_get() */
	Z3_solver z3;
	unsigned effort, wall_ms;
	/* Assertions. Z3 is told of them where it is asked, and so never of those that nobody asks about. */
	GArray *asserted;        /* struct kg_word */
	GArray *levels;          /* guint: how many there were when each level was opened */
	guint n_told, n_told_levels;
	guint n_false;           /* of the assertions: the number 0 */
	GPtrArray *models;       /* struct model *: remembered, the one that served last in front */
	struct model *model, *saved; /* of the last answer */
	GHashTable *applied;     /* "function and what it is applied to" -> term: see apply() */
	GArray *definitions;     /* struct definition: what holds of quotients; see quotient() */
	GHashTable *done;        /* struct done: what was computed before */
	GHashTable *choices;     /* term that is one of two numbers -> struct choice */
	GHashTable *quotients;   /* term -> GArray of struct quotient */
	GHashTable *parts;       /* quotient -> what was divided */
	GHashTable *is_input;    /* Z3_ast of inputs and memory bytes: the leaves */
	solver_give_fn give;
	void *give_user;
	struct watch {
		GThread *thread;
		GMutex lock;
		GCond changed;
		gint64 until;    /* monotonic us; 0: nobody waits for an answer */
		gint64 wall_us;  /* 0: as long as it takes */
		gboolean is_over;
		gboolean has_cut;
	} watch;
	char *reason;
	struct solver_cost cost;
	gboolean is_broken;
};

/* solver.c */
gboolean own_broke(struct solver *s); /* Z3 failed, now or before */
Z3_context own_context(struct solver *s); /* makes it where there is none yet */
struct walk {
	struct solver *s;
	GHashTable *seen;
	void (*visit)(void *user, void *leaf);
	void *user;
};
void own_walk(struct walk *walk, Z3_ast term);

/* algebra.c */
Z3_ast own_condition(struct solver *s, struct kg_word w); /* of a word of 1 bit */
void own_algebra_new(struct solver *s);
void own_algebra_free(struct solver *s);

/* models.c */
struct model *model_unref(struct solver *s, struct model *m); /* NULL */
void models_free(struct solver *s);
void models_popped(struct solver *s);
/* A remembered state in which all that is asserted holds, and [extra] (may be NULL): it becomes the last model. */
gboolean models_allow(struct solver *s, const struct kg_word *extra);
/* The state that Z3 just found for all that it was told, quotients among it: it is the last model, and remembered. */
void models_take(struct solver *s);
/*
 * The same where Z3 was not told what quotients are: FALSE if the assertions and [extra] do not hold once each quotient is what was divided.
 * [ret_quotients]: a uint64_t for each definition, as Z3 would have it; may be NULL.
 */
gboolean models_take_loose(struct solver *s, const struct kg_word *extra, GArray *ret_quotients);
