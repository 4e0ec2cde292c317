/* The list of checks: each must refuse what it is there for, and nothing may be called passed that was not seen to pass. */
#include "../../src/agent/boxed.h"

#include <kgent/text.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct kg_verdict *check(const char *text, gsize len, const struct kg_check_opts *opts)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_verdict *verdict = NULL;

	assert_int_equal(kg_check_program(text, len, opts, &verdict, &err), 0);
	assert_non_null(verdict);
	assert_int_equal(verdict->checks->len, 10);
	for (guint i = 0; i < verdict->checks->len; i++) {
		const struct kg_check *one = verdict->checks->pdata[i];
		assert_non_null(one->detail); /* a reason always, a finding always */
	}
	return verdict;
}

/* No tool and no profile: what is left is what the text alone tells. */
static struct kg_verdict *check_text_only(const char *text, gsize len)
{
	g_setenv("KGENT_BPFTRACE", "/nonexistent/bpftrace", TRUE);
	struct kg_verdict *verdict = check(text, len, NULL);
	g_unsetenv("KGENT_BPFTRACE");
	return verdict;
}

static enum kg_check_result result(const struct kg_verdict *verdict, const char *name)
{
	const struct kg_check *one = kg_verdict_find(verdict, name);

	assert_non_null(one);
	return one->result;
}

static void expect_rejected(const char *text, gsize len, const char *by)
{
	struct kg_verdict *verdict = check_text_only(text, len);

	assert_int_equal(verdict->word, KG_VERDICT_REJECTED);
	assert_string_equal(kg_verdict_failed(verdict)->name, by);
	assert_int_equal(result(verdict, "build"), KG_CHECK_NOT_CHECKED);
	assert_int_equal(result(verdict, "kernel verifier"), KG_CHECK_NOT_CHECKED);
	kg_verdict_free(verdict);
}

static void test_text_refused(void **state)
{
	expect_rejected("", 0, "text");
	expect_rejected(" \n\t\n", 4, "text");
	expect_rejected("BEGIN\0{ }", 9, "text");
	expect_rejected("BEGIN { printf(\"\xff\"); }", 21, "text");

	g_autofree char *giant = g_malloc(KG_BT_MAX_BYTES + 1);
	memset(giant, ' ', KG_BT_MAX_BYTES + 1);
	expect_rejected(giant, KG_BT_MAX_BYTES + 1, "text");
}

static void test_syntax_refused(void **state)
{
	expect_rejected("BEGIN { x", 9, "syntax");
	expect_rejected("BEGIN { @x = ; }", 16, "syntax");

	struct kg_verdict *verdict = check_text_only("BEGIN { x", 9);
	assert_int_equal(result(verdict, "types"), KG_CHECK_NOT_CHECKED);
	assert_string_equal(kg_verdict_find(verdict, "types")->detail, "not reached: syntax failed");
	kg_verdict_free(verdict);
}

static void test_length_counts(void **state)
{
	/* What stands behind the length is not part of the program. */
	struct kg_verdict *verdict = check_text_only("BEGIN { exit(); } this is no program", 17);

	assert_int_equal(verdict->word, KG_VERDICT_UNLOADED);
	kg_verdict_free(verdict);
}

static void test_policy(void **state)
{
	const char *text = "tracepoint:syscalls:sys_enter_kill { system(\"true\"); }";
	const char *const right[] = {"system", NULL}, *const wrong[] = {"signal", NULL};
	struct kg_bpftrace none = {.path = (char *)"/nonexistent/bpftrace", .text = (char *)"bpftrace v0.17.0", .minor = 17};
	struct kg_check_opts opts = {.tool = &none, .no_load = TRUE};

	struct kg_verdict *verdict = check(text, strlen(text), &opts);
	assert_int_equal(verdict->word, KG_VERDICT_REJECTED);
	assert_true(verdict->is_policy);
	assert_int_equal(result(verdict, "build"), KG_CHECK_NOT_CHECKED);
	kg_verdict_free(verdict);

	opts.allowed = wrong;
	verdict = check(text, strlen(text), &opts);
	assert_true(verdict->is_policy);
	kg_verdict_free(verdict);

	opts.allowed = right;
	verdict = check(text, strlen(text), &opts);
	assert_int_equal(result(verdict, "policy"), KG_CHECK_PASSED);
	assert_false(verdict->is_policy);
	kg_verdict_free(verdict);
}

static void test_policy_is_not_alone(void **state)
{
	/* A text that does not parse is no matter of policy. */
	struct kg_verdict *verdict = check_text_only("BEGIN { system(\"true\" }", 23);

	assert_int_equal(verdict->word, KG_VERDICT_REJECTED);
	assert_false(verdict->is_policy);
	kg_verdict_free(verdict);
}

/* Without a tool and a kernel nothing that needs them is passed, and the verdict is no better than "not loaded". */
static void test_nothing_claimed(void **state)
{
	static const char *const need[] = {"attach points", "types", "version", "build", "proof", "kernel verifier", "trial"};
	const char *text = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }";
	struct kg_verdict *verdict = check_text_only(text, strlen(text));

	assert_int_equal(verdict->word, KG_VERDICT_UNLOADED);
	for (gsize i = 0; i < G_N_ELEMENTS(need); i++)
		assert_int_equal(result(verdict, need[i]), KG_CHECK_NOT_CHECKED);
	assert_int_equal(result(verdict, "text"), KG_CHECK_PASSED);
	assert_int_equal(result(verdict, "syntax"), KG_CHECK_PASSED);
	kg_verdict_free(verdict);
}

static void test_words(void **state)
{
	assert_string_equal(kg_verdict_name(KG_VERDICT_PROVED), "proved");
	assert_string_equal(kg_verdict_name(KG_VERDICT_UNLOADED), "not loaded");
	assert_string_equal(kg_verdict_name(KG_VERDICT_REJECTED), "rejected");
	assert_string_equal(kg_check_result_name(KG_CHECK_NOT_CHECKED), "not checked");
	assert_null(kg_verdict_free(NULL));
	assert_null(kg_explanation_free(NULL));
}

static void test_table(void **state)
{
	struct kg_verdict *verdict = check_text_only("BEGIN { \033[2J", 12);
	g_autoptr(GString) plain = g_string_new(NULL);

	kg_verdict_table(verdict, FALSE, plain);
	assert_non_null(strstr(plain->str, "verdict: rejected\n"));
	assert_non_null(strstr(plain->str, "  failed       syntax "));
	assert_null(strchr(plain->str, '\033'));
	kg_verdict_free(verdict);
}

static json_t *report_json(const struct kg_report *report)
{
	g_autoptr(GString) out = g_string_new(NULL);
	json_error_t where;

	kg_report_json(report, out);
	assert_int_equal(out->str[out->len - 1], '\n');
	assert_ptr_equal(strchr(out->str, '\n'), out->str + out->len - 1);
	json_t *object = json_loads(out->str, 0, &where);
	assert_non_null(object);
	return object;
}

static void test_report(void **state)
{
	g_autoptr(GPtrArray) notes = g_ptr_array_new();
	struct kg_verdict *verdict = check_text_only("BEGIN { x", 9);
	struct kg_report report = {.prompt = "a \"sentence\"\n\xff", .engine = "builtin", .language = "bpftrace", .program = "BEGIN { x",
				   .verdict = verdict, .notes = notes, .intent_json = "{\"measure\":\"count\"}", .exit = 4};

	g_ptr_array_add(notes, (gpointer)"a note");
	json_t *object = report_json(&report);
	assert_string_equal(json_string_value(json_object_get(object, "prompt")), "a \"sentence\"\n\xef\xbf\xbd");
	assert_string_equal(json_string_value(json_object_get(object, "verdict")), "rejected");
	assert_int_equal(json_integer_value(json_object_get(object, "exit")), 4);
	assert_int_equal(json_array_size(json_object_get(object, "checks")), 10);
	assert_true(json_array_size(json_object_get(object, "findings")) > 0);
	assert_int_equal(json_array_size(json_object_get(object, "notes")), 1);
	assert_string_equal(json_string_value(json_object_get(json_object_get(object, "intent"), "measure")), "count");
	assert_true(json_is_null(json_object_get(object, "run")));
	json_decref(object);
	kg_verdict_free(verdict);
}

static void test_report_problem(void **state)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_report report = {.error = &err, .exit = 6};

	json_t *object = report_json(&report);
	assert_true(json_is_null(json_object_get(object, "problem"))); /* an error that is not set is none */
	json_decref(object);

	kg_error_set(&err, KG_E_PERM, "load", "no privilege");
	kg_error_hint(&err, "sudo");
	object = report_json(&report);
	json_t *problem = json_object_get(object, "problem");
	assert_string_equal(json_string_value(json_object_get(problem, "message")), "no privilege");
	assert_string_equal(json_string_value(json_object_get(problem, "hint")), "sudo");
	json_decref(object);
}

static void test_explain(void **state)
{
	const char *text = "interval:s:1 { @x = count(); } tracepoint:syscalls:sys_enter_openat { @y[comm] = count(); }";
	struct kg_explanation *explanation = NULL;
	g_autoptr(GString) out = g_string_new(NULL);

	assert_int_equal(kg_explain_program(text, strlen(text), NULL, NULL, &explanation, NULL), 0);
	assert_true(explanation->parses);
	assert_int_equal(explanation->points->len, 2);
	const struct kg_explained_point *timer = explanation->points->pdata[0], *point = explanation->points->pdata[1];
	assert_int_equal(timer->usable, KG_YES);
	assert_int_equal(point->usable, KG_UNKNOWN); /* nobody asked a kernel */
	assert_non_null(point->why);
	kg_explanation_json(explanation, "x.bt", NULL, 0, out);
	json_t *object = json_loads(out->str, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "type")), "explanation");
	json_decref(object);
	kg_explanation_free(explanation);
}

/* Which probe of the text bpftrace means by the name that it uses for one. */
static void expect_place(const struct kg_bt_program *program, const char *probe, int line)
{
	const struct kg_bt_attach *attach = boxed_find_attach(program, probe);

	assert_int_equal(attach ? attach->loc.line : 0, line);
}

static void test_places(void **state)
{
	static const char text[] = "BEGIN { }\nk:tcp_connect { }\nfentry:vfs_read,\nkfunc:vfs_write { }\nt:sched:sched_switch { }\nkprobe:vfs_* { }\n";
	GPtrArray *diags = kg_diags_new();
	struct kg_bt_program *program = NULL;

	assert_int_equal(kg_bt_parse(text, strlen(text), diags, &program), 0);
	expect_place(program, "BEGIN", 1);
	expect_place(program, "kprobe:tcp_connect", 2);
	expect_place(program, "kfunc:vmlinux:vfs_read", 3);
	expect_place(program, "kfunc:vfs_write", 4);
	expect_place(program, "tracepoint:sched:sched_switch", 5);
	expect_place(program, "kprobe:vfs_read", 0); /* one of a pattern: no claim */
	expect_place(program, "kretprobe:tcp_connect", 0);
	expect_place(program, "tracepoint:sched:sched_switc", 0);
	expect_place(program, "k", 0);
	expect_place(program, "", 0);
	kg_bt_free(program);
	g_ptr_array_unref(diags);
}

static void test_compiler_or_kernel(void **state)
{
	struct kg_load_result res = {.outcome = KG_LOAD_REFUSED, .n_probes = -1};

	assert_true(boxed_is_compiler(&res)); /* it never said what it would attach */
	res.n_probes = 1;
	assert_false(boxed_is_compiler(&res));
	res.n_probes = -1;
	res.probe = (char *)"kprobe:x";
	assert_false(boxed_is_compiler(&res)); /* a program was refused by name */
	res.outcome = KG_LOAD_NOT_CHECKED;
	res.probe = NULL;
	assert_false(boxed_is_compiler(&res));
}

/* A kernel that is not there answers nothing, and nothing of this machine answers in its place. */
static void test_no_such_kernel(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("kgent-agent-XXXXXX", NULL);
	const struct kg_bpftrace tool = {.path = (char *)"/bin/false", .text = (char *)"bpftrace v0.17.0", .minor = 17};
	const struct kg_check_opts opts = {.kernel = "no-such", .tool = &tool};
	static const char text[] = "BEGIN { exit(); }";

	g_setenv("XDG_CACHE_HOME", dir, TRUE);
	struct kg_verdict *verdict = check(text, strlen(text), &opts);

	assert_int_equal(result(verdict, "build"), KG_CHECK_NOT_CHECKED);
	assert_int_equal(result(verdict, "kernel verifier"), KG_CHECK_NOT_CHECKED);
	assert_int_equal(verdict->word, KG_VERDICT_UNLOADED);
	kg_verdict_free(verdict);
	g_unsetenv("XDG_CACHE_HOME");
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_refused),
		cmocka_unit_test(test_syntax_refused),
		cmocka_unit_test(test_length_counts),
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_policy_is_not_alone),
		cmocka_unit_test(test_nothing_claimed),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_problem),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_compiler_or_kernel),
		cmocka_unit_test(test_no_such_kernel),
		cmocka_unit_test(test_explain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
