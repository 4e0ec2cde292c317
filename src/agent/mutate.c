/*
 * Wrong variants against a contract: two worker processes take them in turn, and answer with a line of JSON for each.
 *
 * Processes and not threads: compiling and proving start children of their own, and a worker that dies costs its variants only.
 */
#include <kgent/agent.h>
#include <kgent/build.h>
#include <kgent/diff.h>
#include <kgent/object.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 2
#define MAX_VARIANTS 24
#define TOTAL_MS 60000
#define PROOF_MS 10000 /* of one variant, unless the bounds of the proof are tighter */
#define DIFF_MS 8000
#define POLL_MS 100

struct worker {
	pid_t pid;
	int fd;
	GString *text; /* what it wrote and was not yet a line */
};
struct mutating {
	const struct kg_bt_program *program;
	const struct kg_object *object;
	const struct kg_check_opts *opts;
	struct kg_mutation *mutation;
	struct worker workers[WORKERS];
};

/* ---------------------------------------------------------------- in a worker */

static guint at_most(guint value, guint most)
{
	return value && value < most ? value : most;
}

/* How a variant that is not refuted differs from the original. */
static enum kg_mutant_fate against_original(struct mutating *m, const struct kg_compiled *variant, const struct kg_prove_opts *prove, enum kg_mutant_fate otherwise,
					    json_t *line)
{
	struct kg_diff_side a = {m->object, m->program}, b = {variant->object, variant->program};
	struct kg_prove_opts opts = *prove;
	struct kg_diff *diff = NULL;
	enum kg_mutant_fate fate = otherwise;

	opts.bounds.total_ms = DIFF_MS;
	if (kg_diff_programs(&a, &b, m->opts->profile, &opts, &diff, NULL))
		return otherwise;
	if (diff->word == KG_DIFF_SAME)
		fate = KG_FATE_SAME;
	else if (diff->word == KG_DIFF_DIFFERENT)
		json_object_set_new(line, "why", json_sprintf("it shows %s instead of %s", diff->counterexample->wanted, diff->counterexample->shown));
	kg_diff_free(diff);
	return fate;
}

static enum kg_mutant_fate judge(struct mutating *m, const struct kg_compiled *variant, json_t *line)
{
	static const struct kg_prove_opts defaults;
	struct kg_prove_opts prove = m->opts->prove ? *m->opts->prove : defaults;
	struct kg_proof *proof = NULL;
	enum kg_mutant_fate fate = KG_FATE_UNKNOWN;
	json_t *by = json_array();

	prove.limits = m->opts->limits;
	prove.is_proving = NULL;
	prove.compile = NULL; /* nobody reads the way that a variant takes */
	prove.first_is_enough = TRUE;
	prove.bounds.total_ms = at_most(prove.bounds.total_ms, PROOF_MS);
	json_object_set_new(line, "by", by);
	if (kg_prove(variant->object, variant->program, m->opts->contract, m->opts->profile, &prove, &proof, NULL))
		return fate;
	for (guint i = 0; i < proof->results->len; i++) {
		const struct kg_obligation_result *r = proof->results->pdata[i];
		if (r->word == KG_PROOF_REFUTED)
			json_array_append_new(by, json_string(r->what));
		if (r->word == KG_PROOF_UNKNOWN && !json_object_get(line, "why"))
			json_object_set_new(line, "why", json_sprintf("%s: %s", r->what, r->why ? r->why : "unknown"));
	}
	fate = proof->word == KG_PROOF_REFUTED ? KG_FATE_REFUTED : proof->word == KG_PROOF_PROVED ? KG_FATE_SURVIVES : KG_FATE_UNKNOWN;
	if (fate != KG_FATE_REFUTED)
		fate = against_original(m, variant, &prove, fate, line);
	kg_proof_free(proof);
	return fate;
}

static void try_variant(struct mutating *m, guint i, int to)
{
	const struct kg_mutant *mutant = m->mutation->mutants->pdata[i];
	struct kg_compiled variant = {0};
	g_autoptr(GPtrArray) diags = kg_diags_new();
	json_t *line = json_object();
	enum kg_mutant_fate fate = KG_FATE_NO_PROGRAM;
	char *text;

	if (kg_compile_program(mutant->text, m->opts, diags, &variant, NULL) == 0)
		fate = judge(m, &variant, line);
	kg_compiled_clear(&variant);
	json_object_set_new(line, "i", json_integer(i));
	json_object_set_new(line, "fate", json_integer(fate));
	text = json_dumps(line, JSON_COMPACT);
	if (text) {
		g_autofree char *whole = g_strdup_printf("%s\n", text);
		if (write(to, whole, strlen(whole)) < 0)
			_exit(1);
	}
	free(text);
	json_decref(line);
}

static G_GNUC_NORETURN void work(struct mutating *m, guint nth, int to)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	for (guint i = nth; i < m->mutation->mutants->len; i += WORKERS)
		try_variant(m, i, to);
	_exit(0);
}

/* ---------------------------------------------------------------- its parent */

static int start(struct mutating *m, guint nth, struct kg_error *err)
{
	struct worker *w = &m->workers[nth];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return kg_error_set(err, KG_E_IO, "mutate", "no pipe for wrong variants: %s", g_strerror(errno));
	w->pid = fork();
	if (w->pid == 0) {
		close(fds[0]);
		work(m, nth, fds[1]);
	}
	close(fds[1]);
	w->fd = fds[0];
	w->text = g_string_new(NULL);
	return w->pid < 0 ? kg_error_set(err, KG_E_IO, "mutate", "no process for wrong variants: %s", g_strerror(errno)) : 0;
}

static void take_line(struct kg_mutation *mutation, const char *text)
{
	json_t *line = json_loads(text, 0, NULL), *one;
	gint64 at = json_is_object(line) ? json_integer_value(json_object_get(line, "i")) : -1;
	struct kg_variant *v = at >= 0 && at < mutation->variants->len ? mutation->variants->pdata[at] : NULL;
	size_t i;

	if (v) {
		v->fate = (enum kg_mutant_fate)json_integer_value(json_object_get(line, "fate"));
		g_free(v->why);
		v->why = g_strdup(json_string_value(json_object_get(line, "why")));
		json_array_foreach(json_object_get(line, "by"), i, one)
			g_ptr_array_add(v->by, g_strdup(json_string_value(one)));
	}
	json_decref(line);
}

/* FALSE: it has ended. */
static gboolean take_text(struct mutating *m, struct worker *w)
{
	char buffer[4096], *nl;
	ssize_t n = read(w->fd, buffer, sizeof(buffer));

	if (n < 0 && errno == EINTR)
		return TRUE;
	if (n <= 0)
		return FALSE;
	g_string_append_len(w->text, buffer, n);
	while ((nl = strchr(w->text->str, '\n'))) {
		*nl = '\0';
		take_line(m->mutation, w->text->str);
		g_string_erase(w->text, 0, nl + 1 - w->text->str);
	}
	return TRUE;
}

static void end(struct worker *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	if (w->pid > 0) {
		kill(w->pid, SIGKILL); /* its children end with it */
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	w->pid = 0;
}

static void watch(struct mutating *m, gint64 until)
{
	const volatile int *stop = m->opts->prove ? m->opts->prove->bounds.stop : NULL;

	for (;;) {
		struct pollfd p[WORKERS];
		guint n_running = 0;
		for (guint i = 0; i < WORKERS; i++) {
			p[i] = (struct pollfd){.fd = m->workers[i].fd, .events = POLLIN};
			n_running += m->workers[i].fd >= 0;
		}
		if (!n_running)
			return;
		if ((stop && *stop) || g_get_monotonic_time() > until) {
			m->mutation->limit = g_strdup(stop && *stop ? "it was interrupted" : "the time for wrong variants is up");
			return;
		}
		if (poll(p, WORKERS, POLL_MS) <= 0)
			continue;
		for (guint i = 0; i < WORKERS; i++)
			if (p[i].fd >= 0 && p[i].revents && !take_text(m, &m->workers[i]))
				end(&m->workers[i]);
	}
}

static void count(struct kg_mutation *mutation)
{
	for (guint i = 0; i < mutation->variants->len; i++) {
		struct kg_variant *v = mutation->variants->pdata[i];
		mutation->n_wrong += v->fate <= KG_FATE_UNKNOWN;
		mutation->n_refuted += v->fate == KG_FATE_REFUTED;
		if (v->fate == KG_FATE_NOT_TRIED)
			v->why = g_strdup(mutation->limit ? mutation->limit : "its worker ended");
	}
}

static void variant_free(gpointer p)
{
	struct kg_variant *v = p;

	g_ptr_array_unref(v->by);
	g_free(v->why);
	g_free(v);
}

static struct kg_mutation *mutation_new(GPtrArray *mutants)
{
	struct kg_mutation *mutation = g_new0(struct kg_mutation, 1);

	mutation->mutants = mutants;
	mutation->variants = g_ptr_array_new_with_free_func(variant_free);
	for (guint i = 0; i < mutants->len; i++) {
		struct kg_variant *v = g_new0(struct kg_variant, 1);
		v->mutant = mutants->pdata[i];
		v->fate = KG_FATE_NOT_TRIED;
		v->by = g_ptr_array_new_with_free_func(g_free);
		g_ptr_array_add(mutation->variants, v);
	}
	return mutation;
}

int kg_mutate(struct kg_bt_program *program, const struct kg_object *object, const struct kg_check_opts *opts, struct kg_mutation **ret, struct kg_error *err)
{
	static const struct kg_mutate_opts defaults;
	const struct kg_mutate_opts *bounds = opts->mutate ? opts->mutate : &defaults;
	struct mutating m = {.program = program, .object = object, .opts = opts};
	volatile int *is_proving = opts->prove ? opts->prove->is_proving : NULL;
	gint64 start_us = g_get_monotonic_time();
	int r = 0;

	m.mutation = mutation_new(kg_mutants_make(program, opts->profile, bounds->max ? bounds->max : MAX_VARIANTS));
	for (guint i = 0; i < WORKERS; i++)
		m.workers[i].fd = -1;
	for (guint i = 0; i < WORKERS && !r; i++)
		r = start(&m, i, err);
	if (is_proving)
		*is_proving = 1;
	if (!r)
		watch(&m, start_us + (gint64)(bounds->total_ms ? bounds->total_ms : TOTAL_MS) * 1000);
	if (is_proving)
		*is_proving = 0;
	for (guint i = 0; i < WORKERS; i++) {
		end(&m.workers[i]);
		if (m.workers[i].text)
			g_string_free(m.workers[i].text, TRUE);
	}
	count(m.mutation);
	m.mutation->took_ns = (g_get_monotonic_time() - start_us) * 1000;
	if (r)
		kg_mutation_free(m.mutation);
	else
		*ret = m.mutation;
	return r;
}
