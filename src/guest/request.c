/* What the host asks for: see include/kgent/guest.h. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

unsigned n_modules;

static void answer_done(uint32_t id, int error)
{
	int32_t e = error;

	port_answer(KG_GUEST_DONE, id, &e, sizeof(e));
}

/* All sandboxes of a kernel begin with the same memory: without a new seed they would draw the same "random" numbers. */
static void seed_random(const char *bytes, size_t len)
{
	struct {
		struct rand_pool_info info;
		char bytes[256];
	} pool;
	int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (len > sizeof(pool.bytes))
		len = sizeof(pool.bytes);
	pool.info.entropy_count = (int)len * 8;
	pool.info.buf_size = (int)len;
	memcpy((char *)&pool + offsetof(struct rand_pool_info, buf), bytes, len);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG))
		say("the random number generator has no new seed: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void wake(const char *payload, size_t len)
{
	struct kg_guest_ready ready = {.version = KG_GUEST_VERSION, .n_modules = n_modules};
	char answer[sizeof(ready) + sizeof(((struct utsname *)0)->release)];
	struct utsname u;
	int64_t now;

	if (len < sizeof(now))
		power_off("the host did not say what time it is");
	memcpy(&now, payload, sizeof(now));
	clock_settime(CLOCK_REALTIME, &(struct timespec){.tv_sec = now / 1000000000, .tv_nsec = now % 1000000000});
	seed_random(payload + sizeof(now), len - sizeof(now));
	command_limit_memory();
	ready.memory_bytes = memory_available();
	uname(&u);
	memcpy(answer, &ready, sizeof(ready));
	strcpy(answer + sizeof(ready), u.release);
	port_answer(KG_GUEST_READY, 0, answer, sizeof(ready) + strlen(u.release) + 1);
}

static void make_directories(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *s = strchr(copy + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		mkdir(copy, 0755);
		*s = '/';
	}
}

/* The file that is being put: parts come one after the other, and it gets its name at the end. */
static struct {
	int fd;
	int error;
	char part[4200];
} put = {.fd = -1};

static void put_begin(const char *path, uint32_t mode)
{
	if (put.fd >= 0)
		close(put.fd);
	snprintf(put.part, sizeof(put.part), "%s.kgent-part", path);
	make_directories(path);
	put.fd = open(put.part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode & 07777);
	put.error = put.fd < 0 ? errno : 0;
	if (put.fd >= 0)
		fchmod(put.fd, mode & 07777);
}

static void put_end(uint32_t id, const char *path)
{
	if (put.fd >= 0 && close(put.fd) && !put.error)
		put.error = errno;
	put.fd = -1;
	if (!put.error && rename(put.part, path))
		put.error = errno;
	if (put.error)
		unlink(put.part);
	answer_done(id, put.error);
}

static void handle_put(uint32_t id, const char *payload, size_t len)
{
	uint32_t mode;
	const char *path = payload + 5, *end = len > 5 ? memchr(path, '\0', len - 5) : NULL;

	if (!end || *path != '/' || end - path > 4000) {
		answer_done(id, EINVAL);
		return;
	}
	memcpy(&mode, payload, sizeof(mode));
	int flags = payload[4];
	const char *data = end + 1;
	size_t left = (size_t)(payload + len - data);

	if (flags & KG_GUEST_PUT_FIRST)
		put_begin(path, mode);
	while (left && !put.error) {
		ssize_t n = write(put.fd, data, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			put.error = errno;
		else {
			data += n;
			left -= (size_t)n;
		}
	}
	if (flags & KG_GUEST_PUT_LAST)
		put_end(id, path);
}

/*
 * Before the machine is saved: what was freed since the start (the archive that / was unpacked from) still lies in memory, and would be
 * saved. Taking that memory and giving it back leaves zeroes, which take no room in a sparse file.
 */
static void rest(uint32_t id)
{
	uint64_t free_bytes = memory_available(), step = 16u << 20, reserve = 48u << 20;
	static void *taken[4096];
	size_t n = 0;

	functions_keep();
	write_text("/proc/sys/vm/drop_caches", "3\n");
	for (; n < 4096 && free_bytes > reserve + step; n++) {
		taken[n] = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (taken[n] == MAP_FAILED)
			break;
		free_bytes = memory_available();
	}
	while (n > 0)
		munmap(taken[--n], step);
	write_text("/proc/sys/vm/compact_memory", "1\n");
	answer_done(id, 0);
}

static void handle_ping(uint32_t id)
{
	uint64_t bytes = memory_available();

	port_answer(KG_GUEST_PONG, id, &bytes, sizeof(bytes));
}

static void handle_signal(const struct kg_guest_header *h, const char *payload)
{
	int32_t sig = 0;

	if (h->len >= sizeof(sig))
		memcpy(&sig, payload, sizeof(sig));
	command_signal(h->id, sig);
}

void request_handle(const struct kg_guest_header *h, const char *payload)
{
	switch (h->type) {
	case KG_GUEST_WAKE:
		wake(payload, h->len);
		break;
	case KG_GUEST_PUT:
		handle_put(h->id, payload, h->len);
		break;
	case KG_GUEST_START:
		functions_check();
		answer_done(h->id, command_start(h->id, payload, h->len));
		break;
	case KG_GUEST_SIGNAL:
		handle_signal(h, payload);
		break;
	case KG_GUEST_INPUT:
		answer_done(h->id, command_input(h->id, payload, h->len));
		break;
	case KG_GUEST_PING:
		handle_ping(h->id);
		break;
	case KG_GUEST_REST:
		rest(h->id);
		break;
	default:
		answer_done(h->id, ENOSYS);
	}
}
