/*
 * Expectations as YAML, judged: whatever they are, they are taken or refused with a message, and a judgement has a finding for each. What a
 * program shows comes from the same bytes, behind a line of "===".
 */
#include <kgent/trial.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char truth_json[] = "{\"comm\":\"kgs1\",\"pid\":77,\"open\":{\"count\":20},\"connections\":[{\"dport\":80},{\"dport\":81}]}";

static struct kg_seen *see(const char *text, gsize len)
{
	struct kg_seen *seen = kg_seen_new();
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (gsize)(end - text)) ?: end;
		struct kg_run_event ev;
		if (kg_run_parse_line(text, (gsize)(newline - text), &ev))
			kg_seen_event(seen, &ev);
		kg_run_event_clear(&ev);
		text = newline + (newline < end);
	}
	return seen;
}

static void judge(const struct kg_trial_spec *spec, const struct kg_seen *seen)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_truth *truth = NULL;
	g_autoptr(GPtrArray) findings = NULL;

	kg_truth_parse(truth_json, strlen(truth_json), &truth, NULL);
	int code = kg_trial_judge(spec, seen, truth, &findings, &err);
	g_assert(code == 0 ? findings->len >= spec->expects->len && !err.msg : err.msg && err.code == -code);
	for (guint i = 0; !code && i < findings->len; i++) {
		const struct kg_trial_finding *f = findings->pdata[i];
		g_assert(f->what && (f->outcome == KG_TRIAL_SEEN) == !f->instead);
	}
	kg_truth_free(truth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct kg_error err = {0};
	const char *text = (const char *)data, *cut = memmem(text, size, "\n===\n", 5);
	gsize len = cut ? (gsize)(cut + 1 - text) : size;
	struct kg_trial_spec *spec = NULL;
	int code = kg_trial_spec_parse("f", 1, text, len, &spec, &err);

	g_assert(code == 0 ? spec && !err.msg : err.msg && err.code == -code);
	if (spec) {
		struct kg_seen *seen = see(cut ? cut + 5 : "", cut ? size - len - 4 : 0);
		judge(spec, seen);
		kg_seen_free(seen);
	}
	kg_trial_spec_free(spec);
	return 0;
}
