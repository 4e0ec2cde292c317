/*
 * The pieces of a request, each read by what knows about it, and the words between them.
 *
 * Each handler looks at what the longest phrase at a token is, and takes it only where what stands around it fits; what no
 * handler takes is left over. Phrases are tried longest first; of equally long ones the more telling category comes first.
 */
#include "words.h"

#include <string.h>

/* A preposition that only links: "histogram of reads", "ENOENT from open". */
static guint read_link(struct reading *r, guint i, guint to)
{
	guint j = to, end;
	gboolean is_field = FALSE;

	while (kg_at(r, j, CAT_FILLER, &end) && !kg_mention_at(r, j, &end)) {
		kg_at(r, j, CAT_FILLER, &end);
		j = end;
	}
	g_autofree char *field = kg_field_at(r, j, &end);
	/* "from port 80": which end? See is_ambiguous_end() */
	enum kg_unit unit = field ? kg_reading_unit(r, field) : KG_UNIT_NONE;
	if ((unit == KG_UNIT_PORT || unit == KG_UNIT_IP) && end == j + 1 && (kg_word_is(r, i, "from") || kg_word_is(r, i, "to") || kg_word_is(r, i, "at")))
		return 0;
	/* "ptraces of pid 5": by it, or done to it? */
	const struct kg_standard_field *standard = field && !kg_reading_field(r, field) ? kg_standard_field(field) : NULL;
	for (guint k = 0; standard && standard->needs_task && kg_word_is(r, i, "of") && k < r->mentions->len; k++)
		if (kg_has_target(g_array_index(r->mentions, struct mention, k).card))
			return 0;
	is_field = field && !kg_word_is(r, i, "by") && (kg_reading_field(r, field) || kg_word_is(r, i, "of"));
	if (!kg_event_follows(r, j) && !is_field && (kg_word_is(r, i, "by") || !kg_at(r, j, CAT_DURATION, &end)) && !kg_at(r, j, CAT_MEASURE, &end) && !kg_at(r, j, CAT_HOSTORDER, &end) &&
	    !(kg_at(r, j, CAT_NOUN, &end) && kg_event_follows(r, end)) && !kg_at(r, j, CAT_RATE, &end) && !kg_at(r, j, CAT_BUCKETS, &end))
		return 0;
	kg_take(r, i, to, NULL, NULL);
	return to;
}

static guint read_noun(struct reading *r, guint i, guint to)
{
	guint j = to, end;

	if (kg_at(r, j, CAT_PREP, &end) || kg_word_is(r, j, "of"))
		j = kg_word_is(r, j, "of") ? j + 1 : end;
	j = kg_skip_fillers(r, j);
	if ((i && r->event_end == i) || kg_mention_at(r, j, &end)) {
		kg_take(r, i, to, NULL, NULL);
		return to;
	}
	return 0;
}

static guint read_loose(struct reading *r, guint i)
{
	guint to;
	struct loose loose = {.from = i};

	/* "frobs and opens by process and cpu": a list goes on behind a key */
	guint back = i;
	while (back > 0 && (kg_word_is(r, back - 1, ",") || kg_word_is(r, back - 1, "and")))
		back--;
	if (back < i && back == r->last_show && r->is_show_said) {
		guint end = kg_read_list(r, i, i, "show", r->intent->show);
		if (end) {
			r->last_show = end;
			return end;
		}
	}
	loose.field = kg_field_at(r, i, &to);
	/* "user by user" */
	if (loose.field && kg_word_is(r, to, "by")) {
		guint again;
		g_autofree char *same = kg_field_at(r, to + 1, &again);
		if (same && !strcmp(same, loose.field)) {
			kg_add_name(r->intent->by, same);
			kg_take(r, i, again, "by", same);
			g_free(loose.field);
			return again;
		}
	}
	if (!loose.field) {
		g_autofree char *a = NULL, *b = NULL;
		if (!(to = kg_shared_head(r, i, &a, &b)))
			return 0;
		struct loose first = {.field = g_steal_pointer(&a), .from = i, .to = to};
		struct loose second = {.field = g_steal_pointer(&b), .from = i, .to = to};
		g_array_append_val(r->loose, first);
		g_array_append_val(r->loose, second);
		kg_take(r, i, to, NULL, NULL);
		return to;
	}
	loose.to = to;
	g_array_append_val(r->loose, loose);
	kg_take(r, i, to, NULL, NULL);
	return to;
}

/* Which category a tie goes to: the one that says more. */
static int priority(enum category cat)
{
	static const enum category order[] = {
		CAT_EVENT, CAT_EVENT_DONE, CAT_STATE, CAT_UNTIL, CAT_HOW_TO, CAT_NONZERO, CAT_TAKING, CAT_RATE, CAT_RATE_MINUTE, CAT_EVERY, CAT_DURING, CAT_CMP, CAT_ERRNO, CAT_FAILED,
		CAT_SUCCEEDED, CAT_FAMILY, CAT_NAMED, CAT_BELOW, CAT_NOT, CAT_ONLY, CAT_TOP, CAT_EACH, CAT_BUCKETS, CAT_FROM_TO, CAT_WITH,
		CAT_BY, CAT_WHO, CAT_WHICH, CAT_MEASURE, CAT_SUPERLATIVE, CAT_VALUE, CAT_CARD_FIELD, CAT_FIELD, CAT_DURATION, CAT_HOSTORDER, CAT_ATTEMPT,
		CAT_NOUN, CAT_CALLED, CAT_KERNEL_FUNCTION, CAT_TRACEPOINT, CAT_ROOT, CAT_COMPARE, CAT_VERSUS, CAT_PREP, CAT_AND, CAT_OR, CAT_RELATIVE, CAT_FILLER,
	};

	for (gsize i = 0; i < G_N_ELEMENTS(order); i++)
		if (order[i] == cat)
			return (int)i;
	return 1000;
}

static guint dispatch(struct reading *r, const struct entry *e, guint i, guint to)
{
	guint j;

	switch (e->cat) {
	case CAT_UNTIL:
	case CAT_RATE:
	case CAT_RATE_MINUTE:
	case CAT_EVERY:
	case CAT_DURING:
	case CAT_TIME:
		return kg_read_time(r, i);
	case CAT_CMP:
	case CAT_ERRNO:
	case CAT_FAILED:
	case CAT_SUCCEEDED:
	case CAT_FAMILY:
	case CAT_VALUE:
	case CAT_NAMED:
	case CAT_TAKING:
	case CAT_BELOW:
	case CAT_NOT:
		return kg_read_filter(r, i);
	case CAT_ONLY:
		if ((j = kg_read_filter(r, i)))
			return j;
		/* "mmap only", "IPv6 only": behind an event or a condition */
		if (i && (r->event_end == i || r->filter_end == i)) {
			kg_take(r, i, to, NULL, NULL);
			return to;
		}
		return 0;
	case CAT_EACH:
		return kg_read_each(r, e, i, to);
	case CAT_TOP:
		return kg_read_top(r, i, to);
	case CAT_BUCKETS:
		return kg_read_buckets(r, i, to);
	case CAT_FROM_TO:
		return kg_read_range(r, i, to);
	case CAT_WITH:
		return kg_read_with(r, i, to);
	case CAT_BY:
		return kg_read_by(r, e, i, to);
	case CAT_WHO:
		return kg_read_who(r, i, to);
	case CAT_WHICH:
		return kg_read_which(r, i, to);
	case CAT_MEASURE:
		return kg_read_measure(r, e, i, to);
	case CAT_SUPERLATIVE:
		r->has_superlative = TRUE;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_CARD_FIELD:
	case CAT_FIELD:
		if ((j = kg_read_filter(r, i)))
			return j;
		return read_loose(r, i);
	case CAT_DURATION:
		return kg_read_duration(r, i, to);
	case CAT_FILLER:
		/* ", a minute" */
		if ((kg_word_is(r, i, "a") || kg_word_is(r, i, "an")) && to == i + 1 && (j = kg_read_time(r, i)))
			return j;
		/* "make open fail": an order */
		if (kg_word_is(r, i, "make") && (i == 0 || ((const struct token *)r->tokens->pdata[i - 1])->is_sentence_end))
			return 0;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_HOW_TO:
		for (j = to; kg_at(r, j, CAT_FILLER, &to) && !kg_at(r, j, CAT_MEASURE, &to);)
			kg_at(r, j, CAT_FILLER, &j);
		if (!kg_at(r, j, CAT_MEASURE, &to))
			return 0;
		kg_take(r, i, j, NULL, NULL);
		return j;
	case CAT_NONZERO:
	case CAT_CHILDREN:
		return kg_read_filter(r, i);
	case CAT_LASTS:
		if (g_strcmp0(r->intent->value, KG_DURATION))
			return 0;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_HOSTORDER:
	case CAT_RELATIVE:
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_ATTEMPT:
		r->wants_attempts = TRUE;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_NOUN:
		return read_noun(r, i, to);
	case CAT_CALLED:
		for (guint k = 0; k < r->mentions->len; k++)
			if (g_array_index(r->mentions, struct mention, k).is_named) {
				kg_take(r, i, to, NULL, NULL);
				return to;
			}
		return 0;
	case CAT_KERNEL_FUNCTION:
	case CAT_TRACEPOINT:
		for (guint k = 0; k < r->mentions->len; k++)
			if (g_array_index(r->mentions, struct mention, k).is_named) {
				kg_take(r, i, to, NULL, NULL);
				return to;
			}
		return 0;
	case CAT_COMPARE:
	case CAT_VERSUS:
		if (r->mentions->len < 2)
			return 0;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_OR:
		/* between two events it means both */
		if (i && r->event_end == i && kg_event_follows(r, to)) {
			kg_take(r, i, to, NULL, NULL);
			return to;
		}
		return 0;
	case CAT_AND:
		/* "each deletion: time, process, path" */
		if ((kg_word_is(r, i, ":") || kg_word_is(r, i, "-")) && (r->is_print_said || r->wants_each) && (j = kg_read_with(r, i, to)))
			return j;
		r->has_colon = r->has_colon || kg_word_is(r, i, ":");
		/* "calls/process" */
		if (kg_word_is(r, i, "/") && i && (j = kg_read_per(r, i, to)))
			return j;
		kg_take(r, i, to, NULL, NULL);
		return to;
	case CAT_PREP:
		if ((j = kg_read_filter(r, i)))
			return j;
		return read_link(r, i, to);
	default:
		return 0;
	}
}

/* "... over tcp", "scheduler run queue": words of the event's own name or area that stand apart from it. */
static guint read_redundant(struct reading *r, guint i)
{
	const struct token *t = kg_tok(r, i);
	guint at = i;

	if (kg_word_is(r, i, "over") || kg_word_is(r, i, "via"))
		t = kg_tok(r, ++at);
	if (!t || t->is_mark || t->is_quoted)
		return 0;
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, k).card;
		g_autofree char *all = g_strconcat(card->name, "-", card->area, NULL);
		g_auto(GStrv) parts = g_strsplit_set(all, "- ", -1);

		for (guint p = 0; parts[p]; p++) {
			g_autofree char *stem = kg_stem(r->lex, parts[p]);
			gboolean is_connection = !strcmp(parts[p], "tcp") && (kg_word_is(r, at, "connection") || kg_word_is(r, at, "connections"));
			if (strlen(parts[p]) >= 3 && (!strcmp(stem, t->stem) || is_connection)) {
				kg_take(r, i, at + 1, NULL, NULL);
				return at + 1;
			}
		}
	}
	return 0;
}

struct option {
	const struct entry *entry;
	guint to;
};

static gint option_order(gconstpointer a, gconstpointer b)
{
	const struct option *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? 1 : -1;
	return priority(x->entry->cat) - priority(y->entry->cat);
}

guint kg_read_chunk(struct reading *r, guint i)
{
	g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autoptr(GPtrArray) found = kg_lexicon_at(r->lex, r->tokens, i, lens);
	g_autoptr(GArray) options = g_array_new(FALSE, FALSE, sizeof(struct option));
	guint event_to = 0, j;

	for (guint k = 0; k < found->len; k++) {
		struct option o = {found->pdata[k], i + g_array_index(lens, guint, k)};
		g_array_append_val(options, o);
	}
	g_array_sort(options, option_order);
	kg_mention_at(r, i, &event_to);
	/* "mysqld fsync", "nginx's reads": a name in front */
	if (event_to && (!options->len || event_to >= g_array_index(options, struct option, 0).to || g_array_index(options, struct option, 0).entry->cat == CAT_VERSUS)) {
		if ((j = kg_read_event(r, i)))
			return j;
	}
	if ((j = kg_read_ranked(r, i)))
		return j;
	/* "old name -> new name": between two fields; between two events it would be the time from one to the other */
	if (kg_word_is(r, i, "->") && r->loose->len && g_array_index(r->loose, struct loose, r->loose->len - 1).to == i) {
		kg_take(r, i, i + 1, NULL, NULL);
		return i + 1;
	}
	if (r->intent->lhist_step && !r->intent->lhist_max && (j = kg_read_time(r, i)))
		return j;
	for (guint k = 0; k < options->len; k++) {
		const struct option *o = &g_array_index(options, struct option, k);

		if (event_to && o->to <= event_to && (j = kg_read_event(r, i)))
			return j;
		if ((j = dispatch(r, o->entry, i, o->to)))
			return j;
	}
	if (event_to && (j = kg_read_event(r, i)))
		return j;
	if ((j = kg_read_time(r, i)) || (j = kg_read_filter(r, i)) || (j = read_loose(r, i)))
		return j;
	return read_redundant(r, i);
}
