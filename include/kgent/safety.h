/**
 * @file
 * What a bpftrace program can do, read off its tree before anything runs: does it change the system, what does it
 * cost, what does it read; and whether policy lets it. And the same in plain words.
 *
 * Observing is allowed. What changes the system, or can't be seen through, needs the user's word for that very thing:
 *
 *   system, signal, signal_thread, override, skboutput   a call of that function, wherever it stands: also in a macro,
 *                  a predicate, a block expression, or in the text of a #define, whether it is used or not
 *   pin            an iter probe that leaves a file behind (iter:task:/sys/fs/bpf/x)
 *   cat            cat() of anything but a fixed path below /proc or /sys
 *   include        an #include of a file that is not one of the system's headers (in quotes, absolute, or with ..): it could
 *                  define macros that hide calls. <linux/socket.h> and the like are taken
 *   import         import: it brings code that is not seen
 *   many-probes    a wildcard that stands for more than KG_SAFETY_MAX_PROBES places
 *   NAME           a call of a function NAME that is not known (new releases bring new functions), or through a #define NAME
 */
#pragma once

#include <kgent/bpftrace.h>

#define KG_SAFETY_MAX_PROBES 500

/** How often an attach point is passed on a busy machine: low below 100 a second, high above 10,000. */
enum kg_heat { KG_HOOK_UNKNOWN, KG_HOOK_LOW, KG_HOOK_MEDIUM, KG_HOOK_HIGH };
const char *kg_heat_name(enum kg_heat heat); /**< "unknown", "low", "medium", "high" */

enum kg_effect_kind {
	KG_EFFECT_CHANGES,       /**< changes the system */
	KG_EFFECT_UNKNOWN,       /**< a call of which nothing is known */
	KG_EFFECT_CODE,          /**< brings in text that is not seen */
	KG_EFFECT_FILE,          /**< reads a file of the host when it runs */
	KG_EFFECT_PROBES,        /**< attaches to very many places */
	KG_EFFECT_HOT_PRINT,     /**< prints for each event of a hot hook */
	KG_EFFECT_USER_MEMORY,   /**< reads memory of the traced process */
	KG_EFFECT_KERNEL_MEMORY, /**< reads kernel structures */
	KG_EFFECT_STACK,         /**< walks stacks */
	KG_EFFECT_PRINTS,        /**< prints for each event */
	KG_EFFECT_EXITS,         /**< ends by itself */
	KG_EFFECTS
};
const char *kg_effect_name(enum kg_effect_kind kind); /**< "changes", "unknown-call", "code", "file", "probes", "hot-print", ... */

struct kg_effect {
	enum kg_effect_kind kind;
	struct kg_loc loc;
	char *what;   /**< the function, attach point or file: "system"; owned */
	char *needs;  /**< the word without which policy refuses it, or NULL; owned */
	char *text;   /**< one line in plain words; owned */
};

/** What one attach point stands for. */
struct kg_attach_effect {
	const struct kg_bt_attach *attach; /**< borrowed from the program */
	guint n;                /**< how many places: 1, or what a wildcard matches; 0: not known */
	enum kg_heat heat;      /**< of the hottest of them */
	char *plain;            /**< "the scheduler switches to another thread", or NULL; owned */
	gboolean prints_each;   /**< its probe prints without a filter that leaves most events out */
};

struct kg_effects {
	GPtrArray *findings;    /**< struct kg_effect *, the grave ones first */
	GPtrArray *attach;      /**< struct kg_attach_effect *, in the order of the program */
	gboolean changes_system;/**< any KG_EFFECT_CHANGES or KG_EFFECT_UNKNOWN: --yes must not skip the question */
	gboolean exits;         /**< calls exit() */
	guint n_places;         /**< all attach points together, as far as known */
};

/**
 * Read the effects off a program. Heat and plain names come from data/safety/hooks.
 *
 * @param program  must outlive *ret
 * @param profile  may be NULL: wildcards are then not counted
 * @param data_dirs where to look for a file "hooks", least important first, NULL-terminated; NULL: kg_paths_data("safety"). With no such
 *                 file heat is unknown
 * @return 0, or -KG_E_PARSE: the data file is broken
 */
int kg_effects_read(const struct kg_bt_program *program, struct kg_profile *profile, const char *const *data_dirs, struct kg_effects **ret,
		    struct kg_error *err);
struct kg_effects *kg_effects_free(struct kg_effects *effects);

/**
 * Hold effects against policy. Errors (check "policy") for what needs a word that is not in [allowed]; the hint says which.
 * Warnings for what costs much.
 *
 * @param allowed NULL-terminated words, or NULL for none
 * @return 0, or -KG_E_REFUSED: at least one error
 */
int kg_policy_check(const struct kg_effects *effects, const char *const *allowed, GPtrArray *diags);

/**
 * Say in plain words what the program does: what it attaches to, what it does there, what it keeps and shows, when it
 * ends, what it reads of users, what it changes. Lines of text.
 * @param profile may be NULL
 */
void kg_bt_explain(const struct kg_bt_program *program, struct kg_profile *profile, const struct kg_effects *effects, GString *out);
/** One expression in plain words: "the process's name", "the event's filename". */
void kg_bt_explain_expr(const struct kg_bt_node *expr, GString *out);
