/*
 * Archives of the kind that the kernel unpacks as its first file system: cpio, "newc" (Documentation/driver-api/early-userspace/
 * buffer-format.rst). Each entry is a header of 110 characters, the name with a NUL, padding to 4, the data, padding to 4; the last entry is
 * called TRAILER!!!. Several archives can follow each other. Times and owners are zero, so that the same files make the same bytes.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
	char *path;      /* without the first '/' */
	guint32 mode;
	GBytes *data;    /* or NULL */
	char *host_path; /* or NULL */
};

struct archive {
	GPtrArray *entries;
	GHashTable *paths; /* borrowed from the entries */
};

static void entry_free(gpointer data)
{
	struct entry *e = data;

	g_free(e->path);
	g_free(e->host_path);
	g_clear_pointer(&e->data, g_bytes_unref);
	g_free(e);
}

struct archive *archive_new(void)
{
	struct archive *a = g_new0(struct archive, 1);

	a->entries = g_ptr_array_new_with_free_func(entry_free);
	a->paths = g_hash_table_new(g_str_hash, g_str_equal);
	return a;
}

struct archive *archive_free(struct archive *a)
{
	if (a) {
		g_hash_table_unref(a->paths);
		g_ptr_array_unref(a->entries);
		g_free(a);
	}
	return NULL;
}

gboolean archive_has(const struct archive *a, const char *path)
{
	return g_hash_table_contains(a->paths, path + 1);
}

static struct entry *add(struct archive *a, const char *path, guint32 mode)
{
	g_autofree char *dir = g_path_get_dirname(path);

	if (archive_has(a, path))
		return NULL;
	if (strcmp(dir, "/"))
		archive_dir(a, dir, 0755);
	struct entry *e = g_new0(struct entry, 1);

	e->path = g_strdup(path + 1);
	e->mode = mode;
	g_ptr_array_add(a->entries, e);
	g_hash_table_add(a->paths, e->path);
	return e;
}

void archive_dir(struct archive *a, const char *path, int mode)
{
	add(a, path, S_IFDIR | (guint32)mode);
}

void archive_link(struct archive *a, const char *path, const char *to)
{
	struct entry *e = add(a, path, S_IFLNK | 0777);

	if (e)
		e->data = g_bytes_new(to, strlen(to));
}

void archive_data(struct archive *a, const char *path, const void *data, gsize len, int mode)
{
	struct entry *e = add(a, path, S_IFREG | (guint32)mode);

	if (e)
		e->data = g_bytes_new(data, len);
}

void archive_file(struct archive *a, const char *path, const char *host_path, int mode)
{
	struct entry *e = add(a, path, S_IFREG | (guint32)mode);

	if (e)
		e->host_path = g_strdup(host_path);
}

GPtrArray *archive_host_files(const struct archive *a)
{
	GPtrArray *files = g_ptr_array_new();

	for (guint i = 0; i < a->entries->len; i++) {
		const struct entry *e = a->entries->pdata[i];

		if (e->host_path)
			g_ptr_array_add(files, e->host_path);
	}
	return files;
}

/* --- writing --- */

struct out {
	int fd;
	GChecksum *sum;
	GString *head; /* not yet written */
};

static int put(struct out *o, const void *data, gsize len)
{
	const char *s = data;

	if (o->sum)
		g_checksum_update(o->sum, data, (gssize)len);
	while (len) {
		ssize_t n = write(o->fd, s, MIN(len, 1u << 24));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s += n;
		len -= (gsize)n;
	}
	return 0;
}

static gsize padding(gsize n)
{
	return -n & 3;
}

static int put_entry(struct out *o, const char *path, guint32 mode, guint number, const void *data, gsize len)
{
	static const char zeroes[4];
	gsize name = strlen(path) + 1;

	g_string_printf(o->head, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", number, mode, 0, 0, 1, 0, len, 0, 0, 0, 0, name, 0);
	g_string_append_len(o->head, path, (gssize)name);
	g_string_append_len(o->head, zeroes, (gssize)padding(o->head->len));
	if (put(o, o->head->str, o->head->len) || put(o, data, len))
		return -1;
	return put(o, zeroes, padding(len));
}

static int put_file(struct out *o, const struct entry *e, guint number, struct kg_error *err)
{
	g_autoptr(GError) problem = NULL;
	g_autoptr(GMappedFile) file = g_mapped_file_new(e->host_path, FALSE, &problem);

	if (!file)
		return kg_error_set(err, KG_E_IO, STAGE, "%s", problem->message);
	gsize len = g_mapped_file_get_length(file);

	if (len > 0xffffffffu)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%s is too large for the sandbox", e->host_path);
	if (put_entry(o, e->path, e->mode, number, g_mapped_file_get_contents(file) ?: "", len))
		return kg_error_set(err, KG_E_IO, STAGE, "the sandbox's archive can't be written: %s", g_strerror(errno));
	return 0;
}

int archive_write(struct archive *a, int fd, GChecksum *sum, struct kg_error *err)
{
	g_autoptr(GString) head = g_string_new(NULL);
	struct out o = {fd, sum, head};
	int failed = 0;

	for (guint i = 0; i < a->entries->len && !failed; i++) {
		const struct entry *e = a->entries->pdata[i];
		gsize len = 0;
		const void *data = e->data ? g_bytes_get_data(e->data, &len) : NULL;

		if (e->host_path) {
			int r = put_file(&o, e, i + 1, err);

			if (r)
				return r;
		} else {
			failed = put_entry(&o, e->path, e->mode, i + 1, data ? data : "", len);
		}
	}
	if (failed || put_entry(&o, "TRAILER!!!", 0, 0, "", 0))
		return kg_error_set(err, KG_E_IO, STAGE, "the sandbox's archive can't be written: %s", g_strerror(errno));
	return 0;
}
