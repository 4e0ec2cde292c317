/**
 * @file
 * A program with what is assumed and asserted in place, as in figure 4 of the paper: what the contract takes for granted at a probe, and below each
 * value the obligation that it fulfils or does not, with the counterexample.
 */
#pragma once

#include <kgent/prove.h>

/** What is shown. All borrowed; contract may be NULL. */
struct kg_annotated {
	const char *file;   /**< its name, for the title */
	const char *source; /**< the program's text */
	const struct kg_bt_program *program;
	const struct kg_contract *contract;
	const struct kg_proof *proof;
};
/** For a terminal; where a line came from and how it came out is said in words as well as in colours. Nothing is written raw. */
void kg_annotated_text(const struct kg_annotated *in, gboolean color, GString *out);
/** A whole HTML page that needs nothing else; all text is escaped. Readable in light and dark. */
void kg_annotated_html(const struct kg_annotated *in, GString *out);
