/*
 * "Did you mean": the names nearest to a wrong one by Damerau-Levenshtein distance. A profile has 60,000 functions, so a name is
 * measured only if its length and the set of its characters allow it to be near; and where nothing is near, names that contain the word
 * whole are next (a function's name without its prefix, "retransmit_skb").
 */
#include "internal.h"

#include <kgent/text.h>

#include <bpf/btf.h>
#include <string.h>

#define NAME_MAX_BYTES 200
#define TOP_MAX 32

struct near {
	char *name;
	int rank;  /* smaller is nearer */
	guint tie; /* difference of lengths */
};

/* The best so far, sorted; names that are already there are not added twice. */
struct top {
	struct near best[TOP_MAX];
	guint n, max;
};

static int allowed(gsize len)
{
	return (int)CLAMP(len / 3, 1, 4);
}

/* Bit c is set if the character occurs: letters folded to 26 bits, digits and the rest to 6. */
static uint32_t letters(const char *s, gsize len)
{
	uint32_t bits = 0;

	for (gsize i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		bits |= 1u << (g_ascii_isalpha(c) ? g_ascii_tolower((char)c) - 'a' : 26 + (c % 6));
	}
	return bits;
}

static void offer(struct top *top, const char *name, gsize len, int rank, guint tie)
{
	guint at = top->n;

	while (at && (top->best[at - 1].rank > rank || (top->best[at - 1].rank == rank && top->best[at - 1].tie > tie)))
		at--;
	if (at >= top->max)
		return;
	for (guint i = 0; i < top->n; i++)
		if (strlen(top->best[i].name) == len && !memcmp(top->best[i].name, name, len))
			return;
	if (top->n == top->max)
		g_free(top->best[--top->n].name);
	memmove(&top->best[at + 1], &top->best[at], (top->n - at) * sizeof(top->best[0]));
	top->best[at] = (struct near){g_strndup(name, len), rank, tie};
	top->n++;
}

struct word {
	const char *s;
	gsize len;
	uint32_t letters;
	int max;
};

static struct word word_of(const char *s)
{
	gsize len = strlen(s);

	return (struct word){s, len, letters(s, len), allowed(len)};
}

/* Distance to a name, or -1 if it is too far. */
static int distance(const struct word *w, const char *name, gsize len)
{
	char buf[NAME_MAX_BYTES + 1];
	gsize apart = len > w->len ? len - w->len : w->len - len;

	if (apart > (gsize)w->max || len > NAME_MAX_BYTES || !len)
		return -1;
	if (__builtin_popcount(letters(name, len) ^ w->letters) > 2 * w->max)
		return -1;
	memcpy(buf, name, len);
	buf[len] = '\0';
	int d = kg_text_distance(w->s, buf, w->max);

	return d > w->max ? -1 : d;
}

static guint apart(gsize a, gsize b)
{
	return (guint)(a > b ? a - b : b - a);
}

static void consider(struct top *top, const struct word *w, const char *name, gsize len)
{
	int d = distance(w, name, len);

	if (d >= 0)
		offer(top, name, len, d, apart(len, w->len));
	else if (w->len >= 5 && len > w->len && memmem(name, len, w->s, w->len))
		offer(top, name, len, 100, apart(len, w->len));
}

/* Into an array: those that are as near as the nearest, or one change more. Names that only contain the word are so only among themselves. */
static GPtrArray *taken(struct top *top)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < top->n; i++) {
		if (top->best[i].rank > top->best[0].rank + 1)
			g_free(top->best[i].name);
		else
			g_ptr_array_add(out, top->best[i].name);
	}
	return out;
}

GPtrArray *kg_nearest_of(const char *word, const GPtrArray *names, guint max)
{
	struct top top = {.max = MIN(max, TOP_MAX)};
	struct word w = word_of(word);

	for (guint i = 0; i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);

		consider(&top, &w, name, strlen(name));
	}
	return taken(&top);
}

const char *kg_nearest(const char *word, const GPtrArray *names)
{
	g_autoptr(GPtrArray) best = kg_nearest_of(word, names, 1);

	for (guint i = 0; best->len && i < names->len; i++)
		if (!strcmp(g_ptr_array_index(names, i), g_ptr_array_index(best, 0)))
			return g_ptr_array_index(names, i);
	return NULL;
}

static void near_functions(struct kg_profile *p, const char *target, struct top *top)
{
	struct kg_index *ix = kg_profile_functions(p);
	g_autofree char *name = kg_function_of(target, NULL);
	struct word w = word_of(name);

	for (guint i = 0; i < ix->n; i++)
		consider(top, &w, kg_index_name(ix, &ix->lines[i]), ix->lines[i].len);
}

/* The whole "system:name" counts; so does the name alone, since people mistake the system more often than they misspell it. */
static void near_tracepoints(struct kg_profile *p, const char *target, struct top *top)
{
	struct kg_index *ix = kg_profile_formats(p);
	const char *colon = strchr(target, ':');
	struct word whole = word_of(target), name = word_of(colon ? colon + 1 : target);

	for (guint i = 0; i < ix->n; i++) {
		const char *s = kg_index_name(ix, &ix->lines[i]);
		gsize len = ix->lines[i].len, system = (gsize)((const char *)memchr(s, ':', len) - s) + 1;
		int d = distance(&whole, s, len), dn = distance(&name, s + system, len - system);

		if (dn >= 0 && (d < 0 || dn + 1 < d))
			d = dn + 1;
		if (d >= 0)
			offer(top, s, len, d, apart(len, whole.len));
		else if (name.len >= 5 && memmem(s, len, name.s, name.len))
			offer(top, s, len, 100, apart(len, whole.len));
	}
}

static void near_uprobes(const char *target, struct top *top)
{
	const char *colon = strrchr(target, ':');
	g_autofree char *path = colon ? g_strndup(target, (gsize)(colon - target)) : NULL;
	g_autoptr(GPtrArray) names = path ? kg_elf_functions(path) : NULL;
	g_autoptr(GPtrArray) best = names ? kg_nearest_of(colon + 1, names, top->max) : NULL;

	for (guint i = 0; best && i < best->len; i++) {
		g_autofree char *full = g_strdup_printf("%s:%s", path, (char *)g_ptr_array_index(best, i));

		offer(top, full, strlen(full), 0, i); /* they are in order */
	}
}

GPtrArray *kg_profile_nearest(struct kg_profile *p, enum kg_probe_kind kind, const char *target, guint max)
{
	struct top top = {.max = MIN(max, TOP_MAX)};

	if (!target)
		return taken(&top);
	if (kg_is_function_kind(kind)) {
		near_functions(p, target, &top);
	} else if (kind == KG_PROBE_TRACEPOINT) {
		near_tracepoints(p, target, &top);
	} else if (kind == KG_PROBE_UPROBE || kind == KG_PROBE_URETPROBE) {
		near_uprobes(target, &top);
	} else if (kg_probe_info(kind)->is_user || kg_probe_info(kind)->is_timer) {
		return taken(&top);
	} else {
		g_autoptr(GPtrArray) all = kg_profile_match(p, kind, "*", 0);

		return kg_nearest_of(target, all, max);
	}
	return taken(&top);
}
