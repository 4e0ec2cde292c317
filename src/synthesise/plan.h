/* Inside of synthesise: how one event of an intent is observed on this kernel. */
#pragma once

#include <kgent/synthesise.h>

/* Which ends of a way the program attaches to. */
enum plan_mode {
	PLAN_POINT, /* the way is a point in time */
	PLAN_BEGIN, /* a span, and all that is asked is known where it begins */
	PLAN_END,   /* a span, and all that is asked is known where it ends */
	PLAN_BOTH,  /* a span: its duration is asked for, or things of both ends */
};

/* A value that is kept from the beginning of a span to its end. */
struct kept {
	char *field;
	gboolean has_valid; /* whether it means something is kept, too */
	gboolean is_late; /* the pointer is kept, and str() called on it at the end */
	guint n_cases;    /* more than one: one map a case, and the case is kept, too */
};

struct plan {
	const struct kg_intent *intent;
	struct kg_profile *profile;
	const struct kg_card *card;
	struct kg_card_way *way; /* owned */
	enum plan_mode mode;
	gboolean only_ok;
	GPtrArray *fields;       /* char *: every field that the program reads, once; borrowed from the intent */
	GPtrArray *kept;         /* struct kept *; PLAN_BOTH only */
	char *map;               /* "@file_read_bytes": where the answer is; NULL where events are printed */
	guint index;             /* which of the intent's events */
	gboolean is_exec;        /* the span is execve(): the thread's name and memory are others at its end */
	gboolean is_split;       /* one clause an attach point: see kg_synthesise() */
};

/* Choose the first of the card's ways on which the kernel and the intent agree. */
int kg_plan(const struct kg_intent *intent, guint index, struct kg_profile *profile, struct plan **ret, struct kg_error *err);
struct plan *kg_plan_free(struct plan *plan);

/* Append the clauses for the plan's event. FALSE: an expression can't be written, [err] says which. */
int kg_clauses(const struct plan *plan, GString *out, struct kg_error *err);

/* The field as KG_DURATION's own card field where the card carries its duration in a field; else NULL. */
const char *kg_plan_duration_field(const struct kg_card *card, const struct kg_card_way *way);
gboolean kg_plan_is_kept(const struct plan *plan, const char *field, const struct kept **ret);
enum kg_unit kg_plan_unit(const struct plan *plan, const char *field);
/* The fields that a printed line has, in order: time and process first where they are known. Owned array of borrowed names. */
GPtrArray *kg_plan_shown(const struct plan *plan);
