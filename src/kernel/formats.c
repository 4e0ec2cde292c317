/*
 * Tracepoints and their fields, from the format files of tracefs:
 *
 *   name: inet_sock_set_state
 *   ID: 2287
 *   format:
 *   	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
 *   	...
 *   	field:const void * skaddr;	offset:8;	size:8;	signed:0;
 *   	field:__u8 saddr[4];	offset:32;	size:4;	signed:0;
 *   	field:__data_loc char[] name;	offset:36;	size:4;	signed:0;
 *
 *   print fmt: ...
 *
 * A field is believed only if its numbers fit a record; one that does not damages the whole format, because a program built
 * from the rest could read the wrong bytes. Source: kernel/trace/trace_events.c, f_show(), Linux 4.7 to 6.18.
 */
#include "internal.h"

#include <kgent/text.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FORMAT_MAX (1u << 20)
#define RECORD_MAX 65536 /* bytes; a record never exceeds a page of the ring buffer, which is at most 64 KiB */

/* The text behind "key:" up to ';' as a number; FALSE if it is not there or not a number from 0 to max. */
static gboolean number(const char *line, gsize len, const char *key, long max, long *ret)
{
	gsize klen = strlen(key);
	const char *at = memmem(line, len, key, klen), *end = line + len, *s;
	long n = 0;

	if (!at)
		return FALSE;
	for (s = at + klen; s < end && g_ascii_isdigit(*s); s++) {
		n = n * 10 + (*s - '0');
		if (n > max)
			return FALSE;
	}
	if (s == at + klen || s == end || *s != ';')
		return FALSE;
	*ret = n;
	return TRUE;
}

static gboolean is_byte(const char *type)
{
	static const char *const bytes[] = {"char", "const char", "unsigned char", "signed char", "u8", "__u8", "s8", "__s8", "uint8_t"};

	for (gsize i = 0; i < G_N_ELEMENTS(bytes); i++)
		if (!strcmp(type, bytes[i]))
			return TRUE;
	return FALSE;
}

/* "char prev_comm[16]", "__data_loc char[] name", "const void * skaddr" become type, name and length of the array. */
static gboolean declaration(struct kg_profile *p, char *decl, long size, struct kg_field *f)
{
	char *bracket = NULL;
	gsize len = strlen(decl);

	if (len && decl[len - 1] == ']') {
		bracket = strrchr(decl, '[');
		if (!bracket)
			return FALSE;
	}
	char *end = bracket ? bracket : decl + len, *name = end;

	while (name > decl && (g_ascii_isalnum(name[-1]) || name[-1] == '_'))
		name--;
	if (name == end || name == decl || g_ascii_isdigit(*name))
		return FALSE;
	g_autofree char *copy = g_strndup(name, (gsize)(end - name));
	g_autofree char *array = g_strdup(bracket ? bracket : "");

	*name = '\0';
	g_strchomp(decl);
	if (!*decl)
		return FALSE;
	f->name = kg_profile_str(p, copy);
	gboolean is_loc = g_str_has_prefix(decl, "__data_loc ") || g_str_has_prefix(decl, "__rel_loc ");
	/* Some kernels show a macro's name or sizeof() between the brackets; the size of an array of bytes tells. */
	if (*array && !is_loc && !g_ascii_isdigit(array[1]) && is_byte(decl)) {
		g_free(array);
		array = g_strdup_printf("[%ld]", size);
	}
	g_autofree char *type = g_strconcat(decl, array, NULL);

	f->type = kg_profile_str(p, type);
	f->is_dynamic = is_loc;
	if (*array) {
		guint64 n = g_ascii_isdigit(array[1]) ? g_ascii_strtoull(array + 1, NULL, 10) : 0;

		if (n > RECORD_MAX)
			return FALSE;
		f->array_len = (uint32_t)n;
	}
	f->is_pointer = !*array && !is_loc && decl[strlen(decl) - 1] == '*';
	return TRUE;
}

static gboolean is_word(const char *type, const char *word)
{
	gsize n = strlen(word);
	const char *at = strstr(type, word);

	return at && (at == type || at[-1] == ' ') && !(g_ascii_isalnum(at[n]) || at[n] == '_');
}

static gboolean is_text(const struct kg_field *f)
{
	const char *t = f->type;

	t += g_str_has_prefix(t, "__data_loc ") ? 11 : g_str_has_prefix(t, "__rel_loc ") ? 10 : 0;
	t += g_str_has_prefix(t, "const ") ? 6 : 0;
	return g_str_has_prefix(t, "char[") || g_str_has_prefix(t, "char [");
}

static struct kg_field *field(struct kg_profile *p, const char *line, gsize len)
{
	const char *semi = memchr(line, ';', len);
	long offset, size, is_signed = 0;

	if (!semi || !number(semi, len - (gsize)(semi - line), "\toffset:", RECORD_MAX, &offset) ||
	    !number(semi, len - (gsize)(semi - line), "\tsize:", RECORD_MAX, &size) || offset + size > RECORD_MAX)
		return NULL;
	if (memmem(semi, len - (gsize)(semi - line), "\tsigned:", 8) &&
	    !number(semi, len - (gsize)(semi - line), "\tsigned:", 1, &is_signed))
		return NULL;
	g_autofree char *decl = g_strndup(line, (gsize)(semi - line));
	struct kg_field *f = g_new0(struct kg_field, 1);

	if (!declaration(p, decl, size, f)) {
		g_free(f);
		return NULL;
	}
	f->offset_bits = (uint32_t)offset * 8;
	f->size = (uint32_t)size;
	f->is_signed = (gboolean)is_signed;
	f->is_string = is_text(f);
	f->is_big_endian = !f->is_pointer && (is_word(f->type, "__be16") || is_word(f->type, "__be32") || is_word(f->type, "__be64"));
	return f;
}

GPtrArray *kg_format_parse(struct kg_profile *p, const char *text, gsize len, const char **ret_why)
{
	g_autoptr(GPtrArray) fields = kg_fields_new();
	const char *s = text, *end = text + len, *why = NULL;
	struct kg_text_line l;
	gboolean seen = FALSE;

	while (!why && kg_text_next_line(&s, end, &l)) {
		if (l.len > 10 && !memcmp(l.s, "print fmt:", 10)) {
			seen = TRUE;
			break;
		}
		if (l.len > 7 && !memcmp(l.s, "\tfield:", 7)) {
			struct kg_field *f = field(p, l.s + 7, l.len - 7);

			if (!f)
				why = "a field's type, offset or size makes no sense";
			else if (g_str_has_prefix(f->name, "common_"))
				g_free(f);
			else
				g_ptr_array_add(fields, f);
		}
	}
	if (!why && !seen)
		why = "it is cut off";
	if (ret_why)
		*ret_why = why;
	return why ? NULL : g_steal_pointer(&fields);
}

struct kg_index *kg_profile_formats(struct kg_profile *p)
{
	if (!p->formats)
		p->formats = kg_index_formats(p->texts[KG_TEXT_FORMATS]);
	return p->formats;
}

const char *kg_profile_format(struct kg_profile *p, const char *target, gsize *ret_len)
{
	struct kg_index *ix = kg_profile_formats(p);
	const struct kg_line *line = kg_index_find(ix, target, strlen(target));
	g_autoptr(GPtrArray) fields = line ? kg_format_parse(p, ix->text + line->body, line->body_len, NULL) : NULL;

	if (!fields)
		return NULL;
	*ret_len = line->body_len;
	return ix->text + line->body;
}

void kg_formats_check(struct kg_profile *p)
{
	struct kg_index *ix = kg_profile_formats(p);
	guint bad = ix->bad;
	g_autofree char *first = NULL;
	const char *why = ix->bad ? "a heading is damaged" : NULL;

	for (guint i = 0; i < ix->n; i++) {
		const char *reason;
		GPtrArray *fields = kg_format_parse(p, ix->text + ix->lines[i].body, ix->lines[i].body_len, &reason);

		if (fields) {
			g_ptr_array_unref(fields);
			continue;
		}
		if (!bad++) {
			first = g_strndup(kg_index_name(ix, &ix->lines[i]), ix->lines[i].len);
			why = reason;
		}
	}
	if (!bad)
		return;
	g_autofree char *text = g_strdup_printf("%u of %u tracepoint formats are damaged%s%s: %s", bad, ix->n + ix->bad,
						first ? ", the first is " : "", first ? first : "", why);
	kg_source_set(p, "tracepoints", ix->n ? KG_SOURCE_PARTIAL : KG_SOURCE_MISSING, ix->n, text,
		      "the fields of these tracepoints can't be used", NULL);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory, sorted, without those that begin with a dot; NULL with errno. */
static GPtrArray *list(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		return NULL;
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	struct dirent *e;

	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && e->d_type != DT_REG)
			g_ptr_array_add(names, g_strdup(e->d_name));
	closedir(dir);
	g_ptr_array_sort(names, compare_names);
	return names;
}

/* One format as "@ system:name" and its text; FALSE if it can't be read. */
static gboolean append_format(const char *events, const char *system, const char *name, GString *out)
{
	g_autofree char *path = g_build_filename(events, system, name, "format", NULL);
	g_autoptr(GBytes) text = kg_read_file(path, FORMAT_MAX);

	if (!text)
		return errno == ENOENT;
	gsize len;
	const char *s = g_bytes_get_data(text, &len);

	g_string_append_printf(out, "@ %s:%s\n", system, name);
	g_string_append_len(out, s, (gssize)len);
	if (len && s[len - 1] != '\n')
		g_string_append_c(out, '\n');
	return TRUE;
}

static guint append_system(const char *events, const char *system, GString *out, guint *failed)
{
	g_autofree char *path = g_build_filename(events, system, NULL);
	g_autoptr(GPtrArray) names = list(path);
	guint n = 0;

	for (guint i = 0; names && i < names->len; i++) {
		gsize before = out->len;

		if (!append_format(events, system, g_ptr_array_index(names, i), out))
			(*failed)++;
		else if (out->len > before)
			n++;
	}
	return n;
}

/* The systems below events/ in the order of "system:name", which is not that of "system": '_' sorts behind ':'. */
static int compare_systems(gconstpointer a, gconstpointer b)
{
	g_autofree char *x = g_strconcat(*(char *const *)a, ":", NULL), *y = g_strconcat(*(char *const *)b, ":", NULL);

	return strcmp(x, y);
}

void kg_gather_formats(struct kg_profile *p)
{
	static const char cost[] = "tracepoints and their fields are not known";
	g_autofree char *events = g_build_filename(p->tracefs, "events", NULL);
	g_autoptr(GPtrArray) systems = list(events);

	if (!systems) {
		g_autofree char *why = g_strdup_printf("%s can't be read (%s)", events, g_strerror(errno));

		kg_source_set(p, "tracepoints", KG_SOURCE_MISSING, 0, why, cost, errno == EACCES ? "sudo kgent kernel share" : NULL);
		return;
	}
	g_ptr_array_sort(systems, compare_systems);
	GString *out = g_string_sized_new(4u << 20);
	guint n = 0, failed = 0;

	for (guint i = 0; i < systems->len; i++)
		if (strcmp(g_ptr_array_index(systems, i), "ftrace")) /* the tracer's own records; nothing can attach there */
			n += append_system(events, g_ptr_array_index(systems, i), out, &failed);
	p->texts[KG_TEXT_FORMATS] = g_string_free_to_bytes(out);
	g_autofree char *why = failed ? g_strdup_printf("%u tracepoint formats can't be read", failed) : NULL;

	if (!n)
		why = g_strdup_printf("there are no tracepoints below %s", events);
	kg_source_set(p, "tracepoints", !n ? KG_SOURCE_MISSING : failed ? KG_SOURCE_PARTIAL : KG_SOURCE_OK, n, why,
		      why ? cost : NULL, NULL);
	if (n)
		kg_formats_check(p);
}
