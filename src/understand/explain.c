/*
 * Intents and refusals: making, freeing, and showing them.
 */
#include "words.h"

#include <kgent/text.h>

#include <signal.h>
#include <string.h>

const char *kg_measure_name(enum kg_measure measure)
{
	static const char *const names[KG_MEASURES] = {"none", "print", "count", "sum", "avg", "min", "max", "stats", "hist", "lhist"};

	return measure < KG_MEASURES ? names[measure] : "none";
}

const char *kg_filter_op_name(enum kg_filter_op op)
{
	static const char *const names[] = {"==", "!=", "<", "<=", ">", ">="};

	return names[op];
}

enum kg_unit kg_intent_hist_unit(const struct kg_intent *in)
{
	if (in->display)
		return in->display;
	if (in->measure == KG_MEASURE_LHIST && (in->lhist_step % 1000 || in->lhist_min % 1000 || in->lhist_max % 1000))
		return KG_UNIT_NS;
	if (in->measure == KG_MEASURE_LHIST && in->lhist_step % 1000000 == 0 && in->lhist_min % 1000000 == 0 && in->lhist_max % 1000000 == 0)
		return KG_UNIT_MS;
	return KG_UNIT_US;
}

static const struct kg_standard_field standard[] = {
	{"comm", KG_UNIT_STRING, "comm", TRUE, "process"},
	{"pid", KG_UNIT_PID, "pid", TRUE, "process id"},
	{"tid", KG_UNIT_TID, "tid", TRUE, "thread id"},
	{"uid", KG_UNIT_UID, "uid", TRUE, "user"},
	{"gid", KG_UNIT_GID, "gid", TRUE, "group"},
	{"cgroup", KG_UNIT_CGROUP, "cgroup", TRUE, "cgroup"},
	{"parent", KG_UNIT_STRING, "curtask->real_parent->comm", TRUE, "parent process"},
	{"ppid", KG_UNIT_PID, "curtask->real_parent->tgid", TRUE, "parent process id"},
	{"kstack", KG_UNIT_STACK, "kstack", TRUE, "kernel stack"},
	{"ustack", KG_UNIT_STACK, "ustack", TRUE, "user stack"},
	{"cpu", KG_UNIT_CPU, "cpu", FALSE, "CPU"},
	{"time", KG_UNIT_STRING, "strftime(\"%H:%M:%S\", nsecs)", FALSE, "time"},
};

const struct kg_standard_field *kg_standard_field(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(standard); i++)
		if (!strcmp(standard[i].name, name))
			return &standard[i];
	return NULL;
}

static void filter_free(void *p)
{
	struct kg_filter *f = p;

	g_free(f->field);
	g_free(f->text);
	g_free(f);
}

static void origin_free(void *p)
{
	struct kg_origin *o = p;

	g_free(o->part);
	g_free(o->value);
	g_free(o->words);
	g_free(o);
}

static void owned_card_free(void *p)
{
	kg_card_free(p);
}

struct kg_intent *kg_intent_new(void)
{
	struct kg_intent *in = g_new0(struct kg_intent, 1);

	in->events = g_ptr_array_new();
	in->owned = g_ptr_array_new_with_free_func(owned_card_free);
	in->only_ok = g_ptr_array_new();
	in->by = g_ptr_array_new_with_free_func(g_free);
	in->show = g_ptr_array_new_with_free_func(g_free);
	in->filters = g_ptr_array_new_with_free_func(filter_free);
	in->origins = g_ptr_array_new_with_free_func(origin_free);
	in->notes = g_ptr_array_new_with_free_func(g_free);
	return in;
}

struct kg_intent *kg_intent_free(struct kg_intent *in)
{
	if (!in)
		return NULL;
	g_ptr_array_unref(in->events);
	g_ptr_array_unref(in->owned);
	g_ptr_array_unref(in->only_ok);
	g_ptr_array_unref(in->by);
	g_ptr_array_unref(in->show);
	g_ptr_array_unref(in->filters);
	g_ptr_array_unref(in->origins);
	g_ptr_array_unref(in->notes);
	g_free(in->value);
	g_free(in);
	return NULL;
}

struct kg_refusal *kg_refusal_free(struct kg_refusal *r)
{
	if (!r)
		return NULL;
	g_ptr_array_unref(r->left);
	g_ptr_array_unref(r->close);
	g_free(r->why);
	g_free(r);
	return NULL;
}

static void explain_line(const char *part, const char *value, const char *words, GString *out)
{
	g_string_append_printf(out, "%-9s", part);
	gsize at = out->len;
	kg_text_escape(value, -1, out);
	if (words && *words) {
		for (gsize n = out->len - at; n < 34; n++)
			g_string_append_c(out, ' ');
		g_string_append(out, "  \"");
		kg_text_escape(words, -1, out);
		g_string_append_c(out, '"');
	}
	g_string_append_c(out, '\n');
}

/* The words that part of the intent came from, joined. */
static char *words_of(const struct kg_intent *in, const char *part)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < in->origins->len; i++) {
		const struct kg_origin *o = in->origins->pdata[i];
		if (!strcmp(o->part, part))
			g_string_append_printf(s, "%s%s", s->len ? "\", \"" : "", o->words);
	}
	return g_string_free(s, FALSE);
}

static void explain_list(const struct kg_intent *in, const char *part, const GPtrArray *list, GString *out)
{
	g_autoptr(GString) value = g_string_new(NULL);
	g_autofree char *words = words_of(in, part);

	for (guint i = 0; i < list->len; i++)
		g_string_append_printf(value, "%s%s", i ? ", " : "", (char *)list->pdata[i]);
	if (list->len)
		explain_line(part, value->str, words, out);
}

static char *filter_text(const struct kg_filter *f)
{
	if (f->is_text)
		return g_strdup_printf("%s %s \"%s%s\"", f->field, kg_filter_op_name(f->op), f->text, f->is_prefix ? "...\" (begins with)" : "");
	if (!strcmp(f->field, "error") && !f->number)
		return g_strdup(f->op == KG_FILTER_NE ? "it failed" : "it succeeded");
	if (!strcmp(f->field, KG_FAMILY))
		return g_strdup_printf("%s %s", f->op == KG_FILTER_EQ ? "only" : "not", f->number == 2 ? "IPv4" : "IPv6");
	if (f->text)
		return g_strdup_printf("%s %s %s", f->field, kg_filter_op_name(f->op), f->text);
	if (!strcmp(f->field, KG_DURATION)) {
		g_autofree char *d = kg_text_duration(f->number);
		return g_strdup_printf("%s %s %s", f->field, kg_filter_op_name(f->op), d);
	}
	return g_strdup_printf("%s %s %" G_GINT64_FORMAT, f->field, kg_filter_op_name(f->op), f->number);
}

void kg_intent_explain(const struct kg_intent *in, GString *out)
{
	for (guint i = 0; i < in->events->len; i++) {
		const struct kg_card *card = in->events->pdata[i];
		g_autoptr(GString) words = g_string_new(NULL);
		gboolean ok = FALSE;

		for (guint k = 0; k < in->origins->len; k++) {
			const struct kg_origin *o = in->origins->pdata[k];
			if (!strcmp(o->part, "event") && !strcmp(o->value, card->title))
				g_string_append_printf(words, "%s%s", words->len ? "\", \"" : "", o->words);
		}
		for (guint k = 0; k < in->only_ok->len; k++)
			ok = ok || in->only_ok->pdata[k] == card;
		g_autofree char *value = g_strdup_printf("%s%s", card->title, ok ? " that succeeded" : "");
		explain_line("event", value, words->str, out);
		explain_line("", card->about ? card->about : "", NULL, out);
	}
	g_autofree char *measured = words_of(in, "measure"), *valued = words_of(in, "value"), *topped = words_of(in, "top");
	g_autofree char *measure = in->value ? g_strdup_printf("%s of %s", kg_measure_name(in->measure), in->value) : g_strdup(kg_measure_name(in->measure));
	g_autofree char *m_words = *measured && *valued ? g_strconcat(measured, "\", \"", valued, NULL) : g_strconcat(measured, valued, NULL);
	explain_line("measure", measure, m_words, out);
	if (in->measure == KG_MEASURE_LHIST) {
		g_autofree char *range = g_strdup_printf("%" G_GINT64_FORMAT " to %" G_GINT64_FORMAT " in steps of %" G_GINT64_FORMAT, in->lhist_min, in->lhist_max,
							 in->lhist_step);
		explain_line("range", range, NULL, out);
	}
	explain_list(in, "by", in->by, out);
	explain_list(in, "show", in->show, out);
	g_autofree char *filter_words = words_of(in, "filter");
	for (guint i = 0; i < in->filters->len; i++) {
		g_autofree char *text = filter_text(in->filters->pdata[i]);
		explain_line("filter", text, i == 0 ? filter_words : NULL, out);
	}
	if (in->top) {
		g_autofree char *n = g_strdup_printf("%u", in->top);
		explain_line("top", n, topped, out);
	}
	g_autofree char *every_words = words_of(in, "every"), *for_words = words_of(in, "for");
	if (in->every_ns) {
		g_autofree char *d = kg_text_duration(in->every_ns);
		explain_line("every", d, every_words, out);
	}
	g_autofree char *d = in->for_ns ? kg_text_duration(in->for_ns) : g_strdup("until it is stopped");
	explain_line("for", d, for_words, out);
	explain_line("left", "nothing", NULL, out);
	for (guint i = 0; i < in->notes->len; i++)
		explain_line("note", in->notes->pdata[i], NULL, out);
}

static void json_string(const char *s, GString *out)
{
	g_string_append_c(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			g_string_append_printf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			g_string_append_printf(out, "\\u%04x", (unsigned char)*s);
		else
			g_string_append_c(out, *s);
	}
	g_string_append_c(out, '"');
}

static void json_list(const char *name, const GPtrArray *list, GString *out)
{
	if (!list->len)
		return;
	g_string_append_printf(out, ",\"%s\":[", name);
	for (guint i = 0; i < list->len; i++) {
		g_string_append(out, i ? "," : "");
		json_string(list->pdata[i], out);
	}
	g_string_append_c(out, ']');
}

/* "10s", "500ms" */
static void json_time(const char *name, gint64 ns, GString *out)
{
	if (!ns)
		return;
	if (ns % 1000000000 == 0)
		g_string_append_printf(out, ",\"%s\":\"%" G_GINT64_FORMAT "s\"", name, ns / 1000000000);
	else if (ns % 1000000 == 0)
		g_string_append_printf(out, ",\"%s\":\"%" G_GINT64_FORMAT "ms\"", name, ns / 1000000);
	else
		g_string_append_printf(out, ",\"%s\":\"%" G_GINT64_FORMAT "ns\"", name, ns);
}

static void json_filters(const struct kg_intent *in, GString *out)
{
	if (!in->filters->len)
		return;
	g_string_append(out, ",\"filter\":[");
	for (guint i = 0; i < in->filters->len; i++) {
		const struct kg_filter *f = in->filters->pdata[i];

		g_string_append(out, i ? ",[" : "[");
		json_string(f->field, out);
		g_string_append_printf(out, ",\"%s\",", f->is_prefix ? (f->op == KG_FILTER_EQ ? "starts" : "not starts") : kg_filter_op_name(f->op));
		if (f->text)
			json_string(f->text, out);
		else
			g_string_append_printf(out, "%" G_GINT64_FORMAT, f->number);
		g_string_append_c(out, ']');
	}
	g_string_append_c(out, ']');
}

void kg_intent_json(const struct kg_intent *in, GString *out)
{
	g_string_append(out, "{\"event\":");
	if (in->events->len > 1)
		g_string_append_c(out, '[');
	for (guint i = 0; i < in->events->len; i++) {
		g_string_append(out, i ? "," : "");
		json_string(((const struct kg_card *)in->events->pdata[i])->name, out);
	}
	if (in->events->len > 1)
		g_string_append_c(out, ']');
	g_string_append_printf(out, ",\"measure\":\"%s\"", in->is_rate ? "rate" : kg_measure_name(in->measure));
	if (in->value) {
		g_string_append(out, ",\"value\":");
		json_string(in->value, out);
	}
	json_list("by", in->by, out);
	json_list("show", in->show, out);
	json_filters(in, out);
	if (in->top)
		g_string_append_printf(out, ",\"top\":%u", in->top);
	json_time("every", in->every_ns, out);
	json_time("for", in->for_ns, out);
	if (in->measure == KG_MEASURE_LHIST)
		g_string_append_printf(out, ",\"linear\":[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]", in->lhist_min, in->lhist_max,
				       in->lhist_step);
	g_string_append_c(out, '}');
}
