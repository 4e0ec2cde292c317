/*
 * The solver against counting: random conditions about two inputs of 4 bits, with quotients and choices among them, asserted and taken back in
 * random order. Each answer has to be the one that trying all 256 states gives, and each state that is told has to be one of those.
 */
#include "../../src/symex/solver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>

#define STATES 256
#define SCALE 977 /* so that quotients by 1000 are not all 0 */

struct session {
	struct solver *solver;
	struct kg_word inputs[2];
	GRand *rand;
	GArray *asserted; /* guint32: seeds of conditions */
	GArray *levels;   /* guint: how many were asserted when a level was opened */
	guint n_sat, n_unsat;
};

static struct kg_word compute(const struct kg_algebra *algebra, void *self, GRand *rand, const struct kg_word *words, guint n)
{
	static const uint64_t divisors[] = {3, 10, 200, 1000, 8};
	static const enum kg_op ops[] = {KG_OP_ADD, KG_OP_SUB, KG_OP_AND, KG_OP_OR, KG_OP_XOR, KG_OP_MUL};
	struct kg_word a = words[g_rand_int_range(rand, 0, (int)n)], b = words[g_rand_int_range(rand, 0, (int)n)];
	struct kg_word number = KG_WORD((uint64_t)g_rand_int_range(rand, 0, 20000)), divisor = KG_WORD(divisors[g_rand_int_range(rand, 0, 5)]);

	switch (g_rand_int_range(rand, 0, 5)) {
	case 0:
		return algebra->binary(self, KG_OP_UDIV, 64, a, divisor);
	case 1:
		return algebra->binary(self, KG_OP_UMOD, 64, a, divisor);
	case 2:
		return algebra->select(self, algebra->binary(self, KG_OP_ULT, 64, a, number), 64, b, number);
	case 3:
		return algebra->extend(self, algebra->extract(self, a, 15, 0), 16, 64, g_rand_boolean(rand));
	default:
		return algebra->binary(self, ops[g_rand_int_range(rand, 0, G_N_ELEMENTS(ops))], 64, a, b);
	}
}

/* The condition of this seed, of 1 bit. The same of numbers and of terms. */
static struct kg_word condition(const struct kg_algebra *algebra, void *self, guint32 seed, const struct kg_word *inputs)
{
	static const enum kg_op ops[] = {KG_OP_EQ, KG_OP_NE, KG_OP_ULT, KG_OP_ULE, KG_OP_SLT, KG_OP_SLE};
	GRand *rand = g_rand_new_with_seed(seed);
	struct kg_word words[6], right, ret;
	guint n = 2;

	for (guint i = 0; i < 2; i++)
		words[i] = algebra->binary(self, KG_OP_MUL, 64, algebra->extend(self, inputs[i], 4, 64, FALSE), KG_WORD(SCALE));
	for (; n < G_N_ELEMENTS(words); n++)
		words[n] = compute(algebra, self, rand, words, n);
	right = g_rand_boolean(rand) ? words[n - 2] : KG_WORD((uint64_t)g_rand_int_range(rand, 0, 40));
	ret = algebra->binary(self, ops[g_rand_int_range(rand, 0, G_N_ELEMENTS(ops))], 64, words[n - 1], right);
	g_rand_free(rand);
	return ret;
}

static gboolean holds(guint32 seed, guint state)
{
	const struct kg_word inputs[2] = {KG_WORD(state & 15), KG_WORD(state >> 4)};

	return condition(&kg_numbers, NULL, seed, inputs).bits & 1;
}

static gboolean all_hold(const struct session *s, guint state, const guint32 *extra)
{
	for (guint i = 0; i < s->asserted->len; i++)
		if (!holds(g_array_index(s->asserted, guint32, i), state))
			return FALSE;
	return !extra || holds(*extra, state);
}

static gboolean some_state(const struct session *s, const guint32 *extra)
{
	for (guint state = 0; state < STATES; state++)
		if (all_hold(s, state, extra))
			return TRUE;
	return FALSE;
}

static void ask(struct session *s, const guint32 *extra)
{
	struct kg_word word = extra ? condition(&solver_algebra, s->solver, *extra, s->inputs) : KG_WORD(1);
	enum solver_answer answer = solver_check(s->solver, extra ? &word : NULL);
	gboolean is_possible = some_state(s, extra);

	assert_int_equal(answer, is_possible ? SOLVER_SAT : SOLVER_UNSAT);
	s->n_sat += is_possible;
	s->n_unsat += !is_possible;
	if (!is_possible)
		return;
	guint state = (guint)(solver_value(s->solver, s->inputs[0]) | solver_value(s->solver, s->inputs[1]) << 4);

	assert_true(all_hold(s, state, extra));
	if (extra)
		assert_int_equal(solver_value(s->solver, word), 1);
}

static void ask_loosely(struct session *s, guint32 extra)
{
	struct kg_word word = condition(&solver_algebra, s->solver, extra, s->inputs);

	if (some_state(s, &extra))
		assert_true(solver_is_possible(s->solver, word)); /* the other way it may be too much */
}

static void take_back(struct session *s)
{
	guint n = g_array_index(s->levels, guint, s->levels->len - 1);

	solver_pop(s->solver);
	g_array_set_size(s->levels, s->levels->len - 1);
	g_array_set_size(s->asserted, n);
}

static void act(struct session *s)
{
	guint32 seed = g_rand_int(s->rand);

	switch (g_rand_int_range(s->rand, 0, 10)) {
	case 0: case 1:
		solver_push(s->solver);
		g_array_append_val(s->levels, s->asserted->len);
		break;
	case 2: case 3:
		if (s->levels->len)
			take_back(s);
		break;
	case 4: case 5:
		solver_assert(s->solver, condition(&solver_algebra, s->solver, seed, s->inputs));
		g_array_append_val(s->asserted, seed);
		break;
	case 6: case 7:
		ask(s, NULL);
		break;
	case 8:
		ask_loosely(s, seed);
		break;
	default:
		ask(s, &seed);
	}
}

static void test_counting(void **state)
{
	struct session s = {.rand = g_rand_new_with_seed(5)};

	(void)state;
	for (guint i = 0; i < 12; i++) {
		s.solver = solver_new(0, 0);
		s.inputs[0] = solver_input(s.solver, "a", 4);
		s.inputs[1] = solver_input(s.solver, "b", 4);
		s.asserted = g_array_new(FALSE, FALSE, sizeof(guint32));
		s.levels = g_array_new(FALSE, FALSE, sizeof(guint));
		for (guint k = 0; k < 80; k++)
			act(&s);
		g_array_unref(s.asserted);
		g_array_unref(s.levels);
		solver_free(s.solver);
	}
	g_rand_free(s.rand);
	assert_true(s.n_sat > 50 && s.n_unsat > 50); /* both are asked for */
}

/* x / 1000000000 != x / 1000000: multiplied out, this takes Z3 half a minute or forever, and a hundred times these steps. */
static void test_two_quotients(void **state)
{
	struct solver *s = solver_new(200000, 0);
	struct kg_word x = solver_input(s, "x", 64), differ;

	(void)state;
	differ = solver_algebra.binary(s, KG_OP_NE, 64, solver_algebra.binary(s, KG_OP_UDIV, 64, x, KG_WORD(1000000000)),
				       solver_algebra.binary(s, KG_OP_UDIV, 64, x, KG_WORD(1000000)));
	assert_int_equal(solver_check(s, &differ), SOLVER_SAT);
	assert_int_not_equal(solver_value(s, x) / 1000000000, solver_value(s, x) / 1000000);
	solver_free(s);
}

static gboolean give_all_but_b(void *user, const char *name, uint64_t *ret)
{
	*ret = *(const uint64_t *)user;
	return *name != 'b';
}

static void test_given(void **state)
{
	uint64_t number = 0x1ff;
	struct solver *s = solver_new(0, 0);
	struct kg_word a, b;

	(void)state;
	solver_give(s, give_all_but_b, &number);
	a = solver_input(s, "a", 8);
	assert_null(a.term);
	assert_int_equal(a.bits, 0xff); /* of its width */
	assert_int_equal(solver_byte(s, SOLVER_PACKET, KG_WORD(7)).bits, 0xff);
	assert_int_equal(solver_token(s, "token", NULL, NULL, 0).bits, 0x1ff);
	solver_push(s);
	solver_assert(s, KG_WORD(1));
	assert_int_equal(solver_check(s, NULL), SOLVER_SAT);
	solver_assert(s, KG_WORD(0));
	assert_int_equal(solver_check(s, NULL), SOLVER_UNSAT);
	solver_pop(s);
	assert_int_equal(solver_check(s, NULL), SOLVER_SAT);
	b = solver_input(s, "b", 8);
	assert_non_null(b.term);
	b = solver_algebra.binary(s, KG_OP_EQ, 8, b, KG_WORD(3));
	assert_int_equal(solver_check(s, &b), SOLVER_SAT);
	solver_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_two_quotients),
		cmocka_unit_test(test_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
