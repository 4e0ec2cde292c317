/*
 * Any bytes as a sentence: an intent, a refusal or an error, never a crash; and of an intent, a program or an error.
 *
 * Without a kernel profile only the cards are known; the reading of sentences is the same.
 */
#include <kgent/intent.h>
#include <kgent/paths.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kg_lexicon *lexicon;
static struct kg_cards *cards;

static void open_once(void)
{
	g_auto(GStrv) events = kg_paths_data("events"), words = kg_paths_data("words");

	if (lexicon)
		return;
	if (kg_cards_open((const char *const *)events, &cards, NULL) < 0 || kg_lexicon_open((const char *const *)words, cards, &lexicon, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kg_intent *intent = NULL;
	struct kg_refusal *refusal = NULL;
	_cleanup_error_ struct kg_error err = {0};
	/* long ones say the same as short ones, slowly */
	g_autofree char *text = g_strndup((const char *)data, MIN(size, 400));

	open_once();
	int r = kg_understand(lexicon, NULL, text, &intent, &refusal, &err);
	if (r == 0) {
		g_autoptr(GString) out = g_string_new(NULL);
		kg_intent_json(intent, out);
		kg_intent_explain(intent, out);
		if (!intent->events->len || intent->measure == KG_MEASURE_NONE)
			abort();
	} else if ((r == -KG_E_REFUSED) != (refusal != NULL)) {
		abort();
	}
	kg_intent_free(intent);
	kg_refusal_free(refusal);
	return 0;
}
