/*
 * Times in a sentence: "for 10 seconds", "every 5 s", "per second", "until Ctrl-C", "in milliseconds".
 */
#include "words.h"

#include <string.h>

static guint read_during(struct reading *r, guint i, guint j)
{
	gint64 ns;
	guint to;

	while (kg_word_is(r, j, "the") || kg_word_is(r, j, "about") || kg_word_is(r, j, "next"))
		j++;
	if (!kg_time_at(r, j, &to, &ns) || ns <= 0)
		return 0;
	/* "over 20 ms" is a comparison, and "over 5 s" may be one where single events are shown */
	gboolean is_over = kg_word_is(r, i, "over");
	gboolean is_measured = r->intent->measure != KG_MEASURE_NONE || r->intent->by->len || r->loose->len;
	gboolean could_last = FALSE;
	for (guint k = 0; !r->intent->value && r->loose->len == 0 && k < r->mentions->len; k++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, k).card;
		for (guint w = 0; w < card->ways->len; w++)
			could_last = could_last || ((struct kg_card_way *)card->ways->pdata[w])->begins->len > 0;
	}
	if (is_over && could_last)
		kg_why(r, "\"over\": those that take longer, or for so long? Say \"slower than\" or \"for\"");
	if (is_over && (ns < 1000000000 || !is_measured || r->is_print_said || could_last))
		return 0;
	if (r->intent->for_ns && r->intent->for_ns != ns) {
		kg_why(r, "two durations are asked for");
		return 0;
	}
	r->intent->for_ns = ns;
	g_autofree char *value = g_strdup_printf("%g s", (double)ns / 1e9);
	kg_take(r, i, to, "for", value);
	return to;
}

static guint set_every(struct reading *r, guint i, guint to, gint64 ns)
{
	if (ns <= 0 || (r->intent->every_ns && r->intent->every_ns != ns)) {
		kg_why(r, "two intervals are asked for");
		return 0;
	}
	r->intent->every_ns = ns;
	g_autofree char *value = g_strdup_printf("%g s", (double)ns / 1e9);
	kg_take(r, i, to, "every", value);
	return to;
}

static guint read_every(struct reading *r, guint i, guint j)
{
	gint64 ns;
	guint to;
	const struct entry *unit;

	if (kg_time_at(r, j, &to, &ns)) {
		if (kg_word_is(r, to, "interval") || kg_word_is(r, to, "intervals"))
			to++;
		return set_every(r, i, to, ns);
	}
	if ((unit = kg_at(r, j, CAT_TIME, &to)) && strlen(unit->phrase) > 2) {
		/* "every second read": each, or every other one? */
		if (kg_event_follows(r, to))
			return 0;
		return set_every(r, i, to, g_ascii_strtoll(unit->value, NULL, 10));
	}
	return 0;
}

/* "10 seconds" on its own, between marks or at the end; "1 second intervals". */
static guint read_bare(struct reading *r, guint i)
{
	gint64 ns;
	guint to;
	const struct token *after;

	if (!kg_time_at(r, i, &to, &ns) || ns <= 0)
		return 0;
	if (kg_word_is(r, to, "interval") || kg_word_is(r, to, "intervals"))
		return set_every(r, i, to + 1, ns);
	if (kg_word_is(r, to, "buckets") || kg_word_is(r, to, "bins") || kg_word_is(r, to, "steps")) {
		if (r->intent->lhist_step)
			return 0;
		r->intent->lhist_step = ns;
		kg_take(r, i, to + 1, "step", "");
		return to + 1;
	}
	after = kg_tok(r, to);
	if (r->intent->for_ns || ns < 1000000000 || (after && !after->is_mark) ||
	    (kg_word_is(r, i, "a") && !(i && kg_tok(r, i - 1)->is_mark)))
		return 0;
	return read_during(r, i, i);
}

guint kg_read_time(struct reading *r, guint i)
{
	const struct entry *e;
	guint to, j;
	gint64 top;

	/* "1 ms buckets up to 20 ms" */
	if (r->intent->lhist_step && !r->intent->lhist_max && kg_word_is(r, i, "up") && kg_word_is(r, i + 1, "to") && kg_time_at(r, i + 2, &to, &top)) {
		r->intent->lhist_max = top;
		kg_take(r, i, to, "range", "");
		return to;
	}

	if ((e = kg_at(r, i, CAT_UNTIL, &to))) {
		kg_take(r, i, to, "until", "it is stopped");
		return to;
	}
	if ((e = kg_at(r, i, CAT_EVERY, &to)) && (j = read_every(r, i, to)))
		return j;
	if ((e = kg_at(r, i, CAT_DURING, &to)) && (j = read_during(r, i, to)))
		return j;
	if ((e = kg_at(r, i, CAT_RATE, &to)) || (e = kg_at(r, i, CAT_RATE_MINUTE, &to))) {
		gint64 ns = e->cat == CAT_RATE ? 1000000000 : 60000000000;
		if (r->intent->is_rate && r->intent->every_ns == ns) {
			kg_take(r, i, to, NULL, NULL);
			return to;
		}
		if (!set_every(r, i, to, ns))
			return 0;
		r->intent->is_rate = TRUE;
		/* "throughput" is a rate of bytes */
		if (strstr(e->phrase, "throughput") || strstr(e->phrase, "bandwidth")) {
			const char *size = kg_size_field(r);
			if (!size || (r->intent->value && strcmp(r->intent->value, size)))
				return 0;
			g_free(r->intent->value);
			r->intent->value = g_strdup(size);
		}
		return to;
	}
	/* "in 5-second intervals" */
	gint64 step;
	if (kg_word_is(r, i, "in") && kg_time_at(r, i + 1, &to, &step) && (kg_word_is(r, to, "interval") || kg_word_is(r, to, "intervals") || kg_word_is(r, to, "steps")))
		return set_every(r, i, to + 1, step);
	/* "in milliseconds" */
	if (kg_word_is(r, i, "in") && (e = kg_at(r, i + 1, CAT_TIME, &to))) {
		gint64 ns = g_ascii_strtoll(e->value, NULL, 10);
		r->intent->display = ns == 1 ? KG_UNIT_NS : ns == 1000 ? KG_UNIT_US : ns == 1000000 ? KG_UNIT_MS : KG_UNIT_NONE;
		if (ns > 1000000)
			return 0;
		kg_take(r, i, to, "unit", kg_unit_name(r->intent->display));
		return to;
	}
	return read_bare(r, i);
}
