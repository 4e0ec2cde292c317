/**
 * @file
 * Where kgent keeps and finds its files (XDG base directories).
 */
#pragma once

#include <glib.h>

/** $XDG_CACHE_HOME/kgent, else ~/.cache/kgent; NULL where there is no home. Owned. */
char *kg_paths_cache(void);
/** Where root leaves kernels' profiles for everybody: $KGENT_SHARED, else /var/lib/kgent/profiles. Owned. */
char *kg_paths_shared(void);
/** $XDG_CONFIG_HOME/kgent, else ~/.config/kgent; NULL where there is no home. Owned. */
char *kg_paths_config(void);
/** $XDG_DATA_HOME/kgent, else ~/.local/share/kgent; NULL where there is no home. Owned. */
char *kg_paths_data_home(void);
/**
 * The directories with kgent's shipped data ("events", "words"), least important first, NULL-terminated, owned (g_strfreev):
 * the first that exists of $KGENT_DATA, the source tree's data/ beside the binary's build directory, and the installed one;
 * then the user's own ~/.config/kgent.
 * @param what a subdirectory; only directories that exist are returned
 */
char **kg_paths_data(const char *what);
/**
 * A program of kgent's own that is not for people to call (kgent-stimulus): the first that can be executed of $KGENT_LIBEXEC/NAME,
 * the build directory that this binary lies in, and the installed one (libexecdir/kgent/NAME).
 * @return its absolute path, owned; NULL where there is none
 */
char *kg_paths_program(const char *name);
