/* kgent diff: do two programs show the same? Both are compiled and run symbolically side by side; nothing is loaded, no privilege is needed. */
#include "bound.h"
#include "cli.h"
#include "files.h"
#include "interrupt.h"
#include "options.h"
#include "show.h"

#include <kgent/diff.h>

#include <jansson.h>
#include <string.h>

const struct kg_option kg_diff_options[] = {
	{"allow", 0, "WORD", "allow both programs this, as named in the refusal; repeatable"},
	{"bound", 0, "NAME=N", KG_BOUND_HELP},
	{"profile", 0, "DIR", "types of this kernel profile instead of the running kernel"},
	{NULL},
};

struct diff_args {
	const char *files[2];
	int n_files;
	const char *profile;
	struct kg_prove_opts prove;
	GPtrArray *allowed; /* NULL at its end, once all options are read */
};

static int parse_args(int argc, char **argv, struct diff_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_diff_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND) {
			if (args->n_files == 2)
				return kg_error_set(err, KG_E_INVAL, "options", "diff takes two files; a sentence that begins with \"diff\" needs quotes, "
						    "or kgent ask before it");
			args->files[args->n_files++] = walk.value;
		} else if (!strcmp(option->name, "allow")) {
			g_ptr_array_add(args->allowed, (gpointer)walk.value);
		} else if (!strcmp(option->name, "bound")) {
			if (kg_cli_bound(&args->prove.bounds, walk.value, err))
				return -KG_E_INVAL;
		} else {
			args->profile = walk.value;
		}
	}
	g_ptr_array_add(args->allowed, NULL);
	if (args->n_files != 2)
		return kg_error_set(err, KG_E_INVAL, "options", "diff takes two files of bpftrace's language");
	if (!strcmp(kg_cli_file_name(args->files[0]), kg_cli_file_name("-")) && !strcmp(kg_cli_file_name(args->files[1]), kg_cli_file_name("-")))
		return kg_error_set(err, KG_E_INVAL, "options", "only one of the two can be standard input");
	return 0;
}

static int compile(const struct kg_cli *cli, const char *file, const struct kg_check_opts *opts, struct kg_compiled *ret, struct kg_error *err)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) out = g_string_new(NULL);
	gsize len;
	int r = kg_cli_read(file, KG_BT_MAX_BYTES, &text, &len, err);

	if (r)
		return r;
	if (strlen(text) != len || !g_utf8_validate(text, (gssize)len, NULL))
		return kg_error_set(err, KG_E_PARSE, "diff", "%s: this is no text", kg_cli_file_name(file));
	r = kg_compile_program(text, opts, diags, ret, err);
	if (r && !cli->json)
		kg_show_findings(diags, kg_cli_file_name(file), text, cli->color_err, out);
	kg_cli_err(out->str);
	if (r) {
		g_autofree char *why = g_strdup(err->msg), *hint = g_strdup(err->hint);
		int code = err->code;
		kg_error_clear(err);
		kg_error_set(err, code, "diff", "%s: %s", kg_cli_file_name(file), why);
		if (hint)
			kg_error_hint(err, "%s", hint);
	}
	return r;
}

static void show_json(const struct diff_args *args, const struct kg_diff *diff, int code)
{
	g_autofree char *text = kg_diff_json(diff);
	json_t *object = json_loads(text, 0, NULL), *files = json_array();
	char *line;

	for (int i = 0; i < 2; i++)
		json_array_append_new(files, json_string(kg_cli_file_name(args->files[i])));
	json_object_set_new(object, "type", json_string("diff"));
	json_object_set_new(object, "files", files);
	json_object_set_new(object, "exit", json_integer(code));
	line = json_dumps(object, JSON_COMPACT);
	kg_cli_out(line);
	kg_cli_out("\n");
	free(line);
	json_decref(object);
}

static void show(const struct kg_cli *cli, const struct diff_args *args, const struct kg_diff *diff, int code)
{
	const char *const names[2] = {kg_cli_file_name(args->files[0]), kg_cli_file_name(args->files[1])};
	g_autoptr(GString) out = g_string_new(NULL);

	if (cli->json) {
		show_json(args, diff, code);
		return;
	}
	kg_diff_text(diff, names, cli->color_out, out);
	kg_cli_out(out->str);
}

static int diff_files(const struct kg_cli *cli, struct diff_args *args, struct kg_profile *profile, struct kg_error *err)
{
	struct kg_check_opts opts = {.profile = profile, .allowed = (const char *const *)args->allowed->pdata};
	struct kg_compiled compiled[2] = {0};
	struct kg_diff *diff = NULL;
	struct kg_interrupt interrupt;
	int r = 0;

	for (int i = 0; i < 2 && !r; i++)
		r = compile(cli, args->files[i], &opts, &compiled[i], err);
	if (!r) {
		struct kg_diff_side a = {compiled[0].object, compiled[0].program}, b = {compiled[1].object, compiled[1].program};
		args->prove.compile = kg_compile_copy;
		args->prove.compile_user = &opts;
		kg_interrupt_begin(&interrupt, &args->prove);
		r = kg_diff_programs(&a, &b, profile, &args->prove, &diff, err);
		kg_interrupt_end(&interrupt);
	}
	if (!r) {
		r = diff->word == KG_DIFF_SAME ? KG_EXIT_OK : KG_EXIT_NOT_VERIFIED;
		show(cli, args, diff, r);
	}
	for (int i = 0; i < 2; i++)
		kg_compiled_clear(&compiled[i]);
	kg_diff_free(diff);
	return r;
}

int kg_cmd_diff(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) allowed = g_ptr_array_new();
	struct diff_args args = {.allowed = allowed};
	struct kg_profile *profile = NULL;

	if (parse_args(argc, argv, &args, &err))
		return kg_cli_usage(cli, "diff", &err);
	int code = kg_cli_profile(cli, args.profile, &profile, &err);
	if (code && !args.profile) { /* numbers without names */
		kg_cli_note(cli, "no profile of the running kernel: %s", err.msg);
		kg_error_clear(&err);
		code = 0;
	}
	if (!code)
		code = diff_files(cli, &args, profile, &err);
	kg_profile_free(profile);
	if (code >= 0)
		return code;
	kg_cli_error(cli, &err);
	return err.code == KG_E_REFUSED ? KG_EXIT_POLICY : kg_cli_exit(&err);
}
