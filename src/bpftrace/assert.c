/*
 * assume() and assert(): statements for the proof alone.
 *
 * Lowered, each is an assignment of 1 or 0 to a map of its own, which any version of bpftrace compiles and no compiler leaves out; the executor sees
 * what is stored there. In the program that is loaded and run they are blanks.
 */
#include <kgent/bpftrace.h>

#include <string.h>

static gboolean is_inline(const struct kg_bt_node *statement)
{
	const struct kg_bt_node *call = kg_bt_kid(statement, 0);

	return statement->kind == KG_BT_EXPR && call->kind == KG_BT_CALL && kg_bt_n_kids(call) == 1 &&
	       (!strcmp(call->text, "assert") || !strcmp(call->text, "assume"));
}

static gboolean note(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	(void)parent;
	if (probe && is_inline(node))
		g_ptr_array_add(userdata, (gpointer)node);
	return TRUE;
}

static GPtrArray *all_of(const struct kg_bt_program *program)
{
	GPtrArray *all = g_ptr_array_new();

	kg_bt_walk(program, note, NULL, all);
	return all;
}

guint kg_bt_count_inline(const struct kg_bt_program *program)
{
	g_autoptr(GPtrArray) all = all_of(program);

	return all->len;
}

static struct kg_bt_node *number(const char *text, uint64_t value)
{
	struct kg_bt_node *node = kg_bt_node_new(KG_BT_INT, text);

	node->num = value;
	return node;
}

void kg_bt_lower_inline(struct kg_bt_program *program)
{
	g_autoptr(GPtrArray) all = all_of(program);

	for (guint i = 0; i < all->len; i++) {
		struct kg_bt_node *statement = all->pdata[i], *call = kg_bt_kid(statement, 0);
		g_autofree char *name = g_strdup_printf("%s%u", strcmp(call->text, "assert") ? KG_BT_ASSUME_MAPS : KG_BT_ASSERT_MAPS, i + 1);
		struct kg_bt_node *choice = kg_bt_node_new(KG_BT_TERNARY, NULL), *map = kg_bt_node_new(KG_BT_MAP, name);

		map->loc = statement->loc;
		choice->loc = statement->loc;
		kg_bt_node_add(choice, kg_bt_node_copy(kg_bt_kid(call, 0)));
		kg_bt_node_add(kg_bt_node_add(choice, number("1", 1)), number("0", 0));
		statement->kind = KG_BT_ASSIGN;
		statement->op = KG_BT_ASSIGN_OP;
		g_ptr_array_set_size(statement->kids, 0); /* frees the call */
		kg_bt_node_add(kg_bt_node_add(statement, map), choice);
	}
}

char *kg_bt_without_inline(const struct kg_bt_program *program, const char *text)
{
	g_autoptr(GPtrArray) all = all_of(program);
	char *ret = g_strdup(text);
	gsize len = strlen(text);

	for (guint i = 0; i < all->len; i++) {
		const struct kg_bt_node *call = kg_bt_kid(all->pdata[i], 0);
		gsize end = call->end;

		while (end < len && g_ascii_isspace(ret[end]))
			end++;
		end = end < len && ret[end] == ';' ? end + 1 : call->end;
		for (gsize at = call->off; at < end && at < len; at++)
			if (ret[at] != '\n')
				ret[at] = ' ';
	}
	return ret;
}

/* ---------------------------------------------------------------- findings */

static gboolean check_one(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	GPtrArray *diags = userdata;
	gboolean is_call = node->kind == KG_BT_CALL && ((!strcmp(node->text, "assert") && kg_bt_n_kids(node) == 1) || !strcmp(node->text, "assume"));

	if (node->kind == KG_BT_MAP && g_str_has_prefix(node->text, KG_BT_OWN_MAPS))
		kg_diag_add(diags, KG_ERROR, "maps", node->loc, "names of maps that begin with @%s are kgent's own", KG_BT_OWN_MAPS);
	if (is_call && !(probe && parent && is_inline(parent)))
		kg_diag_hint(kg_diag_add(diags, KG_ERROR, "types", node->loc, "%s() is a statement of a probe with one argument: it has no value", node->text),
			     "%s(EXPRESSION);", node->text);
	return TRUE;
}

void kg_bt_check_inline(const struct kg_bt_program *program, GPtrArray *diags)
{
	kg_bt_walk(program, check_one, NULL, diags);
}
