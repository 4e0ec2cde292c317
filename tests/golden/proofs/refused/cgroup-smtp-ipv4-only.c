// about: IPv6 is forgotten
// contract: cgroup-smtp
// verdict: refuted
// refuted: on: attached to cgroup_sock_addr:connect6

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define SOCK_STREAM 1

static int judge(struct bpf_sock_addr *ctx)
{
	return !(ctx->type == SOCK_STREAM && ctx->user_port == bpf_htons(25));
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return judge(ctx);
}

char LICENSE[] SEC("license") = "GPL";
