/*
 * Choose how an event is observed: which of its card's ways, and which ends of it.
 *
 * A way fits when the kernel has its attach points and every field that the intent reads can be read there. A span is observed at
 * one end only if everything asked is known at that end and the other end adds no condition; and only if both ends run in the
 * same thread, since elsewhere an end may come without its own beginning (a switch-in that no wake-up led to).
 */
#include "plan.h"

#include <string.h>

struct fit {
	gboolean at_begin, at_end;
};

static void kept_free(void *p)
{
	struct kept *k = p;

	g_free(k->field);
	g_free(k);
}

struct plan *kg_plan_free(struct plan *plan)
{
	if (!plan)
		return NULL;
	kg_card_way_free(plan->way);
	g_ptr_array_unref(plan->fields);
	g_ptr_array_unref(plan->kept);
	g_free(plan->map);
	g_free(plan);
	return NULL;
}

const char *kg_plan_duration_field(const struct kg_card *card, const struct kg_card_way *way)
{
	return card->duration && kg_card_sites_have(way->sites, card->duration) ? card->duration : NULL;
}

gboolean kg_plan_is_kept(const struct plan *plan, const char *field, const struct kept **ret)
{
	for (guint i = 0; i < plan->kept->len; i++) {
		const struct kept *k = plan->kept->pdata[i];
		if (!strcmp(k->field, field)) {
			*ret = k;
			return TRUE;
		}
	}
	return FALSE;
}

enum kg_unit kg_plan_unit(const struct plan *plan, const char *field)
{
	const struct kg_card_field *f = kg_card_field(plan->card, field);
	const struct kg_standard_field *s = kg_standard_field(field);

	if (!strcmp(field, KG_DURATION) && !f)
		return KG_UNIT_NS;
	return f ? f->unit : s ? s->unit : KG_UNIT_NONE;
}

/* Where on a way can the field be read? */
static struct fit fit_of(const struct kg_card *card, const struct kg_card_way *way, const char *field)
{
	const struct kg_standard_field *s = kg_standard_field(field);
	struct fit fit = {kg_card_sites_have(way->begins, field), kg_card_sites_have(way->sites, field)};

	if (fit.at_begin || fit.at_end || kg_card_field(card, field))
		return fit;
	if (!s)
		return fit;
	gboolean is_task = way->context == KG_CONTEXT_TASK;
	fit.at_end = !s->needs_task || is_task || (way->begins->len && way->is_same_task);
	fit.at_begin = way->begins->len && (!s->needs_task || way->is_same_task);
	return fit;
}

static void add_field(GPtrArray *list, const char *field)
{
	for (guint i = 0; i < list->len; i++)
		if (!strcmp(list->pdata[i], field))
			return;
	g_ptr_array_add(list, (void *)field);
}

/* What a line shows where the sentence names no fields, or besides those: time, process, and the card's usual ones. */
GPtrArray *kg_plan_shown(const struct plan *plan)
{
	static const char *const context[] = {"time", "comm", "pid"};
	GPtrArray *shown = g_ptr_array_new();
	const struct kg_card *card = plan->card;

	for (gsize i = 0; i < G_N_ELEMENTS(context); i++) {
		struct fit fit = fit_of(card, plan->way, context[i]);
		if (fit.at_end || (fit.at_begin && plan->way->begins->len))
			add_field(shown, context[i]);
	}
	for (guint i = 0; i < plan->intent->show->len; i++)
		add_field(shown, plan->intent->show->pdata[i]);
	for (guint i = 0; !plan->intent->show->len && i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];
		struct fit fit = fit_of(card, plan->way, f->name);
		if (f->is_shown && (fit.at_begin || fit.at_end))
			add_field(shown, f->name);
	}
	/* the duration that a condition speaks of is wanted in the line, too */
	for (guint i = 0; i < plan->intent->filters->len; i++)
		if (!strcmp(((struct kg_filter *)plan->intent->filters->pdata[i])->field, KG_DURATION))
			add_field(shown, KG_DURATION);
	/* a value that a failed call does not have is not shown without the error */
	for (guint i = 0; i < shown->len; i++)
		for (guint s = 0; s < plan->way->sites->len; s++) {
			const struct kg_card_expr *e = kg_card_site_expr(plan->way->sites->pdata[s], shown->pdata[i]);
			if (e && e->valid && strcmp(shown->pdata[i], "error") && kg_card_sites_have(plan->way->sites, "error"))
				add_field(shown, "error");
		}
	return shown;
}

static void collect_fields(struct plan *plan)
{
	const struct kg_intent *in = plan->intent;

	for (guint i = 0; i < in->by->len; i++)
		add_field(plan->fields, in->by->pdata[i]);
	if (in->value)
		add_field(plan->fields, in->value);
	for (guint i = 0; i < in->filters->len; i++)
		add_field(plan->fields, ((struct kg_filter *)in->filters->pdata[i])->field);
	if (in->measure == KG_MEASURE_PRINT) {
		g_autoptr(GPtrArray) shown = kg_plan_shown(plan);
		for (guint i = 0; i < shown->len; i++)
			add_field(plan->fields, shown->pdata[i]);
	}
}

static gboolean any_when(const GPtrArray *sites)
{
	for (guint i = 0; i < sites->len; i++)
		if (((struct kg_card_site *)sites->pdata[i])->when)
			return TRUE;
	return FALSE;
}

static void keep(struct plan *plan, const char *field)
{
	const struct kg_card_expr *e = kg_card_site_expr(plan->way->begins->pdata[0], field);
	struct kept *k = g_new0(struct kept, 1);

	k->field = g_strdup(field);
	k->is_late = e && e->is_late && !plan->is_exec;
	for (guint i = 0; i < plan->way->begins->len; i++) {
		const struct kg_card_expr *one = kg_card_site_expr(plan->way->begins->pdata[i], field);
		k->has_valid = k->has_valid || (one && one->valid);
	}
	k->n_cases = e ? e->cases->len : 1;
	g_ptr_array_add(plan->kept, k);
}

/* A text of the program's memory: where the span begins it may not be there yet, and would be read as empty. */
static gboolean is_late(const struct kg_card_way *way, const char *field)
{
	const struct kg_card_expr *e = way->begins->len ? kg_card_site_expr(way->begins->pdata[0], field) : NULL;

	return e && e->is_late;
}

/* Which ends are needed, and does everything fit? [why]: the field that does not. */
static gboolean choose_mode(struct plan *plan, const char **why)
{
	const struct kg_card_way *way = plan->way;
	gboolean is_span = way->begins->len > 0, wants_time = FALSE, wants_ok = plan->only_ok;
	gboolean all_begin = is_span, all_end = TRUE;

	for (guint i = 0; i < plan->fields->len; i++) {
		const char *field = plan->fields->pdata[i];
		struct fit fit = fit_of(plan->card, way, field);

		if (!strcmp(field, KG_DURATION) && !kg_card_field(plan->card, field)) {
			const char *own = kg_plan_duration_field(plan->card, way);
			wants_time = wants_time || (is_span && !own);
			if (!is_span && !own) {
				*why = field;
				return FALSE;
			}
			all_begin = all_begin && !own;
			continue;
		}
		if (!fit.at_begin && !fit.at_end) {
			*why = field;
			return FALSE;
		}
		all_begin = all_begin && fit.at_begin && !is_late(way, field);
		all_end = all_end && fit.at_end;
		if (!strcmp(field, "error"))
			wants_ok = TRUE;
	}
	if (!is_span)
		plan->mode = PLAN_POINT;
	else if (!wants_time && !wants_ok && all_begin && way->is_same_task && !any_when(way->sites))
		plan->mode = PLAN_BEGIN;
	else if (!wants_time && all_end && way->is_same_task && !any_when(way->begins))
		plan->mode = PLAN_END;
	else
		plan->mode = PLAN_BOTH;
	for (guint i = 0; plan->mode == PLAN_BOTH && i < plan->fields->len; i++) {
		struct fit fit = fit_of(plan->card, way, plan->fields->pdata[i]);
		if (fit.at_begin && !fit.at_end)
			keep(plan, plan->fields->pdata[i]);
	}
	return TRUE;
}

static char *map_name(const struct plan *plan)
{
	const struct kg_intent *in = plan->intent;
	GString *name = g_string_new("@");
	const char *what = in->value && !strcmp(in->value, KG_DURATION)
				   ? (in->measure == KG_MEASURE_HIST || in->measure == KG_MEASURE_LHIST ? kg_unit_name(kg_intent_hist_unit(in)) : "ns")
				   : in->value;

	g_string_append(name, g_str_has_prefix(plan->card->name, "tracepoint:") ? strrchr(plan->card->name, ':') + 1 : plan->card->name);
	if (what)
		g_string_append_printf(name, "_%s", what);
	for (gsize i = 1; i < name->len; i++)
		if (!g_ascii_isalnum(name->str[i]))
			name->str[i] = '_';
	return g_string_free(name, FALSE);
}

int kg_plan(const struct kg_intent *in, guint index, struct kg_profile *profile, struct plan **ret, struct kg_error *err)
{
	const struct kg_card *card = in->events->pdata[index];
	_cleanup_error_ struct kg_error none = {0};
	const char *missing = NULL;

	for (guint from = 0, at = 0;; from = at + 1) {
		struct plan *plan = g_new0(struct plan, 1);
		plan->intent = in;
		plan->profile = profile;
		plan->card = card;
		plan->index = index;
		plan->fields = g_ptr_array_new();
		plan->kept = g_ptr_array_new_with_free_func(kept_free);
		for (guint i = 0; i < in->only_ok->len; i++)
			plan->only_ok = plan->only_ok || in->only_ok->pdata[i] == card;
		if (kg_card_resolve(card, profile, from, &plan->way, &at, &none) < 0) {
			kg_plan_free(plan);
			break;
		}
		for (guint b = 0; b < plan->way->begins->len; b++) {
			const struct kg_card_site *site = plan->way->begins->pdata[b];
			for (guint a = 0; a < site->at->len; a++)
				plan->is_exec = plan->is_exec || strstr(site->at->pdata[a], "sys_enter_execve");
		}
		collect_fields(plan);
		if (choose_mode(plan, &missing)) {
			if (in->measure != KG_MEASURE_PRINT)
				plan->map = map_name(plan);
			*ret = plan;
			return 0;
		}
		kg_plan_free(plan);
	}
	if (!missing)
		return kg_error_set(err, KG_E_UNSUPPORTED, "synthesise", "%s", none.msg);
	const struct kg_standard_field *s = kg_standard_field(missing);
	return kg_error_set(err, KG_E_REFUSED, "synthesise", "%s: %s is not known where this kernel lets them be observed", card->plural,
			    s ? s->title : missing);
}
