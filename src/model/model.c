/* A model, and how it is asked: one request, the tries it takes, and the pauses between them. */
#include "internal.h"

#include <string.h>

#define DEFAULT_ANSWER_TOKENS 4096
#define CONNECT_S 10
#define MAX_ADAPTIONS 3

const struct protocol *protocol_find(const char *name)
{
	static const struct protocol *const all[] = {&protocol_openai, &protocol_anthropic};

	for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
		if (!g_strcmp0(all[i]->name, name))
			return all[i];
	return NULL;
}

/* Does a part of the path say a version ("v1", "v1beta")? */
static gboolean has_version(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);

	for (char **p = parts; *p; p++)
		if ((*p)[0] == 'v' && g_ascii_isdigit((*p)[1]))
			return TRUE;
	return FALSE;
}

char *model_base(const char *url)
{
	g_autofree char *base = g_strdup(url);

	while (g_str_has_suffix(base, "/"))
		base[strlen(base) - 1] = '\0';
	/* people copy whole addresses of requests */
	for (gsize i = 0; i < 2; i++) {
		const char *path = i ? protocol_anthropic.path : protocol_openai.path;
		if (g_str_has_suffix(base, path))
			base[strlen(base) - strlen(path)] = '\0';
	}
	const char *host = strstr(base, "://"), *path = host ? strchr(host + 3, '/') : NULL;
	return path && has_version(path) ? g_steal_pointer(&base) : g_strconcat(base, "/v1", NULL);
}

static int new_command(struct kg_model *model, const char *command, struct kg_error *err)
{
	g_autoptr(GError) problem = NULL;

	if (!g_shell_parse_argv(command ?: "", NULL, &model->argv, &problem))
		return kg_error_set(err, KG_E_INVAL, STAGE, "the model's command can't be read: %s", problem->message);
	char *path = g_find_program_in_path(model->argv[0]);
	if (!path) {
		int code = kg_error_set(err, KG_E_NOTFOUND, STAGE, "the model's command: there is no program %s", model->argv[0]);
		kg_error_hint(err, "it is looked for in PATH; give its whole path otherwise");
		return code;
	}
	if (!model->name)
		model->name = g_path_get_basename(model->argv[0]);
	g_free(model->argv[0]);
	model->argv[0] = path;
	model->address = g_strdup(command);
	return 0;
}

static int new_server(struct kg_model *model, const struct kg_model_opts *opts, struct kg_error *err)
{
	g_autofree char *origin = opts->base_url ? kg_config_url_origin(opts->base_url) : NULL;

	if (!origin)
		return kg_error_set(err, KG_E_INVAL, STAGE, "the model's server has no address");
	if (!opts->name || !*opts->name)
		return kg_error_set(err, KG_E_INVAL, STAGE, "no model is named");
	model->base = model_base(opts->base_url);
	model->address = g_strdup(model->base);
	/* OpenAI's own models want the newer name, others may not know it yet */
	model->new_max_tokens = model->protocol == &protocol_openai && g_str_has_prefix(origin, "https://api.openai.com:");
	return 0;
}

int kg_model_new(const struct kg_model_opts *opts, struct kg_model **ret, struct kg_error *err)
{
	struct kg_model *model = g_new0(struct kg_model, 1);
	gboolean is_command = !g_strcmp0(opts->protocol, "command");

	model->protocol = protocol_find(opts->protocol);
	model->name = g_strdup(opts->name);
	model->key = g_strdup(opts->key);
	model->embedding = g_strdup(opts->embedding);
	model->silence_s = opts->silence_s > 0 ? opts->silence_s : 120;
	model->max_wait_s = opts->max_wait_s > 0 ? opts->max_wait_s : 60;
	model->tries = opts->tries > 0 ? opts->tries : 4;
	int code = is_command ? new_command(model, opts->command, err) :
		   model->protocol ? new_server(model, opts, err) :
		   kg_error_set(err, KG_E_INVAL, STAGE, "there is no protocol \"%s\"", opts->protocol ?: "");
	if (code)
		kg_model_free(model);
	else
		*ret = model;
	return code;
}

struct kg_model *kg_model_free(struct kg_model *model)
{
	if (!model)
		return NULL;
	g_free(model->name);
	g_free(model->base);
	g_free(model->address);
	g_free(model->key);
	g_free(model->embedding);
	g_strfreev(model->argv);
	g_free(model);
	return NULL;
}

const char *kg_model_name(const struct kg_model *model)
{
	return model->name;
}

const char *kg_model_protocol(const struct kg_model *model)
{
	return model->protocol ? model->protocol->name : "command";
}

const char *kg_model_address(const struct kg_model *model)
{
	return model->address;
}

const char *kg_model_embedding(const struct kg_model *model)
{
	return model->embedding;
}

gboolean kg_model_was_cancelled(const struct kg_model *model)
{
	return model->was_cancelled;
}

void kg_model_cancel_by(struct kg_model *model, const volatile sig_atomic_t *cancel)
{
	model->cancel = cancel;
}

void kg_model_reply_clear(struct kg_model_reply *reply)
{
	g_free(reply->text);
	*reply = (struct kg_model_reply){0};
}

gint64 kg_model_estimate_tokens(const char *text)
{
	/* programs and English have some 3 to 4 bytes a token */
	return (gint64)strlen(text) / 3 + 1;
}

gboolean is_cancelled(const struct kg_model_request *request)
{
	return request->cancel && *request->cancel;
}

GPtrArray *model_headers(const struct kg_model *model)
{
	GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(headers, g_strdup("Content-Type: application/json"));
	g_ptr_array_add(headers, g_strdup("Accept: text/event-stream, application/json"));
	g_ptr_array_add(headers, g_strdup("Expect:")); /* no pause before the body is sent */
	if (model->protocol)
		model->protocol->headers(model, headers);
	return headers;
}

/* ---------------------------------------------------------------- one try */

struct trying {
	const struct kg_model_request *request;
	struct kg_model_stream *stream;
	struct kg_error error; /* of the stream */
	gint64 begin_us;
};

static int on_bytes(void *user, const char *bytes, gsize len)
{
	struct trying *t = user;

	return kg_model_stream_feed(t->stream, bytes, len, &t->error);
}

static void on_tick(void *user)
{
	struct trying *t = user;
	struct kg_model_progress progress = {.text = kg_model_stream_text(t->stream), .reasoning = kg_model_stream_reasoning(t->stream),
					     .elapsed_ns = (g_get_monotonic_time() - t->begin_us) * 1000};

	if (t->request->progress)
		t->request->progress(&progress, t->request->user);
}

static int copy_error(const struct kg_model *model, struct kg_error *err, const struct kg_error *from)
{
	g_autofree char *text = failure_hide_key(model, from->msg);
	int code = kg_error_set(err, from->code, from->stage, "%s", text);

	if (from->hint)
		kg_error_hint(err, "%s", from->hint);
	return code;
}

/* One request. [answer] tells what happened below; [failure] whether another one can help. */
static int try_once(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct http_answer *answer,
		    struct failure *failure, struct kg_error *err)
{
	g_autofree char *url = g_strconcat(model->base, model->protocol->path, NULL);
	char *body = model->protocol->body(model, request);
	g_autoptr(GPtrArray) headers = model_headers(model);
	struct trying t = {.request = request, .stream = kg_model_stream_new(model->protocol->name), .begin_us = g_get_monotonic_time()};
	struct http_call call = {.url = url, .body = body, .headers = headers, .connect_s = CONNECT_S, .silence_s = model->silence_s,
				 .cancel = request->cancel, .on_bytes = on_bytes, .on_tick = on_tick, .user = &t};
	int code;

	http_perform(&call, answer);
	*failure = (struct failure){.wait_s = -1};
	if (answer->end == HTTP_STOPPED && t.error.code) {
		code = copy_error(model, err, &t.error);
	} else if (answer->end == HTTP_ANSWERED && answer->status == 200) {
		code = kg_model_stream_end(t.stream, ret, &t.error);
		if (code)
			copy_error(model, err, &t.error);
	} else {
		*failure = failure_of(model, answer, model->silence_s, err);
		code = -err->code;
	}
	kg_error_clear(&t.error);
	kg_model_stream_free(t.stream);
	free(body);
	return code;
}

/* ---------------------------------------------------------------- all tries */

/* FALSE when it was cancelled meanwhile. */
static gboolean pause_before_next(const struct kg_model_request *request, int wait_s, const char *why)
{
	gint64 until = g_get_monotonic_time() + wait_s * G_USEC_PER_SEC, left;

	while ((left = until - g_get_monotonic_time()) > 0) {
		struct kg_model_progress progress = {.text = "", .wait_s = (int)((left + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC), .why = why};
		if (is_cancelled(request))
			return FALSE;
		if (request->progress)
			request->progress(&progress, request->user);
		g_usleep((gulong)MIN(left, 50000));
	}
	return !is_cancelled(request);
}

/* The pause before try [n] (from 1), or -1 where the server wants more patience than there is. */
static int wait_for(const struct kg_model *model, const struct failure *failure, int n, struct kg_error *err)
{
	if (failure->wait_s < 0)
		return MIN(1 << (n - 1), model->max_wait_s);
	if (failure->wait_s <= model->max_wait_s)
		return failure->wait_s;
	kg_error_hint(err, "the server says to try again in %d s", failure->wait_s);
	return -1;
}

static int ask_server(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct kg_error *err)
{
	int code = 0, adaptions = 0;
	guint requests = 0;

	for (int n = 1;; n++) {
		_cleanup_error_ struct kg_error why = {0};
		struct http_answer answer = {0};
		struct failure failure;
		requests++;
		code = try_once(model, request, ret, &answer, &failure, &why);
		gboolean is_adapted = code && adaptions < MAX_ADAPTIONS && failure_can_adapt(model, &answer);
		http_answer_clear(&answer);
		if (code == 0)
			break;
		if (is_adapted) {
			adaptions++;
			n--;
			continue;
		}
		int wait_s = failure.may_retry && n < model->tries ? wait_for(model, &failure, n, &why) : -1;
		if (wait_s < 0) {
			copy_error(model, err, &why);
			break;
		}
		if (!pause_before_next(request, wait_s, why.msg)) {
			code = kg_error_set(err, KG_E_LIMIT, STAGE, "the request was cancelled");
			break;
		}
	}
	if (!code)
		ret->requests = requests;
	return code;
}

int kg_model_complete(struct kg_model *model, const struct kg_model_request *request, struct kg_model_reply *ret, struct kg_error *err)
{
	struct kg_model_request filled = *request;
	struct kg_model_reply reply = {0};
	gint64 begin = g_get_monotonic_time();
	_cleanup_error_ struct kg_error own = {0};

	if (filled.max_tokens <= 0)
		filled.max_tokens = DEFAULT_ANSWER_TOKENS;
	for (guint i = 0; i < request->n_messages; i++)
		if (!g_utf8_validate(request->messages[i].text, -1, NULL))
			return kg_error_set(err, KG_E_INVAL, STAGE, "a message to the model is not UTF-8");
	int code = model->protocol ? ask_server(model, &filled, &reply, &own) : command_complete(model, &filled, &reply, &own);
	model->was_cancelled = code && is_cancelled(request);
	if (code) {
		copy_error(model, err, &own);
		return code;
	}
	reply.took_ns = (g_get_monotonic_time() - begin) * 1000;
	*ret = reply;
	return 0;
}
