/**
 * @file
 * Reading values out of a card's tree, with messages that name file, line and what is allowed. Private to the cards.
 */
#pragma once

#include "model.h"
#include "node.h"

struct reader {
	const char *file;
	struct kg_error *err;
};

/** Fail at a node. Returns -KG_E_PARSE. */
int fail_at(const struct reader *r, int line, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/** Every key of a map must be one of [keys] (NULL-terminated). */
int read_keys(const struct reader *r, const struct node *map, const char *what, const char *const *keys);
/** A text that is not empty; an absent node leaves [ret] alone. */
int read_text(const struct reader *r, const struct node *n, const char *what, char **ret);
/** true or false; an absent node leaves [ret] alone. */
int read_bool(const struct reader *r, const struct node *n, const char *what, gboolean *ret);
/** A text or a list of texts, appended to [out]. */
int read_texts(const struct reader *r, const struct node *n, const char *what, GPtrArray *out);
/** A bpftrace expression: balanced, no statement, no block. */
int read_expr(const struct reader *r, const struct node *n, const char *what, char **ret);
/** One of [words] (NULL-terminated), as its index. */
int read_word(const struct reader *r, const struct node *n, const char *what, const char *const *words, int *ret);
/** The nearest of [words] for "did you mean", or NULL. */
const char *nearest_word(const char *word, const char *const *words);
