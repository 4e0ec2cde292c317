/*
 * The symbolic executor as one that runs a program on an input. All of the input is unknown to it: terms, about which it is then assumed that they have the
 * input's values. So the translation of each operation into terms is held against the kernel, and not the folding of constants.
 *
 * A scenario of three events brings the input in: raw tracepoints whose arguments are written into the array and the hash map, and then the
 * program under test.
 */
#include "differential.h"

#include "../../src/symex/state.h"

#include <string.h>

enum { UNDER_TEST, SET_LOW, SET_HIGH, PROGRAMS };

struct scenario {
	struct kg_symex *x;
	const struct kg_object *object;
	const struct input *input;
	struct kg_event *events[PROGRAMS];
	const struct outcome *kernel;
	struct outcome *ret;
	guint n_ends;
	gboolean is_unknown; /* it says itself that it does not know: why */
	char *why;
};

#define INSN(c, d, s, o, i) ((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})

static void add(GArray *insns, struct bpf_insn insn)
{
	g_array_append_val(insns, insn);
}

/* array[8 * (first + i)] = args[i]; the hash map's entries: hash[key] = the arguments behind them. */
static void *setup_program(const struct input *input, guint first, guint n, gboolean with_hash, guint *ret_n)
{
	GArray *insns = g_array_new(FALSE, FALSE, sizeof(struct bpf_insn));

	add(insns, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1, 0, 0));
	add(insns, INSN(BPF_LD | BPF_IMM | BPF_DW, 9, BPF_PSEUDO_MAP_VALUE, 0, MAP_ARRAY));
	add(insns, INSN(0, 0, 0, 0, 0));
	for (guint i = 0; i < n; i++) {
		add(insns, INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int)(8 * i), 0));
		add(insns, INSN(BPF_STX | BPF_MEM | BPF_DW, 9, 1, (int)(8 * (first + i)), 0));
	}
	for (guint key = 0; with_hash && key < HASH_KEYS; key++) {
		if (!input->has_key[key])
			continue;
		add(insns, INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -8, (int)key));
		add(insns, INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 6, (int)(8 * n++), 0));
		add(insns, INSN(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -16, 0));
		add(insns, INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, MAP_HASH));
		add(insns, INSN(0, 0, 0, 0, 0));
		add(insns, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0));
		add(insns, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8));
		add(insns, INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 10, 0, 0));
		add(insns, INSN(BPF_ALU64 | BPF_ADD | BPF_K, 3, 0, 0, -16));
		add(insns, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, 0));
		add(insns, INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_update_elem));
	}
	add(insns, INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0));
	add(insns, INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
	*ret_n = insns->len;
	return g_array_free(insns, FALSE);
}

/* --- the input, as assumptions --- */

static void assume_equal(struct kg_symex *x, struct kg_word w, unsigned width, uint64_t value)
{
	if (width < 64)
		value &= (1ull << width) - 1;
	kg_symex_assume(x, kg_terms.binary(x, KG_OP_EQ, width, w, KG_WORD(value)));
}

static uint64_t word_at(const guint8 *bytes, guint i)
{
	uint64_t w;

	memcpy(&w, bytes + 8 * i, 8);
	return w;
}

static void assume_args(struct scenario *s, const struct kg_event *event, const uint64_t *args, guint n)
{
	for (guint i = 0; i < n && i < event->fields->len; i++)
		assume_equal(s->x, ((struct kg_input *)event->fields->pdata[i])->word, 64, args[i]);
}

static void assume_setup(struct scenario *s)
{
	uint64_t low[12], high[12] = {0};
	guint n = 4;

	for (guint i = 0; i < 12; i++)
		low[i] = word_at(s->input->value, i);
	for (guint i = 0; i < 4; i++)
		high[i] = word_at(s->input->value, 12 + i);
	for (guint key = 0; key < HASH_KEYS; key++)
		if (s->input->has_key[key])
			high[n++] = s->input->hash[key];
	assume_args(s, s->events[SET_LOW], low, 12);
	assume_args(s, s->events[SET_HIGH], high, 12);
}

static void assume_packet(struct scenario *s, enum bpf_prog_type type)
{
	const struct kg_event *event = s->events[UNDER_TEST];
	uint32_t length = type == BPF_PROG_TYPE_SOCKET_FILTER ? PACKET_SIZE - ETH_SIZE : PACKET_SIZE;

	assume_equal(s->x, ((struct kg_input *)event->fields->pdata[event->fields->len - 1])->word, 32, length);
	assume_equal(s->x, ((const struct context *)event->own)->whole_length, 32, length);
	for (guint i = 0; i < PACKET_SIZE; i++)
		assume_equal(s->x, solver_byte(s->x->solver, SOLVER_PACKET, KG_WORD(i)), 8, s->input->packet[i]);
}

/* --- the outcome --- */

/* What [w] is in the model; [want] where it can be that. */
static uint64_t number_of(struct scenario *s, struct kg_word w, unsigned width, uint64_t want)
{
	if (!w.term || kg_symex_value(s->x, w) == want)
		return w.term ? want : w.bits;
	kg_symex_prefer(s->x, kg_terms.binary(s->x, KG_OP_EQ, width, w, KG_WORD(want)));
	return kg_symex_value(s->x, w);
}

static void take_effect(struct scenario *s, const struct kg_bpf_effect *e)
{
	guint8 bytes[VALUE_SIZE] = {0};
	uint32_t key = 0;

	for (guint i = 0; i < e->n_key && i < 4; i++)
		key |= (uint32_t)(number_of(s, e->key[i], 8, 0) & 0xff) << (8 * i);
	const guint8 *want = e->map == MAP_ARRAY ? s->kernel->value : (const guint8 *)&s->kernel->hash[key % HASH_KEYS];

	for (guint i = 0; i < e->n_value && i < VALUE_SIZE; i++)
		bytes[i] = (guint8)number_of(s, e->value[i], 8, want[i]);
	if (e->kind == KG_BPF_MAP_SET && e->map == MAP_ARRAY) {
		memcpy(s->ret->value, bytes, VALUE_SIZE);
	} else if (e->map == MAP_HASH && key < HASH_KEYS && (e->kind == KG_BPF_MAP_SET || e->kind == KG_BPF_MAP_DELETE)) {
		s->ret->has_key[key] = e->kind == KG_BPF_MAP_SET;
		s->ret->hash[key] = e->kind == KG_BPF_MAP_SET ? word_at(bytes, 0) : 0;
	}
}

static void take_packet(struct scenario *s, struct kg_state *state)
{
	for (guint i = 1; i < state->regions->len; i++) {
		struct region *r = state_region(state, i);

		if (r->kind != REGION_PACKET || r->is_gone)
			continue;
		for (guint k = 0; k < PACKET_SIZE && k < r->cells->n; k++)
			s->ret->packet[k] = (guint8)number_of(s, cells_byte(s->x, r->cells, k), 8, s->kernel->packet[k]);
	}
}

static void stop(struct scenario *s, const char *why)
{
	if (!s->why)
		s->why = g_strdup(why ? why : "for no reason");
}

/* Where the executor leaves something open (the result of deleting from a map), several paths can fit: one of them has to be the kernel's. */
static void at_end(const struct kg_path *path, void *user)
{
	struct scenario *s = user;
	struct outcome *ret = s->ret, mine = {0};
	enum bpf_prog_type type = ((struct kg_bpf_program *)s->object->programs->pdata[UNDER_TEST])->type;

	enum kg_answer fits = kg_symex_can(s->x, KG_WORD(1));

	if (fits == KG_UNKNOWN) {
		s->is_unknown = TRUE;
		stop(s, kg_symex_reason(s->x));
	}
	if (fits != KG_YES)
		return; /* not the input's path */
	if (!path->is_complete) {
		s->is_unknown = TRUE;
		stop(s, path->why);
		return;
	}
	s->n_ends++;
	s->ret = &mine;
	memcpy(s->ret->value, s->input->value, VALUE_SIZE);
	memcpy(s->ret->has_key, s->input->has_key, sizeof(s->ret->has_key));
	memcpy(s->ret->hash, s->input->hash, sizeof(s->ret->hash));
	s->ret->result = (uint32_t)number_of(s, kg_terms.extract(s->x, path->result, 31, 0), 32, s->kernel->result);
	for (guint i = 0; i < path->effects->len; i++)
		take_effect(s, path->effects->pdata[i]);
	if (has_packet(type))
		take_packet(s, path->state);
	s->ret = ret;
	if (s->n_ends == 1 || is_equal_outcome(&mine, s->kernel))
		*ret = mine;
}

/* --- the scenario --- */

static void run_event(struct scenario *s, guint program, const struct kg_state *from, kg_path_fn visit)
{
	_cleanup_error_ struct kg_error err = {0};

	if (kg_symex_run(s->x, s->object, program, s->events[program], from, visit, s, &err) < 0) {
		s->is_unknown = TRUE;
		stop(s, err.msg);
	}
}

static void at_high(const struct kg_path *path, void *user)
{
	struct scenario *s = user;

	if (!path->is_complete)
		stop(s, path->why);
	else
		run_event(s, UNDER_TEST, path->state, at_end);
}

static void at_low(const struct kg_path *path, void *user)
{
	struct scenario *s = user;

	if (!path->is_complete)
		stop(s, path->why);
	else
		run_event(s, SET_HIGH, path->state, at_high);
}

static void run_scenario(struct scenario *s)
{
	static const guint order[] = {SET_LOW, SET_HIGH, UNDER_TEST};
	enum bpf_prog_type type = ((struct kg_bpf_program *)s->object->programs->pdata[UNDER_TEST])->type;
	struct kg_state *start;

	for (guint i = 0; i < G_N_ELEMENTS(order); i++)
		s->events[order[i]] = kg_symex_event(s->x, s->object, order[i], NULL, NULL);
	assume_setup(s);
	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		assume_args(s, s->events[UNDER_TEST], s->input->args, RAW_ARGS);
	else
		assume_packet(s, type);
	start = kg_symex_start(s->x, s->object, KG_MAPS_EMPTY);
	run_event(s, SET_LOW, start, at_low);
	kg_state_free(start);
}

int run_symbolic(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why)
{
	struct kg_bpf_program low = {.attach = (char *)"low", .type = BPF_PROG_TYPE_RAW_TRACEPOINT}, high = low,
			      program = *(const struct kg_bpf_program *)object->programs->pdata[0];
	g_autoptr(GPtrArray) programs = g_ptr_array_new();
	struct kg_object own = {.programs = programs, .maps = object->maps};
	struct scenario s = {.object = &own, .input = input, .kernel = kernel, .ret = ret};
	g_autofree struct bpf_insn *low_insns = low.insns = setup_program(input, 0, 12, FALSE, &low.n_insns);
	g_autofree struct bpf_insn *high_insns = high.insns = setup_program(input, 12, 4, TRUE, &high.n_insns);

	(void)low_insns;
	(void)high_insns;
	program.attach = (char *)"random";
	g_ptr_array_add(programs, &program);
	g_ptr_array_add(programs, &low);
	g_ptr_array_add(programs, &high);
	memset(ret, 0, sizeof(*ret));
	s.x = kg_symex_new(&(struct kg_symex_opts){.solver_ms = 3000, .total_ms = 20000});
	run_scenario(&s);
	if (!s.why && !s.n_ends)
		s.why = g_strdup("no path fits the input");
	kg_symex_free(s.x);
	*ret_why = s.why;
	return s.is_unknown ? 1 : s.why ? -1 : 0;
}
