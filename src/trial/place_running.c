/*
 * A trial on the running kernel, by way of kg_run(). It blocks until the program has ended; so the stimulus is started and waited for by
 * a thread of its own, which kg_run()'s first event ("attached") lets go, and which stops the program when it is time.
 */
#include "place.h"

#include <kgent/child.h>
#include <kgent/paths.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_WORDS (4u << 20)

struct stimulating {
	const struct kg_trial_opts *opts;
	struct kg_trial_result *res;
	int go;             /* eventfd: the program is attached (1), or is over (2 and more) */
	int stop;           /* eventfd: the program is to be stopped */
	gint64 attached_us;
	/* what became of the stimulus, for whoever joins the thread */
	gboolean has_run;
	int status;
	GString *out, *errors;
	struct kg_error err;
};

static void signal_fd(int fd, guint64 value)
{
	ssize_t n;

	do
		n = write(fd, &value, sizeof(value));
	while (n < 0 && errno == EINTR);
}

/* FALSE: the time came first. */
static gboolean wait_fd(int fd, gint64 until_us, guint64 *ret)
{
	for (;;) {
		gint64 left = until_us < 0 ? -1 : MAX(0, (until_us - g_get_monotonic_time() + 999) / 1000);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = poll(&p, 1, (int)MIN(left, 1000000));

		if (n > 0 && read(fd, ret, sizeof(*ret)) == sizeof(*ret))
			return TRUE;
		if (n == 0 && until_us >= 0 && g_get_monotonic_time() >= until_us)
			return FALSE;
	}
}

static int start_stimulus(struct stimulating *s, struct kg_child *child)
{
	const struct kg_trial_opts *o = s->opts;
	g_autofree char *own = kg_paths_program("kgent-stimulus"), *dir = own ? g_path_get_dirname(own) : g_strdup("/usr/bin");
	g_autofree char *path = g_strdup_printf("PATH=%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", dir);
	g_autofree char *name = g_strdup_printf("KGENT_STIMULUS=%s", own ?: "");
	const char *const env[] = {path, name, "HOME=/", "LC_ALL=C.UTF-8", NULL};
	const char *const shell[] = {"/bin/sh", "-c", o->script, NULL};
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	struct kg_child_opts opts = {.argv = shell, .env = env};

	if (!o->script) {
		if (!own) {
			kg_error_hint(&s->err, "it belongs to kgent's installation (libexec/kgent/)");
			return kg_error_set(&s->err, KG_E_TOOL, "trial", "the program kgent-stimulus is not there");
		}
		g_ptr_array_add(argv, own);
		for (int i = 0; o->stimulus[i]; i++)
			g_ptr_array_add(argv, (gpointer)o->stimulus[i]);
		g_ptr_array_add(argv, NULL);
		opts.argv = (const char *const *)argv->pdata;
	}
	return kg_child_start(&opts, child, NULL, &s->err);
}

/* Wait for its end, for the end of the program, or of its time. FALSE: it was ended. */
static gboolean collect(struct stimulating *s, struct kg_child *child)
{
	gint64 until = g_get_monotonic_time() + (s->opts->timeout_ms > 0 ? s->opts->timeout_ms : 60000) * 1000LL;
	guint64 why;

	for (;;) {
		gboolean is_over = kg_child_wait(child, 20);
		for (gsize before = G_MAXSIZE; before != s->out->len + s->errors->len;) {
			before = s->out->len + s->errors->len;
			kg_child_drain(&child->out, MAX_WORDS, s->out);
			kg_child_drain(&child->err, MAX_WORDS, s->errors);
			if (before >= 2 * (gsize)MAX_WORDS) /* what comes beyond is not kept, and need not be waited for */
				break;
		}
		if (is_over)
			return TRUE;
		if (wait_fd(s->go, g_get_monotonic_time(), &why))
			return FALSE;
		if (g_get_monotonic_time() > until) {
			kg_error_set(&s->err, KG_E_LIMIT, "trial", "the stimulus did not end in time");
			return FALSE;
		}
	}
}

static void stimulate(struct stimulating *s)
{
	struct kg_child child = KG_CHILD_INIT;

	if (start_stimulus(s, &child))
		return;
	s->has_run = collect(s, &child);
	s->status = s->has_run && WIFEXITED(child.wstatus) ? WEXITSTATUS(child.wstatus) : -1;
	kg_child_end(&child);
}

static gpointer stimulating_thread(gpointer data)
{
	struct stimulating *s = data;
	gint64 after_ns = s->opts->after_ns > 0 ? s->opts->after_ns : PLACE_AFTER_NS;
	guint64 why = 0;

	wait_fd(s->go, -1, &why);
	if (why != 1)
		return NULL;
	s->attached_us = g_get_monotonic_time();
	stimulate(s);
	/* what is on its way from the kernel to bpftrace arrives in this time */
	gint64 until = MAX(g_get_monotonic_time() + after_ns / 1000, s->attached_us + s->opts->for_ns / 1000);
	if (s->has_run && s->status == 0)
		wait_fd(s->go, until, &why);
	signal_fd(s->stop, 1);
	return NULL;
}

struct watching {
	const struct kg_trial_opts *opts;
	struct kg_trial_result *res;
	int go;
};

static int on_event(const struct kg_run_event *ev, void *user)
{
	struct watching *w = user;

	if (ev->type == KG_RUN_ATTACHED)
		signal_fd(w->go, 1);
	return place_event(w->opts, w->res, ev);
}

static void program_done(struct kg_trial_result *res, gboolean has_stimulated)
{
	if (res->run.end == KG_RUN_FAILED || !res->run.was_attached)
		place_ends(res, KG_TRIAL_PROGRAM_FAILED, res->run.mend, "%s", res->run.why ?: "it was not attached");
	else if (!has_stimulated)
		place_ends(res, KG_TRIAL_PROGRAM_FAILED, NULL, "the program ended before the stimulus did");
	else if (!res->run.is_complete)
		place_ends(res, KG_TRIAL_PROGRAM_FAILED, res->run.mend, "%s", res->run.why ?: "it did not end in order");
}

/* The program's own end is told first: a stimulus that was cut off by it says less. */
static void settle(struct stimulating *s, struct kg_trial_result *res)
{
	if (res->run.end == KG_RUN_FAILED || !res->run.was_attached)
		program_done(res, s->has_run);
	if (s->err.code)
		place_ends(res, s->err.code == KG_E_TOOL ? KG_TRIAL_CANT_RUN : KG_TRIAL_STIMULUS_FAILED, s->err.hint, "%s", s->err.msg);
	if (s->has_run)
		place_stimulus_done(s->opts, res, s->status, s->out, s->errors);
	program_done(res, s->has_run);
}

static int run_both(const char *program, struct stimulating *s, struct kg_error *err)
{
	const struct kg_trial_opts *o = s->opts;
	struct watching w = {.opts = o, .res = s->res, .go = s->go};
	struct kg_run_opts opts = {.tool = o->tool, .limits = o->limits, .allow_unsafe = o->allow_unsafe, .stop_fd = s->stop, .stop = o->stop};
	GThread *thread = g_thread_new("kgent-stimulus", stimulating_thread, s);
	int code = kg_run(program, &opts, on_event, &w, &s->res->run, err);

	signal_fd(s->go, 2); /* where it waits still, there will be nothing to wait for */
	g_thread_join(thread);
	return code;
}

static gboolean knows_processes_by_other_numbers(void)
{
	g_autofree char *namespace = g_file_read_link("/proc/self/ns/pid", NULL);

	return namespace && strcmp(namespace, "pid:[4026531836]") != 0;
}

static int run_here(const char *program, const struct kg_trial_opts *opts, struct kg_trial_result *res, struct kg_error *err)
{
	struct stimulating s = {.opts = opts, .res = res, .status = -1};
	struct utsname os;
	int code = 0;

	uname(&os);
	res->kernel = g_strdup(os.release);
	if (knows_processes_by_other_numbers()) {
		place_ends(res, KG_TRIAL_CANT_RUN, "run kgent outside of the container, or try it in a sandbox (--kernel)",
			   "kgent runs in a pid namespace of its own: the kernel knows the stimulus by other numbers than it knows itself");
		return 0;
	}
	s.go = eventfd(0, EFD_CLOEXEC);
	s.stop = eventfd(0, EFD_CLOEXEC);
	if (s.go < 0 || s.stop < 0)
		return kg_error_set(err, KG_E_IO, "trial", "eventfd: %s", g_strerror(errno));
	s.out = g_string_new(NULL);
	s.errors = g_string_new(NULL);
	code = run_both(program, &s, err);
	if (!code)
		settle(&s, res);
	g_string_free(s.out, TRUE);
	g_string_free(s.errors, TRUE);
	kg_error_clear(&s.err);
	close(s.go);
	close(s.stop);
	return code;
}

const struct trial_place place_running = {"the running kernel", run_here};
