/* What the commands share. Only this folder prints. */
#pragma once

#include <kgent/error.h>

/* Exit codes: the one list, documented in the manual page. */
enum kg_exit {
	KG_EXIT_OK = 0,          /* ran, written, or every check passed */
	KG_EXIT_OUTPUT = 1,      /* standard output could not be written */
	KG_EXIT_USAGE = 2,       /* the command line makes no sense */
	KG_EXIT_REFUSED = 3,     /* kgent does not know how to do this (without a model) */
	KG_EXIT_NOT_VERIFIED = 4,/* no program passed the checks */
	KG_EXIT_POLICY = 5,      /* the program does something that was not allowed */
	KG_EXIT_ENVIRONMENT = 6, /* a tool, a privilege or a kernel feature is missing */
};

/* How to speak: found out once by main(). */
struct kg_cli {
	gboolean color_out; /* standard output takes colours: a terminal, and NO_COLOR is not set */
	gboolean color_err;
	gboolean quiet;
	gboolean json;
	int n_words;        /* the whole command line as it was given, for the lines that tell how to run it again with sudo */
	char **words;
};

/* A command: its own arguments, argv[0] being its name; returns a kg_exit. The options for all commands are taken out by main(). */
typedef int kg_command_fn(const struct kg_cli *cli, int argc, char **argv);

kg_command_fn kg_cmd_ask;     /* kgent "PROMPT" */
kg_command_fn kg_cmd_check;   /* kgent check FILE.bt */
kg_command_fn kg_cmd_contract; /* kgent contract "PROMPT" */
kg_command_fn kg_cmd_diff;    /* kgent diff A.bt B.bt */
kg_command_fn kg_cmd_explain; /* kgent explain FILE.bt */
kg_command_fn kg_cmd_disasm;  /* kgent disasm FILE.bt|FILE.o */
kg_command_fn kg_cmd_probes;  /* kgent probes WORDS|ATTACH-POINT */
kg_command_fn kg_cmd_kernel;  /* kgent kernel add|list|show|remove */
kg_command_fn kg_cmd_doctor;  /* kgent doctor */
kg_command_fn kg_cmd_config;  /* kgent config show */
kg_command_fn kg_cmd_memory;  /* kgent memory list|show|... */
kg_command_fn kg_cmd_trial;   /* kgent trial FILE.bt --stimulus NAME */

extern const char kg_kernel_more[]; /* the end of its help */

/* Say on standard error what went wrong and what to do about it: "kgent: MESSAGE" and the hint below it. */
void kg_cli_error(const struct kg_cli *cli, const struct kg_error *err);
/* The exit code that fits an error. */
int kg_cli_exit(const struct kg_error *err);
/* kg_cli_error() for a command line that makes no sense, with the line that gets help; returns KG_EXIT_USAGE. */
int kg_cli_usage(const struct kg_cli *cli, const char *command, const struct kg_error *err);
/* A line on standard error that is not an error, unless --quiet: "kgent: MESSAGE". */
void kg_cli_note(const struct kg_cli *cli, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* The same for what must be known even with --quiet: the answer is less than it seems. */
void kg_cli_warn(const char *text);

/* Write to standard output or standard error at once; FALSE if the output could not be written. */
gboolean kg_cli_out(const char *text);
void kg_cli_err(const char *text);

/* The line that runs this very command with the missing privilege: "sudo kgent ...", quoted for a shell. Owned. */
char *kg_cli_sudo(const struct kg_cli *cli);
