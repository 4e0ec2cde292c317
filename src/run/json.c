/*
 * A reader for what bpftrace calls JSON. Not a JSON library, because those refuse or lose what bpftrace 0.17 writes:
 *
 *   "\uffffffc3"           the byte 0xc3: every byte above 0x7f, as the sign-extended hexadecimal of a char
 *   {"@t": 12:30:01}       strftime() in a map: no quotes
 *   {"@s": {"main": 1, "main": 2}}   two addresses with the same symbol: the same key twice, and both rows count
 *
 * Newer versions write UTF-8, valid or not, as it is. Raw control characters in strings are taken as well.
 */
#include "json.h"

#include <string.h>

#define MAX_DEPTH 64

void run_json_space(struct json *j)
{
	while (j->s < j->end && (*j->s == ' ' || *j->s == '\t' || *j->s == '\r' || *j->s == '\n'))
		j->s++;
}

char run_json_peek(struct json *j)
{
	run_json_space(j);
	return j->s < j->end ? *j->s : '\0';
}

gboolean run_json_take(struct json *j, char c)
{
	if (run_json_peek(j) != c || j->s >= j->end)
		return FALSE;
	j->s++;
	return TRUE;
}

/* [n] hexadecimal digits at [s]. */
static gboolean hex(const char *s, const char *end, int n, guint32 *ret)
{
	guint32 v = 0;

	if (end - s < n)
		return FALSE;
	for (int i = 0; i < n; i++) {
		if (!g_ascii_isxdigit(s[i]))
			return FALSE;
		v = v << 4 | (guint32)g_ascii_xdigit_value(s[i]);
	}
	*ret = v;
	return TRUE;
}

/* Behind "\u". */
static gboolean unicode(struct json *j, GString *out)
{
	guint32 c, low;

	if (j->end - j->s >= 8 && memcmp(j->s, "ffffff", 6) == 0 && hex(j->s + 6, j->end, 2, &c)) {
		g_string_append_c(out, (char)c);
		j->s += 8;
		return TRUE;
	}
	if (!hex(j->s, j->end, 4, &c))
		return FALSE;
	j->s += 4;
	if (c >= 0xd800 && c < 0xdc00 && j->end - j->s >= 6 && j->s[0] == '\\' && j->s[1] == 'u' && hex(j->s + 2, j->end, 4, &low) &&
	    low >= 0xdc00 && low < 0xe000) {
		j->s += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	if (c == 0)
		g_string_append_c(out, '\0');
	else
		g_string_append_unichar(out, c);
	return TRUE;
}

static gboolean escape(struct json *j, GString *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (j->s >= j->end)
		return FALSE;
	if (*j->s == 'u') {
		j->s++;
		return unicode(j, out);
	}
	at = *j->s ? strchr(from, *j->s) : NULL;
	if (!at)
		return FALSE;
	g_string_append_c(out, to[at - from]);
	j->s++;
	return TRUE;
}

gboolean run_json_string(struct json *j, GString *out)
{
	if (!run_json_take(j, '"'))
		return FALSE;
	while (j->s < j->end && *j->s != '"') {
		const char *s = j->s;

		while (s < j->end && *s != '"' && *s != '\\')
			s++;
		g_string_append_len(out, j->s, s - j->s);
		j->s = s;
		if (s < j->end && *s == '\\') {
			j->s++;
			if (!escape(j, out))
				return FALSE;
		}
	}
	return run_json_take(j, '"');
}

static gboolean ends_value(const struct json *j)
{
	return j->s >= j->end || strchr(",}] \t\r\n", *j->s) != NULL;
}

gboolean run_json_integer(struct json *j, gint64 *ret_i, guint64 *ret_u, gboolean *is_big)
{
	const char *start;
	gboolean negative;
	guint64 v = 0;
	int digits = 0;

	run_json_space(j);
	start = j->s;
	negative = j->s < j->end && *j->s == '-';
	if (negative)
		j->s++;
	/* "05" is a text to us: an hour, not a number */
	if (j->end - j->s >= 2 && j->s[0] == '0' && g_ascii_isdigit(j->s[1]))
		goto no;
	for (; j->s < j->end && g_ascii_isdigit(*j->s); j->s++, digits++) {
		guint64 d = (guint64)(*j->s - '0');

		if (v > (G_MAXUINT64 - d) / 10)
			goto no;
		v = v * 10 + d;
	}
	if (digits == 0 || !ends_value(j) || (negative && v > (guint64)G_MAXINT64 + 1))
		goto no;
	*is_big = !negative && v > G_MAXINT64;
	*ret_u = v;
	*ret_i = *is_big ? 0 : negative ? (gint64)(0 - v) : (gint64)v;
	return TRUE;
no:
	j->s = start;
	return FALSE;
}

gboolean run_json_bare(struct json *j, gboolean is_last, GString *out)
{
	const char *s, *end = j->end;

	run_json_space(j);
	s = j->s;
	if (is_last) {
		/* nothing but the closing brackets of the line comes after it */
		while (end > s && strchr("}] \t\r\n", end[-1]))
			end--;
	} else {
		const char *t = s;

		while (t < end && *t != '}' && *t != ']' && !(end - t >= 3 && memcmp(t, ", \"", 3) == 0))
			t++;
		end = t;
	}
	if (end == s)
		return FALSE;
	g_string_append_len(out, s, end - s);
	j->s = end;
	return TRUE;
}

static gboolean skip(struct json *j, int depth)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char c = run_json_peek(j), close;

	if (c == '"')
		return run_json_string(j, text);
	if (c != '{' && c != '[')
		return run_json_bare(j, FALSE, text);
	if (depth >= MAX_DEPTH)
		return FALSE;
	close = c == '{' ? '}' : ']';
	j->s++;
	if (run_json_take(j, close))
		return TRUE;
	do {
		if (c == '{' && (!run_json_string(j, text) || !run_json_take(j, ':')))
			return FALSE;
		if (!skip(j, depth + 1))
			return FALSE;
	} while (run_json_take(j, ','));
	return run_json_take(j, close);
}

gboolean run_json_skip(struct json *j)
{
	return skip(j, 0);
}
