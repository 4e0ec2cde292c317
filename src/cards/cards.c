/*
 * All cards of some directories: each *.yaml, in the order of names, so that the same files give the same order everywhere.
 * Within one directory a name is there once; a later directory's card (the user's own) takes the place of an earlier one.
 */
#include "load.h"

#include <errno.h>
#include <string.h>

#define MAX_FILE_BYTES (4 << 20)

struct kg_cards {
	GPtrArray *list;     /* struct kg_card * */
	GHashTable *by_name; /* char *, borrowed from the card -> index + 1 */
};

static void card_destroy(gpointer card)
{
	kg_card_free(card);
}

struct kg_cards *kg_cards_free(struct kg_cards *cards)
{
	if (!cards)
		return NULL;
	g_hash_table_unref(cards->by_name);
	g_ptr_array_unref(cards->list);
	g_free(cards);
	return NULL;
}

/* Takes [card]; one of the same name that an earlier directory gave is replaced where it stands. */
static void add_card(struct kg_cards *cards, struct kg_card *card)
{
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(cards->by_name, card->name));
	g_hash_table_replace(cards->by_name, card->name, GUINT_TO_POINTER(at ? at : cards->list->len + 1));
	if (!at) {
		g_ptr_array_add(cards->list, card);
		return;
	}
	kg_card_free(g_ptr_array_index(cards->list, at - 1));
	g_ptr_array_index(cards->list, at - 1) = card;
}

static int read_file(const char *path, char **text, gsize *len, struct kg_error *err)
{
	g_autoptr(GError) ge = NULL;
	if (!g_file_get_contents(path, text, len, &ge))
		return kg_error_set(err, KG_E_IO, "cards", "%s", ge->message);
	if (*len > MAX_FILE_BYTES)
		return kg_error_set(err, KG_E_LIMIT, "cards", "%s: larger than %d bytes", path, MAX_FILE_BYTES);
	return 0;
}

static int load_file(struct kg_cards *cards, const char *path, GHashTable *seen, struct kg_error *err)
{
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) docs = NULL;
	gsize len = 0;
	int rc = read_file(path, &text, &len, err);
	if (rc == 0)
		rc = node_parse(path, text, len, &docs, err);
	struct reader r = {.file = path, .err = err};
	for (guint i = 0; rc == 0 && i < docs->len; i++) {
		const struct node *doc = g_ptr_array_index(docs, i);
		struct kg_card *card = NULL;
		rc = load_card(&r, doc, &card);
		if (rc < 0)
			break;
		if (g_hash_table_contains(seen, card->name)) {
			rc = fail_at(&r, doc->line, "card '%s' is there twice; the other is in %s", card->name,
				     kg_cards_find(cards, card->name)->file);
			kg_card_free(card);
			break;
		}
		g_hash_table_add(seen, g_strdup(card->name));
		add_card(cards, card);
	}
	return rc;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_dir(const char *dir, GPtrArray *paths, struct kg_error *err)
{
	g_autoptr(GError) ge = NULL;
	GDir *d = g_dir_open(dir, 0, &ge);
	if (!d)
		return kg_error_set(err, KG_E_IO, "cards", "%s", ge->message);
	for (const char *name = g_dir_read_name(d); name; name = g_dir_read_name(d))
		if (name[0] != '.' && g_str_has_suffix(name, ".yaml"))
			g_ptr_array_add(paths, g_build_filename(dir, name, NULL));
	g_dir_close(d);
	g_ptr_array_sort(paths, compare_names);
	return 0;
}

static int load_dir(struct kg_cards *cards, const char *dir, struct kg_error *err)
{
	g_autoptr(GPtrArray) paths = strings_new();
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	int rc = list_dir(dir, paths, err);
	for (guint i = 0; rc == 0 && i < paths->len; i++)
		rc = load_file(cards, g_ptr_array_index(paths, i), seen, err);
	return rc;
}

int kg_cards_open(const char *const *dirs, struct kg_cards **ret, struct kg_error *err)
{
	struct kg_cards *cards = g_new0(struct kg_cards, 1);
	cards->list = g_ptr_array_new_with_free_func(card_destroy);
	cards->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	int rc = 0;
	for (; rc == 0 && *dirs; dirs++)
		rc = load_dir(cards, *dirs, err);
	if (rc < 0)
		kg_cards_free(cards);
	else
		*ret = cards;
	return rc;
}

guint kg_cards_n(const struct kg_cards *cards)
{
	return cards->list->len;
}

const struct kg_card *kg_cards_at(const struct kg_cards *cards, guint i)
{
	return i < cards->list->len ? g_ptr_array_index(cards->list, i) : NULL;
}

const struct kg_card *kg_cards_find(const struct kg_cards *cards, const char *name)
{
	guint at = GPOINTER_TO_UINT(g_hash_table_lookup(cards->by_name, name));
	return at ? g_ptr_array_index(cards->list, at - 1) : NULL;
}
