/*
 * Compile a program with bpftrace, load nothing: `bpftrace --emit-elf FILE` (0.11 and later).
 *
 * bpftrace wants to be root whatever it is asked to do. For compiling it does not need to be: where we are not, it is "root" in a user namespace.
 */
#include <kgent/build.h>
#include <kgent/child.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* What bpftrace's end means. */
static void judge(struct kg_build_result *res, int wstatus, const GString *messages)
{
	kg_bpftrace_parse_messages(messages->str, messages->len, "build", res->diags);
	kg_bpftrace_drop_baseless(res->diags);
	if (WIFEXITED(wstatus) && WEXITSTATUS(wstatus) == 0 && res->object) {
		res->outcome = KG_BUILD_COMPILED;
		return;
	}
	g_clear_pointer(&res->object, g_bytes_unref);
	if (is_blind(res)) {
		blind(res);
		return;
	}
	res->outcome = KG_BUILD_FAILED;
	if (WIFSIGNALED(wstatus)) {
		g_autofree char *how = kg_child_status_text(wstatus);

		kg_diag_add(res->diags, KG_ERROR, "build", (struct kg_loc){0}, "bpftrace crashed on this program (it %s)", how);
	} else if (kg_diags_errors(res->diags) == 0) {
		g_autofree char *how = kg_child_status_text(wstatus);

		kg_diag_add(res->diags, KG_ERROR, "build", (struct kg_loc){0}, "bpftrace %s and made no object, without saying why", how);
	}
}

static void not_checked(struct kg_build_result *res, struct kg_error *e)
{
	res->outcome = KG_BUILD_NOT_CHECKED;
	res->why = g_strdup_printf("compiling needs root or a user namespace: %s", e->msg);
	res->mend = g_strdup("sudo kgent ...   (or: sudo sysctl -w user.max_user_namespaces=10000)");
	kg_error_clear(e);
}

static int compile(const struct kg_bpftrace *tool, int program, int object, const struct kg_build_opts *opts,
		   struct kg_build_result *res, struct kg_error *err)
{
	const char *const options[] = {"--emit-elf", OBJECT_FILE, NULL};
	struct kg_bpftrace_call call = {.tool = tool, .limits = opts->limits, .options = options, .args = opts->args,
					.allow_unsafe = opts->allow_unsafe, .pid = opts->pid};
	g_auto(GStrv) argv = kg_bpftrace_argv(&call);
	g_auto(GStrv) env = kg_bpftrace_env(&call);
	const int fds[] = {program, object};
	struct kg_child_opts child_opts = {.argv = (const char *const *)argv, .env = (const char *const *)env, .fds = fds, .n_fds = 2,
					   .user_namespace = geteuid() != 0};
	struct kg_child child = KG_CHILD_INIT;
	g_autoptr(GString) out = g_string_new(NULL), messages = g_string_new(NULL);
	int timeout_ms = opts->timeout_ms > 0 ? opts->timeout_ms : TIMEOUT_MS;
	enum kg_child_step step;
	_cleanup_error_ struct kg_error e = {0};
	int r = kg_child_start(&child_opts, &child, &step, &e);

	if (r && step == KG_CHILD_NO_NAMESPACE) {
		not_checked(res, &e);
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
	r = read_object(object, opts->max_object ? opts->max_object : MAX_OBJECT, &res->object, err);
	if (r == 0)
		judge(res, child.wstatus, messages);
	return r;
}

static int build_with(const struct kg_bpftrace_input *in, const struct kg_build_opts *opts, struct kg_build_result *res,
		      struct kg_error *err)
{
	int object = memfd_create("program.o", MFD_CLOEXEC);
	int r;

	if (object < 0)
		return kg_error_set(err, KG_E_IO, STAGE, "can't make a memory file: %s", g_strerror(errno));
	r = compile(in->tool, in->program, object, opts, res, err);
	close(object);
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
	r = build_with(&in, opts, &res, err);
	kg_bpftrace_input_clear(&in);
	if (r) {
		kg_build_result_clear(&res);
		return r;
	}
	res.took_ns = (g_get_monotonic_time() - start) * 1000;
	*ret = res;
	return 0;
}
