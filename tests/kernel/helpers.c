/*
 * Models of helpers against the helpers: each program of helpers.bpf.c is run by the kernel (BPF_PROG_TEST_RUN) and by the interpreter in a world that says
 * what is true of this process. Results, maps, global variables and records must be the same. The symbolic executor, for which these are unknown and assumed
 * to be so, must think the kernel's outcome possible, and none else but where its model leaves something open.
 *
 * The interpreter's program comes through kg_object_read(), the kernel's through libbpf alone: so this holds the object reader, too.
 */
#include "helpers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char user_text[] = "a text of this process, of more than thirty-two bytes", short_text[] = "short";
static const uint64_t raw_args[12] = {3, 4, 5};
static guint8 packet[64];

struct given {
	uint64_t text, short_text, dev, ino;
};

/* What the world has to say of calls that fail in the kernel. */
static const struct { const char *program; int helper; guint nth; int64_t result; } failures[] = {
	{"read_user", BPF_FUNC_probe_read_user, 3, -EFAULT},
	{"read_user_str", BPF_FUNC_probe_read_user_str, 4, -EFAULT},
	{"read_kernel", BPF_FUNC_probe_read_kernel, 1, -ERANGE},
	{"read_kernel", BPF_FUNC_probe_read_kernel_str, 3, -ERANGE},
	{"ns_pid", BPF_FUNC_get_ns_current_pid_tgid, 1, -EINVAL},
	{"tail", BPF_FUNC_tail_call, 0, -ENOENT},
};

/*
 * Where the symbolic executor's model leaves more open than the kernel does, or ends a path. All others must come to what the kernel comes to and to nothing
 * else.
 */
static const struct { const char *program, *why; gboolean ends; } left_open[] = {
	{"read_user", "reads that fail are taken for none", TRUE},
	{"read_user_str", "reads that fail are taken for none", TRUE},
	{"read_kernel", "reads that fail are taken for none", TRUE},
	{"time", "other clocks are behind by what is not known", FALSE},
	{"ns_pid", "the namespace's numbers", FALSE},
	{"numbers", "what numbers texts say", FALSE},
	{"for_each", "the order of a hash map", TRUE},
	{"maps", "a full map", TRUE},
	{"texts", "snprintf()", FALSE},
	{"tail", "whether there is a program", FALSE},
	{"queues", "what comes out of queues, and a full one", TRUE},
	{"one_pop", "what comes out of queues", FALSE},
	{"prefixes", "changes of a trie", TRUE},
	{"packet_tc", "csum_diff()", FALSE},
	{"packet_xdp", "whether redirect_map() finds an entry", FALSE},
	{"reads_that_succeed", "how a word with the end of a text is read", FALSE},
};

static void outcome_clear(struct outcome *o)
{
	g_clear_pointer(&o->out, g_bytes_unref);
	g_clear_pointer(&o->bss, g_bytes_unref);
	g_clear_pointer(&o->records, g_ptr_array_unref);
}

static struct given given_now(void)
{
	struct stat ns;
	struct given g = {.text = (uint64_t)(uintptr_t)user_text, .short_text = (uint64_t)(uintptr_t)short_text};

	if (!stat("/proc/self/ns/pid", &ns)) {
		g.dev = (uint64_t)ns.st_dev;
		g.ino = ns.st_ino;
	}
	return g;
}

/* --- the kernel --- */

static int take_ring(void *records, void *data, size_t n)
{
	g_ptr_array_add(records, g_bytes_new(data, n));
	return 0;
}

static void take_perf(void *records, int cpu, void *data, guint32 n)
{
	g_ptr_array_add(records, g_bytes_new(data, n));
}

static GBytes *map_value(struct bpf_object *o, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(o, name);
	uint32_t key = 0, size = map ? bpf_map__value_size(map) : 0;
	g_autofree guint8 *value = g_malloc0(size + 1);

	if (map)
		bpf_map_lookup_elem(bpf_map__fd(map), &key, value);
	return g_bytes_new(value, size);
}

static int test_run(struct bpf_program *p, struct outcome *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_program__type(p) == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		opts.ctx_in = raw_args;
		opts.ctx_size_in = sizeof(raw_args);
	} else {
		opts.data_in = packet;
		opts.data_size_in = sizeof(packet);
	}
	if (bpf_prog_test_run_opts(bpf_program__fd(p), &opts))
		return -errno;
	ret->result = opts.retval;
	return 0;
}

static int run_loaded(struct bpf_object *o, const char *name, struct outcome *ret)
{
	struct ring_buffer *ring = ring_buffer__new(bpf_object__find_map_fd_by_name(o, "ring"), take_ring, ret->records, NULL);
	struct perf_buffer *perf = perf_buffer__new(bpf_object__find_map_fd_by_name(o, "perf"), 8, take_perf, NULL, ret->records, NULL);
	int r = test_run(bpf_object__find_program_by_name(o, name), ret);

	if (ring)
		ring_buffer__consume(ring);
	if (perf)
		perf_buffer__poll(perf, 50);
	ring_buffer__free(ring);
	perf_buffer__free(perf);
	ret->out = map_value(o, "out_map");
	ret->bss = map_value(o, "object.bss");
	return r;
}

/* A fresh load for each program: fresh maps. */
static int run_kernel(GBytes *elf, const char *name, struct outcome *ret, char **ret_why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "object");
	gsize n;
	const void *data = g_bytes_get_data(elf, &n);
	struct bpf_object *o = bpf_object__open_mem(data, n, &opts);
	struct bpf_map *map = o ? bpf_object__find_map_by_name(o, ".data.given") : NULL;
	struct given g = given_now();
	struct bpf_program *p;
	int r = map ? bpf_map__set_initial_value(map, &g, sizeof(g)) : -ENOENT;

	ret->records = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	if (!r)
		bpf_object__for_each_program(p, o)
			bpf_program__set_autoload(p, !strcmp(bpf_program__name(p), name));
	if (!r)
		r = bpf_object__load(o);
	if (!r)
		r = run_loaded(o, name, ret);
	if (r)
		*ret_why = g_strdup_printf("the kernel does not run it: %s", g_strerror(-r));
	bpf_object__close(o);
	return r;
}

/* --- the interpreter --- */

static void add_answers(struct kg_world *w, const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(failures); i++) {
		struct kg_answer_of_helper *a;

		if (strcmp(failures[i].program, name))
			continue;
		a = g_new0(struct kg_answer_of_helper, 1);
		a->helper = failures[i].helper;
		a->nth = failures[i].nth;
		a->result = (uint64_t)failures[i].result;
		g_ptr_array_add(w->answers, a);
	}
}

static int map_index(const struct kg_object *o, const char *name)
{
	for (guint i = 0; i < o->maps->len; i++)
		if (!strcmp(((struct kg_map *)o->maps->pdata[i])->name, name))
			return (int)i;
	return -1;
}

/* The inode of this process's group in the unified hierarchy ("0::/some/group"); 1 is its root. */
static uint64_t cgroup_id(void)
{
	g_autofree char *text = NULL, *path = NULL;
	char *line;
	struct stat s;

	if (!g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL) || !(line = strstr(text, "0::/")))
		return 1;
	line[strcspn(line, "\n")] = 0;
	path = g_strconcat("/sys/fs/cgroup", line + 3, NULL);
	return stat(path, &s) ? 1 : s.st_ino;
}

/* The kernel gives packets to these without their Ethernet header: bpf_prog_test_run_skb(). */
static gboolean has_no_link(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_SOCKET_FILTER || type == BPF_PROG_TYPE_CGROUP_SKB;
}

static void set_context(struct kg_world *w, enum bpf_prog_type type)
{
	gsize skip = has_no_link(type) ? 14 : 0;
	guint8 skb[200] = {(guint8)(sizeof(packet) - skip)}; /* struct __sk_buff begins with len */

	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		w->context = g_bytes_new(raw_args, sizeof(raw_args));
		return;
	}
	w->context = type == BPF_PROG_TYPE_XDP ? g_bytes_new_take(g_malloc0(24), 24) : g_bytes_new(skb, sizeof(skb));
	w->packet = g_bytes_new(packet + skip, sizeof(packet) - skip);
}

static struct kg_world *make_world(const struct kg_object *o, const struct kg_bpf_program *p)
{
	struct kg_world *w = kg_world_new();
	struct kg_map_entry *e = g_new0(struct kg_map_entry, 1);
	struct given g = given_now();
	uint32_t zero = 0;

	set_context(w, p->type);
	w->pid_tgid = (uint64_t)getpid() << 32 | (uint32_t)gettid();
	w->uid_gid = (uint64_t)getgid() << 32 | getuid();
	w->cpu = (uint32_t)sched_getcpu();
	w->cgroup = cgroup_id();
	prctl(PR_GET_NAME, w->comm);
	w->task = 0xffff888100000000ull;
	kg_world_set_bytes(w, KG_SPACE_USER, g.text, user_text, sizeof(user_text));
	kg_world_set_bytes(w, KG_SPACE_USER, g.short_text, short_text, sizeof(short_text));
	e->map = map_index(o, ".data.given");
	e->key = g_bytes_new(&zero, 4);
	e->value = g_bytes_new(&g, sizeof(g));
	g_ptr_array_add(w->entries, e);
	add_answers(w, p->name);
	return w;
}

static void take_records(const struct kg_object *o, const struct kg_run_of_bpf *run, uint32_t type, GPtrArray *records)
{
	for (guint i = 0; i < run->effects->len; i++) {
		const struct kg_bpf_effect *e = run->effects->pdata[i];
		g_autoptr(GByteArray) bytes = g_byte_array_new();

		if (e->kind != KG_BPF_RECORD || ((struct kg_map *)o->maps->pdata[e->map])->type != type)
			continue;
		for (guint k = 0; k < e->n_value; k++)
			g_byte_array_append(bytes, (const guint8 *)&e->value[k].bits, 1);
		g_ptr_array_add(records, g_bytes_new(bytes->data, bytes->len));
	}
}

static GBytes *entry_of(const struct kg_object *o, const struct kg_run_of_bpf *run, const char *name)
{
	int map = map_index(o, name);

	for (guint i = 0; i < run->entries->len; i++)
		if (((struct kg_map_entry *)run->entries->pdata[i])->map == map)
			return g_bytes_ref(((struct kg_map_entry *)run->entries->pdata[i])->value);
	const struct kg_map *m = map < 0 ? NULL : o->maps->pdata[map]; /* nobody touched it */
	gsize n = m ? m->value_size : 0;
	g_autofree guint8 *zeros = g_malloc0(n + 1);

	return m && m->initial ? g_bytes_ref(m->initial) : g_bytes_new(zeros, n);
}

static int run_model(const struct kg_object *o, guint which, struct outcome *ret, char **ret_why)
{
	const struct kg_bpf_program *p = o->programs->pdata[which];
	struct kg_world *w = make_world(o, p);
	struct kg_run_of_bpf run = {0};

	kg_interp_run(o, which, w, NULL, &run, NULL);
	ret->result = (uint32_t)run.result;
	ret->out = entry_of(o, &run, "out_map");
	ret->bss = entry_of(o, &run, "object.bss");
	ret->records = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	take_records(o, &run, BPF_MAP_TYPE_RINGBUF, ret->records);
	take_records(o, &run, BPF_MAP_TYPE_PERF_EVENT_ARRAY, ret->records);
	if (!run.is_complete)
		*ret_why = g_strdup_printf("the interpreter stops: %s", run.why);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
	return *ret_why ? -1 : 0;
}

/* --- comparing --- */

static void compare_bytes(const char *what, GBytes *kernel, GBytes *model, gsize unit, GString *out)
{
	gsize n, m;
	const guint8 *a = g_bytes_get_data(kernel, &n), *b = g_bytes_get_data(model, &m);

	if (n != m)
		g_string_append_printf(out, "# %s: %zu bytes, the model %zu\n", what, n, m);
	for (gsize i = 0; i < MIN(n, m); i += unit)
		if (memcmp(a + i, b + i, MIN(unit, MIN(n, m) - i)))
			g_string_append_printf(out, "# %s +%zu: kernel %016llx, model %016llx\n", what, i,
					       (unsigned long long)*(const uint64_t *)(const void *)(a + i),
					       (unsigned long long)*(const uint64_t *)(const void *)(b + i));
}

static void compare(const struct outcome *kernel, const struct outcome *model, GString *out)
{
	if (kernel->result != model->result)
		g_string_append_printf(out, "# result: kernel %u, model %u\n", kernel->result, model->result);
	compare_bytes("out", kernel->out, model->out, 8, out);
	compare_bytes("global variables", kernel->bss, model->bss, 8, out);
	if (kernel->records->len != model->records->len)
		g_string_append_printf(out, "# %u records, the model %u\n", kernel->records->len, model->records->len);
	for (guint i = 0; i < MIN(kernel->records->len, model->records->len); i++) {
		g_autoptr(GBytes) got = g_bytes_ref(kernel->records->pdata[i]), want = g_bytes_ref(model->records->pdata[i]);

		/* perf pads a record's size field to 8 bytes */
		if (g_bytes_get_size(got) < g_bytes_get_size(want) ||
		    memcmp(g_bytes_get_data(got, NULL), g_bytes_get_data(want, NULL), g_bytes_get_size(want)))
			g_string_append_printf(out, "# record %u differs\n", i);
	}
}

static void compare_symbolic(const struct kg_object *o, guint which, const struct outcome *kernel, GString *out)
{
	const struct kg_bpf_program *p = o->programs->pdata[which];
	struct kg_world *w = make_world(o, p);
	struct opinion opinion = symbolic_opinion(o, which, w, kernel);
	gboolean may_be_open = FALSE, ends = FALSE;

	for (guint i = 0; i < G_N_ELEMENTS(left_open); i++)
		if (!strcmp(left_open[i].program, p->name)) {
			may_be_open = TRUE;
			ends = left_open[i].ends;
		}
	if (!opinion.is_possible && !ends)
		g_string_append_printf(out, "# what the kernel came to is not possible for the symbolic executor\n");
	if (opinion.why && !ends)
		g_string_append_printf(out, "# the symbolic executor ends a path: %s\n", opinion.why);
	if (!opinion.is_sure && !may_be_open)
		g_string_append_printf(out, "# for the symbolic executor something else is possible, too\n");
	if (may_be_open && opinion.is_possible && opinion.is_sure && !opinion.why)
		g_string_append_printf(out, "# the symbolic executor leaves nothing open, but is said to\n");
	g_free(opinion.why);
	kg_world_free(w);
}

static gboolean test_one(GBytes *elf, const struct kg_object *o, guint which, guint number)
{
	const struct kg_bpf_program *p = o->programs->pdata[which];
	struct outcome kernel = {0}, model = {0};
	g_autofree char *why = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (run_kernel(elf, p->name, &kernel, &why) == 0 && run_model(o, which, &model, &why) == 0) {
		compare(&kernel, &model, text);
		compare_symbolic(o, which, &kernel, text);
	}
	if (why)
		g_string_append_printf(text, "# %s\n", why);
	printf("%s%s %u - %s\n", text->str, text->len ? "not ok" : "ok", number, p->name);
	outcome_clear(&kernel);
	outcome_clear(&model);
	return text->len == 0;
}

/* --- the programs --- */

static GBytes *compile(void)
{
	const char *tests = g_getenv("KGENT_TESTS");
	g_autofree char *folder = g_dir_make_tmp("kgent-XXXXXX", NULL), *out = g_build_filename(folder, "helpers.o", NULL), *data = NULL;
	g_autofree char *line = g_strdup_printf("clang -O2 -g -target bpf -I/usr/include/$(uname -m)-linux-gnu -c %s/kernel/helpers.bpf.c -o %s",
						tests ? tests : "tests", out);
	gsize n = 0;

	if (system(line) || !g_file_get_contents(out, &data, &n, NULL))
		data = NULL;
	unlink(out);
	rmdir(folder);
	return data ? g_bytes_new(data, n) : NULL;
}

/* What the kernel's map of that name is given, the object's begins with, too. */
static void set_given(struct kg_object *o)
{
	struct kg_map *m = o->maps->pdata[map_index(o, ".data.given")];
	struct given g = given_now();

	g_bytes_unref(m->initial);
	m->initial = g_bytes_new(&g, sizeof(g));
}

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stdout, format, args) : 0;
}

static const char *impossible(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2 || major < 6 || (major == 6 && minor < 12))
		return "the models are those of Linux 6.18; this kernel is older than 6.12";
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "kgent", 4, 8, 1, NULL);

	if (fd < 0)
		return g_strerror(errno);
	close(fd);
	return NULL;
}

int main(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	cpu_set_t first;
	guint failed = 0;
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GBytes) elf = compile();
	const char *why = elf ? impossible() : "clang can't compile for BPF";

	setrlimit(RLIMIT_MEMLOCK, &all);
	libbpf_set_print(quiet);
	CPU_ZERO(&first);
	CPU_SET(sched_getcpu(), &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (guint i = 0; i < sizeof(packet); i++)
		packet[i] = (guint8)(i * 7 + 1);
	if (why) {
		printf("ok 1 - models of helpers # SKIP %s\n1..1\n", why);
		return 0;
	}
	if (kg_object_read(elf, NULL, &o, &err) < 0) {
		printf("not ok 1 - reading the object: %s\n", err.msg);
		return 1;
	}
	set_given(o);
	for (guint i = 0; i < o->programs->len; i++)
		failed += !test_one(elf, o, i, i + 1);
	printf("1..%u\n", o->programs->len);
	kg_object_free(o);
	return failed != 0;
}
