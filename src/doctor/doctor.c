/* See include/kgent/doctor.h. */
#include "internal.h"

#include <string.h>

const char *kg_doctor_state_name(enum kg_doctor_state state)
{
	static const char *const names[] = {"ok", "limited", "missing", "note"};

	return names[state];
}

static void line_free(gpointer data)
{
	struct kg_doctor_line *l = data;

	g_free(l->name);
	g_free(l->text);
	g_free(l->cost);
	g_free(l->mend);
	g_free(l);
}

struct kg_doctor_line *kg_doctor_add(struct kg_doctor *d, const char *section, const char *name, enum kg_doctor_state state,
				     const char *text, const char *cost, const char *mend)
{
	struct kg_doctor_line *l = g_new0(struct kg_doctor_line, 1);

	l->section = g_intern_string(section);
	l->name = g_strdup(name);
	l->state = state;
	l->text = g_strdup(text ? text : "");
	l->cost = g_strdup(cost);
	l->mend = g_strdup(mend);
	g_ptr_array_add(d->lines, l);
	return l;
}

struct kg_doctor *kg_doctor_free(struct kg_doctor *d)
{
	if (d)
		g_ptr_array_unref(d->lines);
	g_free(d);
	return NULL;
}

gboolean kg_doctor_can_work(const struct kg_doctor *d)
{
	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);

		if (l->is_vital && l->state == KG_DOCTOR_MISSING)
			return FALSE;
	}
	return TRUE;
}

int kg_doctor_run(const struct kg_doctor_opts *opts, struct kg_doctor **ret, struct kg_error *err)
{
	static const struct kg_doctor_opts none;
	struct kg_profile *p = NULL;

	opts = opts ? opts : &none;
	int r = kg_profile_open(&opts->profile, &p, err);

	if (r < 0)
		return r;
	struct kg_doctor *d = g_new0(struct kg_doctor, 1);

	d->lines = g_ptr_array_new_with_free_func(line_free);
	kg_doctor_kernel(d, p);
	kg_doctor_kinds(d, p);
	kg_doctor_privileges(d);
	kg_doctor_tools(d);
	kg_doctor_sandbox(d);
	kg_doctor_data(d, p);
	kg_doctor_models(d, opts->ports);
	kg_profile_free(p);
	*ret = d;
	return 0;
}
