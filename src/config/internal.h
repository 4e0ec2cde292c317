/* What the files of this part share: the places in order, and what each of them says. */
#pragma once

#include <kgent/config.h>

/* Least important first: the order of kg_origin_kind. Standard variables are several places, one a provider. */
struct place {
	enum kg_origin_kind kind;
	char *name;         /* "OPENAI_API_KEY", the file's path, ... of a value without a name of its own; owned */
	GHashTable *values; /* char *setting -> char *value */
	GHashTable *wheres; /* char *setting -> char *: "--model", "KGENT_MODEL" */
};

struct kg_config {
	GPtrArray *places; /* struct place *, most important first */
	char *file;
	char *provider, *command; /* of the server, put together once */
	char *base_url, *model, *key, *key_where, *where, *key_elsewhere;
	struct kg_error server_error;
};

struct place *place_new(enum kg_origin_kind kind, const char *name);
void place_free(gpointer data);
/* [where] may be NULL: the place's own name. */
void place_set(struct place *place, const char *name, const char *value, const char *where);
const char *place_get(const struct place *place, const char *name);
const char *place_where(const struct place *place, const char *name);

/* Is it of the form that the setting wants? [where] is for the message. */
int setting_check(const struct kg_setting_info *info, const char *value, int code, const char *where, struct kg_error *err);
/* The user's file as a place; *ret is NULL where there is none. */
int file_read(const char *path, struct place **ret, struct kg_error *err);
/* Fills the server's members of [config]; what makes no sense is kept in server_error. */
void server_settle(struct kg_config *config);
