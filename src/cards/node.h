/**
 * @file
 * A YAML document as a small tree that knows its lines. Private to the cards.
 */
#pragma once

#include <kgent/error.h>

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	int line;         /**< counts from 1 */
	char *text;       /**< NODE_TEXT: never NULL */
	GPtrArray *keys;  /**< NODE_MAP: struct node * (NODE_TEXT), in the file's order */
	GPtrArray *items; /**< NODE_LIST: the members; NODE_MAP: the values, beside keys */
};

struct node *node_free(struct node *n);
/** The value of a key of a map, or NULL. */
const struct node *node_get(const struct node *map, const char *key);
/**
 * All documents of a text.
 * @param file for messages only
 * @param ret array of struct node * that frees its members; empty documents are left out
 * @return 0 or -KG_E_PARSE (with file and line), -KG_E_LIMIT
 */
int node_parse(const char *file, const char *text, gsize len, GPtrArray **ret, struct kg_error *err);
