/* States: making, copying, forking decisions. See state.h. */
#include "state.h"

#include <stdarg.h>
#include <string.h>

struct cells *cells_new(guint n)
{
	struct cells *cells = g_malloc0(sizeof(*cells) + n * sizeof(cells->cell[0]));

	cells->refs = 1;
	cells->n = n;
	for (guint i = 0; i < n; i++)
		cells->cell[i] = (struct cell){.n_value = 1, .is_pad = TRUE};
	return cells;
}

void cells_unref(struct cells *cells)
{
	if (cells && --cells->refs == 0)
		g_free(cells);
}

static struct cells *cells_ref(struct cells *cells)
{
	if (cells)
		cells->refs++;
	return cells;
}

struct kg_state *state_new(struct kg_symex *x, const struct kg_object *object, enum kg_maps_at_first first)
{
	struct kg_state *s = g_new0(struct kg_state, 1);

	s->x = x;
	s->object = object;
	s->first = first;
	s->regions = g_array_new(FALSE, TRUE, sizeof(struct region));
	g_array_set_size(s->regions, 1);
	s->entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
	s->decided = g_hash_table_new(NULL, NULL);
	s->effects = g_ptr_array_new();
	s->pcs = g_array_new(FALSE, FALSE, sizeof(guint));
	s->reads = g_ptr_array_new();
	s->back = g_hash_table_new(NULL, NULL);
	s->answers = g_array_new(FALSE, TRUE, sizeof(struct answer));
	s->next_value = KG_AT_VALUE;
	return s;
}

static GHashTable *table_copy(GHashTable *from)
{
	GHashTable *to = g_hash_table_new(NULL, NULL);
	GHashTableIter it;
	gpointer key, value;

	g_hash_table_iter_init(&it, from);
	while (g_hash_table_iter_next(&it, &key, &value))
		g_hash_table_insert(to, key, value);
	return to;
}

struct kg_state *state_copy(const struct kg_state *s)
{
	struct kg_state *c = g_memdup2(s, sizeof(*s));

	c->regions = g_array_copy(s->regions);
	for (guint i = 1; i < c->regions->len; i++)
		cells_ref(g_array_index(c->regions, struct region, i).cells);
	c->entries = g_array_copy(s->entries);
	for (guint i = 0; i < c->entries->len; i++)
		cells_ref(g_array_index(c->entries, struct entry, i).before);
	c->decided = table_copy(s->decided);
	c->effects = g_ptr_array_copy(s->effects, NULL, NULL);
	c->pcs = g_array_copy(s->pcs);
	c->reads = g_ptr_array_copy(s->reads, NULL, NULL);
	c->back = table_copy(s->back);
	c->answers = g_array_copy(s->answers);
	return c;
}

struct kg_state *kg_state_free(struct kg_state *s)
{
	if (!s)
		return NULL;
	for (guint i = 1; i < s->regions->len; i++)
		cells_unref(g_array_index(s->regions, struct region, i).cells);
	for (guint i = 0; i < s->entries->len; i++)
		cells_unref(g_array_index(s->entries, struct entry, i).before);
	g_array_unref(s->regions);
	g_array_unref(s->entries);
	g_hash_table_destroy(s->decided);
	g_ptr_array_unref(s->effects);
	g_array_unref(s->pcs);
	g_ptr_array_unref(s->reads);
	g_hash_table_destroy(s->back);
	g_array_unref(s->answers);
	g_free(s);
	return NULL;
}

struct region *state_region(struct kg_state *s, guint index)
{
	return &g_array_index(s->regions, struct region, index);
}

guint state_region_new(struct kg_state *s, enum region_kind kind, uint64_t base, guint n)
{
	struct region region = {.kind = kind, .base = base, .cells = cells_new(n), .map = -1};

	g_array_append_val(s->regions, region);
	return s->regions->len - 1;
}

struct cells *state_writable(struct kg_state *s, guint index)
{
	struct region *region = state_region(s, index);

	region->is_changed = TRUE;
	if (region->cells->refs > 1) {
		struct cells *own = g_memdup2(region->cells, sizeof(*own) + region->cells->n * sizeof(own->cell[0]));
		own->refs = 1;
		cells_unref(region->cells);
		region->cells = own;
	}
	return region->cells;
}

int state_end(struct kg_state *s, const char *fmt, ...)
{
	g_autofree char *why = NULL;
	va_list ap;

	va_start(ap, fmt);
	why = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	if (!s->why)
		s->why = sx_keep(s->x, why);
	return -SX_END;
}

struct kg_bpf_effect *state_effect(struct kg_state *s, enum kg_bpf_effect_kind kind, int map)
{
	struct kg_bpf_effect *effect = g_new0(struct kg_bpf_effect, 1);

	effect->kind = kind;
	effect->map = map;
	effect->pc = s->cpu.pc;
	g_ptr_array_add(s->effects, effect);
	g_ptr_array_add(s->x->owned, effect); /* paths share them; what they hold is in x->owned too */
	return effect;
}

/* ---------------------------------------------------------------- decisions */

int state_decide(struct kg_state *s, struct kg_word condition, gboolean *ret)
{
	int known;

	if (!condition.term) {
		*ret = condition.bits & 1;
		return 0;
	}
	known = GPOINTER_TO_INT(g_hash_table_lookup(s->decided, condition.term));
	if (!known) {
		s->x->fork = condition;
		return -SX_FORK;
	}
	*ret = known == 1;
	return 0;
}

int state_number(struct kg_state *s, struct kg_word w, const char *what, uint64_t *ret)
{
	struct kg_symex *x = s->x;
	struct kg_word other;
	uint64_t value;

	if (w.term) {
		if (solver_check(x->solver, NULL) != SOLVER_SAT)
			return state_end(s, "%s is not known: %s", what, solver_reason(x->solver));
		value = solver_value(x->solver, w);
		other = sx_op(x, KG_OP_NE, 64, w, KG_WORD(value));
		if (solver_check(x->solver, &other) != SOLVER_UNSAT)
			return state_end(s, "%s is not a number that is known", what);
		w = KG_WORD(value);
	}
	*ret = w.bits;
	return 0;
}
