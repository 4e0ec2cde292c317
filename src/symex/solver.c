/*
 * Z3's C API behind solver.h. This is the only place that includes <z3.h>.
 *
 * Terms are simplified as they are made: equal things then mostly become the same term, and most questions of a proof are answered by
 * comparing pointers. A term that simplifies to a numeral becomes a number again.
 */
#include "solver.h"

#include <stdlib.h>
#include <string.h>
#include <z3.h>

#define EFFORT 20000000 /* of one question: a few seconds of an idle machine */

struct definition {
	Z3_ast of, holds; /* a quotient, and what makes it one */
};

struct solver {
	Z3_context ctx;
	Z3_solver z3;
	Z3_model model, saved;
	GHashTable *applied;     /* "function and what it is applied to" -> term: see apply() */
	GArray *definitions;     /* struct definition: what holds of quotients; see quotient() */
	GHashTable *choices;     /* term that is one of two numbers -> struct choice */
	GHashTable *quotients;   /* term -> GArray of struct quotient */
	GHashTable *parts;       /* quotient -> what was divided */
	GHashTable *is_input;    /* Z3_ast of inputs and memory bytes: the leaves */
	struct watch {
		GThread *thread;
		GMutex lock;
		GCond changed;
		gint64 until;    /* monotonic us; 0: nobody waits for an answer */
		gint64 wall_us;  /* 0: as long as it takes */
		gboolean is_over;
		gboolean has_cut;
	} watch;
	char *reason;
	struct solver_cost cost;
	gboolean is_broken;
};

/* Z3 calls this for mistakes of ours and when memory is short. It must return; the term that was asked for is then NULL. */
static void on_error(Z3_context ctx, Z3_error_code code)
{
	(void)ctx;
	(void)code;
}

static gboolean broke(struct solver *s)
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

static void quotients_free(gpointer array)
{
	g_array_unref(array);
}

struct solver *solver_new(unsigned effort, unsigned wall_ms)
{
	struct solver *s = g_new0(struct solver, 1);
	Z3_config config = Z3_mk_config();
	Z3_params params;

	Z3_set_param_value(config, "model", "true");
	s->ctx = Z3_mk_context(config);
	Z3_del_config(config);
	Z3_set_error_handler(s->ctx, on_error);
	s->z3 = Z3_mk_solver_for_logic(s->ctx, Z3_mk_string_symbol(s->ctx, "QF_BV"));
	Z3_solver_inc_ref(s->ctx, s->z3);
	params = Z3_mk_params(s->ctx);
	Z3_params_inc_ref(s->ctx, params);
	Z3_params_set_uint(s->ctx, params, Z3_mk_string_symbol(s->ctx, "rlimit"), effort ? effort : EFFORT);
	Z3_solver_set_params(s->ctx, s->z3, params);
	Z3_params_dec_ref(s->ctx, params);
	s->applied = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	watch_start(s, wall_ms);
	s->is_input = g_hash_table_new(NULL, NULL);
	s->definitions = g_array_new(FALSE, FALSE, sizeof(struct definition));
	s->parts = g_hash_table_new(NULL, NULL);
	s->quotients = g_hash_table_new_full(NULL, NULL, NULL, quotients_free);
	s->choices = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	return s;
}

static void drop(struct solver *s, Z3_model *model)
{
	if (*model)
		Z3_model_dec_ref(s->ctx, *model);
	*model = NULL;
}

struct solver *solver_free(struct solver *s)
{
	if (!s)
		return NULL;
	watch_end(s);
	drop(s, &s->model);
	drop(s, &s->saved);
	Z3_solver_dec_ref(s->ctx, s->z3);
	Z3_del_context(s->ctx);
	g_hash_table_destroy(s->applied);
	g_hash_table_destroy(s->is_input);
	g_array_unref(s->definitions);
	g_hash_table_destroy(s->parts);
	g_hash_table_destroy(s->choices);
	g_hash_table_destroy(s->quotients);
	g_free(s->reason);
	g_free(s);
	return NULL;
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

	if (broke(s) || !term)
		return KG_WORD(0);
	term = Z3_simplify(s->ctx, term);
	if (broke(s))
		return KG_WORD(0);
	if (Z3_is_numeral_ast(s->ctx, term) && Z3_get_numeral_uint64(s->ctx, term, &number))
		return KG_WORD(number);
	return (struct kg_word){.term = term};
}

/* The same, of parts that are simple already: looking through all of a long chain at each of its links would cost the square of its length. */
static struct kg_word made_of_simple(struct solver *s, Z3_ast term)
{
	return broke(s) || !term ? KG_WORD(0) : (struct kg_word){.term = term};
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
	if (broke(s) || !condition) /* out of memory, or interrupted: every answer is unknown from here on */
		return KG_WORD(0);
	if (Z3_get_bool_value(s->ctx, condition) == Z3_L_TRUE)
		return KG_WORD(1);
	if (Z3_get_bool_value(s->ctx, condition) == Z3_L_FALSE)
		return KG_WORD(0);
	return made(s, Z3_mk_ite(s->ctx, condition, Z3_mk_unsigned_int64(s->ctx, 1, one), Z3_mk_unsigned_int64(s->ctx, 0, one)));
}

static Z3_ast condition_of(struct solver *s, struct kg_word w)
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
		struct definition definition = {q.term, all};
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
	else if (!kg_op_compares(op))
		ret = made(s, arithmetic[op](s->ctx, term_of(s, a, width), term_of(s, b, width)));
	else if (op == KG_OP_NE)
		ret = bit(s, Z3_mk_not(s->ctx, Z3_mk_eq(s->ctx, term_of(s, a, width), term_of(s, b, width))));
	else
		ret = bit(s, arithmetic[op](s->ctx, term_of(s, a, width), term_of(s, b, width)));
	if (width == 64)
		ret.region = region_of(op, a, b);
	return ret;
}

static struct kg_word extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	struct solver *s = self;

	const struct choice *of = choice_of(s, a);

	if (!a.term)
		return KG_WORD((a.bits >> low) & mask(high - low + 1));
	if (of)
		return choose(s, of->condition, high - low + 1, KG_WORD((of->yes >> low) & mask(high - low + 1)),
			      KG_WORD((of->no >> low) & mask(high - low + 1)));
	return made(s, Z3_mk_extract(s->ctx, high, low, a.term));
}

static struct kg_word concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	struct solver *s = self;

	if (!high.term && !low.term)
		return KG_WORD((low_width < 64 ? high.bits << low_width : 0) | (low.bits & mask(low_width)));
	return made(s, Z3_mk_concat(s->ctx, term_of(s, high, high_width), term_of(s, low, low_width)));
}

static struct kg_word extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	struct solver *s = self;

	if (from == to)
		return a;
	if (!a.term) {
		uint64_t bits = a.bits & mask(from);
		if (is_signed && (bits >> (from - 1)) & 1)
			bits |= ~mask(from);
		return KG_WORD(bits & mask(to));
	}
	const struct choice *of = choice_of(s, a);
	if (of)
		return choose(s, of->condition, to, extend(s, KG_WORD(of->yes), from, to, is_signed), extend(s, KG_WORD(of->no), from, to, is_signed));
	return made(s, (is_signed ? Z3_mk_sign_ext : Z3_mk_zero_ext)(s->ctx, to - from, a.term));
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
	ret = made_of_simple(s, Z3_mk_ite(s->ctx, condition_of(s, condition), term_of(s, yes, width), term_of(s, no, width)));
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
	Z3_ast term = Z3_mk_const(s->ctx, Z3_mk_string_symbol(s->ctx, name), Z3_mk_bv_sort(s->ctx, width));

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

	if (!term) {
		term = Z3_mk_const(s->ctx, Z3_mk_string_symbol(s->ctx, key), Z3_mk_bv_sort(s->ctx, width));
		if (broke(s))
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

/* ---------------------------------------------------------------- questions */

void solver_push(struct solver *s)
{
	Z3_solver_push(s->ctx, s->z3);
}

void solver_pop(struct solver *s)
{
	Z3_solver_pop(s->ctx, s->z3, 1);
}

void solver_assert(struct solver *s, struct kg_word condition)
{
	Z3_solver_assert(s->ctx, s->z3, condition_of(s, condition));
	broke(s);
}

static enum solver_answer answer(struct solver *s, Z3_lbool is)
{
	if (broke(s))
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

struct walk {
	struct solver *s;
	GHashTable *seen;
	void (*visit)(void *user, void *leaf);
	void *user;
};

static void walk_term(struct walk *walk, Z3_ast term)
{
	struct solver *s = walk->s;

	if (!g_hash_table_add(walk->seen, term))
		return;
	if (walk->visit && g_hash_table_contains(s->is_input, term))
		walk->visit(walk->user, term);
	if (g_hash_table_contains(s->parts, term))
		walk_term(walk, g_hash_table_lookup(s->parts, term));
	if (Z3_get_ast_kind(s->ctx, term) != Z3_APP_AST)
		return;
	Z3_app app = Z3_to_app(s->ctx, term);
	for (unsigned i = 0; i < Z3_get_app_num_args(s->ctx, app); i++)
		walk_term(walk, Z3_get_app_arg(s->ctx, app, i));
}

static void take_model(struct solver *s)
{
	drop(s, &s->model);
	s->model = Z3_solver_get_model(s->ctx, s->z3);
	if (s->model)
		Z3_model_inc_ref(s->ctx, s->model);
}

static void walk_assertions(struct solver *s, GHashTable *seen)
{
	struct walk walk = {.s = s, .seen = seen};
	Z3_ast_vector assertions = Z3_solver_get_assertions(s->ctx, s->z3);

	Z3_ast_vector_inc_ref(s->ctx, assertions);
	for (unsigned i = 0; i < Z3_ast_vector_size(s->ctx, assertions); i++)
		walk_term(&walk, Z3_ast_vector_get(s->ctx, assertions, i));
	Z3_ast_vector_dec_ref(s->ctx, assertions);
}

/* What is impossible without the definitions of quotients is so with them; only what is possible has to hold against those that it speaks of. */
static enum solver_answer check_with_definitions(struct solver *s)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	enum solver_answer ret;

	walk_assertions(s, seen);
	solver_push(s);
	for (guint i = 0; i < s->definitions->len; i++) {
		const struct definition *definition = &g_array_index(s->definitions, struct definition, i);
		if (g_hash_table_contains(seen, definition->of))
			Z3_solver_assert(s->ctx, s->z3, definition->holds);
	}
	ret = ask(s);
	if (ret == SOLVER_SAT)
		take_model(s);
	solver_pop(s);
	return ret;
}

enum solver_answer solver_check(struct solver *s, const struct kg_word *extra)
{
	gint64 start = g_get_monotonic_time();
	enum solver_answer ret;

	if (s->is_broken)
		return SOLVER_UNKNOWN;
	if (extra && !extra->term && !(extra->bits & 1))
		return SOLVER_UNSAT;
	if (extra && extra->term) {
		solver_push(s);
		solver_assert(s, *extra);
	}
	ret = ask(s);
	if (ret != SOLVER_UNSAT && s->definitions->len)
		ret = check_with_definitions(s);
	else if (ret == SOLVER_SAT)
		take_model(s);
	if (extra && extra->term)
		solver_pop(s);
	s->cost.checks++;
	s->cost.unknowns += ret == SOLVER_UNKNOWN;
	s->cost.ns += (g_get_monotonic_time() - start) * 1000;
	return ret;
}

gboolean solver_is_possible(struct solver *s, struct kg_word condition)
{
	gint64 start = g_get_monotonic_time();
	enum solver_answer ret;

	if (!condition.term)
		return condition.bits & 1;
	solver_push(s);
	solver_assert(s, condition);
	ret = ask(s);
	solver_pop(s);
	s->cost.checks++;
	s->cost.ns += (g_get_monotonic_time() - start) * 1000;
	return ret != SOLVER_UNSAT;
}

const char *solver_reason(const struct solver *s)
{
	return s->reason ? s->reason : "no reason was given";
}

/* Quotients that no assertion speaks of are left open by the model: they are computed from what was divided. */
static Z3_ast with_quotients(struct solver *s, Z3_ast term)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	g_autoptr(GArray) from = g_array_new(FALSE, FALSE, sizeof(Z3_ast)), to = g_array_new(FALSE, FALSE, sizeof(Z3_ast));
	struct walk walk = {.s = s, .seen = seen};

	walk_term(&walk, term);
	for (guint i = 0; i < s->definitions->len; i++) {
		const struct definition *definition = &g_array_index(s->definitions, struct definition, i);
		struct kg_word divided;
		uint64_t divisor;
		Z3_ast value;

		if (!g_hash_table_contains(seen, definition->of) ||
		    !solver_is_quotient(s, (struct kg_word){.term = definition->of}, &divided, &divisor))
			continue;
		value = Z3_mk_unsigned_int64(s->ctx, solver_value(s, divided) / divisor, Z3_mk_bv_sort(s->ctx, 64));
		g_array_append_val(from, definition->of);
		g_array_append_val(to, value);
	}
	return from->len ? Z3_substitute(s->ctx, term, from->len, (Z3_ast *)from->data, (Z3_ast *)to->data) : term;
}

uint64_t solver_value(struct solver *s, struct kg_word w)
{
	Z3_ast value, term;
	uint64_t number = 0;

	if (!w.term)
		return w.bits;
	term = s->definitions->len ? with_quotients(s, w.term) : w.term;
	if (s->model && Z3_model_eval(s->ctx, s->model, term, true, &value) && Z3_is_numeral_ast(s->ctx, value))
		Z3_get_numeral_uint64(s->ctx, value, &number);
	return number;
}

void solver_save_model(struct solver *s)
{
	drop(s, &s->saved);
	s->saved = s->model;
	if (s->saved)
		Z3_model_inc_ref(s->ctx, s->saved);
}

void solver_restore_model(struct solver *s)
{
	drop(s, &s->model);
	s->model = s->saved;
	if (s->model)
		Z3_model_inc_ref(s->ctx, s->model);
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

void solver_leaves(struct solver *s, struct kg_word w, void (*visit)(void *user, void *leaf), void *user)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	struct walk walk = {s, seen, visit, user};

	if (w.term)
		walk_term(&walk, w.term);
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

struct solver_cost solver_cost(const struct solver *s)
{
	return s->cost;
}

void solver_interrupt(struct solver *s)
{
	Z3_interrupt(s->ctx);
}

gboolean solver_is_broken(const struct solver *s)
{
	return s->is_broken;
}
