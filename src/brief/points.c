/* Attach points that speak of the question, with their arguments and types; and what the structs behind those hold. */
#include "internal.h"

#include <string.h>

#define MAX_POINTS 12
#define MAX_ARGS 16
#define MAX_STRUCTS 4
#define MAX_MEMBERS 14

struct finding {
	const struct kg_brief_opts *opts;
	struct words *words;
	struct section *points, *structs;
	GPtrArray *names;
	GHashTable *seen_structs;
	guint n_structs;
};

static gboolean is_old(const struct kg_brief_opts *opts)
{
	return opts->version && opts->version->major == 0 && opts->version->minor < 20;
}

static void tell_field(const struct kg_field *f, GString *out)
{
	g_string_append_printf(out, "%s %s", f->type ?: "?", f->name ?: "?");
	if (f->is_big_endian)
		g_string_append(out, " (big endian: bswap() before it is shown as a number)");
}

/* "struct sock *" -> "struct sock"; NULL: it points to no struct. */
static char *struct_behind(const struct kg_field *f)
{
	const char *type = f->type ?: "", *name = strstr(type, "struct ");
	const char *star = name ? strchr(name, '*') : NULL;

	if (!name || !star || strchr(star + 1, '*'))
		return NULL;
	char *text = g_strndup(name, (gsize)(star - name));
	return g_strchomp(text);
}

/* Members that the question speaks of come first; of the others the simple ones, since those are shown most. */
static gboolean is_wanted(const struct finding *f, const struct kg_field *member)
{
	g_auto(GStrv) parts = g_strsplit(member->name ?: "", "_", -1);

	for (char **p = parts; *p; p++)
		if (strlen(*p) > 2 && words_have(f->words, *p))
			return TRUE;
	return FALSE;
}

static void add_struct(struct finding *f, const char *type)
{
	const GPtrArray *members = kg_profile_members(f->opts->profile, type);
	g_autoptr(GString) out = g_string_new(NULL);
	guint n = 0;

	if (!members || !members->len || f->n_structs >= MAX_STRUCTS || !g_hash_table_add(f->seen_structs, g_strdup(type)))
		return;
	g_string_append_printf(out, "%s {", type);
	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < members->len && n < MAX_MEMBERS; i++) {
			const struct kg_field *m = members->pdata[i];
			gboolean wanted = is_wanted(f, m);
			if (pass == 0 ? !wanted : wanted || n >= MAX_MEMBERS / 2)
				continue;
			g_string_append(out, " ");
			tell_field(m, out);
			g_string_append_c(out, ';');
			n++;
		}
	g_string_append_printf(out, "%s }\n", n < members->len ? " ..." : "");
	if (section_add(f->structs, out->str))
		f->n_structs++;
}

/* What the kernel keeps behind a pointer to something more general, and where its usual members are. */
static const struct {
	const char *type, *word, *also; /* word NULL: always */
} kin[] = {
	{"struct sock", NULL, "struct sock_common"}, {"struct sock", "tcp", "struct tcp_sock"}, {"struct sock", "udp", "struct udp_sock"},
};

static void add_kin(struct finding *f, const char *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kin); i++)
		if (!strcmp(kin[i].type, type) && (!kin[i].word || words_have(f->words, kin[i].word)))
			add_struct(f, kin[i].also);
}

static const char *how_read(enum kg_probe_kind kind)
{
	const struct kg_probe_info *info = kg_probe_info(kind);

	if (kind == KG_PROBE_TRACEPOINT || kind == KG_PROBE_FENTRY || kind == KG_PROBE_FEXIT)
		return "args->";
	return info->is_kernel_function && kind == KG_PROBE_KPROBE ? "arg" : "";
}

static void add_point(struct finding *f, enum kg_probe_kind kind, const char *target)
{
	const struct kg_probe_info *info = kg_probe_info(kind);
	g_autofree char *name = g_strdup_printf("%s:%s", is_old(f->opts) ? info->name : info->modern, target);
	const GPtrArray *fields = kg_profile_fields(f->opts->profile, kind, target);
	const char *how = how_read(kind);
	g_autoptr(GString) out = g_string_new(name);

	if (g_ptr_array_find_with_equal_func(f->names, name, g_str_equal, NULL))
		return;
	for (guint i = 0; fields && i < fields->len && i < MAX_ARGS; i++) {
		g_string_append(out, i ? ", " : "  ");
		if (!strcmp(how, "arg"))
			g_string_append_printf(out, "arg%u is ", i);
		tell_field(fields->pdata[i], out);
	}
	g_string_append(out, fields && fields->len > MAX_ARGS ? ", ...\n" : "\n");
	if (!section_add(f->points, out->str))
		return;
	g_ptr_array_add(f->names, g_steal_pointer(&name));
	for (guint i = 0; fields && i < fields->len; i++) {
		g_autofree char *type = struct_behind(fields->pdata[i]);
		if (type) {
			add_struct(f, type);
			add_kin(f, type);
		}
	}
}

/* A name that stands in the question itself: with its kind, its group, or alone. */
static void add_named(struct finding *f, const char *name)
{
	static const enum kg_probe_kind kinds[] = {KG_PROBE_TRACEPOINT, KG_PROBE_FENTRY, KG_PROBE_KPROBE};
	const char *colon = strchr(name, ':');
	enum kg_probe_kind kind = colon ? kg_probe_kind_parse(name, colon - name) : KG_PROBE_NONE;
	const char *target = kind != KG_PROBE_NONE ? colon + 1 : name;

	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *pattern = strchr(target, ':') || kinds[i] != KG_PROBE_TRACEPOINT ? g_strdup(target) : g_strdup_printf("*:%s", target);
		if ((kind != KG_PROBE_NONE && kind != kinds[i]) || kg_profile_kind_usable(f->opts->profile, kinds[i], NULL) == KG_NO)
			continue;
		g_autoptr(GPtrArray) found = kg_profile_match(f->opts->profile, kinds[i], pattern, 2);
		for (guint j = 0; j < found->len; j++)
			add_point(f, kinds[i], found->pdata[j]);
	}
}

void points_add(const struct kg_brief_opts *opts, struct words *w, struct section *points, struct section *structs, GPtrArray *names)
{
	struct finding f = {.opts = opts, .words = w, .points = points, .structs = structs, .names = names};

	if (!opts->profile)
		return;
	f.seen_structs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < words_names(w)->len; i++)
		add_named(&f, words_names(w)->pdata[i]);
	g_autoptr(GPtrArray) hits = kg_profile_search(opts->profile, opts->question, MAX_POINTS * 2);
	for (guint i = 0; hits && i < hits->len && names->len < MAX_POINTS; i++) {
		const struct kg_hit *hit = hits->pdata[i];
		if (kg_profile_kind_usable(opts->profile, hit->kind, NULL) != KG_NO)
			add_point(&f, hit->kind, hit->target);
	}
	g_hash_table_unref(f.seen_structs);
}
