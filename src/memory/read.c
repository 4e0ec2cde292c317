/*
 * What an import's text holds: records.
 *
 *   [ {"request": "...", "bpf": "..."}, ... ]        a JSON array
 *   {"request": "...", "bpf": "..."}                 JSON Lines: an object a line; or objects one after the other
 *
 * A record that is broken must not cost the others. So the text is first cut into records without understanding them (by lines, or by
 * counting brackets outside of strings), and each piece is parsed on its own.
 */
#include "internal.h"

#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

struct cutting {
	const char *text, *at, *end;
	const struct record_sink *sink;
	guint number;
	int line;          /* of [counted] */
	const char *counted;
	struct kg_error *err;
};

void record_clear(struct record *record)
{
	kg_memory_pair_clear(&record->pair);
	g_clear_pointer(&record->outcomes, g_ptr_array_unref);
}

/* ---------------------------------------------------------------- one record */

/* The text of the first member that is there. FALSE: it is no text, or has a NUL in it. */
static gboolean take_text(json_t *object, const char *const *names, char **ret)
{
	for (; *names; names++) {
		json_t *value = json_object_get(object, *names);
		if (!value || json_is_null(value))
			continue;
		const char *text = json_string_value(value);
		if (!text || strlen(text) != json_string_length(value))
			return FALSE;
		*ret = g_strdup(text);
		return TRUE;
	}
	return TRUE;
}

static gint64 take_number(json_t *object, const char *name)
{
	gint64 n = json_integer_value(json_object_get(object, name));

	return CLAMP(n, 0, G_GINT64_CONSTANT(1) << 52);
}

/* What we do not know as a verdict or source is left out: the record is still good. */
static void keep_known(struct kg_memory_pair *pair)
{
	if (pair->verdict && !pair_verdict_is_known(pair->verdict))
		g_clear_pointer(&pair->verdict, g_free);
	/* What was shipped, and is not any more, is the user's own. */
	if (g_strcmp0(pair->source, "run")) {
		g_free(pair->source);
		pair->source = g_strdup("import");
	}
}

static GPtrArray *take_wordings(json_t *object)
{
	json_t *list = json_object_get(object, "also"), *item;
	size_t i;

	if (!json_array_size(list))
		return NULL;
	GPtrArray *also = g_ptr_array_new_with_free_func(g_free);
	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);
		if (text && *text && strlen(text) == json_string_length(item))
			g_ptr_array_add(also, g_strdup(text));
	}
	return also;
}

static gboolean take_outcome_texts(json_t *object, struct kg_memory_pair *pair)
{
	static const char *const verdict[] = {"verdict", NULL}, *const kernel[] = {"kernel", NULL}, *const reason[] = {"reason", NULL};

	return take_text(object, verdict, &pair->verdict) && take_text(object, kernel, &pair->kernel) &&
	       take_text(object, reason, &pair->reason);
}

static GPtrArray *take_outcomes(json_t *object)
{
	json_t *list = json_object_get(object, "outcomes"), *item;
	size_t i;

	if (!json_array_size(list))
		return NULL;
	GPtrArray *outcomes = memory_outcomes_new();
	json_array_foreach(list, i, item) {
		struct kg_memory_pair texts = {0};
		_cleanup_error_ struct kg_error bad = {0};
		struct kg_memory_pair whole = {.prompt = (char *)"p", .program = (char *)"p"};
		gboolean is_good = take_outcome_texts(item, &texts);
		keep_known(&texts);
		whole.verdict = texts.verdict, whole.kernel = texts.kernel, whole.reason = texts.reason;
		if (is_good && !memory_check_pair(&whole, &bad)) {
			struct kg_memory_outcome *o = g_new0(struct kg_memory_outcome, 1);
			*o = (struct kg_memory_outcome){g_steal_pointer(&texts.verdict), g_steal_pointer(&texts.kernel),
							g_steal_pointer(&texts.reason), take_number(item, "count"), take_number(item, "when")};
			g_ptr_array_add(outcomes, o);
		}
		kg_memory_pair_clear(&texts);
	}
	return outcomes;
}

/* NULL, or why it is no record. Static or owned by [err]. */
static const char *understand(json_t *object, struct record *record, struct kg_error *err)
{
	static const char *const prompt[] = {"request", "prompt", NULL}, *const program[] = {"bpf", "program", NULL};
	static const char *const language[] = {"language", NULL}, *const engine[] = {"engine", NULL}, *const source[] = {"source", NULL};
	struct kg_memory_pair *pair = &record->pair;

	if (!json_is_object(object))
		return "it is no object";
	if (!take_text(object, prompt, &pair->prompt))
		return "its request is no text";
	if (!take_text(object, program, &pair->program))
		return "its bpf is no text";
	if (!take_text(object, language, &pair->language) || !take_text(object, engine, &pair->engine) ||
	    !take_text(object, source, &pair->source) || !take_outcome_texts(object, pair))
		return "one of language, engine, source, verdict, kernel and reason is no text";
	pair->count = take_number(object, "count");
	pair->first = take_number(object, "first");
	pair->when = take_number(object, "when");
	pair->also = take_wordings(object);
	record->outcomes = take_outcomes(object);
	keep_known(pair);
	return memory_check_pair(pair, err) ? err->msg : NULL;
}

static int line_at(struct cutting *c, const char *s)
{
	for (; c->counted < s; c->counted++)
		c->line += *c->counted == '\n';
	return c->line;
}

static int take_piece(struct cutting *c, const char *begin, const char *end)
{
	_cleanup_error_ struct kg_error why_not = {0};
	g_autofree char *syntax = NULL;
	struct record record = {0};
	json_error_t bad;
	json_t *object = json_loadb(begin, (gsize)(end - begin), JSON_ALLOW_NUL | JSON_DECODE_ANY, &bad);
	const char *why = object ? understand(object, &record, &why_not) : (syntax = g_strdup_printf("not JSON: %s", bad.text));
	int r = 0;

	c->number++;
	if (why)
		c->sink->skip(c->sink->user, c->number, line_at(c, begin), why);
	else
		r = c->sink->take(c->sink->user, &record, c->err);
	record_clear(&record);
	json_decref(object);
	return r;
}

/* ---------------------------------------------------------------- cutting */

static void skip_space(struct cutting *c)
{
	while (c->at < c->end && g_ascii_isspace(*c->at))
		c->at++;
}

static const char *end_of_string(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		if (*s == '\\' && s + 1 < end)
			s++;
	return s < end ? s + 1 : end;
}

/* Behind the value that begins here, or where a comma or bracket ends it. */
static const char *end_of_value(const char *s, const char *end)
{
	int depth = 0;

	while (s < end) {
		if (*s == '"') {
			s = end_of_string(s, end);
			if (!depth)
				return s;
			continue;
		}
		if (!depth && (*s == ',' || *s == ']' || *s == '}'))
			return s;
		depth += *s == '{' || *s == '[';
		depth -= *s == '}' || *s == ']';
		s++;
		if (!depth && (s[-1] == '}' || s[-1] == ']'))
			return s;
	}
	return end;
}

static int cut_array(struct cutting *c)
{
	int r = 0;

	for (c->at++; !r;) {
		skip_space(c);
		if (c->at >= c->end) {
			c->sink->skip(c->sink->user, ++c->number, line_at(c, c->at), "the array ends too early: the file is cut off");
			return 0;
		}
		if (*c->at == ']')
			return 0;
		if (*c->at == ',') {
			c->at++;
			continue;
		}
		const char *begin = c->at;
		c->at = end_of_value(begin, c->end);
		if (c->at == begin) /* a bracket that nothing opened */
			c->at++;
		r = take_piece(c, begin, c->at);
	}
	return r;
}

static int cut_lines(struct cutting *c)
{
	struct kg_text_line line;
	int r = 0;

	while (!r && kg_text_next_line(&c->at, c->end, &line)) {
		gsize len = line.len;
		while (len && g_ascii_isspace(line.s[len - 1]))
			len--;
		if (len)
			r = take_piece(c, line.s, line.s + len);
	}
	return r;
}

static int cut_objects(struct cutting *c)
{
	int r = 0;

	for (skip_space(c); c->at < c->end && !r; skip_space(c)) {
		const char *begin = c->at;
		c->at = end_of_value(begin, c->end);
		if (c->at == begin)
			c->at++;
		r = take_piece(c, begin, c->at);
	}
	return r;
}

/* Is an object whole on its line? */
static gboolean is_lines(const char *s, const char *end)
{
	const char *newline = memchr(s, '\n', (gsize)(end - s));
	const char *last = newline ? newline : end;

	while (last > s && g_ascii_isspace(last[-1]))
		last--;
	return last > s + 1 && last[-1] == '}';
}

int records_read(const char *text, gsize len, const struct record_sink *sink, struct kg_error *err)
{
	gsize mark = len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
	struct cutting c = {.text = text, .at = text + mark, .end = text + len, .sink = sink, .line = 1, .counted = text, .err = err};

	skip_space(&c);
	if (c.at < c.end && *c.at == '[')
		return cut_array(&c);
	if (c.at < c.end && *c.at == '{')
		return is_lines(c.at, c.end) ? cut_lines(&c) : cut_objects(&c);
	kg_error_set(err, KG_E_PARSE, "import", c.at < c.end ? "this is no JSON" : "there is nothing in it");
	kg_error_hint(err, "it has to be an array of objects with request and bpf, or such objects one a line");
	return -KG_E_PARSE;
}
