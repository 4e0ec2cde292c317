/*
 * What this process may do. The kernel asks for capabilities, not for root, so they are what is shown; bpftrace itself asks for
 * user id 0, which is another line. Source: capabilities(7), perf_event_open(2), kernel_lockdown(7).
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char section[] = "privileges";

char *kg_doctor_read(const char *path)
{
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	return g_strchomp(text);
}

static guint64 effective_capabilities(void)
{
	g_autofree char *status = kg_doctor_read("/proc/self/status");
	const char *at = status ? strstr(status, "\nCapEff:\t") : NULL;

	return at ? g_ascii_strtoull(at + 9, NULL, 16) : 0;
}

/* CAP_SYS_ADMIN contains CAP_BPF and CAP_PERFMON, which were split off in Linux 5.8. */
static const struct {
	int bit;
	const char *name, *what, *cost;
	gboolean is_vital, in_sys_admin;
} capabilities[] = {
	{39, "CAP_BPF", "may load BPF programs", "no program can be loaded", TRUE, TRUE},
	{38, "CAP_PERFMON", "may attach to kernel events", "no program can be attached to the kernel's events", TRUE, TRUE},
	{21, "CAP_SYS_ADMIN", "may do what older kernels and tracefs ask for", "tracefs and older kernels refuse", FALSE, FALSE},
	{24, "CAP_SYS_RESOURCE", "may lock as much memory as maps need", "kernels before 5.11 refuse large maps", FALSE, FALSE},
};

/* Since Linux 5.11 maps are charged to the cgroup, and no longer to the limit that CAP_SYS_RESOURCE lifts. */
static gboolean needs_locked_memory(void)
{
	struct utsname u;
	int major = 0, minor = 0;

	return uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2 || major < 5 || (major == 5 && minor < 11);
}

static void add_capabilities(struct kg_doctor *d)
{
	guint64 caps = effective_capabilities();

	for (gsize i = 0; i < G_N_ELEMENTS(capabilities); i++) {
		gboolean is_old = capabilities[i].bit == 24 && needs_locked_memory();
		gboolean has = (caps >> capabilities[i].bit & 1) || (capabilities[i].in_sys_admin && (caps >> 21 & 1));
		enum kg_doctor_state absent = capabilities[i].is_vital ? KG_DOCTOR_MISSING : KG_DOCTOR_LIMITED;

		if (!has && capabilities[i].bit == 24 && !is_old) {
			kg_doctor_add(d, section, capabilities[i].name, KG_DOCTOR_NOTE, "this process does not have it; this kernel does not ask "
				      "for it", NULL, NULL);
			continue;
		}

		kg_doctor_add(d, section, capabilities[i].name, has ? KG_DOCTOR_OK : absent, has ? capabilities[i].what :
			      "this process does not have it", has ? NULL : capabilities[i].cost,
			      has ? NULL : geteuid() ? "sudo kgent ..." : "give the container the capability")->is_vital = capabilities[i].is_vital;
	}
	if (geteuid())
		kg_doctor_add(d, section, "user id", KG_DOCTOR_MISSING, "not 0, which bpftrace asks for whatever the capabilities are",
			      "bpftrace refuses to run", "sudo kgent ...")->is_vital = TRUE;
}

static void add_sysctls(struct kg_doctor *d)
{
	static const char *const bpf[] = {"ordinary users may load some BPF programs", "only privileged users may load BPF programs, until the next boot",
		"only privileged users may load BPF programs"};
	g_autofree char *unprivileged = kg_doctor_read("/proc/sys/kernel/unprivileged_bpf_disabled");
	g_autofree char *paranoid = kg_doctor_read("/proc/sys/kernel/perf_event_paranoid");

	if (unprivileged) {
		int n = CLAMP(atoi(unprivileged), 0, 2);
		g_autofree char *text = g_strdup_printf("%d: %s", n, bpf[n]);

		kg_doctor_add(d, section, "kernel.unprivileged_bpf_disabled", KG_DOCTOR_NOTE, text, NULL, NULL);
	}
	if (paranoid) {
		g_autofree char *text = g_strdup_printf("%s: %s", paranoid, atoi(paranoid) > 1 ? "users without CAP_PERFMON can't trace the kernel" :
							"some events can be used without CAP_PERFMON");

		kg_doctor_add(d, section, "kernel.perf_event_paranoid", KG_DOCTOR_NOTE, text, NULL, NULL);
	}
}

static void add_lockdown(struct kg_doctor *d)
{
	g_autofree char *modes = kg_doctor_read("/sys/kernel/security/lockdown");

	if (!modes)
		kg_doctor_add(d, section, "lockdown", KG_DOCTOR_NOTE, "not known: /sys/kernel/security/lockdown can't be read", NULL, NULL);
	else if (strstr(modes, "[confidentiality]"))
		kg_doctor_add(d, section, "lockdown", KG_DOCTOR_MISSING, "confidentiality: the kernel forbids BPF to read its memory",
			      "programs that read kernel structures are refused", "boot without lockdown=confidentiality");
	else
		kg_doctor_add(d, section, "lockdown", KG_DOCTOR_OK, strstr(modes, "[integrity]") ? "integrity: BPF may read, not write" : "none",
			      NULL, NULL);
}

void kg_doctor_privileges(struct kg_doctor *d)
{
	add_capabilities(d);
	add_sysctls(d);
	add_lockdown(d);
}
