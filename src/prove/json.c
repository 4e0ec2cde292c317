/* The proof as JSON, and back: what the child process sends, and what --json shows. */
#include "proof.h"

#include <jansson.h>
#include <string.h>

/* ---------------------------------------------------------------- out */

static void put(json_t *object, const char *name, const char *text)
{
	json_t *string = text ? json_string(text) : NULL;

	if (text)
		json_object_set_new(object, name, string ? string : json_string("(not UTF-8)"));
}

static void put_loc(json_t *object, const char *name, const struct kg_loc *loc)
{
	if (loc->line)
		json_object_set_new(object, name, json_pack("{s:i, s:i, s:i}", "line", loc->line, "col", loc->col, "len", loc->len));
}

static json_t *strings_json(const GPtrArray *strings)
{
	json_t *array = json_array();

	for (guint i = 0; i < strings->len; i++)
		json_array_append_new(array, json_string(strings->pdata[i]));
	return array;
}

static json_t *path_json(const GPtrArray *path)
{
	json_t *array = json_array();

	for (guint i = 0; i < path->len; i++) {
		const struct kg_ce_step *step = path->pdata[i];
		json_t *one = json_pack("{s:i, s:i, s:i}", "line", step->loc.line, "col", step->loc.col, "len", step->loc.len);
		gboolean is_line = step->kind == KG_STEP_LINE;
		put(one, "at", kg_step_name(step->kind));
		put(one, is_line ? "source" : "condition", step->text);
		if (!is_line)
			json_object_set_new(one, "holds", json_boolean(step->holds));
		if (step->is_number)
			json_object_set_new(one, "is_number", json_true());
		if (step->since) {
			put(one, "since", step->since);
			json_object_set_new(one, "since_holds", json_boolean(step->since_holds));
		}
		if (is_line)
			json_object_set_new(one, "then_line", json_integer(step->then_line));
		json_object_set_new(one, "times", json_integer(step->times));
		if (step->left_out)
			json_object_set_new(one, "left_out", json_integer(step->left_out));
		json_array_append_new(array, one);
	}
	return array;
}

static json_t *event_json(const struct kg_ce_event *event)
{
	json_t *object = json_object(), *facts = json_array();

	put(object, "attach", event->attach);
	put(object, "thread", event->thread);
	for (guint i = 0; i < event->facts->len; i++) {
		const struct kg_fact *fact = event->facts->pdata[i];
		json_t *one = json_object();
		put(one, "name", fact->name);
		put(one, "type", fact->type);
		put(one, "value", fact->value);
		put(one, "plain", fact->plain);
		json_array_append_new(facts, one);
	}
	json_object_set_new(object, "facts", facts);
	if (event->path->len)
		json_object_set_new(object, "path", path_json(event->path));
	if (event->other_path->len)
		json_object_set_new(object, "other_path", path_json(event->other_path));
	return object;
}

json_t *counterexample_json(const struct kg_counterexample *ce)
{
	json_t *object = json_object(), *events = json_array(), *lines = json_array();

	for (guint i = 0; i < ce->events->len; i++)
		json_array_append_new(events, event_json(ce->events->pdata[i]));
	json_object_set_new(object, "events", events);
	put(object, "shown", ce->shown);
	put(object, "wanted", ce->wanted);
	put(object, "from", ce->from);
	for (guint i = 0; i < ce->lines->len; i++) {
		const struct kg_loc *loc = ce->lines->pdata[i];
		json_array_append_new(lines, json_pack("{s:i, s:i, s:i}", "line", loc->line, "col", loc->col, "len", loc->len));
	}
	json_object_set_new(object, "lines", lines);
	json_object_set_new(object, "replayed", json_boolean(ce->is_replayed));
	return object;
}

static json_t *result_json(const struct kg_obligation_result *r)
{
	json_t *object = json_object(), *ces = json_array();

	put(object, "kind", kg_obligation_info(r->kind)->name);
	put(object, "what", r->what);
	put(object, "title", r->title);
	put(object, "result", kg_proof_name(r->word));
	put(object, "why", r->why);
	put(object, "mend", r->mend);
	put_loc(object, "contract", &r->contract_loc);
	put_loc(object, "program", &r->loc);
	json_object_set_new(object, "paths", json_integer(r->n_paths));
	for (guint i = 0; i < r->counterexamples->len; i++)
		json_array_append_new(ces, counterexample_json(r->counterexamples->pdata[i]));
	json_object_set_new(object, "counterexamples", ces);
	return object;
}

static json_t *losses_json(const GPtrArray *losses)
{
	json_t *array = json_array();

	for (guint i = 0; i < losses->len; i++) {
		const struct kg_loss *loss = losses->pdata[i];
		json_t *object = json_object();
		put(object, "what", loss->what);
		put(object, "mend", loss->mend);
		put_loc(object, "program", &loss->loc);
		json_array_append_new(array, object);
	}
	return array;
}

char *kg_proof_json(const struct kg_proof *proof)
{
	json_t *object = json_object(), *results = json_array();
	char *text, *own;

	put(object, "result", kg_proof_name(proof->word));
	for (guint i = 0; i < proof->results->len; i++)
		json_array_append_new(results, result_json(proof->results->pdata[i]));
	json_object_set_new(object, "obligations", results);
	json_object_set_new(object, "uncovered", strings_json(proof->uncovered));
	json_object_set_new(object, "assumptions", strings_json(proof->assumptions));
	json_object_set_new(object, "losses", losses_json(proof->losses));
	put(object, "limit", proof->limit);
	json_object_set_new(object, "paths", json_integer(proof->n_paths));
	json_object_set_new(object, "questions", json_integer(proof->n_checks));
	json_object_set_new(object, "took_ns", json_integer(proof->took_ns));
	json_object_set_new(object, "solver_ns", json_integer(proof->solver_ns));
	json_object_set_new(object, "peak_bytes", json_integer(proof->peak_bytes));
	text = json_dumps(object, JSON_COMPACT);
	own = g_strdup(text ? text : "{}");
	free(text);
	json_decref(object);
	return own;
}

/* ---------------------------------------------------------------- in */

static char *get(const json_t *object, const char *name)
{
	return g_strdup(json_string_value(json_object_get(object, name)));
}

static struct kg_loc get_loc(const json_t *loc)
{
	return (struct kg_loc){(int)json_integer_value(json_object_get(loc, "line")), (int)json_integer_value(json_object_get(loc, "col")),
			       (int)json_integer_value(json_object_get(loc, "len"))};
}

static enum kg_step_kind step_kind(const char *name)
{
	for (int i = KG_STEP_PREDICATE; name && i < KG_STEP_LINE; i++)
		if (!strcmp(name, kg_step_name(i)))
			return i;
	return KG_STEP_LINE;
}

static void read_path(GPtrArray *path, const json_t *array)
{
	json_t *one;
	size_t i;

	json_array_foreach(array, i, one) {
		struct kg_ce_step *step = g_new0(struct kg_ce_step, 1);
		step->kind = step_kind(json_string_value(json_object_get(one, "at")));
		step->loc = get_loc(one);
		step->text = get(one, step->kind == KG_STEP_LINE ? "source" : "condition");
		step->holds = json_is_true(json_object_get(one, "holds"));
		step->since = get(one, "since");
		step->since_holds = json_is_true(json_object_get(one, "since_holds"));
		step->is_number = json_is_true(json_object_get(one, "is_number"));
		step->then_line = (guint)json_integer_value(json_object_get(one, "then_line"));
		step->times = (guint)json_integer_value(json_object_get(one, "times"));
		step->left_out = (guint)json_integer_value(json_object_get(one, "left_out"));
		g_ptr_array_add(path, step);
	}
}

static struct kg_ce_event *read_event(const json_t *object)
{
	struct kg_ce_event *event = ce_event_new(json_string_value(json_object_get(object, "attach")));
	json_t *one;
	size_t i;

	event->thread = get(object, "thread");
	read_path(event->path, json_object_get(object, "path"));
	read_path(event->other_path, json_object_get(object, "other_path"));
	json_array_foreach(json_object_get(object, "facts"), i, one) {
		struct kg_fact *fact = g_new0(struct kg_fact, 1);
		fact->name = get(one, "name");
		fact->type = get(one, "type");
		fact->value = get(one, "value");
		fact->plain = get(one, "plain");
		g_ptr_array_add(event->facts, fact);
	}
	return event;
}

struct kg_counterexample *read_counterexample(const json_t *object)
{
	struct kg_counterexample *ce = g_new0(struct kg_counterexample, 1);
	json_t *one;
	size_t i;

	ce->events = g_ptr_array_new_with_free_func(ce_event_free);
	ce->lines = g_ptr_array_new_with_free_func(g_free);
	json_array_foreach(json_object_get(object, "events"), i, one)
		g_ptr_array_add(ce->events, read_event(one));
	json_array_foreach(json_object_get(object, "lines"), i, one) {
		struct kg_loc loc = get_loc(one);
		g_ptr_array_add(ce->lines, g_memdup2(&loc, sizeof(loc)));
	}
	ce->shown = get(object, "shown");
	ce->wanted = get(object, "wanted");
	ce->from = get(object, "from");
	ce->is_replayed = json_is_true(json_object_get(object, "replayed"));
	return ce;
}

static enum kg_proof_word word_of(const json_t *text)
{
	const char *word = json_string_value(text);

	for (int i = KG_PROOF_PROVED; i <= KG_PROOF_UNKNOWN; i++)
		if (word && !strcmp(word, kg_proof_name(i)))
			return i;
	return KG_PROOF_UNKNOWN;
}

static void read_result(struct kg_proof *proof, const json_t *object)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));
	struct kg_obligation_result *r = proof_result(proof, kind ? kg_obligation_parse(kind) : KG_OBLIGATIONS,
						      json_string_value(json_object_get(object, "what")));
	json_t *one;
	size_t i;

	r->title = get(object, "title");
	r->word = word_of(json_object_get(object, "result"));
	r->why = get(object, "why");
	r->mend = get(object, "mend");
	r->contract_loc = get_loc(json_object_get(object, "contract"));
	r->loc = get_loc(json_object_get(object, "program"));
	r->n_paths = (guint)json_integer_value(json_object_get(object, "paths"));
	g_ptr_array_set_free_func(r->counterexamples, counterexample_free);
	json_array_foreach(json_object_get(object, "counterexamples"), i, one)
		g_ptr_array_add(r->counterexamples, read_counterexample(one));
}

static void read_strings(GPtrArray *to, const json_t *array)
{
	json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
		g_ptr_array_add(to, g_strdup(json_string_value(one)));
}

int kg_proof_read(const char *json, gsize len, struct kg_proof **ret, struct kg_error *err)
{
	json_error_t e;
	json_t *object = json_loadb(json, len, 0, &e), *one;
	struct kg_proof *proof;
	size_t i;

	if (!object || !json_is_object(object) || !json_object_get(object, "result")) {
		json_decref(object);
		return kg_error_set(err, KG_E_PARSE, "proof", "this is not a proof");
	}
	proof = proof_new();
	proof->word = word_of(json_object_get(object, "result"));
	json_array_foreach(json_object_get(object, "obligations"), i, one)
		read_result(proof, one);
	read_strings(proof->uncovered, json_object_get(object, "uncovered"));
	read_strings(proof->assumptions, json_object_get(object, "assumptions"));
	json_array_foreach(json_object_get(object, "losses"), i, one) {
		struct kg_loss *loss = g_new0(struct kg_loss, 1);
		loss->what = get(one, "what");
		loss->mend = get(one, "mend");
		loss->loc = get_loc(json_object_get(one, "program"));
		g_ptr_array_add(proof->losses, loss);
	}
	proof->limit = get(object, "limit");
	proof->n_paths = (guint)json_integer_value(json_object_get(object, "paths"));
	proof->n_checks = (guint)json_integer_value(json_object_get(object, "questions"));
	proof->took_ns = json_integer_value(json_object_get(object, "took_ns"));
	proof->solver_ns = json_integer_value(json_object_get(object, "solver_ns"));
	proof->peak_bytes = json_integer_value(json_object_get(object, "peak_bytes"));
	json_decref(object);
	*ret = proof;
	return 0;
}
