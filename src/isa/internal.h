/* What the files of this part share. */
#pragma once

#include <kgent/isa.h>

#define STAGE "instructions"

/*
 * Is the instruction at [pc] well formed, and does its jump, if it is one, stay within the program? Everything that kg_isa_step() relies on.
 * 0, or the errors of kg_isa_step().
 */
int isa_check(const struct bpf_insn *insns, gsize n, gsize pc, struct kg_error *err);

static inline gboolean isa_is_jump(const struct bpf_insn *i)
{
	return BPF_CLASS(i->code) == BPF_JMP || BPF_CLASS(i->code) == BPF_JMP32;
}
/* Where a jump or a call of a function leads, as an index; wrong ones are negative or behind the end. */
static inline gint64 isa_target(const struct bpf_insn *i, gsize pc)
{
	gboolean by_imm = i->code == (BPF_JMP | BPF_CALL) || i->code == (BPF_JMP32 | BPF_JA);

	return (gint64)pc + 1 + (by_imm ? i->imm : i->off);
}
