/* Ctrl-C while something is proved: the first ends it with what is known so far, the second at once. */
#pragma once

#include <kgent/prove.h>

struct kg_interrupt {
	void *old; /* the handlers before */
};
/* Handle SIGINT and SIGTERM from here on, and let [prove] look at them. While nothing is proved they end the process as before. */
void kg_interrupt_begin(struct kg_interrupt *in, struct kg_prove_opts *prove);
void kg_interrupt_end(struct kg_interrupt *in);
