/*
 * The list of traceable functions. The kernel makes it anew for each reader, with a search through the symbols of the function's module for every
 * line; bpftrace reads all of it whenever it starts, which under emulation is half of the time that it takes. So before the machine is saved,
 * the list is copied once, and the copy mounted over the file. It is right as long as no module comes or goes, and is taken away when one has.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define COPY "/kgent/functions"
#define MODULES_MAX 65536

static const char *const places[] = {"/sys/kernel/tracing/available_filter_functions", "/sys/kernel/debug/tracing/available_filter_functions"};
static bool is_mounted;
static uint64_t modules_then;

/* Which modules there are, as a number. What they are used by changes all the time, and is left out. */
static uint64_t modules_now(void)
{
	static char text[MODULES_MAX];
	uint64_t sum = 14695981039346656037u;

	read_text("/proc/modules", text, sizeof(text));
	for (char *save, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, " ")] = '\0';
		for (; *line; line++)
			sum = (sum ^ (unsigned char)*line) * 1099511628211u;
		sum = (sum ^ '\n') * 1099511628211u;
	}
	return sum;
}

static int copy_list(void)
{
	static char buf[65536];
	int from = open(places[0], O_RDONLY | O_CLOEXEC), to = open(COPY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	ssize_t n = -1;

	while (from >= 0 && to >= 0 && (n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, (size_t)n) != n) {
			n = -1;
			break;
		}
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return n == 0 ? 0 : -1;
}

void functions_keep(void)
{
	modules_then = modules_now();
	if (copy_list()) {
		unlink(COPY);
		return;
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!access(places[i], F_OK)) /* looking at the second one mounts it */
			is_mounted |= !mount(COPY, places[i], NULL, MS_BIND, NULL);
}

void functions_check(void)
{
	if (!is_mounted || modules_now() == modules_then)
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		umount2(places[i], MNT_DETACH);
	unlink(COPY);
	is_mounted = false;
}
