// about: what is to be refused is allowed, all else is refused
// contract: cgroup-smtp
// verdict: refuted
// refuted: return: refuse
// refuted: return: allow

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define SOCK_STREAM 1

static int judge(struct bpf_sock_addr *ctx)
{
	return ctx->type == SOCK_STREAM && ctx->user_port == bpf_htons(25); // wrong
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return judge(ctx);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return judge(ctx);
}

char LICENSE[] SEC("license") = "GPL";
