/* A comparison for people and as JSON, and back. */
#include "diff.h"
#include "proof.h"

#include <kgent/text.h>

#include <string.h>

const char *kg_diff_name(enum kg_diff_word word)
{
	static const char *const names[] = {"same", "different", "unknown"};

	return names[word];
}

struct kg_diff *kg_diff_free(struct kg_diff *diff)
{
	if (!diff)
		return NULL;
	g_free(diff->why);
	counterexample_free(diff->counterexample);
	g_free(diff);
	return NULL;
}

void kg_diff_text(const struct kg_diff *diff, const char *const names[2], gboolean color, GString *out)
{
	static const char *const paints[] = {"\033[1;32m", "\033[1;31m", "\033[1;33m"};

	g_string_append_printf(out, "%s%s%s", color ? paints[diff->word] : "", kg_diff_name(diff->word), color ? "\033[0m" : "");
	if (diff->why) {
		g_string_append(out, "  ");
		kg_text_escape(diff->why, -1, out);
	}
	g_string_append_c(out, '\n');
	if (diff->counterexample) {
		g_autoptr(GString) a = g_string_new(NULL), b = g_string_new(NULL);
		kg_text_escape(names[0], -1, a);
		kg_text_escape(names[1], -1, b);
		g_autofree char *first = g_strdup_printf("%s shows", a->str), *second = g_strdup_printf("%s shows", b->str);
		g_autofree char *way = g_strdup_printf("%s by way of", a->str), *other = g_strdup_printf("%s by way of", b->str);
		counterexample_text(diff->counterexample, &(struct ce_words){first, second, way, other}, out);
		g_string_append(out, "replayed on the compiled instructions of both\n");
	}
}

char *kg_diff_json(const struct kg_diff *diff)
{
	json_t *object = json_object();
	char *text, *own;

	json_object_set_new(object, "result", json_string(kg_diff_name(diff->word)));
	if (diff->why)
		json_object_set_new(object, "why", json_string(diff->why));
	if (diff->counterexample) {
		json_t *ce = counterexample_json(diff->counterexample);
		json_object_set(ce, "first", json_object_get(ce, "shown"));
		json_object_set(ce, "second", json_object_get(ce, "wanted"));
		json_object_del(ce, "shown");
		json_object_del(ce, "wanted");
		json_object_set_new(object, "counterexample", ce);
	}
	json_object_set_new(object, "paths", json_integer(diff->n_paths));
	json_object_set_new(object, "questions", json_integer(diff->n_checks));
	json_object_set_new(object, "took_ns", json_integer(diff->took_ns));
	json_object_set_new(object, "solver_ns", json_integer(diff->solver_ns));
	text = json_dumps(object, JSON_COMPACT);
	own = g_strdup(text ? text : "{}");
	free(text);
	json_decref(object);
	return own;
}

struct kg_diff *diff_read(const char *json, gsize len)
{
	json_t *object = json_loadb(json, len, 0, NULL), *ce;
	const char *word = json_string_value(json_object_get(object, "result"));
	struct kg_diff *diff;

	if (!word) {
		json_decref(object);
		return NULL;
	}
	diff = g_new0(struct kg_diff, 1);
	diff->word = KG_DIFF_UNKNOWN;
	for (int i = KG_DIFF_SAME; i <= KG_DIFF_UNKNOWN; i++)
		if (!strcmp(word, kg_diff_name(i)))
			diff->word = i;
	diff->why = g_strdup(json_string_value(json_object_get(object, "why")));
	ce = json_object_get(object, "counterexample");
	if (ce) {
		diff->counterexample = read_counterexample(ce);
		diff->counterexample->shown = g_strdup(json_string_value(json_object_get(ce, "first")));
		diff->counterexample->wanted = g_strdup(json_string_value(json_object_get(ce, "second")));
	}
	diff->n_paths = (guint)json_integer_value(json_object_get(object, "paths"));
	diff->n_checks = (guint)json_integer_value(json_object_get(object, "questions"));
	diff->took_ns = json_integer_value(json_object_get(object, "took_ns"));
	diff->solver_ns = json_integer_value(json_object_get(object, "solver_ns"));
	json_decref(object);
	return diff;
}
