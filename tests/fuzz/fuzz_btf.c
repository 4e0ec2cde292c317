/* BTF from anywhere: parsed, refused, or answered from; never a crash. Internal headers, because a profile on disk a try would be slow. */
#include "../../src/kernel/internal.h"

#include <bpf/btf.h>
#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ask for every type by its own name. */
static void ask_all(struct kg_profile *p, struct btf *btf)
{
	static const char *const prefixes[] = {"struct ", "union ", ""};
	struct kg_field f;

	for (uint32_t id = 1; id < btf__type_cnt(btf) && id < 200; id++) {
		const char *name = btf__str_by_offset(btf, btf__type_by_id(btf, id)->name_off);

		for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
			g_autofree char *type = g_strconcat(prefixes[i], name, NULL);
			const GPtrArray *m = kg_profile_members(p, type);

			for (guint k = 0; m && k < m->len && k < 20; k++)
				kg_profile_member(p, type, ((struct kg_field *)g_ptr_array_index(m, k))->name, &f, NULL);
			kg_profile_member(p, type, "a[1]->b.c", &f, NULL);
		}
		kg_profile_fields(p, KG_PROBE_FEXIT, name);
		kg_profile_fields(p, KG_PROBE_RAWTRACEPOINT, g_str_has_prefix(name, "btf_trace_") ? name + 10 : name);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *why = NULL;
	struct kg_btf *b = kg_btf_new(data, size, NULL, &why);
	int64_t v;

	if (!b) {
		g_assert(why);
		return 0;
	}
	struct kg_profile *p = kg_profile_new();

	p->release = g_strdup("1");
	p->btf = b;
	p->btf_tried = TRUE;
	kg_source_set(p, "btf", KG_SOURCE_OK, 1, NULL, NULL, NULL);
	ask_all(p, kg_btf_raw(b));
	kg_profile_enumerator(p, "ONE", &v);
	g_ptr_array_unref(kg_profile_match(p, KG_PROBE_RAWTRACEPOINT, "*", 0));
	g_ptr_array_unref(kg_profile_match(p, KG_PROBE_ITER, "a*", 0));
	kg_profile_free(p);
	return 0;
}
