/*
 * What is wrong, and whether another try can help. A status alone does not tell: 429 is "slow down" or "no credit left", and only the
 * first goes by. What servers call the second: OpenAI insufficient_quota and billing_hard_limit_reached, Anthropic billing_error and
 * "credit balance is too low" (with 400), OpenRouter and DeepSeek 402.
 */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

char *failure_hide_key(const struct kg_model *model, const char *s)
{
	GString *out = g_string_new(s);

	if (model->key && strlen(model->key) >= 4)
		g_string_replace(out, model->key, "(the key)", 0);
	return g_string_free(out, FALSE);
}

/* The server's own words: of JSON its message, of anything else nothing (pages of proxies help nobody). */
static char *words_of(const struct kg_model *model, const struct http_answer *answer)
{
	json_t *value = json_loadb(answer->body->str, answer->body->len, JSON_ALLOW_NUL, NULL);
	g_autofree char *problem = value ? json_problem(value) : NULL;

	json_decref(value);
	return problem ? failure_hide_key(model, problem) : NULL;
}

static gboolean says(const struct http_answer *answer, const char *what)
{
	return memmem(answer->body->str, answer->body->len, what, strlen(what)) != NULL;
}

static gboolean is_quota(const struct http_answer *answer)
{
	return answer->status == 402 || says(answer, "insufficient_quota") || says(answer, "billing_hard_limit") || says(answer, "billing_error") ||
	       says(answer, "billing_not_active") || says(answer, "credit balance is too low") || says(answer, "insufficient_balance");
}

gboolean failure_can_adapt(struct kg_model *model, const struct http_answer *answer)
{
	if (answer->end != HTTP_ANSWERED || (answer->status != 400 && answer->status != 422))
		return FALSE;
	if (!model->new_max_tokens && says(answer, "max_completion_tokens"))
		return model->new_max_tokens = TRUE;
	if (!model->no_temperature && says(answer, "temperature"))
		return model->no_temperature = TRUE;
	if (!model->no_stream_options && says(answer, "stream_options"))
		return model->no_stream_options = TRUE;
	return FALSE;
}

static void denied(const struct kg_model *model, struct kg_error *err)
{
	if (model->key)
		kg_error_hint(err, "the key for %s is wrong, or not allowed to do this; kgent config show tells where it came from", model->base);
	else
		kg_error_hint(err, "this server wants a key: api-key = ... beside base-url = %s in the configuration, or KGENT_API_KEY beside "
			      "KGENT_BASE_URL", model->base);
}

/* Everything with a status. */
static struct failure of_status(struct kg_model *model, const struct http_answer *answer, struct kg_error *err)
{
	g_autofree char *words = words_of(model, answer);
	g_autofree char *said = words ? g_strdup_printf(": %s", words) : g_strdup("");
	struct failure f = {.wait_s = answer->retry_after_s};
	long status = answer->status;

	if (is_quota(answer)) {
		kg_error_set(err, KG_E_PERM, STAGE, "%s takes no more requests on this account (quota or credit used up)%s", model->base, said);
		kg_error_hint(err, "trying again does not help: add credit, or choose another server with --base-url and --model");
	} else if (status == 401 || status == 403) {
		kg_error_set(err, KG_E_PERM, STAGE, "%s refuses access (HTTP %ld)%s", model->base, status, said);
		denied(model, err);
	} else if (status == 404) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s does not know the model %s, or not this protocol (HTTP 404)%s", model->base, model->name, said);
		kg_error_hint(err, "kgent doctor lists the models of servers on this machine; is base-url right?");
	} else if (status == 429) {
		kg_error_set(err, KG_E_LIMIT, STAGE, "%s takes no more requests for now (HTTP 429)%s", model->base, said);
		f.may_retry = TRUE;
	} else if (status == 408 || status == 529 || (status >= 500 && status != 501 && status != 505)) {
		kg_error_set(err, KG_E_IO, STAGE, "%s has a problem of its own (HTTP %ld)%s", model->base, status, said);
		f.may_retry = TRUE;
	} else if (status >= 300 && status < 400) {
		kg_error_set(err, KG_E_NOTFOUND, STAGE, "%s sends elsewhere (HTTP %ld), which is not followed: the key would go along", model->base, status);
		kg_error_hint(err, "set base-url to the address that is meant");
	} else if (status == 413 || says(answer, "context_length_exceeded") || says(answer, "prompt is too long") || says(answer, "context size")) {
		kg_error_set(err, KG_E_LIMIT, STAGE, "the question is too long for %s%s", model->name, said);
		kg_error_hint(err, "set context to the number of tokens that this model takes (kgent config show)");
	} else {
		kg_error_set(err, KG_E_PARSE, STAGE, "%s refuses the request (HTTP %ld)%s", model->base, status, said);
	}
	return f;
}

struct failure failure_of(struct kg_model *model, const struct http_answer *answer, int silence_s, struct kg_error *err)
{
	g_autofree char *why = failure_hide_key(model, answer->why ?: "no reason given");
	struct failure f = {.wait_s = -1};

	switch (answer->end) {
	case HTTP_ANSWERED:
		return of_status(model, answer, err);
	case HTTP_NO_HOST:
		kg_error_set(err, KG_E_IO, STAGE, "%s: the host's name is not known (%s)", model->base, why);
		break;
	case HTTP_NO_SERVER:
		kg_error_set(err, KG_E_IO, STAGE, "%s: no server answers there (%s)", model->base, why);
		kg_error_hint(err, "is it running? kgent doctor lists the model servers of this machine");
		break;
	case HTTP_NO_TRUST:
		kg_error_set(err, KG_E_PERM, STAGE, "%s: no trusted encrypted connection (%s)", model->base, why);
		break;
	case HTTP_TIMED_OUT:
		kg_error_set(err, KG_E_IO, STAGE, "%s: no connection in time (%s)", model->base, why);
		f.may_retry = TRUE;
		break;
	case HTTP_SILENT:
		kg_error_set(err, KG_E_LIMIT, STAGE, "%s was silent for %d s, and was given up", model->base, silence_s);
		kg_error_hint(err, "a model that takes longer needs a longer timeout (kgent config show)");
		break;
	case HTTP_TOO_LONG:
		kg_error_set(err, KG_E_LIMIT, STAGE, "%s did not come to an end, and was given up", model->base);
		kg_error_hint(err, "a model that takes longer needs a longer timeout (kgent config show): it gets ten times as long in all");
		break;
	case HTTP_CUT:
		kg_error_set(err, KG_E_IO, STAGE, answer->has_begun ? "%s: the answer was cut off (%s)" : "%s: the connection broke (%s)", model->base, why);
		f.may_retry = !answer->has_begun;
		break;
	case HTTP_NO_LIBRARY:
		kg_error_set(err, KG_E_TOOL, STAGE, "libcurl, which asks model servers, is not installed");
		kg_error_hint(err, "sudo apt-get install libcurl4");
		break;
	case HTTP_CANCELLED:
	case HTTP_STOPPED:
		kg_error_set(err, KG_E_LIMIT, STAGE, "the request was cancelled");
		break;
	}
	return f;
}
