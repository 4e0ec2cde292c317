/*
 * Cards for what the kernel itself has a name for: any system call, tracepoint or function of the profile.
 *
 * A sentence may name them ("failed unlinkat calls", "sched:sched_migrate_task", "the kernel function vfs_fsync"). Their fields
 * come from the profile: the tracepoint's format, the function's arguments in BTF.
 */
#include "words.h"

#include <string.h>

/* System calls whose result is a number of bytes. Source: man pages, section 2, "RETURN VALUE". */
static const char *const returns_bytes[] = {
	"read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "preadv2", "pwritev2", "sendto", "recvfrom",
	"sendmsg", "recvmsg", "sendfile64", "sendfile", "splice", "tee", "vmsplice", "copy_file_range", "getrandom",
	"getxattr", "lgetxattr", "fgetxattr", "listxattr", "readlink", "readlinkat", "getdents", "getdents64",
	"process_vm_readv", "process_vm_writev", "mq_timedreceive",
};

/* System calls that do not come back to where they were called. */
static const char *const never_return[] = {"exit", "exit_group", "rt_sigreturn", "sigreturn"};

/* Arguments that name a file, under whatever name the kernel has for them. */
static const char *const path_names[] = {"filename", "pathname", "path", "name", "file_name", "fname", "dev_name", "oldname", "newname", "oldpath", "newpath"};

static gboolean in(const char *s, const char *const *list, gsize n)
{
	for (gsize i = 0; i < n; i++)
		if (!strcmp(s, list[i]))
			return TRUE;
	return FALSE;
}

static void value_free(void *p)
{
	struct kg_value_name *v = p;

	g_free(v->name);
	g_ptr_array_unref(v->says);
	g_free(v);
}

/* The card's parts are freed by kg_card_free(); the free functions of lists must be those of the cards' own reader. */
static void field_free(void *p)
{
	struct kg_card_field *f = p;

	g_free(f->name);
	g_free(f->about);
	g_ptr_array_unref(f->says);
	g_ptr_array_unref(f->values);
	g_free(f);
}

static void case_free(void *p)
{
	struct kg_card_case *c = p;

	g_free(c->when);
	g_free(c->expr);
	g_free(c);
}

static void expr_free(void *p)
{
	struct kg_card_expr *e = p;

	g_free(e->field);
	g_free(e->valid);
	g_ptr_array_unref(e->cases);
	g_free(e);
}

static void let_free(void *p)
{
	struct kg_card_let *l = p;

	g_free(l->name);
	g_free(l->expr);
	g_free(l);
}

static void site_free(void *p)
{
	struct kg_card_site *s = p;

	g_ptr_array_unref(s->at);
	g_ptr_array_unref(s->optional);
	g_ptr_array_unref(s->lets);
	g_ptr_array_unref(s->exprs);
	g_free(s->when);
	g_free(s->key);
	g_free(s->ok);
	g_free(s);
}

static void way_free(void *p)
{
	kg_card_way_free(p);
}

static struct kg_card_site *site_new(GPtrArray *list, const char *at, const char *key)
{
	struct kg_card_site *s = g_new0(struct kg_card_site, 1);

	s->at = g_ptr_array_new_with_free_func(g_free);
	s->optional = g_ptr_array_new_with_free_func(g_free);
	s->lets = g_ptr_array_new_with_free_func(let_free);
	s->exprs = g_ptr_array_new_with_free_func(expr_free);
	s->key = g_strdup(key);
	g_ptr_array_add(s->at, g_strdup(at));
	g_ptr_array_add(list, s);
	return s;
}

static struct kg_card_way *way_new(struct kg_card *card)
{
	struct kg_card_way *w = g_new0(struct kg_card_way, 1);

	w->begins = g_ptr_array_new_with_free_func(site_free);
	w->sites = g_ptr_array_new_with_free_func(site_free);
	w->binaries = g_ptr_array_new_with_free_func(g_free);
	w->context = card->context;
	w->is_same_task = TRUE;
	g_ptr_array_add(card->ways, w);
	return w;
}

static struct kg_card *card_new(const char *name, char *title, char *plural)
{
	struct kg_card *c = g_new0(struct kg_card, 1);

	c->name = g_strdup(name);
	c->title = title;
	c->plural = plural;
	c->about = g_strdup(title);
	c->area = g_strdup("named");
	c->says = g_ptr_array_new_with_free_func(g_free);
	c->says_done = g_ptr_array_new_with_free_func(g_free);
	c->context = KG_CONTEXT_TASK;
	c->heat = KG_HEAT_MEDIUM;
	c->fields = g_ptr_array_new_with_free_func(field_free);
	c->ways = g_ptr_array_new_with_free_func(way_free);
	c->file = g_strdup("");
	return c;
}

static void add_expr(struct kg_card_site *site, const char *field, const char *expr, const char *valid, gboolean is_late)
{
	struct kg_card_expr *e = g_new0(struct kg_card_expr, 1);
	struct kg_card_case *c = g_new0(struct kg_card_case, 1);

	e->field = g_strdup(field);
	e->valid = g_strdup(valid);
	e->is_late = is_late;
	e->cases = g_ptr_array_new_with_free_func(case_free);
	c->expr = g_strdup(expr);
	g_ptr_array_add(e->cases, c);
	g_ptr_array_add(site->exprs, e);
}

static struct kg_card_field *add_field(struct kg_card *card, const char *name, enum kg_unit unit, const char *says)
{
	struct kg_card_field *f = g_new0(struct kg_card_field, 1);
	g_auto(GStrv) list = g_strsplit(says, "|", -1);

	f->name = g_strdup(name);
	f->unit = unit;
	f->says = g_ptr_array_new_with_free_func(g_free);
	f->values = g_ptr_array_new_with_free_func(value_free);
	for (guint i = 0; list[i]; i++)
		if (*list[i])
			g_ptr_array_add(f->says, g_strdup(list[i]));
	g_ptr_array_add(card->fields, f);
	return f;
}

/* What a C type of the kernel means for showing it. */
static enum kg_unit unit_of(const struct kg_field *f)
{
	if (f->is_string)
		return KG_UNIT_STRING;
	if (f->is_pointer)
		return KG_UNIT_ADDRESS;
	return KG_UNIT_NONE;
}

static gboolean is_text_pointer(const struct kg_field *f)
{
	return f->is_pointer && (strstr(f->type, "char *") || strstr(f->type, "char*"));
}

static void syscall_argument(struct kg_card *card, struct kg_card_site *begin, const struct kg_field *f)
{
	g_autofree char *plain = g_strdup(f->name);
	g_autofree char *expr = NULL;
	g_strdelimit(plain, "_", ' ');
	g_autofree char *says = g_strconcat(plain, "|", plain, " argument", NULL);

	if (is_text_pointer(f) && strstr(f->type, "const")) {
		gboolean is_path = in(f->name, path_names, G_N_ELEMENTS(path_names));
		const char *name = is_path && !kg_card_field(card, "filename") && !g_str_has_prefix(f->name, "new") ? "filename" : f->name;
		g_autofree char *more = !strcmp(name, "filename")
						? g_strconcat(says, "|filename|file name|file|path|pathname|name of the file", NULL)
						: g_strdup(says);
		expr = g_strdup_printf("str(args->%s)", f->name);
		add_field(card, name, is_path ? KG_UNIT_PATH : KG_UNIT_STRING, more)->is_shown = TRUE;
		add_expr(begin, name, expr, NULL, TRUE);
		return;
	}
	expr = g_strdup_printf("args->%s", f->name);
	/* an argument called pid is somebody else's, and no key that "by pid" means */
	if (!strcmp(f->name, "pid") || !strcmp(f->name, "tid")) {
		g_autofree char *target = g_strconcat("target_", f->name, NULL);
		g_autofree char *target_says = g_strdup_printf("target|target %s|%s argument", f->name, f->name);
		add_field(card, target, KG_UNIT_NONE, target_says)->is_shown = TRUE;
		add_expr(begin, target, expr, NULL, FALSE);
		return;
	}
	if (!strcmp(f->name, "fd"))
		add_field(card, "fd", KG_UNIT_NONE, "fd|file descriptor|descriptor");
	else
		add_field(card, f->name, unit_of(f), says)->is_shown = !f->is_pointer;
	add_expr(begin, f->name, expr, NULL, FALSE);
}

struct kg_card *kg_card_for_syscall(struct kg_profile *p, const char *name)
{
	g_autofree char *full = g_strconcat("syscall:", name, NULL);
	g_autofree char *enter = g_strconcat("syscalls:sys_enter_", name, NULL);
	g_autofree char *at_enter = g_strconcat("tracepoint:", enter, NULL);
	g_autofree char *at_exit = g_strconcat("tracepoint:syscalls:sys_exit_", name, NULL);

	if (!p || !kg_profile_has_syscall(p, name))
		return NULL;
	struct kg_card *card = card_new(full, g_strconcat(name, " system call", NULL), g_strconcat(name, " system calls", NULL));
	struct kg_card_way *way = way_new(card);
	gboolean returns = !in(name, never_return, G_N_ELEMENTS(never_return));
	struct kg_card_site *begin = site_new(returns ? way->begins : way->sites, at_enter, returns ? "tid" : NULL);
	const GPtrArray *fields = kg_profile_fields(p, KG_PROBE_TRACEPOINT, enter);

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = fields->pdata[i];
		if (strcmp(f->name, "__syscall_nr"))
			syscall_argument(card, begin, f);
	}
	if (!returns)
		return card;
	struct kg_card_site *end = site_new(way->sites, at_exit, "tid");
	if (in(name, returns_bytes, G_N_ELEMENTS(returns_bytes))) {
		add_field(card, "bytes", KG_UNIT_BYTES, "bytes|size|number of bytes|amount of data|bytes returned")->is_measure = TRUE;
		add_expr(end, "bytes", "args->ret", "args->ret >= 0", FALSE);
	}
	add_field(card, "ret", KG_UNIT_NONE, "return value|ret|result|returned value|return values");
	add_expr(end, "ret", "args->ret", NULL, FALSE);
	add_field(card, "error", KG_UNIT_ERRNO, "error|errno|error code|error number|error name|reason|failure reason");
	add_expr(end, "error", "-args->ret", "args->ret < 0", FALSE);
	end->ok = g_strdup("args->ret >= 0");
	return card;
}

/* "sched:sched_switch", or the bare name where only one tracepoint is called so. */
static char *tracepoint_target(struct kg_profile *p, const char *name)
{
	if (strchr(name, ':'))
		return g_strdup(name);
	g_autofree char *pattern = g_strconcat("*:", name, NULL);
	g_autoptr(GPtrArray) found = kg_profile_match(p, KG_PROBE_TRACEPOINT, pattern, 2);

	return found && found->len == 1 ? g_strdup(found->pdata[0]) : NULL;
}

struct kg_card *kg_card_for_tracepoint(struct kg_profile *p, const char *name)
{
	struct kg_point *point = NULL;

	if (!p || strchr(name, '*'))
		return NULL;
	g_autofree char *target = tracepoint_target(p, name);
	if (!target || kg_profile_find(p, KG_PROBE_TRACEPOINT, target, &point, NULL) < 0)
		return NULL;
	kg_point_free(point);
	g_autofree char *full = g_strconcat("tracepoint:", target, NULL);
	struct kg_card *card = card_new(full, g_strconcat(target, " event", NULL), g_strconcat(target, " events", NULL));
	struct kg_card_way *way = way_new(card);
	struct kg_card_site *site = site_new(way->sites, full, NULL);
	const GPtrArray *fields = kg_profile_fields(p, KG_PROBE_TRACEPOINT, target);

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = fields->pdata[i];
		g_autofree char *plain = g_strdup(f->name);
		g_autofree char *expr = f->is_dynamic && f->is_string ? g_strdup_printf("str(args->%s)", f->name)
								      : g_strdup_printf("args->%s", f->name);
		if (!strcmp(f->name, "__syscall_nr") || (f->array_len && !f->is_string) || (f->is_dynamic && !f->is_string) || f->is_big_endian)
			continue;
		g_autofree char *says = g_strdelimit(g_strdup(plain), "_", ' ');
		struct kg_card_field *field = add_field(card, f->name, unit_of(f), says);
		field->is_shown = !f->is_pointer;
		if (!strcmp(f->name, "bytes") || !strcmp(f->name, "len") || !strcmp(f->name, "bytes_alloc") || !strcmp(f->name, "bytes_req"))
			field->unit = KG_UNIT_BYTES;
		add_expr(site, f->name, expr, NULL, FALSE);
	}
	if (!g_str_has_prefix(target, "syscalls:"))
		way->note = g_strdup_printf("processes and stacks are those of whatever ran on the CPU when %s fired", target);
	return card;
}

static void function_way(struct kg_card *card, struct kg_profile *p, const char *name, enum kg_probe_kind entry, enum kg_probe_kind back)
{
	g_autofree char *at = g_strconcat(kg_probe_info(entry)->name, ":", name, NULL);
	g_autofree char *at_back = g_strconcat(kg_probe_info(back)->name, ":", name, NULL);
	struct kg_card_way *way = way_new(card);
	struct kg_card_site *begin = site_new(way->begins, at, "tid"), *end = site_new(way->sites, at_back, "tid");
	const GPtrArray *fields = kg_profile_fields(p, KG_PROBE_FENTRY, name);

	for (guint i = 0; fields && i < fields->len && i < 6; i++) {
		const struct kg_field *f = fields->pdata[i];
		g_autofree char *expr = entry == KG_PROBE_FENTRY ? g_strdup_printf("args->%s", f->name) : g_strdup_printf("arg%u", i);
		g_autofree char *cast = NULL;

		/* Only whole registers: a narrower argument's upper bits are undefined, a struct by value is not in one. */
		if (!f->name || !*f->name || !(f->is_pointer || f->size == 8 || f->size == 4))
			continue;
		if (!f->is_pointer && f->size == 4 && entry != KG_PROBE_FENTRY)
			cast = g_strdup_printf("(%sint32)%s", f->is_signed ? "" : "u", expr);
		if (!kg_card_field(card, f->name))
			add_field(card, f->name, unit_of(f), f->name)->is_shown = !f->is_pointer;
		add_expr(begin, f->name, cast ? cast : expr, NULL, FALSE);
	}
	/* An int is in the lower half of the register: read as 64 bits, -1 would be 4294967295. */
	const GPtrArray *back_fields = kg_profile_fields(p, KG_PROBE_KRETPROBE, name);
	const struct kg_field *ret = back_fields && back_fields->len ? back_fields->pdata[0] : NULL;
	if (ret && ret->size && ret->size <= 8) {
		g_autofree char *cast = g_strdup_printf("(%sint%u)retval", ret->is_signed ? "" : "u", ret->size * 8);
		if (!kg_card_field(card, "ret"))
			add_field(card, "ret", unit_of(ret), "return value|ret|retval|result");
		add_expr(end, "ret", ret->is_pointer || ret->size == 8 ? "retval" : cast, NULL, FALSE);
	}
	way->note = g_strdup_printf("a call of %s inside of another one of the same thread is not told apart from it%s", name,
				    back == KG_PROBE_KRETPROBE ? "; returns beyond the kernel's limit of parallel calls are lost" : "");
}

struct kg_card *kg_card_for_function(struct kg_profile *p, const char *name)
{
	struct kg_point *point = NULL;

	if (!p || strchr(name, '*') || kg_profile_find(p, KG_PROBE_KPROBE, name, &point, NULL) < 0)
		return NULL;
	kg_point_free(point);
	g_autofree char *full = g_strconcat("function:", name, NULL);
	struct kg_card *card = card_new(full, g_strconcat("call of the kernel function ", name, NULL),
					g_strconcat("calls of the kernel function ", name, NULL));
	function_way(card, p, name, KG_PROBE_FENTRY, KG_PROBE_FEXIT);
	function_way(card, p, name, KG_PROBE_KPROBE, KG_PROBE_KRETPROBE);
	return card;
}
