/* Block devices: reads and writes past the page cache on a loop device or a RAM disk, and flushes of an md array. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_REQUEST (64 << 10) /* goes to any such device as one request */

static int open_ram(struct stim *s, char *path)
{
	int fd;

	strcpy(path, "/dev/ram0");
	mknod(path, S_IFBLK | 0600, makedev(1, 0));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		stim_cannot(s, "%s: %s (the module brd makes it)", path, strerror(errno));
	return fd;
}

/* A device of at least that size, in which nobody else has anything. */
static int open_device(struct stim *s, long long bytes, char *path)
{
	char file[512];

	if (stim_is(s, "device", "ram"))
		return open_ram(s, path);
	snprintf(file, sizeof(file), "%s", stim_path(s, "disk"));
	close(stim_file(s, file, bytes));
	return stim_loop(s, file, path);
}

static void request(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	bool is_write = !stim_is(s, "op", "read");
	void *buffer = NULL;
	int fd = (int)stim_must(s, open(data, O_RDWR | O_DIRECT), data);

	if (posix_memalign(&buffer, 4096, (size_t)bytes))
		stim_cannot(s, "no memory");
	memset(buffer, 'k', (size_t)bytes);
	stim_begin(s);
	for (long i = 0; i < n; i++)
		if (syscall(is_write ? SYS_pwrite64 : SYS_pread64, fd, buffer, bytes, i * bytes) != bytes)
			stim_fail(s, "%s: %s", is_write ? "pwrite64" : "pread64", strerror(errno));
	if (stim_is(s, "op", "flush"))
		stim_must(s, syscall(SYS_fsync, fd), "fsync");
	stim_end(s);
}

static void run_block(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	bool is_flush = stim_is(s, "op", "flush");
	char path[32];
	int fd;

	if (bytes % 4096)
		stim_cannot(s, "--bytes must be a multiple of 4096");
	fd = open_device(s, n * bytes < 1 << 20 ? 1 << 20 : n * bytes, path);
	stim_act(s, request, path);
	stim_tell(s, "block.count", n);
	stim_tell(s, "block.size", bytes);
	stim_tell(s, "block.bytes", n * bytes);
	stim_tell(s, "block.sectors", n * bytes / 512);
	stim_tell_text(s, "block.op", stim_is(s, "op", "read") ? "read" : "write");
	stim_tell(s, "block.flushes", is_flush ? 1 : 0);
	stim_tell_text(s, "block.device", path);
	stim_tell(s, "block.dev", stim_kernel_dev(fd));
	stim_tell(s, "syscalls", n + is_flush + 1);
	close(fd);
}

/* ---------------------------------------------------------------- md */

/* A mirror without superblocks over two loop devices; it is gone when it is stopped. Source: include/uapi/linux/raid/md_u.h. */
static int make_array(struct stim *s, char *path)
{
	mdu_array_info_t array = {.major_version = 0, .minor_version = 90, .level = 1, .nr_disks = 2, .raid_disks = 2, .size = 4096,
				  .not_persistent = 1, .state = 1 << MD_SB_CLEAN, .active_disks = 2, .working_disks = 2};
	int md;

	strcpy(path, "/dev/md125");
	mknod(path, S_IFBLK | 0600, makedev(9, 125));
	md = open(path, O_RDWR | O_CLOEXEC);
	if (md < 0)
		stim_cannot(s, "%s: %s (the modules md-mod and raid1 make it)", path, strerror(errno));
	if (ioctl(md, SET_ARRAY_INFO, &array) < 0)
		stim_cannot(s, "%s can't be set up: %s", path, strerror(errno));
	stim_later(s, STIM_CLEAN_MD, path);
	for (int i = 0; i < 2; i++) {
		char file[512], loop[32];
		struct stat st;
		snprintf(file, sizeof(file), "%s", stim_path(s, "mirror-%d", i));
		close(stim_file(s, file, 8 << 20));
		fstat(stim_loop(s, file, loop), &st);
		mdu_disk_info_t disk = {.number = i, .raid_disk = i, .major = (int)major(st.st_rdev), .minor = (int)minor(st.st_rdev),
					.state = 1 << MD_DISK_ACTIVE | 1 << MD_DISK_SYNC};
		if (ioctl(md, ADD_NEW_DISK, &disk) < 0)
			stim_cannot(s, "%s does not take %s: %s", path, loop, strerror(errno));
	}
	if (ioctl(md, RUN_ARRAY, NULL) < 0)
		stim_cannot(s, "%s does not run: %s (raid1)", path, strerror(errno));
	return md;
}

static void flush(struct stim *s, void *md)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, syscall(SYS_fsync, *(int *)md), "fsync");
	stim_end(s);
}

static void run_md(struct stim *s)
{
	char path[32];
	int md = make_array(s, path);

	stim_act(s, flush, &md);
	stim_tell(s, "flush.count", stim_number(s, "count"));
	stim_tell_text(s, "flush.device", path);
	stim_tell(s, "flush.dev", stim_kernel_dev(md));
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
	close(md);
}

static const struct stim_option block_options[] = {
	{"count", "N", "20", "how many requests", 0, 10000, NULL}, {"bytes", "BYTES", "4096", "of each, a multiple of 4096", 4096, MAX_REQUEST, NULL},
	{"op", "WHAT", "write", "reads, writes, or writes with a flush behind them", 0, 0, "read write flush"},
	{"device", "WHAT", "loop", "a loop device over a file of its own, or /dev/ram0", 0, 0, "loop ram"}, {NULL}};
static const struct stim_option md_options[] = {{"count", "N", "10", "how many", 0, 10000, NULL}, {NULL}};

const struct stimulus stim_block[] = {
	{"block-io", "read or write a block device past the page cache", run_block, block_options,
	 "block.count block.size block.bytes block.sectors block.op block.flushes block.device block.dev syscalls", "to be root, loop devices or brd"},
	{"md-flush", "flush an md mirror of two loop devices", run_md, md_options, "flush.count flush.device flush.dev syscalls",
	 "to be root, loop devices, md and raid1"},
	{NULL},
};
