/*
 * The symbolic executor as one that runs a program on an input, in two ways. With everything known each input is a number from the beginning,
 * and all of the program folds to numbers: that is quick. With everything unknown the inputs are terms, about which it is then assumed that they have the
 * input's values: so the translation of each operation into terms is held against the kernel as well, and not only the folding of constants.
 *
 * A scenario of three events brings the input in: raw tracepoints whose arguments are written into the array and the hash map, and then the
 * program under test.
 */
#include "differential.h"

#include "../../src/symex/state.h"

#include <stdio.h>
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
	gboolean is_known;   /* all inputs are numbers */
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

/* --- the input --- */

static uint64_t word_at(const guint8 *bytes, guint i)
{
	uint64_t w;

	memcpy(&w, bytes + 8 * i, 8);
	return w;
}

static enum bpf_prog_type type_of(const struct scenario *s)
{
	return ((const struct kg_bpf_program *)s->object->programs->pdata[UNDER_TEST])->type;
}

static uint32_t packet_length(const struct scenario *s)
{
	return type_of(s) == BPF_PROG_TYPE_SOCKET_FILTER ? PACKET_SIZE - ETH_SIZE : PACKET_SIZE;
}

/* Argument number i of the event that runs [program]; 0 behind the last. */
static uint64_t arg_of(const struct scenario *s, guint program, guint i)
{
	guint n = 4;

	if (i >= 12)
		return 0;
	if (program == UNDER_TEST)
		return i < RAW_ARGS ? s->input->args[i] : 0;
	if (program == SET_LOW || i < 4)
		return word_at(s->input->value, program == SET_LOW ? i : 12 + i);
	for (guint key = 0; key < HASH_KEYS; key++)
		if (s->input->has_key[key] && n++ == i)
			return s->input->hash[key];
	return 0;
}

/* --- ... as numbers --- */

static guint event_in(const char *name)
{
	return strstr(name, "(3rd event)") ? UNDER_TEST : strstr(name, "(2nd event)") ? SET_HIGH : SET_LOW;
}

static gboolean give(void *user, const char *name, uint64_t *ret)
{
	static const char *const zeros[] = {"cpu", "tid", "pid", "uid", "gid", "cgroup", "comm", "context at byte "};
	const struct scenario *s = user;
	unsigned function;
	int at;

	if (sscanf(name, "arg%i", &at) == 1)
		*ret = arg_of(s, event_in(name), (guint)at);
	else if (sscanf(name, "memory %u %i", &function, &at) == 2 && function == SOLVER_PACKET)
		*ret = at < PACKET_SIZE ? s->input->packet[at] : 0;
	else if (g_str_has_prefix(name, "packet length") || (sscanf(name, "context at byte %i", &at) == 1 && at == 0)) /* skb->len: the whole is linear */
		*ret = packet_length(s);
	else if (g_str_has_prefix(name, "nsecs"))
		*ret = 1000;
	else if (g_str_has_prefix(name, "curtask"))
		*ret = 1ull << 63 | 4096;
	else {
		for (guint i = 0; i < G_N_ELEMENTS(zeros); i++)
			if (g_str_has_prefix(name, zeros[i]))
				return *ret = 0, TRUE;
		return FALSE;
	}
	return TRUE;
}

/* --- ... as assumptions --- */

static void assume_equal(struct kg_symex *x, struct kg_word w, unsigned width, uint64_t value)
{
	if (width < 64)
		value &= (1ull << width) - 1;
	kg_symex_assume(x, kg_terms.binary(x, KG_OP_EQ, width, w, KG_WORD(value)));
}

static void assume_args(struct scenario *s, guint program, guint n)
{
	const GPtrArray *fields = s->events[program]->fields;

	for (guint i = 0; i < n && i < fields->len; i++)
		assume_equal(s->x, ((struct kg_input *)fields->pdata[i])->word, 64, arg_of(s, program, i));
}

static void assume_packet(struct scenario *s)
{
	assume_equal(s->x, s->events[UNDER_TEST]->packet_length->word, 32, packet_length(s));
	assume_equal(s->x, ((const struct context *)s->events[UNDER_TEST]->own)->whole_length, 32, packet_length(s));
	for (guint i = 0; i < PACKET_SIZE; i++)
		assume_equal(s->x, solver_byte(s->x->solver, SOLVER_PACKET, KG_WORD(i)), 8, s->input->packet[i]);
}

static void assume_input(struct scenario *s)
{
	assume_args(s, SET_LOW, 12);
	assume_args(s, SET_HIGH, 12);
	if (type_of(s) == BPF_PROG_TYPE_RAW_TRACEPOINT)
		assume_args(s, UNDER_TEST, RAW_ARGS);
	else
		assume_packet(s);
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
	if (has_packet(type_of(s)))
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
	struct kg_state *start;

	if (s->is_known)
		solver_give(s->x->solver, give, s);
	for (guint i = 0; i < G_N_ELEMENTS(order); i++)
		s->events[order[i]] = kg_symex_event(s->x, s->object, order[i], NULL, NULL);
	if (!s->is_known)
		assume_input(s);
	start = kg_symex_start(s->x, s->object, KG_MAPS_EMPTY);
	run_event(s, SET_LOW, start, at_low);
	kg_state_free(start);
}

static int run(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why,
	       gboolean is_known)
{
	struct kg_bpf_program low = {.attach = (char *)"low", .type = BPF_PROG_TYPE_RAW_TRACEPOINT}, high = low,
			      program = *(const struct kg_bpf_program *)object->programs->pdata[0];
	g_autoptr(GPtrArray) programs = g_ptr_array_new();
	struct kg_object own = {.programs = programs, .maps = object->maps};
	struct scenario s = {.object = &own, .input = input, .kernel = kernel, .ret = ret, .is_known = is_known};
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

int run_symbolic_known(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why)
{
	return run(object, input, kernel, ret, ret_why, TRUE);
}

int run_symbolic_unknown(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why)
{
	return run(object, input, kernel, ret, ret_why, FALSE);
}
