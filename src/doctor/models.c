/*
 * Language models. None is needed: a machine without one is in order. What is configured is told, with where it came from; a server on this machine
 * is asked for its list of models, one elsewhere is asked for nothing. Of a key only whether one is set.
 */
#include "internal.h"

#include <kgent/config.h>
#include <kgent/model.h>
#include <kgent/text.h>

#include <string.h>

static const char section[] = "models";

static char *list_of(const GPtrArray *names)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < names->len && i < 6; i++) {
		g_string_append(out, i ? ", " : "");
		kg_text_escape(names->pdata[i], -1, out);
	}
	if (names->len > 6)
		g_string_append_printf(out, " and %u more", names->len - 6);
	return g_string_free(out, FALSE);
}

static guint add_local(struct kg_doctor *d, const char *ports)
{
	g_autoptr(GPtrArray) found = kg_model_find_local(ports);

	for (guint i = 0; i < found->len; i++) {
		const struct kg_model_local *local = found->pdata[i];
		g_autofree char *names = local->models ? list_of(local->models) : NULL;
		g_autofree char *text = names ? g_strdup_printf("a model server listens on 127.0.0.1:%d: %s", local->port, *names ? names : "no models") :
						g_strdup_printf("something listens on 127.0.0.1:%d, but it is no model server", local->port);
		kg_doctor_add(d, section, local->usual, names && *names ? KG_DOCTOR_OK : KG_DOCTOR_NOTE, text, NULL, NULL);
	}
	return found->len;
}

/* A server on this machine can be looked at; whether one elsewhere answers is found out when it is asked. */
static void add_reach(struct kg_doctor *d, const struct kg_config_server *server)
{
	struct kg_model_opts opts = {.protocol = server->provider, .base_url = server->base_url, .name = server->model ?: "-", .key = server->key};
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) names = NULL;
	struct kg_model *model = NULL;

	if (!kg_config_url_is_loopback(server->base_url) || kg_model_new(&opts, &model, &err))
		return;
	if (kg_model_list(model, &names, &err)) {
		kg_doctor_add(d, section, "server", KG_DOCTOR_LIMITED, err.msg, "what the builtin engine refuses can't be asked",
			      err.hint ?: "start the server, or change base-url");
	} else {
		g_autofree char *list = list_of(names);
		gboolean is_there = !server->model || g_ptr_array_find_with_equal_func(names, server->model, g_str_equal, NULL);
		kg_doctor_add(d, section, "server", is_there ? KG_DOCTOR_OK : KG_DOCTOR_LIMITED, *list ? list : "it has no models",
			      is_there ? NULL : "the configured model is not among those of the server", NULL);
	}
	kg_model_free(model);
}

static void add_configured(struct kg_doctor *d, const struct kg_config *config, const struct kg_config_server *server)
{
	g_autofree char *key = kg_config_key_text(config);
	g_autoptr(GString) text = g_string_new(NULL);

	if (server->command)
		g_string_append_printf(text, "the command %s", server->command);
	else
		g_string_append_printf(text, "%s at %s, model %s, key %s", server->provider, server->base_url, server->model ?: "not named", key);
	g_string_append_printf(text, " (%s)", server->where);
	if (server->command || server->model)
		kg_doctor_add(d, section, "configured", KG_DOCTOR_OK, text->str, NULL, NULL);
	else
		kg_doctor_add(d, section, "configured", KG_DOCTOR_LIMITED, text->str, "it is asked only if the server has one model", "set model: kgent help config");
	if (!server->command)
		add_reach(d, server);
}

void kg_doctor_models(struct kg_doctor *d, const char *ports)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_config_server server = {0};
	struct kg_config *config = NULL;

	if (kg_config_open(NULL, &config, &err) || kg_config_server(config, &server, &err)) {
		kg_doctor_add(d, section, "configuration", KG_DOCTOR_LIMITED, err.msg, "no sentence is answered until it is mended",
			      err.hint ?: "kgent help config");
		kg_config_free(config);
		return;
	}
	if (kg_config_bool(config, "no-model") || !strcmp(kg_config_get(config, "engine"), "builtin"))
		kg_doctor_add(d, section, "off", KG_DOCTOR_NOTE, "no model is asked (no-model, or engine = builtin)", NULL, NULL);
	if (server.provider)
		add_configured(d, config, &server);
	else if (!add_local(d, ports ? ports : kg_config_get(config, "loopback-ports")))
		kg_doctor_add(d, section, "none", KG_DOCTOR_NOTE, "no model is configured and none was found; the builtin engine needs none", NULL, NULL);
	kg_config_free(config);
}
