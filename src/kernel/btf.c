/*
 * BTF: the kernel's own description of its types, parsed by libbpf when the first question about a type comes.
 *
 * libbpf believes the type ids and name offsets inside; a blob from another machine or a damaged disk can lie. So the header is
 * checked before libbpf sees it, every reference is checked after, and walks along types are bounded (chains of modifiers
 * can be circular). Types are found through an index by name that is made at first use (about 130,000 types take some
 * milliseconds; a search without it takes one for each question).
 *
 * Source: Documentation/bpf/btf.rst, Linux 6.12.
 */
#include "internal.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BTF_MAX (256u << 20)
#define CHAIN_MAX 32

struct kg_btf {
	struct btf *btf;
	struct kg_btf *base;
	uint32_t first, end; /* ids: first <= id < end are its own */
	uint32_t *slots;     /* open addressing by name; 0 is free */
	uint32_t mask;
};

struct btf *kg_btf_raw(struct kg_btf *b)
{
	return b->btf;
}

uint32_t kg_btf_first(const struct kg_btf *b)
{
	return b->first;
}

static const char *check_header(const void *data, gsize size)
{
	struct btf_header h;

	if (size < sizeof(h))
		return "it is shorter than its header";
	memcpy(&h, data, sizeof(h));
	if (h.magic == GUINT16_SWAP_LE_BE(BTF_MAGIC))
		return "it is of a machine with the other byte order";
	if (h.magic != BTF_MAGIC)
		return "it does not begin with BTF's magic number";
	if (h.version != 1)
		return "its version is not 1";
	if (h.hdr_len < sizeof(h) || h.hdr_len > size || size > BTF_MAX)
		return "its header's length makes no sense";
	guint64 meta = size - h.hdr_len;

	if ((guint64)h.str_off + h.str_len > meta || (guint64)h.type_off + h.type_len > meta)
		return "it is cut off";
	if ((guint64)h.type_off + h.type_len > h.str_off || h.type_off % 4 || h.hdr_len % 4)
		return "its sections overlap";
	return NULL;
}

static gboolean ok_name(const struct kg_btf *b, uint32_t off)
{
	return btf__str_by_offset(b->btf, off) != NULL;
}

static gboolean ok_members(const struct kg_btf *b, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t);

	for (unsigned i = 0; i < btf_vlen(t); i++)
		if (m[i].type >= b->end || !ok_name(b, m[i].name_off))
			return FALSE;
	return TRUE;
}

static gboolean ok_params(const struct kg_btf *b, const struct btf_type *t)
{
	const struct btf_param *a = btf_params(t);

	for (unsigned i = 0; i < btf_vlen(t); i++)
		if (a[i].type >= b->end || !ok_name(b, a[i].name_off))
			return FALSE;
	return t->type < b->end;
}

static gboolean ok_variables(const struct kg_btf *b, const struct btf_type *t)
{
	for (unsigned i = 0; i < btf_vlen(t); i++)
		if (btf_var_secinfos(t)[i].type >= b->end)
			return FALSE;
	return TRUE;
}

static gboolean ok_enumerators(const struct kg_btf *b, const struct btf_type *t)
{
	for (unsigned i = 0; i < btf_vlen(t); i++)
		if (!ok_name(b, btf_is_enum(t) ? btf_enum(t)[i].name_off : btf_enum64(t)[i].name_off))
			return FALSE;
	return TRUE;
}

static gboolean ok_type(const struct kg_btf *b, const struct btf_type *t)
{
	if (!ok_name(b, t->name_off))
		return FALSE;
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return ok_members(b, t);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		return ok_enumerators(b, t);
	case BTF_KIND_DATASEC:
		return ok_variables(b, t);
	case BTF_KIND_ARRAY:
		return btf_array(t)->type < b->end && btf_array(t)->index_type < b->end;
	case BTF_KIND_FUNC_PROTO:
		return ok_params(b, t);
	case BTF_KIND_FUNC:
		return t->type < b->end && btf_is_func_proto(btf__type_by_id(b->btf, t->type));
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
	case BTF_KIND_VAR:
		return t->type < b->end;
	default:
		return TRUE;
	}
}

static gboolean is_indexed(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FUNC:
	case BTF_KIND_INT:
		return t->name_off != 0;
	default:
		return FALSE;
	}
}

static void make_index(struct kg_btf *b)
{
	uint32_t n = 16;

	while (n < (b->end - b->first) * 2)
		n *= 2;
	b->mask = n - 1;
	b->slots = g_new0(uint32_t, n);
	for (uint32_t id = b->first; id < b->end; id++) {
		const struct btf_type *t = btf__type_by_id(b->btf, id);

		if (!is_indexed(t))
			continue;
		uint32_t i = g_str_hash(btf__str_by_offset(b->btf, t->name_off)) & b->mask;

		while (b->slots[i])
			i = (i + 1) & b->mask;
		b->slots[i] = id;
	}
}

/* Split BTF: libbpf 1.1 has btf__new_split() in its header but not in its library; by path it can be had, and memory has one. */
static struct btf *parse_split(const void *data, gsize size, struct btf *base)
{
	int fd = memfd_create("kgent-btf", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	struct btf *btf = NULL;

	if (fd < 0)
		return NULL;
	if (write(fd, data, size) == (ssize_t)size)
		btf = btf__parse_raw_split(path, base);
	close(fd);
	return btf;
}

static struct btf *parse(const void *data, gsize size, struct btf *base)
{
	libbpf_print_fn_t old = libbpf_set_print(NULL);
	struct btf *btf = base ? parse_split(data, size, base) : btf__new(data, (uint32_t)size);

	libbpf_set_print(old);
	return libbpf_get_error(btf) ? NULL : btf;
}

struct kg_btf *kg_btf_new(const void *data, gsize size, struct kg_btf *base, char **ret_why)
{
	const char *why = check_header(data, size);
	struct kg_btf *b = NULL;

	if (!why) {
		struct btf *btf = parse(data, size, base ? base->btf : NULL);

		if (btf) {
			b = g_new0(struct kg_btf, 1);
			b->btf = btf;
			b->base = base;
			b->first = base ? base->end : 1;
			b->end = btf__type_cnt(btf);
		} else {
			why = "libbpf can't parse it";
		}
	}
	for (uint32_t id = b ? b->first : 0; b && id < b->end; id++)
		if (!ok_type(b, btf__type_by_id(b->btf, id))) {
			why = "a type refers to something that does not exist";
			b = kg_btf_free(b);
		}
	if (ret_why && !b)
		*ret_why = g_strdup(why);
	if (b)
		make_index(b);
	return b;
}

struct kg_btf *kg_btf_free(struct kg_btf *b)
{
	if (!b)
		return NULL;
	btf__free(b->btf);
	g_free(b->slots);
	g_free(b);
	return NULL;
}

struct btf *kg_btf_read(const void *data, gsize size, char **ret_why)
{
	struct kg_btf *b = kg_btf_new(data, size, NULL, ret_why);
	struct btf *ret = b ? g_steal_pointer(&b->btf) : NULL;

	kg_btf_free(b);
	return ret;
}

uint32_t kg_btf_find(const struct kg_btf *b, const char *name, unsigned kind)
{
	uint32_t found = 0;

	for (uint32_t i = g_str_hash(name) & b->mask; b->slots[i]; i = (i + 1) & b->mask) {
		const struct btf_type *t = btf__type_by_id(b->btf, b->slots[i]);

		if (btf_kind(t) == kind && (!found || b->slots[i] < found) &&
		    !strcmp(btf__str_by_offset(b->btf, t->name_off), name))
			found = b->slots[i];
	}
	return found;
}

uint32_t kg_btf_strip(const struct kg_btf *b, uint32_t id, gboolean typedefs)
{
	for (int depth = 0; depth < CHAIN_MAX; depth++) {
		const struct btf_type *t = btf__type_by_id(b->btf, id);

		if (!t || !id)
			return 0;
		if (!btf_is_mod(t) && !btf_is_type_tag(t) && !(typedefs && btf_is_typedef(t)))
			return id;
		id = t->type;
	}
	return 0;
}

/* Where the BTF of vmlinux (module NULL) or a module lies. */
static char *btf_path(const struct kg_profile *p, const char *module)
{
	if (!p->dir)
		return g_strdup_printf("/sys/kernel/btf/%s", module ? module : "vmlinux");
	return module ? g_strdup_printf("%s/btf.%s", p->dir, module) : g_build_filename(p->dir, "btf", NULL);
}

char *kg_profile_btf_path(const struct kg_profile *p)
{
	return btf_path(p, NULL);
}

static GBytes *read_btf(const struct kg_profile *p, const char *module)
{
	g_autofree char *path = btf_path(p, module);

	return kg_read_file(path, BTF_MAX);
}

static void missing(struct kg_profile *p, int e)
{
	const char *mend = NULL;
	g_autofree char *why = NULL;

	if (p->dir)
		why = g_strdup("the profile has no BTF");
	else if (e == ENOENT && kg_profile_config(p, "DEBUG_INFO_BTF") == KG_NO)
		why = g_strdup("this kernel was built without BTF (CONFIG_DEBUG_INFO_BTF is not set)");
	else
		why = g_strdup_printf("/sys/kernel/btf/vmlinux can't be read (%s)", g_strerror(e));
	if (!p->dir && e == EACCES)
		mend = "sudo kgent doctor";
	kg_source_set(p, "btf", KG_SOURCE_MISSING, 0, why,
		      "arguments of functions, members of structs and byte orders are not known; fentry can't be used", mend);
}

struct kg_btf *kg_profile_btf(struct kg_profile *p)
{
	if (p->btf_tried)
		return p->btf;
	p->btf_tried = TRUE;
	g_autoptr(GBytes) data = read_btf(p, NULL);

	if (!data) {
		missing(p, errno);
		return NULL;
	}
	g_autofree char *why = NULL;
	gsize size;
	const void *d = g_bytes_get_data(data, &size);

	p->btf = kg_btf_new(d, size, NULL, &why);
	if (p->btf) {
		kg_source_set(p, "btf", KG_SOURCE_OK, p->btf->end - 1, NULL, NULL, NULL);
	} else {
		g_autofree char *text = g_strdup_printf("the BTF of vmlinux is damaged: %s", why);

		kg_source_set(p, "btf", KG_SOURCE_MISSING, 0, text,
			      "arguments of functions, members of structs and byte orders are not known", NULL);
	}
	return p->btf;
}

struct kg_btf *kg_profile_module_btf(struct kg_profile *p, const char *module)
{
	gpointer found;

	if (!module || !strcmp(module, "vmlinux"))
		return kg_profile_btf(p);
	if (g_hash_table_lookup_extended(p->module_btf, module, NULL, &found))
		return found;
	struct kg_btf *base = kg_profile_btf(p), *b = NULL;

	for (guint i = 0; base && i < p->modules->len; i++) {
		if (strcmp(g_ptr_array_index(p->modules, i), module))
			continue;
		g_autoptr(GBytes) data = read_btf(p, module);
		gsize size;
		const void *d = data ? g_bytes_get_data(data, &size) : NULL;

		b = d ? kg_btf_new(d, size, base, NULL) : NULL;
		if (!b) {
			g_autofree char *why = g_strdup_printf("the BTF of module %s is damaged", module);

			kg_source_set(p, "modules", KG_SOURCE_PARTIAL, p->modules->len, why,
				      "types and arguments of that module are not known", NULL);
		}
	}
	g_hash_table_insert(p->module_btf, g_strdup(module), b);
	return b;
}

struct kg_btf *kg_profile_find_type(struct kg_profile *p, const char *name, unsigned kind, const char *module, uint32_t *ret_id)
{
	struct kg_btf *b = kg_profile_module_btf(p, module);

	if (b && (*ret_id = kg_btf_find(b, name, kind)))
		return b;
	if (b && module && (b = kg_profile_btf(p)) && (*ret_id = kg_btf_find(b, name, kind)))
		return b;
	for (guint i = 0; !module && i < p->modules->len; i++) {
		b = kg_profile_module_btf(p, g_ptr_array_index(p->modules, i));
		if (b && (*ret_id = kg_btf_find(b, name, kind)))
			return b;
	}
	return NULL;
}

static void names_of(const struct kg_btf *b, unsigned kind, const char *prefix, const char *module, GPtrArray *names)
{
	for (uint32_t id = b->first; id < b->end; id++) {
		const struct btf_type *t = btf__type_by_id(b->btf, id);

		if (btf_kind(t) != kind || !t->name_off)
			continue;
		const char *name = btf__str_by_offset(b->btf, t->name_off);

		if (g_str_has_prefix(name, prefix))
			g_ptr_array_add(names, module ? g_strdup_printf("%s [%s]", name, module) : g_strdup(name));
	}
}

void kg_btf_names(struct kg_profile *p, unsigned kind, const char *prefix, GPtrArray *names)
{
	struct kg_btf *b = kg_profile_btf(p);

	if (b)
		names_of(b, kind, prefix, NULL, names);
	for (guint i = 0; b && i < p->modules->len; i++) {
		const char *module = g_ptr_array_index(p->modules, i);
		struct kg_btf *m = kg_profile_module_btf(p, module);

		if (m)
			names_of(m, kind, prefix, module, names);
	}
}

void kg_gather_btf(struct kg_profile *p)
{
	g_autoptr(GDir) dir = g_dir_open("/sys/kernel/btf", 0, NULL);
	const char *name;

	kg_profile_btf(p);
	while (dir && (name = g_dir_read_name(dir)))
		if (strcmp(name, "vmlinux"))
			g_ptr_array_add(p->modules, g_strdup(name));
	kg_source_set(p, "modules", KG_SOURCE_OK, p->modules->len, NULL, NULL, NULL);
}
