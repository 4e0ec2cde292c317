/*
 * The interpreter: what a run did, what ends it, what a world can say. The meaning of instructions is test_isa's, that helpers are as in the kernel is
 * tests/kernel/helpers.c's.
 */
#include <kgent/interp.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADDI(d, i) INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LOAD(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STORE(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define STOREI(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define CALL(h) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, h)
#define FUNCTION(distance) INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, distance)
#define EXIT INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define JUMP(distance) INSN(BPF_JMP | BPF_JA, 0, 0, distance, 0)
#define IF_ZERO(r, distance) INSN(BPF_JMP | BPF_JEQ | BPF_K, r, 0, distance, 0)
#define MAP(d, map) INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, map), INSN(0, 0, 0, 0, 0)
#define VALUE(d, map, off) INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_VALUE, 0, map), INSN(0, 0, 0, 0, off)
#define WIDE(d, v) INSN(BPF_LD | BPF_IMM | BPF_DW, d, 0, 0, (int)(v)), INSN(0, 0, 0, 0, (int)((uint64_t)(v) >> 32))

enum { HASH, PERF, RING, CONST, UNKNOWN, BUCKETS, MAPS };

static void map_free(gpointer data)
{
	struct kg_map *m = data;

	if (m->initial)
		g_bytes_unref(m->initial);
	g_free(m);
}

/* An object with one program and one map of each kind. */
static struct kg_object *make(enum bpf_prog_type type, const struct bpf_insn *insns, guint n)
{
	static const struct kg_map maps[MAPS] = {
		[HASH] = {(char *)"@h", BPF_MAP_TYPE_HASH, 8, 8, 2},
		[PERF] = {(char *)"printf", BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0},
		[RING] = {(char *)"ring", BPF_MAP_TYPE_RINGBUF, 0, 0, 4096},
		[CONST] = {(char *)"rodata", BPF_MAP_TYPE_ARRAY, 4, 8, 1},
		[UNKNOWN] = {(char *)"@u", BPF_MAP_TYPE_HASH, 0, 8, 100},
		[BUCKETS] = {(char *)"@b", BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 3},
	};
	struct kg_object *o = g_new0(struct kg_object, 1);
	struct kg_bpf_program *p = g_new0(struct kg_bpf_program, 1);

	o->programs = g_ptr_array_new_with_free_func(g_free);
	o->maps = g_ptr_array_new_with_free_func(map_free);
	for (guint i = 0; i < MAPS; i++)
		g_ptr_array_add(o->maps, g_memdup2(&maps[i], sizeof(maps[i])));
	((struct kg_map *)o->maps->pdata[CONST])->initial = g_bytes_new("constant", 8);
	((struct kg_map *)o->maps->pdata[CONST])->is_constant = TRUE;
	p->type = type;
	p->insns = (struct bpf_insn *)(void *)insns;
	p->n_insns = n;
	g_ptr_array_add(o->programs, p);
	return o;
}

static void unmake(struct kg_object *o)
{
	g_ptr_array_unref(o->programs);
	g_ptr_array_unref(o->maps);
	g_free(o);
}

static void run_in(struct kg_world *w, enum bpf_prog_type type, const struct bpf_insn *insns, guint n, struct kg_run_of_bpf *run)
{
	struct kg_object *o = make(type, insns, n);
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_isa_validate(insns, n, &err), 0);
	assert_int_equal(kg_interp_run(o, 0, w, NULL, run, &err), 0);
	assert_true(run->is_complete == (run->why == NULL));
	unmake(o);
}
#define RUN_IN(w, run, ...) \
	do { \
		const struct bpf_insn insns_[] = {__VA_ARGS__}; \
		run_in(w, BPF_PROG_TYPE_KPROBE, insns_, G_N_ELEMENTS(insns_), run); \
	} while (0)
#define RUN(run, ...) \
	do { \
		struct kg_world *w_ = kg_world_new(); \
		RUN_IN(w_, run, __VA_ARGS__); \
		kg_world_free(w_); \
	} while (0)

static void expect_stop(struct kg_run_of_bpf *run, const char *part)
{
	assert_false(run->is_complete);
	if (!strstr(run->why, part))
		fail_msg("%s", run->why);
	kg_run_of_bpf_clear(run);
}

static const struct kg_bpf_effect *effect(const struct kg_run_of_bpf *run, guint i, enum kg_bpf_effect_kind kind)
{
	assert_true(i < run->effects->len);
	const struct kg_bpf_effect *e = run->effects->pdata[i];

	assert_int_equal(e->kind, kind);
	return e;
}

static void add_answer(struct kg_world *w, int helper, guint nth, uint64_t result, GBytes *output)
{
	struct kg_answer_of_helper *a = g_new0(struct kg_answer_of_helper, 1);

	*a = (struct kg_answer_of_helper){helper, nth, result, output};
	g_ptr_array_add(w->answers, a);
}

/* --- what ends a run --- */

static void test_stops(void **state)
{
	struct kg_run_of_bpf run;

	RUN(&run, SET(1, 0), CALL(1000), EXIT);
	expect_stop(&run, "helper unknown (1000) is not modelled");
	RUN(&run, CALL(BPF_FUNC_timer_start), EXIT);
	expect_stop(&run, "bpf_timer_start");
	RUN(&run, INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, 77), EXIT);
	expect_stop(&run, "kernel function ? (77)");
	RUN(&run, JUMP(-1), EXIT);
	expect_stop(&run, "more than 1000000 instructions");
	RUN(&run, FUNCTION(-1), EXIT);
	expect_stop(&run, "functions call each other");
	RUN(&run, LOAD(BPF_DW, 0, 10, 0), EXIT);
	expect_stop(&run, "load of 8 bytes outside of all memory");
	RUN(&run, STOREI(BPF_DW, 10, -520, 1), EXIT);
	expect_stop(&run, "store of 8 bytes outside");
	RUN(&run, LOAD(BPF_B, 0, 1, 0), EXIT);
	expect_stop(&run, "load of 1 bytes outside");
	RUN(&run, WIDE(1, 0xffff888100000000), LOAD(BPF_B, 0, 1, 0), EXIT);
	expect_stop(&run, "load of 1 bytes outside");
	RUN(&run, VALUE(1, CONST, 0), STOREI(BPF_B, 1, 0, 1), EXIT);
	expect_stop(&run, "to a constant");
	RUN(&run, MAP(1, UNKNOWN), MOV(2, 10), ADDI(2, -8), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	expect_stop(&run, "sizes of map @u are not known");
	RUN(&run, MAP(1, PERF), MOV(2, 10), ADDI(2, -8), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	expect_stop(&run, "of type 4");
	RUN(&run, SET(1, 5), MOV(2, 10), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	expect_stop(&run, "for a map");
	RUN(&run, MAP(1, HASH), MOV(2, 10), ADDI(2, -4), CALL(BPF_FUNC_map_lookup_elem), EXIT);
	expect_stop(&run, "to read 8 bytes outside");
	RUN(&run, MOV(1, 10), SET(2, 16), SET(3, 0), CALL(BPF_FUNC_probe_read_kernel), EXIT);
	expect_stop(&run, "to write 16 bytes outside");
	RUN(&run, MOV(1, 10), SET(2, -1), SET(3, 0), CALL(BPF_FUNC_probe_read_kernel), EXIT);
	expect_stop(&run, "to read 4294967295 bytes");
	RUN(&run, SET(1, 3), SET(2, 0), SET(3, 0), SET(4, 0), CALL(BPF_FUNC_loop), EXIT);
	expect_stop(&run, "no function of the program");
	RUN(&run, MOV(1, 10), SET(2, 0), CALL(BPF_FUNC_ringbuf_submit), EXIT);
	expect_stop(&run, "not reserved");
}

static void test_no_program(void **state)
{
	struct bpf_insn insns[] = {SET(0, 1), EXIT};
	struct kg_object *o = make(BPF_PROG_TYPE_KPROBE, insns, 2);
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run = {0};
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_interp_run(o, 1, w, NULL, &run, &err), -KG_E_INVAL);
	kg_world_free(w);
	unmake(o);
}

/* --- memory of the world --- */

static void test_spaces(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	kg_world_set_bytes(w, KG_SPACE_KERNEL, 0x5000, "\1\2\3\4", 4);
	kg_world_set_bytes(w, KG_SPACE_USER, 0x5000, "\5\6\7\10", 4);
	w->memory[KG_SPACE_KERNEL].other = 0xaa;
	RUN_IN(w, &run, MOV(1, 10), ADDI(1, -8), SET(2, 8), SET(3, 0x5000), CALL(BPF_FUNC_probe_read_kernel), LOAD(BPF_DW, 0, 10, -8), EXIT);
	assert_true(run.result == 0xaaaaaaaa04030201);
	kg_run_of_bpf_clear(&run);
	RUN_IN(w, &run, MOV(1, 10), ADDI(1, -8), SET(2, 8), SET(3, 0x5000), CALL(BPF_FUNC_probe_read_user), LOAD(BPF_DW, 0, 10, -8), EXIT);
	assert_true(run.result == 0x08070605);
	kg_run_of_bpf_clear(&run);
	RUN_IN(w, &run, MOV(1, 10), ADDI(1, -8), SET(2, 8), SET(3, 0x5000), CALL(BPF_FUNC_probe_read), LOAD(BPF_DW, 0, 10, -8), EXIT);
	assert_true(run.result == 0x08070605);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

/* A failed read zeroes its destination, and the program sees the error. */
static void test_failed_read(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	w->memory[KG_SPACE_KERNEL].other = 0x11;
	add_answer(w, BPF_FUNC_probe_read_kernel, 1, (uint64_t)-EFAULT, NULL);
	RUN_IN(w, &run, STOREI(BPF_DW, 10, -8, -1), MOV(1, 10), ADDI(1, -8), SET(2, 4), SET(3, 64), CALL(BPF_FUNC_probe_read_kernel), MOV(6, 0),
	       MOV(1, 10), ADDI(1, -4), SET(2, 4), SET(3, 64), CALL(BPF_FUNC_probe_read_kernel),
	       INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 6, 0, 0), LOAD(BPF_DW, 1, 10, -8), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0), EXIT);
	assert_true(run.result == 0x11111111ull - EFAULT);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

static void test_text(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	kg_world_set_bytes(w, KG_SPACE_USER, 0x7000, "hello", 6);
	w->memory[KG_SPACE_USER].other = 'x';
	RUN_IN(w, &run, STOREI(BPF_DW, 10, -8, -1), MOV(1, 10), ADDI(1, -8), SET(2, 8), SET(3, 0x7000), CALL(BPF_FUNC_probe_read_user_str), MOV(6, 0),
	       MAP(2, PERF), SET(1, 0), WIDE(3, 0xffffffff), MOV(4, 10), ADDI(4, -8), SET(5, 8), CALL(BPF_FUNC_perf_event_output), MOV(0, 6), EXIT);
	assert_int_equal(run.result, 6);
	const struct kg_bpf_effect *e = effect(&run, 0, KG_BPF_RECORD);

	for (guint i = 0; i < 8; i++) /* the rest of the word with the NUL is cleared */
		assert_int_equal(e->value[i].bits, (guint8)"hello\0\0\0"[i]);
	kg_run_of_bpf_clear(&run);
	/* of the kernel's memory it is not */
	kg_world_set_bytes(w, KG_SPACE_KERNEL, 0x7000, "hello", 6);
	RUN_IN(w, &run, STOREI(BPF_DW, 10, -8, -1), MOV(1, 10), ADDI(1, -8), SET(2, 8), SET(3, 0x7000), CALL(BPF_FUNC_probe_read_kernel_str),
	       LOAD(BPF_H, 0, 10, -2), EXIT);
	assert_int_equal(run.result, 0xffff);
	kg_run_of_bpf_clear(&run);
	/* longer than the place: cut, and the NUL is counted */
	RUN_IN(w, &run, MOV(1, 10), ADDI(1, -8), SET(2, 4), SET(3, 0x7000), CALL(BPF_FUNC_probe_read_user_str), LOAD(BPF_W, 1, 10, -8),
	       INSN(BPF_ALU64 | BPF_LSH | BPF_K, 1, 0, 0, 8), INSN(BPF_ALU64 | BPF_OR | BPF_X, 0, 1, 0, 0), EXIT);
	assert_true(run.result == 0x6c656804);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

static void test_comm(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	memcpy(w->comm, "sixteen-letters!", 16);
	RUN_IN(w, &run, MOV(1, 10), ADDI(1, -16), SET(2, 16), CALL(BPF_FUNC_get_current_comm), LOAD(BPF_B, 0, 10, -1), LOAD(BPF_B, 1, 10, -2),
	       INSN(BPF_ALU64 | BPF_LSH | BPF_K, 0, 0, 0, 8), INSN(BPF_ALU64 | BPF_OR | BPF_X, 0, 1, 0, 0), EXIT);
	assert_int_equal(run.result, 's');
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

/* Time does not go back, whatever the world says; each call is later than the one before. */
static void test_time(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	add_answer(w, BPF_FUNC_ktime_get_ns, 0, 1000, NULL);
	add_answer(w, BPF_FUNC_ktime_get_ns, 1, 500, NULL);
	RUN_IN(w, &run, CALL(BPF_FUNC_ktime_get_ns), MOV(6, 0), CALL(BPF_FUNC_ktime_get_ns), MOV(7, 0), CALL(BPF_FUNC_ktime_get_ns),
	       INSN(BPF_ALU64 | BPF_SUB | BPF_X, 7, 6, 0, 0), INSN(BPF_ALU64 | BPF_SUB | BPF_X, 0, 6, 0, 0),
	       INSN(BPF_ALU64 | BPF_LSH | BPF_K, 7, 0, 0, 16), INSN(BPF_ALU64 | BPF_OR | BPF_X, 0, 7, 0, 0), EXIT);
	assert_int_equal(run.result, 1);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

/* --- effects --- */

static void test_map_effects(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_map_entry *begin = g_new0(struct kg_map_entry, 1);
	struct kg_run_of_bpf run;
	const struct kg_bpf_effect *e;
	uint64_t one = 1, value = 40;

	*begin = (struct kg_map_entry){HASH, g_bytes_new(&one, 8), g_bytes_new(&value, 8)};
	g_ptr_array_add(w->entries, begin);
	/* @h[1] += 2 through the pointer, then @h[7] = 9, then delete(@h[8]), which is not there */
	RUN_IN(w, &run, STOREI(BPF_DW, 10, -8, 1), MAP(1, HASH), MOV(2, 10), ADDI(2, -8), CALL(BPF_FUNC_map_lookup_elem), IF_ZERO(0, 3),
	       LOAD(BPF_DW, 1, 0, 0), ADDI(1, 2), STORE(BPF_DW, 0, 1, 0), STOREI(BPF_DW, 10, -8, 7), STOREI(BPF_DW, 10, -16, 9), MAP(1, HASH),
	       MOV(2, 10), ADDI(2, -8), MOV(3, 10), ADDI(3, -16), SET(4, 0), CALL(BPF_FUNC_map_update_elem), STOREI(BPF_DW, 10, -8, 8), MAP(1, HASH),
	       MOV(2, 10), ADDI(2, -8), CALL(BPF_FUNC_map_delete_elem), EXIT);
	assert_true((int64_t)run.result == -ENOENT);
	assert_int_equal(run.effects->len, 2);
	e = effect(&run, 0, KG_BPF_MAP_SET);
	assert_int_equal(e->map, HASH);
	assert_int_equal(e->key[0].bits, 7);
	assert_int_equal(e->value[0].bits, 9);
	assert_null(e->is_set);
	e = effect(&run, 1, KG_BPF_MAP_SET);
	assert_int_equal(e->key[0].bits, 1);
	assert_int_equal(e->value[0].bits, 42);
	assert_int_equal(e->pc, 9);
	assert_int_equal(run.entries->len, 2);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

/* What the program did not write of a record is told. */
static void test_unset_bytes(void **state)
{
	struct kg_run_of_bpf run;
	const struct kg_bpf_effect *e;

	RUN(&run, STOREI(BPF_W, 10, -16, 5), STOREI(BPF_DW, 10, -8, 6), MAP(2, PERF), WIDE(3, 0xffffffff), MOV(4, 10), ADDI(4, -16), SET(5, 16),
	    CALL(BPF_FUNC_perf_event_output), MAP(1, RING), SET(2, 8), SET(3, 0), CALL(BPF_FUNC_ringbuf_reserve), IF_ZERO(0, 4),
	    STOREI(BPF_W, 0, 4, 1), MOV(1, 0), SET(2, 0), CALL(BPF_FUNC_ringbuf_submit), SET(0, 0), EXIT);
	assert_true(run.is_complete);
	e = effect(&run, 0, KG_BPF_RECORD);
	assert_int_equal(e->n_value, 16);
	assert_memory_equal(e->is_set, "\1\1\1\1\0\0\0\0\1\1\1\1\1\1\1\1", 16);
	e = effect(&run, 1, KG_BPF_RECORD);
	assert_int_equal(e->map, RING);
	assert_memory_equal(e->is_set, "\0\0\0\0\1\1\1\1", 8);
	kg_run_of_bpf_clear(&run);
}

/* A full buffer: nothing is seen. */
static void test_lost_records(void **state)
{
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;

	add_answer(w, BPF_FUNC_ringbuf_reserve, 0, 0, NULL);
	add_answer(w, BPF_FUNC_perf_event_output, 0, (uint64_t)-ENOSPC, NULL);
	RUN_IN(w, &run, STOREI(BPF_DW, 10, -8, 6), MAP(1, RING), SET(2, 8), SET(3, 0), CALL(BPF_FUNC_ringbuf_reserve), MOV(6, 0), MAP(2, PERF), SET(3, 0),
	       MOV(4, 10), ADDI(4, -8), SET(5, 8), CALL(BPF_FUNC_perf_event_output), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 6, 0, 0), EXIT);
	assert_true((int64_t)run.result == -ENOSPC);
	assert_int_equal(run.effects->len, 0);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

static void test_other_effects(void **state)
{
	struct kg_run_of_bpf run;

	RUN(&run, SET(1, 9), CALL(BPF_FUNC_send_signal), SET(1, 0), SET(2, -13), CALL(BPF_FUNC_override_return), STOREI(BPF_W, 10, -8, 0x0a6925),
	    MOV(1, 10), ADDI(1, -8), SET(2, 4), SET(3, 77), SET(4, 0), SET(5, 0), CALL(BPF_FUNC_trace_printk), EXIT);
	assert_true(run.is_complete);
	assert_int_equal(effect(&run, 0, KG_BPF_SIGNAL)->number.bits, 9);
	assert_true((int64_t)effect(&run, 1, KG_BPF_OVERRIDE)->number.bits == -13);
	const struct kg_bpf_effect *e = effect(&run, 2, KG_BPF_PRINTK);

	assert_int_equal(e->n_value, 4 + 24);
	assert_int_equal(e->value[0].bits, '%');
	assert_int_equal(e->value[4].bits, 77);
	kg_run_of_bpf_clear(&run);
}

static void test_map_full(void **state)
{
	struct kg_run_of_bpf run;

	RUN(&run, STOREI(BPF_DW, 10, -8, 0), SET(6, 3), SET(7, 0), /* 3: */ MAP(1, HASH), MOV(2, 10), ADDI(2, -8), MOV(3, 10), ADDI(3, -8), SET(4, 0),
	    CALL(BPF_FUNC_map_update_elem), INSN(BPF_ALU64 | BPF_OR | BPF_X, 7, 0, 0, 0), LOAD(BPF_DW, 1, 10, -8), ADDI(1, 1),
	    STORE(BPF_DW, 10, 1, -8), ADDI(6, -1), INSN(BPF_JMP | BPF_JNE | BPF_K, 6, 0, -15, 0), MOV(0, 7), EXIT);
	assert_true((int64_t)run.result == -E2BIG);
	assert_int_equal(run.effects->len, 2);
	kg_run_of_bpf_clear(&run);
}

/* r6 to r9 and the stack of the caller are as before; the callee's stack is its own. */
static void test_functions(void **state)
{
	struct kg_run_of_bpf run;
	guint want[] = {0, 1, 2, 3, 7, 8, 9, 10, 11, 4, 5, 6};

	RUN(&run, SET(6, 100), STOREI(BPF_DW, 10, -8, 7), SET(1, 5), FUNCTION(3), LOAD(BPF_DW, 1, 10, -8), INSN(BPF_ALU64 | BPF_ADD | BPF_X, 0, 1, 0, 0),
	    EXIT, /* 7: */ SET(6, 1), STOREI(BPF_DW, 10, -8, 1), MOV(0, 1), ADDI(0, 10), EXIT);
	assert_int_equal(run.result, 22);
	assert_int_equal(run.path->len, 12);
	assert_memory_equal(run.path->data, want, sizeof(want));
	kg_run_of_bpf_clear(&run);
}

static void test_tail_call(void **state)
{
	struct kg_run_of_bpf run;

	RUN(&run, SET(1, 0), MAP(2, HASH), SET(3, 2), CALL(BPF_FUNC_tail_call), SET(0, 1), EXIT);
	assert_true(run.is_complete);
	assert_int_equal(effect(&run, 0, KG_BPF_OTHER)->number.bits, BPF_FUNC_tail_call);
	assert_int_equal(run.path->len, 4);
	kg_run_of_bpf_clear(&run);
}

/* In a packet program the context's 32-bit fields are pointers; behind the packet's end there is nothing. */
static void test_packet(void **state)
{
	const struct bpf_insn insns[] = {LOAD(BPF_W, 2, 1, 0), LOAD(BPF_W, 3, 1, 4), INSN(BPF_ALU64 | BPF_SUB | BPF_X, 3, 2, 0, 0),
					 STOREI(BPF_B, 2, 1, 9), MOV(0, 3), EXIT};
	const struct bpf_insn behind[] = {LOAD(BPF_W, 3, 1, 4), LOAD(BPF_B, 0, 3, 0), EXIT};
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;
	guint8 context[24] = {0};

	w->context = g_bytes_new(context, sizeof(context));
	w->packet = g_bytes_new("abc", 3);
	run_in(w, BPF_PROG_TYPE_XDP, insns, G_N_ELEMENTS(insns), &run);
	assert_int_equal(run.result, 3);
	assert_memory_equal(g_bytes_get_data(run.packet, NULL), "a\11c", 3);
	kg_run_of_bpf_clear(&run);
	run_in(w, BPF_PROG_TYPE_XDP, behind, G_N_ELEMENTS(behind), &run);
	expect_stop(&run, "load of 1 bytes outside");
	kg_world_free(w);
}

/* A program with typed pointers follows them into the kernel's memory. */
static void test_typed_pointers(void **state)
{
	const struct bpf_insn insns[] = {LOAD(BPF_DW, 1, 1, 0), LOAD(BPF_W, 0, 1, 4), EXIT};
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf run;
	uint64_t pointer = 0xffff888100001000ull;

	w->context = g_bytes_new(&pointer, 8);
	kg_world_set_bytes(w, KG_SPACE_KERNEL, pointer + 4, "\1\2\0\0", 4);
	run_in(w, BPF_PROG_TYPE_TRACING, insns, G_N_ELEMENTS(insns), &run);
	assert_int_equal(run.result, 0x201);
	kg_run_of_bpf_clear(&run);
	run_in(w, BPF_PROG_TYPE_KPROBE, insns, G_N_ELEMENTS(insns), &run);
	expect_stop(&run, "load of 4 bytes outside");
	/* a member of a null pointer is 0, whatever the world's other bytes are */
	pointer = 0;
	g_bytes_unref(w->context);
	w->context = g_bytes_new(&pointer, 8);
	w->memory[KG_SPACE_KERNEL].other = 0xff;
	run_in(w, BPF_PROG_TYPE_TRACING, insns, G_N_ELEMENTS(insns), &run);
	assert_true(run.is_complete && run.result == 0);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
}

static void test_sources(void **state)
{
	/* all that bpftrace 0.17 calls */
	static const int called[] = {
		BPF_FUNC_map_lookup_elem, BPF_FUNC_map_update_elem, BPF_FUNC_map_delete_elem, BPF_FUNC_probe_read, BPF_FUNC_probe_read_str,
		BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_kernel_str, BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_user_str,
		BPF_FUNC_ktime_get_ns, BPF_FUNC_ktime_get_boot_ns, BPF_FUNC_get_current_pid_tgid, BPF_FUNC_get_current_uid_gid,
		BPF_FUNC_get_current_cgroup_id, BPF_FUNC_get_numa_node_id, BPF_FUNC_get_smp_processor_id, BPF_FUNC_get_current_task,
		BPF_FUNC_get_prandom_u32, BPF_FUNC_get_stackid, BPF_FUNC_get_current_comm, BPF_FUNC_perf_event_output, BPF_FUNC_trace_printk,
		BPF_FUNC_send_signal, BPF_FUNC_override_return, BPF_FUNC_skb_output, BPF_FUNC_d_path, BPF_FUNC_seq_printf,
	};

	for (guint i = 0; i < G_N_ELEMENTS(called); i++)
		assert_non_null(kg_interp_helper_source(called[i]));
	assert_null(kg_interp_helper_source(0));
	assert_null(kg_interp_helper_source(-1));
	assert_null(kg_interp_helper_source(1 << 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_no_program),
		cmocka_unit_test(test_spaces),
		cmocka_unit_test(test_failed_read),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_map_effects),
		cmocka_unit_test(test_unset_bytes),
		cmocka_unit_test(test_lost_records),
		cmocka_unit_test(test_other_effects),
		cmocka_unit_test(test_map_full),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_tail_call),
		cmocka_unit_test(test_packet),
		cmocka_unit_test(test_typed_pointers),
		cmocka_unit_test(test_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
