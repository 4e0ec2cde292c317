/*
 * A card: what it is called, its fields, its ways; and the checks that need the whole of it.
 *
 * The checks exist because a card is trusted: a program is composed from it without a second look, so that a field which is
 * misspelt in one way must not quietly become a field that this way does not have.
 */
#include "load.h"

#include <string.h>

static gboolean is_name(const char *s, char joiner)
{
	if (!g_ascii_islower(*s))
		return FALSE;
	for (; *s; s++)
		if (!g_ascii_islower(*s) && !g_ascii_isdigit(*s) && *s != joiner)
			return FALSE;
	return TRUE;
}

static int load_value(const struct reader *r, const struct node *n, struct kg_card_field *f)
{
	static const char *const keys[] = {"value", "name", "says", "events", NULL};
	int rc = read_keys(r, n, "a value", keys);
	if (rc < 0)
		return rc;
	const struct node *number = node_get(n, "value");
	if (!number || !node_get(n, "name"))
		return fail_at(r, n->line, "a value needs 'value' and 'name'");
	struct kg_value_name *v = value_new();
	g_ptr_array_add(f->values, v);
	char *end = NULL;
	v->value = number->kind == NODE_TEXT ? g_ascii_strtoll(number->text, &end, 0) : 0;
	if (!end || end == number->text || *end)
		return fail_at(r, number->line, "value '%s' is no whole number", number->text ? number->text : "");
	rc = read_text(r, node_get(n, "name"), "name", &v->name);
	if (rc == 0)
		rc = read_texts(r, node_get(n, "says"), "says", v->says);
	return rc == 0 ? read_texts(r, node_get(n, "events"), "events", v->events) : rc;
}

static int load_values(const struct reader *r, const struct node *n, struct kg_card_field *f)
{
	if (!n)
		return 0;
	if (n->kind != NODE_LIST)
		return fail_at(r, n->line, "'values' must be a list of {value, name}");
	int rc = 0;
	for (guint i = 0; rc == 0 && i < n->items->len; i++)
		rc = load_value(r, g_ptr_array_index(n->items, i), f);
	return rc;
}

static int load_unit(const struct reader *r, const struct node *n, enum kg_unit *ret)
{
	const char *names[KG_UNITS + 1] = {NULL};
	for (unsigned i = 0; i < KG_UNITS; i++)
		names[i] = kg_unit_name((enum kg_unit)i);
	int unit = KG_UNIT_NONE;
	int rc = read_word(r, n, "unit", names, &unit);
	*ret = (enum kg_unit)unit;
	return rc;
}

static int load_field(const struct reader *r, const struct node *n, struct kg_card *card)
{
	static const char *const keys[] = {"name", "says", "unit", "about", "values", "measure", "shown", NULL};
	struct kg_card_field *f = field_new();
	int rc = read_keys(r, n, "a field", keys);
	if (rc == 0)
		rc = read_text(r, node_get(n, "name"), "name", &f->name);
	if (rc == 0 && (!f->name || !is_name(f->name, '_')))
		rc = fail_at(r, n->line, "a field needs a name of lower case letters, digits and _");
	if (rc == 0 && kg_card_field(card, f->name))
		rc = fail_at(r, n->line, "field '%s' is there twice", f->name);
	if (rc < 0) {
		field_destroy(f);
		return rc;
	}
	g_ptr_array_add(card->fields, f);
	rc = read_texts(r, node_get(n, "says"), "says", f->says);
	if (rc == 0)
		rc = load_unit(r, node_get(n, "unit"), &f->unit);
	if (rc == 0)
		rc = read_text(r, node_get(n, "about"), "about", &f->about);
	if (rc == 0)
		rc = read_bool(r, node_get(n, "measure"), "measure", &f->is_measure);
	if (rc == 0)
		rc = read_bool(r, node_get(n, "shown"), "shown", &f->is_shown);
	return rc == 0 ? load_values(r, node_get(n, "values"), f) : rc;
}

static int load_fields(const struct reader *r, const struct node *n, struct kg_card *card)
{
	if (!n)
		return 0;
	if (n->kind != NODE_LIST)
		return fail_at(r, n->line, "'fields' must be a list");
	int rc = 0;
	for (guint i = 0; rc == 0 && i < n->items->len; i++)
		rc = load_field(r, g_ptr_array_index(n->items, i), card);
	return rc;
}

/* {daddr: $connect.daddr, family: 2}: a field that the card does not have is one that every program knows, like comm. */
static int load_truths(const struct reader *r, const struct node *n, struct kg_card_stimulus *s)
{
	if (!n)
		return 0;
	if (n->kind != NODE_MAP)
		return fail_at(r, n->line, "'fields' of a stimulus must be a map (field: value)");
	for (guint i = 0; i < n->keys->len; i++) {
		const struct node *key = g_ptr_array_index(n->keys, i);
		char *value = NULL;
		int rc = is_name(key->text, '_') ? read_text(r, g_ptr_array_index(n->items, i), key->text, &value)
						 : fail_at(r, key->line, "'%s' is no name of a field", key->text);
		if (rc < 0)
			return rc;
		g_ptr_array_add(s->fields, g_strdup(key->text));
		g_ptr_array_add(s->values, value);
	}
	return 0;
}

static int load_stimulus(const struct reader *r, const struct node *n, struct kg_card *card)
{
	static const char *const keys[] = {"name", "options", "count", "fields", "each", "least-ns", "fails", NULL};
	int rc = read_keys(r, n, "a stimulus", keys);
	if (rc < 0)
		return rc;
	struct kg_card_stimulus *s = stimulus_new();
	g_ptr_array_add(card->stimuli, s);
	rc = read_text(r, node_get(n, "name"), "name", &s->name);
	if (rc == 0)
		rc = read_text(r, node_get(n, "options"), "options", &s->options);
	if (rc == 0)
		rc = read_text(r, node_get(n, "count"), "count", &s->count);
	if (rc == 0)
		rc = read_text(r, node_get(n, "each"), "each", &s->each);
	if (rc == 0)
		rc = read_text(r, node_get(n, "least-ns"), "least-ns", &s->least_ns);
	if (rc == 0)
		rc = read_bool(r, node_get(n, "fails"), "fails", &s->fails);
	if (rc == 0 && (!s->name || !s->count))
		rc = fail_at(r, n->line, "a stimulus needs 'name' and 'count'");
	return rc == 0 ? load_truths(r, node_get(n, "fields"), s) : rc;
}

/* One, or a list of them. */
static int load_stimuli(const struct reader *r, const struct node *n, struct kg_card *card)
{
	int rc = 0;

	if (!n || n->kind != NODE_LIST)
		return n ? load_stimulus(r, n, card) : 0;
	for (guint i = 0; rc == 0 && i < n->items->len; i++)
		rc = load_stimulus(r, g_ptr_array_index(n->items, i), card);
	return rc;
}

static int load_heads(const struct reader *r, const struct node *doc, struct kg_card *card)
{
	static const char *const heats[] = {"low", "medium", "high", NULL};
	const struct {
		const char *key;
		char **ret;
	} texts[] = {{"name", &card->name}, {"title", &card->title}, {"plural", &card->plural}, {"about", &card->about}, {"area", &card->area}};
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const struct node *n = node_get(doc, texts[i].key);
		int rc = n ? read_text(r, n, texts[i].key, texts[i].ret) : fail_at(r, doc->line, "a card needs '%s'", texts[i].key);
		if (rc < 0)
			return rc;
	}
	if (!is_name(card->name, '-'))
		return fail_at(r, doc->line, "card name '%s' must be lower case letters, digits and dashes", card->name);
	int heat = -1, rc = read_texts(r, node_get(doc, "says"), "says", card->says);
	if (rc == 0)
		rc = read_texts(r, node_get(doc, "says-done"), "says-done", card->says_done);
	if (rc == 0)
		rc = load_context(r, node_get(doc, "context"), &card->context);
	if (rc == 0)
		rc = read_word(r, node_get(doc, "heat"), "heat", heats, &heat);
	if (rc == 0)
		rc = read_bool(r, node_get(doc, "sample"), "sample", &card->is_sample);
	if (rc == 0)
		rc = read_text(r, node_get(doc, "duration"), "duration", &card->duration);
	if (rc == 0 && (heat < 0 || !node_get(doc, "context") || card->says->len == 0))
		rc = fail_at(r, doc->line, "card '%s' needs 'context', 'heat' and at least one of 'says'", card->name);
	card->heat = (enum kg_card_heat)heat;
	return rc;
}

int load_card(const struct reader *r, const struct node *doc, struct kg_card **ret)
{
	static const char *const keys[] = {"name", "title", "plural", "about", "area", "says", "says-done", "context", "heat", "sample",
					   "duration", "fields", "ways", "stimulus", NULL};
	int rc = read_keys(r, doc, "a card", keys);
	if (rc < 0)
		return rc;
	struct kg_card *card = card_new();
	const struct node *ways = node_get(doc, "ways");
	card->file = g_strdup(r->file);
	rc = load_heads(r, doc, card);
	if (rc == 0)
		rc = load_fields(r, node_get(doc, "fields"), card);
	if (rc == 0)
		rc = ways ? load_ways(r, ways, card) : fail_at(r, doc->line, "card '%s' needs 'ways'", card->name);
	if (rc == 0)
		rc = load_stimuli(r, node_get(doc, "stimulus"), card);
	if (rc == 0)
		rc = check_card(r, doc, card);
	if (rc < 0)
		kg_card_free(card);
	else
		*ret = card;
	return rc;
}
