/*
 * The last check: the program runs while the stimulus of its event's card makes known events, and must show what the request says.
 *
 * Where: in a sandbox, if one with a fitting kernel can be had at once; on the running kernel only when that was asked for in words
 * (--trial always), since there an unproven program would see everything that happens on this machine, before anybody agreed to run it.
 */
#include "says.h"
#include "trial.h"

#include <kgent/text.h>

#include <string.h>
#include <unistd.h>

static gboolean is_loaded(const struct kg_verdict *verdict)
{
	const struct kg_check *load = kg_verdict_find(verdict, "kernel verifier");

	return load && load->result == KG_CHECK_PASSED;
}

/* The sandbox of the kernel that was asked for, which has loaded the program already, or one with the kernel that runs here. */
static gboolean choose_sandbox(struct boxed *boxed, struct kg_check *check, struct kg_trial_opts *ret, char **ret_name)
{
	_cleanup_error_ struct kg_error err = {0};

	if (boxed->kernel) {
		ret->sandbox = boxed_open(boxed, &err);
		ret->kernel = boxed->kernel;
		if (!ret->sandbox)
			agent_says(check, KG_CHECK_NOT_CHECKED, "%s", err.msg);
		return TRUE;
	}
	if (boxed->opts->profile && !kg_profile_is_running(boxed->opts->profile)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "the profile is that of another kernel, which is not at hand");
		return TRUE;
	}
	ret->kernel = *ret_name = boxed_running_kernel(boxed->opts);
	return ret->kernel != NULL;
}

/* Where it can be tried; FALSE with the reason in [check]. */
static gboolean choose_place(struct boxed *boxed, const struct kg_verdict *verdict, struct kg_check *check, struct kg_trial_opts *ret,
			     char **ret_name)
{
	if (choose_sandbox(boxed, check, ret, ret_name))
		return ret->kernel != NULL && (!boxed->kernel || ret->sandbox);
	if (boxed->opts->trial != KG_TRIAL_ALWAYS) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "there is no sandbox with this kernel, and a trial on the running kernel was not asked for");
		check->mend = g_strdup("kgent kernel add running makes one; --trial always tries it on the running kernel");
		return FALSE;
	}
	if (!is_loaded(verdict)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "not tried on the running kernel: its verifier has not accepted the program");
		return FALSE;
	}
	if (!verdict->effects || verdict->effects->changes_system) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "not tried on the running kernel: the program changes the system");
		return FALSE;
	}
	return TRUE;
}

/* What the trial showed, in one line. */
static void tell_judgement(struct kg_check *check, const struct kg_trial_spec *spec, const struct kg_trial_result *res, const GPtrArray *findings)
{
	const struct kg_trial_finding *bad = NULL, *first = findings->len ? findings->pdata[0] : NULL;
	const char *lost = kg_seen_lost(res->seen), *place = res->is_sandbox ? " in a sandbox" : "";
	g_autofree char *stimulus = g_strjoinv(" ", spec->stimulus), *took = kg_text_duration(res->took_ns);

	for (guint i = 0; i < findings->len && !bad; i++)
		if (((struct kg_trial_finding *)findings->pdata[i])->outcome != KG_TRIAL_SEEN)
			bad = findings->pdata[i];
	if (!bad && first) {
		agent_says(check, KG_CHECK_PASSED, "Linux %s%s, stimulus %s: it showed %s%s, in %s", res->kernel, place, spec->stimulus[0], first->what,
		     findings->len > 1 ? ", and all else" : "", took);
	} else if (!bad || lost) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "what it showed can't be judged: %s", lost ?: "nothing was expected");
	} else {
		agent_says(check, KG_CHECK_FAILED, "expected %s; it showed: %s", bad->what, bad->instead);
		check->mend = g_strdup_printf("the stimulus was: kgent-stimulus %s", stimulus);
	}
}

/* Only what was seen speaks against a program: that it could not be tried, or did not end in time on a busy machine, does not. */
static void tell_end(struct kg_check *check, const struct kg_trial_result *res)
{
	agent_says(check, KG_CHECK_NOT_CHECKED, "%s: %s", kg_trial_end_name(res->end), res->why);
	check->mend = g_strdup(res->mend);
}

static void judge(struct kg_check *check, const struct kg_trial_spec *spec, struct kg_verdict *verdict)
{
	_cleanup_error_ struct kg_error err = {0};

	if (verdict->trial->end != KG_TRIAL_RAN) {
		tell_end(check, verdict->trial);
	} else if (kg_trial_judge(spec, verdict->trial->seen, verdict->trial->truth, &verdict->trial_findings, &err)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", err.msg);
	} else {
		tell_judgement(check, spec, verdict->trial, verdict->trial_findings);
	}
}

void agent_check_trial(const char *text, struct boxed *boxed, const struct kg_bpftrace *tool, struct kg_verdict *verdict, struct kg_check *check)
{
	const struct kg_check_opts *opts = boxed->opts;
	struct kg_trial_opts run = {.tool = tool, .limits = &verdict->limits, .progress = opts->progress, .user = opts->user,
				    .allow_unsafe = verdict->effects && verdict->effects->changes_system};
	struct kg_trial_spec *spec = NULL;
	struct kg_trial_result res = {0};
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *why = NULL, *name = NULL, *comm = g_strdup_printf("kgs%d", (int)getpid());

	if (opts->trial == KG_TRIAL_NEVER || opts->no_load) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "not asked for");
	} else if (!opts->intent) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "what it should show is not known; kgent trial takes a stimulus and expectations");
	} else if (kg_trial_of_intent(opts->intent, comm, &spec, &why)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", why);
	} else if (choose_place(boxed, verdict, check, &run, &name)) {
		run.stimulus = (const char *const *)spec->stimulus;
		run.for_ns = spec->for_ns;
		if (kg_trial_run(text, &run, &res, &err)) {
			agent_says(check, KG_CHECK_NOT_CHECKED, "%s", err.msg);
		} else {
			verdict->trial = g_memdup2(&res, sizeof(res));
			judge(check, spec, verdict);
		}
	}
	kg_trial_spec_free(spec);
}
