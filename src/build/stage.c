/*
 * A stage for bpftrace: see stage.h. What bpftrace 0.17 reads of a kernel while it compiles, as seen with strace:
 *
 *   $BPFTRACE_BTF, /sys/kernel/btf/vmlinux          types; without the variable it asks bpf(2) for all BTF, which needs root
 *   /sys/kernel/tracing/events/SYSTEM/NAME/format   fields of a tracepoint
 *   /sys/kernel/tracing/available_events            tracepoints that a pattern means
 *   /sys/kernel/tracing/available_filter_functions  functions that a pattern means, and which can't be traced; kfunc needs it
 *   /proc/kallsyms                                  kaddr()
 *   /lib/modules/RELEASE, /tmp/kheaders-RELEASE     headers for #include; RELEASE is that of uname(2)
 *   bpf(2)                                          which helpers, kinds of programs and ways to attach there are (answers.c)
 *
 * Each of them is replaced. What can't be: uname(2), and files that are not the kernel's, such as libraries for uprobes.
 */
#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define STAGE "stage"
#define ROOT "/sys/kernel"
#define TRACING "tracing/"
#define SYMBOLS "no-symbols"
#define NAME_BYTES 255 /* NAME_MAX */
#define PATTERN_CHARS "_.$*?[]"

/* A folder, a file or a symbolic link below ROOT. */
struct stage_entry {
	char *path;       /* absolute */
	const char *data; /* of a file: borrowed from the profile, or [owned] */
	gsize len;
	char *owned;
	const char *link; /* static; or NULL */
};

static void entry_free(gpointer data)
{
	struct stage_entry *e = data;

	g_free(e->path);
	g_free(e->owned);
	g_free(e);
}

static struct stage_entry *add(struct stage *s, const char *path)
{
	struct stage_entry *e = g_new0(struct stage_entry, 1);

	e->path = g_build_filename(ROOT, path, NULL);
	g_ptr_array_add(s->entries, e);
	return e;
}

/* FALSE where it was there already. */
static gboolean add_folder(struct stage *s, const char *path)
{
	if (!g_hash_table_add(s->folders, g_strdup(path)))
		return FALSE;
	add(s, path);
	return TRUE;
}

static void add_text(struct stage *s, const char *path, GString *text)
{
	struct stage_entry *e = add(s, path);

	e->len = text->len;
	e->data = e->owned = g_string_free(text, FALSE);
}

/* ---------------------------------------------------------------- what a profile may bring in: it can be from anywhere */

/* A name that stays where it is put: it is one component of a path, and not a way up. */
static gboolean is_component(const char *s, gsize len)
{
	if (!len || len > NAME_BYTES || s[0] == '.')
		return FALSE;
	for (gsize i = 0; i < len; i++)
		if (!g_ascii_isalnum(s[i]) && (!s[i] || !strchr("_.-", s[i])))
			return FALSE;
	return TRUE;
}

/* bpftrace makes C of the fields: nothing of another language, no further line and no end of the structure may be in them. */
static gboolean is_plain_format(const char *text, gsize len)
{
	g_autofree char *copy = g_strndup(text, len);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);

	if (strlen(copy) != len)
		return FALSE;
	for (guint i = 0; lines[i]; i++) {
		const char *field = strstr(lines[i], "field:"), *end = field ? strchr(field, ';') : NULL;

		if (field && (!end || strcspn(field, "#{}\"'\\?\r") < (gsize)(end - field)))
			return FALSE;
	}
	return TRUE;
}

static int refuse(const struct stage *s, const char *what, const char *name, struct kg_error *err)
{
	return kg_error_set(err, KG_E_PARSE, STAGE, "the profile of %s is not used: %s '%s'", kg_profile_release(s->profile), what, name);
}

/* ---------------------------------------------------------------- tracepoints */

/* A damaged format is left out, as if there were no such tracepoint. */
static int add_format(struct stage *s, const char *name, GString *events, struct kg_error *err)
{
	const char *colon = strchr(name, ':');
	gsize len;
	const char *text = kg_profile_format(s->profile, name, &len);

	if (!colon || !is_component(name, (gsize)(colon - name)) || !is_component(colon + 1, strlen(colon + 1)))
		return refuse(s, "this is no name of a tracepoint:", name, err);
	if (!text)
		return 0;
	if (!is_plain_format(text, len))
		return refuse(s, "the format of this tracepoint is not one of fields:", name, err);
	g_autofree char *system = g_strdup_printf(TRACING "events/%.*s", (int)(colon - name), name);
	g_autofree char *event = g_build_filename(system, colon + 1, NULL);
	g_autofree char *format = g_build_filename(event, "format", NULL);

	add_folder(s, system);
	if (add_folder(s, event)) {
		struct stage_entry *e = add(s, format);

		e->data = text;
		e->len = len;
		g_string_append_printf(events, "%s\n", name);
	}
	return 0;
}

static int add_formats(struct stage *s, const char *pattern, GString *events, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = kg_profile_match(s->profile, KG_PROBE_TRACEPOINT, pattern, 0);
	int r = 0;

	for (guint i = 0; i < names->len && r == 0; i++)
		r = add_format(s, names->pdata[i], events, err);
	return r;
}

/* ---------------------------------------------------------------- what the program names */

/* bpftrace's patterns as those of the profile: what only some versions know becomes '*', which means more. */
static char *take_word(const char **text)
{
	GString *word = g_string_new(NULL);
	const char *s = *text;

	for (; *s && (g_ascii_isalnum(*s) || strchr(PATTERN_CHARS, *s)); s++) {
		const char *close = *s == '[' ? strchr(s, ']') : NULL;

		g_string_append_c(word, strchr("?[]", *s) ? '*' : *s);
		s = close ? close : s;
	}
	*text = s;
	return g_string_free(word, FALSE);
}

/* The modules that the functions of the list are in. */
static char **modules_of(const char *functions)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *modules = g_ptr_array_new();

	for (const char *s = functions; (s = strstr(s, " [")); s += 2) {
		char *name = g_strndup(s + 2, strcspn(s + 2, "]\n"));

		if (!g_hash_table_contains(seen, name))
			g_ptr_array_add(modules, g_strdup(name));
		g_hash_table_add(seen, name);
	}
	g_ptr_array_add(modules, NULL);
	return (char **)g_ptr_array_free(modules, FALSE);
}

static int open_types(struct kg_profile *profile, const char *functions)
{
	g_auto(GStrv) modules = modules_of(functions);
	g_autoptr(GBytes) types = kg_profile_types(profile, (const char *const *)modules);
	gsize len = 0;
	const void *data = types ? g_bytes_get_data(types, &len) : NULL;

	return data ? kg_child_memfd("btf", data, len) : -1;
}

/* Parts of a probe can be quoted, and have spaces between them. Without both they stand side by side; what else grows together is no probe. */
static char *without_spaces(const char *program)
{
	GString *out = g_string_sized_new(strlen(program));

	for (const char *p = program; *p; p++)
		if (!g_ascii_isspace(*p) && *p != '"')
			g_string_append_c(out, *p);
	return g_string_free(out, FALSE);
}

/*
 * Everything in the text that could be SYSTEM:NAME or KIND:FUNCTION, since a text need not parse to be compiled. A word too many costs a lookup;
 * none is left out. The lists hold these alone: bpftrace reads them dozens of times.
 */
static int look_up_named(struct stage *s, const char *program, GString *events, GString *functions, struct kg_error *err)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *before = NULL, *text = without_spaces(program);
	int r = 0;

	for (const char *p = text; *p && r == 0;) {
		g_autofree char *word = take_word(&p);

		if (*word && before) {
			char *pair = g_strconcat(before, ":", word, NULL);
			gboolean is_new = !g_hash_table_contains(seen, pair);

			if (is_new && g_hash_table_add(seen, g_strdup(word)))
				kg_profile_function_lines(s->profile, word, functions);
			if (is_new)
				r = add_formats(s, pair, events, err);
			g_hash_table_add(seen, pair);
		}
		g_clear_pointer(&before, g_free);
		if (*p == ':' && *word)
			before = g_steal_pointer(&word);
		p += *p != 0;
	}
	return r;
}

static int add_named(struct stage *s, const char *program, struct kg_error *err)
{
	const struct kg_source *source = kg_profile_source(s->profile, "functions");
	GString *events = g_string_new(NULL), *functions = g_string_new(NULL);
	int r = look_up_named(s, program, events, functions, err);

	s->btf = open_types(s->profile, functions->str);
	add_text(s, TRACING "available_events", events);
	if (source && source->state != KG_SOURCE_MISSING)
		add_text(s, TRACING "available_filter_functions", functions); /* empty too: that it is there is asked as well */
	else
		g_string_free(functions, TRUE);
	return r;
}

/* ---------------------------------------------------------------- making it */

static void hide_headers(struct stage *s)
{
	const char *tmp = g_getenv("TMPDIR");
	struct utsname u;

	s->hidden[0] = g_strdup("/lib/modules");
	if (uname(&u) == 0)
		s->hidden[1] = g_strdup_printf("%s/kheaders-%s", tmp && *tmp ? tmp : "/tmp", u.release);
}

int stage_new(const char *program, struct kg_profile *profile, struct stage *ret, struct kg_error *err)
{
	static const char *const folders[] = {"btf", "debug", "tracing", TRACING "events"};

	*ret = (struct stage){.profile = profile, .btf = -1};
	ret->entries = g_ptr_array_new_with_free_func(entry_free);
	ret->folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
		add_folder(ret, folders[i]);
	add(ret, "btf/vmlinux")->link = STAGE_BTF_FILE;
	add_text(ret, SYMBOLS, g_string_new(NULL));
	if (!kg_profile_is_running(profile))
		hide_headers(ret);
	return add_named(ret, program, err);
}

void stage_clear(struct stage *stage)
{
	if (stage->btf >= 0)
		close(stage->btf);
	for (guint i = 0; i < G_N_ELEMENTS(stage->hidden); i++)
		g_free(stage->hidden[i]);
	g_clear_pointer(&stage->entries, g_ptr_array_unref);
	g_clear_pointer(&stage->folders, g_hash_table_unref);
	*stage = (struct stage){.btf = -1};
}

/* ---------------------------------------------------------------- in the child */

static int write_file(const struct stage_entry *e)
{
	int fd = open(e->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	int error = fd < 0 ? errno : 0;

	for (gsize done = 0; done < e->len && !error;) {
		ssize_t n = write(fd, e->data + done, e->len - done);

		if (n < 0 && errno != EINTR)
			error = errno;
		done += n > 0 ? (gsize)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return error;
}

static int make(const struct stage_entry *e)
{
	if (e->link)
		return symlink(e->link, e->path) ? errno : 0;
	if (e->data)
		return write_file(e);
	return mkdir(e->path, 0755) ? errno : 0;
}

static int cover(const char *path)
{
	return mount("kgent-stage", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") ? errno : 0;
}

int stage_enter(void *user)
{
	struct stage *s = user;
	int e = 0;

	/* nothing of it spreads: the namespace's mounts are private from here on */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return errno;
	e = cover(ROOT);
	for (guint i = 0; i < s->entries->len && !e; i++)
		e = make(s->entries->pdata[i]);
	if (!e && mount(ROOT "/" SYMBOLS, "/proc/kallsyms", NULL, MS_BIND, NULL) && errno != ENOENT)
		e = errno;
	for (guint i = 0; s->hidden[i] && !e; i++) {
		e = cover(s->hidden[i]);
		e = e == ENOENT ? 0 : e;
	}
	return e;
}
