/*
 * Running a checked program: see watch.h.
 *
 * Standard output gets what the program shows and nothing else. Standard error gets notices (lost events), and, where it is a
 * terminal, one status line that is wiped before anything else is written, so that the two can share a screen.
 */
#include "watch.h"

#include <kgent/render.h>
#include <kgent/text.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a model can read of it, and more than a person does. */
#define MAX_COPY (64 << 10)

/* Set by signals: 1 stop in order, 2 stop at once. */
static volatile sig_atomic_t stop_requests;

static void on_signal(int number)
{
	if (stop_requests < 2)
		stop_requests++;
}

static const int stop_signals[] = {SIGINT, SIGTERM, SIGHUP};

struct handlers {
	struct sigaction old[G_N_ELEMENTS(stop_signals)];
};

static void catch_signals(struct handlers *handlers)
{
	struct sigaction action = {.sa_handler = on_signal};

	stop_requests = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(stop_signals); i++)
		sigaction(stop_signals[i], &action, &handlers->old[i]);
}

static void release_signals(const struct handlers *handlers)
{
	for (gsize i = 0; i < G_N_ELEMENTS(stop_signals); i++)
		sigaction(stop_signals[i], &handlers->old[i], NULL);
}

/* ---------------------------------------------------------------- output */

struct watching {
	const struct kg_watch *watch;
	struct kg_render *render;
	gboolean has_status;  /* a status line may be shown */
	gboolean is_status_up;/* one is on the screen */
	gboolean saw_event;   /* something that the program found */
	gboolean is_output_gone;
};

static void wipe_status(struct watching *w)
{
	if (w->is_status_up)
		kg_cli_err("\r\033[K");
	w->is_status_up = FALSE;
}

static const struct kg_run_columns *columns_of(const struct kg_watch *watch, const char *map)
{
	for (guint i = 0; watch->candidate->columns && i < watch->candidate->columns->len; i++) {
		const struct kg_run_columns *columns = watch->candidate->columns->pdata[i];
		if (g_strcmp0(columns->map, map) == 0)
			return columns;
	}
	return NULL;
}

static gboolean is_nothing(const struct kg_run_row *row)
{
	switch (row->value.type) {
	case KG_RUN_V_INT:
		return !row->has_key && row->value.i == 0;
	case KG_RUN_V_STATS:
		return row->value.count == 0;
	case KG_RUN_V_BUCKETS:
		return !row->value.buckets || row->value.buckets->len == 0;
	default:
		return FALSE;
	}
}

/* Did the program find something? Its working storage does not count, nor does a counter that is still 0. */
static gboolean shows_event(const struct watching *w, const struct kg_run_event *ev)
{
	switch (ev->type) {
	case KG_RUN_PRINTF:
	case KG_RUN_JOIN:
	case KG_RUN_VALUE:
		return TRUE;
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		break;
	default:
		return FALSE;
	}
	const struct kg_run_columns *columns = columns_of(w->watch, ev->name);
	if ((columns && columns->is_hidden) || !ev->rows)
		return FALSE;
	for (guint i = 0; i < ev->rows->len; i++)
		if (!is_nothing(&g_array_index(ev->rows, struct kg_run_row, i)))
			return TRUE;
	return FALSE;
}

static int put(struct watching *w, const GString *out)
{
	if (!out->len)
		return 0;
	wipe_status(w);
	if (w->watch->copy && w->watch->copy->len < MAX_COPY)
		g_string_append_len(w->watch->copy, out->str, (gssize)MIN(out->len, MAX_COPY - w->watch->copy->len));
	if (!kg_cli_out(out->str))
		w->is_output_gone = TRUE;
	return w->is_output_gone;
}

static int on_event(const struct kg_run_event *ev, void *user)
{
	struct watching *w = user;
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GString) notice = g_string_new("kgent: ");

	if (ev->type == KG_RUN_ATTACHED && w->watch->command)
		kg_command_go(w->watch->command);
	w->saw_event = w->saw_event || shows_event(w, ev);
	kg_render_event(w->render, ev, out);
	if (!w->watch->cli->json && kg_render_notice(ev, notice)) {
		wipe_status(w);
		if (!g_str_has_suffix(notice->str, "\n"))
			g_string_append_c(notice, '\n');
		kg_cli_err(notice->str);
	}
	return put(w, out);
}

static void on_status(const struct kg_run_status *st, void *user)
{
	struct watching *w = user;
	g_autoptr(GString) line = g_string_new("\r\033[K");

	if (!w->has_status)
		return;
	if (st->is_stopping) {
		g_string_append(line, "stopping: collecting the last results ...");
	} else if (!st->is_attached) {
		g_string_append(line, "attaching ...");
	} else if (st->left_ns >= 0) {
		g_string_append_printf(line, "observing, %" G_GINT64_FORMAT " s left; Ctrl-C ends it now", (st->left_ns + 999999999) / 1000000000);
	} else {
		g_string_append_printf(line, "observing for %" G_GINT64_FORMAT " s; Ctrl-C ends it", st->elapsed_ns / 1000000000);
	}
	if (st->n_lost)
		g_string_append_printf(line, "; %" G_GUINT64_FORMAT " events lost", st->n_lost);
	kg_cli_err(line->str);
	w->is_status_up = TRUE;
}

/* ---------------------------------------------------------------- nothing was seen: why? */

static gboolean is_process_named(const char *name, gboolean is_prefix)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	gboolean found = !proc; /* what can't be looked up is not claimed to be missing */

	while (proc && !found && (entry = readdir(proc))) {
		g_autofree char *path = g_strdup_printf("/proc/%s/comm", entry->d_name);
		g_autofree char *comm = NULL;
		if (!g_ascii_isdigit(entry->d_name[0]) || !g_file_get_contents(path, &comm, NULL, NULL))
			continue;
		g_strchomp(comm);
		found = is_prefix ? g_str_has_prefix(comm, name) : !strcmp(comm, name);
	}
	if (proc)
		closedir(proc);
	return found;
}

static gboolean is_rare(const struct kg_intent *intent)
{
	for (guint i = 0; i < intent->events->len; i++)
		if (((const struct kg_card *)intent->events->pdata[i])->heat != KG_HEAT_LOW)
			return FALSE;
	return intent->events->len > 0; /* of a model's program nothing is known */
}

/* The likeliest reason first; only what was really looked up is said as a fact. */
static char *why_nothing(const struct kg_watch *watch, gint64 observed_ns)
{
	const struct kg_intent *intent = watch->intent;

	if (watch->pid && kill(watch->pid, 0) && errno == ESRCH)
		return g_strdup_printf("process %d is not running", watch->pid);
	for (guint i = 0; i < intent->filters->len; i++) {
		const struct kg_filter *filter = intent->filters->pdata[i];
		if (filter->op == KG_FILTER_EQ && filter->is_text && !strcmp(filter->field, "comm") &&
		    !is_process_named(filter->text, filter->is_prefix))
			return g_strdup_printf("no process named %s is running now", filter->text);
		if (filter->op == KG_FILTER_EQ && !filter->is_text && !strcmp(filter->field, "pid") && filter->number > 0 &&
		    kill(filter->number, 0) && errno == ESRCH)
			return g_strdup_printf("process %" G_GINT64_FORMAT " is not running", filter->number);
	}
	g_autofree char *time = kg_text_duration(observed_ns);
	if (intent->filters->len)
		return g_strdup_printf("nothing within %s met the conditions of the sentence; without them there may be more to see", time);
	if (is_rare(intent))
		return g_strdup_printf("this happens rarely, and it was observed for %s only; --for 1min observes longer", time);
	return g_strdup_printf("it did not happen within %s", time);
}

/* ---------------------------------------------------------------- the run */

static int terminal_width(void)
{
	struct winsize size;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Said at once, and kept for the final object. What makes the answer less than it seems is said with --quiet, too. */
static void remark(const struct kg_watch *watch, gboolean is_warning, char *text)
{
	if (is_warning)
		kg_cli_warn(text);
	else
		kg_cli_note(watch->cli, "%s", text);
	g_ptr_array_add(watch->notes, text);
}

static int conclude(struct watching *w, const struct kg_run_result *res, struct kg_error *err)
{
	if (w->is_output_gone) {
		kg_error_set(err, KG_E_IO, "output", "standard output could not be written; the program was stopped");
		return KG_EXIT_OUTPUT;
	}
	if (res->end == KG_RUN_FAILED) {
		kg_error_set(err, KG_E_TOOL, "run", "%s", res->why ?: "bpftrace failed");
		if (res->mend)
			kg_error_hint(err, "%s", res->mend);
		return KG_EXIT_ENVIRONMENT;
	}
	if (res->why)
		remark(w->watch, TRUE, g_strdup(res->why));
	if (res->n_lost)
		remark(w->watch, TRUE, g_strdup_printf("%" G_GUINT64_FORMAT " events were lost: what is shown is less than what happened",
						       res->n_lost));
	if (res->n_thrown_bytes)
		remark(w->watch, TRUE, g_strdup_printf("%" G_GUINT64_FORMAT " bytes of output came too fast and were thrown away",
						       res->n_thrown_bytes));
	if (!w->saw_event) {
		g_autofree char *why = why_nothing(w->watch, res->observed_ns);
		remark(w->watch, FALSE, g_strdup_printf("no event was seen: %s", why));
	}
	return KG_EXIT_OK;
}

int kg_watch_run(const struct kg_watch *watch, struct kg_run_result *ret, struct kg_error *err)
{
	const struct kg_cli *cli = watch->cli;
	struct kg_render_opts render = {.columns = watch->candidate->columns, .color = cli->color_out, .width = terminal_width(),
					.json = cli->json};
	struct watching w = {.watch = watch, .render = kg_render_new(&render), .has_status = isatty(STDERR_FILENO) && !cli->quiet};
	struct kg_run_opts opts = {.tool = watch->tool, .limits = watch->limits, .for_ns = watch->for_ns, .pid = watch->pid,
				   .allow_unsafe = watch->allow_unsafe, .status = on_status, .stop = &stop_requests,
				   .stop_fd = watch->command ? watch->command->end_fd : -1};
	struct handlers handlers;
	g_autoptr(GString) rest = g_string_new(NULL);

	catch_signals(&handlers);
	int code = kg_run(watch->candidate->program, &opts, on_event, &w, ret, err);
	release_signals(&handlers);
	if (!w.is_output_gone) {
		kg_render_finish(w.render, rest);
		put(&w, rest);
	}
	wipe_status(&w);
	kg_render_free(w.render);
	return code ? kg_cli_exit(err) : conclude(&w, ret, err);
}
