/*
 * Attach points that are alike: what is proved at one holds at the others.
 *
 * "uprobe:lib:a, uprobe:lib:b { ... }" is one text at two places, and a span between nine such beginnings and nine such ends has 81 pairs. The
 * proof of a pair is computed from the instructions, from what the event's context holds under which name and type, and from what the contract's
 * expressions mean there. Where all of that is equal the computation is the same, step by step, and its result is: only the attach point's name
 * differs, which is told in counterexamples alone. Each thing that anything looks up by the attach point's target has to be compared here:
 *
 *   kg_profile_fields()          names, types and offsets of the context (event.c)
 *   kg_expr_arguments()          the same for the contract's expressions (expr_args.c)
 *   "syscalls:", "syscalls:sys_enter_"  whose memory a pointer points into (event.c, expr_args.c)
 *   seer_probe()                 the program's text that its records are read by (seen.c)
 *   programs_with()              other probes at the same place (span.c)
 */
#include "judge.h"

#include <string.h>

static gboolean same_text(const char *a, const char *b)
{
	return !g_strcmp0(a, b);
}

static gboolean same_field(const struct kg_field *a, const struct kg_field *b)
{
	return same_text(a->name, b->name) && same_text(a->type, b->type) && a->offset_bits == b->offset_bits && a->size == b->size &&
	       a->array_len == b->array_len && a->bits == b->bits && a->is_signed == b->is_signed && a->is_pointer == b->is_pointer &&
	       a->is_string == b->is_string && a->is_dynamic == b->is_dynamic && a->is_big_endian == b->is_big_endian;
}

static gboolean same_argument(const struct kg_argument *a, const struct kg_argument *b)
{
	return same_text(a->name, b->name) && same_text(a->type, b->type) && a->offset == b->offset && a->size == b->size && a->type_size == b->type_size &&
	       a->is_signed == b->is_signed && a->is_big_endian == b->is_big_endian && a->is_dynamic == b->is_dynamic;
}

static gboolean same_list(const GPtrArray *a, const GPtrArray *b, gboolean (*same)(gconstpointer a, gconstpointer b))
{
	guint n = a ? a->len : 0;

	if (n != (b ? b->len : 0))
		return FALSE;
	for (guint i = 0; i < n; i++)
		if (!same(a->pdata[i], b->pdata[i]))
			return FALSE;
	return TRUE;
}

static gboolean fields_equal(gconstpointer a, gconstpointer b)
{
	return same_field(a, b);
}

static gboolean arguments_equal(gconstpointer a, gconstpointer b)
{
	return same_argument(a, b);
}

/* Only kinds of which it is known what depends on the target. */
static gboolean is_comparable(const struct kg_bpf_program *p)
{
	switch (p->kind) {
	case KG_PROBE_KPROBE: case KG_PROBE_KRETPROBE: case KG_PROBE_UPROBE: case KG_PROBE_URETPROBE: case KG_PROBE_TRACEPOINT:
	case KG_PROBE_RAWTRACEPOINT: case KG_PROBE_FENTRY: case KG_PROBE_FEXIT:
		return p->attach && strchr(p->attach, ':');
	default:
		return FALSE;
	}
}

static gboolean same_prefix(const char *a, const char *b, const char *prefix)
{
	return g_str_has_prefix(a, prefix) == g_str_has_prefix(b, prefix);
}

static gboolean same_events(struct judge *j, const struct kg_bpf_program *a, const struct kg_bpf_program *b)
{
	const char *at_a = strchr(a->attach, ':') + 1, *at_b = strchr(b->attach, ':') + 1;
	struct kg_contract_point *points[2] = {NULL, NULL};
	gboolean is_same = FALSE;

	if (!same_prefix(at_a, at_b, "syscalls:") || !same_prefix(at_a, at_b, "syscalls:sys_enter_"))
		return FALSE;
	if (j->profile && !same_list(kg_profile_fields(j->profile, a->kind, at_a), kg_profile_fields(j->profile, b->kind, at_b), fields_equal))
		return FALSE;
	if (kg_contract_point_parse(a->attach, &points[0], NULL) == 0 && kg_contract_point_parse(b->attach, &points[1], NULL) == 0) {
		g_autoptr(GPtrArray) arguments_a = kg_expr_arguments(points[0], j->profile), arguments_b = kg_expr_arguments(points[1], j->profile);
		is_same = points[0]->kind == points[1]->kind && points[0]->type == points[1]->type && points[0]->context == points[1]->context &&
			  same_list(arguments_a, arguments_b, arguments_equal);
	}
	kg_contract_point_free(points[0]);
	kg_contract_point_free(points[1]);
	return is_same;
}

static guint n_at(struct judge *j, guint program)
{
	guint siblings[MAX_SIBLINGS], n_all;

	programs_with(j, program, siblings, &n_all);
	return n_all;
}

gboolean programs_alike(struct judge *j, guint a, guint b)
{
	const struct kg_bpf_program *left = j->object->programs->pdata[a], *right = j->object->programs->pdata[b];

	if (a == b)
		return TRUE;
	return j->object->is_bpftrace && left->kind == right->kind && left->type == right->type && is_comparable(left) && is_comparable(right) &&
	       left->n_insns == right->n_insns && !memcmp(left->insns, right->insns, left->n_insns * sizeof(left->insns[0])) &&
	       seer_probe(j->seer, a) == seer_probe(j->seer, b) && n_at(j, a) == 1 && n_at(j, b) == 1 && same_events(j, left, right);
}
