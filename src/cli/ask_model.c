/*
 * The model engine's steps of kgent "PROMPT": who may answer, asking, what is said of it, and what the memory keeps.
 *
 * The builtin engine comes first. Where it refuses, a model is asked if there is one; else the refusal tells how to get one. A model that is
 * configured and does not work is an error, and nothing else is asked instead.
 */
#include "ask.h"
#include "asking.h"
#include "show.h"

#include <kgent/brief.h>
#include <kgent/text.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char how_to_configure[] =
	"a language model may know how: name one in the configuration (kgent help config), or start a server such as Ollama on this machine";
static const char how_to_allow[] =
	"a language model may know how, and is switched off here (--no-model, --engine builtin, or no-model, engine in the configuration)";

/* ---------------------------------------------------------------- who may answer */

gboolean kg_ask_has_builtin(const struct asking *a)
{
	return strcmp(kg_config_get(a->config, "engine"), "model") != 0;
}

gboolean kg_ask_has_model(const struct asking *a)
{
	return strcmp(kg_config_get(a->config, "engine"), "builtin") && !kg_config_bool(a->config, "no-model");
}

static int open_model(struct asking *a)
{
	if (a->model)
		return GO_ON;
	if (kg_model_open(a->config, &a->model, a->notes, &a->err))
		return a->err.code == KG_E_INVAL ? KG_EXIT_USAGE : KG_EXIT_ENVIRONMENT;
	return GO_ON;
}

int kg_ask_open_config(struct asking *a)
{
	const struct kg_config_opts opts = {.flags = (const char *const *)a->args.settings->pdata};

	if (kg_config_open(&opts, &a->config, &a->err)) {
		kg_cli_error(a->cli, &a->err);
		return a->err.code == KG_E_INVAL ? KG_EXIT_USAGE : KG_EXIT_ENVIRONMENT;
	}
	if (kg_config_bool(a->config, "fresh") && kg_config_bool(a->config, "offline")) {
		kg_error_set(&a->err, KG_E_INVAL, "options", "fresh wants no answer from the cache, and offline none from anywhere else");
		return kg_cli_usage(a->cli, "ask", &a->err);
	}
	if (!kg_ask_has_model(a) && (a->args.summarise || !kg_ask_has_builtin(a))) {
		kg_error_set(&a->err, KG_E_INVAL, "options", "%s needs a model, and none may be asked (no-model, or engine builtin: kgent config show)",
			     a->args.summarise ? "--summarize" : "--engine model");
		return kg_cli_usage(a->cli, "ask", &a->err);
	}
	if (!a->args.summarise)
		return GO_ON;
	/* before anything runs, so that the end is not a surprise */
	int code = open_model(a);
	if (code == GO_ON && !a->model) {
		kg_error_set(&a->err, KG_E_NOTFOUND, "model", "--summarize needs a model, and there is none");
		kg_error_hint(&a->err, "%s", how_to_configure);
		code = KG_EXIT_ENVIRONMENT;
	}
	if (code != GO_ON)
		kg_cli_error(a->cli, &a->err);
	return code;
}

/* ---------------------------------------------------------------- refusing */

/* Nobody answers: what the builtin engine said is the answer, with what could be done. */
static int refuse(struct asking *a, const char *hint)
{
	a->hint = hint;
	if (a->refusal) {
		kg_show_refusal(a->refusal, hint);
		return KG_EXIT_REFUSED;
	}
	kg_error_hint(&a->err, "%s", hint);
	kg_cli_error(a->cli, &a->err);
	return a->err.code == KG_E_UNSUPPORTED ? KG_EXIT_ENVIRONMENT : kg_cli_exit(&a->err);
}

/* A model that is configured and can't be asked. The refusal comes first: it is why the model was wanted. */
static int model_failed(struct asking *a, int exit)
{
	if (a->refusal)
		kg_show_refusal(a->refusal, NULL);
	kg_cli_error(a->cli, &a->err);
	a->refusal = kg_refusal_free(a->refusal); /* the problem is the model's now */
	return exit;
}

/* ---------------------------------------------------------------- memory */

static void open_memory(struct asking *a)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_memory_opts opts = {0};

	if (a->is_memory_open || a->args.no_memory || !kg_memory_is_on())
		return;
	a->is_memory_open = TRUE;
	if (a->model && kg_model_embedding(a->model)) {
		opts.embed_name = kg_model_embedding(a->model);
		opts.embed = kg_model_embed;
		opts.embed_user = a->model;
	}
	if (kg_memory_open(&opts, &a->memory, &err)) {
		g_ptr_array_add(a->notes, g_strdup_printf("examples are those of the template alone: %s", err.msg));
		return;
	}
	kg_ask_take_notes(a, kg_memory_notes(a->memory));
}

/* ---------------------------------------------------------------- asking */

struct viewing {
	struct asking *a;
	struct kg_asking_view view;
};

static void on_progress(const struct kg_model_progress *progress, void *user)
{
	struct viewing *v = user;

	kg_asking_progress(progress, &v->view);
}

static char *date_of(gint64 when)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(when);

	return time ? g_date_time_format(time, "%F") : g_strdup("earlier");
}

/* One line a round: what became of it. The program itself is shown when it is the one to run, and with --explain. */
static void on_round(const struct kg_round *round, void *user)
{
	struct viewing *v = user;
	g_autoptr(GString) line = g_string_new(NULL);
	g_autofree char *date = round->is_cached ? date_of(round->when) : NULL;

	kg_asking_wipe(&v->view);
	g_string_append_printf(line, "round %u: %s", round->number, round->program ? round->verdict : kg_answer_kind_name(round->kind));
	if (round->is_cached)
		g_string_append_printf(line, " (answered on %s; --fresh asks anew)", date);
	if (round->failures->len)
		g_string_append_printf(line, ": %s", (char *)round->failures->pdata[0]);
	if (round->failures->len > 1)
		g_string_append_printf(line, " (and %u more)", round->failures->len - 1);
	if (round->says && *round->says)
		g_string_append_printf(line, "; it says: %.*s", (int)strcspn(round->says, "\n"), round->says);
	kg_cli_note(v->a->cli, "%s", line->str);
	if (v->a->args.explain && round->program && round->failures->len) {
		g_autoptr(GString) program = g_string_new(NULL);
		kg_text_escape_lines(round->program, -1, program);
		kg_cli_err(program->str);
	}
}

static gboolean read_answer(FILE *tty, char **ret)
{
	char line[2048];

	fputs("> ", stderr);
	fflush(stderr);
	if (!fgets(line, sizeof(line), tty))
		return FALSE;
	g_autofree char *valid = g_strstrip(g_utf8_make_valid(line, -1));
	if (!*valid)
		return FALSE;
	*ret = g_steal_pointer(&valid);
	return TRUE;
}

static void show_known(const GPtrArray *known, const char *question)
{
	g_autoptr(GString) out = g_string_new("kgent: no program of the model passed the checks. What is known:\n");

	for (guint i = 0; i < known->len; i++) {
		g_string_append(out, "  ");
		kg_text_escape(known->pdata[i], -1, out);
		g_string_append_c(out, '\n');
	}
	if (question)
		kg_text_escape(question, -1, out);
	g_string_append_c(out, '\n');
	kg_cli_err(out->str);
}

/* On a terminal the user can answer the one question, and the loop goes on. An empty line ends it. */
static gboolean on_question(const char *question, const GPtrArray *known, char **ret_answer, void *user)
{
	struct viewing *v = user;
	FILE *tty = isatty(STDERR_FILENO) && !v->a->cli->json && !v->a->args.yes ? fopen("/dev/tty", "re") : NULL;

	kg_asking_wipe(&v->view);
	show_known(known, question);
	if (!tty)
		return FALSE;
	kg_cli_err("Your answer goes to the model, which then tries again; an empty line ends it.\n");
	gboolean has_answer = read_answer(tty, ret_answer);
	fclose(tty);
	return has_answer;
}

/* With --explain: what the brief was made of. */
static void say_sources(struct asking *a)
{
	g_autoptr(GString) out = g_string_new(NULL);

	kg_show_list("cards told to the model: ", a->loop.cards, "", out);
	kg_show_list("examples told to the model: ", a->loop.examples, "\"", out);
	kg_cli_err(out->str);
}

static void say_spent(struct asking *a)
{
	g_autofree char *spent = kg_asking_spent(a->loop.requests, a->loop.tokens_in, a->loop.tokens_out, a->loop.is_cost_known, a->loop.cost);

	kg_cli_note(a->cli, "%s: %s", kg_model_name(a->model), spent);
}

static int run_loop(struct asking *a)
{
	struct kg_check_opts check = kg_ask_check_opts(a);
	struct viewing v = {.a = a};
	const struct kg_loop_opts opts = {.question = a->args.prompt, .refused = a->reason, .model = a->model, .config = a->config, .profile = a->profile, .cards = a->knowledge.cards,
					  .tool = check.tool,
					  .memory = a->memory, .no_learning = a->args.pid || a->args.command, .check = &check, .pid = a->args.pid ?: a->command.pid,
					  .for_ns = a->args.for_ns, .progress = on_progress, .round = on_round, .ask = on_question, .user = &v,
					  .cancel = kg_asking_catch()};

	check.trial = KG_TRIAL_NEVER;
	kg_asking_view_init(&v.view, a->cli, a->model);
	kg_model_cancel_by(a->model, opts.cancel);
	kg_error_clear(&a->err); /* why the builtin engine had no program: it was told */
	int code = kg_loop_run(&opts, &a->loop, &a->err);
	a->was_cancelled = *opts.cancel != 0;
	kg_model_cancel_by(a->model, NULL);
	kg_asking_release();
	kg_asking_wipe(&v.view);
	a->has_loop = TRUE;
	a->candidate = a->loop.candidate;
	a->verdict = a->loop.verdict;
	if (a->args.explain)
		say_sources(a);
	if (!code || a->loop.requests)
		say_spent(a);
	return code;
}

/* The exit code of a loop that came to an error. */
static int exit_of(const struct asking *a)
{
	if (a->err.code == KG_E_INVAL)
		return KG_EXIT_USAGE;
	return a->loop.rounds && a->loop.rounds->len ? KG_EXIT_NOT_VERIFIED : KG_EXIT_ENVIRONMENT;
}

static int conclude(struct asking *a, int code)
{
	const struct kg_round *last = a->loop.rounds->len ? a->loop.rounds->pdata[a->loop.rounds->len - 1] : NULL;

	if (a->was_cancelled) {
		if (!a->err.code)
			kg_error_set(&a->err, KG_E_LIMIT, "model", "cancelled");
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_NOT_VERIFIED;
	}
	if (code) {
		kg_cli_error(a->cli, &a->err);
		return exit_of(a);
	}
	if (a->candidate) {
		kg_ask_take_notes(a, a->candidate->notes);
		return GO_ON;
	}
	gboolean is_refusal = last && last->kind == KG_ANSWER_REFUSAL;
	kg_error_set(&a->err, is_refusal ? KG_E_REFUSED : KG_E_PARSE, "model", "%s", is_refusal ? "the model gave no program, but said why" :
		     last && last->program ? "the model gave no program that does what was asked for" : "the model gave no program");
	kg_cli_error(a->cli, &a->err);
	return is_refusal ? KG_EXIT_REFUSED : KG_EXIT_NOT_VERIFIED;
}

int kg_ask_model(struct asking *a)
{
	if (a->candidate)
		return GO_ON;
	if (!kg_ask_has_model(a))
		return refuse(a, how_to_allow);
	g_autofree char *reason = g_strdup(a->refusal ? a->refusal->why : a->err.msg);
	struct kg_error builtin = a->err;
	a->err = (struct kg_error){0};
	int code = open_model(a);
	if (code != GO_ON) {
		kg_error_clear(&builtin);
		return model_failed(a, code);
	}
	if (!a->model && !kg_ask_has_builtin(a)) {
		kg_error_set(&a->err, KG_E_NOTFOUND, "model", "--engine model: there is no model");
		kg_error_hint(&a->err, "%s", how_to_configure);
		kg_cli_error(a->cli, &a->err);
		return KG_EXIT_ENVIRONMENT;
	}
	if (!a->model) {
		a->err = builtin;
		return refuse(a, how_to_configure);
	}
	kg_error_clear(&builtin);
	if (reason) { /* it may know better than the model that there is no answer */
		kg_cli_note(a->cli, "the builtin engine does not answer this: %s", reason);
		g_ptr_array_add(a->notes, g_strdup_printf("the builtin engine does not answer this: %s", reason));
		a->reason = g_steal_pointer(&reason);
	}
	a->refusal = kg_refusal_free(a->refusal);
	if (!kg_config_bool(a->config, "offline"))
		kg_cli_note(a->cli, "asking %s (%s)", kg_model_name(a->model), kg_model_address(a->model));
	open_memory(a);
	if (!a->intent) {
		a->intent = kg_intent_new();
		code = kg_ask_start_command(a);
		if (code != GO_ON)
			return code;
	}
	return conclude(a, run_loop(a));
}

char *kg_ask_author(const struct asking *a)
{
	if (!a->has_loop)
		return g_strdup("the builtin engine");
	g_autoptr(GString) name = g_string_new(NULL);
	kg_text_escape(kg_model_name(a->model), -1, name);
	return g_strdup_printf("the model %s, in %u round%s", name->str, a->loop.rounds->len, a->loop.rounds->len == 1 ? "" : "s");
}

/* ---------------------------------------------------------------- summing up */

/* What the limits leave for a summary: tokens of its answer; 0: nothing. */
static int room_for_summary(const struct asking *a, const char *system, const char *user)
{
	gint64 max_tokens = kg_config_int(a->config, "max-tokens"), in = kg_model_estimate_tokens(system) + kg_model_estimate_tokens(user);
	gint64 answer = kg_config_int(a->config, "answer-tokens");
	double max_cost = kg_config_number(a->config, "max-cost"), cost;

	if (max_tokens) /* what a server did not say counts as nothing more than what is known */
		answer = MIN(answer, max_tokens - in - MAX(a->loop.tokens_in, 0) - MAX(a->loop.tokens_out, 0));
	if (max_cost > 0 && (!kg_model_cost(a->model, in, MAX(answer, 0), &cost) || cost + (a->loop.is_cost_known ? a->loop.cost : 0) > max_cost))
		return 0;
	return answer > 0 ? (int)answer : 0;
}

int kg_ask_summarise(struct asking *a)
{
	g_autofree char *program = NULL, *output = NULL, *system = NULL, *user = NULL;

	if (!a->args.summarise || !a->output->len)
		return KG_EXIT_OK;
	program = kg_template_quote(a->candidate->program, strlen(a->candidate->program), 8 << 10);
	/* half of the window, so that the instructions and the answer have room */
	output = kg_template_quote(a->output->str, a->output->len, (gsize)kg_config_int(a->config, "context") * 3 / 2);
	const struct kg_template_value values[] = {{"question", a->args.prompt}, {"program", program}, {"output", output}, {NULL, NULL}};
	int code = kg_template_fill("summarise", values, &system, &user, &a->err);
	int room = code ? 0 : room_for_summary(a, system, user);
	if (!code && !room)
		code = kg_error_set(&a->err, KG_E_LIMIT, "model", "--max-tokens or --max-cost leaves nothing for it");
	code = code ?: kg_asking_once(a->cli, a->model, a->config, room, system, user, &a->summary, &a->was_cancelled, &a->err);
	if (code) { /* what was found was shown */
		g_ptr_array_add(a->notes, g_strdup_printf("no summary: %s", a->err.msg));
		kg_cli_error(a->cli, &a->err);
		kg_error_clear(&a->err);
		return KG_EXIT_OK;
	}
	if (!a->cli->json) {
		g_autoptr(GString) text = g_string_new("\nsummary by ");
		kg_text_escape(kg_model_name(a->model), -1, text);
		g_string_append_printf(text, ", not checked:\n%s\n", a->summary);
		kg_cli_err(text->str);
	}
	return KG_EXIT_OK;
}
