/* Files and directories: opened, read, written, made, renamed, deleted. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---------------------------------------------------------------- open, close */

static void open_close(struct stim *s, void *path)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		syscall(SYS_close, stim_must(s, syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0), path));
	stim_end(s);
}

static void run_open(struct stim *s)
{
	const char *path = stim_text(s, "path");
	char own[512];

	if (!*path) {
		snprintf(own, sizeof(own), "%s", stim_path(s, "file"));
		close(stim_file(s, own, 4096));
		path = own;
	}
	stim_act(s, open_close, (void *)path);
	stim_tell(s, "open.count", stim_number(s, "count"));
	stim_tell_text(s, "open.path", path);
	stim_tell(s, "close.count", stim_number(s, "count"));
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

static void open_missing(struct stim *s, void *path)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must_fail(s, syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0), ENOENT, "openat");
	stim_end(s);
}

static void run_open_missing(struct stim *s)
{
	const char *path = stim_text(s, "path");

	stim_act(s, open_missing, (void *)path);
	stim_tell(s, "open.count", stim_number(s, "count"));
	stim_tell_text(s, "open.path", path);
	stim_tell_text(s, "open.error", "ENOENT");
	stim_tell(s, "open.errno", ENOENT);
	stim_tell(s, "open.ret", -ENOENT);
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

/* ---------------------------------------------------------------- read, write */

struct transfer {
	long call;
	int fd;
	char *buffer;
	long long bytes;
	bool rewinds; /* pread64, pwrite64 at 0: the same part again and again */
};

static void transfer(struct stim *s, void *data)
{
	struct transfer *t = data;
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long got = t->rewinds ? syscall(t->call, t->fd, t->buffer, t->bytes, 0L) : syscall(t->call, t->fd, t->buffer, t->bytes);
		if (got != t->bytes)
			stim_fail(s, "%ld bytes of %lld: %s", got, t->bytes, strerror(errno));
	}
	stim_end(s);
}

static void tell_transfer(struct stim *s, const char *what, const char *path, long long bytes)
{
	static char names[4][40];
	static const char *const members[] = {"count", "size", "bytes", "path"};
	long n = stim_number(s, "count");

	for (int i = 0; i < 4; i++)
		snprintf(names[i], sizeof(names[i]), "%s.%s", what, members[i]);
	stim_tell(s, names[0], n);
	stim_tell(s, names[1], bytes);
	stim_tell(s, names[2], n * bytes);
	stim_tell_text(s, names[3], path);
	stim_tell(s, "syscalls", n + 1);
}

/* Reads of a file come from the page cache; it is long enough for each call to get its full size. */
static void run_transfer(struct stim *s, bool is_write)
{
	struct transfer t = {.bytes = stim_number(s, "bytes"), .buffer = stim_memory(s, (size_t)stim_number(s, "bytes"))};
	const char *place = stim_text(s, is_write ? "to" : "from");
	char path[512];

	t.rewinds = strcmp(place, "file") == 0 && stim_is(s, "call", is_write ? "pwrite64" : "pread64");
	t.call = stim_is(s, "call", "pread64") ? SYS_pread64 : stim_is(s, "call", "pwrite64") ? SYS_pwrite64 : is_write ? SYS_write : SYS_read;
	if (strcmp(place, "file") == 0) {
		snprintf(path, sizeof(path), "%s", stim_path(s, "data"));
		t.fd = stim_file(s, path, is_write ? 0 : t.rewinds ? t.bytes : t.bytes * stim_number(s, "count"));
	} else {
		snprintf(path, sizeof(path), "/dev/%s", place);
		t.fd = (int)stim_must(s, open(path, O_RDWR | O_CLOEXEC), path);
	}
	stim_act(s, transfer, &t);
	tell_transfer(s, is_write ? "write" : "read", path, t.bytes);
}

static void run_read(struct stim *s)
{
	run_transfer(s, false);
}

static void run_write(struct stim *s)
{
	run_transfer(s, true);
}

static void sync_file(struct stim *s, void *fd)
{
	long n = stim_number(s, "count");
	size_t bytes = (size_t)stim_number(s, "bytes");
	char *buffer = stim_memory(s, bytes);

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		if (syscall(SYS_write, *(int *)fd, buffer, bytes) != (long)bytes)
			stim_fail(s, "write: %s", strerror(errno));
		stim_must(s, syscall(SYS_fsync, *(int *)fd), "fsync");
	}
	stim_end(s);
}

static void run_fsync(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	int fd = stim_file(s, stim_path(s, "sync"), 0);

	stim_act(s, sync_file, &fd);
	stim_tell(s, "fsync.count", n);
	stim_tell_text(s, "fsync.path", stim_path(s, "sync"));
	stim_tell(s, "write.count", n);
	stim_tell(s, "write.size", bytes);
	stim_tell(s, "write.bytes", n * bytes);
	stim_tell(s, "syscalls", 2 * n + 1);
}

/* ---------------------------------------------------------------- names: one table for calls that take a path */

/* Paths are made before the window: file-0, file-1, ... */
struct names {
	char (*a)[300], (*b)[300];
	long n;
};
struct name_call {
	const char *name;  /* of the stimulus */
	const char *call;  /* of the system call */
	bool wants_file, wants_dir; /* what must be there before */
	long (*make)(const char *a, const char *b);
};

static long do_unlink(const char *a, const char *b) { return syscall(SYS_unlinkat, AT_FDCWD, a, 0); }
static long do_rename(const char *a, const char *b) { return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0); }
static long do_mkdir(const char *a, const char *b) { return syscall(SYS_mkdirat, AT_FDCWD, a, 0750); }
static long do_rmdir(const char *a, const char *b) { return syscall(SYS_unlinkat, AT_FDCWD, a, AT_REMOVEDIR); }
static long do_symlink(const char *a, const char *b) { return syscall(SYS_symlinkat, a, AT_FDCWD, b); }
static long do_link(const char *a, const char *b) { return syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 0); }
static long do_chmod(const char *a, const char *b) { return syscall(SYS_fchmodat, AT_FDCWD, a, 0640); }
static long do_chown(const char *a, const char *b) { return syscall(SYS_fchownat, AT_FDCWD, a, -1, getegid(), 0); }
static long do_truncate(const char *a, const char *b) { return syscall(SYS_truncate, a, 4321L); }
static long do_stat(const char *a, const char *b) { struct stat st; return syscall(SYS_newfstatat, AT_FDCWD, a, &st, 0); }
static long do_mknod(const char *a, const char *b) { return syscall(SYS_mknodat, AT_FDCWD, a, S_IFIFO | 0600, 0); }
static long do_create(const char *a, const char *b)
{
	long fd = syscall(SYS_openat, AT_FDCWD, a, O_CREAT | O_EXCL | O_WRONLY, 0640);

	return fd < 0 ? fd : syscall(SYS_close, fd);
}

static const struct name_call name_calls[] = {
	{"create", "openat", false, false, do_create}, {"unlink", "unlinkat", true, false, do_unlink}, {"rename", "renameat2", true, false, do_rename},
	{"mkdir", "mkdirat", false, false, do_mkdir}, {"rmdir", "unlinkat", false, true, do_rmdir}, {"symlink", "symlinkat", false, false, do_symlink},
	{"hardlink", "linkat", true, false, do_link}, {"chmod", "fchmodat", true, false, do_chmod}, {"chown", "fchownat", true, false, do_chown},
	{"truncate", "truncate", true, false, do_truncate}, {"stat", "newfstatat", true, false, do_stat}, {"mknod", "mknodat", false, false, do_mknod},
};

static const struct name_call *which_call(const struct stim *s)
{
	for (size_t i = 0; i < sizeof(name_calls) / sizeof(*name_calls); i++)
		if (!strcmp(s->what->name, name_calls[i].name))
			return &name_calls[i];
	abort();
}

static void make_calls(struct stim *s, void *data)
{
	const struct name_call *call = which_call(s);
	const struct names *names = data;

	stim_begin(s);
	for (long i = 0; i < names->n; i++)
		stim_must(s, call->make(names->a[i], names->b[i]), call->call);
	stim_end(s);
}

static void run_names(struct stim *s)
{
	const struct name_call *call = which_call(s);
	struct names names = {.n = stim_number(s, "count")};
	char text[40];

	names.a = stim_memory(s, sizeof(*names.a) * (size_t)names.n);
	names.b = stim_memory(s, sizeof(*names.b) * (size_t)names.n);
	for (long i = 0; i < names.n; i++) {
		snprintf(names.a[i], sizeof(*names.a), "%s", stim_path(s, "file-%ld", i));
		snprintf(names.b[i], sizeof(*names.b), "%s", stim_path(s, "other-%ld", i));
		if (call->wants_file)
			close(stim_file(s, names.a[i], 10));
		if (call->wants_dir)
			stim_must(s, mkdir(names.a[i], 0755), "mkdir");
		if (call->wants_dir && s->uid >= 0)
			stim_must(s, chown(names.a[i], (uid_t)s->uid, (gid_t)s->uid), "chown");
	}
	stim_act(s, make_calls, &names);
	snprintf(text, sizeof(text), "%s.count", call->name);
	stim_tell(s, text, names.n);
	snprintf(text, sizeof(text), "%s.call", call->name);
	stim_tell_text(s, text, call->call);
	stim_tell(s, "syscalls", (call->make == do_create ? 2 : 1) * names.n + 1);
	for (long i = 0; i < names.n; i++) {
		stim_tell_text_at(s, "names", i, "path", names.a[i]);
		stim_tell_text_at(s, "names", i, "other", names.b[i]);
	}
}

/* ---------------------------------------------------------------- others */

static void lock_file(struct stim *s, void *fd)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		stim_must(s, syscall(SYS_flock, *(int *)fd, LOCK_EX), "flock");
		stim_must(s, syscall(SYS_flock, *(int *)fd, LOCK_UN), "flock");
	}
	stim_end(s);
}

static void run_lock(struct stim *s)
{
	int fd = stim_file(s, stim_path(s, "lock"), 0);

	stim_act(s, lock_file, &fd);
	stim_tell(s, "flock.count", 2 * stim_number(s, "count"));
	stim_tell(s, "flock.locks", stim_number(s, "count"));
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

static void list_directory(struct stim *s, void *path)
{
	long n = stim_number(s, "count");
	int fd = (int)stim_must(s, open(path, O_RDONLY | O_DIRECTORY), path);
	char buffer[4096];

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		syscall(SYS_lseek, fd, 0, SEEK_SET);
		stim_must(s, syscall(SYS_getdents64, fd, buffer, sizeof(buffer)), "getdents64");
	}
	stim_end(s);
}

static void run_list(struct stim *s)
{
	char path[512];

	snprintf(path, sizeof(path), "%s", stim_path(s, "list"));
	stim_must(s, mkdir(path, 0755), path);
	stim_act(s, list_directory, path);
	stim_tell(s, "getdents64.count", stim_number(s, "count"));
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

#define COUNT(n) {"count", "N", n, "how many", 0, 100000, NULL}
static const struct stim_option open_options[] = {
	COUNT("100"), {"path", "PATH", "", "which file; by default one of its own", 0, 0, NULL}, {NULL}};
static const struct stim_option missing_options[] = {
	COUNT("100"), {"path", "PATH", "/kgstim-missing/file", "a file that is not there", 0, 0, NULL}, {NULL}};
static const struct stim_option read_options[] = {
	COUNT("100"), {"bytes", "BYTES", "1000", "of each call", 0, 256 << 20, NULL},
	{"call", "NAME", "read", "which system call", 0, 0, "read pread64"},
	{"from", "WHAT", "file", "a file of its own, in the page cache, or /dev/zero", 0, 0, "file zero"}, {NULL}};
static const struct stim_option write_options[] = {
	COUNT("100"), {"bytes", "BYTES", "1000", "of each call", 0, 256 << 20, NULL},
	{"call", "NAME", "write", "which system call", 0, 0, "write pwrite64"},
	{"to", "WHAT", "file", "a file of its own, or /dev/null", 0, 0, "file null"}, {NULL}};
static const struct stim_option fsync_options[] = {
	COUNT("20"), {"bytes", "BYTES", "7", "written before each", 1, 16 << 20, NULL}, {NULL}};
static const struct stim_option count_options[] = {COUNT("20"), {NULL}};

const struct stimulus stim_files[] = {
	{"open", "open a file and close it", run_open, open_options, "open.count open.path close.count syscalls", NULL},
	{"open-missing", "open a file that is not there", run_open_missing, missing_options,
	 "open.count open.path open.error open.errno open.ret syscalls", NULL},
	{"read", "read from a file", run_read, read_options, "read.count read.size read.bytes read.path syscalls", NULL},
	{"write", "write to a file", run_write, write_options, "write.count write.size write.bytes write.path syscalls", NULL},
	{"fsync", "write a few bytes and fsync them", run_fsync, fsync_options,
	 "fsync.count fsync.path write.count write.size write.bytes syscalls", NULL},
	{"create", "make files, with openat", run_names, count_options, "create.count create.call syscalls names.N.path names.N.other", NULL},
	{"unlink", "delete files", run_names, count_options, "unlink.count unlink.call syscalls names.N.path names.N.other", NULL},
	{"rename", "rename files", run_names, count_options, "rename.count rename.call syscalls names.N.path names.N.other", NULL},
	{"mkdir", "make directories", run_names, count_options, "mkdir.count mkdir.call syscalls names.N.path names.N.other", NULL},
	{"rmdir", "remove directories", run_names, count_options, "rmdir.count rmdir.call syscalls names.N.path names.N.other", NULL},
	{"symlink", "make symbolic links", run_names, count_options, "symlink.count symlink.call syscalls names.N.path names.N.other", NULL},
	{"hardlink", "make hard links", run_names, count_options, "hardlink.count hardlink.call syscalls names.N.path names.N.other", NULL},
	{"chmod", "change the mode of files to 0640", run_names, count_options, "chmod.count chmod.call syscalls names.N.path names.N.other", NULL},
	{"chown", "change the group of files to what it is", run_names, count_options, "chown.count chown.call syscalls names.N.path names.N.other", NULL},
	{"truncate", "set the length of files to 4321 bytes", run_names, count_options,
	 "truncate.count truncate.call syscalls names.N.path names.N.other", NULL},
	{"stat", "look up files", run_names, count_options, "stat.count stat.call syscalls names.N.path names.N.other", NULL},
	{"mknod", "make named pipes", run_names, count_options, "mknod.count mknod.call syscalls names.N.path names.N.other", NULL},
	{"file-lock", "lock a file and unlock it, with flock", run_lock, count_options, "flock.count flock.locks syscalls", NULL},
	{"list-directory", "read a directory", run_list, count_options, "getdents64.count syscalls", NULL},
	{NULL},
};
