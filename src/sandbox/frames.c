/*
 * What comes from the guest, cut into frames. The guest runs programs that nobody has checked, as root: nothing it says is believed further
 * than its form, and a frame of a wrong form ends the machine.
 */
#include "internal.h"

#include <string.h>

static gboolean makes_sense(const struct kg_guest_header *h)
{
	switch (h->type) {
	case KG_GUEST_READY:
		return h->len > sizeof(struct kg_guest_ready) && h->len <= sizeof(struct kg_guest_ready) + 256;
	case KG_GUEST_DONE:
		return h->len == sizeof(gint32);
	case KG_GUEST_PONG:
		return h->len == sizeof(guint64);
	case KG_GUEST_OUTPUT:
		return h->len >= sizeof(gint64) && h->len <= KG_GUEST_FRAME_MAX && (h->aux == 1 || h->aux == 2);
	case KG_GUEST_EXIT:
		return h->len == sizeof(struct kg_guest_exit);
	default:
		return FALSE;
	}
}

void frames_add(struct frames *f, const void *data, gsize len)
{
	if (f->at) {
		g_byte_array_remove_range(f->bytes, 0, (guint)f->at);
		f->at = 0;
	}
	g_byte_array_append(f->bytes, data, (guint)len);
}

int frames_next(struct frames *f, struct frame *ret)
{
	gsize left = f->bytes->len - f->at;

	if (left < sizeof(ret->head))
		return 0;
	memcpy(&ret->head, f->bytes->data + f->at, sizeof(ret->head));
	if (!makes_sense(&ret->head))
		return -1;
	if (left < sizeof(ret->head) + ret->head.len)
		return 0;
	ret->payload = (const char *)f->bytes->data + f->at + sizeof(ret->head);
	f->at += sizeof(ret->head) + ret->head.len;
	return 1;
}
