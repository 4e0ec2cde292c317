/*
 * Where a program decides, and which way it went: for counterexamples, which name the branches that were taken.
 *
 * bpftrace 0.17 tells no source lines. So a copy of the program is compiled in which each condition C leaves a mark when it was evaluated:
 *
 *     C && (@__kg_path[2n+1]++ || 1) || @__kg_path[2n]++ && 0
 *
 * This has C's truth, evaluates C once, adds no statement and no helper but those of maps. `&&`, `||` and `!` of conditions are taken apart, so that it is
 * known which part decided. What the marks say is told only of a run that was seen to show what the program itself shows: see src/prove/path.c.
 */
#include <kgent/bpftrace.h>

#include <string.h>

struct leaf {
	struct kg_bt_node *node; /* of the program; a part of a condition that is not taken apart further */
	guint decision;
	enum kg_answer came_to;  /* in the evaluation that is under way */
};
struct kg_bt_decisions {
	GArray *all;    /* struct kg_bt_decision */
	GArray *leaves; /* struct leaf */
	GHashTable *leaf_of; /* node -> index of its leaf + 1 */
};

/* ---------------------------------------------------------------- where */

struct collecting {
	struct kg_bt_decisions *d;
	const struct kg_bt_node *own; /* the choice that an assertion was lowered to: kgent's own */
};

static gboolean is_split(const struct kg_bt_node *e)
{
	if (e->kind == KG_BT_BINARY)
		return e->op == KG_BT_LAND || e->op == KG_BT_LOR;
	return e->kind == KG_BT_UNARY && e->op == KG_BT_NOT && is_split(kg_bt_kid(e, 0));
}

static void add_leaves(struct kg_bt_decisions *d, const struct kg_bt_node *e)
{
	struct leaf leaf = {(struct kg_bt_node *)e, d->all->len - 1, KG_UNKNOWN};

	if (!is_split(e)) {
		g_array_append_val(d->leaves, leaf);
		g_hash_table_insert(d->leaf_of, leaf.node, GUINT_TO_POINTER(d->leaves->len));
		return;
	}
	for (guint i = 0; i < kg_bt_n_kids(e); i++)
		add_leaves(d, kg_bt_kid(e, i));
}

static gboolean kind_of(const struct kg_bt_node *e, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, enum kg_bt_decides *ret)
{
	if (e == probe->predicate)
		*ret = KG_BT_AT_PREDICATE;
	else if (!parent || kg_bt_kid(parent, 0) != e)
		return FALSE;
	else if (parent->kind == KG_BT_IF && !parent->num) /* not "if comptime" */
		*ret = kg_bt_n_kids(parent) > 2 ? KG_BT_AT_IF_ELSE : KG_BT_AT_IF;
	else if (parent->kind == KG_BT_WHILE)
		*ret = KG_BT_AT_WHILE;
	else if (parent->kind == KG_BT_TERNARY)
		*ret = KG_BT_AT_CHOICE;
	else
		return FALSE;
	return TRUE;
}

static gboolean collect(const struct kg_bt_node *e, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct collecting *c = userdata;
	struct kg_bt_decision decision = {.condition = e};
	const struct kg_bt_node *target = e->kind == KG_BT_ASSIGN ? kg_bt_kid(e, 0) : NULL;

	if (target && target->kind == KG_BT_MAP && g_str_has_prefix(target->text, KG_BT_OWN_MAPS))
		c->own = kg_bt_kid(e, 1);
	if (!probe || (parent && parent == c->own) || !kind_of(e, parent, probe, &decision.at))
		return TRUE;
	g_array_append_val(c->d->all, decision);
	add_leaves(c->d, e);
	return TRUE;
}

struct kg_bt_decisions *kg_bt_decisions_new(const struct kg_bt_program *program)
{
	struct kg_bt_decisions *d = g_new0(struct kg_bt_decisions, 1);
	struct collecting c = {.d = d};

	d->all = g_array_new(FALSE, TRUE, sizeof(struct kg_bt_decision));
	d->leaves = g_array_new(FALSE, TRUE, sizeof(struct leaf));
	d->leaf_of = g_hash_table_new(NULL, NULL);
	kg_bt_walk(program, collect, NULL, &c);
	return d;
}

struct kg_bt_decisions *kg_bt_decisions_free(struct kg_bt_decisions *d)
{
	if (!d)
		return NULL;
	g_array_unref(d->all);
	g_array_unref(d->leaves);
	g_hash_table_destroy(d->leaf_of);
	g_free(d);
	return NULL;
}

guint kg_bt_decisions_count(const struct kg_bt_decisions *d)
{
	return d->all->len;
}

/* ---------------------------------------------------------------- the marked copy */

static struct kg_bt_node *number(uint64_t value)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);
	struct kg_bt_node *node = kg_bt_node_new(KG_BT_INT, text);

	node->num = value;
	return node;
}

static struct kg_bt_node *binary(struct kg_bt_node *left, enum kg_bt_op op, struct kg_bt_node *right)
{
	struct kg_bt_node *node = kg_bt_node_new(KG_BT_BINARY, NULL);

	node->op = op;
	return kg_bt_node_add(kg_bt_node_add(node, left), right);
}

/* `@__kg_path[mark]++ OP otherwise`: OP makes the mark's own count mean nothing. */
static struct kg_bt_node *mark(uint64_t mark, enum kg_bt_op op, uint64_t otherwise)
{
	struct kg_bt_node *count = kg_bt_node_new(KG_BT_POSTFIX, NULL), *map = kg_bt_node_new(KG_BT_MAP, KG_BT_PATH_MAP);

	count->op = KG_BT_INC;
	kg_bt_node_add(count, kg_bt_node_add(map, number(mark)));
	return binary(count, op, number(otherwise));
}

gboolean kg_bt_is_truth(const struct kg_bt_node *e)
{
	if (e->kind == KG_BT_BINARY)
		return (e->op >= KG_BT_LT && e->op <= KG_BT_NE) || e->op == KG_BT_LAND || e->op == KG_BT_LOR;
	return (e->kind == KG_BT_UNARY && e->op == KG_BT_NOT) || e->kind == KG_BT_BOOL;
}

void kg_bt_mark_decisions(struct kg_bt_program *program)
{
	struct kg_bt_decisions *d = kg_bt_decisions_new(program);

	for (guint i = 0; i < d->leaves->len; i++) {
		struct kg_bt_node *at = g_array_index(d->leaves, struct leaf, i).node, *inner = g_new(struct kg_bt_node, 1), *marked;
		*inner = *at;
		if (!kg_bt_is_truth(inner)) /* `&&` takes no addresses, and predicates can be one */
			inner = binary(inner, KG_BT_NE, number(0));
		marked = binary(binary(inner, KG_BT_LAND, mark(2 * i + 1, KG_BT_LOR, 1)), KG_BT_LOR, mark(2 * i, KG_BT_LAND, 0));
		*at = *marked; /* in its place: who points to it means the whole */
		g_free(marked);
	}
	kg_bt_decisions_free(d);
}

/* ---------------------------------------------------------------- which way */

static struct leaf *leaf_of(const struct kg_bt_decisions *d, const struct kg_bt_node *e)
{
	return &g_array_index(d->leaves, struct leaf, GPOINTER_TO_UINT(g_hash_table_lookup(d->leaf_of, e)) - 1);
}

/* What [e] came to, as far as its parts are known, and which part decided that: *ret_since, [e] itself where all of it did. */
static enum kg_answer truth_of(const struct kg_bt_decisions *d, const struct kg_bt_node *e, const struct kg_bt_node **ret_since)
{
	const struct kg_bt_node *left_since, *right_since;
	enum kg_answer left, right, decides = e->op == KG_BT_LAND ? KG_NO : KG_YES;

	*ret_since = e;
	if (!is_split(e))
		return leaf_of(d, e)->came_to;
	left = truth_of(d, kg_bt_kid(e, 0), &left_since);
	if (e->kind == KG_BT_UNARY) {
		*ret_since = left_since == kg_bt_kid(e, 0) ? e : left_since;
		return left == KG_UNKNOWN ? left : left == KG_YES ? KG_NO : KG_YES;
	}
	if (left == decides || left == KG_UNKNOWN) {
		*ret_since = left_since;
		return left;
	}
	right = truth_of(d, kg_bt_kid(e, 1), &right_since);
	if (right == decides)
		*ret_since = right_since;
	return right;
}

/* The first part that has not been evaluated: only that can be next. */
static const struct kg_bt_node *next_of(const struct kg_bt_decisions *d, const struct kg_bt_node *e)
{
	const struct kg_bt_node *since, *left;
	enum kg_answer came_to;

	if (!is_split(e))
		return leaf_of(d, e)->came_to == KG_UNKNOWN ? e : NULL;
	left = next_of(d, kg_bt_kid(e, 0));
	if (left || e->kind == KG_BT_UNARY)
		return left;
	came_to = truth_of(d, kg_bt_kid(e, 0), &since);
	return came_to == (e->op == KG_BT_LAND ? KG_YES : KG_NO) ? next_of(d, kg_bt_kid(e, 1)) : NULL;
}

void kg_bt_decisions_begin(struct kg_bt_decisions *d)
{
	for (guint i = 0; i < d->leaves->len; i++)
		g_array_index(d->leaves, struct leaf, i).came_to = KG_UNKNOWN;
}

int kg_bt_decisions_take(struct kg_bt_decisions *d, uint64_t mark, struct kg_bt_decision *ret)
{
	struct leaf *leaf = mark / 2 < d->leaves->len ? &g_array_index(d->leaves, struct leaf, mark / 2) : NULL;
	const struct kg_bt_decision *decision = leaf ? &g_array_index(d->all, struct kg_bt_decision, leaf->decision) : NULL;
	struct kg_bt_decision taken;
	const struct kg_bt_node *part;
	enum kg_answer came_to;

	if (!leaf || next_of(d, decision->condition) != leaf->node)
		return -KG_E_INVAL;
	leaf->came_to = mark % 2 ? KG_YES : KG_NO;
	taken = *decision;
	came_to = truth_of(d, decision->condition, &taken.since);
	if (came_to == KG_UNKNOWN)
		return 0;
	taken.holds = came_to == KG_YES;
	taken.since_holds = truth_of(d, taken.since, &part) == KG_YES;
	for (guint i = 0; i < d->leaves->len; i++) /* it can be evaluated again */
		if (g_array_index(d->leaves, struct leaf, i).decision == leaf->decision)
			g_array_index(d->leaves, struct leaf, i).came_to = KG_UNKNOWN;
	*ret = taken;
	return 1;
}

gboolean kg_bt_decisions_is_between(const struct kg_bt_decisions *d)
{
	for (guint i = 0; i < d->leaves->len; i++)
		if (g_array_index(d->leaves, struct leaf, i).came_to != KG_UNKNOWN)
			return FALSE;
	return TRUE;
}
