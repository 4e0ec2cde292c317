/*
 * The proof as a list of steps, its results, and the child process that it runs in.
 */
#include "judge.h"

#include "child.h"
#include "proof.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define INTERRUPTED "it was interrupted"

#define TOTAL_MS 60000 /* of a whole proof, unless the caller says */

const char *kg_proof_name(enum kg_proof_word word)
{
	static const char *const names[] = {"proved", "refuted", "unknown"};

	return names[word];
}

/* ---------------------------------------------------------------- results */

static void result_free(gpointer p)
{
	struct kg_obligation_result *r = p;

	g_free(r->what);
	g_free(r->title);
	g_free(r->why);
	g_free(r->mend);
	g_ptr_array_unref(r->counterexamples);
	g_free(r);
}

static void loss_free(gpointer p)
{
	struct kg_loss *loss = p;

	g_free(loss->what);
	g_free(loss->mend);
	g_free(loss);
}

struct kg_proof *proof_new(void)
{
	struct kg_proof *proof = g_new0(struct kg_proof, 1);

	proof->results = g_ptr_array_new_with_free_func(result_free);
	proof->uncovered = g_ptr_array_new_with_free_func(g_free);
	proof->assumptions = g_ptr_array_new_with_free_func(g_free);
	proof->losses = g_ptr_array_new_with_free_func(loss_free);
	return proof;
}

struct kg_proof *kg_proof_free(struct kg_proof *proof)
{
	if (!proof)
		return NULL;
	g_ptr_array_unref(proof->results);
	g_ptr_array_unref(proof->uncovered);
	g_ptr_array_unref(proof->assumptions);
	g_ptr_array_unref(proof->losses);
	g_free(proof->limit);
	g_free(proof);
	return NULL;
}

struct kg_obligation_result *proof_result(struct kg_proof *proof, enum kg_obligation_kind kind, const char *what)
{
	struct kg_obligation_result *r = g_new0(struct kg_obligation_result, 1);

	r->kind = kind;
	r->what = g_strdup(what);
	r->counterexamples = g_ptr_array_new();
	g_ptr_array_add(proof->results, r);
	return r;
}

struct kg_obligation_result *result_of(struct judge *j, const struct kg_contract_clause *clause, const struct kg_obligation *obligation)
{
	struct kg_obligation_result *r = g_hash_table_lookup(j->result_of, obligation);

	if (!r) {
		r = proof_result(j->proof, obligation->kind, obligation->what);
		r->title = g_strdup(clause->title);
		r->contract_loc = obligation->loc;
		g_hash_table_insert(j->result_of, (gpointer)obligation, r);
	}
	return r;
}

struct kg_obligation_result *result_of_built_in(struct judge *j, enum kg_obligation_kind kind, const char *what)
{
	struct kg_obligation_result *r = g_hash_table_lookup(j->result_of, GINT_TO_POINTER(kind));

	if (!r) {
		r = proof_result(j->proof, kind, what ? what : kg_obligation_info(kind)->plain);
		g_hash_table_insert(j->result_of, GINT_TO_POINTER(kind), r);
	}
	return r;
}

void result_unknown(struct kg_obligation_result *r, const char *fmt, ...)
{
	va_list ap;

	if (r->word != KG_PROOF_PROVED)
		return;
	r->word = KG_PROOF_UNKNOWN;
	va_start(ap, fmt);
	g_free(r->why);
	r->why = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

void result_at(struct kg_obligation_result *r, const struct kg_loc *loc)
{
	if (!r->loc.line)
		r->loc = *loc;
}

gboolean result_is_open(const struct judge *j, const struct kg_obligation_result *r)
{
	return r->counterexamples->len < MAX(j->opts->max_counterexamples, 1);
}

guint kg_proof_count(const struct kg_proof *proof, enum kg_proof_word word)
{
	guint n = 0;

	for (guint i = 0; i < proof->results->len; i++)
		n += ((struct kg_obligation_result *)proof->results->pdata[i])->word == word;
	return n;
}

gboolean proof_is_stopped(const struct kg_prove_opts *opts)
{
	return opts->bounds.stop && *opts->bounds.stop;
}

/* ---------------------------------------------------------------- executors */

struct kg_symex *judge_executor(struct judge *j)
{
	struct kg_symex_opts opts = j->opts->bounds;

	opts.profile = j->profile;
	opts.total_ms = (guint)MAX((j->until - g_get_monotonic_time()) / 1000, 1); /* the time is that of the whole proof */
	return kg_symex_new(&opts);
}

void judge_cost(struct judge *j, struct kg_symex *x)
{
	struct kg_symex_cost cost = kg_symex_cost(x);

	j->proof->n_paths += cost.paths;
	j->proof->n_checks += cost.checks;
	j->proof->solver_ns += cost.solver_ns;
}

/* ---------------------------------------------------------------- on */

static void judge_on(struct judge *j, const struct kg_contract_clause *clause)
{
	for (guint i = 0; i < clause->obligations->len; i++) {
		const struct kg_obligation *o = clause->obligations->pdata[i];
		struct kg_obligation_result *r;
		g_autoptr(GArray) programs = NULL;

		if (o->kind != KG_OBLIGATION_ON)
			continue;
		r = result_of(j, clause, o);
		r->n_paths++;
		programs = programs_at(j, o->points);
		if (programs->len == 0) {
			const struct kg_contract_point *first = o->points->len ? o->points->pdata[0] : NULL;
			r->word = KG_PROOF_REFUTED;
			r->why = g_strdup("the program is not attached there: it does not see what happens");
			r->mend = first ? g_strdup_printf("attach to %s", first->text) : NULL;
		}
	}
}

/* ---------------------------------------------------------------- every */

struct every {
	struct judge *j;
	const struct kg_contract_clause *clause;
	struct kg_obligation_result *r;
	const struct kg_obligation *o;
	struct moment *m;
	gboolean is_shown; /* top: somewhere */
};

/* Where the probe clears something, or the probe. */
struct clearing {
	const struct kg_bt_probe *probe;
	struct kg_loc loc;
};

static gboolean find_clear(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	struct clearing *c = userdata;

	(void)parent;
	if (probe == c->probe && node->kind == KG_BT_CALL && (!strcmp(node->text, "clear") || !strcmp(node->text, "zero")) && !c->loc.line)
		c->loc = node->loc;
	return TRUE;
}

static struct kg_loc clear_of(struct judge *j, guint program)
{
	struct clearing c = {.probe = seer_probe(j->seer, program)};

	if (c.probe)
		kg_bt_walk(j->program, find_clear, NULL, &c);
	return c.loc.line || !c.probe ? c.loc : c.probe->loc;
}

static void visit_interval(const struct kg_path *path, void *user)
{
	struct every *e = user;
	struct seen_all *seen;
	gboolean prints = FALSE, clears = FALSE, is_cleared_first = FALSE;

	e->r->n_paths++;
	if (!path->is_complete) {
		result_unknown(e->r, "%s", path->why);
		return;
	}
	seen = seer_look(e->j->seer, e->m->program, path->effects, before_of_path, (void *)path);
	prints = seen->n_records > 0;
	for (guint i = 0; i < seen->actions->len; i++) {
		const struct seen_action *action = &g_array_index(seen->actions, struct seen_action, i);
		if (action->kind == SEEN_PRINT_MAP)
			for (guint k = 0; k < i; k++) {
				const struct seen_action *earlier = &g_array_index(seen->actions, struct seen_action, k);
				is_cleared_first |= earlier->map == action->map && (earlier->kind == SEEN_CLEAR_MAP || earlier->kind == SEEN_ZERO_MAP);
			}
		prints |= action->kind == SEEN_PRINT_MAP;
		clears |= action->kind == SEEN_CLEAR_MAP || action->kind == SEEN_ZERO_MAP;
	}
	for (guint i = 0; i < seen->changes->len; i++) {
		const struct seen_change *change = &g_array_index(seen->changes, struct seen_change, i);
		clears |= change->is_deleted || change->aggregate == KG_AGGREGATE_NONE;
	}
	if (!prints || is_cleared_first || (e->o->clear == KG_YES && !clears) || (e->o->clear == KG_NO && clears)) {
		e->r->word = KG_PROOF_REFUTED;
		e->r->loc = clear_of(e->j, e->m->program);
		g_free(e->r->why);
		e->r->why = g_strdup(!prints ? "nothing is shown at this interval" : is_cleared_first ? "it is cleared before it is shown" : clears ? "it is cleared each time" : "it is not cleared: it goes on adding up");
	}
	seen_all_free(seen);
}

static uint64_t interval_ns(const char *attach)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {{"s", 1000000000ull}, {"ms", 1000000}, {"us", 1000}, {"hz", 0}};
	g_auto(GStrv) parts = g_strsplit(attach, ":", 3);
	uint64_t n;

	if (g_strv_length(parts) != 3)
		return 0;
	n = g_ascii_strtoull(parts[2], NULL, 10);
	for (guint i = 0; i < G_N_ELEMENTS(units); i++)
		if (!strcmp(parts[1], units[i].unit))
			return units[i].ns ? n * units[i].ns : n ? 1000000000ull / n : 0;
	return 0;
}

static gboolean is_interval(const struct kg_bpf_program *p, uint64_t ns)
{
	return p->kind == KG_PROBE_INTERVAL && interval_ns(p->attach) == ns;
}

/* All paths of one program, from any maps. */
static void run_alone(struct every *e, guint program, kg_path_fn visit)
{
	struct kg_symex *x = judge_executor(e->j);
	struct kg_state *start = kg_symex_start(x, e->j->object, KG_MAPS_ANY);
	_cleanup_error_ struct kg_error err = {0};

	e->m = moment_new(e->j, x, e->clause, program, NULL, &err);
	if (!e->m || kg_symex_run(x, e->j->object, program, e->m->event, start, visit, e, &err))
		result_unknown(e->r, "%s", err.msg);
	judge_cost(e->j, x);
	kg_state_free(start);
	e->m = moment_free(e->m);
	kg_symex_free(x);
}

static void judge_every(struct judge *j, const struct kg_contract_clause *clause, const struct kg_obligation *o)
{
	struct every e = {.j = j, .clause = clause, .o = o, .r = result_of(j, clause, o)};
	gboolean is_there = FALSE;

	for (guint i = 0; i < j->object->programs->len; i++) {
		if (!is_interval(j->object->programs->pdata[i], o->interval_ns))
			continue;
		is_there = TRUE;
		g_hash_table_add(j->covered, GUINT_TO_POINTER(i + 1));
		run_alone(&e, i, visit_interval);
	}
	if (!is_there) {
		e.r->word = KG_PROOF_REFUTED;
		e.r->n_paths++;
		e.r->why = g_strdup("no probe runs at this interval");
	}
}

/* ---------------------------------------------------------------- probes that nobody asked for */

/* An aggregation that the contract asks for, and that another event adds to as well, counts too much. */
struct intruding {
	struct judge *j;
	struct moment *m;
};

static void visit_intruder(const struct kg_path *path, void *user)
{
	struct intruding *in = user;
	struct seen_all *seen;

	if (!path->is_complete)
		return; /* a path that is not known of a probe that was not asked for: it is named as not asked */
	seen = seer_look(in->j->seer, in->m->program, path->effects, before_of_path, (void *)path);
	for (guint i = 0; i < seen->changes->len; i++) {
		const struct seen_change *change = &g_array_index(seen->changes, struct seen_change, i);
		struct kg_obligation_result *r = g_hash_table_lookup(in->j->added_up, GINT_TO_POINTER(change->map + 1));
		struct refutation ref = {.moments = {in->m}, .paths = {path}, .n = 1, .seen = seen, .condition = KG_WORD(1), .tells_path = TRUE, .loc = change->loc,
					 .why = "another event adds to it as well", .shown_text = "one more entry or a changed one", .wanted_text = "nothing"};
		if (r && !change->is_deleted && result_is_open(in->j, r))
			refute(in->j, r, &ref);
	}
	seen_all_free(seen);
}

static void judge_intruders(struct judge *j)
{
	for (guint i = 0; g_hash_table_size(j->added_up) && i < j->object->programs->len; i++) {
		const struct kg_bpf_program *p = j->object->programs->pdata[i];
		struct intruding in = {.j = j};
		struct kg_symex *x;
		struct kg_state *start;
		_cleanup_error_ struct kg_error e = {0};

		if (p->kind == KG_PROBE_BEGIN || p->kind == KG_PROBE_END || p->kind == KG_PROBE_INTERVAL ||
		    g_hash_table_contains(j->covered, GUINT_TO_POINTER(i + 1)))
			continue;
		x = judge_executor(j);
		in.m = moment_new(j, x, NULL, i, NULL, &e);
		start = kg_symex_start(x, j->object, KG_MAPS_ANY);
		if (in.m)
			kg_symex_run(x, j->object, i, in.m->event, start, visit_intruder, &in, &e);
		judge_cost(j, x);
		kg_state_free(start);
		moment_free(in.m);
		kg_symex_free(x);
	}
}

/* ---------------------------------------------------------------- exit */

static void is_wrong(struct every *e, const char *why)
{
	const struct kg_bt_probe *probe = e->m ? seer_probe(e->j->seer, e->m->program) : NULL;

	e->r->word = KG_PROOF_REFUTED;
	g_free(e->r->why);
	e->r->why = g_strdup(why);
	if (probe)
		e->r->loc = probe->loc;
}

static void visit_exit(const struct kg_path *path, void *user)
{
	struct every *e = user;
	gboolean is_time = is_interval(e->j->object->programs->pdata[e->m->program], e->o->interval_ns), exits = FALSE;
	struct seen_all *seen;

	e->r->n_paths++;
	if (!path->is_complete) {
		result_unknown(e->r, "%s", path->why);
		return;
	}
	seen = seer_look(e->j->seer, e->m->program, path->effects, before_of_path, (void *)path);
	for (guint i = 0; i < seen->actions->len; i++)
		exits |= g_array_index(seen->actions, struct seen_action, i).kind == SEEN_EXIT;
	if (seen->why_not && !exits)
		result_unknown(e->r, "%s", seen->why_not);
	else if (exits != is_time)
		is_wrong(e, is_time ? "it does not end then" : "it can end at another time");
	seen_all_free(seen);
}

struct calling {
	const char *const *names;
	gboolean is_found;
};

static gboolean find_call(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *user)
{
	struct calling *c = user;

	c->is_found |= node->kind == KG_BT_CALL && g_strv_contains(c->names, node->text);
	return TRUE;
}

/* What user space is asked to do, it is asked by calls alone. */
static gboolean calls(struct judge *j, guint program, const char *const *names)
{
	const struct kg_bt_probe *probe = seer_probe(j->seer, program);
	struct calling c = {names, !probe};

	if (probe)
		kg_bt_walk_node(probe->block, find_call, NULL, &c);
	return c.is_found;
}

static const char *const exit_call[] = {"exit", NULL};

static void judge_exit(struct judge *j, const struct kg_contract_clause *clause, const struct kg_obligation *o)
{
	struct every e = {.j = j, .clause = clause, .o = o, .r = result_of(j, clause, o)};
	gboolean is_there = FALSE;

	for (guint i = 0; i < j->object->programs->len && e.r->word != KG_PROOF_REFUTED; i++) {
		const struct kg_bpf_program *p = j->object->programs->pdata[i];

		if (is_interval(p, o->interval_ns) && calls(j, i, exit_call)) {
			is_there = TRUE;
			g_hash_table_add(j->covered, GUINT_TO_POINTER(i + 1));
			run_alone(&e, i, visit_exit);
		} else if (!is_interval(p, o->interval_ns) && p->kind != KG_PROBE_END && calls(j, i, exit_call)) {
			run_alone(&e, i, visit_exit);
		}
	}
	if (!is_there && e.r->word != KG_PROOF_REFUTED) {
		e.r->n_paths++;
		is_wrong(&e, "nothing ends it then");
	}
}

/* ---------------------------------------------------------------- top */

/* Is [map] what an aggregation of the clause is in? */
static gboolean is_of_clause(const struct every *e, int map)
{
	const struct kg_obligation_result *of = g_hash_table_lookup(e->j->added_up, GINT_TO_POINTER(map + 1));

	for (guint i = 0; of && i < e->clause->obligations->len; i++) {
		const struct kg_obligation *o = e->clause->obligations->pdata[i];
		if ((o->kind == KG_OBLIGATION_AGGREGATE || o->kind == KG_OBLIGATION_LATENCY) && result_of(e->j, e->clause, o) == of)
			return TRUE;
	}
	return FALSE;
}

/* At the end bpftrace prints what is left in the maps, whole. */
static gboolean is_left(const struct every *e, const struct seen_all *seen, int map)
{
	gboolean is_cleared = FALSE;

	for (guint i = 0; i < seen->actions->len; i++) {
		const struct seen_action *action = &g_array_index(seen->actions, struct seen_action, i);
		is_cleared |= action->map == map && action->kind == SEEN_CLEAR_MAP;
	}
	return is_of_clause(e, map) && !is_cleared;
}

static void visit_top(const struct kg_path *path, void *user)
{
	struct every *e = user;
	gboolean is_end = ((struct kg_bpf_program *)e->j->object->programs->pdata[e->m->program])->kind == KG_PROBE_END;
	struct seen_all *seen;

	e->r->n_paths++;
	if (!path->is_complete) {
		result_unknown(e->r, "%s", path->why);
		return;
	}
	seen = seer_look(e->j->seer, e->m->program, path->effects, before_of_path, (void *)path);
	if (seen->why_not)
		result_unknown(e->r, "%s", seen->why_not);
	for (guint i = 0; i < seen->actions->len; i++) {
		const struct seen_action *action = &g_array_index(seen->actions, struct seen_action, i);
		if (action->kind != SEEN_PRINT_MAP || !is_of_clause(e, action->map))
			continue;
		e->is_shown = TRUE;
		if (action->top != e->o->top)
			is_wrong(e, action->top ? "another number of entries is shown" : "all entries are shown");
	}
	for (guint map = 0; is_end && map < e->j->object->maps->len; map++)
		if (is_left(e, seen, (int)map))
			is_wrong(e, "it is not cleared at the end, and what is left is shown whole then");
	seen_all_free(seen);
}

static gboolean has_aggregation(const struct every *e)
{
	for (guint map = 0; map < e->j->object->maps->len; map++)
		if (is_of_clause(e, (int)map))
			return TRUE;
	return FALSE;
}

static void judge_top(struct judge *j, const struct kg_contract_clause *clause, const struct kg_obligation *o)
{
	static const char *const map_calls[] = {"print", NULL};
	struct every e = {.j = j, .clause = clause, .o = o, .r = result_of(j, clause, o)};
	gboolean has_end = FALSE;

	if (!has_aggregation(&e)) {
		result_unknown(e.r, "what it would be about is not put together as asked");
		return;
	}
	for (guint i = 0; i < j->object->programs->len && e.r->word != KG_PROOF_REFUTED; i++) {
		gboolean is_end = ((struct kg_bpf_program *)j->object->programs->pdata[i])->kind == KG_PROBE_END;

		has_end |= is_end;
		if (is_end || calls(j, i, map_calls))
			run_alone(&e, i, visit_top);
	}
	if (e.r->word != KG_PROOF_REFUTED && (!has_end || !e.is_shown)) {
		e.r->n_paths++;
		is_wrong(&e, has_end ? "it is never shown" : "at the end all of it is shown");
	}
}

/* ---------------------------------------------------------------- clauses */

static void judge_clause(struct judge *j, const struct kg_contract_clause *clause)
{
	for (guint i = 0; i < clause->obligations->len; i++) /* in the order of the contract */
		result_of(j, clause, clause->obligations->pdata[i]);
	judge_on(j, clause);
	if (clause->span)
		judge_span(j, clause);
	else
		judge_point(j, clause);
	for (guint i = 0; i < clause->obligations->len; i++) {
		const struct kg_obligation *o = clause->obligations->pdata[i];
		if (o->kind == KG_OBLIGATION_EVERY)
			judge_every(j, clause, o);
		else if (o->kind == KG_OBLIGATION_EXIT)
			judge_exit(j, clause, o);
		else if (o->kind == KG_OBLIGATION_TOP)
			judge_top(j, clause, o);
	}
}

static void point_free(gpointer p)
{
	kg_contract_point_free(p);
}

static GPtrArray *points_of(struct judge *j)
{
	GPtrArray *points = g_ptr_array_new_with_free_func(point_free);

	for (guint i = 0; i < j->object->programs->len; i++) {
		const struct kg_bpf_program *p = j->object->programs->pdata[i];
		struct kg_contract_point *point;
		if (p->attach && kg_contract_point_parse(p->attach, &point, NULL) == 0)
			g_ptr_array_add(points, point);
	}
	return points;
}

static void judge_contract(struct judge *j)
{
	g_autoptr(GPtrArray) points = points_of(j);
	const struct kg_contract_way *way = j->contract ? kg_contract_way_for(j->contract, points) : NULL;

	if (j->contract)
		judge_built_in_begin(j);
	judge_inline(j);
	for (guint i = 0; way && i < way->clauses->len; i++)
		judge_clause(j, way->clauses->pdata[i]);
	judge_intruders(j);
}

/* ---------------------------------------------------------------- what is left to say */

/* A proof of nothing is none. */
static void find_vacuous(struct judge *j)
{
	for (guint i = 0; i < j->proof->results->len; i++) {
		struct kg_obligation_result *r = j->proof->results->pdata[i];
		if (r->word == KG_PROOF_PROVED && !r->n_paths)
			result_unknown(r, "no path of the program reaches it");
	}
}

static void find_uncovered(struct judge *j)
{
	for (guint i = 0; i < j->object->programs->len; i++) {
		const struct kg_bpf_program *p = j->object->programs->pdata[i];
		if (p->kind != KG_PROBE_BEGIN && p->kind != KG_PROBE_END && !g_hash_table_contains(j->covered, GUINT_TO_POINTER(i + 1)))
			g_ptr_array_add(j->proof->uncovered, g_strdup_printf("%s: no obligation is about this probe", p->attach ? p->attach : p->section));
	}
	for (guint i = 0; j->contract && i < j->contract->left->len; i++)
		g_ptr_array_add(j->proof->uncovered, g_strdup(j->contract->left->pdata[i]));
}

static gboolean has_siblings(struct judge *j)
{
	guint siblings[MAX_SIBLINGS], n_all = 0;

	for (guint i = 0; i < j->object->programs->len && n_all < 2; i++)
		programs_with(j, i, siblings, &n_all);
	return n_all > 1;
}

/* Is there a loop that the kernel would cut off (may_goto)? */
static gboolean may_be_cut_off(const struct kg_object *object)
{
	for (guint i = 0; i < object->programs->len; i++) {
		const struct kg_bpf_program *p = object->programs->pdata[i];

		for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&p->insns[pc]))
			if (p->insns[pc].code == (BPF_JMP | BPF_JCOND))
				return TRUE;
	}
	return FALSE;
}

static void say_assumptions(struct judge *j)
{
	static const char *const always[] = {
		"memory does not change while an event is handled, and what can't be read is 0",
		"time stands still within one run of a probe and never goes back",
		"what acts on the system (a record, an update of a map, a signal) succeeds",
		"events do not overtake each other on other CPUs",
	};

	for (guint i = 0; i < G_N_ELEMENTS(always); i++)
		g_ptr_array_add(j->proof->assumptions, g_strdup(always[i]));
	if (has_siblings(j))
		g_ptr_array_add(j->proof->assumptions, g_strdup("probes at one attach point run in the order in which they stand in the program"));
	if (may_be_cut_off(j->object))
		g_ptr_array_add(j->proof->assumptions, g_strdup("the kernel cuts off none of its loops (may_goto: after 8388608 turns or 250 ms)"));
	if (!j->program)
		g_ptr_array_add(j->proof->assumptions, g_strdup("its loader leaves constants (.rodata) as they are in the object"));
}

static void set_word(struct kg_proof *proof)
{
	proof->word = kg_proof_count(proof, KG_PROOF_REFUTED) ? KG_PROOF_REFUTED
		      : kg_proof_count(proof, KG_PROOF_UNKNOWN) ? KG_PROOF_UNKNOWN
								: KG_PROOF_PROVED;
}

static void take_texts(GPtrArray *to, const GPtrArray *from, const char *prefix)
{
	for (guint i = 0; i < from->len; i++)
		if (g_str_has_prefix(from->pdata[i], prefix))
			g_ptr_array_add(to, g_strdup(from->pdata[i]));
}

void kg_proof_take_inline(struct kg_proof *proof, struct kg_proof *from)
{
	for (guint i = 0; i < from->results->len;) {
		const struct kg_obligation_result *r = from->results->pdata[i];
		if (r->kind == KG_OBLIGATION_ASSERT)
			g_ptr_array_add(proof->results, g_ptr_array_steal_index(from->results, i));
		else
			i++;
	}
	take_texts(proof->assumptions, from->assumptions, INLINE_ASSUMES);
	take_texts(proof->uncovered, from->uncovered, INLINE_UNCOVERED);
	if (!proof->limit)
		proof->limit = g_strdup(from->limit);
	proof->n_paths += from->n_paths;
	proof->n_checks += from->n_checks;
	proof->took_ns += from->took_ns;
	proof->peak_bytes = MAX(proof->peak_bytes, from->peak_bytes);
	proof->solver_ns += from->solver_ns;
	set_word(proof);
	kg_proof_free(from);
}

static void conclude(struct judge *j)
{
	find_vacuous(j);
	find_uncovered(j);
	say_assumptions(j);
	if (proof_is_stopped(j->opts) && !j->proof->limit)
		j->proof->limit = g_strdup(INTERRUPTED);
	set_word(j->proof);
}

/*
 * bpftrace compiles attach points that it can't tell apart once: "kprobe:a,kprobe:b". Here each is a program of its own again, since each is an event of its own.
 * The copy borrows all but the list.
 */
struct kg_object object_separate(const struct kg_object *object)
{
	struct kg_object copy = *object;

	copy.programs = g_ptr_array_new();
	for (guint i = 0; i < object->programs->len; i++) {
		const struct kg_bpf_program *p = object->programs->pdata[i];
		g_auto(GStrv) parts = object->is_bpftrace && p->attach ? g_strsplit(p->attach, ",", -1) : NULL;

		for (guint k = 0; k < MAX(parts ? g_strv_length(parts) : 1, 1); k++) {
			struct kg_bpf_program *own = g_memdup2(p, sizeof(*p));
			const char *colon;
			own->attach = g_strdup(parts && parts[k] ? parts[k] : p->attach);
			colon = own->attach ? strchr(own->attach, ':') : NULL;
			if (parts && k && colon) {
				g_autofree char *kind = g_strndup(own->attach, (gsize)(colon - own->attach));
				own->kind = kg_probe_kind_parse(kind, -1);
			}
			g_ptr_array_add(copy.programs, own);
		}
	}
	return copy;
}

void object_separate_clear(struct kg_object *copy)
{
	for (guint i = 0; i < copy->programs->len; i++) {
		struct kg_bpf_program *own = copy->programs->pdata[i];
		g_free(own->attach);
		g_free(own);
	}
	g_ptr_array_unref(copy->programs);
}

static gint64 peak_bytes(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) ? 0 : (gint64)usage.ru_maxrss * 1024;
}

static struct kg_proof *prove_here(const struct kg_object *object, const struct kg_bt_program *program, const struct kg_contract *contract,
				   struct kg_profile *profile, const struct kg_prove_opts *opts)
{
	struct kg_object each = object_separate(object);
	struct judge j = {.object = &each, .program = program, .contract = contract, .profile = profile, .opts = opts};
	gint64 start = g_get_monotonic_time();

	j.until = start + (gint64)(opts->bounds.total_ms ? opts->bounds.total_ms : TOTAL_MS) * 1000;
	j.proof = proof_new();
	j.result_of = g_hash_table_new(NULL, NULL);
	j.covered = g_hash_table_new(NULL, NULL);
	j.matched = g_hash_table_new(NULL, NULL);
	j.added_up = g_hash_table_new(NULL, NULL);
	j.seer = seer_new(&each, program, contract ? contract->record : NULL, profile);
	judge_contract(&j);
	path_tell_all(&j);
	conclude(&j);
	proof_losses(j.proof, object, program, profile, opts->limits);
	seer_free(j.seer);
	g_hash_table_destroy(j.result_of);
	g_hash_table_destroy(j.covered);
	g_hash_table_destroy(j.matched);
	g_hash_table_destroy(j.added_up);
	object_separate_clear(&each);
	j.proof->took_ns = (g_get_monotonic_time() - start) * 1000;
	j.proof->peak_bytes = peak_bytes();
	return j.proof;
}

/* ---------------------------------------------------------------- the child process */

/* The child died: every obligation is unknown, and why. */
static struct kg_proof *no_proof(const struct kg_contract *contract, const struct kg_prove_opts *opts, int status)
{
	struct kg_proof *proof = proof_new();
	gboolean is_stopped = proof_is_stopped(opts);
	g_autofree char *why = child_why(status);

	for (guint w = 0; contract && w < 1 && contract->ways->len; w++) {
		const struct kg_contract_way *way = contract->ways->pdata[0];
		for (guint c = 0; c < way->clauses->len; c++) {
			const struct kg_contract_clause *clause = way->clauses->pdata[c];
			for (guint i = 0; i < clause->obligations->len; i++) {
				const struct kg_obligation *o = clause->obligations->pdata[i];
				struct kg_obligation_result *r = proof_result(proof, o->kind, o->what);
				r->contract_loc = o->loc;
				if (is_stopped)
					result_unknown(r, "%s", INTERRUPTED);
				else
					result_unknown(r, "%s: out of memory, or the solver's fault", why);
			}
		}
	}
	proof->word = KG_PROOF_UNKNOWN;
	proof->limit = g_strdup(is_stopped ? INTERRUPTED : why);
	return proof;
}

struct proving {
	const struct kg_object *object;
	const struct kg_bt_program *program;
	const struct kg_contract *contract;
	struct kg_profile *profile;
};

static char *prove_in_child(void *user, const struct kg_prove_opts *opts)
{
	struct proving *p = user;

	return kg_proof_json(prove_here(p->object, p->program, p->contract, p->profile, opts));
}

int kg_prove(const struct kg_object *object, const struct kg_bt_program *program, const struct kg_contract *contract,
	     struct kg_profile *profile, const struct kg_prove_opts *opts, struct kg_proof **ret, struct kg_error *err)
{
	static const struct kg_prove_opts defaults;
	struct proving p = {object, program, contract, profile};
	GString *text = NULL;
	int status = 0, r;

	opts = opts ? opts : &defaults;
	if (opts->in_process) {
		*ret = prove_here(object, program, contract, profile, opts);
		return 0;
	}
	r = child_run(prove_in_child, &p, opts, &text, &status, err);
	if (r)
		return r;
	if (status || kg_proof_read(text->str, text->len, ret, NULL))
		*ret = no_proof(contract, opts, status);
	g_string_free(text, TRUE);
	return 0;
}
