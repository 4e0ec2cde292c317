/*
 * A contract against a kernel. Every expression is evaluated at every attach point that it speaks of, in a world of zeros: the evaluator
 * looks at all of an expression whatever the values are, so what it does not find there it will not find in a proof.
 */
#include "node.h"

#include <kgent/text.h>
#include <string.h>

/* ------------------------------------------------------- a world of zeros */

static struct kg_word zero_binary(void *self, enum kg_op op, unsigned width, struct kg_word a, struct kg_word b)
{
	return KG_WORD(0);
}

static struct kg_word zero_extract(void *self, struct kg_word a, unsigned high, unsigned low)
{
	return KG_WORD(0);
}

static struct kg_word zero_concat(void *self, struct kg_word high, unsigned high_width, struct kg_word low, unsigned low_width)
{
	return KG_WORD(0);
}

static struct kg_word zero_extend(void *self, struct kg_word a, unsigned from, unsigned to, gboolean is_signed)
{
	return KG_WORD(0);
}

static struct kg_word zero_select(void *self, struct kg_word condition, unsigned width, struct kg_word yes, struct kg_word no)
{
	return KG_WORD(0);
}

static const struct kg_algebra zeros = {zero_binary, zero_extract, zero_concat, zero_extend, zero_select};

static int zero_read(void *self, enum kg_space space, struct kg_word address, unsigned n, struct kg_word *ret, struct kg_error *err)
{
	*ret = KG_WORD(0);
	return 0;
}

static int zero_builtin(void *self, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	return 0;
}

/* ----------------------------------------------------------------- at one */

struct checker {
	GPtrArray *diags;
	struct kg_profile *profile;
	const struct kg_contract *contract;
	const struct kg_contract_clause *clause;
	GPtrArray *keep;
	struct kg_expr_env env;
	GHashTable *values; /* names that a span kept, and its duration */
	GHashTable *of_beginning; /* names of `where` that mean something where the span begins: at its end they need not */
	gboolean is_one_of_many; /* there are several ways: an attach point that is missing is a warning */
};

static void take_error(struct checker *c, const struct kg_contract_expr *e, const struct kg_bt_node *at, enum kg_severity severity,
		       const struct kg_error *err)
{
	struct kg_loc loc = e->loc;
	struct kg_diag *d;

	if (at && loc.len) {
		loc.col += (int)at->off;
		loc.len = (int)(at->end - at->off);
	}
	for (guint i = 0; i < c->diags->len; i++) {
		d = c->diags->pdata[i];
		if (d->loc.line == loc.line && d->loc.col == loc.col && d->severity == severity)
			return; /* the same place at another attach point */
	}
	d = kg_diag_add(c->diags, severity, CHECK, loc, "%s", err->msg);
	if (err->hint)
		kg_diag_hint(d, "%s", err->hint);
}

/* What can't be told is a note; the rest a mistake. */
static enum kg_severity severity_of(int r)
{
	return r == -KG_E_UNSUPPORTED ? KG_NOTE : KG_ERROR;
}

static gboolean has_btf(const struct checker *c)
{
	const struct kg_source *btf = kg_profile_source(c->profile, "btf");

	return btf && btf->state != KG_SOURCE_MISSING;
}

/* A name whose own expression is wrong: that was said where it is given. */
static gboolean is_said(const struct checker *c, const struct kg_bt_node *failed)
{
	const GPtrArray *lists[] = {c->env.names, c->clause->span ? c->clause->span->keep : NULL};

	for (int l = 0; failed && failed->kind == KG_BT_NAME && l < 2; l++)
		for (guint i = 0; lists[l] && i < lists[l]->len; i++)
			if (!strcmp(((struct kg_contract_name *)lists[l]->pdata[i])->name, failed->text))
				return !g_hash_table_contains(c->of_beginning, failed->text);
	return FALSE;
}

/* An argument of the beginning that the end does not have. */
static gboolean is_of_beginning(const struct checker *c, const char *name)
{
	for (guint i = 0; c->clause->span && i < c->clause->span->from->len; i++) {
		const struct kg_contract_end *e = c->clause->span->from->pdata[i];
		g_autoptr(GPtrArray) arguments = kg_expr_arguments(e->points->pdata[0], c->profile);

		for (guint j = 0; arguments && j < arguments->len; j++)
			if (!strcmp(((struct kg_argument *)arguments->pdata[j])->name, name))
				return TRUE;
	}
	return FALSE;
}

/* A better hint than the evaluator's, which does not know of spans. */
static void hint_span(const struct checker *c, const struct kg_bt_node *failed, struct kg_error *err)
{
	if (!failed || (failed->kind != KG_BT_NAME && failed->kind != KG_BT_MEMBER) || !is_of_beginning(c, failed->text))
		return;
	g_clear_pointer(&err->hint, g_free);
	kg_error_hint(err, "it is known where the span begins, which can keep it: keep: {%s: %s}", failed->text, failed->text);
}

static gboolean evaluate(struct checker *c, const struct kg_contract_expr *e, struct kg_expr_value *ret)
{
	_cleanup_error_ struct kg_error err = {0};
	const struct kg_bt_node *failed = NULL;
	int r;

	c->env.failed = &failed;
	r = kg_expr_eval(e->node, &c->env, ret, &err);
	if (r == -KG_E_NOTFOUND)
		hint_span(c, failed, &err);
	if (r < 0 && !is_said(c, failed))
		take_error(c, e, failed, has_btf(c) ? KG_ERROR : severity_of(r), &err);
	return r == 0;
}

static gboolean is_compared(const struct kg_contract_expr *e, const struct kg_bt_node *n)
{
	return n->kind == KG_BT_BINARY && n->op >= KG_BT_LT && n->op <= KG_BT_NE && e->text[n->off] != '(';
}

struct bits_walk {
	const struct kg_contract_expr *expr;
	GPtrArray *diags;
};

/* a & b == c is a & (b == c) in C. */
static gboolean warn_of_bits(const struct kg_bt_node *n, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct bits_walk *w = userdata;
	struct kg_loc loc = w->expr->loc;

	if (n->kind != KG_BT_BINARY || (n->op != KG_BT_BAND && n->op != KG_BT_BOR && n->op != KG_BT_BXOR))
		return TRUE;
	if (!is_compared(w->expr, kg_bt_kid(n, 0)) && !is_compared(w->expr, kg_bt_kid(n, 1)))
		return TRUE;
	if (loc.len) {
		loc.col += (int)n->off;
		loc.len = (int)(n->end - n->off);
	}
	kg_diag_hint(kg_diag_add(w->diags, KG_WARNING, CHECK, loc, "here the comparison is made first, and then %s", kg_bt_op_text(n->op)),
		     "brackets say what is meant: (flags & O_ACCMODE) == O_WRONLY");
	return TRUE;
}

static void check_condition(struct checker *c, const struct kg_contract_expr *e)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_expr_value v;
	struct kg_word bit;
	int r;

	if (!e->node || !evaluate(c, e, &v))
		return;
	kg_bt_walk_node(e->node, warn_of_bits, NULL, &(struct bits_walk){e, c->diags});
	r = kg_expr_truth(&v, &c->env, &bit, &err);
	if (r < 0)
		take_error(c, e, NULL, KG_ERROR, &err);
	else if (v.is_constant)
		kg_diag_add(c->diags, KG_WARNING, CHECK, e->loc, "this is always %s", v.word.bits ? "true" : "false");
}

static void check_conditions(struct checker *c, const GPtrArray *exprs)
{
	for (guint i = 0; i < exprs->len; i++)
		check_condition(c, exprs->pdata[i]);
}

static void check_value(struct checker *c, const struct kg_contract_value *value, gboolean must_be_number)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_expr_value v, shown;
	int r;

	check_condition(c, &value->when);
	if (!value->expr.node || !evaluate(c, &value->expr, &v))
		return;
	r = kg_expr_shown(&v, value->as, &c->env, &shown, &err);
	if (r == 0 && must_be_number && shown.kind != KG_EXPR_NUMBER)
		r = kg_error_set(&err, KG_E_INVAL, CHECK, "only numbers can be put together so");
	if (r < 0)
		take_error(c, &value->expr, NULL, KG_ERROR, &err);
	else if (v.kind == KG_EXPR_POINTER && shown.kind == KG_EXPR_NUMBER && value->as != KG_AS_HEX)
		kg_diag_hint(kg_diag_add(c->diags, KG_WARNING, CHECK, value->expr.loc, "this is an address (%s), which says nothing to people",
					 v.type ? v.type : "pointer"),
			     "str() reads a text; '->' a member");
}

/* The names of `where`: a mistake is said here, once, and not at each use. */
static void check_names(struct checker *c, const GPtrArray *names)
{
	GPtrArray seen = {.pdata = names->pdata, .len = 0};
	const GPtrArray *all = c->env.names;

	for (guint i = 0; i < names->len; i++) {
		const struct kg_contract_name *name = names->pdata[i];
		struct kg_expr_value v;

		seen.len = i;
		c->env.names = &seen;
		if (!g_hash_table_contains(c->of_beginning, name->name))
			evaluate(c, &name->expr, &v);
	}
	c->env.names = all;
}

/* Which of them mean something where the span begins. Those are looked at again where they are used. */
static void note_names(struct checker *c, const GPtrArray *names)
{
	GPtrArray seen = {.pdata = names->pdata, .len = 0};

	for (guint i = 0; i < names->len; i++) {
		const struct kg_contract_name *name = names->pdata[i];
		struct kg_expr_value v;

		seen.len = i;
		c->env.names = &seen;
		c->env.failed = NULL;
		if (kg_expr_eval(name->expr.node, &c->env, &v, NULL) == 0)
			g_hash_table_add(c->of_beginning, name->name);
	}
	c->env.names = c->clause->names;
}

static void check_obligation(struct checker *c, const struct kg_obligation *o)
{
	if (o->kind == KG_OBLIGATION_RETURN && c->env.point->kind != KG_PROBE_NONE)
		kg_diag_hint(kg_diag_add(c->diags, KG_ERROR, CHECK, o->loc, "what a program returns at %s means nothing", c->env.point->text),
			     "'return' is for xdp, tc, lsm and other programs in C; the result of a function is retval");
	check_value(c, &o->value, o->kind == KG_OBLIGATION_AGGREGATE || o->kind == KG_OBLIGATION_RETURN);
	for (guint i = 0; o->keys && i < o->keys->len; i++)
		check_value(c, o->keys->pdata[i], FALSE);
	check_condition(c, &o->condition);
}

static void set_point(struct checker *c, const struct kg_contract_point *p)
{
	c->env.point = p;
	c->env.names = c->clause->names;
}

static void check_event(struct checker *c, const struct kg_contract_point *p, const void *what)
{
	set_point(c, p);
	check_names(c, c->clause->names);
	check_conditions(c, c->clause->assumes);
	for (guint i = 0; i < c->clause->obligations->len; i++)
		check_obligation(c, c->clause->obligations->pdata[i]);
}

/* ----------------------------------------------------------------- points */

static gboolean no_point(struct checker *c, const struct kg_contract_point *p, gboolean is_one_of_many, const char *msg, const char *hint)
{
	struct kg_diag *d = kg_diag_add(c->diags, is_one_of_many ? KG_WARNING : KG_ERROR, CHECK, p->loc, "%s", msg);

	if (hint)
		kg_diag_hint(d, "%s", hint);
	return FALSE;
}

static gboolean is_kernel_kind(enum kg_probe_kind kind)
{
	return kg_probe_info(kind)->is_kernel_function || kind == KG_PROBE_TRACEPOINT || kind == KG_PROBE_RAWTRACEPOINT;
}

static gboolean check_hook(struct checker *c, const struct kg_contract_point *p, gboolean is_one_of_many)
{
	g_autofree char *function = g_strconcat("bpf_lsm_", p->target, NULL), *msg = NULL;

	if (p->type != BPF_PROG_TYPE_LSM || !has_btf(c) || kg_profile_fields(c->profile, KG_PROBE_FENTRY, function))
		return TRUE;
	msg = g_strdup_printf("this kernel has no security hook %s", p->target);
	return no_point(c, p, is_one_of_many, msg, NULL);
}

/* Does it exist? One that exists and can't be attached to here is good: the contract may be for another machine's program. */
static gboolean check_point(struct checker *c, const struct kg_contract_point *p, gboolean is_one_of_many)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_point *found = NULL;
	g_autoptr(GPtrArray) fits = NULL;

	if (p->is_wildcard && is_kernel_kind(p->kind)) {
		fits = kg_contract_point_expand(p, c->profile);
		return fits->len || no_point(c, p, is_one_of_many, "nothing in this kernel fits this", NULL);
	}
	if (p->kind == KG_PROBE_NONE)
		return check_hook(c, p, is_one_of_many);
	if (!is_kernel_kind(p->kind))
		return TRUE;
	if (kg_profile_find(c->profile, p->kind, p->target, &found, &err) == -KG_E_NOTFOUND)
		return no_point(c, p, is_one_of_many, err.msg, err.hint);
	kg_point_free(found);
	return TRUE;
}

typedef void (*at_point)(struct checker *c, const struct kg_contract_point *p, const void *what);

/* Calls [fn] at each member of an entry that this kernel has; FALSE where it has none. Of a wildcard's points a few are enough. */
static gboolean each_point(struct checker *c, const GPtrArray *entry, at_point fn, const void *what)
{
	enum { WILDCARD_MAX = 50 };
	gboolean is_any = FALSE;

	for (guint i = 0; i < entry->len; i++) {
		const struct kg_contract_point *p = entry->pdata[i];
		g_autoptr(GPtrArray) points = NULL;

		if (!check_point(c, p, entry->len > 1 || c->is_one_of_many))
			continue;
		is_any = TRUE;
		points = kg_contract_point_expand(p, c->profile);
		for (guint j = 0; j < MIN(points->len, WILDCARD_MAX); j++)
			fn(c, points->pdata[j], what);
	}
	if (!is_any && entry->len > 1 && !c->is_one_of_many)
		kg_diag_add(c->diags, KG_ERROR, CHECK, ((struct kg_contract_point *)entry->pdata[0])->loc, "this kernel has none of these");
	return is_any;
}

/* ------------------------------------------------------------------ spans */

static void check_end(struct checker *c, const struct kg_contract_point *p, const void *what)
{
	const struct kg_contract_end *e = what;

	set_point(c, p);
	check_conditions(c, e->assumes);
	check_condition(c, &e->condition);
	for (guint i = 0; i < e->key->len; i++) {
		struct kg_expr_value v;

		evaluate(c, e->key->pdata[i], &v);
	}
}

static void check_begin(struct checker *c, const struct kg_contract_point *p, const void *what)
{
	const GPtrArray *keep = c->clause->span->keep;

	set_point(c, p);
	note_names(c, c->clause->names);
	check_end(c, p, what);
	for (guint i = 0; i < keep->len; i++) {
		const struct kg_contract_name *n = keep->pdata[i];
		struct kg_expr_value v;

		if (evaluate(c, &n->expr, &v))
			g_hash_table_insert(c->values, n->name, g_memdup2(&v, sizeof v));
	}
}

static void check_event_of_end(struct checker *c, const struct kg_contract_point *p, const void *what)
{
	c->env.values = c->values;
	check_event(c, p, NULL);
	check_end(c, p, what);
}

static gboolean check_span(struct checker *c, const struct kg_contract_span *s)
{
	struct kg_expr_value duration = {.kind = KG_EXPR_NUMBER, .width = 64};
	gboolean ok = TRUE;

	for (guint i = 0; i < s->from->len; i++) {
		const struct kg_contract_end *e = s->from->pdata[i];

		ok &= each_point(c, e->points, check_begin, e);
	}
	g_hash_table_insert(c->values, (gpointer)"duration", g_memdup2(&duration, sizeof duration));
	for (guint i = 0; ok && i < s->to->len; i++) {
		const struct kg_contract_end *e = s->to->pdata[i];

		ok &= each_point(c, e->points, check_event_of_end, e);
	}
	return ok;
}

/* --------------------------------------------------------------- contract */

/* FALSE: an attach point is missing. */
static gboolean check_clause(struct checker *c, const struct kg_contract_clause *clause)
{
	gboolean ok = TRUE;

	c->clause = clause;
	c->env.values = NULL;
	g_hash_table_remove_all(c->values);
	g_hash_table_remove_all(c->of_beginning);
	if (clause->span)
		return check_span(c, clause->span);
	for (guint i = 0; i < clause->on->len; i++)
		ok &= each_point(c, clause->on->pdata[i], check_event, NULL);
	return ok;
}

static gboolean check_way(struct checker *c, const struct kg_contract_way *w)
{
	gboolean ok = TRUE;

	for (guint i = 0; i < w->clauses->len; i++)
		ok &= check_clause(c, w->clauses->pdata[i]);
	return ok;
}

static void check_asks(struct checker *c)
{
	for (guint i = 0; i < c->contract->ways->len; i++) {
		const struct kg_contract_way *w = c->contract->ways->pdata[i];

		for (guint j = 0; j < w->clauses->len; j++) {
			const struct kg_contract_clause *clause = w->clauses->pdata[j];
			gboolean is_asked = FALSE;

			for (guint k = 0; k < clause->obligations->len; k++)
				is_asked |= ((struct kg_obligation *)clause->obligations->pdata[k])->kind != KG_OBLIGATION_ON;
			if (!is_asked)
				kg_diag_add(c->diags, KG_WARNING, CHECK, clause->loc, "nothing is asked of this event but that it is seen");
		}
	}
}

static void check_ways(struct checker *c)
{
	const struct kg_contract *contract = c->contract;
	guint n_ways = 0;

	c->keep = kg_expr_keep_new();
	c->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	c->of_beginning = g_hash_table_new(g_str_hash, g_str_equal);
	c->is_one_of_many = contract->ways->len > 1;
	c->env = (struct kg_expr_env){.algebra = &zeros, .profile = c->profile, .macros = contract->macros, .keep = c->keep,
				      .read = zero_read, .builtin = zero_builtin};
	for (guint i = 0; i < contract->ways->len; i++)
		n_ways += check_way(c, contract->ways->pdata[i]);
	if (!n_ways && c->is_one_of_many)
		kg_diag_add(c->diags, KG_ERROR, CHECK, (struct kg_loc){0}, "this kernel has the attach points of none of the alternatives");
	g_hash_table_unref(c->values);
	g_hash_table_unref(c->of_beginning);
	g_ptr_array_unref(c->keep);
}

int kg_contract_check(const struct kg_contract *contract, struct kg_profile *profile, GPtrArray *diags)
{
	g_autoptr(GPtrArray) found = kg_diags_new();
	struct checker c = {.diags = found, .profile = profile, .contract = contract};

	check_asks(&c);
	if (profile)
		check_ways(&c);
	con_move_findings(found, diags);
	return kg_diags_errors(found) ? -KG_E_INVAL : 0;
}
