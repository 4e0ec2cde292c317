/*
 * A kernel image as x86 distributions ship it (bzImage). Its header is at fixed places; the release is the first word of a text that the
 * header points to. Source: Documentation/arch/x86/boot.rst, "kernel_version" (protocol 2.00).
 */
#include "internal.h"

#include <string.h>

#define MAGIC_AT 0x202
#define VERSION_AT 0x20e
#define RELEASE_MAX 64

char *vmlinuz_release(const void *data, gsize len)
{
	const guint8 *d = data;

	if (len < 0x210 || memcmp(d + MAGIC_AT, "HdrS", 4))
		return NULL;
	gsize at = 0x200u + (gsize)(d[VERSION_AT] | d[VERSION_AT + 1] << 8);
	gsize n = 0;

	while (at + n < len && n < RELEASE_MAX && (g_ascii_isalnum(d[at + n]) || (d[at + n] && strchr("._+~-", d[at + n]))))
		n++;
	if (!n || !g_ascii_isdigit(d[at]) || at + n >= len || (d[at + n] != ' ' && d[at + n] != '\0'))
		return NULL;
	return g_strndup((const char *)d + at, n);
}
