/* One run of bpftrace under supervision: it loads, we pretend to attach. */
#pragma once

#include <kgent/child.h>
#include <kgent/load.h>

/* What was seen. */
struct supervised {
	int n_probes;        /* what bpftrace says it attaches; -1: it never said */
	GArray *programs;    /* uint32_t: ids of the programs that it went on to attach, each once */
	gboolean is_waiting; /* it came to wait for events: all but END was loaded */
	gboolean is_over_time;
	gboolean is_too_much;/* wrote more than can be kept */
	char *unknown;       /* it did something that cannot be pretended, so nothing can be said; or NULL */
	char *refused;       /* something it wanted and did not get, which may be why it failed; or NULL */
	int wstatus;         /* how it ended, when it did so by itself */
	gboolean has_ended;
	GString *out;
	GString *messages;
	char *log;           /* the verifier's log of the first refused program, if it could be had; else NULL */
};

/*
 * Run bpftrace with [call] on the program text in [program_fd] until everything is loaded, it fails, or the time is over. It is gone afterwards.
 * With [wants_log] it ends with the first log of a refused program.
 * 0; -KG_E_UNSUPPORTED: no filter can be had; -KG_E_TOOL, -KG_E_IO.
 */
int supervise(const struct kg_bpftrace_call *call, int program_fd, gboolean wants_log, int timeout_ms, gsize max_output,
	      struct supervised *ret, struct kg_error *err);
void supervised_clear(struct supervised *s);
