/* Programs that the sandbox calls: the package manager, the dynamic loader, decompressors. */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const passed_on[] = {"PATH", "HOME", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "APT_CONFIG"};

char *tool_find(const char *name)
{
	static const char *const more[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
	char *path = g_find_program_in_path(name);

	for (gsize i = 0; !path && i < G_N_ELEMENTS(more); i++) {
		g_autofree char *at = g_build_filename(more[i], name, NULL);

		if (g_file_test(at, G_FILE_TEST_IS_EXECUTABLE))
			path = g_strdup(at);
	}
	return path;
}

static char **make_env(void)
{
	char **env = g_new0(char *, G_N_ELEMENTS(passed_on) + 2);
	gsize n = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(passed_on); i++)
		if (g_getenv(passed_on[i]))
			env[n++] = g_strdup_printf("%s=%s", passed_on[i], g_getenv(passed_on[i]));
	env[n] = g_strdup("LC_ALL=C");
	return env;
}

static int enter_dir(void *dir)
{
	return chdir(dir) ? 1 : 0;
}

/* The last line that says something; warnings and notes only where there is nothing else. */
static char *last_line(const GString *text)
{
	const char *s = text->str, *end = s + text->len;
	struct kg_text_line line, best = {0};

	while (kg_text_next_line(&s, end, &line)) {
		gboolean is_warning = line.len > 2 && (!strncmp(line.s, "W:", 2) || !strncmp(line.s, "N:", 2));

		if (line.len && (!is_warning || !best.len))
			best = line;
	}
	GString *out = g_string_new(NULL);

	kg_text_escape(best.len ? best.s : "it did not say why", best.len ? (gssize)MIN(best.len, 300) : -1, out);
	return g_string_free(out, FALSE);
}

static int judge(const struct tool_call *call, const struct kg_child *c, enum kg_child_end end, const GString *errors, struct kg_error *err)
{
	const char *name = call->argv[0];

	if (end == KG_CHILD_TIMED_OUT)
		return kg_error_set(err, KG_E_TOOL, STAGE, "%s did not end within %d s", name, (call->timeout_ms + 999) / 1000);
	if (end == KG_CHILD_TOO_MUCH)
		return kg_error_set(err, KG_E_TOOL, STAGE, "%s wrote more than %zu bytes", name, call->max);
	if (!WIFEXITED(c->wstatus) || WEXITSTATUS(c->wstatus)) {
		g_autofree char *how = kg_child_status_text(c->wstatus), *why = last_line(errors);

		return kg_error_set(err, KG_E_TOOL, STAGE, "%s %s: %s", name, how, why);
	}
	return 0;
}

int tool_run(const struct tool_call *call, GString **ret, struct kg_error *err)
{
	g_autofree char *path = tool_find(call->argv[0]);
	g_auto(GStrv) env = make_env();
	struct kg_child child = KG_CHILD_INIT;

	if (!path) {
		kg_error_set(err, KG_E_TOOL, STAGE, "%s is not installed", call->argv[0]);
		if (call->package)
			kg_error_hint(err, "sudo apt-get install %s", call->package);
		return -KG_E_TOOL;
	}
	g_autofree const char **argv = g_memdup2(call->argv, (g_strv_length((char **)call->argv) + 1) * sizeof(char *));

	argv[0] = path;
	struct kg_child_opts opts = {.argv = argv, .env = (const char *const *)env, .prepare = call->dir ? enter_dir : NULL,
				     .user = (void *)call->dir};
	int r = kg_child_start(&opts, &child, NULL, err);

	if (r)
		return r;
	GString *out = g_string_new(NULL);
	g_autoptr(GString) errors = g_string_new(NULL);
	enum kg_child_end end = kg_child_collect(&child, call->timeout_ms, call->max, out, errors);

	r = judge(call, &child, end, errors, err);
	if (r || !ret)
		g_string_free(out, TRUE);
	else
		*ret = out;
	return r;
}
