/* Addresses of the loopback device, for TCP and UDP. */
#pragma once

#include "stimulus.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct net_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
};

static inline int net_port(const struct net_address *a)
{
	return ntohs(a->any.sa_family == AF_INET ? a->v4.sin_port : a->v6.sin6_port);
}

/* The loopback address of a family, with this port. */
struct net_address net_loopback(int family, int port);
const char *net_host(int family);   /* "127.0.0.1", "::1" */
const char *net_family(int family); /* "ipv4", "ipv6" */
/* A socket bound to a free port of loopback. IPv6 ones take IPv6 only. */
int net_bound(struct stim *s, int family, int type, struct net_address *ret);
/* Two of them, IPv4 in fds[0] and IPv6 in fds[1], with one and the same port; which of them by the option --family. Others are -1. */
int net_bound_family(struct stim *s, int type, int fds[2]);
/* A filter on a socket by which the kernel drops everything that arrives there, before it is looked at; no privilege is needed. */
void net_drop_all(struct stim *s, int fd);
