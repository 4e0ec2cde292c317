/**
 * @file
 * Understand: from an English sentence to what is asked.
 *
 * The sentence is read against the event cards and the profile. Every content word has to be accounted for: what is left over,
 * or what could mean two things, is a refusal that names the words. A sentence that is only half understood is never answered.
 */
#pragma once

#include <kgent/card.h>
#include <kgent/error.h>
#include <kgent/profile.h>

enum kg_measure {
	KG_MEASURE_NONE,
	KG_MEASURE_PRINT, /**< a line for each event */
	KG_MEASURE_COUNT,
	KG_MEASURE_SUM,
	KG_MEASURE_AVG,
	KG_MEASURE_MIN,
	KG_MEASURE_MAX,
	KG_MEASURE_STATS, /**< count, average and total */
	KG_MEASURE_HIST,  /**< power-of-two histogram */
	KG_MEASURE_LHIST, /**< linear histogram */
	KG_MEASURES
};
const char *kg_measure_name(enum kg_measure measure); /**< "print", "count", ... static */

enum kg_filter_op { KG_FILTER_EQ, KG_FILTER_NE, KG_FILTER_LT, KG_FILTER_LE, KG_FILTER_GT, KG_FILTER_GE };
const char *kg_filter_op_name(enum kg_filter_op op); /**< "==", "!=", ...; static */

/** The name that stands for the time an event takes, as a value, a shown field or a filter. */
#define KG_DURATION "duration"
/** The name that stands for the address family in a filter: IPv4 or IPv6 only. */
#define KG_FAMILY "family"

/** A condition on a field. */
struct kg_filter {
	char *field;     /**< a card's field, a standard field, KG_DURATION or KG_FAMILY */
	enum kg_filter_op op;
	gboolean is_text;
	char *text;      /**< is_text: the text to compare with; else how the number was said: "ENOENT", "10 ms"; or NULL */
	gint64 number;   /**< in the field's unit; durations in ns */
	gboolean is_prefix; /**< is_text: begins with */
};

/** Which words of the sentence something came from, for people. */
struct kg_origin {
	char *part;  /**< "event", "measure", "by", "filter", "for", ...: */
	char *value; /**< "system call" */
	char *words; /**< the words of the sentence, as written; "" where it is a default */
};

struct kg_intent {
	GPtrArray *events;  /**< const struct kg_card *, at least one; several: each is answered, side by side */
	GPtrArray *owned;   /**< struct kg_card *: cards made for this sentence (a named system call, tracepoint, function) */
	GPtrArray *only_ok; /**< const struct kg_card *: of these events only those that succeeded (their card's `ok`) are meant */
	enum kg_measure measure;
	char *value;        /**< field that is summed, ... or KG_DURATION; NULL for print and count */
	gint64 lhist_min, lhist_max, lhist_step;
	enum kg_unit display; /**< a unit for durations that was asked for ("in milliseconds"), or KG_UNIT_NONE */
	GPtrArray *by;      /**< char *: fields */
	GPtrArray *show;    /**< char *: fields, in order; empty: the events' usual ones */
	GPtrArray *filters; /**< struct kg_filter *: all must hold */
	guint top;          /**< 0: all */
	gint64 every_ns;    /**< 0: once, at the end */
	gboolean is_rate;   /**< asked per second: every_ns is set and numbers start anew each time */
	gint64 for_ns;      /**< 0: until it is stopped */
	GPtrArray *origins; /**< struct kg_origin * */
	GPtrArray *notes;   /**< char *: what the reader should know ("sytem" was read as "system") */
};

/** Why a sentence is not answered. */
struct kg_refusal {
	GPtrArray *left;  /**< char *: words that nothing accounts for, as written; may be empty */
	char *why;        /**< one line */
	GPtrArray *close; /**< char *: things that can be asked instead, as sentences or card titles; may be empty */
};
struct kg_refusal *kg_refusal_free(struct kg_refusal *refusal);

struct kg_lexicon;
/** The words: grammar words from data/words, event and field names from the cards. Keeps [cards] borrowed. */
int kg_lexicon_open(const char *const *dirs, const struct kg_cards *cards, struct kg_lexicon **ret, struct kg_error *err);
struct kg_lexicon *kg_lexicon_free(struct kg_lexicon *lexicon);

/**
 * Understand [prompt].
 *
 * @param prompt   any bytes; longer than 4 KiB or not UTF-8 is refused
 * @param profile  for events that are named by the kernel's own names; may be NULL (then only cards are known)
 * @param ret      0: the intent, the caller's; borrows cards and [lexicon]
 * @param refusal  -KG_E_REFUSED: why, the caller's
 * @return 0, -KG_E_REFUSED, or another error
 */
int kg_understand(struct kg_lexicon *lexicon, struct kg_profile *profile, const char *prompt, struct kg_intent **ret,
		  struct kg_refusal **refusal, struct kg_error *err);
/** An intent that asks for nothing yet, for whoever makes one without a sentence. */
struct kg_intent *kg_intent_new(void);
struct kg_intent *kg_intent_free(struct kg_intent *intent);
/** The unit in which a histogram of durations counts. */
enum kg_unit kg_intent_hist_unit(const struct kg_intent *intent);
/** The intent as a person reads it: one aligned line a part, with the words it came from. */
void kg_intent_explain(const struct kg_intent *intent, GString *out);
/** Canonical one-line JSON, as the development set has it: {"event":"syscall","measure":"count","by":["comm"],"for":"10s"}. */
void kg_intent_json(const struct kg_intent *intent, GString *out);

/** A field that needs no card. */
struct kg_standard_field {
	const char *name;
	enum kg_unit unit;
	const char *expr;      /**< bpftrace expression */
	gboolean needs_task;   /**< means something only where the current task is the event's */
	const char *title;     /**< "process" */
};
/** NULL where there is none of that name. Static. */
const struct kg_standard_field *kg_standard_field(const char *name);
