/*
 * clang's objects, through libbpf, in a caged child (cage.c). libbpf relocates on its way to loading: it makes the maps, applies the relocations
 * of data, of maps, of calls and CO-RE, and hands each program to its section's handler just before it is loaded. Our handler takes the
 * instructions and lines there; the loading itself is pretended. (With libbpf's gen_loader no call is made either, but CO-RE is left to the
 * kernel then.)
 *
 * A section's real handler would look for the attach point in the running kernel's BTF, and fail for another kernel's; ours does not.
 *
 * The answer is one GVariant: (why it failed or "", programs (name, section, type, instructions, lines (pc, line, column, file, text)), maps (name,
 * type, key size, value size, entries, key type, value type, is constant, initial bytes), names of kernel functions).
 */
#include "internal.h"

#include <kgent/isa.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER "(sa(ssuaya(uuuss))a(suuuuuubay)as)"
#define MAX_ANSWER (64u << 20)
#define MAX_LINES 500000u
#define TIMEOUT_MS 20000
#define MAX_INITIAL (16u << 20)

/* --- the child --- */

struct answer {
	struct bpf_object *object;
	GVariantBuilder programs;
	GString *warnings;
	guint n_lines;
	struct btf *kernel;  /* once a kernel function is called */
	GPtrArray *kfuncs;   /* their names */
};
static struct answer the_answer; /* libbpf's printer has no user pointer; the child is alone */

static int take_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && the_answer.warnings->len < 2000)
		g_string_append_vprintf(the_answer.warnings, format, args);
	return 0;
}

static void add_lines(GVariantBuilder *lines, const struct bpf_prog_load_opts *opts)
{
	const struct btf *btf = bpf_object__btf(the_answer.object);
	const char *records = opts->line_info;

	g_variant_builder_init(lines, G_VARIANT_TYPE("a(uuuss)"));
	if (!records || opts->line_info_rec_size < sizeof(struct bpf_line_info))
		return;
	for (guint i = 0; i < opts->line_info_cnt && the_answer.n_lines < MAX_LINES; i++, the_answer.n_lines++) {
		const struct bpf_line_info *l = (const void *)(records + (gsize)i * opts->line_info_rec_size);
		const char *file = btf__name_by_offset(btf, l->file_name_off), *text = btf__name_by_offset(btf, l->line_off);
		g_autofree char *safe_file = g_utf8_make_valid(file ? file : "", -1), *safe_text = g_utf8_make_valid(text ? text : "", -1);

		g_variant_builder_add(lines, "(uuuss)", l->insn_off, BPF_LINE_INFO_LINE_NUM(l->line_col), BPF_LINE_INFO_LINE_COL(l->line_col),
				      safe_file, safe_text);
	}
}

/* Maps are named by index from here on. */
static void name_maps(struct bpf_insn *insns, gsize n)
{
	struct bpf_map *map;
	int index = 0;
	g_autoptr(GHashTable) by_fd = g_hash_table_new(NULL, NULL);

	bpf_object__for_each_map(map, the_answer.object)
		g_hash_table_insert(by_fd, GINT_TO_POINTER(bpf_map__fd(map)), GINT_TO_POINTER(++index));
	for (gsize pc = 0; pc < n; pc += kg_isa_slots(&insns[pc])) {
		struct bpf_insn *i = &insns[pc];

		if (kg_isa_slots(i) == 2 && (i->src_reg == BPF_PSEUDO_MAP_FD || i->src_reg == BPF_PSEUDO_MAP_VALUE))
			i->imm = GPOINTER_TO_INT(g_hash_table_lookup(by_fd, GINT_TO_POINTER(i->imm))) - 1;
	}
}

/* The name of a kernel function by its BTF id in vmlinux; those of modules (off: which) stay without. */
static const char *name_of_kfunc(const struct bpf_insn *i)
{
	const struct btf_type *t;

	if (!the_answer.kernel)
		the_answer.kernel = btf__load_vmlinux_btf();
	t = the_answer.kernel && !i->off && i->imm > 0 ? btf__type_by_id(the_answer.kernel, (guint32)i->imm) : NULL;
	return t && btf_is_func(t) ? btf__name_by_offset(the_answer.kernel, t->name_off) : NULL;
}

/* Kernel functions are named by index, too. */
static void name_kfuncs(struct bpf_insn *insns, gsize n)
{
	for (gsize pc = 0; pc < n; pc += kg_isa_slots(&insns[pc])) {
		struct bpf_insn *i = &insns[pc];
		const char *name;
		guint index;

		if (i->code != (BPF_JMP | BPF_CALL) || i->src_reg != BPF_PSEUDO_KFUNC_CALL)
			continue;
		name = name_of_kfunc(i);
		name = name ? name : "of a module";
		if (!g_ptr_array_find_with_equal_func(the_answer.kfuncs, name, g_str_equal, &index)) {
			index = the_answer.kfuncs->len;
			g_ptr_array_add(the_answer.kfuncs, g_strdup(name));
		}
		i->imm = (gint32)index;
	}
}

static GVariant *bytes_variant(const void *data, gsize n)
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, n, 1);
}

static int take_program(struct bpf_program *program, struct bpf_prog_load_opts *opts, long type)
{
	gsize n = bpf_program__insn_cnt(program);
	g_autofree struct bpf_insn *insns = g_memdup2(bpf_program__insns(program), n * sizeof(*insns));
	GVariantBuilder lines;

	name_maps(insns, n);
	name_kfuncs(insns, n);
	add_lines(&lines, opts);
	g_variant_builder_add(&the_answer.programs, "(ssu@aya(uuuss))", bpf_program__name(program), bpf_program__section_name(program), (guint32)type,
			      bytes_variant(insns, n * sizeof(*insns)), &lines);
	return 0;
}

static gboolean needs_btf_id(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM || type == BPF_PROG_TYPE_EXT || type == BPF_PROG_TYPE_STRUCT_OPS;
}

static void register_handlers(const struct elf_file *file)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = take_program);

	for (guint i = 0; i < file->sections->len; i++) {
		const struct elf_section *s = &g_array_index(file->sections, struct elf_section, i);
		const char *name = s->name + (*s->name == '?');
		enum bpf_prog_type type = BPF_PROG_TYPE_UNSPEC, load_as;
		enum bpf_attach_type attach = 0;

		if (!s->is_code || !strcmp(name, ".text"))
			continue;
		if (libbpf_prog_type_by_name(name, &type, &attach))
			type = BPF_PROG_TYPE_UNSPEC;
		load_as = type == BPF_PROG_TYPE_UNSPEC || needs_btf_id(type) ? BPF_PROG_TYPE_KPROBE : type;
		opts.cookie = (long)type;
		libbpf_register_prog_handler(name, load_as, 0, &opts);
	}
	g_string_truncate(the_answer.warnings, 0); /* of sections that libbpf does not know */
}

static GVariant *map_variant(const struct bpf_map *map, guint32 entries)
{
	gsize n = 0;
	const void *initial = bpf_map__initial_value((struct bpf_map *)map, &n);
	gboolean is_constant = (bpf_map__map_flags(map) & BPF_F_RDONLY_PROG) != 0;

	if (!initial || n > MAX_INITIAL)
		n = 0;
	return g_variant_new("(suuuuuub@ay)", bpf_map__name(map), (guint32)bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
			     entries, bpf_map__btf_key_type_id(map), bpf_map__btf_value_type_id(map), is_constant, bytes_variant(initial, n));
}

static GArray *prepare(struct bpf_object *object)
{
	GArray *entries = g_array_new(FALSE, FALSE, sizeof(guint32));
	struct bpf_program *program;
	struct bpf_map *map;

	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, true);
	bpf_object__for_each_map(map, object) {
		guint32 n = bpf_map__max_entries(map); /* as written; libbpf gives perf event arrays the number of CPUs */

		bpf_map__set_pin_path(map, NULL);
		g_array_append_val(entries, n);
	}
	return entries;
}

static void read_object(const void *elf, gsize size, const char *btf_path, GVariantBuilder *maps)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "object", .btf_custom_path = btf_path);
	struct bpf_object *object = bpf_object__open_mem(elf, size, &opts);
	struct bpf_map *map;
	guint i = 0;

	if (!object) {
		g_string_append_printf(the_answer.warnings, "libbpf can't read it: %s", g_strerror(errno));
		return;
	}
	the_answer.object = object;
	g_autoptr(GArray) entries = prepare(object);

	if (bpf_object__load(object) == 0)
		g_string_truncate(the_answer.warnings, 0);
	else if (!the_answer.warnings->len)
		g_string_append(the_answer.warnings, "libbpf can't relocate it");
	bpf_object__for_each_map(map, object)
		g_variant_builder_add_value(maps, map_variant(map, g_array_index(entries, guint32, i++)));
}

static gboolean write_all(int fd, const char *data, gsize n)
{
	while (n) {
		ssize_t w = write(fd, data, n);

		if (w <= 0)
			return FALSE;
		data += w;
		n -= (gsize)w;
	}
	return TRUE;
}

static void limit_child(void)
{
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT, SIGXCPU};
	struct rlimit core = {0, 0}, cpu = {TIMEOUT_MS / 1000, TIMEOUT_MS / 1000};
	int fd = memfd_create("map", 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	for (guint i = 0; i < G_N_ELEMENTS(deadly); i++)
		signal(deadly[i], SIG_DFL); /* a handler of the parent's is none of the child's business */
	setrlimit(RLIMIT_CORE, &core);
	setrlimit(RLIMIT_CPU, &cpu);
	/* What bpf(2) is said to have made: something that can be duplicated, and mapped as a map's memory. */
	if (fd < 0 || ftruncate(fd, MAX_INITIAL) || dup2(fd, 0) < 0)
		_exit(1);
	fd = open("/dev/null", O_WRONLY);
	dup2(fd, 1);
	dup2(fd, 2);
}

static void be_child(GBytes *elf, const struct elf_file *file, const char *btf_path, int out)
{
	GVariantBuilder maps;
	gsize size;
	const void *data = g_bytes_get_data(elf, &size);

	limit_child();
	the_answer = (struct answer){.warnings = g_string_new(NULL), .kfuncs = g_ptr_array_new()};
	g_variant_builder_init(&the_answer.programs, G_VARIANT_TYPE("a(ssuaya(uuuss))"));
	g_variant_builder_init(&maps, G_VARIANT_TYPE("a(suuuuuubay)"));
	libbpf_set_print(take_warning);
	register_handlers(file);
	if (cage_enter())
		_exit(2);
	read_object(data, size, btf_path, &maps);
	g_autofree char *why = g_utf8_make_valid(the_answer.warnings->str, -1);
	GVariantBuilder kfuncs;

	g_variant_builder_init(&kfuncs, G_VARIANT_TYPE("as"));
	for (guint i = 0; i < the_answer.kfuncs->len; i++)
		g_variant_builder_add(&kfuncs, "s", the_answer.kfuncs->pdata[i]);
	GVariant *answer = g_variant_new(ANSWER, why, &the_answer.programs, &maps, &kfuncs);

	_exit(write_all(out, g_variant_get_data(answer), g_variant_get_size(answer)) ? 0 : 1);
}

/* --- the parent --- */

static GByteArray *read_answer(int fd, gint64 deadline)
{
	GByteArray *all = g_byte_array_new();
	guint8 buffer[65536];
	ssize_t n = -1;

	while (all->len < MAX_ANSWER) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		gint64 left = (deadline - g_get_monotonic_time()) / 1000;

		if (left <= 0 || (poll(&p, 1, (int)left) <= 0 && errno != EINTR))
			break;
		if (!p.revents)
			continue;
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		g_byte_array_append(all, buffer, (guint)n);
	}
	if (n)
		g_byte_array_set_size(all, 0);
	return all;
}

static int judge_child(int status, gboolean has_answer, struct kg_error *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "clang's objects are only read behind a seccomp filter, which can't be installed here");
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGXCPU)
		return kg_error_set(err, KG_E_PARSE, STAGE, "the object is damaged: libbpf crashed on it (%s)", g_strsignal(WTERMSIG(status)));
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return kg_error_set(err, KG_E_PARSE, STAGE, "the object is damaged: libbpf gave up on it");
	if (!has_answer)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "libbpf did not come to an end with this object within %d s or %u MiB", TIMEOUT_MS / 1000,
				    MAX_ANSWER >> 20);
	return 0;
}

static int ask_child(GBytes *elf, const struct elf_file *file, const char *btf_path, GVariant **ret, struct kg_error *err)
{
	int fds[2], status = 0, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return kg_error_set(err, KG_E_IO, STAGE, "no pipe: %s", g_strerror(errno));
	pid = fork();
	if (pid == 0)
		be_child(elf, file, btf_path, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return kg_error_set(err, KG_E_IO, STAGE, "no child process: %s", g_strerror(errno));
	}
	GByteArray *answer = read_answer(fds[0], g_get_monotonic_time() + (gint64)TIMEOUT_MS * 1000);

	close(fds[0]);
	if (!answer->len)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	r = judge_child(status, answer->len > 0, err);
	g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(answer);

	if (r < 0)
		return r;
	*ret = g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(ANSWER), bytes, FALSE));
	return 0;
}

static GArray *take_lines(struct kg_object *object, GVariantIter *from, guint n_insns)
{
	GArray *lines = g_array_new(FALSE, FALSE, sizeof(struct kg_insn_line));
	struct kg_insn_line l, last = {0};
	const char *file, *text;

	while (g_variant_iter_loop(from, "(uuu&s&s)", &l.pc, &l.line, &l.col, &file, &text)) {
		if (l.pc >= n_insns || (lines->len && l.pc <= last.pc))
			continue;
		l.file = g_string_chunk_insert_const(object->strings, file);
		l.text = g_string_chunk_insert_const(object->strings, text);
		g_array_append_val(lines, l);
		last = l;
	}
	return lines;
}

static void take_programs(struct kg_object *object, GVariantIter *programs)
{
	const char *name, *section;
	guint32 type;
	GVariant *insns;
	GVariantIter *lines;

	while (g_variant_iter_loop(programs, "(&s&su@aya(uuuss))", &name, &section, &type, &insns, &lines)) {
		gsize n;
		const void *data = g_variant_get_fixed_array(insns, &n, 1);
		struct kg_bpf_program *p = object_program_new(object, name, section, data, n / sizeof(struct bpf_insn));

		p->type = type;
		attach_of_clang(p);
		g_array_unref(p->lines);
		p->lines = take_lines(object, lines, p->n_insns);
	}
}

static void take_maps(struct kg_object *object, GVariantIter *maps)
{
	const char *name;
	guint32 type, key_size, value_size, entries, key_type, value_type;
	gboolean is_constant;
	GVariant *initial;

	while (g_variant_iter_loop(maps, "(&suuuuuub@ay)", &name, &type, &key_size, &value_size, &entries, &key_type, &value_type, &is_constant,
				   &initial)) {
		struct kg_map *m = object_map_new(object, name);
		gsize n;
		const void *data = g_variant_get_fixed_array(initial, &n, 1);

		m->type = type;
		m->key_size = key_size;
		m->value_size = value_size;
		m->max_entries = entries;
		m->key_type = key_type;
		m->value_type = value_type;
		m->is_constant = is_constant;
		m->initial = n ? g_bytes_new(data, n) : NULL;
	}
}

/* libbpf's warnings as one line: the last of them says what went wrong. */
static int failed(const char *why, struct kg_error *err)
{
	g_autofree char *text = g_strstrip(g_strdup(why));
	char *last = strrchr(text, '\n'), *first = text;

	if (last)
		*strchr(text, '\n') = 0;
	if (g_str_has_prefix(first, "libbpf: "))
		first += strlen("libbpf: ");
	return kg_error_set(err, KG_E_TOOL, STAGE, "libbpf: %s", first);
}

int clang_read(GBytes *elf, const struct elf_file *file, const char *btf_path, struct kg_object *object, struct kg_error *err)
{
	g_autoptr(GVariant) answer = NULL;
	g_autoptr(GVariantIter) programs = NULL, maps = NULL, kfuncs = NULL;
	const char *why;
	int r = ask_child(elf, file, btf_path, &answer, err);

	if (r < 0)
		return r;
	if (!g_variant_is_normal_form(answer))
		return kg_error_set(err, KG_E_PARSE, STAGE, "the object is damaged: what libbpf made of it can't be read");
	g_variant_get(answer, "(&sa(ssuaya(uuuss))a(suuuuuubay)as)", &why, &programs, &maps, &kfuncs);
	if (*why)
		return failed(why, err);
	take_maps(object, maps);
	take_programs(object, programs);
	object->kfuncs = g_ptr_array_new_with_free_func(g_free);
	for (const char *name; g_variant_iter_loop(kfuncs, "&s", &name);)
		g_ptr_array_add(object->kfuncs, g_strdup(name));
	return 0;
}
