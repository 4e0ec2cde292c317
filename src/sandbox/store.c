/* The kernels in the cache: see include/kgent/kernels.h. */
#include "internal.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

struct kg_kernel *kg_kernel_free(struct kg_kernel *k)
{
	if (k) {
		g_free(k->name);
		g_free(k->release);
		g_free(k->from);
		g_free(k->added);
		g_free(k->dir);
		g_free(k->profile);
		g_free(k);
	}
	return NULL;
}

static void free_kernel(gpointer k)
{
	kg_kernel_free(k);
}

static void measure(struct kg_kernel *k)
{
	g_autoptr(GDir) d = g_dir_open(k->dir, 0, NULL);

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *path = g_build_filename(k->dir, name, NULL);

		*(g_str_has_prefix(name, "state-") ? &k->states_bytes : &k->size_bytes) += tree_bytes(path);
	}
}

static guint count_modules(const char *dir)
{
	g_autofree char *path = g_build_filename(dir, "modules", "list", NULL), *text = tree_read(path, 1 << 20, NULL);
	guint n = 0;

	for (const char *s = text; s && *s; s++)
		n += *s == '\n';
	return n;
}

int store_open(const char *dir, const char *name, struct kg_kernel **ret, struct kg_error *err)
{
	g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
	json_error_t problem = {.line = 0};
	json_t *meta = json_load_file(path, 0, &problem);
	const char *release = json_string_value(json_object_get(meta, "release"));

	if (!release) {
		int code = errno == ENOENT && !meta ? KG_E_NOTFOUND : KG_E_PARSE;
		int r = kg_error_set(err, code, STAGE, "%s: %s", path, meta ? "it names no release" : problem.text);

		kg_error_hint(err, "kgent kernel remove %s", name);
		json_decref(meta);
		return r;
	}
	struct kg_kernel *k = g_new0(struct kg_kernel, 1);

	k->name = g_strdup(name);
	k->release = g_strdup(release);
	k->from = g_strdup(json_string_value(json_object_get(meta, "from")) ?: "");
	k->added = g_strdup(json_string_value(json_object_get(meta, "added")) ?: "");
	k->dir = g_strdup(dir);
	k->profile = g_build_filename(dir, "profile", NULL);
	k->n_modules = count_modules(dir);
	json_decref(meta);
	*ret = k;
	return 0;
}

/* Versions are compared as such: 6.9 before 6.12. */
static int by_name(gconstpointer a, gconstpointer b)
{
	const struct kg_kernel *const *x = a, *const *y = b;

	return strverscmp((*x)->name, (*y)->name);
}

int kg_kernels_list(const char *cache_dir, GPtrArray **ret, struct kg_error *err)
{
	g_autofree char *dir = tree_dir(cache_dir, "kernels", err);
	g_autoptr(GDir) d = dir ? g_dir_open(dir, 0, NULL) : NULL;

	if (!dir)
		return -KG_E_IO;
	GPtrArray *list = g_ptr_array_new_with_free_func(free_kernel);

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		struct kg_kernel *k;

		if (name[0] == '.' || store_open(path, name, &k, NULL))
			continue;
		measure(k);
		g_ptr_array_add(list, k);
	}
	g_ptr_array_sort(list, by_name);
	*ret = list;
	return 0;
}

static gboolean is_beginning(const char *name, const char *wanted)
{
	gsize n = strlen(wanted);

	return n && !strncmp(name, wanted, n) && !g_ascii_isdigit(name[n]);
}

static int none_such(const GPtrArray *all, const char *name, guint n_fit, struct kg_error *err)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct kg_kernel *k = all->pdata[i];

		if (!n_fit || is_beginning(k->name, name))
			g_string_append_printf(names, "%s%s", names->len ? ", " : "", k->name);
	}
	if (n_fit) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "several kernels begin with \"%s\"", name);
		kg_error_hint(err, "which of %s?", names->str);
	} else {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no kernel \"%s\"", name);
		if (all->len)
			kg_error_hint(err, "there are: %s; kgent kernel add fetches others", names->str);
		else
			kg_error_hint(err, "kgent kernel add %s", g_ascii_isdigit(*name) ? name : "latest");
	}
	return -KG_E_NOTFOUND;
}

int kg_kernel_find(const char *cache_dir, const char *name, struct kg_kernel **ret, struct kg_error *err)
{
	g_autofree char *dir = tree_dir(cache_dir, "kernels", err);
	g_autofree char *path = dir && *name && *name != '.' && !strchr(name, '/') ? g_build_filename(dir, name, NULL) : NULL;
	g_autoptr(GPtrArray) all = NULL;
	guint n = 0, fit = 0;

	if (!dir)
		return -KG_E_IO;
	if (path && g_file_test(path, G_FILE_TEST_IS_DIR)) {
		int found = store_open(path, name, ret, err);

		if (!found)
			measure(*ret);
		return found;
	}
	int r = kg_kernels_list(cache_dir, &all, err);

	if (r)
		return r;
	for (guint i = 0; i < all->len; i++)
		if (is_beginning(((struct kg_kernel *)all->pdata[i])->name, name)) {
			fit = i;
			n++;
		}
	if (n != 1)
		return none_such(all, name, n, err);
	*ret = g_ptr_array_steal_index(all, fit);
	return 0;
}

int kg_kernel_remove(const char *cache_dir, const char *name, struct kg_error *err)
{
	g_autofree char *dir = tree_dir(cache_dir, "kernels", err);

	if (!dir)
		return -KG_E_IO;
	g_autofree char *path = *name && *name != '.' && !strchr(name, '/') ? g_build_filename(dir, name, NULL) : NULL;

	if (!path || !g_file_test(path, G_FILE_TEST_IS_DIR)) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no kernel \"%s\"", name);
		kg_error_hint(err, "kgent kernel list shows the whole names");
		return -KG_E_NOTFOUND;
	}
	if (tree_remove(path))
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be removed: %s", path, g_strerror(errno));
	return 0;
}
