/*
 * The symbolic executor's models: in the interpreter's world (the context, the packet, the thread and the memory of the process are assumed to be those), is
 * what the kernel came to possible, and is anything else?
 */
#include "helpers.h"

#include "../../src/symex/state.h"

#include <string.h>

struct asking {
	struct kg_symex *x;
	const struct kg_object *o;
	const struct outcome *kernel;
	struct opinion opinion;
};

static struct kg_word equals(struct kg_symex *x, struct kg_word w, unsigned width, uint64_t value)
{
	return sx_op(x, KG_OP_EQ, width, w, KG_WORD(width < 64 ? value & ((1ull << width) - 1) : value));
}

/* --- the world, as assumptions --- */

static void assume_bytes(struct kg_symex *x, const struct kg_bytes_at *memory, enum kg_space space)
{
	GHashTableIter it;
	gpointer at, byte;

	g_hash_table_iter_init(&it, memory->bytes);
	while (g_hash_table_iter_next(&it, &at, &byte))
		kg_symex_assume(x, equals(x, outside_byte(x, space, KG_WORD(*(uint64_t *)at), 0), 8, GPOINTER_TO_UINT(byte)));
}

static void assume_context(struct kg_symex *x, const struct kg_event *event, const struct kg_world *w)
{
	const struct context *context = event->own;
	gsize n, n_packet = 0;
	const guint8 *bytes = g_bytes_get_data(w->context, &n), *packet = w->packet ? g_bytes_get_data(w->packet, &n_packet) : NULL;

	if (context->has_packet) {
		kg_symex_assume(x, equals(x, context->whole_length, 32, n_packet));
		kg_symex_assume(x, equals(x, event->packet_length->word, 32, n_packet));
		for (gsize i = 0; i < n_packet; i++)
			kg_symex_assume(x, equals(x, packet_byte(x, KG_WORD(i)), 8, packet[i]));
		return;
	}
	for (gsize i = 0; i < n && i < context->cells->n; i++)
		kg_symex_assume(x, equals(x, cells_byte(x, context->cells, (guint)i), 8, bytes[i]));
}

static void assume_world(struct kg_symex *x, const struct kg_event *event, const struct kg_world *w)
{
	assume_context(x, event, w);
	assume_bytes(x, &w->memory[KG_SPACE_USER], KG_SPACE_USER);
	kg_symex_assume(x, equals(x, event->cpu, 32, w->cpu));
	kg_symex_assume(x, equals(x, event->thread->pid_tgid, 64, w->pid_tgid));
	kg_symex_assume(x, equals(x, event->thread->uid_gid, 64, w->uid_gid));
	kg_symex_assume(x, equals(x, event->thread->cgroup, 64, w->cgroup));
	for (guint i = 0; i < 15; i++)
		kg_symex_assume(x, equals(x, event->thread->comm[i], 8, (guint8)w->comm[i]));
}

/* --- what it came to --- */

static const struct kg_map *map_of(const struct asking *a, const struct kg_bpf_effect *e)
{
	return e->map >= 0 ? a->o->maps->pdata[e->map] : NULL;
}

static struct kg_word same_bytes(struct kg_symex *x, const struct kg_word *words, guint n, GBytes *want, gboolean is_whole)
{
	struct kg_word all = KG_WORD(1);
	gsize n_want;
	const guint8 *bytes = g_bytes_get_data(want, &n_want);

	if (is_whole ? n != n_want : n > n_want) /* perf pads a record's size field to 8 bytes */
		return KG_WORD(0);
	for (guint i = 0; i < n; i++)
		all = sx_and(x, all, words ? equals(x, words[i], 8, bytes[i]) : KG_WORD(bytes[i] == 0));
	return all;
}

/* A map with one entry, as the last change of it leaves it; never changed: zeros. */
static struct kg_word same_value(struct asking *a, const struct kg_path *path, const char *name, GBytes *want)
{
	const struct kg_bpf_effect *last = NULL;

	for (guint i = 0; i < path->effects->len; i++) {
		const struct kg_bpf_effect *e = path->effects->pdata[i];
		const struct kg_map *m = map_of(a, e);

		if (e->kind == KG_BPF_MAP_SET && m && !strcmp(m->name, name))
			last = e;
	}
	return same_bytes(a->x, last ? last->value : NULL, last ? last->n_value : (guint)g_bytes_get_size(want), want, TRUE);
}

static struct kg_word same_records(struct asking *a, const struct kg_path *path)
{
	static const uint32_t types[] = {BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_PERF_EVENT_ARRAY};
	struct kg_word all = KG_WORD(1);
	guint n = 0;

	for (guint t = 0; t < G_N_ELEMENTS(types); t++)
		for (guint i = 0; i < path->effects->len; i++) {
			const struct kg_bpf_effect *e = path->effects->pdata[i];

			if (e->kind != KG_BPF_RECORD || map_of(a, e)->type != types[t])
				continue;
			if (n < a->kernel->records->len)
				all = sx_and(a->x, all, same_bytes(a->x, e->value, e->n_value, a->kernel->records->pdata[n], FALSE));
			n++;
		}
	return n == a->kernel->records->len ? all : KG_WORD(0);
}

static void at_end(const struct kg_path *path, void *user)
{
	struct asking *a = user;
	struct kg_symex *x = a->x;
	struct kg_word same;

	if (kg_symex_can(x, KG_WORD(1)) == KG_NO)
		return; /* not of this world */
	if (!path->is_complete) {
		if (path->is_left)
			a->opinion.is_sure = FALSE;
		else if (!a->opinion.why)
			a->opinion.why = g_strdup(path->why);
		return;
	}
	same = equals(x, sx_extract(x, path->result, 31, 0), 32, a->kernel->result);
	same = sx_and(x, same, same_value(a, path, "out_map", a->kernel->out));
	same = sx_and(x, same, same_value(a, path, "object.bss", a->kernel->bss));
	same = sx_and(x, same, same_records(a, path));
	if (kg_symex_can(x, same) == KG_YES)
		a->opinion.is_possible = TRUE;
	if (kg_symex_can(x, sx_not(x, same)) != KG_NO)
		a->opinion.is_sure = FALSE;
}

struct opinion symbolic_opinion(const struct kg_object *o, guint which, const struct kg_world *w, const struct outcome *kernel)
{
	struct asking a = {.x = kg_symex_new(NULL), .o = o, .kernel = kernel, .opinion = {.is_sure = TRUE}};
	struct kg_state *start = kg_symex_start(a.x, o, KG_MAPS_EMPTY);
	_cleanup_error_ struct kg_error err = {0};
	struct kg_event *event = kg_symex_event(a.x, o, which, NULL, &err);

	if (event)
		assume_world(a.x, event, w);
	if (!event || kg_symex_run(a.x, o, which, event, start, at_end, &a, &err) < 0)
		a.opinion.why = a.opinion.why ? a.opinion.why : g_strdup(err.msg);
	kg_state_free(start);
	kg_symex_free(a.x);
	return a.opinion;
}
