/*
 * Contracts against a kernel, for tests: contracts [-p PROFILE] [-j] FILE...
 *
 * Each FILE is read and held against the profile (the running kernel's without -p); findings go to standard error as a compiler writes them. With -j the
 * contract is printed as JSON, read again and printed again, and the two must be equal. Exit status 1 if there was an error.
 */
#include <kgent/contract.h>

#include <stdio.h>
#include <string.h>

static gboolean show(const GPtrArray *diags, const char *file, const char *text)
{
	g_autoptr(GString) out = g_string_new(NULL);

	kg_diags_render(diags, file, text, FALSE, out);
	fputs(out->str, stderr);
	return kg_diags_errors(diags) == 0;
}

static gboolean round_trip(const struct kg_contract *c, const char *file)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autofree char *json = kg_contract_json(c), *again = NULL;
	struct kg_contract *copy = NULL;

	fputs(json, stdout);
	if (kg_contract_read(json, strlen(json), diags, &copy) == 0)
		again = kg_contract_json(copy);
	kg_contract_free(copy);
	if (again && !strcmp(json, again))
		return TRUE;
	show(diags, file, json);
	fprintf(stderr, "%s: its JSON does not give the same contract\n", file);
	return FALSE;
}

static gboolean check_file(const char *file, struct kg_profile *profile, gboolean as_json)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autofree char *text = NULL;
	struct kg_contract *c = NULL;
	gboolean ok;
	gsize len;

	if (!g_file_get_contents(file, &text, &len, NULL)) {
		fprintf(stderr, "%s: can't be read\n", file);
		return FALSE;
	}
	if (kg_contract_read(text, len, diags, &c) == 0)
		kg_contract_check(c, profile, diags);
	ok = show(diags, file, text);
	if (c && as_json)
		ok &= round_trip(c, file);
	kg_contract_free(c);
	return ok;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile_opts opts = {0};
	struct kg_profile *profile = NULL;
	gboolean as_json = FALSE, ok = TRUE;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-j"))
			as_json = TRUE;
		else if (!strcmp(argv[i], "-p") && i + 1 < argc)
			opts.dir = argv[++i];
	}
	if (kg_profile_open(&opts, &profile, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 2;
	}
	for (; i < argc; i++)
		ok &= check_file(argv[i], profile, as_json);
	kg_profile_free(profile);
	return !ok;
}
