/**
 * @file
 * Expressions over an event: a typed evaluator for bpftrace's expression syntax, for numbers and for terms.
 *
 * A contract says what a program must show in terms of the event's arguments ("sk->__sk_common.skc_dport"). This evaluator gives such
 * an expression its meaning. It knows the kernel's types (from a profile) and C's rules, and nothing of who asks: what a word is says a
 * `struct kg_algebra`, what memory holds says a callback. With kg_numbers and a world it computes, with a solver's terms it builds a
 * formula. It never branches on a word, so one call looks at all of an expression.
 *
 * Numbers are 64 bits wide in all arithmetic, as in bpftrace: a value that is read is extended from its type's width by its type's
 * sign. Comparison, division and >> go by value: only where an unsigned 64-bit number meets a signed one are both unsigned, as in C. Shift
 * amounts count modulo 64, x / 0 is 0 and x % 0 is x, as in BPF. && and || evaluate both sides. A pointer's kind of memory (kernel or user)
 * follows from where it comes: arguments of user probes and of tracepoints of the group "syscalls" point to user memory, all else to the
 * kernel's; uptr(e) and kptr(e) say otherwise.
 *
 * Big endian is a fact of types (__be16, __be32, __be64). An expression that only moves such a value keeps it (is_big_endian);
 * bswap() removes it; in arithmetic and comparison with a number that is not big endian it means the number it stands for, so that
 * `sk->__sk_common.skc_dport == 80` is true for port 80.
 */
#pragma once

#include <kgent/bpftrace.h>
#include <kgent/isa.h>
#include <kgent/profile.h>

/** How a value is shown to people. The one list is kg_as_infos; the names are those of contracts ("as: ipv4"). */
enum kg_as {
	KG_AS_NONE,  /**< as its type says: a number by its sign, big endian ones in host order; a char array as text */
	KG_AS_IPV4,  /**< 4 bytes in network order; also of a number in big endian */
	KG_AS_IPV6,  /**< 16 bytes */
	KG_AS_PORT,  /**< 16 bits in host order: __be16 is converted, other types are in host order already */
	KG_AS_U8, KG_AS_U16, KG_AS_U32, KG_AS_U64, KG_AS_S8, KG_AS_S16, KG_AS_S32, KG_AS_S64, /**< cut to that type */
	KG_AS_STRING,/**< a text up to its NUL: char array, pointer to char, comm, str() */
	KG_AS_BYTES, /**< memory as it is */
	KG_AS_HEX,   /**< a number */
	KG_AS_NS,    /**< EXPR is in ns, and so is what is shown */
	KG_AS_US,    /**< EXPR is in ns; EXPR / 1000 is shown */
	KG_AS_MS,    /**< EXPR / 1000000 */
	KG_AS_S,     /**< EXPR / 1000000000 */
	KG_AS_BOOL,  /**< 1 where EXPR is not 0, else 0 */
	KG_AS_KSYM, KG_AS_USYM, /**< the symbol of a code address */
	KG_AS_STACK, /**< kstack, ustack */
	KG_AS_ERRNO, /**< -EXPR where EXPR is below 0, else 0 */
	KG_ASES
};
struct kg_as_info {
	const char *name;   /**< "ipv4" */
	uint64_t per_unit;  /**< of times: nanoseconds a unit; else 0 */
	const char *plain;  /**< "an IPv4 address" */
};
const struct kg_as_info *kg_as_info(enum kg_as as);
/** KG_ASES where there is none of that name. */
enum kg_as kg_as_parse(const char *name);

enum kg_expr_kind {
	KG_EXPR_NUMBER,  /**< word: 64 bits, extended from [width] by [is_signed] */
	KG_EXPR_POINTER, /**< word: the address; space; type is the pointer's ("struct sock *") */
	KG_EXPR_OBJECT,  /**< a struct, union or array in memory. word: its address; space; n_bytes: its size */
	KG_EXPR_BYTES,   /**< bytes[n_bytes], each 8 bits: comm, "a literal" (with its NUL), ntop(), buf() of memory that was read */
	KG_EXPR_STRING,  /**< the text at an address up to its NUL. word: address; space; n_bytes: at most so many, 0: as the program cuts */
	KG_EXPR_TOKEN,   /**< what only user space can make of its source: a stack, a symbol. token: which; word: its input (of func: the instruction pointer), else 0 */
};

/** A typed value. Nothing in it is owned: bytes live as long as env->keep, type and token as long as the profile and the expression. */
struct kg_expr_value {
	enum kg_expr_kind kind;
	struct kg_word word;
	unsigned width;        /**< NUMBER: bits of its type, 1 (truth value) to 64; the word itself is always 64 bits */
	gboolean is_signed;
	gboolean is_big_endian;/**< its memory order is big endian, and nobody has converted it */
	gboolean is_constant;  /**< NUMBER: a literal, an enumerator or a macro */
	gboolean is_text;      /**< BYTES: ends at a NUL */
	enum kg_as as;         /**< what it is by itself: KG_AS_IPV4 of ntop(), KG_AS_STACK of kstack, KG_AS_KSYM ...; else KG_AS_NONE */
	const char *type;      /**< as in C, typedefs kept: "__be16", "struct sock *", "char[16]"; NULL: none (results of arithmetic) */
	enum kg_space space;
	struct kg_word *bytes;
	guint n_bytes;
	const char *token;     /**< "kstack", "ustack", "ksym", "usym", "func", "probe", "username", "path", "cgroup_path", "strftime", "buf" */
	struct kg_word length; /**< TOKEN "buf": how many bytes are asked for (word: their address), where that is not a constant */
};

/** An expression as a contract has it. */
struct kg_contract_expr {
	char *text;              /**< as written; owned */
	struct kg_bt_node *node; /**< parsed; owned. Its places count from the start of [text] */
	struct kg_loc loc;       /**< where [text] begins in the contract's file */
};
/** A name that a contract gives to an expression. */
struct kg_contract_name {
	char *name;
	struct kg_contract_expr expr;
};

/** Where an event can be seen, as written in a contract: one attach point or one kind of C program. */
struct kg_contract_point {
	char *text;              /**< as written: "kprobe:tcp_connect", "xdp", "lsm:file_open" */
	enum kg_probe_kind kind; /**< KG_PROBE_NONE for the kinds of C programs that bpftrace has not */
	char *target;            /**< without the kind: "tcp_connect", "sock:inet_sock_set_state"; "" for xdp */
	enum bpf_prog_type type; /**< of the kinds that bpftrace has not (BPF_PROG_TYPE_XDP, ...); else BPF_PROG_TYPE_UNSPEC */
	const char *context;     /**< of those: the context's type ("struct xdp_md"), or NULL (lsm). Static */
	gboolean is_wildcard;    /**< has * in it: each of the kernel's that fit */
	struct kg_loc loc;
};

struct kg_macros; /**< constants of C that BTF does not have: AF_INET, EPERM, O_CREAT (data/contract/macros) */

/** What an expression is evaluated in: one event at one attach point. */
struct kg_expr_env {
	const struct kg_algebra *algebra;
	void *self;                 /**< handed to algebra, read and builtin */
	struct kg_profile *profile;
	const struct kg_contract_point *point; /**< without wildcard; its arguments are known by name. NULL: no event, no arguments */
	struct kg_word context;     /**< what r1 points to at the program's start, 64 bits (with its region, for an executor that has some) */
	const GPtrArray *names;     /**< struct kg_contract_name *, or NULL. Each sees those before it, and what they hide */
	GHashTable *values;         /**< char * -> struct kg_expr_value *: names with known values (what a span kept, "duration"); or NULL */
	const struct kg_macros *macros; /**< or NULL */
	GPtrArray *keep;            /**< made by kg_expr_keep_new(); owns the bytes of all values of this environment */
	const struct kg_bt_node **failed; /**< NULL, or where the innermost node that failed is noted */

	/**
	 * Memory at [address] (64 bits): n_bytes (1 to 8) as a little-endian word of 8 * n_bytes bits. Arguments and fields of the
	 * context are read with it too: the address is then env->context plus a number, and the space the kernel's.
	 */
	int (*read)(void *self, enum kg_space space, struct kg_word address, unsigned n_bytes, struct kg_word *ret, struct kg_error *err);
	/**
	 * A builtin: pid, tid, uid, gid, cpu, nsecs, elapsed, cgroup, curtask, comm, rand, and arg0... of USDT probes; data and data_end of
	 * packet programs (pointers to the packet); "kaddr:NAME", the address of a kernel symbol. [ret] comes with kind, width, sign,
	 * type and, for comm, 16 bytes set; the call fills word or bytes[].
	 */
	int (*builtin)(void *self, const char *name, struct kg_expr_value *ret, struct kg_error *err);
};
GPtrArray *kg_expr_keep_new(void);

/**
 * Evaluate an expression.
 *
 * @param ret untouched on failure
 * @return 0; -KG_E_NOTFOUND: a name, field or type is not known, with a "did you mean" hint; -KG_E_INVAL: the types don't fit;
 *         -KG_E_UNSUPPORTED: not part of contracts (maps, variables, assignments, a function that is no value); -KG_E_LIMIT: nested or
 *         read too much; the errors of read and builtin
 */
int kg_expr_eval(const struct kg_bt_node *expr, const struct kg_expr_env *env, struct kg_expr_value *ret, struct kg_error *err);
/** A value as a condition: a word of 1 bit. -KG_E_INVAL for what is not a number or pointer. */
int kg_expr_truth(const struct kg_expr_value *value, const struct kg_expr_env *env, struct kg_word *ret, struct kg_error *err);
/**
 * What a user must see where [value] is to be shown [as]: NUMBER (64 bits, converted to host order, unit and type), BYTES (addresses: in the
 * order of memory), STRING or TOKEN.
 * @return 0; -KG_E_INVAL: such a value can't be shown so (an IPv6 address of 4 bytes)
 */
int kg_expr_shown(const struct kg_expr_value *value, enum kg_as as, const struct kg_expr_env *env, struct kg_expr_value *ret,
		  struct kg_error *err);
/**
 * Are two values the same to a user? A word of 1 bit. Numbers by value (in host order), bytes by bytes, texts up to their NUL
 * (a STRING against BYTES reads as many bytes as the other has; two STRINGs are equal where address and space are), tokens by kind and
 * input. -KG_E_INVAL where the kinds can't be compared.
 */
int kg_expr_equal(const struct kg_expr_value *a, const struct kg_expr_value *b, const struct kg_expr_env *env, struct kg_word *ret,
		  struct kg_error *err);
/**
 * The bytes of an OBJECT or BYTES, or of a NUMBER's memory form ([width] bits, in its own byte order): an array of *ret_n words of 8 bits,
 * kept in env->keep.
 */
int kg_expr_bytes(const struct kg_expr_value *value, const struct kg_expr_env *env, struct kg_word **ret, guint *ret_n,
		  struct kg_error *err);

/** An argument or field of the event: where in the context it lies. */
struct kg_argument {
	const char *name;  /**< "sk", "arg0", "filename", "retval"; borrowed from the profile */
	uint32_t offset;   /**< bytes into the context */
	uint32_t size;     /**< bytes that are read there: 8 for arguments in registers, the field's size in tracepoints */
	const char *type;  /**< as in C; "unsigned long" where nothing is known */
	gboolean is_signed, is_big_endian, is_dynamic /**< __data_loc: 32 bits, offset | length << 16 */;
	uint32_t type_size;/**< bytes of the type; below [size] the lower bytes are the value */
};
/**
 * All arguments of an attach point by name (struct kg_argument *), for naming what a program reads from its context. Owned array.
 * Source: arch/x86/include/asm/ptrace.h and arch/arm64/include/uapi/asm/ptrace.h (pt_regs), Linux 6.18; argument order of the
 * System V ABI and AAPCS64.
 * @return NULL where nothing is known of them
 */
GPtrArray *kg_expr_arguments(const struct kg_contract_point *point, struct kg_profile *profile);

/** The macros of the directories (NULL: kg_paths_data("contract")): lines "NAME VALUE". -KG_E_PARSE with file and line. */
int kg_macros_open(const char *const *dirs, struct kg_macros **ret, struct kg_error *err);
struct kg_macros *kg_macros_free(struct kg_macros *macros);
gboolean kg_macros_find(const struct kg_macros *macros, const char *name, int64_t *ret);
/** A name for a value, out of those that begin with [prefix] ("AF_", "E"): for messages. NULL: none. Borrowed. */
const char *kg_macros_name(const struct kg_macros *macros, const char *prefix, int64_t value);
/** Appends all names (borrowed char *), for "did you mean". */
void kg_macros_names(const struct kg_macros *macros, GPtrArray *ret);
