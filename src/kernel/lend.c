/*
 * Facts that this user can't see, from a profile of the same kernel that somebody made who could.
 *
 * Only root may look into tracefs, and what is there of tracepoints and functions is no secret: any package of the kernel tells it. So root can leave
 * a profile for everybody (kg_profile_share()), and an ordinary user's profile of the running kernel takes from it what it lacks. A kernel's name
 * can be shared by two builds; its types, byte by byte, are not.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TYPES "/sys/kernel/btf/vmlinux"
#define TYPES_MAX (256u << 20)

static char *shared_dir(const char *release)
{
	g_autofree char *all = kg_paths_shared();

	return g_build_filename(all, release, NULL);
}

/* Nobody but root or this user can have written it. */
static gboolean is_trusted(const char *dir)
{
	g_autofree char *above = g_path_get_dirname(dir);
	const char *const dirs[] = {above, dir};
	struct stat st;

	for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++)
		if (lstat(dirs[i], &st) || !S_ISDIR(st.st_mode) || (st.st_uid && st.st_uid != geteuid()) || st.st_mode & 022)
			return FALSE;
	return TRUE;
}

static gboolean is_same_kernel(const struct kg_profile *p, const struct kg_profile *other)
{
	g_autofree char *path = kg_profile_btf_path(other);
	g_autoptr(GBytes) ours = NULL, theirs = NULL;

	if (g_strcmp0(p->release, other->release) || g_strcmp0(p->version, other->version) || g_strcmp0(p->arch, other->arch))
		return FALSE;
	ours = kg_read_file(TYPES, TYPES_MAX);
	theirs = kg_read_file(path, TYPES_MAX);
	return ours && theirs && g_bytes_equal(ours, theirs);
}

static void take_text(struct kg_profile *p, const struct kg_profile *from, enum kg_text_id id)
{
	g_clear_pointer(&p->texts[id], g_bytes_unref);
	p->texts[id] = from->texts[id] ? g_bytes_ref(from->texts[id]) : NULL;
}

static void take_source(struct kg_profile *p, const struct kg_profile *from, const char *name, const char *dir)
{
	const struct kg_source *source = kg_profile_source(from, name);
	g_autofree char *why = g_strdup_printf("%s%sfrom %s, as they were on %.10s", source->why ?: "", source->why ? "; " : "", dir,
					       from->made ?: "a day not known");

	kg_source_set(p, name, source->state, source->n, why, source->cost, NULL);
}

/* What [p] lacks and the profile in [dir] has. */
static void take(struct kg_profile *p, const char *dir)
{
	static const enum kg_text_id of_functions[] = {KG_TEXT_FUNCTIONS, KG_TEXT_UNTRACEABLE, KG_TEXT_AMBIGUOUS, KG_TEXT_NOKPROBE};
	struct kg_profile *from = kg_profile_new();

	if (kg_saved_open(from, dir, FALSE, NULL) == 0 && is_same_kernel(p, from)) {
		if (!p->texts[KG_TEXT_FORMATS] && from->texts[KG_TEXT_FORMATS]) {
			take_text(p, from, KG_TEXT_FORMATS);
			take_source(p, from, "tracepoints", dir);
		}
		for (gsize i = 0; !p->functions_sure && from->functions_sure && i < G_N_ELEMENTS(of_functions); i++)
			take_text(p, from, of_functions[i]);
		if (!p->functions_sure && from->functions_sure) {
			p->functions_sure = TRUE;
			take_source(p, from, "functions", dir);
		}
	}
	kg_profile_free(from);
}

static gboolean lacks(const struct kg_profile *p)
{
	return !p->texts[KG_TEXT_FORMATS] || !p->functions_sure;
}

void kg_gather_lent(struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autofree char *shared = shared_dir(p->release);

	if (lacks(p) && is_trusted(shared))
		take(p, shared);
	for (const char *const *dir = opts->same; dir && *dir && lacks(p); dir++)
		if (is_trusted(*dir))
			take(p, *dir);
}

static guint64 mix_one(guint64 h, const char *dir)
{
	g_autofree char *meta = g_build_filename(dir, "meta.json", NULL);
	struct stat st;

	if (!is_trusted(dir) || stat(meta, &st))
		return h;
	h = kg_hash64(meta, strlen(meta), h);
	return kg_hash64(&st.st_mtim, sizeof(st.st_mtim), h ^ (guint64)st.st_ino);
}

guint64 kg_mix_lent(guint64 h, const struct kg_profile *p, const struct kg_profile_opts *opts)
{
	g_autofree char *shared = shared_dir(p->release);

	h = mix_one(h, shared);
	for (const char *const *dir = opts->same; dir && *dir; dir++)
		h = mix_one(h, *dir);
	return h;
}

/* ---------------------------------------------------------------- for others */

/* Whatever this user's umask is. */
static int open_to_all(const char *dir, struct kg_error *err)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;
	int r = chmod(dir, 0755);

	while (d && r == 0 && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		r = chmod(path, 0644);
	}
	return r ? kg_error_set(err, KG_E_IO, STAGE, "%s can't be opened to others: %s", dir, g_strerror(errno)) : 0;
}

int kg_profile_share(struct kg_profile *p, char **ret_dir, struct kg_error *err)
{
	g_autofree char *all = kg_paths_shared(), *dir = shared_dir(p->release);
	int r = 0;

	if (!p->is_running || !p->texts[KG_TEXT_FORMATS])
		return kg_error_set(err, KG_E_PERM, STAGE, "this user does not see the running kernel's tracepoints, either");
	if (g_mkdir_with_parents(all, 0755) || chmod(all, 0755))
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", all, g_strerror(errno));
	r = kg_profile_save(p, dir, err);
	if (r == 0)
		r = open_to_all(dir, err);
	if (r == 0 && !is_trusted(dir))
		r = kg_error_set(err, KG_E_PERM, STAGE, "%s belongs to somebody else, so nobody will believe it", dir);
	if (r == 0 && ret_dir)
		*ret_dir = g_steal_pointer(&dir);
	return r;
}
