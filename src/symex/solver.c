/*
 * The solver: its life, what is assumed, and questions to Z3. See solver.h.
 *
 * Z3 is the last to be asked: conditions that are numbers answer themselves, a remembered state that allows it shows that something can be
 * (models.c), and only then Z3 hears of what was asserted since it was asked last.
 */
#include "solver_own.h"

#include <string.h>

#define EFFORT 20000000 /* of one question: a few seconds of an idle machine */

/* Z3 calls this for mistakes of ours and when memory is short. It must return; the term that was asked for is then NULL. */
static void on_error(Z3_context ctx, Z3_error_code code)
{
	(void)ctx;
	(void)code;
}

gboolean own_broke(struct solver *s)
{
	Z3_error_code code = Z3_get_error_code(s->ctx);

	if (code == Z3_OK)
		return FALSE;
	if (!s->is_broken) {
		g_free(s->reason);
		s->reason = g_strdup_printf("the solver failed: %s", Z3_get_error_msg(s->ctx, code));
	}
	s->is_broken = TRUE;
	return TRUE;
}

/*
 * How long a question may take is counted in the solver's own steps (rlimit), not in time: the same question then has the same answer on a busy machine. (Z3
 * 4.8's own clock also stops questions that have just begun.) Above that a thread watches the wall clock, for the questions whose steps are long.
 */
static gpointer watch_run(gpointer data)
{
	struct solver *s = data;
	struct watch *w = &s->watch;

	g_mutex_lock(&w->lock);
	while (!w->is_over) {
		if (!w->until) {
			g_cond_wait(&w->changed, &w->lock);
		} else if (!g_cond_wait_until(&w->changed, &w->lock, w->until) && w->until && g_get_monotonic_time() >= w->until) {
			w->until = 0;
			w->has_cut = TRUE;
			Z3_interrupt(s->ctx);
		}
	}
	g_mutex_unlock(&w->lock);
	return NULL;
}

static void watch_set(struct solver *s, gint64 until)
{
	g_mutex_lock(&s->watch.lock);
	s->watch.until = until;
	if (until)
		s->watch.has_cut = FALSE;
	g_cond_signal(&s->watch.changed);
	g_mutex_unlock(&s->watch.lock);
}

static void watch_start(struct solver *s, unsigned wall_ms)
{
	g_mutex_init(&s->watch.lock);
	g_cond_init(&s->watch.changed);
	s->watch.wall_us = (gint64)wall_ms * 1000;
	if (wall_ms)
		s->watch.thread = g_thread_try_new("solver's clock", watch_run, s, NULL); /* without it only the steps are bounded */
}

static void watch_end(struct solver *s)
{
	g_mutex_lock(&s->watch.lock);
	s->watch.is_over = TRUE;
	g_cond_signal(&s->watch.changed);
	g_mutex_unlock(&s->watch.lock);
	if (s->watch.thread)
		g_thread_join(s->watch.thread);
	g_mutex_clear(&s->watch.lock);
	g_cond_clear(&s->watch.changed);
}

struct solver *solver_new(unsigned effort, unsigned wall_ms)
{
	struct solver *s = g_new0(struct solver, 1);

	s->effort = effort ? effort : EFFORT;
	s->wall_ms = wall_ms;
	s->asserted = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	s->levels = g_array_new(FALSE, FALSE, sizeof(guint));
	s->models = g_ptr_array_new();
	own_algebra_new(s);
	return s;
}

Z3_context own_context(struct solver *s)
{
	Z3_config config;
	Z3_params params;
	Z3_context ctx;

	if (s->ctx)
		return s->ctx;
	config = Z3_mk_config();
	Z3_set_param_value(config, "model", "true");
	ctx = Z3_mk_context(config);
	Z3_del_config(config);
	Z3_set_error_handler(ctx, on_error);
	s->z3 = Z3_mk_solver_for_logic(ctx, Z3_mk_string_symbol(ctx, "QF_BV"));
	Z3_solver_inc_ref(ctx, s->z3);
	params = Z3_mk_params(ctx);
	Z3_params_inc_ref(ctx, params);
	Z3_params_set_uint(ctx, params, Z3_mk_string_symbol(ctx, "rlimit"), s->effort);
	Z3_solver_set_params(ctx, s->z3, params);
	Z3_params_dec_ref(ctx, params);
	g_atomic_pointer_set(&s->ctx, ctx);
	watch_start(s, s->wall_ms);
	return ctx;
}

struct solver *solver_free(struct solver *s)
{
	if (!s)
		return NULL;
	models_free(s);
	if (s->ctx) {
		watch_end(s);
		Z3_solver_dec_ref(s->ctx, s->z3);
		Z3_del_context(s->ctx);
	}
	g_array_unref(s->asserted);
	g_array_unref(s->levels);
	own_algebra_free(s);
	g_free(s->reason);
	g_free(s);
	return NULL;
}

void solver_give(struct solver *s, solver_give_fn give, void *user)
{
	s->give = give;
	s->give_user = user;
}

/* ---------------------------------------------------------------- assertions */

void solver_push(struct solver *s)
{
	g_array_append_val(s->levels, s->asserted->len);
}

void solver_pop(struct solver *s)
{
	guint n = g_array_index(s->levels, guint, s->levels->len - 1);

	for (guint i = n; i < s->asserted->len; i++)
		s->n_false -= !g_array_index(s->asserted, struct kg_word, i).term;
	g_array_set_size(s->asserted, n);
	g_array_set_size(s->levels, s->levels->len - 1);
	if (s->n_told_levels > s->levels->len) {
		Z3_solver_pop(s->ctx, s->z3, s->n_told_levels - s->levels->len);
		s->n_told_levels = s->levels->len;
		s->n_told = MIN(s->n_told, n);
	}
	models_popped(s);
}

void solver_assert(struct solver *s, struct kg_word condition)
{
	if (!condition.term && condition.bits & 1)
		return;
	g_array_append_val(s->asserted, condition);
	s->n_false += !condition.term;
}

static void tell_one(struct solver *s, struct kg_word condition)
{
	Z3_solver_assert(s->ctx, s->z3, own_condition(s, condition));
	own_broke(s);
}

/* Z3 hears of all assertions up to the [n]th that it does not know. */
static void tell_assertions(struct solver *s, guint n)
{
	for (; s->n_told < n; s->n_told++)
		tell_one(s, g_array_index(s->asserted, struct kg_word, s->n_told));
}

static void tell(struct solver *s)
{
	for (; s->n_told_levels < s->levels->len; s->n_told_levels++) {
		tell_assertions(s, g_array_index(s->levels, guint, s->n_told_levels));
		Z3_solver_push(s->ctx, s->z3);
	}
	tell_assertions(s, s->asserted->len);
}

/* ---------------------------------------------------------------- questions */

static enum solver_answer answer(struct solver *s, Z3_lbool is)
{
	if (own_broke(s))
		return SOLVER_UNKNOWN;
	if (is == Z3_L_FALSE)
		return SOLVER_UNSAT;
	if (is == Z3_L_TRUE)
		return SOLVER_SAT;
	g_free(s->reason);
	s->reason = s->watch.has_cut ? g_strdup_printf("no answer within %" G_GINT64_FORMAT " ms", s->watch.wall_us / 1000)
				     : g_strdup_printf("no answer within the bound of the solver's effort (%s)", Z3_solver_get_reason_unknown(s->ctx, s->z3));
	return SOLVER_UNKNOWN;
}

/* One question to Z3, watched. */
static enum solver_answer ask(struct solver *s)
{
	Z3_lbool is;

	if (s->is_broken)
		return SOLVER_UNKNOWN;
	if (s->watch.thread)
		watch_set(s, g_get_monotonic_time() + s->watch.wall_us);
	is = Z3_solver_check(s->ctx, s->z3);
	if (s->watch.thread)
		watch_set(s, 0);
	return answer(s, is);
}


void own_walk(struct walk *walk, Z3_ast term)
{
	struct solver *s = walk->s;

	if (!g_hash_table_add(walk->seen, term))
		return;
	if (walk->visit && g_hash_table_contains(s->is_input, term))
		walk->visit(walk->user, term);
	if (g_hash_table_contains(s->parts, term))
		own_walk(walk, g_hash_table_lookup(s->parts, term));
	if (Z3_get_ast_kind(s->ctx, term) != Z3_APP_AST)
		return;
	Z3_app app = Z3_to_app(s->ctx, term);
	for (unsigned i = 0; i < Z3_get_app_num_args(s->ctx, app); i++)
		own_walk(walk, Z3_get_app_arg(s->ctx, app, i));
}


/* The quotients that the assertions and [extra] speak of. */
static GHashTable *quotients_in_question(struct solver *s, const struct kg_word *extra)
{
	GHashTable *seen = g_hash_table_new(NULL, NULL);
	struct walk walk = {.s = s, .seen = seen};

	for (guint i = 0; i < s->asserted->len; i++)
		own_walk(&walk, g_array_index(s->asserted, struct kg_word, i).term);
	if (extra && extra->term)
		own_walk(&walk, extra->term);
	return seen;
}

static void tell_definitions(struct solver *s, GHashTable *seen)
{
	for (guint i = 0; i < s->definitions->len; i++) {
		const struct definition *d = &g_array_index(s->definitions, struct definition, i);

		if (g_hash_table_contains(seen, d->of))
			Z3_solver_assert(s->ctx, s->z3, d->holds);
	}
	own_broke(s);
}

/* Quotients by the same number are in the order of what was divided. */
static void tell_order(struct solver *s, const struct definition *a, const struct definition *b)
{
	if (a->divisor != b->divisor)
		return;
	Z3_solver_assert(s->ctx, s->z3, Z3_mk_implies(s->ctx, Z3_mk_bvule(s->ctx, a->divided, b->divided), Z3_mk_bvule(s->ctx, a->of, b->of)));
	Z3_solver_assert(s->ctx, s->z3, Z3_mk_implies(s->ctx, Z3_mk_bvule(s->ctx, b->divided, a->divided), Z3_mk_bvule(s->ctx, b->of, a->of)));
}

/* What follows from the definitions without multiplying: x / d lies between x / 2^k and x / 2^(k + 1) for a d between the powers. */
static void tell_bounds(struct solver *s, GHashTable *seen)
{
	Z3_sort sort = Z3_mk_bv_sort(s->ctx, 64);

	for (guint i = 0; i < s->definitions->len; i++) {
		const struct definition *d = &g_array_index(s->definitions, struct definition, i);
		unsigned log = g_bit_storage(d->divisor) - 1; /* divisors are no powers of 2 */

		if (!g_hash_table_contains(seen, d->of))
			continue;
		for (guint k = 0; k < i; k++)
			if (g_hash_table_contains(seen, g_array_index(s->definitions, struct definition, k).of))
				tell_order(s, d, &g_array_index(s->definitions, struct definition, k));
		Z3_solver_assert(s->ctx, s->z3, Z3_mk_bvule(s->ctx, d->of, Z3_mk_bvlshr(s->ctx, d->divided, Z3_mk_unsigned_int64(s->ctx, log, sort))));
		Z3_solver_assert(s->ctx, s->z3, Z3_mk_bvuge(s->ctx, d->of, Z3_mk_bvlshr(s->ctx, d->divided, Z3_mk_unsigned_int64(s->ctx, log + 1, sort))));
	}
	own_broke(s);
}

/* Each quotient is the number that it is in [guess]: then no multiplication is left. */
static void tell_guess(struct solver *s, GHashTable *seen, const GArray *guess)
{
	Z3_sort sort = Z3_mk_bv_sort(s->ctx, 64);

	for (guint i = 0; i < s->definitions->len; i++) {
		const struct definition *d = &g_array_index(s->definitions, struct definition, i);
		uint64_t number = MIN(g_array_index(guess, uint64_t, i), ~0ull / d->divisor), least = number * d->divisor;
		uint64_t most = least + MIN(d->divisor - 1, ~0ull - least);

		if (!g_hash_table_contains(seen, d->of))
			continue;
		Z3_solver_assert(s->ctx, s->z3, Z3_mk_eq(s->ctx, d->of, Z3_mk_unsigned_int64(s->ctx, number, sort)));
		Z3_solver_assert(s->ctx, s->z3, Z3_mk_bvuge(s->ctx, d->divided, Z3_mk_unsigned_int64(s->ctx, least, sort)));
		Z3_solver_assert(s->ctx, s->z3, Z3_mk_bvule(s->ctx, d->divided, Z3_mk_unsigned_int64(s->ctx, most, sort)));
	}
	own_broke(s);
}

/* Is there a state with the quotients that are guessed? A "no" says nothing of others. */
static gboolean guess_is_right(struct solver *s, GHashTable *seen, const GArray *guess)
{
	gboolean is_right;

	if (guess->len < s->definitions->len)
		return FALSE;
	Z3_solver_push(s->ctx, s->z3);
	tell_guess(s, seen, guess);
	is_right = ask(s) == SOLVER_SAT;
	if (is_right)
		models_take(s);
	Z3_solver_pop(s->ctx, s->z3, 1);
	return is_right;
}

/*
 * Z3 found a state with any quotients. What is impossible without their definitions is so with them; only what is possible has to hold against those
 * that it speaks of. At first against what is cheap, which mostly leads to a state that can be.
 */
static enum solver_answer ask_with_quotients(struct solver *s, const struct kg_word *extra)
{
	g_autoptr(GHashTable) seen = quotients_in_question(s, extra);
	g_autoptr(GArray) guess = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	enum solver_answer ret;

	tell_bounds(s, seen);
	ret = ask(s);
	if (ret == SOLVER_UNSAT || (ret == SOLVER_SAT && (models_take_loose(s, extra, guess) || guess_is_right(s, seen, guess))))
		return ret;
	tell_definitions(s, seen);
	ret = ask(s);
	if (ret == SOLVER_SAT)
		models_take(s);
	return ret;
}

/* Ask Z3. [strictly]: a quotient is what was divided; otherwise SAT may be too much. A state that was found and can be is the last model. */
static enum solver_answer question(struct solver *s, const struct kg_word *extra, gboolean strictly)
{
	gboolean is_loose = s->definitions->len > 0, is_state = FALSE;
	enum solver_answer ret;

	if (!own_context(s))
		return SOLVER_UNKNOWN;
	tell(s);
	Z3_solver_push(s->ctx, s->z3);
	if (extra && extra->term)
		tell_one(s, *extra);
	ret = ask(s);
	if (ret == SOLVER_SAT && !is_loose)
		models_take(s);
	else if (ret == SOLVER_SAT)
		is_state = models_take_loose(s, extra, NULL);
	if (strictly && is_loose && ret != SOLVER_UNSAT && !is_state)
		ret = ask_with_quotients(s, extra);
	Z3_solver_pop(s->ctx, s->z3, 1);
	return ret;
}

/* Without Z3, where that is possible. */
static enum solver_answer answer_to(struct solver *s, const struct kg_word *extra, gboolean strictly)
{
	gint64 start = g_get_monotonic_time();
	enum solver_answer ret;

	if (s->is_broken)
		return SOLVER_UNKNOWN;
	if (s->n_false || (extra && !extra->term && !(extra->bits & 1)))
		return SOLVER_UNSAT;
	if (!s->ctx)
		return SOLVER_SAT; /* there are no terms: nothing was asserted */
	ret = models_allow(s, extra) ? SOLVER_SAT : question(s, extra, strictly);
	s->cost.checks++;
	s->cost.unknowns += strictly && ret == SOLVER_UNKNOWN;
	s->cost.ns += (g_get_monotonic_time() - start) * 1000;
	return ret;
}

enum solver_answer solver_check(struct solver *s, const struct kg_word *extra)
{
	return answer_to(s, extra, TRUE);
}

gboolean solver_is_possible(struct solver *s, struct kg_word condition)
{
	if (!condition.term)
		return condition.bits & 1;
	return answer_to(s, &condition, FALSE) != SOLVER_UNSAT;
}

const char *solver_reason(const struct solver *s)
{
	return s->reason ? s->reason : "no reason was given";
}

void solver_leaves(struct solver *s, struct kg_word w, void (*visit)(void *user, void *leaf), void *user)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	struct walk walk = {s, seen, visit, user};

	if (w.term)
		own_walk(&walk, w.term);
}

struct solver_cost solver_cost(const struct solver *s)
{
	return s->cost;
}

void solver_interrupt(struct solver *s)
{
	Z3_context ctx = g_atomic_pointer_get(&s->ctx);

	if (ctx)
		Z3_interrupt(ctx);
}

gboolean solver_is_broken(const struct solver *s)
{
	return s->is_broken;
}
