/* Files and directories of the cache. What is made appears whole or not at all; what a killed process left is found by its lock. */
#include "internal.h"

#include <kgent/paths.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

char *tree_dir(const char *cache_dir, const char *below, struct kg_error *err)
{
	g_autofree char *cache = cache_dir ? g_strdup(cache_dir) : kg_paths_cache();

	if (!cache) {
		kg_error_set(err, KG_E_IO, STAGE, "there is no directory for caches: neither XDG_CACHE_HOME nor HOME is set");
		return NULL;
	}
	char *dir = g_build_filename(cache, below, NULL);

	if (g_mkdir_with_parents(dir, 0700) == 0)
		return dir;
	kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", dir, g_strerror(errno));
	g_free(dir);
	return NULL;
}

int tree_write(const char *path, const void *data, gsize len, struct kg_error *err)
{
	g_autofree char *temp = g_strdup_printf("%s.XXXXXX", path);
	int fd = g_mkstemp_full(temp, O_WRONLY | O_CLOEXEC, 0644);
	const char *s = data;
	int e = fd < 0 ? errno : 0;

	while (!e && len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno != EINTR)
			e = errno;
		if (n > 0) {
			s += n;
			len -= (gsize)n;
		}
	}
	if (fd >= 0 && fsync(fd) && !e && errno != EINVAL)
		e = errno;
	if (fd >= 0 && close(fd) && !e)
		e = errno;
	if (!e && rename(temp, path))
		e = errno;
	if (!e)
		return 0;
	if (fd >= 0)
		unlink(temp);
	return kg_error_set(err, KG_E_IO, STAGE, "%s can't be written: %s", path, g_strerror(e));
}

char *tree_read(const char *path, gsize max, gsize *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (gsize)st.st_size > max) {
		close(fd);
		errno = EFBIG;
		return NULL;
	}
	char *data = g_malloc((gsize)st.st_size + 1);
	gsize have = 0;

	for (ssize_t n = 1; n > 0 && have < (gsize)st.st_size; have += n > 0 ? (gsize)n : 0)
		n = read(fd, data + have, (gsize)st.st_size - have);
	close(fd);
	data[have] = '\0';
	if (ret_len)
		*ret_len = have;
	return data;
}

static int remove_at(int at, const char *name);

static int empty_dir(int fd)
{
	DIR *d = fdopendir(fd);
	int e = 0;

	if (!d) {
		close(fd);
		return errno;
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && remove_at(dirfd(d), entry->d_name) && !e)
			e = errno;
	closedir(d);
	return e;
}

static int remove_at(int at, const char *name)
{
	if (unlinkat(at, name, 0) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -1;
	/* directories of an unpacked package can be without write permission */
	fchmodat(at, name, 0700, 0);
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -1;
	int e = empty_dir(fd);

	if (unlinkat(at, name, AT_REMOVEDIR) == 0)
		return 0;
	errno = e ? e : errno;
	return -1;
}

int tree_remove(const char *path)
{
	return remove_at(AT_FDCWD, path);
}

guint64 tree_bytes(const char *path)
{
	struct stat st;
	guint64 n;

	if (lstat(path, &st))
		return 0;
	n = (guint64)st.st_blocks * 512;
	g_autoptr(GDir) d = S_ISDIR(st.st_mode) ? g_dir_open(path, 0, NULL) : NULL;

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		n += tree_bytes(below);
	}
	return n;
}

char *tree_part(const char *dir, int *ret_lock, struct kg_error *err)
{
	g_autofree char *path = g_strdup_printf("%s/.part-%d-%08x", dir, (int)getpid(), g_random_int());
	int fd = mkdir(path, 0700) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
		kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", path, g_strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	*ret_lock = fd;
	return g_steal_pointer(&path);
}

void tree_prune_parts(const char *dir)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *path = g_build_filename(dir, name, NULL);
		int fd = g_str_has_prefix(name, ".part-") ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;

		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
			tree_remove(path);
		if (fd >= 0)
			close(fd);
	}
}

int tree_lock(const char *path, int timeout_ms)
{
	gint64 until = g_get_monotonic_time() + timeout_ms * (gint64)1000;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || g_get_monotonic_time() > until) {
			close(fd);
			return -1;
		}
		g_usleep(20000);
	}
	return fd;
}
