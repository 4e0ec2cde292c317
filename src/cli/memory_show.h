/* How pairs of the memory are shown: tables, whole, JSON. Their text is untrusted and escaped here. */
#pragma once

#include "cli.h"

#include <jansson.h>
#include <kgent/memory.h>

/* A line each; with [programs] the program below it. */
void kg_show_pairs(const GPtrArray *pairs, gboolean programs, gboolean color, GString *out);
void kg_show_hits(const GPtrArray *hits, gboolean programs, gboolean color, GString *out);
/* All that is known of one. */
void kg_show_pair(const struct kg_memory_pair *pair, const GPtrArray *outcomes, gboolean color, GString *out);
void kg_show_memory_stats(const struct kg_memory_stats *stats, const char *file, gboolean read_only, GString *out);

json_t *kg_pair_json(const struct kg_memory_pair *pair);
json_t *kg_hit_json(const struct kg_memory_hit *hit);
json_t *kg_outcomes_json(const GPtrArray *outcomes);
json_t *kg_memory_stats_json(const struct kg_memory_stats *stats, gboolean read_only);
/* A text as JSON; what is not UTF-8 becomes U+FFFD, NULL becomes null. */
json_t *kg_memory_text_json(const char *s);
