/* ELF files that lie about their symbols and notes. */
#include "../../src/kernel/internal.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);

	g_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	g_autoptr(GPtrArray) functions = kg_elf_functions(path), usdt = kg_elf_usdt(path);

	for (guint i = 0; i < functions->len && i < 5; i++)
		g_assert(kg_elf_has_symbol(path, g_ptr_array_index(functions, i)) == KG_YES);
	kg_elf_has_usdt(path, "libc", "setjmp");
	close(fd);
	return 0;
}
