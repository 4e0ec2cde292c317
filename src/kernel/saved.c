/*
 * A profile as a directory: the form is in include/kgent/profile.h. meta.json is the only file that must be there:
 *
 *   {"format": 1, "release": "6.1.0-56-cloud-amd64", "version": "#1 SMP ...", "arch": "x86_64", "made": "2026-11-20T05:40:00Z",
 *    "functions_from": "available_filter_functions" | "guess",
 *    "sources":  [{"name": "btf", "state": "ok" | "partial" | "missing", "n": 126585, "why": ..., "cost": ..., "mend": ...}],
 *    "features": {"kprobe": {"answer": "yes" | "no" | "unknown", "why": ...}},
 *    "files":    {"formats": {"size": 2004894, "hash": "9a..."}}}
 *
 * Without "sources" and "features" (a profile made by tools/make-profile) they follow from the files and the configuration.
 * A directory appears whole or not at all: it is written beside its place and renamed.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (256u << 20)
#define META_FORMAT 1

static const char *const file_names[KG_TEXTS] = {"formats", "functions", "untraceable", "ambiguous", "nokprobe", "config"};
static const char *const state_names[] = {"ok", "partial", "missing"};
static const char *const answer_names[] = {"no", "yes", "unknown"};

static int name_index(const char *name, const char *const *names, int n, int otherwise)
{
	for (int i = 0; name && i < n; i++)
		if (!strcmp(name, names[i]))
			return i;
	return otherwise;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* --- reading --- */

static json_t *read_meta(const char *dir, struct kg_error *err)
{
	g_autofree char *path = g_build_filename(dir, "meta.json", NULL);
	g_autoptr(GBytes) bytes = kg_read_file(path, 16u << 20);
	json_error_t je;

	if (!bytes) {
		kg_error_set(err, errno == ENOENT ? KG_E_NOTFOUND : KG_E_IO, STAGE, "%s is not a profile: %s: %s", dir, path,
			     g_strerror(errno));
		return NULL;
	}
	gsize len;
	const char *data = g_bytes_get_data(bytes, &len);
	json_t *meta = json_loadb(data ? data : "", len, 0, &je);

	if (!meta || !json_is_object(meta) || !text_of(meta, "release") || !text_of(meta, "arch")) {
		kg_error_set(err, KG_E_PARSE, STAGE, "%s:%d: %s", path, meta ? 1 : je.line,
			     meta ? "it names no release and architecture" : je.text);
		json_decref(meta);
		return NULL;
	}
	if (json_integer_value(json_object_get(meta, "format")) != META_FORMAT) {
		kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s: it is of a format that this kgent does not know", path);
		json_decref(meta);
		return NULL;
	}
	return meta;
}

static void read_sources(struct kg_profile *p, const json_t *meta)
{
	size_t i;
	json_t *s;

	json_array_foreach(json_object_get(meta, "sources"), i, s) {
		const char *name = text_of(s, "name");
		json_int_t n = json_integer_value(json_object_get(s, "n"));

		if (name && strcmp(name, "cache"))
			kg_source_set(p, name, name_index(text_of(s, "state"), state_names, 3, KG_SOURCE_PARTIAL),
				      (unsigned)CLAMP(n, 0, G_MAXINT32), text_of(s, "why"), text_of(s, "cost"), text_of(s, "mend"));
	}
}

static void read_features(struct kg_profile *p, const json_t *meta)
{
	const json_t *features = json_object_get(meta, "features");

	kg_features_from_config(p);
	for (int id = 0; id < KG_FEATURES; id++) {
		const json_t *f = json_object_get(features, kg_feature_name(id));

		if (!f)
			continue;
		g_free(p->features[id].why);
		p->features[id].answer = name_index(text_of(f, "answer"), answer_names, 3, KG_UNKNOWN);
		p->features[id].why = g_strdup(text_of(f, "why"));
	}
}

static gboolean is_as_written(const json_t *meta, const char *file, GBytes *bytes)
{
	const json_t *f = json_object_get(json_object_get(meta, "files"), file);
	gsize len;
	const void *data = g_bytes_get_data(bytes, &len);
	g_autofree char *hash = g_strdup_printf("%016" G_GINT64_MODIFIER "x", kg_hash64(data, len, 0));

	return f && json_integer_value(json_object_get(f, "size")) == (json_int_t)len && !g_strcmp0(text_of(f, "hash"), hash);
}

/* Read the texts; the number of those that are not what meta.json says (or, without "files", 0). */
static unsigned read_texts(struct kg_profile *p, const char *dir, const json_t *meta)
{
	gboolean listed = json_object_get(meta, "files") != NULL;
	unsigned wrong = 0;

	for (int i = 0; i < KG_TEXTS; i++) {
		g_autofree char *path = g_build_filename(dir, file_names[i], NULL);

		p->texts[i] = kg_read_file(path, TEXT_MAX);
		gboolean wanted = json_object_get(json_object_get(meta, "files"), file_names[i]) != NULL;

		if (listed && (p->texts[i] ? !is_as_written(meta, file_names[i], p->texts[i]) : wanted))
			wrong++;
	}
	return wrong;
}

static void read_modules(struct kg_profile *p, const char *dir, const json_t *meta)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;
	size_t i;
	json_t *m;

	json_array_foreach(json_object_get(meta, "modules"), i, m)
		if (p->is_running && json_is_string(m))
			g_ptr_array_add(p->modules, g_strdup(json_string_value(m)));
	while (!p->is_running && d && (name = g_dir_read_name(d)))
		if (g_str_has_prefix(name, "btf.") && name[4])
			g_ptr_array_add(p->modules, g_strdup(name + 4));
}

static unsigned count_lines(GBytes *text)
{
	gsize len;
	const char *s = g_bytes_get_data(text, &len);
	unsigned n = 0;

	for (gsize i = 0; i < len; i++)
		n += s[i] == '\n';
	return n;
}

static void judge_functions(struct kg_profile *p)
{
	struct kg_index *functions = kg_profile_functions(p);

	if (functions->bad || (p->texts[KG_TEXT_FUNCTIONS] && !functions->n)) {
		g_autofree char *why = g_strdup_printf("%u lines of the file functions are damaged", functions->bad);

		kg_source_set(p, "functions", functions->n ? KG_SOURCE_PARTIAL : KG_SOURCE_MISSING, functions->n, why,
			      "some functions are not known", NULL);
	} else if (functions->n && !p->functions_sure && kg_source_get(p, "functions")->state != KG_SOURCE_PARTIAL) {
		kg_source_set(p, "functions", KG_SOURCE_PARTIAL, functions->n, "meta.json does not say that the file functions is the kernel's "
			      "own list", "a function that is marked notrace looks as if it could be traced", NULL);
	} else if (functions->n && p->functions_sure) {
		kg_source_set(p, "functions", KG_SOURCE_OK, functions->n, NULL, NULL, NULL);
	}
}

/* What the files of a copied directory are worth, since they can differ from what meta.json says. */
static void judge_files(struct kg_profile *p, const char *dir, unsigned wrong)
{
	static const struct {
		const char *source;
		enum kg_text_id text;
		const char *cost;
	} rows[] = {
		{"tracepoints", KG_TEXT_FORMATS, "tracepoints and their fields are not known"},
		{"functions", KG_TEXT_FUNCTIONS, "kernel functions are not known"},
		{"config", KG_TEXT_CONFIG, "why a kind of attach point can't be used is sometimes not known"},
	};
	g_autofree char *btf = g_build_filename(dir, "btf", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (!p->texts[rows[i].text]) {
			g_autofree char *why = g_strdup_printf("the profile has no file %s", file_names[rows[i].text]);

			kg_source_set(p, rows[i].source, KG_SOURCE_MISSING, 0, why, rows[i].cost, NULL);
		}
	}
	if (p->texts[KG_TEXT_FORMATS]) {
		guint n = kg_profile_formats(p)->n;

		kg_source_set(p, "tracepoints", n ? KG_SOURCE_OK : KG_SOURCE_MISSING, n, n ? NULL : "the file formats has no tracepoints",
			      n ? NULL : rows[0].cost, NULL);
		kg_formats_check(p);
	}
	judge_functions(p);
	if (p->texts[KG_TEXT_CONFIG])
		kg_source_set(p, "config", KG_SOURCE_OK, count_lines(p->texts[KG_TEXT_CONFIG]), NULL, NULL, NULL);
	kg_source_set(p, "modules", KG_SOURCE_OK, p->modules->len, NULL, NULL, NULL);
	if (!g_file_test(btf, G_FILE_TEST_EXISTS))
		kg_source_set(p, "btf", KG_SOURCE_MISSING, 0, "the profile has no BTF",
			      "arguments of functions, members of structs and byte orders are not known; fentry can't be used", NULL);
	else
		kg_profile_btf(p); /* says what it is worth */
	if (wrong) {
		g_autofree char *why = g_strdup_printf("%u files of %s are not as they were written", wrong, dir);

		kg_source_set(p, "files", KG_SOURCE_PARTIAL, wrong, why, "facts can be wrong", NULL);
	}
}

int kg_saved_open(struct kg_profile *p, const char *dir, gboolean is_cache, struct kg_error *err)
{
	json_t *meta = read_meta(dir, err);

	if (!meta)
		return err && err->code ? -err->code : -KG_E_PARSE;
	unsigned wrong = read_texts(p, dir, meta);

	if (is_cache && (wrong || !json_object_get(meta, "files"))) {
		json_decref(meta);
		return kg_error_set(err, KG_E_PARSE, STAGE, "the cached profile %s is damaged", dir);
	}
	if (!p->release) {
		p->release = g_strdup(text_of(meta, "release"));
		p->version = g_strdup(text_of(meta, "version"));
		p->arch = g_strdup(text_of(meta, "arch"));
	}
	p->made = g_strdup(text_of(meta, "made"));
	p->tracefs = is_cache ? g_strdup(text_of(meta, "tracefs")) : NULL;
	p->is_root_view = !is_cache || json_is_true(json_object_get(meta, "root_view"));
	p->functions_sure = !g_strcmp0(text_of(meta, "functions_from"), "available_filter_functions");
	read_sources(p, meta);
	read_modules(p, dir, meta);
	read_features(p, meta);
	json_decref(meta);
	if (!is_cache) {
		p->dir = g_strdup(dir);
		judge_files(p, dir, wrong);
	}
	return 0;
}

/* --- writing --- */

static int write_file(const char *dir, const char *name, const void *data, gsize len, mode_t mode, struct kg_error *err)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	const char *s = data;

	while (fd >= 0 && len) {
		ssize_t n = write(fd, s, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		s += n;
		len -= (gsize)n;
	}
	int e = errno;

	if (fd < 0 || len || close(fd) < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be written: %s", path, g_strerror(fd < 0 || len ? e : errno));
	return 0;
}

static void set_text(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_stringn_nocheck(value, strlen(value)));
}

static json_t *meta_sources(const struct kg_profile *p)
{
	json_t *sources = json_array();

	for (guint i = 0; i < p->sources->len; i++) {
		const struct kg_source *s = g_ptr_array_index(p->sources, i);
		json_t *o = json_object();

		if (!strcmp(s->name, "cache")) {
			json_decref(o);
			continue;
		}
		set_text(o, "name", s->name);
		set_text(o, "state", state_names[s->state]);
		json_object_set_new(o, "n", json_integer(s->n));
		set_text(o, "why", s->why);
		set_text(o, "cost", s->cost);
		set_text(o, "mend", s->mend);
		json_array_append_new(sources, o);
	}
	return sources;
}

static json_t *meta_features(const struct kg_profile *p)
{
	json_t *features = json_object();

	for (int id = 0; id < KG_FEATURES; id++) {
		json_t *o = json_object();

		set_text(o, "answer", answer_names[p->features[id].answer]);
		set_text(o, "why", p->features[id].why);
		json_object_set_new(features, kg_feature_name(id), o);
	}
	return features;
}

static json_t *meta_files(const struct kg_profile *p)
{
	json_t *files = json_object();

	for (int i = 0; i < KG_TEXTS; i++) {
		gsize len;
		const void *data = p->texts[i] ? g_bytes_get_data(p->texts[i], &len) : NULL;

		if (!p->texts[i])
			continue;
		g_autofree char *hash = g_strdup_printf("%016" G_GINT64_MODIFIER "x", kg_hash64(data, len, 0));
		json_t *o = json_object();

		json_object_set_new(o, "size", json_integer((json_int_t)len));
		set_text(o, "hash", hash);
		json_object_set_new(files, file_names[i], o);
	}
	return files;
}

static char *make_meta(const struct kg_profile *p)
{
	json_t *meta = json_object(), *modules = json_array();

	json_object_set_new(meta, "format", json_integer(META_FORMAT));
	set_text(meta, "release", p->release);
	set_text(meta, "version", p->version);
	set_text(meta, "arch", p->arch);
	set_text(meta, "made", p->made);
	set_text(meta, "made_by", "kgent " KG_VERSION);
	set_text(meta, "tracefs", p->tracefs);
	json_object_set_new(meta, "root_view", json_boolean(p->is_root_view));
	set_text(meta, "functions_from", p->functions_sure ? "available_filter_functions" : "guess");
	for (guint i = 0; i < p->modules->len; i++)
		json_array_append_new(modules, json_string(g_ptr_array_index(p->modules, i)));
	json_object_set_new(meta, "modules", modules);
	json_object_set_new(meta, "sources", meta_sources(p));
	json_object_set_new(meta, "features", meta_features(p));
	json_object_set_new(meta, "files", meta_files(p));
	char *text = json_dumps(meta, JSON_INDENT(1) | JSON_PRESERVE_ORDER);

	json_decref(meta);
	return text;
}

/* BTF is copied as it is; for the running kernel from /sys/kernel/btf. */
static int copy_btf(struct kg_profile *p, const char *to, const char *module, mode_t mode, struct kg_error *err)
{
	g_autofree char *name = module ? g_strconcat("btf.", module, NULL) : g_strdup("btf");
	g_autofree char *from = p->dir ? g_build_filename(p->dir, name, NULL) :
					 g_build_filename("/sys/kernel/btf", module ? module : "vmlinux", NULL);
	g_autoptr(GBytes) bytes = kg_read_file(from, TEXT_MAX);
	gsize len;

	if (!bytes)
		return 0; /* absent here as there, and the source says so */
	const void *data = g_bytes_get_data(bytes, &len);

	return write_file(to, name, data, len, mode, err);
}

static int write_all(struct kg_profile *p, const char *dir, gboolean with_btf, mode_t mode, struct kg_error *err)
{
	int r = 0;

	for (int i = 0; i < KG_TEXTS && !r; i++) {
		gsize len;
		const void *data = p->texts[i] ? g_bytes_get_data(p->texts[i], &len) : NULL;

		if (p->texts[i])
			r = write_file(dir, file_names[i], data, len, mode, err);
	}
	if (with_btf && !r)
		r = copy_btf(p, dir, NULL, mode, err);
	for (guint i = 0; with_btf && !r && i < p->modules->len; i++)
		r = copy_btf(p, dir, g_ptr_array_index(p->modules, i), mode, err);
	char *meta = r ? NULL : make_meta(p);

	if (!r && !meta)
		r = kg_error_set(err, KG_E_NOMEM, STAGE, "the profile's description can't be written");
	if (!r)
		r = write_file(dir, "meta.json", meta, strlen(meta), mode, err);
	free(meta);
	return r;
}

/* Remove a profile's directory, and nothing else: it holds plain files only. */
static void remove_dir(const char *dir)
{
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;

	while (d && (name = g_dir_read_name(d))) {
		g_autofree char *path = g_build_filename(dir, name, NULL);

		unlink(path);
	}
	rmdir(dir);
}

static int publish(const char *part, const char *dir, struct kg_error *err)
{
	g_autofree char *meta = g_build_filename(dir, "meta.json", NULL);

	if (!rename(part, dir))
		return 0;
	/* Another profile is there: exchange the two, so that a reader always finds one of them. */
	if ((errno == ENOTEMPTY || errno == EEXIST) && g_file_test(meta, G_FILE_TEST_EXISTS) &&
	    !renameat2(AT_FDCWD, part, AT_FDCWD, dir, RENAME_EXCHANGE)) {
		remove_dir(part);
		return 0;
	}
	kg_error_set(err, KG_E_IO, STAGE, "%s can't be written: %s", dir, g_strerror(errno));
	return -KG_E_IO;
}

int kg_saved_write(struct kg_profile *p, const char *dir, gboolean with_btf, struct kg_error *err)
{
	g_autofree char *clean = g_canonicalize_filename(dir, NULL);
	g_autofree char *part = g_strdup_printf("%s.%d-%08x.part", clean, (int)getpid(), g_random_int());
	gboolean is_private = !with_btf; /* a cache is only this user's; root's holds what only root may read */

	if (mkdir(part, is_private ? 0700 : 0777) < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "%s can't be made: %s", part, g_strerror(errno));
	int r = write_all(p, part, with_btf, is_private ? 0600 : 0666, err);

	if (!r)
		r = publish(part, clean, err);
	if (r < 0)
		remove_dir(part);
	return r;
}
