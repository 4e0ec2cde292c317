/*
 * Sorted indexes over the two big texts of a profile, so that a name is found by bisection and nothing is parsed or copied
 * before it is asked for. The texts may come from another machine or a damaged disk: whatever is not of the form is
 * counted and left out.
 *
 *   functions   tcp_connect
 *               nf_conntrack_in [nf_conntrack]
 *   formats     @ sock:inet_sock_set_state
 *               name: inet_sock_set_state
 *               ...
 */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

#define LINES_MAX 4000000u

static int compare(const char *a, gsize na, const char *b, gsize nb)
{
	int d = memcmp(a, b, MIN(na, nb));

	return d ? d : (na > nb) - (na < nb);
}

static int compare_lines(gconstpointer a, gconstpointer b, gpointer text)
{
	const struct kg_line *x = a, *y = b;
	int d = compare((char *)text + x->off, x->len, (char *)text + y->off, y->len);

	return d ? d : (x->off > y->off) - (x->off < y->off);
}

static gboolean is_name(const char *s, gsize len, gboolean colon)
{
	gsize colons = 0;

	if (!len || len > 512)
		return FALSE;
	for (gsize i = 0; i < len; i++) {
		if (s[i] == ':')
			colons++;
		else if (!g_ascii_isalnum(s[i]) && (!s[i] || !strchr("_.-$", s[i])))
			return FALSE;
	}
	return colon ? colons == 1 && s[0] != ':' && s[len - 1] != ':' : colons == 0;
}

static struct kg_index *index_new(GBytes *bytes)
{
	struct kg_index *ix = g_new0(struct kg_index, 1);

	ix->text = bytes ? g_bytes_get_data(bytes, &ix->text_len) : "";
	ix->text = ix->text ? ix->text : "";
	ix->text_len = MIN(ix->text_len, (gsize)G_MAXUINT32 - 1);
	return ix;
}

static struct kg_line *add(struct kg_index *ix, guint *room)
{
	if (ix->n == *room)
		ix->lines = g_renew(struct kg_line, ix->lines, *room = *room ? *room * 2 : 4096);
	struct kg_line *l = &ix->lines[ix->n++];

	memset(l, 0, sizeof(*l));
	return l;
}

/* Most texts are sorted when they come; sorting anew costs more than looking. */
static void sort(struct kg_index *ix)
{
	guint i = 1;

	while (i < ix->n && compare_lines(&ix->lines[i - 1], &ix->lines[i], (gpointer)ix->text) < 0)
		i++;
	if (i < ix->n)
		g_qsort_with_data(ix->lines, (gint)ix->n, sizeof(*ix->lines), compare_lines, (gpointer)ix->text);
}

static void function_line(struct kg_index *ix, guint *room, const char *s, gsize len)
{
	const char *space = memchr(s, ' ', len);
	gsize name = space ? (gsize)(space - s) : len, module = 0;

	if (space) {
		gsize rest = len - name;

		if (rest < 4 || space[1] != '[' || s[len - 1] != ']' || !is_name(space + 2, rest - 3, FALSE)) {
			ix->bad++;
			return;
		}
		module = rest - 3;
	}
	if (!is_name(s, name, FALSE)) {
		ix->bad++;
		return;
	}
	struct kg_line *l = add(ix, room);

	l->off = (uint32_t)(s - ix->text);
	l->len = (uint16_t)name;
	l->rest = (uint16_t)module;
}

struct kg_index *kg_index_functions(GBytes *text)
{
	struct kg_index *ix = index_new(text);
	const char *s = ix->text, *end = s + ix->text_len;
	struct kg_text_line l;
	guint room = 0;

	while (ix->n < LINES_MAX && kg_text_next_line(&s, end, &l))
		if (l.len)
			function_line(ix, &room, l.s, l.len);
	sort(ix);
	return ix;
}

/* The start of the next "@ " line at or behind s, or end. */
static const char *next_header(const char *text, const char *s, const char *end)
{
	while (s < end) {
		const char *at = memchr(s, '@', (gsize)(end - s));

		if (!at)
			return end;
		if ((at == text || at[-1] == '\n') && at + 1 < end && at[1] == ' ')
			return at;
		s = at + 1;
	}
	return end;
}

struct kg_index *kg_index_formats(GBytes *text)
{
	struct kg_index *ix = index_new(text);
	const char *end = ix->text + ix->text_len, *s = next_header(ix->text, ix->text, end);
	guint room = 0;

	if (s != ix->text && ix->text_len)
		ix->bad++;
	while (s < end && ix->n < LINES_MAX) {
		const char *next = next_header(ix->text, s + 1, end), *name = s + 2;
		const char *nl = memchr(name, '\n', (gsize)(next - name));
		const char *stop = nl ? nl : next;

		if (is_name(name, (gsize)(stop - name), TRUE)) {
			struct kg_line *l = add(ix, &room);

			l->off = (uint32_t)(name - ix->text);
			l->len = (uint16_t)(stop - name);
			l->body = (uint32_t)(MIN(stop + 1, next) - ix->text);
			l->body_len = (uint32_t)(next - ix->text) - l->body;
		} else {
			ix->bad++;
		}
		s = next;
	}
	sort(ix);
	return ix;
}

struct kg_index *kg_index_free(struct kg_index *ix)
{
	if (ix)
		g_free(ix->lines);
	g_free(ix);
	return NULL;
}

guint kg_index_lower(const struct kg_index *ix, const char *name, gsize len)
{
	guint low = 0, high = ix->n;

	while (low < high) {
		guint mid = low + (high - low) / 2;

		if (compare(kg_index_name(ix, &ix->lines[mid]), ix->lines[mid].len, name, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct kg_line *kg_index_find(const struct kg_index *ix, const char *name, gsize len)
{
	guint i = kg_index_lower(ix, name, len);

	if (i == ix->n || compare(kg_index_name(ix, &ix->lines[i]), ix->lines[i].len, name, len))
		return NULL;
	return &ix->lines[i];
}

char *kg_index_module(const struct kg_index *ix, const struct kg_line *l)
{
	return l->rest ? g_strndup(ix->text + l->off + l->len + 2, l->rest) : NULL;
}
