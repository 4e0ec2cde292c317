/*
 * kgent "PROMPT": from the sentence to what it finds, as a list of steps (`steps`, below).
 *
 * Each step either goes on or ends the request with an exit code. Nothing runs that was not shown and did not pass its checks.
 * Standard output: what the program finds; with --dry-run the program. Everything else is said on standard error.
 * With --json, standard output has the events as JSON Lines and then one object with all there is to know.
 */
#include "ask.h"
#include "command.h"
#include "files.h"
#include "remember.h"
#include "show.h"
#include "watch.h"

#include <kgent/comprehend.h>
#include <kgent/memory.h>
#include <kgent/text.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- understanding */

int kg_ask_end_by_error(struct asking *a)
{
	kg_cli_error(a->cli, &a->err);
	return kg_cli_exit(&a->err);
}

/* What people say, what the kernel has. */
static int open_knowledge(struct asking *a)
{
	g_autofree char *dir = kg_cli_profile_dir(a->args.kernel, a->args.profile, &a->err);

	if (a->err.code || kg_knowledge_open(&a->knowledge, &a->err) || kg_cli_profile(a->cli, dir, &a->profile, &a->err)) {
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_ENVIRONMENT;
	}
	return GO_ON;
}

/* A refusal is not the end: a model may have its turn. */
static int understand(struct asking *a)
{
	if (!kg_ask_has_builtin(a))
		return GO_ON;
	int code = kg_understand(a->knowledge.lexicon, a->profile, a->args.prompt, &a->intent, &a->refusal, &a->err);

	return code && !(code == -KG_E_REFUSED && a->refusal) ? kg_ask_end_by_error(a) : GO_ON;
}

/* The inode of the first pid namespace is fixed. Source: linux/proc_ns.h, PROC_PID_INIT_INO, since 3.8. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

/* In a container the kernel knows processes by other numbers than those seen here: a filter by ours would find another one. */
static gboolean knows_processes_by_other_numbers(void)
{
	g_autofree char *namespace = g_file_read_link("/proc/self/ns/pid", NULL);

	return namespace && strcmp(namespace, FIRST_PID_NAMESPACE) != 0;
}

static gboolean filters_by_process_id(const struct kg_intent *intent)
{
	for (guint i = 0; i < intent->filters->len; i++) {
		const struct kg_filter *filter = intent->filters->pdata[i];
		if (!strcmp(filter->field, "pid") || !strcmp(filter->field, "tid") || !strcmp(filter->field, "ppid"))
			return TRUE;
	}
	return FALSE;
}

int kg_ask_start_command(struct asking *a)
{
	if ((a->args.pid || a->args.command) && knows_processes_by_other_numbers()) {
		kg_error_set(&a->err, KG_E_UNSUPPORTED, "options", "--pid and --command don't work in a pid namespace of its own "
			     "(a container): the kernel knows the process by another number");
		kg_error_hint(&a->err, "run kgent outside of the container, or with the host's pid namespace (docker run --pid=host)");
		return kg_ask_end_by_error(a);
	}
	if (a->args.command && kg_command_start(&a->command, a->args.command, &a->err)) {
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_USAGE;
	}
	return GO_ON;
}

/* The command line adds to what the sentence says, or overrides it. */
static int apply_options(struct asking *a)
{
	if (a->args.for_ns && a->intent)
		a->intent->for_ns = a->args.for_ns;
	if (a->intent && filters_by_process_id(a->intent) && knows_processes_by_other_numbers())
		g_ptr_array_add(a->notes, g_strdup("kgent runs in a pid namespace of its own (a container): process ids are the host's"));
	if (!a->intent) /* a command is started once it is known that somebody answers */
		return GO_ON;
	int code = kg_ask_start_command(a);
	if (code == GO_ON && (a->args.pid || a->command.pid))
		kg_ask_restrict(&a->args, a->args.pid ?: a->command.pid, a->intent);
	return code;
}

static int explain(struct asking *a)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (a->args.explain && a->intent) {
		kg_intent_explain(a->intent, out);
		g_string_append_c(out, '\n');
		kg_cli_err(out->str);
	}
	return GO_ON;
}

void kg_ask_take_notes(struct asking *a, const GPtrArray *notes)
{
	for (guint i = 0; notes && i < notes->len; i++)
		g_ptr_array_add(a->notes, g_strdup(notes->pdata[i]));
}

/* What can't be had together here, or has no attach point on this kernel: a model may know another way. */
static gboolean is_for_model(const struct asking *a)
{
	return kg_ask_has_model(a) && (a->err.code == KG_E_REFUSED || a->err.code == KG_E_UNSUPPORTED);
}

static int synthesise(struct asking *a)
{
	if (!a->intent)
		return GO_ON;
	kg_ask_take_notes(a, a->intent->notes);
	if (!kg_synthesise(a->intent, a->profile, &a->candidate, &a->err)) {
		kg_ask_take_notes(a, a->candidate->notes);
		return GO_ON;
	}
	if (is_for_model(a))
		return GO_ON;
	if (a->args.pid || a->args.command)
		kg_error_hint(&a->err, "%s is a condition on the process, as if the sentence had said it", a->args.pid ? "--pid" : "--command");
	kg_cli_error(a->cli, &a->err);
	/* That this kernel has no attach point for it is a fact of the environment; anything else kgent can't do. */
	return a->err.code == KG_E_UNSUPPORTED ? KG_EXIT_ENVIRONMENT : kg_cli_exit(&a->err);
}

/*
 * What any right program must do, whoever writes it. Of a sentence that the builtin engine does not understand there is no contract, and the
 * verdict says that nothing was proved.
 */
static int comprehend(struct asking *a)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_intent *own = NULL; /* where the builtin engine has no turn it understands all the same */
	struct kg_refusal *refusal = NULL;
	const struct kg_comprehend_opts opts = {.is_rendered = a->candidate != NULL};

	if (!a->intent && !a->refusal && !a->args.command && !kg_understand(a->knowledge.lexicon, a->profile, a->args.prompt, &own, &refusal, &err) &&
	    a->args.pid)
		kg_ask_restrict(&a->args, a->args.pid, own);
	if (a->intent || own) {
		struct kg_intent *intent = a->intent ? a->intent : own;
		gint64 for_ns = intent->for_ns;

		if (!a->candidate && a->args.for_ns) /* kgent ends a model's program itself */
			intent->for_ns = 0;
		kg_comprehend(intent, a->profile, &opts, a->args.prompt, &a->contract, &err);
		intent->for_ns = for_ns;
	}
	a->no_contract = g_strdup(a->contract ? NULL : a->intent || own ? err.msg : "the sentence was not understood");
	kg_intent_free(own);
	kg_refusal_free(refusal);
	return GO_ON;
}

/* ---------------------------------------------------------------- checking and showing */

void kg_ask_find_tool(struct asking *a)
{
	_cleanup_error_ struct kg_error no_tool = {0}; /* said by the checks that need it */

	if (!a->tool.path)
		kg_bpftrace_find(&a->tool, &no_tool);
}

/* Nobody waits longer than this for a proof that was not asked for by name. What is not known by then is unknown. */
static const struct kg_prove_opts answer_proof = {.bounds = {.total_ms = 20000}};

struct kg_check_opts kg_ask_check_opts(struct asking *a)
{
	kg_ask_find_tool(a);
	return (struct kg_check_opts){.profile = a->profile, .tool = a->tool.path ? &a->tool : NULL, .allowed = (const char *const *)a->args.allowed->pdata,
				      .pid = a->args.pid, .kernel = a->args.kernel, .contract = a->contract, .is_asked = TRUE,
				      .no_contract = a->no_contract, .prove = &answer_proof, .progress = kg_cli_progress, .user = (void *)a->cli};
}

static int check(struct asking *a)
{
	struct kg_check_opts opts = kg_ask_check_opts(a);

	opts.trial = a->args.trial;
	opts.intent = a->intent;
	if (a->verdict) { /* the model's program was checked by its loop */
		kg_show_exact_mends(a->cli, a->verdict);
		return GO_ON;
	}
	int code = kg_check_program(a->candidate->program, strlen(a->candidate->program), &opts, &a->verdict, &a->err);
	if (code)
		return kg_ask_end_by_error(a);
	kg_show_exact_mends(a->cli, a->verdict);
	return GO_ON;
}

static gboolean changes_system(const struct kg_verdict *verdict)
{
	return !verdict->effects || verdict->effects->changes_system;
}

/* In plain words what it will do; what it costs are findings of policy. */
static void explain_program(struct asking *a, GString *out)
{
	g_autoptr(GString) words = g_string_new(NULL);

	if (!a->verdict->effects)
		return;
	kg_bt_explain(a->verdict->program, a->profile, a->verdict->effects, words);
	kg_text_escape_lines(words->str, words->len, out);
	g_string_append_c(out, '\n');
}

/* The program, what it will do, what is wrong with it, the verdict. With --dry-run the text is the answer, on standard output. */
static int show(struct asking *a)
{
	const struct kg_cli *cli = a->cli;
	const char *text = a->candidate->program;
	g_autoptr(GString) program = g_string_new(NULL);
	g_autoptr(GString) rest = g_string_new(NULL);
	gboolean is_answer = a->args.dry_run && !cli->json && !a->args.output;

	kg_show_program(text, strlen(text), is_answer ? cli->color_out : cli->color_err, program);
	kg_show_findings(a->verdict->diags, "program", text, cli->color_err, rest);
	g_autofree char *author = kg_ask_author(a);
	gboolean is_short = cli->quiet && a->verdict->word < KG_VERDICT_UNLOADED;
	if (is_short && a->has_loop)
		g_string_append_printf(rest, "written by %s\n", author);
	if (!is_short) {
		g_string_append_c(rest, '\n');
		explain_program(a, rest);
		g_string_append_printf(rest, "written by %s\n", author);
		kg_verdict_table(a->verdict, cli->color_err, rest);
	}
	for (guint i = 0; i < a->notes->len && !cli->quiet; i++) {
		g_string_append(rest, "note: ");
		kg_text_escape(a->notes->pdata[i], -1, rest);
		g_string_append_c(rest, '\n');
	}
	if (is_answer && !kg_cli_out(program->str))
		return KG_EXIT_OUTPUT;
	/* Quiet or not: nothing runs that was not shown. */
	if (!is_answer && !cli->json)
		kg_cli_err(program->str);
	if (!cli->json)
		kg_cli_err(rest->str);
	return GO_ON;
}

/* ---------------------------------------------------------------- running */

static int write_program(struct asking *a)
{
	if (!a->args.output)
		return GO_ON;
	if (a->verdict->word >= KG_VERDICT_REFUTED) {
		kg_cli_note(a->cli, "nothing was written: %s failed", kg_verdict_failed(a->verdict)->name);
		return kg_show_exit(a->verdict, TRUE);
	}
	if (!strcmp(a->args.output, "-")) /* with --json it is in the result, which comes there, too */
		return a->cli->json || kg_cli_out(a->candidate->program) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
	if (kg_cli_write(a->args.output, a->candidate->program, a->args.force, &a->err))
		return kg_ask_end_by_error(a);
	kg_cli_note(a->cli, "written to %s", a->args.output);
	return KG_EXIT_OK;
}

/* Only what the kernel was seen to accept is offered to run. */
static int stop_unless_verified(struct asking *a)
{
	gboolean is_static = a->args.dry_run && a->profile && !kg_profile_is_running(a->profile);
	g_autofree char *sudo = kg_show_missing_privilege(a->cli, a->verdict);
	int code = kg_show_exit(a->verdict, is_static);

	if (sudo) {
		kg_error_set(&a->err, KG_E_PERM, "load", "a privilege is missing: the kernel's verifier was not asked, and nothing was run");
		kg_error_hint(&a->err, "%s", sudo);
		kg_cli_error(a->cli, &a->err);
	} else if (a->verdict->word >= KG_VERDICT_REFUTED) {
		kg_cli_note(a->cli, "nothing was run: %s failed", kg_verdict_failed(a->verdict)->name);
	} else if (code != KG_EXIT_OK) {
		kg_cli_note(a->cli, "nothing was run: %s", a->args.profile || a->args.kernel ? "the profile is not that of the running kernel" :
			    "the kernel's verifier has not seen it");
	}
	if (code == KG_EXIT_OK && !a->args.dry_run && a->args.kernel)
		kg_cli_note(a->cli, "nothing was run: it was checked for %s, which is not the running kernel", a->args.kernel);
	if (code != KG_EXIT_OK)
		return code;
	return a->args.dry_run || a->args.kernel ? KG_EXIT_OK : GO_ON;
}

static gboolean ask_yes(FILE *tty)
{
	char line[64];

	fputs("Run it? [y/N] ", stderr);
	fflush(stderr);
	if (!fgets(line, sizeof(line), tty))
		return FALSE;
	g_strstrip(line);
	return !g_ascii_strcasecmp(line, "y") || !g_ascii_strcasecmp(line, "yes");
}

/* The question is asked where a person reads it, and answered on the terminal (standard input may hold the sentence). */
static int ask_to_run(struct asking *a)
{
	gboolean is_changing = changes_system(a->verdict);

	if (a->args.yes && !is_changing)
		return GO_ON;
	FILE *tty = isatty(STDERR_FILENO) ? fopen("/dev/tty", "re") : NULL;
	if (!tty) {
		kg_error_set(&a->err, KG_E_INVAL, "run", "not run: there is no terminal to ask on");
		kg_error_hint(&a->err, "%s", is_changing ? "a program that changes the system is run from a terminal only" :
							   "add --yes to run without a question");
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_USAGE;
	}
	gboolean yes = ask_yes(tty);
	fclose(tty);
	if (yes)
		return GO_ON;
	kg_cli_note(a->cli, "not run");
	return KG_EXIT_OK;
}

static int run(struct asking *a)
{
	struct kg_watch watch = {.cli = a->cli, .candidate = a->candidate, .intent = a->intent, .tool = &a->tool,
				 .limits = &a->verdict->limits,
				 .for_ns = a->candidate->for_ns, .pid = a->args.pid, .command = a->command.pid ? &a->command : NULL,
				 .allow_unsafe = changes_system(a->verdict), .notes = a->notes, .copy = a->args.summarise ? a->output : NULL};
	int code = kg_watch_run(&watch, &a->run, &a->err);

	a->has_run = a->run.diags != NULL;
	if (code != KG_EXIT_OK)
		kg_cli_error(a->cli, &a->err);
	return code == KG_EXIT_OK && a->args.summarise ? GO_ON : code;
}

/* ---------------------------------------------------------------- the list */

static int (*const steps[])(struct asking *) = {
	kg_ask_open_config,
	open_knowledge,
	understand,
	apply_options,
	explain,
	synthesise,
	comprehend,
	kg_ask_model, /* where the builtin engine has no program; its answers are checked there, too */
	check,        /* proof and trials are rows of it */
	show,
	write_program,
	stop_unless_verified,
	ask_to_run,
	run,
	kg_ask_summarise,
};

/* Once there is nothing more to wait for. A program that --pid or --command restricted does not answer the sentence alone. */
static void remember(struct asking *a)
{
	struct kg_outcome outcome = {.prompt = a->args.prompt, .candidate = a->candidate, .verdict = a->verdict, .profile = a->profile,
				     .run = a->has_run ? &a->run : NULL};

	if (a->has_loop && !a->loop.is_good) /* the loop has kept what failed */
		return;
	if (a->candidate && a->verdict && !a->args.no_memory && !a->args.pid && !a->args.command && kg_memory_is_on())
		kg_remember(a->cli, &outcome, a->notes);
}

static void report(struct asking *a, int code)
{
	g_autoptr(GString) intent = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_report report = {.prompt = a->args.prompt, .engine = a->candidate ? a->candidate->engine : a->has_loop ? "model" : "builtin",
				   .model = a->model, .loop = a->has_loop ? &a->loop : NULL, .refusal_hint = a->hint, .summary = a->summary,
				   .language = a->candidate ? a->candidate->language : NULL,
				   .program = a->candidate ? a->candidate->program : NULL, .verdict = a->verdict, .notes = a->notes,
				   .refusal = a->refusal, .error = &a->err, .kernel = a->args.kernel, .run = a->has_run ? &a->run : NULL, .exit = code};

	if (a->intent && !a->has_loop) {
		kg_intent_json(a->intent, intent);
		report.intent_json = intent->str;
	}
	kg_report_json(&report, out);
	kg_cli_out(out->str);
}

static void clear(struct asking *a)
{
	kg_command_end(&a->command);
	if (a->has_run)
		kg_run_result_clear(&a->run);
	if (a->has_loop) { /* program and verdict are its own */
		kg_loop_result_clear(&a->loop);
	} else {
		kg_verdict_free(a->verdict);
		kg_candidate_free(a->candidate);
	}
	kg_bpftrace_clear(&a->tool);
	kg_model_free(a->model);
	kg_memory_free(a->memory);
	kg_config_free(a->config);
	g_string_free(a->output, TRUE);
	g_free(a->summary);
	g_free(a->reason);
	g_free(a->no_contract);
	kg_refusal_free(a->refusal);
	kg_intent_free(a->intent);
	kg_profile_free(a->profile);
	kg_knowledge_close(&a->knowledge);
	kg_contract_free(a->contract);
	g_ptr_array_unref(a->notes);
	kg_ask_args_clear(&a->args);
	kg_error_clear(&a->err);
}

int kg_cmd_ask(const struct kg_cli *cli, int argc, char **argv)
{
	struct asking a = {.cli = cli, .command = KG_COMMAND_INIT, .notes = g_ptr_array_new_with_free_func(g_free),
			   .output = g_string_new(NULL)};
	int code = GO_ON;

	if (kg_ask_args_parse(argc, argv, &a.args, &a.err)) {
		kg_cli_usage(cli, "ask", &a.err);
		code = KG_EXIT_USAGE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(steps) && code == GO_ON; i++)
		code = steps[i](&a);
	remember(&a);
	if (cli->json)
		report(&a, code);
	gboolean was_cancelled = a.was_cancelled;
	clear(&a);
	if (was_cancelled) { /* the shell is to see that Ctrl-C ended it */
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return code;
}
