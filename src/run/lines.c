/* A stream of bytes as lines. A line beyond the bound is thrown away whole, since half of a map would be a wrong map. */
#include "lines.h"

#include <string.h>

void lines_init(struct lines *l, gsize max)
{
	*l = (struct lines){.line = g_string_new(NULL), .max = max};
}

void lines_done(struct lines *l)
{
	if (l->line)
		g_string_free(l->line, TRUE);
	l->line = NULL;
}

static void add(struct lines *l, const char *s, gsize len)
{
	if (l->is_skipping) {
		l->n_thrown += len;
		return;
	}
	if (l->line->len + len <= l->max) {
		g_string_append_len(l->line, s, (gssize)len);
		return;
	}
	l->is_skipping = TRUE;
	l->n_thrown += l->line->len + len;
	/* a huge line needs its memory no longer */
	g_string_free(l->line, TRUE);
	l->line = g_string_new(NULL);
}

void lines_flush(struct lines *l, lines_fn fn, void *user)
{
	if (!l->is_skipping && l->line->len)
		fn(l->line->str, l->line->len, user);
	g_string_truncate(l->line, 0);
	l->is_skipping = FALSE;
}

void lines_feed(struct lines *l, const char *data, gsize len, lines_fn fn, void *user)
{
	const char *end = data + len;

	while (data < end) {
		const char *nl = memchr(data, '\n', (gsize)(end - data));
		const char *stop = nl ? nl : end;

		if (nl && l->line->len == 0 && !l->is_skipping && (gsize)(stop - data) <= l->max) {
			fn(data, (gsize)(stop - data), user);
		} else {
			add(l, data, (gsize)(stop - data));
			if (nl) {
				if (!l->is_skipping)
					fn(l->line->str, l->line->len, user);
				g_string_truncate(l->line, 0);
				l->is_skipping = FALSE;
			}
		}
		data = nl ? nl + 1 : end;
	}
}
