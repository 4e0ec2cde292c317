/*
 * kgent check: all checks on a given program, for people and for tools that write programs. Needs no model; the static part needs
 * no privilege.
 */
#include "cli.h"
#include "files.h"
#include "fleet.h"
#include "options.h"
#include "show.h"

#include <string.h>

const struct kg_option kg_check_options[] = {
	{"allow", 0, "WORD", "allow the program this, as named in the refusal; repeatable"},
	{"kernel", 0, "NAME", "check for this kernel of kgent kernel list, in a virtual machine with it; repeatable"},
	{"no-load", 0, NULL, "load nothing into the kernel: the static checks and the build only"},
	{"profile", 0, "DIR", "check against this kernel profile instead of the running kernel"},
	{NULL},
};

struct check_args {
	const char *file;
	const char *profile;
	gboolean no_load;
	GPtrArray *allowed; /* NULL at its end, once all options are read */
	GPtrArray *kernels;
};

static int parse_args(int argc, char **argv, struct check_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_check_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND) {
			if (args->file)
				return kg_error_set(err, KG_E_INVAL, "options", "check takes one file; a sentence that begins with "
						    "\"check\" needs quotes, or kgent ask before it");
			args->file = walk.value;
		} else if (!strcmp(option->name, "allow")) {
			g_ptr_array_add(args->allowed, (gpointer)walk.value);
		} else if (!strcmp(option->name, "kernel")) {
			g_ptr_array_add(args->kernels, (gpointer)walk.value);
		} else if (!strcmp(option->name, "no-load")) {
			args->no_load = TRUE;
		} else {
			args->profile = walk.value;
		}
	}
	g_ptr_array_add(args->allowed, NULL);
	if (args->kernels->len && args->profile)
		return kg_error_set(err, KG_E_INVAL, "options", "--kernel and --profile exclude each other");
	return 0;
}

static void show(const struct kg_cli *cli, const struct check_args *args, const char *text, const struct kg_verdict *verdict, int code)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (cli->json) {
		struct kg_report report = {.file = kg_cli_file_name(args->file), .language = "bpftrace", .program = text,
					   .verdict = verdict, .exit = code};
		kg_report_json(&report, out);
	} else {
		kg_show_findings(verdict->diags, kg_cli_file_name(args->file), text, cli->color_out, out);
		if (!cli->quiet) {
			if (out->len)
				g_string_append_c(out, '\n');
			kg_verdict_table(verdict, cli->color_out, out);
		}
	}
	kg_cli_out(out->str);
}

static int check_text(const struct kg_cli *cli, const struct check_args *args, const char *text, gsize len, struct kg_error *err)
{
	struct kg_profile *profile = NULL;
	struct kg_verdict *verdict = NULL;
	struct kg_check_opts opts = {.allowed = (const char *const *)args->allowed->pdata, .no_load = args->no_load,
				    .progress = kg_cli_progress, .user = (void *)cli};

	int code = kg_cli_profile(cli, args->profile, &profile, err);
	if (code && args->profile)
		return code;
	if (code) { /* without a profile there is still much to say */
		kg_cli_note(cli, "no profile of the running kernel: %s", err->msg);
		kg_error_clear(err);
	}
	opts.profile = profile;
	code = kg_check_program(text, len, &opts, &verdict, err);
	if (!code) {
		gboolean is_static = args->no_load || (profile && !kg_profile_is_running(profile));
		g_autofree char *sudo = args->no_load ? NULL : kg_show_missing_privilege(cli, verdict);
		kg_show_exact_mends(cli, verdict);
		code = kg_show_exit(verdict, is_static);
		show(cli, args, text, verdict, code);
		if (sudo && !cli->json)
			kg_cli_note(cli, "the kernel's verifier was not asked; this does: %s", sudo);
	}
	kg_verdict_free(verdict);
	kg_profile_free(profile);
	return code;
}

int kg_cmd_check(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) allowed = g_ptr_array_new(), kernels = g_ptr_array_new();
	struct check_args args = {.allowed = allowed, .kernels = kernels};
	g_autofree char *text = NULL;
	gsize len = 0;

	if (parse_args(argc, argv, &args, &err))
		return kg_cli_usage(cli, "check", &err);
	int code = kg_cli_read(args.file, KG_BT_MAX_BYTES, &text, &len, &err);
	if (!code && kernels->len) {
		struct kg_fleet fleet = {.cli = cli, .file = kg_cli_file_name(args.file), .text = text, .len = len, .no_load = args.no_load,
					 .allowed = (const char *const *)allowed->pdata, .kernels = kernels};

		code = kg_fleet_check(&fleet, &err);
	} else if (!code) {
		code = check_text(cli, &args, text, len, &err);
	}
	if (code >= 0)
		return code;
	kg_cli_error(cli, &err);
	return kg_cli_exit(&err);
}
