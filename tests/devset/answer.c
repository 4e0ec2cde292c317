/*
 * Answers sentences as the builtin engine understands them: one JSON string a line in, one JSON object a line out.
 *
 *   devset.py asks | answer [--profile DIR] [--explain] [--program] | devset.py score
 */
#include <kgent/intent.h>
#include <kgent/paths.h>
#include <kgent/profile.h>
#include <kgent/synthesise.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void show_program(const struct kg_intent *intent, struct kg_profile *profile)
{
	struct kg_candidate *candidate = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_synthesise(intent, profile, &candidate, &err) < 0) {
		fprintf(stderr, "no program: %s\n", err.msg);
		return;
	}
	fprintf(stderr, "%s\n", candidate->program);
	for (guint i = 0; i < candidate->notes->len; i++)
		fprintf(stderr, "note: %s\n", (char *)candidate->notes->pdata[i]);
	kg_candidate_free(candidate);
}

static void answer(struct kg_lexicon *lexicon, struct kg_profile *profile, const char *ask, gboolean explain, gboolean program)
{
	struct kg_intent *intent = NULL;
	struct kg_refusal *refusal = NULL;
	_cleanup_error_ struct kg_error err = {0};
	json_t *out = json_object();

	json_object_set_new(out, "ask", json_string(ask));
	if (kg_understand(lexicon, profile, ask, &intent, &refusal, &err) == 0) {
		g_autoptr(GString) json = g_string_new(NULL), text = g_string_new(NULL);
		kg_intent_json(intent, json);
		json_object_set_new(out, "intent", json_loads(json->str, 0, NULL));
		kg_intent_explain(intent, text);
		if (explain)
			fprintf(stderr, "%s\n%s\n", ask, text->str);
		if (program)
			show_program(intent, profile);
	} else {
		g_autoptr(GString) why = g_string_new(refusal ? refusal->why : err.msg);
		for (guint i = 0; refusal && i < refusal->left->len; i++)
			g_string_append_printf(why, " [%s]", (char *)refusal->left->pdata[i]);
		json_object_set_new(out, "refused", json_string(why->str));
	}
	char *line = json_dumps(out, JSON_COMPACT);
	puts(line);
	free(line);
	json_decref(out);
	kg_intent_free(intent);
	kg_refusal_free(refusal);
}

int main(int argc, char **argv)
{
	struct kg_profile_opts opts = {0};
	struct kg_profile *profile = NULL;
	struct kg_cards *cards = NULL;
	struct kg_lexicon *lexicon = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_auto(GStrv) events = kg_paths_data("events"), words = kg_paths_data("words");
	gboolean explain = FALSE, program = FALSE;
	char *line = NULL;
	size_t cap = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--profile") && i + 1 < argc)
			opts.dir = argv[++i];
		else if (!strcmp(argv[i], "--explain"))
			explain = TRUE;
		else if (!strcmp(argv[i], "--program"))
			program = TRUE;
	}
	if (kg_profile_open(&opts, &profile, &err) < 0 || kg_cards_open((const char *const *)events, &cards, &err) < 0 ||
	    kg_lexicon_open((const char *const *)words, cards, &lexicon, &err) < 0) {
		fprintf(stderr, "answer: %s\n", err.msg);
		return 1;
	}
	while (getline(&line, &cap, stdin) > 0) {
		json_t *ask = json_loads(line, JSON_DECODE_ANY, NULL);
		if (json_is_string(ask))
			answer(lexicon, profile, json_string_value(ask), explain, program);
		json_decref(ask);
	}
	free(line);
	kg_lexicon_free(lexicon);
	kg_cards_free(cards);
	kg_profile_free(profile);
	return 0;
}
