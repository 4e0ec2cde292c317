/*
 * How hot a hook is, and what happens there, from data: lines "HEAT CLASS PATTERN = WORDS" (see data/safety/hooks). The first
 * line that fits counts, those of later directories before those of earlier ones.
 */
#include "hooks.h"

#include <kgent/paths.h>
#include <string.h>

struct hook {
	enum kg_heat heat;
	char *class, *pattern, *words;
};

struct kg_hooks {
	GPtrArray *rows;
};

static const char *const heats[] = {"unknown", "low", "medium", "high"};

const char *kg_heat_name(enum kg_heat heat)
{
	return heats[heat <= KG_HOOK_HIGH ? heat : 0];
}

static void hook_free(gpointer p)
{
	struct hook *h = p;

	g_free(h->class);
	g_free(h->pattern);
	g_free(h->words);
	g_free(h);
}

static struct hook *parse_line(const char *line)
{
	g_auto(GStrv) sides = g_strsplit(line, "=", 2);
	g_auto(GStrv) words = g_strsplit_set(g_strstrip(sides[0]), " \t", -1);
	struct hook *h = g_new0(struct hook, 1);
	const char *field[3] = {NULL, NULL, NULL};
	int n = 0;

	for (char **w = words; *w; w++)
		if (**w && n < 3)
			field[n++] = *w;
	for (int i = 1; n == 3 && i <= KG_HOOK_HIGH; i++)
		if (!strcmp(field[0], heats[i]))
			h->heat = (enum kg_heat)i;
	h->class = g_strdup(field[1]);
	h->pattern = g_strdup(field[2]);
	h->words = sides[1] ? g_strdup(g_strstrip(sides[1])) : NULL;
	if (h->heat && h->pattern)
		return h;
	hook_free(h);
	return NULL;
}

static int read_file(struct kg_hooks *hooks, const char *path, struct kg_error *err)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0; /* no file: nothing is known from it */
	lines = g_strsplit(text, "\n", -1);
	for (int i = 0; lines[i]; i++) {
		struct hook *h;

		g_strstrip(lines[i]);
		if (!*lines[i] || *lines[i] == '#')
			continue;
		if (!(h = parse_line(lines[i])))
			return kg_error_set(err, KG_E_PARSE, "policy", "%s:%d: expected HEAT CLASS PATTERN = WORDS",
					    path, i + 1);
		g_ptr_array_add(hooks->rows, h);
	}
	return 0;
}

int kg_hooks_open(const char *const *dirs, struct kg_hooks **ret, struct kg_error *err)
{
	g_auto(GStrv) found = dirs ? NULL : kg_paths_data("safety");
	const char *const *list = dirs ? dirs : (const char *const *)found;
	struct kg_hooks *hooks = g_new0(struct kg_hooks, 1);
	int r = 0;

	hooks->rows = g_ptr_array_new_with_free_func(hook_free);
	for (guint n = g_strv_length((char **)list); n-- > 0 && r == 0;) {
		g_autofree char *path = g_build_filename(list[n], "hooks", NULL);

		r = read_file(hooks, path, err);
	}
	if (r < 0)
		kg_hooks_free(hooks);
	else
		*ret = hooks;
	return r;
}

struct kg_hooks *kg_hooks_free(struct kg_hooks *hooks)
{
	if (hooks) {
		g_ptr_array_free(hooks->rows, TRUE);
		g_free(hooks);
	}
	return NULL;
}

/* What of the attach point is compared, and with rows of which class. */
static const char *class_of(const struct kg_bt_attach *a, const char **name)
{
	const char *last = a->parts->len ? a->parts->pdata[a->parts->len - 1] : "";

	*name = last;
	if (kg_probe_info(a->kind)->is_kernel_function)
		return "function";
	switch (a->kind) {
	case KG_PROBE_TRACEPOINT: *name = a->target; return "tracepoint";
	case KG_PROBE_RAWTRACEPOINT: return "tracepoint";
	case KG_PROBE_UPROBE: case KG_PROBE_URETPROBE: return "user";
	case KG_PROBE_SOFTWARE: *name = a->parts->len ? a->parts->pdata[0] : ""; return "software";
	case KG_PROBE_HARDWARE: *name = a->parts->len ? a->parts->pdata[0] : ""; return "hardware";
	case KG_PROBE_ITER: *name = a->parts->len ? a->parts->pdata[0] : ""; return "iter";
	default: return NULL;
	}
}

enum kg_heat kg_hooks_find(const struct kg_hooks *hooks, const struct kg_bt_attach *a, const char **plain)
{
	enum kg_heat best = KG_HOOK_UNKNOWN;
	const char *name, *class = class_of(a, &name);

	*plain = NULL;
	for (guint i = 0; class && i < hooks->rows->len; i++) {
		const struct hook *h = hooks->rows->pdata[i];
		const char *pattern = h->pattern, *colon = strchr(pattern, ':');

		if (strcmp(h->class, class))
			continue;
		if (a->kind == KG_PROBE_RAWTRACEPOINT && colon)
			pattern = colon + 1;
		if (!a->is_wildcard && g_pattern_match_simple(pattern, name)) {
			if (a->kind == KG_PROBE_RAWTRACEPOINT && !strcmp(pattern, "*"))
				continue; /* "kmem:*" says nothing of a raw tracepoint, whose group is not known */
			*plain = h->words;
			return h->heat;
		}
		if (a->is_wildcard &&
		    (g_pattern_match_simple(name, pattern) || g_pattern_match_simple(pattern, name)) && h->heat > best)
			best = h->heat;
	}
	return best;
}
