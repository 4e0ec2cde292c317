/* What the files of the part share: a site is a place of the tree where something can be put in another's stead. */
#pragma once

#include <kgent/mutate.h>

struct mutating {
	struct kg_bt_program *program;
	struct kg_profile *profile;
	const struct kg_bt_probe *probe; /* that the walk is in */
	GPtrArray *made[KG_MUTANT_KINDS];/* struct kg_mutant * */
	GHashTable *texts;               /* of all that were made, and the original's */
};

/* Print the program as it is now as a mutant. */
void mutant_emit(struct mutating *m, enum kg_mutant_kind kind, const struct kg_loc *loc, const char *fmt, ...) G_GNUC_PRINTF(4, 5);
/* The same with [node] (taken over) standing in [slot], which is as before behind it. */
void mutant_put(struct mutating *m, enum kg_mutant_kind kind, struct kg_bt_node **slot, struct kg_bt_node *node, const char *fmt, ...) G_GNUC_PRINTF(5, 6);
/* The same with another text in a node. */
void mutant_rename(struct mutating *m, enum kg_mutant_kind kind, struct kg_bt_node *node, const char *text);
/* Mutants at one node. [parent] NULL: it is a predicate or a block. */
void mutate_node(struct mutating *m, struct kg_bt_node **slot, struct kg_bt_node *parent);
/* Mutants of statements and probes as a whole. */
void mutate_block(struct mutating *m, struct kg_bt_node *block);
