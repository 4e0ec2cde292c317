/*
 * What bpftrace's releases lack, renamed, or changed: the one list of it. A row says since which 0.x something is there, or
 * since which it means something else. Where the release that brought a thing is not sure, the earliest possible one
 * is named, so that a program is never refused wrongly.
 *
 * Source: bpftrace CHANGELOG.md (0.10 to 0.24), docs/migration_guide.md, and the pull requests named in it: args as a
 * struct #2578, module kprobes #2897, fentry names #2844, config #2815, for over maps #3003, let #3461, scopes #3367, map
 * declarations #3863, ranges #4126, durations #4317, blocks #4223, booleans #4280. What 0.17 refuses was tried on 0.17.
 */
#include "check.h"

#include <string.h>

enum feature {
	FT_NONE, FT_ARGS_DOT, FT_ARGS_ARROW, FT_KPROBE_MODULE, FT_FENTRY, FT_CONFIG, FT_FOR_MAP, FT_FOR_RANGE,
	FT_LET, FT_MAP_DECL, FT_BOOL, FT_DURATION, FT_TIMER_DURATION, FT_MACRO, FT_IMPORT, FT_FN, FT_BLOCK,
	FT_BLOCK_EXPR, FT_IF_EXPR, FT_COMPTIME, FT_ADDR, FT_TYPEOF, FT_OFFSETOF, FT_OFFSETOF_SUB,
	FT_DELETE_KEY, FT_DELETE_MANY, FT_EXIT_CODE, FT_HIST_BITS, FT_RETURN_VALUE, FT_PRINT_ELEMENT,
	FT_LOWER_BEGIN, FT_SELF, FT_RAWTRACEPOINT, FT_TIMER_UNIT, FT_UPROBE_PID, FT_TEST, FT_NSECS_MODE,
	FT_DISCARD, FT_TUPLE_SMALL, FT_CAST_ARRAY, FT_CAST_WORD, FT_CAST_STRUCT, FT_PATH_SIZE, FT_CALLED_BUILTIN,
};

static const struct {
	enum feature feature;
	int since;        /* 0.x */
	int until;        /* 0.x that no longer has it, or 0 */
	const char *what; /* as the subject of "needs bpftrace 0.x" */
	const char *hint;
} rows[] = {
	{FT_ARGS_DOT, 19, 0, "args.field", "write args->field, which every release takes"},
	{FT_KPROBE_MODULE, 20, 0, "a kprobe with a module", "leave the module out: kprobe:FUNCTION"},
	{FT_FENTRY, 20, 0, "the names fentry and fexit", "write kfunc and kretfunc"},
	{FT_CONFIG, 20, 0, "a config block", "set environment variables instead: BPFTRACE_STRLEN=128 bpftrace ..."},
	{FT_FOR_MAP, 21, 0, "a for loop over a map", "print the whole map with print(@map)"},
	{FT_FOR_RANGE, 24, 0, "a for loop over a range", "use while ($i < n) { ...; $i++; } or unroll (n) { ... }"},
	{FT_LET, 22, 0, "let", "assign the variable without let"},
	{FT_MAP_DECL, 23, 0, "a map declaration", "leave it out; a map is made by its first assignment"},
	{FT_BOOL, 24, 0, "true and false", "write 1 and 0"},
	{FT_DURATION, 24, 0, "a duration such as 10s", "write it in nanoseconds: 1000000000 is 1 s"},
	{FT_TIMER_DURATION, 24, 0, "a timer written as a duration", "write interval:s:1"},
	{FT_MACRO, 23, 0, "a macro", "write it out where it is used, or use #define"},
	{FT_IMPORT, 23, 0, "import", "copy what is imported"},
	{FT_FN, 20, 0, "a subprogram", "write it out where it is used"},
	{FT_BLOCK, 24, 0, "a block as a statement", "leave its braces out"},
	{FT_BLOCK_EXPR, 23, 0, "a block as a value", "assign a variable in steps"},
	{FT_IF_EXPR, 24, 0, "if as a value", "use condition ? a : b"},
	{FT_COMPTIME, 24, 0, "comptime", "leave the word out"},
	{FT_ADDR, 24, 0, "the address of a variable", NULL},
	{FT_TYPEOF, 24, 0, "typeof", "name the type"},
	{FT_OFFSETOF, 18, 0, "offsetof()", NULL},
	{FT_OFFSETOF_SUB, 23, 0, "offsetof() of a field within a field", "add the two offsets"},
	{FT_DELETE_KEY, 22, 0, "delete(@map, key)", "write delete(@map[key])"},
	{FT_DELETE_MANY, 21, 22, "delete() of several keys at once", "call delete() for each key"},
	{FT_EXIT_CODE, 21, 0, "exit() with a code", "write exit()"},
	{FT_HIST_BITS, 20, 0, "hist() with a second argument", "write hist(value)"},
	{FT_RETURN_VALUE, 19, 0, "return with a value", "write return"},
	{FT_PRINT_ELEMENT, 21, 0, "print() of one element of a map", "assign it to a variable, and print that with printf()"},
	{FT_LOWER_BEGIN, 22, 0, "begin and end in lower case", "write BEGIN and END"},
	{FT_SELF, 22, 0, "a self probe", NULL},
	{FT_RAWTRACEPOINT, 18, 0, "a rawtracepoint", "use the tracepoint: tracepoint:GROUP:NAME"},
	{FT_TIMER_UNIT, 24, 0, "this unit of time", "the units are hz, s, ms and us"},
	{FT_UPROBE_PID, 20, 0, "a uprobe without its file", "write uprobe:FILE:FUNCTION"},
	{FT_TEST, 23, 0, "a test or bench probe", NULL},
	{FT_NSECS_MODE, 18, 0, "nsecs() with a clock", "write nsecs"},
	{FT_DISCARD, 22, 0, "assigning to _", "leave out \"_ =\""},
	{FT_TUPLE_SMALL, 24, 0, "a tuple of less than two elements", NULL},
	{FT_CAST_ARRAY, 19, 0, "a cast to an array", NULL},
	{FT_CAST_WORD, 18, 0, "a cast to this type", NULL},
	{FT_CAST_STRUCT, 24, 0, "a cast to a struct itself", "cast to a pointer to it: (struct NAME *)"},
	{FT_PATH_SIZE, 22, 0, "path() with a size", "write path(value)"},
	{FT_CALLED_BUILTIN, 23, 0, "this builtin with brackets", "leave the brackets out"},
};

/* Functions and builtins that are newer than 0.17. */
static const struct {
	const char *name;
	int since;
	const char *hint;
} names[] = {
	{"len", 20, NULL},
	{"jiffies", 20, NULL},
	{"has_key", 22, "compare the element with 0: @map[key] != 0"},
	{"percpu_kaddr", 22, NULL},
	{"usermode", 22, NULL},
	{"ncpus", 22, NULL},
	{"getopt", 23, "use positional parameters: $1"},
	{"errorf", 23, "use printf()"},
	{"warnf", 23, "use printf()"},
	{"tseries", 23, NULL},
	{"find", 24, NULL},
	{"ppid", 23, "((struct task_struct *)curtask)->real_parent->tgid"},
	{"pcomm", 24, "((struct task_struct *)curtask)->group_leader->comm"},
	{"socket_cookie", 23, NULL},
	{"signal_thread", 23, NULL},
	{"strlen", 23, NULL},
	{"strstr", 23, NULL},
	{"strcap", 24, NULL},
	{"memcmp", 24, NULL},
	{"is_ptr", 23, NULL},
	{"is_str", 23, NULL},
	{"is_integer", 23, NULL},
	{"is_array", 23, NULL},
	{"is_literal", 24, NULL},
	{"kfunc_exist", 23, NULL},
	{"kfunc_allowed", 23, NULL},
	{"assert", 23, NULL},
	{"static_assert", 24, NULL},
	{"assert_str", 24, NULL},
	{"fail", 23, NULL},
	{"has_cpid", 24, NULL},
	{"probetype", 24, NULL},
};

static void need(struct kg_bt_check *c, enum feature feature, struct kg_loc loc)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct kg_diag *d = NULL;

		if (rows[i].feature != feature)
			continue;
		if (kg_bt_older(c, rows[i].since))
			d = kg_bt_say(c, KG_ERROR, "version", loc, "%s needs bpftrace 0.%d; this is 0.%d", rows[i].what,
				      rows[i].since, c->version->minor);
		else if (rows[i].until && !kg_bt_older(c, rows[i].until))
			d = kg_bt_say(c, KG_ERROR, "version", loc, "%s is no longer possible since bpftrace 0.%d",
				      rows[i].what, rows[i].until);
		if (d && rows[i].hint)
			kg_diag_hint(d, "%s", rows[i].hint);
	}
}

static void need_name(struct kg_bt_check *c, const struct kg_bt_node *node)
{
	struct kg_loc loc = node->loc;

	if (g_hash_table_contains(c->defines, node->text))
		return;
	if (node->kind == KG_BT_CALL && !strcmp(node->text, "assert") && kg_bt_n_kids(node) == 1)
		return; /* ours: no bpftrace sees it */
	loc.len = (int)strlen(node->text);
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(names[i].name, node->text) && kg_bt_older(c, names[i].since)) {
			struct kg_diag *d = kg_bt_say(
				c, KG_ERROR, "version", loc, "%s%s needs bpftrace 0.%d; this is 0.%d", node->text,
				node->kind == KG_BT_CALL ? "()" : "", names[i].since, c->version->minor);

			if (d && names[i].hint)
				kg_diag_hint(d, "instead: %s", names[i].hint);
		}
	if (!strncmp(node->text, "sarg", 4) && node->kind == KG_BT_BUILTIN && !kg_bt_older(c, 21))
		kg_bt_say(c, KG_WARNING, "version", loc, "%s is deprecated since bpftrace 0.21, and will go", node->text);
}

/* ------------------------------------------------------------ seen in the tree */

static void see_call(struct kg_bt_check *c, const struct kg_bt_node *e)
{
	const struct kg_bt_node *arg = kg_bt_kid(e, 0);
	guint n = kg_bt_n_kids(e);

	need_name(c, e);
	if (!strcmp(e->text, "delete") && n > 1)
		need(c, n == 2 && arg->kind == KG_BT_MAP && !kg_bt_n_kids(arg) ? FT_DELETE_KEY : FT_DELETE_MANY, e->loc);
	else if (!strcmp(e->text, "exit") && n)
		need(c, FT_EXIT_CODE, e->loc);
	else if (!strcmp(e->text, "hist") && n > 1)
		need(c, FT_HIST_BITS, e->loc);
	else if (!strcmp(e->text, "nsecs") && n)
		need(c, FT_NSECS_MODE, e->loc);
	else if (!strcmp(e->text, "path") && n > 1)
		need(c, FT_PATH_SIZE, e->loc);
	else if (!strcmp(e->text, "print") && n && arg->kind == KG_BT_MAP && kg_bt_n_kids(arg))
		need(c, FT_PRINT_ELEMENT, arg->loc);
	else if (kg_bt_builtin_find(e->text) && strcmp(e->text, "kstack") && strcmp(e->text, "ustack") &&
		 strcmp(e->text, "nsecs"))
		need(c, FT_CALLED_BUILTIN, e->loc);
}

/*
 * Types of C that 0.17 takes for names of structs, and what it calls them. (Tried on 0.17: bool, void, string and enums are
 * refused as well.)
 */
static const struct {
	const char *c, *bpftrace;
} c_types[] = {
	{"char", "int8"}, {"signed char", "int8"}, {"unsigned char", "uint8"}, {"short", "int16"}, {"unsigned short", "uint16"},
	{"int", "int32"}, {"signed", "int32"}, {"signed int", "int32"}, {"unsigned", "uint32"}, {"unsigned int", "uint32"},
	{"long", "int64"}, {"long int", "int64"}, {"long long", "int64"}, {"unsigned long", "uint64"},
	{"unsigned long int", "uint64"}, {"long unsigned int", "uint64"}, {"unsigned long long", "uint64"}, {"u8", "uint8"},
	{"u16", "uint16"}, {"u32", "uint32"}, {"u64", "uint64"}, {"s8", "int8"}, {"s16", "int16"}, {"s32", "int32"}, {"s64", "int64"},
	{"__u8", "uint8"}, {"__u16", "uint16"}, {"__u32", "uint32"}, {"__u64", "uint64"}, {"__s8", "int8"}, {"__s16", "int16"},
	{"__s32", "int32"}, {"__s64", "int64"}, {"uint8_t", "uint8"}, {"uint16_t", "uint16"}, {"uint32_t", "uint32"},
	{"uint64_t", "uint64"}, {"int8_t", "int8"}, {"int16_t", "int16"}, {"int32_t", "int32"}, {"int64_t", "int64"},
	{"size_t", "uint64"}, {"ssize_t", "int64"}, {"pid_t", "int32"}, {"uid_t", "uint32"}, {"gid_t", "uint32"}, {"dev_t", "uint32"},
	{"__be16", "uint16"}, {"__be32", "uint32"}, {"__be64", "uint64"}, {"bool", "uint8"}, {"void", "uint8"},
	{"loff_t", "int64"}, {"sector_t", "uint64"},
};

static void see_cast(struct kg_bt_check *c, const struct kg_bt_node *cast)
{
	const struct kg_bt_node *type = kg_bt_kid(cast, 0);
	gboolean is_record = g_str_has_prefix(type->text, "struct ") || g_str_has_prefix(type->text, "union ");
	struct kg_diag *d;

	if (is_record && !type->num && !kg_bt_n_kids(type))
		need(c, FT_CAST_STRUCT, cast->loc);
	if (!strcmp(type->text, "string") || g_str_has_prefix(type->text, "enum "))
		need(c, FT_CAST_WORD, cast->loc);
	for (gsize i = 0; i < G_N_ELEMENTS(c_types); i++) {
		if (strcmp(c_types[i].c, type->text) || !kg_bt_older(c, 18))
			continue;
		d = kg_bt_say(c, KG_ERROR, "version", cast->loc, "bpftrace 0.%d has no type %s for casts", c->version->minor, type->text);
		if (d)
			kg_diag_hint(d, "write (%s%s)", c_types[i].bpftrace, type->num ? " *" : "");
	}
}

static gboolean is_duration(const char *text)
{
	char last = text[strlen(text) - 1];

	return last != 0 && strchr("smhd", last) && !g_str_has_prefix(text, "0x") && !g_str_has_prefix(text, "0X");
}

static enum feature feature_of(const struct kg_bt_node *e, const struct kg_bt_node *parent)
{
	switch (e->kind) {
	case KG_BT_BOOL: return FT_BOOL;
	case KG_BT_INT: return is_duration(e->text) ? FT_DURATION : FT_NONE;
	case KG_BT_MEMBER:
		return e->op == KG_BT_DOT && kg_bt_kid(e, 0)->kind == KG_BT_BUILTIN &&
				       !strcmp(kg_bt_kid(e, 0)->text, "args") ?
			       FT_ARGS_DOT :
			       FT_NONE;
	case KG_BT_FOR: return kg_bt_kid(e, 1)->kind == KG_BT_RANGE ? FT_FOR_RANGE : FT_FOR_MAP;
	case KG_BT_LET: return parent && parent->kind == KG_BT_FN ? FT_NONE : FT_LET;
	case KG_BT_BLOCK: return parent && parent->kind == KG_BT_BLOCK ? FT_BLOCK : FT_NONE;
	case KG_BT_BLOCK_EXPR:
		return parent && (parent->kind == KG_BT_IF_EXPR || parent->kind == KG_BT_MACRO) ? FT_NONE :
												  FT_BLOCK_EXPR;
	case KG_BT_IF_EXPR: return FT_IF_EXPR;
	case KG_BT_IF: return e->num ? FT_COMPTIME : FT_NONE;
	case KG_BT_COMPTIME: return FT_COMPTIME;
	case KG_BT_UNARY: return e->op == KG_BT_ADDR ? FT_ADDR : FT_NONE;
	case KG_BT_OFFSETOF: return strchr(e->text, '.') ? FT_OFFSETOF_SUB : FT_NONE;
	case KG_BT_RETURN: return kg_bt_n_kids(e) ? FT_RETURN_VALUE : FT_NONE;
	case KG_BT_TYPE: return !strcmp(e->text, "typeof") ? FT_TYPEOF : FT_NONE;
	case KG_BT_CAST:
		return kg_bt_n_kids(kg_bt_kid(e, 0)) && strcmp(kg_bt_kid(e, 0)->text, "typeof") ? FT_CAST_ARRAY :
												  FT_NONE;
	case KG_BT_TUPLE: return kg_bt_n_kids(e) < 2 ? FT_TUPLE_SMALL : FT_NONE;
	case KG_BT_ASSIGN: return kg_bt_kid(e, 0)->kind == KG_BT_NAME ? FT_DISCARD : FT_NONE;
	case KG_BT_MACRO: return FT_MACRO;
	case KG_BT_FN: return FT_FN;
	case KG_BT_IMPORT: return FT_IMPORT;
	case KG_BT_MAP_DECL: return FT_MAP_DECL;
	default: return FT_NONE;
	}
}

static gboolean see(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe,
		    void *userdata)
{
	struct kg_bt_check *c = userdata;
	enum feature f = feature_of(node, parent);

	if (node->kind == KG_BT_CDEF)
		return FALSE;
	if (f)
		need(c, f, node->loc);
	if (node->kind == KG_BT_CALL && !(parent && parent->kind == KG_BT_MAP_DECL))
		see_call(c, node);
	if (node->kind == KG_BT_CAST)
		see_cast(c, node);
	if (node->kind == KG_BT_BUILTIN)
		need_name(c, node);
	if (node->kind == KG_BT_OFFSETOF)
		need(c, FT_OFFSETOF, node->loc);
	return TRUE;
}

static gboolean is_new_unit(const char *unit)
{
	return !strcmp(unit, "ns") || !strcmp(unit, "m") || !strcmp(unit, "h") || !strcmp(unit, "d");
}

static void see_attach(struct kg_bt_check *c, const struct kg_bt_attach *a)
{
	gboolean is_timer = a->kind == KG_PROBE_PROFILE || a->kind == KG_PROBE_INTERVAL;

	if (g_str_has_prefix(a->kind_text, "fentry") || g_str_has_prefix(a->kind_text, "fexit"))
		need(c, FT_FENTRY, a->loc);
	if ((a->kind == KG_PROBE_KPROBE || a->kind == KG_PROBE_KRETPROBE) && a->parts->len == 2)
		need(c, FT_KPROBE_MODULE, a->loc);
	if (!strcmp(a->kind_text, "begin") || !strcmp(a->kind_text, "end"))
		need(c, FT_LOWER_BEGIN, a->loc);
	if (a->kind == KG_PROBE_RAWTRACEPOINT)
		need(c, FT_RAWTRACEPOINT, a->loc);
	if (is_timer && a->parts->len == 2 && is_new_unit(a->parts->pdata[0]))
		need(c, FT_TIMER_UNIT, a->target_loc);
	if ((a->kind == KG_PROBE_UPROBE || a->kind == KG_PROBE_URETPROBE) && a->parts->len == 1 &&
	    !strchr(a->target, '$'))
		need(c, FT_UPROBE_PID, a->loc);
	if (a->kind == KG_PROBE_SELF)
		need(c, FT_SELF, a->loc);
	if (a->kind == KG_PROBE_TEST || a->kind == KG_PROBE_BENCH)
		need(c, FT_TEST, a->loc);
	if (is_timer && a->parts->len == 1)
		need(c, FT_TIMER_DURATION, a->loc);
}

void kg_bt_check_features(struct kg_bt_check *c)
{
	const struct kg_bt_program *p = c->program;

	if (p->has_config)
		need(c, FT_CONFIG, p->config->len ? ((struct kg_bt_node *)p->config->pdata[0])->loc : (struct kg_loc){0});
	for (guint i = 0; i < p->probes->len; i++) {
		const struct kg_bt_probe *probe = p->probes->pdata[i];

		for (guint k = 0; k < probe->attach->len; k++)
			see_attach(c, probe->attach->pdata[k]);
		kg_bt_walk_node(probe->predicate, see, NULL, c);
		kg_bt_walk_node(probe->block, see, NULL, c);
	}
	for (guint i = 0; i < p->subs->len; i++)
		kg_bt_walk_node(p->subs->pdata[i], see, NULL, c);
	for (guint i = 0; i < p->imports->len; i++)
		need(c, FT_IMPORT, ((struct kg_bt_node *)p->imports->pdata[i])->loc);
	for (guint i = 0; i < p->map_decls->len; i++)
		need(c, FT_MAP_DECL, ((struct kg_bt_node *)p->map_decls->pdata[i])->loc);
}

GPtrArray *kg_bt_lacking(const struct kg_bt_version *version)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	gboolean is_old = version->major == 0;

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		if (is_old && version->minor < rows[i].since)
			g_ptr_array_add(list, rows[i].hint ? g_strdup_printf("%s: %s", rows[i].what, rows[i].hint) : g_strdup(rows[i].what));
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
		if (is_old && version->minor < names[i].since)
			g_ptr_array_add(list, names[i].hint ? g_strdup_printf("%s: %s", names[i].name, names[i].hint) : g_strdup(names[i].name));
	return list;
}
