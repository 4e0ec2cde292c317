/**
 * @file
 * The concrete interpreter: run a BPF program on one state of the world, and see all that it does.
 *
 * A world is everything that a program can ask: its context, kernel and user memory, the results of helpers, the maps. It is plain
 * data, so that a counterexample can be kept, printed and replayed. What a run did is a list of effects.
 *
 * This interpreter shares kg_isa_step() with the symbolic executor and nothing else: its memory, its maps and its helpers are its
 * own, so that a replay is a second opinion.
 */
#pragma once

#include <kgent/isa.h>
#include <kgent/object.h>

/* Loads through typed pointers (programs of tracing and LSM): below 0x800000000000 they give 0, as the kernel makes them do; elsewhere kernel memory. */
/** Where things lie in the interpreter's address space. Addresses outside are kernel or user memory of the world. */
#define KG_AT_STACK 0x6b00000000000000ull  /**< r10 of frame 0 is KG_AT_STACK + 512; frame n lies n * 0x10000 above */
#define KG_AT_CONTEXT 0x6b10000000000000ull
#define KG_AT_PACKET 0x60000000ull         /**< below 4 GiB: packet programs load it as 32 bits */
#define KG_AT_MAP 0x6b30000000000000ull    /**< + 0x100000000 * map: the map itself (for helpers) */
#define KG_AT_VALUE 0x6b40000000000000ull  /**< values of maps and records of ring buffers, each with a gap behind it */
#define KG_AT_CODE 0x6b50000000000000ull   /**< + 8 * pc: a function of the program, for callbacks */

/** Unchanging memory of the kernel or of the process: bytes by address; where nothing was said a byte is [other]. */
struct kg_bytes_at {
	GHashTable *bytes; /**< gint64 address (g_int64_hash) -> GUINT_TO_POINTER(byte) */
	uint8_t other;
};

/**
 * The result of the n-th call of a helper in this run, in the order of execution. Calls are counted for each helper, in all functions and callbacks
 * of the program. For a probe read a negative result means that the memory can't be read.
 */
struct kg_answer_of_helper {
	int helper;
	guint nth;         /**< 0: its first call in this run */
	uint64_t result;
	GBytes *output;    /**< bytes that it wrote for the program, or NULL */
};

/** One entry of a map before the run. */
struct kg_map_entry {
	int map;           /**< index into the object's maps */
	GBytes *key, *value;
};

/** The state that one run of one program starts in. */
struct kg_world {
	GBytes *context;   /**< what r1 points to; for packet programs the context's fields data and data_end are set by the interpreter */
	GBytes *packet;    /**< or NULL */
	guint packet_beyond; /**< so many bytes at its end lie beyond the linear part, behind data_end: only helpers reach them */
	struct kg_bytes_at memory[KG_SPACES];
	GPtrArray *answers;/**< struct kg_answer_of_helper *; a call that is not in it is answered 0 (time: 1 ns later than before) */
	GPtrArray *entries;/**< struct kg_map_entry *: what the maps hold */
	uint64_t task;     /**< address of the current task_struct */
	uint64_t pid_tgid, uid_gid, cgroup;
	uint32_t cpu;
	char comm[16];
};
struct kg_world *kg_world_new(void);
struct kg_world *kg_world_free(struct kg_world *world);
void kg_world_set_bytes(struct kg_world *world, enum kg_space space, uint64_t address, const void *bytes, gsize n);

/** What a program did that somebody outside can see, or a later run. */
enum kg_bpf_effect_kind {
	KG_BPF_RECORD,     /**< a record to user space: perf event or ring buffer; value: its bytes */
	KG_BPF_MAP_SET,    /**< key, value: by helper, or by storing through a pointer to the value (one effect at the end of the run for each changed entry) */
	KG_BPF_MAP_DELETE, /**< key */
	KG_BPF_MAP_LOOK,   /**< key: asked whether there is an entry. Only the symbolic executor tells */
	KG_BPF_SIGNAL,     /**< number */
	KG_BPF_OVERRIDE,   /**< number: the return value */
	KG_BPF_PRINTK,     /**< bpf_trace_printk; value: the format and arguments */
	KG_BPF_OTHER,      /**< another helper that changes something; number: the helper */
};
/** Words are numbers in the concrete interpreter, terms in the symbolic executor. Each word is one byte. */
struct kg_bpf_effect {
	enum kg_bpf_effect_kind kind;
	unsigned pc;          /**< the instruction that did it */
	int map;              /**< index into the object's maps, or -1 */
	struct kg_word *key;  /**< n_key bytes; owned */
	struct kg_word *value;/**< n_value bytes; owned. A byte that was never written: see is_set */
	guint n_key, n_value;
	guint8 *is_set;       /**< n_value flags: 0 where the program never wrote the byte; NULL: all written. Owned */
	struct kg_word number;
};
struct kg_bpf_effect *kg_bpf_effect_free(struct kg_bpf_effect *effect);

/** One run. Zero-initialise; release with kg_run_of_bpf_clear(). */
struct kg_run_of_bpf {
	GPtrArray *effects;   /**< struct kg_bpf_effect *, in order */
	GArray *path;         /**< guint: every pc executed, in order, up to max_path */
	uint64_t result;      /**< r0 at the exit */
	GBytes *packet;       /**< the packet behind the run, or NULL */
	GPtrArray *entries;   /**< struct kg_map_entry *: what the maps hold behind it */
	gboolean is_complete; /**< it reached its exit, or a tail call that left it (an effect KG_BPF_OTHER with bpf_tail_call's number) */
	char *why;            /**< if not: the reason ("helper bpf_x is not modelled", "load outside of all memory", "too many instructions") */
};
struct kg_interp_opts {
	guint max_steps; /**< 0: 1,000,000 */
	guint max_path;  /**< 0: 100,000 */
};
/**
 * Run program [which] of [object] in [world].
 *
 * @return 0, also for a run that did not reach its exit (see is_complete); -KG_E_INVAL: no such program
 */
int kg_interp_run(const struct kg_object *object, guint which, const struct kg_world *world, const struct kg_interp_opts *opts,
		  struct kg_run_of_bpf *ret, struct kg_error *err);
void kg_run_of_bpf_clear(struct kg_run_of_bpf *run);
/** Where the model of a helper was read from ("Linux 6.18 kernel/trace/bpf_trace.c"), or NULL: it has no model. */
const char *kg_interp_helper_source(int helper);
