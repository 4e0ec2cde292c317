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
/** Append [s] as a bpftrace string literal, with its quotes. */
void kg_text_quote(const char *s, GString *out);
/** "12 ms", "1.5 s", "3 min": a duration for people. */
char *kg_text_duration(gint64 ns);
