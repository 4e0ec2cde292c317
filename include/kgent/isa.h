/**
 * @file
 * The BPF instruction set: one definition of what each instruction does, for numbers and for terms.
 *
 * An instruction is taken apart into a few primitive operations on words of a given width; who executes says what a word is.
 * The concrete interpreter (kgent/interp.h) works on 64-bit numbers, the symbolic executor on a solver's terms. The corner cases
 * (division by zero, shifts beyond the width, zero extension of 32-bit results, signed forms, byte swaps) stand once, in
 * kg_isa_step(), in terms of the primitives, so that the two can't differ there.
 *
 * Source: RFC 9669 (BPF Instruction Set Architecture), and Linux 6.18 Documentation/bpf/standardization/instruction-set.rst.
 */
#pragma once

#include <kgent/error.h>
#include <linux/bpf.h>
#include <stdint.h>

/* Constants that <linux/bpf.h> has only since Linux 6.6 (instruction set v4), 6.8 (may_goto) and 6.15 (load-acquire, store-release). */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#ifndef BPF_JCOND
#define BPF_JCOND 0xe0
#endif
#ifndef BPF_LOAD_ACQ
#define BPF_LOAD_ACQ 0x100
#define BPF_STORE_REL 0x110
#endif

/** A value of 1 to 64 bits; its width is known from where it stands. Passed by value. */
struct kg_word {
	uint64_t bits;   /**< the number, zero-extended, where [term] is NULL */
	void *term;      /**< the executor's own; NULL: a number */
	uint32_t region; /**< which object this points into; 0: a number, or not known. The executor's own; kept by moves and by KG_OP_ADD and KG_OP_SUB */
};
#define KG_WORD(number) ((struct kg_word){.bits = (number)})

/** Whose memory an address means: the same number can be two places. */
enum kg_space { KG_SPACE_KERNEL, KG_SPACE_USER, KG_SPACES };

/** Primitive operations on two words of one width. The comparisons give a word of 1 bit. */
enum kg_op {
	KG_OP_ADD, KG_OP_SUB, KG_OP_MUL,
	KG_OP_UDIV, KG_OP_SDIV, KG_OP_UMOD, KG_OP_SMOD, /**< truncating; by zero: any value, kg_isa_step() selects another; least / -1: least, rest 0 */
	KG_OP_AND, KG_OP_OR, KG_OP_XOR,
	KG_OP_SHL, KG_OP_LSHR, KG_OP_ASHR, /**< the amount is below the width */
	KG_OP_EQ, KG_OP_NE, KG_OP_ULT, KG_OP_ULE, KG_OP_SLT, KG_OP_SLE,
	KG_OPS
};
static inline gboolean kg_op_compares(enum kg_op op)
{
	return op >= KG_OP_EQ;
}

/** What a word is: the primitive operations. All are total; an executor that is out of memory gives any word and remembers it. */
struct kg_algebra {
	struct kg_word (*binary)(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b);
	struct kg_word (*extract)(void *self, struct kg_word a, unsigned high, unsigned low); /**< bits high..low, counted from 0 */
	struct kg_word (*concat)(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width);
	struct kg_word (*extend)(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed);
	struct kg_word (*select)(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no);
};
/** The algebra of numbers: term is always NULL. [self] is not used. */
extern const struct kg_algebra kg_numbers;
/** kg_numbers.binary() without the call; widths 1 to 64. */
uint64_t kg_op_number(enum kg_op op, unsigned width, uint64_t a, uint64_t b);

/** Where the words of memory are. Sizes are 1, 2, 4 or 8 bytes; the words are 8 * size wide; little endian. 0 or a negative kg_errc. */
struct kg_memory_ops {
	/** A word with a region, be the size 8 or less, is a whole pointer and is not extended: __sk_buff.data is read with 32 bits, and the kernel makes a
	    64-bit load of it. */
	int (*load)(void *self, struct kg_word address, unsigned size, struct kg_word *ret, struct kg_error *err);
	int (*store)(void *self, struct kg_word address, unsigned size, struct kg_word value, struct kg_error *err);
	/** A 64-bit immediate with a pseudo source (BPF_PSEUDO_MAP_FD, ..._MAP_VALUE, BPF_FUNC, ...): insn[0].src_reg, imm of both. */
	int (*immediate)(void *self, const struct bpf_insn insn[2], struct kg_word *ret, struct kg_error *err);
};

/** What is left to the executor behind a step. */
enum kg_flow {
	KG_FLOW_NEXT,     /**< the registers and pc are up to date */
	KG_FLOW_BRANCH,   /**< to [target] if [condition] (1 bit) is 1, else to pc, which is already the next one */
	KG_FLOW_HELPER,   /**< call helper [number]; arguments in r1 to r5, result to r0; pc is the next one */
	KG_FLOW_KFUNC,    /**< call the kernel function with BTF id [number] */
	KG_FLOW_FUNCTION, /**< call the program's own function at [target]; returns to pc */
	KG_FLOW_OLD_LOAD, /**< LD_ABS, LD_IND: the number of [number] bytes at [condition] (32 bits) of the packet, big endian, goes to r0; where the
			       packet has none there, the function ends with r0 = 0. r1 to r5 are lost */
	KG_FLOW_EXIT,     /**< r0 is the result of the function, or of the program */
	KG_FLOW_MAY_GOTO, /**< to pc, the next one; to [target] when the budget of turns that the kernel gives a loop is used up (BPF_MAX_LOOPS,
			       8,388,608; or a quarter of a second) */
};
struct kg_step {
	enum kg_flow flow;
	unsigned target;
	int number;
	struct kg_word condition;
};
struct kg_cpu {
	struct kg_word reg[11]; /**< r0 to r10, each 64 bits */
	unsigned pc;            /**< index of the next instruction; a 64-bit immediate counts as two */
};

/**
 * Execute the instruction at cpu->pc up to where the executor has to decide.
 *
 * @param self handed to algebra and memory
 * @return 0; -KG_E_PARSE: not an instruction (opcode, register, reserved field, or jump out of range), or pc is behind the end;
 *         -KG_E_UNSUPPORTED: an arena's address cast, a call through a register; the errors of memory's calls
 */
int kg_isa_step(const struct bpf_insn *insns, gsize n, struct kg_cpu *cpu, const struct kg_algebra *algebra, const struct kg_memory_ops *memory,
		void *self, struct kg_step *ret, struct kg_error *err);
/**
 * Are all instructions well formed, do all jumps and calls lead to the beginning of one, and does the last one not run off the end?
 * 0, or the errors of kg_isa_step() with the place.
 */
int kg_isa_validate(const struct bpf_insn *insns, gsize n, struct kg_error *err);

/** How many slots the instruction takes: 2 for a 64-bit immediate, else 1. */
static inline unsigned kg_isa_slots(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
}
/** The name of a helper ("map_lookup_elem"), or NULL. Source: __BPF_FUNC_MAPPER, Linux 6.18. */
const char *kg_helper_name(int helper);
/** The number of a helper by that name, or -1. */
int kg_helper_number(const char *name);
/**
 * Append one instruction as the kernel's verifier prints it ("r1 = *(u64 *)(r6 +112)"), without the opcode in brackets.
 * A 64-bit immediate with a pseudo source reads "map[3]", "map[3][0]+8", "subprog[+5]", "btf[7]". [insn] is followed by the second half of a
 * 64-bit immediate. What is no instruction is shown as "invalid 0x0d". Source: Linux 6.18 kernel/bpf/disasm.c.
 */
void kg_isa_print(const struct bpf_insn *insn, GString *out);
