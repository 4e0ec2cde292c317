// about: a packet in one part
// contract: xdp-long
// verdict: proved

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int long_ones(struct xdp_md *ctx)
{
	return bpf_xdp_get_buff_len(ctx) > 1000 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
