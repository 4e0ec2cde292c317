#pragma once

/* Compile the bpftrace program in a file and load it: two lines of nanoseconds, the second only if the kernel loads all of it. 0 if it compiles. */
int bench_verify(const char *path);
