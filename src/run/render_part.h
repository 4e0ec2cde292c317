/* What the files of the renderer share. */
#pragma once

#include <kgent/render.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* A unit that a whole column is written in: values are divided by [factor]. */
struct scale {
	const char *suffix; /* "KiB", "ms"; "" for none */
	double factor;
};

/* Is the column a text for bpftrace? */
gboolean column_is_text(const struct kg_run_column *col);
/* Is it written to the left: texts, and numbers that are shown by name? */
gboolean column_is_left(const struct kg_run_column *col);
/* The one unit for values between [min] (the smallest that is not 0) and [max]. */
struct scale scale_for(enum kg_unit unit, double min, double max);
/* The same for a column: in the unit that was asked for, where one was. */
struct scale scale_of(const struct kg_run_column *col, double min, double max);
/* "1,234", "0.25": [value] in [scale]; no suffix. */
void append_in_scale(gint64 value, const struct scale *scale, GString *out);
/* "1,234,567" */
void append_grouped(gint64 value, GString *out);
/* A value of any type but buckets and stats, by its column; [scale] NULL: with its own unit behind it. */
void append_value(const struct kg_run_value *v, const struct kg_run_column *col, const struct scale *scale, GString *out);
/* One key: integers by the column's unit, texts made harmless. */
void append_key(const struct kg_run_text *key, const struct kg_run_column *col, GString *out);
gboolean text_to_integer(const char *s, gsize len, gint64 *ret);
double value_size(const struct kg_run_value *v);

/* The keys of a row as texts (n_keys of them), or NULL when they can't be told apart. */
GPtrArray *row_keys(const struct kg_run_columns *cols, const struct kg_run_row *row);
/* Indices of the rows in the order in which they are shown: at most cols->top. Owned GArray of guint. */
GArray *rows_in_order(const struct kg_run_event *ev, const struct kg_run_columns *cols);

/* [cols] is never NULL: for unknown maps it is a generic description. */
void render_table(const struct kg_run_event *ev, const struct kg_run_columns *cols, gboolean color, GString *out);
void render_hist(const struct kg_run_event *ev, const struct kg_run_columns *cols, const struct kg_render_opts *opts, GString *out);
void render_json(const struct kg_run_event *ev, const struct kg_run_columns *cols, const struct kg_run_columns *print, GString *out);
/* A line of tab-separated fields in columns; FALSE when it has another number of fields. */
gboolean render_print_line(const struct kg_run_columns *cols, const char *line, gsize len, GString *out);
void render_print_header(const struct kg_run_columns *cols, gboolean color, GString *out);
