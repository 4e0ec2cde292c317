/*
 * kgent-inside: what kgent itself does in a sandbox, by the same code as outside.
 *
 *   kgent-inside profile DIR             save the running kernel's profile
 *   kgent-inside load REQUEST PROGRAM    kg_load(), with the options of the JSON file REQUEST; the result is one JSON object on standard output
 *
 * REQUEST  {"bpftrace": "bpftrace v0.17.0", "strlen": 0, "map_keys_max": 0, "max_probes": 0, "rb_pages": 0, "unsafe": false, "timeout_ms": 0,
 *           "min_probes": 0, "args": ["..."]}
 * result   {"outcome": "passed" | "failed" | "not checked", "n_probes": 1, "n_loaded": 1, "probe": ..., "why": ..., "mend": ...,
 *           "finding": {"reason": ..., "insn": ..., "insn_index": 1, "source": ..., "state": ..., "tail": ..., "explanation": ...},
 *           "diags": [{"severity": "error", "line": 1, "col": 1, "len": 1, "msg": ..., "hint": ...}]}
 */
#include <kgent/load.h>
#include <kgent/profile.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define PROGRAM_MAX (4u << 20)
#define BPFTRACE "/usr/bin/bpftrace"

static int fail(const struct kg_error *err)
{
	fprintf(stderr, "%s%s%s\n", err->msg ? err->msg : "?", err->hint ? ": " : "", err->hint ? err->hint : "");
	return 1;
}

static int save_profile(const char *dir)
{
	_cleanup_error_ struct kg_error err = {0};
	const struct kg_profile_opts opts = {.cache_dir = ""};
	struct kg_profile *p = NULL;
	int r = kg_profile_open(&opts, &p, &err);

	if (!r)
		r = kg_profile_save(p, dir, &err);
	kg_profile_free(p);
	return r ? fail(&err) : 0;
}

/* --- load --- */

static int number(const json_t *request, const char *key)
{
	return (int)CLAMP(json_integer_value(json_object_get(request, key)), 0, G_MAXINT);
}

/* What kgent wrote is text, but of programs that may hold any bytes. */
static json_t *text(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static json_t *finding_json(const struct kg_verifier_finding *f)
{
	json_t *o = json_object();

	json_object_set_new(o, "reason", text(f->reason));
	json_object_set_new(o, "insn", text(f->insn));
	json_object_set_new(o, "insn_index", json_integer(f->insn_index));
	json_object_set_new(o, "source", text(f->source));
	json_object_set_new(o, "state", text(f->state));
	json_object_set_new(o, "tail", text(f->tail));
	json_object_set_new(o, "explanation", text(f->explanation));
	return o;
}

static json_t *diags_json(const GPtrArray *diags)
{
	static const char *const severities[] = {"note", "warning", "error"};
	json_t *list = json_array();

	for (guint i = 0; diags && i < diags->len; i++) {
		const struct kg_diag *d = diags->pdata[i];
		json_t *o = json_pack("{s:s, s:i, s:i, s:i}", "severity", severities[d->severity], "line", d->loc.line, "col", d->loc.col, "len",
				      d->loc.len);

		json_object_set_new(o, "msg", text(d->msg));
		json_object_set_new(o, "hint", text(d->hint));
		json_array_append_new(list, o);
	}
	return list;
}

static void print_result(const struct kg_load_result *res)
{
	json_t *o = json_object();

	json_object_set_new(o, "outcome", text(kg_load_outcome_name(res->outcome)));
	json_object_set_new(o, "n_probes", json_integer(res->n_probes));
	json_object_set_new(o, "n_loaded", json_integer(res->n_loaded));
	json_object_set_new(o, "probe", text(res->probe));
	json_object_set_new(o, "why", text(res->why));
	json_object_set_new(o, "mend", text(res->mend));
	json_object_set_new(o, "finding", finding_json(&res->finding));
	json_object_set_new(o, "diags", diags_json(res->diags));
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static const char **make_args(const json_t *request)
{
	const json_t *list = json_object_get(request, "args");
	const char **args = g_new0(const char *, json_array_size(list) + 1);

	for (size_t i = 0; i < json_array_size(list); i++)
		args[i] = json_string_value(json_array_get(list, i)) ?: "";
	return args;
}

static int load(const char *request_path, const char *program_path)
{
	_cleanup_error_ struct kg_error err = {0};
	g_autofree char *program = NULL;
	json_t *request = json_load_file(request_path, 0, NULL);
	struct kg_bpftrace tool = {.path = (char *)BPFTRACE, .text = (char *)json_string_value(json_object_get(request, "bpftrace"))};
	struct kg_bpftrace_limits limits = {.strlen = number(request, "strlen"), .map_keys_max = number(request, "map_keys_max"),
					    .max_probes = number(request, "max_probes"), .rb_pages = number(request, "rb_pages")};
	g_autofree const char **args = make_args(request);
	struct kg_load_opts opts = {.tool = &tool, .limits = &limits, .args = args, .allow_unsafe = json_is_true(json_object_get(request, "unsafe")),
				    .timeout_ms = number(request, "timeout_ms"), .min_probes = number(request, "min_probes")};
	struct kg_load_result res = {0};
	int r = -KG_E_INVAL;

	if (!tool.text || !kg_bpftrace_parse_version(tool.text, &tool.major, &tool.minor, &tool.patch))
		kg_error_set(&err, KG_E_INVAL, "load", "the request can't be read");
	else if (!g_file_get_contents(program_path, &program, NULL, NULL) || strlen(program) > PROGRAM_MAX)
		kg_error_set(&err, KG_E_IO, "load", "the program can't be read");
	else
		r = kg_load(program, &opts, &res, &err);
	if (!r)
		print_result(&res);
	kg_load_result_clear(&res);
	json_decref(request);
	return r ? fail(&err) : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "profile"))
		return save_profile(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "load"))
		return load(argv[2], argv[3]);
	fputs("usage: kgent-inside profile DIR | load REQUEST PROGRAM\n", stderr);
	return 2;
}
