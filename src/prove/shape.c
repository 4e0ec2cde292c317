/* See shape.h. Sizes are those of bpftrace 0.17 (src/types.cpp, src/ast/semantic_analyser.cpp; seen in its objects). */
#include "shape.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PASSES 4 /* a variable may be set from one that is set further down */

struct map_shape {
	struct shape shape;
	const struct kg_bt_node *node;
	gboolean is_deleted, is_cleared_at_end, is_printed, is_shown_at_end;
};
struct shapes {
	const struct kg_bt_program *program;
	struct kg_profile *profile;
	guint strlen_bytes;
	GHashTable *variables; /* "probe-index/name" -> struct shape */
	GHashTable *maps;      /* name -> struct map_shape */
	GStringChunk *strings;
};

static struct shape simple(enum shape_kind kind, guint size, guint align)
{
	return (struct shape){.kind = kind, .size = size, .align = align};
}

static struct shape integer(const char *ctype)
{
	struct shape shape = simple(SHAPE_INT, 8, 8);

	shape.ctype = ctype;
	return shape;
}

/* ---------------------------------------------------------------- fields */

static struct shape of_field(struct shapes *s, const struct kg_field *f)
{
	if (f->is_string && !f->is_dynamic && f->size)
		return simple(SHAPE_TEXT, f->size, 1);
	return integer(g_string_chunk_insert_const(s->strings, f->type ? f->type : ""));
}

/* "struct sock *" or "struct sock" -> "struct sock" */
static char *base_of(const char *ctype)
{
	char *base;

	while (g_str_has_prefix(ctype, "const ") || g_str_has_prefix(ctype, "volatile "))
		ctype = strchr(ctype, ' ') + 1;
	base = g_strdup(ctype);
	base[strcspn(base, "*[")] = '\0';
	return g_strchomp(base);
}

static const GPtrArray *fields_of_probe(struct shapes *s, const struct kg_bt_probe *probe)
{
	const struct kg_bt_attach *attach = probe ? probe->attach->pdata[0] : NULL;

	if (!attach || !s->profile)
		return NULL;
	if (attach->is_wildcard) {
		g_autoptr(GPtrArray) names = kg_profile_match(s->profile, attach->kind, attach->target, 1);
		return names && names->len ? kg_profile_fields(s->profile, attach->kind, names->pdata[0]) : NULL;
	}
	return kg_profile_fields(s->profile, attach->kind, attach->target);
}

static struct shape of_argument(struct shapes *s, const struct kg_bt_probe *probe, const char *name)
{
	const GPtrArray *fields = fields_of_probe(s, probe);

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = fields->pdata[i];
		if (!strcmp(f->name, name))
			return of_field(s, f);
	}
	return integer(NULL);
}

static struct shape of_member(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *e)
{
	const struct kg_bt_node *object = kg_bt_kid(e, 0);
	struct kg_field field;
	struct shape of;
	g_autofree char *base = NULL;

	if (object->kind == KG_BT_BUILTIN && !strcmp(object->text, "args"))
		return of_argument(s, probe, e->text);
	of = shapes_of(s, probe, object);
	if (of.kind == SHAPE_TUPLE && g_ascii_isdigit(e->text[0]))
		return kg_bt_kid(of.tuple, (guint)atoi(e->text)) ? shapes_of(s, probe, kg_bt_kid(of.tuple, (guint)atoi(e->text))) : simple(SHAPE_UNKNOWN, 0, 1);
	if (!of.ctype || !s->profile)
		return integer(NULL);
	base = base_of(of.ctype);
	if (kg_profile_member(s->profile, base, e->text, &field, NULL))
		return integer(NULL);
	return of_field(s, &field);
}

/* ---------------------------------------------------------------- calls */

static guint length_of(const struct kg_bt_node *call, guint arg, guint otherwise)
{
	const struct kg_bt_node *n = kg_bt_kid(call, arg);

	return n && n->kind == KG_BT_INT && n->num < otherwise ? (guint)n->num : otherwise;
}

static struct shape of_call(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *e)
{
	static const struct {
		const char *name;
		struct shape shape;
	} table[] = {
		{"ntop", {.kind = SHAPE_INET, .size = 24, .align = 8}}, {"ksym", {.kind = SHAPE_KSYM, .size = 8, .align = 8}},
		{"usym", {.kind = SHAPE_USYM, .size = 16, .align = 8}}, {"kstack", {.kind = SHAPE_KSTACK, .size = 8, .align = 8}},
		{"ustack", {.kind = SHAPE_USTACK, .size = 8, .align = 8}}, {"macaddr", {.kind = SHAPE_MAC, .size = 6, .align = 1}},
		{"strftime", {.kind = SHAPE_TOKEN, .size = 16, .align = 8}}, {"cgroup_path", {.kind = SHAPE_TOKEN, .size = 16, .align = 8}},
	};
	(void)probe;
	if (!strcmp(e->text, "str"))
		return simple(SHAPE_TEXT, s->strlen_bytes, 1);
	if (!strcmp(e->text, "buf"))
		return simple(SHAPE_BUF, length_of(e, 1, s->strlen_bytes) + 1, 1);
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (!strcmp(e->text, table[i].name))
			return table[i].shape;
	return integer(NULL);
}

static struct shape of_builtin(const struct kg_bt_probe *probe, const char *name)
{
	const struct kg_bt_attach *attach = probe ? probe->attach->pdata[0] : NULL;

	if (!strcmp(name, "comm"))
		return simple(SHAPE_TEXT, 16, 1);
	if (!strcmp(name, "kstack"))
		return simple(SHAPE_KSTACK, 8, 8);
	if (!strcmp(name, "ustack"))
		return simple(SHAPE_USTACK, 8, 8);
	if (!strcmp(name, "func"))
		return attach && (attach->kind == KG_PROBE_UPROBE || attach->kind == KG_PROBE_URETPROBE) ? simple(SHAPE_USYM, 16, 8)
												       : simple(SHAPE_KSYM, 8, 8);
	if (!strcmp(name, "probe") || !strcmp(name, "username"))
		return simple(SHAPE_TOKEN, 8, 8);
	return integer(!strcmp(name, "curtask") ? "struct task_struct *" : NULL);
}

/* ---------------------------------------------------------------- expressions */

static char *variable_key(const struct shapes *s, const struct kg_bt_probe *probe, const char *name)
{
	guint index = 0;

	g_ptr_array_find(s->program->probes, probe, &index);
	return g_strdup_printf("%u/%s", index, name);
}

static struct shape of_tuple(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *e)
{
	struct shape ret = {.kind = SHAPE_TUPLE, .align = 1, .tuple = e};

	for (guint i = 0; i < kg_bt_n_kids(e); i++) {
		struct shape of = shapes_of(s, probe, kg_bt_kid(e, i));
		if (of.kind == SHAPE_UNKNOWN)
			return of;
		ret.size = (ret.size + of.align - 1) / of.align * of.align + of.size;
		ret.align = MAX(ret.align, of.align);
	}
	ret.size = (ret.size + ret.align - 1) / ret.align * ret.align;
	return ret;
}

static struct shape of_cast(struct shapes *s, const struct kg_bt_node *e)
{
	const struct kg_bt_node *type = kg_bt_kid(e, 0);
	g_autofree char *text = kg_bt_type_text(type);

	return integer(g_string_chunk_insert_const(s->strings, text));
}

struct shape shapes_of(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *e)
{
	const struct shape *known;
	g_autofree char *key = NULL;

	switch (e->kind) {
	case KG_BT_STRING:
		return simple(SHAPE_TEXT, (guint)e->num + 1, 1);
	case KG_BT_BUILTIN:
		return of_builtin(probe, e->text);
	case KG_BT_VAR:
		key = variable_key(s, probe, e->text);
		known = g_hash_table_lookup(s->variables, key);
		return known ? *known : simple(SHAPE_UNKNOWN, 0, 1);
	case KG_BT_MAP:
		return shapes_of_map(s, e->text);
	case KG_BT_CALL:
		return of_call(s, probe, e);
	case KG_BT_MEMBER:
		return of_member(s, probe, e);
	case KG_BT_TERNARY:
		return shapes_of(s, probe, kg_bt_kid(e, 1));
	case KG_BT_CAST:
		return of_cast(s, e);
	case KG_BT_TUPLE:
		return of_tuple(s, probe, e);
	case KG_BT_UNARY:
		if (e->op == KG_BT_DEREF)
			return integer(shapes_of(s, probe, kg_bt_kid(e, 0)).ctype);
		return integer(NULL);
	case KG_BT_BINARY: {
		struct shape left = shapes_of(s, probe, kg_bt_kid(e, 0));
		return integer(left.kind == SHAPE_INT ? left.ctype : NULL); /* pointer arithmetic keeps the type */
	}
	default:
		return integer(NULL);
	}
}

struct shape shapes_of_map(struct shapes *s, const char *name)
{
	const struct map_shape *map = g_hash_table_lookup(s->maps, name);

	return map ? map->shape : simple(SHAPE_UNKNOWN, 0, 1);
}

const struct kg_bt_node *shapes_map_node(struct shapes *s, const char *name)
{
	const struct map_shape *map = g_hash_table_lookup(s->maps, name);

	return map ? map->node : NULL;
}

gboolean shapes_is_scratch(struct shapes *s, const char *name)
{
	const struct map_shape *map = g_hash_table_lookup(s->maps, name);

	return map && !map->is_printed && (map->is_deleted || map->is_cleared_at_end);
}

/* ---------------------------------------------------------------- what assigns what */

static struct map_shape *map_entry(struct shapes *s, const char *name)
{
	struct map_shape *map = g_hash_table_lookup(s->maps, name);

	if (!map) {
		map = g_new0(struct map_shape, 1);
		map->shape = simple(SHAPE_UNKNOWN, 0, 1);
		g_hash_table_insert(s->maps, g_strdup(name), map);
	}
	return map;
}

static enum kg_aggregate aggregate_of(const struct kg_bt_node *value)
{
	if (value->kind != KG_BT_CALL)
		return KG_AGGREGATE_NONE;
	for (int i = KG_AGGREGATE_COUNT; i < KG_AGGREGATES; i++)
		if (!strcmp(value->text, kg_aggregate_name(i)))
			return i;
	return KG_AGGREGATE_NONE;
}

static void assign_map(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *target, const struct kg_bt_node *value)
{
	struct map_shape *map = map_entry(s, target->text);

	if (!map->node)
		map->node = target;
	if (map->shape.kind == SHAPE_TEXT) { /* as large as the longest text that is ever put in */
		struct shape other = shapes_of(s, probe, value);
		if (other.kind == SHAPE_TEXT)
			map->shape.size = MAX(map->shape.size, other.size);
	}
	if (map->shape.kind != SHAPE_UNKNOWN)
		return;
	if (aggregate_of(value) != KG_AGGREGATE_NONE) {
		map->shape = integer(NULL);
		map->shape.aggregate = aggregate_of(value);
		map->shape.tuple = value;
	} else {
		map->shape = shapes_of(s, probe, value);
	}
}

static void assign_variable(struct shapes *s, const struct kg_bt_probe *probe, const char *name, const struct kg_bt_node *value)
{
	struct shape shape = shapes_of(s, probe, value);
	char *key = variable_key(s, probe, name);

	if (shape.kind == SHAPE_UNKNOWN || g_hash_table_contains(s->variables, key))
		g_free(key);
	else
		g_hash_table_insert(s->variables, key, g_memdup2(&shape, sizeof(shape)));
}

static gboolean is_at_end(const struct kg_bt_probe *probe)
{
	return probe && ((struct kg_bt_attach *)probe->attach->pdata[0])->kind == KG_PROBE_END;
}

static void see_call(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *node)
{
	const struct kg_bt_node *first = kg_bt_kid(node, 0);

	if (!first || first->kind != KG_BT_MAP)
		return;
	if (!strcmp(node->text, "delete"))
		map_entry(s, first->text)->is_deleted = TRUE;
	else if (!strcmp(node->text, "clear") && is_at_end(probe))
		map_entry(s, first->text)->is_cleared_at_end = TRUE;
	else if (!strcmp(node->text, "print"))
		map_entry(s, first->text)->is_printed = TRUE;
}

static gboolean see(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct shapes *s = userdata;
	const struct kg_bt_node *target = kg_bt_kid(node, 0), *value = kg_bt_kid(node, 1);

	(void)parent;
	if (node->kind == KG_BT_ASSIGN && target->kind == KG_BT_MAP)
		assign_map(s, probe, target, value);
	else if (node->kind == KG_BT_ASSIGN && target->kind == KG_BT_VAR)
		assign_variable(s, probe, target->text, value);
	else if (node->kind == KG_BT_LET && kg_bt_kid(node, kg_bt_n_kids(node) - 1) != target)
		assign_variable(s, probe, target->text, kg_bt_kid(node, kg_bt_n_kids(node) - 1));
	else if ((node->kind == KG_BT_POSTFIX || (node->kind == KG_BT_UNARY && (node->op == KG_BT_INC || node->op == KG_BT_DEC))) &&
		 target->kind == KG_BT_MAP) {
		struct map_shape *map = map_entry(s, target->text);
		map->node = map->node ? map->node : target;
		if (map->shape.kind == SHAPE_UNKNOWN)
			map->shape = integer(NULL);
	} else if (node->kind == KG_BT_CALL) {
		see_call(s, probe, node);
	}
	return TRUE;
}

struct shapes *shapes_new(const struct kg_bt_program *program, struct kg_profile *profile, guint strlen_bytes)
{
	struct shapes *s = g_new0(struct shapes, 1);

	s->program = program;
	s->profile = profile;
	s->strlen_bytes = strlen_bytes;
	s->variables = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	s->maps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	s->strings = g_string_chunk_new(1024);
	for (int pass = 0; pass < MAX_PASSES; pass++)
		kg_bt_walk(program, see, NULL, s);
	return s;
}

struct shapes *shapes_free(struct shapes *s)
{
	if (!s)
		return NULL;
	g_hash_table_destroy(s->variables);
	g_hash_table_destroy(s->maps);
	g_string_chunk_free(s->strings);
	g_free(s);
	return NULL;
}
