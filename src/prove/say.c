/*
 * The proof for people: what is wrong first, each with its place in the program, the state that shows it, what is shown and what was asked for.
 */
#include "proof.h"

#include <kgent/text.h>

#include <string.h>

#define RED "\033[1;31m"
#define GREEN "\033[1;32m"
#define YELLOW "\033[1;33m"
#define OFF "\033[0m"
#define LONGEST 80 /* letters of a condition */

struct saying {
	const struct kg_proof *proof;
	const char *source;
	gboolean color;
	GString *out;
};

static const char *paint(const struct saying *s, const char *how)
{
	return s->color ? how : "";
}

/* Text of kernels, programs and processes never reaches a terminal raw. */
static void safe(const struct saying *s, const char *text)
{
	if (text)
		kg_text_escape(text, -1, s->out);
}

static void row(const struct saying *s, const char *name, const char *text)
{
	g_string_append_printf(s->out, "    %-29s ", name);
	safe(s, text);
	g_string_append_c(s->out, '\n');
}

/* ---------------------------------------------------------------- places */

static void excerpt(const struct saying *s, const struct kg_loc *loc)
{
	const char *line = s->source;
	gsize n;

	for (int i = 1; line && i < loc->line; i++) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (!line || !loc->line)
		return;
	n = strcspn(line, "\n");
	g_string_append_printf(s->out, "%5d | ", loc->line);
	for (gsize i = 0; i < n; i++)
		g_string_append_c(s->out, line[i] == '\t' ? ' ' : g_ascii_iscntrl(line[i]) ? '?' : line[i]);
	g_string_append_printf(s->out, "\n      | %*s%s", MAX(loc->col - 1, 0), "", paint(s, RED));
	for (int i = 0; i < MAX(loc->len, 1) && loc->col - 1 + i < (int)n; i++)
		g_string_append_c(s->out, '^');
	g_string_append_printf(s->out, "%s\n", paint(s, OFF));
}

/* ---------------------------------------------------------------- counterexamples */

static void facts(const struct saying *s, const struct kg_ce_event *event, const char *first)
{
	for (guint i = 0; i < event->facts->len; i++) {
		const struct kg_fact *fact = event->facts->pdata[i];
		g_autofree char *text = fact->plain ? g_strdup_printf("%s = %s   (%s)", fact->name, fact->value, fact->plain)
						    : g_strdup_printf("%s = %s", fact->name, fact->value);
		row(s, i == 0 ? first : "", text);
	}
}

/* A condition need not be read to its end: its place is told. */
static char *cut(const char *text)
{
	glong n = g_utf8_validate(text, -1, NULL) ? g_utf8_strlen(text, -1) : 0;
	g_autofree char *head = n > LONGEST ? g_utf8_substring(text, 0, LONGEST) : NULL;

	return head ? g_strconcat(head, " ...", NULL) : g_strdup(text);
}

/* "line 7: else, since args->ret > 0 is false" */
static char *step_text(const struct kg_ce_step *step)
{
	static const char *const ways[][2] = { /* where it does not hold, where it does */
		[KG_STEP_PREDICATE] = {"the predicate does not hold", "the predicate holds"},
		[KG_STEP_IF] = {"past the if", "into the if"},
		[KG_STEP_IF_ELSE] = {"else", "if"},
		[KG_STEP_WHILE] = {"out of the while", "into the while"},
		[KG_STEP_CHOICE] = {"behind the :", "behind the ?"},
	};
	static const char *const came_to[][2] = {{"false", "true"}, {"0", "not 0"}};
	g_autofree char *since = cut(step->since ? step->since : step->text), *times = step->times > 1 ? g_strdup_printf(" (%u times)", step->times) : NULL;
	gboolean is_true = step->since ? step->since_holds : step->holds;

	if (step->kind == KG_STEP_LINE)
		return g_strdup_printf("line %d: %s, then line %u%s", step->loc.line, since, step->then_line, times ? times : "");
	return g_strdup_printf("line %d: %s, since %s is %s%s", step->loc.line, ways[step->kind][step->holds], since, came_to[step->is_number][is_true],
			       times ? times : "");
}

static void path(const struct saying *s, const char *name, const GPtrArray *steps)
{
	for (guint i = 0; i < steps->len; i++) {
		const struct kg_ce_step *step = steps->pdata[i];
		g_autofree char *text = step_text(step);
		if (step->left_out) {
			g_autofree char *gap = g_strdup_printf("(%u more decision%s)", step->left_out, step->left_out == 1 ? "" : "s");
			row(s, "", gap);
		}
		row(s, i == 0 ? name : "", text);
	}
}

static void counterexample(const struct saying *s, const struct kg_counterexample *ce, const struct ce_words *words)
{
	for (guint i = 0; i < ce->events->len; i++) {
		const struct kg_ce_event *event = ce->events->pdata[i];
		if (ce->events->len > 1 || !event->facts->len) {
			g_autofree char *text = event->thread ? g_strdup_printf("%s in %s", event->attach, event->thread) : g_strdup(event->attach);
			row(s, i == 0 ? "for" : "then", text);
			facts(s, event, "");
		} else {
			facts(s, event, "for");
		}
		path(s, words->way, event->path);
		path(s, words->other_way, event->other_path);
	}
	row(s, words->shown, ce->shown);
	row(s, words->wanted, ce->wanted);
}

const struct ce_words ce_words_of_proof = {"the program shows", "asked for", "by way of", "by way of"};

void counterexample_text(const struct kg_counterexample *ce, const struct ce_words *words, GString *out)
{
	struct saying s = {.out = out};

	counterexample(&s, ce, words);
}

/* Of a program in C: there is no text here to show, but the compiler told lines. */
static void at_line(const struct saying *s, const struct kg_obligation_result *r)
{
	g_autofree char *line = !s->source && r->loc.line ? g_strdup_printf("line %d", r->loc.line) : NULL;

	if (line)
		row(s, "at", line);
}

static void refuted(const struct saying *s, const struct kg_obligation_result *r)
{
	g_string_append(s->out, "\n  ");
	if (r->title) {
		safe(s, r->title);
		g_string_append(s->out, ": ");
	}
	safe(s, r->what);
	g_string_append(s->out, ": ");
	safe(s, r->why);
	g_string_append_c(s->out, '\n');
	excerpt(s, &r->loc);
	for (guint i = 0; i < r->counterexamples->len; i++) {
		at_line(s, r);
		counterexample(s, r->counterexamples->pdata[i], &ce_words_of_proof);
	}
	if (r->mend)
		row(s, "mend", r->mend);
}

/* ---------------------------------------------------------------- the rest */

static void list(const struct saying *s, enum kg_proof_word word, const char *how)
{
	gboolean is_first = TRUE;

	for (guint i = 0; i < s->proof->results->len; i++) {
		const struct kg_obligation_result *r = s->proof->results->pdata[i];
		if (r->word != word)
			continue;
		g_string_append_printf(s->out, is_first ? "%s%-8s%s " : word == KG_PROOF_UNKNOWN ? "\n%s%-8s%s " : "%s%s%s, ",
				       is_first ? paint(s, how) : "", is_first ? kg_proof_name(word) : "", is_first ? paint(s, OFF) : "");
		safe(s, r->what);
		if (word == KG_PROOF_UNKNOWN && r->why) {
			g_string_append(s->out, ": ");
			safe(s, r->why);
		}
		is_first = FALSE;
	}
	if (!is_first)
		g_string_append_c(s->out, '\n');
}

static void notes(const struct saying *s)
{
	for (guint i = 0; i < s->proof->uncovered->len; i++) {
		g_string_append(s->out, "not asked ");
		safe(s, s->proof->uncovered->pdata[i]);
		g_string_append_c(s->out, '\n');
	}
	if (s->proof->losses->len)
		g_string_append(s->out, "can be lost without a trace:\n");
	for (guint i = 0; i < s->proof->losses->len; i++) {
		const struct kg_loss *loss = s->proof->losses->pdata[i];
		g_string_append(s->out, "  - ");
		safe(s, loss->what);
		if (loss->loc.line)
			g_string_append_printf(s->out, " (line %d)", loss->loc.line);
		if (loss->mend) {
			g_string_append(s->out, "; mend: ");
			safe(s, loss->mend);
		}
		g_string_append_c(s->out, '\n');
	}
	for (guint i = 0; i < s->proof->assumptions->len; i++) {
		g_string_append(s->out, i == 0 ? "taken for granted: " : "; ");
		safe(s, s->proof->assumptions->pdata[i]);
	}
	if (s->proof->assumptions->len)
		g_string_append_c(s->out, '\n');
	if (s->proof->limit) {
		g_string_append(s->out, "a bound was reached: ");
		safe(s, s->proof->limit);
		g_string_append_c(s->out, '\n');
	}
}

void kg_proof_text(const struct kg_proof *proof, const char *source, gboolean color, GString *out)
{
	struct saying s = {proof, source, color, out};
	guint n_refuted = kg_proof_count(proof, KG_PROOF_REFUTED), n_unknown = kg_proof_count(proof, KG_PROOF_UNKNOWN);
	const char *how = n_refuted ? RED : n_unknown ? YELLOW : GREEN;
	guint n = n_refuted ? n_refuted : n_unknown ? n_unknown : proof->results->len;

	g_string_append_printf(out, "%s%s%s  %u of %u obligations\n", paint(&s, how), kg_proof_name(proof->word), paint(&s, OFF), n, proof->results->len);
	for (guint i = 0; i < proof->results->len; i++) {
		const struct kg_obligation_result *r = proof->results->pdata[i];
		if (r->word == KG_PROOF_REFUTED)
			refuted(&s, r);
	}
	g_string_append_c(out, '\n');
	list(&s, KG_PROOF_UNKNOWN, YELLOW);
	list(&s, KG_PROOF_PROVED, GREEN);
	notes(&s);
	if (n_refuted)
		g_string_append(out, "counterexamples were replayed on the compiled instructions\n");
}
