/* A contract as a person would write it: YAML, small things on one line. */
#include <kgent/contract.h>

#include <jansson.h>
#include <string.h>
#include <yaml.h>

#define LINE 110 /* characters that fit on one */

static int append(void *user, unsigned char *bytes, size_t n)
{
	g_string_append_len(user, (const char *)bytes, (gssize)n);
	return 1;
}

/* How long it would be on one line; what is long or deep is more than a line. */
static gsize length(const json_t *node, int depth)
{
	const char *key;
	json_t *item;
	gsize i, n = 2;

	if (json_is_string(node)) /* on one line with others an attach point would need quotes */
		return strchr(json_string_value(node), ':') ? LINE : json_string_length(node) + 4;
	if (depth > 3)
		return LINE;
	if (json_is_array(node))
		json_array_foreach((json_t *)node, i, item)
			n += length(item, depth + 1);
	else if (json_is_object(node))
		json_object_foreach((json_t *)node, key, item)
			n += strlen(key) + 4 + length(item, depth + 1);
	else
		n = 8;
	return n;
}

static void scalar(yaml_emitter_t *out, const char *text, gboolean is_text)
{
	yaml_event_t event;

	yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)strlen(text), 1, is_text, YAML_ANY_SCALAR_STYLE);
	yaml_emitter_emit(out, &event);
}

static void emit(yaml_emitter_t *out, const json_t *node, gboolean is_top);

static void emit_map(yaml_emitter_t *out, const json_t *node, gboolean is_top)
{
	yaml_event_t event;
	const char *key;
	json_t *item;
	gboolean is_flat = !is_top && length(node, 0) < LINE;

	yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, is_flat ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
	yaml_emitter_emit(out, &event);
	json_object_foreach((json_t *)node, key, item) {
		scalar(out, key, TRUE);
		emit(out, item, FALSE);
	}
	yaml_mapping_end_event_initialize(&event);
	yaml_emitter_emit(out, &event);
}

static void emit_list(yaml_emitter_t *out, const json_t *node, gboolean has_maps)
{
	yaml_event_t event;
	json_t *item;
	gsize i;
	gboolean is_flat = !has_maps && length(node, 0) < LINE;

	yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, is_flat ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
	yaml_emitter_emit(out, &event);
	json_array_foreach((json_t *)node, i, item)
		emit(out, item, FALSE);
	yaml_sequence_end_event_initialize(&event);
	yaml_emitter_emit(out, &event);
}

static void emit(yaml_emitter_t *out, const json_t *node, gboolean is_top)
{
	if (json_is_object(node)) {
		emit_map(out, node, is_top);
	} else if (json_is_array(node)) {
		emit_list(out, node, json_is_object(json_array_get(node, 0)));
	} else if (json_is_string(node)) {
		scalar(out, json_string_value(node), TRUE);
	} else {
		char *text = json_dumps(node, JSON_ENCODE_ANY);
		scalar(out, text, FALSE);
		free(text);
	}
}

char *kg_contract_yaml(const struct kg_contract *contract)
{
	g_autofree char *json = kg_contract_json(contract);
	json_t *tree = json_loads(json, 0, NULL);
	GString *text = g_string_new(NULL);
	yaml_emitter_t out;
	yaml_event_t event;

	yaml_emitter_initialize(&out);
	yaml_emitter_set_output(&out, append, text);
	yaml_emitter_set_unicode(&out, 1);
	yaml_emitter_set_width(&out, -1);
	yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
	yaml_emitter_emit(&out, &event);
	yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
	yaml_emitter_emit(&out, &event);
	emit(&out, tree, TRUE);
	yaml_document_end_event_initialize(&event, 1);
	yaml_emitter_emit(&out, &event);
	yaml_stream_end_event_initialize(&event);
	yaml_emitter_emit(&out, &event);
	yaml_emitter_delete(&out);
	json_decref(tree);
	return g_string_free(text, FALSE);
}
