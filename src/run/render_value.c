/*
 * Values for people: numbers by their unit, names for numbers that the kernel means as names.
 *
 * Bytes are counted in 1024s (KiB), times in 1000s. A column has one unit, named in its header, so that its numbers can be compared by their
 * length; the unit is the largest that still leaves the smallest value something to show.
 */
#include "render_part.h"

#include <kgent/text.h>

#include <math.h>
#include <pwd.h>
#include <seccomp.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

gboolean column_is_text(const struct kg_run_column *col)
{
	switch (col->unit) {
	case KG_UNIT_STRING:
	case KG_UNIT_PATH:
	case KG_UNIT_IP:
	case KG_UNIT_SYMBOL:
	case KG_UNIT_STACK:
		return TRUE;
	default:
		return col->is_text;
	}
}

gboolean column_is_left(const struct kg_run_column *col)
{
	switch (col->unit) {
	case KG_UNIT_ERRNO:
	case KG_UNIT_SYSCALL:
	case KG_UNIT_SIGNAL:
	case KG_UNIT_UID:
	case KG_UNIT_GID:
	case KG_UNIT_BOOL:
		return TRUE;
	default:
		return col->names || column_is_text(col);
	}
}

static const struct scale byte_scales[] = {{"B", 1}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0}};
static const struct scale ns_scales[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
static const struct scale us_scales[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}};
static const struct scale ms_scales[] = {{"ms", 1}, {"s", 1e3}};
static const struct scale khz_scales[] = {{"kHz", 1}, {"MHz", 1e3}, {"GHz", 1e6}};
static const struct scale no_scale[] = {{"", 1}};
static const struct scale percent_scale[] = {{"%", 1}};
static const struct scale page_scale[] = {{"pages", 1}};
static const struct scale sector_scale[] = {{"sectors", 1}};

static const struct scale *scales_of(enum kg_unit unit, guint *n)
{
#define SCALES(a) (*n = G_N_ELEMENTS(a), a)
	switch (unit) {
	case KG_UNIT_BYTES:
		return SCALES(byte_scales);
	case KG_UNIT_NS:
		return SCALES(ns_scales);
	case KG_UNIT_US:
		return SCALES(us_scales);
	case KG_UNIT_MS:
		return SCALES(ms_scales);
	case KG_UNIT_HZ:
		return SCALES(khz_scales);
	case KG_UNIT_PERCENT:
		return SCALES(percent_scale);
	case KG_UNIT_PAGES:
		return SCALES(page_scale);
	case KG_UNIT_SECTORS:
		return SCALES(sector_scale);
	default:
		return SCALES(no_scale);
	}
#undef SCALES
}

struct scale scale_for(enum kg_unit unit, double min, double max)
{
	guint n, i;
	const struct scale *scales = scales_of(unit, &n);

	for (i = n - 1; i > 0 && max < scales[i].factor; i--)
		;
	/* one step down as long as small values would vanish and large ones stay readable */
	while (i > 0 && min < scales[i].factor / 10 && max / scales[i - 1].factor < 1e6)
		i--;
	return scales[i];
}

struct scale scale_of(const struct kg_run_column *col, double min, double max)
{
	guint n;
	const struct scale *scales = scales_of(col->unit, &n);

	for (guint i = 0; col->shown_in && i < n; i++)
		if (!strcmp(scales[i].suffix, kg_unit_name(col->shown_in)))
			return scales[i];
	return scale_for(col->unit, min, max);
}

void append_grouped(gint64 value, GString *out)
{
	guint64 u = value < 0 ? 0 - (guint64)value : (guint64)value;
	char digits[32];
	int n = g_snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, u);

	if (value < 0)
		g_string_append_c(out, '-');
	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			g_string_append_c(out, ',');
		g_string_append_c(out, digits[i]);
	}
}

static void append_scaled(double value, const struct scale *scale, GString *out)
{
	double v = value / scale->factor;
	int decimals = fabs(v) >= 100 ? 0 : fabs(v) >= 10 ? 1 : 2;
	double unit = decimals == 0 ? 1 : decimals == 1 ? 0.1 : 0.01;
	char digits[64];
	char *dot;

	if (v != 0 && fabs(v) < unit / 2) {
		g_string_append(out, v < 0 ? "-0.00" : "<0.01");
		return;
	}
	g_ascii_formatd(digits, sizeof(digits), decimals == 0 ? "%.0f" : decimals == 1 ? "%.1f" : "%.2f", v);
	dot = strchr(digits, '.');
	if (fabs(v) < 9e15) {
		gint64 whole = (gint64)g_ascii_strtoll(digits, NULL, 10);

		if (whole == 0 && v < 0)
			g_string_append_c(out, '-');
		append_grouped(whole, out);
		if (dot)
			g_string_append(out, dot);
	} else {
		g_string_append(out, digits);
	}
}

void append_in_scale(gint64 value, const struct scale *scale, GString *out)
{
	if (scale->factor == 1)
		append_grouped(value, out);
	else
		append_scaled((double)value, scale, out);
}

/* Looking a name up can mean asking a server, and events come by the thousand: the last answers are kept. */
struct user_name {
	gboolean is_known;
	gint64 uid;
	char name[64]; /* "" where there is none */
};

static const char *user_name(gint64 uid)
{
	static _Thread_local struct user_name cache[64];
	struct user_name *u = &cache[(guint64)uid % G_N_ELEMENTS(cache)];
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (u->is_known && u->uid == uid)
		return u->name;
	*u = (struct user_name){.is_known = TRUE, .uid = uid};
	if (getpwuid_r((uid_t)uid, &pw, buf, sizeof(buf), &found) == 0 && found)
		g_strlcpy(u->name, found->pw_name, sizeof(u->name));
	return u->name;
}

static void append_user(gint64 value, GString *out)
{
	const char *name = value >= 0 && value < G_MAXUINT32 ? user_name(value) : "";

	if (value == G_MAXUINT32 || value == -1)
		g_string_append(out, "(none)");
	else if (*name)
		kg_text_escape(name, -1, out);
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void append_group(gint64 value, GString *out)
{
	char buf[16384];
	struct group gr, *found = NULL;

	if (value >= 0 && value < G_MAXUINT32 && getgrgid_r((gid_t)value, &gr, buf, sizeof(buf), &found) == 0 && found)
		kg_text_escape(found->gr_name, -1, out);
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void append_errno(gint64 value, GString *out)
{
	const char *name = value > 0 && value < 4096 ? strerrorname_np((int)value) : NULL;

	if (name)
		g_string_append(out, name);
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static void append_syscall(gint64 value, GString *out)
{
	char *name = value >= 0 && value < 100000 ? seccomp_syscall_resolve_num_arch(seccomp_arch_native(), (int)value) : NULL;

	if (name)
		g_string_append(out, name);
	else
		g_string_append_printf(out, "syscall %" G_GINT64_FORMAT, value);
	free(name);
}

static void append_signal(gint64 value, GString *out)
{
	const char *name = value > 0 && value < 65 ? sigabbrev_np((int)value) : NULL;

	if (name)
		g_string_append_printf(out, "SIG%s", name);
	else
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
}

static gboolean append_name(gint64 value, const GPtrArray *names, GString *out)
{
	for (guint i = 0; names && i < names->len; i++) {
		const struct kg_value_name *n = g_ptr_array_index(names, i);

		if (n->value != value)
			continue;
		kg_text_escape(n->name, -1, out);
		return TRUE;
	}
	return FALSE;
}

/* Units whose numbers are names. FALSE: it is a quantity. */
static gboolean append_named(gint64 value, enum kg_unit unit, GString *out)
{
	switch (unit) {
	case KG_UNIT_ERRNO:
		append_errno(value, out);
		return TRUE;
	case KG_UNIT_SYSCALL:
		append_syscall(value, out);
		return TRUE;
	case KG_UNIT_SIGNAL:
		append_signal(value, out);
		return TRUE;
	case KG_UNIT_UID:
		append_user(value, out);
		return TRUE;
	case KG_UNIT_GID:
		append_group(value, out);
		return TRUE;
	case KG_UNIT_DEV:
		g_string_append_printf(out, "%u:%u", (guint)((guint64)value >> 20), (guint)(value & 0xfffff));
		return TRUE;
	case KG_UNIT_FLAGS:
	case KG_UNIT_ADDRESS:
		g_string_append_printf(out, "0x%" G_GINT64_MODIFIER "x", (guint64)value);
		return TRUE;
	case KG_UNIT_BOOL:
		g_string_append(out, value ? "yes" : "no");
		return TRUE;
	case KG_UNIT_PID:
	case KG_UNIT_TID:
	case KG_UNIT_PORT:
	case KG_UNIT_CPU:
	case KG_UNIT_CGROUP:
		g_string_append_printf(out, "%" G_GINT64_FORMAT, value);
		return TRUE;
	default:
		return FALSE;
	}
}

void kg_render_number(gint64 value, const struct kg_run_column *col, GString *out)
{
	struct scale scale;

	if (append_name(value, col->names, out) || append_named(value, col->unit, out))
		return;
	scale = scale_of(col, fabs((double)value), fabs((double)value));
	append_in_scale(value, &scale, out);
	if (*scale.suffix)
		g_string_append_printf(out, g_str_equal(scale.suffix, "%") ? "%s" : " %s", scale.suffix);
}

void append_value(const struct kg_run_value *v, const struct kg_run_column *col, const struct scale *scale, GString *out)
{
	switch (v->type) {
	case KG_RUN_V_INT:
		if (scale && (append_name(v->i, col->names, out) || append_named(v->i, col->unit, out)))
			return;
		if (scale)
			append_in_scale(v->i, scale, out);
		else
			kg_render_number(v->i, col, out);
		break;
	case KG_RUN_V_UINT:
		g_string_append_printf(out, "%" G_GUINT64_FORMAT, v->u);
		break;
	default:
		kg_text_escape(v->text.text ? v->text.text : "", (gssize)v->text.len, out);
	}
}

gboolean text_to_integer(const char *s, gsize len, gint64 *ret)
{
	gsize i = len && s[0] == '-' ? 1 : 0;

	if (i >= len || len > 19)
		return FALSE;
	for (; i < len; i++)
		if (!g_ascii_isdigit(s[i]))
			return FALSE;
	*ret = g_ascii_strtoll(s, NULL, 10);
	return TRUE;
}

/* Keys are not grouped by thousands: most are identifiers. */
void append_key(const struct kg_run_text *key, const struct kg_run_column *col, GString *out)
{
	gint64 v;
	guint n;

	if (column_is_text(col) || !text_to_integer(key->text, key->len, &v)) {
		kg_text_escape(key->text, (gssize)key->len, out);
		return;
	}
	scales_of(col->unit, &n);
	if (n > 1)
		kg_render_number(v, col, out);
	else if (!append_name(v, col->names, out) && !append_named(v, col->unit, out))
		g_string_append_len(out, key->text, (gssize)key->len);
}

double value_size(const struct kg_run_value *v)
{
	double total = 0;

	switch (v->type) {
	case KG_RUN_V_INT:
		return (double)v->i;
	case KG_RUN_V_UINT:
		return (double)v->u;
	case KG_RUN_V_STATS:
		return (double)v->total;
	case KG_RUN_V_BUCKETS:
		for (guint i = 0; i < v->buckets->len; i++)
			total += (double)g_array_index(v->buckets, struct kg_run_bucket, i).count;
		return total;
	default:
		return 0;
	}
}
