/*
 * Helpers on maps. What a map holds is map.c's; here is which kinds of maps a helper is for, and what it says of others.
 *
 * Source: Linux 6.18 kernel/bpf/helpers.c, hashtab.c, arraymap.c, lpm_trie.c, queue_stack_maps.c, bloom_filter.c, local_storage.c, bpf_local_storage.c.
 */
#include "helper.h"

#include <errno.h>

static const struct kg_map *shape_of(struct call *c, int map)
{
	return c->s->object->maps->pdata[map];
}

static int map_of(struct call *c, int *ret)
{
	return sx_map_of(c->s, c->arg[0], ret);
}

int model_lookup(struct call *c)
{
	int map, r = map_of(c, &map);

	return r ? r : sx_map_lookup(c->s, map, c->arg[1], &c->ret);
}

/* lookup_percpu_elem(map, key, cpu): of this CPU. What another one counts is no part of what is known of an event. */
int model_lookup_percpu(struct call *c)
{
	gboolean is_here;
	int map, r = map_of(c, &map);

	if (r == 0)
		r = state_decide(c->s, sx_op(c->x, KG_OP_EQ, 32, sx_extract(c->x, c->arg[2], 31, 0), c->s->event->cpu), &is_here);
	if (r == 0 && !is_here)
		r = state_end(c->s, "the entry of another CPU in %s", shape_of(c, map)->name);
	return r ? r : sx_map_lookup(c->s, map, c->arg[1], &c->ret);
}

int model_update(struct call *c)
{
	int map, r = map_of(c, &map);
	uint64_t flags = 0;

	if (r == 0)
		r = state_number(c->s, c->arg[3], "the flags of an update", &flags);
	return r ? r : sx_map_set(c->s, map, c->arg[1], c->arg[2], flags, &c->ret);
}

int model_delete(struct call *c)
{
	int map, r = map_of(c, &map);

	return r ? r : sx_map_delete(c->s, map, c->arg[1], &c->ret);
}

/* task_storage_get(map, task, value, flags) and its like. */
int model_storage(struct call *c)
{
	uint64_t flags = 0;
	int map, r = map_of(c, &map);

	if (r == 0)
		r = state_number(c->s, c->arg[3], "the flags of a storage", &flags);
	return r ? r : sx_map_storage(c->s, map, c->arg[1], flags & 1 /* BPF_LOCAL_STORAGE_GET_F_CREATE */, c->arg[2], &c->ret);
}

int model_storage_delete(struct call *c)
{
	int map, r = map_of(c, &map);

	return r ? r : sx_map_storage_delete(c->s, map, c->arg[1], &c->ret);
}

/* get_local_storage(map, flags): of the group that the program is attached to. There always is one. */
int model_local_storage(struct call *c)
{
	static const struct kg_word key[1]; /* one group */
	gboolean is_there;
	guint entry;
	int map, r = map_of(c, &map);

	if (r == 0)
		r = sx_map_find(c->s, map, key, 1, &entry, &is_there);
	if (r)
		return r;
	c->ret.region = g_array_index(c->s->entries, struct entry, entry).region;
	c->ret.bits = state_region(c->s, c->ret.region)->base;
	return 0;
}

static gboolean has_elements(const struct kg_map *m)
{
	return m->type == BPF_MAP_TYPE_QUEUE || m->type == BPF_MAP_TYPE_STACK || m->type == BPF_MAP_TYPE_BLOOM_FILTER;
}

/*
 * Queues, stacks and bloom filters: what comes out is not tied to what went in. So a program that goes by it has more states here than it has in truth, and
 * none less. A full one is a loss.
 */
int model_push(struct call *c)
{
	struct kg_bpf_effect *effect;
	int map, r = map_of(c, &map);

	if (r == 0 && !has_elements(shape_of(c, map)))
		r = state_end(c->s, "%s is no queue, stack or bloom filter", shape_of(c, map)->name);
	if (r)
		return r;
	effect = state_effect(c->s, KG_BPF_OTHER, map);
	effect->number = KG_WORD((uint64_t)c->helper);
	effect->n_value = shape_of(c, map)->value_size;
	effect->value = g_new0(struct kg_word, MAX(effect->n_value, 1));
	effect->is_set = g_new0(guint8, MAX(effect->n_value, 1));
	g_ptr_array_add(c->x->owned, effect->value);
	g_ptr_array_add(c->x->owned, effect->is_set);
	c->ret = helper_answered(c, KG_WORD(0), NULL, 0);
	return mem_load_bytes(c->s, c->arg[1], effect->n_value, effect->value, effect->is_set);
}

/* pop_elem(map, value), peek_elem(map, value). A bloom filter's peek only asks: the value is the program's. */
int model_pop(struct call *c)
{
	struct kg_word is_there = sx_extract(c->x, helper_unknown(c, 0x10000000), 0, 0), *bytes = NULL;
	const struct kg_map *m;
	gboolean found;
	int map, r = map_of(c, &map);

	if (r == 0 && !has_elements(shape_of(c, map)))
		r = state_end(c->s, "%s is no queue, stack or bloom filter", shape_of(c, map)->name);
	if (r == 0)
		r = state_decide(c->s, is_there, &found);
	if (r)
		return r;
	m = shape_of(c, map);
	if (m->type != BPF_MAP_TYPE_BLOOM_FILTER && found) {
		r = helper_fill(c, c->arg[1], m->value_size, &bytes);
	} else if (m->type != BPF_MAP_TYPE_BLOOM_FILTER) { /* queue_stack_maps.c: memset() to 0 */
		bytes = g_new0(struct kg_word, MAX(m->value_size, 1));
		g_ptr_array_add(c->x->owned, bytes);
		r = mem_store_bytes(c->s, c->arg[1], m->value_size, bytes);
	}
	c->ret = helper_answered(c, found ? KG_WORD(0) : ERROR(ENOENT), bytes, bytes ? m->value_size : 0);
	return r;
}
