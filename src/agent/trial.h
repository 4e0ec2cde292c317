/* The check "trial": private to the agent. */
#pragma once

#include <kgent/agent.h>

/* Try the program, where that is wanted and can be; what came of it goes to [check], and to the verdict for whoever wants all of it. */
void agent_check_trial(const char *text, const struct kg_check_opts *opts, const struct kg_bpftrace *tool, struct kg_verdict *verdict,
		       struct kg_check *check);
