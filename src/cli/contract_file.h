/* A contract from a file or of a sentence, held against a kernel. */
#pragma once

#include "cli.h"

#include <kgent/agent.h>

/* Where it comes from: one of them, or neither. */
struct kg_contract_from {
	const char *file;
	const char *prompt; /* a sentence: see kgent contract */
};
/**
 * Its findings are shown on standard error, with [kernel]'s name before them where there is one: with a bad contract nothing is proved.
 * @param from where neither is given there is none, and *ret becomes NULL
 * @return 0; -KG_E_REFUSED: the sentence was not understood, which is shown; -KG_E_UNSUPPORTED: no contract can be made of it; -KG_E_INVAL with the first of what is wrong; the errors of reading a file
 */
int kg_cli_contract(const struct kg_cli *cli, const struct kg_contract_from *from, const char *kernel, struct kg_profile *profile, struct kg_contract **ret,
		    struct kg_error *err);
