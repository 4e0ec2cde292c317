/* Showing: programs, findings and verdicts, for people. */
#pragma once

#include "cli.h"

#include <kgent/agent.h>

/* Open the profile in [dir], or the running kernel's (NULL). Where root finds no tracefs, it is mounted for this process alone, and said. */
int kg_cli_profile(const struct kg_cli *cli, const char *dir, struct kg_profile **ret, struct kg_error *err);
/* The directory of the profile that --kernel or --profile names: owned; NULL with [err] unset: the running kernel's. */
char *kg_cli_profile_dir(const char *kernel, const char *profile, struct kg_error *err);
/* Told to kg_check_opts.progress and the like, with a struct kg_cli *: a note. */
void kg_cli_progress(void *cli, const char *what);
/* The program's text, in colours where [color], with a final newline. */
void kg_show_program(const char *text, gsize len, gboolean color, GString *out);
/* All findings about it. */
void kg_show_findings(const GPtrArray *diags, const char *file, const char *text, gboolean color, GString *out);
/* Why nothing was loaded, when that is for want of a privilege: the line that mends it, owned; else NULL. */
char *kg_show_missing_privilege(const struct kg_cli *cli, const struct kg_verdict *verdict);
/* The library writes "sudo kgent ..." where a privilege is missing; put this very command line in its place. */
void kg_show_exact_mends(const struct kg_cli *cli, const struct kg_verdict *verdict);
/* [before], and the texts of [list] in [quote]s, with a final newline; nothing where the list is empty. */
void kg_show_list(const char *before, const GPtrArray *list, const char *quote, GString *out);
/* What was not understood of a sentence, and what can be done about it ([hint], may be NULL), on standard error. */
void kg_show_refusal(const struct kg_refusal *refusal, const char *hint);
/* The exit code that a verdict means. [is_static]: nothing was to be loaded. */
int kg_show_exit(const struct kg_verdict *verdict, gboolean is_static);
