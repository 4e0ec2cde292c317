/*
 * A trial in a sandbox: the same as on the running kernel, step by step over the sandbox's events.
 *
 *	start bpftrace -> "attaching" -> it waits in epoll_wait: attached -> stimulus -> a while -> SIGINT -> last maps -> exit
 *
 * bpftrace says that it attaches before it has; it has when it waits for events, which /proc/PID/syscall in the guest shows. Its process id is
 * what the shell that becomes bpftrace tells first.
 */
#include "place.h"

#include <kgent/child.h>

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#define PROGRAM "/tmp/trial.bt"
#define SCRIPT "/tmp/stimulus.sh"
#define ATTACH_MS 60000
#define STOP_MS 60000
#define STOP_AGAIN_MS 1000
#define LOOK_MS 100
#define MAX_LINE (4u << 20)
#define MAX_WORDS (1u << 20)

enum step { STARTING, ATTACHING, STIMULATING, OBSERVING, STOPPING, OVER };

struct boxing {
	const struct kg_trial_opts *opts;
	struct kg_trial_result *res;
	struct kg_sandbox *box;
	enum step step;
	gint64 step_us;        /* when this step began */
	int program, stimulus; /* numbers of the commands; 0: not started */
	gboolean program_ended, stimulus_ended, says_attached;
	int guest_pid;         /* of bpftrace; 0: not told yet */
	GString *line;         /* of bpftrace's output, unfinished */
	GString *errors;       /* what bpftrace wrote on standard error */
	GString *said, *said_errors; /* by the stimulus */
	gint64 told_us;        /* to stop, the last time */
	gint64 attached_us;
	struct kg_error *err;
};

static gint64 now_us(void)
{
	return g_get_monotonic_time();
}

static void go_to(struct boxing *b, enum step step)
{
	b->step = step;
	b->step_us = now_us();
}

/* ---------------------------------------------------------------- what the program shows */

static void on_program_event(struct boxing *b, struct kg_run_event *ev)
{
	if (ev->type == KG_RUN_ATTACHED) {
		b->says_attached = TRUE;
		b->res->run.n_probes = (int)CLAMP(ev->number, 0, G_MAXINT);
		return;
	}
	if (ev->type == KG_RUN_TEXT && !b->says_attached) { /* bpftrace about itself */
		g_string_append_printf(b->errors, "%.*s\n", (int)MIN(ev->text.len, 1000), ev->text.text);
		return;
	}
	ev->is_final = ev->rows && b->step == STOPPING;
	b->res->run.n_lost += ev->type == KG_RUN_LOST ? (guint64)MAX(ev->number, 0) : 0;
	b->res->run.n_events += ev->type == KG_RUN_PRINTF;
	place_event(b->opts, b->res, ev);
}

static void take_output(struct boxing *b, const char *data, gsize len)
{
	const char *end = data + len;

	while (data < end) {
		const char *newline = memchr(data, '\n', (gsize)(end - data));
		gsize part = (gsize)((newline ?: end) - data);
		struct kg_run_event ev;

		if (b->line->len + part <= MAX_LINE)
			g_string_append_len(b->line, data, (gssize)part);
		else
			place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "it printed a line of more than %u MiB", MAX_LINE >> 20);
		data += part + (newline != NULL);
		if (!newline)
			return;
		if (kg_run_parse_line(b->line->str, b->line->len, &ev))
			on_program_event(b, &ev);
		kg_run_event_clear(&ev);
		g_string_truncate(b->line, 0);
	}
}

static void append(GString *to, const char *data, gsize len)
{
	g_string_append_len(to, data, (gssize)MIN(len, MAX_WORDS - MIN(to->len, MAX_WORDS)));
}

/* The first line on standard error is the process id, told by the shell; the rest is bpftrace's. */
static void take_error(struct boxing *b, const char *data, gsize len)
{
	char *newline;

	append(b->errors, data, len);
	if (b->guest_pid || !(newline = strchr(b->errors->str, '\n')))
		return;
	b->guest_pid = atoi(b->errors->str);
	g_string_erase(b->errors, 0, newline + 1 - b->errors->str);
}

/* ---------------------------------------------------------------- starting */

static char **limits_of(const struct boxing *b)
{
	struct kg_bpftrace tool = {.path = (char *)"/usr/bin/bpftrace"};
	struct kg_bpftrace_call call = {.tool = &tool, .limits = b->opts->limits};
	g_auto(GStrv) all = kg_bpftrace_env(&call);
	GPtrArray *env = g_ptr_array_new();

	for (int i = 0; all[i]; i++)
		if (g_str_has_prefix(all[i], "BPFTRACE_"))
			g_ptr_array_add(env, g_strdup(all[i]));
	g_ptr_array_add(env, NULL);
	return (char **)g_ptr_array_free(env, FALSE);
}

static int start_program(struct boxing *b, const char *program)
{
	static const char *const safe[] = {"/bin/sh", "-c", "echo $$ >&2; exec \"$@\"", "sh", "/usr/bin/bpftrace", "-f", "json", PROGRAM, NULL};
	static const char *const unsafe[] = {"/bin/sh", "-c", "echo $$ >&2; exec \"$@\"", "sh", "/usr/bin/bpftrace", "-f", "json", "--unsafe",
					     PROGRAM, NULL};
	g_auto(GStrv) env = limits_of(b);
	struct kg_sandbox_command command = {.argv = b->opts->allow_unsafe ? unsafe : safe, .env = (const char *const *)env, .timeout_ms = -1,
					     .max_output_bytes = 64u << 20, .drops_output = TRUE};
	int code = kg_sandbox_put(b->box, PROGRAM, program, strlen(program), 0644, b->err);

	return code ? code : kg_sandbox_start(b->box, &command, &b->program, b->err);
}

static int start_stimulus(struct boxing *b)
{
	const char *const script[] = {"/bin/sh", SCRIPT, NULL};
	const char *const env[] = {"KGENT_STIMULUS=/usr/bin/kgent-stimulus", NULL};
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct kg_sandbox_command command = {.argv = script, .env = env, .timeout_ms = b->opts->timeout_ms, .max_output_bytes = 4u << 20};
	int code = 0;

	if (b->opts->script) {
		code = kg_sandbox_put(b->box, SCRIPT, b->opts->script, strlen(b->opts->script), 0755, b->err);
	} else {
		g_ptr_array_add(argv, (gpointer)"/usr/bin/kgent-stimulus");
		for (int i = 0; b->opts->stimulus[i]; i++)
			g_ptr_array_add(argv, (gpointer)b->opts->stimulus[i]);
		g_ptr_array_add(argv, NULL);
		command.argv = (const char *const *)argv->pdata;
	}
	return code ? code : kg_sandbox_start(b->box, &command, &b->stimulus, b->err);
}

/* ---------------------------------------------------------------- steps */

/* Does it wait for events? The first number is that of the system call that it is in. */
static int look_whether_waiting(struct boxing *b, gboolean *ret)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/syscall", b->guest_pid);
	const char *const argv[] = {"/bin/cat", path, NULL};
	struct kg_sandbox_command command = {.argv = argv, .timeout_ms = 10000};
	struct kg_sandbox_output out = {0};
	int code = kg_sandbox_run(b->box, &command, &out, b->err);
	long number = !code && g_ascii_isdigit(out.out->str[0]) ? strtol(out.out->str, NULL, 10) : -1;

	if (!code)
		kg_sandbox_output_clear(&out);
	*ret = number == SYS_epoll_wait || number == SYS_epoll_pwait;
	return code;
}

static int look_whether_attached(struct boxing *b)
{
	gboolean is_waiting = FALSE;
	int code = look_whether_waiting(b, &is_waiting);

	if (code || !is_waiting)
		return code;
	b->res->run.was_attached = TRUE;
	b->attached_us = now_us();
	struct kg_run_event ev = {.type = KG_RUN_ATTACHED, .number = b->res->run.n_probes};
	place_event(b->opts, b->res, &ev);
	go_to(b, STIMULATING);
	return start_stimulus(b);
}

static int stop_program(struct boxing *b)
{
	b->res->run.observed_ns = b->attached_us ? (now_us() - b->attached_us) * 1000 : 0;
	go_to(b, STOPPING);
	b->told_us = b->step_us;
	return kg_sandbox_signal(b->box, b->program, SIGINT, b->err);
}

/* bpftrace 0.17 sees a SIGINT only while it sleeps in epoll_wait: see tell_again() in src/run/run.c. */
static int stop_again(struct boxing *b)
{
	gboolean is_waiting = FALSE;
	int code = b->guest_pid ? look_whether_waiting(b, &is_waiting) : 0;

	b->told_us = now_us();
	return code || !is_waiting ? code : kg_sandbox_signal(b->box, b->program, SIGINT, b->err);
}

static gint64 ms_in_step(const struct boxing *b)
{
	return (now_us() - b->step_us) / 1000;
}

static int take_step(struct boxing *b)
{
	gint64 after_ms = (b->opts->after_ns > 0 ? b->opts->after_ns : PLACE_AFTER_NS) / 1000000;

	if (b->program_ended) {
		go_to(b, OVER);
		return 0;
	}
	if (b->opts->stop && *b->opts->stop && b->step < STOPPING) {
		place_ends(b->res, KG_TRIAL_CANT_RUN, NULL, "it was stopped");
		return stop_program(b);
	}
	switch (b->step) {
	case STARTING:
		if (b->says_attached && b->guest_pid)
			go_to(b, ATTACHING);
		/* fall through */
	case ATTACHING:
		if (ms_in_step(b) > ATTACH_MS) {
			place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "bpftrace did not finish attaching within %d s", ATTACH_MS / 1000);
			return stop_program(b);
		}
		return b->step == ATTACHING ? look_whether_attached(b) : 0;
	case STIMULATING:
		if (b->stimulus_ended)
			go_to(b, OBSERVING);
		return 0;
	case OBSERVING:
		return ms_in_step(b) >= after_ms && now_us() - b->attached_us >= b->opts->for_ns / 1000 ? stop_program(b) : 0;
	case STOPPING:
		if (ms_in_step(b) < STOP_MS && now_us() - b->told_us > STOP_AGAIN_MS * 1000)
			return stop_again(b);
		if (ms_in_step(b) < STOP_MS)
			return 0;
		place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "bpftrace did not end within %d s: the last values are missing", STOP_MS / 1000);
		go_to(b, OVER);
		return 0;
	case OVER:
		return 0;
	}
	return 0;
}

static void on_command_end(struct boxing *b, const struct kg_sandbox_event *ev)
{
	if (ev->id == b->stimulus) {
		b->stimulus_ended = TRUE;
		if (ev->how != KG_SANDBOX_EXITED)
			place_ends(b->res, KG_TRIAL_STIMULUS_FAILED, NULL, "the stimulus did not end in order: %s", kg_sandbox_exit_name(ev->how));
		place_stimulus_done(b->opts, b->res, ev->how == KG_SANDBOX_EXITED ? ev->status : -1, b->said, b->said_errors);
	}
	if (ev->id != b->program)
		return;
	b->program_ended = TRUE;
	b->res->run.exit_status = ev->how == KG_SANDBOX_EXITED ? ev->status : -1;
	b->res->run.term_signal = ev->how == KG_SANDBOX_SIGNALED ? ev->status : 0;
	b->res->run.n_thrown_bytes = ev->dropped_bytes;
	if (ev->dropped_bytes) {
		struct kg_run_event cut = {.type = KG_RUN_TRUNCATED, .number = (gint64)ev->dropped_bytes};
		place_event(b->opts, b->res, &cut);
	}
}

static void on_box_event(struct boxing *b, const struct kg_sandbox_event *ev)
{
	if (ev->kind == KG_SANDBOX_OUTPUT && ev->id == b->program && ev->stream == 1)
		take_output(b, ev->data, ev->len);
	else if (ev->kind == KG_SANDBOX_OUTPUT && ev->id == b->program)
		take_error(b, ev->data, ev->len);
	else if (ev->kind == KG_SANDBOX_OUTPUT && ev->id == b->stimulus)
		append(ev->stream == 1 ? b->said : b->said_errors, ev->data, ev->len);
	else if (ev->kind == KG_SANDBOX_EXIT)
		on_command_end(b, ev);
	else if (ev->kind == KG_SANDBOX_OVER) {
		place_ends(b->res, KG_TRIAL_CANT_RUN, NULL, "the virtual machine was lost: %s", ev->why);
		go_to(b, OVER);
	}
}

static int loop(struct boxing *b)
{
	int code = 0;

	while (b->step != OVER && !code) {
		struct kg_sandbox_event ev = {0};
		code = kg_sandbox_next(b->box, b->step == STIMULATING ? 200 : LOOK_MS, &ev, b->err);
		if (!code)
			on_box_event(b, &ev);
		if (!code && b->step != OVER && (ev.kind == KG_SANDBOX_NOTHING || b->step >= STIMULATING))
			code = take_step(b);
	}
	return code;
}

/* ---------------------------------------------------------------- all of it */

/* How the program ended, as kg_run() would tell it. */
static void judge_program(struct boxing *b)
{
	struct kg_run_result *run = &b->res->run;
	const char *error = NULL;

	kg_bpftrace_parse_messages(b->errors->str, b->errors->len, "run", run->diags);
	kg_bpftrace_drop_baseless(run->diags);
	for (guint i = 0; i < run->diags->len && !error; i++) {
		const struct kg_diag *d = run->diags->pdata[i];
		error = d->severity == KG_ERROR ? d->msg : NULL;
	}
	run->is_complete = b->program_ended && run->exit_status == 0;
	run->end = run->is_complete ? b->stimulus_ended ? KG_RUN_STOPPED : KG_RUN_ENDED : KG_RUN_FAILED;
	if (!run->was_attached && b->program_ended)
		place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "%s", error ?: "bpftrace ended before it was attached");
	else if (!run->is_complete)
		place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "bpftrace did not end in order%s%s", error ? ": " : "", error ?: "");
	else if (!b->stimulus_ended)
		place_ends(b->res, KG_TRIAL_PROGRAM_FAILED, NULL, "the program ended before the stimulus did");
	if (run->end == KG_RUN_FAILED)
		run->why = g_strdup(b->res->why);
}

static void try_in(struct boxing *b, const char *program)
{
	_cleanup_error_ struct kg_error err = {0};
	int code;

	b->err = &err;
	b->line = g_string_new(NULL);
	b->errors = g_string_new(NULL);
	b->said = g_string_new(NULL);
	b->said_errors = g_string_new(NULL);
	b->res->kernel = g_strdup(kg_sandbox_release(b->box));
	go_to(b, STARTING);
	code = start_program(b, program);
	if (!code)
		code = loop(b);
	if (code)
		place_ends(b->res, KG_TRIAL_CANT_RUN, err.hint, "%s", err.msg);
	judge_program(b);
	g_string_free(b->line, TRUE);
	g_string_free(b->errors, TRUE);
	g_string_free(b->said, TRUE);
	g_string_free(b->said_errors, TRUE);
}

static int run_in_sandbox(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *res, struct kg_error *err)
{
	struct kg_sandbox_opts open = {.kernel = opts->kernel, .progress = opts->progress, .user = opts->user};
	struct boxing b = {.opts = opts, .res = res, .box = opts->sandbox};
	struct kg_sandbox *own = NULL;
	_cleanup_error_ struct kg_error no_box = {0};

	res->run = (struct kg_run_result){.n_probes = -1, .exit_status = -1, .diags = kg_diags_new()};
	if (!b.box && kg_sandbox_open(&open, &own, &no_box)) {
		place_ends(res, KG_TRIAL_CANT_RUN, no_box.hint, "%s", no_box.msg);
		return 0;
	}
	b.box = b.box ?: own;
	try_in(&b, program);
	kg_sandbox_free(own);
	return 0;
}

const struct trial_place place_sandbox = {"a sandbox", run_in_sandbox};
