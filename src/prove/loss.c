/*
 * What can be lost without a trace: events, entries and parts of values that a right program does not show, and nobody is told.
 *
 * Read off the program's tree, the maps of the object and the profile. Only what applies to this program is named, with its place in the text
 * and with what would remove it. Each finder below is about one kind of loss; its comment says where the fact is from.
 */
#include "proof.h"
#include "shape.h"

#include <kgent/safety.h>

#include <stdarg.h>
#include <string.h>

struct losing {
	struct kg_proof *proof;
	const struct kg_object *object;
	const struct kg_bt_program *program;
	struct kg_profile *profile;
	struct kg_bpftrace_limits limits; /* with bpftrace's defaults filled in */
	struct shapes *shapes;
	struct kg_effects *effects;       /* or NULL */
	GHashTable *done;                 /* what was said, and maps that were looked at */
};

static void lose(struct losing *l, const struct kg_loc *loc, const char *mend, const char *fmt, ...) G_GNUC_PRINTF(4, 5);

static void lose(struct losing *l, const struct kg_loc *loc, const char *mend, const char *fmt, ...)
{
	struct kg_loss *loss = g_new0(struct kg_loss, 1);
	va_list ap;

	va_start(ap, fmt);
	loss->what = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	loss->mend = g_strdup(mend);
	if (loc)
		loss->loc = *loc;
	if (g_hash_table_add(l->done, g_strdup(loss->what))) {
		g_ptr_array_add(l->proof->losses, loss);
		return;
	}
	g_free(loss->what);
	g_free(loss->mend);
	g_free(loss);
}

static char *text_of(const struct kg_bt_node *node)
{
	GString *s = g_string_new(NULL);

	kg_bt_print_expr(node, s);
	return g_string_free(s, FALSE);
}

/* ---------------------------------------------------------------- searching below a node */

struct search {
	gboolean (*is_it)(const struct kg_bt_node *node);
	const struct kg_bt_node *found;
};

static gboolean search_node(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct search *search = userdata;

	(void)parent;
	(void)probe;
	if (!search->found && search->is_it(node))
		search->found = node;
	return !search->found;
}

static const struct kg_bt_node *find_below(const struct kg_bt_node *node, gboolean (*is_it)(const struct kg_bt_node *node))
{
	struct search search = {is_it, NULL};

	if (node)
		kg_bt_walk_node(node, search_node, NULL, &search);
	return search.found;
}

/* ---------------------------------------------------------------- attach points */

static gboolean can_use(struct losing *l, enum kg_probe_kind kind, const char *target)
{
	struct kg_point *point = NULL;
	gboolean ok = l->profile && kg_profile_find(l->profile, kind, target, &point, NULL) == 0 && point->usable != KG_NO;

	kg_point_free(point);
	return ok;
}

/*
 * A return probe needs an instance for each call that is under way. bpftrace leaves their number to the kernel: twice the CPUs and at least 10,
 * or the CPUs alone without preemption (Documentation/trace/kprobes.rst). A call above that is counted in nmissed and seen by nobody. Return
 * probes of user functions stop at 64 nested calls of one thread (kernel/events/uprobes.c, MAX_URETPROBE_DEPTH).
 */
static void of_returns(struct losing *l, const struct kg_bt_attach *attach)
{
	g_autofree char *mend = NULL;

	if (attach->kind == KG_PROBE_URETPROBE)
		lose(l, &attach->loc, NULL, "returns of %s beyond 64 nested calls in one thread", attach->target);
	if (attach->kind != KG_PROBE_KRETPROBE)
		return;
	if (!attach->is_wildcard && can_use(l, KG_PROBE_FEXIT, attach->target))
		mend = g_strdup_printf("kretfunc:%s has no such limit", attach->target);
	lose(l, &attach->loc, mend, "returns of %s while as many calls are under way as the kernel keeps places for (about two for each CPU, at least 10)",
	     attach->target);
}

/* Parts that the compiler split off have names of their own; what it inlined has none, and BTF does not tell. */
static void of_inlining(struct losing *l, const struct kg_bt_attach *attach)
{
	const char *colon = strrchr(attach->target, ':');
	const char *function = colon ? colon + 1 : attach->target;
	g_autofree char *pattern = g_strdup_printf("%s.*", function);
	g_autoptr(GPtrArray) parts = NULL;

	if (!kg_probe_info(attach->kind)->is_kernel_function || attach->is_wildcard)
		return;
	parts = l->profile ? kg_profile_match(l->profile, KG_PROBE_KPROBE, pattern, 4) : NULL;
	if (parts && parts->len) {
		g_autofree char *mend = g_strdup_printf("attach to kprobe:%s as well", (char *)parts->pdata[0]);
		lose(l, &attach->loc, mend, "calls of %s that go to %s, which the compiler made of it", function, (char *)parts->pdata[0]);
		return;
	}
	lose(l, &attach->loc, "a tracepoint of the same event, where there is one",
	     "calls of %s that the compiler inlined into functions of the same source file (the kernel's types do not tell where)", function);
}

/*
 * A program of the tracing kinds does not run while another one runs on the same CPU (kernel/trace/bpf_trace.c, trace_call_bpf(): bpf_prog_active),
 * so what happens in an interrupt of it is missed. System calls and user functions do not happen inside of one.
 */
static void of_recursion(struct losing *l, const struct kg_bt_attach *attach)
{
	gboolean is_syscall = g_str_has_prefix(attach->target, "syscalls:") || g_str_has_prefix(attach->target, "raw_syscalls:");

	switch (attach->kind) {
	case KG_PROBE_TRACEPOINT:
		if (is_syscall)
			return;
		break;
	case KG_PROBE_KPROBE: case KG_PROBE_KRETPROBE: case KG_PROBE_PROFILE: case KG_PROBE_HARDWARE: case KG_PROBE_SOFTWARE:
		break;
	default:
		return;
	}
	lose(l, &attach->loc, NULL, "events at %s that happen while a tracing program runs on the same CPU (in an interrupt of it)", attach->raw);
}

/* ---------------------------------------------------------------- maps */

static gboolean is_unbounded(const struct kg_bt_node *node)
{
	static const char *const few[] = {"cpu", "probe", "func", "numaid", NULL};

	switch (node->kind) {
	case KG_BT_BUILTIN:
		return !g_strv_contains(few, node->text);
	case KG_BT_VAR: case KG_BT_MEMBER: case KG_BT_CALL: case KG_BT_MAP: case KG_BT_INDEX:
		return TRUE;
	default:
		return FALSE;
	}
}

static const struct kg_bt_node *unbounded_key(const struct kg_bt_node *map)
{
	for (guint i = 0; i < kg_bt_n_kids(map); i++) {
		const struct kg_bt_node *found = find_below(kg_bt_kid(map, i), is_unbounded);
		if (found)
			return kg_bt_kid(map, i);
	}
	return NULL;
}

static guint entries_of(const struct losing *l, const char *name)
{
	for (guint i = 0; i < l->object->maps->len; i++) {
		const struct kg_map *map = l->object->maps->pdata[i];
		if (*map->name == '@' && !strcmp(map->name + 1, name) && map->max_entries)
			return map->max_entries;
	}
	return (guint)l->limits.map_keys_max;
}

/* An update of a full hash map fails, and bpftrace 0.17 does not look at the result. */
static void of_map(struct losing *l, const struct kg_bt_node *map)
{
	const struct kg_bt_node *key = unbounded_key(map);
	g_autofree char *mark = g_strdup_printf("map %s", map->text), *text = NULL;
	enum kg_aggregate aggregate = shapes_of_map(l->shapes, map->text).aggregate;
	const char *each = aggregate == KG_AGGREGATE_HIST || aggregate == KG_AGGREGATE_LHIST ? " (each bucket of each key is one)"
			   : aggregate == KG_AGGREGATE_AVG || aggregate == KG_AGGREGATE_STATS ? " (each key takes two)"
											      : "";

	if (!key || !g_hash_table_add(l->done, g_steal_pointer(&mark)))
		return;
	text = text_of(key);
	if (shapes_is_scratch(l->shapes, map->text))
		lose(l, &map->loc, "a larger BPFTRACE_MAP_KEYS_MAX", "what begins while @%s already holds %u entries that have not ended", map->text,
		     entries_of(l, map->text));
	else
		lose(l, &map->loc, "a larger BPFTRACE_MAP_KEYS_MAX", "new keys of @%s (by %s) when it holds %u entries%s", map->text, text,
		     entries_of(l, map->text), each);
}

struct map_use {
	const char *name;
	const struct kg_bt_probe *writes;
	gboolean is_read_elsewhere;
};

static gboolean see_use(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct map_use *use = userdata;

	if (node->kind != KG_BT_MAP || strcmp(node->text, use->name))
		return TRUE;
	if (parent && parent->kind == KG_BT_ASSIGN && kg_bt_kid(parent, 0) == node)
		use->writes = use->writes ? use->writes : probe;
	else if (probe && probe != use->writes)
		use->is_read_elsewhere = TRUE;
	return TRUE;
}

/* What was noted at a beginning is looked up at an end: a beginning before tracing began has left no note. */
static void of_beginnings(struct losing *l, const struct kg_bt_node *map)
{
	struct map_use use = {.name = map->text};

	if (!kg_bt_n_kids(map) || !shapes_is_scratch(l->shapes, map->text))
		return;
	kg_bt_walk(l->program, see_use, NULL, &use);
	if (use.writes && use.is_read_elsewhere)
		lose(l, &map->loc, "begin to trace before what is to be seen begins", "what had begun before tracing began: @%s knows nothing of it", map->text);
}

/* ---------------------------------------------------------------- values */

static gboolean is_call(const struct kg_bt_node *node, const char *name)
{
	return node->kind == KG_BT_CALL && !strcmp(node->text, name);
}

static gboolean is_time(const struct kg_bt_node *node)
{
	return node->kind == KG_BT_BUILTIN && (!strcmp(node->text, "nsecs") || !strcmp(node->text, "elapsed"));
}

static gboolean is_division(const struct kg_bt_node *node)
{
	return (node->kind == KG_BT_BINARY || node->kind == KG_BT_ASSIGN) && node->op == KG_BT_DIV;
}

/* The value that [name] is set to in [probe]. */
struct setting {
	const char *name;
	const struct kg_bt_probe *probe;
	const struct kg_bt_node *value;
};
static gboolean see_setting(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct setting *setting = userdata;
	const struct kg_bt_node *target = kg_bt_kid(node, 0);

	(void)parent;
	if (node->kind == KG_BT_ASSIGN && target->kind == KG_BT_VAR && probe == setting->probe && !strcmp(target->text, setting->name))
		setting->value = kg_bt_kid(node, 1);
	return TRUE;
}

static const struct kg_bt_node *behind_variable(const struct losing *l, const struct kg_bt_probe *probe, const struct kg_bt_node *node)
{
	struct setting setting = {.probe = probe};

	if (!node || node->kind != KG_BT_VAR)
		return node;
	setting.name = node->text;
	kg_bt_walk(l->program, see_setting, NULL, &setting);
	return setting.value ? setting.value : node;
}

/*
 * bpftrace 0.17 counts what has more than 32 bits in the bucket [2G, 4G) of hist() (its log2 goes by 32 bits), and keeps min() as 0xffffffff less
 * the value. Nanoseconds pass that after 4.3 s. Seen in its objects (src/ast/irbuilder: log2, min).
 */
static void of_wide_values(struct losing *l, const struct kg_bt_probe *probe, const struct kg_bt_node *call)
{
	const struct kg_bt_node *value = behind_variable(l, probe, kg_bt_kid(call, 0));
	gboolean is_ns = find_below(value, is_time) && !find_below(value, is_division) && !find_below(kg_bt_kid(call, 0), is_division);

	if (is_ns && is_call(call, "hist"))
		lose(l, &call->loc, "divide the time by 1000 (us) or 1000000 (ms)", "the size of times above 4.29 s: hist() puts 2^32 and more into its bucket [2G, 4G)");
	if (is_ns && is_call(call, "min"))
		lose(l, &call->loc, "divide the time by 1000 (us) or 1000000 (ms)", "the smallest time where all are above 4.29 s: min() keeps 32 bits");
	else if (is_call(call, "min"))
		lose(l, &call->loc, NULL, "the smallest value where all are above 4294967295: min() keeps 32 bits");
	else if (!is_ns && is_call(call, "max"))
		lose(l, &call->loc, NULL, "the largest value where all are below 0: max() begins there");
}

static void of_texts(struct losing *l, const struct kg_bt_probe *probe, const struct kg_bt_node *call)
{
	const struct kg_bt_attach *attach = probe ? probe->attach->pdata[0] : NULL;
	g_autofree char *text = text_of(call), *bytes = NULL;
	const struct kg_bt_node *length = kg_bt_kid(call, 1);
	int most = l->limits.strlen;
	gboolean is_str = is_call(call, "str");

	if (!is_str && !is_call(call, "buf"))
		return;
	if (length && length->kind == KG_BT_INT && length->num < (uint64_t)most)
		most = (int)length->num;
	lose(l, &call->loc, most < 200 && (!length || length->kind != KG_BT_INT || (int)length->num > most) ? "a larger BPFTRACE_STRLEN (bpftrace 0.17 takes at most 200)" : NULL,
	     "what %s has behind its first %d bytes", text, is_str ? most - 1 : most);
	if (attach && attach->kind == KG_PROBE_TRACEPOINT && g_str_has_prefix(attach->target, "syscalls:sys_enter_"))
		lose(l, &call->loc, "keep the pointer and read it when the system call returns",
		     "%s where the process has not touched that page yet: it is then empty", text);
}

/* Stacks are kept by a hash of them; one that falls on another's place is dropped, and shown as none (bpf_get_stackid() without BPF_F_REUSE_STACKID). */
static void of_stacks(struct losing *l, const struct kg_bt_node *node)
{
	gboolean is_stack = (node->kind == KG_BT_BUILTIN || node->kind == KG_BT_CALL) && (!strcmp(node->text, "kstack") || !strcmp(node->text, "ustack"));

	if (is_stack)
		lose(l, &node->loc, NULL, "a stack whose hash falls together with another's: it is shown empty");
}

static gboolean prints(const struct kg_bt_node *node)
{
	return node->kind == KG_BT_CALL && (!strcmp(node->text, "printf") || !strcmp(node->text, "print") || !strcmp(node->text, "join"));
}

/* Records go through a buffer for each CPU; bpftrace itself says afterwards how many did not find room ("Lost N events"). */
static void of_prints(struct losing *l, const struct kg_bt_probe *probe)
{
	const struct kg_bt_node *print = find_below(probe->block, prints);
	g_autofree char *where = NULL;
	gboolean is_often = FALSE;

	for (guint i = 0; l->effects && i < l->effects->attach->len; i++) {
		const struct kg_attach_effect *at = l->effects->attach->pdata[i];
		if (!g_ptr_array_find(probe->attach, at->attach, NULL) || at->heat == KG_HOOK_LOW || at->heat == KG_HOOK_UNKNOWN)
			continue;
		is_often = TRUE;
		where = where ? where : g_strdup(at->attach->raw);
	}
	if (print && is_often)
		lose(l, &print->loc, "a predicate, a map instead of a record for each event, or BPFTRACE_PERF_RB_PAGES",
		     "records of %s when they come faster than they are read: %d pages hold those of one CPU", where, l->limits.rb_pages);
}

/* ---------------------------------------------------------------- all of it */

static gboolean see(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct losing *l = userdata;
	gboolean is_write = parent && (parent->kind == KG_BT_ASSIGN || parent->kind == KG_BT_POSTFIX || parent->kind == KG_BT_UNARY) &&
			    kg_bt_kid(parent, 0) == node;

	of_stacks(l, node);
	if (node->kind == KG_BT_MAP && is_write && !g_str_has_prefix(node->text, KG_BT_OWN_MAPS)) {
		of_map(l, node);
		of_beginnings(l, node);
	} else if (node->kind == KG_BT_CALL) {
		of_wide_values(l, probe, node);
		of_texts(l, probe, node);
	}
	return TRUE;
}

static void of_probe(struct losing *l, const struct kg_bt_probe *probe)
{
	for (guint i = 0; i < probe->attach->len; i++) {
		const struct kg_bt_attach *attach = probe->attach->pdata[i];
		of_returns(l, attach);
		of_inlining(l, attach);
		of_recursion(l, attach);
	}
	of_prints(l, probe);
}

/* C: the maps say how much they hold; what they are for is not known. */
static void of_object(struct losing *l)
{
	for (guint i = 0; i < l->object->maps->len; i++) {
		const struct kg_map *map = l->object->maps->pdata[i];
		if (map->type == BPF_MAP_TYPE_HASH || map->type == BPF_MAP_TYPE_PERCPU_HASH)
			lose(l, NULL, "a larger max_entries", "new keys of %s when it holds %u entries", map->name, map->max_entries);
		else if (map->type == BPF_MAP_TYPE_LRU_HASH || map->type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
			lose(l, NULL, "a larger max_entries", "the oldest keys of %s when it holds %u entries", map->name, map->max_entries);
		else if (map->type == BPF_MAP_TYPE_RINGBUF || map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			lose(l, NULL, "a larger buffer", "records of %s when they come faster than they are read", map->name);
	}
	for (guint i = 0; i < l->object->programs->len; i++) {
		const struct kg_bpf_program *p = l->object->programs->pdata[i];
		g_autofree char *target = g_strdup(p->attach && strchr(p->attach, ':') ? strchr(p->attach, ':') + 1 : "");
		struct kg_bt_attach attach = {.kind = p->kind, .target = target, .raw = p->attach ? p->attach : p->section};
		if (p->kind == KG_PROBE_NONE)
			continue;
		of_returns(l, &attach);
		of_inlining(l, &attach);
		of_recursion(l, &attach);
	}
}

static int or_else(int value, int otherwise)
{
	return value > 0 ? value : otherwise;
}

void proof_losses(struct kg_proof *proof, const struct kg_object *object, const struct kg_bt_program *program, struct kg_profile *profile,
		  const struct kg_bpftrace_limits *limits)
{
	static const struct kg_bpftrace_limits none;
	struct losing l = {.proof = proof, .object = object, .program = program, .profile = profile, .limits = limits ? *limits : none};

	l.limits.strlen = or_else(l.limits.strlen, 64);
	l.limits.map_keys_max = or_else(l.limits.map_keys_max, 4096);
	l.limits.rb_pages = or_else(l.limits.rb_pages, 64);
	l.done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	if (program) {
		l.shapes = shapes_new(program, profile, (guint)l.limits.strlen);
		kg_effects_read(program, profile, NULL, &l.effects, NULL);
		for (guint i = 0; i < program->probes->len; i++)
			of_probe(&l, program->probes->pdata[i]);
		kg_bt_walk(program, see, NULL, &l);
		shapes_free(l.shapes);
		kg_effects_free(l.effects);
	} else {
		of_object(&l);
	}
	g_hash_table_destroy(l.done);
}
