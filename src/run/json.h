/* A reader for what bpftrace calls JSON. */
#pragma once

#include <glib.h>

struct json {
	const char *s;
	const char *end;
};

void run_json_space(struct json *j);
/* Step over [c] (after white space); FALSE and nothing read when it is another. */
gboolean run_json_take(struct json *j, char c);
/* What comes next, after white space; '\0' at the end. */
char run_json_peek(struct json *j);
/* A string, unescaped, appended to [out]. */
gboolean run_json_string(struct json *j, GString *out);
/* An integer and nothing more: what follows must end a value. is_big: it only fits *ret_u. */
gboolean run_json_integer(struct json *j, gint64 *ret_i, guint64 *ret_u, gboolean *is_big);
/* Text without quotes (strftime() in a map): up to what can end it. FALSE when there is none. */
gboolean run_json_bare(struct json *j, gboolean is_last, GString *out);
/* Anything, stepped over. */
gboolean run_json_skip(struct json *j);
