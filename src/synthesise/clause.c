/*
 * The clauses of one event: at its attach points, under its conditions, the statement that measures it.
 *
 * A span that needs both of its ends becomes
 *
 *   begin  { @start[key] = nsecs; @begin_x[key] = ...; }
 *   end    /@start[key]/ { $duration = nsecs - @start[key]; if (...) { measure } delete(@start[key]); ... }
 *
 * so that an end without its beginning shows nothing and an entry is used once. Conditions on who did it stand at both ends: at the
 * beginning they save work, at the end they keep a stale entry of a thread id that was used again from being shown.
 */
#include "plan.h"

#include <kgent/text.h>

#include <arpa/inet.h>
#include <string.h>

/* A value at a site: one expression, or one for each case. */
struct value {
	GPtrArray *when; /* char *: empty where there is only one case that always holds */
	GPtrArray *expr; /* char *: as many as cases, at least one */
	char *valid;     /* or NULL */
};

struct site_ctx {
	const struct plan *plan;
	const struct kg_card_site *site;
	gboolean is_end; /* the end of a PLAN_BOTH span */
	const char *only_at;    /* the one attach point that the clause is for; NULL: all of the site's */
	const GPtrArray *known; /* char *: conditions that hold where the statement stands; or NULL */
	struct kg_error *err;
};

static void value_clear(struct value *v)
{
	g_clear_pointer(&v->when, g_ptr_array_unref);
	g_clear_pointer(&v->expr, g_ptr_array_unref);
	g_clear_pointer(&v->valid, g_free);
}
#define _cleanup_value_ __attribute__((cleanup(value_clear)))

static void value_init(struct value *v)
{
	v->when = g_ptr_array_new_with_free_func(g_free);
	v->expr = g_ptr_array_new_with_free_func(g_free);
	v->valid = NULL;
}

/* Working maps of this event: their names differ where several events are observed side by side. */
static char *work_map(const struct plan *plan, const char *what)
{
	return plan->index ? g_strdup_printf("@%s%u", what, plan->index + 1) : g_strdup_printf("@%s", what);
}

static char *kept_map(const struct plan *plan, const char *field, guint one_case, guint n_cases)
{
	g_autofree char *what = n_cases > 1 ? g_strdup_printf("begin_%s_%u_", field, one_case + 1) : g_strdup_printf("begin_%s", field);

	return work_map(plan, what);
}

static char *kept_valid_map(const struct plan *plan, const char *field)
{
	g_autofree char *what = g_strdup_printf("begin_%s_valid", field);

	return work_map(plan, what);
}

/* str(POINTER) -> POINTER */
static char *pointer_of(const char *expr)
{
	gsize n = strlen(expr);

	return g_str_has_prefix(expr, "str(") && n > 5 && expr[n - 1] == ')' ? g_strndup(expr + 4, n - 5) : NULL;
}

static void kept_value(const struct site_ctx *c, const struct kept *k, struct value *v)
{
	const struct plan *plan = c->plan;
	for (guint i = 0; i < k->n_cases; i++) {
		g_autofree char *map = kept_map(plan, k->field, i, k->n_cases);
		g_ptr_array_add(v->expr, k->is_late ? g_strdup_printf("str(%s[%s])", map, c->site->key) : g_strdup_printf("%s[%s]", map, c->site->key));
		if (k->n_cases > 1) {
			g_autofree char *which = work_map(plan, "begin_case");
			g_ptr_array_add(v->when, g_strdup_printf("%s[%s] == %u", which, c->site->key, i + 1));
		}
	}
	/* whether it meant something was seen where it was kept */
	if (k->has_valid) {
		g_autofree char *map = kept_valid_map(plan, k->field);
		v->valid = g_strdup_printf("%s[%s] == 1", map, c->site->key);
	}
}

/* The field at the site. */
static gboolean value_at(const struct site_ctx *c, const char *field, struct value *v)
{
	const struct kg_standard_field *s = kg_standard_field(field);
	const struct kept *kept;

	value_init(v);
	if (!strcmp(field, KG_DURATION) && !kg_card_field(c->plan->card, field)) {
		const char *own = kg_plan_duration_field(c->plan->card, c->plan->way);
		if (!own) {
			g_ptr_array_add(v->expr, g_strdup("$duration"));
			return TRUE;
		}
		const struct kg_card_expr *e = kg_card_site_expr(c->site, own);
		const char *expr = ((struct kg_card_case *)e->cases->pdata[0])->expr;
		gint64 factor = kg_unit_ns(kg_card_field(c->plan->card, own)->unit);
		g_ptr_array_add(v->expr, factor == 1 ? g_strdup(expr) : g_strdup_printf("((%s) * %" G_GINT64_FORMAT ")", expr, factor));
		v->valid = g_strdup(e->valid);
		return TRUE;
	}
	if (c->is_end && kg_plan_is_kept(c->plan, field, &kept)) {
		kept_value(c, kept, v);
		return TRUE;
	}
	const struct kg_card_expr *e = kg_card_site_expr(c->site, field);
	if (!e) {
		if (!s) {
			kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s: %s is not known there", c->plan->card->plural, field);
			return FALSE;
		}
		g_ptr_array_add(v->expr, g_strdup(s->expr));
		return TRUE;
	}
	for (guint i = 0; i < e->cases->len; i++) {
		const struct kg_card_case *one = e->cases->pdata[i];
		g_ptr_array_add(v->expr, g_strdup(one->expr));
		if (one->when)
			g_ptr_array_add(v->when, g_strdup(one->when));
	}
	if (v->when->len && v->when->len < v->expr->len)
		g_ptr_array_add(v->when, g_strdup("1")); /* the last case is all the rest */
	v->valid = g_strdup(e->valid);
	return TRUE;
}

static gboolean needs_parens(const char *s)
{
	for (; *s; s++)
		if (*s == '|' || *s == '?' || *s == '&')
			return TRUE;
	return FALSE;
}

static void add_condition(GPtrArray *list, const char *text)
{
	for (guint i = 0; i < list->len; i++)
		if (!strcmp(list->pdata[i], text))
			return;
	g_ptr_array_add(list, g_strdup(text));
}

static char *join_conditions(const GPtrArray *list)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++) {
		const char *c = list->pdata[i];
		gboolean parens = list->len > 1 && needs_parens(c);
		g_string_append_printf(s, "%s%s%s%s", i ? " && " : "", parens ? "(" : "", c, parens ? ")" : "");
	}
	return g_string_free(s, FALSE);
}

/* An address in an ntop(): bytes of args->FIELD, or a number in network byte order, or the bytes of an IPv6 address. */
static char *address_condition(const struct site_ctx *c, const char *expr, const unsigned char *bytes, guint n)
{
	GString *s = g_string_new(NULL);
	gsize len = strlen(expr);
	g_autofree char *in = g_str_has_prefix(expr, "ntop(") && expr[len - 1] == ')' ? g_strndup(expr + 5, len - 6) : NULL;
	gboolean four = in && (g_str_has_prefix(in, "2, ") || g_str_has_prefix(in, "AF_INET, "));
	gboolean six = in && (g_str_has_prefix(in, "10, ") || g_str_has_prefix(in, "AF_INET6, "));
	const char *what = in && strchr(in, ',') ? strchr(in, ',') + 2 : in;

	if (!in || ((four || six) && n != (four ? 4u : 16u)))
		return g_string_free(s, TRUE);
	if (four && !g_str_has_prefix(what, "args->")) {
		g_string_append_printf(s, "%s == 0x%02x%02x%02x%02x", what, bytes[3], bytes[2], bytes[1], bytes[0]);
		return g_string_free(s, FALSE);
	}
	if (!four && !six) {
		/* ntop(args->daddr): the tracepoint's field says how long it is */
		const char *at = c->site->at->pdata[0];
		const GPtrArray *fields = g_str_has_prefix(at, "tracepoint:") ? kg_profile_fields(c->plan->profile, KG_PROBE_TRACEPOINT, at + 11) : NULL;
		guint have = 0;
		for (guint i = 0; fields && i < fields->len; i++) {
			const struct kg_field *f = fields->pdata[i];
			if (g_str_has_prefix(what, "args->") && !strcmp(f->name, what + 6))
				have = f->size;
		}
		if (have != n)
			return g_string_free(s, TRUE);
	}
	for (guint i = 0; i < n; i++)
		g_string_append_printf(s, "%s%s[%u] == %u", i ? " && " : "", what, i, bytes[i]);
	return g_string_free(s, FALSE);
}

static gboolean address_filter(const struct site_ctx *c, const struct kg_filter *f, const struct value *v, GPtrArray *conditions)
{
	unsigned char bytes[16];
	guint n = inet_pton(AF_INET, f->text, bytes) == 1 ? 4 : inet_pton(AF_INET6, f->text, bytes) == 1 ? 16 : 0;
	g_autoptr(GPtrArray) any = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; n && i < v->expr->len; i++) {
		g_autofree char *one = address_condition(c, v->expr->pdata[i], bytes, n);
		if (!one)
			continue;
		g_ptr_array_add(any, v->when->len ? g_strdup_printf("(%s && %s)", (char *)v->when->pdata[i], one) : g_strdup(one));
	}
	if (any->len != 1) {
		kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s can't be compared with the address %s on this kernel", f->field, f->text);
		return FALSE;
	}
	g_autofree char *text = f->op == KG_FILTER_NE ? g_strdup_printf("!(%s)", (char *)any->pdata[0]) : g_strdup(any->pdata[0]);
	add_condition(conditions, text);
	return TRUE;
}

static gboolean text_filter(const struct site_ctx *c, const struct kg_filter *f, const struct value *v, GPtrArray *conditions)
{
	g_autoptr(GString) quoted = g_string_new(NULL), s = g_string_new(NULL);

	if (strlen(f->text) > 62) {
		kg_error_set(c->err, KG_E_REFUSED, "synthesise", "\"%s\" is too long to compare with: bpftrace keeps 63 bytes of a text", f->text);
		return FALSE;
	}
	if (v->expr->len != 1 || v->when->len) {
		kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s can't be compared on this kernel", f->field);
		return FALSE;
	}
	kg_text_quote(f->text, quoted);
	if (f->is_prefix)
		g_string_printf(s, "strncmp(%s, %s, %zu) %s 0", (char *)v->expr->pdata[0], quoted->str, strlen(f->text), kg_filter_op_name(f->op));
	else
		g_string_printf(s, "%s %s %s", (char *)v->expr->pdata[0], kg_filter_op_name(f->op), quoted->str);
	add_condition(conditions, s->str);
	return TRUE;
}

static void number_filter(const struct kg_filter *f, const struct value *v, GPtrArray *conditions)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (guint i = 0; i < v->expr->len; i++) {
		const char *e = v->expr->pdata[i];
		gboolean parens = needs_parens(e) || strpbrk(e, "<>=");
		g_string_append_printf(s, "%s%s%s%s%s%s%s %s %" G_GINT64_FORMAT "%s", i ? " || " : "", v->when->len ? "(" : "",
				       v->when->len ? (char *)v->when->pdata[i] : "", v->when->len ? " && " : "", parens ? "(" : "", e, parens ? ")" : "",
				       kg_filter_op_name(f->op), f->number, v->when->len ? ")" : "");
	}
	if (v->valid) {
		g_autofree char *text = g_strdup_printf("%s%s%s", needs_parens(v->valid) ? "(" : "", v->valid, needs_parens(v->valid) ? ")" : "");
		add_condition(conditions, text);
	}
	add_condition(conditions, s->str);
}

static gboolean error_filter(const struct site_ctx *c, const struct kg_filter *f, const struct value *v, GPtrArray *conditions)
{
	const char *expr = v->expr->pdata[0];
	g_autofree char *failed = v->valid ? g_strdup(v->valid) : g_strdup_printf("%s != 0", expr);
	g_autofree char *text = NULL;

	if (f->op != KG_FILTER_EQ && f->op != KG_FILTER_NE) {
		kg_error_set(c->err, KG_E_REFUSED, "synthesise", "errors have no order");
		return FALSE;
	}
	if (!f->number && f->op == KG_FILTER_NE)
		text = g_strdup(failed);
	else if (!f->number)
		text = c->site->ok ? g_strdup(c->site->ok) : g_strdup_printf("!(%s)", failed);
	else if (f->op == KG_FILTER_EQ)
		text = g_strdup_printf("%s && %s == %" G_GINT64_FORMAT, failed, expr, f->number);
	else
		text = g_strdup_printf("!(%s && %s == %" G_GINT64_FORMAT ")", failed, expr, f->number);
	/* -args->ret == 2 reads better as args->ret == -2, and needs no second condition */
	if (f->number && f->op == KG_FILTER_EQ && *expr == '-') {
		g_free(text);
		text = g_strdup_printf("%s == -%" G_GINT64_FORMAT, expr + 1, f->number);
	}
	add_condition(conditions, text);
	return TRUE;
}

static gboolean filter_condition(const struct site_ctx *c, const struct kg_filter *f, GPtrArray *conditions)
{
	_cleanup_value_ struct value v = {0};

	if (!value_at(c, f->field, &v))
		return FALSE;
	if (!strcmp(f->field, "error"))
		return error_filter(c, f, &v, conditions);
	if (f->is_text && kg_plan_unit(c->plan, f->field) == KG_UNIT_IP)
		return address_filter(c, f, &v, conditions);
	if (f->is_text)
		return text_filter(c, f, &v, conditions);
	number_filter(f, &v, conditions);
	return TRUE;
}

/* Conditions on who it is: known at both ends of a span of one thread. */
static gboolean is_task_filter(const struct plan *plan, const struct kg_filter *f)
{
	const struct kg_standard_field *s = kg_standard_field(f->field);

	return s && s->needs_task && !kg_card_field(plan->card, f->field) && plan->way->is_same_task;
}

/* ---- statements ---- */

static char *format_of(enum kg_unit unit)
{
	if (kg_unit_is_text(unit) || unit == KG_UNIT_IP || unit == KG_UNIT_SYMBOL || unit == KG_UNIT_STACK)
		return g_strdup("%s");
	return g_strdup(unit == KG_UNIT_ADDRESS || unit == KG_UNIT_FLAGS ? "%llu" : "%lld");
}

/* The expression for case [k] of the clause; a value without cases is the same in each. */
static const char *expr_in(const struct value *v, guint k)
{
	return v->expr->pdata[v->expr->len > 1 ? MIN(k, v->expr->len - 1) : 0];
}

static gboolean is_known(const struct site_ctx *c, const char *condition)
{
	for (guint i = 0; c->known && i < c->known->len; i++)
		if (!strcmp(c->known->pdata[i], condition))
			return TRUE;
	return FALSE;
}

static gboolean print_statement(const struct site_ctx *c, guint k, gboolean is_rest, GString *out)
{
	const struct plan *plan = c->plan;
	g_autoptr(GPtrArray) shown = kg_plan_shown(plan);
	g_autoptr(GString) format = g_string_new(NULL), args = g_string_new(NULL), stacks = g_string_new(NULL), stack_args = g_string_new(NULL);

	if (plan->intent->events->len > 1)
		g_string_append_printf(format, "%s\\t", plan->card->title);
	for (guint i = 0; i < shown->len; i++) {
		const char *field = shown->pdata[i];
		enum kg_unit unit = kg_plan_unit(plan, field);
		g_autofree char *f = format_of(unit);
		_cleanup_value_ struct value v = {0};

		if (!value_at(c, field, &v))
			return FALSE;
		if (unit == KG_UNIT_STACK) {
			g_string_append(stacks, "%s\\n");
			g_string_append_printf(stack_args, ", %s", expr_in(&v, k));
			continue;
		}
		g_string_append_printf(format, "%s%s", i ? "\\t" : "", f);
		if (is_rest && v.when->len)
			g_string_append(args, strcmp(f, "%s") ? ", 0" : ", \"-\"");
		else if (v.valid && strcmp(f, "%s") && !is_known(c, v.valid))
			g_string_append_printf(args, ", (%s) ? %s : 0", v.valid, expr_in(&v, k));
		else
			g_string_append_printf(args, ", %s", expr_in(&v, k));
	}
	g_string_append_printf(out, "printf(\"%s\\n%s\"%s%s);", format->str, stacks->str, args->str, stack_args->str);
	return TRUE;
}

/* A name alone: needs no parentheses. */
static gboolean is_plain(const char *e)
{
	for (; *e; e++)
		if (!g_ascii_isalnum(*e) && !strchr("$_.", *e))
			return FALSE;
	return TRUE;
}

static gboolean measure_call(const struct site_ctx *c, guint k, GString *out)
{
	const struct kg_intent *in = c->plan->intent;
	enum kg_unit unit = kg_intent_hist_unit(in);
	gint64 div = kg_unit_ns(unit);
	_cleanup_value_ struct value v = {0};

	if (in->measure == KG_MEASURE_COUNT) {
		g_string_append(out, "count()");
		return TRUE;
	}
	if (!value_at(c, in->value, &v))
		return FALSE;
	const char *e = expr_in(&v, k);
	gboolean is_time = !strcmp(in->value, KG_DURATION);
	enum kg_unit own = kg_plan_unit(c->plan, in->value);

	if (in->measure == KG_MEASURE_HIST) {
		if (is_time && div > 1)
			g_string_append_printf(out, "hist(%s%s%s / %" G_GINT64_FORMAT ")", is_plain(e) ? "" : "(", e, is_plain(e) ? "" : ")", div);
		else
			g_string_append_printf(out, "hist(%s)", e);
	} else if (in->measure == KG_MEASURE_LHIST) {
		gint64 d = is_time ? div : kg_unit_ns(own);
		g_autofree char *scaled = is_time && div > 1 ? g_strdup_printf("%s%s%s / %" G_GINT64_FORMAT, is_plain(e) ? "" : "(", e, is_plain(e) ? "" : ")", div)
							     : g_strdup(e);
		g_string_append_printf(out, "lhist(%s, %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT ")", scaled, in->lhist_min / d,
				       in->lhist_max / d, in->lhist_step / d);
	} else {
		g_string_append_printf(out, "%s(%s)", kg_measure_name(in->measure), e);
	}
	return TRUE;
}

static gboolean aggregate_statement(const struct site_ctx *c, guint k, GString *out)
{
	const struct kg_intent *in = c->plan->intent;

	g_string_append(out, c->plan->map);
	for (guint i = 0; i < in->by->len; i++) {
		_cleanup_value_ struct value v = {0};
		if (!value_at(c, in->by->pdata[i], &v))
			return FALSE;
		g_string_append_printf(out, "%s%s%s", i ? ", " : "[", expr_in(&v, k), i + 1 == in->by->len ? "]" : "");
	}
	g_string_append(out, " = ");
	if (!measure_call(c, k, out))
		return FALSE;
	g_string_append_c(out, ';');
	return TRUE;
}

static void indent(GString *out, int depth)
{
	for (int i = 0; i < depth; i++)
		g_string_append(out, "    ");
}

/* The cases that the fields of the statement have: their conditions, or NULL where there are none. All that have cases must have the same. */
static gboolean common_cases(const struct site_ctx *c, GPtrArray **ret)
{
	const struct plan *plan = c->plan;
	g_autoptr(GPtrArray) fields = g_ptr_array_new();

	*ret = NULL;
	if (plan->intent->measure == KG_MEASURE_PRINT) {
		g_autoptr(GPtrArray) shown = kg_plan_shown(plan);
		for (guint i = 0; i < shown->len; i++)
			g_ptr_array_add(fields, shown->pdata[i]);
	} else {
		for (guint i = 0; i < plan->intent->by->len; i++)
			g_ptr_array_add(fields, plan->intent->by->pdata[i]);
		if (plan->intent->value)
			g_ptr_array_add(fields, plan->intent->value);
	}
	for (guint i = 0; i < fields->len; i++) {
		_cleanup_value_ struct value v = {0};
		if (!value_at(c, fields->pdata[i], &v)) {
			g_clear_pointer(ret, g_ptr_array_unref);
			return FALSE;
		}
		if (!v.when->len)
			continue;
		gboolean same = !*ret || (*ret)->len == v.when->len;
		for (guint k = 0; same && *ret && k < v.when->len; k++)
			same = !strcmp((*ret)->pdata[k], v.when->pdata[k]);
		if (!same) {
			kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s: %s and the other fields can't be shown together", plan->card->plural,
				     (char *)fields->pdata[i]);
			g_clear_pointer(ret, g_ptr_array_unref);
			return FALSE;
		}
		if (!*ret)
			*ret = g_steal_pointer(&v.when);
	}
	return TRUE;
}

static gboolean statements(const struct site_ctx *c, int depth, GString *out)
{
	gboolean is_print = c->plan->intent->measure == KG_MEASURE_PRINT, is_rest = FALSE;
	g_autoptr(GPtrArray) cases = NULL;

	if (!common_cases(c, &cases))
		return FALSE;
	for (guint k = 0; k < (cases ? cases->len : 1); k++) {
		gboolean is_last = cases && !strcmp(cases->pdata[k], "1");

		is_rest = is_rest || is_last;
		if (cases) {
			indent(out, k ? 0 : depth);
			if (is_last)
				g_string_append(out, k ? " else {\n" : "{\n");
			else
				g_string_append_printf(out, "%sif (%s) {\n", k ? " else " : "", (char *)cases->pdata[k]);
		}
		indent(out, depth + (cases != NULL));
		if (!(is_print ? print_statement(c, k, FALSE, out) : aggregate_statement(c, k, out)))
			return FALSE;
		g_string_append_c(out, '\n');
		if (cases) {
			indent(out, depth);
			g_string_append_c(out, '}');
		}
	}
	if (cases && is_print && !is_rest) {
		g_string_append(out, " else {\n");
		indent(out, depth + 1);
		if (!print_statement(c, 0, TRUE, out))
			return FALSE;
		g_string_append_c(out, '\n');
		indent(out, depth);
		g_string_append_c(out, '}');
	}
	if (cases)
		g_string_append_c(out, '\n');
	return TRUE;
}

/* ---- clauses ---- */

static void attach_points(const struct site_ctx *c, GString *out)
{
	for (guint i = 0; i < c->site->at->len; i++)
		if (!c->only_at || !strcmp(c->only_at, c->site->at->pdata[i]))
			g_string_append_printf(out, "%s%s", i && !c->only_at ? ",\n" : "", (char *)c->site->at->pdata[i]);
	g_string_append_c(out, '\n');
}

static gboolean mentions(const char *text, const char *let)
{
	g_autofree char *name = g_strconcat("$", let, NULL);

	for (const char *p = text; (p = strstr(p, name)); p++) {
		char after = p[strlen(name)];
		if (!g_ascii_isalnum(after) && after != '_')
			return TRUE;
	}
	return FALSE;
}

/* The lets that [text] uses, and those that they use. */
static void write_lets(const struct kg_card_site *site, const char *text, int depth, GString *out)
{
	g_autoptr(GString) all = g_string_new(text);
	g_autofree gboolean *used = g_new0(gboolean, site->lets->len + 1);

	for (guint i = site->lets->len; i-- > 0;) {
		const struct kg_card_let *l = site->lets->pdata[i];
		used[i] = mentions(all->str, l->name);
		if (used[i])
			g_string_append(all, l->expr);
	}
	for (guint i = 0; i < site->lets->len; i++) {
		const struct kg_card_let *l = site->lets->pdata[i];
		if (!used[i])
			continue;
		indent(out, depth);
		g_string_append_printf(out, "$%s = %s;\n", l->name, l->expr);
	}
}

/* Everything that must hold for the event to be measured at this site. */
static gboolean all_conditions(const struct site_ctx *c, GPtrArray *conditions)
{
	const struct plan *plan = c->plan;
	const struct kg_intent *in = plan->intent;

	/* of a span's end, `when` says whether it is an end at all: see end_clause() */
	if (c->site->when && !c->is_end)
		add_condition(conditions, c->site->when);
	if (plan->only_ok) {
		if (!c->site->ok) {
			kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s: whether they succeeded is not known there", plan->card->plural);
			return FALSE;
		}
		add_condition(conditions, c->site->ok);
	}
	for (guint i = 0; i < in->filters->len; i++) {
		/* execve() gives the thread another name: who it was is told at the beginning */
		if (c->is_end && plan->is_exec && !strcmp(((struct kg_filter *)in->filters->pdata[i])->field, "comm") && is_task_filter(plan, in->filters->pdata[i]))
			continue;
		if (!filter_condition(c, in->filters->pdata[i], conditions))
			return FALSE;
	}
	if (in->measure == KG_MEASURE_PRINT)
		return TRUE;
	for (guint i = 0; i <= in->by->len; i++) {
		const char *field = i < in->by->len ? in->by->pdata[i] : in->value;
		_cleanup_value_ struct value v = {0};
		if (!field)
			continue;
		if (!value_at(c, field, &v))
			return FALSE;
		if (v.valid)
			add_condition(conditions, v.valid);
	}
	return TRUE;
}

/* A clause whose conditions are a predicate where they can be, and an if inside where they need names of its body. */
static gboolean simple_clause(struct site_ctx *c, GString *out)
{
	g_autoptr(GPtrArray) conditions = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) body = g_string_new(NULL);

	if (!all_conditions(c, conditions))
		return FALSE;
	g_autofree char *condition = join_conditions(conditions);
	gboolean inside = strchr(condition, '$') != NULL;
	c->known = conditions;
	gboolean ok = statements(c, inside ? 2 : 1, body);
	c->known = NULL;
	if (!ok)
		return FALSE;
	attach_points(c, out);
	if (conditions->len && !inside)
		g_string_append_printf(out, "/%s/\n", condition);
	g_string_append(out, "{\n");
	g_autofree char *all = g_strconcat(condition, body->str, NULL);
	write_lets(c->site, all, 1, out);
	if (inside)
		g_string_append_printf(out, "    if (%s) {\n%s    }\n", condition, body->str);
	else
		g_string_append(out, body->str);
	g_string_append(out, "}\n\n");
	return TRUE;
}

static gboolean keep_values(const struct site_ctx *c, int depth, GString *out)
{
	const struct plan *plan = c->plan;
	g_autofree char *start = work_map(plan, "start");
	const struct kept *with_cases = NULL;

	indent(out, depth);
	g_string_append_printf(out, "%s[%s] = nsecs;\n", start, c->site->key);
	for (guint i = 0; i < plan->kept->len; i++) {
		const struct kept *k = plan->kept->pdata[i];
		g_autofree char *map = kept_map(plan, k->field, 0, k->n_cases);
		_cleanup_value_ struct value v = {0};

		if (k->has_valid) {
			const struct kg_card_expr *e = kg_card_site_expr(c->site, k->field);
			g_autofree char *ok = kept_valid_map(plan, k->field);
			indent(out, depth);
			g_string_append_printf(out, "%s[%s] = (%s) ? 1 : 0;\n", ok, c->site->key, e && e->valid ? e->valid : "1");
		}
		if (k->n_cases > 1) {
			with_cases = k;
			continue;
		}
		if (!value_at(c, k->field, &v))
			return FALSE;
		g_autofree char *pointer = k->is_late ? pointer_of(v.expr->pdata[0]) : NULL;
		indent(out, depth);
		g_string_append_printf(out, "%s[%s] = %s;\n", map, c->site->key, pointer ? pointer : (char *)v.expr->pdata[0]);
	}
	if (!with_cases)
		return TRUE;
	_cleanup_value_ struct value first = {0};
	if (!value_at(c, with_cases->field, &first))
		return FALSE;
	for (guint n = 0; n < first.expr->len; n++) {
		g_autofree char *which = work_map(plan, "begin_case");

		indent(out, n ? 0 : depth);
		g_string_append_printf(out, "%sif (%s) {\n", n ? " else " : "", n < first.when->len ? (char *)first.when->pdata[n] : "1");
		indent(out, depth + 1);
		g_string_append_printf(out, "%s[%s] = %u;\n", which, c->site->key, n + 1);
		for (guint i = 0; i < plan->kept->len; i++) {
			const struct kept *k = plan->kept->pdata[i];
			_cleanup_value_ struct value v = {0};
			if (k->n_cases <= 1)
				continue;
			if (!value_at(c, k->field, &v))
				return FALSE;
			if (v.expr->len != first.expr->len) {
				kg_error_set(c->err, KG_E_REFUSED, "synthesise", "%s and %s can't be kept together", k->field, with_cases->field);
				return FALSE;
			}
			g_autofree char *map = kept_map(plan, k->field, n, k->n_cases);
			indent(out, depth + 1);
			g_string_append_printf(out, "%s[%s] = %s;\n", map, c->site->key, (char *)v.expr->pdata[n]);
		}
		indent(out, depth);
		g_string_append_c(out, '}');
	}
	g_string_append_c(out, '\n');
	return TRUE;
}

static gboolean begin_clause(struct site_ctx *c, GString *out)
{
	const struct plan *plan = c->plan;
	g_autoptr(GPtrArray) who = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) body = g_string_new(NULL);
	const char *when = c->site->when;

	for (guint i = 0; i < plan->intent->filters->len; i++)
		if (is_task_filter(plan, plan->intent->filters->pdata[i]) && !filter_condition(c, plan->intent->filters->pdata[i], who))
			return FALSE;
	gboolean when_inside = when && strchr(when, '$');
	if (when && !when_inside)
		add_condition(who, when);
	g_autofree char *predicate = join_conditions(who);
	if (!keep_values(c, when_inside ? 2 : 1, body))
		return FALSE;
	attach_points(c, out);
	if (who->len)
		g_string_append_printf(out, "/%s/\n", predicate);
	g_string_append(out, "{\n");
	g_autofree char *all = g_strconcat(when ? when : "", c->site->key, body->str, NULL);
	write_lets(c->site, all, 1, out);
	if (when_inside) {
		g_string_append_printf(out, "    if (%s) {\n%s    }", when, body->str);
		g_string_append_c(out, '\n');
	} else {
		g_string_append(out, body->str);
	}
	g_string_append(out, "}\n\n");
	return TRUE;
}

static void delete_kept(const struct site_ctx *c, int depth, GString *out)
{
	const struct plan *plan = c->plan;
	g_autofree char *start = work_map(plan, "start");
	gboolean has_cases = FALSE;

	indent(out, depth);
	g_string_append_printf(out, "delete(%s[%s]);\n", start, c->site->key);
	for (guint i = 0; i < plan->kept->len; i++) {
		const struct kept *k = plan->kept->pdata[i];
		has_cases = has_cases || k->n_cases > 1;
		if (k->has_valid) {
			g_autofree char *ok = kept_valid_map(plan, k->field);
			indent(out, depth);
			g_string_append_printf(out, "delete(%s[%s]);\n", ok, c->site->key);
		}
		for (guint n = 0; n < k->n_cases; n++) {
			g_autofree char *map = kept_map(plan, k->field, n, k->n_cases);
			indent(out, depth);
			g_string_append_printf(out, "delete(%s[%s]);\n", map, c->site->key);
		}
	}
	if (has_cases) {
		g_autofree char *which = work_map(plan, "begin_case");
		indent(out, depth);
		g_string_append_printf(out, "delete(%s[%s]);\n", which, c->site->key);
	}
}

static gboolean end_clause(struct site_ctx *c, GString *out)
{
	const struct plan *plan = c->plan;
	g_autoptr(GPtrArray) conditions = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GString) body = g_string_new(NULL), deletes = g_string_new(NULL);
	g_autofree char *start = work_map(plan, "start");
	/* A visit where `when` does not hold is no end: it must not delete what a beginning at the same place has just kept. */
	const char *when = c->site->when;
	gboolean wants_time = FALSE, key_inside = strchr(c->site->key, '$') || (when && strchr(when, '$'));
	g_autofree char *is_end = when ? g_strdup_printf("%s[%s] && (%s)", start, c->site->key, when) : g_strdup_printf("%s[%s]", start, c->site->key);

	for (guint i = 0; i < plan->fields->len; i++)
		wants_time = wants_time || (!strcmp(plan->fields->pdata[i], KG_DURATION) && !kg_card_field(plan->card, KG_DURATION));
	if (!all_conditions(c, conditions))
		return FALSE;
	int depth = key_inside ? 2 : 1;
	c->known = conditions;
	gboolean ok = statements(c, depth + (conditions->len > 0), body);
	c->known = NULL;
	if (!ok)
		return FALSE;
	delete_kept(c, depth, deletes);
	g_autofree char *condition = join_conditions(conditions);
	attach_points(c, out);
	if (!key_inside)
		g_string_append_printf(out, "/%s/\n", is_end);
	g_string_append(out, "{\n");
	g_autofree char *all = g_strconcat(condition, is_end, body->str, NULL);
	write_lets(c->site, all, 1, out);
	if (key_inside)
		g_string_append_printf(out, "    if (%s) {\n", is_end);
	if (wants_time) {
		indent(out, depth);
		g_string_append_printf(out, "$duration = nsecs - %s[%s];\n", start, c->site->key);
	}
	if (conditions->len) {
		indent(out, depth);
		g_string_append_printf(out, "if (%s) {\n%s", condition, body->str);
		indent(out, depth);
		g_string_append(out, "}\n");
	} else {
		g_string_append(out, body->str);
	}
	g_string_append(out, deletes->str);
	if (key_inside)
		g_string_append(out, "    }\n");
	g_string_append(out, "}\n\n");
	return TRUE;
}

/* The site's clause, or one for each of its attach points. */
static gboolean site_clauses(struct site_ctx *c, gboolean (*clause)(struct site_ctx *c, GString *out), GString *out)
{
	if (!c->plan->is_split)
		return clause(c, out);
	for (guint i = 0; i < c->site->at->len; i++) {
		c->only_at = c->site->at->pdata[i];
		if (!clause(c, out))
			return FALSE;
	}
	c->only_at = NULL;
	return TRUE;
}

int kg_clauses(const struct plan *plan, GString *out, struct kg_error *err)
{
	const GPtrArray *sites = plan->mode == PLAN_BEGIN ? plan->way->begins : plan->way->sites;
	_cleanup_error_ struct kg_error own = {0};
	struct site_ctx c = {.plan = plan, .err = err ? err : &own};

	for (guint i = 0; plan->mode == PLAN_BOTH && i < plan->way->begins->len; i++) {
		c.site = plan->way->begins->pdata[i];
		if (!site_clauses(&c, begin_clause, out))
			return -c.err->code;
	}
	for (guint i = 0; i < sites->len; i++) {
		c.site = sites->pdata[i];
		c.is_end = plan->mode == PLAN_BOTH;
		if (!site_clauses(&c, c.is_end ? end_clause : simple_clause, out))
			return -c.err->code;
	}
	return 0;
}
