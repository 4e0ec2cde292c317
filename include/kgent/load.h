/**
 * @file
 * Load: does the running kernel's verifier accept this program? Nothing is attached, so nothing of it runs.
 *
 * bpftrace 0.17 has no dry run that loads. So bpftrace is run as ever, but under a seccomp filter that hands the system
 * calls which attach a program to kgent (seccomp_unotify(2)). Loading programs and creating maps goes to the kernel;
 * attaching gets a harmless file descriptor in return, so that bpftrace goes on to the next program:
 *
 *   passes    bpf(PROG_LOAD, MAP_*, BTF_*, ...), perf_event_open of bpftrace's own output channel
 *   pretended perf_event_open of anything else, ioctl(PERF_EVENT_IOC_*) on such descriptors, bpf(LINK_CREATE,
 *             RAW_TRACEPOINT_OPEN, PROG_ATTACH), bpf(PROG_TEST_RUN) (this is how bpftrace runs BEGIN and END)
 *   refused   new processes, execve, kill of others, ptrace, writing files
 *
 * A program counts as loaded when bpftrace tries to attach it and the kernel knows the descriptor that it does this with as
 * that of a loaded program. When bpftrace waits for events, all but END are loaded; it is then interrupted so that it loads END too.
 * bpftrace's own feature tests (programs of two instructions that do nothing) go to the kernel.
 */
#pragma once

#include <kgent/bpftrace_tool.h>

/** All zero is a good default. */
struct kg_load_opts {
	const struct kg_bpftrace *tool;          /**< NULL: kg_bpftrace_find() */
	const struct kg_bpftrace_limits *limits; /**< NULL: bpftrace's defaults */
	const char *const *args;                 /**< positional parameters; NULL-terminated; NULL: none */
	gboolean allow_unsafe;                   /**< bpftrace --unsafe; such calls are still not executed */
	int pid;                                 /**< bpftrace -p; 0: none */
	const char *command;                     /**< bpftrace -c, as of kg_run_opts; it is not executed here; NULL: none */
	int timeout_ms;                          /**< for all of it; 0: 20000 */
	int min_probes;                          /**< attach points that the program names: fewer (bpftrace 0.17 drops a kprobe wildcard that
						      matches nothing without a word) is refused; 0: not known */
};

enum kg_load_outcome {
	KG_LOAD_ACCEPTED,    /**< the kernel's verifier accepted every program of it */
	KG_LOAD_REFUSED,     /**< it refused one: finding says which and why; or bpftrace itself refused: why and diags */
	KG_LOAD_NOT_CHECKED, /**< it could not be found out: why, and mend where there is a way */
};

/** What a verifier log comes down to. Strings are owned, single lines, made harmless for terminals. */
struct kg_verifier_finding {
	char *reason;      /**< "R1 invalid mem access 'scalar'"; NULL when the log tells none */
	char *insn;        /**< the refused instruction as the log shows it: "12: (79) r1 = *(u64 *)(r0 +0)"; or NULL */
	int insn_index;    /**< its number, or -1 */
	char *source;      /**< source line that the log names for it ("; ... @ file.c:3"), or NULL (bpftrace 0.17 gives none) */
	char *state;       /**< register state just before it, or NULL */
	char *tail;        /**< the last lines of the log, at most 8, joined by newlines */
	char *explanation; /**< the reason in plain words with what can be done about it, where it is a known one; or NULL */
};
/**
 * Cut a verifier log to the refused instruction and the cause. Both formats: registers before each instruction (before 5.18)
 * and behind it (`; R1=...`), with and without BTF source lines. Any bytes are taken; memory is bounded by the input.
 * @return TRUE when a reason was found; [ret] is filled either way, release it
 */
gboolean kg_verifier_log_parse(const char *log, gsize len, struct kg_verifier_finding *ret);
void kg_verifier_finding_clear(struct kg_verifier_finding *f);

/** Zero-initialise; release with kg_load_result_clear(). */
struct kg_load_result {
	enum kg_load_outcome outcome;
	int n_probes;   /**< how many bpftrace set out to attach ("Attaching N probes"), after wildcards; -1: never said */
	int n_loaded;   /**< programs that the kernel accepted */
	char *probe;    /**< the refused one as bpftrace names it: "tracepoint:syscalls:sys_enter_openat"; or NULL */
	char *why;      /**< one line; NULL when accepted */
	char *mend;     /**< a command line that makes the check possible, or NULL; in "sudo kgent ..." the dots are the user's own words */
	struct kg_verifier_finding finding; /**< when the verifier refused it */
	GPtrArray *diags; /**< struct kg_diag *: what bpftrace said; never NULL on success */
	gint64 took_ns;
};

/**
 * Load all programs of [program] into the running kernel, attach none, and unload them.
 *
 * Needs root (bpftrace 0.17 insists), the capabilities to load BPF, and seccomp with user notification (Linux 5.9 for handing over
 * descriptors); without them the outcome is "not checked".
 * @param opts may be NULL
 * @return 0 with an outcome; errors of kg_bpftrace_command(); -KG_E_TOOL: no bpftrace; -KG_E_IO: no process or pipe could be made
 */
int kg_load(const char *program, const struct kg_load_opts *opts, struct kg_load_result *ret, struct kg_error *err);
void kg_load_result_clear(struct kg_load_result *res);
const char *kg_load_outcome_name(enum kg_load_outcome outcome); /**< "passed", "failed", "not checked" */

/**
 * Can this process load BPF programs by way of bpftrace?
 * @param ret_why one line, owned; only written when not
 * @param ret_mend the exact line that mends it, owned, or NULL; only written when not
 */
gboolean kg_load_possible(char **ret_why, char **ret_mend);

/** Is tracefs mounted where bpftrace looks for it (/sys/kernel/tracing or /sys/kernel/debug/tracing)? */
gboolean kg_tracefs_is_mounted(void);
/**
 * Mount tracefs at /sys/kernel/tracing for this process and its children only: in a private mount namespace, which ends with
 * them. Nothing changes for the rest of the system. Call early and once, before there are threads; tell the user.
 * No effect when it is mounted already.
 * @return 1 mounted, 0 was mounted already; -KG_E_PERM not privileged; -KG_E_UNSUPPORTED the kernel has no tracefs; -KG_E_IO
 */
int kg_tracefs_private_mount(struct kg_error *err);
