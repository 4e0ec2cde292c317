/**
 * @file
 * Trials: a program runs while a stimulus makes events in known numbers, and what it showed is held against what happened.
 *
 *   stimulus --ground truth (JSON)--+
 *   program  --kg_run_event---------+--> judge <-- expectations (YAML: docs/trials.md)
 *
 * Expectations speak of what a reader of the output learns (this row has that number, so many lines hold these values), never of
 * wording, names of maps, or the order of columns. They come from the request, or from whoever wrote the example; never from the program.
 */
#pragma once

#include <kgent/intent.h>
#include <kgent/run.h>
#include <kgent/sandbox.h>

/* ---------------------------------------------------------------- ground truth */

/** What a stimulus told that it did: one JSON object. */
struct kg_truth;
/**
 * @param text the last line that is a JSON object counts: a script may say other things before
 * @return 0; -KG_E_PARSE: there is none
 */
int kg_truth_parse(const char *text, gsize len, struct kg_truth **ret, struct kg_error *err);
struct kg_truth *kg_truth_free(struct kg_truth *truth);
/** As one line of JSON. Owned. */
char *kg_truth_json(const struct kg_truth *truth);
/** How many members a list of it has; 0 where there is no such list. */
guint kg_truth_n(const struct kg_truth *truth, const char *list);
/**
 * A value for a text with references: "$connect.dport", "$sleep.asked_ns / 1000", "/tmp/$pid"; "$$" is a dollar sign. A text of numbers,
 * references to numbers, + - * / and brackets is computed, in whole numbers.
 * @param each  what "$each" stands for: "connections.3"; NULL: nothing
 * @param ret   owned
 * @return 0; -KG_E_NOTFOUND: the truth has no such member; -KG_E_PARSE: it can't be computed
 */
int kg_truth_value(const struct kg_truth *truth, const char *text, const char *each, char **ret, struct kg_error *err);

/* ---------------------------------------------------------------- expectations */

/** How a value is compared. Values are texts with references; numbers are compared as numbers, however they are written. */
enum kg_trial_compare { KG_TRIAL_IS, KG_TRIAL_AT_LEAST, KG_TRIAL_AT_MOST, KG_TRIAL_BETWEEN, KG_TRIAL_ONE_OF, KG_TRIAL_LIKE };
struct kg_trial_want {
	enum kg_trial_compare compare;
	GPtrArray *values; /**< char *: one; BETWEEN: two (both included); ONE_OF: any number. LIKE: a pattern with * and ? */
};

enum kg_trial_kind {
	KG_TRIAL_LINE,      /**< so many printed lines hold all of `parts`, in any order (default: at least one) */
	KG_TRIAL_NO_LINE,   /**< no printed line does */
	KG_TRIAL_ROW,       /**< a map's row whose key has all of `parts`, in any order, has this value; a printed line that holds parts and value
				 will do as well */
	KG_TRIAL_NO_ROW,    /**< neither a row nor a line has them */
	KG_TRIAL_ONLY_ROWS, /**< each row of the maps that matter has all of `parts` */
	KG_TRIAL_ROWS,      /**< so many rows in the largest map, or printed lines where there is no map */
	KG_TRIAL_ANY,       /**< any of `any` */
};
/** One expectation. */
struct kg_trial_expect {
	enum kg_trial_kind kind;
	int line;            /**< of the file it was read from; 0: none */
	char *each;          /**< a list of the truth: it must hold for each member, called $each; or NULL */
	GPtrArray *parts;    /**< struct kg_trial_want * */
	GPtrArray *wants;    /**< struct kg_trial_want *: of the number of lines or rows, or of the row's value; all must hold */
	char *field;         /**< ROW: which part of stats(): "count", "average", "total"; NULL: the number itself, or the number of values of a
				  histogram or of stats() */
	struct kg_trial_want *within; /**< ROW: all values of a histogram lie in buckets that touch this range; or NULL */
	gboolean over_time;  /**< ROW: the sum of all printings (rates per interval), not the last one */
	gboolean several;    /**< ROW: more than one row may have the parts; their values are added */
	GPtrArray *any;      /**< ANY: struct kg_trial_expect * */
};

/** A trial as somebody wrote it down: the section `trial:` of an example, or a file of its own. */
struct kg_trial_spec {
	char **stimulus;    /**< NULL-terminated: name and options; or NULL */
	char *script;       /**< text of a shell script that is the stimulus instead, or NULL */
	gint64 for_ns;      /**< observe for so long at least, from attached on; 0: until the stimulus is over */
	gint64 after_ns;    /**< how long to observe behind the stimulus; 0: 300 ms */
	GPtrArray *expects; /**< struct kg_trial_expect *; may be empty */
};
/**
 * Read a trial from YAML: a document that is the section, or that has a section `trial`.
 * @param file  for messages
 * @param first_line  where [text] begins in it; 1 for a whole file
 * @return 0; -KG_E_PARSE with file and line; -KG_E_LIMIT
 */
int kg_trial_spec_parse(const char *file, int first_line, const char *text, gsize len, struct kg_trial_spec **ret, struct kg_error *err);
struct kg_trial_spec *kg_trial_spec_new(void);
struct kg_trial_spec *kg_trial_spec_free(struct kg_trial_spec *spec);
/** Build expectations without a file. The returned pointers are borrowed. */
struct kg_trial_expect *kg_trial_expect_add(GPtrArray *expects, enum kg_trial_kind kind);
struct kg_trial_want *kg_trial_want_add(GPtrArray *wants, enum kg_trial_compare compare, const char *value);

/* ---------------------------------------------------------------- what was seen, and the judge */

/** What a program showed, as far as it is needed to judge. Bounded in memory. */
struct kg_seen;
struct kg_seen *kg_seen_new(void);
struct kg_seen *kg_seen_free(struct kg_seen *seen);
/** Take an event of its run, in order. */
void kg_seen_event(struct kg_seen *seen, const struct kg_run_event *ev);
guint kg_seen_n_lines(const struct kg_seen *seen);
guint kg_seen_n_rows(const struct kg_seen *seen); /**< of the last printing of each map */
/** What was lost, thrown away or cut, in words; NULL: nothing. Borrowed. */
const char *kg_seen_lost(const struct kg_seen *seen);

enum kg_trial_outcome {
	KG_TRIAL_SEEN,     /**< it is as expected */
	KG_TRIAL_NOT_SEEN, /**< it is not there, or less; `instead` says what was seen */
	KG_TRIAL_TOO_MUCH, /**< there is more than is allowed */
};
const char *kg_trial_outcome_name(enum kg_trial_outcome outcome); /**< "seen", "not seen", "too much" */
struct kg_trial_finding {
	enum kg_trial_outcome outcome;
	int line;      /**< of the expectation */
	char *what;    /**< the expectation in words, with its values; one line */
	char *instead; /**< what was seen instead, one line; NULL when seen */
};
/**
 * Hold what was seen against the expectations.
 * @param ret struct kg_trial_finding *, one for each expectation (and member of a list); frees its members
 * @return 0; -KG_E_NOTFOUND, -KG_E_PARSE: an expectation speaks of what the truth does not have, with its line
 */
int kg_trial_judge(const struct kg_trial_spec *spec, const struct kg_seen *seen, const struct kg_truth *truth, GPtrArray **ret,
		   struct kg_error *err);

/* ---------------------------------------------------------------- running a trial */

/** All zero with a program and a stimulus is a good default. Pointers are borrowed for the call. */
struct kg_trial_opts {
	const char *kernel;     /**< of `kgent kernel list`; NULL or "running": the running kernel, which needs root */
	struct kg_sandbox *sandbox; /**< of [kernel], kept by the caller, who should use it for nothing else afterwards; NULL: one is opened */
	const char *const *stimulus; /**< name and options, NULL-terminated; or NULL */
	const char *script;     /**< text of a shell script to run instead; or NULL */
	gint64 for_ns, after_ns;     /**< as in the specification */
	const struct kg_bpftrace *tool;          /**< of the running kernel; NULL: kg_bpftrace_find() */
	const struct kg_bpftrace_limits *limits; /**< NULL: bpftrace's defaults */
	gboolean allow_unsafe;
	int timeout_ms;         /**< for the stimulus; 0: 60000 */
	void (*progress)(void *user, const char *what); /**< told what takes long; may be NULL */
	kg_run_event_fn event;  /**< told all that the program shows; may be NULL */
	void *user;
	const volatile sig_atomic_t *stop; /**< as of kg_run_opts */
};
enum kg_trial_end {
	KG_TRIAL_RAN,            /**< program and stimulus did; what was seen can be judged */
	KG_TRIAL_CANT_STIMULATE, /**< the stimulus can't be had here: why */
	KG_TRIAL_STIMULUS_FAILED,/**< it went otherwise than asked for: why */
	KG_TRIAL_CANT_RUN,       /**< the place can't be had, or the machine was lost: why, and mend */
	KG_TRIAL_PROGRAM_FAILED, /**< bpftrace or the kernel refused the program: why */
};
const char *kg_trial_end_name(enum kg_trial_end end); /**< "ran", "no stimulus", "stimulus failed", "no place", "program failed" */
/** Zero-initialise; release with kg_trial_result_clear(). */
struct kg_trial_result {
	enum kg_trial_end end;
	char *why, *mend;         /**< one line each; or NULL */
	char *kernel;             /**< release of the kernel that it ran on */
	gboolean is_sandbox;
	struct kg_truth *truth;   /**< NULL where there is none */
	int stimulus_status;      /**< exit code of the stimulus; -1: a signal, or it never ran */
	char *stimulus_said;      /**< what it printed, when that was no truth; or NULL */
	struct kg_seen *seen;
	struct kg_run_result run; /**< of the program; on a sandbox: what is known of it */
	gint64 took_ns;           /**< all of it, the start of the machine too */
};
/**
 * Run [program], wait until it is attached, run the stimulus, stop the program.
 * @return 0 with a result, whatever became of it; -KG_E_INVAL: there is no stimulus
 */
int kg_trial_run(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *ret, struct kg_error *err);
void kg_trial_result_clear(struct kg_trial_result *res);

/**
 * The list of stimuli, as `kgent-stimulus list` prints it (with [json] as JSON).
 * @return 0; -KG_E_TOOL: it is not there or does not run
 */
int kg_stimuli_list(gboolean json, GString *out, struct kg_error *err);

/* ---------------------------------------------------------------- what a request expects of a stimulus */

/**
 * Expectations for a request, from what its event's card says of its stimulus (docs/cards.md, `stimulus`).
 * @param comm  the name that the stimulus is given
 * @param ret   stimulus and expectations; the caller's
 * @param ret_why -KG_E_UNSUPPORTED: why there are none, one line, owned (the card has no stimulus, or it does not know what the request
 *                asks for)
 * @return 0, -KG_E_UNSUPPORTED
 */
int kg_trial_of_intent(const struct kg_intent *intent, const char *comm, struct kg_trial_spec **ret, char **ret_why);
