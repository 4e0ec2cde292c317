/*
 * Writes a program for many requests of each event card: what the builtin engine can be asked, without sentences.
 *
 *   programs [--profile DIR] [--card NAME] OUT-DIR
 *
 * Each program is OUT-DIR/CARD.N.bt. A request that the engine refuses is one line on standard output; for cards whose events can't be
 * observed on this kernel there is one line. compile.py holds the programs against the installed bpftrace.
 */
#include <kgent/intent.h>
#include <kgent/paths.h>
#include <kgent/profile.h>
#include <kgent/synthesise.h>

#include <stdio.h>
#include <string.h>

static struct kg_profile *profile;
static const char *out_dir;

static struct kg_intent *new_intent(const struct kg_card *card, enum kg_measure measure)
{
	struct kg_intent *in = kg_intent_new();

	g_ptr_array_add(in->events, (void *)card);
	in->measure = measure;
	return in;
}

static void add_filter(struct kg_intent *in, const char *field, enum kg_filter_op op, gint64 number, const char *text)
{
	struct kg_filter *f = g_new0(struct kg_filter, 1);

	f->field = g_strdup(field);
	f->op = op;
	f->number = number;
	f->is_text = text != NULL;
	f->text = g_strdup(text);
	g_ptr_array_add(in->filters, f);
}

/* Write it; FALSE: the kernel has no place for the event. */
static gboolean write_program(struct kg_intent *in, const char *what)
{
	const struct kg_card *card = in->events->pdata[0];
	struct kg_candidate *cand = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = kg_synthesise(in, profile, &cand, &err);

	if (r < 0) {
		printf("%s\t%s\t%s\n", r == -KG_E_UNSUPPORTED ? "unsupported" : "refused", card->name, err.msg);
	} else {
		g_autofree char *name = g_strdup_printf("%s.%s.bt", card->name, what);
		g_autofree char *path = g_build_filename(out_dir, name, NULL);
		g_file_set_contents(path, cand->program, -1, NULL);
		kg_candidate_free(cand);
	}
	kg_intent_free(in);
	return r != -KG_E_UNSUPPORTED;
}

static gboolean has_span(const struct kg_card *card)
{
	for (guint w = 0; w < card->ways->len; w++)
		if (((struct kg_card_way *)card->ways->pdata[w])->begins->len)
			return TRUE;
	return card->duration != NULL;
}

static gboolean has_task(const struct kg_card *card)
{
	return card->context == KG_CONTEXT_TASK || kg_card_field(card, "comm");
}

static void all_filters(const struct kg_card *card)
{
	struct kg_intent *in = new_intent(card, KG_MEASURE_COUNT);

	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];
		if (f->unit == KG_UNIT_STACK || f->unit == KG_UNIT_SYMBOL || f->unit == KG_UNIT_IP)
			continue;
		if (kg_unit_is_text(f->unit))
			add_filter(in, f->name, KG_FILTER_NE, 0, "kgent");
		else
			add_filter(in, f->name, f->unit == KG_UNIT_ERRNO ? KG_FILTER_NE : KG_FILTER_GE, f->unit == KG_UNIT_ERRNO ? 0 : 1, NULL);
	}
	if (has_task(card))
		add_filter(in, "comm", KG_FILTER_EQ, 0, "kgent");
	write_program(in, "filters");
}

static void all_keys(const struct kg_card *card)
{
	guint n = 0;
	struct kg_intent *in = NULL;

	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];
		if (!in)
			in = new_intent(card, KG_MEASURE_COUNT);
		g_ptr_array_add(in->by, g_strdup(f->name));
		if (in->by->len == 3 || i + 1 == card->fields->len) {
			g_autofree char *what = g_strdup_printf("keys%u", n++);
			write_program(in, what);
			in = NULL;
		}
	}
}

static void programs_of(const struct kg_card *card)
{
	struct kg_intent *in = new_intent(card, KG_MEASURE_PRINT);

	for (guint i = 0; i < card->fields->len; i++)
		g_ptr_array_add(in->show, g_strdup(((struct kg_card_field *)card->fields->pdata[i])->name));
	if (!write_program(in, "print"))
		return;
	in = new_intent(card, KG_MEASURE_COUNT);
	if (has_task(card))
		g_ptr_array_add(in->by, g_strdup("comm"));
	in->every_ns = 1000000000;
	in->top = 5;
	write_program(in, "count");
	if (has_span(card)) {
		in = new_intent(card, KG_MEASURE_HIST);
		in->value = g_strdup(KG_DURATION);
		if (has_task(card))
			g_ptr_array_add(in->by, g_strdup("comm"));
		write_program(in, "latency");
	}
	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];
		if (!f->is_measure)
			continue;
		in = new_intent(card, KG_MEASURE_SUM);
		in->value = g_strdup(f->name);
		in->for_ns = 5000000000;
		g_ptr_array_add(in->by, g_strdup("cpu"));
		write_program(in, f->name);
	}
	all_keys(card);
	all_filters(card);
}

int main(int argc, char **argv)
{
	struct kg_profile_opts opts = {0};
	struct kg_cards *cards = NULL;
	_cleanup_error_ struct kg_error err = {0};
	g_auto(GStrv) dirs = kg_paths_data("events");
	const char *only = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--profile") && i + 1 < argc)
			opts.dir = argv[++i];
		else if (!strcmp(argv[i], "--card") && i + 1 < argc)
			only = argv[++i];
		else
			out_dir = argv[i];
	}
	if (!out_dir || kg_profile_open(&opts, &profile, &err) < 0 || kg_cards_open((const char *const *)dirs, &cards, &err) < 0) {
		fprintf(stderr, "programs: %s\n", err.msg ? err.msg : "usage: programs [--profile DIR] OUT-DIR");
		return 1;
	}
	for (guint i = 0; i < kg_cards_n(cards); i++)
		if (!only || !strcmp(only, kg_cards_at(cards, i)->name))
			programs_of(kg_cards_at(cards, i));
	kg_cards_free(cards);
	kg_profile_free(profile);
	return 0;
}
