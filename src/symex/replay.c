/* From a model to a world: the plain data that the concrete interpreter starts in, and which inputs something depends on. */
#include "state.h"

#include <string.h>

static guint8 byte_value(struct kg_symex *x, struct kg_word w)
{
	return (guint8)solver_value(x->solver, w);
}

static GBytes *bytes_of_cells(struct kg_symex *x, struct cells *cells, guint n)
{
	guint8 *data = g_malloc0(MAX(n, 1));

	for (guint i = 0; i < n; i++)
		data[i] = byte_value(x, cells_byte(x, cells, i));
	return g_bytes_new_take(data, n);
}

static GBytes *bytes_of_words(struct kg_symex *x, const struct kg_word *words, guint n)
{
	guint8 *data = g_malloc0(MAX(n, 1));

	for (guint i = 0; i < n; i++)
		data[i] = byte_value(x, words[i]);
	return g_bytes_new_take(data, n);
}

static void add_read(struct kg_symex *x, struct kg_world *world, const struct kg_read *read)
{
	uint64_t address = solver_value(x->solver, read->address);

	for (guint i = 0; i < read->n_bytes; i++) {
		guint8 byte = byte_value(x, outside_byte(x, read->space, read->address, i));
		kg_world_set_bytes(world, read->space, address + i, &byte, 1);
		if (read->is_string && !byte)
			return;
	}
}

/* The maps as they were when the run began: the newest entry of each key that is not of this run. */
static void add_entries(struct kg_symex *x, struct kg_world *world, const struct kg_state *s)
{
	g_autoptr(GPtrArray) seen = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

	for (guint i = s->entries->len; i-- > 0;) {
		const struct entry *entry = &g_array_index(s->entries, struct entry, i);
		GBytes *key;
		gboolean is_seen = FALSE;

		if (entry->run == s->run && !entry->is_from_before)
			continue;
		key = bytes_of_words(x, entry->key, entry->n_key);
		for (guint k = 0; k < world->entries->len && !is_seen; k++) {
			const struct kg_map_entry *other = world->entries->pdata[k];
			is_seen = other->map == entry->map && g_bytes_equal(other->key, key);
		}
		for (guint k = 0; k < seen->len && !is_seen; k++)
			is_seen = g_bytes_equal(seen->pdata[k], key);
		if (!is_seen && entry->was_present && entry->before) {
			struct kg_map_entry *own = g_new0(struct kg_map_entry, 1);
			own->map = entry->map;
			own->key = g_bytes_ref(key);
			own->value = bytes_of_cells(x, entry->before, entry->before->n);
			g_ptr_array_add(world->entries, own);
		}
		g_ptr_array_add(seen, key);
	}
}

static void add_answers(struct kg_symex *x, struct kg_world *world, const struct kg_state *s)
{
	for (guint i = 0; i < s->answers->len; i++) {
		const struct answer *answer = &g_array_index(s->answers, struct answer, i);
		struct kg_answer_of_helper *own;

		if (answer->run != s->run)
			continue;
		own = g_new0(struct kg_answer_of_helper, 1);
		own->helper = answer->helper;
		own->nth = answer->nth;
		own->result = solver_value(x->solver, answer->result);
		own->output = answer->output ? bytes_of_words(x, answer->output, answer->n_output) : NULL;
		g_ptr_array_add(world->answers, own);
	}
}

static GBytes *packet_of(struct kg_symex *x, guint n)
{
	guint8 *data = g_malloc0(MAX(n, 1));
	GHashTableIter it;
	gpointer place;

	for (guint i = 0; i < n; i++)
		data[i] = byte_value(x, packet_byte(x, KG_WORD(i)));
	g_hash_table_iter_init(&it, x->packet_places);
	while (g_hash_table_iter_next(&it, &place, NULL)) {
		struct kg_word offset = {.term = place};
		uint64_t at = solver_value(x->solver, offset);
		guint8 byte = byte_value(x, solver_byte(x->solver, SOLVER_PACKET, offset));

		if (at < PACKET_CHOICES || at >= n)
			continue;
		if (data[at] != byte) { /* two bytes at one place: there is no such packet */
			g_free(data);
			return NULL;
		}
	}
	return g_bytes_new_take(data, n);
}

static void add_packet(struct kg_symex *x, struct kg_world *world, const struct kg_event *event)
{
	const struct context *context = event->own;
	guint n = (guint)MIN(solver_value(x->solver, context->whole_length), 65535);
	guint linear = (guint)MIN(solver_value(x->solver, event->packet_length->word), n);

	world->packet = packet_of(x, n);
	world->packet_beyond = n - linear;
}

struct kg_world *kg_symex_world(struct kg_symex *x, const struct kg_object *object, const struct kg_event *event, const struct kg_path *path)
{
	struct kg_world *world = kg_world_new();
	const struct context *context = event->own;
	const struct kg_thread *thread = event->thread;

	(void)object;
	world->context = bytes_of_cells(x, context->cells, context->cells->n);
	if (context->has_packet)
		add_packet(x, world, event);
	for (guint i = 0; i < path->reads->len; i++)
		add_read(x, world, path->reads->pdata[i]);
	add_answers(x, world, path->state);
	add_entries(x, world, path->state);
	world->task = solver_value(x->solver, thread->task);
	world->pid_tgid = solver_value(x->solver, thread->pid_tgid);
	world->uid_gid = solver_value(x->solver, thread->uid_gid);
	world->cgroup = solver_value(x->solver, thread->cgroup);
	world->cpu = (uint32_t)solver_value(x->solver, event->cpu);
	for (guint i = 0; i < 16; i++)
		world->comm[i] = (char)byte_value(x, thread->comm[i]);
	return world;
}

/* ---------------------------------------------------------------- what something depends on */

static void add_leaf(void *user, void *leaf)
{
	g_hash_table_add(user, leaf);
}

void kg_symex_support(struct kg_symex *x, const struct kg_path *path, const struct kg_word *words, guint n, GPtrArray **ret_inputs, GPtrArray **ret_reads)
{
	g_autoptr(GHashTable) leaves = g_hash_table_new(NULL, NULL);

	*ret_inputs = g_ptr_array_new();
	*ret_reads = g_ptr_array_new();
	for (guint i = 0; i < n; i++)
		solver_leaves(x->solver, words[i], add_leaf, leaves);
	for (guint i = 0; i < x->inputs->len; i++) {
		struct kg_input *input = x->inputs->pdata[i];
		if (g_hash_table_contains(leaves, input->word.term))
			g_ptr_array_add(*ret_inputs, input);
	}
	for (guint i = 0; path && i < x->all_reads->len; i++) {
		struct kg_read *read = x->all_reads->pdata[i];
		gboolean is_in = FALSE;
		for (guint k = 0; k < MIN(read->n_bytes, 64) && !is_in; k++)
			is_in = g_hash_table_contains(leaves, outside_byte(x, read->space, read->address, k).term);
		if (is_in)
			g_ptr_array_add(*ret_reads, read);
	}
}
