/*
 * Where kernels come from: the machine's own package sources, a package file, an image, or what runs here. `apt-get download` and `dpkg-deb -x`
 * need no privilege; apt checks what it downloads against the signed lists.
 */
#include "internal.h"

#include <kgent/text.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DOWNLOAD_MS 1800000
#define UNPACK_MS 300000
#define DEPTH_MAX 3

void fetched_clear(struct fetched *f)
{
	g_clear_pointer(&f->vmlinuz, g_free);
	g_clear_pointer(&f->config, g_free);
	g_clear_pointer(&f->modules, g_free);
	g_clear_pointer(&f->from, g_free);
}

static void tell(const struct kg_kernel_add_opts *o, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static void tell(const struct kg_kernel_add_opts *o, const char *fmt, ...)
{
	va_list ap;

	if (!o->progress)
		return;
	va_start(ap, fmt);
	g_autofree char *text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	o->progress(o->user, text);
}

/* --- which package --- */

/* Kernels for virtual machines are a third of the size; debug symbols, unsigned and real-time variants are not what was meant. */
static int fitness(const char *name)
{
	static const char *const never[] = {"-dbg", "-unsigned", "-rt-", "-template", "-image-unsigned", "-dbgsym"};
	static const char *const small[] = {"-cloud-", "-virtual", "-kvm"};

	for (gsize i = 0; i < G_N_ELEMENTS(never); i++)
		if (strstr(name, never[i]))
			return 0;
	for (gsize i = 0; i < G_N_ELEMENTS(small); i++)
		if (strstr(name, small[i]))
			return 2;
	return g_str_has_suffix(name, "-amd64") || g_str_has_suffix(name, "-generic") ? 1 : 0;
}

#define PREFIX "linux-image-"

/* Does the package's version begin as wanted ("6.1" is not "6.12"), and is it a version with its build, not only "6.12"? */
static gboolean is_wanted(const char *name, const char *what)
{
	const char *version = name + strlen(PREFIX);

	if (!g_str_has_prefix(name, PREFIX) || !g_ascii_isdigit(*version))
		return FALSE;
	if (!strcmp(what, "latest"))
		return TRUE;
	return g_str_has_prefix(version, what) && !g_ascii_isdigit(version[strlen(what)]);
}

char *fetch_choose(const char *text, gsize len, const char *what)
{
	const char *s = text, *end = text + len;
	char *best = NULL;
	struct kg_text_line line;

	while (kg_text_next_line(&s, end, &line)) {
		const char *space = memchr(line.s, ' ', line.len);
		g_autofree char *name = g_strndup(line.s, space ? (gsize)(space - line.s) : line.len);

		if (!is_wanted(name, what) || !fitness(name))
			continue;
		if (!best || (fitness(name) != fitness(best) ? fitness(name) > fitness(best) : strverscmp(name, best) > 0)) {
			g_free(best);
			best = g_steal_pointer(&name);
		}
	}
	return best;
}

static int choose_package(const char *what, char **ret, struct kg_error *err)
{
	const char *argv[] = {"apt-cache", "search", "--names-only", "^" PREFIX "[0-9]", NULL};
	struct tool_call call = {.argv = argv, .timeout_ms = 60000, .max = 16u << 20, .package = "apt"};
	GString *text;
	int r = tool_run(&call, &text, err);

	if (r)
		return r;
	*ret = fetch_choose(text->str, text->len, what);
	g_string_free(text, TRUE);
	if (*ret)
		return 0;
	kg_error_set(err, KG_E_NOTFOUND, STAGE, "the package sources have no kernel %s", what);
	kg_error_hint(err, "apt-cache search '^linux-image-' lists what they have; sudo apt-get update brings the lists up to date");
	return -KG_E_NOTFOUND;
}

/* --- packages --- */

GPtrArray *fetch_depends(const char *field)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) alternatives = g_strsplit_set(field, ",|", 512);

	for (int i = 0; alternatives[i]; i++) {
		char *name = g_strstrip(alternatives[i]), *paren = strchr(name, '('), *close = paren ? strchr(paren, ')') : NULL;
		gsize n = strcspn(name, " (:");
		g_autofree char *bare = g_strndup(name, n);

		if (!g_str_has_prefix(bare, PREFIX) && !g_str_has_prefix(bare, "linux-modules-"))
			continue;
		if (close && paren[1] == '=') {
			g_autofree char *version = g_strstrip(g_strndup(paren + 2, (gsize)(close - paren - 2)));

			g_ptr_array_add(found, g_strdup_printf("%s=%s", bare, version));
		} else {
			g_ptr_array_add(found, g_steal_pointer(&bare));
		}
	}
	return found;
}

static char *newest_deb(const char *dir, const GHashTable *known)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);

	for (const char *name; d && (name = g_dir_read_name(d));)
		if (g_str_has_suffix(name, ".deb") && !g_hash_table_contains((GHashTable *)known, name))
			return g_build_filename(dir, name, NULL);
	return NULL;
}

struct fetching {
	const struct kg_kernel_add_opts *opts;
	const char *part;
	char *root;        /* where packages are unpacked */
	GHashTable *known; /* names of package files that were unpacked */
};

static int download(struct fetching *f, const char *package, char **ret, struct kg_error *err)
{
	const char *argv[] = {"apt-get", "download", "-q", "--", package, NULL};
	struct tool_call call = {.argv = argv, .dir = f->part, .timeout_ms = DOWNLOAD_MS, .max = 16u << 20, .package = "apt"};
	_cleanup_error_ struct kg_error e = {0};

	tell(f->opts, "downloading %s", package);
	if (tool_run(&call, NULL, &e)) {
		gboolean is_unknown = strstr(e.msg, "Unable to locate package") || strstr(e.msg, "no candidate") || strstr(e.msg, "was not found");

		kg_error_set(err, is_unknown ? KG_E_NOTFOUND : KG_E_TOOL, STAGE, "%s", e.msg);
		kg_error_hint(err, "%s", e.hint ? e.hint : is_unknown ? "kgent kernel add 6.12 takes the newest package of such a version; a path needs a /" :
			      "is the network there, and are the lists up to date (sudo apt-get update)?");
		return -err->code;
	}
	*ret = newest_deb(f->part, f->known);
	return *ret ? 0 : kg_error_set(err, KG_E_TOOL, STAGE, "apt-get downloaded no package %s", package);
}

/* Unpack a package, and what it depends on where the kernel or its modules are in there. */
static int unpack(struct fetching *f, const char *deb, int depth, struct kg_error *err)
{
	const char *unpack_argv[] = {"dpkg-deb", "-x", deb, f->root, NULL}, *field_argv[] = {"dpkg-deb", "-f", deb, "Depends", NULL};
	struct tool_call call = {.argv = unpack_argv, .timeout_ms = UNPACK_MS, .max = 1u << 20, .package = "dpkg"};
	GString *field;

	tell(f->opts, "unpacking %s", strrchr(deb, '/') ? strrchr(deb, '/') + 1 : deb);
	g_hash_table_add(f->known, g_path_get_basename(deb));
	int r = tool_run(&call, NULL, err);

	call.argv = field_argv;
	if (!r)
		r = tool_run(&call, &field, err);
	if (r)
		return r;
	g_autoptr(GPtrArray) needed = fetch_depends(field->str);

	g_string_free(field, TRUE);
	for (guint i = 0; i < needed->len && !r && depth < DEPTH_MAX; i++) {
		g_autofree char *next = NULL;

		r = download(f, needed->pdata[i], &next, err);
		if (!r)
			r = unpack(f, next, depth + 1, err);
	}
	return r;
}

/* --- what was unpacked --- */

/* The only entry of a directory whose name begins so. */
static char *entry_of(const char *dir, const char *prefix)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);

	for (const char *name; d && (name = g_dir_read_name(d));)
		if (g_str_has_prefix(name, prefix))
			return g_build_filename(dir, name, NULL);
	return NULL;
}

static char *first_there(const char *const *paths)
{
	for (; *paths; paths++)
		if (g_file_test(*paths, G_FILE_TEST_EXISTS))
			return g_strdup(*paths);
	return NULL;
}

static int find_in_root(const char *root, struct fetched *ret, struct kg_error *err)
{
	g_autofree char *boot = g_build_filename(root, "boot", NULL);
	g_autofree char *lib = g_build_filename(root, "lib", "modules", NULL), *usr = g_build_filename(root, "usr", "lib", "modules", NULL);

	ret->modules = entry_of(lib, "") ?: entry_of(usr, "");
	ret->vmlinuz = entry_of(boot, "vmlinuz");
	if (!ret->vmlinuz && ret->modules)
		ret->vmlinuz = entry_of(ret->modules, "vmlinuz");
	ret->config = entry_of(boot, "config-");
	if (!ret->config && ret->modules)
		ret->config = entry_of(ret->modules, "config");
	return ret->vmlinuz ? 0 : kg_error_set(err, KG_E_PARSE, STAGE, "the package has no kernel in it");
}

static int fetch_running(struct fetched *ret, struct kg_error *err)
{
	struct utsname u;

	uname(&u);
	g_autofree char *boot = g_strdup_printf("/boot/vmlinuz-%s", u.release), *lib = g_strdup_printf("/lib/modules/%s/vmlinuz", u.release);
	g_autofree char *config = g_strdup_printf("/boot/config-%s", u.release), *modules = g_strdup_printf("/lib/modules/%s", u.release);
	const char *const images[] = {boot, lib, NULL};

	ret->vmlinuz = first_there(images);
	if (!ret->vmlinuz) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "the image of the running kernel is not there: neither %s nor %s", boot, lib);
		kg_error_hint(err, "give the path of its image or package, or a package of your distribution: kgent kernel add latest");
		return -KG_E_NOTFOUND;
	}
	ret->config = g_file_test(config, G_FILE_TEST_EXISTS) ? g_steal_pointer(&config) : NULL;
	ret->modules = g_file_test(modules, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&modules) : NULL;
	ret->from = g_strdup("running");
	return 0;
}

/* An image: its modules and configuration are where the host has those of its release, if at all. */
static int fetch_image(const struct kg_kernel_add_opts *opts, struct fetched *ret, struct kg_error *err)
{
	g_autoptr(GError) problem = NULL;
	gboolean is_file = g_file_test(opts->what, G_FILE_TEST_IS_REGULAR);
	g_autoptr(GMappedFile) file = is_file ? g_mapped_file_new(opts->what, FALSE, &problem) : NULL;

	if (!is_file)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no file %s", opts->what);
	if (!file)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s", problem->message);
	g_autofree char *release = vmlinuz_release(g_mapped_file_get_contents(file), g_mapped_file_get_length(file));
	g_autofree char *dir = g_path_get_dirname(opts->what);

	if (!release) {
		kg_error_set(err, KG_E_PARSE, STAGE, "%s is neither a kernel image (vmlinuz, bzImage) nor a package (.deb)", opts->what);
		return -KG_E_PARSE;
	}
	g_autofree char *beside = g_strdup_printf("%s/config-%s", dir, release), *config = g_strdup_printf("/boot/config-%s", release);
	g_autofree char *modules = opts->modules_dir ? g_strdup(opts->modules_dir) : g_strdup_printf("/lib/modules/%s", release);
	const char *const configs[] = {beside, config, NULL};

	ret->vmlinuz = g_strdup(opts->what);
	ret->config = first_there(configs);
	ret->modules = g_file_test(modules, G_FILE_TEST_IS_DIR) ? g_steal_pointer(&modules) : NULL;
	ret->from = g_path_get_basename(opts->what);
	if (opts->modules_dir && !ret->modules)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no directory %s", opts->modules_dir);
	return 0;
}

static gboolean is_version(const char *what)
{
	return !strcmp(what, "latest") || (g_ascii_isdigit(*what) && strchr(what, '.') && !strchr(what, '/'));
}

static int fetch_package(struct fetching *f, struct fetched *ret, struct kg_error *err)
{
	const char *what = f->opts->what;
	gboolean is_file = g_str_has_suffix(what, ".deb") && g_file_test(what, G_FILE_TEST_EXISTS);
	g_autofree char *package = NULL, *deb = is_file ? g_canonicalize_filename(what, NULL) : NULL;
	int r = 0;

	if (!is_file && is_version(what))
		r = choose_package(what, &package, err);
	if (!r && !is_file)
		r = download(f, package ? package : what, &deb, err);
	if (!r)
		r = unpack(f, deb, 0, err);
	if (!r)
		r = find_in_root(f->root, ret, err);
	if (!r)
		ret->from = package ? g_steal_pointer(&package) : g_path_get_basename(what);
	return r;
}

/* A name that apt would take for an option or a pattern is none. */
static gboolean is_package_name(const char *what)
{
	return g_ascii_isalnum(*what) && strspn(what, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-_~:=") == strlen(what);
}

int fetch_kernel(const struct kg_kernel_add_opts *opts, const char *part, struct fetched *ret, struct kg_error *err)
{
	struct fetched found = {0};
	gboolean is_deb = g_str_has_suffix(opts->what, ".deb");
	int r;

	if (!strcmp(opts->what, "running")) {
		r = fetch_running(&found, err);
	} else if (!is_deb && (strchr(opts->what, '/') || g_file_test(opts->what, G_FILE_TEST_IS_REGULAR))) {
		r = fetch_image(opts, &found, err);
	} else if (is_deb && !g_file_test(opts->what, G_FILE_TEST_EXISTS)) {
		r = kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no file %s", opts->what);
	} else if (!is_deb && !is_package_name(opts->what)) {
		r = kg_error_set(err, KG_E_INVAL, STAGE, "\"%s\" is neither a package, a version, a file, \"running\" nor \"latest\"", opts->what);
	} else {
		struct fetching f = {.opts = opts, .part = part, .root = g_build_filename(part, "root", NULL),
				     .known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};

		r = fetch_package(&f, &found, err);
		g_hash_table_unref(f.known);
		g_free(f.root);
	}
	if (r)
		fetched_clear(&found);
	else
		*ret = found;
	return r;
}
