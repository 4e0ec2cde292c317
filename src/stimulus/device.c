/* Loop devices, control groups, mount namespaces of a run's own: see stimulus.h. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

int stim_loop(struct stim *s, const char *file, char *path)
{
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), backing = open(file, O_RDWR | O_CLOEXEC);

	if (control < 0)
		stim_cannot(s, "there are no loop devices: /dev/loop-control: %s", strerror(errno));
	stim_must(s, backing, file);
	for (int tries = 0; tries < 20; tries++) { /* somebody else may take it in between */
		int number = (int)stim_must(s, ioctl(control, LOOP_CTL_GET_FREE), "a free loop device"), fd;
		snprintf(path, 32, "/dev/loop%d", number);
		mknod(path, S_IFBLK | 0600, makedev(7, (unsigned)number)); /* where no udev does it */
		fd = (int)stim_must(s, open(path, O_RDWR | O_CLOEXEC), path);
		stim_later(s, STIM_CLEAN_LOOP, path);
		if (ioctl(fd, LOOP_SET_FD, backing) == 0) {
			close(control);
			close(backing);
			return fd;
		}
		if (errno != EBUSY)
			stim_must(s, -1, path);
		close(fd);
	}
	stim_cannot(s, "no loop device is free");
}

static bool is_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

int stim_disk(struct stim *s, const char *name, long long bytes, char *path)
{
	int fd;

	snprintf(path, 512, "%s", stim_path(s, "%s", name));
	fd = stim_file(s, path, bytes);
	if (is_in_memory(fd)) {
		char device[32];
		close(fd);
		fd = stim_loop(s, path, device);
		strcpy(path, device);
	}
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		stim_cannot(s, "%s stays in memory", path);
	return fd;
}

long long stim_kernel_dev(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	return S_ISBLK(st.st_mode) ? (long long)major(st.st_rdev) << 20 | minor(st.st_rdev) : (long long)major(st.st_dev) << 20 | minor(st.st_dev);
}

/* Where the hierarchy of a controller is mounted, version 1 or 2. */
static bool find_hierarchy(const char *controller, char *path, size_t size)
{
	char text[512];

	snprintf(path, size, "/sys/fs/cgroup/%s", controller);
	snprintf(text, sizeof(text), "%s/cgroup.procs", path);
	if (access(text, W_OK) == 0)
		return true;
	snprintf(path, size, "/sys/fs/cgroup");
	return stim_read_text("/sys/fs/cgroup/cgroup.controllers", text, sizeof(text)) > 0 && strstr(text, controller) &&
	       access("/sys/fs/cgroup/cgroup.procs", W_OK) == 0;
}

bool stim_cgroup_is_v2(const char *path)
{
	char file[400];

	snprintf(file, sizeof(file), "%s/cgroup.controllers", path);
	return access(file, R_OK) == 0;
}

void stim_cgroup(struct stim *s, const char *controller, char *path)
{
	char root[200], text[256];

	if (!find_hierarchy(controller, root, sizeof(root)))
		stim_cannot(s, "there is no control group hierarchy with the %s controller that we may write to", controller);
	snprintf(text, sizeof(text), "%s/cgroup.subtree_control", root);
	if (stim_cgroup_is_v2(root)) {
		char enable[32];
		snprintf(enable, sizeof(enable), "+%s", controller);
		stim_write_text(text, enable);
	}
	snprintf(path, 300, "%s/kgstim.%d", root, (int)s->main);
	stim_later(s, STIM_CLEAN_RMDIR, path);
	if (mkdir(path, 0755) < 0)
		stim_cannot(s, "can't make a control group: %s: %s", path, strerror(errno));
}

void stim_private_mounts(struct stim *s)
{
	if (unshare(CLONE_NEWNS) < 0)
		stim_cannot(s, "no mount namespace of our own: %s", strerror(errno));
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		stim_cannot(s, "can't make the mounts private: %s", strerror(errno));
}
