/**
 * @file
 * Language models: a conversation in, a text out.
 *
 * Three protocols, one interface:
 *
 *   openai     POST BASE/chat/completions, streamed. OpenAI, Ollama, llama.cpp's server, vLLM, LM Studio, OpenRouter, DeepSeek, ...
 *              Source: OpenAI API reference, chat completions
 *   anthropic  POST BASE/messages, streamed. Source: Anthropic API reference, Messages, version 2023-06-01
 *   command    a program that reads the conversation from its standard input and writes the answer to its standard output
 *
 * What a server says is not trusted: streams are bounded, unknown fields are passed over, no format is asked for or relied on. Redirections are
 * not followed. A key is sent in one header to the address it was configured for and appears in no message.
 */
#pragma once

#include <kgent/config.h>
#include <kgent/error.h>
#include <signal.h>

/** Longest answer in bytes that is taken, reasoning included; more ends the request. */
#define KG_MODEL_MAX_BYTES (1u << 20)

struct kg_model_message {
	const char *role; /**< "system", "user", "assistant" */
	const char *text;
};

/** How far an answer has come; called some ten times a second while a server is silent, too. */
struct kg_model_progress {
	const char *text;    /**< so far; borrowed; any bytes of the model's choice */
	gsize reasoning;     /**< bytes of reasoning that came beside it, and are not kept */
	gint64 elapsed_ns;
	int wait_s;          /**< waiting so many seconds before the next try; 0: not waiting */
	const char *why;     /**< why it waits; NULL when not waiting */
};
typedef void (*kg_model_progress_fn)(const struct kg_model_progress *progress, void *user);

struct kg_model_request {
	const struct kg_model_message *messages;
	guint n_messages;
	int max_tokens;      /**< of the answer; 0: 4096 */
	double temperature;
	kg_model_progress_fn progress; /**< may be NULL */
	void *user;
	const volatile sig_atomic_t *cancel; /**< set to non-zero (by a signal handler) to give up at once; NULL: never */
};

enum kg_model_end {
	KG_MODEL_DONE,    /**< the model came to its end */
	KG_MODEL_CUT,     /**< it reached max_tokens */
	KG_MODEL_REFUSED, /**< the server says that the model refused, or a filter did */
};

/** Zero-initialise; release with kg_model_reply_clear(). */
struct kg_model_reply {
	char *text;         /**< UTF-8; what was not is U+FFFD; owned */
	enum kg_model_end end;
	gint64 tokens_in;   /**< -1: not said */
	gint64 tokens_out;  /**< -1: not said; with the reasoning, as servers count it */
	guint requests;     /**< how many were sent for it, retries included */
	gint64 took_ns;
};
void kg_model_reply_clear(struct kg_model_reply *reply);

struct kg_model;
/** All zero but protocol and base_url or command. Strings are copied. */
struct kg_model_opts {
	const char *protocol;  /**< "openai", "anthropic", "command" */
	const char *base_url;  /**< with or without its version ("/v1") */
	const char *command;   /**< words as for a shell, but run without one */
	const char *name;      /**< the model; NULL only for "command" */
	const char *key;
	const char *embedding; /**< name of the model for kg_model_embed(); NULL: there is none */
	int silence_s;         /**< how long a server may be silent; of "command": how long it may run; 0: 120 */
	int max_wait_s;        /**< longest pause before a try, also where a server asks for a longer one; 0: 60 */
	int tries;             /**< 0: 4 */
};
/** @return 0; -KG_E_INVAL: these options make no sense; -KG_E_NOTFOUND: there is no such program */
int kg_model_new(const struct kg_model_opts *opts, struct kg_model **ret, struct kg_error *err);
struct kg_model *kg_model_free(struct kg_model *model);
const char *kg_model_name(const struct kg_model *model);     /**< "qwen2.5-coder:7b"; of a command its program's name */
const char *kg_model_protocol(const struct kg_model *model);
const char *kg_model_address(const struct kg_model *model);  /**< the address, or the command line; never a key */

/**
 * Ask. 429, 408, 5xx and connections that break before an answer began are tried again, after what Retry-After says or 1, 2, 4 s;
 * a used up quota is final, and so is what a server refuses for good.
 * @return 0, also for an answer that is cut or empty; -KG_E_PERM: key missing, wrong, or no credit left; -KG_E_NOTFOUND: no such model or
 *         address; -KG_E_LIMIT: too many requests, too long, too slow, or cancelled (kg_model_was_cancelled()); -KG_E_PARSE: what came is
 *         not of the protocol; -KG_E_IO: connection, or a stream that ended too early; -KG_E_TOOL: of a command, why. The hint says what to do
 */
int kg_model_complete(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct kg_error *err);
/** Was the last request given up because of its cancel flag? */
gboolean kg_model_was_cancelled(const struct kg_model *model);
/** From now on this flag ends kg_model_embed() and kg_model_list(), too; borrowed; NULL: nothing does. */
void kg_model_cancel_by(struct kg_model *model, const volatile sig_atomic_t *cancel);
/** The models that the server offers: array of owned strings. Errors as kg_model_complete(); -KG_E_UNSUPPORTED for a command. */
int kg_model_list(struct kg_model *model, GPtrArray **ret, struct kg_error *err);
/** The model that makes vectors, or NULL. */
const char *kg_model_embedding(const struct kg_model *model);
/**
 * Vectors of texts, by BASE/embeddings of an openai server.
 * @param user the struct kg_model
 * @param ret  n times *ret_dims numbers, g_free()
 * @return 0; as kg_model_complete(); -KG_E_UNSUPPORTED: this server or configuration has none
 */
int kg_model_embed(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err);

/**
 * The model that is configured, or, where none is, the one of a server that listens on the loopback address (only there, and only GET
 * BASE/models is sent to find out). Nothing else is ever fallen back to.
 * @param ret       the caller's; NULL where there is none: that is no error
 * @param ret_notes char *: what is to be known of the choice ("found on ..."); appended to; may be NULL
 * @return 0; -KG_E_INVAL: the configuration makes no sense; -KG_E_NOTFOUND: no model is named, the hint lists those of the server;
 *         errors of asking for that list
 */
int kg_model_open(const struct kg_config *config, struct kg_model **ret, GPtrArray *ret_notes, struct kg_error *err);

/** A server that was found on this machine. */
struct kg_model_local {
	int port;
	const char *usual; /**< what usually listens there: "Ollama"; static */
	GPtrArray *models; /**< char *, owned: what it offers; NULL: something listens, but it is no model server */
};
/** Look for model servers on 127.0.0.1. [ports] as of the setting loopback-ports. Array of `struct kg_model_local *`, owned, may be empty. */
GPtrArray *kg_model_find_local(const char *ports);

/* ------------------------------------------------------------------ cost */

/**
 * Dollars for so many tokens. Prices are data (models/prices.ini).
 * @return FALSE where the price or a number is not known (then nothing is written): unknown is not 0
 */
gboolean kg_model_cost(const struct kg_model *model, gint64 tokens_in, gint64 tokens_out, double *ret);
/** How many tokens a text takes, roughly and rather too many: for budgets, never shown as a measured number. */
gint64 kg_model_estimate_tokens(const char *text);

/* ------------------------------------------------------------------ answers that are kept */

/**
 * A name for a request: the same for the same model and the same [parts] (NULL-terminated). Owned.
 */
char *kg_answer_cache_name(const struct kg_model *model, const char *const *parts);
/** An earlier answer, or -KG_E_NOTFOUND. [ret_when] gets the Unix time at which it was given; may be NULL. */
int kg_answer_cache_get(const char *name, struct kg_model_reply *ret, gint64 *ret_when, struct kg_error *err);
/** Keep an answer ($XDG_CACHE_HOME/kgent/answers, readable for its owner only). Errors can be passed over. */
int kg_answer_cache_put(const char *name, const struct kg_model_reply *reply, struct kg_error *err);
void kg_answer_cache_forget(const char *name);

/* ------------------------------------------------------------------ the stream, by itself */

struct kg_model_stream;
/** A reader of what a server of [protocol] ("openai", "anthropic") sends, streamed or whole. Bytes come in pieces of any size. */
struct kg_model_stream *kg_model_stream_new(const char *protocol);
struct kg_model_stream *kg_model_stream_free(struct kg_model_stream *stream);
/** @return 0; -KG_E_LIMIT: too long; -KG_E_PARSE: not of the protocol; -KG_E_IO: the server reports an error in the stream */
int kg_model_stream_feed(struct kg_model_stream *stream, const char *bytes, gsize len, struct kg_error *err);
/** What has come so far; borrowed. */
const char *kg_model_stream_text(const struct kg_model_stream *stream);
gsize kg_model_stream_reasoning(const struct kg_model_stream *stream);
/** Nothing more comes. @return 0 with the answer; -KG_E_IO: it ended before the answer did; -KG_E_PARSE: there was none in it */
int kg_model_stream_end(struct kg_model_stream *stream, struct kg_model_reply *ret, struct kg_error *err);
