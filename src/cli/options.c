/* The command line, split by a table: see options.h. */
#include "options.h"

#include <math.h>
#include <string.h>

static const struct kg_option *find_long(const struct kg_option *table, const char *name, gsize len)
{
	for (; table->name; table++)
		if (strlen(table->name) == len && !strncmp(table->name, name, len))
			return table;
	return NULL;
}

static const struct kg_option *find_letter(const struct kg_option *table, char letter)
{
	for (; table->name; table++)
		if (table->letter && table->letter == letter)
			return table;
	return NULL;
}

static enum kg_option_found wrong(struct kg_error *err, const char *fmt, const char *what)
{
	kg_error_set(err, KG_E_INVAL, "options", fmt, what);
	return KG_OPTION_WRONG;
}

/* The argument behind the option at hand, which has none of its own. */
static enum kg_option_found take_value(struct kg_option_walk *walk, const char *shown, struct kg_error *err)
{
	if (walk->at >= walk->argc)
		return wrong(err, "option %s needs a value", shown);
	walk->value = walk->argv[walk->at++];
	return KG_OPTION_OPTION;
}

static enum kg_option_found next_long(struct kg_option_walk *walk, const struct kg_option **ret, struct kg_error *err)
{
	const char *arg = walk->argv[walk->at++], *name = arg + 2, *equals = strchr(name, '=');

	*ret = find_long(walk->table, name, equals ? (gsize)(equals - name) : strlen(name));
	if (!*ret)
		return wrong(err, "there is no option %s", arg);
	if (!(*ret)->value)
		return equals ? wrong(err, "option %s takes no value", arg) : KG_OPTION_OPTION;
	if (!equals && *(*ret)->value == '[') /* may be left out, and stands behind "=" only */
		return KG_OPTION_OPTION;
	if (!equals)
		return take_value(walk, arg, err);
	walk->value = equals + 1;
	return KG_OPTION_OPTION;
}

static enum kg_option_found next_letter(struct kg_option_walk *walk, const struct kg_option **ret, struct kg_error *err)
{
	const char *arg = walk->argv[walk->at];
	const char shown[] = {'-', arg[walk->in_group], '\0'};

	*ret = find_letter(walk->table, arg[walk->in_group]);
	if (!*ret)
		return wrong(err, "there is no option %s", arg);
	const char *behind = arg + walk->in_group + 1;
	if (!(*ret)->value && *behind) {
		walk->in_group++;
		return KG_OPTION_OPTION;
	}
	walk->in_group = 0;
	walk->at++;
	if (!(*ret)->value)
		return KG_OPTION_OPTION;
	if (!*behind)
		return take_value(walk, shown, err);
	walk->value = behind;
	return KG_OPTION_OPTION;
}

enum kg_option_found kg_option_next(struct kg_option_walk *walk, const struct kg_option **ret, struct kg_error *err)
{
	walk->value = NULL;
	*ret = NULL;
	if (walk->in_group)
		return next_letter(walk, ret, err);
	if (walk->at >= walk->argc)
		return KG_OPTION_END;

	const char *arg = walk->argv[walk->at];
	if (!walk->is_rest && !strcmp(arg, "--")) {
		walk->is_rest = TRUE;
		walk->at++;
		return kg_option_next(walk, ret, err);
	}
	if (walk->is_rest || arg[0] != '-' || !arg[1]) {
		walk->value = arg;
		walk->at++;
		return KG_OPTION_OPERAND;
	}
	if (arg[1] == '-')
		return next_long(walk, ret, err);
	walk->in_group = 1;
	return next_letter(walk, ret, err);
}

void kg_options_help(const struct kg_option *table, GString *out)
{
	for (; table->name; table++) {
		g_autoptr(GString) left = g_string_new(NULL);

		if (table->letter)
			g_string_append_printf(left, "-%c, ", table->letter);
		g_string_append_printf(left, "--%s%s%s", table->name, table->value && *table->value != '[' ? " " : "", table->value ?: "");
		g_string_append_printf(out, "  %-25s %s\n", left->str, table->help);
	}
}

static const struct {
	const char *name;
	double ns;
} units[] = {
	{"", 1e9}, {"s", 1e9}, {"sec", 1e9}, {"second", 1e9}, {"seconds", 1e9}, {"ms", 1e6}, {"m", 60e9}, {"min", 60e9},
	{"minute", 60e9}, {"minutes", 60e9}, {"h", 3600e9}, {"hour", 3600e9}, {"hours", 3600e9}, {"d", 86400e9},
};

gboolean kg_cli_duration(const char *text, gint64 *ret_ns)
{
	char *end;
	double n = g_ascii_strtod(text, &end);

	if (end == text || !g_ascii_isdigit(text[0]) || !isfinite(n))
		return FALSE;
	while (*end == ' ')
		end++;
	for (gsize i = 0; i < G_N_ELEMENTS(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		double ns = n * units[i].ns;
		if (ns < 1e6 || ns > 366 * 86400e9)
			return FALSE;
		*ret_ns = (gint64)ns;
		return TRUE;
	}
	return FALSE;
}
