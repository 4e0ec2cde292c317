/*
 * The bpftrace parser and printer, by cases that are data: tests/golden/bpftrace/ (its README says how they are written),
 * and every tool of the installed bpftrace package.
 */
#include <kgent/bpftrace.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static char *slurp(const char *name, gsize *len)
{
	const char *dir = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(dir ? dir : "tests", "golden", "bpftrace", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, len, NULL))
		fail_msg("can't read %s", path);
	return text;
}

/* ---- the tree as one line: (binary + (variable x) (integer 1)) */

static void dump(const struct kg_bt_node *n, GString *out)
{
	g_string_append_printf(out, "(%s", kg_bt_kind_name(n->kind));
	if (n->op)
		g_string_append_printf(out, " %s", kg_bt_op_text(n->op));
	if (n->text)
		g_string_append_printf(out, " %s", n->text);
	if (n->num && n->kind != KG_BT_STRING)
		g_string_append_printf(out, " %" G_GUINT64_FORMAT, (guint64)n->num);
	for (guint i = 0; i < kg_bt_n_kids(n); i++) {
		g_string_append_c(out, ' ');
		dump(kg_bt_kid(n, i), out);
	}
	g_string_append_c(out, ')');
}

static void dump_nodes(const GPtrArray *nodes, GString *out)
{
	for (guint i = 0; i < nodes->len; i++)
		dump(nodes->pdata[i], out);
}

static char *dump_program(const struct kg_bt_program *p)
{
	GString *out = g_string_new(NULL);

	dump_nodes(p->preamble, out);
	dump_nodes(p->config, out);
	dump_nodes(p->imports, out);
	dump_nodes(p->map_decls, out);
	dump_nodes(p->subs, out);
	for (guint i = 0; i < p->probes->len; i++) {
		const struct kg_bt_probe *probe = p->probes->pdata[i];

		for (guint j = 0; j < probe->attach->len; j++) {
			const struct kg_bt_attach *a = probe->attach->pdata[j];

			g_string_append_printf(out, "[%s%s", kg_probe_info(a->kind)->name, a->is_wildcard ? " *" : "");
			for (guint k = 0; k < a->parts->len; k++)
				g_string_append_printf(out, " <%s>", (const char *)a->parts->pdata[k]);
			g_string_append_c(out, ']');
		}
		if (probe->predicate) {
			g_string_append(out, "/");
			dump(probe->predicate, out);
			g_string_append(out, "/");
		}
		dump(probe->block, out);
	}
	return g_string_free(out, FALSE);
}

static void round_trip(const char *name, const struct kg_bt_program *program)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) print = g_string_new(NULL), again = g_string_new(NULL);
	struct kg_bt_program *second = NULL;

	kg_bt_print(program, print);
	if (kg_bt_parse(print->str, print->len, diags, &second) < 0) {
		kg_diags_render(diags, name, print->str, FALSE, again);
		fail_msg("the print of %s does not parse:\n%s\n%s", name, print->str, again->str);
	}
	if (!kg_bt_equal(program, second))
		fail_msg("the print of %s parses to another tree:\n%s", name, print->str);
	kg_bt_print(second, again);
	assert_string_equal(print->str, again->str);
	kg_bt_free(second);
}

/* ---- cases: "=== name", the program, "---", facts one a line */

struct bt_case {
	char *name, *text, *facts;
};

static void case_free(gpointer p)
{
	struct bt_case *c = p;

	g_free(c->name);
	g_free(c->text);
	g_free(c->facts);
	g_free(c);
}

static GPtrArray *read_cases(const char *file)
{
	GPtrArray *cases = g_ptr_array_new_with_free_func(case_free);
	gsize len;
	g_autofree char *all = slurp(file, &len);
	char *at = strstr(all, "=== ");

	while (at) {
		struct bt_case *c = g_new0(struct bt_case, 1);
		char *nl = strchr(at, '\n'), *next = strstr(nl, "\n=== "), *sep;

		c->name = g_strndup(at + 4, (gsize)(nl - at - 4));
		c->text = next ? g_strndup(nl + 1, (gsize)(next - nl)) : g_strdup(nl + 1);
		sep = strstr(c->text, "\n---\n");
		if (sep) {
			c->facts = g_strdup(sep + 5);
			sep[0] = '\0';
		}
		g_ptr_array_add(cases, c);
		at = next ? next + 1 : NULL;
	}
	return cases;
}

static void test_syntax(void **state)
{
	g_autoptr(GPtrArray) cases = read_cases("syntax.txt");

	assert_true(cases->len >= 60);
	for (guint i = 0; i < cases->len; i++) {
		const struct bt_case *c = cases->pdata[i];
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = NULL;
		g_autofree char *tree = NULL;
		g_auto(GStrv) facts = g_strsplit(c->facts ? c->facts : "", "\n", -1);

		if (kg_bt_parse(c->text, strlen(c->text), diags, &program) < 0) {
			g_autoptr(GString) out = g_string_new(NULL);

			kg_diags_render(diags, c->name, c->text, FALSE, out);
			fail_msg("%s", out->str);
		}
		round_trip(c->name, program);
		tree = dump_program(program);
		for (char **f = facts; *f; f++)
			if (**f && !strstr(tree, *f))
				fail_msg("%s: the tree has no\n  %s\nit is\n  %s", c->name, *f, tree);
		kg_bt_free(program);
	}
}

/* Each word of [words] (split at '|') is in [text]. */
static gboolean has_words(const char *text, const char *words)
{
	g_auto(GStrv) parts = g_strsplit(words, "|", -1);

	for (char **p = parts; *p; p++)
		if (!strstr(text, g_strstrip(*p)))
			return FALSE;
	return TRUE;
}

/* One "line:col words" against one finding. */
static void hold_error(const struct bt_case *c, const char *fact, const struct kg_diag *d)
{
	int line = 0, col = 0, used = 0;
	g_autofree char *whole = g_strdup_printf("%s = %s", d->msg, d->hint ? d->hint : "");

	assert_int_equal(sscanf(fact, "%d:%d %n", &line, &col, &used), 2);
	if (line != d->loc.line || col != d->loc.col || !has_words(whole, fact + used))
		fail_msg("%s: expected %s\n  got %d:%d %s", c->name, fact, d->loc.line, d->loc.col, whole);
}

static void test_errors(void **state)
{
	g_autoptr(GPtrArray) cases = read_cases("errors.txt");

	assert_true(cases->len >= 40);
	for (guint i = 0; i < cases->len; i++) {
		const struct bt_case *c = cases->pdata[i];
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = NULL;
		g_auto(GStrv) facts = g_strsplit(g_strstrip(c->facts), "\n", -1);

		if (kg_bt_parse(c->text, strlen(c->text), diags, &program) != -KG_E_PARSE)
			fail_msg("%s: was taken", c->name);
		kg_bt_free(program);
		for (guint f = 0; f < MIN(g_strv_length(facts), diags->len); f++)
			hold_error(c, facts[f], diags->pdata[f]);
		if (diags->len != g_strv_length(facts)) {
			g_autoptr(GString) out = g_string_new(NULL);

			kg_diags_render(diags, c->name, c->text, FALSE, out);
			fail_msg("%s: %u findings, not %u\n%s", c->name, diags->len, g_strv_length(facts), out->str);
		}
	}
}

static void test_shipped_tools(void **state)
{
	g_autofree char *list = NULL;
	g_auto(GStrv) files = NULL;
	int n = 0;

	if (!g_spawn_command_line_sync("dpkg -L bpftrace", &list, NULL, NULL, NULL) || !list)
		skip();
	files = g_strsplit(list, "\n", -1);
	for (char **f = files; *f; f++) {
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = NULL;
		g_autofree char *text = NULL;
		gsize len;

		if (!g_str_has_suffix(*f, ".bt") || !g_file_get_contents(*f, &text, &len, NULL))
			continue;
		if (kg_bt_parse(text, len, diags, &program) < 0) {
			g_autoptr(GString) out = g_string_new(NULL);

			kg_diags_render(diags, *f, text, FALSE, out);
			fail_msg("%s", out->str);
		}
		assert_int_equal(diags->len, 0);
		assert_true(program->probes->len > 0);
		round_trip(*f, program);
		kg_bt_free(program);
		n++;
	}
	if (!n)
		skip(); /* bpftrace's tools are not installed here */
}

/* ---- limits */

static int parse_repeated(const char *head, const char *part, int n, const char *tail, char **ret_msg)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) text = g_string_new(head);
	struct kg_bt_program *program = NULL;
	int r;

	for (int i = 0; i < n; i++)
		g_string_append(text, part);
	g_string_append(text, tail);
	r = kg_bt_parse(text->str, text->len, diags, &program);
	assert_true(r == 0 || diags->len > 0);
	*ret_msg = g_strdup(diags->len ? ((struct kg_diag *)diags->pdata[0])->msg : "");
	kg_bt_free(program);
	return r;
}

static void test_deep(void **state)
{
	static const char *const cases[][3] = {
		{"BEGIN { $x = ", "(", "1; }"}, {"BEGIN { $x = 1", "+1", "; }"}, {"BEGIN { ", "if (1) {", "}"},
		{"BEGIN { if (1) {} ", "else if (1) {} ", "}"}, {"BEGIN { $x = ", "-", "1; }"}, {"BEGIN { $x = a", ".b", "; }"},
		{"BEGIN { $x = ", "1?2:", "1; }"}, {"BEGIN { $x = ", "{", "; }"}, {"BEGIN { $x = ", "(uint8)", "1; }"},
		{"BEGIN { $x = ", "f(", "1; }"}, {"BEGIN { $x = ", "@a[", "1; }"}, {"BEGIN { $x = ", "sizeof(", "1; }"},
		{"BEGIN { $x = (", "typeof(", "1; }"}, {"BEGIN { $x = 1", "[1]", "; }"}, {"BEGIN { $x = ", "comptime ", "1; }"},
		{"BEGIN ", "{", ""}, {"BEGIN { ", "while (1) {", "}"}, {"BEGIN { $x = ", "if (1) {", "}"},
		{"BEGIN { $x = ", "1+(", "1; }"}, {"BEGIN /", "!", "1/ {}"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *msg = NULL;

		if (parse_repeated(cases[i][0], cases[i][1], 100000, cases[i][2], &msg) != -KG_E_LIMIT ||
		    !strstr(msg, "too deep"))
			fail_msg("100,000 times %s: %s", cases[i][1], msg);
	}
}

static void test_wide(void **state)
{
	g_autofree char *msg = NULL, *msg2 = NULL, *msg3 = NULL;

	assert_int_equal(parse_repeated("BEGIN { ", "$x = 1;", 10000, "}", &msg), 0);
	assert_int_equal(parse_repeated("BEGIN { ", "$x = 1;", 2500000, "}", &msg2), -KG_E_LIMIT);
	assert_non_null(strstr(msg2, "too long"));
	assert_int_equal(parse_repeated("BEGIN { ", "1;", 4000000, "}", &msg3), -KG_E_LIMIT);
	assert_non_null(strstr(msg3, "too many parts"));
}

static void test_binary(void **state)
{
	static const char nul[] = "BEGIN {\n  exit(\0); }";
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	const struct kg_diag *d;
	char noise[256];

	assert_int_equal(kg_bt_parse(nul, sizeof(nul) - 1, diags, &program), -KG_E_INVAL);
	assert_null(program);
	d = diags->pdata[0];
	assert_int_equal(d->loc.line, 2);
	assert_int_equal(d->loc.col, 8);
	for (int i = 0; i < 256; i++)
		noise[i] = (char)(255 - i % 255);
	assert_int_equal(kg_bt_parse(noise, sizeof(noise), diags, &program), -KG_E_PARSE);
	kg_bt_free(program);
	assert_int_equal(kg_bt_parse("", 0, diags, &program), -KG_E_PARSE);
	kg_bt_free(program);
}

static void test_linear(void **state)
{
	static const char part[] =
		"kprobe:vfs_read /pid == 1/ { @x[comm, pid] = count(); $a = ($b + 1) * 2; if ($a > 3) { printf(\"%d\\n\", $a); } }\n";
	g_autofree char *msg = NULL;
	gint64 t0 = g_get_monotonic_time(), t1, t2;
	int n = 1000000 / (int)strlen(part);

	assert_int_equal(parse_repeated("", part, n / 4, "", &msg), 0);
	t1 = g_get_monotonic_time();
	g_clear_pointer(&msg, g_free);
	assert_int_equal(parse_repeated("", part, n, "", &msg), 0);
	t2 = g_get_monotonic_time();
	/* four times the text: well below what a quadratic parser would take (16 times), with room for a busy machine */
	assert_true(t2 - t1 < 12 * (t1 - t0) + 50000);
}

/* ---- the rest of the interface */

static struct kg_bt_node *expr(const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_node *node = NULL;

	if (kg_bt_parse_expr(text, strlen(text), diags, &node) < 0)
		return NULL;
	return node;
}

static void test_expr(void **state)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_bt_node *a = expr("$sk->__sk_common.skc_dport>>8|(1+2)*3"), *b = kg_bt_node_copy(a), *c = expr("1+2*3");

	kg_bt_print_expr(a, out);
	assert_string_equal(out->str, "$sk->__sk_common.skc_dport >> 8 | (1 + 2) * 3");
	assert_true(kg_bt_node_equal(a, b));
	assert_false(kg_bt_node_equal(a, c));
	assert_null(expr("1 + "));
	assert_null(expr("1 2"));
	assert_null(expr(""));
	kg_bt_node_free(a);
	kg_bt_node_free(b);
	kg_bt_node_free(c);
	a = kg_bt_node_add(kg_bt_node_new(KG_BT_MAP, "x"), kg_bt_node_new(KG_BT_STRING, "a\"\n"));
	g_string_truncate(out, 0);
	kg_bt_print_expr(a, out);
	assert_string_equal(out->str, "@x[\"a\\\"\\n\"]");
	kg_bt_node_free(a);
}

static gboolean count_calls(const struct kg_bt_node *node, const struct kg_bt_node *parent,
			    const struct kg_bt_probe *probe, void *n)
{
	if (node->kind == KG_BT_CALL)
		++*(int *)n;
	return node->kind != KG_BT_WHILE;
}

static void test_walk(void **state)
{
	static const char text[] = "macro m(x) { f(x) } kprobe:a /g(1)/ { h(i(2)); while (1) { j(); } }";
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	const struct kg_bt_probe *probe;
	int n = 0;

	assert_int_equal(kg_bt_parse(text, strlen(text), diags, &program), 0);
	kg_bt_walk(program, count_calls, NULL, &n);
	assert_int_equal(n, 4); /* f g h i; the while is left out */
	probe = program->probes->pdata[0];
	assert_int_equal(probe->loc.col, 21);
	assert_memory_equal(text + probe->predicate->off, "g(1)", probe->predicate->end - probe->predicate->off);
	assert_memory_equal(text + probe->off, "kprobe:a", 8);
	assert_int_equal(probe->end, strlen(text));
	kg_bt_free(program);
}

static char *without_colours(const char *s)
{
	GString *out = g_string_new(NULL);

	for (; *s; s++) {
		if (*s == '\033' && s[1] == '[')
			s = strchr(s, 'm');
		else
			g_string_append_c(out, *s);
	}
	return g_string_free(out, FALSE);
}

static void test_highlight(void **state)
{
	static const char text[] = "// hi\nkprobe:f /pid/ { printf(\"%d\\n\", 42); /* x */ @a = 1 }\n\"open\n$ \x01 \xff /* no end";
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *plain = NULL;

	kg_bt_highlight(text, strlen(text), out);
	assert_non_null(strstr(out->str, "\033[90m// hi"));
	assert_non_null(strstr(out->str, "\033[32m\"%d\\n\""));
	assert_non_null(strstr(out->str, "\033[36m42"));
	plain = without_colours(out->str);
	assert_string_equal(
		plain,
		"// hi\nkprobe:f /pid/ { printf(\"%d\\n\", 42); /* x */ @a = 1 }\n\"open\n$ \\x01 \\xff /* no end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax), cmocka_unit_test(test_errors), cmocka_unit_test(test_shipped_tools),
		cmocka_unit_test(test_deep), cmocka_unit_test(test_wide), cmocka_unit_test(test_binary), cmocka_unit_test(test_linear),
		cmocka_unit_test(test_expr), cmocka_unit_test(test_walk), cmocka_unit_test(test_highlight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
