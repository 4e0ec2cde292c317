/* --bound NAME=N: how far a proof goes. */
#pragma once

#include <kgent/symex.h>

#define KG_BOUND_HELP "how far the proof goes: time (s), question (ms), paths, steps, unroll, memory (MiB); repeatable"

/* "paths=10000". -KG_E_INVAL: it is none, and what is one. */
int kg_cli_bound(struct kg_symex_opts *bounds, const char *text, struct kg_error *err);
