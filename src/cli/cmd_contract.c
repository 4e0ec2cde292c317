/* kgent contract "PROMPT": what any right program for a sentence must do, as a contract to read, to change, and to hold programs against. */
#include "files.h"
#include "knowledge.h"
#include "options.h"
#include "show.h"

const struct kg_option kg_contract_options[] = {
	{"kernel", 0, "NAME", "for this kernel of kgent kernel list instead of the running one"},
	{"profile", 0, "DIR", "for the kernel of this profile instead of the running one"},
	{NULL},
};

struct contract_args {
	char *prompt; /* owned */
	const char *kernel, *profile;
};

static int parse_args(int argc, char **argv, struct contract_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_contract_options, .argc = argc, .argv = argv, .at = 1};
	g_autoptr(GPtrArray) words = g_ptr_array_new();
	const struct kg_option *option;
	enum kg_option_found found;

	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG)
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND)
			g_ptr_array_add(words, (gpointer)walk.value);
		else
			*(option->name[0] == 'k' ? &args->kernel : &args->profile) = walk.value;
	}
	return kg_cli_prompt(words, &args->prompt, err);
}

static int write_contract(const struct kg_cli *cli, const struct contract_args *args, struct kg_error *err)
{
	struct kg_profile *profile = NULL;
	struct kg_contract *contract = NULL;
	g_autofree char *dir = kg_cli_profile_dir(args->kernel, args->profile, err);
	int code = err->code ? -err->code : kg_cli_profile(cli, dir, &profile, err);

	if (!code)
		code = kg_knowledge_contract(cli, args->prompt, profile, &contract, err);
	if (!code) {
		g_autofree char *text = cli->json ? kg_contract_json(contract) : kg_contract_yaml(contract);
		code = kg_cli_out(text) ? KG_EXIT_OK : KG_EXIT_OUTPUT;
	}
	kg_contract_free(contract);
	kg_profile_free(profile);
	return code;
}

int kg_cmd_contract(const struct kg_cli *cli, int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	struct contract_args args = {0};

	if (parse_args(argc, argv, &args, &err)) {
		g_free(args.prompt);
		return kg_cli_usage(cli, "contract", &err);
	}
	int code = write_contract(cli, &args, &err);
	g_free(args.prompt);
	if (code >= 0)
		return code;
	if (!err.code)
		return KG_EXIT_REFUSED;
	kg_cli_error(cli, &err);
	return err.code == KG_E_UNSUPPORTED ? KG_EXIT_REFUSED : kg_cli_exit(&err);
}
