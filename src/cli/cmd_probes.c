/*
 * kgent probes: find attach points by words ("tcp retransmit"), by pattern ("tcp_*", kprobe:tcp_*), or look one up by its name and tell
 * its arguments, whether it can be used here, and why not.
 */
#include "cli.h"
#include "options.h"
#include "show.h"

#include <kgent/text.h>

#include <jansson.h>
#include <string.h>

#define LIMIT_WORDS 12
#define LIMIT_PATTERN 100
#define LIMIT_MAX 1000000

const struct kg_option kg_probes_options[] = {
	{"limit", 'n', "N", "show at most N (12 for words, 100 for a pattern; 0: all)"},
	{"kernel", 0, "NAME", "attach points of this kernel of kgent kernel list instead of the running one"},
	{"profile", 0, "DIR", "attach points of this kernel profile instead of the running kernel"},
	{NULL},
};

struct probes_args {
	char *query; /* the operands, with spaces between them; owned */
	const char *profile, *kernel;
	gint64 limit; /* -1: not given */
};

/* Two things that are shown in the same way whatever they were found by. */
struct found {
	enum kg_probe_kind kind;
	char *target, *module;
	enum kg_answer usable;
	char *why;
};

static void found_free(gpointer data)
{
	struct found *f = data;

	g_free(f->target);
	g_free(f->module);
	g_free(f->why);
	g_free(f);
}

static int parse_option(const struct kg_option *option, const char *value, struct probes_args *args, struct kg_error *err)
{
	char *end;

	if (!strcmp(option->name, "kernel")) {
		args->kernel = value;
		return 0;
	}
	if (!strcmp(option->name, "profile")) {
		args->profile = value;
		return 0;
	}
	args->limit = g_ascii_strtoll(value, &end, 10);
	if (end == value || *end || args->limit < 0 || args->limit > LIMIT_MAX)
		return kg_error_set(err, KG_E_INVAL, "options", "--limit takes a number from 0 to %d, not %s", LIMIT_MAX, value);
	return 0;
}

static int parse_args(int argc, char **argv, struct probes_args *args, struct kg_error *err)
{
	struct kg_option_walk walk = {.table = kg_probes_options, .argc = argc, .argv = argv, .at = 1};
	const struct kg_option *option;
	enum kg_option_found found;
	g_autoptr(GString) query = g_string_new(NULL);

	args->limit = -1;
	while ((found = kg_option_next(&walk, &option, err)) != KG_OPTION_END) {
		if (found == KG_OPTION_WRONG || (found == KG_OPTION_OPTION && parse_option(option, walk.value, args, err) < 0))
			return -KG_E_INVAL;
		if (found == KG_OPTION_OPERAND)
			g_string_append_printf(query, "%s%s", query->len ? " " : "", walk.value);
	}
	args->query = g_strstrip(g_string_free(g_steal_pointer(&query), FALSE));
	if (*args->query)
		return 0;
	kg_error_set(err, KG_E_INVAL, "options", "probes needs words or the name of an attach point");
	kg_error_hint(err, "for example: kgent probes \"tcp retransmit\", or kgent probes kprobe:tcp_connect");
	return -KG_E_INVAL;
}

/* --- showing --- */

/* "char[16]" and "comm" as C writes it: "char comm[16]". */
static void append_declaration(const struct kg_field *f, GString *out)
{
	const char *type = f->type ? f->type : "?", *star = strstr(type, "(*"), *bracket = strchr(type, '[');
	gsize head = star ? (gsize)(star - type) + 2 : bracket ? (gsize)(bracket - type) : strlen(type);

	kg_text_escape(type, (gssize)head, out);
	if (head && type[head - 1] != '*' && type[head - 1] != ' ')
		g_string_append_c(out, ' ');
	kg_text_escape(f->name, -1, out);
	kg_text_escape(type + head, -1, out);
}

static void append_fields(const GPtrArray *fields, GString *out)
{
	gsize start = out->len;

	for (guint i = 0; fields && i < fields->len; i++) {
		if (i && out->len - start > 90) {
			g_string_append(out, ",\n    ");
			start = out->len;
		} else {
			g_string_append(out, i ? ", " : "");
		}
		append_declaration(g_ptr_array_index(fields, i), out);
	}
}

static void append_name(const struct found *f, GString *out)
{
	g_string_append_printf(out, "%s%s", kg_probe_info(f->kind)->name, kg_probe_info(f->kind)->parts ? ":" : "");
	kg_text_escape(f->target, -1, out);
	if (f->module) {
		g_string_append(out, "  [");
		kg_text_escape(f->module, -1, out);
		g_string_append_c(out, ']');
	}
}

/* How a program reads the i-th argument or field. */
static void append_access(enum kg_probe_kind kind, guint i, const struct kg_field *f, GString *out)
{
	if (kind == KG_PROBE_KPROBE || kind == KG_PROBE_RAWTRACEPOINT)
		g_string_append_printf(out, "arg%u", i);
	else if (!strcmp(f->name, "retval") && (kind == KG_PROBE_KRETPROBE || kind == KG_PROBE_FEXIT))
		g_string_append(out, "retval");
	else if (kind == KG_PROBE_ITER)
		g_string_append_printf(out, "ctx->%s", f->name);
	else
		g_string_append_printf(out, "args->%s", f->name);
}

static void append_table(enum kg_probe_kind kind, const GPtrArray *fields, GString *out)
{
	int width = 0;

	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < fields->len; i++) {
			const struct kg_field *f = g_ptr_array_index(fields, i);
			g_autoptr(GString) access = g_string_new(NULL), declaration = g_string_new(NULL), safe = g_string_new(NULL);

			append_access(kind, i, f, access);
			kg_text_escape(access->str, -1, safe);
			width = MAX(width, kg_text_width(safe->str));
			if (!pass)
				continue;
			append_declaration(f, declaration);
			g_string_append_printf(out, "  %s%*s  %s", safe->str, width - kg_text_width(safe->str), "", declaration->str);
			g_string_append(out, f->is_big_endian ? "   (network byte order)" : f->is_string ? "   (text)" : "");
			g_string_append_c(out, '\n');
		}
}

static void append_usable(const struct found *f, GString *out)
{
	g_string_append(out, f->usable == KG_YES ? "can be used" : f->usable == KG_NO ? "can't be used: " : "not known whether it can be used: ");
	if (f->usable != KG_YES)
		kg_text_escape(f->why ? f->why : "no reason is known", -1, out);
	g_string_append_c(out, '\n');
}

static void show_one(struct kg_profile *p, const struct found *f, GString *out)
{
	const GPtrArray *fields = kg_profile_fields(p, f->kind, f->target);

	append_name(f, out);
	g_string_append(out, "\n  ");
	append_usable(f, out);
	if (fields && fields->len)
		append_table(f->kind, fields, out);
	else if (fields)
		g_string_append(out, "  no arguments\n");
	else if (kg_probe_info(f->kind)->is_kernel_function || f->kind == KG_PROBE_RAWTRACEPOINT)
		g_string_append(out, "  arguments are not known: BTF does not describe it\n");
}

/* Reasons that hold for a whole kind are told once, below the list. */
static void append_kinds(struct kg_profile *p, const GPtrArray *found, GString *out)
{
	gboolean told[KG_PROBE_KINDS] = {FALSE}, any = FALSE;

	for (guint i = 0; i < found->len; i++) {
		enum kg_probe_kind kind = ((struct found *)g_ptr_array_index(found, i))->kind;
		const char *why = NULL;
		enum kg_answer a = kg_profile_kind_usable(p, kind, &why);

		if (a == KG_YES || told[kind])
			continue;
		g_string_append_printf(out, "%s%s %s: ", any ? "" : "\n", kg_probe_info(kind)->name,
				       a == KG_NO ? "can't be used here" : "may not be usable");
		kg_text_escape(why, -1, out);
		g_string_append_c(out, '\n');
		told[kind] = any = TRUE;
	}
}

static void show_list(struct kg_profile *p, const GPtrArray *found, gboolean with_fields, GString *out)
{
	for (guint i = 0; i < found->len; i++) {
		const struct found *f = g_ptr_array_index(found, i);
		const GPtrArray *fields = with_fields ? kg_profile_fields(p, f->kind, f->target) : NULL;

		append_name(f, out);
		g_string_append_c(out, '\n');
		if (fields && fields->len) {
			g_string_append(out, "    ");
			append_fields(fields, out);
			g_string_append_c(out, '\n');
		}
	}
	append_kinds(p, found, out);
}

/* --- JSON --- */

static json_t *text_json(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

static json_t *field_json(const struct kg_field *f)
{
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:i, s:b, s:b, s:b, s:b, s:b}", "name", text_json(f->name), "type", text_json(f->type),
			 "offset_bits", (json_int_t)f->offset_bits, "size", (json_int_t)f->size, "array_len", (json_int_t)f->array_len, "bits",
			 (int)f->bits, "signed", f->is_signed, "pointer", f->is_pointer, "string", f->is_string, "dynamic", f->is_dynamic,
			 "big_endian", f->is_big_endian);
}

static json_t *found_json(struct kg_profile *p, const struct found *f)
{
	static const char *const answers[] = {"no", "yes", "unknown"};
	const GPtrArray *fields = kg_profile_fields(p, f->kind, f->target);
	g_autofree char *probe = g_strdup_printf("%s%s%s", kg_probe_info(f->kind)->name, kg_probe_info(f->kind)->parts ? ":" : "", f->target);
	json_t *list = fields ? json_array() : json_null();

	for (guint i = 0; fields && i < fields->len; i++)
		json_array_append_new(list, field_json(g_ptr_array_index(fields, i)));
	return json_pack("{s:o, s:s, s:o, s:o, s:s, s:o, s:o}", "probe", text_json(probe), "kind", kg_probe_info(f->kind)->name, "target",
			 text_json(f->target), "module", text_json(f->module), "usable", answers[f->usable], "why", text_json(f->why), "fields",
			 list);
}

/* One line, of type "probes": docs/json.md. */
static void show_json(struct kg_profile *p, const char *query, const GPtrArray *found, gboolean more, const struct kg_error *err, int code,
		      GString *out)
{
	json_t *all = json_array();

	for (guint i = 0; i < found->len; i++)
		json_array_append_new(all, found_json(p, g_ptr_array_index(found, i)));
	json_t *problem = err->code ? json_pack("{s:s, s:o, s:o}", "kind", kg_errc_name(err->code), "message", text_json(err->msg), "hint",
						text_json(err->hint)) : json_null();
	json_t *answer = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:i}", "type", "probes", "query", text_json(query), "kernel",
				   text_json(kg_profile_release(p)), "probes", all, "more", more, "problem", problem, "exit", code);
	char *text = json_dumps(answer, JSON_COMPACT);

	g_string_append(out, text ? text : "{}");
	g_string_append_c(out, '\n');
	free(text);
	json_decref(answer);
}

/* --- finding --- */

static void add_found(struct kg_profile *p, enum kg_probe_kind kind, const char *target, const char *module, GPtrArray *found)
{
	struct found *f = g_new0(struct found, 1);
	struct kg_point *pt = NULL;

	f->kind = kind;
	f->target = g_strdup(target);
	f->module = g_strdup(module);
	f->usable = KG_UNKNOWN;
	if (!kg_profile_find(p, kind, target, &pt, NULL)) {
		f->usable = pt->usable;
		f->why = g_strdup(pt->why);
		if (!module)
			f->module = g_strdup(pt->module);
		kg_point_free(pt);
	}
	g_ptr_array_add(found, f);
}

/* "kprobe:x", "t:sys:x", "BEGIN": the kind, and what stands behind it. */
static enum kg_probe_kind split(const char *query, const char **ret_target)
{
	const char *colon = strchr(query, ':');
	enum kg_probe_kind kind = kg_probe_kind_parse(query, colon ? colon - query : -1);

	*ret_target = colon ? colon + 1 : "";
	if (!colon && kg_probe_info(kind)->parts)
		return KG_PROBE_NONE; /* "profile" and "t" alone are words */
	return kind;
}

static void match_kind(struct kg_profile *p, enum kg_probe_kind kind, const char *pattern, guint max, GPtrArray *found)
{
	g_autoptr(GPtrArray) names = kg_profile_match(p, kind, pattern, max && max > found->len ? max + 1 - found->len : 0);

	for (guint i = 0; i < names->len && (!max || found->len <= max); i++)
		add_found(p, kind, g_ptr_array_index(names, i), NULL, found);
}

/* "tcp_*", "tcp:*": tracepoints and functions. */
static void match_any(struct kg_profile *p, const char *pattern, guint max, GPtrArray *found)
{
	g_autofree char *any = strchr(pattern, ':') ? g_strdup(pattern) : g_strconcat("*:", pattern, NULL);

	match_kind(p, KG_PROBE_TRACEPOINT, any, max, found);
	if (!max || found->len <= max)
		match_kind(p, KG_PROBE_KPROBE, pattern, max, found);
}

static void search(struct kg_profile *p, const char *words, guint max, GPtrArray *found)
{
	g_autoptr(GPtrArray) hits = kg_profile_search(p, words, max ? max + 1 : 0);

	for (guint i = 0; i < hits->len; i++) {
		const struct kg_hit *h = g_ptr_array_index(hits, i);

		add_found(p, h->kind, h->target, h->module, found);
	}
}

enum query_kind { QUERY_NAME, QUERY_PATTERN, QUERY_WORDS };

static enum query_kind find(struct kg_profile *p, const struct probes_args *args, GPtrArray *found, struct kg_error *err)
{
	const char *target;
	enum kg_probe_kind kind = split(args->query, &target);
	gboolean is_pattern = strchr(args->query, '*') != NULL && !strchr(args->query, ' ');
	guint max = args->limit >= 0 ? (guint)args->limit : is_pattern ? LIMIT_PATTERN : LIMIT_WORDS;
	struct kg_point *pt = NULL;

	if (is_pattern) {
		if (kind)
			match_kind(p, kind, target, max, found);
		else
			match_any(p, args->query, max, found);
		if (!found->len)
			kg_error_set(err, KG_E_NOTFOUND, "probes", "nothing in this kernel (%s) fits %s", kg_profile_release(p), args->query);
		return QUERY_PATTERN;
	}
	/* "sock:inet_sock_set_state" without a kind is a tracepoint's name. */
	if (!kind && strchr(args->query, ':') && !strchr(args->query, ' ')) {
		kind = KG_PROBE_TRACEPOINT;
		target = args->query;
	}
	if (kind) {
		if (!kg_profile_find(p, kind, target, &pt, err)) {
			kg_point_free(pt);
			add_found(p, kind, target, NULL, found);
		}
		return QUERY_NAME;
	}
	search(p, args->query, max, found);
	if (!found->len)
		kg_error_set(err, KG_E_NOTFOUND, "probes", "no attach point of this kernel (%s) speaks of \"%s\"", kg_profile_release(p),
			     args->query);
	return QUERY_WORDS;
}

static void trim(GPtrArray *found, gint64 limit, gboolean *ret_more)
{
	*ret_more = limit && found->len > limit;
	if (*ret_more)
		g_ptr_array_set_size(found, (gint)limit);
}

/* What was not found may only be not known: say which source is missing. */
static void tell_missing(const struct kg_cli *cli, const struct kg_profile *p)
{
	const GPtrArray *sources = kg_profile_sources(p);

	for (guint i = 0; i < sources->len; i++) {
		const struct kg_source *s = g_ptr_array_index(sources, i);

		if (s->state == KG_SOURCE_MISSING && s->cost && strcmp(s->name, "cache") && strcmp(s->name, "tracefs"))
			kg_cli_note(cli, "%s: %s%s%s", s->why, s->cost, s->mend ? "; to mend it: " : "", s->mend ? s->mend : "");
	}
}

static int answer(const struct kg_cli *cli, struct kg_profile *p, const struct probes_args *args)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(found_free);
	g_autoptr(GString) out = g_string_new(NULL);
	_cleanup_error_ struct kg_error err = {0};
	enum query_kind query = find(p, args, found, &err);
	gboolean more;
	int code = err.code ? kg_cli_exit(&err) : KG_EXIT_OK;

	trim(found, args->limit >= 0 ? args->limit : query == QUERY_PATTERN ? LIMIT_PATTERN : LIMIT_WORDS, &more);
	if (query == QUERY_NAME && found->len && ((struct found *)g_ptr_array_index(found, 0))->usable == KG_NO)
		code = KG_EXIT_ENVIRONMENT;
	if (cli->json)
		show_json(p, args->query, found, more, &err, code, out);
	else if (query == QUERY_NAME && found->len)
		show_one(p, g_ptr_array_index(found, 0), out);
	else
		show_list(p, found, query == QUERY_WORDS, out);
	if (!kg_cli_out(out->str))
		return KG_EXIT_OUTPUT;
	if (err.code && !cli->json)
		kg_cli_error(cli, &err);
	if (more && !cli->json)
		kg_cli_note(cli, "there are more; --limit 0 shows all");
	tell_missing(cli, p);
	return code;
}

int kg_cmd_probes(const struct kg_cli *cli, int argc, char **argv)
{
	struct probes_args args = {0};
	_cleanup_error_ struct kg_error err = {0};
	struct kg_profile *p = NULL;

	if (parse_args(argc, argv, &args, &err) < 0) {
		g_free(args.query);
		return kg_cli_usage(cli, "probes", &err);
	}
	int code;

	g_autofree char *dir = kg_cli_profile_dir(args.kernel, args.profile, &err);

	if (err.code || kg_cli_profile(cli, dir, &p, &err) < 0) {
		kg_cli_error(cli, &err);
		code = kg_cli_exit(&err);
	} else {
		code = answer(cli, p, &args);
	}
	kg_profile_free(p);
	g_free(args.query);
	return code;
}
