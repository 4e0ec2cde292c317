/*
 * Helpers, one model each. A helper without a model ends the path, by name: what depends on it is unknown.
 *
 * A model asks all that it has to decide before it changes anything, since the instruction is executed again behind a fork.
 * Source of the meanings: include/uapi/linux/bpf.h and kernel/bpf/helpers.c, kernel/trace/bpf_trace.c, net/core/filter.c, Linux 6.18.
 */
#include "state.h"

#include <string.h>

#define MAX_READ 65536 /* bytes of one probe read */
#define MAX_RECORD 65536

struct call {
	struct kg_state *s;
	struct kg_symex *x;
	const struct kg_word *arg; /* r1 to r5 */
	struct kg_word ret;
	int helper;
	int which; /* what the table says of this helper */
};
typedef int (*helper_fn)(struct call *c);

/* What a helper answered that no input tells, for the replay. */
static struct kg_word answered(struct call *c, struct kg_word result, struct kg_word *output, guint n_output)
{
	struct answer answer = {.helper = c->helper, .nth = c->s->calls[c->helper & 255], .event = c->s->event->index,
				.result = result, .output = output, .n_output = n_output};

	g_array_append_val(c->s->answers, answer);
	return result;
}

/* ---------------------------------------------------------------- time, tasks, machine */

/* Since boot, with or without the time asleep: the same clock here (see the assumptions in kgent/symex.h). */
static int get_time(struct call *c)
{
	c->ret = answered(c, c->s->event->time, NULL, 0);
	return 0;
}

/* Of another clock: its offset is fixed while we look. */
static int get_other_time(struct call *c)
{
	struct kg_word none = KG_WORD(0);
	unsigned width = 64;
	g_autofree char *name = g_strdup_printf("offset of clock %d", c->helper);
	struct kg_word offset = solver_token(c->x->solver, name, &none, &width, 1);

	c->ret = answered(c, sx_op(c->x, KG_OP_ADD, 64, c->s->event->time, offset), NULL, 0);
	return 0;
}

static int get_pid_tgid(struct call *c)
{
	c->ret = c->s->event->thread->pid_tgid;
	return 0;
}

static int get_uid_gid(struct call *c)
{
	c->ret = c->s->event->thread->uid_gid;
	return 0;
}

static int get_cgroup(struct call *c)
{
	c->ret = c->s->event->thread->cgroup;
	return 0;
}

static int get_task(struct call *c)
{
	c->ret = c->s->event->thread->task;
	return 0;
}

static int get_cpu(struct call *c)
{
	c->ret = sx_extend(c->x, c->s->event->cpu, 32, 64);
	return 0;
}

static int get_comm(struct call *c)
{
	uint64_t n;
	struct kg_word bytes[256];
	int r = state_number(c->s, c->arg[1], "the size for comm", &n);

	if (r || n == 0 || n > sizeof(bytes) / sizeof(bytes[0]))
		return r ? r : state_end(c->s, "a size of %" G_GUINT64_FORMAT " for comm", n);
	for (guint i = 0; i < n; i++)
		bytes[i] = i < 16 ? c->s->event->thread->comm[i] : KG_WORD(0);
	if (n < 16)
		bytes[n - 1] = KG_WORD(0);
	return mem_store_bytes(c->s, c->arg[0], (guint)n, bytes);
}

static int get_random(struct call *c)
{
	struct kg_word in[2] = {KG_WORD(c->s->event->index), KG_WORD(c->s->calls[c->helper & 255])};
	static const unsigned widths[2] = {32, 32};
	struct kg_word token = solver_token(c->x->solver, "random", in, widths, 2);

	c->ret = answered(c, sx_extend(c->x, sx_extract(c->x, token, 31, 0), 32, 64), NULL, 0);
	return 0;
}

/* A number that only the kernel knows, the same for the same arguments within an event. */
static int some_number(struct call *c)
{
	struct kg_word in[3] = {KG_WORD(c->s->event->index), c->arg[0], c->arg[1]};
	static const unsigned widths[3] = {32, 64, 64};
	const char *name = kg_helper_name(c->helper);

	c->ret = answered(c, solver_token(c->x->solver, name ? name : "helper", in, widths, 3), NULL, 0);
	return 0;
}

static int nothing(struct call *c)
{
	c->ret = KG_WORD(0);
	return 0;
}

/* ---------------------------------------------------------------- reading memory */

/* Memory of ours, by a probe read: a context record, a map's value. Symbolic places of the context are its dynamic part. */
static gboolean is_own(struct call *c, struct kg_word from, guint n)
{
	uint64_t at;

	if (!from.term)
		return mem_region_at(c->s, from, n, &at) != NULL;
	return from.region && from.region < c->s->regions->len && state_region(c->s, from.region)->kind != REGION_CONTEXT;
}

static enum kg_space space_of(const struct call *c)
{
	return c->which == 'u' ? KG_SPACE_USER : KG_SPACE_KERNEL;
}

/* A size that is a number, or one that the path bounds: then *ret_exact holds the term. */
static int size_of(struct call *c, struct kg_word size, guint most, guint *ret, struct kg_word *ret_exact)
{
	struct kg_word too_big;

	*ret_exact = size;
	if (!size.term) {
		if (size.bits > most)
			return state_end(c->s, "a size of %" G_GUINT64_FORMAT " bytes", size.bits);
		*ret = (guint)size.bits;
		return 0;
	}
	for (guint bound = 16; bound <= most; bound *= 2) {
		too_big = sx_op(c->x, KG_OP_ULT, 64, KG_WORD(bound), size);
		if (solver_check(c->x->solver, &too_big) == SOLVER_UNSAT) {
			*ret = bound;
			return 0;
		}
	}
	return state_end(c->s, "a size that is not bounded");
}

/* Store the bytes below a size that is a term; the others keep what they hold. */
static int store_some(struct call *c, guint n, const struct kg_word *bytes, struct kg_word exact)
{
	for (guint i = 0; i < n; i++) {
		struct kg_word at = sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(i)), old, byte;
		uint64_t offset;
		int r;

		if (!mem_region_at(c->s, at, 1, &offset)) /* the bound was a power of two, the object ends before */
			return 0;
		r = mem_load_bytes(c->s, at, 1, &old, NULL);
		if (r)
			return r;
		byte = sx_select(c->x, sx_op(c->x, KG_OP_ULT, 64, KG_WORD(i), exact), 8, bytes[i], old);
		r = mem_store_bytes(c->s, at, 1, &byte);
		if (r)
			return r;
	}
	return 0;
}

static int probe_read(struct call *c)
{
	g_autofree struct kg_word *bytes = NULL;
	struct kg_word exact, from = c->arg[2];
	guint n;
	int r = size_of(c, c->arg[1], MAX_READ, &n, &exact);

	if (r || n == 0)
		return r;
	bytes = g_new0(struct kg_word, n);
	if (is_own(c, from, exact.term ? 1 : n)) {
		r = mem_load_bytes(c->s, from, n, bytes, NULL);
		return r ? r : exact.term ? store_some(c, n, bytes, exact) : mem_store_bytes(c->s, c->arg[0], n, bytes);
	}
	from.region = 0;
	if (!exact.term && (n == 1 || n == 2 || n == 4 || n == 8))
		return mem_store_word(c->s, c->arg[0], n, outside_word(c->x, c->s, space_of(c), from, n));
	outside_word(c->x, c->s, space_of(c), from, n); /* to be remembered under its name */
	for (guint i = 0; i < n; i++)
		bytes[i] = outside_byte(c->x, space_of(c), from, i);
	return exact.term ? store_some(c, n, bytes, exact) : mem_store_bytes(c->s, c->arg[0], n, bytes);
}

/* The text of an object of ours, and for each byte whether the NUL was before it. */
static int own_text(struct call *c, struct kg_word from, guint n, struct kg_word *bytes, struct kg_word *ended)
{
	guint room = n;
	uint64_t at;
	int r;

	while (room > 1 && !from.term && !mem_region_at(c->s, from, room, &at))
		room--;
	r = mem_load_bytes(c->s, from, room, bytes, NULL);
	for (guint i = room; i < n; i++)
		bytes[i] = KG_WORD(0);
	for (guint i = 0; r == 0 && i < n; i++)
		ended[i] = i ? sx_or(c->x, ended[i - 1], sx_op(c->x, KG_OP_EQ, 8, bytes[i - 1], KG_WORD(0))) : KG_WORD(0);
	return r;
}

/*
 * As strncpy_from_{kernel,user}_nofault() do: at most n - 1 bytes and a NUL; what is behind the NUL stays as it was, so a record that was not
 * cleared before keeps old bytes there. The result is the length with the NUL.
 */
static int store_text(struct call *c, guint n, const struct kg_word *bytes, const struct kg_word *ended, struct kg_word exact)
{
	struct kg_word length = exact, old, byte, stays;
	int r = 0;

	for (guint i = 0; r == 0 && i < n; i++) {
		struct kg_word at = sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(i));
		struct kg_word is_last = sx_op(c->x, KG_OP_EQ, 64, KG_WORD(i + 1), exact);
		uint64_t offset;

		if (exact.term && !mem_region_at(c->s, at, 1, &offset))
			break;
		byte = sx_select(c->x, is_last, 8, KG_WORD(0), bytes[i]);
		if (i >= MAX_NUL && !exact.term) {
			r = mem_store_maybe(c->s, at, bytes[i]);
			continue;
		}
		stays = sx_or(c->x, ended[i], sx_op(c->x, KG_OP_ULE, 64, exact, KG_WORD(i)));
		if (!stays.term && !stays.bits) {
			r = mem_store_bytes(c->s, at, 1, &byte);
			continue;
		}
		r = mem_load_bytes(c->s, at, 1, &old, NULL);
		if (r)
			break;
		if (!exact.term && !old.term && !old.bits) /* cleared before: what is behind the NUL is 0 anyway */
			r = mem_store_bytes(c->s, at, 1, &byte);
		else
			r = mem_store_maybe(c->s, at, sx_select(c->x, stays, 8, old, byte));
	}
	for (guint i = MIN(n, MAX_NUL); i-- > 0;) { /* ended[i]: the NUL is at i - 1 or before, so the length is at most i */
		struct kg_word is_shorter = sx_and(c->x, ended[i], sx_op(c->x, KG_OP_ULT, 64, KG_WORD(i), exact));
		length = sx_select(c->x, is_shorter, 64, KG_WORD(i), length);
	}
	c->ret = length;
	return r;
}

static int probe_read_str(struct call *c)
{
	g_autofree struct kg_word *bytes = NULL, *ended = NULL;
	struct kg_word exact, from = c->arg[2];
	guint n;
	int r = size_of(c, c->arg[1], MAX_READ, &n, &exact);

	if (r || n == 0)
		return r;
	bytes = g_new0(struct kg_word, n);
	ended = g_new0(struct kg_word, n);
	if (is_own(c, from, 1)) {
		r = own_text(c, from, n, bytes, ended);
	} else {
		from.region = 0;
		outside_text(c->x, c->s, space_of(c), from, n, bytes, ended);
	}
	return r ? r : store_text(c, n, bytes, ended, exact);
}

/* ---------------------------------------------------------------- maps */

static int lookup(struct call *c)
{
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	return r ? r : sx_map_lookup(c->s, map, c->arg[1], &c->ret);
}

static int update(struct call *c)
{
	int map, r = sx_map_of(c->s, c->arg[0], &map);
	uint64_t flags = 0;

	if (r == 0)
		r = state_number(c->s, c->arg[3], "the flags of an update", &flags);
	return r ? r : sx_map_set(c->s, map, c->arg[1], c->arg[2], flags, &c->ret);
}

static int delete(struct call *c)
{
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	return r ? r : sx_map_delete(c->s, map, c->arg[1], &c->ret);
}

/* task_storage_get(map, task, value, flags) and its like. */
static int storage(struct call *c)
{
	uint64_t flags = 0;
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[3], "the flags of a storage", &flags);
	return r ? r : sx_map_storage(c->s, map, c->arg[1], flags & 1 /* BPF_LOCAL_STORAGE_GET_F_CREATE */, c->arg[2], &c->ret);
}

/* ---------------------------------------------------------------- records */

static int record(struct call *c, int map, struct kg_word at, struct kg_word size)
{
	struct kg_bpf_effect *effect;
	struct kg_word exact;
	guint n;
	int r = size_of(c, size, MAX_RECORD, &n, &exact);

	if (r)
		return r;
	if (exact.term) { /* a record of unknown length: its bytes as far as the object goes */
		uint64_t offset;
		while (n && !mem_region_at(c->s, at, n, &offset))
			n--;
	}
	effect = state_effect(c->s, KG_BPF_RECORD, map);
	effect->n_value = n;
	effect->number = exact;
	effect->value = g_new0(struct kg_word, MAX(n, 1));
	effect->is_set = g_new0(guint8, MAX(n, 1));
	g_ptr_array_add(c->x->owned, effect->value);
	g_ptr_array_add(c->x->owned, effect->is_set);
	return mem_load_bytes(c->s, at, n, effect->value, effect->is_set);
}

static int perf_output(struct call *c)
{
	int map, r = sx_map_of(c->s, c->arg[1], &map);

	return r ? r : record(c, map, c->arg[3], c->arg[4]);
}

static int ring_output(struct call *c)
{
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	return r ? r : record(c, map, c->arg[1], c->arg[2]);
}

/* A full buffer is a loss without a trace (it is named in the verdict), not a path of its own: reserving succeeds. */
static int ring_reserve(struct call *c)
{
	uint64_t n;
	guint region;
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[1], "the size of a record", &n);
	if (r || n > MAX_RECORD)
		return r ? r : state_end(c->s, "a record of %" G_GUINT64_FORMAT " bytes", n);
	region = state_region_new(c->s, REGION_RECORD, c->s->next_value, (guint)n);
	c->s->next_value += (n + 4096 + 7) & ~7ull;
	state_region(c->s, region)->map = map;
	c->ret = (struct kg_word){.bits = state_region(c->s, region)->base, .region = region};
	return 0;
}

static int ring_submit(struct call *c)
{
	uint64_t at;
	struct region *region = mem_region_at(c->s, c->arg[0], 1, &at);
	int r;

	if (!region || region->kind != REGION_RECORD || at)
		return state_end(c->s, "a record that was not reserved");
	r = record(c, region->map, c->arg[0], KG_WORD(region->cells->n));
	region = mem_region_at(c->s, c->arg[0], 1, &at);
	if (region)
		region->is_gone = TRUE;
	return r;
}

static int ring_discard(struct call *c)
{
	uint64_t at;
	struct region *region = mem_region_at(c->s, c->arg[0], 1, &at);

	if (region && region->kind == REGION_RECORD)
		region->is_gone = TRUE;
	return 0;
}

/* ---------------------------------------------------------------- stacks and other tokens */

#define USER_STACK (1u << 8) /* BPF_F_USER_STACK */

/* A stack is known by the event and by whose it is. The id is not negative: a collision is a loss, and named. */
static int get_stackid(struct call *c)
{
	struct kg_word in[2] = {KG_WORD(c->s->event->index), KG_WORD(0)};
	static const unsigned widths[2] = {32, 32};
	uint64_t flags;
	int r = state_number(c->s, c->arg[2], "the flags of a stack", &flags);

	if (r)
		return r;
	c->ret = solver_token(c->x->solver, flags & USER_STACK ? "ustack" : "kstack", in, widths, 2);
	c->ret = sx_op(c->x, KG_OP_AND, 64, c->ret, KG_WORD(0x7fffffff));
	answered(c, c->ret, NULL, 0);
	return 0;
}

/* get_stack(), d_path() and their like: bytes that only the kernel knows; the result is a length within the buffer. */
static int fill_unknown(struct call *c, struct kg_word to, struct kg_word size)
{
	struct kg_word in[3] = {KG_WORD(c->s->event->index), KG_WORD(c->s->calls[c->helper & 255]), KG_WORD(0)}, exact;
	static const unsigned widths[3] = {32, 32, 32};
	const char *name = kg_helper_name(c->helper);
	struct kg_word *bytes;
	guint n;
	int r = size_of(c, size, MAX_READ, &n, &exact);

	if (r)
		return r;
	bytes = g_new0(struct kg_word, MAX(n, 1));
	g_ptr_array_add(c->x->owned, bytes);
	for (guint i = 0; i < n; i++) {
		in[2] = KG_WORD(i / 8);
		bytes[i] = sx_extract(c->x, solver_token(c->x->solver, name, in, widths, 3), i % 8 * 8 + 7, i % 8 * 8);
	}
	r = exact.term ? store_some(c, n, bytes, exact) : mem_store_bytes(c->s, to, n, bytes);
	c->ret = answered(c, KG_WORD(n), bytes, n);
	return r;
}

/* (x, buffer, size, ...): get_stack(), d_path(), perf_prog_read_value(), read_branch_records(). */
static int fill_second(struct call *c)
{
	return fill_unknown(c, c->arg[1], c->arg[2]);
}

/* (x, y, buffer, size): get_ns_current_pid_tgid(), perf_event_read_value(). */
static int fill_third(struct call *c)
{
	return fill_unknown(c, c->arg[2], c->arg[3]);
}

/* skb_load_bytes(skb, offset, to, len), xdp_load_bytes() */
static int load_packet(struct call *c)
{
	g_autofree struct kg_word *bytes = NULL;
	struct kg_word exact;
	guint n;
	int r = size_of(c, c->arg[3], MAX_READ, &n, &exact);

	if (r || exact.term)
		return r ? r : state_end(c->s, "a part of a packet whose size is not known");
	bytes = g_new0(struct kg_word, MAX(n, 1));
	for (guint i = 0; i < n; i++)
		bytes[i] = solver_byte(c->x->solver, SOLVER_PACKET, sx_op(c->x, KG_OP_ADD, 64, c->arg[1], KG_WORD(i)));
	c->ret = answered(c, KG_WORD(0), NULL, 0);
	return mem_store_bytes(c->s, c->arg[2], n, bytes);
}

/* ---------------------------------------------------------------- texts */

/* strncmp(s1, size, s2): of two texts of ours. */
static int compare_texts(struct call *c)
{
	uint64_t n;
	struct kg_word ended = KG_WORD(0), result = KG_WORD(0);
	int r = state_number(c->s, c->arg[1], "the size of a comparison", &n);

	if (r || n > MAX_READ)
		return r ? r : state_end(c->s, "a comparison of %" G_GUINT64_FORMAT " bytes", n);
	for (guint i = 0; i < n; i++) {
		struct kg_word a, b, differs, difference;
		r = mem_load_bytes(c->s, sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(i)), 1, &a, NULL);
		if (r == 0)
			r = mem_load_bytes(c->s, sx_op(c->x, KG_OP_ADD, 64, c->arg[2], KG_WORD(i)), 1, &b, NULL);
		if (r)
			return r;
		differs = sx_and(c->x, sx_not(c->x, ended), sx_op(c->x, KG_OP_NE, 8, a, b));
		difference = sx_op(c->x, KG_OP_SUB, 64, sx_extend(c->x, a, 8, 64), sx_extend(c->x, b, 8, 64));
		result = sx_select(c->x, differs, 64, difference, result);
		ended = sx_or(c->x, ended, sx_or(c->x, differs, sx_op(c->x, KG_OP_EQ, 8, a, KG_WORD(0))));
	}
	c->ret = result;
	return 0;
}

/* snprintf(str, size, fmt, data, len): what it writes is the kernel's to know; the length too. */
static int print_text(struct call *c)
{
	return fill_unknown(c, c->arg[0], c->arg[1]);
}

/* strtol(buf, len, flags, result): a number that the text says; how much of it was read is not known. */
static int text_number(struct call *c)
{
	struct kg_word in[2] = {KG_WORD(c->s->event->index), KG_WORD(c->s->calls[c->helper & 255])};
	static const unsigned widths[2] = {32, 32};
	struct kg_word value = solver_token(c->x->solver, "number of a text", in, widths, 2);

	c->ret = answered(c, solver_token(c->x->solver, "length of a number", in, widths, 2), NULL, 0);
	return mem_store_word(c->s, c->arg[3], 8, value);
}

/* ---------------------------------------------------------------- arguments of a traced function */

/* get_func_arg(ctx, n, value): the n-th u64 of the context. */
static int get_argument(struct call *c)
{
	struct kg_word value, at;
	uint64_t n;
	int r = state_number(c->s, c->arg[1], "the number of an argument", &n);

	if (r || n > 11)
		return r ? r : state_end(c->s, "argument %" G_GUINT64_FORMAT " of a function", n);
	at = sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(8 * n));
	r = sx_memory.load(c->s, at, 8, &value, NULL);
	return r ? r : mem_store_word(c->s, c->arg[2], 8, value);
}

/* ---------------------------------------------------------------- what changes the system */

static int signal_task(struct call *c)
{
	state_effect(c->s, KG_BPF_SIGNAL, -1)->number = c->arg[0];
	c->ret = KG_WORD(0);
	return 0;
}

static int override(struct call *c)
{
	state_effect(c->s, KG_BPF_OVERRIDE, -1)->number = c->arg[1];
	return 0;
}

static int printk(struct call *c)
{
	struct kg_bpf_effect *effect = state_effect(c->s, KG_BPF_PRINTK, -1);

	effect->number = c->arg[0];
	c->ret = KG_WORD(0);
	return 0;
}

static int other_effect(struct call *c)
{
	state_effect(c->s, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
	c->ret = KG_WORD(0);
	return 0;
}

/* ---------------------------------------------------------------- the table */

static const struct model {
	helper_fn fn;
	int which; /* 'k' kernel memory, 'u' user memory */
} models[] = {
	[BPF_FUNC_map_lookup_elem] = {lookup}, [BPF_FUNC_map_update_elem] = {update}, [BPF_FUNC_map_delete_elem] = {delete},
	[BPF_FUNC_probe_read] = {probe_read, 'k'}, [BPF_FUNC_probe_read_kernel] = {probe_read, 'k'},
	[BPF_FUNC_probe_read_user] = {probe_read, 'u'}, [BPF_FUNC_copy_from_user] = {probe_read, 'u'},
	[BPF_FUNC_probe_read_str] = {probe_read_str, 'k'}, [BPF_FUNC_probe_read_kernel_str] = {probe_read_str, 'k'},
	[BPF_FUNC_probe_read_user_str] = {probe_read_str, 'u'},
	[BPF_FUNC_ktime_get_ns] = {get_time}, [BPF_FUNC_ktime_get_boot_ns] = {get_time},
	[BPF_FUNC_ktime_get_coarse_ns] = {get_other_time}, [BPF_FUNC_ktime_get_tai_ns] = {get_other_time}, [BPF_FUNC_jiffies64] = {some_number},
	[BPF_FUNC_get_current_pid_tgid] = {get_pid_tgid}, [BPF_FUNC_get_current_uid_gid] = {get_uid_gid},
	[BPF_FUNC_get_current_comm] = {get_comm}, [BPF_FUNC_get_current_task] = {get_task}, [BPF_FUNC_get_current_task_btf] = {get_task},
	[BPF_FUNC_get_current_cgroup_id] = {get_cgroup}, [BPF_FUNC_get_smp_processor_id] = {get_cpu}, [BPF_FUNC_get_numa_node_id] = {some_number},
	[BPF_FUNC_get_prandom_u32] = {get_random}, [BPF_FUNC_get_func_ip] = {some_number}, [BPF_FUNC_get_attach_cookie] = {some_number},
	[BPF_FUNC_get_ns_current_pid_tgid] = {fill_third}, [BPF_FUNC_get_current_ancestor_cgroup_id] = {some_number},
	[BPF_FUNC_perf_event_output] = {perf_output}, [BPF_FUNC_ringbuf_output] = {ring_output}, [BPF_FUNC_ringbuf_reserve] = {ring_reserve},
	[BPF_FUNC_ringbuf_submit] = {ring_submit}, [BPF_FUNC_ringbuf_discard] = {ring_discard}, [BPF_FUNC_ringbuf_query] = {some_number},
	[BPF_FUNC_skb_output] = {perf_output}, [BPF_FUNC_xdp_output] = {perf_output},
	[BPF_FUNC_get_stackid] = {get_stackid}, [BPF_FUNC_get_stack] = {fill_second}, [BPF_FUNC_get_task_stack] = {fill_second},
	[BPF_FUNC_d_path] = {fill_second}, [BPF_FUNC_perf_event_read_value] = {fill_third}, [BPF_FUNC_perf_prog_read_value] = {fill_second},
	[BPF_FUNC_read_branch_records] = {fill_second},
	[BPF_FUNC_perf_event_read] = {some_number}, [BPF_FUNC_skb_load_bytes] = {load_packet}, [BPF_FUNC_xdp_load_bytes] = {load_packet},
	[BPF_FUNC_strncmp] = {compare_texts}, [BPF_FUNC_current_task_under_cgroup] = {some_number},
	[BPF_FUNC_send_signal] = {signal_task}, [BPF_FUNC_send_signal_thread] = {signal_task}, [BPF_FUNC_override_return] = {override},
	[BPF_FUNC_trace_printk] = {printk}, [BPF_FUNC_trace_vprintk] = {printk}, [BPF_FUNC_seq_write] = {other_effect},
	[BPF_FUNC_seq_printf] = {other_effect}, [BPF_FUNC_probe_write_user] = {other_effect}, [BPF_FUNC_redirect] = {other_effect},
	[BPF_FUNC_task_storage_get] = {storage}, [BPF_FUNC_inode_storage_get] = {storage}, [BPF_FUNC_sk_storage_get] = {storage},
	[BPF_FUNC_get_cgroup_classid] = {some_number}, [BPF_FUNC_get_hash_recalc] = {some_number}, [BPF_FUNC_get_socket_cookie] = {some_number},
	[BPF_FUNC_get_socket_uid] = {some_number}, [BPF_FUNC_skb_cgroup_id] = {some_number}, [BPF_FUNC_get_func_arg_cnt] = {some_number},
	[BPF_FUNC_get_retval] = {some_number}, [BPF_FUNC_csum_diff] = {some_number}, [BPF_FUNC_get_func_arg] = {get_argument},
	[BPF_FUNC_snprintf] = {print_text}, [BPF_FUNC_strtol] = {text_number}, [BPF_FUNC_strtoul] = {text_number},
	[BPF_FUNC_set_retval] = {other_effect}, [BPF_FUNC_skb_store_bytes] = {other_effect},
	[BPF_FUNC_spin_lock] = {nothing}, [BPF_FUNC_spin_unlock] = {nothing},
};

int sx_helper_call(struct kg_state *s, int helper)
{
	const struct model *model = helper > 0 && helper < (int)G_N_ELEMENTS(models) ? &models[helper] : NULL;
	const char *name = kg_helper_name(helper);
	struct call c = {.s = s, .x = s->x, .arg = &s->cpu.reg[1], .helper = helper};
	int r;

	if (!model || !model->fn)
		return state_end(s, "helper %s (%d) is not modelled", name ? name : "?", helper);
	c.which = model->which;
	r = model->fn(&c);
	if (r)
		return r;
	s->calls[helper & 255]++;
	s->cpu.reg[0] = c.ret;
	for (int i = 1; i <= 5; i++)
		s->cpu.reg[i] = KG_WORD(0); /* clobbered; the kernel's verifier does not let a program read them */
	return 0;
}
