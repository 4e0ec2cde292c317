/* kgent "PROMPT": what was asked for on the command line, and what is known so far. */
#pragma once

#include "cli.h"
#include "command.h"
#include "knowledge.h"

#include <kgent/agent.h>
#include <kgent/loop.h>
#include <kgent/run.h>
#include <sys/types.h>

struct kg_ask_args {
	char *prompt;        /* owned */
	gint64 for_ns;       /* 0: not given */
	int pid;             /* 0: not given */
	const char *command;
	gboolean yes, dry_run, force, explain, summarise, no_memory;
	const char *output;
	const char *profile;
	enum kg_trial_when trial;
	const char *kernel;
	GPtrArray *allowed;  /* NULL at its end */
	GPtrArray *settings; /* name, value, name, value ..., NULL: for kg_config_open() */
};

/* Parse the arguments of ask; the prompt is read from standard input where it is "-". Release with kg_ask_args_clear(). */
int kg_ask_args_parse(int argc, char **argv, struct kg_ask_args *args, struct kg_error *err);
void kg_ask_args_clear(struct kg_ask_args *args);

/* Add to the intent that only process [pid] is observed (that of --pid, or of the command that --command started). */
void kg_ask_restrict(const struct kg_ask_args *args, pid_t pid, struct kg_intent *intent);

#define GO_ON (-1)

/* A request on its way. Each step fills its part. */
struct asking {
	const struct kg_cli *cli;
	struct kg_ask_args args;
	struct kg_config *config;
	struct kg_knowledge knowledge;
	struct kg_profile *profile;
	struct kg_intent *intent;     /* of the model engine: one that asks for nothing */
	struct kg_refusal *refusal;   /* of the builtin engine */
	struct kg_contract *contract; /* of the sentence; NULL: none can be made, [no_contract] says why */
	char *no_contract;
	struct kg_command command;
	struct kg_candidate *candidate; /* of the builtin engine, or borrowed from [loop] */
	struct kg_bpftrace tool; /* path NULL: there is none */
	struct kg_verdict *verdict;   /* as the candidate */
	struct kg_model *model;       /* NULL: none was needed, or there is none */
	struct kg_memory *memory;     /* NULL: none was needed, or it can't be opened */
	struct kg_loop_result loop;
	gboolean has_loop, is_memory_open, was_cancelled;
	char *reason;                 /* why the builtin engine has no program, once a model is asked */
	const char *hint;             /* of a refusal: what could be done; static */
	struct kg_run_result run;
	gboolean has_run;
	GString *output;              /* what the run showed, its beginning; for a summary */
	char *summary;
	GPtrArray *notes;
	struct kg_error err;
};

/* How an answer is checked, whoever wrote it. Looks for bpftrace. */
struct kg_check_opts kg_ask_check_opts(struct asking *a);
/* Say the error of the request; the exit code that fits it. */
int kg_ask_end_by_error(struct asking *a);
/* Start the command of --command, if there is one; the process that is to be observed. */
int kg_ask_start_command(struct asking *a);
/* Look for bpftrace, once; that there is none is no error here. */
void kg_ask_find_tool(struct asking *a);
void kg_ask_take_notes(struct asking *a, const GPtrArray *notes);

/* ---- the model engine's steps: ask_model.c */

/* The configuration; and, where a summary was asked for, a model that can give one. */
int kg_ask_open_config(struct asking *a);
/* Has the builtin engine a turn? */
gboolean kg_ask_has_builtin(const struct asking *a);
/* May a model be asked at all? */
gboolean kg_ask_has_model(const struct asking *a);
/* Where there is no candidate yet: ask a model, or say the refusal with how to configure one. */
int kg_ask_model(struct asking *a);
/* Let the model sum up what the run showed. */
int kg_ask_summarise(struct asking *a);
/* The words for which engine wrote it. Owned. */
char *kg_ask_author(const struct asking *a);
