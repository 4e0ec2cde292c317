/*
 * Sentences, the programs that the builtin engine writes for them, and the contracts that the sentences come to: does each program fulfil its contract?
 *
 *   asked [--profile DIR] [--show] [--cards [NAME]] < SENTENCES
 *
 * One JSON string a line in, one line out: what became of it (proved, refuted, unknown, no contract, not built, no program, refused), the sentence, why.
 * --cards asks without sentences: many requests of each event card. --show: program, contract and proof as well, on standard error.
 */
#include "../programs/requests.h"

#include <kgent/agent.h>
#include <kgent/comprehend.h>
#include <kgent/intent.h>
#include <kgent/paths.h>
#include <kgent/synthesise.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct kg_profile *profile;
static struct kg_bpftrace tool;
static gboolean shows;

static void tell(const char *what, const char *ask, const char *why)
{
	printf("%s\t%s\t%s\n", what, ask, why ? why : "");
	fflush(stdout);
}

static void show(const struct kg_candidate *candidate, const struct kg_contract *contract, const struct kg_verdict *verdict)
{
	g_autofree char *yaml = kg_contract_yaml(contract);
	g_autoptr(GString) text = g_string_new(NULL);

	if (verdict->proof)
		kg_proof_text(verdict->proof, candidate->program, FALSE, text);
	fprintf(stderr, "%s\n%s\n%s\n", candidate->program, yaml, text->str);
}

static void prove(const char *ask, const struct kg_candidate *candidate, const struct kg_contract *contract)
{
	struct kg_check_opts opts = {.profile = profile, .tool = &tool, .no_load = TRUE, .contract = contract, .trial = KG_TRIAL_NEVER, .no_sandbox = TRUE};
	struct kg_verdict *verdict = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_check_program(candidate->program, strlen(candidate->program), &opts, &verdict, &err)) {
		tell("not built", ask, err.msg);
		return;
	}
	const struct kg_check *check = kg_verdict_find(verdict, "proof"), *failed = kg_verdict_failed(verdict);

	if (shows)
		show(candidate, contract, verdict);
	if (verdict->proof)
		tell(kg_proof_name(verdict->proof->word), ask, check->detail);
	else
		tell("not built", ask, failed ? failed->detail : check->detail);
	kg_verdict_free(verdict);
}

static void ask_intent(const char *ask, const struct kg_intent *intent)
{
	static const struct kg_comprehend_opts rendered = {.is_rendered = TRUE};
	struct kg_candidate *candidate = NULL;
	struct kg_contract *contract = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_synthesise(intent, profile, &candidate, &err)) {
		tell("no program", ask, err.msg);
		return;
	}
	if (kg_comprehend(intent, profile, &rendered, ask, &contract, &err)) {
		if (shows)
			fprintf(stderr, "%s\n", candidate->program);
		tell("no contract", ask, err.msg);
	} else {
		g_autoptr(GPtrArray) diags = kg_diags_new();
		if (kg_contract_check(contract, profile, diags)) {
			const struct kg_diag *first = NULL;
			for (guint i = 0; i < diags->len && !(first && first->severity == KG_ERROR); i++)
				first = diags->pdata[i];
			tell("bad contract", ask, first ? first->msg : "");
			if (shows) {
				g_autofree char *yaml = kg_contract_yaml(contract);
				fprintf(stderr, "%s\n%s\n", candidate->program, yaml);
			}
		} else {
			prove(ask, candidate, contract);
		}
	}
	kg_contract_free(contract);
	kg_candidate_free(candidate);
}

static void ask_sentence(struct kg_lexicon *lexicon, const char *ask)
{
	struct kg_intent *intent = NULL;
	struct kg_refusal *refusal = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_understand(lexicon, profile, ask, &intent, &refusal, &err))
		tell("refused", ask, refusal ? refusal->why : err.msg);
	else
		ask_intent(ask, intent);
	kg_intent_free(intent);
	kg_refusal_free(refusal);
}

static gboolean ask_request(struct kg_intent *intent, const char *what, void *user)
{
	const struct kg_card *card = intent->events->pdata[0];
	g_autofree char *ask = g_strdup_printf("%s.%s", card->name, what);

	ask_intent(ask, intent);
	kg_intent_free(intent);
	return TRUE;
}

static void ask_lines(struct kg_lexicon *lexicon)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		json_t *ask = json_loads(line, JSON_DECODE_ANY, NULL);
		if (json_is_string(ask))
			ask_sentence(lexicon, json_string_value(ask));
		json_decref(ask);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct kg_profile_opts opts = {0};
	struct kg_cards *cards = NULL;
	struct kg_lexicon *lexicon = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_auto(GStrv) events = kg_paths_data("events"), words = kg_paths_data("words");
	gboolean by_cards = FALSE;
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--profile") && i + 1 < argc)
			opts.dir = argv[++i];
		else if (!strcmp(argv[i], "--show"))
			shows = TRUE;
		else if (!strcmp(argv[i], "--cards"))
			by_cards = TRUE;
		else
			only = argv[i];
	}
	if (kg_profile_open(&opts, &profile, &err) < 0 || kg_cards_open((const char *const *)events, &cards, &err) < 0 ||
	    kg_lexicon_open((const char *const *)words, cards, &lexicon, &err) < 0 || kg_bpftrace_find(&tool, &err) < 0) {
		fprintf(stderr, "asked: %s\n", err.msg);
		return 1;
	}
	if (!by_cards)
		ask_lines(lexicon);
	for (guint i = 0; by_cards && i < kg_cards_n(cards); i++)
		if (!only || !strcmp(only, kg_cards_at(cards, i)->name))
			requests_of(kg_cards_at(cards, i), ask_request, NULL);
	kg_bpftrace_clear(&tool);
	kg_lexicon_free(lexicon);
	kg_cards_free(cards);
	kg_profile_free(profile);
	return 0;
}
