/*
 * Many requests of one event card, without sentences: what the builtin engine can be asked.
 */
#include "requests.h"

#include <string.h>

struct asker {
	request_fn fn;
	void *user;
};

static gboolean ask(const struct asker *a, struct kg_intent *in, const char *what)
{
	return a->fn(in, what, a->user);
}

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

static void all_filters(const struct asker *a, const struct kg_card *card)
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
	ask(a, in, "filters");
}

static void all_keys(const struct asker *a, const struct kg_card *card)
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
			ask(a, in, what);
			in = NULL;
		}
	}
}

void requests_of(const struct kg_card *card, request_fn fn, void *user)
{
	const struct asker asker = {fn, user}, *a = &asker;
	struct kg_intent *in = new_intent(card, KG_MEASURE_PRINT);

	for (guint i = 0; i < card->fields->len; i++)
		g_ptr_array_add(in->show, g_strdup(((struct kg_card_field *)card->fields->pdata[i])->name));
	if (!ask(a, in, "print"))
		return;
	in = new_intent(card, KG_MEASURE_COUNT);
	if (has_task(card))
		g_ptr_array_add(in->by, g_strdup("comm"));
	in->every_ns = 1000000000;
	in->top = 5;
	ask(a, in, "count");
	if (has_span(card)) {
		in = new_intent(card, KG_MEASURE_HIST);
		in->value = g_strdup(KG_DURATION);
		if (has_task(card))
			g_ptr_array_add(in->by, g_strdup("comm"));
		ask(a, in, "latency");
	}
	for (guint i = 0; i < card->fields->len; i++) {
		const struct kg_card_field *f = card->fields->pdata[i];
		if (!f->is_measure)
			continue;
		in = new_intent(card, KG_MEASURE_SUM);
		in->value = g_strdup(f->name);
		in->for_ns = 5000000000;
		g_ptr_array_add(in->by, g_strdup("cpu"));
		ask(a, in, f->name);
	}
	all_keys(a, card);
	all_filters(a, card);
}
