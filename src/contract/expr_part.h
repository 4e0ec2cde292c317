/*
 * The inside of the evaluator.
 *
 *	expr.c        one node: names, members, casts, operators' dispatch
 *	expr_word.c   numbers as words: widths, byte order, arithmetic, comparison
 *	expr_type.c   a typed place in memory as a value; elements, members
 *	expr_call.c   builtins and functions
 *	expr_shown.c  what a user sees of a value; equality; bytes
 *	expr_args.c   where the arguments of an event lie
 */
#pragma once

#include <kgent/expr.h>

struct eval {
	const struct kg_expr_env *env;
	guint n_names;  /* how many of env->names can be seen */
	int depth;
	GPtrArray *arguments; /* struct kg_argument *, made when first asked for, or NULL */
	gboolean has_arguments;
};

#define STAGE "expression"
#define MAX_DEPTH 200
#define MAX_BYTES 4096 /* of one object or text */

/* Sets the error and notes the node. Returns -code. */
int expr_fail(const struct eval *ev, const struct kg_bt_node *at, struct kg_error *err, int code, const char *fmt, ...) G_GNUC_PRINTF(5, 6);
/* Notes the node of an error that is set already. Returns [r]. */
int expr_failed_at(const struct eval *ev, const struct kg_bt_node *at, int r);

int expr_eval_node(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
/* The node as a number of 64 bits, big endian ones converted. */
int expr_eval_number(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);

/* expr_word.c */
struct kg_word expr_word_op(const struct kg_expr_env *env, enum kg_op op, struct kg_word a, struct kg_word b); /* 64 bits; compares give 1 */
struct kg_word expr_word_fit(const struct kg_expr_env *env, struct kg_word a, unsigned width, gboolean is_signed); /* the lower bits, extended */
struct kg_word expr_word_swap(const struct kg_expr_env *env, struct kg_word a, unsigned width); /* bytes of the lower [width] bits, zero extended */
struct kg_word expr_word_bool(const struct kg_expr_env *env, struct kg_word bit);    /* 1 bit to 64 */
struct kg_word expr_bit_not(const struct kg_expr_env *env, struct kg_word bit);
struct kg_word expr_bit_op(const struct kg_expr_env *env, enum kg_op op, struct kg_word a, struct kg_word b);
struct kg_expr_value expr_number_of(struct kg_word word, unsigned width, gboolean is_signed);
struct kg_expr_value expr_constant_of(int64_t value);
/* A number in host order; others are returned as they are. */
struct kg_expr_value expr_in_host_order(const struct kg_expr_env *env, const struct kg_expr_value *v);
int expr_eval_binary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_unary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_ternary(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);

/* expr_type.c */
gboolean expr_type_is_composite(const struct kg_expr_env *env, const struct kg_field *f);
/* What a pointer's or array's spelling points to or consists of; owned; NULL where it is neither. */
char *expr_type_pointee(const char *type);
char *expr_type_element(const char *type);
/* The value of type [f] at [address] + f->offset_bits. */
int expr_load_value(struct eval *ev, const struct kg_bt_node *at, const struct kg_field *f, enum kg_space space, struct kg_word address,
	       struct kg_expr_value *ret, struct kg_error *err);
int expr_load_type(struct eval *ev, const struct kg_bt_node *at, const char *type, enum kg_space space, struct kg_word address,
	      struct kg_expr_value *ret, struct kg_error *err);
int expr_type_size(struct eval *ev, const struct kg_bt_node *at, const char *type, uint32_t *ret, struct kg_error *err);
int expr_eval_member(struct eval *ev, const struct kg_bt_node *n, gboolean is_address, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_index(struct eval *ev, const struct kg_bt_node *n, gboolean is_address, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_deref(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_address(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_cast(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_sizeof(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
const char *expr_keep_text(const struct kg_expr_env *env, const char *s);

/* expr_args.c */
enum kg_space expr_default_space(const struct kg_contract_point *point);
/* Where in the context the instruction pointer is; FALSE: the event has none. */
gboolean expr_pc_offset(const struct kg_expr_env *env, uint32_t *ret);
/* An argument by name. Untouched and -KG_E_NOTFOUND without an error where there is none of that name. */
int expr_eval_argument(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_expr_value *ret, struct kg_error *err);
/* The names of all arguments: for "did you mean". Array of borrowed char *. */
GPtrArray *expr_argument_names(struct eval *ev);

/* expr_call.c */
int expr_eval_builtin(struct eval *ev, const struct kg_bt_node *at, const char *name, struct kg_expr_value *ret, struct kg_error *err);
int expr_eval_call(struct eval *ev, const struct kg_bt_node *n, struct kg_expr_value *ret, struct kg_error *err);
struct kg_expr_value expr_bytes_new(const struct kg_expr_env *env, guint n);
