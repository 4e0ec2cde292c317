/**
 * @file
 * What works on this machine, and the exact line that mends what does not.
 *
 * Looks at everything that kgent needs: the kernel's facts (a profile), the kinds of attach points, privileges as capabilities,
 * bpftrace, kgent's own data and cache, and model servers on this machine. Mounts nothing, loads nothing that stays, sends nothing
 * over a network (model servers are looked for, and asked for their models, on the loopback address only), and never shows a key.
 */
#pragma once

#include <kgent/profile.h>

enum kg_doctor_state {
	KG_DOCTOR_OK,      /**< works */
	KG_DOCTOR_LIMITED, /**< works in part: cost says what is lost */
	KG_DOCTOR_MISSING, /**< does not work: cost says what can't be done */
	KG_DOCTOR_NOTE,    /**< a fact that is neither good nor bad */
};
const char *kg_doctor_state_name(enum kg_doctor_state state); /**< "ok", "limited", "missing", "note"; static */

/** One finding. Texts are one line each and owned. */
struct kg_doctor_line {
	const char *section; /**< "kernel", "attach points", "privileges", "tools", "kgent", "models"; static */
	char *name;          /**< "BTF", "kprobe", "bpftrace", ... */
	enum kg_doctor_state state;
	gboolean is_vital;   /**< without it no program can be run at all */
	char *text;          /**< what was found */
	char *cost;          /**< what can't be done because of it, or NULL */
	char *mend;          /**< a command line, or the one thing to do; NULL where nothing can be done or nothing needs to */
};

/** A list of `struct kg_doctor_line *` in the order in which they are shown. */
struct kg_doctor {
	GPtrArray *lines;
};

/** All zero looks at this machine. */
struct kg_doctor_opts {
	struct kg_profile_opts profile;
	const char *ports; /**< where model servers are looked for on 127.0.0.1: "11434,8080", "none"; NULL: as configured */
};

/**
 * Examine the machine. Takes about a second the first time (the profile is made) and some tens of milliseconds after.
 * @return 0 (what is broken is a finding, not an error), or what kg_profile_open() returns
 */
int kg_doctor_run(const struct kg_doctor_opts *opts, struct kg_doctor **ret, struct kg_error *err);
struct kg_doctor *kg_doctor_free(struct kg_doctor *doctor);
/** Can the main job be done, a sentence to a running program? TRUE if no vital line is missing. */
gboolean kg_doctor_can_work(const struct kg_doctor *doctor);
/** Add a finding of one's own; texts are copied, cost and mend may be NULL. The line is borrowed. */
struct kg_doctor_line *kg_doctor_add(struct kg_doctor *doctor, const char *section, const char *name, enum kg_doctor_state state,
				     const char *text, const char *cost, const char *mend);
