/*
 * The way that a counterexample takes through the program, in the program's own lines.
 *
 * Objects of bpftrace tell no lines. Once something is refuted, a second copy of the program is compiled in which each condition leaves a mark
 * (kg_bt_mark_decisions()). It runs in the very worlds of the replay, and only if it does exactly what the program did there, effect by effect, do its marks
 * count for the program's own decisions. In all other cases nothing is told of the way: none is ever made up.
 *
 * Objects of clang have the lines of the instructions, and need no copy.
 */
#include "judge.h"
#include "proof.h"

#include <string.h>

#define FIRST_STEPS 2 /* of many decisions, those at the beginning ... */
#define LAST_STEPS 4  /* ... and those at the end are told */

/* ---------------------------------------------------------------- steps */

const char *kg_step_name(enum kg_step_kind kind)
{
	static const char *const names[] = {"predicate", "if", "if else", "while", "choice", "line"};

	return names[kind];
}

void step_free(gpointer p)
{
	struct kg_ce_step *step = p;

	g_free(step->text);
	g_free(step->since);
	g_free(step);
}

static GPtrArray *steps_new(void)
{
	return g_ptr_array_new_with_free_func(step_free);
}

static gboolean same_step(const struct kg_ce_step *a, const struct kg_ce_step *b)
{
	return a->kind == b->kind && a->loc.line == b->loc.line && a->loc.col == b->loc.col && a->holds == b->holds && a->then_line == b->then_line &&
	       !g_strcmp0(a->since, b->since);
}

/* Append it; what is decided in the same way again and again (a loop) is one step. */
static void add_step(GPtrArray *steps, struct kg_ce_step *step)
{
	struct kg_ce_step *last = steps->len ? steps->pdata[steps->len - 1] : NULL;

	step->times = 1;
	if (last && same_step(last, step)) {
		last->times++;
		step_free(step);
	} else {
		g_ptr_array_add(steps, step);
	}
}

static void leave_out(GPtrArray *steps)
{
	guint n = 0, n_out = steps->len > FIRST_STEPS + LAST_STEPS ? steps->len - FIRST_STEPS - LAST_STEPS : 0;

	if (!n_out)
		return;
	for (guint i = 0; i < n_out; i++)
		n += ((struct kg_ce_step *)steps->pdata[FIRST_STEPS + i])->times;
	g_ptr_array_remove_range(steps, FIRST_STEPS, n_out);
	((struct kg_ce_step *)steps->pdata[FIRST_STEPS])->left_out = n;
}

/* ---------------------------------------------------------------- runs */

static void replayed_free(gpointer p)
{
	struct replayed *r = p;

	kg_world_free(r->world);
	kg_run_of_bpf_clear(&r->run);
	g_free(r);
}

GPtrArray *replayed_list(void)
{
	return g_ptr_array_new_with_free_func(replayed_free);
}

/* ---------------------------------------------------------------- bpftrace: the marked copy */

struct marked {
	struct kg_bt_decisions *decisions; /* of the program itself: with its places */
	struct kg_object *object;
	struct kg_object each;             /* each attach point apart, as in the object of the proof */
	int own;                           /* index of the map with the marks */
	int *used;                         /* index of a map here -> index in the runs; of [own]: -1 */
	guint n_used;                      /* indices in the runs are below it */
};

static int find_own(const struct kg_object *object)
{
	for (guint i = 0; i < object->maps->len; i++)
		if (!strcmp(((struct kg_map *)object->maps->pdata[i])->name, "@" KG_BT_PATH_MAP))
			return (int)i;
	return -1;
}

/* The copy's maps are the program's, in the same order, and one more. */
static gboolean pair_maps(struct marked *m, const struct kg_object *object, const int *number)
{
	const GPtrArray *maps = m->object->maps;

	m->own = find_own(m->object);
	if (m->own < 0 || maps->len != object->maps->len + 1 || find_own(object) >= 0)
		return FALSE;
	m->used = g_new0(int, maps->len);
	for (guint i = 0, k = 0; i < maps->len; i++) {
		const struct kg_map *a = maps->pdata[i], *b;
		if ((int)i == m->own) {
			m->used[i] = -1;
			continue;
		}
		b = object->maps->pdata[k];
		if (strcmp(a->name, b->name) || a->type != b->type || a->key_size != b->key_size || a->value_size != b->value_size)
			return FALSE;
		m->used[i] = number ? number[k] : (int)k;
		m->n_used = MAX(m->n_used, (guint)m->used[i] + 1);
		k++;
	}
	((struct kg_map *)maps->pdata[m->own])->max_entries = 0; /* without bound: no mark is ever refused */
	return TRUE;
}

static gboolean same_programs(const struct kg_object *a, const struct kg_object *b)
{
	if (a->programs->len != b->programs->len)
		return FALSE;
	for (guint i = 0; i < a->programs->len; i++)
		if (g_strcmp0(((struct kg_bpf_program *)a->programs->pdata[i])->attach, ((struct kg_bpf_program *)b->programs->pdata[i])->attach))
			return FALSE;
	return TRUE;
}

/* What it prints parses to an equal tree, whose decisions are therefore the same ones. */
static struct kg_object *compile(const struct kg_bt_program *program, const struct kg_prove_opts *opts)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) diags = kg_diags_new();
	_cleanup_error_ struct kg_error e = {0};
	struct kg_bt_program *copy = NULL;
	struct kg_object *object = NULL;

	kg_bt_print(program, text);
	if (kg_bt_parse(text->str, text->len, diags, &copy) == 0 && kg_bt_equal(program, copy)) {
		kg_bt_mark_decisions(copy);
		g_string_truncate(text, 0);
		kg_bt_print(copy, text);
		if (opts->compile(opts->compile_user, text->str, copy, &object, &e))
			object = NULL;
	}
	kg_bt_free(copy);
	return object;
}

struct marked *marked_new(const struct kg_object *object, const int *number, const struct kg_bt_program *program, const struct kg_prove_opts *opts)
{
	struct marked *m;

	if (!opts->compile || !program || proof_is_stopped(opts))
		return NULL;
	m = g_new0(struct marked, 1);
	m->decisions = kg_bt_decisions_new(program);
	m->object = kg_bt_decisions_count(m->decisions) ? compile(program, opts) : NULL;
	if (!m->object)
		return marked_free(m);
	m->each = object_separate(m->object);
	if (!pair_maps(m, object, number) || !same_programs(&m->each, object))
		return marked_free(m);
	return m;
}

struct marked *marked_free(struct marked *m)
{
	if (!m)
		return NULL;
	if (m->each.programs)
		object_separate_clear(&m->each);
	kg_object_free(m->object);
	kg_bt_decisions_free(m->decisions);
	g_free(m->used);
	g_free(m);
	return NULL;
}

/* ---------------------------------------------------------------- does the copy do the same? */

static int marked_number(const struct marked *m, int used)
{
	for (guint i = 0; i < m->object->maps->len; i++)
		if (m->used[i] == used)
			return (int)i;
	return -1;
}

/* Entries of maps that the copy does not have (in a comparison: the other program's) are of no use to it. */
static void renumber_entries(const struct marked *m, GPtrArray *entries)
{
	for (guint i = entries->len; i-- > 0;) {
		struct kg_map_entry *entry = entries->pdata[i];
		entry->map = marked_number(m, entry->map);
		if (entry->map < 0)
			g_ptr_array_remove_index(entries, i);
	}
}

static gboolean same_bytes(const struct kg_word *a, const struct kg_word *b, guint n, const guint8 *a_set, const guint8 *b_set)
{
	for (guint i = 0; i < n; i++)
		if ((a[i].bits & 0xff) != (b[i].bits & 0xff) && ((!a_set || a_set[i]) || (!b_set || b_set[i])))
			return FALSE;
	return TRUE;
}

/* In a record that names a map: by the number that the map has for bpftrace, which is its index. */
static void renumber_record(const struct marked *m, struct kg_bpf_effect *effect)
{
	guint at = effect->kind == KG_BPF_RECORD ? seen_map_number_at(effect) : 0, n = 0;

	for (guint i = 4; at && at + 4 <= effect->n_value && i-- > 0;)
		n = n << 8 | (effect->value[at + i].bits & 0xff);
	if (at && n < m->object->maps->len && (int)n > m->own)
		for (guint i = 0; i < 4; i++)
			effect->value[at + i] = KG_WORD((n - 1) >> (8 * i) & 0xff);
}

/* [a]: the program's, [b]: the copy's. */
static gboolean same_effect(const struct marked *m, const struct kg_bpf_effect *a, struct kg_bpf_effect *b)
{
	int map = b->map < 0 ? b->map : m->used[b->map];

	renumber_record(m, b);
	return a->kind == b->kind && a->map == map && a->n_key == b->n_key && a->n_value == b->n_value && a->number.bits == b->number.bits &&
	       same_bytes(a->key, b->key, a->n_key, NULL, NULL) && same_bytes(a->value, b->value, a->n_value, a->is_set, b->is_set);
}

static gboolean is_mark(const struct marked *m, const struct kg_bpf_effect *effect)
{
	return effect->map == m->own && effect->kind == KG_BPF_MAP_SET && effect->n_key == 8;
}

static gboolean does_the_same(const struct marked *m, const struct kg_run_of_bpf *program, const struct kg_run_of_bpf *copy)
{
	guint at = 0;

	for (guint i = 0; i < copy->effects->len; i++) {
		struct kg_bpf_effect *effect = copy->effects->pdata[i];
		if (is_mark(m, effect))
			continue;
		if (at == program->effects->len || !same_effect(m, program->effects->pdata[at++], effect))
			return FALSE;
	}
	return copy->is_complete && at == program->effects->len && copy->result == program->result;
}

/* ---------------------------------------------------------------- what the marks say */

static char *text_of(const struct kg_bt_node *e)
{
	GString *text = g_string_new(NULL);

	kg_bt_print_expr(e, text);
	return g_string_free(text, FALSE);
}

static struct kg_ce_step *step_of(const struct kg_bt_decision *d)
{
	static const enum kg_step_kind kinds[] = {
		[KG_BT_AT_PREDICATE] = KG_STEP_PREDICATE, [KG_BT_AT_IF] = KG_STEP_IF, [KG_BT_AT_IF_ELSE] = KG_STEP_IF_ELSE,
		[KG_BT_AT_WHILE] = KG_STEP_WHILE, [KG_BT_AT_CHOICE] = KG_STEP_CHOICE,
	};
	struct kg_ce_step *step = g_new0(struct kg_ce_step, 1);

	step->kind = kinds[d->at];
	step->loc = d->condition->loc;
	step->text = text_of(d->condition);
	step->holds = d->holds;
	step->is_number = !kg_bt_is_truth(d->since);
	if (d->since != d->condition) {
		step->since = text_of(d->since);
		step->since_holds = d->since_holds;
	}
	return step;
}

static uint64_t number_of(const struct kg_word *bytes)
{
	uint64_t ret = 0;

	for (guint i = 8; i-- > 0;)
		ret = ret << 8 | (bytes[i].bits & 0xff);
	return ret;
}

static gboolean read_marks(struct marked *m, const struct kg_run_of_bpf *copy, GPtrArray *steps)
{
	kg_bt_decisions_begin(m->decisions);
	for (guint i = 0; i < copy->effects->len; i++) {
		const struct kg_bpf_effect *effect = copy->effects->pdata[i];
		struct kg_bt_decision decision;
		int r = is_mark(m, effect) ? kg_bt_decisions_take(m->decisions, number_of(effect->key), &decision) : 0;

		if (r < 0)
			return FALSE;
		if (r > 0)
			add_step(steps, step_of(&decision));
	}
	return kg_bt_decisions_is_between(m->decisions);
}

static gboolean follow(struct marked *m, struct replayed *r, GPtrArray *steps)
{
	struct kg_run_of_bpf copy = {0};
	gboolean ok;

	renumber_entries(m, r->world->entries);
	ok = kg_interp_run(&m->each, r->program, r->world, NULL, &copy, NULL) == 0 && does_the_same(m, &r->run, &copy) && read_marks(m, &copy, steps);
	kg_run_of_bpf_clear(&copy);
	return ok;
}

static void keep_line(struct kg_counterexample *ce, const struct kg_loc *loc)
{
	const struct kg_loc *last = ce->lines->len ? ce->lines->pdata[ce->lines->len - 1] : NULL;

	if (!last || last->line != loc->line)
		g_ptr_array_add(ce->lines, g_memdup2(loc, sizeof(*loc)));
}

static void put_paths(struct kg_counterexample *ce, GPtrArray **paths, gboolean is_other)
{
	for (guint i = 0; i < ce->events->len; i++) {
		struct kg_ce_event *event = ce->events->pdata[i];
		GPtrArray **to = is_other ? &event->other_path : &event->path;

		for (guint k = 0; !is_other && k < paths[i]->len; k++)
			keep_line(ce, &((struct kg_ce_step *)paths[i]->pdata[k])->loc);
		leave_out(paths[i]);
		g_ptr_array_unref(*to);
		*to = g_ptr_array_ref(paths[i]);
	}
}

void marked_tell(struct marked *m, const GPtrArray *runs, struct kg_counterexample *ce, gboolean is_other)
{
	GPtrArray *paths[MAX_EVENTS];
	guint n = MIN(ce->events->len, MAX_EVENTS);
	gboolean ok = n == ce->events->len;

	for (guint i = 0; i < n; i++)
		paths[i] = steps_new();
	for (guint i = 0; ok && i < runs->len; i++) {
		struct replayed *r = runs->pdata[i];
		ok = r->event < n && follow(m, r, paths[r->event]);
	}
	if (ok)
		put_paths(ce, paths, is_other);
	for (guint i = 0; i < n; i++)
		g_ptr_array_unref(paths[i]);
}

/* ---------------------------------------------------------------- C: the lines of the instructions */

static const struct kg_insn_line *line_at(const struct kg_bpf_program *p, guint pc)
{
	const struct kg_insn_line *found = NULL;

	for (guint i = 0; p->lines && i < p->lines->len; i++) {
		const struct kg_insn_line *line = &g_array_index(p->lines, struct kg_insn_line, i);
		if (line->pc <= pc)
			found = line;
	}
	return found;
}

static gboolean is_branch(const struct bpf_insn *insn)
{
	guint class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	return (class == BPF_JMP || class == BPF_JMP32) && op != BPF_JA && op != BPF_CALL && op != BPF_EXIT && op != 0xe0 /* may_goto */;
}

static gboolean is_same_line(const struct kg_insn_line *a, const struct kg_insn_line *b)
{
	return a && b && a->line == b->line && !g_strcmp0(a->file, b->file);
}

/* Where the program's own file branches, and which line ran next; what was inlined from headers is passed over. */
static void follow_lines(const struct kg_bpf_program *p, const struct kg_run_of_bpf *run, GPtrArray *steps)
{
	const struct kg_insn_line *home = line_at(p, 0);

	for (guint i = 0; home && i + 1 < run->path->len; i++) {
		guint pc = g_array_index(run->path, guint, i), k = i + 1;
		const struct kg_insn_line *line = line_at(p, pc), *next;
		struct kg_ce_step *step;
		if (!line || g_strcmp0(line->file, home->file) || !is_branch(&p->insns[pc]))
			continue;
		do
			next = line_at(p, g_array_index(run->path, guint, k));
		while ((is_same_line(line, next) || g_strcmp0(next->file, home->file)) && ++k < run->path->len);
		if (k == run->path->len)
			return;
		step = g_new0(struct kg_ce_step, 1);
		step->kind = KG_STEP_LINE;
		step->loc = (struct kg_loc){.line = (int)line->line, .col = (int)line->col};
		step->text = g_strstrip(g_strdup(line->text ? line->text : ""));
		step->then_line = next->line;
		add_step(steps, step);
		i = k - 1; /* all branches of one line are one decision */
	}
}

static void tell_lines(const struct judge *j, const GPtrArray *runs, struct kg_counterexample *ce)
{
	for (guint i = 0; i < runs->len; i++) {
		const struct replayed *r = runs->pdata[i];
		if (r->event < ce->events->len)
			follow_lines(j->object->programs->pdata[r->program], &r->run, ((struct kg_ce_event *)ce->events->pdata[r->event])->path);
	}
	for (guint i = 0; i < ce->events->len; i++)
		leave_out(((struct kg_ce_event *)ce->events->pdata[i])->path);
}

/* ---------------------------------------------------------------- all counterexamples of a proof */

struct untold {
	struct kg_counterexample *ce;
	GPtrArray *runs;
};

static void untold_free(gpointer p)
{
	struct untold *u = p;

	g_ptr_array_unref(u->runs);
	g_free(u);
}

void path_later(struct judge *j, struct kg_counterexample *ce, GPtrArray *runs)
{
	struct untold *u = g_new0(struct untold, 1);

	*u = (struct untold){ce, runs};
	if (!j->untold)
		j->untold = g_ptr_array_new_with_free_func(untold_free);
	g_ptr_array_add(j->untold, u);
}

void path_tell_all(struct judge *j)
{
	struct marked *marked = j->untold && g_get_monotonic_time() < j->until ? marked_new(j->object, NULL, j->program, j->opts) : NULL;

	for (guint i = 0; j->untold && i < j->untold->len; i++) {
		struct untold *u = j->untold->pdata[i];
		if (!j->program)
			tell_lines(j, u->runs, u->ce);
		else if (marked)
			marked_tell(marked, u->runs, u->ce, FALSE);
	}
	marked_free(marked);
	g_clear_pointer(&j->untold, g_ptr_array_unref);
}
