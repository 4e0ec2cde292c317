/*
 * Trials: the reader of expectations, the judge (cases as data: tests/golden/trial/judge.yaml), the ground truth, what a request expects
 * of a stimulus. That they run is tested in tests/e2e/trial.bats.
 */
#include <kgent/trial.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- truth */

static struct kg_truth *truth_of(const char *json)
{
	struct kg_truth *truth = NULL;
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_truth_parse(json, strlen(json), &truth, &err), 0);
	return truth;
}

static void the_last_object_is_the_truth(void **state)
{
	struct kg_truth *truth = truth_of("warming up\n{\"a\":1}\n{\"a\":2,\"list\":[{\"b\":3}]}\ndone\n{broken\n");
	g_autofree char *a = NULL, *b = NULL;
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_truth_value(truth, "$a", NULL, &a, &err), 0);
	assert_string_equal(a, "2");
	assert_int_equal(kg_truth_value(truth, "$list.0.b", NULL, &b, &err), 0);
	assert_string_equal(b, "3");
	assert_int_equal(kg_truth_n(truth, "list"), 1);
	assert_int_equal(kg_truth_n(truth, "a"), 0);
	kg_truth_free(truth);
}

static void no_object_is_no_truth(void **state)
{
	static const char *const texts[] = {"", "hello\n", "[1,2]\n", "{\"a\":1", "{\"a\":1,\"a\":2}\n"};

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		struct kg_truth *truth = NULL;
		_cleanup_error_ struct kg_error err = {0};
		assert_int_equal(kg_truth_parse(texts[i], strlen(texts[i]), &truth, &err), -KG_E_PARSE);
		assert_null(truth);
	}
}

static void values_are_computed(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: an error */
	} cases[] = {
		{"5", "5"}, {"plain text", "plain text"}, {"$n", "12"}, {"$n / 5", "2"}, {"($n + 3) * 2", "30"}, {"$n - $m", "-8"}, {"-$n + 20", "8"},
		{"$name", "ab"}, {"/tmp/$name/$n", "/tmp/ab/12"}, {"$$5", "$5"}, {"2026-11-20", "2026-11-20"}, {"$n%", "12%"}, {"$n.", "12."},
		{"$", NULL}, {"$none", NULL}, {"$o", NULL}, {"$n / 0", NULL}, {"$n * 9223372036854775807", NULL}, {"$n +", NULL}, {"($n", "(12"},
		{"$n / $m / 2", "0"}, {"$yes", "1"}, {"$name + 1", NULL}, {"((((((((((((((((((((($n)))))))))))))))))))))+1", NULL},
	};
	struct kg_truth *truth = truth_of("{\"n\":12,\"m\":20,\"name\":\"ab\",\"o\":{},\"yes\":true}");

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = NULL;
		_cleanup_error_ struct kg_error err = {0};
		int code = kg_truth_value(truth, cases[i].text, NULL, &got, &err);
		if ((code == 0) != (cases[i].want != NULL) || g_strcmp0(got, cases[i].want))
			fail_msg("%s: got %s (%s), wanted %s", cases[i].text, got ?: "-", err.msg ?: "no error", cases[i].want ?: "an error");
	}
	kg_truth_free(truth);
}

/* ---------------------------------------------------------------- the reader */

static void mistakes_are_told_with_their_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"", "there is no trial in it"},
		{"- a\n", "f:1: a trial must be a map"},
		{"stimulus: open\nexpct: []\n", "f:2: a trial has no key 'expct'; did you mean 'expect'?"},
		{"stimulus: open\nstimulus: open\n", "key 'stimulus' is there twice"},
		{"stimulus: 'open --path \"a'\n", "f:1: stimulus:"},
		{"stimulus: []\n", "stimulus is empty"},
		{"stimulus: open\nscript: x\n", "a stimulus or a script, not both"},
		{"for: 5\n", "f:1: for must be a time"},
		{"for: 20min\n", "for must be a time"},
		{"for: -1s\n", "for must be a time"},
		{"expect: {row: [a]}\n", "expect must be a list"},
		{"expect:\n  - {row: [a], lin: 1}\n", "f:2: an expectation has no key 'lin'; did you mean 'line'?"},
		{"expect:\n  - {row: [a], line: [b]}\n", "is about one thing, not line and row"},
		{"expect:\n  - {is: 5}\n", "needs one of line, no_line"},
		{"expect:\n  - {row: [a], between: [1]}\n", "between takes a list of two"},
		{"expect:\n  - {row: [a], is: [1, 2]}\n", "is takes one value"},
		{"expect:\n  - {row: [{at_lest: 1}]}\n", "did you mean 'at_least'?"},
		{"expect:\n  - {row: [{at_least: 1, at_most: 2}]}\n", "a comparison has one key"},
		{"expect:\n  - {row: [{}]}\n", "a comparison has one key"},
		{"expect:\n  - {row: [[a]]}\n", "a part is a value, or a comparison"},
		{"expect:\n  - {no_row: [a], is: 1}\n", "no_row takes no comparison"},
		{"expect:\n  - {line: [a], within: [1, 2]}\n", "belong to a row"},
		{"expect:\n  - {row: [a], field: sum}\n", "field is one of count, average, total"},
		{"expect:\n  - {row: [a], several: maybe}\n", "several must be true or false"},
		{"expect:\n  - {rows: []}\n", "a part is a value, or a comparison"},
		{"expect:\n  - {any: [{any: [{any: [{any: [{row: [a]}]}]}]}]}\n", "nested too deeply"},
		{"expect: &a\n  - {any: *a}\n", "nested too deeply"},
		{"expect:\n  - {row: [a]\n", "not YAML"},
		{"expect:\n  - {row: [\"\"]}\n", "is must be a text or a number"},
		{"trial: {stimulus: open, foo: 1}\n", "a trial has no key 'foo'"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct kg_trial_spec *spec = NULL;
		_cleanup_error_ struct kg_error err = {0};
		int code = kg_trial_spec_parse("f", 1, cases[i].text, strlen(cases[i].text), &spec, &err);
		if (!code || !strstr(err.msg ?: "", cases[i].want))
			fail_msg("%s\ngot: %s\nwanted: %s", cases[i].text, err.msg ?: "no error", cases[i].want);
		assert_null(spec);
	}
}

static void a_whole_trial_is_read(void **state)
{
	static const char text[] = "request: x\ntrial:\n  stimulus: open --path 'a b' --count 3\n  for: 1.5s\n  after: 20ms\n"
				   "  expect:\n    - {each: names, line: [$each.path, {at_least: 3}], is: 1}\n    - {rows: {at_most: 3}}\n";
	struct kg_trial_spec *spec = NULL;
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_trial_spec_parse("f", 10, text, strlen(text), &spec, &err), 0);
	assert_string_equal(spec->stimulus[2], "a b");
	assert_null(spec->stimulus[5]);
	assert_int_equal(spec->for_ns, 1500000000);
	assert_int_equal(spec->after_ns, 20000000);
	assert_int_equal(spec->expects->len, 2);
	const struct kg_trial_expect *e = spec->expects->pdata[0];
	assert_int_equal(e->line, 16);
	assert_string_equal(e->each, "names");
	assert_int_equal(((struct kg_trial_want *)e->parts->pdata[1])->compare, KG_TRIAL_AT_LEAST);
	kg_trial_spec_free(spec);
}

/* ---------------------------------------------------------------- the judge */

struct judging {
	struct kg_truth *truth;
	struct kg_seen *seen;
	guint n;
};

static void judge_one(struct judging *j, const char *expect, const char *want, int line)
{
	g_autofree char *text = g_strdup_printf("expect: [%s]\n", expect);
	struct kg_trial_spec *spec = NULL;
	g_autoptr(GPtrArray) findings = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *got = NULL;

	if (kg_trial_spec_parse("case", 1, text, strlen(text), &spec, &err))
		fail_msg("judge.yaml:%d: %s", line, err.msg);
	if (kg_trial_judge(spec, j->seen, j->truth, &findings, &err)) {
		got = g_strdup_printf("error: %s", err.msg);
	} else {
		const struct kg_trial_finding *f = findings->pdata[0];
		for (guint i = 0; i < findings->len && f->outcome == KG_TRIAL_SEEN; i++)
			f = findings->pdata[i];
		got = f->instead ? g_strdup_printf("%s: %s", kg_trial_outcome_name(f->outcome), f->instead) : g_strdup("seen");
		assert_true((f->outcome == KG_TRIAL_SEEN) == (f->instead == NULL));
	}
	kg_trial_spec_free(spec);
	const char *colon = strstr(want, ": ");
	gsize len = colon ? (gsize)(colon - want) : strlen(want);
	if (strncmp(got, want, len) || (colon && !strstr(got, colon + 2)))
		fail_msg("judge.yaml:%d: %s\ngot: %s\nwanted: %s", line, expect, got, want);
	j->n++;
}

static void show(struct kg_seen *seen, const char *line)
{
	struct kg_run_event ev;

	if (kg_run_parse_line(line, strlen(line), &ev))
		kg_seen_event(seen, &ev);
	kg_run_event_clear(&ev);
}

static void judgements_are_as_written_down(void **state)
{
	g_autofree char *path = g_build_filename(g_getenv("KGENT_TESTS"), "golden", "trial", "judge.yaml", NULL), *text = NULL;
	struct judging j = {0};
	const char *section = "";

	assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i]; i++) {
		char *arrow = strstr(lines[i], " => ");
		if (!strcmp(lines[i], "--- truth")) {
			section = "truth";
		} else if (!strcmp(lines[i], "--- shown")) {
			section = "shown";
			kg_seen_free(j.seen);
			j.seen = kg_seen_new();
		} else if (g_str_has_prefix(lines[i], "--- expect ") && arrow) {
			*arrow = '\0';
			judge_one(&j, lines[i] + strlen("--- expect "), arrow + 4, i + 1);
		} else if (lines[i][0] == '{' && !strcmp(section, "truth")) {
			j.truth = truth_of(lines[i]);
		} else if (lines[i][0] == '{') {
			show(j.seen, lines[i]);
		}
	}
	print_message("%u judgements\n", j.n);
	assert_true(j.n > 70);
	kg_seen_free(j.seen);
	kg_truth_free(j.truth);
}

static void what_was_lost_is_said(void **state)
{
	struct kg_seen *seen = kg_seen_new();

	assert_null(kg_seen_lost(seen));
	show(seen, "{\"type\": \"lost_events\", \"data\": {\"events\": 12}}");
	assert_non_null(strstr(kg_seen_lost(seen), "12 events were lost"));
	kg_seen_free(seen);
}

static void endless_output_is_cut_and_said(void **state)
{
	struct kg_seen *seen = kg_seen_new();
	g_autofree char *line = g_strnfill(1000, 'x');
	struct kg_run_event ev = {.type = KG_RUN_PRINTF, .text = {line, 1000}};

	line[999] = '\n';
	for (int i = 0; i < 100000; i++)
		kg_seen_event(seen, &ev);
	assert_true(kg_seen_n_lines(seen) < 70000);
	assert_non_null(strstr(kg_seen_lost(seen), "more was printed"));
	kg_seen_free(seen);
}

/* ---------------------------------------------------------------- what a request expects */

static struct kg_card *card_with(const char *count, gboolean fails)
{
	struct kg_card *card = g_new0(struct kg_card, 1);
	struct kg_card_stimulus *s = g_new0(struct kg_card_stimulus, 1);
	struct kg_card_field *f = g_new0(struct kg_card_field, 1);

	card->title = g_strdup("file open");
	card->stimuli = g_ptr_array_new();
	card->fields = g_ptr_array_new();
	f->name = g_strdup("filename");
	f->is_shown = TRUE;
	g_ptr_array_add(card->fields, f);
	s->name = g_strdup("open");
	s->options = g_strdup("--count 5");
	s->count = g_strdup(count);
	s->fails = fails;
	s->fields = g_ptr_array_new();
	s->values = g_ptr_array_new();
	g_ptr_array_add(s->fields, g_strdup("filename"));
	g_ptr_array_add(s->values, g_strdup("$open.path"));
	g_ptr_array_add(s->fields, g_strdup("error"));
	g_ptr_array_add(s->values, g_strdup(fails ? "2" : "0"));
	g_ptr_array_add(card->stimuli, s);
	return card;
}

static void clear_card(struct kg_card *card)
{
	struct kg_card_stimulus *s = card->stimuli->pdata[0];
	struct kg_card_field *f = card->fields->pdata[0];

	for (guint i = 0; i < s->fields->len; i++) {
		g_free(s->fields->pdata[i]);
		g_free(s->values->pdata[i]);
	}
	g_ptr_array_unref(s->fields);
	g_ptr_array_unref(s->values);
	g_free(s->name);
	g_free(s->options);
	g_free(s->count);
	g_free(s);
	g_free(f->name);
	g_free(f);
	g_ptr_array_unref(card->stimuli);
	g_ptr_array_unref(card->fields);
	g_free(card->title);
	g_free(card);
}

static struct kg_intent *intent_of(struct kg_card *card, enum kg_measure measure, const char *by)
{
	struct kg_intent *in = kg_intent_new();

	g_ptr_array_add(in->events, card);
	in->measure = measure;
	if (by)
		g_ptr_array_add(in->by, g_strdup(by));
	return in;
}

static void add_filter(struct kg_intent *in, const char *field, enum kg_filter_op op, const char *text, gint64 number)
{
	struct kg_filter *f = g_new0(struct kg_filter, 1);

	f->field = g_strdup(field);
	f->op = op;
	f->is_text = text != NULL;
	f->text = g_strdup(text);
	f->number = number;
	g_ptr_array_add(in->filters, f);
}

/* The trial of an intent, judged on a program's output: is it passed? -1: there is no trial, and why. */
static int judged(struct kg_intent *in, const char *truth_json, const char *shown, char **ret_why)
{
	struct kg_trial_spec *spec = NULL;
	g_autoptr(GPtrArray) findings = NULL;
	_cleanup_error_ struct kg_error err = {0};
	struct kg_seen *seen = kg_seen_new();
	int passed = -1;

	if (kg_trial_of_intent(in, "kgs9", &spec, ret_why) == 0) {
		struct kg_truth *truth = truth_of(truth_json);
		show(seen, shown);
		assert_int_equal(kg_trial_judge(spec, seen, truth, &findings, &err), 0);
		assert_true(findings->len > 0);
		passed = TRUE;
		for (guint i = 0; i < findings->len; i++)
			passed &= ((struct kg_trial_finding *)findings->pdata[i])->outcome == KG_TRIAL_SEEN;
		kg_truth_free(truth);
	}
	kg_seen_free(seen);
	kg_trial_spec_free(spec);
	kg_intent_free(in);
	return passed;
}

#define TRUTH "{\"comm\":\"kgs9\",\"pid\":5,\"uid\":0,\"open\":{\"count\":5,\"path\":\"/tmp/f\"}}"

static void a_request_expects_what_it_says(void **state)
{
	struct kg_card *card = card_with("$open.count", FALSE);
	g_autofree char *why = NULL;

	assert_int_equal(judged(intent_of(card, KG_MEASURE_COUNT, "comm"), TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"kgs9\": 5}}}", &why), TRUE);
	/* double counting, half counting, the thread instead of the name */
	assert_int_equal(judged(intent_of(card, KG_MEASURE_COUNT, "comm"), TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"kgs9\": 10}}}", &why), FALSE);
	assert_int_equal(judged(intent_of(card, KG_MEASURE_COUNT, "comm"), TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"kgs9\": 4}}}", &why), FALSE);
	assert_int_equal(judged(intent_of(card, KG_MEASURE_COUNT, "comm"), TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"5\": 5}}}", &why), FALSE);
	/* without the name others may have added */
	assert_int_equal(judged(intent_of(card, KG_MEASURE_COUNT, "filename"), TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"/tmp/f\": 9}}}", &why), TRUE);
	assert_int_equal(judged(intent_of(card, KG_MEASURE_PRINT, NULL), TRUTH, "{\"type\": \"printf\", \"data\": \"a /tmp/f\\n/tmp/f\\n/tmp/f\\n/tmp/f\\n/tmp/f\\n\"}", &why), TRUE);
	assert_int_equal(judged(intent_of(card, KG_MEASURE_PRINT, NULL), TRUTH, "{\"type\": \"printf\", \"data\": \"/tmp/f\\n\"}", &why), FALSE);
	assert_null(why);
	clear_card(card);
}

static void a_filter_that_shuts_the_stimulus_out_expects_nothing(void **state)
{
	struct kg_card *card = card_with("$open.count", FALSE);
	struct kg_intent *in = intent_of(card, KG_MEASURE_COUNT, "comm");
	g_autofree char *why = NULL;

	add_filter(in, "error", KG_FILTER_EQ, NULL, 2);
	assert_int_equal(judged(in, TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"other\": 3}}}", &why), TRUE);
	in = intent_of(card, KG_MEASURE_COUNT, "comm");
	add_filter(in, "error", KG_FILTER_EQ, NULL, 2);
	assert_int_equal(judged(in, TRUTH, "{\"type\": \"map\", \"data\": {\"@\": {\"kgs9\": 3}}}", &why), FALSE);
	assert_null(why);
	clear_card(card);
}

static void what_does_not_follow_is_no_expectation(void **state)
{
	struct kg_card *card = card_with("$open.count", FALSE);
	struct {
		struct kg_intent *in;
		const char *want;
	} cases[] = {
		{intent_of(card, KG_MEASURE_COUNT, "comm"), "the top 3"},
		{intent_of(card, KG_MEASURE_COUNT, "comm"), "filter on fd is not known"},
		{intent_of(card, KG_MEASURE_AVG, "filename"), "other processes have a share"},
		{intent_of(card, KG_MEASURE_SUM, "comm"), "the bytes of its events is not known"},
		{intent_of(card, KG_MEASURE_COUNT, "fd"), "does not know what the rows are grouped by"},
		{intent_of(card, KG_MEASURE_COUNT, "comm"), "several events"},
	};

	cases[0].in->top = 3;
	add_filter(cases[1].in, "fd", KG_FILTER_GT, NULL, 2);
	cases[2].in->value = g_strdup("error");
	cases[3].in->value = g_strdup("bytes");
	g_ptr_array_add(cases[5].in->events, card);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *why = NULL;
		assert_int_equal(judged(cases[i].in, TRUTH, "", &why), -1);
		if (!strstr(why, cases[i].want))
			fail_msg("got: %s, wanted: %s", why, cases[i].want);
	}
	clear_card(card);
}

static void a_filter_that_it_can_pass_is_passed(void **state)
{
	struct kg_card *card = card_with("$open.count", FALSE);
	struct kg_intent *in = intent_of(card, KG_MEASURE_COUNT, "comm");
	struct kg_trial_spec *spec = NULL;
	g_autofree char *why = NULL, *line = NULL;

	add_filter(in, "comm", KG_FILTER_EQ, "nginx", 0);
	add_filter(in, "uid", KG_FILTER_EQ, NULL, 1000);
	assert_int_equal(kg_trial_of_intent(in, "kgs9", &spec, &why), 0);
	line = g_strjoinv(" ", spec->stimulus);
	assert_string_equal(line, "open --count 5 --comm nginx --uid 1000");
	kg_trial_spec_free(spec);
	kg_intent_free(in);
	clear_card(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_object_is_the_truth), cmocka_unit_test(no_object_is_no_truth), cmocka_unit_test(values_are_computed),
		cmocka_unit_test(mistakes_are_told_with_their_line), cmocka_unit_test(a_whole_trial_is_read),
		cmocka_unit_test(judgements_are_as_written_down), cmocka_unit_test(what_was_lost_is_said),
		cmocka_unit_test(endless_output_is_cut_and_said), cmocka_unit_test(a_request_expects_what_it_says),
		cmocka_unit_test(a_filter_that_shuts_the_stimulus_out_expects_nothing), cmocka_unit_test(what_does_not_follow_is_no_expectation),
		cmocka_unit_test(a_filter_that_it_can_pass_is_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
