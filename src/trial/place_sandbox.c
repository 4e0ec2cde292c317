/* A trial in a sandbox. */
#include "place.h"

static int run_in_sandbox(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *res, struct kg_error *err)
{
	place_ends(res, KG_TRIAL_CANT_RUN, NULL, "there is no kernel %s", opts->kernel);
	return 0;
}

const struct trial_place place_sandbox = {"a sandbox", run_in_sandbox};
