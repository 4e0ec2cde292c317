/**
 * @file
 * From a document's tree to a card. Private to the cards.
 */
#pragma once

#include "read.h"

/** One card of a document, checked. The caller's. */
int load_card(const struct reader *r, const struct node *doc, struct kg_card **ret);
/** The card's `ways`, appended to card->ways. */
int load_ways(const struct reader *r, const struct node *ways, struct kg_card *card);
/** What `read` says, appended to the site's exprs. */
int load_reads(const struct reader *r, const struct node *read, struct kg_card_site *site);
/** A way that is written as a list of system calls. */
int load_syscalls(const struct reader *r, const struct node *way, struct kg_card *card, struct kg_card_way *w);
/** A way that is written as a list of kernel functions: two ways, by fentry and by kprobe. */
int load_functions(const struct reader *r, const struct node *way, struct kg_card_way *fentry, struct kg_card_way *kprobe);
/** A context word; an absent node leaves [ret] alone. */
int load_context(const struct reader *r, const struct node *n, enum kg_card_context *ret);
/** What only the whole card can tell: fields without a reading, readings without a field, names that nothing defines. */
int check_card(const struct reader *r, const struct node *doc, const struct kg_card *card);
