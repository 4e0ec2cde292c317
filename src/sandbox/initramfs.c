/*
 * The guest's file system: one archive that all kernels share (the guest program, busybox, bpftrace with its libraries, bash, stimuli), and
 * behind it a small one of the kernel's own (modules, configuration).
 *
 * The shared archive's file is named after the SHA-256 of its content. CACHE/sandbox/archive.json says for which files of the host that hash
 * holds: {"hash": "...", "files": [{"path": "/usr/bin/bpftrace", "size": 1, "time": 1, "inode": 1}, ...]}; when none of them has changed, none is
 * read. Otherwise the archive is made again, and what was saved with another content is not used any more.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name, *at, *package;
	gboolean is_own, is_needed;
} programs[] = {
	{"kgent-guest", "/init", NULL, TRUE, TRUE},
	{"kgent-inside", "/usr/bin/kgent-inside", NULL, TRUE, TRUE},
	{"kgent-stimulus", "/usr/bin/kgent-stimulus", NULL, TRUE, FALSE},
	{"busybox", "/usr/bin/busybox", "busybox-static", FALSE, TRUE},
	{"bpftrace", "/usr/bin/bpftrace", "bpftrace", FALSE, TRUE},
	{"bash", "/usr/bin/bash", NULL, FALSE, FALSE},
};

static const struct {
	const char *path, *text;
} files[] = {
	{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"},
	{"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
	{"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
	{"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
};

/* Directories of the loader's own search path (ld.so(8), Debian): a library elsewhere needs a name there, since there is no ld.so.cache. */
static const char *const searched[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib", "/lib64", "/usr/lib64"};

static char *find_program(gsize i)
{
	if (programs[i].is_own)
		return kg_paths_program(programs[i].name);
	if (!strcmp(programs[i].name, "bpftrace") && g_getenv("KGENT_BPFTRACE"))
		return g_find_program_in_path(g_getenv("KGENT_BPFTRACE"));
	return tool_find(programs[i].name);
}

static int lacks(gsize i, struct kg_error *err)
{
	kg_error_set(err, KG_E_TOOL, STAGE, "%s, which the sandbox needs, is not %s", programs[i].name,
		     programs[i].is_own ? "where kgent's own programs are" : "installed");
	if (programs[i].package)
		kg_error_hint(err, "sudo apt-get install %s", programs[i].package);
	else
		kg_error_hint(err, "install kgent again, or set KGENT_LIBEXEC to the directory with its programs");
	return -KG_E_TOOL;
}

int initramfs_possible(struct kg_error *err)
{
	for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
		g_autofree char *path = find_program(i);

		if (!path && programs[i].is_needed)
			return lacks(i, err);
	}
	return 0;
}

/* --- what goes in --- */

/* As on the host, /lib and /bin can be links into /usr; a path through them is the path behind them. */
static char *inside_path(const char *path)
{
	g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
	g_autofree char *real = realpath(dir, NULL);

	return g_build_filename(real ? real : dir, base, NULL);
}

static void add_merged_directories(struct archive *a)
{
	static const char *const names[] = {"bin", "sbin", "lib", "lib64"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_strconcat("/", names[i], NULL), *to = g_strconcat("usr/", names[i], NULL);
		g_autofree char *link = g_file_read_link(path, NULL);
		g_autofree char *inside = g_strconcat("/", to, NULL);

		archive_dir(a, inside, 0755);
		if (link)
			archive_link(a, path, to);
	}
}

static void add_library(struct archive *a, const char *path)
{
	g_autofree char *at = inside_path(path), *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
	g_autofree char *found = g_build_filename("/usr/lib", base, NULL);
	gboolean is_searched = FALSE;

	archive_file(a, at, path, 0755);
	for (gsize i = 0; i < G_N_ELEMENTS(searched); i++)
		is_searched |= !strcmp(dir, searched[i]);
	if (!is_searched)
		archive_link(a, found, at);
}

static int add_program(struct archive *a, gsize i, struct kg_error *err)
{
	g_autofree char *path = find_program(i);
	g_autoptr(GPtrArray) libraries = NULL;

	if (!path)
		return programs[i].is_needed ? lacks(i, err) : 0;
	archive_file(a, programs[i].at, path, 0755);
	int r = closure_of(path, &libraries, err);

	for (guint k = 0; !r && k < libraries->len; k++)
		add_library(a, libraries->pdata[k]);
	return r;
}

/* busybox does what its name says; it is asked which names it knows. */
static int add_applets(struct archive *a, struct kg_error *err)
{
	const char *argv[] = {"busybox", "--list", NULL};
	struct tool_call call = {.argv = argv, .timeout_ms = 5000, .max = 1 << 16, .package = "busybox-static"};
	GString *text;
	int r = tool_run(&call, &text, err);

	if (r)
		return r;
	g_auto(GStrv) names = g_strsplit(text->str, "\n", -1);

	for (int i = 0; names[i]; i++) {
		g_autofree char *path = g_strconcat("/usr/bin/", names[i], NULL);

		if (*names[i] && !strchr(names[i], '/'))
			archive_link(a, path, "busybox");
	}
	g_string_free(text, TRUE);
	return 0;
}

static int gather(struct archive *a, struct kg_error *err)
{
	static const char *const dirs[] = {"/dev", "/proc", "/sys", "/tmp", "/run", "/root", "/kgent", "/var/tmp"};
	int r = 0;

	add_merged_directories(a);
	for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++)
		archive_dir(a, dirs[i], 0755);
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
		archive_data(a, files[i].path, files[i].text, strlen(files[i].text), 0644);
	for (gsize i = 0; i < G_N_ELEMENTS(programs) && !r; i++)
		r = add_program(a, i, err);
	if (!r)
		r = add_applets(a, err); /* last: what the host has itself goes first */
	if (!r && !archive_has(a, "/bin"))
		archive_link(a, "/bin", "usr/bin");
	return r;
}

/* --- is it still the same? --- */

static json_t *identity(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return NULL;
	return json_pack("{s:s, s:I, s:I, s:I}", "path", path, "size", (json_int_t)st.st_size, "time",
			 (json_int_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec, "inode", (json_int_t)st.st_ino);
}

/* The programs are found in the same places, and no file has changed. */
static gboolean is_unchanged(const json_t *known)
{
	const json_t *list = json_object_get(known, "files"), *places = json_object_get(known, "programs");
	size_t i;
	json_t *file;

	json_array_foreach(list, i, file) {
		const char *path = json_string_value(json_object_get(file, "path"));
		json_t *now = path ? identity(path) : NULL;
		gboolean same = now && json_equal(now, file);

		json_decref(now);
		if (!same)
			return FALSE;
	}
	for (gsize k = 0; k < G_N_ELEMENTS(programs); k++) {
		g_autofree char *path = find_program(k);

		if (g_strcmp0(path, json_string_value(json_array_get(places, k))))
			return FALSE;
	}
	return json_array_size(list) > 0;
}

static char *known_hash(const char *index)
{
	json_t *known = json_load_file(index, 0, NULL);
	const char *hash = json_string_value(json_object_get(known, "hash"));
	char *ret = hash && strlen(hash) == 64 && strspn(hash, "0123456789abcdef") == 64 && is_unchanged(known) ? g_strdup(hash) : NULL;

	json_decref(known);
	return ret;
}

static int remember(const char *index, struct archive *a, const char *hash, struct kg_error *err)
{
	json_t *list = json_array(), *places = json_array();
	g_autoptr(GPtrArray) hosts = archive_host_files(a);

	for (guint i = 0; i < hosts->len; i++)
		json_array_append_new(list, identity(hosts->pdata[i]));
	for (gsize k = 0; k < G_N_ELEMENTS(programs); k++) {
		g_autofree char *path = find_program(k);

		json_array_append_new(places, path ? json_string(path) : json_null());
	}
	json_t *all = json_pack("{s:s, s:o, s:o}", "hash", hash, "programs", places, "files", list);
	char *text = json_dumps(all, JSON_INDENT(1));
	int r = text ? tree_write(index, text, strlen(text), err) : -KG_E_NOMEM;

	free(text);
	json_decref(all);
	return r;
}

/* Older archives go: they take 200 MB each. */
static void keep_only(const char *dir, const char *name)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);

	for (const char *entry; d && (entry = g_dir_read_name(d));) {
		g_autofree char *path = g_build_filename(dir, entry, NULL);

		if (g_str_has_suffix(entry, ".cpio") && strcmp(entry, name))
			unlink(path);
	}
}

static int make_archive(const char *dir, const char *index, char **ret_path, char **ret_hash, struct kg_error *err)
{
	struct archive *a = archive_new();
	g_autofree char *temp = g_build_filename(dir, "archive.XXXXXX", NULL);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	int r = gather(a, err), fd = r ? -1 : g_mkstemp_full(temp, O_WRONLY | O_CLOEXEC, 0600);

	if (!r && fd < 0)
		r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", temp, g_strerror(errno));
	if (!r)
		r = archive_write(a, fd, sum, err);
	if (fd >= 0 && close(fd) && !r)
		r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be written: %s", temp, g_strerror(errno));
	if (!r) {
		g_autofree char *name = g_strdup_printf("%s.cpio", g_checksum_get_string(sum));

		*ret_hash = g_strdup(g_checksum_get_string(sum));
		*ret_path = g_build_filename(dir, name, NULL);
		if (rename(temp, *ret_path))
			r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", *ret_path, g_strerror(errno));
		else
			keep_only(dir, name);
	}
	if (!r)
		r = remember(index, a, *ret_hash, err);
	if (r) {
		if (fd >= 0)
			unlink(temp);
		g_clear_pointer(ret_path, g_free);
		g_clear_pointer(ret_hash, g_free);
	}
	archive_free(a);
	return r;
}

int initramfs_shared(const char *cache_dir, gboolean needs_file, char **ret_path, char **ret_hash, struct kg_error *err)
{
	g_autofree char *dir = tree_dir(cache_dir, "sandbox", err);

	if (!dir)
		return -KG_E_IO;
	g_autofree char *index = g_build_filename(dir, "archive.json", NULL);
	g_autofree char *hash = known_hash(index);
	g_autofree char *path = hash ? g_strdup_printf("%s/%s.cpio", dir, hash) : NULL;

	if (hash && (!needs_file || g_file_test(path, G_FILE_TEST_IS_REGULAR))) {
		*ret_path = g_steal_pointer(&path);
		*ret_hash = g_steal_pointer(&hash);
		return 0;
	}
	*ret_path = *ret_hash = NULL;
	return make_archive(dir, index, ret_path, ret_hash, err);
}

/* --- the kernel's own part --- */

static int copy_into(const char *path, int to, struct kg_error *err)
{
	int from = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (from >= 0 && n > 0)
		n = sendfile(to, from, NULL, 1u << 30);
	int e = errno;

	if (from >= 0)
		close(from);
	return from < 0 || n < 0 ? kg_error_set(err, KG_E_IO, STAGE, "%s can't be read: %s", path, g_strerror(e)) : 0;
}

static void add_kernel_files(struct archive *a, const struct kg_kernel *kernel)
{
	g_autofree char *dir = g_build_filename(kernel->dir, "modules", NULL), *list_path = g_build_filename(dir, "list", NULL);
	g_autofree char *list = tree_read(list_path, 1 << 20, NULL);
	g_autofree char *config = g_build_filename(kernel->dir, "config", NULL);
	g_auto(GStrv) lines = g_strsplit(list ? list : "", "\n", -1);
	g_autoptr(GString) inside = g_string_new(NULL);

	for (int i = 0; lines[i]; i++) {
		g_autofree char *name = g_strndup(lines[i], strcspn(lines[i], " "));
		g_autofree char *from = g_build_filename(dir, name, NULL), *to = g_build_filename("/kgent", name, NULL);

		if (!*name || strchr(name, '/'))
			continue;
		archive_file(a, to, from, 0644);
		g_string_append_printf(inside, "/kgent/%s\n", lines[i]);
	}
	archive_data(a, "/kgent/modules", inside->str, inside->len, 0644);
	if (g_file_test(config, G_FILE_TEST_EXISTS)) {
		g_autofree char *to = g_strdup_printf("/boot/config-%s", kernel->release);

		archive_file(a, to, config, 0644);
	}
}

int initramfs_open(const char *shared, const struct kg_kernel *kernel, int *ret_fd, struct kg_error *err)
{
	int fd = memfd_create("kgent-initramfs", MFD_CLOEXEC);
	struct archive *own = archive_new();

	if (fd < 0) {
		archive_free(own);
		return kg_error_set(err, KG_E_IO, STAGE, "no memory file: %s", g_strerror(errno));
	}
	add_kernel_files(own, kernel);
	int r = copy_into(shared, fd, err);

	if (!r)
		r = archive_write(own, fd, NULL, err);
	archive_free(own);
	if (r)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}
