// about: the protocol is compared instead of the type
// contract: cgroup-raw
// verdict: refuted
// refuted: return: refuse
// refuted: return: allow

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AF_PACKET 17
#define SOCK_RAW 3

SEC("cgroup/sock_create")
int no_raw(struct bpf_sock *sk)
{
	if (sk->family == AF_PACKET)
		return 0;
	return sk->protocol != SOCK_RAW; // wrong
}

char LICENSE[] SEC("license") = "GPL";
