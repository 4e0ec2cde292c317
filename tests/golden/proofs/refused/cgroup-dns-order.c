// about: the port is compared in host byte order
// contract: cgroup-dns
// verdict: refuted
// refuted: return: refuse
// also: return: let pass

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

SEC("cgroup_skb/egress")
int no_dns(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end)
		return 1;
	if (ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 1;
	return udp->dest == 53 ? 0 : 1; // wrong
}

char LICENSE[] SEC("license") = "GPL";
