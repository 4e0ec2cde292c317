// about: only one sample of a processor is told
// contract: c-sample
// verdict: refuted
// refuted: show: process id
// also: show: processor

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u32 pid;
	__u32 cpu;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	struct event e = {};

	if (bpf_get_smp_processor_id() == 0) // wrong
		return 0;

	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.cpu = bpf_get_smp_processor_id();
	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
