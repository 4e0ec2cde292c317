/* The places a setting can come from, and the one that counts. */
#include "internal.h"

#include <kgent/paths.h>

#include <stdlib.h>
#include <string.h>

const char *kg_origin_name(enum kg_origin_kind kind)
{
	static const char *const names[] = {"default", "variable", "file", "environment", "option"};

	return names[kind];
}

struct place *place_new(enum kg_origin_kind kind, const char *name)
{
	struct place *place = g_new0(struct place, 1);

	place->kind = kind;
	place->name = g_strdup(name);
	place->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	place->wheres = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return place;
}

void place_free(gpointer data)
{
	struct place *place = data;

	g_free(place->name);
	g_hash_table_unref(place->values);
	g_hash_table_unref(place->wheres);
	g_free(place);
}

void place_set(struct place *place, const char *name, const char *value, const char *where)
{
	g_hash_table_insert(place->values, g_strdup(name), g_strdup(value));
	if (where)
		g_hash_table_insert(place->wheres, g_strdup(name), g_strdup(where));
}

const char *place_get(const struct place *place, const char *name)
{
	return g_hash_table_lookup(place->values, name);
}

const char *place_where(const struct place *place, const char *name)
{
	const char *where = g_hash_table_lookup(place->wheres, name);

	return where ? where : place->name;
}

/* ---------------------------------------------------------------- the places */

static int read_flags(struct kg_config *c, const char *const *flags, struct kg_error *err)
{
	struct place *place = place_new(KG_FROM_FLAG, "option");
	int code = 0;

	g_ptr_array_add(c->places, place);
	for (; flags && flags[0] && !code; flags += 2) {
		const struct kg_setting_info *info = kg_setting_find(flags[0]);
		g_autofree char *where = g_strdup_printf("--%s", flags[0]);
		if (!info)
			return kg_error_set(err, KG_E_INVAL, "config", "there is no setting \"%s\"", flags[0]);
		code = setting_check(info, flags[1], KG_E_INVAL, where, err);
		place_set(place, info->name, flags[1], where);
	}
	return code;
}

static char *variable_of(const char *setting)
{
	char *name = g_strdup_printf("KGENT_%s", setting);

	for (char *s = name; *s; s++)
		*s = *s == '-' ? '_' : g_ascii_toupper(*s);
	return name;
}

/* An empty variable is as good as none: that is how people switch one off. */
static const char *value_of(const char *const *environment, const char *name)
{
	const char *value = environment ? g_environ_getenv((char **)environment, name) : g_getenv(name);

	return value && *value ? value : NULL;
}

static int read_environment(struct kg_config *c, const char *const *environment, struct kg_error *err)
{
	struct place *place = place_new(KG_FROM_ENVIRONMENT, "environment");
	int code = 0;

	g_ptr_array_add(c->places, place);
	for (const struct kg_setting_info *s = kg_settings; s->name && !code; s++) {
		g_autofree char *name = variable_of(s->name);
		const char *value = value_of(environment, name);
		if (!value)
			continue;
		code = setting_check(s, value, KG_E_INVAL, name, err);
		place_set(place, s->name, value, name);
	}
	return code;
}

static int read_file(struct kg_config *c, const char *path, struct kg_error *err)
{
	g_autofree char *dir = path ? NULL : kg_paths_config();
	struct place *place = NULL;

	c->file = path ? g_strdup(path) : dir ? g_build_filename(dir, "config.ini", NULL) : NULL;
	if (!c->file || !*c->file)
		return 0;
	int code = file_read(c->file, &place, err);
	if (place)
		g_ptr_array_add(c->places, place);
	return code;
}

/* OLLAMA_HOST is what Ollama itself listens on: a host, a host with a port, or an address. 0.0.0.0 means all of this machine's. */
static char *url_of_ollama(const char *host)
{
	g_autofree char *with_scheme = strstr(host, "://") ? g_strdup(host) : g_strdup_printf("http://%s", host);
	g_autofree char *origin = kg_config_url_origin(with_scheme);
	gboolean has_scheme = strstr(host, "://") != NULL;

	if (!origin)
		return NULL;
	char *port = strrchr(origin, ':') + 1;
	gboolean has_port = g_ascii_isdigit(strrchr(with_scheme, ':')[1]);
	g_autofree char *rest = g_strndup(origin, port - 1 - origin);
	GString *url = g_string_new(rest);
	g_string_replace(url, "//0.0.0.0", "//127.0.0.1", 1);
	g_string_replace(url, "//[::]", "//127.0.0.1", 1);
	g_string_append_printf(url, ":%s", has_port || has_scheme ? port : "11434");
	return g_string_free(url, FALSE);
}

/* The providers' own variables: a place each, so that a key stays with its address. */
static void read_standard(struct kg_config *c, const char *const *environment)
{
	static const struct {
		const char *provider, *key, *url;
	} providers[] = {{"anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"}, {"openai", "OPENAI_API_KEY", "OPENAI_BASE_URL"}};

	for (gsize i = 0; i < G_N_ELEMENTS(providers); i++) {
		const char *key = value_of(environment, providers[i].key), *url = value_of(environment, providers[i].url);
		if (!key && !url)
			continue;
		struct place *place = place_new(KG_FROM_STANDARD, key ? providers[i].key : providers[i].url);
		g_ptr_array_add(c->places, place);
		place_set(place, "provider", providers[i].provider, NULL);
		if (url)
			place_set(place, "base-url", url, providers[i].url);
		if (key && setting_check(kg_setting_find("api-key"), key, KG_E_INVAL, providers[i].key, &c->server_error) == 0)
			place_set(place, "api-key", key, providers[i].key);
	}
	const char *host = value_of(environment, "OLLAMA_HOST");
	g_autofree char *url = host ? url_of_ollama(host) : NULL;
	if (url) {
		struct place *place = place_new(KG_FROM_STANDARD, "OLLAMA_HOST");
		g_ptr_array_add(c->places, place);
		place_set(place, "base-url", url, NULL);
	}
}

static void read_defaults(struct kg_config *c)
{
	struct place *place = place_new(KG_FROM_DEFAULT, "default");

	g_ptr_array_add(c->places, place);
	for (const struct kg_setting_info *s = kg_settings; s->name; s++)
		if (s->value)
			place_set(place, s->name, s->value, NULL);
}

int kg_config_open(const struct kg_config_opts *opts, struct kg_config **ret, struct kg_error *err)
{
	static const struct kg_config_opts none;
	struct kg_config *c = g_new0(struct kg_config, 1);

	opts = opts ? opts : &none;
	c->places = g_ptr_array_new_with_free_func(place_free);
	int code = read_flags(c, opts->flags, err);
	code = code ?: read_environment(c, opts->environment, err);
	code = code ?: read_file(c, opts->file, err);
	if (code) {
		kg_config_free(c);
		return code;
	}
	read_standard(c, opts->environment);
	read_defaults(c);
	if (!c->server_error.code)
		server_settle(c);
	*ret = c;
	return 0;
}

struct kg_config *kg_config_free(struct kg_config *c)
{
	if (!c)
		return NULL;
	g_ptr_array_unref(c->places);
	g_free(c->file);
	g_free(c->provider);
	g_free(c->command);
	g_free(c->base_url);
	g_free(c->model);
	g_free(c->key);
	g_free(c->key_where);
	g_free(c->where);
	g_free(c->key_elsewhere);
	kg_error_clear(&c->server_error);
	g_free(c);
	return NULL;
}

/* ---------------------------------------------------------------- what counts */

static const struct place *place_with(const struct kg_config *c, const char *name)
{
	for (guint i = 0; i < c->places->len; i++)
		if (place_get(c->places->pdata[i], name))
			return c->places->pdata[i];
	return NULL;
}

const char *kg_config_get(const struct kg_config *c, const char *name)
{
	const struct place *place = place_with(c, name);

	return place && strcmp(name, "api-key") ? place_get(place, name) : NULL;
}

gint64 kg_config_int(const struct kg_config *c, const char *name)
{
	const char *value = kg_config_get(c, name);

	return value ? g_ascii_strtoll(value, NULL, 10) : 0;
}

double kg_config_number(const struct kg_config *c, const char *name)
{
	const char *value = kg_config_get(c, name);

	return value ? g_ascii_strtod(value, NULL) : 0;
}

gboolean kg_config_bool(const struct kg_config *c, const char *name)
{
	const char *value = kg_config_get(c, name);

	return value && (!strcmp(value, "true") || !strcmp(value, "yes") || !strcmp(value, "1"));
}

const char *kg_config_where(const struct kg_config *c, const char *name, enum kg_origin_kind *ret_kind)
{
	const struct place *place = place_with(c, name);

	if (ret_kind)
		*ret_kind = place ? place->kind : KG_FROM_DEFAULT;
	return place ? place_where(place, name) : "default";
}

const char *kg_config_file(const struct kg_config *c)
{
	return c->file && *c->file ? c->file : NULL;
}

char *kg_config_key_text(const struct kg_config *c)
{
	if (c->key)
		return g_strdup_printf("set, for %s", c->base_url);
	if (c->key_elsewhere)
		return g_strdup_printf("set, but for %s: not used", c->key_elsewhere);
	return g_strdup("not set");
}
