/*
 * Instructions as text, as the kernel's verifier prints them into its log (Linux 6.18 kernel/bpf/disasm.c).
 */
#include "internal.h"

static const char *const alu_names[16] = {"+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian", NULL, NULL};
static const char *const jump_names[16] = {NULL, "==", ">", ">=", "&", "!=", "s>", "s>=", NULL, NULL, "<", "<=", "s<", "s<=", NULL, NULL};

static const char *size_name(const struct bpf_insn *i, gboolean is_signed)
{
	static const char *const names[2][4] = {{"u32", "u16", "u8", "u64"}, {"s32", "s16", "s8", "s64"}};

	return names[is_signed][BPF_SIZE(i->code) >> 3];
}

static void print_invalid(const struct bpf_insn *i, GString *out)
{
	g_string_append_printf(out, "invalid 0x%02x", i->code);
}

static const char *alu_name(const struct bpf_insn *i)
{
	if (i->off == 1 && BPF_OP(i->code) == BPF_DIV)
		return "s/=";
	if (i->off == 1 && BPF_OP(i->code) == BPF_MOD)
		return "s%=";
	return alu_names[BPF_OP(i->code) >> 4];
}

static const char *extension(const struct bpf_insn *i)
{
	if (BPF_OP(i->code) != BPF_MOV || BPF_SRC(i->code) != BPF_X)
		return "";
	return i->off == 8 ? "(s8)" : i->off == 16 ? "(s16)" : i->off == 32 ? "(s32)" : "";
}

static void print_end(const struct bpf_insn *i, GString *out)
{
	const char *name = BPF_CLASS(i->code) == BPF_ALU64 ? "bswap" : BPF_SRC(i->code) == BPF_TO_BE ? "be" : "le";

	g_string_append_printf(out, "r%d = %s%d r%d", i->dst_reg, name, i->imm, i->dst_reg);
}

static void print_alu(const struct bpf_insn *i, GString *out)
{
	char r = BPF_CLASS(i->code) == BPF_ALU64 ? 'r' : 'w';
	const char *name = alu_name(i);

	if (BPF_OP(i->code) == BPF_END)
		print_end(i, out);
	else if (BPF_OP(i->code) == BPF_NEG)
		g_string_append_printf(out, "%c%d = -%c%d", r, i->dst_reg, r, i->dst_reg);
	else if (!name)
		print_invalid(i, out);
	else if (BPF_SRC(i->code) == BPF_X)
		g_string_append_printf(out, "%c%d %s %s%c%d", r, i->dst_reg, name, extension(i), r, i->src_reg);
	else
		g_string_append_printf(out, "%c%d %s %d", r, i->dst_reg, name, i->imm);
}

static void print_call(const struct bpf_insn *i, GString *out)
{
	const char *name = kg_helper_name(i->imm);

	if (i->src_reg == BPF_PSEUDO_CALL)
		g_string_append_printf(out, "call pc%+d", i->imm);
	else if (i->src_reg == BPF_PSEUDO_KFUNC_CALL)
		g_string_append_printf(out, "call kernel-function#%d", i->imm);
	else
		g_string_append_printf(out, "call %s%s#%d", name ? "bpf_" : "", name ? name : "unknown", i->imm);
}

static void print_jump(const struct bpf_insn *i, GString *out)
{
	gboolean is_64 = BPF_CLASS(i->code) == BPF_JMP;
	char r = is_64 ? 'r' : 'w';
	const char *name = jump_names[BPF_OP(i->code) >> 4];

	if (BPF_OP(i->code) == BPF_CALL && is_64)
		print_call(i, out);
	else if (i->code == (BPF_JMP | BPF_JA))
		g_string_append_printf(out, "goto pc%+d", i->off);
	else if (i->code == (BPF_JMP32 | BPF_JA))
		g_string_append_printf(out, "gotol pc%+d", i->imm);
	else if (i->code == (BPF_JMP | BPF_JCOND))
		g_string_append_printf(out, "may_goto pc%+d", i->off);
	else if (i->code == (BPF_JMP | BPF_EXIT))
		g_string_append(out, "exit");
	else if (!name)
		print_invalid(i, out);
	else if (BPF_SRC(i->code) == BPF_X)
		g_string_append_printf(out, "if %c%d %s %c%d goto pc%+d", r, i->dst_reg, name, r, i->src_reg, i->off);
	else
		g_string_append_printf(out, "if %c%d %s 0x%x goto pc%+d", r, i->dst_reg, name, (unsigned)i->imm, i->off);
}

static const char *atomic_name(gint32 imm)
{
	switch (imm & ~BPF_FETCH) {
	case BPF_ADD: return "add";
	case BPF_AND: return "and";
	case BPF_OR: return "or";
	case BPF_XOR: return "xor";
	default: return NULL;
	}
}

static void print_atomic(const struct bpf_insn *i, GString *out)
{
	const char *name = atomic_name(i->imm), *size = size_name(i, FALSE), *wide = BPF_SIZE(i->code) == BPF_DW ? "64" : "";

	if (i->imm == BPF_CMPXCHG)
		g_string_append_printf(out, "r0 = atomic%s_cmpxchg((%s *)(r%d %+d), r0, r%d)", wide, size, i->dst_reg, i->off, i->src_reg);
	else if (i->imm == BPF_XCHG)
		g_string_append_printf(out, "r%d = atomic%s_xchg((%s *)(r%d %+d), r%d)", i->src_reg, wide, size, i->dst_reg, i->off, i->src_reg);
	else if (i->imm == BPF_LOAD_ACQ)
		g_string_append_printf(out, "r%d = load_acquire((%s *)(r%d %+d))", i->dst_reg, size, i->src_reg, i->off);
	else if (i->imm == BPF_STORE_REL)
		g_string_append_printf(out, "store_release((%s *)(r%d %+d), r%d)", size, i->dst_reg, i->off, i->src_reg);
	else if (name && (i->imm & BPF_FETCH))
		g_string_append_printf(out, "r%d = atomic%s_fetch_%s((%s *)(r%d %+d), r%d)", i->src_reg, wide, name, size, i->dst_reg, i->off,
				       i->src_reg);
	else if (name)
		g_string_append_printf(out, "lock *(%s *)(r%d %+d) %s r%d", size, i->dst_reg, i->off, alu_names[i->imm >> 4], i->src_reg);
	else
		print_invalid(i, out);
}

static void print_memory(const struct bpf_insn *i, GString *out)
{
	int class = BPF_CLASS(i->code), mode = BPF_MODE(i->code);

	if (class == BPF_LDX && (mode == BPF_MEM || mode == BPF_MEMSX))
		g_string_append_printf(out, "r%d = *(%s *)(r%d %+d)", i->dst_reg, size_name(i, mode == BPF_MEMSX), i->src_reg, i->off);
	else if (class == BPF_ST && mode == BPF_MEM)
		g_string_append_printf(out, "*(%s *)(r%d %+d) = %d", size_name(i, FALSE), i->dst_reg, i->off, i->imm);
	else if (class == BPF_STX && mode == BPF_MEM)
		g_string_append_printf(out, "*(%s *)(r%d %+d) = r%d", size_name(i, FALSE), i->dst_reg, i->off, i->src_reg);
	else if (class == BPF_STX && mode == BPF_ATOMIC)
		print_atomic(i, out);
	else
		print_invalid(i, out);
}

static void print_immediate(const struct bpf_insn *i, GString *out)
{
	g_string_append_printf(out, "r%d = ", i->dst_reg);
	switch (i->src_reg) {
	case 0:
		g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", (guint64)(guint32)i[1].imm << 32 | (guint32)i->imm);
		break;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		g_string_append_printf(out, "map[%d]", i->imm);
		break;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		g_string_append_printf(out, "map[%d][0]+%u", i->imm, (unsigned)i[1].imm);
		break;
	case BPF_PSEUDO_FUNC:
		g_string_append_printf(out, "subprog[%+d]", i->imm);
		break;
	default:
		g_string_append_printf(out, "btf[%d]", i->imm);
	}
}

static void print_ld(const struct bpf_insn *i, GString *out)
{
	if (BPF_MODE(i->code) == BPF_ABS)
		g_string_append_printf(out, "r0 = *(%s *)skb[%d]", size_name(i, FALSE), i->imm);
	else if (BPF_MODE(i->code) == BPF_IND)
		g_string_append_printf(out, "r0 = *(%s *)skb[r%d + %d]", size_name(i, FALSE), i->src_reg, i->imm);
	else if (kg_isa_slots(i) == 2)
		print_immediate(i, out);
	else
		print_invalid(i, out);
}

void kg_isa_print(const struct bpf_insn *insn, GString *out)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		print_alu(insn, out);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		print_jump(insn, out);
		break;
	case BPF_LD:
		print_ld(insn, out);
		break;
	default:
		print_memory(insn, out);
	}
}
