/* Text for terminals and program texts: see include/kgent/text.h. */
#include <kgent/text.h>

#include <string.h>

static gboolean is_unicode_control(gunichar c)
{
	return (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

static void escape(const char *s, gssize len, gboolean lines, GString *out)
{
	const char *end = s + (len < 0 ? (gssize)strlen(s) : len);

	while (s < end) {
		unsigned char b = (unsigned char)*s;

		if (b < 0x80) {
			if ((b < 0x20 && b != '\t' && !(lines && b == '\n')) || b == 0x7f)
				g_string_append_printf(out, "\\x%02x", b);
			else
				g_string_append_c(out, (char)b);
			s++;
			continue;
		}
		gunichar c = g_utf8_get_char_validated(s, end - s);
		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(out, "\\x%02x", b);
			s++;
			continue;
		}
		if (is_unicode_control(c))
			g_string_append_printf(out, "\\u{%x}", c);
		else
			g_string_append_unichar(out, c);
		s = g_utf8_next_char(s);
	}
}

void kg_text_escape(const char *s, gssize len, GString *out)
{
	escape(s, len, FALSE, out);
}

void kg_text_escape_lines(const char *s, gssize len, GString *out)
{
	escape(s, len, TRUE, out);
}

int kg_text_width(const char *s)
{
	int width = 0;

	for (; *s; s = g_utf8_next_char(s)) {
		gunichar c = g_utf8_get_char_validated(s, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			width++;
			continue;
		}
		width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
	}
	return width;
}

int kg_text_distance(const char *a, const char *b, int max)
{
	gsize n = strlen(a), m = strlen(b);

	if ((n > m ? n - m : m - n) > (gsize)max || n > 255 || m > 255)
		return max + 1;
	int rows[3][257];
	int *before = rows[0], *last = rows[1], *row = rows[2];

	for (gsize j = 0; j <= m; j++)
		last[j] = (int)j;
	for (gsize i = 1; i <= n; i++) {
		int best = row[0] = (int)i;

		for (gsize j = 1; j <= m; j++) {
			int d = last[j - 1] + (a[i - 1] != b[j - 1]);

			d = MIN(d, last[j] + 1);
			d = MIN(d, row[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = MIN(d, before[j - 2] + 1);
			row[j] = d;
			best = MIN(best, d);
		}
		if (best > max)
			return max + 1;
		int *t = before;
		before = last;
		last = row;
		row = t;
	}
	return MIN(last[m], max + 1);
}

gboolean kg_text_next_line(const char **s, const char *end, struct kg_text_line *ret)
{
	const char *nl;

	if (*s >= end)
		return FALSE;
	nl = memchr(*s, '\n', (gsize)(end - *s));
	ret->s = *s;
	ret->len = (gsize)((nl ? nl : end) - *s);
	*s = nl ? nl + 1 : end;
	return TRUE;
}

gboolean kg_text_line_has(const struct kg_text_line *l, const char *what)
{
	return l->len && memmem(l->s, l->len, what, strlen(what)) != NULL;
}

void kg_text_quote(const char *s, GString *out)
{
	g_string_append_c(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			g_string_append_printf(out, "\\%c", *s);
		else if (*s == '\n')
			g_string_append(out, "\\n");
		else if (*s == '\t')
			g_string_append(out, "\\t");
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			g_string_append_printf(out, "\\x%02x", (unsigned char)*s);
		else
			g_string_append_c(out, *s);
	}
	g_string_append_c(out, '"');
}

char *kg_text_duration(gint64 ns)
{
	static const struct {
		gint64 ns;
		const char *unit;
	} units[] = {{3600000000000, "h"}, {60000000000, "min"}, {1000000000, "s"}, {1000000, "ms"}, {1000, "us"}, {1, "ns"}};

	for (gsize i = 0; i < G_N_ELEMENTS(units); i++)
		if (ns >= units[i].ns && (ns % units[i].ns == 0 || units[i].ns <= 1000000000))
			return g_strdup_printf("%.4g %s", (double)ns / (double)units[i].ns, units[i].unit);
	return g_strdup("0 s");
}
