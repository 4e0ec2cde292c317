/**
 * @file
 * Build: does the installed bpftrace compile this program, and into what?
 *
 * `bpftrace --emit-elf` compiles without loading anything. It asks to be root only by its own choice, so where we are
 * not root it runs as "root" of a user namespace of its own, which gives no privilege on the system. Where the system
 * forbids such namespaces the answer is "not checked", with the reason.
 *
 * The program is handed over in memory (memfd), the object comes back in memory: nothing is written to disk.
 * bpftrace runs with standard input closed, an environment of its own, a time limit, and dies with kgent.
 *
 * With a profile it compiles for that kernel: it sees the profile's types, tracepoints and functions where it looks for those of the running kernel,
 * and what it asks the kernel itself is answered from the profile. Needed for that are a user and a mount namespace and seccomp notifications
 * (Linux 5.9); without them the answer is "not checked". What a profile does not have (addresses of symbols for kaddr(), the kernel's headers) is
 * not taken from the running kernel: a program that needs it is "not checked", too.
 */
#pragma once

#include <kgent/bpftrace_tool.h>
#include <kgent/profile.h>

/** All zero is a good default. */
struct kg_build_opts {
	const struct kg_bpftrace *tool;          /**< NULL: kg_bpftrace_find() */
	const struct kg_bpftrace_limits *limits; /**< NULL: bpftrace's defaults */
	const char *const *args;                 /**< positional parameters $1, $2, ...; NULL-terminated; NULL: none */
	gboolean allow_unsafe;                   /**< compile what bpftrace calls unsafe (system(), signal(), ...) */
	int pid;                                 /**< bpftrace -p, needed by some user probes; 0: none */
	int timeout_ms;                          /**< 0: 20000 */
	gsize max_object;                        /**< bytes; 0: 64 MiB */
	struct kg_profile *profile;              /**< of the kernel that it is compiled for; NULL: what the system shows of the running one. That of the
						    running kernel is used where bpftrace would not see its types: for all but root */
};

enum kg_build_outcome {
	KG_BUILD_COMPILED,    /**< it compiles: object holds the BPF object file */
	KG_BUILD_FAILED,      /**< it does not: diags say why, at least one of them an error */
	KG_BUILD_NOT_CHECKED, /**< it could not be tried: why and mend */
};

/** Zero-initialise; release with kg_build_result_clear(). */
struct kg_build_result {
	enum kg_build_outcome outcome;
	GPtrArray *diags;  /**< struct kg_diag *: errors and warnings with places in the program text; never NULL on success */
	GBytes *object;    /**< ELF object, or NULL */
	char *why;         /**< one line, when not checked; else NULL */
	char *mend;        /**< what makes it possible: a command line; or NULL */
	gint64 took_ns;
};

/**
 * Compile [program] with the installed bpftrace. Nothing is loaded into the kernel, no privilege is needed.
 *
 * @param program NUL-terminated text of bpftrace's language
 * @param opts may be NULL
 * @param ret filled on success
 * @return 0, also for a program that does not compile (that is an outcome);
 *         -KG_E_TOOL: no bpftrace; -KG_E_LIMIT: it took longer than timeout_ms or its object is too large;
 *         -KG_E_IO: no memory file, pipe or process could be made; -KG_E_PARSE: the profile has names or formats that are not those of a kernel
 */
int kg_build(const char *program, const struct kg_build_opts *opts, struct kg_build_result *ret, struct kg_error *err);
void kg_build_result_clear(struct kg_build_result *res);
const char *kg_build_outcome_name(enum kg_build_outcome outcome); /**< "passed", "failed", "not checked" */
