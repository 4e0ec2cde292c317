/* UDP over loopback: datagrams that arrive, and datagrams that are dropped. */
#include "net.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ends {
	int fds[2]; /* receivers */
	int port;
	int senders[2];
};

static int family_of(const struct ends *e, long i)
{
	if (e->fds[0] >= 0 && e->fds[1] >= 0)
		return i % 2 ? AF_INET6 : AF_INET;
	return e->fds[0] >= 0 ? AF_INET : AF_INET6;
}

static void open_ends(struct stim *s, struct ends *e)
{
	struct net_address at;

	e->port = net_bound_family(s, SOCK_DGRAM, e->fds);
	for (int i = 0; i < 2; i++) {
		e->senders[i] = e->fds[i] < 0 ? -1 : net_bound(s, i ? AF_INET6 : AF_INET, SOCK_DGRAM, &at);
		s->ids[i] = e->fds[i] < 0 ? 0 : net_port(&at);
	}
}

static void send_receive(struct stim *s, void *data)
{
	struct ends *e = data;
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	char *buffer = stim_memory(s, (size_t)bytes);

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		int family = family_of(e, i), is_6 = family == AF_INET6;
		struct net_address to = net_loopback(family, e->port);
		if (syscall(SYS_sendto, e->senders[is_6], buffer, bytes, 0, &to.any, to.length) != bytes)
			stim_fail(s, "sendto: %s", strerror(errno));
		if (syscall(SYS_recvfrom, e->fds[is_6], buffer, bytes, 0, NULL, NULL) != bytes)
			stim_fail(s, "recvfrom: %s", strerror(errno));
	}
	stim_end(s);
}

static void tell_ends(struct stim *s, const struct ends *e, long sent, long received)
{
	long bytes = stim_number(s, "bytes");
	bool both = e->fds[0] >= 0 && e->fds[1] >= 0;
	const char *host = both ? "" : net_host(family_of(e, 0));

	stim_tell(s, "send.count", sent);
	stim_tell(s, "send.size", bytes);
	stim_tell(s, "send.bytes", sent * bytes);
	stim_tell(s, "send.dport", e->port);
	stim_tell_text(s, "send.daddr", host); /* two of them: empty */
	stim_tell_text(s, "send.saddr", host);
	stim_tell(s, "send.sport4", s->ids[0]);
	stim_tell(s, "send.sport6", s->ids[1]);
	stim_tell(s, "receive.count", received);
	stim_tell(s, "receive.size", bytes);
	stim_tell(s, "receive.bytes", received * bytes);
}

static void run_udp(struct stim *s)
{
	long n = stim_number(s, "count");
	struct ends e;

	open_ends(s, &e);
	stim_act(s, send_receive, &e);
	tell_ends(s, &e, n, n);
	stim_tell(s, "syscalls", 2 * n + 1);
}

/* ---------------------------------------------------------------- dropped */

/* How many datagrams the kernel has dropped at this socket: its own count. */
static long dropped(struct stim *s, int fd)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t length = sizeof(info);

	stim_must(s, getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length), "SO_MEMINFO");
	return info[SK_MEMINFO_DROPS];
}

static void send_only(struct stim *s, void *data)
{
	struct ends *e = data;
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes"), received = 0;
	int is_6 = e->fds[1] >= 0, fd = e->fds[is_6];
	struct net_address to = net_loopback(is_6 ? AF_INET6 : AF_INET, e->port);
	char *buffer = stim_memory(s, (size_t)bytes);

	stim_begin(s);
	for (long i = 0; i < n; i++)
		if (syscall(SYS_sendto, e->senders[is_6], buffer, bytes, 0, &to.any, to.length) != bytes)
			stim_fail(s, "sendto: %s", strerror(errno));
	while (syscall(SYS_recvfrom, fd, buffer, bytes, MSG_DONTWAIT, NULL, NULL) == bytes)
		received++;
	stim_end(s);
	s->shared[0] = received;
	s->shared[1] = dropped(s, fd);
}

static void run_drop(struct stim *s)
{
	long n = stim_number(s, "count");
	int small = 1;
	struct ends e;

	open_ends(s, &e);
	for (int i = 0; i < 2; i++) {
		if (e.fds[i] >= 0 && stim_is(s, "why", "filter"))
			net_drop_all(s, e.fds[i]);
		else if (e.fds[i] >= 0)
			setsockopt(e.fds[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	}
	stim_act(s, send_only, &e);
	if (s->shared[0] + s->shared[1] != n)
		stim_fail(s, "%ld sent, %ld received, and the kernel says that it dropped %ld", n, s->shared[0], s->shared[1]);
	tell_ends(s, &e, n, s->shared[0]);
	stim_tell(s, "drop.count", s->shared[1]);
	stim_tell_text(s, "drop.why", stim_text(s, "why"));
}

#define ENDS "send.count send.size send.bytes send.dport send.daddr send.saddr send.sport4 send.sport6 receive.count receive.size receive.bytes"
static const struct stim_option udp_options[] = {
	{"count", "N", "20", "how many datagrams", 0, 100000, NULL}, {"bytes", "BYTES", "100", "of each", 1, 60000, NULL},
	{"family", "WHICH", "4", "over IPv4, IPv6, or both in turn", 0, 0, "4 6 both"}, {NULL}};
static const struct stim_option drop_options[] = {
	{"count", "N", "50", "how many datagrams are sent", 0, 100000, NULL}, {"bytes", "BYTES", "1000", "of each", 1, 60000, NULL},
	{"family", "WHICH", "4", "over IPv4 or IPv6", 0, 0, "4 6"},
	{"why", "WHAT", "buffer", "the receiver's buffer is full, or a filter on its socket drops all", 0, 0, "buffer filter"}, {NULL}};

const struct stimulus stim_udp[] = {
	{"udp", "send datagrams and receive them", run_udp, udp_options, ENDS " syscalls", NULL},
	{"udp-drop", "send datagrams that the receiver's socket drops", run_drop, drop_options, ENDS " drop.count drop.why", NULL},
	{NULL},
};
