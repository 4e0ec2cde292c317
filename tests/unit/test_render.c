/* What people see, and JSON Lines. Each case is an event as bpftrace writes it, what is known of its columns, and the text. */
#include <kgent/render.h>

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include <jansson.h>

static void free_columns(gpointer p)
{
	kg_run_columns_free(p);
}

static GPtrArray *columns_new(void)
{
	return g_ptr_array_new_with_free_func(free_columns);
}

static void set(struct kg_run_column *c, const char *title, enum kg_unit unit)
{
	c->title = g_strdup(title);
	c->unit = unit;
}

static char *render(const char *const *lines, const GPtrArray *columns, gboolean json)
{
	struct kg_render *r = kg_render_new(&(struct kg_render_opts){.columns = columns, .json = json});
	GString *out = g_string_new(NULL);

	for (; *lines; lines++) {
		struct kg_run_event ev;

		assert_true(kg_run_parse_line(*lines, strlen(*lines), &ev));
		kg_render_event(r, &ev, out);
		kg_run_event_clear(&ev);
	}
	kg_render_finish(r, out);
	kg_render_free(r);
	return g_string_free(out, FALSE);
}

static char *render_one(const char *line, const GPtrArray *columns)
{
	const char *const lines[] = {line, NULL};

	return render(lines, columns, FALSE);
}

static void assert_renders(const char *line, const GPtrArray *columns, const char *want)
{
	g_autofree char *got = render_one(line, columns);

	assert_string_equal(got, want);
}

static void test_table(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@x", 2);

	set(&c->keys[0], "process", KG_UNIT_STRING);
	set(&c->keys[1], "error", KG_UNIT_ERRNO);
	set(&c->value, "count", KG_UNIT_NONE);
	g_ptr_array_add(cols, c);
	assert_renders("{\"type\": \"map\", \"data\": {\"@x\": {\"a,b,2\": 3, \"nginx,13\": 12345}}}", cols,
		       "PROCESS  ERROR    COUNT\n"
		       "nginx    EACCES  12,345\n"
		       "a,b      ENOENT       3\n");
	c->top = 1;
	c->title = g_strdup("failed opens");
	assert_renders("{\"type\": \"map\", \"data\": {\"@x\": {\"a\\u001b[31m,2\": 3, \"b,13\": 1}}}", cols,
		       "failed opens\n"
		       "PROCESS    ERROR   COUNT\n"
		       "a\\x1b[31m  ENOENT      3\n"
		       "(and 1 more)\n");
	assert_renders("{\"type\": \"map\", \"data\": {\"@x\": {}}}", cols, "failed opens\n(nothing)\n");
}

static void test_table_whole_key(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@x", 2);
	g_autofree char *got = NULL;

	set(&c->keys[0], "process", KG_UNIT_STRING);
	set(&c->keys[1], "file", KG_UNIT_PATH);
	g_ptr_array_add(cols, c);
	got = render_one("{\"type\": \"map\", \"data\": {\"@x\": {\"a,b,c\": 3, \"d,e\": 2}}}", cols);
	assert_non_null(strstr(got, "a,b,c "));
	assert_non_null(strstr(got, "d        e"));
	assert_non_null(strstr(got, "could not be told apart"));
}

static void test_generic(void **state)
{
	assert_renders("{\"type\": \"map\", \"data\": {\"@\": 1234567}}", NULL, "@: 1,234,567\n");
	assert_renders("{\"type\": \"map\", \"data\": {\"@y\": {\"k,1\": 5}}}", NULL, "@y\nKEY  VALUE\nk,1      5\n");
	assert_renders("{\"type\": \"stats\", \"data\": {\"@s\": {\"k\": {\"count\": 2, \"average\": 1500, \"total\": 3000}}}}", NULL,
		       "@s\nKEY  COUNT  AVERAGE  TOTAL\nk        2    1,500  3,000\n");
	assert_renders("{\"type\": \"map\", \"data\": {\"@k\": {\"\\n    f+1\\n    g+2\\n\": 5}}}", NULL, "@k\nvalue: 5\n    f+1\n    g+2\n");
	assert_renders("{\"type\": \"map\", \"data\": {\"@big\": 18446744073709551615}}", NULL, "@big: 18446744073709551615\n");
}

static char *column_of(enum kg_unit unit, const char *values)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@x", 1);
	g_autofree char *line = g_strdup_printf("{\"type\": \"map\", \"data\": {\"@x\": {%s}}}", values);

	set(&c->keys[0], "k", KG_UNIT_STRING);
	set(&c->value, "v", unit);
	g_ptr_array_add(cols, c);
	return render_one(line, cols);
}

static void assert_column(enum kg_unit unit, const char *values, const char *want)
{
	g_autofree char *got = column_of(unit, values);

	assert_string_equal(got, want);
}

/* One unit for a column, so that lengths of numbers can be compared. */
static void test_units_of_columns(void **state)
{
	assert_column(KG_UNIT_BYTES, "\"a\": 4096, \"b\": 10485760", "K  V (KiB)\nb   10,240\na     4.00\n");
	assert_column(KG_UNIT_BYTES, "\"a\": 500, \"b\": 12", "K  V (B)\na    500\nb     12\n");
	assert_column(KG_UNIT_NS, "\"a\": 1500000, \"b\": 2000000000", "K  V (ms)\nb   2,000\na    1.50\n");
	assert_column(KG_UNIT_US, "\"a\": 1500000", "K  V (s)\na   1.50\n");
	assert_column(KG_UNIT_NS, "\"a\": 0", "K  V (ns)\na       0\n");
	/* nothing rounds to nothing */
	assert_column(KG_UNIT_BYTES, "\"a\": 1, \"b\": 1099511627776", "K  V (GiB)\nb    1,024\na    <0.01\n");
	assert_column(KG_UNIT_NS, "\"a\": -1500000", "K  V (ms)\na   -1.50\n");
}

static void assert_number(gint64 v, enum kg_unit unit, const char *want)
{
	struct kg_run_column c = {.unit = unit};
	g_autoptr(GString) out = g_string_new(NULL);

	kg_render_number(v, &c, out);
	assert_string_equal(out->str, want);
}

static void test_names(void **state)
{
	assert_number(ENOENT, KG_UNIT_ERRNO, "ENOENT");
	assert_number(99999, KG_UNIT_ERRNO, "99999");
	assert_number(SYS_openat, KG_UNIT_SYSCALL, "openat");
	assert_number(99999, KG_UNIT_SYSCALL, "syscall 99999");
	assert_number(SIGKILL, KG_UNIT_SIGNAL, "SIGKILL");
	assert_number(40, KG_UNIT_SIGNAL, "40");
	assert_number(0, KG_UNIT_UID, "root");
	assert_number(0, KG_UNIT_GID, "root");
	assert_number(4294967295LL, KG_UNIT_UID, "(none)");
	assert_number((8 << 20) | 17, KG_UNIT_DEV, "8:17");
	assert_number(255, KG_UNIT_FLAGS, "0xff");
	assert_number(-1, KG_UNIT_ADDRESS, "0xffffffffffffffff");
	assert_number(1, KG_UNIT_BOOL, "yes");
	assert_number(1234567, KG_UNIT_PID, "1234567");
	assert_number(8080, KG_UNIT_PORT, "8080");
	assert_number(1234567, KG_UNIT_NONE, "1,234,567");
	assert_number(1536, KG_UNIT_BYTES, "1.50 KiB");
	assert_number(1234567, KG_UNIT_NS, "1.23 ms");
	assert_number(-1234567, KG_UNIT_NS, "-1.23 ms");
	assert_number(50, KG_UNIT_PERCENT, "50%");
	assert_number(G_MININT64, KG_UNIT_NONE, "-9,223,372,036,854,775,808");
	assert_number(G_MAXINT64, KG_UNIT_NONE, "9,223,372,036,854,775,807");
}

static void test_value_names(void **state)
{
	struct kg_value_name established = {.value = 1, .name = (char *)"ESTABLISHED"};
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	struct kg_run_column c = {.names = names};
	g_autoptr(GString) out = g_string_new(NULL);

	g_ptr_array_add(names, &established);
	kg_render_number(1, &c, out);
	kg_render_number(2, &c, out);
	assert_string_equal(out->str, "ESTABLISHED2");
}

static void test_hist(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@h", 1);
	g_autofree char *got = NULL;

	set(&c->keys[0], "process", KG_UNIT_STRING);
	set(&c->value, "read size", KG_UNIT_BYTES);
	g_ptr_array_add(cols, c);
	got = render_one("{\"type\": \"hist\", \"data\": {\"@h\": {\"small\": [{\"min\": 1, \"max\": 1, \"count\": 1}], "
			 "\"cat\": [{\"max\": -1, \"count\": 0}, {\"min\": 2048, \"max\": 4095, \"count\": 1}, {\"min\": 4096, \"max\": 8191, \"count\": 1000}, "
			 "{\"min\": 8192, \"max\": 16383, \"count\": 0}]}}}", cols);
	/* the fuller one first, empty ends left out, one event still has a bar */
	assert_string_equal(got,
			    "read size\n"
			    "\n"
			    "process: cat\n"
			    "[2.00 KiB, 4.00 KiB)      1 |@                                                 |\n"
			    "[4.00 KiB, 8.00 KiB)  1,000 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n"
			    "\n"
			    "process: small\n"
			    "[1 B]  1 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|\n");
}

static void test_hist_bounds(void **state)
{
	g_autofree char *got = render_one("{\"type\": \"hist\", \"data\": {\"@h\": [{\"max\": -1, \"count\": 1}, {\"min\": 0, \"max\": 0, \"count\": 2}, "
					  "{\"min\": 1024, \"max\": 2047, \"count\": 2}, {\"min\": 4611686018427387904, \"max\": 9223372036854775807, \"count\": 1}, "
					  "{\"min\": 10, \"count\": 2}]}}", NULL);

	assert_non_null(strstr(got, "(..., 0)"));
	assert_non_null(strstr(got, "[0] "));
	assert_non_null(strstr(got, "[1K, 2K)"));
	assert_non_null(strstr(got, "[4E, ...)"));
	assert_non_null(strstr(got, "[10, ...)"));
	assert_renders("{\"type\": \"hist\", \"data\": {\"@h\": [{\"min\": 1, \"max\": 1, \"count\": 0}]}}", NULL, "@h\n(nothing)\n");
}

static void test_stacks(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@s", 2);

	set(&c->keys[0], "kernel stack", KG_UNIT_STACK);
	set(&c->keys[1], "process", KG_UNIT_STRING);
	set(&c->value, "samples", KG_UNIT_NONE);
	g_ptr_array_add(cols, c);
	assert_renders("{\"type\": \"map\", \"data\": {\"@s\": {\"\\n    g\\n,a\": 1, \"\\n    f+1\\n    g+2\\n,a,b\": 1200}}}", cols,
		       "samples: 1,200  process: a,b\n    f+1\n    g+2\n\nsamples: 1  process: a\n    g\n");
}

static void test_single(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@x", 0);

	c->title = g_strdup("reads");
	set(&c->value, "count", KG_UNIT_NONE);
	g_ptr_array_add(cols, c);
	assert_renders("{\"type\": \"map\", \"data\": {\"@x\": 1234}}", cols, "reads: 1,234\n");
	g_free(c->value.title);
	set(&c->value, "average duration", KG_UNIT_NS);
	assert_renders("{\"type\": \"stats\", \"data\": {\"@x\": 1500000}}", cols, "reads, average duration: 1.50 ms\n");
}

static void test_color(void **state)
{
	struct kg_render *r = kg_render_new(&(struct kg_render_opts){.color = TRUE});
	static const char line[] = "{\"type\": \"map\", \"data\": {\"@x\": {\"k\\u001b[31m\": 1}}}";
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_run_event ev;

	assert_true(kg_run_parse_line(line, strlen(line), &ev));
	kg_render_event(r, &ev, out);
	kg_run_event_clear(&ev);
	kg_render_free(r);
	assert_string_equal(out->str, "@x\n\033[1mKEY        VALUE\033[0m\nk\\x1b[31m      1\n");
}

static void test_hidden(void **state)
{
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@start", 1);

	c->is_hidden = TRUE;
	g_ptr_array_add(cols, c);
	assert_renders("{\"type\": \"map\", \"data\": {\"@start\": {\"1\": 5}}}", cols, "");
}

static void test_printf(void **state)
{
	static const char *const lines[] = {
		"{\"type\": \"printf\", \"data\": \"a\\u001b[2Jb \"}", "{\"type\": \"printf\", \"data\": \"end\\nnext\"}",
		"{\"type\": \"map\", \"data\": {\"@\": 1}}", "{\"type\": \"time\", \"data\": \"12:00\\n\"}", "{\"type\": \"value\", \"data\": 5}",
		"plain \x1b line", "{\"type\": \"lost_events\", \"data\": {\"events\": 3}}", "{\"type\": \"attached_probes\", \"data\": {\"probes\": 3}}",
		"{\"type\": \"printf\", \"data\": \"open\"}", NULL};
	g_autofree char *got = render(lines, NULL, FALSE);

	assert_string_equal(got, "a\\x1b[2Jb end\nnext\n@: 1\n12:00\n5\nplain \\x1b line\nopen\n");
}

static void test_printed_columns(void **state)
{
	static const char *const lines[] = {"{\"type\": \"printf\", \"data\": \"17\\tcat\\t2\\t1500000\\n\"}",
					    "{\"type\": \"printf\", \"data\": \"other\\n\"}", NULL};
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new(NULL, 4);
	g_autofree char *got = NULL, *json = NULL;

	set(&c->keys[0], "pid", KG_UNIT_PID);
	set(&c->keys[1], "process", KG_UNIT_STRING);
	set(&c->keys[2], "error", KG_UNIT_ERRNO);
	set(&c->keys[3], "time", KG_UNIT_NS);
	g_ptr_array_add(cols, c);
	got = render(lines, cols, FALSE);
	assert_string_equal(got, "      PID  PROCESS           ERROR            TIME\n"
				 "       17  cat               ENOENT        1.50 ms\n"
				 "other\n");
	json = render(lines, cols, TRUE);
	assert_string_equal(json, "{\"type\":\"printf\",\"text\":\"17\\tcat\\t2\\t1500000\\n\",\"fields\":{\"pid\":17,\"process\":\"cat\",\"error\":2,"
				  "\"time\":1500000}}\n{\"type\":\"printf\",\"text\":\"other\\n\"}\n");
}

/* Every line must be JSON for a strict reader, whatever the kernel had in its strings. */
static void test_json(void **state)
{
	static const char *const lines[] = {
		"{\"type\": \"map\", \"data\": {\"@x\": {\"a\\uffffffff\\u0001\\\"\\\\,2\": 3, \"a,b\": -1, \"t\": [1,\"x\"]}}}",
		"{\"type\": \"map\", \"data\": {\"@big\": 18446744073709551615}}",
		"{\"type\": \"hist\", \"data\": {\"@h\": [{\"max\": -1, \"count\": 1}, {\"min\": 2, \"max\": 3, \"count\": 4}]}}",
		"{\"type\": \"stats\", \"data\": {\"@s\": {\"count\": 2, \"average\": 3, \"total\": 6}}}", "{\"type\": \"value\", \"data\": \"x\\n\"}",
		"{\"type\": \"printf\", \"data\": \"\\u0000\\uffffffc3\\u007f\\u0080\"}", "{\"type\": \"lost_events\", \"data\": {\"events\": 3}}",
		"{\"type\": \"attached_probes\", \"data\": {\"probes\": 3}}", "not \xff JSON \x01", NULL};
	g_autoptr(GPtrArray) cols = columns_new();
	struct kg_run_columns *c = kg_run_columns_new("@x", 2);
	g_autofree char *got = NULL;
	g_auto(GStrv) split = NULL;

	set(&c->keys[0], "process", KG_UNIT_STRING);
	set(&c->keys[1], "error", KG_UNIT_ERRNO);
	g_ptr_array_add(cols, c);
	got = render(lines, cols, TRUE);
	split = g_strsplit(got, "\n", -1);
	assert_int_equal(g_strv_length(split), G_N_ELEMENTS(lines));
	for (char **l = split; **l; l++) {
		json_error_t e;
		json_t *j = json_loads(*l, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &e);

		if (!j)
			fail_msg("%s: %s", e.text, *l);
		assert_non_null(json_string_value(json_object_get(j, "type")));
		json_decref(j);
	}
	assert_non_null(strstr(split[0], "{\"key\":[\"a\xef\xbf\xbd\\u0001\\\"\\\\\",2],\"value\":3}"));
	assert_non_null(strstr(split[0], "\"key\":[\"a,b\"],\"joined\":true,\"value\":-1"));
	assert_non_null(strstr(split[1], "\"value\":18446744073709551615"));
	assert_non_null(strstr(split[0], "\"key_units\":[\"string\",\"errno\"]"));
}

static void test_notices(void **state)
{
	struct kg_run_event ev = {.type = KG_RUN_LOST, .number = 12};
	g_autoptr(GString) out = g_string_new(NULL);

	assert_true(kg_render_notice(&ev, out));
	assert_non_null(strstr(out->str, "lost 12 events"));
	ev.type = KG_RUN_MAP;
	assert_false(kg_render_notice(&ev, out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_whole_key),
		cmocka_unit_test(test_generic),
		cmocka_unit_test(test_units_of_columns),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_value_names),
		cmocka_unit_test(test_hist),
		cmocka_unit_test(test_hist_bounds),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_printed_columns),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
