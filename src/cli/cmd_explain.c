/* kgent explain: what a program does, in plain words, with the types of what it attaches to and all findings about its text. */
#include "asking.h"
#include "files.h"
#include "options.h"
#include "show.h"

#include <kgent/agent.h>
#include <kgent/brief.h>
#include <kgent/text.h>

#include <signal.h>
#include <string.h>

/* Of a pattern or a function with very many arguments, nobody reads them all. */
#define MAX_FIELDS 12

const struct kg_option kg_explain_options[] = {
	{"kernel", 0, "NAME", "types of this kernel of kgent kernel list instead of the running one"},
	{"profile", 0, "DIR", "types of this kernel profile instead of the running kernel"},
	{"model", 0, "[=NAME]", "let a model explain it, too; the configured one, or NAME of the same server"},
	{NULL},
};

struct explain_args {
	const char *file;
	const char *profile;
	gboolean with_model;
	const char *model; /* NULL: the configured one */
	const char *kernel;
};

static int parse_args(int argc, char **argv, struct explain_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_explain_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPTION && !strcmp(option->name, "model")) {
			args->with_model = TRUE;
			args->model = walk.value;
		} else if (found == KG_OPTION_OPTION)
			*(strcmp(option->name, "kernel") ? &args->profile : &args->kernel) = walk.value;
		else if (args->file)
			return kg_error_set(err, KG_E_INVAL, "options", "explain takes one file; a sentence that begins with "
					    "\"explain\" needs quotes, or kgent ask before it");
		else
			args->file = walk.value;
	}
	return 0;
}

static void show_fields(const GPtrArray *fields, GString *out)
{
	for (guint i = 0; fields && i < fields->len && i < MAX_FIELDS; i++) {
		const struct kg_field *field = fields->pdata[i];
		g_string_append(out, "      ");
		kg_text_escape(field->type ?: "?", -1, out);
		g_string_append_c(out, ' ');
		kg_text_escape(field->name ?: "?", -1, out);
		g_string_append_c(out, '\n');
	}
	if (fields && fields->len > MAX_FIELDS)
		g_string_append_printf(out, "      ... and %u more\n", fields->len - MAX_FIELDS);
}

static void show_points(const GPtrArray *points, GString *out)
{
	if (points->len)
		g_string_append(out, "\nattaches to\n");
	for (guint i = 0; i < points->len; i++) {
		const struct kg_explained_point *point = points->pdata[i];
		g_string_append(out, "  ");
		kg_text_escape(point->raw, -1, out);
		if (point->n > 1)
			g_string_append_printf(out, "  (%u of them)", point->n);
		if (point->usable != KG_YES) {
			g_string_append(out, point->usable == KG_NO ? "  can't be used: " : "  unknown: ");
			kg_text_escape(point->why ?: "no reason known", -1, out);
		}
		g_string_append_c(out, '\n');
		show_fields(point->fields, out);
	}
}

/* What a model has to say about it: text that is shown, and nothing else. */
static int ask_model(const struct kg_cli *cli, const struct explain_args *args, const char *text, gsize len, struct kg_profile *profile,
		     char **ret, struct kg_error *err)
{
	const char *const flags[] = {args->model ? "model" : NULL, args->model, NULL};
	const struct kg_config_opts opts = {.flags = flags};
	g_autofree char *program = kg_template_quote(text, len, 16 << 10);
	g_autofree char *facts = profile ? g_strdup_printf("The kernel is Linux %s.", kg_profile_release(profile)) : NULL;
	g_autofree char *system = NULL, *user = NULL;
	g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
	struct kg_config *config = NULL;
	struct kg_model *model = NULL;
	gboolean is_cancelled = FALSE;

	const struct kg_template_value values[] = {{"program", program}, {"facts", facts}, {NULL, NULL}};
	int code = kg_config_open(&opts, &config, err);
	if (!code && kg_config_bool(config, "no-model"))
		code = kg_error_set(err, KG_E_INVAL, "options", "--model: no model may be asked (no-model: kgent config show)");
	code = code ?: kg_model_open(config, &model, notes, err);
	if (!code && !model) {
		code = kg_error_set(err, KG_E_NOTFOUND, "model", "--model: there is no model");
		kg_error_hint(err, "kgent help config tells how to name one");
	}
	for (guint i = 0; i < notes->len; i++)
		kg_cli_note(cli, "%s", (char *)notes->pdata[i]);
	code = code ?: kg_template_fill("explain", values, &system, &user, err);
	code = code ?: kg_asking_once(cli, model, config, (int)kg_config_int(config, "answer-tokens"), system, user, ret, &is_cancelled, err);
	if (!code && !cli->json) {
		GString *said = g_string_new("\nsaid by ");
		kg_text_escape(kg_model_name(model), -1, said);
		g_string_append_printf(said, ", not checked:\n%s\n", *ret);
		g_free(*ret);
		*ret = g_string_free(said, FALSE);
	}
	kg_model_free(model);
	kg_config_free(config);
	if (is_cancelled) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return code;
}

static void show(const struct kg_cli *cli, const char *file, const char *text, const struct kg_explanation *explanation, const char *said, int code)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (cli->json) {
		kg_explanation_json(explanation, file, said, code, out);
	} else {
		if (explanation->text)
			kg_text_escape_lines(explanation->text, -1, out);
		show_points(explanation->points, out);
		if (explanation->diags->len && out->len)
			g_string_append_c(out, '\n');
		kg_show_findings(explanation->diags, file, text, cli->color_out, out);
		g_string_append(out, said ?: "");
	}
	kg_cli_out(out->str);
}

static int explain_text(const struct kg_cli *cli, const struct explain_args *args, const char *text, gsize len, struct kg_error *err)
{
	_cleanup_error_ struct kg_error no_tool = {0}; /* then what the installed version lacks is not said */
	struct kg_explanation *explanation = NULL;
	struct kg_profile *profile = NULL;
	struct kg_bpftrace tool = {0};

	g_autofree char *dir = kg_cli_profile_dir(args->kernel, args->profile, err);
	int code = err->code ? -err->code : kg_cli_profile(cli, dir, &profile, err);
	if (code && (args->kernel || args->profile))
		return code;
	if (code) {
		kg_cli_note(cli, "no profile of the running kernel, so types are not known: %s", err->msg);
		kg_error_clear(err);
	}
	gboolean has_tool = kg_bpftrace_find(&tool, &no_tool) == 0;
	g_autofree char *said = NULL;
	code = kg_explain_program(text, len, profile, has_tool ? &tool : NULL, &explanation, err);
	int asked = !code && args->with_model ? ask_model(cli, args, text, len, profile, &said, err) : 0;
	if (!code) {
		code = explanation->parses ? KG_EXIT_OK : KG_EXIT_NOT_VERIFIED;
		show(cli, kg_cli_file_name(args->file), text, explanation, said, asked ? KG_EXIT_ENVIRONMENT : code);
		code = asked ? asked : code; /* what needs no model was shown */
	}
	kg_explanation_free(explanation);
	kg_bpftrace_clear(&tool);
	kg_profile_free(profile);
	return code;
}

int kg_cmd_explain(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	struct explain_args args = {0};
	g_autofree char *text = NULL;
	gsize len = 0;

	if (parse_args(argc, argv, &args, &err))
		return kg_cli_usage(cli, "explain", &err);
	int code = kg_cli_read(args.file, KG_BT_MAX_BYTES, &text, &len, &err);
	if (!code)
		code = explain_text(cli, &args, text, len, &err);
	if (code >= 0)
		return code;
	kg_cli_error(cli, &err);
	return kg_cli_exit(&err);
}
