/* Memory: page faults, mappings, what is asked of the kernel for it. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Anonymous pages that are touched for the first time: one fault each, no huge pages. */
static void touch_pages(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), page = sysconf(_SC_PAGESIZE);
	volatile char *memory = mmap(NULL, (size_t)(n * page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		stim_cannot(s, "mmap of %ld pages: %s", n, strerror(errno));
	madvise((void *)memory, (size_t)(n * page), MADV_NOHUGEPAGE); /* EINVAL where the kernel has none */
	s->shared[0] = (long)memory;
	stim_begin(s);
	for (long i = 0; i < n; i++)
		memory[i * page] = 1;
	stim_end(s);
}

static void run_fault(struct stim *s)
{
	long n = stim_number(s, "count"), page = sysconf(_SC_PAGESIZE);

	stim_act(s, touch_pages, NULL);
	stim_tell(s, "fault.count", n);
	stim_tell(s, "fault.bytes", n * page);
	stim_tell(s, "fault.first_address", s->shared[0]);
	stim_tell(s, "fault.last_address", s->shared[0] + (n - 1) * page);
	stim_tell(s, "syscalls", 1);
}

/* Pages of a file that the page cache does not have. The kernel itself counts them for the thread, and must agree. */
static void touch_file(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), page = sysconf(_SC_PAGESIZE), sum = 0;
	int fd = *(int *)data;
	volatile char *memory = mmap(NULL, (size_t)(n * page), PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		stim_cannot(s, "mmap: %s", strerror(errno));
	stim_must(s, madvise((void *)memory, (size_t)(n * page), MADV_RANDOM), "madvise"); /* no reading ahead */
	stim_must(s, -posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), "posix_fadvise");
	stim_begin(s);
	for (long i = 0; i < n; i++)
		sum += memory[i * page];
	stim_end(s);
	s->shared[0] = sum;
}

static void run_major_fault(struct stim *s)
{
	long n = stim_number(s, "count"), page = sysconf(_SC_PAGESIZE);
	char path[512];
	int fd = stim_disk(s, "faults", n * page, path);
	long got;

	stim_act(s, touch_file, &fd);
	got = s->end.ru_majflt - s->begin.ru_majflt;
	if (got != n)
		stim_cannot(s, "%ld of %ld pages had to be read: %s stays in memory (--dir takes a directory on a disk)", got, n, path);
	stim_tell(s, "fault.count", n);
	stim_tell(s, "fault.major", got);
	stim_tell(s, "fault.bytes", n * page);
	stim_tell(s, "syscalls", 1);
}

static void map_unmap(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long p = syscall(SYS_mmap, NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		stim_must(s, p == -1 ? -1 : 0, "mmap");
		stim_must(s, syscall(SYS_munmap, p, bytes), "munmap");
	}
	stim_end(s);
}

static void run_mmap(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");

	stim_act(s, map_unmap, NULL);
	stim_tell(s, "mmap.count", n);
	stim_tell(s, "mmap.size", bytes);
	stim_tell(s, "mmap.bytes", n * bytes);
	stim_tell(s, "munmap.count", n);
	stim_tell(s, "syscalls", 2 * n + 1);
}

static void grow_heap(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), step = sysconf(_SC_PAGESIZE), top = syscall(SYS_brk, 0);

	stim_begin(s);
	for (long i = 1; i <= n; i++)
		if (syscall(SYS_brk, top + i * step) != top + i * step)
			stim_cannot(s, "brk: %s", strerror(errno));
	stim_end(s);
}

static void run_brk(struct stim *s)
{
	stim_act(s, grow_heap, NULL);
	stim_tell(s, "brk.count", stim_number(s, "count"));
	stim_tell(s, "brk.bytes", stim_number(s, "count") * sysconf(_SC_PAGESIZE));
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

/* mprotect, madvise and mlock on two pages of our own. */
static long protect(void *p, size_t bytes, long i) { return syscall(SYS_mprotect, p, bytes, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ); }
static long advise(void *p, size_t bytes, long i) { return syscall(SYS_madvise, p, bytes, MADV_DONTNEED); }
static long lock(void *p, size_t bytes, long i) { return i % 2 ? syscall(SYS_munlock, p, bytes) : syscall(SYS_mlock, p, bytes); }

static void work_on_pages(struct stim *s, void *call)
{
	long n = stim_number(s, "count");
	size_t bytes = 2 * (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		stim_cannot(s, "mmap: %s", strerror(errno));
	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, (*(long (**)(void *, size_t, long))call)(p, bytes, i), s->what->name);
	stim_end(s);
}

static void run_pages(struct stim *s)
{
	long (*call)(void *, size_t, long) = s->what->name[1] == 'p' ? protect : s->what->name[1] == 'a' ? advise : lock;
	char name[40];
	long n = stim_number(s, "count");

	stim_act(s, work_on_pages, &call);
	snprintf(name, sizeof(name), "%s.count", s->what->name);
	stim_tell(s, name, call == lock ? (n + 1) / 2 : n);
	snprintf(name, sizeof(name), "%s.size", s->what->name);
	stim_tell(s, name, 2 * sysconf(_SC_PAGESIZE));
	stim_tell(s, "syscalls", n + 1);
}

static const struct stim_option page_options[] = {{"count", "N", "500", "how many pages", 1, 1000000, NULL}, {NULL}};
static const struct stim_option major_options[] = {{"count", "N", "50", "how many pages", 1, 100000, NULL}, {NULL}};
static const struct stim_option mmap_options[] = {
	{"count", "N", "50", "how many", 0, 1000000, NULL}, {"bytes", "BYTES", "64K", "size of each", 1, 1LL << 40, NULL}, {NULL}};
static const struct stim_option call_options[] = {{"count", "N", "50", "how many calls", 0, 1000000, NULL}, {NULL}};

const struct stimulus stim_memory_events[] = {
	{"page-fault", "touch pages of memory for the first time", run_fault, page_options,
	 "fault.count fault.bytes fault.first_address fault.last_address syscalls", NULL},
	{"major-fault", "touch pages of a file that have to be read from its disk", run_major_fault, major_options,
	 "fault.count fault.major fault.bytes syscalls", "a --dir on a disk, or loop devices and to be root"},
	{"mmap", "map memory and unmap it", run_mmap, mmap_options, "mmap.count mmap.size mmap.bytes munmap.count syscalls", NULL},
	{"brk", "let the heap grow by a page each time", run_brk, call_options, "brk.count brk.bytes syscalls", NULL},
	{"mprotect", "change the protection of two pages", run_pages, call_options, "mprotect.count mprotect.size syscalls", NULL},
	{"madvise", "give two pages back with madvise", run_pages, call_options, "madvise.count madvise.size syscalls", NULL},
	{"mlock", "lock two pages, and unlock them, in turn", run_pages, call_options, "mlock.count mlock.size syscalls", NULL},
	{NULL},
};
