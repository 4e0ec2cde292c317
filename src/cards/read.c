/*
 * Small readers, each of which can say what is wrong where.
 */
#include "read.h"

#include <kgent/text.h>

#include <string.h>

int fail_at(const struct reader *r, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	g_autofree char *msg = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return kg_error_set(r->err, KG_E_PARSE, "cards", "%s:%d: %s", r->file, line, msg);
}

const char *nearest_word(const char *word, const char *const *words)
{
	const char *best = NULL;
	int limit = MAX(1, (int)strlen(word) / 3), best_d = limit + 1;
	for (; *words; words++) {
		int d = kg_text_distance(word, *words, limit);
		if (d < best_d) {
			best_d = d;
			best = *words;
		}
	}
	return best;
}

static int unknown_word(const struct reader *r, int line, const char *what, const char *word, const char *const *words)
{
	const char *near = nearest_word(word, words);
	int rc = near ? fail_at(r, line, "%s '%s' is unknown; did you mean '%s'?", what, word, near)
		      : fail_at(r, line, "%s '%s' is unknown", what, word);
	g_autofree char *all = g_strjoinv(", ", (char **)words);
	kg_error_hint(r->err, "allowed: %s", all);
	return rc;
}

int read_keys(const struct reader *r, const struct node *map, const char *what, const char *const *keys)
{
	if (map->kind != NODE_MAP)
		return fail_at(r, map->line, "%s must be a map (key: value)", what);
	for (guint i = 0; i < map->keys->len; i++) {
		const struct node *k = g_ptr_array_index(map->keys, i);
		if (g_strv_contains((const char *const *)keys, k->text))
			continue;
		g_autofree char *in = g_strdup_printf("key of %s", what);
		return unknown_word(r, k->line, in, k->text, keys);
	}
	return 0;
}

int read_text(const struct reader *r, const struct node *n, const char *what, char **ret)
{
	if (!n)
		return 0;
	if (n->kind != NODE_TEXT || n->text[0] == '\0')
		return fail_at(r, n->line, "%s must be a text that is not empty", what);
	if (strchr(n->text, '\n') || !g_utf8_validate(n->text, -1, NULL))
		return fail_at(r, n->line, "%s must be one line of UTF-8", what);
	g_free(*ret);
	*ret = g_strdup(n->text);
	return 0;
}

int read_bool(const struct reader *r, const struct node *n, const char *what, gboolean *ret)
{
	static const char *const words[] = {"false", "true", NULL};
	if (!n)
		return 0;
	int value = 0, rc = read_word(r, n, what, words, &value);
	if (rc == 0)
		*ret = value;
	return rc;
}

int read_texts(const struct reader *r, const struct node *n, const char *what, GPtrArray *out)
{
	if (!n)
		return 0;
	if (n->kind == NODE_MAP)
		return fail_at(r, n->line, "%s must be a text or a list of texts", what);
	guint len = n->kind == NODE_LIST ? n->items->len : 1;
	for (guint i = 0; i < len; i++) {
		const struct node *item = n->kind == NODE_LIST ? g_ptr_array_index(n->items, i) : n;
		char *text = NULL;
		int rc = read_text(r, item, what, &text);
		if (rc < 0)
			return rc;
		if (strings_have(out, text)) {
			rc = fail_at(r, item->line, "%s has '%s' twice", what, text);
			g_free(text);
			return rc;
		}
		g_ptr_array_add(out, text);
	}
	return 0;
}

/* Where the text of a string literal ends: at its closing quote, or at the NUL. */
static const char *skip_string(const char *p)
{
	char quote = *p++;
	while (*p && *p != quote)
		p += p[0] == '\\' && p[1] ? 2 : 1;
	return p;
}

/* What makes [s] something else than one expression, or NULL. */
static const char *not_an_expr(const char *s)
{
	char stack[64];
	int depth = 0;
	for (const char *p = s; *p; p++) {
		switch (*p) {
		case '"':
			p = skip_string(p);
			if (!*p)
				return "a string is not closed";
			break;
		case '(': case '[':
			if (depth == (int)sizeof(stack))
				return "nested too deeply";
			stack[depth++] = *p == '(' ? ')' : ']';
			break;
		case ')': case ']':
			if (depth == 0 || stack[--depth] != *p)
				return "brackets do not match";
			break;
		case ';': case '{': case '}':
			return "an expression has no ; { or }";
		case '/':
			if (p[1] == '/' || p[1] == '*')
				return "an expression has no comment";
			break;
		default:
			break;
		}
	}
	return depth ? "brackets do not match" : NULL;
}

int read_expr(const struct reader *r, const struct node *n, const char *what, char **ret)
{
	int rc = read_text(r, n, what, ret);
	if (rc < 0 || !n)
		return rc;
	const char *why = not_an_expr(*ret);
	return why ? fail_at(r, n->line, "%s '%s': %s", what, *ret, why) : 0;
}

int read_word(const struct reader *r, const struct node *n, const char *what, const char *const *words, int *ret)
{
	if (!n)
		return 0;
	if (n->kind != NODE_TEXT)
		return fail_at(r, n->line, "%s must be a word", what);
	for (int i = 0; words[i]; i++) {
		if (g_str_equal(words[i], n->text)) {
			*ret = i;
			return 0;
		}
	}
	return unknown_word(r, n->line, what, n->text, words);
}
