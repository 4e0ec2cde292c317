/*
 * Writes a program for many requests of each event card: what the builtin engine can be asked, without sentences.
 *
 *   programs [--profile DIR] [--card NAME] OUT-DIR
 *
 * Each program is OUT-DIR/CARD.N.bt. A request that the engine refuses is one line on standard output; for cards whose events can't be
 * observed on this kernel there is one line. compile.py holds the programs against the installed bpftrace.
 */
#include "requests.h"

#include <kgent/paths.h>
#include <kgent/profile.h>
#include <kgent/synthesise.h>

#include <stdio.h>
#include <string.h>

static struct kg_profile *profile;
static const char *out_dir;

/* Write it; FALSE: the kernel has no place for the event. */
static gboolean write_program(struct kg_intent *in, const char *what, void *user)
{
	const struct kg_card *card = in->events->pdata[0];
	struct kg_candidate *cand = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = kg_synthesise(in, profile, &cand, &err);

	if (r < 0) {
		printf("%s\t%s\t%s\n", r == -KG_E_UNSUPPORTED ? "unsupported" : "refused", card->name, err.msg);
	} else {
		g_autofree char *name = g_strdup_printf("%s.%s.bt", card->name, what);
		g_autofree char *path = g_build_filename(out_dir, name, NULL);
		g_file_set_contents(path, cand->program, -1, NULL);
		kg_candidate_free(cand);
	}
	kg_intent_free(in);
	return r != -KG_E_UNSUPPORTED;
}

int main(int argc, char **argv)
{
	struct kg_profile_opts opts = {0};
	struct kg_cards *cards = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_auto(GStrv) dirs = kg_paths_data("events");
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--profile") && i + 1 < argc)
			opts.dir = argv[++i];
		else if (!strcmp(argv[i], "--card") && i + 1 < argc)
			only = argv[++i];
		else
			out_dir = argv[i];
	}
	if (!out_dir || kg_profile_open(&opts, &profile, &err) < 0 || kg_cards_open((const char *const *)dirs, &cards, &err) < 0) {
		fprintf(stderr, "programs: %s\n", err.msg ? err.msg : "usage: programs [--profile DIR] OUT-DIR");
		return 1;
	}
	for (guint i = 0; i < kg_cards_n(cards); i++)
		if (!only || !strcmp(only, kg_cards_at(cards, i)->name))
			requests_of(kg_cards_at(cards, i), write_program, NULL);
	kg_cards_free(cards);
	kg_profile_free(profile);
	return 0;
}
