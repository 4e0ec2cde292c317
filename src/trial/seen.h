/* What a program showed: private to the trial. */
#pragma once

#include <kgent/trial.h>

/* One row of a map, as it was printed. */
struct seen_row {
	char *map;
	char *key;            /* "" where the map has none */
	enum kg_run_value_type type;
	gint64 number;        /* INT; UINT as far as it fits */
	char *text;           /* TEXT, TUPLE; else NULL */
	gint64 count, average, total; /* STATS */
	GArray *buckets;      /* BUCKETS: struct kg_run_bucket; else NULL */
};

struct kg_seen {
	GPtrArray *lines;     /* char *: printed lines, without newlines */
	GString *partial;     /* of the line that is being printed */
	GPtrArray *rows;      /* struct seen_row *: of the last printing of each map */
	GPtrArray *all_rows;  /* the same of every printing */
	gsize n_bytes;        /* kept so far */
	gboolean is_cut;      /* more came than is kept */
	guint64 n_lost, n_thrown;
	char *lost;           /* as words */
};

/* The unfinished line counts as one once the run is over: this one ends it. */
void seen_finish(struct kg_seen *seen);
