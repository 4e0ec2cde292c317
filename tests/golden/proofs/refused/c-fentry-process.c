// about: the process for the thread
// contract: c-fentry
// verdict: refuted
// refuted: show: thread

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	__u32 pid;
	__u32 unused;
	__s64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("fentry/vfs_read")
int BPF_PROG(reads, void *file, char *buf, unsigned long count, void *pos)
{
	struct event e = {};

	e.pid = bpf_get_current_pid_tgid() >> 32; // wrong
	e.bytes = count;
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
