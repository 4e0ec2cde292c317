/* Inside of the memory: what its files share. */
#pragma once

#include <kgent/memory.h>

void memory_pair_destroy(gpointer pair);
void memory_hit_destroy(gpointer hit);
GPtrArray *memory_outcomes_new(void);
