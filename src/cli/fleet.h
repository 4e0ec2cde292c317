/* kgent check --kernel A --kernel B: one program, checked for several kernels at once, each in a virtual machine of its own. */
#pragma once

#include "cli.h"
#include "contract_file.h"

#include <kgent/agent.h>

struct kg_fleet {
	const struct kg_cli *cli;
	const char *file;    /* its name for messages */
	const char *text;
	gsize len;
	const char *const *allowed;
	gboolean no_load;
	GPtrArray *kernels;  /* const char *, as given; two or more */
	const struct kg_contract_from *contract; /* that each is proved against, with the types of each kernel; NULL: none */
	const struct kg_prove_opts *prove;
};
/* Check, and show the table. A kg_exit: that of the worst of them; or a negative error. */
int kg_fleet_check(const struct kg_fleet *fleet, struct kg_error *err);
