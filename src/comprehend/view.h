/* Inside of comprehend: one way to observe one event, and what its fields are there, in the words of contracts. */
#pragma once

#include <kgent/comprehend.h>

#include <jansson.h>

#define STAGE "comprehend"

/* Which ends of a way a program is attached to. */
enum view_mode {
	VIEW_POINT, /* the way is a point in time */
	VIEW_BOTH,  /* a span: its beginning and its end are seen */
	VIEW_END,   /* a span of one thread, and all that is asked is known where it ends */
	VIEW_BEGIN, /* ... where it begins */
	VIEW_MODES
};

/* One clause in the making. */
struct view {
	const struct kg_intent *intent;
	gboolean is_rendered;
	const struct kg_card *card;
	const struct kg_card_way *way;
	enum view_mode mode;
	gboolean only_ok;                 /* those that succeeded are meant */
	const struct kg_card_site *begin; /* VIEW_BEGIN, VIEW_BOTH */
	const struct kg_card_site *end;   /* all but VIEW_BEGIN */
	json_t *where, *keep;             /* names of the clause so far: text -> text */
	json_t *assume;                   /* what the kernel sees to: texts */
	json_t *assume_begin;             /* the same, where the span begins */
	struct kg_error *err;
};

/* A field: an expression, or one for each case. */
struct view_value {
	GPtrArray *when; /* char *: empty where there is one case that always holds, else one for each of expr */
	GPtrArray *expr; /* char *, at least one */
	char *valid;     /* it means something only where this holds; or NULL */
	enum kg_unit unit;
	gboolean is_duration; /* the time from the beginning to the end, in ns */
};
void view_value_clear(struct view_value *value);
#define _cleanup_value_ __attribute__((cleanup(view_value_clear)))

/* Can the field be known in a way that is seen so? */
gboolean view_has(const struct kg_card *card, const struct kg_card_way *way, enum view_mode mode, const char *field);
/* Is the field the time that the event takes, as the difference of two times? */
gboolean view_is_span_time(const struct kg_card *card, const struct kg_card_way *way, const char *field);
/* FALSE: not here, the view's error says why. */
gboolean view_value(struct view *view, const char *field, struct view_value *ret);
/* A card's expression in the words of the contract: `$name` becomes a name of `where`. Owned. */
char *view_text(struct view *view, const struct kg_card_site *site, const char *text);
/* What the filters, the event itself and "successful" ask for: appended, char *. */
gboolean view_conditions(struct view *view, GPtrArray *conditions);
/* Field names as people read them. */
const char *view_title(const struct view *view, const char *field);

gboolean is_histogram(const struct kg_intent *intent);
/* All must hold: "a && (b || c)"; NULL where there are none. Owned. */
char *all_of(const GPtrArray *conditions);
/* Appends a copy, once. */
void add_condition(GPtrArray *conditions, const char *text);

/* Appends the clauses of one site, [view]'s: one, or one for each case of what it is grouped by. FALSE: it can't be said, the view's error says why. */
gboolean site_clauses(struct view *view, json_t *list);
/* Clauses that differ in their places only become one. */
void merge_clauses(json_t *clauses);
