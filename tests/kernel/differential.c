/*
 * See differential.h. Run as
 *
 *   differential [--seed N] [--programs N] [--inputs N] [--slow-every N] [--only N] [--no-mistakes]
 *
 * Every program runs on every input, in every executor but the slow ones: those get each --slow-every'th program, and of its inputs the first.
 * Program number i of a seed is always the same one: a failure names both, and --only shows that one again.
 */
#include "differential.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXECUTORS 3      /* rows of the table */
#define MAX_UNKNOWN 0.01 /* of the runs: who never knows is never wrong */

struct test {
	guint32 seed;
	guint programs, inputs;
	int only;
	guint slow_every;
	gboolean no_mistakes;
	int map_fd[MAPS];
	guint n_refused, n_accepted, n_runs, failed;
	guint by_type[64];
	char *first_refusal;
	GHashTable *unknown; /* why an executor did not know -> how often */
	struct tally {
		guint n_asked, n_unknown;
	} tally[EXECUTORS];
	char *log; /* where the verifier's log is wanted */
	gsize log_size;
};

/* --- the kernel's side --- */

static int load_program(struct test *t, const struct kg_bpf_program *p)
{
	g_autofree struct bpf_insn *insns = g_memdup2(p->insns, p->n_insns * sizeof(*insns));
	static char log[65536];
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	int fd;

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&insns[pc]))
		if (kg_isa_slots(&insns[pc]) == 2 && insns[pc].src_reg)
			insns[pc].imm = t->map_fd[insns[pc].imm];
	opts.log_buf = t->log;
	opts.log_size = (guint32)t->log_size;
	opts.log_level = t->log ? 2 : 0;
	fd = bpf_prog_load(p->type, "kgent_random", "GPL", insns, p->n_insns, &opts);
	if (fd >= 0 || t->first_refusal)
		return fd;
	opts.log_buf = log;
	opts.log_size = sizeof(log);
	opts.log_level = 1;
	bpf_prog_load(p->type, "kgent_random", "GPL", insns, p->n_insns, &opts);
	gsize n = strlen(log);

	t->first_refusal = g_strdup(n > 600 ? log + n - 600 : log);
	return fd;
}

static int set_maps(const struct test *t, const struct input *input)
{
	uint32_t key = 0;
	int r = bpf_map_update_elem(t->map_fd[MAP_ARRAY], &key, input->value, 0);

	for (key = 0; key < HASH_KEYS; key++)
		bpf_map_delete_elem(t->map_fd[MAP_HASH], &key);
	for (key = 0; key < HASH_KEYS; key++)
		if (input->has_key[key])
			r |= bpf_map_update_elem(t->map_fd[MAP_HASH], &key, &input->hash[key], 0);
	return r;
}

static void get_maps(const struct test *t, struct outcome *ret)
{
	uint32_t key = 0;

	bpf_map_lookup_elem(t->map_fd[MAP_ARRAY], &key, ret->value);
	for (key = 0; key < HASH_KEYS; key++)
		ret->has_key[key] = bpf_map_lookup_elem(t->map_fd[MAP_HASH], &key, &ret->hash[key]) == 0;
}

static int run_kernel(const struct test *t, int prog, enum bpf_prog_type type, const struct input *input, struct outcome *ret)
{
	guint8 out[PACKET_SIZE] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	memset(ret, 0, sizeof(*ret));
	if (set_maps(t, input))
		return -1;
	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT) {
		opts.ctx_in = input->args;
		opts.ctx_size_in = sizeof(input->args);
	} else {
		opts.data_in = input->packet;
		opts.data_size_in = PACKET_SIZE;
		opts.data_out = out;
		opts.data_size_out = sizeof(out);
	}
	if (bpf_prog_test_run_opts(prog, &opts))
		return -1;
	ret->result = opts.retval;
	if (has_packet(type))
		memcpy(ret->packet, out, PACKET_SIZE);
	get_maps(t, ret);
	return 0;
}

/* --- comparing --- */

static void explain(const struct outcome *kernel, const struct outcome *ours, GString *out)
{
	if (kernel->result != ours->result)
		g_string_append_printf(out, "# result: kernel %#x, ours %#x\n", kernel->result, ours->result);
	for (guint i = 0; i < VALUE_SIZE; i++)
		if (kernel->value[i] != ours->value[i])
			g_string_append_printf(out, "# array[%u]: kernel %02x, ours %02x\n", i, kernel->value[i], ours->value[i]);
	for (guint i = 0; i < PACKET_SIZE; i++)
		if (kernel->packet[i] != ours->packet[i])
			g_string_append_printf(out, "# packet[%u]: kernel %02x, ours %02x\n", i, kernel->packet[i], ours->packet[i]);
	for (guint i = 0; i < HASH_KEYS; i++)
		if (kernel->has_key[i] != ours->has_key[i] || kernel->hash[i] != ours->hash[i])
			g_string_append_printf(out, "# hash[%u]: kernel %d %#llx, ours %d %#llx\n", i, kernel->has_key[i],
					       (unsigned long long)kernel->hash[i], ours->has_key[i], (unsigned long long)ours->hash[i]);
}

gboolean is_equal_outcome(const struct outcome *a, const struct outcome *b)
{
	return a->result == b->result && !memcmp(a->value, b->value, VALUE_SIZE) && !memcmp(a->packet, b->packet, PACKET_SIZE) &&
	       !memcmp(a->has_key, b->has_key, sizeof(a->has_key)) && !memcmp(a->hash, b->hash, sizeof(a->hash));
}

static void print_input(const struct input *input)
{
	for (guint i = 0; i < 128; i += 8)
		printf("#   input array[%u]: %016llx\n", i, (unsigned long long)*(const uint64_t *)(const void *)(input->value + i));
	for (guint i = 0; i < HASH_KEYS; i++)
		if (input->has_key[i])
			printf("#   input hash[%u]: %016llx\n", i, (unsigned long long)input->hash[i]);
}

static void print_failure(const struct test *t, guint number, const char *who, const struct kg_object *o, const char *why)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct kg_bpf_program *p = o->programs->pdata[0];

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc])) {
		g_string_append_printf(text, "# %4u: ", pc);
		kg_isa_print(&p->insns[pc], text);
		g_string_append_c(text, '\n');
	}
	printf("# the %s and the kernel differ: --seed %u --only %u, program type %d\n%s%s\n", who, t->seed, number, p->type, text->str, why);
}

static void count_unknown(struct test *t, const char *why)
{
	if (!t->unknown)
		t->unknown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint n = GPOINTER_TO_UINT(g_hash_table_lookup(t->unknown, why));

	g_hash_table_replace(t->unknown, g_strdup(why), GUINT_TO_POINTER(n + 1));
}

static gboolean knows_too_little(const struct tally *tally)
{
	return !tally->n_asked || tally->n_unknown > MAX_UNKNOWN * tally->n_asked;
}

/* Does the executor come to another outcome? [quiet]: say nothing of it. */
static gboolean differs(struct test *t, guint number, const struct executor *e, const struct kg_object *o, const struct input *input,
			const struct outcome *kernel, gboolean quiet)
{
	struct tally *tally = &t->tally[e - executors];
	struct outcome ours;
	g_autofree char *why = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	int r = e->run(o, input, kernel, &ours, &why);

	tally->n_asked++;
	if (r > 0) {
		tally->n_unknown++;
		count_unknown(t, why);
	}
	if (r > 0 || (r == 0 && is_equal_outcome(kernel, &ours)))
		return FALSE;
	if (!quiet) {
		explain(kernel, &ours, text);
		print_failure(t, number, e->name, o, why ? why : text->str);
		print_input(input);
	}
	return TRUE;
}

static gboolean some_differ(struct test *t, guint number, const struct kg_object *o, const struct input *input, const struct outcome *kernel,
			    gboolean with_slow)
{
	for (const struct executor *e = executors; e->name; e++)
		if ((with_slow || !e->is_slow) && differs(t, number, e, o, input, kernel, FALSE))
			return TRUE;
	return FALSE;
}

static struct kg_object *free_object(struct kg_object *o)
{
	g_ptr_array_unref(o->programs);
	g_ptr_array_unref(o->maps);
	g_free(o);
	return NULL;
}

static GRand *rand_of(const struct test *t, guint number)
{
	const guint32 seeds[2] = {t->seed, number};

	return g_rand_new_with_seed_array(seeds, 2);
}

static void test_program(struct test *t, guint number)
{
	GRand *rand = rand_of(t, number);
	struct kg_object *o = generate_program(rand);
	const struct kg_bpf_program *p = o->programs->pdata[0];
	int fd = load_program(t, p);

	if (fd < 0)
		t->n_refused++;
	else
		t->n_accepted++;
	for (guint i = 0; fd >= 0 && i < t->inputs; i++) {
		struct input input;
		struct outcome kernel;

		generate_input(rand, &input);
		if (run_kernel(t, fd, p->type, &input, &kernel)) {
			printf("# program %u can't be run: %s\n", number, g_strerror(errno));
			t->failed++;
			break;
		}
		t->n_runs++;
		t->by_type[p->type]++;
		if (some_differ(t, number, o, &input, &kernel, !i && t->slow_every && number % t->slow_every == 0)) {
			t->failed++;
			break;
		}
	}
	if (fd >= 0)
		close(fd);
	free_object(o);
	g_rand_free(rand);
}

/* --- is the disassembly the kernel's? --- */

/* "  12: (79) r1 = *(u64 *)(r6 +112)   ; R1=...", also with a column of live registers before the bracket. */
static gboolean read_log_line(const char *line, guint *ret_pc, const char **ret_text)
{
	char *end;
	unsigned long pc = strtoul(line, &end, 10);
	const char *bracket;

	if (end == line || *end != ':')
		return FALSE;
	for (bracket = end + 1; *bracket == ' ' || *bracket == '.' || g_ascii_isdigit(*bracket); bracket++)
		;
	if (*bracket != '(' || !g_ascii_isxdigit(bracket[1]) || !g_ascii_isxdigit(bracket[2]) || bracket[3] != ')')
		return FALSE;
	*ret_pc = (guint)pc;
	*ret_text = bracket + 5;
	return TRUE;
}

static gboolean is_same_text(const char *log, const char *ours)
{
	gsize n = strlen(ours);

	return !strncmp(log, ours, n) && (!log[n] || log[n] == ' ');
}

/* How many instructions of the program's log were compared; -1: one reads otherwise. */
static int compare_log(const struct kg_bpf_program *p, char *log)
{
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	int n = 0;

	for (guint i = 0; lines[i]; i++) {
		g_autoptr(GString) ours = g_string_new(NULL);
		const char *text;
		guint pc;

		if (!read_log_line(lines[i], &pc, &text) || pc >= p->n_insns || (kg_isa_slots(&p->insns[pc]) == 2 && p->insns[pc].src_reg))
			continue; /* the kernel prints a map's address */
		kg_isa_print(&p->insns[pc], ours);
		if (!is_same_text(text, ours->str)) {
			printf("# the kernel prints \"%s\", we \"%s\"\n", text, ours->str);
			return -1;
		}
		n++;
	}
	return n;
}

static int log_of_program(struct test *t, guint number)
{
	static char log[4 << 20];
	GRand *rand = rand_of(t, number);
	struct kg_object *o = generate_program(rand);
	int fd, n = 0;

	t->log = log;
	t->log_size = sizeof(log);
	fd = load_program(t, o->programs->pdata[0]);
	t->log = NULL;
	t->log_size = 0;
	if (fd >= 0) {
		n = compare_log(o->programs->pdata[0], log);
		close(fd);
	}
	free_object(o);
	g_rand_free(rand);
	return n;
}

static void test_disassembly(struct test *t, guint *number)
{
	guint n = 0;
	gboolean is_wrong = FALSE;

	for (guint i = 0; i < 300 && !is_wrong; i++) {
		int compared = log_of_program(t, i);

		is_wrong = compared < 0;
		n += (guint)MAX(compared, 0);
	}
	is_wrong = is_wrong || n < 1000;
	t->failed += is_wrong;
	printf("%s %u - the disassembly is that of the kernel's verifier (%u instructions)\n", is_wrong ? "not ok" : "ok", ++*number, n);
}

/* --- can it fail? --- */

static gboolean mutate(struct kg_object *o, const struct mutation *mutation)
{
	struct kg_bpf_program *p = o->programs->pdata[0];
	gboolean changed = FALSE;

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc]))
		changed |= mutation->apply(&p->insns[pc]);
	return changed;
}

static gboolean sees_in_program(struct test *t, const struct executor *e, const struct mutation *mutation, guint number)
{
	GRand *rand = rand_of(t, number);
	struct kg_object *o = generate_program(rand);
	struct kg_bpf_program *p = o->programs->pdata[0];
	int fd = load_program(t, p);
	gboolean seen = FALSE;

	if (fd >= 0 && mutate(o, mutation))
		for (guint i = 0; i < t->inputs && !seen; i++) {
			struct input input;
			struct outcome kernel;

			generate_input(rand, &input);
			seen = !run_kernel(t, fd, p->type, &input, &kernel) && differs(t, number, e, o, &input, &kernel, TRUE);
		}
	if (fd >= 0)
		close(fd);
	free_object(o);
	g_rand_free(rand);
	return seen;
}

/* By each executor that runs every program. */
static gboolean is_seen(struct test *t, const struct mutation *m)
{
	for (const struct executor *e = executors; e->name; e++) {
		guint number = 0, max = 4000;

		while (!e->is_slow && number < max && !sees_in_program(t, e, m, number))
			number++;
		if (number == max) {
			printf("# not seen by the %s\n", e->name);
			return FALSE;
		}
	}
	return TRUE;
}

static void test_mistakes(struct test *t, guint *n)
{
	for (const struct mutation *m = mutations; m->name; m++) {
		gboolean skipped = m->is_v4 && !abilities.v4, seen = skipped || is_seen(t, m);

		printf("%s %u - seen as wrong: %s%s\n", seen ? "ok" : "not ok", ++*n, m->name, skipped ? " # SKIP this kernel does not know the instruction" : "");
		t->failed += !seen;
	}
}

static void test_ignorance(struct test *t, guint *n)
{
	const struct tally never_asked = {0, 0}, ignorant = {1000, 11}, good = {1000, 10};
	gboolean is_seen = knows_too_little(&never_asked) && knows_too_little(&ignorant) && !knows_too_little(&good);

	printf("%s %u - an executor that knows too little is not one that agrees\n", is_seen ? "ok" : "not ok", ++*n);
	t->failed += !is_seen;
}

/* --- the command line --- */

static gboolean is_accepted(struct bpf_insn first, struct bpf_insn second)
{
	const struct bpf_insn insns[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8},
					 first, second, {.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "kgent_try", "GPL", insns, G_N_ELEMENTS(insns), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void find_abilities(void)
{
	const struct bpf_insn nop = {.code = BPF_JMP | BPF_JA};

	abilities.v4 = is_accepted((struct bpf_insn){.code = BPF_ALU64 | BPF_END, .imm = 16}, nop);
	abilities.may_goto = is_accepted((struct bpf_insn){.code = BPF_JMP | BPF_JCOND}, nop);
	abilities.acquire = is_accepted((struct bpf_insn){.code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = 1, .src_reg = 10, .off = -8,
							  .imm = BPF_LOAD_ACQ}, nop);
	printf("# the kernel's verifier knows%s%s%s\n", abilities.v4 ? " v4" : "", abilities.may_goto ? " may_goto" : "",
	       abilities.acquire ? " load-acquire" : "");
}

static int make_maps(struct test *t)
{
	t->map_fd[MAP_ARRAY] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "kgent_array", 4, VALUE_SIZE, 1, NULL);
	t->map_fd[MAP_HASH] = bpf_map_create(BPF_MAP_TYPE_HASH, "kgent_hash", 4, 8, HASH_ENTRIES, NULL);
	return t->map_fd[MAP_ARRAY] < 0 || t->map_fd[MAP_HASH] < 0 ? -errno : 0;
}

static void read_options(struct test *t, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		guint value = i + 1 < argc ? (guint)strtoul(argv[i + 1], NULL, 0) : 0;

		if (!strcmp(argv[i], "--seed"))
			t->seed = value;
		else if (!strcmp(argv[i], "--programs"))
			t->programs = value;
		else if (!strcmp(argv[i], "--inputs"))
			t->inputs = value;
		else if (!strcmp(argv[i], "--slow-every"))
			t->slow_every = value;
		else if (!strcmp(argv[i], "--only"))
			t->only = (int)value;
		else if (!strcmp(argv[i], "--no-mistakes"))
			t->no_mistakes = TRUE;
	}
}

static void report(const struct test *t)
{
	printf("# seed %u: %u programs accepted by the kernel's verifier, %u refused, %u runs (xdp %u, tc %u, socket filter %u, raw tracepoint %u)\n",
	       t->seed, t->n_accepted, t->n_refused, t->n_runs, t->by_type[BPF_PROG_TYPE_XDP], t->by_type[BPF_PROG_TYPE_SCHED_CLS],
	       t->by_type[BPF_PROG_TYPE_SOCKET_FILTER], t->by_type[BPF_PROG_TYPE_RAW_TRACEPOINT]);
	GHashTableIter it;
	gpointer why, n;

	for (const struct executor *e = executors; e->name; e++)
		printf("#   %s: %u of them, not known: %u\n", e->name, t->tally[e - executors].n_asked, t->tally[e - executors].n_unknown);
	if (t->unknown)
		g_hash_table_iter_init(&it, t->unknown);
	while (t->unknown && g_hash_table_iter_next(&it, &why, &n))
		printf("#   not known, %u times: %s\n", GPOINTER_TO_UINT(n), (char *)why);
	if (t->first_refusal)
		printf("# the first refusal: %s\n", g_strdelimit(t->first_refusal, "\n", '|'));
}

int main(int argc, char **argv)
{
	struct test t = {.seed = (guint32)g_get_real_time(), .programs = 20000, .inputs = 4, .only = -1, .slow_every = 10};
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	guint n = 0;
	int r;

	read_options(&t, argc, argv);
	setrlimit(RLIMIT_MEMLOCK, &all);
	r = make_maps(&t);
	if (r) {
		printf("ok 1 - our executors and the kernel # SKIP bpf(2) is not possible here: %s\n1..1\n", g_strerror(-r));
		return 0;
	}
	find_abilities();
	if (t.only >= 0) {
		t.slow_every = 1;
		test_program(&t, (guint)t.only);
	} else {
		/* as many as are asked for are accepted ones; a generator that is refused too often is broken */
		for (guint i = 0; t.n_accepted < t.programs && i < 2 * t.programs && t.failed < 5; i++)
			test_program(&t, i);
		for (const struct executor *e = executors; e->name; e++)
			t.failed += !t.failed && (!e->is_slow || t.slow_every) && knows_too_little(&t.tally[e - executors]);
		t.failed += !t.failed && t.n_accepted < t.programs;
	}
	report(&t);
	printf("%s %u - our executors and the kernel agree on %u programs\n", t.failed ? "not ok" : "ok", ++n, t.n_accepted);
	if (!t.no_mistakes && t.only < 0) {
		test_disassembly(&t, &n);
		test_ignorance(&t, &n);
		test_mistakes(&t, &n);
	}
	printf("1..%u\n", n);
	g_free(t.first_refusal);
	g_clear_pointer(&t.unknown, g_hash_table_unref);
	return t.failed != 0;
}
