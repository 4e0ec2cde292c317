/* A contract from a file, held against a kernel. */
#pragma once

#include "cli.h"

#include <kgent/agent.h>

/**
 * Its findings are shown on standard error, with [kernel]'s name before them where there is one: with a bad contract nothing is proved.
 * @param file NULL: there is none, and *ret becomes NULL
 * @return 0; -KG_E_INVAL with the first of what is wrong; the errors of reading a file
 */
int kg_cli_contract(const struct kg_cli *cli, const char *file, const char *kernel, struct kg_profile *profile, struct kg_contract **ret,
		    struct kg_error *err);
