/*
 * Where the memory's file is, and what stands there.
 *
 * The first hundred bytes of an SQLite file tell what it is before SQLite touches it (https://www.sqlite.org/fileformat2.html, section
 * 1.3): 16 bytes "SQLite format 3\0", at 60 our schema's version (PRAGMA user_version), at 68 whose file it is (PRAGMA application_id).
 * So a file of a newer kgent, or one that is not a memory at all, is refused without being opened.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "SQLite format 3"
#define HEADER 100
#define SYSTEM_DIR "/var/lib/kgent" /* of root with another user's home */

gboolean kg_memory_is_on(void)
{
	const char *set = g_getenv("KGENT_MEMORY");

	return !set || (strcmp(set, "off") && strcmp(set, "none") && strcmp(set, "0"));
}

/* Does the first directory on the way up that exists belong to somebody else? */
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

static char *own_path(void)
{
	g_autofree char *home = kg_paths_data_home();

	if (!home)
		return NULL;
	/* Root with a user's HOME (sudo often keeps it) neither believes that user's files nor leaves files of root's there. */
	if (geteuid() == 0 && is_in_foreign_home(home))
		return g_build_filename(SYSTEM_DIR, "memory.db", NULL);
	return g_build_filename(home, "memory.db", NULL);
}

char *kg_memory_path(void)
{
	const char *set = g_getenv("KGENT_MEMORY");

	return set && *set && kg_memory_is_on() ? g_strdup(set) : own_path();
}

static guint32 big_endian(const guint8 *b)
{
	return (guint32)b[0] << 24 | (guint32)b[1] << 16 | (guint32)b[2] << 8 | b[3];
}

/* Only where our own file is expected, something unreadable is a damaged memory; a path that the user names may be anything. */
static enum file_kind not_sqlite(const char *path)
{
	g_autofree char *own = own_path();

	return own && !strcmp(own, path) ? FILE_DAMAGED : FILE_FOREIGN;
}

enum file_kind memory_file_kind(const char *path, int *ret_version)
{
	guint8 header[HEADER];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : pread(fd, header, sizeof(header), 0);
	gboolean is_file = fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode);

	if (fd >= 0)
		close(fd);
	*ret_version = 0;
	if (n == 0 && is_file)
		return FILE_NONE;
	if (fd < 0) /* an error of opening it is told by who opens it */
		return FILE_NONE;
	if (!is_file || n < HEADER || memcmp(header, MAGIC, sizeof(MAGIC)))
		return is_file ? not_sqlite(path) : FILE_FOREIGN;
	*ret_version = (int)big_endian(header + 60);
	if (big_endian(header + 68) != MEMORY_APPLICATION)
		return *ret_version || big_endian(header + 68) ? FILE_FOREIGN : not_sqlite(path);
	return *ret_version > MEMORY_SCHEMA ? FILE_NEWER : FILE_OURS;
}

int memory_file_create(const char *path, struct kg_error *err)
{
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat st;

	if (g_mkdir_with_parents(dir, 0700) < 0)
		return kg_error_set(err, errno == EACCES || errno == EROFS ? KG_E_PERM : KG_E_IO, "memory", "%s can't be made: %s", dir,
				    g_strerror(errno));
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd < 0)
		return kg_error_set(err, errno == EACCES || errno == EROFS || errno == EPERM ? KG_E_PERM : KG_E_IO, "memory",
				    "%s can't be opened: %s", path, g_strerror(errno));
	if (!fstat(fd, &st) && st.st_uid == geteuid() && S_ISREG(st.st_mode) && (st.st_mode & 077) && fchmod(fd, 0600) < 0)
		st.st_mode = 0; /* a file system without modes */
	close(fd);
	return 0;
}

static char *free_name(const char *path)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
	char *name = g_strdup_printf("%s.damaged-%s", path, stamp);

	for (int i = 2; g_file_test(name, G_FILE_TEST_EXISTS); i++) {
		g_free(name);
		name = g_strdup_printf("%s.damaged-%s-%d", path, stamp, i);
	}
	return name;
}

/* Another kgent may have found the same, and been faster: then a new file stands there, which is left alone. */
int memory_file_aside(const char *path, guint64 inode, char **ret_aside, struct kg_error *err)
{
	g_autofree char *dir = g_path_get_dirname(path), *journal = g_strconcat(path, "-journal", NULL);
	g_autofree char *aside = NULL, *aside_journal = NULL;
	struct stat st;
	int r = 0, lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock >= 0)
		flock(lock, LOCK_EX);
	if (!stat(path, &st) && st.st_ino == inode) {
		aside = free_name(path);
		aside_journal = g_strconcat(aside, "-journal", NULL);
		if (rename(path, aside) < 0)
			r = kg_error_set(err, KG_E_IO, "memory", "%s is damaged, and can't be moved aside: %s", path, g_strerror(errno));
		else if (rename(journal, aside_journal) < 0 && errno != ENOENT)
			r = kg_error_set(err, KG_E_IO, "memory", "%s can't be moved aside: %s", journal, g_strerror(errno));
	}
	if (lock >= 0)
		close(lock);
	if (!r)
		*ret_aside = g_steal_pointer(&aside);
	return r;
}
