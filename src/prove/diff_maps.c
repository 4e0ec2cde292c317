/*
 * Which map of one program is which of another: the one of the same name and shape; and where on both sides one of a shape is left over, these.
 *
 * The second object is then numbered as the first one, so that what a map held before is the same word in both.
 */
#include "diff.h"

#include <string.h>

static gboolean is_own(const struct kg_map *map)
{
	return *map->name != '@'; /* bpftrace's */
}

static struct shape shape_of(const struct diff_side *side, const struct kg_map *map)
{
	return shapes_of_map(seer_shapes(side->seer), map->name + 1);
}

gboolean diff_aggregates_alike(enum kg_aggregate a, enum kg_aggregate b)
{
	return a == b || ((a == KG_AGGREGATE_COUNT || a == KG_AGGREGATE_SUM) && (b == KG_AGGREGATE_COUNT || b == KG_AGGREGATE_SUM));
}

static gboolean same_shape(const struct diff_side *a, const struct kg_map *m, const struct diff_side *b, const struct kg_map *n)
{
	if (m->type != n->type || m->key_size != n->key_size || m->value_size != n->value_size)
		return FALSE;
	if (is_own(m) || is_own(n))
		return is_own(m) && is_own(n) && !strcmp(m->name, n->name);
	return shape_of(a, m).kind == shape_of(b, n).kind && diff_aggregates_alike(shape_of(a, m).aggregate, shape_of(b, n).aggregate) &&
	       shapes_is_scratch(seer_shapes(a->seer), m->name + 1) == shapes_is_scratch(seer_shapes(b->seer), n->name + 1);
}

/* to[i]: index in [a] of the map that b's i-th stands for, or -1. */
static void pair_by_name(const struct diff_side *a, const struct diff_side *b, int *to, gboolean *is_taken)
{
	for (guint i = 0; i < b->original->maps->len; i++) {
		const struct kg_map *n = b->original->maps->pdata[i];
		to[i] = -1;
		for (guint k = 0; k < a->original->maps->len && to[i] < 0; k++) {
			const struct kg_map *m = a->original->maps->pdata[k];
			if (!is_taken[k] && !strcmp(m->name, n->name) && same_shape(a, m, b, n)) {
				to[i] = (int)k;
				is_taken[k] = TRUE;
			}
		}
	}
}

static int only_one_left(const struct diff_side *a, const struct diff_side *b, const struct kg_map *n, const gboolean *is_taken)
{
	int found = -1;

	for (guint k = 0; k < a->original->maps->len; k++) {
		if (is_taken[k] || !same_shape(a, a->original->maps->pdata[k], b, n))
			continue;
		if (found >= 0)
			return -1;
		found = (int)k;
	}
	return found;
}

static gboolean is_only_one(const struct diff_side *b, const int *to, guint i)
{
	for (guint k = 0; k < b->original->maps->len; k++)
		if (k != i && to[k] < 0 && same_shape(b, b->original->maps->pdata[k], b, b->original->maps->pdata[i]))
			return FALSE;
	return TRUE;
}

static void pair_left_over(const struct diff_side *a, const struct diff_side *b, int *to, gboolean *is_taken)
{
	for (guint i = 0; i < b->original->maps->len; i++) {
		int k = to[i] < 0 && is_only_one(b, to, i) ? only_one_left(a, b, b->original->maps->pdata[i], is_taken) : -1;
		if (k >= 0) {
			to[i] = k;
			is_taken[k] = TRUE;
		}
	}
}

/* ---------------------------------------------------------------- numbering */

static void program_free(gpointer p)
{
	struct kg_bpf_program *program = p;

	g_free(program->insns);
	g_free(program);
}

static struct kg_bpf_program *renumbered(const struct kg_bpf_program *p, const int *to)
{
	struct kg_bpf_program *own = g_memdup2(p, sizeof(*p));

	own->insns = g_memdup2(p->insns, p->n_insns * sizeof(*p->insns));
	for (guint pc = 0; pc < own->n_insns; pc++) {
		struct bpf_insn *insn = &own->insns[pc];
		if (insn->code != (BPF_LD | BPF_IMM | BPF_DW))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			insn->imm = to[insn->imm];
		pc++; /* two slots */
	}
	return own;
}

static struct kg_object *object_with(const struct diff_side *side, GPtrArray *maps, const int *to)
{
	struct kg_object *own = g_memdup2(side->original, sizeof(*own));

	own->maps = maps;
	own->programs = g_ptr_array_new_with_free_func(program_free);
	for (guint i = 0; i < side->original->programs->len; i++)
		g_ptr_array_add(own->programs, renumbered(side->original->programs->pdata[i], to));
	return own;
}

void diff_pair_maps(struct diff_side *a, struct diff_side *b, struct kg_profile *profile)
{
	guint n_a = a->original->maps->len, n_b = b->original->maps->len;
	int *to = g_new0(int, n_b + 1), *same = g_new0(int, n_a + 1);
	g_autofree gboolean *is_taken = g_new0(gboolean, n_a + 1);
	GPtrArray *maps_a = g_ptr_array_new(), *maps_b = g_ptr_array_new();

	a->seer = seer_new(a->original, a->program, NULL, profile);
	b->seer = seer_new(b->original, b->program, NULL, profile);
	pair_by_name(a, b, to, is_taken);
	pair_left_over(a, b, to, is_taken);
	seer_free(a->seer);
	seer_free(b->seer);
	for (guint i = 0; i < n_a; i++) {
		same[i] = (int)i;
		g_ptr_array_add(maps_a, a->original->maps->pdata[i]);
		g_ptr_array_add(maps_b, a->original->maps->pdata[i]); /* a place holder where b has none */
	}
	for (guint i = 0; i < n_b; i++) {
		if (to[i] >= 0) {
			maps_b->pdata[to[i]] = b->original->maps->pdata[i];
			continue;
		}
		to[i] = (int)maps_b->len;
		g_ptr_array_add(maps_b, b->original->maps->pdata[i]);
		g_ptr_array_add(maps_a, b->original->maps->pdata[i]);
	}
	a->first_name = b->first_name = g_new0(const char *, maps_a->len + 1);
	for (guint i = 0; i < maps_a->len; i++)
		a->first_name[i] = ((struct kg_map *)maps_a->pdata[i])->name;
	a->number = same;
	b->number = to;
	a->object = object_with(a, maps_a, same);
	b->object = object_with(b, maps_b, to);
	a->seer = seer_new(a->object, a->program, NULL, profile);
	b->seer = seer_new(b->object, b->program, NULL, profile);
}

void diff_side_clear(struct diff_side *side)
{
	seer_free(side->seer);
	g_free(side->number);
	if (side->object) {
		g_ptr_array_unref(side->object->programs);
		g_ptr_array_unref(side->object->maps);
		g_free(side->object);
	}
}

gboolean diff_is_scratch(const struct diff_side *side, int map)
{
	const struct kg_map *m = side->object->maps->pdata[map];

	return !is_own(m) && shapes_is_scratch(seer_shapes(side->seer), m->name + 1);
}
