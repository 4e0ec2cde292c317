// about: a record on the stack, cleared by its initializer
// contract: c-connect
// verdict: proved

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	unsigned short skc_family;
} __attribute__((preserve_access_index));
struct sock {
	struct sock_common __sk_common;
} __attribute__((preserve_access_index));

struct event {
	__u32 pid;
	__u16 dport;
	__u32 daddr;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} events SEC(".maps");

struct event *unused_event __attribute__((unused)); /* so that its type is in the object */

SEC("kprobe/tcp_connect")
int BPF_KPROBE(connect, struct sock *sk)
{
	struct event e = {};

	if (BPF_CORE_READ(sk, __sk_common.skc_family) != 2)
		return 0;
	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	e.daddr = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
