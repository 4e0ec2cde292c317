// about: packet sockets of other types are forgotten
// contract: cgroup-raw
// verdict: refuted
// refuted: return: refuse

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define AF_PACKET 17
#define SOCK_RAW 3

SEC("cgroup/sock_create")
int no_raw(struct bpf_sock *sk)
{
	return sk->type != SOCK_RAW; // wrong
}

char LICENSE[] SEC("license") = "GPL";
