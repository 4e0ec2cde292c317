/* bpftrace's messages, as findings. They hold parts of the program, and so anything. */
#include <kgent/bpftrace_tool.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GPtrArray *diags = kg_diags_new();
	GString *out = g_string_new(NULL);
	char *source = g_strndup((const char *)data, size);
	int a, b, c;

	kg_bpftrace_parse_messages((const char *)data, size, "build", diags);
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(diags, i);

		/* nothing that a terminal acts on, and places that a renderer can use */
		for (const char *s = d->msg; *s; s++)
			if ((unsigned char)*s < 0x20 && *s != '\t')
				abort();
		if (d->loc.line < 0 || d->loc.col < 0 || d->loc.len < 0)
			abort();
	}
	kg_diags_render(diags, "x", source, FALSE, out);
	kg_bpftrace_parse_version(source, &a, &b, &c);
	g_string_free(out, TRUE);
	g_ptr_array_unref(diags);
	g_free(source);
	return 0;
}
