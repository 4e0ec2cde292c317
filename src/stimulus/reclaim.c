/*
 * Memory that runs short: a control group with a limit, in which more is touched than it allows, so that the kernel has to write pages
 * to swap, throw pages of files away, or kill. Swap is a loop device over a file of our own.
 */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP_BYTES (300)

static void set_limit(struct stim *s, const char *group, long long bytes)
{
	char file[400], text[32];

	snprintf(file, sizeof(file), "%s/%s", group, stim_cgroup_is_v2(group) ? "memory.max" : "memory.limit_in_bytes");
	snprintf(text, sizeof(text), "%lld", bytes);
	if (stim_write_text(file, text) < 0)
		stim_cannot(s, "%s: %s", file, strerror(errno));
}

static void join(struct stim *s, const char *group, pid_t pid)
{
	char file[400], text[32];

	snprintf(file, sizeof(file), "%s/cgroup.procs", group);
	snprintf(text, sizeof(text), "%d", (int)pid);
	if (stim_write_text(file, text) < 0)
		stim_cannot(s, "%s: %s", file, strerror(errno));
}

/* A number of a file of lines "NAME NUMBER"; -1: not there. */
static long long group_number(const char *group, const char *file, const char *name)
{
	char path[400], text[8192], *at = text;
	size_t len = strlen(name);

	snprintf(path, sizeof(path), "%s/%s", group, file);
	if (stim_read_text(path, text, sizeof(text)) < 0)
		return -1;
	for (; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (!strncmp(at, name, len) && at[len] == ' ')
			return atoll(at + len);
	return -1;
}

static long long swapped_out(void)
{
	return group_number("/proc", "vmstat", "pswpout");
}

static long long swapped_in(void)
{
	return group_number("/proc", "vmstat", "pswpin");
}

/* ---------------------------------------------------------------- pages of a file */

struct large {
	char group[GROUP_BYTES], path[512];
};

static void read_file(struct stim *s, void *data)
{
	const struct large *large = data;
	char *chunk = stim_memory(s, 1 << 20);
	int fd = (int)stim_must(s, open(large->path, O_RDONLY | O_CLOEXEC), large->path);
	long long got = 0;
	long n;

	join(s, large->group, getpid());
	stim_begin(s);
	while ((n = syscall(SYS_read, fd, chunk, 1L << 20)) > 0)
		got += n;
	stim_end(s);
	s->shared[0] = got;
}

static void run_reclaim(struct stim *s)
{
	long long limit = stim_number(s, "limit"), bytes = stim_number(s, "bytes"), scanned;
	struct large large;

	if (bytes < limit * 2)
		stim_cannot(s, "--bytes must be at least twice --limit for the kernel to have to reclaim");
	stim_cgroup(s, "memory", large.group);
	set_limit(s, large.group, limit);
	close(stim_disk(s, "large", bytes, large.path));
	stim_act(s, read_file, &large);
	/* what had to be thrown away can't be less; a file system in memory never had to read anything */
	scanned = s->end.ru_inblock - s->begin.ru_inblock;
	if (scanned * 512 < bytes)
		stim_cannot(s, "only %lld of %lld bytes were read from a disk: %s stays in memory (--dir)", scanned * 512, bytes, large.path);
	stim_tell(s, "reclaim.limit_bytes", limit);
	stim_tell(s, "reclaim.read_bytes", s->shared[0]);
	stim_tell(s, "reclaim.least_pages", (bytes - limit) / sysconf(_SC_PAGESIZE));
	stim_tell_text(s, "reclaim.cgroup", large.group);
}

/* ---------------------------------------------------------------- swap */

/* The header of a swap area, as mkswap writes it. Source: include/linux/swap.h, union swap_header. */
static void make_swap(struct stim *s, int fd, long long bytes)
{
	long page = sysconf(_SC_PAGESIZE);
	unsigned char *header = stim_memory(s, (size_t)page);
	unsigned values[] = {1, (unsigned)(bytes / page - 1), 0}; /* version, last page, bad pages */

	memcpy(header + 1024, values, sizeof(values));
	memcpy(header + page - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, header, (size_t)page, 0) != page)
		stim_fail(s, "the swap header could not be written: %s", strerror(errno));
	fsync(fd);
}

/* A RAM disk, where there is one that nobody uses: its pages are on no control group's account. */
static int open_ram(long long bytes, char *device)
{
	unsigned long long size = 0;
	int fd;

	strcpy(device, "/dev/ram1");
	fd = open(device, O_RDWR | O_CLOEXEC | O_EXCL);
	if (fd >= 0 && (ioctl(fd, BLKGETSIZE64, &size) < 0 || size < (unsigned long long)bytes)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void touch_twice(struct stim *s, void *data)
{
	long long bytes = stim_number(s, "bytes");
	long page = sysconf(_SC_PAGESIZE), sum = 0;
	volatile char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		stim_cannot(s, "mmap: %s", strerror(errno));
	madvise((void *)memory, (size_t)bytes, MADV_NOHUGEPAGE);
	munlockall();
	join(s, data, getpid());
	s->shared[0] = (long)swapped_out();
	s->shared[1] = (long)swapped_in();
	stim_begin(s);
	for (long long i = 0; i < bytes; i += page)
		memory[i] = (char)(i / page + 1);
	for (long long i = 0; i < bytes; i += page)
		sum += memory[i];
	stim_end(s);
	s->shared[2] = (long)swapped_out();
	s->shared[3] = (long)swapped_in();
	s->shared[4] = sum;
}

static void run_swap(struct stim *s)
{
	long long limit = stim_number(s, "limit"), bytes = stim_number(s, "bytes"), out, in;
	char group[GROUP_BYTES], device[32], file[512];
	int fd;

	if (bytes < limit * 2)
		stim_cannot(s, "--bytes must be at least twice --limit for the kernel to have to swap");
	fd = open_ram(bytes + (1 << 20), device);
	if (fd < 0) {
		snprintf(file, sizeof(file), "%s", stim_path(s, "swap"));
		close(stim_file(s, file, bytes + (1 << 20)));
		fd = stim_loop(s, file, device);
	}
	make_swap(s, fd, bytes + (1 << 20));
	close(fd);
	stim_later(s, STIM_CLEAN_SWAP, device);
	stim_must(s, swapon(device, 0), "swapon");
	stim_cgroup(s, "memory", group);
	set_limit(s, group, limit);
	stim_act(s, touch_twice, group);
	out = s->shared[2] - s->shared[0];
	in = s->shared[3] - s->shared[1];
	if (out <= 0 || in <= 0)
		stim_cannot(s, "the kernel did not swap");
	stim_tell(s, "swap.limit_bytes", limit);
	stim_tell(s, "swap.touched_bytes", bytes);
	stim_tell(s, "swap.least_pages", (bytes - limit) / sysconf(_SC_PAGESIZE));
	stim_tell(s, "swap.out_pages", out); /* of the whole system in that time */
	stim_tell(s, "swap.in_pages", in);
	stim_tell_text(s, "swap.device", device);
	stim_tell_text(s, "swap.cgroup", group);
}

/* ---------------------------------------------------------------- out of memory */

static void eat(struct stim *s, void *group)
{
	long long bytes = stim_number(s, "bytes");
	pid_t victim;
	int status, gate[2];
	char c;

	stim_must(s, pipe(gate), "pipe");
	victim = (pid_t)stim_must(s, fork(), "fork");
	if (!victim) {
		volatile char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || read(gate[0], &c, 1) != 1)
			_exit(1);
		for (long long i = 0; i < bytes; i += 4096)
			memory[i] = 1;
		_exit(0);
	}
	join(s, group, victim);
	stim_begin(s); /* the victim's name is kgent-stimulus: it was forked before */
	if (syscall(SYS_write, gate[1], "g", 1) != 1)
		stim_fail(s, "write: %s", strerror(errno));
	stim_must(s, syscall(SYS_wait4, victim, &status, 0, NULL), "wait4");
	stim_end(s);
	s->ids[0] = victim;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		stim_cannot(s, "it was not killed (status %#x): is there swap?", status);
}

static void no_swap(struct stim *s, const char *group)
{
	char file[400];

	if (stim_cgroup_is_v2(group)) {
		snprintf(file, sizeof(file), "%s/memory.swap.max", group);
		stim_write_text(file, "0");
	}
}

static void run_oom(struct stim *s)
{
	long long limit = stim_number(s, "limit");
	char group[GROUP_BYTES];

	if (stim_number(s, "bytes") < limit * 2)
		stim_cannot(s, "--bytes must be at least twice --limit");
	stim_cgroup(s, "memory", group);
	set_limit(s, group, limit);
	no_swap(s, group);
	stim_act(s, eat, group);
	stim_tell(s, "oom.count", 1);
	stim_tell(s, "oom.victim_pid", s->ids[0]);
	stim_tell_text(s, "oom.victim_comm", "kgent-stimulus");
	stim_tell(s, "oom.limit_bytes", limit);
	stim_tell_text(s, "oom.cgroup", group);
}

static const struct stim_option options[] = {
	{"limit", "BYTES", "16M", "of the control group", 1 << 20, 1LL << 40, NULL},
	{"bytes", "BYTES", "48M", "how much is touched or read", 2 << 20, 1LL << 40, NULL}, {NULL}};

#define GROUP_NEEDS "to be root, the memory controller of control groups"
const struct stimulus stim_reclaim[] = {
	{"reclaim", "read a file that is larger than the memory limit", run_reclaim, options,
	 "reclaim.limit_bytes reclaim.read_bytes reclaim.least_pages reclaim.cgroup", GROUP_NEEDS ", a --dir on a disk or loop devices"},
	{"swap", "touch more memory than the limit, so that it has to be swapped out and in", run_swap, options,
	 "swap.limit_bytes swap.touched_bytes swap.least_pages swap.out_pages swap.in_pages swap.device swap.cgroup", GROUP_NEEDS ", loop devices or brd"},
	{"oom", "have a child killed because the memory limit is reached", run_oom, options,
	 "oom.count oom.victim_pid oom.victim_comm oom.limit_bytes oom.cgroup", GROUP_NEEDS},
	{NULL},
};
