/* The executor's words: the solver's algebra under three names, and short hands. */
#include "state.h"

/* kg_terms: self is the executor. */
static struct kg_word x_binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	return solver_algebra.binary(((struct kg_symex *)self)->solver, op, width, a, b);
}

static struct kg_word x_extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	return solver_algebra.extract(((struct kg_symex *)self)->solver, a, high, low);
}

static struct kg_word x_concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	return solver_algebra.concat(((struct kg_symex *)self)->solver, high, high_width, low, low_width);
}

static struct kg_word x_extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	return solver_algebra.extend(((struct kg_symex *)self)->solver, a, from, to, is_signed);
}

static struct kg_word x_select(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no)
{
	return solver_algebra.select(((struct kg_symex *)self)->solver, condition, width, yes, no);
}

const struct kg_algebra kg_terms = {x_binary, x_extract, x_concat, x_extend, x_select};

/* The same for a step: self is the state of the path. */
static struct kg_word s_binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	return x_binary(((struct kg_state *)self)->x, op, width, a, b);
}

static struct kg_word s_extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	return x_extract(((struct kg_state *)self)->x, a, high, low);
}

static struct kg_word s_concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	return x_concat(((struct kg_state *)self)->x, high, high_width, low, low_width);
}

static struct kg_word s_extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	return x_extend(((struct kg_state *)self)->x, a, from, to, is_signed);
}

static struct kg_word s_select(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no)
{
	return x_select(((struct kg_state *)self)->x, condition, width, yes, no);
}

const struct kg_algebra sx_step_algebra = {s_binary, s_extract, s_concat, s_extend, s_select};

struct kg_word sx_op(struct kg_symex *x, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	return x_binary(x, op, width, a, b);
}

struct kg_word sx_extract(struct kg_symex *x, struct kg_word a, unsigned high, unsigned low)
{
	return x_extract(x, a, high, low);
}

struct kg_word sx_extend(struct kg_symex *x, struct kg_word a, unsigned from, unsigned to)
{
	return x_extend(x, a, from, to, FALSE);
}

struct kg_word sx_select(struct kg_symex *x, struct kg_word c, unsigned width, struct kg_word yes, struct kg_word no)
{
	return x_select(x, c, width, yes, no);
}

struct kg_word sx_and(struct kg_symex *x, struct kg_word a, struct kg_word b)
{
	if (!a.term)
		return a.bits & 1 ? b : KG_WORD(0);
	if (!b.term)
		return b.bits & 1 ? a : KG_WORD(0);
	return x_binary(x, KG_OP_AND, 1, a, b);
}

struct kg_word sx_or(struct kg_symex *x, struct kg_word a, struct kg_word b)
{
	if (!a.term)
		return a.bits & 1 ? KG_WORD(1) : b;
	if (!b.term)
		return b.bits & 1 ? KG_WORD(1) : a;
	return x_binary(x, KG_OP_OR, 1, a, b);
}

struct kg_word sx_not(struct kg_symex *x, struct kg_word a)
{
	return x_binary(x, KG_OP_XOR, 1, a, KG_WORD(1));
}

struct kg_word sx_join(struct kg_symex *x, const struct kg_word *bytes, guint n)
{
	struct kg_word ret = bytes[0];

	for (guint i = 1; i < n; i++)
		ret = x_concat(x, bytes[i], 8, ret, 8 * i);
	return ret;
}
