/*
 * Contracts of sentences: the cases of tests/golden/comprehend (a sentence behind "# ", and below it the contract that it comes to on a distribution's
 * kernel), and for each card that what is made of many requests is a contract that the kernel's types agree with.
 */
#include "../programs/requests.h"

#include <kgent/comprehend.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "knowledge.h"

/* The contract's YAML, or "no contract: ..." or "refused: ...". Owned. */
static char *contract_of(const char *ask)
{
	struct kg_intent *intent = NULL;
	struct kg_refusal *no = NULL;
	struct kg_contract *contract = NULL;
	_cleanup_error_ struct kg_error err = {0};
	char *ret;

	if (kg_understand(lexicon, profile, ask, &intent, &no, &err))
		ret = g_strdup_printf("refused: %s\n", no ? no->why : err.msg);
	else if (kg_comprehend(intent, profile, NULL, ask, &contract, &err))
		ret = g_strdup_printf("no contract: %s\n", err.msg);
	else
		ret = kg_contract_yaml(contract);
	kg_contract_free(contract);
	kg_refusal_free(no);
	kg_intent_free(intent);
	return ret;
}

static gboolean check_case(const char *path)
{
	g_autofree char *text = NULL, *got = NULL;
	char *want;

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	want = strchr(text, '\n');
	assert_true(g_str_has_prefix(text, "# ") && want);
	*want++ = '\0';
	got = contract_of(text + 2);
	if (strcmp(got, want))
		print_message("%s: \"%s\"\n--- wanted\n%s--- made\n%s", path, text + 2, want, got);
	return !strcmp(got, want);
}

static void test_cases(void **state)
{
	g_autofree char *folder = g_build_filename(g_getenv("KGENT_TESTS"), "golden", "comprehend", NULL);
	const char *name;
	guint n = 0, failed = 0;
	GDir *dir = g_dir_open(folder, 0, NULL);

	if (!lexicon)
		skip();
	assert_non_null(dir);
	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		failed += !check_case(path);
		n++;
	}
	g_dir_close(dir);
	assert_true(n >= 12);
	assert_int_equal(failed, 0);
}

/* ---------------------------------------------------------------- all cards */

struct tally {
	guint n, n_none, n_bad;
};

static gboolean check_request(struct kg_intent *intent, const char *what, void *user)
{
	struct tally *tally = user;
	struct kg_contract *contract = NULL, *again = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	const struct kg_card *card = intent->events->pdata[0];
	_cleanup_error_ struct kg_error err = {0};

	tally->n++;
	if (kg_comprehend(intent, profile, NULL, what, &contract, &err)) {
		assert_int_equal(err.code, KG_E_UNSUPPORTED);
		if (g_getenv("KGENT_VERBOSE"))
			print_message("%s.%s: no contract: %s\n", card->name, what, err.msg);
		tally->n_none++;
	} else {
		g_autofree char *yaml = kg_contract_yaml(contract), *json = kg_contract_json(contract), *same = NULL;
		gboolean is_bad = kg_contract_check(contract, profile, diags) != 0;

		assert_int_equal(kg_contract_read(yaml, strlen(yaml), diags, &again), 0);
		same = kg_contract_json(again);
		assert_string_equal(json, same);
		for (guint i = 0; is_bad && i < diags->len; i++) {
			const struct kg_diag *d = diags->pdata[i];
			if (d->severity == KG_ERROR)
				print_message("%s.%s: %s\n", card->name, what, d->msg);
		}
		tally->n_bad += is_bad;
	}
	kg_contract_free(again);
	kg_contract_free(contract);
	kg_intent_free(intent);
	return TRUE;
}

/* Whatever is asked of a card: what comes out fits this kernel's types, and reads again as what it was. */
static void test_all_cards(void **state)
{
	struct tally tally = {0};

	if (!lexicon)
		skip();
	for (guint i = 0; i < kg_cards_n(cards); i++)
		requests_of(kg_cards_at(cards, i), check_request, &tally);
	print_message("%u requests, %u without a contract\n", tally.n, tally.n_none);
	assert_int_equal(tally.n_bad, 0);
	assert_true(tally.n > 1000 && tally.n_none * 10 < tally.n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_all_cards)};

	return cmocka_run_group_tests(tests, setup, teardown);
}
