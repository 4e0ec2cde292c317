/* What a guest that was taken over says: cut into frames the same way however it arrives, and nothing but whole frames of a known form. */
#include "../../src/sandbox/internal.h"

#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Frames seen until the end or nonsense, with a sum of their payloads; fed in pieces of [step] bytes. */
static guint64 feed(const uint8_t *data, size_t size, size_t step)
{
	struct frames f = {.bytes = g_byte_array_new()};
	struct frame frame;
	guint64 sum = 0;
	int r = 0;

	for (size_t at = 0; at < size && r >= 0; at += step) {
		frames_add(&f, data + at, MIN(step, size - at));
		while ((r = frames_next(&f, &frame)) > 0) {
			g_assert(frame.head.len <= KG_GUEST_FRAME_MAX);
			for (guint32 i = 0; i < frame.head.len; i++)
				sum = sum * 31 + (guint8)frame.payload[i];
			sum = sum * 31 + frame.head.type;
		}
		g_assert(f.bytes->len - f.at <= KG_GUEST_FRAME_MAX + sizeof(frame.head) + step);
	}
	g_byte_array_unref(f.bytes);
	return r < 0 ? sum ^ 1 : sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_assert(feed(data, size, 65536) == feed(data, size, 7));
	return 0;
}
