/*
 * Taking the joined keys of a row apart, and the descriptions of columns.
 *
 * `@[comm, pid, str(args->filename)]` has the keys "a,b,17,/tmp/x,y": commas are in the texts as well. Every way to cut the text at commas so that each
 * number is a number and each stack is a stack is counted; only if there is exactly one, it is right.
 */
#include <kgent/run.h>

#include <string.h>

#define MAX_PARTS 64

struct part {
	const char *s;
	gsize len;
};

static gboolean is_integer(const struct part *p)
{
	gsize i = p->len && p->s[0] == '-' ? 1 : 0;

	if (i >= p->len)
		return FALSE;
	for (; i < p->len; i++)
		if (!g_ascii_isdigit(p->s[i]))
			return FALSE;
	return TRUE;
}

/* Can the parts from [a] to [b], both included, be one key of this kind? A stack begins and ends with a newline; an empty one is just that. */
static gboolean fits(const struct part *parts, guint a, guint b, enum kg_run_key kind)
{
	const struct part *last = &parts[b];

	switch (kind) {
	case KG_RUN_KEY_NUMBER:
		return a == b && is_integer(&parts[a]);
	case KG_RUN_KEY_STACK:
		return parts[a].len && parts[a].s[0] == '\n' && last->len && last->s[last->len - 1] == '\n';
	default:
		return TRUE;
	}
}

struct splitter {
	const struct part *parts;
	guint n_parts;
	const enum kg_run_key *kinds;
	guint n;
	guint8 ways[MAX_PARTS + 1][MAX_PARTS + 1]; /* [part][key]: in how many ways (0, 1, 2 or more) the rest can be cut */
};

static void count_ways(struct splitter *sp)
{
	sp->ways[sp->n_parts][sp->n] = 1;
	for (guint key = sp->n; key-- > 0;)
		for (guint a = 0; a < sp->n_parts; a++)
			for (guint b = a; b < sp->n_parts; b++)
				if (sp->ways[b + 1][key + 1] && fits(sp->parts, a, b, sp->kinds[key]))
					sp->ways[a][key] = (guint8)MIN(2, sp->ways[a][key] + sp->ways[b + 1][key + 1]);
}

static void free_text(gpointer p)
{
	struct kg_run_text *t = p;

	g_free(t->text);
	g_free(t);
}

static void add_text(GPtrArray *keys, const char *s, gsize len)
{
	struct kg_run_text *t = g_new0(struct kg_run_text, 1);

	t->text = g_malloc(len + 1);
	memcpy(t->text, s, len);
	t->text[len] = '\0';
	t->len = len;
	g_ptr_array_add(keys, t);
}

static GPtrArray *cut(const struct splitter *sp)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(free_text);
	guint a = 0;

	for (guint key = 0; key < sp->n; key++) {
		for (guint b = a; b < sp->n_parts; b++) {
			if (!sp->ways[b + 1][key + 1] || !fits(sp->parts, a, b, sp->kinds[key]))
				continue;
			add_text(keys, sp->parts[a].s, (gsize)(sp->parts[b].s + sp->parts[b].len - sp->parts[a].s));
			a = b + 1;
			break;
		}
	}
	return keys;
}

static gboolean find_parts(const struct kg_run_text *key, struct part *parts, guint *n)
{
	const char *s = key->text, *end = key->text + key->len;

	for (*n = 0; *n < MAX_PARTS; (*n)++) {
		const char *comma = memchr(s, ',', (gsize)(end - s));

		parts[*n] = (struct part){s, (gsize)((comma ? comma : end) - s)};
		if (!comma) {
			(*n)++;
			return TRUE;
		}
		s = comma + 1;
	}
	return FALSE;
}

GPtrArray *kg_run_split_key(const struct kg_run_text *key, guint n, const enum kg_run_key *kinds)
{
	struct part parts[MAX_PARTS];
	g_autofree struct splitter *sp = NULL;
	GPtrArray *keys;
	guint n_parts;

	if (n == 1 && kinds[0] != KG_RUN_KEY_NUMBER) {
		keys = g_ptr_array_new_with_free_func(free_text);
		add_text(keys, key->text, key->len);
		return keys;
	}
	if (n == 0 || n > MAX_PARTS || !find_parts(key, parts, &n_parts))
		return NULL;
	sp = g_new0(struct splitter, 1);
	sp->parts = parts;
	sp->n_parts = n_parts;
	sp->kinds = kinds;
	sp->n = n;
	count_ways(sp);
	return sp->ways[0][0] == 1 ? cut(sp) : NULL;
}

struct kg_run_columns *kg_run_columns_new(const char *map, guint n_keys)
{
	struct kg_run_columns *c = g_new0(struct kg_run_columns, 1);

	c->map = g_strdup(map);
	c->n_keys = n_keys;
	c->keys = g_new0(struct kg_run_column, n_keys ? n_keys : 1);
	return c;
}

struct kg_run_columns *kg_run_columns_free(struct kg_run_columns *columns)
{
	if (!columns)
		return NULL;
	for (guint i = 0; i < columns->n_keys; i++)
		g_free(columns->keys[i].title);
	g_free(columns->keys);
	g_free(columns->value.title);
	g_free(columns->map);
	g_free(columns->title);
	g_free(columns);
	return NULL;
}
