/*
 * Sandboxes with real kernels: programs of every kind run in them, and whatever goes wrong in a guest comes back as a clear answer in
 * bounded time and memory, with no process or file left behind.
 *
 * $KGENT_TEST_CACHE/kgent keeps the kernels between tests; they are fetched once. As root the tests go on as nobody: a sandbox
 * needs no privilege. Without QEMU or packages all of it is skipped.
 */
#include <kgent/build.h>
#include <kgent/kernels.h>
#include <kgent/profile.h>
#include <kgent/sandbox.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const versions[] = {"6.1", "6.12"};
static char *cache;
static char *why_not; /* there are no sandboxes here */

/* --- setting up --- */

static void become_nobody(const char *home)
{
	if (geteuid() != 0)
		return;
	if (mkdir(home, 0755) && errno != EEXIST)
		exit(1);
	if (chown(home, 65534, 65534) || setgroups(0, NULL) || setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		exit(1);
	prctl(PR_SET_DUMPABLE, 1); /* /proc/self stays readable */
	g_setenv("HOME", home, TRUE);
}

static void tell(void *user, const char *what)
{
	(void)user;
	print_message("%s\n", what);
}

static int fetch_kernels(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(versions) && !why_not; i++) {
		struct kg_kernel_add_opts opts = {.what = versions[i], .name = versions[i], .cache_dir = cache, .progress = tell};
		_cleanup_error_ struct kg_error err = {0};
		struct kg_kernel *k = NULL;

		if (kg_kernel_find(cache, versions[i], &k, NULL) && kg_kernel_add(&opts, &k, &err)) {
			/* what can be had is not ours to decide; that it does not boot is a failure */
			if (err.code == KG_E_NOTFOUND || strstr(err.msg, "apt") || strstr(err.msg, "not installed"))
				why_not = g_strdup_printf("no kernel %s: %s", versions[i], err.msg);
			else
				fail_msg("%s: %s", versions[i], err.msg);
		}
		kg_kernel_free(k);
	}
	return 0;
}

static struct kg_sandbox *open_quiet(const char *kernel, int silence_ms)
{
	struct kg_sandbox_opts opts = {.kernel = kernel, .cache_dir = cache, .silence_timeout_ms = silence_ms, .progress = tell};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_sandbox *box = NULL;

	if (why_not) {
		print_message("skip: %s\n", why_not);
		skip();
	}
	if (kg_sandbox_open(&opts, &box, &err))
		fail_msg("%s: %s", kernel, err.msg);
	return box;
}

static struct kg_sandbox *open_box(const char *kernel)
{
	return open_quiet(kernel, 0);
}

/* --- what is left behind --- */

static gboolean is_gone(pid_t pid)
{
	for (int i = 0; i < 300; i++) {
		if (kill(pid, 0) && errno == ESRCH)
			return TRUE;
		g_usleep(10000);
	}
	return FALSE;
}

/* Names of all that is in the cache below the kernels, as one text. */
static char *files_left(void)
{
	g_autofree char *command = g_strdup_printf("find '%s' | sort", cache);
	char *text = NULL;

	assert_true(g_spawn_sync(NULL, (char *[]){(char *)"/bin/sh", (char *)"-c", command, NULL}, NULL, 0, NULL, NULL, &text, NULL, NULL, NULL));
	return text;
}

static void assert_nothing_left(struct kg_sandbox *box, const char *before)
{
	pid_t pid = kg_sandbox_pid(box);

	kg_sandbox_free(box);
	if (pid)
		assert_true(is_gone(pid));
	g_autofree char *after = files_left();

	assert_string_equal(before, after);
}

/* --- running --- */

static struct kg_sandbox_output run(struct kg_sandbox *box, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct kg_sandbox_command c = {.argv = argv, .timeout_ms = 60000};
	struct kg_sandbox_output out = {0};
	_cleanup_error_ struct kg_error err = {0};

	if (kg_sandbox_run(box, &c, &out, &err))
		fail_msg("%s: %s", script, err.msg);
	return out;
}

static int start(struct kg_sandbox *box, const char *const *argv, int timeout_ms)
{
	struct kg_sandbox_command c = {.argv = argv, .timeout_ms = timeout_ms};
	_cleanup_error_ struct kg_error err = {0};
	int id = 0;

	if (kg_sandbox_start(box, &c, &id, &err))
		fail_msg("%s: %s", argv[0], err.msg);
	return id;
}

static double seconds_since(gint64 us)
{
	return (double)(g_get_monotonic_time() - us) / 1e6;
}

/* Wait for the machine's end, and how it ended. */
static struct kg_sandbox_event wait_over(struct kg_sandbox *box, double at_most_s)
{
	gint64 begin = g_get_monotonic_time();
	struct kg_sandbox_event e;

	do
		assert_int_equal(kg_sandbox_next(box, 1000, &e, NULL), 0);
	while (e.kind != KG_SANDBOX_OVER && seconds_since(begin) < at_most_s);
	assert_int_equal(e.kind, KG_SANDBOX_OVER);
	return e;
}

static struct kg_sandbox_event wait_exit(struct kg_sandbox *box, int id)
{
	struct kg_sandbox_event e;

	do
		assert_int_equal(kg_sandbox_next(box, 120000, &e, NULL), 0);
	while (e.kind == KG_SANDBOX_OUTPUT || (e.kind == KG_SANDBOX_EXIT && e.id != id));
	assert_int_equal(e.kind, KG_SANDBOX_EXIT);
	return e;
}

/* --- programs of every kind --- */

static const struct {
	const char *what, *program, *stimulus;
} programs[] = {
	{"kprobe", "kprobe:do_sys_openat2 /str(uptr(arg1)) == \"/etc/hosts\"/ { printf(\"seen %s\\n\", comm); exit(); }", "cat /etc/hosts"},
	{"kretprobe", "kretprobe:do_sys_openat2 /comm == \"cat\"/ { printf(\"seen %d\\n\", retval); exit(); }", "cat /etc/hosts"},
	{"fentry", "kfunc:vfs_open /str(args->path->dentry->d_name.name) == \"hosts\"/ { printf(\"seen\\n\"); exit(); }", "cat /etc/hosts"},
	{"tracepoint", "tracepoint:syscalls:sys_enter_openat /str(args->filename) == \"/etc/hosts\"/ { printf(\"seen\\n\"); exit(); }",
	 "cat /etc/hosts"},
	{"raw tracepoint", NULL, "cat /etc/hosts"}, /* tests/e2e/rawtp.c: bpftrace has them since 0.18 */
	{"uprobe", "uprobe:/bin/bash:main { printf(\"seen\\n\"); exit(); }", "/bin/bash -c :"},
	{"interval", "interval:ms:100 { printf(\"seen\\n\"); exit(); }", ":"},
	{"profile", "profile:hz:99 { printf(\"seen\\n\"); exit(); }", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done"},
	{"tcp over IPv4 and IPv6", "kprobe:tcp_connect { @[comm] = count(); if (@n == 1) { printf(\"seen\\n\"); exit(); } @n = 1; }",
	 "(echo | nc 127.0.0.1 9; echo | nc ::1 9) 2>/dev/null; :"},
};

static void wait_attached(struct kg_sandbox *box, int id)
{
	struct kg_sandbox_event e;
	g_autoptr(GString) seen = g_string_new(NULL);

	while (!strstr(seen->str, "Attaching")) {
		assert_int_equal(kg_sandbox_next(box, 60000, &e, NULL), 0);
		if (e.kind != KG_SANDBOX_OUTPUT || e.id != id)
			fail_msg("bpftrace did not attach: %s", seen->str);
		g_string_append_len(seen, e.data, (gssize)e.len);
	}
}

/* The stimulus again and again, until the program has seen it. */
static void see(struct kg_sandbox *box, gsize i)
{
	const char *argv[] = {"bpftrace", "-e", programs[i].program, NULL}, *raw[] = {"/tmp/rawtp", NULL};
	int id = start(box, programs[i].program ? argv : raw, 60000), n = 0;
	g_autoptr(GString) seen = g_string_new(NULL);
	struct kg_sandbox_event e = {0};

	wait_attached(box, id);
	while (n++ < 60) {
		struct kg_sandbox_output out = run(box, programs[i].stimulus);

		kg_sandbox_output_clear(&out);
		assert_int_equal(kg_sandbox_next(box, 500, &e, NULL), 0);
		for (; e.kind == KG_SANDBOX_OUTPUT; kg_sandbox_next(box, 500, &e, NULL))
			g_string_append_len(seen, e.data, (gssize)e.len);
		if (e.kind == KG_SANDBOX_EXIT)
			break;
	}
	if (e.kind != KG_SANDBOX_EXIT || e.how != KG_SANDBOX_EXITED || e.status || !strstr(seen->str, "seen"))
		fail_msg("%s with %s: event %d, how %d, status %d: %s", programs[i].what, kg_sandbox_release(box), e.kind, e.how, e.status, seen->str);
}

static void put_file(struct kg_sandbox *box, const char *from, const char *to)
{
	g_autofree char *data = NULL;
	gsize len;

	assert_true(from && g_file_get_contents(from, &data, &len, NULL));
	assert_int_equal(kg_sandbox_put(box, to, data, len, 0755, NULL), 0);
}

static void test_programs(void **state)
{
	for (gsize k = 0; k < G_N_ELEMENTS(versions); k++) {
		struct kg_sandbox *box = open_box(versions[k]);

		put_file(box, g_getenv("RAWTP"), "/tmp/rawtp");
		for (gsize i = 0; i < G_N_ELEMENTS(programs); i++)
			see(box, i);
		assert_true(g_str_has_prefix(kg_sandbox_release(box), versions[k]));
		kg_sandbox_free(box);
	}
	(void)state;
}

static void assert_load(struct kg_sandbox *box, const char *program, enum kg_load_outcome outcome, const char *why)
{
	struct kg_load_result res = {0};
	_cleanup_error_ struct kg_error err = {0};

	if (kg_sandbox_load(box, program, NULL, &res, &err))
		fail_msg("%s: %s", program, err.msg);
	if (res.outcome != outcome || (why && !strstr(res.why, why)))
		fail_msg("%s: outcome %d: %s", program, res.outcome, res.why ? res.why : "");
	kg_load_result_clear(&res);
}

static void test_load(void **state)
{
	struct kg_sandbox *box = open_box("6.1");

	assert_load(box, "kprobe:tcp_connect { @[comm] = count(); } END { printf(\"end\"); }", KG_LOAD_ACCEPTED, NULL);
	assert_load(box, "kfunc:vfs_read { if (args->count > 10) { @ = *(uint64 *)((uint64)args->file + args->count); } }", KG_LOAD_REFUSED,
		    "verifier refuses");
	assert_load(box, "tracepoint:sched:no_such_event { @ = count(); }", KG_LOAD_REFUSED, NULL);
	assert_load(box, "kprobe:tcp_connect {", KG_LOAD_REFUSED, NULL);
	kg_sandbox_free(box);
	(void)state;
}

/* --- commands --- */

static void test_commands(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	_cleanup_error_ struct kg_error err = {0};
	const char *sleep_argv[] = {"sleep", "30", NULL}, *none[] = {"/no/such/program", NULL}, *cat[] = {"cat", NULL};
	struct kg_sandbox_command absent = {.argv = none}, with_input = {.argv = cat, .input_is_pipe = TRUE};
	struct kg_sandbox_event e;
	int id, other;

	struct kg_sandbox_output out = run(box, "echo out; echo err >&2; exit 3");
	assert_int_equal(out.how, KG_SANDBOX_EXITED);
	assert_int_equal(out.status, 3);
	assert_string_equal(out.out->str, "out\n");
	assert_string_equal(out.err->str, "err\n");
	kg_sandbox_output_clear(&out);

	assert_int_equal(kg_sandbox_start(box, &absent, &id, &err), -KG_E_NOTFOUND);
	kg_error_clear(&err);

	id = start(box, sleep_argv, 300);
	e = wait_exit(box, id);
	assert_int_equal(e.how, KG_SANDBOX_TIMED_OUT);

	id = start(box, sleep_argv, 0);
	other = start(box, sleep_argv, 0);
	assert_int_equal(kg_sandbox_signal(box, other, SIGINT, &err), 0);
	e = wait_exit(box, other);
	assert_int_equal(e.how, KG_SANDBOX_SIGNALED);
	assert_int_equal(e.status, SIGINT);
	assert_int_equal(kg_sandbox_kill(box, id, &err), 0);
	e = wait_exit(box, id);
	assert_int_equal(e.status, SIGKILL);
	assert_int_equal(kg_sandbox_signal(box, 999, SIGINT, NULL), -KG_E_NOTFOUND);

	/* what it leaves behind is killed, even when it ran away into a session of its own */
	out = run(box, "setsid sleep 1000 & sleep 0.1; exit 0");
	kg_sandbox_output_clear(&out);
	out = run(box, "pgrep -f 'sleep 1000' | grep -v $$ | wc -l");
	assert_string_equal(g_strstrip(out.out->str), "0");
	kg_sandbox_output_clear(&out);

	assert_int_equal(kg_sandbox_start(box, &with_input, &id, &err), 0);
	assert_int_equal(kg_sandbox_input(box, id, "hello", 5, &err), 0);
	assert_int_equal(kg_sandbox_input(box, id, NULL, 0, &err), 0);
	assert_int_equal(kg_sandbox_next(box, 10000, &e, NULL), 0);
	assert_int_equal(e.kind, KG_SANDBOX_OUTPUT);
	assert_memory_equal(e.data, "hello", 5);
	e = wait_exit(box, id);
	assert_int_equal(e.how, KG_SANDBOX_EXITED);
	assert_int_not_equal(kg_sandbox_input(box, id, "late", 4, NULL), 0);
	kg_sandbox_free(box);
	(void)state;
}

static void test_files(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	_cleanup_error_ struct kg_error err = {0};
	gsize len = 5u << 20;
	g_autofree char *data = g_malloc(len);

	for (gsize i = 0; i < len; i++)
		data[i] = (char)(i * 7 + (i >> 9));
	g_autofree char *want = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)data, len);

	assert_int_equal(kg_sandbox_put(box, "/tmp/a/b c/file", data, len, 0640, &err), 0);
	struct kg_sandbox_output out = run(box, "sha256sum '/tmp/a/b c/file'; stat -c %a '/tmp/a/b c/file'");
	assert_true(g_str_has_prefix(out.out->str, want));
	assert_non_null(strstr(out.out->str, "\n640\n"));
	kg_sandbox_output_clear(&out);
	assert_int_equal(kg_sandbox_put(box, "relative", data, 1, 0644, NULL), -KG_E_INVAL);
	assert_int_equal(kg_sandbox_put(box, "/proc/none", data, 1, 0644, NULL), -KG_E_IO);
	assert_int_equal(kg_sandbox_put(box, "/tmp/empty", "", 0, 0644, &err), 0);
	out = run(box, "stat -c %s /tmp/empty");
	assert_string_equal(out.out->str, "0\n");
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

/* All begin with the same memory, and yet nothing that should be random or current is the same. */
static void test_restored(void **state)
{
	char *drawn[2];

	for (int i = 0; i < 2; i++) {
		struct kg_sandbox *box = open_box("6.1");

		assert_true(kg_sandbox_is_restored(box));
		struct kg_sandbox_output out = run(box, "hexdump -n 16 -e '4/4 \"%08x\"' /dev/urandom");
		drawn[i] = g_strdup(out.out->str);
		kg_sandbox_output_clear(&out);
		out = run(box, "date +%s");
		gint64 behind = time(NULL) - g_ascii_strtoll(out.out->str, NULL, 10);

		assert_true(behind >= -2 && behind <= 5);
		kg_sandbox_output_clear(&out);
		kg_sandbox_free(box);
	}
	assert_int_equal(strlen(drawn[0]), 32);
	assert_string_not_equal(drawn[0], drawn[1]);
	g_free(drawn[0]);
	g_free(drawn[1]);
	(void)state;
}

/* The list of functions is a copy in a restored machine; it is the kernel's own, and goes when a module comes or goes. */
static void test_functions(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	struct kg_sandbox_output out = run(box, "cd /sys/kernel/tracing; grep -c available_filter_functions /proc/mounts; "
					   "cp available_filter_functions /tmp/copy; grep -c '\\[brd\\]' /tmp/copy; rmmod brd");
	g_auto(GStrv) counts = g_strsplit(out.out->str, "\n", -1);

	assert_string_equal(counts[0], "2");
	assert_true(atoi(counts[1]) > 0);
	assert_int_equal(out.status, 0);
	kg_sandbox_output_clear(&out);
	out = run(box, "cd /sys/kernel/tracing; grep -c available_filter_functions /proc/mounts; cp available_filter_functions /tmp/own; "
		       "grep -v '\\[brd\\]' /tmp/copy | sort > /tmp/a; sort /tmp/own > /tmp/b; cmp /tmp/a /tmp/b && echo same");
	assert_string_equal(out.out->str, "0\nsame\n");
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

static void test_side_by_side(void **state)
{
	struct kg_sandbox *a = open_box("6.1"), *b = open_box("6.1"), *c = open_box("6.12");
	struct kg_sandbox_output out = run(a, "echo a > /tmp/who; cat /tmp/who");

	assert_string_equal(out.out->str, "a\n");
	kg_sandbox_output_clear(&out);
	out = run(b, "cat /tmp/who 2>/dev/null || echo none");
	assert_string_equal(out.out->str, "none\n");
	kg_sandbox_output_clear(&out);
	out = run(c, "uname -r");
	assert_true(g_str_has_prefix(out.out->str, "6.12"));
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(b);
	kg_sandbox_free(a);
	kg_sandbox_free(c);
	(void)state;
}

/* --- what goes wrong --- */

static void test_killed(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	g_autofree char *before = files_left();
	const char *argv[] = {"sh", "-c", "while :; do echo x; sleep 0.1; done", NULL};
	_cleanup_error_ struct kg_error err = {0};
	gint64 begin = g_get_monotonic_time();
	struct kg_sandbox_output out;
	struct kg_sandbox_command again = {.argv = argv};

	start(box, argv, 0);
	kill(kg_sandbox_pid(box), SIGKILL);
	struct kg_sandbox_event e = wait_over(box, 15);

	assert_int_equal(e.end, KG_SANDBOX_DIED);
	assert_non_null(strstr(e.why, "SIGKILL"));
	assert_true(seconds_since(begin) < 15);
	assert_int_equal(kg_sandbox_run(box, &again, &out, &err), -KG_E_TOOL);
	assert_non_null(strstr(err.msg, "over"));
	assert_nothing_left(box, before);
	(void)state;
}

static void test_panic(void **state)
{
	for (gsize k = 0; k < G_N_ELEMENTS(versions); k++) {
		struct kg_sandbox *box = open_box(versions[k]);
		g_autofree char *before = files_left();
		const char *argv[] = {"sh", "-c", "echo c > /proc/sysrq-trigger", NULL};
		gint64 begin = g_get_monotonic_time();

		start(box, argv, 0);
		struct kg_sandbox_event e = wait_over(box, 30);

		print_message("%s\n", e.why);
		assert_int_equal(e.end, KG_SANDBOX_PANICKED);
		assert_non_null(strstr(e.why, "sysrq"));
		assert_true(seconds_since(begin) < 30);
		assert_nothing_left(box, before);
	}
	(void)state;
}

static void test_power_off(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	const char *argv[] = {"poweroff", "-f", NULL};

	start(box, argv, 0);
	struct kg_sandbox_event e = wait_over(box, 30);

	assert_int_equal(e.end, KG_SANDBOX_DIED);
	assert_non_null(strstr(e.why, "switched the machine off"));
	kg_sandbox_free(box);
	(void)state;
}

/* A machine that stands still. The same as far as the host can see: nothing answers. */
static void test_hung(void **state)
{
	struct kg_sandbox *box = open_quiet("6.12", 2000);
	g_autofree char *before = files_left();
	const char *argv[] = {"true", NULL};
	struct kg_sandbox_command c = {.argv = argv};
	struct kg_sandbox_output out;
	_cleanup_error_ struct kg_error err = {0};
	gint64 begin = g_get_monotonic_time();

	kill(kg_sandbox_pid(box), SIGSTOP);
	assert_int_equal(kg_sandbox_run(box, &c, &out, &err), -KG_E_TOOL);
	assert_non_null(strstr(err.msg, "hung"));
	assert_int_equal(kg_sandbox_end(box, NULL), KG_SANDBOX_HUNG);
	assert_true(seconds_since(begin) < 30);
	assert_nothing_left(box, before);
	(void)state;
}

static void test_out_of_memory(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	struct kg_sandbox_output out = run(box, "tail /dev/zero");

	assert_int_equal(out.how, KG_SANDBOX_OUT_OF_MEMORY);
	kg_sandbox_output_clear(&out);
	out = run(box, "echo still there"); /* the guest lives on */
	assert_string_equal(out.out->str, "still there\n");
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

static void test_fork_bomb(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	const char *argv[] = {"sh", "-c", "f() { f | f & }; f; sleep 100", NULL};
	int id = start(box, argv, 2000);
	struct kg_sandbox_event e = wait_exit(box, id);

	assert_true(e.how == KG_SANDBOX_TIMED_OUT || e.how == KG_SANDBOX_OUT_OF_MEMORY);
	struct kg_sandbox_output out = run(box, "echo still there");

	assert_string_equal(out.out->str, "still there\n");
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

static void test_full_disk(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *data = g_malloc0(8u << 20);
	struct kg_sandbox_output out = run(box, "dd if=/dev/zero of=/tmp/full bs=1M 2>&1; dd if=/dev/zero of=/full bs=1M 2>&1");

	assert_int_equal(out.how, KG_SANDBOX_EXITED);
	assert_non_null(strstr(out.out->str, "No space left on device"));
	kg_sandbox_output_clear(&out);
	assert_int_equal(kg_sandbox_put(box, "/tmp/more", data, 8u << 20, 0644, &err), -KG_E_IO);
	assert_non_null(strstr(err.msg, "No space left"));
	out = run(box, "ls /tmp; rm /tmp/full /full; echo room > /tmp/x && cat /tmp/x");
	assert_null(strstr(out.out->str, "more")); /* nothing half */
	assert_non_null(strstr(out.out->str, "room\n"));
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

static long peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* A gigabyte: ended at the limit, or thrown away and counted. Nobody keeps it. */
static void test_flood(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	g_autofree char *before = files_left();
	const char *argv[] = {"dd", "if=/dev/zero", "bs=1M", "count=1024", "status=none", NULL};
	struct kg_sandbox_command limited = {.argv = argv, .max_output_bytes = 1u << 20};
	struct kg_sandbox_command dropping = {.argv = argv, .max_output_bytes = 1u << 20, .drops_output = TRUE, .timeout_ms = 120000};
	struct kg_sandbox_output out = {0};
	_cleanup_error_ struct kg_error err = {0};
	long peak = peak_kib();
	gint64 begin = g_get_monotonic_time();
	int id;

	assert_int_equal(kg_sandbox_run(box, &limited, &out, &err), 0);
	assert_int_equal(out.how, KG_SANDBOX_TOO_MUCH);
	assert_int_equal(out.out->len, 1u << 20);
	assert_true(seconds_since(begin) < 60);
	kg_sandbox_output_clear(&out);

	assert_int_equal(kg_sandbox_start(box, &dropping, &id, &err), 0);
	struct kg_sandbox_event e = wait_exit(box, id);

	assert_int_equal(e.how, KG_SANDBOX_EXITED);
	assert_int_equal(e.dropped_bytes, (1u << 30) - (1u << 20));
	assert_true(peak_kib() - peak < 64 * 1024);
	print_message("a gigabyte took %.1f s\n", seconds_since(begin));
	assert_nothing_left(box, before);
	(void)state;
}

/* Output that nobody fetches stays in the guest, and the machine still answers. */
static void test_unfetched(void **state)
{
	struct kg_sandbox *box = open_box("6.12");
	const char *argv[] = {"head", "-c", "100000000", "/dev/zero", NULL};
	struct kg_sandbox_command flood = {.argv = argv, .max_output_bytes = 1u << 30};
	_cleanup_error_ struct kg_error err = {0};
	long peak = peak_kib();
	int id;

	assert_int_equal(kg_sandbox_start(box, &flood, &id, &err), 0);
	g_usleep(1000000);
	assert_int_equal(kg_sandbox_put(box, "/tmp/x", "x", 1, 0644, &err), 0);
	assert_int_equal(kg_sandbox_kill(box, id, &err), 0);
	struct kg_sandbox_event e = wait_exit(box, id);

	assert_int_equal(e.status, SIGKILL);
	assert_true(peak_kib() - peak < 32 * 1024);
	kg_sandbox_free(box);
	(void)state;
}

/* kgent is killed: its machine goes with it. */
static void test_orphan(void **state)
{
	int report[2];
	pid_t qemu = 0;

	kg_sandbox_free(open_box("6.12"));
	assert_int_equal(pipe(report), 0);
	pid_t child = fork();

	if (child == 0) {
		struct kg_sandbox_opts opts = {.kernel = "6.12", .cache_dir = cache};
		struct kg_sandbox *box = NULL;
		int r = kg_sandbox_open(&opts, &box, NULL);

		qemu = r ? 0 : kg_sandbox_pid(box);
		if (write(report[1], &qemu, sizeof(qemu)) != (ssize_t)sizeof(qemu))
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(report[0], &qemu, sizeof(qemu)), sizeof(qemu));
	assert_true(qemu > 0);
	assert_int_equal(kill(qemu, 0), 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_true(is_gone(qemu));
	close(report[0]);
	close(report[1]);
	(void)state;
}

/* A state that was damaged on disk is made again; nothing wrong comes of it. */
static void test_damaged_state(void **state)
{
	g_autofree char *command = g_strdup_printf("cd '%s/kernels/6.12' && for f in state-*/device; do head -c 20000 \"$f\" > x; "
						   "cat x > \"$f\"; rm x; done", cache);

	kg_sandbox_free(open_box("6.12"));
	assert_int_equal(system(command), 0);
	struct kg_sandbox *box = open_box("6.12");

	assert_true(kg_sandbox_is_restored(box)); /* from a new one */
	struct kg_sandbox_output out = run(box, "echo fine");
	assert_string_equal(out.out->str, "fine\n");
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	(void)state;
}

static void test_wrong_calls(void **state)
{
	struct kg_sandbox_opts none = {.kernel = "no-such-kernel", .cache_dir = cache}, small = {.kernel = "6.12", .cache_dir = cache, .memory_mib = 64};
	struct kg_sandbox *box = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (why_not) {
		print_message("skip: %s\n", why_not);
		skip();
	}
	assert_int_equal(kg_sandbox_open(&none, &box, &err), -KG_E_NOTFOUND);
	assert_non_null(err.hint);
	kg_error_clear(&err);
	assert_int_equal(kg_sandbox_open(&small, &box, &err), -KG_E_INVAL);
	assert_null(box);
	assert_null(kg_sandbox_free(NULL));
	(void)state;
}

/* The object that bpftrace makes of it on the kernel itself, in base64. */
static char *compiled_inside(struct kg_sandbox *box, const char *program)
{
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_sandbox_put(box, "/tmp/p.bt", program, strlen(program), 0644, &err), 0);
	struct kg_sandbox_output out = run(box, "cd /tmp; rm -f p.o; bpftrace --emit-elf p.o p.bt >&2 && base64 p.o | tr -d '\\n'");
	char *text = g_strndup(out.out->str, out.out->len);

	if (out.status || !*text)
		fail_msg("%s: %s", program, out.err->str);
	kg_sandbox_output_clear(&out);
	return text;
}

static char *compiled_from_profile(struct kg_profile *profile, const char *program)
{
	struct kg_build_opts opts = {.profile = profile};
	struct kg_build_result res = {0};
	_cleanup_error_ struct kg_error err = {0};
	gsize len;
	const void *data;
	char *text;

	if (kg_build(program, &opts, &res, &err))
		fail_msg("%s: %s", program, err.msg);
	if (res.outcome != KG_BUILD_COMPILED)
		fail_msg("%s: %s", program, res.why ? res.why : ((struct kg_diag *)res.diags->pdata[0])->msg);
	data = g_bytes_get_data(res.object, &len);
	text = g_base64_encode(data, len);
	kg_build_result_clear(&res);
	return text;
}

/* What is compiled on the host from a kernel's profile is what bpftrace compiles on that kernel, byte by byte: a proof is about what is loaded. */
static void test_compiled_alike(void **state)
{
	static const char *const texts[] = {
		"tracepoint:skb:kfree_skb { @[args->reason, args->protocol] = count(); }",
		"kprobe:vfs_read { @[((struct task_struct *)curtask)->real_parent->comm, str(arg1)] = count(); @c[cgroup] = nsecs; }",
		"kprobe:tcp_connect { $sk = (struct sock *)arg0; printf(\"%s %d\\n\", ntop($sk->__sk_common.skc_daddr), $sk->__sk_common.skc_dport); }",
		"kfunc:vfs_read { printf(\"%d %d\\n\", args->count, args->file->f_flags); } kretfunc:vfs_read { @ = hist(retval); }",
		"kprobe:tcp_* { @[probe] = count(); } tracepoint:syscalls:sys_enter_open* { @t[probe] = count(); }",
		"interval:s:1 { $i = 0; while ($i < 5) { $i++; } @x = $i; } profile:hz:99 { @s[kstack, ustack] = count(); }",
	};

	for (gsize i = 0; i < G_N_ELEMENTS(versions); i++) {
		struct kg_sandbox *box = open_box(versions[i]);
		struct kg_kernel *kernel = NULL;
		struct kg_profile *profile = NULL;
		_cleanup_error_ struct kg_error err = {0};

		assert_int_equal(kg_kernel_find(cache, versions[i], &kernel, &err), 0);
		assert_int_equal(kg_profile_open(&(struct kg_profile_opts){.dir = kernel->profile}, &profile, &err), 0);
		for (gsize k = 0; k < G_N_ELEMENTS(texts); k++) {
			g_autofree char *inside = compiled_inside(box, texts[k]), *outside = compiled_from_profile(profile, texts[k]);

			if (strcmp(inside, outside))
				fail_msg("%s: %s: the two differ", versions[i], texts[k]);
		}
		kg_profile_free(profile);
		kg_kernel_free(kernel);
		kg_sandbox_free(box);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs), cmocka_unit_test(test_load), cmocka_unit_test(test_commands), cmocka_unit_test(test_files),
		cmocka_unit_test(test_restored), cmocka_unit_test(test_functions), cmocka_unit_test(test_side_by_side), cmocka_unit_test(test_killed), cmocka_unit_test(test_panic),
		cmocka_unit_test(test_power_off), cmocka_unit_test(test_hung), cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_fork_bomb),
		cmocka_unit_test(test_full_disk), cmocka_unit_test(test_flood), cmocka_unit_test(test_unfetched), cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_damaged_state), cmocka_unit_test(test_wrong_calls), cmocka_unit_test(test_compiled_alike),
	};
	_cleanup_error_ struct kg_error err = {0};

	const char *home = g_getenv("KGENT_TEST_CACHE");

	if (!home || !*home) {
		fputs("KGENT_TEST_CACHE: where kernels are kept\n", stderr);
		return 1;
	}
	cache = g_build_filename(home, "kgent", NULL);
	become_nobody(home);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	if (kg_sandbox_possible(&err))
		why_not = g_strdup(err.msg);
	int failed = cmocka_run_group_tests(tests, fetch_kernels, NULL);

	g_free(why_not);
	g_free(cache);
	return failed;
}
