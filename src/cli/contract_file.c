/* A contract from a file or of a sentence: see contract_file.h. */
#include "contract_file.h"

#include "files.h"
#include "knowledge.h"

static const char *first_error(const GPtrArray *diags)
{
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *d = diags->pdata[i];

		if (d->severity == KG_ERROR)
			return d->msg;
	}
	return NULL;
}

static int of_sentence(const struct kg_cli *cli, const char *prompt, struct kg_profile *profile, struct kg_contract **ret, struct kg_error *err)
{
	int r = kg_knowledge_contract(cli, prompt, profile, ret, err);

	return r == -KG_E_REFUSED ? kg_error_set(err, KG_E_REFUSED, "contract", "there is no contract of a sentence that is not understood") : r;
}

int kg_cli_contract(const struct kg_cli *cli, const struct kg_contract_from *from, const char *kernel, struct kg_profile *profile, struct kg_contract **ret,
		    struct kg_error *err)
{
	const char *file = from->file;
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) out = g_string_new(NULL);
	gsize len;
	int r;

	*ret = NULL;
	if (from->prompt)
		return of_sentence(cli, from->prompt, profile, ret, err);
	if (!file)
		return 0;
	r = kg_cli_read(file, KG_CONTRACT_MAX_BYTES, &text, &len, err);
	if (r)
		return r;
	r = kg_contract_read(text, len, diags, ret);
	if (r == 0)
		r = kg_contract_check(*ret, profile, diags);
	if (diags->len && kernel)
		kg_cli_note(cli, "with %s:", kernel);
	kg_diags_render(diags, file, text, cli->color_err, out);
	kg_cli_err(out->str);
	if (r == 0)
		return 0;
	*ret = kg_contract_free(*ret);
	if (kernel && first_error(diags))
		return kg_error_set(err, KG_E_INVAL, "contract", "%s: the contract can't be used: %s", file, first_error(diags));
	return kg_error_set(err, KG_E_INVAL, "contract", "%s: the contract can't be used", file);
}
