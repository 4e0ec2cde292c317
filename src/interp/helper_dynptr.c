/*
 * Dynptrs: 16 bytes of the program that only helpers touch: here the address of the memory and its size. An address of 0 is the null dynptr.
 *
 * Source: Linux 6.18 kernel/bpf/helpers.c, kernel/bpf/ringbuf.c.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

#define MAX_SIZE ((1u << 24) - 1) /* DYNPTR_MAX_SIZE */

struct dynptr {
	uint64_t at, size;
};

static int set(struct interp *m, uint64_t to, uint64_t at, uint64_t size)
{
	struct dynptr d = {at, size};

	return interp_memory_put(m, to, &d, sizeof(d));
}

static int get(struct interp *m, uint64_t from, struct dynptr *ret)
{
	const guint8 *bytes;

	if (memory_get(m, from, sizeof(*ret), &bytes, NULL) < 0)
		return -1;
	memcpy(ret, bytes, sizeof(*ret));
	return 0;
}

int help_dynptr_from_mem(struct interp *m, struct call *c)
{
	uint32_t size = (uint32_t)c->arg[1];

	c->result = (uint64_t)(int64_t)(size > MAX_SIZE ? -E2BIG : c->arg[2] ? -EINVAL : 0);
	return c->result ? set(m, c->arg[3], 0, 0) : set(m, c->arg[3], c->arg[0], size);
}

/* As ringbuf_reserve(). */
int help_dynptr_reserve(struct interp *m, struct call *c)
{
	struct call plain = *c;
	uint64_t args[3] = {c->arg[0], (uint32_t)c->arg[1], c->arg[2]};

	if (args[2] || args[1] > MAX_SIZE) {
		c->result = (uint64_t)(int64_t)(args[2] ? -EINVAL : -E2BIG);
		return set(m, c->arg[3], 0, 0);
	}
	plain.arg = args;
	if (help_ringbuf_reserve(m, &plain) < 0)
		return -1;
	c->result = plain.result ? 0 : (uint64_t)-EINVAL;
	return set(m, c->arg[3], plain.result, plain.result ? args[1] : 0);
}

/* ringbuf_submit_dynptr() and ringbuf_discard_dynptr(); of a null dynptr nothing. */
int help_dynptr_submit(struct interp *m, struct call *c)
{
	struct call plain = *c;
	struct dynptr d;
	int r = get(m, c->arg[0], &d);

	if (r < 0 || !d.at)
		return r;
	plain.arg = &d.at;
	r = c->helper == BPF_FUNC_ringbuf_submit_dynptr ? help_ringbuf_submit(m, &plain) : help_ringbuf_discard(m, &plain);
	return r < 0 ? r : set(m, c->arg[0], 0, 0);
}

static int64_t check_part(const struct dynptr *d, uint32_t offset, uint32_t n, uint64_t flags)
{
	if (!d->at || flags)
		return -EINVAL;
	return n > d->size || offset > d->size - n ? -E2BIG : 0;
}

int help_dynptr_read(struct interp *m, struct call *c)
{
	struct dynptr d;
	const guint8 *bytes;
	uint32_t n = (uint32_t)c->arg[1], offset = (uint32_t)c->arg[3];

	if (get(m, c->arg[2], &d) < 0)
		return -1;
	c->result = (uint64_t)check_part(&d, offset, n, c->arg[4]);
	if (c->result || !n)
		return 0;
	if (memory_get(m, d.at + offset, n, &bytes, NULL) < 0)
		return -1;
	g_autofree guint8 *copy = g_memdup2(bytes, n);

	return interp_memory_put(m, c->arg[0], copy, n);
}

int help_dynptr_write(struct interp *m, struct call *c)
{
	struct dynptr d;
	const guint8 *bytes;
	uint32_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[3];

	if (get(m, c->arg[0], &d) < 0)
		return -1;
	c->result = (uint64_t)check_part(&d, offset, n, c->arg[4]);
	if (c->result || !n)
		return 0;
	if (memory_get(m, c->arg[2], n, &bytes, NULL) < 0)
		return -1;
	g_autofree guint8 *copy = g_memdup2(bytes, n);

	return interp_memory_put(m, d.at + offset, copy, n);
}

int help_dynptr_data(struct interp *m, struct call *c)
{
	struct dynptr d;
	uint32_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[2];

	if (get(m, c->arg[0], &d) < 0)
		return -1;
	c->result = check_part(&d, offset, n, 0) ? 0 : d.at + offset;
	return 0;
}
