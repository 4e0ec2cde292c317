/* Helpers on packets. */
#include "internal.h"

#include <errno.h>
#include <string.h>

static gboolean is_in_packet(const struct interp *m, uint64_t offset, uint64_t n)
{
	return m->packet.bytes && offset <= m->packet.size && n <= m->packet.size - offset;
}

int help_skb_load(struct interp *m, struct call *c)
{
	uint64_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[3];

	if (is_in_packet(m, offset, n) && !(c->answer && (int64_t)c->answer->result < 0))
		return interp_memory_put(m, c->arg[2], m->packet.bytes + offset, n);
	c->result = (uint64_t)-EFAULT;
	return memory_zero(m, c->arg[2], n);
}

/* Without flags: no checksum or hash is kept here that they could change. */
int help_skb_store(struct interp *m, struct call *c)
{
	uint64_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[3];
	const guint8 *bytes;

	if (c->arg[4] & ~3ull) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	if (!is_in_packet(m, offset, n)) {
		c->result = (uint64_t)-EFAULT;
		return 0;
	}
	if (memory_get(m, c->arg[2], n, &bytes, NULL) < 0)
		return -1;
	memmove(m->packet.bytes + offset, bytes, n);
	return 0;
}

static uint32_t ones_sum(const guint8 *bytes, gsize n, gboolean inverted, uint32_t sum)
{
	for (gsize i = 0; i + 4 <= n; i += 4) {
		uint32_t word;
		uint64_t wide;

		memcpy(&word, bytes + i, 4);
		wide = (uint64_t)sum + (inverted ? ~word : word);
		sum = (uint32_t)(wide + (wide >> 32));
	}
	return sum;
}

/* The sum folded to 16 bits, as newer kernels do on all machines; older ones give 32 bits that fold to the same. */
int help_csum_diff(struct interp *m, struct call *c)
{
	uint32_t n_from = (uint32_t)c->arg[1], n_to = (uint32_t)c->arg[3], sum;
	const guint8 *from, *to;

	if ((n_from | n_to) & 3) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	if (memory_get(m, c->arg[0], n_from, &from, NULL) < 0 || memory_get(m, c->arg[2], n_to, &to, NULL) < 0)
		return -1;
	sum = ones_sum(to, n_to, FALSE, ones_sum(from, n_from, TRUE, (uint32_t)c->arg[4]));
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	c->result = sum;
	return 0;
}
