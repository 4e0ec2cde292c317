/*
 * Helpers, one model each. A helper without a model ends the path, by name: what depends on it is unknown.
 *
 * Source of the meanings: include/uapi/linux/bpf.h and kernel/bpf/helpers.c, kernel/trace/bpf_trace.c, net/core/filter.c, Linux 6.18. A model may leave open
 * more than the kernel does, never less, but for what is taken for granted (kgent/symex.h): what acts on the system (a record, an update, a signal) succeeds.
 */
#include "helper.h"

#include <errno.h>
#include <string.h>

#define MAX_RECORD 65536

struct kg_word helper_answered(struct call *c, struct kg_word result, struct kg_word *output, guint n_output)
{
	struct answer answer = {.helper = c->helper, .nth = c->s->calls[c->helper & 255], .run = c->s->run,
				.result = result, .output = output, .n_output = n_output};

	g_array_append_val(c->s->answers, answer);
	return result;
}

struct kg_word helper_unknown(struct call *c, guint i)
{
	struct kg_word in[3] = {KG_WORD(c->s->run), KG_WORD(c->s->calls[c->helper & 255]), KG_WORD(i)}; /* two programs can run on one event */
	static const unsigned widths[3] = {32, 32, 32};
	const char *name = kg_helper_name(c->helper);

	return solver_token(c->x->solver, name ? name : "helper", in, widths, 3);
}

int helper_fill(struct call *c, struct kg_word to, guint n, struct kg_word **ret)
{
	struct kg_word *bytes = g_new0(struct kg_word, MAX(n, 1));

	g_ptr_array_add(c->x->owned, bytes);
	for (guint i = 0; i < n; i++)
		bytes[i] = sx_extract(c->x, helper_unknown(c, i / 8), i % 8 * 8 + 7, i % 8 * 8);
	*ret = bytes;
	return n ? mem_store_bytes(c->s, to, n, bytes) : 0;
}

/* ---------------------------------------------------------------- time, tasks, machine */

/* Since boot, with or without the time asleep: the same clock here (see the assumptions in kgent/symex.h). */
static int get_time(struct call *c)
{
	c->ret = helper_answered(c, c->s->event->time, NULL, 0);
	return 0;
}

/* Of another clock: its offset is fixed while we look. */
static int get_other_time(struct call *c)
{
	struct kg_word none = KG_WORD(0);
	unsigned width = 64;
	g_autofree char *name = g_strdup_printf("offset of clock %d", c->helper);
	struct kg_word offset = solver_token(c->x->solver, name, &none, &width, 1);

	c->ret = helper_answered(c, sx_op(c->x, KG_OP_ADD, 64, c->s->event->time, offset), NULL, 0);
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

static struct kg_word low_half(struct call *c, struct kg_word w)
{
	return sx_extend(c->x, sx_extract(c->x, w, 31, 0), 32, 64);
}

static int get_random(struct call *c)
{
	c->ret = helper_answered(c, low_half(c, helper_unknown(c, 0)), NULL, 0);
	return 0;
}

/* A number that only the kernel knows, the same for the same arguments within an event. 'w': of 32 bits. */
static int some_number(struct call *c)
{
	struct kg_word in[3] = {KG_WORD(c->s->event->index), c->arg[0], c->arg[1]}, number;
	static const unsigned widths[3] = {32, 64, 64};
	const char *name = kg_helper_name(c->helper);

	number = solver_token(c->x->solver, name ? name : "helper", in, widths, 3);
	c->ret = helper_answered(c, c->which == 'w' ? low_half(c, number) : number, NULL, 0);
	return 0;
}

/* A number that can be another one at each call: what it is about changes, or is memory. */
static int other_number(struct call *c)
{
	c->ret = helper_answered(c, c->which == 'w' ? low_half(c, helper_unknown(c, 0)) : helper_unknown(c, 0), NULL, 0);
	return 0;
}

/* 0 or an error, as the kernel likes. */
static struct kg_word zero_or_error(struct call *c, struct kg_word unknown)
{
	struct kg_word error = sx_op(c->x, KG_OP_OR, 64, unknown, KG_WORD(0xfffffffffffff000ull));

	return sx_select(c->x, sx_extract(c->x, unknown, 63, 63), 64, error, KG_WORD(0));
}

/* The same socket seen as another type, if it is of that type: skc_to_tcp_sock(sk) and its like, sk_fullsock(), tcp_sock(). */
static int as_socket(struct call *c)
{
	struct kg_word in[1] = {c->arg[0]}, is_one;
	static const unsigned widths[1] = {64};
	gboolean is;
	int r;

	is_one = sx_extract(c->x, solver_token(c->x->solver, kg_helper_name(c->helper), in, widths, 1), 0, 0);
	r = state_decide(c->s, sx_and(c->x, is_one, sx_op(c->x, KG_OP_NE, 64, c->arg[0], KG_WORD(0))), &is);
	if (r)
		return r;
	c->ret = helper_answered(c, is ? c->arg[0] : KG_WORD(0), NULL, 0);
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

int helper_size(struct call *c, struct kg_word size, guint most, guint *ret, struct kg_word *ret_exact)
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
static int store_some(struct call *c, struct kg_word to, guint n, const struct kg_word *bytes, struct kg_word exact)
{
	for (guint i = 0; i < n; i++) {
		struct kg_word at = sx_op(c->x, KG_OP_ADD, 64, to, KG_WORD(i)), old, byte;
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
	int r = helper_size(c, c->arg[1], MAX_READ, &n, &exact);

	if (r || n == 0)
		return r;
	bytes = g_new0(struct kg_word, n);
	if (is_own(c, from, exact.term ? 1 : n)) {
		r = mem_load_bytes(c->s, from, n, bytes, NULL);
		return r ? r : exact.term ? store_some(c, c->arg[0], n, bytes, exact) : mem_store_bytes(c->s, c->arg[0], n, bytes);
	}
	from.region = 0;
	if (!exact.term && (n == 1 || n == 2 || n == 4 || n == 8))
		return mem_store_word(c->s, c->arg[0], n, outside_word(c->x, c->s, space_of(c), from, n));
	outside_word(c->x, c->s, space_of(c), from, n); /* to be remembered under its name */
	for (guint i = 0; i < n; i++)
		bytes[i] = outside_byte(c->x, space_of(c), from, i);
	return exact.term ? store_some(c, c->arg[0], n, bytes, exact) : mem_store_bytes(c->s, c->arg[0], n, bytes);
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
 * Behind the NUL a text of the process clears the rest of a word of 8 bytes, as far as the buffer has all of it, unless the word could not be read as one
 * (lib/strncpy_from_user.c): that is the kernel's to know.
 */
static struct kg_word left_behind(struct call *c, guint i, guint n, const struct kg_word *ended, struct kg_word old)
{
	guint word = i & ~7u;
	struct kg_word is_cleared;

	if (c->which != 'u' || word + 8 > n)
		return old;
	is_cleared = sx_and(c->x, sx_extract(c->x, helper_unknown(c, 0), 0, 0), sx_and(c->x, ended[i], sx_not(c->x, ended[word])));
	return sx_select(c->x, is_cleared, 8, KG_WORD(0), old);
}

/*
 * As strncpy_from_{kernel,user}_nofault() do: at most n - 1 bytes and a NUL; what is behind the NUL stays as it was (but for left_behind()), so a record
 * that was not cleared before keeps old bytes there. The result is the length with the NUL.
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
			r = mem_store_maybe(c->s, at, sx_select(c->x, stays, 8, left_behind(c, i, n, ended, old), byte));
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
	int r = helper_size(c, c->arg[1], MAX_READ, &n, &exact);

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

/* ---------------------------------------------------------------- records */

int helper_record(struct call *c, int map, struct kg_word at, struct kg_word size)
{
	struct kg_bpf_effect *effect;
	struct kg_word exact;
	guint n;
	int r = helper_size(c, size, MAX_RECORD, &n, &exact);

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
	uint64_t flags = 0;
	int map, r = sx_map_of(c->s, c->arg[1], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[2], "the flags of a record", &flags);
	if (r == 0 && flags >> 32) /* BPF_F_CTXLEN_MASK */
		r = state_end(c->s, "a record with a part of the packet or of the context behind it");
	return r ? r : helper_record(c, map, c->arg[3], c->arg[4]);
}

static int ring_output(struct call *c)
{
	uint64_t flags = 0;
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[3], "the flags of a record", &flags);
	if (r == 0 && (flags & ~3ull)) { /* BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
		c->ret = ERROR(EINVAL);
		return 0;
	}
	return r ? r : helper_record(c, map, c->arg[1], c->arg[2]);
}

/* A full buffer is a loss without a trace (it is named in the verdict), not a path of its own: reserving succeeds. */
int helper_reserve(struct call *c, int map, guint n, struct kg_word *ret)
{
	guint region = state_region_new(c->s, REGION_RECORD, c->s->next_value, n);

	c->s->next_value += (n + 4096 + 7) & ~7ull;
	state_region(c->s, region)->map = map;
	*ret = (struct kg_word){.bits = state_region(c->s, region)->base, .region = region};
	return 0;
}

static int ring_reserve(struct call *c)
{
	uint64_t n, flags = 0;
	guint32 room;
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[1], "the size of a record", &n);
	if (r == 0)
		r = state_number(c->s, c->arg[2], "the flags of a record", &flags);
	if (r)
		return r;
	room = ((const struct kg_map *)c->s->object->maps->pdata[map])->max_entries;
	if (flags || (room && n + 8 > room)) /* a record has a header of 8 bytes */
		return 0;
	if (n > MAX_RECORD)
		return state_end(c->s, "a record of %" G_GUINT64_FORMAT " bytes", n);
	return helper_reserve(c, map, (guint)n, &c->ret);
}

static int ring_submit(struct call *c)
{
	uint64_t at;
	struct region *region = mem_region_at(c->s, c->arg[0], 1, &at);
	int r;

	if (!region || region->kind != REGION_RECORD || at)
		return state_end(c->s, "a record that was not reserved");
	r = helper_record(c, region->map, c->arg[0], KG_WORD(region->cells->n));
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
	helper_answered(c, c->ret, NULL, 0);
	return 0;
}

/*
 * Bytes that only the kernel knows. 'l': the result is a length within the buffer, or an error; 'x': a length that may be beyond it, or an error; 'z': 0, or
 * an error.
 */
static int fill_unknown(struct call *c, struct kg_word to, struct kg_word size)
{
	struct kg_word *bytes, exact, unknown = helper_unknown(c, 0x10000000), length, error;
	guint n;
	int r = helper_size(c, size, MAX_READ, &n, &exact);

	if (r)
		return r;
	if (exact.term) {
		bytes = g_new0(struct kg_word, MAX(n, 1));
		g_ptr_array_add(c->x->owned, bytes);
		for (guint i = 0; i < n; i++)
			bytes[i] = sx_extract(c->x, helper_unknown(c, i / 8), i % 8 * 8 + 7, i % 8 * 8);
		r = store_some(c, to, n, bytes, exact);
	} else {
		r = helper_fill(c, to, n, &bytes);
	}
	length = sx_extend(c->x, sx_extract(c->x, unknown, 31, 0), 32, 64);
	error = sx_op(c->x, KG_OP_OR, 64, unknown, KG_WORD(0xfffffffffffff000ull));
	if (c->which == 'l')
		length = sx_select(c->x, sx_op(c->x, KG_OP_ULE, 64, length, exact), 64, length, exact);
	c->ret = c->which == 'z' ? zero_or_error(c, unknown) : sx_select(c->x, sx_extract(c->x, unknown, 63, 63), 64, error, length);
	helper_answered(c, c->ret, bytes, n);
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

/* getsockopt(x, level, name, buffer, size) */
static int fill_fourth(struct call *c)
{
	return fill_unknown(c, c->arg[3], c->arg[4]);
}

/* ---------------------------------------------------------------- texts */

/* strncmp(s1, size, s2): of two texts of ours; -1, 0 or 1 (lib/string.c; the documentation promises the sign alone). */
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
		difference = sx_select(c->x, sx_op(c->x, KG_OP_ULT, 8, a, b), 64, KG_WORD(UINT64_MAX), KG_WORD(1));
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
	struct kg_word *bytes;
	int r = helper_fill(c, c->arg[3], 8, &bytes);

	if (r == 0)
		c->ret = helper_answered(c, helper_unknown(c, 1), bytes, 8);
	return r;
}

/* ---------------------------------------------------------------- arguments of a traced function */

/* How many arguments the traced function has: as many as the context has members, without the result. 0: not known. */
static guint n_arguments(const struct call *c)
{
	const struct kg_event *e = c->s->event;
	const GPtrArray *known = c->x->opts.profile ? kg_profile_fields(c->x->opts.profile, e->kind, e->target) : NULL;

	return known ? known->len - (e->kind == KG_PROBE_FEXIT && known->len) : 0;
}

static int load_argument(struct call *c, guint n, struct kg_word to)
{
	struct kg_word value;
	int r = sx_memory.load(c->s, sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(8 * n)), 8, &value, NULL);

	return r ? r : mem_store_word(c->s, to, 8, value);
}

/* get_func_arg(ctx, n, value): the n-th u64 of the context. */
static int get_argument(struct call *c)
{
	uint64_t n;
	int r = state_number(c->s, c->arg[1], "the number of an argument", &n);

	if (r == 0 && !n_arguments(c))
		r = state_end(c->s, "how many arguments %s has is not known", c->s->event->target);
	if (r)
		return r;
	n &= 0xffffffff;
	if (n >= n_arguments(c)) {
		c->ret = helper_answered(c, ERROR(EINVAL), NULL, 0);
		return 0;
	}
	return load_argument(c, (guint)n, c->arg[2]);
}

/* get_func_arg_cnt(ctx) */
static int get_argument_count(struct call *c)
{
	if (!n_arguments(c) && c->s->event->kind != KG_PROBE_FENTRY && c->s->event->kind != KG_PROBE_FEXIT)
		return some_number(c);
	c->ret = helper_answered(c, KG_WORD(n_arguments(c)), NULL, 0);
	return 0;
}

/* get_func_ret(ctx, value): behind the arguments; only where the function has ended. */
static int get_result(struct call *c)
{
	struct kg_word value, *bytes;
	int r;

	if (c->s->event->kind != KG_PROBE_FEXIT || !c->x->opts.profile)
		return state_end(c->s, "the result of a function that has not ended, or is not known");
	r = sx_memory.load(c->s, sx_op(c->x, KG_OP_ADD, 64, c->arg[0], KG_WORD(8 * n_arguments(c))), 8, &value, NULL);
	if (r == 0)
		r = mem_store_word(c->s, c->arg[1], 8, value);
	if (r)
		return r;
	bytes = g_new0(struct kg_word, 8);
	g_ptr_array_add(c->x->owned, bytes);
	for (guint i = 0; i < 8; i++)
		bytes[i] = sx_extract(c->x, value, 8 * i + 7, 8 * i);
	helper_answered(c, KG_WORD(0), bytes, 8);
	return 0;
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
	c->ret = helper_answered(c, helper_unknown(c, 0), NULL, 0); /* how many bytes were written */
	return 0;
}

static int other_effect(struct call *c)
{
	state_effect(c->s, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
	c->ret = helper_answered(c, zero_or_error(c, helper_unknown(c, 0)), NULL, 0);
	return 0;
}

/*
 * tail_call(ctx, programs, index): another program goes on, and does not come back. Which it is, and whether there is one, is not known: where there is none
 * this one goes on. Source: kernel/bpf/core.c.
 */
static int tail_call(struct call *c)
{
	gboolean is_there;
	int r = state_decide(c->s, sx_extract(c->x, helper_unknown(c, 0), 0, 0), &is_there);

	if (r)
		return r;
	helper_answered(c, is_there ? KG_WORD(0) : ERROR(ENOENT), NULL, 0);
	c->ret = ERROR(ENOENT);
	if (!is_there)
		return 0;
	c->s->is_left = TRUE;
	return state_end(c->s, "a tail call leaves the program");
}

/* ---------------------------------------------------------------- the table */

/*
 * kernel/bpf/helpers.c, kernel/trace/bpf_trace.c, net/core/filter.c of Linux 6.18 where no other file is named; kg_interp_helper_source() names that of each. A
 * helper has a model here if and only if the interpreter has one (tests/kernel/tools.c).
 */
static const struct model {
	helper_fn fn;
	int which; /* see the model: 'k' kernel memory, 'u' user memory; 'w' 32 bits; 'l', 'x', 'z' what a result means */
} models[] = {
	/* maps: kernel/bpf/hashtab.c, arraymap.c, queue_stack_maps.c, bloom_filter.c, local_storage.c, bpf_local_storage.c */
	[BPF_FUNC_map_lookup_elem] = {model_lookup}, [BPF_FUNC_map_update_elem] = {model_update}, [BPF_FUNC_map_delete_elem] = {model_delete},
	[BPF_FUNC_map_lookup_percpu_elem] = {model_lookup_percpu}, [BPF_FUNC_map_push_elem] = {model_push}, [BPF_FUNC_map_pop_elem] = {model_pop},
	[BPF_FUNC_map_peek_elem] = {model_pop, 'p'}, [BPF_FUNC_get_local_storage] = {model_local_storage},
	[BPF_FUNC_task_storage_get] = {model_storage}, [BPF_FUNC_inode_storage_get] = {model_storage}, [BPF_FUNC_sk_storage_get] = {model_storage},
	[210] = {model_storage} /* cgrp_storage_get */, [211] = {model_storage_delete}, [BPF_FUNC_task_storage_delete] = {model_storage_delete},
	[BPF_FUNC_inode_storage_delete] = {model_storage_delete}, [BPF_FUNC_sk_storage_delete] = {model_storage_delete},
	[BPF_FUNC_tail_call] = {tail_call}, [BPF_FUNC_spin_lock] = {nothing}, [BPF_FUNC_spin_unlock] = {nothing},
	/* memory: mm/maccess.c */
	[BPF_FUNC_probe_read] = {probe_read, 'k'}, [BPF_FUNC_probe_read_kernel] = {probe_read, 'k'},
	[BPF_FUNC_probe_read_user] = {probe_read, 'u'}, [BPF_FUNC_copy_from_user] = {probe_read, 'u'},
	[BPF_FUNC_probe_read_str] = {probe_read_str, 'k'}, [BPF_FUNC_probe_read_kernel_str] = {probe_read_str, 'k'},
	[BPF_FUNC_probe_read_user_str] = {probe_read_str, 'u'},
	/* here and now */
	[BPF_FUNC_ktime_get_ns] = {get_time}, [BPF_FUNC_ktime_get_boot_ns] = {get_time},
	[BPF_FUNC_ktime_get_coarse_ns] = {get_other_time}, [BPF_FUNC_ktime_get_tai_ns] = {get_other_time}, [BPF_FUNC_jiffies64] = {other_number},
	[BPF_FUNC_get_current_pid_tgid] = {get_pid_tgid}, [BPF_FUNC_get_current_uid_gid] = {get_uid_gid},
	[BPF_FUNC_get_current_comm] = {get_comm}, [BPF_FUNC_get_current_task] = {get_task}, [BPF_FUNC_get_current_task_btf] = {get_task},
	[BPF_FUNC_get_current_cgroup_id] = {get_cgroup}, [BPF_FUNC_get_smp_processor_id] = {get_cpu}, [BPF_FUNC_get_numa_node_id] = {some_number, 'w'},
	[BPF_FUNC_get_prandom_u32] = {get_random}, [BPF_FUNC_get_func_ip] = {some_number}, [BPF_FUNC_get_attach_cookie] = {some_number},
	[BPF_FUNC_get_ns_current_pid_tgid] = {fill_third, 'z'}, [BPF_FUNC_get_current_ancestor_cgroup_id] = {some_number},
	[BPF_FUNC_current_task_under_cgroup] = {some_number}, [BPF_FUNC_get_cgroup_classid] = {some_number, 'w'},
	[BPF_FUNC_skb_cgroup_classid] = {some_number}, [BPF_FUNC_get_hash_recalc] = {other_number, 'w'}, [BPF_FUNC_get_socket_cookie] = {some_number},
	[BPF_FUNC_get_netns_cookie] = {some_number}, [BPF_FUNC_get_socket_uid] = {some_number, 'w'}, [BPF_FUNC_skb_cgroup_id] = {some_number},
	[BPF_FUNC_skb_ancestor_cgroup_id] = {some_number}, [BPF_FUNC_sk_cgroup_id] = {some_number}, [BPF_FUNC_sk_ancestor_cgroup_id] = {some_number},
	[BPF_FUNC_task_pt_regs] = {some_number}, [BPF_FUNC_get_retval] = {other_number}, [BPF_FUNC_perf_event_read] = {other_number},
	[BPF_FUNC_sk_fullsock] = {as_socket}, [BPF_FUNC_tcp_sock] = {as_socket}, [BPF_FUNC_skc_to_tcp6_sock] = {as_socket},
	[BPF_FUNC_skc_to_tcp_sock] = {as_socket}, [BPF_FUNC_skc_to_tcp_timewait_sock] = {as_socket}, [BPF_FUNC_skc_to_tcp_request_sock] = {as_socket},
	[BPF_FUNC_skc_to_udp6_sock] = {as_socket}, [BPF_FUNC_skc_to_unix_sock] = {as_socket},
	[BPF_FUNC_get_func_arg_cnt] = {get_argument_count}, [BPF_FUNC_get_func_arg] = {get_argument}, [BPF_FUNC_get_func_ret] = {get_result},
	/* bytes: kernel/bpf/stackmap.c */
	[BPF_FUNC_get_stackid] = {get_stackid}, [BPF_FUNC_get_stack] = {fill_second, 'l'}, [BPF_FUNC_get_task_stack] = {fill_second, 'l'},
	[BPF_FUNC_d_path] = {fill_second, 'l'}, [BPF_FUNC_perf_event_read_value] = {fill_third, 'z'}, [BPF_FUNC_perf_prog_read_value] = {fill_second, 'z'},
	[BPF_FUNC_read_branch_records] = {fill_second, 'l'}, [BPF_FUNC_snprintf] = {print_text, 'x'}, [BPF_FUNC_fib_lookup] = {fill_second, 'x'},
	[BPF_FUNC_getsockopt] = {fill_fourth, 'z'}, [BPF_FUNC_strncmp] = {compare_texts}, [BPF_FUNC_strtol] = {text_number},
	[BPF_FUNC_strtoul] = {text_number},
	/* what others see: kernel/bpf/ringbuf.c, kernel/bpf/cgroup.c */
	[BPF_FUNC_perf_event_output] = {perf_output}, [BPF_FUNC_ringbuf_output] = {ring_output}, [BPF_FUNC_ringbuf_reserve] = {ring_reserve},
	[BPF_FUNC_ringbuf_submit] = {ring_submit}, [BPF_FUNC_ringbuf_discard] = {ring_discard}, [BPF_FUNC_ringbuf_query] = {other_number},
	[BPF_FUNC_skb_output] = {perf_output}, [BPF_FUNC_xdp_output] = {perf_output},
	[BPF_FUNC_send_signal] = {signal_task}, [BPF_FUNC_send_signal_thread] = {signal_task}, [BPF_FUNC_override_return] = {override},
	[BPF_FUNC_trace_printk] = {printk}, [BPF_FUNC_trace_vprintk] = {printk}, [BPF_FUNC_seq_write] = {other_effect},
	[BPF_FUNC_seq_printf] = {other_effect}, [BPF_FUNC_set_retval] = {other_effect}, [BPF_FUNC_setsockopt] = {other_effect},
	[BPF_FUNC_sock_ops_cb_flags_set] = {other_effect},
	/* dynptrs: kernel/bpf/helpers.c, ringbuf.c */
	[BPF_FUNC_dynptr_from_mem] = {model_dynptr_from_mem}, [BPF_FUNC_ringbuf_reserve_dynptr] = {model_dynptr_reserve},
	[BPF_FUNC_ringbuf_submit_dynptr] = {model_dynptr_submit}, [BPF_FUNC_ringbuf_discard_dynptr] = {model_dynptr_submit, 'd'},
	[BPF_FUNC_dynptr_read] = {model_dynptr_read}, [BPF_FUNC_dynptr_write] = {model_dynptr_write}, [BPF_FUNC_dynptr_data] = {model_dynptr_data},
	/* packets */
	[BPF_FUNC_skb_load_bytes] = {model_load_packet}, [BPF_FUNC_xdp_load_bytes] = {model_load_packet, 'x'},
	[BPF_FUNC_skb_store_bytes] = {model_store_packet}, [BPF_FUNC_xdp_store_bytes] = {model_store_packet, 'x'},
	[BPF_FUNC_skb_pull_data] = {model_pull_packet}, [BPF_FUNC_xdp_get_buff_len] = {model_packet_length},
	[BPF_FUNC_csum_diff] = {other_number}, [BPF_FUNC_redirect] = {model_redirect}, [BPF_FUNC_redirect_peer] = {model_redirect},
	[BPF_FUNC_redirect_neigh] = {model_redirect}, [BPF_FUNC_redirect_map] = {model_redirect_map},
};

gboolean kg_symex_has_helper(int helper)
{
	if (helper == BPF_FUNC_loop || helper == BPF_FUNC_for_each_map_elem) /* symex.c: their callbacks are functions of the program */
		return TRUE;
	return helper > 0 && helper < (int)G_N_ELEMENTS(models) && models[helper].fn;
}

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
