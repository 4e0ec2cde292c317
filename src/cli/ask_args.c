/* The arguments of kgent "PROMPT": see ask.h. */
#include "ask.h"
#include "files.h"
#include "options.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

const struct kg_option kg_ask_options[] = {
	{"for", 0, "TIME", "how long to observe: 5s, 1.5min, 250ms, 2h"},
	{"pid", 'p', "PID", "observe this process only"},
	{"command", 'c', "CMD", "start CMD, observe it, and stop when it ends"},
	{"yes", 'y', NULL, "run without a question (never for a program that changes the system)"},
	{"dry-run", 'n', NULL, "show and check the program, do not run it"},
	{"output", 'o', "FILE", "write the program to FILE (- is standard output), do not run it"},
	{"force", 0, NULL, "let -o replace a file"},
	{"explain", 0, NULL, "show how the sentence was understood, part by part"},
	{"allow", 0, "WORD", "allow the program this, as named in the refusal; repeatable"},
	{"trial", 0, "WHEN", "run it against known events before it is offered: auto (in a sandbox), always or never"},
	{"kernel", 0, "NAME", "answer for this kernel of kgent kernel list, check in a virtual machine with it, and don't run"},
	{"no-memory", 0, NULL, "do not keep this request in memory"},
	{"profile", 0, "DIR", "answer for the kernel of this profile instead of the running one"},
	{"engine", 0, "NAME", "who writes the program: auto, builtin or model"},
	{"no-model", 0, NULL, "never ask a model"},
	{"provider", 0, "NAME", "openai (every server of its protocol), anthropic, or command:PROGRAM ARGS"},
	{"base-url", 0, "URL", "the model server's address, with or without /v1"},
	{"model", 0, "NAME", "the model, as its server calls it"},
	{"trials", 0, "N", "how many programs the model may try (3)"},
	{"samples", 0, "N", "answers asked for in a round; the best one counts (1)"},
	{"max-tokens", 0, "N", "at most so many tokens for this question, all rounds together"},
	{"max-cost", 0, "DOLLARS", "at most so many dollars for this question"},
	{"offline", 0, NULL, "ask no server: answer from the cache of earlier answers only"},
	{"fresh", 0, NULL, "do not use the cache of earlier answers"},
	{"summarize", 0, NULL, "let the model sum up what was found"},
	{NULL},
};

static int wrong_value(struct kg_error *err, const char *option, const char *value, const char *want)
{
	return kg_error_set(err, KG_E_INVAL, "options", "--%s %s: %s", option, value, want);
}

static int take_pid(const char *value, int *ret, struct kg_error *err)
{
	char *end;
	long pid = strtol(value, &end, 10);

	if (end == value || *end || pid <= 0 || pid > 1 << 22)
		return wrong_value(err, "pid", value, "this is no process id");
	if (kill(pid, 0) && errno == ESRCH)
		return wrong_value(err, "pid", value, "there is no such process");
	*ret = (int)pid;
	return 0;
}

static int take_trial(const char *value, enum kg_trial_when *ret, struct kg_error *err)
{
	static const char *const words[] = {"auto", "always", "never"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		if (!strcmp(value, words[i])) {
			*ret = (enum kg_trial_when)i;
			return 0;
		}
	}
	return wrong_value(err, "trial", value, "it is auto, always or never");
}

static int take_option(struct kg_ask_args *args, const char *name, const char *value, struct kg_error *err)
{
	const struct kg_setting_info *setting = kg_setting_find(name);

	if (!strcmp(name, "for"))
		return kg_cli_duration(value, &args->for_ns) ? 0 : wrong_value(err, name, value, "a time is like 5s, 1.5min, 250ms or 2h");
	if (!strcmp(name, "pid"))
		return take_pid(value, &args->pid, err);
	if (setting) {
		g_ptr_array_add(args->settings, (gpointer)setting->name);
		g_ptr_array_add(args->settings, (gpointer)(value ?: "true"));
		return 0;
	}
	if (!strcmp(name, "trial"))
		return take_trial(value, &args->trial, err);
	if (!strcmp(name, "allow"))
		g_ptr_array_add(args->allowed, (gpointer)value);
	else if (!strcmp(name, "command"))
		args->command = value;
	else if (!strcmp(name, "output"))
		args->output = value;
	else if (!strcmp(name, "profile"))
		args->profile = value;
	else if (!strcmp(name, "kernel"))
		args->kernel = value;
	else if (!strcmp(name, "yes"))
		args->yes = TRUE;
	else if (!strcmp(name, "dry-run"))
		args->dry_run = TRUE;
	else if (!strcmp(name, "force"))
		args->force = TRUE;
	else if (!strcmp(name, "explain"))
		args->explain = TRUE;
	else if (!strcmp(name, "summarize"))
		args->summarise = TRUE;
	else if (!strcmp(name, "no-memory"))
		args->no_memory = TRUE;
	return 0;
}

/* Options that make no sense together. */
static int check_together(const struct kg_ask_args *args, struct kg_error *err)
{
	if (args->pid && args->command)
		return kg_error_set(err, KG_E_INVAL, "options", "--pid and --command exclude each other");
	if (args->command && !*args->command)
		return kg_error_set(err, KG_E_INVAL, "options", "--command: there is no command");
	if (args->command && (args->dry_run || args->output || args->profile || args->kernel))
		return kg_error_set(err, KG_E_INVAL, "options", "--command starts a command, and with --dry-run, --output, --kernel or --profile "
				    "nothing is run");
	if (args->summarise && (args->dry_run || args->output || args->profile || args->kernel))
		return kg_error_set(err, KG_E_INVAL, "options", "--summarize sums up what was found, and with --dry-run, --output, --kernel or "
				    "--profile nothing is run");
	if (args->pid && args->kernel)
		return kg_error_set(err, KG_E_INVAL, "options", "--pid names a process of this machine, and --kernel another kernel");
	if (args->force && !args->output)
		return kg_error_set(err, KG_E_INVAL, "options", "--force says how --output writes, and there is no --output");
	return 0;
}

int kg_ask_args_parse(int argc, char **argv, struct kg_ask_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_ask_options, .argc = argc, .argv = argv, .at = 1};
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	const struct kg_option *option;
	enum kg_option_found found;

	args->allowed = g_ptr_array_new();
	args->settings = g_ptr_array_new();
	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND) {
			g_ptr_array_add(words, (gpointer)walk.value);
			continue;
		}
		int code = take_option(args, option->name, walk.value, err);
		if (code)
			return code;
	}
	g_ptr_array_add(args->allowed, NULL);
	g_ptr_array_add(args->settings, NULL);
	int code = check_together(args, err);
	return code ? code : kg_cli_prompt(words, &args->prompt, err);
}

/* The same filter as if the sentence had said it; whether an event has a process at all is judged where the program is written. */
void kg_ask_restrict(const struct kg_ask_args *args, pid_t pid, struct kg_intent *intent)
{
	struct kg_filter *filter = g_new0(struct kg_filter, 1);
	struct kg_origin *origin = g_new0(struct kg_origin, 1);

	filter->field = g_strdup("pid");
	filter->op = KG_FILTER_EQ;
	filter->number = pid;
	g_ptr_array_add(intent->filters, filter);
	origin->part = g_strdup("filter");
	origin->value = g_strdup_printf("process id %d", (int)pid);
	origin->words = args->command ? g_strdup_printf("--command %s", args->command) : g_strdup_printf("--pid %d", (int)pid);
	g_ptr_array_add(intent->origins, origin);
}

void kg_ask_args_clear(struct kg_ask_args *args)
{
	g_clear_pointer(&args->prompt, g_free);
	g_clear_pointer(&args->allowed, g_ptr_array_unref);
	g_clear_pointer(&args->settings, g_ptr_array_unref);
}
