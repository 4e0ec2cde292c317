/*
 * From bytes to an answer. What a server sends for "stream": true is, if it does as it was told, a stream of events (WHATWG HTML, 9.2):
 *
 *   event: content_block_delta
 *   data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"kprobe"}}
 *   (empty line)
 *
 * and else one JSON value. Lines end with \n, \r\n or \r; lines that begin with ':' are comments; data of several lines is joined; of the names
 * of events none is needed, since the values carry their type. "data: [DONE]" is openai's end.
 */
#include "internal.h"

#include <kgent/text.h>

#include <string.h>

/* Reasoning and JSON around the text take room, too. */
#define MAX_STREAM_BYTES (64u << 20)
#define MAX_LINE_BYTES (4u << 20)

struct kg_model_stream *kg_model_stream_new(const char *protocol)
{
	struct kg_model_stream *s = g_new0(struct kg_model_stream, 1);

	s->protocol = protocol_find(protocol);
	s->line = g_string_new(NULL);
	s->data = g_string_new(NULL);
	s->whole = g_string_new(NULL);
	s->text = g_string_new(NULL);
	s->tokens_in = s->tokens_out = -1;
	return s;
}

struct kg_model_stream *kg_model_stream_free(struct kg_model_stream *s)
{
	if (!s)
		return NULL;
	g_string_free(s->line, TRUE);
	g_string_free(s->data, TRUE);
	g_string_free(s->whole, TRUE);
	g_string_free(s->text, TRUE);
	g_free(s);
	return NULL;
}

const char *kg_model_stream_text(const struct kg_model_stream *s)
{
	return s->text->str;
}

gsize kg_model_stream_reasoning(const struct kg_model_stream *s)
{
	return s->reasoning;
}

/* ---------------------------------------------------------------- JSON, of which nothing is taken for granted */

const char *json_text(json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

gint64 json_number(json_t *object, const char *name, gint64 otherwise)
{
	json_t *n = json_object_get(object, name);

	return json_is_integer(n) && json_integer_value(n) >= 0 ? json_integer_value(n) : otherwise;
}

/* {"error": {"message": ..., "type": ..., "code": ...}}, {"error": "..."}, {"message": ...}, {"detail": ...} */
char *json_problem(json_t *value)
{
	json_t *error = json_object_get(value, "error");
	const char *message = json_is_string(error) ? json_string_value(error) : json_text(error, "message");
	g_autoptr(GString) out = g_string_new(NULL);

	if (!message)
		message = json_text(value, "message");
	if (!message)
		message = json_text(value, "detail");
	if (!message)
		message = json_text(error, "type");
	if (!message)
		return NULL;
	kg_text_escape(message, -1, out);
	if (out->len > 400) {
		g_string_truncate(out, 400);
		g_autofree char *valid = g_utf8_make_valid(out->str, -1);
		return g_strconcat(valid, " ...", NULL);
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

void stream_take_text(struct kg_model_stream *s, json_t *text)
{
	if (json_is_string(text) && s->text->len <= KG_MODEL_MAX_BYTES)
		g_string_append_len(s->text, json_string_value(text), json_string_length(text));
}

/* ---------------------------------------------------------------- events */

static int take_value(struct kg_model_stream *s, const char *text, gsize len, gboolean is_whole, struct kg_error *err)
{
	json_error_t why;
	json_t *value = json_loadb(text, len, JSON_ALLOW_NUL, &why);

	if (!json_is_object(value)) {
		g_autoptr(GString) begin = g_string_new(NULL);
		kg_text_escape(text, (gssize)MIN(len, 60), begin);
		json_decref(value);
		return kg_error_set(err, KG_E_PARSE, STAGE, "the server's answer is not JSON of the %s protocol: \"%s%s\"", s->protocol->name,
				    begin->str, len > 60 ? "..." : "");
	}
	g_autofree char *problem = json_object_get(value, "error") && !json_is_null(json_object_get(value, "error")) ? json_problem(value) : NULL;
	int code;
	if (problem) {
		code = kg_error_set(err, KG_E_IO, STAGE, "the server ended its answer with an error: %s", problem);
	} else {
		s->saw_value = TRUE;
		code = s->protocol->value(s, value, is_whole, err);
	}
	json_decref(value);
	return code;
}

static int dispatch(struct kg_model_stream *s, struct kg_error *err)
{
	int code = 0;

	if (s->data->len && !strcmp(s->data->str, "[DONE]"))
		s->is_finished = TRUE;
	else if (s->data->len)
		code = take_value(s, s->data->str, s->data->len, FALSE, err);
	g_string_truncate(s->data, 0);
	return code;
}

static int take_line(struct kg_model_stream *s, struct kg_error *err)
{
	const char *line = s->line->str;
	int code = 0;

	if (!*line) {
		code = dispatch(s, err);
	} else if (g_str_has_prefix(line, "data:")) {
		line += strlen("data:");
		if (*line == ' ')
			line++;
		if (s->data->len)
			g_string_append_c(s->data, '\n');
		g_string_append_len(s->data, line, s->line->len - (gsize)(line - s->line->str));
	} /* anything else: comments, event names, ids, retry times */
	g_string_truncate(s->line, 0);
	return code;
}

static int too_long(struct kg_error *err)
{
	int code = kg_error_set(err, KG_E_LIMIT, STAGE, "the answer is longer than %u KiB, and was given up", KG_MODEL_MAX_BYTES >> 10);

	kg_error_hint(err, "ask for less, or choose another model: this one did not come to an end");
	return code;
}

/* A value begins with a brace; whatever else it is, events are lines. */
static void decide(struct kg_model_stream *s, char c)
{
	if (s->is_events || s->is_json || g_ascii_isspace(c))
		return;
	s->is_json = c == '{' || c == '<' || c == '['; /* a page of a proxy is no stream either */
	s->is_events = !s->is_json;
}

int kg_model_stream_feed(struct kg_model_stream *s, const char *bytes, gsize len, struct kg_error *err)
{
	s->n_bytes += len;
	for (gsize i = 0; i < len; i++) {
		decide(s, bytes[i]);
		if (!s->is_events) {
			g_string_append_c(s->whole, bytes[i]);
			continue;
		}
		if (bytes[i] != '\n' && bytes[i] != '\r') {
			g_string_append_c(s->line, bytes[i]);
			s->was_cr = FALSE;
			continue;
		}
		if (bytes[i] == '\n' && s->was_cr) { /* \r\n is one end of a line */
			s->was_cr = FALSE;
			continue;
		}
		s->was_cr = bytes[i] == '\r';
		int code = take_line(s, err);
		if (code)
			return code;
	}
	if (s->text->len > KG_MODEL_MAX_BYTES || s->n_bytes > MAX_STREAM_BYTES || s->line->len + s->data->len > MAX_LINE_BYTES ||
	    s->whole->len > MAX_LINE_BYTES || s->reasoning > 16 * KG_MODEL_MAX_BYTES)
		return too_long(err);
	return 0;
}

static int ended_early(const struct kg_model_stream *s, struct kg_error *err)
{
	int code = kg_error_set(err, KG_E_IO, STAGE, "the answer was cut off: the stream ended after %zu bytes of text without the protocol's end",
				s->text->len);

	kg_error_hint(err, "try again; if it stays so, the server or a proxy before it ends connections too early");
	return code;
}

int kg_model_stream_end(struct kg_model_stream *s, struct kg_model_reply *ret, struct kg_error *err)
{
	int code = 0;

	if (s->is_events && s->line->len)
		code = take_line(s, err);
	if (s->is_events && !code)
		code = dispatch(s, err); /* without an empty line behind it; half of a value is seen as such */
	if (s->is_events && code == -KG_E_PARSE && s->saw_value && !s->is_finished) {
		kg_error_clear(err);
		return ended_early(s, err);
	}
	if (s->whole->len && s->is_json)
		code = take_value(s, s->whole->str, s->whole->len, TRUE, err);
	if (code)
		return code;
	if (s->text->len > KG_MODEL_MAX_BYTES)
		return too_long(err);
	if (!s->saw_value && !s->is_finished)
		return kg_error_set(err, KG_E_PARSE, STAGE, "the server answered with nothing%s", s->n_bytes ? " of the protocol" : "");
	if (!s->is_finished)
		return ended_early(s, err);
	*ret = (struct kg_model_reply){.text = g_utf8_make_valid(s->text->str, s->text->len), .end = s->end, .tokens_in = s->tokens_in,
				       .tokens_out = s->tokens_out};
	return 0;
}
