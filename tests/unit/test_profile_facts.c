/*
 * Facts of two Debian kernels (6.1 and 6.12, with kprobes), each known from that kernel's source: what can be attached to, with which
 * arguments and fields, where a member lies, and why something can't be used.
 */
#include "fixture.h"

#include <kgent/profile.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct kg_profile *profiles[2];
static const char *const names[2] = {KG_FIXTURE_6_1, KG_FIXTURE_6_12};

#define each_profile(p)                                                                                                       \
	if (!profiles[0] || !profiles[1]) {                                                                                   \
		print_message("skip: the fixture profiles can't be unpacked\n");                                              \
		skip();                                                                                                       \
	}                                                                                                                     \
	for (struct kg_profile **at_ = profiles, *p = *at_; at_ < profiles + 2; at_++, p = at_ < profiles + 2 ? *at_ : NULL)

static struct kg_point *find(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_point *pt = NULL;

	if (kg_profile_find(p, kind, target, &pt, &err) < 0)
		fail_msg("%s: %s (%s)", target, err.msg, err.hint ? err.hint : "");
	return pt;
}

static void expect_usable(struct kg_profile *p, enum kg_probe_kind kind, const char *target)
{
	struct kg_point *pt = find(p, kind, target);

	if (pt->usable != KG_YES)
		fail_msg("%s: %s", target, pt->why);
	assert_null(pt->why);
	kg_point_free(pt);
}

static void expect_unusable(struct kg_profile *p, enum kg_probe_kind kind, const char *target, const char *why)
{
	struct kg_point *pt = find(p, kind, target);

	assert_int_equal(pt->usable, KG_NO);
	if (!pt->why || !strstr(pt->why, why))
		fail_msg("%s: \"%s\" is not in \"%s\"", target, why, pt->why);
	kg_point_free(pt);
}

static void expect_none(struct kg_profile *p, enum kg_probe_kind kind, const char *target, const char *hint)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_point *pt = NULL;

	assert_int_equal(kg_profile_find(p, kind, target, &pt, &err), -KG_E_NOTFOUND);
	assert_null(pt);
	if (hint && (!err.hint || !strstr(err.hint, hint)))
		fail_msg("%s: \"%s\" is not in \"%s\"", target, hint, err.hint ? err.hint : "(no hint)");
}

static const struct kg_field *field(const GPtrArray *fields, const char *name)
{
	assert_non_null(fields);
	for (guint i = 0; i < fields->len; i++)
		if (!strcmp(((struct kg_field *)g_ptr_array_index(fields, i))->name, name))
			return g_ptr_array_index(fields, i);
	fail_msg("there is no field %s", name);
	return NULL;
}

static void test_sources(void **state)
{
	each_profile(p) {
		const GPtrArray *all = kg_profile_sources(p);

		assert_true(all->len >= 5);
		for (guint i = 0; i < all->len; i++) {
			const struct kg_source *s = g_ptr_array_index(all, i);

			if (s->state != KG_SOURCE_OK)
				fail_msg("%s: %s", s->name, s->why);
		}
		assert_false(kg_profile_is_running(p));
		assert_string_equal(kg_profile_arch(p), "x86_64");
	}
	if (profiles[0])
		assert_true(g_str_has_prefix(kg_profile_release(profiles[0]), "6.1.0-"));
}

static void test_config(void **state)
{
	each_profile(p) {
		assert_int_equal(kg_profile_config(p, "KPROBES"), KG_YES);
		assert_int_equal(kg_profile_config(p, "KPROBE"), KG_NO);   /* the beginning of another name */
		assert_int_equal(kg_profile_config(p, "PROBES"), KG_NO);   /* the end of another name */
		assert_int_equal(kg_profile_config(p, "XFS_FS"), KG_YES);  /* =m */
		assert_int_equal(kg_profile_config(p, "KPROBE_EVENTS_ON_NOTRACE"), KG_NO);
	}
}

static void test_function(void **state)
{
	each_profile(p) {
		expect_usable(p, KG_PROBE_KPROBE, "tcp_connect");
		expect_usable(p, KG_PROBE_KRETPROBE, "tcp_connect");
		expect_usable(p, KG_PROBE_FENTRY, "tcp_connect");
		expect_usable(p, KG_PROBE_KPROBE, "tcp_connect+0");
		expect_usable(p, KG_PROBE_KPROBE, "vmlinux:tcp_connect");
		const GPtrArray *args = kg_profile_fields(p, KG_PROBE_KPROBE, "tcp_connect");

		assert_int_equal(args->len, 1);
		assert_string_equal(field(args, "sk")->type, "struct sock *");
		assert_true(field(args, "sk")->is_pointer);
		assert_int_equal(field(args, "sk")->size, 8);
		const GPtrArray *ret = kg_profile_fields(p, KG_PROBE_KRETPROBE, "tcp_connect");

		assert_int_equal(ret->len, 1);
		assert_string_equal(field(ret, "retval")->type, "int");
		assert_true(field(ret, "retval")->is_signed);
		assert_int_equal(kg_profile_fields(p, KG_PROBE_FEXIT, "tcp_connect")->len, 2);
		/* ssize_t vfs_read(struct file *, char __user *, size_t, loff_t *) */
		const GPtrArray *read = kg_profile_fields(p, KG_PROBE_FEXIT, "vfs_read");

		assert_int_equal(read->len, 5);
		assert_string_equal(((struct kg_field *)g_ptr_array_index(read, 2))->type, "size_t");
		assert_string_equal(field(read, "pos")->type, "loff_t *");
		assert_string_equal(field(read, "retval")->type, "ssize_t");
		/* void functions have no return value */
		assert_int_equal(kg_profile_fields(p, KG_PROBE_KRETPROBE, "tcp_close")->len, 0);
	}
}

static void test_module_function(void **state)
{
	each_profile(p) {
		struct kg_point *pt = find(p, KG_PROBE_KPROBE, "xfs_file_open");

		assert_string_equal(pt->module, "xfs");
		assert_int_equal(pt->usable, KG_YES);
		kg_point_free(pt);
		expect_usable(p, KG_PROBE_FENTRY, "xfs:xfs_file_open");
		expect_none(p, KG_PROBE_KPROBE, "ext4:xfs_file_closed", NULL);
		const GPtrArray *args = kg_profile_fields(p, KG_PROBE_KPROBE, "xfs_file_open");

		assert_string_equal(field(args, "inode")->type, "struct inode *");
		struct kg_field f;

		assert_int_equal(kg_profile_member(p, "struct xfs_inode", "i_mount", &f, NULL), 0); /* a type that only the module has */
		assert_string_equal(f.type, "struct xfs_mount *");
	}
}

static void test_function_that_cannot_be_traced(void **state)
{
	each_profile(p) {
		expect_unusable(p, KG_PROBE_KPROBE, "do_syscall_64", "not in the kernel's list of traceable functions");
		expect_unusable(p, KG_PROBE_FENTRY, "perf_trace_sched_switch", "not in the kernel's list");
		expect_none(p, KG_PROBE_KPROBE, "tcp_conect", "kprobe:tcp_connect");
		expect_none(p, KG_PROBE_KPROBE, "inet_sock_set_state_", NULL);
		expect_none(p, KG_PROBE_KPROBE, "sched_switch", "tracepoint:sched:sched_switch");
		expect_none(p, KG_PROBE_KPROBE, "sys_openat", "tracepoint:syscalls:sys_enter_openat");
		expect_none(p, KG_PROBE_KPROBE, "tcp_v4_conect", "kprobe:tcp_v4_connect");
	}
}

static void test_function_that_kprobes_refuse(void **state)
{
	each_profile(p) {
		/* On both kernels "p:x NAME" in kprobe_events fails for these: EINVAL for the blacklist, EADDRNOTAVAIL or EINVAL for the others. */
		expect_unusable(p, KG_PROBE_KPROBE, "do_int3", "blacklist");
		expect_unusable(p, KG_PROBE_KRETPROBE, "notifier_call_chain", "blacklist");
		expect_usable(p, KG_PROBE_FENTRY, "notifier_call_chain");
		static const char *const shared[] = {"active_show", "address_show"};

		for (gsize i = 0; i < G_N_ELEMENTS(shared); i++) {
			struct kg_point *pt = find(p, KG_PROBE_KPROBE, shared[i]);

			assert_int_equal(pt->usable, KG_UNKNOWN);
			assert_non_null(strstr(pt->why, "several functions"));
			kg_point_free(pt);
		}
		/* tcp_close+4 is the middle of an instruction on 6.1, and not on 6.12 */
		struct kg_point *pt = find(p, KG_PROBE_KPROBE, "tcp_close+4");

		assert_int_equal(pt->usable, KG_UNKNOWN);
		kg_point_free(pt);
	}
}

static void test_inlined_function(void **state)
{
	each_profile(p) {
		/* static inline in include/net/tcp.h: no symbol is left */
		expect_none(p, KG_PROBE_KPROBE, "tcp_skb_pcount", NULL);
		assert_null(kg_profile_fields(p, KG_PROBE_KPROBE, "tcp_skb_pcount"));
	}
}

static void test_tracepoint(void **state)
{
	each_profile(p) {
		expect_usable(p, KG_PROBE_TRACEPOINT, "sock:inet_sock_set_state");
		const GPtrArray *f = kg_profile_fields(p, KG_PROBE_TRACEPOINT, "sock:inet_sock_set_state");

		assert_string_equal(field(f, "skaddr")->type, "const void *");
		assert_true(field(f, "skaddr")->is_pointer);
		assert_string_equal(field(f, "sport")->type, "__u16");
		assert_int_equal(field(f, "sport")->size, 2);
		assert_false(field(f, "sport")->is_big_endian); /* the tracepoint converts it */
		assert_string_equal(field(f, "saddr_v6")->type, "__u8[16]");
		assert_int_equal(field(f, "saddr_v6")->array_len, 16);
		assert_false(field(f, "saddr_v6")->is_string);
		assert_true(field(f, "oldstate")->is_signed);
		const struct kg_field *comm = field(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "sched:sched_switch"), "prev_comm");

		assert_true(comm->is_string);
		assert_int_equal(comm->array_len, 16);
		assert_int_equal(comm->offset_bits, 64);
		const struct kg_field *file = field(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "sched:sched_process_exec"), "filename");

		assert_true(file->is_dynamic);
		assert_true(file->is_string);
		for (guint i = 0; i < f->len; i++)
			assert_false(g_str_has_prefix(((struct kg_field *)g_ptr_array_index(f, i))->name, "common_"));
	}
}

static void test_tracepoint_that_is_none(void **state)
{
	each_profile(p) {
		expect_none(p, KG_PROBE_TRACEPOINT, "tcp:inet_sock_set_state", "tracepoint:sock:inet_sock_set_state");
		expect_none(p, KG_PROBE_TRACEPOINT, "sched:sched_swich", "tracepoint:sched:sched_switch");
		expect_none(p, KG_PROBE_TRACEPOINT, "syscalls:sys_enter_opennat", "tracepoint:syscalls:sys_enter_openat");
		expect_none(p, KG_PROBE_TRACEPOINT, "tcp_connect", "kprobe:tcp_connect");
		assert_null(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "no:such"));
		assert_true(kg_profile_has_syscall(p, "openat"));
		assert_false(kg_profile_has_syscall(p, "openatt"));
		assert_false(kg_profile_has_syscall(p, "exit_mmap"));
	}
}

static void test_rawtracepoint(void **state)
{
	each_profile(p) {
		expect_usable(p, KG_PROBE_RAWTRACEPOINT, "sched_switch");
		/* TP_PROTO(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state) */
		const GPtrArray *f = kg_profile_fields(p, KG_PROBE_RAWTRACEPOINT, "sched_switch");

		assert_int_equal(f->len, 4);
		assert_string_equal(((struct kg_field *)g_ptr_array_index(f, 0))->type, "bool");
		assert_string_equal(((struct kg_field *)g_ptr_array_index(f, 1))->type, "struct task_struct *");
		expect_none(p, KG_PROBE_RAWTRACEPOINT, "sched_swich", "rawtracepoint:sched_switch");
	}
}

static void test_member(void **state)
{
	each_profile(p) {
		_cleanup_error_ struct kg_error err = {0};
		struct kg_field f, g;

		assert_int_equal(kg_profile_member(p, "struct sock", "__sk_common.skc_dport", &f, NULL), 0);
		assert_string_equal(f.type, "__be16");
		assert_true(f.is_big_endian);
		assert_int_equal(f.offset_bits, 12 * 8); /* behind skc_daddr, skc_rcv_saddr and skc_hash, in all kernels since 4.x */
		assert_int_equal(kg_profile_member(p, "struct sock *", "__sk_common.skc_num", &f, NULL), 0);
		assert_false(f.is_big_endian);
		assert_string_equal(f.type, "__u16");
		assert_int_equal(kg_profile_member(p, "struct sock", "__sk_common.skc_v6_daddr.in6_u.u6_addr8", &f, NULL), 0);
		assert_int_equal(f.array_len, 16);
		assert_int_equal(f.size, 16);
		assert_int_equal(kg_profile_member(p, "struct sock", "__sk_common.skc_v6_daddr.in6_u.u6_addr8[3]", &g, NULL), 0);
		assert_int_equal(g.offset_bits, f.offset_bits + 24);
		assert_int_equal(g.size, 1);
		assert_int_equal(kg_profile_member(p, "struct in6_addr", "in6_u.u6_addr32", &g, NULL), 0);
		assert_true(g.is_big_endian); /* an array of __be32 */
		/* through a pointer the offset starts anew */
		assert_int_equal(kg_profile_member(p, "struct file", "f_inode->i_ino", &f, NULL), 0);
		assert_int_equal(kg_profile_member(p, "struct inode", "i_ino", &g, NULL), 0);
		assert_int_equal(f.offset_bits, g.offset_bits);
		/* a bit field */
		assert_int_equal(kg_profile_member(p, "struct iphdr", "version", &f, NULL), 0);
		assert_int_equal(f.bits, 4);
		assert_int_equal(kg_profile_member(p, "struct iphdr", "tot_len", &f, NULL), 0);
		assert_true(f.is_big_endian);
		assert_int_equal(kg_profile_member(p, "struct sock", "__sk_common.skc_dprt", &f, &err), -KG_E_NOTFOUND);
		assert_non_null(strstr(err.hint, "skc_dport"));
	}
}

static void test_member_that_is_none(void **state)
{
	each_profile(p) {
		static const char *const paths[] = {"", ".", "a..b", "[", "[]", "[1]", "__sk_common.", "__sk_common[0]", "__sk_common.skc_dport.x",
			"__sk_common.skc_v6_daddr.in6_u.u6_addr8[16]", "__sk_common.skc_v6_daddr.in6_u.u6_addr8[-1]", "$x", "->", "sk_no_such"};
		struct kg_field f = {.name = "untouched"};

		for (gsize i = 1; i < G_N_ELEMENTS(paths); i++) {
			assert_true(kg_profile_member(p, "struct sock", paths[i], &f, NULL) < 0);
			assert_string_equal(f.name, "untouched");
		}
		assert_int_equal(kg_profile_member(p, "struct nosuch", "x", &f, NULL), -KG_E_NOTFOUND);
		assert_int_equal(kg_profile_member(p, "int", "x", &f, NULL), -KG_E_NOTFOUND);
		assert_int_equal(kg_profile_member(p, "", "x", &f, NULL), -KG_E_NOTFOUND);
	}
}

static void test_members(void **state)
{
	each_profile(p) {
		const GPtrArray *m = kg_profile_members(p, "struct sock_common");

		/* skc_daddr lies in an anonymous struct in an anonymous union */
		assert_string_equal(field(m, "skc_daddr")->type, "__be32");
		assert_int_equal(field(m, "skc_daddr")->offset_bits, 0);
		assert_int_equal(field(m, "skc_rcv_saddr")->offset_bits, 32);
		assert_ptr_equal(kg_profile_members(p, "struct sock_common"), m);
		assert_null(kg_profile_members(p, "struct nosuch"));
		/* a function pointer is spelled as in C */
		const struct kg_field *f = field(kg_profile_members(p, "struct file_operations"), "llseek");

		assert_string_equal(f->type, "loff_t (*)(struct file *, loff_t, int)");
	}
}

static void test_enumerator(void **state)
{
	each_profile(p) {
		int64_t v = 0;

		assert_int_equal(kg_profile_enumerator(p, "TCP_SYN_SENT", &v), 0);
		assert_int_equal(v, 2);
		assert_int_equal(kg_profile_enumerator(p, "BPF_FUNC_loop", &v), 0);
		assert_int_equal(v, 181);
		assert_int_equal(kg_profile_enumerator(p, "PIDTYPE_MAX", &v), 0);
		assert_int_equal(v, 4);
		assert_int_equal(kg_profile_enumerator(p, "NO_SUCH_ENUMERATOR", &v), -KG_E_NOTFOUND);
		assert_int_equal(v, 4);
	}
}

static void test_match(void **state)
{
	each_profile(p) {
		g_autoptr(GPtrArray) calls = kg_profile_match(p, KG_PROBE_TRACEPOINT, "syscalls:sys_enter_*", 0);
		g_autoptr(GPtrArray) few = kg_profile_match(p, KG_PROBE_KPROBE, "tcp_*", 5);
		g_autoptr(GPtrArray) mid = kg_profile_match(p, KG_PROBE_KPROBE, "*cp_v4_conn*ct", 0);
		g_autoptr(GPtrArray) module = kg_profile_match(p, KG_PROBE_KPROBE, "xfs:xfs_file_op*", 0);
		g_autoptr(GPtrArray) none = kg_profile_match(p, KG_PROBE_KPROBE, "no_such_*", 0);

		assert_in_range(calls->len, 300, 450);
		assert_int_equal(few->len, 5);
		assert_int_equal(mid->len, 1);
		assert_string_equal(g_ptr_array_index(mid, 0), "tcp_v4_connect");
		assert_true(module->len >= 1);
		assert_string_equal(g_ptr_array_index(module, 0), "xfs:xfs_file_open");
		assert_int_equal(none->len, 0);
		for (guint i = 1; i < calls->len; i++)
			assert_true(strcmp(g_ptr_array_index(calls, i - 1), g_ptr_array_index(calls, i)) < 0);
	}
}

static void test_others(void **state)
{
	each_profile(p) {
		const char *why = NULL;

		expect_usable(p, KG_PROBE_INTERVAL, "s:1");
		expect_usable(p, KG_PROBE_PROFILE, "hz:99");
		expect_none(p, KG_PROBE_PROFILE, "hz:0", "hz:99");
		expect_none(p, KG_PROBE_INTERVAL, "h:1", "s:1");
		expect_none(p, KG_PROBE_INTERVAL, "s", "s:1");
		expect_usable(p, KG_PROBE_SOFTWARE, "page-faults:100");
		expect_none(p, KG_PROBE_SOFTWARE, "page-fault", "page-faults");
		expect_none(p, KG_PROBE_SOFTWARE, "faults:x", NULL);
		expect_usable(p, KG_PROBE_ITER, "task");
		expect_none(p, KG_PROBE_ITER, "tasks", "iter:task");
		g_autoptr(GPtrArray) iterators = kg_profile_match(p, KG_PROBE_ITER, "*", 0);

		assert_in_range(iterators->len, 10, 40);
		for (guint i = 0; i < iterators->len; i++)
			assert_null(strstr(g_ptr_array_index(iterators, i), "__")); /* bpf_iter__task__safe_trusted is no iterator */
		expect_usable(p, KG_PROBE_BEGIN, "");
		assert_int_equal(kg_profile_kind_usable(p, KG_PROBE_HARDWARE, &why), KG_UNKNOWN);
		assert_non_null(why);
		struct kg_point *pt = find(p, KG_PROBE_UPROBE, "/bin/sh:main");

		assert_int_equal(pt->usable, KG_UNKNOWN); /* that machine's programs are not known */
		kg_point_free(pt);
		_cleanup_error_ struct kg_error err = {0};

		assert_int_equal(kg_profile_find(p, KG_PROBE_KPROBE, "tcp_*", &pt, &err), -KG_E_INVAL);
	}
}

static int setup(void **state)
{
	for (int i = 0; i < 2; i++) {
		g_autofree char *dir = kg_fixture_profile(names[i]);
		struct kg_profile_opts opts = {.dir = dir};
		_cleanup_error_ struct kg_error err = {0};

		if (dir && kg_profile_open(&opts, &profiles[i], &err) < 0) {
			print_error("%s: %s\n", dir, err.msg);
			return 1;
		}
	}
	return 0;
}

static void test_format_text(void **state)
{
	gsize len = 0;
	const char *text;

	if (!profiles[0])
		skip();
	text = kg_profile_format(profiles[0], "skb:kfree_skb", &len);
	assert_non_null(text);
	assert_true(g_str_has_prefix(text, "name: kfree_skb\nID: "));
	assert_non_null(memmem(text, len, "print fmt:", 10));
	assert_null(memmem(text, len, "\n@ ", 3)); /* and no further one */
	assert_null(kg_profile_format(profiles[0], "skb:kfree", &len));
}

static void test_function_lines(void **state)
{
	g_autoptr(GString) out = g_string_new(NULL);

	if (!profiles[0])
		skip();
	kg_profile_function_lines(profiles[0], "tcp_connect", out);
	assert_string_equal(out->str, "tcp_connect\n");
	g_string_truncate(out, 0);
	kg_profile_function_lines(profiles[0], "nf_conntrack_i*n", out);
	assert_non_null(strstr(out->str, "nf_conntrack_in [nf_conntrack]\n"));
	assert_null(strstr(out->str, "nf_conntrack_alloc"));
	g_string_truncate(out, 0);
	kg_profile_function_lines(profiles[0], "no_such_function", out);
	assert_string_equal(out->str, "");
}

/* Members of types of three modules in a profile of one BTF are where the modules' own BTF has them. */
static void test_joined_types(void **state)
{
	static const char *const modules[] = {"nf_conntrack", "no_such_module", "bridge", "xfs", NULL};
	static const char *const members[][2] = {{"struct nf_conntrack_net", "count"}, {"struct net_bridge_port", "br"}, {"struct net_bridge", "dev"},
						 {"struct xfs_inode", "i_ino"}, {"struct task_struct", "pid"}};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *one = NULL;
	GBytes *types;
	gsize len;
	const void *data;

	if (!profiles[0])
		skip();
	g_autofree char *dir = g_dir_make_tmp("kgent-test-XXXXXX", NULL), *btf = g_build_filename(dir, "btf", NULL);
	g_autofree char *meta = g_build_filename(dir, "meta.json", NULL);
	types = kg_profile_types(profiles[0], modules);
	assert_non_null(types);
	data = g_bytes_get_data(types, &len);
	assert_true(g_file_set_contents(btf, data, (gssize)len, NULL));
	assert_true(g_file_set_contents(meta, "{\"format\": 1, \"release\": \"x\", \"arch\": \"x86_64\"}", -1, NULL));
	g_bytes_unref(types);
	assert_int_equal(kg_profile_open(&(struct kg_profile_opts){.dir = dir}, &one, &err), 0);
	for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
		struct kg_field a, b;

		assert_int_equal(kg_profile_member(profiles[0], members[i][0], members[i][1], &a, &err), 0);
		assert_int_equal(kg_profile_member(one, members[i][0], members[i][1], &b, &err), 0);
		assert_string_equal(a.type, b.type);
		assert_int_equal(a.offset_bits, b.offset_bits);
		assert_int_equal(a.size, b.size);
	}
	kg_profile_free(one);
	g_unlink(btf);
	g_unlink(meta);
	g_rmdir(dir);
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++)
		profiles[i] = kg_profile_free(profiles[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_module_function),
		cmocka_unit_test(test_function_that_cannot_be_traced),
		cmocka_unit_test(test_function_that_kprobes_refuse),
		cmocka_unit_test(test_inlined_function),
		cmocka_unit_test(test_tracepoint),
		cmocka_unit_test(test_tracepoint_that_is_none),
		cmocka_unit_test(test_rawtracepoint),
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_member_that_is_none),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_enumerator),
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_format_text),
		cmocka_unit_test(test_function_lines),
		cmocka_unit_test(test_joined_types),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
