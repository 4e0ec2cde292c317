/* The seccomp filter of the load check: which system calls kgent is asked about. */
#pragma once

#include <kgent/child.h>

/* Owned (kg_child_filter_free()), or NULL with an errno value in [ret_errno]. */
struct sock_fprog *load_filter_new(int *ret_errno);
