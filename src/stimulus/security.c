/* Capability checks, and limits of resources that are set and run into. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * System calls that ask for a capability first and exactly once, and then refuse their senseless arguments; so nothing is changed.
 * Source: kernel/sys.c (sethostname), kernel/reboot.c (reboot), mm/swapfile.c (swapoff) of Linux 6.1 and 6.12.
 */
static long ask_sethostname(void) { return syscall(SYS_sethostname, NULL, -1); }
static long ask_reboot(void) { return syscall(SYS_reboot, 0, 0, 0, NULL); }

static const struct {
	const char *name, *call;
	int number;
	long (*ask)(void);
	int error; /* where the capability is there */
} checks[] = {{"CAP_SYS_ADMIN", "sethostname", CAP_SYS_ADMIN, ask_sethostname, EINVAL}, {"CAP_SYS_BOOT", "reboot", CAP_SYS_BOOT, ask_reboot, EINVAL}};

static size_t which_check(struct stim *s)
{
	return stim_is(s, "capability", checks[0].name) ? 0 : 1;
}

static void ask(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), denied = 0;
	size_t which = which_check(s);

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long ret = checks[which].ask();
		if (ret == 0 || (errno != EPERM && errno != checks[which].error))
			stim_fail(s, "%s: %s", checks[which].call, strerror(errno));
		denied += errno == EPERM;
	}
	stim_end(s);
	s->shared[0] = denied;
}

static void run_capability(struct stim *s)
{
	long n = stim_number(s, "count");
	size_t which = which_check(s);

	stim_act(s, ask, NULL);
	stim_tell(s, "capability.count", n);
	stim_tell(s, "capability.number", checks[which].number);
	stim_tell_text(s, "capability.name", checks[which].name);
	stim_tell_text(s, "capability.call", checks[which].call);
	stim_tell(s, "capability.denied", s->shared[0]);
	stim_tell(s, "syscalls", n + 1);
}

/* ---------------------------------------------------------------- limits */

static void set_limits(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must(s, syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, NULL), "prlimit64");
	stim_end(s);
}

static void run_set_limit(struct stim *s)
{
	stim_act(s, set_limits, NULL);
	stim_tell(s, "prlimit64.count", stim_number(s, "count"));
	stim_tell(s, "prlimit64.resource", RLIMIT_CORE);
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

/* With no descriptor left, each open fails with EMFILE. */
static void open_too_many(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	struct rlimit none = {0, 0};

	stim_must(s, setrlimit(RLIMIT_NOFILE, &none), "setrlimit");
	stim_begin(s);
	for (long i = 0; i < n; i++)
		stim_must_fail(s, syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY, 0), EMFILE, "openat");
	stim_end(s);
}

static void run_limit(struct stim *s)
{
	stim_act(s, open_too_many, NULL);
	stim_tell(s, "open.count", stim_number(s, "count"));
	stim_tell_text(s, "open.path", "/dev/null");
	stim_tell_text(s, "open.error", "EMFILE");
	stim_tell(s, "open.errno", EMFILE);
	stim_tell(s, "syscalls", stim_number(s, "count") + 1);
}

static const struct stim_option capability_options[] = {
	{"count", "N", "20", "how many checks", 0, 100000, NULL},
	{"capability", "NAME", "CAP_SYS_ADMIN", "which one", 0, 0, "CAP_SYS_ADMIN CAP_SYS_BOOT"}, {NULL}};
static const struct stim_option count_options[] = {{"count", "N", "20", "how many", 0, 100000, NULL}, {NULL}};

const struct stimulus stim_security[] = {
	{"capability", "have a capability checked by calls that change nothing (denied with --uid)", run_capability, capability_options,
	 "capability.count capability.number capability.name capability.call capability.denied syscalls", NULL},
	{"set-limit", "set a limit of resources to what it is", run_set_limit, count_options, "prlimit64.count prlimit64.resource syscalls", NULL},
	{"reach-limit", "open files where the limit of open files is reached", run_limit, count_options,
	 "open.count open.path open.error open.errno syscalls", NULL},
	{NULL},
};
