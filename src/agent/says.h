/* What a check found. */
#pragma once

#include <kgent/agent.h>

/* Set the result of [check] and its one line. */
void agent_says(struct kg_check *check, enum kg_check_result result, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
