// about: flags that there are not: the packet is dropped
// contract: tc-redirect
// verdict: refuted
// refuted: return: redirect

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int marked(struct __sk_buff *skb)
{
	if (skb->mark != 7)
		return TC_ACT_OK;
	return bpf_redirect(2, 2);
}

char LICENSE[] SEC("license") = "GPL";
