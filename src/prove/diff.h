/*
 * What the files of the comparison share.
 *
 * diff.c       the child process, the induction, the search for a sequence of events that shows a difference
 * diff_maps.c  which map of the one is which of the other
 * diff_seen.c  what both show on a pair of paths: as a condition, and as text in a replay
 */
#pragma once

#include "judge.h"

#include <kgent/diff.h>

#define DIFF_MAX_EVENTS 3

/* One of the two programs. Maps that stand for each other have the same index in both objects. */
struct diff_side {
	const struct kg_object *original;
	struct kg_object *object;  /* with its maps renumbered */
	const struct kg_bt_program *program;
	const char **first_name;   /* of the maps in [object]: what the first program calls them. Borrowed */
	int *number;               /* of the original's maps: where they are in [object] */
	struct seer *seer;
	struct judge judge;        /* for moments */
};

/* Set up side->object of both. */
void diff_pair_maps(struct diff_side *a, struct diff_side *b, struct kg_profile *profile);
void diff_side_clear(struct diff_side *side);
/* Counts and sums are shown alike. */
gboolean diff_aggregates_alike(enum kg_aggregate a, enum kg_aggregate b);
/* Is it only a note between probes, which nobody sees? */
gboolean diff_is_scratch(const struct diff_side *side, int map);
/* Calls that user space makes something of that is not looked into (time(), system(), kstack(5), the buckets of lhist()): are they the same, in order? */
gboolean diff_same_asyncs(const struct diff_side *a, const struct diff_side *b);

/* What differs between two paths; a condition is a word of 1 bit. */
struct diff_words {
	struct kg_word shown;   /* something that a user sees differs */
	struct kg_word kept;    /* something that maps keep for later differs */
	gboolean asks, changes, shows; /* one of the two looks into maps; changes them; shows something */
	const char *why_not;    /* something could not be compared, or NULL; borrowed from the seen */
};
/* [path] and [seen] NULL: nothing runs on that side. */
struct diff_words diff_compare(struct kg_symex *x, const struct diff_side side[2], const struct kg_path *const path[2], struct seen_all *const seen[2]);

/* What a replay showed: records as lines, entries of shown maps. */
struct diff_shown {
	GPtrArray *lines;   /* char * */
	GPtrArray *entries; /* char *: map, key and value in hexadecimal, sorted; to be compared */
	GPtrArray *changes; /* char *: the entries that the last event changed, for people */
};
struct diff_shown *diff_shown_of(struct kg_symex *x, const struct diff_side *side, guint program, const struct kg_run_of_bpf *run);
struct diff_shown *diff_shown_free(struct diff_shown *shown);
/* TRUE: they differ, and in what: two texts, owned. */
gboolean diff_shown_differ(const struct diff_shown *a, const struct diff_shown *b, char **ret_a, char **ret_b);
/* diff_say.c: what kg_diff_json() wrote; NULL: it is not that. */
struct kg_diff *diff_read(const char *json, gsize len);
