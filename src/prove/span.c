/*
 * Clauses about a span: scenarios. The programs at the beginning and at the end run one after the other over the same maps, which are empty at
 * first, as when tracing begins.
 *
 * Five stories say what "the time from FROM to TO by KEY" means:
 *   one span                 FROM(k) TO(k)          the time between them is shown
 *   no beginning             TO(k)                  nothing is shown
 *   two at once              FROM(k) FROM'(l) TO(k) the time since k's own beginning
 *   used up                  FROM(k) TO(k) TO'(k)   nothing is shown the second time
 *   begun again              FROM(k) FROM'(k) TO(k) the time since the latest beginning
 * each of them for all times, keys and states of the kernel, and with each of the places where the span begins and ends as FROM, FROM', TO and TO'.
 */
#include "judge.h"

#include <string.h>

/* A program at one of the span's beginnings or ends. */
struct place {
	const struct kg_contract_end *end;
	guint program;
};
struct step {
	gboolean is_end;
	int key;      /* which of the keys */
	gboolean is_other; /* at FROM' or TO' */
};
struct story {
	const char *text;
	struct step steps[MAX_EVENTS];
	guint n;
	int begin; /* which step the shown time begins with; -1: nothing is shown */
};
static const struct story stories[] = {
	{"one beginning and its end", {{FALSE, 0}, {TRUE, 0}}, 2, 0},
	{"an end without a beginning", {{TRUE, 0}}, 1, -1},
	{"two at the same time", {{FALSE, 0}, {FALSE, 1, TRUE}, {TRUE, 0}}, 3, 0},
	{"a second end after one beginning", {{FALSE, 0}, {TRUE, 0}, {TRUE, 0, TRUE}}, 3, -1},
	{"a beginning that comes again before the end", {{FALSE, 0}, {FALSE, 0, TRUE}, {TRUE, 0}}, 3, 1},
};

/* Where a story is told: [is_end][is_other]. NULL where it has no such step. */
typedef const struct place *cast[2][2];

/* One story, told with programs at its beginnings and ends. */
struct telling {
	struct judge *j;
	const struct kg_contract_clause *clause;
	const struct story *story;
	struct kg_symex *x;
	const struct place *places[2][2];
	struct moment *moments[MAX_EVENTS];
	struct asking asking;
};

static const struct place *place_of(const struct telling *t, guint step)
{
	const struct step *at = &t->story->steps[step];

	return t->places[at->is_end][at->is_other];
}

static const struct kg_contract_end *end_of(const struct telling *t, guint step)
{
	return place_of(t, step)->end;
}

/* ---------------------------------------------------------------- what the story assumes */

static int key_at(struct telling *t, guint step, guint i, struct kg_expr_value *ret, struct kg_error *err)
{
	struct moment *m = t->moments[step];
	const struct kg_contract_expr *key = end_of(t, step)->key->pdata[i];

	kg_symex_look_at(m->x, m->event);
	return kg_expr_eval(key->node, &m->env, ret, err);
}

static int keys_equal(struct telling *t, guint a, guint b, struct kg_word *ret, struct kg_error *err)
{
	guint n = MIN(end_of(t, a)->key->len, end_of(t, b)->key->len);
	struct kg_word all = KG_WORD(1), one;

	for (guint i = 0; i < n; i++) {
		struct kg_expr_value left, right;
		int r = key_at(t, a, i, &left, err);
		if (r == 0)
			r = key_at(t, b, i, &right, err);
		if (r == 0)
			r = kg_expr_equal(&left, &right, &t->moments[a]->env, &one, err);
		if (r)
			return r;
		all = kg_terms.binary(t->x, KG_OP_AND, 1, all, one);
	}
	*ret = all;
	return 0;
}

static int assume_keys(struct telling *t, struct kg_error *err)
{
	for (guint a = 0; a < t->story->n; a++)
		for (guint b = a + 1; b < t->story->n; b++) {
			struct kg_word same;
			int r = keys_equal(t, a, b, &same, err);
			if (r)
				return r;
			if (t->story->steps[a].key != t->story->steps[b].key)
				same = kg_terms.binary(t->x, KG_OP_XOR, 1, same, KG_WORD(1));
			kg_symex_assume(t->x, same);
		}
	return 0;
}

/* Of the probes at one attach point the first stands for all: they run together. */
static guint first_of(struct judge *j, guint program)
{
	guint siblings[MAX_SIBLINGS], n_all;

	programs_with(j, program, siblings, &n_all);
	return siblings[0];
}

/*
 * One attach point can be an end and a beginning at once (sched_switch: of the thread that leaves the CPU, and of the one that comes). A visit is then taken
 * to be nothing to the story's other keys.
 */
static int assume_not_other(struct telling *t, guint step, const struct kg_contract_end *other, struct kg_error *err)
{
	for (guint k = 0; k < t->story->n; k++) {
		struct kg_word all, one; /* it counts there, with the key of step k */
		int r = moment_truth(t->moments[step], &other->condition, &all, err);

		if (r)
			return r;
		for (guint n = 0; n < MIN(other->key->len, end_of(t, k)->key->len); n++) {
			struct kg_expr_value mine, its;

			kg_symex_look_at(t->x, t->moments[step]->event);
			r = kg_expr_eval(((struct kg_contract_expr *)other->key->pdata[n])->node, &t->moments[step]->env, &mine, err);
			if (r == 0)
				r = key_at(t, k, n, &its, err);
			if (r == 0)
				r = kg_expr_equal(&mine, &its, &t->moments[step]->env, &one, err);
			if (r)
				return r;
			all = kg_terms.binary(t->x, KG_OP_AND, 1, all, one);
		}
		kg_symex_assume(t->x, kg_terms.binary(t->x, KG_OP_XOR, 1, all, KG_WORD(1)));
	}
	return 0;
}

/* Is [program]'s attach point among those of [end]? */
static gboolean is_at(struct judge *j, guint program, const struct kg_contract_end *end)
{
	g_autoptr(GArray) programs = programs_at(j, end->points);

	for (guint i = 0; i < programs->len; i++)
		if (first_of(j, g_array_index(programs, guint, i)) == program)
			return TRUE;
	return FALSE;
}

static int assume_one_role(struct telling *t, struct kg_error *err)
{
	for (guint i = 0; i < t->story->n; i++) {
		const GPtrArray *others = t->story->steps[i].is_end ? t->clause->span->from : t->clause->span->to;

		for (guint k = 0; k < others->len; k++) {
			int r = is_at(t->j, place_of(t, i)->program, others->pdata[k]) ? assume_not_other(t, i, others->pdata[k], err) : 0;

			if (r)
				return r;
		}
	}
	return 0;
}

/* Each visit is one that counts: what its end says of it holds. */
static int assume_visits(struct telling *t, struct kg_error *err)
{
	for (guint i = 0; i < t->story->n; i++) {
		const struct kg_contract_end *end = end_of(t, i);
		struct kg_word assumed, counts;
		int r = moment_assumes(t->moments[i], end->assumes, &assumed, err);

		if (r == 0)
			r = moment_truth(t->moments[i], &end->condition, &counts, err);
		if (r)
			return r;
		kg_symex_assume(t->x, assumed);
		kg_symex_assume(t->x, counts);
	}
	return 0;
}

/* An array or struct is a place, which at the end holds something else: what is kept is what is there now. */
static int read_now(struct kg_expr_value *value, const struct kg_expr_env *env, struct kg_error *err)
{
	if (value->kind != KG_EXPR_OBJECT)
		return 0;
	int r = kg_expr_bytes(value, env, &value->bytes, &value->n_bytes, err);
	if (r == 0)
		value->kind = KG_EXPR_BYTES;
	return r;
}

/* Values of the beginning that the end may name, and the duration. */
static int keep_values(struct telling *t, struct kg_error *err)
{
	struct moment *last = t->moments[t->story->n - 1], *first = t->story->begin >= 0 ? t->moments[t->story->begin] : NULL;
	GPtrArray *keep = t->clause->span->keep;

	if (!first)
		return 0;
	last->env.values = last->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	for (guint i = 0; keep && i < keep->len; i++) {
		const struct kg_contract_name *name = keep->pdata[i];
		struct kg_expr_value value;
		int r;

		kg_symex_look_at(t->x, first->event);
		r = kg_expr_eval(name->expr.node, &first->env, &value, err);
		if (r)
			return r;
		r = read_now(&value, &first->env, err);
		if (r)
			return r;
		value_keep_stack(first, &value);
		g_hash_table_insert(last->values, name->name, g_memdup2(&value, sizeof(value)));
	}
	struct kg_expr_value duration = {.kind = KG_EXPR_NUMBER, .width = 64, .type = "uint64"};
	duration.word = kg_terms.binary(t->x, KG_OP_SUB, 64, last->event->time, first->event->time);
	g_hash_table_insert(last->values, (char *)"duration", g_memdup2(&duration, sizeof(duration)));
	for (guint i = 0; i < t->clause->obligations->len; i++) { /* made before the program runs: its own divisions are then the same words */
		const struct kg_obligation *o = t->clause->obligations->pdata[i];
		struct kg_expr_value shown;
		if (o->kind == KG_OBLIGATION_LATENCY)
			kg_expr_shown(&duration, o->value.as, &last->env, &shown, NULL);
	}
	return 0;
}

static int make_moments(struct telling *t, struct kg_error *err)
{
	struct kg_thread *threads[2] = {NULL, NULL};

	for (guint i = 0; i < t->story->n; i++) {
		const struct step *step = &t->story->steps[i];
		struct kg_thread *thread = t->clause->span->is_same_task ? threads[step->key] : NULL;

		t->moments[i] = moment_new(t->j, t->x, t->clause, place_of(t, i)->program, thread, err);
		if (!t->moments[i])
			return -KG_E_UNSUPPORTED;
		threads[step->key] = t->moments[i]->event->thread;
	}
	return 0;
}

static int set_the_stage(struct telling *t, struct kg_error *err)
{
	struct moment *last;
	struct kg_word assumed;
	int r = make_moments(t, err);

	if (r == 0)
		r = assume_keys(t, err);
	if (r == 0)
		r = assume_one_role(t, err);
	if (r == 0)
		r = assume_visits(t, err);
	if (r == 0)
		r = keep_values(t, err);
	if (r)
		return r;
	last = t->moments[t->story->n - 1];
	r = t->story->begin >= 0 ? moment_assumes(last, t->clause->assumes, &assumed, err) : 0;
	if (r)
		return r;
	if (t->story->begin >= 0)
		kg_symex_assume(t->x, assumed);
	if (t->story->begin >= 0) /* what the end may show depends on the beginning: without one there is nothing to ask */
		r = moment_truth(last, moment_only_if(t->clause), &last->condition, err);
	return r;
}

/* ---------------------------------------------------------------- the telling */

static gboolean has_latency(const struct kg_contract_clause *clause)
{
	for (guint i = 0; i < clause->obligations->len; i++)
		if (((struct kg_obligation *)clause->obligations->pdata[i])->kind == KG_OBLIGATION_LATENCY)
			return TRUE;
	return FALSE;
}

static gboolean set_siblings(struct telling *t)
{
	gboolean has_all = TRUE;

	for (guint i = 0; i < t->story->n; i++)
		has_all &= ask_siblings(&t->asking, i, place_of(t, i)->program);
	return has_all;
}

static void tell(struct judge *j, const struct kg_contract_clause *clause, const struct story *story, const cast places)
{
	struct telling t = {.j = j, .clause = clause, .story = story};
	struct kg_state *start = NULL;
	_cleanup_error_ struct kg_error e = {0};
	int r;

	if (j->opts->first_is_enough && kg_proof_count(j->proof, KG_PROOF_REFUTED))
		return;
	memcpy(t.places, places, sizeof(t.places));
	t.x = judge_executor(j);
	t.asking = (struct asking){.j = j, .clause = clause, .n = story->n, .begin = story->begin, .story = story->text};
	t.asking.only_latency = story != &stories[0] && has_latency(clause);
	r = set_the_stage(&t, &e);
	if (!set_siblings(&t) && r == 0)
		r = kg_error_set(&e, KG_E_UNSUPPORTED, STAGE, TOO_MANY_SIBLINGS);
	t.asking.m = t.moments[story->n - 1];
	memcpy(t.asking.moments, t.moments, sizeof(t.moments));
	if (r) {
		ask_all_unknown(&t.asking, e.msg ? e.msg : "it can't be evaluated");
	} else if (kg_symex_can(t.x, KG_WORD(1)) != KG_NO) { /* a story that can't be told (one key only) says nothing */
		start = kg_symex_start(t.x, j->object, KG_MAPS_EMPTY);
		ask_events(&t.asking, start);
	}
	judge_cost(j, t.x);
	kg_state_free(start);
	for (guint i = 0; i < story->n; i++)
		moment_free(t.moments[i]);
	kg_symex_free(t.x);
}

static gboolean same_expr(const struct kg_contract_expr *a, const struct kg_contract_expr *b)
{
	return !a->node == !b->node && !g_strcmp0(a->text, b->text);
}

static gboolean same_exprs(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++)
		if (!same_expr(a->pdata[i], b->pdata[i]))
			return FALSE;
	return TRUE;
}

/* The contract says the same of both, and the programs there are alike. */
static gboolean places_alike(struct judge *j, const struct place *a, const struct place *b)
{
	return same_exprs(a->end->key, b->end->key) && same_exprs(a->end->assumes, b->end->assumes) && same_expr(&a->end->condition, &b->end->condition) &&
	       programs_alike(j, a->program, b->program);
}

static const struct place *place_with(const GArray *places, guint program)
{
	for (guint i = 0; i < places->len; i++)
		if (g_array_index(places, struct place, i).program == program)
			return &g_array_index(places, struct place, i);
	return NULL;
}

static gboolean has_place(const GArray *places, const struct place *place)
{
	for (guint i = 0; i < places->len; i++) {
		const struct place *known = &g_array_index(places, struct place, i);
		if (known->end == place->end && known->program == place->program)
			return TRUE;
	}
	return FALSE;
}

static GArray *places_of(struct judge *j, const GPtrArray *ends)
{
	GArray *places = g_array_new(FALSE, FALSE, sizeof(struct place));

	for (guint i = 0; i < ends->len; i++) {
		g_autoptr(GArray) programs = programs_at(j, ((struct kg_contract_end *)ends->pdata[i])->points);

		for (guint k = 0; k < programs->len; k++) {
			struct place place = {.end = ends->pdata[i], .program = first_of(j, g_array_index(programs, guint, k))};

			g_hash_table_add(j->covered, GUINT_TO_POINTER(g_array_index(programs, guint, k) + 1));
			if (!has_place(places, &place))
				g_array_append_val(places, place);
		}
	}
	return places;
}

/* One of each kind: of places that are alike the first stands for all. One that is also at the other side stands for itself: see assume_one_role(). */
static GArray *one_of_each(struct judge *j, const GArray *places, const GArray *other_side)
{
	GArray *ret = g_array_new(FALSE, FALSE, sizeof(struct place));

	for (guint i = 0; i < places->len; i++) {
		const struct place *place = &g_array_index(places, struct place, i);
		gboolean is_new = TRUE;

		for (guint k = 0; is_new && k < ret->len; k++) {
			const struct place *known = &g_array_index(ret, struct place, k);

			is_new = !places_alike(j, known, place) || place_with(other_side, known->program) || place_with(other_side, place->program);
		}
		if (is_new)
			g_array_append_val(ret, *place);
	}
	return ret;
}

/* The story with every choice of places for its steps. */
static void tell_everywhere(struct judge *j, const struct kg_contract_clause *clause, const struct story *story, const GArray *begins,
			    const GArray *ends)
{
	gboolean has[2][2] = {{FALSE}};
	const GArray *sides[2] = {begins, ends};
	guint n[2][2], at[4];
	cast places = {{NULL}};

	for (guint i = 0; i < story->n; i++)
		has[story->steps[i].is_end][story->steps[i].is_other] = TRUE;
	for (guint i = 0; i < 4; i++)
		n[i / 2][i % 2] = has[i / 2][i % 2] ? sides[i / 2]->len : 1;
	for (at[0] = 0; at[0] < n[0][0]; at[0]++)
		for (at[1] = 0; at[1] < n[0][1]; at[1]++)
			for (at[2] = 0; at[2] < n[1][0]; at[2]++)
				for (at[3] = 0; at[3] < n[1][1]; at[3]++) {
					for (guint i = 0; i < 4; i++)
						places[i / 2][i % 2] = has[i / 2][i % 2] ? &g_array_index(sides[i / 2], struct place, at[i]) : NULL;
					tell(j, clause, story, places);
				}
}

void judge_span(struct judge *j, const struct kg_contract_clause *clause)
{
	g_autoptr(GArray) all_begins = places_of(j, clause->span->from), all_ends = places_of(j, clause->span->to);
	g_autoptr(GArray) begins = one_of_each(j, all_begins, all_ends), ends = one_of_each(j, all_ends, all_begins);

	for (guint i = 0; begins->len && ends->len && i < G_N_ELEMENTS(stories); i++)
		tell_everywhere(j, clause, &stories[i], begins, ends);
}
