/*
 * The table of helpers: which are modelled, and where the model was read from. What is not in it ends the run.
 *
 * Sources: the helper's text in include/uapi/linux/bpf.h (bpf-helpers(7)), and the kernel file named in the row, Linux 6.18.
 */
#include "internal.h"

#include <kgent/isa.h>

#include <string.h>

int put_output(struct interp *m, const struct call *c, uint64_t address, gsize n)
{
	gsize have = 0;
	const void *bytes = c->answer && c->answer->output ? g_bytes_get_data(c->answer->output, &have) : NULL;

	if (memory_zero(m, address, n) < 0)
		return -1;
	return have ? interp_memory_put(m, address, bytes, MIN(have, n)) : 0;
}

/* --- helpers that only answer --- */

static int answer_only(struct interp *m, struct call *c)
{
	c->result = answered(c, 0);
	return 0;
}

/* All clocks are one here, which never goes back. */
static int answer_time(struct interp *m, struct call *c)
{
	uint64_t now = c->answer ? c->answer->result : m->time + 1;

	m->time = MAX(m->time, now);
	c->result = m->time;
	return 0;
}

static int answer_jiffies(struct interp *m, struct call *c)
{
	c->result = answered(c, 0);
	return 0;
}

static int answer_pid_tgid(struct interp *m, struct call *c)
{
	c->result = answered(c, m->world->pid_tgid);
	return 0;
}

static int answer_uid_gid(struct interp *m, struct call *c)
{
	c->result = answered(c, m->world->uid_gid);
	return 0;
}

static int answer_task(struct interp *m, struct call *c)
{
	c->result = answered(c, m->world->task);
	return 0;
}

static int answer_cgroup(struct interp *m, struct call *c)
{
	c->result = answered(c, m->world->cgroup);
	return 0;
}

static int answer_cpu(struct interp *m, struct call *c)
{
	c->result = (uint32_t)answered(c, m->world->cpu);
	return 0;
}

static int answer_u32(struct interp *m, struct call *c)
{
	c->result = (uint32_t)answered(c, 0);
	return 0;
}

/* What it changes is not kept here. */
static int act(struct interp *m, struct call *c)
{
	effect_add(m, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
	c->result = answered(c, 0);
	return 0;
}

struct model {
	int helper;
	helper_fn call;
	const char *source; /* below the kernel's tree, 6.18 */
};

static const struct model models[] = {
	/* maps */
	{BPF_FUNC_map_lookup_elem, help_map_lookup, "kernel/bpf/helpers.c, hashtab.c, arraymap.c"},
	{BPF_FUNC_map_update_elem, help_map_update, "kernel/bpf/helpers.c, hashtab.c, arraymap.c"},
	{BPF_FUNC_map_delete_elem, help_map_delete, "kernel/bpf/helpers.c, hashtab.c, arraymap.c"},
	{BPF_FUNC_map_lookup_percpu_elem, help_map_lookup_percpu, "kernel/bpf/helpers.c, hashtab.c, arraymap.c"},
	{BPF_FUNC_map_push_elem, help_map_push, "kernel/bpf/queue_stack_maps.c, bloom_filter.c"},
	{BPF_FUNC_map_pop_elem, help_map_pop, "kernel/bpf/queue_stack_maps.c"},
	{BPF_FUNC_map_peek_elem, help_map_pop, "kernel/bpf/queue_stack_maps.c, bloom_filter.c"},
	{BPF_FUNC_get_local_storage, help_local_storage, "kernel/bpf/cgroup.c, local_storage.c"},
	{BPF_FUNC_for_each_map_elem, help_for_each, "kernel/bpf/bpf_iter.c, hashtab.c, arraymap.c"},
	{BPF_FUNC_task_storage_get, help_storage_get, "kernel/bpf/bpf_task_storage.c"},
	{BPF_FUNC_task_storage_delete, help_storage_delete, "kernel/bpf/bpf_task_storage.c"},
	{BPF_FUNC_inode_storage_get, help_storage_get, "kernel/bpf/bpf_inode_storage.c"},
	{BPF_FUNC_inode_storage_delete, help_storage_delete, "kernel/bpf/bpf_inode_storage.c"},
	{BPF_FUNC_sk_storage_get, help_storage_get, "net/core/bpf_sk_storage.c"},
	{BPF_FUNC_sk_storage_delete, help_storage_delete, "net/core/bpf_sk_storage.c"},
	{210, help_storage_get, "kernel/bpf/bpf_cgrp_storage.c"},
	{211, help_storage_delete, "kernel/bpf/bpf_cgrp_storage.c"},
	{BPF_FUNC_spin_lock, answer_only, "kernel/bpf/helpers.c"},
	{BPF_FUNC_spin_unlock, answer_only, "kernel/bpf/helpers.c"},
	{BPF_FUNC_loop, help_loop, "kernel/bpf/bpf_iter.c"},
	{BPF_FUNC_tail_call, help_tail_call, "kernel/bpf/core.c"},
	/* memory of the kernel and of the process */
	{BPF_FUNC_probe_read, help_probe_read, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_probe_read_kernel, help_probe_read, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_probe_read_user, help_probe_read, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_copy_from_user, help_probe_read, "kernel/bpf/helpers.c"},
	{BPF_FUNC_probe_read_str, help_probe_read_str, "kernel/trace/bpf_trace.c, mm/maccess.c"},
	{BPF_FUNC_probe_read_kernel_str, help_probe_read_str, "kernel/trace/bpf_trace.c, mm/maccess.c"},
	{BPF_FUNC_probe_read_user_str, help_probe_read_str, "kernel/trace/bpf_trace.c, mm/maccess.c"},
	{BPF_FUNC_get_current_comm, help_comm, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_ns_current_pid_tgid, help_ns_pid, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_stack, help_output_at_1, "kernel/bpf/stackmap.c"},
	{BPF_FUNC_get_task_stack, help_output_at_1, "kernel/bpf/stackmap.c"},
	{BPF_FUNC_d_path, help_output_at_1, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_perf_prog_read_value, help_output_at_1, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_read_branch_records, help_output_at_1, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_perf_event_read_value, help_output_at_2, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_func_arg, help_func_arg, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_strtol, help_strtol, "kernel/bpf/helpers.c, lib/kstrtox.c"},
	{BPF_FUNC_strtoul, help_strtol, "kernel/bpf/helpers.c, lib/kstrtox.c"},
	{BPF_FUNC_strncmp, help_strncmp, "kernel/bpf/helpers.c"},
	{BPF_FUNC_snprintf, help_snprintf, "kernel/bpf/helpers.c"},
	/* what is known of here and now */
	{BPF_FUNC_ktime_get_ns, answer_time, "kernel/bpf/helpers.c"},
	{BPF_FUNC_ktime_get_boot_ns, answer_time, "kernel/bpf/helpers.c"},
	{BPF_FUNC_ktime_get_coarse_ns, answer_time, "kernel/bpf/helpers.c"},
	{BPF_FUNC_ktime_get_tai_ns, answer_time, "kernel/bpf/helpers.c"},
	{BPF_FUNC_jiffies64, answer_jiffies, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_prandom_u32, answer_u32, "kernel/bpf/core.c"},
	{BPF_FUNC_get_smp_processor_id, answer_cpu, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_numa_node_id, answer_u32, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_current_pid_tgid, answer_pid_tgid, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_current_uid_gid, answer_uid_gid, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_current_task, answer_task, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_current_task_btf, answer_task, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_current_cgroup_id, answer_cgroup, "kernel/bpf/helpers.c"},
	{BPF_FUNC_get_current_ancestor_cgroup_id, answer_only, "kernel/bpf/helpers.c"},
	{BPF_FUNC_current_task_under_cgroup, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_stackid, answer_only, "kernel/bpf/stackmap.c"},
	{BPF_FUNC_get_func_ip, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_func_arg_cnt, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_func_ret, help_output_at_2, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_attach_cookie, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_perf_event_read, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_get_socket_cookie, answer_only, "net/core/filter.c"},
	{BPF_FUNC_get_socket_uid, answer_u32, "net/core/filter.c"},
	{BPF_FUNC_get_cgroup_classid, answer_u32, "net/core/filter.c"},
	{BPF_FUNC_skb_cgroup_id, answer_only, "net/core/filter.c"},
	{BPF_FUNC_get_hash_recalc, answer_u32, "net/core/filter.c"},
	{BPF_FUNC_get_retval, answer_only, "kernel/bpf/cgroup.c"},
	{BPF_FUNC_setsockopt, act, "net/core/filter.c"},
	{BPF_FUNC_sock_ops_cb_flags_set, act, "net/core/filter.c"},
	{BPF_FUNC_getsockopt, help_output_at_3, "net/core/filter.c"},
	{BPF_FUNC_fib_lookup, help_output_at_1, "net/core/filter.c"},
	{BPF_FUNC_get_netns_cookie, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skb_cgroup_classid, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skb_ancestor_cgroup_id, answer_only, "net/core/filter.c"},
	{BPF_FUNC_sk_cgroup_id, answer_only, "net/core/filter.c"},
	{BPF_FUNC_sk_ancestor_cgroup_id, answer_only, "net/core/filter.c"},
	{BPF_FUNC_task_pt_regs, answer_only, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_sk_fullsock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_tcp_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_tcp6_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_tcp_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_tcp_timewait_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_tcp_request_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_udp6_sock, answer_only, "net/core/filter.c"},
	{BPF_FUNC_skc_to_unix_sock, answer_only, "net/core/filter.c"},
	/* what others see */
	{BPF_FUNC_perf_event_output, help_perf_output, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_skb_output, help_perf_output, "net/core/filter.c"},
	{BPF_FUNC_xdp_output, help_perf_output, "net/core/filter.c"},
	{BPF_FUNC_ringbuf_output, help_ringbuf_output, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_reserve, help_ringbuf_reserve, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_submit, help_ringbuf_submit, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_discard, help_ringbuf_discard, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_query, answer_only, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_trace_printk, help_printk, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_trace_vprintk, help_vprintk, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_seq_printf, help_seq_printf, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_seq_write, help_seq_write, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_send_signal, help_signal, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_send_signal_thread, help_signal, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_override_return, help_override, "kernel/trace/bpf_trace.c"},
	{BPF_FUNC_set_retval, help_set_retval, "kernel/bpf/cgroup.c"},
	/* memory with a size */
	{BPF_FUNC_dynptr_from_mem, help_dynptr_from_mem, "kernel/bpf/helpers.c"},
	{BPF_FUNC_ringbuf_reserve_dynptr, help_dynptr_reserve, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_submit_dynptr, help_dynptr_submit, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_ringbuf_discard_dynptr, help_dynptr_submit, "kernel/bpf/ringbuf.c"},
	{BPF_FUNC_dynptr_read, help_dynptr_read, "kernel/bpf/helpers.c"},
	{BPF_FUNC_dynptr_write, help_dynptr_write, "kernel/bpf/helpers.c"},
	{BPF_FUNC_dynptr_data, help_dynptr_data, "kernel/bpf/helpers.c"},
	/* packets */
	{BPF_FUNC_xdp_load_bytes, help_xdp_load, "net/core/filter.c"},
	{BPF_FUNC_xdp_store_bytes, help_xdp_store, "net/core/filter.c"},
	{BPF_FUNC_xdp_get_buff_len, help_packet_length, "net/core/filter.c"},
	{BPF_FUNC_skb_pull_data, help_pull, "net/core/filter.c"},
	{BPF_FUNC_redirect, help_redirect, "net/core/filter.c"},
	{BPF_FUNC_redirect_peer, help_redirect, "net/core/filter.c"},
	{BPF_FUNC_redirect_neigh, help_redirect, "net/core/filter.c"},
	{BPF_FUNC_redirect_map, help_redirect, "kernel/bpf/devmap.c, cpumap.c, include/linux/filter.h"},
	{BPF_FUNC_skb_load_bytes, help_skb_load, "net/core/filter.c"},
	{BPF_FUNC_skb_store_bytes, help_skb_store, "net/core/filter.c"},
	{BPF_FUNC_csum_diff, help_csum_diff, "net/core/filter.c"},
};

static const struct model *find_model(int helper)
{
	for (guint i = 0; i < G_N_ELEMENTS(models); i++)
		if (models[i].helper == helper)
			return &models[i];
	return NULL;
}

const char *kg_interp_helper_source(int helper)
{
	const struct model *model = find_model(helper);

	return model ? model->source : NULL;
}

static const struct kg_answer_of_helper *find_answer(const struct interp *m, int helper, guint nth)
{
	for (guint i = 0; m->world->answers && i < m->world->answers->len; i++) {
		const struct kg_answer_of_helper *a = m->world->answers->pdata[i];

		if (a->helper == helper && a->nth == nth)
			return a;
	}
	return NULL;
}

int helper_call(struct interp *m, int helper, const uint64_t arg[5], uint64_t *ret)
{
	const struct model *model = find_model(helper);
	struct call c = {.helper = helper, .arg = arg};
	const char *name = kg_helper_name(helper);
	int r;

	if (!model || helper >= MAX_HELPER)
		return interp_stop(m, "helper %s%s (%d) is not modelled", name ? "bpf_" : "", name ? name : "unknown", helper);
	c.answer = find_answer(m, helper, m->calls[helper]++);
	r = model->call(m, &c);
	*ret = c.result;
	return r;
}
