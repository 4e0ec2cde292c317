/*
 * Maps. An entry's value is a region, so that the program can work on it in place; a deleted one stays reachable until the run is over, as it does in
 * the kernel until the next grace period. A per-CPU map is this CPU's part of it. Arrays' entries are there from the beginning, and made when they
 * are asked for.
 *
 * Source: Linux 6.18 kernel/bpf/hashtab.c, arraymap.c, syscall.c.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

#define MAX_KEY 4096
#define MAX_VALUE (1u << 20)

static void entry_free(gpointer data)
{
	struct map_entry *e = data;

	g_free(e->key);
	g_free(e->before);
	g_free(e);
}

static gboolean is_array(uint32_t type)
{
	return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

static gboolean is_lru(uint32_t type)
{
	return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

static gboolean has_entries(uint32_t type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH: case BPF_MAP_TYPE_PERCPU_HASH: case BPF_MAP_TYPE_LRU_HASH: case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_TASK_STORAGE: case BPF_MAP_TYPE_INODE_STORAGE: case BPF_MAP_TYPE_SK_STORAGE: case 32 /* CGRP_STORAGE */:
	case BPF_MAP_TYPE_LPM_TRIE: case BPF_MAP_TYPE_CGROUP_STORAGE: case BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE:
		return TRUE;
	default:
		return is_array(type);
	}
}

static gboolean is_storage(uint32_t type)
{
	return type == BPF_MAP_TYPE_TASK_STORAGE || type == BPF_MAP_TYPE_INODE_STORAGE || type == BPF_MAP_TYPE_SK_STORAGE || type == 32;
}

/* What a storage map belongs to is a kernel object, known by its address. */
static gsize key_size(const struct map_state *s)
{
	return is_storage(s->map->type) ? 8 : s->map->key_size;
}

static GBytes *key_of(const struct map_state *s, const guint8 *key)
{
	return g_bytes_new(key, key_size(s));
}

static struct map_entry *add_entry(struct interp *m, struct map_state *s, const guint8 *key, gboolean is_constant)
{
	struct map_entry *e = g_new0(struct map_entry, 1);

	e->key = g_memdup2(key, key_size(s));
	e->value = memory_new(m, s->map->value_size, TRUE);
	e->value->is_constant = is_constant;
	e->before = g_malloc0(s->map->value_size);
	g_ptr_array_add(s->entries, e);
	g_hash_table_replace(s->by_key, key_of(s, key), e);
	return e;
}

static void set_value(const struct map_state *s, struct map_entry *e, const void *value, gsize n)
{
	memcpy(e->value->bytes, value, MIN(n, s->map->value_size));
	memcpy(e->before, e->value->bytes, s->map->value_size);
}

/* How many leading bits are the same, at most [n]. */
static guint32 same_bits(const guint8 *a, const guint8 *b, guint32 n)
{
	guint32 i = 0;

	while (i < n && !((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1))
		i++;
	return i;
}

/* The longest prefix that the key has: struct bpf_lpm_trie_key, 32 bits of length and then the address. Source: kernel/bpf/lpm_trie.c. */
static struct map_entry *longest_prefix(const struct map_state *s, const guint8 *key)
{
	struct map_entry *best = NULL;
	guint32 n, longest = 0, prefix;

	memcpy(&n, key, sizeof(n));
	n = MIN(n, 8 * (s->map->key_size - 4));
	for (guint i = 0; i < s->entries->len; i++) {
		struct map_entry *e = s->entries->pdata[i];

		memcpy(&prefix, e->key, sizeof(prefix));
		if (e->is_gone || prefix > n || (best && prefix < longest) || same_bits(e->key + 4, key + 4, prefix) < prefix)
			continue;
		best = e;
		longest = prefix;
	}
	return best;
}

static struct map_entry *lookup(const struct map_state *s, const guint8 *key)
{
	g_autoptr(GBytes) k = key_of(s, key);

	return g_hash_table_lookup(s->by_key, k);
}

struct map_entry *map_find(struct interp *m, struct map_state *s, const guint8 *key)
{
	struct map_entry *e = lookup(s, key);
	uint32_t index;

	if (!e && s->map->type == BPF_MAP_TYPE_LPM_TRIE && s->map->key_size > 4)
		return longest_prefix(s, key);
	if (e || !is_array(s->map->type))
		return e;
	memcpy(&index, key, sizeof(index));
	if (s->map->max_entries && index >= s->map->max_entries)
		return NULL;
	e = add_entry(m, s, key, s->map->is_constant);
	if (s->map->initial && !index)
		set_value(s, e, g_bytes_get_data(s->map->initial, NULL), g_bytes_get_size(s->map->initial));
	return e;
}

/* An LRU map gives up an entry for a new one: here the oldest. */
static gboolean make_room(struct map_state *s)
{
	if (!s->map->max_entries || g_hash_table_size(s->by_key) < s->map->max_entries)
		return TRUE;
	for (guint i = 0; is_lru(s->map->type) && i < s->entries->len; i++) {
		struct map_entry *e = s->entries->pdata[i];
		g_autoptr(GBytes) k = key_of(s, e->key);

		if (e->is_gone)
			continue;
		e->is_gone = TRUE;
		g_hash_table_remove(s->by_key, k);
		return TRUE;
	}
	return FALSE;
}

gint64 map_set(struct interp *m, struct map_state *s, const guint8 *key, const guint8 *value, uint64_t flags, struct map_entry **ret)
{
	struct map_entry *e = s->map->type == BPF_MAP_TYPE_LPM_TRIE ? lookup(s, key) : map_find(m, s, key);

	if ((flags & ~(uint64_t)BPF_F_LOCK) > BPF_EXIST)
		return -EINVAL;
	if (is_array(s->map->type) && !e)
		return -E2BIG;
	if (e && (flags & BPF_NOEXIST))
		return -EEXIST;
	if (!e && (flags & BPF_EXIST))
		return -ENOENT;
	if (!e && !make_room(s))
		return -E2BIG;
	/* A hash map puts a new element in place of the old one: who holds a pointer to the old keeps what it had. */
	if (e && !is_array(s->map->type) && s->map->type != BPF_MAP_TYPE_PERCPU_HASH && s->map->type != BPF_MAP_TYPE_LRU_PERCPU_HASH) {
		e->is_gone = TRUE;
		e = NULL;
	}
	if (!e)
		e = add_entry(m, s, key, FALSE);
	set_value(s, e, value, s->map->value_size);
	if (ret)
		*ret = e;
	return 0;
}

gint64 map_remove(struct interp *m, struct map_state *s, const guint8 *key)
{
	struct map_entry *e = lookup(s, key);
	g_autoptr(GBytes) k = key_of(s, key);

	if (is_array(s->map->type))
		return -EINVAL;
	if (!e)
		return -ENOENT;
	e->is_gone = TRUE;
	g_hash_table_remove(s->by_key, k);
	return 0;
}

int map_of(struct interp *m, uint64_t address, struct map_state **ret)
{
	uint64_t index = (address - KG_AT_MAP) >> 32;
	const struct kg_map *map;

	if (address < KG_AT_MAP || (address & 0xffffffff) || index >= m->object->maps->len)
		return interp_stop(m, "a helper is called with 0x%" G_GINT64_MODIFIER "x for a map", address);
	*ret = &m->maps[index];
	map = (*ret)->map;
	if (!has_entries(map->type))
		return interp_stop(m, "map %s is of type %u, which is not modelled for that", map->name, map->type);
	if (!map->value_size || !key_size(*ret) || map->value_size > MAX_VALUE || map->key_size > MAX_KEY || (is_array(map->type) && map->key_size != 4))
		return interp_stop(m, "the sizes of map %s are not known", map->name);
	return 0;
}

/* ---------------------------------------------------------------- queues, stacks, bloom filters: kernel/bpf/queue_stack_maps.c, bloom_filter.c */

int queue_of(struct interp *m, uint64_t address, struct map_state **ret)
{
	uint64_t index = (address - KG_AT_MAP) >> 32;
	uint32_t type;

	if (address < KG_AT_MAP || (address & 0xffffffff) || index >= m->object->maps->len)
		return interp_stop(m, "a helper is called with 0x%" G_GINT64_MODIFIER "x for a map", address);
	*ret = &m->maps[index];
	type = (*ret)->map->type;
	if (type != BPF_MAP_TYPE_QUEUE && type != BPF_MAP_TYPE_STACK && type != BPF_MAP_TYPE_BLOOM_FILTER)
		return interp_stop(m, "map %s is no queue, stack or bloom filter", (*ret)->map->name);
	if (!(*ret)->map->value_size || (*ret)->map->value_size > MAX_VALUE)
		return interp_stop(m, "the sizes of map %s are not known", (*ret)->map->name);
	return 0;
}

gint64 queue_push(struct map_state *s, const guint8 *value, uint64_t flags)
{
	gboolean is_filter = s->map->type == BPF_MAP_TYPE_BLOOM_FILTER, is_full = s->queue->len >= s->map->max_entries;

	if (is_filter ? flags != BPF_ANY : flags & BPF_NOEXIST || flags > BPF_EXIST)
		return -EINVAL;
	if (!is_filter && is_full && !(flags & BPF_EXIST))
		return -E2BIG;
	if (!is_filter && is_full) /* the oldest goes */
		g_ptr_array_remove_index(s->queue, 0);
	g_ptr_array_add(s->queue, g_memdup2(value, s->map->value_size));
	return 0;
}

gint64 queue_pop(struct map_state *s, guint8 *value, gboolean removes)
{
	guint last = s->queue->len - 1, at = s->map->type == BPF_MAP_TYPE_STACK ? last : 0;

	if (s->map->type == BPF_MAP_TYPE_BLOOM_FILTER) {
		for (guint i = 0; i < s->queue->len; i++)
			if (!memcmp(s->queue->pdata[i], value, s->map->value_size))
				return 0;
		return removes ? -EOPNOTSUPP : -ENOENT;
	}
	if (!s->queue->len) {
		memset(value, 0, s->map->value_size);
		return -ENOENT;
	}
	memcpy(value, s->queue->pdata[at], s->map->value_size);
	if (removes)
		g_ptr_array_remove_index(s->queue, at);
	return 0;
}

static void begin_entry(struct interp *m, const struct kg_map_entry *from)
{
	struct map_state *s;
	struct map_entry *e;
	g_autofree guint8 *key = NULL;
	gsize n;
	const void *bytes;

	if (from->map < 0 || map_of(m, KG_AT_MAP + 0x100000000ull * (uint64_t)from->map, &s) < 0) {
		g_clear_pointer(&m->why, g_free); /* the run ends when it asks for that map */
		return;
	}
	key = g_malloc0(key_size(s));
	bytes = g_bytes_get_data(from->key, &n);
	if (n)
		memcpy(key, bytes, MIN(n, key_size(s)));
	e = s->map->type == BPF_MAP_TYPE_LPM_TRIE ? lookup(s, key) : map_find(m, s, key);
	if (!e && is_array(s->map->type))
		return;
	if (!e)
		e = add_entry(m, s, key, FALSE);
	bytes = g_bytes_get_data(from->value, &n);
	if (n)
		set_value(s, e, bytes, n);
}

void maps_begin(struct interp *m)
{
	m->maps = g_new0(struct map_state, m->object->maps->len + 1);
	for (guint i = 0; i < m->object->maps->len; i++) {
		m->maps[i] = (struct map_state){.map = m->object->maps->pdata[i], .index = (int)i};
		m->maps[i].queue = g_ptr_array_new_with_free_func(g_free);
		m->maps[i].entries = g_ptr_array_new_with_free_func(entry_free);
		m->maps[i].by_key = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
	}
	for (guint i = 0; m->world->entries && i < m->world->entries->len; i++)
		begin_entry(m, m->world->entries->pdata[i]);
}

static void end_entry(struct interp *m, const struct map_state *s, const struct map_entry *e)
{
	struct kg_map_entry *kept = g_new0(struct kg_map_entry, 1);

	if (memcmp(e->before, e->value->bytes, e->value->size)) {
		struct kg_bpf_effect *effect = effect_add(m, KG_BPF_MAP_SET, s->index);

		effect->pc = e->value->last_store;
		effect_set_key(effect, e->key, key_size(s));
		effect_set_value(effect, e->value->bytes, NULL, e->value->size);
	}
	kept->map = s->index;
	kept->key = g_bytes_new(e->key, key_size(s));
	kept->value = g_bytes_new(e->value->bytes, e->value->size);
	g_ptr_array_add(m->run->entries, kept);
}

void maps_end(struct interp *m)
{
	for (guint i = 0; i < m->object->maps->len; i++) {
		struct map_state *s = &m->maps[i];

		for (guint k = 0; k < s->entries->len; k++) {
			const struct map_entry *e = s->entries->pdata[k];

			if (!e->is_gone)
				end_entry(m, s, e);
		}
		g_ptr_array_unref(s->queue);
		g_ptr_array_unref(s->entries);
		g_hash_table_unref(s->by_key);
	}
	g_clear_pointer(&m->maps, g_free);
}
