/* Sockets on loopback: see net.h. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct net_address net_loopback(int family, int port)
{
	struct net_address a = {.length = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)};

	a.any.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a.v4.sin_port = htons((uint16_t)port);
	} else {
		a.v6.sin6_addr = in6addr_loopback;
		a.v6.sin6_port = htons((uint16_t)port);
	}
	return a;
}

const char *net_host(int family)
{
	return family == AF_INET ? "127.0.0.1" : "::1";
}

const char *net_family(int family)
{
	return family == AF_INET ? "ipv4" : "ipv6";
}

/* -1 with errno where the port is taken. */
static int try_bind(struct stim *s, int family, int type, int port)
{
	struct net_address a = net_loopback(family, port);
	int one = 1, fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		stim_cannot(s, "no %s: %s", net_family(family), strerror(errno));
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &a.any, a.length) == 0)
		return fd;
	if (errno != EADDRINUSE)
		stim_cannot(s, "can't bind to %s: %s (is the loopback device up?)", net_host(family), strerror(errno));
	close(fd);
	return -1;
}

int net_bound(struct stim *s, int family, int type, struct net_address *ret)
{
	int fd = try_bind(s, family, type, 0);

	ret->length = sizeof(ret->v6);
	stim_must(s, fd, "bind");
	stim_must(s, getsockname(fd, &ret->any, &ret->length), "getsockname");
	return fd;
}

int net_bound_family(struct stim *s, int type, int fds[2])
{
	struct net_address a;

	fds[0] = fds[1] = -1;
	for (int tries = 0; tries < 50; tries++) {
		if (stim_is(s, "family", "4")) {
			fds[0] = net_bound(s, AF_INET, type, &a);
			return net_port(&a);
		}
		fds[1] = net_bound(s, AF_INET6, type, &a);
		if (stim_is(s, "family", "6"))
			return net_port(&a);
		fds[0] = try_bind(s, AF_INET, type, net_port(&a));
		if (fds[0] >= 0)
			return net_port(&a);
		close(fds[1]);
	}
	stim_cannot(s, "no port is free in IPv4 and IPv6 at once");
}

void net_drop_all(struct stim *s, int fd)
{
	struct sock_filter drop[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = 1, .filter = drop};

	stim_must(s, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), "SO_ATTACH_FILTER");
}
