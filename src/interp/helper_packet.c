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

/* xdp_load_bytes() does not clear what it can't fill. */
int help_xdp_load(struct interp *m, struct call *c)
{
	uint64_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[3];

	if (is_in_packet(m, offset, n))
		return interp_memory_put(m, c->arg[2], m->packet.bytes + offset, n);
	c->result = (uint64_t)-EINVAL;
	return 0;
}

int help_xdp_store(struct interp *m, struct call *c)
{
	uint64_t offset = (uint32_t)c->arg[1], n = (uint32_t)c->arg[3];
	const guint8 *bytes;

	if (memory_get(m, c->arg[2], n, &bytes, NULL) < 0)
		return -1;
	if (is_in_packet(m, offset, n))
		memmove(m->packet.bytes + offset, bytes, n);
	else
		c->result = (uint64_t)-EINVAL;
	return 0;
}

int help_packet_length(struct interp *m, struct call *c)
{
	c->result = m->packet.size;
	return 0;
}

/* At least that much is between data and data_end then; the answer's output says how much (32 bits), else all that there is. */
int help_pull(struct interp *m, struct call *c)
{
	uint32_t n = (uint32_t)c->arg[1], linear = (uint32_t)m->packet.size;
	gsize have = 0;
	const void *bytes = c->answer && c->answer->output ? g_bytes_get_data(c->answer->output, &have) : NULL;

	if (have == sizeof(linear))
		memcpy(&linear, bytes, sizeof(linear));
	if (n > m->packet.size || (c->answer && (int64_t)c->answer->result < 0)) {
		c->result = c->answer && c->answer->result ? c->answer->result : (uint64_t)-ENOMEM;
		return 0;
	}
	m->packet_linear = MIN(MAX(m->packet_linear, MAX(n, linear)), m->packet.size);
	return 0;
}

/* What the program is to return: XDP_REDIRECT or XDP_ABORTED; TC_ACT_REDIRECT or, with flags that are none, TC_ACT_SHOT. */
int help_redirect(struct interp *m, struct call *c)
{
	uint64_t flags = c->arg[c->helper == BPF_FUNC_redirect_neigh ? 3 : 1], allowed = c->helper == BPF_FUNC_redirect ? BPF_F_INGRESS : 0;

	if (c->helper == BPF_FUNC_redirect_map)
		c->result = answered(c, c->arg[2] & 3);
	else if (m->program->type == BPF_PROG_TYPE_XDP)
		c->result = flags ? XDP_ABORTED : XDP_REDIRECT;
	else
		c->result = flags & ~allowed ? 2 : 7;
	effect_add(m, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
	return 0;
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
