/*
 * kgent trial: run a program while a stimulus makes events, and hold what it showed against what happened.
 *
 * Nothing runs that did not pass the checks. On the running kernel that is all of them; in a sandbox the text is checked here, and the
 * sandbox's kernel loads it as the trial begins.
 */
#include "cli.h"
#include "files.h"
#include "options.h"
#include "show.h"

#include <kgent/kernels.h>
#include <kgent/memory.h>
#include <kgent/render.h>
#include <kgent/text.h>
#include <kgent/trial.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct kg_option kg_trial_options[] = {
	{"stimulus", 's', "NAME", "what makes the events: a name of --list with its options in quotes, or the path of a shell script"},
	{"kernel", 0, "NAME", "in a sandbox with this kernel (kgent kernel list), or running: this very kernel, as root (the default)"},
	{"for", 0, "TIME", "observe for so long at least: 5s, 250ms; without it until the stimulus is over"},
	{"expect", 0, "FILE", "what must be seen, and what must not (docs/trials.md)"},
	{"allow", 0, "WORD", "allow the program this, as named in the refusal; repeatable"},
	{"list", 0, NULL, "list the stimuli that there are"},
	{NULL},
};

struct trial_args {
	const char *file, *stimulus, *kernel, *expect;
	gint64 for_ns;
	gboolean list;
	GPtrArray *allowed, *words; /* words: operands behind the file, options of the stimulus */
};

/* A trial on its way. */
struct trying {
	const struct kg_cli *cli;
	struct trial_args args;
	char *text;              /* of the program */
	gsize len;
	struct kg_trial_spec *spec;
	char **stimulus;         /* as it is run, or NULL */
	char *script;
	struct kg_verdict *verdict;
	struct kg_trial_result result;
	gboolean has_result;
	GPtrArray *findings;     /* NULL: nothing was judged */
	struct kg_render *render;
	struct kg_error err;
};

static volatile sig_atomic_t stop_wanted;

static void on_stop(int signo)
{
	stop_wanted++;
}

/* ---------------------------------------------------------------- what is asked */

static int take_option(struct trial_args *args, const char *name, const char *value, struct kg_error *err)
{
	if (!strcmp(name, "stimulus"))
		args->stimulus = value;
	else if (!strcmp(name, "kernel"))
		args->kernel = value;
	else if (!strcmp(name, "expect"))
		args->expect = value;
	else if (!strcmp(name, "list"))
		args->list = TRUE;
	else if (!strcmp(name, "allow"))
		g_ptr_array_add(args->allowed, (gpointer)value);
	else if (!kg_cli_duration(value, &args->for_ns))
		return kg_error_set(err, KG_E_INVAL, "options", "--for %s: a time is like 5s, 1.5min, 250ms or 2h", value);
	return 0;
}

static int parse_args(int argc, char **argv, struct trial_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_trial_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND && !args->file)
			args->file = walk.value;
		else if (found == KG_OPTION_OPERAND)
			g_ptr_array_add(args->words, (gpointer)walk.value);
		else if (take_option(args, option->name, walk.value, err))
			return -KG_E_INVAL;
	}
	g_ptr_array_add(args->allowed, NULL);
	if (args->list)
		return 0;
	if (!args->file)
		return kg_error_set(err, KG_E_INVAL, "options", "trial takes the file of a program; a sentence that begins with \"trial\" needs "
				    "quotes, or kgent ask before it");
	if (!args->stimulus && !args->expect && !g_str_has_suffix(args->file, ".yaml"))
		return kg_error_set(err, KG_E_INVAL, "options", "what makes the events? --stimulus NAME, or a file with --expect that names one");
	if (args->words->len && !args->stimulus)
		return kg_error_set(err, KG_E_INVAL, "options", "\"%s\": these words belong to a stimulus, and there is no --stimulus",
				    (char *)args->words->pdata[0]);
	return 0;
}

/* An example of the corpus: its program, and its trial unless --expect names another. */
static int read_example(struct trying *t)
{
	g_autoptr(GPtrArray) cases = NULL;
	int code = kg_corpus_parse(t->args.file, t->text, t->len, &cases, &t->err);

	if (code)
		return code;
	if (cases->len != 1)
		return kg_error_set(&t->err, KG_E_INVAL, "trial", "%s holds %u examples; a trial takes a file with one", t->args.file, cases->len);
	const struct kg_corpus_case *c = cases->pdata[0];
	g_free(t->text);
	t->text = g_strdup(c->program);
	t->len = strlen(t->text);
	if (t->args.expect)
		return 0;
	if (c->trial)
		return kg_trial_spec_parse(t->args.file, c->trial_line, c->trial, strlen(c->trial), &t->spec, &t->err);
	return t->args.stimulus ? 0 : kg_error_set(&t->err, KG_E_INVAL, "trial", "%s has no section \"trial\"; --stimulus says what makes the "
						   "events", t->args.file);
}

static gboolean is_example(const struct trying *t)
{
	return g_str_has_suffix(t->args.file, ".yaml");
}

static int read_expectations(struct trying *t)
{
	g_autofree char *text = NULL;
	gsize len = 0;

	if (is_example(t)) {
		int code = read_example(t);
		if (code || t->spec)
			return code;
	}
	if (!t->args.expect) {
		t->spec = kg_trial_spec_new();
		return 0;
	}
	int code = kg_cli_read(t->args.expect, 1 << 20, &text, &len, &t->err);
	return code ? code : kg_trial_spec_parse(kg_cli_file_name(t->args.expect), 1, text, len, &t->spec, &t->err);
}

/* A path with a slash is a script; a name is one of kgent-stimulus. */
static int settle_stimulus(struct trying *t)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	g_auto(GStrv) argv = NULL;
	g_autoptr(GError) problem = NULL;
	gsize len = 0;

	if (!t->args.stimulus && !t->spec->stimulus && !t->spec->script)
		return kg_error_set(&t->err, KG_E_INVAL, "options", "%s names no stimulus; --stimulus does", t->args.expect ?: t->args.file);
	if (!t->args.stimulus) {
		t->stimulus = g_strdupv(t->spec->stimulus);
		t->script = g_strdup(t->spec->script);
		return 0;
	}
	if (strchr(t->args.stimulus, '/') && !strchr(t->args.stimulus, ' '))
		return kg_cli_read(t->args.stimulus, 100000, &t->script, &len, &t->err);
	if (!g_shell_parse_argv(t->args.stimulus, NULL, &argv, &problem))
		return kg_error_set(&t->err, KG_E_INVAL, "options", "--stimulus %s: %s", t->args.stimulus, problem->message);
	for (int i = 0; argv[i]; i++)
		g_ptr_array_add(words, argv[i]);
	for (guint i = 0; i < t->args.words->len; i++)
		g_ptr_array_add(words, t->args.words->pdata[i]);
	g_ptr_array_add(words, NULL);
	t->stimulus = g_strdupv((char **)words->pdata);
	return 0;
}

static gboolean is_sandbox(const struct trying *t)
{
	return t->args.kernel && strcmp(t->args.kernel, "running");
}

/* On a kernel that others use, too, a name of its own: another trial at the same time must not be counted with it. */
static void name_stimulus(struct trying *t)
{
	guint n = t->stimulus ? g_strv_length(t->stimulus) : 0;

	for (guint i = 0; i < n; i++)
		if (g_str_has_prefix(t->stimulus[i], "--comm"))
			return;
	if (!n || is_sandbox(t))
		return;
	t->stimulus = g_renew(char *, t->stimulus, n + 3);
	t->stimulus[n] = g_strdup("--comm");
	t->stimulus[n + 1] = g_strdup_printf("kgs%d", (int)getpid());
	t->stimulus[n + 2] = NULL;
}

/* ---------------------------------------------------------------- checking and running */

/* The profile of the kernel that it is tried on. For the running one it may be missing; a sandbox's kernel always has one. */
static int open_profile(struct trying *t, struct kg_profile **ret)
{
	struct kg_kernel *kernel = NULL;
	int code;

	if (is_sandbox(t)) {
		code = kg_kernel_find(NULL, t->args.kernel, &kernel, &t->err);
		if (!code)
			code = kg_cli_profile(t->cli, kernel->profile, ret, &t->err);
		kg_kernel_free(kernel);
		return code;
	}
	if (kg_cli_profile(t->cli, NULL, ret, &t->err)) {
		kg_cli_note(t->cli, "no profile of the running kernel: %s", t->err.msg);
		kg_error_clear(&t->err);
	}
	return 0;
}

/*
 * On the running kernel nothing runs that its verifier has not accepted. For another one only the text is checked before: it is built and
 * loaded there as the trial begins.
 */
static int check(struct trying *t)
{
	struct kg_profile *profile = NULL;
	struct kg_check_opts opts = {.allowed = (const char *const *)t->args.allowed->pdata, .no_load = is_sandbox(t), .no_sandbox = TRUE};
	int code = open_profile(t, &profile);

	if (code)
		return code;
	opts.profile = profile;
	code = kg_check_program(t->text, t->len, &opts, &t->verdict, &t->err);
	kg_profile_free(profile);
	if (code)
		return code;
	if (t->verdict->word > KG_VERDICT_UNLOADED)
		return kg_show_exit(t->verdict, TRUE);
	if (!is_sandbox(t) && t->verdict->word == KG_VERDICT_UNLOADED)
		return KG_EXIT_ENVIRONMENT;
	return 0;
}

static void on_progress(void *user, const char *what)
{
	const struct trying *t = user;

	kg_cli_note(t->cli, "%s", what);
}

static int on_event(const struct kg_run_event *ev, void *user)
{
	struct trying *t = user;
	g_autoptr(GString) out = g_string_new(NULL);

	if (!t->cli->json && kg_render_notice(ev, out)) {
		kg_cli_err(out->str);
		g_string_truncate(out, 0);
	}
	if (t->cli->quiet && !t->cli->json)
		return 0;
	kg_render_event(t->render, ev, out);
	return out->len && !kg_cli_out(out->str);
}

static int run(struct trying *t)
{
	struct kg_trial_opts opts = {.kernel = t->args.kernel, .stimulus = (const char *const *)t->stimulus, .script = t->script,
				     .for_ns = MAX(t->args.for_ns, t->spec->for_ns), .after_ns = t->spec->after_ns,
				     .limits = &t->verdict->limits, .progress = on_progress, .event = on_event, .user = t, .stop = &stop_wanted,
				     .allow_unsafe = t->verdict->effects && t->verdict->effects->changes_system};
	struct sigaction action = {.sa_handler = on_stop};
	int code;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	struct kg_render_opts render = {.json = t->cli->json, .color = t->cli->color_out};
	g_autoptr(GString) rest = g_string_new(NULL);

	t->render = kg_render_new(&render);
	code = kg_trial_run(t->text, &opts, &t->result, &t->err);
	kg_render_finish(t->render, rest);
	kg_cli_out(rest->str);
	t->render = kg_render_free(t->render);
	if (code)
		return code;
	t->has_result = TRUE;
	if (t->result.end == KG_TRIAL_STIMULUS_FAILED && t->result.stimulus_status == KG_EXIT_USAGE && !t->script)
		return KG_EXIT_USAGE; /* kgent-stimulus could not make sense of its options */
	if (t->result.end != KG_TRIAL_RAN)
		return t->result.end == KG_TRIAL_PROGRAM_FAILED && !t->result.run.was_attached ? KG_EXIT_NOT_VERIFIED : KG_EXIT_ENVIRONMENT;
	if (!t->spec->expects->len)
		return 0;
	return kg_trial_judge(t->spec, t->result.seen, t->result.truth, &t->findings, &t->err);
}

/* ---------------------------------------------------------------- showing */

static guint count_findings(const struct trying *t, enum kg_trial_outcome outcome)
{
	guint n = 0;

	for (guint i = 0; t->findings && i < t->findings->len; i++)
		n += ((struct kg_trial_finding *)t->findings->pdata[i])->outcome == outcome;
	return n;
}

/* "as expected", "not as expected", "unclear", or why there was no trial. */
static const char *judgement(const struct trying *t)
{
	if (!t->has_result || t->result.end != KG_TRIAL_RAN)
		return "not tried";
	if (t->err.code)
		return "unclear"; /* an expectation could not be judged */
	if (!t->findings)
		return "nothing was expected";
	if (count_findings(t, KG_TRIAL_SEEN) == t->findings->len)
		return "as expected";
	return kg_seen_lost(t->result.seen) ? "unclear" : "not as expected";
}

static int exit_of(const struct trying *t)
{
	const char *word = judgement(t);

	return !strcmp(word, "as expected") || !strcmp(word, "nothing was expected") ? KG_EXIT_OK :
	       !strcmp(word, "unclear") ? KG_EXIT_ENVIRONMENT : KG_EXIT_NOT_VERIFIED;
}

static void show_findings(const struct trying *t, GString *out)
{
	static const char *const colors[] = {"\033[32m", "\033[31m", "\033[31m"};

	for (guint i = 0; t->findings && i < t->findings->len; i++) {
		const struct kg_trial_finding *f = t->findings->pdata[i];
		gboolean color = t->cli->color_out;
		g_string_append_printf(out, "  %s%-9s%s %s\n", color ? colors[f->outcome] : "", kg_trial_outcome_name(f->outcome),
				       color ? "\033[0m" : "", f->what);
		if (f->instead)
			g_string_append_printf(out, "            %s\n", f->instead);
	}
}

static void show(const struct trying *t, GString *out)
{
	const struct kg_trial_result *r = &t->result;
	g_autofree char *truth = r->truth ? kg_truth_json(r->truth) : NULL, *took = kg_text_duration(r->took_ns);

	if (!t->has_result)
		return;
	if (truth) {
		g_string_append(out, "\nstimulus: ");
		kg_text_escape(truth, -1, out);
		g_string_append_c(out, '\n');
	}
	g_string_append_printf(out, "trial: %s (Linux %s%s, %s)\n", judgement(t), r->kernel ?: "?", r->is_sandbox ? " in a sandbox" : "", took);
	show_findings(t, out);
	if (kg_seen_lost(r->seen))
		g_string_append_printf(out, "  %s: what was not seen says nothing\n", kg_seen_lost(r->seen));
	if (r->end != KG_TRIAL_RAN) {
		g_string_append_printf(out, "  %s: ", kg_trial_end_name(r->end));
		kg_text_escape(r->why, -1, out);
		g_string_append_c(out, '\n');
	}
}

static void show_json(const struct trying *t, int code)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_trial_report report = {.file = kg_cli_file_name(t->args.file), .result = t->has_result ? &t->result : NULL,
					 .findings = t->findings, .judgement = judgement(t), .error = &t->err, .verdict = t->verdict,
					 .exit = code};

	kg_trial_json(&report, out);
	kg_cli_out(out->str);
}

/* Why it did not come to a trial, or ended without one. */
static void explain_failure(struct trying *t)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autofree char *sudo = t->verdict && !is_sandbox(t) ? kg_show_missing_privilege(t->cli, t->verdict) : NULL;

	if (!t->has_result && t->verdict) {
		kg_show_findings(t->verdict->diags, kg_cli_file_name(t->args.file), t->text, t->cli->color_err, out);
		kg_show_exact_mends(t->cli, t->verdict);
		kg_verdict_table(t->verdict, t->cli->color_err, out);
		kg_cli_err(out->str);
		kg_cli_note(t->cli, "it was not tried: %s", t->verdict->word == KG_VERDICT_UNLOADED ? "no kernel has accepted it" : "a check failed");
	}
	if (sudo)
		kg_cli_note(t->cli, "on the running kernel a trial needs root: %s; in a sandbox it does not: --kernel NAME", sudo);
	if (t->has_result && t->result.mend)
		kg_cli_note(t->cli, "%s", t->result.mend);
}

static int list_stimuli(const struct kg_cli *cli)
{
	g_autoptr(GString) out = g_string_new(NULL);
	_cleanup_error_ struct kg_error err = {0};

	if (kg_stimuli_list(cli->json, out, &err)) {
		kg_cli_error(cli, &err);
		return kg_cli_exit(&err);
	}
	return kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
}

static int try_it(struct trying *t)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int code = kg_cli_read(t->args.file, KG_BT_MAX_BYTES, &t->text, &t->len, &t->err);

	if (!code)
		code = read_expectations(t);
	if (!code)
		code = settle_stimulus(t);
	if (!code)
		name_stimulus(t);
	if (!code)
		code = check(t);
	if (!code)
		code = run(t);
	if (code < 0) {
		kg_cli_error(t->cli, &t->err);
		code = kg_cli_exit(&t->err);
	} else if (!code) {
		code = exit_of(t);
	}
	if (t->cli->json) {
		show_json(t, code);
	} else {
		show(t, out);
		kg_cli_out(out->str);
	}
	if (!t->err.code)
		explain_failure(t);
	return code;
}

int kg_cmd_trial(const struct kg_cli *cli, int argc, char **argv)
{
	g_autoptr(GPtrArray) allowed = g_ptr_array_new(), words = g_ptr_array_new();
	struct trying t = {.cli = cli, .args = {.allowed = allowed, .words = words}};
	int code;

	if (parse_args(argc, argv, &t.args, &t.err))
		code = kg_cli_usage(cli, "trial", &t.err);
	else
		code = t.args.list ? list_stimuli(cli) : try_it(&t);
	if (t.has_result)
		kg_trial_result_clear(&t.result);
	g_clear_pointer(&t.findings, g_ptr_array_unref);
	kg_verdict_free(t.verdict);
	kg_trial_spec_free(t.spec);
	g_strfreev(t.stimulus);
	g_free(t.script);
	g_free(t.text);
	kg_error_clear(&t.err);
	return code;
}
