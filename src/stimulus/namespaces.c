/* Namespaces that are made and left, file systems that are mounted and unmounted, control groups. Nobody else sees any of them. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	int flag;
	const char *file;
} kinds[] = {{"uts", CLONE_NEWUTS, "uts"}, {"ipc", CLONE_NEWIPC, "ipc"}, {"net", CLONE_NEWNET, "net"}, {"mnt", CLONE_NEWNS, "mnt"},
	     {"cgroup", CLONE_NEWCGROUP, "cgroup"}};

static size_t which_kind(struct stim *s)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (stim_is(s, "kind", kinds[i].name))
			return i;
	stim_fail(s, "no such kind");
}

/* Into a new one, and back into the old one, which removes the new one. */
static void in_and_out(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	size_t kind = which_kind(s);
	char path[64];
	int home;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[kind].file);
	home = (int)stim_must(s, open(path, O_RDONLY | O_CLOEXEC), path);
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		stim_must(s, syscall(SYS_unshare, kinds[kind].flag), "unshare");
		stim_must(s, syscall(SYS_setns, home, kinds[kind].flag), "setns");
	}
	stim_end(s);
}

static void run_namespace(struct stim *s)
{
	long n = stim_number(s, "count");

	stim_act(s, in_and_out, NULL);
	stim_tell(s, "unshare.count", n);
	stim_tell(s, "unshare.flags", kinds[which_kind(s)].flag);
	stim_tell_text(s, "unshare.kind", stim_text(s, "kind"));
	stim_tell(s, "setns.count", n);
	stim_tell(s, "syscalls", 2 * n + 1);
}

static void mount_unmount(struct stim *s, void *path)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		stim_must(s, syscall(SYS_mount, "kgstim-source", path, "tmpfs", 0, "size=64k"), "mount");
		stim_must(s, syscall(SYS_umount2, path, 0), "umount2");
	}
	stim_end(s);
}

static void run_mount(struct stim *s)
{
	long n = stim_number(s, "count");
	char path[512];

	stim_private_mounts(s);
	snprintf(path, sizeof(path), "%s", stim_path(s, "mount"));
	stim_must(s, mkdir(path, 0755), path);
	stim_act(s, mount_unmount, path);
	stim_tell(s, "mount.count", n);
	stim_tell_text(s, "mount.path", path);
	stim_tell_text(s, "mount.source", "kgstim-source");
	stim_tell_text(s, "mount.type", "tmpfs");
	stim_tell(s, "umount2.count", n);
	stim_tell(s, "syscalls", 2 * n + 1);
}

static void make_groups(struct stim *s, void *path)
{
	long n = stim_number(s, "count");
	char below[400];

	snprintf(below, sizeof(below), "%s/below", (char *)path);
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		stim_must(s, syscall(SYS_mkdirat, AT_FDCWD, below, 0755), "mkdirat");
		stim_must(s, syscall(SYS_unlinkat, AT_FDCWD, below, AT_REMOVEDIR), "unlinkat");
	}
	stim_end(s);
}

static void run_cgroup(struct stim *s)
{
	char path[300];

	stim_cgroup(s, "pids", path);
	stim_act(s, make_groups, path);
	stim_tell(s, "cgroup.count", stim_number(s, "count"));
	stim_tell_text(s, "cgroup.parent", path);
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

static const struct stim_option namespace_options[] = {
	{"count", "N", "5", "how many", 0, 10000, NULL}, {"kind", "KIND", "uts", "which kind", 0, 0, "uts ipc net mnt cgroup"}, {NULL}};
static const struct stim_option count_options[] = {{"count", "N", "5", "how many", 0, 10000, NULL}, {NULL}};

const struct stimulus stim_namespaces[] = {
	{"namespace", "go into a new namespace and back", run_namespace, namespace_options,
	 "unshare.count unshare.flags unshare.kind setns.count syscalls", "to be root"},
	{"mount", "mount a tmpfs and unmount it, in a mount namespace of its own", run_mount, count_options,
	 "mount.count mount.path mount.source mount.type umount2.count syscalls", "to be root"},
	{"cgroup", "make a control group and remove it", run_cgroup, count_options, "cgroup.count cgroup.parent syscalls", "to be root"},
	{NULL},
};
