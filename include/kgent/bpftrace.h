/**
 * @file
 * The bpftrace language: text to tree, tree to text, and what a tree says that a kernel or a compiler would refuse.
 *
 * The language is that of bpftrace 0.17 to 0.23: what one of these versions accepts, the parser accepts; what the
 * *installed* version lacks is a finding of kg_bt_check(), with the version that brought it. bpftrace stays the compiler.
 *
 * A program has three kinds of parts: the preamble in C (preprocessor lines, struct definitions), declarations (config,
 * imports, map declarations, macros, subprograms), and probes. Everything below that is a tree of `struct kg_bt_node`:
 * one struct for all, whose kind says what its children are (the list at `enum kg_bt_kind` is the contract).
 *
 * Comments are not kept: a printed program has none. (kg_bt_highlight() works on the text and keeps them.)
 * Macros of the preprocessor are not expanded; a use of one is a KG_BT_NAME or KG_BT_CALL of its name.
 *
 * Source: bpftrace docs/reference_guide.md, docs/language.adoc, man/adoc/bpftrace.adoc and src/{lexer.l,parser.yy},
 * releases 0.17 to 0.23, and CHANGELOG.md.
 */
#pragma once

#include <kgent/error.h>
#include <kgent/probe.h>
#include <kgent/profile.h>
#include <stdint.h>

/** Longest program in bytes, and deepest tree, that kg_bt_parse() takes. Above them: one finding that says so. */
#define KG_BT_MAX_BYTES (16u << 20)
#define KG_BT_MAX_DEPTH 1000

/** What a node is. In brackets: kids in order ("x?" may be missing, "x..." any number); text and num where they mean something. */
enum kg_bt_kind {
	KG_BT_NONE = 0,

	/* expressions */
	KG_BT_INT,       /**< integer or duration; num: value (two's complement; durations in ns); text: as written ("1e6", "0x1f", "10s") */
	KG_BT_BOOL,      /**< true, false; num 1 or 0 */
	KG_BT_STRING,    /**< text: the bytes it stands for, escapes decoded; num: how many bytes (text has a NUL behind them) */
	KG_BT_NAME,      /**< text: an identifier that is nothing else: enumerator, macro, macro's parameter, "_" */
	KG_BT_BUILTIN,   /**< text: "pid", "comm", "args", "arg0", "sarg1", ... (the table kg_bt_builtins) */
	KG_BT_PARAM,     /**< positional parameter; num: 1 for $1 */
	KG_BT_PARAM_N,   /**< $#, how many there are */
	KG_BT_VAR,       /**< scratch variable; text: without the $ */
	KG_BT_MAP,       /**< [key...] text: without the @; "" for the map that is only called @. No kids: the whole map or a scalar */
	KG_BT_CALL,      /**< [argument...] text: function name; may take a KG_BT_TYPE as argument */
	KG_BT_MEMBER,    /**< [object] op: KG_BT_DOT or KG_BT_ARROW; text: the field; digits only for a tuple's element */
	KG_BT_INDEX,     /**< [object, index...] an array's element */
	KG_BT_UNARY,     /**< [operand] op: KG_BT_MINUS, NOT, BNOT, DEREF, ADDR, INC, DEC, written before its operand */
	KG_BT_POSTFIX,   /**< [operand] op: KG_BT_INC or KG_BT_DEC */
	KG_BT_BINARY,    /**< [left, right] */
	KG_BT_TERNARY,   /**< [condition, then, else] */
	KG_BT_CAST,      /**< [KG_BT_TYPE, operand] */
	KG_BT_TUPLE,     /**< [element...] at least two, or one with a comma behind it; or none: "()" */
	KG_BT_SIZEOF,    /**< [KG_BT_TYPE or expression] */
	KG_BT_OFFSETOF,  /**< [KG_BT_TYPE or expression] text: the field's path, "a.b" */
	KG_BT_RANGE,     /**< [from, to] only in KG_BT_FOR */
	KG_BT_BLOCK_EXPR,/**< [statement..., expression] a block whose value is its last expression */
	KG_BT_IF_EXPR,   /**< [condition, BLOCK_EXPR, BLOCK_EXPR or IF_EXPR] if as an expression */
	KG_BT_COMPTIME,  /**< [expression] */
	KG_BT_TYPE,      /**< [array length...] text: the base ("struct sock", "uint8", "string"), num: how many stars;
			      kids: dimensions, an INT or NAME, or KG_BT_NONE for []; typeof(x): text "typeof", kids[0] is x */

	/* statements */
	KG_BT_EXPR,      /**< [expression] evaluated for what it does; num 1: the last one of a block in a macro, without
			      ';': the block's value */
	KG_BT_ASSIGN,    /**< [target, value] op: KG_BT_ASSIGN_OP for =, or the operator of a compound one (KG_BT_PLUS for +=) */
	KG_BT_LET,       /**< [VAR, TYPE?, initial value?] */
	KG_BT_IF,        /**< [condition, BLOCK, (BLOCK or IF)?] num 1: "if comptime" */
	KG_BT_WHILE,     /**< [condition, BLOCK] */
	KG_BT_UNROLL,    /**< [count, BLOCK] */
	KG_BT_FOR,       /**< [VAR, MAP or RANGE or other expression, BLOCK] */
	KG_BT_BLOCK,     /**< [statement...] */
	KG_BT_RETURN,    /**< [value?] */
	KG_BT_BREAK,
	KG_BT_CONTINUE,

	/* top level */
	KG_BT_PREPROC,   /**< text: one preprocessor line, continuation lines included, without its final newline */
	KG_BT_CDEF,      /**< [TYPE?, FIELD or ENUMERATOR...] C definition; text: as written, up to its ';'. What of it is not
			      understood has no kids */
	KG_BT_FIELD,     /**< [TYPE, KG_BT_FIELD...] text: name, "" for an anonymous member whose fields are the kids */
	KG_BT_ENUMERATOR,/**< [value?] text: name */
	KG_BT_IMPORT,    /**< text: what is imported */
	KG_BT_MAP_DECL,  /**< [CALL] let @a = lruhash(100); text: map name */
	KG_BT_MACRO,     /**< [parameter..., BLOCK or BLOCK_EXPR] text: name; parameters are VAR, MAP or NAME */
	KG_BT_FN,        /**< [LET of VAR and TYPE..., TYPE?, BLOCK] text: name; the TYPE is what it returns */
	KG_BT_KINDS
};

/** Operators; kg_bt_op_text() gives their spelling. */
enum kg_bt_op {
	KG_BT_OP_NONE = 0,
	KG_BT_MUL, KG_BT_DIV, KG_BT_MOD, KG_BT_PLUS, KG_BT_MINUS, KG_BT_SHL, KG_BT_SHR,
	KG_BT_LT, KG_BT_LE, KG_BT_GT, KG_BT_GE, KG_BT_EQ, KG_BT_NE,
	KG_BT_BAND, KG_BT_BXOR, KG_BT_BOR, KG_BT_LAND, KG_BT_LOR,
	KG_BT_NOT, KG_BT_BNOT, KG_BT_DEREF, KG_BT_ADDR, KG_BT_INC, KG_BT_DEC,
	KG_BT_DOT, KG_BT_ARROW, KG_BT_ASSIGN_OP,
	KG_BT_OPS
};

struct kg_bt_node {
	enum kg_bt_kind kind;
	enum kg_bt_op op;
	uint16_t height;  /**< of the tree below: 1 for a leaf; at most KG_BT_MAX_DEPTH. Kept by kg_bt_node_add() */
	struct kg_loc loc;/**< where it begins; len is cut at the end of the first line */
	uint32_t off;     /**< bytes from the start of the text; an expression's own brackets are within off and end */
	uint32_t end;     /**< just behind its last byte; off == end for a node that was not parsed */
	uint64_t num;
	char *text;       /**< owned; NULL where the kind has none */
	GPtrArray *kids;  /**< struct kg_bt_node *, owned; NULL where there are none */
};

/** One attach point of a probe. */
struct kg_bt_attach {
	enum kg_probe_kind kind; /**< KG_PROBE_NONE: unknown kind (a finding was reported), or a wildcard in its place */
	char *kind_text;         /**< as written: "kfunc", "t", ... */
	char *target;            /**< all behind the kind and its colon, quotes removed; "" where there is nothing */
	GPtrArray *parts;        /**< char *: target split at colons (a quoted part is one part) */
	char *raw;               /**< as written: "tracepoint:syscalls:sys_enter_open*" */
	gboolean is_wildcard;    /**< has * ? or [] in it */
	struct kg_loc loc;       /**< all of it; uint32 off, end as in nodes */
	struct kg_loc target_loc;/**< the target; len 0 where there is none */
	uint32_t off, end;
};

struct kg_bt_probe {
	GPtrArray *attach;            /**< struct kg_bt_attach *, at least one */
	struct kg_bt_node *predicate; /**< or NULL */
	struct kg_bt_node *block;     /**< KG_BT_BLOCK; never NULL */
	struct kg_loc loc;            /**< where its first attach point begins */
	uint32_t off, end;
};

struct kg_bt_program {
	GPtrArray *preamble; /**< KG_BT_PREPROC and KG_BT_CDEF, in order */
	GPtrArray *config;   /**< KG_BT_ASSIGN of a NAME and an INT, BOOL, STRING or NAME; in order */
	GPtrArray *imports;  /**< KG_BT_IMPORT */
	GPtrArray *map_decls;/**< KG_BT_MAP_DECL */
	GPtrArray *subs;     /**< KG_BT_MACRO and KG_BT_FN, in order */
	GPtrArray *probes;   /**< struct kg_bt_probe * */
	gboolean has_config; /**< a config block was written, be it empty */
};

/**
 * Parse a program.
 *
 * @param text  need not end with a NUL; not kept
 * @param diags what is wrong, with places; check "syntax". Parsing goes on behind an error where it safely can
 * @param ret   the program, also with errors (then it holds what could be understood); the caller's. NULL only with -KG_E_LIMIT or -KG_E_INVAL
 * @return 0; -KG_E_PARSE: at least one error in [diags]; -KG_E_LIMIT: too long or too deep; -KG_E_INVAL: not a text (NUL bytes)
 */
int kg_bt_parse(const char *text, gsize len, GPtrArray *diags, struct kg_bt_program **ret);
struct kg_bt_program *kg_bt_free(struct kg_bt_program *program);
/** Parse one expression ("$sk->__sk_common.skc_dport >> 8"), and nothing behind it. As kg_bt_parse(), but *ret is set only on success. */
int kg_bt_parse_expr(const char *text, gsize len, GPtrArray *diags, struct kg_bt_node **ret);

/** Print the program in the layout of bpftrace's own tools. The print parses to an equal tree. */
void kg_bt_print(const struct kg_bt_program *program, GString *out);
/** Print one expression on one line, with the brackets that it needs. */
void kg_bt_print_expr(const struct kg_bt_node *expr, GString *out);
/** Print a statement and its final newline, indented by [indent] tabs. */
void kg_bt_print_statement(const struct kg_bt_node *statement, int indent, GString *out);

/** Are the trees the same but for positions (and comments, and how strings and spaces were written)? */
gboolean kg_bt_equal(const struct kg_bt_program *a, const struct kg_bt_program *b);
gboolean kg_bt_node_equal(const struct kg_bt_node *a, const struct kg_bt_node *b);

/** A new node without place; [text] (may be NULL) is copied. */
struct kg_bt_node *kg_bt_node_new(enum kg_bt_kind kind, const char *text);
/** Append [kid] (taken over). Returns [node], so that calls can be chained. */
struct kg_bt_node *kg_bt_node_add(struct kg_bt_node *node, struct kg_bt_node *kid);
struct kg_bt_node *kg_bt_node_copy(const struct kg_bt_node *node);
struct kg_bt_node *kg_bt_node_free(struct kg_bt_node *node);
static inline guint kg_bt_n_kids(const struct kg_bt_node *node)
{
	return node->kids ? node->kids->len : 0;
}
/** The i-th kid, or NULL if there is none. Borrowed. */
static inline struct kg_bt_node *kg_bt_kid(const struct kg_bt_node *node, guint i)
{
	return i < kg_bt_n_kids(node) ? (struct kg_bt_node *)node->kids->pdata[i] : NULL;
}
/** A type as C writes it: "struct sock *", "uint8[4]". Owned. */
char *kg_bt_type_text(const struct kg_bt_node *type);
const char *kg_bt_op_text(enum kg_bt_op op);
const char *kg_bt_kind_name(enum kg_bt_kind kind); /**< "call", "binary", ...; for messages and tests */

/**
 * Called for a node. [probe] is NULL outside of probes, [parent] for the root of a tree.
 * @return for enter: FALSE leaves out the node's kids (leave is called all the same)
 */
typedef gboolean (*kg_bt_visit)(const struct kg_bt_node *node, const struct kg_bt_node *parent,
				const struct kg_bt_probe *probe, void *userdata);
/**
 * Visit all nodes in the order preamble, config, imports, map declarations, macros and subprograms, probes (predicate before block);
 * within a tree: enter(node), its kids in order, leave(node). enter or leave may be NULL.
 */
void kg_bt_walk(const struct kg_bt_program *program, kg_bt_visit enter, kg_bt_visit leave, void *userdata);
/** The same for one tree. */
void kg_bt_walk_node(const struct kg_bt_node *node, kg_bt_visit enter, kg_bt_visit leave, void *userdata);

/**
 * Append [text] with ANSI colours. Works on any text, also with errors in it; without the colours the result is [text],
 * with what a terminal could act on escaped as kg_text_escape_lines() does.
 */
void kg_bt_highlight(const char *text, gsize len, GString *out);

/* ------------------------------------------------------------------ checks */

/** A bpftrace release. */
struct kg_bt_version {
	int major, minor, patch;
};
/** "bpftrace v0.17.0", "v0.21.2-12-gabcdef", "0.23": 0, or -KG_E_PARSE and *ret untouched. */
int kg_bt_version_parse(const char *text, struct kg_bt_version *ret);
/** Less than 0, 0, more than 0. */
int kg_bt_version_compare(const struct kg_bt_version *a, const struct kg_bt_version *b);

/**
 * Hold a program against a kernel and a bpftrace release.
 *
 * What can't be told (no profile, no type) is silent: a finding of severity KG_ERROR means that bpftrace would refuse
 * the program or attach nothing; KG_WARNING that it means something else than it seems to.
 * Checks: "attach" (attach points), "types" (names, fields, arguments, kinds of values), "maps", "variables", "bytes" (byte order),
 * "version".
 *
 * @param profile may be NULL: what depends on the kernel is not checked
 * @param version may be NULL: no version findings
 * @return 0; -KG_E_INVAL: at least one error in [diags]
 */
int kg_bt_check(const struct kg_bt_program *program, struct kg_profile *profile, const struct kg_bt_version *version,
		GPtrArray *diags);

/** What this release lacks of the language, a line each with what to write instead: array of owned strings, for people and models. */
GPtrArray *kg_bt_lacking(const struct kg_bt_version *version);
/*
 * Inline assumptions and assertions: the statements assume(EXPRESSION); and assert(EXPRESSION); of a probe. They are kgent's, not bpftrace's
 * (whose assert() has two arguments): taken out before a program is loaded or run, and lowered to plain bpftrace for the proof: a value that is
 * kept in a map of its own.
 */
/** Names of these maps begin with this (behind the @); a user's program may not have such names. */
#define KG_BT_OWN_MAPS "__kg_"
#define KG_BT_ASSERT_MAPS "__kg_assert_"
#define KG_BT_ASSUME_MAPS "__kg_assume_"
#define KG_BT_PATH_MAP "__kg_path" /**< of kg_bt_mark_decisions() */
/** Errors for names of maps that are kept for them, and for assume() and assert() elsewhere than as a statement of a probe. Part of kg_bt_check(). */
void kg_bt_check_inline(const struct kg_bt_program *program, GPtrArray *diags);
/** How many there are. */
guint kg_bt_count_inline(const struct kg_bt_program *program);
/** Turn each into `@__kg_assert_N = (EXPRESSION) ? 1 : 0;`. Places stay those of the original text. */
void kg_bt_lower_inline(struct kg_bt_program *program);
/** The text that [program] was parsed from, with blanks in their stead: all other places stay. Owned. */
char *kg_bt_without_inline(const struct kg_bt_program *program, const char *text);

/*
 * Where a program decides, and which way one run of it went. A copy of the program leaves marks in a map of its own, kg_bt_mark_decisions(); who runs the
 * copy hands them over in their order, kg_bt_decisions_take().
 */
enum kg_bt_decides {
	KG_BT_AT_PREDICATE, /**< of a probe */
	KG_BT_AT_IF,        /**< without else */
	KG_BT_AT_IF_ELSE,
	KG_BT_AT_WHILE,
	KG_BT_AT_CHOICE,    /**< ? : */
};
struct kg_bt_decision {
	enum kg_bt_decides at;
	const struct kg_bt_node *condition; /**< borrowed from the program */
	gboolean holds;                     /**< what it came to */
	const struct kg_bt_node *since;     /**< the part of the condition that decided that: `b` of `a && b`; the condition itself where all of it did */
	gboolean since_holds;               /**< what that part came to */
};
struct kg_bt_decisions;
/** The places where [program] (borrowed) decides: predicates, if, while and ? : of its probes. Conditions of macros and subprograms are left out. */
struct kg_bt_decisions *kg_bt_decisions_new(const struct kg_bt_program *program);
struct kg_bt_decisions *kg_bt_decisions_free(struct kg_bt_decisions *d);
guint kg_bt_decisions_count(const struct kg_bt_decisions *d);
/**
 * Let each condition leave a mark when it was evaluated: a program with an equal tree has the same marks. What it does is otherwise as before, but for a
 * compiler that makes something else of it: who runs it has to look. A mark is the key of KG_BT_PATH_MAP that an entry is set for.
 */
void kg_bt_mark_decisions(struct kg_bt_program *program);
/** A run begins: no condition has been evaluated. */
void kg_bt_decisions_begin(struct kg_bt_decisions *d);
/**
 * Take the next mark of a run.
 * @return 1: a decision was made, *ret; 0: a part of a condition was evaluated; -KG_E_INVAL: no run of the program leaves this mark here
 */
int kg_bt_decisions_take(struct kg_bt_decisions *d, uint64_t mark, struct kg_bt_decision *ret);
/** Is it a comparison or the like, 0 or 1? Else it is a number or an address, and holds where it is not 0. */
gboolean kg_bt_is_truth(const struct kg_bt_node *condition);
/** Is no condition half evaluated? So it must be at the end of a run. */
gboolean kg_bt_decisions_is_between(const struct kg_bt_decisions *d);

/** A builtin variable of the language. */
struct kg_bt_builtin {
	const char *name;   /**< "arg0" stands for arg0 to arg9, "sarg0" likewise */
	const char *result; /**< "int", "string", "stack", "struct task_struct *", "args", "" (depends) */
	const char *plain;  /**< in plain words: "the process's name" */
};
/** What a function does to the world, and where it can be called; flags. */
enum {
	KG_BT_F_AGGREGATE = 1 << 0,  /**< only as the value assigned to a map: count(), hist(), ... */
	KG_BT_F_PRINTS = 1 << 1,     /**< sends something to user space for each call */
	KG_BT_F_CHANGES = 1 << 2,    /**< changes the system: system(), signal(), override(), ... */
	KG_BT_F_FILES = 1 << 3,      /**< reads a file of the host when it runs */
	KG_BT_F_READS_USER = 1 << 4, /**< reads memory of the traced process */
	KG_BT_F_READS_KERNEL = 1 << 5,
	KG_BT_F_STACK = 1 << 6,      /**< walks a stack */
	KG_BT_F_STATEMENT = 1 << 7,  /**< has no value: only as a statement */
	KG_BT_F_EXITS = 1 << 8,
	KG_BT_F_FORMAT = 1 << 9,     /**< its first argument is a printf format */
};
struct kg_bt_function {
	const char *name;
	int min_args, max_args; /**< max -1: any number */
	unsigned flags;
	const char *result;     /**< as in kg_bt_builtin; "none" for statements */
	const char *plain;
};
/** The tables of all builtins and functions, each ending with a NULL name. The one list of them. */
extern const struct kg_bt_builtin kg_bt_builtins[];
extern const struct kg_bt_function kg_bt_functions[];
const struct kg_bt_builtin *kg_bt_builtin_find(const char *name);
const struct kg_bt_function *kg_bt_function_find(const char *name);
