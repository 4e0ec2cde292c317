/*
 * What the files of the proof share.
 *
 * prove.c    the whole of it as a list; the child process
 * point.c    clauses about a point in time: each obligation on each path
 * span.c     clauses about a span: scenarios over two programs
 * alike.c    which attach points are proved together
 * builtin.c  what is asked of every program
 * value.c    what is seen against what is wanted
 * counter.c  counterexamples: telling values, the replay
 * fact.c     what a counterexample says
 * path.c     the way that a replay took through the program's lines
 */
#pragma once

#include "seen.h"

#include <kgent/prove.h>

#define STAGE "proof"
#define MAX_EVENTS 4 /* of a scenario */
#define MAX_SIBLINGS 4 /* probes at one attach point */
#define TOO_MANY_SIBLINGS "there are more probes at one attach point than are followed"

struct judge {
	const struct kg_object *object;
	const struct kg_bt_program *program;
	const struct kg_contract *contract;
	struct kg_profile *profile;
	const struct kg_prove_opts *opts;
	struct seer *seer;
	struct kg_proof *proof;
	GHashTable *result_of; /* obligation -> struct kg_obligation_result * */
	GHashTable *covered;   /* BPF programs (index + 1) that some clause is about */
	GHashTable *added_up;  /* maps (index + 1) that an aggregation of the contract is in -> struct kg_obligation_result * */
	GHashTable *matched;   /* program's expressions (node) that some obligation found right */
	gint64 until;          /* monotonic us: when the time of the whole proof is up */
	GPtrArray *untold;     /* counterexamples whose ways are not told yet: path.c */
};

/* An event together with what a contract's expressions mean there. */
struct moment {
	struct kg_symex *x;
	struct kg_event *event;
	guint program;
	struct kg_contract_point *point;
	struct kg_expr_env env;
	GPtrArray *keep;
	GHashTable *values;       /* owned; env.values */
	struct kg_word condition; /* the clause's `only if`; 1 where there is none */
};
struct moment *moment_new(struct judge *j, struct kg_symex *x, const struct kg_contract_clause *clause, guint program,
			  struct kg_thread *thread, struct kg_error *err);
struct moment *moment_free(struct moment *m);
/* A condition's truth at the moment; 1 where it has no expression. */
int moment_truth(struct moment *m, const struct kg_contract_expr *expr, struct kg_word *ret, struct kg_error *err);
/* All of [assumes] (struct kg_contract_expr *). */
int moment_assumes(struct moment *m, const GPtrArray *assumes, struct kg_word *ret, struct kg_error *err);
/* The condition of the clause's `only if`, or NULL. */
const struct kg_contract_expr *moment_only_if(const struct kg_contract_clause *clause);
/* What a user must see. */
int moment_wanted(struct moment *m, const struct kg_contract_value *value, struct kg_expr_value *ret, struct kg_error *err);

/* ---- value.c */
/* Is what is seen what is wanted? FALSE: such values can't be compared. */
gboolean value_equal(struct moment *m, const struct seen *seen, const struct kg_expr_value *wanted, struct kg_word *ret);
/* A stack that is kept is the one of [m], whenever it is shown. */
void value_keep_stack(const struct moment *m, struct kg_expr_value *value);
/* The words that a seen or wanted value is made of, appended. */
void value_words_seen(const struct seen *seen, GArray *words);
void value_words_wanted(struct moment *m, const struct kg_expr_value *wanted, GArray *words);
/* As a person reads it, with the numbers of the last model. */
char *value_text_seen(struct kg_symex *x, const struct seen *seen, enum kg_as as);
char *value_text_wanted(struct moment *m, const struct kg_expr_value *wanted, enum kg_as as);
/* The number of a seen integer, 64 bits. */
struct kg_word value_number(struct kg_symex *x, const struct seen *seen);
struct kg_word value_join(struct kg_symex *x, const struct kg_word *bytes, guint n, gboolean is_signed); /* n <= 8, extended to 64 bits */

/* ---- results */
struct kg_obligation_result *result_of(struct judge *j, const struct kg_contract_clause *clause, const struct kg_obligation *obligation);
struct kg_obligation_result *result_of_built_in(struct judge *j, enum kg_obligation_kind kind, const char *what);
void result_unknown(struct kg_obligation_result *r, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void result_at(struct kg_obligation_result *r, const struct kg_loc *loc); /* where it is fulfilled; the first place counts */
gboolean result_is_open(const struct judge *j, const struct kg_obligation_result *r); /* not yet refuted as often as is asked for */

/* ---- counter.c */
struct kg_map_entry *replay_entry_copy(const struct kg_map_entry *entry);
struct siblings;
/* What a refutation says. */
struct refutation {
	struct moment *moments[MAX_EVENTS]; /* the events in order; the last one is where it shows */
	const struct kg_path *paths[MAX_EVENTS]; /* of each, the path that was taken */
	guint n;
	const struct siblings *siblings; /* of each event all programs that ran on it, in their order, the above among them; or NULL: only these */
	const struct seen_all *seen;    /* of the last */
	const struct seen *shown;       /* NULL: nothing fits */
	const GPtrArray *shown_keys;    /* struct seen *, instead of the value: what it is grouped by; or NULL */
	gboolean is_added;              /* the value is what was added: what the map held before does not matter */
	const char *shown_text;         /* instead of the value, or NULL */
	gboolean result;                /* what is shown is the program's result */
	const struct kg_expr_value *wanted; /* or NULL */
	const char *wanted_text;
	enum kg_as as;
	struct kg_word condition;       /* what is asked of the state, for its facts */
	gboolean tells_path;            /* what the program decided on belongs to the facts */
	const char *why;                /* in words; borrowed */
	const char *mend;
	struct kg_loc loc;
};
/*
 * Ask for a model of [refutation]'s condition, replay it and add it to [r]. What does not replay, or is not found again, makes the obligation unknown
 * and says so: having come here an obligation is never left as proved.
 */
void refute(struct judge *j, struct kg_obligation_result *r, const struct refutation *refutation);

/* Its parts, for who replays by himself (diff.c): make the last model telling; put objects at places of their own; write it down. */
void counter_wish(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads);
void counter_spread(struct kg_symex *x, const struct kg_path *path);
/* ---- fact.c */
#define WHEN_BEGAN "what elapsed held before" /* the input that bpftrace keeps the beginning of tracing in */
struct kg_counterexample *counter_write(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads);
gboolean fact_is_element(const struct kg_input *input, guint *ret_nth); /* a byte of a field that is an array of bytes */
gboolean fact_tells_time(const struct refutation *ref, const GPtrArray *inputs); /* of several events: when they happen matters */
gboolean fact_shows_others(const struct refutation *ref); /* nothing fits: what is shown instead is listed */
gboolean fact_is_text(const struct kg_read *read);
gboolean fact_is_covered(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads, const struct kg_read *read); /* by another that says it all */
gboolean fact_tells_text(const struct refutation *ref, const GPtrArray *reads, struct kg_word address); /* one of the reads is the text there */
struct kg_word fact_text_address(struct kg_symex *x, const struct kg_event *event, const struct kg_input *input); /* of a hidden one */
gboolean fact_is_hidden(const struct kg_input *input);                  /* a number that says nothing to people: where a text is */

/* ---- path.c */
/* One run of the interpreter, and the world that it began in: maps go from run to run. */
struct replayed {
	struct kg_world *world;
	guint event, program; /* event of the counterexample; program of the object */
	struct kg_run_of_bpf run;
};
GPtrArray *replayed_list(void); /* of struct replayed *, owned */
/* A copy of a program that marks its decisions. */
struct marked;
/*
 * Compile it; NULL: it can't be made, or there is nothing to mark. [object]: with each attach point apart; [number]: what the maps of [object] are called in
 * the runs that will be told, NULL: as in [object]. All borrowed.
 */
struct marked *marked_new(const struct kg_object *object, const int *number, const struct kg_bt_program *program, const struct kg_prove_opts *opts);
struct marked *marked_free(struct marked *marked);
/*
 * Run the copy in the same worlds, and write down which way it took: [is_other] into other_path. Nothing is written where the copy does not show exactly what
 * the program showed. The runs' worlds are used up.
 */
void marked_tell(struct marked *marked, const GPtrArray *runs, struct kg_counterexample *ce, gboolean is_other);
/* Tell the way of [ce] (borrowed, it has to stay) once all is judged; takes [runs]. */
void path_later(struct judge *j, struct kg_counterexample *ce, GPtrArray *runs);
void path_tell_all(struct judge *j);

/* ---- point.c, span.c, builtin.c */
/* Probes at one attach point: they run one after the other on the same event. */
struct siblings {
	guint programs[MAX_SIBLINGS], n, at;
	const struct kg_path *paths[MAX_SIBLINGS];
	struct seen_all *seen[MAX_SIBLINGS]; /* of the last event: what they show is seen together */
};
/* One clause, asked at the last of some events. */
struct asking {
	struct judge *j;
	const struct kg_contract_clause *clause;
	struct moment *m;                      /* the last event */
	struct moment *moments[MAX_EVENTS];    /* all of them; of a point: only m */
	struct siblings siblings[MAX_EVENTS];  /* what runs on each of them */
	guint n, at;                           /* how many, and which one happens */
	int begin;            /* spans: which of the events the span began with; -1: none did, and nothing may be shown */
	gboolean only_latency;/* ask about the time alone */
	const char *story;    /* spans: what happens, for messages; else NULL */
};
/* Let the events happen, from [start] on, and ask at the end of each path. */
void ask_events(struct asking *a, const struct kg_state *start);
/* What runs where [program] is attached becomes event [i]'s. FALSE: more than are followed. */
gboolean ask_siblings(struct asking *a, guint i, guint program);
/* Ask every obligation of the clause at the end of a path; [seen]: of the last event, all of it. */
void ask_path(struct asking *a, const struct kg_path *path, struct seen_all *seen);
void ask_all_unknown(struct asking *a, const char *why);
void judge_point(struct judge *j, const struct kg_contract_clause *clause);
void judge_span(struct judge *j, const struct kg_contract_clause *clause);
void judge_built_in_path(struct judge *j, struct moment *m, const struct kg_path *path, const struct seen_all *seen);
void judge_inline(struct judge *j); /* inline.c: assertions of the program itself */
void judge_built_in_begin(struct judge *j);
void judge_built_in_unknown(struct judge *j, const char *why); /* not all paths were seen */
/* 1 bit: a value of which nothing need be seen where such an aggregation is asked for. */
struct kg_word aggregate_may_skip(struct moment *m, enum kg_aggregate aggregate, struct kg_word value);
/* An aggregation that is asked for, on one path. TRUE: asked and answered. */
void judge_aggregate(struct judge *j, const struct kg_obligation *obligation, struct kg_obligation_result *r, struct moment *m,
		     const struct kg_path *path, const struct seen_all *seen, const struct kg_expr_value *wanted, struct kg_word condition,
		     const struct refutation *base);
/* Other programs at the same attach point, in the object's order, [program] among them; at most MAX_SIBLINGS (*ret_all: how many there are). */
guint programs_with(struct judge *j, guint program, guint *ret, guint *ret_all);
/* The programs of the object that one of [points] fits: their indices. */
GArray *programs_at(struct judge *j, const GPtrArray *points);
enum kg_answer before_of_path(void *user, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret); /* user: const struct kg_path * */
gboolean programs_alike(struct judge *j, guint a, guint b); /* alike.c: what is proved of one holds of the other */
void judge_cost(struct judge *j, struct kg_symex *x);
struct kg_symex *judge_executor(struct judge *j);
