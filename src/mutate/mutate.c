/*
 * The walk over a program, and what is about probes and statements as a whole.
 *
 * A mutant is made by changing the tree in place, printing it, and changing it back: so what is printed is always a whole program.
 */
#include "mutate.h"

#include <stdarg.h>
#include <string.h>

const char *kg_mutant_kind_name(enum kg_mutant_kind kind)
{
	static const char *const names[KG_MUTANT_KINDS] = {
		[KG_MUTANT_SWAP] = "byte swap", [KG_MUTANT_IDENTITY] = "identity", [KG_MUTANT_FILTER] = "filter", [KG_MUTANT_COMPARE] = "comparison",
		[KG_MUTANT_CONSTANT] = "constant", [KG_MUTANT_UNIT] = "unit", [KG_MUTANT_FIELD] = "field", [KG_MUTANT_EXCHANGE] = "exchange",
		[KG_MUTANT_PROBE] = "probe", [KG_MUTANT_DELETE] = "delete", [KG_MUTANT_AGGREGATE] = "aggregate", [KG_MUTANT_KEY] = "key",
		[KG_MUTANT_SIGN] = "sign",
	};

	return names[kind];
}

static void mutant_free(gpointer p)
{
	struct kg_mutant *mutant = p;

	g_free(mutant->what);
	g_free(mutant->text);
	g_free(mutant);
}

/* ---------------------------------------------------------------- making one */

static void emit_va(struct mutating *m, enum kg_mutant_kind kind, const struct kg_loc *loc, const char *fmt, va_list ap)
{
	GString *text = g_string_new(NULL);
	struct kg_mutant *mutant;

	kg_bt_print(m->program, text);
	if (!g_hash_table_add(m->texts, g_strdup(text->str))) {
		g_string_free(text, TRUE);
		return;
	}
	mutant = g_new0(struct kg_mutant, 1);
	mutant->kind = kind;
	mutant->what = g_strdup_vprintf(fmt, ap);
	mutant->text = g_string_free(text, FALSE);
	if (loc)
		mutant->loc = *loc;
	g_ptr_array_add(m->made[kind], mutant);
}

void mutant_emit(struct mutating *m, enum kg_mutant_kind kind, const struct kg_loc *loc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit_va(m, kind, loc, fmt, ap);
	va_end(ap);
}

void mutant_put(struct mutating *m, enum kg_mutant_kind kind, struct kg_bt_node **slot, struct kg_bt_node *node, const char *fmt, ...)
{
	struct kg_bt_node *old = *slot;
	va_list ap;

	va_start(ap, fmt);
	*slot = node;
	emit_va(m, kind, &old->loc, fmt, ap);
	*slot = old;
	va_end(ap);
	kg_bt_node_free(node);
}

void mutant_rename(struct mutating *m, enum kg_mutant_kind kind, struct kg_bt_node *node, const char *text)
{
	char *old = node->text;

	node->text = (char *)text;
	mutant_emit(m, kind, &node->loc, "%s for %s", text, old);
	node->text = old;
}

/* ---------------------------------------------------------------- everywhere at once */

/* All nodes that [from] stands in become [to]: a mistake that somebody makes consistently. */
struct renaming {
	const char *from;
	GPtrArray *nodes;
};

static gboolean find_builtin(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct renaming *r = userdata;

	(void)parent;
	(void)probe;
	if (node->kind == KG_BT_BUILTIN && !strcmp(node->text, r->from))
		g_ptr_array_add(r->nodes, (gpointer)node);
	return TRUE;
}

static void rename_everywhere(struct mutating *m, const char *from, const char *to)
{
	struct renaming r = {from, g_ptr_array_new()};

	kg_bt_walk(m->program, find_builtin, NULL, &r);
	if (r.nodes->len > 1) {
		g_autoptr(GPtrArray) old = g_ptr_array_new();
		for (guint i = 0; i < r.nodes->len; i++) {
			struct kg_bt_node *node = r.nodes->pdata[i];
			g_ptr_array_add(old, node->text);
			node->text = (char *)to;
		}
		mutant_emit(m, KG_MUTANT_IDENTITY, &((struct kg_bt_node *)r.nodes->pdata[0])->loc, "%s for %s everywhere", to, from);
		for (guint i = 0; i < r.nodes->len; i++)
			((struct kg_bt_node *)r.nodes->pdata[i])->text = old->pdata[i];
	}
	g_ptr_array_unref(r.nodes);
}

/* ---------------------------------------------------------------- probes */

static gboolean is_marker(const struct kg_bt_probe *probe)
{
	enum kg_probe_kind kind = ((struct kg_bt_attach *)probe->attach->pdata[0])->kind;

	return kind == KG_PROBE_BEGIN || kind == KG_PROBE_END;
}

static void drop_probes(struct mutating *m)
{
	GPtrArray *probes = m->program->probes;
	guint n = 0;

	for (guint i = 0; i < probes->len; i++)
		n += !is_marker(probes->pdata[i]);
	for (guint i = 0; n > 1 && i < probes->len; i++) {
		struct kg_bt_probe *probe = probes->pdata[i];
		GPtrArray *all = probes, *rest;
		if (is_marker(probe))
			continue;
		rest = g_ptr_array_new();
		for (guint k = 0; k < all->len; k++)
			if (k != i)
				g_ptr_array_add(rest, all->pdata[k]);
		m->program->probes = rest;
		mutant_emit(m, KG_MUTANT_PROBE, &probe->loc, "the probe at %s dropped", ((struct kg_bt_attach *)probe->attach->pdata[0])->raw);
		m->program->probes = all;
		g_ptr_array_unref(rest);
	}
}

static void drop_attach(struct mutating *m, struct kg_bt_probe *probe)
{
	GPtrArray *all = probe->attach;

	for (guint i = 0; all->len > 1 && i < all->len; i++) {
		g_autoptr(GPtrArray) rest = g_ptr_array_new();
		for (guint k = 0; k < all->len; k++)
			if (k != i)
				g_ptr_array_add(rest, all->pdata[k]);
		probe->attach = rest;
		mutant_emit(m, KG_MUTANT_PROBE, &probe->loc, "%s dropped", ((struct kg_bt_attach *)all->pdata[i])->raw);
		probe->attach = all;
	}
}

static gboolean is_there(struct mutating *m, const char *raw)
{
	g_autofree char *kind = g_strndup(raw, strcspn(raw, ":"));
	struct kg_point *point = NULL;
	gboolean ok = strchr(raw, ':') && m->profile && kg_profile_find(m->profile, kg_probe_kind_parse(kind, -1), strchr(raw, ':') + 1, &point, NULL) == 0;

	kg_point_free(point);
	return ok;
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	return at ? g_strdup_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) : NULL;
}

/* The printer writes what is in raw. */
static void move_attach(struct mutating *m, struct kg_bt_attach *attach)
{
	static const char *const moves[][2] = {
		{"sys_enter_", "sys_exit_"}, {"sys_exit_", "sys_enter_"}, {"kprobe:", "kretprobe:"}, {"kretprobe:", "kprobe:"},
		{"kfunc:", "kretfunc:"}, {"kretfunc:", "kfunc:"}, {"fentry:", "fexit:"}, {"fexit:", "fentry:"}, {"uprobe:", "uretprobe:"},
		{"uretprobe:", "uprobe:"}, {"_v4_", "_v6_"}, {"_v6_", "_v4_"}, {":tcp_connect", ":tcp_v4_connect"}, {":tcp_connect", ":tcp_v6_connect"},
		{"tcp_v4_connect", "tcp_connect"}, {"openat", "open"}, {"_read", "_write"}, {"_write", "_read"},
	};
	char *raw = attach->raw;

	for (gsize i = 0; i < G_N_ELEMENTS(moves); i++) {
		g_autofree char *other = replaced(raw, moves[i][0], moves[i][1]);
		if (!other || (moves[i][0][0] != ':' && strchr(moves[i][0], ':') && !g_str_has_prefix(raw, moves[i][0])) || !is_there(m, other))
			continue;
		attach->raw = other;
		mutant_emit(m, KG_MUTANT_PROBE, &attach->loc, "%s for %s", other, raw);
		attach->raw = raw;
	}
}

static void mutate_predicate(struct mutating *m, struct kg_bt_probe *probe)
{
	struct kg_bt_node *predicate = probe->predicate, *not;

	if (!predicate)
		return;
	probe->predicate = NULL;
	mutant_emit(m, KG_MUTANT_FILTER, &predicate->loc, "the predicate dropped");
	not = kg_bt_node_new(KG_BT_UNARY, NULL);
	not->op = KG_BT_NOT;
	kg_bt_node_add(not, kg_bt_node_copy(predicate));
	probe->predicate = not;
	mutant_emit(m, KG_MUTANT_FILTER, &predicate->loc, "the predicate inverted");
	kg_bt_node_free(not);
	probe->predicate = predicate;
}

/* ---------------------------------------------------------------- the walk */

static void walk(struct mutating *m, struct kg_bt_node **slot, struct kg_bt_node *parent)
{
	struct kg_bt_node *node = *slot;

	mutate_node(m, slot, parent);
	if (node->kind == KG_BT_BLOCK)
		mutate_block(m, node);
	for (guint i = 0; i < kg_bt_n_kids(node); i++)
		walk(m, (struct kg_bt_node **)&node->kids->pdata[i], node);
}

static void mutate_probe(struct mutating *m, struct kg_bt_probe *probe)
{
	m->probe = probe;
	mutate_predicate(m, probe);
	if (!is_marker(probe)) {
		drop_attach(m, probe);
		for (guint i = 0; i < probe->attach->len; i++)
			move_attach(m, probe->attach->pdata[i]);
	}
	if (probe->predicate)
		walk(m, &probe->predicate, NULL);
	walk(m, &probe->block, NULL);
}

/* Of all kinds in turn, so that a bound leaves no kind out. */
static GPtrArray *deal(struct mutating *m, guint max)
{
	GPtrArray *ret = g_ptr_array_new_with_free_func(mutant_free);
	guint at[KG_MUTANT_KINDS] = {0};
	gboolean goes_on = TRUE;

	while (goes_on && ret->len < max) {
		goes_on = FALSE;
		for (int k = 0; k < KG_MUTANT_KINDS && ret->len < max; k++)
			if (at[k] < m->made[k]->len) {
				g_ptr_array_add(ret, m->made[k]->pdata[at[k]++]);
				goes_on = TRUE;
			}
	}
	for (int k = 0; k < KG_MUTANT_KINDS; k++) {
		for (guint i = at[k]; i < m->made[k]->len; i++)
			mutant_free(m->made[k]->pdata[i]);
		g_ptr_array_unref(m->made[k]);
	}
	return ret;
}

GPtrArray *kg_mutants_make(struct kg_bt_program *program, struct kg_profile *profile, guint max)
{
	struct mutating m = {.program = program, .profile = profile};
	GString *original = g_string_new(NULL);
	GPtrArray *ret;

	kg_bt_print(program, original);
	m.texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_hash_table_add(m.texts, g_string_free(original, FALSE));
	for (int k = 0; k < KG_MUTANT_KINDS; k++)
		m.made[k] = g_ptr_array_new();
	rename_everywhere(&m, "tid", "pid");
	rename_everywhere(&m, "pid", "tid");
	drop_probes(&m);
	for (guint i = 0; i < program->probes->len; i++)
		mutate_probe(&m, program->probes->pdata[i]);
	ret = deal(&m, max);
	g_hash_table_destroy(m.texts);
	return ret;
}
