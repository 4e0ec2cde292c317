/*
 * Conditions in a sentence: "of pid 12", "by nginx", "slower than 10 ms", "with ENOENT", "to port 443", "except sshd".
 *
 * A condition that does not fit its field (a size for a duration, a name for a number) is not taken: its words are then left over,
 * and the sentence is refused.
 */
#include "words.h"

#include <kgent/text.h>

#include <arpa/inet.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>

static enum kg_filter_op inverse(enum kg_filter_op op)
{
	static const enum kg_filter_op of[] = {
		[KG_FILTER_EQ] = KG_FILTER_NE, [KG_FILTER_NE] = KG_FILTER_EQ, [KG_FILTER_LT] = KG_FILTER_GE,
		[KG_FILTER_LE] = KG_FILTER_GT, [KG_FILTER_GT] = KG_FILTER_LE, [KG_FILTER_GE] = KG_FILTER_LT,
	};
	return of[op];
}

static gboolean op_of(const char *name, enum kg_filter_op *ret)
{
	static const struct {
		const char *name;
		enum kg_filter_op op;
	} ops[] = {{"gt", KG_FILTER_GT}, {"ge", KG_FILTER_GE}, {"lt", KG_FILTER_LT}, {"le", KG_FILTER_LE}, {"eq", KG_FILTER_EQ}, {"ne", KG_FILTER_NE}};

	for (gsize i = 0; i < G_N_ELEMENTS(ops); i++)
		if (!strcmp(ops[i].name, name)) {
			*ret = ops[i].op;
			return TRUE;
		}
	return FALSE;
}

static int errno_of(const char *name)
{
	g_autofree char *up = g_ascii_strup(name, -1);

	if (*up != 'E' || strlen(up) < 3)
		return 0;
	for (int e = 1; e < 134; e++)
		if (!g_strcmp0(strerrorname_np(e), up))
			return e;
	if (!strcmp(up, "EWOULDBLOCK"))
		return EAGAIN;
	return 0;
}

int kg_signal_of(const char *name)
{
	g_autofree char *up = g_ascii_strup(name, -1);
	const char *plain = g_str_has_prefix(up, "SIG") ? up + 3 : NULL;

	for (int s = 1; plain && s < 32; s++)
		if (!g_strcmp0(sigabbrev_np(s), plain))
			return s;
	return 0;
}

/* The word at i as it is written, dashes and all ("redis-server"); ret_to behind it. */
static char *raw_word(const struct reading *r, guint i, guint *ret_to)
{
	const struct token *t = kg_tok(r, i), *last = t;
	guint to = i + 1;

	if (!t || t->is_mark)
		return NULL;
	if (t->is_quoted) {
		*ret_to = to;
		return g_strdup(t->text);
	}
	for (const struct token *n; (n = kg_tok(r, to)) && !n->is_mark && n->from == last->from + last->len + 1 &&
				    r->prompt[last->from + last->len] == '-';
	     to++)
		last = n;
	*ret_to = to;
	gsize len = last->from + last->len - t->from;
	if (last->is_possessive)
		len -= strlen(last->text) == last->len ? 0 : r->prompt[t->from + len - 2] == '\'' ? 2 : 4;
	return g_strndup(r->prompt + t->from, len);
}

/*
 * A process's name at i: quoted, or that of a program that is well known or runs now; where the sentence says that
 * it is a name ([is_said]), also a word that can be nothing else.
 */
static char *name_at(struct reading *r, guint i, gboolean is_said, guint *ret_to)
{
	const struct token *t = kg_tok(r, i);
	g_autofree char *raw = raw_word(r, i, ret_to);
	guint to;

	if (!raw || !*raw || strchr(raw, '/'))
		return NULL;
	if (t->is_quoted)
		return g_steal_pointer(&raw);
	g_autofree char *low = g_utf8_strdown(raw, -1);
	if (kg_is_program(r->lex, raw))
		return g_steal_pointer(&raw);
	if (kg_is_program(r->lex, low))
		return g_steal_pointer(&low);
	gboolean is_odd = FALSE;
	for (const char *p = raw; *p; p++)
		is_odd = is_odd || g_ascii_isdigit(*p) || strchr("-_.", *p);
	if (is_said && is_odd && g_ascii_isalpha(*raw) && !kg_lexicon_knows(r->lex, t) && !kg_at(r, i, CAT_EVENT, &to))
		return g_steal_pointer(&raw);
	if (is_said && !kg_lexicon_knows(r->lex, t) && !t->is_number && !kg_lexicon_typo(r->lex, t->text))
		kg_why(r, "if \"%s\" is the name of a process, put it in quotes", raw);
	return NULL;
}

static gboolean is_path(const struct token *t)
{
	return t && !t->is_mark && *t->text == '/' && t->text[1];
}

/* The field of the events that names a file, or NULL. */
static const char *path_field(const struct reading *r)
{
	const char *found = NULL;

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, k).card;
		for (guint f = 0; f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->unit != KG_UNIT_PATH)
				continue;
			if (found && strcmp(found, field->name))
				return NULL; /* old and new name: which one is meant? */
			found = field->name;
		}
	}
	return found;
}

static gint64 uid_of(const char *name)
{
	if (!strcmp(name, "root"))
		return 0;
	struct passwd *pw = getpwnam(name);
	return pw ? (gint64)pw->pw_uid : -1;
}

static const struct kg_value_name *value_of(const struct reading *r, const char *field, const struct token *t)
{
	const struct kg_card_field *f = kg_reading_field(r, field);

	for (guint k = 0; f && k < f->values->len; k++) {
		const struct kg_value_name *v = f->values->pdata[k];
		if (!g_ascii_strcasecmp(v->name, t->text))
			return v;
		for (guint s = 0; s < v->says->len; s++)
			if (!g_ascii_strcasecmp(v->says->pdata[s], t->text))
				return v;
	}
	return NULL;
}

/* A number with a unit that fits the field's; ret_to behind it. */
static gboolean quantity_for(struct reading *r, const char *field, guint i, gint64 *ret, guint *ret_to)
{
	enum kg_unit unit = kg_reading_unit(r, field);
	double number;
	const char *said;
	gint64 q;
	guint to;

	if (kg_time_at(r, i, &to, &q)) {
		if (unit != KG_UNIT_NS && unit != KG_UNIT_US && unit != KG_UNIT_MS)
			return FALSE;
		*ret = unit == KG_UNIT_NS ? q : unit == KG_UNIT_US ? q / 1000 : q / 1000000;
		*ret_to = to;
		return TRUE;
	}
	if (kg_size_at(r, i, &to, &q)) {
		if (unit != KG_UNIT_BYTES)
			return FALSE;
		*ret = q;
		*ret_to = to;
		return TRUE;
	}
	if (!kg_number_at(r, i, &to, &number, &said) || *said || !kg_whole(number, ret))
		return FALSE;
	if (kg_word_is(r, i, "a") || kg_word_is(r, i, "an"))
		return FALSE;
	/* "more than 5 files": a number of something else */
	if (unit == KG_UNIT_NS || unit == KG_UNIT_US || unit == KG_UNIT_MS || kg_unit_is_text(unit) || unit == KG_UNIT_STACK || unit == KG_UNIT_IP)
		return FALSE;
	*ret_to = to;
	return TRUE;
}

/* A value for [field] at i. Adds the filter; returns the token behind, or 0. */
static guint read_value(struct reading *r, const char *field, enum kg_filter_op op, guint i)
{
	const struct token *t = kg_tok(r, i);
	enum kg_unit unit = kg_reading_unit(r, field);
	gboolean is_equality = op == KG_FILTER_EQ || op == KG_FILTER_NE;
	const struct kg_value_name *v;
	gint64 number;
	guint to;
	int n;

	if (!t || t->is_mark)
		return 0;
	if (is_equality && (v = value_of(r, field, t))) {
		kg_add_filter(r, field, op, v->value, v->name);
		return i + 1;
	}
	if (is_equality && unit == KG_UNIT_ERRNO && (n = errno_of(t->text))) {
		kg_add_filter(r, field, op, n, strerrorname_np(n));
		return i + 1;
	}
	if (is_equality && unit == KG_UNIT_SIGNAL && (n = kg_signal_of(t->text))) {
		g_autofree char *up = g_ascii_strup(t->text, -1);
		kg_add_filter(r, field, op, n, up);
		return i + 1;
	}
	if (is_equality && unit == KG_UNIT_UID && !t->is_number) {
		g_autofree char *name = raw_word(r, i, &to);
		if (!t->is_quoted && strcmp(name, "root") && kg_lexicon_knows(r->lex, t))
			return 0;
		if ((number = uid_of(name)) < 0) {
			if (!kg_lexicon_knows(r->lex, t))
				kg_why(r, "there is no user \"%s\" on this system", name);
			return 0;
		}
		kg_add_filter(r, field, op, number, NULL);
		return to;
	}
	if (is_equality && unit == KG_UNIT_SYSCALL && !t->is_number && (n = seccomp_syscall_resolve_name(t->text)) >= 0) {
		kg_add_filter(r, field, op, n, t->text);
		return i + 1;
	}
	if (is_equality && (unit == KG_UNIT_NS || unit == KG_UNIT_US || unit == KG_UNIT_MS))
		return 0; /* a duration of exactly 5 ms never happens */
	if (quantity_for(r, field, i, &number, &to)) {
		if (unit == KG_UNIT_PORT && (number < 0 || number > 65535)) {
			kg_why(r, "%" G_GINT64_FORMAT " is not a port", number);
			return 0;
		}
		kg_add_filter(r, field, op, number, NULL);
		return to;
	}
	if (!is_equality)
		return 0;
	if (!strcmp(field, "comm") || !strcmp(field, "parent") || g_str_has_suffix(field, "_comm")) {
		double d;
		const char *u;
		/* "process 1234" is a process id */
		if (!strcmp(field, "comm") && kg_number_at(r, i, &to, &d, &u) && t->is_number && !*u && kg_whole(d, &number) && !kg_at(r, to, CAT_TIME, &to)) {
			kg_add_filter(r, "pid", op, number, NULL);
			return i + 1;
		}
		g_autofree char *name = name_at(r, i, TRUE, &to);
		if (!name)
			return 0;
		kg_add_text_filter(r, field, op, name, FALSE);
		return to;
	}
	if (kg_unit_is_text(unit) && (t->is_quoted || is_path(t) || (t->is_name && unit != KG_UNIT_PATH && !kg_lexicon_knows(r->lex, t)))) {
		g_autofree char *word = raw_word(r, i, &to);
		kg_add_text_filter(r, field, op, word, FALSE);
		return to;
	}
	if (unit == KG_UNIT_IP) {
		unsigned char address[16];
		g_autofree char *word = raw_word(r, i, &to);
		if (inet_pton(AF_INET, word, address) == 1 || inet_pton(AF_INET6, word, address) == 1) {
			kg_add_text_filter(r, field, op, word, FALSE);
			return to;
		}
	}
	return 0;
}

static void took(struct reading *r, guint from, guint to)
{
	const struct kg_filter *f = r->intent->filters->pdata[r->intent->filters->len - 1];
	g_autofree char *value = f->text ? g_strdup_printf("%s %s %s%s", f->field, kg_filter_op_name(f->op), f->text, f->is_prefix ? "..." : "")
					 : g_strdup_printf("%s %s %" G_GINT64_FORMAT, f->field, kg_filter_op_name(f->op), f->number);

	kg_take(r, from, to, "filter", value);
	r->filter_end = to;
}

/* "> 10ms", "slower than 10 ms", "bigger than 1 MB" for [field], or without a field for what the unit says. */
static guint read_compare(struct reading *r, const char *field, gboolean is_not, guint from, guint i)
{
	guint j, to, end;
	const struct entry *e = kg_at(r, i, CAT_CMP, &j);
	enum kg_filter_op op;
	gint64 q;

	if (!e || !op_of(e->value, &op))
		return 0;
	if (is_not)
		op = inverse(op);
	if (field) {
		end = read_value(r, field, op, j);
		if (end)
			took(r, from, end);
		return end;
	}
	const char *is_about = e->hint;
	guint unused;
	if (kg_time_at(r, j, &to, &q) && g_strcmp0(is_about, "size")) {
		kg_add_filter(r, KG_DURATION, op, q, NULL);
	} else if (g_strcmp0(is_about, "time") && (kg_size_at(r, j, &to, &q) || (is_about && kg_tok(r, j) && kg_tok(r, j)->is_number &&
		   !*kg_tok(r, j)->unit && kg_whole(kg_tok(r, j)->number, &q) && !kg_at(r, (to = j + 1), CAT_TIME, &unused)))) {
		const char *size = kg_size_field(r);
		if (!size)
			return 0;
		kg_add_filter(r, size, op, q, NULL);
		/* "more than 5 kb/s" is a rate */
		if (kg_word_is(r, to, "/") || kg_word_is(r, to, "per"))
			g_ptr_array_set_size(r->intent->filters, (gint)r->intent->filters->len - 1);
		if (kg_word_is(r, to, "/") || kg_word_is(r, to, "per"))
			return 0;
	} else {
		/* "with at least 64 events": a number of one of the event's own amounts */
		double number;
		const char *unit;
		if (is_about || !kg_number_at(r, j, &to, &number, &unit) || *unit || !kg_whole(number, &q) || kg_word_is(r, j, "a"))
			return 0;
		g_autofree char *counted = kg_field_at(r, to, &end);
		const struct kg_card_field *f = counted ? kg_reading_field(r, counted) : NULL;
		if (!f || (f->unit != KG_UNIT_NONE && f->unit != KG_UNIT_PAGES && f->unit != KG_UNIT_SECTORS))
			return 0;
		kg_add_filter(r, counted, op, q, NULL);
		to = end;
	}
	took(r, from, to);
	return to;
}

/* "taking 100 ms or longer", "of 4 KiB and more" */
static guint read_or_more(struct reading *r, guint from, guint i)
{
	const struct entry *taking = kg_at(r, i, CAT_TAKING, &i);
	guint to, end;
	gint64 q;
	gboolean is_time = kg_time_at(r, i, &to, &q);

	if (!is_time && !kg_size_at(r, i, &to, &q))
		return 0;
	const struct entry *more = kg_at(r, to, CAT_AND_MORE, &end), *less = more ? NULL : kg_at(r, to, CAT_AND_LESS, &end);
	if ((!more && !less) || (taking && !is_time && strcmp(taking->phrase, "of")))
		return 0;
	const char *size = is_time ? NULL : kg_size_field(r);
	if (!is_time && !size)
		return 0;
	kg_add_filter(r, is_time ? KG_DURATION : size, more ? KG_FILTER_GE : KG_FILTER_LE, q, NULL);
	took(r, from, end);
	return end;
}

/* "between 2 and 8 ms": the second unit is both's. */
static gboolean shared_unit(struct reading *r, guint i, guint *ret_mid, gint64 *ret_low, gboolean *ret_is_time)
{
	double low, high;
	const char *unit;
	gint64 top;
	guint and_at, end;

	if (!kg_number_at(r, i, &and_at, &low, &unit) || *unit || !kg_word_is(r, and_at, "and") || !kg_number_at(r, and_at + 1, &end, &high, &unit) || high <= 0)
		return FALSE;
	*ret_is_time = kg_time_at(r, and_at + 1, &end, &top);
	if (!*ret_is_time && !kg_size_at(r, and_at + 1, &end, &top))
		return FALSE;
	*ret_mid = and_at;
	return kg_share_unit(low, high, top, ret_low);
}

/* "between 4 KiB and 64 KiB" */
static guint read_between(struct reading *r, const char *field, guint from, guint i)
{
	gint64 low, high;
	guint mid, to;
	guint taken;
	if (!field && kg_at(r, i, CAT_TAKING, &taken))
		i = taken;
	if (!kg_word_is(r, i, "between"))
		return 0;
	gboolean is_time = kg_time_at(r, i + 1, &mid, &low);
	if (!is_time && !kg_size_at(r, i + 1, &mid, &low) && !shared_unit(r, i + 1, &mid, &low, &is_time))
		return 0;
	if (!kg_word_is(r, mid, "and") || !(is_time ? kg_time_at(r, mid + 1, &to, &high) : kg_size_at(r, mid + 1, &to, &high)))
		return 0;
	const char *on = field ? field : is_time ? KG_DURATION : kg_size_field(r);
	if (!on || kg_reading_unit(r, on) != (is_time ? KG_UNIT_NS : KG_UNIT_BYTES))
		return 0;
	kg_add_filter(r, on, KG_FILTER_GE, low, NULL);
	kg_add_filter(r, on, KG_FILTER_LE, high, NULL);
	took(r, from, to);
	return to;
}

/* FIELD [is|cmp] VALUE */
static guint read_field_value(struct reading *r, guint from, guint i, gboolean is_not, gboolean own_only)
{
	guint j, k, to = 0;
	g_autofree char *field = kg_field_at(r, i, &j);

	if (!field && kg_at(r, i, CAT_DURATION, &j))
		field = g_strdup(KG_DURATION);
	if (!field || (own_only && !kg_reading_field(r, field)))
		return 0;
	const struct kg_standard_field *standard = kg_standard_field(field);
	if (standard && (standard->unit == KG_UNIT_STACK || !strcmp(field, "time")))
		return 0;
	guint n = kg_skip_fillers(r, j);
	if (n == j && kg_at(r, j, CAT_NAMED, &k))
		j = k;
	if ((to = read_compare(r, field, is_not, from, j)) || (to = read_between(r, field, from, j)))
		return to;
	guint at_is = 0;
	const struct entry *is = kg_at(r, j, CAT_IS, &at_is);
	guint at = is ? at_is : j;
	gboolean inner_not = is && kg_word_is(r, at, "not");
	if (inner_not)
		at++;
	to = read_value(r, field, (is_not != inner_not) ? KG_FILTER_NE : KG_FILTER_EQ, at);
	if (!to)
		return 0;
	struct kg_filter *f = r->intent->filters->pdata[r->intent->filters->len - 1];
	if (!f->is_text && !is_not && !inner_not && (kg_at(r, to, CAT_AND_MORE, &k) || kg_at(r, to, CAT_AND_LESS, &k))) {
		f->op = kg_at(r, to, CAT_AND_MORE, &k) ? KG_FILTER_GE : KG_FILTER_LE;
		kg_at(r, to, f->op == KG_FILTER_GE ? CAT_AND_MORE : CAT_AND_LESS, &k);
		to = k;
	}
	took(r, from, to);
	return to;
}

static guint read_outcome(struct reading *r, guint i, guint from, gboolean is_not)
{
	const struct token *t = kg_tok(r, i);
	const struct entry *e;
	guint to, best = i;
	int n;

	if (!kg_reading_field(r, "error"))
		return 0;
	if (t && !t->is_quoted && !t->is_mark && (n = errno_of(t->text))) {
		kg_add_filter(r, "error", is_not ? KG_FILTER_NE : KG_FILTER_EQ, n, strerrorname_np(n));
		to = i + 1;
		if (kg_word_is(r, to, "error") || kg_word_is(r, to, "errors"))
			to++;
		took(r, from, to);
		r->wants_failed = TRUE;
		return to;
	}
	if ((e = kg_at(r, i, CAT_ERRNO, &to)) && to > best) {
		kg_add_filter(r, "error", is_not ? KG_FILTER_NE : KG_FILTER_EQ, errno_of(e->value), e->value);
		if (kg_word_is(r, to, "error") || kg_word_is(r, to, "errors"))
			to++;
		took(r, from, to);
		r->wants_failed = TRUE;
		return to;
	}
	if (((e = kg_at(r, i, CAT_FAILED, &to)) || (e = kg_at(r, i, CAT_SUCCEEDED, &to)))) {
		gboolean failed = (e->cat == CAT_FAILED) != is_not;
		kg_add_filter(r, "error", failed ? KG_FILTER_NE : KG_FILTER_EQ, 0, NULL);
		took(r, from, to);
		r->wants_failed = r->wants_failed || failed;
		return to;
	}
	return 0;
}

/* The field of unit [unit] that the card itself calls by the preposition alone: "to", "from". */
static const char *end_field(const struct reading *r, const char *prep, enum kg_unit unit)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, k).card;
		for (guint f = 0; f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->unit == unit && kg_list_has(field->says, prep))
				return field->name;
		}
	}
	return NULL;
}

static guint read_path(struct reading *r, guint i, guint from, gboolean is_prefix, gboolean is_not)
{
	const struct token *t = kg_tok(r, i);
	const char *field = path_field(r);
	guint to;

	if (!is_path(t) || !field)
		return 0;
	g_autofree char *word = raw_word(r, i, &to);
	if (g_str_has_suffix(word, "/*")) {
		word[strlen(word) - 1] = '\0'; /* a directory */
	} else if (strpbrk(word, "*?[")) {
		kg_why(r, "patterns like %s can't be compared; a directory can (\"under /etc\")", word);
		return 0;
	}
	if (is_prefix && !g_str_has_suffix(word, "/")) {
		char *slash = g_strconcat(word, "/", NULL);
		g_free(word);
		word = slash;
	}
	kg_add_text_filter(r, field, is_not ? KG_FILTER_NE : KG_FILTER_EQ, word, is_prefix || g_str_has_suffix(word, "/"));
	g_ptr_array_add(r->intent->notes, g_strdup_printf("a file is compared as the program named it: \"%s\" does not match the same file named by a "
							  "relative path or through a link", word));
	took(r, from, to);
	return to;
}

guint kg_read_family(struct reading *r, guint i, guint from, gboolean is_not)
{
	guint to;
	const struct entry *e = kg_at(r, i, CAT_FAMILY, &to);

	if (!e)
		return 0;
	if (!strcmp(e->value, "both")) {
		if (is_not)
			return 0;
		kg_take(r, from, to, "variants", "IPv4 and IPv6");
		return to;
	}
	kg_add_filter(r, KG_FAMILY, is_not ? KG_FILTER_NE : KG_FILTER_EQ, !strcmp(e->value, "ipv6") ? 10 : 2, e->value);
	took(r, from, to);
	return to;
}

/* A known value of a field of the events, without the field's name: "SIGKILL", "established". */
static guint read_named_value(struct reading *r, guint i, guint from, gboolean is_not)
{
	g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
	g_autoptr(GPtrArray) found = kg_lexicon_at(r->lex, r->tokens, i, lens);
	const struct token *t = kg_tok(r, i);
	int n = t->is_quoted ? 0 : kg_signal_of(t->text);

	for (guint k = 0; k < found->len; k++) {
		const struct entry *e = found->pdata[k];
		gboolean is_here = FALSE;

		for (guint m = 0; e->cat == CAT_VALUE && m < r->mentions->len; m++)
			is_here = is_here || g_array_index(r->mentions, struct mention, m).card == e->card;
		if (!is_here)
			continue;
		guint to = i + g_array_index(lens, guint, k);
		/* where two fields know the value, which one is meant? */
		for (guint o = 0; o < found->len; o++) {
			const struct entry *other = found->pdata[o];
			if (other->cat == CAT_VALUE && other->card == e->card && strcmp(other->value, e->value))
				return 0;
		}
		const struct kg_card_field *f = kg_card_field(e->card, e->value);
		const char *name = e->phrase;
		for (guint v = 0; v < f->values->len; v++)
			if (((struct kg_value_name *)f->values->pdata[v])->value == e->number)
				name = ((struct kg_value_name *)f->values->pdata[v])->name;
		kg_add_filter(r, e->value, is_not ? KG_FILTER_NE : KG_FILTER_EQ, e->number, name);
		took(r, from, to);
		return to;
	}
	/* "except futex": a system call's name where all of them are watched; only behind "not", or it would be an event of its own */
	for (guint m = 0; is_not && !t->is_quoted && m < r->mentions->len; m++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, m).card;
		int nr = seccomp_syscall_resolve_name(t->text);
		guint to = i + 1;
		for (guint f = 0; nr >= 0 && f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->unit != KG_UNIT_SYSCALL)
				continue;
			kg_add_filter(r, field->name, KG_FILTER_NE, nr, t->text);
			took(r, from, to);
			while ((kg_word_is(r, to, "and") || kg_word_is(r, to, ",") || kg_word_is(r, to, "or")) && kg_tok(r, to + 1) &&
			       (nr = seccomp_syscall_resolve_name(kg_tok(r, to + 1)->text)) >= 0) {
				kg_add_filter(r, field->name, KG_FILTER_NE, nr, kg_tok(r, to + 1)->text);
				took(r, to, to + 2);
				to += 2;
			}
			return to;
		}
	}
	for (guint m = 0; n && m < r->mentions->len; m++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, m).card;
		for (guint f = 0; f < card->fields->len; f++) {
			const struct kg_card_field *field = card->fields->pdata[f];
			if (field->unit != KG_UNIT_SIGNAL)
				continue;
			g_autofree char *up = g_ascii_strup(t->text, -1);
			kg_add_filter(r, field->name, is_not ? KG_FILTER_NE : KG_FILTER_EQ, n, up);
			took(r, from, i + 1);
			return i + 1;
		}
	}
	return 0;
}

guint kg_read_field_compare(struct reading *r, const char *field, guint i)
{
	const struct token *t = kg_tok(r, i);
	guint to = read_compare(r, field, FALSE, i, i);

	if (!to && t && t->is_number && (to = read_value(r, field, KG_FILTER_EQ, i)))
		took(r, i, to);
	return to;
}

/* "on eth0", "via lo": the name of a network device. */
static guint read_device(struct reading *r, guint i, guint from, gboolean is_not)
{
	const struct token *t = kg_tok(r, i);
	guint to;

	if (!t || t->is_mark || t->is_number || t->is_quoted || kg_reading_unit(r, "device") != KG_UNIT_STRING)
		return 0;
	g_autofree char *word = raw_word(r, i, &to);
	gboolean has_digit = FALSE;
	for (const char *p = word; *p; p++)
		has_digit = has_digit || g_ascii_isdigit(*p);
	if (strcmp(word, "lo") && (!has_digit || !g_ascii_isalpha(*word) || kg_lexicon_knows(r->lex, t)))
		return 0;
	kg_add_text_filter(r, "device", is_not ? KG_FILTER_NE : KG_FILTER_EQ, word, FALSE);
	took(r, from, to);
	return to;
}

/* What stands in front of a condition: [only] [not] [preposition] [not] the */
struct lead {
	guint from, at;    /* the first word, and where the condition itself begins */
	const char *prep;  /* "of", "by", "from", "to", "in", "at", ...; NULL: none */
	gboolean is_not;
	gboolean is_said;  /* "named": a name follows */
	gboolean is_failing; /* "failing with": what follows is an error */
};

static gboolean is_prep(const struct lead *lead, const char *prep)
{
	return lead->prep && !strcmp(lead->prep, prep);
}

static enum kg_filter_op lead_op(const struct lead *lead)
{
	return lead->is_not ? KG_FILTER_NE : KG_FILTER_EQ;
}

/* "failing with", "refused with", "ending in": prepositions that say that it failed. */
static gboolean says_failing(const char *phrase)
{
	static const char *const words[] = {"fail", "refus", "denied", "reject", "end", "err", "return", "com", "run"};

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (strstr(phrase, words[i]))
			return TRUE;
	return FALSE;
}

static gboolean is_towards(const struct reading *r, guint i)
{
	return kg_word_is(r, i, "to") || kg_word_is(r, i, "into") || kg_word_is(r, i, "onto");
}

static struct lead read_lead(struct reading *r, guint from)
{
	struct lead lead = {.from = from, .at = from};
	const struct entry *e;
	guint j;

	/* "signals delivered to postgres": the event's name ends in the preposition */
	if (from > 0 && is_towards(r, from - 1))
		lead.prep = "to";
	if (kg_at(r, lead.at, CAT_ONLY, &j))
		lead.at = j;
	if (kg_at(r, lead.at, CAT_NOT, &j)) {
		lead.is_not = TRUE;
		lead.at = kg_skip_fillers(r, j + (kg_word_is(r, lead.at, "non") && kg_word_is(r, j, "-")));
	}
	if ((e = kg_at(r, lead.at, CAT_NAMED, &j))) {
		lead.is_said = TRUE;
		lead.at = j;
	} else if ((e = kg_at(r, lead.at, CAT_PREP, &j))) {
		lead.prep = e->value;
		lead.is_failing = !strcmp(e->value, "at") && strcmp(e->phrase, "at") && says_failing(e->phrase);
		lead.at = j;
	} else if (kg_word_is(r, lead.at, "with") || kg_word_is(r, lead.at, "where") || kg_word_is(r, lead.at, "whose")) {
		lead.prep = "with";
		lead.at++;
	}
	lead.at = kg_skip_fillers(r, lead.at);
	/* "by any non-root user", "by everybody but root" */
	if (!lead.is_not && !lead.is_said && kg_at(r, lead.at, CAT_NOT, &j)) {
		lead.is_not = TRUE;
		lead.at = kg_skip_fillers(r, j);
	}
	return lead;
}

/* "under /usr/lib", "starting with /usr/lib/python3" */
static guint read_below(struct reading *r, guint from)
{
	guint at = from, j, to;
	gboolean is_not = kg_at(r, at, CAT_NOT, &j) != NULL;

	/* "excluding files under /proc" */
	if (is_not)
		at = kg_skip_fillers(r, j);
	if (is_not && (kg_word_is(r, at, "files") || kg_word_is(r, at, "paths") || kg_word_is(r, at, "everything") || kg_word_is(r, at, "anything")))
		at++;
	const struct entry *e = kg_at(r, at, CAT_BELOW, &j);

	if (!e)
		return 0;
	/* a beginning is meant as it is written, a directory ends in a slash */
	gboolean as_written = strstr(e->phrase, "start") || strstr(e->phrase, "begin");
	if (!(to = read_path(r, kg_skip_fillers(r, j), from, !as_written, is_not)))
		return 0;
	((struct kg_filter *)r->intent->filters->pdata[r->intent->filters->len - 1])->is_prefix = TRUE;
	return to;
}

/* "non-zero exit code" */
static guint read_nonzero(struct reading *r, guint from, guint i, gboolean is_not)
{
	guint j, to;

	if (!kg_at(r, i, CAT_NONZERO, &j))
		return 0;
	g_autofree char *field = kg_field_at(r, kg_skip_fillers(r, j), &to);
	if (!field || !kg_reading_field(r, field) || !kg_unit_is_number(kg_reading_unit(r, field)))
		return 0;
	kg_add_filter(r, field, is_not ? KG_FILTER_EQ : KG_FILTER_NE, 0, NULL);
	took(r, from, to);
	return to;
}

/* "by children of pid 300", "of processes started by cron" */
static guint read_children(struct reading *r, const struct lead *lead)
{
	guint n = r->intent->filters->len, j, to;

	if (!kg_at(r, lead->at, CAT_CHILDREN, &j))
		return 0;
	j = kg_skip_fillers(r, j);
	if ((to = read_field_value(r, lead->from, j, lead->is_not, FALSE))) {
		struct kg_filter *f = r->intent->filters->pdata[n];
		const char *of_parent = !strcmp(f->field, "pid") ? "ppid" : !strcmp(f->field, "comm") ? "parent" : NULL;
		if (!of_parent)
			return 0;
		g_free(f->field);
		f->field = g_strdup(of_parent);
		return to;
	}
	g_autofree char *parent = name_at(r, j, FALSE, &to);
	if (!parent)
		return 0;
	kg_add_text_filter(r, "parent", lead_op(lead), parent, FALSE);
	took(r, lead->from, to);
	return to;
}

/* Can the process's name be a condition behind this preposition? "kills of nginx" may be those that it suffers. */
static gboolean may_be_doer(struct reading *r, const struct lead *lead)
{
	for (guint k = 0; k < r->mentions->len; k++) {
		const struct kg_card *card = g_array_index(r->mentions, struct mention, k).card;
		gboolean is_by = is_prep(lead, "by") || is_prep(lead, "from");

		if (kg_has_target(card) && !is_by && !lead->is_said && !(lead->is_not && !lead->prep)) {
			kg_why(r, "is that the process that does it, or the one that it is done to? Say \"by ...\" for the first");
			return FALSE;
		}
		if (kg_is_own_process_object(card) && is_by) {
			kg_why(r, "who causes %s is another field: its process is the one that it happens to", card->plural);
			return FALSE;
		}
		if (!strcmp(card->area, "processes") && is_prep(lead, "from")) {
			kg_why(r, "\"from\" which of the two processes? Say \"by ...\", or \"by children of ...\"");
			return FALSE;
		}
	}
	return TRUE;
}

static guint read_root(struct reading *r, const struct lead *lead)
{
	guint to;

	if ((!lead->prep && !lead->is_not) || is_prep(lead, "with") || !kg_at(r, lead->at, CAT_ROOT, &to))
		return 0;
	kg_add_filter(r, "uid", lead_op(lead), 0, NULL);
	if (kg_word_is(r, to, "user") || kg_word_is(r, to, "users"))
		to++;
	took(r, lead->from, to);
	return to;
}

/* The name of a process: "by nginx", "the nginx process", "except sshd and cron". */
static guint read_name(struct reading *r, const struct lead *lead)
{
	guint to, j;
	g_autofree char *name = name_at(r, lead->at, lead->is_said, &to);

	if (!name || !may_be_doer(r, lead))
		return 0;
	if (kg_tok(r, lead->at)->is_quoted && is_prep(lead, "of") && path_field(r)) {
		kg_why(r, "is \"%s\" a file or a process? Say \"by process ...\" or give the file's whole path", name);
		return 0;
	}
	/* "the nginx process": the noun belongs to it */
	const struct entry *noun = kg_at(r, to, CAT_FIELD, &j);
	if (noun && !strcmp(noun->value, "comm") && !kg_word_is(r, to, "command"))
		to = j;
	kg_add_text_filter(r, "comm", lead_op(lead), name, FALSE);
	took(r, lead->from, to);
	while (lead->is_not && (kg_word_is(r, to, "and") || kg_word_is(r, to, "or") || kg_word_is(r, to, ","))) {
		guint next;
		g_autofree char *more = name_at(r, to + 1, FALSE, &next);
		if (!more)
			break;
		kg_add_text_filter(r, "comm", KG_FILTER_NE, more, FALSE);
		took(r, to, next);
		to = next;
	}
	return to;
}

/*
 * "to port 443", "from 10.0.0.1": which end that is depends on the event, and only its card can say so, by a name of the field that
 * has the preposition in it ("to port", "from"). Without one, the field has to be called by its own name.
 */
static gboolean is_ambiguous_end(struct reading *r, const struct lead *lead)
{
	guint to;

	if (!is_prep(lead, "to") && !is_prep(lead, "from") && !is_prep(lead, "at"))
		return FALSE;
	g_autofree char *field = kg_field_at(r, lead->at, &to);
	enum kg_unit unit = field ? kg_reading_unit(r, field) : KG_UNIT_NONE;
	/* "from local port 22" says which */
	return to == lead->at + 1 && (unit == KG_UNIT_PORT || unit == KG_UNIT_IP);
}

/* "to 10.1.2.3" */
static guint read_address(struct reading *r, const struct lead *lead)
{
	unsigned char address[16];
	const struct token *t = kg_tok(r, lead->at);
	const char *field = lead->prep ? end_field(r, lead->prep, KG_UNIT_IP) : NULL;
	guint to;

	if (!t || t->is_mark)
		return 0;
	g_autofree char *word = raw_word(r, lead->at, &to);
	if (inet_pton(AF_INET, word, address) != 1 && inet_pton(AF_INET6, word, address) != 1)
		return 0;
	if (!field) {
		kg_why(r, "which end is %s? Say \"remote address\" or \"local address\"", word);
		return 0;
	}
	kg_add_text_filter(r, field, lead_op(lead), word, FALSE);
	took(r, lead->from, to);
	return to;
}

static guint read_condition(struct reading *r, guint from)
{
	guint to, j;

	/* without anything in front, or with a preposition that belongs to a field's name ("to cpu 0") */
	if ((!kg_at(r, from, CAT_PREP, &j) && (to = read_outcome(r, from, from, FALSE))) || (to = read_or_more(r, from, from)) ||
	    (to = read_field_value(r, from, from, FALSE, from > 0 && is_towards(r, from - 1))) || (to = read_nonzero(r, from, from, FALSE)) ||
	    (to = read_below(r, from)))
		return to;

	struct lead lead = read_lead(r, from);
	if (lead.at >= r->tokens->len)
		return 0;
	if (lead.is_said)
		return read_name(r, &lead);
	if ((to = read_children(r, &lead)) || (to = read_nonzero(r, from, lead.at, lead.is_not)))
		return to;
	if ((to = read_outcome(r, lead.at, from, lead.is_not))) {
		/* "failing with anything but EINTR": it failed all the same */
		if (lead.is_failing && lead.is_not)
			kg_add_filter(r, "error", KG_FILTER_NE, 0, NULL);
		return to;
	}
	if (is_ambiguous_end(r, &lead)) {
		kg_why(r, "which end is meant? Say \"remote port\", \"local address\" or the like");
		return 0;
	}
	/* "ptraces of pid 5": by it, or done to it? */
	g_autofree char *whose = is_prep(&lead, "of") ? kg_field_at(r, lead.at, &j) : NULL;
	const struct kg_standard_field *standard = whose && !kg_reading_field(r, whose) ? kg_standard_field(whose) : NULL;
	if (standard && standard->needs_task && !may_be_doer(r, &lead))
		return 0;
	if ((to = kg_read_family(r, lead.at, from, lead.is_not)) || (to = read_field_value(r, from, lead.at, lead.is_not, is_prep(&lead, "to"))) ||
	    (to = read_compare(r, NULL, lead.is_not, from, lead.at)) || (to = read_between(r, NULL, from, lead.at)) || (to = read_address(r, &lead)) ||
	    (to = read_path(r, lead.at, from, is_prep(&lead, "in") || is_prep(&lead, "from"), lead.is_not)) ||
	    (to = read_named_value(r, lead.at, from, lead.is_not)) || (to = read_device(r, lead.at, from, lead.is_not)))
		return to;
	if (is_prep(&lead, "to"))
		return 0; /* "signals to nginx": whom it goes to is no condition on who did it */
	if ((to = read_root(r, &lead)))
		return to;
	return read_name(r, &lead);
}

guint kg_read_filter(struct reading *r, guint from)
{
	guint n = r->intent->filters->len, to = read_condition(r, from), end;

	/* "bash not included" */
	if (to && r->intent->filters->len == n + 1 && kg_at(r, to, CAT_LEFT_OUT, &end)) {
		struct kg_filter *f = r->intent->filters->pdata[n];
		if (f->op == KG_FILTER_EQ) {
			f->op = KG_FILTER_NE;
			took(r, to, end);
			return end;
		}
	}
	return to;
}
