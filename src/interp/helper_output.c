/* Helpers whose effect others see: records, signals, overridden results, the trace log. */
#include "internal.h"

#include <errno.h>

#define MAX_RECORD (1u << 24)

static int map_index(struct interp *m, uint64_t address, uint32_t type, int *ret)
{
	uint64_t index = (address - KG_AT_MAP) >> 32;

	if (address < KG_AT_MAP || (address & 0xffffffff) || index >= m->object->maps->len ||
	    ((const struct kg_map *)m->object->maps->pdata[index])->type != type)
		return interp_stop(m, "a record goes to 0x%" G_GINT64_MODIFIER "x, which is no map of that type", address);
	*ret = (int)index;
	return 0;
}

static int add_record(struct interp *m, int map, uint64_t address, uint64_t size)
{
	const guint8 *bytes, *is_set;

	if (size > MAX_RECORD)
		return interp_stop(m, "a record of %" G_GINT64_MODIFIER "u bytes", size);
	if (memory_get(m, address, size, &bytes, &is_set) < 0)
		return -1;
	effect_set_value(effect_add(m, KG_BPF_RECORD, map), bytes, is_set, size);
	return 0;
}

/* A negative answer: the buffer was full, and the record is lost. */
static gboolean is_lost(const struct call *c)
{
	return c->answer && (int64_t)c->answer->result < 0;
}

int help_perf_output(struct interp *m, struct call *c)
{
	int map;

	if (map_index(m, c->arg[1], BPF_MAP_TYPE_PERF_EVENT_ARRAY, &map) < 0)
		return -1;
	c->result = answered(c, 0);
	return is_lost(c) ? 0 : add_record(m, map, c->arg[3], c->arg[4]);
}

int help_ringbuf_output(struct interp *m, struct call *c)
{
	int map;

	if (map_index(m, c->arg[0], BPF_MAP_TYPE_RINGBUF, &map) < 0)
		return -1;
	c->result = answered(c, 0);
	if (c->arg[3] & ~3ull) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	return is_lost(c) ? 0 : add_record(m, map, c->arg[1], c->arg[2]);
}

/* The record's bytes are those of an older one: none is written by this program. An answer of 0: the buffer is full. */
int help_ringbuf_reserve(struct interp *m, struct call *c)
{
	uint64_t room;
	int map;

	if (map_index(m, c->arg[0], BPF_MAP_TYPE_RINGBUF, &map) < 0)
		return -1;
	room = ((const struct kg_map *)m->object->maps->pdata[map])->max_entries;
	if (c->arg[2] || c->arg[1] > MAX_RECORD || (room && c->arg[1] + 8 > room) || (c->answer && !c->answer->result))
		return 0;
	struct region *r = memory_new(m, c->arg[1], FALSE);

	r->map = map;
	c->result = r->base;
	return 0;
}

static struct region *reserved(struct interp *m, const struct call *c)
{
	struct region *r = memory_find(m, c->arg[0], 0);

	if (r && r->is_set && r->base == c->arg[0] && r->base >= KG_AT_VALUE)
		return r;
	interp_stop(m, "a record is given back that was not reserved");
	return NULL;
}

int help_ringbuf_submit(struct interp *m, struct call *c)
{
	struct region *r = reserved(m, c);

	if (!r)
		return -1;
	effect_set_value(effect_add(m, KG_BPF_RECORD, r->map), r->bytes, r->is_set, r->size);
	return 0;
}

int help_ringbuf_discard(struct interp *m, struct call *c)
{
	return reserved(m, c) ? 0 : -1;
}

static int add_number(struct interp *m, struct call *c, enum kg_bpf_effect_kind kind, uint64_t number)
{
	c->result = answered(c, 0);
	if ((int64_t)c->result >= 0)
		effect_add(m, kind, -1)->number = KG_WORD(number);
	return 0;
}

int help_signal(struct interp *m, struct call *c)
{
	return add_number(m, c, KG_BPF_SIGNAL, (uint32_t)c->arg[0]);
}

int help_override(struct interp *m, struct call *c)
{
	return add_number(m, c, KG_BPF_OVERRIDE, c->arg[1]);
}

int help_set_retval(struct interp *m, struct call *c)
{
	struct kg_bpf_effect *e;

	c->result = answered(c, 0);
	e = effect_add(m, KG_BPF_OTHER, -1);
	e->number = KG_WORD((uint64_t)c->helper);
	effect_set_value(e, (const guint8 *)&c->arg[0], NULL, 4);
	return 0;
}

/* Format (with its NUL, as long as the program said) and behind it the arguments, 8 bytes each. */
static int add_text(struct interp *m, struct call *c, enum kg_bpf_effect_kind kind, uint64_t format, gsize n_format, const guint8 *data, gsize n_data)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	const guint8 *bytes;
	struct kg_bpf_effect *e;

	if (memory_get(m, format, n_format, &bytes, NULL) < 0)
		return -1;
	g_byte_array_append(all, bytes, (guint)n_format);
	g_byte_array_append(all, data, (guint)n_data);
	e = effect_add(m, kind, -1);
	e->number = KG_WORD((uint64_t)c->helper);
	effect_set_value(e, all->data, NULL, all->len);
	c->result = answered(c, 0);
	return 0;
}

int help_printk(struct interp *m, struct call *c)
{
	return add_text(m, c, KG_BPF_PRINTK, c->arg[0], (uint32_t)c->arg[1], (const guint8 *)&c->arg[2], 3 * sizeof(c->arg[0]));
}

int help_vprintk(struct interp *m, struct call *c)
{
	const guint8 *data;

	if (memory_get(m, c->arg[2], (uint32_t)c->arg[3], &data, NULL) < 0)
		return -1;
	return add_text(m, c, KG_BPF_PRINTK, c->arg[0], (uint32_t)c->arg[1], data, (uint32_t)c->arg[3]);
}

int help_seq_printf(struct interp *m, struct call *c)
{
	const guint8 *data;

	if (memory_get(m, c->arg[3], (uint32_t)c->arg[4], &data, NULL) < 0)
		return -1;
	return add_text(m, c, KG_BPF_OTHER, c->arg[1], (uint32_t)c->arg[2], data, (uint32_t)c->arg[4]);
}

int help_seq_write(struct interp *m, struct call *c)
{
	return add_text(m, c, KG_BPF_OTHER, c->arg[1], (uint32_t)c->arg[2], NULL, 0);
}
