/*
 * The meaning of each instruction, in terms of the primitive operations of an algebra. What is not an instruction was refused by isa_check() before,
 * so that nothing here has to doubt a field.
 *
 * Source: RFC 9669. Division by zero gives 0, a rest by zero the dividend; shift amounts are taken modulo the width; a 32-bit operation
 * clears the upper half of its destination.
 */
#include "internal.h"

struct machine {
	const struct bpf_insn *insn;
	struct kg_cpu *cpu;
	const struct kg_algebra *algebra;
	const struct kg_memory_ops *memory;
	void *self;
	struct kg_error *err;
};

static struct kg_word binary(const struct machine *m, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	return m->algebra->binary(m->self, op, width, a, b);
}

/* The low [width] bits of a 64-bit word. */
static struct kg_word low_part(const struct machine *m, struct kg_word a, unsigned width)
{
	return width == 64 ? a : m->algebra->extract(m->self, a, width - 1, 0);
}

static struct kg_word extend(const struct machine *m, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	return from == to ? a : m->algebra->extend(m->self, a, from, to, is_signed);
}

static struct kg_word immediate(gint32 imm, unsigned width)
{
	return KG_WORD(width == 64 ? (uint64_t)(gint64)imm : (uint32_t)imm);
}

/* The second operand of an arithmetic instruction or a comparison. */
static struct kg_word operand(const struct machine *m, unsigned width)
{
	if (BPF_SRC(m->insn->code) == BPF_K)
		return immediate(m->insn->imm, width);
	return low_part(m, m->cpu->reg[m->insn->src_reg], width);
}

static void set_dst(const struct machine *m, struct kg_word value, unsigned width)
{
	m->cpu->reg[m->insn->dst_reg] = extend(m, value, width, 64, FALSE);
}

/* --- arithmetic --- */

static struct kg_word shift(const struct machine *m, enum kg_op op, unsigned width, struct kg_word a, struct kg_word by)
{
	if (by.term)
		by = binary(m, KG_OP_AND, width, by, KG_WORD(width - 1));
	else
		by = KG_WORD(by.bits & (width - 1));
	return binary(m, op, width, a, by);
}

/* Quotient or rest, with what they are for a divisor of zero. */
static struct kg_word divide(const struct machine *m, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	struct kg_word by_zero = op == KG_OP_UMOD || op == KG_OP_SMOD ? a : KG_WORD(0);

	if (!b.term)
		return b.bits ? binary(m, op, width, a, b) : by_zero;
	return m->algebra->select(m->self, binary(m, KG_OP_EQ, width, b, KG_WORD(0)), width, by_zero, binary(m, op, width, a, b));
}

static struct kg_word swap_bytes(const struct machine *m, struct kg_word a, unsigned width)
{
	struct kg_word ret = m->algebra->extract(m->self, a, 7, 0);

	for (unsigned at = 8; at < width; at += 8)
		ret = m->algebra->concat(m->self, ret, at, m->algebra->extract(m->self, a, at + 7, at), 8);
	return ret;
}

/* le16 on a little-endian machine only cuts; be16 and bswap16 swap. */
static void step_end(const struct machine *m)
{
	unsigned width = (unsigned)m->insn->imm;
	struct kg_word a = low_part(m, m->cpu->reg[m->insn->dst_reg], width);
	gboolean keeps = m->insn->code == (BPF_ALU | BPF_END | BPF_TO_LE);

	set_dst(m, keeps ? a : swap_bytes(m, a, width), width);
}

static void step_move(const struct machine *m, unsigned width)
{
	unsigned from = m->insn->off ? (unsigned)m->insn->off : width;
	struct kg_word a = operand(m, BPF_SRC(m->insn->code) == BPF_K ? width : from);

	set_dst(m, extend(m, a, from, width, TRUE), width);
}

static struct kg_word calculate(const struct machine *m, unsigned width, struct kg_word a, struct kg_word b)
{
	gboolean is_signed = m->insn->off == 1;

	switch (BPF_OP(m->insn->code)) {
	case BPF_ADD: return binary(m, KG_OP_ADD, width, a, b);
	case BPF_SUB: return binary(m, KG_OP_SUB, width, a, b);
	case BPF_MUL: return binary(m, KG_OP_MUL, width, a, b);
	case BPF_DIV: return divide(m, is_signed ? KG_OP_SDIV : KG_OP_UDIV, width, a, b);
	case BPF_MOD: return divide(m, is_signed ? KG_OP_SMOD : KG_OP_UMOD, width, a, b);
	case BPF_OR: return binary(m, KG_OP_OR, width, a, b);
	case BPF_AND: return binary(m, KG_OP_AND, width, a, b);
	case BPF_XOR: return binary(m, KG_OP_XOR, width, a, b);
	case BPF_LSH: return shift(m, KG_OP_SHL, width, a, b);
	case BPF_RSH: return shift(m, KG_OP_LSHR, width, a, b);
	case BPF_ARSH: return shift(m, KG_OP_ASHR, width, a, b);
	default: return binary(m, KG_OP_SUB, width, KG_WORD(0), a); /* BPF_NEG */
	}
}

static void step_alu(const struct machine *m)
{
	unsigned width = BPF_CLASS(m->insn->code) == BPF_ALU64 ? 64 : 32;

	if (BPF_OP(m->insn->code) == BPF_END)
		step_end(m);
	else if (BPF_OP(m->insn->code) == BPF_MOV)
		step_move(m, width);
	else
		set_dst(m, calculate(m, width, low_part(m, m->cpu->reg[m->insn->dst_reg], width), operand(m, width)), width);
}

/* --- memory --- */

static unsigned size_of(const struct bpf_insn *i)
{
	switch (BPF_SIZE(i->code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

static struct kg_word address(const struct machine *m, unsigned reg)
{
	if (!m->insn->off)
		return m->cpu->reg[reg];
	return binary(m, KG_OP_ADD, 64, m->cpu->reg[reg], KG_WORD((uint64_t)(gint64)m->insn->off));
}

static int step_load(const struct machine *m, gboolean is_signed)
{
	unsigned size = size_of(m->insn);
	struct kg_word value;
	int r = m->memory->load(m->self, address(m, m->insn->src_reg), size, &value, m->err);

	if (r < 0)
		return r;
	m->cpu->reg[m->insn->dst_reg] = value.region ? value : extend(m, value, 8 * size, 64, is_signed);
	return 0;
}

static int step_store(const struct machine *m, struct kg_word value)
{
	unsigned size = size_of(m->insn);

	return m->memory->store(m->self, address(m, m->insn->dst_reg), size, low_part(m, value, 8 * size), m->err);
}

/* What an atomic operation leaves in memory. */
static struct kg_word atomic_new(const struct machine *m, unsigned width, struct kg_word old, struct kg_word src)
{
	struct kg_word equal;

	switch (m->insn->imm & ~BPF_FETCH) {
	case BPF_ADD: return binary(m, KG_OP_ADD, width, old, src);
	case BPF_AND: return binary(m, KG_OP_AND, width, old, src);
	case BPF_OR: return binary(m, KG_OP_OR, width, old, src);
	case BPF_XOR: return binary(m, KG_OP_XOR, width, old, src);
	case BPF_CMPXCHG & ~BPF_FETCH:
		equal = binary(m, KG_OP_EQ, width, old, low_part(m, m->cpu->reg[0], width));
		return m->algebra->select(m->self, equal, width, src, old);
	default: return src; /* BPF_XCHG */
	}
}

static int step_read_modify_write(const struct machine *m)
{
	unsigned size = size_of(m->insn), width = 8 * size;
	struct kg_word at = address(m, m->insn->dst_reg), old, src = low_part(m, m->cpu->reg[m->insn->src_reg], width);
	int r = m->memory->load(m->self, at, size, &old, m->err);

	if (r >= 0)
		r = m->memory->store(m->self, at, size, atomic_new(m, width, old, src), m->err);
	if (r < 0)
		return r;
	if (m->insn->imm == BPF_CMPXCHG)
		m->cpu->reg[0] = extend(m, old, width, 64, FALSE);
	else if (m->insn->imm & BPF_FETCH)
		m->cpu->reg[m->insn->src_reg] = extend(m, old, width, 64, FALSE);
	return 0;
}

static int step_stx(const struct machine *m)
{
	if (BPF_MODE(m->insn->code) == BPF_MEM || m->insn->imm == BPF_STORE_REL)
		return step_store(m, m->cpu->reg[m->insn->src_reg]);
	return m->insn->imm == BPF_LOAD_ACQ ? step_load(m, FALSE) : step_read_modify_write(m);
}

static int step_immediate(const struct machine *m)
{
	const struct bpf_insn *i = m->insn;
	struct kg_word value = KG_WORD((uint64_t)(uint32_t)i[1].imm << 32 | (uint32_t)i->imm);

	if (i->src_reg) {
		int r = m->memory->immediate(m->self, i, &value, m->err);

		if (r < 0)
			return r;
	}
	m->cpu->reg[i->dst_reg] = value;
	m->cpu->pc++;
	return 0;
}

/* Of the packet: where is the executor's to find. Source: Linux 6.18 net/core/filter.c, bpf_gen_ld_abs(). */
static void step_old_load(const struct machine *m, struct kg_step *ret)
{
	struct kg_word at = immediate(m->insn->imm, 32);

	ret->flow = KG_FLOW_OLD_LOAD;
	ret->number = (int)size_of(m->insn);
	ret->condition = BPF_MODE(m->insn->code) == BPF_IND ? binary(m, KG_OP_ADD, 32, low_part(m, m->cpu->reg[m->insn->src_reg], 32), at) : at;
}

/* --- control --- */

static struct kg_word condition(const struct machine *m)
{
	unsigned width = BPF_CLASS(m->insn->code) == BPF_JMP ? 64 : 32;
	struct kg_word a = low_part(m, m->cpu->reg[m->insn->dst_reg], width), b = operand(m, width);

	switch (BPF_OP(m->insn->code)) {
	case BPF_JEQ: return binary(m, KG_OP_EQ, width, a, b);
	case BPF_JNE: return binary(m, KG_OP_NE, width, a, b);
	case BPF_JGT: return binary(m, KG_OP_ULT, width, b, a);
	case BPF_JGE: return binary(m, KG_OP_ULE, width, b, a);
	case BPF_JLT: return binary(m, KG_OP_ULT, width, a, b);
	case BPF_JLE: return binary(m, KG_OP_ULE, width, a, b);
	case BPF_JSGT: return binary(m, KG_OP_SLT, width, b, a);
	case BPF_JSGE: return binary(m, KG_OP_SLE, width, b, a);
	case BPF_JSLT: return binary(m, KG_OP_SLT, width, a, b);
	case BPF_JSLE: return binary(m, KG_OP_SLE, width, a, b);
	default: return binary(m, KG_OP_NE, width, binary(m, KG_OP_AND, width, a, b), KG_WORD(0)); /* BPF_JSET */
	}
}

static void step_call(const struct machine *m, unsigned target, struct kg_step *ret)
{
	static const enum kg_flow flows[] = {KG_FLOW_HELPER, KG_FLOW_FUNCTION, KG_FLOW_KFUNC};

	ret->flow = flows[m->insn->src_reg];
	ret->number = m->insn->imm;
	ret->target = target;
}

static void step_jump(const struct machine *m, unsigned target, struct kg_step *ret)
{
	ret->target = target;
	switch (BPF_OP(m->insn->code)) {
	case BPF_JA:
		m->cpu->pc = target;
		break;
	case BPF_CALL:
		step_call(m, target, ret);
		break;
	case BPF_EXIT:
		ret->flow = KG_FLOW_EXIT;
		break;
	case BPF_JCOND:
		ret->flow = KG_FLOW_MAY_GOTO;
		break;
	default:
		ret->flow = KG_FLOW_BRANCH;
		ret->condition = condition(m);
	}
}

static int dispatch(const struct machine *m, unsigned target, struct kg_step *ret)
{
	switch (BPF_CLASS(m->insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		step_alu(m);
		return 0;
	case BPF_JMP:
	case BPF_JMP32:
		step_jump(m, target, ret);
		return 0;
	case BPF_LDX:
		return step_load(m, BPF_MODE(m->insn->code) == BPF_MEMSX);
	case BPF_ST:
		return step_store(m, immediate(m->insn->imm, 64));
	case BPF_STX:
		return step_stx(m);
	default:
		if (BPF_MODE(m->insn->code) == BPF_IMM)
			return step_immediate(m);
		step_old_load(m, ret);
		return 0;
	}
}

int kg_isa_step(const struct bpf_insn *insns, gsize n, struct kg_cpu *cpu, const struct kg_algebra *algebra, const struct kg_memory_ops *memory,
		void *self, struct kg_step *ret, struct kg_error *err)
{
	struct machine m = {.cpu = cpu, .algebra = algebra, .memory = memory, .self = self, .err = err};
	unsigned pc = cpu->pc;
	int r = isa_check(insns, n, pc, err);

	if (r < 0)
		return r;
	m.insn = &insns[pc];
	*ret = (struct kg_step){.flow = KG_FLOW_NEXT};
	cpu->pc = pc + 1;
	r = dispatch(&m, (unsigned)isa_target(m.insn, pc), ret);
	if (r < 0)
		cpu->pc = pc;
	return r < 0 ? r : 0;
}
