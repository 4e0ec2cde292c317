/*
 * Objects: who made the file, and whether what was read of it can be relied on.
 */
#include "internal.h"

#include <kgent/isa.h>
#include <kgent/profile.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>

#define MAX_FILE (64u << 20)
#define MAX_INSNS 1000000u

const char *kg_map_type_name(uint32_t type)
{
	return type == BPF_MAP_TYPE_UNSPEC ? NULL : libbpf_bpf_map_type_str(type);
}

static void map_free(gpointer data)
{
	struct kg_map *m = data;

	g_free(m->name);
	if (m->initial)
		g_bytes_unref(m->initial);
	g_free(m);
}

static void program_free(gpointer data)
{
	struct kg_bpf_program *p = data;

	g_free(p->name);
	g_free(p->section);
	g_free(p->attach);
	g_free(p->insns);
	if (p->lines)
		g_array_unref(p->lines);
	g_free(p);
}

struct kg_object *kg_object_free(struct kg_object *object)
{
	if (!object)
		return NULL;
	g_clear_pointer(&object->programs, g_ptr_array_unref);
	g_clear_pointer(&object->maps, g_ptr_array_unref);
	g_clear_pointer(&object->kfuncs, g_ptr_array_unref);
	g_clear_pointer(&object->file, g_bytes_unref);
	g_clear_pointer(&object->strings, g_string_chunk_free);
	btf__free(object->btf);
	g_free(object);
	return NULL;
}

static struct kg_object *object_new(GBytes *file)
{
	struct kg_object *o = g_new0(struct kg_object, 1);

	o->programs = g_ptr_array_new_with_free_func(program_free);
	o->maps = g_ptr_array_new_with_free_func(map_free);
	o->strings = g_string_chunk_new(1024);
	o->file = g_bytes_ref(file);
	return o;
}

struct kg_bpf_program *object_program_new(struct kg_object *object, const char *name, const char *section, const struct bpf_insn *insns, gsize n)
{
	struct kg_bpf_program *p = g_new0(struct kg_bpf_program, 1);

	p->name = g_strdup(name);
	p->section = g_strdup(section);
	p->insns = g_memdup2(insns, n * sizeof(*insns));
	p->n_insns = (guint)n;
	p->lines = g_array_new(FALSE, FALSE, sizeof(struct kg_insn_line));
	g_ptr_array_add(object->programs, p);
	return p;
}

struct kg_map *object_map_new(struct kg_object *object, const char *name)
{
	struct kg_map *m = g_new0(struct kg_map, 1);

	m->name = g_strdup(name);
	g_ptr_array_add(object->maps, m);
	return m;
}

static int check_maps(const struct kg_object *object, const struct kg_bpf_program *p, struct kg_error *err)
{
	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc])) {
		const struct bpf_insn *i = &p->insns[pc];

		if (kg_isa_slots(i) == 2 && (i->src_reg == BPF_PSEUDO_MAP_FD || i->src_reg == BPF_PSEUDO_MAP_VALUE) &&
		    (i->imm < 0 || (guint)i->imm >= object->maps->len))
			return kg_error_set(err, KG_E_PARSE, STAGE, "program %s, instruction %u: there is no map %d", p->name, pc, i->imm);
	}
	return 0;
}

static int check_programs(const struct kg_object *object, struct kg_error *err)
{
	if (!object->programs->len)
		return kg_error_set(err, KG_E_PARSE, STAGE, "the object has no program");
	for (guint i = 0; i < object->programs->len; i++) {
		const struct kg_bpf_program *p = g_ptr_array_index(object->programs, i);
		_cleanup_error_ struct kg_error why = {0};
		int r;

		if (p->n_insns > MAX_INSNS)
			return kg_error_set(err, KG_E_LIMIT, STAGE, "program %s has more than %u instructions", p->name, MAX_INSNS);
		r = kg_isa_validate(p->insns, p->n_insns, &why);
		if (r < 0)
			return kg_error_set(err, -r, STAGE, "program %s: %s", p->name, why.msg);
		if (check_maps(object, p, err) < 0)
			return -KG_E_PARSE;
	}
	return 0;
}

/* bpftrace's objects up to 0.17 have neither types nor maps. */
static gboolean is_bpftrace(const struct elf_file *f)
{
	gboolean has_code = FALSE;

	if (elf_file_find(f, ".BTF") || elf_file_find(f, ".maps") || elf_file_find(f, "maps"))
		return FALSE;
	for (guint i = 0; i < f->sections->len; i++) {
		const struct elf_section *s = &g_array_index(f->sections, struct elf_section, i);

		has_code = has_code || (s->is_code && g_str_has_prefix(s->name, "s_"));
	}
	return has_code;
}

static void read_types(const struct elf_file *f, struct kg_object *object)
{
	const struct elf_section *s = elf_file_find(f, ".BTF");

	if (s && s->size)
		object->btf = kg_btf_read(s->data, s->size, NULL);
}

static int read_any(const struct elf_file *f, GBytes *elf, struct kg_profile *profile, struct kg_object *object, struct kg_error *err)
{
	g_autofree char *btf_path = profile ? kg_profile_btf_path(profile) : g_strdup("/sys/kernel/btf/vmlinux");
	int r;

	object->is_bpftrace = is_bpftrace(f);
	if (object->is_bpftrace) {
		r = bpftrace_read(f, object, err);
	} else {
		read_types(f, object);
		r = clang_read(elf, f, btf_path, object, err);
	}
	return r < 0 ? r : check_programs(object, err);
}

int kg_object_read(GBytes *elf, struct kg_profile *profile, struct kg_object **ret, struct kg_error *err)
{
	struct elf_file f = {0};
	struct kg_object *object;
	int r;

	if (g_bytes_get_size(elf) > MAX_FILE)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "the object is larger than %u MiB", MAX_FILE >> 20);
	r = elf_file_open(elf, &f, err);
	if (r < 0)
		return r;
	object = object_new(elf);
	r = read_any(&f, elf, profile, object, err);
	elf_file_clear(&f);
	if (r < 0) {
		kg_object_free(object);
		return r;
	}
	*ret = object;
	return 0;
}

/* ---------------------------------------------------------------- variables */

static void take_variables(const struct btf *btf, const struct btf_type *section, GArray *ret)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section);

	for (guint i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);
		struct kg_variable v = {.offset = info[i].offset, .size = info[i].size};
		if (!var || !btf_is_var(var))
			continue;
		v.name = btf__name_by_offset(btf, var->name_off);
		if (v.name)
			g_array_append_val(ret, v);
	}
}

GArray *kg_object_variables(const struct kg_object *object, const char *section)
{
	GArray *ret = g_array_new(FALSE, FALSE, sizeof(struct kg_variable));
	guint n = object->btf ? btf__type_cnt(object->btf) : 0;

	for (guint id = 1; id < n; id++) {
		const struct btf_type *type = btf__type_by_id(object->btf, id);
		if (btf_is_datasec(type) && !g_strcmp0(btf__name_by_offset(object->btf, type->name_off), section))
			take_variables(object->btf, type, ret);
	}
	return ret;
}
