/*
 * From a program text to a verdict: the list of checks, cheapest first.
 *
 * The list is the table `stages`, one row a check and one row of the verdict. A check says what it saw; "passed" only where it was
 * seen, "not checked" always with the reason. Those that only read the text are all made, so that one answer holds all
 * findings; those behind them cost time or privileges and are not reached once something failed.
 */
#include "boxed.h"
#include "says.h"
#include "trial.h"

#include <kgent/agent.h>
#include <kgent/build.h>
#include <kgent/load.h>
#include <kgent/object.h>
#include <kgent/prove.h>
#include <kgent/text.h>

#include <string.h>

/* What the checks share while they are made. */
struct checking {
	const char *text;  /* with a NUL behind it */
	char *plain;       /* what is built and loaded: without assume() and assert(); NULL until it parses */
	gsize len;
	const struct kg_check_opts *opts;
	const struct kg_bpftrace *tool; /* or NULL: there is none, see tool_error */
	struct kg_error tool_error;
	struct kg_verdict *verdict;
	GBytes *object;                 /* what the build made, or NULL */
	struct boxed boxed; /* where another kernel than the running one is asked */
};

/* ---------------------------------------------------------------- findings, by the check that made them */

/* The names of findings that belong to a row. */
static const char *const of_attach[] = {"attach", NULL};
static const char *const of_types[] = {"types", "maps", "variables", "bytes", NULL};
static const char *const of_version[] = {"version", NULL};
static const char *const of_syntax[] = {"syntax", NULL};
static const char *const of_policy[] = {"policy", NULL};

struct tally {
	guint errors, warnings;
	const struct kg_diag *first; /* the first error */
};

static struct tally count_findings(const GPtrArray *diags, const char *const *names)
{
	struct tally tally = {0};

	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *diag = diags->pdata[i];
		if (names && !(diag->check && g_strv_contains(names, diag->check)))
			continue;
		tally.errors += diag->severity == KG_ERROR;
		tally.warnings += diag->severity == KG_WARNING;
		if (diag->severity == KG_ERROR && !tally.first)
			tally.first = diag;
	}
	return tally;
}

/* Fail the row if one of its findings is an error. */
static gboolean fails_by(struct kg_check *check, const struct tally *tally)
{
	if (!tally->errors)
		return FALSE;
	g_autofree char *more = tally->errors > 1 ? g_strdup_printf(" (and %u more)", tally->errors - 1) : g_strdup("");
	g_autofree char *place = tally->first->loc.line ? g_strdup_printf("line %d: ", tally->first->loc.line) : g_strdup("");

	agent_says(check, KG_CHECK_FAILED, "%s%s%s", place, tally->first->msg, more);
	if (tally->first->hint)
		check->mend = g_strdup(tally->first->hint);
	return TRUE;
}

static const char *warned(const struct tally *tally)
{
	return tally->warnings ? ", with warnings" : "";
}

/* ---------------------------------------------------------------- the checks of the text */

static void check_text(struct checking *c, struct kg_check *check)
{
	const char *bad;

	if (c->len > KG_BT_MAX_BYTES)
		agent_says(check, KG_CHECK_FAILED, "%zu bytes; at most %u are read", c->len, KG_BT_MAX_BYTES);
	else if (memchr(c->text, '\0', c->len))
		agent_says(check, KG_CHECK_FAILED, "this is no text: byte %td is NUL", (const char *)memchr(c->text, '\0', c->len) - c->text);
	else if (!g_utf8_validate(c->text, c->len, &bad))
		agent_says(check, KG_CHECK_FAILED, "this is not UTF-8: byte %td", bad - c->text);
	else if (strspn(c->text, " \t\r\n") == c->len)
		agent_says(check, KG_CHECK_FAILED, "there is no program in it");
	else
		agent_says(check, KG_CHECK_PASSED, "%zu bytes", c->len);
}

static void check_syntax(struct checking *c, struct kg_check *check)
{
	int code = kg_bt_parse(c->text, c->len, c->verdict->diags, &c->verdict->program);
	struct tally tally = count_findings(c->verdict->diags, code ? NULL : of_syntax);

	if (fails_by(check, &tally))
		return;
	if (code)
		agent_says(check, KG_CHECK_FAILED, "it could not be parsed (%s)", kg_errc_name(-code));
	else
		c->plain = kg_bt_without_inline(c->verdict->program, c->text);
	if (c->plain)
		agent_says(check, KG_CHECK_PASSED, "%u probe%s", c->verdict->program->probes->len,
		     c->verdict->program->probes->len == 1 ? "" : "s");
}

/* All of kg_bt_check() is one walk over the tree; it is made where the first of its rows stands. */
static void hold_against_kernel(struct checking *c)
{
	struct kg_bt_version version = {0};

	if (c->tool)
		version = (struct kg_bt_version){c->tool->major, c->tool->minor, c->tool->patch};
	kg_bt_check(c->verdict->program, c->opts->profile, c->tool ? &version : NULL, c->verdict->diags);
}

static gboolean is_always_there(enum kg_probe_kind kind)
{
	const struct kg_probe_info *info = kg_probe_info(kind);

	return kind == KG_PROBE_BEGIN || kind == KG_PROBE_END || kind == KG_PROBE_SELF || info->is_timer;
}

/* Was this attach point really seen in the profile? If not, *why says so (borrowed from [point] or static). */
static gboolean was_seen(struct kg_profile *profile, const struct kg_bt_attach *attach, struct kg_point **point, const char **why)
{
	*point = NULL;
	if (is_always_there(attach->kind))
		return TRUE;
	if (attach->is_wildcard) {
		g_autoptr(GPtrArray) names = kg_profile_match(profile, attach->kind, attach->target, 1);
		*why = "nothing in the profile matches this pattern";
		return names && names->len > 0;
	}
	if (kg_profile_find(profile, attach->kind, attach->target, point, NULL)) {
		*why = "the profile does not know such attach points";
		return FALSE;
	}
	*why = (*point)->why ?: "it could not be found out whether it can be used";
	return (*point)->usable == KG_YES;
}

static void check_attach(struct checking *c, struct kg_check *check)
{
	guint n = 0, unseen = 0;
	g_autofree char *example = NULL;

	hold_against_kernel(c);
	struct tally tally = count_findings(c->verdict->diags, of_attach);
	if (fails_by(check, &tally))
		return;
	if (!c->opts->profile) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "no kernel profile");
		return;
	}
	for (guint i = 0; i < c->verdict->program->probes->len; i++) {
		const struct kg_bt_probe *probe = c->verdict->program->probes->pdata[i];
		for (guint j = 0; j < probe->attach->len; j++, n++) {
			const struct kg_bt_attach *attach = probe->attach->pdata[j];
			struct kg_point *point;
			const char *why = "";
			if (!was_seen(c->opts->profile, attach, &point, &why) && !unseen++)
				example = g_strdup_printf("%s: %s", attach->raw, why);
			kg_point_free(point);
		}
	}
	if (unseen)
		agent_says(check, KG_CHECK_NOT_CHECKED, "%u of %u could not be looked up: %s", unseen, n, example);
	else
		agent_says(check, KG_CHECK_PASSED, "%u, all of them in Linux %s%s", n, kg_profile_release(c->opts->profile), warned(&tally));
}

static void check_types(struct checking *c, struct kg_check *check)
{
	struct tally tally = count_findings(c->verdict->diags, of_types);

	if (fails_by(check, &tally))
		return;
	if (!c->opts->profile)
		agent_says(check, KG_CHECK_NOT_CHECKED, "no kernel profile; nothing wrong was seen in what needs none");
	else
		agent_says(check, KG_CHECK_PASSED, "no contradiction to the kernel's types%s", warned(&tally));
}

static void check_version(struct checking *c, struct kg_check *check)
{
	struct tally tally = count_findings(c->verdict->diags, of_version);

	if (fails_by(check, &tally))
		return;
	if (!c->tool) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", c->tool_error.msg);
		check->mend = g_strdup(c->tool_error.hint);
	} else {
		agent_says(check, KG_CHECK_PASSED, "nothing that %s lacks%s", c->tool->text, warned(&tally));
	}
}

/* What can't be seen through must not pass: where the effects can't be read off, this check fails. */
static void check_policy(struct checking *c, struct kg_check *check)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_verdict *verdict = c->verdict;

	if (kg_effects_read(verdict->program, c->opts->profile, NULL, &verdict->effects, &err)) {
		agent_says(check, KG_CHECK_FAILED, "what it does could not be read off: %s", err.msg);
		check->mend = g_strdup(err.hint);
		return;
	}
	verdict->is_policy = kg_policy_check(verdict->effects, c->opts->allowed, verdict->diags) != 0;
	struct tally tally = count_findings(verdict->diags, of_policy);
	if (fails_by(check, &tally))
		return;
	if (verdict->is_policy)
		agent_says(check, KG_CHECK_FAILED, "refused");
	else if (verdict->effects->changes_system)
		agent_says(check, KG_CHECK_PASSED, "it changes the system, which was allowed by name%s", warned(&tally));
	else
		agent_says(check, KG_CHECK_PASSED, "it only observes%s", warned(&tally));
	/* bpftrace has a limit of its own, which is raised only as far as what was allowed here. */
	if (verdict->effects->n_places > KG_SAFETY_MAX_PROBES)
		verdict->limits.max_probes = MAX(verdict->limits.max_probes, (int)verdict->effects->n_places + 16);
}

/* ---------------------------------------------------------------- the checks by tools */

static void take_findings(struct checking *c, GPtrArray *diags)
{
	gsize n;
	gpointer *all = g_ptr_array_steal(diags, &n);

	for (gsize i = 0; i < n; i++)
		g_ptr_array_add(c->verdict->diags, all[i]);
	g_free(all);
}

/* A finding of one that stays. */
static gpointer copy_diag(gconstpointer data, gpointer user)
{
	const struct kg_diag *from = data;
	struct kg_diag *diag = g_new(struct kg_diag, 1);

	*diag = *from;
	diag->msg = g_strdup(from->msg);
	diag->hint = g_strdup(from->hint);
	return diag;
}

static gboolean is_other_kernel(const struct checking *c)
{
	return c->opts->profile && !kg_profile_is_running(c->opts->profile);
}

static gboolean lacks_tool(struct checking *c, struct kg_check *check)
{
	if (c->tool)
		return FALSE;
	agent_says(check, KG_CHECK_NOT_CHECKED, "%s", c->tool_error.msg);
	check->mend = g_strdup(c->tool_error.hint);
	return TRUE;
}

static void error_not_checked(struct kg_check *check, struct kg_error *err)
{
	agent_says(check, KG_CHECK_NOT_CHECKED, "%s", err->msg);
	check->mend = g_strdup(err->hint);
	kg_error_clear(err);
}

/* What changes the system was allowed by now, or policy would have failed. */
static gboolean is_unsafe(const struct checking *c)
{
	return c->verdict->effects && c->verdict->effects->changes_system;
}

static void load_opts(const struct checking *c, struct kg_load_opts *ret)
{
	*ret = (struct kg_load_opts){.tool = c->tool, .limits = &c->verdict->limits, .allow_unsafe = is_unsafe(c), .pid = c->opts->pid,
				     .command = c->opts->command};
}

/* In a sandbox compiling and loading are one; this row tells of the first half. */
static void check_boxed_build(struct checking *c, struct kg_check *check)
{
	struct kg_load_opts opts;

	load_opts(c, &opts);
	const struct kg_load_result *res = boxed_load(&c->boxed, c->plain, &opts, c->verdict->program);

	if (res->outcome == KG_LOAD_NOT_CHECKED && res->n_probes < 0) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", res->why);
		check->mend = g_strdup(res->mend);
	} else if (boxed_is_compiler(res)) {
		struct tally tally = count_findings(res->diags, NULL);

		if (!fails_by(check, &tally))
			agent_says(check, KG_CHECK_FAILED, "%s", res->why);
		g_ptr_array_extend(c->verdict->diags, res->diags, copy_diag, NULL);
	} else {
		agent_says(check, KG_CHECK_PASSED, "%s compiles it, in a sandbox with %s", c->tool->text, c->boxed.kernel);
	}
}

static struct kg_build_opts build_opts(const struct checking *c)
{
	return (struct kg_build_opts){.tool = c->tool, .limits = &c->verdict->limits, .allow_unsafe = is_unsafe(c), .pid = c->opts->pid,
				      .profile = c->opts->profile};
}

static void check_build(struct checking *c, struct kg_check *check)
{
	struct kg_build_opts opts = build_opts(c);
	struct kg_build_result res = {0};
	_cleanup_error_ struct kg_error err = {0};

	if (lacks_tool(c, check))
		return;
	if (c->boxed.kernel && !c->opts->no_load) {
		check_boxed_build(c, check);
		return;
	}
	if (kg_build(c->plain, &opts, &res, &err)) {
		error_not_checked(check, &err);
		return;
	}
	g_autofree char *took = kg_text_duration(res.took_ns);
	struct tally tally = count_findings(res.diags, NULL);
	const char *other = is_other_kernel(c) ? kg_profile_release(c->opts->profile) : NULL;
	if (res.outcome == KG_BUILD_COMPILED) {
		agent_says(check, KG_CHECK_PASSED, "%s compiles it%s%s, in %s%s", c->tool->text, other ? " for " : "", other ?: "", took, warned(&tally));
	} else if (res.outcome == KG_BUILD_NOT_CHECKED) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", res.why);
		check->mend = g_strdup(res.mend);
	} else if (!fails_by(check, &tally)) {
		agent_says(check, KG_CHECK_FAILED, "%s does not compile it", c->tool->text);
	}
	if (res.object && !c->object)
		c->object = g_bytes_ref(res.object);
	take_findings(c, res.diags);
	kg_build_result_clear(&res);
}

/*
 * What is proved about: the tree, and its instructions with names and shapes of the maps. assume() and assert() are lowered in a copy, which is
 * compiled for the proof alone.
 */
struct proved {
	struct kg_bt_program *lowered; /* NULL: the program has none of them */
	const struct kg_bt_program *program;
	struct kg_object *object;
};

static void proved_clear(struct proved *p)
{
	kg_bt_free(p->lowered);
	kg_object_free(p->object);
}

static int build_text(struct checking *c, const char *text, GBytes **ret, struct kg_error *err)
{
	struct kg_build_opts opts = build_opts(c);
	struct kg_build_result res = {0};
	int r = kg_build(text, &opts, &res, err);

	if (r == 0 && res.object)
		*ret = g_bytes_ref(res.object);
	else if (r == 0)
		r = kg_error_set(err, KG_E_TOOL, "proof", "%s", res.why ? res.why : "it does not compile");
	kg_build_result_clear(&res);
	return r;
}

static int lower(struct checking *c, struct proved *p, GBytes **ret, struct kg_error *err)
{
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autoptr(GString) text = g_string_new(NULL);

	if (kg_bt_parse(c->text, strlen(c->text), diags, &p->lowered))
		return kg_error_set(err, KG_E_PARSE, "proof", "it does not parse");
	kg_bt_lower_inline(p->lowered);
	kg_bt_print(p->lowered, text);
	return build_text(c, text->str, ret, err);
}

/* Also where the build's row was not reached: the program need not attach here to be proved. */
static int compile_for_proof(struct checking *c, gboolean with_inline, struct proved *p, struct kg_error *err)
{
	g_autoptr(GBytes) elf = NULL;
	int r = 0;

	if (with_inline && kg_bt_count_inline(c->verdict->program)) {
		r = lower(c, p, &elf, err);
	} else {
		if (!c->object)
			r = build_text(c, c->plain, &c->object, err);
		elf = c->object ? g_bytes_ref(c->object) : NULL;
	}
	p->program = p->lowered ? p->lowered : c->verdict->program;
	if (r == 0)
		r = kg_object_read(elf, c->opts->profile, &p->object, err);
	if (r == 0)
		r = kg_object_bpftrace(p->object, p->program, c->tool, &c->verdict->limits, c->opts->profile, err);
	return r;
}

static const char *plural(guint n)
{
	return n == 1 ? "" : "s";
}

/* What the contract leaves out; NULL: nothing. Owned. */
static char *left_of(const struct kg_contract *contract)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; i < contract->left->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "", (char *)contract->left->pdata[i]);
	return text->len ? g_strdup(text->str) : NULL;
}

static void proof_says(struct kg_check *check, const struct kg_proof *proof, const struct kg_contract *contract)
{
	guint n_refuted = kg_proof_count(proof, KG_PROOF_REFUTED), n_unknown = kg_proof_count(proof, KG_PROOF_UNKNOWN);
	const struct kg_obligation_result *first = NULL;
	g_autofree char *took = kg_text_duration(proof->took_ns), *left = contract ? left_of(contract) : NULL;

	for (guint i = 0; i < proof->results->len && !first; i++) {
		const struct kg_obligation_result *r = proof->results->pdata[i];
		if (r->word == proof->word && r->word != KG_PROOF_PROVED)
			first = r;
	}
	if (n_refuted)
		agent_says(check, KG_CHECK_FAILED, "%u of %u obligations refuted: %s: %s", n_refuted, proof->results->len, first->what, first->why ?: "");
	else if (n_unknown)
		agent_says(check, KG_CHECK_NOT_CHECKED, "%u of %u obligations unknown: %s: %s", n_unknown, proof->results->len, first->what, first->why ?: "");
	else
		agent_says(check, KG_CHECK_PASSED, "%u obligation%s proved, in %s%s%s", proof->results->len, plural(proof->results->len), took,
			   left ? "; not proved: " : "", left ? left : "");
	if (first && first->mend)
		check->mend = g_strdup(first->mend);
}

/* Can the contract fail? One that refutes no wrong variant has shown nothing. */
static void mutate(struct checking *c, struct kg_check *check, const struct kg_prove_opts *prove)
{
	struct kg_check_opts opts = *c->opts;
	struct kg_compiled plain = {0};
	g_autoptr(GPtrArray) diags = kg_diags_new();
	g_autofree char *summary = NULL, *detail = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (prove->bounds.stop && *prove->bounds.stop)
		return;
	opts.tool = c->tool;
	opts.limits = &c->verdict->limits;
	opts.prove = prove;
	if (kg_compile_program(c->text, &opts, diags, &plain, &err) || kg_mutate(plain.program, plain.object, &opts, &c->verdict->mutation, &err)) {
		detail = g_strdup_printf("%s; wrong variants were not tried: %s", check->detail, err.msg);
	} else {
		summary = kg_mutation_summary(c->verdict->mutation);
		detail = g_strdup_printf("%s; %s", check->detail, summary);
		if (c->verdict->mutation->n_wrong && !c->verdict->mutation->n_refuted && check->result == KG_CHECK_PASSED)
			check->result = KG_CHECK_NOT_CHECKED;
	}
	kg_compiled_clear(&plain);
	g_free(check->detail);
	check->detail = g_steal_pointer(&detail);
}

/* The contract is held against what is loaded; what the program asserts of itself is asked of a copy in which that can be seen. */
static int prove(struct checking *c, const struct kg_contract *contract, gboolean with_inline, const struct kg_prove_opts *opts, struct kg_proof **ret,
		 struct kg_error *err)
{
	struct proved p = {0};
	int r = compile_for_proof(c, with_inline, &p, err);

	if (r == 0)
		r = kg_prove(p.object, p.program, contract, c->opts->profile, opts, ret, err);
	proved_clear(&p);
	return r;
}

static gboolean is_at(const GPtrArray *points, const struct kg_bt_attach *attach)
{
	for (guint i = 0; i < points->len; i++)
		if (kg_contract_point_fits(points->pdata[i], attach->kind, attach->target))
			return TRUE;
	return FALSE;
}

/* Does an obligation of the contract speak of this place? */
static gboolean is_known_place(const struct kg_contract *contract, const struct kg_bt_attach *attach)
{
	for (guint w = 0; w < contract->ways->len; w++) {
		const struct kg_contract_way *way = contract->ways->pdata[w];
		for (guint k = 0; k < way->clauses->len; k++) {
			const struct kg_contract_clause *clause = way->clauses->pdata[k];
			for (guint i = 0; i < clause->obligations->len; i++) {
				const struct kg_obligation *o = clause->obligations->pdata[i];
				if (o->kind == KG_OBLIGATION_ON && is_at(o->points, attach))
					return TRUE;
			}
		}
	}
	return FALSE;
}

/* Is any of its probes at a place that the contract knows? What a wildcard stands for is seen by the proof. */
static gboolean is_attached_where_asked(const struct kg_bt_program *program, const struct kg_contract *contract)
{
	for (guint i = 0; i < program->probes->len; i++) {
		const struct kg_bt_probe *probe = program->probes->pdata[i];
		for (guint k = 0; k < probe->attach->len; k++) {
			const struct kg_bt_attach *attach = probe->attach->pdata[k];
			if (attach->is_wildcard || is_known_place(contract, attach))
				return TRUE;
		}
	}
	return FALSE;
}

static void check_proof(struct checking *c, struct kg_check *check)
{
	gboolean has_inline = kg_bt_count_inline(c->verdict->program) > 0;
	struct kg_check_opts copy = *c->opts;
	struct kg_prove_opts opts = {0};
	struct kg_proof *own = NULL;
	_cleanup_error_ struct kg_error err = {0};
	int r = 0;

	if (!c->opts->contract && !has_inline) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "there is no contract%s%s: whether it shows what was asked for is not proved",
			   c->opts->no_contract ? ", since " : "", c->opts->no_contract ? c->opts->no_contract : "");
		return;
	}
	if (c->opts->contract && c->opts->is_asked && !is_attached_where_asked(c->verdict->program, c->opts->contract)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "it is attached elsewhere than the contract of the sentence knows: whether it shows what was asked "
			   "for is not proved");
		return;
	}
	if (lacks_tool(c, check))
		return;
	if (c->opts->prove)
		opts = *c->opts->prove;
	opts.limits = copy.limits = &c->verdict->limits;
	copy.tool = c->tool;
	opts.compile = kg_compile_copy;
	opts.compile_user = &copy;
	if (c->opts->contract)
		r = prove(c, c->opts->contract, FALSE, &opts, &c->verdict->proof, &err);
	if (r == 0 && has_inline)
		r = prove(c, NULL, TRUE, &opts, &own, &err);
	if (r) {
		error_not_checked(check, &err);
		return;
	}
	if (own && c->verdict->proof)
		kg_proof_take_inline(c->verdict->proof, own);
	else if (own)
		c->verdict->proof = own;
	proof_says(check, c->verdict->proof, c->opts->contract);
	if (c->opts->mutate && c->verdict->proof->word != KG_PROOF_REFUTED)
		mutate(c, check, &opts);
	if (!c->opts->contract && check->result == KG_CHECK_PASSED) /* what it shows is a question that nobody has asked */
		check->result = KG_CHECK_NOT_CHECKED;
}

static void load_refused(const struct checking *c, struct kg_check *check, const struct kg_load_result *res)
{
	const struct kg_verifier_finding *f = &res->finding;
	const struct kg_bt_attach *attach = res->probe ? boxed_find_attach(c->verdict->program, res->probe) : NULL;
	g_autofree char *line = attach ? g_strdup_printf("line %d: ", attach->loc.line) : g_strdup("");

	agent_says(check, KG_CHECK_FAILED, "%s%s%s%s%s%s%s%s", line, res->probe ?: "", res->probe ? ": " : "", f->reason ?: res->why ?: "refused",
	     f->insn ? " at instruction " : "", f->insn ?: "", f->source ? ", source line: " : "", f->source ?: "");
	check->mend = g_strdup(f->explanation ?: res->mend);
}

static void take_load(struct checking *c, struct kg_check *check, const struct kg_load_result *res, const char *who)
{
	g_autofree char *took = kg_text_duration(res->took_ns);

	if (res->outcome == KG_LOAD_ACCEPTED) {
		agent_says(check, KG_CHECK_PASSED, "%s accepts %s, in %s", who, res->n_loaded == 1 ? "its program" : "all its programs", took);
	} else if (res->outcome == KG_LOAD_NOT_CHECKED) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "%s", res->why);
		check->mend = g_strdup(res->mend);
	} else {
		load_refused(c, check, res);
	}
}

static void check_boxed_load(struct checking *c, struct kg_check *check)
{
	struct kg_load_opts opts;

	load_opts(c, &opts);
	const struct kg_load_result *res = boxed_load(&c->boxed, c->plain, &opts, c->verdict->program);
	g_autofree char *who = g_strdup_printf("%s, in a sandbox,", c->boxed.box ? kg_sandbox_release(c->boxed.box) : c->boxed.kernel);

	take_load(c, check, res, who);
	if (res->outcome != KG_LOAD_REFUSED || !boxed_is_compiler(res))
		g_ptr_array_extend(c->verdict->diags, res->diags, copy_diag, NULL);
}

/* This user may not load programs, but the same kernel in a sandbox can say what this one would. */
static gboolean try_same_kernel(struct checking *c, struct kg_check *check)
{
	g_autofree char *why = NULL, *mend = NULL;

	if (kg_load_possible(&why, &mend) || c->opts->command || c->opts->pid)
		return FALSE;
	g_autofree char *name = boxed_running_kernel(c->opts);

	if (!name)
		return FALSE;
	c->boxed.kernel = name;
	check_boxed_load(c, check);
	gboolean is_answered = check->result != KG_CHECK_NOT_CHECKED;

	boxed_clear(&c->boxed);
	c->boxed.opts = c->opts;
	return is_answered;
}

static void check_load(struct checking *c, struct kg_check *check)
{
	struct kg_load_opts opts;
	struct kg_load_result res = {0};
	_cleanup_error_ struct kg_error err = {0};

	if (!c->boxed.kernel && is_other_kernel(c)) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "the profile is that of another kernel (%s), and programs are loaded into the running one",
			   kg_profile_release(c->opts->profile));
		return;
	}
	if (lacks_tool(c, check))
		return;
	if (c->opts->prove && c->opts->prove->bounds.stop && *c->opts->prove->bounds.stop) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "it was interrupted");
		return;
	}
	if (c->opts->no_load) {
		agent_says(check, KG_CHECK_NOT_CHECKED, "not asked for");
		return;
	}
	if (c->boxed.kernel) {
		check_boxed_load(c, check);
		return;
	}
	if (try_same_kernel(c, check))
		return;
	load_opts(c, &opts);
	if (kg_load(c->plain, &opts, &res, &err)) {
		error_not_checked(check, &err);
		return;
	}
	take_load(c, check, &res, "the running kernel");
	take_findings(c, res.diags);
	kg_load_result_clear(&res);
}

static void check_trial(struct checking *c, struct kg_check *check)
{
	agent_check_trial(c->text, &c->boxed, c->tool, c->verdict, check);
}

/* ---------------------------------------------------------------- the list */

/* When a check is not reached: one before it has failed, ... */
enum reach {
	NEEDS_TEXT = 1, /* ... which reads bytes */
	NEEDS_TREE,     /* ... without which there is no tree */
	NEEDS_MEANING,  /* ... but for that it can't be attached here */
	NEEDS_ALL,      /* ... any of them */
};

static const struct stage {
	const char *name;
	enum reach needs;
	void (*run)(struct checking *c, struct kg_check *check);
} stages[] = {
	{"text", 0, check_text},
	{"syntax", NEEDS_TEXT, check_syntax},
	{"attach points", NEEDS_TREE, check_attach}, /* makes the findings of the two below as well */
	{"types", NEEDS_TREE, check_types},
	{"version", NEEDS_TREE, check_version},
	{"policy", NEEDS_TREE, check_policy}, /* before anything is given to a compiler or the kernel */
	{"build", NEEDS_ALL, check_build},
	{"proof", NEEDS_MEANING, check_proof},
	{"kernel verifier", NEEDS_ALL, check_load},
	{"trial", NEEDS_ALL, check_trial},
};

static void free_check(gpointer data)
{
	struct kg_check *check = data;

	g_free(check->detail);
	g_free(check->mend);
	g_free(check);
}

/* Which failed check is in the way of this one, or NULL. */
static const struct kg_check *in_the_way(const struct kg_verdict *verdict, enum reach needs)
{
	static const char *const text[] = {"text", NULL}, *const tree[] = {"text", "syntax", NULL};
	const char *const *blockers = needs == NEEDS_TEXT ? text : tree;

	for (guint i = 0; needs && i < verdict->checks->len; i++) {
		const struct kg_check *check = verdict->checks->pdata[i];
		gboolean is_of_place = needs == NEEDS_MEANING && !strcmp(check->name, "attach points");
		if (check->result == KG_CHECK_FAILED && !is_of_place && (needs >= NEEDS_MEANING || g_strv_contains(blockers, check->name)))
			return check;
	}
	return NULL;
}

static gboolean has_passed(const struct kg_verdict *verdict, const char *name)
{
	return kg_verdict_find(verdict, name)->result == KG_CHECK_PASSED;
}

static gboolean has_failed(const struct kg_verdict *verdict, const char *name)
{
	return kg_verdict_find(verdict, name)->result == KG_CHECK_FAILED;
}

/*
 * Fails where something failed, loads where the kernel was seen to accept it, and claims nothing else. A trial that showed something else
 * than was asked for is a counterexample.
 */
static void conclude(struct kg_verdict *verdict)
{
	guint failed = 0;

	for (guint i = 0; i < verdict->checks->len; i++)
		failed += ((struct kg_check *)verdict->checks->pdata[i])->result == KG_CHECK_FAILED;
	verdict->is_policy = verdict->is_policy && failed == 1; /* alone */
	if (failed)
		verdict->word = verdict->trial_findings || (failed == 1 && has_failed(verdict, "proof")) ? KG_VERDICT_REFUTED : KG_VERDICT_REJECTED;
	else if (has_passed(verdict, "kernel verifier"))
		verdict->word = has_passed(verdict, "proof")   ? KG_VERDICT_PROVED
				: has_passed(verdict, "trial") ? KG_VERDICT_CHECKED
							       : KG_VERDICT_LOADED;
	else
		verdict->word = KG_VERDICT_UNLOADED;
}

static void make_checks(struct checking *c)
{
	for (gsize i = 0; i < G_N_ELEMENTS(stages); i++) {
		const struct kg_check *blocker = in_the_way(c->verdict, stages[i].needs);
		struct kg_check *check = g_new0(struct kg_check, 1);

		check->name = stages[i].name;
		check->result = KG_CHECK_NOT_CHECKED;
		if (blocker)
			agent_says(check, KG_CHECK_NOT_CHECKED, "not reached: %s failed", blocker->name);
		else
			stages[i].run(c, check);
		g_ptr_array_add(c->verdict->checks, check);
	}
}

/* ---------------------------------------------------------------- objects that clang made */

static struct kg_check *add_check(struct kg_verdict *verdict, const char *name)
{
	struct kg_check *check = g_new0(struct kg_check, 1);

	check->name = name;
	check->result = KG_CHECK_NOT_CHECKED;
	g_ptr_array_add(verdict->checks, check);
	return check;
}

/* kgent/bpf_assert.h */
static gboolean has_assertions(const struct kg_object *object)
{
	g_autoptr(GArray) variables = kg_object_variables(object, ".data.kg");

	return variables->len > 0;
}

int kg_check_object(GBytes *elf, const struct kg_check_opts *opts, struct kg_verdict **ret, struct kg_error *err)
{
	static const struct kg_check_opts defaults;
	struct kg_verdict *verdict = g_new0(struct kg_verdict, 1);
	struct kg_object *object = NULL;
	struct kg_check *check;
	_cleanup_error_ struct kg_error problem = {0};

	opts = opts ?: &defaults;
	verdict->checks = g_ptr_array_new_with_free_func(free_check);
	verdict->diags = kg_diags_new();
	check = add_check(verdict, "object");
	if (kg_object_read(elf, opts->profile, &object, &problem))
		agent_says(check, KG_CHECK_FAILED, "%s", problem.msg);
	else
		agent_says(check, KG_CHECK_PASSED, "%u program%s, %u map%s", object->programs->len, plural(object->programs->len), object->maps->len,
		     plural(object->maps->len));
	check = add_check(verdict, "proof");
	if (!object)
		agent_says(check, KG_CHECK_NOT_CHECKED, "not reached: object failed");
	else if (!opts->contract && !has_assertions(object))
		agent_says(check, KG_CHECK_NOT_CHECKED, "there is no contract: whether it shows what was asked for is not proved");
	else if (kg_prove(object, NULL, opts->contract, opts->profile, opts->prove, &verdict->proof, err))
		error_not_checked(check, err);
	else
		proof_says(check, verdict->proof, opts->contract);
	if (!opts->contract && check->result == KG_CHECK_PASSED)
		check->result = KG_CHECK_NOT_CHECKED;
	agent_says(add_check(verdict, "kernel verifier"), KG_CHECK_NOT_CHECKED, "its own loader loads it");
	kg_object_free(object);
	conclude(verdict);
	*ret = verdict;
	return 0;
}

int kg_check_program(const char *text, gsize len, const struct kg_check_opts *opts, struct kg_verdict **ret,
		     struct kg_error *err)
{
	static const struct kg_check_opts defaults;
	struct checking c = {.len = len, .opts = opts ?: &defaults};
	struct kg_bpftrace found = {0};

	if (!text || !ret)
		return kg_error_set(err, KG_E_INVAL, "check", "there is nothing to check");
	g_autofree char *copy = g_strndup(text, len); /* stops at a NUL, which is refused before anybody reads on */
	c.text = memchr(text, '\0', len) ? text : copy;
	if (c.opts->tool)
		c.tool = c.opts->tool;
	else if (!kg_bpftrace_find(&found, &c.tool_error))
		c.tool = &found;

	c.verdict = g_new0(struct kg_verdict, 1);
	c.verdict->checks = g_ptr_array_new_with_free_func(free_check);
	c.verdict->diags = kg_diags_new();
	if (c.opts->limits)
		c.verdict->limits = *c.opts->limits;
	c.boxed = (struct boxed){.kernel = c.opts->kernel, .opts = c.opts};
	make_checks(&c);
	conclude(c.verdict);
	boxed_clear(&c.boxed);

	kg_bpftrace_clear(&found);
	kg_error_clear(&c.tool_error);
	g_clear_pointer(&c.object, g_bytes_unref);
	g_free(c.plain);
	*ret = c.verdict;
	return 0;
}
