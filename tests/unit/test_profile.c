/* The running kernel's profile: what it says, its cache, and what happens where sources, privileges or room on the disk are missing. */
#include <kgent/profile.h>

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534
#define SKIP(reason) do { print_message("skip: " reason "\n"); skip(); } while (0)

static char *work; /* a directory of this program's own */

static struct kg_profile *open_with(struct kg_profile_opts opts)
{
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *p = NULL;

	if (kg_profile_open(&opts, &p, &err) < 0)
		fail_msg("open: %s", err.msg);
	return p;
}

static const struct kg_source *source(const struct kg_profile *p, const char *name)
{
	const struct kg_source *s = kg_profile_source(p, name);

	if (!s)
		fail_msg("there is no source %s", name);
	return s;
}

static char *new_dir(const char *name)
{
	char *dir = g_build_filename(work, name, NULL);

	assert_int_equal(g_mkdir(dir, 0755), 0);
	return dir;
}

static void test_running(void **state)
{
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = ""});
	struct utsname u;

	uname(&u);
	assert_string_equal(kg_profile_release(p), u.release);
	assert_string_equal(kg_profile_arch(p), u.machine);
	assert_true(kg_profile_is_running(p));
	assert_int_equal(source(p, "cache")->state, KG_SOURCE_MISSING);
	const GPtrArray *all = kg_profile_sources(p);

	for (guint i = 0; i < all->len; i++) {
		const struct kg_source *s = g_ptr_array_index(all, i);

		if (s->state != KG_SOURCE_OK) {
			assert_non_null(s->why);
			assert_non_null(s->cost);
		}
	}
	kg_profile_free(p);
}

static void test_no_kind_without_reason(void **state)
{
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = ""});

	for (int kind = 1; kind < KG_PROBE_KINDS; kind++) {
		const char *why = "unset";
		enum kg_answer a = kg_profile_kind_usable(p, (enum kg_probe_kind)kind, &why);

		if (a == KG_YES)
			assert_null(why);
		else
			assert_non_null(why);
	}
	if (kg_profile_config(p, "KPROBES") == KG_NO) {
		const char *why = NULL;

		assert_int_equal(kg_profile_kind_usable(p, KG_PROBE_KPROBE, &why), KG_NO);
		assert_string_equal(why, "this kernel was built without kprobes (CONFIG_KPROBES is not set)");
	}
	kg_profile_free(p);
}

/* What a profile says of a few things, as text: two profiles that agree here agree. */
static char *facts(struct kg_profile *p)
{
	GString *out = g_string_new(NULL);
	const GPtrArray *fields = kg_profile_fields(p, KG_PROBE_TRACEPOINT, "sched:sched_switch");
	GPtrArray *tcp = kg_profile_match(p, KG_PROBE_KPROBE, "tcp_*", 0);

	for (guint i = 0; fields && i < fields->len; i++) {
		const struct kg_field *f = g_ptr_array_index(fields, i);

		g_string_append_printf(out, "%s %s %u %u;", f->type, f->name, f->offset_bits, f->size);
	}
	g_string_append_printf(out, "%u functions;", tcp->len);
	for (int kind = 1; kind < KG_PROBE_KINDS; kind++) {
		const char *why = NULL;

		g_string_append_printf(out, "%d", kg_profile_kind_usable(p, (enum kg_probe_kind)kind, &why));
		g_string_append_printf(out, "%s;", why ? why : "");
	}
	g_ptr_array_unref(tcp);
	return g_string_free(out, FALSE);
}

static guint entries(const char *cache, char **ret_last)
{
	g_autofree char *dir = g_build_filename(cache, "profiles", NULL);
	g_autoptr(GDir) d = g_dir_open(dir, 0, NULL);
	const char *name;
	guint n = 0;

	while (d && (name = g_dir_read_name(d))) {
		n++;
		if (ret_last) {
			g_free(*ret_last);
			*ret_last = g_build_filename(dir, name, NULL);
		}
	}
	return n;
}

static void test_warm_says_the_same(void **state)
{
	g_autofree char *cache = new_dir("warm");
	struct kg_profile *cold = open_with((struct kg_profile_opts){.cache_dir = cache});
	struct kg_profile *warm = open_with((struct kg_profile_opts){.cache_dir = cache});
	g_autofree char *a = facts(cold), *b = facts(warm);

	assert_int_equal(source(cold, "cache")->n, 0);
	assert_int_equal(source(warm, "cache")->n, 1);
	assert_string_equal(a, b);
	assert_int_equal(entries(cache, NULL), 1);
	kg_profile_free(cold);
	kg_profile_free(warm);
}

static void test_cache_is_private(void **state)
{
	g_autofree char *cache = new_dir("private"), *entry = NULL;
	struct stat st;

	kg_profile_free(open_with((struct kg_profile_opts){.cache_dir = cache}));
	assert_int_equal(entries(cache, &entry), 1);
	assert_int_equal(stat(entry, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	g_autofree char *functions = g_build_filename(entry, "functions", NULL);

	assert_int_equal(stat(functions, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void overwrite(const char *dir, const char *name, off_t at, const char *bytes, off_t cut)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	if (bytes)
		assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), (ssize_t)strlen(bytes));
	if (cut >= 0)
		assert_int_equal(ftruncate(fd, cut), 0);
	close(fd);
}

static void test_damaged_cache_is_made_anew(void **state)
{
	static const struct {
		const char *file, *bytes;
		off_t at, cut;
	} damages[] = {
		{"functions", "zzz", 1000, -1}, /* same size, other content */
		{"formats", NULL, 0, 4096},
		{"meta.json", NULL, 0, 40},
		{"meta.json", NULL, 0, 0},
		{"config", "\n\n\n\n", 10, -1},
	};
	g_autofree char *cache = new_dir("damaged"), *entry = NULL;
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = cache});
	g_autofree char *good = facts(p);

	kg_profile_free(p);
	entries(cache, &entry);
	for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
		g_autofree char *path = g_build_filename(entry, damages[i].file, NULL);

		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			continue; /* this kernel shows no such source */
		overwrite(entry, damages[i].file, damages[i].at, damages[i].bytes, damages[i].cut);
		p = open_with((struct kg_profile_opts){.cache_dir = cache});
		assert_int_equal(source(p, "cache")->n, 0);
		assert_non_null(source(p, "cache")->why);
		g_autofree char *now = facts(p);

		assert_string_equal(now, good);
		kg_profile_free(p);
		p = open_with((struct kg_profile_opts){.cache_dir = cache});
		assert_int_equal(source(p, "cache")->n, 1); /* and it is good again */
		kg_profile_free(p);
	}
}

static void test_full_disk(void **state)
{
	g_autofree char *cache = new_dir("full");
	struct rlimit old, small = {.rlim_cur = 8192, .rlim_max = RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = cache});

	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(source(p, "cache")->state, KG_SOURCE_MISSING);
	assert_non_null(strstr(source(p, "cache")->why, "File too large"));
	assert_int_equal(entries(cache, NULL), 0); /* no half of one is left */
	kg_profile_free(p);
}

static void test_many_at_once(void **state)
{
	g_autofree char *cache = new_dir("many");
	pid_t pids[4];

	for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
		pids[i] = fork();
		if (!pids[i]) {
			struct kg_profile_opts opts = {.cache_dir = cache, .refresh = TRUE};
			struct kg_profile *p = NULL;
			int r = kg_profile_open(&opts, &p, NULL);

			kg_profile_free(p);
			_exit(r ? 1 : 0);
		}
	}
	for (gsize i = 0; i < G_N_ELEMENTS(pids); i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(entries(cache, NULL), 1);
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = cache});

	assert_int_equal(source(p, "cache")->n, 1);
	kg_profile_free(p);
}

static void test_without_tracefs(void **state)
{
	g_autofree char *empty = new_dir("empty"), *cache = new_dir("empty-cache");
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = cache, .tracefs = empty});
	const char *why = NULL;
	struct kg_point *pt = NULL;
	struct kg_error err = {0};

	assert_int_equal(source(p, "tracefs")->state, KG_SOURCE_MISSING);
	assert_int_equal(source(p, "tracepoints")->state, KG_SOURCE_MISSING);
	assert_int_not_equal(source(p, "functions")->state, KG_SOURCE_OK);
	assert_int_not_equal(kg_profile_kind_usable(p, KG_PROBE_TRACEPOINT, &why), KG_YES);
	assert_non_null(why);
	assert_int_equal(kg_profile_find(p, KG_PROBE_TRACEPOINT, "sched:sched_switch", &pt, &err), 0);
	assert_int_not_equal(pt->usable, KG_YES);
	assert_non_null(pt->why);
	pt = kg_point_free(pt);
	assert_null(kg_profile_fields(p, KG_PROBE_TRACEPOINT, "sched:sched_switch"));
	kg_profile_free(p);

	/* The usual tracefs is another view, and must not be answered from this one's cache. */
	p = open_with((struct kg_profile_opts){.cache_dir = cache});
	assert_int_equal(source(p, "cache")->n, 0);
	kg_profile_free(p);
}

/* Run [f] in a child as nobody; its exit status is what it returns. */
static int as_nobody(int (*f)(const char *arg), const char *arg)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(f(arg));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int read_only_cache(const char *cache)
{
	struct kg_profile_opts opts = {.cache_dir = cache};
	struct kg_profile *p = NULL;

	if (kg_profile_open(&opts, &p, NULL))
		return 1;
	const struct kg_source *s = kg_profile_source(p, "cache");
	int r = !s || s->state != KG_SOURCE_MISSING || !s->why ? 2 : 0;

	kg_profile_free(p);
	return r;
}

static void test_read_only_cache(void **state)
{
	if (geteuid())
		SKIP("only root can become somebody else");
	g_autofree char *cache = new_dir("read-only");

	assert_int_equal(as_nobody(read_only_cache, cache), 0);
}

/* What an ordinary user sees: no tracefs, and it is said how to see more. */
static int unprivileged(const char *cache)
{
	struct kg_profile_opts opts = {.cache_dir = cache};
	struct kg_profile *p = NULL;
	struct kg_point *pt = NULL;
	const char *why = NULL;

	if (kg_profile_open(&opts, &p, NULL))
		return 1;
	const struct kg_source *cached = kg_profile_source(p, "cache"), *tracefs = kg_profile_source(p, "tracefs");

	if (!cached || cached->state != KG_SOURCE_OK || cached->n)
		return 2; /* made by this user, not root's */
	if (tracefs->state != KG_SOURCE_OK && (!tracefs->why || !tracefs->mend))
		return 3;
	if (tracefs->state == KG_SOURCE_OK)
		return 77; /* this system lets everybody read it */
	if (kg_profile_kind_usable(p, KG_PROBE_TRACEPOINT, &why) != KG_UNKNOWN || !why)
		return 4;
	if (kg_profile_find(p, KG_PROBE_TRACEPOINT, "sched:sched_switch", &pt, NULL) || pt->usable != KG_UNKNOWN)
		return 5;
	kg_point_free(pt);
	if (kg_profile_kind_usable(p, KG_PROBE_RAWTRACEPOINT, &why) == KG_YES || kg_profile_kind_usable(p, KG_PROBE_FENTRY, &why) == KG_YES || !why)
		return 7; /* it was not tried, so it is not promised */
	kg_profile_free(p);
	if (kg_profile_open(&opts, &p, NULL) || kg_profile_source(p, "cache")->n != 1)
		return 6; /* its own cache serves it */
	kg_profile_free(p);
	return 0;
}

static void test_unprivileged(void **state)
{
	if (geteuid())
		SKIP("only root can become somebody else");
	g_autofree char *cache = new_dir("user");

	assert_int_equal(chown(cache, NOBODY, NOBODY), 0);
	int r = as_nobody(unprivileged, cache);

	if (r == 77)
		SKIP("everybody may read tracefs here");
	assert_int_equal(r, 0);

	/* Root comes with the same cache: it neither believes what the user left there nor leaves files of its own. */
	guint before = entries(cache, NULL);
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = cache});

	assert_int_equal(source(p, "cache")->n, 0);
	assert_int_equal(source(p, "tracefs")->state, KG_SOURCE_OK);
	assert_int_equal(entries(cache, NULL), before);
	kg_profile_free(p);
}

static void test_save_and_open(void **state)
{
	g_autofree char *dir = g_build_filename(work, "saved", NULL);
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = ""});
	g_autofree char *before = facts(p);

	assert_int_equal(kg_profile_save(p, dir, &err), 0);
	assert_int_equal(kg_profile_save(p, dir, &err), 0); /* over itself */
	struct kg_profile *q = open_with((struct kg_profile_opts){.dir = dir});
	g_autofree char *after = facts(q);

	assert_false(kg_profile_is_running(q));
	assert_string_equal(kg_profile_release(q), kg_profile_release(p));
	assert_string_equal(before, after);
	struct kg_field a, b;
	int r = kg_profile_member(p, "struct task_struct", "comm", &a, NULL);

	assert_int_equal(kg_profile_member(q, "struct task_struct", "comm", &b, NULL), r);
	if (!r) {
		assert_int_equal(a.offset_bits, b.offset_bits);
		assert_string_equal(a.type, "char[16]");
		assert_true(a.is_string);
	}
	kg_profile_free(p);
	kg_profile_free(q);
}

static void test_save_spares_other_directories(void **state)
{
	g_autofree char *dir = new_dir("precious"), *file = g_build_filename(dir, "letter", NULL);
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = ""});

	assert_true(g_file_set_contents(file, "dear", -1, NULL));
	assert_int_equal(kg_profile_save(p, dir, &err), -KG_E_IO);
	assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
	kg_profile_free(p);
}

static void test_no_profile(void **state)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *dir = new_dir("nothing");
	struct kg_profile_opts opts = {.dir = dir};
	struct kg_profile *p = NULL;

	assert_int_equal(kg_profile_open(&opts, &p, &err), -KG_E_NOTFOUND);
	assert_null(p);
	assert_non_null(strstr(err.msg, "meta.json"));
}

/* bpftrace lists tracepoints with their fields, too: an independent reading of the same files. */
static void test_bpftrace_agrees(void **state)
{
	const char *const argv[] = {"bpftrace", "-lv", "tracepoint:s*:*", NULL};
	g_autofree char *out = NULL;
	struct kg_profile *p = open_with((struct kg_profile_opts){.cache_dir = ""});
	guint n = 0, at = 0;
	const GPtrArray *fields = NULL;

	if (source(p, "tracepoints")->state != KG_SOURCE_OK ||
	    !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL, NULL, NULL) ||
	    !strstr(out, "tracepoint:")) {
		kg_profile_free(p);
		SKIP("bpftrace lists no tracepoints here");
	}
	g_auto(GStrv) lines = g_strsplit(out, "\n", -1);

	for (int i = 0; lines[i]; i++) {
		if (g_str_has_prefix(lines[i], "tracepoint:")) {
			assert_true(!fields || at == fields->len);
			fields = kg_profile_fields(p, KG_PROBE_TRACEPOINT, lines[i] + strlen("tracepoint:"));
			assert_non_null(fields);
			at = 0;
			n++;
		} else if (g_str_has_prefix(lines[i], "    ")) {
			assert_true(at < fields->len);
			const struct kg_field *f = g_ptr_array_index(fields, at++);
			gsize head = f->is_dynamic ? strlen(f->type) : strcspn(f->type, "[");
			g_autofree char *mine = g_strdup_printf("    %.*s %s%s", (int)head, f->type, f->name, f->type + head);

			assert_string_equal(mine, lines[i]);
		}
	}
	assert_true(n > 100);
	kg_profile_free(p);
}

static int setup(void **state)
{
	work = g_dir_make_tmp("kgent-profile-XXXXXX", NULL);
	return !work || chmod(work, 0755);
}

static int teardown(void **state)
{
	const char *const argv[] = {"rm", "-rf", work, NULL};

	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(work);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_no_kind_without_reason),
		cmocka_unit_test(test_warm_says_the_same),
		cmocka_unit_test(test_cache_is_private),
		cmocka_unit_test(test_damaged_cache_is_made_anew),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_without_tracefs),
		cmocka_unit_test(test_read_only_cache),
		cmocka_unit_test(test_unprivileged),
		cmocka_unit_test(test_save_and_open),
		cmocka_unit_test(test_save_spares_other_directories),
		cmocka_unit_test(test_no_profile),
		cmocka_unit_test(test_bpftrace_agrees),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
