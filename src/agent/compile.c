/* From a text to its instructions, for what looks at them without a verdict: comparing programs, wrong variants. */
#include <kgent/agent.h>
#include <kgent/build.h>
#include <kgent/object.h>

#include <string.h>

/* Without what is for the proof alone. */
static int parse(const char *text, GPtrArray *diags, struct kg_bt_program **ret, char **ret_text)
{
	guint before = kg_diags_errors(diags);
	int r = kg_bt_parse(text, strlen(text), diags, ret);

	if (r)
		return r;
	kg_bt_check_inline(*ret, diags);
	if (kg_diags_errors(diags) > before)
		return -KG_E_PARSE;
	*ret_text = kg_bt_without_inline(*ret, text);
	*ret = kg_bt_free(*ret);
	return kg_bt_parse(*ret_text, strlen(*ret_text), diags, ret);
}

static int read_text(const char *text, const struct kg_check_opts *opts, GPtrArray *diags, struct kg_compiled *ret, char **ret_text, gboolean *ret_unsafe,
		     struct kg_error *err)
{
	struct kg_effects *effects = NULL;
	int r = parse(text, diags, &ret->program, ret_text);

	if (r)
		return kg_error_set(err, KG_E_PARSE, "compile", "it does not parse");
	r = kg_effects_read(ret->program, opts->profile, NULL, &effects, err);
	if (r)
		return r;
	*ret_unsafe = effects->changes_system;
	if (kg_policy_check(effects, opts->allowed, diags))
		r = kg_error_set(err, KG_E_REFUSED, "compile", "it does something that was not allowed");
	kg_effects_free(effects);
	return r;
}

static int build(const char *text, const struct kg_build_opts *opts, GPtrArray *diags, GBytes **ret, struct kg_error *err)
{
	struct kg_build_result res = {0};
	int r = kg_build(text, opts, &res, err);

	if (r == 0 && res.object)
		*ret = g_bytes_ref(res.object);
	else if (r == 0 && res.outcome == KG_BUILD_FAILED)
		r = kg_error_set(err, KG_E_PARSE, "compile", "it does not compile");
	else if (r == 0)
		r = kg_error_set(err, KG_E_TOOL, "compile", "%s", res.why ? res.why : "nothing was made");
	for (guint i = 0; res.diags && i < res.diags->len; i++) {
		const struct kg_diag *diag = res.diags->pdata[i];
		if (diag->severity == KG_ERROR)
			kg_diag_add(diags, diag->severity, diag->check, diag->loc, "%s", diag->msg);
	}
	kg_build_result_clear(&res);
	return r;
}

/* The instructions of a text that policy has seen, for the kernel of the profile; [program] is its tree. */
static int object_of(const char *text, const struct kg_bt_program *program, gboolean allow_unsafe, const struct kg_check_opts *opts, GPtrArray *diags,
		     struct kg_object **ret, struct kg_error *err)
{
	struct kg_bpftrace found = {0};
	struct kg_build_opts how = {.tool = opts->tool, .limits = opts->limits, .pid = opts->pid, .profile = opts->profile, .allow_unsafe = allow_unsafe};
	g_autoptr(GBytes) elf = NULL;
	struct kg_object *object = NULL;
	int r = 0;

	if (!how.tool) {
		r = kg_bpftrace_find(&found, err);
		how.tool = &found;
	}
	if (r == 0)
		r = build(text, &how, diags, &elf, err);
	if (r == 0)
		r = kg_object_read(elf, opts->profile, &object, err);
	if (r == 0)
		r = kg_object_bpftrace(object, program, how.tool, opts->limits, opts->profile, err);
	kg_bpftrace_clear(&found);
	if (r)
		kg_object_free(object);
	else
		*ret = object;
	return r;
}

int kg_compile_program(const char *text, const struct kg_check_opts *opts, GPtrArray *diags, struct kg_compiled *ret, struct kg_error *err)
{
	g_autofree char *plain = NULL;
	gboolean allow_unsafe = FALSE;
	int r = read_text(text, opts, diags, ret, &plain, &allow_unsafe, err);

	if (r == 0)
		r = object_of(plain, ret->program, allow_unsafe, opts, diags, &ret->object, err);
	if (r)
		kg_compiled_clear(ret);
	return r;
}

int kg_compile_copy(void *check_opts, const char *text, const struct kg_bt_program *program, struct kg_object **ret, struct kg_error *err)
{
	const struct kg_check_opts *opts = check_opts;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	struct kg_effects *effects = NULL;
	gboolean changes_system;
	int r = kg_effects_read(program, opts->profile, NULL, &effects, err);

	if (r)
		return r;
	changes_system = effects->changes_system;
	kg_effects_free(effects);
	return object_of(text, program, changes_system, opts, diags, ret, err);
}

void kg_compiled_clear(struct kg_compiled *compiled)
{
	kg_bt_free(compiled->program);
	kg_object_free(compiled->object);
	*compiled = (struct kg_compiled){0};
}
