/*
 * The differential test: random programs that the kernel's verifier accepts, run on random inputs by the kernel and by executors of ours. All must come to
 * the same result, the same memory and the same maps.
 *
 * generate.c      programs and inputs
 * executors.c     who runs them, the kernel apart: a new one is a row in the table
 * symbolic.c      the symbolic executor as two of them
 * mutate.c        deliberate mistakes, to show that the test sees them
 * differential.c  the kernel's side, the comparison, the command line
 */
#pragma once

#include <kgent/interp.h>

/* The maps of every program: an array with one entry, and a small hash map. */
enum { MAP_ARRAY, MAP_HASH, MAPS };
#define VALUE_SIZE 256   /* 0..127: input and scratch; 128..183: registers at the end; 192..255: the stack's last 64 bytes */
#define HASH_KEYS 6      /* keys 0 to 5 */
#define HASH_ENTRIES 8   /* it never gets full: that is tested by helpers.bpf.c */
#define PACKET_SIZE 64
#define ETH_SIZE 14
#define RAW_ARGS 12

/* What a run begins with. */
struct input {
	guint8 value[VALUE_SIZE];
	guint8 packet[PACKET_SIZE];
	uint64_t args[RAW_ARGS];    /* of a raw tracepoint */
	gboolean has_key[HASH_KEYS];
	uint64_t hash[HASH_KEYS];
};
/* What it ends with. */
struct outcome {
	uint32_t result;
	guint8 value[VALUE_SIZE];
	guint8 packet[PACKET_SIZE]; /* zero where the program type gives none back */
	gboolean has_key[HASH_KEYS];
	uint64_t hash[HASH_KEYS];
};

/* What the kernel's verifier knows: instruction set v4 (Linux 6.6), may_goto (6.8), load-acquire and store-release (6.15). Found by trying. */
struct abilities {
	gboolean v4, may_goto, acquire;
};
extern struct abilities abilities;

/* A program as an object with those maps. Map references are indices. */
struct kg_object *generate_program(GRand *rand);
void generate_input(GRand *rand, struct input *ret);
gboolean is_equal_outcome(const struct outcome *a, const struct outcome *b);
gboolean has_packet(enum bpf_prog_type type); /* it can reach the packet, and the kernel gives it back */

/*
 * Run program 0 of [object] on [input]. [kernel] is for an executor that leaves something open: of the outcomes that it thinks possible it gives the
 * one that is nearest. 0; 1 with the reason: the executor says that it does not know; -1 with the reason: it should know.
 */
struct executor {
	const char *name;
	gboolean is_slow; /* runs only each --slow-every'th program, on its first input */
	int (*run)(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why);
};
extern const struct executor executors[]; /* ends with a NULL name */
int run_symbolic_known(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why);
int run_symbolic_unknown(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why);
/* The input as a world of the interpreter; owned. */
struct kg_world *world_of_input(enum bpf_prog_type type, const struct input *input);

/* A deliberate mistake: changes instructions so that they do what a wrong executor would do. */
struct mutation {
	const char *name;
	gboolean (*apply)(struct bpf_insn *insn);
	gboolean is_v4; /* of an instruction that only v4 has */
};
extern const struct mutation mutations[]; /* ends with a NULL name */
