/*
 * A span: where it begins, where it ends, what links the two.
 *
 *	from: sys_enter_read                                   one place, by a name of `on` or whole
 *	from: [tracepoint:sched:sched_wakeup, tracepoint:sched:sched_wakeup_new]
 *	from: {any: [kprobe:vfs_read, fentry:vfs_read], key: tid, only if: count > 0, assume: [file != 0]}
 *	from: [{at: tracepoint:sched:sched_wakeup, key: args.pid}, {at: tracepoint:sched:sched_switch, key: args.prev_pid, only if: ...}]
 *	key: tid        of all ends that have none of their own; several expressions as a list
 *	keep: {path: str(args.filename)}
 *	same thread: true
 */
#include "node.h"

#include <string.h>

/* `at` with several points makes several ends. */
static gboolean read_places(struct reader *r, const struct node *n, const GPtrArray *on, GPtrArray *entries)
{
	GPtrArray *entry = NULL;
	gboolean ok = TRUE;

	if (n->kind == NODE_LIST) {
		if (!n->items->len)
			con_read_error(r, n, "no attach point is given");
		for (guint i = 0; i < n->items->len; i++)
			ok &= read_places(r, n->items->pdata[i], on, entries);
		return ok && n->items->len;
	}
	if (!con_read_entry(r, n, on, &entry))
		return FALSE;
	g_ptr_array_add(entries, entry);
	return TRUE;
}

static struct kg_contract_end *end_new(GPtrArray *points, struct kg_loc loc)
{
	struct kg_contract_end *e = g_new0(struct kg_contract_end, 1);

	e->points = points;
	e->key = con_exprs_new();
	e->assumes = con_exprs_new();
	e->loc = loc;
	return e;
}

/* What the map says of each of its ends. Read anew for each, so that every end owns its expressions. */
static gboolean read_end_parts(struct reader *r, const struct node *n, struct kg_contract_end *e)
{
	const struct node *key = con_node_get(n, "key"), *cond = con_node_get(n, "only if"), *assume = con_node_get(n, "assume");
	gboolean ok = TRUE;

	ok &= !key || con_read_exprs(r, key, "'key'", e->key);
	ok &= !cond || con_read_expr(r, cond, "'only if'", &e->condition);
	ok &= !assume || con_read_exprs(r, assume, "'assume'", e->assumes);
	return ok;
}

static gboolean read_end_map(struct reader *r, const struct node *n, const GPtrArray *on, GPtrArray *ends)
{
	static const char *const keys[] = {"at", "any", "key", "only if", "assume", NULL};
	g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	const struct node *at = con_node_get(n, "at"), *any = con_node_get(n, "any");
	GPtrArray *entry = NULL;
	gboolean ok = con_read_keys(r, n, "an end of a span", keys);

	if (!at == !any) {
		kg_diag_hint(con_read_error(r, n, at ? "an end of a span has 'at' or 'any', not both" : "an end of a span lacks 'at'"),
			     "{at: tracepoint:sched:sched_switch, key: args.next_pid}");
		return FALSE;
	}
	if (at && !read_places(r, at, on, entries))
		return FALSE;
	if (any) {
		if (!con_read_entry_any(r, any, on, &entry))
			return FALSE;
		g_ptr_array_add(entries, entry);
	}
	for (guint i = 0; ok && i < entries->len; i++) {
		struct kg_contract_end *e = end_new(g_ptr_array_ref(entries->pdata[i]), n->loc);

		ok = read_end_parts(r, n, e);
		g_ptr_array_add(ends, e);
	}
	return ok;
}

static gboolean read_ends(struct reader *r, const struct node *n, const GPtrArray *on, GPtrArray *ends)
{
	GPtrArray *entry = NULL;
	gboolean ok = TRUE;

	if (n->kind == NODE_MAP)
		return read_end_map(r, n, on, ends);
	if (n->kind == NODE_LIST) {
		if (!n->items->len)
			con_read_error(r, n, "no attach point is given");
		for (guint i = 0; i < n->items->len; i++)
			ok &= read_ends(r, n->items->pdata[i], on, ends);
		return ok && n->items->len;
	}
	if (!con_read_entry(r, n, on, &entry))
		return FALSE;
	g_ptr_array_add(ends, end_new(entry, n->loc));
	return TRUE;
}

/* The common key goes to the ends that have none. {from: ..., to: ...} gives each side its own. */
static gboolean spread_key(struct reader *r, const struct node *key, const char *side, GPtrArray *ends)
{
	static const char *const sides[] = {"from", "to", NULL};
	gboolean ok = TRUE;

	if (key && key->kind == NODE_MAP) {
		if (!con_read_keys(r, key, "'key'", sides))
			return FALSE;
		key = con_node_get(key, side);
	}
	for (guint i = 0; i < ends->len; i++) {
		struct kg_contract_end *e = ends->pdata[i];

		if (key && !e->key->len)
			ok &= con_read_exprs(r, key, "'key'", e->key);
		if (!e->key->len && ok) {
			kg_diag_hint(kg_diag_add(r->diags, KG_ERROR, CHECK, e->loc, "what links this end to the other is not said"),
				     "key: tid");
			ok = FALSE;
		}
	}
	return ok;
}

static gboolean same_n_keys(struct reader *r, const struct kg_contract_span *s)
{
	guint n = ((struct kg_contract_end *)s->from->pdata[0])->key->len;
	const GPtrArray *sides[] = {s->from, s->to};

	for (int side = 0; side < 2; side++)
		for (guint i = 0; i < sides[side]->len; i++) {
			const struct kg_contract_end *e = sides[side]->pdata[i];

			if (e->key->len == n)
				continue;
			kg_diag_add(r->diags, KG_ERROR, CHECK, e->loc, "the key has %u parts here, and %u at the first beginning", e->key->len, n);
			return FALSE;
		}
	return TRUE;
}

/* A thread's id as part of the key at every end: pid, comm and uid are then the same at both. */
static gboolean is_keyed_by_thread(const struct kg_contract_span *s)
{
	const GPtrArray *sides[] = {s->from, s->to};

	for (int side = 0; side < 2; side++)
		for (guint i = 0; i < sides[side]->len; i++) {
			const struct kg_contract_end *e = sides[side]->pdata[i];
			gboolean found = FALSE;

			for (guint k = 0; k < e->key->len; k++) {
				const struct kg_bt_node *node = ((struct kg_contract_expr *)e->key->pdata[k])->node;

				found |= node->kind == KG_BT_BUILTIN && !strcmp(node->text, "tid");
			}
			if (!found)
				return FALSE;
		}
	return TRUE;
}

static gboolean read_side(struct reader *r, const struct node *n, const char *side, const GPtrArray *on, GPtrArray *ends)
{
	const struct node *at = con_node_get(n, side);

	if (!at) {
		kg_diag_hint(con_read_error(r, n, "a span lacks '%s'", side),
			     "{from: tracepoint:syscalls:sys_enter_read, to: tracepoint:syscalls:sys_exit_read, key: tid}");
		return FALSE;
	}
	return read_ends(r, at, on, ends) && spread_key(r, con_node_get(n, "key"), side, ends);
}

gboolean con_read_span(struct reader *r, const struct node *n, const GPtrArray *on, struct kg_contract_span **ret)
{
	const struct node *keep = con_node_get(n, "keep"), *same = con_node_get(n, "same thread");
	struct kg_contract_span *s = con_span_new();
	gboolean ok = TRUE;

	s->loc = n->loc;
	ok &= read_side(r, n, "from", on, s->from);
	ok &= read_side(r, n, "to", on, s->to);
	ok &= !keep || con_read_names(r, keep, "keep", s->keep);
	ok = ok && same_n_keys(r, s);
	if (ok)
		s->is_same_task = is_keyed_by_thread(s);
	ok &= !same || con_read_truth(r, same, "'same thread'", &s->is_same_task);
	if (!ok)
		s = con_span_free(s);
	else
		*ret = s;
	return ok;
}
