/* The check "trial": private to the agent. */
#pragma once

#include "boxed.h"

/* Try the program, where that is wanted and can be; what came of it goes to [check], and to the verdict for whoever wants all of it. */
void agent_check_trial(const char *text, struct boxed *boxed, const struct kg_bpftrace *tool, struct kg_verdict *verdict, struct kg_check *check);
