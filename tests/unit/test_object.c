/*
 * Objects. What bpftrace's maps are is held against the maps that it creates: each program of tests/golden/object/maps.txt (separated by lines of
 * "===") is compiled, read, and run on the live kernel; the maps that bpftrace then holds, in order of their descriptors, must be those
 * that were told from text and instructions.
 */
#include <kgent/build.h>
#include <kgent/isa.h>
#include <kgent/object.h>
#include <kgent/profile.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct kg_profile *the_profile;

static char *slurp(const char *name, gsize *len)
{
	const char *dir = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(dir ? dir : "tests", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, len, NULL))
		fail_msg("can't read %s", path);
	return text;
}

static struct kg_object *read_object(GBytes *elf)
{
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_object_read(elf, NULL, &o, &err) < 0)
		fail_msg("%s", err.msg);
	return o;
}

/* Compile with the installed bpftrace, or NULL where that is not possible. */
static struct kg_object *compile(const char *text)
{
	struct kg_build_result res = {0};
	struct kg_object *o = NULL;
	struct kg_bt_program *program = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	_cleanup_error_ struct kg_error err = {0};

	if (kg_build(text, NULL, &res, &err) < 0 || res.outcome == KG_BUILD_NOT_CHECKED) {
		kg_build_result_clear(&res);
		return NULL;
	}
	if (res.outcome != KG_BUILD_COMPILED)
		fail_msg("does not compile: %s", text);
	o = read_object(res.object);
	kg_build_result_clear(&res);
	assert_int_equal(kg_bt_parse(text, strlen(text), diags, &program), 0);
	if (kg_object_bpftrace(o, program, NULL, NULL, the_profile, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	kg_bt_free(program);
	return o;
}

/* --- against the live tool --- */

struct live_map {
	int fd;
	guint type, key_size, value_size, max_entries;
};

static guint field(const char *info, const char *name)
{
	const char *at = strstr(info, name);

	return at ? (guint)strtoul(at + strlen(name), NULL, 10) : 0;
}

static gint by_fd(gconstpointer a, gconstpointer b)
{
	return ((const struct live_map *)a)->fd - ((const struct live_map *)b)->fd;
}

static GArray *live_maps(pid_t pid)
{
	GArray *maps = g_array_new(FALSE, FALSE, sizeof(struct live_map));
	g_autofree char *folder = g_strdup_printf("/proc/%d/fdinfo", pid);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL), *info = NULL;

		if (!g_file_get_contents(path, &info, NULL, NULL) || !strstr(info, "map_type:"))
			continue;
		struct live_map m = {atoi(name), field(info, "map_type:"), field(info, "key_size:"), field(info, "value_size:"),
				     field(info, "max_entries:")};

		g_array_append_val(maps, m);
	}
	g_array_sort(maps, by_fd);
	return maps;
}

/* Wait until bpftrace has as many maps as are wanted. It makes the perf event array last. */
static GArray *run_and_look(const char *text, guint wanted)
{
	g_autofree char *out = NULL;
	pid_t pid = fork();
	GArray *maps = NULL;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execlp("bpftrace", "bpftrace", "-e", text, NULL);
		_exit(127);
	}
	for (int i = 0; i < 400; i++) {
		g_clear_pointer(&maps, g_array_unref);
		maps = live_maps(pid);
		if (maps->len >= wanted && g_array_index(maps, struct live_map, maps->len - 1).type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
			break;
		g_usleep(20000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return maps;
}

static void compare(const char *text, const struct kg_object *o, const GArray *maps)
{
	if (maps->len != o->maps->len)
		fail_msg("%s: bpftrace made %u maps, %u were told", text, maps->len, o->maps->len);
	for (guint i = 0; i < maps->len; i++) {
		const struct live_map *live = &g_array_index(maps, struct live_map, i);
		const struct kg_map *m = o->maps->pdata[i];

		if (live->type != m->type || (m->max_entries && live->max_entries != m->max_entries) ||
		    (m->key_size && live->key_size != m->key_size) || (m->value_size && live->value_size != m->value_size))
			fail_msg("%s\nmap %u, %s: live type %u key %u value %u entries %u, told %u %u %u %u", text, i, m->name, live->type,
				 live->key_size, live->value_size, live->max_entries, m->type, m->key_size, m->value_size, m->max_entries);
		if (m->type != BPF_MAP_TYPE_ARRAY && (!m->key_size || !m->value_size))
			fail_msg("%s\nmap %u, %s: sizes were not told", text, i, m->name);
	}
}

static void test_bpftrace_maps(void **state)
{
	g_autofree char *all = slurp("golden/object/maps.txt", NULL);
	g_auto(GStrv) texts = g_strsplit(all, "===\n", -1);

	if (geteuid()) {
		print_message("skipped: bpftrace makes maps for root only\n");
		skip();
	}
	for (guint i = 0; texts[i]; i++) {
		struct kg_object *o = compile(texts[i]);

		if (!o) {
			print_message("skipped: bpftrace can't compile here\n");
			skip();
		}
		GArray *maps = run_and_look(texts[i], o->maps->len);

		compare(texts[i], o, maps);
		g_array_unref(maps);
		kg_object_free(o);
	}
}

static void test_bpftrace_programs(void **state)
{
	struct kg_object *o = compile("tracepoint:sched:sched_switch { @b[comm] = count(); } BEGIN { @a = 1; printf(\"x\"); } interval:s:1 { exit(); }");
	const struct kg_bpf_program *p;
	g_autoptr(GString) text = g_string_new(NULL);

	if (!o) {
		print_message("skipped: bpftrace can't compile here\n");
		skip();
	}
	assert_true(o->is_bpftrace);
	assert_int_equal(o->programs->len, 3);
	for (guint i = 0; i < 3; i++) {
		p = o->programs->pdata[i];
		if (!strcmp(p->attach, "tracepoint:sched:sched_switch")) {
			assert_int_equal(p->kind, KG_PROBE_TRACEPOINT);
			assert_int_equal(p->type, BPF_PROG_TYPE_TRACEPOINT);
			kg_object_print(o, i, text);
			assert_non_null(strstr(text->str, "; @b\n"));
			assert_non_null(strstr(text->str, ": (85) call bpf_map_update_elem#2\n"));
		} else if (!strcmp(p->attach, "BEGIN")) {
			assert_int_equal(p->kind, KG_PROBE_BEGIN);
		} else {
			assert_string_equal(p->attach, "interval:s:1");
			assert_int_equal(p->type, BPF_PROG_TYPE_PERF_EVENT);
		}
	}
	kg_object_free(o);
}

static void test_other_program(void **state)
{
	struct kg_object *o = compile("BEGIN { @a = 1; @b = 2; printf(\"x\"); }");
	struct kg_bt_program *program = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	_cleanup_error_ struct kg_error err = {0};

	if (!o) {
		print_message("skipped: bpftrace can't compile here\n");
		skip();
	}
	assert_int_equal(kg_bt_parse("BEGIN { exit(); }", 17, diags, &program), 0);
	assert_int_equal(kg_object_bpftrace(o, program, NULL, NULL, NULL, &err), -KG_E_INVAL);
	kg_error_clear(&err);
	assert_int_equal(kg_object_bpftrace(o, program, &(struct kg_bpftrace){.major = 0, .minor = 21}, NULL, NULL, &err), -KG_E_UNSUPPORTED);
	kg_bt_free(program);
	kg_object_free(o);
}

/* --- clang's objects --- */

static GBytes *clang(const char *source, const char *options)
{
	g_autofree char *folder = g_dir_make_tmp("kgent-XXXXXX", NULL), *c = g_build_filename(folder, "t.c", NULL),
			*out = g_build_filename(folder, "t.o", NULL), *data = NULL;
	g_autofree char *line = g_strdup_printf("clang -g %s -target bpf -c %s -o %s", options, c, out);
	gsize n = 0;

	assert_true(g_file_set_contents(c, source, -1, NULL));
	if (system(line) || !g_file_get_contents(out, &data, &n, NULL))
		data = NULL;
	unlink(c);
	unlink(out);
	rmdir(folder);
	return data ? g_bytes_new(data, n) : NULL;
}

static const char core_source[] =
	"typedef unsigned int u32; typedef unsigned long long u64;\n"
	"#define SEC(x) __attribute__((section(x), used))\n"
	"#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)\n"
	"struct task_struct { int pid; int tgid; };\n"
	"#pragma clang attribute pop\n"
	"struct { int (*type)[1]; u32 *key; u64 *value; int (*max_entries)[100]; } counts SEC(\".maps\");\n"
	"static void *(*lookup)(void *, const void *) = (void *)1;\n"
	"static u64 (*task)(void) = (void *)35;\n"
	"static long (*read)(void *, u32, const void *) = (void *)113;\n"
	"const volatile u32 limit = 7; u32 seen = 5;\n"
	"static __attribute__((noinline)) u32 twice(u32 a) { return a * 2 + limit; }\n"
	"SEC(\"raw_tp/sched_switch\") int handle(void *ctx)\n{\n"
	"	struct task_struct *t = (void *)task(); u32 pid = 0; u64 *n;\n"
	"	read(&pid, sizeof(pid), &t->tgid);\n"
	"	seen = twice(pid);\n"
	"	n = lookup(&counts, &pid);\n"
	"	if (n) __sync_fetch_and_add(n, 1);\n"
	"	return 0;\n}\n"
	"char _license[] SEC(\"license\") = \"GPL\";\n";

static const struct kg_map *map_named(const struct kg_object *o, const char *suffix)
{
	for (guint i = 0; i < o->maps->len; i++)
		if (g_str_has_suffix(((struct kg_map *)o->maps->pdata[i])->name, suffix))
			return o->maps->pdata[i];
	fail_msg("no map %s", suffix);
	return NULL;
}

/* The offset that was put in place of &t->tgid: an addition or an immediate before the read. */
static gboolean adds(const struct kg_bpf_program *p, guint offset)
{
	for (guint i = 0; i < p->n_insns; i++)
		if ((p->insns[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) || p->insns[i].code == (BPF_ALU64 | BPF_ADD | BPF_K)) &&
		    p->insns[i].imm == (int)offset)
			return TRUE;
	return FALSE;
}

static guint offset_in(struct kg_profile *profile)
{
	struct kg_field f;

	assert_int_equal(kg_profile_member(profile, "struct task_struct", "tgid", &f, NULL), 0);
	return f.offset_bits / 8;
}

static void check_core(GBytes *elf, struct kg_profile *profile, guint offset)
{
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_object_read(elf, profile, &o, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(adds(o->programs->pdata[0], offset));
	kg_object_free(o);
}

/* Sections as libbpf knows them, and what contracts call them. */
static void test_sections(void **state)
{
	static const struct { const char *section, *attach; uint32_t type; } cases[] = {
		{"xdp", "xdp", BPF_PROG_TYPE_XDP}, {"xdp.frags", "xdp", BPF_PROG_TYPE_XDP}, {"tc", "tc", BPF_PROG_TYPE_SCHED_CLS},
		{"classifier", "tc", BPF_PROG_TYPE_SCHED_CLS}, {"socket", "socket", BPF_PROG_TYPE_SOCKET_FILTER},
		{"cgroup_skb/egress", "cgroup_skb:egress", BPF_PROG_TYPE_CGROUP_SKB}, {"cgroup/skb", "cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB},
		{"cgroup/sock", "cgroup_sock:sock_create", BPF_PROG_TYPE_CGROUP_SOCK},
		{"cgroup/sock_release", "cgroup_sock:sock_release", BPF_PROG_TYPE_CGROUP_SOCK},
		{"cgroup/post_bind6", "cgroup_sock:post_bind6", BPF_PROG_TYPE_CGROUP_SOCK},
		{"cgroup/connect4", "cgroup_sock_addr:connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR},
		{"cgroup/bind6", "cgroup_sock_addr:bind6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR},
		{"cgroup/getsockname4", "cgroup_sock_addr:getsockname4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR},
		{"sockops", "sockops", BPF_PROG_TYPE_SOCK_OPS}, {"perf_event", "perf_event", BPF_PROG_TYPE_PERF_EVENT},
		{"lsm/file_open", "lsm:file_open", BPF_PROG_TYPE_LSM}, {"lsm.s/bprm_check_security", "lsm:bprm_check_security", BPF_PROG_TYPE_LSM},
		{"cgroup/dev", "cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE},
	};
	g_autoptr(GString) source = g_string_new(NULL);

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		g_string_append_printf(source, "__attribute__((section(\"%s\"), used)) int p%u(void *ctx) { return 1; }\n", cases[i].section, i);
	g_autoptr(GBytes) elf = clang(source->str, "-O2");

	if (!elf) {
		print_message("skipped: clang can't compile for BPF here\n");
		skip();
	}
	struct kg_object *o = read_object(elf);

	assert_int_equal(o->programs->len, G_N_ELEMENTS(cases));
	for (guint i = 0; i < o->programs->len; i++) {
		const struct kg_bpf_program *p = o->programs->pdata[i];
		guint which = (guint)atoi(p->name + 1);

		assert_string_equal(p->attach, cases[which].attach);
		assert_int_equal(p->type, cases[which].type);
		assert_int_equal(p->kind, KG_PROBE_NONE);
	}
	kg_object_free(o);
}

static void test_clang(void **state)
{
	g_autoptr(GBytes) elf = clang(core_source, "-O2");
	g_autoptr(GString) text = g_string_new(NULL);

	if (!elf) {
		print_message("skipped: clang can't compile for BPF here\n");
		skip();
	}
	struct kg_object *o = read_object(elf);
	const struct kg_bpf_program *p = o->programs->pdata[0];

	assert_int_equal(o->programs->len, 1);
	assert_string_equal(p->attach, "rawtracepoint:sched_switch");
	assert_int_equal(p->type, BPF_PROG_TYPE_RAW_TRACEPOINT);
	assert_true(p->lines->len > 5);
	assert_non_null(o->btf);
	assert_true(map_named(o, ".rodata")->is_constant);
	assert_false(map_named(o, ".data")->is_constant);
	assert_int_equal(*(const guint32 *)g_bytes_get_data(map_named(o, ".data")->initial, NULL), 5);
	assert_int_equal(map_named(o, "counts")->max_entries, 100);
	assert_true(adds(p, offset_in(the_profile)));
	kg_object_print(o, 0, text);
	assert_non_null(strstr(text->str, "; seen = twice(pid);  @ t.c:"));
	assert_non_null(strstr(text->str, "function at "));
	assert_non_null(strstr(text->str, "; counts\n"));
	kg_object_free(o);
}

/* Another kernel's layout: its BTF alone is enough for a profile. */
static void test_clang_other_kernel(void **state)
{
	const char *tests = g_getenv("KGENT_TESTS");
	g_autoptr(GBytes) elf = clang(core_source, "-O2");
	g_autofree char *folder = g_dir_make_tmp("kgent-XXXXXX", NULL);
	g_autofree char *unpack = g_strdup_printf("tar -C %s --strip-components=1 -xf %s/profiles/debian-6.1-amd64.tar.xz", folder, tests ? tests : "tests");
	g_autofree char *remove = g_strdup_printf("rm -r %s", folder);
	struct kg_profile *profile = NULL;

	if (!elf) {
		print_message("skipped: clang can't compile for BPF here\n");
		skip();
	}
	assert_int_equal(system(unpack), 0);
	if (kg_profile_open(&(struct kg_profile_opts){.dir = folder}, &profile, NULL) == 0) {
		check_core(elf, profile, offset_in(profile));
		kg_profile_free(profile);
	} else {
		fail_msg("the profile does not open: %s", folder);
	}
	assert_int_equal(system(remove), 0);
}

/* --- damage --- */

static int read_bytes(const void *data, gsize n)
{
	g_autoptr(GBytes) elf = g_bytes_new(data, n);
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = kg_object_read(elf, NULL, &o, &err);

	assert_true((r < 0) == (err.msg != NULL));
	kg_object_free(o);
	return r;
}

static void test_not_objects(void **state)
{
	guint8 elf[64] = "\177ELF\2\1\1";

	assert_int_equal(read_bytes("", 0), -KG_E_PARSE);
	assert_int_equal(read_bytes("#!/usr/bin/env bpftrace\n", 24), -KG_E_PARSE);
	assert_int_equal(read_bytes(elf, 40), -KG_E_PARSE);
	elf[16] = 1;
	elf[18] = 62;
	assert_int_equal(read_bytes(elf, 64), -KG_E_PARSE);
	elf[18] = 247;
	assert_true(read_bytes(elf, 64) < 0);
	elf[5] = 2;
	assert_int_equal(read_bytes(elf, 64), -KG_E_UNSUPPORTED);
}

/* Each byte of the headers and of what describes the program, damaged: an answer, never a crash of ours. */
static void test_damaged(void **state)
{
	g_autoptr(GBytes) elf = clang(core_source, "-O2");
	gsize n;

	if (!elf) {
		print_message("skipped: clang can't compile for BPF here\n");
		skip();
	}
	const guint8 *good = g_bytes_get_data(elf, &n);
	GRand *rand = g_rand_new_with_seed(5);

	for (int i = 0; i < 150; i++) {
		g_autofree guint8 *bad = g_memdup2(good, n);

		bad[g_rand_int_range(rand, 0, (gint32)n)] ^= (guint8)(1 << g_rand_int_range(rand, 0, 8));
		bad[g_rand_int_range(rand, 16, (gint32)n)] = (guint8)g_rand_int(rand);
		read_bytes(bad, i % 10 ? n : (gsize)g_rand_int_range(rand, 0, (gint32)n));
	}
	g_rand_free(rand);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bpftrace_programs),
		cmocka_unit_test(test_bpftrace_maps),
		cmocka_unit_test(test_other_program),
		cmocka_unit_test(test_sections), cmocka_unit_test(test_clang),
		cmocka_unit_test(test_clang_other_kernel),
		cmocka_unit_test(test_not_objects),
		cmocka_unit_test(test_damaged),
	};

	assert_int_equal(kg_profile_open(&(struct kg_profile_opts){.cache_dir = ""}, &the_profile, NULL), 0);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	kg_profile_free(the_profile);
	return failed;
}
