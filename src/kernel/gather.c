/* Make a profile of the running kernel. One line a source; the order matters where said. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* mountinfo writes space, tab, newline and backslash as \040 and so on. */
static char *unescape(const char *s, gsize len)
{
	g_autofree char *copy = g_strndup(s, len);

	return g_strcompress(copy);
}

/* The mount points of a file system type, in the order of /proc/self/mountinfo. */
static GPtrArray *mounts(const char *type)
{
	GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GBytes) bytes = kg_read_file("/proc/self/mountinfo", 16u << 20);
	gsize len = 0;
	const char *data = bytes ? g_bytes_get_data(bytes, &len) : NULL;
	g_autofree char *text = g_strndup(data ? data : "", len);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (int i = 0; lines[i]; i++) {
		char *dash = strstr(lines[i], " - ");
		g_auto(GStrv) words = g_strsplit(lines[i], " ", 6);

		if (dash && g_str_has_prefix(dash + 3, type) && dash[3 + strlen(type)] == ' ' && g_strv_length(words) == 6)
			g_ptr_array_add(found, unescape(words[4], strlen(words[4])));
	}
	return found;
}

static gboolean has_events(const char *dir)
{
	g_autofree char *events = g_build_filename(dir, "events", NULL);

	return !faccessat(AT_FDCWD, events, R_OK | X_OK, AT_EACCESS);
}

/*
 * Where tracefs is: [wanted], or wherever it is mounted. NULL with the reason and what mends it. Nothing is ever mounted; so
 * /sys/kernel/debug/tracing counts only if it is in mountinfo, since merely looking there makes the kernel mount it.
 */
char *kg_tracefs_find(const char *wanted, char **ret_why, char **ret_mend)
{
	g_autoptr(GPtrArray) dirs = mounts("tracefs");
	g_autofree char *closed = NULL;

	if (wanted) {
		g_ptr_array_set_size(dirs, 0);
		g_ptr_array_add(dirs, g_strdup(wanted));
	}
	for (guint i = 0; i < dirs->len; i++) {
		const char *dir = g_ptr_array_index(dirs, i);

		if (has_events(dir))
			return g_strdup(dir);
		if (errno == EACCES && !closed)
			closed = g_strdup(dir);
	}
	if (closed) {
		*ret_why = g_strdup_printf("only root may look into %s", closed);
		*ret_mend = g_strdup("sudo kgent kernel share");
	} else if (dirs->len) {
		*ret_why = g_strdup_printf("%s has no events", (char *)g_ptr_array_index(dirs, 0));
		*ret_mend = wanted ? NULL : g_strdup("sudo mount -t tracefs none /sys/kernel/tracing");
	} else {
		*ret_why = g_strdup("tracefs is not mounted");
		*ret_mend = g_strdup("sudo mount -t tracefs none /sys/kernel/tracing");
	}
	return NULL;
}

static void gather_tracefs(struct kg_profile *p, const char *wanted)
{
	static const char cost[] = "tracepoints, their fields and the list of traceable functions are not known";
	g_autofree char *why = NULL, *mend = NULL;

	p->tracefs = kg_tracefs_find(wanted, &why, &mend);
	if (p->tracefs) {
		kg_source_set(p, "tracefs", KG_SOURCE_OK, 1, NULL, NULL, NULL);
		kg_gather_formats(p);
		return;
	}
	kg_source_set(p, "tracefs", KG_SOURCE_MISSING, 0, why, cost, mend);
	kg_source_set(p, "tracepoints", KG_SOURCE_MISSING, 0, why, "tracepoints and their fields are not known", mend);
}

void kg_gather(struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	p->made = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
	p->is_root_view = kg_has_capability(KG_CAP_SYS_ADMIN);
	kg_gather_config(p); /* first: the others give reasons from it */
	kg_gather_btf(p);
	gather_tracefs(p, opts->tracefs);
	kg_gather_functions(p); /* needs BTF and tracefs */
	kg_gather_lent(p, opts);
	kg_gather_features(p);  /* needs all of them */
}
