/*
 * The program's own memory: stack, context, packet, map values and records, as objects of bytes.
 *
 * Pointers are numbers in a fixed layout (kgent/interp.h), so that pointer arithmetic is arithmetic. A word remembers which object it
 * points into (kg_word.region), which finds the object where the offset is a term. A load at an offset that is a term chooses among all offsets
 * that fit; a store there changes each of them under its condition.
 */
#include "state.h"

#include <string.h>

#define MAX_CHOICES 1024 /* offsets that an access by a term chooses among */

static struct kg_state *state_of(void *self)
{
	return self;
}

/* ---------------------------------------------------------------- bytes and words */

static struct kg_word pad(struct kg_symex *x)
{
	g_autofree char *name = g_strdup_printf("unset %u", x->n_fresh++);
	struct kg_word byte = solver_input(x->solver, name, 8);

	g_array_append_val(x->unset, byte);
	return byte;
}

struct kg_word cells_byte(struct kg_symex *x, struct cells *cells, guint i)
{
	struct cell *cell = &cells->cell[i];

	if (cell->is_pad) { /* the same for all that share it: it has one value, whichever */
		cell->is_pad = FALSE;
		cell->value = cells->is_packet ? packet_byte(x, KG_WORD(i)) : pad(x);
	}
	return cell->n_value == 1 ? cell->value : sx_extract(x, cell->value, cell->index * 8 + 7, cell->index * 8);
}

/* Are these n cells exactly one value, in order? */
static gboolean is_whole(const struct cell *cell, guint n)
{
	if (cell->n_value != n || cell->is_pad)
		return FALSE;
	for (guint i = 0; i < n; i++)
		if (cell[i].n_value != n || cell[i].index != i || cell[i].is_pad || !word_same(cell[i].value, cell->value))
			return FALSE;
	return TRUE;
}

static struct kg_word cells_word(struct kg_symex *x, struct cells *cells, guint offset, guint n)
{
	struct kg_word bytes[8];

	if (is_whole(&cells->cell[offset], n))
		return cells->cell[offset].value;
	for (guint i = 0; i < n; i++)
		bytes[i] = cells_byte(x, cells, offset + i);
	return sx_join(x, bytes, n);
}

static void set_word(struct cells *cells, guint offset, guint n, struct kg_word value)
{
	for (guint i = 0; i < n; i++)
		cells->cell[offset + i] = (struct cell){.value = value, .n_value = (guint8)n, .index = (guint8)i, .is_set = TRUE};
}

/* ---------------------------------------------------------------- which object */

static guint region_by_number(struct kg_state *s, uint64_t address, guint n)
{
	for (guint i = s->regions->len; i-- > 1;) {
		const struct region *region = state_region(s, i);
		if (address >= region->base && address + n <= region->base + region->cells->n && !region->is_gone)
			return i;
	}
	return 0;
}

struct region *mem_region_at(struct kg_state *s, struct kg_word address, guint n, uint64_t *ret_offset)
{
	guint i = address.term ? 0 : region_by_number(s, address.bits, n);

	if (!i)
		return NULL;
	*ret_offset = address.bits - state_region(s, i)->base;
	return state_region(s, i);
}

/* An access: an object, and an offset that is a number or a term. region 0: memory outside. */
struct access {
	guint region;
	struct kg_word offset;
};

static struct access find(struct kg_state *s, struct kg_word address, guint n)
{
	struct access access = {0};

	if (!address.term) {
		access.region = region_by_number(s, address.bits, n);
		if (access.region)
			access.offset = KG_WORD(address.bits - state_region(s, access.region)->base);
	} else if (address.region && address.region < s->regions->len) {
		access.region = address.region;
		access.offset = sx_op(s->x, KG_OP_SUB, 64, address, KG_WORD(state_region(s, address.region)->base));
	}
	return access;
}

/* The step between the offsets that are possible: what the term's low bits leave open. */
static guint stride_of(struct kg_symex *x, struct kg_word offset, guint n)
{
	guint stride = 1;

	for (guint bits = 1; (1u << bits) <= n; bits++) {
		struct kg_word low = sx_extract(x, offset, bits - 1, 0);
		if (low.term || low.bits)
			break;
		stride = 1u << bits;
	}
	return stride;
}

/* ---------------------------------------------------------------- load and store */

static int load_any(struct kg_state *s, const struct access *access, guint n, struct kg_word *ret)
{
	struct kg_symex *x = s->x;
	struct region *region = state_region(s, access->region);
	guint stride = stride_of(x, access->offset, n);
	struct kg_word value = KG_WORD(0);

	if (region->cells->n / stride > MAX_CHOICES)
		return state_end(s, "a load at an unknown place of %u bytes", region->cells->n);
	for (guint at = 0; at + n <= region->cells->n; at += stride) {
		struct kg_word is_here = sx_op(x, KG_OP_EQ, 64, access->offset, KG_WORD(at));
		value = sx_select(x, is_here, 8 * n, cells_word(x, region->cells, at, n), value);
	}
	*ret = value;
	return 0;
}

static struct kg_word packet_word(struct kg_state *s, struct kg_word offset, guint n)
{
	struct kg_word bytes[8];

	for (guint i = 0; i < n; i++)
		bytes[i] = packet_byte(s->x, sx_op(s->x, KG_OP_ADD, 64, offset, KG_WORD(i)));
	return sx_join(s->x, bytes, n);
}

/* The context's members data and data_end point into the packet, which is the object made behind the context. */
static struct kg_word packet_pointer(struct kg_state *s, guint region, guint offset, struct kg_word value)
{
	const struct context *context = s->event->own;

	if (!context->has_packet || (offset != context->data_at && offset != context->data_end_at))
		return value;
	value = sx_extend(s->x, value, 32, 64);
	value.region = region + 1;
	return value;
}

static int load(void *self, struct kg_word address, unsigned n, struct kg_word *ret, struct kg_error *err)
{
	struct kg_state *s = state_of(self);
	struct access access = find(s, address, n);
	struct region *region = access.region ? state_region(s, access.region) : NULL;

	(void)err;
	if (!region && !address.term && address.bits >= KG_AT_PACKET && address.bits < KG_AT_PACKET + 65536) {
		*ret = packet_word(s, KG_WORD(address.bits - KG_AT_PACKET), n); /* behind the bytes that are kept as cells */
		return 0;
	}
	if (!region) {
		*ret = outside_word(s->x, s, KG_SPACE_KERNEL, address, n); /* BTF pointers are read directly */
		return 0;
	}
	if (region->kind == REGION_PACKET && access.offset.term) {
		if (region->is_changed)
			return state_end(s, "a packet that was changed is read at a place that is not known");
		*ret = packet_word(s, access.offset, n);
		return 0;
	}
	if (access.offset.term)
		return load_any(s, &access, n, ret);
	*ret = cells_word(s->x, region->cells, (guint)access.offset.bits, n);
	if (region->kind == REGION_CONTEXT && n == 4)
		*ret = packet_pointer(s, access.region, (guint)access.offset.bits, *ret);
	return 0;
}

static int store_any(struct kg_state *s, const struct access *access, guint n, const struct kg_word *bytes)
{
	struct kg_symex *x = s->x;
	struct cells *cells = state_writable(s, access->region);
	guint stride = stride_of(x, access->offset, n);

	if (state_region(s, access->region)->kind == REGION_PACKET || cells->n / stride > MAX_CHOICES)
		return state_end(s, "a store at an unknown place of %u bytes", cells->n);
	for (guint at = 0; at + n <= cells->n; at += stride) {
		struct kg_word is_here = sx_op(x, KG_OP_EQ, 64, access->offset, KG_WORD(at));
		for (guint i = 0; i < n; i++) {
			struct cell *cell = &cells->cell[at + i];
			gboolean was_set = cell->is_set;
			struct kg_word value = sx_select(x, is_here, 8, bytes[i], cells_byte(x, cells, at + i));
			*cell = (struct cell){.value = value, .n_value = 1, .is_set = was_set};
		}
	}
	return 0;
}

static int store(void *self, struct kg_word address, unsigned n, struct kg_word value, struct kg_error *err)
{
	(void)err;
	return mem_store_word(state_of(self), address, n, value);
}

int mem_store_word(struct kg_state *s, struct kg_word address, guint n, struct kg_word value)
{
	struct access access = find(s, address, n);
	struct kg_word bytes[8];

	if (!access.region)
		return state_end(s, "a store outside of the program's memory");
	if (state_region(s, access.region)->is_constant)
		return state_end(s, "a store to constant data");
	if (!access.offset.term) {
		set_word(state_writable(s, access.region), (guint)access.offset.bits, n, value);
		return 0;
	}
	for (guint i = 0; i < n; i++)
		bytes[i] = sx_extract(s->x, value, i * 8 + 7, i * 8);
	return store_any(s, &access, n, bytes);
}

int mem_load_bytes(struct kg_state *s, struct kg_word address, guint n, struct kg_word *ret, guint8 *ret_is_set)
{
	struct access access = find(s, address, n);

	for (guint i = 0; i < n; i++) {
		if (access.region && !access.offset.term) {
			struct cells *cells = state_region(s, access.region)->cells;
			if (ret_is_set)
				ret_is_set[i] = cells->cell[access.offset.bits + i].is_set;
			ret[i] = cells_byte(s->x, cells, (guint)access.offset.bits + i);
			continue;
		}
		int r = load(s, sx_op(s->x, KG_OP_ADD, 64, address, KG_WORD(i)), 1, &ret[i], NULL);
		if (r)
			return r;
		if (ret_is_set)
			ret_is_set[i] = 1;
	}
	return 0;
}

int mem_store_bytes(struct kg_state *s, struct kg_word address, guint n, const struct kg_word *bytes)
{
	struct access access = find(s, address, n);

	if (!access.region)
		return state_end(s, "a store outside of the program's memory");
	if (access.offset.term)
		return store_any(s, &access, n, bytes);
	for (guint i = 0; i < n; i++)
		set_word(state_writable(s, access.region), (guint)access.offset.bits + i, 1, bytes[i]);
	return 0;
}

int mem_store_maybe(struct kg_state *s, struct kg_word address, struct kg_word byte)
{
	struct access access = find(s, address, 1);
	struct cell *cell;

	if (!access.region || access.offset.term)
		return mem_store_bytes(s, address, 1, &byte);
	cell = &state_writable(s, access.region)->cell[access.offset.bits];
	*cell = (struct cell){.value = byte, .n_value = 1, .is_set = cell->is_set};
	return 0;
}

/* ---------------------------------------------------------------- immediates */

static int immediate(void *self, const struct bpf_insn insn[2], struct kg_word *ret, struct kg_error *err)
{
	struct kg_state *s = state_of(self);
	int map = insn[0].imm;

	switch (insn[0].src_reg) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		*ret = KG_WORD(KG_AT_MAP + 0x100000000ull * (guint)map);
		return 0;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE: {
		struct kg_word key[4] = {KG_WORD(0), KG_WORD(0), KG_WORD(0), KG_WORD(0)};
		gboolean is_present;
		guint entry;
		int r = sx_map_find(s, map, key, 4, &entry, &is_present);

		if (r)
			return r;
		if (!is_present)
			return state_end(s, "an address in a map that has no such entry");
		ret->term = NULL;
		ret->region = g_array_index(s->entries, struct entry, entry).region;
		ret->bits = state_region(s, ret->region)->base + (uint32_t)insn[1].imm;
		return 0;
	}
	case BPF_PSEUDO_FUNC:
		*ret = KG_WORD(KG_AT_CODE + 8 * (uint64_t)(s->cpu.pc + (gint64)insn[0].imm)); /* pc is already behind the first half */
		return 0;
	}
	(void)err;
	return state_end(s, "an address of the kernel's own (pseudo source %d) is not modelled", insn[0].src_reg);
}

const struct kg_memory_ops sx_memory = {load, store, immediate};
