// about: what bpf_redirect() says is to be returned
// contract: tc-redirect
// verdict: proved

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int marked(struct __sk_buff *skb)
{
	if (skb->mark != 7)
		return TC_ACT_OK;
	return bpf_redirect(2, 0);
}

char LICENSE[] SEC("license") = "GPL";
