/*
 * The load check: what the real verifier says, that nothing runs meanwhile, and that an incomplete answer is never a yes.
 *
 * "Nothing runs" is shown by programs that would be noticed: they send a signal to this process, or create a file. Each such test has its
 * counterpart under kg_run(), where the same program is noticed: a test that could not fail would prove nothing.
 */
#include "fake_bpftrace.h"

#include <kgent/load.h>
#include <kgent/run.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- verifier logs --- */

static void parse(const char *log, struct kg_verifier_finding *f)
{
	kg_verifier_log_parse(log, strlen(log), f);
}

static void test_log_new(void **state)
{
	struct kg_verifier_finding f;

	parse("func#0 @0\n"
	      "0: R1=ctx() R10=fp0\n"
	      "; x = *p; @ prog.c:12\n"
	      "0: (b7) r0 = 0                        ; R0_w=0\n"
	      "1: (79) r1 = *(u64 *)(r0 +0)\n"
	      "R0 invalid mem access 'scalar'\n"
	      "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n", &f);
	assert_string_equal(f.reason, "R0 invalid mem access 'scalar'");
	assert_string_equal(f.insn, "1: (79) r1 = *(u64 *)(r0 +0)");
	assert_int_equal(f.insn_index, 1);
	assert_string_equal(f.source, "x = *p; @ prog.c:12");
	assert_string_equal(f.state, "R0_w=0");
	assert_non_null(f.explanation);
	kg_verifier_finding_clear(&f);
}

static void test_log_old(void **state)
{
	struct kg_verifier_finding f;

	parse("0: (79) r2 = *(u64 *)(r1 +0)\n"
	      " R1=ctx(id=0,off=0,imm=0) R10=fp0\n"
	      "1: (bf) r3 = r2\n"
	      "2: (79) r4 = *(u64 *)(r3 +8)\n"
	      " R1=ctx(id=0,off=0,imm=0) R2_w=inv(id=0) R3_w=inv(id=0) R10=fp0\n"
	      "last_idx 2 first_idx 0\n"
	      "R3 invalid mem access 'inv'\n"
	      "processed 3 insns\n", &f);
	assert_string_equal(f.reason, "R3 invalid mem access 'inv'");
	assert_int_equal(f.insn_index, 2);
	assert_non_null(strstr(f.state, "R3_w=inv"));
	assert_null(f.source);
	kg_verifier_finding_clear(&f);
}

static void test_log_others(void **state)
{
	struct kg_verifier_finding f;

	parse("0: R1=ctx() R10=fp0\n0: (05) goto pc-1\ninfinite loop detected at insn 0\ncur state: R1=ctx() R10=fp0\nold state: R1=ctx() R10=fp0\n"
	      "processed 9 insns\n", &f);
	assert_string_equal(f.reason, "infinite loop detected at insn 0");
	kg_verifier_finding_clear(&f);
	parse("back-edge from insn 3 to 1\n", &f);
	assert_string_equal(f.reason, "back-edge from insn 3 to 1");
	assert_int_equal(f.insn_index, -1);
	kg_verifier_finding_clear(&f);
	parse("12: (85) call bpf_override_return#58\nprogram of this type cannot use helper bpf_override_return#58\nprocessed 1 insns\n", &f);
	assert_non_null(strstr(f.explanation, "does not allow"));
	kg_verifier_finding_clear(&f);
	parse("", &f);
	assert_null(f.reason);
	kg_verifier_finding_clear(&f);
	parse("0: (b7) r0 = 0\nprocessed 1 insns\n", &f);
	assert_null(f.reason);
	kg_verifier_finding_clear(&f);
	parse("1: (b7) r0 = 0\nR1 \033[31m bad\n", &f);
	assert_null(strchr(f.reason, '\033'));
	kg_verifier_finding_clear(&f);
}

/* --- live --- */

static void load(const char *program, const struct kg_load_opts *opts, struct kg_load_result *res)
{
	_cleanup_error_ struct kg_error err = {0};

	*res = (struct kg_load_result){0};
	if (kg_load(program, opts, res, &err))
		fail_msg("%s", err.msg);
}

static void need_live(void)
{
	g_autofree char *why = NULL, *mend = NULL;
	struct kg_load_result res;

	need_bpftrace();
	if (!kg_load_possible(&why, &mend)) {
		print_message("skipped: %s\n", why);
		skip();
	}
	load("interval:s:1 { @x = 1; }", NULL, &res);
	if (res.outcome != KG_LOAD_ACCEPTED) {
		print_message("skipped: nothing can be loaded here: %s\n", res.why);
		kg_load_result_clear(&res);
		skip();
	}
	kg_load_result_clear(&res);
}

static gboolean have_tracepoints(void)
{
	return access("/sys/kernel/tracing/events/syscalls/sys_enter_getpgid", F_OK) == 0;
}

static int count_tracepoints(const char *prefix)
{
	GDir *dir = g_dir_open("/sys/kernel/tracing/events/syscalls", 0, NULL);
	const char *name;
	int n = 0;

	while (dir && (name = g_dir_read_name(dir)))
		n += g_str_has_prefix(name, prefix);
	if (dir)
		g_dir_close(dir);
	return n;
}

static void assert_accepts(const char *program, int n)
{
	struct kg_load_result res;
	guint fds = count_fds();

	load(program, &(struct kg_load_opts){.allow_unsafe = TRUE}, &res);
	if (res.outcome != KG_LOAD_ACCEPTED)
		fail_msg("%s: %s", program, res.why);
	assert_int_equal(res.n_probes, n);
	assert_int_equal(res.n_loaded, n);
	kg_load_result_clear(&res);
	assert_int_equal(count_fds(), fds);
}

static void test_live_accepts(void **state)
{
	need_live();
	assert_accepts("BEGIN { printf(\"x\\n\"); } END { printf(\"y\\n\"); }", 2);
	assert_accepts("BEGIN { } END { }", 2);
	assert_accepts("END { printf(\"y\\n\"); }", 1);
	assert_accepts("interval:s:1 { print(@); } profile:hz:99 { @[kstack] = count(); }", 2);
	assert_accepts("software:faults:100 { @ = count(); }", 1);
	assert_accepts("uprobe:/bin/bash:main { @[((struct task_struct *)curtask)->pid] = count(); }", 1);
	if (have_tracepoints())
		assert_accepts("tracepoint:syscalls:sys_enter_getp* { @[probe] = count(); }", count_tracepoints("sys_enter_getp"));
}

/* Programs that bpftrace compiles and the kernel refuses. */
static void test_live_refuses(void **state)
{
	struct kg_load_result res;

	need_live();
	load("interval:s:1 { $i = (uint64)0; while (1) { $i++; } @ = $i; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_string_equal(res.probe, "interval:s:1");
	assert_non_null(strstr(res.finding.reason, "loop"));
	assert_non_null(res.finding.explanation);
	assert_int_equal(kg_diags_errors(res.diags), 1);
	assert_int_equal(res.n_loaded, 0);
	kg_load_result_clear(&res);

	/* the second of two: the first one being good must not help */
	load("BEGIN { @a = 1; } interval:s:1 { $i = (uint64)0; while (1) { $i++; } @ = $i; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	kg_load_result_clear(&res);

	/* END is loaded last, when all others are there */
	load("BEGIN { @a = 1; } END { $i = (uint64)0; while (1) { $i++; } @ = $i; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_string_equal(res.probe, "END");
	kg_load_result_clear(&res);
}

static void test_live_missing(void **state)
{
	struct kg_load_result res;

	need_live();
	load("tracepoint:nosuch:thing { @ = 1; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_non_null(strstr(res.why, "tracepoint not found"));
	kg_load_result_clear(&res);
	load("uprobe:/bin/bash:no_such_function_here { @ = 1; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	kg_load_result_clear(&res);
	load("this is no program", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_int_equal(((struct kg_diag *)g_ptr_array_index(res.diags, 0))->loc.line, 1);
	kg_load_result_clear(&res);
}

/* A program of which bpftrace would leave a part out is not a good one. */
static void test_left_out(void **state)
{
	g_autofree char *real = g_find_program_in_path("bpftrace");
	g_autofree char *body = g_strdup_printf("echo 'WARNING: could not attach probe kprobe:nosuch, skipping.' >&2\nexec %s \"$@\"", real);
	struct kg_load_result res;

	need_live();
	fake_use(body);
	load("interval:s:1 { @ = 1; }", NULL, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_non_null(strstr(res.why, "kprobe:nosuch"));
	kg_load_result_clear(&res);
}

static void test_too_few(void **state)
{
	struct kg_load_opts opts = {.min_probes = 2};
	struct kg_load_result res;

	need_live();
	load("BEGIN { @ = 1; }", &opts, &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_non_null(strstr(res.why, "1 of its 2"));
	kg_load_result_clear(&res);
	opts.min_probes = 1;
	load("BEGIN { @ = 1; }", &opts, &res);
	assert_int_equal(res.outcome, KG_LOAD_ACCEPTED);
	kg_load_result_clear(&res);
}

static volatile sig_atomic_t n_signals;
static volatile gboolean calls_on;

static void on_usr1(int sig)
{
	n_signals++;
}

/* A function that can be probed, and a system call. */
__attribute__((noinline, used)) static void kgent_test_probed(void)
{
	__asm__ volatile("" ::: "memory");
}

static void *call_on(void *user)
{
	while (calls_on) {
		kgent_test_probed();
		syscall(SYS_getpgid, 0);
		g_usleep(200);
	}
	return NULL;
}

static int count_down(const struct kg_run_event *ev, void *user)
{
	return 0;
}

/* How many signals this process got while [program] is checked, and then while it runs. */
static void signals_of(const char *program, int *checked, int *ran)
{
	struct kg_run_opts run_opts = {.allow_unsafe = TRUE, .for_ns = 500000000};
	struct kg_run_result run_res = {0};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_load_result res;
	struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_RESTART}, old;
	pthread_t thread;

	sigaction(SIGUSR1, &sa, &old);
	calls_on = TRUE;
	assert_int_equal(pthread_create(&thread, NULL, call_on, NULL), 0);
	n_signals = 0;
	load(program, &(struct kg_load_opts){.allow_unsafe = TRUE}, &res);
	*checked = n_signals;
	if (res.outcome != KG_LOAD_ACCEPTED)
		fail_msg("%s: %s", program, res.why);
	kg_load_result_clear(&res);
	n_signals = 0;
	if (kg_run(program, &run_opts, count_down, NULL, &run_res, &err))
		fail_msg("%s", err.msg);
	*ran = n_signals;
	calls_on = FALSE;
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &old, NULL);
	if (run_res.end != KG_RUN_TIME_UP)
		fail_msg("%s: %s", program, run_res.why);
	kg_run_result_clear(&run_res);
}

static void test_live_nothing_attached(void **state)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *tracepoint = g_strdup_printf("tracepoint:syscalls:sys_enter_getpgid /pid == %d/ { signal(\"USR1\"); }", getpid());
	g_autofree char *uprobe = g_strdup_printf("uprobe:%s:kgent_test_probed /pid == %d/ { signal(\"USR1\"); }", self, getpid());
	int checked, ran;

	need_live();
	if (have_tracepoints()) {
		signals_of(tracepoint, &checked, &ran);
		assert_int_equal(checked, 0);
		assert_true(ran > 0);
	}
	signals_of(uprobe, &checked, &ran);
	assert_int_equal(checked, 0);
	assert_true(ran > 0);
}

/* BEGIN and END of a program that creates files. */
static void test_live_nothing_executed(void **state)
{
	g_autofree char *begin = fake_path("begin"), *end = fake_path("end");
	g_autofree char *program = g_strdup_printf("BEGIN { system(\"touch %s\"); } END { system(\"touch %s\"); } interval:s:100 { @x = 1; }", begin, end);
	struct kg_run_opts run_opts = {.allow_unsafe = TRUE, .for_ns = 500000000};
	struct kg_run_result run_res = {0};
	_cleanup_error_ struct kg_error err = {0};

	need_live();
	assert_accepts(program, 3);
	assert_int_not_equal(access(begin, F_OK), 0);
	assert_int_not_equal(access(end, F_OK), 0);
	if (kg_run(program, &run_opts, NULL, NULL, &run_res, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(access(begin, F_OK), 0);
	assert_int_equal(access(end, F_OK), 0);
	kg_run_result_clear(&run_res);
}

static void test_live_command(void **state)
{
	g_autofree char *made = fake_path("made");
	g_autofree char *command = g_strdup_printf("touch %s", made);
	struct kg_load_opts opts = {.command = command};
	struct kg_load_result res;

	need_live();
	load("BEGIN { @ = cpid; } END { @e = cpid; }", &opts, &res);
	if (res.outcome != KG_LOAD_ACCEPTED)
		fail_msg("%s", res.why);
	kg_load_result_clear(&res);
	g_usleep(100000);
	assert_int_not_equal(access(made, F_OK), 0);
}

static void test_live_time(void **state)
{
	struct kg_load_opts opts = {.timeout_ms = 1};
	struct kg_load_result res;

	need_live();
	load("BEGIN { @ = 1; }", &opts, &res);
	assert_int_equal(res.outcome, KG_LOAD_NOT_CHECKED);
	assert_non_null(strstr(res.why, "did not finish"));
	kg_load_result_clear(&res);
}

static void test_without_root(void **state)
{
	int status;
	pid_t pid;

	need_bpftrace();
	if (geteuid() != 0) {
		print_message("skipped: is not root anyway\n");
		skip();
	}
	pid = fork();
	if (pid == 0) {
		struct kg_load_result res = {0};

		if (setgid(65534) || setuid(65534) || kg_load("BEGIN { @ = 1; }", NULL, &res, NULL))
			_exit(9);
		_exit(res.outcome == KG_LOAD_NOT_CHECKED && res.why && g_str_has_prefix(res.mend, "sudo ") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* In a mount namespace where it was taken away, tracefs comes back, bpftrace finds it, and the system outside sees nothing of it. */
static int mount_and_load(void)
{
	struct kg_load_result res = {0};

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return 77;
	umount2("/sys/kernel/tracing", MNT_DETACH);
	umount2("/sys/kernel/debug", MNT_DETACH);
	if (kg_tracefs_is_mounted())
		return 77;
	if (kg_load("tracepoint:syscalls:sys_enter_getpgid { @ = 1; }", NULL, &res, NULL) || res.outcome == KG_LOAD_ACCEPTED)
		return 1;
	kg_load_result_clear(&res);
	if (kg_tracefs_private_mount(NULL) != 1 || !kg_tracefs_is_mounted() || kg_tracefs_private_mount(NULL) != 0)
		return 2;
	if (kg_load("tracepoint:syscalls:sys_enter_getpgid { @ = 1; }", NULL, &res, NULL) || res.outcome != KG_LOAD_ACCEPTED)
		return 3;
	kg_load_result_clear(&res);
	return 0;
}

static void test_live_tracefs(void **state)
{
	g_autofree char *before = NULL, *after = NULL;
	int status;
	pid_t pid;

	need_live();
	if (!have_tracepoints()) {
		print_message("skipped: no tracepoints of system calls\n");
		skip();
	}
	assert_true(g_file_get_contents("/proc/self/mountinfo", &before, NULL, NULL));
	pid = fork();
	if (pid == 0)
		_exit(mount_and_load());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("skipped: no mount namespace can be made here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(g_file_get_contents("/proc/self/mountinfo", &after, NULL, NULL));
	assert_string_equal(before, after);
}

/* --- a bpftrace that does what it should not: this very program, called by another name --- */

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(99);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void make_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

	bpf(BPF_MAP_CREATE, &attr);
}

static int open_event(void)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .config = 1};

	return (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
}

static void wait_for_events(void)
{
	struct epoll_event ev;
	int fd = epoll_create1(0);

	for (int i = 0; i < 20; i++)
		epoll_wait(fd, &ev, 1, 100);
}

static const char attached_one[] = "{\"type\": \"attached_probes\", \"data\": {\"probes\": 1}}\n";

/* Says that it attached, and waits, but loaded nothing. */
static int fake_nothing(void)
{
	signal(SIGINT, SIG_IGN);
	say(attached_one);
	wait_for_events();
	return 0;
}

/* Ends well, having loaded nothing. */
static int fake_ends(void)
{
	say(attached_one);
	return 0;
}

/* "Attaches" a descriptor that is no program. */
static int fake_no_program(void)
{
	signal(SIGINT, SIG_IGN);
	say(attached_one);
	ioctl(open_event(), PERF_EVENT_IOC_SET_BPF, open("/dev/null", O_RDONLY));
	wait_for_events();
	return 0;
}

/* A way to attach that is not known. */
static int fake_unknown(void)
{
	union bpf_attr attr = {0};

	say(attached_one);
	bpf(60, &attr);
	wait_for_events();
	return 0;
}

/* All that it must not get. The exit code says what it got. */
static int fake_greedy(void)
{
	int got = 0;

	say(attached_one);
	make_map();
	if (fork() >= 0)
		got |= 1;
	if (kill(getppid(), 0) == 0)
		got |= 2;
	if (open("/tmp/kgent-test-greedy", O_WRONLY | O_CREAT, 0600) >= 0)
		got |= 4;
	execl("/bin/true", "true", NULL);
	if (syscall(SYS_mount, "none", "/proc", "tmpfs", 0, NULL) == 0)
		got |= 8;
	if (got)
		say("greedy got something\n");
	fprintf(stderr, "ERROR: got %d\n", got);
	return 1;
}

static int fake_crash(void)
{
	say(attached_one);
	abort();
}

static const struct {
	const char *name;
	int (*run)(void);
} fakes[] = {
	{"fake-nothing", fake_nothing}, {"fake-ends", fake_ends}, {"fake-no-program", fake_no_program},
	{"fake-unknown", fake_unknown}, {"fake-greedy", fake_greedy}, {"fake-crash", fake_crash},
};

static int be_fake(const char *name, int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		say("bpftrace v0.17.0\n");
		return 0;
	}
	for (guint i = 0; i < G_N_ELEMENTS(fakes); i++)
		if (strcmp(fakes[i].name, name) == 0)
			return fakes[i].run();
	return 99;
}

static void load_fake(const char *name, struct kg_load_result *res)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *path = fake_path(name);
	g_autofree char *why = NULL, *mend = NULL;

	if (!kg_load_possible(&why, &mend)) {
		print_message("skipped: %s\n", why);
		skip();
	}
	if (symlink(self, path) && errno != EEXIST)
		fail_msg("symlink");
	g_setenv("KGENT_BPFTRACE", path, TRUE);
	load("x", &(struct kg_load_opts){.timeout_ms = 10000}, res);
}

static void test_never_accepted(void **state)
{
	struct kg_load_result res;

	for (guint i = 0; i < G_N_ELEMENTS(fakes); i++) {
		load_fake(fakes[i].name, &res);
		if (res.outcome == KG_LOAD_ACCEPTED)
			fail_msg("%s was accepted", fakes[i].name);
		assert_non_null(res.why);
		assert_int_equal(res.n_loaded, 0);
		kg_load_result_clear(&res);
	}
}

static void test_fake_reasons(void **state)
{
	struct kg_load_result res;

	load_fake("fake-no-program", &res);
	assert_int_equal(res.outcome, KG_LOAD_NOT_CHECKED);
	assert_non_null(strstr(res.why, "not a loaded program"));
	kg_load_result_clear(&res);
	load_fake("fake-unknown", &res);
	assert_int_equal(res.outcome, KG_LOAD_NOT_CHECKED);
	assert_non_null(strstr(res.why, "command 60"));
	kg_load_result_clear(&res);
	load_fake("fake-crash", &res);
	assert_int_equal(res.outcome, KG_LOAD_REFUSED);
	assert_non_null(strstr(res.why, "SIGABRT"));
	kg_load_result_clear(&res);
}

static void test_greedy_gets_nothing(void **state)
{
	struct kg_load_result res;

	load_fake("fake-greedy", &res);
	assert_int_equal(res.outcome, KG_LOAD_NOT_CHECKED);
	assert_non_null(strstr(res.why, "wanted to start a process"));
	assert_non_null(strstr(res.why, "got 0"));
	assert_int_not_equal(access("/tmp/kgent-test-greedy", F_OK), 0);
	kg_load_result_clear(&res);
}

/* A script has no filter of its own to fear, but must not be accepted either. */
static void test_fake_scripts(void **state)
{
	static const char *const bodies[] = {
		"echo '{\"type\": \"attached_probes\", \"data\": {\"probes\": 0}}'", "exit 1", "echo 'No probes to attach'; exit 1", "yes",
		"kill -9 $$", "echo 'ERROR: Error loading program: x:y (try -v)' >&2; exit 255", "exit 0",
	};
	g_autofree char *why = NULL, *mend = NULL;
	struct kg_load_result res;

	if (!kg_load_possible(&why, &mend)) {
		print_message("skipped: %s\n", why);
		skip();
	}
	for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
		fake_use(bodies[i]);
		load("x", &(struct kg_load_opts){.timeout_ms = 5000}, &res);
		assert_int_not_equal(res.outcome, KG_LOAD_ACCEPTED);
		assert_non_null(res.why);
		kg_load_result_clear(&res);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_new),
		cmocka_unit_test(test_log_old),
		cmocka_unit_test(test_log_others),
		cmocka_unit_test(test_live_accepts),
		cmocka_unit_test(test_live_refuses),
		cmocka_unit_test(test_live_missing),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_too_few),
		cmocka_unit_test(test_live_nothing_attached),
		cmocka_unit_test(test_live_nothing_executed),
		cmocka_unit_test(test_live_command),
		cmocka_unit_test(test_live_time),
		cmocka_unit_test(test_live_tracefs),
		cmocka_unit_test(test_without_root),
		cmocka_unit_test(test_never_accepted),
		cmocka_unit_test(test_fake_reasons),
		cmocka_unit_test(test_greedy_gets_nothing),
		cmocka_unit_test(test_fake_scripts),
	};
	g_autofree char *name = g_path_get_basename(argv[0]);

	if (g_str_has_prefix(name, "fake-"))
		return be_fake(name, argc, argv);
	return cmocka_run_group_tests(tests, NULL, fake_remove);
}
