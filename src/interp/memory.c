/*
 * Memory. What the program may touch lies in regions, each an array of its own somewhere in 0x6b...: an address that is not all within one
 * region is no memory of the program. The memory of kernel and process is a function from addresses to bytes.
 */
#include "internal.h"

#include <string.h>

#define VALUE_GAP 4096
#define MAX_BYTES (256u << 20)
#define WINDOW_END 0x6c00000000000000ull
/*
 * A load through a typed pointer below this gives 0, a null pointer's member too: TASK_SIZE_MAX + PAGE_SIZE of x86, Linux 6.18
 * arch/x86/net/bpf_jit_comp.c, BPF_PROBE_MEM.
 */
#define KERNEL_BEGIN 0x800000000000ull

struct region *memory_new(struct interp *m, gsize size, gboolean is_written)
{
	struct region *r = g_new0(struct region, 1);

	r->base = m->next_base;
	r->size = size;
	r->bytes = g_malloc0(size);
	r->is_set = is_written ? NULL : g_malloc0(size);
	m->n_bytes += size;
	m->next_base += (size + 2 * VALUE_GAP - 1) / VALUE_GAP * VALUE_GAP;
	g_ptr_array_add(m->regions, r);
	return r;
}

int memory_check(struct interp *m)
{
	return m->n_bytes > MAX_BYTES ? interp_stop(m, "values and records of more than %u MiB", MAX_BYTES >> 20) : 0;
}

void region_clear(struct region *r)
{
	g_clear_pointer(&r->bytes, g_free);
	g_clear_pointer(&r->is_set, g_free);
}

static gboolean is_within(const struct region *r, uint64_t address, gsize size)
{
	return r->bytes && address >= r->base && address - r->base <= r->size && size <= r->size - (address - r->base);
}

static struct region *find_value(struct interp *m, uint64_t address, gsize size)
{
	guint low = 0, high = m->regions->len;

	while (low < high) { /* the last region that begins at or below the address */
		guint middle = (low + high) / 2;

		if (((struct region *)m->regions->pdata[middle])->base <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && is_within(m->regions->pdata[low - 1], address, size) ? m->regions->pdata[low - 1] : NULL;
}

struct region *memory_find(struct interp *m, uint64_t address, gsize size)
{
	guint frame = (guint)((address - KG_AT_STACK) >> 16);

	if (address >= KG_AT_STACK && address < KG_AT_CONTEXT)
		return frame <= m->frame && is_within(&m->stack[frame], address, size) ? &m->stack[frame] : NULL;
	if (is_within(&m->context, address, size))
		return &m->context;
	if (is_within(&m->packet, address, size))
		return &m->packet;
	return find_value(m, address, size);
}

/*
 * Pointers that come with types may be followed: the kernel makes a load that gives 0 where it faults. In programs of the network these are sockets
 * (ctx->sk, bpf_skc_to_tcp_sock()).
 */
static gboolean has_typed_pointers(const struct interp *m)
{
	switch (m->program->type) {
	case BPF_PROG_TYPE_TRACING: case BPF_PROG_TYPE_LSM: case BPF_PROG_TYPE_STRUCT_OPS: case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR: case BPF_PROG_TYPE_SOCK_OPS:
		return TRUE;
	default:
		return FALSE;
	}
}

static gboolean is_packet_program(const struct interp *m)
{
	switch (m->program->type) {
	case BPF_PROG_TYPE_SCHED_CLS: case BPF_PROG_TYPE_SCHED_ACT: case BPF_PROG_TYPE_CGROUP_SKB: case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT: case BPF_PROG_TYPE_LWT_XMIT: case BPF_PROG_TYPE_SK_SKB:
		return TRUE;
	default:
		return FALSE;
	}
}

/* The fields data and data_end of a packet program's context: 32 bits for the program, a pointer in truth. */
static uint64_t packet_pointer(const struct interp *m, uint64_t offset)
{
	gboolean is_xdp = m->program->type == BPF_PROG_TYPE_XDP;

	if (!m->packet.bytes || (!is_xdp && !is_packet_program(m)))
		return 0;
	if (offset == (is_xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data)) ||
	    offset == (is_xdp ? offsetof(struct xdp_md, data_meta) : offsetof(struct __sk_buff, data_meta)))
		return m->packet.base;
	if (offset == (is_xdp ? offsetof(struct xdp_md, data_end) : offsetof(struct __sk_buff, data_end)))
		return m->packet.base + m->packet_linear;
	return 0;
}

static int load(void *self, struct kg_word address, unsigned size, struct kg_word *ret, struct kg_error *err)
{
	struct interp *m = self;
	struct region *r = memory_find(m, address.bits, size);
	uint64_t value = 0, pointer = r == &m->context && size == 4 ? packet_pointer(m, address.bits - r->base) : 0;

	if (pointer) {
		*ret = (struct kg_word){.bits = pointer, .region = 1};
		return 0;
	}
	if (memory_load(m, address.bits, size, &value) < 0)
		return kg_error_set(err, KG_E_INVAL, "interp", "%s", m->why);
	*ret = KG_WORD(value);
	return 0;
}

int memory_load(struct interp *m, uint64_t address, unsigned size, uint64_t *ret)
{
	struct region *r = memory_find(m, address, size);

	*ret = 0;
	if (r) {
		memcpy(ret, r->bytes + (address - r->base), size);
		return 0;
	}
	if (!has_typed_pointers(m) || (address >= KG_AT_STACK && address < WINDOW_END))
		return interp_stop(m, "load of %u bytes outside of all memory, at 0x%" G_GINT64_MODIFIER "x", size, address);
	for (unsigned i = 0; address >= KERNEL_BEGIN && i < size; i++)
		*ret |= (uint64_t)memory_peek(m, KG_SPACE_KERNEL, address + i) << (8 * i);
	return 0;
}

int memory_store(struct interp *m, uint64_t address, unsigned size, uint64_t value)
{
	struct region *r = memory_find(m, address, size);

	if (!r || r->is_constant)
		return interp_stop(m, "store of %u bytes %s, at 0x%" G_GINT64_MODIFIER "x", size, r ? "to a constant" : "outside of all memory",
				   address);
	memcpy(r->bytes + (address - r->base), &value, size);
	if (r->is_set)
		memset(r->is_set + (address - r->base), 1, size);
	r->last_store = m->pc;
	return 0;
}

static int store(void *self, struct kg_word address, unsigned size, struct kg_word value, struct kg_error *err)
{
	struct interp *m = self;

	return memory_store(m, address.bits, size, value.bits) < 0 ? kg_error_set(err, KG_E_INVAL, "interp", "%s", m->why) : 0;
}

int memory_get(struct interp *m, uint64_t address, gsize n, const guint8 **ret_bytes, const guint8 **ret_is_set)
{
	struct region *r = memory_find(m, address, n);

	*ret_bytes = (const guint8 *)"";
	if (ret_is_set)
		*ret_is_set = NULL;
	if (!n)
		return 0;
	if (!r)
		return interp_stop(m, "a helper is to read %zu bytes outside of all memory, at 0x%" G_GINT64_MODIFIER "x", n, address);
	*ret_bytes = r->bytes + (address - r->base);
	if (ret_is_set && r->is_set)
		*ret_is_set = r->is_set + (address - r->base);
	return 0;
}

static int writable(struct interp *m, uint64_t address, gsize n, guint8 **ret)
{
	struct region *r = memory_find(m, address, n);

	if (!r || r->is_constant)
		return interp_stop(m, "a helper is to write %zu bytes outside of all memory, at 0x%" G_GINT64_MODIFIER "x", n, address);
	if (r->is_set)
		memset(r->is_set + (address - r->base), 1, n);
	r->last_store = m->pc;
	*ret = r->bytes + (address - r->base);
	return 0;
}

int interp_memory_put(struct interp *m, uint64_t address, const void *bytes, gsize n)
{
	guint8 *to;

	if (!n)
		return 0;
	if (writable(m, address, n, &to) < 0)
		return -1;
	memcpy(to, bytes, n);
	return 0;
}

int memory_zero(struct interp *m, uint64_t address, gsize n)
{
	guint8 *to;

	if (!n)
		return 0;
	if (writable(m, address, n, &to) < 0)
		return -1;
	memset(to, 0, n);
	return 0;
}

guint8 memory_peek(struct interp *m, enum kg_space space, uint64_t address)
{
	struct region *r = space == KG_SPACE_KERNEL ? memory_find(m, address, 1) : NULL;
	const struct kg_bytes_at *from = &m->world->memory[space];
	gint64 key = (gint64)address;
	gpointer byte;

	if (r)
		return r->bytes[address - r->base];
	if (from->bytes && g_hash_table_lookup_extended(from->bytes, &key, NULL, &byte))
		return (guint8)GPOINTER_TO_UINT(byte);
	return from->other;
}

/* A map is named by index; its value, a function of the program, or something that only the kernel has. */
static int immediate(void *self, const struct bpf_insn insn[2], struct kg_word *ret, struct kg_error *err)
{
	struct interp *m = self;
	guint map = (guint)insn->imm;

	switch (insn->src_reg) {
	case BPF_PSEUDO_FUNC:
		*ret = KG_WORD(KG_AT_CODE + 8 * (uint64_t)(m->pc + 1 + (gint64)insn->imm));
		return 0;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		if (map >= m->object->maps->len)
			break;
		*ret = KG_WORD(KG_AT_MAP + 0x100000000ull * map);
		return 0;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE: {
		static const guint8 first[8];
		struct map_state *s;
		struct map_entry *e;

		if (map >= m->object->maps->len || map_of(m, KG_AT_MAP + 0x100000000ull * map, &s) < 0 || s->map->key_size > sizeof(first))
			break;
		e = map_find(m, s, first);
		if (!e)
			break;
		*ret = KG_WORD(e->value->base + (uint32_t)insn[1].imm);
		return 0;
	}
	}
	return kg_error_set(err, KG_E_UNSUPPORTED, "interp", "%s", m->why ? m->why : "a 64-bit immediate that only the kernel knows");
}


const struct kg_memory_ops memory_ops = {load, store, immediate};
