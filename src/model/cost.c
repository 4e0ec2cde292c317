/*
 * What tokens cost, from data/models/prices.ini and the user's own file ($XDG_CONFIG_HOME/kgent/models/prices.ini), which comes first:
 *
 *   [https://api.openai.com]
 *   gpt-4.1-mini* = 0.40 1.60     # dollars for a million tokens: read, written
 *
 * A section is a server's address: the same name costs something else elsewhere. Of several patterns that match, the longest counts.
 */
#include "internal.h"

#include <kgent/paths.h>

#include <string.h>

struct price {
	double in, out;
};

static gboolean parse_price(const char *text, struct price *ret)
{
	char *end;
	double in = g_ascii_strtod(text, &end), out;

	if (end == text || in < 0)
		return FALSE;
	const char *second = end;
	out = g_ascii_strtod(second, &end);
	while (g_ascii_isspace(*end))
		end++;
	if (end == second || out < 0 || (*end && *end != '#'))
		return FALSE;
	*ret = (struct price){in, out};
	return TRUE;
}

static gboolean find_in(GKeyFile *file, const char *group, const char *name, struct price *ret)
{
	g_auto(GStrv) patterns = g_key_file_get_keys(file, group, NULL, NULL);
	gsize best = 0;

	for (char **p = patterns; p && *p; p++) {
		g_autofree char *value = g_key_file_get_value(file, group, *p, NULL);
		if (strlen(*p) > best && g_pattern_match_simple(*p, name) && value && parse_price(value, ret))
			best = strlen(*p);
	}
	return best > 0;
}

static gboolean find_in_file(const char *path, const struct kg_model *model, struct price *ret)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *mine = model->base ? kg_config_url_origin(model->base) : NULL;
	gboolean found = FALSE;

	if (!mine || !g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, NULL))
		return FALSE;
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group && !found; group++) {
		g_autofree char *origin = kg_config_url_origin(*group);
		found = !g_strcmp0(origin, mine) && find_in(file, *group, model->name, ret);
	}
	return found;
}

gboolean kg_model_cost(const struct kg_model *model, gint64 tokens_in, gint64 tokens_out, double *ret)
{
	g_auto(GStrv) dirs = kg_paths_data("models");
	struct price price;

	if (tokens_in < 0 || tokens_out < 0)
		return FALSE;
	for (guint i = g_strv_length(dirs); i > 0; i--) {
		g_autofree char *path = g_build_filename(dirs[i - 1], "prices.ini", NULL);
		if (!find_in_file(path, model, &price))
			continue;
		*ret = ((double)tokens_in * price.in + (double)tokens_out * price.out) / 1e6;
		return TRUE;
	}
	return FALSE;
}
