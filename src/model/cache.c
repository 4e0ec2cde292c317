/*
 * Answers that were given before, a file each below $XDG_CACHE_HOME/kgent/answers, named by a hash of what was asked:
 *
 *   {"format":1,"model":"...","when":1735000000,"text":"...","end":0,"tokens_in":812,"tokens_out":96}
 *
 * A file that is damaged, or somebody else's, is as good as none. The newest thousand are kept.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1
#define MAX_FILES 1000
#define MAX_BYTES (4 << 20)

char *kg_answer_cache_name(const struct kg_model *model, const char *const *parts)
{
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	const char *const own[] = {kg_model_protocol(model), model->address, model->name};
	char *name;

	/* each part with its NUL, so that no two lists of parts run together to the same bytes */
	for (gsize i = 0; i < G_N_ELEMENTS(own); i++)
		g_checksum_update(sum, (const guchar *)own[i], (gssize)strlen(own[i]) + 1);
	for (; *parts; parts++)
		g_checksum_update(sum, (const guchar *)*parts, (gssize)strlen(*parts) + 1);
	name = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	return name;
}

static char *folder(void)
{
	g_autofree char *cache = kg_paths_cache();

	return cache ? g_build_filename(cache, "answers", NULL) : NULL;
}

static char *path_of(const char *name)
{
	g_autofree char *dir = folder();
	g_autofree char *file = g_strconcat(name, ".json", NULL);

	return dir ? g_build_filename(dir, file, NULL) : NULL;
}

static int not_there(struct kg_error *err)
{
	return kg_error_set(err, KG_E_NOTFOUND, STAGE, "this has not been answered before");
}

/* Only what is ours: a cache in a place where others can write would put words into the model's mouth. */
static char *read_own(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	gsize done = 0;
	ssize_t n;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) && st.st_size <= MAX_BYTES) {
		text = g_malloc0((gsize)st.st_size + 1);
		while (done < (gsize)st.st_size && (n = read(fd, text + done, (gsize)st.st_size - done)) > 0)
			done += (gsize)n;
	}
	close(fd);
	return text;
}

int kg_answer_cache_get(const char *name, struct kg_model_reply *ret, gint64 *ret_when, struct kg_error *err)
{
	g_autofree char *path = path_of(name);
	g_autofree char *text = path ? read_own(path) : NULL;
	json_t *value = text ? json_loads(text, 0, NULL) : NULL;
	gint64 end = json_number(value, "end", -1);

	if (json_number(value, "format", 0) != FORMAT || !json_text(value, "text") || end < KG_MODEL_DONE || end > KG_MODEL_REFUSED) {
		json_decref(value);
		return not_there(err);
	}
	*ret = (struct kg_model_reply){.text = g_strdup(json_text(value, "text")), .end = (enum kg_model_end)end,
				       .tokens_in = json_number(value, "tokens_in", -1), .tokens_out = json_number(value, "tokens_out", -1)};
	if (ret_when)
		*ret_when = json_number(value, "when", 0);
	json_decref(value);
	return 0;
}

struct entry {
	char *path;
	gint64 when;
};

static gint newest_first(gconstpointer a, gconstpointer b)
{
	const struct entry *x = a, *y = b;

	return x->when < y->when ? 1 : x->when > y->when ? -1 : 0;
}

static void prune(const char *dir_path)
{
	GDir *dir = g_dir_open(dir_path, 0, NULL);
	g_autoptr(GArray) entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		struct entry e = {.path = g_build_filename(dir_path, name, NULL)};
		GStatBuf st;
		e.when = g_stat(e.path, &st) ? 0 : st.st_mtime;
		g_array_append_val(entries, e);
	}
	if (dir)
		g_dir_close(dir);
	if (entries->len > MAX_FILES)
		g_array_sort(entries, newest_first);
	for (guint i = 0; i < entries->len; i++) {
		struct entry *e = &g_array_index(entries, struct entry, i);
		if (i >= MAX_FILES)
			g_unlink(e->path);
		g_free(e->path);
	}
}

int kg_answer_cache_put(const char *name, const struct kg_model_reply *reply, struct kg_error *err)
{
	g_autofree char *path = path_of(name);
	g_autofree char *dir = folder();
	g_autoptr(GError) problem = NULL;

	if (!path)
		return kg_error_set(err, KG_E_IO, STAGE, "there is no folder for the cache of answers");
	if (g_mkdir_with_parents(dir, 0700))
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", dir, g_strerror(errno));
	json_t *value = json_pack("{s:i, s:I, s:s, s:i, s:I, s:I}", "format", FORMAT, "when",
				  (json_int_t)(g_get_real_time() / G_USEC_PER_SEC), "text", reply->text, "end", (int)reply->end, "tokens_in",
				  (json_int_t)reply->tokens_in, "tokens_out", (json_int_t)reply->tokens_out);
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
	gboolean ok = text && g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &problem);
	free(text);
	json_decref(value);
	prune(dir);
	return ok ? 0 : kg_error_set(err, KG_E_IO, STAGE, "an answer can't be kept: %s", problem ? problem->message : "it is no text");
}

void kg_answer_cache_forget(const char *name)
{
	g_autofree char *path = path_of(name);

	if (path)
		g_unlink(path);
}
