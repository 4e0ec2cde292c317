/* Helpers on maps, callbacks and other programs. */
#include "internal.h"

#include <errno.h>

/* The map and the bytes of the key. */
static int map_and_key(struct interp *m, const struct call *c, struct map_state **ret_map, const guint8 **ret_key)
{
	if (map_of(m, c->arg[0], ret_map) < 0)
		return -1;
	return memory_get(m, c->arg[1], (*ret_map)->map->key_size, ret_key, NULL);
}

int help_map_lookup(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *key;
	const struct map_entry *e;

	if (map_and_key(m, c, &s, &key) < 0)
		return -1;
	e = map_find(m, s, key);
	c->result = e ? e->value->base : 0;
	return 0;
}

int help_map_update(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *key, *value, *is_set;
	struct kg_bpf_effect *effect;

	if (map_and_key(m, c, &s, &key) < 0 || memory_get(m, c->arg[2], s->map->value_size, &value, &is_set) < 0)
		return -1;
	if (c->answer && (int64_t)c->answer->result < 0) {
		c->result = c->answer->result; /* no memory, or a lock was taken */
		return 0;
	}
	c->result = (uint64_t)map_set(m, s, key, value, c->arg[3], NULL);
	if (c->result)
		return 0;
	effect = effect_add(m, KG_BPF_MAP_SET, s->index);
	effect_set_key(effect, key, s->map->key_size);
	effect_set_value(effect, value, is_set, s->map->value_size);
	return 0;
}

/* Of this CPU: what others hold is no part of a world. */
int help_map_lookup_percpu(struct interp *m, struct call *c)
{
	if ((uint32_t)c->arg[2] != m->world->cpu)
		return interp_stop(m, "the entry of another CPU is asked for");
	return help_map_lookup(m, c);
}

/* The group that the program is attached to has always one. */
int help_local_storage(struct interp *m, struct call *c)
{
	static const guint8 group[64];
	struct map_state *s;
	struct map_entry *e;
	g_autofree guint8 *zeros = NULL;

	if (map_of(m, c->arg[0], &s) < 0)
		return -1;
	e = map_find(m, s, group);
	zeros = g_malloc0(s->map->value_size);
	if (!e)
		map_set(m, s, group, zeros, BPF_ANY, &e);
	c->result = e ? e->value->base : 0;
	return 0;
}

/* Queues and stacks keep values in order; a bloom filter keeps which were pushed (the kernel's says yes to some others, too). */
int help_map_push(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *value, *is_set;
	struct kg_bpf_effect *effect;

	if (queue_of(m, c->arg[0], &s) < 0 || memory_get(m, c->arg[1], s->map->value_size, &value, &is_set) < 0)
		return -1;
	if (c->answer)
		c->result = c->answer->result;
	else
		c->result = (uint64_t)queue_push(s, value, c->arg[2]);
	if (c->result)
		return 0;
	effect = effect_add(m, KG_BPF_OTHER, s->index);
	effect->number = KG_WORD((uint64_t)c->helper);
	effect_set_value(effect, value, is_set, s->map->value_size);
	return 0;
}

int help_map_pop(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *asked;
	g_autofree guint8 *value = NULL;

	if (queue_of(m, c->arg[0], &s) < 0 || memory_get(m, c->arg[1], s->map->value_size, &asked, NULL) < 0)
		return -1;
	if (c->answer) {
		c->result = c->answer->result;
		return c->answer->output ? put_output(m, c, c->arg[1], s->map->value_size) : 0;
	}
	value = g_memdup2(asked, s->map->value_size);
	c->result = (uint64_t)queue_pop(s, value, c->helper == BPF_FUNC_map_pop_elem);
	return interp_memory_put(m, c->arg[1], value, s->map->value_size);
}

int help_map_delete(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *key;

	if (map_and_key(m, c, &s, &key) < 0)
		return -1;
	c->result = (uint64_t)map_remove(m, s, key);
	if (!c->result)
		effect_set_key(effect_add(m, KG_BPF_MAP_DELETE, s->index), key, s->map->key_size);
	return 0;
}

/* Storage that belongs to a task, an inode, a socket or a cgroup: a map whose key is the object's address. */
int help_storage_get(struct interp *m, struct call *c)
{
	struct map_state *s;
	struct map_entry *e;
	const guint8 *key = (const guint8 *)&c->arg[1], *value = NULL;
	g_autofree guint8 *zeros = NULL;

	if (map_of(m, c->arg[0], &s) < 0)
		return -1;
	e = c->arg[1] ? map_find(m, s, key) : NULL;
	if (!e && c->arg[1] && (c->arg[3] & 1 /* BPF_LOCAL_STORAGE_GET_F_CREATE */)) {
		value = zeros = g_malloc0(s->map->value_size);
		if (c->arg[2] && memory_get(m, c->arg[2], s->map->value_size, &value, NULL) < 0)
			return -1;
		map_set(m, s, key, value, BPF_NOEXIST, &e);
		struct kg_bpf_effect *effect = effect_add(m, KG_BPF_MAP_SET, s->index);

		effect_set_key(effect, key, 8);
		effect_set_value(effect, value, NULL, s->map->value_size);
	}
	c->result = e ? e->value->base : 0;
	return 0;
}

int help_storage_delete(struct interp *m, struct call *c)
{
	struct map_state *s;
	const guint8 *key = (const guint8 *)&c->arg[1];

	if (map_of(m, c->arg[0], &s) < 0)
		return -1;
	c->result = (uint64_t)map_remove(m, s, key);
	if (!c->result)
		effect_set_key(effect_add(m, KG_BPF_MAP_DELETE, s->index), key, 8);
	return 0;
}

/* Entries in order of creation; the kernel's order of a hash map is not defined. */
int help_for_each(struct interp *m, struct call *c)
{
	struct map_state *s;
	uint64_t again = 0;

	if (map_of(m, c->arg[0], &s) < 0)
		return -1;
	if (c->arg[3]) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	if (s->map->type == BPF_MAP_TYPE_ARRAY || s->map->type == BPF_MAP_TYPE_PERCPU_ARRAY)
		for (uint32_t i = 0; i < s->map->max_entries; i++) {
			map_find(m, s, (const guint8 *)&i);
			if (memory_check(m) < 0)
				return -1;
		}
	for (guint i = 0; i < s->entries->len && !again; i++) {
		const struct map_entry *e = s->entries->pdata[i];

		if (e->is_gone)
			continue;
		struct region *key = memory_new(m, s->map->key_size, TRUE);

		interp_memory_put(m, key->base, e->key, s->map->key_size);
		const uint64_t args[4] = {c->arg[0], key->base, e->value->base, c->arg[2]};

		if (interp_call(m, c->arg[1], args, &again) < 0)
			return -1;
		c->result++;
	}
	return 0;
}

int help_loop(struct interp *m, struct call *c)
{
	uint64_t stop = 0;
	uint32_t n = (uint32_t)c->arg[0], i;

	if (c->arg[3] || n > 8388608 /* BPF_MAX_LOOPS */) {
		/* The verifier puts the loop in place of the call, where r0 = -E2BIG is a 32-bit move: inline_bpf_loop(). */
		c->result = c->arg[3] ? (uint64_t)-EINVAL : (uint32_t)-E2BIG;
		return 0;
	}
	for (i = 0; i < n && !stop && !m->is_over; i++) {
		const uint64_t args[4] = {i, c->arg[2], 0, 0};

		if (interp_call(m, c->arg[1], args, &stop) < 0)
			return -1;
	}
	c->result = i;
	return 0;
}

/* Where it goes on is another program's path. A negative answer: there is no such program, and this one goes on. */
int help_tail_call(struct interp *m, struct call *c)
{
	uint64_t index = (c->arg[1] - KG_AT_MAP) >> 32;
	struct kg_bpf_effect *effect;

	if (c->arg[1] < KG_AT_MAP || index >= m->object->maps->len)
		return interp_stop(m, "a tail call through 0x%" G_GINT64_MODIFIER "x, which is no map", c->arg[1]);
	if (c->answer && (int64_t)c->answer->result < 0) {
		c->result = c->answer->result;
		return 0;
	}
	effect = effect_add(m, KG_BPF_OTHER, (int)index);
	effect->number = KG_WORD((uint64_t)c->helper);
	effect_set_key(effect, (const guint8 *)&c->arg[2], 4);
	m->is_over = TRUE;
	return 0;
}
