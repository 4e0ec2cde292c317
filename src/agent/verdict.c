/* The verdict as a thing: its words, its release, and its table for people. What the words mean: docs/verdicts.md. */
#include "says.h"

#include <kgent/agent.h>
#include <kgent/text.h>

#include <stdarg.h>
#include <string.h>

static const char *const verdict_names[] = {
	[KG_VERDICT_PROVED] = "proved",
	[KG_VERDICT_CHECKED] = "checked",
	[KG_VERDICT_LOADED] = "loaded",
	[KG_VERDICT_UNLOADED] = "not loaded",
	[KG_VERDICT_REFUTED] = "refuted",
	[KG_VERDICT_REJECTED] = "rejected",
};

static const struct {
	const char *name;
	const char *color;
} results[] = {
	[KG_CHECK_PASSED] = {"passed", "\033[32m"},
	[KG_CHECK_FAILED] = {"failed", "\033[31m"},
	[KG_CHECK_NOT_CHECKED] = {"not checked", "\033[33m"},
};

const char *kg_verdict_name(enum kg_verdict_word word)
{
	return verdict_names[word];
}

void agent_says(struct kg_check *check, enum kg_check_result result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_free(check->detail);
	check->detail = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	check->result = result;
}

const char *kg_check_result_name(enum kg_check_result result)
{
	return results[result].name;
}

struct kg_verdict *kg_verdict_free(struct kg_verdict *verdict)
{
	if (!verdict)
		return NULL;
	g_clear_pointer(&verdict->checks, g_ptr_array_unref);
	g_clear_pointer(&verdict->diags, g_ptr_array_unref);
	verdict->program = kg_bt_free(verdict->program);
	verdict->effects = kg_effects_free(verdict->effects);
	verdict->proof = kg_proof_free(verdict->proof);
	verdict->mutation = kg_mutation_free(verdict->mutation);
	if (verdict->trial)
		kg_trial_result_clear(verdict->trial);
	g_free(verdict->trial);
	g_clear_pointer(&verdict->trial_findings, g_ptr_array_unref);
	g_free(verdict);
	return NULL;
}

const struct kg_check *kg_verdict_find(const struct kg_verdict *verdict, const char *name)
{
	for (guint i = 0; i < verdict->checks->len; i++) {
		const struct kg_check *check = verdict->checks->pdata[i];
		if (!strcmp(check->name, name))
			return check;
	}
	return NULL;
}

const struct kg_check *kg_verdict_failed(const struct kg_verdict *verdict)
{
	for (guint i = 0; i < verdict->checks->len; i++) {
		const struct kg_check *check = verdict->checks->pdata[i];
		if (check->result == KG_CHECK_FAILED)
			return check;
	}
	return NULL;
}

static void table_line(const struct kg_check *check, gboolean color, GString *out)
{
	const char *on = color ? results[check->result].color : "", *off = color ? "\033[0m" : "";

	g_string_append_printf(out, "  %s%-12s%s %-16s", on, results[check->result].name, off, check->name);
	if (check->detail) {
		g_string_append_c(out, ' ');
		kg_text_escape(check->detail, -1, out);
	}
	while (out->len && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
	if (!check->mend)
		return;
	g_string_append_printf(out, "  %-12s %-16s ", "", "");
	kg_text_escape(check->mend, -1, out);
	g_string_append_c(out, '\n');
}

void kg_verdict_table(const struct kg_verdict *verdict, gboolean color, GString *out)
{
	const char *on = !color ? "" : verdict->word <= KG_VERDICT_LOADED ? "\033[1;32m" :
				       verdict->word == KG_VERDICT_UNLOADED ? "\033[1;33m" : "\033[1;31m";

	g_string_append_printf(out, "verdict: %s%s%s\n", on, kg_verdict_name(verdict->word), color ? "\033[0m" : "");
	for (guint i = 0; i < verdict->checks->len; i++)
		table_line(verdict->checks->pdata[i], color, out);
}
