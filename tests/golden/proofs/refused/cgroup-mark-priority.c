// about: the priority for the mark
// contract: cgroup-mark
// verdict: refuted
// refuted: return: allow
// refuted: return: refuse

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect4")
int marked(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (!sk)
		return 0;
	return sk->priority == 7;
}

char LICENSE[] SEC("license") = "GPL";
