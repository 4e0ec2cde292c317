/* kgent's command line: the table of commands, the options that all of them share, help. */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct kg_option global_options[] = {
	{"json", 0, NULL, "answer in JSON on standard output (docs/json.md)"},
	{"quiet", 'q', NULL, "say only what was asked for, and errors"},
	{"help", 'h', NULL, "show this help"},
	{"version", 'V', NULL, "show the version"},
	{NULL},
};

static const char config_more[] =
	"A language model that answers what the builtin engine can't is named in ~/.config/kgent/config.ini:\n\n"
	"  [kgent]\n"
	"  base-url = http://127.0.0.1:11434     # Ollama, llama.cpp's server, vLLM, LM Studio, OpenRouter, ...\n"
	"  model = qwen2.5-coder:7b\n"
	"  api-key = ...                         # where the server wants one; then chmod 600 the file\n\n"
	"or provider = anthropic with model and api-key, or provider = command:PROGRAM ARGS. The same by variables: KGENT_PROVIDER,\n"
	"KGENT_BASE_URL, KGENT_MODEL, KGENT_API_KEY. Without any of it, ANTHROPIC_API_KEY, OPENAI_API_KEY, OPENAI_BASE_URL and\n"
	"OLLAMA_HOST are looked at, and then the usual ports of this machine. All settings: docs/models.md.\n";

/* The one list of commands: dispatch, help, and what tests/repo holds the manual page and the completions against. */
static const struct command {
	const char *name;
	const char *args;
	const char *help;
	kg_command_fn *run;
	const struct kg_option *options;
	const char *more; /* printed by its help, behind its options */
} commands[] = {
	{"ask", "\"PROMPT\"", "answer a question about this machine; the word ask can be left out", kg_cmd_ask, kg_ask_options,
	 "PROMPT may be several words without quotes; - reads it from standard input.\n"},
	{"check", "[FILE]", "make all checks on a bpftrace program; without FILE: standard input", kg_cmd_check, kg_check_options, NULL},
	{"contract", "\"PROMPT\"", "what any right program for a sentence must do, as a contract for kgent check", kg_cmd_contract, kg_contract_options,
	 "Standard output has the contract, as YAML or with --json as JSON (docs/contracts.md). No model is asked.\n"},
	{"diff", "A.bt B.bt", "do two bpftrace programs show the same? Proved, or a state in which they do not", kg_cmd_diff, kg_diff_options, NULL},
	{"explain", "[FILE]", "tell in plain words what a bpftrace program does", kg_cmd_explain, kg_explain_options, NULL},
	{"disasm", "[FILE]", "show the instructions of a bpftrace program or of a BPF object file", kg_cmd_disasm, kg_disasm_options,
	 "A bpftrace program is compiled by the installed bpftrace; an object file may be bpftrace's or clang's. Nothing is loaded.\n"},
	{"probes", "WORDS", "find attach points by words, or look one up by its name", kg_cmd_probes, kg_probes_options,
	 "An attach point is written as in bpftrace, for example kprobe:tcp_connect; with * it is a pattern.\n"},
	{"trial", "FILE", "run a program while a stimulus makes known events, and judge what it shows", kg_cmd_trial, kg_trial_options,
	 "FILE may be an example of the corpus (.yaml). Words behind -- are options of the stimulus. On the running kernel a trial needs root.\n"},
	{"kernel", "add|list|show|remove", "kernels that can be booted in a virtual machine, for --kernel", kg_cmd_kernel, kg_kernel_options,
	 kg_kernel_more},
	{"doctor", "", "tell what works on this machine, and how to mend what does not", kg_cmd_doctor, kg_doctor_options, NULL},
	{"config", "show", "tell each setting, its value, and where that came from", kg_cmd_config, kg_config_options, config_more},
	{"memory", "list|search|...", "what was learned and what is shipped: list, show, search, forget, recall, import, export, stats", kg_cmd_memory,
	 kg_memory_options, kg_memory_more},
};

static const char exit_codes[] =
	"Exit codes: 0 ran, written or passed; 1 output could not be written; 2 usage; 3 refused (can't be done without a model);\n"
	"4 no verified program; 5 refused by policy; 6 environment (a tool, a privilege or a kernel feature is missing).\n";

static const struct command *find_command(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void help_all(GString *out)
{
	g_string_append(out, "kgent turns an English sentence into a checked eBPF program, and runs it.\n\n"
			"  kgent \"PROMPT\"             for example: kgent \"count system calls by process\" --for 5s\n");
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		g_autofree char *usage = g_strdup_printf("kgent %s %s", commands[i].name, commands[i].args);
		g_string_append_printf(out, "  %-26s %s\n", usage, commands[i].help);
	}
	g_string_append(out, "  kgent help [COMMAND]       this help, or that of one command\n\nOptions of all commands:\n");
	kg_options_help(global_options, out);
	g_string_append(out, "\nOptions with a sentence:\n");
	kg_options_help(kg_ask_options, out);
	g_string_append_printf(out, "\n%s", exit_codes);
}

static void help_command(const struct command *command, GString *out)
{
	g_string_append_printf(out, "kgent %s %s: %s\n\n", command->name, command->args, command->help);
	if (command->options) {
		g_string_append(out, "Options:\n");
		kg_options_help(command->options, out);
	}
	if (command->more)
		g_string_append_printf(out, "\n%s", command->more);
	g_string_append(out, "\nOptions of all commands:\n");
	kg_options_help(global_options, out);
}

static int show_help(const struct kg_cli *cli, const char *name)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const struct command *command = name ? find_command(name) : NULL;

	if (name && !command) {
		_cleanup_error_ struct kg_error err = {0};
		kg_error_set(&err, KG_E_INVAL, "options", "there is no command %s", name);
		return kg_cli_usage(cli, NULL, &err);
	}
	if (command)
		help_command(command, out);
	else
		help_all(out);
	return kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
}

/* What main() itself reads off the command line. */
struct wants {
	gboolean help;
	gboolean version;
};

static gboolean is_global(const char *word, struct kg_cli *cli, struct wants *wants)
{
	if (!strcmp(word, "--json"))
		cli->json = TRUE;
	else if (!strcmp(word, "--quiet") || !strcmp(word, "-q"))
		cli->quiet = TRUE;
	else if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		wants->help = TRUE;
	else if (!strcmp(word, "--version") || !strcmp(word, "-V"))
		wants->version = TRUE;
	else
		return FALSE;
	return TRUE;
}

/* Does the option [word] of a sentence take the next word as its value (so that the next word is not for us)? */
static gboolean takes_next(const char *word)
{
	for (const struct kg_option *o = kg_ask_options; o->name; o++) {
		const char letter[] = {'-', o->letter, '\0'};
		if (o->value && ((g_str_has_prefix(word, "--") && !strcmp(word + 2, o->name)) || (o->letter && !strcmp(word, letter))))
			return TRUE;
	}
	return FALSE;
}

/* Take the options for all commands out of argv; what is left stands in [rest], with rest[0] kept free for the command's name. */
static int take_globals(int argc, char **argv, struct kg_cli *cli, struct wants *wants, char **rest)
{
	int n = 1;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			while (i < argc)
				rest[n++] = argv[i++];
			break;
		}
		if (is_global(argv[i], cli, wants))
			continue;
		rest[n++] = argv[i];
		if (takes_next(argv[i]) && i + 1 < argc)
			rest[n++] = argv[++i];
	}
	rest[n] = NULL;
	return n;
}

static gboolean takes_color(int fd)
{
	const char *no_color = g_getenv("NO_COLOR"), *term = g_getenv("TERM");

	return isatty(fd) && !(no_color && *no_color) && g_strcmp0(term, "dumb") != 0;
}

static int dispatch(const struct kg_cli *cli, const struct wants *wants, int n, char **rest)
{
	const struct command *command = n > 1 ? find_command(rest[1]) : NULL;
	gboolean is_help = n > 1 && !strcmp(rest[1], "help");

	if (wants->version) {
		return kg_cli_out("kgent " KG_VERSION "\n") ? KG_EXIT_OK : KG_EXIT_OUTPUT;
	}
	if (is_help || wants->help)
		return show_help(cli, is_help ? rest[2] : command ? command->name : NULL);
	if (n == 1) {
		_cleanup_error_ struct kg_error err = {0};
		kg_error_set(&err, KG_E_INVAL, "options", "what do you want to know? For example: kgent \"count system calls by process\"");
		return kg_cli_usage(cli, NULL, &err);
	}
	if (command)
		return command->run(cli, n - 1, rest + 1);
	rest[0] = (char *)"ask";
	return kg_cmd_ask(cli, n, rest);
}

/* A full or closed standard output must not look like success. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "kgent: standard output could not be written: %s\n", g_strerror(errno));
	return code == KG_EXIT_OK ? KG_EXIT_OUTPUT : code;
}

/* A descriptor 0, 1 or 2 that is closed would become the next file that is opened, and output would land there. */
static void fill_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) /* for reading: writing to it is an error */
			_exit(KG_EXIT_OUTPUT);
}

int main(int argc, char **argv)
{
	struct kg_cli cli = {.color_out = takes_color(STDOUT_FILENO), .color_err = takes_color(STDERR_FILENO), .n_words = argc, .words = argv};
	g_autofree char **rest = g_new0(char *, argc + 3);
	struct wants wants = {0};

	fill_standard_descriptors();
	/* A reader that goes away (kgent ... | head) is seen as an error of writing, so that a program that runs is ended in order. */
	signal(SIGPIPE, SIG_IGN);
	int n = take_globals(argc, argv, &cli, &wants, rest);
	return finish(dispatch(&cli, &wants, n, rest));
}
