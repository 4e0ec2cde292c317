/*
 * The algebra of words over Z3's bit vectors, and where words come from: inputs, bytes of memory, tokens. See solver.h.
 *
 * Terms are simplified as they are made: equal things then mostly become the same term, and most questions of a proof are answered by
 * comparing pointers. A term that simplifies to a numeral becomes a number again.
 */
#include "solver_own.h"

/* ---------------------------------------------------------------- what was computed before */

/*
 * Simplifying costs far more than looking up, and each path of a program, and each obligation on it, computes mostly what others did. A term is the
 * same for the same operation on the same words, so that this changes nothing else.
 */
enum { EXTRACT = KG_OPS, CONCAT, EXTEND, EXTEND_SIGNED };
struct operation {
	uint64_t what;
	struct kg_word a, b;
};
struct done {
	struct operation operation;
	struct kg_word word;
};

static struct operation operation(guint kind, guint x, guint y, struct kg_word a, struct kg_word b)
{
	return (struct operation){(uint64_t)kind << 32 | x << 16 | y, a, b};
}

static guint done_hash(gconstpointer p)
{
	const struct operation *o = p;
	uint64_t sum = o->what * 0x9e3779b97f4a7c15ull;

	sum = (sum ^ (uintptr_t)o->a.term ^ o->a.bits) * 0x9e3779b97f4a7c15ull;
	sum = (sum ^ (sum >> 32) ^ (uintptr_t)o->b.term ^ o->b.bits) * 0x9e3779b97f4a7c15ull;
	return (guint)(sum >> 32);
}

static gboolean done_equal(gconstpointer p, gconstpointer q)
{
	const struct operation *o = p, *u = q;

	return o->what == u->what && word_same(o->a, u->a) && word_same(o->b, u->b);
}

static gboolean is_done(struct solver *s, const struct operation *o, struct kg_word *ret)
{
	const struct done *done = g_hash_table_lookup(s->done, o);

	if (done)
		*ret = done->word;
	return done != NULL;
}

static struct kg_word remember(struct solver *s, const struct operation *o, struct kg_word word)
{
	struct done *done = g_new(struct done, 1);

	*done = (struct done){*o, word};
	g_hash_table_add(s->done, done);
	return word;
}

/* ---------------------------------------------------------------- life */

static void quotients_free(gpointer array)
{
	g_array_unref(array);
}

void own_algebra_new(struct solver *s)
{
	s->applied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	s->is_input = g_hash_table_new(NULL, NULL);
	s->definitions = g_array_new(FALSE, FALSE, sizeof(struct definition));
	s->parts = g_hash_table_new(NULL, NULL);
	s->quotients = g_hash_table_new_full(NULL, NULL, NULL, quotients_free);
	s->choices = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	s->done = g_hash_table_new_full(done_hash, done_equal, g_free, NULL);
}

void own_algebra_free(struct solver *s)
{
	g_hash_table_destroy(s->applied);
	g_hash_table_destroy(s->is_input);
	g_array_unref(s->definitions);
	g_hash_table_destroy(s->parts);
	g_hash_table_destroy(s->choices);
	g_hash_table_destroy(s->quotients);
	g_hash_table_destroy(s->done);
}

/* ---------------------------------------------------------------- words and terms */

static uint64_t mask(unsigned width)
{
	return width >= 64 ? ~0ull : (1ull << width) - 1;
}

static Z3_ast term_of(struct solver *s, struct kg_word w, unsigned width)
{
	if (w.term)
		return w.term;
	return Z3_mk_unsigned_int64(s->ctx, w.bits & mask(width), Z3_mk_bv_sort(s->ctx, width));
}

/* A term as a word: a number where it is one. */
static struct kg_word made(struct solver *s, Z3_ast term)
{
	uint64_t number;

	if (own_broke(s) || !term)
		return KG_WORD(0);
	term = Z3_simplify(s->ctx, term);
	if (own_broke(s))
		return KG_WORD(0);
	if (Z3_is_numeral_ast(s->ctx, term) && Z3_get_numeral_uint64(s->ctx, term, &number))
		return KG_WORD(number);
	return (struct kg_word){.term = term};
}

/* The same, of parts that are simple already: looking through all of a long chain at each of its links would cost the square of its length. */
static struct kg_word made_of_simple(struct solver *s, Z3_ast term)
{
	return own_broke(s) || !term ? KG_WORD(0) : (struct kg_word){.term = term};
}

gboolean word_same(struct kg_word a, struct kg_word b)
{
	return a.term == b.term && (a.term || a.bits == b.bits);
}

/* A condition as a word of 1 bit. */
static struct kg_word bit(struct solver *s, Z3_ast condition)
{
	Z3_sort one = Z3_mk_bv_sort(s->ctx, 1);

	condition = condition ? Z3_simplify(s->ctx, condition) : NULL;
	if (own_broke(s) || !condition) /* out of memory, or interrupted: every answer is unknown from here on */
		return KG_WORD(0);
	if (Z3_get_bool_value(s->ctx, condition) == Z3_L_TRUE)
		return KG_WORD(1);
	if (Z3_get_bool_value(s->ctx, condition) == Z3_L_FALSE)
		return KG_WORD(0);
	return made(s, Z3_mk_ite(s->ctx, condition, Z3_mk_unsigned_int64(s->ctx, 1, one), Z3_mk_unsigned_int64(s->ctx, 0, one)));
}

Z3_ast own_condition(struct solver *s, struct kg_word w)
{
	if (!w.term)
		return w.bits & 1 ? Z3_mk_true(s->ctx) : Z3_mk_false(s->ctx);
	return Z3_mk_eq(s->ctx, w.term, Z3_mk_unsigned_int64(s->ctx, 1, Z3_mk_bv_sort(s->ctx, 1)));
}

typedef Z3_ast (*z3_binary)(Z3_context ctx, Z3_ast a, Z3_ast b);

static const z3_binary arithmetic[KG_OPS] = {
	[KG_OP_ADD] = Z3_mk_bvadd, [KG_OP_SUB] = Z3_mk_bvsub, [KG_OP_MUL] = Z3_mk_bvmul,
	[KG_OP_UDIV] = Z3_mk_bvudiv, [KG_OP_SDIV] = Z3_mk_bvsdiv, [KG_OP_UMOD] = Z3_mk_bvurem, [KG_OP_SMOD] = Z3_mk_bvsrem,
	[KG_OP_AND] = Z3_mk_bvand, [KG_OP_OR] = Z3_mk_bvor, [KG_OP_XOR] = Z3_mk_bvxor,
	[KG_OP_SHL] = Z3_mk_bvshl, [KG_OP_LSHR] = Z3_mk_bvlshr, [KG_OP_ASHR] = Z3_mk_bvashr,
	[KG_OP_EQ] = Z3_mk_eq, [KG_OP_NE] = Z3_mk_eq,
	[KG_OP_ULT] = Z3_mk_bvult, [KG_OP_ULE] = Z3_mk_bvule, [KG_OP_SLT] = Z3_mk_bvslt, [KG_OP_SLE] = Z3_mk_bvsle,
};

/* Which object the result points into: a pointer plus or minus a number stays in its object. */
static uint32_t region_of(enum kg_op op, struct kg_word a, struct kg_word b)
{
	if (op == KG_OP_ADD && !(a.region && b.region))
		return a.region | b.region;
	return op == KG_OP_SUB && !b.region ? a.region : 0;
}

static struct kg_word apply(struct solver *s, const char *key, unsigned width, gboolean is_input);
static struct kg_word binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b);

struct quotient {
	uint64_t divisor;
	struct kg_word word;
};

/*
 * One of two numbers, by a condition. What is computed from it and numbers stays one, and a shift by it is a choice of two shifts: compilers write
 * floor(log2(x)) with shifts by 16 * (x > 65535) and the like, which would become barrel shifters.
 */
struct choice {
	struct kg_word condition;
	uint64_t yes, no;
};

static const struct choice *choice_of(struct solver *s, struct kg_word w)
{
	return w.term ? g_hash_table_lookup(s->choices, w.term) : NULL;
}

static struct kg_word choose(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no);

static gboolean binary_of_choice(struct solver *s, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b, struct kg_word *ret)
{
	const struct choice *left = choice_of(s, a), *right = choice_of(s, b);
	gboolean is_shift = op == KG_OP_SHL || op == KG_OP_LSHR || op == KG_OP_ASHR;
	unsigned result = kg_op_compares(op) ? 1 : width;

	if (left && !b.term) {
		*ret = choose(s, left->condition, result, KG_WORD(kg_op_number(op, width, left->yes, b.bits)),
			      KG_WORD(kg_op_number(op, width, left->no, b.bits)));
		return TRUE;
	}
	if (right && (!a.term || is_shift)) {
		*ret = choose(s, right->condition, result, binary(s, op, width, a, KG_WORD(right->yes)), binary(s, op, width, a, KG_WORD(right->no)));
		return TRUE;
	}
	return FALSE;
}

/*
 * Compilers compare before they divide: x > 65535999 for x / 1000 > 65535. Where a quotient of x is known, a comparison of x with a multiple of the
 * divisor is one of the quotient with a number: then the program's formula and the contract's are about the same thing.
 */
static gboolean compare_quotients(struct solver *s, enum kg_op op, struct kg_word a, struct kg_word b, struct kg_word *ret)
{
	gboolean is_least = op == KG_OP_ULE ? !a.term : op == KG_OP_ULT && !b.term; /* number <= x; x < number */
	struct kg_word x = op == KG_OP_ULE ? b : a;
	uint64_t number = op == KG_OP_ULE ? a.bits : b.bits;
	const GArray *quotients;

	if (op == KG_OP_ULT && !a.term && a.bits != ~0ull) { /* number < x: number + 1 <= x */
		op = KG_OP_ULE;
		x = b;
		number = a.bits + 1;
		is_least = TRUE;
	} else if (op == KG_OP_ULE && !b.term && b.bits != ~0ull) { /* x <= number: x < number + 1 */
		op = KG_OP_ULT;
		x = a;
		number = b.bits + 1;
		is_least = TRUE;
	}
	quotients = is_least && x.term ? g_hash_table_lookup(s->quotients, x.term) : NULL;
	for (guint i = 0; quotients && i < quotients->len; i++) {
		const struct quotient *q = &g_array_index(quotients, struct quotient, i);
		if (number % q->divisor)
			continue;
		*ret = op == KG_OP_ULE ? binary(s, KG_OP_ULE, 64, KG_WORD(number / q->divisor), q->word)
				       : binary(s, KG_OP_ULT, 64, q->word, KG_WORD(number / q->divisor));
		return TRUE;
	}
	return FALSE;
}

static void remember_quotient(struct solver *s, struct kg_word a, uint64_t divisor, struct kg_word word)
{
	GArray *quotients = g_hash_table_lookup(s->quotients, a.term);
	struct quotient q = {divisor, word};

	if (!quotients) {
		quotients = g_array_new(FALSE, FALSE, sizeof(struct quotient));
		g_hash_table_insert(s->quotients, a.term, quotients);
	}
	g_array_append_val(quotients, q);
}

/*
 * a / d for a number d, as a new constant q with a = q * d + r and r < d. A divider of 64 bits costs the solver seconds, the multiplication by a
 * number with few bits set next to nothing, and units of time are divided all the time.
 */
static struct kg_word quotient(struct solver *s, struct kg_word a, uint64_t d)
{
	g_autofree char *key = g_strdup_printf("#%u / %" G_GUINT64_FORMAT, Z3_get_ast_id(s->ctx, a.term), d);
	gboolean is_new = !g_hash_table_contains(s->applied, key);
	struct kg_word q = apply(s, key, 64, FALSE);
	Z3_sort sort = Z3_mk_bv_sort(s->ctx, 64);

	if (is_new && q.term) {
		Z3_ast divisor = Z3_mk_unsigned_int64(s->ctx, d, sort);
		Z3_ast product = Z3_mk_bvmul(s->ctx, q.term, divisor);
		Z3_ast rest = Z3_mk_bvsub(s->ctx, a.term, product);
		Z3_ast parts[] = {
			Z3_mk_bvule(s->ctx, q.term, Z3_mk_unsigned_int64(s->ctx, ~0ull / d, sort)), /* q * d does not overflow */
			Z3_mk_bvule(s->ctx, product, a.term),
			Z3_mk_bvult(s->ctx, rest, divisor),
		};
		Z3_ast all = Z3_mk_and(s->ctx, G_N_ELEMENTS(parts), parts);
		struct definition definition = {q.term, all, a.term, d};
		g_array_append_val(s->definitions, definition);
		remember_quotient(s, a, d, q);
		g_hash_table_insert(s->parts, q.term, a.term);
	}
	return q;
}

static struct kg_word extract(void *self, struct kg_word a, unsigned high, unsigned low);
static struct kg_word concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width);
static struct kg_word extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed);

/* A shift by a number moves bits, and is written so: "(x << 32) s>> 32" is then the sign extension that it means. */
static gboolean shift_by_number(struct solver *s, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b, struct kg_word *ret)
{
	unsigned by = (unsigned)b.bits;

	if (b.term || b.bits >= width || (op != KG_OP_SHL && op != KG_OP_LSHR && op != KG_OP_ASHR))
		return FALSE;
	if (by == 0)
		*ret = a;
	else if (op == KG_OP_SHL)
		*ret = concat(s, extract(s, a, width - 1 - by, 0), width - by, KG_WORD(0), by);
	else
		*ret = extend(s, extract(s, a, width - 1, by), width - by, width, op == KG_OP_ASHR);
	return TRUE;
}

/* and, or, not of conditions; at least one is a term. FALSE: another operation. */
static gboolean logic(struct solver *s, enum kg_op op, struct kg_word a, struct kg_word b, struct kg_word *ret)
{
	struct kg_word number = a.term ? b : a, other = a.term ? a : b;
	gboolean is_decided_by = op == KG_OP_OR;

	if (op == KG_OP_AND || op == KG_OP_OR) {
		if (!number.term)
			*ret = (gboolean)(number.bits & 1) == is_decided_by ? KG_WORD((uint64_t)is_decided_by) : other;
		else if (a.term == b.term)
			*ret = a;
		else
			*ret = made_of_simple(s, (op == KG_OP_AND ? Z3_mk_bvand : Z3_mk_bvor)(s->ctx, a.term, b.term));
		return TRUE;
	}
	if (op != KG_OP_XOR || number.term || !(number.bits & 1))
		return FALSE;
	if (Z3_get_ast_kind(s->ctx, other.term) == Z3_APP_AST &&
	    Z3_get_decl_kind(s->ctx, Z3_get_app_decl(s->ctx, Z3_to_app(s->ctx, other.term))) == Z3_OP_BNOT)
		*ret = made_of_simple(s, Z3_get_app_arg(s->ctx, Z3_to_app(s->ctx, other.term), 0));
	else
		*ret = made_of_simple(s, Z3_mk_bvnot(s->ctx, other.term));
	return TRUE;
}

/* As Z3 has it; a word of 1 bit if it compares. */
static struct kg_word operate(struct solver *s, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	struct operation o = operation(op, width, 0, a, b);
	struct kg_word ret;
	Z3_ast term;

	if (is_done(s, &o, &ret))
		return ret;
	term = arithmetic[op](s->ctx, term_of(s, a, width), term_of(s, b, width));
	if (op == KG_OP_NE)
		term = Z3_mk_not(s->ctx, term);
	return remember(s, &o, kg_op_compares(op) ? bit(s, term) : made(s, term));
}

static struct kg_word binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	struct solver *s = self;
	struct kg_word ret;

	if (!a.term && !b.term)
		ret = KG_WORD(kg_op_number(op, width, a.bits, b.bits));
	else if (width == 1 && logic(s, op, a, b, &ret))
		;
	else if (shift_by_number(s, op, width, a, b, &ret))
		;
	else if (binary_of_choice(s, op, width, a, b, &ret) || (width == 64 && compare_quotients(s, op, a, b, &ret)))
		;
	else if (op == KG_OP_UDIV && width == 64 && !b.term && b.bits > 1 && (b.bits & (b.bits - 1)))
		ret = quotient(s, a, b.bits);
	else if (op == KG_OP_UMOD && width == 64 && !b.term && b.bits > 1 && (b.bits & (b.bits - 1)))
		ret = binary(s, KG_OP_SUB, 64, a, binary(s, KG_OP_MUL, 64, quotient(s, a, b.bits), b));
	else
		ret = operate(s, op, width, a, b);
	if (width == 64)
		ret.region = region_of(op, a, b);
	return ret;
}

static struct kg_word extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	struct solver *s = self;
	const struct choice *of = choice_of(s, a);
	struct operation o = operation(EXTRACT, high, low, a, KG_WORD(0));
	struct kg_word ret;

	if (!a.term)
		return KG_WORD((a.bits >> low) & mask(high - low + 1));
	if (of)
		return choose(s, of->condition, high - low + 1, KG_WORD((of->yes >> low) & mask(high - low + 1)),
			      KG_WORD((of->no >> low) & mask(high - low + 1)));
	return is_done(s, &o, &ret) ? ret : remember(s, &o, made(s, Z3_mk_extract(s->ctx, high, low, a.term)));
}

static struct kg_word concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	struct solver *s = self;
	struct operation o = operation(CONCAT, high_width, low_width, high, low);
	struct kg_word ret;

	if (!high.term && !low.term)
		return KG_WORD((low_width < 64 ? high.bits << low_width : 0) | (low.bits & mask(low_width)));
	if (is_done(s, &o, &ret))
		return ret;
	return remember(s, &o, made(s, Z3_mk_concat(s->ctx, term_of(s, high, high_width), term_of(s, low, low_width))));
}

static struct kg_word extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	struct solver *s = self;
	const struct choice *of = choice_of(s, a);
	struct operation o = operation(is_signed ? EXTEND_SIGNED : EXTEND, from, to, a, KG_WORD(0));
	struct kg_word ret;

	if (from == to)
		return a;
	if (!a.term) {
		uint64_t bits = a.bits & mask(from);
		if (is_signed && (bits >> (from - 1)) & 1)
			bits |= ~mask(from);
		return KG_WORD(bits & mask(to));
	}
	if (of)
		return choose(s, of->condition, to, extend(s, KG_WORD(of->yes), from, to, is_signed), extend(s, KG_WORD(of->no), from, to, is_signed));
	return is_done(s, &o, &ret) ? ret : remember(s, &o, made(s, (is_signed ? Z3_mk_sign_ext : Z3_mk_zero_ext)(s->ctx, to - from, a.term)));
}

static struct kg_word choose(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no)
{
	struct solver *s = self;
	struct kg_word ret;

	if (!condition.term)
		return condition.bits & 1 ? yes : no;
	if (word_same(yes, no))
		return yes;
	if (width == 1 && !yes.term && !no.term)
		return yes.bits & 1 ? condition : binary(s, KG_OP_XOR, 1, condition, KG_WORD(1));
	ret = made_of_simple(s, Z3_mk_ite(s->ctx, own_condition(s, condition), term_of(s, yes, width), term_of(s, no, width)));
	if (yes.region == no.region)
		ret.region = yes.region;
	if (ret.term && width > 1 && !yes.term && !no.term && !g_hash_table_contains(s->choices, ret.term)) {
		struct choice choice = {condition, yes.bits, no.bits};
		g_hash_table_insert(s->choices, ret.term, g_memdup2(&choice, sizeof(choice)));
	}
	return ret;
}

const struct kg_algebra solver_algebra = {binary, extract, concat, extend, choose};

/* ---------------------------------------------------------------- inputs */

struct kg_word solver_input(struct solver *s, const char *name, unsigned width)
{
	uint64_t number;
	Z3_context ctx;
	Z3_ast term;

	if (s->give && s->give(s->give_user, name, &number))
		return KG_WORD(number & mask(width));
	ctx = own_context(s);
	term = Z3_mk_const(ctx, Z3_mk_string_symbol(ctx, name), Z3_mk_bv_sort(ctx, width));
	g_hash_table_add(s->is_input, term);
	return (struct kg_word){.term = term};
}

/*
 * A function that nothing is known of, applied to terms: one constant for each application. That two applications to terms which happen to be equal
 * have equal results is not told to the solver: it keeps all questions within bit vectors, and allows it too much rather than too little. A proof
 * holds all the more; a counterexample that lives on it does not replay. (Keys of maps are compared by the executor before it gets here.)
 */
static struct kg_word apply(struct solver *s, const char *key, unsigned width, gboolean is_input)
{
	Z3_ast term = g_hash_table_lookup(s->applied, key);
	uint64_t number;

	if (!term && s->give && s->give(s->give_user, key, &number))
		return KG_WORD(number & mask(width));
	if (!term) {
		own_context(s);
		term = Z3_mk_const(s->ctx, Z3_mk_string_symbol(s->ctx, key), Z3_mk_bv_sort(s->ctx, width));
		if (own_broke(s))
			return KG_WORD(0);
		g_hash_table_insert(s->applied, g_strdup(key), term);
		if (is_input)
			g_hash_table_add(s->is_input, term);
	}
	return (struct kg_word){.term = term};
}

struct kg_word solver_byte(struct solver *s, enum solver_function f, struct kg_word address)
{
	char key[64];

	if (address.term)
		g_snprintf(key, sizeof(key), "memory %d #%u", f, Z3_get_ast_id(s->ctx, address.term));
	else
		g_snprintf(key, sizeof(key), "memory %d %#" G_GINT64_MODIFIER "x", f, address.bits);
	return apply(s, key, 8, TRUE);
}

struct kg_word solver_token(struct solver *s, const char *name, const struct kg_word *inputs, const unsigned *widths, unsigned n)
{
	g_autoptr(GString) key = g_string_new(name);

	(void)widths;
	for (unsigned i = 0; i < n; i++) {
		if (inputs[i].term)
			g_string_append_printf(key, " #%u", Z3_get_ast_id(s->ctx, inputs[i].term)); /* not its address: names decide the solver's order */
		else
			g_string_append_printf(key, " %#" G_GINT64_MODIFIER "x", inputs[i].bits);
	}
	return apply(s, key->str, 64, TRUE);
}

/* ---------------------------------------------------------------- structure */

gboolean solver_split(struct solver *s, struct kg_word w, struct kg_word *base, int64_t *offset)
{
	uint64_t number;

	*base = w;
	*offset = 0;
	if (!w.term) {
		*base = KG_WORD(0);
		*offset = (int64_t)w.bits;
		return TRUE;
	}
	if (Z3_get_ast_kind(s->ctx, w.term) != Z3_APP_AST)
		return TRUE;
	Z3_app app = Z3_to_app(s->ctx, w.term);
	if (Z3_get_decl_kind(s->ctx, Z3_get_app_decl(s->ctx, app)) != Z3_OP_BADD)
		return TRUE;
	Z3_ast first = Z3_get_app_arg(s->ctx, app, 0); /* simplified sums have their number in front */
	if (!Z3_is_numeral_ast(s->ctx, first) || !Z3_get_numeral_uint64(s->ctx, first, &number))
		return TRUE;
	*offset = (int64_t)number;
	*base = binary(s, KG_OP_SUB, 64, w, KG_WORD(number));
	return TRUE;
}

gboolean solver_is_quotient(struct solver *s, struct kg_word q, struct kg_word *ret_of, uint64_t *ret_divisor)
{
	Z3_ast of = q.term ? g_hash_table_lookup(s->parts, q.term) : NULL;
	const GArray *quotients = of ? g_hash_table_lookup(s->quotients, of) : NULL;

	for (guint i = 0; quotients && i < quotients->len; i++)
		if (g_array_index(quotients, struct quotient, i).word.term == q.term) {
			*ret_of = (struct kg_word){.term = of};
			*ret_divisor = g_array_index(quotients, struct quotient, i).divisor;
			return TRUE;
		}
	return FALSE;
}
