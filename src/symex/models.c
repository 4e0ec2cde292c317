/*
 * Models: states that the solver found. They are remembered, since a state that was found for one question often answers the next one: that something
 * can be is then seen by computing, and only what can't be is left to Z3.
 *
 * A quotient in a state is computed from what was divided (see quotient() in algebra.c), so that what defines it holds by itself. Z3 is asked without
 * the definitions at first; if the assertions still hold with the computed quotients, that is an answer, and the multiplications which
 * the definitions are made of were never looked into.
 */
#include "solver_own.h"

struct model *model_unref(struct solver *s, struct model *m)
{
	if (m && --m->refs == 0) {
		Z3_model_dec_ref(s->ctx, m->z3);
		g_free(m);
	}
	return NULL;
}

static struct model *model_ref(struct model *m)
{
	if (m)
		m->refs++;
	return m;
}

static struct model *model_new(struct solver *s)
{
	Z3_model z3 = Z3_solver_get_model(s->ctx, s->z3);
	struct model *m;

	if (!z3)
		return NULL;
	Z3_model_inc_ref(s->ctx, z3);
	m = g_new0(struct model, 1);
	m->refs = 1;
	m->z3 = z3;
	return m;
}

void models_free(struct solver *s)
{
	for (guint i = 0; i < s->models->len; i++)
		model_unref(s, s->models->pdata[i]);
	g_ptr_array_unref(s->models);
	s->model = model_unref(s, s->model);
	s->saved = model_unref(s, s->saved);
}

void models_popped(struct solver *s)
{
	for (guint i = 0; i < s->models->len; i++) {
		struct model *m = s->models->pdata[i];

		if (m->n_hold >= s->asserted->len) { /* what failed is gone */
			m->n_hold = s->asserted->len;
			m->fails = FALSE;
		}
	}
}

/* ---------------------------------------------------------------- what words are */

static gboolean number_of(struct solver *s, struct model *m, Z3_ast term, uint64_t *ret)
{
	Z3_ast value;

	return Z3_model_eval(s->ctx, m->z3, term, true, &value) && Z3_is_numeral_ast(s->ctx, value) && Z3_get_numeral_uint64(s->ctx, value, ret);
}

/* Quotients that it does not speak of yet, or not rightly. In the order of their making: one can be divided again. */
static void complete(struct solver *s, struct model *m)
{
	for (; m->n_quotients < s->definitions->len; m->n_quotients++) {
		const struct definition *d = &g_array_index(s->definitions, struct definition, m->n_quotients);
		uint64_t number = 0;

		number_of(s, m, d->divided, &number);
		Z3_add_const_interp(s->ctx, m->z3, Z3_get_app_decl(s->ctx, Z3_to_app(s->ctx, d->of)),
				    Z3_mk_unsigned_int64(s->ctx, number / d->divisor, Z3_mk_bv_sort(s->ctx, 64)));
	}
}

static uint64_t value_in(struct solver *s, struct model *m, struct kg_word w)
{
	uint64_t number = 0;

	if (!w.term)
		return w.bits;
	complete(s, m);
	return number_of(s, m, w.term, &number) ? number : 0;
}

/* Do all assertions hold in it? Of those below the last one that was looked at it is known. */
static gboolean all_hold(struct solver *s, struct model *m)
{
	while (!m->fails && m->n_hold < s->asserted->len) {
		if (value_in(s, m, g_array_index(s->asserted, struct kg_word, m->n_hold)) & 1)
			m->n_hold++;
		else
			m->fails = TRUE;
	}
	return !m->fails;
}

static gboolean allows(struct solver *s, struct model *m, const struct kg_word *extra)
{
	return all_hold(s, m) && (!extra || value_in(s, m, *extra) & 1);
}

/* ---------------------------------------------------------------- which model */

static void set_last(struct solver *s, struct model *m)
{
	model_ref(m);
	s->model = model_unref(s, s->model);
	s->model = m;
}

/* It takes the place of the one that has not served for longest. */
static void remember(struct solver *s, struct model *m)
{
	g_ptr_array_insert(s->models, 0, model_ref(m));
	if (s->models->len > MAX_MODELS)
		model_unref(s, g_ptr_array_steal_index(s->models, s->models->len - 1));
	set_last(s, m);
}

gboolean models_allow(struct solver *s, const struct kg_word *extra)
{
	for (guint i = 0; i < s->models->len; i++) {
		struct model *m = s->models->pdata[i];

		if (!allows(s, m, extra))
			continue;
		g_ptr_array_insert(s->models, 0, g_ptr_array_steal_index(s->models, i));
		set_last(s, m);
		return TRUE;
	}
	return FALSE;
}

void models_take(struct solver *s)
{
	struct model *m = model_new(s);

	if (!m)
		return;
	m->n_hold = s->asserted->len;
	remember(s, m);
	model_unref(s, m);
}

gboolean models_take_loose(struct solver *s, const struct kg_word *extra, GArray *ret_quotients)
{
	struct model *m = model_new(s);
	gboolean is_state;

	for (guint i = 0; m && ret_quotients && i < s->definitions->len; i++) {
		uint64_t number = 0;

		number_of(s, m, g_array_index(s->definitions, struct definition, i).of, &number);
		g_array_append_val(ret_quotients, number);
	}
	is_state = m && allows(s, m, extra);
	if (is_state)
		remember(s, m);
	model_unref(s, m);
	return is_state;
}

uint64_t solver_value(struct solver *s, struct kg_word w)
{
	return s->model || !w.term ? value_in(s, s->model, w) : 0;
}

void solver_save_model(struct solver *s)
{
	model_ref(s->model);
	s->saved = model_unref(s, s->saved);
	s->saved = s->model;
}

void solver_restore_model(struct solver *s)
{
	set_last(s, s->saved);
}
