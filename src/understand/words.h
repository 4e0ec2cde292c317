/* Inside of understand: tokens, the lexicon and the state of a reading. See include/kgent/intent.h for what it is for. */
#pragma once

#include <kgent/intent.h>

/* Longest sentence in tokens; more is refused. */
enum { MAX_TOKENS = 400, MAX_PROMPT = 4096 };

/* One word, number, name or mark of the sentence. */
struct token {
	guint from, len;      /* bytes in the prompt */
	char *text;           /* lower case; of a quoted one without its quotes and with its case */
	char *stem;
	gboolean is_quoted;
	gboolean is_number;   /* number and, where written in one, unit: "10ms", "4k", "443" */
	double number;
	char *unit;           /* lower case, "" where none was written in one with it */
	gboolean is_name;     /* has a letter and any of _ : . / * digits inside: a name of the kernel, a path, a file */
	gboolean is_mark;     /* , ; : . ? ! & + > < = ... */
	gboolean is_sentence_end;
	gboolean is_possessive; /* 's was cut off */
};
GPtrArray *kg_tokens(const char *text); /* struct token *, owned */

/* What a phrase of the lexicon is. One list: the names are the categories of data/words. */
enum category {
	CAT_NONE, CAT_FILLER, CAT_RELATIVE, CAT_MEASURE, CAT_EACH, CAT_BY, CAT_WHICH, CAT_WHO, CAT_SUPERLATIVE, CAT_TOP, CAT_WITH,
	CAT_PREP, CAT_BELOW, CAT_NAMED, CAT_NOT, CAT_ONLY, CAT_CMP, CAT_IS, CAT_EVERY, CAT_RATE, CAT_RATE_MINUTE, CAT_DURING, CAT_UNTIL,
	CAT_DURATION, CAT_FAILED, CAT_SUCCEEDED, CAT_ERRNO, CAT_FAMILY, CAT_HOSTORDER, CAT_TIME, CAT_SIZE, CAT_NUMBER,
	CAT_HALFSECOND, CAT_BUCKETS, CAT_FROM_TO, CAT_RANGE_TO, CAT_AND, CAT_FIELD, CAT_ROOT, CAT_ACT, CAT_NOUN, CAT_OR, CAT_COMPARE,
	CAT_VERSUS, CAT_STATE, CAT_STORY, CAT_REFERENCE, CAT_ATTEMPT, CAT_CALLED, CAT_KERNEL_FUNCTION, CAT_TRACEPOINT, CAT_AND_MORE, CAT_AND_LESS, CAT_CLAUSE,
	CAT_TAKING, CAT_LEFT_OUT, CAT_HOW_TO, CAT_NONZERO, CAT_CHILDREN, CAT_LASTS,
	CAT_EVENT,     /* names an event: card */
	CAT_EVENT_DONE,/* names only those that succeeded: card */
	CAT_CARD_FIELD,/* names a field of a card: card, value is the field's name */
	CAT_VALUE,     /* names a value of a card's field: card, value is the field's name, number */
	CATEGORIES
};

/* A phrase and what it means. */
struct entry {
	enum category cat;
	char *value;               /* what stands behind the category: "count", "1000000", "comm" */
	char *hint;                /* third word: "time" in "cmp gt time"; or NULL */
	const struct kg_card *card;
	gint64 number;             /* CAT_VALUE */
	guint n;                   /* words */
	const char **words;        /* stems; a word that must match exactly begins with '='. The strings are the lexicon's */
	const char *phrase;        /* the lexicon's */
};

struct kg_lexicon {
	const struct kg_cards *cards;
	GPtrArray *entries;        /* struct entry * */
	GHashTable *by_first;      /* first stem or "=word" -> GPtrArray of struct entry *, borrowed */
	GHashTable *surface;       /* every word of every phrase as written: what a typo may have meant */
	GHashTable *stems;         /* every stem of a phrase */
	GHashTable *units;         /* "t:ms", "s:kb" -> struct entry *: units of time and size by their names */
	GHashTable *irregular;     /* "wrote" -> "write" */
	GHashTable *not_typos;     /* English words that are one letter away from a known one */
	GHashTable *programs;      /* names of well-known programs */
	GHashTable *stemmed;       /* word -> stem: every word is stemmed once */
	GHashTable *phrases;       /* a card's phrase -> its tokens with stems: each is cut once, when first asked for */
	GStringChunk *texts;       /* the strings of words, stems and phrases */
	void *stemmer;
};

char *kg_stem(struct kg_lexicon *lex, const char *word); /* owned */
/* A phrase at tokens[i]: how many tokens it takes (0: none). Determiners inside of longer phrases are looked over. */
guint kg_entry_match(const struct entry *entry, const GPtrArray *tokens, guint i);
/* All phrases that match at i, longest first. Owned array of borrowed entries; ret_len gets the lengths. */
GPtrArray *kg_lexicon_at(struct kg_lexicon *lex, const GPtrArray *tokens, guint i, GArray *ret_len);
void kg_tokens_stem(struct kg_lexicon *lex, GPtrArray *tokens);
/* The tokens of a phrase with their stems; the lexicon's, kept as long as it. The phrase has to live as long. */
const GPtrArray *kg_lexicon_phrase(struct kg_lexicon *lex, const char *phrase);
/* Is this word known in any phrase? */
gboolean kg_lexicon_knows(struct kg_lexicon *lex, const struct token *token);
/* The one known word that [word] is a typo of, or NULL. */
const char *kg_lexicon_typo(struct kg_lexicon *lex, const char *word);
/* Is it a program's name: a well-known one, or that of a process that runs now? */
gboolean kg_is_program(struct kg_lexicon *lex, const char *name);

/* Cards for events that the sentence names by the kernel's own names. NULL where there is none of that name. Owned. */
struct kg_card *kg_card_for_syscall(struct kg_profile *p, const char *name);
struct kg_card *kg_card_for_tracepoint(struct kg_profile *p, const char *name);
struct kg_card *kg_card_for_function(struct kg_profile *p, const char *name);

/* An event that the sentence names. */
struct mention {
	guint from, to;            /* tokens */
	const struct kg_card *card;
	gboolean is_done;          /* by a name for those that succeeded only */
	gboolean is_named;         /* by the kernel's own name */
};

/* A field that stands in the sentence without its role being clear yet. */
struct loose {
	char *field;
	guint from, to;
	gboolean is_weak;          /* part of the event's own name ("file opened"): used where it serves, else dropped */
};

/* One attempt to read the sentence with a certain set of events. */
struct reading {
	struct kg_lexicon *lex;
	struct kg_profile *profile;
	const char *prompt;
	const GPtrArray *tokens;
	const GArray *mentions;    /* struct mention: the events of this reading */
	gboolean *used;            /* a token that something accounts for */
	struct kg_intent *intent;
	GArray *loose;             /* struct loose */
	guint last_show;
	gboolean wants_each;       /* "each", "every time": a line an event */
	gboolean is_print_said;    /* "print", "show": a line an event unless something else is measured */
	gboolean is_print_strong;  /* "print", "log", "trace": a line an event, even where keys are named */
	gboolean is_sum_weak;      /* "time spent": a sum, unless another measure is named */
	gboolean is_time_said;     /* the duration was called a "time": those are added up, latencies are spread out */
	gboolean is_show_said;     /* fields to show were listed */
	gboolean is_who;           /* "who", "what is": by process, unless keys are named */
	gboolean is_which;         /* "which processes": a count by that */
	gboolean has_superlative;
	gboolean wants_attempts, wants_failed;
	guint n_events_said;       /* mentions that were met */
	guint filter_end;          /* token behind the last condition; 0: none */
	gboolean has_colon;        /* a colon stands in front of what follows */
	guint count_end;           /* token behind a "count" or "number of"; 0: none */
	gboolean name_is_value;    /* the event is called by its value ("cpu frequency"): counted, or what? */
	gboolean top_has_key;      /* "top 5 files" */
	gboolean is_ranked;        /* "ranked by", "ordered by" */
	guint event_end;           /* token behind the last event met */
	GPtrArray *why;            /* char *: reasons that a part does not fit */
};

/* The pieces of a reading: each tries at token i and returns the token behind what it took, or 0. */
guint kg_read_event(struct reading *r, guint i);
guint kg_read_chunk(struct reading *r, guint i);
guint kg_read_filter(struct reading *r, guint i);
/* "port below 1024" where the field has been read already: the comparison at i. */
guint kg_read_field_compare(struct reading *r, const char *field, guint i);
guint kg_read_family(struct reading *r, guint i, guint from, gboolean is_not);
guint kg_read_time(struct reading *r, guint i);
/* event.c: the mention that begins at token i; the card of it; whether one follows behind words that do not matter. */
gboolean kg_mention_at(const struct reading *r, guint i, guint *ret_to);
const struct kg_card *kg_mention_card(const struct reading *r, guint i);
gboolean kg_event_follows(struct reading *r, guint i);
/* Is the event that is named at i named in front of it, or behind it, too? */
gboolean kg_is_told_before(const struct reading *r, guint i);
gboolean kg_is_told_behind(const struct reading *r, guint i);

/* Has the event somebody that it is done to, whose name is another field's ("kills of nginx")? */
gboolean kg_has_target(const struct kg_card *card);
/* Is the card's own process the one that it happens to, and who does it another field ("wakeups by nginx")? */
gboolean kg_is_own_process_object(const struct kg_card *card);

/* list.c: fields, one after the other. [part] is "by" or "show"; returns the token behind the last one, or 0. */
void kg_add_name(GPtrArray *list, const char *name);
gboolean kg_is_measured(const struct reading *r, const char *field); /* a size or the like that is added up, not a key */
guint kg_shared_head(struct reading *r, guint i, char **ret_a, char **ret_b);
guint kg_fields_at(struct reading *r, guint i, gboolean is_show, GPtrArray *list);
guint kg_list_goes_on(struct reading *r, guint i);
guint kg_read_list(struct reading *r, guint from, guint i, const char *part, GPtrArray *into);
guint kg_read_with(struct reading *r, guint i, guint to);

/* key.c and measure.c: [i, to) is the phrase that made them be tried. */
guint kg_read_by(struct reading *r, const struct entry *by, guint i, guint to);
guint kg_read_per(struct reading *r, guint i, guint to);
guint kg_read_which(struct reading *r, guint i, guint to);
guint kg_read_who(struct reading *r, guint i, guint to);
guint kg_read_top(struct reading *r, guint i, guint to);
guint kg_read_ranked(struct reading *r, guint i);
guint kg_read_each(struct reading *r, const struct entry *e, guint i, guint to);
guint kg_read_buckets(struct reading *r, guint i, guint to);
guint kg_read_range(struct reading *r, guint i, guint to);
guint kg_read_measure(struct reading *r, const struct entry *e, guint i, guint to);
guint kg_read_duration(struct reading *r, guint i, guint to);

/* Decide what is measured and which roles the loose fields have; FALSE: it does not come together (r->why says why). */
gboolean kg_settle(struct reading *r);

int kg_signal_of(const char *name); /* the number of "SIGKILL", in any case; 0: there is none of that name */

/* Helpers on readings. */
const struct token *kg_tok(const struct reading *r, guint i); /* NULL behind the end */
/* The longest phrase of category [cat] at i; ret_to is the token behind it. */
const struct entry *kg_at(struct reading *r, guint i, enum category cat, guint *ret_to);
gboolean kg_word_is(const struct reading *r, guint i, const char *word);
guint kg_skip_fillers(struct reading *r, guint i); /* behind determiners */
void kg_take(struct reading *r, guint from, guint to, const char *part, const char *value);
/* A field of the reading's events at i; NULL if none. Owned name; ret_to behind it. */
char *kg_field_at(struct reading *r, guint i, guint *ret_to);
enum kg_unit kg_reading_unit(const struct reading *r, const char *field);
gboolean kg_reading_has_field(const struct reading *r, const char *field);
const struct kg_card_field *kg_reading_field(const struct reading *r, const char *field);
const char *kg_size_field(const struct reading *r); /* the events' amount in bytes, or NULL */
gboolean kg_number_at(struct reading *r, guint i, guint *ret_to, double *ret, const char **ret_unit);
gboolean kg_whole(double number, gint64 *ret); /* FALSE for 1.5, and for what does not fit */
/* "between 2 and 8 ms": low in the units of top, which is high with its unit; FALSE when it isn't whole. */
gboolean kg_share_unit(double low, double high, gint64 top, gint64 *ret_low);
gboolean kg_time_at(struct reading *r, guint i, guint *ret_to, gint64 *ret_ns);
gboolean kg_size_at(struct reading *r, guint i, guint *ret_to, gint64 *ret_bytes);
void kg_add_filter(struct reading *r, const char *field, enum kg_filter_op op, gint64 number, const char *said);
void kg_add_text_filter(struct reading *r, const char *field, enum kg_filter_op op, const char *text, gboolean is_prefix);
void kg_why(struct reading *r, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
gboolean kg_list_has(const GPtrArray *list, const char *name);
