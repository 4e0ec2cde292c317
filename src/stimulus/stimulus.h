/*
 * kgent-stimulus: makes events of the kernel in exactly known numbers and sizes, and prints what it made, as one JSON object: the truth
 * that a program under trial is held against.
 *
 *	kgent-stimulus open --count 3
 *	{"stimulus":"open","done":true,"comm":"kgstim","pid":4711,...,"open":{"count":3,"path":"/tmp/kgstim.a1/file"},...}
 *
 * Three processes take part:
 *
 *	main     reads the command line, prepares what is needed, waits, prints. Its name is kgent-stimulus.
 *	actor    a child that makes the events. It has the asked-for name (--comm) only in a *window*: the last thing before the
 *	         events is the prctl() that gives it that name, the first thing after them the prctl() that takes it away. So what is
 *	         prepared is never counted under that name. Of the two prctl() calls one return and one entry lie in the window:
 *	         one call more by whichever end system calls are counted ("syscalls" includes it).
 *	janitor  holds a list of what has to be cleaned up, and does it when main has ended, however that came (see janitor.c)
 *
 * System calls in a window are made with syscall(2), never through wrappers of libc, which may use another one (open() is openat,
 * fork() is clone) or add some of their own.
 *
 * A truth is printed only if everything happened as asked for. What can't be done here ends with STIM_CANNOT and the reason.
 * The program is static and needs no file but itself: it runs in an initramfs that has nothing else.
 */
#pragma once

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

/* Exit codes; documented in docs/stimuli.md. After a signal it is 128 + its number, as in a shell. */
enum stim_outcome {
	STIM_DONE = 0,   /* everything happened as asked for: the JSON object is the truth */
	STIM_FAILED = 1, /* something went otherwise than asked for: no truth, "why" says what */
	STIM_USAGE = 2,  /* the command line makes no sense */
	STIM_CANNOT = 3, /* this kernel, machine or user can't do that: "why" */
};

/* An option of a stimulus. Numbers take the suffixes K, M, G (powers of 1024). */
struct stim_option {
	const char *name;     /* without dashes; NULL ends a list */
	const char *value;    /* what its argument is called: "N", "BYTES", "MS", "NAME" */
	const char *fallback; /* its value where it is not given */
	const char *help;
	long long min, max;   /* of numbers; max 0: it is a text */
	const char *choices;  /* of texts: "4 6 both"; NULL: any */
};

struct stim;

/* One kind of events. */
struct stimulus {
	const char *name;  /* NULL ends a list */
	const char *help;
	void (*run)(struct stim *s);
	const struct stim_option *options;
	const char *tells; /* the truth's own members, besides those that all have: "open.count open.path"; N stands for 0, 1, 2, ... */
	const char *needs; /* what not every machine has, for people; or NULL */
};

/* The one list: a theme is a file, and has a table. */
struct stim_theme {
	const char *name;
	const struct stimulus *stimuli;
};
extern const struct stim_theme stim_themes[]; /* ends with a NULL name */

struct stim_fact {
	char name[56]; /* "connect.dport", "connections.0.sport" */
	bool is_text;
	long long number;
	char text[256];
};

#define STIM_MAX_FACTS 1200
#define STIM_MAX_LISTED 64 /* of what there can be many of (pids of children), so many are told one by one */

/* One run. In memory that all its processes share. */
struct stim {
	const struct stimulus *what;
	char comm[16], dir[200], tmp[256], self[256];
	int cpu;              /* -1: any */
	long uid;             /* -1: as it is */
	int timeout_s;
	const char *values[16]; /* as given on the command line, beside what->options */
	pid_t main, actor;
	volatile int outcome; /* enum stim_outcome */
	char why[400];
	struct stim_fact facts[STIM_MAX_FACTS];
	int n_facts;
	struct rusage begin, end;
	struct timespec t_begin, t_end;
	volatile long shared[32]; /* for what processes of one stimulus have to tell each other */
	pid_t ids[STIM_MAX_LISTED]; /* of children or threads, as the actor saw them */
};

/* ---- options */
long long stim_number(const struct stim *s, const char *option);
const char *stim_text(const struct stim *s, const char *option);
bool stim_is(const struct stim *s, const char *option, const char *value);

/* ---- truth */
void stim_tell(struct stim *s, const char *name, long long number);
void stim_tell_text(struct stim *s, const char *name, const char *text);
/* "children.3.pid": the [i]th of a list; beyond STIM_MAX_LISTED nothing is told. */
void stim_tell_at(struct stim *s, const char *list, long i, const char *member, long long number);
void stim_tell_text_at(struct stim *s, const char *list, long i, const char *member, const char *text);
/* Print everything as one JSON object. */
void stim_print(const struct stim *s);
/* Append a JSON string, with its quotes. What is not ASCII is escaped byte by byte as Latin-1: names are ours and ASCII. */
void stim_print_text(const char *text);

/* ---- acting */
/* Make the events in the actor, and wait for it. [fn] calls stim_begin() and stim_end() around them. Any number of times in a run. */
void stim_act(struct stim *s, void (*fn)(struct stim *s, void *data), void *data);
void stim_begin(struct stim *s);
void stim_end(struct stim *s);
/* Run a program in a child (not as the actor) and wait; its exit status. Its output goes nowhere. -1: it can't be executed. */
int stim_run_program(struct stim *s, const char *const *argv);
/* Wait for a child of this process with the run's time limit; signals to main end the run. */
int stim_wait(struct stim *s, pid_t pid);
/* A child that shares nothing and runs no code of libc at its start. */
pid_t stim_bare_fork(struct stim *s);

/* ---- ends. Each can be called by any process of a run; they do not return. */
_Noreturn void stim_fail(struct stim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void stim_cannot(struct stim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void stim_finish(struct stim *s);
/* The call must succeed; what this machine does not have or allow is STIM_CANNOT. Returns [ret]. */
long stim_must(struct stim *s, long ret, const char *what);
/* The call must fail in this way: a truth about failures is none if they did not happen. */
void stim_must_fail(struct stim *s, long ret, int error, const char *what);
void *stim_memory(struct stim *s, size_t size);

/* ---- files */
/* A path in a directory of this run's own, which is removed at its end. Valid until the third call after this one. */
const char *stim_path(struct stim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A new file of that size, filled, written to disk where it has one; returns its descriptor, for reading and writing. */
int stim_file(struct stim *s, const char *path, long long bytes);
int stim_write_text(const char *path, const char *text);       /* 0 or -1 with errno */
long stim_read_text(const char *path, char *text, size_t size); /* its length, or -1 */

/* ---- clean-up, done by the janitor in reverse order when the run is over (janitor.c) */
enum stim_clean {
	STIM_CLEAN_TREE,   /* remove a directory of ours with all that is in it */
	STIM_CLEAN_RMDIR,  /* remove a directory (a control group), which may take some tries */
	STIM_CLEAN_LOOP,   /* detach a loop device */
	STIM_CLEAN_SWAP,   /* swapoff */
	STIM_CLEAN_MD,     /* stop an md array */
	STIM_CLEAN_MODULE, /* unload a module */
	STIM_CLEAN_SEM,    /* remove a System V semaphore set, by its id */
};
void stim_janitor_start(struct stim *s);
void stim_janitor_end(void);
void stim_later(struct stim *s, enum stim_clean kind, const char *what);

/* ---- devices (device.c) */
/* Attach [file] to a free loop device; returns its descriptor, its path in [path] (32 bytes). It is detached by the janitor. */
int stim_loop(struct stim *s, const char *file, char *path);
/*
 * Something of that size whose pages can leave memory and have to be read again, open for reading; its path in [path] (512 bytes). A file of
 * our own where it lies on a disk; where it lies in memory, a loop device over it.
 */
int stim_disk(struct stim *s, const char *name, long long bytes, char *path);
/* As the kernel keeps device numbers, and as its tracepoints show them: major << 20 | minor. */
long long stim_kernel_dev(int fd);
/* A control group of ours with this controller; its path in [path] (300 bytes). Removed by the janitor. */
void stim_cgroup(struct stim *s, const char *controller, char *path);
bool stim_cgroup_is_v2(const char *path);
/* A mount namespace of our own, in which nothing that is mounted is seen by others; it ends with us. */
void stim_private_mounts(struct stim *s);

extern const struct stimulus stim_syscalls[], stim_files[], stim_memory_events[], stim_processes[], stim_signals[], stim_times[], stim_locks[],
	stim_ipc[], stim_tcp[], stim_udp[], stim_namespaces[], stim_security[], stim_reclaim[], stim_block[], stim_filesystems[], stim_kernel[],
	stim_user[];
