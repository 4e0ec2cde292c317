/**
 * @file
 * Are two programs the same to a user: do they show the same in every state of the kernel?
 *
 * Both run symbolically on the same event, from the same state of the maps, and on every pair of paths that one state can take, what is shown must be
 * equal: the values of each record in their order and as they are shown, what is asked of user space (print, clear, exit), and the entries of the maps.
 * Text around the values, names of variables, and names of maps where it is clear which is which, do not matter.
 *
 * "Same" rests on an induction: from maps that are the same, every event leaves maps that are the same. "Different" comes with a sequence of events
 * from the beginning of tracing on, replayed by the concrete interpreter on both. All else is unknown.
 */
#pragma once

#include <kgent/prove.h>

enum kg_diff_word { KG_DIFF_SAME, KG_DIFF_DIFFERENT, KG_DIFF_UNKNOWN };
const char *kg_diff_name(enum kg_diff_word word); /**< "same", "different", "unknown" */

struct kg_diff {
	enum kg_diff_word word;
	char *why;            /**< one line: of DIFFERENT what differs, of UNKNOWN the reason; else NULL */
	struct kg_counterexample *counterexample; /**< of DIFFERENT: `shown` is the first program's, `wanted` the second's; else NULL */
	guint n_paths, n_checks;
	gint64 took_ns, solver_ns;
};
/** A program of bpftrace: its object, with kg_object_bpftrace(), and the tree that it was compiled from. Borrowed. */
struct kg_diff_side {
	const struct kg_object *object;
	const struct kg_bt_program *program;
};
/**
 * Compare two programs. Runs in a child process, as kg_prove() does, and can be interrupted like that.
 *
 * @param profile of the kernel that both were compiled for
 * @param opts    may be NULL; bounds.total_ms is for the whole of it
 * @return 0, whatever the outcome; -KG_E_IO
 */
int kg_diff_programs(const struct kg_diff_side *a, const struct kg_diff_side *b, struct kg_profile *profile, const struct kg_prove_opts *opts,
		     struct kg_diff **ret, struct kg_error *err);
struct kg_diff *kg_diff_free(struct kg_diff *diff);
/** For people; [names]: what the two are called ("a.bt", "b.bt"). Nothing of a program's or the kernel's text is written raw. */
void kg_diff_text(const struct kg_diff *diff, const char *const names[2], gboolean color, GString *out);
/** One JSON object (docs/json.md), without a final newline; owned. */
char *kg_diff_json(const struct kg_diff *diff);
