/*
 * Fields and conditions of an event, as expressions of a contract.
 *
 * What only the beginning of a span knows is kept under a name (`keep`), and spoken of by that name at the end. The card's own names ($sk) become names
 * of `where`. Where two sites of a clause use one name for different things, the second gets a number.
 */
#include "view.h"

#include <kgent/text.h>

#include <string.h>
#include <sys/socket.h>

void view_value_clear(struct view_value *v)
{
	g_clear_pointer(&v->when, g_ptr_array_unref);
	g_clear_pointer(&v->expr, g_ptr_array_unref);
	g_clear_pointer(&v->valid, g_free);
}

static gboolean fail(struct view *v, const char *field, const char *why)
{
	kg_error_set(v->err, KG_E_UNSUPPORTED, STAGE, "%s: %s %s", v->card->plural, field, why);
	return FALSE;
}

const char *view_title(const struct view *v, const char *field)
{
	const struct kg_standard_field *s = kg_standard_field(field);

	return s && (!kg_card_field(v->card, field) || !strcmp(field, "comm")) ? s->title : field;
}

/* ---------------------------------------------------------------- conditions */

void add_condition(GPtrArray *list, const char *text)
{
	if (text && !g_ptr_array_find_with_equal_func(list, text, g_str_equal, NULL))
		g_ptr_array_add(list, g_strdup(text));
}

/* Would it be torn apart beside a comparison? An arrow is no operator. */
static gboolean needs_parens(const char *s)
{
	for (; *s; s++)
		if (*s == '-' && s[1] == '>')
			s++;
		else if (strchr("|?&<>=", *s))
			return TRUE;
	return FALSE;
}

static char *in_parens(const char *s, gboolean yes)
{
	return yes ? g_strdup_printf("(%s)", s) : g_strdup(s);
}

char *all_of(const GPtrArray *list)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (guint i = 0; i < list->len; i++) {
		g_autofree char *one = in_parens(list->pdata[i], list->len > 1 && strpbrk(list->pdata[i], "|?"));
		g_string_append_printf(s, "%s%s", i ? " && " : "", one);
	}
	return list->len ? g_strdup(s->str) : NULL;
}

/* ---------------------------------------------------------------- names */

static gboolean is_name_char(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

static const struct kg_card_let *find_let(const struct kg_card_site *site, const char *name, gsize n)
{
	for (guint i = 0; i < site->lets->len; i++) {
		const struct kg_card_let *l = site->lets->pdata[i];
		if (strlen(l->name) == n && !strncmp(l->name, name, n))
			return l;
	}
	return NULL;
}

/* The contract's name for a name of the card: its own, or with a number where that stands for something else already. */
static char *name_of_let(struct view *v, const struct kg_card_site *site, const struct kg_card_let *let)
{
	g_autofree char *text = view_text(v, site, let->expr);
	char *name = g_strdup(let->name);

	for (guint n = 2;; n++) {
		const char *taken = json_string_value(json_object_get(v->where, name));

		if (!json_object_get(v->keep, name) && (!taken || !strcmp(taken, text)))
			break;
		g_free(name);
		name = g_strdup_printf("%s_%u", let->name, n);
	}
	json_object_set_new(v->where, name, json_string(text));
	return name;
}

char *view_text(struct view *v, const struct kg_card_site *site, const char *text)
{
	GString *s = g_string_new(NULL);

	while (*text) {
		gsize n = 0;

		while (*text == '$' && is_name_char(text[1 + n]))
			n++;
		const struct kg_card_let *let = n ? find_let(site, text + 1, n) : NULL;
		if (!let) {
			g_string_append_c(s, *text++);
			continue;
		}
		g_autofree char *name = name_of_let(v, site, let);
		g_string_append(s, name);
		text += 1 + n;
	}
	return g_string_free(s, FALSE);
}

static gboolean is_builtin(const char *name)
{
	for (const struct kg_bt_builtin *b = kg_bt_builtins; b->name; b++)
		if (!strcmp(b->name, name))
			return TRUE;
	return FALSE;
}

/* A value of the beginning gets a name: the field's, where that means nothing else. Owned. */
static char *keep(struct view *v, const char *name, const char *text)
{
	char *own = is_builtin(name) ? g_strconcat("begin_", name, NULL) : g_strdup(name);

	for (guint n = 2; json_object_get(v->where, own); n++) {
		g_free(own);
		own = g_strdup_printf("%s_%u", name, n);
	}
	json_object_set_new(v->keep, own, json_string(text));
	return own;
}

/* ---------------------------------------------------------------- fields */

gboolean view_is_span_time(const struct kg_card *card, const struct kg_card_way *way, const char *field)
{
	return !strcmp(field, KG_DURATION) && !kg_card_field(card, field) && !(card->duration && kg_card_sites_have(way->sites, card->duration));
}

gboolean view_has(const struct kg_card *card, const struct kg_card_way *way, enum view_mode mode, const char *field)
{
	const struct kg_standard_field *s = kg_standard_field(field);
	gboolean at_begin = kg_card_sites_have(way->begins, field), at_end = kg_card_sites_have(way->sites, field);

	if (!strcmp(field, KG_DURATION) && !kg_card_field(card, field))
		return view_is_span_time(card, way, field) ? mode == VIEW_BOTH : mode != VIEW_BEGIN;
	if (!at_begin && !at_end && !kg_card_field(card, field) && s) {
		at_begin = way->begins->len && (!s->needs_task || way->is_same_task);
		at_end = !s->needs_task || way->context == KG_CONTEXT_TASK || at_begin;
	}
	return mode == VIEW_BEGIN ? at_begin : mode == VIEW_BOTH ? at_begin || at_end : at_end;
}

/* ntop(2, ...) or ntop(10, ...) */
static gboolean is_of_family(const char *expr, gboolean is_v6)
{
	return g_str_has_prefix(expr, is_v6 ? "ntop(10," : "ntop(2,") || g_str_has_prefix(expr, is_v6 ? "ntop(AF_INET6," : "ntop(AF_INET,");
}

/* Is it an address of the family that the request leaves out? Such a case never comes. */
static gboolean is_left_out(const struct view *v, const char *expr)
{
	for (guint i = 0; i < v->intent->filters->len; i++) {
		const struct kg_filter *f = v->intent->filters->pdata[i];
		const struct kg_card_field *field = kg_card_field(v->card, f->field);
		gboolean is_family = !strcmp(f->field, KG_FAMILY) && !f->is_text, is_address = field && field->unit == KG_UNIT_IP && f->is_text;
		gboolean is_v6 = is_address ? strchr(f->text, ':') != NULL : f->number == AF_INET6;

		if ((is_family || is_address) && f->op == KG_FILTER_EQ)
			return is_of_family(expr, !is_v6);
		if (is_family && f->op == KG_FILTER_NE)
			return is_of_family(expr, is_v6);
	}
	return FALSE;
}

static void take_cases(struct view *v, const struct kg_card_site *site, const struct kg_card_expr *e, struct view_value *ret)
{
	for (guint i = 0; i < e->cases->len; i++) {
		const struct kg_card_case *one = e->cases->pdata[i];

		if (e->cases->len > 1 && is_left_out(v, one->expr))
			continue;
		g_ptr_array_add(ret->expr, view_text(v, site, one->expr));
		if (e->cases->len > 1 || one->when)
			g_ptr_array_add(ret->when, one->when ? view_text(v, site, one->when) : g_strdup("1"));
	}
	if (!ret->expr->len) /* IPv6 is asked for, and this card knows only IPv4: nothing of it is left out then */
		g_ptr_array_add(ret->expr, view_text(v, site, ((const struct kg_card_case *)e->cases->pdata[0])->expr));
	if (e->valid)
		ret->valid = view_text(v, site, e->valid);
}

/* Once. */
static void add_text(json_t *list, const char *text)
{
	json_t *one;
	gsize i;

	json_array_foreach(list, i, one)
		if (!strcmp(json_string_value(one), text))
			return;
	json_array_append_new(list, json_string(text));
}

/* What is kept is spoken of by names. A text that is read late is a pointer until then. */
static void keep_cases(struct view *v, const char *field, const struct kg_card_expr *e, struct view_value *ret)
{
	for (guint i = 0; i < ret->expr->len; i++) {
		const char *text = ret->expr->pdata[i];
		g_autofree char *name = ret->expr->len > 1 ? g_strdup_printf("%s_%u", field, i + 1) : g_strdup(field);
		gboolean is_late = e->is_late && g_str_has_prefix(text, "str(") && g_str_has_suffix(text, ")");
		g_autofree char *pointer = is_late ? g_strndup(text + 4, strlen(text) - 5) : NULL;
		g_autofree char *kept = keep(v, name, is_late ? pointer : text);

		if (is_late) { /* programs take what they kept for a sign that there was a beginning */
			g_autofree char *is_given = g_strdup_printf("%s != 0", pointer);
			add_text(v->assume_begin, is_given);
		}
		g_free(g_steal_pointer(&ret->expr->pdata[i]));
		ret->expr->pdata[i] = is_late ? g_strdup_printf("str(%s)", kept) : g_steal_pointer(&kept);
	}
	for (guint i = 0; i < ret->when->len; i++) {
		g_autofree char *name = g_strdup_printf("%s_is_%u", field, i + 1);

		if (!strcmp(ret->when->pdata[i], "1"))
			continue;
		g_autofree char *text = g_steal_pointer(&ret->when->pdata[i]);
		ret->when->pdata[i] = keep(v, name, text);
	}
	if (ret->valid) {
		g_autofree char *name = g_strdup_printf("%s_is_valid", field), *text = g_steal_pointer(&ret->valid);
		ret->valid = keep(v, name, text);
	}
}

/* The time that the event takes: of both ends, or as a field of its own tells it. */
static gboolean duration(struct view *v, struct view_value *ret)
{
	const char *own = v->card->duration;

	ret->unit = KG_UNIT_NS;
	if (view_is_span_time(v->card, v->way, KG_DURATION)) {
		ret->is_duration = TRUE;
		g_ptr_array_add(ret->expr, g_strdup("duration"));
		return v->mode == VIEW_BOTH || fail(v, KG_DURATION, "is known only where both ends are seen");
	}
	const struct kg_card_expr *e = kg_card_site_expr(v->end, own);
	int64_t factor = kg_unit_ns(kg_card_field(v->card, own)->unit);

	take_cases(v, v->end, e, ret);
	for (guint i = 0; i < ret->expr->len; i++) { /* the field may be signed; a time is not below 0 */
		g_autofree char *text = g_strdup_printf("%s >= 0", (char *)ret->expr->pdata[i]);
		add_text(v->assume, text);
	}
	for (guint i = 0; factor > 1 && i < ret->expr->len; i++) {
		g_autofree char *text = g_steal_pointer(&ret->expr->pdata[i]);
		ret->expr->pdata[i] = g_strdup_printf("(%s) * %" G_GINT64_FORMAT, text, factor);
	}
	return TRUE;
}

/*
 * A field of 32 bits has room for what is no error number, and for one that can't be negated. Results of calls have all of a register's bits.
 * Source: include/linux/err.h, MAX_ERRNO, Linux 6.18.
 */
static void assume_errno(struct view *v, const struct kg_card_site *site, const struct view_value *value)
{
	gboolean is_wide = g_str_has_prefix(site->at->pdata[0], "tracepoint:syscalls:");

	for (guint i = 0; value->unit == KG_UNIT_ERRNO && i < value->expr->len; i++) {
		const char *expr = value->expr->pdata[i];
		g_autofree char *text = g_strdup_printf("%s <= 4095", expr);

		if (!is_wide && *expr == '-')
			add_text(v->assume, text);
	}
}

/* str(arg0, arg1): how long it is depends on the event, and contracts have no words for that. */
static gboolean has_known_length(struct view *v, const char *field, const struct kg_card_expr *e)
{
	for (guint i = 0; e && i < e->cases->len; i++) {
		const char *expr = ((const struct kg_card_case *)e->cases->pdata[i])->expr, *comma = strrchr(expr, ',');

		if (g_str_has_prefix(expr, "str(") && comma && !g_ascii_isdigit(comma[1 + strspn(comma + 1, " ")]))
			return fail(v, field, "is as long as the event says, which a contract can't say");
	}
	return TRUE;
}

gboolean view_value(struct view *v, const char *field, struct view_value *ret)
{
	const struct kg_card_field *f = kg_card_field(v->card, field);
	const struct kg_standard_field *s = kg_standard_field(field);
	const struct kg_card_expr *at_end = v->end ? kg_card_site_expr(v->end, field) : NULL;
	const struct kg_card_expr *at_begin = v->begin ? kg_card_site_expr(v->begin, field) : NULL;

	*ret = (struct view_value){.when = g_ptr_array_new_with_free_func(g_free), .expr = g_ptr_array_new_with_free_func(g_free),
				   .unit = f ? f->unit : s ? s->unit : KG_UNIT_NONE};
	if (!strcmp(field, KG_DURATION) && !f)
		return duration(v, ret);
	if (!has_known_length(v, field, at_begin) || !has_known_length(v, field, at_end))
		return FALSE;
	if (v->mode == VIEW_BEGIN ? at_begin != NULL : at_end != NULL) {
		const struct kg_card_site *site = v->mode == VIEW_BEGIN ? v->begin : v->end;

		take_cases(v, site, v->mode == VIEW_BEGIN ? at_begin : at_end, ret);
		assume_errno(v, site, ret);
		return TRUE;
	}
	if (v->mode == VIEW_BOTH && at_begin) {
		take_cases(v, v->begin, at_begin, ret);
		keep_cases(v, field, at_begin, ret);
		return TRUE;
	}
	if (!s)
		return fail(v, field, "is not known there");
	g_ptr_array_add(ret->expr, g_strdup(s->expr));
	return TRUE;
}

/* ---------------------------------------------------------------- filters */

static char *compare(const struct kg_filter *f, const char *expr)
{
	g_autoptr(GString) quoted = g_string_new(NULL);
	g_autofree char *left = in_parens(expr, !f->is_text && needs_parens(expr));

	if (!f->is_text)
		return g_strdup_printf("%s %s %" G_GINT64_FORMAT, left, kg_filter_op_name(f->op), f->number);
	kg_text_quote(f->text, quoted);
	if (f->is_prefix)
		return g_strdup_printf("strncmp(%s, %s, %zu) %s 0", expr, quoted->str, strlen(f->text), kg_filter_op_name(f->op));
	return g_strdup_printf("%s %s %s", expr, kg_filter_op_name(f->op), quoted->str);
}

/* An IPv4 address is no IPv6 address: only the case of its own family can hold. */
static gboolean is_other_family(const struct kg_filter *f, const struct view_value *value, const char *expr)
{
	return f->is_text && value->unit == KG_UNIT_IP && is_of_family(expr, !strchr(f->text, ':'));
}

/* In one of the cases it holds. "Is not" means: in none of them it is. */
static gboolean plain_filter(struct view *v, const struct kg_filter *f, const struct view_value *value, GPtrArray *conditions)
{
	gboolean is_not = f->op == KG_FILTER_NE && value->unit == KG_UNIT_IP;
	struct kg_filter positive = *f;
	g_autoptr(GString) any = g_string_new(NULL);

	if (is_not)
		positive.op = KG_FILTER_EQ;
	for (guint i = 0; i < value->expr->len; i++) {
		const char *expr = value->expr->pdata[i];
		g_autofree char *one = is_other_family(f, value, expr) ? NULL : compare(&positive, expr);

		if (one && value->when->len)
			g_string_append_printf(any, "%s(%s && %s)", any->len ? " || " : "", (char *)value->when->pdata[i], one);
		else if (one)
			g_string_append_printf(any, "%s%s", any->len ? " || " : "", one);
	}
	if (!any->len)
		return fail(v, f->field, "has no address of that family");
	if (value->valid)
		add_condition(conditions, value->valid);
	if (is_not) {
		g_string_prepend(any, "!(");
		g_string_append_c(any, ')');
	}
	add_condition(conditions, any->str);
	return TRUE;
}

static gboolean error_filter(struct view *v, const struct kg_filter *f, const struct view_value *value, GPtrArray *conditions)
{
	const char *expr = value->expr->pdata[0];
	g_autofree char *failed = value->valid ? g_strdup(value->valid) : g_strdup_printf("(%s) != 0", expr);
	g_autofree char *ok = v->end && v->end->ok ? view_text(v, v->end, v->end->ok) : g_strdup_printf("!(%s)", failed);
	g_autofree char *is_it = g_strdup_printf("%s && (%s) == %" G_GINT64_FORMAT, failed, expr, f->number);
	g_autofree char *is_not = g_strdup_printf("!(%s)", is_it);

	if (f->op != KG_FILTER_EQ && f->op != KG_FILTER_NE)
		return fail(v, f->field, "has no order");
	if (f->number)
		add_condition(conditions, f->op == KG_FILTER_EQ ? is_it : is_not);
	else
		add_condition(conditions, f->op == KG_FILTER_EQ ? ok : failed);
	return TRUE;
}

gboolean view_conditions(struct view *v, GPtrArray *conditions)
{
	const struct kg_card_site *site = v->mode == VIEW_BEGIN ? v->begin : v->end;

	if (v->mode != VIEW_BOTH && site->when) { /* of a span's ends they say what a visit is */
		g_autofree char *when = view_text(v, site, site->when);
		add_condition(conditions, when);
	}
	if (v->only_ok) {
		if (!v->end || !v->end->ok)
			return fail(v, "success", "is not known there");
		g_autofree char *ok = view_text(v, v->end, v->end->ok);
		add_condition(conditions, ok);
	}
	for (guint i = 0; i < v->intent->filters->len; i++) {
		const struct kg_filter *f = v->intent->filters->pdata[i];
		_cleanup_value_ struct view_value value = {0};

		if (!view_value(v, f->field, &value) ||
		    !(strcmp(f->field, "error") ? plain_filter(v, f, &value, conditions) : error_filter(v, f, &value, conditions)))
			return FALSE;
	}
	return TRUE;
}
