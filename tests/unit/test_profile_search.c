/* Finding attach points by words and by wrong names: on a profile of 60,000 functions, fast, and the best first. */
#include "fixture.h"

#include <kgent/profile.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct kg_profile *profile;

static void need(void)
{
	if (!profile) {
		print_message("skip: the fixture profile can't be unpacked\n");
		skip();
	}
}

/* The place of an attach point among the first [max] hits, from 0; -1 if it is not there. */
static int place(const char *words, const char *wanted, guint max)
{
	g_autoptr(GPtrArray) hits = kg_profile_search(profile, words, max);
	int at = -1;

	assert_true(hits->len <= max);
	for (guint i = 0; i < hits->len; i++) {
		const struct kg_hit *h = g_ptr_array_index(hits, i);
		g_autofree char *name = g_strdup_printf("%s:%s", kg_probe_info(h->kind)->name, h->target);

		if (i)
			assert_true(((struct kg_hit *)g_ptr_array_index(hits, i - 1))->score >= h->score);
		if (at < 0 && !strcmp(name, wanted))
			at = (int)i;
	}
	return at;
}

static void test_words(void **state)
{
	static const struct {
		const char *words, *wanted;
		int within;
	} rows[] = {
		{"tcp retransmit", "tracepoint:tcp:tcp_retransmit_skb", 3},
		{"TCP Retransmissions!", "tracepoint:tcp:tcp_retransmit_skb", 4},
		{"tcp connect", "kprobe:tcp_connect", 1},
		{"page fault", "tracepoint:exceptions:page_fault_user", 5},
		{"page faults", "software:page-faults", 8},
		{"block request issue", "tracepoint:block:block_rq_issue", 2},
		{"disk request completed", "tracepoint:block:block_rq_complete", 2},
		{"process exit", "tracepoint:sched:sched_process_exit", 1},
		{"process exits", "tracepoint:sched:sched_process_exit", 1},
		{"openat", "tracepoint:syscalls:sys_enter_openat", 4},
		{"signal generated", "tracepoint:signal:signal_generate", 2},
		{"socket state", "tracepoint:sock:inet_sock_set_state", 4},
		{"context switches", "software:context-switches", 3},
		{"xfs file open", "kprobe:xfs_file_open", 1},
		{"vmscan direct reclaim begin", "tracepoint:vmscan:mm_vmscan_direct_reclaim_begin", 1},
		{"oldstate newstate", "tracepoint:sock:inet_sock_set_state", 4}, /* fields' names */
	};

	need();
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		int at = place(rows[i].words, rows[i].wanted, 50);

		if (at < 0 || at >= rows[i].within)
			fail_msg("\"%s\": %s is at %d", rows[i].words, rows[i].wanted, at);
	}
}

static void test_no_words(void **state)
{
	static const char *const nothing[] = {"", "   ", "the of a", "!?", "zzqqxyzzy", "\xff\xfe", "(((((", "a"};

	need();
	for (gsize i = 0; i < G_N_ELEMENTS(nothing); i++) {
		g_autoptr(GPtrArray) hits = kg_profile_search(profile, nothing[i], 10);

		assert_int_equal(hits->len, 0);
	}
	g_autofree char *huge = g_strnfill(1 << 20, 'x'), *many = NULL;
	GString *s = g_string_new(NULL);

	for (int i = 0; i < 100000; i++)
		g_string_append_printf(s, "tcp%d ", i);
	many = g_string_free(s, FALSE);
	g_ptr_array_unref(kg_profile_search(profile, huge, 10));
	g_ptr_array_unref(kg_profile_search(profile, many, 10));
}

static void test_module_is_told(void **state)
{
	need();
	g_autoptr(GPtrArray) hits = kg_profile_search(profile, "xfs file open", 1);
	const struct kg_hit *h = g_ptr_array_index(hits, 0);

	assert_string_equal(h->target, "xfs_file_open");
	assert_string_equal(h->module, "xfs");
}

static void expect_near(enum kg_probe_kind kind, const char *wrong, const char *right)
{
	g_autoptr(GPtrArray) near = kg_profile_nearest(profile, kind, wrong, 3);

	assert_true(near->len <= 3);
	if (!right) {
		assert_int_equal(near->len, 0);
		return;
	}
	if (!near->len || strcmp(g_ptr_array_index(near, 0), right))
		fail_msg("%s: %s, not %s", wrong, near->len ? (char *)g_ptr_array_index(near, 0) : "nothing", right);
}

static void test_nearest(void **state)
{
	need();
	expect_near(KG_PROBE_KPROBE, "tcp_conect", "tcp_connect");
	expect_near(KG_PROBE_KPROBE, "tcp_ocnnect", "tcp_connect"); /* neighbours exchanged */
	expect_near(KG_PROBE_FENTRY, "vfs_raed", "vfs_read");
	expect_near(KG_PROBE_KPROBE, "xfs:xfs_file_opn", "xfs_file_open");
	expect_near(KG_PROBE_KPROBE, "qqqqqqqqqqqq", NULL);
	expect_near(KG_PROBE_KPROBE, "", NULL);
	expect_near(KG_PROBE_TRACEPOINT, "sched:sched_swtich", "sched:sched_switch");
	expect_near(KG_PROBE_TRACEPOINT, "tcp:inet_sock_set_state", "sock:inet_sock_set_state");
	expect_near(KG_PROBE_TRACEPOINT, "sched_switch", "sched:sched_switch");
	expect_near(KG_PROBE_SOFTWARE, "pagefaults", "page-faults");
	expect_near(KG_PROBE_KPROBE, "inode_permission_x", "inode_permission");
	/* nothing is near, but a name contains it */
	expect_near(KG_PROBE_KPROBE, "cp_retransmit_sk", "tcp_retransmit_skb");
	expect_near(KG_PROBE_KPROBE, "retransmit_skb", "tcp_retransmit_skb");
	expect_near(KG_PROBE_TRACEPOINT, "syscalls:openat2", "syscalls:sys_exit_openat2");
}

static void test_nearest_of_a_list(void **state)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	assert_null(kg_nearest("x", names));
	g_ptr_array_add(names, (gpointer) "skc_dport");
	g_ptr_array_add(names, (gpointer) "skc_daddr");
	g_ptr_array_add(names, (gpointer) "comm");
	assert_ptr_equal(kg_nearest("skc_dprt", names), g_ptr_array_index(names, 0));
	assert_ptr_equal(kg_nearest("dport", names), g_ptr_array_index(names, 0));
	assert_ptr_equal(kg_nearest("com", names), g_ptr_array_index(names, 2));
	assert_null(kg_nearest("filename", names));
	assert_null(kg_nearest("", names));
}

/* The promise is 10 ms on an idle machine without sanitizers; the bound here only catches a search that got slow by design. */
static void test_time(void **state)
{
	need();
	place("tcp retransmit", "", 10); /* make what is made once */
	gint64 best = G_MAXINT64;

	for (int i = 0; i < 5; i++) {
		gint64 start = g_get_monotonic_time();

		place("disk request completed", "", 10);
		best = MIN(best, g_get_monotonic_time() - start);
	}
	if (best > 200000)
		fail_msg("a search takes %" G_GINT64_FORMAT " us", best);
}

static int setup(void **state)
{
	g_autofree char *dir = kg_fixture_profile(KG_FIXTURE_6_12);
	struct kg_profile_opts opts = {.dir = dir};

	return dir ? kg_profile_open(&opts, &profile, NULL) : 0;
}

static int teardown(void **state)
{
	profile = kg_profile_free(profile);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_no_words),
		cmocka_unit_test(test_module_is_told),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_nearest_of_a_list),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
