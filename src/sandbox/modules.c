/*
 * A kernel's modules. Which are wanted is data (data/sandbox/modules); what they depend on is said by each module itself, in its section
 * .modinfo: strings like "depends=virtio,virtio_ring" with a NUL behind each. So neither depmod nor its files are needed.
 *
 * In file names and in "depends=" a '-' is the same as a '_'. Debian packs modules with xz since 6.12, Ubuntu with zstd.
 */
#include "internal.h"

#include <kgent/paths.h>
#include <kgent/text.h>

#include <errno.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODULE_MAX (64u << 20)
#define DEPTH_MAX 16

static const struct {
	const char *suffix, *program, *package;
} packings[] = {{".ko", NULL, NULL}, {".ko.xz", "xz", "xz-utils"}, {".ko.zst", "zstd", "zstd"}, {".ko.gz", "gzip", "gzip"}};

/* --- one module --- */

static Elf_Data *find_section(Elf *elf, const char *wanted)
{
	size_t names = 0;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((scn = elf_nextscn(elf, scn))) {
		const char *name = gelf_getshdr(scn, &sh) ? elf_strptr(elf, names, sh.sh_name) : NULL;

		if (name && !strcmp(name, wanted))
			return elf_rawdata(scn, NULL);
	}
	return NULL;
}

static void split_names(const char *list, GPtrArray *names)
{
	g_auto(GStrv) parts = g_strsplit(list, ",", 256);

	for (int i = 0; parts[i]; i++)
		if (*g_strstrip(parts[i]))
			g_ptr_array_add(names, g_strdelimit(g_strdup(parts[i]), "-", '_'));
}

GPtrArray *modules_depends(const void *data, gsize len)
{
	GPtrArray *names = NULL;

	elf_version(EV_CURRENT);
	Elf *elf = elf_memory((char *)data, len);
	Elf_Data *info = find_section(elf, ".modinfo");

	if (info && info->d_buf) {
		const char *s = info->d_buf, *end = s + info->d_size;

		names = g_ptr_array_new_with_free_func(g_free);
		while (s < end) {
			gsize n = strnlen(s, (gsize)(end - s));
			g_autofree char *one = g_strndup(s, n);

			if (g_str_has_prefix(one, "depends="))
				split_names(one + 8, names);
			s += n + 1;
		}
	}
	elf_end(elf);
	return names;
}

/* --- all of a kernel's --- */

/* From the module's name to its file. */
static void index_dir(const char *dir, int depth, GHashTable *files)
{
	g_autoptr(GDir) d = depth < DEPTH_MAX ? g_dir_open(dir, 0, NULL) : NULL;

	for (const char *name; d && (name = g_dir_read_name(d));) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		for (gsize i = 0; i < G_N_ELEMENTS(packings); i++)
			if (g_str_has_suffix(name, packings[i].suffix))
				g_hash_table_insert(files, g_strdelimit(g_strndup(name, strlen(name) - strlen(packings[i].suffix)), "-", '_'),
						    g_strdup(path));
		if (g_file_test(path, G_FILE_TEST_IS_DIR) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
			index_dir(path, depth + 1, files);
	}
}

static int unpack(const char *path, GString **ret, struct kg_error *err)
{
	for (gsize i = 1; i < G_N_ELEMENTS(packings); i++) {
		const char *argv[] = {packings[i].program, "-dc", "--", path, NULL};
		struct tool_call call = {.argv = argv, .timeout_ms = 30000, .max = MODULE_MAX, .package = packings[i].package};

		if (g_str_has_suffix(path, packings[i].suffix))
			return tool_run(&call, ret, err);
	}
	gsize len;
	char *data = tree_read(path, MODULE_MAX, &len);

	if (!data)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be read: %s", path, g_strerror(errno));
	*ret = g_string_new_len(data, (gssize)len);
	g_free(data);
	return 0;
}

struct copying {
	GHashTable *files; /* name -> path */
	GHashTable *done;
	const char *to;
	GString *list;
	guint n;
};

static int copy_one(struct copying *c, const char *name, const char *parameters, int depth, struct kg_error *err);

static int copy_needed(struct copying *c, const GString *module, int depth, struct kg_error *err)
{
	g_autoptr(GPtrArray) needed = modules_depends(module->str, module->len);
	int r = 0;

	for (guint i = 0; needed && i < needed->len && !r; i++)
		if (g_hash_table_contains(c->files, needed->pdata[i])) /* otherwise it is built in */
			r = copy_one(c, needed->pdata[i], "", depth + 1, err);
	return r;
}

static int copy_one(struct copying *c, const char *name, const char *parameters, int depth, struct kg_error *err)
{
	const char *path = g_hash_table_lookup(c->files, name);
	g_autofree char *file = g_strconcat(name, ".ko", NULL), *to = g_build_filename(c->to, file, NULL);
	GString *module;

	if (!path || depth > DEPTH_MAX || g_hash_table_contains(c->done, name))
		return 0;
	g_hash_table_add(c->done, g_strdup(name));
	int r = unpack(path, &module, err);

	if (r)
		return r;
	r = copy_needed(c, module, depth, err);
	if (!r)
		r = tree_write(to, module->str, module->len, err);
	g_string_free(module, TRUE);
	if (!r) {
		g_string_append_printf(c->list, "%s%s%s\n", file, *parameters ? " " : "", parameters);
		c->n++;
	}
	return r;
}

/* "brd rd_nr=1" -> the name with '_' and the parameters, which are borrowed. */
static char *split_wanted(const char *line, const char **ret_parameters)
{
	gsize n = strcspn(line, " \t");

	*ret_parameters = line + n + strspn(line + n, " \t");
	return g_strdelimit(g_strndup(line, n), "-", '_');
}

static int copy_list(struct copying *c, const GPtrArray *wanted, const char *const *asked, struct kg_error *err)
{
	int r = 0;

	for (guint i = 0; i < wanted->len && !r; i++) {
		const char *parameters;
		g_autofree char *name = split_wanted(wanted->pdata[i], &parameters);

		r = copy_one(c, name, parameters, 0, err);
	}
	for (gsize i = 0; asked && asked[i] && !r; i++) {
		const char *parameters;
		g_autofree char *name = split_wanted(asked[i], &parameters);

		if (!g_hash_table_contains(c->files, name)) {
			r = kg_error_set(err, KG_E_NOTFOUND, STAGE, "this kernel has no module %s", name);
			kg_error_hint(err, "small kernels for virtual machines leave many out; the full package may have it, or it is built in");
		} else {
			r = copy_one(c, name, parameters, 0, err);
		}
	}
	return r;
}

int modules_copy(const char *from, const GPtrArray *wanted, const char *const *asked, const char *to, guint *ret_n, struct kg_error *err)
{
	g_autoptr(GHashTable) found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GHashTable) done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GString) list = g_string_new(NULL);
	struct copying c = {found, done, to, list, 0};
	g_autofree char *list_path = g_build_filename(to, "list", NULL);

	if (from)
		index_dir(from, 0, found);
	if (mkdir(to, 0700) && errno != EEXIST)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", to, g_strerror(errno));
	int r = copy_list(&c, wanted, asked, err);

	if (!r)
		r = tree_write(list_path, list->str, list->len, err);
	*ret_n = c.n;
	return r;
}

GPtrArray *modules_wanted(void)
{
	GPtrArray *wanted = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) dirs = kg_paths_data("sandbox");

	for (int i = 0; dirs[i]; i++) {
		g_autofree char *path = g_build_filename(dirs[i], "modules", NULL), *text = tree_read(path, 1 << 20, NULL);
		g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

		for (int k = 0; lines[k]; k++) {
			lines[k][strcspn(lines[k], "#")] = '\0';
			if (*g_strstrip(lines[k]))
				g_ptr_array_add(wanted, g_strdup(lines[k]));
		}
	}
	return wanted;
}
