/*
 * Maps: a log of entries on each path, the newest first, over what the maps held before.
 *
 * Whether an entry was there, and what it held, is a function of its key: an unknown one, named after the map, so that asking twice gives
 * the same. Two keys that may be equal or not make the path decide.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#define MARKS ".data.kg" /* kgent/bpf_assert.h: marks of one run, no memory of earlier ones */
#define ELAPSED "elapsed" /* bpftrace's map with the time at which tracing began; its BEGIN has set it before any event */
#define MAX_KEY 1024
#define MAX_VALUE 65536

static const struct kg_map *shape(const struct kg_state *s, int map)
{
	return map >= 0 && (guint)map < s->object->maps->len ? s->object->maps->pdata[map] : NULL;
}

int sx_map_of(struct kg_state *s, struct kg_word pointer, int *ret)
{
	uint64_t index;

	if (pointer.term || pointer.bits < KG_AT_MAP)
		return state_end(s, "a map that is not known");
	index = (pointer.bits - KG_AT_MAP) / 0x100000000ull;
	if (index >= s->object->maps->len)
		return state_end(s, "map %" G_GUINT64_FORMAT " is not in the object", index);
	*ret = (int)index;
	return 0;
}

static gboolean is_array(const struct kg_map *m)
{
	return m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* An update writes into the value that is there; other maps put a new one in its place. Source: pcpu_copy_value(), array_map_update_elem(). */
static gboolean is_updated_in_place(const struct kg_map *m)
{
	return is_array(m) || m->type == BPF_MAP_TYPE_PERCPU_HASH || m->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* The kernel makes one for each group that a program is attached to. */
static gboolean is_always_there(const struct kg_map *m)
{
	return m->type == BPF_MAP_TYPE_CGROUP_STORAGE || m->type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE || !strcmp(m->name, ELAPSED);
}

/* Maps whose entries are no values that a key alone finds. */
static int check_kind(struct kg_state *s, int map, gboolean changes)
{
	const struct kg_map *m = shape(s, map);

	if (m->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || m->type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return state_end(s, "which map lies in %s is not known", m->name);
	if (m->type != BPF_MAP_TYPE_LPM_TRIE)
		return 0;
	if (changes)
		return state_end(s, "a change of %s, which is searched by prefixes", m->name);
	return 0;
}

/* ---------------------------------------------------------------- keys */

static struct kg_word keys_equal(struct kg_symex *x, const struct kg_word *a, const struct kg_word *b, guint n)
{
	struct kg_word ret = KG_WORD(1);

	for (guint i = 0; i < n; i += 8) {
		guint k = MIN(8, n - i);
		struct kg_word left = sx_join(x, a + i, k), right = sx_join(x, b + i, k);

		if (word_same(left, right))
			continue;
		ret = sx_and(x, ret, sx_op(x, KG_OP_EQ, 8 * k, left, right));
		if (!ret.term && !ret.bits)
			return ret;
	}
	return ret;
}

static int read_key(struct kg_state *s, int map, struct kg_word at, struct kg_word **ret, guint *ret_n)
{
	const struct kg_map *m = shape(s, map);
	struct kg_word *key;
	int r;

	if (!m->key_size || m->key_size > MAX_KEY)
		return state_end(s, "the size of %s's keys is not known", *m->name ? m->name : "a map");
	key = g_new0(struct kg_word, m->key_size);
	g_ptr_array_add(s->x->owned, key);
	r = mem_load_bytes(s, at, m->key_size, key, NULL);
	*ret = key;
	*ret_n = m->key_size;
	return r;
}

/* A function of the map and the key. */
static struct kg_word of_key(struct kg_symex *x, int map, const char *what, const struct kg_word *key, guint n)
{
	struct kg_word parts[MAX_KEY / 8];
	unsigned widths[MAX_KEY / 8];
	guint k = 0;
	g_autofree char *name = g_strdup_printf("%s of map %d", what, map);

	for (guint i = 0; i < n; i += 8, k++) {
		widths[k] = 8 * MIN(8, n - i);
		parts[k] = sx_join(x, key + i, MIN(8, n - i));
	}
	return solver_token(x->solver, name, parts, widths, k);
}

/* ---------------------------------------------------------------- entries */

static guint value_region(struct kg_state *s, int map)
{
	const struct kg_map *m = shape(s, map);
	guint n = CLAMP(m->value_size, 1, MAX_VALUE);
	guint region = state_region_new(s, REGION_VALUE, s->next_value, n);

	s->next_value += (n + 4096 + 7) & ~7ull;
	state_region(s, region)->map = map;
	state_region(s, region)->is_constant = m->is_constant;
	return region;
}

static guint entry_add(struct kg_state *s, int map, struct kg_word *key, guint n_key, gboolean is_present)
{
	struct entry entry = {.map = map, .key = key, .n_key = n_key, .is_present = is_present, .run = s->run};

	if (is_present)
		entry.region = value_region(s, map);
	g_array_append_val(s->entries, entry);
	if (is_present)
		state_region(s, entry.region)->entry = s->entries->len - 1;
	return s->entries->len - 1;
}

static void name_value(struct kg_symex *x, struct kg_word token, const char *map, guint at)
{
	struct kg_input *input;

	if (g_hash_table_contains(x->input_of, token.term))
		return;
	input = g_new0(struct kg_input, 1);
	input->name = at ? g_strdup_printf("what %s held before, byte %u", map, at) : g_strdup_printf("what %s held before", map);
	input->width = 64;
	input->word = token;
	g_ptr_array_add(x->inputs, input);
	g_hash_table_insert(x->input_of, token.term, input);
}

static void fill_before(struct kg_state *s, guint entry_index)
{
	struct entry *entry = &g_array_index(s->entries, struct entry, entry_index);
	const struct kg_map *m = shape(s, entry->map);
	struct cells *cells = state_writable(s, entry->region);
	gsize n_initial = 0;
	/* what earlier events can have changed begins with the file's bytes only when tracing begins */
	gboolean is_initial = m->initial && (m->is_constant || s->first == KG_MAPS_EMPTY || strstr(m->name, MARKS));
	const guint8 *initial = is_initial ? g_bytes_get_data(m->initial, &n_initial) : NULL;

	for (guint at = 0; at < cells->n; at += 8) {
		guint n = MIN(8, cells->n - at);
		struct kg_word word = KG_WORD(0);

		if (!initial && (s->first == KG_MAPS_ANY || !strcmp(m->name, ELAPSED))) {
			g_autofree char *what = g_strdup_printf("byte %u", at);
			word = of_key(s->x, entry->map, what, entry->key, entry->n_key);
			name_value(s->x, word, *m->name ? m->name : "a map", at);
			if (n < 8)
				word = sx_extract(s->x, word, 8 * n - 1, 0);
		}
		for (guint i = 0; initial && i < n && at + i < n_initial; i++)
			word.bits |= (uint64_t)initial[at + i] << (8 * i);
		for (guint i = 0; i < n; i++)
			cells->cell[at + i] = (struct cell){.value = word, .n_value = (guint8)n, .index = (guint8)i, .is_set = TRUE};
	}
	cells->refs++;
	entry->before = cells;
	entry->was_present = TRUE;
}

/* What the map held before all that this path knows. */
static int find_before(struct kg_state *s, int map, struct kg_word *key, guint n_key, guint *ret_entry, gboolean *ret_is_present)
{
	struct kg_symex *x = s->x;
	const struct kg_map *m = shape(s, map);
	gboolean is_there = FALSE;
	int r;

	if (is_array(m)) {
		struct kg_word index = sx_join(x, key, MIN(n_key, 8));
		r = state_decide(s, sx_op(x, KG_OP_ULT, 8 * MIN(n_key, 8), index, KG_WORD(MAX(m->max_entries, 1))), &is_there);
	} else if (is_always_there(m)) {
		is_there = TRUE;
		r = 0;
	} else if (s->first == KG_MAPS_EMPTY) {
		r = 0;
	} else {
		struct kg_word token = of_key(s->x, map, "presence", key, n_key);
		r = state_decide(s, sx_extract(x, token, 0, 0), &is_there);
	}
	if (r)
		return r;
	*ret_entry = entry_add(s, map, key, n_key, is_there);
	g_array_index(s->entries, struct entry, *ret_entry).is_from_before = TRUE;
	if (is_there)
		fill_before(s, *ret_entry);
	*ret_is_present = is_there;
	return 0;
}

int sx_map_find(struct kg_state *s, int map, const struct kg_word *key, guint n_key, guint *ret_entry, gboolean *ret_is_present)
{
	struct kg_word *own;

	if (!shape(s, map))
		return state_end(s, "map %d is not in the object", map);
	for (guint i = s->entries->len; i-- > 0;) {
		const struct entry *entry = &g_array_index(s->entries, struct entry, i);
		gboolean is_same;
		int r;

		if (entry->map != map || entry->n_key != n_key)
			continue;
		r = state_decide(s, keys_equal(s->x, key, entry->key, n_key), &is_same);
		if (r == 0 && !is_same && shape(s, map)->type == BPF_MAP_TYPE_LPM_TRIE)
			r = state_end(s, "two addresses are looked up in %s, and can meet in one prefix", shape(s, map)->name);
		if (r)
			return r;
		if (is_same) {
			*ret_entry = i;
			*ret_is_present = entry->is_present;
			return 0;
		}
	}
	own = g_memdup2(key, n_key * sizeof(*key));
	g_ptr_array_add(s->x->owned, own);
	return find_before(s, map, own, n_key, ret_entry, ret_is_present);
}

/* ---------------------------------------------------------------- helpers */

int sx_map_lookup(struct kg_state *s, int map, struct kg_word key_at, struct kg_word *ret)
{
	struct kg_word *key;
	struct kg_bpf_effect *effect;
	guint n, entry;
	gboolean is_present;
	int r = check_kind(s, map, FALSE);

	if (r == 0)
		r = read_key(s, map, key_at, &key, &n);
	if (r == 0)
		r = sx_map_find(s, map, key, n, &entry, &is_present);
	if (r)
		return r;
	effect = state_effect(s, KG_BPF_MAP_LOOK, map);
	effect->key = key;
	effect->n_key = n;
	*ret = KG_WORD(0);
	if (is_present) {
		guint region = g_array_index(s->entries, struct entry, entry).region;
		ret->bits = state_region(s, region)->base;
		ret->region = region;
	}
	return 0;
}

/* What the entry holds now, so that a later change of it is seen. */
static void remember(struct entry *entry, struct cells *cells)
{
	cells_unref(entry->before);
	entry->before = cells;
	if (cells)
		cells->refs++;
}

/* Does this path know an entry of the map that is there? Only then can a pointer to its value be about. */
static gboolean knows_entry(const struct kg_state *s, int map)
{
	for (guint i = 0; i < s->entries->len; i++) {
		const struct entry *entry = &g_array_index(s->entries, struct entry, i);

		if (entry->map == map && entry->is_present)
			return TRUE;
	}
	return FALSE;
}

/* 0 and *ret_known: which entry is to be written, -1: a new one. 1: the kernel refuses with *ret. */
static int before_update(struct kg_state *s, int map, const struct kg_word *key, guint n, uint64_t flags, int *ret_known, struct kg_word *ret)
{
	const struct kg_map *m = shape(s, map);
	gboolean is_present;
	guint known;
	int r;

	*ret_known = -1;
	flags &= ~(uint64_t)BPF_F_LOCK;
	if (flags > BPF_EXIST) {
		*ret = KG_WORD((uint64_t)-EINVAL);
		return 1;
	}
	if (flags == BPF_ANY && !is_array(m) && !(is_updated_in_place(m) && knows_entry(s, map)))
		return 0;
	r = sx_map_find(s, map, key, n, &known, &is_present);
	if (r)
		return r;
	if (is_array(m) && !is_present)
		*ret = KG_WORD((uint64_t)-E2BIG);
	else if (flags == BPF_NOEXIST && is_present)
		*ret = KG_WORD((uint64_t)-EEXIST);
	else if (flags == BPF_EXIST && !is_present)
		*ret = KG_WORD((uint64_t)-ENOENT);
	if (ret->bits)
		return 1;
	if (is_present && is_updated_in_place(m))
		*ret_known = (int)known;
	return 0;
}

/* Whole words stay whole: cell by cell where the source is memory of the program. */
static int copy_value(struct kg_state *s, guint region, struct kg_word value_at, const struct kg_bpf_effect *effect)
{
	uint64_t at;
	struct region *source = mem_region_at(s, value_at, effect->n_value, &at);
	struct cells *to;

	if (!source)
		return mem_store_bytes(s, KG_WORD(state_region(s, region)->base), effect->n_value, effect->value);
	source->cells->refs++; /* the value may be its own source */
	struct cells *from = source->cells;
	to = state_writable(s, region);
	memcpy(to->cell, &from->cell[at], effect->n_value * sizeof(to->cell[0]));
	cells_unref(from);
	return 0;
}

int sx_map_set(struct kg_state *s, int map, struct kg_word key_at, struct kg_word value_at, uint64_t flags, struct kg_word *ret)
{
	const struct kg_map *m = shape(s, map);
	struct kg_word *key;
	struct kg_bpf_effect *effect;
	struct entry entry = {.map = map, .is_present = TRUE, .run = s->run};
	guint n;
	int known, r = check_kind(s, map, TRUE);

	*ret = KG_WORD(0);
	if (r == 0)
		r = read_key(s, map, key_at, &key, &n);
	if (r)
		return r;
	if (!m->value_size || m->value_size > MAX_VALUE)
		return state_end(s, "the size of %s's values is not known", *m->name ? m->name : "a map");
	r = before_update(s, map, key, n, flags, &known, ret);
	if (r)
		return MIN(r, 0);
	effect = state_effect(s, KG_BPF_MAP_SET, map);
	effect->key = key;
	effect->n_key = n;
	effect->n_value = m->value_size;
	effect->value = g_new0(struct kg_word, effect->n_value);
	g_ptr_array_add(s->x->owned, effect->value);
	effect->is_set = g_new0(guint8, effect->n_value);
	g_ptr_array_add(s->x->owned, effect->is_set);
	r = mem_load_bytes(s, value_at, effect->n_value, effect->value, effect->is_set);
	if (r)
		return r;
	/* a new entry in any case, so that what was there before stays known; in place: over the same memory */
	entry.key = known < 0 ? key : g_array_index(s->entries, struct entry, known).key;
	entry.n_key = n;
	entry.region = known < 0 ? value_region(s, map) : g_array_index(s->entries, struct entry, known).region;
	g_array_append_val(s->entries, entry);
	state_region(s, entry.region)->entry = s->entries->len - 1;
	r = copy_value(s, entry.region, value_at, effect);
	remember(&g_array_index(s->entries, struct entry, s->entries->len - 1), state_region(s, entry.region)->cells);
	return r;
}

/* 0 if there is one to delete, -ENOENT if not; where the path can't tell, either of them. */
static struct kg_word deleted(struct kg_state *s, int map, const struct kg_word *key, guint n)
{
	struct kg_symex *x = s->x;
	struct kg_word none = KG_WORD((uint64_t)-ENOENT), is_there = KG_WORD(0);

	if (is_array(shape(s, map)))
		return KG_WORD((uint64_t)-EINVAL);
	if (s->first == KG_MAPS_ANY)
		is_there = sx_extract(x, of_key(x, map, "presence", key, n), 0, 0);
	for (guint i = 0; i < s->entries->len; i++) { /* from the oldest on: the newest that is of this key counts */
		const struct entry *entry = &g_array_index(s->entries, struct entry, i);

		if (entry->map == map && entry->n_key == n)
			is_there = sx_select(x, keys_equal(x, key, entry->key, n), 1, KG_WORD(entry->is_present), is_there);
	}
	return sx_select(x, is_there, 64, KG_WORD(0), none);
}

static void delete_key(struct kg_state *s, int map, struct kg_word *key, guint n, struct kg_word *ret)
{
	struct kg_bpf_effect *effect;

	*ret = deleted(s, map, key, n);
	if (is_array(shape(s, map)))
		return;
	effect = state_effect(s, KG_BPF_MAP_DELETE, map);
	effect->key = key;
	effect->n_key = n;
	entry_add(s, map, key, n, FALSE);
}

int sx_map_delete(struct kg_state *s, int map, struct kg_word key_at, struct kg_word *ret)
{
	struct kg_word *key;
	guint n;
	int r = check_kind(s, map, TRUE);

	if (r == 0)
		r = read_key(s, map, key_at, &key, &n);
	if (r == 0)
		delete_key(s, map, key, n, ret);
	return r;
}

static struct kg_word *key_of_object(struct kg_state *s, struct kg_word object)
{
	struct kg_word *key = g_new0(struct kg_word, 8);

	g_ptr_array_add(s->x->owned, key);
	for (guint i = 0; i < 8; i++)
		key[i] = sx_extract(s->x, object, 8 * i + 7, 8 * i);
	return key;
}

int sx_map_storage_delete(struct kg_state *s, int map, struct kg_word object, struct kg_word *ret)
{
	delete_key(s, map, key_of_object(s, object), 8, ret);
	return 0;
}

int sx_map_storage(struct kg_state *s, int map, struct kg_word object, gboolean creates, struct kg_word value_at, struct kg_word *ret)
{
	struct kg_word *key = key_of_object(s, object);
	const struct kg_map *m = shape(s, map);
	guint found;
	gboolean is_present;
	int r;

	*ret = KG_WORD(0);
	r = state_decide(s, sx_op(s->x, KG_OP_EQ, 64, object, KG_WORD(0)), &is_present);
	if (r || is_present) /* of no object: NULL */
		return r;
	r = sx_map_find(s, map, key, 8, &found, &is_present);
	if (r)
		return r;
	if (!is_present && !creates)
		return 0;
	if (!is_present) {
		found = entry_add(s, map, key, 8, TRUE);
		struct cells *cells = state_writable(s, g_array_index(s->entries, struct entry, found).region);
		g_autofree struct kg_word *value = g_new0(struct kg_word, cells->n); /* zeros */
		if (value_at.term || value_at.bits)
			r = mem_load_bytes(s, value_at, MIN(m->value_size, cells->n), value, NULL);
		if (r)
			return r;
		r = mem_store_bytes(s, KG_WORD(state_region(s, g_array_index(s->entries, struct entry, found).region)->base), cells->n, value);
		if (r)
			return r;
	}
	ret->region = g_array_index(s->entries, struct entry, found).region;
	ret->bits = state_region(s, ret->region)->base;
	return 0;
}

/* ---------------------------------------------------------------- runs */

void sx_map_begin_run(struct kg_state *s)
{
	for (guint i = 0; i < s->entries->len; i++) {
		struct entry *entry = &g_array_index(s->entries, struct entry, i);

		entry->was_present = entry->is_present;
		remember(entry, entry->is_present ? state_region(s, entry->region)->cells : NULL);
	}
}

static gboolean is_changed(struct kg_symex *x, struct cells *before, struct cells *after)
{
	if (before == after)
		return FALSE;
	for (guint i = 0; i < after->n; i++)
		if (!word_same(cells_byte(x, before, i), cells_byte(x, after, i)))
			return TRUE;
	return FALSE;
}

static gboolean same_key(const struct entry *entry, const struct kg_word *key, guint n_key)
{
	if (entry->n_key != n_key)
		return FALSE;
	for (guint i = 0; i < n_key; i++)
		if (!word_same(entry->key[i], key[i]))
			return FALSE;
	return TRUE;
}

/* Was the entry set anew or deleted after it was made? Its value can still be reached, but is no more in the map. */
static gboolean is_replaced(const struct kg_state *s, guint entry)
{
	const struct entry *old = &g_array_index(s->entries, struct entry, entry);

	for (guint i = entry + 1; i < s->entries->len; i++) {
		const struct entry *new = &g_array_index(s->entries, struct entry, i);

		if (new->map == old->map && !new->is_from_before && same_key(new, old->key, old->n_key))
			return TRUE;
	}
	return FALSE;
}

/* What was stored through a pointer to a value, since the run began or since the entry was set in it. */
void sx_map_end_run(struct kg_state *s)
{
	for (guint i = 0; i < s->entries->len; i++) {
		struct entry *entry = &g_array_index(s->entries, struct entry, i);
		struct cells *after = entry->is_present ? state_region(s, entry->region)->cells : NULL;
		struct kg_bpf_effect *effect;

		if (!after || !entry->before || is_replaced(s, i) || !is_changed(s->x, entry->before, after))
			continue;
		effect = state_effect(s, KG_BPF_MAP_SET, entry->map);
		effect->key = entry->key;
		effect->n_key = entry->n_key;
		effect->n_value = after->n;
		effect->value = g_new0(struct kg_word, after->n);
		g_ptr_array_add(s->x->owned, effect->value);
		for (guint k = 0; k < after->n; k++)
			effect->value[k] = cells_byte(s->x, after, k);
	}
}

enum kg_answer kg_symex_before(const struct kg_path *path, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret, guint *ret_n)
{
	struct kg_state *s = path->state;

	for (guint i = s->entries->len; i-- > 0;) {
		const struct entry *entry = &g_array_index(s->entries, struct entry, i);
		struct kg_word *bytes;

		if (entry->map != map || (entry->run == s->run && !entry->is_from_before) || !same_key(entry, key, n_key))
			continue;
		if (!entry->was_present || !entry->before)
			return KG_NO;
		bytes = g_new(struct kg_word, entry->before->n);
		g_ptr_array_add(s->x->owned, bytes);
		for (guint k = 0; k < entry->before->n; k++)
			bytes[k] = cells_byte(s->x, entry->before, k);
		*ret = bytes;
		*ret_n = entry->before->n;
		return KG_YES;
	}
	return KG_UNKNOWN;
}

struct kg_word kg_symex_began(struct kg_symex *x, const struct kg_object *object)
{
	struct kg_word key[8] = {{0}};

	for (guint i = 0; i < object->maps->len; i++) {
		const struct kg_map *m = object->maps->pdata[i];
		if (!strcmp(m->name, ELAPSED))
			return of_key(x, (int)i, "byte 0", key, CLAMP(m->key_size, 1, sizeof(key) / sizeof(key[0])));
	}
	return solver_token(x->solver, "when tracing began", NULL, NULL, 0);
}
