/* The doctor: what it finds is there, what it misses is missing, and what does not work says what that costs. */
#include <kgent/doctor.h>

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char no_ports[] = "none";

static struct kg_doctor *run(const char *ports)
{
	struct kg_doctor_opts opts = {.profile = {.cache_dir = ""}, .ports = ports};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_doctor *d = NULL;

	if (kg_doctor_run(&opts, &d, &err) < 0)
		fail_msg("%s", err.msg);
	return d;
}

static const struct kg_doctor_line *line(const struct kg_doctor *d, const char *name)
{
	for (guint i = 0; i < d->lines->len; i++)
		if (!strcmp(((struct kg_doctor_line *)g_ptr_array_index(d->lines, i))->name, name))
			return g_ptr_array_index(d->lines, i);
	return NULL;
}

static void test_lines_are_whole(void **state)
{
	struct kg_doctor *d = run(no_ports);
	const char *section = NULL;
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	assert_non_null(line(d, "release"));
	assert_non_null(line(d, "bpftrace"));
	assert_non_null(line(d, "kprobe"));
	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);

		assert_true(*l->text);
		assert_null(strchr(l->text, '\n'));
		if (l->state == KG_DOCTOR_MISSING || l->state == KG_DOCTOR_LIMITED)
			if (!l->cost)
				fail_msg("%s: %s: costs nothing?", l->name, l->text);
		if (l->state == KG_DOCTOR_OK)
			assert_null(l->mend);
		if (!section || strcmp(section, l->section))
			assert_true(g_hash_table_add(seen, (gpointer)l->section)); /* sections are not torn apart */
		section = l->section;
	}
	kg_doctor_free(d);
}

static void test_model_server(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&addr, &len);
	g_autofree char *ports = g_strdup_printf("%u", ntohs(addr.sin_port));
	g_autofree char *port = g_strdup_printf("127.0.0.1:%s", ports);
	struct kg_doctor *d = run(ports);

	assert_non_null(line(d, "a model server"));
	assert_non_null(strstr(line(d, "a model server")->text, port));
	assert_int_equal(line(d, "a model server")->state, KG_DOCTOR_NOTE); /* it listens, and does not answer as one */
	kg_doctor_free(d);
	close(fd);
	d = run(ports); /* nobody listens any more */
	assert_null(line(d, "a model server"));
	kg_doctor_free(d);
}

static void test_no_key_is_shown(void **state)
{
	g_setenv("ANTHROPIC_API_KEY", "sk-secret-1", TRUE);
	g_setenv("OPENAI_API_KEY", "sk-secret-2", TRUE);
	g_setenv("OLLAMA_HOST", "http://user:sk-secret-3@host", TRUE);
	struct kg_doctor *d = run(no_ports);

	assert_non_null(strstr(line(d, "configured")->text, "anthropic at https://api.anthropic.com"));
	assert_non_null(strstr(line(d, "configured")->text, "(ANTHROPIC_API_KEY)"));
	for (guint i = 0; i < d->lines->len; i++) {
		const struct kg_doctor_line *l = g_ptr_array_index(d->lines, i);
		g_autofree char *all = g_strconcat(l->name, l->text, l->cost ? l->cost : "", l->mend ? l->mend : "", NULL);

		assert_null(strstr(all, "secret"));
	}
	kg_doctor_free(d);
	g_unsetenv("ANTHROPIC_API_KEY");
	g_unsetenv("OPENAI_API_KEY");
	g_unsetenv("OLLAMA_HOST");
	d = run(no_ports);
	assert_null(line(d, "configured"));
	kg_doctor_free(d);
}

static void test_no_bpftrace(void **state)
{
	g_autofree char *path = g_strdup(g_getenv("PATH")), *tool = g_strdup(g_getenv("KGENT_BPFTRACE"));

	g_unsetenv("KGENT_BPFTRACE");
	g_setenv("PATH", "/nonexistent", TRUE);
	struct kg_doctor *d = run(no_ports);

	g_setenv("PATH", path, TRUE);
	if (tool)
		g_setenv("KGENT_BPFTRACE", tool, TRUE);
	assert_int_equal(line(d, "bpftrace")->state, KG_DOCTOR_MISSING);
	assert_true(line(d, "bpftrace")->is_vital);
	assert_non_null(line(d, "bpftrace")->cost);
	assert_false(kg_doctor_can_work(d));
	kg_doctor_free(d);
}

static void test_no_cards(void **state)
{
	g_autofree char *data = g_strdup(g_getenv("KGENT_DATA")), *dir = g_dir_make_tmp("kgent-nodata-XXXXXX", NULL);

	g_setenv("KGENT_DATA", dir, TRUE);
	struct kg_doctor *d = run(no_ports);

	if (data)
		g_setenv("KGENT_DATA", data, TRUE);
	else
		g_unsetenv("KGENT_DATA");
	g_rmdir(dir);
	assert_int_equal(line(d, "event cards")->state, KG_DOCTOR_MISSING);
	assert_non_null(line(d, "event cards")->mend);
	assert_false(kg_doctor_can_work(d));
	kg_doctor_free(d);
}

static int unprivileged(void)
{
	struct kg_doctor_opts opts = {.profile = {.cache_dir = ""}, .ports = no_ports};
	struct kg_doctor *d = NULL;

	if (kg_doctor_run(&opts, &d, NULL) < 0)
		return 1;
	const struct kg_doctor_line *bpf = line(d, "CAP_BPF");

	if (kg_doctor_can_work(d))
		return 2;
	if (!bpf || bpf->state != KG_DOCTOR_MISSING || !bpf->mend || !strstr(bpf->mend, "sudo"))
		return 3;
	kg_doctor_free(d);
	return 0;
}

static void test_unprivileged(void **state)
{
	if (geteuid()) {
		print_message("skip: only root can become somebody else\n");
		skip();
	}
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(99);
		_exit(unprivileged());
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void test_what_is_vital(void **state)
{
	struct kg_doctor d = {.lines = g_ptr_array_new()};
	struct kg_doctor_line a = {.state = KG_DOCTOR_MISSING}, b = {.state = KG_DOCTOR_LIMITED, .is_vital = TRUE};

	g_ptr_array_add(d.lines, &a);
	g_ptr_array_add(d.lines, &b);
	assert_true(kg_doctor_can_work(&d));
	b.state = KG_DOCTOR_MISSING;
	assert_false(kg_doctor_can_work(&d));
	g_ptr_array_unref(d.lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_are_whole),
		cmocka_unit_test(test_model_server),
		cmocka_unit_test(test_no_key_is_shown),
		cmocka_unit_test(test_no_bpftrace),
		cmocka_unit_test(test_no_cards),
		cmocka_unit_test(test_unprivileged),
		cmocka_unit_test(test_what_is_vital),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
