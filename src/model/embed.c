/* Vectors of texts, by an openai server: POST BASE/embeddings {"model", "input": [...]} gives {"data": [{"index", "embedding": [...]}]}. */
#include "internal.h"

#include <math.h>
#include <string.h>

#define CONNECT_S 10
#define MAX_DIMS 8192
#define MAX_REPLY (64u << 20)

struct gathering {
	GString *body;
};

static int gather(void *user, const char *bytes, gsize len)
{
	struct gathering *g = user;

	g_string_append_len(g->body, bytes, (gssize)len);
	return g->body->len > MAX_REPLY;
}

/* One vector into its row. All must have as many numbers as the first. */
static gboolean take_vector(json_t *vector, gsize row, gsize n, gsize *dims, float **all)
{
	json_t *number;
	size_t i;

	if (!json_is_array(vector) || json_array_size(vector) == 0 || json_array_size(vector) > MAX_DIMS)
		return FALSE;
	if (!*dims) {
		*dims = json_array_size(vector);
		*all = g_new0(float, *dims * n);
	}
	if (json_array_size(vector) != *dims)
		return FALSE;
	json_array_foreach(vector, i, number) {
		double v = json_number_value(number);
		if (!json_is_number(number) || !isfinite(v))
			return FALSE;
		(*all)[row * *dims + i] = (float)v;
	}
	return TRUE;
}

static gboolean take_all(json_t *value, gsize n, gsize *dims, float **all)
{
	json_t *data = json_object_get(value, "data"), *entry;
	g_autofree gboolean *seen = g_new0(gboolean, n);
	size_t i;

	if (!json_is_array(data) || json_array_size(data) != n)
		return FALSE;
	json_array_foreach(data, i, entry) {
		gint64 row = json_number(entry, "index", (gint64)i);
		if ((gsize)row >= n || seen[row] || !take_vector(json_object_get(entry, "embedding"), (gsize)row, n, dims, all))
			return FALSE;
		seen[row] = TRUE;
	}
	return TRUE;
}

static char *body_of(const struct kg_model *model, const char *const *texts, gsize n)
{
	json_t *input = json_array();

	for (gsize i = 0; i < n; i++) {
		g_autofree char *valid = g_utf8_make_valid(texts[i], -1);
		json_array_append_new(input, json_string(valid));
	}
	json_t *object = json_pack("{s:s, s:o, s:s}", "model", model->embedding, "input", input, "encoding_format", "float");
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	return text;
}

int kg_model_embed(void *user, const char *const *texts, gsize n, gsize *ret_dims, float **ret, struct kg_error *err)
{
	struct kg_model *model = user;
	struct gathering g = {0};
	struct http_answer answer;
	gsize dims = 0;
	float *all = NULL;
	int code = 0;

	if (!model->embedding || model->protocol != &protocol_openai)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "no embedding-model is configured for an openai server");
	if (!n)
		return kg_error_set(err, KG_E_INVAL, STAGE, "there are no texts");
	g_autofree char *url = g_strconcat(model->base, "/embeddings", NULL);
	g_autoptr(GPtrArray) headers = model_headers(model);
	char *body = body_of(model, texts, n);
	g.body = g_string_new(NULL);
	struct http_call call = {.url = url, .body = body, .headers = headers, .connect_s = CONNECT_S, .silence_s = model->silence_s,
				 .cancel = model->cancel, .on_bytes = gather, .user = &g};
	http_perform(&call, &answer);
	if (answer.end != HTTP_ANSWERED || answer.status != 200) {
		_cleanup_error_ struct kg_error why = {0};
		failure_of(model, &answer, model->silence_s, &why);
		code = kg_error_set(err, why.code, STAGE, "%s", why.msg);
	} else {
		json_t *value = json_loadb(g.body->str, g.body->len, 0, NULL);
		if (!take_all(value, n, &dims, &all))
			code = kg_error_set(err, KG_E_PARSE, STAGE, "%s did not answer with %zu vectors", model->base, n);
		json_decref(value);
	}
	http_answer_clear(&answer);
	g_string_free(g.body, TRUE);
	free(body);
	if (code) {
		g_free(all);
		return code;
	}
	*ret_dims = dims;
	*ret = all;
	return 0;
}
