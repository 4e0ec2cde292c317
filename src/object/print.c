/* Disassembly: as the kernel's verifier prints it, with source lines above and names of maps behind. */
#include "internal.h"

#include <kgent/isa.h>
#include <kgent/text.h>

#include <string.h>

static void print_line(const struct kg_insn_line *l, const struct kg_insn_line *before, GString *out)
{
	const char *text = l->text;

	if (!l->line || (before && before->line == l->line && !strcmp(before->file, l->file)))
		return;
	while (*text == ' ' || *text == '\t')
		text++;
	g_string_append(out, "; ");
	kg_text_escape(text, -1, out);
	g_string_append(out, *text ? "  @ " : "@ ");
	g_autofree char *name = g_path_get_basename(*l->file ? l->file : "?");

	kg_text_escape(name, -1, out);
	g_string_append_printf(out, ":%u\n", l->line);
}

static void print_map_name(const struct kg_object *object, const struct bpf_insn *i, GString *out)
{
	const struct kg_map *m;

	if (kg_isa_slots(i) != 2 || (i->src_reg != BPF_PSEUDO_MAP_FD && i->src_reg != BPF_PSEUDO_MAP_VALUE))
		return;
	m = g_ptr_array_index(object->maps, i->imm);
	if (!*m->name)
		return;
	g_string_append(out, "  ; ");
	kg_text_escape(m->name, -1, out);
}

/* A function of the program begins where a call leads. */
static guint8 *find_functions(const struct kg_bpf_program *p)
{
	guint8 *is_function = g_malloc0(p->n_insns + 1);

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc])) {
		const struct bpf_insn *i = &p->insns[pc];

		if ((i->code == (BPF_JMP | BPF_CALL) && i->src_reg == BPF_PSEUDO_CALL) ||
		    (kg_isa_slots(i) == 2 && i->src_reg == BPF_PSEUDO_FUNC && i->imm >= -(gint64)pc - 1 && pc + 1 + (gint64)i->imm < p->n_insns))
			is_function[(gint64)pc + 1 + i->imm] = 1;
	}
	return is_function;
}

void kg_object_print(const struct kg_object *object, guint program, GString *out)
{
	const struct kg_bpf_program *p = g_ptr_array_index(object->programs, program);
	g_autofree guint8 *is_function = find_functions(p);
	guint line = 0;

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc])) {
		if (is_function[pc])
			g_string_append_printf(out, "function at %u:\n", pc);
		for (; line < p->lines->len && g_array_index(p->lines, struct kg_insn_line, line).pc <= pc; line++)
			print_line(&g_array_index(p->lines, struct kg_insn_line, line),
				   line ? &g_array_index(p->lines, struct kg_insn_line, line - 1) : NULL, out);
		g_string_append_printf(out, "%4u: (%02x) ", pc, p->insns[pc].code);
		kg_isa_print(&p->insns[pc], out);
		print_map_name(object, &p->insns[pc], out);
		g_string_append_c(out, '\n');
	}
}

guint kg_object_print_at(const struct kg_object *object, guint program, guint pc, GString *out)
{
	const struct kg_bpf_program *p = g_ptr_array_index(object->programs, program);

	kg_isa_print(&p->insns[pc], out);
	return pc + kg_isa_slots(&p->insns[pc]);
}
