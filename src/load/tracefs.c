/*
 * tracefs for this process only. Where it is not mounted (containers, some minimal systems), a private mount namespace gives kgent and its
 * children one, and nothing else on the system sees it.
 */
#include <kgent/load.h>

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#define STAGE "tracefs"
#define WHERE "/sys/kernel/tracing"

gboolean kg_tracefs_is_mounted(void)
{
	return access(WHERE "/events", F_OK) == 0 || access("/sys/kernel/debug/tracing/events", F_OK) == 0 ||
	       /* not root: what is below can't be seen, but an empty directory could be */
	       (access(WHERE, X_OK) != 0 && errno == EACCES);
}

int kg_tracefs_private_mount(struct kg_error *err)
{
	int r;

	if (kg_tracefs_is_mounted())
		return 0;
	if (access(WHERE, F_OK))
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "this kernel has no tracefs (%s does not exist)", WHERE);
	if (unshare(CLONE_NEWNS)) {
		r = kg_error_set(err, errno == EPERM ? KG_E_PERM : KG_E_IO, STAGE, "tracefs is not mounted, and no private one could be made: %s",
				 g_strerror(errno));
		kg_error_hint(err, "sudo mount -t tracefs tracefs " WHERE);
		return r;
	}
	/* from here on nothing spreads to the rest of the system */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tracefs", WHERE, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) {
		int e = errno;

		r = kg_error_set(err, e == EPERM ? KG_E_PERM : e == ENODEV ? KG_E_UNSUPPORTED : KG_E_IO, STAGE, "tracefs could not be mounted: %s",
				 g_strerror(e));
		kg_error_hint(err, "sudo mount -t tracefs tracefs " WHERE);
		return r;
	}
	return 1;
}
