/* Names of attach points that fit a pattern with `*`: what a wildcard would take. */
#include "internal.h"

#include <bpf/btf.h>
#include <string.h>

#define SEPARATOR ':'

/* Does the name fit? `*` stands for any text. Linear in practice: after a `*` only its last occurrence is tried again. */
static gboolean fits(const char *pattern, gsize np, const char *name, gsize n)
{
	gsize i = 0, j = 0, star = G_MAXSIZE, back = 0;

	while (j < n) {
		if (i < np && pattern[i] == '*') {
			star = i++;
			back = j;
		} else if (i < np && pattern[i] == name[j]) {
			i++;
			j++;
		} else if (star != G_MAXSIZE) {
			i = star + 1;
			j = ++back;
		} else {
			return FALSE;
		}
	}
	while (i < np && pattern[i] == '*')
		i++;
	return i == np;
}

static int compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(GPtrArray *out, const char *pattern, const char *name, gsize len)
{
	if (fits(pattern, strlen(pattern), name, len))
		g_ptr_array_add(out, g_strndup(name, len));
}

/* "module:pattern" gives "module:function"; without a module each name is given once, wherever it is. */
static void match_functions(struct kg_profile *p, const char *pattern, guint max, GPtrArray *out)
{
	const struct kg_index *ix = kg_profile_functions(p);
	const char *colon = strchr(pattern, SEPARATOR), *name = colon ? colon + 1 : pattern;
	gsize fixed = strcspn(name, "*"), pn = strlen(name);
	guint from = kg_index_lower(ix, name, fixed);

	for (guint i = from; i < ix->n && (!max || out->len < max); i++) {
		const struct kg_line *l = &ix->lines[i];
		const char *s = kg_index_name(ix, l);

		if (memcmp(s, name, MIN(fixed, l->len)) || l->len < fixed)
			break; /* sorted: nothing behind this begins so */
		if (!fits(name, pn, s, l->len))
			continue;
		if (colon) {
			const char *module = l->rest ? s + l->len + 2 : "vmlinux";
			gsize n = l->rest ? l->rest : strlen(module);

			if (fits(pattern, (gsize)(colon - pattern), module, n))
				g_ptr_array_add(out, g_strdup_printf("%.*s:%.*s", (int)n, module, (int)l->len, s));
		} else if (!out->len || strlen(g_ptr_array_index(out, out->len - 1)) != l->len ||
			   memcmp(g_ptr_array_index(out, out->len - 1), s, l->len)) {
			g_ptr_array_add(out, g_strndup(s, l->len));
		}
	}
}

static void match_index(const struct kg_index *ix, const char *pattern, GPtrArray *out)
{
	for (guint i = 0; i < ix->n; i++)
		add(out, pattern, kg_index_name(ix, &ix->lines[i]), ix->lines[i].len);
}

static void match_list(const char *const *list, const char *pattern, GPtrArray *out)
{
	for (int i = 0; list[i]; i++)
		add(out, pattern, list[i], strlen(list[i]));
}

static void match_types(struct kg_profile *p, unsigned kind, const char *prefix, const char *pattern, GPtrArray *out)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	kg_btf_names(p, kind, prefix, names);
	for (guint i = 0; i < names->len; i++) {
		const char *name = (char *)g_ptr_array_index(names, i) + strlen(prefix);

		add(out, pattern, name, strcspn(name, " "));
	}
}

static void match_iterators(struct kg_profile *p, const char *pattern, GPtrArray *out)
{
	match_types(p, BTF_KIND_STRUCT, "bpf_iter__", pattern, out);
	for (guint i = 0; i < out->len;)
		if (kg_is_iterator(p, g_ptr_array_index(out, i)))
			i++;
		else
			g_ptr_array_remove_index(out, i);
}

static void match_symbols(const char *pattern, GPtrArray *out)
{
	const char *colon = strchr(pattern, SEPARATOR);
	g_autofree char *path = colon ? g_strndup(pattern, (gsize)(colon - pattern)) : NULL;
	g_autoptr(GPtrArray) names = path ? kg_elf_functions(path) : NULL;

	for (guint i = 0; names && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);

		if (fits(colon + 1, strlen(colon + 1), name, strlen(name)))
			g_ptr_array_add(out, g_strdup_printf("%s:%s", path, name));
	}
}

static void match_usdt(const char *pattern, GPtrArray *out)
{
	const char *colon = strchr(pattern, SEPARATOR);
	g_autofree char *path = colon ? g_strndup(pattern, (gsize)(colon - pattern)) : NULL;
	g_autoptr(GPtrArray) probes = path ? kg_elf_usdt(path) : NULL;

	for (guint i = 0; probes && i < probes->len; i++) {
		const char *probe = g_ptr_array_index(probes, i), *name = strchr(probe, ':') + 1;

		if (fits(colon + 1, strlen(colon + 1), probe, strlen(probe)) || fits(colon + 1, strlen(colon + 1), name, strlen(name)))
			g_ptr_array_add(out, g_strdup_printf("%s:%s", path, probe));
	}
}

GPtrArray *kg_profile_match(struct kg_profile *p, enum kg_probe_kind kind, const char *pattern, guint max)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

	if (kg_is_function_kind(kind))
		match_functions(p, pattern, max, out);
	else if (kind == KG_PROBE_TRACEPOINT)
		match_index(kg_profile_formats(p), pattern, out);
	else if (kind == KG_PROBE_RAWTRACEPOINT)
		match_types(p, BTF_KIND_TYPEDEF, "btf_trace_", pattern, out);
	else if (kind == KG_PROBE_ITER)
		match_iterators(p, pattern, out);
	else if (kind == KG_PROBE_SOFTWARE)
		match_list(kg_software_events, pattern, out);
	else if (kind == KG_PROBE_HARDWARE)
		match_list(kg_hardware_events, pattern, out);
	else if (kind == KG_PROBE_UPROBE || kind == KG_PROBE_URETPROBE)
		match_symbols(pattern, out);
	else if (kind == KG_PROBE_USDT)
		match_usdt(pattern, out);
	g_ptr_array_sort(out, compare);
	for (guint i = 1; i < out->len;) /* kernel and module may both have it */
		if (!strcmp(g_ptr_array_index(out, i - 1), g_ptr_array_index(out, i)))
			g_ptr_array_remove_index(out, i);
		else
			i++;
	if (max && out->len > max)
		g_ptr_array_set_size(out, (gint)max);
	return out;
}

void kg_profile_function_lines(struct kg_profile *p, const char *pattern, GString *out)
{
	const struct kg_index *ix = kg_profile_functions(p);
	gsize fixed = strcspn(pattern, "*"), len = strlen(pattern);

	for (guint i = kg_index_lower(ix, pattern, fixed); i < ix->n; i++) {
		const struct kg_line *l = &ix->lines[i];
		const char *s = kg_index_name(ix, l);

		if (l->len < fixed || memcmp(s, pattern, fixed))
			break; /* sorted: nothing behind this begins so */
		if (fits(pattern, len, s, l->len))
			g_string_append_printf(out, "%.*s\n", l->len + (l->rest ? l->rest + 3 : 0), s);
		else if (fixed == len)
			break;
	}
}
