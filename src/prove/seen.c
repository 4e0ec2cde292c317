/* See seen.h. Source of the numbers: bpftrace 0.17, src/async_event_types.h, src/async_action.h; checked against its objects. */
#include "seen.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>

#define STRLEN_BYTES 64 /* BPFTRACE_STRLEN */

/* Actions of bpftrace 0.17. */
enum {
	ACTION_PRINTF_END = 10000, /* below: the n-th printf */
	ACTION_SYSTEM_END = 20000, ACTION_CAT_END = 30000,
	ACTION_EXIT = 30000, ACTION_PRINT, ACTION_CLEAR, ACTION_ZERO, ACTION_TIME, ACTION_JOIN, ACTION_HELPER_ERROR, ACTION_PRINT_NON_MAP,
};

struct call_at {
	const struct kg_bt_node *call;
	const struct kg_bt_probe *probe;
};
struct seer {
	const struct kg_object *object;
	const struct kg_bt_program *program;
	struct kg_profile *profile;
	char *record;
	struct shapes *shapes;
	GArray *printfs, *prints; /* struct call_at, in the order of the text */
};

/* ---------------------------------------------------------------- the program's calls */

static gboolean note_call(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct seer *seer = userdata;
	struct call_at at = {node, probe};
	const struct kg_bt_node *first = kg_bt_kid(node, 0);

	(void)parent;
	if (node->kind != KG_BT_CALL || !probe)
		return TRUE;
	if (!strcmp(node->text, "printf"))
		g_array_append_val(seer->printfs, at);
	else if (!strcmp(node->text, "print") && first && (first->kind != KG_BT_MAP || kg_bt_n_kids(first)))
		g_array_append_val(seer->prints, at);
	return TRUE;
}

struct seer *seer_new(const struct kg_object *object, const struct kg_bt_program *program, const char *record, struct kg_profile *profile)
{
	struct seer *seer = g_new0(struct seer, 1);

	seer->object = object;
	seer->program = program;
	seer->profile = profile;
	seer->record = g_strdup(record);
	seer->printfs = g_array_new(FALSE, FALSE, sizeof(struct call_at));
	seer->prints = g_array_new(FALSE, FALSE, sizeof(struct call_at));
	if (program) {
		seer->shapes = shapes_new(program, profile, STRLEN_BYTES);
		kg_bt_walk(program, note_call, NULL, seer);
	}
	return seer;
}

struct seer *seer_free(struct seer *seer)
{
	if (!seer)
		return NULL;
	g_array_unref(seer->printfs);
	g_array_unref(seer->prints);
	shapes_free(seer->shapes);
	g_free(seer->record);
	g_free(seer);
	return NULL;
}

struct shapes *seer_shapes(struct seer *seer)
{
	return seer->shapes;
}

static void seen_free(gpointer p)
{
	struct seen *seen = p;

	g_free(seen->text);
	g_free(seen);
}

struct seen_all *seen_all_free(struct seen_all *all)
{
	if (!all)
		return NULL;
	g_ptr_array_unref(all->values);
	g_array_unref(all->changes);
	g_array_unref(all->actions);
	g_free(all->why_not);
	g_free(all);
	return NULL;
}

static struct seen *see(struct seen_all *all, enum seen_where where, const struct shape *shape, const struct kg_word *bytes, guint group)
{
	struct seen *seen = g_new0(struct seen, 1);

	*seen = (struct seen){.where = where, .shape = *shape, .bytes = bytes, .group = group, .is_signed = TRUE};
	g_ptr_array_add(all->values, seen);
	return seen;
}

static void cannot(struct seen_all *all, const char *fmt, const char *what)
{
	if (!all->why_not)
		all->why_not = g_strdup_printf(fmt, what);
}

static char *text_of(const struct kg_bt_node *node)
{
	GString *s = g_string_new(NULL);

	kg_bt_print_expr(node, s);
	return g_string_free(s, FALSE);
}

/* ---------------------------------------------------------------- values in a row */

static guint align(guint at, guint to)
{
	return to > 1 ? (at + to - 1) / to * to : at;
}

struct row {
	struct seer *seer;
	struct seen_all *all;
	const struct kg_bt_probe *probe;
	const struct kg_word *bytes;
	guint n, at, group;
	enum seen_where where;
};

/* The value of [node] stands next in the row. FALSE: it does not fit, nothing behind it is known. */
static gboolean take(struct row *row, const struct kg_bt_node *node, char conversion, const char *text)
{
	struct shape shape = shapes_of(row->seer->shapes, row->probe, node);
	struct seen *seen;

	if (shape.kind == SHAPE_UNKNOWN)
		return FALSE;
	row->at = align(row->at, shape.align);
	if (row->at + shape.size > row->n)
		return FALSE;
	if (shape.kind == SHAPE_TUPLE) {
		struct row inner = *row;
		for (guint i = 0; i < kg_bt_n_kids(shape.tuple); i++)
			if (!take(&inner, kg_bt_kid(shape.tuple, i), 0, NULL))
				return FALSE;
		row->at += shape.size;
		return TRUE;
	}
	seen = see(row->all, row->where, &shape, row->bytes + row->at, row->group);
	seen->node = node;
	seen->loc = node->loc;
	seen->text = text ? g_strdup(text) : text_of(node);
	seen->conversion = conversion;
	row->at += shape.size;
	return TRUE;
}

/* The conversions of a printf format: one letter each. */
static char *conversions(const char *format)
{
	GString *s = g_string_new(NULL);

	for (const char *p = format; *p; p++) {
		if (*p != '%')
			continue;
		if (*++p == '%')
			continue;
		while (*p && (strchr("-+ #0.*", *p) || g_ascii_isdigit(*p) || strchr("hlzjt", *p)))
			p++;
		if (!*p)
			break;
		g_string_append_c(s, *p);
	}
	return g_string_free(s, FALSE);
}

static void see_printf(struct seer *seer, struct seen_all *all, const struct kg_bpf_effect *effect, guint group, guint nth)
{
	const struct call_at *at = nth < seer->printfs->len ? &g_array_index(seer->printfs, struct call_at, nth) : NULL;
	struct row row = {seer, all, at ? at->probe : NULL, effect->value, effect->n_value, 8, group, SEEN_PRINTED};
	g_autofree char *format = NULL;

	if (!at) {
		cannot(all, "a record that no printf of the program makes%s", "");
		return;
	}
	all->n_records++;
	format = kg_bt_kid(at->call, 0)->kind == KG_BT_STRING ? conversions(kg_bt_kid(at->call, 0)->text) : g_strdup("");
	for (guint i = 1; i < kg_bt_n_kids(at->call); i++) {
		const struct kg_bt_node *arg = kg_bt_kid(at->call, i);
		if (!take(&row, arg, i - 1 < strlen(format) ? format[i - 1] : 0, NULL)) {
			g_autofree char *text = text_of(arg);
			cannot(all, "the value of %s in a record is not understood", text);
			return;
		}
	}
	if (align(row.at, 8) != effect->n_value && row.at != effect->n_value)
		cannot(all, "a record has another size than its values%s", "");
}

static uint64_t number_at(const struct kg_bpf_effect *effect, guint at, guint n, gboolean *is_known)
{
	uint64_t ret = 0;

	*is_known = at + n <= effect->n_value;
	for (guint i = 0; *is_known && i < n; i++) {
		*is_known = !effect->value[at + i].term;
		ret |= (effect->value[at + i].bits & 0xff) << (8 * i);
	}
	return ret;
}

guint seen_map_number_at(const struct kg_bpf_effect *record)
{
	gboolean is_known;
	uint64_t id = number_at(record, 0, 8, &is_known);

	return is_known && (id == ACTION_PRINT || id == ACTION_CLEAR || id == ACTION_ZERO) ? 8 : 0;
}

static void see_action(struct seer *seer, struct seen_all *all, const struct kg_bpf_effect *effect, guint group, uint64_t id)
{
	struct seen_action action = {.kind = SEEN_OTHER_ACTION, .map = -1, .group = group};
	gboolean is_known = FALSE;

	if (id == ACTION_EXIT)
		action.kind = SEEN_EXIT;
	else if (id == ACTION_PRINT || id == ACTION_CLEAR || id == ACTION_ZERO) {
		action.kind = id == ACTION_PRINT ? SEEN_PRINT_MAP : id == ACTION_CLEAR ? SEEN_CLEAR_MAP : SEEN_ZERO_MAP;
		action.map = (int)number_at(effect, 8, 4, &is_known);
		if (id == ACTION_PRINT)
			action.top = (uint32_t)number_at(effect, 12, 4, &is_known);
	} else if (id == ACTION_PRINT_NON_MAP) {
		uint64_t nth = number_at(effect, 8, 8, &is_known);
		const struct call_at *at = is_known && nth < seer->prints->len ? &g_array_index(seer->prints, struct call_at, nth) : NULL;
		struct row row = {seer, all, at ? at->probe : NULL, effect->value, effect->n_value, 16, group, SEEN_PRINTED};
		all->n_records++;
		if (!at || !take(&row, kg_bt_kid(at->call, 0), 0, NULL))
			cannot(all, "what a print() shows is not understood%s", "");
	} else if (id < ACTION_CAT_END || id == ACTION_JOIN) {
		all->n_records++; /* system(), cat(), join(): shown, and not looked into */
	}
	g_array_append_val(all->actions, action);
}

static void see_record(struct seer *seer, struct seen_all *all, const struct kg_bpf_effect *effect, guint group)
{
	gboolean is_known;
	uint64_t id = number_at(effect, 0, 8, &is_known);

	if (!is_known) {
		cannot(all, "a record whose kind is not a number%s", "");
		all->n_records++;
	} else if (id < ACTION_PRINTF_END) {
		see_printf(seer, all, effect, group, (guint)id);
	} else {
		see_action(seer, all, effect, group, id);
	}
}

/* ---------------------------------------------------------------- maps */

static guint suffix_of(enum kg_aggregate aggregate)
{
	switch (aggregate) {
	case KG_AGGREGATE_AVG: case KG_AGGREGATE_STATS: case KG_AGGREGATE_HIST: case KG_AGGREGATE_LHIST:
		return 8;
	default:
		return 0;
	}
}

static const struct kg_bt_probe *probe_of_node(struct seer *seer, const struct kg_bt_node *node)
{
	for (guint i = 0; i < seer->program->probes->len; i++) {
		const struct kg_bt_probe *probe = seer->program->probes->pdata[i];
		if (node->off >= probe->off && node->end <= probe->end)
			return probe;
	}
	return NULL;
}

/* The assignment in [probe] that writes this map; else any. */
struct finding {
	const char *name;
	const struct kg_bt_probe *probe;
	const struct kg_bt_node *best;
};
static gboolean find_write(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct finding *f = userdata;

	if (node->kind != KG_BT_MAP || strcmp(node->text, f->name) || !parent || probe != f->probe || f->best)
		return TRUE;
	if ((parent->kind == KG_BT_ASSIGN && kg_bt_kid(parent, 0) == node) || parent->kind == KG_BT_POSTFIX ||
	    (parent->kind == KG_BT_UNARY && (parent->op == KG_BT_INC || parent->op == KG_BT_DEC)))
		f->best = node;
	return TRUE;
}

static const struct kg_bt_node *node_of_map(struct seer *seer, const char *name, const struct kg_bt_probe *probe)
{
	struct finding f = {name, probe, NULL};

	if (probe)
		kg_bt_walk(seer->program, find_write, NULL, &f);
	return f.best ? f.best : shapes_map_node(seer->shapes, name);
}

static void see_keys(struct seer *seer, struct seen_all *all, const struct seen_change *change, const struct kg_bt_node *node, guint group)
{
	struct row row = {seer, all, probe_of_node(seer, node), change->key, change->n_key - change->n_suffix, 0, group, SEEN_KEY};

	for (guint i = 0; i < kg_bt_n_kids(node); i++)
		if (!take(&row, kg_bt_kid(node, i), 0, NULL)) {
			g_autofree char *text = text_of(kg_bt_kid(node, i));
			cannot(all, "the key %s is not understood", text);
			return;
		}
}

static void see_map(struct seer *seer, struct seen_all *all, const struct kg_bpf_effect *effect, guint group, const struct kg_bt_probe *probe,
		    seen_before_fn before, void *user)
{
	const struct kg_map *map = seer->object->maps->pdata[effect->map];
	const char *name = *map->name == '@' ? map->name + 1 : NULL;
	struct shape shape;
	const struct kg_bt_node *node;
	struct seen_change change = {.map = effect->map, .name = map->name, .group = group, .key = effect->key, .n_key = effect->n_key,
				     .after = effect->value, .n_value = effect->n_value, .is_deleted = effect->kind == KG_BPF_MAP_DELETE};

	if (!name || g_str_has_prefix(name, KG_BT_OWN_MAPS))
		return; /* bpftrace's own, or ours */
	shape = shapes_of_map(seer->shapes, name);
	node = node_of_map(seer, name, probe);
	change.is_scratch = shapes_is_scratch(seer->shapes, name);
	change.aggregate = shape.aggregate;
	change.n_suffix = MIN(suffix_of(shape.aggregate), effect->n_key);
	change.loc = node ? node->loc : (struct kg_loc){0};
	change.was_there = before(user, effect->map, effect->key, effect->n_key, &change.before);
	if (effect->kind == KG_BPF_MAP_LOOK) { /* the entry stays as it was */
		if (change.was_there != KG_YES || (change.aggregate != KG_AGGREGATE_MAX && change.aggregate != KG_AGGREGATE_MIN))
			return;
		change.after = change.before;
		change.n_value = map->value_size;
		change.is_unchanged = TRUE;
	}
	g_array_append_val(all->changes, change);
	if (change.is_scratch || change.is_deleted)
		return;
	if (node)
		see_keys(seer, all, &change, node, group);
	if (change.aggregate == KG_AGGREGATE_NONE && shape.kind != SHAPE_UNKNOWN && shape.size <= effect->n_value) {
		struct row row = {seer, all, probe, effect->value, effect->n_value, 0, group, SEEN_VALUE};
		const struct kg_bt_node stand_in = {.kind = KG_BT_MAP, .text = (char *)name, .loc = change.loc};
		if (!take(&row, &stand_in, 0, map->name))
			cannot(all, "the value of %s is not understood", map->name);
		for (guint i = 0; i < all->values->len; i++) /* the stand-in does not live on */
			if (((struct seen *)all->values->pdata[i])->node == &stand_in)
				((struct seen *)all->values->pdata[i])->node = node;
	}
}

/* ---------------------------------------------------------------- C programs */

struct kg_loc seer_line(struct seer *seer, guint program, guint pc)
{
	const struct kg_bpf_program *p = seer->object->programs->pdata[program];
	struct kg_loc loc = {0};

	for (guint i = 0; !seer->program && p->lines && i < p->lines->len; i++) {
		const struct kg_insn_line *line = &g_array_index(p->lines, struct kg_insn_line, i);
		if (line->pc <= pc)
			loc = (struct kg_loc){.line = (int)line->line, .col = (int)line->col};
	}
	return loc;
}

/* Where a record's struct is: its values, one by one, as BTF says. */
struct c_row {
	struct seen_all *all;
	const struct btf *btf;
	const struct kg_bpf_effect *effect;
	guint group;
	struct kg_loc loc;
};

static void c_leaf(struct c_row *row, const char *path, guint at, guint size, enum shape_kind kind, gboolean is_signed)
{
	struct shape shape = {.kind = kind, .size = size, .align = 1};
	struct seen *seen;

	if (!size || at + size > row->effect->n_value)
		return;
	seen = see(row->all, SEEN_PRINTED, &shape, row->effect->value + at, row->group);
	seen->is_signed = is_signed;
	seen->loc = row->loc;
	seen->text = g_strdup(path);
}

static const struct btf_type *plain_type(const struct btf *btf, guint id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_typedef(t) || btf_is_mod(t)))
		t = btf__type_by_id(btf, t->type);
	return t;
}

static void c_value(struct c_row *row, guint id, const char *path, guint at, int depth)
{
	const struct btf_type *t = plain_type(row->btf, id), *element;

	if (!t || depth > 8)
		return;
	if (btf_is_composite(t)) {
		const struct btf_member *m = btf_members(t);
		for (guint i = 0; i < btf_vlen(t); i++) {
			const char *name = btf__name_by_offset(row->btf, m[i].name_off);
			g_autofree char *inner = *path && name && *name ? g_strdup_printf("%s.%s", path, name) : g_strdup(name && *name ? name : path);
			if (!btf_member_bitfield_size(t, i))
				c_value(row, m[i].type, inner, at + btf_member_bit_offset(t, i) / 8, depth + 1);
		}
	} else if (btf_is_array(t)) {
		guint n = btf_array(t)->nelems;
		element = plain_type(row->btf, btf_array(t)->type);
		if (element && btf_is_int(element) && element->size == 1)
			c_leaf(row, path, at, n, btf_int_encoding(element) & BTF_INT_SIGNED || n != 16 ? SHAPE_TEXT : SHAPE_BYTES, FALSE);
		else
			for (guint i = 0; element && i < n && i < 64; i++) {
				g_autofree char *inner = g_strdup_printf("%s[%u]", path, i);
				c_value(row, btf_array(t)->type, inner, at + i * element->size, depth + 1);
			}
	} else if (btf_is_int(t) || btf_is_any_enum(t)) {
		c_leaf(row, path, at, t->size, SHAPE_INT, btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED);
	} else if (btf_is_ptr(t)) {
		c_leaf(row, path, at, 8, SHAPE_INT, FALSE);
	}
}

/* The struct that a record is: the one that the contract names, else the only one of its size that is no map's or the kernel's. */
static guint record_type(struct seer *seer, guint size)
{
	const struct btf *btf = seer->object->btf;
	const char *wanted = seer->record && g_str_has_prefix(seer->record, "struct ") ? seer->record + 7 : NULL;
	guint found = 0, n = 0;

	for (guint id = 1; btf && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = btf_is_struct(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
		if (!name || !*name || t->size != size)
			continue;
		if (wanted ? !strcmp(name, wanted) : TRUE) {
			found = id;
			n++;
		}
		if (!wanted && (strstr(name, "event") || strstr(name, "record")))
			return id;
	}
	return n == 1 ? found : 0;
}

static void see_c_value(struct seer *seer, struct seen_all *all, const struct kg_bpf_effect *effect, guint group, guint program)
{
	struct c_row row = {all, seer->object->btf, effect, group, seer_line(seer, program, effect->pc ? effect->pc - 1 : 0)};
	guint id = record_type(seer, effect->n_value);

	all->n_records++;
	if (id)
		c_value(&row, id, "", 0, 0);
	else
		cannot(all, "the layout of a record is not known: say its struct with `record:` in the contract%s", "");
}

/* ---------------------------------------------------------------- all of it */

static gboolean is_of_map(const struct kg_bpf_effect *effect)
{
	return effect->kind == KG_BPF_MAP_SET || effect->kind == KG_BPF_MAP_DELETE || effect->kind == KG_BPF_MAP_LOOK;
}

/* A later change of the same entry takes the place of an earlier one. */
static gboolean is_overtaken(const GPtrArray *effects, guint i)
{
	const struct kg_bpf_effect *effect = effects->pdata[i];

	for (guint k = i + 1; k < effects->len; k++) {
		const struct kg_bpf_effect *later = effects->pdata[k];
		gboolean is_same = is_of_map(later) && (later->kind != KG_BPF_MAP_LOOK || effect->kind == KG_BPF_MAP_LOOK) &&
				   later->map == effect->map && later->n_key == effect->n_key;
		for (guint b = 0; is_same && b < effect->n_key; b++)
			is_same = later->key[b].term == effect->key[b].term && (later->key[b].term || later->key[b].bits == effect->key[b].bits);
		if (is_same)
			return TRUE;
	}
	return FALSE;
}

const struct kg_bt_probe *seer_probe(struct seer *seer, guint program)
{
	const struct kg_bpf_program *p = seer->object->programs->pdata[program];

	for (guint i = 0; seer->program && i < seer->program->probes->len; i++) {
		const struct kg_bt_probe *probe = seer->program->probes->pdata[i];
		for (guint k = 0; k < probe->attach->len; k++) {
			const struct kg_bt_attach *attach = probe->attach->pdata[k];
			const char *colon = p->attach ? strchr(p->attach, ':') : NULL;
			const char *target = colon ? colon + 1 : "";
			if (attach->kind == p->kind &&
			    (attach->is_wildcard ? g_pattern_match_simple(attach->target, target) : !strcmp(attach->target, target)))
				return probe;
		}
	}
	return NULL;
}

/*
 * What a C program leaves in maps, or writes into the trace log or the file of an iterator: which of it a user reads, and how, stands nowhere. Marks
 * (kgent/bpf_assert.h) are no part of it.
 */
static gboolean is_kept_in_c(const struct seer *seer, const struct kg_bpf_effect *effect)
{
	const struct kg_map *map = effect->map >= 0 ? seer->object->maps->pdata[effect->map] : NULL;
	uint64_t helper = effect->kind == KG_BPF_OTHER && !effect->number.term ? effect->number.bits : 0;

	if (seer->program)
		return FALSE;
	if (effect->kind == KG_BPF_PRINTK || helper == BPF_FUNC_seq_write || helper == BPF_FUNC_seq_printf)
		return TRUE;
	return map && (effect->kind == KG_BPF_MAP_SET || effect->kind == KG_BPF_MAP_DELETE || helper == BPF_FUNC_map_push_elem) &&
	       !strstr(map->name, ".data.kg");
}

struct seen_all *seer_look(struct seer *seer, guint program, const GPtrArray *effects, seen_before_fn before, void *user)
{
	struct seen_all *all = g_new0(struct seen_all, 1);
	const struct kg_bt_probe *probe = seer_probe(seer, program);
	gboolean keeps = FALSE;

	all->values = g_ptr_array_new_with_free_func(seen_free);
	all->changes = g_array_new(FALSE, TRUE, sizeof(struct seen_change));
	all->actions = g_array_new(FALSE, TRUE, sizeof(struct seen_action));
	for (guint i = 0; i < effects->len; i++) {
		const struct kg_bpf_effect *effect = effects->pdata[i];
		if (effect->kind == KG_BPF_RECORD && seer->program)
			see_record(seer, all, effect, i);
		else if (effect->kind == KG_BPF_RECORD)
			see_c_value(seer, all, effect, i, program);
		else if (is_of_map(effect) && seer->program && !is_overtaken(effects, i))
			see_map(seer, all, effect, i, probe, before, user);
		keeps |= is_kept_in_c(seer, effect);
	}
	if (keeps && !seen_anything(all))
		cannot(all, "what a C program leaves in maps and variables, or in the trace log, is not taken apart%s", "");
	return all;
}

static gpointer seen_copy(gconstpointer p, gpointer user)
{
	struct seen *copy = g_memdup2(p, sizeof(struct seen));

	(void)user;
	copy->text = g_strdup(copy->text);
	return copy;
}

struct seen_all *seen_all_copy(const struct seen_all *all)
{
	struct seen_all *copy = g_memdup2(all, sizeof(*all));

	copy->values = g_ptr_array_copy(all->values, seen_copy, NULL);
	g_ptr_array_set_free_func(copy->values, seen_free);
	copy->changes = g_array_copy(all->changes);
	copy->actions = g_array_copy(all->actions);
	copy->why_not = g_strdup(all->why_not);
	return copy;
}

void seen_all_join(struct seen_all *all, struct seen_all *more)
{
	const guint apart = 1u << 16; /* groups of different runs are different */
	guint base = all->values->len || all->changes->len ? apart : 0;

	for (guint i = 0; i < all->values->len; i++)
		base = MAX(base, (((struct seen *)all->values->pdata[i])->group / apart + 1) * apart);
	g_ptr_array_set_free_func(more->values, NULL);
	for (guint i = 0; i < more->values->len; i++) {
		struct seen *seen = more->values->pdata[i];
		seen->group += base;
		g_ptr_array_add(all->values, seen);
	}
	for (guint i = 0; i < more->changes->len; i++) {
		struct seen_change change = g_array_index(more->changes, struct seen_change, i);
		change.group += base;
		g_array_append_val(all->changes, change);
	}
	g_array_append_vals(all->actions, more->actions->data, more->actions->len);
	all->n_records += more->n_records;
	if (!all->why_not)
		all->why_not = g_steal_pointer(&more->why_not);
	seen_all_free(more);
}

gboolean seen_anything(const struct seen_all *all)
{
	if (all->n_records)
		return TRUE;
	for (guint i = 0; i < all->changes->len; i++) {
		const struct seen_change *change = &g_array_index(all->changes, struct seen_change, i);
		if (!change->is_scratch && !change->is_deleted)
			return TRUE;
	}
	return FALSE;
}
