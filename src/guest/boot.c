/*
 * From the kernel's start to a system in which programs can be traced. Nothing here is fatal but a missing port: a file system that this
 * kernel does not have is simply not there.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROOT_SPARE_KIB (32 * 1024)

void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int fd = open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC);
	int n = snprintf(line, sizeof(line), "kgent: ");

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	if (fd < 0)
		return;
	(void)!write(fd, line, strlen(line));
	close(fd);
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), e = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		e = errno;
	close(fd);
	return e;
}

size_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n = 0;

	while (fd >= 0 && n + 1 < size) {
		ssize_t r = read(fd, buf + n, size - 1 - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	if (fd >= 0)
		close(fd);
	buf[n] = '\0';
	return n;
}

static const struct {
	const char *type, *at, *options;
	unsigned long flags;
} mounts[] = {
	{"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
	{"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
	{"devpts", "/dev/pts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
	{"tmpfs", "/dev/shm", "mode=1777,size=25%", MS_NOSUID | MS_NODEV},
	{"tmpfs", "/tmp", "mode=1777,size=25%", MS_NOSUID | MS_NODEV},
	{"tmpfs", "/run", "mode=0755,size=10%", MS_NOSUID | MS_NODEV},
	{"tracefs", "/sys/kernel/tracing", NULL, 0},
	{"debugfs", "/sys/kernel/debug", NULL, 0},
	{"securityfs", "/sys/kernel/security", NULL, 0},
	{"bpf", "/sys/fs/bpf", "mode=0700", 0},
	{"cgroup2", "/sys/fs/cgroup", NULL, 0},
};

static const struct {
	const char *at, *to;
} links[] = {
	{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "fd/0"}, {"/dev/stdout", "fd/1"}, {"/dev/stderr", "fd/2"},
};

static void enable_controllers(void)
{
	char names[512], one[64];

	read_text("/sys/fs/cgroup/cgroup.controllers", names, sizeof(names));
	for (char *save, *name = strtok_r(names, " \n", &save); name; name = strtok_r(NULL, " \n", &save)) {
		snprintf(one, sizeof(one), "+%s", name);
		write_text("/sys/fs/cgroup/cgroup.subtree_control", one);
	}
}

/* What was unpacked stays, a little may be added: a program that fills the file system gets ENOSPC before the memory is gone. */
static void limit_root(void)
{
	struct statvfs now;
	char options[64];

	if (statvfs("/", &now) || !now.f_blocks)
		return; /* a ramfs has no limit */
	snprintf(options, sizeof(options), "size=%lluk",
		 (unsigned long long)(now.f_blocks - now.f_bfree) * now.f_frsize / 1024 + ROOT_SPARE_KIB);
	if (mount("none", "/", NULL, MS_REMOUNT, options))
		say("the size of / is not limited: %s", strerror(errno));
}

void boot_mount(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].at, 0755);
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, mounts[i].flags, mounts[i].options) && errno != EBUSY)
			say("no %s: %s", mounts[i].type, strerror(errno));
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		(void)!symlink(links[i].to, links[i].at);
	limit_root();
	enable_controllers();
	umask(022);
	sethostname("sandbox", 7);
	/* a stalled guest under emulation is not to be sampled less; and no core files */
	write_text("/proc/sys/kernel/perf_cpu_time_max_percent", "0\n");
	write_text("/proc/sys/kernel/core_pattern", "\n");
}

/* Both families' addresses come with the interface being up. */
void boot_network(void)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		say("no loopback device: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static bool load_module(const char *file, const char *parameters)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && (!syscall(SYS_finit_module, fd, parameters, 0) || errno == EEXIST);

	if (fd >= 0)
		close(fd);
	return ok;
}

unsigned boot_modules(void)
{
	static char list[1 << 18];
	unsigned n = 0;

	read_text("/kgent/modules", list, sizeof(list));
	for (char *save, *line = strtok_r(list, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *space = strchr(line, ' ');

		if (space)
			*space = '\0';
		if (load_module(line, space ? space + 1 : ""))
			n++;
		else if (errno != ENODEV)
			say("module %s: %s", line, strerror(errno));
		unlink(line); /* the memory is of more use elsewhere */
	}
	return n;
}

static int open_port(const char *name)
{
	char path[300], text[64];

	snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", name);
	read_text(path, text, sizeof(text));
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, KG_GUEST_PORT))
		return -1;
	snprintf(path, sizeof(path), "/dev/%s", name);
	return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int boot_port(void)
{
	for (int tries = 0; tries < 1500; tries++) {
		DIR *d = opendir("/sys/class/virtio-ports");
		struct dirent *e;
		int fd = -1;

		while (d && fd < 0 && (e = readdir(d)))
			if (e->d_name[0] != '.')
				fd = open_port(e->d_name);
		if (d)
			closedir(d);
		if (fd >= 0)
			return fd;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return -1;
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

uint64_t memory_available(void)
{
	char text[4096];

	read_text("/proc/meminfo", text, sizeof(text));
	const char *at = strstr(text, "MemAvailable:");

	return at ? strtoull(at + 13, NULL, 10) * 1024 : 0;
}
