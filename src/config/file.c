/*
 * The user's file, config.ini:
 *
 *   [kgent]
 *   provider = openai
 *   base-url = http://127.0.0.1:11434
 *   model = qwen2.5-coder:7b
 *   api-key = ...            # then the file must have mode 0600
 *
 * What is not known in it is an error: a setting that is spelled wrong would silently be without effect. Values may stand in double quotes.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION "kgent"
#define MAX_BYTES (64 << 10)

static int can_not(struct kg_error *err, const char *path, const char *why)
{
	return kg_error_set(err, KG_E_IO, "config", "%s can't be read: %s", path, why);
}

/* The content and the rights come from one descriptor, so that no other file can slip in between. *ret stays NULL where there is no file. */
static int read_text(const char *path, char **ret, struct stat *st, struct kg_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	gsize done = 0;
	ssize_t n = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : can_not(err, path, g_strerror(errno));
	if (fstat(fd, st) || !S_ISREG(st->st_mode)) {
		close(fd);
		return can_not(err, path, "it is not a file");
	}
	g_autofree char *text = g_malloc(MAX_BYTES + 1);
	while (done < MAX_BYTES && ((n = read(fd, text + done, MAX_BYTES - done)) > 0 || (n < 0 && errno == EINTR)))
		done += n > 0 ? (gsize)n : 0;
	int why = errno;
	close(fd);
	if (n < 0)
		return can_not(err, path, g_strerror(why));
	if (done == MAX_BYTES)
		return can_not(err, path, "it is longer than 64 KiB");
	text[done] = '\0';
	if (strlen(text) != done)
		return kg_error_set(err, KG_E_PARSE, "config", "%s: there are NUL bytes in it", path);
	*ret = g_steal_pointer(&text);
	return 0;
}

static void strip_quotes(char *value)
{
	gsize len;

	g_strstrip(value);
	len = strlen(value);
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		memmove(value, value + 1, len - 2);
		value[len - 2] = '\0';
	}
}

static int unknown_setting(const char *path, const char *name, struct kg_error *err)
{
	g_autoptr(GString) known = g_string_new(NULL);

	for (const struct kg_setting_info *s = kg_settings; s->name; s++)
		g_string_append_printf(known, "%s%s", known->len ? ", " : "", s->name);
	int code = kg_error_set(err, KG_E_PARSE, "config", "%s: there is no setting \"%s\"", path, name);
	kg_error_hint(err, "there are: %s", known->str);
	return code;
}

static int take_key(GKeyFile *file, const char *path, const char *name, struct place *place, struct kg_error *err)
{
	const struct kg_setting_info *info = kg_setting_find(name);
	g_autofree char *value = g_key_file_get_value(file, SECTION, name, NULL);
	g_autofree char *where = g_strdup_printf("%s: %s", path, name);

	if (!info)
		return unknown_setting(path, name, err);
	if (!value)
		return kg_error_set(err, KG_E_PARSE, "config", "%s has no value", where);
	strip_quotes(value);
	int code = setting_check(info, value, KG_E_PARSE, where, err);
	if (!code)
		place_set(place, name, value, NULL);
	return code;
}

static int take_all(GKeyFile *file, const char *path, struct place *place, struct kg_error *err)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

	for (char **group = groups; *group; group++)
		if (strcmp(*group, SECTION))
			return kg_error_set(err, KG_E_PARSE, "config", "%s: there is no section [%s], all settings are in [" SECTION "]", path, *group);
	g_auto(GStrv) names = g_key_file_get_keys(file, SECTION, NULL, NULL);
	for (char **name = names; name && *name; name++) {
		int code = take_key(file, path, *name, place, err);
		if (code)
			return code;
	}
	return 0;
}

static int check_rights(const char *path, const struct stat *st, const struct place *place, struct kg_error *err)
{
	if (!place_get(place, "api-key") || !(st->st_mode & 077))
		return 0;
	g_autofree char *quoted = g_shell_quote(path);
	int code = kg_error_set(err, KG_E_PERM, "config", "%s holds a key, and others than its owner may read or write it (mode %04o)", path,
				st->st_mode & 07777);
	kg_error_hint(err, "chmod 600 %s", quoted);
	return code;
}

int file_read(const char *path, struct place **ret, struct kg_error *err)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) problem = NULL;
	g_autofree char *text = NULL;
	struct stat st;

	int code = read_text(path, &text, &st, err);
	if (code || !text)
		return code;
	if (*text && !g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &problem)) {
		/* GLib's message quotes the line, which may be the one with the key. */
		code = kg_error_set(err, KG_E_PARSE, "config", "%s is not of the form \"[" SECTION "]\" and then \"name = value\" lines", path);
		return code;
	}
	struct place *place = place_new(KG_FROM_FILE, path);
	code = take_all(file, path, place, err);
	code = code ?: check_rights(path, &st, place, err);
	if (code)
		place_free(place);
	else
		*ret = place;
	return code;
}
