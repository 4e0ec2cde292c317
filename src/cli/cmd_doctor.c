/* kgent doctor: what works on this machine, and the exact line that mends what does not. */
#include "cli.h"
#include "options.h"

#include <kgent/doctor.h>
#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

const struct kg_option kg_doctor_options[] = {
	{"refresh", 0, NULL, "look at the kernel anew, even if its profile is cached"},
	{NULL},
};

static int parse_args(int argc, char **argv, struct kg_doctor_opts *opts, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_doctor_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND)
			return kg_error_set(err, KG_E_INVAL, "options", "doctor takes no %s", walk.value);
		opts->profile.refresh = TRUE;
	}
	return 0;
}

static void append_state(enum kg_doctor_state state, gboolean color, GString *out)
{
	static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m", "\033[2m"};

	g_string_append_printf(out, "  %s%-8s%s", color ? colors[state] : "", kg_doctor_state_name(state), color ? "\033[0m" : "");
}

static void append_line(const struct kg_doctor_line *l, int width, gboolean color, GString *out)
{
	append_state(l->state, color, out);
	g_string_append_printf(out, "%-*s  ", width, l->name);
	kg_text_escape(l->text, -1, out);
	g_string_append_c(out, '\n');
	if (l->cost) {
		g_string_append_printf(out, "  %*s  costs: ", 8 + width, "");
		kg_text_escape(l->cost, -1, out);
		g_string_append_c(out, '\n');
	}
	if (l->mend) {
		g_string_append_printf(out, "  %*s  mend:  ", 8 + width, "");
		kg_text_escape(l->mend, -1, out);
		g_string_append_c(out, '\n');
	}
}

static void show(const struct kg_cli *cli, const struct kg_doctor *d, GString *out)
{
	const char *section = NULL;
	int width = 0;

	for (guint i = 0; i < d->lines->len; i++)
		width = MAX(width, kg_text_width(((struct kg_doctor_line *)g_ptr_array_index(d->lines, i))->name));
	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);

		if (!section || strcmp(section, l->section))
			g_string_append_printf(out, "%s%s\n", section ? "\n" : "", l->section);
		section = l->section;
		append_line(l, width, cli->color_out, out);
	}
	if (kg_doctor_can_work(d)) {
		g_string_append(out, "\nkgent can answer questions about this machine.\n");
		return;
	}
	g_string_append(out, "\nkgent can't run programs here:\n");
	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);

		if (!l->is_vital || l->state != KG_DOCTOR_MISSING)
			continue;
		g_string_append_printf(out, "  %s: ", l->name);
		kg_text_escape(l->text, -1, out);
		g_string_append_c(out, '\n');
	}
}

static json_t *text_json(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

/* One line, of type "doctor": docs/json.md. */
static void show_json(const struct kg_doctor *d, int code, GString *out)
{
	json_t *lines = json_array();

	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);

		json_array_append_new(lines, json_pack("{s:s, s:o, s:s, s:b, s:o, s:o, s:o}", "section", l->section, "name", text_json(l->name),
						       "state", kg_doctor_state_name(l->state), "vital", l->is_vital, "text", text_json(l->text),
						       "cost", text_json(l->cost), "mend", text_json(l->mend)));
	}
	json_t *answer = json_pack("{s:s, s:b, s:o, s:i}", "type", "doctor", "can_work", kg_doctor_can_work(d), "findings", lines, "exit", code);
	char *text = json_dumps(answer, JSON_COMPACT);

	g_string_append(out, text ? text : "{}");
	g_string_append_c(out, '\n');
	free(text);
	json_decref(answer);
}

int kg_cmd_doctor(const struct kg_cli *cli, int argc, char **argv)
{
	struct kg_doctor_opts opts = {0};
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_doctor *d = NULL;

	if (parse_args(argc, argv, &opts, &err) < 0)
		return kg_cli_usage(cli, "doctor", &err);
	if (kg_doctor_run(&opts, &d, &err) < 0) {
		kg_cli_error(cli, &err);
		return kg_cli_exit(&err);
	}
	int code = kg_doctor_can_work(d) ? KG_EXIT_OK : KG_EXIT_ENVIRONMENT;

	if (cli->json)
		show_json(d, code, out);
	else
		show(cli, d, out);
	kg_doctor_free(d);
	return kg_cli_out(out->str) ? code : KG_EXIT_OUTPUT;
}
