/* A bpftrace of our own making for tests: a shell script that $KGENT_BPFTRACE names. Each test program removes its folder at the end. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *fake_dir;

static char *fake_path(const char *name)
{
	if (!fake_dir)
		fake_dir = g_dir_make_tmp("kgent-test-XXXXXX", NULL);
	return g_build_filename(fake_dir, name, NULL);
}

/* A script that answers --version as bpftrace 0.17 does, and else does [body]; the program's text is in "$program". */
static void fake_use(const char *body)
{
	g_autofree char *path = fake_path("bpftrace");
	g_autofree char *script = g_strdup_printf("#!/bin/sh\n"
						  "[ \"$1\" = --version ] && echo 'bpftrace v0.17.0' && exit 0\n"
						  "program=$(cat /dev/fd/3)\n%s\n", body);

	/* a new file each time: a script that still runs must not change under its shell */
	g_unlink(path);
	assert_true(g_file_set_contents(path, script, -1, NULL));
	assert_int_equal(g_chmod(path, 0755), 0);
	g_setenv("KGENT_BPFTRACE", path, TRUE);
}

static inline void fake_use_none(void)
{
	g_unsetenv("KGENT_BPFTRACE");
}

static int fake_remove(void **state)
{
	const char *name;
	GDir *dir;

	g_unsetenv("KGENT_BPFTRACE");
	if (!fake_dir)
		return 0;
	dir = g_dir_open(fake_dir, 0, NULL);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(fake_dir, name, NULL);

		g_unlink(path);
	}
	if (dir)
		g_dir_close(dir);
	g_rmdir(fake_dir);
	g_clear_pointer(&fake_dir, g_free);
	return 0;
}

/* How many descriptors this process has: none may be left behind. */
static inline guint count_fds(void)
{
	GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
	guint n = 0;

	while (dir && g_dir_read_name(dir))
		n++;
	if (dir)
		g_dir_close(dir);
	return n;
}

/* Skip with the reason where the real bpftrace can't be used. */
#define need_bpftrace() \
	do { \
		fake_use_none(); \
		g_autofree char *found_ = g_find_program_in_path("bpftrace"); \
		if (!found_) { \
			print_message("skipped: bpftrace is not installed\n"); \
			skip(); \
		} \
	} while (0)
