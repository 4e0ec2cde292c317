/* Running a checked program: its output, the status line, Ctrl-C, and what to say when nothing was seen. */
#pragma once

#include "cli.h"
#include "command.h"

#include <kgent/intent.h>
#include <kgent/run.h>
#include <kgent/synthesise.h>

struct kg_watch {
	const struct kg_cli *cli;
	const struct kg_candidate *candidate;
	const struct kg_intent *intent;
	const struct kg_bpftrace *tool;
	const struct kg_bpftrace_limits *limits;
	gint64 for_ns;       /* 0: until stopped */
	int pid;             /* -p; 0: none */
	struct kg_command *command; /* -c: held, is let go once the program observes; or NULL */
	gboolean allow_unsafe;
	GString *copy;       /* the beginning of what is shown is kept here, too; or NULL */
	GPtrArray *notes;    /* char *, owned by it: what is to be known of the run is added */
};

/* Run it. Events go to standard output. *ret is filled on success, release it with kg_run_result_clear().
 * Returns a kg_exit, with [err] set where it is not KG_EXIT_OK. */
int kg_watch_run(const struct kg_watch *watch, struct kg_run_result *ret, struct kg_error *err);
