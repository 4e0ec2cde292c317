// about: the socket that the context points to
// contract: cgroup-mark
// verdict: proved

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int marked(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (!sk)
		return 0;
	return sk->mark == 7;
}

char LICENSE[] SEC("license") = "GPL";
