/**
 * @file
 * Text that goes to people's terminals: made harmless, given a width, cut to size.
 */
#pragma once

#include <glib.h>

/**
 * Append [s] with everything a terminal could act on made visible: control characters (but tab) as \xNN, bytes that
 * are not UTF-8 as \xNN, and the Unicode controls that change direction or are invisible as \u{NNNN}.
 * @param len bytes, or -1 up to the NUL
 */
void kg_text_escape(const char *s, gssize len, GString *out);
/** The same, with newlines left as they are: for whole texts. */
void kg_text_escape_lines(const char *s, gssize len, GString *out);
/** Columns that [s] takes on a terminal (wide characters take two). */
int kg_text_width(const char *s);
/** Damerau-Levenshtein distance (neighbours exchanged count one), or max + 1 once it is more than max. Bytes. */
int kg_text_distance(const char *a, const char *b, int max);
/** One line of a text, without its newline; borrowed from the text, not NUL-terminated. */
struct kg_text_line {
	const char *s;
	gsize len;
};
/**
 * The line at *s, which goes on to the next one. The last line needs no newline, and an empty text has no line.
 * @param end just behind the text
 * @return FALSE at the end; [ret] is then untouched
 */
gboolean kg_text_next_line(const char **s, const char *end, struct kg_text_line *ret);
/** Does [what] stand in the line? */
gboolean kg_text_line_has(const struct kg_text_line *l, const char *what);
/** Append [s] as a bpftrace string literal, with its quotes. */
void kg_text_quote(const char *s, GString *out);
/** "12 ms", "1.5 s", "3 min": a duration for people. */
char *kg_text_duration(gint64 ns);
