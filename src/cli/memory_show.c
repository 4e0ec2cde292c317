/* How pairs of the memory are shown: see memory_show.h. */
#include "memory_show.h"

#include "show.h"

#include <kgent/text.h>

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH 120

/* ---------------------------------------------------------------- tables */

static int terminal_width(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= 40)
		return size.ws_col;
	return WIDTH;
}

/* One line that harms no terminal, cut to [width] columns; 0: not cut. */
static char *cell(const char *text, int width)
{
	g_autoptr(GString) safe = g_string_new(NULL);

	kg_text_escape(text ?: "-", -1, safe);
	if (width <= 0 || kg_text_width(safe->str) <= width)
		return g_string_free(g_steal_pointer(&safe), FALSE);
	while (safe->len && kg_text_width(safe->str) > width - 3)
		g_string_truncate(safe, (gsize)(g_utf8_prev_char(safe->str + safe->len) - safe->str));
	g_string_append(safe, "...");
	return g_string_free(g_steal_pointer(&safe), FALSE);
}

static char *day(gint64 when)
{
	g_autoptr(GDateTime) t = when > 0 ? g_date_time_new_from_unix_local(when) : NULL;

	return t ? g_date_time_format(t, "%Y-%m-%d %H:%M") : g_strdup("-");
}

/* "loaded"; of a shipped or imported pair that was not checked here: where it comes from. */
static const char *standing(const struct kg_memory_pair *pair)
{
	return pair->verdict ?: strcmp(pair->source, "run") ? pair->source : "-";
}

static gboolean is_failed(const struct kg_memory_pair *pair)
{
	return pair->reason || !g_strcmp0(pair->verdict, "rejected") || !g_strcmp0(pair->verdict, "refuted");
}

static void append_program(const char *program, gboolean color, GString *out)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_auto(GStrv) lines = NULL;

	kg_show_program(program, strlen(program), color, text);
	lines = g_strsplit(g_strchomp(text->str), "\n", -1);
	for (char **line = lines; *line; line++)
		g_string_append_printf(out, "%s%s\n", **line ? "    " : "", *line);
	g_string_append_c(out, '\n');
}

static void append_below(const struct kg_memory_pair *pair, gboolean programs, gboolean color, GString *out)
{
	if (is_failed(pair) && pair->reason) {
		g_autofree char *reason = cell(pair->reason, terminal_width() - 12);
		g_string_append_printf(out, "        why: %s\n", reason);
	}
	if (programs)
		append_program(pair->program, color, out);
}

void kg_show_pairs(const GPtrArray *pairs, gboolean programs, gboolean color, GString *out)
{
	g_string_append_printf(out, "%6s  %-10s  %5s  %-16s  %s\n", "ID", "VERDICT", "SEEN", "LAST", "REQUEST");
	for (guint i = 0; i < pairs->len; i++) {
		const struct kg_memory_pair *pair = pairs->pdata[i];
		g_autofree char *request = cell(pair->prompt, terminal_width() - 45), *when = day(pair->when);
		g_autofree char *verdict = cell(standing(pair), 10);
		g_string_append_printf(out, "%6" G_GINT64_FORMAT "  %-10s  %5" G_GINT64_FORMAT "  %-16s  %s\n", pair->id, verdict, pair->count,
				       when, request);
		append_below(pair, programs, color, out);
	}
}

void kg_show_hits(const GPtrArray *hits, gboolean programs, gboolean color, GString *out)
{
	g_string_append_printf(out, "%6s  %-10s  %4s  %s\n", "ID", "VERDICT", "LIKE", "REQUEST");
	for (guint i = 0; i < hits->len; i++) {
		const struct kg_memory_hit *hit = hits->pdata[i];
		g_autofree char *request = cell(hit->pair.prompt, terminal_width() - 26), *verdict = cell(standing(&hit->pair), 10);
		g_autofree char *like = hit->rank_vector ? g_strdup_printf("%.2f", hit->likeness) : g_strdup("-");
		g_string_append_printf(out, "%6" G_GINT64_FORMAT "  %-10s  %4s  %s\n", hit->pair.id, verdict, like, request);
		append_below(&hit->pair, programs, color, out);
	}
}

/* ---------------------------------------------------------------- one pair */

static void append_row(const char *name, const char *text, GString *out)
{
	g_autofree char *safe = text ? cell(text, 0) : NULL;

	if (safe)
		g_string_append_printf(out, "%-9s %s\n", name, safe);
}

static void append_outcome(const struct kg_memory_outcome *o, GString *out)
{
	g_autofree char *verdict = cell(o->verdict, 0), *kernel = cell(o->kernel, 0), *when = day(o->when);

	g_string_append_printf(out, "outcome   %s on %s, %" G_GINT64_FORMAT " time%s, last %s\n", verdict, kernel, o->count,
			       o->count == 1 ? "" : "s", when);
	append_row("  why", o->reason, out);
}

void kg_show_pair(const struct kg_memory_pair *pair, const GPtrArray *outcomes, gboolean color, GString *out)
{
	g_autofree char *first = day(pair->first), *last = day(pair->when);

	append_row("request", pair->prompt, out);
	for (guint i = 0; pair->also && i < pair->also->len; i++)
		append_row("also", pair->also->pdata[i], out);
	append_row("source", pair->source, out);
	append_row("name", pair->name, out);
	append_row("engine", pair->engine, out);
	if (pair->count)
		g_string_append_printf(out, "seen      %" G_GINT64_FORMAT " time%s, first %s, last %s\n", pair->count,
				       pair->count == 1 ? "" : "s", first, last);
	for (guint i = 0; i < outcomes->len; i++)
		append_outcome(outcomes->pdata[i], out);
	if (!outcomes->len) {
		append_row("verdict", pair->verdict, out);
		append_row("why", pair->reason, out);
	}
	g_string_append_c(out, '\n');
	kg_show_program(pair->program, strlen(pair->program), color, out);
}

void kg_show_memory_stats(const struct kg_memory_stats *s, const char *file, gboolean read_only, GString *out)
{
	g_autofree char *oldest = day(s->oldest), *newest = day(s->newest), *size = g_format_size((guint64)s->size_bytes);

	append_row("file", file, out);
	g_string_append_printf(out, "size      %s%s, version %d\n", size, read_only ? ", can only be read" : "", s->schema);
	g_string_append_printf(out, "pairs     %" G_GINT64_FORMAT ": %" G_GINT64_FORMAT " shipped, %" G_GINT64_FORMAT " learned, %"
			       G_GINT64_FORMAT " imported\n", s->n_pairs, s->n_corpus, s->n_run, s->n_import);
	g_string_append_printf(out, "outcomes  %" G_GINT64_FORMAT " pairs are good, %" G_GINT64_FORMAT " failed; seen %" G_GINT64_FORMAT
			       " times in all\n", s->n_good, s->n_failed, s->n_seen);
	if (s->newest)
		g_string_append_printf(out, "learned   from %s to %s\n", oldest, newest);
	if (s->n_forgotten)
		g_string_append_printf(out, "forgotten %" G_GINT64_FORMAT " shipped pairs (kgent memory recall brings them back)\n",
				       s->n_forgotten);
	g_string_append_printf(out, "vectors   %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " wordings, ", s->n_vectors, s->n_wordings);
	kg_text_escape(s->embedding, -1, out);
	g_string_append_c(out, '\n');
}

/* ---------------------------------------------------------------- JSON */

json_t *kg_memory_text_json(const char *s)
{
	g_autofree char *valid = s ? g_utf8_make_valid(s, -1) : NULL;

	return valid ? json_string(valid) : json_null();
}

json_t *kg_pair_json(const struct kg_memory_pair *pair)
{
	json_t *also = json_array();

	for (guint i = 0; pair->also && i < pair->also->len; i++)
		json_array_append_new(also, kg_memory_text_json(pair->also->pdata[i]));
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "id", (json_int_t)pair->id, "request",
			 kg_memory_text_json(pair->prompt), "also", also, "program", kg_memory_text_json(pair->program), "language",
			 kg_memory_text_json(pair->language), "engine", kg_memory_text_json(pair->engine), "verdict",
			 kg_memory_text_json(pair->verdict), "kernel", kg_memory_text_json(pair->kernel), "reason",
			 kg_memory_text_json(pair->reason), "source", kg_memory_text_json(pair->source), "name",
			 kg_memory_text_json(pair->name), "count", (json_int_t)pair->count, "first", (json_int_t)pair->first, "when",
			 (json_int_t)pair->when);
}

json_t *kg_hit_json(const struct kg_memory_hit *hit)
{
	json_t *object = kg_pair_json(&hit->pair);

	json_object_set_new(object, "score", json_real(hit->score));
	json_object_set_new(object, "likeness", hit->rank_vector ? json_real(hit->likeness) : json_null());
	json_object_set_new(object, "rank_words", hit->rank_words ? json_integer(hit->rank_words) : json_null());
	json_object_set_new(object, "rank_vector", hit->rank_vector ? json_integer(hit->rank_vector) : json_null());
	return object;
}

json_t *kg_outcomes_json(const GPtrArray *outcomes)
{
	json_t *list = json_array();

	for (guint i = 0; i < outcomes->len; i++) {
		const struct kg_memory_outcome *o = outcomes->pdata[i];
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:I, s:I}", "verdict", kg_memory_text_json(o->verdict), "kernel",
						      kg_memory_text_json(o->kernel), "reason", kg_memory_text_json(o->reason), "count",
						      (json_int_t)o->count, "when", (json_int_t)o->when));
	}
	return list;
}

json_t *kg_memory_stats_json(const struct kg_memory_stats *s, gboolean read_only)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:I, s:I, s:b}", "pairs", (json_int_t)s->n_pairs,
			 "corpus", (json_int_t)s->n_corpus, "run", (json_int_t)s->n_run, "import", (json_int_t)s->n_import, "good",
			 (json_int_t)s->n_good, "failed", (json_int_t)s->n_failed, "seen", (json_int_t)s->n_seen, "forgotten",
			 (json_int_t)s->n_forgotten, "oldest", (json_int_t)s->oldest, "newest", (json_int_t)s->newest, "size_bytes",
			 (json_int_t)s->size_bytes, "schema", s->schema, "embedding", kg_memory_text_json(s->embedding), "vectors",
			 (json_int_t)s->n_vectors, "wordings", (json_int_t)s->n_wordings, "read_only", read_only);
}
