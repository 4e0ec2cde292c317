/*
 * The supervised process is not an adversary: what runs in it is bpftrace, and the program under test cannot act, since it is not attached. So
 * reading arguments from its memory while it waits for us is enough. See seccomp_unotify(2) on what this would mean otherwise.
 */
#include "target.h"

#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

gboolean target_read(pid_t pid, uint64_t addr, void *buf, gsize len)
{
	struct iovec local = {buf, len}, remote = {(void *)(uintptr_t)addr, len};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

gboolean target_read_string(pid_t pid, uint64_t addr, char *buf, gsize size)
{
	gsize done = 0;

	/* page by page: the string may end just before memory that is not there */
	while (done < size) {
		gsize chunk = MIN(size - done, 4096 - (gsize)((addr + done) & 4095));

		if (!target_read(pid, addr + done, buf + done, chunk))
			return FALSE;
		if (memchr(buf + done, 0, chunk))
			return TRUE;
		done += chunk;
	}
	return FALSE;
}

static gboolean status_number(const char *status, const char *key, pid_t *ret)
{
	const char *s = strstr(status, key);

	return s && sscanf(s + strlen(key), "%d", ret) == 1;
}

pid_t target_process(pid_t tid, pid_t *ret_parent)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", tid);
	g_autofree char *status = NULL;
	pid_t process = 0, parent = 0;

	if (!g_file_get_contents(path, &status, NULL, NULL) || !status_number(status, "\nTgid:", &process))
		return 0;
	status_number(status, "\nPPid:", &parent);
	if (ret_parent)
		*ret_parent = parent;
	return process;
}

gboolean target_fd_link(pid_t pid, int fd, char *buf, gsize size)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", pid, fd);
	ssize_t n = readlink(path, buf, size - 1);

	if (n < 0)
		return FALSE;
	buf[n] = '\0';
	return TRUE;
}

gboolean target_program(pid_t process, int fd, struct target_program *ret)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};
	int pidfd = (int)syscall(SYS_pidfd_open, process, 0);
	int prog = pidfd >= 0 ? (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0) : -1;
	char link[64];
	gboolean ok = FALSE;

	attr.info.bpf_fd = (uint32_t)prog;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	/* maps and BTF answer the same call with structures of their own */
	if (prog >= 0 && target_fd_link(getpid(), prog, link, sizeof(link)) && strstr(link, "bpf-prog"))
		ok = syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) == 0 && info.id != 0;
	if (ok) {
		ret->id = info.id;
		ret->type = info.type;
		ret->n_insns = info.xlated_prog_len / 8;
		memcpy(ret->name, info.name, 16);
		ret->name[16] = '\0';
	}
	if (prog >= 0)
		close(prog);
	if (pidfd >= 0)
		close(pidfd);
	return ok;
}
