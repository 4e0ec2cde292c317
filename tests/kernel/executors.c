/* Who runs a program besides the kernel. */
#include "differential.h"

#include <stddef.h>
#include <string.h>

static GBytes *context_of(enum bpf_prog_type type, const struct input *input)
{
	guint8 context[sizeof(struct __sk_buff)] = {0};
	uint32_t len = type == BPF_PROG_TYPE_SOCKET_FILTER ? PACKET_SIZE - ETH_SIZE : PACKET_SIZE;

	if (type == BPF_PROG_TYPE_RAW_TRACEPOINT)
		return g_bytes_new(input->args, sizeof(input->args));
	if (type != BPF_PROG_TYPE_XDP)
		memcpy(context + offsetof(struct __sk_buff, len), &len, sizeof(len));
	return g_bytes_new(context, sizeof(context));
}

static void add_entry(struct kg_world *w, int map, uint32_t key, const void *value, gsize n)
{
	struct kg_map_entry *e = g_new0(struct kg_map_entry, 1);

	e->map = map;
	e->key = g_bytes_new(&key, sizeof(key));
	e->value = g_bytes_new(value, n);
	g_ptr_array_add(w->entries, e);
}

struct kg_world *world_of_input(enum bpf_prog_type type, const struct input *input)
{
	struct kg_world *w = kg_world_new();

	w->context = context_of(type, input);
	if (has_packet(type))
		w->packet = g_bytes_new(input->packet, PACKET_SIZE);
	add_entry(w, MAP_ARRAY, 0, input->value, VALUE_SIZE);
	for (uint32_t i = 0; i < HASH_KEYS; i++)
		if (input->has_key[i])
			add_entry(w, MAP_HASH, i, &input->hash[i], 8);
	return w;
}

static void take_entry(const struct kg_map_entry *e, struct outcome *ret)
{
	uint32_t key;

	memcpy(&key, g_bytes_get_data(e->key, NULL), sizeof(key));
	if (e->map == MAP_ARRAY) {
		memcpy(ret->value, g_bytes_get_data(e->value, NULL), VALUE_SIZE);
	} else if (key < HASH_KEYS) {
		ret->has_key[key] = TRUE;
		memcpy(&ret->hash[key], g_bytes_get_data(e->value, NULL), 8);
	}
}

static int run_interpreter(const struct kg_object *object, const struct input *input, const struct outcome *kernel, struct outcome *ret, char **ret_why)
{
	enum bpf_prog_type type = ((struct kg_bpf_program *)object->programs->pdata[0])->type;
	struct kg_world *w = world_of_input(type, input);
	struct kg_run_of_bpf run = {0};

	memset(ret, 0, sizeof(*ret));
	kg_interp_run(object, 0, w, NULL, &run, NULL);
	ret->result = (uint32_t)run.result;
	for (guint i = 0; i < run.entries->len; i++)
		take_entry(run.entries->pdata[i], ret);
	if (run.packet)
		memcpy(ret->packet, g_bytes_get_data(run.packet, NULL), PACKET_SIZE);
	*ret_why = run.is_complete ? NULL : g_strdup(run.why);
	kg_run_of_bpf_clear(&run);
	kg_world_free(w);
	return *ret_why ? -1 : 0;
}

const struct executor executors[] = {
	{"interpreter", FALSE, run_interpreter},
	{"symbolic executor, with everything known", FALSE, run_symbolic_known},
	{"symbolic executor, with everything unknown", TRUE, run_symbolic_unknown},
	{NULL, FALSE, NULL},
};
