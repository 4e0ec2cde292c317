/*
 * kgent kernel add: fetch, boot, take the profile, save the state. Everything happens in a directory of its own, which gets its name at the
 * end: a kernel is there whole or not at all.
 */
#include "internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROFILE "/tmp/profile"
#define PROFILE_MS 180000
#define FILE_MAX (64u << 20)
#define IMAGE_MAX (256u << 20)

static void tell(const struct kg_kernel_add_opts *o, const char *text)
{
	if (o->progress)
		o->progress(o->user, text);
}

static gboolean is_name(const char *name)
{
	return g_ascii_isalnum(*name) && strlen(name) < 100 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-_~") == strlen(name);
}

static int copy_file(const char *from, const char *dir, const char *name, gsize max, struct kg_error *err)
{
	g_autofree char *to = g_build_filename(dir, name, NULL);
	gsize len;
	g_autofree char *data = tree_read(from, max, &len);

	if (!data) {
		kg_error_set(err, KG_E_IO, STAGE, "%s can't be read: %s", from, g_strerror(errno));
		if (errno == EACCES)
			kg_error_hint(err, "sudo chmod +r %s, or take the distribution's package: kgent kernel add latest", from);
		return -KG_E_IO;
	}
	return tree_write(to, data, len, err);
}

static char *release_of(const char *path, struct kg_error *err)
{
	gsize len = 0;
	g_autofree char *data = tree_read(path, IMAGE_MAX, &len);
	char *release = data ? vmlinuz_release(data, len) : NULL;

	if (!data)
		kg_error_set(err, KG_E_IO, STAGE, "%s can't be read: %s", path, g_strerror(errno));
	else if (!release)
		kg_error_set(err, KG_E_PARSE, STAGE, "%s is no kernel image for x86 (bzImage)", path);
	return release;
}

static int write_meta(const char *dir, const char *release, const char *from, struct kg_error *err)
{
	g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *added = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
	json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s}", "format", 1, "release", release, "from", from, "added", added, "profile_by",
			      "kgent " KG_VERSION);
	char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	int r = text ? tree_write(path, text, strlen(text), err) : kg_error_set(err, KG_E_INVAL, STAGE, "the name is not UTF-8");

	free(text);
	json_decref(o);
	return r;
}

/* --- the profile --- */

static int run_inside(struct kg_sandbox *box, const char *const *argv, gsize max, struct kg_sandbox_output *out, struct kg_error *err)
{
	struct kg_sandbox_command c = {.argv = argv, .timeout_ms = PROFILE_MS, .max_output_bytes = max};
	int r = kg_sandbox_run(box, &c, out, err);

	if (!r && (out->how != KG_SANDBOX_EXITED || out->status)) {
		r = kg_error_set(err, KG_E_TOOL, STAGE, "%s in the sandbox %s (%d): %.200s", argv[0], kg_sandbox_exit_name(out->how), out->status,
				 g_strchomp(out->err->str));
		kg_sandbox_output_clear(out);
	}
	return r;
}

static int take_file(struct kg_sandbox *box, const char *name, const char *to, struct kg_error *err)
{
	g_autofree char *inside = g_strconcat(PROFILE "/", name, NULL), *path = g_build_filename(to, name, NULL);
	const char *argv[] = {"cat", inside, NULL};
	struct kg_sandbox_output out = {0};
	int r = run_inside(box, argv, FILE_MAX, &out, err);

	if (!r)
		r = tree_write(path, out.out->str, out.out->len, err);
	kg_sandbox_output_clear(&out);
	return r;
}

static gboolean is_profile_file(const char *name)
{
	return *name && *name != '.' && strlen(name) < 100 && !strchr(name, '/');
}

static int take_profile(struct kg_sandbox *box, const char *to, struct kg_error *err)
{
	const char *make[] = {"kgent-inside", "profile", PROFILE, NULL}, *list[] = {"ls", "-1", PROFILE, NULL};
	struct kg_sandbox_output out = {0};
	int r = run_inside(box, make, 1u << 20, &out, err);

	kg_sandbox_output_clear(&out);
	if (!r)
		r = run_inside(box, list, 1u << 20, &out, err);
	if (r)
		return r;
	g_auto(GStrv) names = g_strsplit(out.out->str, "\n", 4096);

	kg_sandbox_output_clear(&out);
	if (mkdir(to, 0755))
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", to, g_strerror(errno));
	for (int i = 0; names[i] && !r; i++)
		if (is_profile_file(names[i]))
			r = take_file(box, names[i], to, err);
	return r;
}

/* A module that was asked for and is not there is said: its events are not in the profile. */
static void check_modules(struct kg_sandbox *box, const struct kg_kernel_add_opts *opts)
{
	const char *argv[] = {"cat", "/proc/modules", NULL};
	struct kg_sandbox_output out = {0};

	if (!opts->modules || !opts->modules[0] || run_inside(box, argv, 1u << 20, &out, NULL))
		return;
	for (const char *const *m = opts->modules; *m; m++) {
		g_autofree char *name = g_strdelimit(g_strndup(*m, strcspn(*m, " \t")), "-", '_');
		g_autofree char *first = g_strconcat(name, " ", NULL), *line = g_strconcat("\n", name, " ", NULL);
		g_autofree char *text = g_strdup_printf("module %s can't be loaded in this kernel here: its events are not known", name);

		if (!g_str_has_prefix(out.out->str, first) && !strstr(out.out->str, line))
			tell(opts, text);
	}
	kg_sandbox_output_clear(&out);
}

/* Boot it for the first time. That also saves its state. */
static int boot_once(const struct kg_kernel_add_opts *opts, const char *dir, const char *name, struct kg_error *err)
{
	struct kg_sandbox_opts box_opts = {.kernel = name, .cache_dir = opts->cache_dir, .progress = opts->progress, .user = opts->user};
	struct kg_kernel *kernel = NULL;
	struct kg_sandbox *box = NULL;
	struct kg_profile *profile = NULL;
	int r = store_open(dir, name, &kernel, err);

	if (!r)
		r = open_box(kernel, &box_opts, &box, err);
	if (!r) {
		tell(opts, "taking its profile");
		r = take_profile(box, kernel->profile, err);
		check_modules(box, opts);
	}
	if (!r) {
		const struct kg_profile_opts look = {.dir = kernel->profile};

		r = kg_profile_open(&look, &profile, err);
	}
	kg_profile_free(profile);
	kg_sandbox_free(box);
	kg_kernel_free(kernel);
	return r;
}

/* --- putting it together --- */

static int fill(const struct kg_kernel_add_opts *opts, const struct fetched *f, const char *release, const char *dir, struct kg_error *err)
{
	g_autofree char *modules = g_build_filename(dir, "modules", NULL);
	g_autoptr(GPtrArray) wanted = modules_wanted();
	guint n;
	int r = copy_file(f->vmlinuz, dir, "vmlinuz", IMAGE_MAX, err);

	if (!r && f->config)
		r = copy_file(f->config, dir, "config", 16u << 20, err);
	if (!r)
		tell(opts, "unpacking its modules");
	if (!r)
		r = modules_copy(f->modules, wanted, opts->modules, modules, &n, err);
	if (!r)
		r = write_meta(dir, release, f->from, err);
	return r;
}

static int put_in_place(const char *part, const char *final, gboolean replaces, struct kg_error *err)
{
	if (replaces && g_file_test(final, G_FILE_TEST_EXISTS)) {
		if (renameat2(-100 /* AT_FDCWD */, part, -100, final, RENAME_EXCHANGE))
			return kg_error_set(err, KG_E_IO, STAGE, "%s can't be replaced: %s", final, g_strerror(errno));
		tree_remove(part);
		return 0;
	}
	if (rename(part, final))
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", final, g_strerror(errno));
	return 0;
}

static int is_taken(const char *final, const char *name, gboolean replaces, struct kg_error *err)
{
	if (replaces || !g_file_test(final, G_FILE_TEST_EXISTS))
		return 0;
	kg_error_set(err, KG_E_INVAL, STAGE, "there is a kernel %s", name);
	kg_error_hint(err, "--force replaces it, --name gives the new one another name");
	return -KG_E_INVAL;
}

/* In the directory [part], which is removed afterwards if it is still there. */
static int add_in(const struct kg_kernel_add_opts *opts, const char *kernels, const char *part, struct kg_kernel **ret, struct kg_error *err)
{
	g_autofree char *dir = g_build_filename(part, "kernel", NULL);
	struct fetched f = {0};
	int r = mkdir(dir, 0755) ? kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", dir, g_strerror(errno)) : 0;

	if (!r)
		r = fetch_kernel(opts, part, &f, err);
	g_autofree char *release = r ? NULL : release_of(f.vmlinuz, err);

	if (!r && !release)
		r = -KG_E_PARSE;
	const char *name = opts->name ? opts->name : release;
	g_autofree char *final = r ? NULL : g_build_filename(kernels, name, NULL);

	if (!r && !is_name(name))
		r = kg_error_set(err, KG_E_INVAL, STAGE, "\"%s\" can't be a kernel's name: letters, digits and + . - _ ~ can", name);
	if (!r)
		r = is_taken(final, name, opts->replaces, err);
	if (!r)
		r = fill(opts, &f, release, dir, err);
	if (!r)
		r = boot_once(opts, dir, name, err);
	if (!r)
		r = put_in_place(dir, final, opts->replaces, err);
	if (!r)
		r = kg_kernel_find(opts->cache_dir, name, ret, err);
	fetched_clear(&f);
	return r;
}

int kg_kernel_add(const struct kg_kernel_add_opts *opts, struct kg_kernel **ret, struct kg_error *err)
{
	int lock = -1, r = kg_sandbox_possible(err);

	if (r)
		return r;
	if (opts->name && !is_name(opts->name))
		return kg_error_set(err, KG_E_INVAL, STAGE, "\"%s\" can't be a kernel's name: letters, digits and + . - _ ~ can", opts->name);
	g_autofree char *kernels = tree_dir(opts->cache_dir, "kernels", err);

	if (!kernels)
		return -KG_E_IO;
	g_autofree char *taken = opts->name ? g_build_filename(kernels, opts->name, NULL) : NULL;

	if (taken && is_taken(taken, opts->name, opts->replaces, err)) /* before anything is downloaded */
		return -KG_E_INVAL;
	tree_prune_parts(kernels);
	g_autofree char *part = tree_part(kernels, &lock, err);

	if (!part)
		return -KG_E_IO;
	r = add_in(opts, kernels, part, ret, err);
	tree_remove(part);
	close(lock);
	return r;
}
