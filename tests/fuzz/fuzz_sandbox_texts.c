/*
 * Texts that the sandbox reads: the first byte says which. What the guest's console and kgent-inside say is untrusted; what tools and
 * packages say can be anything.
 */
#include "../../src/sandbox/internal.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_harmless(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\t')
			abort();
}

static void console(const char *text, gsize len)
{
	gboolean no_memory;
	g_autofree char *why = vm_panic(text, len, &no_memory);

	is_harmless(why);
}

static void result(const char *text, gsize len)
{
	struct kg_load_result res = {0};

	if (load_parse(text, len, &res, NULL))
		return;
	is_harmless(res.probe);
	is_harmless(res.why);
	is_harmless(res.mend);
	is_harmless(res.finding.reason);
	is_harmless(res.finding.insn);
	g_assert(res.outcome == KG_LOAD_ACCEPTED || res.why);
	kg_load_result_clear(&res);
}

static void libraries(const char *text, gsize len)
{
	g_autoptr(GPtrArray) paths = closure_parse(text, len);

	for (guint i = 0; i < paths->len; i++)
		g_assert(((const char *)paths->pdata[i])[0] == '/');
}

static void packages(const char *text, gsize len)
{
	g_autofree char *name = fetch_choose(text, len, "latest");
	g_autofree char *field = g_strndup(text, len);
	g_autoptr(GPtrArray) needed = fetch_depends(field);

	g_assert(!name || g_str_has_prefix(name, "linux-image-"));
	for (guint i = 0; i < needed->len; i++)
		g_assert(g_str_has_prefix(needed->pdata[i], "linux-"));
}

static void image(const char *data, gsize len)
{
	g_autofree char *release = vmlinuz_release(data, len);

	g_assert(!release || (strlen(release) && !strchr(release, '/')));
}

static void module(const char *data, gsize len)
{
	g_autoptr(GPtrArray) names = modules_depends(data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *, gsize) = {console, result, libraries, packages, image, module};

	if (!size)
		return 0;
	/* a copy of exactly this size, so that reading beyond it is seen */
	char *copy = malloc(size);

	memcpy(copy, data + 1, size - 1);
	readers[data[0] % G_N_ELEMENTS(readers)](copy, size - 1);
	free(copy);
	return 0;
}
