/*
 * HTTP by libcurl's multi interface, so that a wait can be ended at any moment. Nothing of libcurl's own verbose output is ever switched on:
 * it holds the headers, and so the key. Redirections are not followed, since a key would go along.
 *
 * libcurl brings some thirty libraries, which take longer to load than all of kgent takes to answer. So it is loaded when the first request is
 * made, and whoever asks no model never waits for it.
 */
#include "internal.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>
#include <time.h>

#define MAX_BAD_BODY (64 << 10)
#define TICK_MS 100
/* A server that sends a byte now and then is given up, too: after so many times what it may be silent. */
#define SILENCES_MAX 10

struct transfer {
	const struct http_call *call;
	struct http_answer *answer;
	CURL *easy;
	gint64 last_us; /* when something came */
	gboolean is_stopped;
};

/* What is used of libcurl; NULL until it is loaded. */
static struct {
	__typeof__(curl_global_init) *global_init;
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_multi_init) *multi_init;
	__typeof__(curl_multi_add_handle) *multi_add_handle;
	__typeof__(curl_multi_remove_handle) *multi_remove_handle;
	__typeof__(curl_multi_perform) *multi_perform;
	__typeof__(curl_multi_poll) *multi_poll;
	__typeof__(curl_multi_info_read) *multi_info_read;
	__typeof__(curl_multi_cleanup) *multi_cleanup;
	__typeof__(curl_slist_append) *slist_append;
	__typeof__(curl_slist_free_all) *slist_free_all;
	__typeof__(curl_getdate) *getdate;
} curl;

static const struct {
	const char *name;
	void *place;
} names[] = {
	{"curl_global_init", &curl.global_init}, {"curl_easy_init", &curl.easy_init}, {"curl_easy_setopt", &curl.easy_setopt},
	{"curl_easy_getinfo", &curl.easy_getinfo}, {"curl_easy_cleanup", &curl.easy_cleanup}, {"curl_easy_strerror", &curl.easy_strerror},
	{"curl_multi_init", &curl.multi_init}, {"curl_multi_add_handle", &curl.multi_add_handle},
	{"curl_multi_remove_handle", &curl.multi_remove_handle}, {"curl_multi_perform", &curl.multi_perform},
	{"curl_multi_poll", &curl.multi_poll}, {"curl_multi_info_read", &curl.multi_info_read}, {"curl_multi_cleanup", &curl.multi_cleanup},
	{"curl_slist_append", &curl.slist_append}, {"curl_slist_free_all", &curl.slist_free_all}, {"curl_getdate", &curl.getdate},
};

/* Debian's two builds of it, by their stable names. */
static gboolean load(void)
{
	static const char *const files[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
	void *library = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(files) && !library; i++)
		library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		void *function = dlsym(library, names[i].name);
		if (!function)
			return FALSE;
		memcpy(names[i].place, &function, sizeof(function));
	}
	return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static gboolean is_loaded(void)
{
	static gsize state; /* 1: loaded, 2: not to be had */

	if (g_once_init_enter(&state))
		g_once_init_leave(&state, load() ? 1 : 2);
	return state == 1;
}

int http_retry_after(const char *value, gint64 now)
{
	g_autofree char *text = g_strstrip(g_strdup(value));

	if (*text && strspn(text, "0123456789") == strlen(text))
		return strlen(text) > 6 ? 999999 : atoi(text);
	time_t then = is_loaded() ? curl.getdate(text, NULL) : -1;
	if (then < 0)
		return -1;
	return then <= now ? 0 : (int)MIN(then - now, 999999);
}

static size_t on_header(char *bytes, size_t one, size_t len, void *user)
{
	struct transfer *t = user;
	static const char name[] = "retry-after:";

	if (len > sizeof(name) && !g_ascii_strncasecmp(bytes, name, sizeof(name) - 1)) {
		g_autofree char *value = g_strndup(bytes + sizeof(name) - 1, len - sizeof(name) + 1);
		t->answer->retry_after_s = http_retry_after(value, g_get_real_time() / G_USEC_PER_SEC);
	}
	t->last_us = g_get_monotonic_time();
	return len;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *user)
{
	struct transfer *t = user;
	long status = 0;

	t->last_us = g_get_monotonic_time();
	curl.easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && t->call->on_bytes) {
		t->answer->has_begun = TRUE;
		t->is_stopped = t->call->on_bytes(t->call->user, bytes, len) != 0;
		return t->is_stopped ? 0 : len;
	}
	if (t->answer->body->len < MAX_BAD_BODY)
		g_string_append_len(t->answer->body, bytes, MIN(len, MAX_BAD_BODY - t->answer->body->len));
	else if (!t->call->on_bytes) /* http_get(): that is no list of models */
		return 0;
	return len;
}

static void set_options(struct transfer *t, struct curl_slist *headers, int connect_ms)
{
	const struct http_call *call = t->call;

	curl.easy_setopt(t->easy, CURLOPT_URL, call->url);
	curl.easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl.easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
	curl.easy_setopt(t->easy, CURLOPT_USERAGENT, "kgent/" KG_VERSION);
	curl.easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "");
	curl.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl.easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	curl.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl.easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L); /* a name that is still being looked up is not waited for */
#endif
	/* what is on this machine is not asked for by way of another one */
	if (kg_config_url_is_loopback(call->url))
		curl.easy_setopt(t->easy, CURLOPT_PROXY, "");
	if (call->body) {
		curl.easy_setopt(t->easy, CURLOPT_POST, 1L);
		curl.easy_setopt(t->easy, CURLOPT_POSTFIELDS, call->body);
		curl.easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(call->body));
	}
}

static enum http_end end_of(const struct transfer *t, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return HTTP_NO_HOST;
	case CURLE_COULDNT_CONNECT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
		return HTTP_NO_SERVER;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_NO_TRUST;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_TIMED_OUT;
	case CURLE_WRITE_ERROR:
		return t->is_stopped ? HTTP_STOPPED : HTTP_CUT;
	default:
		return HTTP_CUT;
	}
}

/* Until it is over, is cancelled, or nothing came for too long. TRUE: over, with the code. */
static gboolean follow(CURLM *multi, struct transfer *t, CURLcode *ret)
{
	gint64 until = t->last_us + t->call->silence_s * G_USEC_PER_SEC * SILENCES_MAX;

	for (int running = 1;;) {
		if (t->call->cancel && *t->call->cancel) {
			t->answer->end = HTTP_CANCELLED;
			return FALSE;
		}
		if (g_get_monotonic_time() - t->last_us > t->call->silence_s * G_USEC_PER_SEC) {
			t->answer->end = HTTP_SILENT;
			return FALSE;
		}
		if (g_get_monotonic_time() > until) {
			t->answer->end = HTTP_TOO_LONG;
			return FALSE;
		}
		if (curl.multi_perform(multi, &running) != CURLM_OK) {
			*ret = CURLE_RECV_ERROR;
			return TRUE;
		}
		if (t->call->on_tick)
			t->call->on_tick(t->call->user);
		if (!running)
			break;
		curl.multi_poll(multi, NULL, 0, TICK_MS, NULL);
	}
	int left;
	CURLMsg *message = curl.multi_info_read(multi, &left);
	*ret = message && message->msg == CURLMSG_DONE ? message->data.result : CURLE_RECV_ERROR;
	return TRUE;
}

static void perform(const struct http_call *call, int connect_ms, struct http_answer *ret)
{
	struct transfer t = {.call = call, .answer = ret, .last_us = g_get_monotonic_time()};
	struct curl_slist *headers = NULL;
	char message[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OK;

	*ret = (struct http_answer){.retry_after_s = -1, .body = g_string_new(NULL)};
	if (!is_loaded()) {
		ret->end = HTTP_NO_LIBRARY;
		return;
	}
	t.easy = curl.easy_init();
	CURLM *multi = curl.multi_init();
	for (guint i = 0; i < call->headers->len; i++)
		headers = curl.slist_append(headers, call->headers->pdata[i]);
	set_options(&t, headers, connect_ms);
	curl.easy_setopt(t.easy, CURLOPT_ERRORBUFFER, message);
	curl.multi_add_handle(multi, t.easy);
	if (follow(multi, &t, &code)) {
		ret->end = end_of(&t, code);
		ret->why = code == CURLE_OK ? NULL : g_strdup(*message ? message : curl.easy_strerror(code));
	}
	curl.easy_getinfo(t.easy, CURLINFO_RESPONSE_CODE, &ret->status);
	curl.multi_remove_handle(multi, t.easy);
	curl.easy_cleanup(t.easy);
	curl.multi_cleanup(multi);
	curl.slist_free_all(headers);
}

void http_perform(const struct http_call *call, struct http_answer *ret)
{
	perform(call, call->connect_s * 1000, ret);
}

void http_get(const char *url, GPtrArray *headers, int connect_ms, int total_ms, const volatile sig_atomic_t *cancel, struct http_answer *ret)
{
	struct http_call call = {.url = url, .headers = headers, .silence_s = MAX(1, total_ms / 1000), .cancel = cancel};

	perform(&call, connect_ms, ret);
}

void http_answer_clear(struct http_answer *answer)
{
	if (answer->body)
		g_string_free(answer->body, TRUE);
	g_free(answer->why);
	*answer = (struct http_answer){0};
}
