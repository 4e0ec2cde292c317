/*
 * The protocol of OpenAI's chat completions, as many servers speak it. Of the stream's chunks are read:
 *
 *   choices[0].delta.content             the text
 *   choices[0].delta.reasoning_content   (or .reasoning) counted, not kept
 *   choices[0].finish_reason             "stop", "length", "content_filter", ...
 *   usage.prompt_tokens, .completion_tokens
 */
#include "internal.h"

#include <string.h>

static json_t *messages(const struct kg_model_request *request)
{
	json_t *list = json_array();

	for (guint i = 0; i < request->n_messages; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "role", request->messages[i].role, "content", request->messages[i].text));
	return list;
}

static char *body(const struct kg_model *model, const struct kg_model_request *request)
{
	json_t *object = json_pack("{s:s, s:o, s:b}", "model", model->name, "messages", messages(request), "stream", TRUE);

	json_object_set_new(object, model->new_max_tokens ? "max_completion_tokens" : "max_tokens", json_integer(request->max_tokens));
	if (!model->no_temperature)
		json_object_set_new(object, "temperature", json_real(request->temperature));
	if (!model->no_stream_options)
		json_object_set_new(object, "stream_options", json_pack("{s:b}", "include_usage", TRUE));
	char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	return text;
}

static void headers(const struct kg_model *model, GPtrArray *list)
{
	if (model->key)
		g_ptr_array_add(list, g_strdup_printf("Authorization: Bearer %s", model->key));
}

static void take_end(struct kg_model_stream *s, const char *reason)
{
	if (!reason)
		return;
	s->is_finished = TRUE;
	if (!strcmp(reason, "length"))
		s->end = KG_MODEL_CUT;
	else if (!strcmp(reason, "content_filter"))
		s->end = KG_MODEL_REFUSED;
}

/* A message, or a piece of one. The content may also be a list of parts. */
static void take_message(struct kg_model_stream *s, json_t *message)
{
	json_t *content = json_object_get(message, "content"), *part;
	const char *reasoning = json_text(message, "reasoning_content");
	size_t i;

	stream_take_text(s, content);
	json_array_foreach(content, i, part)
		stream_take_text(s, json_object_get(part, "text"));
	if (json_text(message, "refusal") && *json_text(message, "refusal")) {
		stream_take_text(s, json_object_get(message, "refusal"));
		s->end = KG_MODEL_REFUSED;
	}
	reasoning = reasoning ? reasoning : json_text(message, "reasoning");
	s->reasoning += reasoning ? strlen(reasoning) : 0;
}

static int value(struct kg_model_stream *s, json_t *value, gboolean is_whole, struct kg_error *err)
{
	json_t *choices = json_object_get(value, "choices"), *choice = json_array_get(choices, 0);
	json_t *usage = json_object_get(value, "usage");

	if (is_whole && !json_is_object(choice))
		return kg_error_set(err, KG_E_PARSE, STAGE, "the server's answer has no choices in it: this is not the openai protocol");
	take_message(s, json_object_get(choice, is_whole ? "message" : "delta"));
	take_end(s, json_text(choice, "finish_reason"));
	s->is_finished = s->is_finished || is_whole;
	s->tokens_in = json_number(usage, "prompt_tokens", s->tokens_in);
	s->tokens_out = json_number(usage, "completion_tokens", s->tokens_out);
	return 0;
}

const struct protocol protocol_openai = {"openai", "/chat/completions", body, headers, value};
