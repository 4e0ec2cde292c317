/**
 * @file
 * Run: bpftrace as a child, its output as a stream of events.
 *
 * bpftrace runs with `-f json`. Its JSON is not always JSON (read from 0.17's output): a byte above 0x7f is written as
 * `\uffffffc3`, a strftime() in a map is written without quotes, and two rows of one map can have the same key (two addresses with the same
 * symbol). The reader here takes all that and keeps every row and every byte. Other lines are events of type "text".
 */
#pragma once

#include <kgent/bpftrace_tool.h>
#include <kgent/card.h>
#include <signal.h>
#include <stdio.h>

enum kg_run_event_type {
	KG_RUN_ATTACHED, /**< everything is attached: observing begins now. number: how many probes */
	KG_RUN_PRINTF,   /**< text: what a printf() printed; may be part of a line, or several */
	KG_RUN_TIME,     /**< text: what time() printed */
	KG_RUN_CAT,      /**< text: what cat() printed */
	KG_RUN_JOIN,     /**< text: what join() printed */
	KG_RUN_SYSTEM,   /**< text: what a system() command printed */
	KG_RUN_VALUE,    /**< rows: one row without key, what print() of a value printed */
	KG_RUN_MAP,      /**< name, rows: a map of numbers, texts or tuples */
	KG_RUN_HIST,     /**< name, rows: hist() or lhist(): each row has buckets */
	KG_RUN_STATS,    /**< name, rows: stats() (count, average, total) or avg() (a number) */
	KG_RUN_LOST,     /**< number: events that bpftrace lost since the last time */
	KG_RUN_TEXT,     /**< text: a line that is none of the above */
	KG_RUN_ERROR,    /**< text: an error or warning of bpftrace, one line */
	KG_RUN_TRUNCATED,/**< number: bytes of output that were thrown away because they came faster than they could be shown or a line was
			      too long */
};
const char *kg_run_event_type_name(enum kg_run_event_type type); /**< as in JSON: "map", "hist", ... Static */

/** A text that may hold any bytes: text[len] is NUL, but others may be, too. */
struct kg_run_text {
	char *text;
	gsize len;
};

/** One bucket of a histogram: values from min to max, both included. */
struct kg_run_bucket {
	gboolean has_min; /**< FALSE: everything up to max */
	gboolean has_max; /**< FALSE: everything from min */
	gint64 min;
	gint64 max;
	guint64 count;
};

enum kg_run_value_type { KG_RUN_V_INT, KG_RUN_V_UINT, KG_RUN_V_TEXT, KG_RUN_V_STATS, KG_RUN_V_BUCKETS, KG_RUN_V_TUPLE };

/** A value of a map. */
struct kg_run_value {
	enum kg_run_value_type type;
	gint64 i;                /**< INT */
	guint64 u;               /**< UINT: only where it does not fit INT */
	struct kg_run_text text; /**< TEXT: bytes; TUPLE: as bpftrace writes it: "(1, ab, (2, 3))" */
	gint64 count, average, total; /**< STATS */
	GArray *buckets;         /**< BUCKETS: struct kg_run_bucket, in order */
};

/** One row of a map. */
struct kg_run_row {
	gboolean has_key;       /**< FALSE: a map without keys */
	struct kg_run_text key; /**< the keys as bpftrace writes them, joined by ","; see kg_run_split_key() */
	struct kg_run_value value;
};

/** Borrowed by the callback for the length of the call. */
struct kg_run_event {
	enum kg_run_event_type type;
	char *name;              /**< of a map: "@x"; else NULL */
	struct kg_run_text text;
	gint64 number;
	GArray *rows;            /**< struct kg_run_row; NULL where there are none */
	gboolean is_final;       /**< a map as it is printed by bpftrace itself at its end: the final values */
};

/**
 * Read one line of `bpftrace -f json`, without its newline. Never fails: what is not understood is an event of type TEXT.
 * @return TRUE and an event in [ret] (release with kg_run_event_clear()); FALSE for an empty line
 */
gboolean kg_run_parse_line(const char *line, gsize len, struct kg_run_event *ret);
void kg_run_event_clear(struct kg_run_event *ev);

/** What a key looks like to bpftrace, as far as it helps to tell keys apart. */
enum kg_run_key { KG_RUN_KEY_TEXT, KG_RUN_KEY_NUMBER, KG_RUN_KEY_STACK };
/**
 * Split the keys of a row. bpftrace joins them by "," and texts may hold commas themselves; where numbers, stacks and texts tell the parts
 * apart in exactly one way, that one is taken.
 * @param n how many keys the map has
 * @param kinds n of them
 * @return n owned texts (an array of `struct kg_run_text *`, g_ptr_array_unref()), or NULL where there is no way or more than one:
 *         then the key must be shown whole
 */
GPtrArray *kg_run_split_key(const struct kg_run_text *key, guint n, const enum kg_run_key *kinds);

/** What a status line shows; given about once a second while the program runs. */
struct kg_run_status {
	gint64 elapsed_ns; /**< since it was attached */
	gint64 left_ns;    /**< -1 when there is no limit */
	guint64 n_events;  /**< printf()s and the like, and rows of maps, delivered so far */
	guint64 n_lost;    /**< events that bpftrace lost */
	gboolean is_attached;
	gboolean is_stopping; /**< it was told to stop; the final maps are awaited */
};

/** Called for each event, in order; a return value other than 0 stops the program in order (as Ctrl-C does). */
typedef int (*kg_run_event_fn)(const struct kg_run_event *ev, void *user);
typedef void (*kg_run_status_fn)(const struct kg_run_status *st, void *user);

/** All zero is a good default. */
struct kg_run_opts {
	const struct kg_bpftrace *tool;          /**< NULL: kg_bpftrace_find() */
	const struct kg_bpftrace_limits *limits; /**< NULL: bpftrace's defaults */
	const char *const *args;                 /**< positional parameters; NULL-terminated; NULL: none */
	gint64 for_ns;             /**< observe for this long, counted from when everything is attached; 0: until stopped or it ends */
	int pid;                   /**< bpftrace -p; 0: none */
	const char *command;       /**< bpftrace -c: run this and stop when it ends; it gets the caller's environment. Words as for a
					shell, but none may hold a space (bpftrace 0.17). Its output is events of type TEXT and
					ERROR; NULL: none */
	gboolean allow_unsafe;     /**< pass --unsafe. Without it (and without command) a seccomp filter also refuses every execve */
	kg_run_status_fn status;   /**< may be NULL; gets the same user pointer as the event callback */
	const volatile sig_atomic_t *stop; /**< set to non-zero (by a signal handler) to stop in order; set to 2 or more to stop at once. NULL: none */
	int stop_fd;               /**< readable means stop; 0 or less: none */
	int attach_timeout_ms;     /**< until everything is attached; 0: 60000 */
	int stop_timeout_ms;       /**< from the request to stop to the last map; 0: 10000 */
	guint64 max_rate_bytes;    /**< output above this many bytes a second is thrown away and counted; 0: 32 MiB */
	gsize max_line_bytes;      /**< a line longer than that is cut and counted; 0: 16 MiB */
};

enum kg_run_end {
	KG_RUN_ENDED,      /**< the program ended by itself: exit(), or the command of -c ended */
	KG_RUN_TIME_UP,    /**< for_ns was over */
	KG_RUN_STOPPED,    /**< the user or the callback asked for it */
	KG_RUN_FAILED,     /**< bpftrace refused, failed to attach, crashed or was killed: why */
};

/** Zero-initialise; release with kg_run_result_clear(). */
struct kg_run_result {
	enum kg_run_end end;
	char *why;           /**< one line when it failed, or when it had to be killed at its end (final maps may be missing); else NULL */
	char *mend;          /**< what to do about it, or NULL */
	gboolean was_attached;
	gboolean is_complete;/**< it ended in order: what was seen is all there was, except for lost and thrown away */
	gint64 observed_ns;  /**< from attached to stop */
	int n_probes;        /**< as bpftrace says; -1 unknown */
	guint64 n_events;    /**< printf()s and the like that were delivered */
	guint64 n_rows;      /**< rows of maps that were delivered and hold more than nothing (0, an empty histogram) */
	guint64 n_lost;      /**< events that bpftrace lost */
	guint64 n_thrown_bytes; /**< output thrown away by kgent */
	guint n_full_maps;   /**< maps that had as many entries as they can: further keys were not counted. Each is named in diags */
	int exit_status;     /**< of bpftrace; -1 when a signal ended it */
	int term_signal;     /**< 0 when none */
	GPtrArray *diags;    /**< struct kg_diag *: bpftrace's errors and warnings; never NULL on success */
};

/**
 * Run [program] and deliver what it shows. Blocks until bpftrace has ended; it never outlives kgent.
 *
 * "Attached" is when bpftrace waits for its first event, not when it says that it is attaching. To stop, bpftrace gets SIGINT and
 * prints its maps; after stop_timeout_ms SIGTERM, then SIGKILL. bpftrace is in a process group of its own, so that Ctrl-C on a terminal
 * reaches the caller only.
 * @param fn may be NULL
 * @return 0 with a result, also when the run failed; -KG_E_INVAL, -KG_E_NOTFOUND, -KG_E_UNSUPPORTED:
 *         the command can't be passed on; -KG_E_TOOL: no bpftrace; -KG_E_IO: no process or pipe could be made
 */
int kg_run(const char *program, const struct kg_run_opts *opts, kg_run_event_fn fn, void *user, struct kg_run_result *ret,
	   struct kg_error *err);
void kg_run_result_clear(struct kg_run_result *res);
const char *kg_run_end_name(enum kg_run_end end); /**< "ended", "time up", "stopped", "failed" */

/** A column of a table, as whoever wrote the program knows it. */
struct kg_run_column {
	char *title;            /**< "process", "latency"; NULL: a generic one ("key", "value"); owned */
	enum kg_unit unit;      /**< how values are written; KG_UNIT_NONE: as they are */
	const GPtrArray *names; /**< struct kg_value_name *: names for values; borrowed (from a card); may be NULL */
	enum kg_unit shown_in;  /**< a time is written in this unit ("in milliseconds"); KG_UNIT_NONE: in the one that fits */
	gboolean is_text;       /**< for bpftrace the value is a text (comm, str(), ntop(), a stack), not an integer */
};

/** How one map, or the printed lines, of a program are shown. Made by kg_run_columns_new(). */
struct kg_run_columns {
	char *map;              /**< "@x"; NULL: of printed lines; owned */
	char *title;            /**< above the table; NULL: none; owned */
	guint n_keys;
	struct kg_run_column *keys; /**< n_keys of them, zero at first; of printed lines: the fields */
	struct kg_run_column value; /**< of a histogram: its buckets' unit and name; not used for printed lines */
	guint top;              /**< at most so many rows, those of the largest values; 0: all */
	gboolean is_smallest_first;
	gboolean is_hidden;     /**< working storage of the program: not shown */
	gboolean is_final_hidden; /**< what bpftrace prints of it at its end is not shown: a rate of a second that was cut short is none */
};
/**
 * @param map "@x", or NULL: each printf() prints one line that holds n_keys fields separated by tabs ("%d\t%s\n"). Then they are shown as a
 *            table with its header first, each field by its unit; a line with another number of fields is shown as it is
 */
struct kg_run_columns *kg_run_columns_new(const char *map, guint n_keys);
struct kg_run_columns *kg_run_columns_free(struct kg_run_columns *columns);
