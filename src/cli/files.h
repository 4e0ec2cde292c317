/* What comes in and goes out as files: programs and sentences are read whole and bounded, programs are written whole or not at all. */
#pragma once

#include <kgent/error.h>

/* The name of a program for messages: "<stdin>" for NULL and "-". */
const char *kg_cli_file_name(const char *path);
/* Read [path], or standard input for NULL and "-", at most [max] bytes. *ret is the caller's and has a NUL behind its end.
 * -KG_E_INVAL: it can't be read, with why; -KG_E_LIMIT: longer than [max]. */
int kg_cli_read(const char *path, gsize max, char **ret, gsize *ret_len, struct kg_error *err);
/* The sentence of a command line: its operands, or standard input where there is one operand, "-". *ret is the caller's. -KG_E_INVAL: none. */
int kg_cli_prompt(GPtrArray *words, char **ret, struct kg_error *err);
/* Write [text] to [path] so that it is there whole or not at all (a new file that is renamed). An existing one is replaced only with
 * [force]. -KG_E_INVAL: it exists; -KG_E_IO: why it could not be written. */
int kg_cli_write(const char *path, const char *text, gboolean force, struct kg_error *err);
