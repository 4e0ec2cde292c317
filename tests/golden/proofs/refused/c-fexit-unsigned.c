// about: errors are large numbers
// contract: c-fexit
// verdict: refuted
// refuted: only if: only if retval > 0

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

SEC("fexit/vfs_read")
int BPF_PROG(has_read, void *file, char *buf, unsigned long count, void *pos, long ret)
{
	struct event e = {};

	if ((unsigned long)ret == 0) // wrong
		return 0;
	e.pid = bpf_get_current_pid_tgid() >> 32;
	e.bytes = ret;
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
