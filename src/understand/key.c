/*
 * Keys: "by process", "which files", "who", "opens/process", "top 10 processes", "ten biggest".
 */
#include "words.h"

#include <string.h>

/* The event itself behind "per": "bytes per read" is an average. */
static gboolean is_per_event(struct reading *r, guint i)
{
	guint to, unused;

	if (!kg_mention_at(r, i, &to))
		return FALSE;
	g_autofree char *field = kg_field_at(r, i, &unused);
	return !field;
}

guint kg_read_by(struct reading *r, const struct entry *by, guint i, guint to)
{
	guint j = kg_skip_fillers(r, to), end, unused;
	const struct entry *e;
	gboolean is_sort = strstr(by->phrase, "sort") || strstr(by->phrase, "order") || strstr(by->phrase, "rank");

	/* "killed by a signal": who or what does it, no key */
	if (!strcmp(by->phrase, "by") && (kg_word_is(r, to, "a") || kg_word_is(r, to, "an")))
		return 0;
	r->is_ranked = r->is_ranked || is_sort;
	/* by count, by number of ... , sorted by frequency */
	if ((e = kg_at(r, j, CAT_MEASURE, &end)) && (!strcmp(e->value, "count") || !strcmp(e->value, "sum"))) {
		g_autoptr(GPtrArray) what = g_ptr_array_new_with_free_func(g_free);
		guint behind = kg_fields_at(r, end, FALSE, what);
		kg_take(r, i, to, NULL, NULL);
		if (behind && what->len == 1 && kg_is_measured(r, what->pdata[0])) {
			g_free(r->intent->value);
			r->intent->value = g_strdup(what->pdata[0]);
			kg_take(r, j, behind, "value", what->pdata[0]);
			return behind;
		}
		if (r->intent->measure == KG_MEASURE_NONE && !r->intent->value)
			r->intent->measure = strcmp(e->value, "count") ? KG_MEASURE_SUM : KG_MEASURE_COUNT;
		kg_take(r, j, end, "measure", e->value);
		return end;
	}
	gboolean is_per = strcmp(by->phrase, "by") && !is_sort;
	/* "top 5 files per process": the first 5 of each, which no map gives */
	if (is_per && r->top_has_key)
		return 0;
	/* "bytes per read": an average, and not said so */
	if (is_per && is_per_event(r, j))
		return 0;
	/* "top processes by system calls": the key is named, and the event that stands here alone is what is counted */
	if (r->intent->by->len && kg_mention_at(r, j, &unused) && !kg_is_told_before(r, j) && !kg_is_told_behind(r, j)) {
		kg_take(r, i, j, NULL, NULL);
		return j;
	}
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	end = kg_fields_at(r, j, FALSE, fields);
	/* "count reads by bytes": counted, or added up? */
	if (end && fields->len == 1 && kg_is_measured(r, fields->pdata[0]) && r->intent->measure == KG_MEASURE_COUNT)
		return 0;
	/* "top files by bytes" ranks; "kmalloc by size" might group */
	gboolean is_ranking = is_sort || r->intent->top || r->is_which || r->is_who || r->intent->by->len || r->loose->len || r->has_superlative;
	if (end && fields->len == 1 && kg_is_measured(r, fields->pdata[0]) && !is_ranking)
		return 0;
	if (end && fields->len == 1 && kg_is_measured(r, fields->pdata[0]) && !r->intent->value) {
		r->intent->value = g_strdup(fields->pdata[0]);
		kg_take(r, i, end, "value", fields->pdata[0]);
		return end;
	}
	if (is_sort) {
		/* only the order that is given anyway: by the number that is shown */
		if (kg_word_is(r, j, "value") || kg_word_is(r, j, "it") || kg_word_is(r, j, "that")) {
			kg_take(r, i, j + 1, NULL, NULL);
			return j + 1;
		}
		return 0;
	}
	if ((e = kg_at(r, j, CAT_DURATION, &end)) && !fields->len && !r->intent->value && strcmp(e->phrase, "time") && strcmp(e->phrase, "times") && strcmp(by->phrase, "each") && strcmp(by->phrase, "every")) {
		r->intent->value = g_strdup(KG_DURATION);
		kg_take(r, i, end, "value", KG_DURATION);
		return end;
	}
	end = kg_read_list(r, i, to, "by", r->intent->by);
	if (end)
		return end;
	/* "print ... of each": a line for each event */
	if ((!kg_tok(r, to) || kg_tok(r, to)->is_mark) && r->is_print_said && (g_str_has_suffix(by->phrase, "each") || g_str_has_suffix(by->phrase, "every"))) {
		r->wants_each = TRUE;
		kg_take(r, i, to, "measure", "each event");
		return to;
	}
	/* "top processes by opens": the key was named before, and what is counted now */
	if (kg_mention_at(r, j, &unused) && (r->intent->by->len || r->loose->len)) {
		kg_take(r, i, j, NULL, NULL);
		return j;
	}
	return 0;
}

/* A key behind a slash, where no list of keys goes on: "opens/process". */
guint kg_read_per(struct reading *r, guint i, guint to)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);

	if (r->n_events_said == 0 || r->loose->len > 0 || !kg_fields_at(r, to, FALSE, fields) || fields->len != 1 || kg_is_measured(r, fields->pdata[0]))
		return 0;
	return kg_read_list(r, i, to, "by", r->intent->by);
}

guint kg_read_which(struct reading *r, guint i, guint to)
{
	guint j = kg_skip_fillers(r, to), end, after;
	const struct entry *e;

	if ((e = kg_at(r, j, CAT_MEASURE, &end)) || (e = kg_at(r, j, CAT_DURATION, &end)) || (e = kg_at(r, j, CAT_RATE, &end))) {
		if (kg_word_is(r, i, "which"))
			return 0;
		kg_take(r, i, to, NULL, NULL);
		return to;
	}
	/* "what system calls": the event's own kind; "which processes" */
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	end = kg_fields_at(r, j, FALSE, fields);
	/* "which files are opened": the field is the beginning of the event's name */
	if (end && fields->len == 1 && kg_mention_at(r, j, &after) && after > end) {
		kg_add_name(r->intent->by, fields->pdata[0]);
		r->is_which = TRUE;
		kg_take(r, i, end, "by", fields->pdata[0]);
		return kg_read_event(r, j);
	}
	if (end && fields->len == 1) {
		gboolean in_list = r->is_show_said && r->last_show == i;
		kg_add_name(in_list ? r->intent->show : r->intent->by, fields->pdata[0]);
		kg_take(r, i, end, in_list ? "show" : "by", fields->pdata[0]);
		r->is_which = r->is_which || !in_list;
		if (!in_list && (after = kg_list_goes_on(r, end))) {
			guint more = kg_read_list(r, end, after, "by", r->intent->by);
			if (more)
				end = more;
		}
		return end;
	}
	return 0;
}

/* "what does cron execute": what the event is done to. */
static guint read_object(struct reading *r, guint i, guint to)
{
	const struct kg_card *card = g_array_index(r->mentions, struct mention, 0).card;

	for (guint f = 0; r->mentions->len == 1 && f < card->fields->len; f++) {
		const struct kg_card_field *field = card->fields->pdata[f];
		if (!field->is_shown || !kg_unit_is_text(field->unit))
			continue;
		kg_add_name(r->intent->by, field->name);
		r->is_which = TRUE;
		kg_take(r, i, to, "by", field->name);
		return to;
	}
	return 0;
}

/* "who", "what is": the process, where an event follows. */
guint kg_read_who(struct reading *r, guint i, guint to)
{
	guint end;
	const struct entry *e;
	gboolean is_what = kg_word_is(r, i, "what") || g_str_has_prefix(kg_tok(r, i)->text, "what");

	if (is_what && ((e = kg_at(r, to, CAT_MEASURE, &end)) || (e = kg_at(r, to, CAT_RATE, &end)) || kg_word_is(r, to, "the") ||
			kg_word_is(r, to, "my") || kg_word_is(r, to, "our") || (e = kg_at(r, to, CAT_DURATION, &end)))) {
		kg_take(r, i, to, NULL, NULL);
		return to;
	}
	if (is_what && (kg_word_is(r, to, "does") || kg_word_is(r, to, "do") || kg_word_is(r, to, "did")))
		return read_object(r, i, to + 1);
	if ((kg_word_is(r, to, "does") || kg_word_is(r, to, "do") || kg_word_is(r, to, "did")) && !kg_event_follows(r, to + 1))
		return 0; /* "who does nginx kill": whom */
	if (is_what && !kg_at(r, to, CAT_SUPERLATIVE, &end) && !kg_event_follows(r, to))
		return 0;
	r->is_who = TRUE;
	r->is_which = TRUE;
	kg_take(r, i, to, "by", "process");
	return to;
}

guint kg_read_top(struct reading *r, guint i, guint to)
{
	double n = 10;
	const char *unit = "";
	guint end = to, unused;
	gboolean is_top = kg_word_is(r, to - 1, "top") || kg_word_is(r, to - 1, "topmost");

	/* "the first 12" of a list; "the first open" is something else */
	if (!is_top && (!kg_number_at(r, to, &end, &n, &unit) || kg_event_follows(r, end) || kg_at(r, end, CAT_TIME, &unused) || kg_word_is(r, to, "a")))
		return 0;
	end = to;

	if (kg_number_at(r, to, &end, &n, &unit) && (*unit || n < 1 || n > 10000 || n != (double)(guint)n))
		return 0;
	if (r->intent->top && r->intent->top != (guint)n)
		return 0;
	if (kg_at(r, end, CAT_SUPERLATIVE, &unused))
		end = unused;
	r->intent->top = (guint)n;
	g_autofree char *value = g_strdup_printf("%u", r->intent->top);
	kg_take(r, i, end, "top", value);
	/* "top 10 processes" */
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	guint behind = kg_fields_at(r, end, FALSE, fields);
	if (behind && fields->len == 1 && !kg_is_measured(r, fields->pdata[0]) && !kg_mention_at(r, end, &unused)) {
		r->top_has_key = TRUE;
		guint more = kg_read_list(r, end, end, "by", r->intent->by);
		return more ? more : end;
	}
	return end;
}

/* "ten biggest", "10 busiest processes", "largest 10" */
guint kg_read_ranked(struct reading *r, guint i)
{
	double n;
	const char *unit;
	guint a, b, unused;
	const struct entry *e;
	gboolean number_first = kg_number_at(r, i, &a, &n, &unit);

	/* "25 at most", at the end */
	if (number_first && !*unit && n >= 1 && n <= 10000 && kg_word_is(r, a, "at") && kg_word_is(r, a + 1, "most") && !r->intent->top &&
	    (!kg_tok(r, a + 2) || kg_tok(r, a + 2)->is_mark) && !kg_word_is(r, i, "a")) {
		r->intent->top = (guint)n;
		kg_take(r, i, a + 2, "top", "");
		return a + 2;
	}
	if (number_first) {
		e = kg_at(r, a, CAT_SUPERLATIVE, &b);
		if (!e && (e = kg_at(r, a, CAT_MEASURE, &b)) && strcmp(e->value, "max"))
			e = NULL;
	} else {
		e = kg_at(r, i, CAT_SUPERLATIVE, &a);
		if (!e && (e = kg_at(r, i, CAT_MEASURE, &a)) && strcmp(e->value, "max"))
			e = NULL;
		if (e && kg_word_is(r, a, ".") && !strcmp(e->phrase, "max"))
			a++; /* "max. 30" */
		if (e && !kg_number_at(r, a, &b, &n, &unit))
			e = NULL;
	}
	/* single events can't be ranked: "the 10 slowest reads" */
	if (!e || *unit || n < 1 || n > 10000 || kg_event_follows(r, b) || kg_at(r, b, CAT_TIME, &unused) || kg_at(r, b, CAT_SIZE, &unused) || r->intent->top)
		return 0;
	if (kg_word_is(r, i, "a"))
		return 0;
	g_autofree char *value = g_strdup_printf("%u", (guint)n);
	r->intent->top = (guint)n;
	kg_take(r, i, b, "top", value);
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	guint behind = kg_fields_at(r, b, FALSE, fields);
	if (behind && fields->len == 1 && !kg_is_measured(r, fields->pdata[0])) {
		guint more = kg_read_list(r, b, b, "by", r->intent->by);
		return more ? more : b;
	}
	return b;
}
