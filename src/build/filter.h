/* Installing a seccomp filter in a child, and handing its listener to the parent. Only system calls: the child has just been forked. */
#pragma once

#include <kgent/child.h>

/* In the child. [listener]: socket to send the listener through, or -1 when the filter does not notify. 0 or an errno value. */
int filter_install(const struct sock_fprog *prog, int listener);
/* In the parent: the listener, or -1 when the child has failed before. */
int filter_receive_listener(int sock);
/* Let the execve through that starts the child's program; returns as soon as [report] has something to say, too. */
void filter_pass_first(int notify, int report);
