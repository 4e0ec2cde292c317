// about: the loop goes on for one round too many
// contract: c-loop
// verdict: refuted
// refuted: show: sum
// relation: show: sum: shown == 10 and wanted == 6

#include <linux/bpf.h>

#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct event {
	__u32 pid;
	__u32 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} kept SEC(".maps");

struct adding {
	__u32 sum;
};

static long add(__u32 i, struct adding *a)
{
	a->sum += i;
	return i == 4;
}

SEC("kprobe/tcp_connect")
int connect(struct pt_regs *ctx)
{
	struct adding a = {0};
	__u32 *pid = bpf_task_storage_get(&kept, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	struct event *e;

	bpf_loop(10, add, &a, 0);
	if (!pid)
		return 0;
	*pid = bpf_get_current_pid_tgid() >> 32;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		return 0;
	e->pid = *pid;
	e->sum = a.sum;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

const struct event *unused_event __attribute__((unused)); /* keeps its type in BTF */

char LICENSE[] SEC("license") = "GPL";
