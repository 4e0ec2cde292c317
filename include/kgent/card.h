/**
 * @file
 * Event cards: what a person knows of an event of the kernel, as data (data/events/\*.yaml; the format is documented,
 * with examples, in docs/cards.md).
 *
 * A card says how people name the event, where it can be observed (in order of preference), what holds there, and which
 * fields it has, with their meaning and unit. The understanding of sentences and the composing of programs are driven
 * by cards alone: a new event needs no C.
 */
#pragma once

#include <kgent/error.h>
#include <kgent/profile.h>

/** What a field's value means to a person. The one list of units: names are those used in cards. */
enum kg_unit {
	KG_UNIT_NONE,    /**< "number": a plain number */
	KG_UNIT_BYTES,   /**< "bytes" */
	KG_UNIT_PAGES,   /**< "pages" of the machine's page size */
	KG_UNIT_SECTORS, /**< "sectors" of 512 bytes */
	KG_UNIT_NS,      /**< "ns": a span of time in nanoseconds */
	KG_UNIT_US,      /**< "us" */
	KG_UNIT_MS,      /**< "ms" */
	KG_UNIT_PORT,    /**< "port": a port, the expression is already in host byte order */
	KG_UNIT_IP,      /**< "ip": the expression is an ntop() */
	KG_UNIT_STRING,  /**< "string": the expression is a string (str(), a char array, comm, ...) */
	KG_UNIT_PATH,    /**< "path": a string that names a file */
	KG_UNIT_ERRNO,   /**< "errno": a positive error number */
	KG_UNIT_SYSCALL, /**< "syscall": a system call number */
	KG_UNIT_SIGNAL,  /**< "signal": a signal number */
	KG_UNIT_PID,     /**< "pid": a process (thread group) id */
	KG_UNIT_TID,     /**< "tid": a thread id (what the kernel itself calls pid) */
	KG_UNIT_UID,     /**< "uid" */
	KG_UNIT_GID,     /**< "gid" */
	KG_UNIT_CPU,     /**< "cpu" */
	KG_UNIT_DEV,     /**< "dev": a dev_t as the kernel keeps it (major << 20 | minor) */
	KG_UNIT_STACK,   /**< "stack": kstack or ustack */
	KG_UNIT_SYMBOL,  /**< "symbol": ksym() or usym() of a code address */
	KG_UNIT_FLAGS,   /**< "flags": shown in hexadecimal */
	KG_UNIT_ADDRESS, /**< "address": a pointer; shown only when asked for by name */
	KG_UNIT_CGROUP,  /**< "cgroup": a cgroup id */
	KG_UNIT_BOOL,    /**< "bool" */
	KG_UNIT_HZ,      /**< "khz": a frequency in kHz */
	KG_UNIT_PERCENT, /**< "percent" */
	KG_UNITS
};
const char *kg_unit_name(enum kg_unit unit);
/** KG_UNITS when there is none of that name. */
enum kg_unit kg_unit_parse(const char *name);
gint64 kg_unit_ns(enum kg_unit unit); /**< nanoseconds in one of it: 1000 of us; 1 of what is no time */
gboolean kg_unit_is_number(enum kg_unit unit); /**< can it be summed, averaged, put in a histogram, compared by size? */
gboolean kg_unit_is_text(enum kg_unit unit);   /**< string or path */

/** One name for one value of a field: {1, "ESTABLISHED"}. */
struct kg_value_name {
	int64_t value;
	char *name;   /**< as shown: "SYN_SENT" */
	GPtrArray *says; /**< char *: how people say it; may be empty */
	GPtrArray *events; /**< char *: how people name the *event* with this value: "disk write" is a block I/O request whose
				operation is a write. May be empty */
};

/** A field of an event, apart from where it is read. */
struct kg_card_field {
	char *name;       /**< "dport"; letters, digits, _; names the column, in capitals */
	enum kg_unit unit;
	GPtrArray *says;  /**< char *: "destination port", "remote port", ... */
	char *about;      /**< one line, or NULL */
	GPtrArray *values;/**< struct kg_value_name *; may be empty */
	gboolean is_measure; /**< the field that sums and histograms mean when the sentence names none ("bytes" of a read) */
	gboolean is_shown;   /**< shown when the sentence says "print" and names no field */
};

/** One way to compute a field; [when] tells the cases apart (IPv4, IPv6). */
struct kg_card_case {
	char *when; /**< bpftrace expression, or NULL: always */
	char *expr; /**< bpftrace expression */
};

/** How a field is read at a site. */
struct kg_card_expr {
	char *field;      /**< name of a kg_card_field of the same card */
	GPtrArray *cases; /**< struct kg_card_case *, at least one; disjoint, in order */
	char *valid;      /**< bpftrace expression: the value means something only where it holds; or NULL */
	gboolean is_late; /**< at a site where a span begins, with one case that is `str(POINTER)`: the thread still has that memory
			     when the span ends, and by then it is surely in memory (at the beginning it may not be, and
			     str() is empty then). A program that shows the value at the end does better to keep POINTER at
			     the beginning and to call str() on it at the end. */
};

/** A name for a value used in the expressions of a site: `$sk = (struct sock *)arg0`. */
struct kg_card_let {
	char *name; /**< without the $ */
	char *expr;
};

/** A set of attach points at which the same expressions hold. */
struct kg_card_site {
	GPtrArray *at;     /**< char *: full attach points "tracepoint:syscalls:sys_enter_open"; after resolution against a
				profile only those that exist */
	GPtrArray *optional; /**< char *: members of at that may be missing */
	GPtrArray *lets;   /**< struct kg_card_let *, in order */
	char *when;        /**< bpftrace expression that must hold for the event to have happened; or NULL */
	char *ok;          /**< bpftrace expression: the operation succeeded, known here (in a span, at its end): what a filter
				`error == 0` means; NULL: it can't fail, or it can't be told */
	char *key;         /**< of a span: what links begin and end here, one expression or several with commas between
				("args->dev, args->sector"), as in map[key]; NULL for single sites */
	GPtrArray *exprs;  /**< struct kg_card_expr * */
};

/** In whose context the event runs: is the current task the one that caused it? */
enum kg_card_context {
	KG_CONTEXT_TASK, /**< yes: pid, tid, comm, uid, stacks are the causing thread's */
	KG_CONTEXT_NONE, /**< no (interrupt, softirq, completion): the card's own fields only */
};

/**
 * One way to observe the event.
 *
 * A point in time: [begins] is empty, and the event is every visit of any of [sites] where the site's `when` holds.
 *
 * A span: the event begins at a visit of any of [begins] and ends at the next visit of any of [sites] with the same key. A
 * visit counts only if the site's `when` holds; else it is as if it had not been (what is kept stays kept). All of [begins]
 * keep what they know under the value of their `key` in **one** map (the latest beginning of a key counts); each of [sites] looks
 * its own `key` up there, shows nothing where there is none, and deletes it; so an end without its begin is never counted,
 * not even where only the number of events is asked for (nested calls would count twice). Several sites serve two
 * purposes: attach points at which the same field is read differently (openat's `filename`, creat's `pathname`), and
 * events that can begin or end in several ways (a thread becomes runnable when it is woken, and when it is preempted).
 */
struct kg_card_way {
	GPtrArray *begins;          /**< struct kg_card_site *; empty where the event is a point in time. Each has a key */
	GPtrArray *sites;           /**< struct kg_card_site *, at least one: the event, or its end. In a span each has a key */
	enum kg_card_context context; /**< the card's, unless this way differs. In a span: that of its end */
	gboolean is_same_task;      /**< begin and end run in the same thread, so that pid, comm, ... are the same at both */
	char *binary;               /**< for user probes: the file that was found; NULL otherwise. Set by resolution */
	GPtrArray *binaries;        /**< char *: candidates (glob patterns), in order; at's "$binary" stands for the one that exists */
	char *note;                 /**< what this way misses or costs, for the user; or NULL */
};

enum kg_card_heat { KG_HEAT_LOW, KG_HEAT_MEDIUM, KG_HEAT_HIGH };

/** How the event can be made to happen in known numbers (kgent-stimulus), and what is then true of it. Values are those of trials: "$open.count". */
struct kg_card_stimulus {
	char *name;      /**< "open" */
	char *options;   /**< "--count 5", words as for a shell; NULL: its defaults */
	char *count;     /**< how many events it makes under its name: "$open.count" */
	GPtrArray *fields; /**< char *: names of fields whose value is known, ... */
	GPtrArray *values; /**< char *: ... and those values, beside fields */
	char *each;      /**< a list of the truth with a member for each event, which values call $each: "connections"; or NULL */
	char *least_ns;  /**< each of them takes at least so long; or NULL */
	gboolean fails;  /**< the operation fails each time */
};

struct kg_card {
	char *name;      /**< "tcp-connect" */
	char *title;     /**< "TCP connection attempt" */
	char *plural;    /**< "TCP connection attempts" */
	char *about;     /**< one line */
	char *area;      /**< "network", "memory", ... */
	GPtrArray *says; /**< char *: how people name the event; words match by stem, order kept */
	GPtrArray *says_done; /**< char *: names that speak only of those that succeeded. An event named so is one whose site's `ok`
				holds, unless the sentence itself asks for failures or attempts. Not members of says; may be empty */
	enum kg_card_context context; /**< of its ways, unless one says otherwise: ask the way */
	enum kg_card_heat heat; /**< how often it happens on a busy machine: above 10,000 a second is high, below 100 low */
	gboolean is_sample;     /**< the event is a sample taken by a timer, not a thing that happened */
	char *duration;         /**< name of the field that is its duration where one way gives it directly, or NULL */
	GPtrArray *fields; /**< struct kg_card_field * */
	GPtrArray *ways;   /**< struct kg_card_way *, in order of preference */
	GPtrArray *stimuli; /**< struct kg_card_stimulus *: how to make it happen; may be empty */
	char *file;        /**< where it was read from */
};

struct kg_cards;
/**
 * Read all cards of the directories (a later one's card of the same name replaces an earlier one's).
 * @param dirs NULL-terminated
 * @return 0, or -KG_E_PARSE with file and line
 */
int kg_cards_open(const char *const *dirs, struct kg_cards **ret, struct kg_error *err);
struct kg_cards *kg_cards_free(struct kg_cards *cards);
guint kg_cards_n(const struct kg_cards *cards);
const struct kg_card *kg_cards_at(const struct kg_cards *cards, guint i);
const struct kg_card *kg_cards_find(const struct kg_cards *cards, const char *name);
const struct kg_card_field *kg_card_field(const struct kg_card *card, const char *name);
/** The field's expression at a site, or NULL where it can't be read there. */
const struct kg_card_expr *kg_card_site_expr(const struct kg_card_site *site, const char *field);
/** Has each of [sites] (struct kg_card_site *) a value for the field? An expression join(...) prints by itself, and is none. FALSE for no sites. */
gboolean kg_card_sites_have(const GPtrArray *sites, const char *field);
/** Where a way can read a field. */
enum kg_card_where {
	KG_WHERE_NOWHERE, /**< not at all, or at some of the sites only: it can't be asked for in this way */
	KG_WHERE_BEGIN,   /**< where the span begins, at each of `begins`: keep it for the end */
	KG_WHERE_END,     /**< at each of `sites` (this one where both could) */
};
/** Fields of kg_card_site_expr() only: what every program knows (pid, comm, cpu ...) is not meant. */
enum kg_card_where kg_card_way_where(const struct kg_card_way *way, const char *field);

struct kg_card *kg_card_free(struct kg_card *card);
struct kg_card_way *kg_card_way_free(struct kg_card_way *way);
/**
 * A copy of the first of the card's ways, from the [from]th on, that the profile's kernel has: all attach points exist and can be
 * used, and every `args->FIELD` that an expression reads at a tracepoint is one of its fields. Optional attach points that
 * do not exist are left out (a site that loses all of them, too), $binary is replaced.
 * @param ret_index which one it was; may be NULL
 * @return 0; -KG_E_NOTFOUND: none, the message says for each way why not
 */
int kg_card_resolve(const struct kg_card *card, struct kg_profile *p, guint from, struct kg_card_way **ret,
		    guint *ret_index, struct kg_error *err);
