/**
 * @file
 * A child process that cannot get away: it dies with kgent, its output is bounded, its time is limited.
 *
 * What all children have: standard input is /dev/null, a process group of its own, no core dump, SIGKILL when kgent dies
 * (PR_SET_PDEATHSIG: when the thread ends that started it), default signal dispositions, no descriptors but the ones named here.
 */
#pragma once

#include <kgent/bpftrace_tool.h>
#include <linux/filter.h>
#include <sys/types.h>

struct kg_child_opts {
	const char *const *argv; /**< NULL-terminated; argv[0] is the path that is executed */
	const char *const *env;  /**< NULL-terminated, all of it */
	const int *fds;          /**< the child gets these as descriptors 3, 4, ... */
	guint n_fds;
	gboolean user_namespace; /**< as "root" of a user namespace of its own, without any privilege on the system */
	/** Runs in the child just before exec, to set up filters. Returns 0 or an errno value. May be NULL. It must do without memory allocation
	    and locks where kgent has threads. */
	int (*prepare)(void *user);
	void *user;
	/** A seccomp filter that is installed last, or NULL. Made with seccomp_export_bpf(3). */
	const struct sock_fprog *filter;
	/** The filter has rules that notify: kg_child.notify becomes their listener. The execve that starts the child's program is let through. */
	gboolean filter_notifies;
};

/** A running child. Initialise with KG_CHILD_INIT; end with kg_child_end(). */
struct kg_child {
	pid_t pid; /**< 0 when there is none */
	int out;   /**< its standard output, non-blocking; -1 when closed */
	int err;   /**< its standard error, non-blocking; -1 when closed */
	int notify; /**< seccomp listener (seccomp_unotify(2)), or -1 */
	gboolean is_reaped;
	int wstatus; /**< as of waitpid(2), once it is reaped */
	/** Answers one notification of its filter while kg_child_collect() waits; set it once the child is started. May be NULL. */
	void (*on_notify)(struct kg_child *c, void *user);
	void *notify_user;
};
#define KG_CHILD_INIT { .pid = 0, .out = -1, .err = -1, .notify = -1 }

/** Which step failed before the child's program could start. */
enum kg_child_step { KG_CHILD_STARTED, KG_CHILD_NO_NAMESPACE, KG_CHILD_NO_PREPARE, KG_CHILD_NO_FILTER, KG_CHILD_NO_EXEC, KG_CHILD_NO_SETUP };

/**
 * Start a child; returns when its program has been executed or could not be.
 * @param ret_step which step failed, when that matters to the caller; may be NULL
 * @return 0; -KG_E_TOOL: it could not be executed; -KG_E_UNSUPPORTED: no user namespace, no filter, or prepare() failed; -KG_E_IO
 */
int kg_child_start(const struct kg_child_opts *opts, struct kg_child *ret, enum kg_child_step *ret_step, struct kg_error *err);
/** Has it ended? Waits for at most [timeout_ms] (0: only looks). Then is_reaped and wstatus are set. */
gboolean kg_child_wait(struct kg_child *c, int timeout_ms);
/** Kill it and its process group if it still runs, reap it, close its pipes. Any number of times; takes one that was never started. */
void kg_child_end(struct kg_child *c);

/** How kg_child_collect() came to its end. */
enum kg_child_end { KG_CHILD_EXITED, KG_CHILD_TIMED_OUT, KG_CHILD_TOO_MUCH };
/**
 * Read all of its output until it ends. Output beyond [max] bytes each: standard error is cut, standard output ends the child.
 * The child is over in any case.
 */
enum kg_child_end kg_child_collect(struct kg_child *c, int timeout_ms, gsize max, GString *out, GString *err_text);
/** Append what can be read from *fd now, at most [max] bytes in the buffer (the rest is thrown away); closes it and sets -1 at its end. */
void kg_child_drain(int *fd, gsize max, GString *buf);

/** A memory file with this content, sealed against change, close-on-exec; or -1 with errno. */
int kg_child_memfd(const char *name, const void *data, gsize len);

/**
 * A libseccomp filter as the program that the kernel takes, for kg_child_opts.filter.
 * @param ctx a scmp_filter_ctx; stays the caller's
 * @return owned (kg_child_filter_free()), or NULL with an errno value in [ret_errno]
 */
struct sock_fprog *kg_child_filter_export(void *ctx, int *ret_errno);
struct sock_fprog *kg_child_filter_free(struct sock_fprog *prog);

/** How bpftrace is to be called. */
struct kg_bpftrace_call {
	const struct kg_bpftrace *tool;
	const struct kg_bpftrace_limits *limits; /**< may be NULL */
	const char *const *options;              /**< NULL-terminated options before the file; may be NULL */
	const char *const *args;                 /**< positional parameters; may be NULL */
	const char *const *env;                  /**< further "NAME=VALUE" for its environment; NULL-terminated; may be NULL */
	const char *command;                     /**< -c; keeps the caller's whole environment; may be NULL */
	gboolean allow_unsafe;
	int pid;
};
/**
 * A command as bpftrace's -c takes it: an absolute path and words separated by spaces.
 * @param command words as for a shell
 * @param ret owned
 * @return 0; -KG_E_INVAL: it can't be read; -KG_E_NOTFOUND: no such program; -KG_E_UNSUPPORTED: a word has a space in it, which 0.17 can't pass on
 */
int kg_bpftrace_command(const char *command, char **ret, struct kg_error *err);
/**
 * What compiling, loading and running a program all begin with: the tool, the command as bpftrace takes it, the program as a file.
 * Not to be copied. Release with kg_bpftrace_input_clear().
 */
struct kg_bpftrace_input {
	const struct kg_bpftrace *tool; /**< the caller's, or [found] */
	struct kg_bpftrace found;       /**< zero where the caller had a tool */
	char *command;                  /**< as of kg_bpftrace_command(); NULL: none. Owned */
	int program;                    /**< memory file with the program, to become the child's descriptor 3 */
};
/**
 * @param tool the caller's, which must outlive [ret]; NULL: kg_bpftrace_find()
 * @param command words as for a shell; NULL: none
 * @param ret on failure there is nothing to release
 * @return 0; errors of kg_bpftrace_command() and kg_bpftrace_find(); -KG_E_IO: no memory file could be made
 */
int kg_bpftrace_input_open(const char *program, const struct kg_bpftrace *tool, const char *command, struct kg_bpftrace_input *ret,
			   struct kg_error *err);
void kg_bpftrace_input_clear(struct kg_bpftrace_input *in);
/** Its argument vector (g_strfreev()); the program is read from descriptor 3, which is KG_BPFTRACE_FILE to it. */
char **kg_bpftrace_argv(const struct kg_bpftrace_call *call);
/** Its environment (g_strfreev()): no BPFTRACE_* but those of the limits. */
char **kg_bpftrace_env(const struct kg_bpftrace_call *call);
#define KG_BPFTRACE_FILE "/dev/fd/3"
/** Why it ended when it should not have: "was killed by SIGSEGV", "ended with exit code 1". Owned. */
char *kg_child_status_text(int wstatus);
