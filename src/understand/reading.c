/*
 * Helpers on a reading: looking at tokens, taking them, fields, numbers, times and sizes.
 */
#include "words.h"

#include <string.h>

const struct token *kg_tok(const struct reading *r, guint i)
{
	return i < r->tokens->len ? r->tokens->pdata[i] : NULL;
}

gboolean kg_word_is(const struct reading *r, guint i, const char *word)
{
	const struct token *t = kg_tok(r, i);

	return t && !t->is_quoted && !strcmp(t->text, word);
}

const struct entry *kg_at(struct reading *r, guint i, enum category cat, guint *ret_to)
{
	if (i >= r->tokens->len)
		return NULL;
	g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autoptr(GPtrArray) found = kg_lexicon_at(r->lex, r->tokens, i, lens);

	for (guint k = 0; k < found->len; k++) {
		const struct entry *e = found->pdata[k];

		if (e->cat == cat) {
			*ret_to = i + g_array_index(lens, guint, k);
			return e;
		}
	}
	return NULL;
}

guint kg_skip_fillers(struct reading *r, guint i)
{
	static const char *const words[] = {"the", "a", "an", "all", "any", "its", "their", "my", "our", "of", "these", "those", "this", "that"};

	for (;; i++) {
		gboolean skip = FALSE;

		for (gsize k = 0; k < G_N_ELEMENTS(words); k++)
			skip = skip || kg_word_is(r, i, words[k]);
		if (!skip)
			return i;
	}
}

void kg_take(struct reading *r, guint from, guint to, const char *part, const char *value)
{
	for (guint i = from; i < to; i++)
		r->used[i] = TRUE;
	if (!part || from >= to)
		return;
	const struct token *a = kg_tok(r, from), *b = kg_tok(r, to - 1);
	struct kg_origin *o = g_new0(struct kg_origin, 1);
	o->part = g_strdup(part);
	o->value = g_strdup(value);
	o->words = g_strndup(r->prompt + a->from, b->from + b->len - a->from);
	g_ptr_array_add(r->intent->origins, o);
}

void kg_why(struct reading *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	g_ptr_array_add(r->why, g_strdup_vprintf(fmt, ap));
	va_end(ap);
}

gboolean kg_list_has(const GPtrArray *list, const char *name)
{
	for (guint i = 0; i < list->len; i++)
		if (!strcmp(list->pdata[i], name))
			return TRUE;
	return FALSE;
}

static const struct mention *mention_at(const struct reading *r, guint k)
{
	return &g_array_index(r->mentions, struct mention, k);
}

const struct kg_card_field *kg_reading_field(const struct reading *r, const char *field)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card_field *f = kg_card_field(mention_at(r, k)->card, field);
		if (f)
			return f;
	}
	return NULL;
}

enum kg_unit kg_reading_unit(const struct reading *r, const char *field)
{
	const struct kg_card_field *f = kg_reading_field(r, field);
	const struct kg_standard_field *s = kg_standard_field(field);

	if (!strcmp(field, KG_DURATION))
		return KG_UNIT_NS;
	return f ? f->unit : s ? s->unit : KG_UNIT_NONE;
}

gboolean kg_reading_has_field(const struct reading *r, const char *field)
{
	for (guint k = 0; k < r->mentions->len; k++)
		if (!kg_card_field(mention_at(r, k)->card, field) && !kg_standard_field(field))
			return FALSE;
	return TRUE;
}

const char *kg_size_field(const struct reading *r)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = mention_at(r, k)->card;
		for (guint f = 0; f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->is_measure && field->unit == KG_UNIT_BYTES)
				return field->name;
		}
	}
	return NULL;
}

/* Does the phrase match at token i, word by word? For cards that are made for this sentence and are in no lexicon. */
static guint phrase_at(struct reading *r, const char *phrase, guint i)
{
	g_autoptr(GPtrArray) words = kg_tokens(phrase);

	kg_tokens_stem(r->lex, words);
	for (guint k = 0; k < words->len; k++) {
		const struct token *t = kg_tok(r, i + k), *w = words->pdata[k];
		if (!t || t->is_quoted || (strcmp(t->stem, w->stem) && strcmp(t->text, w->text)))
			return 0;
	}
	return words->len;
}

static char *named_field_at(struct reading *r, guint i, guint *ret_to)
{
	char *best = NULL;

	*ret_to = i;
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = mention_at(r, k);

		for (guint f = 0; m->is_named && f < m->card->fields->len; f++) {
			const struct kg_card_field *field = m->card->fields->pdata[f];
			guint n = phrase_at(r, field->name, i);

			for (guint s = 0; s < field->says->len; s++)
				n = MAX(n, phrase_at(r, field->says->pdata[s], i));
			if (n && i + n > *ret_to) {
				*ret_to = i + n;
				best = field->name;
			}
		}
	}
	return g_strdup(best);
}

/* The field of the events that "size", "bytes" or "error" mean without their card's own words. */
static const char *general_field(const struct reading *r, const char *general)
{
	if (!strcmp(general, "error"))
		return kg_reading_field(r, "error") ? "error" : NULL;
	/* "by name": the process's, unless the event has names of its own */
	if (!strcmp(general, "byname")) {
		for (guint k = 0; k < r->mentions->len; k++) {
			const struct kg_card *card = mention_at(r, k)->card;
			for (guint f = 0; f < card->fields->len; f++) {
				const struct kg_card_field *field = card->fields->pdata[f];
				if ((kg_unit_is_text(field->unit) || field->unit == KG_UNIT_SYSCALL || field->unit == KG_UNIT_SYMBOL) && strcmp(field->name, "comm"))
					return field->unit == KG_UNIT_SYSCALL ? field->name : NULL;
			}
		}
		return "comm";
	}
	if (strcmp(general, "value"))
		return kg_standard_field(general) || kg_reading_field(r, general) ? general : NULL;
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = mention_at(r, k)->card;
		for (guint f = 0; f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->is_measure && (field->unit == KG_UNIT_BYTES || field->unit == KG_UNIT_SECTORS || field->unit == KG_UNIT_PAGES))
				return field->name;
		}
	}
	return NULL;
}

static gboolean is_of_reading(const struct reading *r, const struct kg_card *card)
{
	for (guint k = 0; k < r->mentions->len; k++)
		if (mention_at(r, k)->card == card)
			return TRUE;
	return FALSE;
}

char *kg_field_at(struct reading *r, guint i, guint *ret_to)
{
	if (i >= r->tokens->len)
		return NULL;
	g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autoptr(GPtrArray) found = kg_lexicon_at(r->lex, r->tokens, i, lens);
	guint named_to;
	g_autofree char *named = named_field_at(r, i, &named_to);
	const char *best = NULL;
	gboolean best_is_card = FALSE;
	guint best_to = i;

	for (guint k = 0; k < found->len; k++) {
		const struct entry *e = found->pdata[k];
		guint to = i + g_array_index(lens, guint, k);
		const char *field = e->cat == CAT_CARD_FIELD && is_of_reading(r, e->card) ? e->value
				    : e->cat == CAT_FIELD				  ? general_field(r, e->value)
											  : NULL;
		/* of equally long phrases a card's own comes first */
		/* the command of a bpf() or fcntl() call is its cmd, not who calls */
		if (field && e->cat == CAT_FIELD && !strcmp(field, "comm") && kg_reading_field(r, "cmd") && g_str_has_prefix(e->phrase, "command"))
			field = "cmd";
		if (field && (to > best_to || (to == best_to && e->cat == CAT_CARD_FIELD && !best_is_card))) {
			best_is_card = e->cat == CAT_CARD_FIELD;
			best = field;
			best_to = to;
		}
	}
	if (named && named_to >= best_to) {
		*ret_to = named_to;
		return g_steal_pointer(&named);
	}
	if (!best)
		return NULL;
	*ret_to = best_to;
	return g_strdup(best);
}

gboolean kg_number_at(struct reading *r, guint i, guint *ret_to, double *ret, const char **ret_unit)
{
	const struct token *t = kg_tok(r, i);
	guint to;

	if (!t || t->is_quoted)
		return FALSE;
	if (t->is_number) {
		*ret = t->number;
		*ret_unit = t->unit;
		*ret_to = i + 1;
		return TRUE;
	}
	const struct entry *e = kg_at(r, i, CAT_NUMBER, &to);
	if (!e)
		return FALSE;
	*ret = (double)g_ascii_strtoll(e->value, NULL, 10);
	*ret_unit = "";
	*ret_to = to;
	return TRUE;
}

gboolean kg_whole(double number, gint64 *ret)
{
	if (number < -9e18 || number > 9e18 || number != (double)(gint64)number)
		return FALSE;
	*ret = (gint64)number;
	return TRUE;
}

/*
 * In whole units: FALSE when that would say something else. "2.5 bytes" is none; "0.1 MiB" is, but for a part of a byte.
 */
static gboolean nearly_whole(double number, gint64 *ret)
{
	if (number < 0 || number > 9e18)
		return FALSE;
	gint64 n = (gint64)(number + 0.5);
	double off = number - (double)n;

	if ((off < 0 ? -off : off) * 1000 > number)
		return FALSE;
	*ret = n;
	return TRUE;
}

gboolean kg_share_unit(double low, double high, gint64 top, gint64 *ret_low)
{
	return high > 0 && nearly_whole(low * (double)top / high, ret_low);
}

/* The factor of a unit's name of category [cat], or 0. */
static gint64 factor_of(struct reading *r, const char *unit, enum category cat)
{
	g_autofree char *key = g_strconcat(cat == CAT_TIME ? "t:" : "s:", unit, NULL);
	const struct entry *e = g_hash_table_lookup(r->lex->units, key);

	return e ? g_ascii_strtoll(e->value, NULL, 10) : 0;
}

/* "10M" is ten million, "10m" ten minutes. */
static gboolean is_capital_m(const struct reading *r, const struct token *t)
{
	return t->unit && !strcmp(t->unit, "m") && r->prompt[t->from + t->len - 1] == 'M';
}

static gboolean quantity_at(struct reading *r, guint i, enum category cat, guint *ret_to, gint64 *ret)
{
	double number;
	const char *unit;
	guint to, unit_to;
	gint64 factor = 0;

	if (!kg_number_at(r, i, &to, &number, &unit))
		return FALSE;
	if (*unit) {
		gboolean mega = is_capital_m(r, kg_tok(r, i));
		factor = mega ? (cat == CAT_SIZE ? 1000000 : 0) : factor_of(r, unit, cat);
		/* "10K bytes" */
		if (factor && cat == CAT_SIZE && strlen(unit) == 1 && *unit != 'b' && (kg_word_is(r, to, "bytes") || kg_word_is(r, to, "byte")))
			to++;
	} else {
		const struct token *t = kg_tok(r, to);
		const struct entry *e = t && !t->is_mark ? kg_at(r, to, cat, &unit_to) : NULL;
		if (e) {
			factor = g_ascii_strtoll(e->value, NULL, 10);
			to = unit_to;
		}
	}
	if (!factor || !(factor == 1 ? kg_whole(number, ret) : nearly_whole(number * (double)factor, ret)))
		return FALSE;
	*ret_to = to;
	return TRUE;
}

gboolean kg_time_at(struct reading *r, guint i, guint *ret_to, gint64 *ret_ns)
{
	const struct entry *half = kg_at(r, i, CAT_HALFSECOND, ret_to);

	if (half) {
		*ret_ns = g_ascii_strtoll(half->value, NULL, 10);
		return TRUE;
	}
	const struct entry *unit = kg_word_is(r, i, "half") ? kg_at(r, i + 1, CAT_TIME, ret_to) : NULL;
	if (unit) {
		*ret_ns = g_ascii_strtoll(unit->value, NULL, 10) / 2;
		return TRUE;
	}
	if (kg_word_is(r, i, "half") && (kg_word_is(r, i + 1, "a") || kg_word_is(r, i + 1, "an"))) {
		if (!quantity_at(r, i + 1, CAT_TIME, ret_to, ret_ns))
			return FALSE;
		*ret_ns /= 2;
		return TRUE;
	}
	return quantity_at(r, i, CAT_TIME, ret_to, ret_ns);
}

gboolean kg_size_at(struct reading *r, guint i, guint *ret_to, gint64 *ret_bytes)
{
	return quantity_at(r, i, CAT_SIZE, ret_to, ret_bytes);
}

static struct kg_filter *filter_new(struct reading *r, const char *field, enum kg_filter_op op)
{
	struct kg_filter *f = g_new0(struct kg_filter, 1);

	f->field = g_strdup(field);
	f->op = op;
	g_ptr_array_add(r->intent->filters, f);
	return f;
}

void kg_add_filter(struct reading *r, const char *field, enum kg_filter_op op, gint64 number, const char *said)
{
	struct kg_filter *f = filter_new(r, field, op);

	f->number = number;
	f->text = g_strdup(said);
}

void kg_add_text_filter(struct reading *r, const char *field, enum kg_filter_op op, const char *text, gboolean is_prefix)
{
	struct kg_filter *f = filter_new(r, field, op);

	f->is_text = TRUE;
	f->is_prefix = is_prefix;
	f->text = g_strdup(text);
	if (!strcmp(field, "comm") && strlen(text) > 15) {
		f->text[15] = '\0';
		g_ptr_array_add(r->intent->notes, g_strdup_printf("the kernel keeps 15 bytes of a process's name: \"%s\" is compared as \"%s\"", text, f->text));
	}
}
