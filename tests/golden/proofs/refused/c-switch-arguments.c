// about: the first argument is whether it was preempted
// contract: c-switch
// verdict: refuted
// refuted: show: to

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

struct event {
	__s32 from;
	__s32 to;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("raw_tp/sched_switch")
int goes_on(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *prev = (void *)ctx->args[0], *next = (void *)ctx->args[1]; // wrong
	struct event e = {};

	e.from = BPF_CORE_READ(prev, pid);
	e.to = BPF_CORE_READ(next, pid);
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
