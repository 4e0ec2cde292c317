/*
 * The text of a contract: whatever it is, it is taken or refused with a finding; what is taken gives the same contract through JSON, and its
 * expressions are evaluated in a world of zeros without a kernel.
 */
#include <kgent/contract.h>

#include <stddef.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_zero(void *self, enum kg_space space, struct kg_word address, unsigned n, struct kg_word *ret, struct kg_error *err)
{
	g_assert(n >= 1 && n <= 8);
	*ret = KG_WORD(0);
	return 0;
}

static int builtin_zero(void *self, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	return 0;
}

/* A profile directory without sources: no kernel is asked, but types of C are known. */
static struct kg_profile *bare_profile(void)
{
	static struct kg_profile *p;
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *dir = NULL, *meta = NULL;
	struct kg_profile_opts opts = {.cache_dir = ""};

	if (p)
		return p;
	dir = g_dir_make_tmp("kgent-fuzz-XXXXXX", NULL);
	meta = g_build_filename(dir, "meta.json", NULL);
	g_file_set_contents(meta, "{\"format\": 1, \"release\": \"6.1.0\", \"arch\": \"x86_64\"}", -1, NULL);
	opts.dir = dir;
	if (kg_profile_open(&opts, &p, &err) < 0)
		p = NULL;
	unlink(meta);
	rmdir(dir);
	return p;
}

static void evaluate(const struct kg_contract *c, const struct kg_contract_clause *clause, const struct kg_contract_expr *e,
		     struct kg_profile *profile)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autoptr(GPtrArray) keep = kg_expr_keep_new();
	const struct kg_bt_node *failed = NULL;
	struct kg_expr_env env = {.algebra = &kg_numbers, .profile = profile, .keep = keep, .failed = &failed, .read = read_zero,
				  .builtin = builtin_zero};
	struct kg_expr_value v;
	int r;

	if (!e->node)
		return;
	kg_contract_env(c, clause, &env);
	r = kg_expr_eval(e->node, &env, &v, &err);
	g_assert(r == 0 ? !err.code : err.code == -r && failed);
	for (int as = 0; r == 0 && as < KG_ASES; as++) {
		_cleanup_error_ struct kg_error why = {0};
		struct kg_expr_value shown;

		r = kg_expr_shown(&v, (enum kg_as)as, &env, &shown, &why);
		g_assert(r == 0 ? !why.code : why.code == -r);
		r = 0;
	}
}

static void try_contract(const struct kg_contract *c)
{
	struct kg_profile *profile = bare_profile();

	for (guint i = 0; i < c->ways->len; i++) {
		const struct kg_contract_way *w = c->ways->pdata[i];

		g_assert(w->clauses->len > 0);
		for (guint j = 0; j < w->clauses->len; j++) {
			const struct kg_contract_clause *clause = w->clauses->pdata[j];

			for (guint k = 0; k < clause->obligations->len; k++) {
				const struct kg_obligation *o = clause->obligations->pdata[k];

				g_assert(o->what && *o->what && !kg_obligation_info(o->kind)->is_built_in);
				if (profile) {
					evaluate(c, clause, &o->value.expr, profile);
					evaluate(c, clause, &o->value.when, profile);
					evaluate(c, clause, &o->condition, profile);
				}
			}
		}
	}
}

static void round_trip(const struct kg_contract *c)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autofree char *json = kg_contract_json(c), *again = NULL;
	struct kg_contract *copy = NULL;

	if (strlen(json) > KG_CONTRACT_MAX_BYTES)
		return;
	g_assert(kg_contract_read(json, strlen(json), diags, &copy) == 0);
	again = kg_contract_json(copy);
	g_assert(!strcmp(json, again));
	kg_contract_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_contract *c = NULL;
	int r = kg_contract_read((const char *)data, size, diags, &c);

	g_assert(r == 0 ? c && !kg_diags_errors(diags) : !c && kg_diags_errors(diags));
	if (c) {
		try_contract(c);
		kg_contract_check(c, NULL, diags);
		round_trip(c);
	}
	kg_contract_free(c);
	return 0;
}
