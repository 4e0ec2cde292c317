// about: the mask is in host byte order
// contract: cgroup-network
// verdict: refuted
// refuted: return: refuse
// also: return: allow

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/connect4")
int ours(struct bpf_sock_addr *ctx)
{
	return (ctx->user_ip4 & 0xffffff00) == (bpf_htonl(0xc0000200) & 0xffffff00); // wrong
}

char LICENSE[] SEC("license") = "GPL";
