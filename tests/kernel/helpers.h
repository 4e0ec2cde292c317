/*
 * Models of helpers against the helpers.
 *
 * helpers.bpf.c       what is run
 * helpers.c           the kernel's side, the interpreter, the comparison
 * helpers_symbolic.c  the symbolic executor: what it thinks possible
 */
#pragma once

#include <kgent/interp.h>

struct outcome {
	uint32_t result;
	GBytes *out, *bss;
	GPtrArray *records; /* GBytes, those of the ring buffer first */
};

/* What the symbolic executor thinks of what the kernel came to, when the run begins in the interpreter's world. Owned, NULL: all is well. */
struct opinion {
	gboolean is_possible; /* some path ends like that */
	gboolean is_sure;     /* no path ends in another way */
	char *why;            /* a path did not come to its end; owned */
};
struct opinion symbolic_opinion(const struct kg_object *o, guint which, const struct kg_world *w, const struct outcome *kernel);
