/*
 * Shapes: what kind of value an expression of a bpftrace program is, and how bpftrace lays it out in records and keys.
 *
 * Our tree has no types; this walk finds the few that matter here. What it can't tell is SHAPE_UNKNOWN, and what would be decoded by it is unknown too.
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/contract.h>

enum shape_kind {
	SHAPE_UNKNOWN,
	SHAPE_INT,      /* 8 bytes */
	SHAPE_TEXT,     /* size bytes, up to a NUL */
	SHAPE_INET,     /* ntop(): u64 address family, 16 bytes */
	SHAPE_KSYM, SHAPE_USYM, SHAPE_KSTACK, SHAPE_USTACK,
	SHAPE_BUF,      /* a length byte and size - 1 bytes */
	SHAPE_MAC,      /* 6 bytes */
	SHAPE_BYTES,    /* memory as it is: an IPv6 address of a C program */
	SHAPE_TOKEN,    /* probe, username, strftime(), cgroup_path(): an id that user space makes a text of */
	SHAPE_TUPLE,
};
struct shape {
	enum shape_kind kind;
	guint size;              /* bytes in records and keys */
	guint align;
	const char *ctype;       /* of a pointer or struct: C type, for what is read through it; or NULL. Static or the profile's */
	enum kg_aggregate aggregate; /* of a map */
	const struct kg_bt_node *tuple; /* SHAPE_TUPLE: its elements; aggregate maps: the call that adds */
};

struct shapes;
/* [profile] may be NULL. [strlen] is bpftrace's limit for texts, bytes. */
struct shapes *shapes_new(const struct kg_bt_program *program, struct kg_profile *profile, guint strlen_bytes);
struct shapes *shapes_free(struct shapes *s);
/* Of an expression within [probe]. */
struct shape shapes_of(struct shapes *s, const struct kg_bt_probe *probe, const struct kg_bt_node *expr);
/* Of a map: of its value. SHAPE_UNKNOWN where nothing assigns it. */
struct shape shapes_of_map(struct shapes *s, const char *name);
/* The MAP node that first writes this map (its keys), or NULL. */
const struct kg_bt_node *shapes_map_node(struct shapes *s, const char *name);
/* Is it only a note between probes: entries are deleted, or it is cleared at the end without being printed? */
gboolean shapes_is_scratch(struct shapes *s, const char *name);
