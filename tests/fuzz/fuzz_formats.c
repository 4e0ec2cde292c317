/* The text of a profile's file "formats": every field that is believed must make sense. */
#include "../../src/kernel/internal.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const GPtrArray *fields)
{
	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = g_ptr_array_index(fields, i);

		g_assert(f->name && *f->name && f->type && *f->type);
		g_assert(f->offset_bits / 8 + f->size <= 65536);
		g_assert(f->array_len <= 65536);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kg_profile *p = kg_profile_new();

	p->release = g_strdup("1");
	p->texts[KG_TEXT_FORMATS] = g_bytes_new(data, size);
	struct kg_index *ix = kg_profile_formats(p);

	kg_formats_check(p);
	for (guint i = 0; i < ix->n && i < 50; i++) {
		g_autofree char *name = g_strndup(kg_index_name(ix, &ix->lines[i]), ix->lines[i].len);
		struct kg_point *pt = NULL;

		check(kg_profile_fields(p, KG_PROBE_TRACEPOINT, name));
		g_assert(!kg_profile_find(p, KG_PROBE_TRACEPOINT, name, &pt, NULL));
		kg_point_free(pt);
	}
	g_ptr_array_unref(kg_profile_search(p, "switch state openat", 5));
	g_ptr_array_unref(kg_profile_nearest(p, KG_PROBE_TRACEPOINT, "sched:sched_switch", 5));
	g_ptr_array_unref(kg_profile_match(p, KG_PROBE_TRACEPOINT, "*s*:*", 5));
	kg_profile_free(p);
	return 0;
}
