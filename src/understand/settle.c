/*
 * From the pieces to the intent: what is measured, which role each loose field has, and whether it all goes together.
 */
#include "words.h"

#include <string.h>

static const struct kg_card *card_at(const struct reading *r, guint k)
{
	return g_array_index(r->mentions, struct mention, k).card;
}

static gboolean has_duration(const struct kg_card *card)
{
	if (card->duration)
		return TRUE;
	for (guint w = 0; w < card->ways->len; w++)
		if (((struct kg_card_way *)card->ways->pdata[w])->begins->len)
			return TRUE;
	return FALSE;
}

/* Can it be told whether the operation succeeded? */
static gboolean has_ok(const struct kg_card *card)
{
	for (guint w = 0; w < card->ways->len; w++) {
		const struct kg_card_way *way = card->ways->pdata[w];
		for (guint k = 0; k < way->sites->len; k++)
			if (((struct kg_card_site *)way->sites->pdata[k])->ok)
				return TRUE;
	}
	return FALSE;
}

static gboolean has_task(const struct kg_card *card)
{
	for (guint w = 0; w < card->ways->len; w++) {
		const struct kg_card_way *way = card->ways->pdata[w];
		/* the context of a span's beginning is that of its card */
		if (way->context == KG_CONTEXT_TASK || way->is_same_task || (way->begins->len && card->context == KG_CONTEXT_TASK))
			return TRUE;
	}
	return FALSE;
}

static const char *measure_field(const struct reading *r)
{
	const struct kg_card *card = card_at(r, 0);

	for (guint f = 0; f < card->fields->len; f++) {
		const struct kg_card_field *field = card->fields->pdata[f];
		if (field->is_measure && kg_reading_has_field(r, field->name))
			return field->name;
	}
	return NULL;
}

static gboolean is_amount(const struct reading *r, const char *field)
{
	const struct kg_card_field *f = kg_reading_field(r, field);

	return f && kg_unit_is_number(f->unit) && f->unit != KG_UNIT_PID && f->unit != KG_UNIT_TID && f->unit != KG_UNIT_UID && f->unit != KG_UNIT_GID &&
	       f->unit != KG_UNIT_CPU && f->unit != KG_UNIT_ERRNO && f->unit != KG_UNIT_SYSCALL && f->unit != KG_UNIT_SIGNAL && f->unit != KG_UNIT_PORT &&
	       f->unit != KG_UNIT_DEV && f->unit != KG_UNIT_FLAGS && f->unit != KG_UNIT_ADDRESS && f->unit != KG_UNIT_CGROUP;
}

static gboolean needs_value(enum kg_measure m)
{
	return m == KG_MEASURE_SUM || m == KG_MEASURE_AVG || m == KG_MEASURE_MIN || m == KG_MEASURE_MAX || m == KG_MEASURE_STATS ||
	       m == KG_MEASURE_HIST || m == KG_MEASURE_LHIST;
}

static const char *loose_words(const struct reading *r, const struct loose *l)
{
	const struct token *a = kg_tok(r, l->from);

	return a ? a->text : "";
}

static gboolean says_amount(const char *word)
{
	static const char *const words[] = {"byte", "bytes", "data", "size", "sizes", "volume", "amount", "throughput", "sectors", "blocks"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (!strcmp(word, words[i]))
			return TRUE;
	return FALSE;
}

/* The amount that stands in the sentence without a role is what is measured. */
static void value_from_loose(struct reading *r)
{
	struct kg_intent *in = r->intent;

	for (guint k = 0; k < r->loose->len && !in->value; k++) {
		const struct loose *l = &g_array_index(r->loose, struct loose, k);
		enum kg_measure m = in->measure;
		const struct kg_card_field *f = kg_reading_field(r, l->field);

		gboolean is_condition = FALSE;
		for (guint n = 0; n < in->filters->len; n++)
			is_condition = is_condition || !strcmp(((struct kg_filter *)in->filters->pdata[n])->field, l->field);
		if (!is_amount(r, l->field) || (is_condition && !f->is_measure))
			continue;
		/* "count and bytes of reads": two answers */
		if (r->count_end && kg_word_is(r, r->count_end, "and") && l->from <= r->count_end + 2 && l->from > r->count_end)
			continue;
		/* "count bytes ..." says so itself; the memory of "allocate memory" is no amount */
		if (l->is_weak && !needs_value(m) && (m == KG_MEASURE_COUNT || !says_amount(loose_words(r, l))))
			continue;
		gboolean is_implied = f->is_measure && !r->wants_each && !(r->is_print_said && r->is_show_said) &&
				      (m == KG_MEASURE_NONE || m == KG_MEASURE_COUNT);
		if (!needs_value(m) && !is_implied)
			continue;
		if (is_implied)
			in->measure = in->is_rate || m == KG_MEASURE_COUNT || !strstr(loose_words(r, l), "size") ? KG_MEASURE_SUM : KG_MEASURE_HIST;
		in->value = g_strdup(l->field);
		struct loose *gone = &g_array_index(r->loose, struct loose, k);
		g_free(gone->field);
		g_array_remove_index(r->loose, k);
		return;
	}
}

/* A sentence that measures sizes has a condition on the size: then a histogram without a word for it is one of sizes. */
static void value_from_filters(struct reading *r)
{
	struct kg_intent *in = r->intent;

	for (guint k = 0; k < in->filters->len && !in->value; k++) {
		const struct kg_filter *f = in->filters->pdata[k];
		if (!f->is_text && (!strcmp(f->field, KG_DURATION) || (is_amount(r, f->field) && f->op != KG_FILTER_EQ)))
			in->value = g_strdup(f->field);
	}
}

/* Where an event has no beginning and end but a time of its own (a round trip time), that is what "latency" means. */
static void own_time(struct reading *r)
{
	struct kg_intent *in = r->intent;
	const char *field = measure_field(r);
	const struct kg_card_field *f = field ? kg_reading_field(r, field) : NULL;

	if (!in->value || strcmp(in->value, KG_DURATION) || !f || has_duration(card_at(r, 0)))
		return;
	if (f->unit != KG_UNIT_NS && f->unit != KG_UNIT_US && f->unit != KG_UNIT_MS)
		return;
	g_free(in->value);
	in->value = g_strdup(field);
	if (in->measure == KG_MEASURE_NONE)
		in->measure = KG_MEASURE_HIST;
}

static gboolean settle_value(struct reading *r)
{
	struct kg_intent *in = r->intent;
	const char *field = measure_field(r);

	own_time(r);

	value_from_loose(r);
	if (!needs_value(in->measure) || in->value)
		return TRUE;
	for (guint k = 0; k < r->intent->origins->len; k++) {
		static const char *const sizes[] = {"big", "larg", "small", "great"};
		const struct kg_origin *o = in->origins->pdata[k];
		gboolean is_size = FALSE;

		for (gsize n = 0; !strcmp(o->part, "measure") && n < G_N_ELEMENTS(sizes); n++)
			is_size = is_size || !g_ascii_strncasecmp(o->words, sizes[n], strlen(sizes[n]));
		if (!is_size)
			continue;
		/* "biggest write": its size; "biggest file opened": an open has none */
		if (!field) {
			kg_why(r, "%s have no size", card_at(r, 0)->plural);
			return FALSE;
		}
		in->value = g_strdup(field);
		return TRUE;
	}
	value_from_filters(r);
	if (in->value)
		return TRUE;
	if (in->measure == KG_MEASURE_SUM) {
		if (r->mentions->len > 1) {
			kg_why(r, "several events are shown side by side; they can't be added up");
			return FALSE;
		}
		in->measure = KG_MEASURE_COUNT; /* "total reads", "how much ..." */
		return TRUE;
	}
	gboolean spans = has_duration(card_at(r, 0));
	if (spans && in->display) { /* "in ms" */
		in->value = g_strdup(KG_DURATION);
		return TRUE;
	}
	if (field && !spans) {
		in->value = g_strdup(field);
		return TRUE;
	}
	gboolean is_spread = in->measure == KG_MEASURE_HIST || in->measure == KG_MEASURE_LHIST || in->measure == KG_MEASURE_STATS;
	if (!field && spans && r->mentions->len == 1 && is_spread) {
		in->value = g_strdup(KG_DURATION);
		return TRUE;
	}
	kg_why(r, "%s of what? Say for example \"%s\"%s", kg_measure_name(in->measure), field ? field : "latency", field && spans ? " or \"latency\"" : "");
	return FALSE;
}

static gboolean has_stack(const struct reading *r)
{
	for (guint k = 0; k < r->loose->len; k++)
		if (kg_reading_unit(r, g_array_index(r->loose, struct loose, k).field) == KG_UNIT_STACK)
			return TRUE;
	return FALSE;
}

/* "open /etc/passwd" is an order, not a question: an event's bare verb in front, and nothing that asks. */
static gboolean is_order(const struct reading *r)
{
	const struct mention *m = &g_array_index(r->mentions, struct mention, 0);
	const struct token *t = kg_tok(r, m->from);

	for (guint k = 0; k < r->loose->len; k++)
		if (kg_reading_unit(r, g_array_index(r->loose, struct loose, k).field) == KG_UNIT_STACK)
			return FALSE; /* "profile user stacks" */
	return m->from == 0 && m->to == 1 && !m->is_named && !g_str_has_suffix(t->text, "s") && !g_str_has_suffix(t->text, "ing");
}

static gboolean settle_measure(struct reading *r)
{
	struct kg_intent *in = r->intent;
	const struct mention *first = &g_array_index(r->mentions, struct mention, 0);
	const struct token *behind = kg_tok(r, first->to);

	/* "unmount /mnt/x and print it": do, not show */
	if (is_order(r) && behind && (behind->is_quoted || *behind->text == '/')) {
		kg_why(r, "this asks to do something to %s; kgent only shows what happens", behind->text);
		return FALSE;
	}

	if (in->lhist_step || in->lhist_max) {
		if (in->measure == KG_MEASURE_NONE || in->measure == KG_MEASURE_HIST)
			in->measure = KG_MEASURE_LHIST;
		if (in->measure != KG_MEASURE_LHIST) {
			kg_why(r, "steps are for a histogram");
			return FALSE;
		}
	}
	if (!settle_value(r))
		return FALSE;
	if (in->measure != KG_MEASURE_NONE && in->measure != KG_MEASURE_PRINT) {
		if (in->measure == KG_MEASURE_COUNT && in->value) {
			if (!strcmp(in->value, KG_DURATION)) {
				kg_why(r, "count, or the time it takes? Both at once is \"count and average\"");
				return FALSE;
			}
			in->measure = KG_MEASURE_SUM;
		}
		return TRUE;
	}
	if (r->name_is_value && !in->value && !r->is_print_said && !r->wants_each) {
		kg_why(r, "say what of it: count, average, print each ...");
		return FALSE;
	}
	if (r->wants_each && !in->by->len && !in->is_rate)
		in->measure = KG_MEASURE_PRINT;
	else if (in->value && !strcmp(in->value, KG_DURATION))
		in->measure = r->is_show_said || r->wants_each ? KG_MEASURE_PRINT : in->top || r->is_which || r->is_time_said ? KG_MEASURE_SUM : KG_MEASURE_HIST;
	else if (in->value) {
		enum kg_unit unit = kg_reading_unit(r, in->value);
		gboolean is_time = unit == KG_UNIT_NS || unit == KG_UNIT_US || unit == KG_UNIT_MS;
		in->measure = r->is_show_said || r->wants_each ? KG_MEASURE_PRINT : is_time && !in->top && !r->is_which ? KG_MEASURE_HIST : KG_MEASURE_SUM;
	} else if (in->is_rate)
		in->measure = KG_MEASURE_COUNT;
	else if (r->is_print_said && (r->is_print_strong || r->is_show_said || r->wants_each) && (!r->is_which || (r->is_who && r->is_print_strong)) && !in->top)
		in->measure = KG_MEASURE_PRINT;
	else if (in->by->len || in->top || in->every_ns || r->has_superlative || (has_stack(r) && !r->is_print_said))
		in->measure = KG_MEASURE_COUNT;
	else if (r->is_print_said || r->is_show_said || r->wants_each)
		in->measure = KG_MEASURE_PRINT;
	else if (is_order(r)) {
		kg_why(r, "say what to do with it: count, print, ...");
		return FALSE;
	} else
		in->measure = card_at(r, 0)->heat == KG_HEAT_HIGH || card_at(r, 0)->is_sample ? KG_MEASURE_COUNT : KG_MEASURE_PRINT;
	return TRUE;
}

/* "involuntary" of a field called voluntary. */
static gboolean is_negated(const char *word, const char *field)
{
	static const char *const prefixes[] = {"in", "un", "non", "dis"};

	for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(word, prefixes[i]) && !g_str_has_prefix(field, prefixes[i]))
			return TRUE;
	return FALSE;
}

/* "processes", "threads" right in front of the event. */
static gboolean is_subject(const struct reading *r, const struct loose *l)
{
	const char *word = loose_words(r, l);

	if ((strcmp(l->field, "comm") && strcmp(l->field, "tid")) || !g_str_has_suffix(word, "s") || l->to != l->from + 1)
		return FALSE;
	for (guint k = 0; k < r->mentions->len; k++) {
		guint from = g_array_index(r->mentions, struct mention, k).from;
		if (from >= l->to && from <= l->to + 2)
			return TRUE;
	}
	return FALSE;
}

/* Fields without a role: shown where events are shown, keys where stacks are counted, else the sentence was not understood. */
static gboolean settle_loose(struct reading *r)
{
	struct kg_intent *in = r->intent;
	guint n_by = in->by->len;

	for (guint k = 0; k < r->loose->len; k++) {
		const struct loose *l = &g_array_index(r->loose, struct loose, k);
		enum kg_unit unit = kg_reading_unit(r, l->field);

		if (in->value && !strcmp(in->value, l->field))
			continue;
		/* "voluntary context switches" */
		if (unit == KG_UNIT_BOOL && !r->is_show_said) {
			kg_add_filter(r, l->field, KG_FILTER_EQ, !is_negated(loose_words(r, l), l->field), NULL);
			continue;
		}
		/* "how long do threads wait for a CPU": whoever it is that does it */
		if (is_subject(r, l) && in->value && !strcmp(in->value, KG_DURATION) && in->measure != KG_MEASURE_PRINT)
			continue;
		if (l->is_weak && in->measure == KG_MEASURE_COUNT && r->count_end && kg_word_is(r, r->count_end, "and") && l->from <= r->count_end + 2 &&
		    says_amount(loose_words(r, l))) {
			kg_why(r, "counted, or \"%s\" added up? Both can't be in one answer", l->field);
			return FALSE;
		}
		/* what a name holds is shown anyway, but an amount that is asked for is */
		gboolean is_asked = in->measure == KG_MEASURE_PRINT && r->is_show_said && says_amount(loose_words(r, l));
		if (l->is_weak && unit != KG_UNIT_STACK && !is_asked)
			continue;
		if (in->measure == KG_MEASURE_PRINT) {
			kg_add_name(in->show, l->field);
		} else if ((in->measure == KG_MEASURE_COUNT && (unit == KG_UNIT_STACK || (!in->by->len && in->top))) ||
			   (r->is_ranked && !in->by->len && !is_amount(r, l->field)) ||
			   (r->has_colon && !n_by && in->measure == KG_MEASURE_COUNT && !(kg_reading_field(r, l->field) && kg_reading_field(r, l->field)->is_measure))) {
			kg_add_name(in->by, l->field);
		} else {
			for (guint i = l->from; i < l->to; i++)
				r->used[i] = FALSE;
			kg_why(r, "it is not clear what \"%s\" is for: say \"by %s\" to group by it", l->field, l->field);
			return FALSE;
		}
		kg_take(r, l->from, l->to, in->measure == KG_MEASURE_PRINT ? "show" : "by", l->field);
	}
	return TRUE;
}

static gboolean settle_lists(struct reading *r)
{
	struct kg_intent *in = r->intent;

	/* a sample's stack is counted, not printed 99 times a second */
	gboolean only_stacks = in->measure == KG_MEASURE_PRINT && card_at(r, 0)->is_sample && in->show->len > 0 && !in->value;
	for (guint k = 0; only_stacks && k < in->show->len; k++)
		only_stacks = kg_reading_unit(r, in->show->pdata[k]) == KG_UNIT_STACK || kg_reading_unit(r, in->show->pdata[k]) == KG_UNIT_SYMBOL;
	if (only_stacks)
		in->measure = KG_MEASURE_COUNT;
	if (in->measure == KG_MEASURE_PRINT) {
		if (in->value) {
			kg_add_name(in->show, in->value);
			g_clear_pointer(&in->value, g_free);
		}
		/* "print files opened by process": the usual fields, and the process, which is shown anyway */
		gboolean is_usual = !in->show->len && in->by->len > 0;
		for (guint f = 0; is_usual && f < card_at(r, 0)->fields->len; f++) {
			const struct kg_card_field *field = card_at(r, 0)->fields->pdata[f];
			if (field->is_shown && kg_reading_has_field(r, field->name))
				kg_add_name(in->show, field->name);
		}
		for (guint k = 0; k < in->by->len; k++)
			kg_add_name(in->show, in->by->pdata[k]);
		g_ptr_array_set_size(in->by, 0);
		if (in->top || in->every_ns) {
			kg_why(r, in->top ? "single events can't be ranked: only counts, sums and the like can" : "single events are shown as they happen, not at an interval");
			return FALSE;
		}
		return TRUE;
	}
	for (guint k = 0; k < in->show->len; k++) {
		const struct kg_card_field *shown = kg_reading_field(r, in->show->pdata[k]);
		if (in->measure == KG_MEASURE_COUNT && shown && shown->is_measure) {
			kg_why(r, "counted, or added up? \"%s\" can't be both in one answer", (char *)in->show->pdata[k]);
			return FALSE;
		}
		if (in->measure != KG_MEASURE_COUNT && in->measure != KG_MEASURE_SUM) {
			if (in->value && !strcmp(in->value, in->show->pdata[k]))
				continue;
			if (r->is_print_said && in->by->len == 0)
				;
			else {
				kg_why(r, "a %s can't also show \"%s\" of each event", kg_measure_name(in->measure), (char *)in->show->pdata[k]);
				return FALSE;
			}
		}
		if (!in->value || strcmp(in->value, in->show->pdata[k]))
			kg_add_name(in->by, in->show->pdata[k]);
	}
	g_ptr_array_set_size(in->show, 0);
	return TRUE;
}

static gboolean check_field(struct reading *r, const char *field)
{
	const struct kg_standard_field *s = kg_standard_field(field);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = card_at(r, k);

		if (!strcmp(field, KG_DURATION) && !kg_card_field(card, field)) {
			if (has_duration(card))
				continue;
			kg_why(r, "%s: how long it takes is not known", card->plural);
			return FALSE;
		}
		if (kg_card_field(card, field))
			continue;
		if (!s) {
			kg_why(r, "%s have no %s", card->plural, field);
			return FALSE;
		}
		if (s->needs_task && !has_task(card)) {
			kg_why(r, "%s do not run in the context of the process that caused them: its %s is not known there", card->plural, s->title);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean check_filters(struct reading *r)
{
	struct kg_intent *in = r->intent;
	gboolean has_errno = FALSE, failed = FALSE, succeeded = FALSE;
	const struct kg_filter *comm = NULL;

	for (guint k = 0; k < in->filters->len; k++) {
		const struct kg_filter *f = in->filters->pdata[k];

		if (!check_field(r, f->field))
			return FALSE;
		if (!strcmp(f->field, "error")) {
			has_errno = has_errno || (f->op == KG_FILTER_EQ && f->number);
			failed = failed || (f->op == KG_FILTER_NE && !f->number) || (f->op == KG_FILTER_EQ && f->number);
			succeeded = succeeded || (f->op == KG_FILTER_EQ && !f->number);
		}
		if (!strcmp(f->field, "comm") && f->op == KG_FILTER_EQ) {
			if (comm && strcmp(comm->text, f->text)) {
				kg_why(r, "a process is called \"%s\" or \"%s\", not both", comm->text, f->text);
				return FALSE;
			}
			comm = f;
		}
		for (guint m = 0; m < k; m++) {
			const struct kg_filter *o = in->filters->pdata[m];
			if (!strcmp(o->field, f->field) && f->is_text && o->is_text && o->op != f->op) {
				kg_why(r, "only \"%s\", or all but \"%s\"? Both are asked for", o->op == KG_FILTER_EQ ? o->text : f->text,
				       o->op == KG_FILTER_EQ ? f->text : o->text);
				return FALSE;
			}
			if (!strcmp(o->field, f->field) && o->op == KG_FILTER_EQ && f->op == KG_FILTER_EQ && (o->number != f->number || g_strcmp0(o->text, f->text))) {
				kg_why(r, "two values for %s: both can't hold", f->field);
				return FALSE;
			}
		}
	}
	if (failed && succeeded) {
		kg_why(r, "failed and successful at once: nothing is both");
		return FALSE;
	}
	const struct kg_card_field *value = in->value ? kg_reading_field(r, in->value) : NULL;
	failed = failed || kg_list_has(in->by, "error");
	if (failed && value && value->unit == KG_UNIT_BYTES && value->is_measure && has_ok(card_at(r, 0))) {
		kg_why(r, "%s that failed have no %s", card_at(r, 0)->plural, in->value);
		return FALSE;
	}
	for (guint k = 0; k < in->filters->len;) {
		const struct kg_filter *f = in->filters->pdata[k];
		/* "failed ... with ENOENT" is one condition; so is one that is said twice */
		gboolean is_twice = FALSE;
		for (guint m = 0; m < k; m++) {
			const struct kg_filter *o = in->filters->pdata[m];
			is_twice = is_twice || (!strcmp(o->field, f->field) && o->op == f->op && o->number == f->number && !g_strcmp0(o->text, f->text));
		}
		if (is_twice || (has_errno && !strcmp(f->field, "error") && f->op == KG_FILTER_NE && !f->number))
			g_ptr_array_remove_index(in->filters, k);
		else
			k++;
	}
	return TRUE;
}

static gboolean check_measure(struct reading *r)
{
	struct kg_intent *in = r->intent;
	enum kg_unit unit = in->value ? kg_reading_unit(r, in->value) : KG_UNIT_NONE;

	if (in->value && !check_field(r, in->value))
		return FALSE;
	if (in->value && strcmp(in->value, KG_DURATION) && !kg_unit_is_number(unit)) {
		kg_why(r, "%s is no number: it has no %s", in->value, kg_measure_name(in->measure));
		return FALSE;
	}
	if (in->measure == KG_MEASURE_LHIST && (!in->lhist_step || in->lhist_max <= in->lhist_min || (in->lhist_max - in->lhist_min) / in->lhist_step > 1000)) {
		kg_why(r, "a linear histogram needs its range and step: \"from 0 to 100 ms in steps of 10 ms\" (at most 1000 steps)");
		return FALSE;
	}
	if (in->is_rate && in->measure != KG_MEASURE_COUNT && in->measure != KG_MEASURE_SUM) {
		kg_why(r, "only counts and sums are shown per second");
		return FALSE;
	}
	if (in->display && !(in->value && unit == KG_UNIT_NS) && in->measure != KG_MEASURE_PRINT) {
		kg_why(r, "a unit of time is asked for, but nothing that is a time");
		return FALSE;
	}
	if (in->top && !in->by->len && (in->measure == KG_MEASURE_MAX || in->measure == KG_MEASURE_MIN)) {
		kg_why(r, "single events can't be ranked: say by what the extremes are grouped, \"by process\"");
		return FALSE;
	}
	if (in->for_ns && in->every_ns > in->for_ns) {
		kg_why(r, "the interval is longer than the whole run");
		return FALSE;
	}
	if (((in->top && !in->by->len) || (r->has_superlative && !in->by->len && in->measure == KG_MEASURE_COUNT)) && !r->is_who) {
		const char *own = NULL;
		/* "top 10 files opened": the event's name says of what; "top 10 by bytes": of processes */
		for (guint k = 0; k < r->loose->len; k++) {
			const struct loose *l = &g_array_index(r->loose, struct loose, k);
			if (l->is_weak && !is_amount(r, l->field) && kg_reading_unit(r, l->field) != KG_UNIT_BOOL)
				own = own && strcmp(own, l->field) ? "" : l->field;
		}
		if (own && !*own) {
			kg_why(r, "top %u of what? Say \"by ...\"", in->top);
			return FALSE;
		}
		/* nobody said of what; where amounts are ranked, of processes */
		if (!own && in->top && !in->value) {
			kg_why(r, "top %u of what? Say \"by ...\"", in->top);
			return FALSE;
		}
		if (own || in->top) {
			kg_add_name(in->by, own ? own : "comm");
			if (!check_field(r, in->by->pdata[0]))
				return FALSE;
		}
	}
	return TRUE;
}

/* "who wakes nginx" asks for the one who does it; where that is nobody's context, a card's own process is the one it happens to. */
static gboolean who_is_known(struct reading *r)
{
	for (guint k = 0; r->is_who && k < r->mentions->len; k++) {
		const struct kg_card *card = card_at(r, k);
		gboolean has_other = FALSE;

		for (guint f = 0; f < card->fields->len; f++)
			has_other = has_other || g_str_has_suffix(((struct kg_card_field *)card->fields->pdata[f])->name, "r_comm");
		if (card->context == KG_CONTEXT_NONE && kg_card_field(card, "comm") && has_other && !has_task(card)) {
			kg_why(r, "who causes %s is not known; \"by process\" groups by the process that it happens to", card->plural);
			return FALSE;
		}
	}
	return TRUE;
}

gboolean kg_settle(struct reading *r)
{
	struct kg_intent *in = r->intent;

	if (!who_is_known(r))
		return FALSE;
	if (r->count_end && r->is_print_strong && (r->wants_each || kg_word_is(r, r->count_end, "them"))) {
		kg_why(r, "counted, or printed one by one? Both can't be in one answer");
		return FALSE;
	}
	if (r->is_who && !in->by->len && !has_stack(r))
		kg_add_name(in->by, "comm");
	if (!settle_measure(r) || !settle_loose(r) || !settle_lists(r) || !check_measure(r) || !check_filters(r))
		return FALSE;
	for (guint k = 0; k < in->by->len; k++) {
		if (!check_field(r, in->by->pdata[k]))
			return FALSE;
		const struct mention *first = &g_array_index(r->mentions, struct mention, 0);
		if (first->is_named && !strcmp(in->by->pdata[k], "pid") && kg_card_field(first->card, "target_pid")) {
			kg_why(r, "the caller's process id, or the argument? Say \"by process\" or \"by target pid\"");
			return FALSE;
		}
	}
	for (guint k = 0; k < in->show->len; k++)
		if (!check_field(r, in->show->pdata[k]))
			return FALSE;
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		gboolean is_there = FALSE;

		for (guint e = 0; e < in->events->len; e++)
			is_there = is_there || in->events->pdata[e] == m->card;
		if (!is_there)
			g_ptr_array_add(in->events, (void *)m->card);
		if (m->is_done && has_ok(m->card) && !r->wants_failed && !r->wants_attempts)
			g_ptr_array_add(in->only_ok, (void *)m->card);
	}
	return TRUE;
}
