/* Moments: an event, and what a contract's expressions mean there. See judge.h. */
#include "judge.h"

#include <string.h>

/* ---------------------------------------------------------------- builtins of expressions */

static int read_memory(void *self, enum kg_space space, struct kg_word address, unsigned n_bytes, struct kg_word *ret, struct kg_error *err)
{
	int r = kg_symex_read(self, space, address, n_bytes, ret);

	return r ? kg_error_set(err, -r, STAGE, "a read of %u bytes", n_bytes) : 0;
}

static struct kg_word part(struct kg_symex *x, struct kg_word w, unsigned high, unsigned low)
{
	return kg_terms.extend(x, kg_terms.extract(x, w, high, low), high - low + 1, 64, FALSE);
}

static int builtin(void *self, const char *name, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_symex *x = self;
	const struct kg_event *event = kg_symex_looked_at(x);
	const struct kg_thread *t = event->thread;

	if (!strcmp(name, "pid"))
		ret->word = part(x, t->pid_tgid, 63, 32);
	else if (!strcmp(name, "tid"))
		ret->word = part(x, t->pid_tgid, 31, 0);
	else if (!strcmp(name, "uid"))
		ret->word = part(x, t->uid_gid, 31, 0);
	else if (!strcmp(name, "gid"))
		ret->word = part(x, t->uid_gid, 63, 32);
	else if (!strcmp(name, "cpu"))
		ret->word = kg_terms.extend(x, event->cpu, 32, 64, FALSE);
	else if (!strcmp(name, "nsecs"))
		ret->word = event->time;
	else if (!strcmp(name, "elapsed"))
		ret->word = kg_terms.binary(x, KG_OP_SUB, 64, event->time, kg_symex_began(x, event->object));
	else if (!strcmp(name, "cgroup"))
		ret->word = t->cgroup;
	else if (!strcmp(name, "curtask"))
		ret->word = t->task;
	else if (!strcmp(name, "comm"))
		memcpy(ret->bytes, t->comm, sizeof(t->comm));
	else if (!strcmp(name, "data"))
		ret->word = (struct kg_word){.bits = KG_AT_PACKET, .region = KG_REGION_PACKET};
	else if (!strcmp(name, "data_end") && event->packet_length)
		ret->word = kg_terms.binary(x, KG_OP_ADD, 64, KG_WORD(KG_AT_PACKET), kg_terms.extend(x, event->packet_length->word, 32, 64, FALSE));
	else
		return kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "%s can't be proved anything about", name);
	return 0;
}

/* ---------------------------------------------------------------- moments */

static struct kg_contract_point *point_of(struct judge *j, guint program)
{
	const struct kg_bpf_program *p = j->object->programs->pdata[program];
	struct kg_contract_point *point = NULL;

	if (p->attach && kg_contract_point_parse(p->attach, &point, NULL) == 0)
		return point;
	return NULL;
}

struct moment *moment_new(struct judge *j, struct kg_symex *x, const struct kg_contract_clause *clause, guint program,
			  struct kg_thread *thread, struct kg_error *err)
{
	struct moment *m = g_new0(struct moment, 1);

	m->x = x;
	m->program = program;
	m->condition = KG_WORD(1);
	m->point = point_of(j, program);
	m->keep = kg_expr_keep_new();
	m->event = m->point ? kg_symex_event(x, j->object, program, thread, err) : NULL;
	if (!m->event) {
		kg_error_set(err, KG_E_UNSUPPORTED, STAGE, "program %u has an attach point that is not understood", program);
		return moment_free(m);
	}
	m->env = (struct kg_expr_env){.algebra = &kg_terms, .self = x, .profile = j->profile, .point = m->point, .context = m->event->context,
				      .keep = m->keep, .read = read_memory, .builtin = builtin};
	if (clause)
		kg_contract_env(j->contract, clause, &m->env);
	return m;
}

struct moment *moment_free(struct moment *m)
{
	if (!m)
		return NULL;
	if (m->values)
		g_hash_table_destroy(m->values);
	kg_contract_point_free(m->point);
	g_ptr_array_unref(m->keep);
	g_free(m);
	return NULL;
}

static int evaluate(struct moment *m, const struct kg_contract_expr *expr, struct kg_expr_value *ret, struct kg_error *err)
{
	kg_symex_look_at(m->x, m->event);
	return kg_expr_eval(expr->node, &m->env, ret, err);
}

int moment_truth(struct moment *m, const struct kg_contract_expr *expr, struct kg_word *ret, struct kg_error *err)
{
	struct kg_expr_value value;
	int r;

	*ret = KG_WORD(1);
	if (!expr || !expr->node)
		return 0;
	r = evaluate(m, expr, &value, err);
	return r ? r : kg_expr_truth(&value, &m->env, ret, err);
}

int moment_assumes(struct moment *m, const GPtrArray *assumes, struct kg_word *ret, struct kg_error *err)
{
	struct kg_word all = KG_WORD(1), one;

	for (guint i = 0; assumes && i < assumes->len; i++) {
		int r = moment_truth(m, assumes->pdata[i], &one, err);
		if (r)
			return r;
		all = kg_terms.binary(m->x, KG_OP_AND, 1, all, one);
	}
	*ret = all;
	return 0;
}

int moment_wanted(struct moment *m, const struct kg_contract_value *value, struct kg_expr_value *ret, struct kg_error *err)
{
	struct kg_expr_value raw;
	int r = evaluate(m, &value->expr, &raw, err);

	return r ? r : kg_expr_shown(&raw, value->as, &m->env, ret, err);
}

const struct kg_contract_expr *moment_only_if(const struct kg_contract_clause *clause)
{
	for (guint i = 0; i < clause->obligations->len; i++) {
		const struct kg_obligation *o = clause->obligations->pdata[i];
		if (o->kind == KG_OBLIGATION_ONLY_IF)
			return &o->condition;
	}
	return NULL;
}
