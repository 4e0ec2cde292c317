/**
 * @file
 * The installed bpftrace as a program: where it is, which version, the limits it runs with, and how its messages read.
 *
 * Used by building, loading and running alike, so that all three see the same tool with the same limits.
 */
#pragma once

#include <kgent/error.h>

/** The bpftrace that was found. Zero-initialise; release with kg_bpftrace_clear(). */
struct kg_bpftrace {
	char *path;  /**< absolute path; owned */
	char *text;  /**< what it says of itself: "bpftrace v0.17.0"; owned */
	int major;
	int minor;
	int patch;
};

/**
 * Find bpftrace and ask for its version: $KGENT_BPFTRACE if that is set, else the first on $PATH. The version must be answered within 5 s.
 * @param ret untouched on failure
 * @return 0; -KG_E_TOOL when there is none, or it does not answer as bpftrace does; the hint is the line that installs it
 */
int kg_bpftrace_find(struct kg_bpftrace *ret, struct kg_error *err);
void kg_bpftrace_clear(struct kg_bpftrace *tool);
/** "bpftrace v0.17.0", "v0.21.2-4-gabc" -> numbers. FALSE (and nothing written) when [text] holds no version. */
gboolean kg_bpftrace_parse_version(const char *text, int *ret_major, int *ret_minor, int *ret_patch);
/** Is it at least this version? */
gboolean kg_bpftrace_is_at_least(const struct kg_bpftrace *tool, int major, int minor);

/**
 * bpftrace's limits, which it reads from BPFTRACE_* variables. Zero: bpftrace's own default. The user's own BPFTRACE_*
 * variables never reach it, since they change what a program means. Building, loading and running the same program
 * must be given the same limits. Names and defaults: bpftrace(8) of 0.17.
 */
struct kg_bpftrace_limits {
	int strlen;       /**< bytes a str() keeps (default 64; 0.17 takes at most 200) */
	int map_keys_max; /**< entries of a map (default 4096); more are dropped without a word by 0.17 */
	int max_probes;   /**< attach points that wildcards may make (default 512) */
	int rb_pages;     /**< pages for each CPU's output buffer (default 64) */
};

/**
 * Turn bpftrace's messages into findings. Understood: `NAME:LINE:COL[-COL]: ERROR|WARNING: text`, `NAME:LINE[-LINE]: ...`, and
 * messages without a place (`ERROR: text`, `FATAL: text`). Source excerpts, carets, the harmless line about RLIMIT_MEMLOCK,
 * and repeated messages are dropped; clang's own messages about C definitions (`definitions.h:3:5: error: ...`)
 * are kept without a place, since theirs is not in the program.
 * @param text what bpftrace wrote to standard error; any bytes. Texts in the findings are made harmless for terminals
 * @param len bytes
 * @param check static name of the check that findings are filed under
 * @param diags appended to
 */
void kg_bpftrace_parse_messages(const char *text, gsize len, const char *check, GPtrArray *diags);
/**
 * Remove the warnings that bpftrace has no ground for on this system: it says of every function that it "is not traceable" where the list of
 * traceable functions (available_filter_functions) can't be read.
 */
void kg_bpftrace_drop_baseless(GPtrArray *diags);
