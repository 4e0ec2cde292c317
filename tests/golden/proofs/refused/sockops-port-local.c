// about: the local port is shown
// contract: sockops-port
// verdict: refuted
// refuted: show: destination port

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct event {
	__u32 port;
	__be32 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("sockops")
int made(struct bpf_sock_ops *ops)
{
	struct event e = {};

	if (ops->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB || ops->family != 2)
		return 1;
	e.port = ops->local_port; // wrong
	e.address = ops->remote_ip4;
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 1;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
