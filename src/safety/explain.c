/*
 * A program in plain words, for an administrator who decides whether to run it: when something happens, what is done then, what
 * is kept, when it ends, what it reads of users, what it changes. Read off the tree; nothing is taken from what a model says of it.
 */
#include "explain.h"

#include <kgent/text.h>
#include <string.h>

static const struct kg_attach_effect *effect_of(const struct kg_effects *effects, const struct kg_bt_attach *a)
{
	for (guint i = 0; effects && i < effects->attach->len; i++) {
		const struct kg_attach_effect *e = effects->attach->pdata[i];

		if (e->attach == a)
			return e;
	}
	return NULL;
}

/* ------------------------------------------------------------------- when */

static const char *unit_word(const char *unit)
{
	return !strcmp(unit, "s")  ? "second" :
	       !strcmp(unit, "ms") ? "millisecond" :
	       !strcmp(unit, "us") ? "microsecond" :
				     NULL;
}

/* interval:s:10 { exit(); } */
static gboolean only_exits(const struct kg_bt_probe *probe)
{
	const struct kg_bt_node *s = kg_bt_kid(probe->block, 0), *call = s ? kg_bt_kid(s, 0) : NULL;

	return kg_bt_n_kids(probe->block) == 1 && s->kind == KG_BT_EXPR && call->kind == KG_BT_CALL &&
	       !strcmp(call->text, "exit") && !probe->predicate;
}

static void say_timer(const struct kg_bt_attach *a, gboolean once, GString *out)
{
	const char *unit = a->parts->len ? a->parts->pdata[0] : "", *n = a->parts->len > 1 ? a->parts->pdata[1] : NULL;
	const char *where = a->kind == KG_PROBE_PROFILE ? " on every processor" : "";

	if (once && n && unit_word(unit))
		g_string_append_printf(out, "After %s %s%s", n, unit_word(unit), strcmp(n, "1") ? "s" : "");
	else if (!n)
		g_string_append_printf(out, "Every %s%s", unit, where);
	else if (!strcmp(unit, "hz"))
		g_string_append_printf(out, "%s times a second%s", n, where);
	else if (unit_word(unit))
		g_string_append_printf(out, strcmp(n, "1") ? "Every %s %ss%s" : "Every %.0s%s%s", n, unit_word(unit),
				       where);
	else
		g_string_append_printf(out, "Every %s %s%s", n, unit, where);
}

static void say_tracepoint(const struct kg_bt_attach *a, GString *out)
{
	const char *name = a->parts->len > 1 ? a->parts->pdata[1] : a->target;

	if (g_str_has_prefix(name, "sys_enter_") && !a->is_wildcard)
		g_string_append_printf(out, "a program calls %s()", name + strlen("sys_enter_"));
	else if (g_str_has_prefix(name, "sys_exit_") && !a->is_wildcard)
		g_string_append_printf(out, "%s() returns", name + strlen("sys_exit_"));
	else
		g_string_append_printf(out, "the kernel passes %s %s",
				       a->is_wildcard ? "a tracepoint of" : "its tracepoint", a->target);
}

static void say_function(const struct kg_bt_attach *a, GString *out)
{
	gboolean is_return = a->kind == KG_PROBE_KRETPROBE || a->kind == KG_PROBE_FEXIT || a->kind == KG_PROBE_URETPROBE;
	const char *name = a->parts->len ? a->parts->pdata[a->parts->len - 1] : "";

	g_string_append_printf(out, "%s %s", a->is_wildcard ? "a function of" : "the function", name);
	if (kg_probe_info(a->kind)->is_user && a->parts->len > 1)
		g_string_append_printf(out, " in %s", (char *)a->parts->pdata[0]);
	else
		g_string_append(out, " of the kernel");
	g_string_append(out, is_return ? " returns" : " is called");
}

/* "each time ...", without these words. */
static void say_event(const struct kg_bt_attach *a, const struct kg_attach_effect *e, GString *out)
{
	gboolean is_return = a->kind == KG_PROBE_KRETPROBE || a->kind == KG_PROBE_FEXIT || a->kind == KG_PROBE_URETPROBE;

	if (e && e->plain && !is_return)
		g_string_append(out, e->plain);
	else if (a->kind == KG_PROBE_TRACEPOINT)
		say_tracepoint(a, out);
	else if (kg_probe_info(a->kind)->is_kernel_function || a->kind == KG_PROBE_UPROBE ||
		 a->kind == KG_PROBE_URETPROBE)
		say_function(a, out);
	else if (a->kind == KG_PROBE_RAWTRACEPOINT)
		g_string_append_printf(out, "the kernel passes its tracepoint %s", a->target);
	else if (a->kind == KG_PROBE_USDT)
		g_string_append_printf(out, "the program passes its trace point %s", a->target);
	else
		g_string_append_printf(out, "this happens: %s", a->raw);
}

static void say_when(const struct kg_bt_probe *probe, const struct kg_effects *effects, GString *out)
{
	for (guint i = 0; i < probe->attach->len; i++) {
		const struct kg_bt_attach *a = probe->attach->pdata[i];
		const struct kg_attach_effect *e = effect_of(effects, a);

		if (out->len > KG_SAY_MAX) {
			g_string_append(out, ",\nand more");
			return;
		}
		if (i)
			g_string_append(out, ",\nand ");
		if (a->kind == KG_PROBE_BEGIN) {
			g_string_append(out, "At the start");
			continue;
		}
		if (a->kind == KG_PROBE_END) {
			g_string_append(out, "At the end");
			continue;
		}
		if (kg_probe_info(a->kind)->is_timer) {
			say_timer(a, only_exits(probe), out);
		} else {
			g_string_append(out, i ? "each time " : "Each time ");
			say_event(a, e, out);
		}
		g_string_append_printf(out, " (%s", a->raw);
		if (a->is_wildcard && e && e->n)
			g_string_append_printf(out, ", %u places", e->n);
		if (e && e->heat == KG_HOOK_HIGH)
			g_string_append(out, ", very often");
		g_string_append_c(out, ')');
	}
}

static void say_probe(const struct kg_bt_probe *probe, const struct kg_effects *effects, GString *out)
{
	g_autoptr(GHashTable) vars = kg_say_variables(probe->block);
	gsize before;

	say_when(probe, effects, out);
	if (probe->predicate) {
		g_string_append(out, ",\nonly if ");
		kg_say_condition(probe->predicate, vars, out);
	}
	g_string_append(out, ", it\n");
	before = out->len;
	kg_say_block(probe->block, vars, 1, out);
	if (out->len == before)
		g_string_append(out, "  does nothing that can be seen\n");
}

/* ---------------------------------------------------------------- summary */

static gboolean collect_maps(const struct kg_bt_node *node, const struct kg_bt_node *parent,
			     const struct kg_bt_probe *probe, void *userdata)
{
	GHashTable *maps = userdata;
	gboolean is_set = (node->kind == KG_BT_ASSIGN || ((node->kind == KG_BT_POSTFIX || node->kind == KG_BT_UNARY) &&
							  (node->op == KG_BT_INC || node->op == KG_BT_DEC))) &&
			  kg_bt_kid(node, 0)->kind == KG_BT_MAP;

	if (is_set)
		g_hash_table_add(maps, kg_bt_kid(node, 0)->text);
	return TRUE;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(a, b);
}

/* clear(@x) as a statement of its own at the end: nothing of it is left to print. */
static void leave_cleared(const struct kg_bt_probe *probe, GHashTable *shown)
{
	const struct kg_bt_attach *a = probe->attach->pdata[0];

	if (a->kind != KG_PROBE_END || probe->predicate)
		return;
	for (guint i = 0; i < kg_bt_n_kids(probe->block); i++) {
		const struct kg_bt_node *s = kg_bt_kid(probe->block, i), *call = kg_bt_kid(s, 0);

		if (s->kind == KG_BT_RETURN || s->kind == KG_BT_IF)
			return; /* what follows may not be reached */
		if (s->kind == KG_BT_EXPR && call->kind == KG_BT_CALL && !strcmp(call->text, "clear") &&
		    kg_bt_n_kids(call) && kg_bt_kid(call, 0)->kind == KG_BT_MAP)
			g_hash_table_remove(shown, kg_bt_kid(call, 0)->text);
	}
}

static gboolean prints_maps(const struct kg_bt_program *program)
{
	for (guint i = 0; i < program->config->len; i++) {
		const struct kg_bt_node *item = program->config->pdata[i];

		if (!g_ascii_strcasecmp(kg_bt_kid(item, 0)->text, "print_maps_on_exit"))
			return kg_bt_kid(item, 1)->num != 0;
	}
	return TRUE;
}

static void say_names(GHashTable *maps, GString *out)
{
	g_autoptr(GList) names = g_list_sort(g_hash_table_get_keys(maps), by_name);

	for (GList *n = names; n; n = n->next)
		g_string_append_printf(out, "%s@%s", n == names ? "" : n->next ? ", " : " and ", (char *)n->data);
}

static void say_maps(const struct kg_bt_program *program, GString *out)
{
	g_autoptr(GHashTable) maps = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) shown = g_hash_table_new(g_str_hash, g_str_equal);

	kg_bt_walk(program, collect_maps, NULL, maps);
	kg_bt_walk(program, collect_maps, NULL, shown);
	if (!g_hash_table_size(maps))
		return;
	for (guint i = 0; i < program->probes->len; i++)
		leave_cleared(program->probes->pdata[i], shown);
	g_string_append(out, "It keeps ");
	say_names(maps, out);
	g_string_append(out, " in memory while it runs");
	if (prints_maps(program) && g_hash_table_size(shown)) {
		g_string_append(out, ", and prints at the end what is left in ");
		say_names(shown, out);
	}
	g_string_append(out, ".\n");
}

/* "str() on line 3" for each of the kind. */
static void say_findings(const struct kg_effects *effects, enum kg_effect_kind kind, const char *head, GString *out)
{
	int n = 0;

	for (guint i = 0; i < effects->findings->len; i++) {
		const struct kg_effect *e = effects->findings->pdata[i];

		if (e->kind != kind)
			continue;
		g_string_append_printf(out, "%s%s (line %d)", n++ ? "; " : head,
				       kind == KG_EFFECT_USER_MEMORY ? e->what : e->text, e->loc.line);
	}
	if (n)
		g_string_append(out, ".\n");
}

static void say_summary(const struct kg_bt_program *program, const struct kg_effects *effects, GString *out)
{
	say_maps(program, out);
	g_string_append(out,
			effects && effects->exits ? "It ends by itself, or with Ctrl-C.\n" : "It ends with Ctrl-C.\n");
	if (!effects)
		return;
	say_findings(effects, KG_EFFECT_USER_MEMORY, "It reads memory of the traced programs: ", out);
	say_findings(effects, KG_EFFECT_FILE, "It reads files: it ", out);
	say_findings(effects, KG_EFFECT_HOT_PRINT, "It costs much: ", out);
	say_findings(effects, KG_EFFECT_PROBES, "It attaches widely: ", out);
	say_findings(effects, KG_EFFECT_CODE, "It can't be seen through: ", out);
	say_findings(effects, KG_EFFECT_UNKNOWN, "It can't be seen through: ", out);
	say_findings(effects, KG_EFFECT_CHANGES, "IT CHANGES THE SYSTEM: ", out);
	if (!effects->changes_system)
		g_string_append(out, "It only observes, and changes nothing.\n");
}

void kg_bt_explain(const struct kg_bt_program *program, struct kg_profile *profile, const struct kg_effects *effects,
		   GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);

	(void)profile; /* what it knows is in effects by now */
	for (guint i = 0; i < program->probes->len && text->len <= KG_SAY_MAX; i++)
		say_probe(program->probes->pdata[i], effects, text);
	g_string_append_c(text, '\n');
	say_summary(program, effects, text);
	kg_text_escape_lines(text->str, (gssize)text->len,
			     out); /* names and strings are the program's: not to be trusted */
}
