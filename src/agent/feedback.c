/*
 * What a verdict says to whoever wrote the program, as short as it can be: each error with its line of the source and what to do, and each failed
 * check that has no such error (the kernel's verifier, and whatever checks come later) by its own words.
 */
#include <kgent/loop.h>
#include <kgent/text.h>

#include <string.h>

#define MAX_FINDINGS 6
#define MAX_LINE_BYTES 400
#define MAX_SOURCE_BYTES 120
#define MAX_REFUTED 3
#define MAX_FACTS 4

static char *source_line(const char *program, int number)
{
	const char *s = program, *end = program + strlen(program);
	struct kg_text_line line;

	for (int n = 1; kg_text_next_line(&s, end, &line); n++)
		if (n == number)
			return g_strstrip(g_strndup(line.s, MIN(line.len, MAX_SOURCE_BYTES)));
	return NULL;
}

static void add(GPtrArray *list, GString *line)
{
	if (line->len > MAX_LINE_BYTES) {
		g_string_truncate(line, MAX_LINE_BYTES);
		g_string_append(line, " ...");
	}
	g_autofree char *valid = g_utf8_make_valid(line->str, -1);
	g_strdelimit(valid, "\n\r", ' ');
	if (!g_ptr_array_find_with_equal_func(list, valid, g_str_equal, NULL))
		g_ptr_array_add(list, g_steal_pointer(&valid));
}

static void add_finding(GPtrArray *list, const struct kg_diag *diag, const char *program)
{
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree char *source = diag->loc.line > 0 ? source_line(program, diag->loc.line) : NULL;

	if (source)
		g_string_append_printf(line, "line %d `%s`: ", diag->loc.line, source);
	g_string_append(line, diag->msg);
	if (diag->hint)
		g_string_append_printf(line, "; %s", diag->hint);
	add(list, line);
}

/* What the kernel's verifier says is told by its check, which has the instruction, too. */
static gboolean is_of_verifier(const struct kg_diag *diag)
{
	return !g_strcmp0(diag->check, "load") && !diag->loc.line && strstr(diag->msg, "kernel's verifier");
}

/* Is the reason that a check gives one of the errors that were told already? */
static gboolean is_told(const struct kg_check *check, const GPtrArray *diags)
{
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *diag = diags->pdata[i];
		if (diag->severity == KG_ERROR && !is_of_verifier(diag) && check->detail && strstr(check->detail, diag->msg))
			return TRUE;
	}
	return FALSE;
}

static void add_events(const struct kg_counterexample *ce, GString *line)
{
	for (guint i = 0; i < ce->events->len; i++) {
		const struct kg_ce_event *event = ce->events->pdata[i];

		if (ce->events->len > 1)
			g_string_append_printf(line, "%s%s%s%s", i ? ", then " : "", event->attach, event->thread ? " in " : "", event->thread ? event->thread : "");
		for (guint k = 0; k < MIN(event->facts->len, MAX_FACTS); k++) {
			const struct kg_fact *fact = event->facts->pdata[k];
			g_string_append_printf(line, "%s%s = %s", k ? ", " : ce->events->len > 1 ? " with " : "", fact->name, fact->value);
		}
	}
}

/* What is refuted, with its first counterexample: for whom it is, what is shown, what was asked for. */
static void add_refuted(GPtrArray *list, const struct kg_obligation_result *r, const char *program)
{
	g_autoptr(GString) line = g_string_new("not what was asked for: ");
	g_autofree char *source = r->loc.line > 0 ? source_line(program, r->loc.line) : NULL;

	if (source)
		g_string_append_printf(line, "line %d `%s`: ", r->loc.line, source);
	g_string_append_printf(line, "%s: %s", r->what, r->why ?: "");
	if (r->counterexamples->len) {
		const struct kg_counterexample *ce = r->counterexamples->pdata[0];
		g_string_append(line, "; for ");
		add_events(ce, line);
		g_string_append_printf(line, " the program shows %s, asked for is %s", ce->shown, ce->wanted);
	}
	if (r->mend)
		g_string_append_printf(line, "; %s", r->mend);
	add(list, line);
}

static gboolean add_proof(GPtrArray *list, const struct kg_proof *proof, const char *program)
{
	guint n = 0;

	for (guint i = 0; proof && i < proof->results->len && n < MAX_REFUTED; i++) {
		const struct kg_obligation_result *r = proof->results->pdata[i];
		if (r->word != KG_PROOF_REFUTED)
			continue;
		add_refuted(list, r, program);
		n++;
	}
	return n > 0;
}

GPtrArray *kg_feedback_of(const struct kg_verdict *verdict, const char *program)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < verdict->diags->len && list->len < MAX_FINDINGS; i++) {
		const struct kg_diag *diag = verdict->diags->pdata[i];
		if (diag->severity == KG_ERROR && !is_of_verifier(diag))
			add_finding(list, diag, program);
	}
	for (guint i = 0; i < verdict->checks->len; i++) {
		const struct kg_check *check = verdict->checks->pdata[i];
		g_autoptr(GString) line = g_string_new(NULL);
		if (check->result != KG_CHECK_FAILED || (list->len && is_told(check, verdict->diags)))
			continue;
		if (!strcmp(check->name, "proof") && add_proof(list, verdict->proof, program))
			continue;
		g_string_append_printf(line, "%s: %s", check->name, check->detail ?: "failed");
		if (check->mend)
			g_string_append_printf(line, "; %s", check->mend);
		add(list, line);
	}
	return list;
}
