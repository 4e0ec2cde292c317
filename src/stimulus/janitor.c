/*
 * Clean-up on every exit, SIGKILL too.
 *
 * A process of its own (in a session of its own, deaf to signals) holds the reading end of a pipe into which each thing to be cleaned
 * up is written *before* it is made. When all processes of the run have ended, the pipe ends; then the janitor goes through what
 * it was told, last thing first. What needs no janitor: mounts (a mount namespace ends with its processes), network namespaces, pipes.
 */
#include "stimulus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RECORDS 64

struct record {
	int kind;
	char what[300];
};

static int pipe_end = -1; /* for writing */
static pid_t janitor;

/* Only what is in our own directory, and never over a mount point or a link. */
static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[600];

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (unlink(below) < 0 && (errno == EISDIR || errno == EPERM))
			remove_tree(below);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* A control group can be removed once its last process is gone for good, a loop device is free once its users are. */
static void patiently(int (*one_try)(const char *), const char *what)
{
	for (int i = 0; i < 100 && one_try(what) < 0 && errno == EBUSY; i++)
		usleep(20000);
}

static int detach_loop(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? 0 : ioctl(fd, LOOP_CLR_FD);

	if (fd >= 0)
		close(fd);
	return ret;
}

static int stop_md(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int ret = fd < 0 ? 0 : ioctl(fd, STOP_ARRAY, NULL);

	if (fd >= 0)
		close(fd);
	return ret;
}

static int unload(const char *name)
{
	return (int)syscall(SYS_delete_module, name, O_NONBLOCK);
}

static void clean(const struct record *r)
{
	switch ((enum stim_clean)r->kind) {
	case STIM_CLEAN_TREE: remove_tree(r->what); break;
	case STIM_CLEAN_RMDIR: patiently(rmdir, r->what); break;
	case STIM_CLEAN_LOOP: patiently(detach_loop, r->what); break;
	case STIM_CLEAN_SWAP: patiently(swapoff, r->what); break;
	case STIM_CLEAN_MD: patiently(stop_md, r->what); break;
	case STIM_CLEAN_MODULE: patiently(unload, r->what); break;
	case STIM_CLEAN_SEM: semctl(atoi(r->what), 0, IPC_RMID); break;
	}
}

static _Noreturn void be_janitor(int fd)
{
	static struct record records[MAX_RECORDS];
	int n = 0, null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++) /* whoever reads our output must not wait for the janitor */
		if (null < 0 || dup2(null, i) < 0)
			close(i);
	setsid();
	prctl(PR_SET_NAME, "kgstim-janitor");
	while (n < MAX_RECORDS) {
		ssize_t got = read(fd, &records[n], sizeof(records[n]));
		if (got == (ssize_t)sizeof(records[n]))
			n++;
		else if (got >= 0 || errno != EINTR)
			break;
	}
	while (n > 0)
		clean(&records[--n]);
	_exit(0);
}

void stim_janitor_start(struct stim *s)
{
	sigset_t all, before;
	int fds[2];

	stim_must(s, pipe2(fds, O_CLOEXEC), "pipe");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	janitor = (pid_t)stim_must(s, fork(), "fork");
	if (!janitor) {
		close(fds[1]);
		be_janitor(fds[0]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[0]);
	pipe_end = fds[1];
}

void stim_janitor_end(void)
{
	if (pipe_end < 0)
		return;
	close(pipe_end);
	pipe_end = -1;
	while (waitpid(janitor, NULL, 0) < 0 && errno == EINTR)
		;
}

void stim_later(struct stim *s, enum stim_clean kind, const char *what)
{
	struct record r = {.kind = kind};

	if (snprintf(r.what, sizeof(r.what), "%s", what) >= (int)sizeof(r.what))
		stim_fail(s, "the name is too long: %s", what);
	/* less than PIPE_BUF, so it is written whole */
	if (write(pipe_end, &r, sizeof(r)) != (ssize_t)sizeof(r))
		stim_fail(s, "the janitor is gone");
}
