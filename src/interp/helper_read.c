/*
 * Helpers that read memory of the kernel or of the process, or fill the program's with what they know.
 *
 * A probe read never fails in a world, unless the answer of that call is negative; then the destination is zeroed, as the kernel does.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

#define MAX_READ (1u << 20)
#define TASK_SIZE 0x800000000000ull

/* bpf_probe_read() goes by the address where kernel and process do not overlap (x86: CONFIG_ARCH_HAS_NON_OVERLAPPING_ADDRESS_SPACE). */
static enum kg_space space_of(const struct call *c, uint64_t from)
{
	switch (c->helper) {
	case BPF_FUNC_probe_read_user:
	case BPF_FUNC_probe_read_user_str:
	case BPF_FUNC_copy_from_user:
		return KG_SPACE_USER;
	case BPF_FUNC_probe_read:
	case BPF_FUNC_probe_read_str:
		return from < TASK_SIZE ? KG_SPACE_USER : KG_SPACE_KERNEL;
	default:
		return KG_SPACE_KERNEL;
	}
}

static int size_of(struct interp *m, const struct call *c, gsize *ret)
{
	*ret = (uint32_t)c->arg[1];
	if (*ret > MAX_READ)
		return interp_stop(m, "a helper is to read %zu bytes", *ret);
	return 0;
}

int help_probe_read(struct interp *m, struct call *c)
{
	gsize n;
	enum kg_space space = space_of(c, c->arg[2]);

	c->result = answered(c, 0);
	if (size_of(m, c, &n) < 0)
		return -1;
	if ((int64_t)c->result < 0)
		return memory_zero(m, c->arg[0], n);
	g_autofree guint8 *bytes = g_malloc(n + 1);

	for (gsize i = 0; i < n; i++)
		bytes[i] = memory_peek(m, space, c->arg[2] + i);
	return interp_memory_put(m, c->arg[0], bytes, n);
}

/* Of a text of the process, the rest of the word of 8 bytes with the NUL in it is cleared if the buffer has all of it: lib/strncpy_from_user.c. */
static gsize cleared(enum kg_space space, gsize len, gsize n)
{
	gsize end = (len & ~(gsize)7) + 8;

	return space == KG_SPACE_USER && end <= n ? end : len;
}

/* Other bytes behind the NUL stay as they are. The result counts the NUL. */
int help_probe_read_str(struct interp *m, struct call *c)
{
	gsize n, len = 0;
	enum kg_space space = space_of(c, c->arg[2]);

	if (size_of(m, c, &n) < 0)
		return -1;
	if (c->answer && (int64_t)c->answer->result < 0) {
		c->result = c->answer->result;
		return memory_zero(m, c->arg[0], n);
	}
	if (!n)
		return 0;
	g_autofree guint8 *bytes = g_malloc0(n);

	while (len + 1 < n && (bytes[len] = memory_peek(m, space, c->arg[2] + len)))
		len++;
	c->result = len + 1;
	return interp_memory_put(m, c->arg[0], bytes, MAX(len + 1, cleared(space, len, n)));
}

int help_comm(struct interp *m, struct call *c)
{
	gsize n = (uint32_t)c->arg[1], len;
	char comm[16];

	if (c->answer && c->answer->output)
		return put_output(m, c, c->arg[0], n);
	memcpy(comm, m->world->comm, sizeof(comm));
	comm[15] = 0;
	len = MIN(strlen(comm), n ? n - 1 : 0);
	c->result = answered(c, 0);
	if (memory_zero(m, c->arg[0], n) < 0)
		return -1;
	return interp_memory_put(m, c->arg[0], comm, len);
}

/* struct bpf_pidns_info: pid (the thread), tgid; in the namespace that the program named. Here there is one namespace. */
int help_ns_pid(struct interp *m, struct call *c)
{
	uint32_t ids[2] = {(uint32_t)m->world->pid_tgid, (uint32_t)(m->world->pid_tgid >> 32)};

	c->result = answered(c, 0);
	if (c->arg[3] != sizeof(ids)) {
		c->result = (uint64_t)-EINVAL;
		return memory_zero(m, c->arg[2], (uint32_t)c->arg[3]);
	}
	if ((int64_t)c->result < 0)
		return memory_zero(m, c->arg[2], sizeof(ids));
	if (c->answer && c->answer->output)
		return put_output(m, c, c->arg[2], sizeof(ids));
	return interp_memory_put(m, c->arg[2], ids, sizeof(ids));
}

/* The answer's bytes go to r2, r3 bytes of them (bpf_get_stack(ctx, buf, size), bpf_d_path(path, buf, size), ...). */
int help_output_at_1(struct interp *m, struct call *c)
{
	c->result = answered(c, 0);
	return put_output(m, c, c->arg[1], (uint32_t)c->arg[2]);
}

/* To r3, r4 bytes; bpf_get_func_ret(ctx, value) has 8 bytes at r2. */
int help_output_at_2(struct interp *m, struct call *c)
{
	c->result = answered(c, 0);
	if (c->helper == BPF_FUNC_get_func_ret)
		return put_output(m, c, c->arg[1], 8);
	return put_output(m, c, c->arg[2], (uint32_t)c->arg[3]);
}

/* bpf_getsockopt(ctx, level, name, buf, size): to r4, r5 bytes. */
int help_output_at_3(struct interp *m, struct call *c)
{
	c->result = answered(c, 0);
	return put_output(m, c, c->arg[3], (uint32_t)c->arg[4]);
}

/* Arguments of a traced function lie in the context, 8 bytes each; how many there are, only the kernel knows: here as many as the context holds. */
int help_func_arg(struct interp *m, struct call *c)
{
	uint64_t at = (uint32_t)c->arg[1] * 8ull, value = 0;

	if (at + 8 > m->context.size) {
		c->result = (uint64_t)-EINVAL;
		return 0;
	}
	c->result = answered(c, 0);
	memcpy(&value, m->context.bytes + at, 8);
	return interp_memory_put(m, c->arg[2], &value, 8);
}
