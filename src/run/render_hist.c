/*
 * Histograms: one line a bucket, its bounds with their unit, the count, a bar.
 *
 *   [4 KiB, 8 KiB)      12 |@@@@@@@@@@@@@                           |
 *
 * bpftrace says the upper bound included; people read half-open ranges. Empty buckets at both ends are left out.
 */
#include "render_part.h"

#include <kgent/text.h>

#include <math.h>
#include <string.h>

#define MAX_BAR 50
#define MIN_BAR 10

/* 4096 is "4K", as bpftrace writes it; only whole ones. */
static void append_plain(gint64 v, GString *out)
{
	static const char suffix[] = " KMGTPE";
	int i = 0;

	while (v != 0 && v % 1024 == 0 && i < 6) {
		v /= 1024;
		i++;
	}
	g_string_append_printf(out, "%" G_GINT64_FORMAT, v);
	if (i)
		g_string_append_c(out, suffix[i]);
}

static void append_bound(gint64 v, const struct kg_run_column *col, GString *out)
{
	switch (col->unit) {
	case KG_UNIT_BYTES:
	case KG_UNIT_NS:
	case KG_UNIT_US:
	case KG_UNIT_MS:
	case KG_UNIT_PERCENT:
	case KG_UNIT_HZ:
		kg_render_number(v, col, out);
		break;
	default:
		append_plain(v, out);
	}
}

static char *label(const struct kg_run_bucket *b, const struct kg_run_column *col)
{
	GString *out = g_string_new(NULL);

	if (b->has_min && b->has_max && b->min == b->max) {
		g_string_append_c(out, '[');
		append_bound(b->min, col, out);
		g_string_append_c(out, ']');
		return g_string_free(out, FALSE);
	}
	g_string_append_c(out, b->has_min ? '[' : '(');
	if (b->has_min)
		append_bound(b->min, col, out);
	else
		g_string_append(out, "...");
	g_string_append(out, ", ");
	if (b->has_max && b->max < G_MAXINT64)
		append_bound(b->max + 1, col, out);
	else
		g_string_append(out, "...");
	g_string_append_c(out, ')');
	return g_string_free(out, FALSE);
}

/* What the lines of one histogram have in common. */
struct shape {
	guint from, to; /* buckets that are shown: from <= i < to */
	guint64 max;
	int label_width, count_width;
};

static struct shape shape_of(const GArray *buckets, const struct kg_run_column *col)
{
	struct shape s = {.from = G_MAXUINT};

	for (guint i = 0; i < buckets->len; i++) {
		const struct kg_run_bucket *b = &g_array_index(buckets, struct kg_run_bucket, i);

		if (b->count == 0)
			continue;
		s.from = MIN(s.from, i);
		s.to = i + 1;
		s.max = MAX(s.max, b->count);
	}
	for (guint i = s.from; i < s.to; i++) {
		const struct kg_run_bucket *b = &g_array_index(buckets, struct kg_run_bucket, i);
		g_autofree char *l = label(b, col);
		g_autoptr(GString) count = g_string_new(NULL);

		append_grouped((gint64)MIN(b->count, (guint64)G_MAXINT64), count);
		s.label_width = MAX(s.label_width, kg_text_width(l));
		s.count_width = MAX(s.count_width, (int)count->len);
	}
	return s;
}

static void write_buckets(const GArray *buckets, const struct kg_run_column *col, int width, GString *out)
{
	struct shape s = shape_of(buckets, col);
	int bar = MAX_BAR;

	if (s.to == 0) {
		g_string_append(out, "(nothing)\n");
		return;
	}
	if (width > 0)
		bar = CLAMP(width - s.label_width - s.count_width - 5, MIN_BAR, MAX_BAR);
	for (guint i = s.from; i < s.to; i++) {
		const struct kg_run_bucket *b = &g_array_index(buckets, struct kg_run_bucket, i);
		g_autofree char *l = label(b, col);
		g_autoptr(GString) count = g_string_new(NULL);
		int n = (int)((double)b->count / (double)s.max * bar + 0.5);

		/* something is never shown as nothing */
		if (b->count && n == 0)
			n = 1;
		append_grouped((gint64)MIN(b->count, (guint64)G_MAXINT64), count);
		g_string_append_printf(out, "%s%*s  %*s |", l, s.label_width - kg_text_width(l), "", s.count_width, count->str);
		for (int k = 0; k < bar; k++)
			g_string_append_c(out, k < n ? '@' : ' ');
		g_string_append(out, "|\n");
	}
}

static void write_heading(const struct kg_run_row *row, const struct kg_run_columns *cols, GString *out)
{
	GPtrArray *keys = row_keys(cols, row);

	if (!keys) {
		kg_text_escape(row->key.text, (gssize)row->key.len, out);
		g_string_append_c(out, '\n');
		return;
	}
	for (guint i = 0; i < cols->n_keys; i++) {
		if (i)
			g_string_append(out, "  ");
		if (cols->keys[i].title)
			g_string_append_printf(out, "%s: ", cols->keys[i].title);
		append_key(g_ptr_array_index(keys, i), &cols->keys[i], out);
	}
	g_string_append_c(out, '\n');
	g_ptr_array_unref(keys);
}

void render_hist(const struct kg_run_event *ev, const struct kg_run_columns *cols, const struct kg_render_opts *opts, GString *out)
{
	g_autoptr(GArray) order = rows_in_order(ev, cols);
	const char *title = cols->title ? cols->title : cols->value.title ? cols->value.title : ev->name;

	g_string_append(out, opts->color ? BOLD : "");
	kg_text_escape(title ? title : "", -1, out);
	/* what is counted, and of what the bounds are */
	if (cols->title && cols->value.title && !g_str_equal(cols->title, cols->value.title))
		g_string_append_printf(out, ", %s", cols->value.title);
	g_string_append(out, opts->color ? PLAIN "\n" : "\n");
	if (order->len == 0)
		g_string_append(out, "(nothing)\n");
	for (guint i = 0; i < order->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, g_array_index(order, guint, i));

		if (row->has_key) {
			g_string_append_c(out, '\n');
			write_heading(row, cols, out);
		}
		write_buckets(row->value.buckets, &cols->value, opts->width, out);
	}
	if (order->len < ev->rows->len)
		g_string_append_printf(out, "(and %u more)\n", ev->rows->len - order->len);
}
