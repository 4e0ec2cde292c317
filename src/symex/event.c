/*
 * Events: what a program's context holds when it runs, as inputs with names.
 *
 * The layouts are the kernel's ABI: pt_regs (arch/x86/include/asm/ptrace.h, arch/arm64/include/uapi/asm/ptrace.h), the records of tracepoints
 * (their format files), the arguments of raw tracepoints, fentry and LSM programs (u64 each), struct bpf_perf_event_data, and the structs of
 * include/uapi/linux/bpf.h that other programs get: xdp_md, __sk_buff, bpf_sock, bpf_sock_addr, bpf_sock_ops. Linux 6.18.
 */
#include "state.h"

#include <string.h>

#define DYNAMIC_AT 4096 /* a context object is no longer than this */

/* ---------------------------------------------------------------- registers */

struct reg {
	guint offset; /* bytes */
	const char *name;
};
static const struct reg x86_64[] = {
	{112, "arg0"}, {104, "arg1"}, {96, "arg2"}, {88, "arg3"}, {72, "arg4"}, {64, "arg5"}, {80, "retval"},
	{0, "reg(\"r15\")"}, {8, "reg(\"r14\")"}, {16, "reg(\"r13\")"}, {24, "reg(\"r12\")"}, {32, "reg(\"bp\")"}, {40, "reg(\"bx\")"},
	{48, "reg(\"r11\")"}, {56, "reg(\"r10\")"}, {120, "reg(\"orig_ax\")"}, {128, "reg(\"ip\")"}, {136, "reg(\"cs\")"},
	{144, "reg(\"flags\")"}, {152, "reg(\"sp\")"}, {160, "reg(\"ss\")"}, {0, NULL},
};
static const struct reg arm64[] = {
	{0, "arg0"}, {8, "arg1"}, {16, "arg2"}, {24, "arg3"}, {32, "arg4"}, {40, "arg5"}, {48, "arg6"}, {56, "arg7"},
	{248, "reg(\"sp\")"}, {256, "reg(\"pc\")"}, {264, "reg(\"pstate\")"}, {0, NULL},
};

struct making {
	struct kg_symex *x;
	struct kg_event *event;
	struct cells *cells;
	guint n_used; /* bytes of it that are part of the context */
};

static void put(struct making *m, guint offset, guint n, struct kg_word value)
{
	if (offset + n > m->cells->n)
		return;
	for (guint i = 0; i < n; i++)
		m->cells->cell[offset + i] = (struct cell){.value = value, .n_value = (guint8)n, .index = (guint8)i, .is_set = TRUE};
	m->n_used = MAX(m->n_used, offset + n);
}

/* The nth event of several is told apart in messages. */
static const char *suffix(struct kg_symex *x, guint event)
{
	static const char *const nth[] = {"", " (2nd event)", " (3rd event)"};

	return event < G_N_ELEMENTS(nth) ? nth[event] : sx_keepf(x, " (%uth event)", event + 1);
}

static struct kg_input *field(struct making *m, guint offset, guint n, const char *type, const char *name)
{
	struct kg_input *input = input_new(m->x, m->event->index, n * 8, type, "%s%s", name, suffix(m->x, m->event->index));

	put(m, offset, n, input->word);
	g_ptr_array_add(m->event->fields, input);
	return input;
}

static void registers(struct making *m)
{
	gboolean is_arm = m->x->opts.profile && !strcmp(kg_profile_arch(m->x->opts.profile), "aarch64");

	for (const struct reg *reg = is_arm ? arm64 : x86_64; reg->name; reg++)
		field(m, reg->offset, 8, NULL, reg->name);
}

static const GPtrArray *known_fields(struct making *m)
{
	return m->x->opts.profile && m->event->target ? kg_profile_fields(m->x->opts.profile, m->event->kind, m->event->target) : NULL;
}

static struct kg_input *field_of(const struct kg_event *event, const char *name)
{
	for (guint i = 0; i < event->fields->len; i++) {
		struct kg_input *input = event->fields->pdata[i];
		if (!strcmp(input->name, name) || (g_str_has_prefix(input->name, name) && input->name[strlen(name)] == ' '))
			return input;
	}
	return NULL;
}

/* ---------------------------------------------------------------- kinds */

/* Arguments of a function in registers get the names and types of its parameters. */
static void of_function(struct making *m)
{
	const GPtrArray *known = known_fields(m);
	gboolean is_return = m->event->kind == KG_PROBE_KRETPROBE || m->event->kind == KG_PROBE_URETPROBE;
	gboolean is_user = m->event->kind == KG_PROBE_UPROBE || m->event->kind == KG_PROBE_URETPROBE || m->event->kind == KG_PROBE_USDT;

	registers(m);
	for (guint i = 0; known && i < known->len; i++) {
		const struct kg_field *f = known->pdata[i];
		g_autofree char *reg = is_return || !strcmp(f->name, "retval") ? g_strdup("retval") : g_strdup_printf("arg%u", i);
		struct kg_input *input = field_of(m->event, reg);

		if (!input)
			continue;
		input->type = sx_keep(m->x, f->type);
		input->is_signed = f->is_signed;
		type_set(m->x, input->word, f->type, f->name, KG_SPACE_KERNEL);
	}
	for (guint i = 0; is_user && i < 6; i++) {
		g_autofree char *reg = g_strdup_printf("arg%u", i);
		struct kg_input *input = field_of(m->event, reg);
		if (input)
			type_set(m->x, input->word, "char *", reg, KG_SPACE_USER);
	}
}

/* Arguments in an array of u64: raw tracepoints, fentry, fexit. */
static void slots_of(struct making *m, const GPtrArray *known, guint at_least)
{
	guint n = MAX(known ? known->len : 0, at_least);

	for (guint i = 0; i < n; i++) {
		const struct kg_field *f = known && i < known->len ? known->pdata[i] : NULL;
		g_autofree char *name = f && f->name && *f->name ? g_strdup_printf("args->%s", f->name) : g_strdup_printf("arg%u", i);
		struct kg_input *input = field(m, i * 8, 8, f ? f->type : NULL, name);

		if (f) {
			input->is_signed = f->is_signed;
			input->is_big_endian = f->is_big_endian;
			if (f->is_pointer)
				type_set(m->x, input->word, f->type, name, KG_SPACE_KERNEL);
		}
	}
}

static void of_slots(struct making *m, guint at_least)
{
	slots_of(m, known_fields(m), at_least);
}

/* Pointers in records of system calls are the process's own. */
static gboolean is_of_user(const struct kg_event *event, const struct kg_field *f)
{
	return f->is_pointer && (g_str_has_prefix(event->target, "syscalls:sys_enter_"));
}

static void tracepoint_field(struct making *m, const struct kg_field *f)
{
	guint at = f->offset_bits / 8;
	guint n = f->array_len ? f->size / f->array_len : f->size;
	g_autofree char *name = g_strdup_printf("args->%s", f->name);
	struct kg_input *input;

	if (f->is_dynamic) { /* a u32: length << 16 | offset from the record's start */
		input = field(m, at, 4, "__data_loc", name);
		struct kg_word where = sx_op(m->x, KG_OP_ADD, 64, m->event->context,
					     sx_extend(m->x, sx_extract(m->x, input->word, 15, 0), 16, 64));
		type_set(m->x, where, "char *", name, KG_SPACE_KERNEL);
		return;
	}
	if (!f->array_len && (n == 1 || n == 2 || n == 4 || n == 8)) {
		input = field(m, at, n, f->type, name);
		input->is_signed = f->is_signed;
		input->is_big_endian = f->is_big_endian;
		if (f->is_pointer)
			type_set(m->x, input->word, f->type, name, is_of_user(m->event, f) ? KG_SPACE_USER : KG_SPACE_KERNEL);
		return;
	}
	if (n != 1 && n != 2 && n != 4 && n != 8)
		n = 1;
	for (guint i = 0; i < f->size / n; i++) {
		g_autofree char *element = g_strdup_printf("args->%s[%u]", f->name, i);
		input = field(m, at + i * n, n, f->type, element);
		input->is_big_endian = f->is_big_endian;
	}
}

static void of_tracepoint(struct making *m)
{
	const GPtrArray *known = known_fields(m);

	field(m, 0, 2, "unsigned short", "common_type");
	field(m, 2, 1, "unsigned char", "common_flags");
	field(m, 3, 1, "unsigned char", "common_preempt_count");
	field(m, 4, 4, "int", "common_pid");
	if (g_str_has_prefix(m->event->target, "syscalls:"))
		field(m, 8, 4, "int", "__syscall_nr");
	for (guint i = 0; known && i < known->len; i++)
		tracepoint_field(m, known->pdata[i]);
	m->n_used = MIN(m->n_used + 8 - m->n_used % 8, m->cells->n); /* padding at the end */
}

static void of_perf_event(struct making *m)
{
	guint at;

	registers(m);
	at = m->n_used;
	field(m, at, 8, "u64", "ctx->sample_period");
	field(m, at + 8, 8, "u64", "ctx->addr");
}

/* ---------------------------------------------------------------- contexts of C programs */

/*
 * What the kernel puts into members of 32 bits that keep less, or keep it in network byte order: it rewrites each load of such a member to one of the object
 * behind it. Source: net/core/filter.c, the functions ..._convert_ctx_access(), and the comments in include/uapi/linux/bpf.h, Linux 6.18.
 */
static const struct narrow {
	const char *context, *member;
	guint8 n_bits;  /* as many can be set */
	guint8 shift;   /* above so many zeros */
	gboolean is_big_endian;
} narrow_members[] = {
	{"struct __sk_buff", "protocol", 16, 0, TRUE}, {"struct __sk_buff", "vlan_proto", 16, 0, TRUE}, {"struct __sk_buff", "vlan_tci", 16, 0, FALSE},
	{"struct __sk_buff", "family", 16, 0, FALSE}, {"struct __sk_buff", "remote_ip4", 32, 0, TRUE}, {"struct __sk_buff", "local_ip4", 32, 0, TRUE},
	{"struct __sk_buff", "remote_ip6", 32, 0, TRUE}, {"struct __sk_buff", "local_ip6", 32, 0, TRUE},
	{"struct __sk_buff", "remote_port", 16, 16, TRUE}, {"struct __sk_buff", "local_port", 16, 0, FALSE},
	{"struct bpf_sock_addr", "user_family", 16, 0, FALSE}, {"struct bpf_sock_addr", "user_ip4", 32, 0, TRUE},
	{"struct bpf_sock_addr", "user_ip6", 32, 0, TRUE}, {"struct bpf_sock_addr", "user_port", 16, 0, TRUE},
	{"struct bpf_sock_addr", "family", 16, 0, FALSE}, {"struct bpf_sock_addr", "type", 16, 0, FALSE},
	{"struct bpf_sock_addr", "protocol", 16, 0, FALSE}, {"struct bpf_sock_addr", "msg_src_ip4", 32, 0, TRUE},
	{"struct bpf_sock_addr", "msg_src_ip6", 32, 0, TRUE},
	{"struct bpf_sock", "family", 16, 0, FALSE}, {"struct bpf_sock", "type", 16, 0, FALSE}, {"struct bpf_sock", "protocol", 16, 0, FALSE},
	{"struct bpf_sock", "src_ip4", 32, 0, TRUE}, {"struct bpf_sock", "src_ip6", 32, 0, TRUE}, {"struct bpf_sock", "src_port", 16, 0, FALSE},
	{"struct bpf_sock", "dst_ip4", 32, 0, TRUE}, {"struct bpf_sock", "dst_ip6", 32, 0, TRUE},
	{"struct bpf_sock_ops", "family", 16, 0, FALSE}, {"struct bpf_sock_ops", "remote_ip4", 32, 0, TRUE},
	{"struct bpf_sock_ops", "local_ip4", 32, 0, TRUE}, {"struct bpf_sock_ops", "remote_ip6", 32, 0, TRUE},
	{"struct bpf_sock_ops", "local_ip6", 32, 0, TRUE}, {"struct bpf_sock_ops", "remote_port", 16, 16, TRUE},
	{"struct bpf_sock_ops", "local_port", 16, 0, FALSE},
};

static const struct narrow *narrow_of(const char *context, const char *member)
{
	for (guint i = 0; i < G_N_ELEMENTS(narrow_members); i++)
		if (!strcmp(narrow_members[i].context, context) && !strcmp(narrow_members[i].member, member))
			return &narrow_members[i];
	return NULL;
}

/* One number of the context, n bytes. */
static void context_number(struct making *m, const char *context, const struct kg_field *f, guint offset, guint n, const char *name)
{
	const struct narrow *narrow = n == 4 ? narrow_of(context, f->name) : NULL;
	struct kg_input *input;
	struct kg_word value;

	if (!narrow || narrow->n_bits == 32) {
		input = field(m, offset, n, f->type, name);
	} else {
		input = input_new(m->x, m->event->index, narrow->n_bits, f->type, "%s%s", name, suffix(m->x, m->event->index));
		g_ptr_array_add(m->event->fields, input);
		value = sx_extend(m->x, input->word, narrow->n_bits, 32);
		put(m, offset, 4, narrow->shift ? sx_op(m->x, KG_OP_SHL, 32, value, KG_WORD(narrow->shift)) : value);
	}
	input->is_signed = f->is_signed;
	input->is_big_endian = f->is_big_endian || (narrow && narrow->is_big_endian);
	if (f->is_pointer)
		type_set(m->x, input->word, f->type, name, KG_SPACE_KERNEL);
}

/* The members of the kernel's interface struct by name, each array's elements apart. Without types: words of 32 bits by their place. */
static void of_struct(struct making *m, const char *context, guint n_otherwise)
{
	const GPtrArray *members = m->x->opts.profile ? kg_profile_members(m->x->opts.profile, context) : NULL;

	for (guint i = 0; members && i < members->len; i++) {
		const struct kg_field *f = members->pdata[i];
		guint at = f->offset_bits / 8, n = f->array_len ? f->size / f->array_len : f->size;

		if (f->bits || at < m->n_used || !n || n > 8 || (n & (n - 1))) /* another view of what was named before */
			continue;
		for (guint k = 0; k < MAX(f->array_len, 1); k++) {
			g_autofree char *name = f->array_len ? g_strdup_printf("ctx->%s[%u]", f->name, k) : g_strdup_printf("ctx->%s", f->name);

			context_number(m, context, f, at + k * n, n, name);
		}
	}
	for (guint at = m->n_used; at + 4 <= n_otherwise; at += 4) {
		g_autofree char *name = g_strdup_printf("context at byte %u", at);
		field(m, at, 4, "u32", name);
	}
}

/*
 * How long a packet is that can lie in several parts: of a socket buffer, what its context says; of xdp, programs that say so get such ("xdp.frags"). NULL: as
 * its linear part.
 */
static struct kg_input *whole_length(struct making *m, gboolean has_parts)
{
	struct kg_input *whole = field_of(m->event, "ctx->len");

	if (!has_parts)
		return NULL;
	if (!whole)
		whole = field_of(m->event, "context at byte 0");
	if (!whole || ((struct context *)m->event->own)->data_at == 0) {
		whole = input_new(m->x, m->event->index, 32, "u32", "whole packet length%s", suffix(m->x, m->event->index));
		g_ptr_array_add(m->event->fields, whole);
	}
	kg_symex_assume(m->x, sx_op(m->x, KG_OP_ULE, 32, whole->word, KG_WORD(65535)));
	return whole;
}

/*
 * A context with a packet: data and data_end are addresses. The kernel's verifier rewrites these loads of 32 bits to pointers. What lies between the two is
 * the linear part: the packet can be longer, and only helpers reach the rest.
 */
static void of_packet(struct making *m, const char *type, guint n, guint data, guint data_end, gboolean has_parts)
{
	struct context *context = m->event->own;
	struct kg_input *size, *whole;

	context->data_at = data;
	context->data_end_at = data_end;
	of_struct(m, type, n);
	whole = whole_length(m, has_parts);
	size = input_new(m->x, m->event->index, 32, "u32", "packet length%s", suffix(m->x, m->event->index));
	put(m, data, 4, KG_WORD(KG_AT_PACKET));
	put(m, data_end, 4, sx_op(m->x, KG_OP_ADD, 32, KG_WORD(KG_AT_PACKET), size->word));
	g_ptr_array_add(m->event->fields, size);
	m->event->packet_length = size;
	kg_symex_assume(m->x, sx_op(m->x, KG_OP_ULE, 32, size->word, whole ? whole->word : KG_WORD(65535)));
	context->has_packet = TRUE;
	context->whole_length = whole ? whole->word : size->word;
}

/* The hook's arguments, and behind them the result of the programs that ran before: kernel/bpf/trampoline.c, BPF_TRAMP_MODIFY_RETURN. */
static void of_hook(struct making *m)
{
	g_autofree char *function = g_strconcat("bpf_lsm_", m->event->target, NULL);
	const GPtrArray *known = m->x->opts.profile ? kg_profile_fields(m->x->opts.profile, KG_PROBE_FENTRY, function) : NULL;
	struct kg_input *input;

	slots_of(m, known, known ? known->len : 12);
	if (!known)
		return;
	input = field(m, 8 * known->len, 8, "int", "retval");
	input->is_signed = TRUE;
}

static void of_program_type(struct making *m, const struct kg_bpf_program *program)
{
	switch (program->type) {
	case BPF_PROG_TYPE_XDP:
		of_packet(m, "struct xdp_md", 24, 0, 4, program->section && strstr(program->section, "xdp.frags"));
		return;
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
		of_packet(m, "struct __sk_buff", 192, 76, 80, TRUE);
		return;
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		of_struct(m, "struct bpf_sock_addr", 72);
		return;
	case BPF_PROG_TYPE_CGROUP_SOCK:
		of_struct(m, "struct bpf_sock", 80);
		return;
	case BPF_PROG_TYPE_SOCK_OPS:
		of_struct(m, "struct bpf_sock_ops", 216);
		return;
	case BPF_PROG_TYPE_KPROBE:
		of_function(m);
		return;
	case BPF_PROG_TYPE_LSM:
		of_hook(m);
		return;
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
		of_slots(m, 12);
		return;
	case BPF_PROG_TYPE_PERF_EVENT:
		of_perf_event(m);
		return;
	default:
		of_struct(m, "", 64);
	}
}

static void make_context(struct making *m, const struct kg_bpf_program *program)
{
	switch (m->event->kind) {
	case KG_PROBE_KPROBE: case KG_PROBE_KRETPROBE: case KG_PROBE_UPROBE: case KG_PROBE_URETPROBE: case KG_PROBE_USDT:
	case KG_PROBE_BEGIN: case KG_PROBE_END:
		of_function(m);
		return;
	case KG_PROBE_TRACEPOINT:
		of_tracepoint(m);
		return;
	case KG_PROBE_RAWTRACEPOINT: case KG_PROBE_FENTRY: case KG_PROBE_FEXIT:
		of_slots(m, m->event->kind == KG_PROBE_RAWTRACEPOINT ? 12 : 0);
		return;
	case KG_PROBE_PROFILE: case KG_PROBE_INTERVAL: case KG_PROBE_SOFTWARE: case KG_PROBE_HARDWARE:
		of_perf_event(m);
		return;
	default:
		of_program_type(m, program);
	}
}

/* ---------------------------------------------------------------- threads */

static struct kg_word member_of(struct kg_symex *x, struct kg_word object, const char *type, const char *path, struct kg_field *ret)
{
	_cleanup_error_ struct kg_error e = {0};

	if (!x->opts.profile || kg_profile_member(x->opts.profile, type, path, ret, &e) || ret->bits || (ret->size != 4 && ret->size != 8))
		return (struct kg_word){0};
	return outside_named(x, KG_SPACE_KERNEL, sx_op(x, KG_OP_ADD, 64, object, KG_WORD(ret->offset_bits / 8)), ret->size)->value;
}

static struct kg_word or_input(struct kg_symex *x, struct kg_word w, unsigned width, const char *what, const char *thread)
{
	return w.term ? w : input_new(x, 0, width, NULL, "%s%s", what, thread)->word;
}

static void set_comm(struct kg_symex *x, struct kg_thread *t, const char *name)
{
	struct kg_field f;
	_cleanup_error_ struct kg_error e = {0};
	gboolean is_known = x->opts.profile && kg_profile_member(x->opts.profile, "struct task_struct", "comm", &f, &e) == 0;
	struct kg_word at = is_known ? sx_op(x, KG_OP_ADD, 64, t->task, KG_WORD(f.offset_bits / 8)) : KG_WORD(0);

	if (is_known)
		outside_text_named(x, KG_SPACE_KERNEL, at, 16);
	for (guint i = 0; i < 15; i++) /* get_current_comm(): strscpy_pad() of task->comm */
		t->comm[i] = is_known ? kg_symex_text_byte(x, KG_SPACE_KERNEL, at, i) : input_new(x, 0, 8, NULL, "comm%s[%u]", name, i)->word;
}

/* The helpers answer with what stands in the task: a program that reads it there must get the same. Source: kernel/bpf/helpers.c, 6.18. */
struct kg_thread *kg_symex_thread(struct kg_symex *x, const char *name)
{
	struct kg_thread *t = g_new0(struct kg_thread, 1);
	struct kg_word tgid, pid, cred, uid, gid;
	struct kg_field f;
	g_autofree char *task = g_strdup_printf("curtask%s", name);

	g_ptr_array_add(x->threads, t);
	t->task = input_new(x, 0, 64, "struct task_struct *", "%s", task)->word;
	type_set(x, t->task, "struct task_struct *", task, KG_SPACE_KERNEL);
	kg_symex_assume(x, sx_op(x, KG_OP_ULT, 64, KG_WORD(1ull << 63), t->task)); /* there is one, in the kernel's half */
	pid = or_input(x, member_of(x, t->task, "struct task_struct", "pid", &f), 32, "tid", name);
	tgid = or_input(x, member_of(x, t->task, "struct task_struct", "tgid", &f), 32, "pid", name);
	t->pid_tgid = kg_terms.concat(x, tgid, 32, pid, 32);
	cred = member_of(x, t->task, "struct task_struct", "cred", &f);
	uid = cred.term ? member_of(x, cred, "struct cred", "uid.val", &f) : cred;
	gid = cred.term ? member_of(x, cred, "struct cred", "gid.val", &f) : cred;
	t->uid_gid = kg_terms.concat(x, or_input(x, gid, 32, "gid", name), 32, or_input(x, uid, 32, "uid", name), 32);
	t->cgroup = input_new(x, 0, 64, NULL, "cgroup%s", name)->word;
	set_comm(x, t, name);
	return t;
}

struct kg_event *kg_symex_event(struct kg_symex *x, const struct kg_object *object, guint program, struct kg_thread *thread, struct kg_error *err)
{
	const struct kg_bpf_program *p;
	struct kg_event *event;
	struct context *context;
	struct making m;
	const char *colon;

	if (program >= object->programs->len) {
		kg_error_set(err, KG_E_INVAL, "proof", "there is no program %u in this object", program);
		return NULL;
	}
	p = object->programs->pdata[program];
	event = g_new0(struct kg_event, 1);
	g_ptr_array_add(x->events, event);
	event->index = x->events->len - 1;
	event->thread = thread ? thread : kg_symex_thread(x, suffix(x, event->index));
	event->kind = p->kind;
	event->object = object;
	colon = p->attach ? strchr(p->attach, ':') : NULL;
	event->target = sx_keep(x, colon ? colon + 1 : "");
	event->time = input_new(x, event->index, 64, "u64", "nsecs%s", suffix(x, event->index))->word;
	event->cpu = input_new(x, event->index, 32, "u32", "cpu%s", suffix(x, event->index))->word;
	event->fields = g_ptr_array_new();
	event->context = KG_WORD(KG_AT_CONTEXT);
	kg_symex_assume(x, sx_op(x, KG_OP_ULT, 64, KG_WORD(0), event->time));
	kg_symex_assume(x, sx_op(x, KG_OP_ULT, 64, event->time, KG_WORD(1ull << 60))); /* 36 years */
	kg_symex_assume(x, sx_op(x, KG_OP_ULT, 32, event->cpu, KG_WORD(8192)));
	if (event->index)
		kg_symex_assume(x, sx_op(x, KG_OP_ULE, 64, ((struct kg_event *)x->events->pdata[event->index - 1])->time, event->time));
	context = g_new0(struct context, 1);
	event->own = context;
	m = (struct making){.x = x, .event = event, .cells = cells_new(DYNAMIC_AT)};
	make_context(&m, p);
	m.cells->n = MAX(m.n_used, 1);
	x->current = event;
	context->cells = m.cells;
	return event;
}
