// about: a network of 25 bits
// contract: cgroup-network
// verdict: refuted
// refuted: return: allow

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("cgroup/connect4")
int ours(struct bpf_sock_addr *ctx)
{
	return (ctx->user_ip4 & bpf_htonl(0xffffff80)) == bpf_htonl(0xc0000200);
}

char LICENSE[] SEC("license") = "GPL";
