/* Between processes: shared memory, pipes, Unix sockets. */
#include "stimulus.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Each segment is marked for removal while it is attached: nothing is left of it, however this ends. */
static void use_segments(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long id = stim_must(s, syscall(SYS_shmget, IPC_PRIVATE, bytes, 0600 | IPC_CREAT), "shmget");
		long p = syscall(SYS_shmat, id, NULL, 0);
		syscall(SYS_shmctl, id, IPC_RMID, NULL);
		stim_must(s, p == -1 ? -1 : 0, "shmat");
		*(volatile char *)p = 1;
		stim_must(s, syscall(SYS_shmdt, p), "shmdt");
	}
	stim_end(s);
}

static void run_shm(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");

	stim_act(s, use_segments, NULL);
	stim_tell(s, "shmget.count", n);
	stim_tell(s, "shmget.size", bytes);
	stim_tell(s, "shmget.bytes", n * bytes);
	stim_tell(s, "shmat.count", n);
	stim_tell(s, "shmdt.count", n);
	stim_tell(s, "syscalls", 4 * n + 1);
}

static void make_memfds(struct stim *s, void *data)
{
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++)
		syscall(SYS_close, stim_must(s, syscall(SYS_memfd_create, "kgstim-memory", 0), "memfd_create"));
	stim_end(s);
}

static void run_memfd(struct stim *s)
{
	stim_act(s, make_memfds, NULL);
	stim_tell(s, "memfd_create.count", stim_number(s, "count"));
	stim_tell_text(s, "memfd_create.name", "kgstim-memory");
	stim_tell(s, "syscalls", 2 * stim_number(s, "count") + 1);
}

/* At most 4096 bytes fit a pipe for sure. */
static void use_pipe(struct stim *s, void *data)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	char buffer[4096] = "";
	int fds[2];

	stim_begin(s);
	stim_must(s, syscall(SYS_pipe2, fds, 0), "pipe2");
	for (long i = 0; i < n; i++) {
		if (syscall(SYS_write, fds[1], buffer, bytes) != bytes || syscall(SYS_read, fds[0], buffer, bytes) != bytes)
			stim_fail(s, "pipe: %s", strerror(errno));
	}
	stim_end(s);
}

static void run_pipe(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");

	stim_act(s, use_pipe, NULL);
	stim_tell(s, "pipe.count", 1);
	stim_tell(s, "write.count", n);
	stim_tell(s, "write.size", bytes);
	stim_tell(s, "write.bytes", n * bytes);
	stim_tell(s, "read.count", n);
	stim_tell(s, "read.size", bytes);
	stim_tell(s, "read.bytes", n * bytes);
	stim_tell(s, "syscalls", 2 * n + 2);
}

static void use_unix(struct stim *s, void *path)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int listener = (int)stim_must(s, socket(AF_UNIX, SOCK_STREAM, 0), "socket");
	char buffer[4096] = "";

	snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", (char *)path);
	stim_must(s, bind(listener, (struct sockaddr *)&at, sizeof(at)), "bind");
	stim_must(s, listen(listener, 128), "listen");
	stim_begin(s);
	for (long i = 0; i < n; i++) {
		long client = stim_must(s, syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0), "socket"), server;
		stim_must(s, syscall(SYS_connect, client, &at, offsetof(struct sockaddr_un, sun_path) + strlen(at.sun_path) + 1), "connect");
		server = stim_must(s, syscall(SYS_accept4, listener, NULL, NULL, 0), "accept4");
		if (syscall(SYS_sendto, client, buffer, bytes, 0, NULL, 0) != bytes ||
		    syscall(SYS_recvfrom, server, buffer, bytes, MSG_WAITALL, NULL, NULL) != bytes)
			stim_fail(s, "data: %s", strerror(errno));
		syscall(SYS_close, server);
		syscall(SYS_close, client);
	}
	stim_end(s);
}

static void run_unix(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	char path[512];

	snprintf(path, sizeof(path), "%s", stim_path(s, "socket"));
	if (strlen(path) > 100)
		stim_cannot(s, "--dir is too long for the path of a Unix socket");
	stim_act(s, use_unix, path);
	stim_tell(s, "socket.count", n);
	stim_tell(s, "connect.count", n);
	stim_tell_text(s, "connect.path", path);
	stim_tell(s, "accept.count", n);
	stim_tell(s, "send.count", n);
	stim_tell(s, "send.bytes", n * bytes);
	stim_tell(s, "receive.count", n);
	stim_tell(s, "receive.bytes", n * bytes);
	stim_tell(s, "syscalls", 7 * n + 1);
}

#define COUNT(n) {"count", "N", n, "how many", 0, 100000, NULL}
static const struct stim_option shm_options[] = {COUNT("10"), {"bytes", "BYTES", "64K", "size of each", 1, 1 << 30, NULL}, {NULL}};
static const struct stim_option pipe_options[] = {COUNT("50"), {"bytes", "BYTES", "100", "of each transfer", 1, 4096, NULL}, {NULL}};
static const struct stim_option unix_options[] = {COUNT("20"), {"bytes", "BYTES", "100", "sent over each", 1, 4096, NULL}, {NULL}};
static const struct stim_option count_options[] = {COUNT("20"), {NULL}};

const struct stimulus stim_ipc[] = {
	{"shared-memory", "make System V shared memory, attach it, detach it", run_shm, shm_options,
	 "shmget.count shmget.size shmget.bytes shmat.count shmdt.count syscalls", NULL},
	{"memfd", "make memory files", run_memfd, count_options, "memfd_create.count memfd_create.name syscalls", NULL},
	{"pipe", "write into a pipe and read from it", run_pipe, pipe_options,
	 "pipe.count write.count write.size write.bytes read.count read.size read.bytes syscalls", NULL},
	{"unix-socket", "connect to a Unix socket, accept, send, receive, close", run_unix, unix_options,
	 "socket.count connect.count connect.path accept.count send.count send.bytes receive.count receive.bytes syscalls", NULL},
	{NULL},
};
