/*
 * A trial from YAML (docs/trials.md):
 *
 *	stimulus: tcp-connect --family both --count 4
 *	expect:
 *	  - {each: connections, line: [$each.daddr, $each.dport], is: 1}
 *	  - {no_line: [$connect.dport * 256]}
 *
 * libyaml composes a document whose nodes know where they stand, so that a mistake is told with its line. Nothing here is recursive but
 * `any`, to a fixed depth, so that a document whose nodes point back at themselves does no harm.
 */
#include <kgent/trial.h>

#include <kgent/text.h>

#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#define STAGE "trial"
#define MAX_BYTES (1 << 20)
#define MAX_EXPECTS 1000
#define MAX_PARTS 32

/* ---------------------------------------------------------------- the model */

static void free_want(gpointer data)
{
	struct kg_trial_want *want = data;

	if (!want)
		return;
	g_clear_pointer(&want->values, g_ptr_array_unref);
	g_free(want);
}

static void free_expect(gpointer data)
{
	struct kg_trial_expect *e = data;

	g_free(e->each);
	g_free(e->field);
	g_clear_pointer(&e->parts, g_ptr_array_unref);
	g_clear_pointer(&e->wants, g_ptr_array_unref);
	g_clear_pointer(&e->any, g_ptr_array_unref);
	free_want(e->within);
	g_free(e);
}

struct kg_trial_spec *kg_trial_spec_new(void)
{
	struct kg_trial_spec *spec = g_new0(struct kg_trial_spec, 1);

	spec->expects = g_ptr_array_new_with_free_func(free_expect);
	return spec;
}

struct kg_trial_spec *kg_trial_spec_free(struct kg_trial_spec *spec)
{
	if (!spec)
		return NULL;
	g_strfreev(spec->stimulus);
	g_free(spec->script);
	g_ptr_array_unref(spec->expects);
	g_free(spec);
	return NULL;
}

struct kg_trial_expect *kg_trial_expect_add(GPtrArray *expects, enum kg_trial_kind kind)
{
	struct kg_trial_expect *e = g_new0(struct kg_trial_expect, 1);

	e->kind = kind;
	e->parts = g_ptr_array_new_with_free_func(free_want);
	e->wants = g_ptr_array_new_with_free_func(free_want);
	e->any = g_ptr_array_new_with_free_func(free_expect);
	g_ptr_array_add(expects, e);
	return e;
}

static struct kg_trial_want *new_want(enum kg_trial_compare compare)
{
	struct kg_trial_want *want = g_new0(struct kg_trial_want, 1);

	want->compare = compare;
	want->values = g_ptr_array_new_with_free_func(g_free);
	return want;
}

struct kg_trial_want *kg_trial_want_add(GPtrArray *wants, enum kg_trial_compare compare, const char *value)
{
	struct kg_trial_want *want = new_want(compare);

	g_ptr_array_add(want->values, g_strdup(value));
	g_ptr_array_add(wants, want);
	return want;
}

/* ---------------------------------------------------------------- reading */

struct reading {
	const char *file;
	int first_line;
	yaml_document_t *doc;
	guint n_expects;
	struct kg_error *err;
};

static int wrong(const struct reading *r, const yaml_node_t *node, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

static int line_of(const struct reading *r, const yaml_node_t *node)
{
	return r->first_line + (int)node->start_mark.line;
}

static int wrong(const struct reading *r, const yaml_node_t *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_autofree char *msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return kg_error_set(r->err, KG_E_PARSE, STAGE, "%s:%d: %s", r->file, line_of(r, node), msg);
}

static yaml_node_t *node_at(const struct reading *r, int index)
{
	return yaml_document_get_node(r->doc, index);
}

static const char *text_of(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static yaml_node_t *get(const struct reading *r, const yaml_node_t *map, const char *key)
{
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		const char *name = text_of(node_at(r, p->key));
		if (name && !strcmp(name, key))
			return node_at(r, p->value);
	}
	return NULL;
}

/* Every key must be one of these, and be there once: a word that is misspelt must not be an expectation that holds always. */
static int check_keys(const struct reading *r, const yaml_node_t *map, const char *what, const char *const *keys)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	if (map->type != YAML_MAPPING_NODE)
		return wrong(r, map, "%s must be a map (key: value)", what);
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
		yaml_node_t *key = node_at(r, p->key);
		const char *name = text_of(key), *near = NULL;

		if (!name)
			return wrong(r, key, "a key must be a word");
		for (gsize i = 0; keys[i] && !near; i++)
			near = kg_text_distance(name, keys[i], 2) <= 2 ? keys[i] : NULL;
		if (!g_strv_contains(keys, name)) {
			int code = near ? wrong(r, key, "%s has no key '%s'; did you mean '%s'?", what, name, near)
					: wrong(r, key, "%s has no key '%s'", what, name);
			g_autofree char *all = g_strjoinv(", ", (char **)keys);
			kg_error_hint(r->err, "allowed: %s", all);
			return code;
		}
		if (!g_hash_table_add(seen, (gpointer)name))
			return wrong(r, key, "key '%s' is there twice", name);
	}
	return 0;
}

static int read_text(const struct reading *r, const yaml_node_t *node, const char *what, char **ret)
{
	const char *text = text_of(node);

	if (!text || !*text || strlen(text) != node->data.scalar.length || !g_utf8_validate(text, -1, NULL))
		return wrong(r, node, "%s must be a text or a number", what);
	g_free(*ret);
	*ret = g_strdup(text);
	return 0;
}

static int read_bool(const struct reading *r, const yaml_node_t *node, const char *what, gboolean *ret)
{
	const char *text = text_of(node);

	if (!text || (strcmp(text, "true") && strcmp(text, "false")))
		return wrong(r, node, "%s must be true or false", what);
	*ret = text[0] == 't';
	return 0;
}

/* "5s", "300ms", "20us" */
static int read_duration(const struct reading *r, const yaml_node_t *node, const char *what, gint64 *ret)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"min", 60e9}};
	const char *text = text_of(node);
	char *end;
	double n = text ? g_ascii_strtod(text, &end) : 0;

	for (gsize i = 0; text && end != text && i < G_N_ELEMENTS(units); i++) {
		if (strcmp(end, units[i].unit) || n < 0 || n * units[i].ns > 600e9)
			continue;
		*ret = (gint64)(n * units[i].ns);
		return 0;
	}
	return wrong(r, node, "%s must be a time like 5s or 300ms, at most ten minutes", what);
}

/* A scalar or a list of scalars, into [out]. */
static int read_texts(const struct reading *r, const yaml_node_t *node, const char *what, guint max, GPtrArray *out)
{
	char *text = NULL;

	if (node->type != YAML_SEQUENCE_NODE) {
		int code = read_text(r, node, what, &text);
		if (!code)
			g_ptr_array_add(out, text);
		return code;
	}
	for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
		int code = out->len < max ? read_text(r, node_at(r, *i), what, &text) : wrong(r, node, "%s has more than %u members", what, max);
		if (code)
			return code;
		g_ptr_array_add(out, g_steal_pointer(&text));
	}
	return 0;
}

static const char *const compare_words[] = {"is", "at_least", "at_most", "between", "one_of", "like", NULL};

static int read_want(const struct reading *r, const yaml_node_t *node, enum kg_trial_compare compare, struct kg_trial_want **ret)
{
	struct kg_trial_want *want = new_want(compare);
	const char *word = compare_words[compare];
	int code = read_texts(r, node, word, MAX_PARTS, want->values);
	guint n = want->values->len, needed = compare == KG_TRIAL_BETWEEN ? 2 : 1;

	if (!code && (compare == KG_TRIAL_ONE_OF ? n == 0 : n != needed))
		code = wrong(r, node, "%s takes %s", word, compare == KG_TRIAL_BETWEEN ? "a list of two" :
			     compare == KG_TRIAL_ONE_OF ? "a list" : "one value");
	if (code)
		free_want(want);
	else
		*ret = want;
	return code;
}

/* A part of a key or line: a value, or {at_least: ...} */
static int read_part(const struct reading *r, yaml_node_t *node, struct kg_trial_want **ret)
{
	if (node->type == YAML_SCALAR_NODE)
		return read_want(r, node, KG_TRIAL_IS, ret);
	if (node->type != YAML_MAPPING_NODE)
		return wrong(r, node, "a part is a value, or a comparison like {at_least: 5}");
	int code = check_keys(r, node, "a comparison", compare_words);
	if (code)
		return code;
	if (node->data.mapping.pairs.top - node->data.mapping.pairs.start != 1)
		return wrong(r, node, "a comparison has one key");
	for (int i = 0; compare_words[i]; i++) {
		yaml_node_t *value = get(r, node, compare_words[i]);
		if (value)
			return read_want(r, value, (enum kg_trial_compare)i, ret);
	}
	return wrong(r, node, "a comparison has one key");
}

static int read_parts(const struct reading *r, yaml_node_t *node, GPtrArray *out)
{
	struct kg_trial_want *want = NULL;

	if (node->type != YAML_SEQUENCE_NODE) {
		int code = read_part(r, node, &want);
		if (!code)
			g_ptr_array_add(out, want);
		return code;
	}
	for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
		int code = out->len < MAX_PARTS ? read_part(r, node_at(r, *i), &want) : wrong(r, node, "more than %d parts", MAX_PARTS);
		if (code)
			return code;
		g_ptr_array_add(out, want);
	}
	return 0;
}

static const char *const kind_words[] = {"line", "no_line", "row", "no_row", "only_rows", "rows", "any", NULL};
static const char *const expect_keys[] = {"line", "no_line", "row", "no_row", "only_rows", "rows", "any", "is", "at_least", "at_most", "between",
					  "field", "within", "over_time", "several", "each", "about", NULL};

static int read_expects(struct reading *r, const yaml_node_t *list, int depth, GPtrArray *out);

static int read_kind(struct reading *r, yaml_node_t *map, struct kg_trial_expect *e, int depth)
{
	yaml_node_t *value = get(r, map, kind_words[e->kind]);
	struct kg_trial_want *want = NULL;
	int code;

	if (e->kind == KG_TRIAL_ANY)
		return read_expects(r, value, depth + 1, e->any);
	if (e->kind != KG_TRIAL_ROWS)
		return read_parts(r, value, e->parts);
	code = read_part(r, value, &want); /* rows: 3, rows: {at_most: 3} */
	if (!code)
		g_ptr_array_add(e->wants, want);
	return code;
}

/* Comparisons stand in the expectation itself: {row: [x], is: 3}. */
static int read_comparisons(struct reading *r, yaml_node_t *map, struct kg_trial_expect *e)
{
	for (int i = KG_TRIAL_IS; i <= KG_TRIAL_BETWEEN; i++) {
		yaml_node_t *value = get(r, map, compare_words[i]);
		struct kg_trial_want *want = NULL;
		int code = value ? read_want(r, value, (enum kg_trial_compare)i, &want) : 0;

		if (code)
			return code;
		if (want)
			g_ptr_array_add(e->wants, want);
	}
	if (e->wants->len && e->kind != KG_TRIAL_LINE && e->kind != KG_TRIAL_ROW && e->kind != KG_TRIAL_ROWS)
		return wrong(r, map, "%s takes no comparison", kind_words[e->kind]);
	return 0;
}

static int read_rest(struct reading *r, yaml_node_t *map, struct kg_trial_expect *e)
{
	yaml_node_t *each = get(r, map, "each"), *field = get(r, map, "field"), *within = get(r, map, "within"),
		    *over_time = get(r, map, "over_time"), *several = get(r, map, "several");
	static const char *const fields[] = {"count", "average", "total", NULL};
	int code = 0;

	if ((field || within || over_time || several) && e->kind != KG_TRIAL_ROW)
		return wrong(r, map, "field, within, over_time and several belong to a row");
	if (each)
		code = read_text(r, each, "each", &e->each);
	if (!code && field)
		code = read_text(r, field, "field", &e->field);
	if (!code && e->field && !g_strv_contains(fields, e->field))
		code = wrong(r, field, "field is one of count, average, total");
	if (!code && within)
		code = read_want(r, within, KG_TRIAL_BETWEEN, &e->within);
	if (!code && over_time)
		code = read_bool(r, over_time, "over_time", &e->over_time);
	if (!code && several)
		code = read_bool(r, several, "several", &e->several);
	return code;
}

static int read_expect(struct reading *r, yaml_node_t *map, int depth, GPtrArray *out)
{
	int kind = -1, code = check_keys(r, map, "an expectation", expect_keys);

	if (code)
		return code;
	if (++r->n_expects > MAX_EXPECTS)
		return kg_error_set(r->err, KG_E_LIMIT, STAGE, "%s: more than %d expectations", r->file, MAX_EXPECTS);
	for (int i = 0; kind_words[i]; i++) {
		if (!get(r, map, kind_words[i]))
			continue;
		if (kind >= 0)
			return wrong(r, map, "an expectation is about one thing, not %s and %s", kind_words[kind], kind_words[i]);
		kind = i;
	}
	if (kind < 0)
		return wrong(r, map, "an expectation needs one of line, no_line, row, no_row, only_rows, rows, any");
	struct kg_trial_expect *e = kg_trial_expect_add(out, (enum kg_trial_kind)kind);
	e->line = line_of(r, map);
	code = read_kind(r, map, e, depth);
	if (!code)
		code = read_comparisons(r, map, e);
	if (!code && kind == KG_TRIAL_ROWS && !e->wants->len)
		code = wrong(r, map, "rows needs a number");
	if (!code)
		code = read_rest(r, map, e);
	return code;
}

static int read_expects(struct reading *r, const yaml_node_t *list, int depth, GPtrArray *out)
{
	if (list->type != YAML_SEQUENCE_NODE)
		return wrong(r, list, "%s must be a list", depth ? "any" : "expect");
	if (depth > 2)
		return wrong(r, list, "nested too deeply");
	for (yaml_node_item_t *i = list->data.sequence.items.start; i < list->data.sequence.items.top; i++) {
		int code = read_expect(r, node_at(r, *i), depth, out);
		if (code)
			return code;
	}
	return 0;
}

static int read_stimulus(struct reading *r, yaml_node_t *node, struct kg_trial_spec *spec)
{
	g_autofree char *line = NULL;
	g_autoptr(GError) problem = NULL;
	int code = 0;

	if (node->type == YAML_SEQUENCE_NODE) {
		g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
		code = read_texts(r, node, "stimulus", 64, words);
		g_ptr_array_set_free_func(words, NULL);
		g_ptr_array_add(words, NULL);
		spec->stimulus = (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
	} else {
		code = read_text(r, node, "stimulus", &line);
		if (!code && !g_shell_parse_argv(line, NULL, &spec->stimulus, &problem))
			code = wrong(r, node, "stimulus: %s", problem->message);
	}
	if (!code && !spec->stimulus[0])
		code = wrong(r, node, "stimulus is empty");
	return code;
}

static int read_spec(struct reading *r, yaml_node_t *map, struct kg_trial_spec *spec)
{
	static const char *const keys[] = {"stimulus", "script", "for", "after", "expect", "about", NULL};
	int code = check_keys(r, map, "a trial", keys);
	yaml_node_t *node;

	if (!code && (node = get(r, map, "stimulus")))
		code = read_stimulus(r, node, spec);
	if (!code && (node = get(r, map, "script")))
		code = read_text(r, node, "script", &spec->script);
	if (!code && spec->script && spec->stimulus)
		code = wrong(r, node, "a trial has a stimulus or a script, not both");
	if (!code && (node = get(r, map, "for")))
		code = read_duration(r, node, "for", &spec->for_ns);
	if (!code && (node = get(r, map, "after")))
		code = read_duration(r, node, "after", &spec->after_ns);
	if (!code && (node = get(r, map, "expect")))
		code = read_expects(r, node, 0, spec->expects);
	return code;
}

static int read_document(struct reading *r, struct kg_trial_spec *spec)
{
	yaml_node_t *root = yaml_document_get_root_node(r->doc), *section;

	if (!root)
		return kg_error_set(r->err, KG_E_PARSE, STAGE, "%s: there is no trial in it", r->file);
	if (root->type != YAML_MAPPING_NODE)
		return wrong(r, root, "a trial must be a map (key: value)");
	section = get(r, root, "trial");
	return read_spec(r, section ?: root, spec);
}

int kg_trial_spec_parse(const char *file, int first_line, const char *text, gsize len, struct kg_trial_spec **ret, struct kg_error *err)
{
	struct kg_trial_spec *spec = kg_trial_spec_new();
	yaml_document_t doc;
	struct reading r = {.file = file, .first_line = first_line, .doc = &doc, .err = err};
	yaml_parser_t parser;
	int code;

	if (len > MAX_BYTES) {
		kg_trial_spec_free(spec);
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%s: larger than %d bytes", file, MAX_BYTES);
	}
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &doc)) {
		code = kg_error_set(err, KG_E_PARSE, STAGE, "%s:%d: not YAML: %s", file, first_line + (int)parser.problem_mark.line,
				    parser.problem ?: "unreadable");
	} else {
		code = read_document(&r, spec);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	if (code)
		kg_trial_spec_free(spec);
	else
		*ret = spec;
	return code;
}
