/*
 * Where an event's arguments lie in the context that the program gets in r1:
 *
 *	tracepoint              the record, each field at its offset
 *	kprobe, uprobe, ret-    struct pt_regs: the registers of the calling convention
 *	fentry, fexit, lsm,     an array of 64-bit words; fexit's result is behind the arguments, and so is at a security hook the result of the
 *	raw tracepoint          programs that ran before (retval)
 *	xdp, tc, ...            a struct of the kernel's interface
 *
 * System calls have fields of 8 bytes whose type is narrower ("int fd"). bpftrace takes some of these types as 64 bits (wide_types), the others
 * in their own size; so does this, since an expression is to mean what it means in a program.
 */
#include "expr_part.h"

#include <string.h>

/* Offsets into struct pt_regs of the first arguments and of the result. */
struct abi {
	const char *arch;
	guint n;
	uint32_t argument[10];
	uint32_t result;
	uint32_t pc; /* where the program is */
};
static const struct abi abis[] = {
	{"x86_64", 6, {112, 104, 96, 88, 72, 64}, 80, 128},
	{"aarch64", 8, {0, 8, 16, 24, 32, 40, 48, 56}, 0, 256},
};

static const struct abi *abi_of(struct kg_profile *profile)
{
	const char *arch = profile ? kg_profile_arch(profile) : NULL;

	for (gsize i = 1; arch && i < G_N_ELEMENTS(abis); i++)
		if (!strcmp(abis[i].arch, arch))
			return &abis[i];
	return &abis[0];
}

static struct kg_argument *add(GPtrArray *list, const char *name, uint32_t offset, const struct kg_field *f)
{
	struct kg_argument *a = g_new0(struct kg_argument, 1);

	a->name = name;
	a->offset = offset;
	a->size = 8;
	a->type = f && f->type ? f->type : "unsigned long";
	a->is_signed = f ? f->is_signed : FALSE;
	a->is_big_endian = f ? f->is_big_endian : FALSE;
	a->is_dynamic = f ? f->is_dynamic : FALSE;
	a->type_size = f && f->size ? f->size : 8;
	g_ptr_array_add(list, a);
	return a;
}

static const char *number_name(guint i)
{
	static const char *const names[] = {"arg0", "arg1", "arg2", "arg3", "arg4", "arg5", "arg6", "arg7", "arg8", "arg9"};

	return names[MIN(i, 9)];
}

/* By name with the type of BTF, and by number as the whole register. */
static void registers(GPtrArray *list, const struct abi *abi, const GPtrArray *fields)
{
	for (guint i = 0; fields && i < MIN(fields->len, abi->n); i++) {
		const struct kg_field *f = fields->pdata[i];

		if (f->size > 8)
			break; /* such an argument takes two registers, or none */
		add(list, f->name, abi->argument[i], f);
	}
	for (guint i = 0; i < abi->n; i++)
		add(list, number_name(i), abi->argument[i], NULL);
}

static void words(GPtrArray *list, const GPtrArray *fields, gboolean by_number)
{
	uint32_t offset = 0;

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = fields->pdata[i];

		add(list, f->name, offset, f);
		if (by_number && i < 10)
			add(list, number_name(i), 8 * i, NULL);
		offset += MAX(1, (f->size + 7) / 8) * 8;
	}
	for (guint i = fields ? fields->len : 0; by_number && i < 10; i++)
		add(list, number_name(i), 8 * i, NULL);
}

/* Source: what bpftrace 0.17 loads for every type that a field of 8 bytes has among the system calls of Linux 6.18. */
static gboolean is_widened(const char *type)
{
	static const char *const wide_types[] = {"int", "unsigned int", "unsigned", "pid_t", "uid_t", "gid_t", "u32", "__u32", NULL};

	if (g_str_has_prefix(type, "const "))
		type += strlen("const ");
	return g_str_has_prefix(type, "enum ") || g_strv_contains(wide_types, type);
}

static void record(GPtrArray *list, struct kg_profile *profile, const GPtrArray *fields)
{
	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = fields->pdata[i];
		struct kg_argument *a = add(list, f->name, f->offset_bits / 8, f);
		struct kg_field t;

		a->size = f->size;
		a->type_size = f->size;
		if (f->is_dynamic || f->is_pointer || f->array_len || !f->type || kg_profile_type(profile, f->type, &t, NULL) < 0)
			continue;
		a->is_signed = t.is_signed;
		a->is_big_endian = t.is_big_endian;
		if (t.size && t.size < f->size && !is_widened(f->type))
			a->type_size = t.size;
	}
}

static void context_struct(GPtrArray *list, struct kg_profile *profile, const char *context)
{
	const GPtrArray *members = kg_profile_members(profile, context);

	for (guint i = 0; members && i < members->len; i++) {
		const struct kg_field *f = members->pdata[i];
		struct kg_argument *a = add(list, f->name, f->offset_bits / 8, f);

		a->size = f->size;
	}
}

static void hook(GPtrArray *list, const GPtrArray *fields)
{
	struct kg_field result = {.type = "int", .size = 4, .is_signed = TRUE};

	words(list, fields, FALSE);
	if (fields)
		add(list, "retval", 8 * fields->len, &result);
}

static void result_of(GPtrArray *list, struct kg_profile *profile, const struct kg_contract_point *p)
{
	const struct abi *abi = abi_of(profile);
	const GPtrArray *fields = p->kind == KG_PROBE_KRETPROBE ? kg_profile_fields(profile, p->kind, p->target) : NULL;

	add(list, "retval", abi->result, fields && fields->len ? fields->pdata[0] : NULL);
}

GPtrArray *kg_expr_arguments(const struct kg_contract_point *p, struct kg_profile *profile)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *function = p->type == BPF_PROG_TYPE_LSM ? g_strconcat("bpf_lsm_", p->target, NULL) : NULL;

	switch (p->kind) {
	case KG_PROBE_TRACEPOINT: record(list, profile, kg_profile_fields(profile, p->kind, p->target)); break;
	case KG_PROBE_KPROBE: registers(list, abi_of(profile), kg_profile_fields(profile, p->kind, p->target)); break;
	case KG_PROBE_UPROBE: registers(list, abi_of(profile), NULL); break;
	case KG_PROBE_KRETPROBE:
	case KG_PROBE_URETPROBE: result_of(list, profile, p); break;
	case KG_PROBE_FENTRY:
	case KG_PROBE_FEXIT: words(list, kg_profile_fields(profile, p->kind, p->target), FALSE); break;
	case KG_PROBE_RAWTRACEPOINT: words(list, kg_profile_fields(profile, p->kind, p->target), TRUE); break;
	case KG_PROBE_NONE:
		if (function)
			hook(list, kg_profile_fields(profile, KG_PROBE_FENTRY, function));
		else if (p->context)
			context_struct(list, profile, p->context);
		break;
	default: break;
	}
	if (list->len)
		return list;
	g_ptr_array_unref(list);
	return NULL;
}

gboolean expr_pc_offset(const struct kg_expr_env *env, uint32_t *ret)
{
	enum kg_probe_kind kind = env->point ? env->point->kind : KG_PROBE_NONE;

	*ret = abi_of(env->profile)->pc;
	switch (kind) {
	case KG_PROBE_KPROBE: case KG_PROBE_KRETPROBE: case KG_PROBE_UPROBE: case KG_PROBE_URETPROBE: case KG_PROBE_USDT:
	case KG_PROBE_PROFILE: case KG_PROBE_SOFTWARE: case KG_PROBE_HARDWARE: /* struct bpf_perf_event_data begins with the registers */
		return TRUE;
	default:
		return FALSE;
	}
}

enum kg_space expr_default_space(const struct kg_contract_point *p)
{
	if (!p)
		return KG_SPACE_KERNEL;
	if (kg_probe_info(p->kind)->is_user)
		return KG_SPACE_USER;
	return p->kind == KG_PROBE_TRACEPOINT && g_str_has_prefix(p->target, "syscalls:") ? KG_SPACE_USER : KG_SPACE_KERNEL;
}

/* --------------------------------------------------------------- by name */

static GPtrArray *arguments(struct eval *ev)
{
	if (!ev->has_arguments && ev->env->point)
		ev->arguments = kg_expr_arguments(ev->env->point, ev->env->profile);
	ev->has_arguments = TRUE;
	return ev->arguments;
}

GPtrArray *expr_argument_names(struct eval *ev)
{
	GPtrArray *names = g_ptr_array_new(), *list = arguments(ev);

	for (guint i = 0; list && i < list->len; i++)
		g_ptr_array_add(names, (gpointer)((struct kg_argument *)list->pdata[i])->name);
	return names;
}

/* "__data_loc char[]": the text lies in the record, at the offset that the lower 16 bits say; its length is in the upper 16. */
static int dynamic_value(struct eval *ev, const struct kg_bt_node *at, const struct kg_argument *a, struct kg_expr_value *ret,
			 struct kg_error *err)
{
	struct kg_word where, w;
	int r;

	where = expr_word_op(ev->env, KG_OP_ADD, ev->env->context, KG_WORD(a->offset));
	r = ev->env->read(ev->env->self, KG_SPACE_KERNEL, where, 4, &w, err);
	if (r < 0)
		return expr_failed_at(ev, at, r);
	w = ev->env->algebra->extend(ev->env->self, ev->env->algebra->extract(ev->env->self, w, 15, 0), 16, 64, FALSE);
	*ret = (struct kg_expr_value){.kind = KG_EXPR_STRING, .word = expr_word_op(ev->env, KG_OP_ADD, ev->env->context, w), .type = a->type};
	return 0;
}

static int argument_value(struct eval *ev, const struct kg_bt_node *at, const struct kg_argument *a, struct kg_expr_value *ret,
			  struct kg_error *err)
{
	struct kg_field f = {.name = a->name, .type = a->type, .size = a->type_size, .is_signed = a->is_signed,
			     .is_big_endian = a->is_big_endian};
	struct kg_field facts;
	struct kg_word where = a->offset ? expr_word_op(ev->env, KG_OP_ADD, ev->env->context, KG_WORD(a->offset)) : ev->env->context;
	int r;

	if (a->is_dynamic)
		return dynamic_value(ev, at, a, ret, err);
	if (kg_profile_type(ev->env->profile, a->type, &facts, NULL) == 0) {
		f.is_pointer = facts.is_pointer;
		f.array_len = facts.array_len;
		f.is_string = facts.is_string;
	}
	r = expr_load_value(ev, at, &f, KG_SPACE_KERNEL, where, ret, err);
	if (r == 0 && (ret->kind == KG_EXPR_POINTER || ret->kind == KG_EXPR_NUMBER))
		ret->space = expr_default_space(ev->env->point);
	return r;
}

int expr_eval_argument(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	const GPtrArray *list = arguments(ev);

	if (ev->env->point && ev->env->point->context && (!strcmp(name, "data") || !strcmp(name, "data_end")))
		return expr_eval_builtin(ev, at, name, ret, err);
	for (guint i = 0; list && i < list->len; i++) {
		const struct kg_argument *a = list->pdata[i];

		if (!strcmp(a->name, name))
			return argument_value(ev, at, a, ret, err);
	}
	return -KG_E_NOTFOUND;
}
