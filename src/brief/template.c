/* Templates: see include/kgent/brief.h. */
#include "internal.h"

#include <kgent/paths.h>
#include <kgent/text.h>

#include <string.h>

#define MAX_BYTES (256 << 10)

/* The user's file if there is one, else the shipped one. */
static int find(const char *name, char **ret_path, char **ret_text, struct kg_error *err)
{
	g_auto(GStrv) dirs = kg_paths_data("prompts");
	g_autofree char *file = g_strconcat(name, ".txt", NULL);

	for (guint i = g_strv_length(dirs); i > 0; i--) {
		g_autofree char *path = g_build_filename(dirs[i - 1], file, NULL);
		g_autoptr(GError) problem = NULL;
		gsize len = 0;
		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			continue;
		if (!g_file_get_contents(path, ret_text, &len, &problem))
			return kg_error_set(err, KG_E_IO, "prompt", "%s", problem->message);
		if (len > MAX_BYTES || strlen(*ret_text) != len || !g_utf8_validate(*ret_text, -1, NULL)) {
			g_clear_pointer(ret_text, g_free);
			return kg_error_set(err, KG_E_PARSE, "prompt", "%s is no text of at most 256 KiB", path);
		}
		*ret_path = g_steal_pointer(&path);
		return 0;
	}
	return kg_error_set(err, KG_E_NOTFOUND, "prompt", "there is no prompt %s", file);
}

char *kg_template_digest(const char *name)
{
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;

	return find(name, &path, &text, NULL) ? NULL : g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

struct filling {
	const char *path;
	const struct kg_template_value *values;
	int line;
	struct kg_error *err;
};

static int wrong(const struct filling *f, const char *fmt, const char *what)
{
	g_autofree char *text = g_strdup_printf(fmt, what);

	return kg_error_set(f->err, KG_E_PARSE, "prompt", "%s:%d: %s", f->path, f->line, text);
}

static const struct kg_template_value *value_of(const struct filling *f, const char *name)
{
	for (const struct kg_template_value *v = f->values; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}

static int count_lines(const char *s, const char *end)
{
	int n = 0;

	for (; s < end; s++)
		n += *s == '\n';
	return n;
}

/* Text up to [end], with its values. Sections may stand in sections. */
static int fill(struct filling *f, const char *s, const char *end, GString *out)
{
	while (s < end) {
		const char *open = g_strstr_len(s, end - s, "{{"), *close = open ? g_strstr_len(open, end - open, "}}") : NULL;
		if (!open || !close) {
			g_string_append_len(out, s, end - s);
			f->line += count_lines(s, end);
			return 0;
		}
		g_string_append_len(out, s, open - s);
		f->line += count_lines(s, open);
		g_autofree char *name = g_strndup(open + 2, (gsize)(close - open - 2));
		const struct kg_template_value *v = value_of(f, *name == '#' ? name + 1 : name);
		if (!v)
			return wrong(f, "there is no value {{%s}}", name);
		s = close + 2;
		if (*name != '#') {
			g_string_append(out, v->text ?: "");
			continue;
		}
		g_autofree char *stop = g_strdup_printf("{{/%s}}", name + 1);
		const char *behind = g_strstr_len(s, end - s, stop);
		if (!behind)
			return wrong(f, "{{%s}} is not ended", name);
		if (v->text && *v->text) {
			int code = fill(f, s, behind, out);
			if (code)
				return code;
		} else {
			f->line += count_lines(s, behind);
		}
		s = behind + strlen(stop);
	}
	return 0;
}

/* Comments become empty lines, so that the numbers of lines stay; blank lines in a row are one in the end. */
static void drop_comments(char *text)
{
	for (char *line = text; line && *line;) {
		char *end = strchr(line, '\n');
		if (g_str_has_prefix(line, "##"))
			memset(line, ' ', end ? (gsize)(end - line) : strlen(line));
		line = end ? end + 1 : NULL;
	}
}

static char *tidy(const char *text)
{
	GString *out = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	guint blank = 0;

	for (char **l = lines; *l; l++) {
		g_strchomp(*l);
		blank = **l ? 0 : blank + 1;
		if (blank < 2)
			g_string_append_printf(out, "%s\n", *l);
	}
	return g_strstrip(g_string_free(out, FALSE));
}

static int fill_part(struct filling *f, const char *begin, const char *end, int line, char **ret)
{
	g_autoptr(GString) out = g_string_new(NULL);

	f->line = line;
	int code = fill(f, begin, end, out);
	if (!code)
		*ret = tidy(out->str);
	return code;
}

int kg_template_fill(const char *name, const struct kg_template_value *values, char **ret_system, char **ret_user, struct kg_error *err)
{
	g_autofree char *path = NULL;
	g_autofree char *text = NULL;
	g_autofree char *system = NULL;
	struct filling f = {.values = values, .err = err};

	int code = find(name, &path, &text, err);
	if (code)
		return code;
	f.path = path;
	f.line = 1;
	drop_comments(text);
	const char *first = strstr(text, "[[system]]\n"), *second = strstr(text, "[[user]]\n");
	if (!first || !second || second < first)
		return wrong(&f, "a prompt has a line %s", "[[system]] and behind it a line [[user]]");
	code = fill_part(&f, first + strlen("[[system]]"), second, 1 + count_lines(text, first), &system);
	code = code ?: fill_part(&f, second + strlen("[[user]]"), text + strlen(text), 1 + count_lines(text, second), ret_user);
	if (!code)
		*ret_system = g_steal_pointer(&system);
	return code;
}

char *kg_template_quote(const char *text, gsize len, gsize max)
{
	g_autoptr(GString) safe = g_string_new(NULL);
	GString *out = g_string_new(NULL);
	guint32 word = g_random_int();

	kg_text_escape_lines(text, (gssize)MIN(len, max), safe);
	g_string_append_printf(out, "----- data %08x -----\n%s", word, safe->str);
	if (safe->len && safe->str[safe->len - 1] != '\n')
		g_string_append_c(out, '\n');
	if (len > max)
		g_string_append_printf(out, "(%zu bytes more are left out)\n", len - max);
	g_string_append_printf(out, "----- end of data %08x -----", word);
	return g_string_free(out, FALSE);
}
