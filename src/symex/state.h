/*
 * The state of one path, and the executor that all paths share.
 *
 * A state is copied where a path forks. What is big in it (the bytes of memory objects) is shared until it is written.
 */
#pragma once

#include "solver.h"

#include <kgent/symex.h>

/* ---------------------------------------------------------------- memory objects */

enum region_kind { REGION_NONE, REGION_STACK, REGION_CONTEXT, REGION_PACKET, REGION_VALUE, REGION_RECORD };

/* One byte: the [index]-th of [value], which is [n_value] bytes long. So what was stored as a whole is loaded as the same term. */
struct cell {
	struct kg_word value;
	guint8 n_value, index;
	gboolean is_set : 1; /* the program, or the kernel for it, wrote it */
	gboolean is_pad : 1; /* never written at all: its value is made up when it is read */
};
struct cells {
	gint refs;
	guint n;
	gboolean is_packet; /* what was never written is the packet's own byte */
	struct cell cell[];
};
struct region {
	enum region_kind kind;
	uint64_t base;
	struct cells *cells;
	int map;        /* REGION_VALUE and REGION_RECORD: index into the object's maps */
	guint entry;    /* REGION_VALUE: index into state->entries */
	gboolean is_gone;      /* submitted or discarded record */
	gboolean is_changed;   /* REGION_PACKET: the program wrote to it, so that it is no more what the event brought */
	gboolean is_constant;
};
struct cells *cells_new(guint n);
void cells_unref(struct cells *cells);

/* An entry of a map, as one path knows it. The newest with an equal key counts. */
struct entry {
	int map;
	struct kg_word *key;   /* bytes; shared, never changed */
	guint n_key;
	gboolean is_present;
	guint region;          /* its value: index into state->regions; only where present */
	struct cells *before;  /* what it held when this run began, or when it was set in this run; NULL: it was not there */
	gboolean was_present;
	guint run;             /* the run that made it */
	gboolean is_from_before; /* ... by asking what was there */
};

struct kg_state {
	struct kg_symex *x;
	const struct kg_object *object;
	struct kg_cpu cpu;
	struct frame {
		struct kg_cpu caller; /* where to return to */
		guint stack;          /* region */
		struct {
			gboolean is;  /* the frame is a round of bpf_loop(), or of bpf_for_each_map_elem() */
			int map;      /* of the latter, else -1 */
			uint64_t i;
			struct kg_word n; /* 64 bits */
			guint target;
			struct kg_word context;
		} loop;
	} frames[8];
	guint n_frames;
	GArray *regions;     /* struct region; index 0 is not used */
	GArray *entries;     /* struct entry */
	enum kg_maps_at_first first;
	GHashTable *decided; /* term -> GINT: 1 or 2 (true, false); what this path decided */
	GPtrArray *effects;  /* struct kg_bpf_effect *, referenced */
	GArray *pcs;
	GPtrArray *reads;    /* struct kg_read *, borrowed from x */
	GHashTable *back;    /* pc of a branch -> how often it was taken back */
	guint n_steps;
	guint calls[256];    /* how often each helper was called in this run, for answers by number */
	GArray *answers;     /* struct answer: what helpers gave that no input tells */
	guint run;           /* counts kg_symex_run()s on this path */
	uint64_t next_value; /* where the next value or record goes */
	const struct kg_event *event;
	const char *why;     /* not complete, because ...; interned */
	gboolean is_left;    /* ... a tail call went on to another program */
};
/* The result of the n-th call of a helper, for a replay. */
struct answer {
	int helper;
	guint nth;
	guint run; /* kg_state.run */
	struct kg_word result;
	struct kg_word *output; /* bytes, or NULL; owned by x */
	guint n_output;
};

/* ---------------------------------------------------------------- the executor */

struct kg_symex {
	struct solver *solver;
	struct kg_symex_opts opts;
	gint64 until;         /* monotonic us */
	GPtrArray *inputs;    /* struct kg_input * */
	GHashTable *input_of; /* term -> struct kg_input * */
	GHashTable *types;    /* term -> struct typed *: what a value is, as far as BTF says */
	GPtrArray *threads, *events;
	GPtrArray *all_reads; /* owns struct kg_read */
	GHashTable *texts;    /* what was read where: key of read_key() -> struct kg_read * or struct text * */
	GPtrArray *owned_texts; /* struct text * */
	GHashTable *names;    /* taken names of inputs -> count */
	GStringChunk *strings;
	GPtrArray *owned;     /* g_free()d with x */
	guint n_paths, n_steps;
	guint n_fresh;
	GArray *unset;        /* struct kg_word: bytes that were never written and were asked for */
	GHashTable *packet_places; /* terms: places in a packet that were read and are no numbers */
	struct kg_word question; /* of kg_symex_can(), with what was preferred since */
	const struct kg_event *current; /* kg_symex_look_at() */
	const char *limit;    /* which bound ended the exploring, or NULL */
	struct kg_word fork;  /* with -SX_FORK: the condition that the path has to decide */
};
/* What a word is: a C type, and how one would write it. */
struct typed {
	const char *type;
	const char *text;
	enum kg_space space; /* of what a pointer points to */
};

/* ---------------------------------------------------------------- inside codes, next to kg_errc */

enum {
	SX_FORK = 1000, /* the instruction needs a decision: x->fork holds the condition; it is executed again behind it */
	SX_END,         /* this path can't go on: state->why */
};

extern const struct kg_algebra kg_terms;

/* Short hands over kg_terms. */
struct kg_word sx_op(struct kg_symex *x, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b);
struct kg_word sx_extract(struct kg_symex *x, struct kg_word a, unsigned high, unsigned low);
struct kg_word sx_extend(struct kg_symex *x, struct kg_word a, unsigned from, unsigned to);
struct kg_word sx_select(struct kg_symex *x, struct kg_word c, unsigned width, struct kg_word yes, struct kg_word no);
struct kg_word sx_and(struct kg_symex *x, struct kg_word a, struct kg_word b);
struct kg_word sx_or(struct kg_symex *x, struct kg_word a, struct kg_word b);
struct kg_word sx_not(struct kg_symex *x, struct kg_word a);
struct kg_word sx_join(struct kg_symex *x, const struct kg_word *bytes, guint n); /* little endian; n <= 8 */

/* state.c */
struct kg_state *state_new(struct kg_symex *x, const struct kg_object *object, enum kg_maps_at_first first);
struct kg_state *state_copy(const struct kg_state *s);
struct region *state_region(struct kg_state *s, guint index);
guint state_region_new(struct kg_state *s, enum region_kind kind, uint64_t base, guint n);
struct cells *state_writable(struct kg_state *s, guint region);
int state_end(struct kg_state *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3); /* -SX_END */
struct kg_bpf_effect *state_effect(struct kg_state *s, enum kg_bpf_effect_kind kind, int map);
/* Which way does this path go? 0 and *ret; -SX_FORK. */
int state_decide(struct kg_state *s, struct kg_word condition, gboolean *ret);
/* A number for [w]: it is one, or the path has only one left for it. -SX_END otherwise. */
int state_number(struct kg_state *s, struct kg_word w, const char *what, uint64_t *ret);

/* memory.c */
extern const struct kg_memory_ops sx_memory; /* self: struct kg_state * */
int mem_load_bytes(struct kg_state *s, struct kg_word address, guint n, struct kg_word *ret, guint8 *ret_is_set); /* helpers read the program's memory */
int mem_store_bytes(struct kg_state *s, struct kg_word address, guint n, const struct kg_word *bytes);
/* One byte that is written only sometimes: whether it counts as written stays as it was. */
int mem_store_maybe(struct kg_state *s, struct kg_word address, struct kg_word byte);
int mem_store_word(struct kg_state *s, struct kg_word address, guint n, struct kg_word value); /* a value of n <= 8 bytes as one */
struct kg_word cells_byte(struct kg_symex *x, struct cells *cells, guint i);
struct region *mem_region_at(struct kg_state *s, struct kg_word address, guint n, uint64_t *ret_offset); /* by number */

/* world.c: what is outside of the program */
#define MAX_NUL 256 /* bytes of a text that a NUL is looked for in; behind them a buffer may hold anything: too much, never too little */
struct kg_word outside_word(struct kg_symex *x, struct kg_state *s, enum kg_space space, struct kg_word address, guint n);
struct kg_read *outside_named(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n);
void outside_text(struct kg_symex *x, struct kg_state *s, enum kg_space space, struct kg_word address, guint n, struct kg_word *ret_bytes,
		  struct kg_word *ret_ended);
void outside_text_named(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n);
struct kg_word outside_byte(struct kg_symex *x, enum kg_space space, struct kg_word address, guint64 i);
#define PACKET_CHOICES 128 /* bytes of a packet that a place which is a term chooses among */
/* A byte of the packet as the event brought it; [offset] from its beginning, 64 bits. */
struct kg_word packet_byte(struct kg_symex *x, struct kg_word offset);
struct kg_input *input_new(struct kg_symex *x, guint event, unsigned width, const char *type, const char *fmt, ...) G_GNUC_PRINTF(5, 6);
void type_set(struct kg_symex *x, struct kg_word w, const char *type, const char *text, enum kg_space space);
const struct typed *type_get(struct kg_symex *x, struct kg_word w);
const char *sx_keep(struct kg_symex *x, const char *s);
const char *sx_keepf(struct kg_symex *x, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* event.c: contexts */
struct context {
	struct cells *cells;
	gboolean has_packet;
	struct kg_word whole_length; /* of the packet, bytes, 32 bits; event->packet_length is its linear part */
	guint data_at, data_end_at;  /* where the context has the linear part's beginning and end, bytes */
};

/* map.c */
int sx_map_find(struct kg_state *s, int map, const struct kg_word *key, guint n_key, guint *ret_entry, gboolean *ret_is_present);
int sx_map_set(struct kg_state *s, int map, struct kg_word key_at, struct kg_word value_at, uint64_t flags, struct kg_word *ret);
int sx_map_delete(struct kg_state *s, int map, struct kg_word key_at, struct kg_word *ret);
int sx_map_lookup(struct kg_state *s, int map, struct kg_word key_at, struct kg_word *ret);
/* Storage of a task, inode, socket: a map whose key is the object's address. */
int sx_map_storage(struct kg_state *s, int map, struct kg_word object, gboolean creates, struct kg_word value_at, struct kg_word *ret);
int sx_map_storage_delete(struct kg_state *s, int map, struct kg_word object, struct kg_word *ret);
int sx_map_of(struct kg_state *s, struct kg_word pointer, int *ret);
void sx_map_begin_run(struct kg_state *s);  /* remember what each entry holds */
void sx_map_end_run(struct kg_state *s);    /* changes through pointers become effects */

/* helper.c */
int sx_helper_call(struct kg_state *s, int helper);
/* kfunc.c: the kernel function of that index of the object */
int sx_kfunc_call(struct kg_state *s, int kfunc);
/* helper_packet.c: LD_ABS and LD_IND. *ret_is_there: [size] bytes lie at [offset] (32 bits) of the packet, and *ret is their number, big endian. */
int sx_old_load(struct kg_state *s, struct kg_word offset, guint size, gboolean *ret_is_there, struct kg_word *ret);
