/*
 * bpftrace as a program: find it, learn its version, call it.
 *
 * What differs between its versions in options and variables is kept in this file.
 * Names of the variables: bpftrace --help of 0.17. Newer versions call two of them BPFTRACE_MAX_STRLEN and BPFTRACE_MAX_MAP_KEYS (bpftrace's own
 * tests of its config block); both names are set, since a version ignores the one that it does not know.
 */
#include <kgent/child.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "bpftrace"
#define VERSION_TIMEOUT_MS 5000
#define INSTALL "apt-get install bpftrace"

void kg_bpftrace_clear(struct kg_bpftrace *tool)
{
	if (!tool)
		return;
	g_clear_pointer(&tool->path, g_free);
	g_clear_pointer(&tool->text, g_free);
}

/* One number, at most six digits, so that it can't overflow. */
static const char *number(const char *s, int *ret)
{
	int n = 0, v = 0;

	for (; g_ascii_isdigit(s[n]) && n < 6; n++)
		v = v * 10 + (s[n] - '0');
	if (n == 0 || g_ascii_isdigit(s[n]))
		return NULL;
	*ret = v;
	return s + n;
}

gboolean kg_bpftrace_parse_version(const char *text, int *ret_major, int *ret_minor, int *ret_patch)
{
	int major, minor, patch = 0;
	const char *s;

	if (!g_str_has_prefix(text, "bpftrace "))
		return FALSE;
	s = text + strlen("bpftrace ");
	if (*s == 'v')
		s++;
	s = number(s, &major);
	if (!s || *s != '.' || !(s = number(s + 1, &minor)))
		return FALSE;
	if (*s == '.' && !number(s + 1, &patch))
		return FALSE;
	*ret_major = major;
	*ret_minor = minor;
	*ret_patch = patch;
	return TRUE;
}

gboolean kg_bpftrace_is_at_least(const struct kg_bpftrace *tool, int major, int minor)
{
	return tool->major > major || (tool->major == major && tool->minor >= minor);
}

static char *find_path(void)
{
	const char *set = g_getenv("KGENT_BPFTRACE");

	if (set && *set)
		return g_canonicalize_filename(set, NULL);
	return g_find_program_in_path("bpftrace");
}

static int ask_version(const char *path, GString *out, struct kg_error *err)
{
	const char *const argv[] = {path, "--version", NULL};
	struct kg_bpftrace_call call = {0};
	g_auto(GStrv) env = kg_bpftrace_env(&call);
	struct kg_child_opts opts = {.argv = argv, .env = (const char *const *)env};
	struct kg_child child = KG_CHILD_INIT;
	g_autoptr(GString) errors = g_string_new(NULL);
	int r = kg_child_start(&opts, &child, NULL, err);

	if (r)
		return r;
	switch (kg_child_collect(&child, VERSION_TIMEOUT_MS, 4096, out, errors)) {
	case KG_CHILD_TIMED_OUT:
		return kg_error_set(err, KG_E_TOOL, STAGE, "%s --version did not answer within %d s", path, VERSION_TIMEOUT_MS / 1000);
	case KG_CHILD_TOO_MUCH:
		return kg_error_set(err, KG_E_TOOL, STAGE, "%s --version does not answer as bpftrace does", path);
	default:
		return 0;
	}
}

int kg_bpftrace_find(struct kg_bpftrace *ret, struct kg_error *err)
{
	g_autofree char *path = find_path();
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_bpftrace tool = {0};
	int r;

	if (!path) {
		r = kg_error_set(err, KG_E_TOOL, STAGE, "bpftrace is not installed (not found on PATH)");
		kg_error_hint(err, INSTALL);
		return r;
	}
	r = ask_version(path, out, err);
	if (r)
		return r;
	g_strchomp(out->str);
	if (!kg_bpftrace_parse_version(out->str, &tool.major, &tool.minor, &tool.patch)) {
		g_autofree char *line = g_strndup(out->str, strcspn(out->str, "\n"));
		g_autofree char *safe = g_str_to_ascii(line, "C");

		r = kg_error_set(err, KG_E_TOOL, STAGE, "%s does not answer as bpftrace does: \"%.60s\"", path, safe);
		kg_error_hint(err, INSTALL);
		return r;
	}
	tool.path = g_steal_pointer(&path);
	tool.text = g_strndup(out->str, strcspn(out->str, "\n"));
	*ret = tool;
	return 0;
}

static void add_pair(GPtrArray *v, const char *option, char *value)
{
	g_ptr_array_add(v, g_strdup(option));
	g_ptr_array_add(v, value);
}

char **kg_bpftrace_argv(const struct kg_bpftrace_call *call)
{
	GPtrArray *v = g_ptr_array_new();

	g_ptr_array_add(v, g_strdup(call->tool->path));
	for (const char *const *o = call->options; o && *o; o++)
		g_ptr_array_add(v, g_strdup(*o));
	if (call->allow_unsafe)
		g_ptr_array_add(v, g_strdup("--unsafe"));
	if (call->pid > 0)
		add_pair(v, "-p", g_strdup_printf("%d", call->pid));
	if (call->command)
		add_pair(v, "-c", g_strdup(call->command));
	g_ptr_array_add(v, g_strdup(KG_BPFTRACE_FILE));
	for (const char *const *a = call->args; a && *a; a++)
		g_ptr_array_add(v, g_strdup(*a));
	g_ptr_array_add(v, NULL);
	return (char **)g_ptr_array_free(v, FALSE);
}

static void add_limit(GPtrArray *env, const char *name, const char *newer, int value)
{
	if (value <= 0)
		return;
	g_ptr_array_add(env, g_strdup_printf("%s=%d", name, value));
	if (newer)
		g_ptr_array_add(env, g_strdup_printf("%s=%d", newer, value));
}

/* bpftrace itself needs little: where programs are, the time zone for strftime(), and messages in English. */
static gboolean keeps(const char *entry, gboolean all)
{
	static const char *const few[] = {"PATH=", "HOME=", "TZ=", "TMPDIR="};

	if (g_str_has_prefix(entry, "BPFTRACE_"))
		return FALSE;
	if (all)
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(few); i++)
		if (g_str_has_prefix(entry, few[i]))
			return TRUE;
	return FALSE;
}

char **kg_bpftrace_env(const struct kg_bpftrace_call *call)
{
	const struct kg_bpftrace_limits *l = call->limits;
	GPtrArray *env = g_ptr_array_new();

	for (char **e = environ; e && *e; e++)
		if (keeps(*e, call->command != NULL))
			g_ptr_array_add(env, g_strdup(*e));
	if (!call->command)
		g_ptr_array_add(env, g_strdup("LC_ALL=C"));
	if (l) {
		add_limit(env, "BPFTRACE_STRLEN", "BPFTRACE_MAX_STRLEN", l->strlen);
		add_limit(env, "BPFTRACE_MAP_KEYS_MAX", "BPFTRACE_MAX_MAP_KEYS", l->map_keys_max);
		add_limit(env, "BPFTRACE_MAX_PROBES", NULL, l->max_probes);
		add_limit(env, "BPFTRACE_PERF_RB_PAGES", NULL, l->rb_pages);
		/* one program for each attach point at most */
		add_limit(env, "BPFTRACE_MAX_BPF_PROGS", NULL, l->max_probes);
	}
	for (const char *const *e = call->env; e && *e; e++)
		g_ptr_array_add(env, g_strdup(*e));
	g_ptr_array_add(env, NULL);
	return (char **)g_ptr_array_free(env, FALSE);
}

/* bpftrace 0.17 cuts the command at spaces and knows no quotes, and takes ELF files only: quotes that are not needed are taken off, those that are can't be had. */
int kg_bpftrace_command(const char *command, char **ret, struct kg_error *err)
{
	g_auto(GStrv) argv = NULL;
	char *path;
	int r;

	if (!g_shell_parse_argv(command, NULL, &argv, NULL))
		return kg_error_set(err, KG_E_INVAL, STAGE, "the command can't be read: a quote is not closed, or it is empty");
	for (char **a = argv; *a; a++) {
		if (**a && !strpbrk(*a, " \t\n"))
			continue;
		r = kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "bpftrace can't pass an argument that is empty or has a space in it: '%s'", *a);
		kg_error_hint(err, "put the command into a script and run that: sh SCRIPT");
		return r;
	}
	/* bpftrace looks a name up in places of its own, and stops where two of them have it */
	path = g_find_program_in_path(argv[0]);
	if (!path)
		return kg_error_set(err, KG_E_NOTFOUND, STAGE, "there is no program '%s'", argv[0]);
	g_free(argv[0]);
	argv[0] = path;
	*ret = g_strjoinv(" ", argv);
	return 0;
}

int kg_bpftrace_input_open(const char *program, const struct kg_bpftrace *tool, const char *command, struct kg_bpftrace_input *ret,
			   struct kg_error *err)
{
	int r = 0;

	*ret = (struct kg_bpftrace_input){.tool = tool ? tool : &ret->found, .program = -1};
	if (command)
		r = kg_bpftrace_command(command, &ret->command, err);
	if (r == 0 && !tool)
		r = kg_bpftrace_find(&ret->found, err);
	if (r == 0) {
		ret->program = kg_child_memfd("program.bt", program, strlen(program));
		if (ret->program < 0)
			r = kg_error_set(err, KG_E_IO, STAGE, "can't make a memory file: %s", g_strerror(errno));
	}
	if (r)
		kg_bpftrace_input_clear(ret);
	return r;
}

void kg_bpftrace_input_clear(struct kg_bpftrace_input *in)
{
	kg_bpftrace_clear(&in->found);
	g_clear_pointer(&in->command, g_free);
	if (in->program >= 0)
		close(in->program);
	in->program = -1;
}
