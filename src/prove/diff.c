/*
 * The comparison of two programs: first the induction, and where that does not go through, a search for events that show a difference.
 *
 * Induction: for every attach point of both, on one event, from maps that hold the same (whatever that is): both show the same, and leave the same
 * in the maps. If that holds everywhere the programs are the same for ever.
 * Search: sequences of up to DIFF_MAX_EVENTS events from the beginning of tracing on, in one thread or two. What is found is a difference that can
 * come about; it is replayed on both before it is told.
 */
#include "diff.h"

#include "child.h"
#include "proof.h"

#include <string.h>

#define MAX_SEQUENCES 128
#define SOLVER_MS 2000 /* of one question: there are many, and one without an answer is only one way less */

/* An attach point, and which program of each side runs there; -1: none. */
struct place {
	const char *attach;
	int program[2];
	gboolean asks, changes, shows; /* seen while inducing */
};
struct diffing {
	struct diff_side side[2];
	struct kg_profile *profile;
	const struct kg_prove_opts *opts;
	gint64 until;              /* monotonic us */
	struct kg_diff *diff;
	GArray *places;            /* struct place */
	gboolean is_inductive;     /* which of the two is under way */
	gboolean shown_may_differ, kept_may_differ; /* what the induction did not prove */
	char *why_unknown;
	/* one sequence */
	struct kg_symex *x;
	struct place *steps[DIFF_MAX_EVENTS];
	struct moment *moments[DIFF_MAX_EVENTS];
	struct kg_path paths[DIFF_MAX_EVENTS][2];
	gboolean has_path[2];
	guint n_steps, at;
};

static void unknown(struct diffing *d, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void unknown(struct diffing *d, const char *fmt, ...)
{
	va_list ap;

	if (d->why_unknown)
		return;
	va_start(ap, fmt);
	d->why_unknown = g_strdup_vprintf(fmt, ap);
	va_end(ap);
}

static gboolean is_over(struct diffing *d)
{
	if (d->diff->word == KG_DIFF_DIFFERENT)
		return TRUE;

	if (proof_is_stopped(d->opts))
		unknown(d, "it was interrupted");
	else if (g_get_monotonic_time() > d->until)
		unknown(d, "more than %u ms", d->opts->bounds.total_ms ? d->opts->bounds.total_ms : 30000);
	else
		return FALSE;
	return TRUE;
}

/* ---------------------------------------------------------------- places */

static struct place *place_at(struct diffing *d, const char *attach)
{
	for (guint i = 0; i < d->places->len; i++)
		if (!strcmp(g_array_index(d->places, struct place, i).attach, attach))
			return &g_array_index(d->places, struct place, i);
	return NULL;
}

static void find_places(struct diffing *d)
{
	for (int s = 0; s < 2; s++)
		for (guint i = 0; i < d->side[s].object->programs->len; i++) {
			const struct kg_bpf_program *p = d->side[s].object->programs->pdata[i];
			const char *attach = p->attach ? p->attach : p->section;
			struct place fresh = {attach, {-1, -1}}, *place = place_at(d, attach);
			if (!place) {
				g_array_append_val(d->places, fresh);
				place = &g_array_index(d->places, struct place, d->places->len - 1);
			}
			if (place->program[s] >= 0)
				unknown(d, "%s: several probes at one attach point are not compared", attach);
			place->program[s] = (int)i;
		}
}

static enum kg_probe_kind family(enum kg_probe_kind kind)
{
	return kind == KG_PROBE_FENTRY ? KG_PROBE_KPROBE : kind == KG_PROBE_FEXIT ? KG_PROBE_KRETPROBE : kind;
}

/* The same event under another name (kprobe and kfunc of one function): what is seen there can't be held together. */
static void refuse_kin(struct diffing *d)
{
	for (guint i = 0; i < d->places->len; i++)
		for (guint k = 0; k < d->places->len; k++) {
			const struct place *a = &g_array_index(d->places, struct place, i), *b = &g_array_index(d->places, struct place, k);
			const struct kg_bpf_program *p, *q;
			if (a->program[0] < 0 || a->program[1] >= 0 || b->program[1] < 0 || b->program[0] >= 0)
				continue;
			p = d->side[0].object->programs->pdata[a->program[0]];
			q = d->side[1].object->programs->pdata[b->program[1]];
			if (p->kind != q->kind && family(p->kind) == family(q->kind) && !g_strcmp0(strchr(a->attach, ':'), strchr(b->attach, ':')))
				unknown(d, "%s and %s are the same place seen in two ways, which is not compared", a->attach, b->attach);
		}
}

static gboolean note_probe(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	(void)parent;
	(void)probe;
	if (node->kind == KG_BT_BUILTIN && !strcmp(node->text, "probe"))
		*(gboolean *)userdata = TRUE;
	return TRUE;
}

static gboolean names_probes(const struct diffing *d)
{
	gboolean found = FALSE;

	for (int s = 0; s < 2; s++)
		kg_bt_walk(d->side[s].program, note_probe, NULL, &found);
	return found;
}

/* bpftrace numbers its probes in their order. */
static gboolean same_numbers(const struct diffing *d)
{
	const GPtrArray *a = d->side[0].object->programs, *b = d->side[1].object->programs;

	for (guint i = 0; a->len == b->len && i < a->len; i++)
		if (g_strcmp0(((struct kg_bpf_program *)a->pdata[i])->attach, ((struct kg_bpf_program *)b->pdata[i])->attach))
			return FALSE;
	return a->len == b->len;
}

/* ---------------------------------------------------------------- replay */

/* All steps of one side on the interpreter, appended to [runs]. Where nothing runs the maps stay. */
static gboolean replay(struct diffing *d, int s, GPtrArray *runs)
{
	for (guint i = 0; i < d->n_steps; i++) {
		const struct diff_side *side = &d->side[s];
		const struct replayed *last = runs->len ? runs->pdata[runs->len - 1] : NULL;
		struct replayed *now;

		if (d->steps[i]->program[s] < 0)
			continue;
		now = g_new0(struct replayed, 1);
		*now = (struct replayed){.world = kg_symex_world(d->x, side->object, d->moments[i]->event, &d->paths[i][s]), .event = i,
					 .program = (guint)d->steps[i]->program[s]};
		g_ptr_array_set_size(now->world->entries, 0); /* tracing has just begun */
		for (guint k = 0; last && k < last->run.entries->len; k++)
			g_ptr_array_add(now->world->entries, replay_entry_copy(last->run.entries->pdata[k]));
		g_ptr_array_add(runs, now);
		if (kg_interp_run(side->object, now->program, now->world, NULL, &now->run, NULL) || !now->run.is_complete)
			return FALSE;
	}
	return TRUE;
}

/* What the last event did on one side: nothing where no program runs. */
static struct diff_shown *shown_of(struct diffing *d, int s, const GPtrArray *runs)
{
	static const struct kg_run_of_bpf nothing;
	const struct replayed *last = runs->len ? runs->pdata[runs->len - 1] : NULL;
	struct kg_run_of_bpf run = last ? last->run : nothing;
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	int program = d->steps[d->n_steps - 1]->program[s];

	if (last && program < 0)
		run.effects = none;
	return diff_shown_of(d->x, &d->side[s], (guint)MAX(program, 0), &run);
}

static void tell_ways(struct diffing *d, GPtrArray *const runs[2], struct kg_counterexample *ce)
{
	for (int s = 0; s < 2; s++) {
		struct marked *marked = marked_new(d->side[s].original, d->side[s].number, d->side[s].program, d->opts);
		if (marked)
			marked_tell(marked, runs[s], ce, s == 1);
		marked_free(marked);
	}
}

static void gather_words(struct diffing *d, struct kg_word differs, GArray *words)
{
	g_array_append_val(words, differs);
	for (guint i = 0; i < d->n_steps; i++)
		for (int s = 0; s < 2; s++) {
			g_autoptr(GArray) decisions = NULL;
			if (d->steps[i]->program[s] < 0)
				continue;
			decisions = kg_symex_decisions(&d->paths[i][s]);
			g_array_append_vals(words, decisions->data, decisions->len);
		}
}

static struct refutation refutation_of(struct diffing *d, struct kg_word differs)
{
	struct refutation ref = {.n = d->n_steps, .condition = differs};

	for (guint i = 0; i < d->n_steps; i++) {
		ref.moments[i] = d->moments[i];
		ref.paths[i] = &d->paths[i][d->steps[i]->program[0] < 0];
	}
	return ref;
}

static void wish_comm(struct kg_symex *x, const struct kg_thread *thread)
{
	static const char name[16] = "cat";
	struct kg_word all = KG_WORD(1);

	for (guint i = 0; i < sizeof(name); i++)
		all = kg_terms.binary(x, KG_OP_AND, 1, all, kg_terms.binary(x, KG_OP_EQ, 8, thread->comm[i], KG_WORD((guint8)name[i])));
	kg_symex_prefer(x, all);
}

/* Telling values for all that is shown, not only for what differs. */
static void make_telling(struct diffing *d, const struct refutation *ref, const GArray *differs, struct seen_all *const seen[2])
{
	g_autoptr(GArray) words = g_array_copy((GArray *)differs);
	g_autoptr(GPtrArray) inputs = NULL, reads = NULL;

	for (int s = 0; s < 2; s++)
		for (guint i = 0; seen[s] && i < seen[s]->values->len; i++) {
			const struct seen *value = seen[s]->values->pdata[i];
			g_array_append_vals(words, value->bytes, MIN(value->shape.size, 16));
		}
	kg_symex_support(d->x, ref->paths[ref->n - 1], (const struct kg_word *)words->data, words->len, &inputs, &reads);
	counter_wish(ref, inputs, reads);
	for (guint i = 0; i < d->n_steps; i++)
		wish_comm(d->x, d->moments[i]->event->thread);
	for (guint i = 0; i < d->n_steps; i++)
		for (int s = 0; s < 2; s++)
			if (d->steps[i]->program[s] >= 0)
				counter_spread(d->x, &d->paths[i][s]);
}

static const char *what_differs(const struct place *last)
{
	return last->program[0] < 0   ? "only the second is attached here"
	       : last->program[1] < 0 ? "only the first is attached here"
				      : "they show different things";
}

/* The last question was answered with a state in which the two differ. */
static void found_difference(struct diffing *d, struct kg_word differs, struct seen_all *const seen[2])
{
	g_autoptr(GArray) words = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	g_autoptr(GPtrArray) inputs = NULL, reads = NULL;
	struct refutation ref = refutation_of(d, differs);
	const struct place *last = d->steps[d->n_steps - 1];
	GPtrArray *runs[2] = {replayed_list(), replayed_list()};
	struct diff_shown *shown[2] = {0};
	g_autofree char *left = NULL, *right = NULL;

	gather_words(d, differs, words);
	kg_symex_support(d->x, ref.paths[ref.n - 1], (const struct kg_word *)words->data, words->len, &inputs, &reads);
	make_telling(d, &ref, words, seen);
	if (!replay(d, 0, runs[0]) || !replay(d, 1, runs[1])) {
		const GPtrArray *failed = runs[1]->len ? runs[1] : runs[0];
		const char *why = ((struct replayed *)failed->pdata[failed->len - 1])->run.why;
		unknown(d, "a difference was found, but does not replay: %s", why ? why : "no reason");
	} else {
		for (int s = 0; s < 2; s++)
			shown[s] = shown_of(d, s, runs[s]);
		if (diff_shown_differ(shown[0], shown[1], &left, &right)) {
			ref.shown_text = left;
			ref.wanted_text = right;
			d->diff->word = KG_DIFF_DIFFERENT;
			d->diff->why = g_strdup_printf("%s: %s", last->attach, what_differs(last));
			d->diff->counterexample = counter_write(&ref, inputs, reads);
			d->diff->counterexample->is_replayed = TRUE;
			tell_ways(d, runs, d->diff->counterexample);
		}
	}
	for (int s = 0; s < 2; s++) {
		diff_shown_free(shown[s]);
		g_ptr_array_unref(runs[s]);
	}
}

/* ---------------------------------------------------------------- one pair of paths */

static void run_side(struct diffing *d, int s, const struct kg_state *from[2]);

static void compare(struct diffing *d)
{
	struct place *place = d->steps[d->at];
	const struct kg_path *path[2] = {NULL, NULL};
	struct seen_all *seen[2] = {NULL, NULL};
	struct diff_words words;
	enum kg_answer can;

	for (int s = 0; s < 2; s++) {
		if (place->program[s] < 0)
			continue;
		path[s] = &d->paths[d->at][s];
		seen[s] = seer_look(d->side[s].seer, (guint)place->program[s], path[s]->effects, before_of_path, (void *)path[s]);
	}
	words = diff_compare(d->x, d->side, path, seen);
	if (words.why_not)
		unknown(d, "%s", words.why_not);
	if (d->is_inductive && (d->shown_may_differ || d->kept_may_differ)) /* it has failed; what the places do is still of use */
		words.shown = words.kept = KG_WORD(0);
	can = kg_symex_can(d->x, words.shown);
	if (can == KG_UNKNOWN)
		unknown(d, "%s", kg_symex_reason(d->x));
	if (!d->is_inductive && can == KG_YES)
		found_difference(d, words.shown, seen);
	d->shown_may_differ |= can != KG_NO;
	if (d->is_inductive) {
		place->asks |= words.asks;
		place->changes |= words.changes;
		place->shows |= words.shows;
		can = kg_symex_can(d->x, words.kept);
		d->kept_may_differ |= can != KG_NO;
		if (can == KG_UNKNOWN)
			unknown(d, "%s", kg_symex_reason(d->x));
	}
	for (int s = 0; s < 2; s++)
		seen_all_free(seen[s]);
}

static gboolean has_changed_maps(const struct diffing *d)
{
	for (int s = 0; s < 2; s++) {
		const GPtrArray *effects = d->steps[d->at]->program[s] >= 0 ? d->paths[d->at][s].effects : NULL;
		for (guint i = 0; effects && i < effects->len; i++) {
			const struct kg_bpf_effect *effect = effects->pdata[i];
			if (effect->kind == KG_BPF_MAP_SET || effect->kind == KG_BPF_MAP_DELETE)
				return TRUE;
		}
	}
	return FALSE;
}

/* Both programs have run at this step. */
static void step_is_done(struct diffing *d, const struct kg_state *states[2])
{
	if (d->at + 1 == d->n_steps) {
		compare(d);
		return;
	}
	if (!has_changed_maps(d)) /* as if it had not happened: a shorter sequence says the same */
		return;
	d->at++;
	run_side(d, 0, states);
	d->at--;
}

/*
 * The solver writes comparisons differently once it knows a quotient (solver.c, compare_quotients()): so that both sides get the same words, programs
 * that divide run once for nothing.
 */
static gboolean divides(const struct kg_bpf_program *p)
{
	for (guint pc = 0; pc < p->n_insns; pc++) {
		guint class = BPF_CLASS(p->insns[pc].code), op = BPF_OP(p->insns[pc].code);
		if ((class == BPF_ALU || class == BPF_ALU64) && (op == BPF_DIV || op == BPF_MOD))
			return TRUE;
	}
	return FALSE;
}

static void visit_nothing(const struct kg_path *path, void *user)
{
	(void)path;
	(void)user;
}

static void warm_up(struct diffing *d, const struct kg_state *from[2])
{
	for (int s = 0; s < 2; s++) {
		int program = d->steps[d->at]->program[s];
		if (program >= 0 && divides(d->side[s].object->programs->pdata[program]))
			kg_symex_run(d->x, d->side[s].object, (guint)program, d->moments[d->at]->event, from[s], visit_nothing, NULL, NULL);
	}
}

struct visiting {
	struct diffing *d;
	int s;
	const struct kg_state *from[2];
};

static void visit(const struct kg_path *path, void *user)
{
	struct visiting *v = user;
	struct diffing *d = v->d;
	const struct kg_state *states[2] = {v->from[0], v->from[1]};
	struct kg_state *known;
	guint at = d->at;

	if (is_over(d))
		return;
	if (!path->is_complete) {
		unknown(d, "%s: %s", d->steps[at]->attach, path->why);
		return;
	}
	d->paths[at][v->s] = *path;
	states[v->s] = path->state;
	known = kg_state_knowing(states[!v->s], path);
	states[!v->s] = known;
	if (v->s == 0)
		run_side(d, 1, states);
	else
		step_is_done(d, states);
	kg_state_free(known);
	d->at = at;
}

static void run_side(struct diffing *d, int s, const struct kg_state *from[2])
{
	struct visiting v = {.d = d, .s = s, .from = {from[0], from[1]}};
	int program = d->steps[d->at]->program[s];
	_cleanup_error_ struct kg_error e = {0};

	if (s == 0)
		warm_up(d, from);
	if (program < 0) { /* nothing runs here: the maps stay as they are */
		if (s == 0)
			run_side(d, 1, from);
		else
			step_is_done(d, from);
		return;
	}
	if (kg_symex_run(d->x, d->side[s].object, (guint)program, d->moments[d->at]->event, from[s], visit, &v, &e))
		unknown(d, "%s", e.msg);
}

/* ---------------------------------------------------------------- one sequence */

static gboolean make_moments(struct diffing *d, guint threads, struct kg_error *err)
{
	struct kg_thread *made[2] = {NULL, NULL};

	for (guint i = 0; i < d->n_steps; i++) {
		guint which = threads >> i & 1;
		int s = d->steps[i]->program[0] < 0;
		d->moments[i] = moment_new(&d->side[s].judge, d->x, NULL, (guint)d->steps[i]->program[s], made[which], err);
		if (!d->moments[i])
			return FALSE;
		made[which] = d->moments[i]->event->thread;
	}
	if (made[0] && made[1]) /* two threads are two */
		kg_symex_assume(d->x, kg_terms.binary(d->x, KG_OP_NE, 32, kg_terms.extract(d->x, made[0]->pid_tgid, 31, 0),
						      kg_terms.extract(d->x, made[1]->pid_tgid, 31, 0)));
	return TRUE;
}

/* [threads]: bit i says in which of two threads event i happens. */
static void run_sequence(struct diffing *d, guint threads, enum kg_maps_at_first maps)
{
	struct kg_symex_opts opts = d->opts->bounds;
	struct kg_state *start[2];
	struct kg_symex_cost cost;
	_cleanup_error_ struct kg_error e = {0};

	opts.profile = d->profile;
	opts.solver_ms = opts.solver_ms ? opts.solver_ms : SOLVER_MS;
	opts.total_ms = (guint)MAX((d->until - g_get_monotonic_time()) / 1000, 1);
	d->x = kg_symex_new(&opts);
	d->at = 0;
	memset(d->moments, 0, sizeof(d->moments));
	for (int s = 0; s < 2; s++)
		start[s] = kg_symex_start(d->x, d->side[s].object, maps);
	if (make_moments(d, threads, &e))
		run_side(d, 0, (const struct kg_state *[]){start[0], start[1]});
	else
		unknown(d, "%s", e.msg);
	cost = kg_symex_cost(d->x);
	d->diff->n_paths += cost.paths;
	d->diff->n_checks += cost.checks;
	d->diff->solver_ns += cost.solver_ns;
	for (int s = 0; s < 2; s++)
		kg_state_free(start[s]);
	for (guint i = 0; i < d->n_steps; i++)
		moment_free(d->moments[i]);
	kg_symex_free(d->x);
}

/* ---------------------------------------------------------------- induction and search */

static void induce(struct diffing *d)
{
	d->is_inductive = TRUE;
	d->n_steps = 1;
	for (guint i = 0; i < d->places->len && !is_over(d); i++) {
		d->steps[0] = &g_array_index(d->places, struct place, i);
		run_sequence(d, 0, KG_MAPS_ANY);
	}
	d->is_inductive = FALSE;
}

/* Events that change no maps tell nothing of later ones, and an event that does not look into maps or shows nothing tells nothing of earlier ones. */
static gboolean can_stand_at(const struct diffing *d, const struct place *place, guint i, guint n)
{
	int s = place->program[0] < 0;
	enum kg_probe_kind kind = ((struct kg_bpf_program *)d->side[s].object->programs->pdata[place->program[s]])->kind;

	if (n > 1 && (i + 1 == n ? !(place->asks && place->shows) : !place->changes))
		return FALSE;
	return (kind != KG_PROBE_BEGIN || i == 0) && (kind != KG_PROBE_END || i + 1 == n);
}

static void search_length(struct diffing *d, guint n, guint *n_tried)
{
	guint n_places = d->places->len, total = 1;

	for (guint i = 0; i < n; i++)
		total *= n_places;
	for (guint k = 0; k < total; k++)
		for (guint threads = 0; threads < 1u << n && !is_over(d); threads += 2) { /* the first event is in the first thread */
			gboolean fits = TRUE;
			for (guint i = 0, rest = k; i < n; i++, rest /= n_places) {
				d->steps[i] = &g_array_index(d->places, struct place, rest % n_places);
				fits = fits && can_stand_at(d, d->steps[i], i, n);
			}
			d->n_steps = n;
			if (fits && (*n_tried)++ < MAX_SEQUENCES)
				run_sequence(d, threads, KG_MAPS_EMPTY);
		}
}

static void search(struct diffing *d)
{
	guint n_tried = 0;

	for (guint n = 1; n <= DIFF_MAX_EVENTS && !is_over(d); n++)
		search_length(d, n, &n_tried);
}

static void conclude(struct diffing *d)
{
	if (d->diff->word == KG_DIFF_DIFFERENT)
		return;
	if (!d->why_unknown && !d->shown_may_differ && !d->kept_may_differ) {
		d->diff->word = KG_DIFF_SAME;
		return;
	}
	d->diff->word = KG_DIFF_UNKNOWN;
	if (d->why_unknown)
		d->diff->why = g_steal_pointer(&d->why_unknown);
	else
		d->diff->why = g_strdup_printf("their maps keep different things, or can differ in a state that may not come about; no sequence of up to %d events "
					       "from the beginning shows a difference", DIFF_MAX_EVENTS);
}

static void compare_programs(struct diffing *d)
{
	g_autofree char *doubt = NULL;

	find_places(d);
	refuse_kin(d);
	if (!diff_same_asyncs(&d->side[0], &d->side[1]))
		unknown(d, "time(), strftime(), system(), cat(), join(), print(), kstack(), ustack() or the buckets of hist() and lhist() are called for in different "
			   "ways, which is not compared");
	if (names_probes(d) && !same_numbers(d))
		unknown(d, "the builtin probe is a number that depends on all probes of a program: with other probes it is not compared");
	if (d->why_unknown)
		return;
	induce(d);
	if (!d->shown_may_differ && !d->kept_may_differ && !d->why_unknown)
		return;
	doubt = g_steal_pointer(&d->why_unknown); /* what the induction could not follow does not keep the search from finding something */
	search(d);
	if (doubt) {
		g_free(d->why_unknown);
		d->why_unknown = g_steal_pointer(&doubt);
	}
}

/* ---------------------------------------------------------------- the child process */

struct work {
	const struct kg_diff_side *side[2];
	struct kg_profile *profile;
};

static char *diff_in_child(void *user, const struct kg_prove_opts *opts)
{
	const struct work *work = user;
	struct diffing d = {.profile = work->profile, .opts = opts, .diff = g_new0(struct kg_diff, 1)};
	gint64 start = g_get_monotonic_time();
	struct kg_object each[2];
	const char **names;
	char *json;

	d.until = start + (gint64)(opts->bounds.total_ms ? opts->bounds.total_ms : 30000) * 1000;
	d.places = g_array_new(FALSE, TRUE, sizeof(struct place));
	for (int s = 0; s < 2; s++) {
		each[s] = object_separate(work->side[s]->object);
		d.side[s].original = &each[s];
		d.side[s].program = work->side[s]->program;
	}
	diff_pair_maps(&d.side[0], &d.side[1], work->profile);
	for (int s = 0; s < 2; s++)
		d.side[s].judge = (struct judge){.object = d.side[s].object, .program = d.side[s].program, .profile = work->profile, .opts = opts};
	compare_programs(&d);
	names = d.side[0].first_name;
	conclude(&d);
	d.diff->took_ns = (g_get_monotonic_time() - start) * 1000;
	json = kg_diff_json(d.diff);
	for (int s = 0; s < 2; s++)
		diff_side_clear(&d.side[s]);
	for (int s = 0; s < 2; s++)
		object_separate_clear(&each[s]);
	g_free(names);
	g_array_unref(d.places);
	g_free(d.why_unknown);
	kg_diff_free(d.diff);
	return json;
}

static struct kg_diff *no_answer(const struct kg_prove_opts *opts, int status)
{
	struct kg_diff *diff = g_new0(struct kg_diff, 1);

	diff->word = KG_DIFF_UNKNOWN;
	diff->why = proof_is_stopped(opts) ? g_strdup("it was interrupted") : child_why(status);
	return diff;
}

int kg_diff_programs(const struct kg_diff_side *a, const struct kg_diff_side *b, struct kg_profile *profile, const struct kg_prove_opts *opts,
		     struct kg_diff **ret, struct kg_error *err)
{
	static const struct kg_prove_opts defaults;
	struct work work = {{a, b}, profile};
	GString *text = NULL;
	int status = 0, r;

	opts = opts ? opts : &defaults;
	if (opts->in_process) {
		g_autofree char *json = diff_in_child(&work, opts);
		*ret = diff_read(json, strlen(json));
		return 0;
	}
	r = child_run(diff_in_child, &work, opts, &text, &status, err);
	if (r)
		return r;
	*ret = status ? NULL : diff_read(text->str, text->len);
	if (!*ret)
		*ret = no_answer(opts, status);
	g_string_free(text, TRUE);
	return 0;
}
