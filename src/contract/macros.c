/*
 * Constants of C that BTF does not have, since the preprocessor is done before types begin: lines "NAME VALUE" in data/contract/macros, and in
 * the user's own directory of the same name. A later line of the same name counts.
 */
#include "node.h"

#include <kgent/paths.h>
#include <string.h>

struct kg_macros {
	GHashTable *values; /* char * -> int64_t * */
	GPtrArray *names;   /* in the files' order; borrowed from values */
};

struct kg_macros *kg_macros_free(struct kg_macros *m)
{
	if (!m)
		return NULL;
	g_hash_table_unref(m->values);
	g_ptr_array_unref(m->names);
	g_free(m);
	return NULL;
}

static gboolean take_line(struct kg_macros *m, char *line)
{
	char *name = g_strstrip(line), *value;
	char *end;
	gint64 v;

	if (!*name || *name == '#')
		return TRUE;
	value = strpbrk(name, " \t");
	if (!value)
		return FALSE;
	*value++ = '\0';
	v = g_ascii_strtoll(g_strstrip(value), &end, 0);
	if (end == value || *end)
		return FALSE;
	if (!g_hash_table_contains(m->values, name)) {
		char *key = g_strdup(name);

		g_ptr_array_add(m->names, key);
		g_hash_table_insert(m->values, key, g_new(int64_t, 1));
	}
	*(int64_t *)g_hash_table_lookup(m->values, name) = v;
	return TRUE;
}

static int read_file(struct kg_macros *m, const char *path, struct kg_error *err)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0; /* no file: no macros from there */
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i]; i++)
		if (!take_line(m, lines[i]))
			return kg_error_set(err, KG_E_PARSE, CHECK, "%s:%d: expected NAME VALUE", path, i + 1);
	return 0;
}

int kg_macros_open(const char *const *dirs, struct kg_macros **ret, struct kg_error *err)
{
	g_auto(GStrv) found = dirs ? NULL : kg_paths_data("contract");
	const char *const *list = dirs ? dirs : (const char *const *)found;
	struct kg_macros *m = g_new0(struct kg_macros, 1);
	int r = 0;

	m->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	m->names = g_ptr_array_new();
	for (; r == 0 && list && *list; list++) {
		g_autofree char *path = g_build_filename(*list, "macros", NULL);

		r = read_file(m, path, err);
	}
	if (r < 0)
		kg_macros_free(m);
	else
		*ret = m;
	return r;
}

gboolean kg_macros_find(const struct kg_macros *m, const char *name, int64_t *ret)
{
	const int64_t *v = g_hash_table_lookup(m->values, name);

	if (!v)
		return FALSE;
	*ret = *v;
	return TRUE;
}

const char *kg_macros_name(const struct kg_macros *m, const char *prefix, int64_t value)
{
	for (guint i = 0; i < m->names->len; i++) {
		const char *name = m->names->pdata[i];

		if (g_str_has_prefix(name, prefix) && *(const int64_t *)g_hash_table_lookup(m->values, name) == value)
			return name;
	}
	return NULL;
}

void kg_macros_names(const struct kg_macros *m, GPtrArray *ret)
{
	for (guint i = 0; i < m->names->len; i++)
		g_ptr_array_add(ret, m->names->pdata[i]);
}
