// about: 1 keeps one byte of the packet
// contract: socket-dns
// verdict: refuted
// refuted: return: take

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

struct headers {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

SEC("socket")
int only_dns(struct __sk_buff *skb)
{
	struct headers h;

	if (bpf_skb_load_bytes(skb, 0, &h, sizeof(h)))
		return 0;
	if (h.eth.h_proto != bpf_htons(ETH_P_IP) || h.ip.ihl != 5 || h.ip.protocol != IPPROTO_UDP)
		return 0;
	return h.udp.source == bpf_htons(53) ? 1 : 0; // wrong
}

char LICENSE[] SEC("license") = "GPL";
