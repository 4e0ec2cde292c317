/* Event cards and words, and what a sentence comes to with them: see knowledge.h. */
#include "knowledge.h"
#include "show.h"

#include <kgent/comprehend.h>
#include <kgent/paths.h>

int kg_knowledge_open(struct kg_knowledge *ret, struct kg_error *err)
{
	g_auto(GStrv) events = kg_paths_data("events");
	g_auto(GStrv) words = kg_paths_data("words");
	int r = kg_cards_open((const char *const *)events, &ret->cards, err);

	return r ? r : kg_lexicon_open((const char *const *)words, ret->cards, &ret->lexicon, err);
}

void kg_knowledge_close(struct kg_knowledge *knowledge)
{
	kg_lexicon_free(knowledge->lexicon);
	kg_cards_free(knowledge->cards);
	*knowledge = (struct kg_knowledge){0};
}

int kg_knowledge_contract(const struct kg_cli *cli, const char *sentence, struct kg_profile *profile, struct kg_contract **ret, struct kg_error *err)
{
	struct kg_knowledge knowledge = {0};
	struct kg_intent *intent = NULL;
	struct kg_refusal *refusal = NULL;
	int r = kg_knowledge_open(&knowledge, err);

	if (r == 0)
		r = kg_understand(knowledge.lexicon, profile, sentence, &intent, &refusal, err);
	if (r == 0)
		r = kg_comprehend(intent, profile, NULL, sentence, ret, err);
	if (refusal) {
		kg_show_refusal(refusal, "a contract can be written by hand: docs/contracts.md");
		kg_error_clear(err);
		r = -KG_E_REFUSED;
	}
	kg_refusal_free(refusal);
	kg_intent_free(intent);
	kg_knowledge_close(&knowledge);
	return r;
}
