/* Helpers on texts. */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* bpf_strncmp(s1, size, s2): s2 is a text in a constant. */
int help_strncmp(struct interp *m, struct call *c)
{
	gsize n = (uint32_t)c->arg[1];
	const guint8 *a;

	if (memory_get(m, c->arg[0], n, &a, NULL) < 0)
		return -1;
	for (gsize i = 0; i < n; i++) {
		const guint8 *b;

		if (memory_get(m, c->arg[2] + i, 1, &b, NULL) < 0)
			return -1;
		if (a[i] != *b) {
			c->result = (uint64_t)(int64_t)(a[i] < *b ? -1 : 1);
			return 0;
		}
		if (!a[i])
			return 0;
	}
	return 0;
}

/* _parse_integer_fixup_radix() and _parse_integer() of lib/kstrtox.c: how many characters, 0: none; *ret_overflows. */
static gsize parse_digits(const char *text, guint base, uint64_t *ret, gboolean *ret_overflows)
{
	gsize at = 0, prefix = 0;

	if (!base)
		base = text[0] != '0' ? 10 : g_ascii_tolower(text[1]) == 'x' && g_ascii_isxdigit(text[2]) ? 16 : 8;
	if (base == 16 && text[0] == '0' && g_ascii_tolower(text[1]) == 'x')
		prefix = 2;
	*ret = 0;
	*ret_overflows = FALSE;
	for (at = prefix; g_ascii_isxdigit(text[at]) && (guint)g_ascii_xdigit_value(text[at]) < base; at++) {
		guint digit = (guint)g_ascii_xdigit_value(text[at]);

		*ret_overflows |= *ret > (UINT64_MAX - digit) / base;
		*ret = *ret * base + digit;
	}
	return at == prefix ? 0 : at;
}

/* What bpf_strtol() or bpf_strtoul() return: how many characters were read, or an error. */
static int64_t number_of(const guint8 *bytes, gsize n, uint64_t flags, gboolean is_signed, uint64_t *ret)
{
	char text[64] = "";
	gboolean is_negative, overflows;
	gsize skip = 0, digits;
	guint base = (guint)(flags & 0x1f); /* BPF_STRTOX_BASE_MASK */

	*ret = 0;
	if (!n || flags > 0x1f || (base && base != 8 && base != 10 && base != 16))
		return -EINVAL;
	while (skip < n && g_ascii_isspace((char)bytes[skip]))
		skip++;
	is_negative = skip < n && bytes[skip] == '-';
	skip += is_negative;
	memcpy(text, bytes + skip, MIN(n - skip, sizeof(text) - 1));
	digits = parse_digits(text, base, ret, &overflows);
	if (!overflows && digits && is_signed)
		overflows = is_negative ? *ret > (uint64_t)INT64_MAX + 1 : *ret > INT64_MAX;
	is_negative &= digits && !overflows;
	if (overflows || !digits || (is_negative && !is_signed)) {
		*ret = 0;
		return overflows ? -ERANGE : -EINVAL;
	}
	*ret = is_negative ? 0 - *ret : *ret;
	return (int64_t)(skip + digits);
}

/* bpf_strtol(buf, len, flags, res): 8 bytes at r4. An answer says it all. */
int help_strtol(struct interp *m, struct call *c)
{
	const guint8 *bytes;
	uint64_t number;

	if (c->answer) {
		c->result = c->answer->result;
		return put_output(m, c, c->arg[3], 8);
	}
	if (memory_get(m, c->arg[0], (uint32_t)c->arg[1], &bytes, NULL) < 0)
		return -1;
	c->result = (uint64_t)number_of(bytes, (uint32_t)c->arg[1], c->arg[2], c->helper == BPF_FUNC_strtol, &number);
	return interp_memory_put(m, c->arg[3], &number, sizeof(number));
}

/* One conversion as the kernel's vsnprintf() knows it, of those that bpf_bprintf_prepare() lets through. */
struct conversion {
	gboolean is_left, has_zeros;
	guint width;
	unsigned bits;
	char letter; /* 0: not understood */
};

static const char *read_conversion(const char *s, struct conversion *ret)
{
	*ret = (struct conversion){.bits = 32};
	for (; *s == '-' || *s == '0' || *s == '+' || *s == ' ' || *s == '#'; s++) {
		ret->is_left = ret->is_left || *s == '-';
		ret->has_zeros = ret->has_zeros || *s == '0';
	}
	for (; g_ascii_isdigit(*s); s++)
		ret->width = MIN(ret->width * 10 + (guint)(*s - '0'), 4096);
	for (; *s == 'l'; s++)
		ret->bits = 64;
	if (*s && strchr("cdiuxXsp", *s))
		ret->letter = *s++;
	return s;
}

static void append_padded(GString *out, const struct conversion *f, const char *text)
{
	gsize len = strlen(text), missing = f->width > len ? f->width - len : 0;
	gboolean zeros = f->has_zeros && !f->is_left && !strchr("sc", f->letter);

	if (f->is_left)
		g_string_append(out, text);
	if (zeros && *text == '-') {
		g_string_append_c(out, '-');
		text++;
	}
	for (gsize i = 0; i < missing; i++)
		g_string_append_c(out, zeros ? '0' : ' ');
	if (!f->is_left)
		g_string_append(out, text);
}

static char *convert(struct interp *m, const struct conversion *f, uint64_t value)
{
	GString *text;
	guint8 byte;

	switch (f->letter) {
	case 'd':
	case 'i':
		return g_strdup_printf("%" G_GINT64_FORMAT, f->bits == 64 ? (gint64)value : (gint32)value);
	case 'u':
		return g_strdup_printf("%" G_GUINT64_FORMAT, f->bits == 64 ? value : (guint32)value);
	case 'x':
		return g_strdup_printf("%" G_GINT64_MODIFIER "x", f->bits == 64 ? value : (guint32)value);
	case 'X':
		return g_strdup_printf("%" G_GINT64_MODIFIER "X", f->bits == 64 ? value : (guint32)value);
	case 'c':
		return g_strdup_printf("%c", (char)value);
	default: /* s: a text of the kernel, at most 512 bytes in all buffers */
		text = g_string_new(NULL);
		for (guint i = 0; i < 511 && (byte = memory_peek(m, KG_SPACE_KERNEL, value + i)); i++)
			g_string_append_c(text, (char)byte);
		return g_string_free(text, FALSE);
	}
}

static int format_text(struct interp *m, const char *format, const guint8 *data, gsize n, GString *out)
{
	struct conversion f;
	gsize used = 0;

	while (*format) {
		if (*format != '%' || format[1] == '%') {
			g_string_append_c(out, *format);
			format += *format == '%' ? 2 : 1;
			continue;
		}
		format = read_conversion(format + 1, &f);
		if (!f.letter || f.letter == 'p')
			return interp_stop(m, "bpf_snprintf with a conversion that is not modelled");
		if (used + 8 > n)
			return interp_stop(m, "bpf_snprintf with fewer arguments than its format has");
		uint64_t value;

		memcpy(&value, data + used, 8);
		used += 8;
		g_autofree char *text = convert(m, &f, value);

		append_padded(out, &f, text);
	}
	return 0;
}

/* bpf_snprintf(str, size, fmt, data, len): the length of the whole text with its NUL; what does not fit is cut. */
int help_snprintf(struct interp *m, struct call *c)
{
	g_autoptr(GString) format = g_string_new(NULL), out = g_string_new(NULL);
	gsize size = (uint32_t)c->arg[1], n = (uint32_t)c->arg[4];
	const guint8 *data, *byte;

	if (n % 8 || n > 12 * 8 || (n && !c->arg[3])) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	for (guint i = 0; i < 4096; i++) {
		if (memory_get(m, c->arg[2] + i, 1, &byte, NULL) < 0)
			return -1;
		if (!*byte)
			break;
		g_string_append_c(format, (char)*byte);
	}
	if (memory_get(m, c->arg[3], n, &data, NULL) < 0 || format_text(m, format->str, data, n, out) < 0)
		return -1;
	c->result = out->len + 1;
	if (size && out->len >= size)
		g_string_truncate(out, size - 1);
	return size ? interp_memory_put(m, c->arg[0], out->str, out->len + 1) : 0;
}
