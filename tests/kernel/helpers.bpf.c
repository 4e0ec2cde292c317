/*
 * What helpers do, written into [out]: compiled by clang, run by the kernel and by our interpreter (helpers.c), and compared. Whatever differs from
 * run to run (a time, an address) is turned into something that does not.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>

struct out {
	__u64 n[16];
	char bytes[4][64];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct out);
} out_map SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 3);
	__type(key, __u64);
	__type(value, __u64);
} hash SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} percpu_hash SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} percpu_array SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 100);
	__type(key, __u32);
	__type(value, __u64);
} lru SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 5);
	__type(key, __u32);
	__type(value, __u64);
} array SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} ring SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
} perf SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} programs SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 2);
	__type(value, __u64);
} queue SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 2);
	__type(value, __u64);
} stack SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__type(value, __u64);
} filter SEC(".maps");
struct prefix {
	__u32 bits;
	__u8 address[4];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 10);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u64);
} trie SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u32);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, __u64);
} group SEC(".maps");
struct locked {
	struct bpf_spin_lock lock;
	__u32 n;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} with_lock SEC(".maps");

struct { __u64 text, short_text, dev, ino; } given SEC(".data.given") = {1}; /* set by the test */
int bss_array[8];
const char constant[64] = "a constant text";
volatile const __u32 factor = 3;

static struct out *begin(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&out_map, &zero);
}
#define BEGIN struct out *o = begin(); if (!o) return 0

SEC("raw_tp/x") int who(void *ctx)
{
	BEGIN;
	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = bpf_get_current_pid_tgid();
	o->n[1] = bpf_get_current_uid_gid();
	o->n[2] = bpf_get_current_cgroup_id();
	o->n[3] = bpf_get_smp_processor_id();
	o->n[4] = bpf_get_current_comm(o->bytes[0], 16);
	o->n[5] = bpf_get_current_comm(o->bytes[1], 5);
	o->n[6] = bpf_get_current_comm(o->bytes[2], 40);
	return 7;
}

SEC("raw_tp/x") int time(void *ctx)
{
	BEGIN;
	__u64 a = bpf_ktime_get_ns(), b = bpf_ktime_get_ns(), c = bpf_ktime_get_boot_ns(), d = bpf_ktime_get_boot_ns();

	o->n[0] = a <= b;
	o->n[1] = c <= d;
	o->n[2] = a > 0;
	o->n[3] = bpf_jiffies64() <= bpf_jiffies64();
	o->n[4] = bpf_get_prandom_u32() >> 16 >> 16;
	return 0;
}

SEC("raw_tp/x") int read_user(void *ctx)
{
	BEGIN;
	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = bpf_probe_read_user(o->bytes[0], 32, (void *)given.text);
	o->n[1] = bpf_probe_read_user(o->bytes[1], 7, (void *)(given.text + 3));
	o->n[2] = bpf_probe_read_user(o->bytes[2], 0, (void *)given.text);
	o->n[3] = bpf_probe_read_user(&o->n[8], 8, (void *)8);
	return 0;
}

SEC("raw_tp/x") int read_user_str(void *ctx)
{
	BEGIN;
	o->n[0] = bpf_probe_read_user_str(o->bytes[0], 64, (void *)given.text);
	o->n[1] = bpf_probe_read_user_str(o->bytes[1], 5, (void *)given.text);
	o->n[2] = bpf_probe_read_user_str(o->bytes[2], 1, (void *)given.text);
	o->n[3] = bpf_probe_read_user_str(o->bytes[3], 64, (void *)given.short_text);
	o->n[4] = bpf_probe_read_user_str(&o->n[8], 8, (void *)8);
	o->n[5] = bpf_probe_read_user_str(&o->n[9], 0, (void *)given.text);
	return 0;
}

SEC("raw_tp/x") int read_kernel(void *ctx)
{
	BEGIN;
	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = bpf_probe_read_kernel(o->bytes[0], 20, constant);
	o->n[1] = bpf_probe_read_kernel_str(o->bytes[1], 64, constant);
	o->n[2] = bpf_probe_read_kernel_str(o->bytes[2], 5, constant);
	o->n[3] = bpf_probe_read_kernel_str(o->bytes[3], 1, constant);
	o->n[4] = bpf_probe_read_kernel(&o->n[8], 8, (void *)8);
	o->n[5] = bpf_probe_read_kernel_str(&o->n[9], 8, (void *)8);
	o->n[6] = bpf_probe_read_kernel(&o->n[10], 8, ctx);
	return 0;
}

SEC("raw_tp/x") int ns_pid(void *ctx)
{
	struct bpf_pidns_info info = {1, 1};
	BEGIN;

	o->n[0] = bpf_get_ns_current_pid_tgid(given.dev, given.ino, &info, sizeof(info));
	o->n[1] = info.pid;
	o->n[2] = info.tgid;
	o->n[3] = bpf_get_ns_current_pid_tgid(given.dev, given.ino + 1, &info, sizeof(info));
	o->n[4] = info.pid;
	return 0;
}

static long add(__u32 i, void *c)
{
	__u64 *sum = c;

	*sum += i * factor;
	return i == 9;
}

SEC("raw_tp/x") int loops(void *ctx)
{
	__u64 sum = 0;
	BEGIN;

	o->n[0] = bpf_loop(5, add, &sum, 0);
	o->n[1] = sum;
	o->n[2] = bpf_loop(100, add, &sum, 0);
	o->n[3] = sum;
	o->n[4] = bpf_loop(1 << 24, add, &sum, 0);
	o->n[5] = bpf_loop(5, add, &sum, 1);
	o->n[6] = bpf_loop(0, add, &sum, 0);
	return 0;
}

struct bpf_map;
static long each(struct bpf_map *map, __u32 *key, __u64 *value, void *c)
{
	__u64 *sum = c;

	*sum += *value * 10 + *key;
	*value += 1;
	return *key == 3;
}

SEC("raw_tp/x") int for_each(void *ctx)
{
	__u64 sum = 0, v = 5;
	__u32 k = 2;
	BEGIN;

	bpf_map_update_elem(&array, &k, &v, 0);
	o->n[0] = bpf_for_each_map_elem(&array, each, &sum, 0);
	o->n[1] = sum;
	k = 4;
	bpf_map_update_elem(&percpu_hash, &k, &v, 0);
	o->n[2] = bpf_for_each_map_elem(&percpu_hash, each, &sum, 0);
	o->n[3] = sum;
	o->n[4] = bpf_for_each_map_elem(&array, each, &sum, 1);
	return 0;
}

SEC("raw_tp/x") int maps(void *ctx)
{
	__u64 k = 1, v = 10, *p;
	BEGIN;

	o->n[0] = bpf_map_update_elem(&hash, &k, &v, BPF_EXIST);
	o->n[1] = bpf_map_update_elem(&hash, &k, &v, BPF_NOEXIST);
	o->n[2] = bpf_map_update_elem(&hash, &k, &v, BPF_NOEXIST);
	o->n[3] = bpf_map_update_elem(&hash, &k, &v, 3);
	p = bpf_map_lookup_elem(&hash, &k);
	v = 20;
	o->n[4] = bpf_map_update_elem(&hash, &k, &v, BPF_EXIST);
	if (p) {
		o->n[5] = *p; /* the old element: it is no more in the map */
		*p = 99;
	}
	p = bpf_map_lookup_elem(&hash, &k);
	o->n[6] = p ? *p : 1;
	k = 2;
	bpf_map_update_elem(&hash, &k, &v, 0);
	k = 3;
	bpf_map_update_elem(&hash, &k, &v, 0);
	k = 4;
	o->n[7] = bpf_map_update_elem(&hash, &k, &v, 0);
	o->n[8] = bpf_map_delete_elem(&hash, &k);
	k = 1;
	o->n[9] = bpf_map_delete_elem(&hash, &k);
	o->n[10] = bpf_map_lookup_elem(&hash, &k) != NULL;
	return 0;
}

SEC("raw_tp/x") int other_maps(void *ctx)
{
	__u32 k = 1;
	__u64 v = 10, *p;
	BEGIN;

	o->n[0] = bpf_map_update_elem(&array, &k, &v, BPF_NOEXIST);
	o->n[1] = bpf_map_update_elem(&array, &k, &v, BPF_EXIST);
	o->n[2] = bpf_map_delete_elem(&array, &k);
	k = 5;
	o->n[3] = bpf_map_update_elem(&array, &k, &v, 0);
	o->n[4] = bpf_map_lookup_elem(&array, &k) != NULL;
	k = 2;
	o->n[5] = bpf_map_update_elem(&percpu_array, &k, &v, 0);
	p = bpf_map_lookup_elem(&percpu_array, &k);
	o->n[6] = p ? (*p)++ : 1;
	p = bpf_map_lookup_elem(&percpu_array, &k);
	o->n[7] = p ? *p : 1;
	o->n[8] = bpf_map_update_elem(&percpu_hash, &k, &v, 0);
	p = bpf_map_lookup_elem(&percpu_hash, &k);
	v = 11;
	bpf_map_update_elem(&percpu_hash, &k, &v, 0);
	o->n[9] = p ? *p : 1; /* updated in place */
	o->n[10] = bpf_map_delete_elem(&percpu_hash, &k);
	o->n[11] = bpf_map_update_elem(&lru, &k, &v, BPF_NOEXIST);
	p = bpf_map_lookup_elem(&lru, &k);
	o->n[12] = p ? *p : 1;
	o->n[13] = bpf_map_delete_elem(&lru, &k);
	o->n[14] = bpf_map_delete_elem(&lru, &k);
	return 0;
}

SEC("raw_tp/x") int texts(void *ctx)
{
	static const char format[] = "%d %u %x %lld [%5d|%-5d|%05d] %s %c %% %llx";
	static const char cut[] = "0123456789 %d";
	__u64 args[] = {(__u64)-5, (__u64)-1, 0xabcdef, (__u64)-7, 42, 42, (__u64)-42, (__u64)(long)constant, 'z', 0x123456789abcdefull};
	__u64 one[] = {7};
	BEGIN;

	__builtin_memset(o->bytes, 0, sizeof(o->bytes));
	o->n[0] = bpf_snprintf(o->bytes[0], 128, format, args, sizeof(args));
	o->n[1] = bpf_snprintf(o->bytes[2], 8, cut, one, sizeof(one));
	o->n[2] = bpf_strncmp(o->bytes[2], 8, "0123456");
	o->n[3] = bpf_strncmp(o->bytes[2], 8, "0123457") < 0;
	o->n[4] = bpf_strncmp(o->bytes[2], 8, "012") > 0;
	o->n[5] = bpf_strncmp(o->bytes[2], 3, "0129");
	return 0;
}

SEC("raw_tp/x") int records(void *ctx)
{
	struct { __u32 a, b; } fixed = {1, 2}, *r;

	bpf_ringbuf_output(&ring, &fixed, sizeof(fixed), 0);
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (r) {
		r->a = 3;
		r->b = 4;
		bpf_ringbuf_submit(r, 0);
	}
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (r) {
		r->a = 5;
		bpf_ringbuf_discard(r, 0);
	}
	bpf_perf_event_output(ctx, &perf, BPF_F_CURRENT_CPU, &fixed, sizeof(fixed));
	BEGIN;
	o->n[0] = bpf_ringbuf_output(&ring, &fixed, sizeof(fixed), 8);
	r = bpf_ringbuf_reserve(&ring, 1 << 20, 0);
	o->n[1] = r != NULL;
	if (r)
		bpf_ringbuf_discard(r, 0);
	return 0;
}

SEC("raw_tp/x") int tail(void *ctx)
{
	BEGIN;
	o->n[0] = 1;
	bpf_tail_call(ctx, &programs, 1); /* nothing there */
	o->n[1] = 2;
	return 5;
}

SEC("raw_tp/x") int of_task(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 *p, first = 17;
	BEGIN;

	bpf_task_storage_delete(&storage, task);
	o->n[0] = bpf_task_storage_get(&storage, task, NULL, 0) != NULL;
	p = bpf_task_storage_get(&storage, task, &first, BPF_LOCAL_STORAGE_GET_F_CREATE);
	o->n[1] = p ? *p : 1;
	if (p)
		*p += 5;
	p = bpf_task_storage_get(&storage, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	o->n[2] = p ? *p : 1;
	o->n[3] = bpf_task_storage_delete(&storage, task);
	o->n[4] = bpf_task_storage_delete(&storage, task);
	o->n[5] = bpf_get_current_task() == (__u64)(long)task;
	return 0;
}

__attribute__((noinline)) int global_sum(int a, int b)
{
	volatile int room[8];

	room[3] = a * 10;
	return room[3] + b;
}

SEC("raw_tp/x") int functions(__u64 *ctx)
{
	BEGIN;
	for (int i = 0; i < 8; i++)
		bss_array[i] = global_sum(i, (int)ctx[0]) + (int)factor;
	o->n[0] = (__u64)global_sum(1, 2);
	switch ((int)ctx[1]) {
	case 1: o->n[1] = 5; break;
	case 2: o->n[1] = 9; break;
	case 3: o->n[1] = 1; break;
	case 4: o->n[1] = 77; break;
	}
	return bss_array[3];
}

static __u64 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

SEC("tc") int packet_tc(struct __sk_buff *skb)
{
	BEGIN;
	__u32 a[4] = {1, 0xffffffff, 3, 4}, b[4] = {5, 6, 0x80000000, 8};
	char text[4] = {9, 8, 7, 6};

	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = fold(bpf_csum_diff(a, 16, b, 16, 0));
	o->n[1] = fold(bpf_csum_diff(NULL, 0, b, 16, 12345));
	o->n[2] = bpf_skb_load_bytes(skb, 10, o->bytes[0], 20);
	o->n[3] = bpf_skb_load_bytes(skb, 60, o->bytes[1], 20);
	o->n[4] = bpf_skb_load_bytes(skb, 60, o->bytes[2], 4);
	o->n[5] = bpf_skb_store_bytes(skb, 3, text, 4, 0);
	o->n[6] = bpf_skb_store_bytes(skb, 62, text, 4, 0);
	o->n[7] = bpf_skb_load_bytes(skb, 0, o->bytes[3], 16);
	return 3;
}

SEC("raw_tp/x") int reads_that_succeed(void *ctx)
{
	BEGIN;
	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = bpf_probe_read_user(o->bytes[0], 32, (void *)given.text);
	o->n[1] = bpf_probe_read_user_str(o->bytes[1], 40, (void *)given.short_text);
	o->n[2] = bpf_probe_read_kernel(o->bytes[2], 10, constant);
	o->n[3] = bpf_probe_read_kernel_str(o->bytes[3], 64, constant);
	return 0;
}

static long each_of_array(struct bpf_map *map, __u32 *key, __u64 *value, void *c)
{
	*value += *key + factor;
	*(__u64 *)c += *value;
	return *key == 3;
}

SEC("raw_tp/x") int for_each_array(void *ctx)
{
	__u64 sum = 0, v = 5, *p;
	__u32 k = 2;
	BEGIN;

	bpf_map_update_elem(&array, &k, &v, 0);
	o->n[0] = bpf_for_each_map_elem(&array, each_of_array, &sum, 0);
	o->n[1] = sum;
	p = bpf_map_lookup_elem(&array, &k);
	o->n[2] = p ? *p : 1;
	o->n[3] = bpf_for_each_map_elem(&percpu_array, each_of_array, &sum, 0);
	o->n[4] = sum;
	return 0;
}

SEC("raw_tp/x") int arrays(void *ctx)
{
	__u32 k = 5;
	__u64 v = 10, *p;
	BEGIN;

	o->n[0] = bpf_map_update_elem(&array, &k, &v, 0); /* there is no such index */
	o->n[1] = bpf_map_delete_elem(&array, &k);
	k = 1;
	p = bpf_map_lookup_elem(&array, &k);
	if (!p)
		return 1;
	*p = 3;
	o->n[2] = bpf_map_update_elem(&array, &k, &v, BPF_EXIST);
	o->n[3] = *p; /* updated in place */
	*p += 1;
	p = bpf_map_lookup_elem(&array, &k);
	o->n[4] = p ? *p : 1;
	o->n[5] = bpf_map_delete_elem(&array, &k);
	o->n[6] = bpf_map_update_elem(&array, &k, &v, 8);
	return 0;
}

SEC("raw_tp/x") int deletes(void *ctx)
{
	__u64 k = 7, v = 1;
	BEGIN;

	o->n[0] = bpf_map_delete_elem(&hash, &k);
	bpf_map_update_elem(&hash, &k, &v, 0);
	o->n[1] = bpf_map_delete_elem(&hash, &k);
	o->n[2] = bpf_map_delete_elem(&hash, &k);
	return 0;
}

SEC("raw_tp/x") int this_cpu(void *ctx)
{
	__u32 k = 1;
	__u64 *p, *q;
	BEGIN;

	p = bpf_map_lookup_elem(&percpu_array, &k);
	if (p)
		*p = 77;
	q = bpf_map_lookup_percpu_elem(&percpu_array, &k, bpf_get_smp_processor_id());
	o->n[0] = q ? *q : 1;
	o->n[1] = p == q;
	k = 9;
	o->n[2] = bpf_map_lookup_percpu_elem(&percpu_hash, &k, bpf_get_smp_processor_id()) != NULL;
	return 0;
}

SEC("raw_tp/x") int queues(void *ctx)
{
	__u64 a = 1, b = 2, c = 3, v = 99;
	BEGIN;

	o->n[0] = bpf_map_pop_elem(&queue, &v);
	o->n[1] = v;
	bpf_map_push_elem(&queue, &a, 0);
	o->n[2] = bpf_map_push_elem(&queue, &b, 0);
	o->n[3] = bpf_map_push_elem(&queue, &c, 0);
	o->n[4] = bpf_map_push_elem(&queue, &c, BPF_EXIST);
	o->n[5] = bpf_map_peek_elem(&queue, &v);
	o->n[6] = v;
	bpf_map_push_elem(&stack, &a, 0);
	bpf_map_push_elem(&stack, &b, 0);
	o->n[7] = bpf_map_pop_elem(&stack, &v);
	o->n[8] = v;
	o->n[9] = bpf_map_pop_elem(&stack, &v) * 100 + v;
	o->n[10] = bpf_map_peek_elem(&filter, &a);
	o->n[11] = bpf_map_push_elem(&filter, &a, 0);
	o->n[12] = bpf_map_peek_elem(&filter, &a);
	return 0;
}

SEC("raw_tp/x") int one_pop(void *ctx)
{
	__u64 v = 99;
	BEGIN;

	o->n[0] = bpf_map_pop_elem(&queue, &v);
	o->n[1] = v;
	return 0;
}

SEC("raw_tp/x") int prefixes(void *ctx)
{
	struct prefix p = {8, {10}}, q = {16, {10, 1}}, asked = {32, {10, 1, 2, 3}};
	__u64 v = 8, *found;
	BEGIN;

	bpf_map_update_elem(&trie, &p, &v, 0);
	v = 16;
	bpf_map_update_elem(&trie, &q, &v, 0);
	found = bpf_map_lookup_elem(&trie, &asked);
	o->n[0] = found ? *found : 1;
	asked.address[1] = 2;
	found = bpf_map_lookup_elem(&trie, &asked);
	o->n[1] = found ? *found : 1;
	asked.address[0] = 11;
	o->n[2] = bpf_map_lookup_elem(&trie, &asked) != NULL;
	asked.address[0] = 10;
	asked.bits = 7;
	o->n[3] = bpf_map_lookup_elem(&trie, &asked) != NULL;
	return 0;
}

SEC("raw_tp/x") int one_prefix(void *ctx)
{
	struct prefix asked = {32, {10, 1, 2, 3}};
	__u64 *found;
	BEGIN;

	found = bpf_map_lookup_elem(&trie, &asked);
	o->n[0] = found ? *found : 1;
	return 0;
}

SEC("raw_tp/x") int dynptrs(void *ctx)
{
	struct bpf_dynptr d;
	char text[8] = "abcdefg", *p;
	BEGIN;

	o->n[0] = bpf_dynptr_from_mem(o->bytes, 100, 0, &d);
	o->n[1] = bpf_dynptr_write(&d, 10, text, 8, 0);
	o->n[2] = bpf_dynptr_write(&d, 93, text, 8, 0);
	o->n[3] = bpf_dynptr_write(&d, 92, text, 8, 0);
	o->n[4] = bpf_dynptr_read(text, 4, &d, 12, 0);
	o->n[5] = bpf_dynptr_read(text, 4, &d, 97, 0);
	o->n[6] = bpf_dynptr_read(text, 4, &d, 0, 1);
	__builtin_memcpy(&o->n[7], text, 8);
	p = bpf_dynptr_data(&d, 50, 10);
	if (p)
		p[3] = 'x';
	o->n[8] = bpf_dynptr_data(&d, 95, 10) != NULL;
	o->n[9] = bpf_dynptr_from_mem(o->bytes, 100, 1, &d);
	o->n[10] = bpf_dynptr_read(text, 1, &d, 0, 0);
	return 0;
}

SEC("raw_tp/x") int dynptr_records(void *ctx)
{
	struct bpf_dynptr d;
	__u64 v = 0x1122334455667788ull, w = 5;
	BEGIN;

	o->n[0] = bpf_ringbuf_reserve_dynptr(&ring, 16, 0, &d);
	o->n[1] = bpf_dynptr_write(&d, 0, &v, 8, 0);
	o->n[2] = bpf_dynptr_write(&d, 8, &w, 8, 0);
	bpf_ringbuf_submit_dynptr(&d, 0);
	o->n[3] = bpf_ringbuf_reserve_dynptr(&ring, 16, 0, &d);
	bpf_ringbuf_discard_dynptr(&d, 0);
	o->n[4] = bpf_ringbuf_reserve_dynptr(&ring, 1 << 20, 0, &d);
	o->n[5] = bpf_dynptr_write(&d, 0, &v, 8, 0);
	bpf_ringbuf_discard_dynptr(&d, 0);
	o->n[6] = bpf_ringbuf_reserve_dynptr(&ring, 16, 1, &d);
	bpf_ringbuf_discard_dynptr(&d, 0);
	return 0;
}

struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

/* The text of a loop that the kernel's verifier follows: it wants the iterator in the same state at each turn. */
#define NUMBERS(it, start, end, body) do { \
	struct bpf_iter_num *it_ = (void *)&it; \
	int *i; \
	o->n[at++] = bpf_iter_num_new(it_, start, end); \
	while ((i = bpf_iter_num_next(it_))) { body; } \
	bpf_iter_num_destroy(it_); \
} while (0)

SEC("raw_tp/x") int kernel_functions(void *ctx)
{
	__u64 it __attribute__((aligned(8)));
	__u64 sum = 0;
	int at = 0;
	BEGIN;

	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	NUMBERS(it, 3, 7, sum += *i);
	NUMBERS(it, 7, 3, sum += 1000);
	NUMBERS(it, -2, 1, sum += *i + 100);
	NUMBERS(it, 0, 1 << 30, sum += 1000);
	NUMBERS(it, 5, 5, sum += 1000);
	o->n[8] = sum;
	return 0;
}

SEC("xdp") int packet_xdp(struct xdp_md *ctx)
{
	BEGIN;
	char text[4] = {9, 8, 7, 6};

	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = bpf_xdp_get_buff_len(ctx);
	o->n[1] = bpf_xdp_load_bytes(ctx, 10, o->bytes[0], 20);
	o->n[2] = bpf_xdp_load_bytes(ctx, 60, o->bytes[1], 20);
	o->n[3] = bpf_xdp_store_bytes(ctx, 3, text, 4);
	o->n[4] = bpf_xdp_store_bytes(ctx, 62, text, 4);
	o->n[5] = bpf_xdp_load_bytes(ctx, 0, o->bytes[2], 16);
	o->n[6] = bpf_redirect(1, 0);
	o->n[7] = bpf_redirect(1, 1);
	o->n[8] = bpf_redirect_map(&devices, 1, XDP_DROP); /* it has no entry */
	return XDP_PASS;
}

SEC("tc") int redirect_tc(struct __sk_buff *skb)
{
	BEGIN;
	o->n[0] = bpf_redirect(1, 0);
	o->n[1] = bpf_redirect(1, BPF_F_INGRESS);
	o->n[2] = bpf_redirect(1, 0x100);
	o->n[3] = bpf_redirect_peer(1, 0);
	o->n[4] = bpf_redirect_peer(1, 1);
	o->n[5] = bpf_redirect_neigh(1, NULL, 0, 0);
	o->n[6] = bpf_redirect_neigh(1, NULL, 0, 1);
	return 0;
}

SEC("tc") int pull_tc(struct __sk_buff *skb)
{
	BEGIN;
	o->n[0] = bpf_skb_pull_data(skb, 0);
	o->n[1] = bpf_skb_pull_data(skb, 64);
	o->n[2] = skb->data_end - skb->data;
	o->n[3] = bpf_skb_pull_data(skb, 65);
	o->n[4] = skb->len;
	return 0;
}

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

SEC("tc") int old_loads(struct __sk_buff *skb)
{
	BEGIN;
	o->n[0] = load_byte(skb, 0);
	o->n[1] = load_half(skb, 12);
	o->n[2] = load_word(skb, 60);
	o->n[3] = load_half(skb, factor + 9);
	return 5;
}

SEC("socket") int old_load_behind(struct __sk_buff *skb)
{
	BEGIN;
	o->n[0] = load_half(skb, 3);
	o->n[1] = 1;
	o->n[2] = load_word(skb, 61); /* the program ends here, with 0 */
	o->n[3] = 1;
	return 5;
}

SEC("cgroup_skb/egress") int packet_group(struct __sk_buff *skb)
{
	BEGIN;
	__builtin_memset(o->bytes, 0xee, sizeof(o->bytes));
	o->n[0] = skb->len;
	o->n[1] = bpf_skb_load_bytes(skb, 4, o->bytes[0], 20);
	o->n[2] = bpf_skb_load_bytes(skb, 40, o->bytes[1], 20);
	return 1;
}

/* Of each text: what is returned in the upper half, the number in the lower one. */
#define NUMBER(i, how, text, flags, type) do { \
	static const char text_[24] = text; \
	type number = 99; \
	long r = how(text_, sizeof(text) - 1, flags, &number); \
	o->n[i] = (__u64)r << 32 | (__u32)(number ^ number >> 32); \
} while (0)

SEC("raw_tp/x") int numbers(void *ctx)
{
	BEGIN;
	NUMBER(0, bpf_strtol, " -12x", 0, long);
	NUMBER(1, bpf_strtol, "0x1fz", 0, long);
	NUMBER(2, bpf_strtol, "0x1f", 10, long);
	NUMBER(3, bpf_strtol, "017", 0, long);
	NUMBER(4, bpf_strtol, "ff", 16, long);
	NUMBER(5, bpf_strtol, "abc", 10, long);
	NUMBER(6, bpf_strtol, "9223372036854775808", 10, long);
	NUMBER(7, bpf_strtol, "-9223372036854775808", 10, long);
	NUMBER(8, bpf_strtoul, "18446744073709551615", 10, unsigned long);
	NUMBER(9, bpf_strtoul, "18446744073709551616", 10, unsigned long);
	NUMBER(10, bpf_strtoul, "-1", 10, unsigned long);
	NUMBER(11, bpf_strtoul, "7", 7, unsigned long);
	NUMBER(12, bpf_strtol, "  ", 10, long);
	NUMBER(13, bpf_strtol, "-", 10, long);
	NUMBER(14, bpf_strtol, "0x", 0, long);
	NUMBER(15, bpf_strtol, "-9223372036854775809", 10, long);
	return 0;
}

SEC("raw_tp/x") int turns(__u64 *ctx)
{
	__u64 sum = 0;
	BEGIN;

	o->n[0] = bpf_loop(ctx[0], add, &sum, 0); /* as often as an argument says */
	o->n[1] = sum;
	return 0;
}

SEC("cgroup_skb/ingress") int group_storage(struct __sk_buff *skb)
{
	__u64 *p = bpf_get_local_storage(&group, 0), *q;
	BEGIN;

	o->n[0] = *p;
	*p += 3;
	q = bpf_get_local_storage(&group, 0);
	o->n[1] = *q;
	return 1;
}

SEC("tc") int lock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&with_lock, &zero);
	BEGIN;

	if (!l)
		return 1;
	bpf_spin_lock(&l->lock);
	l->n += 5;
	bpf_spin_unlock(&l->lock);
	o->n[0] = l->n;
	return 0;
}

char _license[] SEC("license") = "GPL";
