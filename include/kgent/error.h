/**
 * @file
 * Errors and diagnostics, as values.
 *
 * Every call that can fail returns 0 or a negative `kg_errc` and, where the caller gave a place for it, fills a
 * `struct kg_error`. An error that is already set is never overwritten, so that the lowest cause survives.
 * Library code never prints and never exits.
 *
 * What a reader of a *program text* has to be told (several findings, each with a place) is a list of
 * `struct kg_diag`; the text is rendered once, by the command line.
 */
#pragma once

#include <glib.h>

enum kg_errc {
	KG_E_NOMEM = 1,      /**< out of memory */
	KG_E_INVAL = 2,      /**< the caller's argument makes no sense */
	KG_E_IO = 3,         /**< reading or writing failed; the message names the file and the system's error */
	KG_E_PARSE = 4,      /**< a text or file is not of its format */
	KG_E_NOTFOUND = 5,   /**< the thing asked for does not exist */
	KG_E_UNSUPPORTED = 6,/**< understood, but this kernel, tool or version can't do it */
	KG_E_PERM = 7,       /**< a privilege is missing; the hint says how to get it */
	KG_E_LIMIT = 8,      /**< a bound was reached (size, depth, time); the message names it */
	KG_E_TOOL = 9,       /**< a program that kgent calls is missing or failed */
	KG_E_REFUSED = 10,   /**< kgent does not know how, and says so instead of guessing */
};

/** A place in a text. line and col count from 1, col in bytes; 0 means "no place". */
struct kg_loc {
	int line;
	int col;
	int len; /**< bytes to underline; 0 or 1 is a single caret */
};

/** One failure. Zero-initialise, pass by pointer, release with kg_error_clear(). */
struct kg_error {
	int code;          /**< 0 while unset, else one of `kg_errc` */
	const char *stage; /**< static: "profile", "parse", "build", "load", ... */
	char *msg;         /**< one line, no final newline, owned */
	char *hint;        /**< what to do about it, or NULL; owned */
};

/** Set [err] unless it is NULL or set already. Returns -code either way, so that `return kg_error_set(...)` works. */
int kg_error_set(struct kg_error *err, int code, const char *stage, const char *fmt, ...) G_GNUC_PRINTF(4, 5);
/** Add the line that says what to do. No effect on an unset error or a second time. */
void kg_error_hint(struct kg_error *err, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** Release the texts and make [err] unset again. NULL is allowed. */
void kg_error_clear(struct kg_error *err);
/** A short name for a code: "io", "parse", ... Static. */
const char *kg_errc_name(int code);

/** `_cleanup_error_ struct kg_error err = {0};` clears itself when it goes out of scope. */
#define _cleanup_error_ __attribute__((cleanup(kg_error_clear)))

enum kg_severity { KG_NOTE, KG_WARNING, KG_ERROR };

/** One finding about a text. Lives in a GPtrArray made by kg_diags_new(). */
struct kg_diag {
	enum kg_severity severity;
	const char *check; /**< static: which check found it: "syntax", "attach", "types", "version", "policy", ... */
	struct kg_loc loc; /**< loc.line == 0: about the whole text */
	char *msg;         /**< one line, owned */
	char *hint;        /**< a suggestion, or NULL; owned */
};

/** A list of `struct kg_diag *` that frees its members. */
GPtrArray *kg_diags_new(void);
/** Append a finding; the returned pointer is borrowed from [diags] and can be given a hint with kg_diag_hint(). */
struct kg_diag *kg_diag_add(GPtrArray *diags, enum kg_severity severity, const char *check, struct kg_loc loc,
			    const char *fmt, ...) G_GNUC_PRINTF(5, 6);
void kg_diag_hint(struct kg_diag *diag, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/** How many findings are errors. */
unsigned kg_diags_errors(const GPtrArray *diags);
/**
 * Render [diags] as a compiler does: `file:line:col: error: message`, the source line, a caret under it, the hint.
 * [source] may be NULL. [color] adds ANSI colours. Control characters of the source are shown escaped.
 */
void kg_diags_render(const GPtrArray *diags, const char *file, const char *source, gboolean color, GString *out);
