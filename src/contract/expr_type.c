/*
 * Places in memory and what is there. The profile says of a type's spelling what it is; a chain of members is looked up as one path from the
 * struct that it begins in, since the types between can be without a name (skc_v6_daddr.in6_u.u6_addr8).
 */
#include "expr_part.h"

#include <string.h>

gboolean expr_type_is_composite(const struct kg_expr_env *env, const struct kg_field *f)
{
	if (f->is_pointer && !f->array_len)
		return FALSE;
	if (f->array_len || strchr(f->type, '['))
		return TRUE;
	if (g_str_has_prefix(f->type, "struct ") || g_str_has_prefix(f->type, "union "))
		return TRUE;
	return !g_str_has_prefix(f->type, "enum ") && kg_profile_members(env->profile, f->type);
}

static char *trimmed(const char *s, gsize n)
{
	return g_strstrip(g_strndup(s, n));
}

char *expr_type_pointee(const char *type)
{
	gsize n = strlen(type);

	while (n && type[n - 1] == ' ')
		n--;
	if (n >= 5 && !strncmp(type + n - 5, "const", 5))
		n -= 5;
	while (n && type[n - 1] == ' ')
		n--;
	if (!n || type[n - 1] != '*')
		return NULL;
	return trimmed(type, n - 1);
}

char *expr_type_element(const char *type)
{
	const char *open = strchr(type, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close || strchr(type, '('))
		return NULL;
	g_autofree char *front = g_strndup(type, (gsize)(open - type));

	return g_strstrip(g_strconcat(front, close + 1, NULL));
}

const char *expr_keep_text(const struct kg_expr_env *env, const char *s)
{
	char *copy = g_strdup(s);

	g_ptr_array_add(env->keep, copy);
	return copy;
}

int expr_type_size(struct eval *ev, const struct kg_bt_node *at, const char *type, uint32_t *ret, struct kg_error *err)
{
	struct kg_field f;
	int r = kg_profile_type(ev->env->profile, type, &f, err);

	if (r < 0)
		return expr_failed_at(ev, at, r);
	*ret = f.size;
	return 0;
}

/* ---------------------------------------------------------------- loading */

static struct kg_word plus(const struct kg_expr_env *env, struct kg_word address, uint64_t bytes)
{
	return bytes ? expr_word_op(env, KG_OP_ADD, address, KG_WORD(bytes)) : address;
}

/* A bit field lies in the bytes that its bits touch. Source: BTF's bit offsets on little endian machines count from the lowest bit. */
static int load_bits(struct eval *ev, const struct kg_bt_node *at, const struct kg_field *f, enum kg_space space, struct kg_word address,
		     struct kg_expr_value *ret, struct kg_error *err)
{
	unsigned first = f->offset_bits / 8, low = f->offset_bits % 8, n = (low + f->bits + 7) / 8;
	struct kg_word w;
	int r;

	if (n > 8)
		return expr_fail(ev, at, err, KG_E_UNSUPPORTED, "a bit field that lies in %u bytes", n);
	r = ev->env->read(ev->env->self, space, plus(ev->env, address, first), n, &w, err);
	if (r < 0)
		return expr_failed_at(ev, at, r);
	w = ev->env->algebra->extract(ev->env->self, w, low + f->bits - 1, low);
	if (f->bits < 64)
		w = ev->env->algebra->extend(ev->env->self, w, f->bits, 64, f->is_signed);
	*ret = expr_number_of(w, f->bits, f->is_signed);
	ret->type = f->type;
	return 0;
}

static int load_number(struct eval *ev, const struct kg_bt_node *at, const struct kg_field *f, enum kg_space space, struct kg_word address,
		       struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_word w;
	int r = ev->env->read(ev->env->self, space, address, f->size, &w, err);

	if (r < 0)
		return expr_failed_at(ev, at, r);
	if (f->size < 8)
		w = ev->env->algebra->extend(ev->env->self, w, f->size * 8, 64, f->is_signed);
	*ret = expr_number_of(w, f->size * 8, f->is_signed);
	ret->is_big_endian = f->is_big_endian && f->size > 1;
	ret->type = f->type;
	ret->space = space;
	if (f->is_pointer) {
		ret->kind = KG_EXPR_POINTER;
		ret->is_big_endian = FALSE;
	}
	return 0;
}

int expr_load_value(struct eval *ev, const struct kg_bt_node *at, const struct kg_field *f, enum kg_space space, struct kg_word address,
		    struct kg_expr_value *ret, struct kg_error *err)
{
	if (f->bits)
		return load_bits(ev, at, f, space, address, ret, err);
	address = plus(ev->env, address, f->offset_bits / 8);
	if (expr_type_is_composite(ev->env, f)) {
		*ret = (struct kg_expr_value){
			.kind = KG_EXPR_OBJECT, .word = address, .space = space, .type = f->type, .n_bytes = f->size, .is_text = f->is_string};
		return 0;
	}
	if (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)
		return expr_fail(ev, at, err, KG_E_UNSUPPORTED, "%s has no value: its size is %u bytes", f->type, f->size);
	return load_number(ev, at, f, space, address, ret, err);
}

int expr_load_type(struct eval *ev, const struct kg_bt_node *at, const char *type, enum kg_space space, struct kg_word address,
		   struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_field f;
	int r = kg_profile_type(ev->env->profile, type, &f, err);

	return r < 0 ? expr_failed_at(ev, at, r) : expr_load_value(ev, at, &f, space, address, ret, err);
}

/* ---------------------------------------------------------------- members */

/* Where a chain of members stands: a path within [root], which lies at [address]. */
struct chain {
	char *root;           /* spelling of the struct */
	GString *path;
	struct kg_word address;
	enum kg_space space;
	struct kg_field field;/* what [path] leads to */
};


static int chain_begin(struct eval *ev, const struct kg_bt_node *at, const struct kg_expr_value *v, struct chain *c, struct kg_error *err)
{
	g_free(c->root);
	c->root = v->kind == KG_EXPR_POINTER && v->type ? expr_type_pointee(v->type) :
		  v->kind == KG_EXPR_OBJECT		? g_strdup(v->type) :
							  NULL;
	c->address = v->word;
	c->space = v->space;
	g_string_truncate(c->path, 0);
	if (c->root)
		return 0;
	if (v->type)
		return expr_fail(ev, at, err, KG_E_INVAL, "%s has no members", v->type);
	expr_fail(ev, at, err, KG_E_INVAL, "a number has no members");
	kg_error_hint(err, "a cast says what it points to: ((struct sock *)arg0)->sk_protocol");
	return -KG_E_INVAL;
}

static int chain_value(struct eval *ev, const struct kg_bt_node *at, const struct chain *c, struct kg_expr_value *ret, struct kg_error *err)
{
	return expr_load_value(ev, at, &c->field, c->space, c->address, ret, err);
}

static int chain_step(struct eval *ev, const struct kg_bt_node *link, struct chain *c, struct kg_error *err)
{
	int r;

	if (c->path->len && c->field.is_pointer && !c->field.array_len) {
		struct kg_expr_value v;

		if ((r = chain_value(ev, link, c, &v, err)) < 0 || (r = chain_begin(ev, link, &v, c, err)) < 0)
			return r;
	}
	g_string_append_printf(c->path, "%s%s", c->path->len ? "." : "", link->text);
	if (c->path->len > MAX_BYTES)
		return expr_fail(ev, link, err, KG_E_LIMIT, "this path is too long");
	r = kg_profile_member(ev->env->profile, c->root, c->path->str, &c->field, err);
	return r < 0 ? expr_failed_at(ev, link, r) : 0;
}

/* What the chain begins with, and its links from the first on. args.NAME is a beginning. */
static const struct kg_bt_node *chain_links(const struct kg_bt_node *n, GPtrArray *links)
{
	while (n->kind == KG_BT_MEMBER) {
		const struct kg_bt_node *object = kg_bt_kid(n, 0);

		if (object->kind == KG_BT_BUILTIN && !strcmp(object->text, "args"))
			break;
		g_ptr_array_insert(links, 0, (gpointer)n);
		n = object;
	}
	return n;
}

/* The source of a tracepoint's fields where this profile does not have it, so that it can't be told which there are; else NULL. Borrowed. */
static const struct kg_source *unseen(const struct eval *ev)
{
	gboolean is_tracepoint = ev->env->point->kind == KG_PROBE_TRACEPOINT && ev->env->profile;
	const struct kg_source *formats = is_tracepoint ? kg_profile_source(ev->env->profile, "tracepoints") : NULL;

	return formats && formats->state == KG_SOURCE_MISSING ? formats : NULL;
}

static int eval_args_member(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = NULL;
	const char *near;
	int r = expr_eval_argument(ev, n, n->text, ret, err);

	if (r != -KG_E_NOTFOUND || (err && err->code))
		return r;
	names = expr_argument_names(ev);
	if (!ev->env->point)
		return expr_fail(ev, n, err, KG_E_NOTFOUND, "there is no event here, and so no args.%s", n->text);
	if (unseen(ev)) {
		expr_fail(ev, n, err, KG_E_UNSUPPORTED, "the fields of %s are not known: %s", ev->env->point->text, unseen(ev)->why);
		if (unseen(ev)->mend)
			kg_error_hint(err, "%s", unseen(ev)->mend);
		return -KG_E_UNSUPPORTED;
	}
	expr_fail(ev, n, err, KG_E_NOTFOUND, "%s has no argument %s", ev->env->point->text, n->text);
	near = kg_nearest(n->text, names);
	if (!strcmp(n->text, "ret") && g_str_has_prefix(ev->env->point->target, "syscalls:sys_enter_"))
		kg_error_hint(err, "the result is known at tracepoint:syscalls:sys_exit_%s",
			      ev->env->point->target + strlen("syscalls:sys_enter_"));
	else if (near)
		kg_error_hint(err, "did you mean args.%s?", near);
	return -KG_E_NOTFOUND;
}

/* ctx->data of packet programs is 32 bits wide in the struct and a pointer in truth. */
static gboolean is_packet_end(const struct eval *ev, const struct kg_bt_node *base, const struct kg_bt_node *link)
{
	return base->kind == KG_BT_BUILTIN && !strcmp(base->text, "ctx") && ev->env->point && ev->env->point->context &&
	       (!strcmp(link->text, "data") || !strcmp(link->text, "data_end"));
}

static int chain_walk(struct eval *ev, const struct kg_bt_node *base, const GPtrArray *links, struct chain *c, struct kg_error *err)
{
	struct kg_expr_value v;
	guint from = 0;
	int r;

	if (is_packet_end(ev, base, links->pdata[0])) {
		r = expr_eval_builtin(ev, base, ((struct kg_bt_node *)links->pdata[0])->text, &v, err);
		from = 1;
	} else {
		r = expr_eval_node(ev, base, &v, err);
	}
	if (r == 0)
		r = chain_begin(ev, links->pdata[MIN(from, links->len - 1)], &v, c, err);
	for (guint i = from; r == 0 && i < links->len; i++)
		r = chain_step(ev, links->pdata[i], c, err);
	return r;
}

int expr_eval_member(struct eval *ev, const struct kg_bt_node *n, gboolean is_address, struct kg_expr_value *ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) links = g_ptr_array_new();
	const struct kg_bt_node *base = chain_links(n, links);
	struct chain c = {.path = g_string_new(NULL)};
	int r;

	if (!links->len)
		r = eval_args_member(ev, n, ret, err);
	else if (links->len == 1 && is_packet_end(ev, base, n))
		r = expr_eval_builtin(ev, n, n->text, ret, err);
	else
		r = chain_walk(ev, base, links, &c, err);
	if (r == 0 && c.path->len && is_address && c.field.bits) {
		r = expr_fail(ev, n, err, KG_E_INVAL, "a bit field has no address");
	} else if (r == 0 && c.path->len && is_address) {
		g_autofree char *type = g_strconcat(c.field.type, strchr(c.field.type, '*') ? "*" : " *", NULL);

		*ret = (struct kg_expr_value){.kind = KG_EXPR_POINTER,
					      .word = plus(ev->env, c.address, c.field.offset_bits / 8),
					      .width = 64,
					      .space = c.space,
					      .type = expr_keep_text(ev->env, type)};
	} else if (r == 0 && c.path->len) {
		r = chain_value(ev, n, &c, ret, err);
	}
	g_free(c.root);
	g_string_free(c.path, TRUE);
	return r;
}

/* ----------------------------------------------- elements and dereference */

static int element_of(struct eval *ev, const struct kg_bt_node *n, const struct kg_expr_value *v, char **ret_type, struct kg_error *err)
{
	char *type = NULL;

	if (v->type && v->kind == KG_EXPR_OBJECT)
		type = expr_type_element(v->type);
	else if (v->type && v->kind == KG_EXPR_POINTER)
		type = expr_type_pointee(v->type);

	if (!type)
		return expr_fail(ev, n, err, KG_E_INVAL, "%s has no elements", v->type ? v->type : "a number");
	*ret_type = type;
	return 0;
}

int expr_eval_index(struct eval *ev, const struct kg_bt_node *n, gboolean is_address, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v, i;
	struct kg_field array = {0};
	g_autofree char *type = NULL;
	uint32_t size = 0;
	int r;

	if (kg_bt_n_kids(n) != 2)
		return expr_fail(ev, n, err, KG_E_INVAL, "one index is needed");
	if ((r = expr_eval_node(ev, kg_bt_kid(n, 0), &v, err)) < 0 || (r = expr_eval_number(ev, kg_bt_kid(n, 1), &i, err)) < 0 ||
	    (r = element_of(ev, n, &v, &type, err)) < 0 || (r = expr_type_size(ev, n, type, &size, err)) < 0)
		return r;
	if (v.kind == KG_EXPR_OBJECT && i.is_constant && kg_profile_type(ev->env->profile, v.type, &array, NULL) == 0 && array.array_len &&
	    i.word.bits >= array.array_len)
		return expr_fail(ev, kg_bt_kid(n, 1), err, KG_E_INVAL, "%s has no element %" G_GINT64_FORMAT, v.type, (gint64)i.word.bits);
	struct kg_word address = expr_word_op(ev->env, KG_OP_ADD, v.word, expr_word_op(ev->env, KG_OP_MUL, i.word, KG_WORD(size)));

	if (!is_address)
		return expr_load_type(ev, n, type, v.space, address, ret, err);
	g_autofree char *pointer = g_strconcat(type, " *", NULL);

	*ret = (struct kg_expr_value){
		.kind = KG_EXPR_POINTER, .word = address, .width = 64, .space = v.space, .type = expr_keep_text(ev->env, pointer)};
	return 0;
}

int expr_eval_deref(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value v;
	g_autofree char *type = NULL;
	int r = expr_eval_node(ev, kg_bt_kid(n, 0), &v, err);

	if (r == 0 && v.kind != KG_EXPR_POINTER && v.kind != KG_EXPR_OBJECT) {
		r = expr_fail(ev, n, err, KG_E_INVAL, "this is not a pointer");
		kg_error_hint(err, "a cast says what it points to: *(uint64 *)arg0");
	}
	if (r == 0)
		r = element_of(ev, n, &v, &type, err);
	return r < 0 ? r : expr_load_type(ev, n, type, v.space, v.word, ret, err);
}

int expr_eval_address(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_bt_node *of = kg_bt_kid(n, 0);

	if (of->kind == KG_BT_MEMBER)
		return expr_eval_member(ev, of, TRUE, ret, err);
	if (of->kind == KG_BT_INDEX)
		return expr_eval_index(ev, of, TRUE, ret, err);
	return expr_fail(ev, n, err, KG_E_INVAL, "only a member or an element has an address");
}

/* ------------------------------------------------------------------ casts */

static int cast_number(struct eval *ev, const struct kg_bt_node *n, const struct kg_field *f, const struct kg_expr_value *v,
		       struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value x = expr_in_host_order(ev->env, v);

	if (v->kind == KG_EXPR_OBJECT && v->n_bytes == f->size)
		return expr_load_type(ev, n, f->type, v->space, v->word, ret, err);
	if (x.kind != KG_EXPR_NUMBER && x.kind != KG_EXPR_POINTER)
		return expr_fail(ev, n, err, KG_E_INVAL, "this can't be made %s", f->type);
	*ret = expr_number_of(expr_word_fit(ev->env, x.word, f->size * 8, f->is_signed), f->size * 8, f->is_signed);
	ret->type = f->type;
	ret->space = v->space;
	/* (__be16)x says that x is in that order; a cast between types of the same order changes nothing */
	if (f->is_big_endian) {
		ret->word = expr_word_fit(ev->env, v->word, f->size * 8, FALSE);
		ret->is_big_endian = TRUE;
	}
	return 0;
}

int expr_eval_cast(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	g_autofree char *type = kg_bt_type_text(kg_bt_kid(n, 0));
	struct kg_expr_value v;
	struct kg_field f;
	int r = kg_profile_type(ev->env->profile, type, &f, err);

	if (r < 0)
		return expr_failed_at(ev, n, r);
	r = expr_eval_node(ev, kg_bt_kid(n, 1), &v, err);
	if (r < 0)
		return r;
	if (!f.is_pointer && !f.array_len && !expr_type_is_composite(ev->env, &f) && f.size <= 8 && f.size)
		return cast_number(ev, n, &f, &v, ret, err);
	if (!f.is_pointer || f.array_len)
		return expr_fail(ev, n, err, KG_E_INVAL, "a cast to %s is not a value", type);
	if (v.kind != KG_EXPR_NUMBER && v.kind != KG_EXPR_POINTER && v.kind != KG_EXPR_OBJECT) /* an array is its address, as in C */
		return expr_fail(ev, n, err, KG_E_INVAL, "this can't be an address");
	*ret = (struct kg_expr_value){.kind = KG_EXPR_POINTER, .word = v.word, .width = 64, .space = v.space, .type = f.type};
	return 0;
}

int expr_eval_sizeof(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err)
{
	const struct kg_bt_node *of = kg_bt_kid(n, 0);
	g_autofree char *type = NULL;
	struct kg_expr_value v = {0};
	struct kg_field f;
	uint32_t size = 0;
	int r = 0;

	if (of->kind == KG_BT_TYPE)
		type = kg_bt_type_text(of);
	else if ((r = expr_eval_node(ev, of, &v, err)) == 0 && v.type)
		type = g_strdup(v.type);
	if (r == 0 && n->kind == KG_BT_OFFSETOF) {
		r = type ? kg_profile_member(ev->env->profile, type, n->text, &f, err) : expr_fail(ev, n, err, KG_E_INVAL, "this has no members");
		size = r == 0 ? f.offset_bits / 8 : 0;
	} else if (r == 0 && type) {
		r = expr_type_size(ev, n, type, &size, err);
	} else if (r == 0) {
		size = v.n_bytes ? v.n_bytes : v.width / 8;
	}
	if (r == 0)
		*ret = expr_constant_of(size);
	return expr_failed_at(ev, n, r);
}
