/*
 * The types of vmlinux and of some modules as one BTF, for tools that take one file. A module's BTF goes on where vmlinux' ends: its first type
 * has the number behind the last of vmlinux, its strings the offsets behind those of vmlinux. So the first module is appended as it is; each
 * further one is moved by what was appended before it. Layout: Documentation/bpf/btf.rst of Linux 6.12.
 */
#include "internal.h"

#include <bpf/btf.h>
#include <string.h>

/* What is made of it, and how far the module at hand is moved. */
struct joining {
	GByteArray *types, *strings;
	uint32_t n_base, base_strings; /* of vmlinux */
	uint32_t id_shift, string_shift;
};

static void move_id(const struct joining *j, uint32_t *id)
{
	if (*id >= j->n_base)
		*id += j->id_shift;
}

static void move_string(const struct joining *j, uint32_t *offset)
{
	if (*offset >= j->base_strings)
		*offset += j->string_shift;
}

/* Members, parameters and the like: what lies behind the type itself. Its length in bytes. */
static gsize move_rest(const struct joining *j, struct btf_type *t)
{
	guint n = btf_vlen(t);

	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return 4;
	case BTF_KIND_ARRAY:
		move_id(j, &btf_array(t)->type);
		move_id(j, &btf_array(t)->index_type);
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (guint i = 0; i < n; i++) {
			move_string(j, &btf_members(t)[i].name_off);
			move_id(j, &btf_members(t)[i].type);
		}
		return n * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		for (guint i = 0; i < n; i++)
			move_string(j, &btf_enum(t)[i].name_off);
		return n * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		for (guint i = 0; i < n; i++)
			move_string(j, &btf_enum64(t)[i].name_off);
		return n * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		for (guint i = 0; i < n; i++) {
			move_string(j, &btf_params(t)[i].name_off);
			move_id(j, &btf_params(t)[i].type);
		}
		return n * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		for (guint i = 0; i < n; i++)
			move_id(j, &btf_var_secinfos(t)[i].type);
		return n * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

/* Does its third word name a type? Otherwise it is a size. */
static gboolean has_type(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
	case BTF_KIND_FWD:
	case BTF_KIND_ARRAY:
	case BTF_KIND_DATASEC:
		return FALSE;
	default:
		return TRUE;
	}
}

static void append(struct joining *j, const struct btf *btf)
{
	uint32_t size;
	const struct btf_header *h = btf__raw_data(btf, &size);
	const char *data = (const char *)h + h->hdr_len;
	guint at = j->types->len, end;

	g_byte_array_append(j->types, (const guint8 *)data + h->type_off, h->type_len);
	end = j->types->len;
	while (at < end) {
		struct btf_type *t = (struct btf_type *)(j->types->data + at);

		move_string(j, &t->name_off);
		if (has_type(t))
			move_id(j, &t->type);
		at += (guint)(sizeof(*t) + move_rest(j, t));
	}
	g_byte_array_append(j->strings, (const guint8 *)data + h->str_off, h->str_len);
}

static GBytes *joined(const struct joining *j)
{
	struct btf_header h = {.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(h), .type_len = j->types->len, .str_off = j->types->len,
			       .str_len = j->strings->len};
	GByteArray *all = g_byte_array_sized_new(sizeof(h) + j->types->len + j->strings->len);

	g_byte_array_append(all, (const guint8 *)&h, sizeof(h));
	g_byte_array_append(all, j->types->data, j->types->len);
	g_byte_array_append(all, j->strings->data, j->strings->len);
	return g_byte_array_free_to_bytes(all);
}

GBytes *kg_profile_types(struct kg_profile *p, const char *const *modules)
{
	struct kg_btf *base = kg_profile_btf(p);
	struct joining j = {0};
	GBytes *ret;

	if (!base)
		return NULL;
	j.types = g_byte_array_new();
	j.strings = g_byte_array_new();
	append(&j, kg_btf_raw(base));
	j.n_base = btf__type_cnt(kg_btf_raw(base));
	j.base_strings = j.strings->len;
	for (; modules && *modules; modules++) {
		struct kg_btf *module = strcmp(*modules, "vmlinux") ? kg_profile_module_btf(p, *modules) : NULL;

		if (!module)
			continue;
		append(&j, kg_btf_raw(module));
		j.id_shift += btf__type_cnt(kg_btf_raw(module)) - j.n_base;
		j.string_shift = j.strings->len - j.base_strings;
	}
	ret = joined(&j);
	g_byte_array_unref(j.types);
	g_byte_array_unref(j.strings);
	return ret;
}
