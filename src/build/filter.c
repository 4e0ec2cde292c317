/*
 * A seccomp filter with a listener: the child installs it and sends the listener (a descriptor that only the filtered process gets) through a
 * socket; the parent lets the first execve pass. Structures and ioctls: seccomp_unotify(2), linux/seccomp.h of 5.9.
 */
#include "filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct sock_fprog *kg_child_filter_export(void *ctx, int *ret_errno)
{
	int fd = memfd_create("filter", MFD_CLOEXEC);
	struct sock_fprog *prog = NULL;
	struct stat st;

	if (fd < 0) {
		*ret_errno = errno;
		return NULL;
	}
	if (seccomp_export_bpf(ctx, fd) == 0 && fstat(fd, &st) == 0 && st.st_size > 0 &&
	    st.st_size / (off_t)sizeof(struct sock_filter) <= BPF_MAXINSNS) {
		prog = g_new0(struct sock_fprog, 1);
		prog->len = (unsigned short)(st.st_size / (off_t)sizeof(struct sock_filter));
		prog->filter = g_malloc((gsize)st.st_size);
		if (pread(fd, prog->filter, (gsize)st.st_size, 0) != st.st_size)
			prog = kg_child_filter_free(prog);
	}
	if (!prog)
		*ret_errno = EINVAL;
	close(fd);
	return prog;
}

struct sock_fprog *kg_child_filter_free(struct sock_fprog *prog)
{
	if (prog) {
		g_free(prog->filter);
		g_free(prog);
	}
	return NULL;
}

static int send_fd(int sock, int fd)
{
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

int filter_install(const struct sock_fprog *prog, int listener)
{
	long fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return errno;
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, listener >= 0 ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0UL, prog);
	if (fd < 0)
		return errno;
	return listener >= 0 ? send_fd(listener, (int)fd) : 0;
}

int filter_receive_listener(int sock)
{
	char byte;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c;
	ssize_t n;
	int fd = -1;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

void filter_pass_first(int notify, int report)
{
	struct pollfd p[2] = {{notify, POLLIN, 0}, {report, POLLIN, 0}};
	/* the kernel's structures may be larger than those we were built with */
	struct { struct seccomp_notif n; char room[256]; } req = {0};
	struct { struct seccomp_notif_resp r; char room[256]; } resp = {0};

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	/* the program runs already, or never will: what waits there is not its execve */
	if (p[1].revents || !(p[0].revents & POLLIN) || ioctl(notify, SECCOMP_IOCTL_NOTIF_RECV, &req))
		return;
	resp.r.id = req.n.id;
	resp.r.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(notify, SECCOMP_IOCTL_NOTIF_SEND, &resp);
}
