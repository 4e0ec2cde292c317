/*
 * What a program showed, kept for the judge. Bounded: beyond MAX_BYTES nothing more is kept, and it is said, so that a judgement on half
 * of the output is never taken for one on all of it.
 */
#include "seen.h"

#include <string.h>

#define MAX_BYTES (64u << 20)

static void free_row(gpointer data)
{
	struct seen_row *row = data;

	g_free(row->map);
	g_free(row->key);
	g_free(row->text);
	g_clear_pointer(&row->buckets, g_array_unref);
	g_free(row);
}

struct kg_seen *kg_seen_new(void)
{
	struct kg_seen *seen = g_new0(struct kg_seen, 1);

	seen->lines = g_ptr_array_new_with_free_func(g_free);
	seen->partial = g_string_new(NULL);
	seen->rows = g_ptr_array_new_with_free_func(free_row);
	seen->all_rows = g_ptr_array_new_with_free_func(free_row);
	return seen;
}

struct kg_seen *kg_seen_free(struct kg_seen *seen)
{
	if (!seen)
		return NULL;
	g_ptr_array_unref(seen->lines);
	g_string_free(seen->partial, TRUE);
	g_ptr_array_unref(seen->rows);
	g_ptr_array_unref(seen->all_rows);
	g_free(seen->lost);
	g_free(seen);
	return NULL;
}

static gboolean keeps(struct kg_seen *seen, gsize bytes)
{
	if (seen->n_bytes + bytes > MAX_BYTES)
		seen->is_cut = TRUE;
	else
		seen->n_bytes += bytes;
	return !seen->is_cut;
}

static void end_line(struct kg_seen *seen)
{
	if (keeps(seen, seen->partial->len + 16))
		g_ptr_array_add(seen->lines, g_strdup(seen->partial->str));
	g_string_truncate(seen->partial, 0);
}

/* A printf() may print a part of a line, or several lines. A NUL in it becomes a space. */
static void add_text(struct kg_seen *seen, const struct kg_run_text *text)
{
	for (gsize i = 0; i < text->len; i++) {
		if (text->text[i] == '\n')
			end_line(seen);
		else if (seen->partial->len < 1 << 20)
			g_string_append_c(seen->partial, text->text[i] ?: ' ');
		else
			seen->is_cut = TRUE;
	}
}

static GArray *copy_buckets(const GArray *buckets)
{
	GArray *copy = g_array_new(FALSE, FALSE, sizeof(struct kg_run_bucket));

	if (buckets && buckets->len)
		g_array_append_vals(copy, buckets->data, buckets->len);
	return copy;
}

static struct seen_row *copy_row(const char *map, const struct kg_run_row *from)
{
	const struct kg_run_value *v = &from->value;
	struct seen_row *row = g_new0(struct seen_row, 1);

	row->map = g_strdup(map);
	row->key = from->has_key && from->key.text ? g_strndup(from->key.text, from->key.len) : g_strdup("");
	row->type = v->type;
	row->number = v->type == KG_RUN_V_UINT ? (gint64)MIN(v->u, (guint64)G_MAXINT64) : v->i;
	row->count = v->count;
	row->average = v->average;
	row->total = v->total;
	if (v->text.text)
		row->text = g_strndup(v->text.text, v->text.len);
	if (v->type == KG_RUN_V_BUCKETS)
		row->buckets = copy_buckets(v->buckets);
	return row;
}

static void add_rows(struct kg_seen *seen, const struct kg_run_event *ev)
{
	const char *map = ev->name ?: "";

	for (guint i = seen->rows->len; ev->name && i-- > 0;)
		if (!strcmp(((struct seen_row *)seen->rows->pdata[i])->map, map))
			g_ptr_array_remove_index(seen->rows, i);
	for (guint i = 0; ev->rows && i < ev->rows->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, i);
		if (!keeps(seen, 2 * (sizeof(struct seen_row) + row->key.len + row->value.text.len)))
			return;
		g_ptr_array_add(seen->rows, copy_row(map, row));
		g_ptr_array_add(seen->all_rows, copy_row(map, row));
	}
}

void kg_seen_event(struct kg_seen *seen, const struct kg_run_event *ev)
{
	switch (ev->type) {
	case KG_RUN_PRINTF:
	case KG_RUN_CAT:
	case KG_RUN_JOIN:
	case KG_RUN_SYSTEM:
	case KG_RUN_TIME:
		add_text(seen, &ev->text);
		break;
	case KG_RUN_VALUE:
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		add_rows(seen, ev);
		break;
	case KG_RUN_LOST:
		seen->n_lost += (guint64)MAX(ev->number, 0);
		break;
	case KG_RUN_TRUNCATED:
		seen->n_thrown += (guint64)MAX(ev->number, 0);
		break;
	case KG_RUN_ATTACHED:
	case KG_RUN_TEXT:
	case KG_RUN_ERROR:
		break;
	}
}

void seen_finish(struct kg_seen *seen)
{
	if (seen->partial->len)
		end_line(seen);
}

guint kg_seen_n_lines(const struct kg_seen *seen)
{
	return seen->lines->len;
}

guint kg_seen_n_rows(const struct kg_seen *seen)
{
	return seen->rows->len;
}

const char *kg_seen_lost(const struct kg_seen *seen)
{
	struct kg_seen *own = (struct kg_seen *)seen; /* a text made when it is asked for */

	g_clear_pointer(&own->lost, g_free);
	if (seen->n_lost)
		own->lost = g_strdup_printf("%" G_GUINT64_FORMAT " events were lost", seen->n_lost);
	else if (seen->n_thrown)
		own->lost = g_strdup_printf("%" G_GUINT64_FORMAT " bytes of output were thrown away", seen->n_thrown);
	else if (seen->is_cut)
		own->lost = g_strdup_printf("more was printed than the %u MiB that are kept", MAX_BYTES >> 20);
	return own->lost;
}
