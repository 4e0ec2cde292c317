/* What a request came to is kept in the memory: see remember.h. */
#include "remember.h"

#include <kgent/memory.h>

/* Why it failed, one line, or NULL. That a check was not made is no failure. Owned. */
static char *reason_of(const struct kg_outcome *o)
{
	const struct kg_check *failed = kg_verdict_failed(o->verdict);

	if (failed)
		return g_strdup_printf("%s: %s", failed->name, failed->detail ?: "failed");
	if (o->run && o->run->end == KG_RUN_FAILED)
		return g_strdup_printf("run: %s", o->run->why ?: "it failed");
	return NULL;
}

static void tell(const struct kg_cli *cli, const char *text, GPtrArray *notes)
{
	kg_cli_note(cli, "%s", text);
	g_ptr_array_add(notes, g_strdup(text));
}

static void tell_failure(const struct kg_cli *cli, const struct kg_error *err, GPtrArray *notes)
{
	g_autofree char *text = g_strdup_printf("this request is not kept in memory: %s%s%s", err->msg ?: "it failed", err->hint ? "; " : "",
						err->hint ?: "");

	tell(cli, text, notes);
}

void kg_remember(const struct kg_cli *cli, const struct kg_outcome *o, GPtrArray *notes)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *reason = reason_of(o);
	struct kg_memory_pair pair = {.prompt = (char *)o->prompt, .program = o->candidate->program, .language = (char *)o->candidate->language,
				      .engine = (char *)o->candidate->engine, .verdict = (char *)kg_verdict_name(o->verdict->word),
				      .kernel = o->profile ? (char *)kg_profile_release(o->profile) : NULL, .reason = reason};
	struct kg_memory_opts opts = {0};
	struct kg_memory *m = NULL;
	int r = kg_memory_open(&opts, &m, &err);

	if (!r && !kg_memory_is_read_only(m))
		r = kg_memory_learn(m, &pair, &err);
	if (r)
		tell_failure(cli, &err, notes);
	for (guint i = 0; m && i < kg_memory_notes(m)->len; i++)
		tell(cli, kg_memory_notes(m)->pdata[i], notes);
	kg_memory_free(m);
}
