/* What this kernel and this bpftrace can and cannot do, in few words. */
#include "internal.h"

#include <string.h>

gboolean section_add(struct section *s, const char *piece)
{
	if (s->text->len + strlen(piece) > s->max_bytes) {
		s->is_full = TRUE;
		return FALSE;
	}
	g_string_append(s->text, piece);
	return TRUE;
}

static const enum kg_probe_kind kinds[] = {KG_PROBE_TRACEPOINT, KG_PROBE_RAWTRACEPOINT, KG_PROBE_KPROBE, KG_PROBE_FENTRY, KG_PROBE_UPROBE,
	KG_PROBE_USDT, KG_PROBE_PROFILE, KG_PROBE_INTERVAL, KG_PROBE_SOFTWARE, KG_PROBE_HARDWARE, KG_PROBE_ITER};

static const char *name_of(const struct kg_brief_opts *opts, enum kg_probe_kind kind)
{
	gboolean is_old = opts->version && opts->version->major == 0 && opts->version->minor < 20;

	return is_old ? kg_probe_info(kind)->name : kg_probe_info(kind)->modern;
}

void facts_add(const struct kg_brief_opts *opts, struct section *s)
{
	g_autoptr(GString) yes = g_string_new(NULL);
	g_autoptr(GString) no = g_string_new(NULL);
	g_autoptr(GString) out = g_string_new(NULL);

	if (opts->profile)
		g_string_append_printf(out, "Linux %s, %s.", kg_profile_release(opts->profile), kg_profile_arch(opts->profile));
	if (opts->version)
		g_string_append_printf(out, " bpftrace %d.%d.%d.", opts->version->major, opts->version->minor, opts->version->patch);
	g_string_append_c(out, '\n');
	for (gsize i = 0; opts->profile && i < G_N_ELEMENTS(kinds); i++) {
		GString *list = kg_profile_kind_usable(opts->profile, kinds[i], NULL) == KG_NO ? no : yes;
		g_string_append_printf(list, "%s%s", list->len ? ", " : "", name_of(opts, kinds[i]));
	}
	if (yes->len)
		g_string_append_printf(out, "Attach points of these kinds work here: BEGIN, END, %s.\n", yes->str);
	if (no->len)
		g_string_append_printf(out, "These do NOT work here, do not use them: %s.\n", no->str);
	section_add(s, out->str);
}

void lacks_add(const struct kg_brief_opts *opts, struct section *s)
{
	g_autoptr(GPtrArray) list = opts->version ? kg_bt_lacking(opts->version) : NULL;

	for (guint i = 0; list && i < list->len; i++) {
		g_autofree char *line = g_strdup_printf("- %s\n", (char *)list->pdata[i]);
		section_add(s, line);
	}
}
