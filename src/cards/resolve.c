/*
 * Which of a card's ways can be used on a kernel. A way is usable when each of its sites is: all attach points that are not
 * optional exist and can be attached to, and every `args->FIELD` that an expression reads at a tracepoint is one of that
 * tracepoint's fields there (fields come and go between kernels: lock:contention_begin's, kfree_skb's reason).
 */
#include "model.h"

#include <glob.h>
#include <string.h>

static const struct {
	enum kg_probe_kind kind;
	gboolean has_args;
} arg_kinds[] = {{KG_PROBE_TRACEPOINT, TRUE}, {KG_PROBE_FENTRY, TRUE}, {KG_PROBE_FEXIT, TRUE}};

struct arg_scan {
	const GPtrArray *fields; /* struct kg_field * */
	char *missing;
};

static gboolean has_field(const GPtrArray *fields, const char *name)
{
	for (guint i = 0; i < fields->len; i++)
		if (g_str_equal(((const struct kg_field *)g_ptr_array_index(fields, i))->name, name))
			return TRUE;
	return FALSE;
}

static gboolean is_word(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

/* Notes the first args->FIELD or args.FIELD of [text] that is no field. */
static void scan_args(const char *text, gpointer data)
{
	struct arg_scan *scan = data;
	for (const char *p = strstr(text, "args"); p && !scan->missing; p = strstr(p, "args")) {
		gboolean starts = p == text || (!is_word(p[-1]) && p[-1] != '$' && p[-1] != '>' && p[-1] != '.');
		p += 4;
		int skip = *p == '.' ? 1 : g_str_has_prefix(p, "->") ? 2 : 0;
		if (!starts || !skip)
			continue;
		const char *end = p += skip;
		while (is_word(*end))
			end++;
		g_autofree char *name = g_strndup(p, end - p);
		if (*name && !g_str_has_prefix(name, "common_") && !has_field(scan->fields, name))
			scan->missing = g_steal_pointer(&name);
	}
}

static int check_args(const struct kg_card_site *s, struct kg_profile *p, enum kg_probe_kind kind, const char *target,
		      struct kg_error *err)
{
	gboolean has_args = FALSE;
	for (guint i = 0; i < G_N_ELEMENTS(arg_kinds); i++)
		has_args |= arg_kinds[i].kind == kind;
	const GPtrArray *fields = has_args ? kg_profile_fields(p, kind, target) : NULL;
	if (!fields)
		return 0;
	struct arg_scan scan = {.fields = fields};
	site_each_text(s, scan_args, &scan);
	if (!scan.missing)
		return 0;
	int rc = kg_error_set(err, KG_E_NOTFOUND, "cards", "%s:%s has no field %s here", kg_probe_info(kind)->name, target, scan.missing);
	g_free(scan.missing);
	return rc;
}

/* A text field's kind of storage differs between kernels: comm is char[16] in one and __data_loc in the next, and bpftrace
 * wants str() around the one and nothing around the other. */
static gboolean needs_str(const GPtrArray *fields, const char *name, int len)
{
	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = g_ptr_array_index(fields, i);
		if ((int)strlen(f->name) == len && strncmp(f->name, name, len) == 0)
			return f->is_dynamic || f->is_pointer;
	}
	return FALSE;
}

/* text(args->F) -> str(args->F) or args->F */
static void settle_text(char **text, gpointer data)
{
	const GPtrArray *fields = data;
	static const char call[] = "text(args->";
	if (!*text || !strstr(*text, call))
		return;
	g_autoptr(GString) out = g_string_new(NULL);
	const char *p = *text;
	for (const char *at = strstr(p, call); at; at = strstr(p, call)) {
		const char *name = at + strlen(call), *end = name;
		while (is_word(*end))
			end++;
		if (*end != ')')
			break;
		g_string_append_len(out, p, at - p);
		g_string_append_printf(out, needs_str(fields, name, (int)(end - name)) ? "str(args->%.*s)" : "args->%.*s",
				       (int)(end - name), name);
		p = end + 1;
	}
	g_string_append(out, p);
	g_free(*text);
	*text = g_string_free(g_steal_pointer(&out), FALSE);
}

static void settle_site(struct kg_card_site *s, struct kg_profile *p)
{
	const char *at = g_ptr_array_index(s->at, 0), *colon = strchr(at, ':');
	enum kg_probe_kind kind = kg_probe_kind_parse(at, colon - at);
	site_each_slot(s, settle_text, (gpointer)(kind == KG_PROBE_TRACEPOINT ? kg_profile_fields(p, kind, colon + 1) : NULL));
}

/* "uprobe:/bin/bash:readline", "usdt:/usr/bin/node:http__server__request" */
static int check_user(enum kg_probe_kind kind, const char *target, struct kg_error *err)
{
	g_auto(GStrv) part = g_strsplit(target, ":", 3);
	guint n = g_strv_length(part);
	if (n < 2)
		return kg_error_set(err, KG_E_INVAL, "cards", "%s names no file and function", target);
	if (!g_file_test(part[0], G_FILE_TEST_IS_REGULAR))
		return kg_error_set(err, KG_E_NOTFOUND, "cards", "there is no %s", part[0]);
	enum kg_answer there = kind == KG_PROBE_USDT ? kg_elf_has_usdt(part[0], n == 3 ? part[1] : NULL, part[n - 1])
						     : kg_elf_has_symbol(part[0], part[1]);
	if (there == KG_NO)
		return kg_error_set(err, KG_E_NOTFOUND, "cards", "%s has no %s %s", part[0],
				    kind == KG_PROBE_USDT ? "USDT probe" : "function", part[n - 1]);
	return 0;
}

static int check_kernel(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_error *err)
{
	struct kg_point *pt = NULL;
	_cleanup_error_ struct kg_error low = {0};
	int rc = kg_profile_find(p, kind, target, &pt, &low);
	if (rc < 0)
		return kg_error_set(err, KG_E_NOTFOUND, "cards", "there is no %s:%s here", kg_probe_info(kind)->name, target);
	if (pt->usable == KG_NO)
		rc = kg_error_set(err, KG_E_UNSUPPORTED, "cards", "%s:%s can't be used: %s", kg_probe_info(kind)->name, target,
				  pt->why ? pt->why : "not on this kernel");
	kg_point_free(pt);
	return rc;
}

static int check_at(const struct kg_card_site *s, const char *at, struct kg_profile *p, struct kg_error *err)
{
	const char *colon = strchr(at, ':'), *why = NULL;
	enum kg_probe_kind kind = colon ? kg_probe_kind_parse(at, colon - at) : KG_PROBE_NONE;
	if (kind == KG_PROBE_NONE)
		return kg_error_set(err, KG_E_INVAL, "cards", "'%s' is no attach point", at);
	if (kg_profile_kind_usable(p, kind, &why) == KG_NO)
		return kg_error_set(err, KG_E_UNSUPPORTED, "cards", "%s can't be used: %s", at, why ? why : "not on this kernel");
	int rc = kg_probe_info(kind)->is_user ? check_user(kind, colon + 1, err) : check_kernel(p, kind, colon + 1, err);
	return rc == 0 ? check_args(s, p, kind, colon + 1, err) : rc;
}

/* Drops what is optional and missing; fails on what is needed and missing, or where nothing is left. */
static int resolve_site(struct kg_card_site *s, struct kg_profile *p, struct kg_error *err)
{
	_cleanup_error_ struct kg_error gone = {0};
	for (guint i = 0; i < s->at->len;) {
		const char *at = g_ptr_array_index(s->at, i);
		_cleanup_error_ struct kg_error low = {0};
		int rc = check_at(s, at, p, &low);
		if (rc == 0) {
			i++;
			continue;
		}
		if (!strings_have(s->optional, at))
			return kg_error_set(err, low.code, "cards", "%s", low.msg);
		if (low.code != KG_E_NOTFOUND) /* "can't be used" tells more than that an older name is not there */
			kg_error_clear(&gone);
		kg_error_set(&gone, low.code, "cards", "%s", low.msg);
		g_ptr_array_remove_index(s->at, i);
	}
	return s->at->len ? 0 : kg_error_set(err, gone.code, "cards", "%s", gone.msg);
}

static gboolean is_all_optional(const struct kg_card_site *s)
{
	return s->optional->len == s->at->len;
}

static int resolve_sites(GPtrArray *sites, struct kg_profile *p, struct kg_error *err)
{
	for (guint i = 0; i < sites->len;) {
		struct kg_card_site *s = g_ptr_array_index(sites, i);
		gboolean can_go = is_all_optional(s) && sites->len > 1;
		int rc = resolve_site(s, p, can_go ? NULL : err);
		if (rc < 0 && !can_go)
			return rc;
		if (rc < 0) {
			g_ptr_array_remove_index(sites, i);
			continue;
		}
		settle_site(s, p);
		i++;
	}
	return 0;
}

static void replace_all(GPtrArray *strings, const char *what, const char *with)
{
	for (guint i = 0; i < strings->len; i++) {
		char **s = (char **)&g_ptr_array_index(strings, i);
		g_auto(GStrv) part = g_strsplit(*s, what, -1);
		g_free(*s);
		*s = g_strjoinv(with, part);
	}
}

static void set_binary(GPtrArray *sites, const char *path)
{
	for (guint i = 0; i < sites->len; i++) {
		struct kg_card_site *s = g_ptr_array_index(sites, i);
		replace_all(s->at, "$binary", path);
		replace_all(s->optional, "$binary", path);
	}
}

static int resolve_way(const struct kg_card_way *w, const char *binary, struct kg_profile *p, struct kg_card_way **ret,
		       struct kg_error *err)
{
	struct kg_card_way *c = way_copy(w);
	if (binary) {
		c->binary = g_strdup(binary);
		set_binary(c->begins, binary);
		set_binary(c->sites, binary);
	}
	int rc = resolve_sites(c->begins, p, err);
	if (rc == 0)
		rc = resolve_sites(c->sites, p, err);
	if (rc < 0)
		kg_card_way_free(c);
	else
		*ret = c;
	return rc;
}

/* The first file of the candidates that has everything that the way attaches to. */
static int resolve_binaries(const struct kg_card_way *w, struct kg_profile *p, struct kg_card_way **ret, struct kg_error *err)
{
	for (guint i = 0; i < w->binaries->len; i++) {
		glob_t found = {0};
		int rc = -KG_E_NOTFOUND;
		if (glob(g_ptr_array_index(w->binaries, i), 0, NULL, &found) == 0)
			for (size_t j = 0; rc < 0 && j < found.gl_pathc; j++)
				if (g_file_test(found.gl_pathv[j], G_FILE_TEST_IS_REGULAR))
					rc = resolve_way(w, found.gl_pathv[j], p, ret, err);
		globfree(&found);
		if (rc == 0) {
			kg_error_clear(err);
			return 0;
		}
	}
	g_autofree char *all = NULL;
	g_ptr_array_add(w->binaries, NULL);
	all = g_strjoinv(", ", (char **)w->binaries->pdata);
	g_ptr_array_remove_index(w->binaries, w->binaries->len - 1);
	return kg_error_set(err, KG_E_NOTFOUND, "cards", "none of these files is there: %s", all);
}

int kg_card_resolve(const struct kg_card *card, struct kg_profile *p, guint from, struct kg_card_way **ret, guint *ret_index,
		    struct kg_error *err)
{
	g_autoptr(GString) why = g_string_new(NULL);
	for (guint i = from; i < card->ways->len; i++) {
		const struct kg_card_way *w = g_ptr_array_index(card->ways, i);
		_cleanup_error_ struct kg_error low = {0};
		int rc = w->binaries->len ? resolve_binaries(w, p, ret, &low) : resolve_way(w, NULL, p, ret, &low);
		if (rc == 0) {
			if (ret_index)
				*ret_index = i;
			return 0;
		}
		g_string_append_printf(why, "%s%s", why->len ? "; " : "", low.msg ? low.msg : "unknown reason");
	}
	return kg_error_set(err, KG_E_NOTFOUND, "cards", "%s can't be observed on this kernel%s: %s", card->plural,
			    from ? " in any other way" : "", why->len ? why->str : "there is no further way");
}
