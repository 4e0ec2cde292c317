// about: the result, which is not there yet
// contract: c-puts
// verdict: refuted
// refuted: show: text

#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	__u32 pid;
	char text[64];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

SEC("uprobe//lib/x86_64-linux-gnu/libc.so.6:puts")
int writes(struct pt_regs *ctx)
{
	struct event e = {};

	e.pid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_user_str(e.text, sizeof(e.text), (void *)PT_REGS_RC(ctx));
	bpf_ringbuf_output(&events, &e, sizeof(e), 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
