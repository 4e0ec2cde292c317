/*
 * Profiles of real kernels for tests: tests/profiles/NAME.tar.xz (made by tools/make-profile), unpacked once and kept below
 * $TMPDIR, so that many test programs share it.
 *
 *	g_autofree char *dir = kg_fixture_profile("debian-6.1-amd64");
 *	if (!dir)
 *		skip();
 *	struct kg_profile_opts opts = {.dir = dir};
 */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KG_FIXTURE_6_1 "debian-6.1-amd64"   /* kprobes, fentry; ext4, xfs, btrfs, nfs, nf_conntrack, kvm ... loaded */
#define KG_FIXTURE_6_12 "debian-6.12-amd64"

/* The profile's directory (owned), or NULL where it can't be had (tar or xz missing): then skip, saying so. */
static inline char *kg_fixture_profile(const char *name)
{
	const char *tests = g_getenv("KGENT_TESTS");
	g_autofree char *up = g_path_get_dirname(__FILE__);
	g_autofree char *archive = g_strdup_printf("%s/profiles/%s.tar.xz", tests ? tests : "", name);
	struct stat st;

	if (!tests || stat(archive, &st) < 0) {
		g_free(archive);
		archive = g_strdup_printf("%s/../profiles/%s.tar.xz", up, name);
		if (stat(archive, &st) < 0) {
			fprintf(stderr, "fixture: there is no %s\n", archive);
			return NULL;
		}
	}
	char *dir = g_strdup_printf("%s/kgent-%s-%u-%lld-%lld", g_get_tmp_dir(), name, (unsigned)getuid(), (long long)st.st_mtime,
				    (long long)st.st_size);

	if (!lstat(dir, &st) && S_ISDIR(st.st_mode) && st.st_uid == getuid())
		return dir;
	g_autofree char *part = g_strdup_printf("%s.%d", dir, (int)getpid());
	const char *const argv[] = {"tar", "-xJf", archive, "-C", part, NULL};
	int status = -1;

	if (g_mkdir(part, 0700) < 0 || !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL) ||
	    status) {
		fprintf(stderr, "fixture: %s can't be unpacked (tar and xz are needed)\n", archive);
		g_free(dir);
		return NULL;
	}
	if (rename(part, dir) < 0 && g_file_test(dir, G_FILE_TEST_IS_DIR)) { /* another test was faster */
		const char *const rm[] = {"rm", "-rf", part, NULL};

		g_spawn_sync(NULL, (char **)rm, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	}
	return dir;
}
