/*
 * The kernel verifier of a kernel that does not run here: the program is compiled and loaded in a sandbox, once, and two checks read the result.
 * The sandbox is opened when the first of them is reached.
 */
#pragma once

#include <kgent/agent.h>
#include <kgent/load.h>
#include <kgent/sandbox.h>

struct boxed {
	const char *kernel;                /* NULL: there is none */
	const struct kg_check_opts *opts;
	struct kg_sandbox *box, *own;      /* the caller's, or [own] */
	gboolean has_result;
	struct kg_load_result result;      /* outcome "not checked" also for a sandbox that could not be had; has a mend then */
};

/* The sandbox, opened if it is not yet; NULL with [err]. Borrowed. */
struct kg_sandbox *boxed_open(struct boxed *b, struct kg_error *err);
/* The result of loading; always there. Its findings have the place of the probe that they are about, where that can be told. */
const struct kg_load_result *boxed_load(struct boxed *b, const char *text, const struct kg_load_opts *opts, const struct kg_bt_program *program);
void boxed_clear(struct boxed *b);

/* Did it fail before a kernel saw it: at the compiler? */
gboolean boxed_is_compiler(const struct kg_load_result *res);
/* The attach point that bpftrace names a refused program by, or NULL. Borrowed. */
const struct kg_bt_attach *boxed_find_attach(const struct kg_bt_program *program, const char *probe);
/* A kernel of `kgent kernel list` that is the running one (its release and not only its name); owned, or NULL. */
char *boxed_running_kernel(const struct kg_check_opts *opts);
