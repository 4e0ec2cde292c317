/* What a run did, and the release of it. */
#include "internal.h"

#include <string.h>

struct kg_bpf_effect *kg_bpf_effect_free(struct kg_bpf_effect *effect)
{
	if (!effect)
		return NULL;
	g_free(effect->key);
	g_free(effect->value);
	g_free(effect->is_set);
	g_free(effect);
	return NULL;
}

static struct kg_word *words_of(const guint8 *bytes, gsize n)
{
	struct kg_word *words = g_new0(struct kg_word, n + 1);

	for (gsize i = 0; i < n; i++)
		words[i] = KG_WORD(bytes[i]);
	return words;
}

struct kg_bpf_effect *effect_add(struct interp *m, enum kg_bpf_effect_kind kind, int map)
{
	struct kg_bpf_effect *e = g_new0(struct kg_bpf_effect, 1);

	e->kind = kind;
	e->pc = m->pc;
	e->map = map;
	g_ptr_array_add(m->run->effects, e);
	return e;
}

void effect_set_key(struct kg_bpf_effect *e, const guint8 *key, gsize n)
{
	e->key = words_of(key, n);
	e->n_key = (guint)n;
}

void effect_set_value(struct kg_bpf_effect *e, const guint8 *bytes, const guint8 *is_set, gsize n)
{
	e->value = words_of(bytes, n);
	e->n_value = (guint)n;
	if (is_set && memchr(is_set, 0, n))
		e->is_set = g_memdup2(is_set, n);
}

void kg_run_of_bpf_clear(struct kg_run_of_bpf *run)
{
	if (!run)
		return;
	g_clear_pointer(&run->effects, g_ptr_array_unref);
	g_clear_pointer(&run->path, g_array_unref);
	g_clear_pointer(&run->packet, g_bytes_unref);
	g_clear_pointer(&run->entries, g_ptr_array_unref);
	g_clear_pointer(&run->why, g_free);
	memset(run, 0, sizeof(*run));
}
