// about: arguments with types are followed directly
// contract: c-switch
// verdict: proved

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

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

SEC("tp_btf/sched_switch")
int BPF_PROG(goes_on, int preempt, struct task_struct *prev, struct task_struct *next)
{
	struct event e = {};

	e.from = prev->pid;
	e.to = next->pid;
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
