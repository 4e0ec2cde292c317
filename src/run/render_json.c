/*
 * Events as JSON Lines. The form is a promise: docs/json.md. Numbers are as the kernel means them, unscaled; the unit is named beside.
 */
#include "render_part.h"

#include <string.h>

void kg_render_json_string(const char *s, gsize len, GString *out)
{
	const char *end = s + len;

	g_string_append_c(out, '"');
	while (s < end) {
		gunichar c = g_utf8_get_char_validated(s, end - s);

		if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0) {
			g_string_append(out, *s == '\0' ? "\\u0000" : "\xef\xbf\xbd");
			s++;
			continue;
		}
		if (c == '"' || c == '\\')
			g_string_append_c(out, '\\');
		if (c == '\n')
			g_string_append(out, "\\n");
		else if (c == '\t')
			g_string_append(out, "\\t");
		else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			g_string_append_printf(out, "\\u%04x", c);
		else
			g_string_append_len(out, s, g_utf8_skip[*(const guchar *)s]);
		s += g_utf8_skip[*(const guchar *)s];
	}
	g_string_append_c(out, '"');
}

static void string(const char *s, GString *out)
{
	kg_render_json_string(s, strlen(s), out);
}

static void text_member(const char *name, const struct kg_run_text *t, GString *out)
{
	g_string_append_printf(out, ",\"%s\":", name);
	kg_render_json_string(t->text ? t->text : "", t->len, out);
}

static void append_buckets(const GArray *buckets, GString *out)
{
	g_string_append(out, ",\"buckets\":[");
	for (guint i = 0; i < buckets->len; i++) {
		const struct kg_run_bucket *b = &g_array_index(buckets, struct kg_run_bucket, i);

		g_string_append(out, i ? ",{" : "{");
		if (b->has_min)
			g_string_append_printf(out, "\"min\":%" G_GINT64_FORMAT ",", b->min);
		if (b->has_max)
			g_string_append_printf(out, "\"max\":%" G_GINT64_FORMAT ",", b->max);
		g_string_append_printf(out, "\"count\":%" G_GUINT64_FORMAT "}", b->count);
	}
	g_string_append_c(out, ']');
}

static void append_row_value(const struct kg_run_value *v, GString *out)
{
	switch (v->type) {
	case KG_RUN_V_INT:
		g_string_append_printf(out, ",\"value\":%" G_GINT64_FORMAT, v->i);
		break;
	case KG_RUN_V_UINT:
		g_string_append_printf(out, ",\"value\":%" G_GUINT64_FORMAT, v->u);
		break;
	case KG_RUN_V_STATS:
		g_string_append_printf(out, ",\"count\":%" G_GINT64_FORMAT ",\"average\":%" G_GINT64_FORMAT ",\"total\":%" G_GINT64_FORMAT,
				       v->count, v->average, v->total);
		break;
	case KG_RUN_V_BUCKETS:
		append_buckets(v->buckets, out);
		break;
	default:
		text_member("value", &v->text, out);
	}
}

static void append_keys(const struct kg_run_row *row, const struct kg_run_columns *cols, GString *out)
{
	GPtrArray *keys = row->has_key && cols->n_keys ? row_keys(cols, row) : NULL;
	gint64 v;

	g_string_append(out, "\"key\":[");
	for (guint i = 0; keys && i < keys->len; i++) {
		const struct kg_run_text *k = g_ptr_array_index(keys, i);

		if (i)
			g_string_append_c(out, ',');
		if (!column_is_text(&cols->keys[i]) && text_to_integer(k->text, k->len, &v))
			g_string_append_printf(out, "%" G_GINT64_FORMAT, v);
		else
			kg_render_json_string(k->text, k->len, out);
	}
	if (!keys && row->has_key)
		kg_render_json_string(row->key.text, row->key.len, out);
	g_string_append_c(out, ']');
	if (!keys && row->has_key && cols->n_keys > 1)
		g_string_append(out, ",\"joined\":true");
	if (keys)
		g_ptr_array_unref(keys);
}

static const char *unit_name(const struct kg_run_column *col)
{
	return kg_unit_name(col->is_text && col->unit == KG_UNIT_NONE ? KG_UNIT_STRING : col->unit);
}

static void append_columns(const struct kg_run_columns *cols, GString *out)
{
	g_string_append(out, ",\"keys\":[");
	for (guint i = 0; i < cols->n_keys; i++) {
		if (i)
			g_string_append_c(out, ',');
		string(cols->keys[i].title ? cols->keys[i].title : "key", out);
	}
	g_string_append(out, "],\"key_units\":[");
	for (guint i = 0; i < cols->n_keys; i++) {
		if (i)
			g_string_append_c(out, ',');
		string(unit_name(&cols->keys[i]), out);
	}
	g_string_append(out, "],\"value\":");
	string(cols->value.title ? cols->value.title : "value", out);
	g_string_append(out, ",\"unit\":");
	string(unit_name(&cols->value), out);
}

static void append_map(const struct kg_run_event *ev, const struct kg_run_columns *cols, GString *out)
{
	g_autoptr(GArray) order = rows_in_order(ev, cols);

	if (ev->name) {
		g_string_append(out, ",\"name\":");
		string(ev->name, out);
	}
	if (cols->title) {
		g_string_append(out, ",\"title\":");
		string(cols->title, out);
	}
	append_columns(cols, out);
	g_string_append(out, ",\"rows\":[");
	for (guint i = 0; i < order->len; i++) {
		const struct kg_run_row *row = &g_array_index(ev->rows, struct kg_run_row, g_array_index(order, guint, i));

		g_string_append(out, i ? ",{" : "{");
		append_keys(row, cols, out);
		append_row_value(&row->value, out);
		g_string_append_c(out, '}');
	}
	g_string_append_printf(out, "],\"more\":%u,\"final\":%s", ev->rows->len - order->len, ev->is_final ? "true" : "false");
}

/* A printf() of one whole line with the declared fields. */
static void append_fields(const struct kg_run_text *t, const struct kg_run_columns *print, GString *out)
{
	g_auto(GStrv) fields = NULL;
	g_autofree char *line = NULL;
	gint64 v;

	if (t->len == 0 || t->text[t->len - 1] != '\n' || memchr(t->text, '\n', t->len) != t->text + t->len - 1 ||
	    memchr(t->text, '\0', t->len))
		return;
	line = g_strndup(t->text, t->len - 1);
	fields = g_strsplit(line, "\t", -1);
	if (g_strv_length(fields) != print->n_keys)
		return;
	g_string_append(out, ",\"fields\":{");
	for (guint i = 0; i < print->n_keys; i++) {
		if (i)
			g_string_append_c(out, ',');
		string(print->keys[i].title ? print->keys[i].title : "field", out);
		g_string_append_c(out, ':');
		if (!column_is_text(&print->keys[i]) && text_to_integer(fields[i], strlen(fields[i]), &v))
			g_string_append_printf(out, "%" G_GINT64_FORMAT, v);
		else
			string(fields[i], out);
	}
	g_string_append_c(out, '}');
}

void render_json(const struct kg_run_event *ev, const struct kg_run_columns *cols, const struct kg_run_columns *print, GString *out)
{
	g_string_append_printf(out, "{\"type\":\"%s\"", kg_run_event_type_name(ev->type));
	switch (ev->type) {
	case KG_RUN_ATTACHED:
		g_string_append_printf(out, ",\"probes\":%" G_GINT64_FORMAT, ev->number);
		break;
	case KG_RUN_LOST:
		g_string_append_printf(out, ",\"events\":%" G_GINT64_FORMAT, ev->number);
		break;
	case KG_RUN_TRUNCATED:
		g_string_append_printf(out, ",\"bytes\":%" G_GINT64_FORMAT, ev->number);
		break;
	case KG_RUN_VALUE:
		if (ev->rows->len)
			append_row_value(&g_array_index(ev->rows, struct kg_run_row, 0).value, out);
		break;
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		append_map(ev, cols, out);
		break;
	default:
		text_member("text", &ev->text, out);
		if (ev->type == KG_RUN_PRINTF && print)
			append_fields(&ev->text, print, out);
	}
	g_string_append(out, "}\n");
}
