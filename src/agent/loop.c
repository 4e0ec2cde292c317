/* The loop: see include/kgent/loop.h. What it is built of is the function one_round(). */
#include "loop.h"

#include <kgent/text.h>

#include <string.h>

#define SAMPLE_TEMPERATURE 0.7 /* several answers are only worth their price when they differ */

/* A question on its way. */
struct looping {
	const struct kg_loop_opts *opts;
	struct kg_loop_result *result;
	struct budget budget;
	struct recalled recalled;
	GPtrArray *attempts;    /* struct kg_brief_attempt *: of the rounds that count as attempts */
	GPtrArray *cache_names; /* char *: of this conversation */
	GString *more;          /* what the user added */
	char *digest;           /* of the template */
	char *previous;         /* the last program, which a change can refer to; or NULL */
	guint trials;
};

static void round_free(gpointer data)
{
	struct kg_round *r = data;

	g_free(r->program);
	g_free(r->says);
	g_ptr_array_unref(r->failures);
	g_ptr_array_unref(r->mends);
	g_free(r);
}

static struct kg_round *round_new(guint number)
{
	struct kg_round *r = g_new0(struct kg_round, 1);

	r->number = number;
	r->failures = g_ptr_array_new_with_free_func(g_free);
	r->mends = g_ptr_array_new_with_free_func(g_free);
	return r;
}

/* ---------------------------------------------------------------- brief */

static int build_brief(struct looping *l, struct kg_brief **ret, struct kg_error *err)
{
	const struct kg_loop_opts *o = l->opts;
	gint64 context = kg_config_int(o->config, "context");
	struct kg_bt_version version = {0};

	if (o->tool)
		version = (struct kg_bt_version){o->tool->major, o->tool->minor, o->tool->patch};
	const struct kg_brief_opts brief = {.question = o->question, .more = l->more->str, .profile = o->profile, .cards = o->cards,
					    .version = o->tool ? &version : NULL, .good = l->recalled.good, .failed = l->recalled.failed,
					    .attempts = l->attempts, .refused = o->refused, .allowed = o->check ? o->check->allowed : NULL,
					    .pid = o->pid, .for_ns = o->for_ns,
					    .tokens = context - l->budget.answer_tokens};
	int code = kg_brief_build(&brief, ret, err);
	if (code)
		return code;
	g_clear_pointer(&l->result->cards, g_ptr_array_unref);
	l->result->cards = g_ptr_array_ref((*ret)->cards);
	return 0;
}

/* ---------------------------------------------------------------- answer, from the cache or from the model */

/* The same question in the same state of its conversation: not the brief's own words, which change with what the memory learns. */
static char *cache_name(const struct looping *l, guint number, guint sample)
{
	const struct kg_loop_opts *o = l->opts;
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(parts, g_strdup(o->question));
	g_ptr_array_add(parts, g_strdup(l->more->str));
	g_ptr_array_add(parts, g_strdup(o->profile ? kg_profile_release(o->profile) : ""));
	g_ptr_array_add(parts, g_strdup(o->tool ? o->tool->text : ""));
	g_ptr_array_add(parts, g_strdup(l->digest ?: ""));
	g_ptr_array_add(parts, g_strdup_printf("%u %u %d %d", number, sample, o->pid, o->for_ns > 0));
	for (const char *const *a = o->check ? o->check->allowed : NULL; a && *a; a++)
		g_ptr_array_add(parts, g_strdup(*a));
	for (guint i = 0; i < l->attempts->len; i++)
		g_ptr_array_add(parts, g_strdup(((struct kg_brief_attempt *)l->attempts->pdata[i])->program ?: "none"));
	g_ptr_array_add(parts, NULL);
	return kg_answer_cache_name(o->model, (const char *const *)parts->pdata);
}

static int ask_model(struct looping *l, guint n_samples, struct kg_model_reply *reply, struct kg_error *err)
{
	const struct kg_loop_opts *o = l->opts;
	struct kg_brief *brief = NULL;
	double temperature = kg_config_number(o->config, "temperature");
	gint64 answer_tokens = 0;

	int code = build_brief(l, &brief, err);
	code = code ?: budget_allows(&l->budget, brief->tokens, &answer_tokens, err);
	if (!code) {
		const struct kg_model_message messages[] = {{"system", brief->system}, {"user", brief->user}};
		const struct kg_model_request request = {.messages = messages, .n_messages = G_N_ELEMENTS(messages), .max_tokens = (int)answer_tokens,
							 .temperature = n_samples > 1 && temperature == 0 ? SAMPLE_TEMPERATURE : temperature,
							 .progress = o->progress, .user = o->user, .cancel = o->cancel};
		code = kg_model_complete(o->model, &request, reply, err);
	}
	if (!code)
		budget_spend(&l->budget, brief, reply);
	kg_brief_free(brief);
	return code;
}

static void add_tokens(gint64 *sum, gint64 n)
{
	*sum = *sum < 0 || n < 0 ? -1 : *sum + n;
}

static int get_answer(struct looping *l, struct kg_round *round, guint sample, guint n_samples, struct kg_model_reply *reply, struct kg_error *err)
{
	const struct kg_loop_opts *o = l->opts;
	char *name = cache_name(l, round->number, sample);

	g_ptr_array_add(l->cache_names, name);
	if (!kg_config_bool(o->config, "fresh") && !kg_answer_cache_get(name, reply, &round->when, NULL)) {
		round->is_cached = TRUE;
		return 0;
	}
	if (kg_config_bool(o->config, "offline")) {
		int code = kg_error_set(err, KG_E_NOTFOUND, "model", "offline: %s has not answered this before, on this kernel with this bpftrace",
					kg_model_name(o->model));
		kg_error_hint(err, "without --offline it is asked");
		return code;
	}
	int code = ask_model(l, n_samples, reply, err);
	if (code)
		return code;
	round->tokens_in = reply->tokens_in;
	round->tokens_out = reply->tokens_out;
	add_tokens(&l->result->tokens_in, reply->tokens_in);
	add_tokens(&l->result->tokens_out, reply->tokens_out);
	l->result->requests += reply->requests;
	kg_answer_cache_put(name, reply, NULL);
	return 0;
}

/* ---------------------------------------------------------------- reading, mending, checking */

static void fail(struct kg_round *round, const char *text)
{
	g_ptr_array_add(round->failures, g_strdup(text));
}

static void read_answer(struct looping *l, const struct kg_model_reply *reply, struct kg_round *round)
{
	struct kg_answered *a = kg_answer_read(reply->text, l->previous);

	round->kind = a->kind;
	round->program = g_strdup(a->program);
	for (guint i = 0; i < a->notes->len; i++)
		g_ptr_array_add(round->mends, g_strdup(a->notes->pdata[i]));
	if (!a->program) {
		round->says = g_strdup(a->text ?: "");
		if (reply->end == KG_MODEL_REFUSED)
			round->kind = KG_ANSWER_REFUSAL;
		if (reply->end == KG_MODEL_CUT)
			fail(round, "the answer was cut off because it was too long: give the program only");
		else if (round->kind == KG_ANSWER_REFUSAL)
			fail(round, "no program was given; if there is any way to answer the question on this kernel, give it");
		for (guint i = 0; i < a->notes->len; i++)
			fail(round, a->notes->pdata[i]);
		if (!round->failures->len)
			fail(round, "there was no program in the answer: give the whole program in one code block");
	}
	kg_answer_free(a);
}

static void mend(const struct looping *l, struct kg_round *round)
{
	const struct kg_bpftrace *tool = l->opts->tool;
	struct kg_bt_version version = {0};

	if (tool)
		version = (struct kg_bt_version){tool->major, tool->minor, tool->patch};
	char *mended = kg_answer_mend(round->program, l->opts->profile, tool ? &version : NULL, round->mends);
	if (!mended)
		return;
	g_free(round->program);
	round->program = mended;
}

static int check(struct looping *l, struct kg_round *round, struct kg_verdict **ret, struct kg_error *err)
{
	struct kg_verdict *verdict = NULL;

	int code = kg_check_program(round->program, strlen(round->program), l->opts->check, &verdict, err);
	if (code)
		return code;
	g_ptr_array_unref(round->failures);
	round->failures = kg_feedback_of(verdict, round->program);
	round->verdict = kg_verdict_name(verdict->word);
	if (l->opts->pid && verdict->program && !loop_is_restricted(verdict->program, l->opts->pid)) {
		g_autofree char *text = g_strdup_printf("it does not restrict itself to process %d: every probe that is no timer needs the filter pid == %d",
							l->opts->pid, l->opts->pid);
		fail(round, text);
	}
	*ret = verdict;
	return 0;
}

static gboolean is_good(const struct kg_round *round, const struct kg_verdict *verdict)
{
	return verdict && verdict->word <= KG_VERDICT_UNLOADED && !round->failures->len;
}

/* Is the one better than what there is? A later program that fails in the same way is, since it has learned from the earlier ones. */
static gboolean is_better(const struct kg_loop_result *res, const struct kg_verdict *verdict)
{
	return !res->verdict || verdict->word <= res->verdict->word;
}

static void keep(struct looping *l, const struct kg_round *round, struct kg_verdict *verdict)
{
	struct kg_loop_result *res = l->result;
	/* what passes its checks and is yet not what was asked for (it looks at other processes, too) is nothing to be offered */
	gboolean is_beside = round->failures->len && verdict->word <= KG_VERDICT_UNLOADED;

	if (is_beside || !is_better(res, verdict)) {
		kg_verdict_free(verdict);
		return;
	}
	kg_verdict_free(res->verdict);
	kg_candidate_free(res->candidate);
	res->verdict = verdict;
	res->is_good = is_good(round, verdict);
	res->candidate = g_new0(struct kg_candidate, 1);
	res->candidate->program = g_strdup(round->program);
	res->candidate->language = "bpftrace";
	res->candidate->engine = "model";
	res->candidate->columns = g_ptr_array_new(); /* what its maps mean is not known */
	res->candidate->notes = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < round->mends->len; i++)
		g_ptr_array_add(res->candidate->notes, g_strdup_printf("the model's program: %s", (char *)round->mends->pdata[i]));
	loop_context_notes(verdict->program, l->opts->cards, res->candidate->notes);
	res->candidate->for_ns = l->opts->for_ns;
}

static void learn(const struct looping *l, const struct kg_round *round)
{
	const struct kg_loop_opts *o = l->opts;

	if (round->failures->len && !o->no_learning)
		learn_failure(o->memory, o->question, round, o->profile ? kg_profile_release(o->profile) : NULL);
}

/* One answer: asked for, read, mended, checked, kept, learned. */
static int one_sample(struct looping *l, struct kg_round *round, guint sample, guint n_samples, struct kg_error *err)
{
	struct kg_model_reply reply = {0};
	struct kg_verdict *verdict = NULL;

	int code = get_answer(l, round, sample, n_samples, &reply, err);
	if (code)
		return code;
	read_answer(l, &reply, round);
	kg_model_reply_clear(&reply);
	if (round->program) {
		mend(l, round);
		code = check(l, round, &verdict, err);
		if (code)
			return code;
		if (round->failures->len && !g_strcmp0(round->program, l->previous))
			g_ptr_array_insert(round->failures, -1, g_strdup("this is the program of the attempt before it again: write another one"));
		learn(l, round);
		keep(l, round, verdict);
	}
	return 0;
}

/* ---------------------------------------------------------------- rounds */

static void remember_attempt(struct looping *l, const struct kg_round *round)
{
	struct kg_brief_attempt *a = g_new0(struct kg_brief_attempt, 1);

	*a = (struct kg_brief_attempt){round->program, round->failures};
	g_ptr_array_add(l->attempts, a);
	if (round->program) {
		g_free(l->previous);
		l->previous = g_strdup(round->program);
	}
}

/* All samples of a round; the first good one ends it. */
static int one_round(struct looping *l, struct kg_error *err)
{
	guint n = (guint)kg_config_int(l->opts->config, "samples"), number = l->result->rounds->len + 1;
	int code = 0;

	for (guint sample = 0; sample < n && !l->result->is_good; sample++) {
		struct kg_round *round = round_new(sample ? l->result->rounds->len + 1 : number);
		code = one_sample(l, round, sample, n, err);
		if (code) {
			round_free(round);
			return code;
		}
		g_ptr_array_add(l->result->rounds, round);
		if (l->opts->round)
			l->opts->round(round, l->opts->user);
		if (sample == n - 1 && !l->result->is_good)
			remember_attempt(l, round);
	}
	return code;
}

static gboolean ask_user(struct looping *l)
{
	struct kg_loop_result *res = l->result;
	g_autofree char *answer = NULL;

	g_ptr_array_set_size(res->known, 0);
	loop_known(res->rounds, res->known);
	g_free(res->question);
	res->question = loop_question(res->rounds, res->verdict, l->opts->profile, l->opts->question);
	if (!l->opts->ask || !l->opts->ask(res->question, res->known, &answer, l->opts->user) || !answer)
		return FALSE;
	g_string_append_printf(l->more, "%s%s", l->more->len ? "\n" : "", answer);
	return TRUE;
}

static int all_rounds(struct looping *l, struct kg_error *err)
{
	guint trials = (guint)kg_config_int(l->opts->config, "trials");

	do {
		for (guint i = 0; i < trials && !l->result->is_good; i++) {
			int code = one_round(l, err);
			if (code)
				return code;
		}
	} while (!l->result->is_good && ask_user(l));
	return 0;
}

/* Answers that led nowhere are not kept: asked again, the model may do better. */
static void forget_failed(struct looping *l)
{
	for (guint i = 0; i < l->cache_names->len && !kg_config_bool(l->opts->config, "offline"); i++)
		kg_answer_cache_forget(l->cache_names->pdata[i]);
}

static void name_examples(struct looping *l)
{
	l->result->examples = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < l->recalled.good->len; i++)
		g_ptr_array_add(l->result->examples, g_strdup(((struct kg_brief_example *)l->recalled.good->pdata[i])->prompt));
}

int kg_loop_run(const struct kg_loop_opts *opts, struct kg_loop_result *ret, struct kg_error *err)
{
	struct looping l = {.opts = opts, .result = ret};

	*ret = (struct kg_loop_result){.rounds = g_ptr_array_new_with_free_func(round_free), .known = g_ptr_array_new_with_free_func(g_free)};
	int code = budget_init(&l.budget, opts->model, opts->config, err);
	if (code)
		return code;
	l.attempts = g_ptr_array_new_with_free_func(g_free);
	l.cache_names = g_ptr_array_new_with_free_func(g_free);
	l.more = g_string_new(NULL);
	l.digest = kg_template_digest("write");
	recall(opts->memory, opts->question, &l.recalled);
	name_examples(&l);
	code = all_rounds(&l, err);
	if (!code && !ret->is_good)
		forget_failed(&l);
	ret->is_cost_known = kg_model_cost(opts->model, ret->tokens_in, ret->tokens_out, &ret->cost);
	g_ptr_array_unref(l.attempts);
	g_ptr_array_unref(l.cache_names);
	g_string_free(l.more, TRUE);
	g_free(l.digest);
	g_free(l.previous);
	recalled_clear(&l.recalled);
	return code;
}

void kg_loop_result_clear(struct kg_loop_result *res)
{
	kg_candidate_free(res->candidate);
	kg_verdict_free(res->verdict);
	g_clear_pointer(&res->rounds, g_ptr_array_unref);
	g_clear_pointer(&res->known, g_ptr_array_unref);
	g_clear_pointer(&res->cards, g_ptr_array_unref);
	g_clear_pointer(&res->examples, g_ptr_array_unref);
	g_free(res->question);
	*res = (struct kg_loop_result){0};
}
