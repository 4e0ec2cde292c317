/*
 * What a request expects of a stimulus: from the intent and from what the event's card says of its stimulus, never from the program.
 *
 * Only what follows for sure becomes an expectation. The stimulus runs under a name of its own, so that a row or line with that name is
 * its doing alone and numbers are exact; without the name in it, other processes may have added to a number, which is then a lower
 * bound. Where nothing follows (a filter on what the stimulus does not tell, the top 3 of something), there is no trial, with the reason.
 */
#include <kgent/trial.h>

#include <string.h>

struct deriving {
	const struct kg_intent *intent;
	const struct kg_card *card;
	const struct kg_card_stimulus *stimulus;
	const char *comm;
	gint64 uid;       /* to run as; -1: as it is, which is root */
	struct kg_trial_spec *spec;
	gboolean passes;  /* the stimulus's events pass all filters; otherwise none of them does */
	char *why;
};

static gboolean cannot(struct deriving *d, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static gboolean cannot(struct deriving *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_free(d->why);
	d->why = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	return FALSE;
}

/* The value that a field has for all events of the stimulus, as a text with references; NULL: not known. */
static const char *truth_of(const struct deriving *d, const char *field)
{
	static const char *const of_task[][2] = {{"comm", "$comm"}, {"pid", "$pid"}, {"tid", "$tid"}, {"uid", "$uid"}, {"gid", "$gid"}};

	for (guint i = 0; i < d->stimulus->fields->len; i++)
		if (!strcmp(d->stimulus->fields->pdata[i], field))
			return d->stimulus->values->pdata[i];
	if (kg_card_field(d->card, field) || d->card->context != KG_CONTEXT_TASK)
		return NULL;
	for (gsize i = 0; i < G_N_ELEMENTS(of_task); i++)
		if (!strcmp(of_task[i][0], field))
			return of_task[i][1];
	return NULL;
}

/* A value that differs from event to event: then there is one expectation for each of them. */
static gboolean is_of_each(const char *truth)
{
	return truth && strstr(truth, "$each") != NULL;
}

/* A field that no other process shares. */
static gboolean is_own(const char *truth)
{
	return truth && (!strcmp(truth, "$comm") || !strcmp(truth, "$pid") || !strcmp(truth, "$tid"));
}

/* ---------------------------------------------------------------- filters */

static gboolean holds(enum kg_filter_op op, gint64 order)
{
	switch (op) {
	case KG_FILTER_EQ: return order == 0;
	case KG_FILTER_NE: return order != 0;
	case KG_FILTER_LT: return order < 0;
	case KG_FILTER_LE: return order <= 0;
	case KG_FILTER_GT: return order > 0;
	case KG_FILTER_GE: return order >= 0;
	}
	return FALSE;
}

/* A filter on a name is one that the stimulus can have. */
static gboolean take_name(struct deriving *d, const struct kg_filter *f)
{
	if (f->op == KG_FILTER_EQ && !f->is_prefix && strlen(f->text) < 16 && *f->text)
		d->comm = f->text;
	else if (f->op == KG_FILTER_EQ)
		d->passes = d->passes && g_str_has_prefix(d->comm, f->text);
	else
		d->passes = d->passes && strcmp(d->comm, f->text) != 0;
	return TRUE;
}

/* Only values that stand in the card can be compared before the stimulus has run. */
static gboolean take_filter(struct deriving *d, const struct kg_filter *f)
{
	const char *truth = truth_of(d, f->field);
	char *end = NULL;

	if (truth && !strcmp(truth, "$comm") && f->is_text)
		return take_name(d, f);
	if (truth && !strcmp(truth, "$uid") && f->op == KG_FILTER_EQ && !f->is_text && f->number >= 0 && f->number < G_MAXUINT32) {
		d->uid = f->number; /* a filter that it can pass */
		return TRUE;
	}
	if (!truth || strchr(truth, '$'))
		return cannot(d, "whether its events pass the filter on %s is not known", f->field);
	if (f->is_text) {
		gboolean same = f->is_prefix ? g_str_has_prefix(truth, f->text) : !strcmp(truth, f->text);
		d->passes = d->passes && same == (f->op == KG_FILTER_EQ);
		return TRUE;
	}
	gint64 number = g_ascii_strtoll(truth, &end, 10);
	if (end == truth || *end)
		return cannot(d, "the filter on %s compares a number", f->field);
	d->passes = d->passes && holds(f->op, number < f->number ? -1 : number > f->number);
	return TRUE;
}

static gboolean take_filters(struct deriving *d)
{
	const struct kg_intent *in = d->intent;

	d->passes = TRUE;
	for (guint i = 0; i < in->only_ok->len; i++)
		if (in->only_ok->pdata[i] == d->card && d->stimulus->fails)
			d->passes = FALSE;
	for (guint i = 0; i < in->filters->len; i++)
		if (!take_filter(d, in->filters->pdata[i]))
			return FALSE;
	return TRUE;
}

/* ---------------------------------------------------------------- rows and lines */

/* What is known of the keys or columns that were asked for. */
struct known {
	gboolean all;  /* every one of them */
	gboolean none; /* not one of them */
	gboolean own;  /* one of them tells the stimulus from others */
	gboolean each; /* one of them differs from event to event */
};

static struct known what_is_known(const struct deriving *d, const GPtrArray *fields)
{
	struct known known = {.all = TRUE, .none = TRUE};

	for (guint i = 0; i < fields->len; i++) {
		const char *truth = truth_of(d, fields->pdata[i]);
		known.all = known.all && truth;
		known.none = known.none && !truth;
		known.own |= is_own(truth);
		known.each |= is_of_each(truth);
	}
	return known;
}

/* With [each], the parts of one event; without, those that all events share. */
static void add_parts(const struct deriving *d, const GPtrArray *fields, gboolean each, struct kg_trial_expect *e)
{
	for (guint i = 0; i < fields->len; i++) {
		const char *truth = truth_of(d, fields->pdata[i]);
		if (truth && (each || !is_of_each(truth)))
			kg_trial_want_add(e->parts, KG_TRIAL_IS, truth);
		if (each && is_of_each(truth) && !e->each)
			e->each = g_strdup(d->stimulus->each);
	}
}

/* No row with the stimulus's name where its events are filtered out. Says something only where the name would be there. */
static gboolean expect_nothing(struct deriving *d, const GPtrArray *fields)
{
	for (guint i = 0; i < fields->len; i++) {
		const char *truth = truth_of(d, fields->pdata[i]);
		if (!is_own(truth))
			continue;
		struct kg_trial_expect *e = kg_trial_expect_add(d->spec->expects, KG_TRIAL_NO_ROW);
		kg_trial_want_add(e->parts, KG_TRIAL_IS, truth);
		return TRUE;
	}
	return cannot(d, "its events do not pass the filter, and nothing would show if they did");
}

static gboolean expect_lines(struct deriving *d)
{
	g_autoptr(GPtrArray) fields = g_ptr_array_new();
	struct known known;

	for (guint i = 0; i < d->intent->show->len; i++)
		g_ptr_array_add(fields, d->intent->show->pdata[i]);
	for (guint i = 0; !d->intent->show->len && i < d->card->fields->len; i++) {
		const struct kg_card_field *f = d->card->fields->pdata[i];
		if (f->is_shown && truth_of(d, f->name))
			g_ptr_array_add(fields, f->name);
	}
	if (!d->passes)
		return expect_nothing(d, fields);
	known = what_is_known(d, fields);
	struct kg_trial_expect *e = kg_trial_expect_add(d->spec->expects, KG_TRIAL_LINE);
	add_parts(d, fields, TRUE, e);
	if (!e->parts->len)
		return cannot(d, "it does not know what the lines must show");
	if (known.each) /* several events may look alike: each is seen, and together they are as many as they should be */
		kg_trial_want_add(e->wants, KG_TRIAL_AT_LEAST, "1");
	if (known.each && known.own) {
		e = kg_trial_expect_add(d->spec->expects, KG_TRIAL_LINE);
		add_parts(d, fields, FALSE, e);
	}
	if (!known.each || known.own)
		kg_trial_want_add(e->wants, known.own ? KG_TRIAL_IS : KG_TRIAL_AT_LEAST, d->stimulus->count);
	return TRUE;
}

/* How the value of a row follows from the stimulus. */
struct value {
	enum kg_trial_compare compare;
	char *is;          /* owned */
	const char *field; /* of stats() */
	char *low, *high;  /* all values of a histogram; or NULL; owned */
};

static void clear_value(struct value *v)
{
	g_free(v->is);
	g_free(v->low);
	g_free(v->high);
}

/* [each]: a row for each event, of which several may share one; otherwise the rows of all of them together. */
static void add_row(GPtrArray *expects, const struct deriving *d, const struct value *v, struct known known, gboolean each, gboolean over_time)
{
	struct kg_trial_expect *e = kg_trial_expect_add(expects, KG_TRIAL_ROW);

	add_parts(d, d->intent->by, each, e);
	if (over_time && known.own && v->compare == KG_TRIAL_IS) { /* bpftrace loses what comes between printing a map and clearing it */
		kg_trial_want_add(e->wants, KG_TRIAL_AT_LEAST, "1");
		kg_trial_want_add(e->wants, KG_TRIAL_AT_MOST, v->is);
	} else {
		kg_trial_want_add(e->wants, known.own && !each ? v->compare : KG_TRIAL_AT_LEAST, v->is);
	}
	e->field = g_strdup(v->field);
	e->several = !known.all || (known.each && !each);
	e->over_time = over_time;
	if (v->low && known.own) {
		e->within = g_new0(struct kg_trial_want, 1);
		e->within->compare = KG_TRIAL_BETWEEN;
		e->within->values = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(e->within->values, g_strdup(v->low));
		g_ptr_array_add(e->within->values, g_strdup(v->high));
	}
}

/* Printed every so often, the last printing may hold all, or only what came since the one before. */
static void expect_row(struct deriving *d, const struct value *v, struct known known, gboolean each)
{
	if (!d->intent->every_ns) {
		add_row(d->spec->expects, d, v, known, each, FALSE);
		return;
	}
	struct kg_trial_expect *any = kg_trial_expect_add(d->spec->expects, KG_TRIAL_ANY);
	add_row(any->any, d, v, known, each, TRUE);
	if (!d->intent->is_rate)
		add_row(any->any, d, v, known, each, FALSE);
	any->each = g_strdup(((struct kg_trial_expect *)any->any->pdata[0])->each);
}

static gboolean is_additive(enum kg_measure m)
{
	return m == KG_MEASURE_COUNT || m == KG_MEASURE_SUM;
}

/* The number of values in a histogram or in stats(), and how large each is. */
static void value_of_field(const struct deriving *d, const char *truth, const char *count, struct value *v)
{
	switch (d->intent->measure) {
	case KG_MEASURE_SUM:
		v->is = g_strdup_printf("%s * %s", truth, count);
		break;
	case KG_MEASURE_STATS:
	case KG_MEASURE_HIST:
	case KG_MEASURE_LHIST:
		v->is = g_strdup(count);
		v->low = g_strdup(truth);
		v->high = g_strdup(truth);
		break;
	default:
		v->is = g_strdup(truth);
		break;
	}
}

/* A span of time: a lower bound, in whichever unit the program keeps it; how many there are is exact. */
static gboolean value_of_duration(struct deriving *d, const char *count, struct value *v)
{
	switch (d->intent->measure) {
	case KG_MEASURE_STATS:
	case KG_MEASURE_HIST:
	case KG_MEASURE_LHIST:
		v->is = g_strdup(count);
		return TRUE;
	default:
		if (!d->stimulus->least_ns)
			return cannot(d, "how long its events take is not known");
		v->compare = KG_TRIAL_AT_LEAST;
		v->is = g_strdup_printf("%s / 1000000", d->stimulus->least_ns);
		return TRUE;
	}
}

static gboolean make_value(struct deriving *d, const char *count, struct value *v)
{
	const struct kg_intent *in = d->intent;
	const char *truth;

	v->compare = KG_TRIAL_IS;
	if (in->measure == KG_MEASURE_COUNT) {
		v->is = g_strdup(count);
		return TRUE;
	}
	if (in->value && !strcmp(in->value, KG_DURATION) && !kg_card_field(d->card, KG_DURATION))
		return value_of_duration(d, count, v);
	truth = in->value ? truth_of(d, in->value) : NULL;
	if (!truth)
		return cannot(d, "the %s of its events is not known", in->value ?: "value");
	value_of_field(d, truth, count, v);
	return TRUE;
}

static gboolean expect_rows_for(struct deriving *d, struct known known, gboolean each)
{
	struct value v = {0};
	gboolean made = make_value(d, each ? "1" : d->stimulus->count, &v);

	if (made)
		expect_row(d, &v, known, each);
	clear_value(&v);
	return made;
}

static gboolean expect_rows(struct deriving *d)
{
	struct known known = what_is_known(d, d->intent->by);

	if (!d->passes)
		return expect_nothing(d, d->intent->by);
	if (d->intent->top)
		return cannot(d, "it need not be among the top %u", d->intent->top);
	if (d->intent->by->len && known.none)
		return cannot(d, "it does not know what the rows are grouped by");
	if (!is_additive(d->intent->measure) && (!known.own || !known.all))
		return cannot(d, "other processes have a share in the %s", kg_measure_name(d->intent->measure));
	if (known.each && !expect_rows_for(d, known, TRUE))
		return FALSE;
	if (known.each && (!known.own || !is_additive(d->intent->measure)))
		return TRUE;
	return expect_rows_for(d, known, FALSE);
}

/* ---------------------------------------------------------------- all of it */

static gboolean set_stimulus(struct deriving *d)
{
	g_autofree char *line = g_strdup_printf("%s %s", d->stimulus->name, d->stimulus->options ?: "");
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) own = NULL;

	if (!g_shell_parse_argv(line, NULL, &own, NULL))
		return cannot(d, "the card's stimulus \"%s\" can't be read", line);
	for (int i = 0; own[i]; i++)
		g_ptr_array_add(words, g_strdup(own[i]));
	g_ptr_array_add(words, g_strdup("--comm"));
	g_ptr_array_add(words, g_strdup(d->comm));
	if (d->uid >= 0) {
		g_ptr_array_add(words, g_strdup("--uid"));
		g_ptr_array_add(words, g_strdup_printf("%" G_GINT64_FORMAT, d->uid));
	}
	g_ptr_array_add(words, NULL);
	g_ptr_array_set_free_func(words, NULL);
	d->spec->stimulus = (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
	return TRUE;
}

static gboolean derive(struct deriving *d)
{
	const struct kg_intent *in = d->intent;

	if (!take_filters(d))
		return FALSE;
	if (!(in->measure == KG_MEASURE_PRINT ? expect_lines(d) : expect_rows(d)))
		return FALSE;
	if (in->every_ns)
		d->spec->for_ns = MIN(in->every_ns + in->every_ns / 2, 10000000000);
	return set_stimulus(d);
}

/* With this stimulus: NULL and why, or the trial; *passes says whether its events are those that were asked for. */
static struct kg_trial_spec *derive_with(const struct kg_intent *intent, const struct kg_card *card, const struct kg_card_stimulus *stimulus,
					 const char *comm, gboolean *passes, char **ret_why)
{
	struct deriving d = {.intent = intent, .card = card, .stimulus = stimulus, .comm = comm, .uid = -1, .spec = kg_trial_spec_new()};

	if (!derive(&d)) {
		g_free(*ret_why);
		*ret_why = d.why;
		return kg_trial_spec_free(d.spec);
	}
	*passes = d.passes;
	return d.spec;
}

int kg_trial_of_intent(const struct kg_intent *intent, const char *comm, struct kg_trial_spec **ret, char **ret_why)
{
	const struct kg_card *card = intent->events->pdata[0];
	struct kg_trial_spec *found = NULL;
	g_autofree char *why = g_strdup_printf("there is no stimulus for: %s", card->title);

	if (intent->events->len != 1) {
		*ret_why = g_strdup("the request is about several events");
		return -KG_E_UNSUPPORTED;
	}
	/* what must be seen says more than what must not */
	for (guint i = 0; card->stimuli && i < card->stimuli->len; i++) { /* a card made for one sentence has none */
		gboolean passes = FALSE;
		struct kg_trial_spec *spec = derive_with(intent, card, card->stimuli->pdata[i], comm, &passes, &why);

		if (spec && (!found || passes)) {
			kg_trial_spec_free(found);
			found = spec;
		} else {
			kg_trial_spec_free(spec);
		}
		if (found && passes)
			break;
	}
	if (!found) {
		*ret_why = g_steal_pointer(&why);
		return -KG_E_UNSUPPORTED;
	}
	*ret = found;
	return 0;
}
