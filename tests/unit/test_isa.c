/*
 * Each instruction's meaning and text: tests/golden/isa/steps.txt says what must come out, wrong.txt what must be refused. That the same meaning is the
 * kernel's is held by tests/kernel.
 */
#include <kgent/isa.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORD_AT 0x1000

static char *slurp(const char *name)
{
	const char *dir = g_getenv("KGENT_TESTS");
	g_autofree char *path = g_build_filename(dir ? dir : "tests", "golden", "isa", name, NULL);
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		fail_msg("can't read %s", path);
	return text;
}

/* --- one word of memory --- */

struct machine {
	uint8_t word[8];
	gboolean is_special; /* immediate() was called */
};

static int at(struct kg_word address, unsigned size, gsize *ret, struct kg_error *err)
{
	*ret = address.bits - WORD_AT;
	if (address.bits < WORD_AT || *ret + size > 8)
		return kg_error_set(err, KG_E_INVAL, "test", "outside");
	return 0;
}

static int load(void *self, struct kg_word address, unsigned size, struct kg_word *ret, struct kg_error *err)
{
	gsize i;
	uint64_t value = 0;

	if (at(address, size, &i, err) < 0)
		return -KG_E_INVAL;
	memcpy(&value, ((struct machine *)self)->word + i, size);
	*ret = KG_WORD(value);
	return 0;
}

static int store(void *self, struct kg_word address, unsigned size, struct kg_word value, struct kg_error *err)
{
	gsize i;

	if (at(address, size, &i, err) < 0)
		return -KG_E_INVAL;
	assert_true(size == 8 || value.bits >> (8 * size) == 0);
	memcpy(((struct machine *)self)->word + i, &value.bits, size);
	return 0;
}

static int immediate(void *self, const struct bpf_insn insn[2], struct kg_word *ret, struct kg_error *err)
{
	((struct machine *)self)->is_special = TRUE;
	*ret = KG_WORD(0);
	return 0;
}

static const struct kg_memory_ops memory = {load, store, immediate};

/* --- cases --- */

static guint read_insn(const char *text, struct bpf_insn *insns, guint max)
{
	unsigned code, dst, src, second = 0;
	int off, imm, n = sscanf(text, "%x %u %u %d %d %d", &code, &dst, &src, &off, &imm, (int *)&second);

	if (n < 5 || max < 2)
		fail_msg("not an instruction: %s", text);
	insns[0] = (struct bpf_insn){.code = (uint8_t)code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};
	insns[1] = (struct bpf_insn){.imm = (int)second};
	return n == 6 ? 2 : 1;
}

/* "r1=7 m=0": into registers and word; other words are returned. */
static char *read_state(const char *text, struct kg_cpu *cpu, struct machine *m)
{
	g_auto(GStrv) words = g_strsplit_set(text, " ", -1);
	char *rest = g_strdup("");

	for (guint i = 0; words[i]; i++) {
		const char *equal = strchr(words[i], '=');
		uint64_t value = equal ? g_ascii_strtoull(equal + 1, NULL, 16) : 0;

		if (!equal && *words[i]) {
			g_free(rest);
			rest = g_strdup(words[i]);
		} else if (words[i][0] == 'm') {
			memcpy(m->word, &value, 8);
		} else if (words[i][0] == 'r') {
			cpu->reg[atoi(words[i] + 1)] = KG_WORD(value);
		}
	}
	return rest;
}

static void check_flow(const char *line, const char *want, const struct kg_step *step, const struct kg_cpu *cpu, const struct machine *m, guint slots)
{
	static const char *const flows[] = {"", "", "helper", "kernel", "function", "packet", "exit", "may_goto"};
	const char *got = flows[step->flow];

	if (step->flow == KG_FLOW_BRANCH)
		got = step->condition.bits ? "goto" : "next";
	else if (step->flow == KG_FLOW_NEXT && cpu->pc == 3 && slots == 1)
		got = "goto";
	else if (m->is_special)
		got = "special";
	else if (step->flow == KG_FLOW_NEXT)
		assert_int_equal(cpu->pc, slots);
	if (strcmp(got, want))
		fail_msg("%s\nflow: %s", line, got);
	if (step->flow == KG_FLOW_BRANCH || step->flow == KG_FLOW_FUNCTION || step->flow == KG_FLOW_MAY_GOTO)
		assert_int_equal(step->target, 3);
}

static void check_case(const char *line)
{
	g_auto(GStrv) parts = g_strsplit(line, " | ", -1);
	struct bpf_insn insns[6] = {0};
	struct kg_cpu cpu = {0}, want = {0};
	struct machine m = {0}, want_m = {0};
	struct kg_step step;
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GString) text = g_string_new(NULL);

	assert_int_equal(g_strv_length(parts), 4);
	guint slots = read_insn(parts[0], insns, 6);

	for (guint i = slots; i < 6; i++)
		insns[i] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	g_free(read_state(parts[1], &cpu, &m));
	g_free(read_state(parts[1], &want, &want_m));
	g_autofree char *flow = read_state(parts[3], &want, &want_m);

	if (kg_isa_validate(insns, 6, &err) < 0 || kg_isa_step(insns, 6, &cpu, &kg_numbers, &memory, &m, &step, &err) < 0)
		fail_msg("%s\n%s", line, err.msg);
	for (guint i = 0; i < 11; i++)
		if (cpu.reg[i].bits != want.reg[i].bits)
			fail_msg("%s\nr%u is %" G_GINT64_MODIFIER "x", line, i, cpu.reg[i].bits);
	if (memcmp(m.word, want_m.word, 8))
		fail_msg("%s\nm is %" G_GINT64_MODIFIER "x", line, *(uint64_t *)(void *)m.word);
	check_flow(line, flow, &step, &cpu, &m, slots);
	kg_isa_print(insns, text);
	assert_string_equal(text->str, g_strstrip(parts[2]));
}

static void each_line(const char *name, void (*check)(const char *line))
{
	g_autofree char *text = slurp(name);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint n = 0;

	for (guint i = 0; lines[i]; i++)
		if (*lines[i] && *lines[i] != '#') {
			check(lines[i]);
			n++;
		}
	assert_true(n > 30);
}

static void test_steps(void **state)
{
	each_line("steps.txt", check_case);
}

static void check_wrong(const char *line)
{
	g_auto(GStrv) parts = g_strsplit(line, "|", -1), insn_texts = g_strsplit(parts[0], ";", -1);
	struct bpf_insn insns[10] = {0};
	guint n = 0;
	_cleanup_error_ struct kg_error err = {0};

	for (guint i = 0; insn_texts[i]; i++)
		n += read_insn(insn_texts[i], insns + n, 10 - n);
	if (kg_isa_validate(insns, n, &err) == 0)
		fail_msg("accepted: %s", line);
	if (!strstr(err.msg, g_strstrip(parts[1])))
		fail_msg("%s\n%s", line, err.msg);
}

static void test_wrong(void **state)
{
	each_line("wrong.txt", check_wrong);
}

/* A step behind the end, and one that memory refuses: an error, and pc stays. */
static void test_step_errors(void **state)
{
	struct bpf_insn insns[] = {{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 1, .src_reg = 2}};
	struct kg_cpu cpu = {0};
	struct machine m = {0};
	struct kg_step step;
	_cleanup_error_ struct kg_error err = {0};

	assert_int_equal(kg_isa_step(insns, 1, &cpu, &kg_numbers, &memory, &m, &step, &err), -KG_E_INVAL);
	assert_int_equal(cpu.pc, 0);
	kg_error_clear(&err);
	cpu.pc = 1;
	assert_int_equal(kg_isa_step(insns, 1, &cpu, &kg_numbers, &memory, &m, &step, &err), -KG_E_PARSE);
	kg_error_clear(&err);
	assert_int_equal(kg_isa_validate(insns, 0, &err), -KG_E_PARSE);
}

/* The primitives at odd widths, against the wide arithmetic of the compiler. */
static void test_narrow(void **state)
{
	for (unsigned w = 1; w <= 8; w++)
		for (int a = -(1 << (w - 1)); a < 1 << (w - 1); a++)
			for (int b = -(1 << (w - 1)); b < 1 << (w - 1); b++) {
				uint64_t mask = (1u << w) - 1, ua = (uint64_t)a & mask, ub = (uint64_t)b & mask;

				assert_int_equal(kg_op_number(KG_OP_ADD, w, ua, ub), (uint64_t)(a + b) & mask);
				assert_int_equal(kg_op_number(KG_OP_MUL, w, ua, ub), (uint64_t)(a * b) & mask);
				assert_int_equal(kg_op_number(KG_OP_SLT, w, ua, ub), a < b);
				assert_int_equal(kg_op_number(KG_OP_SLE, w, ua, ub), a <= b);
				assert_int_equal(kg_op_number(KG_OP_ULT, w, ua, ub), ua < ub);
				if (ub < w)
					assert_int_equal(kg_op_number(KG_OP_ASHR, w, ua, ub), (uint64_t)(a >> ub) & mask);
				if (!b)
					continue;
				assert_int_equal(kg_op_number(KG_OP_SDIV, w, ua, ub), (uint64_t)(a / b) & mask);
				assert_int_equal(kg_op_number(KG_OP_SMOD, w, ua, ub), (uint64_t)(a % b) & mask);
				assert_int_equal(kg_op_number(KG_OP_UDIV, w, ua, ub), ua / ub);
				assert_int_equal(kg_op_number(KG_OP_UMOD, w, ua, ub), ua % ub);
			}
}

static void test_helper_names(void **state)
{
	assert_string_equal(kg_helper_name(1), "map_lookup_elem");
	assert_string_equal(kg_helper_name(113), "probe_read_kernel");
	assert_string_equal(kg_helper_name(211), "cgrp_storage_delete");
	assert_null(kg_helper_name(0));
	assert_null(kg_helper_name(-1));
	assert_null(kg_helper_name(212));
	assert_int_equal(kg_helper_number("perf_event_output"), BPF_FUNC_perf_event_output);
	assert_int_equal(kg_helper_number("no_such"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_step_errors),
		cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_helper_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
