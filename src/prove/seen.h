/*
 * What a user gets to see of one run: the effects of a run, taken apart into values.
 *
 * The same for terms and for numbers, so that a replay is read in the same way as the proof.
 *
 * bpftrace 0.17 sends records through one perf event array: a u64 that says which action (below 10000: the n-th printf of the program), then
 * the values, each aligned to its size, strings and addresses as bytes. Maps are shown at the end, key by key.
 */
#pragma once

#include "shape.h"

#include <kgent/interp.h>

enum seen_where {
	SEEN_PRINTED, /* a value of a record */
	SEEN_KEY,     /* part of a map's key */
	SEEN_VALUE,   /* a map's value, as it is assigned */
	SEEN_RESULT,  /* r0 of a C program */
};
struct seen {
	enum seen_where where;
	struct shape shape;
	const struct kg_word *bytes; /* shape.size words of 8 bits; borrowed from the effect */
	gboolean is_signed;          /* SHAPE_INT below 8 bytes: how it is extended */
	const struct kg_bt_node *node; /* the program's expression, or NULL */
	struct kg_loc loc;
	char *text;                  /* "the expression", "@bytes[...]", "event.pid" */
	char conversion;             /* 'd', 'x', 's', ... of a printf; 0 */
	guint group;                 /* index of the effect: values of one record or one entry */
	enum kg_aggregate bucket;    /* HIST, LHIST: the number is a bucket's */
	int64_t lhist_min, lhist_step;
};
/* One entry of a map that was changed, as far as it is an aggregation or a plain value. */
struct seen_change {
	int map;
	const char *name;
	gboolean is_scratch;   /* a note between probes, never shown */
	enum kg_aggregate aggregate; /* what the program says it is; NONE: a plain value */
	guint group;
	struct kg_loc loc;
	const struct kg_word *key, *after;  /* bytes */
	guint n_key, n_value;
	guint n_suffix;        /* bytes at the key's end that bpftrace adds: bucket, or which of count and total */
	enum kg_answer was_there; /* before */
	const struct kg_word *before; /* where was_there is KG_YES */
	gboolean is_deleted;
	gboolean is_unchanged; /* a max or min that this event did not move; not in a replay */
};
/* What a program asks user space to do: print, clear, exit, ... */
struct seen_action {
	enum seen_action_kind { SEEN_PRINT_MAP, SEEN_CLEAR_MAP, SEEN_ZERO_MAP, SEEN_EXIT, SEEN_OTHER_ACTION } kind;
	int map;
	uint32_t top; /* of a print: how many entries; 0: all */
	guint group;
};
struct seen_all {
	GPtrArray *values;  /* struct seen *, in order */
	GArray *changes;    /* struct seen_change */
	GArray *actions;    /* struct seen_action */
	guint n_records;    /* records that show something */
	char *why_not;      /* what could not be taken apart, or NULL */
};

/* What the map held under [key] before the run: KG_YES and *ret (borrowed bytes), KG_NO, KG_UNKNOWN. */
typedef enum kg_answer (*seen_before_fn)(void *user, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret);

struct seer; /* of one program text and object */
struct seer *seer_new(const struct kg_object *object, const struct kg_bt_program *program, const char *record, struct kg_profile *profile);
struct seer *seer_free(struct seer *seer);
struct shapes *seer_shapes(struct seer *seer); /* NULL for C */
/* [probe]: index of the BPF program in the object. */
struct seen_all *seer_look(struct seer *seer, guint probe, const GPtrArray *effects, seen_before_fn before, void *user);
struct seen_all *seen_all_free(struct seen_all *all);
/* Add what [more] saw, behind what [all] saw; [more] is used up. */
void seen_all_join(struct seen_all *all, struct seen_all *more);
struct seen_all *seen_all_copy(const struct seen_all *all);
/* Where in a bpftrace record of numbers the number of a map stands (print(@x)); 0: it has none. */
guint seen_map_number_at(const struct kg_bpf_effect *record);
/* Does anybody see something of this run? */
gboolean seen_anything(const struct seen_all *all);
/* The line of a C source that an instruction came from; line 0: not known. */
struct kg_loc seer_line(struct seer *seer, guint program, guint pc);
/* The probe of the text that a program of the object was made from, or NULL. */
const struct kg_bt_probe *seer_probe(struct seer *seer, guint program);
