/*
 * The configuration that the kernel was built with: /proc/config.gz (CONFIG_IKCONFIG_PROC), or the file that distributions
 * install as /boot/config-RELEASE. Only "CONFIG_X=value" lines are kept; a symbol that has none is not set.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define CONFIG_MAX (8u << 20)

/* A whole gzip file, or a plain one: zlib reads both. NULL if it can't be read or is damaged. */
static GString *read_gz(const char *path)
{
	gzFile gz = gzopen(path, "rbe");

	if (!gz)
		return NULL;
	GString *out = g_string_sized_new(1u << 18);
	char buf[16384];
	int n;

	while ((n = gzread(gz, buf, sizeof(buf))) > 0 && out->len < CONFIG_MAX)
		g_string_append_len(out, buf, n);
	if (gzclose(gz) != Z_OK || n < 0 || out->len >= CONFIG_MAX) {
		g_string_free(out, TRUE);
		return NULL;
	}
	return out;
}

static GBytes *set_lines(const char *text, guint *ret_n)
{
	GString *out = g_string_new(NULL);

	*ret_n = 0;
	for (const char *s = text, *nl; *s; s = *nl ? nl + 1 : nl) {
		nl = s + strcspn(s, "\n");
		if (g_str_has_prefix(s, "CONFIG_") && memchr(s, '=', (gsize)(nl - s))) {
			g_string_append_len(out, s, nl - s);
			g_string_append_c(out, '\n');
			(*ret_n)++;
		}
	}
	return g_string_free_to_bytes(out);
}

void kg_gather_config(struct kg_profile *p)
{
	g_autofree char *boot = g_strdup_printf("/boot/config-%s", p->release);
	g_autofree char *lib = g_strdup_printf("/lib/modules/%s/config", p->release);
	const char *const paths[] = {"/proc/config.gz", boot, lib};

	for (gsize i = 0; i < G_N_ELEMENTS(paths); i++) {
		GString *text = read_gz(paths[i]);
		guint n = 0;

		if (!text)
			continue;
		g_autoptr(GBytes) lines = set_lines(text->str, &n);

		g_string_free(text, TRUE);
		if (!n)
			continue;
		p->texts[KG_TEXT_CONFIG] = g_steal_pointer(&lines);
		kg_source_set(p, "config", KG_SOURCE_OK, n, NULL, NULL, NULL);
		return;
	}
	g_autofree char *why = g_strdup_printf("neither /proc/config.gz nor %s can be read", boot);

	kg_source_set(p, "config", KG_SOURCE_MISSING, 0, why,
		      "why a kind of attach point can't be used is sometimes not known", "sudo modprobe configs");
}

enum kg_answer kg_profile_config(const struct kg_profile *p, const char *symbol)
{
	gsize len;
	const char *text = p->texts[KG_TEXT_CONFIG] ? g_bytes_get_data(p->texts[KG_TEXT_CONFIG], &len) : NULL;

	if (!text || !len)
		return KG_UNKNOWN;
	g_autofree char *line = g_strdup_printf("CONFIG_%s=", symbol);
	gsize n = strlen(line);
	const char *end = text + len;

	for (const char *s = text; (s = memmem(s, (gsize)(end - s), line, n)); s += n)
		if ((s == text || s[-1] == '\n') && s + n < end)
			return s[n] != 'n' && s[n] != '\n' ? KG_YES : KG_NO;
	return KG_NO;
}
