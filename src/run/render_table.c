/*
 * Maps as tables: a header line, texts to the left, numbers to the right, the largest first.
 *
 *   PROCESS   ERROR    COUNT
 *   nginx     ENOENT   1,234
 *   bash      EACCES       2
 *
 * Stacks are as long as they are: a map with a stack among its keys is written row by row, the stack indented below its value.
 */
#include "render_part.h"

#include <kgent/text.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2

GPtrArray *row_keys(const struct kg_run_columns *cols, const struct kg_run_row *row)
{
	g_autofree enum kg_run_key *kinds = g_new(enum kg_run_key, cols->n_keys + 1);

	for (guint i = 0; i < cols->n_keys; i++) {
		const struct kg_run_column *c = &cols->keys[i];

		kinds[i] = c->unit == KG_UNIT_STACK ? KG_RUN_KEY_STACK : column_is_text(c) ? KG_RUN_KEY_TEXT : KG_RUN_KEY_NUMBER;
	}
	return kg_run_split_key(&row->key, cols->n_keys, kinds);
}

struct order {
	const GArray *rows;
	int sign;
};

static int by_size(gconstpointer a, gconstpointer b, gpointer user)
{
	const struct order *o = user;
	guint ia = *(const guint *)a, ib = *(const guint *)b;
	const struct kg_run_row *ra = &g_array_index(o->rows, struct kg_run_row, ia);
	const struct kg_run_row *rb = &g_array_index(o->rows, struct kg_run_row, ib);
	double da = value_size(&ra->value), db = value_size(&rb->value);

	if (da != db)
		return da > db ? -o->sign : o->sign;
	/* equal ones in bpftrace's order */
	return ia < ib ? -1 : ia > ib;
}

GArray *rows_in_order(const struct kg_run_event *ev, const struct kg_run_columns *cols)
{
	GArray *order = g_array_sized_new(FALSE, FALSE, sizeof(guint), ev->rows->len);
	struct order o = {ev->rows, cols->is_smallest_first ? -1 : 1};

	for (guint i = 0; i < ev->rows->len; i++)
		g_array_append_val(order, i);
	g_array_sort_with_data(order, by_size, &o);
	if (cols->top && order->len > cols->top)
		g_array_set_size(order, cols->top);
	return order;
}

/* A table of texts. */
struct table {
	guint n;
	GPtrArray *cells;    /* char *, row by row, the header first */
	gboolean *is_right;
	int *width;
};

static void table_init(struct table *t, guint n)
{
	t->n = n;
	t->cells = g_ptr_array_new_with_free_func(g_free);
	t->is_right = g_new0(gboolean, n);
	t->width = g_new0(int, n);
}

static void table_done(struct table *t)
{
	g_ptr_array_unref(t->cells);
	g_free(t->is_right);
	g_free(t->width);
}

static void table_add(struct table *t, char *cell)
{
	guint col = t->cells->len % t->n;

	t->width[col] = MAX(t->width[col], kg_text_width(cell));
	g_ptr_array_add(t->cells, cell);
}

static void table_write(const struct table *t, gboolean color, GString *out)
{
	g_string_append(out, color ? BOLD : "");
	for (guint i = 0; i < t->cells->len; i++) {
		const char *cell = g_ptr_array_index(t->cells, i);
		guint col = i % t->n;
		int pad = t->width[col] - kg_text_width(cell);
		gboolean is_last = col + 1 == t->n;

		if (col)
			g_string_append_printf(out, "%*s", GAP, "");
		if (t->is_right[col] && pad > 0)
			g_string_append_printf(out, "%*s", pad, "");
		g_string_append(out, cell);
		if (!t->is_right[col] && pad > 0 && !is_last)
			g_string_append_printf(out, "%*s", pad, "");
		if (is_last)
			g_string_append(out, color && i < t->n ? PLAIN "\n" : "\n");
	}
}

static char *header(const char *title, const char *fallback, const char *suffix)
{
	g_autofree char *up = g_utf8_strup(title ? title : fallback, -1);

	return suffix && *suffix ? g_strdup_printf("%s (%s)", up, suffix) : g_steal_pointer(&up);
}

/* The one unit of the value column. */
static struct scale value_scale(const struct kg_run_event *ev, const GArray *order, const struct kg_run_column *col)
{
	double min = INFINITY, max = 0;

	for (guint i = 0; i < order->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, g_array_index(order, guint, i));
		const struct kg_run_value *v = &row->value;
		double size = fabs(v->type == KG_RUN_V_STATS ? (double)v->average : value_size(v));

		if (size != 0)
			min = MIN(min, size);
		max = MAX(max, size);
	}
	return scale_of(col, min, max);
}

static gboolean has_stack(const struct kg_run_columns *cols)
{
	for (guint i = 0; i < cols->n_keys; i++)
		if (cols->keys[i].unit == KG_UNIT_STACK)
			return TRUE;
	return FALSE;
}

static gboolean is_stats(const struct kg_run_event *ev)
{
	return ev->rows->len && g_array_index(ev->rows, struct kg_run_row, 0).value.type == KG_RUN_V_STATS;
}

static char *fallback_title(guint i, guint n)
{
	return n == 1 ? g_strdup("key") : g_strdup_printf("key %u", i + 1);
}

static void add_headers(struct table *t, const struct kg_run_event *ev, const struct kg_run_columns *cols, const struct scale *scale)
{
	for (guint i = 0; i < cols->n_keys; i++) {
		g_autofree char *fallback = fallback_title(i, cols->n_keys);

		table_add(t, header(cols->keys[i].title, fallback, NULL));
		t->is_right[i] = !column_is_left(&cols->keys[i]);
	}
	if (is_stats(ev)) {
		table_add(t, header("count", NULL, NULL));
		table_add(t, header("average", NULL, scale->suffix));
		table_add(t, header("total", NULL, scale->suffix));
	} else {
		table_add(t, header(cols->value.title, "value", scale->suffix));
	}
	for (guint i = cols->n_keys; i < t->n; i++)
		t->is_right[i] = !column_is_left(&cols->value);
}

static void add_values(struct table *t, const struct kg_run_value *v, const struct kg_run_columns *cols, const struct scale *scale)
{
	const gint64 stats[] = {v->average, v->total};
	GString *cell = g_string_new(NULL);

	if (v->type != KG_RUN_V_STATS) {
		append_value(v, &cols->value, scale, cell);
		table_add(t, g_string_free(cell, FALSE));
		/* a table of stats can't hold anything else, but its rows must stay whole */
		while (t->cells->len % t->n)
			table_add(t, g_strdup(""));
		return;
	}
	append_grouped(v->count, cell);
	table_add(t, g_string_free(cell, FALSE));
	for (guint i = 0; i < G_N_ELEMENTS(stats); i++) {
		if (t->cells->len % t->n == 0)
			break;
		cell = g_string_new(NULL);
		append_in_scale(stats[i], scale, cell);
		table_add(t, g_string_free(cell, FALSE));
	}
}

/* FALSE when the keys could not be told apart, and stand in the first column together. */
static gboolean add_keys(struct table *t, const struct kg_run_row *row, const struct kg_run_columns *cols)
{
	GPtrArray *keys = row_keys(cols, row);

	for (guint i = 0; i < cols->n_keys; i++) {
		GString *cell = g_string_new(NULL);

		if (keys)
			append_key(g_ptr_array_index(keys, i), &cols->keys[i], cell);
		else if (i == 0)
			kg_text_escape(row->key.text, (gssize)row->key.len, cell);
		table_add(t, g_string_free(cell, FALSE));
	}
	if (!keys)
		return FALSE;
	g_ptr_array_unref(keys);
	return TRUE;
}

static void write_rows(const struct kg_run_event *ev, const GArray *order, const struct kg_run_columns *cols, gboolean color,
		       GString *out)
{
	struct scale scale = value_scale(ev, order, &cols->value);
	gboolean all_apart = TRUE;
	struct table t;

	table_init(&t, cols->n_keys + (is_stats(ev) ? 3 : 1));
	add_headers(&t, ev, cols, &scale);
	for (guint i = 0; i < order->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, g_array_index(order, guint, i));

		all_apart &= add_keys(&t, row, cols);
		add_values(&t, &row->value, cols, &scale);
	}
	table_write(&t, color, out);
	table_done(&t);
	if (!all_apart)
		g_string_append(out, "(keys that hold commas themselves and could not be told apart are shown as one)\n");
}

/* One frame a line. */
static void write_stack(const struct kg_run_text *stack, GString *out)
{
	const char *s = stack->text, *end = stack->text + stack->len;
	struct kg_text_line l;

	while (kg_text_next_line(&s, end, &l)) {
		for (; l.len && *l.s == ' '; l.len--)
			l.s++;
		if (l.len) {
			g_string_append(out, "    ");
			kg_text_escape(l.s, (gssize)l.len, out);
			g_string_append_c(out, '\n');
		}
	}
}

static void write_value_line(const struct kg_run_value *v, const struct kg_run_columns *cols, GString *out)
{
	if (v->type == KG_RUN_V_STATS) {
		g_string_append(out, "count ");
		append_grouped(v->count, out);
		g_string_append(out, ", average ");
		kg_render_number(v->average, &cols->value, out);
		g_string_append(out, ", total ");
		kg_render_number(v->total, &cols->value, out);
	} else {
		append_value(v, &cols->value, NULL, out);
	}
}

static void write_stack_rows(const struct kg_run_event *ev, const GArray *order, const struct kg_run_columns *cols, GString *out)
{
	for (guint i = 0; i < order->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, g_array_index(order, guint, i));
		GPtrArray *keys = row_keys(cols, row);

		if (i)
			g_string_append_c(out, '\n');
		g_string_append_printf(out, "%s: ", cols->value.title ? cols->value.title : "value");
		write_value_line(&row->value, cols, out);
		for (guint k = 0; keys && k < cols->n_keys; k++) {
			g_autofree char *fallback = fallback_title(k, cols->n_keys);

			if (cols->keys[k].unit == KG_UNIT_STACK)
				continue;
			g_string_append_printf(out, "  %s: ", cols->keys[k].title ? cols->keys[k].title : fallback);
			append_key(g_ptr_array_index(keys, k), &cols->keys[k], out);
		}
		g_string_append_c(out, '\n');
		for (guint k = 0; keys && k < cols->n_keys; k++)
			if (cols->keys[k].unit == KG_UNIT_STACK)
				write_stack(g_ptr_array_index(keys, k), out);
		if (!keys)
			write_stack(&row->key, out);
		if (keys)
			g_ptr_array_unref(keys);
	}
}

/* A map without keys: "reads: 1,234", "reads, average duration: 1.5 ms". */
static void write_single(const struct kg_run_event *ev, const struct kg_run_columns *cols, GString *out)
{
	const char *name = cols->title ? cols->title : cols->value.title ? cols->value.title : ev->name;

	kg_text_escape(name ? name : "value", -1, out);
	/* that a number without a unit is a count goes without saying; anything else does not */
	if (cols->title && cols->value.title && (cols->value.unit != KG_UNIT_NONE || is_stats(ev)))
		g_string_append_printf(out, ", %s", cols->value.title);
	g_string_append(out, ": ");
	write_value_line(&g_array_index(ev->rows, struct kg_run_row, 0).value, cols, out);
	g_string_append_c(out, '\n');
}

void render_table(const struct kg_run_event *ev, const struct kg_run_columns *cols, gboolean color, GString *out)
{
	g_autoptr(GArray) order = NULL;

	if (ev->rows->len && !g_array_index(ev->rows, struct kg_run_row, 0).has_key) {
		write_single(ev, cols, out);
		return;
	}
	if (cols->title || !cols->map) {
		kg_text_escape(cols->title ? cols->title : ev->name ? ev->name : "", -1, out);
		g_string_append_c(out, '\n');
	}
	if (ev->rows->len == 0) {
		g_string_append(out, "(nothing)\n");
		return;
	}
	order = rows_in_order(ev, cols);
	if (has_stack(cols))
		write_stack_rows(ev, order, cols, out);
	else
		write_rows(ev, order, cols, color, out);
	if (order->len < ev->rows->len)
		g_string_append_printf(out, "(and %u more)\n", ev->rows->len - order->len);
}
