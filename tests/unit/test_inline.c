/* assume() and assert() in programs: found, taken out, lowered, refused elsewhere. */
#include <kgent/bpftrace.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct kg_bt_program *parse(const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;

	assert_int_equal(kg_bt_parse(text, strlen(text), diags, &program), 0);
	return program;
}

static void test_without(void **state)
{
	static const char *const cases[][2] = {
		{"BEGIN { assert(1 == 1); exit(); }", "BEGIN {                 exit(); }"},
		{"BEGIN { assume(pid > 0) ; assert(pid > 0) }", "BEGIN {                                   }"},
		{"BEGIN { if (pid) { assert(\n  pid > 0); } }", "BEGIN { if (pid) {        \n            } }"},
		{"BEGIN { assert(1, \"x\"); }", "BEGIN { assert(1, \"x\"); }"}, /* bpftrace's own */
		{"BEGIN { @assert = 1; }", "BEGIN { @assert = 1; }"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kg_bt_program *program = parse(cases[i][0]), *again;
		g_autofree char *text = kg_bt_without_inline(program, cases[i][0]);
		assert_string_equal(text, cases[i][1]);
		again = parse(text);
		assert_int_equal(kg_bt_count_inline(again), 0);
		kg_bt_free(again);
		kg_bt_free(program);
	}
}

static void test_lowered(void **state)
{
	struct kg_bt_program *program = parse("BEGIN {\n  assume(pid > 0 && tid > 0);\n  if (1) { assert(comm == \"x\"); }\n}"), *again;
	g_autoptr(GString) text = g_string_new(NULL);
	const struct kg_bt_probe *probe = program->probes->pdata[0];

	(void)state;
	assert_int_equal(kg_bt_count_inline(program), 2);
	kg_bt_lower_inline(program);
	assert_int_equal(kg_bt_count_inline(program), 0);
	kg_bt_print(program, text);
	assert_non_null(strstr(text->str, "@__kg_assume_1 = pid > 0 && tid > 0 ? 1 : 0"));
	assert_non_null(strstr(text->str, "@__kg_assert_2 = comm == \"x\" ? 1 : 0"));
	assert_int_equal(kg_bt_kid(probe->block, 0)->loc.line, 2); /* places stay */
	again = parse(text->str);
	assert_true(kg_bt_equal(program, again));
	kg_bt_free(again);
	kg_bt_free(program);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{"BEGIN { @__kg_assert_1 = 1; }", "kgent's own"},
		{"BEGIN { print(@__kg_x); }", "kgent's own"},
		{"BEGIN /assert(1)/ { exit(); }", "statement of a probe"},
		{"BEGIN { $x = assume(1); }", "statement of a probe"},
		{"BEGIN { assume(1, 2); }", "statement of a probe"},
		{"BEGIN { assert(1); @_kg = 1; }", NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = parse(cases[i].text);
		kg_bt_check_inline(program, diags);
		assert_int_equal(diags->len, cases[i].msg != NULL);
		if (cases[i].msg)
			assert_non_null(strstr(((struct kg_diag *)diags->pdata[0])->msg, cases[i].msg));
		kg_bt_free(program);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_without), cmocka_unit_test(test_lowered), cmocka_unit_test(test_refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
