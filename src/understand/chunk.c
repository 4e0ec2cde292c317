/*
 * The pieces of a request: measures, keys, lists of what is shown, top N, and the words between them.
 *
 * Each handler looks at what the longest phrase at a token is, and takes it only where what stands around it fits; what no
 * handler takes is left over. Phrases are tried longest first; of equally long ones the more telling category comes first.
 */
#include "words.h"

#include <string.h>

static gboolean is_mention(const struct reading *r, guint i, guint *ret_to)
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

static const struct kg_card *mention_card(const struct reading *r, guint i)
{
	for (guint k = 0; k < r->mentions->len; k++)
		if (g_array_index(r->mentions, struct mention, k).from == i)
			return g_array_index(r->mentions, struct mention, k).card;
	return NULL;
}

/* Is there an event at i or behind words that do not matter? */
static gboolean event_follows(struct reading *r, guint i)
{
	guint to;

	for (guint k = 0; k < 6; k++) {
		if (is_mention(r, i, &to))
			return TRUE;
		if (kg_at(r, i, CAT_EACH, &to) || kg_at(r, i, CAT_FAILED, &to) || kg_at(r, i, CAT_SUCCEEDED, &to) || kg_at(r, i, CAT_FILLER, &to) || kg_at(r, i, CAT_NOUN, &to) ||
		    kg_at(r, i, CAT_ERRNO, &to) || kg_at(r, i, CAT_FAMILY, &to) || kg_at(r, i, CAT_KERNEL_FUNCTION, &to) || kg_at(r, i, CAT_TRACEPOINT, &to))
			i = to;
		else
			return FALSE;
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
			kg_add_filter(r, field->name, KG_OP_EQ, value->value, value->name);
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
		/* "pages" of a page fault are no amount, "bytes" of "bytes read" are */
		if (f && to <= m->to && (to - i < m->to - m->from || f->is_measure) && (!f->is_measure || f->unit == KG_UNIT_BYTES)) {
			struct loose loose = {.field = g_steal_pointer(&field), .from = i, .to = to, .is_weak = TRUE};
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
		while (kg_at(r, r->event_end, CAT_NOUN, &to) && !is_mention(r, r->event_end, &to)) {
			kg_at(r, r->event_end, CAT_NOUN, &to);
			kg_take(r, r->event_end, to, NULL, NULL);
			r->event_end = to;
		}
		return r->event_end;
	}
	return 0;
}

static void add_name(GPtrArray *list, const char *name)
{
	if (!kg_list_has(list, name))
		g_ptr_array_add(list, g_strdup(name));
}

/* "old and new name", "source and destination address": two fields that share their last words. */
static guint shared_head(struct reading *r, guint i, char **ret_a, char **ret_b)
{
	const struct token *a = kg_tok(r, i);
	guint alone_to;

	if (!a || a->is_mark || !kg_word_is(r, i + 1, "and"))
		return 0;
	g_autofree char *alone = kg_field_at(r, i, &alone_to);
	if (alone && kg_standard_field(alone))
		return 0; /* "process and thread id" */
	for (guint n = 3; n >= 1; n--) {
		guint to, end = i + 3 + n;

		if (end > r->tokens->len)
			continue;
		GPtrArray *one = g_ptr_array_new();
		g_ptr_array_add(one, r->tokens->pdata[i]);
		for (guint k = i + 3; k < end; k++)
			g_ptr_array_add(one, r->tokens->pdata[k]);
		const GPtrArray *all = r->tokens;
		r->tokens = one;
		*ret_a = kg_field_at(r, 0, &to);
		gboolean ok = *ret_a && to == one->len;
		r->tokens = all;
		g_ptr_array_unref(one);
		*ret_b = ok ? kg_field_at(r, i + 2, &to) : NULL;
		if (ok && *ret_b && to == end && strcmp(*ret_a, *ret_b))
			return end;
		g_clear_pointer(ret_a, g_free);
		g_clear_pointer(ret_b, g_free);
	}
	return 0;
}

/* The one or two fields that stand at i: into [list]. Returns the token behind, or 0. */
static guint fields_at(struct reading *r, guint i, gboolean is_show, GPtrArray *list)
{
	static const char *const both[][3] = {{"addresses", "saddr", "daddr"}, {"ports", "sport", "dport"}};
	g_autofree char *a = NULL, *b = NULL;
	guint to, best;
	const struct entry *e;

	i = kg_skip_fillers(r, i);
	g_autofree char *named_so = kg_field_at(r, i, &to);
	if (!named_so && (kg_word_is(r, i, "what") || kg_word_is(r, i, "which")))
		i++;
	if ((to = shared_head(r, i, &a, &b))) {
		add_name(list, a);
		add_name(list, b);
		return to;
	}
	g_autofree char *field = kg_field_at(r, i, &best);
	if ((e = kg_at(r, i, CAT_FIELD, &to)) && (!field || to >= best) && (kg_word_is(r, to - 1, e->value) || kg_word_is(r, to - 1, "destination")))
		for (gsize k = 0; k < G_N_ELEMENTS(both); k++)
			if (!strcmp(e->value, both[k][0]) && kg_reading_field(r, both[k][1]) && kg_reading_field(r, both[k][2])) {
				add_name(list, both[k][1]);
				add_name(list, both[k][2]);
				return to;
			}
	if (is_show && (e = kg_at(r, i, CAT_DURATION, &to)) && (!field || to > best) && strcmp(e->phrase, "time")) {
		add_name(list, KG_DURATION);
		return to;
	}
	if (is_show && !field && kg_word_is(r, i, "time")) {
		add_name(list, "time");
		return i + 1;
	}
	if (is_show && !field && kg_word_is(r, i, "who")) {
		add_name(list, "comm");
		return i + 1;
	}
	if (!field)
		return 0;
	add_name(list, field);
	/* "its option argument", "the fd value" */
	if (kg_word_is(r, best, "argument") || kg_word_is(r, best, "arguments") || kg_word_is(r, best, "value") || kg_word_is(r, best, "values"))
		best++;
	return best;
}

/* Behind a field of a list: where the next one begins ("and", ",", ", and"), or 0. */
static guint list_goes_on(struct reading *r, guint i)
{
	guint j = i;

	while (kg_word_is(r, j, ",") || kg_word_is(r, j, "and") || kg_word_is(r, j, "/") || kg_word_is(r, j, "+") || kg_word_is(r, j, "&") ||
	       kg_word_is(r, j, "then") || kg_word_is(r, j, "plus") || (j > i && (kg_word_is(r, j, "by") || kg_word_is(r, j, "per"))))
		j++;
	if (j == i)
		return 0;
	while (kg_word_is(r, j, "the") || kg_word_is(r, j, "their") || kg_word_is(r, j, "its") || kg_word_is(r, j, "which") || kg_word_is(r, j, "also"))
		j++;
	return j;
}

/* Is the event that is named at i named somewhere else, too? Then the name here is one of its fields ("..., system call and error"). */
static gboolean is_told_before(const struct reading *r, guint i)
{
	const struct kg_card *card = mention_card(r, i);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		if (m->card == card && m->from < i)
			return TRUE;
	}
	return FALSE;
}

static gboolean is_told_behind(const struct reading *r, guint i)
{
	const struct kg_card *card = mention_card(r, i);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		if (m->card == card && m->from > i)
			return TRUE;
	}
	return FALSE;
}

/* A list of fields at i. [part]: "by" or "show". Returns the token behind the last one, or 0. */
static guint read_list(struct reading *r, guint from, guint i, const char *part, GPtrArray *into)
{
	guint last = 0;

	for (guint next = i; next;) {
		g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
		guint to = fields_at(r, next, !strcmp(part, "show"), found), unused;
		/* a condition ("pid 12") is no member of the list, nor is an event that is only named */
		if (!to || (last && is_mention(r, next, &unused) && unused >= to && !is_told_before(r, next)))
			break;
		guint n_filters = r->intent->filters->len, n_origins = r->intent->origins->len;
		guint condition = kg_read_filter(r, next);
		if (condition > to) {
			if (last)
				break;
			return 0;
		}
		if (condition) { /* undo */
			g_ptr_array_set_size(r->intent->filters, (gint)n_filters);
			g_ptr_array_set_size(r->intent->origins, (gint)n_origins);
			for (guint k = next; k < condition; k++)
				r->used[k] = FALSE;
		}
		g_autoptr(GString) names = g_string_new(NULL);
		for (guint k = 0; k < found->len; k++) {
			g_string_append_printf(names, "%s%s", k ? ", " : "", (char *)found->pdata[k]);
			add_name(into, found->pdata[k]);
		}
		kg_take(r, last ? last : from, to, part, names->str);
		while (kg_at(r, to, CAT_SUPERLATIVE, &unused) && kg_word_is(r, to, "individually"))
			kg_take(r, to, unused, NULL, NULL), to = unused;
		last = to;
		next = list_goes_on(r, to);
	}
	return last;
}

/* "by bytes", "sorted by latency": the size or time that is added up, not a key. */
static gboolean is_amount(const struct reading *r, const char *field)
{
	const struct kg_card_field *f = kg_reading_field(r, field);

	return f && f->is_measure && kg_unit_is_number(f->unit);
}

static guint read_by(struct reading *r, const struct entry *by, guint i, guint to)
{
	guint j = kg_skip_fillers(r, to), end, unused;
	const struct entry *e;
	gboolean is_sort = strstr(by->phrase, "sort") || strstr(by->phrase, "order") || strstr(by->phrase, "rank");

	r->is_ranked = r->is_ranked || is_sort;
	/* by count, by number of ... , sorted by frequency */
	if ((e = kg_at(r, j, CAT_MEASURE, &end)) && (!strcmp(e->value, "count") || !strcmp(e->value, "sum"))) {
		g_autoptr(GPtrArray) what = g_ptr_array_new_with_free_func(g_free);
		guint behind = fields_at(r, end, FALSE, what);
		kg_take(r, i, to, NULL, NULL);
		if (behind && what->len == 1 && is_amount(r, what->pdata[0])) {
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
	/* "top processes by system calls": the key is named, and the event that stands here alone is what is counted */
	if (r->intent->by->len && is_mention(r, j, &unused) && !is_told_before(r, j) && !is_told_behind(r, j)) {
		kg_take(r, i, j, NULL, NULL);
		return j;
	}
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	end = fields_at(r, j, FALSE, fields);
	if (end && fields->len == 1 && is_amount(r, fields->pdata[0]) && !r->intent->value) {
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
	if ((e = kg_at(r, j, CAT_DURATION, &end)) && !fields->len && !r->intent->value && strcmp(by->phrase, "each") && strcmp(by->phrase, "every")) {
		r->intent->value = g_strdup(KG_DURATION);
		kg_take(r, i, end, "value", KG_DURATION);
		return end;
	}
	end = read_list(r, i, to, "by", r->intent->by);
	if (end) {
		r->last_by = end;
		return end;
	}
	/* "print ... of each": a line for each event */
	if ((!kg_tok(r, to) || kg_tok(r, to)->is_mark) && r->is_print_said && (g_str_has_suffix(by->phrase, "each") || g_str_has_suffix(by->phrase, "every"))) {
		r->wants_each = TRUE;
		kg_take(r, i, to, "measure", "each event");
		return to;
	}
	/* "top processes by opens": the key was named before, and what is counted now */
	if (is_mention(r, j, &unused) && (r->intent->by->len || r->loose->len)) {
		kg_take(r, i, j, NULL, NULL);
		return j;
	}
	return 0;
}

static guint read_each(struct reading *r, const struct entry *e, guint i, guint to)
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
	if (!event_follows(r, j))
		return 0;
	/* "how often does each process switch context": the event's name begins with a key */
	guint end, after;
	g_autofree char *key = kg_field_at(r, j, &end);
	if (key && kg_standard_field(key) && is_mention(r, j, &after) && end < after && r->intent->measure != KG_MEASURE_NONE) {
		add_name(r->intent->by, key);
		kg_take(r, i, end, "by", key);
		return kg_read_event(r, j);
	}
	r->wants_each = TRUE;
	kg_take(r, i, to, "measure", "each event");
	return to;
}

static guint read_which(struct reading *r, guint i, guint to)
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
	end = fields_at(r, j, FALSE, fields);
	/* "which files are opened": the field is the beginning of the event's name */
	if (end && fields->len == 1 && is_mention(r, j, &after) && after > end) {
		add_name(r->intent->by, fields->pdata[0]);
		r->is_which = TRUE;
		kg_take(r, i, end, "by", fields->pdata[0]);
		return kg_read_event(r, j);
	}
	if (end && fields->len == 1) {
		gboolean in_list = r->is_show_said && r->last_show == i;
		add_name(in_list ? r->intent->show : r->intent->by, fields->pdata[0]);
		kg_take(r, i, end, in_list ? "show" : "by", fields->pdata[0]);
		r->is_which = r->is_which || !in_list;
		if (!in_list && (after = list_goes_on(r, end))) {
			guint more = read_list(r, end, after, "by", r->intent->by);
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
		add_name(r->intent->by, field->name);
		r->is_which = TRUE;
		kg_take(r, i, to, "by", field->name);
		return to;
	}
	return 0;
}

/* "who", "what is": the process, where an event follows. */
static guint read_who(struct reading *r, guint i, guint to)
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
	if (is_what && !kg_at(r, to, CAT_SUPERLATIVE, &end) && !event_follows(r, to))
		return 0;
	r->is_who = TRUE;
	r->is_which = TRUE;
	kg_take(r, i, to, "by", "process");
	return to;
}

static guint read_top(struct reading *r, guint i, guint to)
{
	double n = 10;
	const char *unit = "";
	guint end = to, unused;
	gboolean is_top = kg_word_is(r, to - 1, "top") || kg_word_is(r, to - 1, "topmost");

	/* "the first 12" of a list; "the first open" is something else */
	if (!is_top && (!kg_number_at(r, to, &end, &n, &unit) || event_follows(r, end) || kg_at(r, end, CAT_TIME, &unused) || kg_word_is(r, to, "a")))
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
	guint behind = fields_at(r, end, FALSE, fields);
	if (behind && fields->len == 1 && !is_amount(r, fields->pdata[0]) && !is_mention(r, end, &unused)) {
		guint more = read_list(r, end, end, "by", r->intent->by);
		return more ? more : end;
	}
	return end;
}

/* "ten biggest", "10 busiest processes", "largest 10" */
static guint read_ranked(struct reading *r, guint i)
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
	if (!e || *unit || n < 1 || n > 10000 || event_follows(r, b) || kg_at(r, b, CAT_TIME, &unused) || kg_at(r, b, CAT_SIZE, &unused) || r->intent->top)
		return 0;
	if (kg_word_is(r, i, "a"))
		return 0;
	g_autofree char *value = g_strdup_printf("%u", (guint)n);
	r->intent->top = (guint)n;
	kg_take(r, i, b, "top", value);
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
	guint behind = fields_at(r, b, FALSE, fields);
	if (behind && fields->len == 1 && !is_amount(r, fields->pdata[0])) {
		guint more = read_list(r, b, b, "by", r->intent->by);
		return more ? more : b;
	}
	return b;
}

static guint read_buckets(struct reading *r, guint i, guint to)
{
	gint64 step;
	guint end;
	double d;
	const char *unit;

	if (!kg_time_at(r, to, &end, &step) && !kg_size_at(r, to, &end, &step)) {
		if (!kg_number_at(r, to, &end, &d, &unit) || *unit || d < 1)
			return 0;
		step = (gint64)d;
	}
	if (r->intent->lhist_step)
		return 0;
	r->intent->lhist_step = step;
	g_autofree char *value = g_strdup_printf("%" G_GINT64_FORMAT, step);
	kg_take(r, i, end, "step", value);
	return end;
}

/* "from 0 to 100 ms": the unit behind the last number is both's */
static guint read_range(struct reading *r, guint i, guint to)
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
		if (!kg_number_at(r, next, &end, &high, &unit) || *unit)
			return 0;
		top = (gint64)high;
		if (!low_q)
			low_q = (gint64)low;
	} else if (!low_q && low > 0) {
		double number;
		kg_number_at(r, next, &mid, &number, &unit);
		low_q = number > 0 ? (gint64)(low * (double)top / number) : 0;
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

static guint read_measure(struct reading *r, const struct entry *e, guint i, guint to)
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
		if (is_mention(r, j, &end))
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
		end = read_list(r, to, j, "show", r->intent->show);
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
	kg_take(r, i, to, "measure", e->value);
	return to;
}

static guint read_duration(struct reading *r, const struct entry *e, guint i, guint to)
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

static guint read_with(struct reading *r, guint i, guint to)
{
	guint end = read_list(r, i, to, "show", r->intent->show);

	if (!end)
		return 0;
	r->is_show_said = TRUE;
	r->last_show = end;
	return end;
}

/* A preposition that only links: "histogram of reads", "ENOENT from open". */
static guint read_link(struct reading *r, guint i, guint to)
{
	guint j = to, end;
	gboolean is_field = FALSE;

	while (kg_at(r, j, CAT_FILLER, &end) && !is_mention(r, j, &end)) {
		kg_at(r, j, CAT_FILLER, &end);
		j = end;
	}
	g_autofree char *field = kg_field_at(r, j, &end);
	is_field = field && (kg_reading_field(r, field) || kg_word_is(r, i, "of"));
	if (!event_follows(r, j) && !is_field && !kg_at(r, j, CAT_DURATION, &end) && !kg_at(r, j, CAT_MEASURE, &end) && !kg_at(r, j, CAT_HOSTORDER, &end) &&
	    !(kg_at(r, j, CAT_NOUN, &end) && event_follows(r, end)) && !kg_at(r, j, CAT_RATE, &end) && !kg_at(r, j, CAT_BUCKETS, &end))
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
	if ((i && r->event_end == i) || is_mention(r, j, &end)) {
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
		guint end = read_list(r, i, i, "show", r->intent->show);
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
			add_name(r->intent->by, same);
			kg_take(r, i, again, "by", same);
			g_free(loose.field);
			return again;
		}
	}
	if (!loose.field) {
		g_autofree char *a = NULL, *b = NULL;
		if (!(to = shared_head(r, i, &a, &b)))
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
		CAT_BY, CAT_WHO, CAT_WHICH, CAT_MEASURE, CAT_SUPERLATIVE, CAT_VALUE, CAT_CARD_FIELD, CAT_FIELD, CAT_DURATION, CAT_SLOW, CAT_HOSTORDER, CAT_ATTEMPT,
		CAT_NOUN, CAT_CALLED, CAT_KERNEL_FUNCTION, CAT_TRACEPOINT, CAT_ROOT, CAT_COMPARE, CAT_VERSUS, CAT_PREP, CAT_AND, CAT_OR, CAT_RELATIVE, CAT_FILLER,
	};

	for (gsize i = 0; i < G_N_ELEMENTS(order); i++)
		if (order[i] == cat)
			return (int)i;
	return 1000;
}

/* A key behind a slash, where no list of keys goes on: "opens/process". */
static guint read_per(struct reading *r, guint i, guint to)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);

	if (r->n_events_said == 0 || r->loose->len > 0 || !fields_at(r, to, FALSE, fields) || fields->len != 1 || is_amount(r, fields->pdata[0]))
		return 0;
	guint end = read_list(r, i, to, "by", r->intent->by);
	if (end)
		r->last_by = end;
	return end;
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
		return read_each(r, e, i, to);
	case CAT_TOP:
		return read_top(r, i, to);
	case CAT_BUCKETS:
		return read_buckets(r, i, to);
	case CAT_FROM_TO:
		return read_range(r, i, to);
	case CAT_WITH:
		return read_with(r, i, to);
	case CAT_BY:
		return read_by(r, e, i, to);
	case CAT_WHO:
		return read_who(r, i, to);
	case CAT_WHICH:
		return read_which(r, i, to);
	case CAT_MEASURE:
		return read_measure(r, e, i, to);
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
		return read_duration(r, e, i, to);
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
		if (i && r->event_end == i && event_follows(r, to)) {
			kg_take(r, i, to, NULL, NULL);
			return to;
		}
		return 0;
	case CAT_AND:
		/* "each deletion: time, process, path" */
		if ((kg_word_is(r, i, ":") || kg_word_is(r, i, "-")) && (r->is_print_said || r->wants_each) && (j = read_with(r, i, to)))
			return j;
		r->has_colon = r->has_colon || kg_word_is(r, i, ":");
		/* "calls/process" */
		if (kg_word_is(r, i, "/") && i && (j = read_per(r, i, to)))
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
	is_mention(r, i, &event_to);
	/* "mysqld fsync", "nginx's reads": a name in front */
	if (event_to && (!options->len || event_to >= g_array_index(options, struct option, 0).to || g_array_index(options, struct option, 0).entry->cat == CAT_VERSUS)) {
		if ((j = kg_read_event(r, i)))
			return j;
	}
	if ((j = read_ranked(r, i)))
		return j;
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
