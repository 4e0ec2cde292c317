/**
 * @file
 * A sandbox: a kernel of `kgent kernel list` in a small virtual machine (QEMU), in which programs are loaded, run and observed without
 * any privilege on this machine.
 *
 * The guest is the distribution's own kernel with a file system in memory: busybox, bash where the host has one, the host's bpftrace with its
 * libraries, kgent's stimuli and a guest program, which is the first process and speaks with the host over a virtio-serial port
 * (include/kgent/guest.h). There is no network but the loopback device, no disk and no file of the host.
 *
 * A kernel is booted once; then the machine's state is saved, and each further sandbox begins with a private copy of it, some
 * tenths of a second later. So all sandboxes of a kernel begin in the same state: the same process ids, the same memory; but the
 * clock is set and the random number generator gets a new seed each time, before the sandbox is handed out.
 *
 * What can be relied on:
 *  - every call comes back within the time that it was given, whatever the guest does: when it hangs, panics or is lost, that is
 *    an event (KG_SANDBOX_OVER) and from then on the error of every call, with one line that says which;
 *  - memory on the host is bounded: output that nobody fetched waits in the guest, where the command then blocks;
 *  - the machine dies with the process that opened it, also when that is killed, and leaves no file behind.
 *
 * What programs find inside:
 *   /usr/bin/bpftrace        the host's, with its libraries at their paths on the host
 *   /usr/bin/kgent-stimulus  when it was built (kg_paths_program("kgent-stimulus"))
 *   /bin/sh, /bin/...        busybox's; /bin/bash the host's
 *   /tmp                     tmpfs, a quarter of the memory; everything else is nearly full and for reading
 *   mounted                  /proc /sys /dev /dev/pts /dev/shm /run, tracefs, debugfs, securityfs, bpf, cgroup2 (all controllers
 *                            enabled for children of the root)
 *   lo                       up, with 127.0.0.1 and ::1
 *   users                    root and nobody; everything is run as root
 *   functions                available_filter_functions is a copy of the kernel's own list, taken away when a module comes or goes
 *   modules                  those of data/sandbox/modules are loaded; the others of `kgent kernel add --module` too
 */
#pragma once

#include <kgent/load.h>

/** All zero but the kernel is a good default. Pointers are borrowed for the call. */
struct kg_sandbox_opts {
	const char *kernel;      /**< a name of `kgent kernel list`, or the beginning of exactly one ("6.12") */
	const char *cache_dir;   /**< NULL: kg_paths_cache() */
	int memory_mib;          /**< of the guest; 0: 1024; at least 640 */
	int boot_timeout_ms;     /**< of a boot, until the guest program answers; 0: 120000. A saved state takes at most 20 s more, saving one at most
				      two minutes */
	int silence_timeout_ms;  /**< a guest that does not answer for so long hangs; 0: 15000 */
	gboolean no_saved_state; /**< boot, and save nothing */
	/** Told what takes long: "booting 6.1.0-56-cloud-amd64 once, to save its state". May be NULL. */
	void (*progress)(void *user, const char *what);
	void *user;
};

/** A virtual machine. For one thread at a time, and for the thread that opened it: it dies with that thread. */
struct kg_sandbox;

/**
 * Start a sandbox; returns when the guest program answers.
 * @param ret untouched on failure
 * @return 0; -KG_E_NOTFOUND: no such kernel (the hint tells how to add it); -KG_E_TOOL: QEMU, bpftrace, busybox or the guest program is
 *         missing (the hint is the line that installs it), or the machine did not start: the message has its last words;
 *         -KG_E_LIMIT: not within boot_timeout_ms; -KG_E_IO; -KG_E_INVAL
 */
int kg_sandbox_open(const struct kg_sandbox_opts *opts, struct kg_sandbox **ret, struct kg_error *err);
/** End the machine at once, with all that runs in it. NULL is allowed. @return NULL */
struct kg_sandbox *kg_sandbox_free(struct kg_sandbox *box);

const char *kg_sandbox_kernel(const struct kg_sandbox *box);  /**< the kernel's name in `kgent kernel list`; borrowed */
const char *kg_sandbox_release(const struct kg_sandbox *box); /**< "6.1.0-56-cloud-amd64", as the guest says; borrowed */
gboolean kg_sandbox_is_kvm(const struct kg_sandbox *box);     /**< or plain emulation, which is some ten times slower */
gboolean kg_sandbox_is_restored(const struct kg_sandbox *box);/**< began with a saved state */
gint64 kg_sandbox_opened_ns(const struct kg_sandbox *box);    /**< how long kg_sandbox_open() took */
pid_t kg_sandbox_pid(const struct kg_sandbox *box);           /**< QEMU's process, for measuring; 0 once it is over */

/**
 * Write a file in the guest, whole or not at all; directories on the way are made. A file of that name is replaced.
 * @param path absolute
 * @param mode permission bits, for example 0644
 * @return 0; -KG_E_IO: the guest could not write it (its file system is full, ...); -KG_E_LIMIT: more than 64 MiB; -KG_E_INVAL;
 *         -KG_E_TOOL: the machine is over
 */
int kg_sandbox_put(struct kg_sandbox *box, const char *path, const void *data, gsize len, int mode, struct kg_error *err);

/** A command for the guest. Zero-initialise; pointers are borrowed for the call. No shell is involved. */
struct kg_sandbox_command {
	const char *const *argv; /**< NULL-terminated; argv[0] with a slash is the path, otherwise it is looked for in PATH */
	const char *const *env;  /**< NULL-terminated, beside PATH, HOME=/root and TERM=dumb; the same names override; NULL: none */
	const char *dir;         /**< working directory; NULL: /root */
	int timeout_ms;          /**< then it is killed; 0: 60000; -1: none (the machine's end ends it) */
	gsize max_output_bytes;  /**< of both streams together; more ends it (KG_SANDBOX_TOO_MUCH); 0: 16 MiB */
	gboolean drops_output;   /**< more does not end it, but is thrown away and counted (ret.dropped_bytes) */
	gboolean input_is_pipe;  /**< standard input is a pipe that kg_sandbox_input() writes to; otherwise /dev/null */
};
/**
 * Start a command; returns when it was executed. Up to 64 at once.
 * Each runs in a session and a cgroup of its own; what it leaves behind when its first process ends is killed.
 * @param ret_id its number, from 1, never used twice
 * @return 0; -KG_E_NOTFOUND: no such program; -KG_E_IO: it could not be started; -KG_E_LIMIT: too many, or arguments and environment of
 *         more than 60,000 bytes; -KG_E_TOOL: the machine is over
 */
int kg_sandbox_start(struct kg_sandbox *box, const struct kg_sandbox_command *command, int *ret_id, struct kg_error *err);
/**
 * Send a signal to the command's first process (not its children).
 * @return 0, also when it has just ended; -KG_E_NOTFOUND: there was never such a command; -KG_E_TOOL: the machine is over
 */
int kg_sandbox_signal(struct kg_sandbox *box, int id, int signal, struct kg_error *err);
/** End a command and all its descendants with SIGKILL. Its exit comes as an event. Errors as of kg_sandbox_signal(). */
int kg_sandbox_kill(struct kg_sandbox *box, int id, struct kg_error *err);
/** Write to its standard input (at most 64 KiB at once), or close that ([len] 0). -KG_E_IO: it does not read, or has ended. */
int kg_sandbox_input(struct kg_sandbox *box, int id, const void *data, gsize len, struct kg_error *err);

enum kg_sandbox_event_kind {
	KG_SANDBOX_NOTHING, /**< the time is over and nothing has happened */
	KG_SANDBOX_OUTPUT,  /**< id wrote: stream, data, len, at_ns */
	KG_SANDBOX_EXIT,    /**< id ended, all its output came before: how, status, at_ns, dropped_bytes */
	KG_SANDBOX_OVER,    /**< the machine is over: end, why. Comes again at each further call */
};
/** How a command ended. */
enum kg_sandbox_exit {
	KG_SANDBOX_EXITED,        /**< by itself; status is the exit code */
	KG_SANDBOX_SIGNALED,      /**< by a signal; status is its number */
	KG_SANDBOX_TIMED_OUT,     /**< killed after its timeout_ms */
	KG_SANDBOX_TOO_MUCH,      /**< killed after its max_output_bytes */
	KG_SANDBOX_OUT_OF_MEMORY, /**< the guest's kernel killed it, or one of its children and it ended then, for want of memory */
};
const char *kg_sandbox_exit_name(enum kg_sandbox_exit how); /**< "exited", "signaled", "timed out", "too much output", "out of memory" */
/** How a machine ended. */
enum kg_sandbox_end {
	KG_SANDBOX_RUNS = 0,
	KG_SANDBOX_HUNG,     /**< it did not answer for silence_timeout_ms; it was ended then */
	KG_SANDBOX_PANICKED, /**< its kernel panicked: why has the kernel's words */
	KG_SANDBOX_STARVED,  /**< its kernel panicked because no memory was left that it could get back */
	KG_SANDBOX_DIED,     /**< QEMU ended, the guest shut down, or what came from it made no sense */
};
const char *kg_sandbox_end_name(enum kg_sandbox_end end); /**< "runs", "hung", "panicked", "out of memory", "died" */

struct kg_sandbox_event {
	enum kg_sandbox_event_kind kind;
	int id;
	int stream;         /**< 1: standard output, 2: standard error */
	const char *data;   /**< borrowed until the next call; any bytes, not NUL-terminated */
	gsize len;          /**< at most 64 KiB */
	gint64 at_ns;       /**< the guest's CLOCK_MONOTONIC when the guest program saw it */
	enum kg_sandbox_exit how;
	int status;
	guint64 dropped_bytes; /**< output that was thrown away */
	enum kg_sandbox_end end;
	const char *why;    /**< one line, made harmless for terminals; borrowed from the sandbox */
};
/**
 * The next thing that happens. Events of one command come in their order; those of several as the guest program saw them.
 * @param timeout_ms 0: only look; -1: no limit (the guest's silence is still noticed)
 * @return 0 (also for KG_SANDBOX_NOTHING and KG_SANDBOX_OVER); -KG_E_INVAL
 */
int kg_sandbox_next(struct kg_sandbox *box, int timeout_ms, struct kg_sandbox_event *ret, struct kg_error *err);

/** The whole of a short command. Zero-initialise; release with kg_sandbox_output_clear(). */
struct kg_sandbox_output {
	enum kg_sandbox_exit how;
	int status;
	GString *out; /**< with a NUL behind its end */
	GString *err;
	gint64 took_ns; /**< on the host's clock */
};
/** Start a command and wait for its end. Events of other commands are kept for kg_sandbox_next(), up to 16 MiB. Errors of start and next;
 *  -KG_E_TOOL when the machine ends meanwhile. */
int kg_sandbox_run(struct kg_sandbox *box, const struct kg_sandbox_command *command, struct kg_sandbox_output *ret, struct kg_error *err);
void kg_sandbox_output_clear(struct kg_sandbox_output *output);

/** Has the machine ended, and how? @param ret_why one line, borrowed; may be NULL; only written when it has */
enum kg_sandbox_end kg_sandbox_end(const struct kg_sandbox *box, const char **ret_why);
/** The last lines (at most 64 KiB) that the guest's kernel wrote to its console; any bytes; borrowed until the next call. */
const char *kg_sandbox_console(const struct kg_sandbox *box, gsize *ret_len);

/**
 * As kg_load(), with the verifier of the sandbox's kernel: the same code, run inside. What is asked of the machine that kgent runs on
 * (opts.tool, opts.pid) does not count there; opts.command can't be had (-KG_E_UNSUPPORTED).
 * When the machine ends over it, the outcome is "not checked", and why says how it ended.
 */
int kg_sandbox_load(struct kg_sandbox *box, const char *program, const struct kg_load_opts *opts, struct kg_load_result *ret,
		    struct kg_error *err);

/** Can sandboxes be had at all on this machine: QEMU, the guest program, bpftrace, busybox? The error is that of kg_sandbox_open(). */
int kg_sandbox_possible(struct kg_error *err);
