/*
 * The libraries that a program needs, as the host's own dynamic loader finds them: `ld.so --list PROGRAM` prints
 *
 *	linux-vdso.so.1 (0x00007ffd1a3f2000)
 *	libbpf.so.1 => /lib/x86_64-linux-gnu/libbpf.so.1 (0x00007f2c1a200000)
 *	/lib64/ld-linux-x86-64.so.2 (0x00007f2c1a6d1000)
 */
#include "internal.h"

#include <kgent/text.h>

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <unistd.h>

GPtrArray *closure_parse(const char *text, gsize len)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	const char *s = text, *end = text + len;
	struct kg_text_line line;

	while (kg_text_next_line(&s, end, &line)) {
		g_autofree char *copy = g_strndup(line.s, line.len);
		char *arrow = strstr(copy, "=> "), *path = g_strstrip(arrow ? arrow + 3 : copy), *paren = strstr(path, " (0x");

		if (paren)
			*paren = '\0';
		if (*path == '/' && !g_ptr_array_find_with_equal_func(paths, path, g_str_equal, NULL))
			g_ptr_array_add(paths, g_strdup(path));
	}
	return paths;
}

static char *interpreter_of(Elf *elf)
{
	size_t n = 0;
	GElf_Phdr ph;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getphdrnum(elf, &n))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_INTERP || ph.p_filesz > 4096)
			continue;
		Elf_Data *d = elf_getdata_rawchunk(elf, (off_t)ph.p_offset, ph.p_filesz, ELF_T_BYTE);

		return d && d->d_buf ? g_strndup(d->d_buf, d->d_size) : NULL;
	}
	return NULL;
}

char *closure_interpreter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	char *interpreter = interpreter_of(elf);

	elf_end(elf);
	close(fd);
	errno = 0;
	return interpreter;
}

int closure_of(const char *program, GPtrArray **ret, struct kg_error *err)
{
	g_autofree char *interpreter = closure_interpreter(program);
	const char *argv[] = {interpreter, "--list", program, NULL};
	struct tool_call call = {.argv = argv, .timeout_ms = 10000, .max = 1 << 20};
	GString *text;

	if (!interpreter && errno)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be read: %s", program, g_strerror(errno));
	if (!interpreter) {
		*ret = g_ptr_array_new_with_free_func(g_free);
		return 0;
	}
	int r = tool_run(&call, &text, err);

	if (r)
		return r;
	*ret = closure_parse(text->str, text->len);
	if (strstr(text->str, "=> not found"))
		r = kg_error_set(err, KG_E_TOOL, STAGE, "%s lacks a library on this machine", program);
	g_string_free(text, TRUE);
	if (!g_ptr_array_find_with_equal_func(*ret, interpreter, g_str_equal, NULL))
		g_ptr_array_add(*ret, g_steal_pointer(&interpreter));
	if (r)
		g_clear_pointer(ret, g_ptr_array_unref);
	return r;
}
