/* TCP over loopback: connections with data of known size, refused ones, resets, segments that are lost, a window that is closed. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_ATTEMPTS 4096

/* What becomes of each connection; in memory that actor and main share. */
struct attempts {
	int fds[2]; /* listening (or only bound) sockets, IPv4 and IPv6 */
	int dport;
};

static int family_of(const struct attempts *a, long i)
{
	if (a->fds[0] >= 0 && a->fds[1] >= 0)
		return i % 2 ? AF_INET6 : AF_INET;
	return a->fds[0] >= 0 ? AF_INET : AF_INET6;
}

/* The ports that the kernel chose get to main by s->ids, as many as are listed. */
static void note_port(struct stim *s, long i, int port)
{
	if (i < STIM_MAX_LISTED)
		s->ids[i] = port;
}

static void transfer(struct stim *s, int from, int to, char *buffer, long bytes)
{
	if (!bytes)
		return;
	for (long left = bytes; left > 0;) { /* more than the buffers hold has to go in parts */
		long part = left < 65536 ? left : 65536;
		if (syscall(SYS_sendto, from, buffer, part, 0, NULL, 0) != part)
			stim_fail(s, "sendto: %s", strerror(errno));
		if (syscall(SYS_recvfrom, to, buffer, part, MSG_WAITALL, NULL, NULL) != part)
			stim_fail(s, "recvfrom: %s", strerror(errno));
		left -= part;
	}
}

static void connect_all(struct stim *s, void *data)
{
	struct attempts *a = data;
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes"), ms = stim_number(s, "hold-ms");
	struct timespec hold = {ms / 1000, ms % 1000 * 1000000};
	char *buffer = stim_memory(s, 65536);

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		int family = family_of(a, i), listener = a->fds[family == AF_INET6];
		struct net_address to = net_loopback(family, a->dport), from = {.length = sizeof(from.v6)};
		int client = (int)stim_must(s, syscall(SYS_socket, family, SOCK_STREAM, 0), "socket"), server;
		stim_must(s, syscall(SYS_connect, client, &to.any, to.length), "connect");
		server = (int)stim_must(s, syscall(SYS_accept4, listener, &from.any, &from.length, 0), "accept4");
		note_port(s, i, net_port(&from));
		transfer(s, client, server, buffer, bytes);
		if (ms)
			syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &hold, NULL);
		syscall(SYS_close, client);
		syscall(SYS_close, server);
	}
	stim_end(s);
}

static void tell_ends(struct stim *s, const char *what, const struct attempts *a, long n)
{
	static const char *const members[] = {"count", "ipv4", "ipv6", "daddr", "saddr", "dport", "family"};
	bool both = a->fds[0] >= 0 && a->fds[1] >= 0;
	long n6 = both ? n / 2 : a->fds[1] >= 0 ? n : 0;
	const char *host = net_host(family_of(a, 0));
	char name[56];

	for (int i = 0; i < 7; i++) {
		snprintf(name, sizeof(name), "%s.%s", what, members[i]);
		if (i < 3)
			stim_tell(s, name, i == 0 ? n : i == 1 ? n - n6 : n6);
		else if (i < 5)
			stim_tell_text(s, name, both ? "" : host); /* two of them: see the list */
		else if (i == 5)
			stim_tell(s, name, a->dport);
		else
			stim_tell(s, name, both ? 0 : family_of(a, 0));
	}
}

static void list_connections(struct stim *s, const struct attempts *a, long n, bool has_sports)
{
	for (long i = 0; i < n && i < STIM_MAX_LISTED; i++) {
		int family = family_of(a, i);
		stim_tell_text_at(s, "connections", i, "family", net_family(family));
		stim_tell_text_at(s, "connections", i, "saddr", net_host(family));
		stim_tell_text_at(s, "connections", i, "daddr", net_host(family));
		stim_tell_at(s, "connections", i, "dport", a->dport);
		if (has_sports)
			stim_tell_at(s, "connections", i, "sport", s->ids[i]);
	}
}

static void listen_all(struct stim *s, struct attempts *a)
{
	a->dport = net_bound_family(s, SOCK_STREAM, a->fds);
	for (int i = 0; i < 2; i++)
		if (a->fds[i] >= 0)
			stim_must(s, listen(a->fds[i], 128), "listen");
}

static void run_connect(struct stim *s)
{
	long n = stim_number(s, "count"), bytes = stim_number(s, "bytes"), parts = (bytes + 65535) / 65536;
	struct attempts a = {0};

	listen_all(s, &a);
	stim_act(s, connect_all, &a);
	tell_ends(s, "connect", &a, n);
	stim_tell(s, "accept.count", n);
	stim_tell(s, "socket.count", n);
	stim_tell(s, "send.count", n * parts);
	stim_tell(s, "send.bytes", n * bytes);
	stim_tell(s, "receive.count", n * parts);
	stim_tell(s, "receive.bytes", n * bytes);
	stim_tell(s, "hold.least_ns", stim_number(s, "hold-ms") * 1000000);
	stim_tell(s, "syscalls", (5 + 2 * parts + (stim_number(s, "hold-ms") > 0)) * n + 1);
	list_connections(s, &a, n, true);
}

/* ---------------------------------------------------------------- refused */

/* Nobody listens at a port that a socket is only bound to, and nobody else can begin to. */
static void be_refused(struct stim *s, void *data)
{
	struct attempts *a = data;
	long n = stim_number(s, "count");

	stim_begin(s);
	for (long i = 0; i < n; i++) {
		int family = family_of(a, i);
		struct net_address to = net_loopback(family, a->dport);
		int fd = (int)stim_must(s, syscall(SYS_socket, family, SOCK_STREAM, 0), "socket");
		stim_must_fail(s, syscall(SYS_connect, fd, &to.any, to.length), ECONNREFUSED, "connect");
		syscall(SYS_close, fd);
	}
	stim_end(s);
}

static void run_refused(struct stim *s)
{
	long n = stim_number(s, "count");
	struct attempts a = {0};

	a.dport = net_bound_family(s, SOCK_STREAM, a.fds);
	stim_act(s, be_refused, &a);
	tell_ends(s, "connect", &a, n);
	stim_tell_text(s, "connect.error", "ECONNREFUSED");
	stim_tell(s, "connect.errno", ECONNREFUSED);
	stim_tell(s, "reset.count", n); /* each is answered with a reset */
	stim_tell(s, "syscalls", 3 * n + 1);
	list_connections(s, &a, n, false);
}

/* ---------------------------------------------------------------- one connection: resets, losses, a closed window */

struct pair {
	int listener, client, server, family, sport, dport;
};

static void make_pair(struct stim *s, struct pair *p, int receive_buffer)
{
	struct net_address at, from = {.length = sizeof(from.v6)};

	p->family = stim_is(s, "family", "6") ? AF_INET6 : AF_INET;
	p->listener = net_bound(s, p->family, SOCK_STREAM, &at);
	if (receive_buffer)
		setsockopt(p->listener, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	stim_must(s, listen(p->listener, 8), "listen");
	p->client = (int)stim_must(s, socket(p->family, SOCK_STREAM, 0), "socket");
	stim_must(s, connect(p->client, &at.any, at.length), "connect");
	p->server = (int)stim_must(s, accept(p->listener, &from.any, &from.length), "accept");
	p->sport = net_port(&from);
	p->dport = net_port(&at);
	s->ids[0] = p->sport;
	s->ids[1] = p->dport;
}

static void tell_pair(struct stim *s, const char *what)
{
	int family = stim_is(s, "family", "6") ? AF_INET6 : AF_INET;
	char name[56];

	snprintf(name, sizeof(name), "%s.saddr", what);
	stim_tell_text(s, name, net_host(family));
	snprintf(name, sizeof(name), "%s.daddr", what);
	stim_tell_text(s, name, net_host(family));
	snprintf(name, sizeof(name), "%s.sport", what);
	stim_tell(s, name, s->ids[0]);
	snprintf(name, sizeof(name), "%s.dport", what);
	stim_tell(s, name, s->ids[1]);
	snprintf(name, sizeof(name), "%s.family", what);
	stim_tell_text(s, name, net_family(family));
}

static void reset(struct stim *s, void *data)
{
	long n = stim_number(s, "count");
	struct linger at_once = {.l_onoff = 1};

	for (long i = 0; i < n; i++) {
		struct pair p;
		make_pair(s, &p, 0);
		setsockopt(p.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		stim_begin(s);
		syscall(SYS_close, p.client);
		stim_end(s);
		close(p.server);
		close(p.listener);
	}
}

static void run_reset(struct stim *s)
{
	stim_act(s, reset, NULL);
	stim_tell(s, "reset.count", stim_number(s, "count"));
	tell_pair(s, "reset"); /* of the last one */
}

static struct tcp_info info(struct stim *s, int fd)
{
	struct tcp_info i = {0};
	socklen_t length = sizeof(i);

	stim_must(s, getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &length), "TCP_INFO");
	return i;
}

static void nap(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/*
 * Segments are lost where they arrive: a filter on the receiving socket drops all of them until the sender has sent as many again as
 * was asked for. How many it really were is what the kernel counted for the sending socket.
 */
static void lose(struct stim *s, void *data)
{
	long want = stim_number(s, "count"), bytes = stim_number(s, "bytes");
	char buffer[1024] = "";
	struct pair p;
	int none = 0;

	make_pair(s, &p, 0);
	net_drop_all(s, p.server);
	stim_begin(s);
	if (send(p.client, buffer, (size_t)bytes, 0) != bytes)
		stim_fail(s, "send: %s", strerror(errno));
	while (info(s, p.client).tcpi_total_retrans < want)
		nap(1);
	stim_must(s, setsockopt(p.server, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)), "SO_DETACH_FILTER");
	if (recv(p.server, buffer, (size_t)bytes, MSG_WAITALL) != bytes)
		stim_fail(s, "recv: %s", strerror(errno));
	while (info(s, p.client).tcpi_unacked)
		nap(1);
	stim_end(s);
	s->shared[0] = info(s, p.client).tcpi_total_retrans;
}

static void run_retransmit(struct stim *s)
{
	stim_act(s, lose, NULL);
	stim_tell(s, "retransmit.count", s->shared[0]);
	stim_tell(s, "retransmit.bytes", stim_number(s, "bytes"));
	tell_pair(s, "retransmit");
	stim_tell(s, "drop.count", s->shared[0]); /* the segment and all but the last one of its copies */
}

/* The receiver does not read: the sender fills its window and its own buffer and must wait. */
static void fill(struct stim *s, void *data)
{
	static char buffer[65536];
	long sent = 0, received = 0, got;
	struct pair p;

	make_pair(s, &p, 4096);
	fcntl(p.client, F_SETFL, O_NONBLOCK);
	fcntl(p.server, F_SETFL, O_NONBLOCK);
	stim_begin(s);
	for (int idle = 0; idle < 20;) { /* full for good: nothing goes for 20 ms */
		got = syscall(SYS_sendto, p.client, buffer, sizeof(buffer), 0, NULL, 0);
		sent += got > 0 ? got : 0;
		idle = got > 0 ? 0 : idle + 1;
		if (got <= 0)
			nap(1);
	}
	nap(stim_number(s, "ms"));
	s->shared[2] = info(s, p.client).tcpi_notsent_bytes;
	for (int idle = 0; received < sent && idle < 5000;) {
		got = syscall(SYS_recvfrom, p.server, buffer, sizeof(buffer), 0, NULL, NULL);
		received += got > 0 ? got : 0;
		idle = got > 0 ? 0 : idle + 1;
		if (got <= 0)
			nap(1);
	}
	stim_end(s);
	s->shared[0] = sent;
	s->shared[1] = received;
}

static void run_window(struct stim *s)
{
	stim_act(s, fill, NULL);
	if (s->shared[0] != s->shared[1])
		stim_fail(s, "%ld bytes sent, %ld received", s->shared[0], s->shared[1]);
	if (!s->shared[2])
		stim_cannot(s, "the window did not close");
	stim_tell(s, "send.bytes", s->shared[0]);
	stim_tell(s, "receive.bytes", s->shared[1]);
	stim_tell(s, "window.closed_least_ns", stim_number(s, "ms") * 1000000);
	stim_tell(s, "window.unsent_bytes", s->shared[2]);
	tell_pair(s, "window");
}

#define COUNT(n, max) {"count", "N", n, "how many", 0, max, NULL}
#define FAMILY {"family", "WHICH", "both", "over IPv4, IPv6, or both in turn", 0, 0, "4 6 both"}
#define ONE_FAMILY {"family", "WHICH", "4", "over IPv4 or IPv6", 0, 0, "4 6"}
static const struct stim_option connect_options[] = {
	COUNT("10", MAX_ATTEMPTS), FAMILY, {"bytes", "BYTES", "0", "sent over each, by the side that connects", 0, 64 << 20, NULL},
	{"hold-ms", "MS", "0", "how long each stays open", 0, 60000, NULL}, {NULL}};
static const struct stim_option refused_options[] = {COUNT("10", MAX_ATTEMPTS), FAMILY, {NULL}};
static const struct stim_option reset_options[] = {COUNT("5", 1000), ONE_FAMILY, {NULL}};
static const struct stim_option retransmit_options[] = {
	{"count", "N", "3", "at least so many", 1, 8, NULL}, ONE_FAMILY,
	{"bytes", "BYTES", "100", "in the segment that is lost", 1, 1000, NULL}, {NULL}};
static const struct stim_option window_options[] = {
	{"ms", "MS", "300", "how long it stays closed", 1, 60000, NULL}, ONE_FAMILY, {NULL}};

#define ENDS(what) what ".count " what ".ipv4 " what ".ipv6 " what ".daddr " what ".saddr " what ".dport " what ".family"
#define PAIR(what) what ".saddr " what ".daddr " what ".sport " what ".dport " what ".family"
#define LISTED "connections.N.family connections.N.saddr connections.N.daddr connections.N.dport"
const struct stimulus stim_tcp[] = {
	{"tcp-connect", "connect, accept, send, receive, close", run_connect, connect_options,
	 ENDS("connect") " accept.count socket.count send.count send.bytes receive.count receive.bytes hold.least_ns syscalls " LISTED
	 " connections.N.sport", NULL},
	{"tcp-refused", "try to connect where nobody listens", run_refused, refused_options,
	 ENDS("connect") " connect.error connect.errno reset.count syscalls " LISTED, NULL},
	{"tcp-reset", "end connections with a reset", run_reset, reset_options, "reset.count " PAIR("reset"), NULL},
	{"tcp-retransmit", "lose a segment until it was sent again so often", run_retransmit, retransmit_options,
	 "retransmit.count retransmit.bytes " PAIR("retransmit") " drop.count", NULL},
	{"tcp-window", "send to a receiver that does not read, until its window closes", run_window, window_options,
	 "send.bytes receive.bytes window.closed_least_ns window.unsent_bytes " PAIR("window"), NULL},
	{NULL},
};
