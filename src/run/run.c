/*
 * The controller of a running program.
 *
 *   start -> compiling, attaching -> attached -> (time up | stop | the program's own exit()) -> SIGINT -> last maps -> ended
 *
 * bpftrace 0.17 writes "attached_probes" before it attaches. It is attached when it waits in epoll_wait for the first time, which
 * /proc/PID/syscall shows, or when it shows the first event. Before its last maps it writes empty lines.
 * With a command (-c), bpftrace writes to a pipe of its own (-o), so that the command's output is not taken for bpftrace's.
 */
#include "guard.h"
#include "lines.h"

#include <kgent/run.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "run"
#define ATTACH_TIMEOUT_MS 60000
#define STOP_TIMEOUT_MS 10000
#define TERM_TIMEOUT_MS 2000
#define MAX_RATE (32u << 20)
#define MAX_LINE (16u << 20)
#define MAX_MESSAGES (1u << 20)
#define MAP_KEYS_MAX 4096 /* bpftrace's default */
#define OUTPUT_FILE "/dev/fd/4"
#define BATCH_US 2000
#define PIPE_BYTES (1 << 20)
#define SECOND_US G_USEC_PER_SEC
#define TELL_AGAIN_US 300000

struct runner {
	const struct kg_run_opts *opts;
	kg_run_event_fn fn;
	void *user;
	struct kg_run_result *res;
	struct kg_child child;
	int output;             /* with a command: bpftrace's own output; else -1 and it is child.out */
	struct lines lines;     /* of bpftrace's output */
	struct lines command_lines;
	GString *messages;      /* standard error, not parsed yet */
	gsize n_messages;
	gboolean is_compiling;
	gboolean says_attached; /* it said so, but may still be at it */
	gboolean is_ending;     /* the empty lines before the last maps were seen */
	gboolean is_killed;     /* by us */
	gint64 started_us, attached_us, stopped_us; /* 0: not yet */
	gint64 told_us;         /* when SIGINT was sent last */
	gint64 killed_at_us;    /* when SIGTERM was sent */
	gint64 ticked_us;
	enum kg_run_end end;
	gint64 window_us;       /* of the rate limit: begin of this second ... */
	guint64 window_bytes;   /* ... and what came in it */
	guint64 reported_thrown;
	GHashTable *full;       /* names of maps that were found full */
};

static gint64 now_us(void)
{
	return g_get_monotonic_time();
}

const char *kg_run_end_name(enum kg_run_end end)
{
	static const char *const names[] = {"ended", "time up", "stopped", "failed"};

	return (guint)end < G_N_ELEMENTS(names) ? names[end] : "?";
}

void kg_run_result_clear(struct kg_run_result *res)
{
	if (!res)
		return;
	g_clear_pointer(&res->why, g_free);
	g_clear_pointer(&res->mend, g_free);
	g_clear_pointer(&res->diags, g_ptr_array_unref);
}

/* Ask it to end in order; what it has counted comes then. */
static void stop(struct runner *r, enum kg_run_end why)
{
	if (r->stopped_us || r->child.is_reaped)
		return;
	r->stopped_us = r->told_us = now_us();
	r->end = why;
	kill(r->child.pid, SIGINT);
}

static void deliver(struct runner *r, const struct kg_run_event *ev)
{
	if (r->fn && r->fn(ev, r->user))
		stop(r, KG_RUN_STOPPED);
}

static void set_attached(struct runner *r)
{
	struct kg_run_event ev = {.type = KG_RUN_ATTACHED, .number = r->res->n_probes};

	if (r->attached_us)
		return;
	r->attached_us = now_us();
	r->res->was_attached = TRUE;
	deliver(r, &ev);
}

/* Does it wait for events? The first number is that of the system call it is in. */
static gboolean is_waiting(pid_t pid)
{
	char path[64], text[32] = "";
	long nr = -1;
	ssize_t n;
	int fd;

	g_snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0 || !g_ascii_isdigit(text[0]))
		return FALSE;
	nr = strtol(text, NULL, 10);
#ifdef SYS_epoll_wait
	if (nr == SYS_epoll_wait)
		return TRUE;
#endif
	return nr == SYS_epoll_pwait;
}

/* A row that says more than "nothing was seen". */
static gboolean has_something(const struct kg_run_row *row)
{
	const struct kg_run_value *v = &row->value;

	switch (v->type) {
	case KG_RUN_V_INT:
		return v->i != 0;
	case KG_RUN_V_STATS:
		return v->count != 0;
	case KG_RUN_V_BUCKETS:
		for (guint i = 0; i < v->buckets->len; i++)
			if (g_array_index(v->buckets, struct kg_run_bucket, i).count)
				return TRUE;
		return FALSE;
	default:
		return TRUE;
	}
}

static void count(struct runner *r, const struct kg_run_event *ev)
{
	switch (ev->type) {
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		for (guint i = 0; i < ev->rows->len; i++)
			r->res->n_rows += has_something(&g_array_index(ev->rows, struct kg_run_row, i)) ? 1 : 0;
		break;
	case KG_RUN_LOST:
		r->res->n_lost += (guint64)MAX(0, ev->number);
		break;
	case KG_RUN_ERROR:
		break;
	default:
		r->res->n_events++;
	}
}

/*
 * How many entries of the kernel's map an event stands for, as bpftrace 0.17 keeps them: one for each bucket of a histogram, and two for each
 * row of stats() and avg() (their count and their total).
 */
static guint64 count_entries(const struct kg_run_event *ev)
{
	guint64 n = 0;

	for (guint i = 0; i < ev->rows->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, i);

		if (!row->has_key)
			return 0;
		if (ev->type == KG_RUN_MAP)
			n++;
		else if (ev->type == KG_RUN_STATS)
			n += 2;
		else
			for (guint b = 0; b < row->value.buckets->len; b++)
				n += g_array_index(row->value.buckets, struct kg_run_bucket, b).count != 0;
	}
	return n;
}

/* bpftrace 0.17 says nothing when a map is full: keys that come later are just not there. Said once for each map. */
static void check_full(struct runner *r, const struct kg_run_event *ev)
{
	int set = r->opts->limits ? r->opts->limits->map_keys_max : 0;
	guint64 max = set > 0 ? (guint64)set : MAP_KEYS_MAX;
	struct kg_run_event warning = {.type = KG_RUN_ERROR};
	struct kg_diag *d;

	if (g_hash_table_contains(r->full, ev->name) || count_entries(ev) < max)
		return;
	g_hash_table_add(r->full, g_strdup(ev->name));
	r->res->n_full_maps++;
	d = kg_diag_add(r->res->diags, KG_WARNING, "run", (struct kg_loc){0},
			"%s is full (%" G_GUINT64_FORMAT " entries): what came later under other keys was not counted", ev->name, max);
	warning.text = (struct kg_run_text){d->msg, strlen(d->msg)};
	deliver(r, &warning);
}

/* Has the command of -c ended? Then bpftrace has no child left. */
static gboolean command_is_over(const struct runner *r)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", r->child.pid, r->child.pid);
	g_autofree char *children = NULL;

	return g_file_get_contents(path, &children, NULL, NULL) && *g_strstrip(children) == '\0';
}

static gboolean is_final(const struct runner *r)
{
	return r->output >= 0 ? r->stopped_us || command_is_over(r) : r->is_ending;
}

static void on_event(struct runner *r, struct kg_run_event *ev)
{
	if (ev->type == KG_RUN_ATTACHED) {
		r->says_attached = TRUE;
		r->res->n_probes = (int)CLAMP(ev->number, 0, G_MAXINT);
		return;
	}
	/* what bpftrace prints about itself before it attaches is no event of the program */
	if (ev->type == KG_RUN_TEXT && !r->says_attached) {
		g_string_append_len(r->messages, ev->text.text, (gssize)MIN(ev->text.len, 1000));
		g_string_append_c(r->messages, '\n');
		return;
	}
	set_attached(r);
	ev->is_final = (ev->type == KG_RUN_MAP || ev->type == KG_RUN_HIST || ev->type == KG_RUN_STATS) && is_final(r);
	count(r, ev);
	deliver(r, ev);
	if (ev->name && ev->rows)
		check_full(r, ev);
}

/* Only what is printed event by event can be thrown away: a map that is missing would be a wrong answer. */
static gboolean is_too_fast(struct runner *r, const char *line, gsize len)
{
	static const char prefix[] = "{\"type\": \"printf\"";
	guint64 max = r->opts->max_rate_bytes ? r->opts->max_rate_bytes : MAX_RATE;
	gint64 now = now_us();

	if (now - r->window_us >= SECOND_US) {
		r->window_us = now;
		r->window_bytes = 0;
	}
	r->window_bytes += len;
	if (r->window_bytes <= max || len < sizeof(prefix) || memcmp(line, prefix, sizeof(prefix) - 1))
		return FALSE;
	r->res->n_thrown_bytes += len;
	return TRUE;
}

static void on_line(const char *line, gsize len, void *user)
{
	struct runner *r = user;
	struct kg_run_event ev;

	if (len == 0) {
		if (r->says_attached)
			r->is_ending = TRUE;
		return;
	}
	if (is_too_fast(r, line, len))
		return;
	if (kg_run_parse_line(line, len, &ev))
		on_event(r, &ev);
	kg_run_event_clear(&ev);
}

static void deliver_text(struct runner *r, enum kg_run_event_type type, const char *text, gsize len)
{
	struct kg_run_event ev = {.type = type};

	ev.text.text = g_malloc(len + 1);
	memcpy(ev.text.text, text, len);
	ev.text.text[len] = '\0';
	ev.text.len = len;
	deliver(r, &ev);
	kg_run_event_clear(&ev);
}

/* A line of the command that -c runs; bpftrace itself writes its empty lines there, too, when the command is over. */
static void on_command_line(const char *line, gsize len, void *user)
{
	struct runner *r = user;

	if (len || !is_final(r))
		deliver_text(r, KG_RUN_TEXT, line, len);
}

/* With a command, its complaints come together with bpftrace's. They are shown as they are. */
static void on_command_error(const char *line, gsize len, void *user)
{
	g_autofree char *text = g_strndup(line, len);

	if (len && !strstr(text, "couldn't set RLIMIT_MEMLOCK"))
		deliver_text(user, KG_RUN_ERROR, line, len);
}

/* Read a share, so that time-outs and the status line get their turn in a flood. FALSE: nothing was there. */
static gboolean read_share(struct runner *r, int *fd, struct lines *lines, lines_fn fn)
{
	char chunk[65536];
	gboolean any = FALSE;

	for (int i = 0; i < 8 && *fd >= 0; i++) {
		ssize_t n = read(*fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			close(*fd);
			*fd = -1;
			break;
		}
		any = TRUE;
		lines_feed(lines, chunk, (gsize)n, fn, r);
	}
	return any;
}

static gboolean read_all(struct runner *r)
{
	gboolean any;

	if (r->opts->command) {
		any = read_share(r, &r->child.out, &r->command_lines, on_command_line);
		any |= read_share(r, &r->output, &r->lines, on_line);
	} else {
		any = read_share(r, &r->child.out, &r->lines, on_line);
	}
	if (r->child.err >= 0 && r->n_messages < MAX_MESSAGES) {
		gsize before = r->messages->len;

		kg_child_drain(&r->child.err, MAX_MESSAGES, r->messages);
		r->n_messages += r->messages->len - before;
		any |= r->messages->len > before;
	} else if (r->child.err >= 0) {
		g_autoptr(GString) thrown = g_string_new(NULL);

		kg_child_drain(&r->child.err, 0, thrown);
	}
	return any;
}

/* Errors and warnings so far, as findings and as events. The last line may be incomplete unless it is over. */
static void take_messages(struct runner *r, gboolean is_over)
{
	const char *last = memrchr(r->messages->str, '\n', r->messages->len);
	gsize len = is_over ? r->messages->len : last ? (gsize)(last + 1 - r->messages->str) : 0;
	guint from = r->res->diags->len;

	if (len == 0)
		return;
	kg_bpftrace_parse_messages(r->messages->str, len, "run", r->res->diags);
	kg_bpftrace_drop_baseless(r->res->diags);
	if (r->opts->command) {
		struct lines lines;

		lines_init(&lines, MAX_MESSAGES);
		lines_feed(&lines, r->messages->str, len, on_command_error, r);
		lines_flush(&lines, on_command_error, r);
		lines_done(&lines);
		from = r->res->diags->len;
	}
	g_string_erase(r->messages, 0, (gssize)len);
	for (guint i = from; i < r->res->diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(r->res->diags, i);
		struct kg_run_event ev = {.type = KG_RUN_ERROR, .text = {d->msg, strlen(d->msg)}};

		deliver(r, &ev);
	}
}

static void report_thrown(struct runner *r)
{
	guint64 thrown = r->res->n_thrown_bytes + r->lines.n_thrown + r->command_lines.n_thrown;
	struct kg_run_event ev = {.type = KG_RUN_TRUNCATED, .number = (gint64)(thrown - r->reported_thrown)};

	if (thrown == r->reported_thrown)
		return;
	r->reported_thrown = thrown;
	deliver(r, &ev);
}

static void tick(struct runner *r)
{
	gint64 now = now_us();
	struct kg_run_status st = {.n_events = r->res->n_events + r->res->n_rows, .n_lost = r->res->n_lost,
				   .is_attached = r->attached_us != 0, .is_stopping = r->stopped_us != 0, .left_ns = -1};

	if (now - r->ticked_us < SECOND_US)
		return;
	r->ticked_us = now;
	take_messages(r, FALSE);
	report_thrown(r);
	if (r->attached_us)
		st.elapsed_ns = (now - r->attached_us) * 1000;
	if (r->opts->for_ns)
		st.left_ns = MAX(0, r->opts->for_ns - st.elapsed_ns);
	if (r->opts->status)
		r->opts->status(&st, r->user);
}

static gint64 stop_timeout_us(const struct runner *r)
{
	gint64 ms = r->opts->stop_timeout_ms > 0 ? r->opts->stop_timeout_ms : STOP_TIMEOUT_MS;

	/* taking a tracepoint off takes the kernel some 80 ms (6.18) */
	return (ms + (r->opts->stop_timeout_ms > 0 ? 0 : (gint64)MAX(0, r->res->n_probes) * 200)) * 1000;
}

/* bpftrace 0.17 sees a SIGINT only while it sleeps in epoll_wait; one that comes while it handles an event is lost. So it is told again
 * for as long as it goes on waiting for events. */
static void tell_again(struct runner *r, gint64 now)
{
	if (r->killed_at_us || now - r->told_us < TELL_AGAIN_US || !is_waiting(r->child.pid))
		return;
	r->told_us = now;
	kill(r->child.pid, SIGINT);
}

/* Make it end, however it takes it. */
static void enforce(struct runner *r)
{
	gint64 now = now_us();

	if (r->stopped_us && r->attached_us)
		tell_again(r, now);

	if (r->killed_at_us && now - r->killed_at_us > (gint64)TERM_TIMEOUT_MS * 1000)
		kill(-r->child.pid, SIGKILL);
	if (r->killed_at_us || !r->stopped_us || now - r->stopped_us < stop_timeout_us(r))
		return;
	r->is_killed = TRUE;
	r->killed_at_us = now;
	kill(-r->child.pid, SIGTERM);
}

static void check_time(struct runner *r)
{
	gint64 attach_us = (gint64)(r->opts->attach_timeout_ms > 0 ? r->opts->attach_timeout_ms : ATTACH_TIMEOUT_MS) * 1000;
	sig_atomic_t wanted = r->opts->stop ? *r->opts->stop : 0;
	gint64 now = now_us();

	if (!r->attached_us && r->says_attached && is_waiting(r->child.pid))
		set_attached(r);
	if (wanted)
		stop(r, KG_RUN_STOPPED);
	if (wanted > 1) {
		r->is_killed = TRUE;
		kill(-r->child.pid, SIGKILL);
	}
	if (r->attached_us && r->opts->for_ns && (now - r->attached_us) * 1000 >= r->opts->for_ns)
		stop(r, KG_RUN_TIME_UP);
	if (!r->attached_us && !r->stopped_us && now - r->started_us > attach_us) {
		r->res->why = g_strdup_printf("bpftrace did not finish attaching within %d s", (int)((attach_us + SECOND_US - 1) / SECOND_US));
		stop(r, KG_RUN_FAILED);
	}
	enforce(r);
}

static int poll_timeout(const struct runner *r)
{
	gint64 left_ms = 50;

	if (!r->attached_us)
		return r->says_attached ? 1 : 5;
	if (r->opts->for_ns && !r->stopped_us)
		left_ms = (r->opts->for_ns / 1000 - (now_us() - r->attached_us)) / 1000 + 1;
	return (int)CLAMP(left_ms, 0, 50);
}

static void loop(struct runner *r)
{
	gboolean any = FALSE;

	for (;;) {
		struct pollfd p[5] = {{r->child.out, POLLIN, 0}, {r->child.err, POLLIN, 0}, {r->output, POLLIN, 0},
				      {r->is_compiling || r->child.notify >= 0 ? r->child.notify : -1, POLLIN, 0},
				      {r->opts->stop_fd > 0 && !r->stopped_us ? r->opts->stop_fd : -1, POLLIN, 0}};
		gboolean was_over = kg_child_wait(&r->child, 0);

		/* bpftrace writes line by line: waking up for each would cost both of us more than the work itself */
		if (any && !was_over)
			g_usleep(BATCH_US);
		poll(p, G_N_ELEMENTS(p), was_over ? 0 : poll_timeout(r));
		if (p[3].revents & POLLIN)
			guard_serve(r->child.notify, &r->is_compiling);
		if (p[4].revents)
			stop(r, KG_RUN_STOPPED);
		any = read_all(r);
		if (was_over && !any)
			break;
		/* pipes that others keep open, or that are closed, must not make this spin */
		if (!was_over && r->child.out < 0 && r->output < 0)
			g_usleep(2000);
		if (!was_over)
			check_time(r);
		tick(r);
	}
}

/* What its end means. */
static void judge(struct runner *r)
{
	struct kg_run_result *res = r->res;
	int ws = r->child.wstatus;
	gboolean is_good = WIFEXITED(ws) && WEXITSTATUS(ws) == 0;
	g_autofree char *how = kg_child_status_text(ws);
	const char *error = NULL;

	res->exit_status = WIFEXITED(ws) ? WEXITSTATUS(ws) : -1;
	res->term_signal = WIFSIGNALED(ws) ? WTERMSIG(ws) : 0;
	res->end = r->stopped_us ? r->end : KG_RUN_ENDED;
	res->is_complete = is_good && !r->is_killed && res->end != KG_RUN_FAILED;
	for (guint i = 0; i < res->diags->len && !error; i++) {
		const struct kg_diag *d = g_ptr_array_index(res->diags, i);

		error = d->severity == KG_ERROR ? d->msg : NULL;
	}
	if (res->is_complete || res->why)
		return;
	/* stopped before it could react, or before it was ready to */
	if (r->stopped_us && r->is_killed) {
		res->why = g_strdup("bpftrace did not end in time and was killed: the last values may be missing");
	} else if (r->stopped_us && !r->attached_us) {
		res->why = g_strdup("it was stopped before everything was attached");
	} else if (res->term_signal == SIGKILL) {
		res->end = KG_RUN_FAILED;
		res->why = g_strdup("bpftrace was killed (SIGKILL): somebody did that, or the memory ran out");
		res->mend = g_strdup("dmesg | tail");
	} else if (res->term_signal) {
		res->end = KG_RUN_FAILED;
		res->why = g_strdup_printf("bpftrace crashed: it %s", how);
	} else {
		res->end = KG_RUN_FAILED;
		if (error && strstr(error, "only supports running as the root user"))
			res->mend = g_strdup("sudo kgent ...");
		res->why = error ? g_strdup_printf("bpftrace failed: %s", error) : g_strdup_printf("bpftrace %s and did not say why", how);
	}
}

static int start(struct runner *r, int program, struct kg_error *err)
{
	static const char *const plain[] = {"-f", "json", NULL};
	static const char *const apart[] = {"-f", "json", "-o", OUTPUT_FILE, NULL};
	const struct kg_run_opts *o = r->opts;
	struct kg_bpftrace_call call = {.tool = o->tool, .limits = o->limits, .options = o->command ? apart : plain, .args = o->args,
					.command = o->command, .allow_unsafe = o->allow_unsafe, .pid = o->pid};
	g_auto(GStrv) argv = kg_bpftrace_argv(&call);
	g_auto(GStrv) env = kg_bpftrace_env(&call);
	int output[2] = {-1, -1}, fds[2] = {program, -1}, ret;
	struct sock_fprog *filter = o->allow_unsafe || o->command ? NULL : guard_new();
	struct kg_child_opts opts = {.argv = (const char *const *)argv, .env = (const char *const *)env, .fds = fds, .n_fds = 1,
				     .filter = filter, .filter_notifies = filter != NULL};
	enum kg_child_step step;
	_cleanup_error_ struct kg_error e = {0};

	if (o->command) {
		if (pipe2(output, O_CLOEXEC))
			return kg_error_set(err, KG_E_IO, STAGE, "can't make a pipe: %s", g_strerror(errno));
		fds[1] = output[1];
		opts.n_fds = 2;
	}
	ret = kg_child_start(&opts, &r->child, &step, &e);
	if (ret && step == KG_CHILD_NO_FILTER) {
		/* the guard is a second lock; without it the first one holds */
		kg_error_clear(&e);
		opts.filter = NULL;
		opts.filter_notifies = FALSE;
		ret = kg_child_start(&opts, &r->child, &step, &e);
	}
	if (output[1] >= 0)
		close(output[1]);
	if (ret && output[0] >= 0)
		close(output[0]);
	else if (output[0] >= 0)
		fcntl(output[0], F_SETFL, O_NONBLOCK);
	r->output = ret ? -1 : output[0];
	if (ret == 0)
		fcntl(r->output >= 0 ? r->output : r->child.out, F_SETPIPE_SZ, PIPE_BYTES);
	kg_child_filter_free(filter);
	return ret ? kg_error_set(err, e.code, STAGE, "%s", e.msg) : 0;
}

static void finish(struct runner *r)
{
	lines_flush(&r->lines, on_line, r);
	lines_flush(&r->command_lines, on_command_line, r);
	take_messages(r, TRUE);
	report_thrown(r);
	r->res->n_thrown_bytes = r->reported_thrown;
	/* it was over before anybody looked, and had nothing to show */
	if (r->says_attached && WIFEXITED(r->child.wstatus) && WEXITSTATUS(r->child.wstatus) == 0)
		set_attached(r);
	judge(r);
	if (r->attached_us)
		r->res->observed_ns = ((r->stopped_us ? r->stopped_us : now_us()) - r->attached_us) * 1000;
}

/* With the tool and the command settled in [opts]. */
static int run_with(int program, const struct kg_run_opts *opts, kg_run_event_fn fn, void *user, struct kg_run_result *res,
		    struct kg_error *err)
{
	struct runner r = {.opts = opts, .fn = fn, .user = user, .res = res, .child = KG_CHILD_INIT, .output = -1, .is_compiling = TRUE};
	gsize max_line = opts->max_line_bytes ? opts->max_line_bytes : MAX_LINE;
	int ret;

	r.started_us = r.ticked_us = now_us();
	r.messages = g_string_new(NULL);
	r.full = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	lines_init(&r.lines, max_line);
	lines_init(&r.command_lines, max_line);
	ret = start(&r, program, err);
	if (ret == 0) {
		loop(&r);
		finish(&r);
	}
	kg_child_end(&r.child);
	if (r.output >= 0)
		close(r.output);
	lines_done(&r.lines);
	lines_done(&r.command_lines);
	g_string_free(r.messages, TRUE);
	g_hash_table_unref(r.full);
	return ret;
}

int kg_run(const char *program, const struct kg_run_opts *opts, kg_run_event_fn fn, void *user, struct kg_run_result *ret,
	   struct kg_error *err)
{
	static const struct kg_run_opts defaults;
	struct kg_run_result res = {.n_probes = -1, .exit_status = -1};
	struct kg_bpftrace_input in;
	struct kg_run_opts settled;
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
	r = run_with(in.program, &settled, fn, user, &res, err);
	kg_bpftrace_input_clear(&in);
	if (r)
		kg_run_result_clear(&res);
	else
		*ret = res;
	return r;
}
