/*
 * From BTF to C: how a type is spelled, and what a field, an argument or a member is. Typedef names are kept, because
 * they say the byte order: __be16 is a fact that "unsigned short" has lost.
 */
#include "internal.h"

#include <bpf/btf.h>
#include <string.h>

#define DEPTH_MAX 16
#define TEXT_MAX 400 /* bytes of a spelled type; only function pointers of function pointers come near */

static const char *name_of(const struct kg_btf *b, const struct btf_type *t)
{
	return btf__str_by_offset(kg_btf_raw((struct kg_btf *)b), t->name_off);
}

static const struct btf_type *type_of(const struct kg_btf *b, uint32_t id)
{
	return btf__type_by_id(kg_btf_raw((struct kg_btf *)b), id);
}

/* The base of a declaration: "struct sock", "unsigned int", "__be16". */
static void spell_base(const struct kg_btf *b, uint32_t id, GString *out)
{
	const struct btf_type *t = id ? type_of(b, id) : NULL;
	const char *name = t ? name_of(b, t) : "void", *tag = "";

	if (t && btf_is_struct(t))
		tag = "struct ";
	else if (t && btf_is_union(t))
		tag = "union ";
	else if (t && btf_is_any_enum(t))
		tag = "enum ";
	else if (t && btf_is_fwd(t))
		tag = btf_kflag(t) ? "union " : "struct ";
	g_string_append(out, tag);
	g_string_append(out, *name ? name : "{...}");
}

static void spell(const struct kg_btf *b, uint32_t id, int depth, GString *out);

static void spell_params(const struct kg_btf *b, const struct btf_type *t, int depth, GString *out)
{
	const struct btf_param *a = btf_params(t);

	g_string_append_c(out, '(');
	for (unsigned i = 0; i < btf_vlen(t) && out->len < TEXT_MAX; i++) {
		g_string_append(out, i ? ", " : "");
		if (!a[i].type && i + 1 == btf_vlen(t))
			g_string_append(out, "...");
		else
			spell(b, a[i].type, depth + 1, out);
	}
	g_string_append(out, btf_vlen(t) ? ")" : "void)");
}

/*
 * C writes declarations inside out, so the part right of the base grows around an inner text: a pointer goes to its left, an
 * array or a parameter list to its right, and a pointer already there needs parentheses first.
 */
static void spell(const struct kg_btf *b, uint32_t id, int depth, GString *out)
{
	g_autoptr(GString) inner = g_string_new(NULL);
	const char *qualifier = "";
	gboolean is_done = FALSE;

	for (int i = 0; !is_done && i < 32 && inner->len < TEXT_MAX && depth < DEPTH_MAX; i++) {
		const struct btf_type *t = id ? type_of(b, id) : NULL;

		if (t && (btf_is_array(t) || btf_is_func_proto(t)) && inner->len && inner->str[0] == '*') {
			g_string_prepend_c(inner, '(');
			g_string_append_c(inner, ')');
		}
		if (t && btf_is_ptr(t)) {
			g_string_prepend(inner, *qualifier ? "*const " : "*");
			qualifier = "";
			id = t->type;
		} else if (t && btf_is_array(t)) {
			g_string_append_printf(inner, "[%u]", btf_array(t)->nelems);
			id = btf_array(t)->type;
		} else if (t && btf_is_func_proto(t)) {
			spell_params(b, t, depth, inner);
			id = t->type;
		} else if (t && (btf_is_mod(t) || btf_is_type_tag(t))) {
			qualifier = btf_kind(t) == BTF_KIND_CONST ? "const " : qualifier;
			id = t->type;
		} else {
			is_done = TRUE;
		}
	}
	g_strchomp(inner->str);
	g_string_append(out, qualifier);
	if (is_done)
		spell_base(b, id, out);
	else
		g_string_append(out, "...");
	g_string_append(out, inner->str[0] == '*' || inner->str[0] == '(' ? " " : "");
	g_string_append(out, inner->str);
}

void kg_btf_spell(const struct kg_btf *b, uint32_t id, GString *out)
{
	spell(b, id, 0, out);
}

static gboolean says_big_endian(const struct kg_btf *b, uint32_t id)
{
	for (int depth = 0; id && depth < 32; depth++) {
		const struct btf_type *t = type_of(b, id);

		if (btf_is_typedef(t)) {
			const char *n = name_of(b, t);

			if (!strcmp(n, "__be16") || !strcmp(n, "__be32") || !strcmp(n, "__be64"))
				return TRUE;
		} else if (btf_is_array(t)) {
			id = btf_array(t)->type;
			continue;
		} else if (!btf_is_mod(t) && !btf_is_type_tag(t)) {
			return FALSE;
		}
		id = t->type;
	}
	return FALSE;
}

/* Bytes of a type; 0 where it has none (void, functions) or where the BTF makes no sense. */
static uint32_t size_of(const struct kg_btf *b, uint32_t id)
{
	gint64 size = id ? btf__resolve_size(kg_btf_raw((struct kg_btf *)b), id) : 0;

	return size > 0 && size <= G_MAXINT32 ? (uint32_t)size : 0;
}

static void fill_number(const struct kg_btf *b, const struct btf_type *t, struct kg_field *f)
{
	if (btf_is_int(t))
		f->is_signed = (btf_int_encoding(t) & BTF_INT_SIGNED) != 0;
	else if (btf_is_any_enum(t))
		f->is_signed = btf_kflag(t) != 0;
}

void kg_btf_fill(struct kg_profile *p, const struct kg_btf *b, uint32_t id, struct kg_field *f)
{
	g_autoptr(GString) text = g_string_new(NULL);
	uint32_t bare = kg_btf_strip(b, id, TRUE);

	kg_btf_spell(b, id, text);
	f->type = kg_profile_str(p, text->str);
	f->size = size_of(b, id);
	f->is_big_endian = says_big_endian(b, id);
	if (!bare)
		return;
	const struct btf_type *t = type_of(b, bare);

	f->is_pointer = btf_is_ptr(t);
	if (btf_is_array(t)) {
		uint32_t elem = kg_btf_strip(b, btf_array(t)->type, TRUE);

		f->array_len = btf_array(t)->nelems;
		if (!elem)
			return;
		t = type_of(b, elem);
		f->is_string = btf_is_int(t) && !strcmp(name_of(b, t), "char");
	}
	fill_number(b, t, f);
}

static void add_field(struct kg_profile *p, const struct kg_btf *b, const char *name, uint32_t id, GPtrArray *fields)
{
	struct kg_field *f = g_new0(struct kg_field, 1);

	f->name = kg_profile_str(p, name);
	kg_btf_fill(p, b, id, f);
	g_ptr_array_add(fields, f);
}

static void add_params(struct kg_profile *p, const struct kg_btf *b, const struct btf_type *proto, unsigned from, GPtrArray *fields)
{
	const struct btf_param *a = btf_params(proto);

	for (unsigned i = from; i < btf_vlen(proto); i++) {
		const char *name = btf__str_by_offset(kg_btf_raw((struct kg_btf *)b), a[i].name_off);
		g_autofree char *number = g_strdup_printf("arg%u", i - from);

		if (!a[i].type && i + 1 == btf_vlen(proto))
			break; /* "...": what is there can't be known */
		add_field(p, b, *name ? name : number, a[i].type, fields);
	}
}

GPtrArray *kg_btf_function_fields(struct kg_profile *p, const char *function, const char *module, gboolean args, gboolean retval)
{
	uint32_t id;
	struct kg_btf *b = kg_profile_find_type(p, function, BTF_KIND_FUNC, module, &id);

	if (!b)
		return NULL;
	const struct btf_type *proto = type_of(b, type_of(b, id)->type);
	GPtrArray *fields = kg_fields_new();

	if (args)
		add_params(p, b, proto, 0, fields);
	if (retval && proto->type)
		add_field(p, b, "retval", proto->type, fields);
	return fields;
}

/* typedef void (*btf_trace_NAME)(void *__data, ...): what the tracepoint's caller passes, behind the first argument. */
GPtrArray *kg_btf_rawtracepoint_fields(struct kg_profile *p, const char *name)
{
	g_autofree char *type = g_strconcat("btf_trace_", name, NULL);
	uint32_t id;
	struct kg_btf *b = kg_profile_find_type(p, type, BTF_KIND_TYPEDEF, NULL, &id);
	uint32_t ptr = b ? kg_btf_strip(b, id, TRUE) : 0;
	uint32_t proto = ptr && btf_is_ptr(type_of(b, ptr)) ? kg_btf_strip(b, type_of(b, ptr)->type, TRUE) : 0;

	if (!proto || !btf_is_func_proto(type_of(b, proto)))
		return NULL;
	GPtrArray *fields = kg_fields_new();

	add_params(p, b, type_of(b, proto), 1, fields);
	return fields;
}
