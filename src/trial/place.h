/*
 * A place in which a program and its stimulus run: the running kernel, or a sandbox. Private to the trial.
 *
 * Both do the same: start the program, wait until it is attached, run the stimulus, observe a little longer, stop the program, and hand
 * over everything that it showed.
 */
#pragma once

#include <kgent/trial.h>

struct trial_place {
	const char *name;
	/* Fill in [res] whatever became of it; what the program shows goes to place_event(). Returns 0, or an error where nothing is known. */
	int (*run)(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *res, struct kg_error *err);
};
extern const struct trial_place place_running, place_sandbox;

#define PLACE_AFTER_NS 300000000LL

/* For both: keep an event, and pass it on. */
int place_event(const struct kg_trial_opts *opts, struct kg_trial_result *res, const struct kg_run_event *ev);
/* The result is this end, for this reason ([mend] may be NULL). The first reason stays. */
void place_ends(struct kg_trial_result *res, enum kg_trial_end end, const char *mend, const char *fmt, ...) G_GNUC_PRINTF(4, 5);
/* What the stimulus came to: its exit code (-1: killed), what it said on both outputs. */
void place_stimulus_done(const struct kg_trial_opts *opts, struct kg_trial_result *res, int status, const GString *out, const GString *errors);
