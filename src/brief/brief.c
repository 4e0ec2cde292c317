/* The brief: sections by their share of the window, and the template around them. */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

#define DEFAULT_TOKENS 4096
#define BYTES_PER_TOKEN 3 /* rather too few: what does not fit fails, what is left out is only missed */
#define MAX_GOOD 4
#define MAX_BAD 2
#define MAX_ATTEMPT_LINES 8

struct sections {
	struct section facts; /* always there */
	struct section lacks, cards, points, structs, good, failed;
};

/* What is left of the window for facts, in parts of a hundred. */
static const struct {
	gsize offset;
	int percent;
} shares[] = {
	{offsetof(struct sections, lacks), 12},  {offsetof(struct sections, cards), 28}, {offsetof(struct sections, points), 24},
	{offsetof(struct sections, structs), 9}, {offsetof(struct sections, good), 21},  {offsetof(struct sections, failed), 6},
};

static struct section *section_at(struct sections *s, gsize i)
{
	return (struct section *)((char *)s + shares[i].offset);
}

static void sections_init(const struct kg_brief_opts *opts, struct sections *s, gsize bytes)
{
	s->facts = (struct section){g_string_new(NULL), G_MAXSIZE, FALSE};
	facts_add(opts, &s->facts);
	for (gsize i = 0; i < G_N_ELEMENTS(shares); i++)
		*section_at(s, i) = (struct section){g_string_new(NULL), bytes * (gsize)shares[i].percent / 100, FALSE};
}

static void sections_clear(struct sections *s)
{
	g_string_free(s->facts.text, TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(shares); i++)
		g_string_free(section_at(s, i)->text, TRUE);
}

static guint add_examples(const GPtrArray *examples, guint max, struct section *s)
{
	guint n = 0;

	for (guint i = 0; examples && i < examples->len && n < max; i++) {
		const struct kg_brief_example *e = examples->pdata[i];
		g_autoptr(GString) out = g_string_new("Question: ");
		kg_text_escape(e->prompt, -1, out);
		g_string_append(out, "\n```\n");
		kg_text_escape_lines(e->program, -1, out);
		g_string_append(out, g_str_has_suffix(out->str, "\n") ? "```\n" : "\n```\n");
		if (e->reason) {
			g_string_append(out, "This was wrong: ");
			kg_text_escape(e->reason, -1, out);
			g_string_append_c(out, '\n');
		}
		n += section_add(s, out->str);
	}
	return n;
}

/* All failures of all rounds, and the last program in full. */
static char *tell_attempts(const GPtrArray *attempts)
{
	GString *out = g_string_new(NULL);
	const char *program = NULL;

	for (guint i = 0; attempts && i < attempts->len; i++) {
		const struct kg_brief_attempt *a = attempts->pdata[i];
		g_string_append_printf(out, "Attempt %u failed:\n", i + 1);
		for (guint j = 0; j < a->failures->len && j < MAX_ATTEMPT_LINES; j++) {
			g_string_append(out, "- ");
			kg_text_escape(a->failures->pdata[j], -1, out);
			g_string_append_c(out, '\n');
		}
		program = a->program ? a->program : program;
	}
	if (program) {
		g_string_append(out, "The program of the last attempt:\n```\n");
		kg_text_escape_lines(program, -1, out);
		g_string_append(out, g_str_has_suffix(out->str, "\n") ? "```\n" : "\n```\n");
	}
	return g_string_free(out, FALSE);
}

static char *tell_conditions(const struct kg_brief_opts *opts)
{
	GString *out = g_string_new(NULL);

	if (opts->pid)
		g_string_append_printf(out, "Observe process %d only: every probe that is not a timer has the filter pid == %d.\n", opts->pid, opts->pid);
	if (opts->for_ns)
		g_string_append(out, "Whoever runs it ends it after some time: do not call exit().\n");
	for (const char *const *a = opts->allowed; a && *a; a++)
		g_string_append_printf(out, "The user allows it: %s.\n", *a);
	return g_string_free(out, FALSE);
}

static int fill(const struct kg_brief_opts *opts, struct sections *s, const char *attempts, struct kg_brief *brief, struct kg_error *err)
{
	g_autofree char *conditions = tell_conditions(opts);
	g_autoptr(GString) question = g_string_new(NULL);
	g_autoptr(GString) more = g_string_new(NULL);
	g_autoptr(GString) refused = g_string_new(NULL);

	kg_text_escape_lines(opts->question, -1, question);
	kg_text_escape_lines(opts->more ?: "", -1, more);
	kg_text_escape(opts->refused ?: "", -1, refused);
	const struct kg_template_value values[] = {
		{"question", question->str}, {"more", more->str}, {"refused", refused->str}, {"conditions", conditions}, {"facts", s->facts.text->str},
		{"lacks", s->lacks.text->str}, {"cards", s->cards.text->str}, {"points", s->points.text->str}, {"structs", s->structs.text->str},
		{"examples", s->good.text->str}, {"failed", s->failed.text->str}, {"attempts", attempts}, {NULL, NULL}};
	return kg_template_fill("write", values, &brief->system, &brief->user, err);
}

/* How many bytes the template takes with nothing but what must be in it. */
static int measure(const struct kg_brief_opts *opts, const char *attempts, gsize *ret, struct kg_error *err)
{
	struct kg_brief bare = {0};
	struct sections none;

	sections_init(opts, &none, 0);
	int code = fill(opts, &none, attempts, &bare, err);
	if (!code)
		*ret = strlen(bare.system) + strlen(bare.user);
	sections_clear(&none);
	g_free(bare.system);
	g_free(bare.user);
	return code;
}

static void gather(const struct kg_brief_opts *opts, struct sections *s, struct kg_brief *brief)
{
	struct words *w = words_new(opts->question);

	lacks_add(opts, &s->lacks);
	cards_add(opts, w, &s->cards, brief->cards);
	points_add(opts, w, &s->points, &s->structs, brief->points);
	brief->n_examples = add_examples(opts->good, MAX_GOOD, &s->good) + add_examples(opts->failed, MAX_BAD, &s->failed);
	words_free(w);
}

int kg_brief_build(const struct kg_brief_opts *opts, struct kg_brief **ret, struct kg_error *err)
{
	gsize room = (gsize)(opts->tokens > 0 ? opts->tokens : DEFAULT_TOKENS) * BYTES_PER_TOKEN, bare = 0;
	g_autofree char *attempts = tell_attempts(opts->attempts);
	struct sections s;

	int code = measure(opts, attempts, &bare, err);
	if (code)
		return code;
	if (bare > room) {
		code = kg_error_set(err, KG_E_LIMIT, "brief", "the question and what was tried so far take some %zu tokens, and the model takes %zu",
				    bare / BYTES_PER_TOKEN, room / BYTES_PER_TOKEN);
		kg_error_hint(err, "set context to the number of tokens that this model takes (kgent config show)");
		return code;
	}
	struct kg_brief *brief = g_new0(struct kg_brief, 1);
	brief->cards = g_ptr_array_new_with_free_func(g_free);
	brief->points = g_ptr_array_new_with_free_func(g_free);
	sections_init(opts, &s, room - bare);
	gather(opts, &s, brief);
	code = fill(opts, &s, attempts, brief, err);
	sections_clear(&s);
	if (code) {
		kg_brief_free(brief);
		return code;
	}
	brief->tokens = (gint64)((strlen(brief->system) + strlen(brief->user)) / BYTES_PER_TOKEN);
	*ret = brief;
	return 0;
}

struct kg_brief *kg_brief_free(struct kg_brief *brief)
{
	if (!brief)
		return NULL;
	g_free(brief->system);
	g_free(brief->user);
	g_ptr_array_unref(brief->cards);
	g_ptr_array_unref(brief->points);
	g_free(brief);
	return NULL;
}
