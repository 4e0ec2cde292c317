/*
 * What the files of this part share.
 *
 * world.c    the state that a run starts in
 * memory.c   regions: stack, context, packet, values; the kernel's and the process's memory
 * map.c      maps of all kinds
 * effect.c   what a run did
 * run.c      the loop, functions and callbacks
 * helper.c   the table of helpers, and those that only answer; helper_*.c the others, by what they do
 * kfunc.c    kernel functions
 *
 * A function that returns int returns 0, or -1 once the run has to end: then interp.why says why (interp_stop()).
 */
#pragma once

#include <kgent/interp.h>

#define MAX_HELPER 256
#define MAX_FRAMES 8
#define STACK_SIZE 512

/* Memory that the program may reach with loads and stores. */
struct region {
	uint64_t base;
	gsize size;
	guint8 *bytes;
	guint8 *is_set; /* size flags, or NULL: all bytes are written */
	gboolean is_constant;
	unsigned last_store; /* pc */
	int map; /* of a record that was reserved: its ring buffer */
};

struct map_entry {
	guint8 *key;
	struct region *value;
	guint8 *before;  /* the value as the last helper, or the beginning, left it */
	gboolean is_gone; /* deleted; its value can still be reached in this run */
};
struct map_state {
	const struct kg_map *map;
	int index;
	GPtrArray *entries; /* struct map_entry *, in order of creation */
	GHashTable *by_key; /* GBytes -> struct map_entry *; entries that are there */
	GPtrArray *queue;   /* guint8 *: values of a queue, stack or bloom filter, the oldest first */
};

struct interp {
	const struct kg_object *object;
	const struct kg_bpf_program *program;
	const struct kg_world *world;
	struct kg_interp_opts opts;
	struct kg_run_of_bpf *run;
	struct kg_cpu cpu;
	unsigned pc;             /* of the instruction that is being executed */
	struct region stack[MAX_FRAMES];
	guint frame;
	struct region context, packet;
	gsize packet_linear;     /* bytes of the packet up to data_end */
	GPtrArray *regions;      /* struct region *, values and records, by base */
	uint64_t next_base;
	gsize n_bytes;           /* of all regions */
	struct map_state *maps;
	guint calls[MAX_HELPER]; /* how often each helper was called */
	uint64_t time;
	guint steps, may_gotos;
	gboolean is_over;        /* a tail call left the program */
	char *why;
};

int interp_stop(struct interp *m, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* memory.c */
int memory_check(struct interp *m); /* are the regions within bounds? */
extern const struct kg_memory_ops memory_ops;
struct region *memory_new(struct interp *m, gsize size, gboolean is_written);
void region_clear(struct region *r);
struct region *memory_find(struct interp *m, uint64_t address, gsize size); /* all of it in one region, or NULL */
int memory_load(struct interp *m, uint64_t address, unsigned size, uint64_t *ret);
int memory_store(struct interp *m, uint64_t address, unsigned size, uint64_t value);
/* For helpers: [n] bytes that the program handed over, to read or to write. Stops the run where they are no memory of the program. */
int memory_get(struct interp *m, uint64_t address, gsize n, const guint8 **ret_bytes, const guint8 **ret_is_set);
int interp_memory_put(struct interp *m, uint64_t address, const void *bytes, gsize n);
int memory_zero(struct interp *m, uint64_t address, gsize n);
/* A byte of the kernel's or the process's memory; the program's own regions are kernel memory, too. Never fails. */
guint8 memory_peek(struct interp *m, enum kg_space space, uint64_t address);

/* map.c */
void maps_begin(struct interp *m);
void maps_end(struct interp *m); /* effects of stores, run->entries, and all is released */
/* The map that a helper's argument means, with its sizes known. */
int map_of(struct interp *m, uint64_t address, struct map_state **ret);
struct map_entry *map_find(struct interp *m, struct map_state *s, const guint8 *key);
/* 0 or a negative errno, as the helper returns it. is_set: of the value, may be NULL. ret may be NULL. */
gint64 map_set(struct interp *m, struct map_state *s, const guint8 *key, const guint8 *value, uint64_t flags, struct map_entry **ret);
gint64 map_remove(struct interp *m, struct map_state *s, const guint8 *key);

/* Queues, stacks and bloom filters: their map; and as the helpers answer, 0 or a negative errno. A filter's pop asks for *value. */
int queue_of(struct interp *m, uint64_t address, struct map_state **ret);
gint64 queue_push(struct map_state *s, const guint8 *value, uint64_t flags);
gint64 queue_pop(struct map_state *s, guint8 *value, gboolean removes);

/* effect.c */
struct kg_bpf_effect *effect_add(struct interp *m, enum kg_bpf_effect_kind kind, int map);
void effect_set_key(struct kg_bpf_effect *e, const guint8 *key, gsize n);
void effect_set_value(struct kg_bpf_effect *e, const guint8 *bytes, const guint8 *is_set, gsize n);

/* run.c: call a function of the program from a helper. */
int interp_call(struct interp *m, uint64_t function, const uint64_t args[4], uint64_t *ret);

/* A call of a helper. */
struct call {
	int helper;
	const uint64_t *arg; /* r1 to r5 are arg[0] to arg[4] */
	const struct kg_answer_of_helper *answer; /* what the world says of this call, or NULL */
	uint64_t result;
};
typedef int (*helper_fn)(struct interp *m, struct call *c);
int helper_call(struct interp *m, int helper, const uint64_t arg[5], uint64_t *ret);
/* kfunc.c: the kernel function of that index of the object */
int kfunc_call(struct interp *m, int kfunc, const uint64_t arg[5], uint64_t *ret);
/* The answer's result, or [otherwise]. */
static inline uint64_t answered(const struct call *c, uint64_t otherwise)
{
	return c->answer ? c->answer->result : otherwise;
}
/* Fill [n] bytes at [address] with the answer's output, zeros behind it or without one. */
int put_output(struct interp *m, const struct call *c, uint64_t address, gsize n);

int help_map_lookup(struct interp *m, struct call *c);
int help_map_update(struct interp *m, struct call *c);
int help_map_delete(struct interp *m, struct call *c);
int help_map_lookup_percpu(struct interp *m, struct call *c);
int help_local_storage(struct interp *m, struct call *c);
int help_map_push(struct interp *m, struct call *c);
int help_map_pop(struct interp *m, struct call *c);
int help_storage_get(struct interp *m, struct call *c);
int help_storage_delete(struct interp *m, struct call *c);
int help_for_each(struct interp *m, struct call *c);
int help_loop(struct interp *m, struct call *c);
int help_tail_call(struct interp *m, struct call *c);
int help_perf_output(struct interp *m, struct call *c);
int help_ringbuf_output(struct interp *m, struct call *c);
int help_ringbuf_reserve(struct interp *m, struct call *c);
int help_ringbuf_submit(struct interp *m, struct call *c);
int help_ringbuf_discard(struct interp *m, struct call *c);
int help_signal(struct interp *m, struct call *c);
int help_override(struct interp *m, struct call *c);
int help_printk(struct interp *m, struct call *c);
int help_vprintk(struct interp *m, struct call *c);
int help_seq_printf(struct interp *m, struct call *c);
int help_seq_write(struct interp *m, struct call *c);
int help_set_retval(struct interp *m, struct call *c);
int help_probe_read(struct interp *m, struct call *c);
int help_probe_read_str(struct interp *m, struct call *c);
int help_comm(struct interp *m, struct call *c);
int help_ns_pid(struct interp *m, struct call *c);
int help_output_at_1(struct interp *m, struct call *c);
int help_output_at_2(struct interp *m, struct call *c);
int help_output_at_3(struct interp *m, struct call *c);
int help_func_arg(struct interp *m, struct call *c);
int help_skb_load(struct interp *m, struct call *c);
int help_skb_store(struct interp *m, struct call *c);
int help_xdp_load(struct interp *m, struct call *c);
int help_xdp_store(struct interp *m, struct call *c);
int help_packet_length(struct interp *m, struct call *c);
int help_pull(struct interp *m, struct call *c);
int help_redirect(struct interp *m, struct call *c);
int help_csum_diff(struct interp *m, struct call *c);
int help_dynptr_from_mem(struct interp *m, struct call *c);
int help_dynptr_reserve(struct interp *m, struct call *c);
int help_dynptr_submit(struct interp *m, struct call *c);
int help_dynptr_read(struct interp *m, struct call *c);
int help_dynptr_write(struct interp *m, struct call *c);
int help_dynptr_data(struct interp *m, struct call *c);
int help_strncmp(struct interp *m, struct call *c);
int help_strtol(struct interp *m, struct call *c);
int help_snprintf(struct interp *m, struct call *c);
