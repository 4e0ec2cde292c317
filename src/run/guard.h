/* A second lock: while a program runs, bpftrace starts no other program. */
#pragma once

#include <kgent/child.h>

/* Owned (kg_child_filter_free()), or NULL where it can't be made. */
struct sock_fprog *guard_new(void);
/* Answer one call that the listener has. [is_compiling]: no map was made yet; kept from call to call, TRUE at first. */
void guard_serve(int notify, gboolean *is_compiling);
