/* What the files of the explanation share. */
#pragma once

#include <kgent/safety.h>

#define KG_SAY_MAX 60000 /* bytes: nobody reads more, and a hostile program could make much more */

/* What each variable of a probe's block stands for; g_hash_table_unref() it. */
GHashTable *kg_say_variables(const struct kg_bt_node *block);
/* An expression in plain words; variables are replaced by what they stand for where that is one thing. vars may be NULL. */
void kg_say_expr(const struct kg_bt_node *e, GHashTable *vars, int depth, GString *out);
void kg_say_condition(const struct kg_bt_node *e, GHashTable *vars, GString *out);
void kg_say_block(const struct kg_bt_node *block, GHashTable *vars, int indent, GString *out);
