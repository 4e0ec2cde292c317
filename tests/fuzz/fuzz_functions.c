/* The text of a profile's file "functions": whatever it holds, each name that is found is found again. The first line is asked for. */
#include "../../src/kernel/internal.h"

#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nl = memchr(data, '\n', size);
	g_autofree char *word = g_strndup((const char *)data, nl ? (gsize)(nl - data) : MIN(size, 100));
	struct kg_profile *p = kg_profile_new();
	struct kg_point *pt = NULL;

	p->release = g_strdup("1");
	p->functions_sure = TRUE;
	p->texts[KG_TEXT_FUNCTIONS] = g_bytes_new(data, size);
	p->texts[KG_TEXT_UNTRACEABLE] = g_bytes_new(data + size / 2, size - size / 2);
	struct kg_index *ix = kg_profile_functions(p);

	for (guint i = 0; i < ix->n && i < 50; i++) {
		g_autofree char *name = g_strndup(kg_index_name(ix, &ix->lines[i]), ix->lines[i].len);

		g_assert(!kg_profile_find(p, KG_PROBE_KPROBE, name, &pt, NULL));
		pt = kg_point_free(pt);
	}
	if (!kg_profile_find(p, KG_PROBE_KRETPROBE, word, &pt, NULL))
		kg_point_free(pt);
	g_ptr_array_unref(kg_profile_search(p, word, 5));
	g_ptr_array_unref(kg_profile_nearest(p, KG_PROBE_FENTRY, word, 5));
	g_ptr_array_unref(kg_profile_match(p, KG_PROBE_KPROBE, word, 50));
	kg_profile_free(p);
	return 0;
}
