/* XDG base directories and the shipped data: see include/kgent/paths.h. */
#include <kgent/paths.h>

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef KG_DATADIR
#define KG_DATADIR "/usr/local/share/kgent"
#endif
#ifndef KG_LIBEXECDIR
#define KG_LIBEXECDIR "/usr/local/libexec/kgent"
#endif

/* The environment is read at each call: tests and sudo change HOME. */
static char *xdg(const char *variable, const char *below_home)
{
	const char *dir = g_getenv(variable), *home = g_getenv("HOME");

	if (dir && g_path_is_absolute(dir))
		return g_build_filename(dir, "kgent", NULL);
	if (home && g_path_is_absolute(home))
		return g_build_filename(home, below_home, "kgent", NULL);
	return NULL;
}

char *kg_paths_cache(void)
{
	return xdg("XDG_CACHE_HOME", ".cache");
}

char *kg_paths_shared(void)
{
	const char *set = g_getenv("KGENT_SHARED");

	return g_strdup(set && *set ? set : "/var/lib/kgent/profiles");
}

char *kg_paths_config(void)
{
	return xdg("XDG_CONFIG_HOME", ".config");
}

char *kg_paths_data_home(void)
{
	return xdg("XDG_DATA_HOME", ".local/share");
}

/* The build directory that the running binary still lies in, or NULL. */
static char *build_directory(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	for (int up = 0; up < 4; up++) {
		g_autofree char *dir = g_path_get_dirname(exe);
		g_autofree char *ninja = g_build_filename(dir, "build.ninja", NULL);
		g_autofree char *data = g_build_filename(dir, "..", "data", NULL);

		if (g_file_test(ninja, G_FILE_TEST_EXISTS) && g_file_test(data, G_FILE_TEST_IS_DIR))
			return g_steal_pointer(&dir);
		g_strlcpy(exe, dir, sizeof(exe));
	}
	return NULL;
}

/* A binary that still lies in its build directory uses the data of its source tree. */
static char *beside_binary(void)
{
	g_autofree char *build = build_directory();
	g_autofree char *data = build ? g_build_filename(build, "..", "data", NULL) : NULL;

	return data ? g_canonicalize_filename(data, NULL) : NULL;
}

static char *shipped(void)
{
	const char *set = g_getenv("KGENT_DATA");

	if (set && *set)
		return g_strdup(set);
	char *dir = beside_binary();
	return dir ? dir : g_strdup(KG_DATADIR);
}

char **kg_paths_data(const char *what)
{
	g_autofree char *base = shipped();
	g_autofree char *user = kg_paths_config();
	const char *const roots[] = {base, user};
	GPtrArray *dirs = g_ptr_array_new();

	for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
		if (!roots[i])
			continue;
		char *dir = g_build_filename(roots[i], what, NULL);
		if (g_file_test(dir, G_FILE_TEST_IS_DIR))
			g_ptr_array_add(dirs, dir);
		else
			g_free(dir);
	}
	g_ptr_array_add(dirs, NULL);
	return (char **)g_ptr_array_free(dirs, FALSE);
}

char *kg_paths_program(const char *name)
{
	g_autofree char *build = build_directory();
	const char *const roots[] = {g_getenv("KGENT_LIBEXEC"), build, KG_LIBEXECDIR};

	for (gsize i = 0; i < G_N_ELEMENTS(roots); i++) {
		if (!roots[i] || !*roots[i])
			continue;
		g_autofree char *path = g_build_filename(roots[i], name, NULL);
		if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(path, G_FILE_TEST_IS_DIR))
			return g_canonicalize_filename(path, NULL);
	}
	return NULL;
}
