/*
 * What needs no model. Each mend is an edit of the text at the place of a node, so that everything else of the program stays as it was
 * written. All edits of one pass are tried together, and kept only if the checks then find fewer errors.
 */
#include "internal.h"

#include <string.h>

#define MAX_PASSES 3

struct edit {
	guint32 off, end;
	char *text;
	char *note;
};

struct mending {
	const char *text;
	struct kg_profile *profile;
	const struct kg_bt_version *version;
	const struct kg_bt_program *program;
	GArray *edits; /* struct edit */
};

static void edit_clear(gpointer data)
{
	struct edit *e = data;

	g_free(e->text);
	g_free(e->note);
}

static void add(struct mending *m, guint32 off, guint32 end, const char *text, char *why)
{
	struct edit e = {off, end, g_strdup(text), why};

	g_array_append_val(m->edits, e);
}

static gboolean is_older(const struct kg_bt_version *v, int minor)
{
	return v && v->major == 0 && v->minor < minor;
}

/* ---------------------------------------------------------------- attach points */

/* "tcp:x" where the kernel has it as "sock:x" and nowhere else: the group moved. */
static char *moved_tracepoint(struct mending *m, const struct kg_bt_attach *a)
{
	const char *name = a->parts->len ? a->parts->pdata[a->parts->len - 1] : "";
	g_autofree char *pattern = g_strdup_printf("*:%s", name);
	g_autoptr(GPtrArray) found = *name ? kg_profile_match(m->profile, KG_PROBE_TRACEPOINT, pattern, 2) : NULL;

	return found && found->len == 1 ? g_strdup(found->pdata[0]) : NULL;
}

static void mend_target(struct mending *m, const struct kg_bt_attach *a)
{
	struct kg_point *pt = NULL;
	g_autofree char *target = NULL;

	if (!m->profile || a->is_wildcard || !kg_profile_find(m->profile, a->kind, a->target, &pt, NULL)) {
		kg_point_free(pt);
		return;
	}
	/* a kernel function with nearly the same name (__vfs_read) is another function: which one is meant is the model's to say */
	if (a->kind == KG_PROBE_TRACEPOINT)
		target = moved_tracepoint(m, a);
	if (!target || a->end <= a->off)
		return;
	g_autofree char *whole = g_strdup_printf("%s:%s", a->kind_text, target);
	add(m, a->off, a->end, whole, g_strdup_printf("%s is called %s on this kernel", a->raw, whole));
}

/* The names fentry and fexit came with 0.20; before, they were kfunc and kretfunc. */
static void mend_kind(struct mending *m, const struct kg_bt_attach *a)
{
	const char *old = a->kind == KG_PROBE_FENTRY ? "kfunc" : "kretfunc", *new = a->kind == KG_PROBE_FENTRY ? "fentry" : "fexit";

	if ((a->kind != KG_PROBE_FENTRY && a->kind != KG_PROBE_FEXIT) || !is_older(m->version, 20) || strcmp(a->kind_text, new))
		return;
	add(m, a->off, a->off + (guint32)strlen(new), old, g_strdup_printf("%s is called %s in the installed bpftrace", new, old));
}

/* ---------------------------------------------------------------- fields of args */

static gboolean is_args(const struct kg_bt_node *node)
{
	return node->kind == KG_BT_BUILTIN && !g_strcmp0(node->text, "args");
}

/* What one field is called in one release and another one in the next: a system call's number, a block request's error. */
static const struct {
	const char *one, *other;
} renamed[] = {{"nr", "__syscall_nr"}, {"errors", "error"}};

static char *fold(const char *name)
{
	GString *out = g_string_new(NULL);

	for (; *name; name++)
		if (*name != '_')
			g_string_append_c(out, g_ascii_tolower(*name));
	return g_string_free(out, FALSE);
}

static gboolean is_renaming(const char *a, const char *b)
{
	g_autofree char *x = fold(a), *y = fold(b);

	if (!strcmp(x, y))
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(renamed); i++)
		if ((!strcmp(a, renamed[i].one) && !strcmp(b, renamed[i].other)) || (!strcmp(b, renamed[i].one) && !strcmp(a, renamed[i].other)))
			return TRUE;
	return FALSE; /* names that only look alike mean something else: saddr and daddr */
}

/* The one field of the attach points that is surely meant by [name]; NULL: none, or [name] is one itself. Borrowed from the profile. */
static const char *field_meant(struct mending *m, const struct kg_bt_probe *probe, const char *name)
{
	const char *meant = NULL;

	for (guint i = 0; i < probe->attach->len; i++) {
		const struct kg_bt_attach *a = probe->attach->pdata[i];
		const GPtrArray *fields = a->is_wildcard ? NULL : kg_profile_fields(m->profile, a->kind, a->target);
		if (!fields)
			return NULL;
		for (guint j = 0; j < fields->len; j++) {
			const struct kg_field *f = fields->pdata[j];
			if (!strcmp(f->name, name))
				return NULL;
			if (!is_renaming(f->name, name) || (meant && !strcmp(meant, f->name)))
				continue;
			if (meant)
				return NULL;
			meant = f->name;
		}
	}
	return meant;
}

struct member_walk {
	struct mending *m;
	const struct kg_bt_probe *probe;
};

static void mend_member(struct member_walk *w, const struct kg_bt_node *node)
{
	struct mending *m = w->m;
	const struct kg_bt_node *object = node->kids->pdata[0];
	gboolean has_arrow = node->op == KG_BT_ARROW;
	const char *field = m->profile && w->probe ? field_meant(m, w->probe, node->text) : NULL;
	gboolean wants_arrow = !has_arrow && is_older(m->version, 19);

	if (object->end >= node->end || (!field && !wants_arrow))
		return;
	g_autofree char *text = g_strdup_printf("%s%s", has_arrow || wants_arrow ? "->" : ".", field ? field : node->text);
	char *why = field ? g_strdup_printf("args->%s is args->%s on this kernel", node->text, field) :
			    g_strdup_printf("args.%s is written args->%s for the installed bpftrace", node->text, node->text);
	add(m, object->end, node->end, text, why);
}

static void mend_tree(struct member_walk *w, const struct kg_bt_node *node)
{
	if (!node)
		return;
	if (node->kind == KG_BT_MEMBER && node->kids && node->kids->len && is_args(node->kids->pdata[0]))
		mend_member(w, node);
	for (guint i = 0; node->kids && i < node->kids->len; i++)
		mend_tree(w, node->kids->pdata[i]);
}

/* ---------------------------------------------------------------- passes */

static gint last_first(gconstpointer a, gconstpointer b)
{
	const struct edit *x = a, *y = b;

	return x->off < y->off ? 1 : x->off > y->off ? -1 : 0;
}

static char *apply(struct mending *m)
{
	GString *out = g_string_new(m->text);
	guint32 before = G_MAXUINT32;

	g_array_sort(m->edits, last_first);
	for (guint i = 0; i < m->edits->len; i++) {
		const struct edit *e = &g_array_index(m->edits, struct edit, i);
		if (e->end > before || e->end > out->len || e->off > e->end)
			continue;
		g_string_erase(out, e->off, e->end - e->off);
		g_string_insert(out, e->off, e->text);
		before = e->off;
	}
	return g_string_free(out, FALSE);
}

static guint errors_of(const char *text, struct kg_profile *profile, const struct kg_bt_version *version)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	guint n = G_MAXUINT;

	if (!kg_bt_parse(text, strlen(text), diags, &program)) {
		kg_bt_check(program, profile, version, diags);
		n = kg_diags_errors(diags);
	}
	kg_bt_free(program);
	return n;
}

static void collect(struct mending *m)
{
	for (guint i = 0; i < m->program->probes->len; i++) {
		const struct kg_bt_probe *probe = m->program->probes->pdata[i];
		struct member_walk w = {m, probe};
		for (guint j = 0; j < probe->attach->len; j++) {
			mend_target(m, probe->attach->pdata[j]);
			mend_kind(m, probe->attach->pdata[j]);
		}
		mend_tree(&w, probe->predicate);
		mend_tree(&w, probe->block);
	}
}

/* One pass; NULL: nothing to mend, or it did not help. */
static char *pass(const char *text, struct kg_profile *profile, const struct kg_bt_version *version, GPtrArray *notes)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_bt_program *program = NULL;
	struct mending m = {.text = text, .profile = profile, .version = version, .edits = g_array_new(FALSE, TRUE, sizeof(struct edit))};
	char *mended = NULL;

	g_array_set_clear_func(m.edits, edit_clear);
	if (!kg_bt_parse(text, strlen(text), diags, &program)) {
		m.program = program;
		collect(&m);
	}
	if (m.edits->len) {
		mended = apply(&m);
		if (errors_of(mended, profile, version) >= errors_of(text, profile, version))
			g_clear_pointer(&mended, g_free);
	}
	for (guint i = m.edits->len; mended && i > 0; i--) {
		struct edit *e = &g_array_index(m.edits, struct edit, i - 1);
		if (!g_ptr_array_find_with_equal_func(notes, e->note, g_str_equal, NULL))
			g_ptr_array_add(notes, g_steal_pointer(&e->note));
	}
	kg_bt_free(program);
	g_array_unref(m.edits);
	return mended;
}

char *kg_answer_mend(const char *program, struct kg_profile *profile, const struct kg_bt_version *version, GPtrArray *notes)
{
	char *best = NULL;

	for (int i = 0; i < MAX_PASSES; i++) {
		char *next = pass(best ? best : program, profile, version, notes);
		if (!next)
			break;
		g_free(best);
		best = next;
	}
	return best;
}
