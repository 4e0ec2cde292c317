/*
 * Anthropic's Messages API, version 2023-06-01. Of the stream's events are read:
 *
 *   message_start        message.usage.input_tokens (and those of its cache)
 *   content_block_delta  delta.text; delta.thinking is counted, not kept
 *   message_delta        delta.stop_reason, usage.output_tokens
 *   message_stop         the end
 *   error                reported by the reader of streams
 */
#include "internal.h"

#include <string.h>

/* What the system is told stands apart from the messages here. */
static char *body(const struct kg_model *model, const struct kg_model_request *request)
{
	json_t *list = json_array();
	g_autoptr(GString) system = g_string_new(NULL);

	for (guint i = 0; i < request->n_messages; i++) {
		const struct kg_model_message *m = &request->messages[i];
		if (!strcmp(m->role, "system"))
			g_string_append_printf(system, "%s%s", system->len ? "\n\n" : "", m->text);
		else
			json_array_append_new(list, json_pack("{s:s, s:s}", "role", m->role, "content", m->text));
	}
	json_t *object = json_pack("{s:s, s:i, s:o, s:b}", "model", model->name, "max_tokens", request->max_tokens, "messages", list, "stream",
				   TRUE);
	if (system->len)
		json_object_set_new(object, "system", json_string(system->str));
	if (!model->no_temperature)
		json_object_set_new(object, "temperature", json_real(MIN(request->temperature, 1)));
	char *text = json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(object);
	return text;
}

static void headers(const struct kg_model *model, GPtrArray *list)
{
	g_ptr_array_add(list, g_strdup("anthropic-version: 2023-06-01"));
	if (model->key)
		g_ptr_array_add(list, g_strdup_printf("x-api-key: %s", model->key));
}

static void take_end(struct kg_model_stream *s, const char *reason)
{
	if (!g_strcmp0(reason, "max_tokens") || !g_strcmp0(reason, "model_context_window_exceeded"))
		s->end = KG_MODEL_CUT;
	else if (!g_strcmp0(reason, "refusal"))
		s->end = KG_MODEL_REFUSED;
}

static void take_usage(struct kg_model_stream *s, json_t *usage)
{
	gint64 in = json_number(usage, "input_tokens", -1);

	if (in >= 0)
		s->tokens_in = in + json_number(usage, "cache_creation_input_tokens", 0) + json_number(usage, "cache_read_input_tokens", 0);
	s->tokens_out = json_number(usage, "output_tokens", s->tokens_out);
}

static int take_whole(struct kg_model_stream *s, json_t *value, struct kg_error *err)
{
	json_t *content = json_object_get(value, "content"), *block;
	size_t i;

	if (!json_is_array(content))
		return kg_error_set(err, KG_E_PARSE, STAGE, "the server's answer has no content in it: this is not the anthropic protocol");
	json_array_foreach(content, i, block)
		stream_take_text(s, json_object_get(block, "text"));
	take_usage(s, json_object_get(value, "usage"));
	take_end(s, json_text(value, "stop_reason"));
	s->is_finished = TRUE;
	return 0;
}

static int value(struct kg_model_stream *s, json_t *value, gboolean is_whole, struct kg_error *err)
{
	const char *type = json_text(value, "type") ?: "";
	json_t *delta = json_object_get(value, "delta");

	if (is_whole)
		return take_whole(s, value, err);
	if (!strcmp(type, "message_start")) {
		take_usage(s, json_object_get(json_object_get(value, "message"), "usage"));
	} else if (!strcmp(type, "content_block_delta")) {
		stream_take_text(s, json_object_get(delta, "text"));
		s->reasoning += json_text(delta, "thinking") ? strlen(json_text(delta, "thinking")) : 0;
	} else if (!strcmp(type, "message_delta")) {
		take_usage(s, json_object_get(value, "usage"));
		take_end(s, json_text(delta, "stop_reason"));
	} else if (!strcmp(type, "message_stop")) {
		s->is_finished = TRUE;
	}
	return 0;
}

const struct protocol protocol_anthropic = {"anthropic", "/messages", body, headers, value};
