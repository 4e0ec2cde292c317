/* A model's answer, and behind a NUL the program that it may be a change of. */
#include <kgent/answer.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(const char *program)
{
	static const struct kg_bt_version versions[] = {{0, 17, 0}, {0, 23, 0}};
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);

	for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
		g_autofree char *mended = kg_answer_mend(program, NULL, &versions[i], notes);
		if (mended && (!notes->len || !strcmp(mended, program)))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	gsize len = strlen(text);
	g_autofree char *previous = len + 1 < size ? g_strndup((const char *)data + len + 1, size - len - 1) : NULL;
	g_autofree char *valid = previous ? g_utf8_make_valid(previous, -1) : NULL;
	struct kg_answered *a = kg_answer_read(text, valid);

	if ((a->kind == KG_ANSWER_PROGRAM) != (a->program != NULL) || (!a->program && !a->text))
		abort();
	if (a->program && !g_utf8_validate(a->program, -1, NULL))
		abort();
	if (a->text && !g_utf8_validate(a->text, -1, NULL))
		abort();
	if (a->program)
		mend(a->program);
	kg_answer_free(a);
	return 0;
}
