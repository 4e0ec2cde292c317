/*
 * Lines of bpftrace, as events, as text and as JSON. Nothing that a terminal acts on may come out, and the JSON must be JSON to a strict reader.
 */
#include <kgent/render.h>

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void free_columns(gpointer p)
{
	kg_run_columns_free(p);
}

static GPtrArray *columns(void)
{
	GPtrArray *cols = g_ptr_array_new_with_free_func(free_columns);
	struct kg_run_columns *c = kg_run_columns_new("@x", 2);

	c->keys[0].unit = KG_UNIT_STRING;
	c->keys[1].unit = KG_UNIT_ERRNO;
	c->value.unit = KG_UNIT_BYTES;
	g_ptr_array_add(cols, c);
	c = kg_run_columns_new("@s", 3);
	c->keys[0].unit = KG_UNIT_STACK;
	c->keys[1].unit = KG_UNIT_UID;
	c->keys[2].unit = KG_UNIT_PATH;
	c->value.unit = KG_UNIT_NS;
	c->top = 2;
	g_ptr_array_add(cols, c);
	c = kg_run_columns_new(NULL, 2);
	c->keys[0].unit = KG_UNIT_SYSCALL;
	c->keys[1].unit = KG_UNIT_STRING;
	g_ptr_array_add(cols, c);
	return cols;
}

static void check_text(const GString *out)
{
	for (gsize i = 0; i < out->len; i++) {
		unsigned char c = (unsigned char)out->str[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			abort();
	}
}

static void check_json(GString *out)
{
	json_error_t e;
	json_t *j;

	if (out->len == 0)
		return;
	/* a number above what jansson can hold is right all the same */
	j = json_loadb(out->str, out->len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
	if (!j)
		abort();
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GPtrArray *cols = columns();
	struct kg_render *text = kg_render_new(&(struct kg_render_opts){.columns = cols, .width = 60});
	struct kg_render *json = kg_render_new(&(struct kg_render_opts){.columns = cols, .json = TRUE});
	const char *s = (const char *)data, *end = s + size;
	GString *out = g_string_new(NULL);

	while (s < end) {
		const char *nl = memchr(s, '\n', (gsize)(end - s));
		struct kg_run_event ev;

		if (kg_run_parse_line(s, (gsize)((nl ? nl : end) - s), &ev)) {
			g_string_truncate(out, 0);
			kg_render_event(text, &ev, out);
			check_text(out);
			g_string_truncate(out, 0);
			kg_render_notice(&ev, out);
			check_text(out);
			g_string_truncate(out, 0);
			kg_render_event(json, &ev, out);
			check_json(out);
		}
		kg_run_event_clear(&ev);
		s = nl ? nl + 1 : end;
	}
	g_string_truncate(out, 0);
	kg_render_finish(text, out);
	check_text(out);
	kg_render_free(text);
	kg_render_free(json);
	g_string_free(out, TRUE);
	g_ptr_array_unref(cols);
	return 0;
}
