/* Numbers: 64-bit words with the width and sign of their type. See kgent/expr.h for the rules. */
#include "expr_part.h"

#include <arpa/inet.h>

struct kg_word expr_word_op(const struct kg_expr_env *env, enum kg_op op, struct kg_word a, struct kg_word b)
{
	return env->algebra->binary(env->self, op, 64, a, b);
}

struct kg_word expr_bit_op(const struct kg_expr_env *env, enum kg_op op, struct kg_word a, struct kg_word b)
{
	return env->algebra->binary(env->self, op, 1, a, b);
}

struct kg_word expr_bit_not(const struct kg_expr_env *env, struct kg_word bit)
{
	return expr_bit_op(env, KG_OP_XOR, bit, KG_WORD(1));
}

struct kg_word expr_word_bool(const struct kg_expr_env *env, struct kg_word bit)
{
	return env->algebra->extend(env->self, bit, 1, 64, FALSE);
}

struct kg_word expr_word_fit(const struct kg_expr_env *env, struct kg_word a, unsigned width, gboolean is_signed)
{
	if (width >= 64)
		return a;
	return env->algebra->extend(env->self, env->algebra->extract(env->self, a, width - 1, 0), width, 64, is_signed);
}

struct kg_word expr_word_swap(const struct kg_expr_env *env, struct kg_word a, unsigned width)
{
	struct kg_word out = env->algebra->extract(env->self, a, 7, 0);

	for (unsigned at = 8; at < width; at += 8)
		out = env->algebra->concat(env->self, out, at, env->algebra->extract(env->self, a, at + 7, at), 8);
	return width < 64 ? env->algebra->extend(env->self, out, width, 64, FALSE) : out;
}

struct kg_expr_value expr_number_of(struct kg_word word, unsigned width, gboolean is_signed)
{
	return (struct kg_expr_value){.kind = KG_EXPR_NUMBER, .word = word, .width = width, .is_signed = is_signed};
}

struct kg_expr_value expr_constant_of(int64_t value)
{
	return (struct kg_expr_value){
		.kind = KG_EXPR_NUMBER, .word = KG_WORD((uint64_t)value), .width = 64, .is_signed = TRUE, .is_constant = TRUE};
}

struct kg_expr_value expr_in_host_order(const struct kg_expr_env *env, const struct kg_expr_value *v)
{
	struct kg_expr_value host = *v;

	if (v->kind != KG_EXPR_NUMBER || !v->is_big_endian)
		return host;
	host.word = expr_word_swap(env, v->word, v->width);
	host.is_big_endian = FALSE;
	host.type = NULL;
	return host;
}

/* ------------------------------------------------------------------ unary */

static int eval_operand(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	int r = expr_eval_number(ev, kg_bt_kid(n, 0), ret, err);

	if (r == 0)
		ret->as = KG_AS_NONE;
	return r;
}

static int eval_not(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	struct kg_word bit;
	int r = expr_eval_node(ev, kg_bt_kid(n, 0), &v, err);

	if (r == 0)
		r = expr_failed_at(ev, kg_bt_kid(n, 0), kg_expr_truth(&v, ev->env, &bit, err));
	if (r == 0)
		*ret = expr_number_of(expr_word_bool(ev->env, expr_bit_not(ev->env, bit)), 1, FALSE);
	return r;
}

int expr_eval_unary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r;

	if (n->op == KG_BT_NOT)
		return eval_not(ev, n, ret, err);
	if (n->op == KG_BT_DEREF)
		return expr_eval_deref(ev, n, ret, err);
	if (n->op == KG_BT_ADDR)
		return expr_eval_address(ev, n, ret, err);
	if (n->op != KG_BT_MINUS && n->op != KG_BT_BNOT)
		return expr_fail(ev, n, err, KG_E_UNSUPPORTED, "'%s' changes something; a contract only looks", kg_bt_op_text(n->op));
	r = eval_operand(ev, n, &v, err);
	if (r < 0)
		return r;
	if (v.is_constant)
		*ret = expr_constant_of(n->op == KG_BT_MINUS ? (int64_t)(0 - v.word.bits) : (int64_t)~v.word.bits);
	else if (n->op == KG_BT_MINUS)
		*ret = expr_number_of(expr_word_op(ev->env, KG_OP_SUB, KG_WORD(0), v.word), 64, TRUE);
	else
		*ret = expr_number_of(expr_word_op(ev->env, KG_OP_XOR, v.word, KG_WORD(~0ull)), 64, v.is_signed);
	return 0;
}

/* ----------------------------------------------------------------- binary */

/* Both are numbers by value; only an unsigned number of 64 bits can't be a signed word. */
static gboolean is_wide(const struct kg_expr_value *v)
{
	if (v->kind == KG_EXPR_POINTER)
		return TRUE;
	return !v->is_constant && !v->is_signed && v->width >= 64;
}

static int64_t constant_op(enum kg_bt_op op, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (op) {
	case KG_BT_PLUS: return (int64_t)(a + b);
	case KG_BT_MINUS: return (int64_t)(a - b);
	case KG_BT_MUL: return (int64_t)(a * b);
	case KG_BT_DIV: return !y ? 0 : y == -1 ? (int64_t)(0 - a) : x / y;
	case KG_BT_MOD: return !y ? x : y == -1 ? 0 : x % y;
	case KG_BT_SHL: return (int64_t)(a << (b & 63));
	case KG_BT_SHR: return x >> (b & 63);
	case KG_BT_BAND: return (int64_t)(a & b);
	case KG_BT_BOR: return (int64_t)(a | b);
	default: return (int64_t)(a ^ b);
	}
}

/* x / 0 is 0 and x % 0 is x. */
static struct kg_word divide(const struct kg_expr_env *env, gboolean is_mod, gboolean is_wide_, struct kg_word a, struct kg_word b)
{
	enum kg_op op = is_mod ? (is_wide_ ? KG_OP_UMOD : KG_OP_SMOD) : is_wide_ ? KG_OP_UDIV : KG_OP_SDIV;
	struct kg_word by_zero = expr_word_op(env, KG_OP_EQ, b, KG_WORD(0));

	return env->algebra->select(env->self, by_zero, 64, is_mod ? a : KG_WORD(0), expr_word_op(env, op, a, b));
}

static struct kg_word arithmetic(const struct kg_expr_env *env, enum kg_bt_op op, gboolean wide, gboolean left_is_signed, struct kg_word a,
				 struct kg_word b)
{
	struct kg_word amount = op == KG_BT_SHL || op == KG_BT_SHR ? expr_word_op(env, KG_OP_AND, b, KG_WORD(63)) : b;

	switch (op) {
	case KG_BT_PLUS: return expr_word_op(env, KG_OP_ADD, a, b);
	case KG_BT_MINUS: return expr_word_op(env, KG_OP_SUB, a, b);
	case KG_BT_MUL: return expr_word_op(env, KG_OP_MUL, a, b);
	case KG_BT_DIV: return divide(env, FALSE, wide, a, b);
	case KG_BT_MOD: return divide(env, TRUE, wide, a, b);
	case KG_BT_SHL: return expr_word_op(env, KG_OP_SHL, a, amount);
	case KG_BT_SHR: return expr_word_op(env, left_is_signed ? KG_OP_ASHR : KG_OP_LSHR, a, amount);
	case KG_BT_BAND: return expr_word_op(env, KG_OP_AND, a, b);
	case KG_BT_BOR: return expr_word_op(env, KG_OP_OR, a, b);
	default: return expr_word_op(env, KG_OP_XOR, a, b);
	}
}

static struct kg_word compare(const struct kg_expr_env *env, enum kg_bt_op op, gboolean wide, struct kg_word a, struct kg_word b)
{
	enum kg_op lt = wide ? KG_OP_ULT : KG_OP_SLT, le = wide ? KG_OP_ULE : KG_OP_SLE;

	switch (op) {
	case KG_BT_EQ: return expr_word_op(env, KG_OP_EQ, a, b);
	case KG_BT_NE: return expr_word_op(env, KG_OP_NE, a, b);
	case KG_BT_LT: return expr_word_op(env, lt, a, b);
	case KG_BT_LE: return expr_word_op(env, le, a, b);
	case KG_BT_GT: return expr_word_op(env, lt, b, a);
	default: return expr_word_op(env, le, b, a);
	}
}

/* An arithmetic result is unsigned only where C has it so for 64 bits: an unsigned operand that wide. */
static struct kg_expr_value combine(const struct kg_expr_env *env, enum kg_bt_op op, const struct kg_expr_value *x, const struct kg_expr_value *y)
{
	gboolean wide = is_wide(x) || is_wide(y);
	gboolean left_is_signed = x->is_signed || x->width < 64; /* a narrower unsigned one is not negative: both shifts are the same */

	if (x->is_constant && y->is_constant)
		return expr_constant_of(constant_op(op, x->word.bits, y->word.bits));
	if (op == KG_BT_SHL || op == KG_BT_SHR)
		wide = is_wide(x);
	struct kg_expr_value v = expr_number_of(arithmetic(env, op, wide, left_is_signed, x->word, y->word), 64, !wide);

	v.space = x->space == KG_SPACE_USER || y->space == KG_SPACE_USER ? KG_SPACE_USER : KG_SPACE_KERNEL; /* an address and an offset */
	return v;
}

static gboolean is_compare(enum kg_bt_op op)
{
	return op >= KG_BT_LT && op <= KG_BT_NE;
}

static int64_t constant_compare(enum kg_bt_op op, int64_t a, int64_t b)
{
	switch (op) {
	case KG_BT_EQ: return a == b;
	case KG_BT_NE: return a != b;
	case KG_BT_LT: return a < b;
	case KG_BT_LE: return a <= b;
	case KG_BT_GT: return a > b;
	default: return a >= b;
	}
}

static int eval_logic(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_word bit[2];

	for (guint i = 0; i < 2; i++) {
		struct kg_expr_value v;
		int r = expr_eval_node(ev, kg_bt_kid(n, i), &v, err);

		if (r == 0)
			r = expr_failed_at(ev, kg_bt_kid(n, i), kg_expr_truth(&v, ev->env, &bit[i], err));
		if (r < 0)
			return r;
	}
	*ret = expr_number_of(expr_word_bool(ev->env, expr_bit_op(ev->env, n->op == KG_BT_LAND ? KG_OP_AND : KG_OP_OR, bit[0], bit[1])), 1, FALSE);
	return 0;
}

/* pointer + n counts elements; so does the difference of two pointers. */
static int eval_pointer(struct eval *ev, const struct kg_bt_node *n, const struct kg_expr_value *x, const struct kg_expr_value *y,
			struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_expr_value *p = x->kind == KG_EXPR_POINTER ? x : y, *other = p == x ? y : x;
	g_autofree char *pointee = p->type ? expr_type_pointee(p->type) : NULL;
	gboolean is_void = !pointee || !strcmp(pointee, "void") || !strcmp(pointee, "const void");
	uint32_t size = 1;
	int r = is_void ? 0 : expr_type_size(ev, n, pointee, &size, err);

	if (r < 0)
		return r;
	if (n->op == KG_BT_MINUS && other->kind == KG_EXPR_POINTER) {
		struct kg_word bytes = expr_word_op(ev->env, KG_OP_SUB, x->word, y->word);

		*ret = expr_number_of(divide(ev->env, FALSE, FALSE, bytes, KG_WORD(MAX(size, 1))), 64, TRUE);
		return 0;
	}
	if (other->kind != KG_EXPR_NUMBER || (n->op == KG_BT_MINUS && p != x))
		return expr_fail(ev, n, err, KG_E_INVAL, "two addresses can only be subtracted or compared");
	*ret = *p;
	ret->word = expr_word_op(ev->env, n->op == KG_BT_PLUS ? KG_OP_ADD : KG_OP_SUB, p->word,
				 expr_word_op(ev->env, KG_OP_MUL, other->word, KG_WORD(MAX(size, 1))));
	return 0;
}

static gboolean is_texty(const struct kg_expr_value *v)
{
	return v->kind == KG_EXPR_BYTES || v->kind == KG_EXPR_STRING || v->kind == KG_EXPR_OBJECT || v->kind == KG_EXPR_TOKEN;
}

/* Beside an address, a literal is one, too: ntop(daddr) == "10.0.0.1". */
static int literal_address(struct eval *ev, const struct kg_bt_node *at, const struct kg_expr_value *address, struct kg_expr_value *v, struct kg_error *err)
{
	guint8 bytes[16];
	guint n = address->as == KG_AS_IPV4 ? 4 : 16;

	if (address->kind != KG_EXPR_BYTES || (address->as != KG_AS_IPV4 && address->as != KG_AS_IPV6) || at->kind != KG_BT_STRING)
		return 0;
	if (inet_pton(n == 4 ? AF_INET : AF_INET6, at->text, bytes) != 1)
		return expr_fail(ev, at, err, KG_E_INVAL, "this is not %s, as the other one is", kg_as_info(address->as)->plain);
	*v = expr_bytes_new(ev->env, n);
	v->as = address->as;
	for (guint i = 0; i < n; i++)
		v->bytes[i] = KG_WORD(bytes[i]);
	return 0;
}

static int eval_equal(struct eval *ev, const struct kg_bt_node *n, const struct kg_expr_value *x, const struct kg_expr_value *y,
		      struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_word bit;
	int r = kg_expr_equal(x, y, ev->env, &bit, err);

	if (r < 0)
		return expr_failed_at(ev, n, r);
	*ret = expr_number_of(expr_word_bool(ev->env, n->op == KG_BT_EQ ? bit : expr_bit_not(ev->env, bit)), 1, FALSE);
	return 0;
}

int expr_eval_binary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value x, y;
	int r;

	if (n->op == KG_BT_LAND || n->op == KG_BT_LOR)
		return eval_logic(ev, n, ret, err);
	if ((r = expr_eval_node(ev, kg_bt_kid(n, 0), &x, err)) < 0 || (r = expr_eval_node(ev, kg_bt_kid(n, 1), &y, err)) < 0)
		return r;
	if (n->op == KG_BT_EQ || n->op == KG_BT_NE) {
		if ((r = literal_address(ev, kg_bt_kid(n, 0), &y, &x, err)) < 0 || (r = literal_address(ev, kg_bt_kid(n, 1), &x, &y, err)) < 0)
			return r;
		if (is_texty(&x) || is_texty(&y))
			return eval_equal(ev, n, &x, &y, ret, err);
	}
	if (is_texty(&x) || is_texty(&y))
		return expr_fail(ev, kg_bt_kid(n, is_texty(&x) ? 0 : 1), err, KG_E_INVAL, "'%s' needs numbers", kg_bt_op_text(n->op));
	x = expr_in_host_order(ev->env, &x);
	y = expr_in_host_order(ev->env, &y);
	if (is_compare(n->op) && x.is_constant && y.is_constant)
		*ret = expr_constant_of(constant_compare(n->op, (int64_t)x.word.bits, (int64_t)y.word.bits));
	else if (is_compare(n->op))
		*ret = expr_number_of(expr_word_bool(ev->env, compare(ev->env, n->op, is_wide(&x) || is_wide(&y), x.word, y.word)), 1, FALSE);
	else if ((n->op == KG_BT_PLUS || n->op == KG_BT_MINUS) && (x.kind == KG_EXPR_POINTER || y.kind == KG_EXPR_POINTER))
		return eval_pointer(ev, n, &x, &y, ret, err);
	else
		*ret = combine(ev->env, n->op, &x, &y);
	return 0;
}

/* ---------------------------------------------------------------- ternary */

static struct kg_expr_value select_bytes(struct eval *ev, struct kg_word bit, const struct kg_expr_value *x, const struct kg_expr_value *y)
{
	struct kg_expr_value v = expr_bytes_new(ev->env, x->n_bytes);

	for (guint i = 0; i < v.n_bytes; i++)
		v.bytes[i] = ev->env->algebra->select(ev->env->self, bit, 8, x->bytes[i], y->bytes[i]);
	v.is_text = x->is_text;
	v.as = x->as == y->as ? x->as : KG_AS_NONE;
	return v;
}

static gboolean can_select(const struct kg_expr_value *x, const struct kg_expr_value *y)
{
	if (x->kind != y->kind)
		return FALSE;
	if (x->kind == KG_EXPR_BYTES || x->kind == KG_EXPR_OBJECT)
		return x->n_bytes == y->n_bytes;
	if (x->kind == KG_EXPR_TOKEN)
		return !strcmp(x->token, y->token);
	return x->kind == KG_EXPR_NUMBER || x->space == y->space;
}

int expr_eval_ternary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value c, x, y;
	struct kg_word bit;
	int r;

	if ((r = expr_eval_node(ev, kg_bt_kid(n, 0), &c, err)) < 0 ||
	    (r = expr_failed_at(ev, kg_bt_kid(n, 0), kg_expr_truth(&c, ev->env, &bit, err))) < 0 ||
	    (r = expr_eval_node(ev, kg_bt_kid(n, 1), &x, err)) < 0 || (r = expr_eval_node(ev, kg_bt_kid(n, 2), &y, err)) < 0)
		return r;
	if (x.is_big_endian != y.is_big_endian || x.width != y.width) {
		x = expr_in_host_order(ev->env, &x);
		y = expr_in_host_order(ev->env, &y);
	}
	if (!can_select(&x, &y))
		return expr_fail(ev, n, err, KG_E_INVAL, "the two values are not of one kind");
	if (x.kind == KG_EXPR_BYTES) {
		*ret = select_bytes(ev, bit, &x, &y);
		return 0;
	}
	*ret = x;
	ret->is_constant = FALSE;
	ret->word = ev->env->algebra->select(ev->env->self, bit, 64, x.word, y.word);
	ret->width = MAX(x.width, y.width);
	ret->is_signed = !is_wide(&x) && !is_wide(&y) && (x.is_signed || y.is_signed);
	return 0;
}
