/* kgent "PROMPT": what was asked for on the command line, and what is known so far. */
#pragma once

#include "cli.h"

#include <kgent/agent.h>
#include <sys/types.h>

struct kg_ask_args {
	char *prompt;        /* owned */
	gint64 for_ns;       /* 0: not given */
	int pid;             /* 0: not given */
	const char *command;
	gboolean yes, dry_run, force, explain, no_memory;
	const char *output;
	const char *profile;
	enum kg_trial_when trial;
	const char *kernel;
	GPtrArray *allowed;  /* NULL at its end */
};

/* Parse the arguments of ask; the prompt is read from standard input where it is "-". Release with kg_ask_args_clear(). */
int kg_ask_args_parse(int argc, char **argv, struct kg_ask_args *args, struct kg_error *err);
void kg_ask_args_clear(struct kg_ask_args *args);

/* Add to the intent that only process [pid] is observed (that of --pid, or of the command that --command started). */
void kg_ask_restrict(const struct kg_ask_args *args, pid_t pid, struct kg_intent *intent);
