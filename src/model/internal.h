/*
 * What the files of this part share.
 *
 *   model.c    asks, and tries again            open.c   from the configuration to a model
 *   http.c     bytes over libcurl: the only file that knows it
 *   stream.c   from bytes to events (server-sent events, or one JSON value)
 *   openai.c, anthropic.c   bodies, headers and events of a protocol: struct protocol
 *   failure.c  from a status and a body to what is wrong, and whether to try again
 *   command.c  a program as the model
 */
#pragma once

#include <kgent/model.h>

#include <jansson.h>

#define STAGE "model"

struct kg_model {
	const struct protocol *protocol; /* NULL: a command */
	char *name, *base, *address, *key, *embedding;
	char **argv;
	int silence_s, max_wait_s, tries;
	gboolean was_cancelled;
	const volatile sig_atomic_t *cancel; /* of requests that are no kg_model_request */
	/* what this server has been found not to take; the request is then sent without */
	gboolean no_stream_options, no_temperature, new_max_tokens;
};

/* ---------------------------------------------------------------- bytes */

struct http_call {
	const char *url;
	const char *body;         /* NULL: GET */
	GPtrArray *headers;       /* char *, "Name: value" */
	int connect_s, silence_s;
	const volatile sig_atomic_t *cancel;
	/* Bytes of a good answer (status 200). A value other than 0 ends the call as HTTP_STOPPED. */
	int (*on_bytes)(void *user, const char *bytes, gsize len);
	void (*on_tick)(void *user); /* at least some ten times a second; may be NULL */
	void *user;
};
enum http_end {
	HTTP_ANSWERED,   /* see status; with another one than 200 the body is in [body] */
	HTTP_NO_HOST,    /* the name is not known */
	HTTP_NO_SERVER,  /* refused, or no way there */
	HTTP_NO_TRUST,   /* TLS: no valid certificate */
	HTTP_TIMED_OUT,  /* no connection in time */
	HTTP_SILENT,     /* nothing came for silence_s */
	HTTP_TOO_LONG,   /* it never was silent for silence_s, and yet did not come to an end */
	HTTP_CUT,        /* the connection broke */
	HTTP_STOPPED,    /* on_bytes() wanted no more */
	HTTP_CANCELLED,
	HTTP_NO_LIBRARY, /* libcurl is not installed */
};
struct http_answer {
	enum http_end end;
	long status;
	gboolean has_begun;  /* bytes of a good answer have come */
	GString *body;       /* of a bad answer, its first 64 KiB */
	int retry_after_s;   /* -1: not said */
	char *why;           /* libcurl's words for what went wrong, or NULL */
};
/* [ret] is always filled; release it. */
void http_perform(const struct http_call *call, struct http_answer *ret);
void http_answer_clear(struct http_answer *answer);
/* Retry-After: seconds, or a date (RFC 9110, 10.2.3); -1 when it is neither. [now] is Unix time. */
int http_retry_after(const char *value, gint64 now);
/* GET of a small JSON value; the answer's body is in ret->body for every status. */
void http_get(const char *url, GPtrArray *headers, int connect_ms, int total_ms, const volatile sig_atomic_t *cancel, struct http_answer *ret);

/* ---------------------------------------------------------------- a protocol */

struct kg_model_stream;
struct protocol {
	const char *name;
	const char *path;                 /* behind the base: "/chat/completions" */
	char *(*body)(const struct kg_model *model, const struct kg_model_request *request);
	void (*headers)(const struct kg_model *model, GPtrArray *headers);
	/* One JSON value of a stream, or (is_whole) the answer as one value. */
	int (*value)(struct kg_model_stream *stream, json_t *value, gboolean is_whole, struct kg_error *err);
};
extern const struct protocol protocol_openai, protocol_anthropic;
const struct protocol *protocol_find(const char *name);

/* What a stream has gathered; protocols write into it. */
struct kg_model_stream {
	const struct protocol *protocol;
	GString *line;      /* the line that is not complete yet */
	GString *data;      /* of the event that is not complete yet */
	GString *whole;     /* an answer that is no stream of events */
	gsize n_bytes;      /* all that came */
	gboolean was_cr;    /* the last byte was a \r: a \n behind it belongs to it */
	gboolean is_events, is_json; /* which of the two it is, once it is known */
	GString *text;
	gsize reasoning;
	gint64 tokens_in, tokens_out;
	enum kg_model_end end;
	gboolean is_finished; /* the protocol's own end was seen */
	gboolean saw_value;
};
void stream_take_text(struct kg_model_stream *stream, json_t *text);
/* The number, or [otherwise]. */
gint64 json_number(json_t *object, const char *name, gint64 otherwise);
const char *json_text(json_t *object, const char *name); /* or NULL; borrowed */
/* An error that a server reports as JSON: message and kind, made harmless and short; borrowed from nothing, owned. */
char *json_problem(json_t *value);

/* ---------------------------------------------------------------- failures */

struct failure {
	gboolean may_retry;
	int wait_s;         /* what the server asks for; -1: nothing */
};
/* From how a call ended to an error with its hint. */
struct failure failure_of(struct kg_model *model, const struct http_answer *answer, int silence_s, struct kg_error *err);
/* Does a refusal (400) name a part of the request that can be left out? Then it is switched off in [model], once. */
gboolean failure_can_adapt(struct kg_model *model, const struct http_answer *answer);
/* [s] without the key, in case somebody sends it back to us. Owned. */
char *failure_hide_key(const struct kg_model *model, const char *s);

int command_complete(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct kg_error *err);
/* Versioned base without a slash at its end: "http://h:1" becomes "http://h:1/v1". */
char *model_base(const char *url);
/* The headers of all requests: JSON, and the protocol's. */
GPtrArray *model_headers(const struct kg_model *model);
int list_parse(const char *body, GPtrArray **ret);
gboolean is_cancelled(const struct kg_model_request *request);
