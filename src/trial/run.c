/* A trial: which place, and what is common to both. See place.h. */
#include "place.h"

#include <kgent/text.h>

#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

static const char *const end_names[] = {"ran", "no stimulus", "stimulus failed", "no place", "program failed"};

const char *kg_trial_end_name(enum kg_trial_end end)
{
	return end_names[end];
}

int place_event(const struct kg_trial_opts *opts, struct kg_trial_result *res, const struct kg_run_event *ev)
{
	kg_seen_event(res->seen, ev);
	return opts->event ? opts->event(ev, opts->user) : 0;
}

void place_ends(struct kg_trial_result *res, enum kg_trial_end end, const char *mend, const char *fmt, ...)
{
	va_list ap;

	if (res->end != KG_TRIAL_RAN)
		return;
	va_start(ap, fmt);
	res->end = end;
	res->why = g_strdup_vprintf(fmt, ap);
	res->mend = g_strdup(mend);
	va_end(ap);
}

/* The last line that was said, as far as it fits one line of ours. */
static char *last_words(const GString *out, const GString *errors)
{
	const GString *from = errors && errors->len ? errors : out;
	g_autofree char *text = g_strndup(from->str, MIN(from->len, 100000u));
	char *line = g_strrstr(g_strchomp(text), "\n");
	GString *safe = g_string_new(NULL);

	kg_text_escape(line ? line + 1 : text, -1, safe);
	if (safe->len > 300)
		g_string_truncate(safe, 300);
	return g_string_free(safe, FALSE);
}

void place_stimulus_done(const struct kg_trial_opts *opts, struct kg_trial_result *res, int status, const GString *out, const GString *errors)
{
	g_autofree char *said = last_words(out, errors), *why = NULL;

	res->stimulus_status = status;
	if (kg_truth_parse(out->str, out->len, &res->truth, NULL))
		res->stimulus_said = g_strdup(said);
	else if (kg_truth_value(res->truth, "$why", NULL, &why, NULL))
		why = NULL;
	if (status == 3 && why)
		place_ends(res, KG_TRIAL_CANT_STIMULATE, NULL, "%s", why);
	else if (status == 2 && !opts->script)
		place_ends(res, KG_TRIAL_STIMULUS_FAILED, "kgent trial --list tells which there are", "%s", said);
	else if (status < 0)
		place_ends(res, KG_TRIAL_STIMULUS_FAILED, NULL, "the stimulus was ended by a signal");
	else if (status)
		place_ends(res, KG_TRIAL_STIMULUS_FAILED, NULL, "the stimulus ended with exit code %d%s%s", status, why || *said ? ": " : "", why ?: said);
	else if (!res->truth && !opts->script)
		place_ends(res, KG_TRIAL_STIMULUS_FAILED, "kgent trial --list tells which there are", "it made no events: it told nothing that it did");
}

int kg_trial_run(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *ret, struct kg_error *err)
{
	gboolean is_running = !opts->kernel || !strcmp(opts->kernel, "running");
	struct kg_trial_result res = {.stimulus_status = -1, .is_sandbox = !is_running};
	gint64 before = g_get_monotonic_time();

	if (!program || (!opts->script && (!opts->stimulus || !opts->stimulus[0])))
		return kg_error_set(err, KG_E_INVAL, "trial", "a trial needs a program and a stimulus");
	res.seen = kg_seen_new();
	int code = (is_running ? &place_running : &place_sandbox)->run(program, opts, &res, err);
	res.took_ns = (g_get_monotonic_time() - before) * 1000;
	if (code)
		kg_trial_result_clear(&res);
	else
		*ret = res;
	return code;
}

void kg_trial_result_clear(struct kg_trial_result *res)
{
	g_clear_pointer(&res->why, g_free);
	g_clear_pointer(&res->mend, g_free);
	g_clear_pointer(&res->kernel, g_free);
	g_clear_pointer(&res->stimulus_said, g_free);
	res->truth = kg_truth_free(res->truth);
	res->seen = kg_seen_free(res->seen);
	kg_run_result_clear(&res->run);
}
