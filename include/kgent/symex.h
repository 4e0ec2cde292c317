/**
 * @file
 * The symbolic executor: all that a BPF program can do, for every state of the kernel at once.
 *
 * A run of a program begins with an event (a context, a thread, a time) and the maps as earlier events left them. Everything that the
 * program can ask is an input: a term with a name that people know ("args->ret", "sk->__sk_common.skc_dport"). Where the program decides
 * on one, both ways are taken, as far as the solver says that they can be. A path ends at the program's exit with its effects.
 *
 * What is modelled, and what is taken for granted:
 *  - kernel and user memory do not change during one execution (also not between the events of one scenario); memory that can't be read gives zeros,
 *    to the program as to the contract;
 *  - time stands still within one run and does not go back between runs; it is not 0, and the machine does not sleep (all clocks since boot are one);
 *  - what acts on the system succeeds (a record, an update of a map, a signal): a failure is a loss;
 *  - one event at a time: other CPUs do not interfere;
 *  - the kernel cuts off no loop with may_goto, and a packet's metadata (data_meta) is not looked into;
 *  - the kernel's verifier accepts the program: what it forbids is not looked for again.
 * A helper without a model, and every bound that was reached, ends a path as "not complete" with the reason: what depends on it is unknown.
 */
#pragma once

#include <kgent/interp.h>
#include <kgent/profile.h>

struct kg_symex;

/** Bounds; 0: the default. */
struct kg_symex_opts {
	struct kg_profile *profile;  /**< names and types of memory; NULL: numbers only. Borrowed */
	guint solver_effort;         /**< one question, in steps of the solver, so that it does not depend on how busy the machine is; 20,000,000 */
	guint solver_ms;             /**< one question in any case; 20000 */
	guint total_ms;              /**< all of it; 60000 */
	guint max_paths;             /**< 4096 */
	guint max_steps;             /**< instructions on one path; 200000 */
	guint max_unroll;            /**< how often one branch back is taken on a path by a condition that is not decided by numbers; 64 */
	guint max_memory_mib;        /**< of the process; 0: no bound of ours */
	const volatile int *stop;    /**< not 0: end soon: every question is unknown from then on ("it was interrupted"); may be NULL */
};
struct kg_symex *kg_symex_new(const struct kg_symex_opts *opts);
struct kg_symex *kg_symex_free(struct kg_symex *x);
/** Let the questions that all executors of this process are asking just now end as unknown. From any thread; not from a signal handler. */
void kg_symex_interrupt(void);

/** Has the helper a model? Where it was read from: kg_interp_helper_source(). */
gboolean kg_symex_has_helper(int helper);

/** What memory an event's program sees of maps when tracing has just begun, or at any time. */
enum kg_maps_at_first {
	KG_MAPS_ANY,   /**< an entry may be there or not, and may hold anything */
	KG_MAPS_EMPTY, /**< as when tracing began: hash maps are empty, arrays hold zeros */
};

/** An input: something that the program asked for and the executor left open. */
struct kg_input {
	char *name;          /**< "args->ret", "arg0", "pid", "@start[...]"; of the second event of a scenario: "args->ret (2nd)" */
	const char *type;    /**< C type or NULL; borrowed from the profile */
	struct kg_word word;
	unsigned width;      /**< bits */
	guint event;         /**< of which event; counts from 0 */
	gboolean is_big_endian, is_signed;
};
/** A piece of memory that was read on a path, with the name that BTF gives it. */
struct kg_read {
	enum kg_space space;
	struct kg_word address, value; /**< value: 8 * n_bytes wide where n_bytes <= 8 */
	guint n_bytes;
	gboolean is_string;
	gboolean is_wrong_space; /**< BTF or the event says that the address is of the other space */
	const char *half; /**< it is a half of this member of 16 bytes, else NULL */
	gboolean is_second_half;
	char *name;       /**< "sk->__sk_common.skc_dport", or NULL */
	const char *type; /**< or NULL */
	gboolean is_big_endian, is_signed;
};

/** One state between events: the maps, what was assumed on the way, what was done. Opaque but for what is listed. */
struct kg_state;

/** A thread that events happen in. Its identity is the same in all its events. */
struct kg_thread {
	struct kg_word task;     /**< address of its task_struct */
	struct kg_word pid_tgid, uid_gid, cgroup;
	struct kg_word comm[16]; /**< bytes */
};
struct kg_thread *kg_symex_thread(struct kg_symex *x, const char *name); /**< of a new thread; owned by [x] */

/** An event that a program is run on. */
struct kg_event {
	struct kg_thread *thread;
	struct kg_word time;         /**< ns; 64 bits */
	struct kg_word cpu;          /**< 32 bits */
	guint index;                 /**< 0 for the first of a scenario */
	enum kg_probe_kind kind;
	const char *target;          /**< of the attach point; what the context holds follows from the two */
	GPtrArray *fields;           /**< struct kg_input *: the context's fields by name */
	const struct kg_object *object; /**< whose program it is of */
	struct kg_word context;      /**< address of the context */
	const struct kg_input *packet_length; /**< of packet programs: bytes from data to data_end; else NULL */
	/* the executor's own */
	void *own;
};
/** A new event at this attach point; its inputs are new. [thread] NULL: a new one. Owned by [x]. */
struct kg_event *kg_symex_event(struct kg_symex *x, const struct kg_object *object, guint program, struct kg_thread *thread, struct kg_error *err);

/** What is known at the end of a path. The solver holds the path's condition while [visit] runs. */
struct kg_path {
	struct kg_state *state;      /**< to go on from with kg_symex_run() */
	const struct kg_event *event;
	const GPtrArray *effects;    /**< struct kg_bpf_effect *: of this run only */
	const GArray *pcs;           /**< guint: the branches taken: pc * 2 + 1 if it jumped */
	struct kg_word result;       /**< r0 */
	gboolean is_complete;
	const char *why;             /**< if not */
	gboolean is_left;            /**< not complete, because a tail call went on to another program: all effects up to there did happen */
	const GPtrArray *reads;      /**< struct kg_read *: of this and all earlier runs on the path */
};
typedef void (*kg_path_fn)(const struct kg_path *path, void *user);

/** The state that everything begins with. Owned by the caller: kg_state_free(). */
struct kg_state *kg_symex_start(struct kg_symex *x, const struct kg_object *object, enum kg_maps_at_first maps);
struct kg_state *kg_state_free(struct kg_state *state);
/**
 * A copy of [state] that knows what was decided on [path], so that it is not asked again: for a second program on the same event, run within the visit
 * of the path. The caller's.
 */
struct kg_state *kg_state_knowing(const struct kg_state *state, const struct kg_path *path);
/**
 * Run [program] on [event], from [from] (which stays as it is), and call [visit] at the end of each path.
 *
 * [visit] may call kg_symex_run() again with path->state: so scenarios are walked.
 * @return 0, also where paths are not complete; -KG_E_LIMIT: max_paths or total_ms was reached: not all paths were seen, with the reason;
 *         -KG_E_INVAL: no such program
 */
int kg_symex_run(struct kg_symex *x, const struct kg_object *object, guint program, struct kg_event *event, const struct kg_state *from,
		 kg_path_fn visit, void *user, struct kg_error *err);

/** What the map held under [key] when the path's last run began: KG_YES and *ret (bytes, borrowed), KG_NO, or KG_UNKNOWN: the program did not ask. */
enum kg_answer kg_symex_before(const struct kg_path *path, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret, guint *ret_n);
/** When tracing began, ns: what a bpftrace program keeps for `elapsed`; one that keeps nothing does not know it. */
struct kg_word kg_symex_began(struct kg_symex *x, const struct kg_object *object);
/** The conditions that the path decided on, as words of 1 bit; owned array of struct kg_word. */
GArray *kg_symex_decisions(const struct kg_path *path);
/** The event that kg_symex_read() and contracts' names are about from here on. kg_symex_event() sets it to the new one. */
void kg_symex_look_at(struct kg_symex *x, const struct kg_event *event);
const struct kg_event *kg_symex_looked_at(const struct kg_symex *x);
/** The region of words that contracts make of a packet's beginning: so an address that is not a number is known to point into the packet. */
#define KG_REGION_PACKET 0xffffffffu
/** Read memory as a probe read does, for contracts: named and remembered on no path. Addresses in the context read that of the event looked at. */
int kg_symex_read(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n_bytes, struct kg_word *ret);
/** The byte [i] of the text at [address]: 0 behind its NUL. */
struct kg_word kg_symex_text_byte(struct kg_symex *x, enum kg_space space, struct kg_word address, guint i);
/** A value that is known by what it was made of only: a stack, for instance. */
struct kg_word kg_symex_token(struct kg_symex *x, const char *name, const struct kg_word *inputs, const unsigned *widths, guint n);
/** The algebra of the executor's words; its self is [x]. */
extern const struct kg_algebra kg_terms;

/** The part of an address that is not a number: what "sk + 12" adds to. The word itself where it is no sum. */
struct kg_word kg_symex_base(struct kg_symex *x, struct kg_word address);

/** Is [q] something divided by a number? */
gboolean kg_symex_is_quotient(struct kg_symex *x, struct kg_word q, struct kg_word *ret_of, uint64_t *ret_divisor);

/** Questions, on the path that is being visited. */
enum kg_holds { KG_HOLDS_ALWAYS, KG_HOLDS_NOT, KG_HOLDS_UNKNOWN };
/** Assume [condition] (1 bit) in what follows, until kg_symex_forget(). */
void kg_symex_assume(struct kg_symex *x, struct kg_word condition);
void kg_symex_mark(struct kg_symex *x);   /**< open a level of assumptions */
void kg_symex_forget(struct kg_symex *x); /**< leave the innermost level */
/** Can [condition] be? KG_YES leaves a model for kg_symex_value(). */
enum kg_answer kg_symex_can(struct kg_symex *x, struct kg_word condition);
/** The number that a word has in the last model. */
uint64_t kg_symex_value(struct kg_symex *x, struct kg_word w);
const char *kg_symex_reason(const struct kg_symex *x); /**< of the last KG_UNKNOWN */
/** Make [wish] true too if that is possible; else the model stays. For telling values in counterexamples. */
gboolean kg_symex_prefer(struct kg_symex *x, struct kg_word wish);

/** Prefer 0 for memory that the program never wrote: so the interpreter begins. */
void kg_symex_prefer_cleared(struct kg_symex *x);

/** The world of the last model, for a replay of the run on [event] which began in [from] and read what [path] read. */
struct kg_world *kg_symex_world(struct kg_symex *x, const struct kg_object *object, const struct kg_event *event, const struct kg_path *path);
/** Inputs (struct kg_input *) that some of [words] depends on, in order of their making; and reads of [path]. Both arrays are the caller's, their members borrowed. */
void kg_symex_support(struct kg_symex *x, const struct kg_path *path, const struct kg_word *words, guint n, GPtrArray **ret_inputs, GPtrArray **ret_reads);

struct kg_symex_cost {
	guint paths, steps, checks, unknowns;
	gint64 solver_ns;
};
struct kg_symex_cost kg_symex_cost(const struct kg_symex *x);
