/*
 * What is asked of every program, whatever the contract says: byte order, addresses, error returns, user memory, records without holes.
 *
 * A contract's `allow` waives one of them, with a reason.
 */
#include "judge.h"

#include <string.h>

static const struct {
	enum kg_obligation_kind kind;
	const char *what;
} built_ins[] = {
	{KG_OBLIGATION_BYTE_ORDER, "numbers in network order are converted before they are shown"},
	{KG_OBLIGATION_ADDRESS, "no address is shown as a value"},
	{KG_OBLIGATION_ERROR, "error returns are not added up"},
	{KG_OBLIGATION_USER_MEMORY, "user memory is read as user memory"},
	{KG_OBLIGATION_RECORD, "every byte of a record was written by the program"},
};

static gboolean is_waived(const struct judge *j, enum kg_obligation_kind kind)
{
	for (guint i = 0; j->contract && i < j->contract->waivers->len; i++)
		if (((struct kg_contract_waiver *)j->contract->waivers->pdata[i])->kind == kind)
			return TRUE;
	return FALSE;
}

void judge_built_in_begin(struct judge *j)
{
	for (guint i = 0; i < G_N_ELEMENTS(built_ins); i++)
		if (!is_waived(j, built_ins[i].kind))
			result_of_built_in(j, built_ins[i].kind, built_ins[i].what);
}

void judge_built_in_unknown(struct judge *j, const char *why)
{
	for (guint i = 0; i < G_N_ELEMENTS(built_ins); i++)
		if (!is_waived(j, built_ins[i].kind))
			result_unknown(result_of_built_in(j, built_ins[i].kind, NULL), "%s", why);
}

struct path_of {
	struct judge *j;
	struct moment *m;
	const struct kg_path *path;
	const struct seen_all *seen;
};

static struct kg_obligation_result *open_result(const struct path_of *p, enum kg_obligation_kind kind)
{
	struct kg_obligation_result *r;

	if (is_waived(p->j, kind))
		return NULL;
	r = result_of_built_in(p->j, kind, NULL);
	r->n_paths++;
	return result_is_open(p->j, r) ? r : NULL;
}

static void wrong(const struct path_of *p, struct kg_obligation_result *r, const struct seen *shown, struct kg_word condition, const char *why, const char *wanted,
		  const char *mend)
{
	struct refutation ref = {.moments = {p->m}, .paths = {p->path}, .n = 1, .seen = p->seen, .shown = shown, .condition = condition, .why = why,
				 .wanted_text = wanted, .mend = mend};
	const struct kg_bt_probe *probe = seer_probe(p->j->seer, p->m->program);

	ref.loc = shown && shown->loc.line ? shown->loc : probe ? probe->loc : (struct kg_loc){0};
	refute(p->j, r, &ref);
}

static gboolean same(struct kg_word a, struct kg_word b)
{
	return a.term == b.term && (a.term || a.bits == b.bits);
}

/* Is the seen number just this word, extended? */
static gboolean is_just(struct kg_symex *x, const struct seen *s, struct kg_word w, guint width)
{
	struct kg_word number = value_number(x, s);

	return same(number, kg_terms.extend(x, w, width, 64, FALSE)) || (width < 64 && same(number, kg_terms.extend(x, w, width, 64, TRUE)));
}

static void ask_byte_order(const struct path_of *p)
{
	struct kg_obligation_result *r = open_result(p, KG_OBLIGATION_BYTE_ORDER);
	g_autoptr(GPtrArray) inputs = NULL, reads = NULL;

	for (guint i = 0; r && i < p->seen->values->len; i++) {
		const struct seen *s = p->seen->values->pdata[i];
		gboolean is_raw = FALSE;

		if (s->shape.kind != SHAPE_INT || (!p->j->program && s->shape.size > 2))
			continue; /* addresses of 4 bytes in a C program's record are its reader's to show */
		g_clear_pointer(&inputs, g_ptr_array_unref);
		g_clear_pointer(&reads, g_ptr_array_unref);
		kg_symex_support(p->m->x, p->path, s->bytes, s->shape.size, &inputs, &reads);
		for (guint k = 0; k < inputs->len; k++) {
			const struct kg_input *in = inputs->pdata[k];
			is_raw |= in->is_big_endian && in->width <= 32 && is_just(p->m->x, s, in->word, in->width);
		}
		for (guint k = 0; k < reads->len; k++) {
			const struct kg_read *in = reads->pdata[k];
			is_raw |= in->is_big_endian && in->n_bytes <= 4 && is_just(p->m->x, s, in->value, 8 * in->n_bytes);
		}
		if (is_raw) {
			g_autofree char *mend = g_strdup_printf("bswap(%s)", s->text);
			wrong(p, r, s, KG_WORD(1), "it is shown as the kernel keeps it (big endian)", "the number in host byte order", mend);
			return;
		}
	}
}

static gboolean is_pointer(const char *type)
{
	return type && strchr(type, '*');
}

static void ask_address(const struct path_of *p)
{
	struct kg_obligation_result *r = open_result(p, KG_OBLIGATION_ADDRESS);

	for (guint i = 0; r && i < p->seen->values->len; i++) {
		const struct seen *s = p->seen->values->pdata[i];
		g_autoptr(GPtrArray) inputs = NULL, reads = NULL;
		gboolean is_address = FALSE;

		if (s->shape.kind != SHAPE_INT || s->where == SEEN_KEY || (s->node && g_hash_table_contains(p->j->matched, s->node)))
			continue; /* a key that is an address tells entries apart; a value that the contract wants is wanted */
		kg_symex_support(p->m->x, p->path, s->bytes, s->shape.size, &inputs, &reads);
		for (guint k = 0; k < inputs->len; k++) {
			const struct kg_input *in = inputs->pdata[k];
			is_address |= in->width == 64 && is_pointer(in->type) && is_just(p->m->x, s, in->word, 64);
		}
		for (guint k = 0; k < reads->len; k++) {
			const struct kg_read *in = reads->pdata[k];
			is_address |= in->n_bytes == 8 && is_pointer(in->type) && is_just(p->m->x, s, in->value, 64);
		}
		if (is_address) {
			wrong(p, r, s, KG_WORD(1), "an address is shown, not what is there", "what the pointer points to", NULL);
			return;
		}
	}
}

static gboolean is_return(const char *name)
{
	return g_str_has_prefix(name, "args->ret") || g_str_has_prefix(name, "retval") || g_str_has_prefix(name, "args->retval");
}

/* A signed result that can be below zero on this path, added up as it is. */
static void ask_error(const struct path_of *p)
{
	struct kg_obligation_result *r = open_result(p, KG_OBLIGATION_ERROR);
	struct kg_symex *x = p->m->x;

	for (guint i = 0; r && i < p->seen->changes->len; i++) {
		const struct seen_change *c = &g_array_index(p->seen->changes, struct seen_change, i);
		struct kg_word added;

		if (c->is_scratch || c->is_deleted || c->was_there == KG_UNKNOWN || (c->aggregate != KG_AGGREGATE_SUM && c->aggregate != KG_AGGREGATE_AVG &&
									       c->aggregate != KG_AGGREGATE_STATS))
			continue;
		added = value_join(x, c->after, c->n_value, FALSE);
		if (c->was_there == KG_YES)
			added = kg_terms.binary(x, KG_OP_SUB, 64, added, value_join(x, c->before, c->n_value, FALSE));
		for (guint k = 0; k < p->m->event->fields->len; k++) {
			const struct kg_input *in = p->m->event->fields->pdata[k];
			struct kg_word is_error;
			if (!is_return(in->name) || in->width != 64 || !same(added, in->word))
				continue;
			is_error = kg_terms.binary(x, KG_OP_SLT, 64, in->word, KG_WORD(0));
			if (kg_symex_can(x, is_error) != KG_NO) {
				struct seen shown = {.where = SEEN_VALUE, .shape = {.kind = SHAPE_INT, .size = 8, .align = 8}, .bytes = NULL, .loc = c->loc,
						     .text = (char *)c->name, .is_signed = TRUE};
				struct kg_word bytes[8];
				for (guint b = 0; b < 8; b++)
					bytes[b] = kg_terms.extract(x, added, 8 * b + 7, 8 * b);
				shown.bytes = bytes;
				wrong(p, r, &shown, is_error, "a failed call's error number is added up as if it were a size", "nothing",
				      g_str_has_prefix(in->name, "retval") ? "/(int64)retval >= 0/" : "/args->ret >= 0/"); /* retval is unsigned there */
				return;
			}
		}
	}
}

static void ask_user_memory(const struct path_of *p)
{
	struct kg_obligation_result *r = open_result(p, KG_OBLIGATION_USER_MEMORY);

	for (guint i = 0; r && i < p->path->reads->len; i++) {
		const struct kg_read *read = p->path->reads->pdata[i];
		if (read->is_wrong_space) {
			g_autofree char *why = g_strdup_printf("%s is %s memory, and is read as %s memory", read->name ? read->name : "it",
							       read->space == KG_SPACE_KERNEL ? "user" : "kernel",
							       read->space == KG_SPACE_KERNEL ? "kernel" : "user");
			wrong(p, r, NULL, KG_WORD(1), why, "what is in that memory", read->space == KG_SPACE_KERNEL ? "uptr()" : "kptr()");
			return;
		}
	}
}

static void ask_record(const struct path_of *p)
{
	struct kg_obligation_result *r = open_result(p, KG_OBLIGATION_RECORD);

	for (guint i = 0; r && i < p->path->effects->len; i++) {
		const struct kg_bpf_effect *effect = p->path->effects->pdata[i];
		for (guint k = 0; effect->kind == KG_BPF_RECORD && effect->is_set && k < effect->n_value; k++)
			if (!effect->is_set[k]) {
				g_autofree char *why = g_strdup_printf("byte %u of a record of %u bytes was never written: it carries what was in memory before", k,
								       effect->n_value);
				wrong(p, r, NULL, KG_WORD(1), why, "0, or what the program wrote", "clear the record before it is filled");
				return;
			}
	}
}

void judge_built_in_path(struct judge *j, struct moment *m, const struct kg_path *path, const struct seen_all *seen)
{
	const struct path_of p = {j, m, path, seen};

	ask_byte_order(&p);
	ask_address(&p);
	ask_error(&p);
	ask_user_memory(&p);
	ask_record(&p);
}
