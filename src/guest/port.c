/*
 * The port: frames are read into one buffer, and written from two queues. The queue of answers goes first; that of what commands wrote is
 * bounded by reading no more of them while it is long, so that a command blocks as it would before a slow terminal.
 */
#include "guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#define DATA_MAX (256u << 10)

struct queue {
	char *bytes;
	size_t start, len, size;
};
static struct queue answers, data;
/* A frame that was begun is written to its end before one of the other queue. */
static struct queue *writing;
static size_t frame_left;

_Noreturn void power_off(const char *why)
{
	say("%s", why);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void queue_add(struct queue *q, const void *bytes, size_t len)
{
	if (q->start + q->len + len > q->size) {
		memmove(q->bytes, q->bytes + q->start, q->len);
		q->start = 0;
	}
	if (q->len + len > q->size) {
		q->size = q->len + len + 65536;
		q->bytes = realloc(q->bytes, q->size);
		if (!q->bytes)
			power_off("no memory for the guest program");
	}
	memcpy(q->bytes + q->start + q->len, bytes, len);
	q->len += len;
}

static void add_frame(struct queue *q, struct kg_guest_header h, const void *head, size_t head_len, const void *rest, size_t len)
{
	h.len = (uint32_t)(head_len + len);
	queue_add(q, &h, sizeof(h));
	if (head_len)
		queue_add(q, head, head_len);
	if (len)
		queue_add(q, rest, len);
}

void port_answer(uint16_t type, uint32_t id, const void *payload, size_t len)
{
	add_frame(&answers, (struct kg_guest_header){.type = type, .id = id}, payload, len, NULL, 0);
}

void port_data(uint16_t type, uint16_t aux, uint32_t id, const void *head, size_t head_len, const void *bytes, size_t len)
{
	add_frame(&data, (struct kg_guest_header){.type = type, .aux = aux, .id = id}, head, head_len, bytes, len);
}

bool port_has_room(void)
{
	return data.len < DATA_MAX;
}

bool port_wants_write(void)
{
	return answers.len || data.len;
}

static void next_frame(void)
{
	struct kg_guest_header h;

	writing = answers.len ? &answers : data.len ? &data : NULL;
	if (!writing)
		return;
	memcpy(&h, writing->bytes + writing->start, sizeof(h));
	frame_left = sizeof(h) + h.len;
}

void port_flush(int fd)
{
	for (;;) {
		if (!frame_left)
			next_frame();
		if (!frame_left)
			return;
		ssize_t n = write(fd, writing->bytes + writing->start, frame_left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			power_off("the host can't be written to");
		writing->start += (size_t)n;
		writing->len -= (size_t)n;
		frame_left -= (size_t)n;
	}
}

void port_read(int fd)
{
	static char in[sizeof(struct kg_guest_header) + KG_GUEST_FRAME_MAX];
	static size_t have;

	for (;;) {
		ssize_t n = read(fd, in + have, sizeof(in) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			power_off("the host is gone");
		have += (size_t)n;
		for (size_t at = 0;;) {
			struct kg_guest_header h;

			if (have - at >= sizeof(h)) {
				memcpy(&h, in + at, sizeof(h));
				if (h.len > KG_GUEST_FRAME_MAX)
					power_off("the host sent a frame that is too long");
				if (have - at >= sizeof(h) + h.len) {
					request_handle(&h, in + at + sizeof(h));
					at += sizeof(h) + h.len;
					continue;
				}
			}
			memmove(in, in + at, have - at);
			have -= at;
			break;
		}
	}
}
