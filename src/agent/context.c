/*
 * What the cards know about whose context an event runs in, held against a program that a model wrote: at a completion or in an interrupt, comm and
 * pid are whoever was running, not who caused the event. No check refuses such a program, since somebody may want to know exactly that; so it is said.
 */
#include "loop.h"

#include <string.h>

/* What the cards say of an attach point: whether some event there runs in its own task's context, and whether one does not. */
struct context {
	gboolean is_task, is_none;
};

static gboolean has_point(const GPtrArray *sites, const char *point)
{
	for (guint i = 0; i < sites->len; i++) {
		const struct kg_card_site *site = sites->pdata[i];
		if (g_ptr_array_find_with_equal_func(site->at, point, g_str_equal, NULL))
			return TRUE;
	}
	return FALSE;
}

static void look_up(const struct kg_cards *cards, const char *point, struct context *ret)
{
	for (guint i = 0; i < kg_cards_n(cards); i++) {
		const struct kg_card *card = kg_cards_at(cards, i);
		for (guint j = 0; j < card->ways->len; j++) {
			const struct kg_card_way *way = card->ways->pdata[j];
			/* a way's context is that of its end; of where a span begins the cards say nothing */
			if (!has_point(way->sites, point))
				continue;
			ret->is_task = ret->is_task || way->context == KG_CONTEXT_TASK;
			ret->is_none = ret->is_none || way->context == KG_CONTEXT_NONE;
		}
	}
}

static gboolean see(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	static const char *const of_task[] = {"comm", "pid", "tid", "uid", "gid", "username", "cgroup", "ustack", NULL};
	const char **found = userdata;

	if (node->kind == KG_BT_BUILTIN && !*found && g_strv_contains(of_task, node->text))
		*found = node->text;
	return TRUE;
}

static gboolean observes_nothing(const struct kg_bt_program *program)
{
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];
		const struct kg_bt_attach *attach = probe->attach->pdata[0];
		if (attach->kind != KG_PROBE_BEGIN && attach->kind != KG_PROBE_END)
			return FALSE;
	}
	return TRUE;
}

void loop_context_notes(const struct kg_bt_program *program, const struct kg_cards *cards, GPtrArray *notes)
{
	if (program && observes_nothing(program)) /* which is an answer to few questions, and the easiest way past all checks */
		g_ptr_array_add(notes, g_strdup("the program observes no event: it has nothing but BEGIN and END"));
	for (guint i = 0; program && cards && i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];
		const struct kg_bt_attach *attach = probe->attach->pdata[0];
		g_autofree char *point = g_strdup_printf("%s:%s", kg_probe_info(attach->kind)->name, attach->target);
		struct context context = {0};
		const char *found = NULL;
		look_up(cards, point, &context);
		if (!context.is_none || context.is_task)
			continue;
		if (probe->predicate)
			kg_bt_walk_node(probe->predicate, see, NULL, &found);
		kg_bt_walk_node(probe->block, see, NULL, &found);
		if (found)
			g_ptr_array_add(notes, g_strdup_printf("at %s, %s is that of whoever was running, which need not be who caused the event", point, found));
	}
}
