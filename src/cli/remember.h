/* What a request came to is kept in the memory, once it was answered. */
#pragma once

#include "cli.h"

#include <kgent/agent.h>
#include <kgent/run.h>

struct kg_outcome {
	const char *prompt;
	const struct kg_candidate *candidate;
	const struct kg_verdict *verdict;
	const struct kg_profile *profile;
	const struct kg_run_result *run; /* NULL: it did not run */
};
/* The memory is opened, and closed again, only here. That it can't be had is a note (said, and added to [notes]), no failure. */
void kg_remember(const struct kg_cli *cli, const struct kg_outcome *outcome, GPtrArray *notes);
