/*
 * The events that a sentence names: where they stand, and what their names hold.
 */
#include "words.h"

#include <string.h>

gboolean kg_mention_at(const struct reading *r, guint i, guint *ret_to)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		if (m->from == i) {
			*ret_to = m->to;
			return TRUE;
		}
	}
	return FALSE;
}

const struct kg_card *kg_mention_card(const struct reading *r, guint i)
{
	for (guint k = 0; k < r->mentions->len; k++)
		if (g_array_index(r->mentions, struct mention, k).from == i)
			return g_array_index(r->mentions, struct mention, k).card;
	return NULL;
}

gboolean kg_has_target(const struct kg_card *card)
{
	for (guint f = 0; f < card->fields->len; f++) {
		const struct kg_card_field *field = card->fields->pdata[f];
		if (!strcmp(field->name, "target_pid") || !strcmp(field->name, "target_tid") || !strcmp(field->name, "target_comm"))
			return TRUE;
	}
	return FALSE;
}

gboolean kg_is_own_process_object(const struct kg_card *card)
{
	if (card->context != KG_CONTEXT_NONE || !kg_card_field(card, "comm"))
		return FALSE;
	for (guint f = 0; f < card->fields->len; f++)
		if (g_str_has_suffix(((struct kg_card_field *)card->fields->pdata[f])->name, "r_comm"))
			return TRUE;
	return FALSE;
}

/* Is there an event at i or behind words that do not matter? */
gboolean kg_event_follows(struct reading *r, guint i)
{
	guint to;

	for (guint k = 0; k < 6; k++) {
		if (kg_mention_at(r, i, &to))
			return TRUE;
		if (kg_at(r, i, CAT_EACH, &to) || kg_at(r, i, CAT_FAILED, &to) || kg_at(r, i, CAT_SUCCEEDED, &to) || kg_at(r, i, CAT_FILLER, &to) || kg_at(r, i, CAT_NOUN, &to) ||
		    kg_at(r, i, CAT_ERRNO, &to) || kg_at(r, i, CAT_FAMILY, &to) || kg_at(r, i, CAT_KERNEL_FUNCTION, &to) || kg_at(r, i, CAT_TRACEPOINT, &to))
			i = to;
		else
			return FALSE;
	}
	return FALSE;
}

/* Is the event that is named at i named somewhere else, too? Then the name here is one of its fields ("..., system call and error"). */
gboolean kg_is_told_before(const struct reading *r, guint i)
{
	const struct kg_card *card = kg_mention_card(r, i);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		if (m->card == card && m->from < i)
			return TRUE;
	}
	return FALSE;
}

gboolean kg_is_told_behind(const struct reading *r, guint i)
{
	const struct kg_card *card = kg_mention_card(r, i);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		if (m->card == card && m->from > i)
			return TRUE;
	}
	return FALSE;
}

/* "disk write": a value of one of the event's fields, in its name. */
static gboolean read_value_inside(struct reading *r, const struct mention *m, guint i)
{
	const struct token *t = kg_tok(r, i);

	for (guint f = 0; m->to - m->from > 1 && f < m->card->fields->len; f++) {
		const struct kg_card_field *field = m->card->fields->pdata[f];

		for (guint v = 0; v < field->values->len; v++) {
			const struct kg_value_name *value = field->values->pdata[v];
			g_autofree char *low = g_ascii_strdown(value->name, -1), *plural = g_strconcat(low, "s", NULL);
			gboolean is_it = !strcmp(low, t->text) || !strcmp(plural, t->text);

			for (guint n = 0; n < value->says->len; n++)
				is_it = is_it || !strcmp(value->says->pdata[n], t->text);
			if (!is_it)
				continue;
			kg_add_filter(r, field->name, KG_FILTER_EQ, value->value, value->name);
			g_autofree char *text = g_strdup_printf("%s == %s", field->name, value->name);
			kg_take(r, i, i + 1, "filter", text);
			return TRUE;
		}
	}
	return FALSE;
}

/* An event's name can hold what is measured: "bytes read", "file opened", "run queue latency". */
static void read_inside(struct reading *r, const struct mention *m)
{
	for (guint i = m->from; i < m->to; i++) {
		guint to;
		/* "send SIGKILL" */
		if (kg_signal_of(kg_tok(r, i)->text))
			kg_read_filter(r, i);
		if (kg_word_is(r, i, "ipv4") || kg_word_is(r, i, "ipv6"))
			kg_read_family(r, i, i, FALSE);
		g_autofree char *field = kg_field_at(r, i, &to);
		const struct kg_card_field *f = field ? kg_card_field(m->card, field) : NULL;

		const struct kg_standard_field *standard = field && !f ? kg_standard_field(field) : NULL;
		if (standard && standard->unit == KG_UNIT_STACK && to <= m->to && to - i < m->to - m->from) {
			struct loose stack = {.field = g_steal_pointer(&field), .from = i, .to = to, .is_weak = TRUE};
			g_array_append_val(r->loose, stack);
			i = to - 1;
			continue;
		}
		if (f && i == m->from && to == m->to && f->is_measure && f->unit != KG_UNIT_BYTES && f->unit != KG_UNIT_PAGES)
			r->name_is_value = TRUE;
		/* "lifetime of processes": a time of the event's own */
		gboolean is_time = f && (f->unit == KG_UNIT_NS || f->unit == KG_UNIT_US || f->unit == KG_UNIT_MS);
		if (is_time && to <= m->to && !r->intent->value) {
			r->intent->value = g_strdup(field);
			i = to - 1;
			continue;
		}
		/* "pages" of a page fault are no amount, "bytes" of "bytes read" are */
		gboolean are_pages = f && f->unit == KG_UNIT_PAGES && f->is_measure && kg_word_is(r, i, "pages") && i == m->from && m->to - i > 1;
		if (f && to <= m->to && (!f->is_measure || f->unit == KG_UNIT_BYTES || are_pages)) {
			struct loose loose = {.field = g_steal_pointer(&field), .from = i, .to = to, .is_weak = !are_pages};
			g_array_append_val(r->loose, loose);
			i = to - 1;
		} else if (read_value_inside(r, m, i)) {
			continue;
		} else if (kg_at(r, i, CAT_DURATION, &to) && m->to - m->from > 1 && to <= m->to && !r->intent->value && !kg_word_is(r, i, "take")) {
			r->intent->value = g_strdup(KG_DURATION);
			r->is_time_said = kg_word_is(r, to - 1, "time");
		}
	}
}

guint kg_read_event(struct reading *r, guint i)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		guint to;

		if (m->from != i)
			continue;
		kg_take(r, m->from, m->to, "event", m->card->title);
		read_inside(r, m);
		/* "binds to a port below 1024": the name ends in a field */
		const struct loose *last = r->loose->len ? &g_array_index(r->loose, struct loose, r->loose->len - 1) : NULL;
		g_autofree char *tail = last && last->is_weak && last->to == m->to ? g_strdup(last->field) : NULL;
		/* "profile CPU 2" */
		if (!tail && m->to - m->from > 1) {
			tail = kg_field_at(r, m->to - 1, &to);
			if (tail && (to != m->to || !kg_standard_field(tail) || (strcmp(tail, "cpu") && strcmp(tail, "pid") && strcmp(tail, "tid") && strcmp(tail, "uid"))))
				g_clear_pointer(&tail, g_free);
		}
		if (tail && (to = kg_read_field_compare(r, tail, m->to))) {
			r->n_events_said++;
			r->event_end = to;
			return to;
		}
		r->n_events_said++;
		r->event_end = m->to;
		while (kg_at(r, r->event_end, CAT_NOUN, &to) && !kg_mention_at(r, r->event_end, &to)) {
			kg_at(r, r->event_end, CAT_NOUN, &to);
			kg_take(r, r->event_end, to, NULL, NULL);
			r->event_end = to;
		}
		return r->event_end;
	}
	return 0;
}
