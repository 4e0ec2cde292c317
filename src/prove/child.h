/* Work in a child process with a memory bound, whose answer is a text. See child.c. */
#pragma once

#include <kgent/prove.h>

#define STAGE "proof"

/* Runs in the child, with opts->bounds.stop being its own; the text is the answer. */
typedef char *(*child_fn)(void *user, const struct kg_prove_opts *opts);
/* *ret: what it answered, less than all of it when it died; *ret_status: as waitpid() gives it. 0 or -KG_E_IO. */
int child_run(child_fn make, void *user, const struct kg_prove_opts *opts, GString **ret, int *ret_status, struct kg_error *err);
/* How it ended, in words; owned. */
char *child_why(int status);
