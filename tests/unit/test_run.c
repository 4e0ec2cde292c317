/* Running: bpftrace's lines as events, keys taken apart, and the controller against a bpftrace that floods, hangs, crashes, or lies. */
#include "fake_bpftrace.h"

#include <kgent/child.h>
#include <kgent/run.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* --- lines --- */

static void parse(const char *line, struct kg_run_event *ev)
{
	assert_true(kg_run_parse_line(line, strlen(line), ev));
}

static const struct kg_run_row *row(const struct kg_run_event *ev, guint i)
{
	assert_non_null(ev->rows);
	assert_true(i < ev->rows->len);
	return &g_array_index(ev->rows, struct kg_run_row, i);
}

static void test_line_texts(void **state)
{
	struct kg_run_event ev;

	/* bytes as bpftrace 0.17 wrote them for the name "ff\xff\xfe" and for "é" */
	parse("{\"type\": \"printf\", \"data\": \"ff\\uffffffff\\ufffffffe \\uffffffc3\\uffffffa9 a\\\"q\\\\ \\u0001\\n\"}", &ev);
	assert_int_equal(ev.type, KG_RUN_PRINTF);
	assert_string_equal(ev.text.text, "ff\xff\xfe \xc3\xa9 a\"q\\ \001\n");
	kg_run_event_clear(&ev);
	/* what others write: UTF-8 as it is, invalid bytes and control characters as they are, \u with 4 digits, pairs, NUL */
	parse("{\"type\":\"printf\",\"data\":\"\xc3\xa9\xff\x01\\u00e9\\ud83d\\ude00\\ud83d\\u0000.\"}", &ev);
	assert_int_equal(ev.text.len, 2 + 1 + 1 + 2 + 4 + 3 + 1 + 1);
	assert_memory_equal(ev.text.text, "\xc3\xa9\xff\x01\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\0.", ev.text.len);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"syscall\", \"data\": \"out\"}", &ev);
	assert_int_equal(ev.type, KG_RUN_SYSTEM);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"lost_events\", \"data\": {\"events\": 301}}", &ev);
	assert_int_equal(ev.type, KG_RUN_LOST);
	assert_int_equal(ev.number, 301);
	kg_run_event_clear(&ev);
	assert_false(kg_run_parse_line("", 0, &ev));
}

static void test_line_maps(void **state)
{
	struct kg_run_event ev;

	parse("{\"type\": \"map\", \"data\": {\"@e\": {\"a,b,3\": 1, \"\": -2, \"big\": 18446744073709551615, \"t\": [1,\"ab\",[2,3]], \"s\": \"x\"}}}", &ev);
	assert_int_equal(ev.type, KG_RUN_MAP);
	assert_string_equal(ev.name, "@e");
	assert_int_equal(ev.rows->len, 5);
	assert_string_equal(row(&ev, 0)->key.text, "a,b,3");
	assert_int_equal(row(&ev, 1)->value.i, -2);
	assert_int_equal(row(&ev, 2)->value.type, KG_RUN_V_UINT);
	assert_true(row(&ev, 2)->value.u == G_MAXUINT64);
	assert_string_equal(row(&ev, 3)->value.text.text, "(1, ab, (2, 3))");
	assert_string_equal(row(&ev, 4)->value.text.text, "x");
	kg_run_event_clear(&ev);
	parse("{\"type\": \"map\", \"data\": {\"@\": 7}}", &ev);
	assert_false(row(&ev, 0)->has_key);
	assert_int_equal(row(&ev, 0)->value.i, 7);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"map\", \"data\": {\"@\": {}}}", &ev);
	assert_int_equal(ev.rows->len, 0);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"map\", \"data\": {\"@\": -9223372036854775808}}", &ev);
	assert_true(row(&ev, 0)->value.i == G_MININT64);
	kg_run_event_clear(&ev);
}

/* Two addresses with one symbol: two rows with one key, and both count. */
static void test_line_same_key(void **state)
{
	struct kg_run_event ev;

	parse("{\"type\": \"map\", \"data\": {\"@s\": {\"main\": 1, \"main\": 2}}}", &ev);
	assert_int_equal(ev.rows->len, 2);
	assert_int_equal(row(&ev, 0)->value.i + row(&ev, 1)->value.i, 3);
	kg_run_event_clear(&ev);
}

/* strftime() in a map is written without quotes. */
static void test_line_bare(void **state)
{
	struct kg_run_event ev;

	parse("{\"type\": \"map\", \"data\": {\"@ts\": 05}}", &ev);
	assert_string_equal(row(&ev, 0)->value.text.text, "05");
	kg_run_event_clear(&ev);
	parse("{\"type\": \"map\", \"data\": {\"@ts\": Fri, 12:30:01}}", &ev);
	assert_string_equal(row(&ev, 0)->value.text.text, "Fri, 12:30:01");
	kg_run_event_clear(&ev);
	parse("{\"type\": \"map\", \"data\": {\"@ts\": {\"a\": 12:30:01, \"b\": 7}}}", &ev);
	assert_string_equal(row(&ev, 0)->value.text.text, "12:30:01");
	assert_int_equal(row(&ev, 1)->value.i, 7);
	kg_run_event_clear(&ev);
}

static void test_line_hist(void **state)
{
	const struct kg_run_bucket *b;
	struct kg_run_event ev;

	parse("{\"type\": \"hist\", \"data\": {\"@h\": {\"p,q\": [{\"max\": -1, \"count\": 1}, {\"min\": 2, \"max\": 3, \"count\": 4}, {\"min\": 10, \"count\": 5}]}}}", &ev);
	assert_int_equal(ev.type, KG_RUN_HIST);
	assert_int_equal(row(&ev, 0)->value.type, KG_RUN_V_BUCKETS);
	b = &g_array_index(row(&ev, 0)->value.buckets, struct kg_run_bucket, 0);
	assert_false(b[0].has_min);
	assert_int_equal(b[0].max, -1);
	assert_int_equal(b[1].count, 4);
	assert_false(b[2].has_max);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"hist\", \"data\": {\"@h\": []}}", &ev);
	assert_int_equal(row(&ev, 0)->value.buckets->len, 0);
	kg_run_event_clear(&ev);
}

static void test_line_stats(void **state)
{
	struct kg_run_event ev;

	parse("{\"type\": \"stats\", \"data\": {\"@s\": {\"count\": 2, \"average\": 3, \"total\": 6}}}", &ev);
	assert_false(row(&ev, 0)->has_key);
	assert_int_equal(row(&ev, 0)->value.total, 6);
	kg_run_event_clear(&ev);
	parse("{\"type\": \"stats\", \"data\": {\"@s\": {\"k\": {\"count\": 2, \"average\": 3, \"total\": 6}}}}", &ev);
	assert_string_equal(row(&ev, 0)->key.text, "k");
	assert_int_equal(row(&ev, 0)->value.type, KG_RUN_V_STATS);
	kg_run_event_clear(&ev);
	/* avg() by process, and a process that is called count */
	parse("{\"type\": \"stats\", \"data\": {\"@s\": {\"count\": 2, \"x\": 3}}}", &ev);
	assert_int_equal(ev.rows->len, 2);
	assert_string_equal(row(&ev, 0)->key.text, "count");
	kg_run_event_clear(&ev);
}

static void test_line_odd(void **state)
{
	static const char *const odd[] = {
		"hello", "{", "{}", "{\"type\"", "{\"type\": \"map\"}", "{\"type\": \"map\", \"data\": 5}", "{\"type\": \"map\", \"data\": {\"@x\": {\"a\": 1}",
		"{\"type\": \"map\", \"data\": {\"@x\": {\"a\": }}}", "{\"type\": \"nosuch\", \"data\": 1}", "{\"type\": \"hist\", \"data\": {\"@h\": 5}}",
		"{\"type\": \"printf\", \"data\": \"x\"} trailing", "{\"type\": \"printf\", \"data\": \"x\\q\"}", "{\"type\": \"printf\", \"data\": \"x\\u12\"}",
		"{\"type\": \"lost_events\", \"data\": {\"events\": x}}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"{\"type\": \"value\", \"data\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	};

	for (guint i = 0; i < G_N_ELEMENTS(odd); i++) {
		struct kg_run_event ev;

		parse(odd[i], &ev);
		assert_int_equal(ev.type, KG_RUN_TEXT);
		assert_string_equal(ev.text.text, odd[i]);
		kg_run_event_clear(&ev);
	}
}

/* --- keys --- */

static char *split(const char *key, const char *kinds)
{
	struct kg_run_text t = {(char *)key, strlen(key)};
	enum kg_run_key k[8];
	guint n = (guint)strlen(kinds);
	GString *out = g_string_new(NULL);
	GPtrArray *parts;

	for (guint i = 0; i < n; i++)
		k[i] = kinds[i] == 'n' ? KG_RUN_KEY_NUMBER : kinds[i] == 's' ? KG_RUN_KEY_STACK : KG_RUN_KEY_TEXT;
	parts = kg_run_split_key(&t, n, k);
	if (!parts) {
		g_string_free(out, TRUE);
		return g_strdup("whole");
	}
	for (guint i = 0; i < parts->len; i++)
		g_string_append_printf(out, "<%s>", ((struct kg_run_text *)g_ptr_array_index(parts, i))->text);
	g_ptr_array_unref(parts);
	return g_string_free(out, FALSE);
}

static void test_split(void **state)
{
	static const struct {
		const char *key, *kinds, *want;
	} cases[] = {
		{"nginx", "t", "<nginx>"}, {"a,b,c", "t", "<a,b,c>"}, {"", "t", "<>"}, {"12", "n", "<12>"}, {"x", "n", "whole"},
		{"nginx,12", "tn", "<nginx><12>"}, {"a,b,12", "tn", "<a,b><12>"}, {"12,a,b", "nt", "<12><a,b>"}, {"3,a,b,-7", "ntn", "<3><a,b><-7>"},
		{"a,b", "tt", "<a><b>"}, {"a,b,c", "tt", "whole"}, {"a,5,b", "tnt", "<a><5><b>"}, {"a,5,6,b", "tnt", "whole"}, {"a,x,5,b", "tnt", "<a,x><5><b>"},
		{"a", "tn", "whole"}, {"1,2", "nnn", "whole"}, {"1,2,3", "nnn", "<1><2><3>"}, {",", "tt", "<><>"},
		{"\n  f+1\n  g<a,b>+2\n,bash", "st", "<\n  f+1\n  g<a,b>+2\n><bash>"}, {"\n  f\n,a,b", "st", "<\n  f\n><a,b>"},
		{"\n  f\n,\n  g\n,x,1", "sstn", "<\n  f\n><\n  g\n><x><1>"},
	};

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *got = split(cases[i].key, cases[i].kinds);

		assert_string_equal(got, cases[i].want);
	}
}

/* --- the controller --- */

struct seen {
	guint n[KG_RUN_TRUNCATED + 1];
	guint n_final;
	GString *text;
	int stop_after;   /* events; 0: never */
	gint64 attached_us;
	int attached_fd;  /* gets a byte when everything is attached; -1: none */
	gint64 last;      /* value of the last map's single row */
	guint n_status;
};

static int on_event(const struct kg_run_event *ev, void *user)
{
	struct seen *s = user;
	int n = 0;

	s->n[ev->type]++;
	s->n_final += ev->is_final;
	if (ev->text.text && s->text->len < 10000)
		g_string_append_len(s->text, ev->text.text, (gssize)MIN(ev->text.len, 1000));
	if (ev->type == KG_RUN_MAP && ev->rows->len)
		s->last = row(ev, 0)->value.i;
	if (ev->type == KG_RUN_ATTACHED && s->attached_fd >= 0)
		n = (int)write(s->attached_fd, "x", 1);
	(void)n;
	return s->stop_after && s->n[KG_RUN_PRINTF] >= (guint)s->stop_after;
}

static void on_status(const struct kg_run_status *st, void *user)
{
	((struct seen *)user)->n_status++;
}

static void run(const char *program, struct kg_run_opts opts, struct seen *seen, struct kg_run_result *res)
{
	_cleanup_error_ struct kg_error err = {0};
	guint fds = count_fds();
	GString *text = seen->text ? seen->text : g_string_new(NULL);

	g_string_truncate(text, 0);
	*seen = (struct seen){.text = text, .stop_after = seen->stop_after, .attached_fd = seen->attached_fd};
	*res = (struct kg_run_result){0};
	opts.status = on_status;
	if (kg_run(program, &opts, on_event, seen, res, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(count_fds(), fds);
	/* no child is left: neither running nor as a zombie */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define HEAD "echo '{\"type\": \"attached_probes\", \"data\": {\"probes\": 2}}'\n"
#define PRINTF "echo '{\"type\": \"printf\", \"data\": \"hi\"}'\n"
#define LAST "echo; echo; echo '{\"type\": \"map\", \"data\": {\"@\": 42}}'\n"

static void test_run_good(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use("[ \"$1 $2\" = '-f json' ] || exit 9\n[ \"$program\" = 'the program' ] || exit 8\n" HEAD PRINTF LAST);
	run("the program", (struct kg_run_opts){0}, &s, &res);
	assert_int_equal(res.end, KG_RUN_ENDED);
	assert_true(res.is_complete);
	assert_int_equal(res.n_probes, 2);
	assert_int_equal(s.n[KG_RUN_ATTACHED], 1);
	assert_int_equal(s.n[KG_RUN_PRINTF], 1);
	assert_int_equal(s.n_final, 1);
	assert_int_equal(s.last, 42);
	assert_int_equal(res.n_events, 1);
	assert_int_equal(res.n_rows, 1);
	assert_null(res.why);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* The time counts from when it is attached, SIGINT brings the last maps. */
static void test_run_time(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;
	gint64 start;

	fake_use("trap 'last; exit 0' INT\nlast() {\n" LAST "}\nsleep 0.4\n" HEAD PRINTF "while :; do sleep 0.02; done");
	start = g_get_monotonic_time();
	run("x", (struct kg_run_opts){.for_ns = 500000000}, &s, &res);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	assert_true(res.is_complete);
	assert_in_range(res.observed_ns / 1000000, 500, 3000);
	assert_true(g_get_monotonic_time() - start >= 890000);
	assert_int_equal(s.n_final, 1);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* As bpftrace 0.17: a SIGINT that comes while it does not wait for events is lost on it. */
static void test_run_is_told_again_to_stop(void **state)
{
	struct kg_run_opts opts = {.for_ns = 100000000};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;
	g_autofree char *python = g_find_program_in_path("python3");

	if (!python) {
		print_message("skipped: python3 is not installed\n");
		skip();
	}
	fake_use("exec python3 -c '\nimport select, signal, sys\ntold = []\nsignal.signal(signal.SIGINT, lambda *_: told.append(1))\n"
		 "print(\"{\\\"type\\\": \\\"attached_probes\\\", \\\"data\\\": {\\\"probes\\\": 1}}\", flush=True)\n"
		 "e = select.epoll()\nwhile len(told) < 2:\n    e.poll(0.05)\n'");
	run("x", opts, &s, &res);
	assert_true(res.is_complete);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_stops(void **state)
{
	struct kg_run_opts opts = {0};
	volatile sig_atomic_t flag = 0;
	struct seen s = {.attached_fd = -1, .stop_after = 1};
	struct kg_run_result res;
	int fds[2];

	fake_use("trap 'last; exit 0' INT\nlast() {\n" LAST "}\n" HEAD PRINTF "while :; do sleep 0.02; done");
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_STOPPED);
	assert_int_equal(s.n_final, 1);
	kg_run_result_clear(&res);

	s.stop_after = 0;
	flag = 1;
	opts.stop = &flag;
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_STOPPED);
	kg_run_result_clear(&res);

	opts.stop = NULL;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	opts.stop_fd = fds[0];
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_STOPPED);
	kg_run_result_clear(&res);
	close(fds[0]);
	close(fds[1]);
	g_string_free(s.text, TRUE);
}

/* It hears neither SIGINT nor SIGTERM, and has a child that keeps its output open. */
static void test_run_stubborn(void **state)
{
	struct kg_run_opts opts = {.for_ns = 100000000, .stop_timeout_ms = 300};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use("trap '' INT TERM\nsleep 60 &\n" HEAD PRINTF "while :; do sleep 0.05; done");
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	assert_false(res.is_complete);
	assert_non_null(strstr(res.why, "killed"));
	assert_int_equal(res.term_signal, SIGKILL);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_at_once(void **state)
{
	volatile sig_atomic_t flag = 2;
	struct kg_run_opts opts = {.stop = &flag};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;
	gint64 start = g_get_monotonic_time();

	fake_use("trap '' INT TERM\n" HEAD "while :; do sleep 0.05; done");
	run("x", opts, &s, &res);
	assert_true(g_get_monotonic_time() - start < 8000000);
	assert_false(res.is_complete);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void expect_failure(const char *body, int attach_timeout_ms, const char *why)
{
	struct kg_run_opts opts = {.attach_timeout_ms = attach_timeout_ms, .stop_timeout_ms = 200};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(body);
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_FAILED);
	assert_false(res.is_complete);
	if (!strstr(res.why, why))
		fail_msg("\"%s\" does not say \"%s\"", res.why, why);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_failures(void **state)
{
	expect_failure(HEAD "kill -SEGV $$", 0, "SIGSEGV");
	expect_failure(HEAD PRINTF "kill -ABRT $$", 0, "SIGABRT");
	expect_failure(HEAD PRINTF "kill -KILL $$", 0, "memory");
	expect_failure("echo 'ERROR: Could not attach: \033[31mx' >&2; exit 1", 0, "Could not attach: \\x1b[31mx");
	expect_failure("exit 3", 0, "exit code 3");
	expect_failure(HEAD PRINTF "echo 'perf_event_open failed: No such file or directory' >&2; exit 255", 0, "exit code 255");
	expect_failure("trap '' INT; sleep 60", 500, "did not finish attaching");
}

/* A program that is over at once and shows nothing was attached all the same. */
static void test_run_nothing(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(HEAD);
	run("x", (struct kg_run_opts){0}, &s, &res);
	assert_true(res.is_complete);
	assert_true(res.was_attached);
	assert_int_equal(s.n[KG_RUN_ATTACHED], 1);
	assert_int_equal(res.n_events + res.n_rows, 0);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_flood(void **state)
{
	struct kg_run_opts opts = {.for_ns = 1000000000, .max_rate_bytes = 100000, .stop_timeout_ms = 2000};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use("trap 'kill $!; wait; last; exit 0' INT\nlast() {\n" LAST "}\n" HEAD "yes '{\"type\": \"printf\", \"data\": \"hi\\n\"}' &\nwait");
	run("x", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	assert_true(res.n_thrown_bytes > 0);
	assert_true(s.n[KG_RUN_TRUNCATED] > 0);
	assert_true(s.n[KG_RUN_PRINTF] > 0);
	assert_in_range(s.n[KG_RUN_PRINTF], 1, 60000);
	/* the last map is not thrown away */
	assert_int_equal(s.last, 42);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_huge_line(void **state)
{
	struct kg_run_opts opts = {.max_line_bytes = 100000};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(HEAD "head -c 3000000 /dev/zero | tr '\\0' x\necho\n" PRINTF "printf 'no newline at the end'");
	run("x", opts, &s, &res);
	assert_true(res.is_complete);
	assert_int_equal(res.n_thrown_bytes, 3000000);
	assert_int_equal(s.n[KG_RUN_PRINTF], 1);
	assert_int_equal(s.n[KG_RUN_TEXT], 1);
	assert_non_null(strstr(s.text->str, "no newline at the end"));
	kg_run_result_clear(&res);

	/* messages without end */
	fake_use(HEAD "head -c 3000000 /dev/zero | tr '\\0' x >&2\n" PRINTF);
	run("x", opts, &s, &res);
	assert_true(res.is_complete);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* A line that comes in pieces is one line. */
static void test_run_pieces(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(HEAD "printf '{\"type\": \"pri'; sleep 0.1; printf 'ntf\", \"data\": \"pie'; sleep 0.1; echo 'ces\"}'");
	run("x", (struct kg_run_opts){0}, &s, &res);
	assert_int_equal(s.n[KG_RUN_PRINTF], 1);
	assert_non_null(strstr(s.text->str, "pieces"));
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_status_and_errors(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(HEAD PRINTF "echo 'WARNING: careful' >&2\nsleep 1.3\n" LAST);
	run("x", (struct kg_run_opts){0}, &s, &res);
	assert_in_range(s.n_status, 1, 10);
	assert_int_equal(s.n[KG_RUN_ERROR], 1);
	assert_int_equal(res.diags->len, 1);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_run_lost(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	fake_use(HEAD "echo '{\"type\": \"lost_events\", \"data\": {\"events\": 5}}'\necho '{\"type\": \"lost_events\", \"data\": {\"events\": 7}}'");
	run("x", (struct kg_run_opts){0}, &s, &res);
	assert_int_equal(res.n_lost, 12);
	assert_int_equal(res.n_events, 0);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* --- live --- */

static void need_live(void)
{
	struct kg_run_opts opts = {.for_ns = 100000000};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_run_result res = {0};

	need_bpftrace();
	if (kg_run("interval:s:1 { @x = 1; }", &opts, NULL, NULL, &res, &err)) {
		print_message("skipped: %s\n", err.msg);
		skip();
	}
	if (res.end == KG_RUN_FAILED) {
		print_message("skipped: %s\n", res.why);
		kg_run_result_clear(&res);
		skip();
	}
	kg_run_result_clear(&res);
}

/* Something independent to compare with: a process that makes exactly 1000 calls, from when everything is attached. */
static void test_live_exact(void **state)
{
	g_autofree char *program = NULL;
	struct seen s = {0};
	struct kg_run_result res;
	int go[2];
	pid_t pid;

	need_live();
	if (access("/sys/kernel/tracing/events/syscalls/sys_enter_openat", F_OK)) {
		print_message("skipped: no tracepoints of system calls\n");
		skip();
	}
	assert_int_equal(pipe(go), 0);
	pid = fork();
	if (pid == 0) {
		char c;

		close(go[1]);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		for (int i = 0; i < 1000; i++)
			close((int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY));
		_exit(0);
	}
	program = g_strdup_printf("tracepoint:syscalls:sys_enter_openat /pid == %d/ { @ = count(); }", pid);
	s.attached_fd = go[1];
	{
		_cleanup_error_ struct kg_error err = {0};

		s.text = g_string_new(NULL);
		res = (struct kg_run_result){0};
		if (kg_run(program, &(struct kg_run_opts){.for_ns = 1000000000}, on_event, &s, &res, &err))
			fail_msg("%s", err.msg);
	}
	close(go[0]);
	close(go[1]);
	waitpid(pid, NULL, 0);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	assert_int_equal(s.last, 1000);
	assert_int_equal(s.n_final, 1);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_live_without_root(void **state)
{
	int status;
	pid_t pid;

	need_live();
	pid = fork();
	if (pid == 0) {
		struct kg_run_result res = {0};

		if (setgid(65534) || setuid(65534) || kg_run("BEGIN { @ = 1; }", NULL, NULL, NULL, &res, NULL))
			_exit(9);
		_exit(res.end == KG_RUN_FAILED && res.why && res.mend && g_str_has_prefix(res.mend, "sudo ") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* 100 keys in a map for 50: the rest is missing, and that is said. */
static void test_live_full(void **state)
{
	struct kg_bpftrace_limits limits = {.map_keys_max = 50};
	struct kg_run_opts opts = {.limits = &limits};
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	need_live();
	run("BEGIN { @x = (uint64)0; unroll (49) { @m[@x] = count(); @x++; } exit(); }", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_ENDED);
	assert_int_equal(res.n_full_maps, 0);
	kg_run_result_clear(&res);
	run("BEGIN { @x = (uint64)0; unroll (100) { @m[@x] = count(); @x++; } exit(); }", opts, &s, &res);
	assert_int_equal(res.end, KG_RUN_ENDED);
	assert_int_equal(res.n_full_maps, 1);
	assert_non_null(strstr(s.text->str, "@m is full"));
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* 10 times a second for 2 seconds are 20, give or take the last. */
static void test_live_time(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	need_live();
	run("interval:ms:100 { @ = count(); }", (struct kg_run_opts){.for_ns = 2000000000}, &s, &res);
	assert_int_equal(res.end, KG_RUN_TIME_UP);
	assert_in_range(s.last, 18, 26);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

/* The second lock: a program with system() that got here all the same executes nothing. bpftrace is given --unsafe by a script in between. */
static void test_live_guard(void **state)
{
	g_autofree char *made = fake_path("made");
	g_autofree char *program = g_strdup_printf("BEGIN { system(\"touch %s\"); } interval:ms:300 { exit(); }", made);
	g_autofree char *real = g_find_program_in_path("bpftrace");
	g_autofree char *body = g_strdup_printf("exec %s --unsafe \"$@\"", real);
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	need_live();
	fake_use(body);
	run(program, (struct kg_run_opts){0}, &s, &res);
	assert_int_not_equal(access(made, F_OK), 0);
	kg_run_result_clear(&res);
	/* and without the lock it does */
	run(program, (struct kg_run_opts){.allow_unsafe = TRUE}, &s, &res);
	assert_int_equal(access(made, F_OK), 0);
	kg_run_result_clear(&res);
	fake_use_none();
	run("BEGIN { system(\"true\"); }", (struct kg_run_opts){0}, &s, &res);
	assert_int_equal(res.end, KG_RUN_FAILED);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

static void test_live_command(void **state)
{
	struct seen s = {.attached_fd = -1};
	struct kg_run_result res;

	need_live();
	run("BEGIN { @ = cpid; }", (struct kg_run_opts){.command = "echo hello"}, &s, &res);
	assert_int_equal(res.end, KG_RUN_ENDED);
	assert_int_equal(s.n[KG_RUN_TEXT], 1);
	assert_non_null(strstr(s.text->str, "hello"));
	assert_true(s.last > 1);
	kg_run_result_clear(&res);
	/* forged events of a command are text */
	run("BEGIN { @ = 7; }", (struct kg_run_opts){.command = "echo '{\"type\":\"lost_events\",\"data\":{\"events\":1}}'"}, &s, &res);
	assert_int_equal(s.n[KG_RUN_LOST], 0);
	assert_int_equal(s.n[KG_RUN_TEXT], 1);
	assert_int_equal(s.last, 7);
	kg_run_result_clear(&res);
	g_string_free(s.text, TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_texts),
		cmocka_unit_test(test_line_maps),
		cmocka_unit_test(test_line_same_key),
		cmocka_unit_test(test_line_bare),
		cmocka_unit_test(test_line_hist),
		cmocka_unit_test(test_line_stats),
		cmocka_unit_test(test_line_odd),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_run_good),
		cmocka_unit_test(test_run_time),
		cmocka_unit_test(test_run_stops), cmocka_unit_test(test_run_is_told_again_to_stop),
		cmocka_unit_test(test_run_stubborn),
		cmocka_unit_test(test_run_at_once),
		cmocka_unit_test(test_run_failures),
		cmocka_unit_test(test_run_nothing),
		cmocka_unit_test(test_run_flood),
		cmocka_unit_test(test_run_huge_line),
		cmocka_unit_test(test_run_pieces),
		cmocka_unit_test(test_run_status_and_errors),
		cmocka_unit_test(test_run_lost),
		cmocka_unit_test(test_live_exact),
		cmocka_unit_test(test_live_without_root),
		cmocka_unit_test(test_live_full),
		cmocka_unit_test(test_live_time),
		cmocka_unit_test(test_live_guard),
		cmocka_unit_test(test_live_command),
	};

	return cmocka_run_group_tests(tests, NULL, fake_remove);
}
