/**
 * @file
 * The proof: does a program do what a contract says, for all states of the kernel?
 *
 * Each obligation of the contract is put as a question to the symbolic executor, on every path of every program that the contract speaks of.
 * "Proved" means: no state of the kernel was found, and none exists within the model (see kgent/symex.h for what that takes for granted), in which
 * the program shows something else. "Refuted" comes with a counterexample that was replayed on the same instructions by the concrete
 * interpreter. Everything else is "unknown", with the reason.
 */
#pragma once

#include <kgent/contract.h>
#include <kgent/object.h>
#include <kgent/symex.h>

enum kg_proof_word { KG_PROOF_PROVED, KG_PROOF_REFUTED, KG_PROOF_UNKNOWN };
const char *kg_proof_name(enum kg_proof_word word); /**< "proved", "refuted", "unknown" */

/** One value of the state that a counterexample needs, in the user's terms. */
struct kg_fact {
	char *name;    /**< "args->ret", "sk->__sk_common.skc_dport", "pid" */
	char *type;    /**< C type or NULL */
	char *value;   /**< "0x5000", "-2", "\"cat\"" */
	char *plain;   /**< what that means to a person ("port 80", "ENOENT"), or NULL */
};
/** What kind of place a program decides at. Of C only the line is known, and which line ran next. */
enum kg_step_kind { KG_STEP_PREDICATE, KG_STEP_IF, KG_STEP_IF_ELSE, KG_STEP_WHILE, KG_STEP_CHOICE, KG_STEP_LINE };
const char *kg_step_name(enum kg_step_kind kind); /**< "predicate", "if", "if else", "while", "choice", "line" */
/** One decision on the way that a program took. */
struct kg_ce_step {
	enum kg_step_kind kind;
	struct kg_loc loc;
	char *text;          /**< the condition, "args->ret > 0"; of LINE the source line */
	gboolean holds;      /**< what the condition came to; not of LINE */
	char *since;         /**< the part of the condition that decided, or NULL: all of it */
	gboolean since_holds;
	gboolean is_number;  /**< what decided is no comparison: it holds where it is not 0 */
	guint then_line;     /**< LINE: the line that ran next; else 0 */
	guint times;         /**< how often in a row: 1 or more */
	guint left_out;      /**< so many decisions before this one are not told */
};
/** What happens first, second, ...: one event of a counterexample. */
struct kg_ce_event {
	char *attach;        /**< "tracepoint:syscalls:sys_enter_read" */
	char *thread;        /**< "thread 101 of process 100"; NULL where it does not matter */
	GPtrArray *facts;    /**< struct kg_fact * */
	GPtrArray *path;     /**< struct kg_ce_step *: the decisions that the replay took, in order. Empty: none, or not known */
	GPtrArray *other_path; /**< of a comparison: those of the second program; else empty */
};
struct kg_counterexample {
	GPtrArray *events;   /**< struct kg_ce_event *, one or more */
	char *shown;         /**< "20480", "nothing", "0.0.0.0" */
	char *wanted;        /**< "80", "nothing" */
	char *from;          /**< what it is that was shown wrongly: the program's expression or map ("@bytes[...]"), or NULL */
	GPtrArray *lines;    /**< struct kg_loc *: the source lines on its path, as far as they are known */
	gboolean is_replayed;/**< always TRUE in a refuted obligation */
};
struct kg_obligation_result {
	enum kg_obligation_kind kind;
	char *what;          /**< as in the contract: "destination port" */
	char *title;         /**< of the clause, or NULL */
	struct kg_loc contract_loc;
	enum kg_proof_word word;
	char *why;           /**< one line: of UNKNOWN the reason, of REFUTED what is wrong in words; else NULL */
	struct kg_loc loc;   /**< in the program's text: what it is about; line 0: nowhere */
	char *mend;          /**< what would mend it, or NULL */
	GPtrArray *counterexamples; /**< struct kg_counterexample *; never empty in REFUTED but for ON, EVERY, EXIT and TOP, which need none */
	guint n_paths;       /**< paths that it was asked on; 0 with PROVED does not happen */
};
/** Something that can be lost without a trace, and what would remove the loss. */
struct kg_loss {
	char *what;          /**< "new keys of @bytes (by comm) when it holds 4096 entries" */
	char *mend;          /**< or NULL */
	struct kg_loc loc;   /**< in the program's text; line 0: nowhere */
};
struct kg_proof {
	enum kg_proof_word word;  /**< refuted if one is; else unknown if one is; else proved */
	GPtrArray *results;       /**< struct kg_obligation_result * */
	GPtrArray *uncovered;     /**< char *: probes and observations that no obligation is about, and what the contract leaves out (`left`) */
	GPtrArray *assumptions;   /**< char *: what was taken for granted in this proof */
	GPtrArray *losses;        /**< struct kg_loss * */
	char *limit;              /**< a bound that was reached, or NULL */
	guint n_paths, n_checks;
	gint64 took_ns, solver_ns;/**< of the proof; without compiling */
	gint64 peak_bytes;        /**< resident memory of the process that proved, at most */
};

/**
 * Compile a copy of a program as the program itself was compiled. Called in the child process, once for each program that is refuted.
 * @param text    what [program] prints to
 * @param program the copy's tree: what kg_object_bpftrace() needs
 * @param ret     the caller's; with kg_object_bpftrace()
 * @return 0 or a negative code
 */
typedef int (*kg_compile_copy_fn)(void *user, const char *text, const struct kg_bt_program *program, struct kg_object **ret, struct kg_error *err);

/** Bounds and switches; all zero is a good default. */
struct kg_prove_opts {
	struct kg_symex_opts bounds;  /**< its profile is not used: see kg_prove() */
	volatile int *is_proving;     /**< set to 1 while the child process proves, for who handles signals; may be NULL. Borrowed */
	gboolean in_process;          /**< do not fork: a solver that dies takes the caller along (tests, fuzzing) */
	gboolean first_is_enough;     /**< once something is refuted no further scenario is told: whether it is refuted is the question */
	guint max_counterexamples;    /**< of one obligation; 0: 1 */
	const struct kg_bpftrace_limits *limits; /**< that the object was compiled with, for losses; NULL: bpftrace's defaults. Borrowed */
	kg_compile_copy_fn compile;   /**< to see which way counterexamples take through a bpftrace program; NULL: that is not told */
	void *compile_user;
};
/**
 * Hold a program against a contract.
 *
 * Runs in a child process with a memory bound, so that a solver that crashes or runs out of memory is an "unknown" and nothing worse.
 *
 * opts->bounds.stop is looked at while it runs, at once when a signal arrives: 1 ends the proof with what is known so far, what is not known
 * then being unknown because "it was interrupted"; more than 1 ends it at once, with nothing.
 *
 * @param object   of the program; with kg_object_bpftrace() where it is bpftrace's
 * @param program  the text's tree that [object] was compiled from, with kg_bt_lower_inline(); NULL for C
 * @param contract passed kg_contract_check(); NULL: only what the program asserts of itself, with assert(), is asked
 * @param profile  of the kernel that the object was compiled for
 * @param ret      the caller's
 * @return 0, whatever the outcome; -KG_E_IO, -KG_E_NOMEM
 */
int kg_prove(const struct kg_object *object, const struct kg_bt_program *program, const struct kg_contract *contract,
	     struct kg_profile *profile, const struct kg_prove_opts *opts, struct kg_proof **ret, struct kg_error *err);
/** Take what [from] says of inline assertions over into [proof]; the rest of [from] is dropped with it. */
void kg_proof_take_inline(struct kg_proof *proof, struct kg_proof *from);
struct kg_proof *kg_proof_free(struct kg_proof *proof);
/** How many results are [word]. */
guint kg_proof_count(const struct kg_proof *proof, enum kg_proof_word word);
/**
 * The proof as people read it: what is refuted with its counterexamples, what is unknown and why, what is proved, what nothing was asked about.
 * [source]: the program's text, for excerpts; may be NULL. [color]: ANSI colours. Nothing of the kernel's or a program's text is written raw.
 */
void kg_proof_text(const struct kg_proof *proof, const char *source, gboolean color, GString *out);
/** The proof as one JSON object (docs/json.md), without a final newline; owned. */
char *kg_proof_json(const struct kg_proof *proof);
/** Read what kg_proof_json() wrote. 0 or -KG_E_PARSE. */
int kg_proof_read(const char *json, gsize len, struct kg_proof **ret, struct kg_error *err);
