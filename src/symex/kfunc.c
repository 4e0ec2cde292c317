/*
 * Kernel functions (kfuncs) that programs call, one model each; the object names them. One without a model ends the path, by name.
 *
 * Source: Linux 6.18 kernel/bpf/helpers.c, kernel/bpf/bpf_iter.c, Documentation/bpf/kfuncs.rst.
 */
#include "state.h"

#include <errno.h>
#include <string.h>

#define MAX_LOOPS 8388608 /* BPF_MAX_LOOPS */

typedef int (*kfunc_fn)(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret);

static int nothing(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret)
{
	(void)s;
	(void)arg;
	(void)ret;
	return 0;
}

/* bpf_rdonly_cast(object, type): the same object, of which every member can be read. */
static int same(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret)
{
	(void)s;
	*ret = arg[0];
	return 0;
}

/* ---------------------------------------------------------------- for (i = start; i < end; i++) as an iterator: bpf_for(i, start, end) */

/* struct bpf_iter_num_kern: the number before the next one, and the end; 32 bits each. */
static int set_numbers(struct kg_state *s, struct kg_word at, struct kg_word current, struct kg_word end)
{
	int r = mem_store_word(s, at, 4, current);

	return r ? r : mem_store_word(s, sx_op(s->x, KG_OP_ADD, 64, at, KG_WORD(4)), 4, end);
}

static struct kg_word wide(struct kg_symex *x, struct kg_word w)
{
	return kg_terms.extend(x, w, 32, 64, TRUE);
}

/* bpf_iter_num_new(it, start, end) */
static int numbers_new(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret)
{
	struct kg_symex *x = s->x;
	struct kg_word start = sx_extract(x, arg[1], 31, 0), end = sx_extract(x, arg[2], 31, 0), n;
	gboolean is_backward, is_long = FALSE;
	int r = state_decide(s, sx_op(x, KG_OP_SLT, 32, end, start), &is_backward);

	n = sx_op(x, KG_OP_SUB, 64, wide(x, end), wide(x, start));
	if (r == 0 && !is_backward)
		r = state_decide(s, sx_op(x, KG_OP_SLT, 64, KG_WORD(MAX_LOOPS), n), &is_long);
	if (r)
		return r;
	if (is_backward || is_long) {
		*ret = KG_WORD((uint64_t)(is_backward ? -EINVAL : -E2BIG));
		return set_numbers(s, arg[0], KG_WORD(0), KG_WORD(0));
	}
	return set_numbers(s, arg[0], sx_op(x, KG_OP_SUB, 32, start, KG_WORD(1)), end);
}

/* bpf_iter_num_next(it): where the number stands, or NULL */
static int numbers_next(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret)
{
	struct kg_symex *x = s->x;
	struct kg_word current, end, next;
	gboolean goes_on;
	int r = sx_memory.load(s, arg[0], 4, &current, NULL);

	if (r == 0)
		r = sx_memory.load(s, sx_op(x, KG_OP_ADD, 64, arg[0], KG_WORD(4)), 4, &end, NULL);
	if (r)
		return r;
	next = sx_op(x, KG_OP_ADD, 64, wide(x, current), KG_WORD(1));
	r = state_decide(s, sx_op(x, KG_OP_SLT, 64, next, wide(x, end)), &goes_on);
	if (r)
		return r;
	if (!goes_on)
		return set_numbers(s, arg[0], KG_WORD(0), KG_WORD(0));
	*ret = arg[0];
	return mem_store_word(s, arg[0], 4, sx_extract(x, next, 31, 0));
}

/* bpf_iter_num_destroy(it) */
static int numbers_destroy(struct kg_state *s, const struct kg_word *arg, struct kg_word *ret)
{
	(void)ret;
	return set_numbers(s, arg[0], KG_WORD(0), KG_WORD(0));
}

static const struct {
	const char *name;
	kfunc_fn call;
} kfuncs[] = {
	{"bpf_rcu_read_lock", nothing},	    {"bpf_rcu_read_unlock", nothing},	   {"bpf_preempt_disable", nothing},
	{"bpf_preempt_enable", nothing},    {"bpf_rdonly_cast", same},		   {"bpf_iter_num_new", numbers_new},
	{"bpf_iter_num_next", numbers_next}, {"bpf_iter_num_destroy", numbers_destroy},
};

int sx_kfunc_call(struct kg_state *s, int kfunc)
{
	const GPtrArray *names = s->object->kfuncs;
	const char *name = names && kfunc >= 0 && (guint)kfunc < names->len ? names->pdata[kfunc] : NULL;
	struct kg_word ret = KG_WORD(0);
	int r;

	for (guint i = 0; name && i < G_N_ELEMENTS(kfuncs); i++) {
		if (strcmp(kfuncs[i].name, name))
			continue;
		r = kfuncs[i].call(s, &s->cpu.reg[1], &ret);
		if (r)
			return r;
		s->cpu.reg[0] = ret;
		for (int k = 1; k <= 5; k++)
			s->cpu.reg[k] = KG_WORD(0);
		return 0;
	}
	return state_end(s, "kernel function %s (%d) is not modelled", name ? name : "?", kfunc);
}
