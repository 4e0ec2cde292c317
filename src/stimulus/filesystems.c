/* File systems of their own on loop devices, mounted where nobody else sees them; and an overlay whose files are copied up. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How each kind is made; the size is what it needs at least. */
static const struct {
	const char *type;
	long long bytes;
	const char *argv[6];
} kinds[] = {
	{"ext4", 16LL << 20, {"mkfs.ext4", "-q", "-F"}},
	{"xfs", 320LL << 20, {"mkfs.xfs", "-q", "-f"}},
	{"btrfs", 128LL << 20, {"mkfs.btrfs", "-q", "-f"}},
};

static size_t which_kind(struct stim *s)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (stim_is(s, "type", kinds[i].type))
			return i;
	stim_fail(s, "no such kind");
}

/* ext4 mounts what mke2fs made, which busybox has, too. */
static const char *const small_ext[] = {"mke2fs", "-F", NULL};

/* A file with a hole as large as the file system needs. */
static void make_file_system(struct stim *s, size_t kind, char *device)
{
	const char *argv[8] = {NULL};
	char file[512];
	int fd, n = 0, ret;

	snprintf(file, sizeof(file), "%s", stim_path(s, "image"));
	fd = stim_file(s, file, 0);
	stim_must(s, ftruncate(fd, kinds[kind].bytes), file);
	close(fd);
	for (; kinds[kind].argv[n]; n++)
		argv[n] = kinds[kind].argv[n];
	argv[n] = file;
	ret = stim_run_program(s, argv);
	if (ret < 0 && kind == 0) {
		const char *const other[] = {small_ext[0], small_ext[1], file, NULL};
		ret = stim_run_program(s, other);
	}
	if (ret)
		stim_cannot(s, ret < 0 ? "%s is not installed here" : "%s failed", argv[0]);
	close(stim_loop(s, file, device));
}

struct place {
	char mount[512], file[560];
};

static void write_and_sync(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	struct place *p = data;
	char *buffer = stim_memory(s, (size_t)bytes);
	int fd;

	stim_begin(s);
	fd = (int)stim_must(s, syscall(SYS_openat, AT_FDCWD, p->file, O_CREAT | O_RDWR, 0644), p->file);
	for (long i = 0; i < n; i++)
		if (syscall(SYS_write, fd, buffer, bytes) != bytes)
			stim_fail(s, "write: %s", strerror(errno));
	stim_must(s, syscall(SYS_fsync, fd), "fsync");
	for (long i = 0; i < n; i++)
		if (syscall(SYS_pread64, fd, buffer, bytes, i * bytes) != bytes)
			stim_fail(s, "pread64: %s", strerror(errno));
	syscall(SYS_close, fd);
	syscall(SYS_unlinkat, AT_FDCWD, p->file, 0);
	stim_end(s);
}

static void run_filesystem(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	size_t kind = which_kind(s);
	struct place p;
	char device[32];
	int fd;

	if (n * bytes > 8 << 20)
		stim_cannot(s, "the file system has room for 8M");
	stim_private_mounts(s);
	make_file_system(s, kind, device);
	snprintf(p.mount, sizeof(p.mount), "%s", stim_path(s, "mount"));
	snprintf(p.file, sizeof(p.file), "%s/file", p.mount);
	stim_must(s, mkdir(p.mount, 0755), p.mount);
	if (mount(device, p.mount, kinds[kind].type, 0, NULL) < 0)
		stim_cannot(s, "this kernel does not mount %s: %s", kinds[kind].type, strerror(errno));
	fd = open(p.mount, O_RDONLY | O_CLOEXEC);
	stim_act(s, write_and_sync, &p);
	stim_tell_text(s, "filesystem.type", kinds[kind].type);
	stim_tell_text(s, "filesystem.path", p.file);
	stim_tell_text(s, "filesystem.device", device);
	stim_tell(s, "filesystem.dev", stim_kernel_dev(fd));
	stim_tell(s, "write.count", n);
	stim_tell(s, "write.size", bytes);
	stim_tell(s, "write.bytes", n * bytes);
	stim_tell(s, "read.count", n);
	stim_tell(s, "read.size", bytes);
	stim_tell(s, "read.bytes", n * bytes);
	stim_tell(s, "fsync.count", 1);
	stim_tell(s, "create.count", 1);
	stim_tell(s, "unlink.count", 1);
	stim_tell(s, "syscalls", 2 * n + 5);
	close(fd);
	umount2(p.mount, MNT_DETACH);
}

/* ---------------------------------------------------------------- overlay */

static void copy_up(struct stim *s, void *merged)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		char path[600];
		snprintf(path, sizeof(path), "%s/file-%ld", (char *)merged, i);
		syscall(SYS_close, stim_must(s, syscall(SYS_openat, AT_FDCWD, path, O_WRONLY, 0), path));
	}
	stim_end(s);
}

/* On a tmpfs of its own: not every file system can be the upper layer. */
static void run_overlay(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	char base[512], merged[600], lower[600], options[2600];

	stim_private_mounts(s);
	snprintf(base, sizeof(base), "%s", stim_path(s, "layers"));
	stim_must(s, mkdir(base, 0755), base);
	stim_must(s, mount("kgstim", base, "tmpfs", 0, NULL), "tmpfs");
	snprintf(lower, sizeof(lower), "%s/lower", base);
	snprintf(merged, sizeof(merged), "%s/merged", base);
	snprintf(options, sizeof(options), "%s/upper", base);
	stim_must(s, mkdir(lower, 0755) | mkdir(merged, 0755) | mkdir(options, 0755), base);
	snprintf(options, sizeof(options), "%s/work", base);
	stim_must(s, mkdir(options, 0755), options);
	for (long i = 0; i < n; i++) {
		char path[700];
		snprintf(path, sizeof(path), "%s/file-%ld", lower, i);
		close(stim_file(s, path, bytes));
	}
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, base, base);
	if (mount("overlay", merged, "overlay", 0, options) < 0)
		stim_cannot(s, "this kernel does not mount an overlay: %s", strerror(errno));
	stim_act(s, copy_up, merged);
	stim_tell(s, "copyup.count", n);
	stim_tell(s, "copyup.size", bytes);
	stim_tell(s, "copyup.bytes", n * bytes);
	stim_tell_text(s, "copyup.directory", merged);
	stim_tell(s, "syscalls", 2 * n + 1);
	umount2(merged, MNT_DETACH);
	umount2(base, MNT_DETACH);
}

static const struct stim_option filesystem_options[] = {
	{"type", "TYPE", "ext4", "which one", 0, 0, "ext4 xfs btrfs"}, {"count", "N", "20", "how many writes, and as many reads", 0, 10000, NULL},
	{"bytes", "BYTES", "4096", "of each", 1, 1 << 20, NULL}, {NULL}};
static const struct stim_option overlay_options[] = {
	{"count", "N", "10", "how many files", 0, 1000, NULL}, {"bytes", "BYTES", "4096", "of each", 0, 1 << 20, NULL}, {NULL}};

const struct stimulus stim_filesystems[] = {
	{"filesystem", "write, fsync and read on a file system made for it on a loop device", run_filesystem, filesystem_options,
	 "filesystem.type filesystem.path filesystem.device filesystem.dev write.count write.size write.bytes read.count read.size read.bytes "
	 "fsync.count create.count unlink.count syscalls", "to be root, loop devices, mkfs of that type"},
	{"overlay", "open files of an overlay for writing, so that they are copied up", run_overlay, overlay_options,
	 "copyup.count copyup.size copyup.bytes copyup.directory syscalls", "to be root, overlayfs"},
	{NULL},
};
