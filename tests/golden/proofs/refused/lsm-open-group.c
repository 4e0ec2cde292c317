// about: the group is compared instead of the user
// contract: lsm-open
// verdict: refuted
// refuted: return: refuse
// refuted: return: allow

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define FMODE_WRITE 2

struct file {
	unsigned int f_mode;
} __attribute__((preserve_access_index));

SEC("lsm/file_open")
int BPF_PROG(no_writing, struct file *file, int ret)
{
	if (ret)
		return ret;
	if (bpf_get_current_uid_gid() >> 32 == 1000 && file->f_mode & FMODE_WRITE)
		return -EPERM;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
