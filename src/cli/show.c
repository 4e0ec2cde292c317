/* Showing: see show.h. */
#include "show.h"

#include <kgent/kernels.h>
#include <kgent/load.h>
#include <kgent/text.h>

#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Profiles of sandboxes with the running kernel: they have what an ordinary user can't see. NULL-terminated. */
static GPtrArray *same_kernels(void)
{
	GPtrArray *dirs = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) all = NULL;
	struct utsname u;

	if (geteuid() != 0 && !uname(&u) && !kg_kernels_list(NULL, &all, NULL))
		for (guint i = 0; i < all->len; i++) {
			const struct kg_kernel *k = all->pdata[i];

			if (!strcmp(k->release, u.release))
				g_ptr_array_add(dirs, g_strdup(k->profile));
		}
	g_ptr_array_add(dirs, NULL);
	return dirs;
}

int kg_cli_profile(const struct kg_cli *cli, const char *dir, struct kg_profile **ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) same = same_kernels();
	struct kg_profile_opts opts = {.dir = dir, .same = (const char *const *)same->pdata};
	_cleanup_error_ struct kg_error mount_err = {0};

	if (!dir && geteuid() == 0 && !kg_tracefs_is_mounted()) {
		int mounted = kg_tracefs_private_mount(&mount_err);
		if (mounted > 0)
			kg_cli_note(cli, "tracefs was not mounted; it is now, at /sys/kernel/tracing, for this process alone");
		else if (mounted < 0)
			kg_cli_note(cli, "tracefs is not mounted and could not be: %s", mount_err.msg);
	}
	return kg_profile_open(&opts, ret, err);
}

char *kg_cli_profile_dir(const char *kernel, const char *profile, struct kg_error *err)
{
	struct kg_kernel *k = NULL;
	char *dir;

	if (kernel && profile) {
		kg_error_set(err, KG_E_INVAL, "options", "--kernel and --profile exclude each other");
		return NULL;
	}
	if (!kernel)
		return g_strdup(profile);
	if (kg_kernel_find(NULL, kernel, &k, err))
		return NULL;
	dir = g_strdup(k->profile);
	kg_kernel_free(k);
	return dir;
}

void kg_cli_progress(void *cli, const char *what)
{
	kg_cli_note(cli, "%s", what);
}

void kg_show_program(const char *text, gsize len, gboolean color, GString *out)
{
	if (color)
		kg_bt_highlight(text, len, out);
	else
		kg_text_escape_lines(text, len, out);
	if (out->len && out->str[out->len - 1] != '\n')
		g_string_append_c(out, '\n');
}

void kg_show_findings(const GPtrArray *diags, const char *file, const char *text, gboolean color, GString *out)
{
	if (diags->len)
		kg_diags_render(diags, file, text, color, out);
}

char *kg_show_missing_privilege(const struct kg_cli *cli, const struct kg_verdict *verdict)
{
	const struct kg_check *load = kg_verdict_find(verdict, "kernel verifier");
	g_autofree char *why = NULL, *mend = NULL;

	if (verdict->word != KG_VERDICT_UNLOADED || load->result == KG_CHECK_PASSED || kg_load_possible(&why, &mend))
		return NULL;
	/* Somebody else's problem (a container without the capability) has its own line. */
	return geteuid() == 0 ? g_steal_pointer(&mend) : kg_cli_sudo(cli);
}

void kg_show_exact_mends(const struct kg_cli *cli, const struct kg_verdict *verdict)
{
	for (guint i = 0; i < verdict->checks->len; i++) {
		struct kg_check *check = verdict->checks->pdata[i];
		if (g_strcmp0(check->mend, "sudo kgent ..."))
			continue;
		g_free(check->mend);
		check->mend = kg_cli_sudo(cli);
	}
}

int kg_show_exit(const struct kg_verdict *verdict, gboolean is_static)
{
	if (verdict->is_policy)
		return KG_EXIT_POLICY;
	switch (verdict->word) {
	case KG_VERDICT_PROVED:
	case KG_VERDICT_CHECKED:
	case KG_VERDICT_LOADED:
		return KG_EXIT_OK;
	case KG_VERDICT_UNLOADED:
		return is_static ? KG_EXIT_OK : KG_EXIT_ENVIRONMENT;
	default:
		return KG_EXIT_NOT_VERIFIED;
	}
}

void kg_show_list(const char *before, const GPtrArray *list, const char *quote, GString *out)
{
	if (!list || !list->len)
		return;
	g_string_append(out, before);
	for (guint i = 0; i < list->len; i++) {
		g_string_append(out, quote);
		kg_text_escape(list->pdata[i], -1, out);
		g_string_append_printf(out, "%s%s", quote, i + 1 < list->len ? ", " : "\n");
	}
}

void kg_show_refusal(const struct kg_refusal *refusal, const char *hint)
{
	g_autoptr(GString) out = g_string_new("kgent: ");

	kg_text_escape(refusal->why, -1, out);
	g_string_append_c(out, '\n');
	kg_show_list("  words not understood: ", refusal->left, "\"", out);
	if (refusal->close && refusal->close->len) {
		g_string_append(out, "  what can be asked instead:\n");
		for (guint i = 0; i < refusal->close->len; i++) {
			g_string_append(out, "    ");
			kg_text_escape(refusal->close->pdata[i], -1, out);
			g_string_append_c(out, '\n');
		}
	}
	if (hint)
		g_string_append_printf(out, "  %s\n", hint);
	kg_cli_err(out->str);
}
