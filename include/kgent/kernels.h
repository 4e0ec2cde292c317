/**
 * @file
 * Kernels that can be booted in a sandbox, as `kgent kernel` keeps them.
 *
 * Each is a directory below $XDG_CACHE_HOME/kgent/kernels:
 *
 *   NAME/meta.json   {"format": 1, "release": "6.1.0-56-cloud-amd64", "from": "linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb",
 *                     "added": "2026-11-20T08:40:00Z", "modules": ["xfs", ...], "profile_by": "kgent 0.1.0"}
 *   NAME/vmlinuz     as the distribution made it
 *   NAME/config      the configuration it was built with, where there was one
 *   NAME/modules/    FILE.ko, and `list`: a line each in the order in which they are loaded, "FILE.ko PARAMETERS"
 *   NAME/profile/    as of kgent/profile.h, made in the booted kernel
 *   NAME/state-KEY/  a saved state (docs/sandbox.md): at most one for each way to boot it; the oldest goes when there are more than two
 *
 * A directory appears whole or not at all. What an interrupted `add` left behind is removed by the next one.
 */
#pragma once

#include <kgent/profile.h>

struct kg_kernel {
	char *name;          /**< what --kernel takes */
	char *release;       /**< uname -r */
	char *from;          /**< package file or path that it came from */
	char *added;         /**< ISO 8601, UTC */
	char *dir;           /**< its directory, absolute */
	char *profile;       /**< directory of its profile, which kg_profile_open() takes */
	guint n_modules;     /**< that can be loaded in it */
	guint64 size_bytes;  /**< on disk, without saved states */
	guint64 states_bytes;/**< its saved states on disk */
};
struct kg_kernel *kg_kernel_free(struct kg_kernel *kernel);

/** All kernels, sorted by name as versions. @param cache_dir NULL: kg_paths_cache(). @param ret owned array of struct kg_kernel * */
int kg_kernels_list(const char *cache_dir, GPtrArray **ret, struct kg_error *err);
/**
 * The kernel of that name, or the only one whose name begins with it and goes on with something else than a digit ("6.1" is not "6.12...").
 * @return 0; -KG_E_NOTFOUND: none, or several; the hint says what there is; -KG_E_PARSE, -KG_E_IO: its meta.json can't be read
 */
int kg_kernel_find(const char *cache_dir, const char *name, struct kg_kernel **ret, struct kg_error *err);

/** All zero but [what] is a good default. */
struct kg_kernel_add_opts {
	/**
	 * Which one:
	 *   "running"            the kernel that runs here, from /boot and /lib/modules
	 *   "latest"             the newest that the machine's package sources have
	 *   "6.12", "6.1.0-56"   the newest package whose version begins so; the flavour for virtual machines is preferred, as it is small
	 *   linux-image-...      a package, also one that only depends on the real one
	 *   a path               a package file (.deb), or a kernel image (vmlinuz)
	 */
	const char *what;
	const char *name;           /**< NULL: its release */
	const char *const *modules; /**< beside those of data/sandbox/modules; NULL-terminated; NULL: none */
	const char *modules_dir;    /**< of a kernel image: its lib/modules/RELEASE; NULL: where the host has it */
	const char *cache_dir;      /**< NULL: kg_paths_cache() */
	gboolean replaces;          /**< a kernel of that name is replaced */
	void (*progress)(void *user, const char *what); /**< told each step that takes time; may be NULL */
	void *user;
};
/**
 * Fetch a kernel with the machine's package manager, or take a file; boot it once; save its profile and the machine's state.
 * @return 0; -KG_E_NOTFOUND: no such package or file; -KG_E_INVAL: a kernel of that name is there, or the name can't be one; -KG_E_TOOL: a tool
 *         is missing, or the kernel did not boot; -KG_E_PARSE: it is no kernel; -KG_E_IO. Nothing is left behind then.
 */
int kg_kernel_add(const struct kg_kernel_add_opts *opts, struct kg_kernel **ret, struct kg_error *err);
/** Remove a kernel, its profile and its states. The name must be whole. -KG_E_NOTFOUND: there is none */
int kg_kernel_remove(const char *cache_dir, const char *name, struct kg_error *err);

/** What was found out about KVM on this machine. */
enum kg_kvm_state { KG_KVM_WORKS, KG_KVM_ABSENT, KG_KVM_FORBIDDEN, KG_KVM_BROKEN, KG_KVM_UNTRIED };
/**
 * Does KVM work here? What was found out by booting a kernel is remembered until the host is booted again, or its kernel or QEMU changes.
 * This only looks: KG_KVM_UNTRIED until the first sandbox was opened.
 * @param ret_why one line, owned; may be NULL
 */
enum kg_kvm_state kg_kvm_state(const char *cache_dir, char **ret_why);
