/*
 * What is outside of the program: inputs with names, memory of the kernel and of processes, and what BTF says of it.
 *
 * Memory is a function from addresses to bytes. A read becomes a term over that function, and is remembered with the name that a person would
 * write for it: a pointer whose type is known, and the member at the offset that was added.
 */
#include "state.h"

#include <stdarg.h>
#include <string.h>

#define MAX_DEPTH 8 /* of structs in structs */

const char *sx_keep(struct kg_symex *x, const char *s)
{
	return s ? g_string_chunk_insert_const(x->strings, s) : NULL;
}

const char *sx_keepf(struct kg_symex *x, const char *fmt, ...)
{
	g_autofree char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return sx_keep(x, s);
}

/* ---------------------------------------------------------------- inputs */

static void input_free(gpointer p)
{
	struct kg_input *input = p;

	g_free(input->name);
	g_free(input);
}

struct kg_input *input_new(struct kg_symex *x, guint event, unsigned width, const char *type, const char *fmt, ...)
{
	struct kg_input *input = g_new0(struct kg_input, 1);
	g_autofree char *unique = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	input->name = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	n = GPOINTER_TO_INT(g_hash_table_lookup(x->names, input->name));
	g_hash_table_insert(x->names, g_strdup(input->name), GINT_TO_POINTER(n + 1));
	unique = g_strdup_printf("%s #%d", input->name, n);
	input->word = solver_input(x->solver, unique, width);
	input->width = width;
	input->type = sx_keep(x, type);
	input->event = event;
	g_ptr_array_set_free_func(x->inputs, input_free);
	g_ptr_array_add(x->inputs, input);
	if (input->word.term)
		g_hash_table_insert(x->input_of, input->word.term, input);
	return input;
}

/* ---------------------------------------------------------------- types */

void type_set(struct kg_symex *x, struct kg_word w, const char *type, const char *text, enum kg_space space)
{
	struct typed *typed;

	if (!w.term || g_hash_table_contains(x->types, w.term))
		return;
	typed = g_new0(struct typed, 1);
	typed->type = sx_keep(x, type);
	typed->text = sx_keep(x, text);
	typed->space = space;
	g_hash_table_insert(x->types, w.term, typed);
}

const struct typed *type_get(struct kg_symex *x, struct kg_word w)
{
	return w.term ? g_hash_table_lookup(x->types, w.term) : NULL;
}

/* "const struct sock *" -> "struct sock"; NULL where it is no pointer to one thing. */
static char *pointee(const char *type)
{
	const char *star = type ? strrchr(type, '*') : NULL;

	if (!star)
		return NULL;
	while (g_str_has_prefix(type, "const ") || g_str_has_prefix(type, "volatile "))
		type = strchr(type, ' ') + 1;
	return g_strchomp(g_strndup(type, (gsize)(star - type)));
}

/* What lies in [type] at a byte offset, n bytes long. */
struct member {
	char *path;
	struct kg_field field;
	gboolean is_found;
};

static gboolean is_struct(const char *type)
{
	return type && (g_str_has_prefix(type, "struct ") || g_str_has_prefix(type, "union ")) && !strchr(type, '*') && !strchr(type, '[');
}

static void look_in(struct kg_profile *p, const char *type, const char *prefix, guint off, guint n, int depth, struct member *best);

static void take_member(struct kg_profile *p, const struct kg_field *f, const char *prefix, guint off, guint n, int depth, struct member *best)
{
	guint at = f->offset_bits / 8;
	g_autofree char *path = *prefix ? g_strdup_printf("%s.%s", prefix, f->name) : g_strdup(f->name);

	if (best->is_found || f->bits || off < at || off + n > at + f->size)
		return;
	if (f->array_len && f->size > n && f->size / f->array_len == n && (off - at) % n == 0) {
		best->path = g_strdup_printf("%s[%u]", path, (off - at) / n);
		best->field = *f;
		best->field.is_string = FALSE;
		best->is_found = TRUE;
		return;
	}
	if (is_struct(f->type) && depth < MAX_DEPTH)
		look_in(p, f->type, path, off - at, n, depth + 1, best);
	if (!best->is_found && off == at && n == f->size) {
		best->path = g_steal_pointer(&path);
		best->field = *f;
		best->is_found = TRUE;
	}
}

static void look_in(struct kg_profile *p, const char *type, const char *prefix, guint off, guint n, int depth, struct member *best)
{
	const GPtrArray *members = kg_profile_members(p, type);

	for (guint i = 0; members && i < members->len && !best->is_found; i++)
		take_member(p, members->pdata[i], prefix, off, n, depth, best);
}

/* An address of 16 bytes is compared in halves: which member is it a half of? */
static gboolean half_of(struct kg_symex *x, const char *type, int64_t offset, struct kg_read *read)
{
	for (int second = 0; second < 2; second++) {
		struct member whole = {0};
		if (offset < 8 * second)
			continue;
		look_in(x->opts.profile, type, "", (guint)offset - 8 * (guint)second, 16, 0, &whole);
		if (whole.is_found) {
			if (whole.field.type && g_str_has_prefix(whole.field.type, "union {") && strrchr(whole.path, '.'))
				*strrchr(whole.path, '.') = '\0'; /* struct in6_addr's only member has no name that people use */
			read->half = sx_keep(x, whole.path);
			read->is_second_half = second;
			g_free(whole.path);
			return TRUE;
		}
	}
	return FALSE;
}

static void name_read(struct kg_symex *x, struct kg_read *read)
{
	struct kg_word base;
	int64_t offset;
	const struct typed *typed;
	g_autofree char *type = NULL;
	struct member member = {0};

	solver_split(x->solver, read->address, &base, &offset);
	typed = type_get(x, base);
	if (!typed && (typed = type_get(x, read->address)))
		offset = 0;
	if (!typed)
		return;
	read->is_wrong_space = typed->space == KG_SPACE_USER && read->space == KG_SPACE_KERNEL;
	type = pointee(typed->type);
	if (type && is_struct(type) && x->opts.profile && offset >= 0)
		look_in(x->opts.profile, type, "", (guint)offset, read->n_bytes, 0, &member);
	if (member.is_found) {
		read->name = g_strdup_printf("%s->%s", typed->text, member.path);
		read->type = sx_keep(x, member.field.type);
		read->is_big_endian = member.field.is_big_endian;
		read->is_signed = member.field.is_signed;
	} else if (type && is_struct(type) && x->opts.profile && read->n_bytes == 8 && half_of(x, type, offset, read)) {
		read->name = g_strdup_printf("%s->%s", typed->text, read->half);
	} else if (offset == 0 && !(type && is_struct(type))) {
		read->name = g_strdup_printf(read->is_string ? "str(%s)" : "*%s", typed->text);
		read->type = sx_keep(x, type);
	} else {
		read->name = g_strdup_printf("%s at byte %" G_GINT64_FORMAT, typed->text, offset);
	}
	g_free(member.path);
}

/* ---------------------------------------------------------------- reads */

struct kg_word outside_byte(struct kg_symex *x, enum kg_space space, struct kg_word address, guint64 i)
{
	return solver_byte(x->solver, space == KG_SPACE_USER ? SOLVER_USER_MEMORY : SOLVER_KERNEL_MEMORY,
			   sx_op(x, KG_OP_ADD, 64, address, KG_WORD(i)));
}

static const char *read_key(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n, char kind)
{
	return sx_keepf(x, "%c%d %p %" G_GINT64_MODIFIER "x %u", kind, space, address.term, address.term ? 0 : address.bits, n);
}

static void read_free(gpointer p)
{
	struct kg_read *read = p;

	g_free(read->name);
	g_free(read);
}

/* One read for each place, however often it is read. */
static struct kg_read *read_at(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n, gboolean is_string)
{
	const char *key = read_key(x, space, address, n, is_string ? 's' : 'r');
	struct kg_read *read = g_hash_table_lookup(x->texts, key);

	if (read)
		return read;
	read = g_new0(struct kg_read, 1);
	*read = (struct kg_read){.space = space, .address = address, .n_bytes = n, .is_string = is_string};
	name_read(x, read);
	g_ptr_array_set_free_func(x->all_reads, read_free);
	g_ptr_array_add(x->all_reads, read);
	g_hash_table_insert(x->texts, (gpointer)key, read);
	return read;
}

struct kg_read *outside_named(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n)
{
	struct kg_read *read = read_at(x, space, address, n, FALSE);

	if (!read->value.term && n <= 8) {
		struct kg_word bytes[8];
		for (guint i = 0; i < n; i++)
			bytes[i] = outside_byte(x, space, address, i);
		read->value = sx_join(x, bytes, n);
		if (read->name && read->type && strchr(read->type, '*'))
			type_set(x, read->value, read->type, read->name, space);
	}
	return read;
}

static void remember(struct kg_state *s, struct kg_read *read)
{
	if (s && !g_ptr_array_find(s->reads, read, NULL))
		g_ptr_array_add(s->reads, read);
}

struct kg_word outside_word(struct kg_symex *x, struct kg_state *s, enum kg_space space, struct kg_word address, guint n)
{
	struct kg_read *read = outside_named(x, space, address, n);

	remember(s, read);
	return read->value;
}

/*
 * At a place that is a number, a constant. At another, a choice among the first ones: so two ways to say one place mean one byte. Behind them each term is a
 * byte of its own; where two meet in a model, the replay has no packet (replay.c), and so says nothing.
 */
struct kg_word packet_byte(struct kg_symex *x, struct kg_word offset)
{
	struct kg_word byte;

	offset.region = 0;
	byte = solver_byte(x->solver, SOLVER_PACKET, offset);
	if (!offset.term)
		return byte;
	g_hash_table_add(x->packet_places, offset.term);
	for (guint i = PACKET_CHOICES; i-- > 0;)
		byte = sx_select(x, sx_op(x, KG_OP_EQ, 64, offset, KG_WORD(i)), 8, solver_byte(x->solver, SOLVER_PACKET, KG_WORD(i)), byte);
	return byte;
}

static gboolean is_of_packet(struct kg_word address)
{
	return address.term ? address.region == KG_REGION_PACKET : address.bits >= KG_AT_PACKET && address.bits < KG_AT_PACKET + 65536;
}

int kg_symex_read(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n_bytes, struct kg_word *ret)
{
	struct cells *cells = x->current ? ((struct context *)x->current->own)->cells : NULL;
	struct kg_word bytes[8];

	if (n_bytes == 0 || n_bytes > 8)
		return -KG_E_INVAL;
	if (cells && !address.term && address.bits >= KG_AT_CONTEXT && address.bits + n_bytes <= KG_AT_CONTEXT + cells->n) {
		for (guint i = 0; i < n_bytes; i++)
			bytes[i] = cells_byte(x, cells, (guint)(address.bits - KG_AT_CONTEXT) + i);
		*ret = sx_join(x, bytes, n_bytes);
		return 0;
	}
	if (is_of_packet(address)) {
		for (guint i = 0; i < n_bytes; i++)
			bytes[i] = packet_byte(x, sx_op(x, KG_OP_SUB, 64, address, KG_WORD(KG_AT_PACKET - i)));
		*ret = sx_join(x, bytes, n_bytes);
		return 0;
	}
	*ret = outside_named(x, space, address, n_bytes)->value;
	return 0;
}

/* ---------------------------------------------------------------- texts */

/* The bytes of a text as far as they were asked for, and "its NUL was before this one". */
struct text {
	GArray *bytes; /* struct kg_word, 8 bits */
	GArray *ended; /* struct kg_word, 1 bit */
};

static struct text *text_at(struct kg_symex *x, enum kg_space space, struct kg_word address)
{
	const char *key = read_key(x, space, address, 0, 't');
	struct text *text = g_hash_table_lookup(x->texts, key);

	if (!text) {
		text = g_new0(struct text, 1);
		text->bytes = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
		text->ended = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
		g_ptr_array_add(x->owned_texts, text);
		g_hash_table_insert(x->texts, (gpointer)key, text);
	}
	return text;
}

/* Whatever a buffer holds far behind the beginning of a text. */
static struct kg_word far_byte(struct kg_symex *x, enum kg_space space, struct kg_word address, guint i)
{
	struct kg_word in[3] = {KG_WORD(space), address, KG_WORD(i)};
	static const unsigned widths[3] = {8, 64, 32};

	return sx_extract(x, solver_token(x->solver, "far byte of a text", in, widths, 3), 7, 0);
}

static void text_grow(struct kg_symex *x, struct text *text, enum kg_space space, struct kg_word address, guint n)
{
	for (guint i = text->bytes->len; i < n; i++) {
		struct kg_word ended = i ? g_array_index(text->ended, struct kg_word, i - 1) : KG_WORD(0);
		struct kg_word raw = outside_byte(x, space, address, i);
		struct kg_word byte = i < MAX_NUL ? sx_select(x, ended, 8, KG_WORD(0), raw) : far_byte(x, space, address, i);
		struct kg_word ends = i < MAX_NUL ? sx_or(x, ended, sx_op(x, KG_OP_EQ, 8, raw, KG_WORD(0))) : ended;

		g_array_append_val(text->bytes, byte);
		g_array_append_val(text->ended, ends);
	}
}

struct kg_word kg_symex_text_byte(struct kg_symex *x, enum kg_space space, struct kg_word address, guint i)
{
	struct text *text = text_at(x, space, address);

	text_grow(x, text, space, address, i + 1);
	return g_array_index(text->bytes, struct kg_word, i);
}

/* So that the text has a name wherever it matters. */
void outside_text_named(struct kg_symex *x, enum kg_space space, struct kg_word address, guint n)
{
	read_at(x, space, address, n, TRUE);
}

/* n bytes from [address] on, and for each whether the NUL was before it. */
void outside_text(struct kg_symex *x, struct kg_state *s, enum kg_space space, struct kg_word address, guint n, struct kg_word *ret_bytes,
		  struct kg_word *ret_ended)
{
	struct text *text = text_at(x, space, address);

	remember(s, read_at(x, space, address, n, TRUE));
	text_grow(x, text, space, address, n);
	for (guint i = 0; i < n; i++) {
		ret_bytes[i] = g_array_index(text->bytes, struct kg_word, i);
		ret_ended[i] = i ? g_array_index(text->ended, struct kg_word, i - 1) : KG_WORD(0);
	}
}

struct kg_word kg_symex_token(struct kg_symex *x, const char *name, const struct kg_word *inputs, const unsigned *widths, guint n)
{
	return solver_token(x->solver, name, inputs, widths, n);
}
