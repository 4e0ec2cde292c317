/*
 * Dynptrs: 16 bytes on the stack that only helpers touch (the kernel's verifier sees to that): here the address of the memory and its size, both as words.
 * An address of 0 is the null dynptr.
 *
 * Source: Linux 6.18 kernel/bpf/helpers.c, kernel/bpf/ringbuf.c, include/uapi/linux/bpf.h.
 */
#include "helper.h"

#include <errno.h>

#define MAX_SIZE ((1u << 24) - 1) /* DYNPTR_MAX_SIZE */

struct dynptr {
	struct kg_word at;
	uint64_t size;
};

static int set(struct call *c, struct kg_word to, struct kg_word at, uint64_t size)
{
	int r = mem_store_word(c->s, to, 8, at);

	return r ? r : mem_store_word(c->s, sx_op(c->x, KG_OP_ADD, 64, to, KG_WORD(8)), 8, KG_WORD(size));
}

static int get(struct call *c, struct kg_word from, struct dynptr *ret)
{
	struct kg_word size;
	int r = sx_memory.load(c->s, from, 8, &ret->at, NULL);

	if (r == 0)
		r = sx_memory.load(c->s, sx_op(c->x, KG_OP_ADD, 64, from, KG_WORD(8)), 8, &size, NULL);
	return r ? r : state_number(c->s, size, "the size of a dynptr", &ret->size);
}

static gboolean is_null(const struct dynptr *d)
{
	return !d->at.term && !d->at.bits;
}

/* dynptr_from_mem(data, size, flags, ptr) */
int model_dynptr_from_mem(struct call *c)
{
	uint64_t size, flags;
	int r = state_number(c->s, c->arg[1], "the size of a dynptr", &size);

	if (r == 0)
		r = state_number(c->s, c->arg[2], "the flags of a dynptr", &flags);
	if (r)
		return r;
	size &= 0xffffffff;
	c->ret = size > MAX_SIZE ? ERROR(E2BIG) : flags ? ERROR(EINVAL) : KG_WORD(0);
	return set(c, c->arg[3], c->ret.bits ? KG_WORD(0) : c->arg[0], c->ret.bits ? 0 : size);
}

/* ringbuf_reserve_dynptr(map, size, flags, ptr): succeeds, as ringbuf_reserve() does. */
int model_dynptr_reserve(struct call *c)
{
	struct kg_word at = KG_WORD(0);
	uint64_t size, flags;
	guint32 room;
	int map, r = sx_map_of(c->s, c->arg[0], &map);

	if (r == 0)
		r = state_number(c->s, c->arg[1], "the size of a record", &size);
	if (r == 0)
		r = state_number(c->s, c->arg[2], "the flags of a record", &flags);
	if (r)
		return r;
	size &= 0xffffffff;
	room = ((const struct kg_map *)c->s->object->maps->pdata[map])->max_entries;
	if (flags || size > MAX_SIZE) {
		c->ret = flags ? ERROR(EINVAL) : ERROR(E2BIG);
		return set(c, c->arg[3], KG_WORD(0), 0);
	}
	if (room && size + 8 > room) {
		c->ret = ERROR(EINVAL);
		return set(c, c->arg[3], KG_WORD(0), 0);
	}
	if (size > MAX_READ)
		return state_end(c->s, "a record of %" G_GUINT64_FORMAT " bytes", size);
	r = helper_reserve(c, map, (guint)size, &at);
	return r ? r : set(c, c->arg[3], at, size);
}

/* ringbuf_submit_dynptr(ptr, flags); 'd': ringbuf_discard_dynptr(). Of a null dynptr: nothing. */
int model_dynptr_submit(struct call *c)
{
	struct dynptr d;
	struct region *region;
	uint64_t at;
	int r = get(c, c->arg[0], &d);

	if (r || is_null(&d))
		return r;
	region = mem_region_at(c->s, d.at, 1, &at);
	if (!region || region->kind != REGION_RECORD)
		return state_end(c->s, "a record that was not reserved");
	if (c->which != 'd')
		r = helper_record(c, region->map, d.at, KG_WORD(d.size));
	region = mem_region_at(c->s, d.at, 1, &at);
	if (r == 0 && region)
		region->is_gone = TRUE;
	return r ? r : set(c, c->arg[0], KG_WORD(0), 0);
}

/* Both sizes are numbers here: what is to be copied, and from where on. *ret_error: what the kernel answers, or 0. */
static int check_part(struct call *c, const struct dynptr *d, struct kg_word offset, struct kg_word n, uint64_t *ret_offset, uint64_t *ret_n,
		      int *ret_error)
{
	int r = state_number(c->s, offset, "a place in a dynptr", ret_offset);

	if (r == 0)
		r = state_number(c->s, n, "the size of a part of a dynptr", ret_n);
	if (r)
		return r;
	*ret_error = 0;
	*ret_offset &= 0xffffffff;
	*ret_n &= 0xffffffff;
	if (is_null(d))
		*ret_error = EINVAL;
	else if (*ret_n > d->size || *ret_offset > d->size - *ret_n)
		*ret_error = E2BIG;
	return 0;
}

static int copy(struct call *c, struct kg_word to, struct kg_word from, guint n)
{
	g_autofree struct kg_word *bytes = g_new0(struct kg_word, n + 1);
	int r = n ? mem_load_bytes(c->s, from, n, bytes, NULL) : 0;

	return r || !n ? r : mem_store_bytes(c->s, to, n, bytes);
}

/* dynptr_read(dst, len, src, offset, flags) */
int model_dynptr_read(struct call *c)
{
	struct dynptr d;
	uint64_t n, offset, flags;
	int error, r = get(c, c->arg[2], &d);

	if (r == 0)
		r = state_number(c->s, c->arg[4], "the flags of a dynptr", &flags);
	if (r == 0)
		r = check_part(c, &d, c->arg[3], c->arg[1], &offset, &n, &error);
	if (r)
		return r;
	c->ret = flags ? ERROR(EINVAL) : ERROR(error);
	return c->ret.bits ? 0 : copy(c, c->arg[0], sx_op(c->x, KG_OP_ADD, 64, d.at, KG_WORD(offset)), (guint)n);
}

/* dynptr_write(dst, offset, src, len, flags) */
int model_dynptr_write(struct call *c)
{
	struct dynptr d;
	uint64_t n, offset, flags;
	int error, r = get(c, c->arg[0], &d);

	if (r == 0)
		r = state_number(c->s, c->arg[4], "the flags of a dynptr", &flags);
	if (r == 0)
		r = check_part(c, &d, c->arg[1], c->arg[3], &offset, &n, &error);
	if (r)
		return r;
	c->ret = flags ? ERROR(EINVAL) : ERROR(error);
	return c->ret.bits ? 0 : copy(c, sx_op(c->x, KG_OP_ADD, 64, d.at, KG_WORD(offset)), c->arg[2], (guint)n);
}

/* dynptr_data(ptr, offset, len): NULL where that part does not lie within. */
int model_dynptr_data(struct call *c)
{
	struct dynptr d;
	uint64_t n, offset;
	int error, r = get(c, c->arg[0], &d);

	if (r == 0)
		r = check_part(c, &d, c->arg[1], c->arg[2], &offset, &n, &error);
	if (r == 0 && !error)
		c->ret = sx_op(c->x, KG_OP_ADD, 64, d.at, KG_WORD(offset));
	return r;
}
