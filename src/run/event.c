/*
 * A line of `bpftrace -f json` as an event.
 *
 *   {"type": "map", "data": {"@x": {"nginx,3": 12, ...}}}            rows; a map without keys is {"@x": 12}; a tuple is [1,"ab",[2,3]]
 *   {"type": "hist", "data": {"@h": [{"max": -1, "count": 1}, {"min": 0, "max": 0, "count": 2}, ...]}}    or keyed: {"@h": {"k": [...]}}
 *   {"type": "stats", "data": {"@s": {"count": 1, "average": 4, "total": 4}}}    or keyed; avg() has a number in its place
 *   {"type": "printf", "data": "hi\n"}     time, cat, join, syscall (of system()) alike; value: any
 *   {"type": "lost_events", "data": {"events": 301}}     {"type": "attached_probes", "data": {"probes": 7}}
 *
 * Read from bpftrace 0.17's output.
 */
#include "json.h"

#include <kgent/run.h>

#include <string.h>

#define MAX_TUPLE_DEPTH 16

static const struct {
	enum kg_run_event_type type;
	const char *name; /* ours, in docs/json.md */
	const char *theirs;
} types[] = {
	{KG_RUN_ATTACHED, "attached", "attached_probes"},
	{KG_RUN_PRINTF, "printf", "printf"},
	{KG_RUN_TIME, "time", "time"},
	{KG_RUN_CAT, "cat", "cat"},
	{KG_RUN_JOIN, "join", "join"},
	{KG_RUN_SYSTEM, "system", "syscall"},
	{KG_RUN_VALUE, "value", "value"},
	{KG_RUN_MAP, "map", "map"},
	{KG_RUN_HIST, "hist", "hist"},
	{KG_RUN_STATS, "stats", "stats"},
	{KG_RUN_LOST, "lost", "lost_events"},
	{KG_RUN_TEXT, "text", NULL},
	{KG_RUN_ERROR, "error", "helper_error"},
	{KG_RUN_TRUNCATED, "truncated", NULL},
};

const char *kg_run_event_type_name(enum kg_run_event_type type)
{
	for (guint i = 0; i < G_N_ELEMENTS(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

static void clear_row(gpointer p)
{
	struct kg_run_row *row = p;

	g_free(row->key.text);
	g_free(row->value.text.text);
	if (row->value.buckets)
		g_array_unref(row->value.buckets);
}

static GArray *rows_new(void)
{
	GArray *rows = g_array_new(FALSE, TRUE, sizeof(struct kg_run_row));

	g_array_set_clear_func(rows, clear_row);
	return rows;
}

void kg_run_event_clear(struct kg_run_event *ev)
{
	if (!ev)
		return;
	g_clear_pointer(&ev->name, g_free);
	g_clear_pointer(&ev->text.text, g_free);
	ev->text.len = 0;
	g_clear_pointer(&ev->rows, g_array_unref);
}

static struct kg_run_text take_text(GString *s)
{
	struct kg_run_text t = {.len = s->len};

	t.text = g_string_free(s, FALSE);
	return t;
}

static struct kg_run_row *add_row(struct kg_run_event *ev, GString *key)
{
	struct kg_run_row row = {0};

	if (key) {
		row.has_key = TRUE;
		row.key = take_text(key);
	}
	g_array_append_val(ev->rows, row);
	return &g_array_index(ev->rows, struct kg_run_row, ev->rows->len - 1);
}

/* [1,"ab",[2,3]] as bpftrace's text form writes it: (1, ab, (2, 3)). */
static gboolean parse_tuple(struct json *j, int depth, GString *out)
{
	gboolean is_first = TRUE;

	if (!run_json_take(j, '['))
		return FALSE;
	g_string_append_c(out, '(');
	while (!run_json_take(j, ']')) {
		if (!is_first && !run_json_take(j, ','))
			return FALSE;
		if (!is_first)
			g_string_append(out, ", ");
		is_first = FALSE;
		if (run_json_peek(j) == '[') {
			if (depth >= MAX_TUPLE_DEPTH || !parse_tuple(j, depth + 1, out))
				return FALSE;
		} else if (run_json_peek(j) == '"') {
			if (!run_json_string(j, out))
				return FALSE;
		} else {
			const char *s = j->s;

			while (j->s < j->end && *j->s != ',' && *j->s != ']')
				j->s++;
			if (j->s == s)
				return FALSE;
			g_string_append_len(out, s, j->s - s);
		}
	}
	g_string_append_c(out, ')');
	return TRUE;
}

/* [is_last]: nothing follows it on the line. */
static gboolean parse_scalar(struct json *j, gboolean is_last, struct kg_run_value *v)
{
	gboolean is_big, ok;
	GString *text;

	if (run_json_integer(j, &v->i, &v->u, &is_big)) {
		v->type = is_big ? KG_RUN_V_UINT : KG_RUN_V_INT;
		return TRUE;
	}
	text = g_string_new(NULL);
	v->type = KG_RUN_V_TEXT;
	if (run_json_peek(j) == '[') {
		v->type = KG_RUN_V_TUPLE;
		ok = parse_tuple(j, 0, text);
	} else if (run_json_peek(j) == '"') {
		ok = run_json_string(j, text);
	} else {
		ok = run_json_bare(j, is_last, text);
	}
	v->text = take_text(text);
	return ok;
}

static gboolean small_key(struct json *j, GString *key)
{
	g_string_truncate(key, 0);
	return run_json_string(j, key) && run_json_take(j, ':');
}

static gboolean parse_bucket(struct json *j, GString *key, struct kg_run_bucket *b)
{
	gboolean big;
	guint64 u;
	gint64 i;

	if (!run_json_take(j, '{'))
		return FALSE;
	do {
		if (!small_key(j, key) || !run_json_integer(j, &i, &u, &big))
			return FALSE;
		if (g_str_equal(key->str, "count")) {
			b->count = u;
		} else if (g_str_equal(key->str, "min")) {
			b->has_min = TRUE;
			b->min = big ? G_MAXINT64 : i;
		} else if (g_str_equal(key->str, "max")) {
			b->has_max = !big;
			b->max = i;
		}
	} while (run_json_take(j, ','));
	return run_json_take(j, '}');
}

static gboolean parse_buckets(struct json *j, struct kg_run_value *v)
{
	g_autoptr(GString) key = g_string_new(NULL);

	v->type = KG_RUN_V_BUCKETS;
	v->buckets = g_array_new(FALSE, TRUE, sizeof(struct kg_run_bucket));
	if (!run_json_take(j, '['))
		return FALSE;
	if (run_json_take(j, ']'))
		return TRUE;
	do {
		struct kg_run_bucket b = {0};

		if (!parse_bucket(j, key, &b))
			return FALSE;
		g_array_append_val(v->buckets, b);
	} while (run_json_take(j, ','));
	return run_json_take(j, ']');
}

/* {"count": 1, "average": 4, "total": 4}; FALSE and nothing read when it is something else. */
static gboolean parse_stats(struct json *j, struct kg_run_value *v)
{
	static const char *const keys[] = {"count", "average", "total"};
	g_autoptr(GString) key = g_string_new(NULL);
	gint64 *const to[] = {&v->count, &v->average, &v->total};
	const char *start = j->s;
	gboolean big;
	guint64 u;

	for (guint k = 0; k < G_N_ELEMENTS(keys); k++) {
		if (!run_json_take(j, k ? ',' : '{') || !small_key(j, key) || !g_str_equal(key->str, keys[k]) ||
		    !run_json_integer(j, to[k], &u, &big))
			goto no;
		if (big)
			*to[k] = G_MAXINT64;
	}
	if (!run_json_take(j, '}'))
		goto no;
	v->type = KG_RUN_V_STATS;
	return TRUE;
no:
	j->s = start;
	return FALSE;
}

/* The value of one row. */
static gboolean parse_value(struct json *j, enum kg_run_event_type type, gboolean is_last, struct kg_run_value *v)
{
	if (type == KG_RUN_HIST)
		return parse_buckets(j, v);
	if (type == KG_RUN_STATS && run_json_peek(j) == '{')
		return parse_stats(j, v);
	return parse_scalar(j, is_last, v);
}

static gboolean parse_keyed(struct json *j, struct kg_run_event *ev)
{
	if (!run_json_take(j, '{'))
		return FALSE;
	if (run_json_take(j, '}'))
		return TRUE;
	do {
		GString *key = g_string_new(NULL);
		struct kg_run_row *row;

		if (!run_json_string(j, key) || !run_json_take(j, ':')) {
			g_string_free(key, TRUE);
			return FALSE;
		}
		row = add_row(ev, key);
		if (!parse_value(j, ev->type, FALSE, &row->value))
			return FALSE;
	} while (run_json_take(j, ','));
	return run_json_take(j, '}');
}

/* {"@name": VALUE} */
static gboolean parse_map(struct json *j, struct kg_run_event *ev)
{
	GString *name = g_string_new(NULL);
	struct kg_run_value stats = {0};
	gboolean ok = run_json_take(j, '{') && run_json_string(j, name) && run_json_take(j, ':');

	ev->name = g_string_free(name, FALSE);
	ev->rows = rows_new();
	if (!ok)
		return FALSE;
	if (ev->type == KG_RUN_STATS && run_json_peek(j) == '{' && parse_stats(j, &stats))
		add_row(ev, NULL)->value = stats;
	else if (run_json_peek(j) == '{')
		ok = parse_keyed(j, ev);
	else
		ok = parse_value(j, ev->type, TRUE, &add_row(ev, NULL)->value);
	return ok && run_json_take(j, '}');
}

/* {"probes": 7} */
static gboolean parse_number(struct json *j, struct kg_run_event *ev)
{
	g_autoptr(GString) key = g_string_new(NULL);
	gboolean big;
	guint64 u;

	return run_json_take(j, '{') && small_key(j, key) && run_json_integer(j, &ev->number, &u, &big) && !big && run_json_take(j, '}');
}

static gboolean parse_text(struct json *j, struct kg_run_event *ev)
{
	GString *text = g_string_new(NULL);
	gboolean ok = run_json_string(j, text);

	ev->text = take_text(text);
	return ok;
}

/* {"msg": "...", "helper": "...", "retcode": -14, ...}: the message is enough. */
static gboolean parse_helper_error(struct json *j, struct kg_run_event *ev)
{
	const char *start = j->s;

	if (!run_json_skip(j))
		return FALSE;
	ev->text.len = (gsize)(j->s - start);
	ev->text.text = g_strndup(start, ev->text.len);
	return TRUE;
}

static gboolean parse_data(struct json *j, struct kg_run_event *ev)
{
	switch (ev->type) {
	case KG_RUN_ATTACHED:
	case KG_RUN_LOST:
		return parse_number(j, ev);
	case KG_RUN_MAP:
	case KG_RUN_HIST:
	case KG_RUN_STATS:
		return parse_map(j, ev);
	case KG_RUN_VALUE:
		ev->rows = rows_new();
		return parse_scalar(j, TRUE, &add_row(ev, NULL)->value);
	case KG_RUN_ERROR:
		return parse_helper_error(j, ev);
	default:
		return parse_text(j, ev);
	}
}

static gboolean find_type(const char *theirs, enum kg_run_event_type *ret)
{
	for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
		if (types[i].theirs && g_str_equal(types[i].theirs, theirs)) {
			*ret = types[i].type;
			return TRUE;
		}
	}
	return FALSE;
}

/* {"type": TYPE, "data": DATA} */
static gboolean parse_object(struct json *j, struct kg_run_event *ev)
{
	g_autoptr(GString) word = g_string_new(NULL);

	if (!run_json_take(j, '{') || !small_key(j, word) || !g_str_equal(word->str, "type"))
		return FALSE;
	g_string_truncate(word, 0);
	if (!run_json_string(j, word) || !find_type(word->str, &ev->type) || !run_json_take(j, ',') || !small_key(j, word) ||
	    !g_str_equal(word->str, "data"))
		return FALSE;
	if (!parse_data(j, ev) || !run_json_take(j, '}'))
		return FALSE;
	run_json_space(j);
	return j->s == j->end;
}

gboolean kg_run_parse_line(const char *line, gsize len, struct kg_run_event *ret)
{
	struct json j = {line, line + len};

	while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	j.end = line + len;
	*ret = (struct kg_run_event){0};
	if (len == 0)
		return FALSE;
	if (parse_object(&j, ret))
		return TRUE;
	kg_run_event_clear(ret);
	*ret = (struct kg_run_event){.type = KG_RUN_TEXT};
	ret->text.text = g_malloc(len + 1);
	memcpy(ret->text.text, line, len);
	ret->text.text[len] = '\0';
	ret->text.len = len;
	return TRUE;
}
