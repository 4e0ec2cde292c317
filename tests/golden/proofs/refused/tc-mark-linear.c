// about: only the linear part is measured
// contract: tc-mark
// verdict: refuted
// refuted: return: drop

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

SEC("tc")
int marked(struct __sk_buff *skb)
{
	if (skb->mark == 7 && skb->data_end - skb->data > 1500)
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
