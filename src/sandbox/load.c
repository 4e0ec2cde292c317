/*
 * The kernel verifier of a sandbox: kgent-inside runs kg_load() in there (src/guest/inside.c has the form of request and result). What comes
 * back is from a guest that may have been taken over by what it runs: it is read as any other untrusted text.
 */
#include "internal.h"

#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

#define DIR "/run/kgent"
#define REQUEST DIR "/request.json"
#define PROGRAM DIR "/program.bt"
#define TIMEOUT_MS 60000
#define RESULT_MAX (4u << 20)
#define DIAGS_MAX 1000

/* --- the request --- */

static char *make_request(const struct kg_load_opts *o, const struct kg_bpftrace *tool, int timeout_ms)
{
	static const struct kg_bpftrace_limits none;
	const struct kg_bpftrace_limits *l = o->limits ? o->limits : &none;
	json_t *args = json_array(), *request;

	for (gsize i = 0; o->args && o->args[i]; i++)
		json_array_append_new(args, json_string(o->args[i]));
	request = json_pack("{s:s, s:i, s:i, s:i, s:i, s:b, s:i, s:i, s:o}", "bpftrace", tool->text, "strlen", l->strlen, "map_keys_max",
			    l->map_keys_max, "max_probes", l->max_probes, "rb_pages", l->rb_pages, "unsafe", o->allow_unsafe, "timeout_ms",
			    timeout_ms, "min_probes", o->min_probes, "args", args);
	char *text = json_dumps(request, JSON_COMPACT);

	json_decref(request);
	return text;
}

/* --- the result --- */

static char *string_of(const json_t *o, const char *key, gboolean has_lines)
{
	const char *s = json_string_value(json_object_get(o, key));
	GString *out = s ? g_string_new(NULL) : NULL;

	if (!s)
		return NULL;
	(has_lines ? kg_text_escape_lines : kg_text_escape)(s, (gssize)MIN(strlen(s), 4000), out);
	return g_string_free(out, FALSE);
}

static int int_of(const json_t *o, const char *key, int otherwise)
{
	const json_t *n = json_object_get(o, key);

	return json_is_integer(n) ? (int)CLAMP(json_integer_value(n), -1, G_MAXINT) : otherwise;
}

static void read_finding(const json_t *o, struct kg_verifier_finding *f)
{
	f->reason = string_of(o, "reason", FALSE);
	f->insn = string_of(o, "insn", FALSE);
	f->insn_index = int_of(o, "insn_index", -1);
	f->source = string_of(o, "source", FALSE);
	f->state = string_of(o, "state", FALSE);
	f->tail = string_of(o, "tail", TRUE);
	f->explanation = string_of(o, "explanation", FALSE);
}

static void read_diag(const json_t *o, GPtrArray *diags)
{
	static const char *const severities[] = {"note", "warning", "error"};
	const char *severity = json_string_value(json_object_get(o, "severity"));
	g_autofree char *msg = string_of(o, "msg", FALSE), *hint = string_of(o, "hint", FALSE);
	struct kg_loc loc = {MAX(0, int_of(o, "line", 0)), MAX(0, int_of(o, "col", 0)), MAX(0, int_of(o, "len", 0))};

	for (int i = 0; i < 3 && msg; i++)
		if (!g_strcmp0(severity, severities[i])) {
			struct kg_diag *d = kg_diag_add(diags, (enum kg_severity)i, "load", loc, "%s", msg);

			if (hint)
				kg_diag_hint(d, "%s", hint);
		}
}

int load_parse(const char *text, gsize len, struct kg_load_result *ret, struct kg_error *err)
{
	json_t *o = json_loadb(text, len, 0, NULL);
	const char *outcome = json_string_value(json_object_get(o, "outcome"));
	struct kg_load_result res = {.finding.insn_index = -1};
	int which = -1;

	for (int i = KG_LOAD_ACCEPTED; i <= KG_LOAD_NOT_CHECKED; i++)
		if (!g_strcmp0(outcome, kg_load_outcome_name((enum kg_load_outcome)i)))
			which = i;
	if (which < 0) {
		json_decref(o);
		return kg_error_set(err, KG_E_PARSE, STAGE, "what came from the sandbox is no result");
	}
	res.outcome = (enum kg_load_outcome)which;
	res.n_probes = int_of(o, "n_probes", -1);
	res.n_loaded = MAX(0, int_of(o, "n_loaded", 0));
	res.probe = string_of(o, "probe", FALSE);
	res.why = string_of(o, "why", FALSE);
	res.mend = string_of(o, "mend", FALSE);
	read_finding(json_object_get(o, "finding"), &res.finding);
	res.diags = kg_diags_new();
	size_t i;
	json_t *d;

	json_array_foreach(json_object_get(o, "diags"), i, d)
		if (i < DIAGS_MAX)
			read_diag(d, res.diags);
	if (res.outcome != KG_LOAD_ACCEPTED && !res.why)
		res.why = g_strdup("it did not say why");
	json_decref(o);
	*ret = res;
	return 0;
}

/* --- the call --- */

static void not_checked(struct kg_load_result *ret, char *why)
{
	*ret = (struct kg_load_result){.outcome = KG_LOAD_NOT_CHECKED, .n_probes = -1, .why = why, .finding.insn_index = -1, .diags = kg_diags_new()};
}

/* What is no result, but no fault of the caller either. */
static int judge(struct kg_sandbox *box, int r, struct kg_sandbox_output *out, struct kg_load_result *ret, struct kg_error *err)
{
	_cleanup_error_ struct kg_error e = {0};
	const char *why;

	if (r && kg_sandbox_end(box, &why) != KG_SANDBOX_RUNS) {
		not_checked(ret, g_strdup_printf("the sandbox %s over it: %s", kg_sandbox_end_name(kg_sandbox_end(box, NULL)), why));
		kg_error_clear(err);
		return 0;
	}
	if (r)
		return r;
	if (out->how != KG_SANDBOX_EXITED)
		not_checked(ret, g_strdup_printf("loading it in the sandbox ended by: %s", kg_sandbox_exit_name(out->how)));
	else if (out->status) {
		g_autoptr(GString) line = g_string_new(NULL);

		kg_text_escape(out->err->str, (gssize)strcspn(out->err->str, "\n"), line);
		not_checked(ret, g_strdup_printf("it could not be loaded in the sandbox: %s", line->str));
	} else if (load_parse(out->out->str, out->out->len, ret, &e)) {
		not_checked(ret, g_strdup(e.msg));
	}
	return 0;
}

static int put_both(struct kg_sandbox *box, const char *program, const struct kg_load_opts *opts, const struct kg_bpftrace *tool,
		    int timeout_ms, struct kg_error *err)
{
	char *request = make_request(opts, tool, timeout_ms);
	int r = request ? kg_sandbox_put(box, REQUEST, request, strlen(request), 0644, err) :
			  kg_error_set(err, KG_E_INVAL, STAGE, "positional parameters must be UTF-8");

	free(request);
	return r ? r : kg_sandbox_put(box, PROGRAM, program, strlen(program), 0644, err);
}

int kg_sandbox_load(struct kg_sandbox *box, const char *program, const struct kg_load_opts *opts, struct kg_load_result *ret,
		    struct kg_error *err)
{
	static const struct kg_load_opts defaults;
	static const char *const argv[] = {"kgent-inside", "load", REQUEST, PROGRAM, NULL};
	struct kg_bpftrace found = {0};
	struct kg_sandbox_output out = {0};
	gint64 start = g_get_monotonic_time();
	int timeout_ms, r = 0;

	opts = opts ? opts : &defaults;
	if (opts->command)
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "a program with a command (-c) can't be loaded in a sandbox");
	timeout_ms = opts->timeout_ms > 0 ? opts->timeout_ms : TIMEOUT_MS;
	if (!opts->tool)
		r = kg_bpftrace_find(&found, err);
	if (!r)
		r = put_both(box, program, opts, opts->tool ? opts->tool : &found, timeout_ms, err);
	if (!r) {
		struct kg_sandbox_command c = {.argv = argv, .timeout_ms = timeout_ms + 5000, .max_output_bytes = RESULT_MAX};

		r = kg_sandbox_run(box, &c, &out, err);
	}
	kg_bpftrace_clear(&found);
	r = judge(box, r, &out, ret, err);
	kg_sandbox_output_clear(&out);
	if (!r)
		ret->took_ns = (g_get_monotonic_time() - start) * 1000;
	return r;
}
