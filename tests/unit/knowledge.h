/* What tests of sentences need: words, cards, and the profile of a distribution's kernel, so that nothing depends on the machine. All NULL: it can't be unpacked. */
#pragma once

#include <kgent/intent.h>
#include <kgent/paths.h>

#include "fixture.h"

static struct kg_profile *profile;
static struct kg_cards *cards;
static struct kg_lexicon *lexicon;

static int setup(void **state)
{
	g_auto(GStrv) events = kg_paths_data("events"), words = kg_paths_data("words");
	g_autofree char *dir = kg_fixture_profile(KG_FIXTURE_6_1);
	struct kg_profile_opts opts = {.dir = dir};
	_cleanup_error_ struct kg_error err = {0};

	if (!dir) {
		print_message("skip: the fixture profile can't be unpacked (tar and xz are needed)\n");
		return 0;
	}
	if (kg_profile_open(&opts, &profile, &err) < 0 || kg_cards_open((const char *const *)events, &cards, &err) < 0 ||
	    kg_lexicon_open((const char *const *)words, cards, &lexicon, &err) < 0) {
		print_message("%s\n", err.msg);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	kg_lexicon_free(lexicon);
	kg_cards_free(cards);
	kg_profile_free(profile);
	return 0;
}
