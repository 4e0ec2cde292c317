/* Builtins, and the functions that are values. The tables are the only lists. */
#include "expr_part.h"

#include <string.h>

struct kg_expr_value expr_bytes_new(const struct kg_expr_env *env, guint n)
{
	struct kg_expr_value v = {.kind = KG_EXPR_BYTES, .n_bytes = n, .bytes = g_new0(struct kg_word, MAX(n, 1))};

	g_ptr_array_add(env->keep, v.bytes);
	return v;
}

/* --------------------------------------------------------------- builtins */

static const struct {
	const char *name;
	unsigned width;
	const char *type; /* of pointers */
} numbers[] = {
	{"pid", 32, NULL}, {"tid", 32, NULL}, {"uid", 32, NULL}, {"gid", 32, NULL}, {"cpu", 32, NULL}, {"nsecs", 64, NULL},
	{"elapsed", 64, NULL}, {"cgroup", 64, NULL}, {"rand", 32, NULL}, {"jiffies", 64, NULL}, {"ncpus", 32, NULL}, {"numaid", 32, NULL},
	{"ppid", 32, NULL}, {"curtask", 64, "struct task_struct *"}, {"data", 64, "void *"}, {"data_end", 64, "void *"},
};
static const struct {
	const char *name;
	enum kg_as as;
} tokens[] = {
	{"kstack", KG_AS_STACK}, {"ustack", KG_AS_STACK}, {"probe", KG_AS_NONE}, {"username", KG_AS_NONE},
};

static int ask(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_expr_value *v, struct kg_error *err)
{
	if (!ev->env->builtin)
		return expr_fail(ev, at, err, KG_E_UNSUPPORTED, "%s is not known here", name);
	return expr_failed_at(ev, at, ev->env->builtin(ev->env->self, name, v, err));
}

static int ask_number(struct eval *ev, const struct kg_bt_node *at, const char *name, unsigned width, const char *type,
		      struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v = expr_number_of(KG_WORD(0), width, FALSE);
	int r;

	v.type = type;
	if (type)
		v.kind = KG_EXPR_POINTER;
	r = ask(ev, at, name, &v, err);
	if (r == 0)
		*ret = v;
	return r;
}

static int ask_comm(struct eval *ev, const struct kg_bt_node *at, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v = expr_bytes_new(ev->env, 16);
	int r;

	v.is_text = TRUE;
	v.type = "char[16]";
	r = ask(ev, at, "comm", &v, err);
	if (r == 0)
		*ret = v;
	return r;
}

static struct kg_expr_value token_of(const char *name, enum kg_as as, struct kg_word input)
{
	return (struct kg_expr_value){.kind = KG_EXPR_TOKEN, .token = name, .as = as, .word = input};
}

/* -KG_E_NOTFOUND, and no error set: the context has no registers. */
static int instruction_pointer(struct eval *ev, struct kg_word *ret, struct kg_error *err)
{
	uint32_t offset;

	if (!expr_pc_offset(ev->env, &offset))
		return -KG_E_NOTFOUND;
	return ev->env->read(ev->env->self, KG_SPACE_KERNEL, expr_word_op(ev->env, KG_OP_ADD, ev->env->context, KG_WORD(offset)), 8, ret, err);
}

/* The function's name is made of the instruction pointer, in user space. */
static int function_token(struct eval *ev, const struct kg_bt_node *at, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_word pc = KG_WORD(0);
	int r = instruction_pointer(ev, &pc, err);

	if (r == -KG_E_NOTFOUND)
		r = 0;
	if (r == 0)
		*ret = token_of("func", KG_AS_NONE, pc);
	return expr_failed_at(ev, at, r);
}

static gboolean is_argument_name(const char *name)
{
	return !strcmp(name, "retval") || (g_str_has_prefix(name, "arg") && g_ascii_isdigit(name[3]));
}

static int no_argument(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_error *err)
{
	const struct kg_contract_point *p = ev->env->point;

	if (p && p->kind == KG_PROBE_USDT)
		return -KG_E_NOTFOUND;
	expr_fail(ev, at, err, KG_E_NOTFOUND, "there is no %s%s%s", name, p ? " at " : "", p ? p->text : "");
	if (p && p->kind == KG_PROBE_TRACEPOINT && strcmp(name, "retval"))
		kg_error_hint(err, "a tracepoint's fields are args.NAME");
	else if (p && p->kind == KG_PROBE_TRACEPOINT)
		kg_error_hint(err, "the result of a system call is args.ret");
	else if (p && !strcmp(name, "retval") && kg_probe_info(p->kind)->is_kernel_function)
		kg_error_hint(err, "the result is known where the function returns: kretprobe or fexit");
	else if (p && (p->kind == KG_PROBE_FENTRY || p->kind == KG_PROBE_FEXIT))
		kg_error_hint(err, "arguments have their names here: args.NAME");
	return -KG_E_NOTFOUND;
}

static int context_pointer(struct eval *ev, const struct kg_bt_node *at, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_contract_point *p = ev->env->point;
	g_autofree char *type = NULL;

	if (!p || !p->context)
		return expr_fail(ev, at, err, KG_E_UNSUPPORTED, "the raw context has no type here");
	type = g_strconcat(p->context, " *", NULL);
	*ret = (struct kg_expr_value){
		.kind = KG_EXPR_POINTER, .word = ev->env->context, .width = 64, .type = expr_keep_text(ev->env, type)};
	return 0;
}

int expr_eval_builtin(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	if (is_argument_name(name)) {
		int r = expr_eval_argument(ev, at, name, ret, err);

		if (r == -KG_E_NOTFOUND && !(err && err->code) && no_argument(ev, at, name, err) == r && !(err && err->code))
			r = ask_number(ev, at, name, 64, NULL, ret, err);
		return r;
	}
	if (!strcmp(name, "ctx"))
		return context_pointer(ev, at, ret, err);
	if (!strcmp(name, "func"))
		return function_token(ev, at, ret, err);
	if (!strcmp(name, "comm"))
		return ask_comm(ev, at, ret, err);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		if (!strcmp(name, numbers[i].name))
			return ask_number(ev, at, name, numbers[i].width, numbers[i].type, ret, err);
	for (gsize i = 0; i < G_N_ELEMENTS(tokens); i++)
		if (!strcmp(name, tokens[i].name)) {
			*ret = token_of(tokens[i].name, tokens[i].as, KG_WORD(0));
			return 0;
		}
	if (!strcmp(name, "args"))
		return expr_fail(ev, at, err, KG_E_INVAL, "args alone is not a value: args.NAME");
	return expr_fail(ev, at, err, KG_E_UNSUPPORTED, "%s has no meaning in a contract", name);
}

/* -------------------------------------------------------------- functions */

typedef int (*call_fn)(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);

static int arg_value(struct eval *ev, const struct kg_bt_node *n, guint i, struct kg_expr_value *ret, struct kg_error *err)
{
	return expr_eval_node(ev, kg_bt_kid(n, i), ret, err);
}

/* A length that is written as a number. */
static int arg_length(struct eval *ev, const struct kg_bt_node *n, guint i, guint *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r = expr_eval_number(ev, kg_bt_kid(n, i), &v, err);

	if (r < 0)
		return r;
	if (!v.is_constant || v.word.bits == 0 || v.word.bits > MAX_BYTES)
		return expr_fail(ev, kg_bt_kid(n, i), err, KG_E_INVAL, "a number from 1 to %d is needed here", MAX_BYTES);
	*ret = (guint)v.word.bits;
	return 0;
}

static int call_bswap(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r = arg_value(ev, n, 0, &v, err);

	if (r < 0)
		return r;
	if (v.kind != KG_EXPR_NUMBER || v.width % 8)
		return expr_fail(ev, kg_bt_kid(n, 0), err, KG_E_INVAL, "bswap() needs a number of whole bytes");
	*ret = expr_number_of(expr_word_swap(ev->env, v.word, v.width), v.width, FALSE);
	return 0;
}

static int text_at(struct eval *ev, const struct kg_bt_node *at, const struct kg_expr_value *v, guint limit, struct kg_expr_value *ret,
		   struct kg_error *err)
{
	*ret = *v;
	if (v->kind == KG_EXPR_BYTES && v->is_text)
		return 0;
	if (v->kind == KG_EXPR_STRING) {
		ret->n_bytes = limit ? limit : v->n_bytes;
		return 0;
	}
	if (v->kind != KG_EXPR_POINTER && v->kind != KG_EXPR_NUMBER && v->kind != KG_EXPR_OBJECT)
		return expr_fail(ev, at, err, KG_E_INVAL, "str() needs an address or an array of char");
	*ret = (struct kg_expr_value){.kind = KG_EXPR_STRING, .word = v->word, .space = v->space, .n_bytes = limit};
	if (v->kind == KG_EXPR_OBJECT && (!limit || limit > v->n_bytes))
		ret->n_bytes = v->n_bytes;
	return 0;
}

static int call_str(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	guint limit = 0;
	int r = arg_value(ev, n, 0, &v, err);

	if (r == 0 && kg_bt_n_kids(n) > 1)
		r = arg_length(ev, n, 1, &limit, err);
	return r < 0 ? r : text_at(ev, kg_bt_kid(n, 0), &v, limit, ret, err);
}

static int call_buf(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v, len = expr_constant_of(0);
	int r = arg_value(ev, n, 0, &v, err);

	if (r == 0 && kg_bt_n_kids(n) > 1)
		r = expr_eval_number(ev, kg_bt_kid(n, 1), &len, err);
	if (r < 0)
		return r;
	if (v.kind != KG_EXPR_POINTER && v.kind != KG_EXPR_NUMBER && v.kind != KG_EXPR_OBJECT)
		return expr_fail(ev, kg_bt_kid(n, 0), err, KG_E_INVAL, "buf() needs an address or an array");
	if (kg_bt_n_kids(n) < 2 && v.kind != KG_EXPR_OBJECT)
		return expr_fail(ev, n, err, KG_E_INVAL, "buf() of an address needs a length");
	if (kg_bt_n_kids(n) < 2)
		len = expr_constant_of(v.n_bytes);
	if (len.is_constant && (len.word.bits == 0 || len.word.bits > MAX_BYTES))
		return expr_fail(ev, n, err, KG_E_LIMIT, "a length from 1 to %d is needed here", MAX_BYTES);
	*ret = (struct kg_expr_value){.kind = KG_EXPR_OBJECT, .word = v.word, .space = v.space, .n_bytes = (guint)len.word.bits, .as = KG_AS_BYTES};
	if (!len.is_constant) {
		*ret = token_of("buf", KG_AS_BYTES, v.word);
		ret->length = len.word;
		ret->space = v.space;
	}
	return 0;
}

static int call_ntop(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	guint last = kg_bt_n_kids(n) - 1;
	struct kg_expr_value v, family = expr_constant_of(0);
	enum kg_as as;
	int r = arg_value(ev, n, last, &v, err);

	if (r == 0 && last)
		r = expr_eval_number(ev, kg_bt_kid(n, 0), &family, err);
	if (r < 0)
		return r;
	if (last && (!family.is_constant || (family.word.bits != 2 && family.word.bits != 10))) {
		expr_fail(ev, kg_bt_kid(n, 0), err, KG_E_INVAL, "the address family must be AF_INET or AF_INET6 here");
		kg_error_hint(err, "two values, each with its 'when': {expr: ntop(daddr), when: family == AF_INET}");
		return -KG_E_INVAL;
	}
	as = family.word.bits == 10 || (!last && v.n_bytes == 16) ? KG_AS_IPV6 : KG_AS_IPV4;
	r = kg_expr_shown(&v, as, ev->env, ret, err);
	return expr_failed_at(ev, kg_bt_kid(n, last), r);
}

static int call_space(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r = arg_value(ev, n, 0, &v, err);

	if (r < 0)
		return r;
	if (v.kind != KG_EXPR_POINTER && v.kind != KG_EXPR_NUMBER)
		return expr_fail(ev, kg_bt_kid(n, 0), err, KG_E_INVAL, "%s() needs an address", n->text);
	*ret = v;
	ret->space = n->text[0] == 'u' ? KG_SPACE_USER : KG_SPACE_KERNEL;
	return 0;
}

static int call_token(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	static const struct {
		const char *name;
		enum kg_as as;
		int argument; /* which one is the input; -1: none is needed */
	} list[] = {{"ksym", KG_AS_KSYM, 0}, {"usym", KG_AS_USYM, 0}, {"kstack", KG_AS_STACK, -1}, {"ustack", KG_AS_STACK, -1},
		    {"path", KG_AS_NONE, 0}, {"cgroup_path", KG_AS_NONE, 0}, {"strftime", KG_AS_NONE, 1}};
	struct kg_expr_value v = expr_constant_of(0);

	for (gsize i = 0; i < G_N_ELEMENTS(list); i++) {
		if (strcmp(list[i].name, n->text))
			continue;
		guint which = list[i].argument >= 0 ? (guint)list[i].argument : kg_bt_n_kids(n) ? kg_bt_n_kids(n) - 1 : 0;
		const struct kg_bt_node *arg = kg_bt_kid(n, which);
		gboolean is_mode = arg && (arg->kind == KG_BT_NAME || arg->kind == KG_BT_STRING) && list[i].argument < 0;
		int r = arg && !is_mode ? expr_eval_node(ev, arg, &v, err) : 0;

		if (r < 0)
			return r;
		*ret = token_of(list[i].name, list[i].as, v.word);
		return 0;
	}
	return expr_fail(ev, n, err, KG_E_UNSUPPORTED, "%s() has no meaning in a contract", n->text);
}

static int call_kaddr(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_bt_node *arg = kg_bt_kid(n, 0);
	g_autofree char *name = NULL;

	if (arg->kind != KG_BT_STRING)
		return expr_fail(ev, arg, err, KG_E_INVAL, "kaddr() needs the name of a symbol, in quotes");
	name = g_strconcat("kaddr:", arg->text, NULL);
	return ask_number(ev, n, expr_keep_text(ev->env, name), 64, NULL, ret, err);
}

static int call_reg(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_bt_node *arg = kg_bt_kid(n, 0);
	struct kg_word pc;
	int r;

	if (arg->kind != KG_BT_STRING || (strcmp(arg->text, "ip") && strcmp(arg->text, "pc")))
		return expr_fail(ev, arg, err, KG_E_UNSUPPORTED, "of the registers only the instruction pointer has a meaning in a contract: reg(\"ip\")");
	r = instruction_pointer(ev, &pc, err);
	if (r == -KG_E_NOTFOUND)
		return expr_fail(ev, n, err, KG_E_INVAL, "there are no registers here");
	if (r == 0)
		*ret = expr_number_of(pc, 64, FALSE);
	return expr_failed_at(ev, n, r);
}

/* 0 where the first n bytes are the same; else 1. Only the comparison with 0 means something. */
static int call_strncmp(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v[2];
	struct kg_word bit;
	guint limit;
	int r = arg_length(ev, n, 2, &limit, err);

	for (guint i = 0; r == 0 && i < 2; i++) {
		struct kg_expr_value x;

		if ((r = arg_value(ev, n, i, &x, err)) == 0)
			r = text_at(ev, kg_bt_kid(n, i), &x, limit, &v[i], err);
		if (r == 0 && v[i].kind == KG_EXPR_BYTES)
			v[i].n_bytes = MIN(v[i].n_bytes, limit);
	}
	if (r == 0)
		r = expr_failed_at(ev, n, kg_expr_equal(&v[0], &v[1], ev->env, &bit, err));
	if (r == 0)
		*ret = expr_number_of(expr_word_bool(ev->env, expr_bit_not(ev->env, bit)), 1, FALSE);
	return r;
}

static int call_macaddr(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	int r = arg_value(ev, n, 0, &v, err);

	if (r < 0)
		return r;
	if ((v.kind != KG_EXPR_OBJECT || v.n_bytes < 6) && v.kind != KG_EXPR_POINTER)
		return expr_fail(ev, kg_bt_kid(n, 0), err, KG_E_INVAL, "macaddr() needs 6 bytes");
	*ret = (struct kg_expr_value){.kind = KG_EXPR_OBJECT, .word = v.word, .space = v.space, .n_bytes = 6, .as = KG_AS_BYTES};
	return 0;
}

static int call_builtin(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	return expr_eval_builtin(ev, n, n->text, ret, err);
}

static const struct {
	const char *name;
	guint min, max;
	call_fn fn;
} calls[] = {
	{"bswap", 1, 1, call_bswap}, {"str", 1, 2, call_str}, {"buf", 1, 2, call_buf}, {"ntop", 1, 2, call_ntop}, {"uptr", 1, 1, call_space},
	{"kptr", 1, 1, call_space}, {"ksym", 1, 1, call_token}, {"usym", 1, 1, call_token}, {"kstack", 0, 2, call_token},
	{"ustack", 0, 2, call_token}, {"path", 1, 2, call_token}, {"cgroup_path", 1, 2, call_token}, {"strftime", 2, 2, call_token},
	{"kaddr", 1, 1, call_kaddr}, {"reg", 1, 1, call_reg}, {"strncmp", 3, 3, call_strncmp}, {"macaddr", 1, 1, call_macaddr}, {"pid", 0, 0, call_builtin},
	{"tid", 0, 0, call_builtin}, {"ppid", 0, 0, call_builtin}, {"comm", 0, 0, call_builtin}, {"nsecs", 0, 0, call_builtin},
};

int expr_eval_call(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *near;

	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_ptr_array_add(names, (gpointer)calls[i].name);
		if (strcmp(calls[i].name, n->text))
			continue;
		if (kg_bt_n_kids(n) < calls[i].min || kg_bt_n_kids(n) > calls[i].max)
			return expr_fail(ev, n, err, KG_E_INVAL, "%s() takes %u to %u arguments, and has %u", n->text, calls[i].min, calls[i].max,
					 kg_bt_n_kids(n));
		return calls[i].fn(ev, n, ret, err);
	}
	if (kg_bt_function_find(n->text))
		return expr_fail(ev, n, err, KG_E_UNSUPPORTED, "%s() has no meaning in a contract", n->text);
	expr_fail(ev, n, err, KG_E_NOTFOUND, "there is no function %s()", n->text);
	near = kg_nearest(n->text, names);
	if (near)
		kg_error_hint(err, "did you mean %s()?", near);
	return -KG_E_NOTFOUND;
}
