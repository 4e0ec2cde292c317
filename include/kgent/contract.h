/**
 * @file
 * Contracts: what any right program for a request must do, in terms of the kernel's state and of what a user gets to see.
 *
 * A contract is YAML (or JSON, of the same schema; docs/contracts.md has all of it, with the formula that each obligation stands for).
 * It is made from the request and the event cards, never from a program. Reading it yields a tree of plain structs; who judges a program
 * walks over the obligations and asks the evaluator (kgent/expr.h) for the meaning of their expressions.
 *
 *   contract      one or more ways; a program has to fulfil the first whose attach points it has
 *   - way         one or more clauses, all of which must hold
 *     - clause    one event (a point in time, or a span from a beginning to an end) and what holds of it
 *       - obligation
 */
#pragma once

#include <kgent/expr.h>

/** What can be asked of a program. The one list is kg_obligation_info(). */
enum kg_obligation_kind {
	KG_OBLIGATION_ON,        /**< attached where the event happens: one for each entry of `on` and for each end of a span */
	KG_OBLIGATION_SHOW,      /**< value is observed */
	KG_OBLIGATION_BY,        /**< observations are grouped by exactly the keys */
	KG_OBLIGATION_AGGREGATE, /**< each event adds exactly the value (count: 1) to one aggregation, once */
	KG_OBLIGATION_ONLY_IF,   /**< something is observed if and only if the condition holds */
	KG_OBLIGATION_LATENCY,   /**< the time of the span is observed, in its unit */
	KG_OBLIGATION_TOP,       /**< of an aggregation only so many of the largest entries are ever shown */
	KG_OBLIGATION_EXIT,      /**< the program ends by itself after a time, and not before */
	KG_OBLIGATION_EVERY,     /**< shown at each interval, and cleared where asked */
	KG_OBLIGATION_ORDER,     /**< of the values of `show` that are shown in the same way (`as`), an earlier one is observed before a later one */
	KG_OBLIGATION_RETURN,    /**< the program's result (C programs: XDP_DROP, ...) */
	KG_OBLIGATION_ASSERT,    /**< an inline assertion of a program; never in a contract */
	/* built in: asked of every program unless `allow` says why not */
	KG_OBLIGATION_BYTE_ORDER,/**< a value of type __be16 or __be32 is never shown as a number unless it was converted */
	KG_OBLIGATION_ADDRESS,   /**< an address is never shown as a value */
	KG_OBLIGATION_ERROR,     /**< an error return is never counted as bytes */
	KG_OBLIGATION_USER_MEMORY,/**< user memory is read with the user helpers */
	KG_OBLIGATION_RECORD,    /**< every byte of a record that reaches user space was written by the program */
	KG_OBLIGATIONS
};
struct kg_obligation_info {
	const char *name;     /**< as in contracts and verdicts: "show", "only if", "byte order" */
	gboolean is_built_in;
	const char *plain;    /**< "is shown"; completes "that NAME ..." */
};
const struct kg_obligation_info *kg_obligation_info(enum kg_obligation_kind kind);
/** KG_OBLIGATIONS where there is none of that name. */
enum kg_obligation_kind kg_obligation_parse(const char *name);

/** How events are put together. The names are bpftrace's. */
enum kg_aggregate {
	KG_AGGREGATE_NONE, /**< each event by itself ("print") */
	KG_AGGREGATE_COUNT, KG_AGGREGATE_SUM, KG_AGGREGATE_AVG, KG_AGGREGATE_MIN, KG_AGGREGATE_MAX, KG_AGGREGATE_STATS, KG_AGGREGATE_HIST,
	KG_AGGREGATE_LHIST,
	KG_AGGREGATES
};
const char *kg_aggregate_name(enum kg_aggregate aggregate); /**< "print", "count", ... */

/** A value that a user sees. */
struct kg_contract_value {
	char *what;                  /**< in words: "destination port"; the expression's text where the contract gives none */
	struct kg_contract_expr expr;
	enum kg_as as;
	struct kg_contract_expr when;/**< node NULL: always */
};

struct kg_obligation {
	enum kg_obligation_kind kind;
	char *what;                /**< in words, for verdicts: "destination port", "count by comm", "only if retval < 0". Not empty */
	struct kg_loc loc;         /**< in the contract */
	GPtrArray *points;         /**< ON: struct kg_contract_point *, one of which must be attached (a wildcard: all that fit it); else NULL */
	struct kg_contract_value value; /**< SHOW, RETURN, AGGREGATE (expr.node NULL: count); LATENCY: only as, its unit */
	GPtrArray *keys;           /**< BY: struct kg_contract_value *, in the order written; may be empty ("by: []": not grouped); else NULL */
	struct kg_contract_expr condition; /**< ONLY_IF */
	enum kg_aggregate aggregate;       /**< AGGREGATE, LATENCY */
	int64_t lhist_min, lhist_max, lhist_step; /**< where aggregate is LHIST; in the unit that is shown */
	int64_t top;               /**< TOP */
	uint64_t interval_ns;      /**< EVERY; EXIT: the time */
	enum kg_answer clear;      /**< EVERY: cleared each time? KG_UNKNOWN: the contract does not say */
};

/** One place where a span begins, or ends. */
struct kg_contract_end {
	GPtrArray *points;   /**< struct kg_contract_point *, one of which must be attached: the same place, seen in several ways */
	GPtrArray *key;      /**< struct kg_contract_expr *: what links begin and end, evaluated here; as many at each end */
	GPtrArray *assumes;  /**< struct kg_contract_expr *: of this end */
	struct kg_contract_expr condition; /**< `only if` of this end: a visit where it does not hold is none. node NULL: every visit counts */
	struct kg_loc loc;
};
/**
 * A span: an event that begins at a visit of one of [from] and ends at the next visit of one of [to] with the same key. The latest
 * beginning of a key counts; an end without a beginning is no event; a beginning is used up by its end.
 */
struct kg_contract_span {
	GPtrArray *from, *to;  /**< struct kg_contract_end *, at least one each; all of them must be attached */
	GPtrArray *keep;       /**< struct kg_contract_name *: values of the beginning, which expressions at the end may name. May be empty */
	gboolean is_same_task; /**< both ends run in the same thread: pid, comm, uid, ... are the same at both (said, or the key is tid) */
	struct kg_loc loc;
};

struct kg_contract_clause {
	char *title;            /**< `for` of the clause, or NULL */
	GPtrArray *on;          /**< GPtrArray * of struct kg_contract_point *: all entries must be attached, of each entry one. Empty for spans */
	struct kg_contract_span *span; /**< NULL: a point in time. The other fields are then about the span's end */
	GPtrArray *names;       /**< struct kg_contract_name *: `where` of the contract, and then of the clause */
	GPtrArray *assumes;     /**< struct kg_contract_expr *: hold at the event (at a span's end) */
	GPtrArray *obligations; /**< struct kg_obligation *; in the order of their kinds (ON first), those of a kind as in the file */
	struct kg_loc loc;
};

/** One of the alternatives: clauses that must all hold. */
struct kg_contract_way {
	char *title;          /**< or NULL */
	GPtrArray *clauses;   /**< struct kg_contract_clause *, at least one */
	struct kg_loc loc;
};

/** A built-in obligation that is waived on purpose. */
struct kg_contract_waiver {
	enum kg_obligation_kind kind;
	char *reason;
	struct kg_loc loc;
};

struct kg_contract {
	char *title;          /**< `for`; "" where there is none */
	GPtrArray *ways;      /**< struct kg_contract_way *, at least one */
	GPtrArray *waivers;   /**< struct kg_contract_waiver * */
	GPtrArray *left;      /**< char *: what the request also says and no obligation asks for; may be empty */
	char *record;         /**< C type of the records that reach user space ("struct event"), or NULL */
	struct kg_macros *macros; /**< owned; hand it to the evaluator */
};

/** Largest contract in bytes that kg_contract_read() takes. */
#define KG_CONTRACT_MAX_BYTES (1u << 20)

/**
 * Read a contract, YAML or JSON. All mistakes of schema and syntax are found, not only the first; names are not looked up
 * (kg_contract_check() does).
 *
 * @param text   need not end with a NUL; not kept
 * @param diags  what is wrong, with places; check "contract"
 * @param ret    the caller's; only set on success
 * @return 0; -KG_E_PARSE: at least one error in [diags]; -KG_E_LIMIT: too large, said in [diags] as well
 */
int kg_contract_read(const char *text, gsize len, GPtrArray *diags, struct kg_contract **ret);
struct kg_contract *kg_contract_free(struct kg_contract *contract);

/** The contract as JSON of the schema that kg_contract_read() reads; reading it gives an equal contract. Owned text with a final newline. */
char *kg_contract_json(const struct kg_contract *contract);
/** The same as YAML, as a person would write it. Owned. */
char *kg_contract_yaml(const struct kg_contract *contract);

/**
 * Hold a contract against a kernel: attach points exist, arguments, fields, enumerators and types exist and fit what is asked of them, at each
 * attach point. With a profile that lacks a source, what can't be told is a note.
 *
 * A way whose attach points this kernel does not have is a warning where another way is left, else an error; likewise for a member of `any`.
 *
 * @param profile  NULL: only what needs no kernel
 * @return 0; -KG_E_INVAL: at least one error in [diags]
 */
int kg_contract_check(const struct kg_contract *contract, struct kg_profile *profile, GPtrArray *diags);

/** Does an attach point of a program ("kprobe:tcp_connect", kind and target apart) fulfil [point]? kprobe:mod:f is kprobe:f, aliases are equal; of
 * points that bpftrace joined ("vfs_read,kprobe:vfs_write") one is enough. */
gboolean kg_contract_point_fits(const struct kg_contract_point *point, enum kg_probe_kind kind, const char *target);
/** The points of this kernel that a wildcard stands for, or a copy of the point alone. Owned array of struct kg_contract_point *. */
GPtrArray *kg_contract_point_expand(const struct kg_contract_point *point, struct kg_profile *profile);
struct kg_contract_point *kg_contract_point_free(struct kg_contract_point *point);
/**
 * The way that a program with these attach points is to be judged by: the first for which all of its points are there; else the one that
 * misses the fewest entries (the first of these). Never NULL. Borrowed.
 *
 * @param points  struct kg_contract_point * of the program (kind, target and type are looked at)
 */
const struct kg_contract_way *kg_contract_way_for(const struct kg_contract *contract, const GPtrArray *points);
/** An attach point from its text: "kprobe:tcp_connect", "xdp", "tracepoint:sched:*". NULL with -KG_E_PARSE where it is none. The caller's. */
int kg_contract_point_parse(const char *text, struct kg_contract_point **ret, struct kg_error *err);
/** The environment's parts that a contract gives: names, macros. The rest is the caller's. */
void kg_contract_env(const struct kg_contract *contract, const struct kg_contract_clause *clause, struct kg_expr_env *env);
