/*
 * Which model is meant, and which key may go there.
 *
 * Places are walked from the most important one down. The first that names a provider or an address decides; a place below it still adds
 * address, model or key, but only for the same provider, and a model only if it does not name another address than the one
 * that was taken. A key is bound to the address of its own place (or to the provider's own one); it is used if that is the address that was
 * chosen, and else only mentioned.
 */
#include "internal.h"

#include <string.h>

#define OPENAI_URL "https://api.openai.com/v1"
#define ANTHROPIC_URL "https://api.anthropic.com"

static const char *url_of_provider(const char *provider)
{
	if (!g_strcmp0(provider, "anthropic"))
		return ANTHROPIC_URL;
	return !g_strcmp0(provider, "openai") ? OPENAI_URL : NULL;
}

/* "command:PROGRAM ARGS" is a provider with its program. */
static const char *provider_of(const char *value)
{
	if (g_str_has_prefix(value, "command:"))
		return "command";
	if (!strcmp(value, "openai") || !strcmp(value, "anthropic"))
		return g_intern_string(value);
	return NULL;
}

/* The provider that a place speaks of: the one it names, or the one whose address it gives. */
static const char *provider_at(const struct place *place)
{
	const char *named = place_get(place, "provider"), *url = place_get(place, "base-url");

	if (named)
		return provider_of(named);
	if (!url)
		return NULL;
	g_autofree char *origin = kg_config_url_origin(url);
	return !g_strcmp0(origin, ANTHROPIC_URL ":443") ? "anthropic" : "openai";
}

static gboolean is_same_server(const char *a, const char *b)
{
	g_autofree char *one = kg_config_url_origin(a), *two = kg_config_url_origin(b);

	return one && two && !strcmp(one, two);
}

static int bad_server(struct kg_config *c, const char *where, const char *fmt, const char *value)
{
	g_autofree char *what = g_strdup_printf(fmt, value);

	return kg_error_set(&c->server_error, KG_E_INVAL, "config", "%s: %s", where, what);
}

static int check_named(struct kg_config *c, const struct place *place)
{
	const char *named = place_get(place, "provider"), *url = place_get(place, "base-url");

	if (named && !provider_of(named)) {
		bad_server(c, place_where(place, "provider"), "there is no provider \"%s\"", named);
		kg_error_hint(&c->server_error, "openai (every server that speaks its protocol: Ollama, llama.cpp, vLLM, LM Studio, ...), anthropic, "
			      "or command:PROGRAM ARGS");
		return -KG_E_INVAL;
	}
	if (named && !strcmp(provider_of(named), "command") && !named[strlen("command:") + strspn(named + strlen("command:"), " ")])
		return bad_server(c, place_where(place, "provider"), "%s: there is no program behind it", named);
	if (url && strchr(url, '@')) /* may hold a password, which is not repeated */
		return bad_server(c, place_where(place, "base-url"), "%s", "the address may not hold a user or a password; a key is given as api-key");
	g_autofree char *origin = url ? kg_config_url_origin(url) : NULL;
	if (url && (!origin || strpbrk(url, "?#")))
		return bad_server(c, place_where(place, "base-url"), "\"%s\" is no address such as http://127.0.0.1:11434/v1", url);
	return 0;
}

/* The first place that names a provider or an address. */
static const struct place *choose(struct kg_config *c)
{
	for (guint i = 0; i < c->places->len; i++) {
		const struct place *place = c->places->pdata[i];
		if (!place_get(place, "provider") && !place_get(place, "base-url"))
			continue;
		if (check_named(c, place))
			return NULL;
		c->provider = g_strdup(provider_at(place));
		c->where = g_strdup(place_where(place, place_get(place, "provider") ? "provider" : "base-url"));
		if (!strcmp(c->provider, "command"))
			c->command = g_strstrip(g_strdup(place_get(place, "provider") + strlen("command:")));
		return place;
	}
	return NULL;
}

/* The chosen place is named above all that is looked at here, so a place of another provider has nothing to add. */
static void take_address(struct kg_config *c)
{
	for (guint i = 0; i < c->places->len && !c->base_url; i++) {
		const struct place *place = c->places->pdata[i];
		const char *url = place_get(place, "base-url"), *provider = provider_at(place);
		if (url && !g_strcmp0(provider, c->provider) && !check_named(c, place))
			c->base_url = g_strdup(url);
	}
	if (!c->base_url)
		c->base_url = g_strdup(url_of_provider(c->provider));
}

/* Does a place that names this model mean another server? */
static gboolean is_of_other_server(const struct kg_config *c, const struct place *place)
{
	const char *provider = provider_at(place), *url = place_get(place, "base-url");

	if (provider && g_strcmp0(provider, c->provider))
		return TRUE;
	if (url)
		return c->base_url && !is_same_server(url, c->base_url);
	/* a provider without an address is at its own */
	return provider && c->base_url && url_of_provider(provider) && !is_same_server(url_of_provider(provider), c->base_url);
}

static void take_model(struct kg_config *c)
{
	gboolean is_below = FALSE; /* of the place that named the server */

	for (guint i = 0; i < c->places->len && !c->model; i++) {
		const struct place *place = c->places->pdata[i];
		const char *model = place_get(place, "model");
		if (model && *model && !(is_below && is_of_other_server(c, place)))
			c->model = g_strdup(model);
		is_below = is_below || provider_at(place);
	}
}

/* Where the key of a place may go. */
static const char *address_of_key(const struct kg_config *c, const struct place *place)
{
	const char *url = place_get(place, "base-url"), *provider = provider_at(place);

	if (url)
		return url;
	if (provider)
		return url_of_provider(provider);
	/* KGENT_API_KEY with nothing beside it: for the server that the places below it (more lasting ones) name, not for one that an option names */
	for (guint i = 0; i < c->places->len; i++) {
		const struct place *below = c->places->pdata[i];
		if (below->kind >= place->kind || below->kind == KG_FROM_STANDARD)
			continue;
		if (place_get(below, "base-url"))
			return place_get(below, "base-url");
		if (provider_at(below))
			return url_of_provider(provider_at(below));
	}
	return NULL;
}

static void take_key(struct kg_config *c)
{
	for (guint i = 0; i < c->places->len && !c->key; i++) {
		const struct place *place = c->places->pdata[i];
		const char *key = place_get(place, "api-key");
		if (!key || !*key || !c->base_url)
			continue;
		const char *address = address_of_key(c, place);
		if (address && is_same_server(address, c->base_url)) {
			c->key = g_strdup(key);
			c->key_where = g_strdup(place_where(place, "api-key"));
		} else if (!c->key_elsewhere && place->kind != KG_FROM_STANDARD) {
			c->key_elsewhere = address ? kg_config_url_origin(address) : g_strdup("no address");
		}
	}
	if (c->key)
		g_clear_pointer(&c->key_elsewhere, g_free);
}

void server_settle(struct kg_config *c)
{
	if (!choose(c))
		return;
	if (strcmp(c->provider, "command"))
		take_address(c);
	take_model(c);
	take_key(c);
}

int kg_config_server(const struct kg_config *c, struct kg_config_server *ret, struct kg_error *err)
{
	if (c->server_error.code) {
		int code = kg_error_set(err, c->server_error.code, c->server_error.stage, "%s", c->server_error.msg);
		if (c->server_error.hint)
			kg_error_hint(err, "%s", c->server_error.hint);
		return code;
	}
	*ret = (struct kg_config_server){.provider = c->provider, .command = c->command, .base_url = c->base_url, .model = c->model,
					 .key = c->key, .key_where = c->key_where, .where = c->where, .key_elsewhere = c->key_elsewhere};
	return 0;
}
