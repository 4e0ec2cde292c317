/* Streams of both protocols in pieces of every size, and how long an answer may be; commands; the cache; prices. */
#include <kgent/model.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CHUNK(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DELTA(text) "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"" text "\"}}\n\n"
#define LAST "data: {\"type\":\"message_stop\"}\n\n"

static int read_all(const char *protocol, const char *bytes, gsize piece, struct kg_model_reply *reply, struct kg_error *err)
{
	struct kg_model_stream *s = kg_model_stream_new(protocol);
	gsize len = strlen(bytes);
	int code = 0;

	for (gsize at = 0; at < len && !code; at += piece)
		code = kg_model_stream_feed(s, bytes + at, MIN(piece, len - at), err);
	code = code ? code : kg_model_stream_end(s, reply, err);
	kg_model_stream_free(s);
	return code;
}

static const struct {
	const char *protocol, *bytes;
	int code;
	const char *text; /* of a good one; of a bad one a part of the message */
	enum kg_model_end end;
	gint64 in, out;
} streams[] = {
	{"openai", CHUNK("a") CHUNK("b\\n") STOP "data: [DONE]\n\n", 0, "ab\n", KG_MODEL_DONE, -1, -1},
	{"openai", CHUNK("a") STOP, 0, "a", KG_MODEL_DONE, -1, -1},
	{"openai", ": hello\n\nid: 7\nretry: 10\n" CHUNK("a") "data:[DONE]\n\n", 0, "a", KG_MODEL_DONE, -1, -1},
	{"openai", CHUNK("a") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],\"usage\":null}\n\n", 0, "a", KG_MODEL_CUT, -1, -1},
	{"openai", STOP "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n", 0, "", KG_MODEL_DONE, 5, 6},
	{"openai", "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}\n\n", 0, "x", KG_MODEL_DONE, -1, -1},
	{"openai", "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\",\"content\":null}}]}\r\n\r\n" STOP, 0, "", KG_MODEL_DONE, -1, -1},
	{"openai", "{\"choices\":[{\"message\":{\"content\":\"whole\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":-2}}", 0, "whole", KG_MODEL_DONE, 1, -1},
	{"openai", " \n{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"no\"}}]}", 0, "no", KG_MODEL_REFUSED, -1, -1},
	{"openai", CHUNK("a"), KG_E_IO, "cut off", 0, 0, 0},
	{"openai", CHUNK("a") "data: {\"choices\":[{\"del", KG_E_IO, "cut off", 0, 0, 0},
	{"openai", "data: {\"choices\":[{\"del", KG_E_PARSE, "not JSON", 0, 0, 0},
	{"openai", "", KG_E_PARSE, "nothing", 0, 0, 0},
	{"openai", "<html>", KG_E_PARSE, "not JSON", 0, 0, 0},
	{"openai", "data: 7\n\n", KG_E_PARSE, "not JSON", 0, 0, 0},
	{"openai", "{\"models\":[]}", KG_E_PARSE, "not the openai protocol", 0, 0, 0},
	{"openai", CHUNK("a") "data: {\"error\":{\"message\":\"bad \\u001b[0m\"}}\n\n", KG_E_IO, "bad \\x1b[0m", 0, 0, 0},
	{"openai", "{\"error\":\"model not loaded\"}", KG_E_IO, "model not loaded", 0, 0, 0},
	{"anthropic", DELTA("a") DELTA("b") LAST, 0, "ab", KG_MODEL_DONE, -1, -1},
	{"anthropic", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,\"output_tokens\":1}}}\n\n"
		      DELTA("a") "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":9}}\n\n" LAST,
	 0, "a", KG_MODEL_CUT, 7, 9},
	{"anthropic", "data: {\"type\":\"content_block_delta\",\"delta\":{\"thinking\":\"hm\"}}\n\ndata: {\"type\":\"new\"}\n\n" DELTA("a") LAST, 0, "a", KG_MODEL_DONE, -1, -1},
	{"anthropic", "{\"content\":[{\"type\":\"thinking\"},{\"type\":\"text\",\"text\":\"w\"}],\"stop_reason\":\"refusal\"}", 0, "w", KG_MODEL_REFUSED, -1, -1},
	{"anthropic", DELTA("a"), KG_E_IO, "cut off", 0, 0, 0},
	{"anthropic", DELTA("a") "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n", KG_E_IO, "overloaded_error", 0, 0, 0},
	{"anthropic", "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}", KG_E_PARSE, "not the anthropic protocol", 0, 0, 0},
};

static void test_streams(void **state)
{
	static const gsize pieces[] = {1, 2, 3, 7, 64, 100000};

	for (gsize i = 0; i < G_N_ELEMENTS(streams); i++)
		for (gsize j = 0; j < G_N_ELEMENTS(pieces); j++) {
			_cleanup_error_ struct kg_error err = {0};
			struct kg_model_reply reply = {0};
			int code = read_all(streams[i].protocol, streams[i].bytes, pieces[j], &reply, &err);
			if (code != -streams[i].code)
				print_message("stream %zu in pieces of %zu: %d %s\n", i, pieces[j], code, err.msg);
			assert_int_equal(code, -streams[i].code);
			if (code) {
				assert_non_null(strstr(err.msg, streams[i].text));
				continue;
			}
			assert_string_equal(reply.text, streams[i].text);
			assert_int_equal(reply.end, streams[i].end);
			assert_int_equal(reply.tokens_in, streams[i].in);
			assert_int_equal(reply.tokens_out, streams[i].out);
			kg_model_reply_clear(&reply);
		}
}

static void test_bounds(void **state)
{
	g_autofree char *x = g_strnfill(300000, 'x');
	g_autofree char *chunk = g_strdup_printf("data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}\n\n", x);
	struct kg_model_stream *s = kg_model_stream_new("openai");
	_cleanup_error_ struct kg_error err = {0};
	int code = 0, n = 0;

	for (; !code && n < 1000; n++)
		code = kg_model_stream_feed(s, chunk, strlen(chunk), &err);
	assert_int_equal(code, -KG_E_LIMIT);
	assert_true(n < 10);
	kg_model_stream_free(s);

	/* a line without an end */
	s = kg_model_stream_new("openai");
	kg_error_clear(&err);
	for (code = 0, n = 0; !code && n < 1000; n++)
		code = kg_model_stream_feed(s, x, strlen(x), &err);
	assert_int_equal(code, -KG_E_LIMIT);
	kg_model_stream_free(s);
}

/* ---------------------------------------------------------------- commands */

static int ask_command(const char *command, const char *question, const volatile sig_atomic_t *cancel, struct kg_model_reply *reply,
		       struct kg_error *err)
{
	const struct kg_model_opts opts = {.protocol = "command", .command = command, .silence_s = 1};
	const struct kg_model_message messages[] = {{"system", "be brief"}, {"user", question}};
	const struct kg_model_request request = {.messages = messages, .n_messages = 2, .cancel = cancel};
	struct kg_model *model = NULL;

	int code = kg_model_new(&opts, &model, err);
	code = code ? code : kg_model_complete(model, &request, reply, err);
	kg_model_free(model);
	return code;
}

static void test_command(void **state)
{
	g_autofree char *long_question = g_strnfill(500000, 'q');
	_cleanup_error_ struct kg_error err = {0};
	struct kg_model_reply reply = {0};

	assert_int_equal(ask_command("cat", "hello", NULL, &reply, &err), 0);
	assert_string_equal(reply.text, "be brief\n\nhello\n");
	assert_int_equal(reply.tokens_in, -1);
	kg_model_reply_clear(&reply);
	/* more than a pipe holds, read late */
	assert_int_equal(ask_command("sh -c 'sleep 0.1; wc -c'", long_question, NULL, &reply, &err), 0);
	assert_int_equal(atoi(reply.text), 500000 + 11);
	kg_model_reply_clear(&reply);
	/* bytes that are no text */
	assert_int_equal(ask_command("printf '\\377\\376x'", "", NULL, &reply, &err), 0);
	assert_true(g_utf8_validate(reply.text, -1, NULL));
	kg_model_reply_clear(&reply);
}

static void test_command_failures(void **state)
{
	static const struct {
		const char *command, *says;
		int code;
	} cases[] = {
		{"false", "ended with exit code 1", KG_E_TOOL},
		{"sh -c 'kill -9 $$'", "was ended by SIGKILL", KG_E_TOOL},
		{"sleep 100", "did not end within 1 s", KG_E_LIMIT},
		{"/nonexistent", "there is no program", KG_E_NOTFOUND},
		{"'unclosed", "can't be read", KG_E_INVAL},
		{"", "can't be read", KG_E_INVAL},
		{"yes", "longer than", KG_E_LIMIT},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		_cleanup_error_ struct kg_error err = {0};
		struct kg_model_reply reply = {0};
		assert_int_equal(ask_command(cases[i].command, "", NULL, &reply, &err), -cases[i].code);
		assert_non_null(strstr(err.msg, cases[i].says));
		assert_null(reply.text);
	}
}

static void test_command_cancelled(void **state)
{
	static volatile sig_atomic_t cancel = 1;
	_cleanup_error_ struct kg_error err = {0};
	struct kg_model_reply reply = {0};
	gint64 begin = g_get_monotonic_time();

	assert_int_equal(ask_command("sleep 100", "", &cancel, &reply, &err), -KG_E_LIMIT);
	assert_non_null(strstr(err.msg, "cancelled"));
	assert_true(g_get_monotonic_time() - begin < 900000);
}

/* ---------------------------------------------------------------- addresses, cache, cost */

static void test_base_urls(void **state)
{
	static const char *const cases[][2] = {
		{"http://h:1", "http://h:1/v1"}, {"http://h:1/", "http://h:1/v1"}, {"http://h:1/v1", "http://h:1/v1"}, {"http://h:1/v1/", "http://h:1/v1"},
		{"https://openrouter.ai/api", "https://openrouter.ai/api/v1"}, {"https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1"},
		{"https://g.example/v1beta/openai", "https://g.example/v1beta/openai"}, {"https://v1.example", "https://v1.example/v1"},
		{"http://h:1/v1/chat/completions", "http://h:1/v1"}, {"http://h:1/v1/messages", "http://h:1/v1"},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct kg_model_opts opts = {.protocol = "openai", .base_url = cases[i][0], .name = "m"};
		struct kg_model *model = NULL;
		assert_int_equal(kg_model_new(&opts, &model, NULL), 0);
		assert_string_equal(kg_model_address(model), cases[i][1]);
		kg_model_free(model);
	}
}

static struct kg_model *some_model(const char *url, const char *name)
{
	const struct kg_model_opts opts = {.protocol = "openai", .base_url = url, .name = name, .key = "sk-secret"};
	struct kg_model *model = NULL;

	assert_int_equal(kg_model_new(&opts, &model, NULL), 0);
	return model;
}

static void remove_folder(const char *dir)
{
	g_autofree char *remove = g_strdup_printf("rm -rf %s", dir);

	g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL);
}

static void test_cache(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("kgent-cache-XXXXXX", NULL);
	struct kg_model *one = some_model("http://h:1", "a"), *two = some_model("http://h:1", "b");
	const char *const parts[] = {"x", "y", NULL}, *const others[] = {"xy", "", NULL};
	g_autofree char *n1 = kg_answer_cache_name(one, parts), *n2 = kg_answer_cache_name(two, parts), *n3 = kg_answer_cache_name(one, others),
			*n4 = kg_answer_cache_name(one, parts);
	const struct kg_model_reply reply = {.text = (char *)"answer \"1\"\n", .end = KG_MODEL_CUT, .tokens_in = 3, .tokens_out = -1};
	struct kg_model_reply got = {0};
	gint64 when = 0;

	g_setenv("XDG_CACHE_HOME", dir, TRUE);
	assert_string_equal(n1, n4);
	assert_string_not_equal(n1, n2);
	assert_string_not_equal(n1, n3);
	assert_int_equal(kg_answer_cache_get(n1, &got, NULL, NULL), -KG_E_NOTFOUND);
	assert_int_equal(kg_answer_cache_put(n1, &reply, NULL), 0);
	assert_int_equal(kg_answer_cache_get(n1, &got, &when, NULL), 0);
	assert_string_equal(got.text, reply.text);
	assert_int_equal(got.end, KG_MODEL_CUT);
	assert_int_equal(got.tokens_out, -1);
	assert_true(when > 1700000000);
	kg_model_reply_clear(&got);
	assert_int_equal(kg_answer_cache_get(n2, &got, NULL, NULL), -KG_E_NOTFOUND);
	kg_answer_cache_forget(n1);
	assert_int_equal(kg_answer_cache_get(n1, &got, NULL, NULL), -KG_E_NOTFOUND);
	kg_model_free(one);
	kg_model_free(two);
	remove_folder(dir);
}

static void test_cost(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("kgent-prices-XXXXXX", NULL);
	g_autofree char *models = g_build_filename(dir, "kgent", "models", NULL), *file = g_build_filename(models, "prices.ini", NULL);
	struct kg_model *openai = some_model("https://api.openai.com", "gpt-4.1-mini-2025-04-14"), *same = some_model("http://h", "gpt-4.1-mini"),
			*own = some_model("http://h", "mine-7b");
	double cost = -1;

	g_setenv("XDG_CONFIG_HOME", dir, TRUE);
	assert_true(kg_model_cost(openai, 1000000, 1000000, &cost));
	assert_true(cost > 1.99 && cost < 2.01);
	cost = -1;
	assert_false(kg_model_cost(openai, -1, 5, &cost)); /* not 0 */
	assert_false(kg_model_cost(same, 1, 1, &cost));    /* the same name elsewhere has another price */
	assert_false(kg_model_cost(own, 1, 1, &cost));
	assert_true(cost < 0);
	g_mkdir_with_parents(models, 0700);
	assert_true(g_file_set_contents(file, "[http://h:80]\nmine-* = 1 2 # mine\nmine-7b = 3 x\n[https://api.openai.com]\ngpt-4.1-mini* = 10 10\n", -1, NULL));
	assert_true(kg_model_cost(own, 1000000, 1000000, &cost));
	assert_true(cost > 2.99 && cost < 3.01);
	assert_true(kg_model_cost(openai, 1000000, 0, &cost));
	assert_true(cost > 9.99 && cost < 10.01); /* the user's own come first */
	kg_model_free(openai);
	kg_model_free(same);
	kg_model_free(own);
	remove_folder(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_command_failures),
		cmocka_unit_test(test_command_cancelled),
		cmocka_unit_test(test_base_urls),
		cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
