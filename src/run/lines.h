/* A stream of bytes as lines, with a bound on their length. */
#pragma once

#include <glib.h>

struct lines {
	GString *line;
	gsize max;
	gboolean is_skipping; /* the line is too long: the rest of it is thrown away */
	guint64 n_thrown;     /* bytes thrown away so far */
};

/* [line] has no newline. */
typedef void (*lines_fn)(const char *line, gsize len, void *user);

void lines_init(struct lines *l, gsize max);
void lines_done(struct lines *l);
void lines_feed(struct lines *l, const char *data, gsize len, lines_fn fn, void *user);
/* The last line, if it did not end with a newline. */
void lines_flush(struct lines *l, lines_fn fn, void *user);
