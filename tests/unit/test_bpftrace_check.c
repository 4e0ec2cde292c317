/*
 * The checks of bpftrace programs, against a small made-up kernel: the functions of kg_profile_* below stand for the real ones.
 * Cases are data: tests/golden/bpftrace/check.txt (without a version) and version.txt (the version is in the case's name).
 */
#include <kgent/bpftrace.h>
#include <kgent/text.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* ---- the made-up kernel: no fentry, two tracepoints, some functions, two structs */

struct kg_profile {
	int unused;
};

static const char *const tracepoints[] = {"sched:sched_switch", "sched:sched_wakeup", "syscalls:sys_enter_openat", NULL};
static const char *const functions[] = {"tcp_connect", "tcp_close", "vfs_read", "vfs_write", NULL};
static struct kg_field switch_fields[] = {
	{.name = "prev_comm", .type = "char[16]", .is_string = TRUE},
	{.name = "next_pid", .type = "pid_t", .size = 4},
	{.name = "port", .type = "__be16", .size = 2, .is_big_endian = TRUE},
	{.name = "why", .type = "enum reason", .size = 4},
};
static struct kg_field openat_fields[] = {
	{.name = "dfd", .type = "int", .size = 4},
	{.name = "filename", .type = "const char *", .size = 8, .is_pointer = TRUE},
	{.name = "where", .type = "char[]", .is_string = TRUE, .is_dynamic = TRUE},
};
static struct kg_field sock_members[] = {
	{.name = "dport", .type = "__be16", .size = 2, .is_big_endian = TRUE},
	{.name = "daddr", .type = "__be32", .size = 4, .is_big_endian = TRUE},
	{.name = "next", .type = "struct sock *", .size = 8, .is_pointer = TRUE},
	{.name = "inner", .type = "struct inner", .size = 8},
	{.name = "name", .type = "char[16]", .is_string = TRUE},
	{.name = "in6_u", .type = "union {...}", .size = 16}, /* a type without a name, as in struct in6_addr */
};
static struct kg_field inner_members[] = {{.name = "state", .type = "unsigned char", .size = 1}};
static struct kg_field task_members[] = {{.name = "pid", .type = "pid_t", .size = 4}};

static GPtrArray *list_of(struct kg_field *fields, gsize n)
{
	GPtrArray *list = g_ptr_array_new();

	for (gsize i = 0; i < n; i++)
		g_ptr_array_add(list, &fields[i]);
	return list;
}

static const char *const *targets(enum kg_probe_kind kind)
{
	static const char *const none[] = {NULL};

	return kind == KG_PROBE_TRACEPOINT			     ? tracepoints :
	       kind == KG_PROBE_KPROBE || kind == KG_PROBE_KRETPROBE ? functions :
								       none;
}

enum kg_answer kg_profile_kind_usable(struct kg_profile *p, enum kg_probe_kind kind, const char **why)
{
	if (kind != KG_PROBE_FENTRY)
		return KG_YES;
	*why = "the made-up kernel has no trampolines";
	return KG_NO;
}

const char *kg_nearest(const char *word, const GPtrArray *names)
{
	for (guint i = 0; i < names->len; i++)
		if (kg_text_distance(word, names->pdata[i], 2) <= 2)
			return names->pdata[i];
	return NULL;
}

GPtrArray *kg_profile_match(struct kg_profile *p, enum kg_probe_kind kind, const char *pattern, guint max)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

	for (const char *const *t = targets(kind); *t; t++)
		if (g_pattern_match_simple(pattern, *t))
			g_ptr_array_add(found, g_strdup(*t));
	if (!strcmp(pattern, "*") && kind == KG_PROBE_KPROBE)
		while (found->len < 3000 && (!max || found->len < max))
			g_ptr_array_add(found, g_strdup("f"));
	return found;
}

GPtrArray *kg_profile_nearest(struct kg_profile *p, enum kg_probe_kind kind, const char *target, guint max)
{
	return g_ptr_array_new_with_free_func(g_free);
}

struct kg_point *kg_point_free(struct kg_point *pt)
{
	if (pt) {
		g_free(pt->target);
		g_free(pt->why);
	}
	g_free(pt);
	return NULL;
}

int kg_profile_find(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret,
		    struct kg_error *err)
{
	for (const char *const *t = targets(kind); *t; t++)
		if (!strcmp(*t, target)) {
			*ret = g_new0(struct kg_point, 1);
			(*ret)->usable = strcmp(target, "vfs_write") ? KG_YES : KG_NO;
			(*ret)->why = strcmp(target, "vfs_write") ? NULL : g_strdup("it is inlined");
			return 0;
		}
	kg_error_set(err, KG_E_NOTFOUND, "profile", "no %s", target);
	for (const char *const *t = targets(kind); *t; t++)
		if (kg_text_distance(*t, target, 2) <= 2)
			kg_error_hint(err, "did you mean %s?", *t);
	return -KG_E_NOTFOUND;
}

const GPtrArray *kg_profile_fields(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	static GPtrArray *on_switch, *on_openat;

	if (!on_switch) {
		on_switch = list_of(switch_fields, G_N_ELEMENTS(switch_fields));
		on_openat = list_of(openat_fields, G_N_ELEMENTS(openat_fields));
	}
	if (kind != KG_PROBE_TRACEPOINT)
		return NULL;
	return !strcmp(target, tracepoints[0]) ? on_switch : !strcmp(target, tracepoints[2]) ? on_openat : NULL;
}

const GPtrArray *kg_profile_members(struct kg_profile *p, const char *type)
{
	static GPtrArray *sock, *inner, *task;

	if (!sock) {
		sock = list_of(sock_members, G_N_ELEMENTS(sock_members));
		inner = list_of(inner_members, G_N_ELEMENTS(inner_members));
		task = list_of(task_members, G_N_ELEMENTS(task_members));
	}
	return !strcmp(type, "struct sock")	   ? sock :
	       !strcmp(type, "struct inner")	   ? inner :
	       !strcmp(type, "struct task_struct") ? task :
						     NULL;
}

int kg_profile_member(struct kg_profile *p, const char *type, const char *path, struct kg_field *ret,
		      struct kg_error *err)
{
	const GPtrArray *members = kg_profile_members(p, type);

	for (guint i = 0; members && i < members->len; i++)
		if (!strcmp(((struct kg_field *)members->pdata[i])->name, path)) {
			*ret = *(struct kg_field *)members->pdata[i];
			return 0;
		}
	return kg_error_set(err, KG_E_NOTFOUND, "profile", "no member %s", path);
}

int kg_profile_enumerator(struct kg_profile *p, const char *name, int64_t *ret)
{
	*ret = 1;
	return strcmp(name, "TCP_ESTABLISHED") ? -KG_E_NOTFOUND : 0;
}

/* ---- cases */

static char *slurp(const char *name)
{
	const char *dir = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(dir ? dir : "tests", "golden", "bpftrace", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		fail_msg("can't read %s", path);
	return text;
}

static gboolean has_words(const char *text, const char *words)
{
	g_auto(GStrv) parts = g_strsplit(words, "|", -1);

	for (char **p = parts; *p; p++)
		if (!strstr(text, g_strstrip(*p)))
			return FALSE;
	return TRUE;
}

/* A finding as "error 1:2 words". */
static char *as_text(const struct kg_diag *d)
{
	return g_strdup_printf("%s %d:%d %s = %s",
			       d->severity == KG_ERROR	 ? "error" :
			       d->severity == KG_WARNING ? "warning" :
							   "note",
			       d->loc.line, d->loc.col, d->msg, d->hint ? d->hint : "");
}

static void hold_case(const char *name, const char *text, char **facts, struct kg_profile *profile,
		      const struct kg_bt_version *version)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) all = g_string_new(NULL);
	struct kg_bt_program *program = NULL;
	guint n = g_strv_length(facts);
	int r;

	if (n == 1 && !strcmp(facts[0], "none"))
		n = 0;
	if (kg_bt_parse(text, strlen(text), diags, &program) < 0)
		fail_msg("%s does not parse: %s", name, ((struct kg_diag *)diags->pdata[0])->msg);
	r = kg_bt_check(program, profile, version, diags);
	kg_bt_free(program);
	assert_int_equal(r < 0, kg_diags_errors(diags) > 0);
	for (guint i = 0; i < diags->len; i++) {
		g_autofree char *got = as_text(diags->pdata[i]);

		g_string_append_printf(all, "  %s\n", got);
	}
	if (diags->len != n)
		fail_msg("%s: %u findings, not %u\n%s", name, diags->len, n, all->str);
	for (guint i = 0; i < n; i++) {
		g_autofree char *got = as_text(diags->pdata[i]);
		char *words = strchr(strchr(facts[i], ' ') + 1, ' ') + 1;
		g_autofree char *place = g_strndup(facts[i], (gsize)(words - facts[i]));

		if (!g_str_has_prefix(got, place) || !has_words(got, words))
			fail_msg("%s: expected\n  %s\ngot\n%s", name, facts[i], all->str);
	}
}

static int run_file(const char *file, gboolean with_profile)
{
	g_autofree char *all = slurp(file);
	struct kg_profile fake = {0};
	int n = 0;

	for (char *at = strstr(all, "=== "); at; n++) {
		char *nl = strchr(at, '\n'), *next = strstr(nl, "\n=== "), *sep;
		g_autofree char *name = g_strndup(at + 4, (gsize)(nl - at - 4));
		g_autofree char *text = next ? g_strndup(nl + 1, (gsize)(next - nl)) : g_strdup(nl + 1);
		struct kg_bt_version version;
		g_auto(GStrv) facts = NULL;

		sep = strstr(text, "\n---\n");
		assert_non_null(sep);
		*sep = '\0';
		facts = g_strsplit(g_strstrip(sep + 5), "\n", -1);
		hold_case(name, text, facts, with_profile ? &fake : NULL,
			  kg_bt_version_parse(name, &version) == 0 ? &version : NULL);
		at = next ? next + 1 : NULL;
	}
	return n;
}

static void test_check(void **state)
{
	assert_true(run_file("check.txt", TRUE) >= 50);
}

static void test_version_findings(void **state)
{
	assert_true(run_file("version.txt", FALSE) >= 30);
}

/* The tools of the package are right programs: nothing to say about them without a kernel. */
static void test_shipped_tools(void **state)
{
	g_autofree char *list = NULL;
	g_auto(GStrv) files = NULL;
	int n = 0;

	if (!g_spawn_command_line_sync("dpkg -L bpftrace", &list, NULL, NULL, NULL) || !list)
		skip();
	files = g_strsplit(list, "\n", -1);
	for (char **f = files; *f; f++) {
		char *none[] = {NULL};
		g_autofree char *text = NULL;

		if (!g_str_has_suffix(*f, ".bt") || !g_file_get_contents(*f, &text, NULL, NULL))
			continue;
		hold_case(*f, text, none, NULL, NULL);
		n++;
	}
	if (!n)
		skip();
}

static void test_version(void **state)
{
	struct kg_bt_version v = {0}, w = {0, 23, 0};

	assert_int_equal(kg_bt_version_parse("bpftrace v0.17.0\n", &v), 0);
	assert_int_equal(v.minor, 17);
	assert_true(kg_bt_version_compare(&v, &w) < 0);
	assert_int_equal(kg_bt_version_parse("v0.21.2-12-gabcdef", &v), 0);
	assert_int_equal(v.patch, 2);
	assert_int_equal(kg_bt_version_parse("0.23", &v), 0);
	assert_int_equal(kg_bt_version_compare(&v, &w), 0);
	assert_int_equal(kg_bt_version_parse("bpftrace", &v), -KG_E_PARSE);
	assert_int_equal(kg_bt_version_parse("1", &v), -KG_E_PARSE);
	assert_int_equal(kg_bt_version_parse("", &v), -KG_E_PARSE);
	assert_int_equal(v.minor, 23); /* untouched */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_version_findings),
		cmocka_unit_test(test_shipped_tools),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
