/*
 * The algebra of numbers: what the primitive operations mean for machine words. A word of less than 64 bits is kept zero-extended.
 *
 * Division goes through unsigned numbers of the width, so that least / -1 overflows nowhere in C.
 */
#include <kgent/isa.h>

static uint64_t mask(unsigned width)
{
	return width >= 64 ? UINT64_MAX : (1ull << width) - 1;
}

static int64_t sign_extend(uint64_t a, unsigned width)
{
	unsigned unused = 64 - width;

	return unused < 64 ? (int64_t)(a << unused) >> unused : 0;
}

/* Truncating: the quotient is rounded towards zero, the rest has the sign of the dividend. */
static uint64_t divide_signed(unsigned width, uint64_t a, uint64_t b, gboolean want_rest)
{
	int64_t x = sign_extend(a, width), y = sign_extend(b, width);
	uint64_t ux = x < 0 ? -(uint64_t)x : (uint64_t)x, uy = y < 0 ? -(uint64_t)y : (uint64_t)y;

	if (!uy)
		return want_rest ? a : UINT64_MAX;
	if (want_rest)
		return x < 0 ? -(ux % uy) : ux % uy;
	return (x < 0) != (y < 0) ? -(ux / uy) : ux / uy;
}

static uint64_t compare(enum kg_op op, unsigned width, uint64_t a, uint64_t b)
{
	switch (op) {
	case KG_OP_EQ: return a == b;
	case KG_OP_NE: return a != b;
	case KG_OP_ULT: return a < b;
	case KG_OP_ULE: return a <= b;
	case KG_OP_SLT: return sign_extend(a, width) < sign_extend(b, width);
	default: return sign_extend(a, width) <= sign_extend(b, width);
	}
}

static uint64_t calculate(enum kg_op op, unsigned width, uint64_t a, uint64_t b)
{
	switch (op) {
	case KG_OP_ADD: return a + b;
	case KG_OP_SUB: return a - b;
	case KG_OP_MUL: return a * b;
	case KG_OP_UDIV: return b ? a / b : UINT64_MAX;
	case KG_OP_UMOD: return b ? a % b : a;
	case KG_OP_SDIV: return divide_signed(width, a, b, FALSE);
	case KG_OP_SMOD: return divide_signed(width, a, b, TRUE);
	case KG_OP_AND: return a & b;
	case KG_OP_OR: return a | b;
	case KG_OP_XOR: return a ^ b;
	case KG_OP_SHL: return b < width ? a << b : 0;
	case KG_OP_LSHR: return b < width ? a >> b : 0;
	case KG_OP_ASHR: return (uint64_t)(sign_extend(a, width) >> MIN(b, width - 1));
	default: return 0;
	}
}

uint64_t kg_op_number(enum kg_op op, unsigned width, uint64_t a, uint64_t b)
{
	a &= mask(width);
	b &= mask(width);
	return kg_op_compares(op) ? compare(op, width, a, b) : calculate(op, width, a, b) & mask(width);
}

static struct kg_word number_binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	struct kg_word ret = KG_WORD(kg_op_number(op, width, a.bits, b.bits));

	if (op == KG_OP_ADD || op == KG_OP_SUB)
		ret.region = a.region ? a.region : b.region;
	return ret;
}

static struct kg_word number_extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	return KG_WORD((a.bits >> low) & mask(high - low + 1));
}

static struct kg_word number_concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	return KG_WORD((low_width < 64 ? high.bits << low_width : 0) | low.bits);
}

static struct kg_word number_extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	return KG_WORD(is_signed ? (uint64_t)sign_extend(a.bits, from) & mask(to) : a.bits);
}

static struct kg_word number_select(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no)
{
	return condition.bits & 1 ? yes : no;
}

const struct kg_algebra kg_numbers = {
	.binary = number_binary,
	.extract = number_extract,
	.concat = number_concat,
	.extend = number_extend,
	.select = number_select,
};
