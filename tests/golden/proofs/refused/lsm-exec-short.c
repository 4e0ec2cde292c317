// about: the text is cut before the last slash
// contract: lsm-exec
// verdict: refuted
// refuted: return: refuse

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EACCES 13

struct linux_binprm {
	const char *filename;
} __attribute__((preserve_access_index));

SEC("lsm/bprm_check_security")
int BPF_PROG(not_from_tmp, struct linux_binprm *bprm, int ret)
{
	char name[8] = {};

	if (ret)
		return ret;
	bpf_probe_read_kernel_str(name, 5, bprm->filename);
	if (name[0] == '/' && name[1] == 't' && name[2] == 'm' && name[3] == 'p' && name[4] == '/')
		return -EACCES;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
