/*
 * The running kernel's profile between two runs: <cache>/profiles/<key>, in the form of saved.c but without BTF, which
 * /sys/kernel/btf gives faster than a disk. The key says everything that changes the answer: which kernel (release,
 * version, build id, size of its BTF, command line), which modules are loaded, and what this process may see and try, so that
 * what an ordinary user could not see does not stay when root comes.
 *
 * A cache is never an error: one that can't be read, is damaged or belongs to somebody else is made anew; one that can't be written
 * is done without. The source "cache" says which.
 */
#include "internal.h"

#include <kgent/paths.h>
#include <kgent/text.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FORMAT "3"           /* raise when what is gathered, or how it is judged, changes */
#define KEEP 8               /* profiles; more than that many kernels and module sets are rare */
#define PART_MAX_AGE_S 3600  /* a half-written one older than this has lost its writer */

static const char cost[] = "each start takes up to a second longer";

static guint64 mix_file(guint64 h, const char *path)
{
	g_autoptr(GBytes) bytes = kg_read_file(path, 4u << 20);
	gsize len = 0;
	const void *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;

	return data ? kg_hash64(data, len, h) : h * 31;
}

static guint64 mix_text(guint64 h, const char *s)
{
	return kg_hash64(s ? s : "", s ? strlen(s) : 0, h + 1);
}

/* Names and sizes of the modules; /proc/modules also has use counts, which change all the time. */
static guint64 mix_modules(guint64 h)
{
	g_autoptr(GBytes) bytes = kg_read_file("/proc/modules", 4u << 20);
	gsize len = 0;
	const char *s = bytes ? g_bytes_get_data(bytes, &len) : NULL, *end = s ? s + len : NULL;
	struct kg_text_line l;
	guint64 sum = 0;

	while (kg_text_next_line(&s, end, &l)) {
		const char *stop = l.s + l.len, *first = memchr(l.s, ' ', l.len);
		const char *second = first ? memchr(first + 1, ' ', (gsize)(stop - first - 1)) : NULL;

		sum += kg_hash64(l.s, (gsize)((second ? second : stop) - l.s), 7); /* a sum: their order says nothing */
	}
	return (h ^ sum) * 0x9e3779b97f4a7c15u;
}

/* For this process as it is, also with capabilities given to its file: access() would ask for the user who started it. */
static gboolean can_read(const char *path)
{
	return !faccessat(AT_FDCWD, path, R_OK, AT_EACCESS);
}

static guint64 mix_access(guint64 h, const char *tracefs)
{
	static const int caps[] = {KG_CAP_SYS_ADMIN, KG_CAP_PERFMON, KG_CAP_BPF};
	g_autofree char *functions = tracefs ? g_build_filename(tracefs, "available_filter_functions", NULL) : NULL;
	guint64 bits = geteuid() == 0;

	for (gsize i = 0; i < G_N_ELEMENTS(caps); i++)
		bits = bits << 1 | (kg_has_capability(caps[i]) ? 1 : 0);
	bits = bits << 1 | (functions && can_read(functions));
	bits = bits << 1 | can_read("/proc/kallsyms");
	bits = bits << 1 | can_read("/sys/kernel/debug/kprobes/blacklist");
	bits = bits << 1 | can_read("/sys/kernel/btf/vmlinux");
	return mix_text(h ^ bits * 0x9e3779b97f4a7c15u, tracefs);
}

static char *make_key(const struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autofree char *why = NULL, *mend = NULL;
	g_autofree char *tracefs = kg_tracefs_find(opts->tracefs, &why, &mend);
	g_autofree char *config = g_strdup_printf("/boot/config-%s", p->release);
	struct stat st = {0};
	guint64 h = mix_text(mix_text(mix_text(1, p->release), p->version), KG_VERSION "/" FORMAT);

	h = mix_file(h, "/sys/kernel/notes"); /* the build id */
	h = mix_file(h, "/proc/cmdline");
	h = mix_file(h, "/proc/sys/kernel/perf_event_paranoid");
	h = mix_file(h, "/sys/kernel/security/lockdown");
	h = h * 31 + (stat("/sys/kernel/btf/vmlinux", &st) ? 0 : (guint64)st.st_size);
	h = h * 31 + can_read(config);
	h = kg_mix_lent(mix_access(mix_modules(h), tracefs), p, opts);
	return g_strdup_printf("%s-%016" G_GINT64_MODIFIER "x", p->release, h);
}

static gboolean is_ours(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022);
}

/* The nearest directory above (or at) path that exists belongs to somebody else. */
static gboolean is_in_foreign_home(const char *path)
{
	g_autofree char *dir = g_strdup(path);
	struct stat st;

	while (lstat(dir, &st) < 0 && strcmp(dir, "/") && strcmp(dir, ".")) {
		char *up = g_path_get_dirname(dir);

		g_free(dir);
		dir = up;
	}
	return st.st_uid != geteuid();
}

/*
 * <cache>/profiles, or NULL. Root with a user's HOME (sudo often keeps it) neither believes that user's files nor leaves
 * files of root's there; it uses /var/cache/kgent.
 */
static char *profiles_dir(const struct kg_profile_opts *opts)
{
	g_autofree char *standard = kg_paths_cache();
	const char *base = opts->cache_dir ? opts->cache_dir : standard;

	if (base && *base && geteuid() == 0 && is_in_foreign_home(base))
		base = opts->cache_dir ? NULL : "/var/cache/kgent";
	return base && *base ? g_build_filename(base, "profiles", NULL) : NULL;
}

int kg_cache_open(struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autofree char *dir = profiles_dir(opts);
	g_autofree char *key = dir ? make_key(p, opts) : NULL;
	g_autofree char *path = dir ? g_build_filename(dir, key, NULL) : NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (!dir || !is_ours(dir) || !is_ours(path))
		return -KG_E_NOTFOUND;
	int r = kg_saved_open(p, path, TRUE, &err);

	if (r < 0) {
		for (int i = 0; i < KG_TEXTS; i++)
			g_clear_pointer(&p->texts[i], g_bytes_unref);
		kg_source_set(p, "cache", KG_SOURCE_PARTIAL, 0, err.msg, NULL, NULL);
		return r;
	}
	kg_source_set(p, "cache", KG_SOURCE_OK, 1, NULL, NULL, NULL);
	return 0;
}

struct entry {
	char *path;
	time_t mtime;
};

static void entry_free(gpointer data)
{
	struct entry *e = data;

	g_free(e->path);
	g_free(e);
}

static int newest_first(gconstpointer a, gconstpointer b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	return (x->mtime < y->mtime) - (x->mtime > y->mtime);
}

static void remove_entry(const char *path)
{
	static const char *const files[] = {"meta.json", "formats", "functions", "untraceable", "ambiguous", "nokprobe", "config"};

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *file = g_build_filename(path, files[i], NULL);

		unlink(file);
	}
	rmdir(path); /* fails where something else is inside, which then stays */
}

static void prune(const char *dir)
{
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;
	struct stat st;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
			continue;
		if (g_str_has_suffix(name, ".part")) {
			if (time(NULL) - st.st_mtime > PART_MAX_AGE_S)
				remove_entry(path);
			continue;
		}
		struct entry *e = g_new0(struct entry, 1);

		e->path = g_steal_pointer(&path);
		e->mtime = st.st_mtime;
		g_ptr_array_add(entries, e);
	}
	g_ptr_array_sort(entries, newest_first);
	for (guint i = KEEP; i < entries->len; i++)
		remove_entry(((struct entry *)g_ptr_array_index(entries, i))->path);
}

void kg_cache_write(struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autofree char *dir = profiles_dir(opts);
	_cleanup_error_ struct kg_error err = {0};

	if (!dir) {
		kg_source_set(p, "cache", KG_SOURCE_MISSING, 0,
			      opts->cache_dir ? "no cache is wanted, or it belongs to another user" : "there is no home directory", cost, NULL);
		return;
	}
	g_autofree char *key = make_key(p, opts);
	g_autofree char *path = g_build_filename(dir, key, NULL);

	if (g_mkdir_with_parents(dir, 0700) < 0)
		kg_error_set(&err, KG_E_IO, STAGE, "%s can't be made: %s", dir, g_strerror(errno));
	else if (!is_ours(dir))
		kg_error_set(&err, KG_E_PERM, STAGE, "%s belongs to another user, or others may write to it", dir);
	else if (!kg_saved_write(p, path, FALSE, &err))
		prune(dir);
	if (err.code)
		kg_source_set(p, "cache", KG_SOURCE_MISSING, 0, err.msg, cost, NULL);
	else if (kg_source_get(p, "cache")->why) {
		g_autofree char *why = g_strdup_printf("%s; it was made anew", kg_source_get(p, "cache")->why);

		kg_source_set(p, "cache", KG_SOURCE_OK, 0, why, NULL, NULL);
	} else
		kg_source_set(p, "cache", KG_SOURCE_OK, 0, "made anew in this run", NULL, NULL);
}
