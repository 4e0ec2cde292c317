/* From the configuration to a model: the one that is named, or one that listens on this machine where none is named. */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

#define LIST_MS 10000

static struct kg_model_opts opts_of(const struct kg_config *config, const struct kg_config_server *server)
{
	const char *timeout = kg_config_get(config, "timeout");

	return (struct kg_model_opts){.protocol = server->provider, .base_url = server->base_url, .command = server->command, .name = server->model,
				      .key = server->key, .embedding = kg_config_get(config, "embedding-model"),
				      .silence_s = timeout ? atoi(timeout) : 0};
}

static char *some_names(const GPtrArray *names)
{
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < names->len && i < 8; i++) {
		g_string_append(out, i ? ", " : "");
		kg_text_escape(names->pdata[i], -1, out);
	}
	if (names->len > 8)
		g_string_append_printf(out, " and %u more", names->len - 8);
	return g_string_free(out, FALSE);
}

int kg_model_list(struct kg_model *model, GPtrArray **ret, struct kg_error *err)
{
	struct http_answer answer;
	int code = 0;

	if (!model->protocol)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "a command has no list of models");
	g_autofree char *url = g_strconcat(model->base, "/models", NULL);
	g_autoptr(GPtrArray) headers = model_headers(model);
	http_get(url, headers, LIST_MS, LIST_MS, model->cancel, &answer);
	if (answer.end != HTTP_ANSWERED || answer.status != 200) {
		failure_of(model, &answer, LIST_MS / 1000, err);
		code = err ? -err->code : -KG_E_IO;
	} else if (list_parse(answer.body->str, ret)) {
		code = kg_error_set(err, KG_E_PARSE, STAGE, "%s gives no list of models", model->base);
	}
	http_answer_clear(&answer);
	return code;
}

/* A server that has one model needs no name of it; between several nobody chooses but the user. */
static int choose_name(struct kg_model_opts *opts, char **name, GPtrArray *notes, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = NULL;
	struct kg_model *asked = NULL;

	opts->name = "(not named)";
	int code = kg_model_new(opts, &asked, err);
	if (code)
		return code;
	code = kg_model_list(asked, &names, err);
	kg_model_free(asked);
	if (code)
		return code;
	if (names->len == 1) {
		*name = g_strdup(names->pdata[0]);
		opts->name = *name;
		if (notes)
			g_ptr_array_add(notes, g_strdup_printf("no model is named; %s has one: %s", opts->base_url, *name));
		return 0;
	}
	g_autofree char *list = some_names(names);
	code = kg_error_set(err, KG_E_NOTFOUND, STAGE, "no model is named for %s", opts->base_url);
	kg_error_hint(err, names->len ? "name one with --model, KGENT_MODEL or model = ...; there are: %s" : "it has none%s", list);
	return code;
}

static int open_configured(const struct kg_config *config, const struct kg_config_server *server, struct kg_model **ret, GPtrArray *notes,
			   struct kg_error *err)
{
	struct kg_model_opts opts = opts_of(config, server);
	g_autofree char *name = NULL;
	int code = 0;

	if (!opts.name && strcmp(server->provider, "command"))
		code = choose_name(&opts, &name, notes, err);
	if (server->key_elsewhere && notes)
		g_ptr_array_add(notes, g_strdup_printf("the configured key is for %s and is not sent to %s", server->key_elsewhere, server->base_url));
	if (server->key && notes && g_str_has_prefix(server->base_url, "http://") && !kg_config_url_is_loopback(server->base_url))
		g_ptr_array_add(notes, g_strdup_printf("the key goes to %s without encryption", server->base_url));
	return code ? code : kg_model_new(&opts, ret, err);
}

/* Models that only make vectors are no use here. */
static const char *first_chat_model(const GPtrArray *names)
{
	for (guint i = 0; i < names->len; i++)
		if (!strstr(names->pdata[i], "embed") && !strstr(names->pdata[i], "rerank"))
			return names->pdata[i];
	return NULL;
}

static int open_local(const struct kg_config *config, const char *wanted, struct kg_model **ret, GPtrArray *notes, struct kg_error *err)
{
	g_autoptr(GPtrArray) found = kg_model_find_local(kg_config_get(config, "loopback-ports"));

	for (guint i = 0; i < found->len; i++) {
		const struct kg_model_local *local = found->pdata[i];
		const char *name = wanted ? wanted : local->models ? first_chat_model(local->models) : NULL;
		if (!local->models || !name)
			continue;
		g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/v1", local->port);
		struct kg_config_server server = {.provider = "openai", .base_url = url, .model = name};
		struct kg_model_opts opts = opts_of(config, &server);
		if (notes)
			g_ptr_array_add(notes, g_strdup_printf("no model is configured; %s was found at %s%s", name, url,
							       local->models->len > 1 && !wanted ? ", which has others, too" : ""));
		return kg_model_new(&opts, ret, err);
	}
	*ret = NULL;
	return 0;
}

int kg_model_open(const struct kg_config *config, struct kg_model **ret, GPtrArray *notes, struct kg_error *err)
{
	struct kg_config_server server = {0};

	int code = kg_config_server(config, &server, err);
	if (code)
		return code;
	if (server.provider)
		return open_configured(config, &server, ret, notes, err);
	return open_local(config, kg_config_get(config, "model"), ret, notes, err);
}
