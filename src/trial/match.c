/*
 * Finding values in a text whose wording is not known.
 *
 *	tcp 127.0.0.1:40712 -> [::1]:8080 took=17us
 *
 * holds the numbers 40712, 8080 and 17 and the texts tcp, 127.0.0.1, ::1. A text is found where no letter or digit stands beside it; a
 * number is compared as a number. So 1 is not in ::1, nor 80 in 8080, and 127.0.0.1:80 is an address and a port. Each value needs a place of
 * its own: "5 5" has two fives, "5" has one.
 */
#include "match.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_TOKENS 512
#define MAX_STEPS 20000

/* ---------------------------------------------------------------- values */

gboolean number_parse(const char *text, gsize len, gint64 *ret)
{
	char copy[32], *end;

	if (len == 0 || len >= sizeof(copy))
		return FALSE;
	memcpy(copy, text, len);
	copy[len] = '\0';
	const char *digits = copy[0] == '-' ? copy + 1 : copy;
	gboolean is_hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') && g_ascii_isxdigit(digits[2]);
	if (!g_ascii_isdigit(digits[0]))
		return FALSE;
	guint64 value = g_ascii_strtoull(is_hex ? digits + 2 : digits, &end, is_hex ? 16 : 10);
	if (*end)
		return FALSE;
	*ret = digits > copy ? -(gint64)value : (gint64)value;
	return TRUE;
}

struct wanted *wanted_new(const struct kg_trial_want *want, const struct kg_truth *truth, const char *each, struct kg_error *err)
{
	struct wanted *wanted = g_new0(struct wanted, 1);

	wanted->compare = want->compare;
	wanted->texts = g_ptr_array_new_with_free_func(g_free);
	wanted->numbers = g_array_new(FALSE, TRUE, sizeof(gint64));
	wanted->is_number = g_array_new(FALSE, TRUE, sizeof(gboolean));
	for (guint i = 0; i < want->values->len; i++) {
		char *text = NULL;
		gint64 number = 0;

		if (kg_truth_value(truth, want->values->pdata[i], each, &text, err)) {
			wanted_free(wanted);
			return NULL;
		}
		gboolean is_number = number_parse(text, strlen(text), &number);
		g_ptr_array_add(wanted->texts, text);
		g_array_append_val(wanted->numbers, number);
		g_array_append_val(wanted->is_number, is_number);
		if (!is_number && want->compare >= KG_TRIAL_AT_LEAST && want->compare <= KG_TRIAL_BETWEEN) {
			kg_error_set(err, KG_E_PARSE, "trial", "\"%s\" is no number to compare with (%s)", (char *)want->values->pdata[i], text);
			wanted_free(wanted);
			return NULL;
		}
	}
	return wanted;
}

void wanted_free(gpointer data)
{
	struct wanted *wanted = data;

	if (!wanted)
		return;
	g_ptr_array_unref(wanted->texts);
	g_array_unref(wanted->numbers);
	g_array_unref(wanted->is_number);
	g_free(wanted);
}

static gint64 nth(const struct wanted *wanted, guint i)
{
	return g_array_index(wanted->numbers, gint64, i);
}

static gboolean nth_is_number(const struct wanted *wanted, guint i)
{
	return g_array_index(wanted->is_number, gboolean, i);
}

static int sign(gint64 got, gint64 want)
{
	return got < want ? -1 : got > want;
}

int wanted_number(const struct wanted *wanted, gint64 number)
{
	switch (wanted->compare) {
	case KG_TRIAL_IS:
		return nth_is_number(wanted, 0) ? sign(number, nth(wanted, 0)) : -1;
	case KG_TRIAL_AT_LEAST:
		return number >= nth(wanted, 0) ? 0 : -1;
	case KG_TRIAL_AT_MOST:
		return number <= nth(wanted, 0) ? 0 : 1;
	case KG_TRIAL_BETWEEN:
		return number < nth(wanted, 0) ? -1 : number > nth(wanted, 1);
	case KG_TRIAL_ONE_OF:
		for (guint i = 0; i < wanted->texts->len; i++)
			if (nth_is_number(wanted, i) && nth(wanted, i) == number)
				return 0;
		return -1;
	case KG_TRIAL_LIKE:
		return -1;
	}
	return -1;
}

gboolean wanted_text(const struct wanted *wanted, const char *text)
{
	gint64 number;

	if (number_parse(text, strlen(text), &number) && wanted_number(wanted, number) == 0)
		return TRUE;
	for (guint i = 0; i < wanted->texts->len; i++) {
		if ((wanted->compare == KG_TRIAL_IS || wanted->compare == KG_TRIAL_ONE_OF) && !strcmp(text, wanted->texts->pdata[i]))
			return TRUE;
		if (wanted->compare == KG_TRIAL_LIKE && g_pattern_match_simple(wanted->texts->pdata[i], text))
			return TRUE;
	}
	return FALSE;
}

void wanted_show(const struct wanted *wanted, GString *out)
{
	static const char *const words[] = {"", "at least ", "at most ", "", "one of ", "like "};

	g_string_append(out, words[wanted->compare]);
	for (guint i = 0; i < wanted->texts->len; i++) {
		if (i)
			g_string_append(out, wanted->compare == KG_TRIAL_BETWEEN ? " to " : ", ");
		g_string_append(out, wanted->texts->pdata[i]);
	}
}

/* ---------------------------------------------------------------- words of a text */

struct span {
	gsize from, to;
	gboolean is_number;
	gint64 number;
};

struct words {
	const char *text;
	struct span spans[MAX_TOKENS];
	guint n;
};

static gboolean separates(char c)
{
	return c == '\0' || g_ascii_isspace(c) || strchr(",;=()[]{}<>|\"'@", c) != NULL;
}

static gboolean is_ipv6(const char *s, gsize len)
{
	char copy[64], binary[16];

	if (len >= sizeof(copy) || !memchr(s, ':', len))
		return FALSE;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, binary) == 1;
}

/* A number may have its unit behind it: 17us, 4096B, 12% */
static gsize without_unit(const char *s, gsize len)
{
	gsize digits = 0;

	while (digits < len && g_ascii_isdigit(s[digits]))
		digits++;
	for (gsize i = digits; i < len; i++)
		if (!g_ascii_isalpha(s[i]) && s[i] != '%')
			return len;
	return digits && len - digits <= 3 ? digits : len;
}

static void add_span(struct words *w, gsize from, gsize to)
{
	struct span span = {from, to};

	while (span.to > span.from && strchr(".:!?-", w->text[span.to - 1]) && !is_ipv6(w->text + from, span.to - from))
		span.to--;
	if (span.to == span.from || w->n >= MAX_TOKENS)
		return;
	gsize len = span.to - span.from, digits = without_unit(w->text + from, len);
	span.is_number = number_parse(w->text + from, len, &span.number) || (digits < len && number_parse(w->text + from, digits, &span.number));
	w->spans[w->n++] = span;
}

/* A piece between separators, and its parts where it has colons: address:port, name:value. */
static void add_piece(struct words *w, gsize from, gsize to)
{
	const char *s = w->text + from;
	gsize len = to - from, at = from;
	const char *last = memrchr(s, ':', len);

	add_span(w, from, to);
	if (!last)
		return;
	if (is_ipv6(s, len) || is_ipv6(s, (gsize)(last - s))) {
		if (is_ipv6(s, (gsize)(last - s))) {
			add_span(w, from, from + (gsize)(last - s));
			add_span(w, from + (gsize)(last - s) + 1, to);
		}
		return;
	}
	for (gsize i = from; i <= to; i++) {
		if (i < to && w->text[i] != ':')
			continue;
		if (i > at)
			add_span(w, at, i);
		at = i + 1;
	}
}

static void split(struct words *w, const char *text)
{
	gsize from = 0;

	w->text = text;
	w->n = 0;
	for (gsize i = 0;; i++) {
		if (!separates(text[i]))
			continue;
		if (i > from)
			add_piece(w, from, i);
		from = i + 1;
		if (!text[i])
			break;
	}
}

/* ---------------------------------------------------------------- a place for each */

struct search {
	const struct words *words;
	const GPtrArray *parts, *value;
	struct span taken[64];
	guint n_taken, steps, best;
};

static gboolean is_free(const struct search *s, gsize from, gsize to)
{
	for (guint i = 0; i < s->n_taken; i++)
		if (from < s->taken[i].to && s->taken[i].from < to)
			return FALSE;
	return TRUE;
}

static gboolean place_from(struct search *s, guint part);

static gboolean try_place(struct search *s, guint part, gsize from, gsize to)
{
	if (!is_free(s, from, to) || s->n_taken >= G_N_ELEMENTS(s->taken))
		return FALSE;
	s->taken[s->n_taken++] = (struct span){from, to};
	gboolean found = place_from(s, part + 1);
	s->n_taken--;
	return found;
}

/* Where a text stands with no letter, digit or the like beside it. */
static gboolean try_text(struct search *s, guint part, const char *text)
{
	gsize len = strlen(text);
	const char *whole = s->words->text;

	for (const char *at = len ? strstr(whole, text) : NULL; at; at = strstr(at + 1, text)) {
		gboolean begins = at == whole || separates(at[-1]) || strchr(":-", at[-1]);
		gboolean ends = separates(at[len]) || strchr(":.!?-", at[len]);
		if (ends && (at[len] == '.' || at[len] == '-')) /* "the end." but not a longer name */
			ends = separates(at[len + 1]) || at[len + 1] == '>';
		if (begins && ends && try_place(s, part, (gsize)(at - whole), (gsize)(at - whole) + len))
			return TRUE;
	}
	return FALSE;
}

static gboolean satisfies(const GPtrArray *wants, gint64 number)
{
	for (guint i = 0; i < wants->len; i++)
		if (wanted_number(wants->pdata[i], number) != 0)
			return FALSE;
	return TRUE;
}

static gboolean try_part(struct search *s, guint part, const struct wanted *wanted)
{
	for (guint i = 0; i < s->words->n; i++) {
		const struct span *span = &s->words->spans[i];
		g_autofree char *text = wanted->compare == KG_TRIAL_LIKE ? g_strndup(s->words->text + span->from, span->to - span->from) : NULL;
		gboolean fits = text ? wanted_text(wanted, text) : span->is_number && wanted_number(wanted, span->number) == 0;
		if (fits && try_place(s, part, span->from, span->to))
			return TRUE;
	}
	for (guint i = 0; i < wanted->texts->len && (wanted->compare == KG_TRIAL_IS || wanted->compare == KG_TRIAL_ONE_OF); i++)
		if (!nth_is_number(wanted, i) && try_text(s, part, wanted->texts->pdata[i]))
			return TRUE;
	return FALSE;
}

static gboolean try_value(struct search *s, guint part)
{
	for (guint i = 0; i < s->words->n; i++) {
		const struct span *span = &s->words->spans[i];
		if (span->is_number && satisfies(s->value, span->number) && try_place(s, part, span->from, span->to))
			return TRUE;
	}
	return FALSE;
}

static gboolean place_from(struct search *s, guint part)
{
	s->best = MAX(s->best, part);
	if (part > s->parts->len || (part == s->parts->len && !s->value->len)) {
		s->best = s->parts->len + 1;
		return TRUE;
	}
	if (++s->steps > MAX_STEPS)
		return FALSE;
	return part == s->parts->len ? try_value(s, part) : try_part(s, part, s->parts->pdata[part]);
}

/* The first part that can't be there, since its letters are not: most lines are done with this. */
static guint first_missing(const char *text, const GPtrArray *parts)
{
	for (guint i = 0; i < parts->len; i++) {
		const struct wanted *wanted = parts->pdata[i];
		if (wanted->compare == KG_TRIAL_IS && !nth_is_number(wanted, 0) && !strstr(text, wanted->texts->pdata[0]))
			return i;
	}
	return parts->len;
}

guint match_parts(const char *text, const GPtrArray *parts, const GPtrArray *value)
{
	if (parts->len && first_missing(text, parts) == 0)
		return 0;
	g_autofree struct words *words = g_new(struct words, 1);
	struct search s = {.words = words, .parts = parts, .value = value};

	split(words, text);
	place_from(&s, 0);
	return s.best;
}
