// about: a packet of 1500 bytes is dropped
// contract: tc-mark
// verdict: refuted
// refuted: return: pass

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int marked(struct __sk_buff *skb)
{
	if (skb->mark == 7 && skb->len >= 1500)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
