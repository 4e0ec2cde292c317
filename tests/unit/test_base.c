/* Texts, errors and the list of probe kinds. */
#include <kgent/error.h>
#include <kgent/probe.h>
#include <kgent/text.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void expect_escaped(const char *in, gssize len, const char *want)
{
	GString *out = g_string_new(NULL);

	kg_text_escape(in, len, out);
	assert_string_equal(out->str, want);
	g_string_free(out, TRUE);
}

static void test_escape(void **state)
{
	expect_escaped("plain", -1, "plain");
	expect_escaped("a\033[2Jb", -1, "a\\x1b[2Jb");
	expect_escaped("tab\there\n", -1, "tab\there\\x0a");
	expect_escaped("\xff\xfe", -1, "\\xff\\xfe");
	expect_escaped("a\0b", 3, "a\\x00b");
	expect_escaped("caf\xc3\xa9", -1, "caf\xc3\xa9");
	expect_escaped("\xe2\x80\xae" "evil", -1, "\\u{202e}evil");
	expect_escaped("\xc2\x9b" "31m", -1, "\\u{9b}31m");
}

static void expect_lines(const char *text, gsize len, const char *expected)
{
	const char *s = text, *end = text + len;
	g_autoptr(GString) seen = g_string_new(NULL);
	struct kg_text_line l = {0};

	while (kg_text_next_line(&s, end, &l)) {
		g_string_append_c(seen, '<');
		g_string_append_len(seen, l.s, (gssize)l.len);
		g_string_append_c(seen, '>');
	}
	assert_string_equal(seen->str, expected);
	assert_ptr_equal(s, end);
}

static void test_lines(void **state)
{
	const struct kg_text_line l = {"R0 !read_ok, more", 11}, empty = {NULL, 0};

	expect_lines("", 0, "");
	expect_lines("a", 1, "<a>");
	expect_lines("a\n", 2, "<a>");
	expect_lines("\n\nab\nc", 6, "<><><ab><c>");
	expect_lines("ab\ncd", 4, "<ab><c>");
	assert_true(kg_text_line_has(&l, "read_ok"));
	assert_false(kg_text_line_has(&l, "more"));
	assert_false(kg_text_line_has(&empty, "more"));
}

static void test_distance(void **state)
{
	assert_int_equal(kg_text_distance("system", "system", 2), 0);
	assert_int_equal(kg_text_distance("sytem", "system", 2), 1);
	assert_int_equal(kg_text_distance("sysetm", "system", 2), 1);
	assert_int_equal(kg_text_distance("tcp_conect", "tcp_connect", 2), 1);
	assert_int_equal(kg_text_distance("kitten", "sitting", 2), 3);
	assert_int_equal(kg_text_distance("", "abc", 5), 3);
}

static void test_error_keeps_the_first(void **state)
{
	struct kg_error err = {0};

	assert_int_equal(kg_error_set(&err, KG_E_IO, "a", "first %d", 1), -KG_E_IO);
	assert_int_equal(kg_error_set(&err, KG_E_PARSE, "b", "second"), -KG_E_PARSE);
	kg_error_hint(&err, "do this");
	assert_int_equal(err.code, KG_E_IO);
	assert_string_equal(err.msg, "first 1");
	assert_string_equal(err.hint, "do this");
	kg_error_clear(&err);
	assert_int_equal(err.code, 0);
	assert_int_equal(kg_error_set(NULL, KG_E_IO, "a", "no place"), -KG_E_IO);
}

static void test_render_points_at_the_place(void **state)
{
	GPtrArray *diags = kg_diags_new();
	GString *out = g_string_new(NULL);
	struct kg_diag *diag = kg_diag_add(diags, KG_ERROR, "attach", (struct kg_loc){2, 3, 4}, "no such thing");

	kg_diag_hint(diag, "did you mean this?");
	kg_diags_render(diags, "x.bt", "one\n\tabcdef\n", FALSE, out);
	assert_string_equal(out->str, "x.bt:2:3: error: no such thing\n"
				      "    2 | \tabcdef\n"
				      "      | \t ^^^^\n"
				      "      = did you mean this?\n");
	assert_int_equal(kg_diags_errors(diags), 1);
	g_string_free(out, TRUE);
	g_ptr_array_unref(diags);
}

static void test_probe_kinds(void **state)
{
	assert_int_equal(kg_probe_kind_parse("k", -1), KG_PROBE_KPROBE);
	assert_int_equal(kg_probe_kind_parse("fentry", -1), KG_PROBE_FENTRY);
	assert_int_equal(kg_probe_kind_parse("kfunc:x", 5), KG_PROBE_FENTRY);
	assert_int_equal(kg_probe_kind_parse("tracepoint", -1), KG_PROBE_TRACEPOINT);
	assert_int_equal(kg_probe_kind_parse("nonsense", -1), KG_PROBE_NONE);
	assert_int_equal(kg_probe_kind_parse("", -1), KG_PROBE_NONE);
	for (int i = 1; i < KG_PROBE_KINDS; i++)
		assert_int_equal(kg_probe_kind_parse(kg_probe_info(i)->name, -1), i);
}

static void test_durations(void **state)
{
	static const struct {
		gint64 ns;
		const char *want;
	} cases[] = {{5000000000, "5 s"}, {1500000000, "1.5 s"}, {10000000, "10 ms"}, {120000000000, "2 min"}, {90000000000, "90 s"}, {1, "1 ns"}};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = kg_text_duration(cases[i].ns);
		assert_string_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_error_keeps_the_first),
		cmocka_unit_test(test_render_points_at_the_place),
		cmocka_unit_test(test_probe_kinds),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
