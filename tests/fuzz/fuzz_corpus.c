/* The text of a corpus file: it is taken or refused with a message; what is taken is whole, and its sections are parts of the text. */
#include <kgent/memory.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(const char *section, int line, const char *text, size_t size)
{
	g_assert(!section == !line);
	g_assert(!section || !*section || memmem(text, size, section, strlen(section)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) cases = NULL;
	g_autofree char *text = g_malloc(size + 1);

	memcpy(text, data, size);
	text[size] = '\0';
	int r = kg_corpus_parse("f.yaml", text, size, &cases, &err);
	g_assert(r == 0 ? cases && err.msg == NULL : !cases && err.msg != NULL && err.code == -r);
	for (guint i = 0; cases && i < cases->len; i++) {
		const struct kg_corpus_case *c = cases->pdata[i];
		g_assert(c->name && c->file && c->line > 0 && c->request && *c->request && c->program && c->language && c->hash);
		g_assert(c->also && c->needs && c->tags && !c->verdict == !c->reason);
		check_section(c->contract, c->contract_line, text, size);
		check_section(c->trial, c->trial_line, text, size);
	}
	return 0;
}
