/*
 * One program on several kernels: see fleet.h. Each kernel is checked by a thread of its own, since most of the time goes into waiting for a
 * virtual machine; as many at once as there are processors (a machine has two of its own). With a contract, one after the other. The table:
 *
 *   conn.bt
 *     6.1.0-56-cloud-amd64         loads      all its programs, in 2.2 s
 *     6.12.117+deb12-cloud-amd64   refused    line 1: kprobe:tcp_connect: R1 invalid mem access 'scalar' at instruction 3: (79) r1 = *(u64 *)(r0 +0)
 *                                             1 | kprobe:tcp_connect { ... }
 */
#include "fleet.h"

#include "show.h"

#include <kgent/kernels.h>
#include <kgent/text.h>

#include <string.h>
#include <unistd.h>

/* One kernel on its way. */
struct member {
	const struct kg_fleet *fleet;
	struct kg_kernel *kernel;
	struct kg_bpftrace *tool; /* NULL: none */
	struct kg_verdict *verdict;
	struct kg_error err;
	int exit; /* a kg_exit */
};

static gboolean has_contract(const struct kg_fleet *f)
{
	return f->contract->file || f->contract->prompt;
}

static void check_one(gpointer data, gpointer user)
{
	struct member *m = data;
	const struct kg_fleet *f = m->fleet;
	const struct kg_profile_opts look = {.dir = m->kernel->profile};
	struct kg_contract *contract = NULL;
	struct kg_check_opts opts = {.tool = m->tool, .allowed = f->allowed, .no_load = f->no_load, .kernel = m->kernel->name, .prove = f->prove,
				     .progress = kg_cli_progress, .user = (void *)f->cli};
	int r = kg_profile_open(&look, &opts.profile, &m->err), c;

	(void)user;
	m->exit = KG_EXIT_ENVIRONMENT;
	c = r ? r : kg_cli_contract(f->cli, f->contract, m->kernel->name, opts.profile, &contract, &m->err);
	opts.contract = contract;
	opts.is_asked = f->contract->prompt != NULL;
	if (!c && !kg_check_program(f->text, f->len, &opts, &m->verdict, &m->err))
		m->exit = kg_show_exit(m->verdict, f->no_load);
	else if (!r && c)
		m->exit = KG_EXIT_NOT_VERIFIED; /* what it asks for can't be asked of this kernel */
	if (m->verdict && has_contract(f) && m->exit == KG_EXIT_OK && kg_verdict_find(m->verdict, "proof")->result != KG_CHECK_PASSED)
		m->exit = KG_EXIT_NOT_VERIFIED;
	kg_contract_free(contract);
	kg_profile_free(opts.profile);
}

/* --- how it went, in a word --- */

struct outcome {
	const char *word, *color;
	const struct kg_check *check; /* whose detail tells more; or NULL */
};

static struct outcome outcome_of(const struct member *m)
{
	static const char green[] = "\033[32m", red[] = "\033[31m", yellow[] = "\033[33m";

	if (!m->verdict)
		return (struct outcome){"not checked", yellow, NULL};
	const struct kg_check *failed = kg_verdict_failed(m->verdict), *load = kg_verdict_find(m->verdict, "kernel verifier");

	const struct kg_check *proof = kg_verdict_find(m->verdict, "proof");

	if (failed && !strcmp(failed->name, "attach points"))
		return (struct outcome){"not there", red, failed};
	if (failed == load)
		return (struct outcome){"refused", red, failed};
	if (failed && failed == proof)
		return (struct outcome){"refuted", red, failed};
	if (failed)
		return (struct outcome){"rejected", red, failed};
	if (has_contract(m->fleet) && proof->result != KG_CHECK_PASSED)
		return (struct outcome){"unknown", yellow, proof};
	if (has_contract(m->fleet))
		return (struct outcome){"proved", green, proof};
	if (load->result == KG_CHECK_PASSED)
		return (struct outcome){"loads", green, load};
	return (struct outcome){m->fleet->no_load ? "not loaded" : "not checked", yellow, load};
}

/* The text's line of that number, or nothing. */
static struct kg_text_line source_line(const struct kg_fleet *f, int number)
{
	const char *s = f->text, *end = f->text + f->len;
	struct kg_text_line line = {0};

	for (int i = 0; i < number; i++)
		if (!kg_text_next_line(&s, end, &line))
			return (struct kg_text_line){0};
	return line;
}

/* The first error with a place. */
static const struct kg_diag *placed_error(const struct kg_verdict *verdict)
{
	for (guint i = 0; i < verdict->diags->len; i++) {
		const struct kg_diag *d = verdict->diags->pdata[i];

		if (d->severity == KG_ERROR && d->loc.line)
			return d;
	}
	return NULL;
}

static void indent(int width, GString *out)
{
	g_string_append_printf(out, "  %*s  %-11s  ", width, "", "");
}

static void show_row(const struct member *m, int width, GString *out)
{
	gboolean color = m->fleet->cli->color_out;
	struct outcome o = outcome_of(m);
	const struct kg_diag *error = m->verdict && o.check && o.check->result == KG_CHECK_FAILED ? placed_error(m->verdict) : NULL;
	const char *detail = o.check ? o.check->detail : m->err.msg, *mend = o.check ? o.check->mend : m->err.hint;

	/* the kernel's name stands before it already */
	if (detail && o.check && o.check->result == KG_CHECK_PASSED && strstr(detail, "accepts "))
		detail = strstr(detail, "accepts ") + strlen("accepts ");
	g_string_append_printf(out, "  %-*s  %s%-11s%s  ", width, m->kernel->name, color ? o.color : "", o.word, color ? "\033[0m" : "");
	if (detail)
		kg_text_escape(detail, -1, out);
	g_string_append_c(out, '\n');
	if (error) {
		struct kg_text_line line = source_line(m->fleet, error->loc.line);

		indent(width, out);
		g_string_append_printf(out, "%4d | ", error->loc.line);
		kg_text_escape(line.s ? line.s : "", (gssize)MIN(line.len, 160), out);
		g_string_append_c(out, '\n');
	}
	if (m->verdict && has_contract(m->fleet)) {
		const struct kg_check *load = kg_verdict_find(m->verdict, "kernel verifier");

		indent(width, out);
		g_string_append(out, load->result == KG_CHECK_NOT_CHECKED ? "kernel verifier not asked: " : "kernel verifier: ");
		kg_text_escape(load->detail, -1, out);
		g_string_append_c(out, '\n');
	}
	if (mend) {
		indent(width, out);
		kg_text_escape(mend, -1, out);
		g_string_append_c(out, '\n');
	}
}

static void show_table(const struct kg_fleet *f, struct member *members, guint n, GString *out)
{
	int width = 0;

	kg_text_escape(f->file, -1, out);
	g_string_append_c(out, '\n');
	for (guint i = 0; i < n; i++)
		width = MAX(width, (int)strlen(members[i].kernel->name));
	for (guint i = 0; i < n; i++)
		show_row(&members[i], width, out);
}

static void show_json(const struct kg_fleet *f, struct member *members, guint n, int exit, GString *out)
{
	g_autofree struct kg_report *reports = g_new0(struct kg_report, n);

	for (guint i = 0; i < n; i++)
		reports[i] = (struct kg_report){.file = f->file, .language = "bpftrace", .program = f->text, .verdict = members[i].verdict,
						.error = &members[i].err, .exit = members[i].exit, .kernel = members[i].kernel->name};
	kg_reports_json(reports, n, exit, out);
}

/* What is worst of all is what the caller has to know; that a program is bad is worse than that it could not be seen. */
static int worst(const struct member *members, guint n)
{
	static const int order[] = {KG_EXIT_NOT_VERIFIED, KG_EXIT_POLICY, KG_EXIT_ENVIRONMENT};

	for (gsize i = 0; i < G_N_ELEMENTS(order); i++)
		for (guint k = 0; k < n; k++)
			if (members[k].exit == order[i])
				return order[i];
	return KG_EXIT_OK;
}

static int check_at_once(struct member *members, guint n, struct kg_error *err)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	GThreadPool *pool = g_thread_pool_new(check_one, NULL, (int)CLAMP(processors, 1, 4), TRUE, NULL);

	if (!pool)
		return kg_error_set(err, KG_E_NOMEM, "check", "no threads can be made");
	for (guint i = 0; i < n; i++)
		g_thread_pool_push(pool, &members[i], NULL);
	g_thread_pool_free(pool, FALSE, TRUE);
	return 0;
}

static int check_all(const struct kg_fleet *f, struct member *members, guint n, struct kg_error *err)
{
	g_autoptr(GString) out = g_string_new(NULL);
	int exit, r = 0;

	/* a proof uses processors and does not wait, and it forks, which threads make unsafe: one after the other */
	gboolean proves = has_contract(f) || memmem(f->text, f->len, "assert", strlen("assert"));

	for (guint i = 0; i < n && proves; i++)
		check_one(&members[i], NULL);
	if (!proves)
		r = check_at_once(members, n, err);
	if (r)
		return r;
	exit = worst(members, n);
	if (f->cli->json)
		show_json(f, members, n, exit, out);
	else
		show_table(f, members, n, out);
	return kg_cli_out(out->str) ? exit : KG_EXIT_OUTPUT;
}

/* All names are looked up before anything is booted. */
static int find_kernels(const struct kg_fleet *f, struct member *members, struct kg_error *err)
{
	for (guint i = 0; i < f->kernels->len; i++) {
		int r = kg_kernel_find(NULL, f->kernels->pdata[i], &members[i].kernel, err);

		for (guint k = 0; k < i && !r; k++)
			if (!strcmp(members[k].kernel->name, members[i].kernel->name))
				r = kg_error_set(err, KG_E_INVAL, "options", "--kernel %s is given twice", members[i].kernel->name);
		if (r)
			return r;
	}
	return 0;
}

int kg_fleet_check(const struct kg_fleet *f, struct kg_error *err)
{
	g_autofree struct member *members = g_new0(struct member, f->kernels->len);
	struct kg_bpftrace tool = {0};
	_cleanup_error_ struct kg_error no_tool = {0}; /* said by the checks that need it */
	gboolean has_tool = kg_bpftrace_find(&tool, &no_tool) == 0;
	int r = find_kernels(f, members, err);

	for (guint i = 0; i < f->kernels->len; i++) {
		members[i].fleet = f;
		members[i].tool = has_tool ? &tool : NULL;
	}
	if (!r)
		r = check_all(f, members, f->kernels->len, err);
	for (guint i = 0; i < f->kernels->len; i++) {
		kg_kernel_free(members[i].kernel);
		kg_verdict_free(members[i].verdict);
		kg_error_clear(&members[i].err);
	}
	kg_bpftrace_clear(&tool);
	return r;
}
