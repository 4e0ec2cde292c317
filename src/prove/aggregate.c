/*
 * Aggregations: what one event adds to a map, from what the map held before and holds after.
 *
 * How bpftrace 0.17 keeps them (seen in its objects): count and sum are one number; avg and stats two entries, with 0 (how many) and 1 (the total)
 * behind the key; hist and lhist one entry a bucket, with the bucket's number behind the key; max the number, min 0xffffffff less the number.
 * A plain map that the program adds to (@n++, @n += x) is a count or a sum like any other.
 */
#include "judge.h"

#include <string.h>

#define MIN_FROM 0xffffffffull

struct adding {
	struct judge *j;
	const struct kg_obligation *o;
	struct kg_obligation_result *r;
	struct moment *m;
	const struct kg_path *path;
	const struct seen_all *seen;
	const struct kg_expr_value *wanted;
	const struct refutation *base;
};

static struct kg_word op(const struct adding *a, enum kg_op what, struct kg_word l, struct kg_word r)
{
	return kg_terms.binary(a->m->x, what, 64, l, r);
}

static struct kg_word choose(const struct adding *a, struct kg_word condition, struct kg_word yes, struct kg_word no)
{
	return kg_terms.select(a->m->x, condition, 64, yes, no);
}

static struct kg_word both(const struct adding *a, struct kg_word l, struct kg_word r)
{
	return kg_terms.binary(a->m->x, KG_OP_AND, 1, l, r);
}

static struct kg_word after(const struct adding *a, const struct seen_change *c)
{
	return value_join(a->m->x, c->after, c->n_value, FALSE);
}

/* FALSE: the program did not look, so what it wrote does not build on what was there. */
static gboolean before(const struct adding *a, const struct seen_change *c, struct kg_word *ret)
{
	*ret = c->was_there == KG_YES ? value_join(a->m->x, c->before, c->n_value, FALSE) : KG_WORD(0);
	return c->was_there != KG_UNKNOWN;
}

static struct kg_word suffix(const struct adding *a, const struct seen_change *c)
{
	return value_join(a->m->x, c->key + c->n_key - c->n_suffix, c->n_suffix, FALSE);
}

/* ---------------------------------------------------------------- buckets */

/*
 * bpftrace's bucket for hist(): 0 below 0, 1 for 0, else 2 + floor(log2(v)); what is 2^32 or more is counted in the last bucket, [2G, 4G). That is
 * a loss, and named among them (loss.c); it is not held against a program.
 */
static struct kg_word log2_bucket(const struct adding *a, struct kg_word v)
{
	struct kg_word bucket = KG_WORD(2);

	for (guint i = 1; i < 32; i++)
		bucket = choose(a, op(a, KG_OP_ULE, KG_WORD(1ull << i), v), KG_WORD(2 + i), bucket);
	bucket = choose(a, op(a, KG_OP_EQ, v, KG_WORD(0)), KG_WORD(1), bucket);
	return choose(a, op(a, KG_OP_SLT, v, KG_WORD(0)), KG_WORD(0), bucket);
}

static struct kg_word linear_bucket(const struct adding *a, struct kg_word v)
{
	const struct kg_obligation *o = a->o;
	struct kg_word min = KG_WORD((uint64_t)o->lhist_min), max = KG_WORD((uint64_t)o->lhist_max), step = KG_WORD((uint64_t)o->lhist_step);
	struct kg_word last = KG_WORD((uint64_t)((o->lhist_max - o->lhist_min) / o->lhist_step + 1));
	struct kg_word bucket = op(a, KG_OP_ADD, op(a, KG_OP_UDIV, op(a, KG_OP_SUB, v, min), step), KG_WORD(1));

	bucket = choose(a, op(a, KG_OP_SLT, max, v), last, bucket);
	return choose(a, op(a, KG_OP_SLT, v, min), KG_WORD(0), bucket);
}

/* ---------------------------------------------------------------- is this what is asked for? */

struct verdict {
	gboolean fits;          /* it could be: the kind is right */
	struct kg_word is_right;/* 1 bit */
	struct kg_word shown;   /* the number that was added, for people */
	gboolean has_shown;
};

static struct verdict one_number(const struct adding *a, const struct seen_change *c)
{
	struct verdict v = {.fits = TRUE, .has_shown = TRUE};
	struct kg_word was, is = after(a, c), want = a->wanted->word;

	if (!before(a, c, &was)) { /* what did not look forgets what was there */
		v.is_right = KG_WORD(0);
		v.shown = is;
		return v;
	}
	switch (a->o->aggregate) {
	case KG_AGGREGATE_MAX:
		v.fits = c->aggregate == KG_AGGREGATE_MAX;
		v.is_right = op(a, KG_OP_EQ, is, choose(a, op(a, KG_OP_SLT, was, want), want, was));
		v.shown = is;
		return v;
	case KG_AGGREGATE_MIN:
		v.fits = c->aggregate == KG_AGGREGATE_MIN;
		want = op(a, KG_OP_SUB, KG_WORD(MIN_FROM), want);
		v.is_right = op(a, KG_OP_EQ, is, choose(a, op(a, KG_OP_SLT, was, want), want, was));
		v.shown = op(a, KG_OP_SUB, KG_WORD(MIN_FROM), is);
		return v;
	default:
		v.fits = c->aggregate == KG_AGGREGATE_NONE || c->aggregate == KG_AGGREGATE_COUNT || c->aggregate == KG_AGGREGATE_SUM;
		v.shown = op(a, KG_OP_SUB, is, was);
		v.is_right = op(a, KG_OP_EQ, v.shown, want);
		return v;
	}
}

static struct verdict one_bucket(const struct adding *a, const struct seen_change *c)
{
	struct verdict v = {.fits = c->aggregate == a->o->aggregate && c->n_suffix};
	struct kg_word was, want;

	if (!v.fits)
		return v;
	want = a->o->aggregate == KG_AGGREGATE_HIST ? log2_bucket(a, a->wanted->word) : linear_bucket(a, a->wanted->word);
	v.is_right = op(a, KG_OP_EQ, suffix(a, c), want);
	v.shown = suffix(a, c);
	v.has_shown = TRUE;
	if (before(a, c, &was))
		v.is_right = both(a, v.is_right, op(a, KG_OP_EQ, op(a, KG_OP_SUB, after(a, c), was), KG_WORD(1)));
	else
		v.is_right = KG_WORD(0);
	return v;
}

static gboolean same_prefix(const struct seen_change *c, const struct seen_change *d)
{
	if (c->map != d->map || c->n_key != d->n_key)
		return FALSE;
	for (guint i = 0; i + c->n_suffix < c->n_key; i++)
		if (c->key[i].term != d->key[i].term || c->key[i].bits != d->key[i].bits)
			return FALSE;
	return TRUE;
}

/* avg and stats: one more, and EXPR to the total. [c] is the entry with suffix 1. */
static struct verdict two_numbers(const struct adding *a, const struct seen_change *c)
{
	struct verdict v = {.fits = (c->aggregate == KG_AGGREGATE_AVG || c->aggregate == KG_AGGREGATE_STATS) && c->n_suffix};
	struct kg_word was, index = v.fits ? suffix(a, c) : KG_WORD(0);

	if (!v.fits || index.term || index.bits != 1 || !before(a, c, &was)) {
		v.fits = FALSE;
		return v;
	}
	v.shown = op(a, KG_OP_SUB, after(a, c), was);
	v.has_shown = TRUE;
	v.is_right = KG_WORD(0);
	for (guint i = 0; i < a->seen->changes->len; i++) {
		const struct seen_change *d = &g_array_index(a->seen->changes, struct seen_change, i);
		struct kg_word n_was, d_index = d->n_suffix ? suffix(a, d) : KG_WORD(1);
		if (d == c || !same_prefix(c, d) || d_index.term || d_index.bits != 0 || !before(a, d, &n_was))
			continue;
		v.is_right = both(a, op(a, KG_OP_EQ, v.shown, a->wanted->word),
				  op(a, KG_OP_EQ, op(a, KG_OP_SUB, after(a, d), n_was), KG_WORD(1)));
	}
	return v;
}

static struct verdict look_at(const struct adding *a, const struct seen_change *c)
{
	switch (a->o->aggregate) {
	case KG_AGGREGATE_HIST: case KG_AGGREGATE_LHIST:
		return one_bucket(a, c);
	case KG_AGGREGATE_AVG: case KG_AGGREGATE_STATS:
		return two_numbers(a, c);
	default:
		return one_number(a, c);
	}
}

/* How often this event changed the map: entries, where one is asked for. */
static guint changes_of(const struct adding *a, int map)
{
	guint n = 0;

	for (guint i = 0; i < a->seen->changes->len; i++) {
		const struct seen_change *c = &g_array_index(a->seen->changes, struct seen_change, i);
		n += c->map == map && !c->is_deleted;
	}
	return n;
}

/* ---------------------------------------------------------------- the question */

static void wrong(const struct adding *a, const struct seen_change *c, const struct verdict *v, struct kg_word differs, const char *why)
{
	struct refutation ref = *a->base;
	g_autofree char *shown = NULL;
	struct kg_symex *x = a->m->x;
	struct kg_word number = KG_WORD(0);

	ref.condition = differs;
	ref.loc = c ? c->loc : a->seen->changes->len ? g_array_index(a->seen->changes, struct seen_change, 0).loc : ref.loc;
	ref.wanted = a->wanted;
	ref.as = a->o->value.as;
	ref.why = a->base->why ? a->base->why : why; /* spans say in which story */
	ref.tells_path = !c;
	if (!c) {
		ref.shown_text = "nothing";
	} else if (v && v->has_shown) { /* kept as a seen value, so that the telling values of the counterexample are in it */
		struct kg_word *bytes = g_newa(struct kg_word, 8);
		struct seen seen = {.where = SEEN_VALUE, .shape = {.kind = SHAPE_INT, .size = 8, .align = 8}, .bytes = bytes, .loc = c->loc,
				    .text = (char *)c->name, .is_signed = TRUE};
		if (c->aggregate == KG_AGGREGATE_HIST || c->aggregate == KG_AGGREGATE_LHIST) {
			seen.bucket = c->aggregate;
			seen.lhist_min = a->o->lhist_min;
			seen.lhist_step = a->o->lhist_step;
		}
		number = v->shown;
		for (guint i = 0; i < 8; i++)
			bytes[i] = kg_terms.extract(x, number, 8 * i + 7, 8 * i);
		ref.shown = &seen;
		ref.is_added = a->o->aggregate != KG_AGGREGATE_MAX && a->o->aggregate != KG_AGGREGATE_MIN;
		refute(a->j, a->r, &ref);
		return;
	} else {
		ref.shown_text = shown = g_strdup_printf("%s of something else", kg_aggregate_name(c->aggregate));
	}
	refute(a->j, a->r, &ref);
}

/*
 * Values of which nothing need be seen: 0 added to a sum, and what bpftrace's min() and max() can't keep. These have room for 32 bits, and max() begins at 0;
 * that is a loss, and named among them (loss.c), but not held against a program.
 */
struct kg_word aggregate_may_skip(struct moment *m, enum kg_aggregate aggregate, struct kg_word value)
{
	switch (aggregate) {
	case KG_AGGREGATE_SUM: return kg_terms.binary(m->x, KG_OP_EQ, 64, value, KG_WORD(0));
	case KG_AGGREGATE_MIN: return kg_terms.binary(m->x, KG_OP_SLT, 64, KG_WORD(MIN_FROM), value);
	case KG_AGGREGATE_MAX: return kg_terms.binary(m->x, KG_OP_SLT, 64, value, KG_WORD(0));
	default: return KG_WORD(0);
	}
}

void judge_aggregate(struct judge *j, const struct kg_obligation *obligation, struct kg_obligation_result *r, struct moment *m,
		     const struct kg_path *path, const struct seen_all *seen, const struct kg_expr_value *wanted, struct kg_word condition,
		     const struct refutation *base)
{
	struct adding a = {j, obligation, r, m, path, seen, wanted, base};
	const struct seen_change *nearest = NULL;
	struct verdict nearest_verdict = {0};
	struct kg_word nearest_differs = condition, due;

	if (wanted->kind != KG_EXPR_NUMBER && wanted->kind != KG_EXPR_POINTER) {
		result_unknown(r, "what is added up is not a number");
		return;
	}
	for (guint i = 0; i < seen->changes->len; i++) {
		const struct seen_change *c = &g_array_index(seen->changes, struct seen_change, i);
		gboolean is_pair = obligation->aggregate == KG_AGGREGATE_AVG || obligation->aggregate == KG_AGGREGATE_STATS;
		struct kg_word differs;
		struct verdict v;
		enum kg_answer can;

		if (c->is_deleted || c->is_scratch)
			continue;
		v = look_at(&a, c);
		if (!v.fits)
			continue;
		if (changes_of(&a, c->map) > (is_pair ? 2 : 1)) {
			for (guint k = i + 1; k < seen->changes->len; k++)
				if (g_array_index(seen->changes, struct seen_change, k).map == c->map)
					c = &g_array_index(seen->changes, struct seen_change, k);
			wrong(&a, c, &v, condition, "one event is added more than once");
			return;
		}
		differs = kg_terms.binary(m->x, KG_OP_AND, 1, condition, kg_terms.binary(m->x, KG_OP_XOR, 1, v.is_right, KG_WORD(1)));
		can = kg_symex_can(m->x, differs);
		if (can == KG_NO) {
			g_hash_table_insert(j->added_up, GINT_TO_POINTER(c->map + 1), r);
			return;
		}
		if (can == KG_UNKNOWN) {
			result_unknown(r, "%s", kg_symex_reason(m->x));
			return;
		}
		nearest = c;
		nearest_verdict = v;
		nearest_differs = differs;
	}
	if (seen->why_not)
		result_unknown(r, "%s", seen->why_not);
	else if (nearest)
		wrong(&a, nearest, &nearest_verdict, nearest_differs, "something else is added");
	due = kg_terms.binary(m->x, KG_OP_AND, 1, condition,
			      kg_terms.binary(m->x, KG_OP_XOR, 1, aggregate_may_skip(m, obligation->aggregate, wanted->word), KG_WORD(1)));
	if (!seen->why_not && !nearest && kg_symex_can(m->x, due) != KG_NO)
		wrong(&a, NULL, NULL, due, seen->changes->len ? "nothing is added up in this way" : "nothing is added");
}
