/*
 * The loop. A function of the program is a C call of ours: its frame has a stack of its own, r6 to r9 come back as they were.
 */
#include "internal.h"

#include <stdarg.h>
#include <string.h>

#define STEPS_DEFAULT 1000000
#define PATH_DEFAULT 100000
#define MAY_GOTO_TURNS 8388608 /* BPF_MAX_LOOPS, Linux 6.18 include/linux/bpf.h */

int interp_stop(struct interp *m, const char *format, ...)
{
	if (!m->why) {
		va_list ap;

		va_start(ap, format);
		m->why = g_strdup_vprintf(format, ap);
		va_end(ap);
	}
	return -1;
}

static int run_function(struct interp *m);

/* Registers r1 to r5 are set. r0 is the result afterwards. */
static int call_function(struct interp *m, unsigned target)
{
	struct kg_cpu caller = m->cpu;
	int r;

	if (m->frame + 1 >= MAX_FRAMES)
		return interp_stop(m, "more than %d functions call each other", MAX_FRAMES);
	m->frame++;
	m->cpu.reg[10] = KG_WORD(m->stack[m->frame].base + STACK_SIZE);
	memset(m->stack[m->frame].is_set, 0, STACK_SIZE);
	m->cpu.pc = target;
	r = run_function(m);
	m->frame--;
	caller.reg[0] = m->cpu.reg[0];
	m->cpu = caller;
	return r;
}

int interp_call(struct interp *m, uint64_t function, const uint64_t args[4], uint64_t *ret)
{
	struct kg_cpu caller = m->cpu;
	uint64_t pc = (function - KG_AT_CODE) / 8;
	unsigned at = m->pc;
	int r;

	if (function < KG_AT_CODE || function % 8 || pc >= m->program->n_insns)
		return interp_stop(m, "a helper is to call 0x%" G_GINT64_MODIFIER "x, which is no function of the program", function);
	for (guint i = 0; i < 4; i++)
		m->cpu.reg[i + 1] = KG_WORD(args[i]);
	r = call_function(m, (unsigned)pc);
	*ret = m->cpu.reg[0].bits;
	m->cpu = caller;
	m->pc = at;
	return r;
}

/* The kernel's verifier lets nobody read r1 to r5 behind a call. */
static void end_call(struct interp *m, uint64_t result)
{
	m->cpu.reg[0] = KG_WORD(result);
	for (guint i = 1; i <= 5; i++)
		m->cpu.reg[i] = KG_WORD(0);
}

static int run_helper(struct interp *m, int helper)
{
	uint64_t arg[5], result = 0;
	int r;

	for (guint i = 0; i < 5; i++)
		arg[i] = m->cpu.reg[i + 1].bits;
	r = helper_call(m, helper, arg, &result);
	end_call(m, result);
	return r;
}

static int run_kfunc(struct interp *m, int kfunc)
{
	uint64_t arg[5], result = 0;
	int r;

	for (guint i = 0; i < 5; i++)
		arg[i] = m->cpu.reg[i + 1].bits;
	r = kfunc_call(m, kfunc, arg, &result);
	end_call(m, result);
	return r;
}

/* A packet that ends before ends the function. */
static int old_load(struct interp *m, const struct kg_step *step)
{
	uint64_t at = step->condition.bits, number = 0;

	if (at >> 31)
		return interp_stop(m, "an old packet load at a place below the packet (SKF_NET_OFF, SKF_LL_OFF)");
	end_call(m, 0);
	if (!m->packet.bytes || at + (guint)step->number > m->packet.size)
		return 1;
	for (int i = 0; i < step->number; i++)
		number = number << 8 | m->packet.bytes[at + (guint)i];
	end_call(m, number);
	return 0;
}

/* What is left of a step. 1: the function is over. */
static int follow(struct interp *m, const struct kg_step *step)
{
	switch (step->flow) {
	case KG_FLOW_NEXT:
		return 0;
	case KG_FLOW_BRANCH:
		if (step->condition.bits & 1)
			m->cpu.pc = step->target;
		return 0;
	case KG_FLOW_MAY_GOTO:
		if (m->may_gotos++ >= MAY_GOTO_TURNS)
			m->cpu.pc = step->target;
		return 0;
	case KG_FLOW_HELPER:
		return run_helper(m, step->number);
	case KG_FLOW_KFUNC:
		return run_kfunc(m, step->number);
	case KG_FLOW_OLD_LOAD:
		return old_load(m, step);
	case KG_FLOW_FUNCTION:
		return call_function(m, step->target);
	default:
		return 1;
	}
}

static int run_step(struct interp *m)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_step step;

	m->pc = m->cpu.pc;
	if (memory_check(m) < 0)
		return -1;
	if (m->steps++ >= m->opts.max_steps)
		return interp_stop(m, "more than %u instructions", m->opts.max_steps);
	if (m->run->path->len < m->opts.max_path)
		g_array_append_val(m->run->path, m->pc);
	if (kg_isa_step(m->program->insns, m->program->n_insns, &m->cpu, &kg_numbers, &memory_ops, m, &step, &err) < 0)
		return interp_stop(m, "%s", err.msg);
	return follow(m, &step);
}

static int run_function(struct interp *m)
{
	int r = 0;

	while (!r && !m->is_over)
		r = run_step(m);
	return MIN(r, 0);
}

static void region_begin(struct region *r, uint64_t base, GBytes *bytes)
{
	gsize n = 0;
	const void *data = bytes ? g_bytes_get_data(bytes, &n) : NULL;

	r->base = base;
	r->size = n;
	r->bytes = bytes ? g_malloc0(n + 1) : NULL;
	if (n)
		memcpy(r->bytes, data, n);
}

static void begin(struct interp *m)
{
	for (guint i = 0; i < MAX_FRAMES; i++) {
		m->stack[i] = (struct region){.base = KG_AT_STACK + 0x10000ull * i, .size = STACK_SIZE};
		m->stack[i].bytes = g_malloc0(STACK_SIZE);
		m->stack[i].is_set = g_malloc0(STACK_SIZE);
	}
	region_begin(&m->context, KG_AT_CONTEXT, m->world->context);
	region_begin(&m->packet, KG_AT_PACKET, m->world->packet);
	m->packet_linear = m->packet.size - MIN(m->packet.size, m->world->packet_beyond);
	m->regions = g_ptr_array_new();
	m->next_base = KG_AT_VALUE;
	maps_begin(m);
	m->cpu.reg[1] = KG_WORD(KG_AT_CONTEXT);
	m->cpu.reg[10] = KG_WORD(KG_AT_STACK + STACK_SIZE);
}

static void end(struct interp *m)
{
	m->run->packet = m->packet.bytes ? g_bytes_new(m->packet.bytes, m->packet.size) : NULL;
	maps_end(m);
	for (guint i = 0; i < MAX_FRAMES; i++)
		region_clear(&m->stack[i]);
	region_clear(&m->context);
	region_clear(&m->packet);
	for (guint i = 0; i < m->regions->len; i++) {
		region_clear(m->regions->pdata[i]);
		g_free(m->regions->pdata[i]);
	}
	g_ptr_array_unref(m->regions);
}

static void effect_free(gpointer data)
{
	kg_bpf_effect_free(data);
}

static void entry_free(gpointer data)
{
	struct kg_map_entry *e = data;

	g_bytes_unref(e->key);
	g_bytes_unref(e->value);
	g_free(e);
}

int kg_interp_run(const struct kg_object *object, guint which, const struct kg_world *world, const struct kg_interp_opts *opts,
		  struct kg_run_of_bpf *ret, struct kg_error *err)
{
	struct interp m = {.object = object, .world = world, .run = ret};

	if (which >= object->programs->len)
		return kg_error_set(err, KG_E_INVAL, "interp", "the object has %u programs, not %u", object->programs->len, which + 1);
	if (opts)
		m.opts = *opts;
	m.opts.max_steps = m.opts.max_steps ? m.opts.max_steps : STEPS_DEFAULT;
	m.opts.max_path = m.opts.max_path ? m.opts.max_path : PATH_DEFAULT;
	m.program = object->programs->pdata[which];
	*ret = (struct kg_run_of_bpf){0};
	ret->effects = g_ptr_array_new_with_free_func(effect_free);
	ret->entries = g_ptr_array_new_with_free_func(entry_free);
	ret->path = g_array_new(FALSE, FALSE, sizeof(guint));
	begin(&m);
	ret->is_complete = run_function(&m) == 0;
	ret->result = m.cpu.reg[0].bits;
	end(&m);
	ret->why = m.why;
	return 0;
}
