/*
 * Profiles that lie: truncated and falsified BTF, formats with impossible numbers, function lists of 60,000 lines or of rubbish, missing
 * files. Each must open, say in its sources what is wrong, and answer without a crash (the sanitizers watch).
 */
#include <kgent/profile.h>

#include <bpf/btf.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char meta[] = "{\"format\": 1, \"release\": \"1.2.3\", \"arch\": \"x86_64\"}";

static char *work;

static void put(const char *name, const void *data, gssize len)
{
	g_autofree char *path = g_build_filename(work, name, NULL);

	if (data)
		assert_true(g_file_set_contents(path, data, len, NULL));
	else
		g_unlink(path);
}

static struct kg_profile *open_work(void)
{
	struct kg_profile_opts opts = {.dir = work};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *p = NULL;

	if (kg_profile_open(&opts, &p, &err) < 0)
		fail_msg("%s", err.msg);
	return p;
}

static const struct kg_source *source(const struct kg_profile *p, const char *name)
{
	const struct kg_source *s = kg_profile_source(p, name);

	if (!s)
		fail_msg("there is no source %s", name);
	return s;
}

/* Ask a bit of everything. */
static void ask(struct kg_profile *p)
{
	static const char *const types[] = {"struct a", "struct b", "union u", "loop", "struct task_struct"};
	struct kg_field f;
	int64_t v;

	for (int kind = 1; kind < KG_PROBE_KINDS; kind++) {
		struct kg_point *pt = NULL;

		kg_profile_kind_usable(p, (enum kg_probe_kind)kind, NULL);
		if (!kg_probe_info((enum kg_probe_kind)kind)->is_user && !kg_profile_find(p, (enum kg_probe_kind)kind, "a:b", &pt, NULL))
			kg_point_free(pt);
		pt = NULL;
		if (!kg_probe_info((enum kg_probe_kind)kind)->is_user && !kg_profile_find(p, (enum kg_probe_kind)kind, "function_one", &pt, NULL))
			kg_point_free(pt);
		kg_profile_fields(p, (enum kg_probe_kind)kind, "a:b");
		kg_profile_fields(p, (enum kg_probe_kind)kind, "function_one");
		g_ptr_array_unref(kg_profile_match(p, (enum kg_probe_kind)kind, "*", 100));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
		kg_profile_members(p, types[i]);
		kg_profile_member(p, types[i], "x.y", &f, NULL);
		kg_profile_member(p, types[i], "next->next->anon[3]", &f, NULL);
	}
	kg_profile_enumerator(p, "ONE", &v);
	g_ptr_array_unref(kg_profile_search(p, "function one a b field", 10));
}

/* BTF with one of everything. The caller frees it. */
static struct btf *make_btf(void)
{
	struct btf *b = btf__new_empty();
	int i = btf__add_int(b, "int", 4, BTF_INT_SIGNED), c = btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	int be = btf__add_typedef(b, "__be16", i), arr = btf__add_array(b, i, c, 16), a = btf__add_struct(b, "a", 64);
	int ptr = btf__add_ptr(b, a);

	(void)be;
	/* libbpf adds members to the last type only: a struct that has them comes anew */
	int s = btf__add_struct(b, "b", 48);

	btf__add_field(b, "next", ptr, 0, 0);
	btf__add_field(b, "x", be, 64, 0);
	btf__add_field(b, "comm", arr, 128, 0);
	btf__add_field(b, "bits", i, 256, 3);
	btf__add_union(b, "u", 8);
	btf__add_field(b, "y", i, 0, 0);
	btf__add_field(b, "z", ptr, 0, 0);
	btf__add_enum(b, "e", 4);
	btf__add_enum_value(b, "ONE", 1);
	btf__add_enum64(b, "e64", 8, true);
	btf__add_enum64_value(b, "BIG", (uint64_t)-5);
	int proto = btf__add_func_proto(b, i);

	btf__add_func_param(b, "sk", ptr);
	btf__add_func_param(b, "n", i);
	btf__add_func(b, "function_one", BTF_FUNC_GLOBAL, proto);
	btf__add_const(b, btf__add_ptr(b, proto));
	btf__add_typedef(b, "btf_trace_b", btf__add_ptr(b, proto));
	btf__add_struct(b, "bpf_iter__a", 8);
	btf__add_field(b, "meta", ptr, 0, 0);
	btf__add_fwd(b, "later", BTF_FWD_UNION);
	btf__add_volatile(b, s);
	return b;
}

static void base_files(void)
{
	put("meta.json", meta, -1);
	put("functions", "function_one\nfunction_two [mod]\n", -1);
	put("formats", "@ a:b\nname: b\nID: 1\nformat:\n\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n", -1);
	put("config", "CONFIG_TRACEPOINTS=y\nCONFIG_EVENT_TRACING=y\nCONFIG_PERF_EVENTS=y\nCONFIG_BPF_EVENTS=y\n", -1);
	put("btf", NULL, 0);
	put("btf.mod", NULL, 0);
	put("untraceable", NULL, 0);
}

static void test_nothing_but_meta(void **state)
{
	base_files();
	put("functions", NULL, 0);
	put("formats", NULL, 0);
	put("config", NULL, 0);
	struct kg_profile *p = open_work();
	static const char *const names[] = {"btf", "tracepoints", "functions", "config"};

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		assert_int_equal(source(p, names[i])->state, KG_SOURCE_MISSING);
		assert_non_null(source(p, names[i])->why);
		assert_non_null(source(p, names[i])->cost);
	}
	assert_int_equal(kg_profile_config(p, "KPROBES"), KG_UNKNOWN);
	ask(p);
	/* What is not known is unknown, not absent. */
	struct kg_point *pt = NULL;

	assert_int_equal(kg_profile_find(p, KG_PROBE_KPROBE, "tcp_connect", &pt, NULL), 0);
	assert_int_equal(pt->usable, KG_UNKNOWN);
	assert_non_null(pt->why);
	kg_point_free(pt);
	struct kg_field f;

	assert_int_equal(kg_profile_member(p, "struct sock", "x", &f, NULL), -KG_E_UNSUPPORTED);
	kg_profile_free(p);
}

static void test_bad_meta(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{}", "{\"format\": 1}", "{\"format\": 2, \"release\": \"1\", \"arch\": \"x\"}",
		"{\"format\": 1, \"release\": 5, \"arch\": \"x\"}", "{\"format\": 1, \"release\": \"\\u0000\", \"arch\": \"x\"}", "\xff\xff"};
	struct kg_profile_opts opts = {.dir = work};

	base_files();
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		_cleanup_error_ struct kg_error err = {0};
		struct kg_profile *p = NULL;

		put("meta.json", bad[i], -1);
		assert_true(kg_profile_open(&opts, &p, &err) < 0);
		assert_non_null(err.msg);
	}
	/* Sources and features of wrong types are not believed, and no crash. */
	put("meta.json", "{\"format\": 1, \"release\": \"1\", \"arch\": \"x\", \"sources\": [1, null, {\"name\": 5}, {\"name\": \"btf\", "
			 "\"state\": [], \"n\": -7}], \"features\": [], \"files\": 3, \"modules\": [7, \"mod\"]}", -1);
	struct kg_profile *p = open_work();

	ask(p);
	kg_profile_free(p);
}

static void test_btf(void **state)
{
	struct btf *b = make_btf();
	uint32_t size;
	const void *data = btf__raw_data(b, &size);
	g_autofree char *copy = g_memdup2(data, size);
	struct kg_field f;

	base_files();
	put("btf", data, size);
	struct kg_profile *p = open_work();

	assert_int_equal(source(p, "btf")->state, KG_SOURCE_OK);
	assert_int_equal(kg_profile_member(p, "struct b", "x", &f, NULL), 0);
	assert_true(f.is_big_endian);
	assert_int_equal(kg_profile_member(p, "struct b", "bits", &f, NULL), 0);
	assert_int_equal(f.bits, 3);
	assert_int_equal(kg_profile_fields(p, KG_PROBE_KPROBE, "function_one")->len, 2);
	int64_t v;

	assert_int_equal(kg_profile_enumerator(p, "BIG", &v), 0);
	assert_int_equal(v, -5);
	kg_profile_free(p);

	/* Cut at every length: never OK but whole, never a crash. */
	for (uint32_t n = 0; n < size; n++) {
		put("btf", copy, n);
		p = open_work();
		assert_int_equal(source(p, "btf")->state, KG_SOURCE_MISSING);
		assert_non_null(strstr(source(p, "btf")->why, "damaged"));
		kg_profile_free(p);
	}
	/* Each byte falsified in four ways: an answer or a refusal, never a crash. */
	for (uint32_t i = 0; i < size; i++) {
		static const unsigned char wrong[] = {0x01, 0x80, 0xff, 0x10};

		for (gsize k = 0; k < sizeof(wrong); k++) {
			copy[i] = (char)(copy[i] ^ wrong[k]);
			put("btf", copy, size);
			p = open_work();
			ask(p);
			kg_profile_free(p);
			copy[i] = (char)(copy[i] ^ wrong[k]);
		}
	}
	btf__free(b);
}

/* Types that refer to themselves in circles. */
static void test_btf_circles(void **state)
{
	struct btf *b = btf__new_empty();
	int i = btf__add_int(b, "int", 4, 0);

	btf__add_typedef(b, "loop", i);
	btf__add_const(b, 2);
	btf__add_struct(b, "a", 8);
	btf__add_field(b, NULL, 4, 0, 0); /* an anonymous member of its own type */
	btf__add_array(b, i, 5, 4);
	btf__add_ptr(b, 6);
	uint32_t size;
	const char *raw = btf__raw_data(b, &size);
	g_autofree char *copy = g_memdup2(raw, size);
	struct btf_header *h = (struct btf_header *)copy;
	struct btf_type *types = (struct btf_type *)(copy + h->hdr_len + h->type_off);

	/* id 2 (the typedef) becomes const 3's target and the other way round: int is one type and one word long */
	struct btf_type *loop = (struct btf_type *)((char *)types + sizeof(struct btf_type) + 4);

	assert_int_equal(BTF_INFO_KIND(loop->info), BTF_KIND_TYPEDEF);
	loop->type = 3;
	base_files();
	put("btf", copy, size);
	struct kg_profile *p = open_work();

	ask(p);
	struct kg_field f;

	assert_true(kg_profile_member(p, "loop", "x", &f, NULL) < 0);
	assert_true(kg_profile_member(p, "struct a", "x", &f, NULL) < 0);
	kg_profile_free(p);
	btf__free(b);
}

static void test_formats(void **state)
{
	static const char *const lies[] = {
		"\tfield:int x;\toffset:-8;\tsize:4;\tsigned:1;",
		"\tfield:int x;\toffset:8;\tsize:-4;\tsigned:1;",
		"\tfield:int x;\toffset:4294967295;\tsize:4;\tsigned:1;",
		"\tfield:int x;\toffset:99999999999999999999;\tsize:4;\tsigned:1;",
		"\tfield:int x;\toffset:65536;\tsize:1;\tsigned:1;",
		"\tfield:int x;\toffset:65530;\tsize:7;\tsigned:1;",
		"\tfield:int x;\toffset:8;\tsize:4;\tsigned:2;",
		"\tfield:int x;\toffset:8;",
		"\tfield:int x;\tsize:4;\tsigned:1;",
		"\tfield:int x",
		"\tfield:;\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:x;\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:int x];\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:int [4];\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:int 4x;\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:char x[99999999];\toffset:8;\tsize:4;\tsigned:1;",
		"\tfield:int x;\toffset:;\tsize:4;\tsigned:1;",
		"\tfield:int x;\toffset:8 ;\tsize:4;\tsigned:1;",
	};

	base_files();
	for (gsize i = 0; i < G_N_ELEMENTS(lies); i++) {
		g_autofree char *text = g_strdup_printf("@ a:b\nname: b\nformat:\n%s\n\nprint fmt: \"\"\n@ a:good\nname: good\n"
							"\tfield:int y;\toffset:8;\tsize:4;\tsigned:0;\n\nprint fmt: \"\"\n", lies[i]);
		struct kg_point *pt = NULL;

		put("formats", text, -1);
		struct kg_profile *p = open_work();

		if (source(p, "tracepoints")->state != KG_SOURCE_PARTIAL)
			fail_msg("believed: %s", lies[i]);
		assert_non_null(strstr(source(p, "tracepoints")->why, "a:b"));
		assert_null(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "a:b"));
		assert_int_equal(kg_profile_find(p, KG_PROBE_TRACEPOINT, "a:b", &pt, NULL), 0);
		assert_int_not_equal(pt->usable, KG_YES);
		assert_non_null(strstr(pt->why, "damaged"));
		kg_point_free(pt);
		assert_int_equal(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "a:good")->len, 1);
		ask(p);
		kg_profile_free(p);
	}
}

static void test_formats_cut(void **state)
{
	static const char text[] = "@ a:b\nname: b\nID: 1\nformat:\n\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n\nprint fmt: \"\"\n";

	base_files();
	for (gsize n = 0; n < sizeof(text) - 4; n++) {
		put("formats", text, (gssize)n);
		struct kg_profile *p = open_work();

		assert_int_not_equal(source(p, "tracepoints")->state, KG_SOURCE_OK);
		assert_null(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "a:b"));
		kg_profile_free(p);
	}
}

static void test_format_shapes(void **state)
{
	static const char text[] = "@ a:b\nname: b\nformat:\n"
		"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		"\tfield:char comm[TASK_COMM_LEN];\toffset:8;\tsize:16;\tsigned:0;\n"
		"\tfield:__be16 sport;\toffset:24;\tsize:2;\tsigned:0;\n"
		"\tfield:__be32 *ptr;\toffset:32;\tsize:8;\tsigned:0;\n"
		"\tfield:__u8 addr[sizeof(struct sockaddr_in6)];\toffset:40;\tsize:28;\tsigned:0;\n"
		"\tfield:__data_loc char[] name;\toffset:68;\tsize:4;\tsigned:0;\n"
		"\tfield:__rel_loc unsigned long[] mask;\toffset:72;\tsize:4;\tsigned:0;\n"
		"\tfield:enum x why;\toffset:76;\tsize:4;\tsigned:0;\n"
		"\tfield:unsigned long args[6];\toffset:80;\tsize:48;\tsigned:0;\n"
		"\nprint fmt: \"\"\n";

	base_files();
	put("formats", text, -1);
	struct kg_profile *p = open_work();
	const GPtrArray *f = kg_profile_fields(p, KG_PROBE_TRACEPOINT, "a:b");

	assert_int_equal(f->len, 8);
	const struct kg_field *comm = g_ptr_array_index(f, 0), *sport = g_ptr_array_index(f, 1), *ptr = g_ptr_array_index(f, 2);
	const struct kg_field *addr = g_ptr_array_index(f, 3), *name = g_ptr_array_index(f, 4), *mask = g_ptr_array_index(f, 5);
	const struct kg_field *args = g_ptr_array_index(f, 7);

	assert_string_equal(comm->type, "char[16]");
	assert_true(comm->is_string);
	assert_int_equal(comm->array_len, 16);
	assert_true(sport->is_big_endian);
	assert_true(ptr->is_pointer);
	assert_false(ptr->is_big_endian);
	assert_int_equal(addr->array_len, 28);
	assert_false(addr->is_string);
	assert_true(name->is_dynamic && name->is_string);
	assert_true(mask->is_dynamic && !mask->is_string);
	assert_int_equal(args->array_len, 6);
	assert_string_equal(args->type, "unsigned long[6]");
	kg_profile_free(p);
}

static void test_functions(void **state)
{
	static const char rubbish[] = "good_one\nbad line\n[mod]\nx [\ny []\nz [mod\n\xff\xfe\n\n\n good_two\ngood_three [mod]\n";
	struct kg_point *pt = NULL;

	base_files();
	put("functions", rubbish, sizeof(rubbish) - 1);
	struct kg_profile *p = open_work();

	assert_int_equal(source(p, "functions")->state, KG_SOURCE_PARTIAL);
	assert_int_equal(source(p, "functions")->n, 2);
	assert_int_equal(kg_profile_find(p, KG_PROBE_KPROBE, "good_three", &pt, NULL), 0);
	assert_string_equal(pt->module, "mod");
	kg_point_free(pt);
	ask(p);
	kg_profile_free(p);
	put("functions", "\0\0\0\0", 4);
	p = open_work();
	assert_int_equal(source(p, "functions")->state, KG_SOURCE_MISSING);
	ask(p);
	kg_profile_free(p);
}

/* 60,000 lines in no order, with repeated names. */
static void test_many_functions(void **state)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; i < 60000; i++) {
		unsigned k = (i * 7919u) % 60000u;

		g_string_append_printf(s, "function_%05u%s\n", k, k % 5 ? "" : " [mod]");
		if (!(k % 1000))
			g_string_append_printf(s, "function_%05u [other]\n", k);
	}
	base_files();
	put("functions", s->str, (gssize)s->len);
	g_string_free(s, TRUE);
	struct kg_profile *p = open_work();
	g_autoptr(GPtrArray) all = kg_profile_match(p, KG_PROBE_KPROBE, "function_*", 0);
	g_autoptr(GPtrArray) near = kg_profile_nearest(p, KG_PROBE_KPROBE, "fnuction_12345", 1);
	struct kg_point *pt = NULL;

	assert_int_equal(source(p, "functions")->n, 60060);
	assert_int_equal(all->len, 60000);
	assert_string_equal(g_ptr_array_index(near, 0), "function_12345");
	assert_int_equal(kg_profile_find(p, KG_PROBE_KPROBE, "other:function_05000", &pt, NULL), 0);
	assert_string_equal(pt->module, "other");
	pt = kg_point_free(pt);
	assert_int_equal(kg_profile_find(p, KG_PROBE_KPROBE, "function_59999", &pt, NULL), 0);
	kg_point_free(pt);
	g_autoptr(GPtrArray) hits = kg_profile_search(p, "function 31415", 3);

	assert_string_equal(((struct kg_hit *)g_ptr_array_index(hits, 0))->target, "function_31415");
	kg_profile_free(p);
}

/* Functions that are in the list of traceable ones, and yet no kprobe, or not surely, can be put there. */
static void test_kprobe_objections(void **state)
{
	static const struct {
		enum kg_probe_kind kind;
		const char *target;
		enum kg_answer usable;
		const char *why;
	} rows[] = {
		{KG_PROBE_KPROBE, "plain", KG_YES, NULL},
		{KG_PROBE_KPROBE, "hidden", KG_NO, "blacklist"},
		{KG_PROBE_KRETPROBE, "hidden", KG_NO, "blacklist"},
		{KG_PROBE_KPROBE, "shared", KG_UNKNOWN, "several functions"},
		{KG_PROBE_KPROBE, "hid", KG_YES, NULL}, /* only the beginning of a name */
		{KG_PROBE_KPROBE, "gone", KG_NO, "gone.isra.0"},
		{KG_PROBE_KPROBE, "gone.isra.0", KG_YES, NULL},
		{KG_PROBE_KPROBE, "untraced", KG_NO, "notrace"},
		{KG_PROBE_FENTRY, "plain", KG_NO, "BTF"}, /* no BTF here */
	};

	base_files();
	put("meta.json", "{\"format\": 1, \"release\": \"1\", \"arch\": \"x\", \"functions_from\": \"available_filter_functions\"}", -1);
	put("config", "CONFIG_KPROBES=y\nCONFIG_KRETPROBES=y\nCONFIG_PERF_EVENTS=y\nCONFIG_KPROBE_EVENTS=y\nCONFIG_BPF_EVENTS=y\n"
		      "CONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_FUNCTION_TRACER=y\n"
		      "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\n", -1);
	put("functions", "gone.isra.0\nhid\nhidden\nplain\nshared\nshared [mod]\n", -1);
	put("nokprobe", "hidden\n", -1);
	put("ambiguous", "shared\n", -1);
	put("untraceable", "untraced\n", -1);
	struct kg_profile *p = open_work();

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct kg_point *pt = NULL;

		assert_int_equal(kg_profile_find(p, rows[i].kind, rows[i].target, &pt, NULL), 0);
		if (pt->usable != rows[i].usable || (rows[i].why ? !pt->why || !strstr(pt->why, rows[i].why) : pt->why != NULL))
			fail_msg("%s: %d %s", rows[i].target, pt->usable, pt->why ? pt->why : "");
		kg_point_free(pt);
	}
	kg_profile_free(p);
	put("nokprobe", NULL, 0);
	put("ambiguous", NULL, 0);
}

static void test_files_that_changed(void **state)
{
	base_files();
	put("meta.json", "{\"format\": 1, \"release\": \"1\", \"arch\": \"x\", \"files\": {\"functions\": {\"size\": 3, \"hash\": \"0\"}}}", -1);
	struct kg_profile *p = open_work();

	assert_int_equal(source(p, "files")->state, KG_SOURCE_PARTIAL);
	kg_profile_free(p);
}

static int setup(void **state)
{
	work = g_dir_make_tmp("kgent-damaged-XXXXXX", NULL);
	return !work;
}

static int teardown(void **state)
{
	const char *const argv[] = {"rm", "-rf", work, NULL};

	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(work);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_but_meta),
		cmocka_unit_test(test_bad_meta),
		cmocka_unit_test(test_btf),
		cmocka_unit_test(test_btf_circles),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_formats_cut),
		cmocka_unit_test(test_format_shapes),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_many_functions),
		cmocka_unit_test(test_kprobe_objections),
		cmocka_unit_test(test_files_that_changed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
