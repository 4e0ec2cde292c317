/* Looking into the supervised process: its memory, its descriptors, the BPF programs behind them. */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/types.h>

/* All of [len] bytes, or FALSE. */
gboolean target_read(pid_t pid, uint64_t addr, void *buf, gsize len);
/* A NUL-terminated string of at most size - 1 bytes, or FALSE. */
gboolean target_read_string(pid_t pid, uint64_t addr, char *buf, gsize size);
/* The process that thread [tid] belongs to, and its parent; 0 when it is gone. */
pid_t target_process(pid_t tid, pid_t *ret_parent);
/* What descriptor [fd] is, as /proc says: "anon_inode:bpf-prog". */
gboolean target_fd_link(pid_t pid, int fd, char *buf, gsize size);

/* A program that the kernel holds. */
struct target_program {
	uint32_t id;
	uint32_t type;
	uint32_t n_insns; /* after verification */
	char name[17];
};
/* The program behind the process's descriptor: this is the kernel's own word that it was loaded. FALSE when it is none. */
gboolean target_program(pid_t process, int fd, struct target_program *ret);
