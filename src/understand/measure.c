/*
 * What is measured: counts, sums, histograms with their range and steps, latencies, a line for each event.
 */
#include "words.h"

#include <string.h>

guint kg_read_each(struct reading *r, const struct entry *e, guint i, guint to)
{
	guint j = kg_skip_fillers(r, to);

	if (!g_strcmp0(e->value, "anywhere")) {
		r->wants_each = TRUE;
		kg_take(r, i, to, "measure", "each event");
		return to;
	}

	/* "..., each with target and link name" */
	if (kg_at(r, to, CAT_WITH, &j) && r->n_events_said) {
		r->wants_each = TRUE;
		kg_take(r, i, to, "measure", "each event");
		return to;
	}
	/* "whenever uid 500 does an fchmod": the event comes later */
	if (g_str_has_prefix(e->phrase, "when") || g_str_has_suffix(e->phrase, " time"))
		for (guint k = 0; k < r->mentions->len; k++)
			if (g_array_index(r->mentions, struct mention, k).from >= j) {
				r->wants_each = TRUE;
				kg_take(r, i, to, "measure", "each event");
				return to;
			}
	if (!kg_event_follows(r, j))
		return 0;
	/* "how often does each process switch context": the event's name begins with a key */
	guint end, after;
	g_autofree char *key = kg_field_at(r, j, &end);
	if (key && kg_standard_field(key) && kg_mention_at(r, j, &after) && end < after && r->intent->measure != KG_MEASURE_NONE) {
		kg_add_name(r->intent->by, key);
		kg_take(r, i, end, "by", key);
		return kg_read_event(r, j);
	}
	r->wants_each = TRUE;
	kg_take(r, i, to, "measure", "each event");
	return to;
}

guint kg_read_buckets(struct reading *r, guint i, guint to)
{
	gint64 step;
	guint end;
	double d;
	const char *unit;

	if (!kg_time_at(r, to, &end, &step) && !kg_size_at(r, to, &end, &step)) {
		if (!kg_number_at(r, to, &end, &d, &unit) || *unit || d < 1 || !kg_whole(d, &step))
			return 0;
	}
	if (r->intent->lhist_step)
		return 0;
	r->intent->lhist_step = step;
	g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT, step);
	kg_take(r, i, end, "step", value);
	return end;
}

/* "from 0 to 100 ms": the unit behind the last number is both's */
guint kg_read_range(struct reading *r, guint i, guint to)
{
	double low, high;
	const char *unit;
	guint mid, next, end;
	gint64 top;

	if (!kg_number_at(r, to, &mid, &low, &unit))
		return 0;
	gboolean low_unit = *unit != '\0';
	gint64 low_q = 0;
	if (low_unit || kg_at(r, mid, CAT_TIME, &next) || kg_at(r, mid, CAT_SIZE, &next)) {
		if (!kg_time_at(r, to, &mid, &low_q) && !kg_size_at(r, to, &mid, &low_q))
			return 0;
	}
	if (!kg_at(r, mid, CAT_RANGE_TO, &next))
		return 0;
	if (!kg_time_at(r, next, &end, &top) && !kg_size_at(r, next, &end, &top)) {
		if (!kg_number_at(r, next, &end, &high, &unit) || *unit || !kg_whole(high, &top) || (!low_q && !kg_whole(low, &low_q)))
			return 0;
	} else if (!low_q && low > 0) {
		double number;
		if (!kg_number_at(r, next, &mid, &number, &unit) || !kg_share_unit(low, number, top, &low_q))
			return 0;
	}
	if (top <= low_q || low_q < 0)
		return 0;
	r->intent->lhist_min = low_q;
	r->intent->lhist_max = top;
	g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, low_q, top);
	kg_take(r, i, end, "range", value);
	return end;
}

static enum kg_measure measure_of(const char *name)
{
	for (int m = 1; m < KG_MEASURES; m++)
		if (!strcmp(kg_measure_name((enum kg_measure)m), name))
			return (enum kg_measure)m;
	return KG_MEASURE_NONE;
}

guint kg_read_measure(struct reading *r, const struct entry *e, guint i, guint to)
{
	enum kg_measure m = measure_of(e->value);
	guint unused;

	/* "how many microseconds does it take" */
	const struct entry *time_unit = m == KG_MEASURE_COUNT && g_str_has_prefix(e->phrase, "how many") ? kg_at(r, to, CAT_TIME, &unused) : NULL;
	if (time_unit && !r->intent->value) {
		gint64 ns = g_ascii_strtoll(time_unit->value, NULL, 10);
		r->intent->value = g_strdup(KG_DURATION);
		r->intent->display = ns == 1 ? KG_UNIT_NS : ns == 1000 ? KG_UNIT_US : ns == 1000000 ? KG_UNIT_MS : KG_UNIT_NONE;
		kg_take(r, i, unused, "value", KG_DURATION);
		return unused;
	}
	if (m == KG_MEASURE_PRINT) {
		/* "show" and "list" are polite words before another measure, and a line an event without one */
		r->is_print_said = TRUE;
		r->is_print_strong = r->is_print_strong || !g_strcmp0(e->hint, "strong");
		kg_take(r, i, to, "measure", "print");
		guint j = kg_skip_fillers(r, to), end;
		if (kg_mention_at(r, j, &end))
			return to;
		/* "Show three." */
		double n;
		const char *unit;
		if (kg_number_at(r, j, &end, &n, &unit) && !*unit && n >= 1 && n <= 10000 && (!kg_tok(r, end) || kg_tok(r, end)->is_sentence_end) && !r->intent->top &&
		    !kg_word_is(r, j, "a")) {
			r->intent->top = (guint)n;
			kg_take(r, j, end, "top", "");
			return end;
		}
		end = kg_read_list(r, to, j, "show", r->intent->show);
		if (end) {
			r->is_show_said = TRUE;
			r->last_show = end;
			return end;
		}
		return to;
	}
	if (r->intent->measure != KG_MEASURE_NONE && r->intent->measure != m) {
		/* "average and maximum": two answers to one question */
		if ((m == KG_MEASURE_COUNT && !strcmp(e->phrase, "counts")) || (m == KG_MEASURE_SUM && r->intent->measure == KG_MEASURE_COUNT && !r->intent->value && e->hint)) {
			;
		} else if (r->is_sum_weak && r->intent->measure == KG_MEASURE_SUM) {
			r->is_sum_weak = FALSE;
		} else if (m == KG_MEASURE_COUNT && strstr(e->phrase, "number of") && kg_at(r, kg_skip_fillers(r, to), CAT_CARD_FIELD, &unused)) {
			kg_take(r, i, to, NULL, NULL); /* "average number of requests": the field */
			return to;
		} else if (!g_strcmp0(e->hint, "time") && m == KG_MEASURE_SUM && (!r->intent->value || !strcmp(r->intent->value, KG_DURATION))) {
			m = r->intent->measure; /* "histogram of the time spent in" */
		} else if (m == KG_MEASURE_HIST && r->intent->measure == KG_MEASURE_LHIST) {
			m = KG_MEASURE_LHIST;
		} else if (m == KG_MEASURE_LHIST && r->intent->measure == KG_MEASURE_HIST) {
			;
		} else if (m == KG_MEASURE_MAX && r->intent->measure == KG_MEASURE_SUM && kg_at(r, to, CAT_FIELD, &unused)) {
			return 0;
		} else {
			kg_why(r, "%s and %s are asked for at once", kg_measure_name(r->intent->measure), e->value);
			return 0;
		}
	}
	if (g_strcmp0(e->hint, "time") == 0) {
		if (r->intent->value && strcmp(r->intent->value, KG_DURATION))
			return 0;
		if (!r->intent->value)
			r->intent->value = g_strdup(KG_DURATION);
	}
	if (r->intent->measure == KG_MEASURE_NONE && m == KG_MEASURE_SUM && e->hint)
		r->is_sum_weak = TRUE;
	r->intent->measure = m;
	if (m == KG_MEASURE_COUNT)
		r->count_end = to;
	kg_take(r, i, to, "measure", e->value);
	return to;
}

guint kg_read_duration(struct reading *r, guint i, guint to)
{
	if (r->intent->value && strcmp(r->intent->value, KG_DURATION))
		return 0;
	if (!r->intent->value)
		r->intent->value = g_strdup(KG_DURATION);
	for (guint k = i; k < to; k++)
		r->is_time_said = r->is_time_said || (kg_word_is(r, k, "time") && !kg_word_is(r, i, "response") && !kg_word_is(r, i, "how"));
	kg_take(r, i, to, "value", KG_DURATION);
	return to;
}
