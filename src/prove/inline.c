/*
 * assume() and assert() of a program: lowered, each stores 1 or 0 into a map of its own (kg_bt_lower_inline()), and what is stored there on a path is
 * what its expression came to.
 *
 * What a program assumes counts for its own assertions behind it and for nothing else: a contract is never weakened by the program.
 * In C, kgent/bpf_assert.h stores into variables of the section .data.kg; what they hold at the end of a path is looked at.
 *
 * An assertion that the compiler left out, or that no path reaches, and an assumption that nothing satisfies, are named.
 */
#include "judge.h"
#include "proof.h"

#include <string.h>

struct mark {
	gboolean is_assert;
	int map;                       /* index in the object; -1: no such map */
	gboolean is_variable;          /* C: at [offset] of the map's value */
	guint offset, line;
	char *function;                /* C: owned */
	const struct kg_bt_node *value;/* the expression */
	struct kg_loc loc;
	struct kg_obligation_result *r; /* assertions */
	gboolean is_compiled, is_reached, is_satisfied;
	char *text;
};
struct marks {
	struct judge *j;
	GArray *all; /* struct mark */
	struct moment *m;
	gboolean is_complete;
};

/* ---------------------------------------------------------------- what there is */

static int map_named(const struct judge *j, const char *name)
{
	for (guint i = 0; i < j->object->maps->len; i++) {
		const struct kg_map *map = j->object->maps->pdata[i];
		if (*map->name == '@' && !strcmp(map->name + 1, name))
			return (int)i;
	}
	return -1;
}

static gboolean note(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct marks *marks = userdata;
	const struct kg_bt_node *map = kg_bt_kid(node, 0), *choice = kg_bt_kid(node, 1);
	struct mark mark = {0};
	GString *text;

	(void)parent;
	(void)probe;
	if (node->kind != KG_BT_ASSIGN || map->kind != KG_BT_MAP || !g_str_has_prefix(map->text, KG_BT_OWN_MAPS) || choice->kind != KG_BT_TERNARY)
		return TRUE;
	text = g_string_new(NULL);
	kg_bt_print_expr(kg_bt_kid(choice, 0), text);
	mark.is_assert = g_str_has_prefix(map->text, KG_BT_ASSERT_MAPS);
	mark.map = map_named(marks->j, map->text);
	mark.value = kg_bt_kid(choice, 0);
	mark.loc = node->loc;
	mark.text = g_string_free(text, FALSE);
	g_array_append_val(marks->all, mark);
	return TRUE;
}

static gboolean uses_map(const struct kg_bpf_program *p, int map)
{
	for (guint pc = 0; pc < p->n_insns; pc++) {
		const struct bpf_insn *insn = &p->insns[pc];
		if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if ((insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE) && insn->imm == map)
				return TRUE;
			pc++;
		}
	}
	return FALSE;
}

static void open_marks(struct marks *marks)
{
	for (guint i = 0; i < marks->all->len; i++) {
		struct mark *mark = &g_array_index(marks->all, struct mark, i);
		for (guint k = 0; k < marks->j->object->programs->len; k++)
			mark->is_compiled |= uses_map(marks->j->object->programs->pdata[k], mark->map);
		if (!mark->is_assert)
			continue;
		mark->r = proof_result(marks->j->proof, KG_OBLIGATION_ASSERT, mark->text);
		mark->r->loc = mark->loc;
	}
}

/* "on_exec.__kg_assert_12" */
static void note_variable(struct marks *marks, const struct kg_variable *v, int map)
{
	const char *dot = strrchr(v->name, '.'), *name = dot ? dot + 1 : v->name;
	struct mark mark = {.map = map, .is_variable = TRUE, .offset = v->offset, .is_compiled = TRUE};
	gboolean is_assume = g_str_has_prefix(name, KG_BT_ASSUME_MAPS);

	mark.is_assert = g_str_has_prefix(name, KG_BT_ASSERT_MAPS);
	if ((!mark.is_assert && !is_assume) || v->size != 4)
		return;
	mark.line = (guint)g_ascii_strtoull(strrchr(name, '_') + 1, NULL, 10);
	mark.function = g_strndup(v->name, dot ? (gsize)(dot - v->name) : 0);
	mark.text = g_strdup_printf("line %u of %s", mark.line, mark.function);
	mark.loc = (struct kg_loc){.line = (int)mark.line, .col = 1, .len = 1};
	g_array_append_val(marks->all, mark);
}

static void note_variables(struct marks *marks)
{
	g_autoptr(GArray) variables = kg_object_variables(marks->j->object, ".data.kg");

	for (guint i = 0; i < marks->j->object->maps->len; i++)
		if (!strcmp(((struct kg_map *)marks->j->object->maps->pdata[i])->name, ".data.kg"))
			for (guint k = 0; k < variables->len; k++)
				note_variable(marks, &g_array_index(variables, struct kg_variable, k), (int)i);
}

/* ---------------------------------------------------------------- one path */

static struct mark *mark_of(struct marks *marks, const struct kg_bpf_effect *effect)
{
	for (guint i = 0; effect->kind == KG_BPF_MAP_SET && i < marks->all->len; i++) {
		struct mark *mark = &g_array_index(marks->all, struct mark, i);
		if (!mark->is_variable && mark->map >= 0 && mark->map == effect->map)
			return mark;
	}
	return NULL;
}

static void ask(struct marks *marks, const struct kg_path *path, struct mark *mark, struct kg_word assumed, struct kg_word holds)
{
	struct kg_symex *x = marks->m->x;
	struct kg_word fails = kg_terms.binary(x, KG_OP_AND, 1, assumed, kg_terms.binary(x, KG_OP_XOR, 1, holds, KG_WORD(1)));
	struct refutation ref = {.moments = {marks->m}, .paths = {path}, .n = 1, .condition = fails, .tells_path = TRUE, .shown_text = "it is false",
				 .wanted_text = "it holds", .why = "it does not hold", .loc = mark->loc};
	struct seen_all *seen;

	if (kg_symex_can(x, assumed) == KG_NO)
		return;
	mark->r->n_paths++;
	if (!result_is_open(marks->j, mark->r))
		return;
	switch (kg_symex_can(x, fails)) {
	case KG_NO:
		return;
	case KG_UNKNOWN:
		result_unknown(mark->r, "%s", kg_symex_reason(x));
		return;
	default:
		seen = seer_look(marks->j->seer, marks->m->program, path->effects, before_of_path, (void *)path);
		ref.seen = seen;
		refute(marks->j, mark->r, &ref);
		seen_all_free(seen);
	}
}

static struct kg_word is_not(struct kg_symex *x, struct kg_word value, uint64_t number)
{
	return kg_terms.binary(x, KG_OP_NE, 64, value, KG_WORD(number));
}

/* Variables: what they hold at the end; 2 is "not reached". */
static void visit_variables(struct marks *marks, const struct kg_path *path, const struct kg_bpf_effect *effect)
{
	struct kg_symex *x = marks->m->x;

	for (guint i = 0; i < marks->all->len; i++) {
		struct mark *mark = &g_array_index(marks->all, struct mark, i);
		struct kg_word assumed = KG_WORD(1), value;
		if (!mark->is_variable || mark->map != effect->map || mark->offset + 4 > effect->n_value)
			continue;
		for (guint k = 0; k < marks->all->len; k++) {
			const struct mark *other = &g_array_index(marks->all, struct mark, k);
			if (other->is_variable && !other->is_assert && other->offset + 4 <= effect->n_value && other->line < mark->line + !mark->is_assert &&
			    !strcmp(other->function, mark->function))
				assumed = kg_terms.binary(x, KG_OP_AND, 1, assumed, is_not(x, value_join(x, effect->value + other->offset, 4, FALSE), 0));
		}
		value = value_join(x, effect->value + mark->offset, 4, FALSE);
		assumed = kg_terms.binary(x, KG_OP_AND, 1, assumed, is_not(x, value, 2));
		if (kg_symex_can(x, is_not(x, value, 2)) == KG_NO)
			continue;
		mark->is_reached = TRUE;
		if (mark->is_assert)
			ask(marks, path, mark, assumed, is_not(x, value, 0));
		else
			mark->is_satisfied = mark->is_satisfied || kg_symex_can(x, assumed) != KG_NO;
	}
}

static void visit(const struct kg_path *path, void *user)
{
	struct marks *marks = user;
	struct kg_symex *x = marks->m->x;
	struct kg_word assumed = KG_WORD(1);

	if (!path->is_complete) {
		marks->is_complete = FALSE;
		for (guint i = 0; i < marks->all->len; i++)
			if (g_array_index(marks->all, struct mark, i).r)
				result_unknown(g_array_index(marks->all, struct mark, i).r, "%s", path->why);
		return;
	}
	for (guint i = 0; i < path->effects->len; i++) {
		const struct kg_bpf_effect *effect = path->effects->pdata[i];
		struct mark *mark = mark_of(marks, effect);
		struct kg_word holds;
		if (effect->kind == KG_BPF_MAP_SET)
			visit_variables(marks, path, effect);
		if (!mark || !effect->n_value)
			continue;
		mark->is_reached = TRUE;
		holds = kg_terms.binary(x, KG_OP_NE, 64, value_join(x, effect->value, effect->n_value, FALSE), KG_WORD(0));
		if (mark->is_assert) {
			ask(marks, path, mark, assumed, holds);
			continue;
		}
		assumed = kg_terms.binary(x, KG_OP_AND, 1, assumed, holds);
		mark->is_satisfied = mark->is_satisfied || kg_symex_can(x, assumed) != KG_NO;
	}
}

static void run(struct marks *marks, guint program)
{
	struct judge *j = marks->j;
	struct kg_symex *x = judge_executor(j);
	struct kg_state *start = kg_symex_start(x, j->object, KG_MAPS_ANY);
	_cleanup_error_ struct kg_error e = {0};

	marks->m = moment_new(j, x, NULL, program, NULL, &e);
	if (!marks->m || kg_symex_run(x, j->object, program, marks->m->event, start, visit, marks, &e)) {
		marks->is_complete = FALSE;
		for (guint i = 0; i < marks->all->len; i++)
			if (g_array_index(marks->all, struct mark, i).r)
				result_unknown(g_array_index(marks->all, struct mark, i).r, "%s", e.msg);
	}
	judge_cost(j, x);
	kg_state_free(start);
	moment_free(marks->m);
	kg_symex_free(x);
}

/* ---------------------------------------------------------------- all of it */

static void conclude(struct marks *marks)
{
	gboolean is_dead = FALSE;

	for (guint i = 0; i < marks->all->len; i++) {
		struct mark *mark = &g_array_index(marks->all, struct mark, i);
		const char *why = !mark->is_compiled ? "the compiler has removed it: nothing can reach it"
				  : !mark->is_reached ? "no path of the program reaches it"
						      : NULL;
		if (mark->is_assert && !mark->r->n_paths)
			result_unknown(mark->r, "%s", why ? why : is_dead ? "nothing satisfies what is assumed before it" : "no state reaches it");
		if (mark->is_assert)
			continue;
		if (!why && !mark->is_satisfied)
			why = "nothing satisfies it";
		is_dead = is_dead || (marks->is_complete && why);
		if (why)
			g_ptr_array_add(marks->j->proof->uncovered, g_strdup_printf(INLINE_UNCOVERED "%s) in line %d: %s", mark->text, mark->loc.line, why));
		else
			g_ptr_array_add(marks->j->proof->assumptions, g_strdup_printf(INLINE_ASSUMES "%s", mark->text));
	}
}

static gboolean is_marked(const struct marks *marks, const struct kg_bpf_program *p)
{
	for (guint i = 0; i < marks->all->len; i++)
		if (uses_map(p, g_array_index(marks->all, struct mark, i).map))
			return TRUE;
	return FALSE;
}

void judge_inline(struct judge *j)
{
	struct marks marks = {.j = j, .all = g_array_new(FALSE, FALSE, sizeof(struct mark)), .is_complete = TRUE};

	if (j->program)
		kg_bt_walk(j->program, note, NULL, &marks);
	else
		note_variables(&marks);
	open_marks(&marks);
	for (guint i = 0; i < j->object->programs->len; i++)
		if (is_marked(&marks, j->object->programs->pdata[i]))
			run(&marks, i);
	conclude(&marks);
	for (guint i = 0; i < marks.all->len; i++) {
		g_free(g_array_index(marks.all, struct mark, i).text);
		g_free(g_array_index(marks.all, struct mark, i).function);
	}
	g_array_unref(marks.all);
}
