/* A reader for what bpftrace calls JSON. */
#pragma once

#include <glib.h>

struct json {
	const char *s;
	const char *end;
};

void json_space(struct json *j);
/* Step over [c] (after white space); FALSE and nothing read when it is another. */
gboolean json_take(struct json *j, char c);
/* What comes next, after white space; '\0' at the end. */
char json_peek(struct json *j);
/* A string, unescaped, appended to [out]. */
gboolean json_string(struct json *j, GString *out);
/* An integer and nothing more: what follows must end a value. is_big: it only fits *ret_u. */
gboolean json_integer(struct json *j, gint64 *ret_i, guint64 *ret_u, gboolean *is_big);
/* Text without quotes (strftime() in a map): up to what can end it. FALSE when there is none. */
gboolean json_bare(struct json *j, gboolean is_last, GString *out);
/* Anything, stepped over. */
gboolean json_skip(struct json *j);
