/*
 * After the last round: what is known, and the one question to the user whose answer would help most. It comes from what failed: an event that
 * nobody could find, a field that is not there, a thing that policy forbids, or the model's own question.
 */
#include "loop.h"

#include <kgent/text.h>

#include <string.h>

static const struct kg_round *last_round(const GPtrArray *rounds)
{
	return rounds->len ? rounds->pdata[rounds->len - 1] : NULL;
}

static gboolean failed(const struct kg_verdict *verdict, const char *name)
{
	const struct kg_check *check = verdict ? kg_verdict_find(verdict, name) : NULL;

	return check && check->result == KG_CHECK_FAILED;
}

/* Attach points that speak of the question, for somebody to choose from. */
static char *near_points(struct kg_profile *profile, const char *question)
{
	g_autoptr(GPtrArray) hits = profile ? kg_profile_search(profile, question, 4) : NULL;
	GString *out = g_string_new(NULL);

	for (guint i = 0; hits && i < hits->len; i++) {
		const struct kg_hit *hit = hits->pdata[i];
		g_string_append_printf(out, "%s%s:%s", i ? ", " : "", kg_probe_info(hit->kind)->name, hit->target);
	}
	return g_string_free(out, FALSE);
}

static char *ask_for_event(struct kg_profile *profile, const char *question)
{
	g_autofree char *near = near_points(profile, question);

	return *near ? g_strdup_printf("Which event of the kernel is meant? There are for example %s", near) :
		       g_strdup("Which event of the kernel is meant? kgent probes WORDS finds some");
}

char *loop_question(const GPtrArray *rounds, const struct kg_verdict *verdict, struct kg_profile *profile, const char *question)
{
	const struct kg_round *last = last_round(rounds);

	if (last && last->kind == KG_ANSWER_REFUSAL && last->says && *last->says) {
		g_autofree char *says = g_strdup(last->says);
		g_strdelimit(says, "\n\r", ' ');
		return g_strdup_printf("The model says: %s", says);
	}
	if (!verdict)
		return ask_for_event(profile, question);
	if (verdict->is_policy)
		return g_strdup("The program would change the system, which was not allowed. What is to be seen without that?");
	if (failed(verdict, "attach points"))
		return ask_for_event(profile, question);
	if (failed(verdict, "types"))
		return g_strdup("Which value is to be shown? The one that was tried is not there; kgent probes ATTACH-POINT lists what is");
	if (failed(verdict, "build") || failed(verdict, "kernel verifier"))
		return g_strdup("Can it be asked for more simply: one event, one value, fewer conditions?");
	return g_strdup("Can it be said in other words: which event, what of it, by what, for how long?");
}

void loop_known(const GPtrArray *rounds, GPtrArray *known)
{
	for (guint i = 0; i < rounds->len; i++) {
		const struct kg_round *r = rounds->pdata[i];
		if (r->failures->len)
			g_ptr_array_add(known, g_strdup_printf("round %u: %s%s", r->number, (char *)r->failures->pdata[0],
							       r->failures->len > 1 ? " (and more)" : ""));
	}
}

/* ---------------------------------------------------------------- one process only */

struct look {
	int pid;
	gboolean found;
};

static gboolean is_builtin(const struct kg_bt_node *node, const char *name)
{
	return node->kind == KG_BT_BUILTIN && !g_strcmp0(node->text, name);
}

static gboolean see(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct look *look = userdata;

	if (node->kind == KG_BT_BINARY && (node->op == KG_BT_EQ || node->op == KG_BT_NE)) {
		const struct kg_bt_node *a = node->kids->pdata[0], *b = node->kids->pdata[1];
		look->found = look->found || (is_builtin(a, "pid") && b->kind == KG_BT_INT && b->num == (uint64_t)look->pid) ||
			      (is_builtin(b, "pid") && a->kind == KG_BT_INT && a->num == (uint64_t)look->pid);
	}
	return TRUE;
}

/* An end of a span that looks up what its beginning kept is restricted by that. */
static gboolean see_map(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct look *look = userdata;

	look->found = look->found || node->kind == KG_BT_MAP;
	return TRUE;
}

gboolean loop_is_restricted(const struct kg_bt_program *program, int pid)
{
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];
		const struct kg_bt_attach *attach = probe->attach->pdata[0];
		struct look look = {.pid = pid};
		if (attach->kind == KG_PROBE_BEGIN || attach->kind == KG_PROBE_END || attach->kind == KG_PROBE_INTERVAL)
			continue;
		if (probe->predicate) {
			kg_bt_walk_node(probe->predicate, see, NULL, &look);
			kg_bt_walk_node(probe->predicate, see_map, NULL, &look);
		}
		kg_bt_walk_node(probe->block, see, NULL, &look);
		if (!look.found)
			return FALSE;
	}
	return TRUE;
}
