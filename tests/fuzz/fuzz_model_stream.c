/* What a model's server sends. The first byte says which protocol it is and in pieces of which size it comes. */
#include <kgent/model.h>

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_model_reply reply = {0};
	uint8_t first = size ? data[0] : 0;
	size_t piece = (size_t)(first >> 1) + 1;
	struct kg_model_stream *s = kg_model_stream_new(first & 1 ? "anthropic" : "openai");
	int code = 0;

	for (size_t at = size ? 1 : 0; at < size && !code; at += piece)
		code = kg_model_stream_feed(s, (const char *)data + at, MIN(piece, size - at), &err);
	if (!code)
		code = kg_model_stream_end(s, &reply, &err);
	if ((code != 0) != (err.code != 0) || (code && (reply.text || !err.msg)))
		abort();
	if (!code && (!reply.text || !g_utf8_validate(reply.text, -1, NULL) || strlen(reply.text) > 8 * (size_t)KG_MODEL_MAX_BYTES))
		abort();
	kg_model_reply_clear(&reply);
	kg_model_stream_free(s);
	return 0;
}
