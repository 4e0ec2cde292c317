/* What people say: the event cards and the words. */
#pragma once

#include "cli.h"

#include <kgent/contract.h>
#include <kgent/intent.h>

struct kg_knowledge {
	struct kg_cards *cards;
	struct kg_lexicon *lexicon;
};
int kg_knowledge_open(struct kg_knowledge *ret, struct kg_error *err);
void kg_knowledge_close(struct kg_knowledge *knowledge);
/* The contract of a sentence. What was not understood of it is shown here; -KG_E_REFUSED then, and [err] is not set. */
int kg_knowledge_contract(const struct kg_cli *cli, const char *sentence, struct kg_profile *profile, struct kg_contract **ret, struct kg_error *err);
