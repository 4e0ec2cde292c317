/* Finding bpftrace, reading its messages, compiling. */
#include "fake_bpftrace.h"
#include "fixture.h"

#include <kgent/build.h>
#include <kgent/child.h>

#include <sys/wait.h>

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		int major, minor, patch;
	} good[] = {
		{"bpftrace v0.17.0", 0, 17, 0}, {"bpftrace v0.21.2-4-gabcdef", 0, 21, 2}, {"bpftrace 1.0.0\n", 1, 0, 0}, {"bpftrace v0.9", 0, 9, 0},
	};
	static const char *const bad[] = {"", "bpftrace", "bpftrace v", "bpftrace vx.y", "bpftrace v0", "python 3.11", "bpftrace v1.99999999999",
					  "bpftrace v9999999999999.1"};
	int a = -1, b = -1, c = -1;

	for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
		assert_true(kg_bpftrace_parse_version(good[i].text, &a, &b, &c));
		assert_int_equal(a, good[i].major);
		assert_int_equal(b, good[i].minor);
		assert_int_equal(c, good[i].patch);
	}
	a = -1;
	for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
		assert_false(kg_bpftrace_parse_version(bad[i], &a, &b, &c));
	assert_int_equal(a, -1);
}

static void test_is_at_least(void **state)
{
	struct kg_bpftrace t = {.major = 0, .minor = 17};

	assert_true(kg_bpftrace_is_at_least(&t, 0, 17));
	assert_true(kg_bpftrace_is_at_least(&t, 0, 9));
	assert_false(kg_bpftrace_is_at_least(&t, 0, 18));
	assert_false(kg_bpftrace_is_at_least(&t, 1, 0));
}

static int find(struct kg_error *err)
{
	struct kg_bpftrace t = {0};
	int r = kg_bpftrace_find(&t, err);

	kg_bpftrace_clear(&t);
	return r;
}

static void test_find(void **state)
{
	struct kg_bpftrace t = {0};
	_cleanup_error_ struct kg_error err = {0};

	fake_use("exit 0");
	assert_int_equal(kg_bpftrace_find(&t, &err), 0);
	assert_string_equal(t.text, "bpftrace v0.17.0");
	assert_int_equal(t.minor, 17);
	kg_bpftrace_clear(&t);
}

/* A script that is run whatever the arguments are. */
static void raw_script(const char *text)
{
	g_autofree char *path = fake_path("bpftrace");

	g_unlink(path);
	assert_true(g_file_set_contents(path, text, -1, NULL));
	g_chmod(path, 0755);
	g_setenv("KGENT_BPFTRACE", path, TRUE);
}

static void test_find_wrong(void **state)
{
	_cleanup_error_ struct kg_error err = {0};
	guint fds = count_fds();

	raw_script("#!/bin/sh\necho 'I am \033[31mnot bpftrace'\n");
	assert_int_equal(find(&err), -KG_E_TOOL);
	assert_non_null(strstr(err.msg, "does not answer as bpftrace does"));
	kg_error_clear(&err);
	raw_script("#!/bin/sh\nyes\n");
	assert_int_equal(find(&err), -KG_E_TOOL);
	kg_error_clear(&err);
	raw_script("#!/nonexistent/interpreter\n");
	assert_int_equal(find(&err), -KG_E_TOOL);
	kg_error_clear(&err);
	g_setenv("KGENT_BPFTRACE", "/nonexistent/bpftrace", TRUE);
	assert_int_equal(find(&err), -KG_E_TOOL);
	assert_int_equal(count_fds(), fds);
}

static GPtrArray *parse(const char *text)
{
	GPtrArray *diags = kg_diags_new();

	kg_bpftrace_parse_messages(text, strlen(text), "build", diags);
	return diags;
}

static const struct kg_diag *diag(const GPtrArray *diags, guint i)
{
	assert_true(i < diags->len);
	return g_ptr_array_index(diags, i);
}

static void test_messages(void **state)
{
	g_autoptr(GPtrArray) d = parse(
		"ERROR: Unknown error -1: couldn't set RLIMIT_MEMLOCK for bpftrace. If your program is not loading, you can try \"ulimit -l 8192\" to fix\n"
		"/dev/fd/3:2:6-12: ERROR: Unknown function: nosuch\n"
		"    @ = nosuch(1); $a = 1;\n"
		"        ~~~~~~\n"
		"/dev/fd/3:1-3: ERROR: printf: %d specifier expects a value of type integer (string supplied)\n"
		"/dev/fd/3:5:1-16: WARNING: x is not traceable\n"
		"definitions.h:3:2: error: unknown type name 'bogus'\n"
		"WARNING: Addrspace is not set\n"
		"FATAL: Invalid probe type made it to attachpoint parser\n"
		"HINT: try another\n");

	assert_int_equal(d->len, 5);
	assert_string_equal(diag(d, 0)->msg, "Unknown function: nosuch");
	assert_int_equal(diag(d, 0)->loc.line, 2);
	assert_int_equal(diag(d, 0)->loc.col, 6);
	assert_int_equal(diag(d, 0)->loc.len, 6);
	assert_int_equal(diag(d, 1)->loc.line, 1);
	assert_int_equal(diag(d, 1)->loc.col, 0);
	assert_int_equal(diag(d, 2)->severity, KG_WARNING);
	assert_string_equal(diag(d, 3)->msg, "definitions.h:3:2: error: unknown type name 'bogus'");
	assert_int_equal(diag(d, 3)->loc.line, 0);
	assert_string_equal(diag(d, 4)->msg, "Invalid probe type made it to attachpoint parser");
	assert_string_equal(diag(d, 4)->hint, "try another");
	assert_int_equal(kg_diags_errors(d), 4);
}

/* An excerpt repeats the program, which could hold anything that looks like a message. */
static void test_messages_forged(void **state)
{
	g_autoptr(GPtrArray) d = parse("f:1:2-3: ERROR: real\n"
				       "x /* f:9:9-9: ERROR: forged */\n"
				       " ~~\n"
				       "f:1:2-3: ERROR: real\n");

	assert_int_equal(d->len, 1);
	assert_string_equal(diag(d, 0)->msg, "real");
}

static void test_messages_cause(void **state)
{
	g_autoptr(GPtrArray) d = parse("perf_event_open failed: No such file or directory\n"
				       "ERROR: Error attaching probe: hardware:cycles:1\033[31m\n");

	assert_int_equal(d->len, 1);
	assert_string_equal(diag(d, 0)->hint, "perf_event_open failed: No such file or directory");
	assert_null(strchr(diag(d, 0)->msg, '\033'));
}

static void test_messages_odd(void **state)
{
	static const char *const odd[] = {"", "\n\n\n", ":", "::::", "f:1:", "f:1:2", "f:99999999999:1: ERROR: x", "ERROR: ", "f:1-: ERROR: x",
					  "f:0:0-0: ERROR: x\n", "HINT: alone\n", "f:5:9-2: ERROR: backwards\n"};

	for (guint i = 0; i < G_N_ELEMENTS(odd); i++) {
		g_autoptr(GPtrArray) d = parse(odd[i]);

		for (guint k = 0; k < d->len; k++)
			assert_true(diag(d, k)->loc.len >= 0);
	}
}

static void build(const char *program, const struct kg_build_opts *opts, struct kg_build_result *res)
{
	_cleanup_error_ struct kg_error err = {0};

	*res = (struct kg_build_result){0};
	if (kg_build(program, opts, res, &err))
		fail_msg("%s", err.msg);
}

static void test_build_fake(void **state)
{
	struct kg_build_result res;
	guint fds = count_fds();

	/* the object goes to the file named behind --emit-elf, nothing inherited comes in on standard input */
	fake_use("[ \"$1\" = --emit-elf ] || exit 9\n[ -n \"$(cat)\" ] && exit 8\n[ \"$program\" = hello ] || exit 7\n"
		 "printf '\\177ELF...' > \"$2\"");
	build("hello", NULL, &res);
	assert_int_equal(res.outcome, KG_BUILD_COMPILED);
	assert_int_equal(g_bytes_get_size(res.object), 7);
	kg_build_result_clear(&res);

	fake_use("printf 'not an object' > \"$2\"");
	build("hello", NULL, &res);
	assert_int_equal(res.outcome, KG_BUILD_FAILED);
	assert_int_equal(kg_diags_errors(res.diags), 1);
	kg_build_result_clear(&res);

	fake_use("echo 'x:1:1-2: ERROR: no' >&2; exit 1");
	build("hello", NULL, &res);
	assert_int_equal(res.outcome, KG_BUILD_FAILED);
	assert_string_equal(diag(res.diags, 0)->msg, "no");
	kg_build_result_clear(&res);

	fake_use("kill -SEGV $$");
	build("hello", NULL, &res);
	assert_int_equal(res.outcome, KG_BUILD_FAILED);
	assert_non_null(strstr(diag(res.diags, 0)->msg, "SIGSEGV"));
	kg_build_result_clear(&res);
	assert_int_equal(count_fds(), fds);
}

static void test_build_bounds(void **state)
{
	struct kg_build_opts opts = {.timeout_ms = 300, .max_object = 1000};
	struct kg_build_result res = {0};
	_cleanup_error_ struct kg_error err = {0};
	guint fds = count_fds();

	fake_use("trap '' INT TERM; sleep 100 & sleep 100");
	assert_int_equal(kg_build("x", &opts, &res, &err), -KG_E_LIMIT);
	kg_error_clear(&err);
	opts.timeout_ms = 5000;
	fake_use("yes");
	assert_int_equal(kg_build("x", &opts, &res, &err), -KG_E_LIMIT);
	kg_error_clear(&err);
	fake_use("head -c 5000 /dev/zero > \"$2\"");
	assert_int_equal(kg_build("x", &opts, &res, &err), -KG_E_LIMIT);
	assert_int_equal(count_fds(), fds);
	assert_null(res.diags);
}

/* What the user has set must not change what a program means. */
static void test_environment(void **state)
{
	struct kg_bpftrace_limits limits = {.strlen = 111};
	struct kg_build_opts opts = {.limits = &limits};
	struct kg_build_result res;

	g_setenv("BPFTRACE_STRLEN", "13", TRUE);
	g_setenv("BPFTRACE_BTF", "/nonexistent", TRUE);
	g_setenv("LD_PRELOAD_X", "1", TRUE);
	fake_use("env | grep -q 'BPFTRACE_BTF\\|=13$\\|LD_PRELOAD_X' && exit 1\n"
		 "[ \"$BPFTRACE_STRLEN\" = 111 ] && printf '\\177ELF' > \"$2\"");
	build("x", &opts, &res);
	g_unsetenv("BPFTRACE_STRLEN");
	g_unsetenv("BPFTRACE_BTF");
	g_unsetenv("LD_PRELOAD_X");
	assert_int_equal(res.outcome, KG_BUILD_COMPILED);
	kg_build_result_clear(&res);
}

static void test_child_dies_with_parent(void **state)
{
	const char *const argv[] = {"/bin/sleep", "100", NULL};
	const char *const env[] = {NULL};
	struct kg_child_opts opts = {.argv = argv, .env = env};
	struct kg_child child = KG_CHILD_INIT;
	pid_t grandchild = 0;
	int pipe_fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (pid == 0) {
		int r = kg_child_start(&opts, &child, NULL, NULL);

		_exit(r == 0 && write(pipe_fd[1], &child.pid, sizeof(child.pid)) > 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipe_fd[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	/* gone, or a zombie that waits for init */
	for (int i = 0; i < 200; i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/stat", grandchild);
		g_autofree char *stat = NULL;

		if (!g_file_get_contents(path, &stat, NULL, NULL) || strstr(stat, ") Z ") || strstr(stat, ") X "))
			return;
		g_usleep(10000);
	}
	fail_msg("the child outlived its parent");
}

static void test_command(void **state)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *plain = NULL;

	assert_int_equal(kg_bpftrace_command("'sleep'  \"1\"", &plain, &err), 0);
	assert_true(g_str_has_suffix(plain, "/sleep 1"));
	assert_int_equal(kg_bpftrace_command("sh -c 'a b'", NULL, &err), -KG_E_UNSUPPORTED);
	kg_error_clear(&err);
	assert_int_equal(kg_bpftrace_command("sleep '", NULL, &err), -KG_E_INVAL);
	kg_error_clear(&err);
	assert_int_equal(kg_bpftrace_command("", NULL, &err), -KG_E_INVAL);
	kg_error_clear(&err);
	assert_int_equal(kg_bpftrace_command("no-such-program-here 1", NULL, &err), -KG_E_NOTFOUND);
}

static void test_live_compiles(void **state)
{
	struct kg_build_result res;
	guint fds = count_fds();

	need_bpftrace();
	build("BEGIN { @x[comm] = count(); printf(\"%d\\n\", pid); }", NULL, &res);
	if (res.outcome == KG_BUILD_NOT_CHECKED) {
		print_message("skipped: %s\n", res.why);
		kg_build_result_clear(&res);
		skip();
	}
	assert_int_equal(res.outcome, KG_BUILD_COMPILED);
	assert_int_equal(res.diags->len, 0);
	assert_memory_equal(g_bytes_get_data(res.object, NULL), "\177ELF", 4);
	kg_build_result_clear(&res);
	assert_int_equal(count_fds(), fds);
}

static void test_live_refuses(void **state)
{
	struct kg_build_result res;

	need_bpftrace();
	build("BEGIN {\n\t@x = nosuch(3);\n}\n", NULL, &res);
	if (res.outcome == KG_BUILD_NOT_CHECKED) {
		print_message("skipped: %s\n", res.why);
		kg_build_result_clear(&res);
		skip();
	}
	assert_int_equal(res.outcome, KG_BUILD_FAILED);
	assert_int_equal(diag(res.diags, 0)->loc.line, 2);
	assert_int_equal(diag(res.diags, 0)->loc.col, 7);
	assert_null(res.object);
	kg_build_result_clear(&res);
	build("BEGIN { system(\"true\"); }", NULL, &res);
	assert_int_equal(res.outcome, KG_BUILD_FAILED);
	kg_build_result_clear(&res);
	build("BEGIN { system(\"true\"); }", &(struct kg_build_opts){.allow_unsafe = TRUE}, &res);
	assert_int_equal(res.outcome, KG_BUILD_COMPILED);
	kg_build_result_clear(&res);
}

/* As another user: in a process of its own, which gives its user id away. */
static void test_live_without_root(void **state)
{
	struct kg_build_result res;
	int status;
	pid_t pid;

	need_bpftrace();
	if (geteuid() != 0) {
		print_message("skipped: is not root anyway\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		_cleanup_error_ struct kg_error err = {0};

		if (setgid(65534) || setuid(65534) || kg_build("BEGIN { @x = 1; }", NULL, &res, &err))
			_exit(9);
		_exit((int)res.outcome);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	/* where user namespaces are forbidden it must say so, and nothing else */
	assert_true(WEXITSTATUS(status) == KG_BUILD_COMPILED || WEXITSTATUS(status) == KG_BUILD_NOT_CHECKED);
}

/* What a compiler for another kernel sees: of the profile what the program can name, of the running kernel nothing. */
static void test_stage(void **state)
{
	static const char program[] = "tracepoint:skb:kfree_skb,tracepoint : \"sched\":sched_process_f*rk { } kprobe:tcp_connect { } k:nf_conntrack_in { }";
	static const char see[] = "{ cd /sys/kernel; find tracing -type f | sort; cat tracing/available_filter_functions; cat tracing/available_events;"
				  " head -2 tracing/events/skb/kfree_skb/format; wc -c </proc/kallsyms; ls /lib/modules 2>/dev/null | wc -l;"
				  " cmp btf/vmlinux $BPFTRACE_BTF && echo same; }"
				  " >%s 2>&1; printf '\\177ELF' >/dev/fd/4";
	static const char want[] = "tracing/available_events\ntracing/available_filter_functions\n"
				   "tracing/events/sched/sched_process_fork/format\ntracing/events/skb/kfree_skb/format\n"
				   "tcp_connect\nnf_conntrack_in [nf_conntrack]\nskb:kfree_skb\nsched:sched_process_fork\nname: kfree_skb\n";
	g_autofree char *dir = kg_fixture_profile(KG_FIXTURE_6_1), *out = fake_path("seen"), *body = g_strdup_printf(see, out), *seen = NULL;
	struct kg_build_opts opts = {0};
	struct kg_build_result res;
	_cleanup_error_ struct kg_error err = {0};

	if (!dir || kg_profile_open(&(struct kg_profile_opts){.dir = dir}, &opts.profile, &err)) {
		print_message("skip: the fixture profile can't be unpacked\n");
		skip();
	}
	fake_use(body);
	build(program, &opts, &res);
	if (res.outcome == KG_BUILD_NOT_CHECKED) {
		print_message("skip: %s\n", res.why);
		skip();
	}
	assert_int_equal(res.outcome, KG_BUILD_COMPILED);
	assert_true(g_file_get_contents(out, &seen, NULL, NULL));
	if (!g_str_has_prefix(seen, want) || !g_str_has_suffix(seen, "\n0\n0\nsame\n"))
		fail_msg("%s", seen);
	kg_build_result_clear(&res);
	kg_profile_free(opts.profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_is_at_least),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_wrong),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_messages_forged),
		cmocka_unit_test(test_messages_cause),
		cmocka_unit_test(test_messages_odd),
		cmocka_unit_test(test_build_fake),
		cmocka_unit_test(test_build_bounds),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_child_dies_with_parent),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_live_compiles),
		cmocka_unit_test(test_live_refuses),
		cmocka_unit_test(test_live_without_root),
		cmocka_unit_test(test_stage),
	};

	return cmocka_run_group_tests(tests, NULL, fake_remove);
}
