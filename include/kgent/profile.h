/**
 * @file
 * A profile: all facts of one kernel. Everything downstream asks a profile, never the live system.
 *
 * On disk a profile is a directory (`kg_profile_save`, copyable between machines):
 *
 *   meta.json     release, architecture, when and how made, each source with its state, kernel config facts, features
 *   btf           raw BTF of vmlinux; btf.<module> the split BTF of modules
 *   formats       the text of every tracepoint's format file, one after the other, each behind a "@ system:name" line
 *   functions     attachable functions, one a line: name, and [module] where it has one
 *   untraceable   text symbols that are not among them, in the same form
 *   ambiguous     names that several functions share
 *   nokprobe      functions that kprobes may not touch
 *   config        the lines CONFIG_X=... of the kernel's configuration
 *
 * and any of these but meta.json may be absent; then the source says so (kg_profile_sources()).
 * tools/make-profile makes one of a kernel that does not run here.
 *
 * The running kernel's profile is cached below $XDG_CACHE_HOME/kgent/profiles and remade when the kernel, its modules or what this
 * user may see changed. A cache that is missing, damaged or somebody else's is never an error. Root with another user's home
 * uses /var/cache/kgent.
 *
 * A profile is for one thread at a time: questions parse and index what they need when they are asked first.
 */
#pragma once

#include <kgent/error.h>
#include <kgent/probe.h>
#include <stdint.h>

struct kg_profile;

struct kg_profile_opts {
	const char *dir;       /**< open this profile directory instead of the running kernel; NULL for the running one */
	const char *cache_dir; /**< where caches go; NULL: $XDG_CACHE_HOME/kgent or ~/.cache/kgent; "" for no cache */
	const char *tracefs;   /**< NULL: wherever it is mounted */
	gboolean refresh;      /**< make anew even if the cache is good */
	const char *const *same; /**< of the running kernel: further profiles that may be of it, NULL-terminated, or NULL. What this user can't see is taken
				    from the first that has it; it must be of the same build and written by root or this user */
};

/** Open a profile. A missing source is not an error; it is reported by kg_profile_sources(). */
int kg_profile_open(const struct kg_profile_opts *opts, struct kg_profile **ret, struct kg_error *err);
struct kg_profile *kg_profile_free(struct kg_profile *p);
/** Write [p] as a profile directory that kg_profile_open() with opts.dir opens. */
int kg_profile_save(struct kg_profile *p, const char *dir, struct kg_error *err);

/**
 * Leave the running kernel's profile for all users of this machine, below kg_paths_shared(): an ordinary user's profile of the same kernel takes from
 * it what only root can see (formats of tracepoints, the list of traceable functions). No addresses are in it.
 * @param ret_dir where it is; owned; may be NULL
 * @return 0; -KG_E_PERM: this user does not see it, or nobody would believe the directory; -KG_E_IO
 */
int kg_profile_share(struct kg_profile *p, char **ret_dir, struct kg_error *err);

const char *kg_profile_release(const struct kg_profile *p); /**< "6.18.44" ... borrowed */
const char *kg_profile_arch(const struct kg_profile *p);    /**< "x86_64"; borrowed */
gboolean kg_profile_is_running(const struct kg_profile *p);

enum kg_source_state { KG_SOURCE_OK, KG_SOURCE_PARTIAL, KG_SOURCE_MISSING };

/** Where facts came from, and what a missing source costs. */
struct kg_source {
	const char *name;  /**< "btf", "modules", "tracepoints", "functions", "config", ... */
	enum kg_source_state state;
	unsigned n;        /**< how many things it gave */
	char *why;         /**< why partial or missing, or NULL */
	char *cost;        /**< what can't be told without it, or NULL */
	char *mend;        /**< the exact line that mends it, or NULL */
};
/** Array of `struct kg_source *`, borrowed. */
const GPtrArray *kg_profile_sources(const struct kg_profile *p);
/** The source of this name, borrowed, or NULL where there is none. */
const struct kg_source *kg_profile_source(const struct kg_profile *p, const char *name);

/**
 * KG_UNKNOWN is not KG_NO: a source is missing or a privilege to find out. An ordinary user gets it for everything that only root can
 * see; a kernel without a readable list of traceable functions gives it for every function.
 */
enum kg_answer { KG_NO = 0, KG_YES = 1, KG_UNKNOWN = 2 };
/** A kernel configuration symbol without CONFIG_: "KPROBES". KG_UNKNOWN where no configuration could be read. */
enum kg_answer kg_profile_config(const struct kg_profile *p, const char *symbol);
/** Can attach points of this kind be used at all on this kernel? [why] (may be NULL) gets a borrowed reason when not. */
enum kg_answer kg_profile_kind_usable(struct kg_profile *p, enum kg_probe_kind kind, const char **why);

/** A named, typed value: a tracepoint's field, a function's argument, a struct's member. Strings are borrowed. */
struct kg_field {
	const char *name;
	const char *type;     /**< as in C, typedefs kept: "struct sock *", "__be16", "char[16]" */
	uint32_t offset_bits; /**< from the start of the record or struct */
	uint32_t size;        /**< bytes; 0 where unknown */
	uint32_t array_len;   /**< 0: not an array */
	unsigned bits;        /**< width of a bit field, else 0 */
	gboolean is_signed;
	gboolean is_pointer;
	gboolean is_string;   /**< char array, or dynamic (__data_loc) char array */
	gboolean is_dynamic;  /**< __data_loc */
	gboolean is_big_endian; /**< typedef name says so: __be16, __be32, __be64 */
};

/** One attach point, as the profile knows it. */
struct kg_point {
	enum kg_probe_kind kind;
	char *target;           /**< without the kind: "tcp_connect", "sock:inet_sock_set_state"; owned */
	char *module;           /**< or NULL; owned */
	enum kg_answer usable;
	char *why;              /**< why not, or why unknown; NULL when usable; owned */
};
struct kg_point *kg_point_free(struct kg_point *pt);

/**
 * Look an attach point up. [target] is what stands behind the kind and its colon.
 * @return 0 and an owned point (also for one that exists but can't be used: see usable and why);
 *         -KG_E_NOTFOUND with a "did you mean" hint.
 */
int kg_profile_find(struct kg_profile *p, enum kg_probe_kind kind, const char *target, struct kg_point **ret,
		    struct kg_error *err);
/** Names of kind's targets that match a pattern with `*` (an owned array of owned strings, sorted), at most max (0: all). */
GPtrArray *kg_profile_match(struct kg_profile *p, enum kg_probe_kind kind, const char *pattern, guint max);
/** The targets nearest to a wrong name, best first, at most max; owned array of owned strings; may be empty. */
GPtrArray *kg_profile_nearest(struct kg_profile *p, enum kg_probe_kind kind, const char *target, guint max);
/**
 * Arguments or fields of an attach point: tracepoint fields (without the common_ ones), arguments of a kernel function
 * (kprobe, fentry: in order; fexit: arguments and then "retval"; kretprobe: "retval" only).
 * @return array of `struct kg_field *`, borrowed, or NULL where they can't be told.
 */
const GPtrArray *kg_profile_fields(struct kg_profile *p, enum kg_probe_kind kind, const char *target);

/** The nearest of [names] (char *) to [word] for "did you mean", or NULL if none is near. Damerau-Levenshtein. Borrowed. */
const char *kg_nearest(const char *word, const GPtrArray *names);

/** A hit of a search in words. */
struct kg_hit {
	enum kg_probe_kind kind;
	char *target; /**< owned */
	char *module; /**< or NULL; owned */
	double score;
};
/** Attach points that speak of [words] ("tcp retransmit"), best first. Owned array of `struct kg_hit *`. */
GPtrArray *kg_profile_search(struct kg_profile *p, const char *words, guint max);

/**
 * Resolve a member path in a type: ("struct sock", "__sk_common.skc_dport"). Anonymous members are looked through.
 * @return 0; -KG_E_NOTFOUND with a "did you mean" hint; -KG_E_UNSUPPORTED without BTF. ret's strings live as long as [p].
 */
int kg_profile_member(struct kg_profile *p, const char *type, const char *path, struct kg_field *ret, struct kg_error *err);
/** All direct members of a struct or union (anonymous ones flattened): borrowed array of `struct kg_field *`, or NULL. */
const GPtrArray *kg_profile_members(struct kg_profile *p, const char *type);
/**
 * The facts of a type by its spelling in C: "struct sock *", "__be16", "unsigned long", "char[16]", "enum x", "u8".
 * ret's name is "", type the spelling without const and volatile in front, offset 0; the rest as of a member of that type.
 * @return 0; -KG_E_NOTFOUND: this kernel has no such type; -KG_E_UNSUPPORTED without BTF (pointers and C's own number types are known all the
 *         same)
 */
int kg_profile_type(struct kg_profile *p, const char *type, struct kg_field *ret, struct kg_error *err);
/** The file that vmlinux' BTF is read from; owned. It may not exist. */
char *kg_profile_btf_path(const struct kg_profile *p);
/**
 * The types of vmlinux, and behind them those of [modules] (NULL-terminated; NULL: none), as one BTF. A module that has none is left out.
 * @return owned (g_bytes_unref()), or NULL: the profile has no BTF
 */
GBytes *kg_profile_types(struct kg_profile *p, const char *const *modules);
struct btf;
/**
 * Parse BTF from anywhere with libbpf, after a look at its header and with all references held against what there is.
 * @param ret_why why not; owned; may be NULL
 * @return owned (btf__free()), or NULL
 */
struct btf *kg_btf_read(const void *data, gsize size, char **ret_why);
/** The value of an enumerator in BTF ("TCP_ESTABLISHED"). */
int kg_profile_enumerator(struct kg_profile *p, const char *name, int64_t *ret);

/**
 * The text of a tracepoint's format file ("block:block_rq_issue"), as tracefs shows it.
 * @param ret_len its length; it is not ended by a NUL
 * @return borrowed, or NULL: there is none, or it is damaged
 */
const char *kg_profile_format(struct kg_profile *p, const char *target, gsize *ret_len);
/**
 * Append the lines of the list of traceable functions ("tcp_connect\n", "nf_conntrack_in [nf_conntrack]\n") whose names match [pattern] (* stands
 * for any text). Where that list can't be read, of those that may be traceable.
 */
void kg_profile_function_lines(struct kg_profile *p, const char *pattern, GString *out);

/** Does this system have syscall NAME as tracepoints (sys_enter_NAME and sys_exit_NAME)? */
gboolean kg_profile_has_syscall(struct kg_profile *p, const char *name);
/** Does the ELF file [path] define the function symbol [name] (dynamic or static table)? Follows no search path. */
enum kg_answer kg_elf_has_symbol(const char *path, const char *name);
/** Does the ELF file [path] have the USDT probe [provider]:[name] (provider NULL: any)? */
enum kg_answer kg_elf_has_usdt(const char *path, const char *provider, const char *name);
