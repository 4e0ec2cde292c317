/* What a user sees of a value, and when two values are the same to a user. */
#include "expr_part.h"

#include <string.h>

static const struct kg_as_info as_infos[KG_ASES] = {
	[KG_AS_NONE] = {"", 0, "as its type says"},
	[KG_AS_IPV4] = {"ipv4", 0, "an IPv4 address"},
	[KG_AS_IPV6] = {"ipv6", 0, "an IPv6 address"},
	[KG_AS_PORT] = {"port", 0, "a port in host order"},
	[KG_AS_U8] = {"u8", 0, "an unsigned number of 8 bits"},
	[KG_AS_U16] = {"u16", 0, "an unsigned number of 16 bits"},
	[KG_AS_U32] = {"u32", 0, "an unsigned number of 32 bits"},
	[KG_AS_U64] = {"u64", 0, "an unsigned number of 64 bits"},
	[KG_AS_S8] = {"s8", 0, "a signed number of 8 bits"},
	[KG_AS_S16] = {"s16", 0, "a signed number of 16 bits"},
	[KG_AS_S32] = {"s32", 0, "a signed number of 32 bits"},
	[KG_AS_S64] = {"s64", 0, "a signed number of 64 bits"},
	[KG_AS_STRING] = {"string", 0, "a text"},
	[KG_AS_BYTES] = {"bytes", 0, "memory as it is"},
	[KG_AS_HEX] = {"hex", 0, "a number in hexadecimal"},
	[KG_AS_NS] = {"ns", 1, "nanoseconds"},
	[KG_AS_US] = {"us", 1000, "microseconds"},
	[KG_AS_MS] = {"ms", 1000000, "milliseconds"},
	[KG_AS_S] = {"s", 1000000000, "seconds"},
	[KG_AS_BOOL] = {"bool", 0, "1 or 0"},
	[KG_AS_KSYM] = {"ksym", 0, "a kernel symbol"},
	[KG_AS_USYM] = {"usym", 0, "a symbol of the program"},
	[KG_AS_STACK] = {"stack", 0, "a stack"},
	[KG_AS_ERRNO] = {"errno", 0, "an error number, 0 for none"},
};

const struct kg_as_info *kg_as_info(enum kg_as as)
{
	return &as_infos[as < KG_ASES ? as : 0];
}

enum kg_as kg_as_parse(const char *name)
{
	int i = 1;

	while (i < KG_ASES && strcmp(as_infos[i].name, name))
		i++;
	return (enum kg_as)i;
}

int kg_expr_truth(const struct kg_expr_value *v, const struct kg_expr_env *env, struct kg_word *ret, struct kg_error *err)
{
	if (v->kind != KG_EXPR_NUMBER && v->kind != KG_EXPR_POINTER)
		return kg_error_set(err, KG_E_INVAL, STAGE, "this is neither true nor false: a comparison is needed");
	*ret = expr_word_op(env, KG_OP_NE, v->word, KG_WORD(0));
	return 0;
}

/* ------------------------------------------------------------------ bytes */

static int object_bytes(const struct kg_expr_value *v, const struct kg_expr_env *env, guint n, struct kg_word *to, struct kg_error *err)
{
	for (guint at = 0; at < n;) {
		guint size = n - at >= 8 ? 8 : n - at >= 4 ? 4 : n - at >= 2 ? 2 : 1;
		struct kg_word w;
		int r = env->read(env->self, v->space, expr_word_op(env, KG_OP_ADD, v->word, KG_WORD(at)), size, &w, err);

		if (r < 0)
			return r;
		for (guint i = 0; i < size; i++)
			to[at + i] = size == 1 ? w : env->algebra->extract(env->self, w, i * 8 + 7, i * 8);
		at += size;
	}
	return 0;
}

int kg_expr_bytes(const struct kg_expr_value *v, const struct kg_expr_env *env, struct kg_word **ret, guint *ret_n, struct kg_error *err)
{
	guint n = v->kind == KG_EXPR_NUMBER ? v->width / 8 : v->kind == KG_EXPR_POINTER ? 8 : v->n_bytes;
	struct kg_expr_value out;
	int r = 0;

	if (v->kind == KG_EXPR_TOKEN || v->kind == KG_EXPR_STRING || (v->kind == KG_EXPR_NUMBER && v->width % 8))
		return kg_error_set(err, KG_E_INVAL, STAGE, "this has no bytes of its own");
	if (n > MAX_BYTES)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%u bytes are more than the %d that are looked at", n, MAX_BYTES);
	out = expr_bytes_new(env, n);
	if (v->kind == KG_EXPR_BYTES)
		memcpy(out.bytes, v->bytes, n * sizeof *v->bytes);
	else if (v->kind == KG_EXPR_OBJECT)
		r = object_bytes(v, env, n, out.bytes, err);
	else
		for (guint i = 0; i < n; i++)
			out.bytes[i] = env->algebra->extract(env->self, v->word, i * 8 + 7, i * 8);
	if (r < 0)
		return r;
	*ret = out.bytes;
	*ret_n = n;
	return 0;
}

/* ------------------------------------------------------------------ shown */

static int cant(struct kg_error *err, const struct kg_expr_value *v, enum kg_as as, const char *why)
{
	return kg_error_set(err, KG_E_INVAL, STAGE, "%s can't be shown as %s%s%s", v->type ? v->type : "this", kg_as_info(as)->name, why ? ": " : "",
			    why ? why : "");
}

/* 4 or 16 bytes in the order of memory. A number in host order is not an address as the network has it. */
static int shown_address(const struct kg_expr_value *v, enum kg_as as, const struct kg_expr_env *env, struct kg_expr_value *ret,
			 struct kg_error *err)
{
	guint want = as == KG_AS_IPV4 ? 4 : 16, n = 0;
	struct kg_word *bytes;
	struct kg_expr_value out;
	int r = v->kind == KG_EXPR_POINTER || v->is_constant ? cant(err, v, as, NULL) : kg_expr_bytes(v, env, &bytes, &n, err);

	if (r < 0)
		return r;
	if (n != want)
		return cant(err, v, as, want == 4 ? "an IPv4 address has 4 bytes" : "an IPv6 address has 16 bytes");
	out = (struct kg_expr_value){.kind = KG_EXPR_BYTES, .bytes = bytes, .n_bytes = n, .as = as};
	*ret = out;
	return 0;
}

static int shown_text(const struct kg_expr_value *v, struct kg_expr_value *ret, struct kg_error *err)
{
	*ret = *v;
	if (v->kind == KG_EXPR_STRING || v->kind == KG_EXPR_TOKEN || (v->kind == KG_EXPR_BYTES && v->is_text))
		return 0;
	if (v->kind == KG_EXPR_OBJECT || v->kind == KG_EXPR_POINTER) {
		*ret = (struct kg_expr_value){.kind = KG_EXPR_STRING, .word = v->word, .space = v->space};
		ret->n_bytes = v->kind == KG_EXPR_OBJECT ? v->n_bytes : 0;
		return 0;
	}
	return cant(err, v, KG_AS_STRING, "it is not the address of a text");
}

static struct kg_expr_value negated_error(const struct kg_expr_env *env, struct kg_word w)
{
	struct kg_word is_error = expr_word_op(env, KG_OP_SLT, w, KG_WORD(0));

	return expr_number_of(env->algebra->select(env->self, is_error, 64, expr_word_op(env, KG_OP_SUB, KG_WORD(0), w), KG_WORD(0)), 64, FALSE);
}

static struct kg_word in_unit(const struct kg_expr_env *env, const struct kg_expr_value *v, uint64_t per_unit)
{
	gboolean is_signed = v->is_signed && v->width == 64 && !v->is_constant;

	return per_unit > 1 ? expr_word_op(env, is_signed ? KG_OP_SDIV : KG_OP_UDIV, v->word, KG_WORD(per_unit)) : v->word;
}

static int shown_number(const struct kg_expr_value *value, enum kg_as as, const struct kg_expr_env *env, struct kg_expr_value *ret,
			struct kg_error *err)
{
	static const unsigned widths[] = {8, 16, 32, 64};
	struct kg_expr_value v = expr_in_host_order(env, value);
	struct kg_word bit;

	if (v.kind == KG_EXPR_POINTER) {
		v.kind = KG_EXPR_NUMBER;
		v.width = 64;
	}
	if (v.kind != KG_EXPR_NUMBER)
		return cant(err, value, as, "it is not a number");
	if (as >= KG_AS_U8 && as <= KG_AS_S64) {
		gboolean is_signed = as >= KG_AS_S8;
		unsigned width = widths[as - (is_signed ? KG_AS_S8 : KG_AS_U8)];

		v = expr_number_of(expr_word_fit(env, v.word, width, is_signed), width, is_signed);
	} else if (kg_as_info(as)->per_unit) {
		v = expr_number_of(in_unit(env, &v, kg_as_info(as)->per_unit), 64, v.is_signed);
	} else if (as == KG_AS_BOOL) {
		kg_expr_truth(&v, env, &bit, err);
		v = expr_number_of(expr_word_bool(env, bit), 1, FALSE);
	} else if (as == KG_AS_ERRNO) {
		v = negated_error(env, v.word);
	} else if (as == KG_AS_PORT && value->is_big_endian && value->width != 16) {
		return cant(err, value, as, "a port has 16 bits");
	} else if (as == KG_AS_PORT && v.width < 16 && !v.is_constant) {
		return cant(err, value, as, "a port has 16 bits");
	}
	v.as = as;
	*ret = v;
	return 0;
}

static int shown_symbol(const struct kg_expr_value *v, enum kg_as as, struct kg_expr_value *ret, struct kg_error *err)
{
	if (v->kind == KG_EXPR_TOKEN && v->as == as) {
		*ret = *v;
		return 0;
	}
	if (as == KG_AS_STACK || (v->kind != KG_EXPR_NUMBER && v->kind != KG_EXPR_POINTER))
		return cant(err, v, as, as == KG_AS_STACK ? "only kstack and ustack are stacks" : "it is not an address");
	*ret = (struct kg_expr_value){.kind = KG_EXPR_TOKEN, .token = as == KG_AS_KSYM ? "ksym" : "usym", .as = as, .word = v->word};
	return 0;
}

static int shown_as_it_is(const struct kg_expr_value *v, const struct kg_expr_env *env, struct kg_expr_value *ret, struct kg_error *err)
{
	switch (v->kind) {
	case KG_EXPR_NUMBER:
	case KG_EXPR_POINTER: return shown_number(v, KG_AS_NONE, env, ret, err);
	case KG_EXPR_OBJECT: return v->is_text ? shown_text(v, ret, err) : kg_expr_shown(v, KG_AS_BYTES, env, ret, err);
	default: *ret = *v; return 0;
	}
}

int kg_expr_shown(const struct kg_expr_value *value, enum kg_as as, const struct kg_expr_env *env, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v = *value;
	int r;

	switch (as) {
	case KG_AS_NONE: return shown_as_it_is(&v, env, ret, err);
	case KG_AS_IPV4:
	case KG_AS_IPV6: return shown_address(&v, as, env, ret, err);
	case KG_AS_STRING: return shown_text(&v, ret, err);
	case KG_AS_KSYM:
	case KG_AS_USYM:
	case KG_AS_STACK: return shown_symbol(&v, as, ret, err);
	case KG_AS_BYTES:
		if (v.kind == KG_EXPR_TOKEN && v.as == KG_AS_BYTES) {
			*ret = v;
			return 0;
		}
		if (v.kind != KG_EXPR_OBJECT && v.kind != KG_EXPR_BYTES)
			return cant(err, value, as, "buf(ADDRESS, LENGTH) says how many");
		r = kg_expr_bytes(value, env, &v.bytes, &v.n_bytes, err);
		if (r == 0)
			*ret = (struct kg_expr_value){.kind = KG_EXPR_BYTES, .bytes = v.bytes, .n_bytes = v.n_bytes, .as = KG_AS_BYTES};
		return r;
	default: return shown_number(&v, as, env, ret, err);
	}
}

/* --------------------------------------------------------------- equality */

/* Texts up to their NUL: equal bytes as long as none of them was the NUL. From behind: same(i) = a[i] == b[i] && (a[i] == 0 || same(i + 1)). */
static struct kg_word same_text(const struct kg_expr_env *env, const struct kg_word *a, guint na, const struct kg_word *b, guint nb)
{
	guint n = MIN(na, nb);
	struct kg_word same = KG_WORD(1);

	if (na != nb) /* the shorter one ended without a NUL: the longer one must end here */
		same = env->algebra->binary(env->self, KG_OP_EQ, 8, na > nb ? a[n] : b[n], KG_WORD(0));
	for (guint i = n; i-- > 0;) {
		struct kg_word ended = env->algebra->binary(env->self, KG_OP_EQ, 8, a[i], KG_WORD(0));
		struct kg_word equal = env->algebra->binary(env->self, KG_OP_EQ, 8, a[i], b[i]);

		same = expr_bit_op(env, KG_OP_AND, equal, expr_bit_op(env, KG_OP_OR, ended, same));
	}
	return same;
}

static struct kg_word same_bytes(const struct kg_expr_env *env, const struct kg_word *a, const struct kg_word *b, guint n)
{
	struct kg_word same = KG_WORD(1);

	for (guint i = 0; i < n; i++)
		same = expr_bit_op(env, KG_OP_AND, same, env->algebra->binary(env->self, KG_OP_EQ, 8, a[i], b[i]));
	return same;
}

static int string_bytes(const struct kg_expr_value *text, const struct kg_expr_value *like, const struct kg_expr_env *env,
			struct kg_expr_value *ret, struct kg_error *err)
{
	guint n = text->n_bytes ? MIN(text->n_bytes, like->n_bytes) : like->n_bytes;
	struct kg_expr_value v = expr_bytes_new(env, MIN(n, MAX_BYTES));
	int r = object_bytes(text, env, v.n_bytes, v.bytes, err);

	v.is_text = TRUE;
	if (r == 0)
		*ret = v;
	return r;
}

static int as_bytes(const struct kg_expr_value *v, const struct kg_expr_value *other, const struct kg_expr_env *env, struct kg_expr_value *ret,
		    struct kg_error *err)
{
	int r;

	if (v->kind == KG_EXPR_STRING || (v->kind == KG_EXPR_POINTER && other->is_text))
		return string_bytes(v, other, env, ret, err);
	*ret = *v;
	ret->kind = KG_EXPR_BYTES;
	r = kg_expr_bytes(v, env, &ret->bytes, &ret->n_bytes, err);
	return r;
}

static gboolean is_text(const struct kg_expr_value *v)
{
	return v->kind == KG_EXPR_STRING || ((v->kind == KG_EXPR_BYTES || v->kind == KG_EXPR_OBJECT) && v->is_text);
}

static int equal_bytes(const struct kg_expr_value *a, const struct kg_expr_value *b, const struct kg_expr_env *env, struct kg_word *ret,
		       struct kg_error *err)
{
	struct kg_expr_value x, y;
	int r;

	if ((r = as_bytes(a, b, env, &x, err)) < 0 || (r = as_bytes(b, a, env, &y, err)) < 0)
		return r;
	if (is_text(a) || is_text(b))
		*ret = same_text(env, x.bytes, x.n_bytes, y.bytes, y.n_bytes);
	else if (x.n_bytes == y.n_bytes)
		*ret = same_bytes(env, x.bytes, y.bytes, x.n_bytes);
	else
		return kg_error_set(err, KG_E_INVAL, STAGE, "%u bytes can't be compared with %u", x.n_bytes, y.n_bytes);
	return 0;
}

static int equal_numbers(const struct kg_expr_value *a, const struct kg_expr_value *b, const struct kg_expr_env *env, struct kg_word *ret)
{
	struct kg_expr_value x = expr_in_host_order(env, a), y = expr_in_host_order(env, b);

	*ret = expr_word_op(env, KG_OP_EQ, x.word, y.word);
	return 0;
}

static gboolean is_number(const struct kg_expr_value *v)
{
	return v->kind == KG_EXPR_NUMBER || v->kind == KG_EXPR_POINTER;
}

int kg_expr_equal(const struct kg_expr_value *a, const struct kg_expr_value *b, const struct kg_expr_env *env, struct kg_word *ret,
		  struct kg_error *err)
{
	if (is_number(a) && is_number(b))
		return equal_numbers(a, b, env, ret);
	if (a->kind == KG_EXPR_TOKEN || b->kind == KG_EXPR_TOKEN) {
		if (a->kind != b->kind || strcmp(a->token, b->token))
			return kg_error_set(err, KG_E_INVAL, STAGE, "%s can only be compared with another one",
					    a->kind == KG_EXPR_TOKEN ? a->token : b->token);
		*ret = expr_word_op(env, KG_OP_EQ, a->word, b->word);
		return 0;
	}
	if (a->kind == KG_EXPR_STRING && b->kind == KG_EXPR_STRING) {
		*ret = a->space == b->space ? expr_word_op(env, KG_OP_EQ, a->word, b->word) : KG_WORD(0);
		return 0;
	}
	if (a->kind == KG_EXPR_NUMBER || b->kind == KG_EXPR_NUMBER || ((a->kind == KG_EXPR_POINTER) && !is_text(b)) ||
	    ((b->kind == KG_EXPR_POINTER) && !is_text(a)))
		return kg_error_set(err, KG_E_INVAL, STAGE, "a number can't be compared with a text");
	return equal_bytes(a, b, env, ret, err);
}
