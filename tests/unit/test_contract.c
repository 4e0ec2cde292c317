/*
 * Contracts. The evaluator computes in a small world that each case describes (tests/golden/contract/expr.txt); what is said of mistakes is in
 * errors.txt and kernel.txt there; the code blocks of docs/contracts.md are read as well, so that they stay true.
 */
#include "fixture.h"
#include <kgent/contract.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define CONTEXT 0x6b10000000000000ull

static struct kg_profile *profile;

static int open_profile(void **state)
{
	g_autofree char *dir = kg_fixture_profile(KG_FIXTURE_6_1);
	struct kg_profile_opts opts = {.dir = dir};

	if (dir)
		kg_profile_open(&opts, &profile, NULL);
	return 0;
}

static int close_profile(void **state)
{
	profile = kg_profile_free(profile);
	return 0;
}

static char *golden(const char *name)
{
	g_autofree char *path = g_build_filename(g_getenv("KGENT_TESTS"), "golden", "contract", name, NULL);
	char *text = NULL;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* ------------------------------------------------------------ expressions */

struct world {
	GHashTable *bytes[KG_SPACES]; /* gint64 * -> byte + 1 */
	GHashTable *builtins;         /* char * -> uint64_t * */
	char comm[16];
	struct kg_contract_point *point;
	GPtrArray *names;
	struct kg_macros *macros;
	GPtrArray *keep;
};

static void name_free(gpointer p)
{
	struct kg_contract_name *n = p;

	kg_bt_node_free(n->expr.node);
	g_free(n->name);
	g_free(n);
}

static void world_clear(struct world *w)
{
	for (int i = 0; i < KG_SPACES; i++)
		g_clear_pointer(&w->bytes[i], g_hash_table_unref);
	g_clear_pointer(&w->builtins, g_hash_table_unref);
	w->point = kg_contract_point_free(w->point);
	g_clear_pointer(&w->names, g_ptr_array_unref);
	g_clear_pointer(&w->keep, g_ptr_array_unref);
}

static void world_begin(struct world *w, const char *at)
{
	world_clear(w);
	for (int i = 0; i < KG_SPACES; i++)
		w->bytes[i] = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	w->builtins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	memset(w->comm, 0, sizeof w->comm);
	w->names = g_ptr_array_new_with_free_func(name_free);
	w->keep = kg_expr_keep_new();
	assert_int_equal(kg_contract_point_parse(at, &w->point, NULL), 0);
}

static void set_bytes(struct world *w, enum kg_space space, uint64_t address, const char *hex)
{
	for (; *hex; hex++) {
		gint64 at = (gint64)address;

		if (*hex == ' ')
			continue;
		g_hash_table_insert(w->bytes[space], g_memdup2(&at, sizeof at),
				    GINT_TO_POINTER(1 + g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1])));
		address++;
		hex++;
	}
}

static int read_bytes(void *self, enum kg_space space, struct kg_word address, unsigned n, struct kg_word *ret, struct kg_error *err)
{
	struct world *w = self;
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++) {
		gint64 at = (gint64)(address.bits + i);
		gpointer byte = g_hash_table_lookup(w->bytes[space], &at);

		value |= (uint64_t)(byte ? GPOINTER_TO_INT(byte) - 1 : 0) << (8 * i);
	}
	*ret = KG_WORD(value);
	return 0;
}

static int read_builtin(void *self, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	struct world *w = self;
	const uint64_t *value = g_hash_table_lookup(w->builtins, name);

	if (!strcmp(name, "comm"))
		for (guint i = 0; i < ret->n_bytes; i++)
			ret->bytes[i] = KG_WORD((uint8_t)w->comm[i]);
	else
		ret->word = KG_WORD(value ? *value : 0);
	return 0;
}

static struct kg_bt_node *parse(const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_node *node = NULL;

	if (kg_bt_parse_expr(text, strlen(text), diags, &node) < 0)
		fail_msg("'%s' does not parse", text);
	return node;
}

static char *value_text(const struct kg_expr_value *v)
{
	GString *out = g_string_new(NULL);

	if (v->kind == KG_EXPR_NUMBER && !v->is_signed && v->width == 64) {
		g_string_printf(out, "%" G_GUINT64_FORMAT, (guint64)v->word.bits);
	} else if (v->kind == KG_EXPR_NUMBER) {
		g_string_printf(out, "%" G_GINT64_FORMAT, (gint64)v->word.bits);
	} else if (v->kind == KG_EXPR_BYTES) {
		g_string_append(out, "bytes ");
		for (guint i = 0; i < v->n_bytes; i++)
			g_string_append_printf(out, "%02x", (unsigned)v->bytes[i].bits);
	} else if (v->kind == KG_EXPR_STRING) {
		g_string_printf(out, "string %s 0x%" G_GINT64_MODIFIER "x", v->space ? "user" : "kernel", (guint64)v->word.bits);
		if (v->n_bytes)
			g_string_append_printf(out, " at most %u", v->n_bytes);
	} else if (v->kind == KG_EXPR_TOKEN) {
		g_string_printf(out, "token %s %" G_GUINT64_FORMAT, v->token, (guint64)v->word.bits);
	}
	return g_string_free(out, FALSE);
}

/* "0x50", "0644", "-2", "token ksym 0x1234": as value_text() has it. */
static char *wanted_text(const char *want)
{
	g_auto(GStrv) part = g_strsplit(want, " ", 3);

	if (g_str_has_prefix(want, "token "))
		return g_strdup_printf("token %s %" G_GUINT64_FORMAT, part[1], (guint64)g_ascii_strtoull(part[2], NULL, 0));
	if (g_ascii_isdigit(*want))
		return g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)g_ascii_strtoull(want, NULL, 0));
	return g_strdup(want);
}

static gboolean try_expr(struct world *w, const char *expr, enum kg_as as, const char *want, int line)
{
	_cleanup_error_ struct kg_error err = {0};
	const struct kg_bt_node *failed = NULL;
	struct kg_expr_env env = {.algebra = &kg_numbers, .self = w, .profile = profile, .point = w->point, .context = KG_WORD(CONTEXT),
				  .names = w->names, .macros = w->macros, .read = read_bytes, .builtin = read_builtin, .keep = w->keep,
				  .failed = &failed};
	struct kg_bt_node *node = parse(expr);
	struct kg_expr_value v;
	g_autofree char *got = NULL, *wanted = wanted_text(want);
	int r = kg_expr_eval(node, &env, &v, &err);
	gboolean ok;

	if (r < 0 && !failed) {
		printf("expr.txt:%d: %s failed without a place\n", line, expr);
		kg_bt_node_free(node);
		return FALSE;
	}
	if (r == 0)
		r = kg_expr_shown(&v, as, &env, &v, &err);
	got = r < 0 ? g_strdup_printf("error %s", err.msg) : value_text(&v);
	ok = r < 0 ? g_str_has_prefix(want, "error ") && strstr(err.msg, want + 6) : !strcmp(got, wanted);
	if (!ok)
		printf("expr.txt:%d: %s: wanted %s, got %s\n", line, expr, wanted, got);
	kg_bt_node_free(node);
	return ok;
}

static void add_name(struct world *w, const char *text)
{
	g_auto(GStrv) part = g_strsplit(text, " ", 2);
	struct kg_contract_name *n = g_new0(struct kg_contract_name, 1);

	n->name = g_strdup(part[0]);
	n->expr.node = parse(part[1]);
	g_ptr_array_add(w->names, n);
}

static void add_memory(struct world *w, enum kg_space space, uint64_t base, const char *text)
{
	char *rest;
	uint64_t at = g_ascii_strtoull(text, &rest, 0);

	set_bytes(w, space, base + at, rest);
}

static void add_builtin(struct world *w, const char *text)
{
	g_auto(GStrv) part = g_strsplit(text, " ", 2);
	uint64_t value = g_ascii_strtoull(part[1], NULL, 0);

	g_hash_table_insert(w->builtins, g_strdup(part[0]), g_memdup2(&value, sizeof value));
}

static void test_expressions(void **state)
{
	g_autofree char *text = golden("expr.txt"), *expr = NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	enum kg_as as = KG_AS_NONE;
	struct world w = {0};
	int n = 0, bad = 0;

	if (!profile)
		skip();
	assert_int_equal(kg_macros_open(NULL, &w.macros, NULL), 0);
	for (int i = 0; lines[i]; i++) {
		g_auto(GStrv) part = g_strsplit(lines[i], " ", 2);
		const char *word = part[0] ? part[0] : "", *arg = part[0] && part[1] ? part[1] : "";

		if (!*word || *word == '#')
			continue;
		if (!strcmp(word, "at")) {
			world_begin(&w, arg);
		} else if (!strcmp(word, "context")) {
			add_memory(&w, KG_SPACE_KERNEL, CONTEXT, arg);
		} else if (!strcmp(word, "kernel") || !strcmp(word, "user")) {
			add_memory(&w, *word == 'u' ? KG_SPACE_USER : KG_SPACE_KERNEL, 0, arg);
		} else if (!strcmp(word, "builtin")) {
			add_builtin(&w, arg);
		} else if (!strcmp(word, "comm")) {
			g_strlcpy(w.comm, arg, sizeof w.comm);
		} else if (!strcmp(word, "name")) {
			add_name(&w, arg);
		} else if (!strcmp(word, "expr")) {
			g_free(expr);
			expr = g_strdup(arg);
		} else if (!strcmp(word, "as")) {
			as = kg_as_parse(arg);
			assert_true(as < KG_ASES);
		} else if (!strcmp(word, "want")) {
			bad += !try_expr(&w, expr, as, arg, i + 1);
			as = KG_AS_NONE;
			n++;
		} else {
			fail_msg("expr.txt:%d: what is '%s'?", i + 1, word);
		}
	}
	world_clear(&w);
	kg_macros_free(w.macros);
	assert_true(n > 150);
	assert_int_equal(bad, 0);
}

/* --------------------------------------------------------------- findings */

/* Findings in the short form of the golden file. */
static char *findings(const char *text)
{
	static const char *const severities[] = {"note", "warning", "error"};
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_contract *c = NULL;
	GString *out = g_string_new(NULL);
	int r = kg_contract_read(text, strlen(text), diags, &c);

	assert_true(r == 0 ? c && !kg_diags_errors(diags) : !c && kg_diags_errors(diags));
	if (c) {
		r = kg_contract_check(c, profile, diags);
		assert_true((r < 0) == (kg_diags_errors(diags) > 0));
	}
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *d = diags->pdata[i];

		g_string_append_printf(out, "%d:%d: %s: %s\n", d->loc.line, d->loc.col, severities[d->severity], d->msg);
		if (d->hint)
			g_string_append_printf(out, "= %s\n", d->hint);
	}
	kg_contract_free(c);
	return g_string_free(out, FALSE);
}

/* KGENT_UPDATE=FILE writes the file anew with what is said now: to be read before it is kept. */
static void test_findings(void **state)
{
	g_autofree char *text = golden("errors.txt");
	g_auto(GStrv) cases = g_strsplit(text, "\n=== ", -1);
	g_autoptr(GString) update = g_string_new(cases[0]);
	int bad = 0;

	if (!profile)
		skip();
	for (int i = 1; cases[i]; i++) {
		char *name_end = strchr(cases[i], '\n'), *contract = name_end + 1, *mark = strstr(cases[i], "--- expected\n");

		assert_non_null(mark);
		g_autofree char *name = g_strndup(cases[i], (gsize)(name_end - cases[i]));
		g_autofree char *body = g_strndup(contract, (gsize)(mark - contract)), *got = findings(body);
		g_autofree char *wanted = g_strstrip(g_strdup(mark + strlen("--- expected\n")));

		g_string_append_printf(update, "\n=== %s\n%s--- expected\n%s", name, body, got);
		if (strcmp(g_strstrip(got), wanted)) {
			printf("errors.txt, %s:\nwanted:\n%s\ngot:\n%s\n", name, wanted, got);
			bad++;
		}
	}
	if (g_getenv("KGENT_UPDATE"))
		g_file_set_contents(g_getenv("KGENT_UPDATE"), update->str, -1, NULL);
	assert_int_equal(bad, 0);
}

/* --------------------------------------------------------------- documents */

/* The blocks of docs/contracts.md in ```yaml: whole contracts are right, for the kernel of the profile and as JSON read again. */
static void test_documents(void **state)
{
	g_autofree char *path = g_build_filename(g_getenv("KGENT_TESTS"), "..", "docs", "contracts.md", NULL), *text = NULL;
	int n = 0, bad = 0;

	if (!profile)
		skip();
	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	for (char *at = strstr(text, "\n```yaml\n"); at; at = strstr(at, "\n```yaml\n")) {
		char *from = at + strlen("\n```yaml\n"), *end = strstr(from, "\n```");

		assert_non_null(end);
		g_autofree char *block = g_strndup(from, (gsize)(end - from) + 1), *got = findings(block);

		if (*got) {
			printf("contracts.md:\n%s\n%s\n", block, got);
			bad++;
		}
		n++;
		at = end;
	}
	assert_true(n >= 10);
	assert_int_equal(bad, 0);
}

static void check_round_trip(const char *yaml)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_contract *a = NULL, *b = NULL;

	assert_int_equal(kg_contract_read(yaml, strlen(yaml), diags, &a), 0);
	g_autofree char *json = kg_contract_json(a), *again = NULL;

	if (kg_contract_read(json, strlen(json), diags, &b) == 0)
		again = kg_contract_json(b);
	assert_non_null(again);
	assert_string_equal(json, again);
	kg_contract_free(a);
	kg_contract_free(b);
}

static void test_json(void **state)
{
	g_autofree char *text = golden("everything.yaml");

	check_round_trip(text);
	check_round_trip("on: [xdp]\nreturn: XDP_PASS\n");
	check_round_trip("on: [interval:s:1]\nevery: 2s\n");
}

/* ----------------------------------------------------------------- points */

static gboolean fits(const char *wanted, const char *attach)
{
	struct kg_contract_point *a = NULL, *b = NULL;
	gboolean yes;

	assert_int_equal(kg_contract_point_parse(wanted, &a, NULL), 0);
	assert_int_equal(kg_contract_point_parse(attach, &b, NULL), 0);
	yes = kg_contract_point_fits(a, b->kind, b->target);
	kg_contract_point_free(a);
	kg_contract_point_free(b);
	return yes;
}

static void test_points(void **state)
{
	assert_true(fits("kprobe:tcp_connect", "kprobe:tcp_connect"));
	assert_true(fits("kprobe:tcp_connect", "k:tcp_connect"));
	assert_true(fits("fentry:tcp_connect", "kfunc:tcp_connect"));
	assert_true(fits("fentry:tcp_connect", "kfunc:vmlinux:tcp_connect"));
	assert_true(fits("kprobe:vfs_*", "kprobe:vfs_read"));
	assert_true(fits("tracepoint:syscalls:sys_enter_*", "t:syscalls:sys_enter_read"));
	assert_true(fits("interval:s:1", "interval:ms:1000"));
	assert_true(fits("profile:hz:100", "profile:ms:10"));
	assert_true(fits("uprobe:libc:malloc", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc"));
	assert_true(fits("uprobe:bash:readline", "u:/bin/bash:readline"));
	assert_true(fits("uprobe:/bin/bash:readline", "u:/bin/bash:readline"));
	assert_true(fits("kprobe:vfs_read", "kprobe:vfs_read,kprobe:vfs_write"));
	assert_true(fits("kprobe:vfs_write", "kprobe:vfs_read,kprobe:vfs_write"));
	assert_true(fits("uprobe:libc:b", "uprobe:/lib/libc.so.6:a,uprobe:/lib/libc.so.6:b,uprobe:/lib/libc.so.6:c"));
	assert_true(fits("uprobe:libc:a", "uprobe:/lib/libc.so.6:a,uprobe:/lib/libc.so.6:b"));
	assert_false(fits("kprobe:vfs_open", "kprobe:vfs_read,kprobe:vfs_write"));
	assert_false(fits("uprobe:libc:malloc", "uprobe:/lib/libcrypt.so.1:malloc"));
	assert_false(fits("uprobe:libc:malloc", "uprobe:/lib/libc.so.6:mallocx"));
	assert_false(fits("uprobe:/bin/bash:readline", "u:/usr/bin/bash:readline"));
	assert_false(fits("kprobe:tcp_connect", "kretprobe:tcp_connect"));
	assert_false(fits("kprobe:tcp_connect", "kprobe:tcp_connected"));
	assert_false(fits("kprobe:nfs:nfs_read", "kprobe:xfs:nfs_read"));
	assert_false(fits("tracepoint:a:b", "tracepoint:c:b"));
	assert_false(fits("interval:s:1", "interval:s:2"));
	assert_false(fits("profile:hz:99", "profile:hz:49"));
}

static guint way_index(const struct kg_contract *c, const char *attach)
{
	g_autoptr(GPtrArray) points = g_ptr_array_new_with_free_func((GDestroyNotify)(void *)kg_contract_point_free);
	g_auto(GStrv) words = g_strsplit(attach, " ", -1);
	const struct kg_contract_way *way;
	guint i = 0;

	for (char **w = words; *w; w++) {
		struct kg_contract_point *p = NULL;

		assert_int_equal(kg_contract_point_parse(*w, &p, NULL), 0);
		g_ptr_array_add(points, p);
	}
	way = kg_contract_way_for(c, points);
	assert_true(g_ptr_array_find(c->ways, way, &i));
	return i;
}

static void test_ways(void **state)
{
	static const char text[] = "either:\n- on: [kprobe:a, kprobe:b]\n- on: [{any: [fentry:a, kprobe:c]}]\n- on: [xdp]\n";
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_contract *c = NULL;

	assert_int_equal(kg_contract_read(text, strlen(text), diags, &c), 0);
	assert_int_equal(way_index(c, "kprobe:a kprobe:b"), 0);
	assert_int_equal(way_index(c, "kprobe:c"), 1);
	assert_int_equal(way_index(c, "kfunc:a kprobe:a"), 1);
	assert_int_equal(way_index(c, "xdp"), 2);
	assert_int_equal(way_index(c, "BEGIN"), 1); /* misses one entry, the first misses two */
	kg_contract_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions), cmocka_unit_test(test_findings), cmocka_unit_test(test_documents),
		cmocka_unit_test(test_json),        cmocka_unit_test(test_points),   cmocka_unit_test(test_ways),
	};

	return cmocka_run_group_tests(tests, open_profile, close_profile);
}
