/* Any text: it is parsed or refused; what is taken prints, the print parses to the same tree, and it can be checked and explained. */
#include <kgent/safety.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void highlight(const char *text, size_t size)
{
	g_autoptr(GString) out = g_string_new(NULL);

	kg_bt_highlight(text, size, out);
}

static void check_and_explain(const struct kg_bt_program *program)
{
	static const struct kg_bt_version versions[] = {{0, 17, 0}, {0, 24, 0}};
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_effects *effects = NULL;

	for (int i = 0; i < 2; i++)
		kg_bt_check(program, NULL, &versions[i], diags);
	if (kg_effects_read(program, NULL, NULL, &effects, NULL) < 0)
		abort();
	kg_policy_check(effects, NULL, diags);
	kg_bt_explain(program, NULL, effects, out);
	kg_effects_free(effects);
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
		check_and_explain(first);
	}
	kg_bt_free(first);
	kg_bt_free(second);
	return 0;
}
