/* Compiling and loading in a sandbox: see boxed.h. */
#include "boxed.h"

#include <kgent/kernels.h>

#include <string.h>
#include <sys/utsname.h>

struct kg_sandbox *boxed_open(struct boxed *b, struct kg_error *err)
{
	struct kg_sandbox_opts opts = {.kernel = b->kernel, .progress = b->opts->progress, .user = b->opts->user};

	if (!b->box)
		b->box = b->opts->sandbox;
	if (!b->box && !kg_sandbox_open(&opts, &b->own, err))
		b->box = b->own;
	return b->box;
}

void boxed_clear(struct boxed *b)
{
	if (b->has_result)
		kg_load_result_clear(&b->result);
	kg_sandbox_free(b->own);
	*b = (struct boxed){0};
}

static void could_not(struct boxed *b, struct kg_error *err)
{
	b->result = (struct kg_load_result){.outcome = KG_LOAD_NOT_CHECKED, .n_probes = -1, .why = g_strdup(err->msg),
					    .mend = g_strdup(err->hint), .finding.insn_index = -1, .diags = kg_diags_new()};
}

/* bpftrace tells which attach point was refused, and not where it stands. */
static void add_places(const struct kg_load_result *res, const struct kg_bt_program *program)
{
	const struct kg_bt_attach *attach = res->probe && program ? boxed_find_attach(program, res->probe) : NULL;

	for (guint i = 0; attach && i < res->diags->len; i++) {
		struct kg_diag *d = res->diags->pdata[i];

		if (d->severity == KG_ERROR && !d->loc.line)
			d->loc = attach->loc;
	}
}

const struct kg_load_result *boxed_load(struct boxed *b, const char *text, const struct kg_load_opts *opts, const struct kg_bt_program *program)
{
	_cleanup_error_ struct kg_error err = {0};

	if (b->has_result)
		return &b->result;
	b->has_result = TRUE;
	struct kg_sandbox *box = boxed_open(b, &err);

	if (!box || kg_sandbox_load(box, text, opts, &b->result, &err))
		could_not(b, &err);
	else
		add_places(&b->result, program);
	return &b->result;
}

gboolean boxed_is_compiler(const struct kg_load_result *res)
{
	return res->outcome == KG_LOAD_REFUSED && !res->probe && res->n_probes < 0;
}

/* "kprobe:tcp_connect" for what may be written k:tcp_connect, and "kfunc:vmlinux:vfs_read" for fentry:vfs_read. */
static gboolean is_named(const struct kg_bt_attach *a, const char *probe)
{
	const struct kg_probe_info *info = kg_probe_info(a->kind);
	const char *colon = strchr(probe, ':'), *last = strrchr(probe, ':'), *target = strrchr(a->target, ':');
	g_autofree char *kind = g_strndup(probe, colon ? (gsize)(colon - probe) : strlen(probe));

	if (!info || a->is_wildcard || (strcmp(kind, info->name) && strcmp(kind, info->modern)))
		return FALSE;
	if (!colon)
		return !*a->target;
	return !strcmp(colon + 1, a->target) || (info->is_kernel_function && !strcmp(last + 1, target ? target + 1 : a->target));
}

const struct kg_bt_attach *boxed_find_attach(const struct kg_bt_program *program, const char *probe)
{
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *p = program->probes->pdata[i];

		for (guint j = 0; j < p->attach->len; j++)
			if (is_named(p->attach->pdata[j], probe))
				return p->attach->pdata[j];
	}
	return NULL;
}

char *boxed_running_kernel(const struct kg_check_opts *opts)
{
	g_autoptr(GPtrArray) all = NULL;
	struct utsname u;

	if (opts->no_sandbox || uname(&u) || kg_kernels_list(NULL, &all, NULL))
		return NULL;
	for (guint i = 0; i < all->len; i++) {
		const struct kg_kernel *k = all->pdata[i];

		if (!strcmp(k->release, u.release))
			return g_strdup(k->name);
	}
	return NULL;
}
