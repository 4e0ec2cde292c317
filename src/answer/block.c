/* Fenced code blocks: ```NAME, lines, ```; also with ~~~, indented, and without an end. */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

#define MAX_BLOCKS 64

static void block_free(gpointer data)
{
	struct block *b = data;

	g_free(b->info);
	g_free(b->text);
	g_free(b);
}

/* How many fence characters a line begins with; 0: it is no fence. */
static gsize fence_of(const struct kg_text_line *line, char *ret_char, gsize *ret_indent)
{
	gsize indent = 0, n = 0;

	while (indent < line->len && (line->s[indent] == ' ' || line->s[indent] == '\t'))
		indent++;
	if (indent >= line->len || (line->s[indent] != '`' && line->s[indent] != '~'))
		return 0;
	*ret_char = line->s[indent];
	*ret_indent = indent;
	while (indent + n < line->len && line->s[indent + n] == *ret_char)
		n++;
	return n >= 3 ? n : 0;
}

static gboolean is_blank(const char *s, gsize len)
{
	while (len && g_ascii_isspace(s[len - 1]))
		len--;
	return len == 0;
}

/* Lines of a list's block are indented as its fence is. */
static void append_line(GString *out, const struct kg_text_line *line, gsize indent)
{
	gsize skip = 0;

	while (skip < indent && skip < line->len && (line->s[skip] == ' ' || line->s[skip] == '\t'))
		skip++;
	gsize len = line->len;
	while (len > skip && line->s[len - 1] == '\r')
		len--;
	g_string_append_len(out, line->s + skip, (gssize)(len - skip));
	g_string_append_c(out, '\n');
}

/* Walks over the lines; gives every block to [blocks] and everything else to [prose]; both may be NULL. */
static void walk(const char *text, GPtrArray *blocks, GString *prose)
{
	const char *s = text, *end = text + strlen(text);
	struct kg_text_line line;
	GString *inside = NULL;
	g_autofree char *info = NULL;
	gsize open = 0, indent = 0;
	char mark = 0;

	while (kg_text_next_line(&s, end, &line)) {
		char c = 0;
		gsize at = 0, n = fence_of(&line, &c, &at);
		gboolean ends = inside && n >= open && c == mark && is_blank(line.s + at + n, line.len - at - n);
		if (!inside && n) {
			inside = g_string_new(NULL);
			open = n;
			mark = c;
			indent = at;
			g_free(info);
			info = g_ascii_strdown(line.s + at + n, (gssize)(line.len - at - n));
			g_strstrip(info);
		} else if (!inside) {
			if (prose)
				append_line(prose, &line, 0);
		} else if (!ends) {
			append_line(inside, &line, indent);
		}
		if (!ends && !(inside && s >= end))
			continue;
		if (blocks && blocks->len < MAX_BLOCKS) {
			struct block *b = g_new0(struct block, 1);
			*b = (struct block){g_steal_pointer(&info), g_strdup(inside->str), !ends};
			g_ptr_array_add(blocks, b);
		}
		g_string_free(g_steal_pointer(&inside), TRUE);
	}
	if (inside)
		g_string_free(inside, TRUE);
}

GPtrArray *blocks_read(const char *text)
{
	GPtrArray *blocks = g_ptr_array_new_with_free_func(block_free);

	walk(text, blocks, NULL);
	return blocks;
}

char *blocks_prose(const char *text)
{
	GString *prose = g_string_new(NULL);

	walk(text, NULL, prose);
	return g_strstrip(g_string_free(prose, FALSE));
}

/* Some local models put their reasoning into the answer. What is not closed was never answered. */
char *blocks_without_thinking(const char *text)
{
	GString *out = g_string_new(NULL);
	const char *begin, *end;

	while ((begin = strstr(text, "<think>"))) {
		g_string_append_len(out, text, begin - text);
		end = strstr(begin, "</think>");
		text = end ? end + strlen("</think>") : begin + strlen(begin);
	}
	/* an end without a beginning: the beginning was part of the template */
	end = g_strrstr(text, "</think>");
	g_string_append(out, end ? end + strlen("</think>") : text);
	return g_string_free(out, FALSE);
}
