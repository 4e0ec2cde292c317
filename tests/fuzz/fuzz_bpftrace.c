/* Any text: it is parsed or refused; what is taken prints, and the print parses to the same tree. */
#include <kgent/bpftrace.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void highlight(const char *text, size_t size)
{
	g_autoptr(GString) out = g_string_new(NULL);

	kg_bt_highlight(text, size, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) diags = kg_diags_new(), again = kg_diags_new();
	g_autoptr(GString) print = g_string_new(NULL);
	struct kg_bt_program *first = NULL, *second = NULL;
	int r = kg_bt_parse((const char *)data, size, diags, &first);

	highlight((const char *)data, size);
	if (r < 0 && !diags->len)
		abort();
	if (r == 0) {
		kg_bt_print(first, print);
		if (kg_bt_parse(print->str, print->len, again, &second) < 0 || !kg_bt_equal(first, second))
			abort();
	}
	kg_bt_free(first);
	kg_bt_free(second);
	return 0;
}
