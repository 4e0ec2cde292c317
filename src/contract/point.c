/*
 * Attach points of contracts: bpftrace's own ("kprobe:tcp_connect", under any of its names for the kind), and the kinds of C programs that
 * bpftrace has not ("xdp", "tc", "lsm:file_open").
 */
#include "node.h"

#include <string.h>

/* The one list of program kinds that bpftrace has not. Contexts: include/uapi/linux/bpf.h, Linux 6.18; section names as libbpf knows them. */
static const struct {
	const char *name;    /* as written, and the beginning of libbpf's section name */
	enum bpf_prog_type type;
	const char *context; /* NULL: the arguments of the hook */
	gboolean has_target;
} c_kinds[] = {
	{"xdp", BPF_PROG_TYPE_XDP, "struct xdp_md", FALSE},
	{"tc", BPF_PROG_TYPE_SCHED_CLS, "struct __sk_buff", FALSE},
	{"socket", BPF_PROG_TYPE_SOCKET_FILTER, "struct __sk_buff", FALSE},
	{"cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, "struct __sk_buff", TRUE},
	{"cgroup_sock_addr", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "struct bpf_sock_addr", TRUE},
	{"cgroup_sock", BPF_PROG_TYPE_CGROUP_SOCK, "struct bpf_sock", TRUE},
	{"sockops", BPF_PROG_TYPE_SOCK_OPS, "struct bpf_sock_ops", FALSE},
	{"lsm", BPF_PROG_TYPE_LSM, NULL, TRUE},
	{"perf_event", BPF_PROG_TYPE_PERF_EVENT, "struct bpf_perf_event_data", FALSE},
};

static int parse_c_kind(const char *text, gsize n_kind, struct kg_contract_point *p)
{
	for (gsize i = 0; i < G_N_ELEMENTS(c_kinds); i++)
		if (strlen(c_kinds[i].name) == n_kind && !strncmp(c_kinds[i].name, text, n_kind)) {
			p->type = c_kinds[i].type;
			p->context = c_kinds[i].context;
			return c_kinds[i].has_target && !text[n_kind] && p->type == BPF_PROG_TYPE_LSM ? -KG_E_PARSE : 0;
		}
	return -KG_E_PARSE;
}

static int no_kind(const char *text, gsize n_kind, struct kg_error *err)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *word = g_strndup(text, n_kind);
	const char *near;

	for (int i = 1; i < KG_PROBE_KINDS; i++)
		g_ptr_array_add(names, (gpointer)kg_probe_info((enum kg_probe_kind)i)->name);
	for (int i = 1; i < KG_PROBE_KINDS; i++)
		g_ptr_array_add(names, (gpointer)kg_probe_info((enum kg_probe_kind)i)->modern);
	for (gsize i = 0; i < G_N_ELEMENTS(c_kinds); i++)
		g_ptr_array_add(names, (gpointer)c_kinds[i].name);
	near = kg_nearest(word, names);
	kg_error_set(err, KG_E_PARSE, CHECK, "'%s' is not a kind of attach point", word);
	if (near)
		kg_error_hint(err, "did you mean %s%s?", near, text + n_kind);
	else if (!text[n_kind] && *text)
		kg_error_hint(err, "a kernel function is kprobe:%s, a tracepoint tracepoint:GROUP:%s", text, text);
	else
		kg_error_hint(err, "for example kprobe:tcp_connect, tracepoint:sched:sched_switch, interval:s:1, xdp");
	return -KG_E_PARSE;
}

static int check_shape(const struct kg_contract_point *p, struct kg_error *err)
{
	const struct kg_probe_info *info = kg_probe_info(p->kind);
	int parts = *p->target ? 1 : 0;

	for (const char *s = p->target; *s; s++)
		parts += *s == ':';
	if (parts >= info->parts && (info->parts || !parts) && !strchr(p->target, ' '))
		return 0;
	kg_error_set(err, KG_E_PARSE, CHECK, "'%s' is not an attach point: %s", p->text,
		     strchr(p->target, ' ') ? "there is a space in it" :
		     parts < info->parts    ? "a part is missing" :
					      "nothing can follow here");
	if (info->parts)
		kg_error_hint(err, info->parts == 2 ? "%s:PART:PART, as in tracepoint:sched:sched_switch or interval:s:1" : "%s:NAME", info->name);
	return -KG_E_PARSE;
}

int kg_contract_point_parse(const char *text, struct kg_contract_point **ret, struct kg_error *err)
{
	const char *colon = strchr(text, ':');
	gsize n_kind = colon ? (gsize)(colon - text) : strlen(text);
	struct kg_contract_point *p = g_new0(struct kg_contract_point, 1);
	int r = 0;

	p->text = g_strdup(text);
	p->target = g_strdup(colon ? colon + 1 : "");
	p->is_wildcard = strpbrk(p->target, "*?") != NULL;
	p->kind = kg_probe_kind_parse(text, (gssize)n_kind);
	if (p->kind)
		r = check_shape(p, err);
	else if (parse_c_kind(text, n_kind, p) < 0)
		r = no_kind(text, n_kind, err);
	if (r < 0)
		kg_contract_point_free(p);
	else
		*ret = p;
	return r;
}

/* "tcp_connect" of "vmlinux:tcp_connect" and "tcp_connect+0"; a contract that names the module means that module. */
static const char *function_of(const char *target)
{
	const char *colon = strrchr(target, ':');

	return colon ? colon + 1 : target;
}

/* "libc:malloc" is "/lib/x86_64-linux-gnu/libc.so.6:malloc": bpftrace looks a name without slashes up among the libraries and $PATH. */
static gboolean user_fits(const char *wanted, const char *target)
{
	const char *function = strchr(wanted, ':'), *behind = strrchr(target, '/');
	gsize n = function ? (gsize)(function - wanted) : 0;

	if (!function || !behind || memchr(wanted, '/', n) || strncmp(behind + 1, wanted, n))
		return FALSE;
	behind += 1 + n;
	if (*behind == '.')
		behind = strchr(behind, ':');
	return behind && *behind == ':' && g_pattern_match_simple(function, behind);
}

static gboolean target_fits(enum kg_probe_kind kind, const char *wanted, const char *target)
{
	if (g_pattern_match_simple(wanted, target))
		return TRUE;
	if (kg_probe_info(kind)->is_user)
		return user_fits(wanted, target);
	if (!kg_probe_info(kind)->is_kernel_function && kind != KG_PROBE_RAWTRACEPOINT)
		return FALSE;
	return !strchr(wanted, ':') != !strchr(target, ':') && g_pattern_match_simple(function_of(wanted), function_of(target));
}

/* The same time, whatever its unit: interval:s:1 is interval:ms:1000. */
static gboolean timer_period(const char *target, double *ret)
{
	g_auto(GStrv) part = g_strsplit(target, ":", 3);
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
	double n = g_strv_length(part) == 2 ? g_ascii_strtod(part[1], NULL) : 0;

	*ret = 0;
	if (n > 0 && !strcmp(part[0], "hz"))
		*ret = 1e9 / n;
	for (gsize i = 0; n > 0 && i < G_N_ELEMENTS(units); i++)
		if (!strcmp(part[0], units[i].name))
			*ret = n * units[i].ns;
	return *ret > 0;
}

/* "vfs_read,kprobe:vfs_write": bpftrace compiles several attach points that it can't tell apart once, and joins their names. */
static const char *next_joined(const char *target, enum kg_probe_kind *ret)
{
	for (const char *comma = strchr(target, ','); comma; comma = strchr(comma + 1, ',')) {
		const char *colon = strchr(comma, ':');

		*ret = colon ? kg_probe_kind_parse(comma + 1, colon - comma - 1) : KG_PROBE_NONE;
		if (*ret)
			return comma;
	}
	return NULL;
}

static gboolean one_fits(const struct kg_contract_point *point, enum kg_probe_kind kind, const char *target);

gboolean kg_contract_point_fits(const struct kg_contract_point *point, enum kg_probe_kind kind, const char *target)
{
	enum kg_probe_kind next;

	for (const char *comma; (comma = next_joined(target, &next)); kind = next) {
		g_autofree char *first = g_strndup(target, (gsize)(comma - target));

		if (one_fits(point, kind, first))
			return TRUE;
		target = strchr(comma, ':') + 1;
	}
	return one_fits(point, kind, target);
}

static gboolean one_fits(const struct kg_contract_point *point, enum kg_probe_kind kind, const char *target)
{
	double wanted, has;

	if (!kind || point->kind != kind)
		return FALSE;
	if (kg_probe_info(kind)->is_timer && timer_period(point->target, &wanted) && timer_period(target, &has))
		return wanted - has < 0.5 && has - wanted < 0.5;
	return target_fits(kind, point->target, target);
}

GPtrArray *kg_contract_point_expand(const struct kg_contract_point *point, struct kg_profile *profile)
{
	GPtrArray *points = con_points_new();
	g_autoptr(GPtrArray) targets = NULL;

	if (!point->is_wildcard) {
		g_ptr_array_add(points, con_point_copy(point));
		return points;
	}
	targets = profile ? kg_profile_match(profile, point->kind, point->target, 0) : NULL;
	for (guint i = 0; targets && i < targets->len; i++) {
		struct kg_contract_point *p = con_point_copy(point);

		g_free(p->target);
		g_free(p->text);
		p->target = g_strdup(targets->pdata[i]);
		p->text = g_strdup_printf("%s:%s", kg_probe_info(p->kind)->name, p->target);
		p->is_wildcard = FALSE;
		g_ptr_array_add(points, p);
	}
	return points;
}

/* ------------------------------------------------------------------- ways */

static gboolean is_attached(const struct kg_contract_point *wanted, const GPtrArray *points)
{
	for (guint i = 0; i < points->len; i++) {
		const struct kg_contract_point *p = points->pdata[i];

		if (wanted->kind ? kg_contract_point_fits(wanted, p->kind, p->target) :
				   wanted->type == p->type && (!*wanted->target || !strcmp(wanted->target, p->target)))
			return TRUE;
	}
	return FALSE;
}

static guint n_missing(const struct kg_contract_way *way, const GPtrArray *points)
{
	guint n = 0;

	for (guint i = 0; i < way->clauses->len; i++) {
		const struct kg_contract_clause *c = way->clauses->pdata[i];

		for (guint j = 0; j < c->obligations->len; j++) {
			const struct kg_obligation *o = c->obligations->pdata[j];
			gboolean found = o->kind != KG_OBLIGATION_ON;

			for (guint k = 0; !found && k < o->points->len; k++)
				found = is_attached(o->points->pdata[k], points);
			n += !found;
		}
	}
	return n;
}

const struct kg_contract_way *kg_contract_way_for(const struct kg_contract *contract, const GPtrArray *points)
{
	const struct kg_contract_way *best = contract->ways->pdata[0];
	guint least = G_MAXUINT;

	for (guint i = 0; i < contract->ways->len; i++) {
		guint n = n_missing(contract->ways->pdata[i], points);

		if (n < least) {
			least = n;
			best = contract->ways->pdata[i];
		}
	}
	return best;
}
