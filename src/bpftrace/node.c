/* The nodes of the tree: made, copied, compared, walked, freed; and the small tables of their names. */
#include "parse.h"

#include <string.h>

static const char *const op_texts[KG_BT_OPS] = {
	[KG_BT_OP_NONE] = "", [KG_BT_MUL] = "*", [KG_BT_DIV] = "/", [KG_BT_MOD] = "%", [KG_BT_PLUS] = "+", [KG_BT_MINUS] = "-",
	[KG_BT_SHL] = "<<", [KG_BT_SHR] = ">>", [KG_BT_LT] = "<", [KG_BT_LE] = "<=", [KG_BT_GT] = ">", [KG_BT_GE] = ">=",
	[KG_BT_EQ] = "==", [KG_BT_NE] = "!=", [KG_BT_BAND] = "&", [KG_BT_BXOR] = "^", [KG_BT_BOR] = "|",
	[KG_BT_LAND] = "&&", [KG_BT_LOR] = "||", [KG_BT_NOT] = "!", [KG_BT_BNOT] = "~", [KG_BT_DEREF] = "*",
	[KG_BT_ADDR] = "&", [KG_BT_INC] = "++", [KG_BT_DEC] = "--", [KG_BT_DOT] = ".", [KG_BT_ARROW] = "->",
	[KG_BT_ASSIGN_OP] = "=",
};

static const char *const kind_names[KG_BT_KINDS] = {
	[KG_BT_NONE] = "none", [KG_BT_INT] = "integer", [KG_BT_BOOL] = "bool", [KG_BT_STRING] = "string", [KG_BT_NAME] = "name",
	[KG_BT_BUILTIN] = "builtin", [KG_BT_PARAM] = "parameter", [KG_BT_PARAM_N] = "parameter-count",
	[KG_BT_VAR] = "variable", [KG_BT_MAP] = "map", [KG_BT_CALL] = "call", [KG_BT_MEMBER] = "member",
	[KG_BT_INDEX] = "index", [KG_BT_UNARY] = "unary", [KG_BT_POSTFIX] = "postfix", [KG_BT_BINARY] = "binary",
	[KG_BT_TERNARY] = "ternary", [KG_BT_CAST] = "cast", [KG_BT_TUPLE] = "tuple", [KG_BT_SIZEOF] = "sizeof",
	[KG_BT_OFFSETOF] = "offsetof", [KG_BT_RANGE] = "range", [KG_BT_BLOCK_EXPR] = "block-expression",
	[KG_BT_IF_EXPR] = "if-expression", [KG_BT_COMPTIME] = "comptime", [KG_BT_TYPE] = "type",
	[KG_BT_EXPR] = "expression", [KG_BT_ASSIGN] = "assignment", [KG_BT_LET] = "let", [KG_BT_IF] = "if",
	[KG_BT_WHILE] = "while", [KG_BT_UNROLL] = "unroll", [KG_BT_FOR] = "for", [KG_BT_BLOCK] = "block",
	[KG_BT_RETURN] = "return", [KG_BT_BREAK] = "break", [KG_BT_CONTINUE] = "continue",
	[KG_BT_PREPROC] = "preprocessor", [KG_BT_CDEF] = "definition", [KG_BT_FIELD] = "field",
	[KG_BT_ENUMERATOR] = "enumerator", [KG_BT_IMPORT] = "import", [KG_BT_MAP_DECL] = "map-declaration",
	[KG_BT_MACRO] = "macro", [KG_BT_FN] = "subprogram",
};

const char *kg_bt_op_text(enum kg_bt_op op)
{
	return op_texts[op < KG_BT_OPS ? op : 0];
}

const char *kg_bt_kind_name(enum kg_bt_kind kind)
{
	return kind_names[kind < KG_BT_KINDS ? kind : 0];
}

static void free_kid(gpointer kid)
{
	kg_bt_node_free(kid);
}

struct kg_bt_node *kg_bt_node_new(enum kg_bt_kind kind, const char *text)
{
	struct kg_bt_node *node = g_new0(struct kg_bt_node, 1);

	node->kind = kind;
	node->height = 1;
	node->text = g_strdup(text);
	if (kind == KG_BT_STRING && text)
		node->num = strlen(text);
	return node;
}

struct kg_bt_node *kg_bt_node_add(struct kg_bt_node *node, struct kg_bt_node *kid)
{
	if (!node->kids)
		node->kids = g_ptr_array_new_full(2, free_kid);
	g_ptr_array_add(node->kids, kid);
	if (kid->height >= node->height)
		node->height = (uint16_t)MIN(kid->height + 1, UINT16_MAX);
	return node;
}

struct kg_bt_node *kg_bt_node_copy(const struct kg_bt_node *node)
{
	struct kg_bt_node *copy = g_new(struct kg_bt_node, 1);

	*copy = *node;
	copy->kids = NULL;
	if (node->text)
		copy->text =
			node->kind == KG_BT_STRING ? g_memdup2(node->text, (gsize)node->num + 1) : g_strdup(node->text);
	for (guint i = 0; i < kg_bt_n_kids(node); i++)
		kg_bt_node_add(copy, kg_bt_node_copy(kg_bt_kid(node, i)));
	return copy;
}

struct kg_bt_node *kg_bt_node_free(struct kg_bt_node *node)
{
	if (!node)
		return NULL;
	if (node->kids)
		g_ptr_array_free(node->kids, TRUE);
	g_free(node->text);
	g_free(node);
	return NULL;
}

static gboolean same_text(const struct kg_bt_node *a, const struct kg_bt_node *b)
{
	if (a->kind == KG_BT_STRING && a->text && b->text)
		return a->num == b->num && !memcmp(a->text, b->text, (gsize)a->num);
	return !g_strcmp0(a->text, b->text);
}

gboolean kg_bt_node_equal(const struct kg_bt_node *a, const struct kg_bt_node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->op != b->op || a->num != b->num || kg_bt_n_kids(a) != kg_bt_n_kids(b) ||
	    !same_text(a, b))
		return FALSE;
	for (guint i = 0; i < kg_bt_n_kids(a); i++)
		if (!kg_bt_node_equal(kg_bt_kid(a, i), kg_bt_kid(b, i)))
			return FALSE;
	return TRUE;
}

static gboolean same_nodes(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++)
		if (!kg_bt_node_equal(a->pdata[i], b->pdata[i]))
			return FALSE;
	return TRUE;
}

static gboolean same_attach(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++) {
		const struct kg_bt_attach *x = a->pdata[i], *y = b->pdata[i];

		if (x->kind != y->kind || strcmp(x->raw, y->raw))
			return FALSE;
	}
	return TRUE;
}

gboolean kg_bt_equal(const struct kg_bt_program *a, const struct kg_bt_program *b)
{
	if (!same_nodes(a->preamble, b->preamble) || !same_nodes(a->config, b->config) ||
	    !same_nodes(a->imports, b->imports) || !same_nodes(a->map_decls, b->map_decls) ||
	    !same_nodes(a->subs, b->subs) || a->has_config != b->has_config || a->probes->len != b->probes->len)
		return FALSE;
	for (guint i = 0; i < a->probes->len; i++) {
		const struct kg_bt_probe *x = a->probes->pdata[i], *y = b->probes->pdata[i];

		if (!same_attach(x->attach, y->attach) || !kg_bt_node_equal(x->predicate, y->predicate) ||
		    !kg_bt_node_equal(x->block, y->block))
			return FALSE;
	}
	return TRUE;
}

static void walk(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe,
		 kg_bt_visit enter, kg_bt_visit leave, void *userdata)
{
	if (!node)
		return;
	if (!enter || enter(node, parent, probe, userdata))
		for (guint i = 0; i < kg_bt_n_kids(node); i++)
			walk(kg_bt_kid(node, i), node, probe, enter, leave, userdata);
	if (leave)
		leave(node, parent, probe, userdata);
}

void kg_bt_walk_node(const struct kg_bt_node *node, kg_bt_visit enter, kg_bt_visit leave, void *userdata)
{
	walk(node, NULL, NULL, enter, leave, userdata);
}

void kg_bt_walk(const struct kg_bt_program *program, kg_bt_visit enter, kg_bt_visit leave, void *userdata)
{
	const GPtrArray *const lists[] = {program->preamble, program->config, program->imports, program->map_decls,
					  program->subs};

	for (gsize l = 0; l < G_N_ELEMENTS(lists); l++)
		for (guint i = 0; i < lists[l]->len; i++)
			walk(lists[l]->pdata[i], NULL, NULL, enter, leave, userdata);
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];

		walk(probe->predicate, NULL, probe, enter, leave, userdata);
		walk(probe->block, NULL, probe, enter, leave, userdata);
	}
}

char *kg_bt_type_text(const struct kg_bt_node *type)
{
	GString *out = g_string_new(type->text);

	if (!strcmp(type->text, "typeof")) {
		g_string_append_c(out, '(');
		kg_bt_print_expr(kg_bt_kid(type, 0), out);
		g_string_append_c(out, ')');
		return g_string_free(out, FALSE);
	}
	if (type->num)
		g_string_append_c(out, ' ');
	for (uint64_t i = 0; i < type->num; i++)
		g_string_append_c(out, '*');
	for (guint i = 0; i < kg_bt_n_kids(type); i++) {
		const struct kg_bt_node *dim = kg_bt_kid(type, i);

		g_string_append_printf(out, "[%s]", dim->text ? dim->text : "");
	}
	return g_string_free(out, FALSE);
}

static void attach_free(gpointer p)
{
	struct kg_bt_attach *a = p;

	g_free(a->kind_text);
	g_free(a->target);
	g_free(a->raw);
	if (a->parts)
		g_ptr_array_free(a->parts, TRUE);
	g_free(a);
}

static void probe_free(gpointer p)
{
	struct kg_bt_probe *probe = p;

	g_ptr_array_free(probe->attach, TRUE);
	kg_bt_node_free(probe->predicate);
	kg_bt_node_free(probe->block);
	g_free(probe);
}

struct kg_bt_probe *kg_bt_probe_new(void)
{
	struct kg_bt_probe *probe = g_new0(struct kg_bt_probe, 1);

	probe->attach = g_ptr_array_new_with_free_func(attach_free);
	return probe;
}

struct kg_bt_probe *kg_bt_probe_free(struct kg_bt_probe *probe)
{
	if (probe)
		probe_free(probe);
	return NULL;
}

struct kg_bt_program *kg_bt_program_new(void)
{
	struct kg_bt_program *program = g_new0(struct kg_bt_program, 1);

	program->preamble = g_ptr_array_new_with_free_func(free_kid);
	program->config = g_ptr_array_new_with_free_func(free_kid);
	program->imports = g_ptr_array_new_with_free_func(free_kid);
	program->map_decls = g_ptr_array_new_with_free_func(free_kid);
	program->subs = g_ptr_array_new_with_free_func(free_kid);
	program->probes = g_ptr_array_new_with_free_func(probe_free);
	return program;
}

struct kg_bt_program *kg_bt_free(struct kg_bt_program *program)
{
	if (!program)
		return NULL;
	g_ptr_array_free(program->preamble, TRUE);
	g_ptr_array_free(program->config, TRUE);
	g_ptr_array_free(program->imports, TRUE);
	g_ptr_array_free(program->map_decls, TRUE);
	g_ptr_array_free(program->subs, TRUE);
	g_ptr_array_free(program->probes, TRUE);
	g_free(program);
	return NULL;
}
