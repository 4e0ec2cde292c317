/* The text of an event card: whatever it is, it is taken or refused with a message, and what is taken has its promised shape. */
#include "../../src/cards/load.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sites(const GPtrArray *sites, gboolean is_span)
{
	for (guint i = 0; i < sites->len; i++) {
		const struct kg_card_site *s = g_ptr_array_index(sites, i);
		g_assert(s->at->len > 0 && !s->key == !is_span);
		for (guint j = 0; j < s->exprs->len; j++)
			g_assert(((struct kg_card_expr *)g_ptr_array_index(s->exprs, j))->cases->len > 0);
	}
}

static void check_loaded(const struct kg_card *c)
{
	g_assert(c->name && c->title && c->plural && c->about && c->area && c->says->len && c->ways->len);
	for (guint i = 0; i < c->ways->len; i++) {
		const struct kg_card_way *w = g_ptr_array_index(c->ways, i);
		g_assert(w->sites->len > 0);
		check_sites(w->begins, TRUE);
		check_sites(w->sites, w->begins->len > 0);
		struct kg_card_way *copy = way_copy(w);
		g_assert(copy->sites->len == w->sites->len);
		kg_card_way_free(copy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) docs = NULL;
	struct reader r = {.file = "f", .err = &err};
	int rc = node_parse("f", (const char *)data, size, &docs, &err);
	for (guint i = 0; rc == 0 && i < docs->len; i++) {
		struct kg_card *card = NULL;
		rc = load_card(&r, g_ptr_array_index(docs, i), &card);
		if (rc == 0)
			check_loaded(card);
		kg_card_free(card);
	}
	g_assert(rc == 0 ? err.msg == NULL : err.msg != NULL && err.code == -rc);
	return 0;
}
