/* Wrong variants of programs: tests/golden/mutants/cases.txt; that the program itself stays as it was, and that the bound is kept. */
#include <kgent/mutate.h>

#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct kg_profile *profile;

static gboolean is_fact(const char *line)
{
	return g_str_has_prefix(line, "made: ") || g_str_has_prefix(line, "not: ");
}

static gboolean holds(const char *line, const GPtrArray *mutants)
{
	gboolean is_made = g_str_has_prefix(line, "made: ");

	for (guint i = 0; i < mutants->len; i++) {
		const struct kg_mutant *m = mutants->pdata[i];
		if (is_made ? !strcmp(m->what, line + 6) : strstr(m->what, line + 5) != NULL)
			return is_made;
	}
	return !is_made;
}

/* Each parses, is not the original, and is there once. */
static void check_texts(const struct kg_bt_program *original, const GPtrArray *mutants)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < mutants->len; i++) {
		const struct kg_mutant *m = mutants->pdata[i];
		g_autoptr(GPtrArray) diags = kg_diags_new();
		struct kg_bt_program *program = NULL;
		if (kg_bt_parse(m->text, strlen(m->text), diags, &program))
			fail_msg("%s: does not parse:\n%s", m->what, m->text);
		assert_false(kg_bt_equal(original, program));
		assert_true(g_hash_table_add(seen, m->text));
		assert_true(m->loc.line > 0);
		kg_bt_free(program);
	}
}

static void run_case(char **lines)
{
	g_autoptr(GString) text = g_string_new(NULL), before = g_string_new(NULL), after = g_string_new(NULL);
	g_autoptr(GPtrArray) diags = kg_diags_new(), mutants = NULL, few = NULL;
	struct kg_bt_program *program = NULL;
	char **at = lines + 1;

	for (; *at && !is_fact(*at); at++)
		g_string_append_printf(text, "%s\n", *at);
	assert_int_equal(kg_bt_parse(text->str, text->len, diags, &program), 0);
	kg_bt_print(program, before);
	mutants = kg_mutants_make(program, profile, 1000);
	kg_bt_print(program, after);
	assert_string_equal(before->str, after->str);
	check_texts(program, mutants);
	for (; *at && !g_str_has_prefix(*at, "== "); at++) {
		if (!**at || holds(*at, mutants))
			continue;
		print_error("%s: %s\n", lines[0], *at);
		for (guint i = 0; i < mutants->len; i++)
			print_error("  %s\n", ((struct kg_mutant *)mutants->pdata[i])->what);
		fail();
	}
	few = kg_mutants_make(program, profile, 3);
	assert_int_equal(few->len, 3);
	assert_int_not_equal(((struct kg_mutant *)few->pdata[0])->kind, ((struct kg_mutant *)few->pdata[1])->kind); /* of all kinds in turn */
	kg_bt_free(program);
}

static void test_mutants(void **state)
{
	g_autofree char *file = g_strdup_printf("%s/golden/mutants/cases.txt", g_getenv("KGENT_TESTS")), *text = NULL;
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
	assert_true(n >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mutants)};
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
