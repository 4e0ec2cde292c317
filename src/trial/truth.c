/*
 * The ground truth, and the values that expectations take from it. A value is a small language: references, whole numbers, + - * / and
 * brackets; whatever is none of that is a text in which references are replaced.
 */
#include <kgent/trial.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define STAGE "trial"
#define MAX_DEPTH 16

struct kg_truth {
	json_t *object;
};

int kg_truth_parse(const char *text, gsize len, struct kg_truth **ret, struct kg_error *err)
{
	const char *end = text + len;

	while (end > text) {
		const char *line = memrchr(text, '\n', (gsize)(end - text));
		const char *begin = line ? line + 1 : text;
		json_t *object = *begin == '{' ? json_loadb(begin, (gsize)(end - begin), JSON_REJECT_DUPLICATES, NULL) : NULL;

		if (json_is_object(object)) {
			*ret = g_new0(struct kg_truth, 1);
			(*ret)->object = object;
			return 0;
		}
		json_decref(object);
		end = line ? line : text;
	}
	return kg_error_set(err, KG_E_PARSE, STAGE, "the stimulus did not tell what it did: there is no line with a JSON object");
}

struct kg_truth *kg_truth_free(struct kg_truth *truth)
{
	if (truth)
		json_decref(truth->object);
	g_free(truth);
	return NULL;
}

char *kg_truth_json(const struct kg_truth *truth)
{
	char *text = json_dumps(truth->object, JSON_COMPACT | JSON_PRESERVE_ORDER), *copy = g_strdup(text);

	free(text);
	return copy;
}

/* "connections.3.dport" */
static const json_t *look_up(const json_t *at, const char *name)
{
	g_auto(GStrv) parts = g_strsplit(name, ".", MAX_DEPTH);

	for (int i = 0; at && parts[i]; i++)
		at = json_is_array(at) ? g_ascii_isdigit(parts[i][0]) ? json_array_get(at, (gsize)g_ascii_strtoull(parts[i], NULL, 10)) : NULL
				       : json_object_get(at, parts[i]);
	return at;
}

guint kg_truth_n(const struct kg_truth *truth, const char *list)
{
	return (guint)json_array_size(look_up(truth->object, list));
}

/* ---------------------------------------------------------------- references */

/* The reference at *s, just behind its $; goes on to what is behind it. */
static char *take_name(const char **s)
{
	const char *p = *s;

	while (g_ascii_isalnum(*p) || *p == '_' || (*p == '.' && p > *s && (g_ascii_isalnum(p[1]) || p[1] == '_')))
		p++;
	char *name = g_strndup(*s, (gsize)(p - *s));
	*s = p;
	return name;
}

/* The member that a reference names, as a text. */
static int resolve(const struct kg_truth *truth, const char *name, const char *each, char **ret, struct kg_error *err)
{
	g_autofree char *full = NULL;

	if (!strncmp(name, "each", 4) && (!name[4] || name[4] == '.')) {
		if (!each)
			return kg_error_set(err, KG_E_NOTFOUND, STAGE, "$%s stands outside of an expectation with `each`", name);
		full = g_strconcat(each, name + 4, NULL);
	}
	const json_t *value = truth ? look_up(truth->object, full ?: name) : NULL;
	if (json_is_integer(value))
		*ret = g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_string(value))
		*ret = g_strdup(json_string_value(value));
	else if (json_is_boolean(value))
		*ret = g_strdup(json_is_true(value) ? "1" : "0");
	else if (value)
		return kg_error_set(err, KG_E_PARSE, STAGE, "$%s is neither a number nor a text", name);
	else
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "the stimulus told no \"%s\"", full ?: name);
	return 0;
}

static int substitute(const struct kg_truth *truth, const char *text, const char *each, GString *out, struct kg_error *err)
{
	for (const char *s = text; *s;) {
		if (*s != '$') {
			g_string_append_c(out, *s++);
			continue;
		}
		if (*++s == '$') {
			g_string_append_c(out, *s++);
			continue;
		}
		g_autofree char *name = take_name(&s), *value = NULL;
		if (!*name)
			return kg_error_set(err, KG_E_PARSE, STAGE, "a $ without a name in \"%s\"; $$ is a dollar sign", text);
		int code = resolve(truth, name, each, &value, err);
		if (code)
			return code;
		g_string_append(out, value);
	}
	return 0;
}

/* ---------------------------------------------------------------- arithmetic, on the text with its references replaced */

struct sum {
	const char *at;
	int depth;
	gboolean is_wrong;
};

static gint64 expression(struct sum *s);

static void skip_spaces(struct sum *s)
{
	while (*s->at == ' ')
		s->at++;
}

static gint64 operand(struct sum *s)
{
	gint64 value = 0;
	char *end;

	skip_spaces(s);
	if (*s->at == '(' && s->depth < MAX_DEPTH) {
		s->at++;
		s->depth++;
		value = expression(s);
		s->depth--;
		skip_spaces(s);
		s->is_wrong |= *s->at != ')';
		s->at += *s->at == ')';
		return value;
	}
	const char *digits = *s->at == '-' ? s->at + 1 : s->at;
	s->is_wrong |= !g_ascii_isdigit(*digits);
	if (s->is_wrong)
		return 0;
	value = g_ascii_strtoll(s->at, &end, 10);
	s->at = end;
	return value;
}

static gint64 product(struct sum *s)
{
	gint64 value = operand(s);

	for (skip_spaces(s); !s->is_wrong && (*s->at == '*' || *s->at == '/'); skip_spaces(s)) {
		char op = *s->at++;
		gint64 by = operand(s);
		if (op == '/' && (by == 0 || (by == -1 && value == G_MININT64)))
			s->is_wrong = TRUE;
		else if (op == '/')
			value /= by;
		else
			s->is_wrong |= __builtin_mul_overflow(value, by, &value);
	}
	return value;
}

static gint64 expression(struct sum *s)
{
	gint64 value = product(s);

	for (skip_spaces(s); !s->is_wrong && (*s->at == '+' || *s->at == '-'); skip_spaces(s)) {
		char op = *s->at++;
		gint64 by = product(s);
		s->is_wrong |= op == '+' ? __builtin_add_overflow(value, by, &value) : __builtin_sub_overflow(value, by, &value);
	}
	return value;
}

/* Does the text, as it was written, ask for arithmetic? An operator between operands; a date or a path is none. */
static gboolean is_sum(const char *text)
{
	gboolean has_operator = FALSE, has_reference = FALSE;

	for (const char *s = text; *s; s++) {
		if (*s == '$') {
			has_reference = TRUE;
			s++;
			g_free(take_name(&s));
			s--;
		} else if (strchr("+-*/", *s)) {
			has_operator = TRUE;
		} else if (!g_ascii_isdigit(*s) && !strchr(" ()", *s)) {
			return FALSE;
		}
	}
	return has_operator && has_reference;
}

int kg_truth_value(const struct kg_truth *truth, const char *text, const char *each, char **ret, struct kg_error *err)
{
	g_autoptr(GString) value = g_string_new(NULL);
	int code = substitute(truth, text, each, value, err);

	if (code)
		return code;
	if (is_sum(text)) {
		struct sum sum = {.at = value->str};
		gint64 result = expression(&sum);
		skip_spaces(&sum);
		if (sum.is_wrong || *sum.at)
			return kg_error_set(err, KG_E_PARSE, STAGE, "\"%s\" can't be computed (%s)", text, value->str);
		g_string_printf(value, "%" G_GINT64_FORMAT, result);
	}
	*ret = g_string_free(g_steal_pointer(&value), FALSE);
	return 0;
}
