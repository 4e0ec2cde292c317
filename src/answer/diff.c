/*
 * A change instead of a program. Models write unified diffs with wrong line numbers and lost blanks, so a hunk is found by its lines alone:
 * where its old lines stand, blanks at both ends not counted. A hunk that fits nowhere makes the whole change unusable.
 */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

gboolean diff_is(const struct block *block)
{
	if (g_str_has_prefix(block->info, "diff") || g_str_has_prefix(block->info, "patch"))
		return TRUE;
	return g_str_has_prefix(block->text, "--- ") || g_str_has_prefix(block->text, "@@ ") || strstr(block->text, "\n@@ ");
}

struct hunk {
	GPtrArray *old, *new; /* char * */
};

static void hunk_free(gpointer data)
{
	struct hunk *h = data;

	g_ptr_array_unref(h->old);
	g_ptr_array_unref(h->new);
	g_free(h);
}

static struct hunk *hunk_new(GPtrArray *hunks)
{
	struct hunk *h = g_new0(struct hunk, 1);

	h->old = g_ptr_array_new_with_free_func(g_free);
	h->new = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(hunks, h);
	return h;
}

static void take_line(struct hunk *h, const char *line)
{
	char mark = *line ? *line : ' ';
	const char *rest = mark == ' ' || mark == '-' || mark == '+' ? line + (*line != '\0') : line;

	if (mark != '+')
		g_ptr_array_add(h->old, g_strdup(rest));
	if (mark != '-')
		g_ptr_array_add(h->new, g_strdup(rest));
}

static GPtrArray *read_hunks(const char *diff)
{
	GPtrArray *hunks = g_ptr_array_new_with_free_func(hunk_free);
	g_auto(GStrv) lines = g_strsplit(diff, "\n", -1);
	struct hunk *h = NULL;

	for (char **l = lines; *l; l++) {
		if (g_str_has_prefix(*l, "--- ") || g_str_has_prefix(*l, "+++ ") || g_str_has_prefix(*l, "diff ") || g_str_has_prefix(*l, "index ") ||
		    g_str_has_prefix(*l, "\\ No newline"))
			continue;
		if (g_str_has_prefix(*l, "@@")) {
			h = hunk_new(hunks);
			continue;
		}
		if (!*l[0] && !l[1])
			break; /* behind the last newline */
		take_line(h ? h : (h = hunk_new(hunks)), *l);
	}
	return hunks;
}

static gboolean is_same(const char *a, const char *b)
{
	g_autofree char *x = g_strstrip(g_strdup(a)), *y = g_strstrip(g_strdup(b));

	return !strcmp(x, y);
}

/* Where the hunk's old lines stand in [lines]; -1: nowhere; -2: in several places. */
static int find_hunk(const GPtrArray *lines, const struct hunk *h)
{
	int found = -1;

	if (!h->old->len)
		return -1;
	for (guint at = 0; at + h->old->len <= lines->len; at++) {
		guint i = 0;
		while (i < h->old->len && is_same(lines->pdata[at + i], h->old->pdata[i]))
			i++;
		if (i < h->old->len)
			continue;
		if (found >= 0)
			return -2;
		found = (int)at;
	}
	return found;
}

static GPtrArray *split_lines(const char *text)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) all = g_strsplit(text, "\n", -1);

	for (char **l = all; *l; l++)
		g_ptr_array_add(lines, g_strdup(*l));
	if (lines->len && !*(char *)lines->pdata[lines->len - 1])
		g_ptr_array_remove_index(lines, lines->len - 1);
	return lines;
}

char *diff_apply(const char *diff, const char *previous)
{
	g_autoptr(GPtrArray) hunks = read_hunks(diff);
	g_autoptr(GPtrArray) lines = split_lines(previous ?: "");
	GString *out;

	if (!hunks->len)
		return NULL;
	for (guint i = 0; i < hunks->len; i++) {
		const struct hunk *h = hunks->pdata[i];
		int at = find_hunk(lines, h);
		if (!lines->len && !h->old->len) /* all of it is new */
			at = 0;
		if (at < 0)
			return NULL;
		if (h->old->len)
			g_ptr_array_remove_range(lines, (guint)at, h->old->len);
		for (guint j = 0; j < h->new->len; j++)
			g_ptr_array_insert(lines, at + (int)j, g_strdup(h->new->pdata[j]));
	}
	out = g_string_new(NULL);
	for (guint i = 0; i < lines->len; i++)
		g_string_append_printf(out, "%s\n", (char *)lines->pdata[i]);
	return g_string_free(out, FALSE);
}
