/*
 * Lists of fields: "process, pid and cpu", "old and new name", "addresses and ports".
 */
#include "words.h"

#include <string.h>

void kg_add_name(GPtrArray *list, const char *name)
{
	if (!kg_list_has(list, name))
		g_ptr_array_add(list, g_strdup(name));
}

/* "by bytes", "sorted by latency": the size or time that is added up, not a key. */
gboolean kg_is_measured(const struct reading *r, const char *field)
{
	const struct kg_card_field *f = kg_reading_field(r, field);

	return f && f->is_measure && kg_unit_is_number(f->unit);
}

/* "old and new name", "source and destination address": two fields that share their last words. */
guint kg_shared_head(struct reading *r, guint i, char **ret_a, char **ret_b)
{
	const struct token *a = kg_tok(r, i);
	guint alone_to;

	if (!a || a->is_mark || !kg_word_is(r, i + 1, "and"))
		return 0;
	g_autofree char *alone = kg_field_at(r, i, &alone_to);
	if (alone && kg_standard_field(alone))
		return 0; /* "process and thread id" */
	for (guint n = 3; n >= 1; n--) {
		guint to, end = i + 3 + n;

		if (end > r->tokens->len)
			continue;
		GPtrArray *one = g_ptr_array_new();
		g_ptr_array_add(one, r->tokens->pdata[i]);
		for (guint k = i + 3; k < end; k++)
			g_ptr_array_add(one, r->tokens->pdata[k]);
		const GPtrArray *all = r->tokens;
		r->tokens = one;
		*ret_a = kg_field_at(r, 0, &to);
		gboolean ok = *ret_a && to == one->len;
		r->tokens = all;
		g_ptr_array_unref(one);
		*ret_b = ok ? kg_field_at(r, i + 2, &to) : NULL;
		if (ok && *ret_b && to == end && strcmp(*ret_a, *ret_b))
			return end;
		g_clear_pointer(ret_a, g_free);
		g_clear_pointer(ret_b, g_free);
	}
	return 0;
}

/* The one or two fields that stand at i: into [list]. Returns the token behind, or 0. */
guint kg_fields_at(struct reading *r, guint i, gboolean is_show, GPtrArray *list)
{
	static const char *const both[][3] = {{"addresses", "saddr", "daddr"}, {"ports", "sport", "dport"}};
	g_autofree char *a = NULL, *b = NULL;
	guint to, best;
	const struct entry *e;

	i = kg_skip_fillers(r, i);
	g_autofree char *named_so = kg_field_at(r, i, &to);
	if (!named_so && (kg_word_is(r, i, "what") || kg_word_is(r, i, "which")))
		i++;
	if ((to = kg_shared_head(r, i, &a, &b))) {
		kg_add_name(list, a);
		kg_add_name(list, b);
		return to;
	}
	g_autofree char *field = kg_field_at(r, i, &best);
	if ((e = kg_at(r, i, CAT_FIELD, &to)) && (!field || to >= best) && (kg_word_is(r, to - 1, e->value) || kg_word_is(r, to - 1, "destination")))
		for (gsize k = 0; k < G_N_ELEMENTS(both); k++)
			if (!strcmp(e->value, both[k][0]) && kg_reading_field(r, both[k][1]) && kg_reading_field(r, both[k][2])) {
				kg_add_name(list, both[k][1]);
				kg_add_name(list, both[k][2]);
				return to;
			}
	if (is_show && (e = kg_at(r, i, CAT_DURATION, &to)) && (!field || to > best) && strcmp(e->phrase, "time")) {
		kg_add_name(list, KG_DURATION);
		return to;
	}
	if (is_show && !field && kg_word_is(r, i, "time")) {
		kg_add_name(list, "time");
		return i + 1;
	}
	if (is_show && !field && kg_word_is(r, i, "who")) {
		kg_add_name(list, "comm");
		return i + 1;
	}
	if (!field)
		return 0;
	kg_add_name(list, field);
	/* "its option argument", "the fd value" */
	if (kg_word_is(r, best, "argument") || kg_word_is(r, best, "arguments") || kg_word_is(r, best, "value") || kg_word_is(r, best, "values"))
		best++;
	return best;
}

/* Behind a field of a list: where the next one begins ("and", ",", ", and"), or 0. */
guint kg_list_goes_on(struct reading *r, guint i)
{
	guint j = i;

	while (kg_word_is(r, j, ",") || kg_word_is(r, j, "->") || kg_word_is(r, j, "and") || kg_word_is(r, j, "/") || kg_word_is(r, j, "+") || kg_word_is(r, j, "&") ||
	       kg_word_is(r, j, "then") || kg_word_is(r, j, "plus") || (j > i && (kg_word_is(r, j, "by") || kg_word_is(r, j, "per"))))
		j++;
	if (j == i)
		return 0;
	while (kg_word_is(r, j, "the") || kg_word_is(r, j, "their") || kg_word_is(r, j, "its") || kg_word_is(r, j, "which") || kg_word_is(r, j, "also"))
		j++;
	return j;
}

/* A list of fields at i. [part]: "by" or "show". Returns the token behind the last one, or 0. */
guint kg_read_list(struct reading *r, guint from, guint i, const char *part, GPtrArray *into)
{
	guint last = 0;

	for (guint next = i; next;) {
		g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
		guint to = kg_fields_at(r, next, !strcmp(part, "show"), found), unused;
		/* a condition ("pid 12") is no member of the list, nor is an event that is only named */
		if (!to || (last && kg_mention_at(r, next, &unused) && unused >= to && !kg_is_told_before(r, next)))
			break;
		guint n_filters = r->intent->filters->len, n_origins = r->intent->origins->len;
		guint condition = kg_read_filter(r, next);
		if (condition > to) {
			if (last)
				break;
			return 0;
		}
		if (condition) { /* undo */
			g_ptr_array_set_size(r->intent->filters, (gint)n_filters);
			g_ptr_array_set_size(r->intent->origins, (gint)n_origins);
			for (guint k = next; k < condition; k++)
				r->used[k] = FALSE;
		}
		g_autoptr(GString) names = g_string_new(NULL);
		for (guint k = 0; k < found->len; k++) {
			g_string_append_printf(names, "%s%s", k ? ", " : "", (char *)found->pdata[k]);
			kg_add_name(into, found->pdata[k]);
		}
		kg_take(r, last ? last : from, to, part, names->str);
		while (kg_at(r, to, CAT_SUPERLATIVE, &unused) && kg_word_is(r, to, "individually"))
			kg_take(r, to, unused, NULL, NULL), to = unused;
		last = to;
		next = kg_list_goes_on(r, to);
	}
	return last;
}

guint kg_read_with(struct reading *r, guint i, guint to)
{
	guint end = kg_read_list(r, i, to, "show", r->intent->show);

	if (!end)
		return 0;
	r->is_show_said = TRUE;
	r->last_show = end;
	return end;
}
