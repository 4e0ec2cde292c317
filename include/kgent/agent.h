/**
 * @file
 * The whole way from a sentence to a checked program, as one list, and the verdict on it.
 *
 *   understand -> retrieve -> synthesise -> comprehend -> build -> prove -> load -> try -> run
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/bpftrace_tool.h>
#include <kgent/intent.h>
#include <kgent/mutate.h>
#include <kgent/prove.h>
#include <kgent/safety.h>
#include <kgent/sandbox.h>
#include <kgent/synthesise.h>
#include <kgent/trial.h>

enum kg_check_result {
	KG_CHECK_PASSED,
	KG_CHECK_FAILED,
	KG_CHECK_NOT_CHECKED, /**< with the reason: nothing is silently assumed */
};

/** One check of a program. */
struct kg_check {
	const char *name; /**< static: "text", "syntax", "attach points", "types", "version", "policy", "build", "proof", "kernel verifier",
			       "trial" */
	enum kg_check_result result;
	char *detail;     /**< one line: what was found, or why it was not checked; owned */
	char *mend;       /**< what to do about it, or NULL; owned */
};

/** The words mean the same in every output. Best first. */
enum kg_verdict_word {
	KG_VERDICT_PROVED,   /**< every obligation proved, and the kernel's verifier accepts it */
	KG_VERDICT_CHECKED,  /**< none refuted, some unknown; accepted; a trial showed what was expected */
	KG_VERDICT_LOADED,   /**< accepted by the kernel's verifier (the running kernel's, or that of the kernel asked for in a sandbox);
				  what it shows was not proved */
	KG_VERDICT_UNLOADED, /**< no check failed, but no kernel verifier has seen it; not offered to run */
	KG_VERDICT_REFUTED,  /**< a counterexample exists (a trial showed something else); not offered to run */
	KG_VERDICT_REJECTED, /**< a check failed; not offered to run */
};
const char *kg_verdict_name(enum kg_verdict_word word); /**< "proved", ..., "not loaded", "refuted", "rejected" */

struct kg_verdict {
	enum kg_verdict_word word;
	GPtrArray *checks; /**< struct kg_check *, in the order in which they were made */
	GPtrArray *diags;  /**< struct kg_diag *: all findings about the text */
	gboolean is_policy; /**< rejected by policy alone */
	struct kg_bt_program *program; /**< the tree, or NULL when it does not parse */
	struct kg_effects *effects;    /**< or NULL */
	struct kg_mutation *mutation;  /**< or NULL: it was not asked for, or there was nothing to mutate */
	struct kg_proof *proof;        /**< or NULL: there was no contract, or it was not reached */
	struct kg_bpftrace_limits limits; /**< those that it was built and loaded with: run it with the same */
	struct kg_trial_result *trial; /**< what a trial came to; NULL: there was none */
	GPtrArray *trial_findings;     /**< struct kg_trial_finding *: of that trial; or NULL */
};
struct kg_verdict *kg_verdict_free(struct kg_verdict *verdict);
const char *kg_check_result_name(enum kg_check_result result); /**< "passed", "failed", "not checked" */

/** What became of a wrong variant. */
enum kg_mutant_fate {
	KG_FATE_REFUTED,    /**< the contract refutes it */
	KG_FATE_SURVIVES,   /**< the contract proves it, though it is not proved to show the same as the original */
	KG_FATE_UNKNOWN,    /**< neither refuted nor proved */
	KG_FATE_SAME,       /**< it shows the same as the original (kgent/diff.h): not wrong, not counted */
	KG_FATE_NO_PROGRAM, /**< it does not compile, or policy refuses it: not counted */
	KG_FATE_NOT_TRIED,  /**< time was up, or it was interrupted: not counted */
};
const char *kg_mutant_fate_name(enum kg_mutant_fate fate); /**< "refuted", "survives", "unknown", "same", "no program", "not tried" */

/** One variant. */
struct kg_variant {
	const struct kg_mutant *mutant; /**< borrowed from kg_mutation.mutants */
	enum kg_mutant_fate fate;
	GPtrArray *by;  /**< char *: the obligations that refute it; may be empty */
	char *why;      /**< how it differs from the original, or why it is unknown or was not tried; or NULL */
};
struct kg_mutation {
	GPtrArray *mutants;  /**< struct kg_mutant *, owned */
	GPtrArray *variants; /**< struct kg_variant *, one for each */
	guint n_wrong;       /**< refuted, surviving and unknown ones */
	guint n_refuted;
	char *limit;         /**< a bound that was reached, or NULL */
	gint64 took_ns;
};
/** Bounds; 0: the default. */
struct kg_mutate_opts {
	guint max;      /**< how many; 24 */
	guint total_ms; /**< all of them; 60000 */
};
/** When a program is tried. */
enum kg_trial_when {
	KG_TRIAL_AUTO,   /**< where it costs no surprise: in a sandbox that is there */
	KG_TRIAL_ALWAYS, /**< on the running kernel, too */
	KG_TRIAL_NEVER,
};
/** All zero: static checks against no kernel. Pointers are borrowed for the call. */
struct kg_check_opts {
	struct kg_profile *profile;    /**< may be NULL: then what depends on the kernel is not checked */
	const struct kg_bpftrace *tool;/**< NULL: kg_bpftrace_find() */
	const struct kg_bpftrace_limits *limits; /**< NULL: bpftrace's defaults; those that it will run with */
	const char *const *allowed;    /**< NULL-terminated words: "system", "signal", ... or NULL */
	int pid;                       /**< as it will be run: bpftrace -p; 0: none */
	const char *command;           /**< as it will be run: bpftrace -c; NULL: none. Not executed by any check */
	gboolean no_load;              /**< static checks, the build and the proof only */
	const struct kg_contract *contract; /**< what it must do; NULL: nothing is proved but assert() of the program itself */
	const char *no_contract;       /**< why there is none, where one was wanted; NULL: none was wanted */
	gboolean is_asked;             /**< [contract] was made from a sentence (kgent/comprehend.h): a program that is attached where it knows nothing
					    of is not judged by it */
	const struct kg_prove_opts *prove;  /**< bounds of the proof; NULL: defaults */
	const struct kg_mutate_opts *mutate;/**< hold wrong variants against the contract too; NULL: no */
	enum kg_trial_when trial;
	const struct kg_intent *intent;/**< what was asked for: what a trial must show follows from it; NULL: no trial */
	/**
	 * Build and load in a sandbox with this kernel of `kgent kernel list`, and not on this machine; [profile] should be its profile.
	 * NULL: on this machine, or, where this user may not load programs, in a sandbox with a kernel of the same release, if there is one.
	 */
	const char *kernel;
	struct kg_sandbox *sandbox;    /**< of [kernel], kept by the caller; NULL: one is opened when it is needed, and closed */
	gboolean no_sandbox;           /**< never open one that was not asked for */
	void (*progress)(void *user, const char *what); /**< told what takes long with sandboxes; may be NULL */
	void *user;
};
/**
 * Make all checks on a program text, cheapest first: text, syntax, attach points, types, version, policy, build, proof,
 * kernel verifier, trial. Those that only read the text are all made, so that all findings come at once; behind a failed one
 * nothing is built or loaded, and what was not reached is "not checked", with the reason. Nothing of the program runs but in a trial.
 *
 * @param text need not end with a NUL
 * @param ret  the verdict, also a bad one; the caller's
 * @return 0, also for a program that is rejected; -KG_E_INVAL: arguments; the errors of the environment are in the checks
 */
int kg_check_program(const char *text, gsize len, const struct kg_check_opts *opts, struct kg_verdict **ret,
		     struct kg_error *err);

/** A text and the instructions that the installed bpftrace makes of it. Release with kg_compiled_clear(). */
struct kg_compiled {
	struct kg_bt_program *program;
	struct kg_object *object; /**< with kg_object_bpftrace() */
};
/**
 * Compile a program to look at its instructions. Nothing is loaded; policy is asked before a compiler sees it, since a program can read files while it is
 * compiled.
 *
 * @param text  NUL-terminated
 * @param opts  profile, tool, limits, allowed and pid are used
 * @param diags findings about the text
 * @return 0; -KG_E_PARSE: it does not parse or compile, see [diags]; -KG_E_REFUSED: policy, see [diags]; -KG_E_TOOL and others: of the environment
 */
int kg_compile_program(const char *text, const struct kg_check_opts *opts, GPtrArray *diags, struct kg_compiled *ret, struct kg_error *err);
void kg_compiled_clear(struct kg_compiled *compiled);
/**
 * The same for a copy that the proof made of a program that has passed policy: kg_prove_opts.compile. [check_opts]: a const struct kg_check_opts *, of which
 * profile, tool, limits and pid are used.
 */
int kg_compile_copy(void *check_opts, const char *text, const struct kg_bt_program *program, struct kg_object **ret, struct kg_error *err);

/**
 * Hold wrong variants of a program against the contract that was proved of it: a contract that refutes none of them proves nothing. Two at a time,
 * each compiled and proved in processes of their own; opts->prove->bounds.stop ends it.
 *
 * @param program  that [object] was compiled from; changed meanwhile and as it was behind it
 * @param opts     of the check: contract, profile, tool, limits, prove, mutate
 * @return 0; -KG_E_IO
 */
int kg_mutate(struct kg_bt_program *program, const struct kg_object *object, const struct kg_check_opts *opts, struct kg_mutation **ret, struct kg_error *err);
struct kg_mutation *kg_mutation_free(struct kg_mutation *mutation);
/** For people: "the contract refutes 11 of 12 wrong variants", and a line for each. */
void kg_mutation_text(const struct kg_mutation *mutation, gboolean color, GString *out);
/** The first line of that, in one word order for all outputs; owned. */
char *kg_mutation_summary(const struct kg_mutation *mutation);
/**
 * The same for an object that clang made: it is read, relocated for the profile's kernel, and proved. Nothing is loaded: that is its own loader's.
 * @return 0, also for a refuted one; the errors of kg_prove()
 */
int kg_check_object(GBytes *elf, const struct kg_check_opts *opts, struct kg_verdict **ret, struct kg_error *err);

/** The check of that name, borrowed, or NULL. */
const struct kg_check *kg_verdict_find(const struct kg_verdict *verdict, const char *name);
/** The first check that failed, borrowed, or NULL. */
const struct kg_check *kg_verdict_failed(const struct kg_verdict *verdict);
/** The checks as a table for people: a line each, "passed  syntax  ...", what to do below where there is something. */
void kg_verdict_table(const struct kg_verdict *verdict, gboolean color, GString *out);

struct kg_model;
struct kg_loop_result;

/** Everything that is known at the end of a request, for the final object of --json (docs/json.md). NULL members are left out or null. */
struct kg_report {
	const char *prompt;
	const char *file;          /**< of kgent check */
	const char *engine;        /**< "builtin" or "model" */
	const struct kg_model *model;         /**< that was asked */
	const struct kg_loop_result *loop;    /**< of the model engine */
	const char *refusal_hint;  /**< what can be done about the refusal */
	const char *summary;       /**< the model's, of what was found */
	const char *language;      /**< "bpftrace" */
	const char *program;
	const char *intent_json;   /**< what kg_intent_json() gave */
	const struct kg_verdict *verdict;
	const GPtrArray *notes;    /**< char * */
	const struct kg_refusal *refusal;
	const struct kg_error *error;
	const struct kg_run_result *run; /**< when it ran */
	const char *kernel;        /**< the kernel that was asked for with --kernel */
	int exit;                  /**< the exit code that kgent ends with */
};
/** One JSON object on one line, with a final newline. */
void kg_report_json(const struct kg_report *report, GString *out);
/** The same program on several kernels: one object of type "check" with an object of type "result" for each. [exit] is that of all of it. */
void kg_reports_json(const struct kg_report *reports, guint n, int exit, GString *out);

/** One attach point of an explained program, as the profile knows it. */
struct kg_explained_point {
	char *raw;               /**< as written */
	enum kg_probe_kind kind;
	guint n;                 /**< how many attach points of the profile it stands for; 0 unknown */
	enum kg_answer usable;
	char *why;               /**< why it can't be used, or why that is unknown; or NULL */
	const GPtrArray *fields; /**< struct kg_field *: its arguments with their types; borrowed from the profile; NULL: unknown */
};
/** What a program does, without any check by tools. */
struct kg_explanation {
	char *text;        /**< in plain words; lines; NULL when it does not parse */
	GPtrArray *points; /**< struct kg_explained_point * */
	GPtrArray *diags;  /**< struct kg_diag * */
	gboolean parses;
};
/** [profile] may be NULL: then types are not known; it must outlive the explanation. [tool] may be NULL. */
int kg_explain_program(const char *text, gsize len, struct kg_profile *profile, const struct kg_bpftrace *tool,
		       struct kg_explanation **ret, struct kg_error *err);
struct kg_explanation *kg_explanation_free(struct kg_explanation *explanation);
/** One JSON object on one line: type "explanation", file, text, points, findings, model_text, exit. [said]: a model's words, or NULL. */
void kg_explanation_json(const struct kg_explanation *explanation, const char *file, const char *said, int exit, GString *out);
/** What `kgent trial` came to, for its JSON object. NULL members are null. */
struct kg_trial_report {
	const char *file;
	const char *judgement;       /**< "as expected", "not as expected", "unclear", "nothing was expected", "not tried" */
	const struct kg_trial_result *result;
	const GPtrArray *findings;   /**< struct kg_trial_finding * */
	const struct kg_verdict *verdict;
	const struct kg_error *error;
	int exit;
};
/** One JSON object on one line: type "trial" (docs/json.md). */
void kg_trial_json(const struct kg_trial_report *report, GString *out);
