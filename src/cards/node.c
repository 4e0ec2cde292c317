/*
 * libyaml gives a stream of events; cards want a tree whose every node knows its line, so that a mistake in a card is
 * reported where it is. Of YAML, cards use maps, lists and text. What else there is (anchors, aliases, tags) is refused with
 * a word about quoting, since an expression that starts with `*` or `&` is how it gets into a card.
 *
 * Depth and size are bounded: a card is small, and a user's file is not trusted to be one.
 */
#include "node.h"

#include <yaml.h>

#define MAX_DEPTH 12
#define MAX_NODES 200000

struct builder {
	const char *file;
	yaml_parser_t yaml;
	unsigned n_nodes;
	struct kg_error *err;
};

struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	g_free(n->text);
	if (n->keys)
		g_ptr_array_unref(n->keys);
	if (n->items)
		g_ptr_array_unref(n->items);
	g_free(n);
	return NULL;
}

static void node_destroy(gpointer n)
{
	node_free(n);
}

const struct node *node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (guint i = 0; i < map->keys->len; i++) {
		const struct node *k = g_ptr_array_index(map->keys, i);
		if (g_str_equal(k->text, key))
			return g_ptr_array_index(map->items, i);
	}
	return NULL;
}

static int next_event(struct builder *b, yaml_event_t *ev)
{
	if (yaml_parser_parse(&b->yaml, ev))
		return 0;
	return kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%zu: not YAML: %s", b->file, b->yaml.problem_mark.line + 1,
			    b->yaml.problem ? b->yaml.problem : "unreadable");
}

static int refuse_extras(struct builder *b, const yaml_event_t *ev)
{
	const unsigned char *anchor = NULL, *tag = NULL;
	switch (ev->type) {
	case YAML_ALIAS_EVENT: anchor = ev->data.alias.anchor; break;
	case YAML_SCALAR_EVENT: anchor = ev->data.scalar.anchor; tag = ev->data.scalar.tag; break;
	case YAML_SEQUENCE_START_EVENT: anchor = ev->data.sequence_start.anchor; tag = ev->data.sequence_start.tag; break;
	case YAML_MAPPING_START_EVENT: anchor = ev->data.mapping_start.anchor; tag = ev->data.mapping_start.tag; break;
	default: break;
	}
	if (!anchor && !tag)
		return 0;
	int r = kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%zu: anchors, aliases and tags have no meaning in a card",
			     b->file, ev->start_mark.line + 1);
	kg_error_hint(b->err, "an expression that starts with *, & or ! needs quotes: \"*...\"");
	return r;
}

static struct node *node_new(enum node_kind kind, const yaml_event_t *ev)
{
	struct node *n = g_new0(struct node, 1);
	n->kind = kind;
	n->line = (int)ev->start_mark.line + 1;
	if (kind == NODE_TEXT)
		n->text = g_strndup((const char *)ev->data.scalar.value, ev->data.scalar.length);
	if (kind == NODE_MAP)
		n->keys = g_ptr_array_new_with_free_func(node_destroy);
	if (kind != NODE_TEXT)
		n->items = g_ptr_array_new_with_free_func(node_destroy);
	return n;
}

static int build_node(struct builder *b, yaml_event_t *first, int depth, struct node **ret);

/* [ev] is consumed. */
static int build_value(struct builder *b, int depth, yaml_event_t *ev, struct node **ret)
{
	int r = refuse_extras(b, ev);
	if (r == 0)
		r = build_node(b, ev, depth, ret);
	yaml_event_delete(ev);
	return r;
}

static int build_list(struct builder *b, struct node *list, int depth)
{
	for (;;) {
		yaml_event_t ev;
		int r = next_event(b, &ev);
		if (r < 0)
			return r;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		struct node *item = NULL;
		r = build_value(b, depth + 1, &ev, &item);
		if (r < 0)
			return r;
		g_ptr_array_add(list->items, item);
	}
}

static int build_map(struct builder *b, struct node *map, int depth)
{
	for (;;) {
		yaml_event_t ev;
		int r = next_event(b, &ev);
		if (r < 0)
			return r;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		struct node *key = NULL, *value = NULL;
		r = build_value(b, depth + 1, &ev, &key);
		if (r == 0 && key->kind != NODE_TEXT)
			r = kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%d: a key must be a word", b->file, key->line);
		if (r == 0 && node_get(map, key->text))
			r = kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%d: key '%s' is there twice", b->file, key->line,
					 key->text);
		if (r == 0)
			r = next_event(b, &ev);
		if (r == 0)
			r = build_value(b, depth + 1, &ev, &value);
		if (r < 0) {
			node_free(key);
			return r;
		}
		g_ptr_array_add(map->keys, key);
		g_ptr_array_add(map->items, value);
	}
}

static int build_node(struct builder *b, yaml_event_t *first, int depth, struct node **ret)
{
	if (depth > MAX_DEPTH || ++b->n_nodes > MAX_NODES)
		return kg_error_set(b->err, KG_E_LIMIT, "cards", "%s:%zu: nested too deeply or too large for a card file", b->file,
				    first->start_mark.line + 1);
	struct node *n;
	int r = 0;
	switch (first->type) {
	case YAML_SCALAR_EVENT:
		n = node_new(NODE_TEXT, first);
		if (strlen(n->text) != first->data.scalar.length)
			r = kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%d: a NUL byte in a text", b->file, n->line);
		break;
	case YAML_SEQUENCE_START_EVENT:
		n = node_new(NODE_LIST, first);
		r = build_list(b, n, depth);
		break;
	case YAML_MAPPING_START_EVENT:
		n = node_new(NODE_MAP, first);
		r = build_map(b, n, depth);
		break;
	default:
		return kg_error_set(b->err, KG_E_PARSE, "cards", "%s:%zu: unexpected YAML", b->file, first->start_mark.line + 1);
	}
	if (r < 0) {
		node_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

static gboolean is_empty(const struct node *n)
{
	return n->kind == NODE_TEXT && n->text[0] == '\0';
}

static int build_stream(struct builder *b, GPtrArray *docs)
{
	for (;;) {
		yaml_event_t ev;
		int r = next_event(b, &ev);
		if (r < 0)
			return r;
		if (ev.type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&ev);
			return 0;
		}
		if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT ||
		    ev.type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&ev);
			continue;
		}
		struct node *doc = NULL;
		r = build_value(b, 0, &ev, &doc);
		if (r < 0)
			return r;
		if (is_empty(doc))
			node_free(doc);
		else
			g_ptr_array_add(docs, doc);
	}
}

int node_parse(const char *file, const char *text, gsize len, GPtrArray **ret, struct kg_error *err)
{
	struct builder b = {.file = file, .err = err};
	if (!yaml_parser_initialize(&b.yaml))
		return kg_error_set(err, KG_E_NOMEM, "cards", "out of memory");
	yaml_parser_set_input_string(&b.yaml, (const unsigned char *)text, len);
	g_autoptr(GPtrArray) docs = g_ptr_array_new_with_free_func(node_destroy);
	int r = build_stream(&b, docs);
	yaml_parser_delete(&b.yaml);
	if (r == 0)
		*ret = g_steal_pointer(&docs);
	return r;
}
