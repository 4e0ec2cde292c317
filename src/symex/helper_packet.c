/*
 * Helpers on packets. What the event brought is a function of the place (packet_byte()); what the program changed lies in the packet's object.
 *
 * Source: Linux 6.18 net/core/filter.c, include/uapi/linux/bpf.h.
 */
#include "helper.h"

#include <errno.h>

#define INGRESS 1 /* BPF_F_INGRESS */

static struct region *packet_of(struct kg_state *s, guint *ret)
{
	for (guint i = s->regions->len; i-- > 1;)
		if (state_region(s, i)->kind == REGION_PACKET && !state_region(s, i)->is_gone) {
			*ret = i;
			return state_region(s, i);
		}
	return NULL;
}

static struct kg_word low_half(struct kg_symex *x, struct kg_word w)
{
	return sx_extend(x, sx_extract(x, w, 31, 0), 32, 64);
}

/* Do [n] bytes lie at [offset] (64 bits) of the whole packet, the part behind data_end too? */
static int is_within(struct kg_state *s, struct kg_word offset, struct kg_word n, gboolean *ret)
{
	const struct context *context = s->event->own;
	struct kg_symex *x = s->x;

	if (!context->has_packet)
		return state_end(s, "a packet where there is none");
	return state_decide(s, sx_op(x, KG_OP_ULE, 64, sx_op(x, KG_OP_ADD, 64, offset, n), sx_extend(x, context->whole_length, 32, 64)), ret);
}

/* Byte [i] behind [offset], as it is now. */
static int byte_now(struct kg_state *s, struct kg_word offset, guint i, struct kg_word *ret)
{
	guint index;
	struct region *packet = packet_of(s, &index);

	offset = sx_op(s->x, KG_OP_ADD, 64, offset, KG_WORD(i));
	if (packet && packet->is_changed) {
		if (offset.term)
			return state_end(s, "a packet that was changed is read at a place that is not known");
		if (offset.bits < packet->cells->n) {
			*ret = cells_byte(s->x, packet->cells, (guint)offset.bits);
			return 0;
		}
	}
	*ret = packet_byte(s->x, offset);
	return 0;
}

/* skb_load_bytes(skb, offset, to, len); 'x': xdp_load_bytes(), which does not clear what it can't fill. */
int model_load_packet(struct call *c)
{
	struct kg_word *bytes, exact, offset = low_half(c->x, c->arg[1]);
	gboolean is_there;
	guint n;
	int r = helper_size(c, low_half(c->x, c->arg[3]), MAX_READ, &n, &exact);

	if (r == 0 && exact.term)
		r = state_end(c->s, "a part of a packet whose size is not known");
	if (r == 0)
		r = is_within(c->s, offset, KG_WORD(n), &is_there);
	if (r)
		return r;
	bytes = g_new0(struct kg_word, MAX(n, 1));
	g_ptr_array_add(c->x->owned, bytes);
	for (guint i = 0; r == 0 && is_there && i < n; i++)
		r = byte_now(c->s, offset, i, &bytes[i]);
	c->ret = is_there ? KG_WORD(0) : c->which == 'x' ? ERROR(EINVAL) : ERROR(EFAULT);
	if (r || (!is_there && c->which == 'x'))
		return r;
	return mem_store_bytes(c->s, c->arg[2], n, bytes);
}

/* skb_store_bytes(skb, offset, from, len, flags), xdp_store_bytes(xdp, offset, from, len): at a place that is a number. */
int model_store_packet(struct call *c)
{
	g_autofree struct kg_word *bytes = NULL;
	struct region *packet;
	uint64_t offset, n, flags = 0;
	gboolean is_there;
	guint index;
	int r = state_number(c->s, low_half(c->x, c->arg[1]), "the place of a change in a packet", &offset);

	if (r == 0)
		r = state_number(c->s, low_half(c->x, c->arg[3]), "the size of a change in a packet", &n);
	if (r == 0 && c->which != 'x')
		r = state_number(c->s, c->arg[4], "the flags of a change in a packet", &flags);
	if (r == 0 && (flags & ~3ull)) { /* BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH */
		c->ret = ERROR(EINVAL);
		return 0;
	}
	if (r == 0)
		r = is_within(c->s, KG_WORD(offset), KG_WORD(n), &is_there);
	if (r)
		return r;
	if (!is_there) {
		c->ret = c->which == 'x' ? ERROR(EINVAL) : ERROR(EFAULT);
		return 0;
	}
	packet = packet_of(c->s, &index);
	if (!packet || offset + n > packet->cells->n)
		return state_end(c->s, "a change of a packet behind its first %u bytes", packet ? packet->cells->n : 0);
	bytes = g_new0(struct kg_word, n + 1);
	r = mem_load_bytes(c->s, c->arg[2], (guint)n, bytes, NULL);
	if (r == 0)
		r = mem_store_bytes(c->s, KG_WORD(KG_AT_PACKET + offset), (guint)n, bytes);
	if (r == 0)
		state_effect(c->s, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
	return r;
}

/* skb_pull_data(skb, len): at least that much is between data and data_end then. That there is no memory for it is not looked at. */
int model_pull_packet(struct call *c)
{
	const struct context *context = c->s->event->own;
	struct kg_symex *x = c->x;
	struct kg_word n = low_half(x, c->arg[1]), end, whole, linear, *bytes;
	gboolean is_there;
	int r = is_within(c->s, n, KG_WORD(0), &is_there);

	if (r)
		return r;
	if (!is_there) {
		c->ret = ERROR(ENOMEM);
		return 0;
	}
	r = sx_memory.load(c->s, KG_WORD(KG_AT_CONTEXT + context->data_end_at), 4, &end, NULL);
	if (r)
		return r;
	whole = sx_extend(x, context->whole_length, 32, 64);
	linear = low_half(x, helper_unknown(c, 0)); /* more may come with it */
	linear = sx_select(x, sx_op(x, KG_OP_ULE, 64, linear, whole), 64, linear, whole);
	linear = sx_select(x, sx_op(x, KG_OP_ULT, 64, linear, n), 64, n, linear);
	end = sx_op(x, KG_OP_SUB, 64, low_half(x, end), KG_WORD(KG_AT_PACKET));
	linear = sx_select(x, sx_op(x, KG_OP_ULT, 64, linear, end), 64, end, linear);
	bytes = g_new0(struct kg_word, 4);
	g_ptr_array_add(x->owned, bytes);
	for (guint i = 0; i < 4; i++)
		bytes[i] = sx_extract(x, linear, 8 * i + 7, 8 * i);
	helper_answered(c, KG_WORD(0), bytes, 4);
	linear = sx_op(x, KG_OP_ADD, 32, KG_WORD(KG_AT_PACKET), sx_extract(x, linear, 31, 0));
	return mem_store_word(c->s, KG_WORD(KG_AT_CONTEXT + context->data_end_at), 4, linear);
}

/* xdp_get_buff_len(xdp) */
int model_packet_length(struct call *c)
{
	const struct context *context = c->s->event->own;

	if (!context->has_packet)
		return state_end(c->s, "a packet where there is none");
	c->ret = sx_extend(c->x, context->whole_length, 32, 64);
	return 0;
}

static void effect_of(struct call *c)
{
	state_effect(c->s, KG_BPF_OTHER, -1)->number = KG_WORD((uint64_t)c->helper);
}

/*
 * redirect(ifindex, flags), redirect_peer(), redirect_neigh(): what the program is to return then. Of xdp XDP_REDIRECT (4), with flags XDP_ABORTED (0); else
 * TC_ACT_REDIRECT (7), with flags that are none TC_ACT_SHOT (2).
 */
int model_redirect(struct call *c)
{
	gboolean is_xdp = ((const struct context *)c->s->event->own)->data_end_at == offsetof(struct xdp_md, data_end);
	uint64_t flags = 0;
	guint at = c->helper == BPF_FUNC_redirect_neigh ? 3 : 1;
	int r = state_number(c->s, c->arg[at], "the flags of a redirection", &flags);

	if (r)
		return r;
	if (c->helper == BPF_FUNC_redirect_neigh)
		c->ret = KG_WORD(flags ? 2 : 7);
	else if (is_xdp)
		c->ret = KG_WORD(flags ? 0 : 4);
	else
		c->ret = KG_WORD(flags & ~(uint64_t)(c->helper == BPF_FUNC_redirect ? INGRESS : 0) ? 2 : 7);
	effect_of(c);
	return 0;
}

/* redirect_map(map, key, flags): XDP_REDIRECT where there is an entry, else what the two lowest bits of the flags say. */
int model_redirect_map(struct call *c)
{
	struct kg_word otherwise = sx_op(c->x, KG_OP_AND, 64, c->arg[2], KG_WORD(3)), found = sx_extract(c->x, helper_unknown(c, 0), 0, 0);

	c->ret = helper_answered(c, sx_select(c->x, found, 64, KG_WORD(4), otherwise), NULL, 0);
	effect_of(c);
	return 0;
}

int sx_old_load(struct kg_state *s, struct kg_word offset, guint size, gboolean *ret_is_there, struct kg_word *ret)
{
	struct kg_word bytes[4];
	int r;

	if (!offset.term && offset.bits >> 31)
		return state_end(s, "an old packet load at a place below the packet (SKF_NET_OFF, SKF_LL_OFF)");
	offset = sx_extend(s->x, offset, 32, 64);
	r = is_within(s, offset, KG_WORD(size), ret_is_there);
	for (guint i = 0; r == 0 && *ret_is_there && i < size; i++)
		r = byte_now(s, offset, size - 1 - i, &bytes[i]);
	if (r == 0 && *ret_is_there)
		*ret = sx_extend(s->x, sx_join(s->x, bytes, size), 8 * size, 64);
	return r;
}
