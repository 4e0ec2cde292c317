/*
 * From a sentence to an intent: the order of things.
 *
 *   tokens -> what names an event -> for each set of events: a reading, piece by piece -> the one that accounts for every word
 *
 * Nothing is guessed. A reading is complete when every token was taken by something that had a use for it and the pieces go together; if
 * none is, the sentence is refused with what is left of the best one; if two different ones are, it is refused as ambiguous.
 * A word with one wrong letter is read as the known word it is nearest to, and said so; sentences in front of the request that only
 * tell a story are left aside, and said so.
 */
#include "words.h"

#include <string.h>


/* One sentence being understood. */
struct search {
	struct kg_lexicon *lex;
	struct kg_profile *profile;
	const char *prompt;
	GPtrArray *tokens;     /* struct token *, of the whole prompt */
	gboolean *skip;        /* tokens of sentences that tell a story */
	GArray *mentions;      /* struct mention: all that could name an event */
	GPtrArray *owned;      /* struct kg_card *: made for this sentence */
	GPtrArray *notes;      /* char *: for the intent */
	/* results */
	struct kg_intent *best;
	guint best_weight, best_cards;
	gboolean is_ambiguous;
	GPtrArray *rival;      /* char *: the titles of what it could mean as well */
	guint left_count;      /* of the best incomplete reading */
	gboolean *left;
	GPtrArray *why;
};

static void owned_card_free(void *p)
{
	kg_card_free(p);
}

static void add_mention(struct search *s, guint from, guint to, const struct kg_card *card, gboolean is_done, gboolean is_named)
{
	struct mention m = {.from = from, .to = to, .card = card, .is_done = is_done, .is_named = is_named};

	g_array_append_val(s->mentions, m);
}

static gboolean is_word(const struct search *s, guint i, const char *const *words)
{
	if (i >= s->tokens->len)
		return FALSE;
	const struct token *t = s->tokens->pdata[i];
	return !t->is_quoted && g_strv_contains(words, t->text);
}

/* Is the name part of the card's own name, so that the card is what is meant ("unlink" and file-unlink, not "unlinkat")? */
static gboolean is_in_card_name(struct search *s, const char *name, guint i)
{
	for (guint k = 0; k < s->mentions->len; k++) {
		const struct mention *m = &g_array_index(s->mentions, struct mention, k);
		g_auto(GStrv) parts = g_strsplit(m->card->name, "-", -1);

		if (m->from <= i && i < m->to && g_strv_contains((const char *const *)parts, name))
			return TRUE;
	}
	return FALSE;
}

static const struct kg_card *keep(struct search *s, struct kg_card *card)
{
	for (guint i = 0; i < s->owned->len; i++)
		if (!strcmp(((struct kg_card *)s->owned->pdata[i])->name, card->name)) {
			kg_card_free(card);
			return s->owned->pdata[i];
		}
	g_ptr_array_add(s->owned, card);
	return card;
}

/* Events that are named by the kernel's own names, at token i. */
static void find_named(struct search *s, guint i)
{
	static const char *const calls[] = {"call", "calls", NULL}, *const syscalls[] = {"syscall", "syscalls", "sycall", NULL};
	static const char *const system[] = {"system", NULL}, *const functions[] = {"function", "functions", "kprobe", NULL};
	static const char *const points[] = {"tracepoint", "tracepoints", NULL};
	/* system calls whose names are words of their own */
	static const char *const english[] = {"read", "write", "open", "close", "poll", "access", "pipe", "select", "pause", "alarm", "connect", "accept", "shutdown",
					      "bind", "listen", "clone", "fork", "exit", "kill", "flock", "sync", "truncate", "rename", "link", "time", "times",
					      "mount", "splice", "tee", "capget", "reboot", "swapoff", "swapon", "creat", "personality", "stat", "uname", "wait4",
					      "sendfile", "quotactl", "acct", "readahead", "keyctl", "bpf", "chroot", "ptrace", "syslog", "brk", "nice", NULL};
	const struct token *t = s->tokens->pdata[i];
	struct kg_card *card = NULL;

	if (t->is_mark || t->is_number || (!t->is_quoted && strlen(t->text) < 3))
		return;
	const char *name = t->text, *colon = strchr(name, ':');
	enum kg_probe_kind kind = colon ? kg_probe_kind_parse(name, colon - name) : KG_PROBE_NONE;
	guint from = i, to = i + 1;

	if (kind == KG_PROBE_TRACEPOINT)
		card = kg_card_for_tracepoint(s->profile, colon + 1);
	else if (kg_probe_info(kind)->is_kernel_function)
		card = kg_card_for_function(s->profile, colon + 1);
	else if (colon)
		card = kg_card_for_tracepoint(s->profile, name);
	if (card) {
		if (i && is_word(s, i - 1, points))
			from--;
		add_mention(s, from, to, keep(s, card), FALSE, TRUE);
		return;
	}
	if (t->is_quoted || colon || strpbrk(name, "/.*"))
		return;
	gboolean is_syscall_said = is_word(s, to, syscalls) || (is_word(s, to, system) && is_word(s, to + 1, calls)) ||
				   (i && is_word(s, i - 1, syscalls)) || (i > 1 && is_word(s, i - 1, calls) && is_word(s, i - 2, system));
	gboolean is_call_said = is_word(s, to, calls);
	gboolean is_function_said = i && is_word(s, i - 1, functions);
	gboolean is_point_said = (i && is_word(s, i - 1, points)) || is_word(s, to, points);
	gboolean has_mark = strchr(name, '_') != NULL;
	gboolean is_known = kg_lexicon_knows(s->lex, t), in_card = is_in_card_name(s, name, i);
	gboolean is_english = g_strv_contains(english, name);

	if (!is_function_said && !is_point_said && (is_syscall_said || (!in_card && (is_call_said || !is_known || !is_english))) &&
	    (card = kg_card_for_syscall(s->profile, name))) {
		if (is_syscall_said && is_word(s, to, syscalls))
			to++;
		else if (is_syscall_said && is_word(s, to, system) && is_word(s, to + 1, calls))
			to += 2;
		else if (is_call_said)
			to++;
		add_mention(s, from, to, keep(s, card), FALSE, TRUE);
		return;
	}
	if (!has_mark && !is_function_said && !is_point_said)
		return;
	if (!is_function_said && (is_point_said || has_mark) && (card = kg_card_for_tracepoint(s->profile, name))) {
		add_mention(s, from, to, keep(s, card), FALSE, TRUE);
		return;
	}
	if (is_known && !is_function_said)
		return; /* a card claims the name */
	if ((card = kg_card_for_function(s->profile, name)))
		add_mention(s, from, to, keep(s, card), FALSE, TRUE);
}

static void find_mentions(struct search *s)
{
	g_array_set_size(s->mentions, 0);
	for (guint i = 0; i < s->tokens->len; i++) {
		g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));

		if (s->skip[i])
			continue;
		g_autoptr(GPtrArray) found = kg_lexicon_at(s->lex, s->tokens, i, lens);
		for (guint k = 0; k < found->len; k++) {
			const struct entry *e = found->pdata[k];
			if (e->cat == CAT_EVENT || e->cat == CAT_EVENT_DONE)
				add_mention(s, i, i + g_array_index(lens, guint, k), e->card, e->cat == CAT_EVENT_DONE, FALSE);
		}
	}
	for (guint i = 0; i < s->tokens->len; i++)
		if (!s->skip[i])
			find_named(s, i);
	/* what lies inside of a longer one is that one */
	for (guint a = 0; a < s->mentions->len;) {
		struct mention *m = &g_array_index(s->mentions, struct mention, a);
		gboolean inside = FALSE;

		for (guint b = 0; b < s->mentions->len; b++) {
			const struct mention *o = &g_array_index(s->mentions, struct mention, b);
			if (b == a)
				continue;
			gboolean covers = o->from <= m->from && o->to >= m->to;
			inside = inside || (covers && o->to - o->from > m->to - m->from);
			/* named by the kernel's name, it is that and nothing wider; of one card once is enough */
			inside = inside || (covers && o->to - o->from == m->to - m->from &&
					    ((o->is_named && !m->is_named) || (o->card == m->card && b < a)));
		}
		if (inside)
			g_array_remove_index(s->mentions, a);
		else
			a++;
	}
}

/* Does the card watch the system call anyway? Then both in one answer would count it twice. */
static gboolean covers(const struct kg_card *card, const char *syscall)
{
	g_autofree char *exit_at = g_strconcat("tracepoint:syscalls:sys_exit_", syscall, NULL);

	for (guint w = 0; w < card->ways->len; w++) {
		const struct kg_card_way *way = card->ways->pdata[w];
		for (guint s = 0; s < way->sites->len; s++) {
			const struct kg_card_site *site = way->sites->pdata[s];
			for (guint a = 0; a < site->at->len; a++)
				if (!strcmp(site->at->pdata[a], exit_at))
					return TRUE;
		}
	}
	return FALSE;
}

static gboolean counts_twice(const struct reading *r)
{
	for (guint a = 0; a < r->mentions->len; a++)
		for (guint b = 0; b < r->mentions->len; b++) {
			const struct mention *one = &g_array_index(r->mentions, struct mention, a), *other = &g_array_index(r->mentions, struct mention, b);
			if (one->card != other->card && g_str_has_prefix(one->card->name, "syscall:") && covers(other->card, one->card->name + 8))
				return TRUE;
		}
	return FALSE;
}

/* Between two events of one request stand only words that join them. */
static gboolean are_joined(struct reading *r)
{
	guint last = 0, unused;
	gboolean compares = FALSE; /* "compare reads with writes" */

	for (guint i = 0; i < r->tokens->len; i++)
		compares = compares || kg_at(r, i, CAT_COMPARE, &unused);

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		gboolean is_joined = last == 0 || g_array_index(r->mentions, struct mention, k - 1).card == m->card, has_and = FALSE;

		for (guint i = last; last && !is_joined && i < m->from;) {
			guint to = 0;
			const struct token *t = kg_tok(r, i), *before = kg_tok(r, i - 1);
			gboolean is_ratio = kg_word_is(r, i, "/") && t->from > before->from + before->len; /* "reads / writes" */
			gboolean ok = !t->is_sentence_end && !is_ratio && (kg_at(r, i, CAT_AND, &to) || kg_at(r, i, CAT_OR, &to) || (kg_at(r, i, CAT_VERSUS, &to) && (!kg_word_is(r, i, "with") || compares)));

			has_and = has_and || ok;
			ok = ok || kg_at(r, i, CAT_NOUN, &to) || kg_at(r, i, CAT_FILLER, &to) || kg_at(r, i, CAT_MEASURE, &to);
			if (!ok) {
				kg_why(r, "two events are named: %s and %s", g_array_index(r->mentions, struct mention, k - 1).card->plural, m->card->plural);
				return FALSE;
			}
			i = to;
		}
		if (last && !is_joined && !has_and) {
			kg_why(r, "two events are named: %s and %s", g_array_index(r->mentions, struct mention, k - 1).card->plural, m->card->plural);
			return FALSE;
		}
		last = m->to;
	}
	return TRUE;
}

static void reading_done(struct reading *r)
{
	kg_intent_free(r->intent);
	for (guint k = 0; k < r->loose->len; k++)
		g_free(g_array_index(r->loose, struct loose, k).field);
	g_array_unref(r->loose);
	g_ptr_array_unref(r->why);
	g_free(r->used);
}

static gboolean same_events(const struct kg_intent *a, const struct kg_intent *b)
{
	GString *x = g_string_new(NULL), *y = g_string_new(NULL);

	kg_intent_json(a, x);
	kg_intent_json(b, y);
	gboolean same = g_string_equal(x, y);
	g_string_free(x, TRUE);
	g_string_free(y, TRUE);
	return same;
}

static void note_complete(struct search *s, struct reading *r, guint n_cards)
{
	guint weight = 0;

	for (guint k = 0; k < r->mentions->len; k++) {
		const struct mention *m = &g_array_index(r->mentions, struct mention, k);
		weight += m->to - m->from;
	}
	if (s->best && (weight < s->best_weight || (weight == s->best_weight && n_cards > s->best_cards)))
		return;
	if (s->best && weight == s->best_weight && n_cards == s->best_cards) {
		if (!same_events(s->best, r->intent)) {
			s->is_ambiguous = TRUE;
			g_ptr_array_add(s->rival, g_strdup(((const struct kg_card *)r->intent->events->pdata[0])->title));
		}
		return;
	}
	kg_intent_free(s->best);
	s->best = g_steal_pointer(&r->intent);
	s->best_weight = weight;
	s->best_cards = n_cards;
	s->is_ambiguous = FALSE;
	g_ptr_array_set_size(s->rival, 0);
	g_ptr_array_add(s->rival, g_strdup(((const struct kg_card *)s->best->events->pdata[0])->title));
}

static void note_incomplete(struct search *s, struct reading *r)
{
	guint n = 0;

	for (guint i = 0; i < s->tokens->len; i++)
		n += !r->used[i];
	if (s->left && n >= s->left_count)
		return;
	g_free(s->left);
	s->left = g_new0(gboolean, s->tokens->len + 1);
	for (guint i = 0; i < s->tokens->len; i++)
		s->left[i] = !r->used[i];
	s->left_count = n;
	g_ptr_array_set_size(s->why, 0);
	for (guint i = 0; i < r->why->len; i++)
		g_ptr_array_add(s->why, g_strdup(r->why->pdata[i]));
}

/* Read the sentence with these events. */
static void read_with(struct search *s, const GArray *mentions, guint n_cards)
{
	struct reading r = {.lex = s->lex, .profile = s->profile, .prompt = s->prompt, .tokens = s->tokens, .mentions = mentions};
	gboolean ok;

	r.used = g_new0(gboolean, s->tokens->len + 1);
	r.intent = kg_intent_new();
	r.loose = g_array_new(FALSE, FALSE, sizeof(struct loose));
	r.why = g_ptr_array_new_with_free_func(g_free);
	for (guint i = 0; i < s->tokens->len; i++)
		r.used[i] = s->skip[i];
	for (guint i = 0; i < s->tokens->len;) {
		guint to = s->skip[i] ? i + 1 : kg_read_chunk(&r, i);
		i = to > i ? to : i + 1;
	}
	ok = are_joined(&r) && !counts_twice(&r);
	for (guint i = 0; i < s->tokens->len; i++)
		ok = ok && r.used[i];
	ok = ok && kg_settle(&r);
	for (guint i = 0; i < s->tokens->len; i++)
		ok = ok && r.used[i];
	if (ok)
		note_complete(s, &r, n_cards);
	else
		note_incomplete(s, &r);
	reading_done(&r);
}

/* Where mentions of the chosen cards overlap, the longer one counts, then the first. */
static GArray *chosen_mentions(const struct search *s, GPtrArray *cards)
{
	GArray *chosen = g_array_new(FALSE, FALSE, sizeof(struct mention));

	for (guint k = 0; k < s->mentions->len; k++) {
		const struct mention *m = &g_array_index(s->mentions, struct mention, k);
		gboolean take = g_ptr_array_find(cards, m->card, NULL);

		for (guint o = 0; take && o < s->mentions->len; o++) {
			const struct mention *other = &g_array_index(s->mentions, struct mention, o);
			if (o == k || !g_ptr_array_find(cards, other->card, NULL) || other->to <= m->from || m->to <= other->from)
				continue;
			guint a = m->to - m->from, b = other->to - other->from;
			take = a > b || (a == b && k < o);
		}
		if (take)
			g_array_append_val(chosen, *m);
	}
	return chosen;
}

enum { MAX_CARDS = 6 };

static gint by_place(gconstpointer a, gconstpointer b)
{
	return (gint)((const struct mention *)a)->from - (gint)((const struct mention *)b)->from;
}

/* "how many files are open": a state; "are opened" is what happens. */
static const char *open_state(struct search *s)
{
	static const char *const be[] = {"are", "is", "were", "was", "be", NULL};

	for (guint i = 1; i < s->tokens->len; i++) {
		const struct token *t = s->tokens->pdata[i], *before = s->tokens->pdata[i - 1];
		if (!s->skip[i] && !strcmp(t->text, "open") && g_strv_contains(be, before->text))
			return before->text;
	}
	return NULL;
}

/* "which files does it have open": what is so now, or was; a trace shows what happens from now on. */
static gboolean asks_for_state(struct search *s)
{
	const char *be = open_state(s);

	if (be) {
		g_ptr_array_set_size(s->why, 0);
		g_ptr_array_add(s->why, g_strdup_printf("\"%s open\" asks for what is so; a trace shows what happens from now on", be));
		return TRUE;
	}
	for (guint i = 0; i < s->tokens->len; i++) {
		g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));

		if (s->skip[i])
			continue;
		g_autoptr(GPtrArray) found = kg_lexicon_at(s->lex, s->tokens, i, lens);
		for (guint k = 0; k < found->len; k++) {
			const struct entry *e = found->pdata[k];
			guint to = i + g_array_index(lens, guint, k);
			gboolean is_event = FALSE;

			for (guint m = 0; m < s->mentions->len; m++) {
				const struct mention *o = &g_array_index(s->mentions, struct mention, m);
				is_event = is_event || (o->from <= i && o->to > to);
			}
			if (e->cat != CAT_STATE || is_event)
				continue;
			const struct token *a = s->tokens->pdata[i], *b = s->tokens->pdata[to - 1];
			g_autofree char *words = g_strndup(s->prompt + a->from, b->from + b->len - a->from);
			g_ptr_array_set_size(s->why, 0);
			g_ptr_array_add(s->why, g_strdup_printf("\"%s\" asks for what is so or was so; a trace shows what happens from now on", words));
			return TRUE;
		}
	}
	return FALSE;
}

static void try_all(struct search *s)
{
	g_autoptr(GPtrArray) cards = g_ptr_array_new();

	find_mentions(s);
	if (asks_for_state(s))
		return;
	g_array_sort(s->mentions, by_place);
	for (guint k = 0; k < s->mentions->len && cards->len < MAX_CARDS; k++) {
		void *card = (void *)g_array_index(s->mentions, struct mention, k).card;
		if (!g_ptr_array_find(cards, card, NULL))
			g_ptr_array_add(cards, card);
	}
	for (guint set = 1; set < (1u << cards->len); set++) {
		g_autoptr(GPtrArray) some = g_ptr_array_new();

		for (guint k = 0; k < cards->len; k++)
			if (set & (1u << k))
				g_ptr_array_add(some, cards->pdata[k]);
		if (some->len > 3)
			continue;
		g_autoptr(GArray) mentions = chosen_mentions(s, some);
		g_autoptr(GPtrArray) there = g_ptr_array_new();
		for (guint k = 0; k < mentions->len; k++)
			if (!g_ptr_array_find(there, g_array_index(mentions, struct mention, k).card, NULL))
				g_ptr_array_add(there, (void *)g_array_index(mentions, struct mention, k).card);
		if (there->len == some->len)
			read_with(s, mentions, some->len);
	}
}

static void forget(struct search *s)
{
	s->best = kg_intent_free(s->best);
	s->is_ambiguous = FALSE;
	g_clear_pointer(&s->left, g_free);
	g_ptr_array_set_size(s->why, 0);
	g_ptr_array_set_size(s->rival, 0);
}

/* "SIGTREM" in a sentence in small letters: a name, whose letters are nobody's to mend. */
static gboolean is_in_capitals(const struct search *s, const struct token *t)
{
	gboolean small_elsewhere = FALSE;

	for (guint k = 0; k < t->len; k++)
		if (!g_ascii_isupper(s->prompt[t->from + k]))
			return FALSE;
	for (const char *p = s->prompt; *p; p++)
		small_elsewhere = small_elsewhere || g_ascii_islower(*p);
	return small_elsewhere;
}

/* Words that nothing knows, with one wrong letter: read as the known word. */
static gboolean mend_typos(struct search *s)
{
	gboolean any = FALSE;

	for (guint i = 0; i < s->tokens->len; i++) {
		struct token *t = s->tokens->pdata[i];

		if (t->is_mark || t->is_quoted || t->is_number || s->skip[i] || strpbrk(t->text, "/.:_0123456789") || is_in_capitals(s, t) || kg_lexicon_knows(s->lex, t) ||
		    (s->left && !s->left[i]))
			continue;
		const char *known = kg_lexicon_typo(s->lex, t->text);
		if (!known)
			continue;
		g_ptr_array_add(s->notes, g_strdup_printf("\"%s\" was read as \"%s\"", t->text, known));
		g_free(t->text);
		t->text = g_strdup(known);
		any = TRUE;
	}
	if (any)
		kg_tokens_stem(s->lex, s->tokens);
	return any;
}

static gboolean entry_in(struct search *s, guint i, guint end, enum category cat)
{
	for (; i < end; i++) {
		g_autoptr(GArray) lens = g_array_new(FALSE, FALSE, sizeof(guint));
		g_autoptr(GPtrArray) found = kg_lexicon_at(s->lex, s->tokens, i, lens);
		for (guint k = 0; k < found->len; k++)
			if (((const struct entry *)found->pdata[k])->cat == cat)
				return TRUE;
	}
	return FALSE;
}

static gboolean starts_with(struct search *s, guint i, enum category cat)
{
	return entry_in(s, i, i + 1, cat);
}

/*
 * Is the sentence of tokens [from, end) only a story? It begins as one, and holds nothing that restricts or orders: a
 * condition hidden in a story must not be dropped.
 */
static gboolean is_story(struct search *s, guint from, guint end)
{
	static const char *const asks[] = {"please", "want", "need", "show", "print", "count", "list", "trace", "only", "except", "how", "which", "who", "what",
					   "every", "each", "per", "by", "excluding", "without", "unless", "just", "ignore", "never", "must", "should"};

	if ((!starts_with(s, from, CAT_STORY) && !starts_with(s, from, CAT_CLAUSE)) || starts_with(s, from, CAT_MEASURE) || starts_with(s, from, CAT_ONLY) || starts_with(s, from, CAT_NOT))
		return FALSE;
	if (starts_with(s, from, CAT_BY) || starts_with(s, from, CAT_WHICH) || starts_with(s, from, CAT_WHO))
		return FALSE;
	for (guint i = from; i < end; i++) {
		const struct token *t = s->tokens->pdata[i];

		if (t->is_quoted || *t->text == '/' || strstr(t->text, "::"))
			return FALSE;
		for (gsize k = 0; k < G_N_ELEMENTS(asks); k++)
			if (!strcmp(t->text, asks[k]))
				return FALSE;
	}
	return !entry_in(s, from, end, CAT_FAMILY) && !entry_in(s, from, end, CAT_FAILED) && !entry_in(s, from, end, CAT_ACT);
}

/* Leave story sentences in front of the request aside. */
static gboolean skip_stories(struct search *s)
{
	gboolean any = FALSE, last_is_story = FALSE, has_program = FALSE;
	guint from = 0;

	for (guint i = 0; i < s->tokens->len; i++) {
		const struct token *t = s->tokens->pdata[i];

		gboolean is_clause = !strcmp(t->text, ",") && starts_with(s, from, CAT_CLAUSE);

		if (!t->is_sentence_end && !is_clause && i + 1 < s->tokens->len)
			continue;
		last_is_story = i > from && is_story(s, from, i + 1);
		if (last_is_story && i + 1 < s->tokens->len) {
			const struct token *a = s->tokens->pdata[from];
			for (guint k = from; k <= i; k++) {
				const struct token *w = s->tokens->pdata[k];
				s->skip[k] = TRUE;
				has_program = has_program || kg_is_program(s->lex, w->text) || !strcmp(w->text, "pid") || !strcmp(w->text, "uid");
			}
			g_autofree char *words = g_strndup(s->prompt + a->from, t->from + t->len - a->from);
			g_ptr_array_add(s->notes, g_strdup_printf("taken as background, not as part of the request: \"%s\"", words));
			any = TRUE;
		}
		from = i + 1;
	}
	if (!any || last_is_story)
		return FALSE;
	/* "nginx is slow. Count its reads": the request points back, so the story is part of it */
	for (guint i = 0; i < s->tokens->len; i++)
		if (!s->skip[i] && has_program && starts_with(s, i, CAT_REFERENCE))
			return FALSE;
	return TRUE;
}

/* A story that names a program must not lose that: fine where the answer tells programs apart. */
static gboolean story_is_harmless(const struct search *s, const struct kg_intent *in)
{
	gboolean names = FALSE;

	for (guint i = 0; i < s->tokens->len; i++) {
		const struct token *t = s->tokens->pdata[i];
		names = names || (s->skip[i] && kg_is_program(s->lex, t->text));
	}
	if (!names || kg_list_has(in->by, "comm") || kg_list_has(in->by, "pid") || kg_list_has(in->show, "comm") || in->measure == KG_MEASURE_PRINT)
		return TRUE;
	for (guint i = 0; i < in->filters->len; i++)
		if (!strcmp(((struct kg_filter *)in->filters->pdata[i])->field, "comm"))
			return TRUE;
	return FALSE;
}

static void add_left_words(struct search *s, struct kg_refusal *no)
{
	for (guint i = 0; i < s->tokens->len; i++) {
		const struct token *t = s->tokens->pdata[i];

		if (!s->left || !s->left[i] || t->is_mark)
			continue;
		guint end = i;
		/* words in a row are shown as one */
		while (end + 1 < s->tokens->len && s->left[end + 1] && !((struct token *)s->tokens->pdata[end + 1])->is_mark)
			end++;
		const struct token *last = s->tokens->pdata[end];
		g_ptr_array_add(no->left, g_strndup(s->prompt + t->from, last->from + last->len - t->from));
		i = end;
	}
}

/* How much of a card's names the sentence's words cover: words that few cards have weigh more. */
static double nearness(struct search *s, const struct kg_card *card, GHashTable *in_cards)
{
	double best = 0;

	for (guint k = 0; k < card->says->len; k++) {
		const GPtrArray *words = kg_lexicon_phrase(s->lex, card->says->pdata[k]);
		double hits = 0, all = 0;

		for (guint w = 0; w < words->len; w++) {
			const struct token *a = words->pdata[w];
			double weight = 1.0 / (1 + GPOINTER_TO_UINT(g_hash_table_lookup(in_cards, a->stem)));

			all += weight;
			for (guint i = 0; i < s->tokens->len; i++) {
				const struct token *b = s->tokens->pdata[i];
				if (!b->is_mark && strlen(b->text) > 2 && !g_strcmp0(a->stem, b->stem)) {
					hits += weight;
					break;
				}
			}
		}
		best = MAX(best, all > 0 ? hits * hits / all : 0);
	}
	return best;
}

/* In how many cards' names does each word stand? */
static GHashTable *count_words(struct search *s)
{
	GHashTable *counts = g_hash_table_new(g_str_hash, g_str_equal); /* the keys are the lexicon's */

	for (guint c = 0; c < kg_cards_n(s->lex->cards); c++) {
		const struct kg_card *card = kg_cards_at(s->lex->cards, c);
		g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
		GHashTableIter iter;
		void *stem;

		for (guint k = 0; k < card->says->len; k++) {
			const GPtrArray *words = kg_lexicon_phrase(s->lex, card->says->pdata[k]);
			for (guint w = 0; w < words->len; w++)
				g_hash_table_add(here, ((struct token *)words->pdata[w])->stem);
		}
		g_hash_table_iter_init(&iter, here);
		while (g_hash_table_iter_next(&iter, &stem, NULL))
			g_hash_table_insert(counts, stem, GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(counts, stem)) + 1));
	}
	return counts;
}

static void near_cards(struct search *s, GPtrArray *close)
{
	g_autoptr(GHashTable) counts = count_words(s);
	const struct kg_card *best[3] = {NULL};
	double scores[3] = {0};

	for (guint c = 0; c < kg_cards_n(s->lex->cards); c++) {
		const struct kg_card *card = kg_cards_at(s->lex->cards, c);
		double score = nearness(s, card, counts);

		for (guint n = 0; score > 0 && n < G_N_ELEMENTS(best); n++) {
			if (score <= scores[n])
				continue;
			for (guint m = G_N_ELEMENTS(best) - 1; m > n; m--) {
				best[m] = best[m - 1];
				scores[m] = scores[m - 1];
			}
			best[n] = card;
			scores[n] = score;
			break;
		}
	}
	for (guint n = 0; n < G_N_ELEMENTS(best); n++)
		if (best[n] && scores[n] > scores[0] / 4)
			g_ptr_array_add(close, g_strdup(best[n]->title));
}

/* Cards that the words of the sentence come near to. */
static void add_close(struct search *s, struct kg_refusal *no)
{
	for (guint k = 0; k < s->mentions->len && no->close->len < 4; k++) {
		const struct kg_card *card = g_array_index(s->mentions, struct mention, k).card;
		if (!kg_list_has(no->close, card->title))
			g_ptr_array_add(no->close, g_strdup(card->title));
	}
	if (no->close->len)
		return;
	near_cards(s, no->close);
}

static struct kg_refusal *refuse(struct search *s)
{
	struct kg_refusal *no = g_new0(struct kg_refusal, 1);

	no->left = g_ptr_array_new_with_free_func(g_free);
	no->close = g_ptr_array_new_with_free_func(g_free);
	if (s->is_ambiguous) {
		GString *titles = g_string_new(NULL);
		for (guint i = 0; i < s->rival->len; i++)
			g_string_append_printf(titles, "%s%s", i ? ", or " : "", (char *)s->rival->pdata[i]);
		no->why = g_strdup_printf("it could mean more than one thing: %s", titles->str);
		g_string_free(titles, TRUE);
		for (guint i = 0; i < s->rival->len; i++)
			g_ptr_array_add(no->close, g_strdup(s->rival->pdata[i]));
		return no;
	}
	if (!s->mentions->len) {
		no->why = g_strdup("no event that kgent knows is named in it");
		for (guint i = 0; s->left == NULL && i < s->tokens->len; i++) {
			const struct token *t = s->tokens->pdata[i];
			if (!t->is_mark && (t->is_quoted || !kg_lexicon_knows(s->lex, t)))
				g_ptr_array_add(no->left, g_strdup(t->text));
		}
	} else if (s->why->len) {
		no->why = g_strdup(s->why->pdata[0]);
		add_left_words(s, no);
	} else {
		no->why = g_strdup("not all of it was understood");
		add_left_words(s, no);
	}
	add_close(s, no);
	return no;
}

static int check_text(const char *prompt, struct kg_error *err)
{
	gsize len = strlen(prompt);
	gboolean blank = TRUE;

	if (len > MAX_PROMPT) {
		kg_error_set(err, KG_E_INVAL, "understand", "the sentence is %zu bytes long; at most %d are read", len, MAX_PROMPT);
		kg_error_hint(err, "say in one or two sentences what you want to see");
		return -KG_E_INVAL;
	}
	if (!g_utf8_validate(prompt, -1, NULL))
		return kg_error_set(err, KG_E_INVAL, "understand", "the sentence is not text (it is no valid UTF-8)");
	for (const char *p = prompt; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		if (g_unichar_iscntrl(c) && c != '\n' && c != '\t' && c != '\r')
			return kg_error_set(err, KG_E_INVAL, "understand", "the sentence has a control character (U+%04X) in it", c);
		blank = blank && g_unichar_isspace(c);
	}
	if (blank) {
		kg_error_set(err, KG_E_INVAL, "understand", "there is no sentence");
		kg_error_hint(err, "say what you want to see, for example: kgent \"count system calls by process\"");
		return -KG_E_INVAL;
	}
	return 0;
}

static void search_done(struct search *s)
{
	kg_intent_free(s->best);
	g_ptr_array_unref(s->tokens);
	g_array_unref(s->mentions);
	g_ptr_array_unref(s->owned);
	g_ptr_array_unref(s->notes);
	g_ptr_array_unref(s->why);
	g_ptr_array_unref(s->rival);
	g_free(s->skip);
	g_free(s->left);
}

static gboolean solved(const struct search *s)
{
	return s->best && !s->is_ambiguous;
}

int kg_understand(struct kg_lexicon *lex, struct kg_profile *profile, const char *prompt, struct kg_intent **ret,
		  struct kg_refusal **refusal, struct kg_error *err)
{
	struct search s = {.lex = lex, .profile = profile, .prompt = prompt};
	int code = check_text(prompt, err);

	if (code < 0)
		return code;
	s.tokens = kg_tokens(prompt);
	if (s.tokens->len > MAX_TOKENS) {
		g_ptr_array_unref(s.tokens);
		return kg_error_set(err, KG_E_INVAL, "understand", "the sentence has more than %d words", MAX_TOKENS);
	}
	kg_tokens_stem(lex, s.tokens);
	s.skip = g_new0(gboolean, s.tokens->len + 1);
	s.mentions = g_array_new(FALSE, FALSE, sizeof(struct mention));
	s.owned = g_ptr_array_new_with_free_func(owned_card_free);
	s.notes = g_ptr_array_new_with_free_func(g_free);
	s.why = g_ptr_array_new_with_free_func(g_free);
	s.rival = g_ptr_array_new_with_free_func(g_free);

	try_all(&s);
	if (!solved(&s) && !s.is_ambiguous && mend_typos(&s)) {
		forget(&s);
		try_all(&s);
	}
	if (!solved(&s) && !s.is_ambiguous && skip_stories(&s)) {
		forget(&s);
		try_all(&s);
		if (solved(&s) && !story_is_harmless(&s, s.best)) {
			forget(&s);
			g_ptr_array_add(s.why, g_strdup("the sentences before the request name a program: say in the request itself whether only that one is meant"));
		}
	}
	if (!solved(&s)) {
		*refusal = refuse(&s);
		search_done(&s);
		return -KG_E_REFUSED;
	}
	for (guint i = 0; i < s.notes->len; i++)
		g_ptr_array_add(s.best->notes, g_strdup(s.notes->pdata[i]));
	for (guint i = s.owned->len; i-- > 0;)
		g_ptr_array_add(s.best->owned, g_ptr_array_steal_index(s.owned, i));
	*ret = g_steal_pointer(&s.best);
	search_done(&s);
	return 0;
}
