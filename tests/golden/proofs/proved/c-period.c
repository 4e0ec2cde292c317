// contract: c-period
// verdict: proved

#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 period;
	__u64 address;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	struct event e = {};

	e.period = ctx->sample_period;
	e.address = ctx->addr;
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
