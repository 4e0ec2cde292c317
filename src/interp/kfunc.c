/*
 * Kernel functions (kfuncs) that programs call. The object names them.
 *
 * Source: Linux 6.18 kernel/bpf/helpers.c, kernel/bpf/bpf_iter.c, Documentation/bpf/kfuncs.rst.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

#define MAX_LOOPS 8388608 /* BPF_MAX_LOOPS */

typedef int (*kfunc_fn)(struct interp *m, const uint64_t arg[5], uint64_t *ret);

static int nothing(struct interp *m, const uint64_t arg[5], uint64_t *ret)
{
	(void)m;
	(void)arg;
	*ret = 0;
	return 0;
}

/* bpf_rdonly_cast(object, type) */
static int same(struct interp *m, const uint64_t arg[5], uint64_t *ret)
{
	(void)m;
	*ret = arg[0];
	return 0;
}

/* struct bpf_iter_num_kern: the number before the next one, and the end; 32 bits each. */
struct numbers {
	int32_t current, end;
};

/* bpf_iter_num_new(it, start, end) */
static int numbers_new(struct interp *m, const uint64_t arg[5], uint64_t *ret)
{
	int32_t start = (int32_t)arg[1], end = (int32_t)arg[2];
	int64_t n = (int64_t)end - start;
	struct numbers it = {0, 0};

	*ret = 0;
	if (start > end)
		*ret = (uint64_t)-EINVAL;
	else if (n > MAX_LOOPS)
		*ret = (uint64_t)-E2BIG;
	else
		it = (struct numbers){(int32_t)((uint32_t)start - 1), end};
	return interp_memory_put(m, arg[0], &it, sizeof(it));
}

/* bpf_iter_num_next(it): where the number stands, or NULL */
static int numbers_next(struct interp *m, const uint64_t arg[5], uint64_t *ret)
{
	const guint8 *bytes;
	struct numbers it;

	if (memory_get(m, arg[0], sizeof(it), &bytes, NULL) < 0)
		return -1;
	memcpy(&it, bytes, sizeof(it));
	*ret = 0;
	if ((int64_t)it.current + 1 >= it.end) {
		it = (struct numbers){0, 0};
	} else {
		it.current++;
		*ret = arg[0];
	}
	return interp_memory_put(m, arg[0], &it, sizeof(it));
}

/* bpf_iter_num_destroy(it) */
static int numbers_destroy(struct interp *m, const uint64_t arg[5], uint64_t *ret)
{
	*ret = 0;
	return memory_zero(m, arg[0], sizeof(struct numbers));
}

static const struct {
	const char *name;
	kfunc_fn call;
} kfuncs[] = {
	{"bpf_rcu_read_lock", nothing},	    {"bpf_rcu_read_unlock", nothing},	   {"bpf_preempt_disable", nothing},
	{"bpf_preempt_enable", nothing},    {"bpf_rdonly_cast", same},		   {"bpf_iter_num_new", numbers_new},
	{"bpf_iter_num_next", numbers_next}, {"bpf_iter_num_destroy", numbers_destroy},
};

int kfunc_call(struct interp *m, int kfunc, const uint64_t arg[5], uint64_t *ret)
{
	const GPtrArray *names = m->object->kfuncs;
	const char *name = names && kfunc >= 0 && (guint)kfunc < names->len ? names->pdata[kfunc] : NULL;

	for (guint i = 0; name && i < G_N_ELEMENTS(kfuncs); i++)
		if (!strcmp(kfuncs[i].name, name))
			return kfuncs[i].call(m, arg, ret);
	return interp_stop(m, "the kernel function %s (%d) is not modelled", name ? name : "?", kfunc);
}
