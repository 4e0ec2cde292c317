/*
 * Types by their spelling in C. A spelling is read from both ends: arrays and stars behind, const and volatile in front, and what
 * is left is a struct, union, enum, typedef or one of C's own numbers.
 */
#include "internal.h"

#include <bpf/btf.h>
#include <string.h>

/* C's own numbers in all their spellings, and what bpftrace calls them. Sizes: LP64. */
static const struct {
	const char *name;
	uint32_t size;
	gboolean is_signed;
} numbers[] = {
	{"char", 1, TRUE}, {"signed char", 1, TRUE}, {"unsigned char", 1, FALSE}, {"bool", 1, FALSE}, {"_Bool", 1, FALSE},
	{"short", 2, TRUE}, {"short int", 2, TRUE}, {"unsigned short", 2, FALSE}, {"short unsigned int", 2, FALSE},
	{"unsigned short int", 2, FALSE}, {"int", 4, TRUE}, {"signed", 4, TRUE}, {"signed int", 4, TRUE}, {"unsigned", 4, FALSE},
	{"unsigned int", 4, FALSE}, {"long", 8, TRUE}, {"long int", 8, TRUE}, {"unsigned long", 8, FALSE}, {"long unsigned int", 8, FALSE},
	{"unsigned long int", 8, FALSE}, {"long long", 8, TRUE}, {"long long int", 8, TRUE}, {"unsigned long long", 8, FALSE},
	{"long long unsigned int", 8, FALSE}, {"unsigned long long int", 8, FALSE}, {"int8", 1, TRUE}, {"int16", 2, TRUE},
	{"int32", 4, TRUE}, {"int64", 8, TRUE}, {"uint8", 1, FALSE}, {"uint16", 2, FALSE}, {"uint32", 4, FALSE}, {"uint64", 8, FALSE},
	{"int8_t", 1, TRUE}, {"int16_t", 2, TRUE}, {"int32_t", 4, TRUE}, {"int64_t", 8, TRUE}, {"uint8_t", 1, FALSE},
	{"uint16_t", 2, FALSE}, {"uint32_t", 4, FALSE}, {"uint64_t", 8, FALSE}, {"s8", 1, TRUE}, {"s16", 2, TRUE}, {"s32", 4, TRUE},
	{"s64", 8, TRUE}, {"u8", 1, FALSE}, {"u16", 2, FALSE}, {"u32", 4, FALSE}, {"u64", 8, FALSE}, {"size_t", 8, FALSE}, {"ssize_t", 8, TRUE},
};

static int fill_base(struct kg_profile *p, const char *name, struct kg_field *f, struct kg_error *err)
{
	static const struct {
		const char *tag;
		unsigned kind;
	} tags[] = {{"struct ", BTF_KIND_STRUCT}, {"union ", BTF_KIND_UNION}, {"enum ", BTF_KIND_ENUM}, {"enum ", BTF_KIND_ENUM64}};
	struct kg_btf *b = NULL;
	uint32_t id = 0;
	gboolean is_tagged = FALSE;

	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (!strcmp(name, numbers[i].name)) {
			f->size = numbers[i].size;
			f->is_signed = numbers[i].is_signed;
			return 0;
		}
	if (!kg_profile_btf(p))
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "the type %s is not known: %s", name, kg_source_get(p, "btf")->why);
	for (gsize i = 0; i < G_N_ELEMENTS(tags) && !b; i++)
		if (g_str_has_prefix(name, tags[i].tag)) {
			is_tagged = TRUE;
			b = kg_profile_find_type(p, name + strlen(tags[i].tag), tags[i].kind, NULL, &id);
		}
	if (!b && !is_tagged)
		b = kg_profile_find_type(p, name, BTF_KIND_TYPEDEF, NULL, &id);
	if (!b && !is_tagged)
		b = kg_profile_find_type(p, name, BTF_KIND_INT, NULL, &id);
	if (!b)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "this kernel has no type %s", name);
	kg_btf_fill(p, b, id, f);
	return 0;
}

/* Cuts "[4]" off the first dimension: the last one written is the innermost. FALSE: not of that form. */
static gboolean take_array(char *s, uint32_t *ret_n)
{
	char *open = strchr(s, '['), *close = open ? strchr(open, ']') : NULL;
	guint64 n;

	if (!close || strchr(s, '('))
		return FALSE;
	n = g_ascii_strtoull(open + 1, NULL, 0);
	if (n > G_MAXINT32)
		return FALSE;
	*ret_n = (uint32_t)n;
	memmove(open, close + 1, strlen(close));
	return TRUE;
}

static char *bare(const char *type)
{
	char *s = g_strstrip(g_strdup(type));

	for (;;) {
		gsize skip = g_str_has_prefix(s, "const ") ? 6 : g_str_has_prefix(s, "volatile ") ? 9 : 0;

		if (!skip)
			return s;
		memmove(s, s + skip, strlen(s + skip) + 1);
		g_strchug(s);
	}
}

static gboolean is_pointer(const char *s)
{
	gsize n = strlen(s);

	while (n && s[n - 1] == ' ')
		n--;
	if (n >= 5 && !strncmp(s + n - 5, "const", 5))
		n -= 5;
	while (n && s[n - 1] == ' ')
		n--;
	return (n && s[n - 1] == '*') || strstr(s, "(*") != NULL;
}

int kg_profile_type(struct kg_profile *p, const char *type, struct kg_field *ret, struct kg_error *err)
{
	g_autofree char *s = bare(type), *whole = g_strdup(s);
	struct kg_field f = {0};
	uint32_t n;

	if (take_array(s, &n)) {
		struct kg_field elem = {0};
		int r = kg_profile_type(p, s, &elem, err);

		if (r < 0)
			return r;
		f = elem;
		f.array_len = n;
		f.is_string = elem.size == 1 && !elem.array_len && (!strcmp(s, "char") || !strcmp(s, "char "));
		f.size = (uint64_t)elem.size * n <= G_MAXINT32 ? elem.size * n : 0;
		f.is_pointer = FALSE;
	} else if (is_pointer(s)) {
		f.size = 8;
		f.is_pointer = TRUE;
	} else {
		int r = fill_base(p, s, &f, err);

		if (r < 0)
			return r;
	}
	f.name = "";
	f.type = kg_profile_str(p, whole);
	f.offset_bits = f.bits = 0;
	*ret = f;
	return 0;
}
