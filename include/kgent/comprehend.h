/**
 * @file
 * Comprehend: from what is asked to a contract, which says what any right program for it must do.
 *
 * Made from the intent and the event cards, never from a program: so a wrong program can't talk its way through, whoever wrote it. Each way in which
 * a card can be observed on this kernel is an alternative (`either`), and a program is judged by the one whose attach points it has.
 */
#pragma once

#include <kgent/contract.h>
#include <kgent/intent.h>

/** Who shows the answer? All zero: the program itself, as text. */
struct kg_comprehend_opts {
	gboolean is_rendered; /**< kgent: it names the columns, so that their order does not matter, and turns nanoseconds into the unit that is read best. Else
				   values that look alike have to stand in the order in which they are asked for, and times are in the unit that the
				   sentence names, or in microseconds */
};
/**
 * @param opts     may be NULL
 * @param title    the request in words: the contract's `for`
 * @param profile  of the kernel that the program is for
 * @param ret      0: the contract, the caller's
 * @return 0; -KG_E_UNSUPPORTED: no contract can be made of it, and why
 */
int kg_comprehend(const struct kg_intent *intent, struct kg_profile *profile, const struct kg_comprehend_opts *opts, const char *title, struct kg_contract **ret, struct kg_error *err);
