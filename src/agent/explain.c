/* What a program does: read off its tree and the profile, nothing is built or loaded. */
#include "json.h"

#include <kgent/agent.h>

#include <string.h>

static void free_point(gpointer data)
{
	struct kg_explained_point *point = data;

	g_free(point->raw);
	g_free(point->why);
	g_free(point);
}

static gboolean is_one_of_a_kind(enum kg_probe_kind kind)
{
	return kind == KG_PROBE_BEGIN || kind == KG_PROBE_END || kind == KG_PROBE_SELF || kg_probe_info(kind)->is_timer;
}

static void look_up_pattern(struct kg_explained_point *point, struct kg_profile *profile, const char *pattern)
{
	g_autoptr(GPtrArray) names = kg_profile_match(profile, point->kind, pattern, 0);

	point->n = names ? names->len : 0;
	point->usable = point->n ? KG_YES : KG_UNKNOWN;
	if (!point->n)
		point->why = g_strdup("nothing in the profile matches this pattern");
	else
		point->fields = point->n == 1 ? kg_profile_fields(profile, point->kind, names->pdata[0]) : NULL;
}

static void look_up(struct kg_explained_point *point, struct kg_profile *profile, const struct kg_bt_attach *attach)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_point *found = NULL;

	if (attach->is_wildcard) {
		look_up_pattern(point, profile, attach->target);
		return;
	}
	if (kg_profile_find(profile, attach->kind, attach->target, &found, &err)) {
		point->usable = err.code == KG_E_NOTFOUND ? KG_NO : KG_UNKNOWN;
		point->why = g_strdup(err.msg);
		return;
	}
	point->n = 1;
	point->usable = found->usable;
	point->why = g_strdup(found->why);
	point->fields = kg_profile_fields(profile, attach->kind, attach->target);
	kg_point_free(found);
}

static struct kg_explained_point *explain_point(const struct kg_bt_attach *attach, struct kg_profile *profile)
{
	struct kg_explained_point *point = g_new0(struct kg_explained_point, 1);

	point->raw = g_strdup(attach->raw);
	point->kind = attach->kind;
	point->usable = KG_UNKNOWN;
	if (is_one_of_a_kind(attach->kind)) {
		point->n = 1;
		point->usable = KG_YES;
	} else if (profile) {
		look_up(point, profile, attach);
	} else {
		point->why = g_strdup("no kernel profile");
	}
	return point;
}

static void explain_points(const struct kg_bt_program *program, struct kg_profile *profile, GPtrArray *points)
{
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];
		for (guint j = 0; j < probe->attach->len; j++)
			g_ptr_array_add(points, explain_point(probe->attach->pdata[j], profile));
	}
}

/* Where the effects can't be read off there is less to say, and why is a finding. */
static void explain_words(const struct kg_bt_program *program, struct kg_profile *profile, struct kg_explanation *explanation)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_effects *effects = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (kg_effects_read(program, profile, NULL, &effects, &err)) {
		kg_diag_add(explanation->diags, KG_WARNING, "policy", (struct kg_loc){0}, "%s", err.msg);
		return;
	}
	kg_bt_explain(program, profile, effects, text);
	explanation->text = g_string_free(g_steal_pointer(&text), FALSE);
	kg_effects_free(effects);
}

int kg_explain_program(const char *text, gsize len, struct kg_profile *profile, const struct kg_bpftrace *tool,
		       struct kg_explanation **ret, struct kg_error *err)
{
	struct kg_explanation *explanation;
	struct kg_bt_program *program = NULL;
	struct kg_bt_version version = {0};

	if (!text || !ret)
		return kg_error_set(err, KG_E_INVAL, "explain", "there is nothing to explain");
	explanation = g_new0(struct kg_explanation, 1);
	explanation->diags = kg_diags_new();
	explanation->points = g_ptr_array_new_with_free_func(free_point);
	if (tool)
		version = (struct kg_bt_version){tool->major, tool->minor, tool->patch};
	explanation->parses = kg_bt_parse(text, len, explanation->diags, &program) == 0;
	if (explanation->parses) {
		kg_bt_check(program, profile, tool ? &version : NULL, explanation->diags);
		explain_words(program, profile, explanation);
		explain_points(program, profile, explanation->points);
	}
	kg_bt_free(program);
	*ret = explanation;
	return 0;
}

struct kg_explanation *kg_explanation_free(struct kg_explanation *explanation)
{
	if (!explanation)
		return NULL;
	g_free(explanation->text);
	g_ptr_array_unref(explanation->points);
	g_ptr_array_unref(explanation->diags);
	g_free(explanation);
	return NULL;
}

static json_t *json_fields(const GPtrArray *fields)
{
	json_t *list = json_array();

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *field = fields->pdata[i];
		json_array_append_new(list, json_pack("{s:o, s:o}", "name", kg_json_text(field->name), "type", kg_json_text(field->type)));
	}
	return list;
}

static const char *answer_name(enum kg_answer answer)
{
	return answer == KG_YES ? "yes" : answer == KG_NO ? "no" : "unknown";
}

void kg_explanation_json(const struct kg_explanation *explanation, const char *file, const char *said, int exit, GString *out)
{
	json_t *points = json_array();

	for (guint i = 0; i < explanation->points->len; i++) {
		const struct kg_explained_point *point = explanation->points->pdata[i];
		json_array_append_new(points, json_pack("{s:o, s:o, s:i, s:s, s:o, s:o}", "point", kg_json_text(point->raw), "kind",
							kg_json_text(kg_probe_info(point->kind)->name), "n", (int)point->n, "usable",
							answer_name(point->usable), "why", kg_json_text(point->why), "fields",
							json_fields(point->fields)));
	}
	kg_json_append(json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:i}", "type", "explanation", "file", kg_json_text(file), "text",
				 kg_json_text(explanation->text), "points", points, "findings", kg_json_findings(explanation->diags),
				 "model_text", kg_json_text(said), "exit", exit), out);
}
