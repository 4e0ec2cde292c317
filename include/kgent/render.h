/**
 * @file
 * Render: events of a running program as text for people, or as JSON Lines (docs/json.md).
 *
 * Text that comes from the kernel is made harmless (kg_text_escape) here; nothing else writes it to a terminal.
 */
#pragma once

#include <kgent/card.h>
#include <kgent/run.h>

/** All zero is a good default. Pointers are borrowed for the life of the renderer. */
struct kg_render_opts {
	const GPtrArray *columns; /**< struct kg_run_columns *: what is known of the maps; others get generic titles and keep their keys
				       whole. NULL: nothing is known */
	gboolean color;
	int width;              /**< of the terminal in columns; 0: no limit */
	gboolean json;          /**< JSON Lines instead of text */
};

struct kg_render;
struct kg_render *kg_render_new(const struct kg_render_opts *opts);
struct kg_render *kg_render_free(struct kg_render *r);
/** Append what is to be shown of [ev] to [out]; can be nothing. ERROR, LOST, TRUNCATED and ATTACHED give text in JSON only: they are for
 *  standard error (kg_render_notice()). */
void kg_render_event(struct kg_render *r, const struct kg_run_event *ev, GString *out);
/** One line for standard error about an event that is no output of the program, or FALSE: "lost 12 events: ..." */
gboolean kg_render_notice(const struct kg_run_event *ev, GString *out);
/** End a line left open by the last printf. Call once at the end. */
void kg_render_finish(struct kg_render *r, GString *out);

/**
 * Append one value by its unit: 1234567 bytes as "1.2 MB"... for a single value.
 * errno numbers by name, system calls by name (of the machine's own architecture), signals, users, devices, addresses in hexadecimal.
 */
void kg_render_number(gint64 value, const struct kg_run_column *col, GString *out);
/** Append [s] as a JSON string with its quotes: bytes that are not UTF-8 become U+FFFD. */
void kg_render_json_string(const char *s, gsize len, GString *out);
