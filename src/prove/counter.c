/*
 * Counterexamples: from the solver's model to something that a person believes.
 *
 * The solver is asked for telling values (port 80, a documentation address, thread 101 of process 100), one wish after the other: a wish that can't be
 * is dropped. The state is then written down as plain data, the concrete interpreter runs the same instructions on it, and what it shows must be
 * what the proof says. If not, there is a mistake of ours and the obligation is unknown.
 */
#include "judge.h"
#include "proof.h"

#include <string.h>

/* ---------------------------------------------------------------- wishes */

static struct kg_word equals(struct kg_symex *x, struct kg_word w, guint width, uint64_t value)
{
	return kg_terms.binary(x, KG_OP_EQ, width, w, KG_WORD(width < 64 ? value & ((1ull << width) - 1) : value));
}

static gboolean wish(struct kg_symex *x, struct kg_word w, guint width, uint64_t value)
{
	return kg_symex_prefer(x, equals(x, w, width, value));
}

struct wishing {
	struct kg_symex *x;
	guint n_addresses, n_ports, n_numbers, n_times, n_texts;
	const char *array, *array_text; /* the field whose bytes were wished for last */
	guint8 array_number;
};

static gboolean named(const char *name, const char *const *parts)
{
	for (; *parts; parts++)
		if (strstr(name, *parts))
			return TRUE;
	return FALSE;
}

static void wish_number(struct wishing *w, const char *name, const char *type, struct kg_word word, guint width, gboolean is_big_endian, gboolean is_signed)
{
	static const char *const tids[] = {"curtask->pid", "tid", NULL}, *const pids[] = {"tgid", "common_pid", "pid", NULL};
	static const char *const results[] = {"ret", "err", NULL}, *const times[] = {"nsecs", NULL}, *const ports[] = {"port", "skc_num", NULL};
	struct kg_symex *x = w->x;

	if (type && strchr(type, '*')) {
		return; /* addresses are spread later */
	} else if (is_big_endian && width == 16) {
		wish(x, word, width, w->n_ports++ ? 0xbb01 : 0x5000); /* 80, then 443, in network order */
	} else if (is_big_endian && width == 32) {
		wish(x, word, width, 0x010200c0 + (w->n_addresses++ << 24)); /* 192.0.2.1: RFC 5737 */
	} else if (named(name, ports) && width == 16) {
		wish(x, word, width, 40000 + w->n_ports++);
	} else if (named(name, tids)) {
		wish(x, word, width, 101 + w->n_numbers++);
	} else if (named(name, pids)) {
		(void)(wish(x, word, width, 100) || wish(x, word, width, 200 + w->n_numbers++));
	} else if (named(name, times)) {
		uint64_t nth = w->n_times++;
		(void)(wish(x, word, width, 1000 + 4000 * nth) || wish(x, word, width, 1000000 + 4000000 * nth) ||
		       wish(x, word, width, 20000000 + 20000000 * nth) || wish(x, word, width, 5000000000 + 5000000000 * nth));
	} else if (!strcmp(name, WHEN_BEGAN) && wish(x, word, width, 0)) {
		return;
	} else if (named(name, results) && is_signed) {
		(void)(wish(x, word, width, (uint64_t)-2) || wish(x, word, width, 4096) || wish(x, word, width, 70000) ||
		       (width == 64 && wish(x, word, width, (1ull << 32) + 4096)));
	} else {
		(void)(wish(x, word, width, 7 + w->n_numbers) || wish(x, word, width, 1000) || wish(x, word, width, 70000) || wish(x, word, width, 0) ||
		       wish(x, word, width, 1) || (is_signed && wish(x, word, width, (uint64_t)-2)));
		w->n_numbers++;
	}
}

static const char *next_text(struct wishing *w)
{
	static const char *const texts[] = {"cat", "ls", "sh", "vi"};

	return texts[w->n_texts++ % G_N_ELEMENTS(texts)];
}

static void wish_bytes(struct wishing *w, const struct kg_word *bytes, guint n)
{
	const char *text = next_text(w);
	struct kg_word all = KG_WORD(1);

	for (guint i = 0; i <= strlen(text) && i < n; i++)
		all = kg_terms.binary(w->x, KG_OP_AND, 1, all, equals(w->x, bytes[i], 8, (guint8)text[i]));
	kg_symex_prefer(w->x, all);
}

/* Behind its NUL a text ends; an array of letters has bytes there, too. */
static void wish_text(struct wishing *w, enum kg_space space, struct kg_word address, gboolean is_string)
{
	struct kg_word bytes[5];

	for (guint i = 0; i < G_N_ELEMENTS(bytes); i++)
		if (is_string)
			bytes[i] = kg_symex_text_byte(w->x, space, address, i);
		else if (kg_symex_read(w->x, space, kg_terms.binary(w->x, KG_OP_ADD, 64, address, KG_WORD(i)), 1, &bytes[i]))
			return;
	wish_bytes(w, bytes, G_N_ELEMENTS(bytes));
}

/* One byte of a field that is an array of them: a letter of a name, a part of an address (RFC 3849, RFC 5737). */
static void wish_element(struct wishing *w, const struct kg_input *input, guint nth)
{
	static const guint8 ipv6[15] = {0x20, 0x01, 0x0d, 0xb8}, ipv4[3] = {192, 0, 2};
	gsize n_base = (gsize)(strrchr(input->name, '[') - input->name);
	guint8 value;

	if (!w->array || strncmp(w->array, input->name, n_base) || w->array[n_base] != '[') {
		w->array_text = next_text(w);
		w->array_number = (guint8)++w->n_addresses;
	}
	w->array = input->name;
	if (input->type && g_str_has_prefix(input->type, "char"))
		value = nth < strlen(w->array_text) ? (guint8)w->array_text[nth] : 0;
	else if (strstr(input->name, "v6"))
		value = nth < sizeof(ipv6) ? ipv6[nth] : w->array_number;
	else
		value = nth < sizeof(ipv4) ? ipv4[nth] : w->array_number;
	wish(w->x, input->word, 8, value);
}

static void wish_ipv6(struct wishing *w, const struct kg_read *read)
{
	struct kg_word low, high;

	if (kg_symex_read(w->x, read->space, read->address, 8, &high) ||
	    kg_symex_read(w->x, read->space, kg_terms.binary(w->x, KG_OP_ADD, 64, read->address, KG_WORD(8)), 8, &low))
		return;
	wish(w->x, high, 64, 0x00000000b80d0120ull); /* 2001:db8::n: RFC 3849, as little-endian memory */
	wish(w->x, low, 64, (uint64_t)(1 + w->n_addresses++) << 56);
}

/* Threads 101, 102, ... of process 100: as far as they can be of one process. */
static void wish_threads(struct kg_symex *x, const struct refutation *ref)
{
	g_autoptr(GPtrArray) done = g_ptr_array_new();

	for (guint i = 0; i < ref->n; i++) {
		const struct kg_thread *thread = ref->moments[i]->event->thread;
		if (g_ptr_array_find(done, thread, NULL))
			continue;
		g_ptr_array_add(done, (gpointer)thread);
		wish(x, kg_terms.extract(x, thread->pid_tgid, 63, 32), 32, 100);
		wish(x, kg_terms.extract(x, thread->pid_tgid, 31, 0), 32, 100 + done->len);
	}
}

/* Texts and addresses of 16 bytes first: of a number that is a part of one nothing is wished. 2001:db8::n as above. */
static void wish_wholes(struct wishing *w, const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads)
{
	const struct kg_event *last = ref->moments[ref->n - 1]->event;

	if (ref->wanted && ref->wanted->kind == KG_EXPR_STRING && ref->wanted->word.term && !fact_tells_text(ref, reads, ref->wanted->word))
		wish_text(w, ref->wanted->space, ref->wanted->word, TRUE);
	if (ref->wanted && ref->wanted->kind == KG_EXPR_BYTES && ref->wanted->is_text)
		wish_bytes(w, ref->wanted->bytes, ref->wanted->n_bytes);
	for (guint i = 0; i < reads->len; i++) {
		const struct kg_read *read = reads->pdata[i];
		if (fact_is_text(read))
			wish_text(w, read->space, read->address, read->is_string);
		else if (read->half)
			wish(w->x, read->value, 64, read->is_second_half ? (uint64_t)(1 + w->n_addresses++) << 56 : 0x00000000b80d0120ull);
		else if (read->n_bytes == 16)
			wish_ipv6(w, read);
	}
	for (guint i = 0; i < inputs->len; i++)
		if (fact_is_hidden(inputs->pdata[i]))
			wish_text(w, KG_SPACE_KERNEL, fact_text_address(w->x, last, inputs->pdata[i]), TRUE);
}

/* Of several events: at 1 us and at 5 us, and between them at 3 us, as far as the program's way allows that. FALSE: no time matters. */
static gboolean wish_times(struct kg_symex *x, const struct refutation *ref, const GPtrArray *inputs)
{
	static const uint64_t first[] = {1000, 0}, last[] = {5000, 1500, 9001000, 20001000, 5000001000, 0}, middle[] = {3000, 4500, 0};

	if (!fact_tells_time(ref, inputs))
		return FALSE;
	for (guint i = 0; i < ref->n; i++) {
		guint k = i == 0 ? 0 : i == 1 ? ref->n - 1 : i - 1; /* those at the ends first */
		const uint64_t *ns = k == 0 ? first : k == ref->n - 1 ? last : middle;
		while (*ns && !wish(x, ref->moments[k]->event->time, 64, *ns))
			ns++;
	}
	return TRUE;
}

static void wish_all(struct kg_symex *x, const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads)
{
	struct wishing w = {.x = x};
	gboolean has_times = wish_times(x, ref, inputs);
	guint nth;

	wish_wholes(&w, ref, inputs, reads);
	for (guint i = 0; i < inputs->len; i++) {
		const struct kg_input *input = inputs->pdata[i];
		if (fact_is_element(input, &nth))
			wish_element(&w, input, nth);
		else if (!fact_is_hidden(input) && !(has_times && g_str_has_prefix(input->name, "nsecs")))
			wish_number(&w, input->name, input->type, input->word, input->width, input->is_big_endian, input->is_signed);
	}
	for (guint i = 0; i < reads->len; i++) {
		const struct kg_read *read = reads->pdata[i];
		if (read->n_bytes <= 8 && !fact_is_text(read) && !read->half && !fact_is_covered(ref, inputs, reads, read))
			wish_number(&w, read->name ? read->name : "", read->type, read->value, 8 * read->n_bytes, read->is_big_endian, read->is_signed);
	}
}

/* Addresses that nothing is read at have no place yet. */
static void wish_pointers(struct kg_symex *x, const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads)
{
	gboolean is_call = ref->moments[0]->event->kind == KG_PROBE_TRACEPOINT && g_str_has_prefix(ref->moments[0]->event->target, "syscalls:");
	guint n = 0;

	for (guint i = 0; i < inputs->len; i++) {
		const struct kg_input *input = inputs->pdata[i];
		if (input->width == 64 && input->type && strchr(input->type, '*'))
			wish(x, input->word, 64, (is_call ? 0x00007f1000000000ull : 0xffff889000000000ull) + 0x100000ull * ++n);
	}
	for (guint i = 0; i < reads->len; i++) {
		const struct kg_read *read = reads->pdata[i];
		if (read->n_bytes == 8 && read->type && strchr(read->type, '*'))
			wish(x, read->value, 64, 0xffff88a000000000ull + 0x100000ull * ++n);
	}
}

/*
 * Memory is a constant for each address term (solver.c): two that come to the same number would be two bytes at one place. So every object that is
 * read gets a place of its own, where that is possible.
 */
static void spread_addresses(struct kg_symex *x, const struct kg_path *path)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < path->reads->len; i++) {
		const struct kg_read *read = path->reads->pdata[i];
		struct kg_word base = kg_symex_base(x, read->address);

		if (!base.term || !g_hash_table_add(seen, base.term))
			continue;
		wish(x, base, 64, (read->space == KG_SPACE_USER ? 0x00007f0000000000ull : 0xffff888000000000ull) + 0x100000ull * (i + 1));
	}
}

/* ---------------------------------------------------------------- replay */

static enum kg_answer before_of_world(void *user, int map, const struct kg_word *key, guint n_key, const struct kg_word **ret)
{
	(void)user;
	(void)map;
	(void)key;
	(void)n_key;
	(void)ret;
	return KG_UNKNOWN; /* the replay compares what is there behind the run */
}

/* What both can tell: that an entry was deleted, and a max or min that did not move is known to the proof alone. */
struct comparable {
	GPtrArray *values;  /* struct seen * */
	GPtrArray *changes; /* struct seen_change * */
};

static struct comparable comparable_of(const struct seen_all *all)
{
	struct comparable c = {g_ptr_array_new(), g_ptr_array_new()};
	g_autoptr(GHashTable) unchanged = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < all->changes->len; i++) {
		struct seen_change *change = &g_array_index(all->changes, struct seen_change, i);
		if (change->is_unchanged)
			g_hash_table_add(unchanged, GUINT_TO_POINTER(change->group + 1));
		else if (!change->is_deleted) /* deleting what is not there is no change to the interpreter */
			g_ptr_array_add(c.changes, change);
	}
	for (guint i = 0; i < all->values->len; i++) {
		struct seen *seen = all->values->pdata[i];
		if (!g_hash_table_contains(unchanged, GUINT_TO_POINTER(seen->group + 1)))
			g_ptr_array_add(c.values, seen);
	}
	return c;
}

static void comparable_clear(struct comparable *c)
{
	g_ptr_array_unref(c->values);
	g_ptr_array_unref(c->changes);
}

static char *value_differs(struct kg_symex *x, const struct seen *a, const struct seen *b)
{
	for (guint k = 0; k < a->shape.size; k++)
		if ((kg_symex_value(x, a->bytes[k]) & 0xff) != (b->bytes[k].bits & 0xff))
			return g_strdup_printf("byte %u of %s is %#x in the replay and %#x in the proof", k, a->text ? a->text : "a value",
					       (guint)b->bytes[k].bits & 0xff, (guint)kg_symex_value(x, a->bytes[k]) & 0xff);
	return NULL;
}

static char *change_differs(struct kg_symex *x, const struct seen_change *a, const struct seen_change *b)
{
	if (a->map != b->map || a->is_deleted != b->is_deleted)
		return g_strdup_printf("%s is changed in another way in the replay", a->name);
	for (guint k = 0; k < a->n_value && !a->is_deleted; k++)
		if ((kg_symex_value(x, a->after[k]) & 0xff) != (b->after[k].bits & 0xff))
			return g_strdup_printf("%s differs between the replay and the proof", a->name);
	return NULL;
}

/* What was seen is the same, byte by byte, in the proof's model and in the interpreter's run. */
static gboolean same_values(struct kg_symex *x, const struct seen_all *proof, const struct seen_all *replay, char **ret_why)
{
	struct comparable a = comparable_of(proof), b = comparable_of(replay);

	if (a.values->len != b.values->len || a.changes->len != b.changes->len || proof->n_records != replay->n_records)
		*ret_why = g_strdup_printf("the replay shows %u values, %u changes of maps and %u records, the proof %u, %u and %u", b.values->len,
					   b.changes->len, replay->n_records, a.values->len, a.changes->len, proof->n_records);
	for (guint i = 0; !*ret_why && i < a.values->len; i++)
		*ret_why = value_differs(x, a.values->pdata[i], b.values->pdata[i]);
	for (guint i = 0; !*ret_why && i < a.changes->len; i++)
		*ret_why = change_differs(x, a.changes->pdata[i], b.changes->pdata[i]);
	comparable_clear(&a);
	comparable_clear(&b);
	return !*ret_why;
}

struct kg_map_entry *replay_entry_copy(const struct kg_map_entry *entry)
{
	struct kg_map_entry *copy = g_new0(struct kg_map_entry, 1);

	copy->map = entry->map;
	copy->key = g_bytes_ref(entry->key);
	copy->value = g_bytes_ref(entry->value);
	return copy;
}

struct replaying {
	struct judge *j;
	struct kg_symex *x;
	GPtrArray *runs; /* struct replayed *, in order; maps go from run to run */
};

/* Run one program on the state that the proof found. */
static gboolean replay_run(struct replaying *r, guint nth, const struct kg_event *event, guint program, const struct kg_path *path, char **ret_why)
{
	const struct replayed *last = r->runs->len ? r->runs->pdata[r->runs->len - 1] : NULL;
	struct replayed *now = g_new0(struct replayed, 1);
	_cleanup_error_ struct kg_error e = {0};
	gboolean ok;

	*now = (struct replayed){.world = kg_symex_world(r->x, r->j->object, event, path), .event = nth, .program = program};
	if (last) {
		g_ptr_array_set_size(now->world->entries, 0);
		for (guint k = 0; k < last->run.entries->len; k++)
			g_ptr_array_add(now->world->entries, replay_entry_copy(last->run.entries->pdata[k]));
	}
	ok = kg_interp_run(r->j->object, program, now->world, NULL, &now->run, &e) == 0 && now->run.is_complete;
	if (!ok)
		*ret_why = g_strdup_printf("the replay did not reach its end: %s", now->run.why ? now->run.why : e.msg ? e.msg : "no reason");
	g_ptr_array_add(r->runs, now);
	return ok;
}

/* What the last run showed, together with what those before it showed of the same event. */
static void look_at_run(struct replaying *r, guint program, struct seen_all **seen)
{
	const struct replayed *last = r->runs->pdata[r->runs->len - 1];
	struct seen_all *more = seer_look(r->j->seer, program, last->run.effects, before_of_world, NULL);

	if (*seen)
		seen_all_join(*seen, more);
	else
		*seen = more;
}

/* Run all events of the counterexample one after the other on the instructions. */
static guint n_on_event(const struct refutation *ref, guint i)
{
	return ref->siblings ? ref->siblings[i].n : 1;
}

static gboolean replays(struct judge *j, const struct refutation *ref, GPtrArray *runs, char **ret_why)
{
	struct replaying r = {.j = j, .x = ref->moments[0]->x, .runs = runs};
	struct seen_all *seen = NULL;
	const guint last = ref->n - 1;
	gboolean ok = TRUE;

	for (guint i = 0; ok && i < ref->n; i++)
		for (guint k = 0; ok && k < n_on_event(ref, i); k++) {
			guint program = ref->siblings ? ref->siblings[i].programs[k] : ref->moments[i]->program;

			ok = replay_run(&r, i, ref->moments[i]->event, program, ref->siblings ? ref->siblings[i].paths[k] : ref->paths[i], ret_why);
			if (ok && i == last)
				look_at_run(&r, program, &seen);
		}
	if (ok)
		ok = same_values(r.x, ref->seen, seen, ret_why);
	seen_all_free(seen);
	return ok;
}

/* ---------------------------------------------------------------- all of it */

static void gather_words(const struct refutation *ref, GArray *words)
{
	struct moment *last = ref->moments[ref->n - 1];

	if (ref->shown)
		value_words_seen(ref->shown, words);
	for (guint i = 0; ref->shown_keys && i < ref->shown_keys->len; i++)
		value_words_seen(ref->shown_keys->pdata[i], words);
	if (ref->wanted)
		value_words_wanted(last, ref->wanted, words);
	if (fact_shows_others(ref))
		for (guint i = 0; i < ref->seen->values->len; i++)
			value_words_seen(ref->seen->values->pdata[i], words);
	g_array_append_val(words, ref->condition);
	for (guint i = 0; i < ref->n && ref->tells_path; i++) {
		g_autoptr(GArray) decisions = kg_symex_decisions(ref->paths[i]);
		g_array_append_vals(words, decisions->data, decisions->len);
	}
}

/* The lines of a C program where the path decided, in order. */
static void add_lines(struct judge *j, const struct refutation *ref, GPtrArray *lines)
{
	for (guint i = 0; i < ref->n; i++)
		for (guint k = 0; k < ref->paths[i]->pcs->len; k++) {
			struct kg_loc loc = seer_line(j->seer, ref->moments[i]->program, g_array_index(ref->paths[i]->pcs, guint, k) / 2);
			const struct kg_loc *last = lines->len ? lines->pdata[lines->len - 1] : NULL;
			if (loc.line && !(last && last->line == loc.line))
				g_ptr_array_add(lines, g_memdup2(&loc, sizeof(loc)));
		}
}

void refute(struct judge *j, struct kg_obligation_result *r, const struct refutation *ref)
{
	struct moment *last = ref->moments[ref->n - 1];
	g_autoptr(GArray) words = g_array_new(FALSE, FALSE, sizeof(struct kg_word));
	g_autoptr(GPtrArray) inputs = NULL, reads = NULL, runs = replayed_list();
	struct kg_counterexample *ce;
	g_autofree char *why = NULL;

	if (kg_symex_can(last->x, ref->condition) != KG_YES) {
		result_unknown(r, "%s, as it seems, but no state that shows it was found: %s", ref->why ? ref->why : "it does not hold", kg_symex_reason(last->x));
		return;
	}
	kg_symex_prefer_cleared(last->x);
	gather_words(ref, words);
	kg_symex_support(last->x, ref->paths[ref->n - 1], (const struct kg_word *)words->data, words->len, &inputs, &reads);
	kg_symex_look_at(last->x, last->event);
	if (ref->n > 1 || !ref->shown)
		wish_threads(last->x, ref);
	wish_all(last->x, ref, inputs, reads);
	for (guint i = 0; i < ref->n; i++)
		spread_addresses(last->x, i + 1 < ref->n ? ref->paths[i] : ref->paths[ref->n - 1]);
	wish_pointers(last->x, ref, inputs, reads);
	if (!replays(j, ref, runs, &why)) {
		if (proof_is_stopped(j->opts))
			result_unknown(r, "it was interrupted while a counterexample was made");
		else
			result_unknown(r, "a counterexample was found, but does not replay (a mistake of kgent's): %s", why);
		return;
	}
	ce = counter_write(ref, inputs, reads);
	ce->is_replayed = TRUE;
	add_lines(j, ref, ce->lines);
	if (!r->counterexamples->len) {
		g_free(r->why);
		r->why = g_strdup(ref->why);
		g_free(r->mend);
		r->mend = g_strdup(ref->mend);
		r->loc = ref->loc;
	}
	r->word = KG_PROOF_REFUTED;
	g_ptr_array_set_free_func(r->counterexamples, counterexample_free);
	g_ptr_array_add(r->counterexamples, ce);
	path_later(j, ce, g_steal_pointer(&runs));
}

/* ---------------------------------------------------------------- for others */

void counter_wish(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads)
{
	struct kg_symex *x = ref->moments[0]->x;

	if (ref->n > 1)
		wish_threads(x, ref);
	wish_all(x, ref, inputs, reads);
}

void counter_spread(struct kg_symex *x, const struct kg_path *path)
{
	spread_addresses(x, path);
}
