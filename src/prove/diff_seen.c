/* What two programs show on one pair of paths. See diff.h. */
#include "diff.h"

#include <string.h>

static struct kg_word op1(struct kg_symex *x, enum kg_op op, struct kg_word a, struct kg_word b)
{
	return kg_terms.binary(x, op, 1, a, b);
}

static struct kg_word bytes_differ(struct kg_symex *x, const struct kg_word *a, guint n_a, const struct kg_word *b, guint n_b)
{
	struct kg_word ret = KG_WORD(0);

	for (guint i = 0; i < MAX(n_a, n_b); i++) {
		struct kg_word left = i < n_a ? a[i] : KG_WORD(0), right = i < n_b ? b[i] : KG_WORD(0);
		if (left.term == right.term && (left.term || left.bits == right.bits))
			continue;
		ret = op1(x, KG_OP_OR, ret, kg_terms.binary(x, KG_OP_NE, 8, left, right));
	}
	return ret;
}

/* ---------------------------------------------------------------- values of records */

static gboolean is_number(char conversion)
{
	return conversion && strchr("diu", conversion);
}

static char *text_of(const struct kg_bt_node *node)
{
	GString *s = g_string_new(NULL);

	if (node)
		kg_bt_print_expr(node, s);
	return g_string_free(s, FALSE);
}

/* What user space makes of a number follows from the call as well. */
static gboolean same_meaning(const struct seen *a, const struct seen *b)
{
	g_autofree char *left = NULL, *right = NULL;

	if (a->shape.kind != SHAPE_TOKEN && a->shape.kind != SHAPE_KSTACK && a->shape.kind != SHAPE_USTACK)
		return TRUE;
	left = text_of(a->node);
	right = text_of(b->node);
	return !strcmp(left, right);
}

static struct kg_word values_differ(struct kg_symex *x, const struct seen *a, const struct seen *b)
{
	struct kg_word ret;

	if (a->shape.kind != b->shape.kind || !same_meaning(a, b))
		return KG_WORD(1);
	if (a->shape.kind != SHAPE_TEXT && a->shape.size != b->shape.size)
		return KG_WORD(1);
	if (a->conversion != b->conversion && !(is_number(a->conversion) && is_number(b->conversion)))
		return KG_WORD(1);
	ret = bytes_differ(x, a->bytes, a->shape.size, b->bytes, b->shape.size);
	if ((a->conversion == 'u') != (b->conversion == 'u') && a->shape.kind == SHAPE_INT) /* a negative number is shown in two ways */
		ret = op1(x, KG_OP_OR, ret, kg_terms.extract(x, value_number(x, a), 63, 63));
	return ret;
}

static void printed_of(const struct seen_all *seen, GPtrArray *ret)
{
	for (guint i = 0; seen && i < seen->values->len; i++)
		if (((struct seen *)seen->values->pdata[i])->where == SEEN_PRINTED)
			g_ptr_array_add(ret, seen->values->pdata[i]);
}

static gboolean begins_record(const GPtrArray *values, guint i)
{
	return i == 0 || ((struct seen *)values->pdata[i])->group != ((struct seen *)values->pdata[i - 1])->group;
}

static struct kg_word records_differ(struct kg_symex *x, const struct seen_all *a, const struct seen_all *b)
{
	g_autoptr(GPtrArray) left = g_ptr_array_new(), right = g_ptr_array_new();
	struct kg_word ret = KG_WORD(0);

	printed_of(a, left);
	printed_of(b, right);
	if ((a ? a->n_records : 0) != (b ? b->n_records : 0) || left->len != right->len)
		return KG_WORD(1);
	for (guint i = 0; i < left->len; i++) {
		if (begins_record(left, i) != begins_record(right, i))
			return KG_WORD(1);
		ret = op1(x, KG_OP_OR, ret, values_differ(x, left->pdata[i], right->pdata[i]));
	}
	return ret;
}

/* ---------------------------------------------------------------- what is asked of user space */

/* Where the map is in the objects whose maps are numbered alike; -1: it is about none. */
static int map_of_action(const struct diff_side *side, const struct seen_action *action)
{
	return action->map >= 0 && (guint)action->map < side->original->maps->len ? side->number[action->map] : -1;
}

static struct kg_word actions_differ(struct kg_symex *x, const struct diff_side side[2], const struct kg_path *const path[2], struct seen_all *const seen[2])
{
	guint n_a = seen[0] ? seen[0]->actions->len : 0, n_b = seen[1] ? seen[1]->actions->len : 0;
	struct kg_word ret = KG_WORD(0);

	if (n_a != n_b)
		return KG_WORD(1);
	for (guint i = 0; i < n_a; i++) {
		const struct seen_action *a = &g_array_index(seen[0]->actions, struct seen_action, i);
		const struct seen_action *b = &g_array_index(seen[1]->actions, struct seen_action, i);
		const struct kg_bpf_effect *e, *f;
		if (a->kind != b->kind || map_of_action(&side[0], a) != map_of_action(&side[1], b))
			return KG_WORD(1);
		if (a->kind != SEEN_OTHER_ACTION)
			continue;
		e = path[0]->effects->pdata[a->group];
		f = path[1]->effects->pdata[b->group];
		ret = op1(x, KG_OP_OR, ret, bytes_differ(x, e->value, e->n_value, f->value, f->n_value));
	}
	return ret;
}

static gboolean note_async(const struct kg_bt_node *node, const struct kg_bt_node *parent, const struct kg_bt_probe *probe, void *userdata)
{
	static const char *const names[] = {"time", "strftime", "system", "cat", "join", "print", "kstack", "ustack", NULL};

	(void)parent;
	(void)probe;
	if (node->kind == KG_BT_CALL && g_strv_contains(names, node->text)) {
		GString *all = userdata;
		kg_bt_print_expr(node, all);
		g_string_append_c(all, '\n');
	}
	for (guint i = 1; node->kind == KG_BT_CALL && (!strcmp(node->text, "hist") || !strcmp(node->text, "lhist")) && i < kg_bt_n_kids(node); i++) {
		g_string_append(userdata, "bucket ");
		kg_bt_print_expr(kg_bt_kid(node, i), userdata);
	}
	return TRUE;
}

gboolean diff_same_asyncs(const struct diff_side *a, const struct diff_side *b)
{
	g_autoptr(GString) left = g_string_new(NULL), right = g_string_new(NULL);

	kg_bt_walk(a->program, note_async, NULL, left);
	kg_bt_walk(b->program, note_async, NULL, right);
	return g_string_equal(left, right);
}

/* ---------------------------------------------------------------- maps */

static void changes_of(const struct seen_all *seen, GPtrArray *ret)
{
	for (guint i = 0; seen && i < seen->changes->len; i++) {
		struct seen_change *change = &g_array_index(seen->changes, struct seen_change, i);
		if (!change->is_unchanged)
			g_ptr_array_add(ret, change);
	}
}

static gboolean same_words(const struct seen_change *a, const struct seen_change *b)
{
	for (guint i = 0; a->n_key == b->n_key && i < a->n_key; i++)
		if (a->key[i].term != b->key[i].term || (!a->key[i].term && a->key[i].bits != b->key[i].bits))
			return FALSE;
	return a->n_key == b->n_key;
}

/* The change of [list] that is to be held against [change], taken out of it: of the same entry, else the next of the same map. */
static const struct seen_change *partner(const struct seen_change *change, GPtrArray *list)
{
	for (int pass = 0; pass < 2; pass++)
		for (guint i = 0; i < list->len; i++) {
			const struct seen_change *other = list->pdata[i];
			if (other->map != change->map || other->is_deleted != change->is_deleted || (pass == 0 && !same_words(change, other)))
				continue;
			g_ptr_array_remove_index(list, i);
			return other;
		}
	return NULL;
}

static void add(struct kg_symex *x, struct diff_words *words, gboolean is_scratch, struct kg_word differs)
{
	struct kg_word *to = is_scratch ? &words->kept : &words->shown;

	*to = op1(x, KG_OP_OR, *to, differs);
}

static void changes_differ(struct kg_symex *x, struct seen_all *const seen[2], struct diff_words *words)
{
	g_autoptr(GPtrArray) left = g_ptr_array_new(), right = g_ptr_array_new();

	changes_of(seen[0], left);
	changes_of(seen[1], right);
	for (guint i = 0; i < left->len; i++) {
		const struct seen_change *a = left->pdata[i], *b = partner(a, right);
		struct kg_word differs = KG_WORD(1);
		if (b && diff_aggregates_alike(a->aggregate, b->aggregate) && a->n_value == b->n_value && a->n_key == b->n_key) {
			differs = bytes_differ(x, a->key, a->n_key, b->key, b->n_key);
			if (!a->is_deleted)
				differs = op1(x, KG_OP_OR, differs, bytes_differ(x, a->after, a->n_value, b->after, b->n_value));
		}
		add(x, words, a->is_scratch || a->is_deleted, differs);
	}
	for (guint i = 0; i < right->len; i++) {
		const struct seen_change *b = right->pdata[i];
		add(x, words, b->is_scratch || b->is_deleted, KG_WORD(1));
	}
}

static void note_doings(const struct kg_path *const path[2], const struct diff_side side[2], struct seen_all *const seen[2], struct diff_words *words)
{
	for (int s = 0; s < 2; s++) {
		if (!path[s])
			continue;
		for (guint i = 0; i < path[s]->effects->len; i++) {
			const struct kg_bpf_effect *effect = path[s]->effects->pdata[i];
			gboolean is_map = effect->map >= 0 && *((struct kg_map *)side[s].object->maps->pdata[effect->map])->name == '@';
			words->asks |= is_map && effect->kind == KG_BPF_MAP_LOOK;
			words->changes |= is_map && (effect->kind == KG_BPF_MAP_SET || effect->kind == KG_BPF_MAP_DELETE);
		}
		words->shows |= seen_anything(seen[s]) || seen[s]->actions->len;
	}
}

struct diff_words diff_compare(struct kg_symex *x, const struct diff_side side[2], const struct kg_path *const path[2], struct seen_all *const seen[2])
{
	struct diff_words words = {.shown = KG_WORD(0), .kept = KG_WORD(0)};

	for (int i = 0; i < 2; i++)
		if (seen[i] && seen[i]->why_not)
			words.why_not = seen[i]->why_not;
	note_doings(path, side, seen, &words);
	words.shown = op1(x, KG_OP_OR, records_differ(x, seen[0], seen[1]), actions_differ(x, side, path, seen));
	changes_differ(x, seen, &words);
	return words;
}

/* ---------------------------------------------------------------- a replay, as text */

static enum kg_answer before_of_nothing(void *user, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret)
{
	(void)user;
	(void)map;
	(void)key;
	(void)n_key;
	(void)ret;
	return KG_UNKNOWN;
}

static char *value_text(struct kg_symex *x, const struct seen *seen)
{
	enum kg_as as = seen->conversion && strchr("xXp", seen->conversion) ? KG_AS_HEX : KG_AS_NONE;

	return value_text_seen(x, seen, as);
}

static char *values_text(struct kg_symex *x, const struct seen_all *seen, enum seen_where where, guint group)
{
	GString *s = g_string_new(NULL);

	for (guint i = 0; i < seen->values->len; i++) {
		const struct seen *v = seen->values->pdata[i];
		g_autofree char *text = v->where == where && v->group == group ? value_text(x, v) : NULL;
		if (text)
			g_string_append_printf(s, "%s%s", s->len ? ", " : "", text);
	}
	return g_string_free(s, FALSE);
}

static uint64_t number_of(const struct kg_word *bytes, guint n)
{
	uint64_t ret = 0;

	for (guint i = 0; i < MIN(n, 8); i++)
		ret |= (bytes[i].bits & 0xff) << (8 * i);
	return ret;
}

static char *change_value(struct kg_symex *x, const struct seen_all *seen, const struct seen_change *change)
{
	const struct kg_word *suffix = change->key + change->n_key - change->n_suffix;
	struct seen bucket = {.shape = {.kind = SHAPE_INT, .size = 8}, .bytes = suffix, .bucket = change->aggregate};
	uint64_t number = number_of(change->after, change->n_value);

	switch (change->aggregate) {
	case KG_AGGREGATE_NONE:
		return values_text(x, seen, SEEN_VALUE, change->group);
	case KG_AGGREGATE_HIST: {
		g_autofree char *text = value_text_seen(x, &bucket, KG_AS_NONE);
		return g_strdup_printf("%" G_GUINT64_FORMAT " %s", number, text);
	}
	case KG_AGGREGATE_LHIST:
		return g_strdup_printf("%" G_GUINT64_FORMAT " in bucket %" G_GUINT64_FORMAT, number, number_of(suffix, 8));
	case KG_AGGREGATE_AVG: case KG_AGGREGATE_STATS:
		return g_strdup_printf("%s %" G_GINT64_FORMAT, number_of(suffix, 8) ? "total" : "count", (gint64)number);
	case KG_AGGREGATE_MIN:
		return g_strdup_printf("%" G_GINT64_FORMAT, (gint64)(0xffffffffull - number));
	default:
		return g_strdup_printf("%" G_GINT64_FORMAT, (gint64)number);
	}
}

static void add_changes(struct kg_symex *x, const struct seen_all *seen, GPtrArray *ret)
{
	for (guint i = 0; i < seen->changes->len; i++) {
		const struct seen_change *change = &g_array_index(seen->changes, struct seen_change, i);
		g_autofree char *keys = NULL, *value = NULL;
		if (change->is_scratch || change->is_deleted)
			continue;
		keys = values_text(x, seen, SEEN_KEY, change->group);
		value = change_value(x, seen, change);
		g_ptr_array_add(ret, *keys ? g_strdup_printf("%s[%s]: %s", change->name, keys, value) : g_strdup_printf("%s: %s", change->name, value));
	}
}

/* "clear(@a)"; where both programs have the map under two names, the one of the first. */
static char *action_text(const struct diff_side *side, const char *kind, const struct seen_action *action)
{
	int map = map_of_action(side, action);
	const struct kg_map *m = map >= 0 ? side->object->maps->pdata[map] : NULL;

	return m ? g_strdup_printf("%s(%s)", kind, side->first_name[map]) : g_strdup_printf("%s()", kind);
}

static void add_records(struct kg_symex *x, const struct diff_side *side, const struct seen_all *seen, const struct kg_run_of_bpf *run, GPtrArray *ret)
{
	for (guint i = 0; i < run->effects->len; i++) {
		const struct kg_bpf_effect *effect = run->effects->pdata[i];
		const struct seen_action *action = NULL;
		static const char *const kinds[] = {"print", "clear", "zero", "exit", "other"};
		for (guint k = 0; k < seen->actions->len; k++)
			if (g_array_index(seen->actions, struct seen_action, k).group == i)
				action = &g_array_index(seen->actions, struct seen_action, k);
		if (effect->kind != KG_BPF_RECORD)
			continue;
		if (action && action->kind != SEEN_OTHER_ACTION)
			g_ptr_array_add(ret, action_text(side, kinds[action->kind], action));
		else
			g_ptr_array_add(ret, values_text(x, seen, SEEN_PRINTED, i));
	}
}

static void add_hex(GString *s, GBytes *bytes)
{
	gsize n;
	const guint8 *data = g_bytes_get_data(bytes, &n);

	g_string_append_c(s, ' ');
	for (gsize i = 0; i < n; i++)
		g_string_append_printf(s, "%02x", data[i]);
}

static int by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_entries(const struct diff_side *side, const GPtrArray *entries, GPtrArray *ret)
{
	for (guint i = 0; i < entries->len; i++) {
		const struct kg_map_entry *entry = entries->pdata[i];
		const struct kg_map *map = side->object->maps->pdata[entry->map];
		GString *s;
		if (*map->name != '@' || diff_is_scratch(side, entry->map))
			continue;
		s = g_string_new(NULL);
		g_string_append_printf(s, "%d", entry->map);
		add_hex(s, entry->key);
		add_hex(s, entry->value);
		g_ptr_array_add(ret, g_string_free(s, FALSE));
	}
	g_ptr_array_sort(ret, by_text);
}

struct diff_shown *diff_shown_of(struct kg_symex *x, const struct diff_side *side, guint program, const struct kg_run_of_bpf *run)
{
	struct diff_shown *shown = g_new0(struct diff_shown, 1);
	struct seen_all *seen = run->effects ? seer_look(side->seer, program, run->effects, before_of_nothing, NULL) : NULL;

	shown->lines = g_ptr_array_new_with_free_func(g_free);
	shown->entries = g_ptr_array_new_with_free_func(g_free);
	shown->changes = g_ptr_array_new_with_free_func(g_free);
	if (seen) {
		add_records(x, side, seen, run, shown->lines);
		add_changes(x, seen, shown->changes);
	}
	if (run->entries)
		add_entries(side, run->entries, shown->entries);
	seen_all_free(seen);
	return shown;
}

struct diff_shown *diff_shown_free(struct diff_shown *shown)
{
	if (!shown)
		return NULL;
	g_ptr_array_unref(shown->lines);
	g_ptr_array_unref(shown->entries);
	g_ptr_array_unref(shown->changes);
	g_free(shown);
	return NULL;
}

static gboolean first_difference(const GPtrArray *a, const GPtrArray *b, char **ret_a, char **ret_b)
{
	for (guint i = 0; i < MAX(a->len, b->len); i++) {
		const char *left = i < a->len ? a->pdata[i] : NULL, *right = i < b->len ? b->pdata[i] : NULL;
		if (left && right && !strcmp(left, right))
			continue;
		*ret_a = g_strdup(!left ? "nothing" : *left ? left : "a line of text alone");
		*ret_b = g_strdup(!right ? "nothing" : *right ? right : "a line of text alone");
		return TRUE;
	}
	return FALSE;
}

gboolean diff_shown_differ(const struct diff_shown *a, const struct diff_shown *b, char **ret_a, char **ret_b)
{
	g_autofree char *left = NULL, *right = NULL;

	if (first_difference(a->lines, b->lines, ret_a, ret_b))
		return TRUE;
	if (!first_difference(a->entries, b->entries, &left, &right))
		return FALSE;
	if (!first_difference(a->changes, b->changes, ret_a, ret_b)) {
		*ret_a = g_strdup("other entries of its maps");
		*ret_b = g_strdup("other entries of its maps");
	}
	return TRUE;
}
