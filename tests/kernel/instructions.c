/*
 * Each instruction's own test (tests/golden/isa/steps.txt), run by the kernel: the registers and the word of memory that a line names are set, the instruction is
 * executed, and what it left is what the line says. So the table that our executors are held against is what the kernel does.
 *
 * The registers are loaded from a map, so that the kernel's verifier knows nothing of them. r9 is the map's value, r8 tells which way a jump went, the
 * word lies on the stack.
 */
#include <kgent/isa.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REGS 4         /* r0 to r3 are what lines use */
#define WORD_AT 0x1000 /* of the lines */

/* A map's value: what the registers and the word are before, and behind it. */
struct both {
	uint64_t reg[REGS], word;
	uint64_t reg_after[REGS], word_after, jumped;
};
struct line {
	struct bpf_insn insn[2];
	guint slots;
	gboolean has_memory;
	struct both values; /* ..._after: as wanted */
	char *flow;         /* "goto", "next", or "" */
};

static guint n_run, n_refused, n_failed;

/* --- a line of the table --- */

static void read_insn(const char *text, struct line *l)
{
	unsigned code = 0, dst = 0, src = 0;
	int off = 0, imm = 0, second = 0, n = sscanf(text, "%x %u %u %d %d %d", &code, &dst, &src, &off, &imm, &second);

	l->insn[0] = (struct bpf_insn){.code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};
	l->insn[1] = (struct bpf_insn){.imm = second};
	l->slots = n == 6 ? 2 : 1;
	l->has_memory = BPF_CLASS(code) == BPF_LDX || BPF_CLASS(code) == BPF_ST || BPF_CLASS(code) == BPF_STX;
}

static void read_state(const char *text, uint64_t *reg, uint64_t *word, char **ret_flow)
{
	g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);

	for (guint i = 0; words[i]; i++) {
		const char *equal = strchr(words[i], '=');
		uint64_t value = equal ? g_ascii_strtoull(equal + 1, NULL, 16) : 0;

		if (equal && words[i][0] == 'm')
			*word = value;
		else if (equal && words[i][0] == 'r' && words[i][1] - '0' < REGS)
			reg[words[i][1] - '0'] = value;
		else if (!equal && *words[i] && ret_flow)
			*ret_flow = g_strdup(words[i]);
	}
}

static gboolean read_line(const char *text, struct line *l)
{
	g_auto(GStrv) parts = g_strsplit(text, " | ", -1);
	struct both *v = &l->values;

	*l = (struct line){0};
	if (g_strv_length(parts) != 4)
		return FALSE;
	read_insn(parts[0], l);
	read_state(parts[1], v->reg, &v->word, NULL);
	memcpy(v->reg_after, v->reg, sizeof(v->reg));
	v->word_after = v->word;
	read_state(parts[3], v->reg_after, &v->word_after, &l->flow);
	return TRUE;
}

/* What an executor decides (calls, the end of a program, packets) is tested where it is decided. */
static gboolean is_about_more(const struct line *l)
{
	return l->flow && strcmp(l->flow, "goto") && strcmp(l->flow, "next");
}

/* --- the program --- */

static void emit(GArray *a, int code, int dst, int src, int off, int imm)
{
	struct bpf_insn i = {.code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};

	g_array_append_val(a, i);
}

static void load_registers(GArray *a, const struct line *l)
{
	for (int i = 0; i < REGS; i++) {
		gint64 at = (gint64)l->values.reg[i] - WORD_AT;

		if (l->has_memory && at >= -16 && at <= 16) {
			emit(a, BPF_ALU64 | BPF_MOV | BPF_X, i, 10, 0, 0);
			emit(a, BPF_ALU64 | BPF_ADD | BPF_K, i, 0, 0, (int)at - 8);
		} else {
			emit(a, BPF_LDX | BPF_MEM | BPF_DW, i, 9, 8 * i, 0);
		}
	}
}

static GArray *make_program(const struct line *l, int map)
{
	GArray *a = g_array_new(FALSE, FALSE, sizeof(struct bpf_insn));

	emit(a, BPF_LD | BPF_IMM | BPF_DW, 9, BPF_PSEUDO_MAP_VALUE, 0, map);
	emit(a, 0, 0, 0, 0, 0);
	emit(a, BPF_LDX | BPF_MEM | BPF_DW, 4, 9, offsetof(struct both, word), 0);
	emit(a, BPF_STX | BPF_MEM | BPF_DW, 10, 4, -8, 0);
	load_registers(a, l);
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, 9, 0, (int)l->slots + 1, 0); /* never: all that follows can be reached, or the verifier refuses it */
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, 9, 0, (int)l->slots + 2, 0);
	g_array_append_vals(a, l->insn, l->slots);
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, 0); /* a jump goes two further */
	emit(a, BPF_JMP | BPF_JA, 0, 0, 1, 0);
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, 1);
	for (int i = 0; i < REGS; i++)
		emit(a, BPF_STX | BPF_MEM | BPF_DW, 9, i, (int)offsetof(struct both, reg_after) + 8 * i, 0);
	emit(a, BPF_LDX | BPF_MEM | BPF_DW, 4, 10, -8, 0);
	emit(a, BPF_STX | BPF_MEM | BPF_DW, 9, 4, offsetof(struct both, word_after), 0);
	emit(a, BPF_STX | BPF_MEM | BPF_DW, 9, 8, offsetof(struct both, jumped), 0);
	emit(a, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0);
	emit(a, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return a;
}

/* --- the kernel --- */

/* 0 and what it left; 1: the kernel's verifier refuses it. */
static int run_kernel(const struct line *l, int map, struct both *ret)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	g_autoptr(GArray) a = make_program(l, map);
	uint32_t zero = 0;
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "kgent", "GPL", (const void *)a->data, a->len, NULL), r;

	if (fd < 0)
		return 1;
	*ret = l->values;
	memset(ret->reg_after, 0, sizeof(ret->reg_after));
	bpf_map_update_elem(map, &zero, ret, 0);
	r = bpf_prog_test_run_opts(fd, &opts);
	bpf_map_lookup_elem(map, &zero, ret);
	close(fd);
	return r ? -1 : 0;
}

/* The verifier refuses what it sees to be meant otherwise: a division by the number 0. */
static gboolean may_be_refused(const struct line *l)
{
	int op = BPF_OP(l->insn[0].code), class = BPF_CLASS(l->insn[0].code);

	return (class == BPF_ALU || class == BPF_ALU64) && (op == BPF_DIV || op == BPF_MOD) && BPF_SRC(l->insn[0].code) == BPF_K && !l->insn[0].imm;
}

static gboolean is_as_said(const struct line *l, const struct both *got, GString *why)
{
	gsize n = why->len;

	for (int i = 0; i < REGS; i++) {
		gint64 at = (gint64)l->values.reg_after[i] - WORD_AT;

		if (got->reg_after[i] != l->values.reg_after[i] && !(l->has_memory && at >= -16 && at <= 16))
			g_string_append_printf(why, "# r%d is %llx in the kernel\n", i, (unsigned long long)got->reg_after[i]);
	}
	if (got->word_after != l->values.word_after)
		g_string_append_printf(why, "# the word is %llx in the kernel\n", (unsigned long long)got->word_after);
	if (got->jumped != (l->flow && !strcmp(l->flow, "goto")))
		g_string_append_printf(why, "# the kernel goes the other way\n");
	return why->len == n;
}

static void test_line(const char *text, int map)
{
	struct line l;
	struct both got;
	g_autoptr(GString) why = g_string_new(NULL);
	int r;

	if (!*text || *text == '#')
		return;
	if (!read_line(text, &l)) {
		n_failed++;
		printf("# not understood: %s\n", text);
	} else if (!is_about_more(&l)) {
		r = run_kernel(&l, map, &got);
		n_refused += r == 1;
		n_run += r == 0;
		if (r ? r < 0 || !may_be_refused(&l) : !is_as_said(&l, &got, why)) {
			n_failed++;
			printf("# %s\n%s", text, r ? "# the kernel does not run it\n" : why->str);
		}
	}
	g_free(l.flow);
}

int main(void)
{
	const char *tests = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(tests ? tests : "tests", "golden", "isa", "steps.txt", NULL), *text = NULL;
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	int map;

	setrlimit(RLIMIT_MEMLOCK, &all);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "kgent", 4, sizeof(struct both), 1, NULL);
	if (map < 0) {
		printf("ok 1 - instructions as the kernel executes them # SKIP %s\n1..1\n", g_strerror(errno));
		return 0;
	}
	if (!g_file_get_contents(path, &text, NULL, NULL)) {
		printf("not ok 1 - %s is missing\n1..1\n", path);
		return 1;
	}
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (guint i = 0; lines[i]; i++)
		test_line(lines[i], map);
	printf("# %u instructions run, %u refused by the kernel's verifier\n", n_run, n_refused);
	printf("%s 1 - instructions as the kernel executes them\n1..1\n", n_failed || n_run < 100 ? "not ok" : "ok");
	return n_failed || n_run < 100;
}
