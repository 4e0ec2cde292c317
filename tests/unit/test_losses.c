/* What can be lost without a trace: tests/golden/losses/cases.txt. */
#include "../../src/prove/proof.h"

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct kg_profile *profile;

static const struct kg_loss *find(const struct kg_proof *proof, const char *text)
{
	for (guint i = 0; i < proof->losses->len; i++)
		if (strstr(((struct kg_loss *)proof->losses->pdata[i])->what, text))
			return proof->losses->pdata[i];
	return NULL;
}

/* One line of what is asked for. FALSE: it is of the program. */
static gboolean hold(const char *name, const char *line, const struct kg_proof *proof, const struct kg_loss **last)
{
	gboolean ok = TRUE;

	if (g_str_has_prefix(line, "lost: nothing"))
		ok = proof->losses->len == 0;
	else if (g_str_has_prefix(line, "lost: "))
		ok = (*last = find(proof, line + 6)) != NULL && (*last)->loc.line > 0;
	else if (g_str_has_prefix(line, "mend: "))
		ok = *last && (*last)->mend && strstr((*last)->mend, line + 6);
	else if (g_str_has_prefix(line, "not: "))
		ok = !find(proof, line + 5);
	else
		return FALSE;
	if (!ok) {
		print_error("%s: %s\n", name, line);
		for (guint i = 0; i < proof->losses->len; i++)
			print_error("  %s; %s\n", ((struct kg_loss *)proof->losses->pdata[i])->what, ((struct kg_loss *)proof->losses->pdata[i])->mend);
		fail();
	}
	return TRUE;
}

static void run_case(char **lines)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) diags = kg_diags_new(), empty = g_ptr_array_new();
	struct kg_object object = {.is_bpftrace = TRUE, .programs = empty, .maps = empty};
	struct kg_proof *proof = proof_new();
	const struct kg_loss *last = NULL;
	struct kg_bt_program *program = NULL;
	char **at = lines + 1;

	for (; *at && !hold("", "x", proof, &last) && !g_str_has_prefix(*at, "lost: ") && !g_str_has_prefix(*at, "not: "); at++)
		g_string_append_printf(text, "%s\n", *at);
	assert_int_equal(kg_bt_parse(text->str, text->len, diags, &program), 0);
	proof_losses(proof, &object, program, profile, NULL);
	for (; *at && !g_str_has_prefix(*at, "== "); at++)
		if (**at)
			assert_true(hold(lines[0], *at, proof, &last));
	kg_proof_free(proof);
	kg_bt_free(program);
}

static void test_losses(void **state)
{
	g_autofree char *file = g_strdup_printf("%s/golden/losses/cases.txt", g_getenv("KGENT_TESTS")), *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint n = 0;

	(void)state;
	assert_true(g_file_get_contents(file, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "== ")) {
			run_case(line);
			n++;
		}
	assert_true(n >= 14);
}

/* Limits that the program was compiled with are those that are named. */
static void test_limits(void **state)
{
	static const char text[] = "tracepoint:syscalls:sys_exit_read { @[comm] = count(); printf(\"%s\", str(arg0)); }";
	struct kg_bpftrace_limits limits = {.strlen = 200, .map_keys_max = 77};
	g_autoptr(GPtrArray) diags = kg_diags_new(), empty = g_ptr_array_new();
	struct kg_object object = {.is_bpftrace = TRUE, .programs = empty, .maps = empty};
	struct kg_proof *proof = proof_new();
	struct kg_bt_program *program = NULL;

	(void)state;
	assert_int_equal(kg_bt_parse(text, strlen(text), diags, &program), 0);
	proof_losses(proof, &object, program, NULL, &limits);
	assert_non_null(find(proof, "holds 77 entries"));
	assert_non_null(find(proof, "first 199 bytes"));
	assert_null(find(proof, "first 199 bytes")->mend); /* no larger one is taken */
	kg_proof_free(proof);
	kg_bt_free(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_losses), cmocka_unit_test(test_limits)};
	g_autofree char *dir = kg_fixture_profile(KG_FIXTURE_6_1);
	struct kg_profile_opts opts = {.dir = dir};
	int code;

	if (!dir || kg_profile_open(&opts, &profile, NULL)) {
		print_message("there is no profile to test with\n");
		return 77;
	}
	code = cmocka_run_group_tests(tests, NULL, NULL);
	kg_profile_free(profile);
	return code;
}
