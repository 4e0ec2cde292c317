/* What the files of this part share: sections that are filled piece by piece as long as there is room. */
#pragma once

#include <kgent/brief.h>

struct section {
	GString *text;
	gsize max_bytes;
	gboolean is_full;
};
/* Append a piece whole, or not at all. FALSE: there is no room for it. */
gboolean section_add(struct section *s, const char *piece);

/* The question's words: stems, without those that say nothing. */
struct words;
struct words *words_new(const char *question);
void words_free(struct words *w);
gboolean words_have(const struct words *w, const char *word); /* by its stem */
const GPtrArray *words_names(const struct words *w);          /* char *: words of the question that are names of the kernel's kind: tcp_connect */

/* Kernel, bpftrace, which kinds of attach points can be used. */
void facts_add(const struct kg_brief_opts *opts, struct section *s);
/* What the installed bpftrace lacks. */
void lacks_add(const struct kg_brief_opts *opts, struct section *s);
/* Cards that fit the question; their names are added to [names]. */
void cards_add(const struct kg_brief_opts *opts, struct words *w, struct section *s, GPtrArray *names);
/* Attach points that fit, and members of the structs that their arguments point to. */
void points_add(const struct kg_brief_opts *opts, struct words *w, struct section *points, struct section *structs, GPtrArray *names);
