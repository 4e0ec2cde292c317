/*
 * Saved states: the machine as it was when the guest program had everything in place and nothing to do.
 *
 *   state-KEY/ram      the guest's memory, a sparse file; a restored machine maps it privately, so that nothing is read before it is used,
 *                      all machines of a kernel share what they only read, and none changes it
 *   state-KEY/device   what QEMU saves of processors and devices (some hundred KiB)
 *   state-KEY/whole    an empty file, made last
 *
 * The key names everything that the state depends on; with another QEMU, bpftrace or guest program another state is made, and a kernel keeps
 * the newest two.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FORMAT 2 /* of the directory, and of how the machine is started */
#define STATES_MAX 2
#define PAGE 4096u
#define ROOM_SPARE (128u << 20)

static void add_identity(GChecksum *sum, const char *path)
{
	struct stat st = {0};
	g_autofree char *text = NULL;

	if (path && stat(path, &st))
		memset(&st, 0, sizeof(st));
	text = g_strdup_printf("%lld %lld.%09ld\n", (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	g_checksum_update(sum, (const guchar *)text, -1);
}

char *state_key(const struct kg_kernel *kernel, gboolean is_kvm, int memory_mib, const char *initramfs_hash)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *qemu = vm_qemu(NULL), *vmlinuz = g_build_filename(kernel->dir, "vmlinuz", NULL);
	g_autofree char *list = g_build_filename(kernel->dir, "modules", "list", NULL);
	g_autofree char *head = g_strdup_printf("%d %d %d %u %s\n", FORMAT, is_kvm, memory_mib, KG_GUEST_VERSION, initramfs_hash);

	g_checksum_update(sum, (const guchar *)head, -1);
	add_identity(sum, qemu);
	add_identity(sum, vmlinuz);
	add_identity(sum, list);
	return g_strndup(g_checksum_get_string(sum), 16);
}

static char *state_dir(const struct kg_kernel *kernel, const char *key)
{
	g_autofree char *name = g_strconcat("state-", key, NULL);

	return g_build_filename(kernel->dir, name, NULL);
}

static int open_in(const char *dir, const char *name, int flags)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void state_clear(struct state *s)
{
	close_fd(&s->ram);
	close_fd(&s->device);
	g_clear_pointer(&s->dir, g_free);
}

gboolean state_open(const struct kg_kernel *kernel, const char *key, int memory_mib, struct state *ret)
{
	struct state s = {.dir = state_dir(kernel, key), .ram = -1, .device = -1};
	struct stat st;
	int whole = open_in(s.dir, "whole", O_RDONLY);

	if (whole >= 0) {
		s.ram = open_in(s.dir, "ram", O_RDWR);
		s.device = open_in(s.dir, "device", O_RDONLY);
		close(whole);
	}
	if (s.ram < 0 || s.device < 0 || fstat(s.ram, &st) || st.st_size != (gint64)memory_mib << 20) {
		state_clear(&s);
		return FALSE;
	}
	futimens(s.device, NULL); /* when it was used last */
	*ret = s;
	return TRUE;
}

void state_remove(const struct kg_kernel *kernel, const char *key)
{
	g_autofree char *dir = state_dir(kernel, key);

	tree_remove(dir);
}

/* --- making one --- */

static int reserve(struct new_state *s, struct kg_error *err)
{
	struct statvfs fs;

	if (fstatvfs(s->ram, &fs) || (guint64)fs.f_bavail * fs.f_frsize < (guint64)s->size + ROOM_SPARE)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "%s has not enough room for a saved state (%lld MiB)", s->part,
				    (long long)(s->size + ROOM_SPARE) >> 20);
	/* reserved, so that a disk that gets full can't take the machine's memory away while it runs */
	int e = posix_fallocate(s->ram, 0, s->size);

	return e ? kg_error_set(err, KG_E_LIMIT, STAGE, "%s has not enough room for a saved state: %s", s->part, g_strerror(e)) : 0;
}

int state_begin(const struct kg_kernel *kernel, const char *key, int memory_mib, struct new_state *ret, struct kg_error *err)
{
	struct new_state s = {.size = (gint64)memory_mib << 20, .lock = -1, .ram = -1, .final = state_dir(kernel, key)};

	tree_prune_parts(kernel->dir);
	s.part = tree_part(kernel->dir, &s.lock, err);
	int r = s.part ? 0 : -KG_E_IO;

	if (!r) {
		s.ram = open_in(s.part, "ram", O_RDWR | O_CREAT | O_EXCL);
		r = s.ram < 0 ? kg_error_set(err, KG_E_IO, STAGE, "%s/ram can't be made: %s", s.part, g_strerror(errno)) : reserve(&s, err);
	}
	if (r)
		state_abandon(&s);
	else
		*ret = s;
	return r;
}

void state_abandon(struct new_state *s)
{
	if (s->part)
		tree_remove(s->part);
	close_fd(&s->ram);
	close_fd(&s->lock);
	g_clear_pointer(&s->part, g_free);
	g_clear_pointer(&s->final, g_free);
}

/* Give the room of pages without content back. */
static int punch(int fd, gint64 size)
{
	static const char zeroes[PAGE];
	char *m = mmap(NULL, (gsize)size, PROT_READ, MAP_SHARED, fd, 0);
	gint64 start = -1;

	if (m == MAP_FAILED)
		return -1;
	for (gint64 at = 0; at <= size; at += PAGE) {
		gboolean is_zero = at < size && !memcmp(m + at, zeroes, PAGE);

		if (is_zero && start < 0)
			start = at;
		if (!is_zero && start >= 0) {
			if (at - start >= 4 * PAGE)
				fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, at - start);
			start = -1;
		}
	}
	munmap(m, (gsize)size);
	return 0;
}

struct found {
	char *path;
	gint64 used;
};

static int by_use(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

static void prune(const struct kg_kernel *kernel)
{
	g_autoptr(GDir) d = g_dir_open(kernel->dir, 0, NULL);
	g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct found));

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *device = g_build_filename(kernel->dir, name, "device", NULL);
		struct stat st = {0};

		if (!g_str_has_prefix(name, "state-"))
			continue;
		if (stat(device, &st))
			st.st_mtim.tv_sec = 0;
		struct found f = {g_build_filename(kernel->dir, name, NULL), (gint64)st.st_mtim.tv_sec * 1000000 + st.st_mtim.tv_nsec / 1000};

		g_array_append_val(all, f);
	}
	qsort(all->data, all->len, sizeof(struct found), by_use);
	for (guint i = 0; i < all->len; i++) {
		struct found *f = &g_array_index(all, struct found, i);

		if (i >= STATES_MAX)
			tree_remove(f->path);
		g_free(f->path);
	}
}

int state_finish(struct new_state *s, const struct kg_kernel *kernel, struct kg_error *err)
{
	int whole = -1, r = 0, device = open_in(s->part, "device", O_RDWR);

	/* on disk before it is called whole: a state that lost pages in a power failure would be a wrong machine */
	if (device < 0 || punch(s->ram, s->size) || fdatasync(s->ram) || fdatasync(device))
		r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be written: %s", s->part, g_strerror(errno));
	if (!r) {
		whole = open_in(s->part, "whole", O_WRONLY | O_CREAT | O_EXCL);
		tree_remove(s->final);
		if (whole < 0 || rename(s->part, s->final))
			r = kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", s->final, g_strerror(errno));
	}
	close_fd(&whole);
	close_fd(&device);
	if (!r)
		g_clear_pointer(&s->part, g_free);
	state_abandon(s);
	if (!r)
		prune(kernel);
	return r;
}
