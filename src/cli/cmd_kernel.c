/*
 * kgent kernel: the kernels that can be booted in a sandbox. Each word behind it is a row of `actions`.
 */
#include "cli.h"
#include "options.h"
#include "show.h"

#include <kgent/kernels.h>
#include <kgent/text.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct kg_option kg_kernel_options[] = {
	{"name", 0, "NAME", "add: call it so, instead of by its release"},
	{"module", 0, "NAME", "add: load this module in it as well, and take its events into the profile; repeatable"},
	{"modules-dir", 0, "DIR", "add: of a kernel image: its lib/modules/RELEASE"},
	{"force", 0, NULL, "add: replace a kernel of that name"},
	{NULL},
};

const char kg_kernel_more[] =
	"  kgent kernel add WHAT      fetch a kernel, boot it once in a virtual machine, and keep its profile\n"
	"  kgent kernel list          what there is\n"
	"  kgent kernel show NAME     more about one\n"
	"  kgent kernel remove NAME   remove it with its profile and saved states\n"
	"  sudo kgent kernel share    let all users of this machine see the running kernel's tracepoints, as their fields are\n"
	"\n"
	"WHAT is a version (6.12: the newest package of it), latest, running, a package (linux-image-...), a package file\n"
	"(./linux-image.deb) or a kernel image (./vmlinuz). Packages come from this machine's package sources; no root is needed.\n"
	"Other commands take such a kernel with --kernel NAME.\n";

struct kernel_args {
	const char *action;
	const char *what;
	const char *name;
	const char *modules_dir;
	gboolean force;
	GPtrArray *modules;
};

static int take_operand(struct kernel_args *args, const char *value, struct kg_error *err)
{
	if (!args->action)
		args->action = value;
	else if (!args->what)
		args->what = value;
	else
		return kg_error_set(err, KG_E_INVAL, "options", "kernel %s takes one name", args->action);
	return 0;
}

static int parse_args(int argc, char **argv, struct kernel_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_kernel_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG || (found == KG_OPTION_OPERAND && take_operand(args, walk.value, err)))
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND)
			continue;
		if (!strcmp(option->name, "name"))
			args->name = walk.value;
		else if (!strcmp(option->name, "module"))
			g_ptr_array_add(args->modules, (gpointer)walk.value);
		else if (!strcmp(option->name, "modules-dir"))
			args->modules_dir = walk.value;
		else
			args->force = TRUE;
	}
	g_ptr_array_add(args->modules, NULL);
	return 0;
}

static json_t *kernel_json(const struct kg_kernel *k)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I}", "name", k->name, "release", k->release, "from", k->from, "added", k->added,
			 "dir", k->dir, "profile", k->profile, "modules", (int)k->n_modules, "bytes", (json_int_t)k->size_bytes, "state_bytes",
			 (json_int_t)k->states_bytes);
}

static json_t *problem_json(const struct kg_error *err)
{
	g_autofree char *msg = err ? g_utf8_make_valid(err->msg ? err->msg : "", -1) : NULL;
	g_autofree char *hint = err && err->hint ? g_utf8_make_valid(err->hint, -1) : NULL;

	return err ? json_pack("{s:s, s:s, s:s?}", "kind", kg_errc_name(err->code), "message", msg, "hint", hint) : json_null();
}

/* {"type": "kernels", "kernels": [...], "problem": null, "exit": 0}; [exit] comes back, or that it could not be written. */
static int out_json(json_t *kernels, const struct kg_error *problem, int exit)
{
	json_t *o = json_pack("{s:s, s:o, s:o, s:i}", "type", "kernels", "kernels", kernels, "problem", problem_json(problem), "exit", exit);
	char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	g_autofree char *line = g_strconcat(text ? text : "{}", "\n", NULL);

	free(text);
	json_decref(o);
	return kg_cli_out(line) ? exit : KG_EXIT_OUTPUT;
}

/* --- the actions --- */

static int one_json(const struct kg_kernel *k)
{
	json_t *list = json_array();

	json_array_append_new(list, kernel_json(k));
	return out_json(list, NULL, KG_EXIT_OK);
}

static int add(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err)
{
	struct kg_kernel_add_opts opts = {.what = args->what, .name = args->name, .modules = (const char *const *)args->modules->pdata,
					  .modules_dir = args->modules_dir, .replaces = args->force, .progress = kg_cli_progress, .user = (void *)cli};
	struct kg_kernel *k = NULL;
	int r = kg_kernel_add(&opts, &k, err);

	if (r)
		return r;
	if (cli->json)
		r = one_json(k);
	else
		kg_cli_note(cli, "added %s; use it with --kernel %s", k->name, k->name);
	kg_kernel_free(k);
	return r;
}

static char *mebibytes(guint64 bytes)
{
	return g_strdup_printf("%" G_GUINT64_FORMAT " MiB", (bytes + (1 << 19)) >> 20);
}

static int list(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err)
{
	g_autoptr(GPtrArray) all = NULL;
	g_autoptr(GString) out = g_string_new(NULL);
	json_t *kernels = json_array();
	int r = kg_kernels_list(NULL, &all, err), width = 0;

	for (guint i = 0; !r && i < all->len; i++)
		width = MAX(width, (int)strlen(((struct kg_kernel *)all->pdata[i])->name));
	for (guint i = 0; !r && i < all->len; i++) {
		const struct kg_kernel *k = all->pdata[i];
		g_autofree char *size = mebibytes(k->size_bytes), *states = mebibytes(k->states_bytes);

		json_array_append_new(kernels, kernel_json(k));
		g_string_append_printf(out, "%-*s  added %.10s  %s, saved states %s\n", width, k->name, k->added, size, states);
	}
	if (!r && cli->json)
		return out_json(kernels, NULL, KG_EXIT_OK);
	json_decref(kernels);
	if (!r && !all->len)
		kg_cli_note(cli, "there are no kernels yet; kgent kernel add latest fetches one");
	return r ? r : kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
}

static void show_sources(const struct kg_profile *p, GString *out)
{
	static const char *const states[] = {"", "in part: ", "missing: "};
	const GPtrArray *sources = kg_profile_sources(p);

	for (guint i = 0; i < sources->len; i++) {
		const struct kg_source *s = sources->pdata[i];

		if (strcmp(s->name, "cache"))
			g_string_append_printf(out, "  %-12s %s%u%s%s\n", s->name, states[s->state], s->n, s->why ? "; " : "", s->why ?: "");
	}
}

static int show(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	struct kg_kernel *k = NULL;
	struct kg_profile *p = NULL;
	int r = kg_kernel_find(NULL, args->what, &k, err);

	if (!r && cli->json) {
		r = one_json(k);
		kg_kernel_free(k);
		return r;
	}
	if (!r) {
		const struct kg_profile_opts opts = {.dir = k->profile};

		r = kg_profile_open(&opts, &p, err);
	}
	if (!r) {
		g_string_append_printf(out, "%s\n  release      %s\n  from         %s\n  added        %s\n  profile      %s\n", k->name, k->release, k->from,
				       k->added, k->profile);
		show_sources(p, out);
		r = kg_cli_out(out->str) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
	}
	kg_profile_free(p);
	kg_kernel_free(k);
	return r;
}

static int remove_kernel(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err)
{
	int r = kg_kernel_remove(NULL, args->what, err);

	if (!r && cli->json)
		return out_json(json_array(), NULL, KG_EXIT_OK);
	if (!r)
		kg_cli_note(cli, "removed %s", args->what);
	return r;
}

static int share(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err)
{
	struct kg_profile *p = NULL;
	g_autofree char *dir = NULL;
	int r = kg_cli_profile(cli, NULL, &p, err);

	(void)args;
	if (!r)
		r = kg_profile_share(p, &dir, err);
	if (r == -KG_E_PERM && geteuid() != 0)
		kg_error_hint(err, "sudo kgent kernel share");
	kg_profile_free(p);
	if (!r && cli->json)
		return out_json(json_array(), NULL, KG_EXIT_OK);
	if (!r)
		kg_cli_note(cli, "all users of this machine can now check tracepoint programs for the running kernel: %s", dir);
	return r;
}

static const struct action {
	const char *name;
	gboolean takes_name;
	int (*run)(const struct kg_cli *cli, const struct kernel_args *args, struct kg_error *err); /* a kg_exit, or a negative error */
} actions[] = {
	{"add", TRUE, add},
	{"list", FALSE, list},
	{"show", TRUE, show},
	{"remove", TRUE, remove_kernel},
	{"share", FALSE, share},
};

static const struct action *find_action(const struct kernel_args *args, struct kg_error *err)
{
	for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
		if (g_strcmp0(args->action, actions[i].name))
			continue;
		if (actions[i].takes_name && !args->what)
			kg_error_set(err, KG_E_INVAL, "options", "kernel %s what?", args->action);
		else if (!actions[i].takes_name && args->what)
			kg_error_set(err, KG_E_INVAL, "options", "kernel %s takes no name", args->action);
		else
			return &actions[i];
		return NULL;
	}
	if (args->action)
		kg_error_set(err, KG_E_INVAL, "options", "there is no kernel %s: add, list, show, remove and share are there", args->action);
	else
		kg_error_set(err, KG_E_INVAL, "options", "kernel add, list, show, remove or share?");
	return NULL;
}

int kg_cmd_kernel(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) modules = g_ptr_array_new();
	struct kernel_args args = {.modules = modules};

	if (parse_args(argc, argv, &args, &err))
		return kg_cli_usage(cli, "kernel", &err);
	const struct action *action = find_action(&args, &err);

	if (!action)
		return kg_cli_usage(cli, "kernel", &err);
	int r = action->run(cli, &args, &err);

	if (r >= 0)
		return r;
	kg_cli_error(cli, &err);
	return cli->json ? out_json(json_array(), &err, kg_cli_exit(&err)) : kg_cli_exit(&err);
}
