/*
 * From events to what is written: finds the description of a map, keeps the open line of the last printf(), separates blocks.
 */
#include "render_part.h"

#include <kgent/text.h>

#include <string.h>

/* An unfinished line is shown once it is this long. */
#define MAX_OPEN 65536

struct kg_render {
	struct kg_render_opts opts;
	const struct kg_run_columns *print; /* of printed lines; or NULL */
	GString *open;        /* of the last printf(), without a newline yet */
	gboolean has_header;  /* of the printed lines */
	gboolean was_block;   /* a table came last: an empty line goes before the next */
	gboolean is_first;
};

struct kg_render *kg_render_new(const struct kg_render_opts *opts)
{
	struct kg_render *r = g_new0(struct kg_render, 1);

	r->opts = *opts;
	r->open = g_string_new(NULL);
	r->is_first = TRUE;
	for (guint i = 0; opts->columns && i < opts->columns->len; i++) {
		const struct kg_run_columns *c = g_ptr_array_index(opts->columns, i);

		if (!c->map && c->n_keys)
			r->print = c;
	}
	return r;
}

struct kg_render *kg_render_free(struct kg_render *r)
{
	if (r) {
		g_string_free(r->open, TRUE);
		g_free(r);
	}
	return NULL;
}

/* What is known of a map, or a generic description with one key. */
static const struct kg_run_columns *columns_of(const struct kg_render *r, const struct kg_run_event *ev)
{
	static struct kg_run_column any_key = {.unit = KG_UNIT_STRING, .is_text = TRUE};
	static struct kg_run_column any_stack = {.unit = KG_UNIT_STACK, .is_text = TRUE};
	static const struct kg_run_columns generic = {.n_keys = 1, .keys = &any_key};
	static const struct kg_run_columns stacks = {.n_keys = 1, .keys = &any_stack};
	const char *map = ev->name;

	for (guint i = 0; map && r->opts.columns && i < r->opts.columns->len; i++) {
		const struct kg_run_columns *c = g_ptr_array_index(r->opts.columns, i);

		if (c->map && g_str_equal(c->map, map))
			return c;
	}
	/* only stacks begin with an empty line */
	if (ev->rows && ev->rows->len && g_array_index(ev->rows, struct kg_run_row, 0).key.len &&
	    g_array_index(ev->rows, struct kg_run_row, 0).key.text[0] == '\n')
		return &stacks;
	return &generic;
}

/* Widths of printed columns can't wait for the last line: they follow from what is usual. */
static int usual_width(const struct kg_run_column *col)
{
	int title = col->title ? kg_text_width(col->title) : 0, usual;

	switch (col->unit) {
	case KG_UNIT_STRING:
		usual = 16;
		break;
	case KG_UNIT_PATH:
	case KG_UNIT_IP:
	case KG_UNIT_SYMBOL:
		usual = 24;
		break;
	case KG_UNIT_PORT:
		usual = 5;
		break;
	case KG_UNIT_CPU:
		usual = 3;
		break;
	case KG_UNIT_SYSCALL:
	case KG_UNIT_ADDRESS:
		usual = 18;
		break;
	case KG_UNIT_ERRNO:
		usual = 10;
		break;
	default:
		usual = col->is_text ? 16 : 9;
	}
	return MAX(title, usual);
}

static void pad_field(const char *text, const struct kg_run_column *col, gboolean is_last, GString *out)
{
	int pad = usual_width(col) - kg_text_width(text);
	gboolean is_right = !column_is_left(col);

	if (is_right && pad > 0)
		g_string_append_printf(out, "%*s", pad, "");
	g_string_append(out, text);
	if (is_last)
		return;
	if (!is_right && pad > 0)
		g_string_append_printf(out, "%*s", pad, "");
	g_string_append(out, "  ");
}

void render_print_header(const struct kg_run_columns *cols, gboolean color, GString *out)
{
	g_string_append(out, color ? BOLD : "");
	for (guint i = 0; i < cols->n_keys; i++) {
		g_autofree char *title = g_utf8_strup(cols->keys[i].title ? cols->keys[i].title : "", -1);

		pad_field(title, &cols->keys[i], i + 1 == cols->n_keys, out);
	}
	g_string_append(out, color ? PLAIN "\n" : "\n");
}

gboolean render_print_line(const struct kg_run_columns *cols, const char *line, gsize len, GString *out)
{
	const char *s = line, *end = line + len;
	guint n = 1;

	for (gsize i = 0; i < len; i++)
		n += line[i] == '\t';
	if (n != cols->n_keys)
		return FALSE;
	for (guint i = 0; i < n; i++) {
		const char *tab = memchr(s, '\t', (gsize)(end - s));
		const char *stop = tab ? tab : end;
		g_autoptr(GString) cell = g_string_new(NULL);
		gint64 v;

		if (!column_is_text(&cols->keys[i]) && text_to_integer(s, (gsize)(stop - s), &v) && cols->keys[i].unit != KG_UNIT_NONE)
			kg_render_number(v, &cols->keys[i], cell);
		else
			kg_text_escape(s, stop - s, cell);
		pad_field(cell->str, &cols->keys[i], i + 1 == n, out);
		s = tab ? tab + 1 : end;
	}
	g_string_append_c(out, '\n');
	return TRUE;
}

static void write_line(struct kg_render *r, const char *line, gsize len, GString *out)
{
	if (r->print) {
		if (!r->has_header)
			render_print_header(r->print, r->opts.color, out);
		r->has_header = TRUE;
		if (render_print_line(r->print, line, len, out))
			return;
	}
	kg_text_escape(line, (gssize)len, out);
	g_string_append_c(out, '\n');
}

/* printf() and the like: whole lines at once; the rest waits for its end. */
static void write_text(struct kg_render *r, const struct kg_run_text *t, GString *out)
{
	const char *s = t->text ? t->text : "", *end = s + t->len;

	while (s < end) {
		const char *nl = memchr(s, '\n', (gsize)(end - s));

		g_string_append_len(r->open, s, (nl ? nl : end) - s);
		if (nl || r->open->len > MAX_OPEN) {
			write_line(r, r->open->str, r->open->len, out);
			g_string_truncate(r->open, 0);
		}
		s = nl ? nl + 1 : end;
	}
	r->was_block = FALSE;
}

static void close_line(struct kg_render *r, GString *out)
{
	if (r->open->len)
		write_line(r, r->open->str, r->open->len, out);
	g_string_truncate(r->open, 0);
}

static void write_block(struct kg_render *r, const struct kg_run_event *ev, const struct kg_run_columns *cols, GString *out)
{
	gboolean is_single = ev->type != KG_RUN_HIST && ev->rows->len && !g_array_index(ev->rows, struct kg_run_row, 0).has_key;

	close_line(r, out);
	if (!r->is_first && (r->was_block || !is_single))
		g_string_append_c(out, '\n');
	if (ev->type == KG_RUN_HIST)
		render_hist(ev, cols, &r->opts, out);
	else
		render_table(ev, cols, r->opts.color, out);
	r->was_block = !is_single;
}

void kg_render_event(struct kg_render *r, const struct kg_run_event *ev, GString *out)
{
	const struct kg_run_columns *cols = columns_of(r, ev);
	static const struct kg_run_column plain;
	gsize before = out->len;

	if (ev->name && (cols->is_hidden || (cols->is_final_hidden && ev->is_final)))
		return;
	if (r->opts.json) {
		render_json(ev, cols, r->print, out);
		return;
	}
	switch (ev->type) {
	case KG_RUN_ATTACHED:
	case KG_RUN_LOST:
	case KG_RUN_ERROR:
	case KG_RUN_TRUNCATED:
		return;
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		write_block(r, ev, cols, out);
		break;
	case KG_RUN_VALUE:
		close_line(r, out);
		if (ev->rows->len)
			append_value(&g_array_index(ev->rows, struct kg_run_row, 0).value, &plain, NULL, out);
		g_string_append_c(out, '\n');
		r->was_block = FALSE;
		break;
	case KG_RUN_TEXT:
		close_line(r, out);
		write_text(r, &ev->text, out);
		close_line(r, out);
		break;
	default:
		if (r->was_block)
			g_string_append_c(out, '\n');
		write_text(r, &ev->text, out);
	}
	if (out->len > before)
		r->is_first = FALSE;
}

gboolean kg_render_notice(const struct kg_run_event *ev, GString *out)
{
	switch (ev->type) {
	case KG_RUN_LOST:
		g_string_append_printf(out, "lost %" G_GINT64_FORMAT " events: they came faster than bpftrace could take them", ev->number);
		return TRUE;
	case KG_RUN_TRUNCATED:
		g_string_append_printf(out, "threw away %" G_GINT64_FORMAT " bytes of output: it came faster than it could be shown, or a line was too long",
				       ev->number);
		return TRUE;
	case KG_RUN_ERROR:
		kg_text_escape(ev->text.text ? ev->text.text : "", (gssize)ev->text.len, out);
		return TRUE;
	default:
		return FALSE;
	}
}

void kg_render_finish(struct kg_render *r, GString *out)
{
	if (!r->opts.json)
		close_line(r, out);
}
