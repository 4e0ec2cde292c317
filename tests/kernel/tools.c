/*
 * All helpers that real programs call have a model: every tool of the installed bpftrace package and of the package libbpf-tools is read as an object and
 * run by the interpreter, each program in worlds of zeros, of ones and of letters, and by the symbolic executor from maps that may hold anything. No run may
 * end for want of something. A bound that was reached (paths, steps, time, turns of a loop) is counted and told, since what is behind it was not seen.
 *
 * What the compiler or libbpf already refuses on this kernel (a field that is gone) is skipped with the reason.
 */
#include <kgent/build.h>
#include <kgent/interp.h>
#include <kgent/profile.h>
#include <kgent/symex.h>

#include <elf.h>
#include <stdio.h>
#include <string.h>

#define BAD_RELOCATION "(195896080) is not modelled" /* libbpf's mark for a CO-RE relocation without a target */

#define PROGRAM_MS 400 /* of the symbolic executor, for one program */

static guint n_cases, n_failed, n_runs, n_paths, n_programs, n_bounded;
static struct kg_profile *profile;

static void ok(const char *name)
{
	printf("ok %u - %s\n", ++n_cases, name);
}

static void not_ok(const char *name, const char *why)
{
	n_failed++;
	printf("not ok %u - %s: %s\n", ++n_cases, name, why);
}

static void skip(const char *name, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++n_cases, name, why);
}

static struct kg_world *make_world(guint8 fill)
{
	struct kg_world *w = kg_world_new();
	guint8 context[512];

	memset(context, fill, sizeof(context));
	w->context = g_bytes_new(context, sizeof(context));
	w->memory[KG_SPACE_KERNEL].other = w->memory[KG_SPACE_USER].other = fill;
	w->pid_tgid = fill * 0x100000001ull;
	memset(w->comm, fill, sizeof(w->comm) - 1);
	return w;
}

/* NULL, or why a run did not come to its end; owned. */
static char *run_one(const struct kg_object *o, guint which, guint8 fill)
{
	struct kg_world *w = make_world(fill);
	struct kg_run_of_bpf run = {0};
	char *why = NULL;

	kg_interp_run(o, which, w, NULL, &run, NULL);
	n_runs++;
	if (!run.is_complete)
		why = g_strdup_printf("%s: %s", ((struct kg_bpf_program *)o->programs->pdata[which])->attach, run.why);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
	return why;
}

/* ---------------------------------------------------------------- all states at once */

/* Ends of paths that say "I did not look further" and not "I can't". */
static gboolean is_bound(const char *why)
{
	static const char *const bounds[] = {"more than ", "the loop at instruction ", "the solver ", "timeout", "canceled", "max. ",
					   "a store at an unknown place of ", NULL};

	for (guint i = 0; bounds[i]; i++)
		if (g_str_has_prefix(why, bounds[i]))
			return TRUE;
	return FALSE;
}

struct seeing {
	char *why;   /* the first end of a path that is no bound; owned */
	char *bound; /* the first one that is; owned */
};

static void at_end(const struct kg_path *path, void *user)
{
	struct seeing *s = user;

	n_paths++;
	if (path->is_complete)
		return;
	if (is_bound(path->why) && !s->bound)
		s->bound = g_strdup(path->why);
	else if (!is_bound(path->why) && !s->why)
		s->why = g_strdup(path->why);
}

/* NULL, or why a path did not come to its end; owned. */
static char *look_at_one(const char *name, const struct kg_object *o, guint which)
{
	struct kg_symex *x = kg_symex_new(&(struct kg_symex_opts){.profile = profile, .total_ms = PROGRAM_MS, .solver_ms = PROGRAM_MS, .max_unroll = 8});
	_cleanup_error_ struct kg_error err = {0};
	struct seeing s = {0};
	struct kg_event *event = kg_symex_event(x, o, which, NULL, &err);
	struct kg_state *start = kg_symex_start(x, o, KG_MAPS_ANY);
	char *why = NULL;

	if (!event)
		s.why = g_strdup(err.msg);
	else if (kg_symex_run(x, o, which, event, start, at_end, &s, &err) < 0)
		s.bound = s.bound ? s.bound : g_strdup(err.msg);
	n_programs++;
	n_bounded += s.bound != NULL;
	if (s.bound)
		printf("# %s: %s: %s\n", name, ((struct kg_bpf_program *)o->programs->pdata[which])->attach, s.bound);
	if (s.why)
		why = g_strdup_printf("%s: %s", ((struct kg_bpf_program *)o->programs->pdata[which])->attach, s.why);
	g_free(s.why);
	g_free(s.bound);
	kg_state_free(start);
	kg_symex_free(x);
	return why;
}

static void test_object(const char *name, const struct kg_object *o)
{
	static const guint8 fills[] = {0, 1, 'a'};
	gboolean is_seen = TRUE;

	for (guint i = 0; i < o->programs->len; i++)
		for (guint k = 0; k < G_N_ELEMENTS(fills); k++) {
			g_autofree char *why = run_one(o, i, fills[k]);

			if (why && strstr(why, BAD_RELOCATION)) {
				skip(name, "this kernel lacks a field that it reads");
				return;
			}
			if (why) {
				not_ok(name, why);
				return;
			}
		}
	for (guint i = 0; i < o->programs->len; i++) {
		g_autofree char *why = look_at_one(name, o, i);

		if (!why)
			continue;
		if (strstr(why, BAD_RELOCATION))
			skip(name, "this kernel lacks a field that it reads");
		else
			not_ok(name, why);
		is_seen = FALSE;
		break;
	}
	if (is_seen)
		ok(name);
}

static void test_elf(const char *name, GBytes *elf)
{
	struct kg_object *o = NULL;
	_cleanup_error_ struct kg_error err = {0};

	if (kg_object_read(elf, profile, &o, &err) < 0)
		not_ok(name, err.msg);
	else
		test_object(name, o);
	kg_object_free(o);
}

static const char *first_message(const struct kg_build_result *res)
{
	for (guint i = 0; res->diags && i < res->diags->len; i++)
		if (((struct kg_diag *)res->diags->pdata[i])->severity == KG_ERROR)
			return ((struct kg_diag *)res->diags->pdata[i])->msg;
	return res->why ? res->why : "it does not compile";
}

static void test_bpftrace(const char *name, const char *text, gsize len)
{
	struct kg_build_result res = {0};
	struct kg_object *o = NULL;
	struct kg_bt_program *program = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	_cleanup_error_ struct kg_error err = {0};

	if (kg_build(text, &(struct kg_build_opts){.allow_unsafe = TRUE}, &res, &err) < 0 || res.outcome != KG_BUILD_COMPILED)
		skip(name, err.msg ? err.msg : first_message(&res));
	else if (kg_object_read(res.object, profile, &o, &err) < 0 || kg_bt_parse(text, len, diags, &program) < 0 ||
		 kg_object_bpftrace(o, program, NULL, NULL, profile, &err) < 0)
		not_ok(name, err.msg ? err.msg : "it does not parse");
	else
		test_object(name, o);
	kg_bt_free(program);
	kg_object_free(o);
	kg_build_result_clear(&res);
}

/* The BPF object that a tool of libbpf-tools carries within itself, or NULL. */
static GBytes *object_within(const char *data, gsize n)
{
	Elf64_Ehdr header;

	for (const char *at = data + 1; (at = memmem(at, (gsize)(data + n - at), "\177ELF\2\1\1", 7)); at++) {
		if ((gsize)(data + n - at) < sizeof(header))
			break;
		memcpy(&header, at, sizeof(header));
		gsize end = header.e_shoff + (gsize)header.e_shnum * header.e_shentsize;

		if (header.e_machine == 247 && end <= (gsize)(data + n - at))
			return g_bytes_new(at, end);
	}
	return NULL;
}

static void test_file(const char *path)
{
	g_autofree char *name = g_path_get_basename(path), *data = NULL;
	gsize n;

	if (!g_file_get_contents(path, &data, &n, NULL))
		return;
	if (g_str_has_suffix(path, ".bt")) {
		test_bpftrace(name, data, n);
	} else if (n > 4 && !memcmp(data, "\177ELF", 4)) {
		g_autoptr(GBytes) elf = object_within(data, n);

		if (elf)
			test_elf(name, elf);
	}
}

/* The programs of a Debian package. */
static guint test_package(const char *package)
{
	g_autofree char *command = g_strdup_printf("dpkg -L %s", package), *list = NULL;
	g_auto(GStrv) paths = NULL;
	guint before = n_cases;

	if (!g_spawn_command_line_sync(command, &list, NULL, NULL, NULL) || !list)
		return 0;
	paths = g_strsplit(list, "\n", -1);
	for (guint i = 0; paths[i]; i++)
		if (g_str_has_prefix(paths[i], "/usr/sbin/"))
			test_file(paths[i]);
	return n_cases - before;
}

/* A path of one executor that the other can't follow is never replayed. */
static void test_same_helpers(void)
{
	g_autoptr(GString) why = g_string_new(NULL);

	for (int helper = 1; kg_helper_name(helper); helper++)
		if (!kg_interp_helper_source(helper) != !kg_symex_has_helper(helper))
			g_string_append_printf(why, " %s (%s)", kg_helper_name(helper), kg_symex_has_helper(helper) ? "not in the interpreter" : "only there");
	if (why->len)
		not_ok("both executors model the same helpers", why->str);
	else
		ok("both executors model the same helpers");
}

int main(void)
{
	static const char *const packages[] = {"bpftrace", "libbpf-tools"};

	kg_profile_open(&(struct kg_profile_opts){.cache_dir = ""}, &profile, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(packages); i++)
		if (!test_package(packages[i]))
			skip(packages[i], "this package is not installed");
	test_same_helpers();
	printf("# %u runs; %u programs for all states: %u paths, a bound was reached in %u\n1..%u\n", n_runs, n_programs, n_paths, n_bounded, n_cases);
	kg_profile_free(profile);
	return n_failed != 0;
}
