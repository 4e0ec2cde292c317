/**
 * @file
 * The kinds of attach points: the one list of their names, aliases and shapes.
 */
#pragma once

#include <glib.h>

enum kg_probe_kind {
	KG_PROBE_NONE = 0,
	KG_PROBE_BEGIN,
	KG_PROBE_END,
	KG_PROBE_KPROBE,        /**< kprobe:[module:]function[+offset] */
	KG_PROBE_KRETPROBE,     /**< kretprobe:[module:]function */
	KG_PROBE_FENTRY,        /**< fentry (kfunc):[module:]function */
	KG_PROBE_FEXIT,         /**< fexit (kretfunc):[module:]function */
	KG_PROBE_TRACEPOINT,    /**< tracepoint:system:name */
	KG_PROBE_RAWTRACEPOINT, /**< rawtracepoint:[module:]name */
	KG_PROBE_UPROBE,        /**< uprobe:binary:function[+offset] */
	KG_PROBE_URETPROBE,
	KG_PROBE_USDT,          /**< usdt:binary:[provider:]name */
	KG_PROBE_PROFILE,       /**< profile:unit:n */
	KG_PROBE_INTERVAL,      /**< interval:unit:n */
	KG_PROBE_SOFTWARE,      /**< software:event[:n] */
	KG_PROBE_HARDWARE,      /**< hardware:event[:n] */
	KG_PROBE_WATCHPOINT,
	KG_PROBE_ASYNCWATCHPOINT,
	KG_PROBE_ITER,          /**< iter:type[:pin] */
	KG_PROBE_SELF,          /**< self:signal:SIGUSR1 (newer bpftrace) */
	KG_PROBE_TEST,          /**< test:name (newer bpftrace) */
	KG_PROBE_BENCH,         /**< bench:name (newer bpftrace) */
	KG_PROBE_KINDS
};

struct kg_probe_info {
	const char *name;      /**< the name that every bpftrace version understands where there is one: "kprobe", "kfunc" */
	const char *modern;    /**< the newer name: "fentry"; same as name where there is none */
	const char *alias;     /**< the short alias: "k", "f", "t", ... or NULL */
	int parts;             /**< how many colon-separated parts at least, without the kind's own name */
	gboolean is_kernel_function;
	gboolean is_user;      /**< names a binary of user space */
	gboolean is_timer;
	const char *plain;     /**< in plain words: "kernel function entry" */
};

/** Facts of one kind. Static; never NULL for a kind in range. */
const struct kg_probe_info *kg_probe_info(enum kg_probe_kind kind);
/** Any of the names or aliases ("kprobe", "k", "kfunc", "fentry", "f", "tracepoint", "t", ...), or KG_PROBE_NONE. Source: bpftrace docs 0.17 to 0.23. */
enum kg_probe_kind kg_probe_kind_parse(const char *name, gssize len);
