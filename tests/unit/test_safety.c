/*
 * Policy and plain words. tests/golden/safety/policy.txt: "=== name", a program, "---", and what policy says: "WORD line:col" for a
 * refusal that WORD lifts, "warning line:col". explain.txt: pieces of the explanation, one a line.
 */
#include <kgent/safety.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* The made-up kernel: kprobe:many* stands for 501 functions. */
GPtrArray *kg_profile_match(struct kg_profile *p, enum kg_probe_kind kind, const char *pattern, guint max)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
	guint n = !strcmp(pattern, "many*") ? KG_SAFETY_MAX_PROBES + 1 : KG_SAFETY_MAX_PROBES;

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(found, g_strdup("f"));
	return found;
}

static struct kg_profile *fake(void)
{
	static int nothing;

	return (struct kg_profile *)&nothing;
}

static char *slurp(const char *name)
{
	const char *dir = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(dir ? dir : "tests", "golden", "safety", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		fail_msg("can't read %s", path);
	return text;
}

static struct kg_bt_program *parse(const char *name, const char *text)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;

	if (kg_bt_parse(text, strlen(text), diags, &program) < 0)
		fail_msg("%s does not parse: %s", name, ((struct kg_diag *)diags->pdata[0])->msg);
	return program;
}

static struct kg_effects *read_effects(const struct kg_bt_program *program)
{
	struct kg_effects *effects = NULL;

	assert_int_equal(kg_effects_read(program, fake(), NULL, &effects, NULL), 0);
	return effects;
}

/* The word that the hint names, or "warning". */
static char *as_fact(const struct kg_diag *d)
{
	const char *word = d->hint ? strstr(d->hint, "--allow ") : NULL;

	return g_strdup_printf("%s %d:%d",
			       d->severity == KG_WARNING ? "warning" :
			       word			 ? word + strlen("--allow ") :
							   "?",
			       d->loc.line, d->loc.col);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted(GPtrArray *facts)
{
	g_ptr_array_sort(facts, by_text);
	g_ptr_array_add(facts, NULL);
	return g_strjoinv("\n", (char **)facts->pdata);
}

/* With all the words that it needs, a program is let through; with all but one it is not. */
static void hold_allowed(const char *name, const struct kg_effects *effects, GHashTable *words)
{
	g_autofree const char **all = (const char **)g_hash_table_get_keys_as_array(words, NULL);
	g_autoptr(GPtrArray) diags = kg_diags_new();

	assert_int_equal(kg_policy_check(effects, all, diags), 0);
	for (guint skip = 0; all[skip]; skip++) {
		g_autoptr(GPtrArray) some = g_ptr_array_new();
		g_autoptr(GPtrArray) again = kg_diags_new();

		for (guint i = 0; all[i]; i++)
			if (i != skip)
				g_ptr_array_add(some, (gpointer)all[i]);
		g_ptr_array_add(some, NULL);
		if (kg_policy_check(effects, (const char *const *)some->pdata, again) != -KG_E_REFUSED)
			fail_msg("%s: passes without %s", name, all[skip]);
	}
}

static void hold_policy(const char *name, const char *text, char **want)
{
	struct kg_bt_program *program = parse(name, text);
	struct kg_effects *effects = read_effects(program);
	g_autoptr(GPtrArray) diags = kg_diags_new(), got = g_ptr_array_new_with_free_func(g_free),
			     expected = g_ptr_array_new();
	g_autoptr(GHashTable) words = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *a = NULL, *b = NULL;
	int r = kg_policy_check(effects, NULL, diags);

	assert_int_equal(r, kg_diags_errors(diags) ? -KG_E_REFUSED : 0);
	for (guint i = 0; i < diags->len; i++) {
		char *fact = as_fact(diags->pdata[i]);

		g_ptr_array_add(got, fact);
		if (!g_str_has_prefix(fact, "warning"))
			g_hash_table_add(words, g_strndup(fact, strcspn(fact, " ")));
	}
	for (char **w = want; *w; w++)
		if (**w)
			g_ptr_array_add(expected, *w);
	a = sorted(got);
	b = sorted(expected);
	if (strcmp(a, b))
		fail_msg("%s:\nexpected\n%s\ngot\n%s", name, b, a);
	hold_allowed(name, effects, words);
	kg_effects_free(effects);
	kg_bt_free(program);
}

static void hold_explanation(const char *name, const char *text, char **want)
{
	struct kg_bt_program *program = parse(name, text);
	struct kg_effects *effects = read_effects(program);
	g_autoptr(GString) out = g_string_new(NULL);

	kg_bt_explain(program, fake(), effects, out);
	for (char **w = want; *w; w++)
		if (**w && !strstr(out->str, *w))
			fail_msg("%s: does not say\n%s\nbut\n%s", name, *w, out->str);
	kg_effects_free(effects);
	kg_bt_free(program);
}

static int run_file(const char *file, void (*hold)(const char *name, const char *text, char **facts))
{
	g_autofree char *all = slurp(file);
	int n = 0;

	for (char *at = strstr(all, "=== "); at; n++) {
		char *nl = strchr(at, '\n'), *next = strstr(nl, "\n=== "), *sep;
		g_autofree char *name = g_strndup(at + 4, (gsize)(nl - at - 4));
		g_autofree char *text = next ? g_strndup(nl + 1, (gsize)(next - nl)) : g_strdup(nl + 1);
		g_auto(GStrv) facts = NULL;

		sep = strstr(text, "\n---\n");
		assert_non_null(sep);
		*sep = '\0';
		facts = g_strsplit(sep + 5, "\n", -1);
		hold(name, text, facts);
		at = next ? next + 1 : NULL;
	}
	return n;
}

static void test_policy(void **state)
{
	assert_true(run_file("policy.txt", hold_policy) >= 40);
}

static void test_explain(void **state)
{
	assert_true(run_file("explain.txt", hold_explanation) >= 10);
}

static void test_effects(void **state)
{
	static const char text[] = "kprobe:few*, kprobe:vfs_read { @[ustack] = count(); str(arg0); exit(); }";
	struct kg_bt_program *program = parse("effects", text);
	struct kg_effects *effects = read_effects(program);
	const struct kg_attach_effect *first = effects->attach->pdata[0], *second = effects->attach->pdata[1];

	assert_int_equal(first->n, KG_SAFETY_MAX_PROBES);
	assert_int_equal(first->heat, KG_HOOK_UNKNOWN);
	assert_int_equal(second->n, 1);
	assert_int_equal(second->heat, KG_HOOK_HIGH);
	assert_string_equal(second->plain, "a file is read");
	assert_int_equal(effects->n_places, KG_SAFETY_MAX_PROBES + 1);
	assert_true(effects->exits);
	assert_false(effects->changes_system);
	kg_effects_free(effects);
	kg_bt_free(program);
}

static void test_no_data(void **state)
{
	static const char *const nowhere[] = {"/nonexistent", NULL};
	struct kg_bt_program *program = parse("no data", "kprobe:vfs_read { print(1); }");
	struct kg_effects *effects = NULL;

	assert_int_equal(kg_effects_read(program, NULL, nowhere, &effects, NULL), 0);
	assert_int_equal(((struct kg_attach_effect *)effects->attach->pdata[0])->heat, KG_HOOK_UNKNOWN);
	kg_effects_free(effects);
	kg_bt_free(program);
}

static void test_broken_data(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("kgent-test-XXXXXX", NULL), *path = g_build_filename(dir, "hooks", NULL);
	const char *const dirs[] = {dir, NULL};
	struct kg_bt_program *program = parse("broken data", "BEGIN { }");
	struct kg_effects *effects = NULL;
	_cleanup_error_ struct kg_error err = {0};

	assert_true(g_file_set_contents(path, "# fine\nhot tracepoint a:b = nothing\n", -1, NULL));
	assert_int_equal(kg_effects_read(program, NULL, dirs, &effects, &err), -KG_E_PARSE);
	assert_non_null(strstr(err.msg, "hooks:2:"));
	assert_null(effects);
	kg_bt_free(program);
	remove(path);
	remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy),	cmocka_unit_test(test_explain),	    cmocka_unit_test(test_effects),
		cmocka_unit_test(test_no_data), cmocka_unit_test(test_broken_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
