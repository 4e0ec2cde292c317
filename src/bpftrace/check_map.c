/* Maps: what they keep, and by how many keys; the same everywhere. */
#include "check.h"

#include <string.h>

struct kg_bt_map_info *kg_bt_map_get(struct kg_bt_check *c, const char *name)
{
	struct kg_bt_map_info *info = g_hash_table_lookup(c->maps, name);

	if (!info) {
		info = g_new0(struct kg_bt_map_info, 1);
		info->name = kg_bt_keep(c, name);
		info->n_keys = -1;
		g_hash_table_insert(c->maps, (gpointer)info->name, info);
	}
	return info;
}

static gboolean is_macro_param(const struct kg_bt_check *c, const char *name)
{
	for (guint i = 0; c->sub && i + 1 < kg_bt_n_kids(c->sub); i++)
		if (kg_bt_kid(c->sub, i)->kind == KG_BT_MAP && !strcmp(kg_bt_kid(c->sub, i)->text, name))
			return TRUE;
	return FALSE;
}

static const char *keys_text(int n)
{
	return n == 0 ? "no key" : n == 1 ? "one key" : "several keys";
}

/* How many keys stand here; -1: one that may be a tuple. */
static int count_keys(struct kg_bt_check *c, const struct kg_bt_node *map, enum kg_bt_ty_kind *kinds)
{
	int n = (int)kg_bt_n_kids(map);

	for (guint i = 0; i < kg_bt_n_kids(map); i++) {
		const struct kg_bt_node *key = kg_bt_kid(map, i);
		struct kg_bt_ty ty = kg_bt_check_expr(c, key);

		kg_bt_check_shown(c, key, &ty);
		if (i < KG_BT_KEYS)
			kinds[i] = ty.kind;
		if (n == 1 && key->kind == KG_BT_TUPLE)
			n = -1;
		else if (n == 1 && ty.kind != TY_INT && ty.kind != TY_STRING && ty.kind != TY_STACK &&
			 ty.kind != TY_POINTER)
			n = -1;
	}
	return n;
}

/* A key that is a number here and a string there. */
static void hold_kinds(struct kg_bt_check *c, struct kg_bt_map_info *info, const struct kg_bt_node *map, int n,
		       const enum kg_bt_ty_kind *kinds)
{
	for (int i = 0; i < MIN(n, KG_BT_KEYS); i++) {
		struct kg_bt_ty here = {.kind = kinds[i]}, there = {.kind = info->keys[i]};

		if (there.kind == TY_UNKNOWN)
			info->keys[i] = here.kind;
		else if (kg_bt_ty_clash(&here, &there))
			kg_bt_say(c, KG_ERROR, "maps", kg_bt_kid(map, (guint)i)->loc,
				  "this key of @%s is %s, and %s elsewhere", info->name, kg_bt_ty_words(&here),
				  kg_bt_ty_words(&there));
	}
}

static void hold_keys(struct kg_bt_check *c, struct kg_bt_map_info *info, const struct kg_bt_node *map, int n,
		      const enum kg_bt_ty_kind *kinds)
{
	if (n < 0)
		return;
	if (info->n_keys < 0 || info->n_keys == n)
		hold_kinds(c, info, map, n, kinds);
	if (info->n_keys < 0) {
		info->n_keys = n;
		info->keys_at = map;
	} else if (info->n_keys != n && info->keys_at != map) {
		g_autofree char *here = n > 1 ? g_strdup_printf("%d keys", n) : g_strdup(keys_text(n));
		g_autofree char *there =
			info->n_keys > 1 ? g_strdup_printf("%d keys", info->n_keys) : g_strdup(keys_text(info->n_keys));

		kg_bt_say(c, KG_ERROR, "maps", map->loc, "@%s is used with %s here, and with %s on line %d", info->name,
			  here, there, info->keys_at->loc.line);
	}
}

static void undefined(struct kg_bt_check *c, const struct kg_bt_node *map)
{
	g_autoptr(GPtrArray) names = NULL;
	GHashTableIter it;
	gpointer value;
	struct kg_diag *d;
	const char *near;

	if (c->has_import || !(d = kg_bt_say(c, KG_ERROR, "maps", map->loc, "@%s is never assigned", map->text)))
		return;
	names = g_ptr_array_new();
	g_hash_table_iter_init(&it, c->maps);
	while (g_hash_table_iter_next(&it, NULL, &value)) {
		struct kg_bt_map_info *info = value;

		if (info->is_assigned)
			g_ptr_array_add(names, (gpointer)info->name);
	}
	g_ptr_array_add(names, NULL);
	near = *map->text ? kg_bt_near(map->text, (const char *const *)names->pdata) : NULL;
	if (near)
		kg_bt_hint(d, "did you mean @%s?", near);
}

struct kg_bt_ty kg_bt_map_value(struct kg_bt_check *c, const struct kg_bt_node *map, gboolean is_read)
{
	enum kg_bt_ty_kind kinds[KG_BT_KEYS] = {TY_UNKNOWN};
	struct kg_bt_map_info *info;
	int n;

	n = count_keys(c, map, kinds);
	if (is_macro_param(c, map->text))
		return (struct kg_bt_ty){0};
	info = kg_bt_map_get(c, map->text);
	hold_keys(c, info, map, n, kinds);
	if (!is_read) {
		info->is_assigned = TRUE;
		return info->value;
	}
	if (!info->is_assigned && !info->is_declared && !c->quiet)
		undefined(c, map);
	return info->value;
}

void kg_bt_map_whole(struct kg_bt_check *c, const struct kg_bt_node *map, gboolean must_be_assigned)
{
	struct kg_bt_map_info *info;

	if (is_macro_param(c, map->text))
		return;
	info = kg_bt_map_get(c, map->text);
	if (must_be_assigned && !info->is_assigned && !info->is_declared && !c->quiet)
		undefined(c, map);
}

const char *kg_bt_ty_words(const struct kg_bt_ty *ty)
{
	switch (ty->kind) {
	case TY_INT: return "a number";
	case TY_STRING: return "a string";
	case TY_TUPLE: return "a tuple";
	case TY_STACK: return "a stack";
	case TY_POINTER: return "a pointer";
	default: return "another kind of value";
	}
}

static gboolean is_plain(enum kg_bt_ty_kind kind)
{
	return kind == TY_INT || kind == TY_STRING || kind == TY_TUPLE || kind == TY_STACK;
}

gboolean kg_bt_ty_clash(const struct kg_bt_ty *a, const struct kg_bt_ty *b)
{
	if (a->kind == TY_AGG || b->kind == TY_AGG)
		return a->kind != TY_UNKNOWN && b->kind != TY_UNKNOWN && (a->kind != b->kind || strcmp(a->agg, b->agg));
	return is_plain(a->kind) && is_plain(b->kind) && a->kind != b->kind;
}

void kg_bt_map_assign(struct kg_bt_check *c, const struct kg_bt_node *map, const struct kg_bt_ty *ty)
{
	struct kg_bt_map_info *info;
	char *here, *there;

	kg_bt_map_value(c, map, FALSE);
	if (is_macro_param(c, map->text))
		return;
	info = kg_bt_map_get(c, map->text);
	if (info->value.kind == TY_UNKNOWN) {
		info->value = *ty;
		info->value_at = map;
		return;
	}
	if (!kg_bt_ty_clash(&info->value, ty) || info->value_at == map)
		return;
	here = ty->kind == TY_AGG ? g_strdup_printf("%s()", ty->agg) : g_strdup(kg_bt_ty_words(ty));
	there = info->value.kind == TY_AGG ? g_strdup_printf("%s()", info->value.agg) :
					     g_strdup(kg_bt_ty_words(&info->value));
	kg_bt_hint(kg_bt_say(c, KG_ERROR, "maps", map->loc, "@%s keeps %s here, and %s on line %d", info->name, here,
			     there, info->value_at->loc.line),
		   info->value.kind == TY_AGG || ty->kind == TY_AGG ?
			   "a map keeps one kind of value; to begin anew use clear(@%s)" :
			   "use another map than @%s",
		   info->name);
	g_free(here);
	g_free(there);
}
