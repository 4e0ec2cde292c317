/*
 * The executor: all paths of a program, depth first.
 *
 * An instruction that depends on a condition which the path has not decided stops with -SX_FORK and the condition. The path is then asked which
 * ways it can go; where it can go both, its state is copied, and the solver's stack holds the decision while a way is walked. The
 * instruction is executed again with the decision known.
 *
 * A branch over a few instructions that only compute (bpftrace's log2, comparisons that become 0 or 1) is not walked twice: both results
 * are computed and chosen between. Without that a histogram alone would have 64 paths.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#define MAX_SKIP 16 /* instructions of such a branch */
#define MAX_CHAIN 256 /* branches to one place */
#define MAX_LOOPS 8388608 /* BPF_MAX_LOOPS */

extern const struct kg_algebra sx_step_algebra;

/* ---------------------------------------------------------------- life */

static void thing_free(gpointer p)
{
	g_free(p);
}

static void event_free(gpointer p)
{
	struct kg_event *event = p;
	struct context *context = event->own;

	if (context)
		cells_unref(context->cells);
	g_free(context);
	g_ptr_array_unref(event->fields);
	g_free(event);
}

static void text_free(gpointer p)
{
	GArray **arrays = p; /* struct text: bytes, ended */

	g_array_unref(arrays[0]);
	g_array_unref(arrays[1]);
	g_free(p);
}

static guint or(guint value, guint otherwise)
{
	return value ? value : otherwise;
}

/* All executors, for kg_symex_interrupt(). */
static GMutex living_lock;
static GPtrArray *living;

static void enlist(struct kg_symex *x)
{
	g_mutex_lock(&living_lock);
	living = living ? living : g_ptr_array_new();
	g_ptr_array_add(living, x);
	g_mutex_unlock(&living_lock);
}

static void strike_out(struct kg_symex *x)
{
	g_mutex_lock(&living_lock);
	g_ptr_array_remove_fast(living, x);
	if (!living->len)
		g_clear_pointer(&living, g_ptr_array_unref);
	g_mutex_unlock(&living_lock);
}

void kg_symex_interrupt(void)
{
	g_mutex_lock(&living_lock);
	for (guint i = 0; living && i < living->len; i++)
		solver_interrupt(((struct kg_symex *)living->pdata[i])->solver);
	g_mutex_unlock(&living_lock);
}

struct kg_symex *kg_symex_new(const struct kg_symex_opts *opts)
{
	static const struct kg_symex_opts defaults;
	struct kg_symex *x = g_new0(struct kg_symex, 1);

	x->opts = opts ? *opts : defaults;
	x->opts.solver_ms = or(x->opts.solver_ms, 20000);
	x->opts.total_ms = or(x->opts.total_ms, 60000);
	x->opts.max_paths = or(x->opts.max_paths, 4096);
	x->opts.max_steps = or(x->opts.max_steps, 200000);
	x->opts.max_unroll = or(x->opts.max_unroll, 64);
	x->solver = solver_new(x->opts.solver_effort, x->opts.solver_ms);
	x->until = g_get_monotonic_time() + (gint64)x->opts.total_ms * 1000;
	x->inputs = g_ptr_array_new();
	x->input_of = g_hash_table_new(NULL, NULL);
	x->types = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	x->threads = g_ptr_array_new_with_free_func(g_free);
	x->events = g_ptr_array_new_with_free_func(event_free);
	x->all_reads = g_ptr_array_new();
	x->texts = g_hash_table_new(g_str_hash, g_str_equal);
	x->owned_texts = g_ptr_array_new_with_free_func(text_free);
	x->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	x->strings = g_string_chunk_new(4096);
	x->owned = g_ptr_array_new_with_free_func(thing_free);
	x->unset = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	x->packet_places = g_hash_table_new(NULL, NULL);
	enlist(x);
	return x;
}

struct kg_symex *kg_symex_free(struct kg_symex *x)
{
	if (!x)
		return NULL;
	strike_out(x);
	g_ptr_array_unref(x->inputs);
	g_hash_table_destroy(x->input_of);
	g_hash_table_destroy(x->types);
	g_ptr_array_unref(x->threads);
	g_ptr_array_unref(x->events);
	g_ptr_array_unref(x->all_reads);
	g_hash_table_destroy(x->texts);
	g_ptr_array_unref(x->owned_texts);
	g_hash_table_destroy(x->names);
	g_string_chunk_free(x->strings);
	g_ptr_array_unref(x->owned);
	g_array_unref(x->unset);
	g_hash_table_destroy(x->packet_places);
	solver_free(x->solver);
	g_free(x);
	return NULL;
}

struct kg_state *kg_symex_start(struct kg_symex *x, const struct kg_object *object, enum kg_maps_at_first maps)
{
	return state_new(x, object, maps);
}

/* ---------------------------------------------------------------- one path */

struct run {
	struct kg_symex *x;
	const struct kg_bpf_program *program;
	struct kg_event *event;
	kg_path_fn visit;
	void *user;
};

static gboolean is_stopped(struct kg_symex *x)
{
	if (x->opts.stop && *x->opts.stop)
		x->limit = "it was interrupted";
	return x->opts.stop && *x->opts.stop;
}

static void finish(struct run *run, struct kg_state *s)
{
	struct kg_path path = {.state = s, .event = run->event, .pcs = s->pcs, .reads = s->reads};

	run->x->n_paths++;
	s->cpu.pc = MIN(s->cpu.pc, run->program->n_insns);
	sx_map_end_run(s);
	path.effects = s->effects;
	path.result = s->cpu.reg[0];
	path.is_complete = !s->why;
	path.why = s->why;
	path.is_left = s->is_left;
	if (path.is_complete && (is_stopped(run->x) || solver_is_broken(run->x->solver))) { /* its words mean nothing */
		path.is_complete = FALSE;
		path.why = run->x->limit ? run->x->limit : solver_reason(run->x->solver);
	}
	run->visit(&path, run->user);
}

static gboolean is_over(struct kg_symex *x)
{
	if (x->limit)
		return TRUE;
	if (x->n_paths >= x->opts.max_paths)
		x->limit = sx_keepf(x, "more than %u paths", x->opts.max_paths);
	else if (is_stopped(x))
		return TRUE;
	else if (g_get_monotonic_time() > x->until)
		x->limit = sx_keepf(x, "more than %u ms", x->opts.total_ms);
	else if (solver_is_broken(x->solver))
		x->limit = sx_keep(x, solver_reason(x->solver));
	return x->limit != NULL;
}

/* ---------------------------------------------------------------- branches that only choose a value */

static gboolean only_computes(const struct bpf_insn *insn)
{
	guint class = BPF_CLASS(insn->code);

	if (class == BPF_ALU || class == BPF_ALU64)
		return TRUE;
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == 0;
}

static gboolean all_compute(const struct kg_bpf_program *p, guint from, guint to)
{
	if (from > to || to - from > MAX_SKIP || to > p->n_insns)
		return FALSE;
	for (guint pc = from; pc < to; pc += p->insns[pc].code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1)
		if (!only_computes(&p->insns[pc]))
			return FALSE;
	return TRUE;
}

static gboolean compute(struct run *run, struct kg_state *s, struct kg_cpu *cpu, guint from, guint to)
{
	cpu->pc = from;
	while (cpu->pc < to) {
		struct kg_step step;
		if (kg_isa_step(run->program->insns, run->program->n_insns, cpu, &sx_step_algebra, &sx_memory, s, &step, NULL) ||
		    step.flow != KG_FLOW_NEXT)
			return FALSE;
	}
	return TRUE;
}

/* "if c goto B; A...; B:" and "if c goto B; A...; goto C; B...; C:". TRUE if the branch was made a choice. */
static gboolean choose_value(struct run *run, struct kg_state *s, const struct kg_step *step)
{
	const struct kg_bpf_program *p = run->program;
	guint from = s->cpu.pc, target = step->target, join = target;
	struct kg_cpu no = s->cpu, yes = s->cpu;
	guint end = target;

	if (target <= from || target > p->n_insns)
		return FALSE;
	if (target - 1 > from && p->insns[target - 1].code == (BPF_JMP | BPF_JA) && p->insns[target - 1].off > 0) {
		end = target - 1;
		join = target + (guint)p->insns[target - 1].off;
		if (!all_compute(p, target, join) || !compute(run, s, &yes, target, join))
			return FALSE;
	}
	if (!all_compute(p, from, end) || !compute(run, s, &no, from, end))
		return FALSE;
	for (int i = 0; i <= 10; i++)
		if (!word_same(yes.reg[i], no.reg[i]) && (yes.reg[i].region || no.reg[i].region))
			return FALSE; /* pointers are not chosen between */
	for (int i = 0; i <= 10; i++)
		s->cpu.reg[i] = sx_select(s->x, step->condition, 64, yes.reg[i], no.reg[i]);
	s->cpu.pc = join;
	return TRUE;
}

/* ---------------------------------------------------------------- branches one behind the other to one place */

/* Both ways of several branches as one: where it goes if any of them jumps, and where if none does. */
struct chain {
	struct kg_word condition;
	struct kg_cpu jumped, passed;
};

/* Computes, or reads the stack: nothing that a way not taken would leave behind. */
static gboolean is_harmless(const struct bpf_insn *insn)
{
	return only_computes(insn) || (BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) == BPF_MEM && insn->src_reg == BPF_REG_10);
}

/* The next branch behind harmless instructions, if it goes to [target]. */
static gboolean next_branch(struct run *run, struct kg_state *s, struct kg_cpu *cpu, guint target, struct kg_step *ret)
{
	const struct kg_bpf_program *p = run->program;

	for (guint n = 0; n < MAX_SKIP && cpu->pc < target; n++) {
		gboolean is_harmless_one = is_harmless(&p->insns[cpu->pc]);
		if (!is_harmless_one && BPF_CLASS(p->insns[cpu->pc].code) != BPF_JMP && BPF_CLASS(p->insns[cpu->pc].code) != BPF_JMP32)
			return FALSE;
		if (kg_isa_step(p->insns, p->n_insns, cpu, &sx_step_algebra, &sx_memory, s, ret, NULL))
			return FALSE;
		if (!is_harmless_one)
			return ret->flow == KG_FLOW_BRANCH && ret->target == target && ret->condition.term;
		if (ret->flow != KG_FLOW_NEXT)
			return FALSE;
	}
	return FALSE;
}

/* At the common target: the registers of who jumped before, or of who jumps now. Pointers are not chosen between. */
static gboolean join_registers(struct run *run, struct chain *c, const struct kg_cpu *now)
{
	for (int i = 0; i <= 10; i++)
		if (!word_same(c->jumped.reg[i], now->reg[i]) && (c->jumped.reg[i].region || now->reg[i].region))
			return FALSE;
	for (int i = 0; i <= 10; i++)
		c->jumped.reg[i] = sx_select(run->x, c->condition, 64, c->jumped.reg[i], now->reg[i]);
	return TRUE;
}

/*
 * "if a goto L; ...; if b goto L; ...": one decision, whether any of them holds. bpftrace compares texts byte by byte so, and each byte would
 * be a path of its own.
 */
static gboolean find_chain(struct run *run, struct kg_state *s, const struct kg_step *step, struct chain *c)
{
	guint n = 1;

	*c = (struct chain){step->condition, s->cpu, s->cpu};
	c->jumped.pc = step->target;
	while (step->target > c->passed.pc && n < MAX_CHAIN) {
		struct kg_cpu cpu = c->passed;
		struct kg_step next;

		if (!next_branch(run, s, &cpu, step->target, &next) || !join_registers(run, c, &cpu))
			break;
		c->condition = sx_or(run->x, c->condition, next.condition);
		c->passed = cpu;
		n++;
	}
	return n > 1;
}

static void note_branch(struct kg_state *s, guint pc, gboolean jumps)
{
	guint mark = pc * 2 + !!jumps;

	g_array_append_val(s->pcs, mark);
}

static int branch(struct run *run, struct kg_state *s, const struct kg_step *step, guint pc)
{
	gboolean jumps;
	guint taken;
	struct chain chain;
	int r = state_decide(s, step->condition, &jumps);

	if (r == -SX_FORK && choose_value(run, s, step))
		return 0;
	if (r == -SX_FORK && find_chain(run, s, step, &chain)) {
		r = state_decide(s, chain.condition, &jumps);
		if (r == 0) {
			note_branch(s, pc, jumps);
			s->cpu = jumps ? chain.jumped : chain.passed;
		}
		return r;
	}
	if (r)
		return r;
	if (step->condition.term)
		note_branch(s, pc, jumps);
	if (!jumps)
		return 0;
	s->cpu.pc = step->target;
	if (step->target > pc || !step->condition.term)
		return 0;
	taken = GPOINTER_TO_UINT(g_hash_table_lookup(s->back, GUINT_TO_POINTER(pc))) + 1;
	g_hash_table_insert(s->back, GUINT_TO_POINTER(pc), GUINT_TO_POINTER(taken));
	if (taken > run->x->opts.max_unroll)
		return state_end(s, "the loop at instruction %u was followed %u times, and could go on", pc, run->x->opts.max_unroll);
	return 0;
}

/* ---------------------------------------------------------------- functions of the program */

static void set_stack(struct kg_state *s)
{
	uint64_t base = KG_AT_STACK + (s->n_frames - 1) * 0x10000ull;
	guint region = state_region_new(s, REGION_STACK, base, 512);

	s->frames[s->n_frames - 1].stack = region;
	s->cpu.reg[10] = (struct kg_word){.bits = base + 512, .region = region};
}

static int call_function(struct kg_state *s, guint target)
{
	if (s->n_frames == G_N_ELEMENTS(s->frames))
		return state_end(s, "functions call each other more than %zu deep", G_N_ELEMENTS(s->frames));
	s->frames[s->n_frames] = (struct frame){.caller = s->cpu};
	s->n_frames++;
	set_stack(s);
	s->cpu.pc = target;
	return 0;
}

/* The entry of the array that a round of bpf_for_each_map_elem() is about: asked before anything is changed. */
static int entry_of_round(struct kg_state *s, int map, uint64_t i, guint *ret)
{
	struct kg_word key[4];
	gboolean is_present;

	if (map < 0)
		return 0;
	for (guint k = 0; k < 4; k++)
		key[k] = KG_WORD(i >> (8 * k) & 0xff);
	return sx_map_find(s, map, key, 4, ret, &is_present);
}

static void begin_round(struct kg_state *s, guint entry)
{
	struct frame *frame = &s->frames[s->n_frames - 1];
	guint key, value;

	s->cpu.pc = frame->loop.target;
	if (frame->loop.map < 0) {
		s->cpu.reg[1] = KG_WORD(frame->loop.i);
		s->cpu.reg[2] = frame->loop.context;
		return;
	}
	key = state_region_new(s, REGION_STACK, s->next_value, 4);
	s->next_value += 4096;
	mem_store_word(s, KG_WORD(state_region(s, key)->base), 4, KG_WORD(frame->loop.i));
	value = g_array_index(s->entries, struct entry, entry).region;
	s->cpu.reg[1] = KG_WORD(KG_AT_MAP + 0x100000000ull * (guint)frame->loop.map);
	s->cpu.reg[2] = (struct kg_word){.bits = state_region(s, key)->base, .region = key};
	s->cpu.reg[3] = (struct kg_word){.bits = state_region(s, value)->base, .region = value};
	s->cpu.reg[4] = frame->loop.context;
}

/* Is there a round [i]? Where the number of rounds is unknown, both may be, as often as a branch back is followed. */
static int has_round(struct kg_state *s, struct kg_word n, uint64_t i, gboolean *ret)
{
	if (n.term && i >= s->x->opts.max_unroll)
		return state_end(s, "the loop at instruction %u was followed %u times, and could go on", s->cpu.pc, s->x->opts.max_unroll);
	return state_decide(s, sx_op(s->x, KG_OP_ULT, 64, KG_WORD(i), n), ret);
}

static int begin_rounds(struct kg_state *s, int map, struct kg_word n)
{
	struct kg_word callback = s->cpu.reg[2], context = s->cpu.reg[3];
	struct frame *frame;
	gboolean has_first;
	guint entry = 0;
	int r = has_round(s, n, 0, &has_first);

	if (r == 0 && (callback.term || callback.bits < KG_AT_CODE))
		r = state_end(s, "a loop that the kernel refuses");
	if (r)
		return r;
	if (!has_first) {
		s->cpu.reg[0] = KG_WORD(0);
		return 0;
	}
	r = entry_of_round(s, map, 0, &entry);
	if (r == 0)
		r = call_function(s, (guint)((callback.bits - KG_AT_CODE) / 8));
	if (r)
		return r;
	frame = &s->frames[s->n_frames - 1];
	frame->loop.is = TRUE;
	frame->loop.map = map;
	frame->loop.i = 0;
	frame->loop.n = n;
	frame->loop.target = s->cpu.pc;
	frame->loop.context = context;
	begin_round(s, entry);
	return 0;
}

/*
 * bpf_loop(nr, callback, context, flags): the callback's frames, one after the other. Too many rounds are refused: the verifier puts the loop in place of the
 * call, where r0 = -E2BIG is a 32-bit move (inline_bpf_loop(), Linux 6.18).
 */
static int begin_loop(struct kg_state *s)
{
	struct kg_word n = sx_extend(s->x, sx_extract(s->x, s->cpu.reg[1], 31, 0), 32, 64);
	gboolean is_long = FALSE;
	uint64_t flags;
	int r = state_number(s, s->cpu.reg[4], "the flags of bpf_loop", &flags);

	if (r == 0 && !flags)
		r = state_decide(s, sx_op(s->x, KG_OP_ULT, 64, KG_WORD(MAX_LOOPS), n), &is_long);
	if (r)
		return r;
	if (!flags && !is_long)
		return begin_rounds(s, -1, n);
	s->cpu.reg[0] = KG_WORD(flags ? (uint64_t)-EINVAL : (uint32_t)-E2BIG);
	return 0;
}

/* bpf_for_each_map_elem(map, callback, context, flags): over an array. What other maps hold, and in which order, is not known. */
static int begin_for_each(struct kg_state *s)
{
	const struct kg_map *m;
	uint64_t flags;
	int map, r = sx_map_of(s, s->cpu.reg[1], &map);

	if (r == 0)
		r = state_number(s, s->cpu.reg[4], "the flags of bpf_for_each_map_elem", &flags);
	if (r)
		return r;
	if (flags) {
		s->cpu.reg[0] = KG_WORD((uint64_t)-EINVAL);
		return 0;
	}
	m = s->object->maps->pdata[map];
	if (m->type != BPF_MAP_TYPE_ARRAY && m->type != BPF_MAP_TYPE_PERCPU_ARRAY)
		return state_end(s, "which entries %s has is not known (bpf_for_each_map_elem)", m->name);
	return begin_rounds(s, map, KG_WORD(m->max_entries));
}

/* *ret_ended: the program itself ended. */
static int leave_function(struct kg_state *s, gboolean *ret_ended)
{
	struct frame *frame = &s->frames[s->n_frames - 1];
	struct kg_word result = s->cpu.reg[0];

	*ret_ended = s->n_frames == 1;
	if (*ret_ended)
		return 0;
	if (frame->loop.is) {
		gboolean stops, has_next = FALSE;
		guint entry = 0;
		int r = state_decide(s, sx_op(s->x, KG_OP_NE, 64, result, KG_WORD(0)), &stops);
		if (r == 0 && !stops)
			r = has_round(s, frame->loop.n, frame->loop.i + 1, &has_next);
		if (r == 0 && has_next)
			r = entry_of_round(s, frame->loop.map, frame->loop.i + 1, &entry);
		if (r)
			return r;
		frame->loop.i++;
		if (has_next) {
			state_region(s, frame->stack)->is_gone = TRUE;
			set_stack(s);
			begin_round(s, entry);
			return 0;
		}
		result = KG_WORD(frame->loop.i);
	}
	s->n_frames--;
	state_region(s, frame->stack)->is_gone = TRUE;
	s->cpu = frame->caller;
	s->cpu.reg[0] = result;
	return 0;
}

/* ---------------------------------------------------------------- steps */

enum { GOES_ON, ENDED = 1 };

/* ENDED: the packet has no such bytes, and the function ends. */
static int old_load(struct kg_state *s, const struct kg_step *step)
{
	gboolean is_there;
	int r = sx_old_load(s, step->condition, (guint)step->number, &is_there, &s->cpu.reg[0]);

	return r ? r : is_there ? GOES_ON : ENDED;
}

/* One instruction. On a negative result the state is as before it. */
static int execute(struct run *run, struct kg_state *s)
{
	struct kg_cpu before = s->cpu;
	guint n_effects = s->effects->len;
	struct kg_step step;
	gboolean has_ended = FALSE;
	_cleanup_error_ struct kg_error e = {0};
	int r;

	if (++s->n_steps > run->x->opts.max_steps)
		return state_end(s, "more than %u instructions on one path", run->x->opts.max_steps);
	run->x->n_steps++;
	r = kg_isa_step(run->program->insns, run->program->n_insns, &s->cpu, &sx_step_algebra, &sx_memory, s, &step, &e);
	if (r == 0)
		switch (step.flow) {
		case KG_FLOW_NEXT:
			return GOES_ON;
		case KG_FLOW_BRANCH:
			r = branch(run, s, &step, before.pc);
			break;
		case KG_FLOW_HELPER:
			if (step.number == BPF_FUNC_loop)
				r = begin_loop(s);
			else if (step.number == BPF_FUNC_for_each_map_elem)
				r = begin_for_each(s);
			else
				r = sx_helper_call(s, step.number);
			break;
		case KG_FLOW_KFUNC:
			r = sx_kfunc_call(s, step.number);
			break;
		case KG_FLOW_MAY_GOTO: /* taken for granted, and listed: the loop ends before the kernel cuts it off */
			break;
		case KG_FLOW_OLD_LOAD:
			r = old_load(s, &step);
			if (r != ENDED)
				break;
			s->cpu.reg[0] = KG_WORD(0);
			r = leave_function(s, &has_ended);
			if (r == 0)
				return has_ended ? ENDED : GOES_ON;
			break;
		case KG_FLOW_FUNCTION:
			r = call_function(s, step.target);
			break;
		case KG_FLOW_EXIT:
			r = leave_function(s, &has_ended);
			if (r == 0)
				return has_ended ? ENDED : GOES_ON;
			break;
		}
	if (r < 0 && r != -SX_FORK && r != -SX_END)
		r = state_end(s, "%s", e.msg ? e.msg : "an instruction that is not understood");
	if (r < 0) {
		s->cpu = before;
		g_ptr_array_set_size(s->effects, (gint)n_effects);
	}
	return r;
}

static void decided(struct kg_state *s, struct kg_word condition, gboolean is_true)
{
	struct kg_word not = sx_not(s->x, condition);

	g_hash_table_insert(s->decided, condition.term, GINT_TO_POINTER(is_true ? 1 : 2));
	if (not.term)
		g_hash_table_insert(s->decided, not.term, GINT_TO_POINTER(is_true ? 2 : 1));
}

static void explore(struct run *run, struct kg_state *s);

static void go(struct run *run, struct kg_state *s, struct kg_word condition, gboolean is_true)
{
	decided(s, condition, is_true);
	solver_push(run->x->solver);
	solver_assert(run->x->solver, is_true ? condition : sx_not(run->x, condition));
	explore(run, s);
	solver_pop(run->x->solver);
}

/* Both ways, or the one that can be. TRUE: [s] goes on by itself. */
static gboolean fork_path(struct run *run, struct kg_state *s)
{
	struct kg_word condition = run->x->fork, not = sx_not(run->x, condition);
	gboolean can_be = solver_is_possible(run->x->solver, condition);
	gboolean can_not = !can_be || solver_is_possible(run->x->solver, not);
	struct kg_state *other;

	if (!can_be || !can_not) {
		decided(s, condition, can_be);
		return TRUE;
	}
	other = state_copy(s);
	go(run, s, condition, TRUE);
	if (!is_over(run->x))
		go(run, other, condition, FALSE);
	kg_state_free(other);
	return FALSE;
}

static void explore(struct run *run, struct kg_state *s)
{
	int r = GOES_ON;

	while (r == GOES_ON) {
		if (!(s->n_steps & 63) && is_over(run->x))
			return;
		r = execute(run, s);
		if (r == -SX_FORK) {
			if (is_over(run->x) || !fork_path(run, s))
				return;
			r = GOES_ON;
		}
	}
	finish(run, s);
}

/* ---------------------------------------------------------------- runs */

static void set_context(struct kg_state *s, const struct kg_event *event)
{
	const struct context *context = event->own;
	guint region = state_region_new(s, REGION_CONTEXT, KG_AT_CONTEXT, 1);
	struct region *r = state_region(s, region);

	cells_unref(r->cells);
	r->cells = context->cells;
	r->cells->refs++;
	s->cpu.reg[1] = (struct kg_word){.bits = KG_AT_CONTEXT, .region = region};
	if (context->has_packet) {
		guint packet = state_region_new(s, REGION_PACKET, KG_AT_PACKET, 1024);
		struct cells *cells = state_region(s, packet)->cells;
		cells->is_packet = TRUE;
		for (guint i = 0; i < cells->n; i++)
			cells->cell[i] = (struct cell){.n_value = 1, .is_set = TRUE, .is_pad = TRUE};
	}
}

static struct kg_state *begin(const struct kg_state *from, struct kg_event *event)
{
	struct kg_state *s = state_copy(from);

	for (guint i = 1; i < s->regions->len; i++)
		if (state_region(s, i)->kind != REGION_VALUE)
			state_region(s, i)->is_gone = TRUE;
	memset(&s->cpu, 0, sizeof(s->cpu));
	memset(s->calls, 0, sizeof(s->calls));
	g_ptr_array_set_size(s->effects, 0);
	g_array_set_size(s->pcs, 0);
	g_hash_table_remove_all(s->back);
	s->n_steps = 0;
	s->event = event;
	s->run++;
	s->n_frames = 1;
	set_context(s, event);
	set_stack(s);
	sx_map_begin_run(s);
	return s;
}

int kg_symex_run(struct kg_symex *x, const struct kg_object *object, guint program, struct kg_event *event, const struct kg_state *from,
		 kg_path_fn visit, void *user, struct kg_error *err)
{
	struct run run = {.x = x, .event = event, .visit = visit, .user = user};
	struct kg_state *s;

	if (program >= object->programs->len)
		return kg_error_set(err, KG_E_INVAL, "proof", "there is no program %u in this object", program);
	run.program = object->programs->pdata[program];
	s = begin(from, event);
	explore(&run, s);
	kg_state_free(s);
	if (x->limit)
		return kg_error_set(err, KG_E_LIMIT, "proof", "not all paths were seen: %s", x->limit);
	return 0;
}

/* ---------------------------------------------------------------- questions */

void kg_symex_assume(struct kg_symex *x, struct kg_word condition)
{
	solver_assert(x->solver, condition);
}

void kg_symex_mark(struct kg_symex *x)
{
	solver_push(x->solver);
}

void kg_symex_forget(struct kg_symex *x)
{
	solver_pop(x->solver);
}

static enum kg_answer answer_of(enum solver_answer answer)
{
	return answer == SOLVER_SAT ? KG_YES : answer == SOLVER_UNSAT ? KG_NO : KG_UNKNOWN;
}

enum kg_answer kg_symex_can(struct kg_symex *x, struct kg_word condition)
{
	x->question = condition;
	if (is_stopped(x))
		return KG_UNKNOWN;
	return answer_of(solver_check(x->solver, &condition));
}

gboolean kg_symex_prefer(struct kg_symex *x, struct kg_word wish)
{
	struct kg_word both = sx_and(x, x->question, wish);

	if (word_same(both, x->question))
		return TRUE;
	if (is_stopped(x))
		return FALSE;
	solver_save_model(x->solver);
	if (solver_check(x->solver, &both) == SOLVER_SAT) {
		x->question = both;
		return TRUE;
	}
	solver_restore_model(x->solver);
	return FALSE;
}

void kg_symex_prefer_cleared(struct kg_symex *x)
{
	struct kg_word all = KG_WORD(1);

	for (guint i = 0; i < x->unset->len; i++)
		all = sx_and(x, all, sx_op(x, KG_OP_EQ, 8, g_array_index(x->unset, struct kg_word, i), KG_WORD(0)));
	kg_symex_prefer(x, all);
}

uint64_t kg_symex_value(struct kg_symex *x, struct kg_word w)
{
	return solver_value(x->solver, w);
}

void kg_symex_look_at(struct kg_symex *x, const struct kg_event *event)
{
	x->current = event;
}

struct kg_word kg_symex_base(struct kg_symex *x, struct kg_word address)
{
	struct kg_word base;
	int64_t offset;

	solver_split(x->solver, address, &base, &offset);
	return base;
}

gboolean kg_symex_is_quotient(struct kg_symex *x, struct kg_word q, struct kg_word *ret_of, uint64_t *ret_divisor)
{
	return solver_is_quotient(x->solver, q, ret_of, ret_divisor);
}

const struct kg_event *kg_symex_looked_at(const struct kg_symex *x)
{
	return x->current;
}

GArray *kg_symex_decisions(const struct kg_path *path)
{
	GArray *ret = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	GHashTableIter it;
	gpointer term;

	g_hash_table_iter_init(&it, path->state->decided);
	while (g_hash_table_iter_next(&it, &term, NULL)) {
		struct kg_word word = {.term = term};
		g_array_append_val(ret, word);
	}
	return ret;
}

const char *kg_symex_reason(const struct kg_symex *x)
{
	return x->limit ? x->limit : solver_reason(x->solver);
}

struct kg_symex_cost kg_symex_cost(const struct kg_symex *x)
{
	struct solver_cost cost = solver_cost(x->solver);

	return (struct kg_symex_cost){x->n_paths, x->n_steps, cost.checks, cost.unknowns, cost.ns};
}

struct kg_state *kg_state_knowing(const struct kg_state *state, const struct kg_path *path)
{
	struct kg_state *copy = state_copy(state);
	GHashTableIter it;
	gpointer term, value;

	g_hash_table_iter_init(&it, path->state->decided);
	while (g_hash_table_iter_next(&it, &term, &value))
		g_hash_table_insert(copy->decided, term, value);
	return copy;
}
