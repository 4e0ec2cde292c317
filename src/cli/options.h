/* Options of a command: one table for parsing, for help and for completions. */
#pragma once

#include <kgent/error.h>

struct kg_option {
	const char *name;  /* long name without dashes; a NULL name ends a table */
	char letter;       /* or 0 */
	const char *value; /* what its argument is called, or NULL: takes none; "[=NAME]": may have one, behind "=" */
	const char *help;
};

/* The options of the commands, for parsing and for help. */
extern const struct kg_option kg_ask_options[];
extern const struct kg_option kg_check_options[];
extern const struct kg_option kg_contract_options[];
extern const struct kg_option kg_diff_options[];
extern const struct kg_option kg_explain_options[];
extern const struct kg_option kg_probes_options[];
extern const struct kg_option kg_disasm_options[];
extern const struct kg_option kg_doctor_options[];
extern const struct kg_option kg_config_options[];
extern const struct kg_option kg_trial_options[];
extern const struct kg_option kg_kernel_options[];
extern const struct kg_option kg_memory_options[];
extern const char kg_memory_more[]; /* its words, for help */

/* Walks over arguments. Options and operands can be mixed; "--" ends the options; "-" is an operand. */
struct kg_option_walk {
	const struct kg_option *table;
	int argc;
	char **argv;
	int at;            /* next argument to look at; start with 1 */
	int in_group;      /* next letter in "-abc", or 0 */
	gboolean is_rest;  /* "--" was seen */
	const char *value; /* out: the option's argument, or the operand; borrowed from argv */
};
enum kg_option_found { KG_OPTION_END, KG_OPTION_OPTION, KG_OPTION_OPERAND, KG_OPTION_WRONG };
/* The next thing on the command line. For an option *ret is its row. KG_OPTION_WRONG sets [err]. */
enum kg_option_found kg_option_next(struct kg_option_walk *walk, const struct kg_option **ret, struct kg_error *err);

/* Append a table as help: one aligned line an option. */
void kg_options_help(const struct kg_option *table, GString *out);

/* "5s", "1.5 min", "250ms", "2h", "10" (seconds): nanoseconds, at least 1 ms and at most a year. FALSE if it is none. */
gboolean kg_cli_duration(const char *text, gint64 *ret_ns);
