/* The final JSON object of a request. Its members and their meaning are documented in docs/json.md and do not change. */
#include "json.h"

#include <kgent/agent.h>
#include <kgent/loop.h>
#include <kgent/run.h>

#include <stdlib.h>

void kg_json_append(json_t *object, GString *out)
{
	char *line = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);

	g_assert(line); /* only out of memory, which ends GLib programs anyway */
	g_string_append_printf(out, "%s\n", line);
	free(line);
	json_decref(object);
}

/* JSON holds text, and a program or a message can hold any bytes: what is not UTF-8 becomes U+FFFD. */
json_t *kg_json_text(const char *s)
{
	if (!s)
		return json_null();
	g_autofree char *valid = g_utf8_make_valid(s, -1);
	return json_string(valid);
}

static json_t *texts(const GPtrArray *array)
{
	json_t *list = json_array();

	for (guint i = 0; array && i < array->len; i++)
		json_array_append_new(list, kg_json_text(array->pdata[i]));
	return list;
}

static json_t *checks(const struct kg_verdict *verdict)
{
	json_t *list = json_array();

	for (guint i = 0; verdict && i < verdict->checks->len; i++) {
		const struct kg_check *check = verdict->checks->pdata[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "name", check->name, "result",
						      kg_check_result_name(check->result), "detail", kg_json_text(check->detail), "mend",
						      kg_json_text(check->mend)));
	}
	return list;
}

static const char *severity_name(enum kg_severity severity)
{
	return severity == KG_ERROR ? "error" : severity == KG_WARNING ? "warning" : "note";
}

json_t *kg_json_findings(const GPtrArray *diags)
{
	json_t *list = json_array();

	for (guint i = 0; diags && i < diags->len; i++) {
		const struct kg_diag *diag = diags->pdata[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:o, s:o}", "severity", severity_name(diag->severity),
						      "check", diag->check ?: "", "line", diag->loc.line, "column", diag->loc.col,
						      "message", kg_json_text(diag->msg), "hint", kg_json_text(diag->hint)));
	}
	return list;
}

/* A refusal and an error have one shape, so that a reader needs to know one only. */
static json_t *problem(const struct kg_report *report)
{
	if (report->refusal)
		return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", "refused", "message", kg_json_text(report->refusal->why), "words",
				 texts(report->refusal->left), "close", texts(report->refusal->close), "hint",
				 kg_json_text(report->refusal_hint));
	if (report->error && report->error->code)
		return json_pack("{s:s, s:o, s:o}", "kind", kg_errc_name(report->error->code), "message", kg_json_text(report->error->msg),
				 "hint", kg_json_text(report->error->hint));
	return json_null();
}

static json_t *run(const struct kg_run_result *run)
{
	if (!run)
		return json_null();
	return json_pack("{s:s, s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "end", kg_run_end_name(run->end), "why", kg_json_text(run->why),
			 "attached", run->was_attached, "complete", run->is_complete, "observed_ns", (json_int_t)run->observed_ns,
			 "probes", (json_int_t)run->n_probes, "events", (json_int_t)run->n_events, "lost", (json_int_t)run->n_lost,
			 "thrown_bytes", (json_int_t)run->n_thrown_bytes);
}

static json_t *variant(const struct kg_variant *v)
{
	const struct kg_loc *loc = &v->mutant->loc;
	json_t *object = json_object(), *by = json_array();

	json_object_set_new(object, "kind", json_string(kg_mutant_kind_name(v->mutant->kind)));
	json_object_set_new(object, "what", kg_json_text(v->mutant->what));
	json_object_set_new(object, "place", loc->line ? json_pack("{s:i, s:i, s:i}", "line", loc->line, "col", loc->col, "len", loc->len) : json_null());
	json_object_set_new(object, "result", json_string(kg_mutant_fate_name(v->fate)));
	for (guint i = 0; i < v->by->len; i++)
		json_array_append_new(by, kg_json_text(v->by->pdata[i]));
	json_object_set_new(object, "by", by);
	json_object_set_new(object, "why", kg_json_text(v->why));
	json_object_set_new(object, "program", kg_json_text(v->mutant->text));
	return object;
}

static json_t *mutation(const struct kg_mutation *m)
{
	json_t *object = json_object(), *variants = json_array();
	g_autofree char *summary = kg_mutation_summary(m);

	json_object_set_new(object, "summary", json_string(summary));
	json_object_set_new(object, "wrong", json_integer(m->n_wrong));
	json_object_set_new(object, "refuted", json_integer(m->n_refuted));
	json_object_set_new(object, "limit", kg_json_text(m->limit));
	json_object_set_new(object, "took_ns", json_integer(m->took_ns));
	for (guint i = 0; i < m->variants->len; i++)
		json_array_append_new(variants, variant(m->variants->pdata[i]));
	json_object_set_new(object, "variants", variants);
	return object;
}

static json_t *proof(const struct kg_verdict *verdict)
{
	g_autofree char *json = verdict && verdict->proof ? kg_proof_json(verdict->proof) : NULL;
	json_t *value = json ? json_loads(json, 0, NULL) : NULL;

	return value ?: json_null();
}

static json_t *number_or_null(gint64 n)
{
	return n < 0 ? json_null() : json_integer(n);
}

/* The rounds of a model before the program that is the answer; all of them where there is none. */
static json_t *trials(const struct kg_loop_result *loop)
{
	json_t *list = json_array();

	for (guint i = 0; loop && loop->rounds && i < loop->rounds->len; i++) {
		const struct kg_round *r = loop->rounds->pdata[i];
		if (loop->is_good && i + 1 == loop->rounds->len)
			break;
		json_array_append_new(list, json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "round", (int)r->number, "answer",
						      kg_answer_kind_name(r->kind), "program", kg_json_text(r->program), "says", kg_json_text(r->says),
						      "verdict", kg_json_text(r->verdict), "failures", texts(r->failures), "mends", texts(r->mends),
						      "cached", r->is_cached, "tokens_in", number_or_null(r->tokens_in), "tokens_out",
						      number_or_null(r->tokens_out)));
	}
	return list;
}

static json_t *model(const struct kg_report *report)
{
	const struct kg_loop_result *loop = report->loop;

	if (!report->model || !loop)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "provider", kg_model_protocol(report->model), "name",
			 kg_json_text(kg_model_name(report->model)), "address", kg_json_text(kg_model_address(report->model)), "rounds",
			 (int)(loop->rounds ? loop->rounds->len : 0), "requests", (int)loop->requests, "tokens_in", number_or_null(loop->tokens_in),
			 "tokens_out", number_or_null(loop->tokens_out), "cost", loop->is_cost_known ? json_real(loop->cost) : json_null(),
			 "cards", texts(loop->cards), "examples", texts(loop->examples));
}

static json_t *parsed(const char *json)
{
	json_t *value = json ? json_loads(json, JSON_DECODE_ANY, NULL) : NULL;

	return value ?: json_null();
}

static json_t *findings(const GPtrArray *list)
{
	json_t *array = json_array();

	for (guint i = 0; list && i < list->len; i++) {
		const struct kg_trial_finding *f = list->pdata[i];
		json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:i}", "outcome", kg_trial_outcome_name(f->outcome), "expected",
						       kg_json_text(f->what), "instead", kg_json_text(f->instead), "line", f->line));
	}
	return array;
}

/* What a request's own trial came to. */
static json_t *trial_of(const struct kg_verdict *verdict)
{
	const struct kg_trial_result *r = verdict ? verdict->trial : NULL;
	g_autofree char *truth = r && r->truth ? kg_truth_json(r->truth) : NULL;

	if (!r)
		return json_null();
	return json_pack("{s:o, s:b, s:s, s:o, s:o, s:o, s:o, s:I}", "kernel", kg_json_text(r->kernel), "sandbox", r->is_sandbox, "end",
			 kg_trial_end_name(r->end), "why", kg_json_text(r->why), "truth", parsed(truth), "findings",
			 findings(verdict->trial_findings), "lost", kg_json_text(kg_seen_lost(r->seen)), "took_ns", (json_int_t)r->took_ns);
}

static json_t *result(const struct kg_report *report)
{
	json_t *object = json_object();

	json_object_set_new(object, "type", json_string("result"));
	json_object_set_new(object, "prompt", kg_json_text(report->prompt));
	if (report->file)
		json_object_set_new(object, "file", kg_json_text(report->file));
	if (report->kernel)
		json_object_set_new(object, "kernel", kg_json_text(report->kernel));
	json_object_set_new(object, "engine", kg_json_text(report->engine));
	json_object_set_new(object, "language", kg_json_text(report->language));
	json_object_set_new(object, "program", kg_json_text(report->program));
	json_object_set_new(object, "intent", parsed(report->intent_json));
	json_object_set_new(object, "verdict", report->verdict ? kg_json_text(kg_verdict_name(report->verdict->word)) : json_null());
	json_object_set_new(object, "checks", checks(report->verdict));
	json_object_set_new(object, "findings", kg_json_findings(report->verdict ? report->verdict->diags : NULL));
	json_object_set_new(object, "proof", proof(report->verdict));
	json_object_set_new(object, "mutants", report->verdict && report->verdict->mutation ? mutation(report->verdict->mutation) : json_null());
	json_object_set_new(object, "trials", trials(report->loop));
	json_object_set_new(object, "model", model(report));
	json_object_set_new(object, "known", texts(report->loop ? report->loop->known : NULL));
	json_object_set_new(object, "question", kg_json_text(report->loop && !report->loop->is_good ? report->loop->question : NULL));
	json_object_set_new(object, "summary", kg_json_text(report->summary));
	json_object_set_new(object, "trial", trial_of(report->verdict));
	json_object_set_new(object, "notes", texts(report->notes));
	json_object_set_new(object, "problem", problem(report));
	json_object_set_new(object, "run", run(report->run));
	json_object_set_new(object, "exit", json_integer(report->exit));
	return object;
}

void kg_report_json(const struct kg_report *report, GString *out)
{
	kg_json_append(result(report), out);
}

void kg_reports_json(const struct kg_report *reports, guint n, int exit, GString *out)
{
	json_t *list = json_array();

	for (guint i = 0; i < n; i++)
		json_array_append_new(list, result(&reports[i]));
	kg_json_append(json_pack("{s:s, s:o, s:i}", "type", "check", "kernels", list, "exit", exit), out);
}

/* ---------------------------------------------------------------- a trial by itself */

static json_t *trial_problem(const struct kg_trial_report *report)
{
	if (report->error && report->error->code)
		return json_pack("{s:s, s:o, s:o}", "kind", kg_errc_name(report->error->code), "message", kg_json_text(report->error->msg),
				 "hint", kg_json_text(report->error->hint));
	if (report->result && report->result->end != KG_TRIAL_RAN)
		return json_pack("{s:s, s:o, s:o}", "kind", kg_trial_end_name(report->result->end), "message",
				 kg_json_text(report->result->why), "hint", kg_json_text(report->result->mend));
	return json_null();
}

void kg_trial_json(const struct kg_trial_report *report, GString *out)
{
	const struct kg_trial_result *r = report->result;
	g_autofree char *truth = r && r->truth ? kg_truth_json(r->truth) : NULL;
	json_t *object = json_pack("{s:s, s:o, s:s}", "type", "trial", "file", kg_json_text(report->file), "judgement", report->judgement);

	json_object_set_new(object, "kernel", kg_json_text(r ? r->kernel : NULL));
	json_object_set_new(object, "sandbox", json_boolean(r && r->is_sandbox));
	json_object_set_new(object, "truth", parsed(truth));
	json_object_set_new(object, "findings", findings(report->findings));
	json_object_set_new(object, "lost", kg_json_text(r ? kg_seen_lost(r->seen) : NULL));
	json_object_set_new(object, "verdict", report->verdict ? kg_json_text(kg_verdict_name(report->verdict->word)) : json_null());
	json_object_set_new(object, "checks", checks(report->verdict));
	json_object_set_new(object, "problem", trial_problem(report));
	json_object_set_new(object, "run", run(r ? &r->run : NULL));
	json_object_set_new(object, "took_ns", json_integer(r ? r->took_ns : 0));
	json_object_set_new(object, "exit", json_integer(report->exit));
	kg_json_append(object, out);
}
