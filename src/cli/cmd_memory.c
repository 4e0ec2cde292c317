/*
 * kgent memory: what was learned, what is shipped, what was imported; looked at, searched, forgotten, moved between machines.
 *
 * Each of its words is a row of `actions`. An action does its part and leaves what is to be shown in `struct doing`.
 */
#include "cli.h"
#include "files.h"
#include "memory_show.h"
#include "options.h"

#include <kgent/memory.h>
#include <kgent/text.h>

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_LIST 20
#define LIMIT_MAX 1000000
#define MAX_IMPORT ((gsize)1 << 30)

const struct kg_option kg_memory_options[] = {
	{"limit", 'n', "N", "(list, search) show at most N (20 and 10; 0 with list: all)"},
	{"good", 0, NULL, "(list, search) only pairs that are fit as examples"},
	{"failed", 0, NULL, "(list, search) only pairs that failed"},
	{"kernel", 0, "RELEASE", "(list, search) only what was seen on this kernel, and examples that belong to none"},
	{"source", 0, "NAME", "(list, search, forget) only corpus, run or import"},
	{"programs", 0, NULL, "(list, search) show the programs, too"},
	{"corpus", 0, NULL, "(export) the shipped pairs, too"},
	{"output", 'o', "FILE", "(export) write to FILE instead of standard output"},
	{"force", 0, NULL, "(export) let -o replace a file"},
	{"all", 0, NULL, "(forget) all pairs, or all of --source"},
	{"yes", 'y', NULL, "(forget --all) without a question"},
	{NULL},
};

const char kg_memory_more[] =
	"  list                 pairs, the last seen first\n"
	"  show ID              one pair: its program, and what it came to on which kernel\n"
	"  search WORDS         the pairs most like a sentence\n"
	"  forget ID... | --all remove pairs for good; a shipped one stays away until recall\n"
	"  recall               take the forgotten shipped pairs up again\n"
	"  import FILE          a JSON array of {\"request\": ..., \"bpf\": ...}, JSON Lines of these, or what export wrote; - is standard input\n"
	"  export               the pairs as JSON Lines\n"
	"  stats                what there is\n\n"
	"KGENT_MEMORY=FILE keeps the memory in another file, KGENT_MEMORY=off switches it off.\n";

struct doing {
	const struct kg_cli *cli;
	struct kg_memory *m;
	struct kg_memory_query query;
	GPtrArray *words; /* operands behind the action's name; borrowed */
	gint64 limit;     /* -1: not given */
	gboolean programs, corpus, force, all, yes;
	const char *output;
	GString *out;     /* for people */
	json_t *answer;   /* for programs */
	struct kg_error err;
};

/* ---------------------------------------------------------------- arguments */

static int wrong(struct kg_error *err, const char *what, const char *hint)
{
	kg_error_set(err, KG_E_INVAL, "options", "%s", what);
	if (hint)
		kg_error_hint(err, "%s", hint);
	return -KG_E_INVAL;
}

static int take_limit(const char *value, gint64 *ret, struct kg_error *err)
{
	char *end;

	*ret = g_ascii_strtoll(value, &end, 10);
	if (end == value || *end || *ret < 0 || *ret > LIMIT_MAX)
		return kg_error_set(err, KG_E_INVAL, "options", "--limit takes a number from 0 to %d, not %s", LIMIT_MAX, value);
	return 0;
}

static int take_which(enum kg_memory_which which, struct doing *d)
{
	if (d->query.which && d->query.which != which)
		return wrong(&d->err, "--good and --failed exclude each other", NULL);
	d->query.which = which;
	return 0;
}

static int take_source(const char *value, struct doing *d)
{
	if (strcmp(value, "corpus") && strcmp(value, "run") && strcmp(value, "import"))
		return kg_error_set(&d->err, KG_E_INVAL, "options", "--source is corpus, run or import, not %s", value);
	d->query.source = value;
	return 0;
}

static int take_option(const char *name, const char *value, struct doing *d)
{
	const struct {
		const char *name;
		gboolean *flag;
	} flags[] = {{"programs", &d->programs}, {"corpus", &d->corpus}, {"force", &d->force}, {"all", &d->all}, {"yes", &d->yes}};

	for (gsize i = 0; i < G_N_ELEMENTS(flags); i++)
		if (!strcmp(name, flags[i].name)) {
			*flags[i].flag = TRUE;
			return 0;
		}
	if (!strcmp(name, "limit"))
		return take_limit(value, &d->limit, &d->err);
	if (!strcmp(name, "good") || !strcmp(name, "failed"))
		return take_which(!strcmp(name, "good") ? KG_MEMORY_GOOD : KG_MEMORY_FAILED, d);
	if (!strcmp(name, "source"))
		return take_source(value, d);
	if (!strcmp(name, "kernel"))
		d->query.kernel = value;
	if (!strcmp(name, "output"))
		d->output = value;
	return 0;
}

static int parse_args(int argc, char **argv, struct doing *d)
{
	struct kg_option_walk walk = {.table = kg_memory_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	d->limit = -1;
	while ((found = kg_option_next(&walk, &option, &d->err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG || (found == KG_OPTION_OPTION && take_option(option->name, walk.value, d)))
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND)
			g_ptr_array_add(d->words, (gpointer)walk.value);
	}
	return 0;
}

static int take_id(const char *word, gint64 *ret, struct kg_error *err)
{
	char *end;

	*ret = g_ascii_strtoll(word, &end, 10);
	if (end != word && !*end && *ret > 0)
		return 0;
	kg_error_set(err, KG_E_INVAL, "options", "%s is no pair's number", word);
	kg_error_hint(err, "kgent memory list shows the numbers");
	return -KG_E_INVAL;
}

static int want_words(struct doing *d, guint min, guint max, const char *want)
{
	return d->words->len >= min && d->words->len <= max ? 0 : wrong(&d->err, want, NULL);
}

/* ---------------------------------------------------------------- actions */

static int do_list(struct doing *d)
{
	g_autoptr(GPtrArray) pairs = NULL;
	json_t *list = json_array();

	json_object_set_new(d->answer, "pairs", list);
	d->query.limit = d->limit >= 0 ? (guint)d->limit : LIMIT_LIST;
	if (want_words(d, 0, 0, "list takes no words; kgent memory search looks for them") || kg_memory_list(d->m, &d->query, &pairs, &d->err))
		return -d->err.code;
	for (guint i = 0; i < pairs->len; i++)
		json_array_append_new(list, kg_pair_json(pairs->pdata[i]));
	if (pairs->len)
		kg_show_pairs(pairs, d->programs, d->cli->color_out, d->out);
	else
		kg_cli_note(d->cli, "there is no such pair");
	if (d->limit < 0 && pairs->len == LIMIT_LIST && !d->cli->json)
		kg_cli_note(d->cli, "there may be more; --limit 0 shows all");
	return 0;
}

static int do_show(struct doing *d)
{
	g_autoptr(GPtrArray) outcomes = NULL;
	struct kg_memory_pair *pair = NULL;
	gint64 id = 0;

	if (want_words(d, 1, 1, "show takes the number of one pair") || take_id(d->words->pdata[0], &id, &d->err) ||
	    kg_memory_get(d->m, id, &pair, &d->err))
		return -d->err.code;
	int r = kg_memory_outcomes(d->m, id, &outcomes, &d->err);
	if (!r) {
		json_t *object = kg_pair_json(pair);
		json_object_set_new(object, "outcomes", kg_outcomes_json(outcomes));
		json_object_set_new(d->answer, "pair", object);
		kg_show_pair(pair, outcomes, d->cli->color_out, d->out);
	}
	kg_memory_pair_free(pair);
	return r;
}

static int do_search(struct doing *d)
{
	g_autoptr(GPtrArray) hits = NULL;
	json_t *list = json_array();

	json_object_set_new(d->answer, "pairs", list);
	if (want_words(d, 1, G_MAXUINT, "search needs a sentence: kgent memory search \"tcp connections by process\""))
		return -d->err.code;
	g_ptr_array_add(d->words, NULL);
	g_autofree char *query = g_strjoinv(" ", (char **)d->words->pdata);
	json_object_set_new(d->answer, "query", kg_memory_text_json(query));
	if (!d->limit)
		return wrong(&d->err, "a search shows at least one: --limit 0 is for list", NULL);
	d->query.limit = d->limit > 0 ? (guint)d->limit : 0;
	if (kg_memory_search(d->m, query, &d->query, &hits, &d->err))
		return -d->err.code;
	for (guint i = 0; i < hits->len; i++)
		json_array_append_new(list, kg_hit_json(hits->pdata[i]));
	if (hits->len)
		kg_show_hits(hits, d->programs, d->cli->color_out, d->out);
	else
		kg_cli_note(d->cli, "nothing like it is in memory");
	return 0;
}

static gboolean confirms(const char *question)
{
	char line[64] = "";
	FILE *tty = isatty(STDERR_FILENO) ? fopen("/dev/tty", "re") : NULL;

	if (!tty)
		return FALSE;
	kg_cli_err(question);
	if (!fgets(line, sizeof(line), tty))
		*line = '\0';
	fclose(tty);
	g_strstrip(line);
	return !g_ascii_strcasecmp(line, "y") || !g_ascii_strcasecmp(line, "yes");
}

static int forget_all(struct doing *d)
{
	guint n = 0;

	if (d->words->len)
		return wrong(&d->err, "--all forgets all pairs, and there is a number beside it", NULL);
	if (!d->yes && !confirms(d->query.source ? "Forget all pairs of this source? [y/N] " : "Forget everything? [y/N] "))
		return wrong(&d->err, "nothing was forgotten", "add --yes to forget without a question");
	if (kg_memory_forget_all(d->m, d->query.source, &n, &d->err))
		return -d->err.code;
	json_object_set_new(d->answer, "forgotten", json_integer(n));
	kg_cli_note(d->cli, "%u pairs forgotten", n);
	return 0;
}

static int do_forget(struct doing *d)
{
	gint64 id = 0;

	if (d->all)
		return forget_all(d);
	if (want_words(d, 1, G_MAXUINT, "forget takes the numbers of pairs, or --all"))
		return -d->err.code;
	for (guint i = 0; i < d->words->len; i++)
		if (take_id(d->words->pdata[i], &id, &d->err))
			return -d->err.code;
	for (guint i = 0; i < d->words->len; i++) {
		take_id(d->words->pdata[i], &id, &d->err);
		if (kg_memory_forget(d->m, id, &d->err))
			return -d->err.code;
		kg_cli_note(d->cli, "pair %" G_GINT64_FORMAT " is forgotten", id);
		json_object_set_new(d->answer, "forgotten", json_integer(i + 1));
	}
	return 0;
}

static int do_recall(struct doing *d)
{
	guint n = 0;

	if (want_words(d, 0, 0, "recall takes no words: it brings all forgotten shipped pairs back") || kg_memory_recall(d->m, &n, &d->err))
		return -d->err.code;
	json_object_set_new(d->answer, "recalled", json_integer(n));
	kg_cli_note(d->cli, "%u shipped pairs are back", n);
	return 0;
}

static void tell_import(struct doing *d, const struct kg_memory_imported *r)
{
	json_t *skipped = json_array();

	for (guint i = 0; i < r->skipped->len; i++) {
		g_autofree char *line = g_strdup_printf("skipped %s", (const char *)r->skipped->pdata[i]);
		kg_cli_warn(line); /* quiet or not: it is not in memory */
		json_array_append_new(skipped, kg_memory_text_json(r->skipped->pdata[i]));
	}
	if (r->n_skipped > r->skipped->len)
		kg_cli_note(d->cli, "and %u more were skipped", r->n_skipped - r->skipped->len);
	kg_cli_note(d->cli, "%u pairs are new, %u were known, %u bad records were skipped", r->n_new, r->n_merged, r->n_skipped);
	json_object_set_new(d->answer, "imported", json_pack("{s:I, s:I, s:I, s:o}", "new", (json_int_t)r->n_new, "known",
							     (json_int_t)r->n_merged, "skipped", (json_int_t)r->n_skipped, "why", skipped));
}

static int do_import(struct doing *d)
{
	struct kg_memory_imported r = {0};
	g_autofree char *text = NULL;
	gsize len = 0;

	if (want_words(d, 1, 1, "import takes one file, or - for standard input") ||
	    kg_cli_read(d->words->pdata[0], MAX_IMPORT, &text, &len, &d->err) || kg_memory_import(d->m, text, len, &r, &d->err))
		return -d->err.code;
	tell_import(d, &r);
	gboolean is_nothing = !r.n_new && !r.n_merged && r.n_skipped;
	kg_memory_imported_clear(&r);
	return is_nothing ? wrong(&d->err, "no record of it could be taken", NULL) : 0;
}

static gboolean collect(void *user, const char *line, gsize len)
{
	g_string_append_len(user, line, (gssize)len);
	return TRUE;
}

static gboolean print(void *user, const char *line, gsize len)
{
	(void)user;
	return fwrite(line, 1, len, stdout) == len;
}

/* Pairs go out as they are read; to a file whole or not at all. */
static int do_export(struct doing *d)
{
	g_autoptr(GString) text = g_string_new(NULL);

	if (want_words(d, 0, 0, "export takes no words; -o FILE names a file"))
		return -d->err.code;
	if (!d->output || !strcmp(d->output, "-"))
		return kg_memory_export(d->m, d->corpus, print, NULL, &d->err);
	if (kg_memory_export(d->m, d->corpus, collect, text, &d->err) || kg_cli_write(d->output, text->str, d->force, &d->err))
		return -d->err.code;
	kg_cli_note(d->cli, "written to %s", d->output);
	return 0;
}

static int do_stats(struct doing *d)
{
	struct kg_memory_stats s = {0};
	gboolean read_only = kg_memory_is_read_only(d->m);

	if (want_words(d, 0, 0, "stats takes no words") || kg_memory_stats(d->m, &s, &d->err))
		return -d->err.code;
	json_object_set_new(d->answer, "stats", kg_memory_stats_json(&s, read_only));
	kg_show_memory_stats(&s, kg_memory_file(d->m), read_only, d->out);
	kg_memory_stats_clear(&s);
	return 0;
}

static const struct action {
	const char *name;
	int (*run)(struct doing *d);
	gboolean is_lines; /* with --json it is JSON Lines already */
} actions[] = {
	{"list", do_list},     {"show", do_show},     {"search", do_search},       {"forget", do_forget},
	{"recall", do_recall}, {"import", do_import}, {"export", do_export, TRUE}, {"stats", do_stats},
};

/* ---------------------------------------------------------------- the command */

static const struct action *find_action(struct doing *d)
{
	const char *word = d->words->len ? d->words->pdata[0] : NULL;

	for (gsize i = 0; word && i < G_N_ELEMENTS(actions); i++)
		if (!strcmp(actions[i].name, word)) {
			g_ptr_array_remove_index(d->words, 0);
			return &actions[i];
		}
	if (!word)
		wrong(&d->err, "memory needs a word: list, show, search, forget, recall, import, export or stats", NULL);
	else
		kg_error_set(&d->err, KG_E_INVAL, "options", "memory can't %s: it knows list, show, search, forget, recall, import, export and stats",
			     word);
	if (word)
		kg_error_hint(&d->err, "a sentence that begins with the word memory is put in quotes: kgent \"memory ...\"");
	return NULL;
}

/* What the user named wrongly is usage; what the file or the system does not give is the environment. */
static int exit_of(const struct kg_error *err)
{
	switch ((enum kg_errc)err->code) {
	case KG_E_INVAL:
	case KG_E_NOTFOUND:
		return KG_EXIT_USAGE;
	case KG_E_IO:
		return !g_strcmp0(err->stage, "export") ? KG_EXIT_OUTPUT : KG_EXIT_ENVIRONMENT;
	case KG_E_PARSE:
		return !g_strcmp0(err->stage, "import") ? KG_EXIT_USAGE : KG_EXIT_ENVIRONMENT;
	default:
		return KG_EXIT_ENVIRONMENT;
	}
}

static void tell_notes(struct doing *d)
{
	const GPtrArray *notes = kg_memory_notes(d->m);
	json_t *list = json_array();

	for (guint i = 0; i < notes->len; i++) {
		if (!d->cli->json)
			kg_cli_warn(notes->pdata[i]);
		json_array_append_new(list, kg_memory_text_json(notes->pdata[i]));
	}
	json_object_set_new(d->answer, "notes", list);
}

static gboolean answer_json(struct doing *d, const struct action *action, int code)
{
	json_t *problem = d->err.code ? json_pack("{s:s, s:o, s:o}", "kind", kg_errc_name(d->err.code), "message",
						  kg_memory_text_json(d->err.msg), "hint", kg_memory_text_json(d->err.hint)) : json_null();

	json_object_set_new(d->answer, "action", action ? json_string(action->name) : json_null());
	json_object_set_new(d->answer, "file", d->m ? kg_memory_text_json(kg_memory_file(d->m)) : json_null());
	json_object_set_new(d->answer, "problem", problem);
	json_object_set_new(d->answer, "exit", json_integer(code));
	char *text = json_dumps(d->answer, JSON_COMPACT);
	g_autofree char *line = g_strconcat(text ?: "{}", "\n", NULL);
	free(text);
	return kg_cli_out(line);
}

static int act(struct doing *d, const struct action *action)
{
	struct kg_memory_opts opts = {0};

	if (!kg_memory_is_on())
		wrong(&d->err, "the memory is switched off by KGENT_MEMORY", "unset it, or set it to a file");
	else if (!kg_memory_open(&opts, &d->m, &d->err))
		action->run(d);
	if (d->m)
		tell_notes(d);
	return d->err.code ? exit_of(&d->err) : KG_EXIT_OK;
}

int kg_cmd_memory(const struct kg_cli *cli, int argc, char **argv)
{
	struct doing d = {.cli = cli, .words = g_ptr_array_new(), .out = g_string_new(NULL), .answer = json_pack("{s:s}", "type", "memory")};
	const struct action *action = parse_args(argc, argv, &d) ? NULL : find_action(&d);
	int code = action ? act(&d, action) : KG_EXIT_USAGE;

	if (cli->json && !(action && action->is_lines && !d.err.code))
		code = answer_json(&d, action, code) ? code : KG_EXIT_OUTPUT;
	else if (d.out->len && !kg_cli_out(d.out->str))
		code = KG_EXIT_OUTPUT;
	if (d.err.code && !cli->json) {
		if (action)
			kg_cli_error(cli, &d.err);
		else
			kg_cli_usage(cli, "memory", &d.err);
	}
	kg_memory_free(d.m);
	g_ptr_array_unref(d.words);
	g_string_free(d.out, TRUE);
	json_decref(d.answer);
	kg_error_clear(&d.err);
	return code;
}
