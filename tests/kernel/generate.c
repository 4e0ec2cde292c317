/*
 * Random programs that the kernel's verifier accepts: r6 is the context, r7 the packet, r9 the array's value, r0 to r5 and r8 are numbers. The body is made
 * of blocks: straight lines, if and else, loops with a fixed number of turns, calls of a function, calls of map helpers. In the end all
 * numbers and the stack are written into the array, so that everything that was computed is compared.
 */
#include "differential.h"

#include <stddef.h>
#include <string.h>

#define STACK_USED 64

struct abilities abilities = {TRUE, TRUE, TRUE};

struct generator {
	GRand *rand;
	GArray *insns;   /* struct bpf_insn */
	GArray *calls;   /* guint: pcs of calls of the function */
	enum bpf_prog_type type;
	gboolean is_function; /* nothing but numbers and the stack */
	gboolean is_loop;     /* r8 counts */
	int depth;
	gboolean has_hash;
};

static int below(struct generator *g, int n)
{
	return g_rand_int_range(g->rand, 0, n);
}

static void emit(struct generator *g, int code, int dst, int src, int off, int imm)
{
	struct bpf_insn i = {.code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};

	g_array_append_val(g->insns, i);
}

static struct bpf_insn *at(struct generator *g, guint pc)
{
	return &g_array_index(g->insns, struct bpf_insn, pc);
}

static const uint64_t interesting[] = {
	0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff80000000, 0xffffffff00000000,
	0x8000000080000000, 0x0123456789abcdef,
};

static uint64_t random_word(GRand *rand)
{
	uint64_t w = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);

	switch (g_rand_int_range(rand, 0, 4)) {
	case 0: return w;
	case 1: return w & 0xff;
	default: return interesting[w % G_N_ELEMENTS(interesting)];
	}
}

static int random_imm(struct generator *g)
{
	return (int)random_word(g->rand);
}

static int number(struct generator *g)
{
	return g->is_function || g->is_loop ? below(g, 6) : below(g, 7) == 6 ? 8 : below(g, 6);
}

static int size_code(int log2)
{
	static const int codes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

	return codes[log2];
}

/* A place in memory: base register and offset. Stack and atomics are aligned. */
static int place(struct generator *g, int size, gboolean is_atomic, int *off)
{
	int kind = g->is_function ? 0 : below(g, has_packet(g->type) && !is_atomic ? 3 : 2);

	if (kind == 0) {
		*off = -STACK_USED + below(g, STACK_USED / size) * size;
		return 10;
	}
	if (kind == 2) {
		*off = below(g, PACKET_SIZE - size + 1);
		return 7;
	}
	*off = is_atomic ? below(g, 128 / size) * size : below(g, 128 - size + 1);
	return 9;
}

/* --- single instructions --- */

static void alu(struct generator *g)
{
	static const int ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH, BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH};
	int op = ops[below(g, G_N_ELEMENTS(ops))], class = below(g, 2) ? BPF_ALU64 : BPF_ALU, imm = random_imm(g), off = 0;
	gboolean is_shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;

	if (op == BPF_DIV || op == BPF_MOD) {
		imm = imm ? imm : -1;
		off = abilities.v4 && below(g, 2);
	}
	if (is_shift)
		imm &= class == BPF_ALU64 ? 63 : 31;
	if (below(g, 2))
		emit(g, class | op | BPF_X, number(g), number(g), off, 0);
	else
		emit(g, class | op | BPF_K, number(g), 0, off, imm);
}

static void unary(struct generator *g)
{
	static const int sizes[] = {16, 32, 64}, extensions[] = {8, 16, 32};
	int r = number(g), class = below(g, 2) ? BPF_ALU64 : BPF_ALU;

	switch (below(g, abilities.v4 ? 4 : 2)) {
	case 0:
		emit(g, class | BPF_NEG, r, 0, 0, 0);
		break;
	case 1:
		emit(g, BPF_ALU | BPF_END | (below(g, 2) ? BPF_TO_BE : BPF_TO_LE), r, 0, 0, sizes[below(g, 3)]);
		break;
	case 2:
		emit(g, BPF_ALU64 | BPF_END, r, 0, 0, sizes[below(g, 3)]);
		break;
	default:
		emit(g, class | BPF_MOV | BPF_X, r, number(g), extensions[below(g, class == BPF_ALU64 ? 3 : 2)], 0);
	}
}

static void load_immediate(struct generator *g, int r)
{
	uint64_t w = random_word(g->rand);

	emit(g, BPF_LD | BPF_IMM | BPF_DW, r, 0, 0, (int)w);
	emit(g, 0, 0, 0, 0, (int)(w >> 32));
}

static void memory(struct generator *g)
{
	int log2 = below(g, 4), off, base = place(g, 1 << log2, FALSE, &off), code = size_code(log2);

	switch (below(g, 4)) {
	case 0:
		emit(g, BPF_ST | BPF_MEM | code, base, 0, off, random_imm(g));
		break;
	case 1:
		emit(g, BPF_STX | BPF_MEM | code, base, number(g), off, 0);
		break;
	case 2:
		emit(g, BPF_LDX | (log2 < 3 && abilities.v4 ? BPF_MEMSX : BPF_MEM) | code, number(g), base, off, 0);
		break;
	default:
		emit(g, BPF_LDX | BPF_MEM | code, number(g), base, off, 0);
	}
}

static void atomic(struct generator *g)
{
	static const int ops[] = {BPF_ADD, BPF_AND, BPF_OR, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_OR | BPF_FETCH, BPF_XOR | BPF_FETCH,
				  BPF_XCHG, BPF_CMPXCHG};
	int log2 = 2 + below(g, 2), off, base;

	if (abilities.acquire && !below(g, 5)) { /* load-acquire, store-release: all sizes */
		log2 = below(g, 4);
		base = place(g, 1 << log2, TRUE, &off);
		if (below(g, 2))
			emit(g, BPF_STX | BPF_ATOMIC | size_code(log2), number(g), base, off, BPF_LOAD_ACQ);
		else
			emit(g, BPF_STX | BPF_ATOMIC | size_code(log2), base, number(g), off, BPF_STORE_REL);
		return;
	}
	base = place(g, 1 << log2, TRUE, &off);
	int op = ops[below(g, base == 10 && g->is_function ? 4 : G_N_ELEMENTS(ops))];

	/*
	 * Where the stack holds a constant, Linux 6.18's verifier takes it for the fetched value, decides branches by it, and may take away the other
	 * side although another path comes to the same place with another constant: going back for what has to be precise, it passes the
	 * atomic instruction by. So nothing is known of what is fetched from the stack.
	 */
	if (base == 10 && !g->is_function) {
		emit(g, BPF_LDX | BPF_MEM | BPF_DW, 1, 9, 8 * below(g, 16), 0);
		emit(g, BPF_STX | BPF_MEM | BPF_DW, 10, 1, off & ~7, 0);
	}

	/* A comparison with what was just read is the one that holds. */
	if (op == BPF_CMPXCHG && below(g, 2))
		emit(g, BPF_LDX | BPF_MEM | size_code(log2), 0, base, off, 0);
	emit(g, BPF_STX | BPF_ATOMIC | size_code(log2), base, number(g), off, op);
	/*
	 * A 32-bit compare-and-exchange gives r0 zero-extended (RFC 9669, 5.3), and on x86 the kernel's verifier adds a move for that, since the
	 * processor writes r0 only where the comparison fails. Linux 6.18 leaves the move out where all uses of r0 lie behind a place that was
	 * verified on another path before: r0 keeps its upper half. So that this does not hide other differences, the move is made here.
	 */
	if (op == BPF_CMPXCHG && log2 == 2)
		emit(g, BPF_ALU | BPF_MOV | BPF_X, 0, 0, 0, 0);
}

static void context(struct generator *g)
{
	if (g->type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		emit(g, BPF_LDX | BPF_MEM | BPF_DW, number(g), 6, 8 * below(g, RAW_ARGS), 0);
	else if (g->type == BPF_PROG_TYPE_XDP)
		alu(g);
	else
		emit(g, BPF_LDX | BPF_MEM | BPF_W, number(g), 6, offsetof(struct __sk_buff, len), 0);
}

static void one(struct generator *g)
{
	switch (below(g, 12)) {
	case 0: case 1: case 2: case 3: case 4:
		alu(g);
		break;
	case 5: case 6:
		unary(g);
		break;
	case 7: case 8: case 9:
		memory(g);
		break;
	case 10:
		atomic(g);
		break;
	default:
		if (g->is_function || below(g, 2))
			load_immediate(g, number(g));
		else
			context(g);
	}
}

/* --- calls --- */

/* Give numbers to registers that a call has used up. */
static void refresh(struct generator *g, int from, int to)
{
	for (int r = from; r <= to; r++)
		if (!g->is_function && below(g, 3))
			emit(g, BPF_LDX | BPF_MEM | BPF_DW, r, 9, 8 * below(g, 16), 0);
		else
			load_immediate(g, r);
}

static void map_helper(struct generator *g)
{
	static const int helpers[] = {BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_map_delete_elem};
	int helper = helpers[below(g, 3)];

	g->has_hash = TRUE;
	emit(g, BPF_ST | BPF_MEM | BPF_W, 10, 0, -8, below(g, HASH_KEYS));
	emit(g, BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, MAP_HASH);
	emit(g, 0, 0, 0, 0, 0);
	emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0);
	emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8);
	if (helper == BPF_FUNC_map_update_elem) {
		emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0);
		emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -STACK_USED + 8 * below(g, 6));
		emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, below(g, 3)); /* BPF_ANY, BPF_NOEXIST, BPF_EXIST */
	}
	emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
	if (helper == BPF_FUNC_map_lookup_elem) {
		emit(g, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0);
		emit(g, BPF_LDX | BPF_MEM | BPF_DW, 1, 0, 0, 0);
		emit(g, BPF_ST | BPF_MEM | BPF_H, 0, 0, 2, random_imm(g));
		emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 0, 1, 0, 0);
		/* both ways: r0 is a number */
	}
	refresh(g, 1, 5);
}

static void call_function(struct generator *g)
{
	guint pc = g->insns->len;

	g_array_append_val(g->calls, pc);
	emit(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	refresh(g, 1, 5);
}

/* --- blocks --- */

static void block(struct generator *g);

static void branch(struct generator *g, int *ret_pc)
{
	static const int ops[] = {BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	int op = ops[below(g, G_N_ELEMENTS(ops))], class = below(g, 2) ? BPF_JMP : BPF_JMP32;

	*ret_pc = (int)g->insns->len;
	if (below(g, 2))
		emit(g, class | op | BPF_X, number(g), number(g), 0, 0);
	else
		emit(g, class | op | BPF_K, number(g), 0, 0, random_imm(g));
}

static void join(struct generator *g, int pc)
{
	int distance = (int)g->insns->len - pc - 1;
	struct bpf_insn *i = at(g, (guint)pc);

	if (i->code == (BPF_JMP32 | BPF_JA))
		i->imm = distance;
	else
		i->off = (int16_t)distance;
}

static void if_else(struct generator *g)
{
	int condition, jump;

	branch(g, &condition);
	block(g);
	if (!below(g, 2)) {
		join(g, condition);
		return;
	}
	jump = (int)g->insns->len;
	emit(g, (!abilities.v4 || below(g, 2) ? BPF_JMP : BPF_JMP32) | BPF_JA, 0, 0, 0, 0);
	join(g, condition);
	block(g);
	join(g, jump);
}

static void loop(struct generator *g)
{
	int begin;

	if (g->is_function || g->is_loop || g->depth > 1) {
		one(g);
		return;
	}
	emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 8, 0, 0, 1 + below(g, 3));
	begin = (int)g->insns->len;
	g->is_loop = TRUE;
	for (int n = 1 + below(g, 4); n > 0; n--)
		one(g);
	g->is_loop = FALSE;
	emit(g, BPF_ALU64 | BPF_SUB | BPF_K, 8, 0, 0, 1);
	emit(g, BPF_JMP | BPF_JNE | BPF_K, 8, 0, begin - (int)g->insns->len - 1, 0);
}

/* The budget of turns is never used up here. */
static void may_goto(struct generator *g)
{
	int pc = (int)g->insns->len;

	emit(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	one(g);
	join(g, pc);
}

static void block(struct generator *g)
{
	g->depth++;
	for (int n = 1 + below(g, g->depth > 1 ? 5 : 20); n > 0; n--) {
		int what = below(g, 20);

		if (what == 0 && g->depth < 4)
			if_else(g);
		else if (what == 1)
			loop(g);
		else if (what == 2 && !g->is_function && g->depth < 3)
			map_helper(g);
		else if (what == 3 && !g->is_function && g->depth < 3 && g->calls->len < 3)
			call_function(g);
		else if (what == 4 && !g->is_function && g->depth < 3 && abilities.may_goto && !below(g, 15))
			may_goto(g);
		else
			one(g);
	}
	g->depth--;
}

static void begin_stack(struct generator *g)
{
	for (int off = -STACK_USED; off < 0; off += 8)
		emit(g, BPF_ST | BPF_MEM | BPF_DW, 10, 0, off, random_imm(g));
}

/* r7 = data, or leave when there are less than PACKET_SIZE bytes. */
static void begin_packet(struct generator *g)
{
	gboolean is_xdp = g->type == BPF_PROG_TYPE_XDP;

	emit(g, BPF_LDX | BPF_MEM | BPF_W, 7, 6, is_xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data), 0);
	emit(g, BPF_LDX | BPF_MEM | BPF_W, 1, 6, is_xdp ? offsetof(struct xdp_md, data_end) : offsetof(struct __sk_buff, data_end), 0);
	emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 2, 7, 0, 0);
	emit(g, BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, PACKET_SIZE);
	emit(g, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 12345);
	emit(g, BPF_JMP | BPF_JLE | BPF_X, 2, 1, 1, 0);
	emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void begin_main(struct generator *g)
{
	emit(g, BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0);
	emit(g, BPF_LD | BPF_IMM | BPF_DW, 9, BPF_PSEUDO_MAP_VALUE, 0, MAP_ARRAY);
	emit(g, 0, 0, 0, 0, 0);
	if (has_packet(g->type))
		begin_packet(g);
	begin_stack(g);
	refresh(g, 0, 5);
	refresh(g, 8, 8);
}

static void end_main(struct generator *g)
{
	static const int numbers[] = {0, 1, 2, 3, 4, 5, 8};

	for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
		emit(g, BPF_STX | BPF_MEM | BPF_DW, 9, numbers[i], 128 + 8 * (int)i, 0);
	for (int i = 0; i < STACK_USED; i += 8) {
		emit(g, BPF_LDX | BPF_MEM | BPF_DW, 1, 10, -STACK_USED + i, 0);
		emit(g, BPF_STX | BPF_MEM | BPF_DW, 9, 1, 192 + i, 0);
	}
	emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void add_function(struct generator *g)
{
	guint begin = g->insns->len;

	if (!g->calls->len)
		return;
	for (guint i = 0; i < g->calls->len; i++) {
		guint pc = g_array_index(g->calls, guint, i);

		at(g, pc)->imm = (int)(begin - pc - 1);
	}
	g->is_function = TRUE;
	begin_stack(g);
	load_immediate(g, 0);
	block(g);
	emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

gboolean has_packet(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_XDP || type == BPF_PROG_TYPE_SCHED_CLS;
}

static void add_map(struct kg_object *o, const char *name, uint32_t type, uint32_t value_size, uint32_t entries)
{
	struct kg_map *m = g_new0(struct kg_map, 1);

	*m = (struct kg_map){.name = g_strdup(name), .type = type, .key_size = 4, .value_size = value_size, .max_entries = entries};
	g_ptr_array_add(o->maps, m);
}

static void map_free(gpointer data)
{
	struct kg_map *m = data;

	g_free(m->name);
	g_free(m);
}

static void program_free(gpointer data)
{
	struct kg_bpf_program *p = data;

	g_free(p->name);
	g_free(p->insns);
	g_free(p);
}

struct kg_object *generate_program(GRand *rand)
{
	static const enum bpf_prog_type types[] = {BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_RAW_TRACEPOINT};
	struct generator g = {.rand = rand, .type = types[g_rand_int_range(rand, 0, G_N_ELEMENTS(types))]};
	struct kg_object *o = g_new0(struct kg_object, 1);
	struct kg_bpf_program *p = g_new0(struct kg_bpf_program, 1);

	g.insns = g_array_new(FALSE, FALSE, sizeof(struct bpf_insn));
	g.calls = g_array_new(FALSE, FALSE, sizeof(guint));
	begin_main(&g);
	block(&g);
	end_main(&g);
	add_function(&g);
	p->name = g_strdup("random");
	p->type = g.type;
	p->n_insns = g.insns->len;
	p->insns = (struct bpf_insn *)(void *)g_array_free(g.insns, FALSE);
	g_array_unref(g.calls);
	o->programs = g_ptr_array_new_with_free_func(program_free);
	o->maps = g_ptr_array_new_with_free_func(map_free);
	g_ptr_array_add(o->programs, p);
	add_map(o, "array", BPF_MAP_TYPE_ARRAY, VALUE_SIZE, 1);
	add_map(o, "hash", BPF_MAP_TYPE_HASH, 8, HASH_ENTRIES);
	return o;
}

void generate_input(GRand *rand, struct input *ret)
{
	guint n = 0;

	memset(ret, 0, sizeof(*ret));
	for (guint i = 0; i < 128; i += 8) { /* what is behind it is only written */
		uint64_t w = random_word(rand);

		memcpy(ret->value + i, &w, 8);
	}
	for (guint i = 0; i < PACKET_SIZE; i++)
		ret->packet[i] = (guint8)g_rand_int(rand);
	for (guint i = 0; i < RAW_ARGS; i++)
		ret->args[i] = random_word(rand);
	for (guint i = 0; i < HASH_KEYS; i++) {
		ret->has_key[i] = g_rand_boolean(rand) && n++ < HASH_ENTRIES;
		ret->hash[i] = ret->has_key[i] ? random_word(rand) : 0;
	}
}
