/* What is seen against what is wanted. See judge.h. */
#include "judge.h"

#include <arpa/inet.h>
#include <string.h>

#define FAMILY_IPV4 2
#define FAMILY_IPV6 10

/* ---------------------------------------------------------------- words */

struct kg_word value_join(struct kg_symex *x, const struct kg_word *bytes, guint n, gboolean is_signed)
{
	struct kg_word ret = bytes[0];

	n = MIN(n, 8);
	for (guint i = 1; i < n; i++)
		ret = kg_terms.concat(x, bytes[i], 8, ret, 8 * i);
	return n < 8 ? kg_terms.extend(x, ret, 8 * n, 64, is_signed) : ret;
}

struct kg_word value_number(struct kg_symex *x, const struct seen *seen)
{
	return value_join(x, seen->bytes, seen->shape.size, seen->is_signed);
}

static struct kg_word equal64(struct kg_symex *x, struct kg_word a, struct kg_word b)
{
	return kg_terms.binary(x, KG_OP_EQ, 64, a, b);
}

static struct kg_word both(struct kg_symex *x, struct kg_word a, struct kg_word b)
{
	return kg_terms.binary(x, KG_OP_AND, 1, a, b);
}

static struct kg_word bytes_equal(struct kg_symex *x, const struct kg_word *a, const struct kg_word *b, guint n)
{
	struct kg_word ret = KG_WORD(1);

	for (guint i = 0; i < n; i += 8) {
		guint k = MIN(8, n - i);
		ret = both(x, ret, equal64(x, value_join(x, a + i, k, FALSE), value_join(x, b + i, k, FALSE)));
	}
	return ret;
}

/* ---------------------------------------------------------------- equality */

static gboolean inet_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	guint n = wanted->n_bytes;

	if (wanted->kind != KG_EXPR_BYTES || (n != 4 && n != 16) || wanted->is_text)
		return FALSE;
	*ret = both(m->x, equal64(m->x, value_join(m->x, seen->bytes, 8, FALSE), KG_WORD(n == 4 ? FAMILY_IPV4 : FAMILY_IPV6)),
		    bytes_equal(m->x, seen->bytes + 8, wanted->bytes, n));
	return TRUE;
}

static gboolean text_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	struct kg_expr_value own = {.kind = KG_EXPR_BYTES, .bytes = (struct kg_word *)seen->bytes, .n_bytes = seen->shape.size, .is_text = TRUE};

	if (wanted->kind != KG_EXPR_STRING && !(wanted->kind == KG_EXPR_BYTES && wanted->is_text))
		return FALSE;
	if (wanted->kind == KG_EXPR_STRING && own.n_bytes > 1)
		own.n_bytes--; /* a text that is longer than the buffer is cut: a loss, and named (loss.c) */
	return kg_expr_equal(&own, wanted, &m->env, ret, NULL) == 0;
}

/* A stack is known by its event. The upper half of the token's input: 0: the moment's own; else one more than the index of the event that it was kept at. */
#define STACK_EVENT 32

void value_keep_stack(const struct moment *m, struct kg_expr_value *value)
{
	if (value->kind == KG_EXPR_TOKEN && value->as == KG_AS_STACK && !value->word.term)
		value->word.bits |= (uint64_t)(m->event->index + 1) << STACK_EVENT;
}

static guint value_stack_event(const struct moment *m, const struct kg_expr_value *wanted)
{
	guint kept = (guint)(wanted->word.bits >> STACK_EVENT);

	return kept ? kept - 1 : m->event->index;
}

static gboolean stack_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	const char *name = seen->shape.kind == SHAPE_KSTACK ? "kstack" : "ustack";
	struct kg_word in[2] = {KG_WORD(value_stack_event(m, wanted)), KG_WORD(0)}, id;
	static const unsigned widths[2] = {32, 32};

	if (wanted->kind != KG_EXPR_TOKEN || !wanted->token || strcmp(wanted->token, name))
		return FALSE;
	id = kg_terms.binary(m->x, KG_OP_AND, 64, kg_symex_token(m->x, name, in, widths, 2), KG_WORD(0x7fffffff));
	*ret = equal64(m->x, value_join(m->x, seen->bytes, 4, FALSE), id);
	return TRUE;
}

/* A text that user space makes of a number: the number has to be right. */
static gboolean token_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	guint at = seen->shape.size == 16 && seen->shape.kind == SHAPE_TOKEN ? 8 : 0;

	if (wanted->kind != KG_EXPR_TOKEN || !wanted->token)
		return FALSE;
	if (seen->shape.kind == SHAPE_KSYM && strcmp(wanted->token, "ksym") && strcmp(wanted->token, "func"))
		return FALSE;
	if (seen->shape.kind == SHAPE_USYM && strcmp(wanted->token, "usym") && strcmp(wanted->token, "func"))
		return FALSE;
	if (seen->shape.kind == SHAPE_TOKEN && !(seen->node && seen->node->text && !strcmp(seen->node->text, wanted->token)))
		return FALSE;
	if (seen->shape.kind == SHAPE_TOKEN && !strcmp(wanted->token, "probe")) {
		*ret = KG_WORD(1); /* the probe's own name: which probe it is, is asked by `on` */
		return TRUE;
	}
	*ret = equal64(m->x, value_join(m->x, seen->bytes + at, 8, FALSE), wanted->word);
	return TRUE;
}

static gboolean is_open_buffer(const struct kg_expr_value *wanted)
{
	return wanted->kind == KG_EXPR_TOKEN && wanted->token && !strcmp(wanted->token, "buf");
}

static struct kg_word memory_byte(struct moment *m, const struct kg_expr_value *wanted, guint i)
{
	struct kg_word byte = KG_WORD(0);

	kg_symex_read(m->x, wanted->space, kg_terms.binary(m->x, KG_OP_ADD, 64, wanted->word, KG_WORD(i)), 1, &byte);
	return byte;
}

/* buf(ADDRESS, LENGTH) of a length that depends on the event: so many bytes, or as many as there is room for (a loss, and named: loss.c). */
static gboolean open_buffer_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	struct kg_symex *x = m->x;
	guint room = seen->shape.size - 1;
	struct kg_word is_longer = kg_terms.binary(x, KG_OP_ULT, 64, KG_WORD(room), wanted->length);
	struct kg_word length = kg_terms.select(x, is_longer, 64, KG_WORD(room), wanted->length);

	*ret = equal64(x, value_join(x, seen->bytes, 1, FALSE), length);
	for (guint i = 0; i < room; i++) {
		struct kg_word byte = memory_byte(m, wanted, i), is_behind = kg_terms.binary(x, KG_OP_ULE, 64, length, KG_WORD(i));

		*ret = both(x, *ret, kg_terms.binary(x, KG_OP_OR, 1, is_behind, bytes_equal(x, seen->bytes + 1 + i, &byte, 1)));
	}
	return TRUE;
}

static gboolean buffer_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	guint n = seen->shape.size - 1;

	if (is_open_buffer(wanted))
		return open_buffer_equal(m, seen, wanted, ret);

	if (wanted->kind != KG_EXPR_BYTES || wanted->n_bytes > n)
		return FALSE;
	*ret = both(m->x, equal64(m->x, value_join(m->x, seen->bytes, 1, FALSE), KG_WORD(wanted->n_bytes)),
		    bytes_equal(m->x, seen->bytes + 1, wanted->bytes, wanted->n_bytes));
	return TRUE;
}

static gboolean number_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	if (wanted->kind == KG_EXPR_NUMBER || wanted->kind == KG_EXPR_POINTER) {
		*ret = equal64(m->x, value_number(m->x, seen), wanted->word);
		return TRUE;
	}
	if (wanted->kind == KG_EXPR_BYTES && !wanted->is_text && wanted->n_bytes == seen->shape.size && seen->shape.size < 8) { /* C: an address of 4 bytes */
		*ret = bytes_equal(m->x, seen->bytes, wanted->bytes, wanted->n_bytes);
		return TRUE;
	}
	return FALSE;
}

gboolean value_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret)
{
	switch (seen->shape.kind) {
	case SHAPE_INT:
		return number_equal(m, seen, wanted, ret);
	case SHAPE_TEXT:
		return text_equal(m, seen, wanted, ret);
	case SHAPE_INET:
		return inet_equal(m, seen, wanted, ret);
	case SHAPE_KSTACK: case SHAPE_USTACK:
		return stack_equal(m, seen, wanted, ret);
	case SHAPE_KSYM: case SHAPE_USYM: case SHAPE_TOKEN:
		return token_equal(m, seen, wanted, ret);
	case SHAPE_BUF:
		return buffer_equal(m, seen, wanted, ret);
	case SHAPE_MAC:
		if (wanted->kind != KG_EXPR_BYTES || wanted->n_bytes != 6)
			return FALSE;
		*ret = bytes_equal(m->x, seen->bytes, wanted->bytes, 6);
		return TRUE;
	case SHAPE_BYTES:
		if (wanted->kind != KG_EXPR_BYTES || wanted->n_bytes != seen->shape.size)
			return FALSE;
		*ret = bytes_equal(m->x, seen->bytes, wanted->bytes, wanted->n_bytes);
		return TRUE;
	default:
		return FALSE;
	}
}

/* ---------------------------------------------------------------- what they are made of */

void value_words_seen(const struct seen *seen, GArray *words)
{
	g_array_append_vals(words, seen->bytes, seen->shape.size);
}

#define TEXT_BYTES 16 /* of a text, so many tell it apart */

/* A field that is a text stands in the context; other texts are memory, and are 0 behind their NUL. */
static struct kg_word text_byte(struct moment *m, const struct kg_expr_value *text, guint i)
{
	struct kg_word byte;

	if (!text->word.term && text->word.bits >= KG_AT_CONTEXT && kg_symex_read(m->x, text->space, KG_WORD(text->word.bits + i), 1, &byte) == 0)
		return byte;
	return kg_symex_text_byte(m->x, text->space, text->word, i);
}

void value_words_wanted(struct moment *m, const struct kg_expr_value *wanted, GArray *words)
{
	if (wanted->kind == KG_EXPR_BYTES) {
		g_array_append_vals(words, wanted->bytes, wanted->n_bytes);
		return;
	}
	g_array_append_val(words, wanted->word);
	for (guint i = 0; wanted->kind == KG_EXPR_STRING && i < TEXT_BYTES; i++) {
		struct kg_word byte = text_byte(m, wanted, i);
		g_array_append_val(words, byte);
	}
}

/* ---------------------------------------------------------------- words for people */

static guint8 byte_of(struct kg_symex *x, struct kg_word w)
{
	return (guint8)kg_symex_value(x, w);
}

static char *quoted(const guint8 *bytes, guint n)
{
	g_autofree char *text = g_strndup((const char *)bytes, n);
	g_autofree char *escaped = g_strescape(text, NULL);

	return g_strdup_printf("\"%s\"", escaped);
}

static char *inet_text(guint family, const guint8 *bytes)
{
	char text[INET6_ADDRSTRLEN] = "?";

	inet_ntop(family == FAMILY_IPV6 ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
	return g_strdup(text);
}

static char *hex_text(const guint8 *bytes, guint n)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < n; i++)
		g_string_append_printf(s, "%02x", bytes[i]);
	return g_string_free(s, FALSE);
}

static char *number_text(uint64_t number, enum kg_as as, gboolean is_signed)
{
	static const char *const units[KG_ASES] = {[KG_AS_NS] = " ns", [KG_AS_US] = " us", [KG_AS_MS] = " ms", [KG_AS_S] = " s"};

	if (as == KG_AS_HEX)
		return g_strdup_printf("%#" G_GINT64_MODIFIER "x", number);
	if (is_signed)
		return g_strdup_printf("%" G_GINT64_FORMAT "%s", (gint64)number, units[as] ? units[as] : "");
	return g_strdup_printf("%" G_GUINT64_FORMAT "%s", number, units[as] ? units[as] : "");
}

/* As bpftrace writes the bucket: "[4, 8)". See aggregate.c for the numbers. */
static char *bucket_text(const struct seen *seen, uint64_t number)
{
	if (seen->bucket == KG_AGGREGATE_LHIST)
		return number ? g_strdup_printf("in the bucket from %" G_GINT64_FORMAT " on", seen->lhist_min + ((gint64)number - 1) * seen->lhist_step)
			      : g_strdup_printf("in the bucket below %" G_GINT64_FORMAT, seen->lhist_min);
	if (number < 2)
		return g_strdup(number ? "in the bucket [0]" : "in the bucket below 0");
	return g_strdup_printf("in the bucket [%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT ")", (uint64_t)1 << ((number - 2) & 63),
			       (uint64_t)1 << ((number - 1) & 63));
}

#define MAX_SHOWN 64 /* bytes of a buffer */

static char *buffer_text(const guint8 *bytes, guint n)
{
	return n ? hex_text(bytes, MIN(n, MAX_SHOWN)) : g_strdup("no bytes");
}

char *value_text_seen(struct kg_symex *x, const struct seen *seen, enum kg_as as)
{
	guint n = seen->shape.size;
	g_autofree guint8 *bytes = g_malloc0(n + 1);

	for (guint i = 0; i < n; i++)
		bytes[i] = byte_of(x, seen->bytes[i]);
	switch (seen->shape.kind) {
	case SHAPE_TEXT:
		return quoted(bytes, n);
	case SHAPE_INET:
		return inet_text(bytes[0], bytes + 8);
	case SHAPE_BYTES:
		return n == 16 ? inet_text(FAMILY_IPV6, bytes) : hex_text(bytes, n);
	case SHAPE_BUF: /* its length, and so many bytes */
		return buffer_text(bytes + 1, MIN(bytes[0], n - 1));
	case SHAPE_MAC:
		return hex_text(bytes, n);
	case SHAPE_KSTACK:
		return g_strdup("a kernel stack");
	case SHAPE_USTACK:
		return g_strdup("a user stack");
	case SHAPE_INT:
		if (seen->bucket != KG_AGGREGATE_NONE)
			return bucket_text(seen, kg_symex_value(x, value_number(x, seen)));
		if (as == KG_AS_IPV4 && n == 4)
			return inet_text(FAMILY_IPV4, bytes);
		if (seen->conversion == 'p')
			as = KG_AS_HEX;
		return number_text(kg_symex_value(x, value_number(x, seen)), as, seen->conversion != 'u' && seen->conversion != 'x');
	default:
		return number_text(kg_symex_value(x, value_join(x, seen->bytes, MIN(n, 8), FALSE)), KG_AS_HEX, FALSE);
	}
}

char *value_text_wanted(struct moment *m, const struct kg_expr_value *wanted, enum kg_as as)
{
	guint8 bytes[256] = {0};
	guint n = MIN(wanted->n_bytes, sizeof(bytes) - 1);

	switch (wanted->kind) {
	case KG_EXPR_BYTES:
		for (guint i = 0; i < n; i++)
			bytes[i] = byte_of(m->x, wanted->bytes[i]);
		if (wanted->is_text)
			return quoted(bytes, n);
		if ((as == KG_AS_IPV4 || wanted->as == KG_AS_IPV4) && n == 4)
			return inet_text(FAMILY_IPV4, bytes);
		if (n == 16 && (as == KG_AS_IPV6 || wanted->as == KG_AS_IPV6))
			return inet_text(FAMILY_IPV6, bytes);
		return hex_text(bytes, n);
	case KG_EXPR_STRING:
		for (guint i = 0; i < 64; i++)
			bytes[i] = byte_of(m->x, text_byte(m, wanted, i));
		return quoted(bytes, 64);
	case KG_EXPR_TOKEN:
		if (is_open_buffer(wanted)) {
			guint64 length = kg_symex_value(m->x, wanted->length);
			for (n = 0; n < MIN(length, MAX_SHOWN); n++)
				bytes[n] = byte_of(m->x, memory_byte(m, wanted, n));
			return buffer_text(bytes, n);
		}
		if (wanted->token && g_str_has_suffix(wanted->token, "sym")) /* ksym(), usym() of an address */
			return g_strdup_printf("%s(%#" G_GINT64_MODIFIER "x)", wanted->token, kg_symex_value(m->x, wanted->word));
		return g_strdup(wanted->token ? wanted->token : "?");
	default:
		return number_text(kg_symex_value(m->x, wanted->word), as, wanted->is_signed);
	}
}
