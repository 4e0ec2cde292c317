/*
 * kgent check: all checks on a given program (bpftrace's text, or an object that clang made), for people and for tools that write programs. Needs no
 * model; the static part needs no privilege.
 */
#include "bound.h"
#include "cli.h"
#include "contract_file.h"
#include "files.h"
#include "interrupt.h"
#include "fleet.h"
#include "options.h"
#include "show.h"

#include <kgent/annotate.h>
#include <kgent/kernels.h>

#include <string.h>

const struct kg_option kg_check_options[] = {
	{"allow", 0, "WORD", "allow the program this, as named in the refusal; repeatable"},
	{"contract", 0, "FILE", "what the program must do (docs/contracts.md): prove that it does, or show where not"},
	{"prompt", 0, "PROMPT", "what the program is for, as a sentence: prove that it does what kgent contract \"PROMPT\" says"},
	{"bound", 0, "NAME=N", KG_BOUND_HELP "; mutants, mutants-time (s)"},
	{"annotate", 0, NULL, "with a contract: the program with what is assumed and asserted in place, instead of the list of results"},
	{"html", 0, "FILE", "write that view as a page of its own to FILE"},
	{"mutate", 0, NULL, "with a contract: hold wrong variants of the program against it too, to see whether it can fail"},
	{"kernel", 0, "NAME", "check for this kernel of kgent kernel list: a proof with its types, the rest in a virtual machine with it; repeatable"},
	{"no-load", 0, NULL, "load nothing into the kernel: the static checks and the build only"},
	{"profile", 0, "DIR", "check against this kernel profile instead of the running kernel"},
	{NULL},
};

struct check_args {
	const char *file;
	const char *profile;
	struct kg_contract_from contract;
	struct kg_prove_opts prove;
	struct kg_mutate_opts mutate;
	const char *html;
	gboolean no_load, wants_mutants, wants_annotations;
	GPtrArray *allowed; /* NULL at its end, once all options are read */
	GPtrArray *kernels;
	const struct kg_kernel *kernel; /* the only one of them, or NULL */
};

/* The bounds of the proof, and those of wrong variants: how many, and for how long all of them. */
static int set_bound(struct check_args *args, const char *text, struct kg_error *err)
{
	gboolean is_time = g_str_has_prefix(text, "mutants-time=");
	guint64 n;

	if (!is_time && !g_str_has_prefix(text, "mutants="))
		return kg_cli_bound(&args->prove.bounds, text, err);
	if (!g_ascii_string_to_unsigned(strchr(text, '=') + 1, 10, 1, 100000, &n, NULL))
		return kg_error_set(err, KG_E_INVAL, "options", "--bound %s: %s is no number from 1 to 100000", text, strchr(text, '=') + 1);
	*(is_time ? &args->mutate.total_ms : &args->mutate.max) = (guint)n * (is_time ? 1000 : 1);
	return 0;
}

static int parse_args(const struct kg_cli *cli, int argc, char **argv, struct check_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_check_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND) {
			if (args->file)
				return kg_error_set(err, KG_E_INVAL, "options", "check takes one file; a sentence that begins with "
						    "\"check\" needs quotes, or kgent ask before it");
			args->file = walk.value;
		} else if (!strcmp(option->name, "allow")) {
			g_ptr_array_add(args->allowed, (gpointer)walk.value);
		} else if (!strcmp(option->name, "contract")) {
			args->contract.file = walk.value;
		} else if (!strcmp(option->name, "prompt")) {
			args->contract.prompt = walk.value;
		} else if (!strcmp(option->name, "bound")) {
			if (set_bound(args, walk.value, err))
				return -KG_E_INVAL;
		} else if (!strcmp(option->name, "annotate")) {
			args->wants_annotations = TRUE;
		} else if (!strcmp(option->name, "html")) {
			args->html = walk.value;
		} else if (!strcmp(option->name, "mutate")) {
			args->wants_mutants = TRUE;
		} else if (!strcmp(option->name, "kernel")) {
			g_ptr_array_add(args->kernels, (gpointer)walk.value);
		} else if (!strcmp(option->name, "no-load")) {
			args->no_load = TRUE;
		} else {
			args->profile = walk.value;
		}
	}
	g_ptr_array_add(args->allowed, NULL);
	if (args->wants_annotations && cli->json)
		return kg_error_set(err, KG_E_INVAL, "options", "--annotate is for people; --json has every result with its place");
	if (args->wants_mutants && !args->contract.file && !args->contract.prompt)
		return kg_error_set(err, KG_E_INVAL, "options", "--mutate needs --contract FILE or --prompt PROMPT: what wrong variants are held against");
	if (args->contract.file && args->contract.prompt)
		return kg_error_set(err, KG_E_INVAL, "options", "--contract and --prompt exclude each other: each says what the program must do");
	if (args->kernels->len && args->profile)
		return kg_error_set(err, KG_E_INVAL, "options", "--kernel and --profile exclude each other");
	if (args->kernels->len > 1 && (args->wants_mutants || args->wants_annotations || args->html))
		return kg_error_set(err, KG_E_INVAL, "options", "--mutate, --annotate and --html are about one kernel, and several are given");
	return 0;
}

static void show(const struct kg_cli *cli, const struct check_args *args, const struct kg_annotated *annotated, const struct kg_verdict *verdict, int code)
{
	const char *text = annotated->source;
	g_autoptr(GString) out = g_string_new(NULL);

	if (cli->json) {
		struct kg_report report = {.file = kg_cli_file_name(args->file), .language = "bpftrace", .program = text,
					   .verdict = verdict, .exit = code, .kernel = args->kernel ? args->kernel->name : NULL};
		kg_report_json(&report, out);
	} else {
		kg_show_findings(verdict->diags, kg_cli_file_name(args->file), text, cli->color_out, out);
		if (!cli->quiet) {
			if (out->len)
				g_string_append_c(out, '\n');
			kg_verdict_table(verdict, cli->color_out, out);
			if (verdict->proof) {
				g_string_append_c(out, '\n');
				if (args->wants_annotations && verdict->program)
					kg_annotated_text(annotated, cli->color_out, out);
				else
					kg_proof_text(verdict->proof, text, cli->color_out, out);
			}
			if (verdict->mutation) {
				g_string_append_c(out, '\n');
				kg_mutation_text(verdict->mutation, cli->color_out, out);
			}
		}
	}
	kg_cli_out(out->str);
}

/* Was all shown that was asked for, by the contract or by the program's own assertions? */
static gboolean is_shown(const struct kg_verdict *verdict, gboolean has_contract)
{
	if (has_contract)
		return kg_verdict_find(verdict, "proof")->result == KG_CHECK_PASSED;
	return !verdict->proof || verdict->proof->word == KG_PROOF_PROVED;
}

static int write_html(const char *file, const struct kg_annotated *annotated, int code, struct kg_error *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int r;

	kg_annotated_html(annotated, out);
	r = kg_cli_write(file, out->str, TRUE, err);
	return r ? r : code;
}

/* A kg_exit. */
static int conclude(const struct kg_cli *cli, const struct check_args *args, const struct kg_annotated *annotated, const struct kg_verdict *verdict,
		    gboolean is_static, struct kg_error *err)
{
	gboolean asks_here = !args->no_load && !args->kernel && annotated->source;
	g_autofree char *sudo = asks_here ? kg_show_missing_privilege(cli, verdict) : NULL;
	int code;

	kg_show_exact_mends(cli, verdict);
	code = kg_show_exit(verdict, is_static);
	if (code == KG_EXIT_OK && !is_shown(verdict, annotated->contract != NULL))
		code = KG_EXIT_NOT_VERIFIED;
	show(cli, args, annotated, verdict, code);
	if (args->html && verdict->proof && verdict->program)
		code = write_html(args->html, annotated, code, err);
	if (sudo && !cli->json)
		kg_cli_note(cli, "the kernel's verifier was not asked; this does: %s", sudo);
	return code;
}

static int open_profile(const struct kg_cli *cli, const struct check_args *args, struct kg_profile **ret, struct kg_error *err)
{
	const char *dir = args->kernel ? args->kernel->profile : args->profile;
	int r = kg_cli_profile(cli, dir, ret, err);

	if (!r || dir)
		return r;
	/* without a profile there is still much to say */
	kg_cli_note(cli, "no profile of the running kernel: %s", err->msg);
	kg_error_clear(err);
	return 0;
}

static int check_text(const struct kg_cli *cli, struct check_args *args, const char *text, gsize len, struct kg_error *err)
{
	struct kg_profile *profile = NULL;
	struct kg_verdict *verdict = NULL;
	struct kg_contract *contract = NULL;
	gboolean is_object = len > 4 && !memcmp(text, "\177ELF", 4);
	g_autoptr(GBytes) object = is_object ? g_bytes_new_static(text, len) : NULL;
	struct kg_check_opts opts = {.prove = &args->prove, .allowed = (const char *const *)args->allowed->pdata, .no_load = args->no_load,
				     .mutate = args->wants_mutants ? &args->mutate : NULL, .kernel = args->kernel ? args->kernel->name : NULL,
				     .progress = kg_cli_progress, .user = (void *)cli};
	struct kg_interrupt interrupt;
	int code = open_profile(cli, args, &profile, err);

	opts.profile = profile;
	if (!code)
		code = kg_cli_contract(cli, &args->contract, NULL, profile, &contract, err);
	opts.contract = contract;
	opts.is_asked = args->contract.prompt != NULL;
	if (!code) {
		kg_interrupt_begin(&interrupt, &args->prove);
		code = is_object ? kg_check_object(object, &opts, &verdict, err) : kg_check_program(text, len, &opts, &verdict, err);
		kg_interrupt_end(&interrupt);
	}
	if (!code) {
		gboolean is_static = args->no_load || is_object || (!args->kernel && profile && !kg_profile_is_running(profile));
		struct kg_annotated annotated = {kg_cli_file_name(args->file), is_object ? NULL : text, verdict->program, contract, verdict->proof};

		code = conclude(cli, args, &annotated, verdict, is_static, err);
	}
	kg_verdict_free(verdict);
	kg_contract_free(contract);
	kg_profile_free(profile);
	return code;
}

static int check_kernels(const struct kg_cli *cli, struct check_args *args, const char *text, gsize len, struct kg_error *err)
{
	struct kg_fleet fleet = {.cli = cli, .file = kg_cli_file_name(args->file), .text = text, .len = len, .no_load = args->no_load,
				 .allowed = (const char *const *)args->allowed->pdata, .kernels = args->kernels, .contract = &args->contract,
				 .prove = &args->prove};
	struct kg_kernel *kernel = NULL;
	struct kg_interrupt interrupt;
	int code;

	if (args->kernels->len > 1) {
		kg_interrupt_begin(&interrupt, &args->prove);
		code = kg_fleet_check(&fleet, err);
		kg_interrupt_end(&interrupt);
		return code;
	}
	code = kg_kernel_find(NULL, args->kernels->pdata[0], &kernel, err);
	args->kernel = kernel;
	if (!code)
		code = check_text(cli, args, text, len, err);
	args->kernel = kg_kernel_free(kernel);
	return code;
}

int kg_cmd_check(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) allowed = g_ptr_array_new(), kernels = g_ptr_array_new();
	struct check_args args = {.allowed = allowed, .kernels = kernels};
	g_autofree char *text = NULL;
	gsize len = 0;

	if (parse_args(cli, argc, argv, &args, &err))
		return kg_cli_usage(cli, "check", &err);
	int code = kg_cli_read(args.file, KG_BT_MAX_BYTES, &text, &len, &err);
	if (!code)
		code = kernels->len ? check_kernels(cli, &args, text, len, &err) : check_text(cli, &args, text, len, &err);
	if (code >= 0)
		return code;
	kg_cli_error(cli, &err);
	return kg_cli_exit(&err);
}
