/*
 * What the checks share. A program is gone through twice: quietly first, to learn what each map keeps (a map can be used above
 * the place where it is assigned), then aloud. Each expression is looked at once in each pass, and yields a type.
 *
 *   check.c         entry, statements, variables and their scopes
 *   check_attach.c  attach points
 *   check_expr.c    expressions, members, casts
 *   check_call.c    functions, printf formats
 *   check_map.c     maps
 *   features.c      what a bpftrace release lacks or means differently
 *
 * The rule of all of them: a type that is not known is silent.
 */
#pragma once

#include "parse.h"

enum kg_bt_ty_kind {
	TY_UNKNOWN, TY_NONE, TY_INT, TY_STRING, TY_POINTER, TY_RECORD, TY_ARRAY, TY_TUPLE, TY_ARGS, TY_STACK,
	TY_OTHER, TY_AGG,
};

struct kg_bt_ty {
	enum kg_bt_ty_kind kind;
	const char *c_name;   /* of TY_POINTER and TY_RECORD: "struct sock" (what is pointed to; NULL unknown); of big
				 endian integers: "__be16" */
	const char *agg;      /* of TY_AGG: "count" */
	unsigned stars;       /* of TY_POINTER: 1 for struct sock * */
	gboolean big_endian;
	gboolean is_literal;  /* a number in the program */
	gboolean is_enum;
	unsigned n;           /* of TY_TUPLE: elements; 0 not known */
};

#define KG_BT_KEYS 8

struct kg_bt_map_info {
	const char *name;
	struct kg_bt_ty value;      /* TY_UNKNOWN until assigned something known */
	const struct kg_bt_node *value_at;
	int n_keys;                 /* -1: not known */
	enum kg_bt_ty_kind keys[KG_BT_KEYS]; /* of the first keys, where known */
	const struct kg_bt_node *keys_at;
	gboolean is_assigned, is_declared;
};

struct kg_bt_check {
	const struct kg_bt_program *program;
	struct kg_profile *profile;
	const struct kg_bt_version *version;
	GPtrArray *diags;
	gboolean quiet;
	GStringChunk *strings;
	GHashTable *maps;     /* name -> kg_bt_map_info * */
	GHashTable *defines;  /* names that the preamble, enums, macros and subprograms define */
	GHashTable *structs;  /* "struct x" -> KG_BT_CDEF */
	gboolean has_include, has_kernel_include, has_import;
	/* of the probe */
	const struct kg_bt_probe *probe;
	const struct kg_bt_node *sub; /* macro or subprogram, or NULL */
	GPtrArray *scopes;    /* GHashTable * of variable name -> kg_bt_ty * */
	GHashTable *gone;     /* names of variables whose block has ended */
	int loops;
};

struct kg_diag *kg_bt_say(struct kg_bt_check *c, enum kg_severity severity, const char *check, struct kg_loc loc,
			  const char *fmt, ...) G_GNUC_PRINTF(5, 6);
/* Is the release older than minor (of 0.minor)? FALSE without a version. */
gboolean kg_bt_older(const struct kg_bt_check *c, int minor);
const char *kg_bt_keep(struct kg_bt_check *c, const char *s); /* a copy that lives as long as the check */

struct kg_bt_ty kg_bt_check_expr(struct kg_bt_check *c, const struct kg_bt_node *e);
void kg_bt_check_block(struct kg_bt_check *c, const struct kg_bt_node *block);
struct kg_bt_ty kg_bt_check_call(struct kg_bt_check *c, const struct kg_bt_node *call, gboolean is_map_value);
/* Names that mean something only where an event has happened: not in BEGIN and END, some not in interval. */
void kg_bt_check_needs_event(struct kg_bt_check *c, const struct kg_bt_node *e);
/* A value that decides something: a string does not, and a pointer does only in a predicate before 0.23. */
void kg_bt_check_condition(struct kg_bt_check *c, const struct kg_bt_node *e, gboolean is_predicate);
/* Surely two kinds of value that can't stand in one place: a number and a string. */
gboolean kg_bt_ty_clash(const struct kg_bt_ty *a, const struct kg_bt_ty *b);
const char *kg_bt_ty_words(const struct kg_bt_ty *ty); /* "a number" */
/* A value that a user gets to see: numbers in big endian are told. */
void kg_bt_check_shown(struct kg_bt_check *c, const struct kg_bt_node *e, const struct kg_bt_ty *ty);
struct kg_bt_ty *kg_bt_var_find(struct kg_bt_check *c, const char *name);
void kg_bt_var_set(struct kg_bt_check *c, const char *name, const struct kg_bt_ty *ty);

struct kg_bt_map_info *kg_bt_map_get(struct kg_bt_check *c, const char *name);
/* A map as one of its values: keys are held against the others. */
struct kg_bt_ty kg_bt_map_value(struct kg_bt_check *c, const struct kg_bt_node *map, gboolean is_read);
/* The map as a whole: print(@x), clear(@x), for. */
void kg_bt_map_whole(struct kg_bt_check *c, const struct kg_bt_node *map, gboolean must_be_assigned);
void kg_bt_map_assign(struct kg_bt_check *c, const struct kg_bt_node *map, const struct kg_bt_ty *ty);

void kg_bt_check_attach(struct kg_bt_check *c, const struct kg_bt_probe *probe);
void kg_bt_check_features(struct kg_bt_check *c);
/* The type that C calls [text]; size 0 unknown. */
struct kg_bt_ty kg_bt_ty_of_c(struct kg_bt_check *c, const char *text, uint32_t size);
struct kg_bt_ty kg_bt_ty_of_node(struct kg_bt_check *c, const struct kg_bt_node *type);
struct kg_bt_ty kg_bt_ty_of_field(struct kg_bt_check *c, const struct kg_field *f);
