/*
 * The sections of an ELF file, through libelf. Nothing is copied: names and data lie in the file.
 */
#include "internal.h"

#include <gelf.h>
#include <string.h>

#define MAX_SECTIONS 20000
#ifndef EM_BPF
#define EM_BPF 247
#endif

static int check_header(GBytes *file, struct kg_error *err)
{
	gsize size;
	const unsigned char *d = g_bytes_get_data(file, &size);
	Elf64_Ehdr header;

	if (size < EI_NIDENT || memcmp(d, ELFMAG, SELFMAG))
		return kg_error_set(err, KG_E_PARSE, STAGE, "not an ELF file");
	if (d[EI_CLASS] != ELFCLASS64 || d[EI_DATA] != ELFDATA2LSB)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "only 64-bit little-endian objects are read");
	if (size < sizeof(header))
		return kg_error_set(err, KG_E_PARSE, STAGE, "the ELF file is cut off");
	memcpy(&header, d, sizeof(header));
	if (header.e_machine != EM_BPF)
		return kg_error_set(err, KG_E_PARSE, STAGE, "an ELF file for another machine (%u), not for BPF (%u)", header.e_machine, EM_BPF);
	if (header.e_type != ET_REL)
		return kg_error_set(err, KG_E_PARSE, STAGE, "not a relocatable object");
	return 0;
}

static void read_functions(Elf *elf, Elf_Scn *scn, const GElf_Shdr *header, GHashTable *functions)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	gsize n = data && header->sh_entsize ? data->d_size / sizeof(Elf64_Sym) : 0;
	GElf_Sym symbol;

	for (gsize i = 0; i < n && i < G_MAXINT; i++) {
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol) || GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value)
			continue;
		name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (name && !g_hash_table_contains(functions, GUINT_TO_POINTER(symbol.st_shndx)))
			g_hash_table_insert(functions, GUINT_TO_POINTER(symbol.st_shndx), (gpointer)name);
	}
}

static void read_section(struct elf_file *f, Elf *elf, Elf_Scn *scn, size_t names)
{
	GElf_Shdr header;
	struct elf_section s = {.index = elf_ndxscn(scn)};

	if (!gelf_getshdr(scn, &header))
		return;
	s.name = elf_strptr(elf, names, header.sh_name);
	if (!s.name)
		return;
	if (header.sh_type == SHT_SYMTAB)
		read_functions(elf, scn, &header, f->functions);
	if (header.sh_type == SHT_PROGBITS) {
		Elf_Data *data = elf_rawdata(scn, NULL);

		s.data = data ? data->d_buf : NULL;
		s.size = data && data->d_buf ? data->d_size : 0;
		s.is_code = (header.sh_flags & SHF_EXECINSTR) != 0;
		g_array_append_val(f->sections, s);
	}
}

int elf_file_open(GBytes *file, struct elf_file *ret, struct kg_error *err)
{
	struct elf_file f = {0};
	Elf_Scn *scn = NULL;
	size_t names;
	gsize size;
	char *data = (char *)g_bytes_get_data(file, &size); /* libelf does not write to what it only reads */
	int r = check_header(file, err);

	if (r < 0)
		return r;
	elf_version(EV_CURRENT);
	f.elf = elf_memory(data, size);
	if (!f.elf || elf_getshdrstrndx(f.elf, &names)) {
		r = kg_error_set(err, KG_E_PARSE, STAGE, "the ELF file is damaged: %s", elf_errmsg(-1));
		if (f.elf)
			elf_end(f.elf);
		return r;
	}
	f.sections = g_array_new(FALSE, FALSE, sizeof(struct elf_section));
	f.functions = g_hash_table_new(NULL, NULL);
	while ((scn = elf_nextscn(f.elf, scn)) && elf_ndxscn(scn) < MAX_SECTIONS)
		read_section(&f, f.elf, scn, names);
	*ret = f;
	return 0;
}

void elf_file_clear(struct elf_file *f)
{
	if (f->sections)
		g_array_unref(f->sections);
	if (f->functions)
		g_hash_table_unref(f->functions);
	if (f->elf)
		elf_end(f->elf);
	*f = (struct elf_file){0};
}

const struct elf_section *elf_file_find(const struct elf_file *f, const char *name)
{
	for (guint i = 0; i < f->sections->len; i++) {
		const struct elf_section *s = &g_array_index(f->sections, struct elf_section, i);

		if (!strcmp(s->name, name))
			return s;
	}
	return NULL;
}
