/*
 * libyaml gives events; a contract wants a tree whose every node knows its line and column, so that a mistake is shown where it is, down
 * to the operator of an expression. JSON is read by the same way, being YAML.
 *
 * Of YAML there are maps, lists and texts. Anchors, aliases and tags are refused with a word about quotes, since an expression that begins
 * with `*`, `&` or `!` is how they get into a contract. Depth and size are bounded.
 */
#include "node.h"

#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 16
#define MAX_NODES 20000

struct builder {
	const char *text;
	gsize len;
	GArray *lines; /* gsize: where each line begins */
	yaml_parser_t yaml;
	unsigned n_nodes;
	GPtrArray *diags;
};

struct node *con_node_free(struct node *n)
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
	con_node_free(n);
}

const struct node *con_node_get(const struct node *map, const char *key)
{
	for (guint i = 0; map && map->kind == NODE_MAP && i < map->keys->len; i++)
		if (!strcmp(((const struct node *)map->keys->pdata[i])->text, key))
			return map->items->pdata[i];
	return NULL;
}

/* libyaml counts characters, a place counts bytes. */
static struct kg_loc loc_of(const struct builder *b, const yaml_mark_t *mark)
{
	gsize line = MIN(mark->line, b->lines->len - 1);
	gsize off = g_array_index(b->lines, gsize, line), from = off;

	for (gsize i = 0; i < mark->column && off < b->len && b->text[off] != '\n'; i++) {
		off++;
		while (off < b->len && ((unsigned char)b->text[off] & 0xc0) == 0x80)
			off++;
	}
	return (struct kg_loc){.line = (int)line + 1, .col = (int)(off - from) + 1};
}

static gboolean next_event(struct builder *b, yaml_event_t *ev)
{
	if (yaml_parser_parse(&b->yaml, ev))
		return TRUE;
	struct kg_loc loc = loc_of(b, &b->yaml.problem_mark);
	struct kg_diag *d = kg_diag_add(b->diags, KG_ERROR, CHECK, loc, "this is not YAML: %s", b->yaml.problem ? b->yaml.problem : "unreadable");
	gsize at = g_array_index(b->lines, gsize, loc.line - 1) + (gsize)loc.col - 1;

	if (at < b->len && b->text[at] == '\t')
		kg_diag_hint(d, "YAML is indented with spaces, not with tabs");
	kg_diag_hint(d, "an expression with ': ', or with [ ] { } or a comma inside of { } or [ ], needs quotes: \"args.name[0]\"");
	return FALSE;
}

static gboolean refuse_extras(struct builder *b, const yaml_event_t *ev)
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
		return TRUE;
	kg_diag_hint(kg_diag_add(b->diags, KG_ERROR, CHECK, loc_of(b, &ev->start_mark),
				 "anchors, aliases and tags have no meaning in a contract"),
		     "an expression that begins with *, & or ! needs quotes: \"!args.ret\"");
	return FALSE;
}

static void place_text(const struct builder *b, const yaml_event_t *ev, struct node *n)
{
	yaml_scalar_style_t style = ev->data.scalar.style;
	gboolean is_quoted = style == YAML_SINGLE_QUOTED_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	struct kg_loc end = loc_of(b, &ev->end_mark);

	n->is_plain = style == YAML_PLAIN_SCALAR_STYLE;
	n->loc.col += is_quoted;
	if (end.line == n->loc.line)
		n->loc.len = end.col - n->loc.col - is_quoted;
}

static struct node *node_new(const struct builder *b, enum node_kind kind, const yaml_event_t *ev)
{
	struct node *n = g_new0(struct node, 1);

	n->kind = kind;
	n->loc = loc_of(b, &ev->start_mark);
	if (kind == NODE_TEXT) {
		n->text = g_strndup((const char *)ev->data.scalar.value, ev->data.scalar.length);
		place_text(b, ev, n);
	} else {
		n->items = g_ptr_array_new_with_free_func(node_destroy);
	}
	if (kind == NODE_MAP)
		n->keys = g_ptr_array_new_with_free_func(node_destroy);
	return n;
}

static struct node *build_node(struct builder *b, const yaml_event_t *first, int depth);

/* [ev] is consumed. */
static struct node *build_value(struct builder *b, yaml_event_t *ev, int depth)
{
	struct node *n = refuse_extras(b, ev) ? build_node(b, ev, depth) : NULL;

	yaml_event_delete(ev);
	return n;
}

static gboolean build_list(struct builder *b, struct node *list, int depth)
{
	for (;;) {
		yaml_event_t ev;
		struct node *item;

		if (!next_event(b, &ev))
			return FALSE;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return TRUE;
		}
		if (!(item = build_value(b, &ev, depth + 1)))
			return FALSE;
		g_ptr_array_add(list->items, item);
	}
}

static gboolean check_key(struct builder *b, const struct node *map, const struct node *key)
{
	if (key->kind != NODE_TEXT)
		kg_diag_add(b->diags, KG_ERROR, CHECK, key->loc, "a key must be a word");
	else if (con_node_get(map, key->text))
		kg_diag_add(b->diags, KG_ERROR, CHECK, key->loc, "'%s' is there twice", key->text);
	else
		return TRUE;
	return FALSE;
}

static gboolean build_pair(struct builder *b, struct node *map, yaml_event_t *ev, int depth)
{
	struct node *key = build_value(b, ev, depth + 1), *value = NULL;
	yaml_event_t next;

	if (key && check_key(b, map, key) && next_event(b, &next))
		value = build_value(b, &next, depth + 1);
	if (!value) {
		con_node_free(key);
		return FALSE;
	}
	g_ptr_array_add(map->keys, key);
	g_ptr_array_add(map->items, value);
	return TRUE;
}

static gboolean build_map(struct builder *b, struct node *map, int depth)
{
	for (;;) {
		yaml_event_t ev;

		if (!next_event(b, &ev))
			return FALSE;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return TRUE;
		}
		if (!build_pair(b, map, &ev, depth))
			return FALSE;
	}
}

static gboolean build_text(struct builder *b, const yaml_event_t *ev, struct node *n)
{
	if (strlen(n->text) == ev->data.scalar.length)
		return TRUE;
	kg_diag_add(b->diags, KG_ERROR, CHECK, n->loc, "a NUL byte in a text");
	return FALSE;
}

static struct node *build_node(struct builder *b, const yaml_event_t *first, int depth)
{
	struct node *n = NULL;
	gboolean ok = FALSE;

	if (depth > MAX_DEPTH || ++b->n_nodes > MAX_NODES) {
		kg_diag_add(b->diags, KG_ERROR, CHECK, loc_of(b, &first->start_mark), "nested too deeply, or too large for a contract");
		return NULL;
	}
	if (first->type == YAML_SCALAR_EVENT) {
		n = node_new(b, NODE_TEXT, first);
		ok = build_text(b, first, n);
	} else if (first->type == YAML_SEQUENCE_START_EVENT) {
		n = node_new(b, NODE_LIST, first);
		ok = build_list(b, n, depth);
	} else if (first->type == YAML_MAPPING_START_EVENT) {
		n = node_new(b, NODE_MAP, first);
		ok = build_map(b, n, depth);
	}
	return ok ? n : con_node_free(n);
}

static struct node *build_stream(struct builder *b)
{
	struct node *doc = NULL;

	for (;;) {
		yaml_event_t ev;

		if (!next_event(b, &ev))
			return con_node_free(doc);
		if (ev.type == YAML_STREAM_END_EVENT) {
			yaml_event_delete(&ev);
			return doc;
		}
		if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT || ev.type == YAML_DOCUMENT_END_EVENT) {
			yaml_event_delete(&ev);
			continue;
		}
		if (doc) {
			kg_diag_add(b->diags, KG_ERROR, CHECK, loc_of(b, &ev.start_mark), "one file is one contract; this is a second one");
			yaml_event_delete(&ev);
			return con_node_free(doc);
		}
		if (!(doc = build_value(b, &ev, 0)))
			return NULL;
	}
}

static GArray *lines_of(const char *text, gsize len)
{
	GArray *lines = g_array_new(FALSE, FALSE, sizeof(gsize));
	gsize at = 0;

	g_array_append_val(lines, at);
	for (const char *p = text; len && (p = memchr(p, '\n', len - (gsize)(p - text))); p++) {
		at = (gsize)(p - text) + 1;
		g_array_append_val(lines, at);
	}
	return lines;
}

struct node *con_node_parse(const char *text, gsize len, GPtrArray *diags)
{
	struct builder b = {.text = text, .len = len, .diags = diags};
	struct node *doc;

	if (!yaml_parser_initialize(&b.yaml)) {
		kg_diag_add(diags, KG_ERROR, CHECK, (struct kg_loc){0}, "out of memory");
		return NULL;
	}
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* a byte order mark says nothing here */
		b.text = text += 3;
		b.len = len -= 3;
	}
	b.lines = lines_of(text, len);
	yaml_parser_set_input_string(&b.yaml, (const unsigned char *)text, len);
	yaml_parser_set_encoding(&b.yaml, YAML_UTF8_ENCODING);
	doc = build_stream(&b);
	if (!doc && !kg_diags_errors(diags))
		kg_diag_add(diags, KG_ERROR, CHECK, (struct kg_loc){0}, "this contract is empty");
	yaml_parser_delete(&b.yaml);
	g_array_unref(b.lines);
	return doc;
}
