/* What became of wrong variants, in words. */
#include <kgent/agent.h>
#include <kgent/text.h>

#include <string.h>

const char *kg_mutant_fate_name(enum kg_mutant_fate fate)
{
	static const char *const names[] = {"refuted", "survives", "unknown", "same", "no program", "not tried"};

	return names[fate];
}

struct kg_mutation *kg_mutation_free(struct kg_mutation *mutation)
{
	if (!mutation)
		return NULL;
	g_ptr_array_unref(mutation->variants);
	g_ptr_array_unref(mutation->mutants);
	g_free(mutation->limit);
	g_free(mutation);
	return NULL;
}

char *kg_mutation_summary(const struct kg_mutation *mutation)
{
	if (!mutation->n_wrong)
		return g_strdup("no wrong variant was tried: whether the contract can fail is not known");
	if (!mutation->n_refuted)
		return g_strdup_printf("the contract refutes none of %u wrong variants: it proves nothing", mutation->n_wrong);
	return g_strdup_printf("the contract refutes %u of %u wrong variants", mutation->n_refuted, mutation->n_wrong);
}

static guint count(const struct kg_mutation *mutation, enum kg_mutant_fate fate)
{
	guint n = 0;

	for (guint i = 0; i < mutation->variants->len; i++)
		n += ((struct kg_variant *)mutation->variants->pdata[i])->fate == fate;
	return n;
}

static void line_of(const struct kg_variant *v, gboolean color, GString *out)
{
	static const char *const paints[] = {"\033[1;32m", "\033[1;31m", "\033[1;33m"};

	g_string_append_printf(out, "  %s%-9s%s ", color ? paints[v->fate] : "", kg_mutant_fate_name(v->fate), color ? "\033[0m" : "");
	if (v->mutant->loc.line)
		g_string_append_printf(out, "line %d: ", v->mutant->loc.line);
	kg_text_escape(v->mutant->what, -1, out);
	for (guint i = 0; i < v->by->len; i++) {
		g_string_append(out, i ? ", " : "  by: ");
		kg_text_escape(v->by->pdata[i], -1, out);
	}
	if (!v->by->len && v->why) {
		g_string_append(out, "  ");
		kg_text_escape(v->why, -1, out);
	}
	g_string_append_c(out, '\n');
}

void kg_mutation_text(const struct kg_mutation *mutation, gboolean color, GString *out)
{
	g_autofree char *summary = kg_mutation_summary(mutation);
	static const struct {
		enum kg_mutant_fate fate;
		const char *words;
	} rest[] = {
		{KG_FATE_SAME, "shown to be the same as the program"}, {KG_FATE_NO_PROGRAM, "no program: not compiled, or refused"},
		{KG_FATE_NOT_TRIED, "not tried"},
	};

	g_string_append(out, summary);
	g_string_append_c(out, '\n');
	for (int fate = KG_FATE_REFUTED; fate <= KG_FATE_UNKNOWN; fate++)
		for (guint i = 0; i < mutation->variants->len; i++)
			if (((struct kg_variant *)mutation->variants->pdata[i])->fate == (enum kg_mutant_fate)fate)
				line_of(mutation->variants->pdata[i], color, out);
	for (gsize i = 0; i < G_N_ELEMENTS(rest); i++)
		if (count(mutation, rest[i].fate))
			g_string_append_printf(out, "  %u not counted: %s%s%s\n", count(mutation, rest[i].fate), rest[i].words,
					       rest[i].fate == KG_FATE_NOT_TRIED && mutation->limit ? ", " : "",
					       rest[i].fate == KG_FATE_NOT_TRIED && mutation->limit ? mutation->limit : "");
}
