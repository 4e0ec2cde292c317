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

#include <kgent/memory.h>
#include <kgent/paths.h>
#include <kgent/text.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GO_ON (-1)

/* A request on its way. Each step fills its part. */
struct asking {
	const struct kg_cli *cli;
	struct kg_ask_args args;
	struct kg_cards *cards;
	struct kg_lexicon *lexicon;
	struct kg_profile *profile;
	struct kg_intent *intent;
	struct kg_refusal *refusal;
	struct kg_command command;
	struct kg_candidate *candidate;
	struct kg_bpftrace tool; /* path NULL: there is none */
	struct kg_verdict *verdict;
	struct kg_run_result run;
	gboolean has_run;
	GPtrArray *notes;
	struct kg_error err;
};

/* ---------------------------------------------------------------- understanding */

static int end_by_error(struct asking *a)
{
	kg_cli_error(a->cli, &a->err);
	return kg_cli_exit(&a->err);
}

/* What people say, what the kernel has. */
static int open_knowledge(struct asking *a)
{
	g_auto(GStrv) events = kg_paths_data("events");
	g_auto(GStrv) words = kg_paths_data("words");

	g_autofree char *dir = kg_cli_profile_dir(a->args.kernel, a->args.profile, &a->err);

	if (a->err.code || kg_cards_open((const char *const *)events, &a->cards, &a->err) ||
	    kg_lexicon_open((const char *const *)words, a->cards, &a->lexicon, &a->err) ||
	    kg_cli_profile(a->cli, dir, &a->profile, &a->err)) {
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_ENVIRONMENT;
	}
	return GO_ON;
}

static void show_list(const char *before, const GPtrArray *list, const char *quote, GString *out)
{
	if (!list || !list->len)
		return;
	g_string_append(out, before);
	for (guint i = 0; i < list->len; i++) {
		g_string_append(out, quote);
		kg_text_escape(list->pdata[i], -1, out);
		g_string_append_printf(out, "%s%s", quote, i + 1 < list->len ? ", " : "\n");
	}
}

static void show_refusal(const struct kg_refusal *refusal)
{
	g_autoptr(GString) out = g_string_new("kgent: ");

	kg_text_escape(refusal->why, -1, out);
	g_string_append_c(out, '\n');
	show_list("  words not understood: ", refusal->left, "\"", out);
	if (refusal->close && refusal->close->len) {
		g_string_append(out, "  what can be asked instead:\n");
		for (guint i = 0; i < refusal->close->len; i++) {
			g_string_append(out, "    ");
			kg_text_escape(refusal->close->pdata[i], -1, out);
			g_string_append_c(out, '\n');
		}
	}
	kg_cli_err(out->str);
}

static int understand(struct asking *a)
{
	int code = kg_understand(a->lexicon, a->profile, a->args.prompt, &a->intent, &a->refusal, &a->err);

	if (code == -KG_E_REFUSED && a->refusal) {
		show_refusal(a->refusal);
		return KG_EXIT_REFUSED;
	}
	return code ? end_by_error(a) : GO_ON;
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

/* The command line adds to what the sentence says, or overrides it. */
static int apply_options(struct asking *a)
{
	if (a->args.for_ns)
		a->intent->for_ns = a->args.for_ns;
	if ((a->args.pid || a->args.command) && knows_processes_by_other_numbers()) {
		kg_error_set(&a->err, KG_E_UNSUPPORTED, "options", "--pid and --command don't work in a pid namespace of its own "
			     "(a container): the kernel knows the process by another number");
		kg_error_hint(&a->err, "run kgent outside of the container, or with the host's pid namespace (docker run --pid=host)");
		return end_by_error(a);
	}
	if (filters_by_process_id(a->intent) && knows_processes_by_other_numbers())
		g_ptr_array_add(a->notes, g_strdup("kgent runs in a pid namespace of its own (a container): process ids are the host's"));
	if (a->args.command && kg_command_start(&a->command, a->args.command, &a->err)) {
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_USAGE;
	}
	if (a->args.pid || a->command.pid)
		kg_ask_restrict(&a->args, a->args.pid ?: a->command.pid, a->intent);
	return GO_ON;
}

static int explain(struct asking *a)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (a->args.explain) {
		kg_intent_explain(a->intent, out);
		g_string_append_c(out, '\n');
		kg_cli_err(out->str);
	}
	return GO_ON;
}

static void take_notes(struct asking *a, const GPtrArray *notes)
{
	for (guint i = 0; notes && i < notes->len; i++)
		g_ptr_array_add(a->notes, g_strdup(notes->pdata[i]));
}

static int synthesise(struct asking *a)
{
	take_notes(a, a->intent->notes);
	if (!kg_synthesise(a->intent, a->profile, &a->candidate, &a->err)) {
		take_notes(a, a->candidate->notes);
		return GO_ON;
	}
	if (a->args.pid || a->args.command)
		kg_error_hint(&a->err, "%s is a condition on the process, as if the sentence had said it", a->args.pid ? "--pid" : "--command");
	kg_cli_error(a->cli, &a->err);
	/* That this kernel has no attach point for it is a fact of the environment; anything else kgent can't do. */
	return a->err.code == KG_E_UNSUPPORTED ? KG_EXIT_ENVIRONMENT : kg_cli_exit(&a->err);
}

/* ---------------------------------------------------------------- checking and showing */

static int check(struct asking *a)
{
	_cleanup_error_ struct kg_error no_tool = {0}; /* said by the checks that need it */
	struct kg_check_opts opts = {.profile = a->profile, .allowed = (const char *const *)a->args.allowed->pdata, .pid = a->args.pid,
				     .kernel = a->args.kernel, .trial = a->args.trial, .intent = a->intent, .progress = kg_cli_progress,
				     .user = (void *)a->cli};

	if (!kg_bpftrace_find(&a->tool, &no_tool))
		opts.tool = &a->tool;
	int code = kg_check_program(a->candidate->program, strlen(a->candidate->program), &opts, &a->verdict, &a->err);
	if (code)
		return end_by_error(a);
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
	if (!cli->quiet || a->verdict->word >= KG_VERDICT_UNLOADED) {
		g_string_append_c(rest, '\n');
		explain_program(a, rest);
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
		return end_by_error(a);
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
				 .allow_unsafe = changes_system(a->verdict), .notes = a->notes};
	int code = kg_watch_run(&watch, &a->run, &a->err);

	a->has_run = a->run.diags != NULL;
	if (code != KG_EXIT_OK)
		kg_cli_error(a->cli, &a->err);
	return code;
}

/* ---------------------------------------------------------------- the list */

static int (*const steps[])(struct asking *) = {
	open_knowledge,
	understand,
	apply_options,
	explain,
	synthesise, /* a model engine takes its turn here, once there is one */
	check,      /* proof and trials are rows of it */
	show,
	write_program,
	stop_unless_verified,
	ask_to_run,
	run,
};

/* Once there is nothing more to wait for. A program that --pid or --command restricted does not answer the sentence alone. */
static void remember(struct asking *a)
{
	struct kg_outcome outcome = {.prompt = a->args.prompt, .candidate = a->candidate, .verdict = a->verdict, .profile = a->profile,
				     .run = a->has_run ? &a->run : NULL};

	if (a->candidate && a->verdict && !a->args.no_memory && !a->args.pid && !a->args.command && kg_memory_is_on())
		kg_remember(a->cli, &outcome, a->notes);
}

static void report(struct asking *a, int code)
{
	g_autoptr(GString) intent = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_report report = {.prompt = a->args.prompt, .engine = a->candidate ? a->candidate->engine : "builtin",
				   .language = a->candidate ? a->candidate->language : NULL,
				   .program = a->candidate ? a->candidate->program : NULL, .verdict = a->verdict, .notes = a->notes,
				   .refusal = a->refusal, .error = &a->err, .kernel = a->args.kernel, .run = a->has_run ? &a->run : NULL, .exit = code};

	if (a->intent) {
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
	kg_verdict_free(a->verdict);
	kg_bpftrace_clear(&a->tool);
	kg_candidate_free(a->candidate);
	kg_refusal_free(a->refusal);
	kg_intent_free(a->intent);
	kg_profile_free(a->profile);
	kg_lexicon_free(a->lexicon);
	kg_cards_free(a->cards);
	g_ptr_array_unref(a->notes);
	kg_ask_args_clear(&a->args);
	kg_error_clear(&a->err);
}

int kg_cmd_ask(const struct kg_cli *cli, int argc, char **argv)
{
	struct asking a = {.cli = cli, .command = KG_COMMAND_INIT, .notes = g_ptr_array_new_with_free_func(g_free)};
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
	clear(&a);
	return code;
}
