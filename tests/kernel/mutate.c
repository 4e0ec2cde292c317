/*
 * Deliberate mistakes: each changes an instruction so that our executors do with it what a wrong one would do. The test has to see every one.
 */
#include "differential.h"

static gboolean is_alu(const struct bpf_insn *i, int op)
{
	return (BPF_CLASS(i->code) == BPF_ALU || BPF_CLASS(i->code) == BPF_ALU64) && BPF_OP(i->code) == op;
}

static gboolean is_jump(const struct bpf_insn *i, int op)
{
	return (BPF_CLASS(i->code) == BPF_JMP || BPF_CLASS(i->code) == BPF_JMP32) && BPF_OP(i->code) == op;
}

static gboolean is_atomic(const struct bpf_insn *i, int op)
{
	return BPF_CLASS(i->code) == BPF_STX && BPF_MODE(i->code) == BPF_ATOMIC && i->imm == op;
}

static gboolean recode(struct bpf_insn *i, gboolean is_it, int code)
{
	if (is_it)
		i->code = (uint8_t)code;
	return is_it;
}

static gboolean reop(struct bpf_insn *i, gboolean is_it, int op)
{
	return recode(i, is_it, (i->code & 0x0f) | op);
}

static gboolean set_imm(struct bpf_insn *i, gboolean is_it, int imm)
{
	if (is_it)
		i->imm = imm;
	return is_it;
}

static gboolean set_off(struct bpf_insn *i, gboolean is_it, int off)
{
	if (is_it)
		i->off = (int16_t)off;
	return is_it;
}

#define MUTATION(name, body) static gboolean name(struct bpf_insn *i) { return body; }
MUTATION(no_zero_extension, recode(i, is_alu(i, BPF_ADD) && BPF_CLASS(i->code) == BPF_ALU, (i->code & 0xf8) | BPF_ALU64))
MUTATION(move_keeps_upper, recode(i, is_alu(i, BPF_MOV) && BPF_CLASS(i->code) == BPF_ALU && BPF_SRC(i->code) == BPF_X && !i->off,
				  BPF_ALU64 | BPF_MOV | BPF_X))
MUTATION(sub_is_add, reop(i, is_alu(i, BPF_SUB) && BPF_SRC(i->code) == BPF_X, BPF_ADD))
MUTATION(xor_is_or, reop(i, is_alu(i, BPF_XOR), BPF_OR))
MUTATION(arsh_is_rsh, reop(i, is_alu(i, BPF_ARSH), BPF_RSH))
MUTATION(sdiv_is_div, set_off(i, is_alu(i, BPF_DIV) && i->off, 0))
MUTATION(smod_is_mod, set_off(i, is_alu(i, BPF_MOD) && i->off, 0))
MUTATION(mod_is_div, reop(i, is_alu(i, BPF_MOD), BPF_DIV))
MUTATION(movsx_is_mov, set_off(i, is_alu(i, BPF_MOV) && i->off, 0))
MUTATION(movsx16_is_8, set_off(i, is_alu(i, BPF_MOV) && i->off == 16, 8))
MUTATION(be_is_le, recode(i, i->code == (BPF_ALU | BPF_END | BPF_TO_BE), BPF_ALU | BPF_END | BPF_TO_LE))
MUTATION(bswap32_is_64, set_imm(i, i->code == (BPF_ALU64 | BPF_END) && i->imm == 32, 64))
MUTATION(le16_is_32, set_imm(i, i->code == (BPF_ALU | BPF_END) && i->imm == 16, 32))
MUTATION(ldsx_is_ldx, recode(i, BPF_CLASS(i->code) == BPF_LDX && BPF_MODE(i->code) == BPF_MEMSX, (i->code & 0x1f) | BPF_MEM))
MUTATION(store_16_is_8, recode(i, i->code == (BPF_STX | BPF_MEM | BPF_H), BPF_STX | BPF_MEM | BPF_B))
MUTATION(fetch_forgotten, set_imm(i, is_atomic(i, BPF_ADD | BPF_FETCH), BPF_ADD))
MUTATION(atomic_and_is_or, set_imm(i, is_atomic(i, BPF_AND), BPF_OR))
MUTATION(cmpxchg_is_xchg, set_imm(i, is_atomic(i, BPF_CMPXCHG), BPF_XCHG))
MUTATION(cmpxchg_64_is_32, recode(i, is_atomic(i, BPF_CMPXCHG) && BPF_SIZE(i->code) == BPF_DW, BPF_STX | BPF_ATOMIC | BPF_W))
MUTATION(jset_is_jne, reop(i, is_jump(i, BPF_JSET), BPF_JNE))
MUTATION(jsgt_is_jgt, reop(i, is_jump(i, BPF_JSGT), BPF_JGT))
MUTATION(jsle_is_jle, reop(i, is_jump(i, BPF_JSLE), BPF_JLE))
MUTATION(jge_is_jgt, reop(i, is_jump(i, BPF_JGE), BPF_JGT))
MUTATION(jmp32_is_jmp, recode(i, BPF_CLASS(i->code) == BPF_JMP32 && BPF_OP(i->code) != BPF_JA, (i->code & 0xf8) | BPF_JMP))
MUTATION(update_flags, set_imm(i, i->code == (BPF_ALU64 | BPF_MOV | BPF_K) && i->dst_reg == 4 && i->imm == BPF_NOEXIST, BPF_ANY))
MUTATION(delete_is_lookup, set_imm(i, i->code == (BPF_JMP | BPF_CALL) && !i->src_reg && i->imm == BPF_FUNC_map_delete_elem, BPF_FUNC_map_lookup_elem))

const struct mutation mutations[] = {
	{"a 32-bit addition does not clear the upper half", no_zero_extension},
	{"a 32-bit move keeps the upper half", move_keeps_upper},
	{"a subtraction adds", sub_is_add},
	{"xor is or", xor_is_or},
	{"an arithmetic shift fills with zeros", arsh_is_rsh},
	{"a signed division is unsigned", sdiv_is_div, TRUE},
	{"a signed rest is unsigned", smod_is_mod, TRUE},
	{"a rest is a quotient", mod_is_div},
	{"a sign-extending move does not extend", movsx_is_mov, TRUE},
	{"a move extends from 8 instead of 16 bits", movsx16_is_8, TRUE},
	{"be does not swap", be_is_le},
	{"bswap32 swaps 64 bits", bswap32_is_64, TRUE},
	{"le16 keeps 32 bits", le16_is_32},
	{"a sign-extending load does not extend", ldsx_is_ldx, TRUE},
	{"a 16-bit store writes 8 bits", store_16_is_8},
	{"an atomic fetch does not give the old value", fetch_forgotten},
	{"an atomic and is an or", atomic_and_is_or},
	{"a compare-and-exchange always exchanges", cmpxchg_is_xchg},
	{"a 64-bit compare-and-exchange takes 32 bits", cmpxchg_64_is_32},
	{"jset compares", jset_is_jne},
	{"a signed > is unsigned", jsgt_is_jgt},
	{"a signed <= is unsigned", jsle_is_jle},
	{">= is >", jge_is_jgt},
	{"a 32-bit comparison takes 64 bits", jmp32_is_jmp},
	{"a map update ignores BPF_NOEXIST", update_flags},
	{"a map delete does not delete", delete_is_lookup},
	{NULL, NULL},
};
