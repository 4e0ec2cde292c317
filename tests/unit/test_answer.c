/*
 * Answers of models, read as programs: a file of tests/golden/answers a case.
 *
 *   kind: program         what it is
 *   probes: 1             how many the program has; 0: it does not parse
 *   has: TEXT             the program has this in it; hasnot: it has not
 *   says: TEXT            what is said instead has this in it
 *   note: TEXT            one of the notes has this in it
 *   --- previous          the program before it; may be missing
 *   --- answer
 *
 * And what is mended without a model.
 */
#include <kgent/answer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static guint probes_of(const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	guint n = kg_bt_parse(text, strlen(text), diags, &program) ? 0 : program->probes->len;

	kg_bt_free(program);
	return n;
}

static gboolean notes_have(const struct kg_answered *a, const char *text)
{
	for (guint i = 0; i < a->notes->len; i++)
		if (strstr(a->notes->pdata[i], text))
			return TRUE;
	return FALSE;
}

static gboolean expect(const struct kg_answered *a, const char *what, const char *value)
{
	if (!strcmp(what, "kind"))
		return !strcmp(kg_answer_kind_name(a->kind), value);
	if (!strcmp(what, "probes"))
		return a->program && probes_of(a->program) == (guint)atoi(value);
	if (!strcmp(what, "has"))
		return a->program && strstr(a->program, value);
	if (!strcmp(what, "hasnot"))
		return a->program && !strstr(a->program, value);
	if (!strcmp(what, "says"))
		return a->text && strstr(a->text, value);
	return !strcmp(what, "note") && notes_have(a, value);
}

static guint check_case(const char *name, const char *text)
{
	const char *answer = strstr(text, "--- answer\n"), *previous = strstr(text, "--- previous\n");
	guint wrong = 0;

	assert_non_null(answer);
	g_autofree char *before = previous ? g_strndup(previous + strlen("--- previous\n"), (gsize)(answer - previous) - strlen("--- previous\n")) : NULL;
	g_autofree char *head = g_strndup(text, (gsize)((previous ? previous : answer) - text));
	struct kg_answered *a = kg_answer_read(answer + strlen("--- answer\n"), before);
	g_auto(GStrv) lines = g_strsplit(head, "\n", -1);

	for (char **l = lines; *l && **l; l++) {
		char *colon = strstr(*l, ": ");
		assert_non_null(colon);
		*colon = '\0';
		if (expect(a, *l, colon + 2))
			continue;
		print_message("%s: not so: %s: %s\n  kind %s, program %s, text %s\n", name, *l, colon + 2, kg_answer_kind_name(a->kind), a->program ?: "-",
			      a->text ?: "-");
		wrong++;
	}
	kg_answer_free(a);
	return wrong;
}

static void test_golden(void **state)
{
	g_autofree char *path = g_build_filename(g_getenv("KGENT_TESTS"), "golden", "answers", NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;
	guint wrong = 0, n = 0;

	assert_non_null(dir);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *file = g_build_filename(path, name, NULL);
		g_autofree char *text = NULL;
		assert_true(g_file_get_contents(file, &text, NULL, NULL));
		wrong += check_case(name, text);
		n++;
	}
	g_dir_close(dir);
	assert_true(n > 20);
	assert_int_equal(wrong, 0);
}

/* ---------------------------------------------------------------- mending */

static struct kg_profile *profile;

static int open_profile(void **state)
{
	const struct kg_profile_opts opts = {0};

	kg_profile_open(&opts, &profile, NULL);
	return 0;
}

static int close_profile(void **state)
{
	profile = kg_profile_free(profile);
	return 0;
}

static void expect_mend(const char *program, struct kg_profile *p, int minor, const char *want)
{
	const struct kg_bt_version version = {0, minor, 0};
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *mended = kg_answer_mend(program, p, &version, notes);

	if (want) {
		assert_non_null(mended);
		assert_string_equal(mended, want);
		assert_true(notes->len > 0); /* what is mended is said */
	} else {
		assert_null(mended);
		assert_int_equal(notes->len, 0);
	}
}

static void test_mend_args(void **state)
{
	expect_mend("tracepoint:a:b { @ = args.x; }", NULL, 17, "tracepoint:a:b { @ = args->x; }");
	expect_mend("tracepoint:a:b /args.x == 1/ { @[args . y] = count(); }", NULL, 17, "tracepoint:a:b /args->x == 1/ { @[args->y] = count(); }");
	expect_mend("tracepoint:a:b { @ = args.x; }", NULL, 23, NULL);
	expect_mend("tracepoint:a:b { $args = 1; @ = $args; printf(\"args.x\"); }", NULL, 17, NULL);
}

static void test_mend_kinds(void **state)
{
	expect_mend("fentry:vfs_read { @ = count(); } fexit:vfs_read { @r = count(); }", NULL, 17,
		    "kfunc:vfs_read { @ = count(); } kretfunc:vfs_read { @r = count(); }");
	expect_mend("fentry:vfs_read { @ = count(); }", NULL, 21, NULL);
	expect_mend("f:vfs_read { @ = count(); }", NULL, 17, NULL); /* the short name is old */
}

static void needs_tracepoints(void)
{
	g_autoptr(GPtrArray) found = profile ? kg_profile_match(profile, KG_PROBE_TRACEPOINT, "syscalls:sys_enter_openat", 1) : NULL;

	if (found && found->len)
		return;
	print_message("skip: the profile has no tracepoints of system calls\n");
	skip();
}

static void test_mend_moved(void **state)
{
	needs_tracepoints();
	expect_mend("tracepoint:sched:sys_enter_openat { @ = count(); }", profile, 17, "tracepoint:syscalls:sys_enter_openat { @ = count(); }");
	expect_mend("tracepoint:syscalls:sys_enter_openat { @ = args->nr; }", profile, 17, "tracepoint:syscalls:sys_enter_openat { @ = args->__syscall_nr; }");
	/* what looks alike is not the same */
	expect_mend("tracepoint:syscalls:sys_enter_openat { @ = args->dfe; }", profile, 17, NULL);
	expect_mend("tracepoint:syscalls:sys_enter_openatt { @ = count(); }", profile, 17, NULL);
	expect_mend("tracepoint:syscalls:sys_enter_openat { @ = args->dfd; }", profile, 17, NULL); /* nothing to mend */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_mend_args),
		cmocka_unit_test(test_mend_kinds),
		cmocka_unit_test(test_mend_moved),
	};

	return cmocka_run_group_tests(tests, open_profile, close_profile);
}
