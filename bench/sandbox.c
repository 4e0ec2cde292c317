/*
 * Sandboxes, measured: one JSON object a line.
 *
 *   kgent-bench-sandbox open boot|restore KERNEL     {"open": s, "output": s, "rss": bytes, "private": bytes, "guest": bytes, "kvm": false}
 *
 * output: from the call of kg_sandbox_open() until the first line that a kprobe program printed is on the host.
 */
#include <kgent/sandbox.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const bpftrace[] = {"bpftrace", "-e", "kprobe:tcp_connect { printf(\"connect\\n\"); exit(); }", NULL};
static const char *const connections[] = {"sh", "-c", "while :; do echo | nc 127.0.0.1 9 2>/dev/null; usleep 20000; done", NULL};
static const char *const memory[] = {"awk", "/MemTotal/ { t = $2 } /MemAvailable/ { print (t - $2) * 1024 }", "/proc/meminfo", NULL};

static double seconds(gint64 since_us)
{
	return (double)(g_get_monotonic_time() - since_us) / 1e6;
}

/* A size in KiB from /proc/PID/smaps_rollup. */
static guint64 size_of(pid_t pid, const char *what)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/smaps_rollup", (int)pid), *text = NULL;
	guint64 sum = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	for (const char *s = strstr(text, what); s; s = strstr(s + 1, what))
		sum += g_ascii_strtoull(s + strlen(what), NULL, 10) * 1024;
	return sum;
}

static int wait_for_output(struct kg_sandbox *box, struct kg_error *err)
{
	struct kg_sandbox_command trace = {.argv = bpftrace}, connect = {.argv = connections};
	struct kg_sandbox_event e;
	int id, other = 0, r = kg_sandbox_start(box, &trace, &id, err);
	g_autoptr(GString) seen = g_string_new(NULL);

	while (!r && !strstr(seen->str, "connect\n")) {
		if (!other && strstr(seen->str, "Attaching"))
			r = kg_sandbox_start(box, &connect, &other, err);
		if (!r)
			r = kg_sandbox_next(box, 60000, &e, err);
		if (e.kind != KG_SANDBOX_OUTPUT)
			return kg_error_set(err, KG_E_TOOL, "bench", "the program printed nothing: %s", seen->str);
		if (e.id == id)
			g_string_append_len(seen, e.data, (gssize)e.len);
	}
	return r;
}

static int open_one(gboolean boots, const char *kernel)
{
	struct kg_sandbox_opts opts = {.kernel = kernel, .no_saved_state = boots};
	struct kg_sandbox_command ask = {.argv = memory};
	struct kg_sandbox_output out = {0};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_sandbox *box = NULL;
	gint64 begin = g_get_monotonic_time();
	int r = kg_sandbox_open(&opts, &box, &err);
	double opened = seconds(begin), output = 0;

	if (!r)
		r = wait_for_output(box, &err);
	output = seconds(begin);
	if (!r)
		r = kg_sandbox_run(box, &ask, &out, &err);
	if (!r)
		printf("{\"open\": %.4f, \"output\": %.4f, \"rss\": %" G_GUINT64_FORMAT ", \"private\": %" G_GUINT64_FORMAT ", \"guest\": %s, \"kvm\": %s}\n",
		       opened, output, size_of(kg_sandbox_pid(box), "\nRss:"),
		       size_of(kg_sandbox_pid(box), "\nPrivate_Dirty:"), g_strstrip(out.out->str), kg_sandbox_is_kvm(box) ? "true" : "false");
	else
		fprintf(stderr, "%s\n", err.msg);
	kg_sandbox_output_clear(&out);
	kg_sandbox_free(box);
	return r ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "open"))
		return open_one(!strcmp(argv[2], "boot"), argv[3]);
	return 2;
}
