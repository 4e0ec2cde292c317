/* Policy: what needs the user's word for that very thing, and what costs so much that it is said. See include/kgent/safety.h. */
#include <kgent/safety.h>

#include <string.h>

static gboolean is_allowed(const char *word, const char *const *allowed)
{
	for (; allowed && *allowed; allowed++)
		if (!strcmp(*allowed, word))
			return TRUE;
	return FALSE;
}

static void refuse(const struct kg_effect *e, GPtrArray *diags)
{
	struct kg_diag *d = kg_diag_add(diags, KG_ERROR, "policy", e->loc, "%s", e->text);

	kg_diag_hint(d, "if that is wanted: --allow %s", e->needs);
}

static void warn(const struct kg_effect *e, GPtrArray *diags)
{
	struct kg_diag *d = kg_diag_add(diags, KG_WARNING, "policy", e->loc, "%s", e->text);

	kg_diag_hint(d, "count or sum in a map instead, or add a condition that leaves most events out");
}

int kg_policy_check(const struct kg_effects *effects, const char *const *allowed, GPtrArray *diags)
{
	int r = 0;

	for (guint i = 0; i < effects->findings->len; i++) {
		const struct kg_effect *e = effects->findings->pdata[i];

		if (e->needs && !is_allowed(e->needs, allowed)) {
			refuse(e, diags);
			r = -KG_E_REFUSED;
		} else if (e->kind == KG_EFFECT_HOT_PRINT) {
			warn(e, diags);
		}
	}
	return r;
}
