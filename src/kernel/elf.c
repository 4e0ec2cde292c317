/*
 * Does a program or library have this function, this USDT probe? Read from the ELF file itself through libelf, which takes care of
 * what a damaged file says about its own size.
 *
 * USDT probes are notes of type 3 and owner "stapsdt" in .note.stapsdt: three addresses (of the file's word size), then provider, name and
 * arguments as strings. Source: https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation
 */
#include "internal.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	int fd;
	Elf *elf;
};

static gboolean file_open(struct file *f, const char *path)
{
	struct stat st;

	f->elf = NULL;
	f->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0)
		return FALSE;
	if (!fstat(f->fd, &st) && S_ISREG(st.st_mode) && elf_version(EV_CURRENT) != EV_NONE)
		f->elf = elf_begin(f->fd, ELF_C_READ, NULL);
	if (f->elf && elf_kind(f->elf) == ELF_K_ELF)
		return TRUE;
	elf_end(f->elf);
	close(f->fd);
	return FALSE;
}

static void file_close(struct file *f)
{
	elf_end(f->elf);
	close(f->fd);
}

/* Call [visit] for each function that a symbol table defines, until it returns TRUE. */
static gboolean each_symbol(Elf *elf, gboolean (*visit)(const char *name, void *arg), void *arg)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(elf, scn))) {
		GElf_Shdr sh;
		Elf_Data *data;

		if (!gelf_getshdr(scn, &sh) || (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM) || !sh.sh_entsize ||
		    !(data = elf_getdata(scn, NULL)))
			continue;
		int n = (int)MIN(data->d_size / sh.sh_entsize, (size_t)G_MAXINT32);

		for (int i = 0; i < n; i++) {
			GElf_Sym sym;

			if (!gelf_getsym(data, i, &sym))
				break;
			unsigned type = GELF_ST_TYPE(sym.st_info);
			const char *name = sym.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) ? NULL :
					   elf_strptr(elf, sh.sh_link, sym.st_name);

			if (name && *name && visit(name, arg))
				return TRUE;
		}
	}
	return FALSE;
}

static gboolean is_symbol(const char *name, void *arg)
{
	return !strcmp(name, arg);
}

enum kg_answer kg_elf_has_symbol(const char *path, const char *name)
{
	struct file f;

	if (!file_open(&f, path))
		return KG_UNKNOWN;
	enum kg_answer a = each_symbol(f.elf, is_symbol, (void *)name) ? KG_YES : KG_NO;

	file_close(&f);
	return a;
}

static gboolean collect(const char *name, void *arg)
{
	g_hash_table_add(arg, g_strdup(name));
	return FALSE;
}

GPtrArray *kg_elf_functions(const char *path)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	struct file f;

	if (!file_open(&f, path))
		return out;
	GHashTable *owned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter it;
	gpointer key;

	each_symbol(f.elf, collect, owned);
	file_close(&f);
	g_hash_table_iter_init(&it, owned);
	while (g_hash_table_iter_next(&it, &key, NULL)) {
		g_ptr_array_add(out, key);
		g_hash_table_iter_steal(&it);
	}
	g_hash_table_unref(owned);
	return out;
}

/* The string at s inside [s, end), or NULL if no NUL ends it. */
static const char *string_in(const char *s, const char *end)
{
	return s < end && memchr(s, '\0', (gsize)(end - s)) ? s : NULL;
}

static void note_names(const char *desc, gsize size, gsize word, GPtrArray *out)
{
	const char *end = desc + size, *provider = size > 3 * word ? string_in(desc + 3 * word, end) : NULL;
	const char *name = provider ? string_in(provider + strlen(provider) + 1, end) : NULL;

	if (name)
		g_ptr_array_add(out, g_strdup_printf("%s:%s", provider, name));
}

static void section_notes(Elf *elf, Elf_Data *data, GPtrArray *out)
{
	gsize word = gelf_getclass(elf) == ELFCLASS32 ? 4 : 8;
	size_t off = 0, next, name_off, desc_off;
	GElf_Nhdr nh;

	while (off < data->d_size && (next = gelf_getnote(data, off, &nh, &name_off, &desc_off)) > 0) {
		const char *base = data->d_buf;

		if (nh.n_type == 3 && nh.n_namesz == 8 && name_off + 8 <= data->d_size && !memcmp(base + name_off, "stapsdt", 8) &&
		    desc_off <= data->d_size && nh.n_descsz <= data->d_size - desc_off)
			note_names(base + desc_off, nh.n_descsz, word, out);
		off = next;
	}
}

GPtrArray *kg_elf_usdt(const char *path)
{
	GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
	Elf_Scn *scn = NULL;
	struct file f;
	size_t names;

	if (!file_open(&f, path)) {
		g_ptr_array_unref(out);
		return NULL;
	}
	if (elf_getshdrstrndx(f.elf, &names) < 0)
		names = 0;
	while ((scn = elf_nextscn(f.elf, scn))) {
		GElf_Shdr sh;
		const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(f.elf, names, sh.sh_name) : NULL;
		Elf_Data *data;

		if (name && !strcmp(name, ".note.stapsdt") && sh.sh_type == SHT_NOTE && (data = elf_getdata(scn, NULL)))
			section_notes(f.elf, data, out);
	}
	file_close(&f);
	return out;
}

enum kg_answer kg_elf_has_usdt(const char *path, const char *provider, const char *name)
{
	g_autoptr(GPtrArray) probes = kg_elf_usdt(path);

	for (guint i = 0; probes && i < probes->len; i++) {
		const char *probe = g_ptr_array_index(probes, i), *colon = strchr(probe, ':');

		if (!strcmp(colon + 1, name) && (!provider || (strlen(provider) == (gsize)(colon - probe) &&
							       !memcmp(probe, provider, (gsize)(colon - probe)))))
			return KG_YES;
	}
	return probes ? KG_NO : KG_UNKNOWN;
}
