/* The measurements of models.c; each returns an exit code. */
#pragma once

#include <glib.h>

/* kgent-bench brief N SENTENCE: building the brief */
int bench_brief(int n, const char *sentence);
/* kgent-bench talk N: conversations of three rounds; growth N: resident bytes after a tenth of N conversations, and after all */
int bench_rounds(int n, gboolean is_growth);
