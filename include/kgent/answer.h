/**
 * @file
 * What a model answered, read as a program: and what can be mended of it without asking again.
 *
 * Models put prose around a code block, give several blocks, a change instead of a program, a refusal, or nothing. What is found is only
 * a text: it is checked as any other.
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/profile.h>

enum kg_answer_kind {
	KG_ANSWER_PROGRAM,
	KG_ANSWER_REFUSAL, /**< it says that it can't or won't; or it asks something: text says what */
	KG_ANSWER_NOTHING, /**< no program in it, or only what can't be one */
};
const char *kg_answer_kind_name(enum kg_answer_kind kind); /**< "program", "refusal", "nothing"; static */

struct kg_answered {
	enum kg_answer_kind kind;
	char *program;    /**< of a program: its text, with a final newline; else NULL; owned */
	char *text;       /**< of the others: what it says, cut to some lines; "" where it says nothing; owned. Untrusted: escape it */
	GPtrArray *notes; /**< char *: how it was read ("2 code blocks; the last one that is a program is taken") */
};

/**
 * Read an answer.
 *
 * Of the code blocks that parse as bpftrace the one with the most probes is taken, of several the last (models explain pieces behind the
 * whole); of none that parses, the last that looks like a program, so that its error can be reported. A block that is a unified diff is
 * applied to [previous]. `bpftrace -e '...'` is taken out of its command line. Without blocks the answer itself is tried. A program with
 * an ellipsis in it ("... as before") is none.
 * @param text     any bytes
 * @param previous the program that a change can refer to, or NULL
 */
struct kg_answered *kg_answer_read(const char *text, const char *previous);
struct kg_answered *kg_answer_free(struct kg_answered *answer);

/**
 * Mend what needs no model: a field of a tracepoint that is called otherwise here, a tracepoint that is in another group on this
 * kernel (where there is one that is surely meant), `args->x` against `args.x`, and the names fentry and kfunc, as the installed bpftrace
 * wants them. Only what the checks would refuse is touched, and a mend that does not remove findings is taken back.
 *
 * @param profile may be NULL: then what depends on the kernel is left
 * @param version may be NULL: then what depends on bpftrace is left
 * @param notes   char *: one line for each mend
 * @return the mended text, owned; NULL: nothing was mended
 */
char *kg_answer_mend(const char *program, struct kg_profile *profile, const struct kg_bt_version *version, GPtrArray *notes);
