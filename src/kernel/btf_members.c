/*
 * Members of structs by path, "__sk_common.skc_dport", "skc_v6_daddr.in6_u.u6_addr8[2]", also through pointers ("->" or
 * "."), with anonymous structs and unions looked through; and the values of enumerators.
 */
#include "internal.h"

#include <bpf/btf.h>
#include <string.h>

#define MEMBERS_MAX 20000
#define DEPTH_MAX 16

static struct btf *raw(const struct kg_btf *b)
{
	return kg_btf_raw((struct kg_btf *)b);
}

static gboolean is_composite(const struct kg_btf *b, uint32_t id)
{
	return id && btf_is_composite(btf__type_by_id(raw(b), id));
}

/* "struct sock", "const struct sock *", "union x", "sk_buff_data_t": its struct or union, behind typedefs. */
static struct kg_btf *find_composite(struct kg_profile *p, const char *type, uint32_t *ret_id)
{
	g_autofree char *copy = g_strdup(type);
	char *name = copy;
	unsigned kind = BTF_KIND_TYPEDEF;

	for (gsize n = strlen(name); n && (name[n - 1] == '*' || name[n - 1] == ' ');)
		name[--n] = '\0';
	while (*name == ' ')
		name++;
	if (g_str_has_prefix(name, "const "))
		name += 6;
	if (g_str_has_prefix(name, "struct ")) {
		kind = BTF_KIND_STRUCT;
		name += 7;
	} else if (g_str_has_prefix(name, "union ")) {
		kind = BTF_KIND_UNION;
		name += 6;
	}
	struct kg_btf *b = kg_profile_find_type(p, name, kind, NULL, ret_id);

	if (b)
		*ret_id = kg_btf_strip(b, *ret_id, TRUE);
	return b && is_composite(b, *ret_id) ? b : NULL;
}

static void add_members(struct kg_profile *p, const struct kg_btf *b, uint32_t id, uint32_t base_bits, int depth, GPtrArray *out)
{
	const struct btf_type *t = btf__type_by_id(raw(b), id);
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t) && out->len < MEMBERS_MAX; i++) {
		const char *name = btf__str_by_offset(raw(b), m[i].name_off);
		uint32_t bits = base_bits + btf_member_bit_offset(t, i), bare = kg_btf_strip(b, m[i].type, TRUE);

		if (!*name) {
			if (is_composite(b, bare) && depth < DEPTH_MAX)
				add_members(p, b, bare, bits, depth + 1, out);
			continue; /* else padding */
		}
		struct kg_field *f = g_new0(struct kg_field, 1);

		f->name = kg_profile_str(p, name);
		kg_btf_fill(p, b, m[i].type, f);
		f->offset_bits = bits;
		f->bits = btf_member_bitfield_size(t, i);
		g_ptr_array_add(out, f);
	}
}

const GPtrArray *kg_profile_members(struct kg_profile *p, const char *type)
{
	gpointer found;
	uint32_t id;

	if (g_hash_table_lookup_extended(p->members, type, NULL, &found))
		return found;
	struct kg_btf *b = find_composite(p, type, &id);
	GPtrArray *members = b ? kg_fields_new() : NULL;

	if (b)
		add_members(p, b, id, 0, 0, members);
	g_hash_table_insert(p->members, g_strdup(type), members);
	return members;
}

/* The member of that name: its type's id and place; anonymous members are looked through. */
static gboolean find_member(const struct kg_btf *b, uint32_t id, const char *name, gsize len, int depth, uint32_t *ret_type,
			    uint32_t *ret_bits, unsigned *ret_width)
{
	const struct btf_type *t = btf__type_by_id(raw(b), id);
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t); i++) {
		const char *n = btf__str_by_offset(raw(b), m[i].name_off);
		uint32_t bits = btf_member_bit_offset(t, i), bare;

		if (strlen(n) == len && !memcmp(n, name, len) && len) {
			*ret_type = m[i].type;
			*ret_bits = bits;
			*ret_width = btf_member_bitfield_size(t, i);
			return TRUE;
		}
		if (*n || depth >= DEPTH_MAX || !is_composite(b, bare = kg_btf_strip(b, m[i].type, TRUE)))
			continue;
		if (find_member(b, bare, name, len, depth + 1, ret_type, ret_bits, ret_width)) {
			*ret_bits += bits;
			return TRUE;
		}
	}
	return FALSE;
}

static int no_member(struct kg_profile *p, const struct kg_btf *b, uint32_t id, const char *name, gsize len, struct kg_error *err)
{
	g_autoptr(GString) type = g_string_new(NULL);
	g_autofree char *word = g_strndup(name, len);
	g_autoptr(GPtrArray) members = kg_fields_new(), names = g_ptr_array_new();

	kg_btf_spell(b, id, type);
	add_members(p, b, id, 0, 0, members);
	for (guint i = 0; i < members->len; i++)
		g_ptr_array_add(names, (gpointer)((struct kg_field *)g_ptr_array_index(members, i))->name);
	const char *near = kg_nearest(word, names);

	kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s has no member %s", type->str, word);
	if (near)
		kg_error_hint(err, "did you mean %s?", near);
	return -KG_E_NOTFOUND;
}

/* Where a walk along a path stands. */
struct walk {
	const struct kg_btf *b;
	uint32_t id;   /* type, with its modifiers */
	uint32_t bits; /* from the start of the innermost struct that was reached through a pointer, or of the first */
	unsigned width;
};

/* "[n]": the element's type and place. */
static const char *walk_index(struct walk *w, const char *s)
{
	uint32_t bare = kg_btf_strip(w->b, w->id, TRUE);
	const struct btf_type *t = bare ? btf__type_by_id(raw(w->b), bare) : NULL;
	char *end;
	guint64 n = g_ascii_strtoull(s + 1, &end, 0);

	if (!t || !(btf_is_array(t) || btf_is_ptr(t)) || end == s + 1 || *end != ']' || n > G_MAXINT32)
		return NULL;
	if (btf_is_array(t) && btf_array(t)->nelems && n >= btf_array(t)->nelems)
		return NULL;
	uint32_t elem = btf_is_array(t) ? btf_array(t)->type : t->type;
	gint64 size = elem ? btf__resolve_size(raw(w->b), elem) : 0;
	guint64 bits = (btf_is_ptr(t) ? 0 : w->bits) + n * (guint64)MAX(size, 0) * 8;

	if (bits > G_MAXUINT32)
		return NULL;
	w->bits = (uint32_t)bits;
	w->id = elem;
	w->width = 0;
	return end + 1;
}

static int walk_member(struct kg_profile *p, struct walk *w, const char *name, gsize len, struct kg_error *err)
{
	uint32_t bare = kg_btf_strip(w->b, w->id, TRUE), bits;
	const struct btf_type *t = bare ? btf__type_by_id(raw(w->b), bare) : NULL;

	if (t && btf_is_ptr(t)) {
		w->bits = 0;
		bare = kg_btf_strip(w->b, t->type, TRUE);
	}
	if (!is_composite(w->b, bare)) {
		g_autoptr(GString) type = g_string_new(NULL);

		kg_btf_spell(w->b, w->id, type);
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s has no members, so no %.*s", type->str, (int)len, name);
	}
	if (!find_member(w->b, bare, name, len, 0, &w->id, &bits, &w->width))
		return no_member(p, w->b, bare, name, len, err);
	w->bits += bits;
	return 0;
}

static int walk_path(struct kg_profile *p, struct walk *w, const char *path, struct kg_error *err)
{
	const char *s = path;

	while (*s) {
		if (*s == '[') {
			const char *next = walk_index(w, s);

			if (!next)
				return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no element %s", s);
			s = next;
			continue;
		}
		if (s != path)
			s += g_str_has_prefix(s, "->") ? 2 : *s == '.' ? 1 : 0;
		gsize len = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

		if (!len)
			return kg_error_set(err, KG_E_INVAL, STAGE, "\"%s\" is not a path of members", path);
		int r = walk_member(p, w, s, len, err);

		if (r < 0)
			return r;
		s += len;
	}
	return 0;
}

int kg_profile_member(struct kg_profile *p, const char *type, const char *path, struct kg_field *ret, struct kg_error *err)
{
	struct walk w = {0};

	if (!kg_profile_btf(p))
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "members of %s are not known: %s", type,
				    kg_source_get(p, "btf")->why);
	w.b = find_composite(p, type, &w.id);
	if (!w.b)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "this kernel has no %s with members", type);
	int r = walk_path(p, &w, path, err);

	if (r < 0)
		return r;
	struct kg_field f = {.name = kg_profile_str(p, path), .offset_bits = w.bits, .bits = w.width};

	kg_btf_fill(p, w.b, w.id, &f);
	*ret = f;
	return 0;
}

/* Since pahole 1.24 an enum says whether it is signed (kflag). In older BTF none says so, and negative values are negative. */
static gboolean says_sign(const struct kg_btf *b, uint32_t end)
{
	for (uint32_t id = kg_btf_first(b); id < end; id++) {
		const struct btf_type *t = btf__type_by_id(raw(b), id);

		if (btf_is_enum64(t) || (btf_is_enum(t) && btf_kflag(t)))
			return TRUE;
	}
	return FALSE;
}

static void add_enumerators(const struct kg_btf *b, GHashTable *table)
{
	uint32_t end = btf__type_cnt(raw(b));
	gboolean sign = says_sign(b, end);

	for (uint32_t id = kg_btf_first(b); id < end; id++) {
		const struct btf_type *t = btf__type_by_id(raw(b), id);

		for (unsigned i = 0; btf_is_any_enum(t) && i < btf_vlen(t); i++) {
			gboolean wide = btf_is_enum64(t);
			const char *name = btf__str_by_offset(raw(b), wide ? btf_enum64(t)[i].name_off : btf_enum(t)[i].name_off);

			if (g_hash_table_contains(table, name))
				continue;
			gint64 *value = g_new(gint64, 1);

			if (wide)
				*value = (gint64)btf_enum64_value(btf_enum64(t) + i);
			else if (sign && !btf_kflag(t))
				*value = (uint32_t)btf_enum(t)[i].val;
			else
				*value = btf_enum(t)[i].val;
			g_hash_table_insert(table, (gpointer)name, value);
		}
	}
}

int kg_profile_enumerator(struct kg_profile *p, const char *name, int64_t *ret)
{
	struct kg_btf *b = kg_profile_btf(p);

	if (!b)
		return -KG_E_UNSUPPORTED;
	if (!p->enumerators) {
		p->enumerators = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
		add_enumerators(b, p->enumerators);
	}
	/* The modules' come last, and only if the kernel itself has none of that name. */
	if (!g_hash_table_contains(p->enumerators, name) && !p->has_module_enumerators) {
		p->has_module_enumerators = TRUE;
		for (guint i = 0; i < p->modules->len; i++) {
			struct kg_btf *m = kg_profile_module_btf(p, g_ptr_array_index(p->modules, i));

			if (m)
				add_enumerators(m, p->enumerators);
		}
	}
	gint64 *value = g_hash_table_lookup(p->enumerators, name);

	if (!value)
		return -KG_E_NOTFOUND;
	*ret = *value;
	return 0;
}
