/*
 * What a counterexample says: the values that matter, by the names and in the words that people know. Each stands with the event that it belongs to.
 */
#include "judge.h"
#include "proof.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define MAX_FACTS 12 /* of the inputs, and as many pieces of memory */
#define MAX_SHOWN 4  /* of values that are not what was asked for */

/* ---------------------------------------------------------------- values */

void fact_free(gpointer p)
{
	struct kg_fact *fact = p;

	g_free(fact->name);
	g_free(fact->type);
	g_free(fact->value);
	g_free(fact->plain);
	g_free(fact);
}

struct kg_ce_event *ce_event_new(const char *attach)
{
	struct kg_ce_event *event = g_new0(struct kg_ce_event, 1);

	event->attach = g_strdup(attach);
	event->facts = g_ptr_array_new_with_free_func(fact_free);
	event->path = g_ptr_array_new_with_free_func(step_free);
	event->other_path = g_ptr_array_new_with_free_func(step_free);
	return event;
}

void ce_event_free(gpointer p)
{
	struct kg_ce_event *event = p;

	g_free(event->attach);
	g_free(event->thread);
	g_ptr_array_unref(event->facts);
	g_ptr_array_unref(event->path);
	g_ptr_array_unref(event->other_path);
	g_free(event);
}

void counterexample_free(gpointer p)
{
	struct kg_counterexample *ce = p;

	if (!ce)
		return;
	g_ptr_array_unref(ce->events);
	g_ptr_array_unref(ce->lines);
	g_free(ce->shown);
	g_free(ce->wanted);
	g_free(ce->from);
	g_free(ce);
}

static struct kg_fact *fact_new(GPtrArray *facts, const char *name, const char *type)
{
	struct kg_fact *fact = g_new0(struct kg_fact, 1);

	fact->name = g_strdup(name);
	fact->type = g_strdup(type);
	g_ptr_array_add(facts, fact);
	return fact;
}

/* What a number means to a person. */
static char *plain_of(const char *name, uint64_t value, guint width, gboolean is_big_endian, gboolean is_signed)
{
	gint64 number = is_signed && width < 64 ? (gint64)(value << (64 - width)) >> (64 - width) : (gint64)value;

	if (is_big_endian && width == 16)
		return g_strdup_printf("%u in network order", GUINT16_SWAP_LE_BE((guint16)value));
	if (is_big_endian && width == 32)
		return g_strdup_printf("%u.%u.%u.%u", (guint)value & 255, (guint)(value >> 8) & 255, (guint)(value >> 16) & 255, (guint)(value >> 24) & 255);
	if (number < 0 && number > -4096 && (strstr(name, "ret") || strstr(name, "err")))
		return g_strdup(g_strerror((int)-number));
	if (strstr(name, "family") && (value == 2 || value == 10))
		return g_strdup(value == 2 ? "AF_INET" : "AF_INET6");
	return NULL;
}

static char *number_of(uint64_t value, guint width, const char *type, gboolean is_big_endian, gboolean is_signed)
{
	if ((type && strchr(type, '*')) || is_big_endian)
		return g_strdup_printf("%#" G_GINT64_MODIFIER "x", value);
	if (is_signed && width < 64)
		value = (uint64_t)((gint64)(value << (64 - width)) >> (64 - width));
	return is_signed ? g_strdup_printf("%" G_GINT64_FORMAT, (gint64)value) : g_strdup_printf("%" G_GUINT64_FORMAT, value);
}

static void input_fact(struct kg_symex *x, GPtrArray *facts, const struct kg_input *input)
{
	uint64_t value = kg_symex_value(x, input->word);
	struct kg_fact *fact = fact_new(facts, input->name, input->type);

	fact->value = number_of(value, input->width, input->type, input->is_big_endian, input->is_signed);
	fact->plain = plain_of(input->name, value, input->width, input->is_big_endian, input->is_signed);
}

/* The two halves of an address are one fact. */
static void halves_fact(struct kg_symex *x, GPtrArray *facts, const struct kg_read *read)
{
	struct kg_word low = read->value;
	char text[INET6_ADDRSTRLEN] = "?";
	uint64_t both[2];

	if (!read->is_second_half || kg_symex_read(x, read->space, kg_terms.binary(x, KG_OP_SUB, 64, read->address, KG_WORD(8)), 8, &low))
		return;
	both[0] = kg_symex_value(x, low);
	both[1] = kg_symex_value(x, read->value);
	inet_ntop(AF_INET6, both, text, sizeof(text));
	fact_new(facts, read->name, read->type)->value = g_strdup(text);
}

gboolean fact_is_text(const struct kg_read *read)
{
	return read->is_string || (read->n_bytes > 8 && read->type && g_str_has_prefix(read->type, "char"));
}

static char *bytes_text(const guint8 *bytes, guint n, gboolean is_text)
{
	char address[INET6_ADDRSTRLEN];
	GString *s;

	if (is_text) {
		g_autofree char *text = g_strndup((const char *)bytes, n), *escaped = g_strescape(text, NULL);
		return g_strdup_printf("\"%s\"", escaped);
	}
	if ((n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, address, sizeof(address)))
		return g_strdup(address);
	s = g_string_new(NULL);
	for (guint i = 0; i < n; i++)
		g_string_append_printf(s, "%02x", bytes[i]);
	return g_string_free(s, FALSE);
}

static void read_fact(struct kg_symex *x, GPtrArray *facts, const struct kg_read *read)
{
	g_autofree char *name = g_strdup_printf("%s%s", read->name ? read->name : "memory that the program reads",
						read->is_wrong_space ? ", as memory of the kernel" : "");
	guint8 bytes[64] = {0};
	struct kg_fact *fact;
	guint n = MIN(read->n_bytes, sizeof(bytes));

	if (read->half) {
		halves_fact(x, facts, read);
		return;
	}
	fact = fact_new(facts, name, read->type);
	if (!fact_is_text(read) && read->n_bytes <= 8) {
		uint64_t value = kg_symex_value(x, read->value);
		fact->value = number_of(value, 8 * read->n_bytes, read->type, read->is_big_endian, read->is_signed);
		fact->plain = plain_of(fact->name, value, 8 * read->n_bytes, read->is_big_endian, read->is_signed);
		return;
	}
	for (guint i = 0; i < n; i++) {
		struct kg_word byte;
		if (read->is_string)
			byte = kg_symex_text_byte(x, read->space, read->address, i);
		else if (kg_symex_read(x, read->space, kg_terms.binary(x, KG_OP_ADD, 64, read->address, KG_WORD(i)), 1, &byte))
			break;
		bytes[i] = (guint8)kg_symex_value(x, byte);
	}
	fact->value = bytes_text(bytes, n, fact_is_text(read));
}

static char *thread_text(struct kg_symex *x, const struct kg_thread *thread)
{
	uint64_t both = kg_symex_value(x, thread->pid_tgid);

	return g_strdup_printf("thread %u of process %u", (guint)both, (guint)(both >> 32));
}

/* ---------------------------------------------------------------- arrays of bytes */

gboolean fact_is_element(const struct kg_input *input, guint *ret_nth)
{
	const char *open = strrchr(input->name, '[');

	if (input->width != 8 || !open || !g_ascii_isdigit(open[1]) || !strchr(open, ']'))
		return FALSE;
	*ret_nth = (guint)g_ascii_strtoull(open + 1, NULL, 10);
	return TRUE;
}

/* Where a text of a record lies in it: not this number, but the text matters. */
gboolean fact_is_hidden(const struct kg_input *input)
{
	return input->type && !strcmp(input->type, "__data_loc");
}

/* Is there a read of the text, which is a fact of its own? */
static gboolean is_read(const struct kg_input *input, const GPtrArray *reads)
{
	g_autofree char *name = g_strdup_printf("str(%s)", input->name);

	for (guint i = 0; i < reads->len; i++)
		if (!g_strcmp0(((struct kg_read *)reads->pdata[i])->name, name))
			return TRUE;
	return FALSE;
}

/* The address of the text that a field of a record tells: the lower half of its number says where. */
struct kg_word fact_text_address(struct kg_symex *x, const struct kg_event *event, const struct kg_input *input)
{
	return kg_terms.binary(x, KG_OP_ADD, 64, event->context, kg_terms.extend(x, kg_terms.extract(x, input->word, 15, 0), 16, 64, FALSE));
}

static gboolean lies_within(struct kg_symex *x, const struct kg_read *read, struct kg_word address, guint n)
{
	struct kg_word offset = kg_terms.binary(x, KG_OP_SUB, 64, read->address, address);

	return !offset.term && offset.bits < n;
}

gboolean fact_tells_text(const struct refutation *ref, const GPtrArray *reads, struct kg_word address)
{
	for (guint i = 0; i < reads->len; i++)
		if (fact_is_text(reads->pdata[i]) && lies_within(ref->moments[0]->x, reads->pdata[i], address, 1))
			return TRUE;
	return FALSE;
}

gboolean fact_is_covered(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads, const struct kg_read *read)
{
	struct kg_symex *x = ref->moments[0]->x;
	const struct kg_event *last = ref->moments[ref->n - 1]->event;

	if (read->is_wrong_space || fact_is_text(read))
		return FALSE;
	if (ref->wanted && ref->wanted->kind == KG_EXPR_STRING && lies_within(x, read, ref->wanted->word, 64))
		return TRUE;
	if (read->half || read->n_bytes == 16)
		return FALSE;
	for (guint i = 0; i < reads->len; i++) {
		const struct kg_read *whole = reads->pdata[i];
		gboolean is_whole = whole != read && whole->space == read->space && (fact_is_text(whole) || whole->half || whole->n_bytes == 16);
		if (is_whole && lies_within(x, read, whole->address, whole->half ? 8 : whole->n_bytes))
			return TRUE;
	}
	for (guint i = 0; i < inputs->len; i++)
		if (fact_is_hidden(inputs->pdata[i]) && lies_within(x, read, fact_text_address(x, last, inputs->pdata[i]), 256))
			return TRUE;
	/* a part of a text that is asked for */
	return ref->wanted && ref->wanted->kind == KG_EXPR_BYTES && ref->wanted->is_text && read->name && strstr(read->name, " at byte ");
}

/* A text that lies behind the fields of a record. */
static void dynamic_fact(struct kg_symex *x, GPtrArray *facts, const struct kg_event *event, const struct kg_input *input)
{
	struct kg_word at = fact_text_address(x, event, input);
	guint8 bytes[64] = {0};

	for (guint i = 0; i + 1 < sizeof(bytes); i++)
		bytes[i] = (guint8)kg_symex_value(x, kg_symex_text_byte(x, KG_SPACE_KERNEL, at, i));
	fact_new(facts, input->name, input->type)->value = bytes_text(bytes, sizeof(bytes), TRUE);
}

/* The whole field that [element] is a part of, as one fact; again asked for it is there already. */
static void array_fact(struct kg_symex *x, GPtrArray *facts, const struct kg_event *event, const struct kg_input *element)
{
	gsize n_base = (gsize)(strrchr(element->name, '[') - element->name);
	g_autofree char *name = g_strndup(element->name, n_base);
	guint8 bytes[256] = {0};
	guint n = 0, nth;

	for (guint i = 0; i < facts->len; i++)
		if (!strcmp(((struct kg_fact *)facts->pdata[i])->name, name))
			return;
	for (guint i = 0; i < event->fields->len; i++) {
		const struct kg_input *other = event->fields->pdata[i];
		if (!strncmp(other->name, element->name, n_base + 1) && fact_is_element(other, &nth) && nth < sizeof(bytes)) {
			bytes[nth] = (guint8)kg_symex_value(x, other->word);
			n = MAX(n, nth + 1);
		}
	}
	fact_new(facts, name, element->type)->value = bytes_text(bytes, n, element->type && g_str_has_prefix(element->type, "char"));
}

/* ---------------------------------------------------------------- whose they are */

/* "args->ret (2nd event)" stands below the second event: 1, and the name without that. Names of the first event say nothing: 0. */
static guint take_event(char *name)
{
	char *at = strstr(name, " event)"), *open = at ? g_strrstr_len(name, at - name, " (") : NULL;
	guint nth = open ? (guint)g_ascii_strtoull(open + 2, NULL, 10) : 0;

	if (!nth)
		return 0;
	memmove(open, at + strlen(" event)"), strlen(at + strlen(" event)")) + 1);
	return nth - 1;
}

/* What bpftrace calls it. */
static void rename_fact(struct kg_fact *fact)
{
	static const struct {
		const char *member, *name;
	} names[] = {{"curtask->tgid", "pid"}, {"curtask->pid", "tid"}, {"curtask->comm", "comm"}, {"curtask->cred->uid", "uid"}, {"curtask->cred->gid", "gid"},
		     {WHEN_BEGAN, "nsecs when tracing began"}};

	for (guint i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(fact->name, names[i].member)) {
			g_free(fact->name);
			fact->name = g_strdup(names[i].name);
			return;
		}
}

static gboolean is_of_thread(const struct kg_fact *fact)
{
	return g_str_has_prefix(fact->name, "curtask");
}

struct writing {
	const struct refutation *ref;
	struct kg_counterexample *ce;
	struct kg_symex *x;
};

static struct kg_ce_event *event_at(const struct writing *w, guint i)
{
	return w->ce->events->pdata[MIN(i, w->ref->n - 1)];
}

/* Give facts their event and the name that they have there. What is known of a thread stands where it shows: with the last event, if that is in it. */
static void give_out(const struct writing *w, GPtrArray *facts, guint otherwise)
{
	const guint last = w->ref->n - 1;

	g_ptr_array_set_free_func(facts, NULL);
	for (guint i = 0; i < facts->len; i++) {
		struct kg_fact *fact = facts->pdata[i];
		gboolean is_thread = is_of_thread(fact);
		guint event = take_event(fact->name);

		if (!event)
			event = otherwise;
		if (is_thread && w->ref->moments[MIN(event, last)]->event->thread == w->ref->moments[last]->event->thread)
			event = last;
		rename_fact(fact);
		if (event_at(w, event)->thread && (!strcmp(fact->name, "pid") || !strcmp(fact->name, "tid")))
			fact_free(fact); /* it is said already: "thread 101 of process 100" */
		else
			g_ptr_array_add(event_at(w, event)->facts, fact);
	}
	g_ptr_array_set_size(facts, 0);
	g_ptr_array_set_free_func(facts, fact_free);
}

static void write_input(const struct writing *w, const struct kg_input *input, gboolean tells_time)
{
	g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(fact_free);
	guint nth;

	for (guint k = 0; k < w->ref->n; k++) {
		const struct kg_event *event = w->ref->moments[k]->event;
		if (!g_ptr_array_find(event->fields, input, NULL) && !(k + 1 == w->ref->n && input->event == event->index))
			continue;
		if (tells_time && g_str_has_prefix(input->name, "nsecs")) /* said with the event */
			return;
		if (fact_is_hidden(input)) {
			dynamic_fact(w->x, facts, event, input);
			give_out(w, facts, k);
		} else if (fact_is_element(input, &nth)) {
			array_fact(w->x, event_at(w, k)->facts, event, input);
		} else {
			input_fact(w->x, facts, input);
			give_out(w, facts, k);
		}
		return;
	}
}

static void write_read(const struct writing *w, const struct kg_read *read)
{
	g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(fact_free);

	read_fact(w->x, facts, read);
	give_out(w, facts, read->name ? 0 : w->ref->n - 1);
}

/* ---------------------------------------------------------------- all of it */

gboolean fact_tells_time(const struct refutation *ref, const GPtrArray *inputs)
{
	for (guint i = 0; ref->n > 1 && i < inputs->len; i++)
		if (g_str_has_prefix(((struct kg_input *)inputs->pdata[i])->name, "nsecs"))
			return TRUE;
	return FALSE;
}

static void write_events(const struct writing *w, gboolean with_time)
{
	for (guint i = 0; i < w->ref->n; i++) {
		const struct moment *m = w->ref->moments[i];
		struct kg_ce_event *event = ce_event_new(m->point->text);

		event->thread = w->ref->n > 1 ? thread_text(w->x, m->event->thread) : NULL;
		if (with_time)
			fact_new(event->facts, "time", NULL)->value = g_strdup_printf("%" G_GUINT64_FORMAT " ns", kg_symex_value(w->x, m->event->time));
		g_ptr_array_add(w->ce->events, event);
	}
}

gboolean fact_shows_others(const struct refutation *ref)
{
	return ref->seen && !ref->result && !ref->shown_keys && !ref->shown_text && !ref->shown;
}

/* Where none of the values that are shown is what was asked for. */
static char *others_text(const struct writing *w)
{
	GString *s = g_string_new(NULL);
	guint n = 0;

	for (guint i = 0; w->ref->seen && i < w->ref->seen->values->len; i++) {
		const struct seen *seen = w->ref->seen->values->pdata[i];
		g_autofree char *text = seen->where == SEEN_PRINTED && n < MAX_SHOWN ? value_text_seen(w->x, seen, KG_AS_NONE) : NULL;
		if (seen->where != SEEN_PRINTED)
			continue;
		if (n++ == MAX_SHOWN)
			g_string_append(s, ", ...");
		else if (text)
			g_string_append_printf(s, "%s%s", n > 1 ? ", " : "", text);
	}
	if (!s->len)
		g_string_append(s, w->ref->seen && seen_anything(w->ref->seen) ? "something else" : "nothing");
	return g_string_free(s, FALSE);
}

static char *keys_text(const struct writing *w)
{
	const GPtrArray *keys = w->ref->shown_keys;
	GString *s = g_string_new(keys->len ? NULL : "no key");

	for (guint i = 0; i < keys->len; i++) {
		g_autofree char *value = value_text_seen(w->x, keys->pdata[i], KG_AS_NONE);
		g_string_append_printf(s, "%s%s", i ? ", " : "", value);
	}
	return g_string_free(s, FALSE);
}

static char *shown_text(const struct writing *w)
{
	const struct refutation *ref = w->ref;

	if (ref->result)
		return g_strdup_printf("%d", (int)kg_symex_value(w->x, ref->paths[ref->n - 1]->result));
	if (ref->shown_keys)
		return keys_text(w);
	if (ref->shown_text)
		return g_strdup(ref->shown_text);
	return ref->shown ? value_text_seen(w->x, ref->shown, ref->as) : others_text(w);
}

struct kg_counterexample *counter_write(const struct refutation *ref, const GPtrArray *inputs, const GPtrArray *reads)
{
	struct moment *last = ref->moments[ref->n - 1];
	struct writing w = {ref, g_new0(struct kg_counterexample, 1), last->x};
	gboolean with_time = fact_tells_time(ref, inputs);

	kg_symex_look_at(last->x, last->event); /* what is asked for is asked of it */
	w.ce->events = g_ptr_array_new_with_free_func(ce_event_free);
	w.ce->lines = g_ptr_array_new_with_free_func(g_free);
	write_events(&w, with_time);
	for (guint i = 0, n = 0; i < inputs->len && n < MAX_FACTS; i++) {
		const struct kg_input *input = inputs->pdata[i];
		guint nth;
		if ((fact_is_hidden(input) && is_read(input, reads)) || (ref->is_added && g_str_has_prefix(input->name, "what @")))
			continue;
		write_input(&w, input, with_time);
		n += !fact_is_element(input, &nth) || nth == 0;
	}
	for (guint i = 0, n = 0; i < reads->len && n < MAX_FACTS; i++)
		if (!fact_is_covered(ref, inputs, reads, reads->pdata[i])) {
			write_read(&w, reads->pdata[i]);
			n++;
		}
	w.ce->shown = shown_text(&w);
	w.ce->wanted = ref->wanted_text ? g_strdup(ref->wanted_text) : ref->wanted ? value_text_wanted(last, ref->wanted, ref->as) : g_strdup("nothing");
	w.ce->from = ref->shown ? g_strdup(ref->shown->text) : NULL;
	if (ref->loc.line)
		g_ptr_array_add(w.ce->lines, g_memdup2(&ref->loc, sizeof(ref->loc)));
	return w.ce;
}
