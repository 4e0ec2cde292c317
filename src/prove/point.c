/*
 * Clauses about a point in time: every obligation, on every path of every program that is attached there.
 *
 * "Shown" means that on each path one value that a user sees equals what is wanted, for all states that take the path. Which value that is may
 * differ from path to path. If each state finds it at another place, that is not good enough to be called proved, and is "unknown".
 */
#include "judge.h"

#include <stdarg.h>
#include <string.h>

struct on_path {
	struct asking *a;
	const struct kg_path *path;
	struct seen_all *seen;
	GPtrArray *matches; /* for each obligation of the clause: the value that is it (struct seen *), or NULL */
};

/* ---------------------------------------------------------------- what is asked */

static struct refutation refutation_of(const struct on_path *p)
{
	struct refutation ref = {.n = p->a->n, .seen = p->seen, .condition = KG_WORD(1)};
	const struct kg_bt_probe *probe = seer_probe(p->a->j->seer, p->a->m->program);

	memcpy(ref.moments, p->a->moments, sizeof(ref.moments));
	for (guint i = 0; i < ref.n; i++)
		ref.paths[i] = p->a->siblings[i].paths[p->a->siblings[i].n - 1];
	ref.siblings = p->a->siblings;
	if (probe)
		ref.loc = probe->loc;
	return ref;
}

static struct kg_word and_not(struct kg_symex *x, struct kg_word a, struct kg_word b)
{
	struct kg_word not = kg_terms.binary(x, KG_OP_XOR, 1, b, KG_WORD(1));

	return kg_terms.binary(x, KG_OP_AND, 1, a, not);
}

/* The condition under which an obligation is due on this path; FALSE: never. */
static gboolean is_due(const struct on_path *p, struct kg_obligation_result *r, const struct kg_contract_expr *when, struct kg_word *ret)
{
	struct moment *m = p->a->m;
	_cleanup_error_ struct kg_error e = {0};
	struct kg_word word;

	if (moment_truth(m, when, &word, &e)) {
		result_unknown(r, "%s", e.msg);
		return FALSE;
	}
	*ret = kg_terms.binary(m->x, KG_OP_AND, 1, word, m->condition);
	if (kg_symex_can(m->x, *ret) == KG_NO)
		return FALSE;
	r->n_paths++;
	return TRUE;
}

/* ---------------------------------------------------------------- show */

static gboolean is_for_show(const struct seen *s)
{
	return s->where == SEEN_PRINTED || s->where == SEEN_KEY || s->where == SEEN_VALUE;
}

/* What an obligation found right: the program's expression, or the name of a member of a C program's record. */
static gpointer matched_as(const struct seen *s)
{
	return s->node ? (gpointer)s->node : (gpointer)g_intern_string(s->text);
}

/* The seen value that comes nearest to what is wanted: of the same kind, and made of the same things. */
static const struct seen *nearest(const struct on_path *p, const struct kg_expr_value *wanted)
{
	struct kg_symex *x = p->a->m->x;
	g_autoptr(GArray) want = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	g_autoptr(GPtrArray) want_inputs = NULL, want_reads = NULL;
	const struct seen *best = NULL;
	guint best_score = 0;

	value_words_wanted(p->a->m, wanted, want);
	kg_symex_support(x, p->path, (const struct kg_word *)want->data, want->len, &want_inputs, &want_reads);
	for (guint i = 0; i < p->seen->values->len; i++) {
		const struct seen *s = p->seen->values->pdata[i];
		g_autoptr(GPtrArray) inputs = NULL, reads = NULL;
		struct kg_word equal;
		guint score;

		if (!is_for_show(s) || !value_equal(p->a->m, s, wanted, &equal))
			continue;
		kg_symex_support(x, p->path, s->bytes, s->shape.size, &inputs, &reads);
		score = 1 + 2 * !g_hash_table_contains(p->a->j->matched, matched_as(s));
		for (guint k = 0; k < inputs->len; k++)
			score += 4 * g_ptr_array_find(want_inputs, inputs->pdata[k], NULL);
		for (guint k = 0; k < reads->len; k++)
			score += 4 * g_ptr_array_find(want_reads, reads->pdata[k], NULL);
		if (score > best_score) {
			best = s;
			best_score = score;
		}
	}
	return best;
}

/* What mistake it looks like: decided by asking whether it is that mistake in every state. */
static void explain_difference(const struct on_path *p, const struct seen *shown, const struct kg_expr_value *wanted, char **ret_why, char **ret_mend)
{
	struct kg_symex *x = p->a->m->x;
	struct kg_word number, swapped, is_it;
	struct kg_word of;
	uint64_t divisor;
	gboolean is_swapped = FALSE;

	if (shown->shape.kind != SHAPE_INT || wanted->kind != KG_EXPR_NUMBER)
		return;
	number = value_number(x, shown);
	swapped = kg_terms.concat(x, kg_terms.extract(x, number, 7, 0), 8, kg_terms.extract(x, number, 15, 8), 8);
	swapped = kg_terms.extend(x, swapped, 16, 64, FALSE);
	is_it = kg_terms.binary(x, KG_OP_NE, 64, swapped, wanted->word);
	kg_symex_mark(x);
	is_swapped = kg_symex_can(x, is_it) == KG_NO;
	kg_symex_forget(x);
	if (is_swapped && shown->node && shown->node->kind == KG_BT_CALL && !strcmp(shown->node->text, "bswap")) {
		GString *inner = g_string_new(NULL);
		kg_bt_print_expr(kg_bt_kid(shown->node, 0), inner);
		*ret_why = g_strdup("its bytes are exchanged, although they are in host byte order");
		*ret_mend = g_string_free(inner, FALSE);
		return;
	}
	if (is_swapped) {
		*ret_why = g_strdup("is shown as the kernel keeps it (big endian), not in host byte order");
		*ret_mend = g_strdup_printf("bswap(%s)", shown->text);
		return;
	}
	if (kg_symex_is_quotient(x, wanted->word, &of, &divisor) && of.term == number.term) {
		*ret_why = g_strdup_printf("it is %" G_GUINT64_FORMAT " times too large", divisor);
		*ret_mend = g_strdup_printf("(%s) / %" G_GUINT64_FORMAT, shown->text, divisor);
	}
}

static void show_is_wrong(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, const struct kg_expr_value *wanted,
			  struct kg_word all_differ)
{
	struct refutation ref = refutation_of(p);
	g_autofree char *why = NULL, *mend = NULL;

	ref.shown = nearest(p, wanted);
	ref.wanted = wanted;
	ref.as = o->value.as;
	ref.condition = all_differ;
	ref.tells_path = !ref.shown;
	if (ref.shown) {
		ref.loc = ref.shown->loc;
		explain_difference(p, ref.shown, wanted, &why, &mend);
	}
	if (!why)
		why = g_strdup(ref.shown ? "something else is shown" : seen_anything(p->seen) ? "is not among what is shown" : "nothing is shown");
	ref.why = why;
	ref.mend = mend;
	refute(p->a->j, r, &ref);
}

/* Is one of the values that are seen always what is wanted? If not, *ret_all_differ: it is due, and all that could be it differ. */
static gboolean is_found(struct on_path *p, const struct kg_expr_value *wanted, struct kg_word due, struct kg_obligation_result *r, gpointer *ret_match,
			 struct kg_word *ret_all_differ, gboolean *ret_is_unclear)
{
	struct kg_symex *x = p->a->m->x;

	*ret_all_differ = due;
	*ret_is_unclear = FALSE;
	for (guint i = 0; i < p->seen->values->len; i++) {
		struct seen *s = p->seen->values->pdata[i];
		struct kg_word equal;
		enum kg_answer can;

		if (!is_for_show(s) || !value_equal(p->a->m, s, wanted, &equal))
			continue;
		can = kg_symex_can(x, and_not(x, due, equal));
		if (can == KG_NO) {
			*ret_match = s;
			result_at(r, &s->loc);
			g_hash_table_add(p->a->j->matched, matched_as(s));
			return TRUE;
		}
		*ret_is_unclear |= can == KG_UNKNOWN;
		*ret_all_differ = and_not(x, *ret_all_differ, equal);
	}
	return FALSE;
}

static void ask_show(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct kg_symex *x = p->a->m->x;
	struct kg_expr_value wanted;
	_cleanup_error_ struct kg_error e = {0};
	struct kg_word due, all_differ;
	gboolean is_unclear;

	if (!is_due(p, r, &o->value.when, &due))
		return;
	if (moment_wanted(p->a->m, &o->value, &wanted, &e)) {
		result_unknown(r, "%s", e.msg);
		return;
	}
	if (is_found(p, &wanted, due, r, ret_match, &all_differ, &is_unclear))
		return;
	if (p->seen->why_not) {
		result_unknown(r, "%s", p->seen->why_not);
		return;
	}
	switch (kg_symex_can(x, all_differ)) {
	case KG_YES:
		show_is_wrong(p, o, r, &wanted, all_differ);
		return;
	case KG_NO:
		result_unknown(r, "it is shown, but not always at the same place");
		return;
	default:
		result_unknown(r, "%s", is_unclear ? kg_symex_reason(x) : "the solver has no answer");
	}
}

/* Two values of one kind in one record, found in the other order than asked for. */
static void exchanged(struct on_path *p, struct kg_obligation_result *r, const struct kg_obligation *a, const struct kg_obligation *b, const struct seen *at_b)
{
	struct refutation ref = refutation_of(p);
	struct kg_expr_value wanted;
	struct kg_word equal;
	g_autofree char *why = g_strdup_printf("%s stands behind %s, and only their order tells them apart", a->what, b->what);

	if (moment_wanted(p->a->m, &a->value, &wanted, NULL) || !value_equal(p->a->m, at_b, &wanted, &equal)) {
		result_unknown(r, "%s and %s can't be compared", a->what, b->what);
		return;
	}
	ref.condition = and_not(p->a->m->x, p->a->m->condition, equal);
	if (kg_symex_can(p->a->m->x, ref.condition) == KG_NO)
		return; /* they are always the same */
	ref.shown = at_b;
	ref.loc = at_b->loc;
	ref.wanted = &wanted;
	ref.as = a->value.as;
	ref.why = why;
	refute(p->a->j, r, &ref);
}

/* Of the values that are shown in the same way, an earlier one of the contract stands before a later one. Asked when all were looked for. */
static void ask_order(struct on_path *p, struct kg_obligation_result *r)
{
	const GPtrArray *obligations = p->a->clause->obligations;

	r->n_paths++;
	for (guint i = 0; i < obligations->len; i++)
		for (guint k = i + 1; k < obligations->len && result_is_open(p->a->j, r); k++) {
			const struct kg_obligation *a = obligations->pdata[i], *b = obligations->pdata[k];
			const struct seen *at_a = p->matches->pdata[i], *at_b = p->matches->pdata[k];
			guint index_a, index_b;

			if (!at_a || !at_b || a->value.as != b->value.as || at_a->shape.kind != at_b->shape.kind || at_a->group != at_b->group)
				continue;
			g_ptr_array_find(p->seen->values, at_a, &index_a);
			g_ptr_array_find(p->seen->values, at_b, &index_b);
			if (index_a > index_b)
				exchanged(p, r, a, b, at_b);
		}
}

/* ---------------------------------------------------------------- only if */

static struct kg_word span_time(const struct on_path *p)
{
	return kg_terms.binary(p->a->m->x, KG_OP_SUB, 64, p->a->m->event->time, p->a->moments[p->a->begin]->event->time);
}

/* States in which nothing need be seen, since the value that is put together is one that may be left out. */
static struct kg_word skipped_values(struct on_path *p)
{
	struct moment *m = p->a->m;
	struct kg_word skipped = KG_WORD(0);

	for (guint i = 0; i < p->a->clause->obligations->len; i++) {
		const struct kg_obligation *o = p->a->clause->obligations->pdata[i];
		struct kg_expr_value value = {.kind = KG_EXPR_NUMBER};

		if (o->kind == KG_OBLIGATION_LATENCY && p->a->begin >= 0)
			value.word = kg_terms.binary(m->x, KG_OP_UDIV, 64, span_time(p), KG_WORD(kg_as_info(o->value.as)->per_unit));
		else if (o->kind != KG_OBLIGATION_AGGREGATE || !o->value.expr.node || moment_wanted(m, &o->value, &value, NULL) || value.kind != KG_EXPR_NUMBER)
			continue;
		skipped = kg_terms.binary(m->x, KG_OP_OR, 1, skipped, aggregate_may_skip(m, o->aggregate, value.word));
	}
	return skipped;
}

static void ask_only_if(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct kg_symex *x = p->a->m->x;
	gboolean is_seen = seen_anything(p->seen);
	struct kg_word wrong = is_seen ? and_not(x, KG_WORD(1), p->a->m->condition) : and_not(x, p->a->m->condition, skipped_values(p));
	struct refutation ref;
	enum kg_answer can;

	(void)ret_match;
	ref = refutation_of(p);
	result_at(r, &ref.loc);
	r->n_paths++;
	can = kg_symex_can(x, wrong);
	if (can == KG_UNKNOWN)
		result_unknown(r, "%s", kg_symex_reason(x));
	if (can == KG_YES && !is_seen && p->seen->why_not) {
		result_unknown(r, "%s", p->seen->why_not);
		return;
	}
	if (can != KG_YES)
		return;
	ref = refutation_of(p);
	ref.condition = wrong;
	ref.tells_path = TRUE;
	ref.why = is_seen ? "something is shown although it does not hold" : "nothing is shown although it holds";
	ref.shown_text = is_seen ? "something" : "nothing";
	ref.wanted_text = is_seen ? "nothing" : "something";
	(void)o;
	if (is_seen && p->seen->values->len)
		ref.loc = ((struct seen *)p->seen->values->pdata[0])->loc;
	refute(p->a->j, r, &ref);
}

/* ---------------------------------------------------------------- by */

static void keys_of_group(const struct on_path *p, guint group, GPtrArray *keys)
{
	for (guint i = 0; i < p->seen->values->len; i++) {
		struct seen *s = p->seen->values->pdata[i];
		if (s->where == SEEN_KEY && s->group == group)
			g_ptr_array_add(keys, s);
	}
}

/* Is every wanted key one of [keys], and none left over? *ret_wrong: the first wanted key that is none. */
static enum kg_answer same_keys(const struct on_path *p, const struct kg_obligation *o, const GPtrArray *keys, const struct kg_contract_value **ret_wrong,
				struct kg_word *ret_differs)
{
	struct kg_symex *x = p->a->m->x;
	g_autoptr(GPtrArray) used = g_ptr_array_new();

	for (guint i = 0; i < o->keys->len; i++) {
		struct kg_expr_value wanted;
		gboolean is_there = FALSE;
		struct kg_word differs = p->a->m->condition, equal;
		_cleanup_error_ struct kg_error e = {0};

		if (moment_wanted(p->a->m, o->keys->pdata[i], &wanted, &e))
			return KG_UNKNOWN;
		for (guint k = 0; k < keys->len && !is_there; k++) {
			if (g_ptr_array_find(used, keys->pdata[k], NULL) || !value_equal(p->a->m, keys->pdata[k], &wanted, &equal))
				continue;
			is_there = kg_symex_can(x, and_not(x, p->a->m->condition, equal)) == KG_NO;
			if (is_there)
				g_ptr_array_add(used, keys->pdata[k]);
			else
				differs = and_not(x, differs, equal);
		}
		if (!is_there) {
			*ret_wrong = o->keys->pdata[i];
			*ret_differs = differs;
			return KG_NO;
		}
	}
	*ret_wrong = NULL;
	*ret_differs = p->a->m->condition;
	return used->len == keys->len ? KG_YES : KG_NO;
}

static void by_is_wrong(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, const GPtrArray *keys,
			const struct kg_contract_value *wrong, struct kg_word differs, struct kg_loc loc)
{
	struct refutation ref = refutation_of(p);
	g_autofree char *why = NULL, *want = NULL;
	struct kg_expr_value wanted;

	ref.condition = differs;
	ref.loc = loc;
	ref.shown = keys && keys->len == 1 ? keys->pdata[0] : NULL;
	if (wrong && moment_wanted(p->a->m, &(struct kg_contract_value){.expr = wrong->expr, .as = wrong->as}, &wanted, NULL) == 0)
		ref.wanted = &wanted;
	else
		ref.wanted_text = want = g_strdup_printf("%u key%s", o->keys->len, o->keys->len == 1 ? "" : "s");
	if (!ref.shown && keys)
		ref.shown_keys = keys;
	else if (!ref.shown)
		ref.shown_text = "nothing";
	why = wrong ? g_strdup_printf("%s is not what it is grouped by", wrong->what)
		    : g_strdup_printf("it is grouped by %u keys instead of %u", keys ? keys->len : 0, o->keys->len);
	ref.why = why;
	refute(p->a->j, r, &ref);
}

static void ask_by(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct kg_word differs = p->a->m->condition;
	const struct kg_contract_value *wrong = o->keys->len ? o->keys->pdata[0] : NULL;
	g_autoptr(GPtrArray) last = NULL;
	struct kg_loc loc = refutation_of(p).loc;

	(void)ret_match;
	if (kg_symex_can(p->a->m->x, p->a->m->condition) == KG_NO)
		return;
	r->n_paths++;
	for (guint i = 0; i < p->seen->changes->len; i++) {
		const struct seen_change *change = &g_array_index(p->seen->changes, struct seen_change, i);
		g_autoptr(GPtrArray) keys = g_ptr_array_new();
		if (change->is_scratch || change->is_deleted)
			continue;
		keys_of_group(p, change->group, keys);
		switch (same_keys(p, o, keys, &wrong, &differs)) {
		case KG_YES:
			result_at(r, &change->loc);
			for (guint k = 0; k < keys->len; k++)
				g_hash_table_add(p->a->j->matched, (gpointer)((struct seen *)keys->pdata[k])->node);
			return;
		case KG_UNKNOWN:
			result_unknown(r, "a key can't be evaluated here");
			return;
		default:
			g_clear_pointer(&last, g_ptr_array_unref);
			last = g_steal_pointer(&keys);
			loc = change->loc;
		}
	}
	if (p->seen->why_not)
		result_unknown(r, "%s", p->seen->why_not);
	else if (last) /* where nothing is added up there is nothing to be grouped: that is the aggregation's own obligation */
		by_is_wrong(p, o, r, last, wrong, differs, loc);
}

/* ---------------------------------------------------------------- aggregates, results */

/* An aggregation is fulfilled where its map is written. */
static void at_change(const struct on_path *p, struct kg_obligation_result *r)
{
	for (guint i = 0; i < p->seen->changes->len; i++) {
		const struct seen_change *change = &g_array_index(p->seen->changes, struct seen_change, i);
		if (!change->is_scratch && !change->is_deleted)
			result_at(r, &change->loc);
	}
}

static void ask_aggregate(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct kg_expr_value wanted = {.kind = KG_EXPR_NUMBER, .word = KG_WORD(1), .width = 64};
	_cleanup_error_ struct kg_error e = {0};
	struct refutation base = refutation_of(p);
	struct kg_word due;

	(void)ret_match;
	if (!is_due(p, r, &o->value.when, &due))
		return;
	if (o->value.expr.node && moment_wanted(p->a->m, &o->value, &wanted, &e)) {
		result_unknown(r, "%s", e.msg);
		return;
	}
	at_change(p, r);
	judge_aggregate(p->a->j, o, r, p->a->m, p->path, p->seen, &wanted, due, &base);
}

static void ask_return(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct kg_symex *x = p->a->m->x;
	struct kg_expr_value wanted;
	_cleanup_error_ struct kg_error e = {0};
	struct kg_word due, differs;
	struct refutation ref = refutation_of(p);

	(void)ret_match;
	if (!is_due(p, r, &o->value.when, &due))
		return;
	if (moment_wanted(p->a->m, &o->value, &wanted, &e)) {
		result_unknown(r, "%s", e.msg);
		return;
	}
	/* a program's result is 32 bits */
	differs = kg_terms.binary(x, KG_OP_NE, 32, kg_terms.extract(x, p->path->result, 31, 0), kg_terms.extract(x, wanted.word, 31, 0));
	differs = kg_terms.binary(x, KG_OP_AND, 1, due, differs);
	switch (kg_symex_can(x, differs)) {
	case KG_UNKNOWN:
		result_unknown(r, "%s", kg_symex_reason(x));
		return;
	case KG_NO:
		return;
	default:
		ref.wanted = &wanted;
		ref.condition = differs;
		ref.tells_path = TRUE;
		ref.result = TRUE;
		ref.why = "another result is returned";
		refute(p->a->j, r, &ref);
	}
}

/* ---------------------------------------------------------------- paths */

/* ---------------------------------------------------------------- latency */

static void shown_without_beginning(struct on_path *p, struct kg_obligation_result *r)
{
	struct refutation ref = refutation_of(p);
	g_autofree char *why = g_strdup_printf("%s: something is shown", p->a->story);

	if (!seen_anything(p->seen) || kg_symex_can(p->a->m->x, p->a->m->condition) == KG_NO)
		return;
	ref.condition = p->a->m->condition;
	ref.tells_path = TRUE;
	ref.why = why;
	ref.shown_text = "something";
	for (guint i = 0; i < p->seen->values->len; i++) {
		const struct seen *s = p->seen->values->pdata[i];
		if (s->where != SEEN_KEY && s->shape.kind == SHAPE_INT) {
			ref.shown = s;
			ref.shown_text = NULL;
			ref.loc = s->loc;
		}
	}
	refute(p->a->j, r, &ref);
}

/* Two spans at once that mix their times are kept by something that they share. Owned, or NULL. */
static char *mend_of_story(const struct asking *a)
{
	const struct kg_contract_span *span = a->clause->span;
	const struct kg_contract_end *from = span && span->from->len ? span->from->pdata[0] : NULL;

	if (!from || !from->key->len || a->n != 3 || a->begin != 0)
		return NULL;
	return g_strdup_printf("keep the beginning by %s", ((struct kg_contract_expr *)from->key->pdata[0])->text);
}

static void latency_is_wrong(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, const struct kg_expr_value *wanted,
			     struct kg_word differs)
{
	struct refutation ref = refutation_of(p);
	g_autofree char *why = NULL, *because = NULL, *mend = NULL;

	ref.shown = nearest(p, wanted);
	ref.wanted = wanted;
	ref.as = o->value.as;
	ref.condition = differs;
	ref.tells_path = !ref.shown;
	if (ref.shown) {
		ref.loc = ref.shown->loc;
		explain_difference(p, ref.shown, wanted, &because, &mend);
	}
	why = g_strdup_printf("%s: %s", p->a->story, because ? because : ref.shown ? "another time is shown" : "no time is shown");
	ref.why = why;
	if (!mend)
		mend = mend_of_story(p->a);
	ref.mend = mend;
	refute(p->a->j, r, &ref);
}

static void ask_latency(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match)
{
	struct moment *m = p->a->m;
	struct kg_expr_value time = {.kind = KG_EXPR_NUMBER, .width = 64}, wanted;
	struct kg_word all_differ;
	gboolean is_unclear;
	struct refutation base = refutation_of(p);
	_cleanup_error_ struct kg_error e = {0};

	if (kg_symex_can(m->x, m->condition) == KG_NO)
		return;
	r->n_paths++;
	if (p->a->begin < 0) {
		shown_without_beginning(p, r);
		return;
	}
	time.word = span_time(p);
	if (kg_expr_shown(&time, o->value.as, &m->env, &wanted, &e)) {
		result_unknown(r, "%s", e.msg);
		return;
	}
	if (o->aggregate != KG_AGGREGATE_NONE) {
		g_autofree char *why = g_strdup_printf("%s: another time is added up, or none", p->a->story), *mend = mend_of_story(p->a);
		base.why = why;
		base.mend = mend;
		at_change(p, r);
		judge_aggregate(p->a->j, o, r, m, p->path, p->seen, &wanted, m->condition, &base);
		return;
	}
	if (is_found(p, &wanted, m->condition, r, ret_match, &all_differ, &is_unclear))
		return;
	if (p->seen->why_not) { /* it may be in what could not be taken apart */
		result_unknown(r, "%s", p->seen->why_not);
		return;
	}
	switch (kg_symex_can(m->x, all_differ)) {
	case KG_YES:
		latency_is_wrong(p, o, r, &wanted, all_differ);
		return;
	default:
		result_unknown(r, "%s", kg_symex_reason(m->x));
	}
}

typedef void (*ask_fn)(struct on_path *p, const struct kg_obligation *o, struct kg_obligation_result *r, gpointer *ret_match);
static const ask_fn asks[KG_OBLIGATIONS] = {
	[KG_OBLIGATION_SHOW] = ask_show,
	[KG_OBLIGATION_BY] = ask_by,
	[KG_OBLIGATION_AGGREGATE] = ask_aggregate,
	[KG_OBLIGATION_ONLY_IF] = ask_only_if,
	[KG_OBLIGATION_RETURN] = ask_return,
	[KG_OBLIGATION_LATENCY] = ask_latency,
};

void ask_all_unknown(struct asking *a, const char *why)
{
	for (guint i = 0; i < a->clause->obligations->len; i++) {
		const struct kg_obligation *o = a->clause->obligations->pdata[i];
		if (asks[o->kind] || o->kind == KG_OBLIGATION_ORDER)
			result_unknown(result_of(a->j, a->clause, o), "%s", why);
	}
	judge_built_in_unknown(a->j, why);
}

enum kg_answer before_of_path(void *user, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret)
{
	guint n;

	return kg_symex_before(user, map, key, n_key, ret, &n);
}

/* Of a span without latency: who answers for something that is shown without a beginning. */
static const struct kg_obligation *answerable(const struct kg_contract_clause *clause)
{
	static const enum kg_obligation_kind kinds[] = {KG_OBLIGATION_LATENCY, KG_OBLIGATION_ONLY_IF, KG_OBLIGATION_SHOW, KG_OBLIGATION_AGGREGATE};

	for (guint k = 0; k < G_N_ELEMENTS(kinds); k++)
		for (guint i = 0; i < clause->obligations->len; i++)
			if (((struct kg_obligation *)clause->obligations->pdata[i])->kind == kinds[k])
				return clause->obligations->pdata[i];
	return NULL;
}

static void ask_nothing(struct asking *a, const struct kg_path *path, struct seen_all *seen)
{
	struct on_path p = {.a = a, .path = path, .seen = seen};
	const struct kg_obligation *o = answerable(a->clause);
	struct kg_obligation_result *r = o ? result_of(a->j, a->clause, o) : NULL;

	if (!r || !result_is_open(a->j, r))
		return;
	r->n_paths++;
	shown_without_beginning(&p, r);
}

void ask_path(struct asking *a, const struct kg_path *path, struct seen_all *seen)
{
	struct on_path p = {.a = a, .path = path, .seen = seen};
	const GPtrArray *obligations = a->clause->obligations;

	if (a->clause->span && a->begin < 0) {
		ask_nothing(a, path, seen);
		return;
	}
	p.matches = g_ptr_array_new();
	g_ptr_array_set_size(p.matches, (gint)obligations->len);
	for (guint i = 0; i < obligations->len; i++) {
		const struct kg_obligation *o = obligations->pdata[i];
		struct kg_obligation_result *r = result_of(a->j, a->clause, o);
		if (asks[o->kind] && result_is_open(a->j, r) && (!a->only_latency || o->kind == KG_OBLIGATION_LATENCY))
			asks[o->kind](&p, o, r, &p.matches->pdata[i]);
	}
	for (guint i = 0; i < obligations->len && !a->only_latency; i++) {
		const struct kg_obligation *o = obligations->pdata[i];
		if (o->kind == KG_OBLIGATION_ORDER)
			ask_order(&p, result_of(a->j, a->clause, o));
	}
	g_ptr_array_unref(p.matches);
}

/* ---------------------------------------------------------------- events, and the probes at one attach point */

static void run_next(struct asking *a, const struct kg_state *from);

/* What was shown by all that ran on the last event. Takes [last], which the last of them showed. */
static struct seen_all *seen_together(const struct siblings *s, struct seen_all *last)
{
	struct seen_all *all = NULL;

	for (guint i = 0; i < s->n; i++) { /* what an earlier one saw was looked at when its state was the newest */
		struct seen_all *one = i + 1 == s->n ? last : seen_all_copy(s->seen[i]);

		if (all)
			seen_all_join(all, one);
		else
			all = one;
	}
	return all;
}

/*
 * A tail call went on to another program. What that one does is unknown, and so is what is missing here; what was shown before stays shown: too much is
 * too much.
 */
static void ask_left(struct asking *a, const struct kg_path *path)
{
	struct on_path p = {.a = a, .path = path};
	const struct kg_obligation *only_if = NULL;

	for (guint i = 0; i < a->clause->obligations->len; i++) {
		const struct kg_obligation *o = a->clause->obligations->pdata[i];
		if (o->kind == KG_OBLIGATION_ONLY_IF)
			only_if = o;
	}
	if (a->siblings[0].n > 1 || a->clause->span)
		return;
	p.seen = seer_look(a->j->seer, a->m->program, path->effects, before_of_path, (void *)path);
	judge_built_in_path(a->j, a->m, path, p.seen);
	if (only_if && seen_anything(p.seen) && result_is_open(a->j, result_of(a->j, a->clause, only_if)))
		ask_only_if(&p, only_if, result_of(a->j, a->clause, only_if), NULL);
	seen_all_free(p.seen);
}

static void visit(const struct kg_path *path, void *user)
{
	struct asking *a = user;
	struct siblings *here = &a->siblings[a->at];
	gboolean is_last = a->at + 1 == a->n;
	struct seen_all *seen = NULL;

	here->paths[here->at] = path;
	if (path->is_left)
		ask_left(a, path);
	if (!path->is_complete) {
		ask_all_unknown(a, path->why);
		return;
	}
	if (is_last) {
		a->m->program = here->programs[here->at];
		here->seen[here->at] = seen = seer_look(a->j->seer, a->m->program, path->effects, before_of_path, (void *)path);
		judge_built_in_path(a->j, a->m, path, seen);
	}
	if (here->at + 1 < here->n) {
		here->at++;
		run_next(a, path->state);
		here->at--;
		seen_all_free(seen);
	} else if (!is_last) {
		a->at++;
		run_next(a, path->state);
		a->at--;
	} else {
		seen = seen_together(here, seen);
		ask_path(a, path, seen);
		seen_all_free(seen);
	}
}

static void run_next(struct asking *a, const struct kg_state *from)
{
	const struct siblings *here = &a->siblings[a->at];
	_cleanup_error_ struct kg_error e = {0};

	if (kg_symex_run(a->m->x, a->j->object, here->programs[here->at], a->moments[a->at]->event, from, visit, a, &e))
		ask_all_unknown(a, e.msg);
}

void ask_events(struct asking *a, const struct kg_state *start)
{
	run_next(a, start);
}

gboolean ask_siblings(struct asking *a, guint i, guint program)
{
	guint n_all;

	a->siblings[i].n = programs_with(a->j, program, a->siblings[i].programs, &n_all);
	for (guint k = 0; k < a->siblings[i].n; k++)
		g_hash_table_add(a->j->covered, GUINT_TO_POINTER(a->siblings[i].programs[k] + 1));
	return n_all == a->siblings[i].n;
}

guint programs_with(struct judge *j, guint program, guint *ret, guint *ret_all)
{
	const struct kg_bpf_program *own = j->object->programs->pdata[program];
	guint n = 0;

	*ret_all = 0;
	for (guint i = 0; i < j->object->programs->len; i++) {
		const struct kg_bpf_program *other = j->object->programs->pdata[i];
		if (i != program && (own->kind == KG_PROBE_NONE || g_strcmp0(own->attach, other->attach)))
			continue;
		(*ret_all)++;
		if (n < MAX_SIBLINGS)
			ret[n++] = i;
	}
	return n;
}

/* ---------------------------------------------------------------- clauses */

static void judge_program(struct judge *j, const struct kg_contract_clause *clause, guint program)
{
	struct kg_symex *x = judge_executor(j);
	struct asking a = {.j = j, .clause = clause, .n = 1};
	struct kg_state *start = NULL;
	struct kg_word assumed;
	gboolean has_all = ask_siblings(&a, 0, program);
	_cleanup_error_ struct kg_error e = {0};

	a.m = a.moments[0] = moment_new(j, x, clause, program, NULL, &e);
	if (!a.m || moment_assumes(a.m, clause->assumes, &assumed, &e) || moment_truth(a.m, moment_only_if(clause), &a.m->condition, &e)) {
		ask_all_unknown(&a, e.msg ? e.msg : "it can't be evaluated");
	} else {
		kg_symex_assume(x, assumed);
		if (kg_symex_can(x, KG_WORD(1)) == KG_NO) {
			ask_all_unknown(&a, "no state of the kernel satisfies what the contract assumes");
		} else {
			start = kg_symex_start(x, j->object, KG_MAPS_ANY);
			ask_events(&a, start);
		}
	}
	if (!has_all)
		ask_all_unknown(&a, TOO_MANY_SIBLINGS);
	judge_cost(j, x);
	kg_state_free(start);
	moment_free(a.m);
	kg_symex_free(x);
}

/* Kinds of C programs: the same program type and, where the contract names one, the same hook. */
static gboolean fits_program(const struct kg_contract_point *point, const struct kg_bpf_program *p)
{
	const char *colon = p->attach ? strchr(p->attach, ':') : NULL, *target = colon ? colon + 1 : "";

	if (point->kind != KG_PROBE_NONE)
		return kg_contract_point_fits(point, p->kind, target);
	return p->kind == KG_PROBE_NONE && point->type == p->type && (!*point->target || g_pattern_match_simple(point->target, target));
}

GArray *programs_at(struct judge *j, const GPtrArray *points)
{
	GArray *ret = g_array_new(FALSE, FALSE, sizeof(guint));

	for (guint i = 0; i < j->object->programs->len; i++) {
		const struct kg_bpf_program *p = j->object->programs->pdata[i];

		for (guint k = 0; points && k < points->len; k++) {
			const struct kg_contract_point *point = points->pdata[k];
			if (fits_program(point, p)) {
				g_array_append_val(ret, i);
				break;
			}
		}
	}
	return ret;
}

void judge_point(struct judge *j, const struct kg_contract_clause *clause)
{
	g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < clause->on->len; i++) {
		g_autoptr(GArray) programs = programs_at(j, clause->on->pdata[i]);
		for (guint k = 0; k < programs->len; k++) {
			guint program = g_array_index(programs, guint, k);
			guint siblings[MAX_SIBLINGS], n_all, n = programs_with(j, program, siblings, &n_all);
			if (g_hash_table_contains(done, GUINT_TO_POINTER(program + 1)))
				continue;
			for (guint b = 0; b < n; b++)
				g_hash_table_add(done, GUINT_TO_POINTER(siblings[b] + 1));
			judge_program(j, clause, program);
		}
	}
}
