/*
 * The load check: supervise one run, and judge what was seen. When the kernel refuses a program and no log could be had, a second run with -v
 * fetches it (not the first: with the log on, the kernel refuses programs whose log does not fit, even good ones).
 */
#include "supervise.h"

#include <kgent/text.h>

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "load"
#define TIMEOUT_MS 20000
#define MAX_OUTPUT (1u << 20)
#define MAX_LOG (24u << 20)
#define LOG_SIZE "BPFTRACE_LOG_SIZE=16000000"

const char *kg_load_outcome_name(enum kg_load_outcome outcome)
{
	static const char *const names[] = {"passed", "failed", "not checked"};

	return (guint)outcome < G_N_ELEMENTS(names) ? names[outcome] : "?";
}

void kg_load_result_clear(struct kg_load_result *res)
{
	if (!res)
		return;
	g_clear_pointer(&res->probe, g_free);
	g_clear_pointer(&res->why, g_free);
	g_clear_pointer(&res->mend, g_free);
	kg_verifier_finding_clear(&res->finding);
	g_clear_pointer(&res->diags, g_ptr_array_unref);
}

/* "ERROR: Error loading program: tracepoint:a:b (try -v)" (0.17), "ERROR: Error loading BPF program for a_b." (0.22). */
static char *refused_probe(const char *messages)
{
	static const char *const heads[] = {"Error loading program: ", "Error loading BPF program for "};

	for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
		const char *s = strstr(messages, heads[i]);
		GString *out;

		if (!s)
			continue;
		s += strlen(heads[i]);
		out = g_string_new(NULL);
		kg_text_escape(s, (gssize)MIN(strcspn(s, " \n"), 300), out);
		return g_string_free(out, FALSE);
	}
	return NULL;
}

/* The log is between its head and bpftrace's last word on it. */
static void parse_log(const char *messages, struct kg_verifier_finding *finding)
{
	static const char *const heads[] = {"\nError log: \n", "Kernel error log:\n"};
	const char *s = NULL, *end;

	for (guint i = 0; i < G_N_ELEMENTS(heads) && !s; i++) {
		s = strstr(messages, heads[i]);
		if (s)
			s += strlen(heads[i]);
	}
	if (!s)
		return;
	end = strstr(s, "\nERROR: ");
	kg_verifier_finding_clear(finding);
	kg_verifier_log_parse(s, end ? (gsize)(end - s) : strlen(s), finding);
}

static void take_finding(const struct supervised *s, struct kg_load_result *res)
{
	kg_verifier_finding_clear(&res->finding);
	if (s->log)
		kg_verifier_log_parse(s->log, strlen(s->log), &res->finding);
	else
		parse_log(s->messages->str, &res->finding);
}

static struct kg_bpftrace_call make_call(const struct kg_load_opts *opts, const char *const *options)
{
	return (struct kg_bpftrace_call){.tool = opts->tool, .limits = opts->limits, .options = options, .args = opts->args,
					 .command = opts->command, .allow_unsafe = opts->allow_unsafe, .pid = opts->pid};
}

/* A second run, for the log alone. Whatever goes wrong here only costs the explanation. */
static void fetch_log(int program, const struct kg_load_opts *opts, int timeout_ms, struct kg_load_result *res)
{
	static const char *const options[] = {"-v", NULL};
	static const char *const env[] = {LOG_SIZE, NULL};
	struct kg_bpftrace_call call = make_call(opts, options);
	struct supervised seen;
	_cleanup_error_ struct kg_error e = {0};

	call.env = env;
	if (supervise(&call, program, TRUE, timeout_ms, MAX_LOG, &seen, &e) == 0)
		take_finding(&seen, res);
	supervised_clear(&seen);
}

static void refused_by_verifier(struct kg_load_result *res)
{
	const struct kg_verifier_finding *f = &res->finding;
	struct kg_diag *d;

	res->outcome = KG_LOAD_REFUSED;
	if (f->reason && f->insn_index >= 0)
		res->why = g_strdup_printf("the kernel's verifier refuses %s at instruction %d: %s", res->probe, f->insn_index, f->reason);
	else if (f->reason)
		res->why = g_strdup_printf("the kernel's verifier refuses %s: %s", res->probe, f->reason);
	else
		res->why = g_strdup_printf("the kernel refuses to load %s and gives no reason", res->probe);
	/* instead of bpftrace's "Error loading program" */
	for (guint i = res->diags->len; i-- > 0;)
		if (g_str_has_prefix(((const struct kg_diag *)g_ptr_array_index(res->diags, i))->msg, "Error loading"))
			g_ptr_array_remove_index(res->diags, i);
	d = kg_diag_add(res->diags, KG_ERROR, "load", (struct kg_loc){0}, "%s", res->why);
	if (f->explanation)
		kg_diag_hint(d, "%s", f->explanation);
}

static void not_checked(struct kg_load_result *res, char *why)
{
	res->outcome = KG_LOAD_NOT_CHECKED;
	res->why = why;
}

static char *first_error(const GPtrArray *diags)
{
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(diags, i);

		if (d->severity == KG_ERROR)
			return d->hint ? g_strdup_printf("%s (%s)", d->msg, d->hint) : g_strdup(d->msg);
	}
	return NULL;
}

/*
 * bpftrace 0.17 leaves out what it can't attach, with a warning, when another attach point of the same probe can be: "could not attach probe
 * kprobe:vfs_create, skipping." Such a program would see less than it says.
 */
static const char *left_out(const GPtrArray *diags)
{
	for (guint i = 0; i < diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(diags, i);

		if (g_str_has_prefix(d->msg, "could not attach probe "))
			return d->msg;
	}
	return NULL;
}

/* bpftrace ended by itself before everything was loaded, and not because of the verifier. */
static void judge_early_end(const struct supervised *s, struct kg_load_result *res)
{
	g_autofree char *how = kg_child_status_text(s->wstatus);
	g_autofree char *error = first_error(res->diags);

	if (s->refused) {
		not_checked(res, g_strdup_printf("%s, which is not allowed while a program is only being checked%s%s", s->refused,
						 error ? "; then: " : "", error ? error : ""));
		return;
	}
	/* END is only loaded at the end: bpftrace going home with less than it announced is not a yes */
	if (s->is_waiting || (WIFEXITED(s->wstatus) && WEXITSTATUS(s->wstatus) == 0)) {
		not_checked(res, g_strdup_printf("bpftrace ended after %u of %d programs were seen to be loaded", s->programs->len, s->n_probes));
		return;
	}
	res->outcome = KG_LOAD_REFUSED;
	if (error)
		res->why = g_strdup_printf("bpftrace refuses it: %s", error);
	else if (strstr(s->out->str, "No probes to attach"))
		res->why = g_strdup("there is nothing to attach to: no function or event of that name exists");
	else
		res->why = g_strdup_printf("bpftrace %s and did not say why", how);
}

static void judge(const struct supervised *s, const struct kg_load_opts *opts, int timeout_ms,
		  struct kg_load_result *res)
{
	const char *skipped = left_out(res->diags);

	res->n_probes = s->n_probes;
	res->n_loaded = (int)s->programs->len;
	if (s->unknown)
		not_checked(res, g_strdup_printf("%s (%s)", s->unknown, opts->tool->text));
	else if (s->is_over_time)
		not_checked(res, g_strdup_printf("bpftrace did not finish loading within %d s", (timeout_ms + 999) / 1000));
	else if (s->is_too_much)
		not_checked(res, g_strdup("bpftrace wrote too much"));
	else if (skipped) {
		res->outcome = KG_LOAD_REFUSED;
		res->why = g_strdup_printf("bpftrace would run it without some of its attach points: %s", skipped);
	} else if (s->n_probes >= 0 && s->n_probes < opts->min_probes) {
		res->outcome = KG_LOAD_REFUSED;
		res->why = g_strdup_printf("bpftrace attaches only %d of its %d attach points: others match nothing here", s->n_probes,
					   opts->min_probes);
	} else if (s->n_probes > 0 && res->n_loaded >= s->n_probes && s->is_waiting)
		res->outcome = KG_LOAD_ACCEPTED;
	else if (s->has_ended)
		judge_early_end(s, res);
	else
		not_checked(res, g_strdup_printf("only %d of %d programs were seen to be loaded", res->n_loaded, s->n_probes));
}

/* With the tool and the command settled in [opts]. */
static int load_with(int program, const struct kg_load_opts *opts, struct kg_load_result *res, struct kg_error *err)
{
	static const char *const options[] = {"-f", "json", NULL};
	struct kg_bpftrace_call call = make_call(opts, options);
	int timeout_ms = opts->timeout_ms > 0 ? opts->timeout_ms : TIMEOUT_MS;
	gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
	struct supervised seen;
	_cleanup_error_ struct kg_error e = {0};
	int r = supervise(&call, program, FALSE, timeout_ms, MAX_OUTPUT, &seen, &e);

	if (r == -KG_E_UNSUPPORTED) {
		not_checked(res, g_strdup_printf("attaching can't be held back here: %s", e.msg));
		r = 0;
	} else if (r) {
		r = kg_error_set(err, e.code, STAGE, "%s", e.msg);
	} else {
		kg_bpftrace_parse_messages(seen.messages->str, seen.messages->len, "load", res->diags);
		kg_bpftrace_drop_baseless(res->diags);
		res->probe = seen.has_ended && !seen.unknown ? refused_probe(seen.messages->str) : NULL;
		if (res->probe) {
			int left_ms = (int)((until - g_get_monotonic_time()) / 1000);

			res->n_probes = seen.n_probes;
			res->n_loaded = (int)seen.programs->len;
			take_finding(&seen, res);
			if (!res->finding.reason && left_ms > 0)
				fetch_log(program, opts, left_ms, res);
			refused_by_verifier(res);
		} else {
			judge(&seen, opts, timeout_ms, res);
		}
	}
	supervised_clear(&seen);
	return r;
}

int kg_load(const char *program, const struct kg_load_opts *opts, struct kg_load_result *ret, struct kg_error *err)
{
	static const struct kg_load_opts defaults;
	struct kg_load_result res = {.n_probes = -1};
	struct kg_bpftrace_input in;
	struct kg_load_opts settled;
	gint64 start = g_get_monotonic_time();
	int r;

	if (!opts)
		opts = &defaults;
	r = kg_bpftrace_input_open(program, opts->tool, opts->command, &in, err);
	if (r)
		return r;
	settled = *opts;
	settled.tool = in.tool;
	settled.command = in.command;
	res.diags = kg_diags_new();
	res.finding.insn_index = -1;
	if (kg_load_possible(&res.why, &res.mend))
		r = load_with(in.program, &settled, &res, err);
	else
		res.outcome = KG_LOAD_NOT_CHECKED;
	kg_bpftrace_input_clear(&in);
	if (r) {
		kg_load_result_clear(&res);
		return r;
	}
	res.took_ns = (g_get_monotonic_time() - start) * 1000;
	*ret = res;
	return 0;
}
