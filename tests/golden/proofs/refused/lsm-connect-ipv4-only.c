// about: IPv6 is allowed
// contract: lsm-connect
// verdict: refuted
// refuted: return: refuse

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define AF_INET 2
#define AF_INET6 10

SEC("lsm/socket_connect")
int BPF_PROG(no_mail, void *sock, void *address, int length, int ret)
{
	struct sockaddr_in a;

	if (ret)
		return ret;
	bpf_probe_read_kernel(&a, sizeof(a), address);
	if (a.sin_family != AF_INET) // wrong
		return 0;
	return a.sin_port == bpf_htons(25) ? -EPERM : 0;
}

char LICENSE[] SEC("license") = "GPL";
