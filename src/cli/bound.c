/* See bound.h. */
#include "bound.h"

#include <string.h>

int kg_cli_bound(struct kg_symex_opts *bounds, const char *text, struct kg_error *err)
{
	const struct {
		const char *name;
		guint *value;
		guint unit;
	} all[] = {
		{"time", &bounds->total_ms, 1000}, {"question", &bounds->solver_ms, 1}, {"paths", &bounds->max_paths, 1},
		{"steps", &bounds->max_steps, 1}, {"unroll", &bounds->max_unroll, 1}, {"memory", &bounds->max_memory_mib, 1},
	};
	const char *equals = strchr(text, '=');
	guint64 n = 0;

	for (gsize i = 0; equals && i < G_N_ELEMENTS(all); i++)
		if (strlen(all[i].name) == (gsize)(equals - text) && g_str_has_prefix(text, all[i].name)) {
			if (!g_ascii_string_to_unsigned(equals + 1, 10, 1, 1000000000 / all[i].unit, &n, NULL))
				return kg_error_set(err, KG_E_INVAL, "options", "--bound %s: %s is no number from 1 to %u", text, equals + 1,
						    1000000000 / all[i].unit);
			*all[i].value = (guint)n * all[i].unit;
			return 0;
		}
	return kg_error_set(err, KG_E_INVAL, "options", "--bound %s: it is NAME=N with time, question, paths, steps, unroll or memory (kgent check also: mutants, mutants-time)", text);
}
