/*
 * All that depends on the layout of the objects that bpftrace 0.17 emits: a code section "s_<attach point>_<n>" for each program; no maps, no types,
 * no lines. A map is its index: a 64-bit immediate with BPF_PSEUDO_MAP_FD. Which map an index means, and its shape, follow from the text.
 *
 * Order of the indices, types and sizes: bpftrace 0.17 as observed, see tests/unit/test_object.c, which holds this file against the maps that
 * it creates on a live kernel.
 */
#include "internal.h"

#include <kgent/isa.h>
#include <kgent/profile.h>

#include <stdlib.h>
#include <string.h>

#define STRLEN_DEFAULT 64
#define KEYS_DEFAULT 4096
#define COMM_SIZE 16
#define TERNARY_STRING_SIZE 64
#define INET_SIZE 24
#define STACK_DEFAULT 127
#define STACK_ENTRIES (128 << 10)
#define JOIN_SIZE (8 + 8 + 16 * 1024)
#define MAX_DEPTH 20

/* --- reading --- */

static int map_count(const struct kg_object *object)
{
	int n = 0;

	for (guint k = 0; k < object->programs->len; k++) {
		const struct kg_bpf_program *p = g_ptr_array_index(object->programs, k);

		for (guint pc = 0; pc + 1 < p->n_insns; pc += kg_isa_slots(&p->insns[pc]))
			if (kg_isa_slots(&p->insns[pc]) == 2 && p->insns[pc].src_reg == BPF_PSEUDO_MAP_FD)
				n = MAX(n, MIN(p->insns[pc].imm, 100000) + 1);
	}
	return n;
}

int bpftrace_read(const struct elf_file *file, struct kg_object *object, struct kg_error *err)
{
	for (guint i = 0; i < file->sections->len; i++) {
		const struct elf_section *s = &g_array_index(file->sections, struct elf_section, i);
		const char *name = g_hash_table_lookup(file->functions, GUINT_TO_POINTER(s->index));

		if (!s->is_code || !g_str_has_prefix(s->name, "s_"))
			continue;
		if (!s->size || s->size % sizeof(struct bpf_insn))
			return kg_error_set(err, KG_E_PARSE, STAGE, "section %s is no whole number of instructions", s->name);
		attach_of_bpftrace(object_program_new(object, name ? name : s->name, s->name, s->data, s->size / sizeof(struct bpf_insn)));
	}
	for (int n = map_count(object), i = 0; i < n; i++)
		object_map_new(object, "");
	return 0;
}

/* --- what the text says of maps --- */

struct named {
	char *name;          /* "@start" */
	const char *aggregate; /* "count", ... or NULL; borrowed from the tree */
	gboolean has_key;
	gboolean is_key_known, is_value_known;
	guint key_size, value_size; /* the most of all uses */
	guint value_size_before; /* as the walk before this one left it; 0: not known */
};

struct text_facts {
	struct kg_profile *profile; /* or NULL */
	GPtrArray *maps;     /* struct named *, by name */
	GArray *stacks;      /* struct stack_kind, in order of their indices */
	gboolean has_join, has_elapsed, has_data;
	guint strlen;
};
struct stack_kind {
	gboolean is_perf;
	guint limit;
	guint64 hash;
};

static void named_free(gpointer data)
{
	struct named *m = data;

	g_free(m->name);
	g_free(m);
}

static struct named *named_get(struct text_facts *t, const char *name)
{
	g_autofree char *full = g_strconcat("@", name, NULL);

	for (guint i = 0; i < t->maps->len; i++)
		if (!strcmp(((struct named *)t->maps->pdata[i])->name, full))
			return t->maps->pdata[i];
	struct named *m = g_new0(struct named, 1);

	m->name = g_steal_pointer(&full);
	m->is_key_known = m->is_value_known = TRUE;
	g_ptr_array_add(t->maps, m);
	return m;
}

/* --- sizes of expressions; 0: the text alone does not say --- */

static guint size_of(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth);

static guint size_of_builtin(const struct kg_bt_node *e, const struct kg_bt_probe *probe)
{
	if (!strcmp(e->text, "comm"))
		return COMM_SIZE;
	if (!strcmp(e->text, "func")) /* a user symbol carries its process */
		return probe && ((struct kg_bt_attach *)probe->attach->pdata[0])->kind == KG_PROBE_UPROBE ? 16 : 8;
	if (!strcmp(e->text, "args") || !strcmp(e->text, "ctx"))
		return 0;
	return 8;
}

static guint literal(const struct kg_bt_node *e, guint otherwise)
{
	return e && e->kind == KG_BT_INT ? (guint)MIN(e->num, G_MAXINT) : otherwise;
}

static guint size_of_call(const struct text_facts *t, const struct kg_bt_node *e)
{
	static const struct { const char *name; guint size; } sizes[] = {
		{"usym", 16}, {"ntop", INET_SIZE}, {"macaddr", 6}, {"cgroup_path", 16}, {"strftime", 16}, {"pton", 0}, {"skboutput", 8},
	};

	if (!strcmp(e->text, "str") || !strcmp(e->text, "path"))
		return t->strlen;
	if (!strcmp(e->text, "buf") && kg_bt_n_kids(e) == 2)
		return MIN(literal(kg_bt_kid(e, 1), t->strlen), t->strlen) + 1;
	if (!strcmp(e->text, "buf"))
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
		if (!strcmp(e->text, sizes[i].name))
			return sizes[i].size;
	return kg_bt_function_find(e->text) ? 8 : 0;
}

/* A variable's type is that of its first assignment in the probe. */
struct find_assignment {
	const char *name;
	const struct kg_bt_node *value;
};

static gboolean find_assignment(const struct kg_bt_node *n, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *user)
{
	struct find_assignment *f = user;
	const struct kg_bt_node *target = kg_bt_kid(n, 0);

	if (!f->value && n->kind == KG_BT_ASSIGN && target && target->kind == KG_BT_VAR && !strcmp(target->text, f->name))
		f->value = kg_bt_kid(n, 1);
	return !f->value;
}

static guint size_of_variable(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth)
{
	struct find_assignment f = {.name = e->text};

	if (probe)
		kg_bt_walk_node(probe->block, find_assignment, NULL, &f);
	return f.value ? size_of(t, f.value, probe, depth + 1) : 0;
}

static guint size_of_cast(const struct kg_bt_node *e)
{
	const struct kg_bt_node *type = kg_bt_kid(e, 0);

	if (!type || type->kind != KG_BT_TYPE || kg_bt_n_kids(type))
		return 0;
	return type->num || !g_str_has_prefix(type->text, "struct ") ? 8 : 0;
}

/* --- kernel types: of a member's object, by the way that the text names it --- */

static gboolean field_of(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth, struct kg_field *ret);

static gboolean argument(struct text_facts *t, const struct kg_bt_node *member, const struct kg_bt_probe *probe, struct kg_field *ret)
{
	const struct kg_bt_attach *at = probe ? probe->attach->pdata[0] : NULL;
	const GPtrArray *fields = at && !at->is_wildcard ? kg_profile_fields(t->profile, at->kind, at->target) : NULL;

	for (guint i = 0; fields && i < fields->len; i++)
		if (!strcmp(((struct kg_field *)fields->pdata[i])->name, member->text)) {
			*ret = *(struct kg_field *)fields->pdata[i];
			return TRUE;
		}
	return FALSE;
}

/* "struct sock" for what has the type struct sock or struct sock *; owned, or NULL. */
static char *record_of(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth)
{
	struct find_assignment f = {0};
	struct kg_field field;

	if (!e || depth > MAX_DEPTH)
		return NULL;
	switch (e->kind) {
	case KG_BT_VAR:
		f.name = e->text;
		if (probe)
			kg_bt_walk_node(probe->block, find_assignment, NULL, &f);
		return record_of(t, f.value, probe, depth + 1);
	case KG_BT_CAST:
		return kg_bt_kid(e, 0) && kg_bt_kid(e, 0)->kind == KG_BT_TYPE ? g_strdup(kg_bt_kid(e, 0)->text) : NULL;
	case KG_BT_BUILTIN:
		return !strcmp(e->text, "curtask") ? g_strdup("struct task_struct") : NULL;
	case KG_BT_UNARY:
		return e->op == KG_BT_DEREF ? record_of(t, kg_bt_kid(e, 0), probe, depth + 1) : NULL;
	case KG_BT_MEMBER:
		if (!field_of(t, e, probe, depth + 1, &field) || field.array_len)
			return NULL;
		return g_strchomp(g_strndup(field.type, strcspn(field.type, "*")));
	default:
		return NULL;
	}
}

static gboolean field_of(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth, struct kg_field *ret)
{
	const struct kg_bt_node *object = kg_bt_kid(e, 0);

	if (!t->profile || !object)
		return FALSE;
	if (object->kind == KG_BT_BUILTIN && !strcmp(object->text, "args"))
		return argument(t, e, probe, ret);
	g_autofree char *type = record_of(t, object, probe, depth + 1);

	return type && kg_profile_member(t->profile, type, e->text, ret, NULL) == 0;
}

/* Integers and pointers are kept as 8 bytes, arrays of char are strings; what is longer is copied. */
static guint size_of_member(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth)
{
	struct kg_field f;

	if (!field_of(t, e, probe, depth, &f) || f.is_dynamic)
		return 0;
	if (f.array_len || (!f.is_pointer && (g_str_has_prefix(f.type, "struct ") || g_str_has_prefix(f.type, "union "))))
		return f.size;
	return f.size <= 8 ? 8 : 0;
}

/* A tuple is laid out as a struct. What is known to be 8 bytes is a number here, and numbers of less are not known to be. */
static guint size_of_tuple(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth)
{
	guint size = 0, align = 1;

	for (guint i = 0; i < kg_bt_n_kids(e); i++) {
		const struct kg_bt_node *kid = kg_bt_kid(e, i);
		guint part = kid->kind == KG_BT_INT || kid->kind == KG_BT_BUILTIN || kid->kind == KG_BT_STRING || kid->kind == KG_BT_CALL ?
				     size_of(t, kid, probe, depth + 1) : 0;
		guint own = part == 8 && kid->kind != KG_BT_STRING ? 8 : 1;

		if (!part)
			return 0;
		size = (size + own - 1) / own * own + part;
		align = MAX(align, own);
	}
	return (size + align - 1) / align * align;
}

static guint size_of(struct text_facts *t, const struct kg_bt_node *e, const struct kg_bt_probe *probe, int depth)
{
	if (!e || depth > MAX_DEPTH)
		return 0;
	switch (e->kind) {
	case KG_BT_INT: case KG_BT_BOOL: case KG_BT_NAME: case KG_BT_PARAM: case KG_BT_PARAM_N: case KG_BT_BINARY: case KG_BT_POSTFIX:
	case KG_BT_SIZEOF: case KG_BT_OFFSETOF:
		return 8;
	case KG_BT_UNARY:
		return e->op == KG_BT_DEREF ? 0 : 8;
	case KG_BT_STRING:
		return (guint)MIN(e->num, G_MAXINT16) + 1;
	case KG_BT_BUILTIN:
		return size_of_builtin(e, probe);
	case KG_BT_CALL:
		return size_of_call(t, e);
	case KG_BT_VAR:
		return size_of_variable(t, e, probe, depth);
	case KG_BT_CAST:
		return size_of_cast(e);
	case KG_BT_TERNARY: {
		guint size = size_of(t, kg_bt_kid(e, 1), probe, depth + 1);

		return size && size != 8 ? TERNARY_STRING_SIZE : size;
	}
	case KG_BT_MEMBER:
		return size_of_member(t, e, probe, depth);
	case KG_BT_TUPLE:
		return size_of_tuple(t, e, probe, depth);
	case KG_BT_MAP:
		return named_get(t, e->text)->value_size_before;
	default:
		return 0;
	}
}

/* --- one walk over the program --- */

static void take_key(struct text_facts *t, const struct kg_bt_node *map, const struct kg_bt_probe *probe)
{
	struct named *m = named_get(t, map->text);
	guint size = 0;

	for (guint i = 0; i < kg_bt_n_kids(map); i++) {
		guint part = size_of(t, kg_bt_kid(map, i), probe, 0);

		m->has_key = TRUE;
		m->is_key_known = m->is_key_known && part;
		size += part;
	}
	m->key_size = MAX(m->key_size, size);
}

static void take_assignment(struct text_facts *t, const struct kg_bt_node *n, const struct kg_bt_probe *probe)
{
	const struct kg_bt_node *target = kg_bt_kid(n, 0), *value = kg_bt_kid(n, 1);
	const struct kg_bt_function *f;
	struct named *m;
	guint size;

	if (!target || target->kind != KG_BT_MAP || !value)
		return;
	m = named_get(t, target->text);
	f = value->kind == KG_BT_CALL ? kg_bt_function_find(value->text) : NULL;
	if (f && (f->flags & KG_BT_F_AGGREGATE))
		m->aggregate = f->name;
	size = m->aggregate || n->op != KG_BT_ASSIGN_OP ? 8 : size_of(t, value, probe, 0);
	m->is_value_known = m->is_value_known && size;
	m->value_size = MAX(m->value_size, size);
}

/* The compiler keeps the kinds of stacks in an unordered_set of the C++ library, whose order follows from the hash (MurmurHash2, 64 bits). */
static guint64 library_hash(const char *s)
{
	const guint64 mul = 0xc6a4a7935bd1e995ull;
	gsize len = strlen(s);
	guint64 hash = 0xc70f6907ull ^ (len * mul), word;

	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&word, s, 8);
		word *= mul;
		hash = (hash ^ ((word ^ (word >> 47)) * mul)) * mul;
	}
	if (len) {
		word = 0;
		memcpy(&word, s, len);
		hash = (hash ^ word) * mul;
	}
	hash = (hash ^ (hash >> 47)) * mul;
	return hash ^ (hash >> 47);
}

/* A new element goes to the front of its bucket, and an empty bucket to the front of all; up to 13 elements there are 13 buckets. */
static void take_stack(struct text_facts *t, gboolean is_perf, guint limit)
{
	g_autofree char *name = g_strdup_printf("%s#%u", is_perf ? "perf" : "bpftrace", limit);
	struct stack_kind kind = {is_perf, limit, library_hash(name)};
	guint at = 0;

	for (guint i = 0; i < t->stacks->len; i++) {
		const struct stack_kind *k = &g_array_index(t->stacks, struct stack_kind, i);

		if (k->is_perf == is_perf && k->limit == limit)
			return;
	}
	for (guint i = t->stacks->len; i-- > 0;)
		if (g_array_index(t->stacks, struct stack_kind, i).hash % 13 == kind.hash % 13)
			at = i;
	g_array_insert_val(t->stacks, at, kind);
}

static void take_call(struct text_facts *t, const struct kg_bt_node *n, const struct kg_bt_probe *probe)
{
	if (!strcmp(n->text, "kstack") || !strcmp(n->text, "ustack")) {
		const struct kg_bt_node *a = kg_bt_kid(n, 0), *b = kg_bt_kid(n, 1);
		gboolean is_perf = a && a->text && !strcmp(a->text, "perf");

		take_stack(t, is_perf, literal(b ? b : a, STACK_DEFAULT));
	} else if (!strcmp(n->text, "join")) {
		t->has_join = TRUE;
	} else if (!strcmp(n->text, "debugf") || (!strcmp(n->text, "printf") && probe &&
						  ((struct kg_bt_attach *)probe->attach->pdata[0])->kind == KG_PROBE_ITER)) {
		t->has_data = TRUE;
	}
}

static gboolean visit(const struct kg_bt_node *n, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *user)
{
	struct text_facts *t = user;

	if (n->kind == KG_BT_MAP)
		take_key(t, n, probe);
	else if (n->kind == KG_BT_ASSIGN)
		take_assignment(t, n, probe);
	else if (n->kind == KG_BT_POSTFIX || n->kind == KG_BT_UNARY) {
		const struct kg_bt_node *target = kg_bt_kid(n, 0);

		if (target && target->kind == KG_BT_MAP && (n->op == KG_BT_INC || n->op == KG_BT_DEC))
			named_get(t, target->text)->value_size = MAX(named_get(t, target->text)->value_size, 8);
	} else if (n->kind == KG_BT_BUILTIN) {
		if (!strcmp(n->text, "elapsed"))
			t->has_elapsed = TRUE;
		else if (!strcmp(n->text, "kstack") || !strcmp(n->text, "ustack"))
			take_stack(t, FALSE, STACK_DEFAULT);
	}
	return TRUE;
}

/* Stacks are met in the compiler's order: arguments before the call. */
static gboolean leave(const struct kg_bt_node *n, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *user)
{
	if (n->kind == KG_BT_CALL)
		take_call(user, n, probe);
	return TRUE;
}

static void begin_again(struct text_facts *t)
{
	for (guint i = 0; i < t->maps->len; i++) {
		struct named *m = t->maps->pdata[i];

		m->value_size_before = m->is_value_known ? m->value_size : 0;
		m->is_key_known = m->is_value_known = TRUE;
		m->key_size = m->value_size = 0;
	}
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp((*(struct named *const *)a)->name, (*(struct named *const *)b)->name);
}

/* --- the maps --- */

static struct kg_map *add_map(struct kg_object *object, const char *name, uint32_t type, guint key_size, guint value_size, guint max_entries)
{
	struct kg_map *m = object_map_new(object, name);

	m->type = type;
	m->key_size = key_size;
	m->value_size = value_size;
	m->max_entries = max_entries;
	return m;
}

/* hist, lhist, avg and stats keep several numbers for each key: the bucket is a part of it. */
static gboolean has_bucket(const struct named *m)
{
	static const char *const names[] = {"hist", "lhist", "avg", "stats", NULL};

	return m->aggregate && g_strv_contains(names, m->aggregate);
}

static void add_named(struct kg_object *object, const struct named *n, guint max_entries)
{
	guint key = n->is_key_known ? n->key_size + (has_bucket(n) ? 8 : 0) : 0;
	guint value = n->is_value_known ? n->value_size : 0;

	if (n->is_key_known && !key)
		key = 8;
	if (n->aggregate && !strcmp(n->aggregate, "count") && !n->has_key)
		add_map(object, n->name, BPF_MAP_TYPE_PERCPU_ARRAY, 4, value, 1);
	else
		add_map(object, n->name, n->aggregate ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_HASH, key, value, max_entries);
}

static void add_maps(struct kg_object *object, const struct text_facts *t, guint max_entries)
{
	g_ptr_array_set_size(object->maps, 0);
	for (guint i = 0; i < t->maps->len; i++)
		add_named(object, t->maps->pdata[i], max_entries);
	for (guint i = 0; i < t->stacks->len; i++)
		add_map(object, "stack", BPF_MAP_TYPE_STACK_TRACE, 4, 8 * g_array_index(t->stacks, struct stack_kind, i).limit, STACK_ENTRIES);
	if (t->has_join)
		add_map(object, "join", BPF_MAP_TYPE_PERCPU_ARRAY, 4, JOIN_SIZE, 1);
	if (t->has_elapsed)
		add_map(object, "elapsed", BPF_MAP_TYPE_HASH, 8, 8, 1);
	if (t->has_data)
		add_map(object, "data", BPF_MAP_TYPE_ARRAY, 4, 0, 1);
	add_map(object, "printf", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0);
}

int kg_object_bpftrace(struct kg_object *object, const struct kg_bt_program *program, const struct kg_bpftrace *tool,
		       const struct kg_bpftrace_limits *limits, struct kg_profile *profile, struct kg_error *err)
{
	struct text_facts t = {.profile = profile};
	guint n = object->maps->len;

	if (!object->is_bpftrace)
		return kg_error_set(err, KG_E_INVAL, STAGE, "the object is not bpftrace's");
	if (tool && (tool->major != 0 || tool->minor != 17))
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "how bpftrace %d.%d numbers its maps is not known (0.17's way is)", tool->major,
				    tool->minor);
	t.strlen = limits && limits->strlen ? (guint)limits->strlen : STRLEN_DEFAULT;
	t.maps = g_ptr_array_new_with_free_func(named_free);
	t.stacks = g_array_new(FALSE, FALSE, sizeof(struct stack_kind));
	for (int i = 0; i < 3; i++) { /* what one map keeps can be a part of another's key, or be kept by another */
		kg_bt_walk(program, visit, leave, &t);
		if (i < 2)
			begin_again(&t);
	}
	g_ptr_array_sort(t.maps, by_name);
	add_maps(object, &t, limits && limits->map_keys_max ? (guint)limits->map_keys_max : KEYS_DEFAULT);
	g_ptr_array_unref(t.maps);
	g_array_unref(t.stacks);
	if (n <= object->maps->len)
		return 0;
	kg_error_set(err, KG_E_INVAL, STAGE, "the object uses %u maps, this program has %u", n, object->maps->len);
	while (object->maps->len < n) /* instructions name them */
		object_map_new(object, "");
	return -KG_E_INVAL;
}
