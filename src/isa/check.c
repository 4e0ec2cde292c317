/*
 * Which bit patterns are instructions. As the kernel does, fields that an instruction does not use must be zero; other than the kernel's verifier
 * this allows what RFC 9669 gives a meaning (an immediate divisor of zero, an immediate shift beyond the width).
 *
 * Source: RFC 9669, and the reserved fields of Linux 6.18 kernel/bpf/verifier.c (do_check(), check_alu_op(), check_atomic()).
 */
#include "internal.h"

/* Which fields an instruction may use; the others must be zero. The destination register is part of the opcode's own check. */
enum {
	SRC = 1 << 0,
	OFF = 1 << 1,
	IMM = 1 << 2,
	DST = 1 << 3,
	WRITES_DST = 1 << 4,
};

struct place {
	const struct bpf_insn *insns;
	gsize n, pc;
	struct kg_error *err;
};

static int wrong(const struct place *p, const char *why)
{
	return kg_error_set(p->err, KG_E_PARSE, STAGE, "instruction %zu (opcode 0x%02x) is not one: %s", p->pc, p->insns[p->pc].code, why);
}

static int unsupported(const struct place *p, const char *what)
{
	return kg_error_set(p->err, KG_E_UNSUPPORTED, STAGE, "instruction %zu is %s, which kgent does not execute", p->pc, what);
}

static int check_fields(const struct place *p, int used)
{
	const struct bpf_insn *i = &p->insns[p->pc];

	if (!(used & SRC) && i->src_reg)
		return wrong(p, "it has a source register that it does not use");
	if (!(used & OFF) && i->off)
		return wrong(p, "it has an offset that it does not use");
	if (!(used & IMM) && i->imm)
		return wrong(p, "it has an immediate that it does not use");
	if (!(used & DST) && i->dst_reg)
		return wrong(p, "it has a destination register that it does not use");
	if (i->dst_reg > BPF_REG_10 || (i->src_reg > BPF_REG_10 && (used & SRC)))
		return wrong(p, "there are registers r0 to r10 only");
	if ((used & WRITES_DST) && i->dst_reg == BPF_REG_10)
		return wrong(p, "it writes the frame pointer r10");
	return 0;
}

static int check_move(const struct place *p, gboolean is_64)
{
	const struct bpf_insn *i = &p->insns[p->pc];

	if (BPF_SRC(i->code) == BPF_K)
		return check_fields(p, DST | WRITES_DST | IMM);
	if (is_64 && i->off == 1)
		return unsupported(p, "a cast between address spaces");
	if (is_64 && i->off == -1)
		return unsupported(p, "the address of a per-CPU variable");
	if (i->off != 0 && i->off != 8 && i->off != 16 && !(is_64 && i->off == 32))
		return wrong(p, "a move extends from 8, 16 or 32 bits");
	return check_fields(p, DST | WRITES_DST | SRC | OFF);
}

static int check_end(const struct place *p, gboolean is_64)
{
	const struct bpf_insn *i = &p->insns[p->pc];

	if (i->imm != 16 && i->imm != 32 && i->imm != 64)
		return wrong(p, "bytes are swapped in 16, 32 or 64 bits");
	if (is_64 && BPF_SRC(i->code) != BPF_TO_LE)
		return wrong(p, "an unconditional swap has no direction");
	return check_fields(p, DST | WRITES_DST | IMM);
}

static int check_alu(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];
	gboolean is_64 = BPF_CLASS(i->code) == BPF_ALU64, is_reg = BPF_SRC(i->code) == BPF_X;
	int used = DST | WRITES_DST | (is_reg ? SRC : IMM);

	switch (BPF_OP(i->code)) {
	case BPF_END:
		return check_end(p, is_64);
	case BPF_MOV:
		return check_move(p, is_64);
	case BPF_NEG:
		return is_reg ? wrong(p, "a negation has no source") : check_fields(p, DST | WRITES_DST);
	case BPF_DIV:
	case BPF_MOD:
		if (i->off != 0 && i->off != 1)
			return wrong(p, "a division is unsigned (offset 0) or signed (offset 1)");
		return check_fields(p, used | OFF);
	case 0xe0:
	case 0xf0:
		return wrong(p, "unknown opcode");
	default:
		return check_fields(p, used);
	}
}

static int check_target(const struct place *p)
{
	gint64 target = isa_target(&p->insns[p->pc], p->pc);

	if (target < 0 || target >= (gint64)p->n)
		return wrong(p, "it jumps out of the program");
	return 0;
}

static int check_call(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];

	if (i->code != (BPF_JMP | BPF_CALL))
		return i->code == (BPF_JMP | BPF_CALL | BPF_X) ? unsupported(p, "a call through a register") : wrong(p, "unknown opcode");
	if (i->dst_reg || i->src_reg > BPF_PSEUDO_KFUNC_CALL || (i->off && i->src_reg != BPF_PSEUDO_KFUNC_CALL))
		return wrong(p, "a field that it does not use is set, or the kind of call is unknown");
	return i->src_reg == BPF_PSEUDO_CALL ? check_target(p) : 0;
}

static int check_jump(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];
	gboolean is_32 = BPF_CLASS(i->code) == BPF_JMP32, is_reg = BPF_SRC(i->code) == BPF_X;
	int used = OFF | DST | (is_reg ? SRC : IMM);

	switch (BPF_OP(i->code)) {
	case BPF_CALL:
		return check_call(p);
	case BPF_EXIT:
		return is_32 || is_reg ? wrong(p, "unknown opcode") : check_fields(p, 0);
	case BPF_JA:
		if (is_reg)
			return wrong(p, "unknown opcode");
		used = is_32 ? IMM : OFF;
		break;
	case BPF_JCOND:
		if (is_32 || is_reg || i->src_reg)
			return wrong(p, "unknown kind of conditional jump");
		used = OFF;
		break;
	case 0xf0:
		return wrong(p, "unknown opcode");
	}
	return check_fields(p, used) < 0 ? -KG_E_PARSE : check_target(p);
}

static int check_atomic(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];
	gboolean is_word = BPF_SIZE(i->code) == BPF_W || BPF_SIZE(i->code) == BPF_DW;
	int used = DST | SRC | OFF | IMM;

	switch (i->imm) {
	case BPF_LOAD_ACQ:
		return check_fields(p, used | WRITES_DST);
	case BPF_STORE_REL:
		return check_fields(p, used);
	case BPF_ADD: case BPF_AND: case BPF_OR: case BPF_XOR: case BPF_CMPXCHG:
		break;
	case BPF_ADD | BPF_FETCH: case BPF_AND | BPF_FETCH: case BPF_OR | BPF_FETCH: case BPF_XOR | BPF_FETCH: case BPF_XCHG:
		if (i->src_reg == BPF_REG_10)
			return wrong(p, "it writes the frame pointer r10");
		break;
	default:
		return wrong(p, "unknown atomic operation");
	}
	return is_word ? check_fields(p, used) : wrong(p, "an atomic operation takes 32 or 64 bits");
}

static int check_memory(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];
	int class = BPF_CLASS(i->code), mode = BPF_MODE(i->code);

	if (class == BPF_LDX && (mode == BPF_MEM || (mode == BPF_MEMSX && BPF_SIZE(i->code) != BPF_DW)))
		return check_fields(p, DST | WRITES_DST | SRC | OFF);
	if (class == BPF_ST && mode == BPF_MEM)
		return check_fields(p, DST | OFF | IMM);
	if (class == BPF_STX && mode == BPF_MEM)
		return check_fields(p, DST | SRC | OFF);
	if (class == BPF_STX && mode == BPF_ATOMIC)
		return check_atomic(p);
	return wrong(p, "unknown opcode");
}

static int check_ld(const struct place *p)
{
	const struct bpf_insn *i = &p->insns[p->pc];

	if ((BPF_MODE(i->code) == BPF_ABS || BPF_MODE(i->code) == BPF_IND) && BPF_SIZE(i->code) != BPF_DW)
		return check_fields(p, BPF_MODE(i->code) == BPF_IND ? SRC | IMM : IMM);
	if (kg_isa_slots(i) != 2)
		return wrong(p, "unknown opcode");
	if (p->pc + 1 >= p->n || i[1].code || i[1].dst_reg || i[1].src_reg || i[1].off)
		return wrong(p, "the second half of a 64-bit immediate is missing");
	if (i->src_reg > BPF_PSEUDO_MAP_IDX_VALUE)
		return wrong(p, "unknown kind of 64-bit immediate");
	return check_fields(p, DST | WRITES_DST | SRC | IMM);
}

int isa_check(const struct bpf_insn *insns, gsize n, gsize pc, struct kg_error *err)
{
	struct place p = {insns, n, pc, err};

	if (pc >= n)
		return kg_error_set(err, KG_E_PARSE, STAGE, "the program runs on behind its last instruction (%zu of %zu)", pc, n);
	switch (BPF_CLASS(insns[pc].code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return check_alu(&p);
	case BPF_JMP:
	case BPF_JMP32:
		return check_jump(&p);
	case BPF_LD:
		return check_ld(&p);
	default:
		return check_memory(&p);
	}
}

static gboolean has_target(const struct bpf_insn *i)
{
	if (!isa_is_jump(i) || i->code == (BPF_JMP | BPF_EXIT))
		return FALSE;
	return i->code != (BPF_JMP | BPF_CALL) || i->src_reg == BPF_PSEUDO_CALL;
}

/* A jump into the second half of a 64-bit immediate. */
static gboolean is_second_half(const guint8 *is_second, const struct bpf_insn *insns, gsize pc)
{
	return has_target(&insns[pc]) && is_second[isa_target(&insns[pc], pc)];
}

static gboolean can_be_last(const struct bpf_insn *i)
{
	return i->code == (BPF_JMP | BPF_EXIT) || i->code == (BPF_JMP | BPF_JA) || i->code == (BPF_JMP32 | BPF_JA);
}

int kg_isa_validate(const struct bpf_insn *insns, gsize n, struct kg_error *err)
{
	g_autofree guint8 *is_second = g_malloc0(n + 1);
	gsize last = 0;

	if (!n)
		return kg_error_set(err, KG_E_PARSE, STAGE, "the program has no instructions");
	for (gsize pc = 0; pc < n; pc += kg_isa_slots(&insns[pc])) {
		int r = isa_check(insns, n, pc, err);

		if (r < 0)
			return r;
		if (kg_isa_slots(&insns[pc]) == 2)
			is_second[pc + 1] = 1;
		last = pc;
	}
	for (gsize pc = 0; pc < n; pc += kg_isa_slots(&insns[pc]))
		if (is_second_half(is_second, insns, pc))
			return wrong(&(struct place){insns, n, pc, err}, "it jumps into the middle of a 64-bit immediate");
	if (!can_be_last(&insns[last]))
		return wrong(&(struct place){insns, n, last, err}, "the last one must be an exit or a jump");
	return 0;
}
