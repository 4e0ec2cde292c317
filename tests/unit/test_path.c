/* The way that a counterexample tells: what marks say, and that a copy which does not do the same tells nothing. */
#include <kgent/agent.h>

#include <errno.h>
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

/* ---------------------------------------------------------------- marks */

static void test_marked(void **state)
{
	static const char *const cases[][2] = {
		{"BEGIN /pid == 1/ { exit(); }", "/pid == 1 && (@__kg_path[1]++ || 1) || @__kg_path[0]++ && 0/"},
		{"BEGIN /arg0/ { exit(); }", "/arg0 != 0 && (@__kg_path[1]++ || 1) || @__kg_path[0]++ && 0/"},
		{"BEGIN { if (pid && !tid) { exit(); } }", "if ((pid != 0 && (@__kg_path[1]++ || 1) || @__kg_path[0]++ && 0) && (!tid && (@__kg_path[3]++ || 1) || @__kg_path[2]++ && 0))"},
		{"BEGIN { $x = pid > 1 ? 1 : 2; }", "$x = pid > 1 && (@__kg_path[1]++ || 1) || @__kg_path[0]++ && 0 ? 1 : 2;"},
		{"BEGIN { @__kg_assert_1 = pid > 1 ? 1 : 0; }", "@__kg_assert_1 = pid > 1 ? 1 : 0;"}, /* kgent's own */
		{"BEGIN { $x = pid > 1 && tid > 1; unroll (3) { exit(); } }", "$x = pid > 1 && tid > 1;"}, /* decides on no way */
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kg_bt_program *program = parse(cases[i][0]), *again;
		g_autoptr(GString) text = g_string_new(NULL);
		kg_bt_mark_decisions(program);
		kg_bt_print(program, text);
		if (!strstr(text->str, cases[i][1]))
			print_error("%s\n", text->str);
		assert_non_null(strstr(text->str, cases[i][1]));
		again = parse(text->str);
		assert_true(kg_bt_equal(program, again));
		kg_bt_free(again);
		kg_bt_free(program);
	}
}

/* What a run leaves behind, and what is made of it: "+" the condition holds, "-" it does not, then the part that decided; "!" no run leaves that. */
static void test_taken(void **state)
{
	static const struct {
		const char *text, *marks, *taken;
	} cases[] = {
		{"BEGIN /pid == 1/ { }", "1", "+pid == 1"},
		{"BEGIN /pid == 1/ { }", "0", "-pid == 1"},
		{"BEGIN /pid == 1/ { }", "0 1", "-pid == 1 +pid == 1"},
		{"BEGIN /pid == 1/ { }", "2", "!"},
		{"BEGIN /pid && tid/ { }", "0", "-pid"},
		{"BEGIN /pid && tid/ { }", "1 2", "-tid"},
		{"BEGIN /pid && tid/ { }", "1 3", "+pid && tid"},
		{"BEGIN /pid && tid/ { }", "3", "!"},     /* the second part comes second */
		{"BEGIN /pid && tid/ { }", "1 1", "!"},   /* once */
		{"BEGIN /pid && tid/ { }", "1", "?"},     /* half evaluated */
		{"BEGIN /pid || tid/ { }", "1", "+pid"},
		{"BEGIN /pid || tid/ { }", "0 3", "+tid"},
		{"BEGIN /pid || tid/ { }", "0 2", "-pid || tid"},
		{"BEGIN /(pid || tid) && uid/ { }", "0 2", "-pid || tid"},
		{"BEGIN /pid && tid || uid/ { }", "1 3", "+pid && tid"},
		{"BEGIN /!(pid && tid)/ { }", "0", "+pid"},
		{"BEGIN /!(pid && tid)/ { }", "1 3", "-!(pid && tid)"},
		{"BEGIN { while (pid) { if (tid) { } } }", "1 2 1 3 0", "+pid -tid +pid +tid -pid"},
		{"BEGIN /(pid > 1 ? tid : uid) > 2/ { }", "3 1", "+pid > 1 +(pid > 1 ? tid : uid) > 2"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kg_bt_program *program = parse(cases[i].text);
		struct kg_bt_decisions *d = kg_bt_decisions_new(program);
		g_auto(GStrv) marks = g_strsplit(cases[i].marks, " ", -1);
		g_autoptr(GString) got = g_string_new(NULL);
		struct kg_bt_decision taken;
		int r = 0;

		for (char **mark = marks; *mark && r >= 0; mark++) {
			r = kg_bt_decisions_take(d, g_ascii_strtoull(*mark, NULL, 10), &taken);
			if (r > 0) {
				g_string_append_printf(got, "%s%s", got->len ? " " : "", taken.holds ? "+" : "-");
				kg_bt_print_expr(taken.since, got);
			}
		}
		if (r < 0)
			g_string_assign(got, "!");
		else if (!kg_bt_decisions_is_between(d))
			g_string_assign(got, "?");
		if (strcmp(got->str, cases[i].taken))
			print_error("%s: %s\n", cases[i].text, cases[i].marks);
		assert_string_equal(got->str, cases[i].taken);
		kg_bt_decisions_free(d);
		kg_bt_free(program);
	}
}

/* ---------------------------------------------------------------- copies that do something else */

static const char program_text[] = "tracepoint:syscalls:sys_exit_read\n/args->ret > 0/\n{\n\t@bytes[comm] = sum(args->ret);\n\t@z = 1;\n\tprintf(\"%d\\n\", pid);\n}\n";
static const char contract_text[] = "on: [tracepoint:syscalls:sys_exit_read]\nonly if: args.ret < 0\n";

struct compiler {
	struct kg_check_opts opts;
	const char *find, *replace; /* in the copy's text; NULL: it is left as it is */
	gboolean fails;
	guint n_calls;
};

static int compile(void *user, const char *text, const struct kg_bt_program *program, struct kg_object **ret, struct kg_error *err)
{
	struct compiler *c = user;
	g_autofree char *other = NULL;

	c->n_calls++;
	if (c->fails)
		return kg_error_set(err, KG_E_TOOL, "test", "no compiler today");
	if (c->find) {
		g_auto(GStrv) parts = g_strsplit(text, c->find, -1);
		assert_non_null(strstr(text, c->find));
		other = g_strjoinv(c->replace, parts);
	}
	return kg_compile_copy(&c->opts, other ? other : text, program, ret, err);
}

static struct kg_profile *profile;

/* How many decisions the first counterexample tells; -1: there is none. */
static int steps_told(const char *text, const char *contract, struct compiler *c)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_prove_opts opts = {.in_process = TRUE, .compile = c ? compile : NULL, .compile_user = c};
	const struct kg_check_opts plain = {.profile = profile, .limits = c ? c->opts.limits : NULL};
	struct kg_compiled compiled = {0};
	struct kg_contract *terms = NULL;
	struct kg_proof *proof = NULL;
	int n = -1;
	_cleanup_error_ struct kg_error e = {0};

	assert_int_equal(kg_compile_program(text, &plain, diags, &compiled, &e), 0);
	assert_int_equal(kg_contract_read(contract, strlen(contract), diags, &terms), 0);
	assert_int_equal(kg_contract_check(terms, profile, diags), 0);
	assert_int_equal(kg_prove(compiled.object, compiled.program, terms, profile, &opts, &proof, &e), 0);
	for (guint i = 0; n < 0 && i < proof->results->len; i++) {
		const struct kg_obligation_result *r = proof->results->pdata[i];
		if (r->word == KG_PROOF_REFUTED && r->counterexamples->len) {
			const struct kg_counterexample *ce = r->counterexamples->pdata[0];
			assert_true(ce->is_replayed);
			n = (int)((struct kg_ce_event *)ce->events->pdata[0])->path->len;
		}
	}
	kg_proof_free(proof);
	kg_contract_free(terms);
	kg_compiled_clear(&compiled);
	return n;
}

static gboolean can_compile(void)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	const struct kg_check_opts opts = {.profile = profile};
	struct kg_compiled compiled = {0};
	_cleanup_error_ struct kg_error e = {0};
	int r = profile ? kg_compile_program(program_text, &opts, diags, &compiled, &e) : -KG_E_TOOL;

	kg_compiled_clear(&compiled);
	if (r)
		print_message("skip: nothing can be compiled here: %s\n", profile ? e.msg : "no profile of the running kernel");
	return r == 0;
}

static void test_copies(void **state)
{
	static const struct {
		const char *find, *replace;
		int n_steps;
	} cases[] = {
		{NULL, NULL, 1},
		{"sum(args->ret)", "sum(args->ret + 1)", 0},
		{"@bytes[comm]", "@bytes[\"x\"]", 0},
		{"@z = 1", "@z = 2", 0},
		{"@z = 1", "@z++", 1},                                      /* the same, since @z is not there */
		{"@z = 1;", "@z = 1; @z = 3;", 0},                          /* one effect more */
		{"printf(\"%d\\n\", pid);", "printf(\"%d\\n\", pid); printf(\"%d\\n\", pid);", 0},
		{"printf(\"%d\\n\", pid)", "printf(\"%d\\n\", tid)", 0},
		{"printf(\"%d\\n\", pid);", "", 0},                         /* one less */
		{"args->ret > 0", "args->ret <= 0", 0},
		{"@__kg_path[1]", "@__kg_path[4]", 0},                      /* a mark that is nobody's */
		{"@__kg_path[1]++ || 1", "(@__kg_path[1]++ || 1) && (@__kg_path[4]++ || 1)", 0}, /* one of them nobody's */
		{"@__kg_path", "@zz", 0},                                   /* another map */
		{"tracepoint:syscalls:sys_exit_read", "tracepoint:syscalls:sys_exit_readv", 0},
		{"}", "}\ntracepoint:syscalls:sys_exit_readv { @z = 1; }", 0},
	};

	(void)state;
	if (!can_compile())
		skip();
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct compiler c = {.opts = {.profile = profile}, .find = cases[i].find, .replace = cases[i].replace};
		int n = steps_told(program_text, contract_text, &c);
		if (n != cases[i].n_steps)
			print_error("%s -> %s: %d decisions\n", cases[i].find, cases[i].replace, n);
		assert_int_equal(n, cases[i].n_steps);
		assert_int_equal(c.n_calls, 1);
	}
}

static void test_no_copy(void **state)
{
	struct compiler fails = {.opts = {.profile = profile}, .fails = TRUE}, unused = {.opts = {.profile = profile}};

	(void)state;
	if (!can_compile())
		skip();
	assert_int_equal(steps_told(program_text, contract_text, &fails), 0);
	assert_int_equal(fails.n_calls, 1);
	assert_int_equal(steps_told(program_text, contract_text, NULL), 0);
	/* What is not refuted is not compiled again, nor what decides nowhere. */
	assert_int_equal(steps_told("tracepoint:syscalls:sys_exit_read\n/args->ret > 0/\n{\n\t@[comm] = count();\n}\n",
				    "on: [tracepoint:syscalls:sys_exit_read]\nonly if: args.ret > 0\n", &unused), -1);
	assert_int_equal(steps_told("tracepoint:syscalls:sys_exit_read\n{\n\t@[comm] = count();\n}\n", contract_text, &unused), 0);
	assert_int_equal(unused.n_calls, 0);
}

/* Marks have room whatever the bound of the program's own maps. */
static void test_few_keys(void **state)
{
	const struct kg_bpftrace_limits limits = {.map_keys_max = 1};
	struct compiler c = {.opts = {.profile = profile, .limits = &limits}};

	(void)state;
	if (!can_compile())
		skip();
	assert_int_equal(steps_told("tracepoint:syscalls:sys_exit_read\n/args->ret > 0 && args->ret > 1/\n{\n\tif (args->ret > 2) {\n\t\t@ = count();\n\t}\n}\n",
				    "assume: [args.ret > 7]\non: [tracepoint:syscalls:sys_exit_read]\nonly if: args.ret < 0\n", &c), 2);
}

static int open_profile(void **state)
{
	const struct kg_profile_opts opts = {0};

	(void)state;
	kg_profile_open(&opts, &profile, NULL);
	return 0;
}

static int close_profile(void **state)
{
	(void)state;
	kg_profile_free(profile);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_marked), cmocka_unit_test(test_taken), cmocka_unit_test(test_copies), cmocka_unit_test(test_no_copy),
					   cmocka_unit_test(test_few_keys)};

	return cmocka_run_group_tests(tests, open_profile, close_profile);
}
