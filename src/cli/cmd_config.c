/* kgent config show: each setting, its value, and where that came from. A key is never shown. */
#include "cli.h"
#include "options.h"

#include <kgent/config.h>
#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

const struct kg_option kg_config_options[] = {
	{NULL},
};

static int parse_args(int argc, char **argv, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_config_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (strcmp(walk.value, "show"))
			return kg_error_set(err, KG_E_INVAL, "options", "config takes \"show\" and nothing else; a sentence that begins with \"config\" "
					    "needs quotes, or kgent ask before it");
	}
	return 0;
}

/* What counts for a setting: the server's four are put together, the rest is looked up. */
static char *value_of(const struct kg_config *config, const struct kg_config_server *server, const char *name)
{
	if (!strcmp(name, "api-key"))
		return kg_config_key_text(config);
	if (!strcmp(name, "provider"))
		return server->command ? g_strdup_printf("command:%s", server->command) : g_strdup(server->provider);
	if (!strcmp(name, "base-url"))
		return g_strdup(server->base_url);
	if (!strcmp(name, "model") && server->provider)
		return g_strdup(server->model);
	return g_strdup(kg_config_get(config, name));
}

static const char *where_of(const struct kg_config *config, const struct kg_config_server *server, const char *name, const char *value)
{
	if (!strcmp(name, "api-key"))
		return server->key_where;
	if (!strcmp(name, "provider") && server->provider)
		return server->where;
	if (!strcmp(name, "base-url") && value && g_strcmp0(kg_config_get(config, name), value))
		return "the provider's own";
	return value ? kg_config_where(config, name, NULL) : NULL;
}

static void show_lines(const struct kg_config *config, const struct kg_config_server *server, GString *out)
{
	for (const struct kg_setting_info *s = kg_settings; s->name; s++) {
		g_autofree char *value = value_of(config, server, s->name);
		const char *where = where_of(config, server, s->name, value);
		g_autoptr(GString) shown = g_string_new(NULL);
		kg_text_escape(value ?: "-", -1, shown);
		g_string_append_printf(out, "%-16s %-34s ", s->name, shown->str);
		kg_text_escape(where ?: "not set", -1, out);
		g_string_append_c(out, '\n');
	}
	if (kg_config_file(config)) {
		g_string_append(out, "\nfile: ");
		kg_text_escape(kg_config_file(config), -1, out);
		g_string_append(out, g_file_test(kg_config_file(config), G_FILE_TEST_EXISTS) ? "\n" : " (does not exist)\n");
	}
}

static json_t *text(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static void show_json(const struct kg_config *config, const struct kg_config_server *server, GString *out)
{
	json_t *list = json_array();

	for (const struct kg_setting_info *s = kg_settings; s->name; s++) {
		g_autofree char *value = value_of(config, server, s->name);
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "name", s->name, "value", text(value), "from",
						      text(where_of(config, server, s->name, value)), "about", s->about));
	}
	json_t *object = json_pack("{s:s, s:o, s:o, s:i}", "type", "config", "settings", list, "file", text(kg_config_file(config)), "exit", 0);
	char *line = json_dumps(object, JSON_COMPACT);
	g_string_append_printf(out, "%s\n", line ?: "{}");
	free(line);
	json_decref(object);
}

int kg_cmd_config(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_config_server server = {0};
	struct kg_config *config = NULL;

	if (parse_args(argc, argv, &err))
		return kg_cli_usage(cli, "config", &err);
	if (kg_config_open(NULL, &config, &err) || kg_config_server(config, &server, &err)) {
		kg_config_free(config);
		kg_cli_error(cli, &err);
		return err.code == KG_E_INVAL ? KG_EXIT_USAGE : KG_EXIT_ENVIRONMENT;
	}
	if (cli->json)
		show_json(config, &server, out);
	else
		show_lines(config, &server, out);
	kg_config_free(config);
	return kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
}
