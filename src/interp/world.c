/* The state that a run starts in. */
#include "internal.h"

static void answer_free(gpointer data)
{
	struct kg_answer_of_helper *a = data;

	if (a->output)
		g_bytes_unref(a->output);
	g_free(a);
}

static void entry_free(gpointer data)
{
	struct kg_map_entry *e = data;

	if (e->key)
		g_bytes_unref(e->key);
	if (e->value)
		g_bytes_unref(e->value);
	g_free(e);
}

struct kg_world *kg_world_new(void)
{
	struct kg_world *w = g_new0(struct kg_world, 1);

	w->answers = g_ptr_array_new_with_free_func(answer_free);
	w->entries = g_ptr_array_new_with_free_func(entry_free);
	for (guint i = 0; i < KG_SPACES; i++)
		w->memory[i].bytes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	return w;
}

struct kg_world *kg_world_free(struct kg_world *world)
{
	if (!world)
		return NULL;
	g_clear_pointer(&world->context, g_bytes_unref);
	g_clear_pointer(&world->packet, g_bytes_unref);
	g_clear_pointer(&world->answers, g_ptr_array_unref);
	g_clear_pointer(&world->entries, g_ptr_array_unref);
	for (guint i = 0; i < KG_SPACES; i++)
		g_clear_pointer(&world->memory[i].bytes, g_hash_table_unref);
	g_free(world);
	return NULL;
}

void kg_world_set_bytes(struct kg_world *world, enum kg_space space, uint64_t address, const void *bytes, gsize n)
{
	for (gsize i = 0; i < n; i++) {
		gint64 *at = g_new(gint64, 1);

		*at = (gint64)(address + i);
		g_hash_table_replace(world->memory[space].bytes, at, GUINT_TO_POINTER(((const guint8 *)bytes)[i]));
	}
}
