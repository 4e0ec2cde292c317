/* Which note stands below which line. See annotate.h. */
#include "annotate.h"

#include <string.h>

const char *note_origin_name(enum note_origin origin)
{
	static const char *const names[] = {"contract", "inline", "built in"};

	return names[origin];
}

static void note_free(gpointer p)
{
	struct note *note = p;

	g_free(note->text);
	g_free(note);
}

static struct note *note_add(GPtrArray *notes, int line, gboolean is_assert, enum note_origin origin, char *text)
{
	struct note *note = g_new0(struct note, 1);

	*note = (struct note){.line = line, .is_assert = is_assert, .origin = origin, .text = text};
	g_ptr_array_add(notes, note);
	return note;
}

/* ---------------------------------------------------------------- what the contract assumes */

/* The line of the first probe that is attached at one of [points]; 0: none. */
static int line_of_points(const struct kg_annotated *in, const GPtrArray *points)
{
	for (guint i = 0; i < in->program->probes->len; i++) {
		const struct kg_bt_probe *probe = in->program->probes->pdata[i];
		for (guint k = 0; k < probe->attach->len; k++) {
			const struct kg_bt_attach *attach = probe->attach->pdata[k];
			for (guint p = 0; points && p < points->len; p++) {
				const struct kg_contract_point *point = points->pdata[p];
				if (kg_contract_point_fits(point, attach->kind, attach->target) ||
				    (attach->is_wildcard && attach->kind == point->kind && g_pattern_match_simple(attach->target, point->target)))
					return probe->block->loc.line;
			}
		}
	}
	return 0;
}

static void add_assumes(GPtrArray *notes, int line, const GPtrArray *assumes, const struct kg_contract_expr *condition)
{
	for (guint i = 0; line && assumes && i < assumes->len; i++)
		note_add(notes, line, FALSE, NOTE_CONTRACT, g_strdup(((struct kg_contract_expr *)assumes->pdata[i])->text));
	if (line && condition && condition->node)
		note_add(notes, line, FALSE, NOTE_CONTRACT, g_strdup_printf("it counts only if %s", condition->text));
}

static void add_ends(const struct kg_annotated *in, GPtrArray *notes, const GPtrArray *ends)
{
	for (guint i = 0; i < ends->len; i++) {
		const struct kg_contract_end *end = ends->pdata[i];
		add_assumes(notes, line_of_points(in, end->points), end->assumes, &end->condition);
	}
}

static const struct kg_contract_way *way_of(const struct kg_annotated *in)
{
	g_autoptr(GPtrArray) points = g_ptr_array_new();
	const struct kg_contract_way *way;

	for (guint i = 0; i < in->program->probes->len; i++) {
		const struct kg_bt_probe *probe = in->program->probes->pdata[i];
		for (guint k = 0; k < probe->attach->len; k++) {
			struct kg_contract_point *point;
			if (kg_contract_point_parse(((struct kg_bt_attach *)probe->attach->pdata[k])->raw, &point, NULL) == 0)
				g_ptr_array_add(points, point);
		}
	}
	way = kg_contract_way_for(in->contract, points);
	for (guint i = 0; i < points->len; i++)
		kg_contract_point_free(points->pdata[i]);
	return way;
}

static void add_of_contract(const struct kg_annotated *in, const struct kg_contract_way *way, GPtrArray *notes)
{
	for (guint c = 0; c < way->clauses->len; c++) {
		const struct kg_contract_clause *clause = way->clauses->pdata[c];
		for (guint i = 0; i < clause->on->len; i++)
			add_assumes(notes, line_of_points(in, clause->on->pdata[i]), clause->assumes, NULL);
		if (clause->span) {
			add_ends(in, notes, clause->span->from);
			add_ends(in, notes, clause->span->to);
		}
	}
}

/* ---------------------------------------------------------------- results */

static const struct kg_obligation *obligation_of(const struct kg_contract_way *way, const struct kg_obligation_result *r)
{
	for (guint c = 0; way && c < way->clauses->len; c++) {
		const struct kg_contract_clause *clause = way->clauses->pdata[c];
		for (guint i = 0; i < clause->obligations->len; i++) {
			const struct kg_obligation *o = clause->obligations->pdata[i];
			if (o->kind == r->kind && !strcmp(o->what, r->what) && o->loc.line == r->contract_loc.line && o->loc.col == r->contract_loc.col)
				return o;
		}
	}
	return NULL;
}

static char *text_of(const struct kg_obligation *o, const struct kg_obligation_result *r)
{
	const struct kg_contract_value *v = o ? &o->value : NULL;

	if (r->kind == KG_OBLIGATION_SHOW && v && v->expr.text)
		return g_strdup_printf("%s is %s%s%s", r->what, v->expr.text, v->when.node ? ", when " : "", v->when.node ? v->when.text : "");
	return g_strdup(r->what);
}

static int line_of_result(const struct kg_annotated *in, const struct kg_obligation *o, const struct kg_obligation_result *r, int n_lines)
{
	int line = r->loc.line;

	if (!line && o && o->points)
		line = line_of_points(in, o->points);
	return line ? line : n_lines + 1;
}

static enum note_origin origin_of(const struct kg_obligation_result *r)
{
	return r->kind == KG_OBLIGATION_ASSERT ? NOTE_INLINE : kg_obligation_info(r->kind)->is_built_in ? NOTE_BUILT_IN : NOTE_CONTRACT;
}

static int by_line(gconstpointer a, gconstpointer b)
{
	const struct note *left = *(struct note *const *)a, *right = *(struct note *const *)b;

	return left->line != right->line ? left->line - right->line : left->is_assert - right->is_assert;
}

static gboolean note_assume(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	(void)parent;
	if (probe && node->kind == KG_BT_CALL && !strcmp(node->text, "assume") && kg_bt_n_kids(node) == 1) {
		GString *text = g_string_new(NULL);
		kg_bt_print_expr(kg_bt_kid(node, 0), text);
		g_string_append(text, ", for assert() behind it");
		note_add(userdata, node->loc.line, FALSE, NOTE_INLINE, g_string_free(text, FALSE));
	}
	return TRUE;
}

GPtrArray *notes_of(const struct kg_annotated *in, int n_lines)
{
	GPtrArray *notes = g_ptr_array_new_with_free_func(note_free);
	const struct kg_contract_way *way = in->contract ? way_of(in) : NULL;

	if (way)
		add_of_contract(in, way, notes);
	kg_bt_walk(in->program, note_assume, NULL, notes);
	for (guint i = 0; i < in->proof->results->len; i++) {
		const struct kg_obligation_result *r = in->proof->results->pdata[i];
		const struct kg_obligation *o = obligation_of(way, r);
		struct note *note = note_add(notes, line_of_result(in, o, r, n_lines), TRUE, origin_of(r), text_of(o, r));
		note->result = r;
	}
	g_ptr_array_sort(notes, by_line);
	return notes;
}
