/*
 * The time that the kernel's own verifier takes for a bpftrace program's objects: the duration of bpf(2)'s load calls, without compiling and
 * without attaching. It is what a proof is held against: the same instructions, and all paths of them.
 */
#include "verify.h"

#include <kgent/build.h>
#include <kgent/isa.h>
#include <kgent/object.h>

#include <bpf/bpf.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static gint64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * G_GINT64_CONSTANT(1000000000) + t.tv_nsec;
}

/* The object of a program's text; *ret_ns: how long bpftrace compiled. */
static struct kg_object *compile(const char *text, gsize len, struct kg_profile *profile, gint64 *ret_ns)
{
	struct kg_build_result built = {0};
	struct kg_bt_program *program = NULL;
	struct kg_object *object = NULL;
	g_autoptr(GPtrArray) diags = kg_diags_new();
	gint64 begin = now_ns();
	_cleanup_error_ struct kg_error err = {0};

	if (kg_build(text, NULL, &built, &err) == 0 && built.outcome == KG_BUILD_COMPILED) {
		*ret_ns = now_ns() - begin;
		if (kg_bt_parse(text, len, diags, &program) || kg_object_read(built.object, profile, &object, &err) ||
		    kg_object_bpftrace(object, program, NULL, NULL, profile, &err))
			object = kg_object_free(object);
	}
	kg_bt_free(program);
	kg_build_result_clear(&built);
	return object;
}

/* A descriptor for each map, -1 where the kernel refuses it. */
static GArray *make_maps(const struct kg_object *object)
{
	GArray *fds = g_array_new(FALSE, FALSE, sizeof(int));

	for (guint i = 0; i < object->maps->len; i++) {
		const struct kg_map *m = object->maps->pdata[i];
		guint n = m->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY ? g_get_num_processors() : MAX(m->max_entries, 1);
		int fd = bpf_map_create(m->type, "kgent_bench", m->key_size, m->value_size, n, NULL);

		g_array_append_val(fds, fd);
	}
	return fds;
}

/* How long the load call took, ns; -1 if the kernel refuses the program. */
static gint64 load(const struct kg_bpf_program *p, const GArray *maps)
{
	g_autofree struct bpf_insn *insns = g_memdup2(p->insns, p->n_insns * sizeof(*insns));
	gint64 begin;
	int fd;

	for (guint pc = 0; pc < p->n_insns; pc += kg_isa_slots(&insns[pc]))
		if (kg_isa_slots(&insns[pc]) == 2 && (insns[pc].src_reg == BPF_PSEUDO_MAP_FD || insns[pc].src_reg == BPF_PSEUDO_MAP_VALUE))
			insns[pc].imm = g_array_index(maps, int, insns[pc].imm);
	begin = now_ns();
	fd = bpf_prog_load(p->type, "kgent_bench", "GPL", insns, p->n_insns, NULL);
	begin = now_ns() - begin;
	if (fd >= 0)
		close(fd);
	return fd >= 0 ? begin : -1;
}

int bench_verify(const char *path)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	g_autofree char *text = NULL;
	struct kg_profile *profile = NULL;
	struct kg_object *object = NULL;
	gint64 compiled = 0, verified = 0;
	gsize len;

	setrlimit(RLIMIT_MEMLOCK, &all);
	if (g_file_get_contents(path, &text, &len, NULL) && kg_profile_open(&(struct kg_profile_opts){0}, &profile, NULL) == 0)
		object = compile(text, len, profile, &compiled);
	if (object) {
		g_autoptr(GArray) maps = make_maps(object);

		printf("%" G_GINT64_FORMAT "\n", compiled);
		for (guint i = 0; verified >= 0 && i < object->programs->len; i++) {
			gint64 took = load(object->programs->pdata[i], maps);
			verified = took < 0 ? -1 : verified + took;
		}
		if (verified >= 0)
			printf("%" G_GINT64_FORMAT "\n", verified);
		for (guint i = 0; i < maps->len; i++)
			close(g_array_index(maps, int, i));
	}
	kg_object_free(object);
	kg_profile_free(profile);
	return object ? 0 : 1;
}
