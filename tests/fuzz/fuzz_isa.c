/*
 * Any bytes as instructions: they are refused or can be printed and run. The first byte chooses the program type, the second one what the
 * world's memory holds.
 */
#include <kgent/interp.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kg_map some_maps[] = {
	{NULL, BPF_MAP_TYPE_HASH, 4, 16, 3},  {NULL, BPF_MAP_TYPE_ARRAY, 4, 32, 2},    {NULL, BPF_MAP_TYPE_PERF_EVENT_ARRAY, 4, 4, 0},
	{NULL, BPF_MAP_TYPE_RINGBUF, 0, 0, 4096}, {NULL, BPF_MAP_TYPE_LRU_HASH, 8, 8, 2}, {NULL, BPF_MAP_TYPE_TASK_STORAGE, 4, 8, 0},
	{NULL, BPF_MAP_TYPE_STACK_TRACE, 4, 80, 5}, {NULL, BPF_MAP_TYPE_UNSPEC, 0, 0, 0},
};

static void print_all(const struct bpf_insn *insns, gsize n)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (gsize pc = 0; pc < n && pc + kg_isa_slots(&insns[pc]) <= n; pc += kg_isa_slots(&insns[pc])) {
		g_string_truncate(text, 0);
		kg_isa_print(&insns[pc], text);
		g_assert(text->len > 2);
	}
}

static void run(struct bpf_insn *insns, gsize n, uint8_t type, uint8_t other)
{
	struct kg_map maps[G_N_ELEMENTS(some_maps)];
	struct kg_bpf_program program = {.type = type, .insns = insns, .n_insns = (guint)n};
	g_autoptr(GPtrArray) programs = g_ptr_array_new(), all_maps = g_ptr_array_new();
	struct kg_object object = {.programs = programs, .maps = all_maps};
	struct kg_world *w = kg_world_new();
	struct kg_run_of_bpf result = {0};
	guint8 context[200];

	memcpy(maps, some_maps, sizeof(maps));
	g_ptr_array_add(programs, &program);
	for (guint i = 0; i < G_N_ELEMENTS(maps); i++) {
		maps[i].name = (char *)"map";
		g_ptr_array_add(all_maps, &maps[i]);
	}
	memset(context, other, sizeof(context));
	w->context = g_bytes_new(context, sizeof(context));
	w->packet = g_bytes_new(context, 64);
	w->memory[0].other = w->memory[1].other = other;
	kg_interp_run(&object, 0, w, &(struct kg_interp_opts){.max_steps = 3000, .max_path = 100}, &result, NULL);
	g_assert(result.is_complete == !result.why);
	kg_run_of_bpf_clear(&result);
	kg_world_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	gsize n = size > 2 ? (size - 2) / sizeof(struct bpf_insn) : 0;
	_cleanup_error_ struct kg_error err = {0};

	if (!n || n > 4096)
		return 0;
	g_autofree struct bpf_insn *insns = g_memdup2(data + 2, n * sizeof(*insns));
	int r = kg_isa_validate(insns, n, &err);

	g_assert((r == 0) == (err.msg == NULL));
	print_all(insns, n);
	run(insns, n, data[0] % 33, data[1]); /* also what validation refuses: a step checks for itself */
	return 0;
}
