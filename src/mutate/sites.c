/* Mutants at single nodes and statements: one function a kind of mistake. */
#include "mutate.h"

#include <string.h>

static struct kg_bt_node *with_op(const struct kg_bt_node *node, enum kg_bt_op op)
{
	struct kg_bt_node *copy = kg_bt_node_copy(node);

	copy->op = op;
	return copy;
}

static struct kg_bt_node *wrapped(const char *function, const struct kg_bt_node *arg)
{
	return kg_bt_node_add(kg_bt_node_new(KG_BT_CALL, function), kg_bt_node_copy(arg));
}

static gboolean is_call(const struct kg_bt_node *node, const char *name)
{
	return node && node->kind == KG_BT_CALL && !strcmp(node->text, name);
}

static char *text_of(const struct kg_bt_node *node)
{
	GString *s = g_string_new(NULL);

	kg_bt_print_expr(node, s);
	return g_string_free(s, FALSE);
}

/* ---------------------------------------------------------------- byte swaps */

/* (x >> 8) | (x << 8), in either order and with masks around it: the x, or NULL. */
static const struct kg_bt_node *shifted(const struct kg_bt_node *node, enum kg_bt_op op)
{
	while (node && node->kind == KG_BT_BINARY && node->op == KG_BT_BAND)
		node = kg_bt_kid(node, 0);
	if (!node || node->kind != KG_BT_BINARY || node->op != op || kg_bt_kid(node, 1)->kind != KG_BT_INT || kg_bt_kid(node, 1)->num != 8)
		return NULL;
	node = kg_bt_kid(node, 0);
	while (node && node->kind == KG_BT_BINARY && node->op == KG_BT_BAND)
		node = kg_bt_kid(node, 0);
	return node;
}

static const struct kg_bt_node *swapped(const struct kg_bt_node *node)
{
	const struct kg_bt_node *a = kg_bt_kid(node, 0), *b = kg_bt_kid(node, 1), *x, *y;

	if (node->kind != KG_BT_BINARY || node->op != KG_BT_BOR)
		return NULL;
	x = shifted(a, KG_BT_SHR) ? shifted(a, KG_BT_SHR) : shifted(a, KG_BT_SHL);
	y = shifted(b, KG_BT_SHL) ? shifted(b, KG_BT_SHL) : shifted(b, KG_BT_SHR);
	return x && y && kg_bt_node_equal(x, y) ? x : NULL;
}

static void byte_swap(struct mutating *m, struct kg_bt_node **slot, const struct kg_bt_node *parent)
{
	const struct kg_bt_node *node = *slot, *inner = is_call(node, "bswap") ? kg_bt_kid(node, 0) : swapped(node);
	gboolean is_shown = is_call(parent, "printf") || (parent && parent->kind == KG_BT_MAP) || (parent && parent->kind == KG_BT_ASSIGN);

	if (inner)
		mutant_put(m, KG_MUTANT_SWAP, slot, kg_bt_node_copy(inner), "the byte swap dropped");
	if (is_shown && node->kind == KG_BT_MEMBER && (strstr(node->text, "port") || strstr(node->text, "skc_num")))
		mutant_put(m, KG_MUTANT_SWAP, slot, wrapped("bswap", node), "a byte swap of %s added", node->text);
}

/* ---------------------------------------------------------------- identities */

static void identity(struct mutating *m, struct kg_bt_node *node)
{
	static const char *const pairs[][2] = {
		{"pid", "tid"}, {"tid", "pid"}, {"uid", "gid"}, {"gid", "uid"}, {"kstack", "ustack"}, {"ustack", "kstack"},
		{"arg0", "arg1"}, {"arg1", "arg0"}, {"arg1", "arg2"}, {"arg2", "arg1"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++)
		if ((node->kind == KG_BT_BUILTIN || (node->kind == KG_BT_CALL && strstr(node->text, "stack"))) && !strcmp(node->text, pairs[i][0]))
			mutant_rename(m, KG_MUTANT_IDENTITY, node, pairs[i][1]);
	if (node->kind == KG_BT_NAME && !strcmp(node->text, "AF_INET"))
		mutant_rename(m, KG_MUTANT_IDENTITY, node, "AF_INET6");
	else if (node->kind == KG_BT_NAME && !strcmp(node->text, "AF_INET6"))
		mutant_rename(m, KG_MUTANT_IDENTITY, node, "AF_INET");
}

/* ---------------------------------------------------------------- filters and comparisons */

static void condition(struct mutating *m, struct kg_bt_node **slot, const struct kg_bt_node *parent)
{
	struct kg_bt_node *node = *slot;
	struct kg_bt_node *not;

	if (node->kind == KG_BT_BINARY && (node->op == KG_BT_LAND || node->op == KG_BT_LOR)) {
		g_autofree char *left = text_of(kg_bt_kid(node, 0)), *right = text_of(kg_bt_kid(node, 1));
		mutant_put(m, KG_MUTANT_FILTER, slot, kg_bt_node_copy(kg_bt_kid(node, 1)), "the condition %s dropped", left);
		mutant_put(m, KG_MUTANT_FILTER, slot, kg_bt_node_copy(kg_bt_kid(node, 0)), "the condition %s dropped", right);
		mutant_put(m, KG_MUTANT_FILTER, slot, with_op(node, node->op == KG_BT_LAND ? KG_BT_LOR : KG_BT_LAND), "%s for %s",
			   node->op == KG_BT_LAND ? "||" : "&&", node->op == KG_BT_LAND ? "&&" : "||");
	}
	if (!parent || (parent->kind != KG_BT_IF && parent->kind != KG_BT_TERNARY) || kg_bt_kid(parent, 0) != node)
		return;
	not = kg_bt_node_new(KG_BT_UNARY, NULL);
	not->op = KG_BT_NOT;
	mutant_put(m, KG_MUTANT_FILTER, slot, kg_bt_node_add(not, kg_bt_node_copy(node)), "the condition inverted");
	if (parent->kind == KG_BT_IF) {
		struct kg_bt_node *one = kg_bt_node_new(KG_BT_INT, "1");
		one->num = 1;
		mutant_put(m, KG_MUTANT_FILTER, slot, one, "the condition dropped");
	}
}

static void comparison(struct mutating *m, struct kg_bt_node **slot)
{
	static const enum kg_bt_op turns[][3] = {
		{KG_BT_LT, KG_BT_LE, KG_BT_GT}, {KG_BT_LE, KG_BT_LT, KG_BT_GE}, {KG_BT_GT, KG_BT_GE, KG_BT_LT}, {KG_BT_GE, KG_BT_GT, KG_BT_LE},
		{KG_BT_EQ, KG_BT_NE, KG_BT_OP_NONE}, {KG_BT_NE, KG_BT_EQ, KG_BT_OP_NONE},
	};
	const struct kg_bt_node *node = *slot;

	for (gsize i = 0; node->kind == KG_BT_BINARY && i < G_N_ELEMENTS(turns); i++)
		for (int k = 1; node->op == turns[i][0] && k < 3 && turns[i][k]; k++)
			mutant_put(m, KG_MUTANT_COMPARE, slot, with_op(node, turns[i][k]), "%s for %s", kg_bt_op_text(turns[i][k]),
				   kg_bt_op_text(node->op));
}

/* ---------------------------------------------------------------- numbers */

static struct kg_bt_node *number(int64_t value)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);
	struct kg_bt_node *node = kg_bt_node_new(KG_BT_INT, text);

	node->num = (uint64_t)value;
	return node;
}

static gboolean is_factor(uint64_t n)
{
	return n == 1000 || n == 1000000 || n == 1000000000;
}

static void constant(struct mutating *m, struct kg_bt_node **slot, const struct kg_bt_node *parent)
{
	const struct kg_bt_node *node = *slot;
	gboolean is_compared = parent && parent->kind == KG_BT_BINARY && parent->op >= KG_BT_LT && parent->op <= KG_BT_NE;

	if (node->kind != KG_BT_INT || node->num > 1ull << 62)
		return;
	if (is_factor(node->num)) {
		mutant_put(m, KG_MUTANT_UNIT, slot, number(node->num == 1000 ? 1000000 : 1000), "%s for %s", node->num == 1000 ? "1000000" : "1000", node->text);
		return;
	}
	if (parent && (parent->kind == KG_BT_CALL || parent->kind == KG_BT_UNROLL || parent->kind == KG_BT_TYPE))
		return; /* families, lengths: wrong in ways that no one makes */
	mutant_put(m, is_compared ? KG_MUTANT_COMPARE : KG_MUTANT_CONSTANT, slot, number((int64_t)node->num + 1), "%s one more", node->text);
	if (node->num)
		mutant_put(m, is_compared ? KG_MUTANT_COMPARE : KG_MUTANT_CONSTANT, slot, number((int64_t)node->num - 1), "%s one less", node->text);
}

static void unit(struct mutating *m, struct kg_bt_node **slot)
{
	const struct kg_bt_node *node = *slot, *by = kg_bt_kid(node, 1);

	if (node->kind == KG_BT_BINARY && node->op == KG_BT_DIV && by->kind == KG_BT_INT && is_factor(by->num))
		mutant_put(m, KG_MUTANT_UNIT, slot, kg_bt_node_copy(kg_bt_kid(node, 0)), "the division by %s dropped", by->text);
}

static void sign(struct mutating *m, struct kg_bt_node **slot, const struct kg_bt_node *parent)
{
	struct kg_bt_node *node = *slot, *minus;

	if (node->kind == KG_BT_UNARY && node->op == KG_BT_MINUS) {
		mutant_put(m, KG_MUTANT_SIGN, slot, kg_bt_node_copy(kg_bt_kid(node, 0)), "the minus dropped");
	} else if (node->kind == KG_BT_MEMBER && !strcmp(node->text, "ret") && parent && parent->kind != KG_BT_MEMBER) {
		minus = kg_bt_node_new(KG_BT_UNARY, NULL);
		minus->op = KG_BT_MINUS;
		mutant_put(m, KG_MUTANT_SIGN, slot, kg_bt_node_add(minus, kg_bt_node_copy(node)), "a minus before %s", node->text);
	}
	if (node->kind == KG_BT_BINARY && node->op == KG_BT_MINUS) {
		minus = kg_bt_node_copy(node);
		g_ptr_array_add(minus->kids, g_ptr_array_steal_index(minus->kids, 0));
		mutant_put(m, KG_MUTANT_SIGN, slot, minus, "the difference turned around");
	}
}

/* ---------------------------------------------------------------- fields */

/* The struct that [var] points to, as far as the assignments of this probe say. */
static char *type_of_variable(struct mutating *m, const char *var);

static char *type_below(struct mutating *m, const struct kg_bt_node *node)
{
	struct kg_field f;

	switch (node->kind) {
	case KG_BT_CAST: {
		g_autofree char *type = kg_bt_type_text(kg_bt_kid(node, 0));
		return g_strchomp(g_strdelimit(g_steal_pointer(&type), "*", ' '));
	}
	case KG_BT_VAR:
		return type_of_variable(m, node->text);
	case KG_BT_BUILTIN:
		return !strcmp(node->text, "curtask") ? g_strdup("struct task_struct") : NULL;
	case KG_BT_MEMBER: {
		g_autofree char *base = type_below(m, kg_bt_kid(node, 0));
		char *type;
		if (!base || kg_profile_member(m->profile, base, node->text, &f, NULL) || !f.type)
			return NULL;
		type = g_strchomp(g_strdelimit(g_strdup(f.type), "*", ' '));
		return type;
	}
	default:
		return NULL;
	}
}

struct finding {
	const char *var;
	const struct kg_bt_node *value;
};
static gboolean find_value(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct finding *f = userdata;

	(void)parent;
	(void)probe;
	if (node->kind == KG_BT_ASSIGN && kg_bt_kid(node, 0)->kind == KG_BT_VAR && !strcmp(kg_bt_kid(node, 0)->text, f->var) && !f->value)
		f->value = kg_bt_kid(node, 1);
	return TRUE;
}

static char *type_of_variable(struct mutating *m, const char *var)
{
	struct finding f = {var, NULL};

	kg_bt_walk_node(m->probe->block, find_value, NULL, &f);
	return f.value && f.value->kind != KG_BT_VAR ? type_below(m, f.value) : NULL;
}

static const GPtrArray *siblings_of(struct mutating *m, const struct kg_bt_node *node)
{
	const struct kg_bt_node *object = kg_bt_kid(node, 0);
	const struct kg_bt_attach *attach = m->probe->attach->pdata[0];
	g_autofree char *type = NULL;

	if (object->kind == KG_BT_BUILTIN && !strcmp(object->text, "args"))
		return attach->is_wildcard ? NULL : kg_profile_fields(m->profile, attach->kind, attach->target);
	type = type_below(m, object);
	return type ? kg_profile_members(m->profile, type) : NULL;
}

static void field(struct mutating *m, struct kg_bt_node *node)
{
	const GPtrArray *all = m->profile && node->kind == KG_BT_MEMBER ? siblings_of(m, node) : NULL;
	const struct kg_field *own = NULL;
	guint at = 0, n_made = 0;

	for (guint i = 0; all && i < all->len && !own; i++)
		if (!strcmp(((struct kg_field *)all->pdata[i])->name, node->text)) {
			own = all->pdata[i];
			at = i;
		}
	for (guint distance = 1; own && distance < all->len && n_made < 2; distance++)
		for (int side = -1; side <= 1 && n_made < 2; side += 2) {
			gint64 k = (gint64)at + side * (gint64)distance;
			const struct kg_field *f = k >= 0 && k < all->len ? all->pdata[k] : NULL;
			if (!f || !*f->name || f->size != own->size || f->is_pointer != own->is_pointer || f->is_string != own->is_string ||
			    f->is_dynamic != own->is_dynamic || f->array_len != own->array_len)
				continue;
			mutant_rename(m, KG_MUTANT_FIELD, node, f->name);
			n_made++;
		}
}

/* ---------------------------------------------------------------- values next to each other */

static void swap_kids(struct mutating *m, struct kg_bt_node *node, guint a, guint b)
{
	g_autofree char *left = text_of(kg_bt_kid(node, a)), *right = text_of(kg_bt_kid(node, b));
	gpointer kid = node->kids->pdata[a];

	node->kids->pdata[a] = node->kids->pdata[b];
	node->kids->pdata[b] = kid;
	mutant_emit(m, KG_MUTANT_EXCHANGE, &node->loc, "%s and %s exchanged", left, right);
	kid = node->kids->pdata[a];
	node->kids->pdata[a] = node->kids->pdata[b];
	node->kids->pdata[b] = kid;
}

static char *conversions(const char *format)
{
	GString *s = g_string_new(NULL);

	for (const char *p = format; *p; p++) {
		if (*p != '%')
			continue;
		for (p++; *p && strchr("-+ #0.*123456789hlzjt", *p);)
			p++;
		if (!*p)
			break;
		if (*p != '%')
			g_string_append_c(s, *p);
	}
	return g_string_free(s, FALSE);
}

static void exchange(struct mutating *m, struct kg_bt_node *node)
{
	g_autofree char *kinds = NULL;
	guint n;

	if (!is_call(node, "printf") || kg_bt_kid(node, 0)->kind != KG_BT_STRING)
		return;
	kinds = conversions(kg_bt_kid(node, 0)->text);
	n = MIN((guint)strlen(kinds), kg_bt_n_kids(node) - 1);
	for (guint a = 0; a < n; a++)
		for (guint b = a + 1; b < n; b++)
			if (kinds[a] == kinds[b])
				swap_kids(m, node, a + 1, b + 1);
}

/* ---------------------------------------------------------------- maps */

static void aggregate(struct mutating *m, struct kg_bt_node **slot, const struct kg_bt_node *parent)
{
	static const char *const turns[][3] = {
		{"sum", "count", "hist"}, {"hist", "sum", "count"}, {"avg", "sum", "max"}, {"max", "min", "sum"}, {"min", "max", "avg"}, {"stats", "avg", "sum"},
		{"lhist", "count", NULL},
	};
	struct kg_bt_node *node = *slot;

	if (node->kind != KG_BT_CALL || !parent || parent->kind != KG_BT_ASSIGN || kg_bt_kid(parent, 1) != node)
		return;
	if (is_call(node, "count"))
		mutant_put(m, KG_MUTANT_AGGREGATE, slot, kg_bt_node_add(kg_bt_node_new(KG_BT_CALL, "sum"), number(2)), "sum(2) for count()");
	for (gsize i = 0; i < G_N_ELEMENTS(turns); i++)
		for (int k = 1; !strcmp(node->text, turns[i][0]) && k < 3 && turns[i][k]; k++)
			mutant_put(m, KG_MUTANT_AGGREGATE, slot,
				   strcmp(turns[i][k], "count") ? wrapped(turns[i][k], kg_bt_kid(node, 0)) : kg_bt_node_new(KG_BT_CALL, "count"), "%s() for %s()",
				   turns[i][k], node->text);
}

static void key(struct mutating *m, struct kg_bt_node *node, const struct kg_bt_node *parent)
{
	gboolean is_written = parent && parent->kind == KG_BT_ASSIGN && kg_bt_kid(parent, 0) == node;

	if (node->kind != KG_BT_MAP || !is_written)
		return;
	for (guint i = 0; i < kg_bt_n_kids(node); i++) {
		struct kg_bt_node **slot = (struct kg_bt_node **)&node->kids->pdata[i];
		g_autofree char *text = text_of(*slot);
		struct kg_bt_node *dropped;
		if ((*slot)->kind == KG_BT_BUILTIN && !strcmp((*slot)->text, "comm"))
			mutant_put(m, KG_MUTANT_KEY, slot, kg_bt_node_new(KG_BT_BUILTIN, "pid"), "by pid instead of comm");
		else if ((*slot)->kind == KG_BT_BUILTIN && !strcmp((*slot)->text, "pid"))
			mutant_put(m, KG_MUTANT_KEY, slot, kg_bt_node_new(KG_BT_BUILTIN, "comm"), "by comm instead of pid");
		dropped = g_ptr_array_steal_index(node->kids, i);
		mutant_emit(m, KG_MUTANT_KEY, &dropped->loc, "not by %s", text);
		g_ptr_array_insert(node->kids, (gint)i, dropped);
	}
}

/* ---------------------------------------------------------------- statements */

void mutate_block(struct mutating *m, struct kg_bt_node *block)
{
	for (guint i = 0; i < kg_bt_n_kids(block); i++) {
		struct kg_bt_node *statement = kg_bt_kid(block, i), *call = kg_bt_kid(statement, 0);
		if (statement->kind != KG_BT_EXPR || !(is_call(call, "delete") || is_call(call, "clear") || is_call(call, "zero")))
			continue;
		statement = g_ptr_array_steal_index(block->kids, i);
		mutant_emit(m, KG_MUTANT_DELETE, &statement->loc, "%s() dropped", call->text);
		g_ptr_array_insert(block->kids, (gint)i, statement);
	}
}

void mutate_node(struct mutating *m, struct kg_bt_node **slot, struct kg_bt_node *parent)
{
	struct kg_bt_node *node = *slot;

	byte_swap(m, slot, parent);
	identity(m, node);
	condition(m, slot, parent);
	comparison(m, slot);
	constant(m, slot, parent);
	unit(m, slot);
	sign(m, slot, parent);
	field(m, node);
	exchange(m, node);
	aggregate(m, slot, parent);
	key(m, node, parent);
}
