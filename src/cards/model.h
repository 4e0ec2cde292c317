/**
 * @file
 * Making, copying and freeing the pieces of a card. Private to the cards.
 */
#pragma once

#include <kgent/card.h>

GPtrArray *strings_new(void);                    /**< of char * */
GPtrArray *strings_copy(const GPtrArray *a);
gboolean strings_have(const GPtrArray *a, const char *s);

struct kg_card *card_new(void);
struct kg_card_field *field_new(void);
struct kg_card_way *way_new(void);
struct kg_card_site *site_new(void);
struct kg_card_expr *expr_new(const char *field);
void expr_add_case(struct kg_card_expr *e, const char *when, const char *expr);
void site_add_let(struct kg_card_site *s, const char *name, const char *expr);
struct kg_value_name *value_new(void);

void site_destroy(gpointer site);
void field_destroy(gpointer field);
void expr_destroy(gpointer expr);
void value_destroy(gpointer value);
struct kg_card_site *site_copy(const struct kg_card_site *s);
struct kg_card_way *way_copy(const struct kg_card_way *w);
/** Call [fn] for every expression of a site; it may replace the text. Absent ones are NULL. */
void site_each_slot(struct kg_card_site *s, void (*fn)(char **text, gpointer data), gpointer data);
/** Call [fn] for every expression of a site that is there. */
void site_each_text(const struct kg_card_site *s, void (*fn)(const char *text, gpointer data), gpointer data);
struct kg_card_stimulus *stimulus_new(void);
void stimulus_destroy(gpointer stimulus);
