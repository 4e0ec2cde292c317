/*
 * Look attach points up by name, and say in words why one can't be used: the answer to "does kprobe:tcp_conect exist" is more than no.
 */
#include "internal.h"

#include <kgent/text.h>

#include <bpf/btf.h>
#include <string.h>

/* perf_event_open(2), with the names and aliases that bpftrace has for them (its documentation, 0.17 to 0.23). */
const char *const kg_software_events[] = {"alignment-faults", "bpf-output", "context-switches", "cs", "cpu-clock", "cpu",
	"cpu-migrations", "dummy", "emulation-faults", "major-faults", "minor-faults", "page-faults", "faults", "task-clock", NULL};
const char *const kg_hardware_events[] = {"backend-stalls", "branch-instructions", "branches", "branch-misses", "bus-cycles",
	"cache-misses", "cache-references", "cpu-cycles", "cycles", "frontend-stalls", "instructions", "ref-cycles", NULL};

struct kg_point *kg_point_free(struct kg_point *pt)
{
	if (!pt)
		return NULL;
	g_free(pt->target);
	g_free(pt->module);
	g_free(pt->why);
	g_free(pt);
	return NULL;
}

gboolean kg_is_function_kind(enum kg_probe_kind kind)
{
	return kg_probe_info(kind)->is_kernel_function;
}

char *kg_function_of(const char *target, char **ret_module)
{
	const char *colon = strchr(target, ':'), *name = colon ? colon + 1 : target;

	if (ret_module)
		*ret_module = colon && colon > target ? g_strndup(target, (gsize)(colon - target)) : NULL;
	return g_strndup(name, strcspn(name, "+"));
}

/* A point that exists as far as its kind can be used. [why] is taken over. */
static struct kg_point *point(struct kg_profile *p, enum kg_probe_kind kind, const char *target, enum kg_answer usable, char *why)
{
	struct kg_point *pt = g_new0(struct kg_point, 1);
	const char *kind_why = NULL;
	enum kg_answer a = kg_profile_kind_usable(p, kind, &kind_why);

	pt->kind = kind;
	pt->target = g_strdup(target);
	pt->usable = usable;
	pt->why = why;
	/* The kind's own reason comes first: without kprobes it does not matter that the function was inlined. */
	if (a == KG_NO || (a == KG_UNKNOWN && usable == KG_YES)) {
		g_free(pt->why);
		pt->usable = a;
		pt->why = g_strdup(kind_why);
	}
	return pt;
}

/* Why nothing can be said of this whole class of things. Owned. */
static char *not_known(struct kg_profile *p, const char *source)
{
	const char *why = kg_source_get(p, source)->why;

	return why ? g_strdup_printf("the kernel's %s are not known: %s", source, why) : g_strdup_printf("the kernel's %s are not known", source);
}

static int not_found(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_error *err)
{
	g_autoptr(GPtrArray) near = kg_profile_nearest(p, kind, target, 3);
	const char *name = kg_probe_info(kind)->name;
	g_autoptr(GString) hint = g_string_new("did you mean ");

	kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no %s:%s in this kernel (%s)", name, target, p->release);
	for (guint i = 0; i < near->len; i++)
		g_string_append_printf(hint, "%s%s:%s", !i ? "" : i + 1 == near->len ? " or " : ", ", name,
				       (char *)g_ptr_array_index(near, i));
	if (near->len)
		kg_error_hint(err, "%s?", hint->str);
	return -KG_E_NOTFOUND;
}

/* --- kernel functions --- */

/* The line of that name, in that module if one is named ("vmlinux": in none). */
static const struct kg_line *line_in(const struct kg_index *ix, const char *name, const char *module)
{
	gsize len = strlen(name);
	const struct kg_line *l = kg_index_find(ix, name, len), *end = l ? ix->lines + ix->n : NULL;

	for (; l && l < end && l->len == len && !memcmp(kg_index_name(ix, l), name, len); l++) {
		g_autofree char *m = kg_index_module(ix, l);

		if (!module || !g_strcmp0(m, module) || (!m && !strcmp(module, "vmlinux")))
			return l;
	}
	return NULL;
}

/* "foo.isra.0" for foo, if the compiler left only that. Owned. */
static char *changed_name(const struct kg_index *ix, const char *name)
{
	g_autofree char *prefix = g_strconcat(name, ".", NULL);
	guint i = kg_index_lower(ix, prefix, strlen(prefix));
	const struct kg_line *l = i < ix->n ? &ix->lines[i] : NULL;

	if (!l || l->len <= strlen(prefix) || memcmp(kg_index_name(ix, l), prefix, strlen(prefix)))
		return NULL;
	return g_strndup(kg_index_name(ix, l), l->len);
}

static gboolean in_btf(struct kg_profile *p, const char *name, const char *module)
{
	uint32_t id;

	return kg_profile_find_type(p, name, BTF_KIND_FUNC, module, &id) != NULL;
}

static gboolean is_entry(enum kg_probe_kind kind)
{
	return kind == KG_PROBE_FENTRY || kind == KG_PROBE_FEXIT;
}

static gboolean is_kprobe(enum kg_probe_kind kind)
{
	return kind == KG_PROBE_KPROBE || kind == KG_PROBE_KRETPROBE;
}

/* What speaks against a function that is in the list, for this kind; NULL: nothing. */
static char *objection(struct kg_profile *p, enum kg_probe_kind kind, const char *name, const char *module, enum kg_answer *usable)
{
	*usable = KG_NO;
	if (is_entry(kind) && !in_btf(p, name, module))
		return g_strdup_printf("BTF does not describe it, which %s needs", kg_probe_info(kind)->name);
	if (is_kprobe(kind) && line_in(kg_profile_nokprobe(p), name, NULL))
		return g_strdup("the kernel forbids kprobes on it (it is on its blacklist, since a kprobe itself needs it)");
	*usable = KG_UNKNOWN;
	/* Seen on 6.1.192 and 6.12.117 (EADDRNOTAVAIL, EINVAL): tracing/kprobes counts the symbols of that name. */
	if (line_in(kg_profile_ambiguous(p), name, NULL))
		return g_strdup("the kernel has several functions of this name: kernels since 2023 refuse it, older ones take any of them");
	if (!p->functions_sure)
		return g_strdup("the kernel's list of traceable functions can't be read; the function exists and probably can be traced");
	*usable = KG_YES;
	return NULL;
}

static struct kg_point *listed(struct kg_profile *p, enum kg_probe_kind kind, const char *target, const char *name, char *module)
{
	enum kg_answer usable;
	char *why = objection(p, kind, name, module, &usable);
	const char *offset = strchr(target, '+');

	if (!why && offset && strcmp(offset, "+0") && strcmp(offset, "+0x0")) {
		usable = KG_UNKNOWN;
		why = g_strdup("the function can be traced; whether an instruction begins at that offset is not known");
	}
	struct kg_point *pt = point(p, kind, target, usable, why);

	pt->module = module;
	return pt;
}

/* It exists somewhere, but is not in the list: why can't it be traced? NULL: nothing is known of it. */
static char *why_not_listed(struct kg_profile *p, enum kg_probe_kind kind, const char *name, const char *module, enum kg_answer *usable)
{
	struct kg_index *rest = kg_profile_untraceable(p);
	g_autofree char *changed = changed_name(kg_profile_functions(p), name);

	*usable = KG_NO;
	if (line_in(rest, name, module)) {
		if (p->functions_sure && is_kprobe(kind) && kg_profile_config(p, "KPROBE_EVENTS_ON_NOTRACE") == KG_YES) {
			*usable = KG_UNKNOWN;
			return g_strdup("it is not in the kernel's list of traceable functions, but this kernel lets kprobes try");
		}
		if (p->functions_sure)
			return g_strdup("it exists, but is not in the kernel's list of traceable functions: it is marked notrace, "
					"or the tracing code itself needs it");
		if (in_btf(p, name, module))
			return g_strdup("it exists, but the macros that make tracepoints mark such functions notrace");
		*usable = KG_UNKNOWN;
		return g_strdup("it exists, but BTF does not describe it and the kernel's list of traceable functions can't be read");
	}
	if (!changed)
		changed = changed_name(rest, name);
	if (changed)
		return g_strdup_printf("the compiler changed it into %s, whose arguments can differ from the source's", changed);
	if (in_btf(p, name, module))
		return g_strdup("it exists in BTF but can't be traced: it is not in the list of traceable functions (inlined, marked "
				"notrace, or in a module that isn't loaded)");
	return NULL;
}

/* What a person may have meant who asks for a function of a name that is none. */
static char *meant_tracepoint(struct kg_profile *p, const char *name)
{
	struct kg_index *ix = kg_profile_formats(p);
	g_autofree char *tail = g_strconcat(":", name, NULL);
	static const char *const calls[] = {"__x64_sys_", "__arm64_sys_", "__se_sys_", "do_sys_", "ksys_", "sys_"};

	for (guint i = 0; i < ix->n; i++) {
		const struct kg_line *l = &ix->lines[i];

		if (l->len > strlen(tail) && !memcmp(kg_index_name(ix, l) + l->len - strlen(tail), tail, strlen(tail)))
			return g_strndup(kg_index_name(ix, l), l->len);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
		if (g_str_has_prefix(name, calls[i]) && kg_profile_has_syscall(p, name + strlen(calls[i])))
			return g_strconcat("syscalls:sys_enter_", name + strlen(calls[i]), NULL);
	return NULL;
}

static int find_function(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	struct kg_index *ix = kg_profile_functions(p);
	g_autofree char *module = NULL, *name = kg_function_of(target, &module);
	const struct kg_line *l = line_in(ix, name, module);
	enum kg_answer usable;

	if (l) {
		*ret = listed(p, kind, target, name, kg_index_module(ix, l));
		return 0;
	}
	if (!ix->n || g_str_has_prefix(name, "0x")) {
		*ret = point(p, kind, target, KG_UNKNOWN, ix->n ? g_strdup("an address is not looked up") : not_known(p, "functions"));
		return 0;
	}
	char *why = why_not_listed(p, kind, name, module, &usable);

	if (why) {
		*ret = point(p, kind, target, usable, why);
		return 0;
	}
	g_autofree char *meant = meant_tracepoint(p, name);

	if (!meant)
		return not_found(p, kind, target, err);
	kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no %s:%s in this kernel (%s), but a tracepoint", kg_probe_info(kind)->name,
		     target, p->release);
	kg_error_hint(err, "did you mean tracepoint:%s?", meant);
	return -KG_E_NOTFOUND;
}

/* --- tracepoints --- */

/* Events that were made since (of the systems kprobes, uprobes, synthetic), or that came with a module just now. */
static GBytes *live_format(const struct kg_profile *p, const char *target)
{
	g_auto(GStrv) parts = g_strsplit(target, ":", -1);

	if (!p->is_running || !p->tracefs || g_strv_length(parts) != 2 || strchr(target, '/') || parts[0][0] == '.' || parts[1][0] == '.')
		return NULL;
	g_autofree char *path = g_build_filename(p->tracefs, "events", parts[0], parts[1], "format", NULL);

	return *parts[0] && *parts[1] ? kg_read_file(path, 1u << 20) : NULL;
}

static GPtrArray *tracepoint_fields(struct kg_profile *p, const char *target, const char **why, gboolean *exists)
{
	struct kg_index *ix = kg_profile_formats(p);
	const struct kg_line *l = kg_index_find(ix, target, strlen(target));

	*exists = TRUE;
	if (l)
		return kg_format_parse(p, ix->text + l->body, l->body_len, why);
	g_autoptr(GBytes) text = live_format(p, target);
	gsize len;
	const char *s = text ? g_bytes_get_data(text, &len) : NULL;

	*exists = text != NULL;
	return text ? kg_format_parse(p, s ? s : "", s ? len : 0, why) : NULL;
}

static int find_tracepoint(struct kg_profile *p, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const char *why = NULL;
	gboolean exists;
	GPtrArray *fields = tracepoint_fields(p, target, &why, &exists);

	if (exists) {
		char *text = fields ? NULL : g_strdup_printf("its format is damaged: %s", why);

		g_clear_pointer(&fields, g_ptr_array_unref);
		*ret = point(p, KG_PROBE_TRACEPOINT, target, text ? KG_UNKNOWN : KG_YES, text);
		return 0;
	}
	if (!kg_profile_formats(p)->n) {
		*ret = point(p, KG_PROBE_TRACEPOINT, target, KG_UNKNOWN, not_known(p, "tracepoints"));
		return 0;
	}
	/* A function of that name is what was meant more often than a tracepoint that is spelled like it. */
	const char *name = strchr(target, ':') ? strchr(target, ':') + 1 : target;

	if (line_in(kg_profile_functions(p), name, NULL) && !strchr(target, ':')) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no tracepoint:%s in this kernel (%s), but a function", target, p->release);
		kg_error_hint(err, "did you mean kprobe:%s?", name);
		return -KG_E_NOTFOUND;
	}
	return not_found(p, KG_PROBE_TRACEPOINT, target, err);
}

static int find_rawtracepoint(struct kg_profile *p, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const char *name = strrchr(target, ':') ? strrchr(target, ':') + 1 : target;
	g_autofree char *type = g_strconcat("btf_trace_", name, NULL), *tail = g_strconcat(":", name, NULL);
	struct kg_index *ix = kg_profile_formats(p);
	uint32_t id;
	gboolean exists = kg_profile_find_type(p, type, BTF_KIND_TYPEDEF, NULL, &id) != NULL;

	for (guint i = 0; !exists && !p->btf && i < ix->n; i++)
		exists = ix->lines[i].len > strlen(tail) &&
			 !memcmp(kg_index_name(ix, &ix->lines[i]) + ix->lines[i].len - strlen(tail), tail, strlen(tail));
	if (!exists && (p->btf || ix->n))
		return not_found(p, KG_PROBE_RAWTRACEPOINT, target, err);
	*ret = point(p, KG_PROBE_RAWTRACEPOINT, target, exists ? KG_YES : KG_UNKNOWN,
		     exists ? NULL : g_strdup("the kernel's raw tracepoints are not known without BTF"));
	return 0;
}

/* --- the others --- */

static gboolean is_in(const char *name, gsize len, const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (strlen(list[i]) == len && !memcmp(list[i], name, len))
			return TRUE;
	return FALSE;
}

static gboolean is_count(const char *s)
{
	gsize n = strspn(s, "0123456789");

	return n && n < 19 && !s[n] && g_ascii_strtoull(s, NULL, 10) > 0;
}

/* "unit:number" of profile and interval. */
static gboolean is_timer(const char *target)
{
	static const char *const units[] = {"hz", "s", "ms", "us", NULL};
	const char *colon = strchr(target, ':');

	return colon && is_in(target, (gsize)(colon - target), units) && is_count(colon + 1);
}

static int find_event(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const char *colon = strchr(target, ':');
	gsize len = colon ? (gsize)(colon - target) : strlen(target);

	if (!is_in(target, len, kind == KG_PROBE_SOFTWARE ? kg_software_events : kg_hardware_events))
		return not_found(p, kind, target, err);
	if (colon && colon[1] && !is_count(colon + 1))
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "\"%s\" is not a number of events", colon + 1);
	*ret = point(p, kind, target, KG_YES, NULL);
	return 0;
}

static int find_timer(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	if (!is_timer(target)) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s:%s is no span of time", kg_probe_info(kind)->name, target);
		kg_error_hint(err, "a unit (hz, s, ms or us) and a number, for example %s:%s", kg_probe_info(kind)->name,
			      kind == KG_PROBE_PROFILE ? "hz:99" : "s:1");
		return -KG_E_NOTFOUND;
	}
	*ret = point(p, kind, target, KG_YES, NULL);
	return 0;
}

gboolean kg_is_iterator(struct kg_profile *p, const char *name)
{
	g_autofree char *type = g_strconcat("bpf_iter__", name, NULL), *function = g_strconcat("bpf_iter_", name, NULL);
	uint32_t id;

	return kg_profile_find_type(p, type, BTF_KIND_STRUCT, NULL, &id) && in_btf(p, function, NULL);
}

static int find_iter(struct kg_profile *p, const char *target, struct kg_point **ret, struct kg_error *err)
{
	g_autofree char *name = g_strndup(target, strcspn(target, ":"));

	if (!kg_profile_btf(p)) {
		*ret = point(p, KG_PROBE_ITER, target, KG_UNKNOWN, g_strdup("iterators are not known without BTF"));
		return 0;
	}
	if (!kg_is_iterator(p, name))
		return not_found(p, KG_PROBE_ITER, target, err);
	*ret = point(p, KG_PROBE_ITER, target, KG_YES, NULL);
	return 0;
}

/* The file of a user probe: an absolute path, or a command that PATH has. NULL: can't be told. Owned. */
static char *binary_of(const char *target, const char **rest)
{
	const char *colon = strchr(target, ':');
	g_autofree char *name = g_strndup(target, colon ? (gsize)(colon - target) : strlen(target));

	*rest = colon ? colon + 1 : "";
	if (strchr(name, '/'))
		return g_steal_pointer(&name);
	return g_find_program_in_path(name);
}

static int no_symbol(struct kg_profile *p, enum kg_probe_kind kind, const char *path, const char *name, GPtrArray *names,
		     struct kg_error *err)
{
	const char *near = names ? kg_nearest(name, names) : NULL;

	kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s has no %s %s", path, kind == KG_PROBE_USDT ? "USDT probe" : "function", name);
	if (near)
		kg_error_hint(err, "did you mean %s:%s:%s?", kg_probe_info(kind)->name, path, near);
	else if (kind != KG_PROBE_USDT && names && !names->len)
		kg_error_hint(err, "%s has no symbols at all (it was stripped)", path);
	return -KG_E_NOTFOUND;
}

static enum kg_answer has_user_probe(enum kg_probe_kind kind, const char *path, const char *rest)
{
	if (kind == KG_PROBE_USDT) {
		const char *colon = strrchr(rest, ':');
		g_autofree char *provider = colon ? g_strndup(rest, (gsize)(colon - rest)) : NULL;

		return kg_elf_has_usdt(path, provider && *provider ? provider : NULL, colon ? colon + 1 : rest);
	}
	g_autofree char *name = g_strndup(rest, strcspn(rest, "+"));

	/* An address, or "cpp:name" in newer versions, is for bpftrace to find. */
	return g_ascii_isdigit(*name) || strchr(name, ':') || strchr(name, '"') ? KG_UNKNOWN : kg_elf_has_symbol(path, name);
}

static int find_user(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const char *rest;
	g_autofree char *path = binary_of(target, &rest);

	if (!p->is_running || !path) {
		*ret = point(p, kind, target, KG_UNKNOWN, g_strdup(p->is_running ? "which file it is can't be told from its name" :
				"the profile says nothing about the programs of that machine"));
		return 0;
	}
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no file %s", path);
	enum kg_answer a = *rest ? has_user_probe(kind, path, rest) : KG_NO;

	if (a == KG_NO) {
		g_autoptr(GPtrArray) names = kind == KG_PROBE_USDT ? kg_elf_usdt(path) : kg_elf_functions(path);

		return no_symbol(p, kind, path, rest, names, err);
	}
	*ret = point(p, kind, target, a, a == KG_YES ? NULL : g_strdup_printf("%s could not be looked into", path));
	return 0;
}

int kg_profile_find(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret, struct kg_error *err)
{
	const struct kg_probe_info *info = kg_probe_info(kind);

	target = target ? target : "";
	if (kind == KG_PROBE_NONE || (info->parts && !*target))
		return kg_error_set(err, KG_E_INVAL, STAGE, "%s is not a whole attach point", info->name);
	if (strpbrk(target, "*?") && (kg_is_function_kind(kind) || kind == KG_PROBE_TRACEPOINT || kind == KG_PROBE_RAWTRACEPOINT))
		return kg_error_set(err, KG_E_INVAL, STAGE, "%s:%s is a pattern, not one attach point", info->name, target);
	if (kg_is_function_kind(kind))
		return find_function(p, kind, target, ret, err);
	switch (kind) {
	case KG_PROBE_TRACEPOINT:
		return find_tracepoint(p, target, ret, err);
	case KG_PROBE_RAWTRACEPOINT:
		return find_rawtracepoint(p, target, ret, err);
	case KG_PROBE_SOFTWARE:
	case KG_PROBE_HARDWARE:
		return find_event(p, kind, target, ret, err);
	case KG_PROBE_PROFILE:
	case KG_PROBE_INTERVAL:
		return find_timer(p, kind, target, ret, err);
	case KG_PROBE_ITER:
		return find_iter(p, target, ret, err);
	case KG_PROBE_UPROBE:
	case KG_PROBE_URETPROBE:
	case KG_PROBE_USDT:
		return find_user(p, kind, target, ret, err);
	default:
		*ret = point(p, kind, target, KG_YES, NULL);
		return 0;
	}
}

gboolean kg_profile_has_syscall(struct kg_profile *p, const char *name)
{
	struct kg_index *ix = kg_profile_formats(p);
	g_autofree char *enter = g_strconcat("syscalls:sys_enter_", name, NULL), *leave = g_strconcat("syscalls:sys_exit_", name, NULL);

	return kg_index_find(ix, enter, strlen(enter)) && kg_index_find(ix, leave, strlen(leave));
}

/* --- fields --- */

static GPtrArray *make_fields(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	gboolean exists;

	if (kind == KG_PROBE_TRACEPOINT)
		return tracepoint_fields(p, target, NULL, &exists);
	if (kind == KG_PROBE_RAWTRACEPOINT)
		return kg_btf_rawtracepoint_fields(p, strrchr(target, ':') ? strrchr(target, ':') + 1 : target);
	if (kind == KG_PROBE_ITER) {
		g_autofree char *name = g_strndup(target, strcspn(target, ":")), *type = g_strconcat("struct bpf_iter__", name, NULL);
		const GPtrArray *members = kg_profile_members(p, type);

		return members ? g_ptr_array_ref((GPtrArray *)members) : NULL;
	}
	if (!kg_is_function_kind(kind))
		return NULL;
	g_autofree char *module = NULL, *name = kg_function_of(target, &module);

	if (!module) {
		const struct kg_line *l = line_in(kg_profile_functions(p), name, NULL);

		module = l ? kg_index_module(p->functions, l) : NULL;
	}
	return kg_btf_function_fields(p, name, module, kind != KG_PROBE_KRETPROBE, kind == KG_PROBE_KRETPROBE || kind == KG_PROBE_FEXIT);
}

const GPtrArray *kg_profile_fields(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	g_autofree char *key = g_strdup_printf("%d:%s", kind, target ? target : "");
	gpointer found;

	if (g_hash_table_lookup_extended(p->fields, key, NULL, &found))
		return found;
	GPtrArray *fields = make_fields(p, kind, target ? target : "");

	g_hash_table_insert(p->fields, g_steal_pointer(&key), fields);
	return fields;
}
