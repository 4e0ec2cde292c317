/* Any bytes as an object file: an error, or instructions that are valid and can be printed, and maps that can be named. */
#include <kgent/isa.h>
#include <kgent/object.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kg_bt_program *some_program(void)
{
	static const char text[] = "BEGIN { @a[comm] = count(); @b = kstack; @c = hist(1); printf(\"x\"); }";
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;

	kg_bt_parse(text, strlen(text), diags, &program);
	return program;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kg_bt_program *program;
	g_autoptr(GBytes) elf = g_bytes_new(data, size);
	g_autoptr(GString) text = g_string_new(NULL);
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = kg_object_read(elf, NULL, &o, &err);

	g_assert((r == 0) == (err.msg == NULL) && (r == 0) == (o != NULL));
	if (!o)
		return 0;
	if (!program)
		program = some_program();
	if (o->is_bpftrace)
		kg_object_bpftrace(o, program, NULL, NULL, NULL, NULL);
	for (guint i = 0; i < o->programs->len; i++) {
		const struct kg_bpf_program *p = o->programs->pdata[i];

		g_assert(kg_isa_validate(p->insns, p->n_insns, NULL) == 0);
		kg_object_print(o, i, text);
	}
	kg_object_free(o);
	return 0;
}
