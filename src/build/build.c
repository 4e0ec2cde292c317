/*
 * Compile a program with bpftrace, load nothing: `bpftrace --emit-elf FILE` (0.11 and later).
 *
 * bpftrace wants to be root whatever it is asked to do. For compiling it does not need to be: where we are not, it is "root" in a user namespace.
 */
#include "stage.h"

#include <kgent/build.h>
#include <kgent/child.h>

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAGE "build"
#define TIMEOUT_MS 20000
#define MAX_OBJECT (64u << 20)
#define MAX_MESSAGES (1u << 20)
#define OBJECT_FILE "/dev/fd/4"

const char *kg_build_outcome_name(enum kg_build_outcome outcome)
{
	static const char *const names[] = {"passed", "failed", "not checked"};

	return (guint)outcome < G_N_ELEMENTS(names) ? names[outcome] : "?";
}

void kg_build_result_clear(struct kg_build_result *res)
{
	if (!res)
		return;
	g_clear_pointer(&res->diags, g_ptr_array_unref);
	g_clear_pointer(&res->object, g_bytes_unref);
	g_clear_pointer(&res->why, g_free);
	g_clear_pointer(&res->mend, g_free);
}

/* The object that was written to the memory file, or NULL when it is none. */
static int read_object(int fd, gsize max, GBytes **ret, struct kg_error *err)
{
	struct stat st;
	g_autofree char *data = NULL;
	gsize done = 0;

	if (fstat(fd, &st))
		return kg_error_set(err, KG_E_IO, STAGE, "can't read the object: %s", g_strerror(errno));
	if ((gsize)st.st_size > max)
		return kg_error_set(err, KG_E_LIMIT, STAGE, "the compiled object is larger than %zu bytes", max);
	data = g_malloc((gsize)st.st_size + 1);
	while (done < (gsize)st.st_size) {
		ssize_t n = pread(fd, data + done, (gsize)st.st_size - done, (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return kg_error_set(err, KG_E_IO, STAGE, "can't read the object: %s", g_strerror(errno));
		done += (gsize)n;
	}
	if (done >= 4 && memcmp(data, "\177ELF", 4) == 0)
		*ret = g_bytes_new_take(g_steal_pointer(&data), done);
	return 0;
}

/* tracefs is mounted in one of two places, and by default only root may look into it. */
static gboolean tracefs_can(const char *name, int how)
{
	static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (guint i = 0; i < G_N_ELEMENTS(roots); i++) {
		g_autofree char *path = g_build_filename(roots[i], name, NULL);

		if (access(path, how) == 0)
			return TRUE;
	}
	return FALSE;
}

/* bpftrace finds no tracepoint at all where it can't see tracefs: that says nothing about the program. */
static gboolean is_blind(const struct kg_build_result *res)
{
	if (tracefs_can("events", R_OK | X_OK))
		return FALSE;
	for (guint i = 0; i < res->diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(res->diags, i);

		if (d->severity == KG_ERROR && g_str_has_prefix(d->msg, "tracepoint not found"))
			return TRUE;
	}
	return FALSE;
}

static void blind(struct kg_build_result *res)
{
	gboolean is_mounted = tracefs_can("", F_OK) && tracefs_can("events", F_OK);

	res->outcome = KG_BUILD_NOT_CHECKED;
	g_ptr_array_set_size(res->diags, 0);
	if (geteuid() == 0 && !is_mounted) {
		res->why = g_strdup("compiling needs the formats of tracepoints, and tracefs is not mounted");
		res->mend = g_strdup("mount -t tracefs tracefs /sys/kernel/tracing");
	} else {
		res->why = g_strdup("compiling needs the formats of tracepoints, and only root may read /sys/kernel/tracing");
		res->mend = g_strdup("sudo kgent ...");
	}
}

/* What one compilation is made of. */
struct compiling {
	const struct kg_bpftrace_input *in;
	const struct kg_build_opts *opts;
	struct stage *stage;       /* NULL: bpftrace looks at the system itself */
	struct answers answers;    /* with a stage */
	gboolean is_refused;       /* the child could not be had as it is needed */
	int object;                /* memory file */
	struct kg_build_result *res;
};

static void set_unknown(struct kg_build_result *res, const char *why, const char *mend)
{
	res->outcome = KG_BUILD_NOT_CHECKED;
	g_ptr_array_set_size(res->diags, 0);
	res->why = g_strdup(why);
	res->mend = g_strdup(mend);
}

static gboolean says(const struct kg_build_result *res, const char *text)
{
	for (guint i = 0; i < res->diags->len; i++) {
		const struct kg_diag *d = g_ptr_array_index(res->diags, i);

		if (d->severity == KG_ERROR && strstr(d->msg, text))
			return TRUE;
	}
	return FALSE;
}

/* Did it fail for what a profile does not have? That says nothing about the program. */
static gboolean lacks_facts(const struct compiling *c)
{
	static const struct {
		const char *said, *source, *why; /* [source]: only where the profile lacks it */
	} rows[] = {
		{"tracepoint not found", "tracepoints", NULL},
		{"tracepoints not found", "tracepoints", NULL},
		{"could not read traceable functions", "functions", NULL},
		{" available for your kernel version", "functions", NULL},
		{"Failed to resolve kernel symbol", NULL, "kaddr() needs the addresses of that kernel's symbols, which a profile does not have"},
		{"file not found", NULL, "it includes headers that are not here: a profile has a kernel's types, and not its headers"},
	};
	struct kg_profile *p = c->opts->profile;

	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct kg_source *source = rows[i].source ? kg_profile_source(p, rows[i].source) : NULL;
		g_autofree char *why = NULL;

		if (!says(c->res, rows[i].said) || (source && source->state != KG_SOURCE_MISSING))
			continue;
		why = rows[i].why ? g_strdup(rows[i].why)
				  : g_strdup_printf("compiling needs the kernel's %s, and %s", rows[i].source, source && source->why ? source->why : "there are none");
		set_unknown(c->res, why, source ? source->mend : NULL);
		return TRUE;
	}
	return FALSE;
}

/* It failed: by what is known, or by what could not be seen? */
static gboolean is_unknown(const struct compiling *c)
{
	if (!c->stage) {
		if (!is_blind(c->res))
			return FALSE;
		blind(c->res);
		return TRUE;
	}
	if (c->answers.is_unsure && says(c->res, " not available for your kernel version")) {
		set_unknown(c->res, "bpftrace tries on the kernel whether path() can be used, and a profile does not tell what the verifier would say", NULL);
		return TRUE;
	}
	if (!c->answers.is_blind)
		return lacks_facts(c);
	set_unknown(c->res, "bpftrace asks what the kernel can do, and its questions could not be read (process_vm_readv(2))", NULL);
	return TRUE;
}

/* What bpftrace's end means. */
static void judge(const struct compiling *c, int wstatus, const GString *messages)
{
	struct kg_build_result *res = c->res;
	const struct kg_source *functions = c->stage ? kg_profile_source(c->opts->profile, "functions") : NULL;

	kg_bpftrace_parse_messages(messages->str, messages->len, "build", res->diags);
	if (!functions || functions->state != KG_SOURCE_OK)
		kg_bpftrace_drop_baseless(res->diags);
	if (WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0 && res->object) {
		res->outcome = KG_BUILD_COMPILED;
		return;
	}
	g_clear_pointer(&res->object, g_bytes_unref);
	if (is_unknown(c))
		return;
	res->outcome = KG_BUILD_FAILED;
	if (WIFSIGNALED(wstatus)) {
		g_autofree char *how = kg_child_status_text(wstatus);

		kg_diag_add(res->diags, KG_ERROR, "build", (struct kg_loc){0}, "bpftrace crashed on this program (it %s)", how);
	} else if (kg_diags_errors(res->diags) == 0) {
		g_autofree char *how = kg_child_status_text(wstatus);

		kg_diag_add(res->diags, KG_ERROR, "build", (struct kg_loc){0}, "bpftrace %s and made no object, without saying why", how);
	}
}

static void not_checked(const struct compiling *c, struct kg_error *e)
{
	static const char limits[] = "sudo sysctl -w user.max_user_namespaces=10000 user.max_mnt_namespaces=10000";
	static const char root[] = "sudo kgent ...   (or: sudo sysctl -w user.max_user_namespaces=10000)";
	struct kg_profile *p = c->stage ? c->opts->profile : NULL;

	c->res->outcome = KG_BUILD_NOT_CHECKED;
	if (p)
		c->res->why = g_strdup_printf("compiling for %s needs a user namespace with mounts of its own: %s", kg_profile_release(p), e->msg);
	else
		c->res->why = g_strdup_printf("compiling needs root or a user namespace: %s", e->msg);
	c->res->mend = g_strdup(p && !kg_profile_is_running(p) ? limits : root);
	kg_error_clear(e);
}

static int start(struct compiling *c, struct kg_child *child, enum kg_child_step *step, struct kg_error *err)
{
	const struct kg_build_opts *opts = c->opts;
	const char *const options[] = {"--emit-elf", OBJECT_FILE, NULL};
	const char *const types[] = {"BPFTRACE_BTF=" STAGE_BTF_FILE, NULL};
	gboolean has_types = c->stage && c->stage->btf >= 0;
	struct kg_bpftrace_call call = {.tool = c->in->tool, .limits = opts->limits, .options = options, .args = opts->args,
					.env = has_types ? types : NULL, .allow_unsafe = opts->allow_unsafe, .pid = opts->pid};
	g_auto(GStrv) argv = kg_bpftrace_argv(&call);
	g_auto(GStrv) env = kg_bpftrace_env(&call);
	const int fds[] = {c->in->program, c->object, has_types ? c->stage->btf : -1};
	struct kg_child_opts child_opts = {.argv = (const char *const *)argv, .env = (const char *const *)env, .fds = fds, .n_fds = has_types ? 3 : 2,
					   .user_namespace = c->stage || geteuid() != 0};
	struct sock_fprog *filter = NULL;
	int e = 0, r;

	*step = KG_CHILD_NO_SETUP;
	if (c->stage) {
		filter = answers_filter(&e);
		if (!filter)
			return kg_error_set(err, KG_E_IO, STAGE, "the system call filter can't be made: %s", g_strerror(e));
		child_opts.prepare = stage_enter;
		child_opts.user = c->stage;
		child_opts.filter = filter;
		child_opts.filter_notifies = TRUE;
	}
	r = kg_child_start(&child_opts, child, step, err);
	kg_child_filter_free(filter);
	if (r == 0 && c->stage) {
		child->on_notify = answers_serve;
		child->notify_user = &c->answers;
	}
	return r;
}

/* The child could not be had as it is needed: that is an answer, and no error. */
static gboolean is_refused(const struct compiling *c, enum kg_child_step step)
{
	return step == KG_CHILD_NO_NAMESPACE || (c->stage && (step == KG_CHILD_NO_PREPARE || step == KG_CHILD_NO_FILTER));
}

static int compile(struct compiling *c, struct kg_error *err)
{
	struct kg_child child = KG_CHILD_INIT;
	g_autoptr(GString) out = g_string_new(NULL), messages = g_string_new(NULL);
	int timeout_ms = c->opts->timeout_ms > 0 ? c->opts->timeout_ms : TIMEOUT_MS;
	enum kg_child_step step;
	_cleanup_error_ struct kg_error e = {0};
	int r = start(c, &child, &step, &e);

	c->is_refused = r && is_refused(c, step);
	if (c->is_refused) {
		not_checked(c, &e);
		return 0;
	}
	if (r)
		return kg_error_set(err, e.code, STAGE, "%s", e.msg);
	switch (kg_child_collect(&child, timeout_ms, MAX_MESSAGES, out, messages)) {
	case KG_CHILD_TIMED_OUT:
		return kg_error_set(err, KG_E_LIMIT, STAGE, "bpftrace did not finish compiling within %d s", (timeout_ms + 999) / 1000);
	case KG_CHILD_TOO_MUCH:
		return kg_error_set(err, KG_E_LIMIT, STAGE, "bpftrace wrote more than %u bytes while compiling", MAX_MESSAGES);
	default:
		break;
	}
	r = read_object(c->object, c->opts->max_object ? c->opts->max_object : MAX_OBJECT, &c->res->object, err);
	if (r == 0)
		judge(c, child.wstatus, messages);
	return r;
}

static int compile_staged(struct compiling *c, const char *program, struct kg_error *err)
{
	struct stage stage;
	int e = answers_init(&c->answers, c->opts->profile);
	int r = stage_new(program, c->opts->profile, &stage, err);

	if (r == 0 && e)
		r = kg_error_set(err, KG_E_IO, STAGE, "can't make a memory file: %s", g_strerror(e));
	c->stage = &stage;
	if (r == 0)
		r = compile(c, err);
	c->stage = NULL;
	stage_clear(&stage);
	answers_clear(&c->answers);
	return r;
}

/* Does the running kernel show bpftrace its types? Root of a container or of a user namespace may ask as little as an ordinary user. */
static gboolean sees_kernel(void)
{
	union bpf_attr attr = {0};

	return geteuid() == 0 && (syscall(SYS_bpf, BPF_BTF_GET_NEXT_ID, &attr, sizeof(attr)) == 0 || errno != EPERM);
}

/* What this user sees of the running kernel is not all of it: that it fails says nothing, and why there was no stage says what to do. */
static int compile_without(struct compiling *c, struct kg_error *err)
{
	struct kg_build_result *res = c->res;
	g_autofree char *why = g_steal_pointer(&res->why), *mend = g_steal_pointer(&res->mend);
	int r = compile(c, err);

	if (r == 0 && res->outcome == KG_BUILD_FAILED)
		set_unknown(res, why, mend);
	return r;
}

/*
 * Another kernel is never seen but through its profile; the running one is where this user sees too little of it. Where there can be no stage, it is
 * compiled with what this user sees.
 */
static int compile_for(struct compiling *c, const char *program, struct kg_error *err)
{
	struct kg_profile *profile = c->opts->profile;
	const struct kg_source *types = profile ? kg_profile_source(profile, "btf") : NULL;
	gboolean is_running = !profile || kg_profile_is_running(profile), has_types = types && types->state != KG_SOURCE_MISSING;
	int r;

	if (is_running && (!profile || !has_types || sees_kernel()))
		return compile(c, err);
	if (!has_types) {
		g_autofree char *why = g_strdup_printf("compiling for %s needs its types, and its profile has none", kg_profile_release(profile));

		set_unknown(c->res, why, NULL);
		return 0;
	}
	r = compile_staged(c, program, err);
	return r == 0 && c->is_refused && is_running ? compile_without(c, err) : r;
}

static int build_with(const struct kg_bpftrace_input *in, const char *program, const struct kg_build_opts *opts, struct kg_build_result *res,
		      struct kg_error *err)
{
	struct compiling c = {.in = in, .opts = opts, .object = memfd_create("program.o", MFD_CLOEXEC), .res = res};
	int r;

	if (c.object < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "can't make a memory file: %s", g_strerror(errno));
	r = compile_for(&c, program, err);
	close(c.object);
	return r;
}

int kg_build(const char *program, const struct kg_build_opts *opts, struct kg_build_result *ret, struct kg_error *err)
{
	static const struct kg_build_opts defaults;
	struct kg_bpftrace_input in;
	struct kg_build_result res = {0};
	gint64 start = g_get_monotonic_time();
	int r;

	if (!opts)
		opts = &defaults;
	r = kg_bpftrace_input_open(program, opts->tool, NULL, &in, err);
	if (r)
		return r;
	res.diags = kg_diags_new();
	r = build_with(&in, program, opts, &res, err);
	kg_bpftrace_input_clear(&in);
	if (r) {
		kg_build_result_clear(&res);
		return r;
	}
	res.took_ns = (g_get_monotonic_time() - start) * 1000;
	*ret = res;
	return 0;
}
