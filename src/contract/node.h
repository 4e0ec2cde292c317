/*
 * The folder's inside: YAML as a tree whose every node knows its place to the column, and what the readers share.
 *
 *   node.c         YAML (and so JSON) to a tree
 *   read.c         the whole contract: title, ways, waivers
 *   read_clause.c  one event and its obligations
 *   read_span.c    where a span begins and ends
 *   read_value.c   expressions, values, attach points, times
 *   point.c        attach points: parse, compare, expand
 *   model.c        the structs' ends, their words, tables
 *   json.c         a contract as JSON
 *   check.c        a contract against a kernel
 *   expr*.c        the evaluator of expressions; macros.c its constants
 */
#pragma once

#include <kgent/contract.h>

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	gboolean is_plain; /* TEXT without quotes */
	char *text;        /* TEXT; never NULL there */
	GPtrArray *keys;   /* MAP: struct node *, TEXT */
	GPtrArray *items;  /* LIST, MAP: struct node * */
	struct kg_loc loc; /* where the text itself begins, behind its quote; len: of a text on one line, else 0 */
};

struct node *con_node_free(struct node *n);
const struct node *con_node_get(const struct node *map, const char *key);
/* The text as a tree, or NULL with an error in [diags]. */
struct node *con_node_parse(const char *text, gsize len, GPtrArray *diags);

/* What reading a contract shares. */
struct reader {
	GPtrArray *diags;
	struct kg_contract *contract;
	const struct node *where; /* the contract's own, or NULL */
};

#define CHECK "contract"

struct kg_diag *con_read_error(struct reader *r, const struct node *at, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* The nearest of the words, as the hint "did you mean 'x'?"; all of them where none is near and [is_listed]. */
void con_hint_nearest(struct kg_diag *d, const char *word, const char *const *words, gboolean is_listed);

/* Each returns FALSE where it reported an error; [ret] is then untouched. */
gboolean con_read_text(struct reader *r, const struct node *n, const char *what, char **ret);
gboolean con_read_truth(struct reader *r, const struct node *n, const char *what, gboolean *ret);
gboolean con_read_number(struct reader *r, const struct node *n, const char *what, int64_t *ret);
gboolean con_read_time(struct reader *r, const struct node *n, uint64_t *ret_ns);
gboolean con_read_as(struct reader *r, const struct node *n, enum kg_as *ret);
gboolean con_read_expr(struct reader *r, const struct node *n, const char *what, struct kg_contract_expr *ret);
/* One expression or a list of them, appended. */
gboolean con_read_exprs(struct reader *r, const struct node *n, const char *what, GPtrArray *ret);
/* A map of names to expressions, appended. */
gboolean con_read_names(struct reader *r, const struct node *n, const char *what, GPtrArray *ret);
/* An expression, or a map {what, expr, as, when}. [more] are keys that the caller reads, NULL-terminated, or NULL. */
gboolean con_read_value(struct reader *r, const struct node *n, const char *what, const char *const *more, struct kg_contract_value *ret);
/* An attach point. [near] (entries of `on`, or NULL) are looked at for a name that is only a point's last part. */
gboolean con_read_point(struct reader *r, const struct node *n, const GPtrArray *near, struct kg_contract_point **ret);
/* A point, or {any: [point...]}: array of struct kg_contract_point *. */
gboolean con_read_entry(struct reader *r, const struct node *n, const GPtrArray *near, GPtrArray **ret);
/* The list behind `any`. */
gboolean con_read_entry_any(struct reader *r, const struct node *any, const GPtrArray *near, GPtrArray **ret);
/* Is every key of the map one of [keys], and the node a map at all? */
gboolean con_read_keys(struct reader *r, const struct node *n, const char *what, const char *const *keys);
gboolean con_read_aggregate(struct reader *r, const struct node *n, enum kg_aggregate *ret);
/* {min, max, step} of a map into an obligation. */
gboolean con_read_lhist(struct reader *r, const struct node *n, struct kg_obligation *o);

/* Findings in the order of their places, each once. */
void con_move_findings(GPtrArray *from, GPtrArray *to);

gboolean con_read_clause(struct reader *r, const struct node *n, struct kg_contract_clause **ret);
/* The keys that a clause may have. */
extern const char *const con_clause_keys[];
/* {from, to, key, keep, same thread} of [n] into clause->span; other keys are the caller's. */
gboolean con_read_span(struct reader *r, const struct node *n, const GPtrArray *on, struct kg_contract_span **ret);

/* model.c */
GPtrArray *con_points_new(void);
GPtrArray *con_exprs_new(void);
GPtrArray *con_names_new(void);
GPtrArray *con_values_new(void);
struct kg_contract_point *con_point_copy(const struct kg_contract_point *p);
void con_expr_clear(struct kg_contract_expr *e);
void con_expr_free(gpointer e);
void con_value_clear(struct kg_contract_value *v);
struct kg_contract_expr *con_expr_copy(const struct kg_contract_expr *e);
struct kg_contract_name *con_name_copy(const struct kg_contract_name *n);
struct kg_contract_clause *con_clause_new(void);
struct kg_contract_clause *con_clause_free(struct kg_contract_clause *c);
struct kg_contract_way *con_way_free(struct kg_contract_way *w);
struct kg_contract_end *con_end_free(struct kg_contract_end *e);
struct kg_contract_span *con_span_new(void);
struct kg_contract_span *con_span_free(struct kg_contract_span *s);
struct kg_obligation *con_obligation_new(enum kg_obligation_kind kind, struct kg_loc loc);
struct kg_obligation *con_obligation_free(struct kg_obligation *o);
/* Gives each obligation its words where the contract has none. */
void con_clause_say(struct kg_contract_clause *c);
