/**
 * @file
 * Configuration: each setting with its value and where that came from.
 *
 * A setting is taken from the first of these places that has it:
 *
 *   1. an option of the command line        --model NAME
 *   2. the environment                      KGENT_MODEL=NAME
 *   3. $XDG_CONFIG_HOME/kgent/config.ini    model = NAME, in its section [kgent]
 *   4. the providers' own variables         ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL, OPENAI_API_KEY, OPENAI_BASE_URL, OLLAMA_HOST
 *   5. the built-in value
 *
 * A server found on the loopback address comes after these, and is looked for by whoever needs one (kgent/model.h).
 *
 * provider, base-url, model and api-key belong together: once a place names a provider or an address, places below it add only what they
 * say for the same provider, and a model only if they don't name another address. A key goes to the address it was configured
 * for and to no other: see kg_config_server().
 *
 * The file is a key file as GLib reads them (INI). With an api-key in it nobody but its owner may read it (mode 0600).
 */
#pragma once

#include <kgent/error.h>

enum kg_origin_kind {
	KG_FROM_DEFAULT,
	KG_FROM_STANDARD,    /**< a provider's own variable */
	KG_FROM_FILE,
	KG_FROM_ENVIRONMENT, /**< KGENT_* */
	KG_FROM_FLAG,
};
const char *kg_origin_name(enum kg_origin_kind kind); /**< "default", "variable", "file", "environment", "option"; static */

/** A row of the one list of settings. */
struct kg_setting_info {
	const char *name;    /**< as in the file; with dashes; the option is --NAME, the variable KGENT_NAME with _ for - */
	const char *value;   /**< the built-in one, or NULL */
	const char *form;    /**< of what form: "text", "number", "dollars", "bool", "time", "engine", "ports", "secret" */
	gboolean is_option;  /**< there is such an option on the command line */
	const char *about;   /**< one line */
};
/** The list; ends with a NULL name. */
extern const struct kg_setting_info kg_settings[];
const struct kg_setting_info *kg_setting_find(const char *name);

struct kg_config;
struct kg_config_opts {
	const char *file;               /**< NULL: the user's own; "" for none */
	const char *const *flags;       /**< NULL-terminated pairs name, value, name, value ...; NULL: none */
	const char *const *environment; /**< NULL-terminated "NAME=VALUE"; NULL: that of this process */
};
/**
 * Read all places.
 * @return 0; -KG_E_PARSE: the file is no key file, has a setting that does not exist or a value of the wrong form (file and line or name are
 *         said); -KG_E_INVAL: the same in an option or the environment; -KG_E_PERM: others can read a file with a key in it;
 *         -KG_E_IO: the file is there and can't be read
 */
int kg_config_open(const struct kg_config_opts *opts, struct kg_config **ret, struct kg_error *err);
struct kg_config *kg_config_free(struct kg_config *config);

/** The value, borrowed; NULL where there is none. Not for api-key. */
const char *kg_config_get(const struct kg_config *config, const char *name);
gint64 kg_config_int(const struct kg_config *config, const char *name);    /**< 0 where there is none */
double kg_config_number(const struct kg_config *config, const char *name); /**< 0 where there is none */
gboolean kg_config_bool(const struct kg_config *config, const char *name);
/** Where it came from, for people: "--model", "KGENT_MODEL", "/home/a/.config/kgent/config.ini", "default"; borrowed. */
const char *kg_config_where(const struct kg_config *config, const char *name, enum kg_origin_kind *ret_kind);
/** The user's file, whether it exists or not; borrowed; NULL where there is no home. */
const char *kg_config_file(const struct kg_config *config);
/** Of the api-key: "set", with the address it is for; "not set"; never the key. Owned. */
char *kg_config_key_text(const struct kg_config *config);

/** Which model is asked, as configured. Strings are borrowed from the configuration. */
struct kg_config_server {
	const char *provider;  /**< "openai", "anthropic", "command", or NULL: none is configured */
	const char *command;   /**< of "command": what is run */
	const char *base_url;  /**< with its scheme; NULL for "command" */
	const char *model;     /**< or NULL: not said */
	const char *key;       /**< or NULL: none was configured for this address */
	const char *key_where; /**< or NULL */
	const char *where;     /**< what named the provider or the address */
	const char *key_elsewhere; /**< a key was configured, but for another address: this one; or NULL */
};
/**
 * Put together which server is meant.
 * @return 0; -KG_E_INVAL: provider, address or key make no sense
 */
int kg_config_server(const struct kg_config *config, struct kg_config_server *ret, struct kg_error *err);

/** scheme://host:port in lower case, owned; NULL where [url] is no http or https address, or has a user or a password in it. */
char *kg_config_url_origin(const char *url);
/** Is the host of this address this machine itself (127.0.0.0/8, ::1, localhost)? */
gboolean kg_config_url_is_loopback(const char *url);
